"""Elements picked, placed and put in order: fronts over gather, scatter_nd and their kin.  `t[...]` is in the core."""

import collections
import math

import numpy as np

from . import dtypes, errors, ops
from ._core import Tensor, is_tensor, reduce_sum, traced_here
from .arguments import axis_of, integer, sizes, tensors
from .arguments import tensor as to_tensor
from .shaping import concat, reshape

# fmt: off
__all__ = [
    "argsort", "boolean_mask", "dynamic_partition", "dynamic_stitch", "gather", "gather_nd", "scatter_nd", "searchsorted", "sort",
    "tensor_scatter_nd_add", "tensor_scatter_nd_max", "tensor_scatter_nd_min", "tensor_scatter_nd_sub", "tensor_scatter_nd_update", "top_k",
    "unique", "unique_with_counts", "unravel_index", "where"
]
# fmt: on

TopK = collections.namedtuple("TopKV2", "values indices")
Unique = collections.namedtuple("Unique", "y idx")
UniqueWithCounts = collections.namedtuple("UniqueWithCounts", "y idx count")


# ----------------------------------------------------------------------------------------------------------------- picking
def where(condition, x=None, y=None, name=None) -> Tensor:
    """`x` where the condition holds, else `y`; all three broadcast.  Without x and y: the indices where it holds, one a row.

    The branch that is not taken gets the gradient 0, whatever its slope is there.

    >>> where([True, False], [1.0, 2.0], 0.0).numpy().tolist()
    [1.0, 0.0]
    """
    if x is None and y is None:
        c = to_tensor(condition, "where")
        return ops.nonzero(c if c.dtype.is_bool else c != 0)
    if x is None or y is None:
        raise ValueError("where: x and y must both be given, or neither")
    a, b = tensors("where", x, y)
    c = to_tensor(condition, "where")
    if not c.dtype.is_bool:
        raise errors.bad_dtype("where", c.dtype.name, ("bool",))
    return ops.where(c, a, b)


def gather(params, indices, validate_indices=None, axis=None, batch_dims=0, name=None) -> Tensor:
    """The slices of `params` along `axis` that the indices name; the first batch_dims dimensions of both go together.

    The result's shape is params.shape[:axis] + indices.shape[batch_dims:] + params.shape[axis + 1:].  The gradient is dense.

    >>> gather([[1.0, 2.0], [3.0, 4.0]], [1, 1], axis=1).numpy().tolist()
    [[2.0, 2.0], [4.0, 4.0]]
    """
    x, index = to_tensor(params, "gather"), _indices("gather", indices)
    batch = integer("gather", "batch_dims", batch_dims)
    batch = batch + index.ndim if batch < 0 else batch
    if not 0 <= batch <= min(index.ndim, x.ndim):
        raise errors.ShapeError(
            f"gather: batch_dims {batch_dims} must be at most {min(index.ndim, x.ndim)}, the rank of params and of indices"
        )
    axis = axis_of("gather", batch_dims if axis is None else axis, x.ndim)
    if axis < batch:
        raise errors.ShapeError(f"gather: batch_dims ({batch}) must be less than or equal to axis ({axis})")
    _same_batch("gather", x, index, batch)
    try:
        return ops.gather(x, index, axis=axis, batch_dims=batch)
    except errors.BadIndexError:
        _check_range("gather", index, x.shape[axis], axis)
        raise


