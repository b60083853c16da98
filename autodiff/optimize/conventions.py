"""What each optimiser, sampler and solver calls, in its own form: methods of an Objective that only rearrange what it computes.

Every form was tried on the package itself (tests/test_optimisers.py).  Nothing of the packages is imported before it is used.
"""

from typing import Any

import numpy as np

from .._core import convert
from ..errors import ShapeError
from ..function import function
from .parameters import plain
from ..vectorized import vectorized_map

__all__ = ["Conventions"]


class Conventions:
    """The forms of an Objective that are somebody's convention."""

    # ---------------------------------------------------------------------------------------------------- NLopt
    def nlopt(self, x, grad) -> float:
        """f(x); its gradient goes into `grad`, unless that is empty: then it is not computed.

        >>> import numpy as np
        >>> import autodiff as ad
        >>> obj, room = ad.objective(lambda x: ad.reduce_sum(x * x), like=np.ones(2)), np.zeros(2)
        >>> obj.nlopt(np.array([1.0, 2.0]), room), room
        (5.0, array([2., 4.]))
        """
        if not grad.size:
            return self.value(x)
        point = self._at(x)
        point.gradient_into(grad)
        return point.value

    def nlopt_constraint(self, result, x, grad) -> None:
        """The vector f(x) into `result`, its Jacobian into `grad`, unless that is empty: NLopt's form of several constraints."""
        if not grad.size:
            result[:] = self.value(x)
        else:
            point = self._at(x)
            result[:] = point.value
            point.gradient_into(grad)

    # ---------------------------------------------------------------------------------------------------- SciPy
    def value_grad_hess(self, x, *args) -> tuple[Any, Any, Any]:
        """(value, gradient, second derivatives): `root_scalar(obj.value_grad_hess, fprime=True, fprime2=True, method="halley")`."""
        return (*self(x, *args), self.hess(x, *args))

    def curve(self, data, *parameters) -> Any:
        """f(parameters, data) for `curve_fit(obj.curve, data, y, p0, jac=obj.curve_jac)`."""
        return self.fun(np.array(parameters, np.float64), data)

    def curve_jac(self, data, *parameters) -> Any:
        """The Jacobian of `curve` by the parameters, (m, n)."""
        return self.jac(np.array(parameters, np.float64), data)

    def ode(self, t, y, *args) -> Any:
        """The right-hand side for `solve_ivp(obj.ode, span, y0, jac=obj.ode_jac)`: f(y), or f(y, t) where f was given further arguments
        (`args=(0.0,)`)."""
        return self.fun(y, *self._when(t), *args)

    def ode_jac(self, t, y, *args) -> Any:
        """Its Jacobian by y, (n, n)."""
        return self.jac(y, *self._when(t), *args)

    def _when(self, t):
        return (float(t),) if self._args else ()

    def jac_operator(self, x, *args) -> Any:
        """The Jacobian at x as a SciPy LinearOperator that never makes it: products with it and its transpose are sweeps.

        `least_squares(obj.fun, x0, jac=obj.jac_operator)`.  Raises ImportError without SciPy.
        """
        x = self._vector(x).copy()
        return _operator((np.size(self.value(x, *args)), len(x)), lambda p: self.jvp(x, p, *args), lambda v: self.vjp(x, v, *args))

    def hess_operator(self, x, *args) -> Any:
        """The second derivatives at x (of a vector f, after its weights v) as a SciPy LinearOperator of products `hessp`."""
        x = self._vector(x).copy()
        v, args = (args[:1], args[1:]) if self._shape else ((), args)
        product = lambda p: self.hessp(x, p, *v, *args)  # noqa: E731
        return _operator((len(x), len(x)), product, product)

    @property
    def sparse_jac(self) -> Any:
        """The derivative as a SparseJacobian, which is made at first use: `least_squares(obj.value, x0, jac=obj.sparse_jac)`.

        >>> import numpy as np
        >>> import autodiff as ad
        >>> obj = ad.objective(lambda x: x[1:] * x[:-1], like=np.ones(3))
        >>> obj.sparse_jac(np.array([1.0, 2.0, 3.0])).toarray()
        array([[2., 1., 0.],
               [0., 3., 2.]])
        """
        from ..sparse import SparseJacobian

        if self._sparse[0] is None:
            self._sparse[0] = SparseJacobian(self._of_vector(), self.x0, self._args)
        return self._sparse[0]

    @property
    def sparse_hess(self) -> Any:
        """The second derivatives as a SparseHessian, which is made at first use; of a vector f called with weights, as `hess`:
        `minimize(obj, x0, jac=True, hess=obj.sparse_hess, method="trust-constr")`."""
        from ..sparse import SparseHessian

        if self._sparse[1] is None:
            self._sparse[1] = SparseHessian(self._of_vector(), self.x0, self._args)
        return self._sparse[1]

    def _of_vector(self):
        """f as a function of the vector, under its own name."""
        if isinstance(self._f, str):
            raise TypeError(f"objective: {self._f} was unpickled as what had been recorded of it, which has no sparse derivatives")

        def f(x, *args):
            return self._call(x, args)

        f.__name__ = self.__name__
        return f

    # ---------------------------------------------------------------------------------------------------- samplers, Minuit
    def rows(self, points, *args) -> Any:
        """The values at many points at once, (m,) of (m, n), in one replay: `emcee.EnsembleSampler(m, n, obj.rows, vectorize=True)`.

        >>> import numpy as np
        >>> import autodiff as ad
        >>> ad.objective(lambda x: ad.reduce_sum(x * x), like=np.ones(2)).rows(np.array([[1.0, 2.0], [3.0, 4.0]]))
        array([ 5., 25.])
        """
        points = np.asarray(plain(points), np.float64)
        if points.ndim != 2 or points.shape[1:] != self.x0.shape:
            raise ShapeError(f"rows: expected points of shape (m, {len(self.x0)}), got {points.shape}")
        if not len(points):
            return np.zeros((0, *self._shape))
        if not self._trace or isinstance(self._f, str):  # of a function that is known by its recordings alone
            return np.array([self.value(x, *args) for x in points])
        if self._rows is None:
            self._rows = function(lambda points, *args: vectorized_map(lambda x: self._call(x, args), points))
        return np.asarray(self._rows(convert(points), *self._arguments(args)).numpy(), np.float64)

    @property
    def positional(self) -> Any:
        """The objective as a function of numbers one by one, with their names and `grad`: `iminuit.Minuit(obj.positional, a=1.0, k=0.5)`.

        >>> import autodiff as ad
        >>> f = ad.objective(lambda p: p["a"] ** 2 + p["k"], like={"a": 1.0, "k": 1.0}).positional
        >>> f(3.0, 4.0), f.grad(3.0, 4.0)
        (13.0, array([6., 1.]))
        """
        return Positional(self)


class Positional:
    """An objective of numbers one by one."""

    def __init__(self, objective):
        self._objective = objective
        self._parameters = dict.fromkeys(objective.names)  # where Minuit looks for their names, and limits, of which there are none

    def __call__(self, *parameters):
        return self._objective.fun(np.array(parameters, np.float64))

    def grad(self, *parameters):
        """The gradient, (n,)."""
        return self._objective.grad(np.array(parameters, np.float64))


def _operator(shape, times, transposed):
    try:
        from scipy.sparse.linalg import LinearOperator
    except ImportError:
        raise ImportError("objective: a linear operator needs SciPy: pip install 'autodiff-tape[optimize]'") from None
    return LinearOperator(shape, matvec=lambda p: times(np.ravel(p)), rmatvec=lambda v: transposed(np.ravel(v)), dtype=np.float64)
