"""Laws that are no single pattern: of sums and quotients of any number of exponentials, of logarithms of what is put together of parts,
of the two factors of a normal distribution's tail.
"""

import math

from . import ops, stable
from .laws import Law, all_of
from .ops import add, div, erfc, exp, log, log1p, mul, ndtr, neg, pow, reciprocal, sqrt, square, sub

HELD = "the exponentials are the operands of one quotient: their rounding cancels nothing"


def exponents(node, shared=False):
    """The logarithms of the terms of a sum of exponentials, floats for those of numbers; None where a term is none of these.  Sums may be
    longer than Python's stack is deep."""
    terms, waiting = [], [(node, 0.0)]                  # parts, and the logarithms of what they are multiplied by
    while waiting:
        part, scale = waiting.pop()
        if part.number is not None:
            if part.number == 0:                        # which sum() begins with
                continue
            if not 0 < part.number < math.inf:
                return None
            terms.append(math.log(part.number) + scale)
            continue
        if part.row is None or not (part.temporary or shared):
            return None
        parts = part.operands
        if part.row is exp:
            terms.append(parts[0].value + scale if scale else parts[0].value)
        elif part.row is add:
            waiting += [(parts[1], scale), (parts[0], scale)]
        elif part.row is mul or part.row is div:
            a, b = parts if parts[1].number is None or part.row is div else parts[::-1]
            inner, factor = (a, b.number) if part.row is div else (b, a.number)
            if factor is None or not 0 < factor < math.inf:
                return None
            waiting.append((inner, scale - math.log(factor) if part.row is div else scale + math.log(factor)))
        else:
            return None
    return terms


class SumOfExponentials(Law):
    """The logarithm of any number of terms exp(x), c exp(x), exp(x)/c, c with c > 0; the pattern is its shortest form."""

    def __init__(self, text):
        super().__init__(text, lambda a, b, e: log(2 * exp(a) + exp(b) + 3 * exp(e) + 5), lambda *terms: stable.log_of_sum(terms))

    def heads(self):
        return {log, log1p}

    def fits(self, row, rows):
        return rows[0] is add

    def apply(self, row, nodes):
        terms = exponents(nodes[0]) if row in (log, log1p) else None
        if terms is not None and row is log1p:
            terms = [0.0, *terms]
        if terms is None or len(terms) < 2 or all(isinstance(t, float) for t in terms):
            return None
        return self.replacement(*terms)


class ShareOfExponentials(Law):
    """exp(a) over a sum of exponentials, one of them exp(a)."""

    def __init__(self, text):
        super().__init__(text, lambda a, b: exp(a) / (exp(a) + exp(b)), lambda a, others: ops.sigmoid(-stable.log_of_sum([t - a for t in others])), shared=HELD)

    def heads(self):
        return {div}

    def fits(self, row, rows):
        return rows == (exp, add)

    def apply(self, row, nodes):
        top, under = nodes
        if row is not div or top.row is not exp or under.row is not add:
            return None
        terms = self.apart(under, top.operands[0])
        if not terms or any(isinstance(t, float) for t in terms) or not all_of(ops.is_finite(top.operands[0].value)):
            return None
        return self.replacement(top.operands[0].value, terms)

    def apart(self, node, a):
        """The exponents of a sum without one that is a; None where there is none."""
        terms, found, waiting = [], False, [node]
        while waiting:
            part = waiting.pop()
            if part.row is add:
                waiting += part.operands[::-1]
            elif not found and part.row is exp and part.operands[0].same(a):
                found = True
            else:
                inner = exponents(part, shared=True)
                if inner is None:
                    return None
                terms += inner
        return terms if found else None


PARTS = (mul, div, reciprocal, sqrt, square, pow)


