"""Square roots of matrices."""

import numpy as np
import pytest
from differences import check_gradients

import autodiff as ad
from autodiff import errors, linalg

RNG = np.random.default_rng(0)


def made(n, kind):
    x = RNG.normal(size=(n, n))
    return {"positive definite": x @ x.T + 0.1 * np.eye(n), "any": x + 3 * n**0.5 * np.eye(n), "triangular": np.triu(x) + 5 * np.eye(n)}[kind]


@pytest.mark.parametrize("n", [1, 2, 5, 20, 60])
@pytest.mark.parametrize("kind", ["positive definite", "any", "triangular"])
def test_the_square_of_the_root_is_the_matrix(n, kind):
    x = made(n, kind)
    for dtype, rtol in (("float32", 2e-6), ("float64", 4e-15)):
        y = linalg.sqrtm(x.astype(dtype))
        assert y.dtype == dtype
        np.testing.assert_allclose(y.numpy() @ y.numpy(), x, atol=rtol * n * np.abs(x).max())
    assert np.linalg.eigvals(linalg.sqrtm(x).numpy()).real.min() > 0


def test_roots_that_are_known():
    np.testing.assert_allclose(linalg.sqrtm(np.diag([1e-200, 4.0, 1e200])).numpy(), np.diag([1e-100, 2.0, 1e100]), rtol=1e-13)
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])                              # by 90 degrees: by 45 twice
    np.testing.assert_allclose(linalg.sqrtm(turn).numpy(), np.array([[1, -1], [1, 1]]) / 2**0.5, rtol=1e-14)
    batch = np.stack([turn, 4 * np.eye(2), made(2, "any")]).reshape(3, 1, 2, 2)
    y = linalg.sqrtm(batch).numpy()
    np.testing.assert_allclose(y @ y, batch, atol=1e-13)
    assert linalg.sqrtm(np.zeros((0, 0))).shape == (0, 0) and linalg.sqrtm(np.zeros((0, 2, 2))).shape == (0, 2, 2)


def test_slopes_are_those_of_differences():
    check_gradients(linalg.sqrtm, np.stack([made(3, "any"), made(3, "positive definite") + np.eye(3)]))


def test_the_slope_at_a_number_is_that_of_sqrt():
    x = ad.Variable([[9.0]], dtype="float64")
    with ad.GradientTape() as outer, ad.GradientTape() as tape:
        y = linalg.sqrtm(x)
        slope = tape.gradient(y, x)
    assert float(slope[0, 0]) == pytest.approx(1 / 6, rel=1e-14) and float(outer.gradient(slope, x)[0, 0]) == pytest.approx(-1 / 108, rel=1e-12)


def test_roots_are_replayed():
    f = ad.function(linalg.sqrtm)
    for k in range(4):
        x = made(4, "any") * 10.0**k
        np.testing.assert_array_equal(f(x).numpy(), linalg.sqrtm(x).numpy())


@pytest.mark.parametrize("x", [-np.eye(2), np.zeros((2, 2)), [[0.0, 1.0], [0.0, 0.0]], np.full((2, 2), np.nan), np.diag([1.0, -1.0]), np.diag([np.inf, 1.0])], ids=str)
def test_what_has_no_root_is_said(x):
    with pytest.raises(errors.InvalidArgumentError, match="^sqrtm: the matrix has no square root of this kind"):
        linalg.sqrtm(x)


@pytest.mark.parametrize("x, error", [([[1.0, 2.0]], ValueError), ([[1, 0], [0, 1]], TypeError), (1.0, ValueError)])
def test_misuse_is_said(x, error):
    with pytest.raises(error, match="^sqrtm: "):
        linalg.sqrtm(x)
