"""Module: an object that knows the variables it holds."""

from typing import Any

from ._core import VariableCore

__all__ = ["Module"]


class Module:
    """Something with variables among its attributes, and theirs: in lists, tuples, dicts and modules.

    >>> import autodiff as ad
    >>> class Line(ad.Module):
    ...     def __init__(self):
    ...         super().__init__(name="line")
    ...         self.slope = ad.Variable(2.0)
    >>> [float(v.numpy()) for v in Line().trainable_variables]
    [2.0]
    """

    def __init__(self, name=None) -> None:
        if name is not None and not str(name).isidentifier():
            raise ValueError(
                f"Module: {name!r} is not a valid module name: module names must be valid Python identifiers"
            )
        self._name = name or _snake(type(self).__name__)

    @property
    def name(self) -> str:
        return getattr(self, "_name", _snake(type(self).__name__))

    @property
    def variables(self) -> tuple[Any, ...]:
        """All variables, each once: attributes in the order of their names, then what is inside them."""
        return tuple(_inside(self, VariableCore))

    @property
    def trainable_variables(self) -> tuple[Any, ...]:
        return tuple(v for v in self.variables if v.trainable)

    @property
    def non_trainable_variables(self) -> tuple[Any, ...]:
        return tuple(v for v in self.variables if not v.trainable)

    @property
    def submodules(self) -> tuple[Any, ...]:
        """All modules inside this one."""
        return tuple(m for m in _inside(self, Module) if m is not self)

    @classmethod
    def with_name_scope(cls, method):
        """The method: names mean nothing here."""
        return method


def _inside(root, kind):
    """Objects of one class that can be reached through attributes and containers, nearest first."""
    found, seen, queue = [], {id(root)}, [root]
    while queue:
        x = queue.pop(0)
        if isinstance(x, kind):
            found.append(x)
        for y in _children(x):
            if id(y) not in seen:
                seen.add(id(y))
                queue.append(y)
    return found


def _children(x):
    if isinstance(x, Module):
        return [value for _, value in sorted(vars(x).items())]
    if isinstance(x, dict):
        return [x[key] for key in sorted(x, key=str)]
    return list(x) if isinstance(x, (list, tuple)) else []


def _snake(name):
    return "".join("_" + c.lower() if c.isupper() and k else c.lower() for k, c in enumerate(name))
