"""Logarithms that the laws of stabilisation put in the place of naive ones (stable.py has what is no logarithm)."""

import math

from . import ops
from ._op import INF
from .stable import LN2, beside_zero, but_at_infinity, expm1_minus_x, expm1_over_x, has_left, log1p_over_x


def log_cosh(x):
    """log(cosh(x)), no overflow."""
    def far(t):
        return ops.abs(t) + (ops.log1p(ops.exp(-2 * ops.abs(t))) - LN2)

    return beside_zero(x, 0.5, lambda t: ops.log1p(2 * ops.square(ops.sinh(0.5 * t))), far)


def log_sinh(x):
    """log(sinh(x)) of a positive number, no overflow."""
    return x + (ops.log1mexp(-2 * x) - LN2)


def _log_of(y, gone, otherwise):
    """log(y), or `otherwise` where y has left the format."""
    return ops.where(gone, otherwise, ops.log(ops.where(gone, 1, y)))


def _log_abs(x, where):
    return ops.log(ops.abs(ops.where(where, x, 1)))


def log_of_sum(terms):
    """log(exp(t) + exp(u) + ...) of tensors and numbers."""
    y = None
    for t in sorted(terms, key=lambda t: isinstance(t, float)):     # a tensor first
        y = t if y is None else ops.logaddexp(y, t)
    return y


def log_difference(a, b):
    """log(exp(a) - exp(b))."""
    nothing = ops.equal(b, -INF)
    return ops.where(nothing, a, ops.logsubexp(ops.where(nothing, 1, a), ops.where(nothing, 0, b)))


def log_power(x, n):
    """log(x**n) for a number n, also where x**n is no number but its logarithm is."""
    def finite(x):
        y = ops.square(x) if n == 2 else ops.pow(x, n)
        gone = has_left(y, x)
        if n % 2 != 0:
            gone = ops.logical_and(gone, ops.greater(x, 0))
        return _log_of(y, gone, n * _log_abs(x, gone))

    if n == 0 or not math.isfinite(n):
        return finite(x)
    end = INF if n > 0 else -INF
    low = math.nan if n % 2 == 1 and n > 0 else end             # of (-inf)**n; (-inf)**-1 is -0
    return but_at_infinity(x, low, end, finite)


def log_of_product(x, axes, keepdims):
    """log(prod(x)), also where the product is no number but its logarithm is."""
    y = ops.reduce_prod(x, axes=axes, keepdims=keepdims)
    sign = ops.reduce_prod(ops.sign(x), axes=axes, keepdims=keepdims)
    usable = ops.reduce_all(ops.is_finite(x), axes=axes, keepdims=keepdims)
    gone = ops.logical_and(ops.logical_and(has_left(y), ops.greater(sign, 0)), usable)
    return _log_of(y, gone, ops.reduce_sum(ops.log(ops.abs(ops.where(ops.equal(x, 0), 1, x))), axes=axes, keepdims=keepdims))


def log1p_square(x):
    """log(1 + x*x), no overflow."""
    def finite(x):
        small = ops.less(ops.abs(x), 1)
        near, far = ops.where(small, x, 0), ops.where(small, 1, x)
        return ops.where(small, ops.log1p(near * near), 2 * ops.log(ops.hypot(1, far)))

    return but_at_infinity(x, INF, INF, finite)


def log_ratio(a, b):
    """log(a) - log(b): where both are near each other, by their difference."""
    near = ops.logical_and(ops.logical_and(ops.less(0.5 * b, a), ops.less(a, 2 * b)), ops.greater(b, 0))
    return ops.where(near, ops.log1p((ops.where(near, a, 1) - ops.where(near, b, 1)) / ops.where(near, b, 1)), ops.log(a) - ops.log(b))


