"""ad.autodiff: the namespace that TensorFlow keeps its tapes in."""

from ._core import GradientTape

__all__ = ["GradientTape"]
