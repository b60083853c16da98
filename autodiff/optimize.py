"""objective: one object that every optimiser takes, made of a function of parameters.

Optimisers differ in what they call (fun and jac apart or together, value first or gradient first), in what they want back (a
float, an array they may keep, a buffer to be filled), and in what they do with anything else: SLSQP refuses a float32 gradient,
BFGS a gradient of two dimensions, NLopt says "invalid argument" to a value that is no float.  All of them are given float64,
fresh, of the shape they expect, computed once for each point.
"""

import pickle
import threading
import warnings

import numpy as np

from . import nest, ops
from ._core import GradientTape, Tensor, convert
from .audit import audit
from .errors import ShapeError, shorten
from .function import function
from .history import History, progress_of
from .transforms import jacobian
from .variable import Variable

__all__ = ["Evaluation", "Objective", "objective"]


def objective(f, like, trace=True, args=()):
    """An object that evaluates f, its gradient and its second derivatives at float64 vectors, in the forms that optimisers want.

    f      takes the parameters and returns a scalar (or a vector, for root finding, least squares and constraints), in functions of this
           package or of NumPy; more arguments may follow, given as `args=` to the optimiser
    like   what the parameters look like: an array or number, whose shape is all that counts; a tuple of arrays, which f takes as
           several arguments; or a nested dict or list of arrays, which f takes as it is.  f is evaluated there once
    args   further arguments for the evaluation at `like`, where f takes some
    trace  record f once and replay it in C (ad.function); False: run it as written at each point

    The result is an `Objective`.  Raises TypeError where f is no function, like holds something else than floats, or f returns no scalar
    or vector; warns where f is not finite at `like`, or depends on none of the numbers of a parameter.

    >>> import numpy as np
    >>> import autodiff as ad
    >>> from scipy.optimize import minimize
    >>> def loss(p):
    ...     return ad.reduce_sum((p["slope"] * np.array([0.0, 1.0, 2.0]) + p["offset"] - np.array([1.0, 3.0, 5.0])) ** 2)
    >>> obj = ad.objective(loss, like={"slope": 0.0, "offset": 0.0})
    >>> fit = minimize(obj, obj.x0, jac=True)
    >>> {name: round(float(p), 6) for name, p in obj.restore(fit.x).items()}
    {'slope': 2.0, 'offset': 1.0}
    """
    return Objective(f, like, trace, args)


FLOAT64 = np.dtype(np.float64)


class _Point(threading.local):
    """What a thread remembers: the last point without further arguments, as bytes, and what was computed there."""

    key = both = None


class Evaluation(tuple):
    """(value, gradient) of one point, which is also a number where one is wanted: float(evaluation) is the value."""

    __slots__ = ()

    def __float__(self):
        return float(self[0])


