"""Tensors made of nothing but a shape: zeros, ones, fill, eye, range, linspace, one_hot."""

import numpy as np

from . import dtypes, errors, ops
from ._core import Tensor, is_tensor
from .arguments import axis_of, dtype_or, integer, product, sizes, tensors
from .arguments import tensor as to_tensor

__all__ = ["eye", "fill", "linspace", "one_hot", "ones", "ones_like", "range", "sequence_mask", "zeros", "zeros_like"]


def zeros(shape, dtype=None, name=None, layout=None) -> Tensor:
    """A tensor of zeros; dtype is floatx() unless given.

    >>> zeros((2, 1)).numpy().tolist()
    [[0.0], [0.0]]
    """
    return to_tensor(np.zeros(sizes("zeros", "shape", shape), dtype_or(dtype).as_numpy_dtype))


def ones(shape, dtype=None, name=None, layout=None) -> Tensor:
    """A tensor of ones; dtype is floatx() unless given.

    >>> ones(2, "int32").numpy().tolist()
    [1, 1]
    """
    return to_tensor(np.ones(sizes("ones", "shape", shape), dtype_or(dtype).as_numpy_dtype))


def fill(dims, value, name=None, layout=None) -> Tensor:
    """A tensor of shape `dims` that is `value`, a scalar, everywhere.

    >>> fill((2,), 7.0).numpy().tolist()
    [7.0, 7.0]
    """
    x, dims = to_tensor(value, "fill"), sizes("fill", "dims", dims)
    if x.ndim:
        raise errors.ShapeError(f"fill: value must be a scalar, got shape {x.shape}")
    return ops.view(x, shape=dims, strides=(0,) * len(dims), offset=0)


def zeros_like(input, dtype=None, name=None, layout=None) -> Tensor:
    """Zeros of the shape and dtype of `input`.

    >>> zeros_like([1, 2]).numpy().tolist()
    [0, 0]
    """
    x = to_tensor(input, "zeros_like")
    return to_tensor(np.zeros(x.shape, dtype_or(dtype, x.dtype).as_numpy_dtype))


def ones_like(input, dtype=None, name=None, layout=None) -> Tensor:
    """Ones of the shape and dtype of `input`.

    >>> ones_like([1.0, 2.0]).numpy().tolist()
    [1.0, 1.0]
    """
    x = to_tensor(input, "ones_like")
    return to_tensor(np.ones(x.shape, dtype_or(dtype, x.dtype).as_numpy_dtype))


