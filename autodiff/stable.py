"""Formulas that the laws of stabilisation put in the place of naive ones, where no row is that formula already.

Each is written over rows and takes tensors.  Beside a point where the naive formula is 0/0 stands the power series of its value,
whose derivatives are those of the function too; `where` picks, and its cotangents are 0 for what was not picked.
"""

import math

from . import ops
from ._op import INF

LN2 = math.log(2)


def beside_zero(x, width, series, elsewhere):
    """series(x) where |x| < width, else elsewhere(x); neither sees a number that is the other's."""
    near = ops.less(ops.abs(x), width)
    return ops.where(near, series(ops.where(near, x, 0)), elsewhere(ops.where(near, 1, x)))


def but_at_infinity(x, low, high, formula):
    """formula(x) where x is finite or nan; at -inf and inf its limits, which it tends to with a slope of 0."""
    end = ops.is_inf(x)
    return ops.where(end, ops.where(x > 0, ops.zeros_like(x) + high, ops.zeros_like(x) + low), formula(ops.where(end, 1, x)))


def polynomial(x, coefficients):
    """c[0] + c[1] x + c[2] x**2 + ..."""
    total = x * 0 + coefficients[-1]
    for c in coefficients[-2::-1]:
        total = total * x + c
    return total


def itself(x):
    """x, whose derivative is 1, and nan where x is nan: a formula in its place had nan there."""
    return x * ops.where(ops.equal(x, x), 1, ops.zeros_like(x) + ops.NAN)


# ----------------------------------------------------------------------------------------------------- removable singularities
_FACTORIAL = [math.factorial(k) for k in range(24)]


def expm1_over_x(x):
    """(exp(x) - 1)/x, 1 at 0."""
    most = 85.0 if x.dtype.name == "float32" else 700.0

    def far(t):                                         # (where the slope's two terms would overflow: by one exponential)
        up = t > most
        u, v = ops.where(up, t, most), ops.where(up, 1, t)
        return ops.where(up, ops.exp(u - ops.log(u)), ops.expm1(v) / v)

    return beside_zero(x, 0.5, lambda t: polynomial(t, [1 / _FACTORIAL[k + 1] for k in range(14)]), far)


def expm1_minus_x(x):
    """exp(x) - 1 - x."""
    series = [1 / _FACTORIAL[k + 2] for k in range(14)]
    return beside_zero(x, 0.5, lambda t: t * t * polynomial(t, series), lambda t: ops.expm1(t) - t)


def log1p_over_x(x):
    """log(1 + x)/x, 1 at 0: 2 atanh(s)/x with s = x/(2 + x)."""
    def series(t):
        s = t / (2 + t)
        return 2 / (2 + t) * polynomial(s * s, [1 / (2 * k + 1) for k in range(18)])

    return but_at_infinity(x, ops.NAN, 0, lambda x: beside_zero(x, 0.5, series, lambda t: ops.log1p(t) / t))


def log_over_distance(x):
    """log(x)/(x - 1), 1 at 1."""
    def finite(x):
        near = ops.less(ops.abs(x - 1), 0.5)
        return ops.where(near, log1p_over_x(ops.where(near, x - 1, 0)), ops.log(ops.where(near, 2, x)) / (ops.where(near, 2, x) - 1))

    return but_at_infinity(x, ops.NAN, 0, finite)


def log_over(x):
    """log(x)/x, 0 at inf."""
    return but_at_infinity(x, ops.NAN, 0, lambda x: ops.log(x) / x)


def asinh_over(x):
    """asinh(x)/x, 1 at 0 and 0 at infinity."""
    series = [(-1) ** k * math.comb(2 * k, k) / (4**k * (2 * k + 1)) for k in range(20)]
    return but_at_infinity(x, 0, 0, lambda x: beside_zero(x, 0.4, lambda t: polynomial(t * t, series), lambda t: ops.asinh(t) / t))


def x_over_sinh(x):
    """x/sinh(x), 1 at 0, no overflow."""
    def far(t):
        a = ops.abs(t)
        return 2 * a * ops.exp(-a) / -ops.expm1(-2 * a)

    return but_at_infinity(x, 0, 0, lambda x: beside_zero(x, 0.5, lambda t: 1 / sinh_over_x(t), far))

def sin_over_x(x):
    """sin(x)/x, 1 at 0."""
    series = [(-1) ** k / _FACTORIAL[2 * k + 1] for k in range(11)]
    return but_at_infinity(x, 0, 0, lambda x: beside_zero(x, 1.0, lambda t: polynomial(t * t, series), lambda t: ops.sin(t) / t))


