"""ad.linalg: diagonals and bands of matrices, taken, put in and added up."""

import numpy as np

from . import errors, ops
from ._core import Tensor
from .arguments import integer, integers, product, sizes
from .arguments import tensor as to_tensor
from .products import as_matrices
from .shaping import reshape, strides_of

__all__ = ["band_part", "diag", "diag_part", "set_diag", "tensor_diag", "tensor_diag_part", "trace"]


def diag(diagonal, name="diag", k=0, num_rows=-1, num_cols=-1, padding_value=0, align="RIGHT_LEFT") -> Tensor:
    """Matrices whose k-th diagonal is the last dimension of `diagonal`, and padding_value elsewhere.  k > 0: above the main one.

    num_rows, num_cols  their sizes; square unless one is given, then as small as the diagonal allows

    >>> diag([1.0, 2.0]).numpy().tolist()
    [[1.0, 0.0], [0.0, 2.0]]
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
    y = ops.unview(x, **_diagonal(sizes("diag", "shape", (*x.shape[:-1], rows, columns)), k))
    if isinstance(padding_value, (int, float)) and padding_value == 0:
        return y
    return ops.where(to_tensor(np.eye(rows, columns, k, dtype=bool)), y, to_tensor(padding_value, "diag", like=x))


def diag_part(input, name="diag_part", k=0, padding_value=0, align="RIGHT_LEFT") -> Tensor:
    """The k-th diagonal of matrices, as the last dimension.  k > 0: above the main one.

    >>> diag_part([[1.0, 2.0], [3.0, 4.0]]).numpy().tolist()
    [1.0, 4.0]
    """
    x, k = as_matrices("diag_part", input), _one_diagonal("diag_part", k)
    rows, columns = x.shape[-2:]
    n = _length(rows, columns, k)
    if n < 0 or n == 0 and k:
        raise errors.ShapeError(f"diag_part: there is no diagonal {k} in matrices of shape {x.shape[-2:]}")
    where = _diagonal(tuple(x.shape), k)
    return ops.view(x, shape=(*x.shape[:-2], n), strides=where["strides"], offset=where["offset"])


def set_diag(input, diagonal, name="set_diag", k=0, align="RIGHT_LEFT") -> Tensor:
    """Matrices with another k-th diagonal.

    >>> set_diag([[1.0, 2.0], [3.0, 4.0]], [0.0, 0.0]).numpy().tolist()
    [[0.0, 2.0], [3.0, 0.0]]
    """
    x, k = as_matrices("set_diag", input), _one_diagonal("set_diag", k)
    d = to_tensor(diagonal, "set_diag", like=x)
    expected = (*x.shape[:-2], _length(*x.shape[-2:], k))
    if d.shape != expected:
        raise errors.ShapeError(
            f"set_diag: diagonal {k} of a tensor of shape {x.shape} has shape {expected}, got {d.shape}"
        )
    placed = ops.unview(d, **_diagonal(tuple(x.shape), k))
    return ops.where(to_tensor(np.eye(*x.shape[-2:], k, dtype=bool)), placed, x)


def trace(x, name=None) -> Tensor:
    """The sum of the main diagonal.

    >>> float(trace([[1.0, 2.0], [3.0, 4.0]]))
    5.0
    """
    d = diag_part(x)
    return ops.reduce_sum(d, axes=(d.ndim - 1,), keepdims=0)


def tensor_diag(diagonal, name=None) -> Tensor:
    """A tensor of shape diagonal.shape + diagonal.shape with the elements where both halves of the index are equal.

    >>> tensor_diag([1.0, 2.0]).numpy().tolist()
    [[1.0, 0.0], [0.0, 2.0]]
    """
    x = to_tensor(diagonal, "tensor_diag")
    return reshape(diag(reshape(x, (-1,))), (*x.shape, *x.shape))


def tensor_diag_part(input, name=None) -> Tensor:
    """The elements where both halves of the index are equal.

    >>> tensor_diag_part([[1.0, 2.0], [3.0, 4.0]]).numpy().tolist()
    [1.0, 4.0]
    """
    x = to_tensor(input, "tensor_diag_part")
    half = x.shape[: x.ndim // 2]
    if x.ndim % 2 or x.shape[x.ndim // 2 :] != half:
        raise errors.ShapeError(f"tensor_diag_part: both halves of the shape must be equal, got {x.shape}")
    return reshape(diag_part(reshape(x, (product(half),) * 2)), half)


def band_part(input, num_lower, num_upper, name=None) -> Tensor:
    """Matrices without what is more than num_lower below or num_upper above the diagonal; -1 keeps all of that side.

    >>> band_part([[1.0, 2.0], [3.0, 4.0]], 0, -1).numpy().tolist()
    [[1.0, 2.0], [0.0, 4.0]]
    """
    x = as_matrices("band_part", input)
    rows, columns = np.indices(x.shape[-2:])
    lower, upper = integer("band_part", "num_lower", num_lower), integer("band_part", "num_upper", num_upper)
    keep = ((lower < 0) | (rows - columns <= lower)) & ((upper < 0) | (columns - rows <= upper))
    return ops.where(to_tensor(keep), x, 0)


# ----------------------------------------------------------------------------------------------------------------- helpers
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
