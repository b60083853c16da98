"""Independent references for the elementwise rows, in mpmath at 200 bits, and points at which to ask."""

import math

import mpmath as mp
import numpy as np
from flint import arb, ctx

from autodiff.precise import ball_functions as balls

PRECISION = 200


def _sign(x):
    return mp.mpf((x > 0) - (x < 0))


def _softplus(x):
    return mp.log1p(mp.exp(x)) if x < 400 else x + mp.log1p(mp.exp(-x))


def _floordiv(a, b):
    return mp.floor(a / b)


def _round(x):
    """To the nearest whole number, halves to even; mpmath's nint does that."""
    return mp.nint(x)


def _erfc(x):
    """mpmath's fails where the logarithm of the result needs a double."""
    return mp.erfc(x) if abs(x) < 1e6 else mp.mpf(0 if x > 0 else 2)


def _erfcx(x):
    """By its asymptotic series for large x; too large for any format far below 0."""
    if x < 100:
        return mp.exp(x * x) * mp.erfc(x) if x > -1000 else mp.inf
    term, total, k = mp.mpf(1), mp.mpf(1), 0
    while abs(term) > mp.eps:
        k += 1
        term *= -(2 * k - 1) / (2 * x * x)
        total += term
    return total / (x * mp.sqrt(mp.pi))


def _erfcx_slope(x):
    with mp.workprec(mp.mp.prec + 2 * max(0, mp.mag(x)) + 20):
        return 2 * x * _erfcx(x) - 2 / mp.sqrt(mp.pi) if x > -1000 else -mp.inf


def erfcx_bend(x):
    """The second derivative of erfcx."""
    with mp.workprec(mp.mp.prec + 4 * max(0, mp.mag(x)) + 20):
        return 2 * (_erfcx(x) + x * _erfcx_slope(x)) if x > -1000 else mp.inf


def _log_ndtr(x):
    u = abs(x) / mp.sqrt(2)
    return mp.log1p(-_erfc(u) / 2) if x > 0 else mp.log(_erfcx(u) / 2) - u * u


def _bessel_scaled(order, x):
    """exp(-|x|) I(|x|), by its asymptotic series for large x."""
    x = abs(x)
    if x < 1000:
        return mp.besseli(order, x) * mp.exp(-x)
    term, total, k = mp.mpf(1), mp.mpf(1), 0
    while abs(term) > mp.eps:
        k += 1
        term *= ((2 * k - 1) ** 2 - 4 * order**2) / (8 * k * x)
        total += term
    return total / mp.sqrt(2 * mp.pi * x)


def _bessel(order, x):
    return _bessel_scaled(order, x) * mp.exp(abs(x)) * (_sign(x) if order else 1) if abs(x) < 2000 else mp.inf * (_sign(x) if order else 1)


def _bessel_gap(x):
    with mp.workprec(mp.mp.prec + max(0, mp.mag(x)) + 20):
        return _bessel_scaled(0, x) - _bessel_scaled(1, x)


def bessel_slope(order, x):
    """The derivative of exp(-|x|) times I0 or I1, or (as order 2) I0 - I1; as order 3 the second one of exp(-|x|) I1."""
    u = abs(x)
    with mp.workprec(mp.mp.prec + 2 * abs(mp.mag(x)) + 20):
        gap, quotient = _bessel_gap(u), _bessel_scaled(1, u) / u
        return (-_sign(x) * gap, gap - quotient, _sign(x) * (quotient - 2 * gap), _sign(x) * (quotient - 2 * gap - (gap - 2 * quotient) / u))[order]


def sinc_slope(x):
    if x == 0:
        return mp.mpf(0)
    with mp.workprec(mp.mp.prec + 3 * abs(mp.mag(x)) + 20):
        return (mp.cospi(x) - mp.sincpi(x)) / x


def sinc_bend(x):
    if x == 0:
        return -mp.pi**2 / 3
    with mp.workprec(mp.mp.prec + 3 * abs(mp.mag(x)) + 20):
        return -(mp.pi**2) * mp.sincpi(x) - 2 * sinc_slope(x) / x


def _gelu_gate(x):
    return 1 / (1 + mp.exp(-2 * mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3)))


def by_balls(f):
    """f of python-flint's balls as a function of mpmath's numbers, with so many bits more until it is known: mpmath itself is slow or lost where the
    operands of the incomplete gamma functions are large."""
    def function(*xs):
        before, want = ctx.prec, mp.mp.prec
        try:
            for extra in (20, 200, 800, 3000):
                ctx.prec = want + extra
                y = f(*map(arb, xs))
                if y.is_finite() and (y.rel_accuracy_bits() >= want - 10 or abs(y) < arb(2) ** -6000):
                    return mp.mpf(tuple(map(int, y.mid().man_exp())))
        finally:
            ctx.prec = before
        raise ArithmeticError(f"{xs}: {y}")
    return function