def sinh_over_x(x):
    """sinh(x)/x, 1 at 0."""
    series = [1 / _FACTORIAL[2 * k + 1] for k in range(11)]
    most = 85.0 if x.dtype.name == "float32" else 700.0

    def far(t):
        up = ops.abs(t) > most
        a, v = ops.where(up, ops.abs(t), most), ops.where(up, 1, t)
        return ops.where(up, ops.exp(a - ops.log(a) - LN2), ops.sinh(v) / v)

    return beside_zero(x, 1.0, lambda t: polynomial(t * t, series), far)


def vercos_over_square(x):
    """(1 - cos(x))/x**2, 1/2 at 0."""
    series = [(-1) ** k / _FACTORIAL[2 * k + 2] for k in range(11)]
    return but_at_infinity(x, 0, 0, lambda x: beside_zero(x, 1.0, lambda t: polynomial(t * t, series), lambda t: 2 * ops.square(ops.sin(0.5 * t) / t)))


def vercos_over(x):
    """(1 - cos(x))/x, 0 at 0."""
    return beside_zero(x, 1.0, lambda t: t * vercos_over_square(t), lambda t: 2 * ops.square(ops.sin(0.5 * t)) / t)


# --------------------------------------------------------------------------------------------------------------- hyperbolic
def sech(x):
    """1/cosh(x), no overflow."""
    def far(t):
        a = ops.abs(t)
        return 2 * ops.exp(-a) * ops.sigmoid(2 * a)

    return beside_zero(x, 1.0, lambda t: 1 / ops.cosh(t), far)


# ------------------------------------------------------------------------------------------ logarithms of what leaves the format
def in_format(y):
    """Where y is a number with all its digits, and not 0."""
    least, most = (1e-37, 3e38) if y.dtype.name == "float32" else (1e-307, 1.7e308)
    return (y < most) & (y > least)


def in_range(y):
    """Where a derivative that goes through y has its digits too."""
    most = 1e18 if y.dtype.name == "float32" else 1e150
    return (y < most) & (y > 1 / most)


def has_left(y, *parts, most=None):
    """Where y is so far from 1 that it, or a derivative that goes through it, has no digits, though all it was made of are finite and
    none is 0."""
    most = most or (1e18 if y.dtype.name == "float32" else 1e150)
    gone = ops.logical_or(ops.greater(ops.abs(y), most), ops.less(ops.abs(y), 1 / most))
    for part in parts:
        gone = ops.logical_and(gone, ops.logical_and(ops.is_finite(part), ops.not_equal(part, 0)))
    return gone


def is_lost(y, *parts):
    """Where y itself is no number with all its digits, though all it was made of are finite and none is 0."""
    return has_left(y, *parts, most=8e37 if y.dtype.name == "float32" else 4e307)


def power_of_product(x, n, axes, keepdims):
    """prod(x)**n, also where the product is no number."""
    y = ops.reduce_prod(x, axes=axes, keepdims=keepdims)
    sign = ops.reduce_prod(ops.sign(x), axes=axes, keepdims=keepdims)
    usable = ops.reduce_all(ops.is_finite(x), axes=axes, keepdims=keepdims)
    gone = ops.logical_and(ops.logical_and(has_left(y), ops.greater(sign, 0)), usable)
    logs = ops.reduce_sum(ops.log(ops.abs(ops.where(ops.equal(x, 0), 1, x))), axes=axes, keepdims=keepdims)
    return ops.where(gone, ops.exp(n * logs), ops.pow(ops.where(gone, 1, y), n))


# ------------------------------------------------------------------------------------------------------------ roots, quotients
def hypot1_minus_1(x):
    """sqrt(1 + x*x) - 1."""
    near = ops.less(ops.abs(x), 1)
    t = ops.where(near, x, 0)
    return ops.where(near, t * (t / (ops.hypot(1, t) + 1)), ops.hypot(1, ops.where(near, 1, x)) - 1)


def sqrt1_minus_square(x):
    """sqrt(1 - x*x), with its digits beside 0, -1 and 1, and its derivatives at both ends."""
    near = ops.less(ops.abs(x), 0.5)
    t, u = ops.where(near, x, 0), ops.where(near, 0, x)
    return ops.where(near, ops.sqrt(1 - ops.square(t)), ops.sqrt(1 - u) * ops.sqrt(1 + u))


