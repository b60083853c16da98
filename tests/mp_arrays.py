"""A small interpreter of array programs in mpmath: each operation on tensors, and the same on arrays of mpmath's numbers.

A program is a list of steps (name, operands, how): positions of earlier values, the inputs first, and an attribute.  `evaluate` runs it on
numbers of any precision; with `noise` every result is off by a relative error of its own, the same at every call: what that does to the
result is what rounding may do to it."""

import random

import mpmath as mp
import numpy as np

import autodiff as ad


def each(f):
    """Elementwise, with broadcasting."""
    return lambda *xs: np.frompyfunc(f, len(xs), 1)(*xs)


def along(f):
    """f of the list of elements along the last axis, or of all; a list of as many, or one number."""
    def of(x, axis):
        if axis is None:
            return np.array(f(list(np.ravel(x))), object)
        return np.apply_along_axis(lambda row: np.array(f(list(row)), object), -1, x)
    return of


def log_sum_exp(v):
    return max(v) + mp.log(mp.fsum([mp.exp(t - max(v)) for t in v]))


def variance(v):
    mean = mp.fsum(v) / len(v)
    return mp.fsum([(t - mean) ** 2 for t in v]) / len(v)


def softplus(x):
    return max(x, 0) + mp.log1p(mp.exp(-abs(x)))


# name: on tensors, on numbers of mpmath
# fmt: off
ONE = {
    "exp": (ad.exp, mp.exp), "tanh": (ad.tanh, mp.tanh), "sigmoid": (ad.sigmoid, lambda x: 1 / (1 + mp.exp(-x))), "square": (ad.square, lambda x: x * x),
    "sin": (ad.sin, mp.sin), "softplus": (ad.math.softplus, softplus), "neg": (lambda x: -x, lambda x: -x), "abs": (ad.abs, abs), "twice": (lambda x: x * 2.0, lambda x: x * 2),
    "bell": (lambda x: 1.0 / (1.0 + x * x), lambda x: 1 / (1 + x * x)), "erf": (ad.math.erf, mp.erf), "atan": (ad.math.atan, mp.atan), "asinh": (ad.math.asinh, mp.asinh),
    "silu": (ad.nn.silu, lambda x: x / (1 + mp.exp(-x))), "gelu": (lambda x: ad.nn.gelu(x, approximate=False), lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2), "mish": (ad.nn.mish, lambda x: x * mp.tanh(softplus(x))),
    "expm1": (ad.math.expm1, mp.expm1), "cosh": (ad.math.cosh, mp.cosh), "cube": (lambda x: x**3, lambda x: x**3), "log of square": (lambda x: ad.math.log(1 + x * x), lambda x: mp.log(1 + x * x)), "log_sigmoid": (ad.math.log_sigmoid, lambda x: -softplus(-x)),
    "branches": (lambda x: ad.where(x > 0.5, x * x, x), lambda x: x * x if x > 0.5 else x), "root": (lambda x: ad.sqrt(1.0 + ad.abs(x)), lambda x: mp.sqrt(1 + abs(x))), "scaled Bessel": (ad.math.bessel_i1e, lambda x: mp.besseli(1, x) * mp.exp(-abs(x))),
}
TWO = {
    "add": (ad.add, lambda a, b: a + b), "sub": (ad.subtract, lambda a, b: a - b), "mul": (ad.multiply, lambda a, b: a * b), "div": (lambda a, b: a / (2.0 + ad.abs(b)), lambda a, b: a / (2 + abs(b))),
    "maximum": (ad.maximum, max), "hypot": (ad.math.hypot, lambda a, b: mp.sqrt(a * a + b * b)), "logaddexp": (ad.math.logaddexp, lambda a, b: log_sum_exp([a, b])), "atan2": (lambda a, b: ad.math.atan2(a, 1.0 + b * b), lambda a, b: mp.atan2(a, 1 + b * b)),
    "pow": (lambda a, b: ad.pow(1.0 + ad.abs(a), b), lambda a, b: mp.power(1 + abs(a), b)), "lesser": (lambda a, b: ad.where(a < b, a * 0.5, b), lambda a, b: a * 0.5 if a < b else b),
}
OF_AXES = {
    "reduce_sum": (ad.reduce_sum, mp.fsum), "reduce_mean": (ad.reduce_mean, lambda v: mp.fsum(v) / len(v)), "reduce_max": (ad.reduce_max, max), "reduce_prod": (ad.reduce_prod, mp.fprod), "reduce_logsumexp": (ad.reduce_logsumexp, log_sum_exp),
    "reduce_std": (ad.math.reduce_std, lambda v: mp.sqrt(variance(v))), "reduce_variance": (ad.math.reduce_variance, variance), "norm": (lambda x, axis: ad.norm(x, axis=axis), lambda v: mp.sqrt(mp.fsum([t * t for t in v]))),
}
OF_ROWS = {
    "softmax": (ad.nn.softmax, lambda v: [mp.exp(t - log_sum_exp(v)) for t in v]), "log_softmax": (ad.nn.log_softmax, lambda v: [t - log_sum_exp(v) for t in v]),
    "cumsum": (lambda x: ad.cumsum(x, axis=-1), lambda v: [mp.fsum(v[: k + 1]) for k in range(len(v))]), "cumprod": (lambda x: ad.math.cumprod(x, axis=-1), lambda v: [mp.fprod(v[: k + 1]) for k in range(len(v))]),
}
SHAPING = {
    "pair": (lambda x: ad.stack([x, x * 3.0]), lambda x: np.stack([x, x * 3])), "gather": (lambda x: ad.gather(x, [0, -1 + x.shape[0], 0]), lambda x: x[[0, -1, 0]]), "every other": (lambda x: x[::2], lambda x: x[::2]),
    "transpose": (ad.transpose, np.transpose), "gram": (lambda x: ad.matmul(x, x, transpose_b=True), lambda x: x.dot(x.T)),
}
# fmt: on
TABLE = {
    **{name: (f, each(g)) for table in (ONE, TWO) for name, (f, g) in table.items()}, **{name: (f, along(g)) for name, (f, g) in OF_AXES.items()},
    **{name: (f, lambda x, g=g: along(g)(x, -1)) for name, (f, g) in OF_ROWS.items()}, **SHAPING,
}  # fmt: skip


