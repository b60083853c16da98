"""Functions of functions: grad, value_and_grad."""

import functools

import numpy as np

from . import nest
from ._core import GradientTape, Tensor, convert
from .errors import shorten
from .variable import Variable

__all__ = ["grad", "value_and_grad"]


def value_and_grad(f, argnums=0, has_aux=False):
    """The function that gives (f(*args), its gradient): f may be written without a tape.

    f        takes tensors, arrays, numbers, variables or structures of them, and returns a scalar
    argnums  which positional argument to differentiate by, or a tuple of several
    has_aux  does f return (the scalar, something more)?  Then so does the value here

    A gradient has its argument's structure, shapes and dtypes; it is 0 where f does not depend on the argument.  Python numbers
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
    return _transformed("value_and_grad", f, argnums, has_aux, lambda value, gradient: (value, gradient))


def grad(f, argnums=0, has_aux=False):
    """The function that gives the gradient of f, or (gradient, aux): value_and_grad without the value.

    >>> import autodiff as ad
    >>> slope = ad.grad(lambda x: x ** 3)
    >>> float(slope(2.0)), float(ad.grad(slope)(2.0))
    (12.0, 12.0)
    """
    return _transformed("grad", f, argnums, has_aux, lambda value, gradient: (gradient, value[1]) if has_aux else gradient)


def _transformed(name, f, argnums, has_aux, give):
    if not callable(f):
        raise TypeError(f"{name}: expected a function, got {shorten(f)}")
    numbers = argnums if isinstance(argnums, (tuple, list)) else (argnums,)
    if not numbers or not all(isinstance(k, int) and not isinstance(k, bool) for k in numbers):
        raise TypeError(f"{name}: expected argnums to be an integer or a tuple of integers, got {shorten(argnums)}")

    @functools.wraps(f)
    def transformed(*args, **kwargs):
        for k in numbers:
            if not -len(args) <= k < len(args):
                raise ValueError(f"{name}: argnums {k} of a call with {len(args)} positional arguments; it differentiates by those")
        args = list(args)
        for k in numbers:
            args[k] = nest.map_structure(functools.partial(_followed, name), args[k])
        chosen = [args[k] for k in numbers]
        with GradientTape() as tape:
            tape.watch(chosen)
            value = f(*args, **kwargs)
        target = _target(name, value, has_aux)
        gradients = tape.gradient(target, chosen, unconnected_gradients="zero")
        return give(value, gradients[0] if numbers is not argnums else tuple(gradients))

    return transformed


def _followed(name, x):
    """An argument's leaf as a tensor of its own, or the variable that it is."""
    if isinstance(x, Variable):
        return x
    tensor = convert(x)
    if not tensor.dtype.is_floating:
        raise TypeError(f"{name}: expected an argument of floats, got {shorten(x)} of dtype {tensor.dtype.name}; "
                        "write 1.0 for 1, or leave the argument out of argnums")  # fmt: skip
    return tensor


def _target(name, value, has_aux):
    if has_aux:
        if not isinstance(value, tuple) or len(value) != 2:
            raise TypeError(f"{name}: with has_aux, expected the function to return (a scalar, something more), got {shorten(value)}")
        value = value[0]
    if not isinstance(value, (Tensor, Variable, np.ndarray, np.generic, float)):
        raise TypeError(f"{name}: expected the function to return a tensor, got {shorten(value)}")
    if np.ndim(value) != 0 if not isinstance(value, (Tensor, Variable)) else value.shape != ():
        raise TypeError(f"{name}: expected the function to return a scalar, got shape {tuple(value.shape)}; "
                        "ad.reduce_sum makes one")  # fmt: skip
    return value if isinstance(value, (Tensor, Variable)) else convert(value)
