"""NumPy's statistics of tensors: NumPy's values, dtypes and shapes, and the gradients of differences."""

import warnings

import numpy as np
import pytest
from numpy_agreement import agree_or_raise, check

import autodiff as ad

X = np.array([0.3, 1.2, 2.0, -0.7])
M = np.array([[0.3, 1.2, -2.0], [1.7, -0.4, 0.9], [0.2, 0.8, 1.1]])
N = np.array([[1.0, np.nan, 1.0], [2.0, 1.0, 1.0], [1.0, np.nan, 1.0]])
B = np.array([[1.0, 2.0, 0.5], [0.3, -1.0, 4.0]])
CASES = """np.cov(M)|np.cov(X)|np.cov(M, rowvar=False)|np.cov(M, B)|np.cov(M, bias=True)|np.cov(M, ddof=0)|np.cov(M, aweights=[1.0, 2.0, 1.5])|np.cov(X, X * X)
np.cov(M, aweights=M[1] ** 2)|np.corrcoef(M)|np.corrcoef(M, rowvar=False)|np.corrcoef(X, X * X)|np.percentile(X, 30)|np.percentile(X, [30, 99.0])
np.quantile(M, 0.3, axis=0)|np.quantile(M, [0.1, 0.9], axis=1)|np.quantile(M, [[0.1, 0.9]], axis=(0, 1))|np.quantile(M, 0.3, axis=1, keepdims=True)
np.quantile(M, [0.2, 0.3], axis=0, keepdims=True)|np.quantile(X, 0.4, method="lower")|np.quantile(X, 0.4, method="higher")|np.quantile(X, 1.0)|np.quantile(X, 0.0)
np.quantile(X, 0.4, method="midpoint")|np.median(X)|np.median(M, axis=0)|np.median(M, axis=(0, 1))|np.median(M, 1, keepdims=True)|np.nanmedian(N * M, 0)
np.nanquantile(N * M, [0.2, 0.7], axis=1)|np.nanpercentile(N * M, 40)|np.nansum(N * M, axis=0)|np.nanmean(N * M, axis=1, keepdims=True)|np.nanmax(N * M)
np.nanmin(N * M, axis=0)|np.nanvar(N * M, ddof=1)|np.nanstd(N * M, axis=0)|np.nanprod(N * M, 1)|np.nancumsum(N * M, 1)|np.nancumprod(N * M)
np.nanmedian(N * M, axis=(0, 1), keepdims=True)|np.nan_to_num(N * M)|np.nan_to_num(N * M, nan=3.0)|np.nansum(M)|np.nansum(N * M, axis=1)""".replace("\n", "|").split("|")


@pytest.mark.parametrize("case", CASES)
def test_it_is_what_numpy_gives_with_its_gradient(case):
    if "corrcoef" in case:                      # whose ones on the diagonal are rounded
        np.testing.assert_allclose(eval(case, {"np": np, "X": ad.constant(X), "M": ad.constant(M)}).numpy(), eval(case), rtol=1e-14)
    if "corrcoef(X" not in case:
        new = np.lib.NumpyVersion(np.__version__) >= "2.0.0"                            # before it a float64 number took float32
        check(case + ("[0, 1:]" if "corrcoef" in case else ""), X, M, {"B": B, "N": N}, new)


@pytest.mark.parametrize("case", ["np.median(x)", "np.quantile(x, [0.0, 0.5], axis=1)", "np.percentile(x, 50, axis=0)", "np.nanmedian(x, axis=0)", "np.nanmax(x, 0)",
                                  "np.nanmean(x, 0)", "np.nanvar(x, 0)", "np.nanstd(x, 0, ddof=1)", "np.nanmin(x, 0)", "np.nanquantile(x, 0.3, axis=1)"])  # fmt: skip
def test_nan_is_where_numpy_has_it(case):
    x = np.array([[np.nan, 1.0, 4.0], [np.nan, 2.0, np.nan]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        want = eval(case, {"np": np, "x": x})
    np.testing.assert_allclose(eval(case, {"np": np, "x": ad.constant(x)}).numpy(), want)


def test_a_median_beside_an_infinity_is_a_number():
    x = np.array([[1.0, np.nan, 3.0, np.inf], [np.inf, np.inf, 2.0, np.nan], [-np.inf, 1.0, np.nan, np.nan]])
    np.testing.assert_array_equal(np.nanmedian(ad.constant(x), axis=1).numpy(), np.nanmedian(x, axis=1))


def test_equal_numbers_have_no_slope_of_their_deviation():
    x = ad.Variable([2.0, 2.0, np.nan])
    with ad.GradientTape() as tape:
        y = np.nanstd(x)
    assert tape.gradient(y, x).numpy().tolist() == [0.0, 0.0, 0.0]


def test_infinities_become_the_largest_numbers():
    x = np.array([np.inf, -np.inf, np.nan, 1.0], np.float32)
    np.testing.assert_array_equal(np.nan_to_num(ad.constant(x)).numpy(), np.nan_to_num(x))
    np.testing.assert_array_equal(np.nan_to_num(ad.constant(x), posinf=5.0, neginf=-6.0).numpy(), np.nan_to_num(x, posinf=5.0, neginf=-6.0))


def test_a_quantile_is_shared_by_the_elements_between_which_it_lies():
    x = ad.Variable(X)
    with ad.GradientTape() as tape:
        y = np.quantile(x, 0.5)
    assert tape.gradient(y, x).numpy().tolist() == [0.5, 0.5, 0.0, 0.0]


@pytest.mark.parametrize("case", ["np.quantile(X, 1.5)", "np.quantile(X[:0], 0.5)", "np.median(X > 0)", "np.cov(X[:1], ddof=1)", "np.quantile(X, 0.3, method='hazen')",
                                  "np.percentile(X, 50, method='nearest')", "np.cov(M, fweights=[1, 2, 1])", "np.nanmax(X > 0)", "np.nanmean(M, where=M > 0)",
                                  "np.cov(M, aweights=X)", "np.nanmedian(X[:0])", "np.nanmax(X[:0])", "np.nanmin(M[:0], axis=0)", "np.nanmax(M[:0], axis=1)",
                                  "np.max(X[:0])", "np.min(M[:0], axis=0)", "np.max(M[:0], axis=1)", "np.cov(M, aweights=[1.0, -2.0, 3.0])", "np.nansum(M, dtype='float32')"])  # fmt: skip
def test_what_has_no_formula_is_computed_by_numpy_or_raises_as_it_does(case):
    agree_or_raise(case, {"X": X, "M": M})
