"""Every exception and warning of autodiff, and every text that more than one place needs.

A text says the function, what was given, what was expected and, where something would do, what.  Classes inherit from
the built-in class a caller would catch as well as from TensorFlow's, whose InvalidArgumentError is no ValueError.
The functions below return an exception; the caller raises it.
"""

import sys

import numpy as np
from numpy.linalg import LinAlgError

_INF = float("inf")


class OpError(Exception):
    """An operator could not be computed."""

    @property
    def message(self):
        return str(self)


class InvalidArgumentError(OpError, ValueError):
    """An operand or an attribute has a value the operator does not take."""


class ShapeError(InvalidArgumentError):
    """Shapes, axes or sizes do not fit."""


class DtypeError(InvalidArgumentError, TypeError):
    """A dtype that the operator, or autodiff, does not take."""


class BadIndexError(InvalidArgumentError, IndexError):
    """An index past the end."""


class DivisionError(InvalidArgumentError, ZeroDivisionError):
    """An integer divided by zero."""


class DecompositionError(InvalidArgumentError, LinAlgError):
    """A matrix has no inverse, or no such factors."""


class OutOfRangeError(OpError, IndexError):
    """Reading or writing past the end of a TensorArray; past that of a tensor it is BadIndexError."""


class UnimplementedError(OpError, NotImplementedError):
    """What TensorFlow has and autodiff does not."""


class FailedPreconditionError(OpError, RuntimeError):
    """TensorFlow's class for an object in no state to do what was asked."""


class NotFoundError(OpError, LookupError):
    """TensorFlow's class for a name that stands for nothing."""


class TapeError(RuntimeError, ValueError):
    """A tape in no state to do what was asked.  TensorFlow raises RuntimeError for some of these, ValueError for others."""


class TraceError(TypeError):
    """Python needed the value of an operand that has none: inside a rule, or while a function is traced."""


class ReplayError(RuntimeError):
    """What an ad.function replays is not what it does as written (function(check=True))."""


class DistributedError(RuntimeError):
    """Workers are gone, or do not answer."""


class LostGradientWarning(UserWarning):
    """A value that a tape was following left the tape."""


class LostGradientError(RuntimeError):
    """The same where `config.lost_gradient` is "raise"."""


class PrecisionWarning(RuntimeWarning):
    """A precise tape could not make sure of the last digit of some numbers."""


# --------------------------------------------------------------------------------------------------------- pieces of text
def join_words(words, last="or"):
    """['a', 'b', 'c'] -> 'a, b or c'."""
    words = [str(w) for w in words]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def brackets(shape):
    """A shape as TensorFlow's errors print it: [2,3]."""
    return "[" + ",".join(str(n) for n in shape) + "]"


def shorten(value, width=60):
    """repr(value) on one line, cut to `width` characters."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # of what cannot show itself, as a list that is nested too deep
        text = object.__repr__(value)
    return text if len(text) <= width else text[: width - 3] + "..."


def left_behind(place, of_rows=False):
    """A tensor of a recorded function, or of a function of rows inside one, used after it."""
    if of_rows:
        return TraceError(f"Tensor: it was made inside a function that ad.vectorized_map, or a Jacobian, maps over rows{place}, and has one "
                          "value for each row: it cannot be used outside. Return it from that function")  # fmt: skip
    return TraceError(f"Tensor: it was made inside an ad.function{place}, and has one value for each call: it cannot be used outside. "
                      "Return it from the function, or assign it to a variable there")  # fmt: skip


# ----------------------------------------------------------------------------------------------------------------- shapes
def too_many_dimensions(name, n=33):
    """A tensor of `n` dimensions, where the most is 32."""
    return ShapeError(f"{'broadcast_to' if name == 'view' else name}: got a shape of {n} dimensions, the most is 32")


def unlike_shapes(name, *shapes):
    """Operands that do not broadcast."""
    given = " vs. ".join(brackets(s) for s in shapes)
    return ShapeError(
        f"{name}: Incompatible shapes: {given}. Counted from the last, sizes must be equal or 1; reshape one of them"
    )


def unlike_matrices(name, a, b, inner_a, inner_b):
    """A matrix product whose inner sizes differ; `a`, `b` are the shapes as given."""
    return ShapeError(f"{name}: {tuple(a)} @ {tuple(b)}: the inner sizes {inner_a} and {inner_b} differ")


def low_rank(name, shape, rank, advice=""):
    """An operand of too few dimensions."""
    return ShapeError(f"{name}: Shape {tuple(shape)} must have rank at least {rank}{advice and '; ' + advice}")


def bad_axis(name, axis, rank):
    """An axis outside [-rank, rank)."""
    if rank == 0:
        return BadAxisError(f"{name}: axis {axis} is out of range: a scalar has no axes")
    return BadAxisError(f"{name}: axis {axis} is out of range for rank {rank}: expected {-rank} to {rank - 1}")


class BadAxisError(ShapeError, IndexError):
    """An axis that the operand does not have; NumPy's AxisError is both a ValueError and an IndexError too."""


