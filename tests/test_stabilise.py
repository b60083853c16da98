"""Stabilisation: every law against the precise replay; what must not be touched; where it is asked for."""

import operator
import os
import subprocess
import sys

import numpy as np
import pytest

import autodiff as ad
from autodiff import ops, stabilise
from autodiff.stabilise.laws import NUMBERS, Mean, Name, Pattern, View
from autodiff.stabilise import LAWS

INFIX = {ops.add: operator.add, ops.sub: operator.sub, ops.mul: operator.mul, ops.div: operator.truediv, ops.pow: operator.pow}
UNARY = {ops.neg: operator.neg, ops.abs: operator.abs,
         ops.reduce_prod: lambda x: ad.reduce_prod(x, -1), ops.cumsum: lambda x: ad.cumsum(x, -1), ops.softmax: lambda x: ad.nn.softmax(x),
         ops.sech2: lambda x: 1 - ad.tanh(x) ** 2,
         ops.reduce_euclidean_norm: lambda x: ad.sqrt(ad.reduce_sum(x * x, -1, keepdims=True))}  # fmt: skip
EXPONENTIAL = {ops.exp, ops.expm1, ops.sigmoid, ops.cosh, ops.sinh, ops.tanh, ops.sech2, ops.pow}
# Beside 0 these are known to so many places after the point: what they are the logarithm of is near 1.
TO_PLACES = {text for text in [law.text for law in LAWS] if text.startswith(("log(c ", "log(u ", "log(a b)", "log(sum(u", "log(exp(a) + ", "log(1 + exp(a)", "sum(a*b)", "mean(x*x)", "acos of", "1 - softmax", "log1p(-softmax", "log(x*x + y*y)", "log(sum(x*x))", "log((exp(a) + exp(b)) / 2)", "log(u v)", "sum(a*exp(x))", "sum(x*x) - "))}
OF_ONE_ROW = {"exp(x[k]) / sum(exp(x)) = softmax(x)[k]", "exp(x)[k] / sum(exp(x)) = softmax(x)[k]", "logsumexp(x) - x[k] = -log_softmax(x)[k]"}
OVER_ROWS = {Mean, ops.reduce_sum, ops.reduce_prod, ops.cumsum, ops.softmax, ops.reduce_euclidean_norm}


def build(pattern, values):
    """The pattern as a user would write it: every operand a temporary."""
    if isinstance(pattern, Name):
        return values[pattern.name]
    if not isinstance(pattern, Pattern):
        return pattern
    p, row = pattern.operands, pattern.row
    if row in INFIX:
        return INFIX[row](build(p[0], values), build(p[1], values))
    if row is Mean:                                         # (not in UNARY: a lambda's parameter would hold the operand)
        return ad.reduce_mean(build(p[0], values), axis=-1, keepdims=True)
    if row is View:
        return build(p[0], values)[..., ::-1]
    if row is ops.reduce_sum:
        return ad.reduce_sum(build(p[0], values), axis=-1, keepdims=True)
    if len(p) == 1:
        return (UNARY.get(row) or getattr(ad.math, row.name))(build(p[0], values))
    return getattr(ad.math, row.name)(*[build(q, values) for q in p])


def rows_in(pattern):
    found = {pattern.row} if isinstance(pattern, Pattern) else set()
    return found.union(*[rows_in(p) for p in getattr(pattern, "operands", ())])


