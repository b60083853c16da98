"""This engine, as a user writes it."""

import autodiff as ad

from . import taped

VERSION = f"autodiff {ad.__version__}"


def prepare(case, args, dtype):
    return taped.prepare(ad, case, args, dtype)


def numbers(result):
    y, gradients = result
    return float(y), [g.numpy() for g in gradients]
