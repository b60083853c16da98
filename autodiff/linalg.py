"""ad.linalg: products, norms, diagonals and decompositions of the last two dimensions."""

import collections
import math
from typing import Any

import numpy as np

from . import dtypes, errors, ops
from ._core import Tensor, matrix_product, reduce_sum
from .arguments import axes_of, axis_of, floating, integer, integers, product, tensors
from .arguments import tensor as to_tensor
from .constants import eye
from .custom_gradient import stop_gradient
from .contraction import einsum, tensordot  # noqa: F401
from .math import l2_normalize  # noqa: F401
from .shaping import reshape, stack, strides_of, transpose

# fmt: off
__all__ = [
    "adjoint", "band_part", "cholesky", "cholesky_solve", "cross", "det", "diag", "diag_part", "eigh", "eigvalsh", "einsum", "expm", "eye",
    "global_norm", "inv", "l2_normalize", "logdet", "lstsq", "matmul", "matrix_transpose", "matvec", "norm", "normalize", "pinv", "qr", "set_diag",
    "slogdet", "solve", "svd", "tensor_diag", "tensor_diag_part", "tensordot", "trace", "triangular_solve"
]
# fmt: on

SLogDet = collections.namedtuple("SLogDet", "sign log_abs_determinant")


# ---------------------------------------------------------------------------------------------------------------- products
def matmul(a, b, transpose_a=False, transpose_b=False, adjoint_a=False, adjoint_b=False, a_is_sparse=False, b_is_sparse=False,
           output_type=None, grad_a=False, grad_b=False, name=None) -> Tensor:  # fmt: skip
    """The matrix product of the last two dimensions: (..., m, k) @ (..., k, n) -> (..., m, n); further ones broadcast.

    transpose_a, adjoint_a  take the transpose of a first (of real numbers both are one)
    """
    a, b = tensors("matmul", a, b)
    flip_a, flip_b = _flip("matmul", transpose_a, adjoint_a, "a"), _flip("matmul", transpose_b, adjoint_b, "b")
    y = matrix_product(a, b, flip_a, flip_b)
    return y if output_type is None else _cast(y, output_type)


def matvec(a, b, transpose_a=False, adjoint_a=False, a_is_sparse=False, b_is_sparse=False, name=None) -> Tensor:
    """The product of matrices and vectors: (..., m, n) @ (..., n) -> (..., m); the dimensions before broadcast."""
    a, b = tensors("matvec", a, b)
    if a.ndim < 2:
        raise errors.low_rank("matvec", a.shape, 2)
    if b.ndim < 1:
        raise errors.low_rank("matvec", b.shape, 1)
    flip = _flip("matvec", transpose_a, adjoint_a, "a")
    inner = a.shape[-2 if flip else -1]
    if inner != b.shape[-1]:
        raise errors.unlike_matrices("matvec", a.shape, b.shape, inner, b.shape[-1])
    return ops.matvec(a, b, transpose_a=flip)


