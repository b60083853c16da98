"""Special functions whose values are SciPy's, with their derivatives: of them by name, SCIPY_FUNCTIONS, and ad.math.special's.

What a derivative needs is another of these functions, so that there is one of every order (DLMF, dlmf.nist.gov, whose equations are
named).  An ad.function with one of them runs as written.
"""

import math
from collections.abc import Callable

import numpy as np

from . import errors, ops
from ._core import Tensor
from .arguments import floating, tensors
from .custom_gradient import custom_gradient
from .shaping import broadcast_to
from .stable import beside_zero, polynomial

__all__ = ["bessel_j0", "bessel_j1", "bessel_k0", "bessel_k0e", "bessel_k1", "bessel_k1e", "bessel_y0", "bessel_y1", "dawsn", "expint", "fresnel_cos",
           "fresnel_sin", "spence"]  # fmt: skip


def _special(name):
    try:
        import scipy.special
    except ImportError:
        raise ImportError(f"{name}: its values are SciPy's, which is not installed: pip install scipy") from None
    return scipy.special


def _by_scipy(name, *slopes, values=None):
    """The function of tensors whose derivative by argument k is slopes[k](*arguments), or that has none by it."""

    def function(*xs):
        special, xs = _special(name), [floating(x, name) for x in tensors(name, *xs)]
        try:
            shape = np.broadcast_shapes(*[tuple(x.shape) for x in xs])
        except ValueError:
            raise errors.unlike_shapes(name, *[x.shape for x in xs]) from None

        @custom_gradient
        def value(*xs):
            arrays = [x.numpy() for x in xs]
            y = values(special, *arrays) if values else getattr(special, name)(*arrays)

            def slope(g):
                shares = [None if d is None else ops.scale(g, d(*xs)) for d in slopes]
                return shares if len(shares) > 1 else shares[0]

            return np.asarray(y, np.result_type(*arrays)), slope

        return value(*[x if tuple(x.shape) == shape else broadcast_to(x, shape) for x in xs])

    function.__name__ = name
    return function


def _of(name):
    return lambda *xs: SCIPY_FUNCTIONS[name](*xs)


def _orders(name, sign):
    """By x of a Bessel function of order v: half the one of order v - 1, plus or minus half that of v + 1 (10.6.1, 10.29.1)."""
    return lambda v, x: 0.5 * (_of(name)(v - 1.0, x) + sign * _of(name)(v + 1.0, x))


def _dawsn_slope(x):
    """1 - 2 x dawsn(x), of which nothing is left for large x: there its asymptotic series, in t = 1 / (2 x x) (from 7.12.1)."""
    far = ops.abs(x) > 8.0
    t = ops.where(far, 0.5 / ops.square(ops.where(far, x, 1.0)), 0.0)
    series = t * 0.0 + 1.0
    for k in range(20, 0, -1):
        series = 1.0 + (2 * k + 1.0) * t * series
    return ops.where(far, -t * series, 1.0 - 2.0 * x * _of("dawsn")(x))


# The coefficients of the slopes of ellipk and ellipe (19.5.1, 19.5.2), for m beside 0, where the formulas are 0/0.
_ELLIPK = [math.pi / 2 * (k + 1) * (math.comb(2 * k + 2, k + 1) / 4 ** (k + 1)) ** 2 for k in range(30)]
_ELLIPE = [c / (-1 - 2 * k) for k, c in enumerate(_ELLIPK)]


def _beside_circles(m, series, formula):
    return beside_zero(m, 0.3, lambda m: polynomial(m, series), formula)


def _spence_slope(x):
    """log(x) / (1 - x), -1 at 1."""
    u = x - 1.0
    near = ops.abs(u) < 1e-3
    series = -1.0 + u * (1 / 2 + u * (-1 / 3 + u * (1 / 4 + u * (-1 / 5 + u / 6))))
    return ops.where(near, series, -ops.log(ops.where(near, 2.0, x)) / ops.where(near, 1.0, u))


