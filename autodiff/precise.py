"""The precise replay: run what a tape recorded again with more digits, and round once.

`GradientTape(precise=True)` records as any tape does.  Its `gradient` and `value` do not use the recorded numbers but run the
instructions again on a number class that knows how many of its digits are right, with ever more bits, until every number
asked for rounds surely to its dtype.  The rows' own rules do the backward pass, on the same class.  What was decided while
recording (masks, integers, branches of the program) stays as decided; a constant is exactly the number it was given as.

THE CONTRACT OF A NUMBER CLASS, a subclass of Numbers (autodiff/precise_numbers.py):

    parts                       arrays of one shape, what the class needs for each number; rows that move numbers
                                (view, reshape, gather, concat, where, ...) act on every part alike
    exact(array, dtype)         class method: the numbers of a floating NumPy array, exactly; inf, nan, -0.0 included
    elementwise(row, operands)  the value of an elementwise row on Numbers, which are to be broadcast: add, sub, mul, div, exp,
                                ...  None: the class has no function for it, and the row's formula serves if it has one.
                                NotImplementedError: the next class is to replay it all
    compare(other)              int8 array of -1, 0, 1, and 2 where one is nan; `recorded` decides what the digits leave open
    special()                   float64 array: inf, -inf or nan where the number is that for sure, else 0.0 or -0.0
    nearest()                   float64 array of nearest numbers
    rounded(dtype)              (array of the NumPy dtype, mask of where that is surely the nearest number)
    prepare(stage, last)        static method: called before each attempt; returns a function that undoes it

Sums, products, scans, softmax and matrix products come from these by precise_rows.py; a class may be faster by overriding
`run`.  Two laws hold at singular points.  A: `scale(g, s)` is exactly 0 where g is exactly 0, whatever s is; so exp(-inf),
or a where that was not taken, contributes nothing.  B: `select` is 0 where either is.  Where operands are exact and the row
has a pole or is undefined (1 / 0, log(0), inf - inf, 0 / 0) the result is IEEE's; where they are not exact it is unknown, and
more digits are needed.  ATTEMPTS lists classes and stages in the order in which they are tried.
"""

import functools
import importlib
import threading
import warnings

import numpy as np

from . import errors
from ._core import (convert, instruction, place_of, plain_sweep, raw_array, set_replay_hooks, slot, source_slots,
                    tensor_from_numpy)  # fmt: skip
from .precise_limits import PROBE_BITS, beyond
from .precise_numbers import FLOATING, state
from .precise_replay import Replay

# (module, class, stage): log(1 + exp(-1000)) in float64 needs 1500 bits, the product of a few such numbers some times that.
ATTEMPTS = [("twofold", "Twofolds", 106)] + [("balls", "Balls", bits) for bits in (128, 256, 512, 1024, 2048, 4352)]
_lock = threading.RLock()                       # python-flint has one precision for all threads


class Again:
    """A gradient that was taken by a precise tape, for the precise tapes around it to take again: what `record_call` keeps.

    Called with cotangents, as by a tape that is not precise, it passes them on to the plain sweep that was recorded with it.
    """

    def __init__(self, tape, targets, seeds, sources):
        self.place = place_of(tape)
        self.targets = [slot(tape, t) for t in targets]
        self.seeds = None if seeds is None else [(s, None if s is None else slot(tape, s)) for s in seeds]
        self.sources = source_slots(tape, sources)
        self.kept = None                        # which sources' gradients are the results of the call
        self.followed = None

    def __call__(self, *dys):
        return list(dys)

    def slots(self):
        """What must have been replayed before."""
        seeds = [] if self.seeds is None else [at for _, at in self.seeds]
        return [at for at in (*self.targets, *self.sources, *seeds) if at is not None]


