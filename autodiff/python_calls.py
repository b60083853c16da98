"""Python called at every call of a function, recorded or not: tf.py_function and tf.numpy_function."""

from collections.abc import Callable
from typing import Any

from . import dtypes, errors
from ._core import untraceable
from .arguments import function_given
from .arguments import tensor as to_tensor

__all__ = ["numpy_function", "py_function"]


def py_function(func: Callable[..., Any], inp, Tout=None, name=None) -> Any:
    """func(*inp), of tensors and for tensors: it is recorded by tapes as what stands beside it.

    inp   a list of what can be tensors
    Tout  the dtype of the result, or a list of those of several; TensorSpecs stand for theirs

    An ad.function with it runs as written, as func may do something else each time; without py_function func is recorded once.
    Raises TypeError where func does not give as many results as Tout has dtypes, or another dtype.

    >>> import autodiff as ad
    >>> x = ad.Variable(3.0)
    >>> with ad.GradientTape() as tape:
    ...     y = ad.py_function(lambda x: x * x, [x], ad.float32)
    >>> float(tape.gradient(y, x))
    6.0
    """
    return _called("py_function", func, [to_tensor(x, "py_function") for x in _inputs("py_function", inp)], Tout)


def numpy_function(func: Callable[..., Any], inp, Tout=None, stateful=True, name=None) -> Any:
    """func(*inp) of NumPy's arrays and for arrays, as tensors.  It has no gradient; an ad.function with it runs as written.

    >>> import numpy as np
    >>> numpy_function(np.sort, [[3.0, 1.0]], "float32").numpy().tolist()
    [1.0, 3.0]
    """
    return _called("numpy_function", func, [to_tensor(x, "numpy_function").numpy() for x in _inputs("numpy_function", inp)], Tout)


def _inputs(name, inp):
    if not isinstance(inp, (list, tuple)):
        raise TypeError(f"{name}: inp must be a list of the arguments, got {errors.shorten(inp)}")
    return inp


def _called(name, func, arguments, Tout):
    untraceable(f"calls Python by {name}")
    y = function_given(name, func)(*arguments)
    several = isinstance(Tout, (list, tuple))
    kinds = [dtypes.as_dtype(getattr(kind, "dtype", kind)) for kind in (Tout if several else [] if Tout is None else [Tout])]
    if not kinds:
        return [] if several else None
    given = list(y) if several and isinstance(y, (list, tuple)) else [y]
    if len(given) != len(kinds):
        raise TypeError(f"{name}: the function gave {len(given)} results, Tout has {len(kinds)} dtypes")
    results = [to_tensor(each, name, kind) for each, kind in zip(given, kinds)]
    return results if several else results[0]