def gather_nd(params, indices, batch_dims=0, name=None, bad_indices_policy="") -> Tensor:
    """The elements or slices of `params` at indices[..., :], each a place in its leading dimensions.

    >>> gather_nd([[1.0, 2.0], [3.0, 4.0]], [[0, 1], [1, 0]]).numpy().tolist()
    [2.0, 3.0]
    """
    x, index = to_tensor(params, "gather_nd"), _indices("gather_nd", indices)
    batch = integer("gather_nd", "batch_dims", batch_dims)
    if index.ndim == 0:
        raise errors.low_rank("gather_nd", index.shape, 1, "the last dimension of indices holds a place in params")
    if not 0 <= batch < index.ndim:
        raise errors.ShapeError(f"gather_nd: batch_dims {batch} must be less than {index.ndim}, the rank of indices")
    depth = index.shape[-1]
    if depth > x.ndim - batch:
        raise errors.ShapeError(f"gather_nd: indices of {depth} numbers for params of shape {x.shape}, "
                                f"which has {x.ndim - batch} dimensions to index")  # fmt: skip
    _same_batch("gather_nd", x, index, batch)
    try:
        return ops.gather_nd(x, index, batch_dims=batch)
    except errors.BadIndexError:
        _check_places("gather_nd", index, x.shape[batch : batch + depth])
        raise


def boolean_mask(tensor, mask, axis=None, name="boolean_mask") -> Tensor:
    """The slices along the dimensions from `axis` on at which the mask holds, in order.

    >>> boolean_mask([1.0, 2.0, 3.0], [True, False, True]).numpy().tolist()
    [1.0, 3.0]
    """
    x, m = to_tensor(tensor, "boolean_mask"), to_tensor(mask, "boolean_mask")
    if not m.dtype.is_bool:
        raise errors.bad_dtype("boolean_mask", m.dtype.name, ("bool",))
    if m.ndim == 0:
        raise errors.ShapeError("boolean_mask: mask cannot be a scalar")
    axis = 0 if axis is None else axis_of("boolean_mask", axis, x.ndim)
    if x.shape[axis : axis + m.ndim] != m.shape:
        raise errors.ShapeError(f"boolean_mask: Shapes {x.shape[axis : axis + m.ndim]} and {m.shape} are incompatible: "
                                f"mask must be like dimensions {axis} to {axis + m.ndim - 1} of a tensor of shape {x.shape}")  # fmt: skip
    size = math.prod(m.shape)
    flat = ops.reshape(x, shape=(*x.shape[:axis], size, *x.shape[axis + m.ndim :]))
    if traced_here():                         # a function has a recording for each number of elements that a mask picks
        places = ops.nonzero(ops.reshape(m, shape=(size,)))
        places = ops.reshape(places, shape=(places.shape[0],))
    else:
        places = to_tensor(np.flatnonzero(m.numpy()))
    return ops.gather(flat, places, axis=axis, batch_dims=0)


# ----------------------------------------------------------------------------------------------------------------- placing
def scatter_nd(indices, updates, shape, bad_indices_policy="", name=None) -> Tensor:
    """Zeros of `shape` with the updates added at their places; a place named twice gets the sum, of truth values whether one is true.

    >>> scatter_nd([[1], [3], [1]], [1.0, 2.0, 5.0], (4,)).numpy().tolist()
    [0.0, 6.0, 0.0, 2.0]
    """
    index, shape = _indices("scatter_nd", indices), sizes("scatter_nd", "shape", shape)
    x = to_tensor(updates, "scatter_nd")
    _check_updates("scatter_nd", shape, index, x)
    if x.dtype.is_bool:
        return ops.cast(scatter_nd(index, ops.cast(x, dtype=dtypes.int32.code), shape), dtype=dtypes.bool.code)
    return _placed("scatter_nd", index, shape, lambda: ops.scatter_nd(index, x, shape=shape, batch_dims=0))


def tensor_scatter_nd_update(tensor, indices, updates, name=None) -> Tensor:
    """`tensor` with the updates at the places that the indices name; of two at one place the later one stays.

    >>> tensor_scatter_nd_update([1.0, 2.0, 3.0], [[1]], [9.0]).numpy().tolist()
    [1.0, 9.0, 3.0]
    """
    x, index, new = _scatter("tensor_scatter_nd_update", tensor, indices, updates)
    return _placed("tensor_scatter_nd_update", index, x.shape, lambda: ops.tensor_scatter_nd_update(x, index, new))


