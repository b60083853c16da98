"""Parameters of any structure as one vector, for whoever wants numbers in a row."""

import math

import numpy as np

from .. import nest, ops
from .._core import Tensor, lost
from ..errors import ShapeError, masked, shorten
from ..variable import Variable

__all__ = ["Parameters"]


class Parameters:
    """How a number, an array, or a nested structure of them lies in a float64 vector: its leaves one after another, each in row-major
    order; of a dict by sorted keys, as everywhere in `nest`.

    x0      the parameters it was made of, as a vector
    names   of each number: "a", "b[0,1]", "group.a" in a dict, "x0", "x1" in an array
    """

    def __init__(self, like):
        leaves = [plain(x.numpy() if isinstance(x, (Tensor, Variable)) else x) for x in nest.flatten(like)]  # (of which only shapes count)
        for x in leaves:
            if x.dtype.kind not in "fiu":
                raise TypeError(f"objective: expected parameters of floats, got {shorten(x)} of dtype {x.dtype}")
        if not leaves:
            raise TypeError(f"objective: expected parameters of floats, got {shorten(like)}, which has none")
        leaves = [np.array(x, np.float64) for x in leaves]
        self.nested = nest.is_nested(like)
        self.like = nest.pack_sequence_as(like, leaves) if self.nested else leaves[0]
        self.shapes = [x.shape for x in leaves]
        self.number = self.shapes == [()] and not self.nested
        self.x0 = self.flatten(self.like)
        self.names = _names(self.like) if self.nested else _leaf("x", self.like, "")

    def flatten(self, parameters):
        """Parameters in this structure as one float64 vector; ValueError where structure or shapes are others."""
        if self.nested and parameters is not self.like:
            nest.assert_same_structure(self.like, parameters, check_types=False)
        leaves = [plain(x).astype(np.float64) for x in (nest.flatten(parameters) if self.nested else [parameters])]
        for x, shape in zip(leaves, self.shapes):
            if x.shape != shape:
                raise ShapeError(f"flatten: expected parameters of shapes {self.shapes}, got {[x.shape for x in leaves]}")
        return np.concatenate([x.ravel() for x in leaves]) if len(leaves) != 1 else leaves[0].ravel()

    def restore(self, x):
        """A vector in this structure: arrays of an array, tensors of a tensor."""
        n, x = len(self.x0), x if isinstance(x, Tensor) else np.asarray(x)
        if tuple(x.shape) != (n,):
            raise ShapeError(f"restore: expected a vector of {n} numbers, got shape {tuple(x.shape)}")
        if self.shapes == [(n,)]:
            parts = [x]
        else:
            parts, start = [], 0
            for shape in self.shapes:
                part = x[start : start + math.prod(shape)]
                parts.append(part.reshape(shape) if isinstance(x, np.ndarray) else ops.reshape(part, shape=shape))
                start += math.prod(shape)
        return nest.pack_sequence_as(self.like, parts) if self.nested else parts[0]


def plain(x):
    """An array of a tensor, a variable or whatever NumPy makes one of; it says so where a tape follows that, whose gradient ends here.
    Raises InvalidArgumentError where numbers are masked."""
    if type(x) is np.ndarray:
        return x
    if isinstance(x, np.ndarray) and np.any(getattr(x, "mask", False)):
        raise masked("objective", x)
    if isinstance(x, (Tensor, Variable)):
        lost(x, "objective")
        x = x.numpy()
    return np.asarray(x)


def _names(x, path=""):
    if isinstance(x, dict):
        parts = [(f"{path}.{key}" if path else str(key), x[key]) for key in sorted(x)]
    elif nest.is_nested(x):
        parts = [(f"{path}[{k}]" if path else f"x{k}", part) for k, part in enumerate(x)]
    else:
        return _leaf(path, x, path)
    return [name for key, part in parts for name in _names(part, key)]


def _leaf(letter, x, path):
    """Names of the numbers of an array: with the path of a structure before the index, else a letter."""
    if x.ndim == 0:
        return [path or letter]
    indices = [",".join(map(str, index)) for index in np.ndindex(x.shape)]
    return [f"{path}[{index}]" if path else f"{letter}{index.replace(',', '_')}" for index in indices]
