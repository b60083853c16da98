"""This engine, the value and the gradient inside one ad.function."""

import autodiff as ad

from . import taped
from .autodiff import VERSION, numbers  # noqa: F401


def prepare(case, args, dtype):
    return ad.function(taped.prepare(ad, case, args, dtype))
