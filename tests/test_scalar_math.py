"""The C functions of scalar_math.h as the generated loops run them, on every instruction set this machine has, without Python's
core: accuracy of value and derivative over whole domains, special values, integers, second derivatives."""

import math
import os
import subprocess
import sys
import zlib

import mpmath as mp
import numpy as np
import pytest
from conftest import ROOT
from flint import arb
from reference import (BEND_OF_DENSITY, DRAWN, NOT_SAID, OF_SHAPE, REFERENCE, SLOPE_OF_DENSITY, TERM_OF_VALUE, bessel_slope, bits, by_balls, error,
                       erfcx_bend, exact_value, sinc_bend, sinc_slope, ulps, usable)  # fmt: skip
from rule_text import near_ends
from scalar_kernels import FINEST, KERNELS, ROWS, TABLE

from autodiff.precise import ball_functions as balls

FLOATS = ("float64", "float32")
LIMITS = {"float64": (5e-324, 1.7976931348623157e308), "float32": (1.401298464324817e-45, 3.4028234663852886e38)}


@pytest.fixture(params=KERNELS)
def isa(request):
    return KERNELS[request.param]


# ----------------------------------------------------------------------------------------------------------------- points
# Where functions turn, have a root or change their formula; asked for at these numbers and in their neighbourhood.
LANDMARKS = {
    "lgamma": (1, 2, -2.4570247382208, -0.5, -1.0, -3.0), "digamma": (1.4616321449683622, -0.50408300826446, 1, 2, -1),
    "bessel_i0": (8, 713.9, 91.9), "bessel_i1": (1.5, 8, 713.9, 91.9), "bessel_i0e": (8,), "bessel_i1e": (1.5, 8, 1.5451), "bessel_gap": (1.5, 8, 30), "bessel_i1e_slope": (1.5, 8, 30),
    "entr": (0.36787944117144233, 1), "silu": (-1.2784645427610738,), "gelu": (-0.7517915246935645, -1.414), "mish": (-1.1924312, -1.1),
    "gelu_tanh": (-0.7524614220, -1), "log1mexp": (-0.6931471805599453,), "logit": (0.5, 0.25, 0.75), "atan": (0.41421356237309503, 2.414213562373095, 1e8, 134217728.0),
    "erf": (0.5, 0.84375, 1, 2), "erfcx": (0.25, 0.3, -1, 1, 28, -26.6), "erfcx_slope": (0.25, -1, 28, -26.6), "log_ndtr": (-1, 0, -40, 38.5), "erfc": (0.5, 0.84375, 1.25, 2.857, 6, 26), "sin": (3.141592653589793, 6.283185307179586, 355.0),
    "sinc": (0.5, 2, 1.4302966531242027, 3), "sinc_slope": (0.5, 0.6625, 2, 1.4302966531242027, 3),
    "cos": (1.5707963267948966, 4.71238898038469), "tan": (0.7853981633974483, 1.5707963267948966, 3.141592653589793), "log": (1,), "log2": (1, 1.414), "log10": (1, 1.414, 10),
    "acosh": (1, 1.0606601717798212, 2, 1073741824.0), "asinh": (0.2, 0.3535533905932738, 1073741824.0), "atanh": (0.1667, 0.5), "asin": (0.5, -0.5), "acos": (0.5, -0.5),
    "sinh": (0.34657359, -0.34657359, 1.0397, 710.47), "cosh": (0.34657359, 1.0397, 710.47), "relu6": (6,), "exp": (709.78, 88.72, -708.4, -745.1, -87.3, -103.9), "sigmoid": (-709.78, 36.7, -745.1),
}  # fmt: skip


def neighbourhood(centre, rng, n):
    return centre + (abs(centre) + 0.1) * rng.choice([-1, 1], n) * 2.0 ** rng.uniform(-55, -2, n)


