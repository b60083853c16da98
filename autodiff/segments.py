"""Sums, means, products, maxima and minima over segments: rows of `data` that have the same segment id."""

import numpy as np

from . import errors, ops
from ._core import Tensor, is_tensor, traced_here
from .arguments import integer, product, sizes
from .arguments import tensor as to_tensor

_KINDS = "sum mean prod max min".split()
# fmt: off
__all__ = [
    "segment_sum", "segment_mean", "segment_prod", "segment_max", "segment_min", "unsorted_segment_sum", "unsorted_segment_mean",
    "unsorted_segment_prod", "unsorted_segment_max", "unsorted_segment_min", "unsorted_segment_sqrt_n"
]
# fmt: on


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
    x, ids = _arguments(name, data, segment_ids)
    if ids.ndim != 1:
        raise errors.ShapeError(f"{name}: segment_ids should be a vector, got shape {ids.shape}")
    if (np.diff(ids) < 0).any() or (ids.size and ids[0] < 0):
        raise errors.InvalidArgumentError(f"{name}: segment ids are not increasing; use unsorted_{name}")
    y = reduce(x, ids, int(ids[-1]) + 1 if ids.size else 0)
    if empty is None:
        return y
    missing = np.bincount(ids, minlength=y.shape[0]) == 0
    return ops.where(to_tensor(missing.reshape((-1,) + (1,) * (y.ndim - 1))), empty, y) if missing.any() else y


def _unsorted(name, reduce, data, segment_ids, num_segments):
    (count,) = sizes(name, "num_segments", integer(name, "num_segments", num_segments))
    if traced_here() and reduce in (_sum, _mean, _mean_in_dtype, _sqrt_n):    # which a replay takes of other ids
        x, ids = _tensors(name, data, segment_ids)
        flat = ops.reshape(ids, shape=(product(ids.shape),))
        if x.dtype.is_floating and bool(ops.reduce_all(ops.logical_and(flat >= 0, flat < count), axes=(0,), keepdims=0)):
            return reduce(ops.reshape(x, shape=(flat.shape[0], *x.shape[ids.ndim :])), flat, count)
    x, ids = _arguments(name, data, segment_ids)
    if ids.size and ids.max() >= count:
        raise errors.BadIndexError(f"{name}: segment id {ids.max()} is out of range [0, {count})")
    x = ops.reshape(x, shape=(ids.size, *x.shape[ids.ndim :]))
    ids = ids.reshape(-1)
    if (ids < 0).any():
        kept = np.flatnonzero(ids >= 0)
        x, ids = ops.gather(x, to_tensor(kept), axis=0, batch_dims=0), ids[kept]
    return reduce(x, ids, count)


def _tensors(name, data, segment_ids):
    x, ids = to_tensor(data, name), to_tensor(segment_ids, name)
    if not ids.dtype.is_integer:
        raise errors.bad_dtype(name, ids.dtype.name, ("int32", "int64"))
    if x.shape[: ids.ndim] != ids.shape:
        raise errors.ShapeError(
            f"{name}: segment_ids must have a number for each row of data: got shape {ids.shape} for {x.shape}"
        )
    return x, ids


def _arguments(name, data, segment_ids):
    x, ids = _tensors(name, data, segment_ids)
    return x, ids.numpy().astype(np.int64)


def _sum(x, ids, count):
    return ops.scatter_nd(to_tensor(ids[:, None]), x, shape=(count, *x.shape[1:]), batch_dims=0)


def _counts(x, ids, count):
    if is_tensor(ids):
        ones = to_tensor(np.ones(tuple(ids.shape), np.int64))
        n = ops.cast(ops.maximum(ops.scatter_nd(ids[:, None], ones, shape=(count,), batch_dims=0), 1), dtype=x.dtype.code)
        return ops.reshape(n, shape=(count,) + (1,) * (x.ndim - 1))
    n = np.maximum(np.bincount(ids, minlength=count), 1).astype(x.dtype.as_numpy_dtype)
    return n.reshape((-1,) + (1,) * (x.ndim - 1))


def _mean(x, ids, count):
    return ops.div(_sum(x, ids, count), to_tensor(_counts(x, ids, count)))  # integers divide as float64


def _mean_in_dtype(x, ids, count):
    y = _mean(x, ids, count)
    return y if x.dtype.is_floating else ops.cast(y, dtype=x.dtype.code)


def _sqrt_n(x, ids, count):
    n = _counts(x, ids, count)
    return ops.div(_sum(x, ids, count), ops.sqrt(n) if is_tensor(n) else to_tensor(np.sqrt(n)))


def _prod(x, ids, count):
    return ops.reduce_prod(_rows(x, ids, count, 1), axes=(1,), keepdims=0)


def _max(x, ids, count):
    return ops.reduce_max(_rows(x, ids, count, x.dtype.min), axes=(1,), keepdims=0)


def _min(x, ids, count):
    return ops.reduce_min(_rows(x, ids, count, x.dtype.max), axes=(1,), keepdims=0)


def _rows(x, ids, count, neutral):
    """The rows of each segment side by side, (count, most rows of a segment, ...), filled up with `neutral`: a reduction of
    these has the reduction's own gradient, zeros and ties included."""
    sizes = np.bincount(ids, minlength=count)
    width = max(int(sizes.max(initial=0)), 1)
    order = np.argsort(ids, kind="stable")
    within = np.arange(len(ids)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    index, filled = np.zeros((count, width), np.int64), np.zeros((count, width), bool)
    index[ids[order], within], filled[ids[order], within] = order, True
    if not product(x.shape):
        return to_tensor(np.full((count, width, *x.shape[1:]), neutral, x.dtype.as_numpy_dtype))
    picked = ops.gather(x, to_tensor(index), axis=0, batch_dims=0)
    mask = to_tensor(filled.reshape(count, width, *(1,) * (x.ndim - 1)))
    return ops.where(mask, picked, to_tensor(x.dtype.as_numpy_dtype(neutral)))
