"""Functions whose gradient their author gives: custom_gradient, and what is made of it."""

import functools
import inspect
import types
from collections.abc import Callable
from typing import Any

from . import errors, nest, ops
from ._core import GradientTape, Tensor, convert, forget_reads, is_tensor, length_of_trace, meant, record_call, stop_recording
from .arguments import function_given
from .pullback import as_then
from .travelling import itself, reduced

__all__ = ["custom_gradient", "grad_pass_through", "recompute_grad", "stop_gradient"]


def custom_gradient(f=None) -> Callable[..., Any]:
    """Decorate f, which returns (y, grad_fn): the gradient of y is what grad_fn says.

    f        any function; its arguments, and y, are tensors or nested structures of them
    grad_fn  called as grad_fn(*dys), one cotangent for each tensor of y (zeros where none arrived); returns one gradient, or
             None, for each argument of f in order, keyword arguments included: bare for one, else a list or the arguments'
             structure.  Where f reads variables that are no arguments, grad_fn takes `variables=` and returns
             (gradients of the arguments, list of gradients of the variables)

    What grad_fn computes is differentiated in its turn where a tape asks for gradients of gradients.  A number that f took out of the
    tape's sight (a root that SciPy found) is a constant there: grad_fn calls the decorated f again for one that depends on the arguments.

    Raises TypeError where f reads variables and grad_fn takes none; ValueError at gradient time where grad_fn returns
    another number of gradients, or one of another shape than its argument.

    >>> import autodiff as ad
    >>> @ad.custom_gradient
    ... def log1pexp(x):
    ...     e = ad.exp(x)
    ...     return ad.math.log(1 + e), lambda g: g * (1 - 1 / (1 + e))
    >>> x = ad.Variable(100.0)
    >>> with ad.GradientTape() as tape:
    ...     y = log1pexp(x)
    >>> float(tape.gradient(y, x))
    1.0
    """
    return custom_gradient if f is None else _Custom(function_given("custom_gradient", f), _call)


def stop_gradient(input, name=None) -> Tensor:
    """The same numbers as a constant: no gradient goes through."""
    return record_call([convert(input, None, None, "stop_gradient")], [], None)[0]


def grad_pass_through(f) -> Callable[..., Any]:
    """f, with the gradient of the identity: what arrives at its result goes on to its arguments.  Variables that f reads
    get none."""

    @custom_gradient
    @functools.wraps(f)
    def through(*args, **kwargs):
        def grad(*dys, variables=None):
            return dys if variables is None else (dys, [None] * len(variables))

        return f(*args, **kwargs), grad

    return through


def recompute_grad(f) -> Callable[..., Any]:
    """f, without keeping what it computed on the way: the gradient runs it once more.  Less memory for more time.

    The gradient is that of the call: trainable variables that f reads hold what they held then, whatever was assigned since.

    >>> import autodiff as ad
    >>> x, v = ad.constant(3.0), ad.Variable(2.0)
    >>> with ad.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = ad.recompute_grad(lambda x: x * x * v)(x)
    >>> v.assign(10.0)
    <ad.Variable 'Variable:0' shape=() dtype=float32, numpy=10.0>
    >>> float(tape.gradient(y, x))
    12.0
    """
    return _Custom(function_given("recompute_grad", f), _recompute)


# -------------------------------------------------------------------------------------------------------------- machinery
class _Custom:
    """A decorated function; bound to an instance it calls the bound method, so that `self` counts as no argument."""

    def __init__(self, f, how):
        functools.update_wrapper(self, f)
        self._f, self._how = f, how

    def __call__(self, *args, **kwargs):
        return self._how(self._f, args, kwargs)

    def __get__(self, instance, owner=None):
        bind = getattr(self._f, "__get__", None)
        return self if bind is None else _Custom(bind(instance, owner), self._how)

    _itself = itself("_f")

    def __reduce__(self):
        if isinstance(self._f, types.MethodType):
            return getattr, (self._f.__self__, self._f.__name__)
        return reduced(self, self._f, _Custom, self._how) or (_Custom, (self._f, self._how))

    def __repr__(self):
        return f"<{'recompute_grad' if self._how is _recompute else 'custom_gradient'} {_name(self._f)}>"


def _call(f, args, kwargs):
    with meant(), GradientTape() as watcher:
        pair = f(*args, **kwargs)
    if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not callable(pair[1]):
        raise TypeError(f"custom_gradient: {_name(f)} must return (y, grad_fn), got {errors.shorten(pair)}")
    result, grad_fn = pair
    inputs = _Inputs(f, args, kwargs)
    variables = [v for v in watcher.watched_variables() if not any(v is leaf for leaf in inputs.leaves)]
    if variables and not _takes_variables(grad_fn):
        raise TypeError(f"@tf.custom_gradient grad_fn must accept keyword argument 'variables', since function uses variables: "
                        f"{variables}. It is to return (gradients of the arguments, list of gradients of the variables)")  # fmt: skip

    def backward(*dys):
        if not variables:
            return inputs.gradients(grad_fn(*dys))
        both = grad_fn(*dys, variables=variables)
        if not isinstance(both, (tuple, list)) or len(both) != 2 or len(_listed(both[1])) != len(variables):
            raise ValueError(f"Must return gradient for each variable from @custom_gradient grad_fn. {_name(f)} uses "
                             f"{len(variables)}: return (gradients of the arguments, list of gradients of the variables)")  # fmt: skip
        return inputs.gradients(both[0]) + [_tensor(g, v) for g, v in zip(_listed(both[1]), variables)]

    outputs = [convert(y, None, None, "custom_gradient") for y in nest.flatten(result)]
    return nest.pack_sequence_as(result, record_call(outputs, inputs.tensors + variables, backward))