def repeated_axis(name, axes):
    return ShapeError(f"{name}: axes {tuple(axes)} name one axis twice")


def bad_size(name, shape, size, to):
    """A reshape to another number of elements."""
    if sum(n == -1 for n in to) > 1:
        return ShapeError(f"{name}: got {tuple(to)}; only one size may be -1, which stands for whatever is left")
    return ShapeError(f"{name}: a tensor of shape {tuple(shape)} has {size} elements; {tuple(to)} does not")


# ----------------------------------------------------------------------------------------------------------------- dtypes
def bad_dtype(name, given, takes):
    """An operator on a dtype it has no kernel for."""
    advice = "; cast it first"
    if set(takes) == {"float32", "float64"}:
        advice = ": write it as a float (1.0, not 1), or cast it"
    elif takes == ("bool",):
        advice = ": compare it first (x != 0)"
    return DtypeError(f"{name}: got {given}, takes {join_words(takes)}{advice}")


def no_such_dtype(name, given, known, nearest):
    """An array of numbers that no tensor holds."""
    return DtypeError(f"{name}: no tensors of dtype {given}: autodiff has {known}; convert it, as by x.astype({nearest!r})")


def unlike_dtypes(name, *dtypes):
    """Dtypes that do not meet without losing information."""
    return DtypeError(f"{name}: the operands are {join_words(dtypes, 'and')}; cast one of them")


def dtype_requested(name, requested, given):
    """A tensor where another dtype was asked for."""
    return DtypeError(f"{name}: Tensor conversion requested dtype {requested} for Tensor with dtype {given}; cast it")


# ------------------------------------------------------------------------------------------------------------------ values
def cannot_convert(name, value, dtype):
    """A Python number or array that the dtype cannot hold."""
    return DtypeError(f"{name}: Cannot convert {shorten(value)} to a tensor of dtype {dtype}")


def unlike_variable(name, own, given):
    """An assigned value of another shape."""
    return ShapeError(f"Cannot assign value to variable ' {name}': Shape mismatch.The variable shape {own}, and the assigned value shape {given} are "
                      "incompatible.")  # fmt: skip


def not_a_tensor(name, value):
    """A value with no tensor in it: None, a string, an object."""
    given = shorten(value)
    if value is None:
        return InvalidArgumentError(f"{name}: Attempt to convert a value (None) with an unsupported type "
                                    f"(<class 'NoneType'>) to a Tensor: expected numbers")  # fmt: skip
    hint = ""
    if hasattr(value, "__float__") and not hasattr(value, "dtype"):  # a Fraction, a Decimal, an mpf
        hint = f"; float({given}) is one"
    return DtypeError(f"{name}: Attempt to convert a value ({given}) with an unsupported type ({type(value)}) to a Tensor: "
                      f"expected numbers{hint}")  # fmt: skip


def masked(name, value):
    """A masked array: what is under its mask would count."""
    return InvalidArgumentError(f"{name}: got a masked array, {shorten(value, 40)}, and a tensor has no mask: x.compressed() has the numbers "
                                "that count, x.filled(0.0) keeps the shape, for weights of np.where(x.mask, 0.0, 1.0)")  # fmt: skip


def ragged(name):
    return ShapeError(f"{name}: Can't convert non-rectangular Python sequence to Tensor: its rows differ in length")


