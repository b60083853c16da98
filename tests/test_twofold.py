"""Certified twofold numbers: the true result lies within the radius, always; and the radius is small where the operands are tame."""

import math

import mpmath
import numpy as np
import pytest
from reference import REFERENCE
from scipy import special

from autodiff import _core

mpmath.mp.prec = 1500
INF = float("inf")
AWKWARD = [0.0, 1.0, -1.0, 0.5, 2.0, 3.0, 0.1, -0.7, 0.6931471805599453, 1.0 + 2.0**-52, 1 - 2.0**-53, 1e-5, -1e-5, 1e-20, -1e-17, 1e-40, 1e-100, 1e-200, 1e-300,
           -1e-300, 5e-324, -2.5e-310, 2.2250738585072014e-308, 1.7976931348623157e308, -1e308, 1e200, 1e100, -1e30, 20.0, -20.0, 40.0, -36.7, 100.0,
           -100.0, 709.8, -745.2, 1000.0, -1000.0, 0.9921875, 1.0078125, 1.4142135623730951, 0.7071067811865476, 181 / 128, 90.5 / 128, 1.5707963267948966]  # fmt: skip


def number(parts, k=0):
    """(centre, radius) as mpmath has them, of one of the numbers."""
    hi, lo, r, e = (part.reshape(-1)[k] for part in parts)
    unit = mpmath.ldexp(1, int(e))
    return (mpmath.mpf(float(hi)) + mpmath.mpf(float(lo))) * unit, mpmath.mpf(float(r)) * unit


def single(hi, lo=0.0, r=0.0, e=0):
    return np.array([hi]), np.array([lo]), np.array([r]), np.array([e], np.int64)


def log1p_of(x):
    return mpmath.log1p(x) if abs(x) < 1 else mpmath.log(1 + x)


def log1mexp(x):
    return mpmath.log1p(-mpmath.exp(x)) if x < -1 else mpmath.log(-mpmath.expm1(x))


def erfcx(x):
    return mpmath.exp(x * x) * mpmath.erfc(x)


def erfcinv(x, whole):
    """The number whose erf is x, or x - 1, where that is taken exactly."""
    far = 1 - abs(x - whole)
    start = math.copysign(special.erfcinv(float(far)), float(x - whole)) if far < 0.5 else special.erfinv(float(x - whole))
    y = mpmath.mpf(float(start))
    for _ in range(4):
        miss = mpmath.erf(y) - x + whole if far >= 0.5 else mpmath.sign(x - whole) * (far - mpmath.erfc(abs(y)))
        y -= miss * mpmath.sqrt(mpmath.pi) / 2 * mpmath.exp(y * y)
    return y


def bessel(order, x):
    """By its series, which mpmath gives up where x is tiny; only what has digits to be held to."""
    return mpmath.besseli(order, x) if abs(x) > 1e-30 else x / 2 if order else mpmath.mpf(1) + x * x / 4


