"""This engine, the value alone inside one ad.function: what value and gradient are compared with."""

import autodiff as ad

from .autodiff import VERSION  # noqa: F401
from .taped import operands


def prepare(case, args, dtype):
    xs, data = operands(ad, case, args, dtype)
    return ad.function(lambda: case.f(ad, *xs, *data))


def numbers(result):
    return float(result), None