# Ordinary, tiny, large, and where the naive formula leaves the format or loses its digits.
POINTS = [0.25, -0.25, 1.0, -1.0, 0.75, -3.0, 2.5, 20.0, -20.0, 1e-9, -1e-9, 1e-4, 100.0, -100.0, 700.0, -700.0, 1000.0, -1000.0, 1e-200, 1e200]
OPEN_UNIT = [0.25, 0.5, 0.999, 1e-9, 1 - 1e-12, 1e-200]
DOMAINS = {  # where the real function is defined and its value is a number of the format
    "log(p / (1 - p)) = logit(p)": OPEN_UNIT,
    **{f"lgamma(a) {rest} = betaln(a, b)": [0.25, 1.0, 2.5, 20.0, 1e-4, 1e6, 1e10]
       for rest in ("+ lgamma(b) - lgamma(a + b)", "- lgamma(a + b) + lgamma(b)")},
    "lgamma(a + b) - lgamma(a) - lgamma(b) = -betaln(a, b)": [0.25, 1.0, 2.5, 20.0, 1e-4, 1e6, 1e10],
    "lgamma(a + b) - lgamma(a) by Stirling's series where a is large": [0.25, 1.0, 2.5, 20.0, 1e-4, 1e6, 1e10],
    "(1 + x)**a - 1 = expm1(a log1p(x))": [0.25, -0.25, 1e-9, -1e-9, 0.75, 2.5, 20.0], "(1 - x)**a - 1 = expm1(a log1p(-x))": [0.25, -0.25, 1e-9, -2.5, 0.75],
    "((1 + x)**a - 1) / a = log1p(x) (exp(a log1p(x)) - 1) / (a log1p(x))": [0.25, -0.25, 1e-9, -1e-9, 0.75, 2.5, 20.0],
    "x**a - 1 = expm1(a log(x))": [0.25, 1e-9, 1 + 1e-9, 0.75, 2.5, 20.0], "log(1 + a x) / a = x log(1 + a x) / (a x)": [0.25, 1e-9, 0.75, 2.5, 1e5],
    "(x**a - 1) / a = log(x) (exp(a log(x)) - 1) / (a log(x))": [0.25, 1e-9, 1 + 1e-9, 0.75, 2.5, 20.0],
    **{f"sum(x*x) - {rest} = n variance(x)": [0.25, 1.0, 2.5, 1e5, 1e5 + 1, -3.0] for rest in ("sum(x)**2 / n", "n mean(x)**2")},
    "sqrt(a b), sqrt(a / b), sqrt(a**n b**k ...) = a**(n/2) b**(k/2) ... where a part leaves the format": [0.5, 2.5, 1e-160, 3e160, 1e-155, 1e150],
    "sqrt(sum(exp(x))) = exp(logsumexp(x) / 2)": [0.25, -0.25, 2.5, 20.0, 100.0, 350.0, -330.0], "sqrt(1 + exp(x)) = exp(softplus(x) / 2)": [0.25, -0.25, 2.5, 20.0, 350.0, 1000.0, -400.0, 1300.0],
    "acos(1 - x) = 2 asin(sqrt(x / 2))": [0.25, 0.5, 1.5, 1e-9, 1e-200], "atanh(1 - x) = log((2 - x) / x) / 2": [0.25, 0.5, 1.5, 1e-9, 1e-200],
    "1 - (1 - p)**n = -expm1(n log1p(-p))": OPEN_UNIT,
    "log((1 + x) / (1 - x)) = 2 atanh(x)": [0.5, -0.5, 1e-9, 1 - 1e-12],
    "sqrt(1 - x*x) = sqrt((1 - x)(1 + x))": [0.5, -0.5, 1 - 1e-12, 1e-9],
    "log(x + sqrt(x*x - 1)) = acosh(x)": [1.5, 3.0, 1e5, 1e200],
    "log(x + sqrt((x - 1)(x + 1))) = acosh(x)": [1.5, 3.0, 1e5, 1e200],
    "log((1 + x) / x) = log1p(1/x), x > 0": [0.25, 1.0, 2.5, 20.0, 1e-9, 1e10, 1e-200],
    "log(1 + 1/x) = log1p(1/x), x > 0": [0.25, 1.0, 2.5, 20.0, 1e-9, 1e10, 1e-200],
    "log(sum(x*x)) = 2 log(norm(x)) where the sum leaves the format": [1e-100, -2e-90, 3e-85, 1e80, -1e99],
    "log1p(1/x), x > 0": [0.25, 1.0, 2.5, 20.0, 1e-9, 1e10, 1e-200],
    "x log(y) = 0 where both are 0": [0.0, 1.0, 2.5, 0.25],
    "x log1p(y) = xlog1py(x, y)": [0.25, 1.0, 2.5, 1e-9, 100.0],
    "log(1 + x) - log(x) = log1p(1/x)": [0.25, 1.0, 2.5, 20.0, 1e-9, 1e10, 1e15],
    "log(x + a) - log(x) = log1p(a/x), a, x > 0": [0.25, 1.0, 2.5, 20.0, 1e-9, 1e10],
    "sqrt(x + a) - sqrt(x) = a / (sqrt(x + a) + sqrt(x))": [0.25, 1.0, 2.5, 20.0, 1e-9, 1e10],
    "(1 + x)**a = exp(a log1p(x)) beside 1": [0.005, -0.005, 1e-9, -1e-9, 1e-4],
    "1 / (1/a + 1/b) where a square leaves the format, a, b > 0": [0.5, 2.5, 1e-160, 3e160, 1e200],
    **dict.fromkeys(("sqrt(sum(x**n)) where the sum leaves the format", "sum(x**n)**c where the sum leaves the format"), [0.5, 2.5, 3e-39, 2e30, 1e38]),
    "a / (c b) / d where c b leaves the format": [0.5, 2.5, -3.0, 5e-308, -4e-308, 1e-300],
    "sqrt(p(x)) of a polynomial p, by its highest power where that leaves the format": [0.25, 2.5, -3.0, 1e-9, 1e30, 1e50, -1e60, 1e80],
    "p(x)**a of a polynomial p, by its highest power where that leaves the format": [0.25, 2.5, -3.0, 1e-9, 1e60, 1e80, -1e90],
    "p(x) / q(x) and p(x) / sqrt(q(x)) of polynomials p, q, by their highest powers where one leaves the format": [0.25, 2.5, -3.0, 1e-9, 20.0, 1e9, 1e50, -1e70, 1e90],
    "acosh(1 + x) = 2 asinh(sqrt(x / 2))": [0.25, 1.0, 20.0, 1e-9, 1e-200, 1e200],
    **{f"{f}(x) {rest}": [0.25, -0.25, 1e-9, 20.0, -20.0, 300.0, -300.0, 700.0] for f, rest in [("sinh", "/ exp(x) = (1 - exp(-2 x)) / 2"), ("sinh", "exp(-x) = (1 - exp(-2 x)) / 2"), ("cosh", "/ exp(x) = (1 + exp(-2 x)) / 2"), ("cosh", "exp(-x) = (1 + exp(-2 x)) / 2")]},
    "atanh(tanh(x)) = x": [0.5, -3.0, 1e-9, 18.0, 30.0],
}


def numbers_of(law):
    count = 3.0 if "n variance" in law.text else 8.0            # of the elements of a row
    return {n: {"n": count, "c": 0.25, "d": 0.75}[n] for n in law.pattern_names if n in NUMBERS}


def inputs(law, names):
    points = np.array(DOMAINS.get(law.text, POINTS))
    if rows_in(law.pattern) & EXPONENTIAL:
        points = points[(np.abs(points) > 1e-100) & (np.abs(points) < 1e100)]
    rng = np.random.default_rng(0)
    if rows_in(law.pattern) & OVER_ROWS:
        return {name: rng.choice(points[np.abs(points) < 1e100], size=(3,) if law.text in OF_ONE_ROW else (40, 3)) for name in names}
    return {name: rng.choice(points, size=200) for name in names}


