"""TensorFlow's loops and branches as functions: here they are Python's, and record what they run."""

from typing import Any

from . import errors, nest, shaping
from .arguments import function_given, integer
from .arguments import tensor as to_tensor
from .constants import zeros
from .dtypes import DType
from .shapes import TensorSpec
from .tensor_array import TensorArray

__all__ = ["case", "cond", "foldl", "foldr", "group", "map_fn", "no_op", "scan", "switch_case", "while_loop"]


def cond(pred, true_fn=None, false_fn=None, name=None) -> Any:
    """true_fn() where `pred`, a scalar, holds, else false_fn().

    >>> cond(True, lambda: 1.0, lambda: 2.0)
    1.0
    """
    for what, f in (("true_fn", true_fn), ("false_fn", false_fn)):
        if not callable(f):
            raise TypeError(f"cond: '{what}' must be a callable, got {errors.shorten(f)}")
    return true_fn() if bool(to_tensor(pred, "cond")) else false_fn()


def case(pred_fn_pairs, default=None, exclusive=False, strict=False, name="case") -> Any:
    """f() of the first pair (pred, f) whose pred holds, else default().

    >>> case([(False, lambda: 1.0), (True, lambda: 2.0)])
    2.0
    """
    if not isinstance(pred_fn_pairs, (dict, list, tuple)):
        raise TypeError(f"case: expected a list of pairs (pred, function), or a dict, got {errors.shorten(pred_fn_pairs)}")
    pairs = list(pred_fn_pairs.items()) if isinstance(pred_fn_pairs, dict) else pred_fn_pairs
    for pair in pairs:
        if not (isinstance(pair, (list, tuple)) and len(pair) == 2 and callable(pair[1])):
            raise TypeError(f"case: expected pairs (pred, function), got {errors.shorten(pair)}")
    held = [f for pred, f in pairs if bool(to_tensor(pred, "case"))]
    if exclusive and len(held) > 1:
        raise errors.InvalidArgumentError(f"case: {len(held)} conditions hold, at most one may (exclusive=True)")
    if not held and default is None:
        raise errors.InvalidArgumentError("case: None of the conditions evaluated as True, and there is no default")
    return held[0]() if held else default()


def switch_case(branch_index, branch_fns, default=None, name="switch_case") -> Any:
    """branch_fns[branch_index](), or default() (the last) where there is no such branch.

    >>> switch_case(1, [lambda: 1.0, lambda: 2.0])
    2.0
    """
    index = integer("switch_case", "branch_index", branch_index)
    if not isinstance(branch_fns, (dict, list, tuple)) or not branch_fns:
        raise TypeError(f"switch_case: expected a list of functions, of pairs (integer, function), or a dict, got {errors.shorten(branch_fns)}")
    pairs = branch_fns.items() if isinstance(branch_fns, dict) else enumerate(branch_fns)
    table = dict(f if isinstance(f, tuple) else (k, f) for k, f in pairs)
    return function_given("switch_case", table.get(index, default or list(table.values())[-1]))()


def while_loop(cond, body, loop_vars, shape_invariants=None, parallel_iterations=10, back_prop=True, swap_memory=False,
               maximum_iterations=None, name=None) -> Any:  # fmt: skip
    """loop_vars = body(*loop_vars) as long as cond(*loop_vars) holds, at most maximum_iterations times.

    >>> [float(x) for x in while_loop(lambda k, s: k < 3, lambda k, s: (k + 1, s * 2.0), (0, 1.0))]
    [3.0, 8.0]
    """
    limit = None if maximum_iterations is None else integer("while_loop", "maximum_iterations", maximum_iterations)
    if not isinstance(loop_vars, (list, tuple)):
        raise TypeError(f"while_loop: loop_vars must be a list or a tuple, got {errors.shorten(loop_vars)}")
    cond, body = (function_given("while_loop", f) for f in (cond, body))
    values, single = loop_vars, len(loop_vars) == 1
    while (limit is None or limit > 0) and bool(to_tensor(cond(*values), "while_loop")):
        given = body(*values)
        values = type(loop_vars)([given]) if single and not isinstance(given, (list, tuple)) else given
        nest.assert_same_structure(list(loop_vars), list(values), check_types=False)
        limit = None if limit is None else limit - 1
    return nest.map_structure(lambda x: x if isinstance(x, TensorArray) else to_tensor(x, "while_loop"), values)