# fmt: off
SCIPY_FUNCTIONS = {name: _by_scipy(name, *slopes) for name, slopes in {
    "j0":     [lambda x: -_of("j1")(x)],
    "j1":     [lambda x: 0.5 * (_of("j0")(x) - _of("jv")(2.0, x))],
    "jv":     [None, _orders("jv", -1.0)],
    "y0":     [lambda x: -_of("y1")(x)],
    "y1":     [lambda x: 0.5 * (_of("y0")(x) - _of("yv")(2.0, x))],
    "yv":     [None, _orders("yv", -1.0)],
    "k0":     [lambda x: -_of("k1")(x)],
    "k1":     [lambda x: -0.5 * (_of("k0")(x) + _of("kv")(2.0, x))],
    "kv":     [None, lambda v, x: -_orders("kv", 1.0)(v, x)],
    "k0e":    [lambda x: _of("k0e")(x) - _of("k1e")(x)],
    "k1e":    [lambda x: _of("k1e")(x) * (1.0 - 1.0 / x) - _of("k0e")(x)],      # by k0e and kve(2, x) it were inf - inf at 0
    "kve":    [None, lambda v, x: _of("kve")(v, x) - _orders("kve", 1.0)(v, x)],
    "iv":     [None, _orders("iv", 1.0)],
    "ive":    [None, lambda v, x: _orders("ive", 1.0)(v, x) - ops.sign(x) * _of("ive")(v, x)],
    "dawsn":  [_dawsn_slope],
    "expi":   [lambda x: ops.exp(x) / x],
    "exp1":   [lambda x: -ops.exp(-x) / x],
    "spence": [_spence_slope],
    "erfi":   [lambda x: 2.0 / math.sqrt(math.pi) * ops.exp(ops.square(x))],
    "hyp0f1": [None, lambda b, x: _of("hyp0f1")(b + 1.0, x) / b],
    "hyp1f1": [None, None, lambda a, b, x: a / b * _of("hyp1f1")(a + 1.0, b + 1.0, x)],                 # 13.3.15
    "hyp2f1": [None, None, None, lambda a, b, c, x: a * b / c * _of("hyp2f1")(a + 1.0, b + 1.0, c + 1.0, x)],   # 15.5.1
    "poch":   [lambda z, m: _of("poch")(z, m) * (ops.digamma(z + m) - ops.digamma(z)), lambda z, m: _of("poch")(z, m) * ops.digamma(z + m)],
    "stdtr":  [None, lambda v, t: ops.exp(ops.lgamma(0.5 * v + 0.5) - ops.lgamma(0.5 * v) - 0.5 * (v + 1.0) * ops.log1p(t * t / v)) / ops.sqrt(math.pi * v)],
    "owens_t": [lambda h, a: -0.5 * ops.normal_pdf(h) * ops.erf(a * h / math.sqrt(2.0)),
                lambda h, a: ops.exp(-0.5 * h * h * (1.0 + a * a)) / (2.0 * math.pi * (1.0 + a * a))],
    "ellipk": [lambda m: _beside_circles(m, _ELLIPK, lambda m: (_of("ellipe")(m) / (1.0 - m) - _of("ellipk")(m)) / (2.0 * m))],       # 19.4.1
    "ellipe": [lambda m: _beside_circles(m, _ELLIPE, lambda m: (_of("ellipe")(m) - _of("ellipk")(m)) / (2.0 * m))],                   # 19.4.2
    # quantiles y of a distribution function F: 1 over its density, and less the slope of F by the shape over that
    "gammaincinv":  [lambda a, p: -ops.igamma_by_a(a, _of("gammaincinv")(a, p)) / ops.gamma_pdf(a, _of("gammaincinv")(a, p)),
                     lambda a, p: 1.0 / ops.gamma_pdf(a, _of("gammaincinv")(a, p))],
    "gammainccinv": [lambda a, p: -ops.igamma_by_a(a, _of("gammainccinv")(a, p)) / ops.gamma_pdf(a, _of("gammainccinv")(a, p)),
                     lambda a, p: -1.0 / ops.gamma_pdf(a, _of("gammainccinv")(a, p))],
    "betaincinv":   [None, None, lambda a, b, p: 1.0 / ops.beta_pdf(a, b, _of("betaincinv")(a, b, p))],
}.items()}
# fmt: on