def sqrt1p_minus_1(x):
    """sqrt(1 + x) - 1."""
    return but_at_infinity(x, ops.NAN, INF, lambda t: t / (ops.sqrt(1 + t) + 1))


def sqrt_difference(a, b):
    """sqrt(a) - sqrt(b)."""
    total = ops.sqrt(a) + ops.sqrt(b)
    return ops.where(ops.is_finite(total), ops.divide_no_nan(a - b, total), ops.sqrt(a) - ops.sqrt(b))


def product_over(a, b, c):
    """a * b / c, also where a * b is no number."""
    y = a * b
    gone = is_lost(y, a, b, c)
    return ops.where(gone, a * (ops.where(gone, b, 1) / c), ops.where(gone, 1, y) / c)


def one_less_sigmoids(a, b):
    """1 - sigmoid(a) sigmoid(b); up to 1/2 as it is written, where slopes by parts would cancel."""
    y = ops.sigmoid(a) * ops.sigmoid(b)
    near = y > 0.5
    c, d = ops.where(near, a, 1), ops.where(near, b, 1)
    return ops.where(near, ops.sigmoid(-c) + ops.sigmoid(c) * ops.sigmoid(-d), 1 - ops.where(near, 0, y))


def over_numbers(a, b, c, d):
    """a / (c b) / d of numbers c and d, also where c b is no number."""
    y = c * b
    gone = is_lost(y, a, b)
    return ops.where(gone, (a / ops.where(gone, b, 1)) / (c * d), (a / ops.where(gone, 1, y)) / d)


def one_over_expm1(x):
    """1/(exp(x) - 1), derivatives without overflow."""
    up = ops.greater(x, 0)
    far, near = ops.where(up, x, 1), ops.where(up, -1, x)
    return ops.where(up, ops.exp(-far) / -ops.expm1(-far), 1 / ops.expm1(near))


def exp_over_expm1_square(x):
    """exp(x)/(exp(x) - 1)**2 = 1/(4 sinh(x/2)**2), no overflow."""
    half = 0.5 * ops.abs(x)
    return ops.square(ops.exp(-half) / ops.expm1(-2 * half))


def x_over_expm1(x):
    """x/(exp(x) - 1), 1 at 0."""
    def far(t):
        up, low = ops.greater(t, 0), t < -1000
        u, v = ops.minimum(ops.where(up, t, 1), 1e4), ops.where(up | low, -1, t)
        return ops.where(up, u * (ops.exp(-u) / -ops.expm1(-u)), ops.where(low, -t, v / ops.expm1(v)))

    near = ops.less(ops.abs(x), 0.5)
    return ops.where(near, 1 / expm1_over_x(ops.where(near, x, 0)), far(ops.where(near, 1, x)))


def difference_of_reciprocals(x, c):
    """1/(x + c) - 1/x."""
    apart = ops.is_finite(1 / x) & (x + c != 0)
    t = ops.where(apart, x, 1 + abs(c))
    return ops.where(apart, (-c / t) / (t + c), 1 / (x + c) - 1 / x)


def power_less_one(logarithm, a, y):
    """y - 1 for a power y = exp(a logarithm): beside 1 by that."""
    z = a * logarithm
    near = ops.abs(z) < 0.5
    return ops.where(near, ops.expm1(ops.where(near, z, 0)), y - 1)


def power_quotient(logarithm, a, y):
    """(y - 1)/a for a power y = exp(a logarithm): beside a = 0, where it is the logarithm, by that."""
    z = a * logarithm
    near = ops.abs(z) < 0.5
    return ops.where(near, logarithm * expm1_over_x(ops.where(near, z, 0)), (y - 1) / a)


def square_over_plus_square(x, c):
    """x*x/(c + x*x), c > 0, no overflow."""
    small = ops.less(ops.abs(x), 1)
    near, far = ops.where(small, x, 0), ops.where(small, 1, x)
    return ops.where(small, ops.square(near) / (c + ops.square(near)), 1 / (1 + ops.square(math.sqrt(c) / far)))


def one_over_one_plus_square(x):
    """1/(1 + x*x), derivatives without overflow."""
    small = ops.less(ops.abs(x), 1)
    near, t = ops.where(small, x, 0), 1 / ops.where(small, 1, x)
    return ops.where(small, 1 / (1 + near * near), t * (t / (1 + t * t)))