def map_fn(fn, elems, dtype=None, parallel_iterations=None, back_prop=True, swap_memory=False, infer_shape=True, name=None,
           fn_output_signature=None) -> Any:  # fmt: skip
    """fn of each part of `elems` along the first dimension, the results stacked; both may be nested structures.

    Where there are no parts fn is not called: the result has 0 rows, of the dtypes (and the shapes, of a TensorSpec) that
    fn_output_signature names, else of the dtypes of elems, as in TensorFlow.

    >>> import numpy as np
    >>> map_fn(lambda x: x * x, np.array([1.0, 2.0, 3.0])).numpy().tolist()
    [1.0, 4.0, 9.0]
    """
    fn, parts = function_given("map_fn", fn), _parts("map_fn", elems)
    if not parts:
        if not nest.flatten(elems):
            raise errors.ShapeError("map_fn: elems has no tensors")
        given = dtype if fn_output_signature is None else fn_output_signature
        return nest.map_structure(_no_rows, elems if given is None else given)
    return _stacked([fn(part) for part in parts])


def foldl(fn, elems, initializer=None, parallel_iterations=10, back_prop=True, swap_memory=False, name=None) -> Any:
    """fn(fn(fn(initializer, first part), second), ...); without initializer it starts with the first part.

    >>> import numpy as np
    >>> float(foldl(lambda a, x: a - x, np.array([1.0, 2.0, 3.0])))
    -4.0
    """
    return _fold("foldl", fn, _parts("foldl", elems), initializer)[-1]


def foldr(fn, elems, initializer=None, parallel_iterations=10, back_prop=True, swap_memory=False, name=None) -> Any:
    """`foldl` from the last part to the first.

    >>> import numpy as np
    >>> float(foldr(lambda a, x: a - x, np.array([1.0, 2.0, 3.0])))
    0.0
    """
    return _fold("foldr", fn, _parts("foldr", elems)[::-1], initializer)[-1]


def scan(fn, elems, initializer=None, parallel_iterations=10, back_prop=True, swap_memory=False, infer_shape=True, reverse=False,
         name=None) -> Any:  # fmt: skip
    """All the values that foldl comes by (foldr, if `reverse`), stacked; the initializer is not among them.

    >>> import numpy as np
    >>> scan(lambda a, x: a + x, np.array([1.0, 2.0, 3.0])).numpy().tolist()
    [1.0, 3.0, 6.0]
    """
    parts = _parts("scan", elems)
    values = _fold("scan", fn, parts[::-1] if reverse else parts, initializer)
    values = values if initializer is None else values[1:]
    if not values:
        return nest.map_structure(lambda x: to_tensor(x, "scan")[None][:0], initializer)
    return _stacked(values[::-1] if reverse else values)


def group(*inputs, **kwargs) -> None:
    """Nothing: what it would wait for has been done already."""


def no_op(name=None) -> None:
    """Nothing."""


def _parts(name, elems):
    """The structures that elems holds along the first dimension of its leaves."""
    leaves = [to_tensor(x, name) for x in nest.flatten(elems)]
    for x in leaves:
        if not x.ndim:
            raise errors.ShapeError(f"{name}: elements in elems must be 1+ dimensional Tensors, not scalars")
        if x.shape[0] != leaves[0].shape[0]:
            raise errors.ShapeError(
                f"{name}: the first dimensions of elems differ: {leaves[0].shape[0]} and {x.shape[0]}"
            )
    return [nest.pack_sequence_as(elems, list(row)) for row in zip(*[shaping.unstack(x) for x in leaves])]


def _no_rows(kind):
    """0 rows of what a dtype, a TensorSpec or a tensor says; without a TensorSpec nobody knows the shape of a row."""
    if isinstance(kind, TensorSpec):
        return zeros([0, *(kind.shape if kind.shape.is_fully_defined() else [])], kind.dtype)
    return zeros([0], kind if isinstance(kind, (DType, str, type)) else to_tensor(kind, "map_fn").dtype)


def _fold(name, fn, parts, initializer):
    function_given(name, fn)
    if initializer is None:
        if not parts:
            raise errors.ShapeError(
                f"{name}: elems has no parts along its first dimension, and there is no initializer"
            )
        initializer, parts = parts[0], parts[1:]
    elif not parts:
        initializer = nest.map_structure(lambda x: x if isinstance(x, TensorArray) else to_tensor(x, name), initializer)
    values = [initializer]
    for part in parts:
        values.append(fn(values[-1], part))
    return values


def _stacked(results):
    """The parts' results in one structure; a gradient that none of them has is None."""
    columns = [list(column) for column in zip(*[nest.flatten(r) for r in results])]
    return nest.pack_sequence_as(results[0], [shaping.stack(c) if any(y is not None for y in c) else None for c in columns])
