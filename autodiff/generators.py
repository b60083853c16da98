"""Generator: random numbers from a state of its own, three integers that say how it goes on; and how numbers become those asked for.

The state is that of Philox (J. Salmon and others, "Parallel random numbers: as easy as 1, 2, 3", 2011) in NumPy: a counter of two integers
and a key.  Generators of different keys are independent of each other; the numbers are not TensorFlow's.
"""

import threading

import numpy as np

from . import errors, ops
from ._core import Tensor, untraceable
from .arguments import dtype_or, integer, integers, sizes
from .arguments import tensor as to_tensor

__all__ = ["Generator", "create_rng_state", "get_global_generator", "set_global_generator"]

_lock = threading.Lock()
_ALGORITHMS = (None, "philox", "auto_select", 1, 3)


class Generator:
    """Random numbers from a state of its own, as tensorflow.random.Generator; made by from_seed, from_state or
    from_non_deterministic_state.

    What it draws depends on its state alone, which every draw moves on: from_state(g.state, g.algorithm) goes on as g does.  A function
    that draws runs as written at each call of an ad.function.  Numbers are differentiable in the parameters that random.normal's and
    random.uniform's are.

    Raises ValueError for an algorithm other than Philox, or a state that is not three integers.

    >>> import autodiff as ad
    >>> g = ad.random.Generator.from_seed(1234)
    >>> again = ad.random.Generator.from_state(g.state, g.algorithm)
    >>> bool((g.normal([2, 3]) == again.normal([2, 3])).numpy().all())
    True
    """

    def __init__(self, copy_from=None, state=None, alg=None) -> None:
        if (copy_from is None) == (state is None):
            raise ValueError("random.Generator: give either copy_from or state; or use Generator.from_seed(seed)")
        _check_algorithm(alg)
        self._state = copy_from._state if state is None else _state_of(state)

    @classmethod
    def from_seed(cls, seed, alg=None) -> "Generator":
        """One whose numbers depend on this integer."""
        return cls(state=create_rng_state(seed, alg))

    @classmethod
    def from_state(cls, state, alg=None) -> "Generator":
        """One that goes on where another was when it had this state."""
        return cls(state=state, alg=alg)

    @classmethod
    def from_non_deterministic_state(cls, alg=None) -> "Generator":
        """One whose numbers are others in every run."""
        _check_algorithm(alg)
        return cls(state=_signed([0, 0, *np.random.SeedSequence().generate_state(1, np.uint64).tolist()]))

    # ---- its state
    @property
    def state(self) -> Tensor:
        """The counter and the key now, as a vector of three int64."""
        return to_tensor(np.array(_signed(self._state), np.int64))

    @property
    def key(self) -> Tensor:
        return self.state[2]

    @property
    def algorithm(self) -> int:
        """1: Philox."""
        return 1

    def reset(self, state) -> None:
        """Go on from this state."""
        self._state = _state_of(state)

    def reset_from_seed(self, seed) -> None:
        """Go on as from_seed(seed) does."""
        self.reset(create_rng_state(seed))

    def reset_from_key_counter(self, key, counter) -> None:
        """Go on from this key, an integer, and this counter, two of them."""
        self.reset([*integers("random.Generator", "counter", counter), integer("random.Generator", "key", key)])

    def skip(self, delta) -> Tensor:
        """Move the counter on by `delta` blocks of four numbers; the state before."""
        before = self.state
        low, high, key = self._state
        counter = (low + (high << 64) + integer("random.Generator.skip", "delta", delta)) % 2**128
        self._state = (counter % 2**64, counter >> 64, key)
        return before

    def make_seeds(self, count=1) -> Tensor:
        """A matrix (2, count) of int64, whose columns are seeds of stateless functions."""
        keys = self.uniform_full_int([integer("random.Generator.make_seeds", "count", count)], "int64").numpy()
        return to_tensor(np.stack([keys, np.zeros_like(keys)]))

    def split(self, count=1) -> list["Generator"]:
        """Generators of keys drawn from this one."""
        return [Generator(state=[0, 0, key]) for key in self.make_seeds(count).numpy()[0].tolist()]

    # ---- numbers
    def normal(self, shape, mean=0.0, stddev=1.0, dtype=None, name=None) -> Tensor:
        """Normally distributed numbers; differentiable in mean and stddev."""
        return normal(self._draw, "random.Generator.normal", shape, mean, stddev, dtype)

    def truncated_normal(self, shape, mean=0.0, stddev=1.0, dtype=None, name=None) -> Tensor:
        """Normally distributed numbers, none further than two standard deviations from the mean."""
        return truncated_normal(self._draw, "random.Generator.truncated_normal", shape, mean, stddev, dtype)

    def uniform(self, shape, minval=0, maxval=None, dtype=None, name=None) -> Tensor:
        """Numbers evenly distributed over [minval, maxval), by default [0, 1); integers need a maxval."""
        return uniform(self._draw, "random.Generator.uniform", shape, minval, maxval, dtype)

    def uniform_full_int(self, shape, dtype="int64", name=None) -> Tensor:
        """Integers evenly distributed over all that the dtype has."""
        shape, dtype = sizes("random.Generator.uniform_full_int", "shape", shape), dtype_or(dtype)
        if not dtype.is_integer:
            raise errors.bad_dtype("random.Generator.uniform_full_int", dtype.name, ("int32", "int64"))
        return self._draw(lambda r, n: r.integers(dtype.min, dtype.max, n, endpoint=True), shape, dtype)

    def binomial(self, shape, counts, probs, dtype="int32", name=None) -> Tensor:
        """How many of `counts` trials succeed, each with probability `probs`; both broadcast to the shape."""
        return binomial(self._draw, "random.Generator.binomial", shape, counts, probs, dtype)

    def _draw(self, make, shape, dtype):
        untraceable("draws random numbers")
        with _lock:                             # of all generators: two threads share no number
            low, high, key = self._state
            source = np.random.Philox(counter=np.array([low, high, 0, 0], np.uint64), key=np.array([key, 0], np.uint64))
            numbers = make(np.random.Generator(source), shape)
            self._state = (*source.state["state"]["counter"][:2].tolist(), key)
        return to_tensor(np.asarray(numbers).astype(dtype.as_numpy_dtype))

    def __repr__(self):
        return f"<ad.random.Generator state={_signed(self._state)}>"


