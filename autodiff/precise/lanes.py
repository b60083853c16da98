"""Programs whose elements do not know of each other: only the elements that are still unsure are replayed with more digits.

A program has lanes where every number in it has one shape or is a scalar, every row is elementwise, and sums over all
elements, scaled by constants at most, are all that puts elements together.
"""

import numpy as np

from .. import ops
from .._core import instruction
from .._op import ELEMENTWISE


class Lanes:
    """Some elements, by their indices in the flat arrays, of a program that has lanes of that shape."""

    def __init__(self, shape, index):
        self.shape, self.index = shape, index

    def part(self, array):
        return array.reshape(-1)[self.index] if array.shape == self.shape else array


def shape_of_lanes(tape, slots, shape, sums):
    """`shape` where the program that leads to the slots has lanes of it, else None.  `sums`: may a slot be a sum of all?"""
    summed, waiting, seen = set(), list(slots), {}
    while waiting:
        at = waiting.pop()
        if at not in seen:
            seen[at] = made = instruction(tape, at)
            if made.row in ("call", "result") or at in getattr(tape, "inner", ()) or tuple(made.value.shape) not in (shape, ()):
                return None
            waiting.extend(made.operands)
    for at in sorted(seen):
        made = seen[at]
        sums_here = [k for k in made.operands if k in summed]
        if made.row is ops.reduce_sum and len(made.attrs["axes"]) == len(shape) and not sums_here:
            summed.add(at)
        elif sums_here:
            if not _scales(made, sums_here, seen):
                return None
            summed.add(at)
        elif not isinstance(made.row, str) and made.row.kind != ELEMENTWISE:
            return None
        elif tuple(made.value.shape) == () and made.row != "leaf" and made.seen:
            return None                             # what arrives at a scalar comes from all elements
    return shape if sums or not summed.intersection(slots) else None


def _scales(made, sums, seen):
    """Is this a sum times or over a constant?"""
    if made.row == "alias" or made.row is ops.neg:
        return True
    if made.row is not ops.mul and made.row is not ops.div or len(sums) != 1:
        return False
    other = seen[made.operands[1 if made.operands[0] in sums else 0]]
    return other.row == "leaf" and not other.seen and (made.row is ops.mul or made.operands[0] in sums)


def scattered(array, lanes, part):
    """The array with the elements of the lanes replaced."""
    if lanes is None:
        return part
    array = np.array(array)
    array.reshape(-1)[lanes.index] = part
    return array
