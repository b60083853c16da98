"""ad.linalg: determinants, linear equations, eigenvalues and factors of matrices, which are the last two dimensions."""

import collections
import math
from typing import Any

import numpy as np

from . import errors, ops
from ._core import Tensor, reduce_sum
from .arguments import floating
from .arguments import tensor as to_tensor
from .arguments import tensors
from .constants import eye
from .diagonals import band_part, diag_part
from .products import as_matrices, matrix_transpose

__all__ = ["cholesky", "cholesky_solve", "det", "eigh", "eigvalsh", "expm", "inv", "logdet", "lstsq", "pinv", "qr", "slogdet", "solve", "svd",
           "triangular_solve"]  # fmt: skip

SLogDet = collections.namedtuple("SLogDet", "sign log_abs_determinant")


def inv(input, adjoint=False, name=None) -> Tensor:
    """The inverse of square matrices, or of their transposes.  Raises InvalidArgumentError where there is none.

    >>> inv([[2.0, 0.0], [0.0, 4.0]]).numpy().tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    y = ops.inv(_square("inv", input))
    return matrix_transpose(y) if adjoint else y


def det(input, name=None) -> Tensor:
    """The determinant of square matrices.

    >>> float(det([[2.0, 0.0], [0.0, 4.0]]))
    8.0
    """
    return ops.det(_square("det", input))


def slogdet(input, name=None) -> SLogDet:
    """(sign, log|det|) of square matrices; sign 0 and -inf where the determinant is 0.

    >>> [float(t) for t in slogdet([[0.0, 1.0], [1.0, 0.0]])]
    [-1.0, 0.0]
    """
    x = _square("slogdet", input)
    return SLogDet(ops.sign_of_det(x), ops.logabsdet(x))


def logdet(matrix, name=None) -> Tensor:
    """log(det) of symmetric positive definite matrices, by their Cholesky factors.

    >>> round(float(logdet([[2.0, 0.0], [0.0, 4.0]])), 4)
    2.0794
    """
    factor = cholesky(matrix)
    return 2.0 * reduce_sum(ops.log(diag_part(factor)), -1)


def cholesky(input, name=None) -> Tensor:
    """The lower triangular L with L @ transpose(L) = input, which is symmetric positive definite; only its lower half is read.

    >>> cholesky([[4.0, 2.0], [2.0, 5.0]]).numpy().tolist()
    [[2.0, 0.0], [1.0, 2.0]]
    """
    return ops.cholesky(_square("cholesky", input))


def solve(matrix, rhs, adjoint=False, name=None) -> Tensor:
    """X with matrix @ X = rhs (or transpose(matrix) @ X = rhs): (..., m, m) and (..., m, k) -> (..., m, k).

    >>> solve([[2.0, 0.0], [0.0, 4.0]], [[1.0], [1.0]]).numpy().tolist()
    [[0.5], [0.25]]
    """
    a, b = tensors("solve", matrix, rhs)
    a, b = _square("solve", a), as_matrices("solve", b)
    if a.shape[-1] != b.shape[-2]:
        raise errors.unlike_matrices("solve", a.shape, b.shape, a.shape[-1], b.shape[-2])
    return ops.solve(a, b, adjoint=1 if adjoint else 0)


def triangular_solve(matrix, rhs, lower=True, adjoint=False, name=None) -> Tensor:
    """`solve` of the lower (or upper) triangle of `matrix`.

    >>> triangular_solve([[2.0, 0.0], [1.0, 1.0]], [[2.0], [3.0]]).numpy().tolist()
    [[1.0], [2.0]]
    """
    x = _square("triangular_solve", matrix)
    return solve(band_part(x, -1, 0) if lower else band_part(x, 0, -1), rhs, adjoint)


def cholesky_solve(chol, rhs, name=None) -> Tensor:
    """X with chol @ transpose(chol) @ X = rhs.

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
    limit = to_tensor(least if rcond is None else rcond, "pinv", like=x)
    if rcond is None or (limit.numpy() <= least).all():
        return ops.pinv(x, limit)
    return ops.pinv(x - _small_part(x, limit, least), to_tensor(least, "pinv", like=x))


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


# ----------------------------------------------------------------------------------------------------------------- helpers
def _square(name, x):
    x = floating(as_matrices(name, x), name)
    if x.shape[-1] != x.shape[-2]:
        raise errors.ShapeError(f"{name}: Input matrix must be square, got shape {x.shape}")
    return x
