"""autodiff: TensorFlow's GradientTape on a small, exact and fast core.

    import autodiff as ad

    x = ad.Variable(3.0)
    with ad.GradientTape() as tape:
        y = ad.math.log(1 + ad.exp(x))
    tape.gradient(y, x)
"""

# To type checkers what comes by a star, or as itself, is public (py.typed).
from . import arrays, autodiff, bitwise, config, debugging, distributed, dtypes, errors, keras, linalg, math, jacobians, nest, nn, optimizers, random  # noqa: F401
from ._core import GradientTape as GradientTape, Tensor as Tensor, get_floatx as floatx, is_tensor as is_tensor
from ._core import reduce_mean as reduce_mean, reduce_sum as reduce_sum, set_floatx as set_floatx
from . import testing as test
from .audit import *  # noqa: F403
from .constants import *  # noqa: F403
from .control_flow import *  # noqa: F403
from .conversion import *  # noqa: F403
from .custom_gradient import *  # noqa: F403
from .function import *  # noqa: F403
from .debugging import Assert as Assert, assert_equal as assert_equal, assert_greater as assert_greater, assert_less as assert_less, assert_rank as assert_rank
from .dtypes import *  # noqa: F403
from .indexing import *  # noqa: F403
from .initializers import *  # noqa: F403
from .ipopt import *  # noqa: F403
from .linalg import einsum as einsum, eye as eye, matmul as matmul, tensordot as tensordot
from .math import *  # noqa: F403
from .module import *  # noqa: F403
from .norms import clip_by_global_norm as clip_by_global_norm, clip_by_norm as clip_by_norm, norm as norm
from .optimize import *  # noqa: F403
from .python_calls import *  # noqa: F403
from .repeating import *  # noqa: F403
from .shapes import *  # noqa: F403
from .shaping import *  # noqa: F403
from .slices import *  # noqa: F403
from .sparse import *  # noqa: F403
from .tape import *  # noqa: F403
from .tensor_array import *  # noqa: F403
from .transforms import *  # noqa: F403
from .variable import *  # noqa: F403
from .vectorized import *  # noqa: F403
from .visualize import *  # noqa: F403

# No __getattr__ here: CPython then looks up `ad.exp` as quickly as a global variable, and not in four times that.
newaxis = None
matrix_square_root = linalg.sqrtm
vars(dtypes).update(cast=math.cast, saturate_cast=math.saturate_cast)       # tf.dtypes.cast; the module itself is below all that computes
__version__ = "0.1.0"