def log_erfc(x):
    """log(erfc(x)), no underflow; by erf beside 0."""
    far, near = ops.greater(x, 3), ops.less(ops.abs(x), 0.25)
    t, u = ops.where(far, x, 3), ops.where(far, 0, x)
    small = ops.where(near, x, 0)
    huge = t > 1e6                                      # erfcx(t) is 1/(t sqrt(pi)), less 1 part in 2 t*t
    scaled = ops.where(huge, -ops.log(ops.where(t < INF, t, 1e30)) - 0.5 * math.log(math.pi), ops.log(ops.erfcx(ops.where(huge, 3, t))))
    return ops.where(far, scaled - ops.square(t), ops.where(near, ops.log1p(-ops.erf(small)), ops.log(ops.erfc(u))))


def log_half_erfc(x):
    """log(erfc(x)/2), no underflow; where erfc(x)/2 is near 1, by what is missing."""
    up = ops.greater(x, -0.5)
    t, u = ops.where(up, x, 1), ops.where(up, -1, x)
    return ops.where(up, log_erfc(t) - LN2, ops.log1p(-0.5 * ops.erfc(-u)))


def log_softplus(x):
    """log(log(1 + exp(x))), left of 0 by x."""
    low = ops.less(x, 0)
    t, u = ops.where(low, x, -1), ops.where(low, 1, x)
    return ops.where(low, t + ops.log(log1p_over_x(ops.exp(t))), ops.log(ops.softplus(u)))


def log_two_sigmoid(x):
    """log(2 sigmoid(x)), 0 at 0."""
    return beside_zero(x, 1.0, lambda t: ops.log1p(ops.tanh(0.5 * t)), lambda t: ops.log_sigmoid(t) + LN2)


def log_mean_exp(x, axes, keepdims, count):
    """log(sum(exp(x)) / count): of a mean, where all are near it, by what is left of the series there."""
    if count != math.prod(x.shape[a] for a in axes):
        return ops.reduce_logsumexp(x, axes=axes, keepdims=keepdims) - math.log(count)
    mean = ops.reduce_sum(x, axes=axes, keepdims=1) / count
    near = ops.is_finite(mean) & (ops.reduce_max(ops.abs(x - mean), axes=axes, keepdims=1) < 0.5)
    middle = ops.where(near, mean, 0)
    rest = ops.where(near, x - middle, 0)
    close = middle + ops.log1p(ops.reduce_sum(expm1_minus_x(rest), axes=axes, keepdims=1) / count)
    far = ops.reduce_logsumexp(ops.where(near, 0, x), axes=axes, keepdims=1) - math.log(count)
    y = ops.where(near, close, far)
    return y if keepdims else ops.reshape(y, shape=tuple(n for k, n in enumerate(x.shape) if k not in {a % x.ndim for a in axes}))


def log_mean_of_two(a, b, c):
    """log(c exp(a) + (1 - c) exp(b)), 0 < c < 1."""
    mean = c * a + (1 - c) * b
    near = (ops.abs(a - mean) < 0.5) & (ops.abs(b - mean) < 0.5)
    t, u = ops.where(near, a - mean, 0), ops.where(near, b - mean, 0)
    far = ops.logaddexp(ops.where(near, 0, a) + math.log(c), ops.where(near, 0, b) + math.log1p(-c))
    return ops.where(near, ops.where(near, mean, 0) + ops.log1p(c * expm1_minus_x(t) + (1 - c) * expm1_minus_x(u)), far)


def log_of_two(c, a, d, b):
    """log(c exp(a) + d exp(b)) for numbers c, d > 0."""
    if abs(c + d - 1) < 1e-15 and a.shape == b.shape:
        return log_mean_of_two(a, b, c)
    return ops.logaddexp(a + math.log(c), b + math.log(d))


def log_cloglog(x):
    """log(1 - exp(-exp(x))): below 0 by x."""
    low = ops.less(x, 0)
    t, u = ops.where(low, x, -1), ops.where(low, 1, x)
    return ops.where(low, t + ops.log(expm1_over_x(-ops.exp(t))), ops.log1mexp(-ops.exp(u)))


def atanh_one_less(x):
    """atanh(1 - x): beside x = 0 by x itself."""
    near = ops.less(x, 0.5)
    t = ops.where(near, x, 0.25)
    return ops.where(near, 0.5 * (ops.log1p(1 - t) - ops.log(t)), ops.atanh(1 - ops.where(near, 1, x)))


