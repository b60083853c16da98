"""objective: one object that every optimiser takes, made of a function of parameters.

Optimisers differ in what they call (fun and jac apart or together, value first or gradient first), in what they want back (a
float, an array they may keep, a buffer to be filled), and in what they do with anything else: SLSQP refuses a float32 gradient,
BFGS a gradient of two dimensions, NLopt says "invalid argument" to a value that is no float.  All of them are given float64,
fresh, of the shape they expect, computed once for each point.
"""

import pickle
from typing import Any

import numpy as np

from .. import nest
from .._core import Point, convert
from ..audit import audit
from .conventions import Conventions
from ..errors import shorten
from .evaluations import Evaluation, Evaluations, name_of
from .history import History, progress_of
from .parameters import Parameters
from ..places import warn

__all__ = ["Objective", "objective"]


def objective(f, like, trace=True, args=(), sparse=False) -> "Objective":
    """An object that evaluates f, its gradient and its second derivatives at float64 vectors, in the forms that optimisers want.

    f      takes the parameters and returns a scalar (or a vector or a list of scalars, for root finding, least squares and constraints),
           in functions of this package or of NumPy; more arguments may follow, given as `args=` to the optimiser
    like   what the parameters look like: an array or number, whose shape is all that counts; a tuple of arrays, which f takes as
           several arguments; or a nested dict or list of arrays, which f takes as it is.  f is evaluated there once
    args   further arguments for the evaluation at `like`, where f takes some: a tuple, or the only one
    trace  record f once and replay it in C (ad.function); False: run it as written at each point
    sparse  give the Jacobian of a vector f, and second derivatives, as SciPy sparse arrays (ad.sparse_jacobian, ad.sparse_hessian)

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
    return (SparseObjective if sparse else Objective)(f, like, trace, args)


# Methods of scipy.optimize.minimize that use no gradient, and those that demand second derivatives, in the form that they want.
GRADIENT_FREE = {"nelder-mead", "powell", "cobyla", "cobyqa"}
SECOND = {"dogleg": "hess", "trust-exact": "hess", "trust-ncg": "hessp", "trust-krylov": "hessp"}

# So many numbers an objective may have for its second derivatives, of which there are the square, to be recorded for a pickle unasked.
MOST_UNASKED = 1000


class Objective(Conventions, Evaluations):
    """What ad.objective makes of a function f of n numbers.

    called as obj(x)    Evaluation: (value, gradient); `minimize(obj, x0, jac=True)`, `root(obj, x0, jac=True)`
    fun                 the value: a Python float, or an array of shape (m,) where f returns a vector
    grad, jac           its derivative, float64: of shape (n,), or (m, n) where f returns a vector
    value_and_grad      both, as a tuple
    value               the value alone, without the derivative that `fun` computes on the way: for optimisers that use none
    hess                all second derivatives, (n, n); of a vector f the sum of those of v[i] * f[i], with v given as hess(x, v)
    hessp               hess(x) @ p without hess
    jvp, vjp            jac(x) @ p and v @ jac(x) without jac
    flatten, restore    from parameters like `like` to the vector and back;  x0: `like` as a vector;  names: of the numbers in it
    minimize            scipy.optimize.minimize with these, its history kept in `history`
    sparse_jac, sparse_hess   the same as sparse matrices
    summary             a table of what an evaluation runs; ad.visualize(obj) draws it
    The forms that others want: nlopt, nlopt_constraint, curve, curve_jac, ode, ode_jac, value_grad_hess, jac_operator, hess_operator,
    rows, positional (Conventions).

    x is an array of n numbers of any dtype; of an objective of one number also that number, and then derivatives are numbers.  Arrays
    that are returned are never written to again.  Further arguments go to f, floats among them as float64 tensors.

    f is evaluated once at a point, whichever of value, derivative and products is asked first (an eager objective keeps the tape of the
    last point; a traced one replays a recording with second derivatives in it where they are asked, and of arrays of more than 16 KiB among
    further arguments only `fun` and `grad` are remembered, which takes comparing them); `evaluations` counts.  Threads may use one
    objective at once; each has a point of its own to remember.  It pickles by the name of f, or, where f has none that can be
    imported, as recordings of all of it; of more than 1000 numbers without `hess`, unless that was asked for before.
    """

    def __init__(self, f, like, trace=True, args=()) -> None:
        if not callable(f):
            raise TypeError(f"objective: expected a function, got {shorten(f)}")
        args = args if isinstance(args, tuple) else (args,)
        self._prepare(f, Parameters(like), trace, args)
        self.history = History()
        self._settle(np.shape(self._first_of(like, args)))
        point = self._at(self.x0, args)
        self._check(point.value, point.gradient(), args)

    # ---------------------------------------------------------------------------------------------------- parameters
    @property
    def names(self) -> list[str]:
        """A name for each number of the vector: "a", "b[0,1]" of a dict; "x0", "x1" of a vector."""
        return list(self._form.names)

    def flatten(self, parameters) -> np.ndarray:
        """Parameters in the structure of `like` as one float64 vector.

        Raises ValueError where structure or shapes are others.
        """
        return self._form.flatten(parameters)

    def restore(self, x) -> Any:
        """The vector x in the structure of `like`: arrays, or tensors of a tensor."""
        return self._form.restore(x)

    # ---------------------------------------------------------------------------------------------------- failures
    def _first_of(self, like, args):
        """The value at `like`.  A list of numbers, which is a vector to SciPy, is a list to f."""
        try:
            return self._at(self.x0, args).value
        except (TypeError, AttributeError) as error:
            if not args and f"{name_of(self._f)}() missing" in str(error):
                raise TypeError(f"objective: {error}: give what the optimiser will give it, objective(f, like=..., args=(...))") from None
            if not isinstance(like, list) or any(self._form.shapes):
                raise
            raise TypeError(f"objective: {name_of(self._f)} raises {type(error).__name__} ({error}) for a list of {len(self.x0)} numbers, "
                            "as `like` is: np.array(like) makes a vector of it") from error  # fmt: skip

    def _check(self, value, gradient, args):
        if not np.all(np.isfinite(value)):
            self._warn(f"{name_of(self._f)} is {value} at `like`, where most optimisers give up{self._hint(args)}")
        elif not np.all(np.isfinite(gradient)):
            self._warn(f"the gradient of {name_of(self._f)} is not finite at `like`{self._hint(args)}")
        elif not self._shape and np.any(ignored := _unused(gradient)):  # constraints need not use all
            # A derivative of 0 at `like` and at another point nearby is no stationary point.
            away = self.x0 + 1e-3 * (1 + np.abs(self.x0)) * np.linspace(0.5, 1.5, len(self.x0))
            ignored &= _unused(self._at(away, args).gradient())
            if np.any(ignored):
                names = ", ".join([self.names[k] for k in np.flatnonzero(ignored)[:8]]) + (", ..." if np.sum(ignored) > 8 else "")
                self._warn(f"the derivative of {name_of(self._f)} by {names} is exactly 0: does it use {'them' if ',' in names else 'it'}?")

    def _warn(self, what):
        warn(f"objective: {what}", UserWarning)

    def _hint(self, args):
        try:
            report = audit(lambda x: self._call(x, args), self.x0)
            lost = report.losses[0] if report.losses else None
        except Exception:  # the hint is not worth an error of its own
            lost = None
        return "; ad.audit(f, x0) finds the operation" if lost is None else f"; ad.audit says: {lost}"

    # ---------------------------------------------------------------------------------------------------- fits
    def minimize(self, x0=None, progress=False, **options) -> Any:
        """scipy.optimize.minimize from x0 (parameters, a vector, or None for `like`), the history kept.

        progress  show evaluations, value, gradient norm and rate by tqdm
        options   what minimize takes: method, bounds, constraints, tol, callback, options, args; hess=True or hessp=True stand for
                  this object's own, which methods that demand second derivatives get unasked

        Returns SciPy's result, with the parameters in the structure of `like` as `params`.  Raises ImportError without SciPy,
        TypeError where f returns a vector.
        """
        try:
            from scipy.optimize import minimize
        except ImportError:
            raise ImportError("objective: minimize needs SciPy: pip install 'autodiff-tape[optimize]'") from None
        if self._shape:
            raise TypeError(f"objective: {name_of(self._f)} returns {self._shape[0]} numbers, and minimize wants one: ad.reduce_sum(y ** 2) "
                            "makes a sum of squares; for least squares give obj.fun and obj.jac to least_squares")  # fmt: skip
        start = self.x0 if x0 is None else self._vector(x0) if np.shape(x0) == self.x0.shape and not nest.is_nested(x0) else self.flatten(x0)
        if options.pop("jac", True) is not True:
            raise TypeError("objective: minimize gives its own gradient as jac; for another call scipy.optimize.minimize(obj.value, x0, jac=...)")
        method = str(options.get("method")).lower()
        if method in SECOND and options.get("hess") is None and options.get("hessp") is None:
            options[SECOND[method]] = True
        for name in ("hess", "hessp"):
            if options.get(name) is True:
                options[name] = getattr(self, name)
        needs_gradient = method not in GRADIENT_FREE
        self.history = history = History()
        with progress_of(progress) as bar:

            def noted(x, *args):
                if not needs_gradient:
                    y = self.value(x, *args)
                    history.note(y, None, bar)
                    return y
                y, g = self(x, *args)
                history.note(y, g, bar)
                return y, g

            result = minimize(noted, start, jac=needs_gradient or None, **options)
        result.params = self.restore(result.x)
        return result

    # ---------------------------------------------------------------------------------------------------- pickling
    def __reduce__(self):
        if not isinstance(self._f, str):  # which is one that was revived of recordings
            if not self._trace or _is_picklable(self._f):
                return _revived, (self._form.like, self._shape, self._f, None, self._trace, self._args)
            self._record_all()
        return _revived, (self._form.like, self._shape, self.__name__, self._recordings, True, self._args)

    def __deepcopy__(self, memo):
        known = self._recordings if isinstance(self._f, str) else None
        return _revived(self._form.like, self._shape, self._f, known, self._trace, self._args)

    def _record_all(self):
        """Have everything recorded, as f itself does not travel."""
        x, args = self.x0, self._args
        v = (np.ones(self._shape),) if self._shape else ()
        self._first(x, *self._arguments(args))
        self._run("alone")(x, *self._arguments(args))
        if len(x) <= MOST_UNASKED:
            self.hess(x, *v, *args)
        self.hessp(x, x, *v, *args)
        self.jvp(x, x, *args)
        self.vjp(x, np.ones(self._shape), *args)

    @property
    def __name__(self):
        return name_of(self._f)

    def __repr__(self):
        return f"<ad.objective {name_of(self._f)} of {len(self.x0)} numbers>"


class SparseObjective(Objective):
    """An Objective with `jac` and `hess` as csr_arrays: jac is obj.sparse_jac(x), of a vector f; hess is obj.sparse_hess(x)."""

    def _computed(self, x, rest, args):
        if self._shape == ():
            return super()._computed(x, rest, args)
        if self._trace:
            y, kept = self._alone(x, args), None
        else:
            tape, y = self._followed(x, args)
            y, kept = self._value(y), (tape, x, y)
        return Point(x, rest, y, self.sparse_jac(x, *args), kept) if np.ndim(y) else super()._computed(x, rest, args)

    def _given(self, x, g):
        return super()._given(x, g) if isinstance(g, np.ndarray) else g

    def hess(self, x, *args):
        """All second derivatives, a csr_array of shape (n, n): hess(x), or hess(x, v) of a vector f; further arguments of f follow."""
        return self.sparse_hess(x, *args)

    def _check(self, value, derivative, args):
        super()._check(value, derivative.data if self._shape else derivative, args)

    def __reduce__(self):
        return objective, (self._f, self._form.like, self._trace, self._args, True)

    def __deepcopy__(self, memo):
        return objective(self._f, self._form.like, self._trace, self._args, True)


def _is_picklable(f):
    try:
        pickle.dumps(f)
    except Exception:
        return False
    return True


def _unused(derivative):
    """Which columns are exactly 0?"""
    return ~np.any(np.atleast_2d(derivative) != 0, 0)


def _revived(like, shape, f, recordings, trace=True, args=()):
    """An objective as it was, without a look at f: of the function f, or of recordings of one of that name."""
    made = Objective.__new__(Objective)
    made._prepare(f, Parameters(like), trace, args)
    made.history = History()
    if recordings is not None:
        made._recordings.update(recordings)
        made._first = recordings["first"]
    made._settle(shape)
    return made
