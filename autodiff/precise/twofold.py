"""Numbers of 106 digits base 2 that certify themselves: arrays of twofold numbers (csrc/twofold/twofold.h), a hundred times faster than
balls.  The precise replay tries them first; where they are at a loss (a row that has no loop, a comparison that the digits leave
open, a result that is not sure) it is for the balls.
"""

import math

import numpy as np

from .. import ops
from .._core import twofold_are_comfortable, twofold_compare, twofold_exact, twofold_has, twofold_map, twofold_marked, twofold_product, twofold_recurrence, twofold_round, twofold_scan, twofold_sum
from .numbers import Numbers, common_shape, is_uniform, state

# Numbers in the rules of the table that stand for others, and what they lack of them.
KNOWN = {
    0.6931471805599453: 2.3190468138462996e-17,  # log(2)
    1.4426950408889634: 2.0355273740931033e-17,  # 1 / log(2)
    0.4342944819032518: 1.098319650216765e-17,  # 1 / log(10)
    1.1283791670955126: 1.533545961316588e-17,  # 2 / sqrt(pi)
    0.886226925452758: -3.8332932499128993e-17,  # sqrt(pi) / 2
    0.7071067811865476: -4.833646656726457e-17,  # sqrt(1/2)
    0.7978845608028654: -4.98465440455546e-17,  # sqrt(2/pi)
    1.5957691216057308: -9.96930880911092e-17,  # 2 sqrt(2/pi)
    0.07135481627260025: -6.175149918155315e-19,  # 0.044715 times that
    0.21406444881780074: 1.2025242832367862e-17,  # three times that
    1.0507009873554805: 3.9874847667154144e-17,  # selu's scale (Klambauer 2017)
    1.7580993408473766: 2.361981243051158e-16,  # times its 1.6732...
    2.718281828459045: 1.4456468917292502e-16,  # e
    3.141592653589793: 1.2246467991473532e-16,  # pi
    9.869604401089358: 6.265295508739711e-16,  # pi**2
}


# Rows that have no loop of their own, or none that keeps more digits than their parts.
FORMULAS = {
    "gelu_gate": lambda x: ops.sigmoid(x * (1.5957691216057308 + 0.07135481627260025 * ops.square(x))), "gelu_tanh": lambda x: x * ops.gelu_gate(x),
    "mish": lambda x: x * ops.tanh(ops.softplus(x)), "elu": lambda x: ops.where(x > 0, x, ops.expm1(ops.minimum(x, 0.0))),
    "selu": lambda x: ops.where(x > 0, 1.0507009873554805 * x, 1.7580993408473766 * ops.expm1(ops.minimum(x, 0.0))),
}  # fmt: skip


ZEROS = np.zeros(()), np.zeros(()), np.zeros((), np.int64)
LOOPS = {row for name, row in ops.ROWS.items() if twofold_has(name) and name not in FORMULAS}


def at_once(rows):
    """Of rows with loops those that `run` gives to them as they are."""
    return frozenset(row for row in rows if row not in (ops.sub, ops.div, ops.scale, ops.identity, ops.neg, ops.abs))


def unsure(what):
    raise NotImplementedError(f"twofold: {what}")


class Certified(Numbers):
    """What numbers share that carry a radius through every operation.

    of_itself(row, x)                   x - x, or x / x
    at_once                             rows that have loops, of which nothing else is to be asked
    doubles()                           doubles and how far they are off, no less; inf where that is not known
    total(parts, outer, n, inner)       the parts of the sums of numbers of shape (outer, n, inner) over the middle dimension
    """

    __slots__ = ()

    @staticmethod
    def prepare(stage, last=False):
        return lambda: None

    def run(self, row, values, attrs):
        if row in self.at_once:
            return self.elementwise(row, [self.beside(x) for x in values])
        if row is ops.reduce_sum:
            return reduce_sum(values[0], **attrs)
        if row is ops.sum_to:
            return sum_to(values[0], **attrs)
        if row is ops.scale and values[0].is_one():
            y, shape = values[1], common_shape(values)
            return y.like(part if part.shape == shape else np.broadcast_to(part, shape) for part in y.parts)
        if row in (ops.sub, ops.div) and isinstance(values[0], Numbers) and isinstance(values[1], Numbers) and _is_itself(*values):
            return self.of_itself(row, values[0])
        return super().run(row, values, attrs)

    def is_one(self):
        """Is every number 1, in the memory of one?"""
        x, *rest = self.parts
        return is_uniform(x) and x.size > 0 and x.flat[0] == 1 and all(is_uniform(part) and part.flat[0] == 0 for part in rest)

    def same(self, other):
        """Where the very same number stands in both."""
        return np.full(np.broadcast_shapes(self.shape, other.shape), self is other or self.parts[0] is other.parts[0])

    def extreme(self, sign):
        """All but those that are clearly beyond one of the extreme are compared with it."""
        x, r = self.doubles()
        if np.isnan(x).any() or np.isinf(r).any():
            return None
        x, lines = x * sign, np.arange(len(x))
        first = x.argmax(axis=1)
        with np.errstate(over="ignore"):
            mask = x + r >= x[lines, first][:, None] - r[lines, first][:, None]
        mask[lines, first] = False
        near = np.nonzero(mask)
        if near[0].size:
            one, other = (self.moved(lambda part: part[at]) for at in (near, (near[0], first[near[0]])))
            order = one.compare(other)
            if (order == sign).any():
                return None
            mask[near] = order == 0
        mask[lines, first] = True
        return mask

    def note_ties(self, order):
        state.indeterminate |= state.twice and bool((order == 0).any())


