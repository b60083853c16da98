"""The precise replay: run what a tape recorded again with more digits, and round once.

`GradientTape(precise=True)` records as any tape does.  Its `gradient` and `value` do not use the recorded numbers but run the
instructions again on a number class that knows how many of its digits are right, with ever more bits, until every number
asked for rounds surely to its dtype.  The rows' own rules do the backward pass, on the same class.  What was decided while
recording (masks, integers, branches of the program) stays as decided; a constant is exactly the number it was given as.

THE CONTRACT OF A NUMBER CLASS, a subclass of Numbers (autodiff/precise/numbers.py):

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

Sums, products, scans, softmax and matrix products come from these by precise/rows.py; a class may be faster by overriding
`run`.  Two laws hold at singular points.  A: `scale(g, s)` is exactly 0 where g is exactly 0, whatever s is; so exp(-inf),
or a where that was not taken, contributes nothing.  B: `select` is 0 where either is.  Where operands are exact and the row
has a pole or is undefined (1 / 0, log(0), inf - inf, 0 / 0) the result is IEEE's; where they are not exact it is unknown, and
more digits are needed.  ATTEMPTS lists classes and stages in the order in which they are tried.
"""

from .._core import convert, instruction, place_of, plain_sweep, slot, source_slots
from .attempts import Job
from .lanes import shape_of_lanes
from .numbers import FLOATING
from .replay import Replay

# (module, class, stage): log(1 + exp(-1000)) in float64 needs 1500 bits, the product of a few such numbers some times that.
# Doubles that carry a radius mostly do where only float32 is asked for.
ATTEMPTS = [("onefold", "Onefolds", 53), ("twofold", "Twofolds", 106)] + [("balls", "Balls", bits) for bits in (128, 256, 512, 1024, 2048, 4352)]


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


def again_of(tape, targets, seeds, sources):
    """A gradient, not yet taken."""
    again = Again(tape, targets, seeds, sources)
    followed = again.followed = _followed(tape, again)
    again.targets = [at if at in followed else None for at in again.targets]
    return again


def gradient_of(tape, targets, seeds, sources):
    """The gradient by each source, or None, and what tapes around are to keep of it: what a precise tape's `gradient` asks for."""
    again = again_of(tape, targets, seeds, sources)
    if all(0 in x.shape for x in sources):      # there are no digits to ask for
        return plain_sweep(tape, targets, seeds, sources), again

    def compute(kind, prepare, probe=None, lanes=None):
        return Replay(tape, kind, prepare, probe, lanes).sweep(again, record=False)

    def shape():
        """Only where nothing arrives at what is not a lane."""
        shapes = {tuple(x.shape) for x, at in zip(sources, again.sources) if at is not None}
        return shape_of_lanes(tape, again.slots(), shapes.pop(), True) if len(shapes) == 1 else None

    return Job(_attempts(sources), compute, sources, True, lambda: plain_sweep(tape, targets, seeds, sources), shape).run(), again


def values_of(tape, targets):
    """The values of tensors that the tape has recorded: what its `value` asks for."""
    slots = [slot(tape, t) if t.dtype.code < FLOATING else None for t in targets]
    there = [at for at in slots if at is not None]

    def compute(kind, prepare, probe=None, lanes=None):
        replay = Replay(tape, kind, prepare, probe, lanes)
        replay.run(there)
        return [None if at is None else replay.nodes[at].value for at in slots]

    def shape():
        shapes = {tuple(t.shape) for t, at in zip(targets, slots) if at is not None}
        return shape_of_lanes(tape, there, shapes.pop(), False) if len(shapes) == 1 else None

    values = Job(_attempts(targets), compute, targets, False, lambda: [convert(t) for t in targets], shape).run()
    return [convert(t) if v is None else v for t, v in zip(targets, values)]


def _attempts(like):
    only_float32 = all(t.dtype.name == "float32" for t in like)
    return [attempt for attempt in ATTEMPTS if only_float32 or attempt[1] != "Onefolds"]


def _followed(tape, again):
    """The slots on the way from a source to a target that the tape itself follows."""
    top = [at for at in again.targets if at is not None]
    reached, waiting = set(), top
    low, inner = min([at for at in again.sources if at is not None], default=0), getattr(tape, "inner", {})
    while waiting:
        at = waiting.pop()
        if at in reached or at < low:
            continue
        made = instruction(tape, at)
        if made.row == "call" and not hasattr(made.attrs["function"], "place"):
            again.place = None                  # its function is opaque: tapes around replay the plain sweep instead
        if made.seen:
            reached.add(at)
            waiting.extend(inner[at][0].slots() if at in inner else made.operands)
    return reached