# ----------------------------------------------------------------------------------------------------------------- indices
def bad_index(name, index, axis, size):
    """An integer index past the end of an axis."""
    return BadIndexError(f"{name}: slice index {index} of dimension {axis} out of bounds: its size is {size}")


def called(function):
    """A function of NumPy's or SciPy's as it is called: np.exp, np.linalg.cond, scipy.special.pdtr."""
    name = function.__name__
    if not isinstance(function, np.ufunc):
        return f"{function.__module__.replace('numpy', 'np', 1)}.{name}"
    if getattr(np, name, None) is function:
        return f"np.{name}"
    of_scipy = getattr(sys.modules.get("scipy.special._ufuncs"), name, None) is function
    return f"scipy.special.{name.lstrip('_')}" if of_scipy else name                    # lambertw calls _lambertw


def bad_key(key):
    """Something that does not index a tensor."""
    return TypeError(f"Only integers, slices (`:`), ellipsis (`...`), newaxis (`None`) and scalar int32/int64 tensors are "
                     f"valid indices, and arrays of integers, got {shorten(key)}")  # fmt: skip


# ------------------------------------------------------------------------------------------------------------------ matrices
def no_decomposition(function):
    """A matrix without inverse, or that is not positive definite, or not finite."""
    advice = {"cholesky": "the matrix must be symmetric positive definite", "inv": "Input matrix is not invertible"}
    return DecompositionError(f"{function}: {advice.get('inv' if 'solve' in function else function, 'the matrix must be finite')}")


def no_lapack(function, version):
    """This NumPy keeps LAPACK elsewhere than those that are known."""
    return UnimplementedError(f"{function}: NumPy {version} has not the part of LAPACK that this needs where NumPy 1.26 to 2.4 have it: install one of those")


# -------------------------------------------------------------------------------------------------------------------- tapes
TAPE_USED_UP = ("A non-persistent GradientTape can only be used to compute one set of gradients (or jacobians); "
                "make it GradientTape(persistent=True) to ask again")  # fmt: skip
TAPE_NEVER_ENTERED = ("A non-persistent GradientTape can only be used to compute one set of gradients (or jacobians): this one "
                      "recorded nothing; compute inside `with GradientTape() as tape:` first")  # fmt: skip


def no_tensor_to_differentiate(role, value, name="gradient"):
    """A target or source that is neither tensor nor variable."""
    return TypeError(f"{name}: {role} holds {shorten(value)} of type {type(value).__name__!r}, expected tensors or variables"
                     + ("; make it a Variable, or a constant that the tape watches, before computing" if role == "sources" else
                        ""))  # fmt: skip


# -------------------------------------------------------------------------------------------------------- not finite
def not_finite(name, value, inputs, where, frames, length):
    """The error of check_numerics: what operation, what it gave, what it was given, and where in the user's program."""
    from .places import shortened, source_at

    title = "".join(part.capitalize() for part in name.split("_"))
    counts = [("-Inf", int((value == -_INF).sum())), ("+Inf", int((value == _INF).sum())), ("NaN", int((value != value).sum()))]
    lines = ["", "", f'!!! Detected Infinity or NaN in output 0 of eagerly-executing op "{title}" (# of outputs: 1) !!!',
             f"  dtype: {value.dtype}", f"  shape: {value.shape}"]  # fmt: skip
    lines += [f"  # of {what} elements: {n}" for what, n in counts if n]
    if len(inputs) == 1:
        lines += ["", f"  Input tensor: {_operand(inputs[0])}"]
    elif inputs:
        lines += ["", f"  Input tensors ({len(inputs)}):", *[f"         {k}: {_operand(x)}" for k, x in enumerate(inputs)]]
    if where:
        lines += ["", f"  The operation was recorded at {shortened(where, length)}: {source_at(where)}"]
    if frames:
        lines += ["", "  Where it happened, innermost first:"]
        lines += [f"    {shortened(file, length)}:{line}: {source_at(f'{file}:{line}')}" for file, line in frames]
    lines += ["", f" : Tensor had {', '.join(what for what, n in counts if n)} values"]
    return InvalidArgumentError("\n".join(lines))


def _operand(x):
    text = str(x) if x.size <= 8 else f"from {x.min()} to {x.max()}"
    return f"{text}, shape={x.shape}, dtype={x.dtype}"
