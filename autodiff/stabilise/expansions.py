"""Power series of formulas of one variable, term by term and exactly: rational numbers, or 60 digits of those that are none.

A series is (v, c): c[0] x**v + c[1] x**(v + 1) + ... to as many terms as are known, c[0] != 0.  The recurrences are those of the functions'
differential equations (Knuth, The Art of Computer Programming, volume 2, section 4.7; Griewank & Walther, Evaluating Derivatives, ch. 13).
"""

import decimal
from fractions import Fraction

__all__ = []

TERMS = 34
FEW = 10                                                # are enough to see that nothing cancels
VARIABLE = "x"


class NoSeries(ArithmeticError):
    """A branch point, a pole under a function, a number beyond reason."""


def constant(c):
    return (0, [Fraction(c)] + [Fraction(0)] * (TERMS - 1)) if c else (0, [])


def variable(centre, terms):
    """x itself, x = centre + t, as a series in t."""
    rest = [Fraction(1)] + [Fraction(0)] * (terms - 2)
    return (0, [Fraction(centre), *rest]) if centre else (1, rest)


def _leading(v, c):
    lead = next((k for k, a in enumerate(c) if a), None)
    return (v, []) if lead is None else (v + lead, c[lead:])


def add(a, b, sign=1):
    (v, c), (w, d) = a, b
    if not c or not d:
        return a if not d else (w, [sign * x for x in d])
    low, high = min(v, w), min(v + len(c), w + len(d))
    at = [(c[k - v] if 0 <= k - v < len(c) else 0) + sign * (d[k - w] if 0 <= k - w < len(d) else 0) for k in range(low, high)]
    return _leading(low, [Fraction(x) for x in at])


def sub(a, b):
    return add(a, b, -1)


def neg(a):
    return a[0], [-x for x in a[1]]


def mul(a, b):
    (v, c), (w, d) = a, b
    n = min(len(c), len(d))
    used = [k for k in range(n) if c[k]]
    return v + w, [sum((c[j] * d[k - j] for j in used if j <= k), Fraction(0)) for k in range(n)]


def div(a, b):
    if not b[1]:
        raise NoSeries
    (v, c), (w, d) = a, b
    n, q = min(len(c), len(d)), []
    used = [k for k in range(1, n) if d[k]]
    for k in range(n):
        q.append((c[k] - sum((d[j] * q[k - j] for j in used if j <= k), Fraction(0))) / d[0])
    return v - w, q


def reciprocal(a):
    return div(constant(1), a)


def _digits(f, c):
    """f of a rational number, to 60 digits."""
    with decimal.localcontext() as context:
        context.prec = 60
        return Fraction(f(decimal.Decimal(c.numerator) / decimal.Decimal(c.denominator)))


def _from_zero(u):
    """The coefficients from that of x**0 on."""
    if u[0] < 0:
        raise NoSeries
    return [Fraction(0)] * u[0] + u[1] if u[1] else [Fraction(0)] * TERMS


def power(u, a):
    """u**a, a rational."""
    v, c = u
    if not c or (v and a.denominator != 1) or (c[0] < 0 and a.denominator != 1) or abs(a) > 1000:
        raise NoSeries
    if a.denominator == 1:
        first = c[0] ** int(a)
    else:
        first = _root(c[0], a) or _digits(lambda x: (x.ln() * decimal.Decimal(a.numerator) / decimal.Decimal(a.denominator)).exp(), c[0])
    y = [first]
    used = [k for k in range(1, len(c)) if c[k]]
    for k in range(1, len(c)):
        y.append(sum(((a * j - (k - j)) * c[j] * y[k - j] for j in used if j <= k), Fraction(0)) / (k * c[0]))
    return v * int(a) if v else 0, y


def _root(c, a):
    """c**a where that is rational and a a multiple of 1/2, else None."""
    if c == 1:
        return Fraction(1)
    if a.denominator != 2:
        return None
    root = Fraction(round(c.numerator**0.5), round(c.denominator**0.5))
    return root**a.numerator if root * root == c else None


