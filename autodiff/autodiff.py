"""ad.autodiff: the namespace that TensorFlow keeps its tapes in."""

from ._core import GradientTape
from .forward import ForwardAccumulator

__all__ = ["ForwardAccumulator", "GradientTape"]
