"""How a decorated function goes to another process: by its name where that is found there, else with the function that it was made of."""

import functools
import sys
import types

__all__ = ["itself", "reduced"]


def reduced(thing, f, make, *rest):
    """What `thing.__reduce__` returns, of a thing that is make(f, *rest) under the name of f; None where pickle could find neither.

    What __main__ defines is found by its name where pickle is used, and taken along by cloudpickle (joblib, Dask), whose workers have
    another __main__.  Which of them asks is not told; `thing._itself`, a copy of f, suits both: pickle finds it under that name.
    """
    if not hasattr(thing, "__qualname__"):  # f is an object that can be called, a partial
        return make, (f, *rest)
    found = sys.modules.get(thing.__module__)
    for part in thing.__qualname__.split("."):
        found = getattr(found, part, None)
    ours = thing.__module__ == "__main__" and isinstance(f, types.FunctionType)
    if found is thing:
        return (_again, (thing._itself, make, *rest)) if ours else thing.__qualname__
    taken_along = ours and "<" not in thing.__qualname__  # by cloudpickle once, and on its way to somewhere else
    return (make, (f, *rest)) if found is f or taken_along else None


def itself(attribute):
    """The property `_itself` of what keeps its function in that attribute."""
    return functools.cached_property(lambda thing: _copied(getattr(thing, attribute), thing.__qualname__ + "._itself"))


def _copied(f, qualname):
    """The function f as another object, of another name."""
    made = types.FunctionType(f.__code__, f.__globals__, f.__name__, f.__defaults__, f.__closure__)
    made.__kwdefaults__, made.__doc__, made.__module__, made.__qualname__ = f.__kwdefaults__, f.__doc__, f.__module__, qualname
    return made


def _again(f, make, *rest):
    """The thing that f is the copy of, where it is at hand; else one made of it."""
    found, name = sys.modules.get(f.__module__), f.__qualname__.removesuffix("._itself")
    for part in name.split("."):
        found = getattr(found, part, None)
    if getattr(found, "_itself", None) is f:
        return found
    f.__qualname__ = name
    return make(f, *rest)
