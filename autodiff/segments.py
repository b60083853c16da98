"""Sums, means, products, maxima and minima over segments: rows of `data` that have the same segment id."""

import numpy as np

from . import dtypes, errors, ops
from ._core import Tensor
from .arguments import integer, product
from .arguments import sizes as sizes_of
from .arguments import tensor as to_tensor

_KINDS = "sum mean prod max min".split()
# fmt: off
__all__ = [
    "segment_sum", "segment_mean", "segment_prod", "segment_max", "segment_min", "unsorted_segment_sum", "unsorted_segment_mean",
    "unsorted_segment_prod", "unsorted_segment_max", "unsorted_segment_min", "unsorted_segment_sqrt_n"
]
# fmt: on
POWERS = to_tensor(1 << np.arange(62))


def segment_sum(data, segment_ids, name=None) -> Tensor:
    """Row k is the sum of the rows of `data` whose id is k; ids ascend.

    >>> segment_sum([1.0, 2.0, 4.0], [0, 0, 1]).numpy().tolist()
    [3.0, 4.0]
    """
    return _sorted("segment_sum", _sum, data, segment_ids)


def segment_mean(data, segment_ids, name=None) -> Tensor:
    """Row k is the mean of the rows of `data` whose id is k, 0 where there is none; ids ascend.

    >>> segment_mean([1.0, 2.0, 4.0], [0, 0, 1]).numpy().tolist()
    [1.5, 4.0]
    """
    return _sorted("segment_mean", _mean_in_dtype, data, segment_ids)


def segment_prod(data, segment_ids, name=None) -> Tensor:
    """Row k is the product of the rows of `data` whose id is k, 1 where there is none; ids ascend.

    >>> segment_prod([1.0, 2.0, 4.0], [0, 0, 1]).numpy().tolist()
    [2.0, 4.0]
    """
    return _sorted("segment_prod", _prod, data, segment_ids)


def segment_max(data, segment_ids, name=None) -> Tensor:
    """Row k is the largest of the rows of `data` whose id is k, 0 where there is none; ids ascend.

    >>> segment_max([1.0, 2.0, 4.0], [0, 0, 1]).numpy().tolist()
    [2.0, 4.0]
    """
    return _sorted("segment_max", _max, data, segment_ids, 0)


def segment_min(data, segment_ids, name=None) -> Tensor:
    """Row k is the smallest of the rows of `data` whose id is k, 0 where there is none; ids ascend.

    >>> segment_min([1.0, 2.0, 4.0], [0, 0, 1]).numpy().tolist()
    [1.0, 4.0]
    """
    return _sorted("segment_min", _min, data, segment_ids, 0)


def unsorted_segment_sum(data, segment_ids, num_segments, name=None) -> Tensor:
    """Row k of num_segments is the sum of the rows of `data` whose id is k; rows of a negative id count nowhere.

    >>> unsorted_segment_sum([1.0, 2.0, 4.0], [1, 0, 1], 2).numpy().tolist()
    [2.0, 5.0]
    """
    return _unsorted("unsorted_segment_sum", _sum, data, segment_ids, num_segments)


def unsorted_segment_mean(data, segment_ids, num_segments, name=None) -> Tensor:
    """`unsorted_segment_sum` divided by the number of rows; of integers float64.

    >>> unsorted_segment_mean([1.0, 2.0, 4.0], [1, 0, 1], 2).numpy().tolist()
    [2.0, 2.5]
    """
    return _unsorted("unsorted_segment_mean", _mean, data, segment_ids, num_segments)


def unsorted_segment_sqrt_n(data, segment_ids, num_segments, name=None) -> Tensor:
    """`unsorted_segment_sum` divided by the square root of the number of rows."""
    return _unsorted("unsorted_segment_sqrt_n", _sqrt_n, data, segment_ids, num_segments)


def unsorted_segment_prod(data, segment_ids, num_segments, name=None) -> Tensor:
    """Row k of num_segments is the product of the rows of `data` whose id is k, 1 where there is none.

    >>> unsorted_segment_prod([1.0, 2.0, 4.0], [1, 0, 1], 2).numpy().tolist()
    [2.0, 4.0]
    """
    return _unsorted("unsorted_segment_prod", _prod, data, segment_ids, num_segments)


def unsorted_segment_max(data, segment_ids, num_segments, name=None) -> Tensor:
    """Row k of num_segments is the largest of the rows of `data` whose id is k, the lowest number where there is none.

    >>> unsorted_segment_max([1.0, 2.0, 4.0], [1, 0, 1], 2).numpy().tolist()
    [2.0, 4.0]
    """
    return _unsorted("unsorted_segment_max", _max, data, segment_ids, num_segments)


def unsorted_segment_min(data, segment_ids, num_segments, name=None) -> Tensor:
    """Row k of num_segments is the smallest of the rows of `data` whose id is k, the highest number where there is none.

    >>> unsorted_segment_min([1.0, 2.0, 4.0], [1, 0, 1], 2).numpy().tolist()
    [2.0, 1.0]
    """
    return _unsorted("unsorted_segment_min", _min, data, segment_ids, num_segments)


