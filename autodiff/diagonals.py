"""ad.linalg: diagonals and bands of matrices, taken, put in and added up."""

import numpy as np

from . import dtypes, errors, ops
from ._core import Tensor
from .arguments import integer, integers, product, sizes
from .arguments import tensor as to_tensor
from .products import as_matrices
from .shaping import reshape, strides_of

__all__ = ["band_part", "diag", "diag_part", "set_diag", "tensor_diag", "tensor_diag_part", "trace"]


def diag(diagonal, name="diag", k=0, num_rows=-1, num_cols=-1, padding_value=0, align="RIGHT_LEFT") -> Tensor:
    """Matrices whose k-th diagonal is the last dimension of `diagonal`, and padding_value elsewhere.  k > 0: above the main one.

    k                   of two numbers (low, high), a band: the last but one dimension has its diagonals, from high down to low, each as
                        long as the longest
    num_rows, num_cols  their sizes; square unless one is given, then as small as the diagonals allow
    align               where superdiagonals and subdiagonals that are shorter stand in their rows: "RIGHT_LEFT", "LEFT_RIGHT",
                        "LEFT_LEFT" or "RIGHT_RIGHT"

    >>> diag([1.0, 2.0]).numpy().tolist()
    [[1.0, 0.0], [0.0, 2.0]]
    >>> diag([[0, 8, 9], [1, 2, 3], [4, 5, 0]], k=(-1, 1)).numpy().tolist()
    [[1, 8, 0], [4, 2, 9], [0, 5, 3]]
    """
    x, (low, high) = to_tensor(diagonal, "diag"), _band("diag", k)
    if x.ndim < 1 + (low < high):
        raise errors.low_rank("diag", x.shape, 1 + (low < high))
    n = x.shape[-1]
    least = n - min(high, 0), n + max(low, 0)
    square = max(least) if num_rows == num_cols == -1 else 0
    rows = max(least[0], square) if num_rows == -1 else integer("diag", "num_rows", num_rows)
    columns = max(least[1], square) if num_cols == -1 else integer("diag", "num_cols", num_cols)
    if low < high:
        _check_band("diag", x.shape, x.shape[:-2], rows, columns, low, high)
        y, inside = _spread_band(x, rows, columns, low, high, align, "diag")
    elif _length(rows, columns, low) != n:
        raise errors.ShapeError(
            f"diag: {n} elements are not diagonal {low} of a matrix of {rows} rows and {columns} columns"
        )
    else:
        y = _spread(x, sizes("diag", "shape", (*x.shape[:-1], rows, columns)), low)
        if isinstance(padding_value, (int, float)) and padding_value == 0:
            return y
        inside = np.eye(rows, columns, low, dtype=bool)
    return ops.where(to_tensor(inside), y, _padding("diag", padding_value, x))


def diag_part(input, name="diag_part", k=0, padding_value=0, align="RIGHT_LEFT") -> Tensor:
    """The k-th diagonal of matrices, as the last dimension.  k > 0: above the main one.

    k  of two numbers (low, high), a band, as `diag` takes it, filled up with padding_value

    >>> diag_part([[1.0, 2.0], [3.0, 4.0]]).numpy().tolist()
    [1.0, 4.0]
    >>> diag_part([[1.0, 2.0], [3.0, 4.0]], k=(0, 1)).numpy().tolist()
    [[0.0, 2.0], [1.0, 4.0]]
    """
    x, (low, high) = as_matrices("diag_part", input), _band("diag_part", k)
    rows, columns = x.shape[-2:]
    for d in (low, high):
        if _length(rows, columns, d) < 0 or _length(rows, columns, d) == 0 and d:
            raise errors.ShapeError(f"diag_part: there is no diagonal {d} in matrices of shape {x.shape[-2:]}")
    if low == high:
        where = _diagonal(tuple(x.shape), low)
        return ops.view(x, shape=(*x.shape[:-2], _length(rows, columns, low)), strides=where["strides"], offset=where["offset"])
    places = _band_places(rows, columns, low, high, align, "diag_part")
    flat = ops.reshape(x, shape=(*x.shape[:-2], rows * columns))
    y = ops.gather(flat, to_tensor(np.maximum(places, 0)), axis=x.ndim - 2, batch_dims=0)
    return ops.where(to_tensor(places >= 0), y, _padding("diag_part", padding_value, x))


