"""ad.random: tensors of random numbers, from NumPy's generators.

`set_seed` makes a run repeatable.  An operation's own `seed` gives it a sequence of its own: the first call with that seed
gives the sequence's first numbers, the next call the following ones, until set_seed starts all of them again.
"""

import threading

import numpy as np

from . import dtypes, errors, ops
from ._core import Tensor, is_tensor, untraceable
from .arguments import dtype_or, integer, integers, sizes
from .arguments import tensor as to_tensor
from .custom_gradient import custom_gradient
from .shaping import broadcast_to

# fmt: off
__all__ = [
    "categorical", "exponential", "gamma", "normal", "poisson", "set_seed", "shuffle", "stateless_normal", "stateless_uniform",
    "truncated_normal", "uniform"
]
# fmt: on

_lock = threading.Lock()
_seed = None
_generators = {}


def set_seed(seed) -> None:
    """Start all sequences of random numbers again, from this integer."""
    global _seed
    seed = integer("random.set_seed", "seed", seed)
    with _lock:
        _seed = seed
        _generators.clear()


def normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None, name=None) -> Tensor:
    """Normally distributed numbers; differentiable in mean and stddev.

    >>> normal((2, 3)).shape
    TensorShape([2, 3])
    """
    z = _draw(
        seed,
        lambda r, n: r.standard_normal(n),
        sizes("random.normal", "shape", shape),
        _float("random.normal", dtype),
    )
    return _moved(z, mean, stddev)


def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None, name=None) -> Tensor:
    """Normally distributed numbers, none further than two standard deviations from the mean.

    >>> bool(abs(truncated_normal(1000).numpy()).max() <= 2)
    True
    """
    dtype = _float("random.truncated_normal", dtype)
    z = _draw(seed, _truncated, sizes("random.truncated_normal", "shape", shape), dtype)
    return _moved(z, mean, stddev)


def uniform(shape, minval=0, maxval=None, dtype=None, seed=None, name=None) -> Tensor:
    """Numbers evenly distributed over [minval, maxval), by default [0, 1); integers need a maxval.

    >>> uniform(4, maxval=10, dtype="int32").dtype
    ad.int32
    """
    shape, dtype = sizes("random.uniform", "shape", shape), dtype_or(dtype)
    if dtype.is_integer:
        if maxval is None:
            raise ValueError(f"random.uniform: Must specify maxval for integer dtype {dtype.name}")
        low, high = (to_tensor(x, "random.uniform").numpy() for x in (minval, maxval))
        return _draw(seed, lambda r, n: r.integers(low, high, n), shape, dtype)
    u = _draw(seed, lambda r, n: r.random(n, np.float32 if dtype.size == 4 else np.float64), shape, dtype)
    maxval = 1 if maxval is None else maxval
    if not is_tensor(minval) and not is_tensor(maxval) and (minval, maxval) == (0, 1):
        return u
    low, high = to_tensor(minval, "random.uniform", dtype), to_tensor(maxval, "random.uniform", dtype)
    return u * (high - low) + low


def exponential(shape, rate=1.0, dtype=None, seed=None, name=None) -> Tensor:
    """Exponentially distributed numbers; differentiable in rate.

    >>> exponential(4).shape
    TensorShape([4])
    """
    z = _draw(
        seed,
        lambda r, n: r.standard_exponential(n),
        sizes("random.exponential", "shape", shape),
        _float("random.exponential", dtype),
    )
    return z / to_tensor(rate, "random.exponential", like=z)


def gamma(shape, alpha, beta=None, dtype=None, seed=None, name=None) -> Tensor:
    """Gamma distributed numbers of shape `shape` + alpha.shape; differentiable in alpha and beta.

    >>> gamma(2, [1.0, 2.0, 3.0]).shape
    TensorShape([2, 3])
    """
    a = to_tensor(alpha, "random.gamma")
    _require(not (a.numpy() < 0).any(), "random.gamma", "alpha must not be negative", alpha)
    shape = sizes("random.gamma", "shape", shape) + tuple(a.shape)
    z = _draw(seed, lambda r, n: r.standard_gamma(a.numpy(), n), shape, _float("random.gamma", dtype))
    if is_tensor(alpha) and a.dtype.is_floating:
        z = _quantile(z, broadcast_to(ops.cast(a, dtype=z.dtype.code), z.shape))
    return z if beta is None else z / to_tensor(beta, "random.gamma", like=z)


def _quantile(z, a):
    """z as the quantile of the gamma distribution of shape a that it is: its derivative is that of the distribution function by a over
    that by z, with the sign changed.  Figurnov, Mohamed & Mnih, Implicit reparameterization gradients (2018), eq. 5; z in it is this
    function again, so that it can be differentiated to any order."""

    @custom_gradient
    def sample(a):
        return z, lambda g: -g * ops.igamma_by_a(a, sample(a)) / ops.gamma_pdf(a, sample(a))

    return sample(a)


def poisson(shape, lam, dtype=None, seed=None, name=None) -> Tensor:
    """Poisson distributed numbers of shape `shape` + lam.shape.

    >>> poisson(2, [1.0, 2.0, 3.0]).shape
    TensorShape([2, 3])
    """
    rate = to_tensor(lam, "random.poisson").numpy()
    _require((rate >= 0).all(), "random.poisson", "lam must be a number that is not negative", lam)
    return _draw(
        seed, lambda r, n: r.poisson(rate, n), sizes("random.poisson", "shape", shape) + rate.shape, dtype_or(dtype)
    )


