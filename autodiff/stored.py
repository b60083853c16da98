"""Recorded functions as bytes: a line with the version, a check sum, and JSON.

Nothing in it is executed.  Reading it builds the recordings again by the core's own checks (core/stored.pxi): bytes that are cut short,
altered or of another version raise ValueError.
"""

import numpy as np

from . import nest
from ._core import Constant, Tensor, convert, parts_of, trace_of
from .variable import Variable

__all__ = ["read", "written"]

VERSION = "autodiff recorded function 1"


def written(name, kinds, variables):
    """The bytes of a function of that name.  `kinds` are (kind of arguments, traces); what holds other objects is left out.
    `variables` is filled with those that the traces read or assign."""
    import json  # here and below, as zlib and base64: few programs need them
    import zlib

    told = []
    for kind, traces in kinds:
        try:
            told.append([_put(kind), [_trace_told(trace, variables) for trace in traces]])
        except _Unstorable:
            continue
    held = [[v.name.partition(":")[0], bool(v.trainable), _array_told(v.numpy())] for v in variables]
    body = zlib.compress(json.dumps({"name": name, "kinds": told, "variables": held}).encode())
    return f"{VERSION}\n{zlib.crc32(body):08x}\n".encode() + body


def read(data):
    """(name, [(kind, traces)], variables) of such bytes."""
    import json
    import zlib

    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"load_function: expected bytes, got {type(data).__name__}")
    head, _, rest = bytes(data).partition(b"\n")
    if not head.startswith(b"autodiff recorded function "):
        raise ValueError("load_function: these bytes are no recorded function; Function.to_bytes() makes them")
    if head != VERSION.encode():
        raise ValueError(f"load_function: expected version {VERSION.split()[-1]}, got {head.decode(errors='replace').split()[-1]!r}; "
                         "record it again with this autodiff")  # fmt: skip
    total, _, body = rest.partition(b"\n")
    if total != f"{zlib.crc32(body):08x}".encode():
        raise ValueError("load_function: the bytes are damaged: their check sum is another")
    try:
        told = json.loads(zlib.decompress(body))
        variables = [Variable(_array(value), trainable=trainable, name=name) for name, trainable, value in told["variables"]]
        kinds = [_kind(_get(kind), traces, variables) for kind, traces in told["kinds"]]
        return str(told["name"]), kinds, variables
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, zlib.error) as error:
        raise ValueError(f"load_function: {error}") from None


class _Unstorable(Exception):
    """An object that is no number, string, tensor or container of such."""


# -------------------------------------------------------------------------------------------------------------- traces
def _trace_told(trace, variables):
    parts = parts_of(trace)
    parts["constants"] = {str(k): _array_told(value) for k, value in parts["constants"].items()}
    parts["leaves"] = [{"is": _leaf_told(x.value)} if isinstance(x, Constant) else x for x in parts["leaves"]]
    parts["structure"] = _put(nest.map_structure(lambda _: None, trace.structure))
    for what in ("variables", "assigned"):
        parts[what + "_are"] = [_index(v, variables) for v in getattr(trace, what)]
    return parts


def _index(v, variables):
    for k, known in enumerate(variables):
        if known is v:
            return k
    variables.append(v)
    return len(variables) - 1


def _trace(parts, variables):
    parts = dict(parts)
    parts["constants"] = {int(k): _array(value) for k, value in parts["constants"].items()}
    parts["leaves"] = [Constant(_leaf(x["is"])) if isinstance(x, dict) else x for x in parts["leaves"]]
    read_, assigned = ([_known(variables, k) for k in parts[what + "_are"]] for what in ("variables", "assigned"))
    structure = _get(parts["structure"])
    if len(nest.flatten(structure)) != len(parts["leaves"]):
        raise ValueError("what was stored is damaged: the structure of its results")
    return trace_of(parts, read_, assigned, structure)


def _kind(kind, traces, variables):
    """Arguments of one kind with their traces, which must take as many tensors as the arguments have."""
    hash(kind)
    if not (isinstance(kind, tuple) and len(kind) == 2 and isinstance(kind[0], tuple) and isinstance(kind[1], (tuple, type(None))) and traces):
        raise ValueError("what was stored is damaged: a kind of arguments")
    for parts in traces:
        if len(parts["inputs"]) != _count(kind):
            raise ValueError("what was stored is damaged: the number of its inputs")
    return kind, [_trace(parts, variables) for parts in traces]


def _count(kind):
    return kind is Tensor or sum(_count(part) for part in kind) if kind is Tensor or isinstance(kind, tuple) else 0


def _known(variables, k):
    if not isinstance(k, int) or not 0 <= k < len(variables):
        raise ValueError(f"what was stored is damaged: variable {k!r} of {len(variables)}")
    return variables[k]


# -------------------------------------------------------------------------------------------------- arrays and structures
def _array_told(x):
    import base64

    x = np.asarray(x)
    return [x.dtype.name, list(x.shape), base64.b64encode(np.ascontiguousarray(x.astype(x.dtype.newbyteorder("<"))).tobytes()).decode()]


def _array(told):
    import base64

    name, shape, data = told
    if name not in ("float32", "float64", "int32", "int64", "bool"):
        raise ValueError(f"what was stored is damaged: the dtype {name!r}")
    return np.frombuffer(base64.b64decode(data, validate=True), np.dtype(name).newbyteorder("<")).reshape(shape).astype(name)


def _leaf_told(x):
    if isinstance(x, Tensor):
        return {"tensor": _array_told(x.numpy())}
    if x is None or type(x) in (int, float, bool, str):
        return _put(x)
    raise _Unstorable


def _leaf(told):
    return convert(_array(told["tensor"])) if isinstance(told, dict) else _get(told)


NAMES = {int: "int", bool: "bool", str: "str", type(None): "none", tuple: "tuple", list: "list", dict: "dict", Tensor: "Tensor",
         complex: "complex", range: "range", slice: "slice"}  # fmt: skip
TYPES = {name: kind for kind, name in NAMES.items()}


def _put(x):
    """Containers, types of them, numbers and strings as JSON that says what it is."""
    if isinstance(x, type) and x in NAMES:
        return ["type", NAMES[x]]
    if type(x) is float:
        return ["float", x.hex()]
    if x is None or type(x) in (int, bool, str):
        return [NAMES[type(x)], x]
    if type(x) in (tuple, list):
        return [NAMES[type(x)], [_put(item) for item in x]]
    if type(x) is dict:
        return ["dict", [[_put(key), _put(value)] for key, value in x.items()]]
    raise _Unstorable


def _get(told):
    kind, x = told
    if kind == "type":
        return TYPES[x]
    if kind == "float":
        return float.fromhex(x)
    if kind in ("tuple", "list"):
        return TYPES[kind]([_get(item) for item in x])
    if kind == "dict":
        return {_get(key): _get(value) for key, value in x}
    if kind not in TYPES or type(x) is not TYPES[kind]:
        raise ValueError(f"what was stored is damaged: {kind!r}")
    return x
