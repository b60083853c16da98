"""NumPy's questions whether numbers are alike, on tensors: in a recorded function `while not np.allclose(x, before)` is a branch like any
other, which a replay asks of its own numbers.
"""

import numpy as np

from . import math
from ._core import traced_here
from .arrays import as_arrays, refuse

__all__ = ["CLOSENESS"]


def _isclose(a, b, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Of two numbers a branch, of more a tensor of answers."""
    a, b = _as_doubles(a, b)
    close = _are_close(a, b, rtol, atol, equal_nan)
    return close if close.ndim else np.bool_(close)


def _allclose(a, b, rtol=1e-5, atol=1e-8, equal_nan=False):
    a, b = _as_doubles(a, b)
    if not traced_here():
        return np.allclose(a.numpy(), b.numpy(), rtol, atol, equal_nan)
    return bool(math.reduce_all(_are_close(a, b, rtol, atol, equal_nan)))


def _array_equal(a1, a2, equal_nan=False):
    a, b = as_arrays(a1, a2)
    if not traced_here() or equal_nan:
        refuse()
    return tuple(a.shape) == tuple(b.shape) and bool(math.reduce_all(math.equal(a, b)))


def _as_doubles(a, b):
    """For all of them, so that a replay answers as NumPy does, whichever numbers of its own NumPy takes for float32."""
    return [math.cast(x, "float64") for x in as_arrays(a, b)]


def _are_close(a, b, rtol, atol, equal_nan):
    """The formula of NumPy's documentation of isclose."""
    near = math.logical_and(math.less_equal(math.abs(a - b), atol + rtol * math.abs(b)), math.is_finite(b))
    close = math.logical_or(near, math.equal(a, b))
    return math.logical_or(close, math.logical_and(math.is_nan(a), math.is_nan(b))) if equal_nan else close


CLOSENESS = {"isclose": _isclose, "allclose": _allclose, "array_equal": _array_equal}