# Rows of a gamma distribution; the derivative by operand k that is nan, since nothing is said of it.
OF_SHAPE = ("igamma", "igammac", "gamma_pdf", "igamma_by_a", "igamma_by_a_twice", "log_less_digamma")
NOT_SAID = {("igamma_by_a_twice", 0)}
OF_BETA, OF_ZETA = ("betainc", "beta_pdf"), ("zeta", "zeta_slope")

# Derivatives of gamma_pdf by a.
SLOPE_OF_DENSITY = lambda a, x: balls.gamma_pdf(a, x) * balls.log_less_digamma(a, x)
BEND_OF_DENSITY = lambda a, x: balls.gamma_pdf(a, x) * (balls.log_less_digamma(a, x) ** 2 - balls.polygamma(arb(1), a))


# One function for each elementwise row with floating results; comparisons and masks are held against NumPy.
# fmt: off
REFERENCE = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "div": lambda a, b: a / b,
    "floordiv": _floordiv, "mod": lambda a, b: a - b * _floordiv(a, b), "neg": lambda x: -x, "abs": abs, "sign": _sign,
    "square": lambda x: x * x, "squared_difference": lambda a, b: (a - b) ** 2, "reciprocal": lambda x: 1 / x,
    "sqrt": mp.sqrt, "rsqrt": lambda x: 1 / mp.sqrt(x), "cbrt": lambda x: _sign(x) * mp.cbrt(abs(x)),
    "hypot": mp.hypot, "over_hypot": lambda a, b: a / mp.sqrt(a * a + b * b), "pow": mp.power, "pow_slope": lambda a, b: b * mp.power(a, b - 1), "pow_log": lambda a, b: mp.power(a, b) * mp.log(a), "atan2_slope": lambda a, b: b / (a * a + b * b),
    "identity": lambda x: x,
    "exp": mp.exp, "exp2": lambda x: mp.power(2, x), "expm1": mp.expm1, "log": mp.log, "log2": lambda x: mp.log(x, 2),
    "log10": mp.log10, "log1p": mp.log1p, "log1mexp": lambda x: mp.log(-mp.expm1(x)),
    "logaddexp": lambda a, b: max(a, b) + mp.log1p(mp.exp(-abs(a - b))),
    "xlogy": lambda a, b: mp.mpf(0) if a == 0 else a * mp.log(b), "xlog1py": lambda a, b: mp.mpf(0) if a == 0 else a * mp.log1p(b),
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)), "softplus_slope": lambda x: 1 / (1 + mp.exp(-x)), "log_sigmoid": lambda x: -_softplus(-x), "softplus": _softplus,
    "sigmoid_of_difference": lambda a, b: 1 / (1 + mp.exp(b - a)), "logit": lambda x: mp.log(x / (1 - x)),
    "entr": lambda x: -x * mp.log(x), "sigmoid_cross_entropy": lambda a, b: max(b, 0) - a * b + mp.log1p(mp.exp(-abs(b))),
    "softsign": lambda x: x / (1 + abs(x)), "tanh": mp.tanh, "sech2": lambda x: mp.sech(x) ** 2,
    "sin": mp.sin, "cos": mp.cos, "sinc": mp.sincpi, "sinc_slope": sinc_slope, "tan": mp.tan, "asin": mp.asin, "acos": mp.acos, "atan": mp.atan, "atan2": mp.atan2,
    "sinh": mp.sinh, "cosh": mp.cosh, "asinh": mp.asinh, "acosh": mp.acosh, "atanh": mp.atanh,
    "erf": mp.erf, "erfc": _erfc, "erfcx": _erfcx, "erfcx_slope": _erfcx_slope, "log_ndtr": _log_ndtr,
    "exp_minus_square": lambda x: mp.exp(-x * x),
    "ndtr": lambda x: _erfc(-x / mp.sqrt(2)) / 2, "normal_pdf": lambda x: mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi),
    "erfinv_slope": lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(mp.erfinv(x) ** 2), "ndtri_slope": lambda x: mp.sqrt(2 * mp.pi) * mp.exp(mp.erfinv(2 * x - 1) ** 2),
    "erfinv": mp.erfinv, "ndtri": lambda x: mp.sqrt(2) * mp.erfinv(2 * x - 1),
    "lgamma": lambda x: mp.log(abs(mp.gamma(x))) if abs(x) < 1e5 else mp.loggamma(x), "digamma": mp.digamma,
    "bessel_i0": lambda x: _bessel(0, x), "bessel_i1": lambda x: _bessel(1, x), "bessel_i0e": lambda x: _bessel_scaled(0, x),
    "bessel_i1e": lambda x: _sign(x) * _bessel_scaled(1, x), "bessel_gap": _bessel_gap, "bessel_i1e_slope": lambda x: bessel_slope(1, x),
    "polygamma": lambda n, x: mp.psi(int(n), x), "trigamma": lambda x: mp.psi(1, x),
    **{name: by_balls(getattr(balls, name)) for name in (*OF_SHAPE, *OF_BETA, *OF_ZETA)},
    "relu": lambda x: max(x, mp.mpf(0)), "relu6": lambda x: min(max(x, mp.mpf(0)), mp.mpf(6)),
    "leaky_relu": lambda x, a: x if x > 0 else a * x, "elu": lambda x: x if x > 0 else mp.expm1(x),
    "selu": lambda x: mp.mpf("1.0507009873554804934193349852946") * (x if x > 0 else mp.mpf("1.6732632423543772848170429916717") * mp.expm1(x)),
    "silu": lambda x: x / (1 + mp.exp(-x)), "gelu": lambda x: x * _erfc(-x / mp.sqrt(2)) / 2,
    "gelu_gate": _gelu_gate, "gelu_tanh": lambda x: x * _gelu_gate(x), "mish": lambda x: x * mp.tanh(_softplus(x)),
    "divide_no_nan": lambda a, b: a / b if b else mp.mpf(0), "reciprocal_no_nan": lambda x: 1 / x if x else mp.mpf(0),
    "multiply_no_nan": lambda a, b: a * b, "xdivy": lambda a, b: a / b if a else mp.mpf(0),
    "over_expm1": lambda a, b: 1 / mp.expm1(a - b), "logsubexp": lambda a, b: a + mp.log1p(-mp.exp(b - a)),
    "maximum": max, "minimum": min, "clip_by_value": lambda a, b, c: min(max(a, b), c),
    "scale": lambda g, s: g * s, "select": lambda g, s: g * s, "floor": mp.floor, "ceil": mp.ceil, "round": _round,
}
# fmt: on