def set_diag(input, diagonal, name="set_diag", k=0, align="RIGHT_LEFT") -> Tensor:
    """Matrices with another k-th diagonal, or another band, as `diag` takes it.

    >>> set_diag([[1.0, 2.0], [3.0, 4.0]], [0.0, 0.0]).numpy().tolist()
    [[0.0, 2.0], [3.0, 0.0]]
    """
    x, (low, high) = as_matrices("set_diag", input), _band("set_diag", k)
    d = to_tensor(diagonal, "set_diag", like=x)
    rows, columns = x.shape[-2:]
    if low < high:
        _check_band("set_diag", d.shape, x.shape[:-2], rows, columns, low, high)
        placed, inside = _spread_band(d, rows, columns, low, high, align, "set_diag")
        return ops.where(to_tensor(inside), placed, x)
    expected = (*x.shape[:-2], _length(rows, columns, low))
    if d.shape != expected:
        raise errors.ShapeError(
            f"set_diag: diagonal {low} of a tensor of shape {x.shape} has shape {expected}, got {d.shape}"
        )
    placed = _spread(d, tuple(x.shape), low)
    return ops.where(to_tensor(np.eye(rows, columns, low, dtype=bool)), placed, x)


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
    rows, columns = np.arange(x.shape[-2])[:, None], np.arange(x.shape[-1])
    lower, upper = integer("band_part", "num_lower", num_lower), integer("band_part", "num_upper", num_upper)
    keep = ((lower < 0) | (rows - columns <= lower)) & ((upper < 0) | (columns - rows <= upper))
    return ops.where(to_tensor(keep), x, False if x.dtype.is_bool else 0)


# ----------------------------------------------------------------------------------------------------------------- helpers
def _spread(x, shape, k):
    """Zeros with the k-th diagonal x; truth values, which do not add up, as whole numbers."""
    if x.dtype.is_bool:
        return ops.cast(_spread(ops.cast(x, dtype=dtypes.int32.code), shape, k), dtype=dtypes.bool.code)
    return ops.unview(x, **_diagonal(shape, k))


def _padding(name, value, x):
    """What stands beside the diagonals of x; 0 beside truth values is False."""
    return to_tensor(False if x.dtype.is_bool and type(value) is int and value == 0 else value, name, like=x)


def _band(name, k):
    """The lowest and the highest diagonal."""
    k = integers(name, "k", k)
    if len(k) not in (1, 2) or k[0] > k[-1]:
        raise errors.InvalidArgumentError(f"{name}: k must be a diagonal, or the lowest and the highest one of a band, got {k}")
    return k[0], k[-1]


def _band_places(rows, columns, low, high, align, name):
    """Where in the flat matrix the elements of a band stand, -1 where the band has none: diagonals from high down to low, a row each."""
    if align not in ("RIGHT_LEFT", "LEFT_RIGHT", "LEFT_LEFT", "RIGHT_RIGHT"):
        raise ValueError(f"{name}: align is 'RIGHT_LEFT', 'LEFT_RIGHT', 'LEFT_LEFT' or 'RIGHT_RIGHT', got {errors.shorten(align)}")
    above, below = align.split("_")
    places = np.full((high - low + 1, _longest(rows, columns, low, high)), -1)
    for row, k in zip(places, range(high, low - 1, -1)):
        n = _length(rows, columns, k)
        first = len(row) - n if (above if k >= 0 else below) == "RIGHT" else 0
        row[first : first + n] = max(-k, 0) * columns + max(k, 0) + np.arange(n) * (columns + 1)
    return places


def _spread_band(x, rows, columns, low, high, align, name):
    """Matrices with the band x, and where it is."""
    places = _band_places(rows, columns, low, high, align, name).reshape(-1)
    of = np.full(rows * columns, -1)                            # what each element of the matrix is in the band
    of[places[places >= 0]] = np.flatnonzero(places >= 0)
    flat = ops.reshape(x, shape=(*x.shape[:-2], places.size))
    y = ops.gather(flat, to_tensor(np.maximum(of, 0).reshape(rows, columns)), axis=x.ndim - 2, batch_dims=0)
    return y, (of >= 0).reshape(rows, columns)


def _check_band(name, given, batch, rows, columns, low, high):
    if not -rows < low <= high < columns:
        raise errors.ShapeError(f"{name}: there is no band ({low}, {high}) in matrices of {rows} rows and {columns} columns")
    expected = (*batch, high - low + 1, _longest(rows, columns, low, high))
    if tuple(given) != expected:
        raise errors.ShapeError(f"{name}: band ({low}, {high}) of matrices of {rows} rows and {columns} columns has shape {expected}, got {tuple(given)}")


def _longest(rows, columns, low, high):
    return _length(rows, columns, min(max(0, low), high))


def _length(rows, columns, k):
    return min(rows + min(k, 0), columns - max(k, 0))


def _diagonal(shape, k):
    """Where the k-th diagonal of matrices of that shape stands: what `unview` takes."""
    strides = strides_of(shape)
    return {"shape": shape, "strides": (*strides[:-2], strides[-2] + 1), "offset": k if k >= 0 else -k * strides[-2]}
