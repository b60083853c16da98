"""autodiff: TensorFlow's GradientTape on a small, exact and fast core.

    import autodiff as ad

    x = ad.Variable(3.0)
    with ad.GradientTape() as tape:
        y = ad.math.log(1 + ad.exp(x))
    tape.gradient(y, x)
"""

from . import arrays, autodiff, config, debugging, distributed, errors, linalg, math, jacobians, nest, nn, precise, random  # noqa: F401
from ._core import GradientTape, Tensor, get_floatx as floatx, is_tensor, reduce_mean, reduce_sum, set_floatx
from . import testing as test
from .audit import audit
from .constants import *  # noqa: F403
from .control_flow import *  # noqa: F403
from .conversion import constant, convert_to_tensor, device, executing_eagerly, get_static_value, name_scope, print
from .custom_gradient import custom_gradient, grad_pass_through, recompute_grad, stop_gradient
from .function import function, load_function
from .dtypes import DType, as_dtype, bool, double, float32, float64, int32, int64
from .indexing import *  # noqa: F403
from .ipopt import IpoptProblem
from .linalg import clip_by_global_norm, clip_by_norm, einsum, eye, matmul, norm, tensordot
from .math import *  # noqa: F403
from .module import Module
from .optimize import Objective, objective
from .shapes import TensorShape, TensorSpec
from .shaping import *  # noqa: F403
from .sparse import SparseHessian, SparseJacobian, sparse_hessian, sparse_jacobian
from .tape import UnconnectedGradients
from .transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from .variable import Variable
from .vectorized import vectorized_map
from .visualize import visualize

# No __getattr__ here: CPython then looks up `ad.exp` as quickly as a global variable, and not in four times that.
newaxis = None
__version__ = "0.1.0"
