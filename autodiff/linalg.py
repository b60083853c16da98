"""ad.linalg: products, norms, diagonals and decompositions of the last two dimensions."""

import collections
from typing import Any

import numpy as np

from . import dtypes, errors, ops
from ._core import Tensor, matrix_product, record_call, reduce_sum
from .arguments import axes_of, axis_of, floating, integer, integers, product, tensors
from .arguments import tensor as to_tensor
from .constants import eye
from .custom_gradient import stop_gradient
from .contraction import einsum, tensordot  # noqa: F401
from .math import l2_normalize  # noqa: F401
from .shaping import reshape, stack, strides_of, transpose

# fmt: off
__all__ = [
    "adjoint", "band_part", "cholesky", "cholesky_solve", "cross", "det", "diag", "diag_part", "eigh", "eigvalsh", "einsum", "eye",
    "global_norm", "inv", "l2_normalize", "logdet", "lstsq", "matmul", "matrix_transpose", "matvec", "norm", "normalize", "set_diag",
    "slogdet", "solve", "tensor_diag", "tensor_diag_part", "tensordot", "trace", "triangular_solve"
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
    if isinstance(ord, str) or not ord > 0:
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
    sign = np.linalg.slogdet(x.numpy())[0]
    return SLogDet(to_tensor(np.asarray(sign)), ops.logabsdet(x))


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

    The gradient through the eigenvectors is infinite where two eigenvalues are equal.
    """
    x = floating(_square("eigh", tensor), "eigh")
    values, vectors = np.linalg.eigh(x.numpy())
    outputs = []

    def backward(g_values, g_vectors):
        w, v = outputs
        inner = diag(g_values)
        if g_vectors is not None:
            gaps = w[..., None, :] - w[..., :, None]
            inverse = ops.where(to_tensor(np.eye(w.shape[-1], dtype=bool)), 0, ops.reciprocal_no_nan(gaps))
            inner = inner + inverse * ops.matmul(v, g_vectors, transpose_a=1, transpose_b=0)
        g = ops.matmul(ops.matmul(v, inner, transpose_a=0, transpose_b=0), v, transpose_a=0, transpose_b=1)
        lower = (
            np.tril(np.ones(x.shape[-2:], x.dtype.as_numpy_dtype), -1)
            + np.eye(x.shape[-1], dtype=x.dtype.as_numpy_dtype) / 2
        )
        return [(g + matrix_transpose(g)) * to_tensor(lower)]

    outputs += record_call([to_tensor(values), to_tensor(vectors)], [x], backward)
    return tuple(outputs)


def eigvalsh(tensor, name=None) -> Tensor:
    """The eigenvalues of symmetric matrices, in ascending order."""
    return eigh(tensor)[0]


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