def _recompute(f, args, kwargs):
    start = length_of_trace()
    with stop_recording(), GradientTape() as watcher:
        result = f(*args, **kwargs)
    variables = list(watcher.watched_variables())
    del watcher
    forget_reads(start)
    leaves = nest.flatten((args, kwargs))
    inputs = [x for x in leaves if is_tensor(x)]
    variables = [v for v in variables if not any(v is x for x in inputs)]
    held = [(v, v.value()) for v in (*inputs, *variables) if type(v) is not Tensor]

    def backward(*dys):
        tape = GradientTape(watch_accessed_variables=False)
        with as_then(held):
            with tape:
                own = [ops.identity(x) if is_tensor(x) else x for x in leaves]
                watched = [x for x in own if is_tensor(x)] + variables
                tape.watch([x for x in watched if x.dtype.is_floating])
                own_args, own_kwargs = nest.pack_sequence_as((args, kwargs), own)
                again = f(*own_args, **own_kwargs)
            targets = [convert(y, None, None, "recompute_grad") for y in nest.flatten(again)]
            return tape.gradient(targets, watched, output_gradients=list(dys))

    outputs = [convert(y, None, None, "recompute_grad") for y in nest.flatten(result)]
    return nest.pack_sequence_as(result, record_call(outputs, inputs + variables, backward))


class _Inputs:
    """What the arguments of one call come to: `leaves`, all that count for the number of gradients, and `tensors`, those that
    a tape may follow.

    Every leaf of a positional argument counts; of keyword arguments those that are tensors, and numbers where grad_fn
    returns a gradient for them.  TensorFlow asks grad_fn for the positional ones only: that number is taken too, unless a
    keyword tensor is followed by a tape, whose gradient would be lost.
    """

    def __init__(self, f, args, kwargs):
        self.f = f
        self.leaves = nest.flatten(args)
        for x in self.leaves:
            if x is None:
                raise errors.not_a_tensor(f"custom_gradient: {_name(f)}", x)
        self.n_positional = len(self.leaves)
        if kwargs:
            self.leaves += [x for x in nest.flatten(_in_order(f, args, kwargs)) if is_tensor(x) or _is_number(x)]
        self.tensors = [x for x in self.leaves if is_tensor(x)]
        late = self.leaves[self.n_positional :]
        self.followed = any((x.is_watched if type(x) is Tensor else x.trainable) for x in late if is_tensor(x))

    def gradients(self, returned):
        """One tensor or None for each of `tensors`."""
        grads = nest.flatten(returned)
        late = self.leaves[self.n_positional :]
        counted = self.leaves
        if len(grads) != len(counted) and late:
            counted = self.leaves[: self.n_positional] + [x for x in late if is_tensor(x)]
            if len(grads) != len(counted) and not self.followed:
                counted = self.leaves[: self.n_positional]
        if len(grads) != len(counted):
            if not counted and grads == [None]:
                return []
            words = f", {len(late)} of them by keyword" if late else ""
            raise ValueError(f"custom_gradient function expected to return {len(counted)} gradients, but returned {len(grads)} "
                             f"instead. {_name(self.f)} was called with {len(counted)} arguments{words}: return one for "
                             f"each, None where there is none")  # fmt: skip
        given = [_tensor(g, x) for g, x in zip(grads, counted) if is_tensor(x)]
        return given + [None] * (len(self.tensors) - len(given))


def _in_order(f, args, kwargs):
    """The values of keyword arguments in the order of f's parameters."""
    try:
        bound = inspect.signature(f).bind(*args, **kwargs).arguments
    except (TypeError, ValueError):
        return list(kwargs.values())
    flat = {}
    for name, value in bound.items():
        flat.update(value if name not in kwargs and isinstance(value, dict) else {name: value})
    return [flat[name] for name in flat if name in kwargs]


def _is_number(x):
    return hasattr(x, "__float__") and not isinstance(x, (bool, str, bytes)) or hasattr(x, "__array__")


def _takes_variables(grad_fn):
    try:
        parameters = inspect.signature(grad_fn).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(p.name == "variables" or p.kind is p.VAR_KEYWORD for p in parameters)


def _tensor(g, x):
    """A gradient as a tensor; a Python number takes the dtype of the argument it is for."""
    if g is None or type(g) is Tensor:
        return g
    return convert(g, None, x if type(x) is Tensor else convert(x), "custom_gradient")


def _listed(x):
    return list(x) if isinstance(x, (list, tuple)) else [x]


def _name(f):
    return getattr(f, "__name__", type(f).__name__)
