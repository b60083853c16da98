"""Shapes changed and tensors joined, cut and repeated: fronts over reshape, view, unview, concat and gather.

A `view` reads its operand with other strides, so that transpose, broadcast_to, slices, reverse and tile are one row; its
adjoint, `unview`, writes with them, and pads.
"""

import builtins

import numpy as np

from . import dtypes, errors, ops
from ._core import Tensor, sizes_of
from .arguments import axes_of, axis_of, dtype_or, integer, integers, product, sizes, tensors
from .arguments import tensor as to_tensor
from .shapes import TensorShape, as_shape

# fmt: off
__all__ = [
    "broadcast_dynamic_shape", "broadcast_static_shape", "broadcast_to", "concat", "ensure_shape", "expand_dims", "identity", "identity_n",
    "meshgrid", "rank", "reshape", "reverse", "reverse_sequence", "roll", "shape", "shape_n", "size", "slice", "split", "squeeze", "stack",
    "strided_slice", "transpose", "unstack"
]
# fmt: on


# ----------------------------------------------------------------------------------------------------------- what is it like
def shape(input, out_type=None, name=None) -> Tensor:
    """The sizes, as a tensor of integers (int32).

    >>> shape([[1.0, 2.0, 3.0]]).numpy()
    array([1, 3], dtype=int32)
    """
    return to_tensor(np.array(_shape_of(input), dtype_or(out_type, dtypes.int32).as_numpy_dtype))


def shape_n(input, out_type=dtypes.int32, name=None) -> list[Tensor]:
    """The shape of each tensor of a list."""
    return [shape(x, out_type) for x in input]


def size(input, out_type=None, name=None) -> Tensor:
    """The number of elements, as a scalar tensor of an integer (int32).

    >>> size([[1.0, 2.0, 3.0]]).numpy()
    np.int32(3)
    """
    return to_tensor(dtype_or(out_type, dtypes.int32).as_numpy_dtype(product(_shape_of(input))))


def rank(input, name=None) -> Tensor:
    """The number of dimensions, as a scalar tensor.

    >>> rank([[1.0, 2.0, 3.0]]).numpy()
    np.int32(2)
    """
    return to_tensor(np.int32(len(_shape_of(input))))


def identity(input, name=None) -> Tensor:
    """A new tensor with the same numbers: it can be watched apart from `input`."""
    return ops.identity(to_tensor(input, "identity"))


def identity_n(input, name=None) -> list[Tensor]:
    """`identity` of each tensor of a list."""
    return [identity(x) for x in input]


def ensure_shape(x, shape, name=None) -> Tensor:
    """`x`, if its shape is like `shape`, whose sizes may be None.  Raises ShapeError otherwise.

    >>> ensure_shape([[1.0, 2.0]], (None, 2)).shape
    TensorShape([1, 2])
    """
    x = to_tensor(x, "ensure_shape")
    if not TensorShape(shape).is_compatible_with(x.shape):
        raise errors.ShapeError(
            f"ensure_shape: Shape of tensor {x.shape} is not compatible with expected shape {TensorShape(shape)}"
        )
    return identity(x)


def broadcast_static_shape(shape_x, shape_y) -> TensorShape:
    """The shape that two shapes broadcast to, as a TensorShape.

    >>> broadcast_static_shape((3, 1), (2,))
    TensorShape([3, 2])
    """
    return TensorShape(_broadcast("broadcast_static_shape", as_shape(shape_x), as_shape(shape_y)))


def broadcast_dynamic_shape(shape_x, shape_y) -> Tensor:
    """The shape that two shapes broadcast to, as a tensor of integers."""
    pair = [integers("broadcast_dynamic_shape", "shape", s) for s in (shape_x, shape_y)]
    shape = sizes("broadcast_dynamic_shape", "shape", _broadcast("broadcast_dynamic_shape", *pair))
    return to_tensor(np.array(shape, np.int32 if max(shape, default=0) < 2**31 else np.int64))


# ------------------------------------------------------------------------------------------------- the same numbers, other shape
def reshape(tensor, shape, name=None) -> Tensor:
    """The same numbers in another shape; one size may be -1: whatever is left.

    >>> reshape([1, 2, 3, 4], [2, -1]).shape
    TensorShape([2, 2])
    """
    x = to_tensor(tensor, "reshape")
    return ops.reshape(x, shape=_resolve(sizes_of(x), integers("reshape", "shape", shape)))