def over_one_plus_square(x):
    """x/(1 + x*x), no overflow."""
    small = ops.less(ops.abs(x), 1)
    near, far = ops.where(small, x, 0), ops.where(small, 1, x)
    return ops.where(small, near / (1 + near * near), 1 / (far + 1 / far))


def angle_of(y, x):
    """atan(y / x), whose derivatives are those of atan2: finite at x = 0."""
    side = ops.where((x < 0) | (1 / x < 0), -1.0, 1.0)
    return ops.atan2(side * y, side * x)


def beside(a, b):
    """Where a is near b, as finite numbers: then a - b has all digits that both have."""
    return (ops.abs(a - b) < 0.25) & ops.is_finite(a)


def exp_difference(a, b):
    """exp(a) - exp(b): where both are near each other, by a - b."""
    near = beside(a, b)
    t, u = ops.where(near, a, 0), ops.where(near, b, 0)
    half = ops.exp(0.5 * u)                             # (twice: their product may leave the format)
    return ops.where(near, half * (half * ops.expm1(t - u)), ops.exp(a) - ops.exp(b))


def atan_difference(a, b):
    """atan(a) - atan(b): where both are near each other, by a - b."""
    near = beside(a, b)
    t, u = ops.where(near, a, 0), ops.where(near, b, 0)
    return ops.where(near, ops.atan2(t - u, 1 + t * u), ops.atan(a) - ops.atan(b))


def sigmoid_difference(a, b):
    """sigmoid(a) - sigmoid(b) of finite numbers: with the larger one first, sigmoid(a) sigmoid(-b) (1 - exp(b - a))."""
    up = ops.greater(a, b)
    high, low = ops.where(up, a, b), ops.where(up, b, a)
    y = ops.sigmoid(high) * ops.sigmoid(-low) * -ops.expm1(low - high)
    return ops.where(up, y, -y)


def _near_one(x, axes):
    """x times a power of 2, a constant to every derivative, that brings its largest element along axes near 1."""
    return x * ops.exp2(-_size(x, axes))


def _size(x, axes):
    """The whole logarithm to base 2 of the largest element along axes."""
    least = -120.0 if x.dtype.name == "float32" else -1000.0
    e = ops.floor(ops.log2(ops.reduce_max(ops.abs(x), axes=axes, keepdims=1)))
    return ops.where(ops.is_finite(e), ops.maximum(e, least), 0)


def powers_leave(x, n, axes, keepdims):
    """Is there a sum of x**n, n even or x positive, of finite numbers not all 0, that leaves the format?"""
    y = ops.reduce_sum(ops.pow(ops.abs(x), float(n)), axes=axes, keepdims=1)
    largest = ops.reduce_max(ops.abs(x), axes=axes, keepdims=1)
    usable = (largest > 0) & ops.is_finite(largest)
    whole = n > 1 and (n % 2 == 0 or bool(ops.reduce_all(x >= 0, axes=tuple(range(x.ndim)), keepdims=0)))
    return whole and bool(ops.reduce_any(has_left(y) & usable, axes=tuple(range(y.ndim)), keepdims=0)) and bool(ops.reduce_all(usable, axes=tuple(range(y.ndim)), keepdims=0))


def power_of_powers(x, n, a, axes, keepdims):
    """sum(x**n)**a of elements near 1, and what that has left out."""
    e, n = _size(x, axes), float(n)
    y = ops.pow(ops.reduce_sum(ops.pow(_near_one(x, axes), n), axes=axes, keepdims=keepdims), float(a))
    return y * ops.exp2(ops.reshape(e, shape=y.shape) * (n * a))


def cosine(a, b, axes, keepdims):
    """sum(a*b)/(norm(a) norm(b)): the operands near 1 first, so that it has the same bits where nothing leaves the format."""
    a, b = _near_one(a, axes), _near_one(b, axes)
    norms = [ops.reduce_euclidean_norm(x, axes=axes, keepdims=keepdims) for x in (a, b)]
    return ops.reduce_sum(a * b, axes=axes, keepdims=keepdims) / (norms[0] * norms[1])