def tensor_scatter_nd_add(tensor, indices, updates, bad_indices_policy="", name=None) -> Tensor:
    """`tensor` with the updates added at their places.

    >>> tensor_scatter_nd_add([1.0, 2.0, 3.0], [[1], [1]], [9.0, 1.0]).numpy().tolist()
    [1.0, 12.0, 3.0]
    """
    x, index, new = _scatter("tensor_scatter_nd_add", tensor, indices, updates)
    return _placed("tensor_scatter_nd_add", index, x.shape, lambda: ops.add(x, ops.scatter_nd(index, new, shape=tuple(x.shape), batch_dims=0)))


def tensor_scatter_nd_sub(tensor, indices, updates, bad_indices_policy="", name=None) -> Tensor:
    """`tensor` with the updates subtracted at their places."""
    x, index, new = _scatter("tensor_scatter_nd_sub", tensor, indices, updates)
    return _placed("tensor_scatter_nd_sub", index, x.shape, lambda: ops.sub(x, ops.scatter_nd(index, new, shape=tuple(x.shape), batch_dims=0)))


def tensor_scatter_nd_max(tensor, indices, updates, bad_indices_policy="", name=None) -> Tensor:
    """`tensor` with the larger of itself and the updates at their places."""
    return scattered("tensor_scatter_nd_max", tensor, indices, updates, ops.maximum)


def tensor_scatter_nd_min(tensor, indices, updates, bad_indices_policy="", name=None) -> Tensor:
    """`tensor` with the smaller of itself and the updates at their places."""
    return scattered("tensor_scatter_nd_min", tensor, indices, updates, ops.minimum)


def dynamic_partition(data, partitions, num_partitions, name=None) -> list[Tensor]:
    """`num_partitions` tensors: the k-th has the slices of `data` whose partition is k.

    >>> [t.numpy().tolist() for t in dynamic_partition([1.0, 2.0, 3.0], [0, 1, 0], 2)]
    [[1.0, 3.0], [2.0]]
    """
    x, part = to_tensor(data, "dynamic_partition"), _indices("dynamic_partition", partitions)
    count = integer("dynamic_partition", "num_partitions", num_partitions)
    if not bool(ops.reduce_all(ops.logical_and(part >= 0, part < count), axes=tuple(range(part.ndim)), keepdims=0)):
        _check_range("dynamic_partition", part, count, 0)
    return [boolean_mask(x, part == k) for k in range(count)]


def dynamic_stitch(indices, data, name=None) -> Tensor:
    """The slices of `data`, each at its index; of two at one place the later one stays.

    >>> dynamic_stitch([[0, 2], [1]], [[1.0, 3.0], [2.0]]).numpy().tolist()
    [1.0, 2.0, 3.0]
    """
    for what, given in (("indices", indices), ("data", data)):
        if not isinstance(given, (list, tuple)) or not given:
            raise TypeError(f"dynamic_stitch: {what} must be a list of at least one tensor, got {errors.shorten(given)}")
    if len(indices) != len(data):
        raise ValueError(f"dynamic_stitch: indices has {len(indices)} tensors, data {len(data)}")
    index = [_indices("dynamic_stitch", i) for i in indices]
    xs = tensors("dynamic_stitch", *data)
    tail = xs[0].shape[index[0].ndim :]
    flat = concat([reshape(i, (-1,)) for i in index], 0)
    parts = concat([reshape(x, (-1, *tail)) for x in xs], 0)
    count = flat.shape[0]
    size = 1 + int(ops.reduce_max(flat, axes=(0,), keepdims=0)) if count else 0     # in a function it is a guard
    nobody, places, numbers = to_tensor(np.zeros(size, np.int64)), reshape(flat, (count, 1)), to_tensor(np.arange(count))
    last = _placed("dynamic_stitch", places, (size,), lambda: ops.tensor_scatter_nd_update(nobody, places, numbers))
    return ops.gather(parts, last, axis=0, batch_dims=0)


