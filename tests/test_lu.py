"""Triangular factors with pivots, and what is made of them; ranks."""

import numpy as np
import pytest
from differences import check_gradients

import autodiff as ad
from autodiff import errors, linalg

A = np.random.default_rng(0).normal(size=(2, 4, 4))
B = np.random.default_rng(1).normal(size=(2, 4, 3))


@pytest.mark.parametrize("dtype, rtol", [("float32", 1e-5), ("float64", 1e-13)])
@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (2, 3, 5, 5), (0, 0), (0, 2, 2), (40, 40)])
def test_rows_in_order_are_the_product_of_the_factors(shape, dtype, rtol):
    x = np.random.default_rng(3).normal(size=shape).astype(dtype)
    y, order = linalg.lu(x)
    assert y.dtype == dtype and order.dtype == "int32" and linalg.lu(x, ad.int64).p.dtype == "int64"
    lower, upper = np.tril(y.numpy(), -1) + np.eye(shape[-1]), np.triu(y.numpy())
    np.testing.assert_allclose(lower @ upper, np.take_along_axis(x, order.numpy()[..., None], -2), rtol=rtol, atol=10 * rtol)
    assert y.shape.num_elements() == 0 or np.abs(lower).max() <= 1          # pivots are the largest
    np.testing.assert_allclose(linalg.lu_reconstruct(y, order).numpy(), x, rtol=rtol, atol=10 * rtol)


def test_factors_solve_and_invert():
    y, order = linalg.lu(A)
    np.testing.assert_allclose(linalg.lu_solve(y, order, B).numpy(), np.linalg.solve(A, B), rtol=1e-12)
    np.testing.assert_allclose(linalg.lu_matrix_inverse(y, order).numpy(), np.linalg.inv(A), rtol=1e-12)


def test_slopes_are_those_of_differences():
    check_gradients(lambda a: linalg.lu(a).lu ** 2, A)
    check_gradients(lambda a: linalg.lu(a).lu ** 2, A[0], order=3, rtol=1e-4)
    check_gradients(lambda a, b: linalg.lu_solve(*linalg.lu(a), b), A, B)
    check_gradients(lambda a: linalg.lu_matrix_inverse(*linalg.lu(a)), A)
    check_gradients(lambda a: linalg.lu_reconstruct(*linalg.lu(a)) ** 2, A)
    check_gradients(lambda y: linalg.lu_reconstruct(y, [[2, 0, 3, 1]] * 2) ** 2, A)


def test_the_determinant_by_its_pivots_has_the_slope_of_det():
    x = ad.Variable(A[0])
    with ad.GradientTape(persistent=True) as tape:
        y = ad.reduce_prod(ad.abs(linalg.diag_part(linalg.lu(x).lu)))
        z = ad.abs(linalg.det(x))
    assert float(y) == pytest.approx(float(z))
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), tape.gradient(z, x).numpy(), rtol=1e-12)


def test_a_function_with_them_runs_as_written():
    with pytest.warns(UserWarning, match="runs as written"):
        f = ad.function(lambda a: linalg.lu(a).lu)
        for a in (A, A[::-1]):
            np.testing.assert_array_equal(f(a).numpy(), linalg.lu(a).lu.numpy())
    solved = ad.function(linalg.lu_solve)                                   # these are recorded
    for a in (A, A[::-1]):
        np.testing.assert_array_equal(solved(*linalg.lu(a), B).numpy(), linalg.lu_solve(*linalg.lu(a), B).numpy())


def test_ranks():
    x = np.random.default_rng(2).normal(size=(2, 4, 2)) @ np.random.default_rng(3).normal(size=(2, 2, 5))
    x[1, :, :] = x[1, :, :1] * np.arange(5.0)
    for dtype in ("float32", "float64"):
        got = linalg.matrix_rank(x.astype(dtype))
        assert got.dtype == "int32" and got.numpy().tolist() == [2, 1]
    assert int(linalg.matrix_rank(np.eye(3))) == 3 and int(linalg.matrix_rank(np.zeros((3, 2)))) == 0
    assert int(linalg.matrix_rank(np.diag([1.0, 0.1, 0.01]), tol=0.05)) == 2
    assert linalg.matrix_rank(np.stack([np.diag([1.0, 0.1])] * 2), tol=[0.5, 0.05]).numpy().tolist() == [1, 2]


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: linalg.lu([[1.0, 2.0], [2.0, 4.0]]), errors.InvalidArgumentError, "lu: Input matrix is not invertible"),
        (lambda: linalg.lu([[1.0, 2.0]]), ValueError, "lu: Input matrix must be square, got shape (1, 2)"),
        (lambda: linalg.lu([[1, 2], [3, 4]]), TypeError, "lu: got int32, takes float32 or float64: write it as a float (1.0, not 1), or cast it"),
        (lambda: linalg.lu_solve(A[0], [0, 1, 2, 3], B), ValueError, "lu_solve: factors of shape (4, 4) do not fit rhs of shape (2, 4, 3)"),
        (lambda: linalg.lu_solve(A[0], [0, 1, 2], B[0]), ValueError,
         "lu_solve: perm must be integers of shape (4,), the order of the rows, got int32 of shape (3,)"),
        (lambda: linalg.lu_reconstruct(A[0], [0.0, 1.0, 2.0, 3.0]), ValueError,
         "lu_reconstruct: perm must be integers of shape (4,), the order of the rows, got float32 of shape (4,)"),
    ],
)  # fmt: skip
def test_misuse_is_said(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text
