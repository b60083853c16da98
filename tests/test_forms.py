"""The laws of stabilisation are found once for each form of an operation: what a form is, and that values are asked each time."""

import autodiff as ad
import numpy as np
import pytest


def stabilised(f, *values):
    with ad.GradientTape(stabilize=True) as tape:
        xs = [ad.constant(v, dtype="float64") for v in values]
        tape.watch(xs)
        y = f(*xs)
    return float(y), [float(g) for g in tape.gradient(y, xs)]


@pytest.mark.parametrize(
    "f, tame, wild, right",
    [
        (lambda x, y: ad.sqrt(x * y), (2.0, 8.0), (1e200, 1e300), 1e250),
        (lambda x, y: ad.sqrt(x / y), (8.0, 2.0), (1e200, 1e-200), 1e200),
        (lambda x, y: ad.math.log(x * x + y * y), (3.0, 4.0), (3e200, 4e200), 2 * np.log(5e200)),
        (lambda x, y: (x * y) / y, (3.0, 4.0), (1e200, 1e200), 1e200),
        (lambda x, y: ad.sin(x) - x + 0 * y, (2.0, 1.0), (1e-4, 1.0), -1.6666666658333333e-13),
        (lambda x, y: (x + 1e-300 * y) ** 0.5 + 0.0 * y, (4.0, 1.0), (16.0, 1.0), 4.0),
    ],
)
def test_values_are_asked_each_time(f, tame, wild, right):
    expected = float(f(*[ad.constant(v, dtype="float64") for v in tame]))
    for _ in range(2):
        assert stabilised(f, *tame)[0] == pytest.approx(expected, rel=1e-15, abs=0)
        assert stabilised(f, *wild)[0] == pytest.approx(right, rel=1e-14, abs=0)


def test_numbers_belong_to_the_form():
    for c, right in [(1.0, np.log1p(np.exp(-30.0))), (2.0, np.log(2)), (-0.5, np.nan), (1.0, np.log1p(np.exp(-30.0))), (0.0, -30.0)]:
        assert stabilised(lambda x: ad.math.log(c + ad.exp(x)), -30.0)[0] == pytest.approx(right, rel=1e-13, abs=0, nan_ok=True)
    for c, right in [(2.0, 1.0), (1.0, -1e-12), (2.0, 1.0), (1.0, -1e-12)]:
        assert stabilised(lambda x: c - ad.exp(x), 1e-12)[0] == pytest.approx(right, rel=1e-11, abs=0)


def test_holders_belong_to_the_form():
    def held(x):
        e = ad.exp(x)
        y = ad.math.log(1 + e)
        return y + 0 * e

    for _ in range(2):
        assert stabilised(held, 800.0)[0] != 800.0
        assert stabilised(lambda x: ad.math.log(1 + ad.exp(x)), 800.0) == (800.0, [1.0])


def test_which_are_the_same_belongs_to_the_form():
    for _ in range(2):
        assert stabilised(lambda x, y: ad.exp(x) / (ad.exp(x) + ad.exp(y)), 800.0, 800.0) == (0.5, [0.25, -0.25])
        assert np.isnan(stabilised(lambda x, y: ad.exp(x) / (ad.exp(0.5 * x) + ad.exp(y)), 1600.0, 800.0)[0])
        assert stabilised(lambda x: ad.exp(x) / (ad.exp(x) + ad.exp(x)), 800.0)[0] == 0.5


def test_axes_belong_to_the_form():
    """sum(a b) / (|a| |b|) is 1 for equal a and b, however small: if all go along the same axes."""
    a, b = (ad.Variable([[1e-200, 2e-200], [3e-200, 1e-200]], dtype="float64") for _ in range(2))
    for along, right in [(1, np.nan), (0, 1.0), (1, np.nan), (0, 1.0)]:
        with ad.GradientTape(stabilize=True):
            y = ad.reduce_sum(a * b, axis=0) / (ad.norm(a, axis=along) * ad.norm(b, axis=along))
        np.testing.assert_allclose(y.numpy(), right, rtol=1e-15)


def test_more_forms_than_are_remembered():
    x = ad.Variable(-3.0, dtype="float64")
    for k in range(5000):
        with ad.GradientTape(stabilize=True):
            y = x + (1.0 + k)
    assert float(y) == 4997.0
    assert stabilised(lambda x: ad.math.log(1 + ad.exp(x)), 800.0)[0] == 800.0


def test_a_long_formula_is_compared_as_it_is():
    y, (slope,) = stabilised(lambda x: ad.math.log(sum(ad.exp(x - k) for k in range(200))), 800.0)
    assert y == pytest.approx(800 + np.log(np.exp(-np.arange(200.0)).sum()), rel=1e-14, abs=0) and slope == pytest.approx(1, rel=1e-14, abs=0)
