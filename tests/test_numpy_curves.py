"""NumPy's functions of curves given at points: NumPy's values, dtypes and shapes, and the gradients of differences."""

import warnings

import numpy as np
import pytest
from numpy_agreement import agree_or_raise, check

import autodiff as ad

X = np.array([0.3, 1.2, 2.0, -0.7])
M = np.array([[0.31, 1.1, -2.0], [1.7, -0.4, 0.9], [0.2, 0.8, 1.1]])
P = np.array([-0.5, 0.4, 1.5])
CASES = """np.interp(X, P, [1.0, 3.0, 2.0])|np.interp(M, P, M[0])|np.interp(M, np.sort(X), X * X)|np.interp(M, np.sort(X), X * X, left=7.0, right=-1.0)
np.interp(X, [1.0], X[:1])|np.interp(X, P, [1.0, 3.0, 2.0], period=1.9)|np.interp([0.3, 1.5, -0.5], P, M[0])|np.interp(0.7, P, M[0])|np.interp(X[0], P, M[0])
np.interp(X, P, M[0], left=X[1])|np.interp(X, np.sort(M[0]), M[1], period=2.9)|np.gradient(X)|np.gradient(X, 0.1)|np.gradient(M)[1]|np.gradient(M, axis=0)
np.gradient(M, 0.1, 0.2)[0]|np.gradient(X, [0.0, 1.0, 3.0, 4.5])|np.gradient(X, edge_order=2)|np.gradient(X, [0.0, 1.0, 3.0, 4.5], edge_order=2)
np.gradient(X, np.cumsum(X * X))|np.gradient(M, M[1] ** 2 + [0.0, 2.0, 4.0], axis=1)|np.gradient(X, X[1])|np.vander(X)|np.vander(X, 2)|np.vander(X, 3, increasing=True)
np.polyfit(X, [1.0, 2.0, 0.0, 3.0], 2)|np.polyfit([1.0, 2.0, 0.0, 3.0], X, 1)|np.polyfit([1.0, 2.0, 0.0], M, 1)|np.polyfit(X, X * X, 1, w=[1.0, 2.0, 3.0, 4.0])
np.select([M > 1, M < 0], [M * 2, M ** 3], 7.0)|np.select([X > 0], [X])|np.select([M > 1, M < 0], [X[0], M], M * M)|np.select([X > 0], [[X[0], 1.0, X[2], 2.0]])
np.piecewise(X, [X < 0, X > 1], [lambda x: x * x, lambda x: 2 * x])|np.piecewise(M, [M < 0], [lambda x: x * x, 3.0])|np.piecewise(X, X < 0, [lambda x: -x, lambda x: x])
np.linspace(X[0], X[1], 5)|np.linspace(X, 2.0, 3)|np.linspace(0.0, X[0], 4, endpoint=False)|np.linspace(M, X[:3], 2)|np.meshgrid(X, M[0])[1]
np.meshgrid(X, M[0], indexing="ij")[0]|np.apply_along_axis(lambda r: np.sum(r * r), 1, M)|np.apply_along_axis(lambda r: np.cumsum(r * r)[:2], 0, M)
np.apply_along_axis(np.sort, 1, M)|np.gradient(M, axis=[1, 0])[1]|np.gradient(X, [0, 1, 3, 4])|np.linspace(X, X * X, 3, axis=-1)|np.linspace(M, 1.0, 4, axis=1)
np.select([X > 0, X > 1], [X, 1], 2)|np.piecewise(X[0], [X[0] < 0, X[0] > 0], [lambda x: -x, lambda x: x * x])""".replace("\n", "|").split("|")


@pytest.mark.parametrize("case", CASES)
def test_it_is_what_numpy_gives_with_its_gradient(case):
    new = np.lib.NumpyVersion(np.__version__) >= "2.0.0"                                # before it a float64 number took float32
    check(case, X, M, {"P": P}, new)


def test_pieces_are_recorded_as_a_branch_on_how_many_elements_they_have():
    def f(x):
        return np.sum(np.piecewise(x, [x < 0, x > 1], [lambda z: -z, lambda z: z**2, 0.5]) * np.arange(1.0, 5.0))

    slope, ways = ad.function(ad.grad(f)), []
    with warnings.catch_warnings():
        warnings.simplefilter("error")          # that it runs as written
        for x in ([-1.0, 2.0, 0.5, 3.0], [4.0, -0.5, 5.0, 0.1], [-1.0, -2.0, -3.0, -4.0], [0.1, 0.2, 0.3, 0.4], [3.0, 0.5, -4.0, 2.0]):
            x = np.array(x)
            assert slope(x).numpy().tolist() == (np.where(x < 0, -1.0, np.where(x > 1, 2 * x, 0.0)) * [1, 2, 3, 4]).tolist()
            ways.append(slope.experimental_get_tracing_count())
    assert ways[0] == ways[1] == 1 and ways[3] == ways[4]


