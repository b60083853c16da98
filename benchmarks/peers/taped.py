"""What autodiff and TensorFlow share: their interface."""

import numpy as np


def operands(ad, case, args, dtype):
    """What is differentiated, as variables, and the data."""
    xs = [ad.Variable(a, dtype=dtype) for a in args[: case.wrt]]
    return xs, [ad.constant(a) if isinstance(a, np.ndarray) else a for a in args[case.wrt :]]


def prepare(ad, case, args, dtype):
    xs, data = operands(ad, case, args, dtype)

    def run():
        with ad.GradientTape() as tape:
            y = case.f(ad, *xs, *data)
        return y, tape.gradient(y, xs)

    return run
