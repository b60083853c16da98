"""ad.random: tensors of random numbers, from NumPy's generators.

`set_seed` makes a run repeatable.  An operation's own `seed` gives it a sequence of its own: the first call with that seed
gives the sequence's first numbers, the next call the following ones, until set_seed starts all of them again.
"""

import threading
from functools import partial

import numpy as np

from . import dtypes, errors, generators, ops
from ._core import Tensor, is_tensor, untraceable
from .arguments import dtype_or, integer, integers, sizes
from .arguments import tensor as to_tensor
from .custom_gradient import custom_gradient
from .generators import Generator, create_rng_state, fits, floating_or, get_global_generator, set_global_generator
from .pullback import MARKS
from .shaping import broadcast_to

# fmt: off
__all__ = [
    "Generator", "categorical", "create_rng_state", "exponential", "fold_in", "gamma", "get_global_generator", "normal", "poisson", "set_global_generator",
    "set_seed", "shuffle", "split", "stateless_binomial", "stateless_categorical", "stateless_gamma", "stateless_normal", "stateless_poisson",
    "stateless_truncated_normal", "stateless_uniform", "truncated_normal", "uniform"
]
# fmt: on

_lock = threading.Lock()
_seed = None
_generators = {}
_drawn = {}  # by thread: how often


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
    return generators.normal(partial(_draw, seed), "random.normal", shape, mean, stddev, dtype)


def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None, name=None) -> Tensor:
    """Normally distributed numbers, none further than two standard deviations from the mean.

    >>> bool(abs(truncated_normal(1000).numpy()).max() <= 2)
    True
    """
    return generators.truncated_normal(partial(_draw, seed), "random.truncated_normal", shape, mean, stddev, dtype)


def uniform(shape, minval=0, maxval=None, dtype=None, seed=None, name=None) -> Tensor:
    """Numbers evenly distributed over [minval, maxval), by default [0, 1); integers need a maxval.

    >>> uniform(4, maxval=10, dtype="int32").dtype
    ad.int32
    """
    return generators.uniform(partial(_draw, seed), "random.uniform", shape, minval, maxval, dtype)


def exponential(shape, rate=1.0, dtype=None, seed=None, name=None) -> Tensor:
    """Exponentially distributed numbers; differentiable in rate.

    >>> exponential(4).shape
    TensorShape([4])
    """
    dtype = floating_or("random.exponential", dtype)
    z = _draw(seed, lambda r, n: r.standard_exponential(n), sizes("random.exponential", "shape", shape), dtype)
    return z / to_tensor(rate, "random.exponential", like=z)


def gamma(shape, alpha, beta=None, dtype=None, seed=None, name=None) -> Tensor:
    """Gamma distributed numbers, `shape` of them for each element of alpha and beta, which broadcast; differentiable in both.

    >>> gamma(2, [1.0, 2.0, 3.0]).shape
    TensorShape([2, 3])
    """
    parameters = [tuple(to_tensor(x, "random.gamma").shape) for x in (alpha, 1 if beta is None else beta)]
    try:
        each = np.broadcast_shapes(*parameters)
    except ValueError:
        raise errors.unlike_shapes("random.gamma", *parameters) from None
    return _gamma(partial(_draw, seed), "random.gamma", sizes("random.gamma", "shape", shape) + each, alpha, beta, dtype)


def _gamma(draw, name, shape, alpha, beta, dtype):
    dtype = floating_or(name, dtype)
    a = to_tensor(alpha, name, None if hasattr(alpha, "dtype") else dtype)
    _require(not (a.numpy() < 0).any(), name, "alpha must not be negative", alpha)
    fits(name, shape, "alpha", a)
    z = draw(lambda r, n: r.standard_gamma(a.numpy(), n), shape, dtype)
    if is_tensor(alpha) and a.dtype.is_floating:
        z = _quantile(z, broadcast_to(ops.cast(a, dtype=z.dtype.code), z.shape))
    if beta is None:
        return z
    b = to_tensor(beta, name, like=z)
    fits(name, shape, "beta", b)
    return z / b


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
    shape = sizes("random.poisson", "shape", shape) + tuple(to_tensor(lam, "random.poisson").shape)
    return _poisson(partial(_draw, seed), "random.poisson", shape, lam, dtype)


def _poisson(draw, name, shape, lam, dtype):
    rate = to_tensor(lam, name).numpy()
    _require((rate >= 0).all(), name, "lam must be a number that is not negative", lam)
    fits(name, shape, "lam", rate)
    return draw(lambda r, n: r.poisson(rate, n), shape, dtype_or(dtype))


def categorical(logits, num_samples, dtype=dtypes.int64, seed=None, name=None) -> Tensor:
    """num_samples indices for each row of logits, index k with probability softmax(logits)[k].

    >>> categorical([[0.0, -1000.0]], 3).numpy().tolist()
    [[0, 0, 0]]
    """
    return _categorical(partial(_draw, seed), "random.categorical", logits, num_samples, dtype)


