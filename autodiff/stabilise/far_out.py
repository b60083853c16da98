"""Laws for what leaves the format on its way: polynomials of one variable under a root, a logarithm or a line of division, and products
of powers under a logarithm.  They hold where the plain formula has lost its number, and leave every other element as it is written.
"""

import math

from .. import ops
from .._op import INF
from ..ops import add, div, log, log1p, mul, neg, pow, reciprocal, sqrt, square, sub
from ..stable import in_range, polynomial
from .laws import LawOfItsOwn, Written, any_of, as_written, same

SUMS = (add, sub, square, mul, pow)
LONGEST = 16                                            # powers of a polynomial, factors of a product


# ----------------------------------------------------------------------------------------------------------- polynomials
def _times(p, q):
    total = {}
    for i, a in p.items():
        for j, b in q.items():
            total[i + j] = total.get(i + j, 0.0) + a * b
    return total if max(total, default=0) <= LONGEST else None


def _plus(p, q, sign=1):
    return {k: p.get(k, 0.0) + sign * q.get(k, 0.0) for k in {*p, *q}}


def _power(p, n):
    if n is None or n != int(n) or not 1 < n <= LONGEST:
        return None
    total = {0: 1.0}
    for _ in range(int(n)):
        total = None if total is None else _times(total, p)
    return total


class Reading:
    """Polynomials of one variable, as {power: coefficient}; the variable is the `leaf`, the node that is no sum or product of it."""

    def __init__(self):
        self.leaf = None

    def of(self, node, depth=12):
        """None where there is another variable."""
        if node.number is not None:
            return {0: float(node.number)} if math.isfinite(node.number) else None
        before = self.leaf
        if node.temporary and depth and node.row in (add, sub, neg, mul, square, pow, div):
            p = self.of_row(node.row, node.operands, depth - 1)
            if p is not None:
                return p
            self.leaf = before
        if self.leaf is None:
            self.leaf = node
        return {1: 1.0} if same(self.leaf, node) else None

    def of_row(self, row, nodes, depth):
        if row is pow or row is div:                    # by a number alone
            n = nodes[1].number
            p = self.of(nodes[0], depth) if n else None
            return None if p is None else _power(p, n) if row is pow else _times(p, {0: 1 / n})
        parts = [self.of(node, depth) for node in nodes]
        if None in parts:
            return None
        if row is neg or row is square:
            return _times(parts[0], parts[0] if row is square else {0: -1.0})
        return _times(*parts) if row is mul else _plus(*parts, sign=-1 if row is sub else 1)


def _highest(p):
    return max((k for k, c in p.items() if c), default=0)


def where_far(x, polynomials, powers):
    """Where one of them has left the format, and each is little more than its highest term.  The two terms of the slope of a quotient that
    tends to a number cancel sooner."""
    least, single = [], x.dtype.name == "float32"
    level = len(polynomials) == 2 and _highest(polynomials[0]) == _highest(polynomials[1]) * powers[0]
    most = (1e2 if single else 1e4) if level else 1e18 if single else 1e150
    for p in polynomials:
        d = _highest(p)
        least.append(max([1.0, *[2 * abs(c / p[d]) ** (1 / (d - k)) for k, c in p.items() if c and k != d]]))
    p = max(polynomials, key=_highest)
    return ops.abs(x) > max(*least, (most / abs(p[_highest(p)])) ** (1 / _highest(p)), 1.0)