# ----------------------------------------------------------------------------------------------------------------- ordering
def argsort(values, axis=-1, direction="ASCENDING", stable=False, name=None) -> Tensor:
    """The indices that put `values` in order along `axis`; equal ones keep theirs.

    >>> argsort([3.0, 1.0, 2.0]).numpy().tolist()
    [1, 2, 0]
    """
    x = to_tensor(values, "argsort")
    return ops.cast(_order("argsort", x, axis_of("argsort", axis, x.ndim), direction), dtype=dtypes.int32.code)


def sort(values, axis=-1, direction="ASCENDING", name=None) -> Tensor:
    """`values` in order along `axis`; direction "ASCENDING" or "DESCENDING".  NaN counts as largest.

    >>> sort([3.0, 1.0, 2.0], direction="DESCENDING").numpy().tolist()
    [3.0, 2.0, 1.0]
    """
    x = to_tensor(values, "sort")
    axis = axis_of("sort", axis, x.ndim)
    return _take_along(x, _order("sort", x, axis, direction), axis)


def top_k(input, k=1, sorted=True, index_type=dtypes.int32, name=None) -> TopK:
    """The k largest elements along the last dimension, and where they are: (values, indices); of equal ones the first.

    >>> [t.numpy().tolist() for t in top_k([3.0, 1.0, 2.0], 2)]
    [[3.0, 2.0], [0, 2]]
    """
    x, k = to_tensor(input, "top_k"), integer("top_k", "k", k)
    if x.ndim == 0:
        raise errors.low_rank("top_k", x.shape, 1)
    if k < 0:
        raise errors.InvalidArgumentError(f"top_k: k must not be negative, got {k}")
    if k > x.shape[-1]:
        raise errors.ShapeError(
            f"top_k: input must have at least k={k} elements along its last dimension, which has {x.shape[-1]}"
        )
    index = _order("top_k", x, x.ndim - 1, "DESCENDING")[..., :k]
    return TopK(_take_along(x, index, x.ndim - 1), ops.cast(index, dtype=dtypes.as_dtype(index_type).code))


def searchsorted(sorted_sequence, values, side="left", out_type=dtypes.int32, name=None) -> Tensor:
    """For each value the place in the (ascending) last dimension before which ("left") or behind which it would stand.

    >>> searchsorted([1.0, 3.0, 5.0], [0.0, 3.0, 4.0]).numpy().tolist()
    [0, 1, 2]
    """
    rows, wanted = to_tensor(sorted_sequence, "searchsorted"), to_tensor(values, "searchsorted")
    if side not in ("left", "right"):
        raise ValueError(f"searchsorted: side must be 'left' or 'right', got {errors.shorten(side)}")
    for x in (rows, wanted):
        if not x.ndim:
            raise errors.low_rank("searchsorted", x.shape, 1)
    if rows.shape[:-1] != wanted.shape[:-1]:
        raise errors.ShapeError(f"searchsorted: leading sizes {tuple(rows.shape[:-1])} and {tuple(wanted.shape[:-1])} differ")
    dtype = dtypes.as_dtype(out_type)
    if traced_here():
        return ops.cast(_places_in_order(rows, wanted, side), dtype=dtype.code)
    rows, wanted = rows.numpy(), wanted.numpy()
    count = math.prod(rows.shape[:-1])
    flat = zip(rows.reshape(count, rows.shape[-1]), wanted.reshape(count, wanted.shape[-1]))
    found = [np.searchsorted(r, w, side=side) for r, w in flat]
    return to_tensor(np.array(found, dtype.as_numpy_dtype).reshape(wanted.shape))


def _places_in_order(rows, wanted, side):
    """The same of rows of the table, which a replay runs again: how many of the sequence come before each value in their common order, in
    which of equal numbers the values come first ("left") or last."""
    n, m = rows.shape[-1], wanted.shape[-1]
    dtype = dtypes.as_dtype(np.result_type(rows.dtype.as_numpy_dtype, wanted.dtype.as_numpy_dtype))
    rows, wanted = (ops.cast(x, dtype=dtype.code) + 0 for x in (rows, wanted))      # + 0: -0.0 is 0.0
    if min(n, m) <= FEW and rows.size * m <= MANY:
        return _places_counted(rows, wanted, side)
    axis, first = rows.ndim - 1, (n if side == "right" else 0)                      # of the values
    order = ops.argsort(ops.concat(*((rows, wanted) if first else (wanted, rows)), axis=axis), axis=axis, descending=0)
    place = ops.argsort(order, axis=axis, descending=0)
    is_value = ops.logical_and(order >= first, order < first + m)
    before = ops.cumsum(ops.cast(ops.logical_not(is_value), dtype=dtypes.int64.code), axis=axis, exclusive=0, reverse=0)
    return ops.gather(before, place[..., first : first + m], axis=axis, batch_dims=axis)


