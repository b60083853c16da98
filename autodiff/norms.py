"""ad.norm, ad.linalg.normalize, and tensors made shorter where their norm is too large."""

import math
from typing import Any

import numpy as np

from . import errors, ops
from ._core import Tensor
from .arguments import axes_of, axis_of, floating
from .arguments import tensor as to_tensor
from .custom_gradient import stop_gradient
from .decompositions import eigvalsh
from .shaping import reshape, stack, transpose

__all__ = ["clip_by_global_norm", "clip_by_norm", "global_norm", "norm", "normalize"]


def norm(tensor, ord="euclidean", axis=None, keepdims=None, name=None) -> Tensor:
    """The norm of vectors or matrices.

    ord    of vectors: "euclidean", 1, 2, inf, any p > 0; of matrices: "euclidean" or "fro", 1, 2, inf
    axis   None: the flat tensor as a vector; one axis: vectors; two: matrices (rows, columns)

    The gradient at the zero vector is 0.

    >>> float(norm([3.0, 4.0]))
    5.0
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
    largest = ops.reduce_max(a, axes=axes, keepdims=1)
    none = ops.less_equal(largest, 0)  # of no elements it is -inf
    infinite = ops.is_inf(largest)
    scale = stop_gradient(ops.where(none, 1, largest))
    total = ops.reduce_sum(ops.pow(a / scale, p), axes=axes, keepdims=1)
    y = scale * ops.pow(ops.where(none, 1, total), 1 / p)
    y = ops.where(none, 0, ops.where(infinite, largest, y))
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
    """(tensor / norm, norm), the norm with its dimensions kept.

    >>> [t.numpy().tolist() for t in normalize([3.0, 4.0])]
    [[0.6000000238418579, 0.800000011920929], [5.0]]
    """
    x = floating(tensor, "normalize")
    n = norm(x, ord, axis, True)
    return x / n, n


def global_norm(t_list, name=None) -> Tensor:
    """The Euclidean norm of all elements of all tensors of a list; None entries count for nothing.

    >>> float(global_norm([[3.0], [4.0]]))
    5.0
    """
    if not isinstance(t_list, (list, tuple)):
        raise TypeError(f"global_norm: t_list must be a list, got {errors.shorten(t_list)}")
    parts = [norm(t) for t in t_list if t is not None]
    return norm(stack(parts)) if parts else to_tensor(0.0)


def clip_by_norm(t, clip_norm, axes=None, name=None) -> Tensor:
    """`t`, made shorter where its Euclidean norm (over `axes`) is larger than clip_norm.

    >>> clip_by_norm([3.0, 4.0], 2.5).numpy().tolist()
    [1.5, 2.0]
    """
    x = floating(t, "clip_by_norm")
    limit = to_tensor(clip_norm, "clip_by_norm", like=x)
    length = ops.reduce_euclidean_norm(x, axes=axes_of("clip_by_norm", axes, x.ndim), keepdims=1)
    return x * (limit / ops.maximum(length, limit))


def clip_by_global_norm(t_list, clip_norm, use_norm=None, name=None) -> tuple[list[Any], Tensor]:
    """The tensors of a list, all made shorter by one factor where their common norm is larger than clip_norm: (list, norm).
    Where the norm is not finite all elements are nan, as TensorFlow says that something went wrong.

    >>> [t.numpy().tolist() for t in clip_by_global_norm([[3.0], [4.0]], 2.5)[0]]
    [[1.5], [2.0]]
    """
    if not isinstance(t_list, (list, tuple)):
        raise TypeError(f"clip_by_global_norm: t_list must be a list, got {errors.shorten(t_list)}")
    length = global_norm(t_list) if use_norm is None else to_tensor(use_norm, "clip_by_global_norm")
    limit = to_tensor(clip_norm, "clip_by_global_norm", like=length)
    factor = ops.where(ops.is_finite(length), limit / ops.maximum(length, limit), math.nan)
    return [None if t is None else to_tensor(t) * factor for t in t_list], length
