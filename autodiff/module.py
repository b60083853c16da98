"""Module: an object that knows the variables it holds."""

import re
from typing import Any

from ._core import VariableCore
from .conversion import name_scope

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
        """All variables, each once: in the order of the attributes' names, then those of the modules among the attributes."""
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

    @property
    def name_scope(self) -> Any:
        """A context, for `with self.name_scope:`, without effect: names mean nothing here."""
        return name_scope(self.name)

    @classmethod
    def with_name_scope(cls, method):
        """The method: names mean nothing here."""
        return method


def _inside(root, kind):
    """Objects of one class that can be reached through attributes and containers: those of a module first, then those of each
    module among its attributes, as TensorFlow has them."""
    found, seen = [], {id(root)}

    def visit(module):
        modules = []
        for x in _leaves([value for _, value in sorted(vars(module).items())]):
            if id(x) in seen:
                continue
            seen.add(id(x))
            if isinstance(x, kind):
                found.append(x)
            if isinstance(x, Module):
                modules.append(x)
        for x in modules:
            visit(x)

    visit(root)
    return found


def _leaves(x):
    """What is in a container and in those inside it; dicts in the order of their keys."""
    if isinstance(x, (list, tuple)):
        return [leaf for part in x for leaf in _leaves(part)]
    if isinstance(x, dict):
        return [leaf for key in sorted(x, key=str) for leaf in _leaves(x[key])]
    return [x]


def _snake(name):
    """MyLayer as my_layer, RNNCell as rnn_cell, MLP as mlp."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<!^)(?=[A-Z][a-z])", "_", name).lower()