def on_tensors(program, xs):
    values = list(xs)
    for name, operands, how in program:
        values.append(TABLE[name][0](*[values[k] for k in operands], **how))
    return values[-1]


def evaluate(program, xs, noise=None):
    values, r = list(xs), random.Random(noise)
    for name, operands, how in program:
        y = np.asarray(TABLE[name][1](*[values[k] for k in operands], *how.values()), object)
        values.append(y if noise is None else y * np.array([1 + r.uniform(-1, 1) * mp.mpf(2) ** -50 for _ in range(y.size)], object).reshape(y.shape))
    return mp.fsum(np.ravel(values[-1]))


def at_random(seed, shapes):
    """A program on inputs of these shapes."""
    r, shapes, program = random.Random(seed), list(shapes), []
    for _ in range(r.randint(2, 7)):
        k = r.choice(range(len(shapes))[-3:])
        shape = shapes[k]
        name, operands, how = choice(r, k, shape, shapes)
        program.append((name, operands, how))
        shapes.append(shape_of(name, [shapes[j] for j in operands], how))
    return program


def choice(r, k, shape, shapes):
    kind = r.random()
    if kind < 0.4:
        return r.choice(list(ONE)), [k], {}
    if kind < 0.65:
        fits = [j for j, s in enumerate(shapes) if s == () or s == shape or shape == ()]
        return r.choice(list(TWO)), r.sample([k, r.choice(fits)], 2), {}
    if shape == ():
        return "pair", [k], {}
    if kind < 0.8:
        return r.choice(list(OF_AXES)), [k], {"axis": r.choice([None, -1])}
    if kind < 0.9:
        return r.choice(list(OF_ROWS)), [k], {}
    return r.choice(["gather", "every other"] if len(shape) == 1 else ["transpose", "gram", "every other"]), [k], {}


def shape_of(name, shapes, how):
    return tuple(TABLE[name][0](*[ad.ones(s) for s in shapes], **how).shape)