class LogOfParts(Law):
    """log(u v), log(u / v), log(u**n), log(sqrt(u)) where another law knows the logarithm of a part, which is not negative."""

    def __init__(self, text, pattern, laws):
        super().__init__(text, pattern, lambda y: y)
        self.laws = laws                                    # called: the table is not whole yet

    def heads(self):
        return {log}

    def fits(self, row, rows):
        return rows[0] in PARTS

    def apply(self, row, nodes):
        y, known = self.log_of(nodes[0], 4)
        return self.replacement(y) if known and y.shape == nodes[0].value.shape else None

    def log_of(self, node, depth):
        """The logarithm of a node, and whether a law knew it."""
        if node.row is not None and node.temporary and depth:
            if node.row is exp:
                return node.operands[0].value, True
            if node.row in PARTS:
                y = self.of_parts(node, node.operands, depth - 1)
                if y is not None:
                    return y, True
            for law in self.laws():
                y = law.apply(log, [node])
                if y is not None:
                    return y, True
        number = node.number
        if number is not None:
            return (math.log(number) if number > 0 else math.nan), False
        return log(node.value), False

    def of_parts(self, node, parts, depth):
        powers = {reciprocal: -1, sqrt: 0.5, square: 2}
        n = powers.get(node.row, parts[1].number if node.row is pow else None)
        used = parts[:1] if node.row in powers or node.row is pow else parts
        if (node.row is pow and n is None) or not all(all_of(p.value >= 0) for p in used):
            return None
        logs = [self.log_of(p, depth) for p in used]
        if not any(known for _, known in logs):
            return None
        if len(used) == 1:
            return logs[0][0] * n
        return logs[0][0] + logs[1][0] if node.row is mul else logs[0][0] - logs[1][0]


def monomial(node, depth=6):
    """(factor, base, power) of c x**k, however it is spelled; None where a node is none."""
    if node.row is None or depth == 0 or node.row not in (neg, mul, div, square, pow):
        return 1.0, node, 1
    parts = node.operands
    if node.row is neg or node.row is square:
        c, x, k = monomial(parts[0], depth - 1)
        return (-c, x, k) if node.row is neg else (c * c, x, 2 * k)
    a, b = parts
    if node.row is pow:
        c, x, k = monomial(a, depth - 1)
        return (c * c, x, 2 * k) if b.number == 2 else (1.0, node, 1)
    if b.number is not None or (a.number is not None and node.row is mul):
        number, rest = (b.number, a) if b.number is not None else (a.number, b)
        c, x, k = monomial(rest, depth - 1)
        return (c * number if node.row is mul else c / number, x, k) if number else (1.0, node, 1)
    (c, x, k), (d, y, m) = monomial(a, depth - 1), monomial(b, depth - 1)
    return (c * d, x, k + m) if node.row is mul and x.same(y) else (1.0, node, 1)


def scaled(node, depth=4):
    """A number and the node that it multiplies."""
    if node.row in (mul, div) and depth:
        a, b = node.operands
        if b.number:
            k, inner = scaled(a, depth - 1)
            return (k * b.number if node.row is mul else k / b.number), inner
        if a.number and node.row is mul:
            k, inner = scaled(b, depth - 1)
            return k * a.number, inner
    return 1.0, node


class NormalTail(Law):
    """erfc(s x), or ndtr, beside the exponential of s**2 x**2, which is as large as the first is small: a product (power = 1), or the reciprocal
    of one (-1). Numbers may stand beside both; s**2 is the other's factor but for the rounding of a root of 2."""

    def __init__(self, text, pattern, power):
        super().__init__(text, pattern, stable.normal_tail, shared="scaling loses no digit")
        self.power = power

    def heads(self):
        return {div, mul}

    def fits(self, row, rows):
        bell, tail = {exp, mul, div}, {erfc, ndtr, mul, div}
        return rows[0] in bell and rows[1] in tail or rows[1] in bell and rows[0] in tail

    def apply(self, row, nodes):
        if row not in (mul, div):
            return None
        under = 1 if row is mul else -1
        for bell, tail, p, q in [(*nodes, 1, under), (*nodes[::-1], under, 1)]:
            (j, bell), (k, tail) = scaled(bell), scaled(tail)
            if q != self.power or bell.row is not exp or tail.row not in (erfc, ndtr):
                continue
            (c, x, two), (s, y, one) = monomial(bell.operands[0]), monomial(tail.operands[0])
            if tail.row is ndtr:
                s, k = -s / math.sqrt(2), 0.5 * k
            if (two, one) == (2, 1) and x.same(y) and abs(p * c - q * s * s) <= 1e-6 * s * s:
                return self.replacement(x.value, s, j**p * k**q, q)
        return None
