"""python -m benchmarks.precise [N]: a gradient by the precise replay, in times of the eager one, worst first; N elements (100,000).

Also what a twofold number costs an element of an array, row by row (csrc/twofold.h).
"""

import sys
import time

import numpy as np

import autodiff as ad
from autodiff import _core

from .report import duration, ratio_text

exp, log, total = ad.exp, ad.math.log, ad.math.reduce_sum
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
    "sum of log(1 - tanh(v))": lambda v, z: total(log(1 - ad.tanh(v))),
    "sum of 1 - cos(v)": lambda v, z: total(1 - ad.cos(v)),
    "sum of sqrt(1 + v*v) - 1": lambda v, z: total(ad.sqrt(1 + v * v) - 1),
    "sum of v - sin(v)": lambda v, z: total(v - ad.sin(v)),
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
    with ad.GradientTape(precise=precise) as tape:
        y = f(v, z)
    return tape.gradient(y, v)


def gradients(n, times=7):
    """(program, dtype, seconds eager, seconds precise) of each."""
    rng = np.random.default_rng(0)
    v, z = rng.normal(size=n), rng.integers(0, 2, n)
    for dtype in ("float64", "float32"):
        x, labels = ad.Variable(v, dtype=dtype), z.astype(dtype)
        for name, f in PROGRAMS.items():
            yield name, dtype, *(shortest(lambda p=p: gradient(f, x, labels, p), times) for p in (False, True))


def rows(n, times=7):
    """(row, seconds an element) of twofold numbers with low parts."""
    rng = np.random.default_rng(0)
    operands = [_core.twofold_map("exp", (n,), _core.twofold_exact(rng.normal(size=n))) for _ in range(2)]
    for name in ROWS:
        given = operands[: _core.twofold_has(name)]
        yield name, shortest(lambda: _core.twofold_map(name, (n,), *given), times) / n


def main(words):
    n = int(words[0]) if words else 100_000
    for name, dtype, eager, precise in sorted(gradients(n), key=lambda case: case[2] / case[3]):
        print(f"{name}, {dtype}: {duration(eager)}, precise {duration(precise)}: {ratio_text(precise / eager)}x")
    print(", ".join(f"{name} {duration(seconds)}" for name, seconds in rows(n)))


if __name__ == "__main__":
    main(sys.argv[1:])
