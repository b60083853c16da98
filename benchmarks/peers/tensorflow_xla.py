"""TensorFlow, the value and the gradient compiled by XLA."""

import tensorflow as tf

from . import taped
from .tensorflow import VERSION, numbers  # noqa: F401


def prepare(case, args, dtype):
    return tf.function(taped.prepare(tf, case, args, dtype), autograph=False, jit_compile=True)
