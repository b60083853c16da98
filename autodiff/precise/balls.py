"""Numbers that certify themselves: arrays of arb, python-flint's balls (Johansson, "Arb: efficient arbitrary-precision
midpoint-radius interval arithmetic", IEEE Trans. Computers 66, 2017).

A ball holds the number it stands for.  What no ball can hold goes beside it, in a second part: inf, -inf, nan, and the sign
of a zero that was given, as doubles; 0.0 for all other numbers.  Where an operation on balls comes out infinite or undefined
there are two reasons.  At a pole or beyond the domain of exact operands IEEE arithmetic on doubles has the answer.
Otherwise the operand is not known well enough: the ball is all of R, and more bits are needed.
"""

import math
import operator

import numpy as np

from .. import ops
from .._core import apply as apply_to_tensors, raw_array, tensor_from_numpy
from .numbers import Numbers, state

try:
    from flint import arb, arb_mat, ctx
except ImportError as error:
    raise ImportError("GradientTape(precise=True) computes with python-flint, which is not installed: "
                      "pip install python-flint, or pip install autodiff-tape[precise]") from error  # fmt: skip

from .ball_functions import (bessel, bessel_gap, bessel_i1e_slope, bessel_scaled, beta_pdf, betainc, erfcx, erfcx_slope, gamma_pdf, igamma,  # noqa: E402
                             igamma_by_a, igamma_by_a_twice, igammac, lgamma, log_less_digamma, log_ndtr, polygamma, sinc_slope, zeta, zeta_slope)  # fmt: skip
from .ball_matrices import MATRICES, spectral_slope  # noqa: E402

ONE, ZERO, HALF, TINY, NAN = arb(1), arb(0), arb(1) / 2, arb(2) ** -200, arb("nan")
NOT_TAKEN = arb(0)      # the gradient of a branch that was not taken: what it meets there is of no interest
COLLAPSE = [False]      # at the last attempt: a ball around 0, smaller than what is likely to be meant, is 0


def _sigmoid(x):
    return ONE / (ONE + (-x).exp())


def _softplus(x):
    return x.exp().log1p()


def _sqrt2():
    return arb(2).sqrt()


def _hypot(a, b):
    return (a * a + b * b).sqrt()


def _cbrt(x):
    return x if x.is_zero() else x.root(3) if x > 0 else -((-x).root(3))


def _pow(a, b):
    if b.is_exact() and b.is_integer() and abs(b) < 2**31:
        return ONE if b.is_zero() else a ** b.unique_fmpz()
    return a**b


def _halves(x, above, below):
    """A function given by two, which agree at 0."""
    return above(x) if x > 0 else below(x) if x < 0 else above(x).union(below(x))


def _scale(g, s):
    if g.is_zero():
        state.indeterminate |= not s.is_finite() and g is not NOT_TAKEN
        return g
    return s if state.probing and s.is_zero() else g * s


def _select(g, s):
    return g if g.is_zero() else NOT_TAKEN if s.is_zero() else g * s


def _atan2(a, b):
    return arb.atan2(a, b)


def _gelu_gate(x):
    return _sigmoid(_twice_root() * (x + arb("0.044715") * x * x * x))


def _twice_root():
    return 2 * (2 / arb.pi()).sqrt()


def _selu_scale():
    return arb("1.0507009873554804934193349852946")


def _selu_low():
    return _selu_scale() * arb("1.6732632423543772848170429916717")


def _selu(x):
    return _halves(x, lambda t: _selu_scale() * t, lambda t: _selu_low() * t.expm1())


