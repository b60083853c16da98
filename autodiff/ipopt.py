"""IpoptProblem: an objective and constraints as Ipopt wants them, with sparse derivatives of first and second order."""

import warnings
from typing import Any

import numpy as np

from . import nest, ops, shaping
from ._core import convert
from .errors import ShapeError, shorten
from .function import function
from .optimize import objective
from .sparse import sparse_hessian, sparse_jacobian

__all__ = ["IpoptProblem"]


class IpoptProblem:
    """Minimise f(x) where cl <= constraints(x) <= cu and lb <= x <= ub: what cyipopt takes as a problem, and how it is solved.

    f            takes the parameters, returns a scalar (ad.objective)
    like         what the parameters look like: an array, a tuple of arrays, or a nested dict or list of arrays; where Ipopt starts
    constraints  takes the parameters, returns an array, of any shape
    lb, ub       bounds of the parameters: numbers, arrays, or in the structure of `like`; None, or an infinity: none
    cl, cu       bounds of the constraints: numbers or arrays of their shape; None, or an infinity: none; equal ones make an equation

    objective, gradient, constraints, jacobianstructure, jacobian, hessianstructure, hessian and intermediate are cyipopt's callbacks; x is one float64
    vector, the constraints' Jacobian and the lower triangle of the Lagrangian's Hessian are sparse (ad.sparse_jacobian,
    ad.sparse_hessian), and replayed in C.  `jac` and `hess` are the objects that compute them: `hess.include(x, weights)` adds the entries
    of another way through f and the constraints, where these branch on values.

    Raises ValueError where bounds do not fit or are nan; errors of objective and sparse_jacobian; solve, ImportError without cyipopt.

    >>> import autodiff as ad
    >>> import numpy as np
    >>> problem = ad.IpoptProblem(lambda x: ad.reduce_sum(x ** 2), np.array([2.0, 1.0]), lambda x: x[0] * x[1], cl=1.0, cu=1.0)
    >>> problem.hessianstructure()
    (array([0, 1, 1], dtype=int32), array([0, 0, 1], dtype=int32))
    >>> problem.hessian(np.array([2.0, 1.0]), np.array([10.0]), 1.0)
    array([ 2., 10.,  2.])
    """

    def __init__(self, f, like, constraints=None, lb=None, ub=None, cl=None, cu=None) -> None:
        if constraints is not None and not callable(constraints):
            raise TypeError(f"IpoptProblem: expected constraints to be a function, got {shorten(constraints)}")
        with warnings.catch_warnings():  # what f does not use the constraints may
            warnings.filterwarnings("ignore", "objective: the derivative of .* is exactly 0")
            self._objective = objective(f, like)
        self.x0, several = self._objective.x0, isinstance(like, tuple)

        shape = np.shape(self._objective.value(self.x0))
        if shape:
            raise TypeError(f"IpoptProblem: expected {getattr(f, '__name__', type(f).__name__)} to return a scalar, got shape {shape}; "
                            "ad.reduce_sum makes one, and constraints may be a vector")  # fmt: skip

        def called(g, x):
            parameters = self._objective.restore(x)
            return convert(g(*parameters) if several else g(parameters))

        def bounded(x):
            return shaping.reshape(called(constraints, x), (-1,))

        def all_together(x):
            y = ops.reshape(called(f, x), shape=(1,))
            return y if constraints is None else shaping.concat([y, bounded(x)], 0)

        bounded.__name__ = getattr(constraints, "__name__", "constraints")
        all_together.__name__ = f"the Lagrangian of {getattr(f, '__name__', type(f).__name__)}"
        self._error = None
        self._constraints = None if constraints is None else function(bounded)
        self.jac = None if constraints is None else sparse_jacobian(bounded, like=self.x0)
        self.hess = sparse_hessian(all_together, like=self.x0)
        self.m = 0 if constraints is None else self.jac.shape[0]
        self.lb, self.ub = (_numbers(name, self._bounds(name, _infinite(b, sign), sign)) for name, b, sign in (("lb", lb, -1), ("ub", ub, 1)))
        if constraints is not None and cl is None and cu is None:
            raise ValueError("IpoptProblem: the constraints have no bounds: expected cl, cu or both; cl=0, cu=0 says that they are 0")
        self.cl, self.cu = (_numbers(name, self._filled(name, _infinite(b, sign), self.m, sign)) for name, b, sign in (("cl", cl, -1), ("cu", cu, 1)))

    def _vector(self, parameters):
        given = nest.is_nested(parameters) or np.shape(parameters) != self.x0.shape
        return self._objective.flatten(parameters) if given else np.array(parameters, np.float64)

    def _bounds(self, name, b, sign):
        if b is None or not nest.is_nested(b) and np.ndim(b) == 0:
            return self._filled(name, b, len(self.x0), sign)
        try:
            return self._vector(b)
        except ValueError as error:
            raise ShapeError(f"IpoptProblem: expected {name} to be a number or like the parameters: {error}") from None

    @staticmethod
    def _filled(name, b, n, sign):
        b = np.full(n, sign * 2e19) if b is None else np.asarray(b, np.float64)  # what Ipopt takes for infinite is from 1e19 on
        if b.ndim and b.size != n:
            raise ShapeError(f"IpoptProblem: expected {name} to be a number or {n} of them, got shape {b.shape}")
        return np.broadcast_to(b.ravel() if b.ndim else b, n).copy()

    # ---------------------------------------------------------------------------------------------------- cyipopt's callbacks
    def objective(self, x) -> float:
        """f: a float."""
        return self._objective.fun(x)

    def gradient(self, x) -> np.ndarray:
        """The gradient of f, of shape (n,)."""
        return self._objective.grad(x)

    def constraints(self, x) -> np.ndarray:
        """The constraints, of shape (m,)."""
        return np.zeros(0) if self.jac is None else self._constraints(np.asarray(x, np.float64)).numpy()

    def jacobianstructure(self) -> tuple[np.ndarray, np.ndarray]:
        """(rows, cols) of the constraints' Jacobian."""
        return (np.zeros(0, np.int32),) * 2 if self.jac is None else (self.jac.rows, self.jac.cols)

    def jacobian(self, x) -> np.ndarray:
        """The values of the constraints' Jacobian there."""
        return np.zeros(0) if self.jac is None else self._noted(self.jac.values, x)

    def hessianstructure(self) -> tuple[np.ndarray, np.ndarray]:
        """(rows, cols) of the lower triangle of the Lagrangian's Hessian."""
        return self.hess.lower_rows, self.hess.lower_cols

    def hessian(self, x, lagrange, obj_factor) -> np.ndarray:
        """The values there of the second derivatives of obj_factor * f + the sum of lagrange * constraints."""
        return self._noted(self.hess.lower_values, x, np.concatenate([[obj_factor], np.asarray(lagrange, np.float64).ravel()]))

    def _noted(self, values, *args):
        """An error in second derivatives would be lost in cyipopt, and Ipopt go on with numbers from nowhere."""
        try:
            return values(*args)
        except Exception as error:
            self._error = error
            raise

    def intermediate(self, *iteration) -> Any:
        """Has Ipopt stop after an error."""
        return self._error is None

    def solve(self, x0=None, **options) -> Any:
        """Have Ipopt solve it from x0 (`like` where None).  Returns (parameters in the structure of `like`, Ipopt's report as a dict).

        options  Ipopt's own, by name: tol, max_iter, linear_solver, ...; it prints nothing unless print_level says so
        """
        try:
            import cyipopt
        except ImportError:
            raise ImportError("IpoptProblem: solve needs cyipopt: pip install cyipopt-wheels, or cyipopt where Ipopt itself is installed") from None
        start = self.x0 if x0 is None else self._vector(x0)
        problem = cyipopt.Problem(len(self.x0), self.m, problem_obj=self, lb=self.lb, ub=self.ub, cl=self.cl, cu=self.cu)
        for name, value in {"print_level": 0, "sb": "yes", **options}.items():
            problem.add_option(name, value)
        self._error = None
        x, report = problem.solve(start.copy())
        if self._error is not None:
            raise self._error
        return self._objective.restore(x), report

    def __repr__(self):
        return f"<ad.IpoptProblem of {len(self.x0)} numbers, {self.m} constraints: Jacobian {self.jac}, Hessian {self.hess}>"


def _infinite(b, sign):
    """Bounds with an infinity for each None among them."""
    return nest.map_structure(lambda bound: sign * np.inf if bound is None else bound, b) if nest.is_nested(b) else b


def _numbers(name, b):
    """Bounds that are numbers: Ipopt, which compares, takes a nan for no bound at all."""
    if np.any(wrong := np.isnan(b)):
        raise ValueError(f"IpoptProblem: {name} is nan at {np.flatnonzero(wrong)[0]}; an infinity, or None, says that there is no bound")
    return b