class OfPolynomials(LawOfItsOwn):
    """A function of one or two polynomials of one variable, by what is left of each over its highest power: a polynomial in 1/x.  `rest`
    gives the laws that hold elsewhere."""

    def __init__(self, text, heads, pattern, replacement, rest=lambda: []):
        super().__init__(text, pattern, replacement, local=True)
        self.rows, self.rest = heads, rest

    def heads(self):
        return self.rows

    def fits(self, row, rows):
        return rows[-1] in (*SUMS, Written) or rows[-1] is sqrt and row is div or row is pow and rows[0] in (*SUMS, Written)

    def may_hold(self, row, nodes):
        return self.read(row, nodes)[0] is not None

    def read(self, row, nodes):
        """The variable, the polynomials and the power; or Nones."""
        reading = Reading()
        found = self.polynomials(row, nodes, reading) if row in self.rows else None
        if found is None or reading.leaf is None or max(map(_highest, found[0])) < 2:
            return None, None
        return reading.leaf, found

    def apply(self, row, nodes):
        leaf, found = self.read(row, nodes)
        if leaf is None:
            return None
        x = leaf.value
        far = where_far(x, *found)
        return self.replacement(x, far, *found[0], *found[1], self.elsewhere(row, nodes, leaf, far)) if any_of(far) else None

    def polynomials(self, row, nodes, reading):
        """One or two polynomials, and the power of the last, where the form leaves one open; or None."""
        if row is not div:
            p, powers = reading.of(nodes[0]), [nodes[1].number] if row is pow else []
            p = _plus(p, {0: 1.0}) if p is not None and row is log1p else p
            return None if p is None or len(p) < 2 or None in powers else ([p], powers)
        under = as_written(nodes[1])
        root = under.row is sqrt and under.temporary
        p, q = reading.of(nodes[0]), reading.of(under.operands[0] if root else under)
        if p is None or q is None or len(q) < 2 or not root and under.row not in SUMS:
            return None                                 # x**3 / x**2 is plain arithmetic
        return [p, q], [0.5 if root else 1.0]

    def elsewhere(self, row, nodes, leaf, far):
        for law in self.rest():
            y = law.apply(row, nodes)
            if y is not None:
                return y
        x = ops.where(far, 1, leaf.value)                # all of it anew: no inf of what was computed is left for second derivatives
        return row(*[_anew(as_written(node), leaf, x) for node in nodes])


def _anew(node, leaf, x):
    """What a node is where its variable, the leaf, is x."""
    if node.number is not None:
        return node.number
    return x if same(leaf, node) else node.row(*[_anew(part, leaf, x) for part in node.operands])


def _rest(x, far, p):
    """A polynomial over its highest power, and 1/x: 1 where x is not far, so that neither is seen there."""
    t = ops.where(far & ops.is_finite(x), 1 / ops.where(far & ops.is_finite(x), x, 1), ops.where(far, 0.0, 1.0) + ops.zeros_like(x))
    d = _highest(p)
    return polynomial(t, [p.get(d - k, 0.0) for k in range(d + 1)]), t


def _positive(x, far, p):
    """What is under a root or a logarithm over |x| to the highest power, where that is positive, and where it is."""
    q, t = _rest(x, far, p)
    q = q * ops.sign(ops.where(far, x, 1)) if _highest(p) % 2 else q
    return ops.where(far & (q > 0), q, 1), far & (q > 0), t


def power_of(x, far, p, a, otherwise):
    """p(x)**a."""
    q, here, t = _positive(x, far, p)
    n = _highest(p) * a
    size = ops.abs(ops.where(here, x, 1))
    size = ops.pow(size, n) if n >= 0 else ops.pow(ops.abs(t), -n)
    return ops.where(here, size * ops.pow(q, a), otherwise)


def log_of(x, far, p, otherwise):
    """log(p(x)); of x itself, where it was given as inf."""
    q, here, _ = _positive(x, far, p)
    y = log(ops.abs(ops.where(here & ops.is_finite(x), x, 1)))
    if any_of(ops.is_inf(x)):
        y = ops.where(ops.is_inf(x), ops.where(x > 0, log(x), ops.zeros_like(x) + INF), y)
    return ops.where(here, _highest(p) * y + log(q), otherwise)


def quotient_of(x, far, p, q, a, otherwise):
    """p(x) / q(x)**a, a = 1 or 1/2."""
    (above, t), n = _rest(x, far, p), _highest(p) - _highest(q) * a
    if a == 1:
        y, size = above / _rest(x, far, q)[0], ops.where(far, x, 1)
    else:
        under, far, _ = _positive(x, far, q)
        y, size, t = above / ops.sqrt(under), ops.abs(ops.where(far, x, 1)), ops.abs(t)
        y = y * ops.sign(ops.where(far, x, 1)) if _highest(p) % 2 else y
    if n > 0:
        y = ops.pow(size, float(n)) * y
    elif n < 0:
        y = ops.pow(t, float(-n)) * y
    return ops.where(far, y, otherwise)


# ---------------------------------------------------------------------------------------------------------------- products
def _raised(node):
    """What a node is a power of, and which; None where it is none."""
    powers = {reciprocal: -1.0, sqrt: 0.5, square: 2.0}
    n = powers.get(node.row, node.operands[1].number if node.row is pow else None)
    return (node.operands[0], float(n)) if n and math.isfinite(n) else None


