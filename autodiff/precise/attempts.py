"""More and more digits, until every number that was asked for rounds surely."""

import functools
import importlib
import threading
import warnings

import numpy as np

from .. import errors
from .._core import kept_memory, raw_array, tensor_from_numpy
from .lanes import Lanes, scattered
from .limits import PROBE_BITS, beyond
from .numbers import state

WORTH_LANES = 64        # elements, below which all are replayed again
_lock = threading.RLock()                       # python-flint has one precision for all threads


def _kind(module, name):
    return getattr(importlib.import_module(f".{module}", __package__), name)


class Job:
    """Numbers to be replayed until they are sure.

    attempts   (module, class, stage) in the order in which they are tried
    compute    called as compute(number class, what prepares it, probe=, lanes=): the Numbers, or None for each that is none
    like       tensors, whose dtypes the results get
    average    are they gradients, which may be the mean of two sides where these differ?
    otherwise  called for tensors that take the place of numbers of which nothing is known in the end
    shape      called for the shape of the lanes that the program has, or None
    """

    def __init__(self, attempts, compute, like, average, otherwise, shape):
        self.attempts, self.compute, self.like, self.average = attempts, compute, like, average
        self.otherwise, self.shape = otherwise, shape
        self.arrays = self.unknown = self.lanes = None
        self.bits = 0                               # of the last attempt that came to an end

    def run(self):
        """The results: a tensor for each number, or None."""
        with _lock, kept_memory():
            state.indeterminate = False
            for k, attempt in enumerate(self.attempts):
                if attempt[2] < 1.5 * self.bits:
                    continue                        # a few bits more than were not enough
                state.guessed = False
                if self.attempt(*attempt, last=k == len(self.attempts) - 1):
                    break
            else:
                self.give_up()
            if state.indeterminate or any(a is not None and self.singular(a) for a in self.arrays):
                self.arrays = beyond(self.arrays, self.probed, self.average)
        return [None if a is None else tensor_from_numpy(np.asarray(a)) for a in self.arrays]

    def singular(self, array):
        return not np.isfinite(array).all() if self.average else np.isnan(array).any()

    def attempt(self, module, name, stage, last):
        """Replay what is not sure yet; is all sure now?"""
        kind = _kind(module, name)
        prepare = functools.partial(kind.prepare, stage, last)
        undo = prepare()
        try:
            numbers = self.compute(kind, prepare, lanes=self.lanes)
            pairs = [(None, None) if x is None else x.rounded(t.dtype.as_numpy_dtype) for x, t in zip(numbers, self.like)]
            unknown = [x.unknown() if last and x is not None else None for x in numbers]
        except NotImplementedError:
            if last:
                raise
            return False
        finally:
            undo()
        arrays, sure = zip(*pairs) if pairs else ((), ())
        self.bits = stage
        before = self.arrays or [None] * len(arrays)
        self.arrays = [a if a is None else scattered(b, self.lanes, a) for a, b in zip(arrays, before)]
        self.unknown = unknown
        if state.guessed:
            return False
        open_ = [s for s in sure if s is not None and not np.all(s)]
        if open_ and not last:
            self.narrow(sure)
        return not open_

    def narrow(self, sure):
        """From here on, only the elements that are not sure, where they do not depend on the others."""
        sure = [s for s in sure if s is not None]
        if self.lanes is None:
            shape = sure[0].shape
            if any(s.shape != shape for s in sure) or shape == () or sure[0].size < WORTH_LANES or self.shape() != shape:
                return
            self.lanes = Lanes(shape, np.arange(sure[0].size))
        all_sure = np.logical_and.reduce([s.reshape(-1) for s in sure])
        self.lanes = Lanes(self.lanes.shape, self.lanes.index[~all_sure])

    def give_up(self):
        warnings.warn(f"GradientTape(precise=True): {self.attempts[-1][2]} bits are not enough to be sure of every digit; "
                      f"the numbers are given as they stand", errors.PrecisionWarning, stacklevel=4)  # fmt: skip
        for k, known in enumerate(self.otherwise()):
            if self.arrays[k] is not None and known is not None and np.any(self.unknown[k]):
                known = raw_array(known)
                part = known if self.lanes is None else self.lanes.part(known)
                had = self.arrays[k] if self.lanes is None else self.lanes.part(self.arrays[k])
                self.arrays[k] = scattered(self.arrays[k], self.lanes, np.where(self.unknown[k], part, had))

    def probed(self, probe):
        """The numbers beside a singular point, as doubles."""
        kind = _kind(*self.attempts[-1][:2])
        prepare = functools.partial(kind.prepare, PROBE_BITS, False)
        undo = prepare()
        state.probing = True
        try:
            return [None if x is None else x.probed() for x in self.compute(kind, prepare, probe=probe)]
        finally:
            state.probing = False
            undo()