_FRESNEL = {
    "fresnel_sin": _by_scipy("fresnel_sin", lambda x: ops.sin(math.pi / 2 * ops.square(x)), values=lambda special, x: special.fresnel(x)[0]),
    "fresnel_cos": _by_scipy("fresnel_cos", lambda x: ops.cos(math.pi / 2 * ops.square(x)), values=lambda special, x: special.fresnel(x)[1])}  # fmt: skip


# --------------------------------------------------------------------------------------------- under the names of tf.math.special
def _front(name, values, says, at, y) -> Callable[..., Tensor]:
    def special_function(x, name=None) -> Tensor:
        return values(floating(x, special_function.__name__))

    special_function.__name__ = special_function.__qualname__ = name
    special_function.__doc__ = f"""{says}; values by SciPy, with derivatives of every order.

    x        a tensor, an array or numbers of float32 or float64
    returns  a tensor of its shape and dtype

    Raises DtypeError for other dtypes, ImportError without SciPy.

    >>> round(float({name}({at})), 4)
    {y}
    """
    return special_function


bessel_j0 = _front("bessel_j0", SCIPY_FUNCTIONS["j0"], "The Bessel function of the first kind J0", 1.0, 0.7652)
bessel_j1 = _front("bessel_j1", SCIPY_FUNCTIONS["j1"], "The Bessel function of the first kind J1", 1.0, 0.4401)
bessel_y0 = _front("bessel_y0", SCIPY_FUNCTIONS["y0"], "The Bessel function of the second kind Y0", 1.0, 0.0883)
bessel_y1 = _front("bessel_y1", SCIPY_FUNCTIONS["y1"], "The Bessel function of the second kind Y1", 1.0, -0.7812)
bessel_k0 = _front("bessel_k0", SCIPY_FUNCTIONS["k0"], "The modified Bessel function of the second kind K0", 1.0, 0.421)
bessel_k0e = _front("bessel_k0e", SCIPY_FUNCTIONS["k0e"], "exp(x) * bessel_k0(x), no underflow", 1.0, 1.1445)
bessel_k1 = _front("bessel_k1", SCIPY_FUNCTIONS["k1"], "The modified Bessel function of the second kind K1", 1.0, 0.6019)
bessel_k1e = _front("bessel_k1e", SCIPY_FUNCTIONS["k1e"], "exp(x) * bessel_k1(x), no underflow", 1.0, 1.6362)
dawsn = _front("dawsn", SCIPY_FUNCTIONS["dawsn"], "Dawson's integral: exp(-x*x) times the integral of exp(t*t) from 0 to x", 1.0, 0.5381)
expint = _front("expint", SCIPY_FUNCTIONS["expi"], "The exponential integral Ei(x): the integral of exp(t) / t from -inf to x", 1.0, 1.8951)
spence = _front("spence", SCIPY_FUNCTIONS["spence"], "The dilogarithm of 1 - x: the integral of log(t) / (1 - t) from 1 to x", 2.0, -0.8225)
fresnel_sin = _front("fresnel_sin", _FRESNEL["fresnel_sin"], "The integral of sin(pi t*t / 2) from 0 to x", 1.0, 0.4383)
fresnel_cos = _front("fresnel_cos", _FRESNEL["fresnel_cos"], "The integral of cos(pi t*t / 2) from 0 to x", 1.0, 0.7799)