def test_the_slope_of_a_polygon_at_its_corners_is_that_behind_them_but_for_the_last():
    x = ad.Variable([-1.0, 0.0, 1.0, 3.0, 4.0], dtype="float64")
    with ad.GradientTape() as tape:
        y = np.interp(x, [0.0, 1.0, 3.0], [0.0, 2.0, 8.0])
    assert y.numpy().tolist() == [0.0, 0.0, 2.0, 8.0, 8.0] and tape.gradient(y, x).numpy().tolist() == [0.0, 2.0, 3.0, 3.0, 0.0]


def test_points_of_one_place_are_a_step():
    xp, fp, x = [0.0, 1.0, 1.0, 2.0], [0.0, 1.0, 5.0, 6.0], np.array([0.5, 1.0, 1.5, np.nan])
    np.testing.assert_array_equal(np.interp(ad.constant(x), xp, fp).numpy(), np.interp(x, xp, fp))
    np.testing.assert_array_equal(np.interp(ad.constant(x), [0.0, 1.0, 1.0], [0.0, 1.0, 5.0]).numpy(), np.interp(x, [0.0, 1.0, 1.0], [0.0, 1.0, 5.0]))


@pytest.mark.parametrize("xp, fp", [([0.0, 1.0, 2.0], [1.0, np.inf, 2.0]), ([0.0, 1.0, np.inf], [1.0, 2.0, 2.0]), ([0.0, 1.0, 2.0], [-np.inf, -np.inf, 2.0]),
                                    ([0.0, 1.0, 2.0], [np.inf, -np.inf, np.nan])])  # fmt: skip
def test_beside_an_infinity_there_are_the_numbers_that_numpy_has(xp, fp):
    x = np.array([0.0, 0.5, 1.0, 1.5, 2.0, 3.0])
    for kind in (list, np.array, ad.constant):
        np.testing.assert_array_equal(np.interp(ad.constant(x), kind(xp), kind(fp)).numpy(), np.interp(x, xp, fp))


def test_a_slope_passes_over_what_stands_in_its_middle():
    x = np.array([1.0, np.nan, 3.0, np.inf])
    np.testing.assert_array_equal(np.gradient(ad.constant(x)).numpy(), np.gradient(x))


def test_powers_that_do_not_determine_a_fit_are_numpys_with_its_warning():
    with pytest.warns(Warning, match="poorly conditioned"):
        y = np.polyfit(1e8 + np.arange(4.0), ad.constant(X), 2)
    with pytest.warns(Warning, match="poorly conditioned"):
        np.testing.assert_array_equal(y, np.polyfit(1e8 + np.arange(4.0), X, 2))
    fits = ad.vectorized_map(lambda x: np.polyfit(x, X, 2), np.stack([1e8 + np.arange(4.0), X])).numpy()
    assert np.isnan(fits[0]).all() and np.isfinite(fits[1]).all()


def test_nothing_is_interpolated_at_no_place():
    assert np.interp(ad.zeros(0), P, P).shape == (0,) and np.interp(ad.zeros((2, 0)), P, P).shape == (2, 0)


def test_a_table_of_thousands_is_interpolated_as_numpy_does():
    rng = np.random.default_rng(3)
    xp = np.sort(rng.random(3000))
    fp, x = rng.normal(size=3000), rng.random(2000) * 1.2 - 0.1
    x[:50] = xp[:50]
    np.testing.assert_allclose(np.interp(ad.constant(x), xp, fp).numpy(), np.interp(x, xp, fp), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", ["np.interp(X, [], [])", "np.interp(X, P, X)", "np.interp(X, P, P, period=0)", "np.gradient(X[:1])", "np.gradient(X, 1.0, 2.0)",
                                  "np.select([X > 0], [X, X])", "np.select([X], [X])", "np.polyfit(X, X, 1, full=True)[0]", "np.piecewise(X, [X > 0], [])",
                                  "np.linspace(X[0], 1.0, -1)", "np.linspace(X[0], 1.0, 3, dtype='float32')", "np.linspace(X[0], 1.0, retstep=True)[1]",
                                  "np.vander(M)", "np.vander(X, -1)", "np.gradient(M, axis=2)", "np.gradient(M, axis=-3)", "np.gradient(M, axis=(0, 0))",
                                  "np.polyfit(M, X, 1)", "np.meshgrid(X, X, sparse=True)[0]"])  # fmt: skip
def test_what_has_no_formula_is_computed_by_numpy_or_raises_as_it_does(case):
    agree_or_raise(case, {"X": X, "M": M}, P=P)