# fmt: off
ONE_OPERAND = {
    "neg": operator.neg, "identity": lambda x: x, "square": lambda x: x * x, "reciprocal": lambda x: ONE / x, "sqrt": arb.sqrt,
    "rsqrt": arb.rsqrt, "cbrt": _cbrt, "exp": arb.exp, "exp2": lambda x: arb(2) ** x, "expm1": arb.expm1, "log": arb.log,
    "log2": lambda x: ZERO if x == 1 else x.log() / arb.const_log2(), "log10": lambda x: x.log() / arb.const_log10(),
    "log1p": arb.log1p, "log1mexp": lambda x: (-x.expm1()).log() if x > -0.5 else (-x.exp()).log1p(),
    "entr": lambda x: -x * x.log() if not x.is_zero() else x, "sigmoid": _sigmoid, "softplus_slope": _sigmoid, "logit": lambda x: (x / (ONE - x)).log(),
    "log_sigmoid": lambda x: -_softplus(-x), "softplus": _softplus, "softsign": lambda x: x / (ONE + abs(x)),
    "tanh": arb.tanh, "sech2": lambda x: x.sech() ** 2, "sin": arb.sin, "cos": arb.cos, "sinc": arb.sinc_pi, "sinc_slope": sinc_slope, "tan": arb.tan, "asin": arb.asin,
    "acos": arb.acos, "atan": arb.atan, "sinh": arb.sinh, "cosh": arb.cosh, "asinh": arb.asinh, "acosh": arb.acosh,
    "atanh": arb.atanh, "erf": arb.erf, "erfc": arb.erfc, "erfcx": erfcx, "erfcx_slope": erfcx_slope, "log_ndtr": log_ndtr,
    "exp_minus_square": lambda x: (-x * x).exp(),
    "ndtr": lambda x: (-x / _sqrt2()).erfc() * HALF, "normal_pdf": lambda x: (-x * x * HALF).exp() / (2 * arb.pi()).sqrt(),
    "ndtri": lambda x: -_sqrt2() * (2 * x).erfcinv(), "erfinv": arb.erfinv, "lgamma": lgamma, "digamma": arb.digamma,
    "trigamma": lambda x: polygamma(ONE, x),
    "bessel_i0": lambda x: bessel(0, x), "bessel_i1": lambda x: bessel(1, x), "bessel_i0e": lambda x: bessel_scaled(0, x),
    "bessel_i1e": lambda x: bessel_scaled(1, x), "bessel_gap": bessel_gap, "bessel_i1e_slope": bessel_i1e_slope,
    "elu": lambda x: _halves(x, lambda t: t, arb.expm1), "selu": _selu, "silu": lambda x: x * _sigmoid(x),
    "gelu": lambda x: x * (-x / _sqrt2()).erfc() * HALF, "gelu_gate": _gelu_gate, "gelu_tanh": lambda x: x * _gelu_gate(x),
    "mish": lambda x: x * _softplus(x).tanh(),
}
TWO_OPERANDS = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv, "pow": _pow, "hypot": _hypot,
    "over_hypot": lambda a, b: a / _hypot(a, b) if not a.is_zero() else ZERO, "squared_difference": lambda a, b: (a - b) ** 2,
    "scale": _scale, "select": _select,
    "logaddexp": lambda a, b: a + (b - a).exp().log1p() if a > b else b + (a - b).exp().log1p(),
    "xlogy": lambda a, b: a if a.is_zero() else a * b.log(), "xlog1py": lambda a, b: a if a.is_zero() else a * b.log1p(),
    "sigmoid_of_difference": lambda a, b: _sigmoid(a - b), "atan2": _atan2, "polygamma": polygamma,
    "igamma": igamma, "igammac": igammac, "gamma_pdf": gamma_pdf, "igamma_by_a": igamma_by_a, "igamma_by_a_twice": igamma_by_a_twice,
    "log_less_digamma": log_less_digamma, "zeta": zeta, "zeta_slope": zeta_slope,
    "sigmoid_cross_entropy": lambda a, b: a * _softplus(-b) + (ONE - a) * _softplus(b),
}
THREE_OPERANDS = {"betainc": betainc, "beta_pdf": beta_pdf}
OF_OPERANDS = {1: ONE_OPERAND, 2: TWO_OPERANDS, 3: THREE_OPERANDS}
# Numbers in the rules of the table that stand for others.
KNOWN = {0.6931471805599453: arb.const_log2, 1.4426950408889634: lambda: ONE / arb.const_log2(),
         0.4342944819032518: lambda: ONE / arb.const_log10(), 1.1283791670955126: lambda: 2 / arb.pi().sqrt(),
         0.886226925452758: lambda: arb.pi().sqrt() / 2, 2.718281828459045: arb.const_e, 3.141592653589793: arb.pi, 9.869604401089358: lambda: arb.pi() ** 2,
         1.5957691216057308: _twice_root, 0.7978845608028654: lambda: (2 / arb.pi()).sqrt(), 0.7071067811865476: lambda: ONE / _sqrt2(), 0.21406444881780074: lambda: 3 * arb("0.044715") * _twice_root(),
         1.0507009873554805: _selu_scale, 1.7580993408473766: _selu_low}
# fmt: on
def _ufunc(f, n=1):
    """f on object arrays; the result is an array, also of rank 0."""
    call = np.frompyfunc(f, n, 1)

    def on_arrays(*arrays, dtype=object):
        if any(a.ndim for a in arrays):
            y = call(*arrays)
            return y if dtype is object else y.astype(dtype)
        y = np.empty(np.broadcast_shapes(*[a.shape for a in arrays]), dtype)
        y[...] = call(*arrays)
        return y

    return on_arrays