class OfPowers(LawOfItsOwn):
    """The logarithm or the root of a product or quotient of powers, by those of its factors; `known` gives laws for logarithms of factors."""

    def __init__(self, text, head, pattern, replacement, known=lambda: []):
        super().__init__(text, pattern, replacement, local=head is sqrt)
        self.head, self.known = head, known

    def heads(self):
        return {self.head, pow} if self.head is sqrt else {self.head}

    def fits(self, row, rows):
        return rows[0] in (mul, div, square, pow, Written)

    def may_hold(self, row, nodes):
        if row not in self.heads() or row is pow and nodes[1].number != 0.5:
            return False
        top = as_written(nodes[0])
        return top.temporary and top.row in ((mul, div, square, pow) if self.head is sqrt else (mul, div))  # (of log(u**n) LogOfParts takes log(u))

    def apply(self, row, nodes):
        found = self.parts(as_written(nodes[0])) if self.may_hold(row, nodes) else None
        return None if found is None else self.replacement(nodes[0].value, *found)

    def parts(self, node):
        """Factors (value, power, logarithm where a law knows it, was it given?), the sum of the numbers' logarithms, all that was computed
        on the way; or None."""
        factors, numbers, middle, waiting = [], 0.0, [], [(node, 1.0)]
        while waiting:
            node, n = waiting.pop()
            node = as_written(node)
            if node.number is not None:
                if not 0 < node.number < INF:
                    return None
                numbers += n * math.log(node.number)
                continue
            raised = _raised(node) if node.row is not None and node.temporary else None
            if raised is not None:
                waiting.append((raised[0], n * raised[1]))
                middle.append(node.value)
            elif node.temporary and node.row in (mul, div):
                a, b = node.operands
                waiting += [(b, n if node.row is mul else -n), (a, n)]
                middle.append(node.value)
            else:
                known = [y for law in self.known() if node.temporary and (y := law.apply(log, [node])) is not None][:1]
                factors.append((node.value, n, known[0] if known else None, node.row is None))
            if len(factors) + len(waiting) > LONGEST:
                return None
        return (factors, numbers, middle) if factors and len(middle) + len(factors) > 1 else None


def _gone(y, factors, middle):
    """Where a part of a product of powers has left the format though its factors have not, and the product is positive."""
    nothing = ops.is_nan(ops.zeros_like(y))
    usable, left, up, down, sign = ops.logical_not(in_range(ops.abs(y))), nothing, nothing, nothing, 1.0     # up, down: infinite factors make it inf, 0
    for v in middle:
        left = left | ops.logical_not(in_range(ops.abs(v)))
    for a, n, known, given in factors:
        usable = usable & ((a > 0) if n != int(n) or known is not None else (a != 0) & ops.equal(a, a))
        sign = sign * ops.sign(a) if n % 2 == 1 else sign
        if known is not None:
            left = left | ops.logical_not(in_range(ops.abs(a)))
        elif not given:                                 # it may have overflowed
            usable = usable & ops.is_finite(a)
        else:
            up, down = (up | ops.is_inf(a), down) if n > 0 else (up, down | ops.is_inf(a))
    gone = (left | up | down) & usable & ops.logical_not(up & down)
    return gone if isinstance(sign, float) else gone & (sign > 0)


def log_of_powers(y, factors, numbers, middle):
    """log(y), y the product of a**n over the factors."""
    gone = _gone(y, factors, middle)
    if not any_of(gone):
        return None
    total = numbers
    for a, n, known, given in factors:
        if known is not None:
            total = total + n * ops.where(gone, known, 0)
            continue
        size = log(ops.abs(ops.where(gone & ops.is_finite(a), a, 1)))
        if given and any_of(ops.is_inf(a)):             # its slope there is 0
            size = ops.where(ops.equal(a, INF), log(a), ops.where(ops.equal(a, -INF), INF + ops.zeros_like(a), size))
        total = total + n * size
    return ops.where(gone, total, log(ops.where(gone, 1, y)))


def root_of_powers(y, factors, numbers, middle):
    """sqrt(y), y the product of a**n over the factors, of finite ones."""
    gone = _gone(y, factors, middle)
    for a, _, _, _ in factors:
        gone = gone & ops.is_finite(a)
    if not any_of(gone):
        return None
    size = math.exp(0.5 * numbers)
    for a, n, _, _ in sorted(factors, key=lambda factor: factor[1]):
        size = size * ops.pow(ops.abs(ops.where(gone, a, 1)), 0.5 * n)
    return ops.where(gone, size, sqrt(ops.where(gone, 1, y)))