class Objective:
    """What ad.objective makes of a function f of n numbers.

    called as obj(x)    Evaluation: (value, gradient); `minimize(obj, x0, jac=True)`, `root(obj, x0, jac=True)`
    fun, value          the value: a Python float, or an array of shape (m,) where f returns a vector
    grad, jac           its derivative, float64: of shape (n,), or (m, n) where f returns a vector
    value_and_grad      both, as a tuple
    hess                all second derivatives, (n, n); of a vector f the sum of those of v[i] * f[i], with v given as hess(x, v)
    hessp               hess(x) @ p without hess
    nlopt               NLopt's form: fills the gradient that it is given, returns the value
    flatten, restore    from parameters like `like` to the vector and back;  x0: `like` as a vector
    minimize            scipy.optimize.minimize with these, its history kept in `history`

    x is an array of n numbers of any dtype.  Value and derivative of a point are computed once, whichever is asked first; `evaluations`
    counts the points.  Arrays that are returned are never written to again.  Threads may use one objective at once; each has a point of its
    own to remember.  It pickles by the name of f, or, where f has none that can be imported, as what it has recorded.
    """

    def __init__(self, f, like, trace=True, args=()):
        if not callable(f):
            raise TypeError(f"objective: expected a function, got {shorten(f)}")
        leaves = [np.asarray(x.numpy() if isinstance(x, (Tensor, Variable)) else x) for x in nest.flatten(like)]
        for x in leaves:
            if x.dtype.kind not in "fiu":
                raise TypeError(f"objective: expected parameters of floats, got {shorten(x)} of dtype {x.dtype}")
        leaves = [np.array(x, np.float64) for x in leaves]
        self._like = nest.pack_sequence_as(like, leaves) if nest.is_nested(like) else leaves[0]
        self._f, self._trace, self.history = f, trace, History()
        self._prepare()
        self._both, self._second = self._functions()
        value, gradient = self._evaluate(self.x0, args)
        self._shape = np.shape(value)
        self._plain = self._shape == () and (nest.is_nested(self._like) or self._like.ndim > 0)
        self._check(value, gradient, args)

    def _prepare(self):
        self._leaves = [np.asarray(x) for x in nest.flatten(self._like)]
        self._shapes = [x.shape for x in self._leaves]
        self.x0 = self.flatten(self._like)
        self._mine, self._shape, self._size = _Point(), None, self.x0.shape
        self.evaluations = 0

    # ---------------------------------------------------------------------------------------------------- parameters
    def flatten(self, parameters):
        """Parameters in the structure of `like` as one float64 vector.

        Raises ValueError where structure or shapes are others.
        """
        if nest.is_nested(self._like) and parameters is not self._like:
            nest.assert_same_structure(self._like, parameters, check_types=False)
        leaves = nest.flatten(parameters) if nest.is_nested(self._like) else [parameters]
        leaves = [np.asarray(x.numpy() if isinstance(x, (Tensor, Variable)) else x, dtype=np.float64) for x in leaves]
        for x, shape in zip(leaves, self._shapes):
            if x.shape != shape:
                raise ShapeError(f"flatten: expected parameters of shapes {self._shapes}, got {[x.shape for x in leaves]}")
        return np.concatenate([x.ravel() for x in leaves]) if len(leaves) != 1 else leaves[0].ravel().copy()

    def restore(self, x):
        """The vector x in the structure of `like`: arrays, or tensors of a tensor."""
        n = sum(leaf.size for leaf in self._leaves)
        if tuple(x.shape) != (n,):
            raise ShapeError(f"restore: expected a vector of {n} numbers, got shape {tuple(x.shape)}")
        if len(self._shapes) == 1 and self._shapes[0] == (n,):
            parts = [x]
        else:
            parts, start = [], 0
            for shape, leaf in zip(self._shapes, self._leaves):
                part = x[start : start + leaf.size]
                parts.append(part.reshape(shape) if isinstance(x, np.ndarray) else ops.reshape(part, shape=shape))
                start += leaf.size
        return nest.pack_sequence_as(self._like, parts) if nest.is_nested(self._like) else parts[0]

    def _call(self, x, args):
        parameters = self.restore(x)
        y = self._f(*parameters, *args) if isinstance(self._like, tuple) else self._f(parameters, *args)
        if not isinstance(y, (Tensor, Variable, np.ndarray, np.generic, float)):
            raise TypeError(f"objective: expected {_name(self._f)} to return a scalar or a vector, got {shorten(y)}")
        y = convert(y)
        if y.ndim > 1 or not y.dtype.is_floating:
            raise TypeError(f"objective: expected {_name(self._f)} to return a scalar or a vector of floats, got {y.dtype.name} of shape "
                            f"{tuple(y.shape)}; ad.reduce_sum makes a scalar, ad.reshape(y, (-1,)) a vector")  # fmt: skip
        return y

    def _functions(self):
        def both(x, *args):
            with GradientTape() as tape:
                tape.watch(x)
                y = self._call(x, args)
            derivative = tape.gradient if not y.ndim else tape.jacobian
            return y, derivative(y, x, unconnected_gradients="zero")

        def weighted(x, v, *args):
            with GradientTape() as tape:
                tape.watch(x)
                y = self._call(x, args)
            return tape.gradient(y, x, output_gradients=v, unconnected_gradients="zero")

        def hess(x, v, *args):
            return jacobian(weighted)(x, v, *args)

        def hessp(x, v, p, *args):
            with GradientTape() as tape:
                tape.watch(x)
                g = weighted(x, v, *args)
            return tape.gradient(g, x, output_gradients=p, unconnected_gradients="zero")

        made = (both, (hess, hessp))
        return (function(both), (function(hess), function(hessp))) if self._trace else made

    # ---------------------------------------------------------------------------------------------------- evaluation
    def _vector(self, x):
        x = np.asarray(x.numpy() if isinstance(x, (Tensor, Variable)) else x, dtype=np.float64)
        if x.size != len(self.x0) or x.ndim > 1:
            raise ShapeError(f"objective: expected a vector of {len(self.x0)} numbers, got shape {x.shape}")
        return x.reshape(-1)

    def _evaluate(self, x, args):
        y, g = self._both(x if self._trace else convert(x), *args)
        self.evaluations += 1
        y = np.asarray(y.numpy(), np.float64) if y.ndim else float(y)
        if self._shape is not None and (self._shape or y.__class__ is not float) and np.shape(y) != self._shape:
            raise ShapeError(f"objective: {_name(self._f)} returned shape {np.shape(y)} now, and {self._shape} at first")
        return y, g.numpy()

    def _at(self, x, args=()):
        """(value, derivative) at x, from memory if it was the last point of this thread; the caller copies what it gives away."""
        if type(x) is not np.ndarray or x.dtype != FLOAT64 or x.shape != self._size:
            x = self._vector(x)
        mine, key = self._mine, x.tobytes()
        if not args and mine.key == key:
            return mine.both
        both = self._evaluate(x, args)
        if not args:
            mine.key, mine.both = key, both
        return both

    def __call__(self, x, *args):
        y, g = self._at(x, args)
        return Evaluation((y, g.copy()) if self._plain else self._as_like(y, g))

    def _as_like(self, y, g):
        """Of a vector f the value is an array; of a number x the derivative is a number."""
        number = type(self._like) is np.ndarray and not self._like.ndim
        return y if self._shape == () else y.copy(), g.item() if number and g.size == 1 else g.copy()

    def fun(self, x, *args):
        """f(x): a float, or an array of shape (m,)."""
        y = self._at(x, args)[0]
        return y if self._shape == () else y.copy()

    value = fun

    def grad(self, x, *args):
        """The derivative: float64 of shape (n,), or (m, n) where f returns a vector."""
        return self._at(x, args)[1].copy()

    jac = grad

    def value_and_grad(self, x, *args):
        """(fun(x), grad(x))."""
        return tuple(self(x, *args))

    def _weights(self, v):
        if v is None:
            if self._shape:
                raise ValueError(f"hess: {_name(self._f)} returns a vector: expected its weights too, hess(x, v)")
            return convert(np.float64(1.0))
        return convert(np.asarray(v, np.float64))

    def hess(self, x, v=None):
        """All second derivatives, float64 of shape (n, n)."""
        h = self._second[0](convert(self._vector(x)), self._weights(v)).numpy()
        return 0.5 * (h + h.T)

    def hessp(self, x, p, v=None):
        """hess(x, v) @ p, float64 of shape (n,)."""
        return self._second[1](convert(self._vector(x)), self._weights(v), convert(self._vector(p))).numpy()

    def nlopt(self, x, grad):
        """f(x); its gradient goes into `grad`, unless that is empty."""
        y, g = self._at(x)
        if grad.size:
            grad[:] = g
        return y

    def nlopt_constraint(self, result, x, grad):
        """The vector f(x) into `result`, its Jacobian into `grad`, unless that is empty: NLopt's form of several constraints."""
        y, g = self._at(x)
        result[:] = y
        if grad.size:
            grad[:] = g

    # ---------------------------------------------------------------------------------------------------- failures
    def _check(self, value, gradient, args):
        if not np.all(np.isfinite(value)):
            warnings.warn(f"objective: {_name(self._f)} is {value} at `like`, where most optimisers give up{self._hint(args)}",
                          stacklevel=4)  # fmt: skip
        elif not np.all(np.isfinite(gradient)):
            warnings.warn(f"objective: the gradient of {_name(self._f)} is not finite at `like`{self._hint(args)}", stacklevel=4)
        elif self._shape == () and len(self.x0) and not np.all(np.any(np.atleast_2d(gradient) != 0, 0)):
            self._check_ignored(gradient, args)

    def _check_ignored(self, gradient, args):
        """A derivative of 0 at `like` and at another point nearby is no stationary point."""
        away = self.x0 + 1e-3 * (1 + np.abs(self.x0)) * np.linspace(0.5, 1.5, len(self.x0))
        again = self._evaluate(away, args)[1]
        ignored = ~np.any(np.atleast_2d(gradient) != 0, 0) & ~np.any(np.atleast_2d(again) != 0, 0)
        if np.any(ignored):
            where = ", ".join(map(str, np.flatnonzero(ignored)[:8]))
            warnings.warn(f"objective: the gradient of {_name(self._f)} by number {where} of the parameters is exactly 0: does it use them?",
                          stacklevel=5)  # fmt: skip

    def _hint(self, args):
        try:
            report = audit(lambda x: self._call(x, args), self.x0)
            lost = report.losses[0] if report.losses else None
        except Exception:  # the hint is not worth an error of its own
            lost = None
        return "; ad.audit(f, x0) finds the operation" if lost is None else f"; ad.audit says: {lost}"

    # ---------------------------------------------------------------------------------------------------- fits
    def minimize(self, x0=None, progress=False, **options):
        """scipy.optimize.minimize from x0 (parameters, a vector, or None for `like`), the history kept.

        progress  show evaluations, value and gradient norm by tqdm
        options   what minimize takes: method, bounds, constraints, tol, callback, options; hess=True or hessp=True stand for this
                  object's own

        Returns SciPy's result, with the parameters in the structure of `like` as `params`.  Raises ImportError without SciPy.
        """
        try:
            from scipy.optimize import minimize
        except ImportError:
            raise ImportError("objective: minimize needs SciPy: pip install 'autodiff[optimize]'") from None
        start = self.x0 if x0 is None else x0 if np.shape(x0) == self.x0.shape and not nest.is_nested(x0) else self.flatten(x0)
        for name in ("hess", "hessp"):
            if options.get(name) is True:
                options[name] = getattr(self, name)
        self.history = History()
        with progress_of(progress) as bar:

            def noted(x, *args):
                y, g = both = self(x, *args)
                self.history.note(y, g, bar)
                return both

            result = minimize(noted, start, jac=True, **options)
        result.params = self.restore(result.x)
        return result

    # ---------------------------------------------------------------------------------------------------- pickling
    def __reduce__(self):
        try:
            pickle.dumps(self._f)
        except Exception:
            if not self._trace:
                raise
            return _revived, (self._like, self._shape, self._both, self._second[0], self._second[1]) if self._recorded() else ()
        return Objective, (self._f, self._like, self._trace)

    def _recorded(self):
        """Have everything recorded, as f itself does not travel."""
        v = None if not self._shape else np.ones(self._shape)
        self.hess(self.x0, v)
        self.hessp(self.x0, self.x0, v)
        return True

    def __repr__(self):
        return f"<ad.objective {_name(self._f)} of {len(self.x0)} numbers>"


def _revived(like, shape, both, hess, hessp):
    """An objective of recordings alone."""
    made = Objective.__new__(Objective)
    made._f, made._like, made._trace, made.history = both, like, True, History()
    made._prepare()
    made._both, made._second, made._shape = both, (hess, hessp), shape
    made._plain = shape == () and (nest.is_nested(like) or like.ndim > 0)
    return made


def _name(f):
    return getattr(f, "__name__", type(f).__name__)
