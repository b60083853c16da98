"""What variables start from, as functions of a shape and a dtype: tf.zeros_initializer() and its kin; tf.initializers.GlorotUniform() and its.

Those of tf.initializers give, with a seed, the same numbers at every call; others, and tf.random_normal_initializer with one, other numbers at each.
"""

import math
from collections.abc import Callable
from functools import partial

from . import constants, conversion, random
from ._core import Tensor
from .decompositions import qr
from .errors import shorten

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


# ------------------------------------------------------------------------------------- tf.initializers, also tf.keras.initializers
Zeros, Ones, Constant = zeros_initializer, ones_initializer, constant_initializer


def RandomNormal(mean=0.0, stddev=0.05, seed=None) -> Callable[..., Tensor]:
    """init(shape, dtype=None): normally distributed numbers.

    >>> bool((RandomNormal(seed=1)(shape=(3,)) == RandomNormal(seed=1)(shape=(3,))).numpy().all())
    True
    """
    return partial(_seeded, "normal", mean, stddev, seed)


def RandomUniform(minval=-0.05, maxval=0.05, seed=None) -> Callable[..., Tensor]:
    """init(shape, dtype=None): numbers evenly distributed over [minval, maxval).

    >>> bool((RandomUniform(seed=1)(shape=(3,)) == RandomUniform(seed=1)(shape=(3,))).numpy().all())
    True
    """
    return partial(_seeded, "uniform", minval, maxval, seed)


def TruncatedNormal(mean=0.0, stddev=0.05, seed=None) -> Callable[..., Tensor]:
    """init(shape, dtype=None): normally distributed numbers within two standard deviations.

    >>> bool((TruncatedNormal(1.0, 0.1)(shape=(99,)) <= 1.2).numpy().all())
    True
    """
    return partial(_seeded, "truncated_normal", mean, stddev, seed)


def VarianceScaling(scale=1.0, mode="fan_in", distribution="truncated_normal", seed=None) -> Callable[..., Tensor]:
    """init(shape, dtype=None): numbers of variance scale / n around 0.

    mode          n: the inputs of a unit, "fan_in"; its outputs, "fan_out"; their mean, "fan_avg".  Of a kernel (..., inputs, outputs) they count
                  once for each of its places
    distribution  "truncated_normal", "untruncated_normal" or "uniform"

    >>> VarianceScaling(2.0)(shape=(3, 3, 16, 32)).shape
    TensorShape([3, 3, 16, 32])
    """
    if not scale > 0:
        raise ValueError(f"VarianceScaling: scale must be positive, got {shorten(scale)}")
    if mode not in _FANS:
        raise ValueError(f"VarianceScaling: mode must be one of {', '.join(_FANS)}, got {shorten(mode)}")
    if distribution not in _DRAWS:
        raise ValueError(f"VarianceScaling: distribution must be one of {', '.join(_DRAWS)}, got {shorten(distribution)}")
    return partial(_scaled, scale, mode, distribution, seed)


def GlorotUniform(seed=None) -> Callable[..., Tensor]:
    """Even over [-l, l], l = sqrt(6 / (inputs + outputs)) (Glorot & Bengio, AISTATS 2010).

    >>> bool((abs(GlorotUniform()(shape=(3, 3))) <= 1.0).numpy().all())
    True
    """
    return VarianceScaling(1.0, "fan_avg", "uniform", seed)


def GlorotNormal(seed=None) -> Callable[..., Tensor]:
    """Truncated normal of variance 2 / (inputs + outputs).

    >>> GlorotNormal(seed=1)(shape=(3, 3), dtype="float64").shape
    TensorShape([3, 3])
    """
    return VarianceScaling(1.0, "fan_avg", "truncated_normal", seed)


def HeNormal(seed=None) -> Callable[..., Tensor]:
    """Truncated normal of variance 2 / inputs (He et al., "Delving deep into rectifiers", ICCV 2015).

    >>> HeNormal(seed=1)(shape=(3, 3), dtype="float64").shape
    TensorShape([3, 3])
    """
    return VarianceScaling(2.0, "fan_in", "truncated_normal", seed)


def HeUniform(seed=None) -> Callable[..., Tensor]:
    """Even over [-l, l], l = sqrt(6 / inputs).

    >>> HeUniform(seed=1)(shape=(3, 3), dtype="float64").shape
    TensorShape([3, 3])
    """
    return VarianceScaling(2.0, "fan_in", "uniform", seed)


