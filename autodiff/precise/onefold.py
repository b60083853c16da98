"""Doubles that know how far they may be off: the first attempt of the precise replay where only float32 is asked for.

A float32 result has 29 digits base 2 less than a double, and few programs lose as many.  A row is what the core computes of the
doubles, and the radius beside it covers what the row's `ulp` allows, and the largest slope within reach of the operand times the
operand's radius.  What is unknown (not finite; too far off to bound a slope) has an infinite radius, and is for twofold numbers.
"""

import functools
import math

import numpy as np

from .. import ops
from . import twofold
from .._core import apply as apply_to_tensors, onefold_compare, onefold_loops, onefold_map, onefold_reach, onefold_round, onefold_sum
from .._core import raw_array, tensor_from_numpy, twofold_exact, twofold_round
from .numbers import common_shape, is_uniform
from .twofold import KNOWN, Certified, unsure

U = 2.0**-52                # of a number: half is what rounding takes of it, the rest a reserve
LOOSE = 1 + 2.0**-20        # radii are rounded too, at some 2**-51 an operation: where one is asked for it is taken for so much more
BLOCK = 8192
MANY = 1 << 13              # rounded factors, of which the products so far are off by 2^-39: some of so many would not round to float32 surely
LOOPS = {name: operands for name, operands in onefold_loops().items() if name != "exact"}
SMALL, TINY = 2.0**-960, 2.0**-1040     # a product below SMALL may have lost more than U of it: TINY at most


class Onefolds(Certified):
    """parts   x, r: every number within r of x; what is infinite or nan has the radius 0 where it was given, inf where it was computed"""

    __slots__ = ()
    at_once = twofold.at_once(ops.ROWS[name] for name in LOOPS)

    @classmethod
    def exact(cls, array, dtype):
        x = np.array(array, np.float64)
        return cls((x, np.broadcast_to(0.0, x.shape)), dtype)

    def constant(self, number):
        y = super().constant(number)
        low = KNOWN.get(abs(float(number)))
        return y if low is None else self.like((y.parts[0], np.full((), abs(low) * LOOSE)))

    # ---- rows
    def elementwise(self, row, operands):
        parts, loop = [part for x in operands for part in x.parts], LOOPS.get(row.name)
        if loop is None and row.name not in SLOPES:
            if row.name in FORMULAS:
                return FORMULAS[row.name](*operands)
            return None if row.plainly is not None else unsure(f"no slope of {row.name}")
        if loop:
            return Onefolds(onefold_map(row.name, common_shape(operands), *parts), self.dtype)
        if row.arity == 1 and (loop == 0 or is_uniform(parts[1]) and not parts[1].any()):
            return Onefolds(reached(row, *parts), self.dtype)
        return self.like(by_blocks(functools.partial(function, row), common_shape(operands), parts))

    def run(self, row, values, attrs):
        """What is the same number, or the same but for its sign, is as far off."""
        if row is ops.identity or row is ops.neg:
            x, r = values[0].parts
            return self.like((x if row is ops.identity else -x, r))
        return super().run(row, values, attrs)

    def of_itself(self, row, x):
        """x - x and x / x of one and the same x."""
        value, r = (0.0 if row is ops.sub else 1.0), x.parts[1]
        if not np.isfinite(x.parts[0] + r).all() or row is ops.div and (np.abs(x.parts[0]) <= r * LOOSE).any():
            unsure(f"{row.name} of what is not known")
        return self.exact(np.full(x.shape, value), self.dtype)

    def doubles(self):
        x, r = self.parts
        return x, np.where(np.isinf(x) & (r == 0), 0.0, r * LOOSE + 2 * U * np.abs(x) + TINY)

    def accumulated(self, row):
        if not np.isfinite(self.parts[0] + self.parts[1]).all():
            unsure("sums or products so far of what is not finite")
        if row is ops.mul and self.shape[0] > MANY and self.parts[1].any():
            unsure("products of so many rounded factors")
        return self.by_twofolds(lambda x: twofold.scan(x, row), self)

    def recurred(self, a, own):
        if not all(np.isfinite(x.parts[0] + x.parts[1]).all() for x in (self, a)):
            unsure("a recurrence of what is not finite")
        return self.by_twofolds(lambda x, y: twofold.recurrence(x, y, own), a, self)

    def by_twofolds(self, f, *operands):
        """What loses fewer digits where it is done to twofold numbers; None where f gives that."""
        with np.errstate(all="ignore"):
            y = f(*[as_twofold(*x.parts) for x in operands])
            return None if y is None else self.like(known(*as_onefold(y)))

    def product(self, other):
        (a, ra), (b, rb) = self.parts, other.parts
        if min(a.shape[-2], b.shape[-1]) != 1 or a.shape[-1] < 2:
            return self.by_twofolds(functools.partial(twofold.product, brief=True), self, other)
        by_row = a.shape[-2] == 1               # a row times a matrix; or a matrix times a column
        x, y = (self.moved(lambda part: part.swapaxes(-1, -2)), other) if by_row else (self, other.moved(lambda part: part.swapaxes(-1, -2)))
        return twofold.reduce_sum(x.elementwise(ops.mul, [x, y]), (max(x.ndim, y.ndim) - (2 if by_row else 1),), keepdims=1)

    @staticmethod
    def total(parts, outer, n, inner):
        y, r = onefold_sum(*parts, outer, n, inner)
        if not np.isfinite(r).all():
            unsure("a sum of what is not known")
        return y, r

    def compare(self, other):
        order, is_open = onefold_compare(common_shape((self, other)), *self.parts, *other.parts)
        if is_open:
            left, finite = order == 3, np.isfinite(self.parts[1] + other.parts[1])
            if not (self.same(other) & finite)[left].all():
                unsure("a comparison that the digits leave open")
            order[left] = 0
        self.note_ties(order)
        return order

    # ---- what is known of the numbers
    def special(self):
        if self.unknown().any():
            unsure("whether a number is finite")
        x = self.parts[0]
        return np.where(np.isfinite(x), np.copysign(0.0, x), x)

    def unknown(self):
        return np.isinf(self.parts[1])

    def nearest(self):
        if self.unknown().any():
            unsure("the nearest double of what is not known")
        return self.parts[0]

    def rounded(self, dtype):
        x, r = self.parts
        if dtype == np.float32:
            return onefold_round(x, r)
        with np.errstate(all="ignore"):
            reach = np.where(r == 0, 0.0, r * LOOSE + U * np.abs(x) + TINY)
            low, high = (x - reach).astype(dtype), (x + reach).astype(dtype)
            return x.astype(dtype), (((low == high) & (np.signbit(low) == np.signbit(high))) | np.isnan(x)) & np.isfinite(r)