FEW, MANY = 256, 1 << 22                        # to compare each with each takes less than to sort them; but not that many, which take memory


def _places_counted(rows, wanted, side):
    """The same for few: how many of the sequence are less than each value, or not more.  NaN counts as largest."""
    rows, wanted = rows[..., None, :], wanted[..., None]
    before = ops.less(rows, wanted) if side == "left" else ops.less_equal(rows, wanted)
    if rows.dtype.is_floating:
        before = ops.logical_or(before, ops.logical_and(ops.is_nan(wanted), ops.logical_not(ops.is_nan(rows)) if side == "left" else True))
    return ops.cast(reduce_sum(ops.where(before, np.float64(1), np.float64(0)), axis=-1), dtype=dtypes.int64.code)      # in one loop, and exact


def unique(x, out_idx=dtypes.int32, name=None) -> Unique:
    """The different elements of a vector in order of appearance, and for each element which one it is: (y, idx).

    >>> [t.numpy().tolist() for t in unique([3.0, 1.0, 3.0])]
    [[3.0, 1.0], [0, 1, 0]]
    """
    return Unique(*_unique("unique", x, out_idx)[:2])


def unique_with_counts(x, out_idx=dtypes.int32, name=None) -> UniqueWithCounts:
    """`unique`, and how often each element stands there: (y, idx, count).

    >>> [t.numpy().tolist() for t in unique_with_counts([3.0, 1.0, 3.0])]
    [[3.0, 1.0], [0, 1, 0], [2, 1]]
    """
    return UniqueWithCounts(*_unique("unique_with_counts", x, out_idx))


def _unique(name, x, out_idx):
    t, dtype = to_tensor(x, name), dtypes.as_dtype(out_idx).as_numpy_dtype
    if t.ndim != 1:
        raise errors.ShapeError(f"{name}: expects a vector, got shape {t.shape}")
    _, first, inverse, count = np.unique(t.numpy(), return_index=True, return_inverse=True, return_counts=True)
    appearance = np.argsort(first)
    place = np.empty_like(appearance)
    place[appearance] = np.arange(len(appearance))
    y = ops.gather(t, to_tensor(first[appearance]), axis=0, batch_dims=0)
    return y, to_tensor(place[inverse.reshape(-1)].astype(dtype)), to_tensor(count[appearance].astype(dtype))


def unravel_index(indices, dims, name=None) -> Tensor:
    """Indices into the flat tensor as indices into one of shape `dims`: the first row along its first dimension, and so on.

    >>> unravel_index([22, 41], [7, 6]).numpy().tolist()
    [[3, 6], [4, 5]]
    """
    index, shape = _indices("unravel_index", indices), sizes("unravel_index", "dims", dims)
    _check_range("unravel_index", index, math.prod(shape), None)
    return to_tensor(np.array(np.unravel_index(index.numpy(), shape), index.dtype.as_numpy_dtype).reshape(len(shape), *index.shape))


# ----------------------------------------------------------------------------------------------------------------- helpers
def _indices(name, indices):
    index = to_tensor(indices, name)
    if index.dtype.is_integer:
        return index
    if not index.shape.num_elements() and not is_tensor(indices):
        return to_tensor(index.numpy().astype(np.int32))  # [] is a float array to NumPy
    raise errors.bad_dtype(name, index.dtype.name, ("int32", "int64"))