def LecunNormal(seed=None) -> Callable[..., Tensor]:
    """Truncated normal of variance 1 / inputs (LeCun et al., "Efficient backprop", 1998).

    >>> LecunNormal(seed=1)(shape=(3, 3), dtype="float64").shape
    TensorShape([3, 3])
    """
    return VarianceScaling(1.0, "fan_in", "truncated_normal", seed)


def LecunUniform(seed=None) -> Callable[..., Tensor]:
    """Even over [-l, l], l = sqrt(3 / inputs).

    >>> LecunUniform(seed=1)(shape=(3, 3), dtype="float64").shape
    TensorShape([3, 3])
    """
    return VarianceScaling(1.0, "fan_in", "uniform", seed)


def Orthogonal(gain=1.0, seed=None) -> Callable[..., Tensor]:
    """init(shape, dtype=None): `gain` times a matrix of orthonormal columns, or rows where these are fewer, evenly distributed; all axes but
    the last count as one (Saxe, McClelland & Ganguli, ICLR 2014).

    >>> import autodiff as ad
    >>> q = Orthogonal()(shape=(4, 2), dtype="float64")
    >>> ad.matmul(q, q, transpose_a=True).numpy().round(6) + 0.0
    array([[1., 0.],
           [0., 1.]])
    """
    return partial(_orthogonal, gain, seed)


def Identity(gain=1.0) -> Callable[..., Tensor]:
    """init(shape, dtype=None): `gain` times the unit matrix of that shape.

    >>> Identity(2.0)(shape=(2, 3)).numpy()
    array([[2., 0., 0.],
           [0., 2., 0.]], dtype=float32)
    """
    return partial(_unit, gain)


_FANS = {"fan_in": lambda inputs, outputs: inputs, "fan_out": lambda inputs, outputs: outputs, "fan_avg": lambda inputs, outputs: (inputs + outputs) / 2}
_TRUNCATED = 0.8796256610342398  # the standard deviation of a normal distribution that is cut off at 2
_DRAWS = {"truncated_normal": lambda s: ("truncated_normal", 0.0, s / _TRUNCATED), "untruncated_normal": lambda s: ("normal", 0.0, s),
          "uniform": lambda s: ("uniform", -math.sqrt(3.0) * s, math.sqrt(3.0) * s)}  # fmt: skip


def _seeded(kind, first, second, seed, shape, dtype=None, partition_shape=None, partition_offset=None):
    if seed is None:
        return getattr(random, kind)(shape, first, second, dtype)
    return getattr(random, f"stateless_{kind}")(shape, (seed, 0), first, second, dtype)


def _scaled(scale, mode, distribution, seed, shape, dtype=None, partition_shape=None, partition_offset=None):
    sizes = [int(n) for n in shape]
    places = math.prod(sizes[:-2])
    inputs, outputs = (sizes * 2)[-2:] if len(sizes) == 1 else sizes[-2:] or (1, 1)
    kind, first, second = _DRAWS[distribution](math.sqrt(scale / max(1.0, _FANS[mode](places * inputs, places * outputs))))
    return _seeded(kind, first, second, seed, shape, dtype)


def _orthogonal(gain, seed, shape, dtype=None, partition_shape=None, partition_offset=None):
    sizes = [int(n) for n in shape]
    if len(sizes) < 2:
        raise ValueError(f"Orthogonal: expected a shape of two axes or more, got {tuple(sizes)}")
    m, n = math.prod(sizes[:-1]), sizes[-1]
    q, r = qr(_seeded("normal", 0.0, 1.0, seed, (max(m, n), min(m, n)), dtype))
    q = (q.numpy() * (1 - 2 * (r.numpy().diagonal() < 0))).astype(q.numpy().dtype)  # each q as probable as any other (Mezzadri, 2007)
    return conversion.constant(gain * (q if m >= n else q.T), q.dtype, shape)


def _unit(gain, shape, dtype=None, partition_shape=None, partition_offset=None):
    sizes = [int(n) for n in shape]
    if len(sizes) != 2:
        raise ValueError(f"Identity: expected the shape of a matrix, got {tuple(sizes)}")
    return gain * constants.eye(*sizes, dtype=dtype)


# (Their arguments for parts of a distributed variable, which is here whole, are TensorFlow's.)
def _filled(make, shape, dtype=None, partition_shape=None, partition_offset=None):
    return make(shape, dtype)


def _constant(value, shape, dtype=None, partition_shape=None, partition_offset=None):
    return conversion.constant(value, dtype, shape)


def _drawn(draw, first, second, seed, shape, dtype=None, partition_shape=None, partition_offset=None):
    return draw(shape, first, second, dtype, seed)
