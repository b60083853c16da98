"""ad.debugging: checks that raise where a tensor is not what it should be."""

from typing import Any

import numpy as np

from . import dtypes, errors, ops
from ._core import Tensor, is_tensor, raw_array, recorded_here, set_checking, traced_here
from .arguments import integer, integers, tensors
from .arguments import tensor as to_tensor
from .custom_gradient import custom_gradient

# fmt: off
__all__ = [
    "Assert", "assert_all_finite", "assert_equal", "assert_greater", "assert_greater_equal", "assert_integer", "assert_less", "assert_less_equal",
    "assert_near", "assert_negative", "assert_non_negative", "assert_non_positive", "assert_none_equal", "assert_positive", "assert_rank",
    "assert_rank_at_least", "assert_rank_in", "assert_same_float_dtype", "assert_scalar", "assert_shapes", "assert_type", "check_numerics",
    "disable_check_numerics", "enable_check_numerics", "is_numeric_tensor"
]
# fmt: on


def Assert(condition, data, summarize=None, name=None) -> None:
    """Raise InvalidArgumentError unless `condition` is true, with the values that `data` lists."""
    if not to_tensor(condition, "Assert"):
        words = ", ".join(str(x.numpy()) if is_tensor(x) else str(x) for x in data)
        raise errors.InvalidArgumentError(f"Assert: Expected {errors.shorten(condition)} to be true. Summarized data: {words}")


def check_numerics(tensor, message, name=None) -> Tensor:
    """`tensor`, if all its numbers are finite, and so will be the cotangent that comes back through here.

    Raises InvalidArgumentError: "<message> : Tensor had NaN values".

    >>> check_numerics([1.0, 2.0], "loss").numpy()
    array([1., 2.], dtype=float32)
    """
    x = to_tensor(tensor, "check_numerics")
    if not x.dtype.is_floating:
        raise errors.bad_dtype("check_numerics", x.dtype.name, ("float32", "float64"))
    _check(x, message)
    return _checked(x, message) if x.is_watched or recorded_here() or not isinstance(tensor, Tensor) else x


def _check(x, message):
    if _surely(ops.is_finite, x):
        return
    values = raw_array(x)
    found = [word for word, bad in (("Inf", np.isinf(values)), ("NaN", np.isnan(values))) if bad.any()]
    if found:
        raise errors.InvalidArgumentError(f"check_numerics: {message} : Tensor had {' and '.join(found)} values")


def _checked(x, message):
    @custom_gradient
    def checked(x):
        def backward(g):
            _check(g, f"Not a number (NaN) or infinity (Inf) values detected in gradient. {message}")
            return g

        return ops.identity(x), backward

    return checked(x)


def enable_check_numerics(stack_height_limit=30, path_length_limit=50) -> None:
    """From now on every operation whose result is not finite raises, and so does every cotangent that is not.

    The first operation of the forward pass that gives Inf or NaN is named, with its operands and the line of the program; then a
    target of `gradient` that is not finite; then the first operation whose derivative gives Inf or NaN, with the line where it was
    recorded.  Meanwhile sweeps go instruction by instruction, and functions of ad.function run as written.

    stack_height_limit  lines of the program that are told, innermost first
    path_length_limit   letters of a path that are told, from its end
    Raises InvalidArgumentError there.

    >>> import autodiff as ad
    >>> ad.debugging.enable_check_numerics()
    >>> try:
    ...     ad.exp(100.0)
    ... except ad.errors.InvalidArgumentError as error:
    ...     print(str(error).strip().splitlines()[0])
    ... finally:
    ...     ad.debugging.disable_check_numerics()
    !!! Detected Infinity or NaN in output 0 of eagerly-executing op "Exp" (# of outputs: 1) !!!
    """
    set_checking(True, integer("enable_check_numerics", "stack_height_limit", stack_height_limit),
                 integer("enable_check_numerics", "path_length_limit", path_length_limit))  # fmt: skip


def disable_check_numerics() -> None:
    """End what enable_check_numerics began."""
    set_checking(False)


def assert_all_finite(x, message=None, name=None) -> Tensor:
    """`check_numerics` under its other name."""
    return check_numerics(x, message or "")