def expand_dims(input, axis, name=None) -> Tensor:
    """Insert a dimension of size 1 so that it is the result's dimension `axis`.

    >>> expand_dims([1.0, 2.0], 0).shape
    TensorShape([1, 2])
    """
    x = to_tensor(input, "expand_dims")
    shape = sizes_of(x)
    axis = axis_of("expand_dims", axis, len(shape) + 1)
    return ops.reshape(x, shape=(*shape[:axis], 1, *shape[axis:]))


def squeeze(input, axis=None, name=None) -> Tensor:
    """Drop dimensions of size 1: all of them, or those of `axis`.

    >>> squeeze([[[1.0], [2.0]]]).shape
    TensorShape([2])
    """
    x = to_tensor(input, "squeeze")
    if axis is None or (isinstance(axis, (list, tuple)) and not axis):
        return ops.reshape(x, shape=tuple([n for n in x.shape if n != 1]))
    axes = axes_of("squeeze", axis, x.ndim)
    for a in axes:
        if x.shape[a] != 1:
            raise errors.ShapeError(f"squeeze: Can not squeeze dim[{a}], expected a dimension of 1, got {x.shape[a]}")
    return ops.reshape(x, shape=tuple([n for a, n in enumerate(x.shape) if a not in axes]))


def transpose(a, perm=None, conjugate=False, name="transpose") -> Tensor:
    """Dimension k of the result is dimension perm[k] of `a`; without `perm`, the dimensions in reverse order.

    >>> transpose([[1.0, 2.0], [3.0, 4.0]]).numpy().tolist()
    [[1.0, 3.0], [2.0, 4.0]]
    """
    x = to_tensor(a, "transpose")
    shape = sizes_of(x)
    if perm is None:
        perm = tuple(builtins.range(len(shape) - 1, -1, -1))
    else:
        given = integers("transpose", "perm", perm)
        perm = tuple([p + len(shape) if p < 0 else p for p in given])
        if sorted(perm) != list(builtins.range(len(shape))):
            raise errors.ShapeError(
                f"transpose: perm {given} does not name each of the {len(shape)} dimensions of {shape} once"
            )
    if perm == tuple(builtins.range(len(shape))):
        return identity(x)
    strides = strides_of(shape)
    return ops.view(x, shape=tuple([shape[p] for p in perm]), strides=tuple([strides[p] for p in perm]), offset=0)


def broadcast_to(input, shape, name=None) -> Tensor:
    """Repeat along new dimensions, and along those of size 1, up to `shape`; -1 keeps a size.

    >>> broadcast_to([1.0, 2.0], (2, 2)).numpy().tolist()
    [[1.0, 2.0], [1.0, 2.0]]
    """
    x = to_tensor(input, "broadcast_to")
    given = integers("broadcast_to", "shape", shape)
    ahead = len(given) - x.ndim
    shape = tuple([x.shape[k - ahead] if n == -1 and k >= ahead else n for k, n in enumerate(given)])
    if ahead < 0 or any(n not in (1, m) for n, m in zip(x.shape, shape[ahead:])):
        raise errors.ShapeError(f"broadcast_to: Incompatible shapes: {errors.brackets(x.shape)} vs. {errors.brackets(given)}: "
                                f"{x.shape} does not broadcast to {given}")  # fmt: skip
    strides = [s if n == m else 0 for s, n, m in zip(strides_of(x.shape), x.shape, shape[ahead:])]
    return ops.view(x, shape=sizes("broadcast_to", "shape", shape), strides=(0,) * ahead + tuple(strides), offset=0)


def reverse(tensor, axis, name=None) -> Tensor:
    """The order of the elements reversed along each dimension of `axis`.

    >>> reverse([1.0, 2.0, 3.0], [0]).numpy().tolist()
    [3.0, 2.0, 1.0]
    """
    x = to_tensor(tensor, "reverse")
    axes = axes_of("reverse", () if axis is None else axis, x.ndim)
    strides, offset = list(strides_of(x.shape)), 0
    for a in axes:
        offset += strides[a] * max(x.shape[a] - 1, 0)
        strides[a] = -strides[a]
    return ops.view(x, shape=tuple(x.shape), strides=tuple(strides), offset=offset)


