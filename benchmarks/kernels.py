"""python -m benchmarks.kernels [--quick] [row ...]: nanoseconds an element of the kernels, for each instruction set, beside others'.

Every instruction set has a process of its own (AUTODIFF_CPU), in which the engine, NumPy, scipy.special, PyTorch and jax.jit, where
they are installed, take turns on one thread over 10,000 numbers of the row's ordinary domain, or as many pairs of them.  NumPy is held to
the same instruction set, the others take what there is.  Results are compared before the clock starts.  Printed are medians of the rounds,
with the least and the greatest in brackets.
"""

import functools
import json
import os
import platform
import statistics
import subprocess
import sys
import time

ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "AUTODIFF")}
N = 10_000
ANY, POSITIVE, UNIT, NEGATIVE = (-8.0, 8.0), (0.01, 50.0), (-0.99, 0.99), (-8.0, -0.01)

# Row: the domain, of two operands one each, and its name in numpy, scipy.special, torch, jax where it has one; "name n" has n before x.
# (PyTorch's trigamma is off by 5e-10 of itself, and so not here.)
ROWS = {
    "exp": (ANY, "exp", "", "exp", "numpy.exp"), "exp2": (ANY, "exp2", "exp2", "exp2", "numpy.exp2"),
    "expm1": (ANY, "expm1", "expm1", "expm1", "numpy.expm1"), "log": (POSITIVE, "log", "", "log", "numpy.log"),
    "log2": (POSITIVE, "log2", "", "log2", "numpy.log2"), "log10": (POSITIVE, "log10", "", "log10", "numpy.log10"),
    "log1p": (POSITIVE, "log1p", "log1p", "log1p", "numpy.log1p"), "sin": (ANY, "sin", "", "sin", "numpy.sin"),
    "cos": (ANY, "cos", "", "cos", "numpy.cos"), "tan": (ANY, "tan", "", "tan", "numpy.tan"),
    "sinc": (ANY, "sinc", "", "sinc", "numpy.sinc"),
    "asin": (UNIT, "arcsin", "", "asin", "numpy.arcsin"), "acos": (UNIT, "arccos", "", "acos", "numpy.arccos"),
    "atan": (ANY, "arctan", "", "atan", "numpy.arctan"), "sinh": (ANY, "sinh", "", "sinh", "numpy.sinh"),
    "cosh": (ANY, "cosh", "", "cosh", "numpy.cosh"), "tanh": (ANY, "tanh", "", "tanh", "numpy.tanh"),
    "asinh": (ANY, "arcsinh", "", "asinh", "numpy.arcsinh"), "acosh": ((1.01, 50.0), "arccosh", "", "acosh", "numpy.arccosh"),
    "atanh": (UNIT, "arctanh", "", "atanh", "numpy.arctanh"), "cbrt": (ANY, "cbrt", "cbrt", "", "numpy.cbrt"),
    "sigmoid": (ANY, "", "expit", "sigmoid", "nn.sigmoid"), "softplus": (ANY, "", "", "nn.functional.softplus", "nn.softplus"),
    "log_sigmoid": (ANY, "", "log_expit", "nn.functional.logsigmoid", "nn.log_sigmoid"), "erf": (ANY, "", "erf", "erf", "scipy.special.erf"),
    "erfc": (ANY, "", "erfc", "erfc", "scipy.special.erfc"), "lgamma": (POSITIVE, "", "gammaln", "lgamma", "scipy.special.gammaln"),
    "digamma": (POSITIVE, "", "psi", "digamma", "scipy.special.digamma"),
    "trigamma": (POSITIVE, "", "polygamma 1", "", "scipy.special.polygamma 1"), "log1mexp": (NEGATIVE, "", "", "", ""),
    "pow": ((POSITIVE, ANY), "power", "", "pow", "numpy.power"), "atan2": ((ANY, ANY), "arctan2", "", "atan2", "numpy.arctan2"),
    "hypot": ((ANY, ANY), "hypot", "", "hypot", "numpy.hypot"), "logaddexp": ((ANY, ANY), "logaddexp", "", "logaddexp", "numpy.logaddexp"),
    "xlogy": ((ANY, POSITIVE), "", "xlogy", "xlogy", "scipy.special.xlogy"),
}  # fmt: skip
OTHERS = ("scipy", "torch", "jax")
AGREE = {"float32": 2e-5, "float64": 1e-12}


def found(root, name):
    path, *first = name.split()
    for part in path.split("."):
        root = getattr(root, part)
    return functools.partial(root, *map(int, first)) if first else root


def operands_of(name, dtype):
    """Numbers in order; a second operand's in an order of its own, so that the pairs fill the plane."""
    import numpy as np

    domains = ROWS[name][0] if isinstance(ROWS[name][0][0], tuple) else (ROWS[name][0],)
    xs = [np.linspace(low, high, N).astype(dtype) for low, high in domains]
    return [xs[0], *(np.random.default_rng(1).permutation(x) for x in xs[1:])]


