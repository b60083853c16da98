"""JAX, compiled.  Long loops are written as its users write them: unrolled, it would compile them for minutes."""

import jax
import jax.numpy as jnp

from . import jax as eager
from .jax import VERSION, numbers  # noqa: F401


def lstm(names, w, b, xs, start):
    def step(state, x):
        h, c = state
        z = w @ jnp.concatenate([x, h]) + b
        gates = 0.5 * jnp.tanh(0.5 * z) + 0.5
        c = gates[14:28] * c + gates[:14] * jnp.tanh(z[28:42])
        return (gates[42:] * jnp.tanh(c), c), None

    (h, _), _ = jax.lax.scan(step, (start, start), xs)
    return jnp.sum(h * h)


def prepare(case, args, dtype):
    return eager.prepare(case, args, dtype, compiled=jax.jit, forms={"lstm": lstm})
