"""Functions of functions: grad, value_and_grad, vjp, jvp, jacobian, hessian, hvp."""

import functools
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from . import nest, ops
from ._core import GradientTape, Tensor, convert, copied, get_lost_gradient, recorded_here
from .arguments import function_given
from .constants import zeros, zeros_like
from .errors import LostGradientError, LostGradientWarning, ShapeError, shorten
from .jacobians import jacobians_of, tangents_of
from .places import warn
from .variable import Variable

__all__ = ["grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]


def value_and_grad(f: Callable[..., Any], argnums=0, has_aux=False) -> Callable[..., Any]:
    """The function that gives (f(*args), its gradient): f may be written without a tape.

    f        takes tensors, arrays, numbers, variables or structures of them, and returns a scalar
    argnums  which positional argument to differentiate by, or a tuple of several
    has_aux  does f return (the scalar, something more)?  Then so does the value here

    A gradient has its argument's structure, shapes and dtypes; it is 0 where f does not depend on the argument.  A tensor that f reads
    elsewhere is a constant, also where the argument is the same one; a variable is itself wherever it is read.  Python numbers
    become tensors of `floatx` (float32).  Gradients of gradients, and ad.function around it or inside, work as with a tape.

    Raises TypeError where f is no function, the argument is not of floats, or the result is no scalar of floats; ValueError
    where there is no such argument.

    >>> import autodiff as ad
    >>> def loss(w, x):
    ...     return ad.reduce_sum((w["a"] * x + w["b"]) ** 2)
    >>> value, slopes = ad.value_and_grad(loss)({"a": 2.0, "b": -1.0}, [1.0, 3.0])
    >>> float(value), {k: float(g) for k, g in slopes.items()}
    (26.0, {'a': 32.0, 'b': 12.0})
    """
    return _transformed("value_and_grad", f, argnums, has_aux, _both)


def grad(f: Callable[..., Any], argnums=0, has_aux=False) -> Callable[..., Any]:
    """The function that gives the gradient of f, or (gradient, aux): value_and_grad without the value.

    >>> import autodiff as ad
    >>> slope = ad.grad(lambda x: x ** 3)
    >>> float(slope(2.0)), float(ad.grad(slope)(2.0))
    (12.0, 12.0)
    """
    return _transformed("grad", f, argnums, has_aux, _gradient_and_aux if has_aux else _gradient_alone)


def vjp(f: Callable[..., Any], *primals) -> tuple[Any, Callable[..., Any]]:
    """(f(*primals), pullback): the value, and the function from a cotangent of it to those of the primals (reverse mode).

    f         takes tensors or structures of them, returns a tensor or a structure of them, of any shapes
    pullback  takes a structure like the result, returns a tuple with a structure like each primal; it may be called again

    Raises TypeError for primals that are no floats, ValueError for cotangents of another structure or shape.

    >>> import autodiff as ad
    >>> y, pullback = ad.vjp(lambda x, k: x * x * k, ad.constant([1.0, 2.0]), 3.0)
    >>> [g.numpy().tolist() for g in pullback([1.0, 10.0])]
    [[6.0, 120.0], 41.0]
    """
    function_given("vjp", f)
    args, chosen = _chosen("vjp", range(len(primals)), primals)
    with GradientTape(persistent=True) as tape:
        tape.watch(chosen)
        value = f(*args)
    targets = [_tensor("vjp", y) for y in nest.flatten(value)]

    def pullback(cotangent):
        seeds = nest.flatten(cotangent) if len(targets) != 1 or nest.is_nested(value) else [cotangent]
        if len(seeds) != len(targets):
            raise ValueError(f"vjp: the function returns {len(targets)} tensors, got a cotangent of {len(seeds)}")
        return tuple(tape.gradient(targets, chosen, output_gradients=seeds, unconnected_gradients="zero"))

    return value, pullback


def jvp(f: Callable[..., Any], primals, tangents) -> tuple[Any, Any]:
    """(f(*primals), the derivative of that along the tangents): a Jacobian-vector product (forward mode).

    primals, tangents   tuples of as many entries: tensors or structures of them, of the same shapes

    One sweep forward over what f computed, whatever the number of primals.  Raises TypeError for primals that are no floats,
    ValueError where tangents are unlike primals.

    >>> import autodiff as ad
    >>> y, dy = ad.jvp(lambda x: ad.reduce_sum(x) * x, (ad.constant([1.0, 2.0]),), (ad.constant([1.0, 0.0]),))
    >>> y.numpy().tolist(), dy.numpy().tolist()
    ([3.0, 6.0], [4.0, 2.0])
    """
    function_given("jvp", f)
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)) or len(primals) != len(tangents):
        raise ValueError("jvp: expected tuples of primals and tangents with as many entries, one for each argument: jvp(f, (x,), (t,))")
    args, chosen = _chosen("jvp", range(len(primals)), primals)
    directions = []
    for x, t in zip(chosen, tangents):
        directions += _directions("jvp", x, t)
    with GradientTape(persistent=True) as tape:
        tape.watch(chosen)
        value = f(*args)
    leaves = [_tensor("jvp", y) for y in nest.flatten(value)]
    found = tangents_of(tape, leaves, nest.flatten(chosen), directions)
    found = [zeros_like(y) if t is None else t for y, t in zip(leaves, found)]
    return value, nest.pack_sequence_as(value, found) if nest.is_nested(value) else found[0]