@pytest.mark.filterwarnings("ignore:.* bits are not enough")        # where the formula is no number: log(exp(a) - exp(a))
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.text)
def test_every_law_is_right_where_the_formula_is_a_number(law, monkeypatch):
    names = [n for n in law.pattern_names if n not in NUMBERS]
    values = inputs(law, names)
    fired = []
    if {"u", "v", "k"} & set(names):
        values = {n: np.abs(x) if n in "uvk" or "k" in names else x for n, x in values.items()}
    numbers = numbers_of(law)
    xs = {n: ad.constant(x) for n, x in values.items()}
    with ad.GradientTape(persistent=True, precise=True) as tape:
        tape.watch(list(xs.values()))
        y = build(law.pattern, {**xs, **numbers})
    want, slopes = tape.value(y).numpy(), [g.numpy() for g in tape.gradient(y, list(xs.values()), unconnected_gradients="zero")]
    replacement = law.replacement
    monkeypatch.setattr(law, "replacement", lambda *args: fired.append(law) or replacement(*args))
    with ad.GradientTape(stabilize=True) as tape:
        tape.watch(list(xs.values()))
        y = build(law.pattern, {**xs, **numbers})
    got, gradients = y.numpy(), [g.numpy() for g in tape.gradient(y, list(xs.values()), unconnected_gradients="zero")]
    assert fired, "the law does not fire on its own pattern"
    known = np.isfinite(want)
    assert known.mean() > 0.2
    np.testing.assert_allclose(got[known], want[known], rtol=1e-9, atol=1e-13 if law.text in TO_PLACES else 1e-300)
    for g, slope in zip(gradients, slopes):
        known = np.isfinite(slope)
        np.testing.assert_allclose(g[known], slope[known], rtol=1e-7, atol=1e-15 if law.text in TO_PLACES else 1e-300)


AWKWARD = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-9, 1e308, -1e308, 0.5, -2.0]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.text)
def test_no_law_puts_nan_where_there_was_none(law):
    names = [n for n in law.pattern_names if n not in NUMBERS]
    shape = (3,) if rows_in(law.pattern) & {*OVER_ROWS, View} else ()
    numbers = numbers_of(law)
    # (exp of two such numbers: their difference is beyond any number of digits.)
    awkward = AWKWARD if len(names) == 1 else [v for v in AWKWARD if abs(v) != 1e308]
    grids = np.stack(np.meshgrid(*[awkward] * min(len(names), 2)), -1).reshape(-1, min(len(names), 2))
    for point in grids:
        xs = {n: ad.constant(np.resize(np.append(v, 1.0) if shape else v, shape)) for n, v in zip(names, np.resize(point, len(names)))}
        plain = build(law.pattern, {**xs, **numbers}).numpy()
        with ad.GradientTape(stabilize=True) as tape:
            tape.watch(list(xs.values()))
            stable = build(law.pattern, {**xs, **numbers}).numpy()
        if (np.isnan(stable) & ~np.isnan(plain)).any():     # rounding may hide that there is no number
            with ad.GradientTape(precise=True) as tape:
                tape.watch(list(xs.values()))
                y = build(law.pattern, {**xs, **numbers})
            assert not (np.isnan(stable) & ~np.isnan(tape.value(y).numpy())).any(), (law.text, point, plain, stable)


# ------------------------------------------------------------------------------------------------------- what is left alone
def kahan_log1p(x):
    u = 1 + x
    return ad.where(u == 1, x, ad.math.log(u) * x / ad.where(u == 1, 1.0, u - 1))


def kahan_expm1(x):
    u = ad.exp(x)
    return ad.where(u == 1, x, (u - 1) * x / ad.where(u == 1, 1.0, ad.math.log(u)))


def two_sum(x):
    b = x / 3
    s = x + b
    t = s - x
    return (x - (s - t)) + (b - t)


def split(x):
    c = 134217729.0 * x
    return c - (c - x)


@pytest.mark.parametrize("f", [kahan_log1p, kahan_expm1, two_sum, split, lambda x: (x + 6755399441055744.0) - 6755399441055744.0,
                               lambda x: x - x, lambda x: x / x, lambda x: x * 0, lambda x: (x + 1e16) - x])  # fmt: skip
def test_idioms_of_rounding_keep_their_bits(f):
    x = ad.constant(np.concatenate([np.random.default_rng(1).normal(size=50) * 1e-8, [2.7, 1.3e-9, 0.0, np.inf, np.nan]]))
    plain = f(x).numpy()
    with ad.GradientTape(stabilize=True) as tape:
        tape.watch(x)
        got = f(x).numpy()
    assert got.tobytes() == plain.tobytes()


def test_a_held_value_is_not_looked_through():
    x = ad.Variable(100.0)
    with ad.GradientTape(stabilize=True):
        e = ad.exp(x)
        u = 1 + e
        assert np.isinf(ad.math.log(u).numpy()) and np.isinf(ad.math.log(1 + e).numpy())
        s = ad.sigmoid(x)
        rest = 1 - s
        assert rest.numpy() == 0.0
        y, rest = ad.math.log(1 + ad.exp(x)), 1 - ad.sigmoid(x)      # (pytest holds what is inside an assert)
        assert y.numpy() == 100.0 and rest.numpy() > 0
        parts = [1 + ad.exp(x)]
        assert np.isinf(ad.math.log(parts[0]).numpy())
        assert np.isinf((lambda t: ad.math.log(t))(1 + ad.exp(x)).numpy())  # the parameter t holds it


