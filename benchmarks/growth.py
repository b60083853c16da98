"""python -m benchmarks.growth [--quick]: how a gradient's cost grows with the number of operations, and of elements.

Operations: n times s = s*y + x on scalars.  Elements: ten times s = s*v + v on vectors.  Each by hand, by the tape and by ad.function,
in turn; results are compared before the clock starts.  Prints a table and writes build/growth.svg.
"""

import statistics
import sys
import time
from pathlib import Path

import numpy as np

import autodiff as ad

BUILD = Path(__file__).parents[1] / "build"


def chain(x, y, n):
    s = x
    for _ in range(n // 2):
        s = s * y + x
    return s


def chain_by_hand(x, y, n):
    """The same on Python floats, backwards too."""
    kept, s = [], x
    for _ in range(n // 2):
        kept.append(s)
        s = s * y + x
    g, gx, gy = 1.0, 0.0, 0.0
    for s in reversed(kept):
        gx += g
        gy += g * s
        g *= y
    return gx + g, gy


def array_chain(v):
    s = v
    for _ in range(10):
        s = s * v + v
    return ad.reduce_sum(s)


def array_chain_by_hand(v):
    kept, s = [], v
    for _ in range(10):
        kept.append(s)
        s = s * v + v
    g, gv = np.ones_like(v), np.zeros_like(v)
    for s in reversed(kept):
        gv += g * s + g
        g = g * v
    return (gv + g,)


def gradient(f, *xs):
    def run():
        with ad.GradientTape() as tape:
            y = f(*xs)
        return tape.gradient(y, list(xs))

    return run


def cases(quick):
    for n in (100, 1_000, 10_000) if quick else (100, 1_000, 10_000, 100_000, 1_000_000):
        x, y = ad.Variable(0.5, dtype="float64"), ad.Variable(-0.9999999, dtype="float64")
        run = gradient(lambda x, y, n=n: chain(x, y, n), x, y)
        yield "operations", n, n, lambda n=n: chain_by_hand(0.5, -0.9999999, n), run
    for n in (10, 1_000) if quick else (10, 100, 1_000, 10_000, 100_000, 1_000_000):
        v = np.random.default_rng(0).uniform(0.5, 1.0, n)
        yield "elements", n, 20 * n, lambda v=v: array_chain_by_hand(v), gradient(array_chain, ad.Variable(v))


def seconds(run, calls):
    start = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - start) / calls


def measure(quick):
    for kind, n, operations, by_hand, by_tape in cases(quick):
        start = time.perf_counter()
        traced = ad.function(by_tape)
        traced()
        first = time.perf_counter() - start
        for mine, other in zip(traced(), by_hand()):
            if not np.allclose(mine.numpy(), other, rtol=1e-9):
                sys.exit(f"growth: {kind} {n} differs from the derivative by hand")
        runs = {"by hand": by_hand, "tape": by_tape, "ad.function": traced}
        calls = {who: max(1, int((0.002 if quick else 0.02) / max(seconds(run, 1), 1e-7))) for who, run in runs.items()}
        times = {who: [] for who in runs}
        for _ in range(3 if quick else 7):
            for who, run in runs.items():
                times[who].append(seconds(run, calls[who]))
        yield kind, n, operations, first, {who: statistics.median(t) for who, t in times.items()}


def plot(rows, path):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.5), layout="constrained", sharey=True)
    for axis, kind in zip(axes, ("operations", "elements")):
        for who in ("by hand", "tape", "ad.function"):
            axis.plot([r[1] for r in rows if r[0] == kind], [r[4][who] / r[2] * 1e9 for r in rows if r[0] == kind], marker="o", label=who)
        axis.set(xscale="log", yscale="log", xlabel=kind)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("ns an operation and element")
    axes[0].legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def main(words):
    rows = []
    print("| | n | by hand | tape | ad.function | its first call |\n|---|---:|---:|---:|---:|---:|")
    for row in measure("--quick" in words):
        rows.append(row)
        kind, n, operations, first, times = row
        cells = [f"{times[who] / operations * 1e9:.3g} ns" for who in ("by hand", "tape", "ad.function")]
        print(f"| {kind} | {n:,} | {' | '.join(cells)} | {first * 1e3:.3g} ms |", flush=True)
    print("\nmedians, for each operation on each element, forwards and backwards")
    try:
        plot(rows, BUILD / "growth.svg")
    except ModuleNotFoundError:
        print("no picture: pip install matplotlib")


if __name__ == "__main__":
    main(sys.argv[1:])