def runs_of(name, dtype):
    """{who: a function that computes the row once and returns it as an array}."""
    import numpy as np

    import autodiff as ad

    names, xs = ROWS[name][1:], operands_of(name, dtype)
    ours = [ad.constant(x) for x in xs]
    front = getattr(ad.math, name)

    def with_gradient():
        with ad.GradientTape() as tape:
            tape.watch(ours)
            y = front(*ours)
        return tape.gradient(y, ours)

    runs = {"autodiff": lambda: front(*ours), "and derivative": with_gradient}
    if names[0]:
        runs["numpy"] = lambda: getattr(np, names[0])(*xs)
    try:
        import scipy.special

        if names[1]:
            runs["scipy"] = lambda: found(scipy.special, names[1])(*xs)
    except ImportError:
        pass
    try:
        import torch

        torch.set_num_threads(1)
        if names[2]:
            theirs = [torch.from_numpy(x) for x in xs]
            runs["torch"] = lambda: found(torch, names[2])(*theirs)
    except ImportError:
        pass
    try:
        import jax

        jax.config.update("jax_enable_x64", True)
        import jax.numpy  # noqa: F401
        import jax.scipy.special  # noqa: F401

        if names[3]:
            compiled, arrays = jax.jit(found(jax, names[3])), [jax.numpy.asarray(x) for x in xs]
            runs["jax"] = lambda: compiled(*arrays).block_until_ready()
    except ImportError:
        pass
    expected = np.asarray(front(*ours).numpy(), "f8")
    for who, run in runs.items():
        if who != "and derivative":
            got = np.asarray(run(), "f8")
            if not np.allclose(got, expected, rtol=AGREE[dtype], atol=AGREE[dtype]):
                raise SystemExit(f"kernels: {name} of {who} in {dtype} differs by {np.abs(got - expected).max():.1e}")
    return runs


def seconds(run, calls):
    start = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - start) / calls


def measure(names, rounds):
    """What one instruction set comes to: {row dtype who: [ns an element, a round each]}."""
    taken = {}
    for name in names:
        for dtype in ("float32", "float64"):
            runs = runs_of(name, dtype)
            calls = {who: max(1, int(1e-3 / max(seconds(run, 3), 1e-7))) for who, run in runs.items()}
            for _ in range(rounds):
                for who, run in runs.items():
                    taken.setdefault(f"{name} {dtype} {who}", []).append(seconds(run, calls[who]) / N * 1e9)
    return taken


def beyond(isa):
    """What NumPy is to leave alone under an instruction set, as NPY_DISABLE_CPU_FEATURES has it."""
    try:
        from numpy._core._multiarray_umath import __cpu_dispatch__ as features
    except ImportError:         # NumPy 1
        from numpy.core._multiarray_umath import __cpu_dispatch__ as features
    return " ".join(f for f in features if isa == "baseline" or isa == "avx2" and f.startswith(("AVX512", "X86_V4")))


def in_process(isa, names, rounds):
    """`measure` under one instruction set; None where this machine has it not."""
    env = {**os.environ, **ONE_THREAD, "AUTODIFF_CPU": isa, "JAX_PLATFORMS": "cpu", "NPY_DISABLE_CPU_FEATURES": beyond(isa)}
    command = [sys.executable, "-m", "benchmarks.kernels", "--child", str(rounds), *names]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode and "AUTODIFF_CPU" in done.stderr:
        return None
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def text(times):
    return f"{statistics.median(times):.2f} ({min(times):.2f}-{max(times):.2f})" if times else ""


def table(by_isa, names):
    """A line for every row and dtype, in Markdown: ours and NumPy's by instruction set, then the others beside the best of them."""
    sets = list(by_isa)
    heads = [*sets, "and derivative", *(f"numpy {isa}" for isa in sets), *OTHERS]
    lines = ["| row | " + " | ".join(heads) + " |", "|---|" + "---:|" * len(heads)]
    for name in names:
        for dtype in ("float32", "float64"):
            best = by_isa[sets[-1]]
            cells = [text(by_isa[isa].get(f"{name} {dtype} autodiff")) for isa in sets]
            cells.append(text(best.get(f"{name} {dtype} and derivative")))
            cells += [text(by_isa[isa].get(f"{name} {dtype} numpy")) for isa in sets]
            cells += [text(best.get(f"{name} {dtype} {who}")) for who in OTHERS]
            lines.append(f"| {name} {dtype} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(words):
    quick = "--quick" in words
    names = [w for w in words if not w.startswith("-")] or (["exp", "log1p", "softplus"] if quick else list(ROWS))
    unknown = [n for n in names if n not in ROWS]
    if unknown:
        sys.exit(f"kernels: no row {unknown[0]!r} here; there are {', '.join(ROWS)}")
    rounds = 3 if quick else 11
    by_isa = {isa: in_process(isa, names, rounds) for isa in ("baseline", "avx2", "avx512")}
    by_isa = {isa: taken for isa, taken in by_isa.items() if taken is not None}
    print(table(by_isa, names))
    print(f"\nns an element; median of {rounds} rounds (least-greatest), {N} numbers, one thread; {platform.platform()}, "
          f"Python {platform.python_version()}")  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(measure(sys.argv[3:], int(sys.argv[2]))))
    else:
        main(sys.argv[1:])