def eye(num_rows, num_columns=None, batch_shape=None, dtype=None, name=None) -> Tensor:
    """The identity matrix, or its first rows or columns; one for each entry of a batch.

    >>> eye(2).numpy().tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    rows = integer("eye", "num_rows", num_rows)
    columns = rows if num_columns is None else integer("eye", "num_columns", num_columns)
    if min(rows, columns) < 0:
        raise errors.ShapeError(f"eye: num_rows and num_columns must not be negative, got {rows} and {columns}")
    sizes("eye", "shape", (rows, columns))
    matrix = np.eye(rows, columns, dtype=dtype_or(dtype).as_numpy_dtype)
    batch = () if batch_shape is None else sizes("eye", "batch_shape", batch_shape)
    return to_tensor(np.broadcast_to(matrix, batch + matrix.shape))


def range(start, limit=None, delta=1, dtype=None, name="range") -> Tensor:
    """start, start + delta, ... as long as it is before `limit`; `range(limit)` starts at 0.

    The dtype is `dtype`, or the widest of the arguments': int32, int64, float32, float64.

    >>> range(1, 7, 2).numpy().tolist()
    [1, 3, 5]
    """
    if limit is None:
        start, limit = 0, start
    bounds = [to_tensor(x, "range") for x in (start, limit, delta)]
    if any(b.ndim for b in bounds):
        raise errors.ShapeError("range: start, limit and delta must be scalars")
    order = (dtypes.int32, dtypes.int64, dtypes.float32, dtypes.float64)
    if dtype is None:
        dtype = max([b.dtype for b in bounds], key=order.index)
    dtype = dtypes.as_dtype(dtype)
    first, last, step = [b.numpy().astype(dtype.as_numpy_dtype) for b in bounds]
    if step == 0:
        raise errors.InvalidArgumentError("range: Requires delta != 0")
    if (last < first) == (step > 0) and last != first:
        sign = "start <= limit when delta > 0" if step > 0 else "start >= limit when delta < 0"
        raise errors.InvalidArgumentError(f"range: Requires {sign}: start = {first}, limit = {last}")
    return to_tensor(np.arange(first, last, step, dtype.as_numpy_dtype))


def linspace(start, stop, num, name=None, axis=0) -> Tensor:
    """`num` numbers at equal distances from start to stop, both included, along a new dimension `axis`; of integers float64.

    >>> linspace(0.0, 1.0, 3).numpy().tolist()
    [0.0, 0.5, 1.0]
    """
    count = integer("linspace", "num", num)
    if count < 0:
        raise errors.InvalidArgumentError(f"linspace: num must not be negative, got {count}")
    sizes("linspace", "num", count)
    a, b = tensors("linspace", start, stop)
    if not a.dtype.is_floating:
        a, b = (to_tensor(x.numpy().astype(np.float64)) for x in (a, b))
    axis = axis_of("linspace", axis, max(a.ndim, b.ndim) + 1)
    t = np.linspace(0, 1, count).astype(a.dtype.as_numpy_dtype)
    if not (is_tensor(start) or is_tensor(stop)):
        dtype = np.result_type(a.dtype.as_numpy_dtype, b.dtype.as_numpy_dtype)
        return to_tensor(np.linspace(a.numpy().astype("f8"), b.numpy().astype("f8"), count, axis=axis).astype(dtype))
    if a.ndim or b.ndim:
        try:
            shape = np.broadcast_shapes(tuple(a.shape), tuple(b.shape))
        except ValueError:
            raise errors.unlike_shapes("linspace", a.shape, b.shape) from None
        t = t.reshape((-1,) + (1,) * (len(shape) - axis))
        a, b = (
            ops.view(x, shape=(*shape[:axis], 1, *shape[axis:]), strides=_strides(x.shape, shape, axis), offset=0)
            for x in (a, b)
        )
    return a * (1 - t) + b * t  # exact at both ends, unlike a + (b - a) * t


def one_hot(indices, depth, on_value=None, off_value=None, axis=None, dtype=None, name=None) -> Tensor:
    """A new dimension of `depth` elements: on_value (1) at the index, off_value (0) elsewhere and where it is out of range.

    >>> one_hot([0, 2], 3).numpy().tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    index = to_tensor(indices, "one_hot")
    if not index.dtype.is_integer:
        raise errors.bad_dtype("one_hot", index.dtype.name, ("int32", "int64"))
    shape, depth = tuple(index.shape), integer("one_hot", "depth", depth)
    sizes("one_hot", "shape", (*shape, max(depth, 0)))
    axis = axis_of("one_hot", -1 if axis is None else axis, len(shape) + 1)
    places = np.arange(depth, dtype=index.dtype.as_numpy_dtype).reshape((-1,) + (1,) * (len(shape) - axis))
    hot = ops.reshape(index, shape=(*shape[:axis], 1, *shape[axis:])) == to_tensor(places)
    if on_value is None and off_value is None:
        return ops.cast(hot, dtype=dtype_or(dtype).code)
    values = [v for v in (on_value, off_value) if v is not None]
    kind = dtype_or(dtype, tensors("one_hot", *values)[0].dtype)
    on, off = (
        to_tensor(v, "one_hot", kind)
        for v in (1 if on_value is None else on_value, 0 if off_value is None else off_value)
    )
    return ops.where(hot, on, off)


def sequence_mask(lengths, maxlen=None, dtype=dtypes.bool, name=None) -> Tensor:
    """For each length n a row of `maxlen` elements, the first n of them True; maxlen is the largest length unless given.

    >>> sequence_mask([1, 2]).numpy().tolist()
    [[True, False], [True, True]]
    """
    n = to_tensor(lengths, "sequence_mask")
    size = product(n.shape)
    if not n.dtype.is_integer and size:
        raise errors.bad_dtype("sequence_mask", n.dtype.name, ("int32", "int64"))
    if maxlen is None:
        maxlen = int(ops.reduce_max(n, axes=tuple(range(n.ndim)), keepdims=0)) if size else 0
    shape = sizes("sequence_mask", "shape", (*n.shape, max(integer("sequence_mask", "maxlen", maxlen), 0)))
    mask = ops.less(to_tensor(np.arange(shape[-1])), ops.cast(ops.reshape(n, shape=(*n.shape, 1)), dtype=dtypes.int64.code))
    return mask if dtypes.as_dtype(dtype) is dtypes.bool else ops.cast(mask, dtype=dtypes.as_dtype(dtype).code)


def _strides(shape, to, axis):
    """Strides that read a tensor of `shape` broadcast to `to` with a dimension of size 1 put in at `axis`."""
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step if n != 1 else 0)
        step *= n
    strides = [0] * (len(to) - len(shape)) + strides[::-1]
    return (*strides[:axis], 0, *strides[axis:])
