"""Every elementwise row against its bound at 10^5 points and more: `make nightly`, or

    python tests/nightly.py [--points N] [--jobs N] [--dtype float64] [--isa avx2] [row ...]

What test_scalar_math.py asks of mpmath at some hundred points is asked here of python-flint's balls (Johansson, "Arb", IEEE Trans.
Computers 66, 2017), which say themselves how many digits of them are right: each point is computed with more bits until 75 are.
Values come of autodiff.precise.balls, the arithmetic of the precise replay; derivatives are central differences of values, with so many
bits that nothing cancels, so that no rule of the table is taken on trust.  What no ball resolves is asked of mpmath."""

import argparse
import functools
import multiprocessing
import os
import sys
import time

import mpmath as mp
import numpy as np
import test_scalar_math as suite
from flint import arb, ctx
from reference import BEND_OF_DENSITY, SLOPE_OF_DENSITY, TERM_OF_VALUE, error, exact_value, usable
from scalar_kernels import KERNELS, ROWS

from autodiff.precise import balls

BITS = 75
PRECISIONS = (160, 400, 1000, 2500, 6000)
FURTHER = {      # rows that the precise replay has no ball of: it takes them apart
    "logsubexp": lambda a, b: a + (-(b - a).exp()).log1p(),
    "over_expm1": lambda a, b: 1 / (a - b).expm1(), "atan2_slope": lambda a, b: b / (a * a + b * b),
    "erfinv_slope": lambda x: (arb.pi().sqrt() / 2) * (x.erfinv() ** 2).exp(), "ndtri_slope": lambda x: (2 * arb.pi()).sqrt() * ((2 * x).erfcinv() ** 2).exp(),
    "pow_slope": lambda a, b: b * a ** (b - 1), "pow_log": lambda a, b: a**b * a.log(),
    "divide_no_nan": lambda a, b: a / b if b != 0 else balls.ZERO, "xdivy": lambda a, b: a / b if a != 0 else balls.ZERO,
    "reciprocal_no_nan": lambda x: 1 / x if x != 0 else balls.ZERO,
}  # fmt: skip
BALLS = {**balls.ONE_OPERAND, **balls.TWO_OPERANDS, **balls.THREE_OPERANDS, **FURTHER}


def bessel_slope(order):
    """As in reference.py."""
    def of(x):
        u, sign = abs(x), 1 if x > 0 else -1
        gap, quotient = balls.bessel_gap(u), balls.bessel_scaled(1, u) / u
        return (-sign * gap, gap - quotient, sign * (quotient - 2 * gap), sign * (quotient - 2 * gap - (gap - 2 * quotient) / u))[order]
    return of


