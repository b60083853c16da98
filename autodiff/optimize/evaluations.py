"""A function of parameters evaluated at float64 vectors: value, derivative and second derivatives, each point once.

Whoever asks for the value will ask for the gradient, and often the other way about; so both are computed at once, and remembered
until another point is asked for.  A traced function is recorded with its sweeps and replayed; an eager one is run under a tape,
which is kept: second derivatives go on from there.
"""

import math
import threading
from typing import Any

import numpy as np

from .. import shaping
from .._core import GradientTape, Point, Tensor, convert, same_numbers
from ..constants import zeros_like
from ..errors import InvalidArgumentError, ShapeError, shorten
from ..function import function
from ..jacobians import tangents_of
from .parameters import plain
from ..variable import Variable

__all__ = ["Evaluation", "Evaluations"]

FLOAT64 = np.dtype(np.float64)
NOTHING_MORE = ()  # further arguments, where there are none
COSTLY = 16384  # bytes of an array among them


ARRAYS = (np.ndarray, np.generic, Tensor, Variable)
UNCHANGING = {float, int, bool, complex, str, bytes, type(None)}


class _Mine(threading.local):
    """What a thread remembers: its last point."""

    point = None


class Evaluation(tuple):
    """(value, gradient) of one point, which is also a number where one is wanted: float(evaluation) is the value."""

    __slots__ = ()

    def __float__(self) -> float:
        return float(self[0])


