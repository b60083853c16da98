"""Power series of formulas: against mpmath, and where laws take them for the formula."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest

import autodiff as ad
from autodiff.stabilise import expansions
from autodiff.ops import ROWS

X = expansions.VARIABLE
OF_MPMATH = {"neg": lambda x: -x, "reciprocal": lambda x: 1 / x, "square": lambda x: x * x, "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
             "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)), "log_sigmoid": lambda x: -mpmath.log(1 + mpmath.exp(-x)),
             "sech2": lambda x: mpmath.sech(x) ** 2}  # fmt: skip


@pytest.mark.parametrize("name", sorted(expansions.FUNCTIONS))
def test_every_function_has_its_taylor_coefficients(name):
    """At 1, and at 0 where it has a series there."""
    assert name in ROWS
    f = OF_MPMATH.get(name) or getattr(mpmath, name)
    at = {"asin": 0, "atanh": 0}
    with mpmath.workdps(60):
        for centre in [at[name]] if name in at else [0, 1]:
            try:
                v, c = expansions.of((name, X), centre)
            except expansions.NoSeries:
                continue
            for k, want in enumerate(mpmath.taylor(f, centre, 8) if v >= 0 else []):
                got = c[k - v] if k >= v else 0
                assert mpmath.almosteq(mpmath.mpf(got.numerator) / got.denominator if got else 0, want, 1e-25, 1e-25), (name, centre, k)


def test_a_series_is_exact():
    v, c = expansions.of(("div", ("sub", X, ("sin", X)), ("pow", X, 3.0)), 0)
    assert v == 0 and c[:5] == [Fraction(1, 6), 0, Fraction(-1, 120), 0, Fraction(1, 5040)]


FORMULAS = [  # no law was written to these
    (lambda m, x: x - m.sin(x), 1e-3), (lambda m, x: (m.tan(x) - m.sin(x)) / x**3, 1e-6), (lambda m, x: 1 / m.tanh(x) - 1 / x, 1e-8),
    (lambda m, x: 1 / (m.exp(x) - 1) - 1 / x, 1e-9), (lambda m, x: m.log(m.sinh(x) / x), 1e-9), (lambda m, x: (1 + x) ** 360 - 1, 1e-9),
    (lambda m, x: 1 - m.exp(-x) * (1 + x), 1e-7), (lambda m, x: 1 / m.sqrt(1 - x * x) - 1, 1e-8), (lambda m, x: m.sqrt(4 + x) - 2, 1e-9),
    (lambda m, x: x / m.sin(x), 0.0), (lambda m, x: (x**5 - 1) / (x - 1), 1.0), (lambda m, x: (1 - m.sqrt(x)) / (1 - x), 1 + 1e-9),
    (lambda m, x: m.cos(x) - 1 + x * x / 2, 1e-2), (lambda m, x: 2 * x - m.exp(x) + m.exp(-x), 1e-4),
]  # fmt: skip


@pytest.mark.parametrize("f, point", FORMULAS)
def test_formulas_of_one_variable_keep_their_digits(f, point):
    x = ad.Variable([point, 0.75], dtype="float64")
    with ad.GradientTape(stabilize=True) as tape:
        y = f(ad.math, x)
    slope = tape.gradient(y, x).numpy()
    with mpmath.workdps(120):
        for k, v in enumerate(x.numpy()):
            v, h = mpmath.mpf(float(v)), mpmath.mpf(10) ** -30
            up, down = f(mpmath, v + h), f(mpmath, v - h)
            value = f(mpmath, v) if k or point not in (0.0, 1.0) else (up + down) / 2
            assert float(y[k]) == pytest.approx(float(value), rel=1e-12, abs=0) and slope[k] == pytest.approx(float((up - down) / (2 * h)), rel=1e-11, abs=0)


def held_sine(m, x):
    s = m.sin(x)
    return x - s


def correction(m, x):
    e = m.exp(x)
    return (e - 1) - x * e


def test_what_a_law_was_given_stays_held():
    x = ad.Variable(-800.0, dtype="float64")
    with ad.GradientTape(stabilize=True):
        t = -ad.exp(x)
        y = ad.math.log(1 - ad.exp(t))      # the law of 1 - exp(t) is given t, which is 0: that of log(1 - exp(-exp(x))) may not look through it
    assert float(t) == 0 and float(y) == -np.inf


@pytest.mark.parametrize("f", [
    held_sine, correction, lambda m, x: (x + 6755399441055744.0) - 6755399441055744.0, lambda m, x: (1 + x) - x, lambda m, x: (x * 3 - x) - 2 * x,
    lambda m, x: m.cos(x) ** 2 + m.sin(x) ** 2, lambda m, x: x * 2.0 - x, lambda m, x: x - m.round(x), lambda m, x: m.exp((1 + x) - 1) - x,
    lambda m, x: m.sin((x + 4.0) - 4.0) - x])  # fmt: skip
def test_what_is_held_or_plain_is_not_expanded(f):
    x = ad.constant([1e-9, 2.7e-5, -1e-3, 0.3], dtype="float64")
    with ad.GradientTape(stabilize=True) as tape:
        tape.watch(x)
        y = f(ad.math, x)
    assert y.numpy().tobytes() == f(ad.math, x).numpy().tobytes()


def test_an_outer_law_sees_what_an_inner_one_replaced():
    x = ad.Variable([-800.0, 1e-9, 800.0], dtype="float64")
    with ad.GradientTape(stabilize=True) as tape:
        y = ad.math.log(1 / ad.cosh(x)) + ad.math.log(1 / (1 + x * x)) + ad.math.log(ad.sigmoid(x) ** 2)
    a = np.abs(x.numpy())
    want = -(a + np.log1p(np.exp(-2 * a)) - np.log(2)) - np.log1p(a * a) - 2 * np.logaddexp(0, -x.numpy())
    np.testing.assert_allclose(y.numpy(), want, rtol=1e-13)
    assert np.isfinite(tape.gradient(y, x).numpy()).all()


def test_a_formula_is_expanded_once(monkeypatch):
    calls = []
    found = expansions.found
    monkeypatch.setattr(expansions, "found", lambda *args: calls.append(args) or found(*args))
    for _ in range(3):
        x = ad.Variable(1e-4, dtype="float64")
        with ad.GradientTape(stabilize=True) as tape:
            y = x - ad.sin(ad.sin(x))
        assert float(y) == pytest.approx(1e-12 / 3, rel=1e-6, abs=0) and float(tape.gradient(y, x)) == pytest.approx(1e-8, rel=1e-6, abs=0)
    assert len(calls) <= 2      # for the points 0 and 1


def test_functions_are_expanded_too():
    f = ad.function(lambda x: x - ad.tanh(x), stabilize=True)
    for value in (1e-4, 2.0, 1e-5, 3.0):
        want = value - np.tanh(value) if value > 1 else value**3 / 3 * (1 - 0.4 * value**2)
        assert float(f(ad.constant(value, dtype="float64"))) == pytest.approx(want, rel=1e-14, abs=0)
