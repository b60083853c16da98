"""python -m benchmarks.precise [--gradient] [N]: a gradient by the precise replay, in times of the eager one, worst first; N elements
(100,000), one thread.  --gradient: the call of tape.gradient alone too, recording timed on neither side, and worst first by that.

Also what a twofold number costs an element of an array, row by row (csrc/twofold/twofold.h).
"""

import sys
import time

import numpy as np

import autodiff as ad
from autodiff import _core

from .report import duration, ratio_text

exp, log, total = ad.exp, ad.math.log, ad.math.reduce_sum


def grid(v, columns, rows=0):
    """v as a matrix of so many columns, or as matrices of so many rows too; what is left over is left out."""
    n = v.shape[0]
    rows, columns = (min(k, int(n**0.5)) for k in (rows, columns))
    shape = (n // columns, columns) if not rows else (n // (rows * columns), rows, columns)
    size = int(np.prod(shape))
    return ad.reshape(v if size == n else v[:size], shape)


def square(v):
    side = int(v.shape[0] ** 0.5)
    return ad.reshape(v[: side * side], (side, side))


def places(v):
    """As many indices of v, in no order, some of them more than once."""
    return np.arange(v.shape[0]) ** 2 % 99991 % v.shape[0]


PROGRAMS = {
    "sum of log(1 + exp(v))": lambda v, z: total(log(1 + exp(v))),
    "logistic loss by its formula": lambda v, z: -total(z * log(1 / (1 + exp(-v))) + (1 - z) * log(1 - 1 / (1 + exp(-v)))),
    "logistic loss by softplus": lambda v, z: total(ad.math.softplus(v) - z * v),
    "sum of sin(v) * v": lambda v, z: total(ad.sin(v) * v),
    "norm": lambda v, z: ad.linalg.norm(v),
    "logsumexp": lambda v, z: ad.math.reduce_logsumexp(v),
    "sum of softmax**2": lambda v, z: total(ad.nn.softmax(v) ** 2),
    "variance by its formula": lambda v, z: ad.math.reduce_mean(v * v) - ad.math.reduce_mean(v) ** 2,
    "sum of squared cumsum": lambda v, z: total(ad.math.cumsum(v) ** 2),
    "sum of (v*v + 1) ** v": lambda v, z: total((v * v + 1) ** v),
    "sum of log(1 - erf(v))": lambda v, z: total(log(1 - ad.math.erf(v))),
    "sum of erfc(v)": lambda v, z: total(ad.math.erfc(v)),
    "sum of log_ndtr(v)": lambda v, z: total(ad.math.log_ndtr(v)),
    "sum of v * ndtr(v)": lambda v, z: total(v * ad.math.ndtr(v)),
    "sum of ndtri(sigmoid(v))": lambda v, z: total(ad.math.ndtri(ad.sigmoid(v))),
    "sum of lgamma(exp(v))": lambda v, z: total(ad.math.lgamma(exp(v))),
    "sum of digamma(exp(v))": lambda v, z: total(ad.math.digamma(exp(v))),
    "sum of igamma(exp(v), 1 + v*v)": lambda v, z: total(ad.math.igamma(exp(v), 1 + v * v)),
    "sum of log(igammac(2.5, v*v))": lambda v, z: total(log(ad.math.igammac(2.5, v * v))),
    "sum of log(betainc(2, 3, sigmoid(v)))": lambda v, z: total(log(ad.math.betainc(2.0, 3.0, ad.sigmoid(v)))),
    "sum of zeta(3, exp(v))": lambda v, z: total(ad.math.zeta(3.0, exp(v))),
    "sum of log(1 - tanh(v))": lambda v, z: total(log(1 - ad.tanh(v))),
    "sum of 1 - cos(v)": lambda v, z: total(1 - ad.cos(v)),
    "sum of sqrt(1 + v*v) - 1": lambda v, z: total(ad.sqrt(1 + v * v) - 1),
    "sum of v - sin(v)": lambda v, z: total(v - ad.sin(v)),
    "sum of (m @ m)**2, m square": lambda v, z: total((square(v) @ square(v)) ** 2),
    "sum of tanh(m @ m / 20), m square": lambda v, z: total(ad.tanh(square(v / 20) @ square(v))),
    "sum of (m @ m)**2, m of 20 by 20": lambda v, z: total((grid(v, 20, 20) @ grid(v, 20, 20)) ** 2),
    "sum of (m @ row)**2": lambda v, z: total(ad.linalg.matvec(grid(v, 100), grid(v, 100)[0]) ** 2),
    "sum of cumulative_logsumexp(v)": lambda v, z: total(ad.math.cumulative_logsumexp(v)),
    "sum of cumprod(1 + v / 1000)": lambda v, z: total(ad.math.cumprod(1 + v / 1000)),
    "product of 1 + v / 1000": lambda v, z: ad.math.reduce_prod(1 + v / 1000),
    "largest of v": lambda v, z: ad.math.reduce_max(v),
    "least of exp(v)": lambda v, z: ad.math.reduce_min(exp(v)),
    "sum of the largest of rows": lambda v, z: total(ad.math.reduce_max(grid(v, 100), axis=1)),
    "variances of rows": lambda v, z: total(ad.math.reduce_variance(grid(v, 100), axis=1)),
    "sum of rows, squared": lambda v, z: total(total(grid(v, 100), axis=1) ** 2),
    "sum of relu6(v)": lambda v, z: total(ad.nn.relu6(v)),
    "sum of v[1:] - v[:-1]": lambda v, z: total(v[1:] - v[:-1]),
    "sum of (v[1:] - v[:-1])**2": lambda v, z: total((v[1:] - v[:-1]) ** 2),
    "sum of concat([v, v])**2": lambda v, z: total(ad.concat([v, v], 0) ** 2),
    "sum of v * reverse(v)": lambda v, z: total(v * ad.reverse(v, [0])),
    "sum of gather(v, places)**2": lambda v, z: total(ad.gather(v, places(v)) ** 2),
    "sum of segment_sum(v)**2": lambda v, z: total(ad.math.unsorted_segment_sum(v, places(v), v.shape[0]) ** 2),
    "sum of sort(v)**2": lambda v, z: total(ad.sort(v) ** 2),
}
ROWS = "add mul div sqrt exp log log1p sigmoid softplus tanh sin cos atan pow".split()


def shortest(run, times):
    """Seconds of the shortest of so many runs."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return min(taken)


def gradient(f, v, z, precise):
    """Seconds that (recording and gradient, the gradient alone) take."""
    start = time.perf_counter()
    with ad.GradientTape(precise=precise) as tape:
        y = f(v, z)
    recorded = time.perf_counter()
    tape.gradient(y, v)
    end = time.perf_counter()
    return end - start, end - recorded


def gradients(n, times=7):
    """(program, dtype, [seconds eager with recording, without], [the same precise]) of each."""
    rng = np.random.default_rng(0)
    v, z = rng.normal(size=n), rng.integers(0, 2, n)
    for dtype in ("float64", "float32"):
        x, labels = ad.Variable(v, dtype=dtype), z.astype(dtype)
        for name, f in PROGRAMS.items():
            yield name, dtype, *([min(t) for t in zip(*(gradient(f, x, labels, p) for _ in range(times)))] for p in (False, True))


def rows(n, times=7):
    """(row, seconds an element) of twofold numbers with low parts."""
    rng = np.random.default_rng(0)
    operands = [_core.twofold_map("exp", (n,), _core.twofold_exact(rng.normal(size=n))) for _ in range(2)]
    for name in ROWS:
        given = operands[: _core.twofold_has(name)]
        yield name, shortest(lambda: _core.twofold_map(name, (n,), *given), times) / n


def main(words):
    threads = ad.config.get_num_threads()
    ad.config.set_num_threads(1)
    try:
        report([int(word) for word in words if word != "--gradient"] or [100_000], "--gradient" in words)
    finally:
        ad.config.set_num_threads(threads)


def report(sizes, alone):
    n = sizes[0]
    for name, dtype, eager, precise in sorted(gradients(n), key=lambda case: case[2][alone] / case[3][alone]):
        parts = [f"{what}{duration(e)}, precise {duration(p)}: {ratio_text(p / e)}x" for what, e, p in zip(("", "the gradient alone "), eager, precise)]
        print(f"{name}, {dtype}: {'; '.join(parts if alone else parts[:1])}")
    print(", ".join(f"{name} {duration(seconds)}" for name, seconds in rows(n)))


if __name__ == "__main__":
    main(sys.argv[1:])
