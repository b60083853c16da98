"""Integers as their bits, as tensorflow.bitwise.  There are no gradients, and a function that calls one of these runs as written."""

import numpy as np

from . import errors
from ._core import Tensor, untraceable
from .arguments import tensor as to_tensor
from .arguments import tensors

__all__ = ["bitwise_and", "bitwise_or", "bitwise_xor", "invert", "left_shift", "right_shift"]


def bitwise_and(x, y, name=None) -> Tensor:
    """The bits that both have; int32 or int64 of one dtype, shapes that broadcast, else DtypeError or ShapeError.

    >>> bitwise_and([5, 3], 6).numpy().tolist()
    [4, 2]
    """
    return _of_bits("bitwise_and", np.bitwise_and, x, y)


def bitwise_or(x, y, name=None) -> Tensor:
    """The bits that one of them has, or both; dtypes and shapes as in `bitwise_and`.

    >>> bitwise_or([5, 3], 6).numpy().tolist()
    [7, 7]
    """
    return _of_bits("bitwise_or", np.bitwise_or, x, y)


def bitwise_xor(x, y, name=None) -> Tensor:
    """The bits that one of them has, and not both; dtypes and shapes as in `bitwise_and`.

    >>> bitwise_xor([5, 3], 6).numpy().tolist()
    [3, 5]
    """
    return _of_bits("bitwise_xor", np.bitwise_xor, x, y)


def invert(x, name=None) -> Tensor:
    """The bits that x has not, -1 - x, of int32 or int64, else DtypeError.

    >>> invert([5, -1]).numpy().tolist()
    [-6, 0]
    """
    return _of_bits("invert", np.invert, x)


def left_shift(x, y, name=None) -> Tensor:
    """x with its bits y places higher; fewer than none is none, more than all but one is that, as in TensorFlow.

    >>> left_shift([5, -3], [1, 2]).numpy().tolist()
    [10, -12]
    """
    return _of_bits("left_shift", lambda x, y: np.left_shift(x, _places(y)), x, y)


def right_shift(x, y, name=None) -> Tensor:
    """x with its bits y places lower, floor(x / 2**y); y as in `left_shift`.

    >>> right_shift([5, -3], [1, 2]).numpy().tolist()
    [2, -1]
    """
    return _of_bits("right_shift", lambda x, y: np.right_shift(x, _places(y)), x, y)


def _places(y):
    """C does not say what a shift by the width of the integers is.  (An old NumPy makes int64 of one int32.)"""
    return np.clip(y, 0, 8 * y.dtype.itemsize - 1).astype(y.dtype)


def _of_bits(name, f, *xs):
    xs = tensors(f"bitwise.{name}", *xs)
    kinds = [x.dtype.name for x in xs]
    if not all(x.dtype.is_integer for x in xs):
        raise errors.bad_dtype(f"bitwise.{name}", next(x.dtype.name for x in xs if not x.dtype.is_integer), ("int32", "int64"))
    if len(set(kinds)) > 1:
        raise errors.unlike_dtypes(f"bitwise.{name}", *kinds)
    try:
        np.broadcast_shapes(*[tuple(x.shape) for x in xs])
    except ValueError:
        raise errors.unlike_shapes(f"bitwise.{name}", *[x.shape for x in xs]) from None
    untraceable(f"calls bitwise.{name}")
    return to_tensor(f(*[x.numpy() for x in xs]))
