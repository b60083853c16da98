"""ad.linalg: products, norms, diagonals and decompositions of the last two dimensions."""

from . import decompositions, diagonals, products, tridiagonal
from .constants import eye as eye
from .contraction import einsum as einsum, tensordot as tensordot
from .decompositions import *  # noqa: F403
from .diagonals import *  # noqa: F403
from .math import l2_normalize as l2_normalize
from .norms import global_norm as global_norm, norm as norm, normalize as normalize
from .products import *  # noqa: F403
from .tridiagonal import *  # noqa: F403

__all__ = ["einsum", "eye", "global_norm", "l2_normalize", "norm", "normalize", "tensordot"]
__all__ += decompositions.__all__ + diagonals.__all__ + products.__all__ + tridiagonal.__all__
