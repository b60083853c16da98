"""What makes tensors out of numbers, lists and arrays."""

import builtins
import contextlib
import sys
import time
from typing import Any

import numpy as np

from . import dtypes, errors, ops
from ._core import Tensor, is_tensor, untraceable
from .arguments import product, sizes
from .arguments import tensor as to_tensor

__all__ = ["bitcast", "constant", "control_dependencies", "convert_to_tensor", "device", "executing_eagerly", "get_logger", "get_static_value",
           "init_scope", "name_scope", "print", "timestamp"]  # fmt: skip


def constant(value, dtype=None, shape=None, name="Const") -> Tensor:
    """A tensor of a number, a nested list, an array or a tensor.

    value   copied; Python floats become floatx() (float32), integers int32 (int64 where they do not fit), arrays and NumPy
            numbers keep their dtype
    dtype   another dtype; a float is not made an integer silently
    shape   the shape to give it; a single number fills it

    Raises ValueError for None, ragged lists and strings, TypeError for what the dtype cannot hold.

    >>> import autodiff as ad
    >>> ad.constant([1, 2.5])
    <ad.Tensor: shape=(2,), dtype=float32, numpy=array([1. , 2.5], dtype=float32)>
    """
    t = to_tensor(value, "constant", dtype)
    if shape is None:
        return t
    shape = sizes("constant", "shape", shape)
    if product(t.shape) == product(shape):
        return ops.reshape(t, shape=shape)
    if product(t.shape) != 1:
        raise errors.bad_size("constant", t.shape, product(t.shape), shape)
    return ops.view(ops.reshape(t, shape=()), shape=shape, strides=(0,) * len(shape), offset=0)


def convert_to_tensor(value, dtype=None, dtype_hint=None, name=None) -> Tensor:
    """A tensor of whatever can be one; a tensor is returned as it is, a variable is read.

    dtype       raises ValueError where a tensor has another
    dtype_hint  the dtype to take if the value can have it
    """
    if dtype is None and dtype_hint is not None and not is_tensor(value):
        try:
            return to_tensor(value, "convert_to_tensor", dtype_hint)
        except (TypeError, ValueError):
            pass
    return to_tensor(value, "convert_to_tensor", dtype)


def get_static_value(tensor, partial=False) -> Any:
    """The value as NumPy has it: every tensor here has one."""
    return to_tensor(tensor, "get_static_value").numpy()


def executing_eagerly() -> builtins.bool:
    """True: operations run as they are called."""
    return True


class _Numbers:
    """What stands for a tensor inside a printed list: its numbers alone."""

    def __init__(self, tensor):
        self.text = str(tensor.numpy())

    def __repr__(self):
        return self.text


def _shown(x):
    """x as it is printed, with its tensors' numbers."""
    if is_tensor(x):
        return _Numbers(x)
    if type(x) is list or type(x) is tuple:
        return type(x)(_shown(part) for part in x)
    return {key: _shown(value) for key, value in x.items()} if type(x) is dict else x


def print(*inputs, output_stream=None, end="\n", sep=" ", **ignored) -> None:
    """Print tensors by their values, also those in lists, tuples and dicts, and all else as it is; to stderr as TensorFlow does, or to
    `output_stream`, a file."""
    builtins.print(*map(_shown, inputs), sep=sep, end=end, file=sys.stderr if output_stream is None else output_stream)


def get_logger() -> Any:
    """The logging.Logger that TensorFlow's scripts silence; what is said here goes through `warnings`.

    >>> get_logger().name
    'autodiff'
    """
    import logging  # here: it takes a fifth as long to import as all of autodiff, and hardly anyone asks

    return logging.getLogger("autodiff")


@contextlib.contextmanager
def control_dependencies(control_inputs):
    """A context without effect: what stands above it has run."""
    yield


class name_scope(contextlib.AbstractContextManager):
    """A context without effect: names mean nothing here."""

    def __init__(self, name) -> None:
        self._name = name

    @property
    def name(self):
        return self._name

    def __enter__(self):
        return self._name

    def __exit__(self, *raised):
        return None


@contextlib.contextmanager
def init_scope():
    """A context without effect: there are no graphs to be lifted out of."""
    yield


def timestamp(name=None) -> Tensor:
    """The seconds since 1970, a float64 scalar; a function that asks for it runs as written.

    >>> timestamp().dtype
    ad.float64
    """
    untraceable("asks for the time")
    return constant(time.time(), dtypes.float64)


def bitcast(input, type, name=None) -> Tensor:
    """The bytes of a tensor as numbers of another dtype, without gradient; a function that asks for them runs as written.

    Numbers of half the size give a last dimension of 2 more, of twice the size take one of 2 away.  Raises InvalidArgumentError for
    bools, and where numbers of twice the size find no last dimension of 2.

    >>> bitcast([1.0, 2.0], "int32").numpy().tolist()
    [1065353216, 1073741824]
    """
    x, kind = to_tensor(input, "bitcast"), dtypes.as_dtype(type)
    if x.dtype.is_bool or kind.is_bool:
        raise errors.InvalidArgumentError(f"bitcast: numbers are taken and given, no bools; got {x.dtype.name} to {kind.name}")
    if kind.size > x.dtype.size and (not x.ndim or x.shape[-1] != 2):
        raise errors.InvalidArgumentError(f"bitcast: Cannot bitcast from {x.dtype.name} to {kind.name}: the last dimension of shape {x.shape} is not 2")
    untraceable("reads the bytes of a tensor")
    shape = {1: x.shape, 2: x.shape[:-1]}.get(kind.size // x.dtype.size, (*x.shape, 2))
    return constant(np.frombuffer(x.numpy().tobytes(), kind.as_numpy_dtype).reshape(tuple(shape)))


@contextlib.contextmanager
def device(device_name):
    """A context without effect: there is one CPU."""
    yield device_name