def as_twofold(x, r):
    hi, lo, _, e = twofold_exact(x)
    return hi, lo, np.ldexp(r, -e) + np.where(e != 0, TINY, 0.0) if e.any() else np.ascontiguousarray(r), e


def as_onefold(parts):
    """Rounded, unless that is exact.  What is below the smallest double, or nearly, is TINY off at most."""
    hi, lo, r, e = parts = tuple(np.ascontiguousarray(part) for part in parts)
    nearest = twofold_round(parts, False)[0]
    size = np.abs(nearest)
    off = (np.ldexp(r, e) if e.any() else r) + np.where((lo == 0) & (r == 0), 0.0, U * size)
    tiny = size < SMALL
    return nearest, np.where(tiny & ((hi != 0) | (r != 0)), off + TINY, off) if tiny.any() else off


def known(x, r):
    """What is computed and not finite is unknown."""
    if math.isfinite(np.add.reduce(x + r, axis=None)):
        return x, r
    lost = ~(np.isfinite(x) & np.isfinite(r))
    return np.where(lost, np.nan, x), np.where(lost, np.inf, r)


def by_blocks(f, shape, parts):
    """f of parts that broadcast to the shape, block by block: its many temporaries stay near the processor."""
    size = ops.elements(shape)
    with np.errstate(all="ignore"):
        if size <= BLOCK:
            return [np.broadcast_to(part, shape) for part in known(*f(*parts))]
        flat = [part.flat[:1].reshape(()) if part.size == 1 or not any(part.strides) else np.broadcast_to(part, shape).reshape(-1) for part in parts]
        x, r = np.empty(size), np.empty(size)
        for at in range(0, size, BLOCK):
            here = slice(at, at + BLOCK)
            x[here], r[here] = known(*f(*[part if part.ndim == 0 else part[here] for part in flat]))
    return x.reshape(shape), r.reshape(shape)


# --------------------------------------------------------------------------------------------------------------- functions
# The largest slope between x - r and x + r, or inf where that is not known; y is f(x).  (What is decided by r < 0.01 costs no digits:
# such numbers have none.)
def _within(reach, slope):
    return np.where(reach < 0.01, slope, np.inf)


def _of_pole(slope):
    """Of x > 0: inf where 0 is near."""
    return lambda x, r, y: np.where(x > 2 * r, slope(x - r, x + r), np.inf)


def _inverse(row, c):
    """f'' = c f f'**2, c <= 2: f' grows by a twentieth where f itself moves by 0.06 at most and c |f| f' r is below 0.04."""
    def slope(x, r, y):
        s = value_of(row, x)
        return np.where((s * r < 0.06) & (c * np.abs(y) * s * r < 0.04), 1.06 * s, np.inf)
    return slope


def _log_ndtr(x, r, y):
    """phi(x) / ndtr(x) <= |x| + 1 below 0 and 0.8 above, where it is below 2.2 (x + 1) times the value too (Mills' ratio)."""
    up = np.minimum(0.8, _within((x + 1) * r * 3, 2.3 * (np.abs(x) + 1) * np.abs(y)))
    return np.where(x > 2 * r, up, 1.01 * (np.abs(x) + r + 1))