UNARY = {
    "neg": lambda x: -x, "abs": abs, "square": lambda x: x * x, "reciprocal": lambda x: 1 / x, "sqrt": mpmath.sqrt,
    "rsqrt": lambda x: 1 / mpmath.sqrt(x), "exp": mpmath.exp, "exp2": lambda x: mpmath.mpf(2) ** x, "expm1": mpmath.expm1, "log": mpmath.log,
    "log2": lambda x: mpmath.log(x) / mpmath.log(2), "log10": mpmath.log10, "log1p": mpmath.log1p, "log1mexp": log1mexp,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)), "softplus_slope": lambda x: 1 / (1 + mpmath.exp(-x)), "softplus": lambda x: mpmath.log1p(mpmath.exp(x)), "log_sigmoid": lambda x: -mpmath.log1p(mpmath.exp(-x)),
    "tanh": mpmath.tanh, "sech2": lambda x: mpmath.sech(x) ** 2, "sinh": mpmath.sinh, "cosh": mpmath.cosh, "exp_minus_square": lambda x: mpmath.exp(-x * x),
    "identity": lambda x: x, "softsign": lambda x: x / (1 + abs(x)), "entr": lambda x: -x * mpmath.log(x) if x else x,
    "logit": lambda x: mpmath.log(x / (1 - x)), "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "normal_pdf": lambda x: mpmath.exp(-x * x / 2) / mpmath.sqrt(2 * mpmath.pi),
    "sin": mpmath.sin, "cos": mpmath.cos, "tan": mpmath.tan, "atan": mpmath.atan, "asin": mpmath.asin, "acos": mpmath.acos,
    "erf": mpmath.erf, "erfc": mpmath.erfc, "erfcx": lambda x: erfcx(x), "erfcx_slope": lambda x: 2 * (x * erfcx(x) - 1 / mpmath.sqrt(mpmath.pi)),
    "ndtr": lambda x: mpmath.erfc(-x / mpmath.sqrt(2)) / 2, "gelu": lambda x: x * mpmath.erfc(-x / mpmath.sqrt(2)) / 2,
    "log_ndtr": lambda x: log1p_of(-mpmath.erfc(x / mpmath.sqrt(2)) / 2) if x > 0 else mpmath.log(mpmath.erfc(-x / mpmath.sqrt(2)) / 2),
    "erfinv": lambda x: erfcinv(x, 0), "ndtri": lambda x: mpmath.sqrt(2) * erfcinv(2 * x, 1),
    "lgamma": lambda x: mpmath.log(abs(mpmath.gamma(x))) if x < 0 else mpmath.loggamma(x), "digamma": mpmath.digamma, "trigamma": lambda x: mpmath.psi(1, x),
    "cbrt": lambda x: mpmath.sign(x) * mpmath.root(abs(x), 3), "bessel_i0": lambda x: bessel(0, x), "bessel_i1": lambda x: bessel(1, x),
    "bessel_i0e": lambda x: bessel(0, x) * mpmath.exp(-abs(x)), "bessel_i1e": lambda x: bessel(1, x) * mpmath.exp(-abs(x)),
    "bessel_gap": lambda x: (bessel(0, x) - bessel(1, abs(x))) * mpmath.exp(-abs(x)),
    "bessel_i1e_slope": lambda x: (bessel(0, x) - bessel(1, abs(x)) - (bessel(1, x) / x if x else 0.5)) * mpmath.exp(-abs(x)),
    "asinh": lambda x: mpmath.sign(x) * log1p_of(abs(x) + x * x / (1 + mpmath.sqrt(1 + x * x))),
    "acosh": lambda x: log1p_of(x - 1 + mpmath.sqrt((x - 1) * (x + 1))), "atanh": lambda x: mpmath.sign(x) * log1p_of(2 * abs(x) / (1 - abs(x))) / 2,
}  # fmt: skip
BINARY = {"add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "div": lambda a, b: a / b,
          "scale": lambda a, b: a * b, "select": lambda a, b: a * b, "hypot": lambda a, b: mpmath.sqrt(a * a + b * b),
          "over_hypot": lambda a, b: a / mpmath.sqrt(a * a + b * b) if a else a, "squared_difference": lambda a, b: (a - b) ** 2,
          "logaddexp": lambda a, b: max(a, b) + mpmath.log1p(mpmath.exp(-abs(a - b))), "xlogy": lambda a, b: a * mpmath.log(b) if a else a,
          "xlog1py": lambda a, b: a * log1p_of(b) if a else a, "sigmoid_of_difference": lambda a, b: 1 / (1 + mpmath.exp(b - a)),
          "sigmoid_cross_entropy": lambda a, b: a * mpmath.log1p(mpmath.exp(-b)) + (1 - a) * mpmath.log1p(mpmath.exp(b)),
          "atan2": mpmath.atan2,
          "pow": lambda a, b: mpmath.mpf(1) if b == 0 else a ** int(b) if b == int(b) and abs(b) < 2**52 else mpmath.exp(b * mpmath.log(a))}  # fmt: skip
DOMAIN = {
    "reciprocal": lambda x: x != 0, "sqrt": lambda x: x >= 0, "rsqrt": lambda x: x > 0, "log": lambda x: x > 0, "log2": lambda x: x > 0,
    "log10": lambda x: x > 0, "log1p": lambda x: x > -1, "log1mexp": lambda x: x < 0, "div": lambda a, b: b != 0, "entr": lambda x: x >= 0, "logit": lambda x: 0 < x < 1, "acosh": lambda x: x >= 1, "atanh": lambda x: -1 < x < 1,
    "asin": lambda x: abs(x) <= 1, "acos": lambda x: abs(x) <= 1, "erfinv": lambda x: -1 < x < 1, "ndtri": lambda x: 0 < x < 1,
    **dict.fromkeys(("lgamma", "digamma", "trigamma"), lambda x: x > 0 or x != mpmath.nint(x)),
    "xlogy": lambda a, b: b > 0 or a == 0, "xlog1py": lambda a, b: b > -1 or a == 0,
    "pow": lambda a, b: abs(b) < 2**31 and (a > 0 or (b == int(b) and (a != 0 or b >= 0))),
}  # fmt: skip