def _sorted(name, reduce, data, segment_ids, empty=None):
    x, ids = _tensors(name, data, segment_ids)
    if ids.ndim != 1:
        raise errors.ShapeError(f"{name}: segment_ids should be a vector, got shape {ids.shape}")
    if not (_all(ids[:1] >= 0) and _all(ids[1:] >= ids[:-1])):
        raise errors.InvalidArgumentError(f"{name}: segment ids are not increasing; use unsorted_{name}")
    count = int(ids[-1]) + 1 if ids.shape[0] else 0
    y = reduce(x, ids, count)
    return y if empty is None else ops.where(_beside(y, ops.equal(_sizes(ids, count), 0)), to_tensor(y.dtype.as_numpy_dtype(empty)), y)


def _unsorted(name, reduce, data, segment_ids, num_segments):
    (count,) = sizes_of(name, "num_segments", integer(name, "num_segments", num_segments))
    x, ids = _tensors(name, data, segment_ids)
    n = product(ids.shape)
    x, ids = ops.reshape(x, shape=(n, *x.shape[ids.ndim :])), ops.reshape(ids, shape=(n,))
    if _all(ops.logical_and(ids >= 0, ids < count)):
        return reduce(x, ids, count)
    if not _all(ids < count):
        raise errors.BadIndexError(f"{name}: segment id {ids.numpy().max()} is out of range [0, {count})")
    return reduce(x, ops.where(ids < 0, count, ids), count + 1)[:count]  # one more segment takes what counts nowhere


def _tensors(name, data, segment_ids):
    x, ids = to_tensor(data, name), to_tensor(segment_ids, name)
    if not ids.dtype.is_integer:
        raise errors.bad_dtype(name, ids.dtype.name, ("int32", "int64"))
    if x.shape[: ids.ndim] != ids.shape:
        raise errors.ShapeError(
            f"{name}: segment_ids must have a number for each row of data: got shape {ids.shape} for {x.shape}"
        )
    return x, ids


def _all(holds):
    """A truth, which a replay checks: so it may have other ids."""
    return bool(ops.reduce_all(holds, axes=(0,), keepdims=0))


def _sum(x, ids, count):
    return ops.scatter_nd(ids[:, None], x, shape=(count, *x.shape[1:]), batch_dims=0)


def _sizes(ids, count):
    """How many rows each segment has."""
    return _sum(to_tensor(np.ones(tuple(ids.shape), np.int64)), ids, count)


def _beside(y, t):
    """The vector t, to be broadcast against y."""
    return ops.reshape(t, shape=(t.shape[0],) + (1,) * (y.ndim - 1))


def _counts(x, ids, count):
    return ops.cast(_beside(x, ops.maximum(_sizes(ids, count), 1)), dtype=x.dtype.code)


def _mean(x, ids, count):
    return ops.div(_sum(x, ids, count), _counts(x, ids, count))  # integers divide as float64


def _mean_in_dtype(x, ids, count):
    y = _mean(x, ids, count)
    return y if x.dtype.is_floating else ops.cast(y, dtype=x.dtype.code)


def _sqrt_n(x, ids, count):
    return ops.div(_sum(x, ids, count), ops.sqrt(_counts(x, ids, count)))


def _prod(x, ids, count):
    return ops.reduce_prod(_rows(x, ids, count, 1), axes=(1,), keepdims=0)


def _max(x, ids, count):
    return ops.reduce_max(_rows(x, ids, count, x.dtype.min), axes=(1,), keepdims=0)


def _min(x, ids, count):
    return ops.reduce_min(_rows(x, ids, count, x.dtype.max), axes=(1,), keepdims=0)


def _rows(x, ids, count, neutral):
    """The rows of each segment side by side, (count, width, ...), filled up with `neutral`, a row after the last: a reduction of these has
    the reduction's own gradient, zeros and ties included.  The width is a power of two, so that a replay has few of them."""
    n = ids.shape[0]
    filler = ops.broadcast_to(to_tensor(x.dtype.as_numpy_dtype(neutral)), (1, *x.shape[1:]))
    size = _sizes(ids, count)
    largest = ops.reduce_max(size, axes=(0,), keepdims=0)
    width = 1 << int(ops.reduce_sum(ops.cast(POWERS < largest, dtype=dtypes.int64.code), axes=(0,), keepdims=0))
    order = ops.argsort(ids, axis=0, descending=0)
    in_order = ops.cast(ops.gather(ids, order, axis=0, batch_dims=0), dtype=dtypes.int64.code)
    start = ops.cumsum(size, axis=0, exclusive=1, reverse=0)
    within = to_tensor(np.arange(n)) - ops.gather(start, in_order, axis=0, batch_dims=0)
    places = ops.concat(in_order[:, None], within[:, None], axis=1)
    index = n + ops.scatter_nd(places, order - n, shape=(count, width), batch_dims=0)
    return ops.gather(ops.concat(x, filler, axis=0), index, axis=0, batch_dims=0)