def reverse_sequence(input, seq_lengths, seq_axis=None, batch_axis=None, name=None) -> Tensor:
    """The first seq_lengths[k] elements along seq_axis in reverse order, in each part k along batch_axis (0); those behind them stay.

    >>> reverse_sequence([[1, 2, 3], [4, 5, 6]], [2, 3], seq_axis=1).numpy().tolist()
    [[2, 1, 3], [6, 5, 4]]
    """
    x, lengths = to_tensor(input, "reverse_sequence"), to_tensor(seq_lengths, "reverse_sequence")
    if not lengths.dtype.is_integer:
        raise errors.bad_dtype("reverse_sequence", lengths.dtype.name, ("int32", "int64"))
    if seq_axis is None:
        raise ValueError("reverse_sequence: seq_axis must be given: the axis along which elements are reversed")
    along = axis_of("reverse_sequence", seq_axis, x.ndim)
    batch = axis_of("reverse_sequence", 0 if batch_axis is None else batch_axis, x.ndim)
    if along == batch:
        raise errors.ShapeError(f"reverse_sequence: seq_axis and batch_axis are one, {along}")
    count, size = x.shape[batch], x.shape[along]
    if lengths.shape != (count,):
        raise errors.ShapeError(f"reverse_sequence: seq_lengths must have shape ({count},), one for each part along dimension {batch}, got {lengths.shape}")
    order = [batch, along, *[a for a in builtins.range(x.ndim) if a not in (batch, along)]]
    ends, at = reshape(ops.cast(lengths, dtype=dtypes.int64.code), (count, 1)), to_tensor(np.arange(size))
    # a length that is none is an index that is none
    places = ops.where(ends > size, size, ops.where(ends < 0, -1, ops.where(at < ends, ends - 1 - at, at)))
    try:
        y = ops.gather(transpose(x, order), places, axis=1, batch_dims=1)
    except errors.BadIndexError:
        raise errors.BadIndexError(f"reverse_sequence: seq_lengths {errors.shorten(lengths.numpy().tolist())} must be from 0 to {size}, the size of dimension {along}") from None
    return transpose(y, np.argsort(order).tolist())


def roll(input, shift, axis, name=None) -> Tensor:
    """Elements moved `shift` places along `axis`, the last ones to the front; several axes each with their shift.

    >>> roll([1.0, 2.0, 3.0], 1, 0).numpy().tolist()
    [3.0, 1.0, 2.0]
    """
    x = to_tensor(input, "roll")
    shifts, axes = integers("roll", "shift", shift), integers("roll", "axis", axis)
    if len(shifts) != len(axes):
        raise errors.ShapeError(f"roll: {len(shifts)} shifts for {len(axes)} axes")
    for n, a in zip(shifts, axes):
        a = axis_of("roll", a, x.ndim)
        first = x.shape[a] - n % max(x.shape[a], 1)
        before = (np.s_[:],) * a
        if first < x.shape[a]:
            x = ops.concat(x[(*before, np.s_[first:])], x[(*before, np.s_[:first])], axis=a)
    return x


# ------------------------------------------------------------------------------------------------------------- cutting
def slice(input_, begin, size, name=None) -> Tensor:
    """The block of `size` elements from `begin`, one of each a dimension; a size of -1 reaches to the end.

    >>> slice([[1.0, 2.0], [3.0, 4.0]], [0, 1], [2, 1]).numpy().tolist()
    [[2.0], [4.0]]
    """
    x = to_tensor(input_, "slice")
    begin, size = integers("slice", "begin", begin), integers("slice", "size", size)
    if len(begin) != x.ndim or len(size) != x.ndim:
        raise errors.ShapeError(
            f"slice: begin {begin} and size {size} need one entry for each of the {x.ndim} dimensions of {x.shape}"
        )
    size = tuple([x.shape[k] - b if n == -1 else n for k, (b, n) in enumerate(zip(begin, size))])
    for k, (b, n) in enumerate(zip(begin, size)):
        if b < 0 or n < 0 or b + n > x.shape[k]:
            raise errors.BadIndexError(
                f"slice: Expected begin[{k}] in [0, {x.shape[k]}] and size[{k}] within what follows, got {b} and {n}"
            )
    return _block(x, begin, size)