_global = None


def get_global_generator() -> Generator:
    """The generator that is there for all; of numbers that differ from run to run unless set_global_generator gave another."""
    global _global
    _global = Generator.from_non_deterministic_state() if _global is None else _global
    return _global


def set_global_generator(generator) -> None:
    """Make a generator the one that get_global_generator gives.

    >>> import autodiff as ad
    >>> ad.random.set_global_generator(ad.random.Generator.from_seed(3))
    >>> ad.random.get_global_generator().key.numpy()
    np.int64(3)
    """
    global _global
    if not isinstance(generator, Generator):
        raise TypeError(f"random.set_global_generator: expected a random.Generator, got {errors.shorten(generator)}")
    _global = generator


def create_rng_state(seed, alg=None) -> Tensor:
    """The state from which a generator of this seed starts: three int64."""
    _check_algorithm(alg)
    return to_tensor(np.array(_signed([0, 0, integer("random.Generator", "seed", seed)]), np.int64))


# ------------------------------------------------------------------------------------- numbers of a distribution, from any source
# draw(make, shape, dtype) is a tensor of make(a generator of NumPy's, shape).
def normal(draw, name, shape, mean, stddev, dtype):
    return _moved(draw(lambda r, n: r.standard_normal(n), sizes(name, "shape", shape), floating_or(name, dtype)), mean, stddev)


def truncated_normal(draw, name, shape, mean, stddev, dtype):
    return _moved(draw(_truncated, sizes(name, "shape", shape), floating_or(name, dtype)), mean, stddev)


