"""What variables start from, as functions of a shape and a dtype: tf.zeros_initializer() and its kin."""

from collections.abc import Callable
from functools import partial

from . import constants, conversion, random
from ._core import Tensor

__all__ = ["constant_initializer", "ones_initializer", "random_normal_initializer", "random_uniform_initializer", "zeros_initializer"]


def zeros_initializer() -> Callable[..., Tensor]:
    """init(shape, dtype=None): zeros.

    >>> zeros_initializer()(shape=(2,)).numpy()
    array([0., 0.], dtype=float32)
    """
    return partial(_filled, constants.zeros)


def ones_initializer() -> Callable[..., Tensor]:
    """init(shape, dtype=None): ones.

    >>> ones_initializer()(shape=(2,), dtype="int32").numpy()
    array([1, 1], dtype=int32)
    """
    return partial(_filled, constants.ones)


def constant_initializer(value=0, support_partition=False) -> Callable[..., Tensor]:
    """init(shape, dtype=None): `value`, a number for all elements or a list of as many as there are.

    >>> constant_initializer([1, 2, 3, 4])(shape=(2, 2), dtype="float64").numpy()
    array([[1., 2.],
           [3., 4.]])
    """
    return partial(_constant, value)


def random_normal_initializer(mean=0.0, stddev=0.05, seed=None) -> Callable[..., Tensor]:
    """init(shape, dtype=None): normally distributed numbers, others at every call.

    >>> random_normal_initializer()(shape=(2, 3)).shape
    TensorShape([2, 3])
    """
    return partial(_drawn, random.normal, mean, stddev, seed)


def random_uniform_initializer(minval=-0.05, maxval=0.05, seed=None) -> Callable[..., Tensor]:
    """init(shape, dtype=None): numbers evenly distributed over [minval, maxval), others at every call.

    >>> bool((random_uniform_initializer(2.0, 3.0)(shape=(9,)) >= 2.0).numpy().all())
    True
    """
    return partial(_drawn, random.uniform, minval, maxval, seed)


# (Their arguments for parts of a distributed variable, which is here whole, are TensorFlow's.)
def _filled(make, shape, dtype=None, partition_shape=None, partition_offset=None):
    return make(shape, dtype)


def _constant(value, shape, dtype=None, partition_shape=None, partition_offset=None):
    return conversion.constant(value, dtype, shape)


def _drawn(draw, first, second, seed, shape, dtype=None, partition_shape=None, partition_offset=None):
    return draw(shape, first, second, dtype, seed)