SLOW = ("lgamma", "digamma", "trigamma", "erfinv", "ndtri", *(name for name in UNARY if name.startswith("bessel")))        # in mpmath; their results have not the digits of 1 + 1e-300
EVERY = ("add", "sub", "mul", "div", "scale")               # known whatever the operands


def sample(seed, n, spread):
    """Numbers of two doubles with random radii, among them exact ones; magnitudes about 2^-spread to 2^spread."""
    rng = np.random.default_rng(seed)
    hi = rng.normal(size=n) * 2.0 ** rng.integers(-spread, spread + 1, n)
    low = np.spacing(np.abs(hi)) * 0.5 * rng.uniform(-1, 1, n) * 2.0 ** -rng.choice([0.0, 1.0, 40.0, 200.0], n) * rng.integers(0, 2, n)
    r = np.abs(hi) * 2.0 ** -rng.choice([104.0, 100.0, 60.0, 30.0], n) * rng.integers(0, 2, n)
    return hi, low, r, rng.choice([0, 0, 0, 1, -3], n).astype(np.int64)


def points(centre, radius):
    return {centre - radius, centre, centre + radius} if radius else {centre}


def check(name, truth, parts, operands):
    """Every true value of the operands' ends and centres is within the result's ball; returns the relative radii of exact operands."""
    with mpmath.workprec(400 if name in SLOW else mpmath.mp.prec):
        return contained(name, truth, parts, operands)


def contained(name, truth, parts, operands):
    inside = DOMAIN.get(name, lambda *x: True)
    tight = []
    for k in range(parts[0].size):
        if parts[2][k] == INF:
            continue
        balls = [number(x, k) for x in operands]
        grid = [(a,) for a in points(*balls[0])] if len(balls) == 1 else [(a, b) for a in points(*balls[0]) for b in points(*balls[1])]
        if not np.isfinite(parts[0][k]):
            assert not any(inside(*at) for at in grid), f"{name}{balls}: {parts[0][k]}"
            continue
        y, r = number(parts, k)
        for at in grid:
            if inside(*at):
                true = truth(*at)
                assert abs(true - y) <= r, f"{name}{at}: off by {mpmath.nstr(abs(true - y), 5)}, radius {mpmath.nstr(r, 5)}"
        if all(b[1] == 0 for b in balls) and y:
            tight.append(r / abs(y))
    return tight


@pytest.mark.parametrize("name", UNARY)
def test_a_function_contains_the_true_value(name):
    inside = DOMAIN.get(name, lambda x: True)
    exact = np.array([x for x in AWKWARD if inside(x)])
    given = _core.twofold_exact(exact)
    check(name, UNARY[name], _core.twofold_map(name, exact.shape, given), [given])
    for seed, spread in ((1, 3), (2, 8), (3, 60)):
        parts = sample(seed, 100, spread)
        if not inside(-1.0):
            parts = (np.abs(parts[0]), *parts[1:])
        if not inside(1.0):
            parts = (-np.abs(parts[0]), *parts[1:])
        check(name, UNARY[name], _core.twofold_map(name, parts[0].shape, parts), [parts])


@pytest.mark.parametrize("name", BINARY)
def test_arithmetic_contains_the_true_value(name):
    inside = DOMAIN.get(name, lambda *x: True)
    pairs = [(a, b) for a in AWKWARD for b in AWKWARD if inside(a, b)][:: 1 if name in EVERY else 7]
    operands = [_core.twofold_exact(np.array([p[k] for p in pairs])) for k in (0, 1)]
    y = _core.twofold_map(name, operands[0][0].shape, *operands)
    check(name, BINARY[name], y, operands)
    assert (y[2] < INF).all() or name not in EVERY
    for seed, spread in ((1, 2), (2, 30), (3, 150)):
        operands = [sample(seed, 100, spread), sample(seed + 10, 100, spread)]
        if not inside(1.5, -1.5):
            operands[1] = (np.abs(operands[1][0]), *operands[1][1:])
        if not inside(-1.5, 1.5):
            operands[0] = (np.abs(operands[0][0]), *operands[0][1:])
        y = _core.twofold_map(name, operands[0][0].shape, *operands)
        check(name, BINARY[name], y, operands)
        if not inside(1.5, -1.5):
            continue
        near = operands[0]
        moved = (-near[0] * (1 + 2.0**-52), -near[1], near[2], near[3])
        check(name, BINARY[name], _core.twofold_map(name, near[0].shape, near, moved), [near, moved])


