"""A recorded function as tapes around it see it: one instruction, whose gradient is a replay too.

A call under a tape replays the function, and puts one call on the tape, with the arguments and the variables that were read as its
operands.  Its gradient is a plan laid over the same recording.  Where a tape follows that gradient in its turn, it is such a
function itself: of the cotangents and the arguments, recorded from the function with a tape around; and so on, to any order.
"""

import contextlib
import functools
import sys

import numpy as np

from . import nest, ops
from ._core import CREATES, GradientTape, Pulled, Tensor, Trace, added, as_constants, copied, hold_apart, put_back, traced_here, value_of_now
from .errors import ReplayError
from .variable import Variable

__all__ = ["Followed", "as_then"]

MOST_WAYS = 64  # that one recording after another has taken at `if`, `while` and their like
MARKS = []  # of sequences that a run draws from: functions that note where one stands, and return how to go back there


class Followed(Pulled):
    """A function of tensors, for calls that tapes follow.

    run      takes the tensors, and what the function as it was written gave for this call (None: it is that function); returns a
             structure
    first    is it the function as it was written, not a gradient of it?
    reason   why there can be no recording, or None
    creates  did the latest attempt at one create a variable?
    """

    def __init__(self, run, name, stabilize, first=True):
        self.run, self.name, self.stabilize, self.first = run, name, stabilize, first
        self.traces, self.backs, self.reason, self.creates = [], {}, None, False

    def _record(self, xs, held, expected):
        """(a new recording, its results, what its variables held before), or None: see `reason`."""
        if self.reason is not None:
            return None
        trace, marks = Trace(self.stabilize, followed=True), [mark() for mark in MARKS]
        with holding(held), trace, unending(self.name):
            result = self.run([trace.input(x) for x in xs], expected)
            leaves = nest.flatten(result)
            check_leaves(trace, leaves)
            trace.finish(result, leaves)
            before = trace.variables_before()
        self.creates = trace.reason == CREATES
        if trace.reason is not None:
            if held is None:
                put_back(before)
            if not self.creates:  # (a variable keeps what was drawn for it)
                for go_back in marks:  # it runs once more, as written
                    go_back()
            self.reason = None if self.creates else trace.reason
            return None
        if held is not None and not {id(v) for v in trace.variables} <= {id(v) for v, _ in held}:
            raise otherwise(self.name)
        ways = added(self.traces, trace)
        if self.backs:
            kept = {id(t) for t in self.traces}
            self.backs = {key: further for key, further in list(self.backs.items()) if key[0] in kept}  # (other threads add some)
        if ways > MOST_WAYS:
            self.traces.clear()
            self.reason = f"has gone more than {MOST_WAYS} ways by values taken to Python{trace.first_branch}"
        found = {id(v): t for v, t in before}
        leaves = [copied(y) if isinstance(y, Tensor) else y for y in leaves]
        return trace, [*leaves, *trace.drop_first_kept()], [found[id(v)] for v in trace.variables]

    def _gradient(self, trace, mask):
        """The gradient of one way through it, as such a function: of the cotangents that `mask` says, and the arguments."""
        further = self.backs.get((id(trace), mask))
        if further is None:  # (it knows of the trace and of `run`, and not of self: a cycle would outlive its last user)
            run = functools.partial(_slopes, self.run, self.first and self.name, trace, mask)
            further = self.backs[id(trace), mask] = Followed(run, self.name, self.stabilize, False)
        return further

    def _as_written(self, back, mask, seeds, xs):
        own = [ops.identity(x) if x.dtype.is_floating else x for x in xs]
        with as_then(back.held()):
            return _slopes(self.run, self.first and self.name, back.trace, mask, [*seeds, *own], back.expected)


def _slopes(run, name, trace, mask, own, expected):
    """The gradients of one way through a function by its arguments and variables, given the cotangents before the arguments.  `name` is
    that of a function as it was written, whose results must be the expected ones."""
    n = sum(mask)
    seeds, xs = own[:n], own[n:]
    sources = [*xs, *trace.variables]
    followed = [x for x in sources if x.dtype.is_floating]
    with GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(followed)
        leaves = nest.flatten(run(xs, expected))
    if name and not alike(leaves, expected):
        raise otherwise(name)
    targets = [leaves[k] for k, given in zip(trace.pulled, mask) if given]
    slopes = iter(tape.gradient(targets, followed, output_gradients=seeds))
    return [next(slopes) if x.dtype.is_floating else None for x in sources]


class holding:
    """Context: for this thread variables hold these tensors, [(variable, tensor)], and afterwards what they held before."""

    def __init__(self, held):
        self.held = held or []

    def __enter__(self):
        self.before = [(v, hold_apart(v, t)) for v, t in self.held]

    def __exit__(self, kind, value, traceback):
        for v, t in self.before:
            hold_apart(v, t)


def as_then(held):
    """Context of a run that is done again: variables hold what they held then, [(variable, tensor as tapes see it)]."""
    return as_constants(held) if traced_here() else holding(held)


def stabilised(func):
    """func where it runs as written, with the laws that its recordings have."""

    def run(*args, **kwargs):
        with GradientTape(stabilize=True) as tape:
            tape.watch([x for x in nest.flatten((args, kwargs)) if isinstance(x, Tensor) and x.dtype.is_floating])
            return func(*args, **kwargs)

    return run


@contextlib.contextmanager
def unending(name):
    """Context of a run that is recorded: calls inside are part of it, also those of the function itself."""
    try:
        yield
    except RecursionError:
        raise RecursionError(f"function: the calls in {name} nest more than {sys.getrecursionlimit()} deep; where it calls itself, an "
                             "argument must decide when that ends") from None  # fmt: skip


def check_leaves(trace, leaves):
    """What a recorded function may return: tensors, variables, numbers and strings."""
    for leaf in leaves:
        if leaf is not None and not (hasattr(leaf, "__ad_apply__") or isinstance(leaf, (int, float, complex, str, bytes))):
            trace.give_up(f"returns a {type(leaf).__name__}")


def alike(a, b):
    """Tensors of the same bits at the same places?  All nans are alike."""
    if len(a) != len(b):
        return False
    for x, y in zip(a, b):
        if isinstance(x, Tensor) and isinstance(y, Tensor):
            x, y = value_of_now(x), value_of_now(y)
            if x.dtype != y.dtype or x.shape != y.shape:
                return False
            floats = x.dtype.kind == "f"
            if not np.array_equal(x, y, equal_nan=floats) or floats and np.any((np.signbit(x) != np.signbit(y)) & (x == x)):
                return False
        elif (x is None) != (y is None):
            return False
    return True


def same(a, b):
    """The same structure of the same bits; all nans are alike."""
    a, b = nest.flatten(a), nest.flatten(b)
    arrays = [np.asarray(x.numpy() if isinstance(x, (Tensor, Variable)) else x) for x in (*a, *b)]
    texts = [np.where(x != x, np.nan, x).tobytes() if x.dtype.kind == "f" else x.tobytes() for x in arrays if x.dtype != object]
    return len(a) == len(b) and texts[: len(texts) // 2] == texts[len(texts) // 2 :]


def otherwise(name):
    return ReplayError(f"function: {name} does otherwise each time it is run as written, and the gradient of its gradient takes another "
                       "run: what may change must be an argument or a variable")  # fmt: skip
