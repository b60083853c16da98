"""Long programs folded, for pictures: what repeats is kept once, with a count.

A program is a row of tokens; equal tokens are alike to look at.  `folded` finds runs of equal groups, whatever their period, then runs
among what that leaves, and so on: a loop in a loop becomes a block in a block.
"""

import itertools
from dataclasses import dataclass

import numpy as np

__all__ = ["Block", "Slice", "fitted", "folded", "places"]

LONGEST = 2000  # tokens of a group that is looked for
MIN_REPEATS = 3
MIN_SAVED = 32  # places that a fold must leave out: three products in a row are no loop


@dataclass(frozen=True)
class Block:
    """`count` times the same items, one after another: those of the first time, which take up `length` places of the program each time."""

    items: tuple
    length: int
    count: int


@dataclass(frozen=True)
class Slice:
    """`length` places of the program that are shown as one."""

    start: int
    length: int


def length_of(item):
    """Of a place (an integer) 1; of a Block that of all its repetitions."""
    return 1 if isinstance(item, int) else item.length * item.count if isinstance(item, Block) else item.length


def folded(tokens, saved=MIN_SAVED):
    """The items that the places 0 .. len(tokens)-1 make: a place that stands for itself (an integer), or a Block of such items.

    >>> folded("abcbcbcbcd", saved=6)
    [0, Block(items=(1, 2), length=2, count=4), 9]
    """
    known = {}
    kinds = [known.setdefault(t, len(known)) for t in tokens]
    return _fold(np.array(kinds, np.int32), list(range(len(kinds))), known, saved)


def _fold(kinds, items, known, saved):
    """The runs that leave out most come first, whatever their period: a loop is found before the loops in it."""
    while True:
        runs = _runs_apart(kinds, items, saved)
        if not runs:
            return items
        made, told, end = [], [], 0
        for start, period, count in runs:
            group = items[start : start + period]
            token = ("block", tuple(kinds[start : start + period].tolist()), count)
            inner = _fold(kinds[start : start + period], group, known, saved)
            made += [*items[end:start], Block(tuple(inner), sum(map(length_of, group)), count)]
            told += [kinds[end:start], [known.setdefault(token, len(known))]]
            end = start + count * period
        kinds, items = np.concatenate([*told, kinds[end:]]).astype(np.int32), [*made, *items[end:]]


def _runs_apart(kinds, items, saved):
    """[(start, period, repetitions)] in order, those that overlap a better one left out."""
    starts = np.concatenate([[0], np.cumsum([length_of(item) for item in items], dtype=np.int64)])
    found = []
    for period in range(1, min(LONGEST, len(items) // MIN_REPEATS) + 1):
        for start, count in _runs(kinds, period):
            gain = int(starts[start + count * period] - starts[start + period])
            if gain >= saved:
                found.append((-gain, period, start, count))
    taken, free = [], np.ones(len(items), bool)
    for _, period, start, count in sorted(found):
        if free[start : start + count * period].all():
            free[start : start + count * period] = False
            taken.append((start, period, count))
    return sorted(taken)


def _runs(kinds, period):
    """[(start, repetitions)] of the groups of this period that repeat often enough, apart from one another."""
    same = kinds[period:] == kinds[:-period]
    if np.count_nonzero(same) < period * (MIN_REPEATS - 1):
        return []
    edges = np.flatnonzero(np.diff(np.concatenate([[0], same.astype(np.int8), [0]])))
    starts, lengths = edges[::2], edges[1::2] - edges[::2]
    long = lengths >= period * (MIN_REPEATS - 1)
    found, end = [], 0
    for start, n in zip(starts[long].tolist(), lengths[long].tolist()):
        n -= max(end - start, 0)                                # two runs may share up to a period
        start = max(start, end)
        if n >= period * (MIN_REPEATS - 1):
            found.append((start, n // period + 1))
            end = start + (n // period + 1) * period
    return found


def shown(item):
    """How many things are to be seen of an item."""
    return sum(map(shown, item.items)) if isinstance(item, Block) else 1


def fitted(items, room):
    """Items of which at most `room` things are to be seen: stretches of the program become Slices, those outside of blocks first."""
    if sum(map(shown, items)) <= room:
        return items
    stretches = [(is_block, list(run)) for is_block, run in itertools.groupby(items, lambda x: isinstance(x, Block))]
    blocks = sum(shown(x) for x in items if isinstance(x, Block))
    plain = [len(run) for is_block, run in stretches if not is_block]
    if blocks + len(plain) > room:
        most = room // (2 * len(stretches))
        if any(shown(x) > most for x in items) and most:
            return fitted([Block(tuple(fitted(x.items, most)), x.length, x.count) if shown(x) > most else x for x in items], room)
        return _sliced(items, room)
    left = room - blocks - len(plain)                           # shared out among the stretches
    parts = [run if is_block else _sliced(run, 1 + left * len(run) // sum(plain)) for is_block, run in stretches]
    return [x for part in parts for x in part]


def _sliced(items, most):
    """Items, one after another in the program, as at most `most`."""
    starts = [start_of(x) for x in items] + [start_of(items[-1]) + length_of(items[-1])]
    most = min(most, len(items))
    cuts = [len(items) * k // most for k in range(most + 1)]
    return [items[a] if b == a + 1 and shown(items[a]) == 1 else Slice(starts[a], starts[b] - starts[a]) for a, b in zip(cuts, cuts[1:])]


def start_of(item):
    """The place where an item begins, the first time."""
    return item if isinstance(item, int) else item.start if isinstance(item, Slice) else start_of(item.items[0])


def places(items):
    """For each place of the program the item that shows it: an integer or a Slice."""
    made = {}

    def put(item, by):
        if isinstance(item, int):
            made[item + by] = item
        elif isinstance(item, Slice):
            made.update((k + by, item) for k in range(item.start, item.start + item.length))
        else:
            for k in range(item.count):
                for part in item.items:
                    put(part, by + k * item.length)

    for item in items:
        put(item, 0)
    return made