def _gradient(tape, targets, seeds, sources):
    """The gradient by each source, or None, and what tapes around are to keep of it."""
    again = Again(tape, targets, seeds, sources)
    followed = _followed(tape, again)
    again.followed = followed
    again.targets = [at if at in followed else None for at in again.targets]

    def compute(kind, prepare, probe=None):
        return Replay(tape, kind, prepare, probe).sweep(again, record=False)

    return _rounded(compute, sources, True, lambda: plain_sweep(tape, targets, seeds, sources)), again


def _value(tape, targets):
    slots = [slot(tape, t) for t in targets]

    def compute(kind, prepare, probe=None):
        replay = Replay(tape, kind, prepare, probe)
        replay.run([at for at in slots if at is not None])
        return [None if at is None else replay.nodes[at].value for at in slots]

    floats = [t.dtype.code < FLOATING for t in targets]
    slots = [at if is_float else None for at, is_float in zip(slots, floats)]
    values = _rounded(compute, targets, False, lambda: [convert(t) for t in targets])
    return [convert(t) if v is None else v for t, v in zip(targets, values)]


def _followed(tape, again):
    """The slots on the way from a source to a target that the tape itself follows."""
    top = [at for at in again.targets if at is not None]
    reached, waiting = set(), top
    low = min([at for at in again.sources if at is not None], default=0)
    while waiting:
        at = waiting.pop()
        if at in reached or at < low:
            continue
        made = instruction(tape, at)
        if made.row == "call" and not hasattr(made.attrs["function"], "place"):
            again.place = None                  # its function is opaque: tapes around replay the plain sweep instead
        if made.seen:
            reached.add(at)
            waiting.extend(made.operands)
    return reached


def _rounded(compute, like, average, otherwise):
    """Compute with ever more bits until all is sure: tensors of the dtypes of `like`, None where there is nothing.
    `otherwise()` has what takes the place of numbers of which nothing is known in the end."""
    with _lock:
        for attempt in range(len(ATTEMPTS)):
            state.indeterminate = state.guessed = False
            triples = _attempt(compute, like, *ATTEMPTS[attempt], attempt == len(ATTEMPTS) - 1)
            if triples is not None and not state.guessed and all(np.all(sure) for _, sure, _ in triples):
                break
        else:
            warnings.warn(f"GradientTape(precise=True): {ATTEMPTS[-1][2]} bits are not enough to be sure of every digit; the numbers "
                          f"are given as they stand", errors.PrecisionWarning, stacklevel=4)  # fmt: skip
            for (array, _, unknown), known in zip(triples, otherwise()):
                if array is not None and known is not None and np.any(unknown):
                    np.copyto(array, raw_array(known), where=unknown)
        arrays = [array for array, _, _ in triples]
        singular = (lambda a: not np.isfinite(a).all()) if average else (lambda a: np.isnan(a).any())
        if state.indeterminate or any(a is not None and singular(a) for a in arrays):
            arrays = beyond(arrays, lambda probe: _probed(compute, probe), average)
    return [None if array is None else tensor_from_numpy(np.asarray(array)) for array in arrays]


def _attempt(compute, like, module, name, stage, last):
    """(array, mask of what is sure, mask of what is unknown) for each of the numbers; None: the class cannot."""
    kind = getattr(importlib.import_module(f".{module}", __package__), name)
    prepare = functools.partial(kind.prepare, stage, last)
    undo = prepare()
    try:
        numbers = compute(kind, prepare)
        return [(None, True, None) if x is None else (*x.rounded(t.dtype.as_numpy_dtype), x.unknown() if last else None)
                for x, t in zip(numbers, like)]  # fmt: skip
    except NotImplementedError:
        if last:
            raise
        return None
    finally:
        undo()


def _probed(compute, probe):
    """The numbers beside a singular point, as doubles."""
    module, name, _ = ATTEMPTS[-1]
    kind = getattr(importlib.import_module(f".{module}", __package__), name)
    prepare = functools.partial(kind.prepare, PROBE_BITS, False)
    undo = prepare()
    state.probing = True
    try:
        return [None if x is None else x.probed() for x in compute(kind, prepare, probe)]
    finally:
        state.probing = False
        undo()


set_replay_hooks(_gradient, _value)
