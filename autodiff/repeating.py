"""Tensors with their elements several times, or with others around them, or with places as parts of a batch."""

import math

import numpy as np

from . import dtypes, errors, ops
from ._core import Tensor, is_tensor, traced_here
from .arguments import axis_of, integers, sizes
from .arguments import tensor as to_tensor
from .shaping import reshape, strides_of, transpose

__all__ = ["batch_to_space", "pad", "repeat", "space_to_batch", "space_to_batch_nd", "tile"]


def tile(input, multiples, name=None) -> Tensor:
    """The whole tensor multiples[k] times along dimension k.

    >>> tile([1.0, 2.0], [2]).numpy().tolist()
    [1.0, 2.0, 1.0, 2.0]
    """
    x = to_tensor(input, "tile")
    times = sizes("tile", "multiples", multiples)
    if len(times) != x.ndim:
        raise errors.ShapeError(
            f"tile: Expected multiples argument to be a vector of length {x.ndim} but got length {len(times)}"
        )
    shape, strides = [], []
    for m, n, s in zip(times, x.shape, strides_of(x.shape)):
        shape += [m, n] if m != 1 else [n]
        strides += [0, s] if m != 1 else [s]
    y = ops.view(x, shape=tuple(shape), strides=tuple(strides), offset=0)
    return ops.reshape(y, shape=tuple([m * n for m, n in zip(times, x.shape)]))


def repeat(input, repeats, axis=None, name=None) -> Tensor:
    """Each element of dimension `axis` several times, next to each other; without `axis`, of the flat tensor.

    repeats  an integer, or one for each element

    >>> repeat([1.0, 2.0], [2, 1]).numpy().tolist()
    [1.0, 1.0, 2.0]
    """
    x = to_tensor(input, "repeat")
    if axis is None or not x.ndim:
        x, axis = reshape(x, (-1,)), axis or 0  # a scalar is repeated along the one axis of a vector
    axis = axis_of("repeat", axis, x.ndim)
    n = x.shape[axis]
    if traced_here() and is_tensor(repeats) and repeats.dtype.is_integer and repeats.shape == (n,) and n > 1:
        return ops.gather(x, _each(repeats + 0), axis=axis, batch_dims=0)
    times = sizes("repeat", "repeats", repeats)
    if len(times) == n != 1:
        return ops.gather(x, to_tensor(np.repeat(np.arange(n), times)), axis=axis, batch_dims=0)
    if len(times) != 1:
        raise errors.ShapeError(f"repeat: {len(times)} repeats for the {n} elements of axis {axis}")
    strides = strides_of(x.shape)
    y = ops.view(x, shape=(*x.shape[: axis + 1], times[0], *x.shape[axis + 1 :]),
                 strides=(*strides[: axis + 1], 0, *strides[axis + 1 :]), offset=0)  # fmt: skip
    return ops.reshape(y, shape=(*x.shape[:axis], n * times[0], *x.shape[axis + 1 :]))


def _each(times):
    """0, 1, 2, ..., each as often as `times` says, which in a replay may be otherwise: what a place adds to the one before it is how many
    elements start there."""
    if bool(ops.reduce_any(times < 0, axes=(0,), keepdims=0)):
        sizes("repeat", "repeats", times)                       # says so
    total = int(ops.reduce_sum(times, axes=(0,), keepdims=0))
    starts = ops.cumsum(times, axis=0, exclusive=1, reverse=0)
    steps = ops.scatter_nd(starts[:, None], to_tensor(np.ones(times.shape[0], np.int64)), shape=(total + 1,), batch_dims=0)
    return ops.cumsum(steps, axis=0, exclusive=0, reverse=0)[:total] - 1


def pad(tensor, paddings, mode="CONSTANT", constant_values=0, name=None) -> Tensor:
    """paddings[k][0] elements before and paddings[k][1] after along dimension k.

    mode  "CONSTANT": constant_values; "REFLECT": the tensor mirrored at its edge, without the edge; "SYMMETRIC": with it

    >>> pad([1.0, 2.0], [[1, 2]]).numpy().tolist()
    [0.0, 1.0, 2.0, 0.0, 0.0]
    """
    x = to_tensor(tensor, "pad")
    edges = _pairs("pad", "paddings", paddings, x.ndim, x.shape)
    kind = str(mode).upper()
    if kind == "CONSTANT":
        if x.dtype.is_bool:  # masks do not add up, as unview does
            padded = _pad_constant(ops.cast(x, dtype=dtypes.int32.code), edges, int(constant_values))
            return ops.cast(padded, dtype=dtypes.bool.code)
        return _pad_constant(x, edges, constant_values)
    if kind not in ("REFLECT", "SYMMETRIC"):
        raise ValueError(f"pad: Unknown padding mode: {mode}; expected CONSTANT, REFLECT or SYMMETRIC")
    for a, edge in enumerate(edges):
        widest = x.shape[a] - (kind == "REFLECT")
        if max(edge) > widest:
            raise errors.ShapeError(
                f"pad: paddings {list(edge)} of dimension {a} must be at most {widest} in mode {kind}"
            )
        if any(edge):
            index = np.pad(np.arange(x.shape[a]), edge, mode=kind.lower())
            x = ops.gather(x, to_tensor(index), axis=a, batch_dims=0)
    return x