# Of what is slow at many bits.
DERIVATIVES = {
    ("lgamma", 0): arb.digamma, ("digamma", 0): lambda x: balls.polygamma(balls.ONE, x), ("trigamma", 0): lambda x: balls.polygamma(arb(2), x), ("polygamma", 1): lambda n, x: balls.polygamma(n + 1, x),
    ("bessel_i0", 0): lambda x: balls.bessel(1, x), ("bessel_i1", 0): lambda x: balls.bessel(0, x) - balls.bessel(1, x) / x,
    ("bessel_i0e", 0): bessel_slope(0), ("bessel_i1e", 0): bessel_slope(1), ("bessel_gap", 0): bessel_slope(2), ("bessel_i1e_slope", 0): bessel_slope(3),
    # Beside 1 to the power of 1e200 no step is small.
    ("pow", 0): lambda a, b: b * a ** (b - 1), ("pow", 1): lambda a, b: a**b * a.log(), ("pow_slope", 0): lambda a, b: b * (b - 1) * a ** (b - 2),
    ("pow_slope", 1): lambda a, b: a ** (b - 1) * (1 + b * a.log()), ("pow_log", 0): lambda a, b: a ** (b - 1) * (1 + b * a.log()),
    ("pow_log", 1): lambda a, b: a**b * a.log() ** 2, ("atan2_slope", 1): lambda a, b: (a - b) * (a + b) / (a * a + b * b) ** 2,
    ("sinc", 0): balls.sinc_slope, ("sinc_slope", 0): lambda x: -(arb.pi() ** 2) * x.sinc_pi() - 2 * balls.sinc_slope(x) / x,
    ("erfinv", 0): FURTHER["erfinv_slope"], ("ndtri", 0): FURTHER["ndtri_slope"],
    ("erfinv_slope", 0): lambda x: arb.pi() / 2 * x.erfinv() * (2 * x.erfinv() ** 2).exp(),
    ("ndtri_slope", 0): lambda x: -2 * arb.pi() * arb(2).sqrt() * (2 * x).erfcinv() * (2 * (2 * x).erfcinv() ** 2).exp(),
    ("igamma", 0): balls.igamma_by_a, ("igamma", 1): balls.gamma_pdf, ("igammac", 0): lambda a, x: -balls.igamma_by_a(a, x), ("igammac", 1): lambda a, x: -balls.gamma_pdf(a, x),
    ("igamma_by_a", 0): balls.igamma_by_a_twice, ("igamma_by_a", 1): SLOPE_OF_DENSITY, ("igamma_by_a_twice", 1): BEND_OF_DENSITY,
    ("betainc", 2): balls.beta_pdf, ("zeta", 1): balls.zeta_slope, ("zeta_slope", 1): lambda s, q: s * (s + 1) * balls.zeta(s + 2, q),
}  # fmt: skip


def difference(f, k):
    """The derivative of f by operand k: what is left out is 2**-300 of it."""
    def of(*xs):
        x = xs[k]
        h = arb(2) ** -150 * (abs(x) if abs(x) < 1 else 1)
        return (f(*xs[:k], x + h, *xs[k + 1 :]) - f(*xs[:k], x - h, *xs[k + 1 :])) / (2 * h)
    return of


@functools.lru_cache(10_000)
def resolved(f, point, least):
    """f there, as (mantissa, exponent); None if it cannot be told.  Below 2**-1160 there is only 0."""
    for bits in PRECISIONS:
        if bits < least:
            continue
        ctx.prec = bits
        try:
            y = f(*[arb(x) for x in point])
        except (ValueError, ZeroDivisionError, OverflowError):
            return None
        if not y.is_finite():
            continue
        if y.rel_accuracy_bits() >= BITS:
            return tuple(map(int, y.mid().man_exp()))
        if abs(y) < TINY:
            return 0, 0
    return None


TINY = arb(2) ** -1160


def exact(row, k, point):
    """The value, or the derivative by operand k, as (mantissa, exponent)."""
    f = BALLS.get(row.name)
    if f is not None:
        slope = None if k is None else DERIVATIVES.get((row.name, k))
        if k is None or slope:
            y = resolved(slope or f, point, 0)
        else:
            y = resolved(difference(f, k), point, 600)
        if y is not None:
            return y
    y = exact_value(row, point) if k is None else suite.exact_partial(row, k, point)
    if not mp.isfinite(y):
        return (1 if y > 0 else -1), 10**6
    man, exp = y.man_exp
    return (-abs(int(man)) if y < 0 else int(man)), int(exp)


def as_parts(numbers, dtype):
    """Numbers in ULP of themselves, as high + low, and the exponents of these ULP; overflow where there is no such number."""
    info = np.finfo(dtype)
    high, low, exponents = np.zeros(len(numbers)), np.zeros(len(numbers)), np.zeros(len(numbers), np.int64)
    for i, (man, exp) in enumerate(numbers):
        size = abs(man).bit_length()
        last = max(size + exp, info.minexp + 1) - info.nmant - 1 if man else info.minexp - info.nmant
        exponents[i] = min(last, 10**6)
        shift = exp - last
        if size + shift < -80:
            continue
        extra = size - 120
        if extra > 0:
            man, shift = man >> extra, shift + extra
        h = float(man)
        high[i], low[i] = np.ldexp(h, shift), np.ldexp(float(man - int(h)), shift)
    return high, low, exponents