def categorical(logits, num_samples, dtype=dtypes.int64, seed=None, name=None) -> Tensor:
    """num_samples indices for each row of logits, index k with probability softmax(logits)[k].

    >>> categorical([[0.0, -1000.0]], 3).numpy().tolist()
    [[0, 0, 0]]
    """
    rows = to_tensor(logits, "random.categorical").numpy()
    if rows.ndim != 2:
        raise errors.ShapeError(f"random.categorical: logits should be a matrix, got shape {rows.shape}")
    count = integer("random.categorical", "num_samples", num_samples)
    sizes("random.categorical", "num_samples", count)
    if count and rows.shape == (len(rows), 0):
        raise errors.ShapeError("random.categorical: logits has no columns: there is nothing to draw from")
    # The largest of logits + Gumbel noise is distributed like that (Gumbel 1954).
    drawn = _draw(
        seed, lambda r, n: (rows[:, None, :] + r.gumbel(size=n)).argmax(-1), (len(rows), count, rows.shape[1]), None
    )
    return to_tensor(drawn.astype(dtypes.as_dtype(dtype).as_numpy_dtype))


def shuffle(value, seed=None, name=None) -> Tensor:
    """The parts along the first dimension in random order.

    >>> sorted(shuffle([3.0, 1.0, 2.0]).numpy().tolist())
    [1.0, 2.0, 3.0]
    """
    x = to_tensor(value, "random.shuffle")
    if not x.ndim:
        return x
    order = _draw(seed, lambda r, n: r.permutation(n[0]), (x.shape[0],), None)
    return ops.gather(x, to_tensor(order), axis=0, batch_dims=0)


def stateless_normal(shape, seed, mean=0.0, stddev=1.0, dtype=None, name=None, alg="auto_select") -> Tensor:
    """`normal` that depends on `seed`, two integers, alone.

    >>> bool((stateless_normal(3, (1, 2)) == stateless_normal(3, (1, 2))).numpy().all())
    True
    """
    dtype = _float("random.stateless_normal", dtype)
    return _moved(
        _stateless(seed, lambda r, n: r.standard_normal(n), sizes("random.stateless_normal", "shape", shape), dtype),
        mean,
        stddev,
    )


def stateless_uniform(shape, seed, minval=0, maxval=None, dtype=None, name=None, alg="auto_select") -> Tensor:
    """`uniform` that depends on `seed`, two integers, alone.

    >>> bool((stateless_uniform(3, (1, 2)) == stateless_uniform(3, (1, 2))).numpy().all())
    True
    """
    shape, dtype = sizes("random.stateless_uniform", "shape", shape), dtype_or(dtype)
    maxval = 1 if maxval is None and dtype.is_floating else maxval
    if maxval is None:
        raise ValueError(f"random.stateless_uniform: Must specify maxval for integer dtype {dtype.name}")
    low, high = (to_tensor(x).numpy() for x in (minval, maxval))
    if dtype.is_integer:
        return _stateless(seed, lambda r, n: r.integers(low, high, n), shape, dtype)
    return _stateless(seed, lambda r, n: r.random(n) * (high - low) + low, shape, dtype)


# ----------------------------------------------------------------------------------------------------------------- helpers
def _require(holds, name, expected, given):
    if not holds:
        raise errors.InvalidArgumentError(f"{name}: {expected}, got {errors.shorten(given)}")


def _draw(seed, make, shape, dtype):
    untraceable("draws random numbers")
    with _lock:
        key = seed if seed is None else integer("random", "seed", seed)
        if key not in _generators:
            entropy = [n & 0xFFFFFFFFFFFFFFFF for n in (_seed, key) if n is not None]
            _generators[key] = np.random.default_rng([len(entropy), _seed is None, *entropy] if entropy else None)
        numbers = make(_generators[key], shape)
    return numbers if dtype is None else to_tensor(np.asarray(numbers).astype(dtype.as_numpy_dtype))


def _stateless(seed, make, shape, dtype):
    key = [n & 0xFFFFFFFFFFFFFFFF for n in integers("random.stateless", "seed", seed)]
    return to_tensor(np.asarray(make(np.random.default_rng(key), shape)).astype(dtype.as_numpy_dtype))


def _truncated(generator, shape):
    """Drawn again until all are inside; one in twenty is not."""
    z = np.asarray(generator.standard_normal(shape))
    outside = np.abs(z) > 2
    while outside.any():
        z[outside] = generator.standard_normal(int(outside.sum()))
        outside = np.abs(z) > 2
    return z


def _moved(z, mean, stddev):
    if not is_tensor(mean) and not is_tensor(stddev):
        if np.ndim(mean) == np.ndim(stddev) == 0 and (mean, stddev) == (0, 1):
            return z
    mean, stddev = to_tensor(mean, "random.normal", z.dtype), to_tensor(stddev, "random.normal", z.dtype)
    return z * stddev + mean


def _float(name, dtype):
    dtype = dtype_or(dtype)
    if not dtype.is_floating:
        raise errors.bad_dtype(name, dtype.name, ("float32", "float64"))
    return dtype