FUNCTIONS = {name: _ufunc(f, n) for n, functions in OF_OPERANDS.items() for name, f in functions.items()}
SUMS = {row.name: np.frompyfunc(TWO_OPERANDS[row.name], 2, 1) for row in (ops.add, ops.mul)}
# Where the very same ball stands on both sides (moving numbers keeps the balls themselves): x - x, x / x.
SAME = {"sub": ZERO, "div": ONE}

_made, _is_finite, _is_zero, _is_same = _ufunc(arb), _ufunc(arb.is_finite), _ufunc(arb.is_zero), _ufunc(operator.is_, 2)
_less, _greater, _is_exact, _float = _ufunc(operator.lt, 2), _ufunc(operator.gt, 2), _ufunc(arb.is_exact), _ufunc(float)
_bits, _lower, _upper = _ufunc(arb.rel_accuracy_bits), _ufunc(arb.lower), _ufunc(arb.upper)


class Balls(Numbers):
    __slots__ = ()

    @staticmethod
    def prepare(bits, last=False):
        """Compute with that many bits from here on."""
        before = ctx.prec
        ctx.prec, COLLAPSE[0] = bits, last
        return lambda: Balls.prepare(before)

    @classmethod
    def exact(cls, array, dtype):
        array = np.asarray(array, np.float64)
        balls = _made(array)
        balls[np.isnan(array)] = NAN                        # not arb(nan): that is a ball around 0, and acos(it) is pi
        return cls((balls, np.where(np.isfinite(array) & ((array != 0) | ~np.signbit(array)), 0.0, array)), dtype)

    def run(self, row, values, attrs):
        if row.name in MATRICES:
            return MATRICES[row.name](*values, **attrs)
        return super().run(row, values, attrs)

    def constant(self, number):
        known = KNOWN.get(abs(float(number)))
        if known is None:
            return super().constant(number)
        ball = np.empty((), object)
        ball[()] = known() if number > 0 else -known()
        return self.like((ball, np.zeros(())))

    def special(self):
        return self.parts[1]

    def folded(self, row):
        """Sums or products along the last axis, where they are finite."""
        y = SUMS[row.name].reduce(self.parts[0], axis=-1)
        return self.like((y, np.zeros(y.shape))) if _is_finite(y, dtype=bool).all() else None

    def accumulated(self, row):
        """Sums or products so far along the first axis, where they are finite."""
        y = SUMS[row.name].accumulate(self.parts[0], axis=0)
        return self.like((y, np.zeros(y.shape))) if _is_finite(y, dtype=bool).all() else None

    def product(self, other):
        """Matrices times matrices, where all is finite."""
        a, b = self.parts[0], other.parts[0]
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        (m, k), n = a.shape[-2:], b.shape[-1]
        a, b = np.broadcast_to(a, (*batch, m, k)), np.broadcast_to(b, (*batch, k, n))
        y = np.empty((*batch, m, n), object)
        for i in np.ndindex(batch):
            entries = (arb_mat(m, k, a[i].ravel().tolist()) * arb_mat(k, n, b[i].ravel().tolist())).entries()
            y[i] = np.array(entries, object).reshape(m, n)
        return self.like((y, np.zeros(y.shape))) if _is_finite(y, dtype=bool).all() else None

    def spectral(self, x, y):
        """The share of symmetric matrices x in a gradient self by y, their packed eigenvalues and vectors, where some vectors are unknown and none
        is asked for; else None."""
        g, w = self.parts[0], y.parts[0]
        if _is_finite(w, dtype=bool).all() or not _is_finite(w[..., 0, :], dtype=bool).all() or not _is_zero(g[..., 1:, :], dtype=bool).all():
            return None
        share = np.empty(x.shape, object)
        for i in np.ndindex(x.shape[:-2]):
            share[i] = spectral_slope(x.parts[0][i], w[i], g[i])
        return self.like((share, np.zeros(share.shape)))

    def elementwise(self, row, operands):
        function = FUNCTIONS.get(row.name)
        if function is None:
            return None
        balls = [x.parts[0] for x in operands]
        if row is ops.scale and not state.probing and not _is_zero(balls[0], dtype=bool).any():
            function = FUNCTIONS["mul"]
        y = function(*balls)
        if row.name in SAME:
            y[_is_same(*balls, dtype=bool) & _is_finite(y, dtype=bool)] = SAME[row.name]
        special = np.zeros(y.shape)
        finite = _is_finite(y, dtype=bool)
        if not finite.all():
            _mend(row, operands, y, special, ~finite)
        if row is ops.neg:
            zero = _is_zero(y, dtype=bool)
            special[zero & ~np.signbit(operands[0].special())] = -0.0
        if COLLAPSE[0] and not _is_exact(y, dtype=bool).all():
            y = _collapsed(y)
        return self.like((y, special))

    def compare(self, other):
        a, b = (x.parts[0] for x in (self, other))
        order = np.where(_greater(a, b, dtype=bool), 1, np.where(_less(a, b, dtype=bool), -1, 0)).astype(np.int8)
        nan = np.isnan(self.special()) | np.isnan(other.special())
        order[nan] = 2
        state.indeterminate |= state.twice and bool((order == 0).any())
        open_ = (order == 0) & ~(_is_exact(a, dtype=bool) & _is_exact(b, dtype=bool)) & ~_is_same(a, b, dtype=bool)
        if open_.any():
            p, q = (x.nearest() if x.recorded is None else x.recorded for x in (self, other))
            known = [x.recorded is not None or _is_exact(balls, dtype=bool) for x, balls in ((self, a), (other, b))]
            certain = np.logical_and(*known)
            with np.errstate(invalid="ignore"):
                decided = np.where(certain, np.sign(np.nan_to_num(np.subtract(p, q))), 0)
            order[open_] = np.broadcast_to(decided, order.shape)[open_]
        return order

    def same(self, other):
        """Where the very same number stands in both: moving numbers keeps the balls themselves."""
        return _is_same(self.parts[0], other.parts[0], dtype=bool)

    def nearest(self):
        special = self.special()
        return np.where(special == 0, _float(self.parts[0], dtype=np.float64), special)

    def probed(self):
        """Doubles of a replay beside a singular point: nan where nothing is known, 0 for a small ball around it."""
        y, balls = self.nearest(), self.parts[0]
        y[self.unknown()] = np.nan
        around = (self.special() == 0) & _ufunc(lambda x: x.contains(0) and not x.is_zero())(balls, dtype=bool)
        y[around] = np.where(_ufunc(lambda x: abs(x) < TINY)(balls[around], dtype=bool), 0.0, np.nan)
        return y

    def rounded(self, dtype):
        balls, special = self.parts
        with np.errstate(over="ignore", under="ignore"):
            y = np.array(self.nearest(), dtype)
            sure = np.array((special != 0) | (_bits(balls) >= 100), bool)
            open_ = np.flatnonzero(~sure.reshape(-1))
            if open_.size:
                flat = balls.reshape(-1)[open_]
                low, high = (_float(end(flat), dtype=np.float64).astype(dtype) for end in (_lower, _upper))
                known = _is_finite(flat, dtype=bool)
                sure.reshape(-1)[open_] = known & (low == high)
                y.reshape(-1)[open_[known & (low == high)]] = low[known & (low == high)]
        return y, sure

    def unknown(self):
        """Where the ball is all of R."""
        return (self.special() == 0) & ~_is_finite(self.parts[0], dtype=bool)