@pytest.mark.parametrize("name", [*UNARY, *BINARY])
def test_the_radius_is_small_where_the_operands_are_tame(name):
    rng = np.random.default_rng(4)
    x, b = rng.uniform(0.05, 4, (2, 300))
    x, b = x[: 60 if name in SLOW else 300], b[: 60 if name in SLOW else 300]
    x = -x if name == "log1mexp" else x + 1 if name == "acosh" else x / 9 if name == "logit" else x / 4.1 if name in ("asin", "acos", "atanh", "sigmoid_cross_entropy", "erfinv", "ndtri", "bessel_i1e_slope") else x
    x = x + 5 if name in ("lgamma", "digamma") else x        # away from their roots
    operands = [_core.twofold_exact(x), _core.twofold_exact(b)][: 2 if name in BINARY else 1]
    y = _core.twofold_map(name, x.shape, *operands)
    assert (y[2] < INF).all()
    tight = check(name, (UNARY | BINARY)[name], y, operands)
    assert max(tight) < 2.0**-97, float(mpmath.log(max(tight), 2))


@pytest.mark.parametrize("name", ["exp", "cos", "sin", "atan", "cosh", "sigmoid", "sech2", "exp_minus_square", "log1p", "expm1", "softplus", "exp2"])
def test_beside_a_number_the_square_of_a_tiny_one_counts(name):
    x = np.array([1e-160, -1e-200, 1e-250, -1e-300, 1e-308, 5e-324])
    given = _core.twofold_exact(x)
    with mpmath.workprec(3000):
        check(name, UNARY[name], _core.twofold_map(name, x.shape, given), [given])


