"""GradientTape: TensorFlow's recording context."""

import enum
from contextlib import contextmanager

from . import errors
from ._core import Tensor, TapeCore, VariableCore


class UnconnectedGradients(enum.Enum):
    """What `gradient` gives where the target does not depend on a source."""

    NONE = "none"
    ZERO = "zero"


class GradientTape(TapeCore):
    """Record operations for automatic differentiation, as tensorflow.GradientTape.

    persistent                 may `gradient` be called more than once?  The record is kept until the tape is deleted
    watch_accessed_variables   follow every trainable variable that is read inside; otherwise only what is watched

    Tapes nest to any order: operations of a `gradient` call are recorded by the tapes that are still recording.  A tape may be
    entered again after it was left, and goes on recording.

    >>> import autodiff as ad
    >>> x, y = ad.Variable(5.0), ad.Variable(10.0)
    >>> with ad.GradientTape() as tape:
    ...     z = 3 * x**2 + 5 * x * y
    >>> tape.gradient(z, [x, y])
    [<ad.Tensor: shape=(), dtype=float32, numpy=80.0>, <ad.Tensor: shape=(), dtype=float32, numpy=25.0>]
    """

    __slots__ = ()

    @contextmanager
    def stop_recording(self):
        """Context: what runs inside is not recorded by this tape."""
        self._pause()
        try:
            yield
        finally:
            self._resume()

    def why(self, target, source):
        """Say in a sentence why the gradient of target by source is None, or that it is not.

        target, source   a tensor or a variable each

        >>> import autodiff as ad
        >>> x = ad.constant(1.0)
        >>> with ad.GradientTape() as tape:
        ...     y = x * x
        >>> tape.why(y, x)
        'The source was not watched: it is a plain tensor. Call tape.watch(source) before computing, or make it a Variable.'
        """
        for name, value in (("target", target), ("source", source)):
            if not isinstance(value, (Tensor, VariableCore)):
                return f"The {name} is no tensor but {errors.shorten(value)}: nothing can follow it."
            if not value.dtype.is_floating:
                return f"The {name} has dtype {value.dtype.name}: only floating tensors have gradients."
        return _sentence(self._story(target, source), source)


def _sentence(facts, source):
    """The first reason that applies, from the outside in."""
    variable = isinstance(source, VariableCore)
    if not facts["program"]:
        return "The tape holds no record: it was never entered, or it is not persistent and its gradient has been taken."
    if not facts["source_seen"]:
        if variable and not source.trainable:
            return "The source was not watched: it is a variable with trainable=False. Call tape.watch(source)."
        if variable:
            return "The source was never read while the tape recorded, or the tape has watch_accessed_variables=False."
        if facts["source_known"]:
            return ("The source was not watched: it is a plain tensor. Call tape.watch(source) before computing, or make it a "
                    "Variable.")  # fmt: skip
        return ("The tape never met the source: it was not watched and took no part in what was recorded. A tensor made from "
                "another (a cast, a copy, v.value() outside the tape) is a source of its own.")  # fmt: skip
    if not facts["target_known"]:
        return _lost("The target was not computed while the tape recorded", facts)
    if not facts["target_seen"]:
        return _lost("The target does not depend on anything that the tape watches", facts)
    if not facts["connected"]:
        return _lost("The target does not depend on the source", facts)
    return "The gradient is connected: the target was computed from the source by recorded operations."


def _lost(sentence, facts):
    if facts["lost"]:
        names = errors.join_words(dict.fromkeys(facts["lost"]), "and")
        return f"{sentence}; the result of {names} left the tape through numpy() or a conversion to Python numbers."
    return f"{sentence}: it was computed before or after the block, from constants, by NumPy, or through integers."