def jacobian(f: Callable[..., Any], argnums=0) -> Callable[..., Any]:
    """The function that gives the derivative of every element of f's result by every element of an argument.

    f         takes tensors or structures of them, returns a tensor or a structure of them
    argnums   which positional argument to differentiate by, or a tuple of several
    returns   for each tensor of the result the structure of the argument (a tuple of such, for several), of tensors of shape
              result.shape + argument.shape; 0 where it does not depend on it

    All rows, or all columns where they are fewer, are one sweep.  An ad.function around it replays it all at once.

    >>> import autodiff as ad
    >>> slopes = ad.jacobian(lambda x: x ** 2 * x[0])
    >>> slopes(ad.constant([1.0, 2.0])).numpy().tolist()
    [[3.0, 0.0], [4.0, 4.0]]
    """
    return _jacobian("jacobian", f, argnums)


def hessian(f: Callable[..., Any], argnums=0) -> Callable[..., Any]:
    """The function that gives all second derivatives of f, which returns a scalar: the Jacobian of its gradient.

    The result has the structure of the argument twice, of tensors of shape argument.shape + argument.shape.

    >>> import autodiff as ad
    >>> ad.hessian(lambda x: x[0] ** 3 * x[1])(ad.constant([1.0, 2.0])).numpy().tolist()
    [[12.0, 3.0], [3.0, 0.0]]
    """
    argnums = tuple(argnums) if isinstance(argnums, list) else argnums
    return _jacobian("hessian", _transformed("hessian", f, argnums, False, _gradient_alone), argnums)


def hvp(f: Callable[..., Any], argnums=0) -> Callable[..., Any]:
    """The function (*args, vector) -> the Hessian of f at args times the vector, without the Hessian.

    f        takes tensors or structures of them, returns a scalar
    argnums  the argument to differentiate by; the vector has its structure and shapes, and so has the result

    Forward over reverse: the gradient, and one sweep forward over what f and its gradient computed.

    >>> import autodiff as ad
    >>> ad.hvp(lambda x: x[0] ** 3 * x[1])(ad.constant([1.0, 2.0]), ad.constant([1.0, 0.0])).numpy().tolist()
    [12.0, 3.0]
    """
    slope = _transformed("hvp", f, argnums, False, _gradient_alone)
    if isinstance(argnums, (tuple, list)):
        raise TypeError(f"hvp: expected argnums to be one integer, got {shorten(argnums)}; a structure of tensors is one argument")

    return Transformed.of(f, _product, "hvp", slope, argnums)


class Transformed(functools.partial):
    """A function made of f.  It travels to other processes where f does: what a closure is pickled by, its name, is the name of f."""

    @classmethod
    def of(cls, f, run, *parts):
        """The function run(*parts, *args), of which the first part is what it does, with the name, the text and the signature of f."""
        return functools.update_wrapper(cls(run, *parts), f, updated=())

    def __get__(self, instance, owner=None):
        return self if instance is None else types.MethodType(self, instance)

    def __repr__(self):
        return f"<ad.{self.args[0]} of {shorten(self.__wrapped__)}>"


def _product(name, slope, k, /, *args_and_vector, **kwargs):
    if len(args_and_vector) < 2:
        raise TypeError(f"{name}: expected the arguments of the function, then a vector")
    *args, vector = args_and_vector
    args, (x,) = _chosen(name, (k,), args)
    seeds = _directions(name, x, vector)
    with GradientTape() as tape:
        tape.watch(x)
        slopes = slope(*args, **kwargs)
    found = tangents_of(tape, nest.flatten(slopes), nest.flatten(x), seeds)
    return nest.pack_sequence_as(x, [zeros_like(a) if t is None else t for a, t in zip(nest.flatten(x), found)])


