"""THE LAWS of passes: what takes the place of an operation when a recording is made a plan, because it has the same bits.

A law is written as two lambdas over rows, before and after; `c` stands for a power of two whose reciprocal is one too, any other name
for a number or an array.  `compiled` makes a table of them that the core applies to every elementwise step of floats as it is laid
down (csrc/plan/plan_laws.c), so that the table says all there is to say.  A nan has no bits that mean anything, a zero has a sign.

What looks right and is wrong for floats stands in REFUSED; each has a counter-example, and a test finds it.
"""

import inspect

from .arithmetic import Arithmetic
from .ops import abs, add, div, maximum, minimum, mul, reshape, square

__all__ = ["LAWS", "REFUSED", "compiled"]


class Term(Arithmetic):
    """A row on terms, numbers and names."""

    def __init__(self, row, operands):
        self.row, self.operands = row, operands

    @staticmethod
    def __ad_apply__(row, operands, attrs):
        return Term(row, operands)


class law:
    def __init__(self, text, before, after):
        self.text, self.before, self.after = text, before, after
        self.names = list(inspect.signature(before).parameters)

    def __repr__(self):
        return f"<law {self.text}>"


# fmt: off
LAWS = [
    law("x * 1 -> x",               lambda x: x * 1.0,             lambda x: x),
    law("x / 1 -> x",               lambda x: x / 1.0,             lambda x: x),
    law("x - 0 -> x",               lambda x: x - 0.0,             lambda x: x),
    law("x + -0 -> x",              lambda x: x + -0.0,            lambda x: x),
    law("x * -1 -> -x",             lambda x: x * -1.0,            lambda x: -x),
    law("x / -1 -> -x",             lambda x: x / -1.0,            lambda x: -x),
    law("x / c -> x * (1 / c)",     lambda x, c: x / c,            lambda x, c: x * (1.0 / c)),      # c a power of two: both are exact
    law("-(-x) -> x",               lambda x: -(-x),               lambda x: x),
    law("a + -b -> a - b",          lambda a, b: a + -b,           lambda a, b: a - b),
    law("a - -b -> a + b",          lambda a, b: a - -b,           lambda a, b: a + b),
    law("|-x| -> |x|",              lambda x: abs(-x),             lambda x: abs(x)),
    law("||x|| -> |x|",             lambda x: abs(abs(x)),         lambda x: abs(x)),
    law("(-x)^2 -> x^2",            lambda x: square(-x),          lambda x: square(x)),
    law("|x|^2 -> x^2",             lambda x: square(abs(x)),      lambda x: square(x)),
    law("max(x, x) -> x",           lambda x: maximum(x, x),       lambda x: x),
    law("min(x, x) -> x",           lambda x: minimum(x, x),       lambda x: x),
    law("reshape(reshape(x)) -> reshape(x)", lambda x: reshape(reshape(x)), lambda x: reshape(x)),
    law("reshape(x) -> x",          lambda x: reshape(x),          lambda x: x),                     # where it has that shape already
]
REFUSED = [
    law("x + 0 -> x",               lambda x: x + 0.0,             lambda x: x),
    law("x * 0 -> 0",               lambda x: x * 0.0,             lambda x: 0.0),
    law("0 - x -> -x",              lambda x: 0.0 - x,             lambda x: -x),
    law("x - x -> 0",               lambda x: x - x,               lambda x: 0.0),
    law("x / x -> 1",               lambda x: x / x,               lambda x: 1.0),
    law("(a + b) + c -> a + (b + c)", lambda a, b, c: (a + b) + c, lambda a, b, c: a + (b + c)),
    law("a * c + b * c -> (a + b) * c", lambda a, b, c: a * c + b * c, lambda a, b, c: (a + b) * c),
    law("x / 49 -> x * (1 / 49)",   lambda x: x / 49.0,            lambda x: x * (1.0 / 49.0)),
    law("-(a - b) -> b - a",        lambda a, b: -(a - b),         lambda a, b: b - a),
]
# fmt: on

COMMUTATIVE = {add, mul}
NUMBER, POWER, INVERSE, NESTED = range(8, 12)  # what an operand is that is no name: as in csrc/plan/plan_laws.c


def compiled():
    """[(index of the law, before, nested, after)], those that begin with one row together: a side is (code of the row or -1, what its operands are, the number among them)."""
    return sorted((row for k, each in enumerate(LAWS) for row in _compiled(k, each)), key=lambda row: row[1][0])


def _compiled(k, each):
    names = [Term(None, name) for name in each.names]
    before, after = each.before(*names), each.after(*names)
    for operands in [before.operands, before.operands[::-1]] if before.row in COMMUTATIVE else [before.operands]:
        nested = next((x for x in operands if isinstance(x, Term) and x.row is not None), None)
        yield k, _side(Term(before.row, operands), names), (-1, (), 0.0) if nested is None else _side(nested, names), _side(after, names)


def _side(term, names):
    if term.row is None:
        return -1, (names.index(term),), 0.0
    what, number = [], 0.0
    for x in term.operands:
        if not isinstance(x, Term):
            what.append(NUMBER)
            number = float(x)
        elif x.row is None:
            what.append(POWER if x.operands == "c" else names.index(x))
        else:
            what.append(INVERSE if x.row is div and x.operands[0] == 1.0 else NESTED)
    return term.row.code, tuple(what), number
