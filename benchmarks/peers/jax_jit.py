"""JAX, compiled."""

import jax

from . import jax as eager
from .jax import VERSION, numbers  # noqa: F401


def prepare(case, args, dtype):
    return eager.prepare(case, args, dtype, compiled=jax.jit)
