"""NumExpr: the value and the derivative by hand, as expressions that it evaluates block by block."""

import numexpr
import numpy as np

VERSION = f"NumExpr {numexpr.__version__}"


def softplus_sum(v):
    s = numexpr.evaluate("where(v > 0, v, 0) + log1p(exp(-abs(v)))")
    return numexpr.evaluate("sum(s * v)"), [numexpr.evaluate("s + v / (1 + exp(-v))")]


def rosenbrock(x):
    a, b = x[:-1], x[1:]
    g = np.zeros_like(x)
    numexpr.evaluate("-400 * a * (b - a ** 2) - 2 * (1 - a)", out=g[:-1])
    g[1:] += numexpr.evaluate("200 * (b - a ** 2)")
    return numexpr.evaluate("sum(100 * (b - a ** 2) ** 2 + (1 - a) ** 2)"), [g]


def prepare(case, args, dtype):
    f = globals().get(case.name)
    if f is None:
        raise AttributeError(f"{case.name} as expressions")
    return lambda: f(*args)


def numbers(result):
    value, gradients = result
    return float(value), gradients