def uniform(draw, name, shape, minval, maxval, dtype):
    shape, dtype = sizes(name, "shape", shape), dtype_or(dtype)
    if dtype.is_integer:
        if maxval is None:
            raise ValueError(f"{name}: Must specify maxval for integer dtype {dtype.name}")
        low, high = (to_tensor(x, name, dtype).numpy() for x in (minval, maxval))
        if not np.all(low < high):
            raise errors.InvalidArgumentError(f"{name}: Need minval < maxval, got {errors.shorten(minval)} and {errors.shorten(maxval)}")
        fits(name, shape, "minval", low)
        fits(name, shape, "maxval", high)
        return draw(lambda r, n: r.integers(low, high, n), shape, dtype)
    u = draw(lambda r, n: r.random(n, np.float32 if dtype.size == 4 else np.float64), shape, floating_or(name, dtype))
    maxval = 1 if maxval is None else maxval
    if _are(minval, 0) and _are(maxval, 1):
        return u
    low, high = to_tensor(minval, name, dtype), to_tensor(maxval, name, dtype)
    return u * (high - low) + low


def binomial(draw, name, shape, counts, probs, dtype):
    shape = sizes(name, "shape", shape)
    n, p = to_tensor(counts, name).numpy(), to_tensor(probs, name).numpy()
    for what, x, given, holds, expected in (("counts", n, counts, n >= 0, "no less than 0"), ("probs", p, probs, (p >= 0) & (p <= 1), "from 0 to 1")):
        if not np.all(holds):
            raise errors.InvalidArgumentError(f"{name}: {what} must be {expected}, got {errors.shorten(given)}")
        fits(name, shape, what, x)
    return draw(lambda r, size: r.binomial(n.astype(np.int64), p, size), shape, dtype_or(dtype))


def fits(name, shape, what, parameter):
    """Does a parameter broadcast to the shape of the numbers?"""
    ahead = len(shape) - parameter.ndim
    if ahead < 0 or any(n not in (1, m) for n, m in zip(parameter.shape, shape[ahead:])):
        raise errors.ShapeError(f"{name}: {what} of shape {tuple(parameter.shape)} does not broadcast to shape {tuple(shape)}")


def floating_or(name, dtype):
    dtype = dtype_or(dtype)
    if not dtype.is_floating:
        raise errors.bad_dtype(name, dtype.name, ("float32", "float64"))
    return dtype


def _truncated(generator, shape):
    """Drawn again until all are inside; one in twenty is not."""
    z = np.asarray(generator.standard_normal(shape))
    outside = np.abs(z) > 2
    while outside.any():
        z[outside] = generator.standard_normal(int(outside.sum()))
        outside = np.abs(z) > 2
    return z


def _moved(z, mean, stddev):
    if _are(mean, 0) and _are(stddev, 1):
        return z
    mean, stddev = to_tensor(mean, "random.normal", z.dtype), to_tensor(stddev, "random.normal", z.dtype)
    return z * stddev + mean


def _are(x, number):
    """Is a parameter this number, by which nothing is moved?"""
    return isinstance(x, (int, float)) and x == number


# ------------------------------------------------------------------------------------------------------------------- states
def _check_algorithm(alg):
    if alg not in _ALGORITHMS and str(alg).rsplit(".")[-1].lower() not in _ALGORITHMS:
        raise ValueError(f"random.Generator: Argument `alg` got unsupported value {errors.shorten(alg)}. Supported values are 'philox' and 'auto_select'")


def _state_of(state):
    values = integers("random.Generator", "state", state)
    if len(values) != 3:
        raise errors.ShapeError(f"random.Generator: a state is three integers, a counter of two and a key, got {len(values)}")
    return tuple([n % 2**64 for n in values])


def _signed(state):
    return [(n + 2**63) % 2**64 - 2**63 for n in state]
