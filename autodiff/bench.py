"""python -m autodiff bench: value and gradient of a few functions, here and now, against the same derivative by hand in NumPy and against
what else is installed.  One thread each, in turn, results compared before the clock starts.  (`make bench` of the source tree measures
more, each package in a process of its own.)
"""

import importlib.metadata
import importlib.util
import os
import platform
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np

__all__ = ["bench"]

THREADS = ("AUTODIFF_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
FIXED = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"}
RUNS, SECONDS, AGREE = 25, 0.001, 1e-10  # short ones, some of which nothing disturbs; relative


# ------------------------------------------------------------------------------------------------------------------ cases
def polynomial(names, x, y):
    return 3 * x**2 + 5 * x * y


def polynomial_by_hand(x, y):
    return 3 * x**2 + 5 * x * y, [6 * x + 5 * y, 5 * x]


def weighted_softplus(names, v):
    return names.sum(names.softplus(v) * v)


def softplus_by_hand(v):
    """Value and slope, which share the exponential."""
    e = np.exp(-np.abs(v))
    return np.log1p(e) + np.maximum(v, 0), np.where(v >= 0, 1, e) / (1 + e)


def weighted_softplus_by_hand(v):
    value, slope = softplus_by_hand(v)
    return value @ v, [value + slope * v]


def logistic(names, w, x, y):
    return names.sum(names.softplus(-y * names.matvec(x, w)))


def logistic_by_hand(w, x, y):
    value, slope = softplus_by_hand(-y * (x @ w))
    return value.sum(), [(-y * slope) @ x]


def cases():
    """(title, function, by hand, arguments, how many of them to differentiate by)."""
    random = np.random.default_rng(0)
    yield "3x^2 + 5xy at (5, 10)", polynomial, polynomial_by_hand, [5.0, 10.0], 2
    for n in (10, 1_000, 100_000):
        yield f"sum of softplus(v) * v, n = {n:,}", weighted_softplus, weighted_softplus_by_hand, [random.normal(size=n)], 1
    x, y = random.normal(size=(1000, 20)), np.sign(random.normal(size=1000))
    yield "logistic regression, 1,000 points in 20 dimensions", logistic, logistic_by_hand, [random.normal(size=20), x, y], 1


# ------------------------------------------------------------------------------------- who computes them: (f, args, wrt) -> run()
def by_tape(f, args, wrt):
    import autodiff as ad

    names = SimpleNamespace(sum=ad.reduce_sum, softplus=ad.math.softplus, matvec=ad.linalg.matvec)
    xs = [ad.Variable(np.asarray(a)) for a in args[:wrt]]
    data = [ad.constant(np.asarray(a)) for a in args[wrt:]]

    def run():
        with ad.GradientTape() as tape:
            y = f(names, *xs, *data)
        return y, tape.gradient(y, xs)

    return run


def by_function(f, args, wrt):
    import autodiff as ad

    return ad.function(by_tape(f, args, wrt))


def by_autograd(f, args, wrt):
    import autograd
    import autograd.numpy as np

    names = SimpleNamespace(sum=np.sum, softplus=lambda x: np.logaddexp(0.0, x), matvec=np.dot)
    slope = autograd.value_and_grad(lambda xs: f(names, *xs, *args[wrt:]))
    xs = tuple(args[:wrt])
    return lambda: slope(xs)


def by_torch(f, args, wrt):
    import torch

    torch.set_num_threads(1)
    names = SimpleNamespace(sum=torch.sum, softplus=torch.nn.functional.softplus, matvec=torch.mv)
    tensors = [torch.tensor(a, dtype=torch.float64, requires_grad=k < wrt) for k, a in enumerate(args)]

    def run():
        y = f(names, *tensors)
        return y.detach(), torch.autograd.grad(y, tensors[:wrt])

    return run


def by_jax(f, args, wrt):
    import jax

    jax.config.update("jax_enable_x64", True)
    names = SimpleNamespace(sum=jax.numpy.sum, softplus=jax.nn.softplus, matvec=jax.numpy.dot)
    slope = jax.jit(jax.value_and_grad(lambda *args: f(names, *args), argnums=tuple(range(wrt))))
    arrays = [jax.numpy.asarray(a) for a in args]
    return lambda: jax.block_until_ready(slope(*arrays))


def by_tensorflow(f, args, wrt):
    import tensorflow as tf

    names = SimpleNamespace(sum=tf.reduce_sum, softplus=tf.math.softplus, matvec=tf.linalg.matvec)
    tensors = [tf.constant(a, tf.float64) for a in args]

    @tf.function
    def slope(*tensors):
        with tf.GradientTape() as tape:
            tape.watch(tensors[:wrt])
            y = f(names, *tensors)
        return y, tape.gradient(y, tensors[:wrt])

    return lambda: slope(*tensors)


DISTRIBUTIONS = ["tensorflow", "tensorflow-cpu", "torch", "jax", "autograd"]
PEERS = {"tf.function": ("tensorflow", by_tensorflow), "PyTorch": ("torch", by_torch), "jax.jit": ("jax", by_jax), "autograd": ("autograd", by_autograd)}


# -------------------------------------------------------------------------------------------------------------- the clock
def version_of(distribution):
    """Its version, or None where it is not installed; nothing is imported."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def measured(runs):
    """The least seconds a call of each, in turn, so that a busy moment hits all."""
    calls = []
    for run in runs:
        n, taken = 1, _seconds(run, 1)
        while taken < SECONDS / 4:
            n *= 2
            taken = _seconds(run, n)
        calls.append(max(1, round(n * SECONDS / taken)))
    rounds = [[_seconds(run, n) / n for run, n in zip(runs, calls)] for _ in range(RUNS)]
    return [min(times) for times in zip(*rounds)]


def _seconds(run, n):
    start = time.perf_counter()
    for _ in range(n):
        run()
    return time.perf_counter() - start


def check(name, title, got, expected):
    """Raise ArithmeticError unless value and gradients are those by hand."""
    pairs = zip([got[0], *got[1]], [expected[0], *expected[1]])
    for a, b in pairs:
        error = np.max(np.abs(np.asarray(a) - b)) / np.max(np.abs(b))
        if not error <= AGREE:
            raise ArithmeticError(f"{name} is {error:.1e} away from the derivative by hand of {title}")


def main():
    peers = {name: make for name, (module, make) in PEERS.items() if importlib.util.find_spec(module)}
    makers = {"tape": by_tape, "ad.function": by_function, **peers}
    columns = ["value and gradient of", "tape", "ad.function", "NumPy by hand", *peers]
    versions = [f"{name} {version_of(name)}" for name in DISTRIBUTIONS if version_of(name)]
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}"
          f"{''.join(', ' + told for told in versions)}; float64, 1 thread, the least of {RUNS} runs; x: times the tape's")  # fmt: skip
    widths = [52, *(max(len(c), 8) + 2 for c in columns[1:])]
    print("".join(c.ljust(w) if k == 0 else c.rjust(w) for k, (c, w) in enumerate(zip(columns, widths))))
    for title, f, by_hand, args, wrt in cases():
        expected = by_hand(*args)
        runs = {name: make(f, args, wrt) for name, make in makers.items()}
        for name, run in runs.items():
            run()
            check(name, title, run(), expected)
        runs = {"tape": runs.pop("tape"), "ad.function": runs.pop("ad.function"), "NumPy by hand": lambda: by_hand(*args), **runs}
        tape, *others = measured(list(runs.values()))
        cells = [title, f"{tape * 1e6:.3g} us", *(f"{t / tape:.3g}x" for t in others)]
        print("".join(c.ljust(w) if k == 0 else c.rjust(w) for k, (c, w) in enumerate(zip(cells, widths))), flush=True)


def bench():
    """Run `main` in a process whose libraries all have one thread; return its exit status."""
    environment = {**os.environ, **FIXED, **dict.fromkeys(THREADS, "1")}
    return subprocess.run([sys.executable, "-c", "from autodiff.bench import main; main()"], env=environment).returncode