def log_tanh(x):
    """log(tanh(x)) of a positive number."""
    return ops.log1mexp(-2 * x) - ops.log1p(ops.exp(-2 * x))


def log1p_reciprocal(x):
    """log(1 + 1/x), x > 0."""
    small = ops.less(x, 1)
    t, u = ops.where(small, x, 1), ops.where(small, 1, x)
    return ops.where(small, ops.log1p(t) - ops.log(t), ops.log1p(1 / u))


def log_not_softmax(x, axis):
    """log(1 - softmax(x)): of an entry above 1/2 by the sum of the other exponentials."""
    axis = axis % x.ndim
    p = ops.softmax(x, axis=axis)
    most = ops.greater(p, 0.5)
    others = ops.reduce_logsumexp(ops.where(most, -INF, x), axes=(axis,), keepdims=1)
    return ops.where(most, others - ops.reduce_logsumexp(x, axes=(axis,), keepdims=1), ops.log1p(-ops.where(most, 0, p)))


def _lgamma_quotient(c, d):
    """lgamma(c) - lgamma(c + d) for a large c and a d that is small beside it: Stirling's series (DLMF 5.11.1) taken apart, as in Didonato
    & Morris, "Algorithm 708" (1992), its two sums term by term: the powers of u = 1/c and v = 1/(c + d) by their common factor."""
    s = c + d
    u, v = 1 / c, 1 / s
    h, q, series = 1.0, v * (u + v), 1 / 12             # h = (u**n - v**n) / (u - v)
    for k in (-1 / 360, 1 / 1260, -1 / 1680, 1 / 1188):
        h, q = u * u * h + q, q * v * v
        series = series + k * h
    return d * u * v * series + d - d * ops.log(s) + (c - 0.5) * ops.log1p(-d / s)


def lbeta_of_two(x, y):
    """log(beta(x, y)); lgamma(a) - lgamma(a + b) would cancel for a large a."""
    a, b = ops.where(x >= y, x, y), ops.where(x >= y, y, x)      # (not maximum: equal ones would share the second derivative too)
    far = (a > 16) & (b > 0)
    c, d = ops.where(far, a, 16.0), ops.where(far, b, 1.0)
    return ops.where(far, _lgamma_quotient(c, d) + ops.lgamma(d), ops.lgamma(x) + ops.lgamma(y) - ops.lgamma(x + y))


def is_far(a, b):
    """Where lgamma(a + b) - lgamma(a) is small beside both."""
    return (a > 16) & ops.is_finite(a) & (ops.abs(b) < 0.5 * a)


def lgamma_difference(a, b):
    """lgamma(a + b) - lgamma(a)."""
    far = is_far(a, b)
    c, d = ops.where(far, a, 16.0), ops.where(far, b, 1.0)
    return ops.where(far, -_lgamma_quotient(c, d), ops.lgamma(a + b) - ops.lgamma(a))


def log_bessel_i0(x):
    """log(I0(x)): below 2 by the power series of I0 - 1, where the two terms of the other formula would cancel."""
    near = ops.abs(x) < 2
    z = ops.square(ops.where(near, x, 0)) * 0.25
    more = z * (1 / 196)
    for k in range(13, 0, -1):
        more = z * (1 / k**2) * (1 + more)
    return ops.where(near, ops.log1p(more), ops.log(ops.bessel_i0e(ops.clip_by_value(ops.abs(x), 2, 1e30))) + ops.abs(x))


def log_one_less_sigmoids(a, b):
    """log(1 - sigmoid(a) sigmoid(b)), which is sigmoid(-a) + sigmoid(a) sigmoid(-b)."""
    y = ops.sigmoid(a) * ops.sigmoid(b)
    near = y > 0.5
    c, d = ops.where(near, a, 1), ops.where(near, b, 1)
    return ops.where(near, ops.logaddexp(ops.log_sigmoid(-c), ops.log_sigmoid(c) + ops.log_sigmoid(-d)), ops.log1p(-ops.where(near, 0, y)))
