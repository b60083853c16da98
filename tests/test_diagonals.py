"""Bands of several diagonals: taken, put in, and where they stand in their rows.  One diagonal: test_linalg.py."""

import numpy as np
import pytest
from differences import check_gradients

import autodiff as ad
from autodiff import errors, linalg

M = np.arange(1.0, 25).reshape(2, 3, 4)
ALIGN = ["RIGHT_LEFT", "LEFT_RIGHT", "LEFT_LEFT", "RIGHT_RIGHT"]
BANDS = [(-1, 2), (0, 3), (-2, 0), (-2, -1), (1, 3), (-2, 3)]


def band(x, low, high, align, fill):
    """The definition, a diagonal after the other."""
    above, below = align.split("_")
    diagonals = [np.diagonal(x, k) for k in range(high, low - 1, -1)]
    width = max(map(len, diagonals))
    rows = []
    for k, d in zip(range(high, low - 1, -1), diagonals):
        gap = [fill] * (width - len(d))
        rows.append([*gap, *d] if (above if k >= 0 else below) == "RIGHT" else [*d, *gap])
    return np.array(rows, x.dtype)


@pytest.mark.parametrize("align", ALIGN)
@pytest.mark.parametrize("k", BANDS)
def test_a_band_is_its_diagonals(k, align):
    for dtype in ("float32", "float64", "int32"):
        x = M.astype(dtype)
        got = linalg.diag_part(x, k=k, align=align, padding_value=-9)
        assert got.dtype == dtype
        np.testing.assert_array_equal(got.numpy(), [band(each, *k, align, -9) for each in x])
    check_gradients(lambda x: linalg.diag_part(x, k=k, align=align) ** 2, M / 10)


@pytest.mark.parametrize("align", ALIGN)
@pytest.mark.parametrize("k", BANDS)
def test_a_band_that_is_put_back_is_what_it_was(k, align):
    taken = linalg.diag_part(M, k=k, align=align)
    inside = np.array([[k[0] <= j - i <= k[1] for j in range(4)] for i in range(3)])
    np.testing.assert_array_equal(linalg.diag(taken, k=k, num_rows=3, num_cols=4, align=align).numpy(), np.where(inside, M, 0))
    np.testing.assert_array_equal(linalg.diag(taken, k=k, num_rows=3, num_cols=4, align=align, padding_value=7.0).numpy(), np.where(inside, M, 7))
    np.testing.assert_array_equal(linalg.set_diag(-M, taken, k=k, align=align).numpy(), np.where(inside, M, -M))
    check_gradients(lambda d: linalg.diag(d, k=k, num_rows=3, num_cols=4, align=align) ** 2, taken.numpy() / 10)
    check_gradients(lambda x, d: linalg.set_diag(x, d, k=k, align=align) ** 2, M / 10, taken.numpy() / 10)


def test_sizes_that_are_not_given_are_as_small_as_the_band_allows():
    x = np.arange(1.0, 7).reshape(2, 3)
    assert linalg.diag(x, k=(0, 1)).shape == (3, 3) and linalg.diag(x, k=(1, 2)).shape == (4, 4)
    assert linalg.diag(x, k=(-2, -1)).shape == (4, 4) and linalg.diag(x, k=(-1, 0)).shape == (3, 3)
    assert linalg.diag(x, k=(0, 1), num_rows=3).shape == (3, 3) and linalg.diag(x, k=(0, 1), num_cols=4).shape == (3, 4)
    assert linalg.diag(np.zeros((0, 2, 3)), k=(0, 1)).shape == (0, 3, 3) and linalg.diag_part(np.zeros((0, 3, 4)), k=(0, 1)).shape == (0, 2, 3)
    np.testing.assert_array_equal(linalg.diag(x[1:], k=(1, 1)).numpy(), [np.diag(x[1], 1)])


