"""Special functions of balls that python-flint does not have under a name of its own: see precise/balls.py."""

import math

from flint import acb, arb

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
