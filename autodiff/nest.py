"""Nested structures: lists, tuples, named tuples and dicts, whose leaves are anything else.

A dict is flattened in the order of its sorted keys and rebuilt in its own.  A TensorShape is a leaf, as are arrays of numbers.
"""

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

from . import errors
from .shapes import TensorShape

_LEAVES = frozenset((float, int, bool, type(None), str))
_ATOMS = (str, bytes, bytearray, memoryview, range, array, TensorShape)


def is_nested(seq) -> bool:
    """Is it a list, tuple, named tuple or dict (and not a leaf)?

    >>> is_nested({"a": 1}), is_nested(1)
    (True, False)
    """
    kind = type(seq)
    if kind is list or kind is tuple or kind is dict:
        return True
    if kind in _LEAVES or hasattr(kind, "__ad_apply__"):  # a tensor: to ask Sequence and Mapping takes a microsecond
        return False
    return isinstance(seq, (Sequence, Mapping)) and not isinstance(seq, _ATOMS)


def flatten(structure, expand_composites=False) -> list[Any]:
    """The leaves, in a list; `[structure]` for a leaf.

    >>> flatten({"b": [2, 3], "a": 1})
    [1, 2, 3]
    """
    leaves = []
    _gather(structure, leaves)
    return leaves


def map_structure(func, *structures, **kwargs) -> Any:
    """A structure like the first one, of func(leaf of the first, leaf of the second, ...).

    check_types  whether a list and a tuple are unlike (True)

    Raises ValueError or TypeError where the structures are unlike.

    >>> map_structure(lambda a, b: a + b, {"x": 1, "y": (2, 3)}, {"x": 10, "y": (20, 30)})
    {'x': 11, 'y': (22, 33)}
    """
    if not callable(func):
        raise TypeError(f"map_structure: func must be callable, got {errors.shorten(func)}")
    if not structures:
        raise ValueError("map_structure: Must provide at least one structure")
    check_types = kwargs.pop("check_types", True)
    kwargs.pop("expand_composites", None)
    if kwargs:
        raise ValueError(
            f"map_structure: takes check_types and expand_composites by keyword, not {', '.join(kwargs)}"
        )
    for other in structures[1:]:
        assert_same_structure(structures[0], other, check_types=check_types)
    return pack_sequence_as(structures[0], [func(*leaves) for leaves in zip(*map(flatten, structures))])


def pack_sequence_as(structure, flat_sequence, expand_composites=False) -> Any:
    """The inverse of flatten: `structure` with the leaves of `flat_sequence` in place of its own.

    Raises TypeError where flat_sequence is no sequence, ValueError where it is of another length.

    >>> pack_sequence_as({"a": 0, "b": (0, 0)}, [1, 2, 3])
    {'a': 1, 'b': (2, 3)}
    """
    if not is_nested(flat_sequence) or isinstance(flat_sequence, dict):
        raise TypeError(f"pack_sequence_as: Attempted to pack value {errors.shorten(flat_sequence)} into a structure, "
                        f"but found incompatible type `{type(flat_sequence)}` instead: expected a list")  # fmt: skip
    n = len(flat_sequence)
    if not is_nested(structure):
        if n != 1:
            raise ValueError(f"pack_sequence_as: The target structure is a leaf, {errors.shorten(structure)}, "
                             f"but flat_sequence has {n} items")  # fmt: skip
        return flat_sequence[0]
    atoms = len(flatten(structure))
    if atoms != n:
        raise ValueError(f"pack_sequence_as: Structure had {atoms} atoms, but flat_sequence had {n} items. "
                         f"Structure: {structure}, flat_sequence: {flat_sequence}.")  # fmt: skip
    return _build(structure, iter(flat_sequence))


def assert_same_structure(nest1, nest2, check_types=True, expand_composites=False) -> None:
    """Raise ValueError where the structures nest differently, TypeError where only the kinds of sequence differ."""
    try:
        _compare(nest1, nest2, check_types)
    except (ValueError, TypeError) as error:
        raise type(error)(f"The two structures don't have the same nested structure.\n\nFirst structure: {nest1}\n\n"
                          f"Second structure: {nest2}\n\nMore specifically: {error}") from None  # fmt: skip


def _gather(structure, leaves):
    kind = type(structure)
    if kind is list or kind is tuple:
        parts = structure
    elif not is_nested(structure):
        leaves.append(structure)
        return
    else:
        parts = _parts(structure)
    for part in parts:
        _gather(part, leaves)


def _parts(structure):
    """What is one level down, in the order of flattening."""
    return [structure[key] for key in _keys(structure)] if isinstance(structure, Mapping) else structure


def _keys(mapping):
    try:
        return sorted(mapping)
    except TypeError:
        raise TypeError(f"nest only supports dicts with sortable keys: got {list(mapping)}") from None


def _build(structure, leaves):
    if not is_nested(structure):
        return next(leaves)
    parts = [_build(part, leaves) for part in _parts(structure)]
    kind = type(structure)
    if isinstance(structure, Mapping):
        built = dict(zip(_keys(structure), parts))
        ordered = [(key, built[key]) for key in structure]
        if kind is dict:
            return dict(ordered)
        if hasattr(structure, "default_factory"):
            return kind(structure.default_factory, ordered)
        return kind(ordered)
    return kind(*parts) if _is_namedtuple(structure) else kind(parts)


def _is_namedtuple(structure):
    return isinstance(structure, tuple) and hasattr(structure, "_fields")


def _compare(a, b, check_types):
    if is_nested(a) != is_nested(b):
        nested, leaf = (a, b) if is_nested(a) else (b, a)
        raise ValueError(f'Substructure "type={type(nested).__name__} str={nested}" is a sequence, '
                         f'while substructure "type={type(leaf).__name__} str={leaf}" is not')  # fmt: skip
    if not is_nested(a):
        return
    if check_types:
        _compare_types(a, b)
    if len(a) != len(b):
        raise ValueError(f"{errors.shorten(a)} has {len(a)} elements, {errors.shorten(b)} has {len(b)}")
    if isinstance(a, Mapping) and isinstance(b, Mapping) and set(a) != set(b):
        raise ValueError(f"The two dictionaries don't have the same set of keys: {_keys(a)} and {_keys(b)}")
    for x, y in zip(_parts(a), _parts(b)):
        _compare(x, y, check_types)


def _compare_types(a, b):
    if type(a) is type(b) or (isinstance(a, Mapping) and isinstance(b, Mapping)):
        return
    if _is_namedtuple(a) and _is_namedtuple(b):
        if type(a).__name__ == type(b).__name__ and a._fields == b._fields:
            return
        raise TypeError(f"The two namedtuples don't have the same sequence type: {type(a)} and {type(b)}")
    raise TypeError(f"The two structures don't have the same sequence type: {type(a)} and {type(b)}")
