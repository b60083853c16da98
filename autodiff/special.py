"""ad.math.special: Bessel functions and integrals under the names of tf.math.special."""

from . import ops, scipy_functions
from ._core import operator
from .scipy_functions import *  # noqa: F403

__all__ = ["bessel_i0", "bessel_i0e", "bessel_i1", "bessel_i1e"] + scipy_functions.__all__

bessel_i0 = operator(ops.bessel_i0, "bessel_i0", "x")
bessel_i0e = operator(ops.bessel_i0e, "bessel_i0e", "x")
bessel_i1 = operator(ops.bessel_i1, "bessel_i1", "x")
bessel_i1e = operator(ops.bessel_i1e, "bessel_i1e", "x")