def _surely(condition, *xs):
    """Does the condition, of rows of the table, hold of all elements?  In a function a guard says so, and its recording goes on; where it
    does not, or has no such row, values are looked at."""
    if not traced_here():
        return False
    try:
        holds = condition(*xs)
    except errors.OpError:
        return False
    return bool(ops.reduce_all(holds, axes=tuple(range(holds.ndim)), keepdims=0))


# -------------------------------------------------------------------------------------------------------------- two tensors
def _pair(name, x, y, message):
    a, b = tensors(name, x, y)
    try:
        np.broadcast_shapes(tuple(a.shape), tuple(b.shape))
    except ValueError:
        raise errors.unlike_shapes(_text(name, message, "").rstrip(": "), a.shape, b.shape) from None
    return a, b


def _comparison(name, row, symbol):
    relation = getattr(np, row.name)

    def check(x, y, message=None, summarize=None, name=None):
        a, b = _pair(title, x, y, message)
        if _surely(row, a, b):
            return
        a, b = raw_array(a), raw_array(b)
        if not relation(a, b).all():
            raise errors.InvalidArgumentError(
                _text(title, message, f"Condition x {symbol} y did not hold.", x=a, y=b)
            )

    title = name
    check.__name__ = check.__qualname__ = name
    check.__doc__ = f"Raise InvalidArgumentError unless x {symbol} y for all elements."
    return check


assert_equal = _comparison("assert_equal", ops.equal, "==")
assert_less = _comparison("assert_less", ops.less, "<")
assert_less_equal = _comparison("assert_less_equal", ops.less_equal, "<=")
assert_greater = _comparison("assert_greater", ops.greater, ">")
assert_greater_equal = _comparison("assert_greater_equal", ops.greater_equal, ">=")


def assert_none_equal(x, y, summarize=None, message=None, name=None) -> None:
    """Raise InvalidArgumentError unless x != y for all elements."""
    _none_equal(x, y, message)


_none_equal = _comparison("assert_none_equal", ops.not_equal, "!=")


def assert_near(x, y, rtol=None, atol=None, message=None, summarize=None, name=None) -> None:
    """Raise InvalidArgumentError unless |x - y| <= atol + rtol * |y|; both are 10 eps of the dtype unless given."""
    a, b = _pair("assert_near", x, y, message)
    eps = 10 * np.finfo(a.dtype.as_numpy_dtype if a.dtype.is_floating else np.result_type(a.dtype.as_numpy_dtype, np.float32)).eps
    rtol, atol = (float(eps) if t is None else float(t) for t in (rtol, atol))
    if _surely(lambda a, b: ops.abs(a - b) <= atol + rtol * ops.abs(b), a, b):
        return
    a, b = raw_array(a), raw_array(b)
    with np.errstate(invalid="ignore"):         # inf - inf, which is not near
        near = (np.abs(a - b) <= atol + rtol * np.abs(b)).all()
    if not near:
        raise errors.InvalidArgumentError(
            _text("assert_near", message, f"x and y not equal to tolerance rtol = {rtol}, atol = {atol}", x=a, y=b)
        )


# --------------------------------------------------------------------------------------------------------------- one tensor
def _against_zero(name, row, symbol):
    relation = getattr(np, row.name)

    def check(x, message=None, summarize=None, name=None):
        a = to_tensor(x, title)
        if _surely(row, a, 0):
            return
        a = raw_array(a)
        if not relation(a, 0).all():
            raise errors.InvalidArgumentError(
                _text(title, message, f"Condition x {symbol} 0 did not hold element-wise.", x=a)
            )

    title = name
    check.__name__ = check.__qualname__ = name
    check.__doc__ = f"Raise InvalidArgumentError unless x {symbol} 0 for all elements."
    return check


assert_positive = _against_zero("assert_positive", ops.greater, ">")
assert_non_negative = _against_zero("assert_non_negative", ops.greater_equal, ">=")
assert_negative = _against_zero("assert_negative", ops.less, "<")
assert_non_positive = _against_zero("assert_non_positive", ops.less_equal, "<=")


