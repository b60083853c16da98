"""python -m benchmarks.objective [--quick]: what one evaluation costs an optimiser: value and gradient at a new float64 point, from NumPy to NumPy.

Rosenbrock's function of 10 variables (and of 2 and 100), by `ad.objective` traced and eager, by hand in NumPy, and through the glue that
others need: the least that gives scipy.optimize a float and a fresh float64 array.  All in one process, in turns, each time another point;
results are compared before the clock starts.  Second derivatives likewise: the Hessian, and its product with a vector.
"""

import platform
import sys
import time
from importlib.util import find_spec

import numpy as np

import autodiff as ad


def rosenbrock(x, total=ad.reduce_sum):
    return total(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


# ------------------------------------------------------------------------------------------------------ value and gradient
def by_hand(n):
    def both(x):
        a, b = x[1:] - x[:-1] ** 2, 1 - x[:-1]
        g = np.zeros_like(x)
        g[:-1] = -400 * a * x[:-1] - 2 * b
        g[1:] += 200 * a
        return float(np.sum(100 * a * a + b * b)), g

    return both


def traced(n):
    return ad.objective(rosenbrock, like=np.full(n, 0.5))


def eager(n):
    return ad.objective(rosenbrock, like=np.full(n, 0.5), trace=False)


def with_jax(n):
    import jax

    jax.config.update("jax_enable_x64", True)
    both = jax.jit(jax.value_and_grad(lambda x: rosenbrock(x, jax.numpy.sum)))

    def glue(x):
        value, gradient = both(x)
        return float(value), np.array(gradient)

    return glue


def with_torch(n):
    import torch

    torch.set_num_threads(1)

    def glue(x):
        t = torch.tensor(x, requires_grad=True)
        value = rosenbrock(t, torch.sum)
        value.backward()
        return float(value.detach()), t.grad.numpy()

    return glue


def with_tensorflow(n):
    import tensorflow as tf

    def glue(x):
        t = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(t)
            value = rosenbrock(t, tf.reduce_sum)
        return float(value), tape.gradient(value, t).numpy()

    return glue


def with_tf_function(n):
    import tensorflow as tf

    @tf.function
    def both(t):
        with tf.GradientTape() as tape:
            tape.watch(t)
            value = rosenbrock(t, tf.reduce_sum)
        return value, tape.gradient(value, t)

    def glue(x):
        value, gradient = both(tf.constant(x))
        return float(value), gradient.numpy()

    return glue


def with_autograd(n):
    import autograd
    import autograd.numpy as anp

    return autograd.value_and_grad(lambda x: rosenbrock(x, anp.sum))


PEERS = {"ad.objective": traced, "ad.objective, eager": eager, "by hand": by_hand}
OTHERS = {"JAX jit": ("jax", with_jax), "PyTorch": ("torch", with_torch), "TensorFlow": ("tensorflow", with_tensorflow),
          "tf.function": ("tensorflow", with_tf_function), "autograd": ("autograd", with_autograd)}  # fmt: skip


# ------------------------------------------------------------------------------------------------------ second derivatives
def hessian_by_hand(x):
    n, h = len(x), np.zeros((len(x), len(x)))
    k = np.arange(n - 1)
    h[k, k] = 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
    h[k + 1, k + 1] += 200
    h[k, k + 1] = h[k + 1, k] = -400 * x[:-1]
    return h


# ------------------------------------------------------------------------------------------------------ the clock
def points_of(n):
    return list(np.random.default_rng(n).normal(size=(64, n)))


def in_turns(calls, points, seconds, runs):
    """{name: microseconds a call, of every run}; each call gets another point than the one before."""
    many = {}
    for name, f in calls.items():
        start, count = time.perf_counter(), 0
        while time.perf_counter() - start < seconds / 2 or count < 1:
            f(points[count % 64])
            count += 1
        many[name] = max(1, count)
    taken = {name: [] for name in calls}
    for _ in range(runs):
        for name, f in calls.items():
            order = [points[k % 64] for k in range(many[name])]
            start = time.perf_counter()
            for x in order:
                f(x)
            taken[name].append((time.perf_counter() - start) / many[name] * 1e6)
    return taken


def compared(calls, points, wanted):
    for f in calls.values():
        for x in points[:3]:
            for got, want in zip(f(x), wanted(x)):
                np.testing.assert_allclose(got, want, rtol=1e-10)


def table(title, taken):
    least = min(taken["by hand"])
    lines = [f"\n{title}", "| | min, us | median, us | max, us | by hand = 1 |", "|---|---:|---:|---:|---:|"]
    for name, runs in taken.items():
        lines.append(f"| {name} | {min(runs):.3g} | {np.median(runs):.3g} | {max(runs):.3g} | {min(runs) / least:.3g} |")
    return "\n".join(lines)


def main(arguments):
    quick = "--quick" in arguments
    seconds, runs = (0.002, 2) if quick else (0.02, 25)
    makers = dict(PEERS)
    if not quick:
        makers.update({name: make for name, (module, make) in OTHERS.items() if find_spec(module)})
    print(f"{platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}; float64, min / median / max of {runs} runs in turns")
    for n in (10,) if quick else (2, 10, 100):
        points = points_of(n)
        calls = {name: make(n) for name, make in makers.items()}
        compared(calls, points, by_hand(n))
        print(table(f"value and gradient of {n} variables", in_turns(calls, points, seconds, runs)))
    obj, slow, p = traced(10), eager(10), np.linspace(-1.0, 1.0, 10)
    points = points_of(10)
    matrices = {"ad.objective, hess": obj.hess, "ad.objective, eager, hess": slow.hess, "by hand": hessian_by_hand}
    products = {"ad.objective, hessp": lambda x: obj.hessp(x, p), "ad.objective, eager, hessp": lambda x: slow.hessp(x, p),
                "by hand": lambda x: hessian_by_hand(x) @ p}  # fmt: skip
    for title, calls in (("Hessian of 10 variables", matrices), ("Hessian times a vector, 10 variables", products)):
        compared({name: lambda x, f=f: (f(x),) for name, f in calls.items()}, points, lambda x, f=calls["by hand"]: (f(x),))
        print(table(title, in_turns(calls, points, seconds, runs)))


if __name__ == "__main__":
    main(sys.argv[1:])
