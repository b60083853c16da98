"""np.allclose and its like on tensors: NumPy's answers, also those of a replay; and np.round to decimals."""

import functools
import types
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


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
@pytest.mark.parametrize("case", """x[np.argsort(x)] * np.argsort(np.argsort(x))|np.argsort(x, axis=0)|np.argsort(x.reshape(4, 5), axis=0)|np.argsort(x.reshape(4, 5), axis=None)
np.argsort(x.reshape(4, 5)) / 2 + 1|np.searchsorted([-1.0, 0.0, 1.0], x)|np.searchsorted(np.sort(x), x.reshape(4, 5), side="right")|np.searchsorted(np.arange(-300, 300), x)
np.searchsorted(np.sort(x), 0.5) * x|np.sort(x).searchsorted([0, 2])|np.digitize(x, [-2, 0, 1])|np.digitize(x, [1.0, 0.0, -2.0], right=True)|np.digitize(x, [-1, 0, 1], right=True)
table[np.clip(np.searchsorted(grid, x), 1, 4)] + x|np.argsort(x > 0)|np.isclose(x, 1.0, atol=0.3).sum()|x[np.isclose(x, x[0])].sum()|(x > 0).sum() * x|(x > 0).mean(axis=0)|(x > 0).std() + np.sum(x > 1, axis=0)|np.mean(np.argsort(x) + 1)|x[np.nonzero(x > 0)].sum() + np.nonzero(x > 0)[0].sum() * 2.5|x.reshape(4, 5)[np.where(x.reshape(4, 5) < 0.5)]\nx[np.flatnonzero(x)] * 2|np.argwhere(x.reshape(4, 5) > 0).sum(axis=0)|np.where(x > 0)[0] / 2|np.extract(x > 0, x * x).sum()|x.nonzero()[0] + 1|np.where(x > 0, x, 0)""".replace("\n", "|").split("|"))
def test_places_are_numpys_and_are_found_anew_by_a_replay(case, dtype):
    stable = types.SimpleNamespace(**vars(np))
    stable.argsort = functools.partial(np.argsort, kind="stable")

    def f(x, np=np):
        return eval(case, {"np": np, "x": x, "grid": np.linspace(-1, 1, 5), "table": ad.constant(np.arange(6.0)) if isinstance(x, ad.Tensor) else np.arange(6.0)})

    recorded, rng = ad.function(f), np.random.default_rng(4)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)             # that it runs as written
        for k in range(4):
            x = rng.normal(size=20).round(k % 2).astype(dtype)
            if dtype != "int64" and "close" not in case:
                x[:3] = -0.0, 0.0, np.nan
            eager, replayed = f(ad.constant(x)), recorded(ad.constant(x))
            np.testing.assert_allclose(np.asarray(eager), f(x, stable), rtol=1e-6 if dtype == "float32" else 1e-15)
            assert np.asarray(eager).tobytes() == replayed.numpy().tobytes()


def test_a_loss_by_ranks_is_replayed_with_its_gradient():
    def loss(x, y):
        order = np.argsort(y)
        return (x[order] * np.arange(5.0) * (1 + order)).sum()

    recorded, rng = ad.function(ad.value_and_grad(loss)), np.random.default_rng(5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            x, y = rng.normal(size=5), rng.normal(size=5)
            value, slope = recorded(ad.constant(x), ad.constant(y))
            order = np.argsort(y)
            assert float(value) == pytest.approx(loss(x, y), rel=1e-14)
            np.testing.assert_array_equal(slope.numpy()[order], np.arange(5.0) * (1 + order))


def test_rounding_to_decimals_is_followed_as_rounding_is():
    x = ad.Variable([1.234, 5.678], dtype=ad.float64)
    with ad.GradientTape(persistent=True) as tape:
        rounded, whole = np.round(x, 2), ad.round(x)
    assert np.array_equal(*[np.asarray(tape.gradient(y, x, unconnected_gradients="zero")) for y in (rounded, whole)])


def test_a_table_of_large_integers_is_not_rounded_to_the_dtype_of_what_is_looked_up():
    table, x = np.array([2**24, 2**24 + 1]), np.float32([2**24, 2**24 + 2])
    for search in (lambda x: np.searchsorted(table, x, side="right"), lambda x: np.digitize(x, table)):
        for got in (search(ad.constant(x)), ad.function(search)(ad.constant(x))):
            assert got.numpy().tolist() == search(x).tolist() == [1, 2]