def assert_rank(x, rank, message=None, name=None) -> None:
    """Raise ValueError unless x has this rank."""
    _check_rank(
        "assert_rank", x, message, f"must have rank {rank}", lambda n: n == integer("assert_rank", "rank", rank)
    )


def assert_rank_at_least(x, rank, message=None, name=None) -> None:
    """Raise ValueError unless x has this rank or a higher one."""
    _check_rank(
        "assert_rank_at_least",
        x,
        message,
        f"must have rank at least {rank}",
        lambda n: n >= integer("assert_rank_at_least", "rank", rank),
    )


def assert_rank_in(x, ranks, message=None, name=None) -> None:
    """Raise ValueError unless x has one of these ranks."""
    ranks = integers("assert_rank_in", "ranks", ranks)
    _check_rank("assert_rank_in", x, message, f"must have rank in {ranks}", lambda n: n in ranks)


def assert_scalar(tensor, message=None, name=None) -> Any:
    """The tensor, if it is a scalar; raises ValueError otherwise."""
    _check_rank("assert_scalar", tensor, message, "must be a scalar", lambda n: n == 0)
    return tensor


def _check_rank(name, x, message, expected, holds):
    shape = to_tensor(x, name).shape
    if not holds(len(shape)):
        raise errors.ShapeError(_text(name, message, f"Tensor {expected}. Received rank {len(shape)}, shape {shape}"))


def assert_shapes(shapes, data=None, summarize=None, message=None, name=None) -> None:
    """Raise ValueError unless the tensors have these shapes: a dict or pairs of tensor and sizes.  A size is an integer, None
    for any, or a letter that stands for one size throughout."""
    known = {}
    for x, sizes in shapes.items() if isinstance(shapes, dict) else shapes:
        shape = to_tensor(x.deref() if hasattr(x, "deref") else x, "assert_shapes").shape
        wanted = tuple(sizes) if isinstance(sizes, (tuple, list, str)) else (sizes,)
        bound = [
            known.setdefault(w, n) if isinstance(w, str) and w not in (".", "*") else w for w, n in zip(wanted, shape)
        ]
        if len(wanted) != len(shape) or any(b not in (None, n, ".", "*") for b, n in zip(bound, shape)):
            raise errors.ShapeError(
                _text("assert_shapes", message, f"Specified by shape {wanted}, with {known}. Received shape {shape}")
            )


def assert_type(tensor, tf_type, message=None, name=None) -> None:
    """Raise TypeError unless the tensor has this dtype."""
    dtype, wanted = to_tensor(tensor, "assert_type").dtype, dtypes.as_dtype(tf_type)
    if dtype is not wanted:
        raise errors.DtypeError(_text("assert_type", message, f"tensor must be of type {wanted!r}; got {dtype!r}"))


def assert_integer(x, message=None, name=None) -> None:
    """Raise TypeError unless the dtype is int32 or int64."""
    dtype = to_tensor(x, "assert_integer").dtype
    if not dtype.is_integer:
        raise errors.DtypeError(
            _text("assert_integer", message, f"Expected x to be of type int32 or int64; got {dtype!r}")
        )


def assert_same_float_dtype(tensors=None, dtype=None):
    """The one floating dtype of all tensors; raises ValueError where they differ."""
    found = {to_tensor(x).dtype for x in tensors or [] if x is not None} | (
        {dtypes.as_dtype(dtype)} if dtype else set()
    )
    if len(found) > 1:
        raise errors.unlike_dtypes("assert_same_float_dtype", *sorted(d.name for d in found))
    one = next(iter(found), dtypes.float32)
    if not one.is_floating:
        raise errors.bad_dtype("assert_same_float_dtype", one.name, ("float32", "float64"))
    return one


def is_numeric_tensor(tensor) -> bool:
    """Is it a tensor or variable of numbers?"""
    return is_tensor(tensor) and tensor.dtype.is_numeric


def _text(name, message, what, **values):
    shown = "".join(f" {key} = {errors.shorten(value.tolist())}" for key, value in values.items())
    return f"{name}: {f'{message}: ' if message is not None and str(message) else ''}{what}{shown}"
