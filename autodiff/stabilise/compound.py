"""Laws that are no single pattern: of sums and quotients of any number of exponentials, of logarithms of what is put together of parts,
of the two factors of a normal distribution's tail.
"""

import math

from . import expansions
from .. import ops, stable, stable_logs
from .laws import Law, LawOfItsOwn, Written, all_of, any_of, as_written, makers, same
from ..ops import add, div, erfc, exp, log, log1p, mul, ndtr, neg, pow, reciprocal, reduce_max, reduce_prod, reduce_sum, sqrt, square, sub

SERIES = {*expansions.FUNCTIONS, *expansions.PLAIN, "pow", "hypot"}
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
        part = as_written(part, local=True)
        if part.row is None or not (part.temporary or shared):
            return None
        parts = part.operands
        if part.row is add:
            waiting += [(parts[1], scale), (parts[0], scale)]
        elif part.row is mul or part.row is div:
            found = apart(part.row, parts)
            if found is None:
                return None
            waiting.append((found[0], found[1] + scale))
        else:
            term = exponent(part)
            if term is None:
                return None
            terms.append(term if isinstance(scale, float) and scale == 0 else term + scale)
    return terms


def exponent(part):
    """The logarithm of exp(x), or of the sum of one along axes."""
    x = part.operands[0]
    if part.row is exp:
        return x.value
    if part.row is reduce_sum and x.row is exp and x.temporary:
        return ops.reduce_logsumexp(x.operands[0].value, **part.attrs)
    return None


def apart(row, parts):
    """What a product or quotient is made of: a node, and the logarithm of its factor, a number or an exponential of finite ones."""
    for inner, factor in (parts,) if row is div else (parts, parts[::-1]):
        sign = -1 if row is div else 1
        if factor.number is not None and 0 < factor.number < math.inf:
            return inner, sign * math.log(factor.number)
        if factor.row is exp and factor.temporary and inner.number is None and all_of(ops.is_finite(factor.operands[0].value)):
            u = factor.operands[0].value
            return inner, u if sign > 0 else -u
    return None


class SumOfExponentials(LawOfItsOwn):
    """The logarithm of any number of terms exp(x), c exp(x), exp(x)/c, c with c > 0; the pattern is its shortest form."""

    def __init__(self, text):
        super().__init__(text, lambda a, b, e: log(2 * exp(a) + exp(b) + 3 * exp(e) + 5), lambda *terms: stable_logs.log_of_sum(terms))

    def heads(self):
        return {log, log1p}

    def fits(self, row, rows):
        return rows[0] is add or rows[0] is mul

    def apply(self, row, nodes):
        terms = exponents(nodes[0]) if row in (log, log1p) else None
        if terms is not None and row is log1p:
            terms = [0.0, *terms]
        if terms is None or len(terms) < 2 or all(isinstance(t, float) for t in terms):
            return None
        return self.replacement(*terms)


class ShareOfExponentials(LawOfItsOwn):
    """exp(a) over a sum of exponentials, one of them exp(a)."""

    def __init__(self, text):
        super().__init__(text, lambda a, b: exp(a) / (exp(a) + exp(b)), lambda a, others: ops.sigmoid(-stable_logs.log_of_sum([t - a for t in others])), shared=HELD)

    def heads(self):
        return {div}

    def fits(self, row, rows):
        return rows == (exp, add)

    def apply(self, row, nodes):
        top, under = nodes[0], as_written(nodes[1], local=True)
        if row is not div or top.row is not exp or under.row is not add:
            return None
        terms = self.apart(under, top.operands[0])
        if not terms or not all(isinstance(t, float) for t in terms) and any_of(ops.is_inf(top.operands[0].value)):
            return None
        return self.replacement(top.operands[0].value, terms)

    def apart(self, node, a):
        """The exponents of a sum without one that is a; None where there is none."""
        terms, found, waiting = [], False, [node]
        while waiting:
            part = as_written(waiting.pop(), local=True)
            if part.row is add:
                waiting += part.operands[::-1]
            elif not found and part.row is exp and same(part.operands[0], a):
                found = True
            else:
                inner = exponents(part, shared=True)
                if inner is None:
                    return None
                terms += inner
        return terms if found else None


PARTS = (mul, div, reciprocal, sqrt, square, pow)
OVER_AXES = {reduce_prod: reduce_sum, reduce_max: reduce_max, reduce_sum: ops.reduce_logsumexp}      # of the logarithms