def angle_between(a, b, axes, keepdims):
    """The angle between two vectors in radians, in [0, pi]: 2 atan2(|u - v|, |u + v|) of their directions (Kahan, "How futile are mindless
    assessments of roundoff", 2006, section 12); acos of a cosine has half the digits beside 0."""
    u, v = (x / ops.reduce_euclidean_norm(x, axes=axes, keepdims=1) for x in (a, b))
    apart, together = (ops.reduce_euclidean_norm(x, axes=axes, keepdims=keepdims) for x in (u - v, u + v))

    def total(x):
        return ops.reduce_sum(x, axes=axes, keepdims=1)

    size = total(ops.square(a))
    beside = (total(ops.square(a - b)) < 0.01 * size) & ops.is_finite(size)     # then a - b has all its digits
    e, d = ops.where(beside, a, 1), ops.where(beside, b - a, 0)
    aside = d - e * (total(e * d) / total(ops.square(e)))
    close = ops.atan2(ops.reduce_euclidean_norm(aside, axes=axes, keepdims=1) * ops.reduce_euclidean_norm(e, axes=axes, keepdims=1), total(e * (e + d)))
    shape = apart.shape
    return ops.where(ops.reshape(beside, shape=shape), ops.reshape(close, shape=shape), 2 * ops.atan2(apart, together))


def root_less(b, e):
    """sqrt(b*b - e) - b, no overflow, and no cancellation for b > 0."""
    large = ops.greater(ops.abs(b), 1e15 if b.dtype.name == "float32" else 1e150)
    c, d = ops.where(large, b, 1), ops.where(large, 0, b)
    root = ops.where(large, ops.abs(c) * ops.sqrt(1 - e / c / c), ops.sqrt(ops.square(d) - ops.where(large, 0, e)))
    up = ops.logical_and(ops.greater(b, 0), ops.greater(root, 0))
    return ops.where(up, -(e / ops.where(up, root + b, 1)), ops.where(up, 1, root) - ops.where(up, 0, b))


def harmonic(a, b):
    """1/(1/a + 1/b) of positive numbers, whose reciprocals' squares may leave the format."""
    up = a > b
    least, most = ops.where(up, b, a), ops.where(up, a, b)
    return least / (1 + least / most)


def far_under_exp(x):
    """Where exp(x), or a derivative that goes through it, has left the format."""
    return ops.abs(x) > (40.0 if x.dtype.name == "float32" else 300.0)


def under_root_of_exp(x):
    """Where sqrt(exp(x)) is a number of the format."""
    return x < (170.0 if x.dtype.name == "float32" else 1400.0)


def hypot1_over(x):
    """sqrt(1 + x*x)/x: beyond 1 by 1/x."""
    far = ops.abs(x) > 1
    t, u = 1 / ops.where(far, x, 1), ops.where(far, 1, x)
    return ops.where(far, ops.hypot(1, t) * ops.sign(ops.where(far, x, 1)), ops.hypot(1, u) / u)


def over_hypot1(x):
    """x/sqrt(1 + x*x)."""
    return but_at_infinity(x, -1, 1, lambda x: ops.over_hypot(x, 1))


def softsign(x):
    """x/(1 + |x|)."""
    return but_at_infinity(x, -1, 1, ops.softsign)


def hypot1_minus_x(x):
    """sqrt(1 + x*x) - x."""
    up = ops.greater(x, 0)
    t, u = ops.where(up, x, 1), ops.where(up, -1, x)
    return ops.where(up, 1 / (ops.hypot(1, t) + t), ops.hypot(1, u) - u)


# --------------------------------------------------------------------------------------------- error function, softmax, sigmoid
def normal_tail(x, s, factor, power):
    """factor (exp(t*t) erfc(t))**power for t = s x and power 1 or -1: left of 0 as it stands, where erfcx may overflow."""
    up = ops.greater(s * x, 0)
    t, u = s * ops.where(up, x, 1 / s), s * ops.where(up, 0, x)
    if power == 1:
        y = ops.where(up, ops.erfcx(t), ops.exp(ops.square(u)) * ops.erfc(u))
    else:
        far = t > 1e6                                   # erfcx(t) is 1/(t sqrt(pi)), less 1 part in 2 t*t
        y = ops.where(far, math.sqrt(math.pi) * t, 1 / ops.erfcx(ops.where(far, 1, t)))
        y = ops.where(up, y, ops.exp(-ops.square(u)) / ops.erfc(u))
    return y if factor == 1 else factor * y


def atan_exp(x):
    """atan(exp(x)), whose derivative does not overflow."""
    up = ops.greater(x, 0)
    return ops.where(up, math.pi / 2 - ops.atan(ops.exp(-ops.where(up, x, 0))), ops.atan(ops.exp(ops.where(up, 0, x))))


