"""What a recorded function takes and gives: signatures that arguments are held to, concrete functions, and their text."""

import copy
import inspect

import numpy as np

from . import nest
from ._core import Tensor, convert, has_only_items
from .errors import shorten
from .shapes import TensorSpec
from .variable import Variable

__all__ = ["ConcreteFunction", "described", "fitted", "holding", "refilled", "spec_of", "unbound", "unrecorded"]


def spec_of(x):
    """The TensorSpec of a tensor or an array; anything else as it is."""
    return TensorSpec(x.shape, x.dtype) if hasattr(x, "shape") and hasattr(x, "dtype") and not isinstance(x, TensorSpec) else x


def holding(function):
    """The function, and of variables that it returns the values that they hold then: these themselves would show what is assigned later."""

    def held(*args, **kwargs):
        result = function(*args, **kwargs)
        if type(result) is Tensor:
            return result
        leaves = nest.flatten(result)
        if not any(isinstance(x, Variable) for x in leaves):
            return result
        return nest.pack_sequence_as(result, [x.value() if isinstance(x, Variable) else x for x in leaves])

    return held


def fitted(spec, x, signature):
    """The argument in the form of the spec: tensors where it has TensorSpecs, equal objects elsewhere; TypeError, with both signatures, if
    it cannot be brought there."""
    if isinstance(spec, TensorSpec):
        try:
            tensor = convert(x, spec.dtype)
        except (TypeError, ValueError) as error:
            raise _misfit(error, x, signature) from None
        if not spec.shape.is_compatible_with(tensor.shape):
            raise _misfit(f"shape {tensor.shape} for {spec}", x, signature)
        return tensor
    if isinstance(spec, dict):
        if not isinstance(x, dict) or set(x) != set(spec):
            raise _misfit(f"keys {sorted(x, key=str) if isinstance(x, dict) else None} for {sorted(spec, key=str)}", x, signature)
        return type(spec)((key, fitted(spec[key], x[key], signature)) for key in spec)
    if isinstance(spec, (list, tuple)):
        if not isinstance(x, (list, tuple)) or len(x) != len(spec):
            raise _misfit(f"{len(x) if isinstance(x, (list, tuple)) else 'no'} parts for {len(spec)}", x, signature)
        parts = [fitted(s, y, signature) for s, y in zip(spec, x)]
        return type(spec)(*parts) if hasattr(spec, "_fields") else type(spec)(parts)
    if x is not spec and x != spec:
        raise _misfit(f"{x!r} for {spec!r}", x, signature)
    return x


def unbound(error, args, kwargs, signature):
    """What a call says whose arguments are not those of the signature."""
    args, kwargs = nest.map_structure(spec_of, (args, kwargs))
    return TypeError(f"Binding inputs to ad.function failed due to `{error}`. Received args: {args} and kwargs: {kwargs} for signature {signature}.")


def unrecorded(name, args, kwargs):
    """What a call says of a stored function that has not been there, for such arguments or by the way that their values take."""
    given = nest.map_structure(spec_of, (args, kwargs))
    return TypeError(f"function: {name} was loaded, and has no recording for {shorten(given, 200)} that goes the way of these values; call it "
                     "so where it was made, before storing it")  # fmt: skip


def _misfit(error, x, signature):
    given = nest.map_structure(spec_of, x) if nest.is_nested(x) else spec_of(x)
    return TypeError(f"Binding inputs to ad.function failed due to `{error}`. Received {shorten(given, 200)} for signature {signature}.")


