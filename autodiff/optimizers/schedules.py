"""Learning rates that change with the number of steps taken: tf.optimizers.schedules, with its arguments.

Each is a function of that number, an integer, which gives a float64 tensor.  Any function that does so is a schedule.
"""

import math as numbers
from collections.abc import Callable
from functools import partial
from typing import Any

from .. import ops
from .._core import convert
from ..errors import shorten
from ..indexing import where
from ..math import cast

__all__ = ["CosineDecay", "ExponentialDecay", "InverseTimeDecay", "PiecewiseConstantDecay", "PolynomialDecay"]


def _positive(name, decay_steps):
    """Of 0 steps a rate is nan, and after it all that is trained."""
    if not decay_steps > 0:
        raise ValueError(f"{name}: decay_steps must be positive, got {shorten(decay_steps)}")
    return decay_steps


def _part(step, steps):
    return cast(convert(step), "float64") / float(steps)


def ExponentialDecay(initial_learning_rate, decay_steps, decay_rate, staircase=False, name=None) -> Callable[[Any], Any]:
    """initial_learning_rate * decay_rate ** (step / decay_steps); staircase: of the quotient the whole part.

    >>> float(ExponentialDecay(1.0, 10, 0.5)(20))
    0.25
    """
    return partial(_exponential, initial_learning_rate, _positive("ExponentialDecay", decay_steps), decay_rate, staircase)


def _exponential(initial_learning_rate, decay_steps, decay_rate, staircase, step):
    part = _part(step, decay_steps)
    return initial_learning_rate * decay_rate ** (ops.floor(part) if staircase else part)


def InverseTimeDecay(initial_learning_rate, decay_steps, decay_rate, staircase=False, name=None) -> Callable[[Any], Any]:
    """initial_learning_rate / (1 + decay_rate * step / decay_steps); staircase: of the quotient the whole part.

    >>> float(InverseTimeDecay(1.0, 10, 3.0)(10))
    0.25
    """
    return partial(_inverse, initial_learning_rate, _positive("InverseTimeDecay", decay_steps), decay_rate, staircase)


def _inverse(initial_learning_rate, decay_steps, decay_rate, staircase, step):
    part = _part(step, decay_steps)
    return initial_learning_rate / (1 + decay_rate * (ops.floor(part) if staircase else part))


def PolynomialDecay(initial_learning_rate, decay_steps, end_learning_rate=0.0001, power=1.0, cycle=False, name=None) -> Callable[[Any], Any]:
    """From initial_learning_rate to end_learning_rate in decay_steps, as (1 - step / decay_steps) ** power; then it stays there, or with
    `cycle` begins anew over twice, three times, ... as many steps.

    >>> float(PolynomialDecay(1.0, 10, 0.0)(5))
    0.5
    """
    return partial(_polynomial, initial_learning_rate, _positive("PolynomialDecay", decay_steps), end_learning_rate, power, cycle)


def _polynomial(initial_learning_rate, decay_steps, end_learning_rate, power, cycle, step):
    part = _part(step, decay_steps)
    part = part / ops.maximum(ops.ceil(part), 1.0) if cycle else ops.minimum(part, 1.0)
    return (initial_learning_rate - end_learning_rate) * (1 - part) ** power + end_learning_rate


def CosineDecay(initial_learning_rate, decay_steps, alpha=0.0, name=None, warmup_target=None, warmup_steps=0) -> Callable[[Any], Any]:
    """Half a wave from initial_learning_rate down to alpha times that, in decay_steps (Loshchilov & Hutter, "SGDR", ICLR 2017).  With
    warmup_target first a straight line up to it, in warmup_steps, and the wave goes down from there.

    >>> round(float(CosineDecay(1.0, 10)(5)), 12)
    0.5
    """
    return partial(_cosine, initial_learning_rate, _positive("CosineDecay", decay_steps), alpha, warmup_target, warmup_steps)


def _cosine(initial_learning_rate, decay_steps, alpha, warmup_target, warmup_steps, step):
    top = initial_learning_rate if warmup_target is None else warmup_target
    step = _part(step, 1)
    part = ops.minimum(ops.maximum(step - (0 if warmup_target is None else warmup_steps), 0.0) / float(decay_steps), 1.0)
    wave = top * ((1 - alpha) * 0.5 * (1 + ops.cos(numbers.pi * part)) + alpha)
    if warmup_target is None or not warmup_steps:
        return wave
    line = initial_learning_rate + (warmup_target - initial_learning_rate) * step / float(warmup_steps)
    return where(step < float(warmup_steps), line, wave)


def PiecewiseConstantDecay(boundaries, values, name=None) -> Callable[[Any], Any]:
    """values[0] up to and including step boundaries[0], then values[1], ...: there is one more of them.

    >>> [float(PiecewiseConstantDecay([10, 20], [1.0, 0.5, 0.1])(step)) for step in (10, 11, 21)]
    [1.0, 0.5, 0.1]
    """
    boundaries, values = list(boundaries), list(values)
    if len(values) != len(boundaries) + 1:
        raise ValueError(f"PiecewiseConstantDecay: expected one value more than boundaries, got {len(values)} values for {len(boundaries)}")
    return partial(_piecewise, boundaries, values)


def _piecewise(boundaries, values, step):
    step, rate = _part(step, 1), convert(values[0], "float64")
    for boundary, value in zip(boundaries, values[1:]):
        rate = where(step > float(boundary), convert(value, "float64"), rate)
    return rate