def test_bands_are_replayed():
    f = ad.function(lambda x: linalg.set_diag(x, linalg.diag_part(x, k=(-1, 1)) ** 2, k=(-1, 1)))
    for x in (M, M + 0.5):
        np.testing.assert_array_equal(f(x).numpy(), np.where(np.abs(np.subtract.outer(np.arange(3), np.arange(4))) <= 1, x**2, x))


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: linalg.diag_part(M, k=(2, -1)), ValueError, "diag_part: k must be a diagonal, or the lowest and the highest one of a band, got (2, -1)"),
        (lambda: linalg.diag_part(M, k=(0, 1, 2)), ValueError, "diag_part: k must be a diagonal, or the lowest and the highest one of a band, got (0, 1, 2)"),
        (lambda: linalg.diag_part(M, k=(-1, 4)), errors.ShapeError, "diag_part: there is no diagonal 4 in matrices of shape (3, 4)"),
        (lambda: linalg.diag_part(M, k=(-3, 1)), errors.ShapeError, "diag_part: there is no diagonal -3 in matrices of shape (3, 4)"),
        (lambda: linalg.diag_part(M, k=(0, 1), align="LEFT"), ValueError,
         "diag_part: align is 'RIGHT_LEFT', 'LEFT_RIGHT', 'LEFT_LEFT' or 'RIGHT_RIGHT', got 'LEFT'"),
        (lambda: linalg.diag([1.0, 2.0], k=(0, 1)), errors.ShapeError, "diag: Shape (2,) must have rank at least 2"),
        (lambda: linalg.diag([[1.0, 2.0]], k=(0, 1)), errors.ShapeError,
         "diag: band (0, 1) of matrices of 2 rows and 2 columns has shape (2, 2), got (1, 2)"),
        (lambda: linalg.diag([[1.0], [2.0]], k=(1, 2), num_rows=1, num_cols=2), errors.ShapeError,
         "diag: there is no band (1, 2) in matrices of 1 rows and 2 columns"),
        (lambda: linalg.set_diag(M, [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]], k=(0, 1)), errors.ShapeError,
         "set_diag: band (0, 1) of matrices of 3 rows and 4 columns has shape (2, 2, 3), got (2, 3)"),
        (lambda: linalg.diag_part(M, k=0.5), TypeError, "diag_part: k must be an integer, got 0.5"),
    ],
)  # fmt: skip
def test_misuse_is_said(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text


def test_truth_values_stand_in_diagonals_and_bands():
    d, m = np.array([[True, False, True]]), np.array([[[True, True, False], [False, True, True], [True, False, True]]])
    np.testing.assert_array_equal(ad.linalg.diag(d[0]).numpy(), np.diag(d[0]))
    np.testing.assert_array_equal(ad.linalg.diag(d[0], k=1, padding_value=True).numpy(), np.where(np.eye(4, k=1) == 0, True, np.diag(d[0], 1)))
    assert ad.linalg.set_diag(m, d).numpy().tolist() == [[[True, True, False], [False, False, True], [True, False, True]]]
    for low, high in ((0, -1), (-1, 0), (1, 0)):
        want = ad.linalg.band_part(m.astype(int), low, high).numpy() != 0
        np.testing.assert_array_equal(ad.linalg.band_part(m, low, high).numpy(), want)
    band = ad.linalg.diag_part(m, k=(-1, 1))
    np.testing.assert_array_equal(band.numpy(), ad.linalg.diag_part(m.astype(int), k=(-1, 1)).numpy() != 0)
    np.testing.assert_array_equal(ad.linalg.diag(band, k=(-1, 1)).numpy(), ad.linalg.diag(ad.linalg.diag_part(m.astype(int), k=(-1, 1)), k=(-1, 1)).numpy() != 0)
    np.testing.assert_array_equal(ad.linalg.tensor_diag(d[0]).numpy(), np.diag(d[0]))
    assert ad.scatter_nd([[1], [1], [3]], [True, True, False], [4]).numpy().tolist() == [False, True, False, False]