def errors(got, parts, dtype):
    """In ULP of the exact number; 0 where both overflow alike."""
    high, low, exponents = parts
    info = np.finfo(dtype)
    with np.errstate(all="ignore"):
        off = np.abs((np.ldexp(got.astype(np.float64), -exponents) - high) - low)
        far = (exponents > info.maxexp - info.nmant - 1) | ((exponents == info.maxexp - info.nmant - 1) & (np.abs(high) + 0.5 >= 2.0 ** (info.nmant + 1)))
        off = np.where(far, np.where(got == np.copysign(np.inf, high), 0, np.inf), off)
    return np.where(np.isfinite(off) | far, off, np.inf)


def term_of(row, k, dtype):
    if k is None:
        return TERM_OF_VALUE.get(row.name)
    return suite.term_of_partial(row, k, dtype)


def worst(row, k, dtype, count, kernels):
    """How many points, and {instruction set: (error in ULP, operands, result)}."""
    n, xs = count // 4 + 1, None        # of domains that few points fall into twice as many
    while xs is None or (xs[0].size < count and n < 8 * count):
        xs, n = suite.operands(row, dtype, n), 2 * n
    points = [tuple(map(float, p)) for p in zip(*xs)]
    keep = [i for i, p in enumerate(points) if usable(row, p) and (k is None or p[k] and suite.smooth(row, p, dtype))][:count]
    xs = [np.ascontiguousarray(x[keep]) for x in xs]
    numbers = [exact(row, k, points[i]) for i in keep]
    parts, term, out = as_parts(numbers, dtype), term_of(row, k, dtype), {}
    bound = suite.bound_of(row, k, dtype)
    for isa, table in kernels.items():
        got = table.value(row, xs) if k is None else table.partial(row, k, xs)
        off = errors(got, parts, dtype)
        if term is not None:        # of what is beyond the bound, and of the largest, the size of the terms counts
            for i in np.flatnonzero(off > min(1, bound)):
                with mp.workprec(200):
                    off[i] = error(got[i], mp.ldexp(mp.mpf(numbers[i][0]), numbers[i][1]), points[keep[i]], dtype, term)
        i = int(np.argmax(off)) if off.size else 0
        out[isa] = (float(off[i]), points[keep[i]], float(got[i])) if off.size else (0.0, (), 0.0)
    return len(keep), bound, out


def job(task):
    name, k, dtype, count, isas = task
    row, start = next(r for r in ROWS if r.name == name), time.perf_counter()
    kernels = {isa: KERNELS[isa] for isa in isas}
    return (name, k, dtype, *worst(row, k, dtype, count, kernels), time.perf_counter() - start)


def tasks(arguments):
    for row in suite.VALUED:
        if arguments.rows and row.name not in arguments.rows or row.takes[0] != "float32":
            continue
        for k in (None, *(k for r, k in suite.PARTIALS if r is row)):
            for dtype in arguments.dtype or suite.FLOATS:
                yield row.name, k, dtype, arguments.points, arguments.isa or list(KERNELS)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--dtype", choices=suite.FLOATS, action="append")
    parser.add_argument("--isa", choices=list(KERNELS), action="append")
    parser.add_argument("rows", nargs="*", help="names of rows; all if none is given")
    arguments = parser.parse_args()
    failures = 0
    print(f"{'row':24}{'of':8}{'dtype':9}{'points':>8}{'bound':>7}  " + "".join(f"{isa:>10}" for isa in arguments.isa or list(KERNELS)) + f"{'s':>7}")
    with multiprocessing.Pool(arguments.jobs) as pool:
        for name, k, dtype, count, bound, found, seconds in pool.imap_unordered(job, tasks(arguments)):
            line = f"{name:24}{'value' if k is None else f'd{k}':8}{dtype:9}{count:8}{bound:7}  " + "".join(f"{off:10.3f}" for off, *_ in found.values())
            off, point, got = max(found.values())
            failed = off > bound
            failures += failed
            print(f"{line}{seconds:7.0f}" + (f"  BEYOND at {point}: {got!r}" if failed else ""), flush=True)
    print(f"{failures} beyond their bound")
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
