"""Gradients held against differences, to any order, along random directions."""

import numpy as np

import autodiff as ad


def check_gradients(f, *xs, order=2, rtol=1e-6, step=1e-3):
    """Assert that the gradient of every tensor that f(*xs) returns agrees with differences of the fourth order in float64,
    and that the gradient of the gradient, up to `order`, does so too."""
    rng = np.random.default_rng(7)
    xs = [np.asarray(x, np.float64) for x in xs]
    weights = [rng.standard_normal(np.shape(y)) for y in _values(f(*map(ad.constant, xs)))]

    def scalar(*ts):
        return sum(ad.reduce_sum(y * w) for y, w in zip(_values(f(*ts)), weights))

    for level in range(1, order + 1):
        direction = [rng.standard_normal(x.shape) for x in xs]
        slope = _along(scalar, direction)
        got = float(slope(*map(ad.constant, xs)))
        points = [float(scalar(*[ad.constant(x + k * step * d) for x, d in zip(xs, direction)])) for k in (-2, -1, 1, 2)]
        expected = (points[0] - 8 * points[1] + 8 * points[2] - points[3]) / (12 * step)
        scale = max(abs(expected), *[abs(p) for p in points], 1.0)
        assert abs(got - expected) <= rtol * scale, f"derivative {level}: got {got}, differences give {expected}"
        scalar = slope


def gradient(f, *xs):
    """The gradients of sum(f(*xs)) as arrays, None where there is none."""
    ts = [ad.constant(x) for x in xs]
    with ad.GradientTape() as tape:
        tape.watch(ts)
        y = f(*ts)
    return [None if g is None else g.numpy() for g in tape.gradient(y, ts)]


def _along(f, direction):
    """The derivative of a scalar function along a direction, as a function that can be differentiated again."""

    def slope(*ts):
        with ad.GradientTape() as tape:
            tape.watch(ts)
            y = f(*ts)
        gradients = tape.gradient(y, list(ts), unconnected_gradients="zero")
        return sum(ad.reduce_sum(g * d) for g, d in zip(gradients, direction))

    return slope


def _values(y):
    return list(y) if isinstance(y, (list, tuple)) else [y]
