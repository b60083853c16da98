"""ad.linalg: determinants, linear equations, eigenvalues and factors of matrices, which are the last two dimensions."""

import collections
import math
from typing import Any

import numpy as np

from . import dtypes, errors, ops
from ._core import Tensor, reduce_sum
from .arguments import floating
from .arguments import tensor as to_tensor
from .arguments import tensors
from .constants import eye
from .custom_gradient import custom_gradient
from .diagonals import band_part, diag_part
from .products import as_matrices, matrix_transpose

__all__ = ["cholesky", "cholesky_solve", "det", "eigh", "eigvalsh", "expm", "inv", "logdet", "lstsq", "lu", "lu_matrix_inverse", "lu_reconstruct",
           "lu_solve", "matrix_rank", "pinv", "qr", "slogdet", "solve", "sqrtm", "svd", "triangular_solve"]  # fmt: skip

SLogDet = collections.namedtuple("SLogDet", "sign log_abs_determinant")
Lu = collections.namedtuple("Lu", "lu p")


def inv(input, adjoint=False, name=None) -> Tensor:
    """The inverse of square matrices, or of their transposes, (..., m, m) -> (..., m, m), by LAPACK's getrf and getrs.

    Raises InvalidArgumentError where there is none, ShapeError unless the matrices are square, DtypeError of what is no float.

    >>> inv([[2.0, 0.0], [0.0, 4.0]]).numpy().tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    y = ops.inv(_square("inv", input))
    return matrix_transpose(y) if adjoint else y


def det(input, name=None) -> Tensor:
    """The determinant of square matrices, (..., m, m) -> (...), by LAPACK's getrf; singular ones have a gradient too.

    Raises ShapeError unless the matrices are square, DtypeError of what is no float.

    >>> float(det([[2.0, 0.0], [0.0, 4.0]]))
    8.0
    """
    return ops.det(_square("det", input))


def slogdet(input, name=None) -> SLogDet:
    """(sign, log|det|) of square matrices, (..., m, m) -> (...) each; sign 0 and -inf where the determinant is 0.

    Raises ShapeError unless the matrices are square, DtypeError of what is no float; the gradient InvalidArgumentError where it is 0.

    >>> [float(t) for t in slogdet([[0.0, 1.0], [1.0, 0.0]])]
    [-1.0, 0.0]
    """
    x = _square("slogdet", input)
    return SLogDet(ops.sign_of_det(x), ops.logabsdet(x))


def logdet(matrix, name=None) -> Tensor:
    """log(det) of symmetric positive definite matrices, (..., m, m) -> (...), by their Cholesky factors.

    Raises as `cholesky` does.

    >>> round(float(logdet([[2.0, 0.0], [0.0, 4.0]])), 4)
    2.0794
    """
    factor = cholesky(matrix)
    return 2.0 * reduce_sum(ops.log(diag_part(factor)), -1)


def cholesky(input, name=None) -> Tensor:
    """The lower triangular L with L @ transpose(L) = input, which is symmetric positive definite, (..., m, m) -> (..., m, m), by LAPACK's
    potrf; only its lower half is read.

    Raises DecompositionError of what is not positive definite, ShapeError unless the matrices are square, DtypeError of what is no float.

    >>> cholesky([[4.0, 2.0], [2.0, 5.0]]).numpy().tolist()
    [[2.0, 0.0], [1.0, 2.0]]
    """
    return ops.cholesky(_square("cholesky", input))


def solve(matrix, rhs, adjoint=False, name=None) -> Tensor:
    """X with matrix @ X = rhs (or transpose(matrix) @ X = rhs): (..., m, m) and (..., m, k) -> (..., m, k), by LAPACK's gesv.

    Raises InvalidArgumentError where a matrix has no inverse, ShapeError where shapes do not fit, DtypeError of what is no float.

    >>> solve([[2.0, 0.0], [0.0, 4.0]], [[1.0], [1.0]]).numpy().tolist()
    [[0.5], [0.25]]
    """
    return ops.solve(*_equations("solve", matrix, rhs), adjoint=1 if adjoint else 0)


def triangular_solve(matrix, rhs, lower=True, adjoint=False, name=None) -> Tensor:
    """`solve` of the lower (or upper) triangle of `matrix`, by substitution; what stands beside it is not read.

    Raises InvalidArgumentError where its diagonal has a 0, else as `solve` does.

    >>> triangular_solve([[2.0, 0.0], [1.0, 1.0]], [[2.0], [3.0]]).numpy().tolist()
    [[1.0], [2.0]]
    """
    a, b = _equations("triangular_solve", matrix, rhs)
    return ops.triangular_solve(a, b, lower=1 if lower else 0, adjoint=1 if adjoint else 0)


def cholesky_solve(chol, rhs, name=None) -> Tensor:
    """X with chol @ transpose(chol) @ X = rhs: (..., m, m) and (..., m, k) -> (..., m, k).  Raises as `triangular_solve` does.

    >>> cholesky_solve([[2.0, 0.0], [0.0, 1.0]], [[4.0], [1.0]]).numpy().tolist()
    [[1.0], [1.0]]
    """
    return triangular_solve(chol, triangular_solve(chol, rhs), adjoint=True)


def lstsq(matrix, rhs, l2_regularizer=0.0, fast=True, name=None) -> Tensor:
    """X that makes |matrix @ X - rhs|**2 + l2_regularizer * |X|**2 smallest, by the normal equations; of fewer rows than
    columns the shortest X that solves.

    >>> lstsq([[1.0], [1.0]], [[1.0], [3.0]]).numpy().round(4).tolist()
    [[2.0]]
    """
    a, b = tensors("lstsq", matrix, rhs)
    a, b = as_matrices("lstsq", a), as_matrices("lstsq", b)
    tall = a.shape[-2] >= a.shape[-1]
    square = ops.matmul(a, a, transpose_a=int(tall), transpose_b=int(not tall))
    square = square + l2_regularizer * eye(square.shape[-1], dtype=a.dtype)
    if tall:
        return solve(square, ops.matmul(a, b, transpose_a=1, transpose_b=0))
    return ops.matmul(a, solve(square, b), transpose_a=1, transpose_b=0)


def eigh(tensor, name=None) -> tuple[Tensor, Tensor]:
    """(eigenvalues in ascending order, eigenvectors as columns) of symmetric matrices.  Only the lower half is read, and the
    gradient stands there.

    Where two eigenvalues are equal their vectors are any of a plane, and of what depends on which ones there is no gradient: it
    counts for nothing.

    >>> [t.numpy().shape for t in eigh([[2.0, 0.0], [0.0, 1.0]])]
    [(2,), (2, 2)]
    """
    y = ops.eigh(_square("eigh", tensor))
    return y[..., 0, :], y[..., 1:, :]


def eigvalsh(tensor, name=None) -> Tensor:
    """The eigenvalues of symmetric matrices, in ascending order.

    >>> eigvalsh([[2.0, 0.0], [0.0, 1.0]]).numpy().tolist()
    [1.0, 2.0]
    """
    return eigh(tensor)[0]


def svd(tensor, full_matrices=False, compute_uv=True, name=None) -> Any:
    """The singular values s in descending order, u and v of matrices (..., m, n), which are u @ diag(s) @ transpose(v): shapes (..., k),
    (..., m, k), (..., n, k) with k = min(m, n); s alone unless compute_uv.

    The gradient through u and v is of what does not depend on their signs, and counts nothing where two values are equal.

    >>> import autodiff as ad
    >>> ad.linalg.svd([[3.0, 0.0], [0.0, -4.0]], compute_uv=False).numpy()
    array([4., 3.], dtype=float32)
    """
    x = floating(as_matrices("svd", tensor), "svd")
    if full_matrices and x.shape[-1] != x.shape[-2]:
        raise errors.UnimplementedError("svd: full_matrices=True is implemented for square matrices only: for others their vectors beyond "
                                        "the singular values are any that fill a space, and have no gradient")  # fmt: skip
    y = ops.svd(x)
    s = y[..., 0, :]
    return (s, y[..., 1 : x.shape[-2] + 1, :], y[..., x.shape[-2] + 1 :, :]) if compute_uv else s


def qr(input, full_matrices=False, name=None) -> Any:
    """Orthonormal columns q and an upper triangular r of matrices (..., m, n), which are q @ r: shapes (..., m, k), (..., k, n), k = min(m, n).

    The signs are LAPACK's, as in TensorFlow.  The gradient needs the first k columns to be linearly independent.
    Raises UnimplementedError of full_matrices where m > n: columns beyond those of the matrix have no gradient.

    >>> import autodiff as ad
    >>> q, r = ad.linalg.qr([[3.0, 1.0], [4.0, 2.0]])
    >>> (q @ r).numpy().round(6)
    array([[3., 1.],
           [4., 2.]], dtype=float32)
    """
    x = floating(as_matrices("qr", input), "qr")
    if full_matrices and x.shape[-2] > x.shape[-1]:
        raise errors.UnimplementedError("qr: full_matrices=True is implemented for matrices of no more rows than columns: for others the columns of q "
                                        "beyond the matrix's are any that fill the space, and have no gradient")  # fmt: skip
    y = ops.qr(x)
    return y[..., : x.shape[-2], :], matrix_transpose(y[..., x.shape[-2] :, :])


def pinv(a, rcond=None, validate_args=False, name=None) -> Tensor:
    """The pseudo-inverse of matrices (..., m, n): (..., n, m).  Its gradient is that of matrices of the same rank.

    rcond   singular values of at most rcond times the largest count as 0: as in TensorFlow by default 10 max(m, n) eps.  The gradient
            knows those that are not 0, unless two of them are equal, and the gradient's gradient unless two of any are

    >>> import autodiff as ad
    >>> ad.linalg.pinv([[2.0, 0.0], [0.0, 4.0], [0.0, 0.0]]).numpy()
    array([[0.5 , 0.  , 0.  ],
           [0.  , 0.25, 0.  ]], dtype=float32)
    """
    x = floating(as_matrices("pinv", a), "pinv")
    least = 10 * max(x.shape[-2:]) * np.finfo(x.dtype.as_numpy_dtype).eps
    limit = ops.cast(to_tensor(least if rcond is None else rcond, "pinv", like=x), dtype=x.dtype.code)
    if rcond is None or (limit.numpy() <= least).all():
        return ops.pinv(x, limit)
    kept = ops.where(ops.reshape(limit, shape=(*limit.shape, 1, 1)) < 1, x - _small_part(x, limit, least), 0)   # not the rounding of x - x
    return ops.pinv(kept, to_tensor(float(least), "pinv", like=x))


def matrix_rank(a, tol=None, validate_args=False, name=None) -> Tensor:
    """How many singular values of matrices are larger than tol: an integer (int32) for each matrix.

    tol   by default eps * max(m, n) times the largest singular value

    >>> int(matrix_rank([[1.0, 2.0], [2.0, 4.0]]))
    1
    """
    x = floating(as_matrices("matrix_rank", a), "matrix_rank")
    s = svd(x, compute_uv=False)
    if tol is None:
        largest = ops.reduce_max(s, axes=(s.ndim - 1,), keepdims=1)
        limit = largest * (np.finfo(x.dtype.as_numpy_dtype).eps * max(x.shape[-2:]))
    else:
        limit = to_tensor(tol, "matrix_rank", like=x)
        limit = ops.reshape(limit, shape=(*limit.shape, 1))
    return reduce_sum(ops.cast(s > limit, dtype=dtypes.int32.code), -1)


def _small_part(x, limit, least):
    """What the singular values that count as 0 contribute to x, but for those that are 0 up to rounding.  Without it the rank stays, as
    the derivative of pinv supposes; with it the vectors that are kept turn by 1 / (s*s - t*t), where t is a small one, not by 1 / (s*s)."""
    s, u, v = svd(x)
    largest = ops.reduce_max(s, axes=(s.ndim - 1,), keepdims=1)
    small = ops.where((s > largest * ops.reshape(limit, shape=(*limit.shape, 1))) | (s <= largest * least), 0, s)
    return ops.matmul(u * ops.reshape(small, shape=(*small.shape[:-1], 1, small.shape[-1])), v, transpose_a=0, transpose_b=1)


def expm(input, name=None) -> Tensor:
    """The exponential of square matrices, I + A + A @ A / 2 + ..: by the diagonal Pade approximant of degree 13 of A / 2**s, squared s
    times (N. Higham, "The scaling and squaring method for the matrix exponential revisited", 2005), s for the batch as a whole.

    >>> import autodiff as ad
    >>> ad.linalg.expm([[0.0, 1.0], [0.0, 0.0]]).numpy()
    array([[1., 1.],
           [0., 1.]], dtype=float32)
    """
    x = _square("expm", input)
    # one matrix needs no more squarings for another's norm to be large, but loses a digit or two by them, as in TensorFlow
    norm = ops.reduce_max(ops.reduce_sum(ops.abs(x), axes=(x.ndim - 2,), keepdims=0), axes=tuple(range(x.ndim - 1)), keepdims=0)
    size = ops.where(ops.is_finite(norm), ops.maximum(norm / 5.371920351148152, 1), 1)      # Higham's theta of degree 13
    squarings = int(ops.ceil(ops.log2(size)))
    x, one = x * 0.5**squarings, eye(x.shape[-1], dtype=x.dtype)
    x2 = x @ x
    x4 = x2 @ x2
    x6 = x2 @ x4
    b = [math.comb(13, k) * math.factorial(26 - k) / math.factorial(26) * 1.0 for k in range(14)]
    odd = x @ (x6 @ (b[13] * x6 + b[11] * x4 + b[9] * x2) + b[7] * x6 + b[5] * x4 + b[3] * x2 + b[1] * one)
    even = x6 @ (b[12] * x6 + b[10] * x4 + b[8] * x2) + b[6] * x6 + b[4] * x4 + b[2] * x2 + b[0] * one
    y = solve(even - odd, even + odd)
    for _ in range(squarings):
        y = y @ y
    return y


def sqrtm(input, name=None) -> Tensor:
    """The square root of square matrices that has no eigenvalue left of 0: sqrtm(A) @ sqrtm(A) = A.

    By Newton's iteration in its product form, for a batch as a whole (N. Higham, Functions of Matrices, 2008, eq. 6.29, 6.30).  Raises
    InvalidArgumentError where there is none such: of matrices with eigenvalues on the real axis up to 0.

    >>> import autodiff as ad
    >>> ad.linalg.sqrtm([[4.0, 1.0], [0.0, 9.0]]).numpy().round(6)
    array([[2. , 0.2],
           [0. , 3. ]], dtype=float32)
    """
    x = m = _square("sqrtm", input)
    n, one = x.shape[-1], eye(x.shape[-1], dtype=x.dtype)
    enough = 10 * max(n, 1) * float(np.finfo(x.dtype.as_numpy_dtype).eps)
    near = False
    for _ in range(40 if bool(ops.is_finite(_largest_of(x))) else 0):
        try:
            inverse = ops.inv(m)
        except errors.InvalidArgumentError:
            break
        # so that |det m| is 1: while far away a step does little but halve; near the end the scale is 1
        scale = 1.0 if near else ops.exp(ops.logabsdet(m) * (-0.5 / max(n, 1)))[..., None, None]
        x = x * (0.5 * scale) @ (one + inverse / (scale * scale))
        m = (one + 0.5 * (m * (scale * scale) + inverse / (scale * scale))) * 0.5
        away = _largest_of(m - one)
        if near and bool(away <= enough):
            return x
        near = near or bool(away < 0.1)
    raise errors.InvalidArgumentError("sqrtm: the matrix has no square root of this kind: it must be finite, without eigenvalues on the real axis up to 0")


def _largest_of(x):
    return ops.maximum(ops.reduce_max(ops.abs(x), axes=tuple(range(x.ndim)), keepdims=0), 0)


# --------------------------------------------------------------------------------------------------------- triangular factors
def lu(input, output_idx_type=dtypes.int32, name=None) -> Lu:
    """(lu, p) of square matrices A: A[p] is L @ U, where L has ones on its diagonal and is below that of lu, U is the rest of lu.

    By elimination with the largest pivot of each column.  Its gradient is of the factors in this order of the rows; an ad.function with
    it runs as written.  Raises InvalidArgumentError where A has no inverse.

    Method of the gradient: S. Walter & L. Lehmann, "Algorithmic differentiation of linear algebra functions" (2010).

    >>> [t.numpy().tolist() for t in lu([[1.0, 2.0], [2.0, 8.0]])]
    [[[2.0, 8.0], [0.5, -2.0]], [1, 0]]
    """
    x = _square("lu", input)
    packed, order = _eliminated(x.numpy())
    return Lu(_factors(x, packed, order), to_tensor(order.astype(dtypes.as_dtype(output_idx_type).as_numpy_dtype)))


def lu_solve(lower_upper, perm, rhs, validate_args=False, name=None) -> Tensor:
    """X with A @ X = rhs, for the A of which lu gave (lower_upper, perm): rhs and X of shape (..., m, k).

    >>> lu_solve(*lu([[1.0, 2.0], [2.0, 8.0]]), [[3.0], [10.0]]).numpy().tolist()
    [[1.0], [1.0]]
    """
    y = _square("lu_solve", lower_upper)
    b = as_matrices("lu_solve", to_tensor(rhs, "lu_solve", like=y))
    if b.shape[-2] != y.shape[-1] or b.shape[:-2] != y.shape[:-2]:
        raise errors.ShapeError(f"lu_solve: factors of shape {y.shape} do not fit rhs of shape {b.shape}")
    lower, upper = _lower_and_upper(y)
    return triangular_solve(upper, triangular_solve(lower, _rows(b, _order_of("lu_solve", perm, y))), lower=False)


def lu_reconstruct(lower_upper, perm, validate_args=False, name=None) -> Tensor:
    """The A of which lu gave (lower_upper, perm).

    >>> lu_reconstruct(*lu([[1.0, 2.0], [2.0, 8.0]])).numpy().tolist()
    [[1.0, 2.0], [2.0, 8.0]]
    """
    y = _square("lu_reconstruct", lower_upper)
    lower, upper = _lower_and_upper(y)
    return _rows(lower @ upper, ops.argsort(_order_of("lu_reconstruct", perm, y), axis=y.ndim - 2, descending=0))


def lu_matrix_inverse(lower_upper, perm, validate_args=False, name=None) -> Tensor:
    """The inverse of the A of which lu gave (lower_upper, perm).

    >>> lu_matrix_inverse(*lu([[1.0, 2.0], [2.0, 8.0]])).numpy().tolist()
    [[2.0, -0.5], [-0.5, 0.25]]
    """
    y = _square("lu_matrix_inverse", lower_upper)
    return lu_solve(y, perm, eye(y.shape[-1], batch_shape=y.shape[:-2], dtype=y.dtype))


def _eliminated(a):
    """Packed factors and the order of the rows, of arrays."""
    n, batch = a.shape[-1], a.shape[:-2]
    y = a.reshape((math.prod(batch), n, n)).copy()
    order = np.tile(np.arange(n), (len(y), 1))
    each = np.arange(len(y))
    for k in range(n):
        pivot = k + np.abs(y[:, k:, k]).argmax(axis=1)
        for x in (y, order):
            x[each, k], x[each, pivot] = x[each, pivot], x[each, k].copy()
        if (y[:, k, k] == 0).any():
            raise errors.DecompositionError("lu: Input matrix is not invertible")
        y[:, k + 1 :, k] /= y[:, k, k, None]
        y[:, k + 1 :, k + 1 :] -= y[:, k + 1 :, k, None] * y[:, k, None, k + 1 :]
    return y.reshape(a.shape), order.reshape((*batch, n))


def _factors(x, packed, order):
    """`packed` as a function of x, to any derivative.  With dB the change of the rows of x in order and X = inv(L) @ dB @ inv(U), that of L
    is L @ (X below its diagonal) and that of U is (the rest of X) @ U."""

    @custom_gradient
    def factors(a):
        def slope(g):
            lower, upper = _lower_and_upper(_factors(a, packed, order))
            below = band_part(ops.matmul(lower, g - band_part(g, 0, -1), transpose_a=1, transpose_b=0), -1, 0)
            of_x = below - band_part(below, 0, 0) + band_part(ops.matmul(band_part(g, 0, -1), upper, transpose_a=0, transpose_b=1), 0, -1)
            share = matrix_transpose(triangular_solve(upper, matrix_transpose(triangular_solve(lower, of_x, adjoint=True)), lower=False))
            return _rows(share, to_tensor(np.argsort(order, axis=-1)))

        return to_tensor(packed), slope

    return factors(x)


def _lower_and_upper(y):
    upper = band_part(y, 0, -1)
    return y - upper + eye(y.shape[-1], dtype=y.dtype), upper


def _rows(x, order):
    return ops.gather(x, order, axis=x.ndim - 2, batch_dims=x.ndim - 2)


def _order_of(name, perm, y):
    order = to_tensor(perm, name)
    if not order.dtype.is_integer or order.shape != y.shape[:-1]:
        raise errors.ShapeError(f"{name}: perm must be integers of shape {y.shape[:-1]}, the order of the rows, got {order.dtype.name} of shape {order.shape}")
    return order


# ----------------------------------------------------------------------------------------------------------------- helpers
def _equations(name, matrix, rhs):
    a, b = tensors(name, matrix, rhs)
    a, b = _square(name, a), as_matrices(name, b)
    if a.shape[-1] != b.shape[-2]:
        raise errors.unlike_matrices(name, a.shape, b.shape, a.shape[-1], b.shape[-2])
    return a, b


def _square(name, x):
    x = floating(as_matrices(name, x), name)
    if x.shape[-1] != x.shape[-2]:
        raise errors.ShapeError(f"{name}: Input matrix must be square, got shape {x.shape}")
    return x