def strided_slice(input_, begin, end, strides=None, begin_mask=0, end_mask=0, ellipsis_mask=0, new_axis_mask=0, shrink_axis_mask=0, var=None, name=None) -> Tensor:  # fmt: skip
    """`input_[begin[0]:end[0]:strides[0], ...]`; bit k of a mask says that entry k means something else: begin_mask and
    end_mask nothing given there, ellipsis_mask `...`, new_axis_mask None, shrink_axis_mask the index begin[k].

    >>> strided_slice([1.0, 2.0, 3.0, 4.0], [0], [4], [2]).numpy().tolist()
    [1.0, 3.0]
    """
    x = to_tensor(input_, "strided_slice")
    begin, end = integers("strided_slice", "begin", begin), integers("strided_slice", "end", end)
    strides = (1,) * len(begin) if strides is None else integers("strided_slice", "strides", strides)
    if not len(begin) == len(end) == len(strides):
        raise errors.ShapeError(f"strided_slice: begin {begin}, end {end} and strides {strides} differ in length")
    return x[tuple([_key(k, b, e, s, begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
                    for k, (b, e, s) in enumerate(zip(begin, end, strides))])]  # fmt: skip


def split(value, num_or_size_splits, axis=0, num=None, name="split") -> list[Tensor]:
    """Cut along `axis` into equal parts (an integer: how many) or into parts of given sizes, one of which may be -1.

    >>> [t.numpy().tolist() for t in split([1.0, 2.0, 3.0, 4.0], [1, 3])]
    [[1.0], [2.0, 3.0, 4.0]]
    """
    x = to_tensor(value, "split")
    shape = sizes_of(x)
    axis = axis_of("split", axis, len(shape))
    n = shape[axis]
    if len(getattr(num_or_size_splits, "shape", ())) == 0 and not isinstance(num_or_size_splits, (list, tuple)):
        count = integer("split", "num_or_size_splits", num_or_size_splits)
        if count <= 0 or n % count:
            raise errors.ShapeError(
                f"split: {n} elements along axis {axis} do not make {count} equal parts: give the sizes in a list"
            )
        parts = (n // count,) * count
    else:
        parts = integers("split", "num_or_size_splits", num_or_size_splits)
        rest = n - builtins.sum(p for p in parts if p != -1)
        parts = tuple([rest if p == -1 else p for p in parts])
        if builtins.sum(parts) != n or (parts and min(parts) < 0):
            raise errors.ShapeError(
                f"split: parts of {parts} elements do not make up the {n} elements along axis {axis}"
            )
    strides, pieces, start = strides_of(shape), [], 0
    for size in parts:
        wanted = (*shape[:axis], size, *shape[axis + 1 :])
        pieces.append(ops.view(x, shape=wanted, strides=strides, offset=start * strides[axis]))
        start += size
    return pieces


def unstack(value, num=None, axis=0, name="unstack") -> list[Tensor]:
    """The parts along `axis`, which they lose: the inverse of stack.

    >>> [t.numpy().tolist() for t in unstack([[1.0, 2.0], [3.0, 4.0]])]
    [[1.0, 2.0], [3.0, 4.0]]
    """
    x = to_tensor(value, "unstack")
    whole = sizes_of(x)
    axis = axis_of("unstack", axis, len(whole))
    n = whole[axis]
    if num not in (None, n):
        raise errors.ShapeError(f"unstack: there are {n} parts along axis {axis}, not {num}")
    strides = strides_of(whole)
    shape, left = (*whole[:axis], *whole[axis + 1 :]), (*strides[:axis], *strides[axis + 1 :])
    return [ops.view(x, shape=shape, strides=left, offset=k * strides[axis]) for k in builtins.range(n)]


# ------------------------------------------------------------------------------------------------------------- joining
def concat(values, axis, name="concat") -> Tensor:
    """Tensors one after the other along `axis`; their other sizes are equal.

    >>> concat([[1.0, 2.0], [3.0]], 0).numpy().tolist()
    [1.0, 2.0, 3.0]
    """
    xs = tensors("concat", *(values if isinstance(values, (list, tuple)) else [values]))
    if not xs:
        raise errors.InvalidArgumentError("concat: there is nothing to join: `values` is empty")
    shapes = [sizes_of(x) for x in xs]
    first = shapes[0]
    axis = axis_of("concat", axis, len(first))
    before, after = first[:axis], first[axis + 1 :]
    for k, shape in enumerate(shapes):
        if shape[:axis] != before or shape[axis + 1 :] != after or len(shape) != len(first):
            raise errors.ShapeError(f"concat: Dimensions must be equal but for axis {axis}: shape[0] = {errors.brackets(first)} "
                                    f"vs. shape[{k}] = {errors.brackets(shape)}")  # fmt: skip
    return ops.concat(*xs, axis=axis)


def stack(values, axis=0, name="stack") -> Tensor:
    """Tensors of one shape as the parts of a new dimension `axis`.

    >>> stack([[1.0, 2.0], [3.0, 4.0]], axis=1).numpy().tolist()
    [[1.0, 3.0], [2.0, 4.0]]
    """
    xs = tensors("stack", *values)
    if not xs:
        raise errors.InvalidArgumentError("stack: there is nothing to join: `values` is empty")
    shape = sizes_of(xs[0])
    for k, x in enumerate(xs):
        if sizes_of(x) != shape:
            raise errors.ShapeError(f"stack: Shapes of all inputs must match: values[0].shape = {errors.brackets(shape)} "
                                    f"!= values[{k}].shape = {errors.brackets(x.shape)}")  # fmt: skip
    axis = axis_of("stack", axis, len(shape) + 1)
    wide = (*shape[:axis], 1, *shape[axis:])
    return ops.concat(*[ops.reshape(x, shape=wide) for x in xs], axis=axis)


def meshgrid(*args, indexing="xy", name="meshgrid") -> list[Tensor]:
    """For n vectors, n tensors of rank n: each vector along its own dimension (`indexing="xy"`: the first two swapped).

    >>> [t.numpy().tolist() for t in meshgrid([1.0, 2.0], [3.0, 4.0, 5.0])]
    [[[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]], [[3.0, 3.0], [4.0, 4.0], [5.0, 5.0]]]
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing is 'xy' or 'ij', got {indexing!r}")
    xs = [reshape(x, (-1,)) for x in tensors("meshgrid", *args)]
    place = list(builtins.range(len(xs)))
    if indexing == "xy" and len(xs) > 1:
        place[:2] = [1, 0]
    shape = [0] * len(xs)
    for x, k in zip(xs, place):
        shape[k] = x.shape[0]
    return [
        ops.view(x, shape=tuple(shape), strides=tuple([int(a == k) for a in builtins.range(len(xs))]), offset=0)
        for x, k in zip(xs, place)
    ]


# ------------------------------------------------------------------------------------------------------------- helpers
def strides_of(shape) -> tuple[int, ...]:
    """Elements from one place to the next along each dimension of a C-contiguous array."""
    strides, step = [], 1
    for n in shape[::-1]:
        strides.append(step)
        step *= n
    return tuple(strides[::-1])


def _block(x, begin, size):
    strides = strides_of(x.shape)
    return ops.view(x, shape=tuple(size), strides=strides, offset=builtins.sum(b * s for b, s in zip(begin, strides)))


def _shape_of(x):
    given = getattr(x, "shape", None)
    return given if isinstance(given, tuple) else to_tensor(x, "shape").shape


def _resolve(old, new):
    """`new` with its -1 replaced."""
    size = product(old)
    if -1 not in new:
        if product(new) == size and (not new or min(new) >= 0):
            return new
    elif new.count(-1) == 1:
        known = -product(new)
        if known > 0 and size % known == 0:
            return tuple([size // known if n == -1 else n for n in new])
        if known == 0 == size:  # what sizes of 0 leave open, the others say: (0, 3) as (0, -1) is (0, 3)
            left = product(n for n in old if n) // product(n for n in new if n > 0)
            return tuple([left if n == -1 else n for n in new])
    raise errors.bad_size("reshape", old, size, new)


def _broadcast(name, a, b):
    n = max(len(a), len(b))
    pairs = list(zip((1,) * (n - len(a)) + tuple(a), (1,) * (n - len(b)) + tuple(b)))
    if any(x != y and 1 not in (x, y) for x, y in pairs):
        raise errors.unlike_shapes(name, a, b)
    return tuple([y if x == 1 else x for x, y in pairs])


def _key(k, begin, end, stride, begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask):
    bit = 1 << k
    if ellipsis_mask & bit:
        return Ellipsis
    if new_axis_mask & bit:
        return None
    if shrink_axis_mask & bit:
        return begin
    return builtins.slice(None if begin_mask & bit else begin, None if end_mask & bit else end, stride)
