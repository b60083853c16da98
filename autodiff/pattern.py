"""Which elements of a traced result depend on which elements of one of its operands: index sets, carried through the instructions.

A set of columns stands for each element of a slot, compressed as (start, at) (csrc/pattern.c).  An instruction gives each element of its
result the union of the sets of those that it is made of.  Of which, is asked of the table where it can tell: a row that moves numbers
is applied to the numbers of the elements; a row that adds them up has a rule that moves them back; rows with an axis or axes make
something of whole lines.  A row that nothing is known of makes every element depend on all.  So a set may be too large; it is never
too small, whatever values the operands have, but for factors and masks that no input has a share in: where those are 0, nothing comes.
"""

import math

import numpy as np

from . import ops
from ._core import convert, may_change, pattern_union
from ._op import ELEMENTWISE

__all__ = []

MOST_ENTRIES = 1 << 27  # of the sets of one slot: half a gigabyte

MOVES = {ops.view, ops.reshape, ops.cast, ops.gather, ops.gather_nd, ops.concat, ops.tensor_scatter_nd_update}
ADDS = {ops.unview, ops.ungather, ops.scatter_nd, ops.sum_to}
PRODUCTS = {ops.mul, ops.scale, ops.select, ops.multiply_no_nan}


class TooManyEntries(MemoryError):
    """The sets would not be sparse."""


def transposed(pattern, n_columns):
    """The columns' sets of rows, in rising order; of (start, at)."""
    start, at = pattern
    rows = np.repeat(np.arange(len(start) - 1, dtype=np.int32), np.diff(start))
    return _starts(np.bincount(at, minlength=n_columns)), rows[np.argsort(at, kind="stable")]


def identity(n):
    return np.arange(n + 1, dtype=np.int64), np.arange(n, dtype=np.int32)


def union(patterns, n_columns):
    """Of patterns with as many rows, row by row."""
    first, *others = {id(p): p for p in patterns}.values()
    if not others:
        return first
    n, k = len(first[0]) - 1, len(others) + 1
    ids = np.arange(n * k, dtype=np.int32).reshape(k, n).T
    return _united((np.arange(0, n * k + 1, k, dtype=np.int64), np.ascontiguousarray(ids).ravel()), _stacked([first, *others]), n_columns)


def _starts(sizes):
    start = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=start[1:])
    return start


def _stacked(patterns):
    ends = np.cumsum([0, *[p[0][-1] for p in patterns]])
    start = np.concatenate([patterns[0][0][:1], *[p[0][1:] + end for p, end in zip(patterns, ends)]])
    return start, np.concatenate([p[1] for p in patterns])


def _united(rows, pattern, n_columns):
    made = pattern_union(rows, pattern, n_columns, MOST_ENTRIES)
    if made is None:
        raise TooManyEntries
    return made


