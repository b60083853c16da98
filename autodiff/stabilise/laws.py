"""Patterns of formulas, and laws: what the table of stabilisation (stabilise.py) is written in.

A pattern is a lambda over rows, called once, on symbols.  It is compared with an operation and with what its operands were computed
from, as the core's nodes show them (core/stabilise.pxi).
"""

import inspect
import math

import numpy as np

from .. import ops
from ..arithmetic import Arithmetic
from ..ops import add, div, log, mul, neg, pow, reciprocal, reduce_sum, sqrt, square, sub


# --------------------------------------------------------------------------------------------------------------- patterns
class Pattern(Arithmetic):
    """A row on patterns.  A name stands for any tensor, one of `numbers` for a number."""

    def __init__(self, row, operands):
        self.row, self.operands = row, operands

    @staticmethod
    def __ad_apply__(row, operands, attrs):
        return Pattern(row, operands)

    def __pow__(self, other): return Pattern(square, (self,)) if isinstance(other, int) and other == 2 else Pattern(pow, (self, other))


class Name(Pattern):
    def __init__(self, name):
        self.name, self.row = name, None


NUMBERS = {"n", "c", "d"}
COMMUTATIVE = {add, mul, ops.maximum, ops.logaddexp}
EXPONENTIAL = {ops.exp, ops.expm1, ops.sigmoid, ops.sinh, ops.cosh, ops.softmax, ops.erfc, ops.ndtr, ops.bessel_i0, ops.softplus, ops.sech2, ops.hypot}


def total(x):
    """The sum along any axes; they are bound as `axes` and `keepdims`."""
    return Pattern(reduce_sum, (x,))


class Mean:
    """In the place of a row: what reduce_mean records."""


def average(x):
    """The mean along any axes, bound as for `total`; `count` is the number of elements that go into one."""
    return Pattern(Mean, (x,))


class Written:
    """A node as it was written, where a law put something else in its place; also, in the place of the row that made one, that it is so."""

    attrs, number, written = {}, None, None

    def __init__(self, node):
        self.node, self.temporary, (self.row, self.operands, _) = node, node.temporary, node.written

    @property
    def value(self):
        return self.node.value

    def same(self, other):
        return self.node.same(other.node if isinstance(other, Written) else other)


def makers(node):
    """What `fits` is asked of a node: the rows that made it."""
    if node.written is None:
        return (node.row,)
    return (node.row, node.written[0], Written) if node.written[2] else (node.row, Written)


def as_written(node, local=False):
    """The node before any law, or any local one, took its place."""
    return node if node.written is None or local and not node.written[2] else Written(node)


class View:
    """In the place of a row: one or more of VIEWS, which only pick and order elements."""


VIEWS = {ops.view, ops.reshape}


def view_of(x):
    """Elements of x, picked or in another order; how is bound as `view`."""
    return Pattern(View, (x,))


def seen_through(view, y):
    for row, attrs in reversed(view):
        y = row(y, **attrs)
    return y


def spellings(row, pattern):
    """Every way in which the operands of a pattern may stand beside a row: pairs of the row and the operands there."""
    p = pattern.operands
    yield pattern.row, p
    if pattern.row in COMMUTATIVE:
        yield pattern.row, p[::-1]
    if pattern.row is neg:
        yield from [(mul, (-1, p[0])), (mul, (p[0], -1)), (sub, (0, p[0])), (div, (p[0], -1))]
    elif pattern.row is square:
        yield from [(mul, (p[0], p[0])), (pow, (p[0], 2))]
    elif pattern.row is sqrt:
        yield pow, (p[0], 0.5)
    elif pattern.row is sub and isinstance(p[1], (int, float)):
        yield from [(add, (p[0], -p[1])), (add, (-p[1], p[0])), (neg, (Pattern(sub, p[::-1]),))]
    elif pattern.row is sub:
        minus = Pattern(neg, (p[1],))
        yield from [(add, (p[0], minus)), (add, (minus, p[0])), (neg, (Pattern(sub, p[::-1]),))]
    elif pattern.row is div and p[0] == 1:
        yield from [(reciprocal, (p[1],)), (pow, (p[1], -1))]
    elif pattern.row is div and p[1] == 2:
        yield from [(mul, (p[0], 0.5)), (mul, (0.5, p[0]))]
    elif pattern.row is div and isinstance(p[1], Pattern):
        over = Pattern(div, (1, p[1]))
        yield from [(mul, (p[0], over)), (mul, (over, p[0]))]
    elif pattern.row is mul and p[0] == 0.5:
        yield div, (p[1], 2)