def _pad_constant(x, edges, value):
    shape = tuple([n + before + after for n, (before, after) in zip(x.shape, edges)])
    strides = strides_of(shape)
    y = ops.unview(x, shape=shape, strides=strides, offset=sum([before * s for (before, _), s in zip(edges, strides)]))
    if type(value) in (int, float) and value == 0:
        return y
    inside = np.zeros(shape, bool)
    inside[tuple([slice(before, before + n) for (before, _), n in zip(edges, x.shape)])] = True
    return ops.where(to_tensor(inside), y, to_tensor(value, "pad", like=x))


# ---------------------------------------------------------------------------------------------------------- places and batches
def space_to_batch(input, block_shape, paddings, name=None) -> Tensor:
    """Every block_shape[k]-th place along dimension k + 1, after padding, as a part of the batch: (batch, sizes.., rest..) ->
    (prod(block_shape) * batch, sizes / block_shape.., rest..).

    block_shape  how large a block of places is, in each of the first dimensions after the batch
    paddings     a pair of numbers of zeros for each of them

    >>> space_to_batch([[1.0, 2.0, 3.0, 4.0]], [2], [[0, 0]]).numpy().tolist()
    [[1.0, 3.0], [2.0, 4.0]]
    """
    x, block = _blocked("space_to_batch", input, block_shape)
    x = pad(x, [(0, 0), *_pairs("space_to_batch", "paddings", paddings, len(block), "block_shape"), *[(0, 0)] * (x.ndim - 1 - len(block))])
    n, m = x.shape[0], len(block)
    places, rest = tuple(x.shape[1 : m + 1]), tuple(x.shape[m + 1 :])
    if any(size % b for size, b in zip(places, block)):
        raise errors.ShapeError(f"space_to_batch: sizes {places}, with their padding, are not whole blocks of {block}")
    y = reshape(x, (n, *[k for size, b in zip(places, block) for k in (size // b, b)], *rest))
    y = transpose(y, [*range(2, 2 * m + 1, 2), 0, *range(1, 2 * m, 2), *range(2 * m + 1, y.ndim)])
    return reshape(y, (math.prod(block) * n, *[size // b for size, b in zip(places, block)], *rest))


space_to_batch_nd = space_to_batch


def batch_to_space(input, block_shape, crops, name=None) -> Tensor:
    """The inverse of space_to_batch; crops[k] says how many places to leave out at either end.

    >>> batch_to_space([[1.0, 3.0], [2.0, 4.0]], [2], [[0, 1]]).numpy().tolist()
    [[1.0, 2.0, 3.0]]
    """
    x, block = _blocked("batch_to_space", input, block_shape)
    ends, m, size = _pairs("batch_to_space", "crops", crops, len(block), "block_shape"), len(block), math.prod(block)
    places, rest = tuple(x.shape[1 : m + 1]), tuple(x.shape[m + 1 :])
    if x.shape[0] % size:
        raise errors.ShapeError(f"batch_to_space: a batch of {x.shape[0]} has no whole blocks of {block}")
    if any(sum(end) > k * b for end, k, b in zip(ends, places, block)):
        raise errors.ShapeError(f"batch_to_space: crops {ends} are more than sizes {tuple([k * b for k, b in zip(places, block)])}")
    y = reshape(x, (*block, x.shape[0] // size, *places, *rest))
    y = transpose(y, [m, *[k for j in range(m) for k in (m + 1 + j, j)], *range(2 * m + 1, y.ndim)])
    y = reshape(y, (x.shape[0] // size, *[k * b for k, b in zip(places, block)], *rest))
    return y[(slice(None), *[slice(a, k * b - z) for (a, z), k, b in zip(ends, places, block)])]


def _blocked(name, input, block_shape):
    x, block = to_tensor(input, name), integers(name, "block_shape", block_shape)
    if x.ndim < len(block) + 1 or min(block, default=0) < 1:
        raise errors.ShapeError(f"{name}: block_shape must have sizes of at least 1 for dimensions after the batch of {tuple(x.shape)}, got {block}")
    return x, block


def _pairs(name, what, value, count, whose):
    """How many before and after, or at either end, for each of so many dimensions of something."""
    if not (type(value) is list and len(value) == count and all([type(pair) in (list, tuple) and len(pair) == 2 for pair in value])):
        value = to_tensor(value, name).numpy()
        if value.shape != (count, 2):
            raise errors.ShapeError(f"{name}: {what} must have one pair for each of the {count} dimensions of {whose}, got shape {value.shape}")
    flat = sizes(name, what, [n for pair in value for n in pair])
    return list(zip(flat[::2], flat[1::2]))