def _tensor(name, y, expected="tensors"):
    """A result as a tensor: numbers are constants, those of NumPy hardly on purpose."""
    if not isinstance(y, (Tensor, Variable, np.ndarray, np.generic, float)):
        raise TypeError(f"{name}: expected the function to return {expected}, got {shorten(y)}")
    if isinstance(y, (np.ndarray, np.generic)) and get_lost_gradient() != "ignore":
        text = f"{name}: the function returned {shorten(y)}, which no gradient reaches: return the tensor, not its .numpy()"
        if get_lost_gradient() == "raise":
            raise LostGradientError(text)
        warn(text, LostGradientWarning)
    return y if isinstance(y, (Tensor, Variable)) else convert(y)


def _directions(name, x, t):
    """The leaves of t, a tangent of x, as tensors."""
    if nest.is_nested(x):
        nest.assert_same_structure(x, t)
        primals, tangents = nest.flatten(x), nest.flatten(t)
    else:
        primals, tangents = [x], [t]
    leaves = [convert(b, a.dtype) for a, b in zip(primals, tangents)]
    for a, b in zip(primals, leaves):
        if a.shape != b.shape:
            raise ShapeError(f"{name}: expected a direction of shape {tuple(a.shape)}, that of its argument, got {tuple(b.shape)}")
    return leaves


def _both(value, gradient):
    return value, gradient


def _gradient_alone(value, gradient):
    return gradient


def _gradient_and_aux(value, gradient):
    return gradient, value[1]


def _transformed(name, f, argnums, has_aux, give):
    function_given(name, f)
    numbers = _numbers(name, argnums)
    return Transformed.of(f, _derived, name, f, numbers, numbers is argnums, has_aux, give)


def _derived(name, f, numbers, several, has_aux, give, /, *args, **kwargs):
    args, chosen = _chosen(name, numbers, args)
    with GradientTape() as tape:
        tape.watch(chosen)
        value = f(*args, **kwargs)
    target = _target(name, value, has_aux)
    gradients = tape.gradient(target, chosen, unconnected_gradients="zero")
    return give(value, tuple(gradients) if several else gradients[0])


def _jacobian(name, f, argnums):
    function_given(name, f)
    numbers = _numbers(name, argnums)
    return Transformed.of(f, _slopes, name, f, numbers, numbers is argnums)


def _slopes(name, f, numbers, several, /, *args, **kwargs):
    args, chosen = _chosen(name, numbers, args)
    with GradientTape(persistent=True) as tape:
        tape.watch(chosen)
        value = f(*args, **kwargs)
    leaves = nest.flatten(chosen)

    def of(y):
        y = _tensor(name, y)
        found = jacobians_of(tape, y, leaves) if y.dtype.is_floating else [None] * len(leaves)
        found = [zeros((*y.shape, *x.shape), dtype=x.dtype) if j is None else j for j, x in zip(found, leaves)]
        given = nest.pack_sequence_as(chosen, found)
        return tuple(given) if several else given[0]

    return nest.map_structure(of, value)


def _numbers(name, argnums):
    numbers = argnums if isinstance(argnums, (tuple, list)) else (argnums,)
    if not numbers or not all(isinstance(k, int) and not isinstance(k, bool) for k in numbers):
        raise TypeError(f"{name}: expected argnums to be an integer or a tuple of integers, got {shorten(argnums)}")
    return numbers


def _chosen(name, numbers, args):
    """The arguments with tensors of their own in those to differentiate by, and the latter alone."""
    for k in numbers:
        if not -len(args) <= k < len(args):
            raise ValueError(f"{name}: argnums {k} of a call with {len(args)} positional arguments; it differentiates by those")
    args = list(args)
    for k in numbers:
        x = args[k]
        args[k] = nest.map_structure(functools.partial(_followed, name), x) if nest.is_nested(x) else _followed(name, x)
    return args, [args[k] for k in numbers]


def _followed(name, x):
    """An argument's leaf as a tensor of its own, or the variable that it is."""
    if isinstance(x, Variable):
        return x
    tensor = convert(x)
    if not tensor.dtype.is_floating:
        raise TypeError(f"{name}: expected an argument of floats, got {shorten(x)} of dtype {tensor.dtype.name}; "
                        "write 1.0 for 1, or leave the argument out of argnums")  # fmt: skip
    return tensor if tensor is not x else ops.reshape(x, shape=tuple(x.shape)) if recorded_here() else copied(x)


def _target(name, value, has_aux):
    if has_aux:
        if not isinstance(value, tuple) or len(value) != 2:
            raise TypeError(f"{name}: with has_aux, expected the function to return (a scalar, something more), got {shorten(value)}")
        value = value[0]
    target = _tensor(name, value, "a tensor")
    if target.shape != ():
        raise TypeError(f"{name}: expected the function to return a scalar, got shape {tuple(target.shape)}; "
                        "ad.reduce_sum makes one")  # fmt: skip
    return target