class Evaluations:
    """The part of an Objective that computes."""

    def _prepare(self, f, parameters, trace, args):
        self._f, self._form, self._trace, self._args = f, parameters, trace, args
        self.x0, self._size, self._shape, self._plain = parameters.x0, parameters.x0.shape, None, False
        self._spread = isinstance(parameters.like, tuple)
        self._mine, self._rows, self._sparse, self.evaluations = _Mine(), None, [None, None], 0
        self._recordings = {}
        self._first = self._run("first")

    def _settle(self, shape):
        self._shape = shape
        self._plain = shape == () and not self._form.number

    # ---------------------------------------------------------------------------------------------------- what is recorded
    def _call(self, x, args):
        if isinstance(self._f, str):
            raise TypeError(f"objective: {self._f} was unpickled as what had been recorded of it, which has not what is asked for: "
                            "ask for it once before pickling, or give f a name that can be imported")  # fmt: skip
        parameters = self._form.restore(x)
        y = self._f(*parameters, *args) if self._spread else self._f(parameters, *args)
        if isinstance(y, (list, tuple)) and y:
            y = shaping.stack([_double(part) for part in y])
        if not isinstance(y, (Tensor, Variable, np.ndarray, np.generic, float)):
            raise TypeError(f"objective: expected {name_of(self._f)} to return a scalar or a vector, got {shorten(y)}")
        y = _double(y)
        if y.ndim > 1 or not y.dtype.is_floating:
            raise TypeError(f"objective: expected {name_of(self._f)} to return a scalar or a vector of floats, got {y.dtype.name} of shape "
                            f"{tuple(y.shape)}; ad.reduce_sum makes a scalar, ad.reshape(y, (-1,)) a vector")  # fmt: skip
        return y

    def _followed(self, x, args):
        with GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = self._call(x, args)
        return tape, y

    def _run(self, name):
        """One of the steps below, recorded where recordings are wanted."""
        step = self._recordings.get(name)
        if step is None:
            step = getattr(self, "_step_" + name)
            if self._trace:
                said = any(known.has_warned for known in [*self._recordings.values()])  # (other threads add to them)
                step = self._recordings[name] = function(_called(step, name_of(self._f)))
                step.has_warned = said  # once of the objective, not of each of its steps
        return step

    def _step_first(self, x, *args):
        with GradientTape() as tape:
            tape.watch(x)
            y = self._call(x, args)
        derivative = tape.jacobian if y.ndim else tape.gradient
        return y, derivative(y, x, unconnected_gradients="zero")

    def _step_alone(self, x, *args):
        return self._call(x, args)

    def _step_second(self, x, *rest):
        """(y, its gradient weighted with rest[0] if it is a vector, the Jacobian of that)."""
        v, args = self._seeds(rest)
        tape, y = self._followed(x, args)
        slope = _recorded_slope(tape, x, y, v)
        return y, slope, tape.jacobian(slope, x, unconnected_gradients="zero")

    def _step_product(self, x, p, *rest):
        v, args = self._seeds(rest)
        tape, y = self._followed(x, args)
        slope = _recorded_slope(tape, x, y, v)
        return y, slope, _along(tape, slope, x, p)

    def _step_forward(self, x, p, *args):
        tape, y = self._followed(x, args)
        return _along(tape, y, x, p)

    def _step_backward(self, x, v, *args):
        tape, y = self._followed(x, args)
        return tape.gradient(y, x, v, "zero")

    def _seeds(self, rest):
        return (rest[0], rest[1:]) if self._shape else (None, rest)

    # ---------------------------------------------------------------------------------------------------- evaluation
    def _vector(self, x):
        if type(x) is np.ndarray and x.dtype is FLOAT64 and x.shape == self._size:
            return x
        given = x
        try:
            x = plain(x)
            if x.dtype.kind not in "fiubO":  # np.asarray would make floats of dates, of text, and of complex numbers by their real parts
                raise TypeError
            x = np.asarray(x, np.float64)
        except InvalidArgumentError:
            raise
        except (TypeError, ValueError):
            raise TypeError(f"objective: expected a vector of {len(self.x0)} numbers, got {shorten(given)}{self._flattens()}") from None
        if x.size != len(self.x0) or x.ndim > 1:
            raise ShapeError(f"objective: expected a vector of {len(self.x0)} numbers, got shape {x.shape}{self._flattens() or self._is_of_one()}")
        return x.reshape(-1)

    def _flattens(self):
        return "" if self._form.shapes == [self._size] else "; obj.flatten(parameters) makes one"

    def _is_of_one(self):
        """BFGS and CG step along what should be a gradient, and is a Jacobian of one row."""
        of_one = f"; {name_of(self._f)} returns a vector of one number, and its derivative is a matrix: minimize wants a scalar, ad.reduce_sum makes one"
        return of_one if self._shape == (1,) else ""

    def _rest(self, args, keyed=True):
        """The further arguments as they are now, one object as long as nothing in them changes, also in place; None where that cannot be
        said, or, unless `keyed`, where it would take as long as the evaluation does."""
        if not args:
            return NOTHING_MORE
        if not keyed and self._trace and any(type(a) is np.ndarray and a.nbytes > COSTLY for a in args):
            return None
        point = self._mine.point
        last = None if point is None else point.rest
        if last is not None and len(last) == len(args) and all(map(_is_kept, args, last)):
            return last
        kept = tuple([_kept(a) for a in args])
        return None if None in kept else kept

    def _arguments(self, args):
        return [_argument(a) for a in args] if self._trace else args

    def _known(self, x, rest):
        """The last point of this thread if it is this one, else None."""
        point = self._mine.point
        return point if point is not None and point.is_at(x, rest) else None

    def _at(self, x, args=(), keyed=True):
        """The point x (a Point), from memory if it was the last one; `keyed`: may it be asked for again?"""
        if type(x) is not np.ndarray or x.dtype is not FLOAT64 or x.shape != self._size:
            x = self._vector(x)
        rest, mine = self._rest(args, keyed), self._mine
        point = mine.point
        if point is None or not point.is_at(x, rest):
            mine.point = point = None  # and its tape with it, before there is another
            point = mine.point = self._computed(convert(x), rest, args)
            self.evaluations += 1
        return point

    def _computed(self, x, rest, args):
        if self._trace:
            y, g = self._first(x, *self._arguments(args)) if args else self._first(x)
            return Point(x, rest, self._value(y, args), g)
        tape, y = self._followed(x, args)
        g = (tape.jacobian if y.ndim else tape.gradient)(y, x, unconnected_gradients="zero")
        return Point(x, rest, self._value(y, args), g, (tape, x, y))

    def _alone(self, x, args):
        """The value."""
        return self._value(self._run("alone")(convert(x), *self._arguments(args)), args)

    def forget(self) -> None:
        """Let go of the last point, whose value and tape are kept, and of what was recorded: where f depends on something that has
        changed and is neither an argument nor a variable."""
        self._mine = _Mine()  # of every thread
        if not isinstance(self._f, str):  # which is known by its recordings alone
            self._recordings.clear()
            self._first, self._rows, self._sparse = self._run("first"), None, [None, None]

    def _value(self, y, args=()):
        """As a float or an array.  With further arguments, which may be longer than the first ones, a vector may have another length."""
        if not y.ndim and not self._shape:
            return float(y)
        y = np.asarray(y.numpy(), np.float64)
        if self._shape is not None and y.shape != self._shape and not (args and y.ndim == 1 == len(self._shape)):
            raise ShapeError(f"objective: {name_of(self._f)} returned shape {y.shape} now, and {self._shape} at first")
        return y

    def __call__(self, x, *args) -> "Evaluation":
        point = self._at(x, args, False)
        if self._plain:
            return Evaluation((point.value, point.gradient()))
        return Evaluation((point.value if self._shape == () else point.value.copy(), self._given(x, point.gradient())))

    def _given(self, x, g):
        """A derivative to give away: a number by a number."""
        return g.item() if g.size == 1 and self._form.number and not np.ndim(x) else g

    def fun(self, x, *args) -> Any:
        """f(x): a float, or an array of shape (m,)."""
        y = self._at(x, args).value
        return y if self._shape == () else y.copy()

    def grad(self, x, *args) -> Any:
        """The derivative: float64 of shape (n,), or (m, n) where f returns a vector."""
        g = self._at(x, args).gradient()
        return g if self._plain else self._given(x, g)

    jac = grad

    def value_and_grad(self, x, *args) -> tuple[Any, Any]:
        """(fun(x), grad(x))."""
        return tuple(self(x, *args))

    def value(self, x, *args) -> Any:
        """What `fun` gives, without the derivative: for those who never ask for it."""
        x = self._vector(x)
        if self._known(x, self._rest(args, False)) is not None:
            return self.fun(x, *args)
        self.evaluations += 1
        return self._alone(x, args)

    def summary(self, *args) -> Any:
        """A table of what an evaluation runs, value and derivative, to be printed: as summary of an ad.function; at the first argument,
        a vector, or where `like` is."""
        first, args = self._looked_at(args)
        return first.summary(*args)

    def _looked_at(self, args):
        """The function that an evaluation is, and its arguments at a point."""
        x, args = (self._vector(args[0]), args[1:]) if args else (self.x0, self._args)
        return self._first if self._trace else function(_called(self._step_first, name_of(self._f))), (convert(x), *map(_argument, args))

    # ---------------------------------------------------------------------------------------------------- second derivatives
    def _is_weighted(self, args):
        """Is the first argument the multiplier of a constraint that is one number, as SciPy gives it, and no argument of f?"""
        return self._shape == () and len(args) == len(self._args) + 1 and isinstance(args[0], np.ndarray) and args[0].shape == (1,)

    def _weights(self, args):
        """([v], or [] of a scalar f; the further arguments)."""
        if not self._shape:
            return [], args
        if not args or args[0] is None:
            raise ValueError(f"hess: {name_of(self._f)} returns a vector: expected its weights too, hess(x, v)")
        v = np.asarray(plain(args[0]), np.float64)
        if v.shape != self._shape and len(args) == 1 and not self._args:  # with further arguments a vector may have another length
            raise ShapeError(f"hess: expected weights of shape {self._shape}, as {name_of(self._f)} returns it, got {v.shape}")
        return [convert(v)], args[1:]

    def hess(self, x, *args) -> Any:
        """All second derivatives, float64 of shape (n, n): hess(x), or hess(x, v) of a vector f; further arguments of f follow."""
        if self._is_weighted(args):
            return float(np.reshape(plain(args[0]), ())) * self.hess(x, *args[1:])
        given, x = x, self._vector(x)
        v, args = self._weights(args)
        rest, weights = self._rest(args), [w.numpy().tobytes() for w in v]
        point = self._known(x, rest)
        if point is None or point.hessian is None or point.hessian[0] != weights:
            h, point = self._derived("second", x, [], v, args, rest)
            h = 0.5 * (h + h.T)
            if point is None:
                return self._given(given, h)
            point.hessian = weights, h
        return self._given(given, point.hessian[1].copy())

    def hessp(self, x, p, *args) -> np.ndarray:
        """hess(x) @ p, float64 of shape (n,); after p the weights v of a vector f, and further arguments."""
        if self._is_weighted(args):
            return float(np.reshape(plain(args[0]), ())) * self.hessp(x, p, *args[1:])
        x, p = self._vector(x), convert(self._vector(p))
        v, args = self._weights(args)
        return self._derived("product", x, [p], v, args, self._rest(args, False))[0]

    def _derived(self, which, x, p, v, args, rest):
        """What a sweep over the gradient gives, of a recording that has both or of the tape that an eager objective keeps; and the point
        that it was computed at, where it is remembered."""
        if self._trace:
            at = convert(x)
            y, slope, result = self._run(which)(at, *p, *v, *self._arguments(args))
            point = self._known(x, rest)
            if point is None and not v and rest is not None:
                point = self._mine.point = Point(at, rest, self._value(y, args), slope)
                self.evaluations += 1
            return result.numpy(), point
        point = self._at(x, args)
        tape, x, y = point.tape
        weights = [w.numpy().tobytes() for w in v]
        if point.slope is None or point.slope[0] != weights:
            point.slope = weights, _recorded_slope(tape, x, y, *(v or [None]))
        slope = point.slope[1]
        result = _along(tape, slope, x, p[0]) if p else tape.jacobian(slope, x, unconnected_gradients="zero")
        return result.numpy(), point if rest is not None else None

    def jvp(self, x, p, *args) -> Any:
        """jac(x) @ p: float64 of shape (m,), a float where f returns a scalar."""
        return self._value(self._run("forward")(convert(self._vector(x)), convert(self._vector(p)), *self._arguments(args)), args)

    def vjp(self, x, v, *args) -> Any:
        """v @ jac(x), float64 of shape (n,)."""
        v = np.asarray(plain(v), np.float64)
        shape = (v.size,) if args and len(self._shape) == 1 else self._shape
        if v.size != math.prod(shape):
            raise ShapeError(f"vjp: expected a vector of shape {shape}, as {name_of(self._f)} returns it, got {v.shape}")
        v = convert(v.reshape(shape))
        return self._run("backward")(convert(self._vector(x)), v, *self._arguments(args)).numpy()