class Twofolds(Certified):
    """parts   hi, lo, r, e: every number within r * 2**e of (hi + lo) * 2**e"""

    __slots__ = ()
    total = staticmethod(twofold_sum)
    at_once = at_once(LOOPS)

    @classmethod
    def exact(cls, array, dtype):
        x = np.asarray(array, np.float64, order="C")
        if x.size > 1 and twofold_are_comfortable(x):
            return cls((x, *(np.broadcast_to(zero, x.shape) for zero in ZEROS)), dtype)
        return cls(twofold_exact(x), dtype)

    def constant(self, number):
        low = KNOWN.get(abs(float(number)))
        y = super().constant(number)
        if low is not None:
            y.parts = (y.parts[0], np.full((), math.copysign(1, number) * low), np.abs(y.parts[0]) * 2.0**-106, y.parts[3])
        return y

    # ---- rows
    def elementwise(self, row, operands):
        if row not in LOOPS:
            if row.name in FORMULAS:
                return FORMULAS[row.name](*operands)
            return None if row.plainly is not None else unsure(f"no loop for {row.name}")
        if row is ops.polygamma and not np.isin(operands[0].parts[0], (0.0, 1.0, 2.0)).all():
            unsure("polygamma of a higher order")
        y = type(self)(twofold_map(row.name, common_shape(operands), *[x.parts for x in operands]), self.dtype)
        if row is ops.select or row is ops.scale:
            met = twofold_marked(row is ops.select, y.shape, *[x.parts for x in operands], y.parts)
            state.indeterminate |= met and row is ops.scale
        return y

    def of_itself(self, row, x):
        """x - x and x / x of one and the same x: exact where x is finite (and not 0)."""
        value = 0.0 if row is ops.sub else 1.0
        hi, _, r, _ = x.parts
        if not np.isfinite(r).all():
            unsure(f"{row.name} of what is not known")
        regular = np.isfinite(hi) if row is ops.sub else np.isfinite(hi) & (np.abs(hi) > 2 * r)
        if not (regular | (r == 0)).all():
            unsure("a quotient of numbers that may be 0")
        return self.exact(np.where(regular, value, np.nan), self.dtype)

    def doubles(self):
        hi, _, r, e = self.parts
        with np.errstate(over="ignore", under="ignore"):
            x, r = (np.ldexp(hi, e), np.ldexp(r, e) + 2.0**-1000) if e.any() else (hi, r)
            return x, np.where(np.isinf(x) & (r < np.inf), 0.0, r * 1.001 + np.abs(x) * 2.0**-50)

    def accumulated(self, row):
        return self.like(scan(self.parts, row))

    def recurred(self, a, own):
        y = self.like(recurrence(a.parts, self.parts, own))
        start = slice(1, None) if own else slice(None, -1)
        _note_indeterminate(*(x.moved(lambda part: part[s]) for x, s in ((y, slice(None, -1)), (a, start))))
        return y

    def product(self, other):
        y = product(self.parts, other.parts)
        return None if y is None else self.like(y)

    def compare(self, other):
        order = twofold_compare(common_shape((self, other)), self.parts, other.parts)
        if (order == 3).any():
            order[(order == 3) & self.same(other)] = 0
            if (order == 3).any():
                unsure("a comparison that the digits leave open")
        self.note_ties(order)
        return order

    # ---- what is known of the numbers
    def special(self):
        hi = self.parts[0]
        return np.where(np.isfinite(hi) & (hi != 0), 0.0, hi)

    def unknown(self):
        return np.isinf(self.parts[2])

    def nearest(self):
        if self.unknown().any():
            unsure("the nearest double of what is not known")
        return twofold_round(self.parts, False)[0]

    def rounded(self, dtype):
        nearest, sure = twofold_round(self.parts, dtype == np.float32)
        with np.errstate(over="ignore", under="ignore"):
            return nearest.astype(dtype, copy=False), sure