def test_shared_exponentials_of_a_quotient():
    x = ad.Variable([1000.0, 999.0, -1000.0])
    with ad.GradientTape(stabilize=True, persistent=True) as tape:
        e = ad.exp(x)
        p = e / ad.reduce_sum(e)
    np.testing.assert_allclose(p, ad.nn.softmax(x).numpy(), rtol=1e-6)
    assert np.isfinite(tape.gradient(p, x).numpy()).all()


def numpy_held(x):
    u = np.add(1, np.exp(x))
    return np.log(u)


def numpy_kahan(x):
    u = np.add(1, x)
    return np.divide(np.multiply(np.log(u), x), np.subtract(u, 1))


def numpy_squares(x):
    u = np.square(x)
    return np.sqrt(np.sum(u))


@pytest.mark.parametrize("f, want", [
    (lambda x: np.log(1 + np.exp(x)), ad.math.softplus), (lambda x: np.log(np.add(np.exp(x), 1)), ad.math.softplus),
    (lambda x: np.subtract(np.exp(x), 1), ad.expm1), (lambda x: np.sqrt(np.sum(np.square(x))), ad.norm),
    (lambda x: np.log(np.sum(np.exp(x))), ad.reduce_logsumexp)])  # fmt: skip
def test_formulas_of_numpy_are_seen(f, want):
    x = ad.Variable([800.0, 1e-9, -750.0], dtype="float64")
    with ad.GradientTape(stabilize=True) as tape:
        y = f(x)
    np.testing.assert_array_equal(y.numpy(), want(x).numpy())


@pytest.mark.parametrize("f", [numpy_held, numpy_kahan, numpy_squares])
def test_what_is_held_beside_numpy_is_not_looked_through(f):
    x = ad.constant([1e-9, 1e-160, 3e-7], dtype="float64")
    with ad.GradientTape(stabilize=True) as tape:
        tape.watch(x)
        y = f(x)
    assert y.numpy().tobytes() == f(x).numpy().tobytes()


def test_without_the_flag_formulas_are_as_written():
    x = ad.Variable(100.0)
    with ad.GradientTape() as tape:
        y = ad.math.log(1 + ad.exp(x))
    assert np.isinf(float(y)) and np.isnan(float(tape.gradient(y, x)))


@pytest.mark.parametrize("minus", [lambda x: -x, lambda x: 0 - x, lambda x: x * -1, lambda x: -1 * x, lambda x: x / -1, ad.negative])
def test_every_spelling_of_minus(minus):
    x = ad.Variable(-800.0, dtype="float64")
    with ad.GradientTape(stabilize=True) as tape:
        y = 1 / (1 + ad.exp(minus(x)))
        y = ad.math.log(ad.sigmoid(x)) + 0 * y
    assert float(y) == -800.0 and float(tape.gradient(y, x)) == 1.0


@pytest.mark.parametrize("spelled", [
    lambda u, v: u / v, lambda u, v: u * (1 / v), lambda u, v: (1 / v) * u, lambda u, v: u * v**-1.0])  # fmt: skip
def test_every_spelling_of_a_quotient(spelled):
    x = ad.Variable([20.0, 0.0], dtype="float64")
    with ad.GradientTape(stabilize=True) as tape:
        y = spelled(ad.exp(x), ad.reduce_sum(ad.exp(x)))[0]
    s = np.exp(-20.0) / (1 + np.exp(-20.0))
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), [s * (1 - s), -s * (1 - s)], rtol=1e-13)


@pytest.mark.parametrize("f", [lambda x: ad.exp(x) - 1, lambda x: -(1 - ad.exp(x)), lambda x: ad.exp(x) + -1, lambda x: -1 + ad.exp(x)])
def test_every_spelling_of_a_difference(f):
    x = ad.Variable(1e-9, dtype="float64")
    with ad.GradientTape(stabilize=True) as tape:
        y = f(x)
    assert float(y) == np.expm1(1e-9) and float(tape.gradient(y, x)) == np.exp(1e-9)


def test_a_number_may_stand_on_either_side_of_what_occurs_twice():
    x = ad.Variable(400.0, dtype="float64")
    with ad.GradientTape(stabilize=True) as tape:
        y = (ad.exp(2 * x) - 1) / (ad.exp(x * 2) + 1)
    assert float(y) == 1.0 and float(tape.gradient(y, x)) == 0.0


SQUARE = np.random.default_rng(4).normal(size=(3, 3))


@pytest.mark.parametrize("f", [
    lambda a, b, i, k: ad.reduce_sum(a * b, i) / (ad.norm(a, axis=k) * ad.norm(b, axis=i)),
    lambda a, b, i, k: ad.reduce_sum(a * b, i) / ad.sqrt(ad.reduce_sum(a * a, k) * ad.reduce_sum(b * b, k)),
    lambda a, b, i, k: ad.reduce_sum(a * b, i) / ad.norm(a, axis=i) / ad.norm(b, axis=k),
    lambda a, b, i, k: ad.reduce_mean(a * a, i) - ad.reduce_mean(a, k) ** 2 + ad.reduce_sum(b, i),
])  # fmt: skip
@pytest.mark.parametrize("stabilize", [False, True])
def test_parts_along_other_axes_are_another_formula(f, stabilize):
    """(A cosine of rows stands without the flag too: a sum along columns in it is none.)"""
    a, b = ad.constant(SQUARE), ad.constant(SQUARE.T + 1)
    for i, k in ((0, 1), (1, 0), (0, 0)):
        with ad.GradientTape(stabilize=stabilize) as tape:
            tape.watch([a, b])
            y = f(a, b, i, k)
        with ad.GradientTape(precise=True) as precise:
            precise.watch([a, b])
            z = f(a, b, i, k)
        np.testing.assert_allclose(y.numpy(), precise.value(z).numpy(), rtol=1e-13)
        for got, want in zip(tape.gradient(y, [a, b]), precise.gradient(z, [a, b])):
            np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-12, atol=1e-14)