def rows_in(pattern):
    found = {pattern.row} if isinstance(pattern, Pattern) else set()
    return found.union(*[rows_in(p) for p in getattr(pattern, "operands", ())])


def made_by(pattern, row):
    """May the row have made what the pattern stands for? None made a number."""
    if isinstance(pattern, Name):
        return pattern.name not in NUMBERS or row is None
    if not isinstance(pattern, Pattern):
        return row is None
    if pattern.row is View:
        return row in VIEWS
    if pattern.row is Mean:
        return row in (div, ops.where)
    return any(row is spelled for spelled, _ in spellings(None, pattern))


def same(a, b, depth=8):
    """Are both one value, or the same operations on the same values?"""
    if (b.same(a) if isinstance(b, Written) else a.same(b)):
        return True
    if depth == 0 or a.row is None or a.row is not b.row or a.attrs != b.attrs or len(a.operands) != len(b.operands):
        return False
    orders = [b.operands, b.operands[::-1]] if a.row in COMMUTATIVE else [b.operands]
    return any(all(same(u, v, depth - 1) for u, v in zip(a.operands, order)) for order in orders)


class Look:
    """How a pattern is compared: also through what others hold? by form alone, whatever the values are?"""

    def __init__(self, shared, form_alone=False):
        self.shared, self.form_alone = shared, form_alone


def matches(pattern, node, found, look):
    """The bindings `found`, with those that make the pattern the node, or None."""
    if isinstance(pattern, Name):
        if pattern.name in found:
            return found if same(found[pattern.name], node) else None
        return None if pattern.name in NUMBERS and node.number is None else {**found, pattern.name: node}
    if not isinstance(pattern, Pattern):
        number = node.number
        return found if number is not None and number in (pattern, float(np.float32(pattern))) else None
    if node.row is None or not (node.temporary or look.shared):
        return None
    found_as_it_is = matches_operation(pattern, node, found, look)
    if found_as_it_is is None and node.written is not None and node.written[2]:
        return matches_operation(pattern, Written(node), found, look)
    return found_as_it_is


def matches_operation(pattern, node, found, look):
    if pattern.row is View:
        view = []
        while node.row in VIEWS and len(node.operands) == 1 and (node.temporary or look.shared):
            view.append((node.row, node.attrs))
            node = node.operands[0]
        return matches(pattern.operands[0], node, {**found, "view": view}, look) if view else None
    return matches_row(pattern, node.row, node.operands, lambda: node.attrs, found, look)


def with_attributes(found, attrs):
    """The bindings with a row's attributes, which are the same in all parts of a formula, or None."""
    return {**found, **attrs} if all(found.get(name, value) == value for name, value in attrs.items()) else None


def matches_row(pattern, row, operands, attrs, found, look):
    if pattern.row is Mean:
        return matches_mean(pattern, row, operands, found, look)
    if row is pow and pattern.row is sqrt and not look.form_alone and any_of(operands[0].value == -ops.INF):
        return None                                             # (-inf)**0.5 is inf
    for spelled, parts in spellings(row, pattern):
        if spelled is row and len(parts) == len(operands):
            inner = with_attributes(found, attrs()) if row.attrs else found
            if inner is None:                                   # sum(a*b, axis=0) / (norm(a, axis=1) norm(b, axis=1)) is no cosine
                return None
            for part, operand in zip(parts, operands):
                inner = matches(part, operand, inner, look)
                if inner is None:
                    break
            else:
                return inner
    return None