def exp(u):
    c = _from_zero(u)
    if abs(c[0]) > 50:
        raise NoSeries
    y = [_digits(lambda x: x.exp(), c[0]) if c[0] else Fraction(1)]
    used = [k for k in range(1, len(c)) if c[k]]
    for k in range(1, len(c)):
        y.append(sum((j * c[j] * y[k - j] for j in used if j <= k), Fraction(0)) / k)
    return 0, y


def log(u):
    c = _from_zero(u)
    if c[0] <= 0:
        raise NoSeries
    y = [_digits(lambda x: x.ln(), c[0]) if c[0] != 1 else Fraction(0)]
    for k in range(1, len(c)):
        y.append((c[k] - sum((j * y[j] * c[k - j] for j in range(1, k) if y[j]), Fraction(0)) / k) / c[0])
    return _leading(0, y)


def _pair(u, sign):
    """sin and cos of u (sign = -1), or sinh and cosh (1); of what is 0 at 0."""
    c = _from_zero(u)
    if c[0]:
        raise NoSeries
    s, t = [Fraction(0)], [Fraction(1)]
    used = [k for k in range(1, len(c)) if c[k]]
    for k in range(1, len(c)):
        s.append(sum((j * c[j] * t[k - j] for j in used if j <= k), Fraction(0)) / k)
        t.append(sign * sum((j * c[j] * s[k - j] for j in used if j <= k), Fraction(0)) / k)
    return _leading(0, s), (0, t)


def _integral(u, slope):
    """What has the derivative slope(u) u' and is 0 at 0, for a u that is."""
    c = _from_zero(u)
    if c[0]:
        raise NoSeries
    v, d = mul(_leading(0, [k * x for k, x in enumerate(c)][1:]), slope(u))
    return v + 1, [x / (v + 1 + k) for k, x in enumerate(d)]


def _one(sign):
    return lambda u: add(constant(1), mul(u, u), sign)


def _half(u, k):
    return power(u, Fraction(k, 2))


def of_pair(pick, sign):
    def f(u):
        return pick(*_pair(u, sign))
    return f


TWO_OVER_ROOT_PI = Fraction("1.1283791670955125738961589031215451716881012586579977136881714434212849368829")
FUNCTIONS = {
    "neg": neg, "reciprocal": reciprocal, "square": lambda u: mul(u, u), "sqrt": lambda u: _half(u, 1), "exp": exp, "log": log,
    "expm1": lambda u: sub(exp(u), constant(1)), "log1p": lambda u: log(add(constant(1), u)),
    "sigmoid": lambda u: reciprocal(add(constant(1), exp(neg(u)))), "softplus": lambda u: log(add(constant(1), exp(u))),
    "log_sigmoid": lambda u: neg(log(add(constant(1), exp(neg(u))))),
    "sin": of_pair(lambda s, c: s, -1), "cos": of_pair(lambda s, c: c, -1), "tan": of_pair(div, -1),
    "sinh": of_pair(lambda s, c: s, 1), "cosh": of_pair(lambda s, c: c, 1), "tanh": of_pair(div, 1),
    "sech2": of_pair(lambda s, c: reciprocal(mul(c, c)), 1),
    "atan": lambda u: _integral(u, lambda u: reciprocal(_one(1)(u))), "atanh": lambda u: _integral(u, lambda u: reciprocal(_one(-1)(u))),
    "asin": lambda u: _integral(u, lambda u: _half(_one(-1)(u), -1)), "asinh": lambda u: _integral(u, lambda u: _half(_one(1)(u), -1)),
    "erf": lambda u: _integral(u, lambda u: mul(constant(TWO_OVER_ROOT_PI), exp(neg(mul(u, u))))),
    "erfc": lambda u: sub(constant(1), FUNCTIONS["erf"](u)), "cbrt": lambda u: power(u, Fraction(1, 3)),
}  # fmt: skip
PLAIN_SUMS = ("add", "sub")
PLAIN = {"add": add, "sub": sub, "mul": mul, "div": div}
NOT_PLAIN = set(FUNCTIONS) - {"neg", "square", "reciprocal"} | {"hypot", "pow"}