class LogOfParts(LawOfItsOwn):
    """log(u v), log(u / v), log(u**n), log(sqrt(u)) where another law knows the logarithm of a part, which is not negative."""

    def __init__(self, text, pattern, laws, every):
        super().__init__(text, pattern, lambda y: y)
        self.laws, self.every = laws, every                 # called: the table is not whole yet
        self.fitting = {}                                   # those of them that may hold of a node that these rows made

    def heads(self):
        return {log}

    def of(self, laws, node):
        """The logarithm of a node by the first of these laws that knows it, or None."""
        key = (laws, makers(node))
        if key not in self.fitting:
            self.fitting[key] = [law for law in laws() if any(law.fits(log, (row,)) for row in key[1])]
        return next((y for law in self.fitting[key] if (y := law.apply(log, [node])) is not None), None)

    def fits(self, row, rows):
        return rows[0] in PARTS or rows[0] in OVER_AXES or rows[0] is Written

    def apply(self, row, nodes):
        y, known = self.log_of(nodes[0], 4)
        return self.replacement(y) if known and y.shape == nodes[0].value.shape else None

    def log_of(self, node, depth):
        """The logarithm of a node, and whether a law knew it."""
        if node.row is not None and node.temporary and depth:
            for form in (node,) if node.written is None else (node, as_written(node)):
                y = self.known(form, depth)
                if y is not None:
                    return y, True
        elif node.row is not None and depth:                # others hold it: by laws that hold of those too
            for law in self.laws():
                y = law.apply(log, [node]) if law.shared else None
                if y is not None:
                    return y, True
        number = node.number
        if number is not None:
            return (math.log(number) if number > 0 else math.nan), False
        return log(node.value), False

    def known(self, node, depth):
        if node.row is exp:
            return node.operands[0].value
        if node.row in OVER_AXES:
            y, known = self.log_of(node.operands[0], depth - 1)
            return OVER_AXES[node.row](y, **node.attrs) if known else None
        y = self.of_parts(node, node.operands, depth - 1) if node.row in PARTS else None
        return self.of(self.laws, node) if y is None else y

    def of_parts(self, node, parts, depth):
        powers = {reciprocal: -1, sqrt: 0.5, square: 2}
        n = powers.get(node.row, parts[1].number if node.row is pow else None)
        used = parts[:1] if node.row in powers or node.row is pow else parts
        if (node.row is pow and n is None) or not all(all_of(p.value >= 0) for p in used):
            return None
        logs = [self.log_of(p, depth) for p in used]
        if len(used) == 1 and not logs[0][1] and used[0].temporary:         # a number times a logarithm: nothing cancels
            y = self.of(self.every, used[0])
            logs = logs if y is None else [(y, True)]
        if not any(known for _, known in logs):
            return None
        if len(used) == 1:
            return logs[0][0] * n
        return logs[0][0] + logs[1][0] if node.row is mul else logs[0][0] - logs[1][0]


class OtherBase(LawOfItsOwn):
    """Logarithms to the base 2 or 10: the natural one over that of the base, where a law knows it."""

    def __init__(self, text, laws):
        super().__init__(text, lambda x: ops.log2(1 + exp(x)), lambda y, base: y * (1 / math.log(base)))
        self.laws = laws                                    # called: the table is not whole yet

    def heads(self):
        return {ops.log2, ops.log10}

    def fits(self, row, rows):
        return row in self.heads() and rows[0] is not None

    def apply(self, row, nodes):
        for law in self.laws():
            y = law.apply(log, nodes)
            if y is not None:
                return self.replacement(y, 2 if row is ops.log2 else 10)
        return None


class LogOfRoot(LawOfItsOwn):
    """Half the logarithm of what is under the root, by another law where one knows it."""

    def __init__(self, text, laws):
        super().__init__(text, lambda x: log(sqrt(x)), lambda y: 0.5 * y)
        self.laws = laws                                    # called: the table is not whole yet

    def heads(self):
        return {log}

    def fits(self, row, rows):
        return rows[0] is sqrt or rows[0] is Written

    def apply(self, row, nodes):
        root = as_written(nodes[0])
        if row is not log or root.row is not sqrt or not root.temporary:
            return None
        under = root.operands
        known = [y for law in self.laws() if under[0].temporary and (y := law.apply(log, under)) is not None][:1]
        return self.replacement(known[0] if known else log(under[0].value))