def in_domain(kind, n, rng):
    """Operands of a row of distributions: in the middle of its domain, and anywhere in it."""
    size = lambda low, high: np.concatenate([rng.uniform(0.05, 10, n // 2), np.exp(rng.uniform(np.log(low), np.log(high), n - n // 2))])
    if kind == "zeta":
        return 1 + size(1e-3, 60), size(1e-3, 300)
    share = rng.uniform(0.01, 0.99, n)
    share[-n // 4 :] = size(1e-5, 0.5)[-n // 4 :]
    return (size(1e-3, 300), size(1e-3, 300), *((share,) if kind == "beta" else ()))


OF_DISTRIBUTIONS = {**dict.fromkeys(("igamma", "igammac", "gamma_pdf", "igamma_by_a", "igamma_by_a_twice"), "gamma"),
                    **dict.fromkeys(("betainc", "beta_pdf"), "beta"), **dict.fromkeys(("zeta", "zeta_slope"), "zeta")}  # fmt: skip


@pytest.mark.parametrize("name", OF_DISTRIBUTIONS)
def test_distribution_functions_contain_the_true_value(name):
    """Against balls of 300 bits: of exact operands, and of points somewhere within operands that have a low part and a radius."""
    rng, n = np.random.default_rng(len(name)), 40
    operands = [_core.twofold_exact(x) for x in in_domain(OF_DISTRIBUTIONS[name], n, rng)]
    wide = [(hi, hi * 2.0**-54 * rng.uniform(-1, 1, n), np.abs(hi) * 2.0**-100, e) for hi, _, _, e in operands]
    with mpmath.workprec(300):
        for given in (operands, wide):
            y = _core.twofold_map(name, (n,), *given)
            assert (y[2] < INF).all()
            tight = []
            for k in range(n):
                point = [c + r * int(rng.integers(-1, 2)) for c, r in (number(x, k) for x in given)]
                (c, r), true = number(y, k), REFERENCE[name](*point)
                assert abs(c - true) <= r * (1 + mpmath.mpf(2) ** -20) + abs(true) * mpmath.mpf(2) ** -180, (name, point, float(abs(c - true)), float(r))
                tight.append(r / abs(true))
            assert sorted(tight)[n // 2] < 2.0**-90


@pytest.mark.parametrize("name", OF_DISTRIBUTIONS)
def test_what_may_be_outside_the_domain_is_left_to_balls(name):
    arity = _core.twofold_has(name)
    for k in range(arity):
        for x in (single(-1.0), single(1e-30, 0.0, 1e-29), single(INF), single(np.nan), single(0.5, 0.0, INF)):
            operands = [single(0.5)] * arity
            operands[k] = x
            assert _core.twofold_map(name, (1,), *operands)[2][0] == INF, (name, k, x)


def test_lgamma_and_digamma_know_whole_numbers():
    x = np.array([1.0, 2.0, 3.0, 8.0, 16.0, 23.0, 24.0, 32.0, 64.0, 1024.0, 2.0**40])
    given = _core.twofold_exact(x)
    for name in ("lgamma", "digamma", "trigamma"):
        y = _core.twofold_map(name, x.shape, given)
        assert (y[2] < INF).all(), name
        check(name, UNARY[name], y, [given])


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_polygamma_of_the_first_orders(order):
    given = sample(order, 120, 6)
    orders = _core.twofold_exact(np.full(120, float(order)))
    y = _core.twofold_map("polygamma", (120,), orders, given)
    known = y[2] < INF
    if order == 3:                                          # is left to balls
        assert not known.any()
        return
    tame = (given[2] <= np.abs(given[0]) * 2.0**-60) & (given[0] > 0) & (given[3] == 0)
    assert known[tame].all()
    assert known[given[0] < 0].any()
    with mpmath.workprec(400):
        tight = contained("polygamma", lambda n, x: mpmath.psi(order, x), tuple(part[known] for part in y),
                          [tuple(part[known] for part in orders), tuple(part[known] for part in given)])  # fmt: skip
    assert max(tight) < 2.0**-85 and len(tight) > 20


def chain(*steps):
    """Rows one after another from an exact number; each step a name, or (name, exact number on the right)."""
    x = _core.twofold_exact(np.array([steps[0]]))
    for step in steps[1:]:
        x = _core.twofold_map(step, (1,), x) if isinstance(step, str) else _core.twofold_map(step[0], (1,), x, _core.twofold_exact(np.array([step[1]])))
    return x


def test_low_parts_are_as_small_as_they_like():
    y, r = number(chain(1.0, ("add", 1e-300), ("sub", 1.0)))
    assert (y, r) == (mpmath.mpf(1e-300), 0)
    for x in (-100.0, -700.0, 300.0):
        y, r = number(chain(x, "exp", ("add", 1.0), "log"))
        assert abs(y - mpmath.log1p(mpmath.exp(mpmath.mpf(x)))) <= r <= abs(y) * 2.0**-52
    y, r = number(chain(100.0, "sigmoid", ("sub", 1.0), "neg"))
    assert abs(y - 1 / (1 + mpmath.exp(100))) <= r <= y * 2.0**-48


def test_the_exponent_does_not_overflow():
    y, r = number(chain(30000.0, "exp", ("add", 1.0), "log"))
    assert abs(y - 30000) <= r <= 30000 * 2.0**-96
    y, r = number(chain(-1e9, "exp", "square", "sqrt", "log"))
    assert abs(y + 10**9) <= r <= 1e9 * 2.0**-70


def test_what_is_exact_has_no_radius():
    for steps in ((7.0, ("sub", 7.0)), (6.0, ("div", 3.0)), (3.0, ("mul", 1e300), ("mul", 1e300)), (9.0, "sqrt"), (1.0, "log"), (0.0, "expm1"), (10.0, "exp2"),
                  (0.1, "exp", ("mul", 0.0)), (0.0, ("div", 0.1), "sqrt")):
        assert chain(*steps)[2][0] == 0, steps


def test_a_product_is_exact_where_a_twofold_number_holds_it_and_says_so_only_then():
    for x, c in (((1.0, 2.0**-60), 0.5), ((1.0, 2.0**-60), 5.0), ((1 + 2.0**-52, 2.0**-54 + 2.0**-100), -3.0), ((1.0, 1e-300), 2.0**150)):
        y = _core.twofold_map("mul", (1,), single(*x), single(c))
        assert number(y) == ((mpmath.mpf(x[0]) + mpmath.mpf(x[1])) * c, 0)
    for x, c in (((1.0, 1e-300), 2.0**-150), ((1.0, 2.0**-54 + 2.0**-105), 1 + 2.0**-50), ((1.0, 5e-324), 0.5)):
        (y, r), true = number(_core.twofold_map("mul", (1,), single(*x), single(c))), (mpmath.mpf(x[0]) + mpmath.mpf(x[1])) * c
        assert 0 < r and abs(y - true) <= r <= 2.0**-105 * c


def test_a_quotient_is_exact_where_a_twofold_number_holds_it():
    product = _core.twofold_map("mul", (1,), single(1 + 2.0**-52, 2.0**-60), single(25.0))
    assert product[1][0] != 0 and number(_core.twofold_map("div", (1,), product, single(25.0))) == (1 + mpmath.mpf(2) ** -52 + mpmath.mpf(2) ** -60, 0)
    assert number(_core.twofold_map("div", (1,), single(1.0, 1e-200), single(2.0**-30))) == ((1 + mpmath.mpf(1e-200)) * 2**30, 0)
    for parts, by in (((1.0, 2.0**-60), 3.0), ((1.0, 5e-324), 2.0)):
        (y, r), true = number(_core.twofold_map("div", (1,), single(*parts), single(by))), (1 + mpmath.mpf(parts[1])) / by
        assert 0 < r and abs(y - true) <= r <= 2.0**-104


@pytest.mark.parametrize("steps, value", [((-INF, "exp"), 0), ((0.0, "log"), -INF), ((1.0, ("div", 0.0)), INF), ((INF, ("sub", INF)), np.nan), ((INF, ("mul", 0.0)), np.nan),
                                          ((1.0, ("div", INF)), 0), ((-1.0, "sqrt"), np.nan), ((-1.0, "log"), np.nan), ((INF, "softplus"), INF), ((-INF, "sigmoid"), 0),
                                          ((INF, "tanh"), 1), ((0.0, ("div", 0.0)), np.nan), ((-INF, "log1mexp"), 0), ((0.0, "log1mexp"), -INF), ((np.nan, "exp"), np.nan)])  # fmt: skip
def test_infinities_are_as_in_ieee_754(steps, value):
    y = chain(*steps)
    assert np.array_equal(y[0], [value], equal_nan=True) and y[2][0] == 0


@pytest.mark.parametrize("name", ["reciprocal", "log", "sqrt"])
def test_a_ball_that_reaches_a_singular_point_is_unknown(name):
    assert _core.twofold_map(name, (1,), single(1e-20, 0.0, 2e-20))[2][0] == INF
    assert _core.twofold_map("mul", (1,), single(INF), single(0.0, 0.0, 1e-20))[2][0] == INF
    assert _core.twofold_map("add", (1,), single(0.0, 0.0, INF), single(1.0))[2][0] == INF


def test_comparisons_say_where_the_digits_leave_them_open():
    a = tuple(np.concatenate(p) for p in zip(*(single(*x) for x in ((1.0,), (1.0, 1e-30), (1.0, 0.0, 1e-30), (np.nan,), (-INF,), (2.0, 0.0, 0.0, 3000), (0.0, 0.0, INF)))))
    assert list(_core.twofold_compare((7,), a, single(1.0))) == [0, 1, 3, 2, -1, 1, 3]


@pytest.mark.parametrize("outer, n, inner", [(1, 1100, 1), (2, 256, 1), (1, 3, 700), (2, 9, 257)])
def test_long_sums_contain_the_true_sum(outer, n, inner):
    rng = np.random.default_rng(6)
    x = rng.normal(size=(outer, n, inner)) * 10.0 ** rng.integers(-300, 300, (outer, n, inner))
    y = _core.twofold_sum(_core.twofold_exact(x), outer, n, inner)
    for i in range(outer):
        for j in range(0, inner, 64):
            c, r = number(tuple(part[i, j] for part in y))
            true = mpmath.fsum([mpmath.mpf(v) for v in x[i, :, j]])
            assert abs(c - true) <= r <= np.abs(x[i, :, j]).max() * 2.0**-95


def test_sums_contain_the_true_sum():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(3, 50, 2)) * 10.0 ** rng.integers(-18, 18, (3, 50, 2))
    y = _core.twofold_sum(_core.twofold_exact(x), 3, 50, 2)
    for i in range(3):
        for j in range(2):
            c, r = number(tuple(part[i, j] for part in y))
            assert abs(c - mpmath.fsum(x[i, :, j])) <= r <= 1e18 * 2.0**-100
    assert (_core.twofold_sum(_core.twofold_exact(np.empty((2, 0, 3))), 2, 0, 3)[0] == 0).all()


def test_rounding_is_to_the_nearest_and_says_when_it_is_not_sure():
    with mpmath.workprec(53):
        tenth = float(mpmath.mpf(1) / 10)
    third = _core.twofold_map("div", (1,), single(1.0), single(3.0))
    assert [v[0] for v in _core.twofold_round(third, False)] == [1 / 3, True]
    assert [v[0] for v in _core.twofold_round(third, True)] == [float(np.float32(1 / 3)), True]
    assert [v[0] for v in _core.twofold_round(single(tenth, 0.0, 1e-16), False)] == [tenth, False]
    assert not _core.twofold_round(single(1.0, 2.0**-53, 1e-40), False)[1][0]                     # between two doubles
    assert not _core.twofold_round(single(1.0 + 2.0**-24, 0.0, 1e-40), True)[1][0]                # between two floats
    assert [v[0] for v in _core.twofold_round(single(1.5, 0.0, 1e-40, 3000), False)] == [INF, True]
    assert [v[0] for v in _core.twofold_round(single(1.5, 0.0, 1e-40, -3000), False)] == [0, True]
    assert [v[0] for v in _core.twofold_round(single(1.25, 1e-20, 1e-40, -1072), False)] == [5e-324 * 5, True]
    for sign, count in ((1, 3), (-1, 2)):                           # 2.5 times the smallest double, nearly
        assert [v[0] for v in _core.twofold_round(single(1.25, sign * 1e-20, 1e-40, -1073), False)] == [5e-324 * count, True]
        assert not _core.twofold_round(single(1.25, sign * 1e-40, 1e-39, -1073), False)[1][0]
        middle = 1 + 2.0**-24, sign * 2.0**-70
        assert [v[0] for v in _core.twofold_round(single(*middle, 2.0**-80), True)] == [1 + (count - 2) * 2.0**-23, True]


@pytest.mark.parametrize("single_precision, digits", [(True, 24), (False, 53)])
def test_what_is_exact_is_rounded_also_halfway_between_two_numbers(single_precision, digits):
    rng = np.random.default_rng(10)
    a, b = (rng.integers(-(2**52), 2**52, 400) * 2.0 ** rng.integers(-30, 30, 400) for _ in range(2))
    a[:200], b[:200] = np.float32(a[:200]), np.spacing(np.float32(a[:200])) / 2 * rng.choice([1, -1, 3, 1 + 2.0**-52, 1 - 2.0**-53], 200)
    y = _core.twofold_map("scale", (400,), _core.twofold_map("add", (400,), *map(_core.twofold_exact, (a, b))), single(-0.25))
    y = _core.twofold_map("mul", (400,), single(2.0**40), y)
    nearest, sure = _core.twofold_round(y, single_precision)
    assert (y[1] != 0).sum() > 200 and (y[2] == 0).all() and sure.all()
    for k in range(400):
        true = (mpmath.mpf(float(a[k])) + mpmath.mpf(float(b[k]))) * -(2**38)
        with mpmath.workprec(digits):
            assert +true == nearest[k], k


@pytest.mark.parametrize("single_precision, digits", [(True, 24), (False, 53)])
def test_what_is_surely_the_nearest_is_the_nearest_of_all_of_the_ball(single_precision, digits):
    hi, lo, r, e = sample(8, 600, 3)
    hi = np.where(np.arange(600) % 3, hi, np.float32(hi) + np.spacing(np.float32(hi)) / 2)        # every third about between two floats
    parts = hi, lo, r * 2.0 ** np.random.default_rng(9).choice([0, -40, 60], 600), e
    nearest, sure = _core.twofold_round(parts, single_precision)
    assert 100 < sure.sum() < 600
    for k in np.flatnonzero(sure):
        for at in points(*number(parts, k)):
            with mpmath.workprec(digits):
                assert +at == nearest[k], at


def test_operands_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="no loop for exp of 2 operands"):
        _core.twofold_map("exp", (1,), single(1.0), single(1.0))
    with pytest.raises(ValueError, match="broadcast"):
        _core.twofold_map("exp", (2,), _core.twofold_exact(np.ones(3)))
    with pytest.raises(ValueError, match="part 0 must be float64; got float32"):
        _core.twofold_map("exp", (1,), (np.ones(1, np.float32), *single(1.0)[1:]))


def awkward_matrices(rng, shape, how):
    """Parts of numbers of which a product is not easy."""
    x = rng.normal(size=shape)
    if how == "cancelling":
        x[..., shape[-1] // 2 :] = 1.0
    if how in ("wide", "wild"):
        x *= 10.0 ** rng.integers(-300, 300, shape) if how == "wild" else 10.0 ** rng.integers(-90, 90, shape)
    if how == "whole":
        return _core.twofold_exact(rng.integers(-9, 9, shape).astype(float))
    x[rng.random(shape) < 0.2] = 0.0
    hi, lo, r, e = _core.twofold_exact(x)
    some = rng.random(shape) < 0.7
    return hi, np.where(some, hi * 2.0**-53 * rng.uniform(-1, 1, shape), 0.0), np.where(rng.random(shape) < 0.5, np.abs(hi) * 2.0 ** rng.integers(-106, -50, shape), 0.0), e


@pytest.mark.parametrize("how", ["tame", "cancelling", "wide", "wild", "whole"])
@pytest.mark.parametrize("m, k, n", [(3, 40, 37), (5, 1, 8), (1, 200, 3), (9, 70, 1)])
def test_products_of_matrices_contain_the_true_ones(m, k, n, how):
    rng = np.random.default_rng(m)
    a, b = awkward_matrices(rng, (2, m, k), how), awkward_matrices(rng, (2, k, n), how)
    y = _core.twofold_product(a, b)
    for t, i, j in {(t, i % m, j % n) for t in range(2) for i in range(0, m, 2) for j in range(0, n, 5)}:
        pairs = [(number(tuple(p[t, i] for p in a), l), number(tuple(p[t, :, j] for p in b), l)) for l in range(k)]
        true, size = mpmath.fsum(x * v for (x, _), (v, _) in pairs), max(abs(x * v) for (x, _), (v, _) in pairs)
        reach = mpmath.fsum(abs(x) * s + abs(v) * r + r * s for (x, r), (v, s) in pairs)
        unit = max(abs(x) for (x, _), _ in pairs) * max(abs(v) for _, (v, _) in pairs)
        c, r = number(tuple(part[t, i] for part in y), j)
        assert abs(c - true) + reach <= r * (1 + mpmath.mpf(2) ** -40), (t, i, j)
        assert r <= reach * 1.01 + size * k * mpmath.mpf(2) ** -101 + unit * mpmath.mpf(2) ** -240
        assert how != "whole" or r == 0


def test_in_products_of_matrices_what_is_infinite_or_unknown_stays_in_its_row_and_column_and_zeros_are_exact():
    a, b = (list(_core.twofold_exact(x)) for x in (np.ones((1, 4, 3)), np.arange(105.0).reshape(1, 3, 35)))
    a[0][0, 0, 1], b[0][0, 2, 34], b[2][0, 1, 33], a[0][0, 3] = INF, np.nan, INF, 0.0
    b[1][0, 0, 1] = 1e-20
    y = _core.twofold_product(tuple(a), tuple(b))
    assert np.isinf(y[2][0, :, 33]).all() and np.isnan(y[0][0, :, 34]).all() and (y[2][0, :, 34] == 0).all()
    assert (y[0][0, 0, :33] == INF).all() and (y[2][0, 0, :33] == 0).all()
    assert (y[0][0, 1:3, :33] == (np.arange(105.0).reshape(3, 35).sum(axis=0))[:33]).all()
    assert (y[0][0, 3, :33] == 0).all() and (y[2][0, 3, :33] == 0).all()
    for shape in ((0, 3, 3), (1, 0, 3), (1, 3, 0)):
        assert _core.twofold_product(_core.twofold_exact(np.ones(shape)), _core.twofold_exact(np.ones((shape[0], shape[2], 5))))[0].shape == (shape[0], shape[1], 5)
    with pytest.raises(ValueError, match="a product of shapes"):
        _core.twofold_product(tuple(a), tuple(a))