def _is_itself(a, b):
    """(An array without elements is like any number: one has to be of the other's shape.)"""
    return a.shape == b.shape and (a is b or a.parts[0] is b.parts[0])


def _note_indeterminate(g, s):
    zero = (g.parts[0] == 0) & (g.parts[2] == 0) & ~np.signbit(g.parts[2])
    if zero.any() and (zero & ~np.isfinite(s.parts[0] + s.parts[2])).any():
        state.indeterminate = True


def scan(parts, row):
    """Sums or products so far along the first axis."""
    shape = parts[0].shape
    return tuple(part.reshape(shape) for part in twofold_scan(_lines(parts), row is ops.mul))


def recurrence(a, b, own):
    shape = b[0].shape
    return tuple(part.reshape(shape) for part in twofold_recurrence(_lines(a), _lines(b), bool(own)))


def _lines(parts):
    shape = parts[0].shape
    return tuple(np.ascontiguousarray(part).reshape(shape[0], ops.elements(shape[1:])) for part in parts)


FEW = 8                     # rows and columns, up to which sums of products are faster where there are not too MANY of these
MANY = 1 << 20


def product(a, b, brief=False):
    """Parts of matrices times parts of matrices, batches broadcast; None: by products and sums.  brief: where there are no low parts, and the digits
    of a double do."""
    (*_, m, k), n, batch = a[0].shape, b[0].shape[-1], np.broadcast_shapes(a[0].shape[:-2], b[0].shape[:-2])
    if max(m, n) <= FEW and ops.elements(batch) * m * k * n <= MANY:
        return None
    if m > n:                                   # long lines are what is fast
        y = product(*[tuple(part.swapaxes(-1, -2) for part in parts) for parts in (b, a)], brief)
        return tuple(part.swapaxes(-1, -2) for part in y)
    if ops.elements(b[0].shape[:-2]) == 1:      # one matrix for all: its batch is more rows
        a, b = tuple(part.reshape(1, ops.elements(part.shape[:-1]), k) for part in a), tuple(part.reshape(1, k, n) for part in b)
    else:
        count = ops.elements(batch)
        a, b = (tuple(np.broadcast_to(part, (*batch, *part.shape[-2:])).reshape(count, *part.shape[-2:]) for part in parts) for parts in (a, b))
    y = twofold_product(*[tuple(np.ascontiguousarray(part) for part in parts) for parts in (a, b)], brief)
    return tuple(part.reshape(*batch, m, n) for part in y)


def reduce_sum(x, axes, keepdims):
    axes = tuple(sorted(axes))
    kept = [i for i in range(x.ndim) if i not in axes]
    shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape)) if keepdims else tuple(x.shape[i] for i in kept)
    if axes and axes != tuple(range(axes[0], axes[0] + len(axes))):
        x, axes = x.moved(lambda part: part.transpose(*kept, *axes)), tuple(range(len(kept), x.ndim))
    first, end = (axes[0], axes[-1] + 1) if axes else (x.ndim, x.ndim)
    sizes = [ops.elements(x.shape[part]) for part in (slice(None, first), slice(first, end), slice(end, None))]
    full = tuple(np.ascontiguousarray(np.broadcast_to(part, x.shape)) for part in x.parts)
    return x.like(part.reshape(shape) for part in x.total(full, *sizes))


def sum_to(x, shape):
    if x.shape == tuple(shape):
        return x.moved(lambda part: part)
    lead = x.ndim - len(shape)
    axes = tuple(i for i in range(x.ndim) if i < lead or (shape[i - lead] == 1 and x.shape[i] != 1))
    y = reduce_sum(x, axes, 1)
    return y.moved(lambda part: part.reshape(shape))