class MinusMinus(LawOfItsOwn):
    """-(-x) of a temporary: laws leave one minus behind, and somebody writes the other."""

    def __init__(self, text):
        super().__init__(text, lambda x: -(-exp(x)), lambda x: x)

    def heads(self):
        return {neg}

    def fits(self, row, rows):
        return rows[0] is neg

    def apply(self, row, nodes):
        inner = nodes[0]
        if row is not neg or inner.row is not neg or not inner.temporary:
            return None
        (x,) = inner.operands
        return self.replacement(x.value) if x.temporary and x.row is not None else None


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

    def may_hold(self, row, nodes):
        return self.parts(row, nodes) is not None

    def apply(self, row, nodes):
        x, *numbers = self.parts(row, nodes) or (None,)
        return None if x is None else self.replacement(x.value, *numbers)

    def parts(self, row, nodes):
        """x, s, what both are multiplied by, and which power the tail has; or None."""
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
                return x, s, j**p * k**q, q
        return None


class Loss:
    """The operations of one variable below a node, as a tree (stabilise/expansions.py); the variable is the `leaf`."""

    def __init__(self, joint):
        self.joint, self.leaf, self.size, self.may_be_joint = joint, None, 0, False

    def tree(self, row, nodes):
        """None where there is more than one variable, or a row without a series."""
        if row.name not in SERIES:
            return None
        parts = []
        for node in nodes:
            parts.append(self.part(node))
            if parts[-1] is None:
                return None
        return (row.name, *parts)

    def part(self, node):
        number = node.number
        if number is not None:
            return number if math.isfinite(number) else None
        self.size += 1
        if self.size > 40:
            return None
        node = as_written(node)
        row = node.row
        if row is not None and node.temporary and row.name in SERIES:
            joint = row in (mul, div) and is_joint(node)
            if not (joint and self.joint):
                self.may_be_joint |= joint
                return self.tree(row, node.operands)
        if self.leaf is None:
            self.leaf = node
        return expansions.VARIABLE if same(self.leaf, node) else None


def is_joint(node):
    return all(part.number is None and not (part.temporary and part.row is not None and part.row.name in SERIES) for part in node.operands)


class BesidePoint(Law):
    """A formula of one variable that loses digits beside 0 or 1, in value or slope, by its power series there."""

    def __init__(self, text, pattern, rest):
        super().__init__(text, pattern, self.by_series, local=True)
        self.rest = rest                                # gives the laws that hold elsewhere: the table is not whole yet
        self.known = {}                                 # by tree and centre: v, step, coefficients, radius; or None

    def heads(self):
        return {log} if self.pattern.row is log else {add, sub, mul, div}

    def fits(self, row, rows):
        known = [r is Written or r is not None and r.name in SERIES for r in rows]
        if row is mul and not all(known):                       # x * f(x): only where f has a pole
            return any(r in (Written, div, reciprocal, pow) for r in rows)
        return row in self.heads() and any(known)

    def may_hold(self, row, nodes):
        return bool(self.known_beside(row, nodes)[1])

    def known_beside(self, row, nodes):
        """The variable, and the series of the formula at 0 and 1 where it loses digits there."""
        if row not in self.heads() or row is mul and nodes[1].number is not None or row in (mul, div) and nodes[0].number is not None:
            return None, []
        loss = Loss(False)
        tree = loss.tree(row, nodes)
        if tree is None and loss.may_be_joint:
            loss = Loss(True)
            tree = loss.tree(row, nodes)
        if tree is None or loss.leaf is None:
            return None, []
        return loss.leaf, [(centre, series) for centre in (0, 1) if (series := self.series(tree, centre)) is not None]

    def apply(self, row, nodes):
        leaf, beside = self.known_beside(row, nodes)
        for centre, series in beside:
            t = leaf.value - centre if centre else leaf.value
            near = ops.abs(t) < series[-1]
            if any_of(near):
                return self.replacement(t, near, self.elsewhere(row, nodes), row in (add, sub), *series)
        return None

    def elsewhere(self, row, nodes):
        for law in self.rest():
            y = law.apply(row, nodes)
            if y is not None:
                return y
        return row(*[node.value for node in nodes])

    def series(self, tree, centre):
        if (tree, centre) not in self.known:
            if len(self.known) >= 4096:                         # numbers may differ each time
                self.known.clear()
            self.known[tree, centre] = expansions.found(tree, centre)
        return self.known[tree, centre]

    @staticmethod
    def by_series(t, near, y, is_sum, v, step, coefficients, radius):
        t = ops.where(near, t, 0.5 * radius)
        z = square(t) if step == 2 else t
        total = stable.polynomial(z, coefficients)
        power = t if abs(v) == 1 else square(t) if abs(v) == 2 else pow(t, float(abs(v)))
        total = total if v == 0 else power * total if v > 0 else total / power
        return ops.where(near, total + 0.0 if is_sum and v > 0 else total, y)       # (a sum that is 0 is +0)