class Dependence:
    """The sets of a trace's slots: of those of the n elements of the slot `source` that the elements of each depend on.

    What the trace found outside is a constant, unless a function that is traced around it follows it.  Where none is, the trace is of
    this one point: indices are what they are, and all else may change.
    """

    def __init__(self, trace, source, n):
        self.code, self.n, self.sets = trace.listing(), n, {source: identity(n)}
        self.known = {}  # unions that were made already: a sum of products meets the same sets again and again
        found = {k: may_change(t) for k, t in trace.captured.items()}
        self.fixed = []  # by slot: is it a constant?
        for k, done in enumerate(self.code):
            known = found.get(k, False)
            changes = not done.dtype.is_integer if known is None else known
            self.fixed.append(not (changes or done.seen) and all(self.fixed[j] for j in done.operands))

    def at(self, slot):
        """The sets of a slot, or None where none of its elements depends on anything."""
        needed = {slot}
        for k in range(slot, -1, -1):
            if k in needed and k not in self.sets:
                needed.update(self.code[k].operands)
        for k in sorted(needed):
            done = self.code[k]
            if k not in self.sets and any(j in self.sets for j in done.operands):
                self.sets[k] = self.step(done)
        return self.sets.get(slot)

    def step(self, done):
        row, of = done.row, [self.sets.get(j) for j in done.operands]
        if row == "alias":
            return of[0]
        if row == "call":
            return self.whole(of, 1)
        if row == "result":
            return self.spread(of[0], np.zeros(_size(done.value), np.int32))
        operands = [self.code[j] for j in done.operands]
        if row.kind == ELEMENTWISE:
            return self.elementwise(row, of, operands, done)
        if row in MOVES or row in ADDS:
            if not all(self.fixed[j] for j, rule in zip(done.operands, row.vjp) if len(row.vjp) > 1 and rule is None):  # indices
                return self.whole(of, _size(done.value))
            return self.moved(row, of, operands, done) if row in MOVES else self.added(row, of, operands, done)
        if "axes" in row.attrs:
            return self.collected(of[0], _ids(ops.spread(_numbers(done.value), operands[0].value, done.attrs["axes"], done.attrs["keepdims"])),
                                  _size(done.value))  # fmt: skip
        if "reverse" in row.attrs:
            return self.scanned(self.join(of), operands[0].value.shape, done.attrs)
        if "axis" in row.attrs:
            return self.lines(of, operands, done)
        if row is ops.matmul or row is ops.matvec:
            return self.product(row, of, operands, done)
        if row.name in ops.CONVOLUTIONS:
            return self.convolved(row, of, operands, done)
        if row.matrices:
            return self.matrices(of, operands, done)
        return self.whole(of, _size(done.value))

    # ------------------------------------------------------------------------------------------------------ what all are made of
    def spread(self, sets, ids):
        """To each element the set with its number among ids; of -1 none."""
        if len(ids) == len(sets[0]) - 1 and np.array_equal(ids, np.arange(len(ids))):
            return sets
        held = ids >= 0
        return self.unite((_starts(held), ids[held]), sets)

    def collected(self, sets, targets, n):
        """To each of n elements the sets that have it as their target; -1: no element."""
        order = np.argsort(targets, kind="stable").astype(np.int32)
        order = order[np.searchsorted(targets[order], 0) :] if len(targets) and targets[order[0]] < 0 else order
        return self.unite((_starts(np.bincount(targets[order], minlength=n)), order), sets)

    def unite(self, rows, sets):
        return _united(rows, sets, self.n)

    def join(self, of):
        of = [s for s in of if s is not None]
        key = tuple(sorted(map(id, of)))
        if key not in self.known:
            self.known[key] = union(of, self.n), of  # (which keeps the sets that the key tells apart)
        return self.known[key][0]

    def whole(self, of, n):
        """All depend on all."""
        one = [self.collected(s, np.zeros(len(s[0]) - 1, np.int64), 1) for s in of if s is not None]
        return self.spread(self.join(one), np.zeros(n, np.int32))

    # -------------------------------------------------------------------------------------------------------------- kinds of rows
    def elementwise(self, row, of, operands, done):
        shape, parts = tuple(done.value.shape), []
        for k, s in enumerate(of):
            if s is None:
                continue
            gone, own = self.gone(row, k, operands, shape), operands[k].value
            if gone is not None or tuple(own.shape) != shape:
                ids = np.broadcast_to(_counted(own), shape).ravel()
                s = self.spread(s, ids if gone is None else np.where(gone, np.int32(-1), ids))
            parts.append(s)
        return parts[0] if len(parts) == 1 else self.join(parts)

    def gone(self, row, k, operands, shape):
        """Where the operand k has no share in the result, whatever the inputs; or None."""
        by = None
        if row in PRODUCTS:
            by = operands[1 - k]
        elif row is ops.where and k > 0:
            by = operands[0]
        if by is None or not self.fixed[by.index]:
            return None
        value = np.asarray(by.value.numpy())
        nothing = value != 0 if row is ops.where and k == 2 else value == 0
        return np.broadcast_to(nothing, shape).ravel() if np.any(nothing) else None

    def moved(self, row, of, operands, done):
        starts = np.cumsum([0, *[_size(x.value) if s is not None else 0 for s, x in zip(of, operands)]])
        numbered = []
        for s, x, start, rule in zip(of, operands, starts, row.vjp if len(row.vjp) > 1 else row.vjp * len(of)):
            if s is not None:
                numbered.append(convert(_counted(x.value).astype(np.int64) + start))
            else:
                numbered.append(x.value if rule is None else convert(np.full(tuple(x.value.shape), -1, np.int64)))
        held = [s for s in of if s is not None]
        to = numbered[0] if row is ops.cast else row(*numbered, **done.attrs)
        return self.spread(held[0] if len(held) == 1 else _stacked(held), _ids(to))

    def added(self, row, of, operands, done):
        """The rule of the operand moves the numbers of the result's elements to where their terms are."""
        (k,) = [k for k, s in enumerate(of) if s is not None]
        rule, given = row.vjp[k], [x.value for x in operands]
        return self.collected(of[k], _ids(rule(_numbers(done.value), *given, done.value, **done.attrs)), _size(done.value))

    def scanned(self, sets, shape, attrs):
        """To each place of a line all that comes before it, in as many unions as the length has binary digits."""
        ids = np.moveaxis(np.arange(np.prod(shape), dtype=np.int32).reshape(tuple(shape)), attrs["axis"], -1)
        ids, step = ids[..., ::-1] if attrs["reverse"] else ids, 1
        while step < ids.shape[-1]:
            before = np.full(ids.size, -1, np.int32)
            before[ids[..., step:].ravel()] = ids[..., :-step].ravel()
            sets = self.join([sets, self.spread(sets, before)])
            step *= 2
        return sets

    def lines(self, of, operands, done):
        """Each element of the result depends on the line along an axis that it stands on, or stands for."""
        axis, shape = done.attrs["axis"], operands[0].value.shape
        kept = tuple([1 if a == axis else m for a, m in enumerate(shape)])
        n = int(np.prod(kept))
        line = np.broadcast_to(np.arange(n, dtype=np.int32).reshape(kept), tuple(shape)).ravel()
        sets = self.join([self.collected(s, line, n) for s in of if s is not None])
        return self.spread(sets, line if tuple(done.value.shape) == tuple(shape) else np.arange(n, dtype=np.int32))

    def matrices(self, of, operands, done):
        """Each matrix of the result depends on those that broadcasting the batches puts beside it, on all their elements."""
        shapes = [tuple(x.value.shape) for x in operands]
        batch = np.broadcast_shapes(*[shape[:-2] for shape in shapes])
        parts = []
        for s, shape in zip(of, shapes):
            if s is not None:
                count, size = math.prod(shape[:-2]), math.prod(shape[-2:])
                one_each = self.collected(s, np.repeat(np.arange(count), size), count)
                parts.append(self.spread(one_each, np.broadcast_to(np.arange(count, dtype=np.int32).reshape(shape[:-2]), batch).ravel()))
        n = math.prod(batch)
        return self.spread(self.join(parts), np.repeat(np.arange(n, dtype=np.int32), _size(done.value) // max(n, 1)))

    def product(self, row, of, operands, done):
        """y[i, j] of a @ b depends on row i of a and column j of b: of a constant, on what meets no 0."""
        ids, flips = [_counted(x.value) for x in operands], [done.attrs["transpose_a"], done.attrs.get("transpose_b", 0)]
        shape = tuple(done.value.shape)
        if row is ops.matvec:
            ids[1], shape = ids[1][..., None], (*shape, 1)
        values = [np.asarray(x.value.numpy()).reshape(i.shape) if self.fixed[x.index] else None for x, i in zip(operands, ids)]
        ids, values = ([np.swapaxes(x, -1, -2) if flip and x is not None else x for x, flip in zip(xs, flips)] for xs in (ids, values))
        m, n = shape[-2:]
        batch, parts = shape[:-2], []
        for k, s in enumerate(of):
            if s is None:
                continue
            own, other = ids[k], values[1 - k]
            own = np.broadcast_to(own, (*batch, *own.shape[-2:]))
            own, size = (own, m) if k == 0 else (np.swapaxes(own, -1, -2), n)          # lines of it, that meet those of the other
            if other is not None and not np.all(other):
                other = np.swapaxes(other, -1, -2) if k == 0 else other                 # [across, inner]
                parts.append(self.met(s, own, np.broadcast_to(other != 0, (*batch, *other.shape[-2:])), k, shape))
                continue
            count, inner = int(np.prod(own.shape[:-1])), own.shape[-1]
            united = self.unite((np.arange(count + 1, dtype=np.int64) * inner, np.ascontiguousarray(own).ravel()), s)
            lines = np.arange(count).reshape(own.shape[:-1])
            to = np.broadcast_to(lines[..., :, None] if k == 0 else lines[..., None, :], shape)
            parts.append(self.spread(united, to.ravel().astype(np.int32)))
        return self.join(parts)

    def convolved(self, row, of, operands, done):
        """y[window, o] is the sum over k of x[window, k] * w[k, o], by group; and an element of x is one of several windows, or of none."""
        attrs, names = dict(done.attrs), ops.CONVOLUTIONS[row.name]
        values = dict(zip(names, [*[x.value for x in operands], done.value]))
        attrs.pop("shape")
        windows = ops.rows_of_windows(convert(_counted(values["x"]).astype(np.int64) + 1), tuple(values["y"].shape[1:-1]), tuple(values["w"].shape[:-2]), **attrs)
        ids = {name: np.asarray(ops.columns_of_groups(_numbers(values[name]), attrs["groups"]).numpy()) for name in "wy"}
        ids["x"] = np.asarray(windows.numpy()) - 1
        axes, result, parts = {"x": "ik", "w": "ko", "y": "io"}, names[2], []
        for name, s in zip(names, of):
            if s is not None:
                (shared,) = set(axes[name]) & set(axes[result])
                own, to = (np.moveaxis(ids[each], 1 + axes[each].index(shared), 1) for each in (name, result))
                held, own = own >= 0, np.ascontiguousarray(own, np.int32)
                lines = self.unite((_starts(held.sum(axis=2).ravel()), own[held]), s)
                line = np.broadcast_to(np.arange(to.shape[0] * to.shape[1]).reshape(*to.shape[:2], 1), to.shape)[to >= 0]
                parts.append(self.collected_from(lines, line, to[to >= 0], _size(done.value)))
        return self.join(parts)

    def collected_from(self, sets, sources, targets, n):
        """To each of n elements the sets with the numbers `sources` that have it as their target."""
        order = np.argsort(targets, kind="stable")
        return self.unite((_starts(np.bincount(targets, minlength=n)), sources[order].astype(np.int32)), sets)

    def met(self, sets, own, factors, k, shape):
        """Lines `own` of elements under constant factors [.., across, inner], not all of which are 0."""
        lines = own.shape[-2]
        *where, across, inner = np.nonzero(factors)
        number = np.arange(int(np.prod(shape))).reshape(shape)
        number = number if k == 0 else np.swapaxes(number, -1, -2)                      # [.., line, across]
        line = np.arange(lines)[:, None]
        at = tuple([w[None, :] for w in where])
        targets, sources = number[(*at, line, across[None, :])].ravel(), own[(*at, line, inner[None, :])].ravel()
        return self.collected_from(sets, sources, targets, number.size)


# ------------------------------------------------------------------------------------------------------- numbers of elements
def _size(x):
    return math.prod(x.shape)


def _counted(x):
    """The numbers of its elements, in its shape."""
    return np.arange(_size(x), dtype=np.int32).reshape(tuple(x.shape))


def _numbers(x):
    return convert(_counted(x).astype(np.int64))


def _ids(x):
    return np.asarray(x.numpy()).ravel().astype(np.int32)