def test_second_derivatives():
    x = ad.Variable(100.0, dtype="float64")
    with ad.GradientTape(stabilize=True) as outer:
        with ad.GradientTape() as tape:
            y = ad.math.log(1 + ad.exp(x))
        g = tape.gradient(y, x)
    s = 1 / (1 + np.exp(-100.0))
    assert float(g) == s and float(outer.gradient(g, x)) == pytest.approx(np.exp(-100.0), rel=1e-12, abs=0)


@pytest.mark.parametrize("f", [lambda x: ad.math.log(ad.exp(x)), lambda x: ad.math.log(1 + ad.exp(x)), lambda x: ad.atanh(ad.tanh(x)),
                               lambda x: ad.math.log(ad.sigmoid(x)) - ad.math.log(1 - ad.sigmoid(x))])  # fmt: skip
def test_the_derivative_at_nan_is_nan(f):
    x = ad.constant([np.nan, 800.0], dtype="float64")
    with ad.GradientTape(stabilize=True) as tape:
        tape.watch(x)
        y = f(x)
    np.testing.assert_array_equal(y.numpy(), [np.nan, 800.0])
    np.testing.assert_array_equal(tape.gradient(y, x).numpy(), [np.nan, 1.0])


# --------------------------------------------------------------------------------------------------------- where it is asked
def naive(x):
    return ad.math.log(1 + ad.exp(x))


def test_the_configuration_and_the_environment():
    x = ad.Variable(100.0)
    ad.config.stabilize = True
    try:
        with ad.GradientTape() as tape:
            y = naive(x)
        with ad.GradientTape(stabilize=False):
            assert np.isinf(naive(x).numpy())
        assert ad.config.stabilize and float(y) == 100.0 and float(tape.gradient(y, x)) == 1.0
    finally:
        ad.config.stabilize = False
    code = ("import autodiff as ad; x = ad.Variable(100.0)\nwith ad.GradientTape() as t: y = ad.math.log(1 + ad.exp(x))\n"
            "print(float(y), float(t.gradient(y, x)))")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "AUTODIFF_STABILIZE": "1"}, check=True)
    assert done.stdout.split() == ["100.0", "1.0"]


def test_functions():
    def slope(x):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = naive(x)
        return y, tape.gradient(y, x)

    traced = ad.function(slope, stabilize=True)
    for value in (100.0, 200.0, -5.0):
        y, g = traced(ad.constant(value))
        assert float(y) == pytest.approx(np.logaddexp(0, value), rel=1e-6, abs=0) and float(g) == pytest.approx(1 / (1 + np.exp(-value)), rel=1e-6, abs=0)
    assert traced.experimental_get_tracing_count() == 1
    assert np.isnan(float(ad.function(slope)(ad.constant(100.0))[1]))


def test_sums_of_any_number_of_exponentials():
    points = [1000.0, 999.0, 998.0, -5.0]
    a, b, c, d = xs = [ad.Variable(v, dtype="float64") for v in points]
    with ad.GradientTape(stabilize=True) as tape:
        y = ad.math.log(ad.exp(a) + 0.5 * ad.exp(b) + 2 + ad.exp(c) * 3 + ad.exp(d))
    terms = np.array(points) + np.log([1, 0.5, 3, 1]) - 1000
    assert float(y) == pytest.approx(1000 + np.log(np.exp(terms).sum()), rel=1e-15, abs=0)
    np.testing.assert_allclose([float(g) for g in tape.gradient(y, xs)], np.exp(terms) / np.exp(terms).sum(), rtol=1e-12)
    with ad.GradientTape(stabilize=True):
        y = ad.math.log(ad.exp(a) - 0.5 * ad.exp(b) + 2)    # a difference is none
    assert np.isnan(float(y))                               # inf - inf, as written


def test_a_sum_may_be_longer_than_the_stack_is_deep():
    xs = [ad.constant(800.0 + k % 7, dtype="float64") for k in range(3000)]
    whole = float(ad.reduce_logsumexp(ad.stack(xs)))
    with ad.GradientTape(stabilize=True, persistent=True) as tape:
        tape.watch(xs)
        y = ad.math.log(sum(ad.exp(x) for x in xs))
        share = ad.exp(xs[0]) / sum(ad.exp(x) for x in xs)
    assert float(y) == pytest.approx(whole, rel=1e-14, abs=0) and float(share) == pytest.approx(np.exp(800.0 - whole), rel=1e-11, abs=0)
    assert float(tape.gradient(y, xs[0])) == pytest.approx(np.exp(800.0 - whole), rel=1e-11, abs=0)


def test_one_entry_of_a_softmax():
    x = ad.Variable([40.0, -900.0, 1.0], dtype="float64")
    with ad.GradientTape(stabilize=True) as tape:
        y = ad.math.log(ad.nn.softmax(x)[1])
    assert float(y) == -940.0
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), [-1.0, 1.0, 0.0], atol=1e-15)


def test_the_document_lists_the_laws():
    text = open("docs/stabilise.md").read()
    for law in LAWS:
        assert f"- {law.text}\n" in text, law.text
    for text_of, why, *_ in stabilise.REFUSED:
        assert f"| {text_of.replace('|', chr(92) + '|')} | {why} |\n" in text, text_of