def of(tree, centre, terms=TERMS):
    """The series of a formula: a number, VARIABLE, or (name, part, ...)."""
    if tree == VARIABLE:
        return variable(centre, terms)
    if not isinstance(tree, tuple):
        return constant(tree)
    return applied(tree[0], tree[1:], [of(part, centre, terms) for part in tree[1:]])


def applied(name, trees, parts):
    """The series of an operation on parts, of which there are trees and series."""
    if name == "pow":
        if not isinstance(trees[1], float):
            raise NoSeries
        return power(parts[0], Fraction(trees[1]))
    if name == "hypot":
        return _half(add(mul(parts[0], parts[0]), mul(parts[1], parts[1])), 1)
    if name in ("add", "sub") and any(isinstance(t, tuple) for t in trees) and not any(map(is_more, trees)) and loses(name, parts):
        raise NoSeries                                  # (x + C) - C: the rounding is what is meant
    return (PLAIN.get(name) or FUNCTIONS[name])(*parts)


def found(tree, centre):
    """The `polynomial` of a formula that loses digits beside the centre, and has more to it than + - *; else None.
    Under a logarithm a sum is enough."""
    name, *trees = tree
    if not any(map(is_more, trees)) and (trees[0][0] not in PLAIN_SUMS if name == "log" else name in NOT_PLAIN or not is_more(tree)):
        return None
    try:
        if not loses(name, [of(part, centre, FEW) for part in trees]):
            return None
        return polynomial(of(tree, centre))
    except (NoSeries, OverflowError):
        return None


def is_more(tree):
    """Is there a function, or a quotient by the variable, in it?"""
    return isinstance(tree, tuple) and (tree[0] in NOT_PLAIN or tree[0] in ("div", "reciprocal") and isinstance(tree[-1], tuple)
                                        or any(is_more(part) for part in tree[1:]))  # fmt: skip


def loses(name, parts):
    """Does this operation, on parts with these series, lose digits of its value or of its slope beside the centre?"""
    if name == "log":
        v, c = parts[0]
        return v == 0 and c[:1] == [1]
    if len(parts) < 2 or not parts[0][1] or not parts[1][1]:
        return False
    (v, c), (w, d) = parts
    if name in ("mul", "div"):
        away = (v > 0 and w > 0) if name == "div" else min(v, w) < 0 < max(v, w)
        level = c[1] * d[0] == c[0] * d[1] * (1 if name == "div" else -1) != 0
        return away or v == w == 0 and level
    y = PLAIN[name](*parts)
    if not y[1]:
        return False
    sign = 1 if name == "add" else -1
    for k in range(min(v, w), max(y[0], 2)):
        a, b = (s[k - at] if 0 <= k - at < len(s) else 0 for at, s in parts)
        if a and a + sign * b == 0:
            return True
    return False


def polynomial(series):
    """(v, step, coefficients, radius): x**v times a polynomial in x**step that is the series, with its slope, to the last place of a double
    where |x| < radius, where no term of either is larger than the first; None where there is no such radius."""
    v, c = series
    if not c or all(x == 0 for x in c[1:]):
        return None
    sizes = [abs(float(x)) for x in c]
    slopes = [abs((v + k)) * s for k, s in enumerate(sizes)]
    first = next((k for k, s in enumerate(slopes) if s), None)
    for j in range(2, 40):
        r = 0.5**j * 2
        if all(_settles(s, r, k) for s, k in ((sizes, 0), (slopes, first))):
            break
    else:
        return None
    step = 2 if not any(c[1::2]) else 1
    kept = c[::step]
    needed = max(k for k, s in enumerate(sizes[::step]) if s * r ** (k * step) > 1e-22 * sizes[0]) + 2
    return v, step, [float(x) for x in kept[:needed]], r


def _settles(sizes, r, first):
    terms = [s * r ** (k - first) for k, s in enumerate(sizes)][first:]
    return sum(terms[1:]) <= 0.75 * terms[0] and max(terms[-4:]) < 1e-17 * terms[0]