def _categorical(draw, name, logits, num_samples, dtype):
    rows = to_tensor(logits, name).numpy()
    if rows.ndim != 2:
        raise errors.ShapeError(f"{name}: logits should be a matrix, got shape {rows.shape}")
    count = integer(name, "num_samples", num_samples)
    sizes(name, "num_samples", count)
    if count and rows.shape == (len(rows), 0):
        raise errors.ShapeError(f"{name}: logits has no columns: there is nothing to draw from")
    # The largest of logits + Gumbel noise is distributed like that (Gumbel 1954).
    shape = (len(rows), count, rows.shape[1])
    return draw(lambda r, n: (rows[:, None, :] + r.gumbel(size=n)).argmax(-1), shape, dtypes.as_dtype(dtype))


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
    return generators.normal(partial(_stateless, seed), "random.stateless_normal", shape, mean, stddev, dtype)


def stateless_truncated_normal(shape, seed, mean=0.0, stddev=1.0, dtype=None, name=None, alg="auto_select") -> Tensor:
    """`truncated_normal` that depends on `seed`, two integers, alone."""
    return generators.truncated_normal(partial(_stateless, seed), "random.stateless_truncated_normal", shape, mean, stddev, dtype)


def stateless_uniform(shape, seed, minval=0, maxval=None, dtype=None, name=None, alg="auto_select") -> Tensor:
    """`uniform` that depends on `seed`, two integers, alone.

    >>> bool((stateless_uniform(3, (1, 2)) == stateless_uniform(3, (1, 2))).numpy().all())
    True
    """
    return generators.uniform(partial(_stateless, seed), "random.stateless_uniform", shape, minval, maxval, dtype)


def stateless_gamma(shape, seed, alpha, beta=None, dtype=None, name=None) -> Tensor:
    """Gamma distributed numbers of this shape, to which alpha and beta broadcast, that depend on `seed`, two integers, alone;
    differentiable in alpha and beta.

    >>> stateless_gamma([2, 3], (1, 2), alpha=[1.0, 2.0, 3.0]).shape
    TensorShape([2, 3])
    """
    return _gamma(partial(_stateless, seed), "random.stateless_gamma", sizes("random.stateless_gamma", "shape", shape), alpha, beta, dtype)


def stateless_poisson(shape, seed, lam, dtype=dtypes.int32, name=None) -> Tensor:
    """Poisson distributed numbers of this shape, to which lam broadcasts, that depend on `seed`, two integers, alone."""
    return _poisson(partial(_stateless, seed), "random.stateless_poisson", sizes("random.stateless_poisson", "shape", shape), lam, dtype)


def stateless_binomial(shape, seed, counts, probs, output_dtype=dtypes.int32, name=None) -> Tensor:
    """How many of `counts` trials succeed, each with probability `probs`; depends on `seed`, two integers, alone.

    >>> stateless_binomial([3], (1, 2), counts=[5.0, 5.0, 0.0], probs=[1.0, 0.0, 0.5]).numpy().tolist()
    [5, 0, 0]
    """
    return generators.binomial(partial(_stateless, seed), "random.stateless_binomial", shape, counts, probs, output_dtype)


def stateless_categorical(logits, num_samples, seed, dtype=dtypes.int64, name=None) -> Tensor:
    """`categorical` that depends on `seed`, two integers, alone."""
    return _categorical(partial(_stateless, seed), "random.stateless_categorical", logits, num_samples, dtype)


def split(seed, num=2, alg="auto_select") -> Tensor:
    """`num` seeds that depend on `seed`, two integers: a matrix (num, 2) of its dtype.

    >>> split((1, 2), 3).shape
    TensorShape([3, 2])
    """
    count = sizes("random.split", "num", num)
    dtype = dtypes.as_dtype(getattr(seed, "dtype", dtypes.int32))
    return _stateless(seed, lambda r, n: r.integers(dtype.min, dtype.max, n, endpoint=True), (*count, 2), dtype)


def fold_in(seed, data, alg="auto_select") -> Tensor:
    """A seed that depends on `seed`, two integers, and on `data`, an integer.

    >>> bool((fold_in((1, 2), 3) == fold_in((1, 2), 4)).numpy().all())
    False
    """
    dtype = dtypes.as_dtype(getattr(seed, "dtype", dtypes.int32))
    both = [*integers("random.fold_in", "seed", seed), integer("random.fold_in", "data", data)]
    return _stateless(both, lambda r, n: r.integers(dtype.min, dtype.max, n, endpoint=True), (2,), dtype)


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
        _drawn[threading.get_ident()] = _drawn.get(threading.get_ident(), 0) + 1
    return numbers if dtype is None else to_tensor(np.asarray(numbers).astype(dtype.as_numpy_dtype))


def _mark():
    """Note where the sequences stand; the result goes back there, unless another thread has drawn since."""
    me = threading.get_ident()
    with _lock:
        states, others = {key: r.bit_generator.state for key, r in _generators.items()}, {**_drawn, me: 0}

    def go_back():
        with _lock:
            if {**_drawn, me: 0} == others:
                for key in list(_generators):
                    if key in states:
                        _generators[key].bit_generator.state = states[key]
                    else:
                        del _generators[key]

    return go_back


MARKS.append(_mark)


def _stateless(seed, make, shape, dtype):
    key = [n & 0xFFFFFFFFFFFFFFFF for n in integers("random.stateless", "seed", seed)]
    return to_tensor(np.asarray(make(np.random.default_rng(key), shape)).astype(dtype.as_numpy_dtype))