# ------------------------------------------------------------------------------------------------------ what is no law
@pytest.mark.parametrize("text, why, left, right, point", stabilise.REFUSED, ids=[refused[0] for refused in stabilise.REFUSED])
def test_what_looks_like_a_law_fails_at_its_counter_example(text, why, left, right, point):
    xs = [ad.constant(x, "float64") for x in point]
    plain = left(*xs).numpy()
    assert plain.tobytes() != right(*xs).numpy().tobytes() and not (np.isnan(plain) and np.isnan(right(*xs).numpy()))
    with ad.GradientTape(stabilize=True) as tape:
        tape.watch(xs)
        got = left(*xs).numpy()
    assert np.isnan(got) if np.isnan(plain) else got.tobytes() == plain.tobytes(), (got, plain)


def test_a_law_of_range_leaves_ordinary_numbers_alone():
    laws = [law for law in LAWS if law.of_range]
    assert laws and all(law.shared for law in laws)


def test_a_sweep_that_is_followed_runs_the_rules_as_they_are_written():
    x = ad.Variable(-700.0, dtype="float64")
    with ad.GradientTape(stabilize=True) as outer:
        with ad.GradientTape(stabilize=True) as tape:
            y = ad.math.log(1 - ad.exp(x))
        g = tape.gradient(y, x)
    assert float(outer.gradient(g, x)) == pytest.approx(-np.exp(-700.0), rel=1e-12, abs=0)


# ----------------------------------------------------------------------------------------------------------- traced functions
def naive_softplus(x):
    return ad.math.log(1 + ad.exp(x))


def reads_numpy(x):
    x.numpy()
    return naive_softplus(x)


@pytest.mark.filterwarnings("ignore:function. reads_numpy takes")
@pytest.mark.parametrize("shape", [(), (3,)])
@pytest.mark.parametrize("kind", ["replayed", "checked", "as written", "inside another", "not traced"])
def test_a_stabilised_function_is_so_under_a_plain_tape_too(kind, shape):
    f = ad.function(reads_numpy if kind == "as written" else naive_softplus, stabilize=True, check=kind == "checked")
    call = ad.function(lambda x: f(x)) if kind == "inside another" else f
    x = ad.constant(np.full(shape, 100.0, "float32"))
    try:
        ad.config.run_functions_eagerly(kind == "not traced")
        for _ in range(3):
            with ad.GradientTape() as tape:
                tape.watch(x)
                y = call(x)
            assert (y.numpy() == 100).all() and (tape.gradient(y, x).numpy() == 1).all()
            assert (call(x).numpy() == 100).all()
    finally:
        ad.config.run_functions_eagerly(False)
    with ad.GradientTape() as tape:
        tape.watch(x)
        assert np.isinf(naive_softplus(x).numpy()).all()


def test_a_tape_that_stabilises_has_its_way_with_plain_functions():
    f, x = ad.function(naive_softplus), ad.Variable(100.0)
    for flag, value in [(False, np.inf), (True, 100.0)] * 2:
        with ad.GradientTape(stabilize=flag) as tape:
            y = f(x)
        assert y.numpy() == value and np.isnan(tape.gradient(y, x).numpy()) == (not flag)


@pytest.mark.parametrize("given, result", [("1", "True"), ("0", "False"), ("", "False"), ("yes", "ValueError: AUTODIFF_STABILIZE: expected 1 or 0, got 'yes'")])
def test_the_environment_variable(given, result):
    done = subprocess.run([sys.executable, "-c", "import autodiff as ad; print(ad.config.stabilize)"], capture_output=True, text=True,
                          env={**os.environ, "AUTODIFF_STABILIZE": given})  # fmt: skip
    assert (done.stdout or done.stderr).strip().endswith(result)