def matches_mean(pattern, row, operands, found, look):
    """A sum over a count; or the choice between that and the sum of quotients, which reduce_mean takes where the sum overflows."""
    if row is ops.where and operands[1].row is div:
        return matches_mean(pattern, div, operands[1].operands, found, look)
    if row is not div or operands[1].number is None or operands[0].row is not reduce_sum:
        return None
    inner = matches(Pattern(reduce_sum, pattern.operands), operands[0], found, look)
    if inner is None or math.prod(operands[0].operands[0].value.shape) != operands[1].number * math.prod(operands[0].value.shape):
        return None
    return {**inner, "count": operands[1].number}


# ------------------------------------------------------------------------------------------------------------------- laws
class Law:
    """text, pattern, replacement; `when`: a condition on the values; `shared`: why its parts may be held by others too; `of_range`: why
    it holds for tapes that do not stabilise too; `local`: does it change the formula beside some point alone?  Then laws around it see the
    formula as it was written."""

    def __init__(self, text, pattern, replacement, when=None, shared=None, of_range=None, local=False):
        self.local = local
        self.text, self.replacement, self.when, self.shared, self.of_range = text, replacement, when, shared, of_range
        self.pattern_names = list(inspect.signature(pattern).parameters)
        self.pattern = pattern(*[Name(p) for p in self.pattern_names])
        self.turned = Pattern(sub, self.pattern.operands[::-1]) if self.pattern.row is sub else None
        self.wants = list(inspect.signature(replacement).parameters)

    def heads(self):
        if self.pattern.row is Mean:
            return {div}
        return {row for row, _ in spellings(None, self.pattern)}

    def fits(self, row, rows):
        """May the law hold of a row on operands that these rows made? What `apply` then asks of them is more."""
        for pattern in filter(None, (self.pattern, self.turned)):
            for spelled, parts in spellings(row, pattern):
                if spelled is row and len(parts) == len(rows) and all(made_by(part, made) for part, made in zip(parts, rows)):
                    return True
        return False

    def of_exponentials(self):
        """Is it the logarithm of something with exponentials in it?"""
        return self.pattern.row is log and type(self) is Law and bool(rows_in(self.pattern) & EXPONENTIAL)

    def may_hold(self, row, nodes):
        """Have a row on these nodes, and what made them, the law's form?  What `apply` asks of values comes on top."""
        return self.bindings(row, nodes, Look(self.shared, form_alone=True))[0] is not None

    def bindings(self, row, nodes, look):
        """What the pattern's names stand for, or None, and a sign: a law for a - b holds for b - a, the sign changed."""
        found = matches_row(self.pattern, row, nodes, dict, {}, look)
        if found is not None or self.turned is None:
            return found, 1
        return matches_row(self.turned, row, nodes, dict, {}, look), -1

    def apply(self, row, nodes):
        """What takes the place of a row on these nodes, or None."""
        found, sign = self.bindings(row, nodes, Look(self.shared))
        if found is None:
            return None
        values = {name: value_of(name, x) for name, x in found.items()}
        if self.when is not None and not self.when(*[values[p] for p in inspect.signature(self.when).parameters]):
            return None
        y = self.replacement(*[values[p] for p in self.wants])
        y = y if sign > 0 else -y
        return y if y.shape == np.broadcast_shapes(*[tuple(node.value.shape) for node in nodes]) else None


class LawOfItsOwn(Law):
    """A law that compares in its own way; the pattern shows its shortest form."""

    def may_hold(self, row, nodes):
        return True


def all_of(mask):
    return bool(ops.reduce_all(mask, axes=tuple(range(mask.ndim)), keepdims=0))


def any_of(mask):
    return not all_of(ops.logical_not(mask))


def value_of(name, x):
    if name in ("axes", "keepdims", "axis", "exclusive", "reverse", "shape", "count", "view"):
        return x
    return x.number if name in NUMBERS else x.value