TINY, HUGE = {"float64": (5e-324, 1.7e308), "float32": (1.4e-45, 3.4e38)}["float64"]


def points(interval, n, dtype, rng):
    """Points of a domain: around 1, small and large, close to its ends, and in its tails."""
    top = 300.0 if dtype == "float64" else 37.0
    spread = np.concatenate([rng.normal(size=n), rng.normal(size=n) * 20, 10.0 ** rng.uniform(-top, top, n) * rng.choice([-1, 1], n)])
    lo, hi = interval.lo, interval.hi
    if lo == -math.inf and hi == math.inf:
        x = spread
    elif hi == math.inf:
        x = lo + np.abs(spread)
    elif lo == -math.inf:
        x = hi - np.abs(spread)
    else:
        near = 10.0 ** rng.uniform(-15, 0, n) * (hi - lo) / 2
        x = np.concatenate([rng.uniform(lo, hi, n), lo + near, hi - near, 10.0 ** rng.uniform(-top, -1, n) * rng.choice([-1, 1], n)])
    with np.errstate(over="ignore", under="ignore"):
        x = x.astype(dtype)
    return x[(x > lo) & (x < hi) & np.isfinite(x)]


def of_shape(n, dtype, rng):
    """Shapes a, and points about the mean, in both tails, and anywhere."""
    a = 10.0 ** np.where(rng.random(n) < 0.9, rng.uniform(-3, 2.2, n), rng.uniform(-30, 0, n))
    near = a * np.abs(1 + rng.normal(size=n) * rng.choice([1, 8], n) / np.sqrt(a))
    x = np.where(rng.random(n) < 0.6, near, 10.0 ** rng.uniform(-5, 2.8, n))
    return tuple(np.maximum(c, 1e-36).astype(dtype) for c in (a, x))


def of_beta(n, dtype, rng):
    """The same of beta distributions."""
    a, b = 10.0 ** rng.uniform(-3, 3, n), 10.0 ** rng.uniform(-3, 3, n)
    mean = a / (a + b)
    near = mean + np.sqrt(mean * (1 - mean) / (a + b + 1)) * rng.normal(size=n) * rng.choice([1, 6], n)
    x = np.where((rng.random(n) < 0.7) & (near > 0) & (near < 1), near, rng.choice([0, 1], n) - 10.0 ** rng.uniform(-7, -1, n) * rng.choice([-1, 1], n))
    return tuple(c.astype(dtype) for c in (a, b, np.clip(np.abs(x), 1e-7, 1 - 1e-7)))


def of_zeta(n, dtype, rng):
    return (1 + 10.0 ** rng.uniform(-3, 1.5, n)).astype(dtype), (10.0 ** rng.uniform(-3, 4, n)).astype(dtype)