INF = float("inf")
AT_INFINITY = {  # formula: (at, value, slope) where the naive one is nan in value or slope
    "log of x*x": (lambda x: ad.math.log(x * x), [(INF, INF, 0.0), (-INF, INF, 0.0)]),
    "log of x**3": (lambda x: ad.math.log(x**3), [(INF, INF, 0.0)]),
    "log of x**-2": (lambda x: ad.math.log(x**-2.0), [(INF, -INF, 0.0), (-INF, -INF, 0.0)]),
    "log of 1 + x*x": (lambda x: ad.math.log(1 + x * x), [(INF, INF, 0.0), (-INF, INF, 0.0)]),
    "log over x": (lambda x: ad.math.log(x) / x, [(INF, 0.0, 0.0)]),
    "log(1 + x) over x": (lambda x: ad.math.log(1 + x) / x, [(INF, 0.0, 0.0)]),
    "log over x - 1": (lambda x: ad.math.log(x) / (x - 1), [(INF, 0.0, 0.0)]),
    "asinh over x": (lambda x: ad.math.asinh(x) / x, [(INF, 0.0, 0.0), (-INF, 0.0, 0.0)]),
    "sin over x": (lambda x: ad.sin(x) / x, [(INF, 0.0, 0.0), (-INF, 0.0, 0.0)]),
    "vercos": (lambda x: (1 - ad.cos(x)) / (x * x), [(INF, 0.0, 0.0), (-INF, 0.0, 0.0)]),
    "x over its length": (lambda x: x / ad.sqrt(1 + x * x), [(INF, 1.0, 0.0), (-INF, -1.0, 0.0)]),
    "softsign": (lambda x: x / (1 + ad.abs(x)), [(INF, 1.0, 0.0), (-INF, -1.0, 0.0)]),
    "log of erfc": (lambda x: ad.math.log(ad.math.erfc(x)), [(INF, -INF, -INF), (1e200, -INF, -2e200), (-INF, 0.6931471805599453, 0.0)]),
    "power less 1": (lambda x: 1 - (1 - x) ** 8, [(-INF, -INF, INF)]),
    "log of 1 + x + x*x": (lambda x: ad.math.log(1 + x + x * x), [(INF, INF, 0.0), (-INF, INF, 0.0), (-1e200, 921.0340371976183, -2e-200), (1e-12, 1.0000000000005e-12, 1.000000000001)]),
    "log of a product with infinity": (lambda x: ad.math.log(x * 3.0 * x), [(INF, INF, 0.0), (1e200, 922.1326494862864, 2e-200)]),
    "root of 1 + x**4": (lambda x: ad.sqrt(1 + x**4), [(INF, INF, INF), (-INF, INF, -INF), (-1e100, 1e200, -2e100), (1e-3, 1.0000000000005, 1.999999999999e-9)]),
    "x**4 over 1 + x**4": (lambda x: x**4 / (1 + x**4), [(INF, 1.0, 0.0), (-INF, 1.0, 0.0), (1e100, 1.0, 0.0), (-1e30, 1.0, -4e-150), (2.0, 16 / 17, 32 / 289)]),
    "1 over 1 + x**4": (lambda x: 1 / (1 + x**4), [(INF, 0.0, 0.0), (-INF, 0.0, 0.0), (-1e60, 1e-240, 4e-300)]),
    "log of x*x + x + 1": (lambda x: ad.math.log(x * x + x + 1), [(INF, INF, 0.0), (1e200, 921.0340371976183, 2e-200), (1e-12, 1.0000000000005e-12, 1.000000000001)]),
    "x over the root of a quartic": (lambda x: x / ad.sqrt(x**4 + x**2 + 1), [(INF, 0.0, 0.0), (-1e100, -1e-100, -1e-200), (0.0, 0.0, 1.0)]),
    "1 over the root of a quartic": (lambda x: 1 / ad.sqrt(x**4 + x**2 + 1), [(-INF, 0.0, 0.0), (1e100, 1e-200, -2e-300), (0.0, 1.0, 0.0)]),
    "share of two exponentials": (lambda x: ad.exp(x) / (ad.exp(x) + ad.exp(-x)), [(1000.0, 1.0, 0.0), (-20.0, 4.248354255291589e-18, 8.496708510583178e-18), (20.0, 1.0, 8.496708510583178e-18), (1e-3, 0.5004999998333334, 0.4999995000003333)]),
    "log of a square over 1 + x*x": (lambda x: ad.math.log(x * x / (1 + x * x)), [(INF, 0.0, 0.0), (-1e200, 0.0, 0.0), (2.0, np.log(0.8), 0.2)]),
    "log of 1 + x*x over x": (lambda x: ad.math.log((1 + x * x) / x), [(1e200, 460.51701859880916, 1e-200), (2.0, np.log(2.5), 0.3)]),
    "x sigmoid(-x)": (lambda x: x * ad.sigmoid(-x), [(INF, 0.0, 0.0), (-INF, -INF, 1.0)]),
    "Bose of -x": (lambda x: x * ad.exp(-x) / (1 - ad.exp(-x)), [(-INF, INF, -1.0), (INF, 0.0, 0.0), (-800.0, 800.0, -1.0), (0.0, 1.0, -0.5)]),
    "Fermi": (lambda x: ad.exp(x) / (2 + ad.exp(x)), [(INF, 1.0, 0.0), (800.0, 1.0, 0.0), (40.0, 1.0, 8.496708510583178e-18), (-800.0, 0.0, 0.0)]),
    "root of 1 + x*x over x": (lambda x: ad.sqrt(1 + x * x) / x, [(INF, 1.0, 0.0), (-INF, -1.0, 0.0), (800.0, 1.0000007812496948, -1.9531234741229e-9)]),
    "root less 1 over a square": (lambda x: (ad.sqrt(1 + x * x) - 1) / (x * x), [(INF, 0.0, 0.0), (1e200, 1e-200, 0.0), (1e-9, 0.5, -2.5e-10)]),
    "log of the root of 1 + x**4": (lambda x: ad.math.log(ad.sqrt(1 + x**4)), [(INF, INF, 0.0), (1e200, 921.0340371976183, 2e-200), (1e-5, 5e-21, 2e-15)]),
    "a cube over a square": (lambda x: x**3 / (1 + x * x), [(INF, INF, 1.0), (-INF, -INF, 1.0), (-1e120, -1e120, 1.0)]),
    "root less 1": (lambda x: ad.sqrt(1 + x) - 1, [(INF, INF, 0.0)]),
    "Bose": (lambda x: x / (1 - ad.exp(-x)), [(INF, INF, 1.0), (-INF, 0.0, 0.0)]),
    "heat of an oscillator": (lambda x: x * x * ad.exp(x) / (ad.exp(x) - 1) ** 2, [(INF, 0.0, 0.0), (-INF, 0.0, 0.0), (0.0, 1.0, 0.0)]),
    "atan of 1/x": (lambda x: ad.atan(1 / x), [(INF, 0.0, 0.0), (-INF, 0.0, 0.0), (-2.0, -0.4636476090008061, -0.2)]),
}


@pytest.mark.parametrize("name", AT_INFINITY)
def test_limits_at_infinity(name):
    f, points = AT_INFINITY[name]
    xs = ad.constant([x for x, _, _ in points] + [float("nan")], "float64")
    with ad.GradientTape(stabilize=True) as tape:
        tape.watch(xs)
        y = f(xs)
    slope = tape.gradient(y, xs).numpy()
    np.testing.assert_allclose(y.numpy()[:-1], [v for _, v, _ in points], rtol=1e-12)
    np.testing.assert_allclose(slope[:-1], [s for _, _, s in points], rtol=1e-12)
    assert np.isnan(y.numpy()[-1]) and np.isnan(slope[-1]), "a nan is not hidden"