def _collapsed(y):
    limit = arb(2) ** (-(ctx.prec // 2))

    def collapse(x):
        if x.is_exact() or not abs(x) < limit or not x.contains(0):
            return x
        state.guessed = True
        return ZERO

    return _ufunc(collapse)(y)


def _mend(row, operands, y, special, bad):
    """Decide what the elements that came out infinite or undefined are: see the top of this file."""
    columns = [[np.broadcast_to(part, y.shape).reshape(-1) for part in x.parts] for x in operands]
    y, special = y.reshape(-1), special.reshape(-1)                         # of fresh arrays: views
    for k in np.flatnonzero(bad):
        point = [_double(balls[k], signs[k]) for balls, signs in columns]
        if None in point or not _settled(row, [balls[k] for balls, _ in columns]):
            y[k] = arb(0, math.inf)
            continue
        value = _ieee(row, point)
        if row is ops.mul and state.guessed and 0.0 in point:               # an inf that comes of a guess
            value = 0.0
        y[k] = NAN if math.isnan(value) else arb(value)
        special[k] = 0.0 if math.isfinite(value) else value


def _double(ball, special):
    """The double that stands for a number at a singular point; None: it is not known well enough."""
    if special != 0 or math.copysign(1, special) < 0:
        return float(special)
    if not ball.is_finite() or (not ball.is_exact() and ball.contains(0)):
        return None
    x = float(ball.mid())
    if math.isinf(x):
        return math.copysign(1.7976931348623157e308, x)
    return x if x or ball.is_zero() else 5e-324 if ball > 0 else -5e-324


def _settled(row, balls):
    """Is the row undefined at both ends of every ball, so that more bits would change nothing?"""
    if all(b.is_exact() or not b.is_finite() for b in balls):
        return True
    function = OF_OPERANDS[len(balls)][row.name]
    return not any(function(*[end(b) if b.is_finite() else b for b in balls]).is_finite() for end in (arb.lower, arb.upper))


def _ieee(row, point):
    return float(raw_array(apply_to_tensors(row, [tensor_from_numpy(np.float64(x)) for x in point], {})))
