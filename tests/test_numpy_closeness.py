"""np.allclose and its like on tensors: NumPy's answers, also those of a replay; and np.round to decimals."""

import warnings

import numpy as np
import pytest

import autodiff as ad

CASES = """np.allclose(x, 2 * x)|np.allclose(x[:3], m)|np.isclose(x[0], x[0] + 1e-9)|np.isclose(x, x * 1.00000001)|np.isclose(x[0] * np.nan, np.nan, equal_nan=True)
np.allclose(x / 0, x / 0)|np.allclose(x / 0, x / 0, equal_nan=True)|np.array_equal(x, x + 0)|np.array_equal(x, m)|np.array_equal(x, x, equal_nan=True)|np.round(x, 2)
np.around(37.1 * m, decimals=-1)|np.round(x)|np.round(x * 1e5 / 3, 3)|np.allclose(x, 1)|np.isclose(x[0], [1.0, 0.0]).all()|np.allclose(x, x * (1 + 2e-6), rtol=1e-6)
np.allclose(m, m + 1e-3, atol=2e-3)|np.isclose(x[0], x[0])|np.allclose(x > 0, x > 0)""".replace("\n", "|").split("|")


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore:function. :UserWarning")
def test_as_numpy_answers_eager_and_recorded(case, dtype):
    def f(x, m):
        return eval(case, {"np": np, "x": x, "m": m})

    recorded, rng = ad.function(f), np.random.default_rng(0)
    for _ in range(4):
        x, m = rng.normal(size=40).round(1).astype(dtype), rng.normal(size=(4, 3)).round(1).astype(dtype)
        wanted = f(x, m)
        for got in (f(ad.constant(x), ad.constant(m)), recorded(ad.constant(x), ad.constant(m))):
            assert np.array_equal(np.asarray(got), wanted) and np.shape(got) == np.shape(wanted) and np.asarray(got).dtype == np.asarray(wanted).dtype


def test_a_loop_until_close_is_recorded():
    @ad.function
    def root(a):
        x, before = a, 0.0 * a
        while not np.allclose(x, before, rtol=1e-12):
            x, before = 0.5 * (x + a / x), x
        return x if np.isclose(x[0], x[0]) and np.array_equal(x, x) else before

    with warnings.catch_warnings():
        warnings.simplefilter("error")          # that it runs as written
        for a in (2.0, 9.0, 1e6, 9.0):
            np.testing.assert_allclose(root(ad.constant([a, 2 * a], ad.float64)).numpy(), np.sqrt([a, 2 * a]), rtol=1e-15)


def test_places_are_numpys_and_go_with_floats():
    def f(x):
        return x[np.argsort(x)] * np.argsort(np.argsort(x)) + np.searchsorted([0.0, 1.0], x)

    x = np.array([0.5, 2.0, -1.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")         # that it runs as written
        assert f(ad.constant(x)).numpy().tolist() == ad.function(f)(ad.constant(x)).numpy().tolist() == f(x).tolist()


def test_rounding_to_decimals_is_followed_as_rounding_is():
    x = ad.Variable([1.234, 5.678], dtype=ad.float64)
    with ad.GradientTape(persistent=True) as tape:
        rounded, whole = np.round(x, 2), ad.round(x)
    assert np.array_equal(*[np.asarray(tape.gradient(y, x, unconnected_gradients="zero")) for y in (rounded, whole)])