@pytest.mark.parametrize("base, log", [(2.0, "log2"), (10.0, "log10")])
def test_logarithms_of_other_bases_have_the_laws_of_the_natural_one(base, log):
    log, points = getattr(ad, log), [1e-12, 800.0, -700.0, -30.0]
    xs = ad.constant(points, "float64")
    for naive, value, slope in [(lambda: log(1 + ad.exp(xs)), ad.math.softplus(xs), ad.sigmoid(xs)),
                                (lambda: log(1 + xs * xs), ad.math.log1p(xs * xs), 2 * xs / (1 + xs * xs)),
                                (lambda: log(ad.sigmoid(xs)), ad.math.log_sigmoid(xs), ad.sigmoid(-xs))]:  # fmt: skip
        with ad.GradientTape(stabilize=True) as tape:
            tape.watch(xs)
            y = naive()
        np.testing.assert_allclose(y.numpy(), value.numpy() / np.log(base), rtol=1e-13)
        np.testing.assert_allclose(tape.gradient(y, xs).numpy(), slope.numpy() / np.log(base), rtol=1e-13)


def test_the_logarithm_of_a_product_of_sigmoids_that_underflows():
    xs = ad.constant([-1000.0, 3.0, -1002.0], "float64")
    with ad.GradientTape(stabilize=True) as tape:
        tape.watch(xs)
        y = ad.math.log(ad.reduce_prod(ad.sigmoid(xs)))
    np.testing.assert_allclose(y, ad.reduce_sum(ad.math.log_sigmoid(xs)), rtol=1e-14)
    np.testing.assert_allclose(tape.gradient(y, xs), ad.sigmoid(-xs), rtol=1e-14)


def test_the_logarithm_of_a_product_is_that_of_its_factors_where_a_part_has_left_the_format():
    a, b = ad.constant([2.0, 1e200, 1e200, INF, 1e-200, 0.0, -3.0], "float64"), ad.constant([3.0, 1e200, 1e-200, 2.0, INF, 1.0, 2.0], "float64")
    with ad.GradientTape(stabilize=True) as tape:
        tape.watch([a, b])
        y = ad.math.log(a**2 * b**3 / 2.0)
    by_a, by_b = tape.gradient(y, [a, b])
    np.testing.assert_allclose(y, [np.log(54.0), 1000 * np.log(10) - np.log(2), -200 * np.log(10) - np.log(2), INF, INF, -INF, np.log(36.0)], rtol=1e-14)
    np.testing.assert_allclose(by_a[:5], [1.0, 2e-200, 2e-200, 0.0, 2e200], rtol=1e-14)
    np.testing.assert_allclose(by_b[:5], [1.0, 3e-200, 3e200, 1.5, 0.0], rtol=1e-14)


def test_the_root_of_a_product_is_that_of_its_factors_where_a_part_has_left_the_format():
    a, b = ad.constant([2.0, 1e200, 1e-200, 1e200], "float64"), ad.constant([3.0, 1e200, 1e-200, 1e-200], "float64")
    with ad.GradientTape(stabilize=True) as tape:
        tape.watch([a, b])
        y = ad.sqrt(a * a * b)
    np.testing.assert_allclose(y, [2 * 3**0.5, 1e300, 1e-300, 1e100], rtol=1e-14)
    np.testing.assert_allclose(tape.gradient(y, a), [3**0.5, 1e100, 1e-100, 1e-100], rtol=1e-14)


def test_an_overflow_under_a_logarithm_of_powers_is_not_hidden():
    x = ad.constant(1000.0, "float64")
    with ad.GradientTape(stabilize=True) as tape:
        tape.watch(x)
        u = ad.exp(x)
        y = ad.math.log(u * u * 3.0)
    assert np.isnan(tape.gradient(y, x))


def test_of_polynomials_what_is_held_is_a_variable_of_its_own():
    """Dekker's and Kahan's steps are quotients and roots of such sums; what has its number keeps its bits."""
    x = ad.constant(1e100, "float64")
    with ad.GradientTape(stabilize=True) as tape:
        tape.watch(x)
        u = x * x * x * x
        y = ad.sqrt(1 + u)
    assert np.isinf(u) and np.isinf(y)
    c = ad.constant(np.linspace(0.1, 9.9, 50))
    with ad.GradientTape(stabilize=True) as tape:
        tape.watch(c)
        y = ad.sqrt(1 + c**4) + (1 + c * 3.0) / (2 + c**4)
    np.testing.assert_array_equal(y, ad.sqrt(1 + c**4) + (1 + c * 3.0) / (2 + c**4))


@pytest.mark.parametrize("f, bend", [(lambda x: 1 / (1 + x * x) ** 2, 0.0), (lambda x: ad.sqrt(1 + x * x * x * x), 2.0), (lambda x: 1 / ad.sqrt(1 + x**6), 0.0)])
def test_polynomials_far_out_have_second_derivatives(f, bend):
    x = ad.constant([INF, 1e200, -1e100], "float64")
    with ad.GradientTape(stabilize=True) as outer:
        outer.watch(x)
        with ad.GradientTape(stabilize=True) as tape:
            tape.watch(x)
            y = f(x)
        slope = tape.gradient(y, x)
    np.testing.assert_allclose(outer.gradient(slope, x), [bend] * 3, atol=1e-290)