def points(row, k, dtype, rng, n):
    """Points of operand k: every order of magnitude of the format, ordinary numbers, tails, landmarks, ends of the domain."""
    interval, (tiny, top) = row.on[k], LIMITS[dtype]
    sign = rng.choice([-1, 1], n)
    parts = [2.0 ** rng.uniform(math.log2(tiny), math.log2(top), n) * sign, rng.normal(size=n), rng.uniform(-30, 30, n),
             rng.uniform(-1, 1, n) * (760 if dtype == "float64" else 110)]  # fmt: skip
    for centre in (*LANDMARKS.get(row.name, ()), *(x for x in (interval.lo, interval.hi, 1.0, -1.0) if math.isfinite(x))):
        parts.append(neighbourhood(centre, rng, max(n // 3, 8)))
    with np.errstate(all="ignore"):
        x = np.concatenate(parts).astype(dtype)
    x = x[np.isfinite(x) & (x > interval.lo) & (x < interval.hi)]
    return np.resize(x, x.size)


NEAR = {"-AD_NEAR": -1e6, "AD_NEAR": 1e6, "AD_GAMMA_LEAST": 2.0**-60, "AD_GAMMA_MOST": 2.0**60}


def operands(row, dtype, n):
    """Tuples of points; of two operands also some that are nearly equal or opposite."""
    if row.name in DRAWN:           # the same for all rows of a family: what is exact is computed once
        return list(DRAWN[row.name](9 * n, dtype, np.random.default_rng(len(dtype))))
    rng = np.random.default_rng([zlib.crc32(row.name.encode()), len(dtype)])
    columns = [points(row, k, dtype, rng, n) for k in range(row.arity)]
    size = max(c.size for c in columns)
    columns = [rng.permutation(np.resize(rng.permutation(c), size)) for c in columns]
    if row.name == "polygamma":
        columns = [rng.integers(1, 5, size).astype(dtype), np.abs(columns[1])]
    elif row.arity > 1:
        near = rng.random(size) < 0.3
        with np.errstate(all="ignore"):
            twin = (columns[0] * (1 + rng.choice([-1, 1], size) * 2.0 ** rng.uniform(-50, 0, size))).astype(dtype)
        ok = near & np.isfinite(twin) & (twin > row.on[1].lo) & (twin < row.on[1].hi)
        columns[1] = np.where(ok, twin, columns[1])
    ends = near_ends(row, dtype)
    if ends:        # a block of 512 is taken without branches only if nothing in it is far
        least, most = (NEAR[end] if end in NEAR else float(end) for end in ends)
        moderate = (columns[-1] >= least) & (columns[-1] <= most)
        columns = [np.concatenate([np.resize(c[moderate], 512), c]) for c in columns]
    return [np.ascontiguousarray(c) for c in columns]


# --------------------------------------------------------------------------------------------------------------- accuracy
# AUTODIFF_POINTS gives each row at least so many (some nine points come of each N).  mpmath takes hours for 10^5: `make nightly` minutes.
N = max(16, int(os.environ.get("AUTODIFF_POINTS", 0)) // 3)
VALUED = [r for r in ROWS if r.name in REFERENCE]
PARTIALS = [(r, k) for r in VALUED if r.d for k in range(r.arity) if r.d[k] and (r.name, k) not in NOT_SAID]

TERM_OF_PARTIAL = {
    ("sinc", 0): TERM_OF_VALUE["sinc_slope"], ("sinc_slope", 0): lambda x: mp.pi**2 * abs(mp.sincpi(x)),
    ("lgamma", 0): TERM_OF_VALUE["digamma"], ("digamma", 0): TERM_OF_VALUE["trigamma"],
    ("trigamma", 0): lambda x: mp.mpf(0) if x > 0 else abs(mp.psi(2, 1 - x)), ("gelu", 0): lambda x: mp.mpf(0.2), ("gelu_tanh", 0): lambda x: mp.mpf(0.2),
    ("mish", 0): lambda x: mp.mpf(0.3),
    ("bessel_i1e_slope", 0): lambda x: mp.mpf(0.01 if abs(x) < 5 else 0),
    ("atan2_slope", 0): lambda a, b: mp.mpf(2) ** -1022 / mp.hypot(a, b), ("atan2_slope", 1): lambda a, b: 1 / (a * a + b * b),
    ("pow_slope", 1): lambda a, b: max(mp.power(a, b - 1), abs(mp.log(a)) * mp.mpf(2) ** -1022),
    ("pow_log", 0): lambda a, b: max(mp.power(a, b - 1), abs(mp.log(a)) * mp.mpf(2) ** -1022), ("pow_log", 1): lambda a, b: abs(mp.log(a)) * mp.mpf(2) ** -1022,
    ("sigmoid_cross_entropy", 1): lambda a, b: max(a / (1 + mp.exp(b)), (1 - a) / (1 + mp.exp(-b))),
    ("gamma_pdf", 0): lambda a, x: REFERENCE["gamma_pdf"](a, x) * max(abs(REFERENCE["log_less_digamma"](a, x)), TERM_OF_VALUE["log_less_digamma"](a, x)),
    ("gamma_pdf", 1): lambda a, x: REFERENCE["gamma_pdf"](a, x) / x, ("igamma_by_a", 0): TERM_OF_VALUE["igamma_by_a_twice"],
    ("igamma_by_a_twice", 1): by_balls(lambda a, x: balls.gamma_pdf(a, x) * (balls.log_less_digamma(a + 1, x) ** 2 + balls.polygamma(arb(1), a + 1) + (1 + 2 * abs(balls.log_less_digamma(a + 1, x))) / a)),
    **dict.fromkeys([("beta_pdf", 0), ("beta_pdf", 1)], by_balls(lambda a, b, x: balls.beta_pdf(a, b, x) * (1 + 1 / (a + b)))),
    ("beta_pdf", 2): by_balls(lambda a, b, x: balls.beta_pdf(a, b, x) * (abs(a - 1) / x + abs(b - 1) / (1 - x))),
    ("zeta_slope", 1): by_balls(lambda s, q: s * (s + 1) * balls.zeta(s + 2, q) * (1 + s * abs(q.log()))),
}  # fmt: skip
TERM_OF_PARTIAL["igamma_by_a", 1] = TERM_OF_PARTIAL["gamma_pdf", 0]

# x exp(x) and its like, computed from an exp(x) that has already lost digits to underflow.
SUBNORMAL_FACTOR = {"silu", "gelu", "gelu_tanh", "gelu_gate", "mish", "normal_pdf", "exp_minus_square"}

# Derivatives of functions that are too slow to difference at high precision.
# fmt: off
DERIVATIVE = {
    ("lgamma", 0): mp.digamma, ("digamma", 0): lambda x: mp.psi(1, x), ("trigamma", 0): lambda x: mp.psi(2, x), ("polygamma", 1): lambda n, x: mp.psi(int(n) + 1, x),
    ("pow", 0): REFERENCE["pow_slope"], ("pow", 1): REFERENCE["pow_log"], ("pow_slope", 0): lambda a, b: b * (b - 1) * mp.power(a, b - 2),
    ("pow_slope", 1): lambda a, b: mp.power(a, b - 1) * (1 + b * mp.log(a)), ("pow_log", 0): lambda a, b: mp.power(a, b - 1) * (1 + b * mp.log(a)),
    ("pow_log", 1): lambda a, b: mp.power(a, b) * mp.log(a) ** 2, ("atan2_slope", 1): lambda a, b: (a - b) * (a + b) / (a * a + b * b) ** 2,
    ("sinc", 0): sinc_slope, ("sinc_slope", 0): sinc_bend,
    ("erf", 0): lambda x: 2 / mp.sqrt(mp.pi) * mp.exp(-x * x), ("erfc", 0): lambda x: -2 / mp.sqrt(mp.pi) * mp.exp(-x * x),
    ("bessel_i0", 0): REFERENCE["bessel_i1"], ("bessel_i0e", 0): lambda x: bessel_slope(0, x), ("bessel_i1e", 0): lambda x: bessel_slope(1, x),
    ("bessel_gap", 0): lambda x: bessel_slope(2, x), ("bessel_i1e_slope", 0): lambda x: bessel_slope(3, x), ("bessel_i1", 0): lambda x: REFERENCE["bessel_i0"](x) - (REFERENCE["bessel_i1"](x) / x if abs(x) < 2000 else 0),
    ("igamma", 0): REFERENCE["igamma_by_a"], ("igamma", 1): REFERENCE["gamma_pdf"], ("igammac", 0): lambda a, x: -REFERENCE["igamma_by_a"](a, x), ("igammac", 1): lambda a, x: -REFERENCE["gamma_pdf"](a, x),
    ("gamma_pdf", 0): by_balls(SLOPE_OF_DENSITY), ("gamma_pdf", 1): by_balls(lambda a, x: balls.gamma_pdf(a, x) * (a - 1 - x) / x),
    ("igamma_by_a", 0): REFERENCE["igamma_by_a_twice"], ("igamma_by_a", 1): by_balls(SLOPE_OF_DENSITY), ("igamma_by_a_twice", 1): by_balls(BEND_OF_DENSITY), ("log_less_digamma", 0): by_balls(lambda a, x: -balls.polygamma(arb(1), a)), ("log_less_digamma", 1): lambda a, x: 1 / x,
    ("betainc", 2): REFERENCE["beta_pdf"], ("beta_pdf", 0): by_balls(lambda a, b, x: balls.beta_pdf(a, b, x) * (x.log() - a.digamma() + (a + b).digamma())),
    ("beta_pdf", 1): by_balls(lambda a, b, x: balls.beta_pdf(a, b, x) * ((1 - x).log() - b.digamma() + (a + b).digamma())),
    ("beta_pdf", 2): by_balls(lambda a, b, x: balls.beta_pdf(a, b, x) * ((a - 1) / x - (b - 1) / (1 - x))),
    ("zeta", 1): REFERENCE["zeta_slope"], ("zeta_slope", 1): by_balls(lambda s, q: s * (s + 1) * balls.zeta(s + 2, q)),
    ("erfcx", 0): REFERENCE["erfcx_slope"], ("erfcx_slope", 0): erfcx_bend, ("ndtr", 0): lambda x: mp.npdf(x), ("gelu", 0): lambda x: REFERENCE["ndtr"](x) + x * mp.npdf(x),
}
# fmt: on
KINKS = {"abs", "sign", "relu", "relu6", "elu", "selu", "leaky_relu", "maximum", "minimum", "clip_by_value", "mod", "hypot"}


def exact_partial(row, k, point):
    """By a central difference with so many bits that no cancellation matters: the step and the derivative may be as small as
    2**-1100 each, beside a value of 1."""
    xs = [mp.mpf(float(x)) for x in point]
    if (row.name, k) in DERIVATIVE:
        with mp.workprec(400):
            return DERIVATIVE[row.name, k](*xs)
    with mp.workprec(2 * bits(xs)):
        h = mp.ldexp(min(abs(xs[k]), 1), -150)
        f = REFERENCE[row.name]
        up, down = [*xs[:k], xs[k] + h, *xs[k + 1 :]], [*xs[:k], xs[k] - h, *xs[k + 1 :]]
        return (f(*up) - f(*down)) / (2 * h)


def smooth(row, point, dtype):
    """False at a kink, and where a value that the rule starts from has over- or underflowed: the quotient, the hypotenuse."""
    point, info = [float(x) for x in point], np.finfo(dtype)
    if row.name == "bessel_i1":
        u = abs(point[0])                                       # bessel_i0 overflows just before
        return u - 0.5 * math.log(2 * math.pi * max(u, 1)) < math.log(info.max) - 0.001
    if row.name in OF_SHAPE and row.name != "log_less_digamma":     # the density
        a, x = point
        return dtype == "float32" or abs((a - 1) * math.log(x) - x - math.lgamma(a)) < 700
    if row.name == "beta_pdf":
        a, b, x = point
        return dtype == "float32" or abs((a - 1) * math.log(x) + (b - 1) * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)) < 700
    if row.name in ("pow_slope", "pow_log"):
        return abs(point[1]) >= info.tiny * 2**60 and all(abs(b * math.log(point[0])) < math.log(info.max) - 20 for b in (1, point[1], point[1] - 1))
    if row.name in ("div", "xdivy", "divide_no_nan"):
        return dtype == "float32" or point[0] == 0 or abs(point[0] / point[1]) >= float(info.tiny)
    if row.name == "mod" and point[0] / point[1] == math.floor(point[0] / point[1]):
        return False
    return row.name not in KINKS or (0 not in point and len(set(point)) == len(point) and (row.name != "relu6" or point[0] != 6))


def term_of_partial(row, k, dtype):
    """What the error of a derivative is measured by, if not by the derivative."""
    if dtype == "float32":      # by way of float64, which is far from its least numbers where float32 ends
        return None
    base = TERM_OF_PARTIAL.get((row.name, k))
    if row.name not in SUBNORMAL_FACTOR:
        return base
    tiny = float(np.finfo(dtype).tiny)
    return lambda x: max(base(x) if base and abs(x) < 5 else 0, abs(x) ** 3 * tiny)


def bound_of(row, k, dtype):
    """ULP of the value (k None), or of the derivative by operand k."""
    if k is None:
        return row.ulp32 if dtype == "float32" else row.ulp
    return 4 if dtype == "float32" else row.d_ulp


def worst_error(got, exact, xs, dtype, term):
    """(error in ULP, where)."""
    worst, at = 0.0, None
    for i, want in enumerate(exact):
        if want is None:
            continue
        point = [float(x[i]) for x in xs]
        off = error(got[i], want, point, dtype, term)
        if off > worst:
            worst, at = off, f"at {point}: {got[i]!r}, exactly {mp.nstr(want, 20)}"
    return worst, at


def ids(x):
    return getattr(x, "name", None)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("row", [r for r in VALUED if r.takes[0] == "float32"], ids=ids)
def test_values_are_as_accurate_as_their_row_says(row, dtype):
    xs = operands(row, dtype, N)
    exact = [exact_value(row, p) if usable(row, p) else None for p in zip(*xs)]
    for isa, table in KERNELS.items():
        worst, at = worst_error(table.value(row, xs), exact, xs, dtype, TERM_OF_VALUE.get(row.name))
        assert worst <= bound_of(row, None, dtype), f"{row.name} on {isa}: {worst:.3g} ULP {at}"


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("row", [r for r in VALUED if r.takes[0] == "float32"], ids=ids)
def test_a_number_has_the_same_value_alone_in_a_vector_and_in_its_tail(row, dtype, isa):
    xs = operands(row, dtype, 16)
    together = isa.value(row, xs)
    for start in range(min(67, together.size)):         # 67: in every place of the widest vector, and in tails of every length
        alone = isa.value(row, [np.ascontiguousarray(x[start : start + 1]) for x in xs])
        rest = isa.value(row, [np.ascontiguousarray(x[start:]) for x in xs])
        assert alone.tobytes() == together[start : start + 1].tobytes(), f"{row.name} at {[x[start] for x in xs]}"
        assert rest.tobytes() == together[start:].tobytes(), f"{row.name} from {start}"


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("row, k", PARTIALS, ids=ids)
def test_derivatives_are_as_accurate_as_their_row_says(row, k, dtype):
    xs = operands(row, dtype, N // 2)
    exact = [exact_partial(row, k, p) if usable(row, p) and smooth(row, p, dtype) else None for p in zip(*xs)]
    for isa, table in KERNELS.items():
        term = term_of_partial(row, k, dtype)
        worst, at = worst_error(table.partial(row, k, xs), exact, xs, dtype, term)
        assert worst <= bound_of(row, k, dtype), f"{row.name} by operand {k} on {isa}: {worst:.3g} ULP {at}"


@pytest.mark.parametrize("row", [r for r in VALUED if r.takes[0] == "float32"], ids=ids)
def test_a_thousand_points_of_value_and_derivatives(row):
    """A hundredth of `make nightly`, by python-flint's balls, which are so much faster than mpmath."""
    import nightly

    for k in (None, *(k for r, k in PARTIALS if r is row)):
        points, bound, found = nightly.worst(row, k, "float64", 1000, KERNELS)
        assert points > 500
        for isa, (off, *at) in found.items():
            assert off <= bound, f"{row.name}, {'value' if k is None else f'derivative by operand {k}'} on {isa}: {off:.3g} ULP at {at}"


def test_make_nightly_starts():
    command = [sys.executable, os.path.join(ROOT, "tests", "nightly.py"), "--points", "40", "--jobs", "1", "--dtype", "float64", "relu"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": ROOT})
    assert done.returncode == 0 and done.stdout.endswith("\n0 beyond their bound\n"), done.stdout + done.stderr


# Where `make nightly`, or a search of a few more numbers, once found more ULP than a row says.
HARD = [
    ("erfc", None, (26.16220604445096,)), ("erfc", None, (26.16251854636395,)), ("erfc", None, (26.162458844757037,)),
    ("erfcx_slope", 0, (1.0020887206202942,)), ("erfinv_slope", 0, (-0.9849266664960612,)), ("ndtri_slope", 0, (7.89442682836e-313,)),
    ("bessel_i1e_slope", 0, (30.00000000000449,)), ("betainc", None, (213.29988045015114, 0.0205762860624221, 0.9991903551152668)),
    ("betainc", None, (6.3194636673369065, 0.048328908866811834, 0.9244357991434841)),
    ("igammac", None, (0.0016120035190744918, 0.4722404616245586)),
    ("log_less_digamma", None, (1.0371931459408006, 0.579436727903412)), ("log_less_digamma", None, (3.107061618358288, 2.3194209484160506)),
]  # fmt: skip


@pytest.mark.parametrize("name, k, point", HARD)
def test_points_that_were_beyond_their_bound(name, k, point, isa):
    row = next(r for r in ROWS if r.name == name)
    xs = [np.array([x]) for x in point]
    exact, got = (exact_value(row, point), isa.value(row, xs)) if k is None else (exact_partial(row, k, point), isa.partial(row, k, xs))
    term = TERM_OF_VALUE.get(name) if k is None else term_of_partial(row, k, "float64")
    worst, at = worst_error(got, [exact], xs, "float64", term)
    assert worst <= bound_of(row, k, "float64"), f"{worst:.3g} ULP {at}"


# ------------------------------------------------------------------------------------------------------- float32, by thousands
# There are 2**32 of them: every so many-th is asked for, and the kernels in float64, which the tests above hold, are the reference.
# AUTODIFF_EVERY=17 takes a minute a row, AUTODIFF_EVERY=1 asks for all.
EVERY = int(os.environ.get("AUTODIFF_EVERY", 65521))
ALONE = [r for r in VALUED if r.arity == 1 and r.takes[0] == "float32"]


def every_float32(interval, step, block=1 << 20):
    """Arrays of the finite numbers of a domain."""
    for start in range(0, 1 << 32, block * step):
        x = np.arange(start, min(start + block * step, 1 << 32), step, dtype=np.uint64).astype(np.uint32).view(np.float32)
        x = x[(x > max(interval.lo, -LIMITS["float32"][1])) & (x < min(interval.hi, LIMITS["float32"][1]))]
        if x.size:
            yield x


def float32_errors(got, exact):
    """`ulps` of arrays; of numbers too large half an ULP beyond the largest."""
    with np.errstate(all="ignore"):
        unit = np.ldexp(1.0, np.maximum(np.frexp(exact)[1], -125) - 24)
        large = np.abs(exact) > LIMITS["float32"][1] * (1 + 2.0**-25)
        right = np.where(large, got == np.copysign(np.inf, exact), np.isfinite(got))
        return np.where(right, np.where(large, 0, np.abs(got - exact) / unit), np.inf)


def worst_of_every(row, k=None):
    """{instruction set: (error in ULP, at, is, should be)} of the value or a derivative."""
    ask = (lambda isa, x: isa.value(row, [x])) if k is None else (lambda isa, x: isa.partial(row, k, [x]))
    worst = {isa: (0.0,) for isa in KERNELS}
    for x in every_float32(row.on[0], EVERY):
        exact = ask(FINEST, x.astype(np.float64))
        keep = ~np.isnan(exact)                         # at poles
        for isa, kernels in KERNELS.items():
            got = ask(kernels, x)
            off = np.where(keep, float32_errors(got.astype(np.float64), exact), 0)
            i = int(off.argmax())
            worst[isa] = max(worst[isa], (float(off[i]), float(x[i]), float(got[i]), float(exact[i])))
    return worst


@pytest.mark.parametrize("row", ALONE, ids=ids)
def test_float32_values_over_the_whole_format(row):
    for isa, worst in worst_of_every(row).items():
        assert worst[0] <= row.ulp32, f"{row.name} on {isa}: {worst}"


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("row", [r for r in VALUED if r.near or r.near32], ids=ids)
def test_a_number_has_the_same_result_in_a_block_without_branches_and_in_another(row, dtype, isa):
    x = np.linspace(0.01, 39, 512).astype(dtype)
    others = [np.linspace(0, 1, 512).astype(dtype)] * (row.arity - 1)
    for near in (x, -x):
        far = near.copy()
        far[-1] = 1e30
        assert (isa.value(row, [*others, near])[:-1] == isa.value(row, [*others, far])[:-1]).all()
        for k in range(row.arity):
            assert (isa.partial(row, k, [*others, near])[:-1] == isa.partial(row, k, [*others, far])[:-1]).all()


@pytest.mark.parametrize("name, x", [("softplus_slope", -4.157293796539307), ("softplus_slope", -6.237699031829834)])
def test_float32_numbers_that_were_beyond_their_bound(name, x, isa):
    row = next(r for r in ROWS if r.name == name)
    got, exact = isa.value(row, [np.array([x], "f4")]), FINEST.value(row, [np.array([x])])
    assert float32_errors(got.astype(np.float64), exact)[0] <= row.ulp32


@pytest.mark.parametrize("row", [r for r in ALONE if r.d and r.d[0] and r.name not in KINKS], ids=ids)
def test_float32_derivatives_over_the_whole_format(row):
    for isa, worst in worst_of_every(row, 0).items():
        assert worst[0] <= 4, f"derivative of {row.name} on {isa}: {worst}"


# --------------------------------------------------------------------------------------------------------- special values
INF, NAN = math.inf, math.nan
# fmt: off
AT = {                          # row: [(operands, (value, derivatives...))]; "any": not said
    "abs": [((0.0,), (0.0, 0.0)), ((-0.0,), (0.0, 0.0)), ((-INF,), (INF, -1.0)), ((NAN,), (NAN, NAN))],
    "sign": [((0.0,), (0.0, 0.0)), ((-INF,), (-1.0, 0.0)), ((NAN,), (NAN, 0.0))],
    "sqrt": [((0.0,), (0.0, INF)), ((INF,), (INF, 0.0)), ((-1.0,), (NAN, NAN))],
    "rsqrt": [((0.0,), (INF, -INF)), ((INF,), (0.0, -0.0))],
    "cbrt": [((0.0,), (0.0, INF)), ((-0.0,), (-0.0, INF)), ((-8.0,), (-2.0, 1 / 12)), ((-INF,), (-INF, 0.0)), ((NAN,), (NAN, NAN))],
    "reciprocal": [((0.0,), (INF, -INF)), ((-INF,), (-0.0, -0.0))],
    "div": [((1.0, 0.0), (INF, INF, -INF)), ((0.0, 0.0), (NAN, INF, NAN))],
    "divide_no_nan": [((1.0, 0.0), (0.0, 0.0, 0.0))], "reciprocal_no_nan": [((0.0,), (0.0, 0.0))],
    "multiply_no_nan": [((INF, 0.0), (0.0, 0.0, INF)), ((NAN, 0.0), (0.0, 0.0, NAN))], "xdivy": [((0.0, 0.0), (0.0, 0.0, 0.0))],
    "floordiv": [((-7.0, 2.0), (-4.0,)), ((7.0, -2.0), (-4.0,)), ((1.0, 0.1), ("any",)), ((1.0, 0.0), (INF,)),
                 ((-1.0, INF), (-1.0,)), ((1.0, -INF), (-1.0,)), ((1.0, INF), (0.0,)), ((-1.0, -INF), (0.0,)), ((-1.0, -2.0), (0.0,)), ((INF, 2.0), (NAN,))],
    "mod": [((-7.0, 2.0), (1.0, 1.0, 4.0)), ((7.0, -2.0), (-1.0, 1.0, 4.0)), ((-0.0, 2.0), (0.0, 1.0, "any")), ((1.0, 0.0), (NAN, 1.0, "any"))],
    "pow": [((0.0, 0.0), (1.0, 0.0, 0.0)), ((0.0, 1.0), (0.0, 1.0, 0.0)), ((0.0, 2.0), (0.0, 0.0, 0.0)), ((0.0, 0.5), (0.0, INF, 0.0)),
            ((-2.0, 3.0), (-8.0, 12.0, 0.0)), ((-2.0, 0.5), (NAN, NAN, 0.0)), ((0.0, -1.0), (INF, -INF, 0.0))],
    "exp": [((INF,), (INF, INF)), ((-INF,), (0.0, 0.0)), ((710.0,), (INF, INF)), ((-746.0,), (0.0, 0.0)), ((0.0,), (1.0, 1.0)), ((NAN,), (NAN, NAN))],
    "expm1": [((-0.0,), (-0.0, 1.0)), ((INF,), (INF, INF)), ((-INF,), (-1.0, 0.0)), ((NAN,), (NAN, NAN))],
    "log": [((0.0,), (-INF, INF)), ((-1.0,), (NAN, -1.0)), ((INF,), (INF, NAN))], "log1p": [((-0.0,), (-0.0, 1.0)), ((-1.0,), (-INF, INF)), ((-2.0,), (NAN, -1.0))],
    "log1mexp": [((0.0,), (-INF, -INF)), ((-0.0,), (-INF, -INF)), ((-INF,), (0.0, -0.0)), ((1.0,), (NAN, "any")), ((NAN,), (NAN, NAN))],
    "sigmoid": [((INF,), (1.0, 0.0)), ((-INF,), (0.0, 0.0)), ((0.0,), (0.5, 0.25)), ((NAN,), (NAN, NAN))],
    "softplus_slope": [((INF,), (1.0, 0.0)), ((-INF,), (0.0, 0.0)), ((0.0,), (0.5, 0.25)), ((NAN,), (NAN, NAN))],
    "softplus": [((INF,), (INF, 1.0)), ((-INF,), (0.0, 0.0)), ((NAN,), (NAN, NAN))], "log_sigmoid": [((INF,), (-0.0, 0.0)), ((-INF,), (-INF, 1.0))],
    "logaddexp": [((-INF, -INF), (-INF, 0.5, 0.5)), ((INF, INF), (INF, 0.5, 0.5)), ((-INF, 1.0), (1.0, 0.0, 1.0)), ((NAN, 1.0), (NAN, NAN, NAN)), ((1.0, NAN), (NAN, NAN, NAN))],
    "logit": [((0.0,), (-INF, INF)), ((1.0,), (INF, INF)), ((0.5,), (0.0, 4.0)), ((2.0,), (NAN, "any")), ((-1.0,), (NAN, "any")), ((NAN,), (NAN, NAN))],
    "tanh": [((INF,), (1.0, 0.0)), ((-INF,), (-1.0, 0.0)), ((-0.0,), (-0.0, 1.0)), ((NAN,), (NAN, NAN))],
    "sech2": [((INF,), (0.0, -0.0)), ((-INF,), (0.0, 0.0)), ((0.0,), (1.0, -0.0))],
    "softsign": [((INF,), (1.0, 0.0)), ((-INF,), (-1.0, 0.0)), ((NAN,), (NAN, NAN))],
    "xlogy": [((0.0, 0.0), (0.0, "any", 0.0)), ((0.0, 2.0), (0.0, math.log(2), 0.0)), ((0.0, NAN), (NAN, NAN, 0.0))],
    "xlog1py": [((0.0, -1.0), (0.0, "any", 0.0))], "entr": [((0.0,), (0.0, INF)), ((-1.0,), (NAN, NAN))],
    "hypot": [((0.0, 0.0), (0.0, 0.0, 0.0)), ((3.0, 4.0), (5.0, 0.6, 0.8)), ((INF, 1.0), (INF, 1.0, 0.0)), ((-INF, NAN), (INF, "any", "any")), ((NAN, 1.0), (NAN, NAN, NAN))],
    "over_hypot": [((0.0, 0.0), (0.0, 0.0, 0.0)), ((-INF, INF), (-math.sqrt(0.5), 0.0, 0.0)), ((1.0, INF), (0.0, 0.0, 0.0))],
    "atan2": [((0.0, 0.0), (0.0, 0.0, 0.0)), ((0.0, -1.0), (math.pi, -1.0, 0.0)), ((-0.0, -1.0), (-math.pi, -1.0, 0.0)), ((1e200, 2e200), (math.atan2(1, 2), 4e-201, -2e-201))],
    "asin": [((1.0,), (math.asin(1), INF))], "acos": [((1.0,), (0.0, -INF))], "acosh": [((1.0,), (0.0, INF))], "atanh": [((1.0,), (INF, INF)), ((-1.0,), (-INF, INF))],
    "atan": [((INF,), (math.pi / 2, 0.0)), ((-INF,), (-math.pi / 2, 0.0))], "sin": [((INF,), (NAN, NAN)), ((-0.0,), (-0.0, 1.0))], "cos": [((INF,), (NAN, NAN))],
    "sinc": [((0.0,), (1.0, 0.0)), ((-0.0,), (1.0, 0.0)), ((2.0,), (0.0, 0.5)), ((-3.0,), (-0.0, 1 / 3)), ((0.5,), (2 / math.pi, -4 / math.pi)), ((INF,), (NAN, NAN)), ((NAN,), (NAN, NAN))],
    "sinc_slope": [((0.0,), (-0.0, -math.pi**2 / 3)), ((-0.0,), (0.0, -math.pi**2 / 3)), ((1.0,), (-1.0, 2.0))],
    "erf": [((INF,), (1.0, 0.0)), ((-INF,), (-1.0, -0.0))], "erfc": [((INF,), (0.0, -0.0)), ((-INF,), (2.0, -0.0)), ((NAN,), (NAN, NAN))],
    "erfcx": [((INF,), (0.0, "any")), ((-INF,), (INF, -INF)), ((0.0,), (1.0, -1.1283791670955126)), ((NAN,), (NAN, NAN))],
    "log_ndtr": [((INF,), (-0.0, 0.0)), ((-INF,), (-INF, INF)), ((NAN,), (NAN, NAN))],
    "ndtr": [((INF,), (1.0, 0.0)), ((-INF,), (0.0, 0.0)), ((NAN,), (NAN, NAN))], "normal_pdf": [((INF,), (0.0, "any")), ((NAN,), (NAN, NAN))],
    "bessel_i0": [((0.0,), (1.0, 0.0)), ((INF,), (INF, INF)), ((-INF,), (INF, -INF)), ((-720.0,), (INF, -INF)), ((NAN,), (NAN, NAN))],
    "bessel_i1": [((-0.0,), (-0.0, 0.5)), ((INF,), (INF, INF)), ((-INF,), (-INF, INF)), ((NAN,), (NAN, NAN))],
    "bessel_i0e": [((0.0,), (1.0, 0.0)), ((INF,), (0.0, 0.0)), ((-INF,), (0.0, 0.0)), ((NAN,), (NAN, NAN))],
    "bessel_i1e": [((-0.0,), (-0.0, 0.5)), ((INF,), (0.0, 0.0)), ((-INF,), (-0.0, 0.0)), ((NAN,), (NAN, NAN))],
    "bessel_i1e_slope": [((0.0,), (0.5, 0.0)), ((INF,), (-0.0, "any")), ((NAN,), (NAN, NAN))],
    "bessel_gap": [((0.0,), (1.0, 0.0)), ((INF,), (0.0, "any")), ((NAN,), (NAN, NAN))],
    "lgamma": [((0.0,), (INF, NAN)), ((1.0,), (0.0, -0.5772156649015329)), ((2.0,), (0.0, 0.42278433509846713)), ((INF,), (INF, INF)), ((-1.0,), (INF, NAN))],
    "digamma": [((0.0,), (NAN, INF)), ((-2.0,), (NAN, INF)), ((INF,), (INF, 0.0)), ((-INF,), (NAN, "any")), ((NAN,), (NAN, NAN))],
    "polygamma": [((1.0, 0.0), (INF,)), ((2.0, -1.0), (NAN,)), ((1.5, 1.0), (NAN,)), ((-1.0, 1.0), (NAN,)), ((1.0, INF), (0.0,)), ((1.0, NAN), (NAN,))],
    "igamma": [((0.0, 0.0), (NAN, NAN, NAN)), ((0.0, 2.0), (1.0, "any", 0.0)), ((2.0, 0.0), (0.0, 0.0, 0.0)), ((1.0, 0.0), (0.0, 0.0, 1.0)), ((0.5, 0.0), (0.0, 0.0, INF)),
               ((2.0, INF), (1.0, 0.0, 0.0)), ((INF, 2.0), (0.0, 0.0, 0.0)), ((INF, INF), (NAN, NAN, NAN)), ((-1.0, 1.0), (NAN, NAN, NAN)), ((1.0, -1.0), (NAN, NAN, NAN)), ((NAN, 1.0), (NAN, NAN, NAN)),
               ((1.0, NAN), (NAN, NAN, NAN)), ((1e300, 1e300), (0.5, "any", "any")), ((1e300, 1.1e300), (1.0, 0.0, 0.0))],
    "igammac": [((0.0, 2.0), (0.0, "any", -0.0)), ((2.0, 0.0), (1.0, 0.0, 0.0)), ((2.0, INF), (0.0, 0.0, 0.0)), ((INF, 2.0), (1.0, 0.0, 0.0)), ((1.0, 1.0), (math.exp(-1), "any", -math.exp(-1)))],
    "gamma_pdf": [((0.5, 0.0), (INF, "any", -INF)), ((1.0, 0.0), (1.0, "any", -1.0)), ((1.5, 0.0), (0.0, 0.0, INF)), ((2.0, 0.0), (0.0, 0.0, 1.0)), ((3.0, 0.0), (0.0, 0.0, 0.0)), ((3.0, INF), (0.0, 0.0, 0.0))],
    "log_less_digamma": [((0.0, 1.0), (INF, -INF, 1.0)), ((1.0, 0.0), (-INF, "any", INF)), ((1.0, INF), (INF, "any", 0.0)), ((1.0, -1.0), (NAN, "any", -1.0))],
    "betainc": [((2.0, 3.0, 0.0), (0.0, "any", "any", 0.0)), ((2.0, 3.0, 1.0), (1.0, "any", "any", 0.0)), ((1.0, 3.0, 0.0), (0.0, "any", "any", 3.0)), ((0.5, 3.0, 0.0), (0.0, "any", "any", INF)),
                ((0.0, 1.0, 0.5), (1.0, "any", "any", 0.0)), ((1.0, 0.0, 0.5), (0.0, "any", "any", 0.0)), ((0.0, 0.0, 0.5), (NAN,)), ((INF, 1.0, 0.5), (0.0,)), ((1.0, INF, 0.5), (1.0,)),
                ((1.0, 1.0, 1.5), (NAN,)), ((-1.0, 1.0, 0.5), (NAN,)), ((1.0, NAN, 0.5), (NAN,)), ((1e300, 1e300, 0.75), (1.0,)), ((1.0, 1.0, 0.25), (0.25, "any", "any", 1.0))],
    "zeta": [((2.0, 1.0), (math.pi**2 / 6,)), ((1.0, 1.0), (INF,)), ((0.5, 1.0), (NAN,)), ((2.0, -3.0), (INF,)), ((3.0, -3.0), (NAN,)), ((2.5, -0.5), (NAN,)), ((2.0, 0.5), (math.pi**2 / 2,)),
             ((INF, 2.0), (0.0,)), ((INF, 1.0), (1.0,)), ((3.0, INF), (0.0,)), ((NAN, 1.0), (NAN,)), ((40.0, -1.5), (2.0**41,)), ((2.0, -0.5), (math.pi**2 / 2 + 4,))],
    "relu": [((0.0,), (0.0, 0.0)), ((-0.0,), (0.0, 0.0)), ((-1.0,), (0.0, 0.0)), ((INF,), (INF, 1.0)), ((NAN,), (NAN, 0.0))], "relu6": [((6.0,), (6.0, 0.0)), ((INF,), (6.0, 0.0)), ((NAN,), (NAN, 0.0))],
    "leaky_relu": [((0.0, 0.25), (0.0, 0.25, 0.0)), ((-2.0, 0.25), (-0.5, 0.25, -2.0))], "elu": [((0.0,), (0.0, 1.0)), ((-INF,), (-1.0, 0.0)), ((INF,), (INF, 1.0))],
    "selu": [((0.0,), (0.0, 1.0507009873554805))], "silu": [((INF,), (INF, 1.0)), ((-INF,), (-0.0, 0.0)), ((NAN,), (NAN, NAN))],
    "gelu": [((INF,), (INF, 1.0)), ((-INF,), (-0.0, "any")), ((0.0,), (0.0, 0.5))], "mish": [((INF,), (INF, 1.0)), ((-INF,), (-0.0, "any"))],
    "gelu_tanh": [((INF,), (INF, 1.0)), ((-INF,), (-0.0, 0.0)), ((0.0,), (0.0, 0.5))],
    "maximum": [((1.0, 1.0), (1.0, 0.5, 0.5)), ((NAN, 1.0), (NAN, 0.0, 0.0)), ((1.0, NAN), (NAN, 0.0, 0.0)), ((2.0, -INF), (2.0, 1.0, 0.0))],
    "minimum": [((1.0, 1.0), (1.0, 0.5, 0.5)), ((NAN, 1.0), (NAN, 0.0, 0.0)), ((1.0, NAN), (NAN, 0.0, 0.0))],
    "clip_by_value": [((0.0, 0.0, 1.0), (0.0, 1.0, 0.0, 0.0)), ((1.0, 0.0, 1.0), (1.0, 1.0, 0.0, 0.0)), ((-1.0, 0.0, 1.0), (0.0, 0.0, 1.0, 0.0)), ((2.0, 0.0, 1.0), (1.0, 0.0, 0.0, 1.0)), ((NAN, 0.0, 1.0), (NAN, 1.0, 0.0, 0.0))],
    "round": [((0.5,), (0.0,)), ((1.5,), (2.0,)), ((2.5,), (2.0,)), ((-0.5,), (-0.0,)), ((-2.5,), (-2.0,))], "floor": [((-0.5,), (-1.0,)), ((INF,), (INF,))], "ceil": [((-0.5,), (-0.0,))],
    "scale": [((0.0, INF), (0.0, INF, 0.0)), ((0.0, NAN), (0.0, NAN, 0.0)), ((2.0, 3.0), (6.0, 3.0, 2.0))],
    "select": [((INF, 0.0), (0.0, 0.0, INF)), ((0.0, NAN), (0.0, NAN, 0.0)), ((NAN, 2.0), (NAN, 2.0, NAN)), ((1e-300, 1e-300), ("any", "any", "any"))],
    "nextafter": [((1.0, 2.0), ("any", 1.0, 0.0))],
}
# fmt: on


def same(got, want, dtype):
    if want == "any":
        return True
    if math.isnan(want) or want == 0 or math.isinf(want):
        return math.isnan(got) if math.isnan(want) else got == want and math.copysign(1, got) == math.copysign(1, want)
    return abs(got - want) <= 4 * np.finfo(dtype).eps * abs(want)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", AT)
def test_special_values_and_what_is_said_where_there_is_no_derivative(name, dtype, isa):
    row = TABLE.ROWS[name]
    for point, (value, *partials) in AT[name]:
        if dtype == "float32" and any(x and not 1e-38 < abs(x) < 1e38 and math.isfinite(x) for x in point):
            continue
        xs = [np.full(9, x, dtype) for x in point]          # nine: one vector and a rest
        for y in isa.value(row, xs):
            assert same(float(y), value, dtype), f"{name}{point} is {y}, expected {value}"
        for k, want in enumerate(partials):
            if row.d[k] is None:
                continue
            for gx in isa.partial(row, k, xs):
                assert same(float(gx), want, dtype) or gx == want == 0, f"d{name}{point} by operand {k} is {gx}, expected {want}"


def power(a, b):
    """a**b as C11, F.10.4.4 has it, not rounded where it is finite and not 0."""
    if a == 1 or b == 0:
        return 1.0
    if a != a or b != b:
        return NAN
    whole = math.isinf(b) or b == math.floor(b)
    if -INF < a < 0 and not whole:
        return NAN
    sign = -1.0 if whole and not math.isinf(b) and b % 2 == 1 and math.copysign(1, a) < 0 else 1.0
    u = abs(a)
    if u == 0 or math.isinf(u) or math.isinf(b):
        return 1.0 if u == 1 else sign * (INF if (u > 1) == (b > 0) else 0.0)
    return mp.mpf(sign) * mp.exp(max(-5000, min(5000, mp.mpf(b) * mp.log(u))))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ["pow", "pow_slope"])
def test_powers_at_every_corner(name, dtype, isa):
    """pow_slope where b - 1 is exact, and an infinity or 0 times b."""
    info = np.finfo(dtype)
    tiny, top = float(info.smallest_subnormal), float(info.max)
    ends = [0.0, tiny, float(info.tiny), 0.5, 1 - float(info.epsneg), 1.0, 1 + float(info.eps), 1.5, 2.0, 3.0, 10.0, top, INF]
    whole = 2.0 ** (info.nmant + 1)
    exponents = [0.0, tiny, 0.5, 1.0, 2.0, 3.0, 2.5, 101.0, 1023.0, 1074.0, whole / 2 - 0.5, whole - 1, whole, 2 * whole + 4, top, INF]
    if name == "pow_slope":
        exponents = exponents[2:-3]
    xs = [np.ascontiguousarray(c, dtype).ravel() for c in np.meshgrid([*ends, *(-x for x in ends), NAN], [*exponents, *(-x for x in exponents), NAN])]
    got = isa.value(TABLE.ROWS[name], xs)
    for y, a, b in zip(got.tolist(), *(x.tolist() for x in xs)):
        if name == "pow_slope" and (b - 1) + 1 != b:
            continue
        with mp.workprec(200):
            want = power(a, b) if name == "pow" else power(a, b - 1) * b
            if not mp.isfinite(want) or want == 0:
                assert y == want and math.copysign(1, y) == math.copysign(1, want) or y != y and mp.isnan(want), f"{name}({a!r}, {b!r}) is {y}, not {want}"
            else:
                assert ulps(y, mp.mpf(want), dtype) <= 3 and math.copysign(1, y) == mp.sign(want), f"{name}({a!r}, {b!r}) is {y}, not {want}"


@pytest.mark.parametrize("row, k", PARTIALS, ids=ids)
def test_a_cotangent_of_0_stays_0_beside_an_infinite_derivative(row, k, isa):
    points = np.array([0.0, -0.0, 1.0, -1.0, INF, -INF, NAN, 5e-324, 1.7e308])
    xs = [np.ascontiguousarray(c).ravel() for c in np.meshgrid(*[points] * row.arity)]
    assert not isa.partial(row, k, xs, g=0.0).any()


# ----------------------------------------------------------------------------------------------------------- other dtypes
def wrapped(x, bits):
    return (x + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)


# fmt: off
INTEGERS = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "neg": lambda x: -x, "abs": abs,
    "sign": lambda x: (x > 0) - (x < 0), "square": lambda x: x * x, "squared_difference": lambda a, b: (a - b) ** 2,
    "floordiv": lambda a, b: a // b if b else 0, "mod": lambda a, b: a % b if b else 0, "identity": lambda x: x,
    "pow": lambda a, b: a**b if b >= 0 else {1: 1, -1: 1 - 2 * (b % 2)}.get(a, 0), "maximum": max, "minimum": min,
    "clip_by_value": lambda a, b, c: min(max(a, b), c), "relu": lambda x: max(x, 0), "relu6": lambda x: min(max(x, 0), 6),
    "floor": lambda x: x, "ceil": lambda x: x, "round": lambda x: x, "where": lambda c, a, b: a if c else b,
    "equal": lambda a, b: a == b, "not_equal": lambda a, b: a != b, "less": lambda a, b: a < b, "less_equal": lambda a, b: a <= b,
    "greater": lambda a, b: a > b, "greater_equal": lambda a, b: a >= b,
}
LOGIC = {
    "equal": lambda a, b: a == b, "not_equal": lambda a, b: a != b, "logical_and": lambda a, b: a and b, "logical_or": lambda a, b: a or b,
    "logical_xor": lambda a, b: a != b, "logical_not": lambda x: not x, "identity": lambda x: x, "where": lambda c, a, b: a if c else b,
}
# fmt: on


@pytest.mark.parametrize("row", [r for r in ROWS if "int32" in r.takes], ids=ids)
@pytest.mark.parametrize("bits", (32, 64))
def test_integers_wrap_around_and_divide_downwards(row, bits, isa):
    ends = [-(1 << bits - 1), 1 - (1 << bits - 1), -(1 << bits // 2), -7, -3, -2, -1, 0, 1, 2, 3, 7, 65537, (1 << bits - 1) - 1]
    exponents = [-3, -2, -1, 0, 1, 2, 3, 5, 31, 63]
    columns = [ends] * row.arity if row.name != "pow" else [ends, exponents]
    grids = [np.ascontiguousarray(c, f"int{bits}").ravel() for c in np.meshgrid(*columns)]
    if row.name == "where":
        grids[0] = (grids[0] > 0).astype(bool)
    got = isa.value(row, grids)
    for y, *point in zip(got.tolist(), *(g.tolist() for g in grids)):
        want = INTEGERS[row.name](*point)
        assert y == (want if row.gives else wrapped(want, bits)), f"{row.name}{tuple(point)}"


@pytest.mark.parametrize("row", [r for r in ROWS if "bool" in r.takes], ids=ids)
def test_masks(row, isa):
    grids = [np.ascontiguousarray(c).ravel() for c in np.meshgrid(*[[False, True]] * row.arity)]
    for y, *point in zip(isa.value(row, grids).tolist(), *(g.tolist() for g in grids)):
        assert y == bool(LOGIC[row.name](*point)), f"{row.name}{tuple(point)}"


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", [r.name for r in ROWS if r.gives == "bool" and "float32" in r.takes] + ["nextafter", "floor", "ceil", "round"])
def test_what_numpy_does_exactly_is_done_as_numpy_does(name, dtype, isa):
    row = TABLE.ROWS[name]
    points = np.array([0.0, -0.0, 0.5, -1.5, 2.5, 1e10, -3e38, INF, -INF, NAN, np.finfo(dtype).smallest_subnormal], dtype)
    xs = [np.ascontiguousarray(c).ravel() for c in np.meshgrid(*[points] * row.arity)]
    np.testing.assert_array_equal(isa.value(row, xs), getattr(np, row.numpy[0])(*xs))


# ------------------------------------------------------------------------------------------------------ second derivatives
class Dual:
    """A value and its derivative along one direction, by the kernels of one instruction set: what a rule becomes when it is run
    on this is the second derivative."""

    kernels = None

    def __init__(self, value, tangent):
        self.value, self.tangent = value, tangent

    @staticmethod
    def __ad_apply__(row, operands, attrs):
        n = next(x.value.size for x in operands if isinstance(x, Dual))
        xs = [x if isinstance(x, Dual) else Dual(np.full(n, float(x)), np.zeros(n)) for x in operands]
        values = [np.ascontiguousarray(x.value) for x in xs]
        tangent = np.zeros(n)
        for k, x in enumerate(xs):
            if row.d and row.d[k] and x.tangent.any():
                with np.errstate(invalid="ignore"):
                    tangent += np.where(x.tangent == 0, 0, Dual.kernels.partial(row, k, values) * x.tangent)
        return Dual(Dual.kernels.value(row, values), tangent)


def operator_of(name, reflected=False):
    return lambda x, y: TABLE.ROWS[name](*((y, x) if reflected else (x, y)))


for _method, _name in dict(add="add", sub="sub", mul="mul", truediv="div", lt="less", le="less_equal", gt="greater", ge="greater_equal",
                           eq="equal", ne="not_equal", and_="logical_and", or_="logical_or").items():  # fmt: skip
    setattr(Dual, f"__{_method.strip('_')}__", operator_of(_name))
    setattr(Dual, f"__r{_method.strip('_')}__", operator_of(_name, True))
Dual.__neg__ = lambda x: TABLE.ROWS["neg"](x)

TWICE = [(r, k) for r, k in PARTIALS if r.name not in ("sign", "select", "scale", "mod", "floordiv", "lgamma", "digamma", "trigamma", "polygamma", "igamma_by_a", "igamma_by_a_twice", "beta_pdf")]


def exact_second(row, k, point):
    with mp.workprec(1200):
        xs = [mp.mpf(float(x)) for x in point]
        h = mp.ldexp(min(abs(xs[k]), 1), -150)
        f = [REFERENCE[row.name](*xs[:k], xs[k] + s * h, *xs[k + 1 :]) for s in (-1, 0, 1)]
        return (f[0] - 2 * f[1] + f[2]) / h**2, (f[2] - f[0]) / (2 * h)


@pytest.mark.parametrize("row, k", TWICE, ids=ids)
def test_second_derivatives_are_right_in_tails_too(row, k):
    rng = np.random.default_rng(11)
    columns = []
    for interval in row.on:
        x = np.concatenate([rng.uniform(-3, 3, 10), rng.uniform(-24, 24, 6), 10.0 ** rng.uniform(-8, 0, 4)])
        columns.append(np.clip(x, max(interval.lo + 1e-3, -24), min(interval.hi - 1e-3, 24)))
        rng.shuffle(columns[-1])
    if row.name == "logsubexp":
        columns[0] = columns[1] + np.abs(columns[0])
    Dual.kernels = FINEST
    xs = [Dual(c, (np.ones if i == k else np.zeros)(c.size)) for i, c in enumerate(columns)]
    y = Dual.__ad_apply__(row, xs, {})
    d = row.d[k](*xs, y)
    got = d.tangent if isinstance(d, Dual) else np.zeros(columns[0].size)
    for i, point in enumerate(zip(*columns)):
        if not usable(row, point) or not smooth(row, point, "float64"):
            continue
        second, first = exact_second(row, k, point)
        bound = 1e-12 * abs(second) + 1e-13 * abs(first) / max(1, abs(point[k])) + 1e-300
        assert abs(got[i] - second) <= bound, f"{row.name} twice by operand {k} at {point}: {got[i]}, exactly {mp.nstr(second, 17)}"