def _check_range(name, index, size, axis):
    """Say which index is out of range: the kernel only says that one is."""
    values = index.numpy()
    if values.size and (values.min() < 0 or values.max() >= size):
        at = tuple(np.argwhere((values < 0) | (values >= size))[0].tolist())
        raise errors.BadIndexError(
            f"{name}: indices{errors.brackets(at) if at else ''} = {values[at]} is not in [0, {size}), "
            + ("the number of elements" if axis is None else f"the size of dimension {axis}")
        )


def _check_places(name, index, shape):
    values = index.numpy()
    bad = ((values < 0) | (values >= np.array(shape, dtype=np.int64))).any(axis=-1)
    if bad.any():
        at = tuple(np.argwhere(bad)[0].tolist())
        raise errors.BadIndexError(
            f"{name}: indices{errors.brackets(at) if at else ''} = {values[at].tolist()} does not index into {list(shape)}"
        )


def _same_batch(name, x, index, batch):
    if batch and x.shape[:batch] != index.shape[:batch]:
        raise errors.ShapeError(
            f"{name}: the first {batch} sizes of params {x.shape} and of indices {index.shape} must be equal"
        )


def _check_updates(name, shape, index, updates):
    if index.ndim == 0 or index.shape[-1] > len(shape):
        raise errors.ShapeError(
            f"{name}: indices of shape {index.shape} do not index a tensor of shape {tuple(shape)}"
        )
    expected = tuple(index.shape[:-1]) + tuple(shape[index.shape[-1] :])
    if updates.shape != expected:
        raise errors.ShapeError(f"{name}: updates must have shape {expected} for indices of shape {index.shape} "
                                f"into {tuple(shape)}, got {updates.shape}")  # fmt: skip


def _placed(name, index, shape, place):
    """place(), whose kernel says that an index is out of range; here which one is."""
    try:
        return place()
    except errors.BadIndexError:
        _check_places(name, index, shape[: index.shape[-1]])
        raise


def _scatter(name, tensor, indices, updates):
    x, index = to_tensor(tensor, name), _indices(name, indices)
    new = to_tensor(updates, name, like=x)
    _check_updates(name, x.shape, index, new)
    return x, index, new


def scattered(name, tensor, indices, updates, pick):
    """`tensor` with pick(what stands there, update) at its places: one update after the other where a place is named twice, all at once
    where none is."""
    x, index, new = _scatter(name, tensor, indices, updates)
    _check_places(name, index, x.shape[: index.shape[-1]])
    depth = index.shape[-1]
    places = index.numpy().reshape(-1, depth)
    new = reshape(new, (len(places), *x.shape[depth:]))
    if len(np.unique(places, axis=0)) == len(places):
        places = to_tensor(places)
        return ops.tensor_scatter_nd_update(x, places, pick(ops.gather_nd(x, places, batch_dims=0), new))
    for k in range(len(places)):
        place = to_tensor(places[k : k + 1])
        x = ops.tensor_scatter_nd_update(x, place, pick(ops.gather_nd(x, place, batch_dims=0), new[k : k + 1]))
    return x


def _order(name, x, axis, direction):
    """Indices that sort, stable, NaN last; descending: NaN first, and still stable."""
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError(f"{name}: direction is 'ASCENDING' or 'DESCENDING', got {direction!r}")
    x = ops.cast(x, dtype=dtypes.int32.code) if x.dtype.is_bool else x
    return ops.argsort(x, axis=axis, descending=int(direction == "DESCENDING"))


def _take_along(x, index, axis):
    """x at index[..., k, ...] along the axis, all other dimensions going together."""
    if x.ndim == 1:
        return ops.gather(x, index, axis=0, batch_dims=0)
    order = [a for a in range(x.ndim) if a != axis] + [axis]
    y = ops.gather(_transposed(x, order), _transposed(index, order), axis=x.ndim - 1, batch_dims=x.ndim - 1)
    return _transposed(y, np.argsort(order).tolist())


def _transposed(x, perm):
    return x if perm == list(range(x.ndim)) else ops.transpose(x, tuple(perm))