class ConcreteFunction:
    """A function for arguments of one signature: what Function.get_concrete_function returns.

    Called with the tensors among the arguments, or with all arguments as they were given; TypeError where they do not fit.

    structured_input_signature   ((arguments...), {keyword arguments}) with TensorSpecs for tensors
    structured_outputs           what it returns, with TensorSpecs for tensors; None while it is not recorded
    """

    def __init__(self, function, args, kwargs, outputs):
        self.function, self.structured_outputs = function, outputs
        self.structured_input_signature = nest.map_structure(spec_of, (tuple(args), dict(kwargs)))
        self.name = self.__name__ = getattr(function, "__name__", "function")

    @property
    def inputs(self):
        """The TensorSpecs of the tensors that it takes, in order."""
        return [x for x in nest.flatten(self.structured_input_signature) if isinstance(x, TensorSpec)]

    def __call__(self, *args, **kwargs):
        named, keys = self.structured_input_signature
        if not kwargs and len(args) != len(named) + len(keys) and len(args) == len(self.inputs):
            tensors = iter(args)
            args, kwargs = nest.map_structure(lambda x: next(tensors) if isinstance(x, TensorSpec) else x, (named, keys))
        if len(args) != len(named) or set(kwargs) != set(keys):
            raise _misfit(f"{len(args) + len(kwargs)} arguments for {len(named) + len(keys)}", (args, kwargs), self.structured_input_signature)
        own_args, own_kwargs = fitted(self.structured_input_signature, (tuple(args), kwargs), self.structured_input_signature)
        return self.function(*own_args, **own_kwargs)

    def __repr__(self):
        return f"<ConcreteFunction {self.name}{shorten(self.structured_input_signature[0], 200)}>"


def _by_position(func):
    """The names of what a function takes by position."""
    try:
        parameters = inspect.signature(func).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def described(name, function, kind, trace):
    """A recording's signature in TensorFlow's form."""
    parameters = _by_position(function)
    inputs, outputs = trace.specs()
    rest = iter(inputs)
    args, kwargs = kind
    names = [*parameters, *[f"arg{k}" for k in range(len(parameters), len(args))]]
    lines = [(names[k], _text(part, rest)) for k, part in enumerate(args[1:])]
    if kwargs is not None:
        lines += [(key, _text(part, rest)) for key, part in kwargs[1:]]
    given = nest.pack_sequence_as(trace.structure, [_spec_text(*y) if isinstance(y, tuple) else _leaf_text(y) for y in outputs])
    head = f"{name}({', '.join(key for key, _ in lines)})"
    return "\n".join([head, *(["  Args:"] if lines else []), *[f"    {key}: {text}" for key, text in lines], "  Returns:",
                      f"    {given if isinstance(given, str) else repr(given).replace(chr(39), '')}"])  # fmt: skip


def _text(kind, rest):
    """What stands for an argument in a kind (_core.argument_kind), with its tensors from `rest`."""
    if kind is Tensor:
        return _spec_text(*next(rest))
    if isinstance(kind, str):
        return repr(float.fromhex(kind))
    if not isinstance(kind, tuple):
        return type(kind.value).__name__ if hasattr(kind, "value") else repr(kind)
    if kind and issubclass(kind[0], dict):
        pairs = [pair for pair in kind[1:] if isinstance(pair, tuple)]
        return "{" + ", ".join(f"{(key if isinstance(key, str) else key[1])!r}: {_text(part, rest)}" for key, part in pairs) + "}"
    if len(kind) == 2 and isinstance(kind[0], type) and not isinstance(kind[1], (tuple, type)) and not issubclass(kind[0], (tuple, list)):
        return kind[1] if kind[0] in (complex, range, slice) else repr(kind[1])
    ends = "[]" if issubclass(kind[0], list) else "()"
    return ends[0] + ", ".join(_text(part, rest) for part in kind[1:]) + ends[1]


def _spec_text(dtype, shape):
    return f"{dtype.name} Tensor, shape={shape}"


def _leaf_text(y):
    return _spec_text(y.dtype, tuple(y.shape)) if isinstance(y, Tensor) else shorten(y)


def refilled(x, own):
    """The argument with the tensors of a trace in the places of its own."""
    kind = type(x)
    if kind is Tensor or isinstance(x, (np.ndarray, np.generic)):
        return next(own)
    if kind is tuple or kind is list:
        return kind([refilled(item, own) for item in x])
    if kind is dict:
        return {key: refilled(x[key], own) for key in x}
    if not has_only_items(x):
        return x
    if isinstance(x, tuple):
        items = [refilled(item, own) for item in x]
        return kind(*items) if hasattr(x, "_fields") else kind(items)
    made = copy.copy(x)
    for key in x if isinstance(x, dict) else range(len(x)):
        made[key] = refilled(x[key], own)
    return made
