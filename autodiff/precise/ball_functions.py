"""Special functions of balls that python-flint does not have under a name of its own: see precise/balls.py."""

import math

from flint import acb, arb, ctx

HALF = arb(1) / 2


def lgamma(x):
    return x.lgamma() if x > 0 else abs(x.gamma()).log()


def polygamma(n, x):
    order = int(float(n))
    if order == 0:
        return x.digamma()
    if x > 0:
        value = arb(order + 1).zeta(x) * arb(math.factorial(order))
        return value if order % 2 else -value
    return acb(x).polygamma(acb(order)).real


def erfcx(x):
    return (x * x).hypgeom_u(HALF, HALF) / arb.pi().sqrt() if x > 1 else (x * x).exp() * x.erfc()


def erfcx_slope(x):
    if x > 1:
        return -x * (x * x).hypgeom_u(arb(1.5), arb(1.5)) / arb.pi().sqrt()
    return 2 * x * erfcx(x) - 2 / arb.pi().sqrt()


def sinc_slope(x):
    return (x.cos_pi() - x.sinc_pi()) / x if not x.is_zero() else x


def log_ndtr(x):
    u = -x / arb(2).sqrt()
    return (-(-u).erfc() * HALF).log1p() if x > 0 else (erfcx(u) * HALF).log() - u * u


def bessel(order, x):
    return x.bessel_i(arb(order))


def bessel_scaled(order, x):
    y = abs(x).bessel_i(arb(order), scaled=True)
    return -y if order and x < 0 else y


def bessel_gap(x):
    u = abs(x)
    return u.bessel_i(arb(0), scaled=True) - u.bessel_i(arb(1), scaled=True)


def bessel_i1e_slope(x):
    u = abs(x)
    i0, i1 = u.bessel_i(arb(0), scaled=True), u.bessel_i(arb(1), scaled=True)
    return i0 - i1 - (HALF if u.is_zero() else i1 / u)


def igamma(a, x):
    """The regularised incomplete gamma function P; beside a large a Q is what there is a good way to."""
    if a.is_zero() or x.is_zero():
        return arb(0 if x.is_zero() and a > 0 else 1 if x > 0 else math.nan)
    return x.gamma_lower(a, 1) if a < 50 or 2 * x < a else 1 - x.gamma_upper(a, 1)


def igammac(a, x):
    if a.is_zero() or x.is_zero():
        return 1 - igamma(a, x)
    return x.gamma_upper(a, 1)


def gamma_pdf(a, x):
    return ((a - 1) * x.log() - x - a.lgamma()).exp()


def log_less_digamma(a, x):
    return x.log() - a.digamma()


def _exactly(x):
    """The middle of a ball as a number, and its radius."""
    middle = arb(x.mid())
    return middle, arb((x - middle).abs_upper())


def _of_igamma(a, x, order):
    """The derivative of that order of P by a, 1 or 2, as a difference at the middles of both balls.  Its step and the radius of a are small against
    r: where |f| is at most M within 2r of a, its derivative of order n is at most n! M/r^n within r (Cauchy), and so are the terms that are left out.
    |t^(s - 1)| depends on the real part of s alone, which bounds M.  The radius of x counts by what the definition has under the integral."""
    (a, of_a), (x, of_x) = _exactly(a), _exactly(x)
    if not (a > of_a and x > of_x):
        return arb("nan")
    before, ctx.prec = ctx.prec, (order + 1) * (ctx.prec + 20)
    try:
        upper = not igamma(a, x) < igammac(a, x)
        r = (arb(0.25) / (1 + abs(x.log()) if a < 1 else 1)).mid()
        r = r if upper or 4 * r < a else (a / 4).mid()
        step = (r * arb(2) ** -before).mid()
        values = [(igammac if upper else igamma)(a + k * step, x) for k in (-1, 0, 1)]
        y = (values[2] - values[0]) / (2 * step) if order == 1 else (values[2] - 2 * values[1] + values[0]) / step**2
        ends = [x.gamma_upper(s) if upper else igamma(s, x) * s.gamma() for s in (a - 2 * r, a + 2 * r)]
        m = (ends[0] + ends[1]) * abs(acb((a - 2 * r).union(a + 2 * r), (2 * r).union(-2 * r)).rgamma())
        off = arb(math.factorial(order + 1)) * m / r**order * (of_a / r + 8 * (step / r) ** 2)
    finally:
        ctx.prec = before
    if not of_a + step < r / 2:
        return arb("nan")
    near_x, near_a = x + arb(0, 1) * of_x, a + arb(0, 1) * of_a
    factor = log_less_digamma(near_a, near_x)
    slope = gamma_pdf(near_a, near_x) * (factor if order == 1 else factor**2 - polygamma(arb(1), near_a))
    return (-y if upper else y) + arb(0, 1) * (off + abs(slope) * of_x)


def igamma_by_a(a, x):
    return arb(0) if x.is_zero() and a > 0 else _of_igamma(a, x, 1)


def igamma_by_a_twice(a, x):
    return arb(0) if x.is_zero() and a > 0 else _of_igamma(a, x, 2)


def betainc(a, b, x):
    """The regularised incomplete beta function, from the side on which x is."""
    if not (x > 0 and x < 1 and a > 0 and b > 0):
        return x if x.is_zero() or x == 1 else arb("nan")
    return 1 - (1 - x).beta_lower(b, a, 1) if x * (a + b) > a else x.beta_lower(a, b, 1)


def beta_pdf(a, b, x):
    return ((a - 1) * x.log() + (b - 1) * (-x).log1p() + (a + b).lgamma() - a.lgamma() - b.lgamma()).exp()


def zeta(s, q):
    """Hurwitz's zeta function; of q below 0 for a whole s, by polygamma."""
    if q > 0:
        return s.zeta(q) if s > 1 else arb("nan")
    if not (s.is_exact() and s.is_integer() and s > 1):
        return arb("nan")
    y = polygamma(s - 1, q) / s.gamma()
    return y if int(float(s)) % 2 == 0 else -y


def zeta_slope(s, q):
    return -s * zeta(s + 1, q)