DRAWN = {**dict.fromkeys(OF_SHAPE, of_shape), **dict.fromkeys(OF_BETA, of_beta), **dict.fromkeys(OF_ZETA, of_zeta)}


def operands(row, n, dtype, seed=0):
    """A tuple of arrays, one per operand, paired from points of every kind."""
    rng = np.random.default_rng([seed, *row.name.encode()])
    if row.name in DRAWN:
        return DRAWN[row.name](n, dtype, rng)
    columns = [points(interval, n, dtype, rng) for interval in row.on]
    if row.name == "polygamma":     # an order is a whole number
        columns[0] = rng.integers(1, 5, columns[0].size).astype(dtype)
    size = min(c.size for c in columns)
    return tuple(rng.permutation(c)[:size] for c in columns)


def ulps(got, exact, dtype):
    """The error of `got` in units in the last place of the exact value; 0 where both overflow alike."""
    info = np.finfo(dtype)
    limit = mp.mpf(float(info.max)) * (1 + mp.mpf(float(info.eps)) / 4)
    if abs(exact) > limit:
        return 0.0 if math.isinf(got) and (got > 0) == (exact > 0) else math.inf
    if not math.isfinite(got):
        return math.inf
    if mp.mag(exact) < -5000:
        exact = mp.mpf(0)           # an exponent beyond a double's is beyond mpmath's conversions too
    exponent = max(mp.frexp(exact)[1] if exact else -10**6, info.minexp + 1)
    return float(abs(mp.mpf(float(got)) - exact) / mp.ldexp(1, int(exponent) - info.nmant - 1))


# Sums that have a root where no operand has one are accurate to ulps of their largest term, not of themselves.
TERM_OF_VALUE = {"logaddexp": lambda a, b: max(abs(a), abs(b), mp.ln2), "logsubexp": lambda a, b: abs(a) + 1}
TERM_OF_VALUE["sinc_slope"] = lambda x: 0.05 / abs(x) if abs(x) > 1 else mp.mpf(0)
TERM_OF_VALUE["lgamma"] = lambda x: mp.mpf(0 if x > 0 else 0.25)
TERM_OF_VALUE["polygamma"] = lambda n, x: mp.mpf(0) if x > 0 else abs(mp.psi(int(n), 1 - x))
TERM_OF_VALUE["trigamma"] = lambda x: mp.mpf(0) if x > 0 else abs(mp.psi(1, 1 - x))
TERM_OF_VALUE["digamma"] = lambda x: mp.mpf(0) if x > 0 else max(abs(mp.pi * mp.cot(mp.pi * x)), abs(mp.digamma(1 - x)))
TERM_OF_VALUE["log_less_digamma"] = lambda a, x: 1 / (2 * a) if a >= 8 else mp.mpf(1) / 8
TERM_OF_VALUE["igamma_by_a_twice"] = by_balls(lambda a, x: abs(balls.igamma_by_a(a, x)) * (abs(balls.log_less_digamma(a + 1, x)) + balls.polygamma(arb(1), a + 1).sqrt()))


def error(got, exact, point, dtype, term=None):
    """`ulps`, but counted in those of the larger of `exact` and term(*point)."""
    off = ulps(got, exact, dtype)
    if term is None or off <= 1 or not math.isfinite(off):
        return off
    with mp.workprec(PRECISION):
        size = term(*map(mp.mpf, map(float, point)))
        return float(off * min(1, abs(exact) / size)) if size else off


SLOW = {"lgamma", "digamma", "trigamma", "polygamma"}


def bits(xs):
    """Precision at which 1 + exp(-exp(x)) and the like still see x."""
    return 1300 if any(abs(x) > 8 for x in xs) else 300 + sum(abs(mp.mag(x)) for x in xs if x)


def exact_value(row, point):
    xs = [mp.mpf(float(x)) for x in point]
    with mp.workprec(400 if row.name in SLOW or row.name in DRAWN else bits(xs)):
        return REFERENCE[row.name](*xs)


def usable(row, point):
    """False where mpmath has no answer in time: quotients and exponents of a thousand digits, poles by the million."""
    if row.name in SLOW:
        return point[-1] > -500 and not (point[-1] <= 0 and point[-1] == math.floor(point[-1]))
    if row.name in OF_ZETA:
        return point[1] > 0
    if row.name == "logsubexp":
        return point[0] > point[1]
    if row.name in ("floordiv", "mod"):
        return point[1] != 0 and 1e-12 < abs(float(point[0]) / float(point[1])) < 1e12
    if row.name == "over_expm1":
        return point[0] != point[1]
    if row.name in ("div", "xdivy"):
        return point[1] != 0
    return row.name not in ("pow", "pow_slope", "pow_log") or abs(float(point[1]) * math.log(float(point[0]))) < 2000