def matrix_transpose(a, name="matrix_transpose", conjugate=False) -> Tensor:
    """The last two dimensions exchanged."""
    x = _matrix("matrix_transpose", a)
    return transpose(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def adjoint(matrix, name=None) -> Tensor:
    """The last two dimensions exchanged (of real numbers the adjoint is the transpose)."""
    return matrix_transpose(matrix)


def cross(a, b, name=None) -> Tensor:
    """The vector product along the last dimension, which has 3 elements."""
    a, b = tensors("cross", a, b)
    for x in (a, b):
        if not x.ndim or x.shape[-1] != 3:
            raise errors.ShapeError(f"cross: the last dimension must have 3 elements, got shape {x.shape}")
    if a.shape != b.shape:
        raise errors.unlike_shapes("cross", a.shape, b.shape)

    def turned(x, order):
        return ops.gather(x, to_tensor(np.array(order)), axis=x.ndim - 1, batch_dims=0)

    return turned(a, [1, 2, 0]) * turned(b, [2, 0, 1]) - turned(a, [2, 0, 1]) * turned(b, [1, 2, 0])


# ------------------------------------------------------------------------------------------------------------------- norms
def norm(tensor, ord="euclidean", axis=None, keepdims=None, name=None) -> Tensor:
    """The norm of vectors or matrices.

    ord    of vectors: "euclidean", 1, 2, inf, any p > 0; of matrices: "euclidean" or "fro", 1, 2, inf
    axis   None: the flat tensor as a vector; one axis: vectors; two: matrices (rows, columns)

    The gradient at the zero vector is 0.
    """
    x = floating(tensor, "norm")
    keep = 1 if keepdims else 0
    pair = isinstance(axis, (list, tuple)) and len(axis) == 2
    if isinstance(axis, (list, tuple)) and len(axis) not in (1, 2):
        raise ValueError(f"norm: axis must be None, an integer or a pair of integers, got {axis}")
    if not pair and ord == "fro":
        raise ValueError("norm: ord 'fro' is of matrices: give a pair of axes; of vectors it is 'euclidean'")
    if pair and not (isinstance(ord, str) and ord in ("euclidean", "fro")):
        return _matrix_norm(x, ord, [axis_of("norm", a, x.ndim) for a in axis], keep)
    axes = axes_of("norm", axis, x.ndim)
    if ord in ("euclidean", "fro") or (not pair and ord == 2):
        return ops.reduce_euclidean_norm(x, axes=axes, keepdims=keep)
    if ord == 1:
        return ops.reduce_sum(ops.abs(x), axes=axes, keepdims=keep)
    if ord == np.inf:
        return ops.reduce_max(ops.abs(x), axes=axes, keepdims=keep)
    if isinstance(ord, str) or not np.isscalar(ord) or not ord > 0:
        raise ValueError(f"norm: ord must be 'euclidean', 'fro', inf or a positive number, got {ord!r}")
    return _p_norm(x, float(ord), axes, keep)


def _p_norm(x, p, axes, keep):
    """Scaled by the largest element, so that no power overflows; a norm is homogeneous, so that the gradient needs none of
    the scale's."""
    a = ops.abs(x)
    largest = stop_gradient(ops.reduce_max(a, axes=axes, keepdims=1))
    scale = ops.where(ops.equal(largest, 0), 1, largest)
    total = ops.reduce_sum(ops.pow(a / scale, p), axes=axes, keepdims=1)
    y = ops.where(ops.equal(largest, 0), 0, scale * ops.pow(ops.where(ops.equal(largest, 0), 1, total), 1 / p))
    return y if keep else ops.reshape(y, shape=tuple([n for k, n in enumerate(y.shape) if k not in axes]))


def _matrix_norm(x, ord, axes, keep):
    rows, columns = axes
    if rows == columns:
        raise errors.repeated_axis("norm", axes)
    if ord == 1 or ord == np.inf:
        first, second = (rows, columns) if ord == 1 else (columns, rows)
        sums = ops.reduce_sum(ops.abs(x), axes=(first,), keepdims=1)
        return ops.reduce_max(sums, axes=(rows, columns) if rows < columns else (columns, rows), keepdims=keep)
    if ord != 2:
        raise ValueError(f"norm: ord of matrices must be 'euclidean', 'fro', 1, 2 or inf, got {ord!r}")
    others = [a for a in range(x.ndim) if a not in axes]
    m = transpose(x, (*others, rows, columns))
    squares = ops.matmul(m, m, transpose_a=1, transpose_b=0)
    largest = ops.sqrt(ops.reduce_max(eigvalsh(squares), axes=(m.ndim - 2,), keepdims=0))
    return reshape(largest, [1 if a in axes else n for a, n in enumerate(x.shape)]) if keep else largest


def normalize(tensor, ord="euclidean", axis=None, name=None) -> tuple[Tensor, Tensor]:
    """(tensor / norm, norm), the norm with its dimensions kept."""
    x = floating(tensor, "normalize")
    n = norm(x, ord, axis, True)
    return x / n, n


def global_norm(t_list, name=None) -> Tensor:
    """The Euclidean norm of all elements of all tensors of a list; None entries count for nothing."""
    if not isinstance(t_list, (list, tuple)):
        raise TypeError(f"global_norm: t_list must be a list, got {errors.shorten(t_list)}")
    parts = [norm(t) for t in t_list if t is not None]
    return norm(stack(parts)) if parts else to_tensor(0.0)


def clip_by_norm(t, clip_norm, axes=None, name=None) -> Tensor:
    """`t`, made shorter where its Euclidean norm (over `axes`) is larger than clip_norm."""
    x = floating(t, "clip_by_norm")
    limit = to_tensor(clip_norm, "clip_by_norm", like=x)
    length = ops.reduce_euclidean_norm(x, axes=axes_of("clip_by_norm", axes, x.ndim), keepdims=1)
    return x * (limit / ops.maximum(length, limit))


def clip_by_global_norm(t_list, clip_norm, use_norm=None, name=None) -> tuple[list[Any], Tensor]:
    """The tensors of a list, all made shorter by one factor where their common norm is larger than clip_norm: (list, norm)."""
    if not isinstance(t_list, (list, tuple)):
        raise TypeError(f"clip_by_global_norm: t_list must be a list, got {errors.shorten(t_list)}")
    length = global_norm(t_list) if use_norm is None else to_tensor(use_norm, "clip_by_global_norm")
    limit = to_tensor(clip_norm, "clip_by_global_norm", like=length)
    factor = limit / ops.maximum(length, limit)
    return [None if t is None else to_tensor(t) * factor for t in t_list], length


# --------------------------------------------------------------------------------------------------------------- diagonals
def diag(diagonal, name="diag", k=0, num_rows=-1, num_cols=-1, padding_value=0, align="RIGHT_LEFT") -> Tensor:
    """Matrices whose k-th diagonal is the last dimension of `diagonal`, and padding_value elsewhere.  k > 0: above the main one.

    num_rows, num_cols  their sizes; square unless one is given, then as small as the diagonal allows
    """
    x, k = to_tensor(diagonal, "diag"), _one_diagonal("diag", k)
    if not x.ndim:
        raise errors.low_rank("diag", x.shape, 1)
    n = x.shape[-1]
    square = n + abs(k) if num_rows == num_cols == -1 else 0
    rows = max(n + max(-k, 0), square) if num_rows == -1 else integer("diag", "num_rows", num_rows)
    columns = max(n + max(k, 0), square) if num_cols == -1 else integer("diag", "num_cols", num_cols)
    if _length(rows, columns, k) != n:
        raise errors.ShapeError(
            f"diag: {n} elements are not diagonal {k} of a matrix of {rows} rows and {columns} columns"
        )
    y = ops.unview(x, **_diagonal((*x.shape[:-1], rows, columns), k))
    if isinstance(padding_value, (int, float)) and padding_value == 0:
        return y
    return ops.where(to_tensor(np.eye(rows, columns, k, dtype=bool)), y, to_tensor(padding_value, "diag", like=x))


def diag_part(input, name="diag_part", k=0, padding_value=0, align="RIGHT_LEFT") -> Tensor:
    """The k-th diagonal of matrices, as the last dimension.  k > 0: above the main one."""
    x, k = _matrix("diag_part", input), _one_diagonal("diag_part", k)
    rows, columns = x.shape[-2:]
    n = _length(rows, columns, k)
    if n < 0 or n == 0 and k:
        raise errors.ShapeError(f"diag_part: there is no diagonal {k} in matrices of shape {x.shape[-2:]}")
    where = _diagonal(tuple(x.shape), k)
    return ops.view(x, shape=(*x.shape[:-2], n), strides=where["strides"], offset=where["offset"])


def set_diag(input, diagonal, name="set_diag", k=0, align="RIGHT_LEFT") -> Tensor:
    """Matrices with another k-th diagonal."""
    x, k = _matrix("set_diag", input), _one_diagonal("set_diag", k)
    d = to_tensor(diagonal, "set_diag", like=x)
    expected = (*x.shape[:-2], _length(*x.shape[-2:], k))
    if d.shape != expected:
        raise errors.ShapeError(
            f"set_diag: diagonal {k} of a tensor of shape {x.shape} has shape {expected}, got {d.shape}"
        )
    placed = ops.unview(d, **_diagonal(tuple(x.shape), k))
    return ops.where(to_tensor(np.eye(*x.shape[-2:], k, dtype=bool)), placed, x)


def trace(x, name=None) -> Tensor:
    """The sum of the main diagonal."""
    d = diag_part(x)
    return ops.reduce_sum(d, axes=(d.ndim - 1,), keepdims=0)


def tensor_diag(diagonal, name=None) -> Tensor:
    """A tensor of shape diagonal.shape + diagonal.shape with the elements where both halves of the index are equal."""
    x = to_tensor(diagonal, "tensor_diag")
    return reshape(diag(reshape(x, (-1,))), (*x.shape, *x.shape))


def tensor_diag_part(input, name=None) -> Tensor:
    """The elements where both halves of the index are equal."""
    x = to_tensor(input, "tensor_diag_part")
    half = x.shape[: x.ndim // 2]
    if x.ndim % 2 or x.shape[x.ndim // 2 :] != half:
        raise errors.ShapeError(f"tensor_diag_part: both halves of the shape must be equal, got {x.shape}")
    return reshape(diag_part(reshape(x, (product(half),) * 2)), half)


def band_part(input, num_lower, num_upper, name=None) -> Tensor:
    """Matrices without what is more than num_lower below or num_upper above the diagonal; -1 keeps all of that side."""
    x = _matrix("band_part", input)
    rows, columns = np.indices(x.shape[-2:])
    lower, upper = integer("band_part", "num_lower", num_lower), integer("band_part", "num_upper", num_upper)
    keep = ((lower < 0) | (rows - columns <= lower)) & ((upper < 0) | (columns - rows <= upper))
    return ops.where(to_tensor(keep), x, 0)


# ----------------------------------------------------------------------------------------------------------- decompositions
def inv(input, adjoint=False, name=None) -> Tensor:
    """The inverse of square matrices, or of their transposes.  Raises InvalidArgumentError where there is none."""
    y = ops.inv(_square("inv", input))
    return matrix_transpose(y) if adjoint else y


def det(input, name=None) -> Tensor:
    """The determinant of square matrices."""
    return ops.det(_square("det", input))


def slogdet(input, name=None) -> SLogDet:
    """(sign, log|det|) of square matrices; sign 0 and -inf where the determinant is 0."""
    x = _square("slogdet", input)
    return SLogDet(ops.sign_of_det(x), ops.logabsdet(x))


def logdet(matrix, name=None) -> Tensor:
    """log(det) of symmetric positive definite matrices, by their Cholesky factors."""
    factor = cholesky(matrix)
    return 2.0 * reduce_sum(ops.log(diag_part(factor)), -1)


def cholesky(input, name=None) -> Tensor:
    """The lower triangular L with L @ transpose(L) = input, which is symmetric positive definite; only its lower half is read."""
    return ops.cholesky(_square("cholesky", input))


def solve(matrix, rhs, adjoint=False, name=None) -> Tensor:
    """X with matrix @ X = rhs (or transpose(matrix) @ X = rhs): (..., m, m) and (..., m, k) -> (..., m, k)."""
    a, b = tensors("solve", matrix, rhs)
    a, b = _square("solve", a), _matrix("solve", b)
    if a.shape[-1] != b.shape[-2]:
        raise errors.unlike_matrices("solve", a.shape, b.shape, a.shape[-1], b.shape[-2])
    return ops.solve(a, b, adjoint=1 if adjoint else 0)


def triangular_solve(matrix, rhs, lower=True, adjoint=False, name=None) -> Tensor:
    """`solve` of the lower (or upper) triangle of `matrix`."""
    x = _square("triangular_solve", matrix)
    return solve(band_part(x, -1, 0) if lower else band_part(x, 0, -1), rhs, adjoint)


def cholesky_solve(chol, rhs, name=None) -> Tensor:
    """X with chol @ transpose(chol) @ X = rhs."""
    return triangular_solve(chol, triangular_solve(chol, rhs), adjoint=True)


def lstsq(matrix, rhs, l2_regularizer=0.0, fast=True, name=None) -> Tensor:
    """X that makes |matrix @ X - rhs|**2 + l2_regularizer * |X|**2 smallest, by the normal equations; of fewer rows than
    columns the shortest X that solves."""
    a, b = tensors("lstsq", matrix, rhs)
    a, b = _matrix("lstsq", a), _matrix("lstsq", b)
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
    """
    y = ops.eigh(_square("eigh", tensor))
    return y[..., 0, :], y[..., 1:, :]


def eigvalsh(tensor, name=None) -> Tensor:
    """The eigenvalues of symmetric matrices, in ascending order."""
    return eigh(tensor)[0]


def svd(tensor, full_matrices=False, compute_uv=True, name=None) -> Any:
    """The singular values s in descending order, u and v of matrices (..., m, n), which are u @ diag(s) @ transpose(v): shapes (..., k),
    (..., m, k), (..., n, k) with k = min(m, n); s alone unless compute_uv.

    The gradient through u and v is of what does not depend on their signs, and counts nothing where two values are equal.

    >>> import autodiff as ad
    >>> ad.linalg.svd([[3.0, 0.0], [0.0, -4.0]], compute_uv=False).numpy()
    array([4., 3.], dtype=float32)
    """
    x = floating(_matrix("svd", tensor), "svd")
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
    x = floating(_matrix("qr", input), "qr")
    if full_matrices and x.shape[-2] > x.shape[-1]:
        raise errors.UnimplementedError("qr: full_matrices=True is implemented for matrices of no more rows than columns: for others the columns of q "
                                        "beyond the matrix's are any that fill the space, and have no gradient")  # fmt: skip
    y = ops.qr(x)
    return y[..., : x.shape[-2], :], matrix_transpose(y[..., x.shape[-2] :, :])


def pinv(a, rcond=None, validate_args=False, name=None) -> Tensor:
    """The pseudo-inverse of matrices (..., m, n): (..., n, m).  Its gradient is that of matrices of the same rank.

    rcond   singular values of at most rcond times the largest count as 0; as in TensorFlow by default 10 max(m, n) eps

    >>> import autodiff as ad
    >>> ad.linalg.pinv([[2.0, 0.0], [0.0, 4.0], [0.0, 0.0]]).numpy()
    array([[0.5 , 0.  , 0.  ],
           [0.  , 0.25, 0.  ]], dtype=float32)
    """
    x = floating(_matrix("pinv", a), "pinv")
    if rcond is None:
        rcond = 10 * max(x.shape[-2:]) * np.finfo(x.dtype.as_numpy_dtype).eps
    return ops.pinv(x, to_tensor(rcond, "pinv", like=x))


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
def _flip(name, transpose, adjoint, which):
    if transpose and adjoint:
        raise ValueError(f"{name}: Only one of `transpose_{which}` and `adjoint_{which}` can be True")
    return 1 if transpose or adjoint else 0


def _cast(x, dtype):
    dtype = dtypes.as_dtype(dtype)
    return x if x.dtype is dtype else ops.cast(x, dtype=dtype.code)


def _matrix(name, x):
    x = to_tensor(x, name)
    if x.ndim < 2:
        raise errors.low_rank(name, x.shape, 2)
    return x


def _square(name, x):
    x = floating(_matrix(name, x), name)
    if x.shape[-1] != x.shape[-2]:
        raise errors.ShapeError(f"{name}: Input matrix must be square, got shape {x.shape}")
    return x


def _one_diagonal(name, k):
    k = integers(name, "k", k)
    if len(k) != 1 and len(set(k)) != 1:
        raise errors.UnimplementedError(
            f"{name}: k = {k}: one diagonal at a time; bands of several are not implemented"
        )
    return k[0]


def _length(rows, columns, k):
    return min(rows + min(k, 0), columns - max(k, 0))


def _diagonal(shape, k):
    """Where the k-th diagonal of matrices of that shape stands: what `unview` takes."""
    strides = strides_of(shape)
    return {"shape": shape, "strides": (*strides[:-2], strides[-2] + 1), "offset": k if k >= 0 else -k * strides[-2]}