def _kept(a):
    """A further argument as a part of `rest`: (its type, a copy of its numbers, or what repr says), or None.  1, 1.0 and True are equal, and
    so are 0.0 and -0.0, and f tells them apart."""
    if isinstance(a, ARRAYS):
        array = np.array(plain(a))
        return None if array.dtype.hasobject else (type(a), array)
    return (type(a), repr(a)) if type(a) in UNCHANGING else None


def _is_kept(a, kept):
    """Is it that argument still?"""
    if type(a) is not kept[0]:
        return False
    return same_numbers(plain(a), kept[1]) if isinstance(a, ARRAYS) else repr(a) == kept[1]


def _called(step, name):
    """The step under the name of the user's function, which warnings and tables say."""

    def evaluation(*args):
        return step(*args)

    evaluation.__name__ = evaluation.__qualname__ = name
    return evaluation


def _argument(a):
    """A further argument as a recording takes it: a number is a value, not a part of the program."""
    return convert(np.float64(a)) if type(a) is float else a


def _double(x):
    """A number, which would be a float32 tensor, as a float64 one."""
    return convert(np.float64(x) if type(x) in (float, int) else x)


def _along(tape, y, x, p):
    """The derivative of y by x along p."""
    (found,) = tangents_of(tape, [y], [x], [p])
    return zeros_like(y) if found is None else found


def _recorded_slope(tape, x, y, v=None):
    """The gradient of y (weighted with v) by x, followed by the tape itself."""
    with tape:
        return tape.gradient(y, x, v, "zero")


def name_of(f):
    return f if isinstance(f, str) else getattr(f, "__name__", type(f).__name__)
