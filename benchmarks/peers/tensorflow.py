"""TensorFlow, eager."""

import tensorflow as tf

from . import taped

VERSION = f"TensorFlow {tf.__version__}"


def prepare(case, args, dtype):
    return taped.prepare(tf, case, args, dtype)


def numbers(result):
    y, gradients = result
    return float(y), [tf.convert_to_tensor(g).numpy() for g in gradients]  # that of a gather is tf.IndexedSlices