def _atan2(a, ra, b, rb, y):
    """Unknown where both sides of the negative axis are within reach: pi and -pi."""
    size, r = np.hypot(a, b), ra + rb
    whole = (b > 0) | (np.abs(a) > ra * LOOSE) | (ra == 0)
    return np.where((size > 2 * r) & whole, 1.01 * r / (size - r), np.inf)


def _pow(a, ra, b, rb, y):
    least = a - ra
    way = (np.abs(b) + rb) * (ra / least) + (np.abs(np.log(a)) + ra / least) * rb
    return np.where((a > 2 * ra) & (way < 0.01), np.abs(y) * 1.01 * way, np.inf)


# Of rows without loops.
SLOPES = {
    "log1mexp": lambda x, r, y: np.where(x + 2 * r < 0, 1.01 / np.expm1(-(x + r)), np.inf),
    "log_ndtr": _log_ndtr, "erfinv": _inverse(ops.erfinv_slope, 2.0), "ndtri": _inverse(ops.ndtri_slope, 1.0),
    "lgamma": _of_pole(lambda least, most: np.maximum(np.abs(np.log(least)), np.abs(np.log(most))) + 1.01 / least),
    "digamma": _of_pole(lambda least, most: 1.01 * (1 / least + 1 / least**2)),
    "trigamma": _of_pole(lambda least, most: np.where(most < 1e100, 1.01 * (1 / least**2 + 2 / least**3), np.inf)),
    "bessel_i1": lambda x, r, y: _within(r, 1.02 * value_of(ops.bessel_i0, x)),
    "hypot": lambda a, ra, b, rb, y: ra + rb, "logaddexp": lambda a, ra, b, rb, y: ra + rb, "atan2": _atan2, "pow": _pow,
}  # fmt: skip
# Where a value of 0 may stand for a number below the smallest double.
UNDERFLOWS = {"exp", "exp2", "sigmoid", "softplus_slope", "softplus", "log_sigmoid", "sech2", "erfc", "ndtr", "exp_minus_square", "normal_pdf",
              "log_ndtr", "log1mexp", "pow", "logaddexp", "atan2", "bessel_i1", "bessel_i1e"}  # fmt: skip
POSITIVE = {"lgamma", "digamma", "trigamma"}    # below 0 their error is that of a term


def reached(row, x, r):
    """A row of one operand, by a loop over its radii, or where there are none."""
    y = value_of(row, x)
    off, lost = onefold_reach(row.name, (row.ulp + 1) * U, row.name in UNDERFLOWS, x, r, y)
    if row.name in POSITIVE and not (x > 0).all():
        off, lost = np.where(x > 0, off, np.inf), True
    return (np.where(np.isinf(off), np.nan, y) if lost else y), off


def function(row, *parts):
    """A row of the table, with the radius that its error and those of its operands have."""
    xs, rs = parts[::2], parts[1::2]
    y = value_of(row, *xs)
    size = np.abs(y)
    if row is ops.logaddexp:
        size = np.maximum(size, np.maximum(np.abs(xs[0]), np.abs(xs[1])))
    r = (row.ulp + 1) * U * size
    if any(part.any() for part in rs):
        slope = SLOPES[row.name]
        r = r + (slope(*parts, y) if len(xs) > 1 else np.where(rs[0] == 0, 0.0, slope(*parts, y) * rs[0]))
    tiny = size < SMALL
    if tiny.any():
        r = np.where(tiny if row.name in UNDERFLOWS else tiny & (y != 0), r + TINY, r)
    if row.name in POSITIVE:
        r = np.where(xs[0] > 0, r, np.inf)
    return y, r


def value_of(row, *xs):
    """The row on doubles."""
    return raw_array(apply_to_tensors(row, [tensor_from_numpy(np.asarray(x, order="C")) for x in xs], {}))


def _cross_entropy(z, x):
    return z * ops.softplus(-x) + (1 - z) * ops.softplus(x)


FORMULAS = {
    **twofold.FORMULAS,
    "silu": lambda x: x * ops.sigmoid(x), "gelu": lambda x: x * ops.ndtr(x), "softsign": lambda x: x / (1 + ops.abs(x)),
    "rsqrt": lambda x: 1 / ops.sqrt(x),
    "entr": lambda x: -(x * ops.log(x)), "logit": lambda x: ops.log(x) - ops.log1p(-x), "xlogy": lambda a, b: a * ops.log(b),
    "xlog1py": lambda a, b: a * ops.log1p(b), "sigmoid_of_difference": lambda a, b: ops.sigmoid(a - b),
    "sigmoid_cross_entropy": _cross_entropy, "over_hypot": lambda a, b: a / ops.hypot(a, b),
}  # fmt: skip
