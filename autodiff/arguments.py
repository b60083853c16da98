"""What a front does to its arguments before a row sees them: tensors converted, axes and sizes made plain integers.

A row takes non-negative axes, each once, and shapes without -1 (see structural.py).  Every text of an error
here names the public function, `name`.
"""

import math
import operator

import numpy as np

from . import errors
from ._core import Tensor, convert, get_floatx, is_tensor
from .dtypes import as_dtype
from .shapes import TensorShape

_ALL_AXES = [tuple(range(rank)) for rank in range(33)]


def tensor(x, name="convert_to_tensor", dtype=None, like=None):
    """`x` as a Tensor; with `like`, Python numbers and arrays take that tensor's dtype."""
    if type(x) is Tensor and dtype is None:
        return x
    return convert(x, dtype, like, name)


def tensors(name, *xs):
    """The operands as tensors: numbers take the dtype of the first that is a tensor, else Python's that of the first array; among
    themselves one float makes all of them floats."""
    for x in xs:
        if type(x) is not Tensor:
            break
    else:
        return list(xs)
    like = next((x for x in xs if is_tensor(x)), None)
    if like is None:
        xs = [tensor(x, name) if isinstance(x, np.floating) else x for x in xs]             # they keep their dtype among themselves
        like = next((x for x in xs if hasattr(x, "dtype")), None)
    if like is None and len(xs) > 1:
        like = next((t for t in [tensor(x, name) for x in xs] if t.dtype.is_floating), None)
    if like is not None:
        like = tensor(like, name)
    return [tensor(x, name, like=like) for x in xs]


def function_given(name, f):
    """`f`, if it can be called."""
    if not callable(f):
        raise TypeError(f"{name}: expected a function, got {errors.shorten(f)}")
    return f


def integer(name, what, value):
    """A Python int from anything that is an integer: int, NumPy integer, scalar integer tensor."""
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: {what} must be an integer, got {errors.shorten(value)}") from None


def integers(name, what, value):
    """A tuple of Python ints from an integer or from anything that lists integers."""
    if type(value) is int:
        return (value,)
    if isinstance(value, TensorShape):
        return tuple(value)
    if hasattr(value, "__array__"):
        value = value.numpy() if hasattr(value, "numpy") else value
        if value.size and value.dtype.kind not in "iu":
            raise TypeError(f"{name}: {what} must be integers, got {errors.shorten(value)}")
        value = value.reshape(-1).tolist()
    if not isinstance(value, (list, tuple, range)):
        return (integer(name, what, value),)
    return tuple([n if type(n) is int else integer(name, what, n) for n in value])


def axis_of(name, axis, rank, what="axis"):
    """One axis as 0 .. rank - 1."""
    if type(axis) is not int:
        axis = integer(name, what, axis)
    if not -rank <= axis < rank:
        raise errors.bad_axis(name, axis, rank)
    return axis + rank if axis < 0 else axis


def axes_of(name, axis, rank):
    """Axes as a sorted tuple of 0 .. rank - 1; None means all of them."""
    if axis is None:
        return _ALL_AXES[rank]
    if type(axis) is int:
        return (axis_of(name, axis, rank),)
    axes = [axis_of(name, a, rank) for a in integers(name, "axis", axis)]
    unique = sorted(set(axes))
    if len(unique) != len(axes):
        raise errors.repeated_axis(name, integers(name, "axis", axis))
    return tuple(unique)


def sizes(name, what, value):
    """A shape: integers, none negative, and no more elements than can be counted in bytes."""
    shape = integers(name, what, value)
    for n in shape:
        if n < 0:
            raise errors.ShapeError(f"{name}: {what} {shape} has a negative size")
    if math.prod(n for n in shape if n) >> 60:
        raise errors.ShapeError(f"{name}: {what} {shape} is too large: an array has fewer than 2**60 elements")
    return shape


def floating(x, name, dtype=None):
    """`x` as a tensor of a floating dtype."""
    x = tensor(x, name, dtype)
    if not x.dtype.is_floating:
        raise errors.bad_dtype(name, x.dtype.name, ("float32", "float64"))
    return x


def dtype_or(dtype, default=None):
    """The DType asked for, else `default`, else floatx()."""
    return as_dtype(dtype if dtype is not None else default if default is not None else get_floatx())


def product(sizes):
    n = 1
    for size in sizes:
        n *= size
    return n
