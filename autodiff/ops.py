"""THE TABLE: every operator of autodiff, one row each.  What a row is stands in _op.py.

`x` or `a, b, c` are operands, `y` the result, `g` the cotangent.  A rule is a formula over other rows; it is read three
times: printed as C, run on tensors for higher orders, recorded in a traced program.  So it must itself have derivatives, and
they must be finite and accurate wherever the true ones are.
"""

from . import errors
from ._op import (ABOVE_MINUS_ONE, ANY, BOOL, FLOATS, FROM_ONE, INF, NAN, Interval, NEGATIVE, NON_NEGATIVE, NUMBERS, OPEN_UNIT,
                  POSITIVE, REAL, UNIT, composite, number_rows, row, rule, structural)  # fmt: skip
from ._lapack import by_numpy
from ._series import bessel_bend_over_root, bessel_quotient, distance, erfcx_bend, sinc_bend


ENTR_ROOT = distance(0.3678794503211975, -9.149755619830557e-09, 4.3166045617727424e-16, 1.6365179025500402e-32)      # 1/e, the root of entr'
SILU_ROOT = distance(-1.2784645557403564, 1.2979282537628478e-08, 1.1257466309409694e-16, -3.907766676128665e-33)      # the root of silu', 1 + r + exp(r) = 0


def pow_before(a, b, slope):
    """a**(b - 1) from b * a**(b - 1), for a > 0."""
    return where(abs(b) < 0.25, pow(a, b) / a, slope / where(abs(b) < 0.25, 1, b))


def away(a, b):
    """A power of two that takes (a, b) so far from the origin that the reciprocal of the distance does not overflow."""
    return where(abs(a) + abs(b) < 1e-30, 1.2676506002282294e30, 1)


def away_hypot(a, b):
    return hypot(a * away(a, b), b * away(a, b))


def bessel_bend(r, less_quotient):
    return bessel_bend_over_root(r, less_quotient) * sqrt(r)


# fmt: off
# ---------------------------------------------------------------------------------------------------------- arithmetic
add        = row(d=(lambda a, b, y: 1, lambda a, b, y: 1),        takes=NUMBERS, linear=(0, 1), numpy="add",                  doc="a + b")
sub        = row(d=(lambda a, b, y: 1, lambda a, b, y: -1),       takes=NUMBERS, linear=(0, 1), numpy="subtract",             doc="a - b")
mul        = row(d=(lambda a, b, y: b, lambda a, b, y: a),        takes=NUMBERS, linear=(0, 1), numpy="multiply",             doc="a * b")
div        = row(d=(lambda a, b, y: 1 / b, lambda a, b, y: -y / b),              linear=(0,), d32=(None, lambda a, b: -a / (b * b)), numpy="divide true_divide", selects=True, doc="a / b")   # not -a / (b * b): overflows, which float32 does not in float64, and y has no digits where it is subnormal; 0 / b depends on no b, not even where a logarithm follows
floordiv   = row(arity=2,                                         takes=NUMBERS,                numpy="floor_divide",         doc="the largest whole number not above a / b")
mod        = row(d=(lambda a, b, y: 1, lambda a, b, y: -floordiv(a, b)), takes=NUMBERS,         numpy="mod remainder",        doc="a - b * floordiv(a, b): has the sign of b")
neg        = row(d=lambda x, y: -1,                               takes=NUMBERS, linear=(0,),   numpy="negative",             doc="-x")
abs        = row(d=lambda x, y: sign(x),                          takes=NUMBERS,                numpy="abs absolute fabs",    selects=True, doc="|x|; derivative 0 at 0")
sign       = row(d=lambda x, y: 0,                                takes=NUMBERS,                numpy="sign",                 doc="-1, 0 or 1")
square     = row(d=lambda x, y: 2 * x,                            takes=NUMBERS,                numpy="square",               doc="x * x")
squared_difference = row(d=(lambda a, b, y: 2 * (a - b), lambda a, b, y: 2 * (b - a)), takes=NUMBERS, ulp=2, doc="(a - b) squared")
reciprocal = row(d=lambda x, y: -y * y,                                                         numpy="reciprocal",           doc="1 / x")
one_minus_square = row(value=lambda x: (1 - x) * (1 + x), d=lambda x, y: -2 * x,          ulp=2,                              doc="1 - x*x, exact beside -1 and 1")
sqrt       = row(d=lambda x, y: 0.5 / y,                          on=NON_NEGATIVE,              numpy="sqrt",                 doc="square root")
rsqrt      = row(d=lambda x, y: -0.5 * y / x,                     on=POSITIVE,        ulp=2,                                         doc="1 / sqrt(x)")
cbrt       = row(d=lambda x, y: 1 / (3 * y * y),                                                numpy="cbrt",                 doc="cube root, also of a negative number")
hypot      = row(d=(lambda a, b, y: over_hypot(a, b), lambda a, b, y: over_hypot(b, a)), ulp=2, numpy="hypot",                doc="sqrt(a*a + b*b), no overflow; derivative 0 at (0, 0)")
over_hypot = row(d=(lambda a, b, y: over_hypot(b, a) * away(a, b) * atan2_slope(a * away(a, b), b * away(a, b)),
                    lambda a, b, y: -away(a, b) * where(abs(a) < abs(b), over_hypot(b, a) * atan2_slope(b * away(a, b), a * away(a, b)), y * atan2_slope(a * away(a, b), b * away(a, b)))), ulp=2, d_ulp=5, d32="double",                   doc="a / hypot(a, b), 0 at (0, 0)")
pow        = row(d=(lambda a, b, y: where(b == 0, 0, pow_slope(a, b)), lambda a, b, y: where(a <= 0, 0, pow_log(a, b))), on=(POSITIVE, REAL), takes=NUMBERS, ulp=1, ulp32=0.6, numpy="power float_power", doc="a to the power b; no derivative by b where a <= 0; libm's without FMA, where its tables cost less than exact products")
pow_slope  = row(d=(lambda a, b, y: where(b == 1, 0, where(a == 0, b * pow_slope(a, b - 1), (b - 1) * y / where(a == 0, 1, a))),
                    lambda a, b, y: where(a <= 0, 0, pow_before(a, b, y) + y * log(where(a > 0, a, 1)))), on=(POSITIVE, REAL), plainly=lambda a, b: b * pow(a, b - 1), ulp=3, ulp32=0.6, d32="double", doc="b * a**(b - 1), b - 1 as it is before rounding")
pow_log    = row(d=(lambda a, b, y: pow_slope(a, b) * log(a) + pow_before(a, b, pow_slope(a, b)), lambda a, b, y: y * log(a)), on=(POSITIVE, REAL), plainly=lambda a, b: pow(a, b) * log(a), ulp=3, ulp32=0.6, d_ulp=5, d32="double",
                                                                                                                             doc="a**b * log(a), exact where a**b is too small to be")
identity   = row(d=lambda x, y: 1,                                takes=ANY,     linear=(0,),   numpy="positive",             doc="x, as a value of its own")
scale      = row(d=(lambda g, s, y: s, lambda g, s, y: g),                       linear=(0, 1),                               doc="g * s; exactly 0 where g is 0, whatever s is")
select     = row(d=(lambda g, s, y: s, lambda g, s, y: g),                       linear=(0, 1),                 selects=True, doc="g * s; exactly 0 where either is 0")

# Products and quotients with a convention for 0 * inf and x / 0.
divide_no_nan     = row(value=lambda a, b: where(b == 0, 0, a / b), d=(lambda a, b, y: reciprocal_no_nan(b), lambda a, b, y: -divide_no_nan(y, b)), linear=(0,), d32=(None, lambda a, b: -divide_no_nan(a, b * b)), doc="a / b; 0 where b is 0")
reciprocal_no_nan = row(value=lambda x: where(x == 0, 0, 1 / x),    d=lambda x, y: -y * y,                                                                       doc="1 / x; 0 where x is 0")
multiply_no_nan   = row(value=lambda a, b: where(b == 0, 0, a * b), d=(lambda a, b, y: b, lambda a, b, y: a), linear=(0, 1),                                     doc="a * b; 0 where b is 0, even if a is inf or nan")
xdivy             = row(value=lambda a, b: where(a == 0, 0, a / b), d=(lambda a, b, y: where(a == 0, reciprocal_no_nan(b), 1 / b), lambda a, b, y: -xdivy(y, b)), linear=(0,), d32=(None, lambda a, b: -xdivy(a, b * b)), doc="a / b; 0 where a is 0, even if b is")

# ------------------------------------------------------------------------------------------- exponentials and logarithms
exp        = row(d=lambda x, y: y,                          on=REAL,            ulp=1, ulp32=0.6, numpy="exp",   doc="e to the power x")
exp2       = row(d=lambda x, y: y * 0.6931471805599453,     on=REAL,            ulp=1, ulp32=0.6, d32="own", numpy="exp2",  doc="2 to the power x")
expm1      = row(d=lambda x, y: exp(x),                     on=REAL,            ulp=1, ulp32=0.6, numpy="expm1", doc="exp(x) - 1, exact near 0")       # not y + 1: that is 0 for x < -37
# An infinite x that was computed has overflowed on its way here: log(1 + exp(x)) at 1000.  A derivative of 0 would stop all that comes
# before it, and the gradient would be 0 where it is 1; nan says that it is not known.  One that was given is what it is: 1 / inf is 0.
log        = row(d=lambda x, y: where(x == INF, NAN, 1 / x), given=lambda x, y: 1 / x, on=POSITIVE,        ulp=1, ulp32=0.6, numpy="log",   doc="natural logarithm")
log2       = row(d=lambda x, y: where(x == INF, NAN, 1.4426950408889634 / x), given=lambda x, y: 1.4426950408889634 / x, on=POSITIVE,        ulp=1, ulp32=0.6, numpy="log2",  doc="logarithm to base 2")
log10      = row(d=lambda x, y: where(x == INF, NAN, 0.4342944819032518 / x), given=lambda x, y: 0.4342944819032518 / x, on=POSITIVE,        ulp=1, ulp32=0.6, numpy="log10", doc="logarithm to base 10")
log1p      = row(d=lambda x, y: where(x == INF, NAN, 1 / (1 + x)), given=lambda x, y: 1 / (1 + x), on=ABOVE_MINUS_ONE, ulp=1, ulp32=0.6, numpy="log1p", doc="log(1 + x), exact near 0")
log1mexp   = row(d=lambda x, y: -exp(x) / abs(expm1(x)),        on=NEGATIVE,        ulp=2, ulp32=0.6, twin=True,                doc="log(1 - exp(x)) of a negative number")
logaddexp  = row(d=(lambda a, b, y: sigmoid_of_difference(a, b), lambda a, b, y: sigmoid_of_difference(b, a)), ulp=2, numpy="logaddexp", doc="log(exp(a) + exp(b)), no overflow")
logsubexp  = row(value=lambda a, b: a + log1mexp(b - a), d=(lambda a, b, y: -over_expm1(b, a), lambda a, b, y: -over_expm1(a, b)), ulp=2, d32="double",      doc="log(exp(a) - exp(b)) for a > b, no overflow")
over_expm1 = row(d=(lambda a, b, y: y * over_expm1(b, a), lambda a, b, y: -y * over_expm1(b, a)), plainly=lambda a, b: 1 / expm1(a - b), ulp=3, d_ulp=5,      doc="1 / (exp(a - b) - 1), a - b as it is before rounding")
xlogy      = row(d=(lambda a, b, y: log(b), lambda a, b, y: xdivy(a, b)),          on=(REAL, POSITIVE),        ulp=2, linear=(0,), doc="a * log(b); 0 where a is 0")
xlog1py    = row(d=(lambda a, b, y: log1p(b), lambda a, b, y: xdivy(a, 1 + b)),    on=(REAL, ABOVE_MINUS_ONE), ulp=2, linear=(0,), doc="a * log(1 + b); 0 where a is 0")
entr       = row(d=lambda x, y: where(abs(x - 0.375) < 0.125, -log1p(2.718281828459045 * ENTR_ROOT(x)), -1 - log(x)), on=NON_NEGATIVE, ulp=2, ulp32=0.6, doc="-x * log(x); 0 at 0")

# ------------------------------------------------------------------------------------------- logistic and its relations
sigmoid     = row(d=lambda x, y: sigmoid_slope(x),          on=REAL,            ulp=1, ulp32=0.6, twin=True,              doc="1 / (1 + exp(-x))")              # not y * (1 - y): cancels for x > 0
sigmoid_of_difference = row(d=(lambda a, b, y: y * sigmoid_of_difference(b, a), lambda a, b, y: -y * sigmoid_of_difference(b, a)), ulp=2,
                                                                                                      doc="exp(a) / (exp(a) + exp(b)); 1/2 where both are one infinity")
logit       = row(d=lambda x, y: 1 / (x * (1 - x)),         on=OPEN_UNIT,       ulp=1,                doc="log(x / (1 - x)), the inverse of sigmoid")
sigmoid_cross_entropy = row(d=(lambda a, b, y: -b, lambda a, b, y: (1 - a) * sigmoid(b) - a * sigmoid(-b)), on=(Interval(0.0, 1.0, "[0, 1]"), REAL), ulp=2, d32="double",   # not sigmoid(b) - a
                                                                                                      doc="cross entropy of a probability a and sigmoid(b), exact in both tails")
log_sigmoid = row(d=lambda x, y: softplus_slope(-x),        on=REAL,            ulp=1, ulp32=0.6, twin=True,              doc="log(sigmoid(x)) = -softplus(-x)")
softplus    = row(d=lambda x, y: softplus_slope(x),         on=REAL,            ulp=1, ulp32=0.6, twin=True,              doc="log(1 + exp(x)), no overflow")
softplus_slope = row(d=lambda x, y: sigmoid_slope(x),         on=REAL,            ulp=2, ulp32=2.4, d32="own",        doc="sigmoid to 2 ULP: what the derivative of softplus needs")
sigmoid_slope = row(value=lambda x: softplus_slope(-abs(x)) * (1 - softplus_slope(-abs(x))), d=lambda x, y: -y * tanh(0.5 * x), on=REAL, ulp=4, doc="derivative of sigmoid: sigmoid(x) * sigmoid(-x)")
softsign    = row(d=lambda x, y: square(1 / (1 + abs(x))),  on=REAL,            ulp=2,                doc="x / (1 + |x|)")
tanh        = row(d=lambda x, y: sech2(x),                  on=REAL,            ulp=1, ulp32=0.6, numpy="tanh", twin=True,  doc="hyperbolic tangent")             # not 1 - y*y: no digit left at 20
sech2       = row(d=lambda x, y: -2 * tanh(x) * y,          on=REAL,            ulp=1, ulp32=0.6,                doc="1 / cosh(x)**2, no overflow")

# -------------------------------------------------------------------------------------------- trigonometric, hyperbolic
sin        = row(d=lambda x, y: cos(x),                     on=REAL,            ulp=1, ulp32=0.6, near="-AD_NEAR AD_NEAR", numpy="sin", twin=True, doc="sine of x radians; beyond a million libm's, which has all of 2/pi")
cos        = row(d=lambda x, y: -sin(x),                    on=REAL,            ulp=1, ulp32=0.6, near="-AD_NEAR AD_NEAR", numpy="cos", twin=True, doc="cosine of x radians; beyond a million libm's, which has all of 2/pi")
tan        = row(d=lambda x, y: 1 + y * y,                  on=REAL,            ulp=1, ulp32=0.6, near="-AD_NEAR AD_NEAR", numpy="tan",   doc="tangent of x radians; beyond a million libm's, which has all of 2/pi")
sinc       = row(d=lambda x, y: sinc_slope(x),              on=REAL,            ulp=1, ulp32=0.6, plainly=lambda x: where(x == 0, 1, sin(3.141592653589793 * x) / where(x == 0, 1, 3.141592653589793 * x)), doc="sin(pi x) / (pi x), 1 at 0")
sinc_slope = row(d=lambda x, y: where(abs(x) < 0.5, sinc_bend(clip_by_value(x, -0.5, 0.5)), -9.869604401089358 * sinc(x) - 2 * y / where(abs(x) < 0.5, 1, x)), on=REAL, ulp=3, ulp32=0.6, d32="double",
                                                                                                      plainly=lambda x: where(x == 0, 0, (cos(3.141592653589793 * x) - sinc(x)) / where(x == 0, 1, x)), doc="derivative of sinc")
asin       = row(d=lambda x, y: rsqrt(one_minus_square(x)), on=UNIT,            ulp=1, ulp32=0.6, numpy="arcsin asin", doc="angle in radians, in [-pi/2, pi/2], whose sine is x")
acos       = row(d=lambda x, y: -rsqrt(one_minus_square(x)),on=UNIT,            ulp=1, ulp32=0.6, numpy="arccos acos", doc="angle in radians, in [0, pi], whose cosine is x")
atan       = row(d=lambda x, y: where(abs(x) > 1e8, 1 / x / (x + 1 / x), 1 / (1 + x * x)), on=REAL, ulp=1, ulp32=0.6, numpy="arctan atan", twin=True, doc="angle in radians, in [-pi/2, pi/2], whose tangent is x")
atan2      = row(d=(lambda a, b, y: atan2_slope(a, b), lambda a, b, y: -atan2_slope(b, a)), ulp=1, numpy="arctan2 atan2", doc="angle of the point (b, a) in radians, in [-pi, pi]; derivative 0 at (0, 0)")
atan2_slope = row(d=(lambda a, b, y: -2 * y * atan2_slope(b, a),
                     lambda a, b, y: divide_no_nan(divide_no_nan((over_hypot(a, b) - over_hypot(b, a)) * (over_hypot(a, b) + over_hypot(b, a)), away_hypot(a, b)) * away(a, b), away_hypot(a, b)) * away(a, b)),
                     plainly=lambda a, b: divide_no_nan(over_hypot(b, a), hypot(a, b)), ulp=3, d_ulp=10, d32="double",                    doc="b / (a*a + b*b), 0 at (0, 0)")
sinh       = row(d=lambda x, y: cosh(x),                    on=REAL,            ulp=1, ulp32=0.6, numpy="sinh", twin=True,  doc="hyperbolic sine")
cosh       = row(d=lambda x, y: sinh(x),                    on=REAL,            ulp=1, ulp32=0.6, numpy="cosh", twin=True,  doc="hyperbolic cosine")
asinh      = row(d=lambda x, y: 1 / hypot(1, x),            on=REAL,            ulp=1, ulp32=0.6, numpy="arcsinh asinh", twin=True, doc="number whose hyperbolic sine is x")
acosh      = row(d=lambda x, y: rsqrt(x - 1) * rsqrt(x + 1), on=FROM_ONE,       ulp=1, ulp32=0.6, numpy="arccosh acosh", twin=True, doc="number, not negative, whose hyperbolic cosine is x")
atanh      = row(d=lambda x, y: 1 / one_minus_square(x),    on=UNIT,            ulp=1, ulp32=0.6, numpy="arctanh atanh", twin=True, doc="number whose hyperbolic tangent is x")

# --------------------------------------------------------------------------------------------------- special functions
erf        = row(d=lambda x, y: 1.1283791670955126 * exp_minus_square(x),  on=REAL, ulp=1, ulp32=0.6, twin=True,            doc="2/sqrt(pi) times the integral of exp(-t*t) from 0 to x")
erfc       = row(d=lambda x, y: -1.1283791670955126 * exp_minus_square(x), on=REAL, ulp=1, ulp32=0.6, twin=True,            doc="1 - erf(x), exact for large x")
erfcx      = row(d=lambda x, y: erfcx_slope(x),             on=REAL, ulp=2, twin=True,                  doc="exp(x*x) * erfc(x), no underflow")
erfcx_slope = row(d=lambda x, y: where(x > 8, erfcx_bend(1 / maximum(x, 8)), 2 * (erfcx(x) + scale(y, x))), on=REAL, ulp=4, d_ulp=120, d32="double", doc="derivative of erfcx: 2 * x * erfcx(x) - 2/sqrt(pi), exact for large x")
exp_minus_square = row(d=lambda x, y: -2 * scale(y, x),         on=REAL,            ulp=1, ulp32=0.6, d32="own",                doc="exp(-x*x), the square taken exactly")
ndtr       = row(d=lambda x, y: normal_pdf(x),              on=REAL,            ulp=1, ulp32=0.6, twin=True,                doc="distribution function of the normal distribution")
log_ndtr   = row(d=lambda x, y: where(x < -1e150, -x, where(x < -1, 0.7978845608028654 / erfcx(-0.7071067811865476 * minimum(x, -1)), normal_pdf(x) / maximum(ndtr(x), 0.1))), on=REAL, ulp=2, d32="double", twin=True, doc="log(ndtr(x)), exact in both tails")
normal_pdf = row(d=lambda x, y: -scale(y, x),                   on=REAL,            ulp=1, ulp32=0.6, d32="own",                doc="density of the normal distribution")
ndtri      = row(d=lambda x, y: ndtri_slope(x),             on=OPEN_UNIT,       ulp=1, twin=True,                doc="inverse of ndtr: the quantile of the normal distribution")
ndtri_slope = row(d=lambda x, y: ndtri(x) * square(y),      on=OPEN_UNIT,       ulp=3, d_ulp=8, d32="double", plainly=lambda x: 1 / normal_pdf(ndtri(x)), doc="derivative of ndtri, exact in both tails")
erfinv     = row(d=lambda x, y: erfinv_slope(x),            on=UNIT,            ulp=1, twin=True,                doc="inverse of erf")
erfinv_slope = row(d=lambda x, y: 2 * erfinv(x) * square(y), on=UNIT,           ulp=4, d_ulp=10, d32="double", plainly=lambda x: 0.886226925452758 / exp_minus_square(erfinv(x)), doc="derivative of erfinv, exact beside -1 and 1")
lgamma     = row(d=lambda x, y: digamma(x),                 on=REAL,            ulp=2, near="AD_GAMMA_LEAST AD_GAMMA_MOST", twin=True, doc="log|gamma(x)|; libm's beside the roots below 0, each of which would need a table")
digamma    = row(d=lambda x, y: trigamma(x),                on=REAL,            ulp=2, near="AD_GAMMA_LEAST AD_GAMMA_MOST", twin=True, doc="derivative of lgamma")
trigamma   = row(d=lambda x, y: polygamma(2, x),            on=REAL, plainly=lambda x: polygamma(1, x), ulp=2, near="AD_GAMMA_LEAST AD_GAMMA_MOST", doc="derivative of digamma")
polygamma  = row(d=(None, lambda a, b, y: polygamma(a + 1, b)), on=(NON_NEGATIVE, REAL), ulp=2,    doc="derivative of order a, a whole number, of digamma at b")
bessel_i0  = row(d=lambda x, y: bessel_i1(x),               on=REAL,            ulp=1, twin=True,                doc="modified Bessel function of the first kind I0")
bessel_i1  = row(d=lambda x, y: where(abs(x) < 1.5, bessel_i0(x) - bessel_quotient(clip_by_value(x, -1.5, 1.5), 1), bessel_i0(x) * (1 - bessel_i1e(clip_by_value(abs(x), 1, 1e30)) / (clip_by_value(abs(x), 1, 1e30) * bessel_i0e(clip_by_value(x, -1e30, 1e30))))), on=REAL, d32="double", ulp=1, doc="modified Bessel function of the first kind I1")
bessel_i0e = row(d=lambda x, y: -sign(x) * bessel_gap(x),   on=REAL,            ulp=1, twin=True,                doc="exp(-|x|) * bessel_i0(x), no overflow; derivative 0 at 0")
bessel_i1e = row(d=lambda x, y: bessel_i1e_slope(x),        on=REAL,            ulp=1,                doc="exp(-|x|) * bessel_i1(x), no overflow")
bessel_gap = row(d=lambda x, y: sign(x) * where(abs(x) > 30, bessel_bend(1 / maximum(abs(x), 30), 0),
                                        where(abs(x) < 1.5, exp(-abs(x)) * bessel_quotient(clip_by_value(x, -1.5, 1.5), 1), bessel_i1e(x) / where(abs(x) < 1.5, 1, x)) - 2 * y), on=REAL, ulp=3, d_ulp=120, d32="double",
                                                                                                      doc="exp(-|x|) * (bessel_i0(x) - |bessel_i1(x)|), exact for large x")
bessel_i1e_slope = row(d=lambda x, y: sign(x) * where(abs(x) > 30, bessel_bend(1 / maximum(abs(x), 30), 1),
                                        where(abs(x) < 1.5, exp(-abs(x)) * (2 * bessel_quotient(clip_by_value(x, -1.5, 1.5), 1) - abs(x) * bessel_quotient(clip_by_value(x, -1.5, 1.5), 2)) - 2 * bessel_gap(x),
                                              (bessel_gap(x) - y - y) / maximum(abs(x), 1) - y - bessel_gap(x))), on=REAL, ulp=4, d_ulp=120, d32="double",
                                                                                                      doc="derivative of bessel_i1e, exact for large x and beside its root")

# ---------------------------------------------------------------------------------------------------------- activations
relu       = row(d=lambda x, y: where(x > 0, 1, 0),                             takes=NUMBERS,        selects=True, doc="max(x, 0); derivative 0 at 0")
relu6      = row(d=lambda x, y: where((x > 0) & (x < 6), 1, 0),                 takes=NUMBERS,        selects=True, doc="min(max(x, 0), 6); derivative 0 at 0 and 6")
leaky_relu = row(d=(lambda x, a, y: where(x > 0, 1, a), lambda x, a, y: where(x > 0, 0, x)),          selects=True, doc="x where positive, else a * x")
elu        = row(d=lambda x, y: where(x > 0, 1, exp(minimum(x, 0))),                            ulp=1, ulp32=0.6, doc="x where positive, else exp(x) - 1")
selu       = row(d=lambda x, y: where(x > 0, 1.0507009873554805, 1.7580993408473766 * exp(minimum(x, 0))), ulp=2, ulp32=0.6, doc="1.0507 * (x where positive, else 1.6733 * (exp(x) - 1))")
silu       = row(d=lambda x, y: scale(sigmoid(x), where(x > -0.5, 1 + scale(sigmoid(-x), x), sigmoid(-x) * (SILU_ROOT(x) + 0.27846454276107374 * expm1(SILU_ROOT(minimum(x, 0)))))), ulp=1, ulp32=0.6, d32="own", doc="x * sigmoid(x)")
gelu       = row(d=lambda x, y: ndtr(x) + scale(normal_pdf(x), x),                                    ulp=2, ulp32=0.6, d32="own", twin=True, doc="x * ndtr(x)")
gelu_tanh  = row(d=lambda x, y: scale(gelu_gate(x), 1 + scale(gelu_gate(-x), x * (1.5957691216057308 + 0.21406444881780074 * x * x))), ulp=1, ulp32=0.6, d32="own", doc="gelu as approximated by tanh: x * sigmoid(1.5958 * (x + 0.044715 * x**3))")
gelu_gate  = row(d=lambda x, y: scale(y * gelu_gate(-x), 1.5957691216057308 + 0.21406444881780074 * x * x), ulp=1, ulp32=0.6, d32="own", doc="sigmoid(1.5958 * (x + 0.044715 * x**3))")
mish       = row(d=lambda x, y: tanh(softplus(x)) + scale(sech2(softplus(x)) * sigmoid(x), x),  ulp=1, ulp32=0.6, d32="own", doc="x * tanh(softplus(x))")

# ------------------------------------------------------------------------------------------------------------- selection
# Ties share the gradient equally: maximum(x, x) has the derivative 1.
maximum    = row(d=(lambda a, b, y: where(a > b, 1, where(a == b, 0.5, 0)),
                    lambda a, b, y: where(b > a, 1, where(a == b, 0.5, 0))), takes=NUMBERS, numpy="maximum", selects=True, doc="the larger of a and b; nan if one is")
minimum    = row(d=(lambda a, b, y: where(a < b, 1, where(a == b, 0.5, 0)),
                    lambda a, b, y: where(b < a, 1, where(a == b, 0.5, 0))), takes=NUMBERS, numpy="minimum", selects=True, doc="the smaller of a and b; nan if one is")
clip_by_value = row(d=(lambda a, b, c, y: where((a < b) | (a > c), 0, 1), lambda a, b, c, y: where((a < b) & (b <= c), 1, 0),
                       lambda a, b, c, y: where((a > c) | (b > c), 1, 0)),   takes=NUMBERS, numpy="clip",    selects=True, doc="a no less than b and no more than c; derivative 1 at a bound")
where      = row(d=(None, lambda c, a, b, y: where(c, 1, 0), lambda c, a, b, y: where(c, 0, 1)), takes=ANY, linear=(1, 2), selects=True, doc="a where c, else b")

# --------------------------------------------------------------------------------------------- rounding: no derivatives
floor      = row(takes=NUMBERS, numpy="floor",     doc="the largest whole number not above x")
ceil       = row(takes=NUMBERS, numpy="ceil",      doc="the smallest whole number not below x")
round      = row(takes=NUMBERS, numpy="rint",      doc="the nearest whole number; a half goes to the even one")
nextafter  = row(d=(lambda a, b, y: 1, lambda a, b, y: 0), numpy="nextafter", doc="the number next to a on the way to b; derivative 1 by a")

# ----------------------------------------------------------------------------------------------------------- comparisons
equal         = row(arity=2, takes=ANY,     gives="bool", numpy="equal",         doc="a == b")
not_equal     = row(arity=2, takes=ANY,     gives="bool", numpy="not_equal",     doc="a != b")
less          = row(arity=2, takes=NUMBERS, gives="bool", numpy="less",          doc="a < b")
less_equal    = row(arity=2, takes=NUMBERS, gives="bool", numpy="less_equal",    doc="a <= b")
greater       = row(arity=2, takes=NUMBERS, gives="bool", numpy="greater",       doc="a > b")
greater_equal = row(arity=2, takes=NUMBERS, gives="bool", numpy="greater_equal", doc="a >= b")
logical_and   = row(arity=2, takes=BOOL,    gives="bool", numpy="logical_and bitwise_and", doc="both")
logical_or    = row(arity=2, takes=BOOL,    gives="bool", numpy="logical_or bitwise_or",   doc="one or both")
logical_xor   = row(arity=2, takes=BOOL,    gives="bool", numpy="logical_xor bitwise_xor", doc="one but not both")
logical_not   = row(arity=1, takes=BOOL,    gives="bool", numpy="logical_not invert",      doc="not")
is_nan        = row(gives="bool", numpy="isnan",    doc="is x not a number?")
is_inf        = row(gives="bool", numpy="isinf",    doc="is x infinite?")
is_finite     = row(gives="bool", numpy="isfinite", doc="is x neither infinite nor nan?")
# fmt: on

# ------------------------------------------------------------------------------------- structural rows: appended below here
# A rule gives a gradient of exactly its operand's shape.  `view` reads elements offset + sum(index * stride) of its operand in
# row-major order, and `unview` adds them back: with the three functions below them they serve every rule that moves numbers.
def elements(shape):
    """How many an array of this shape has."""
    n = 1
    for size in shape:
        n *= size
    return n


def steps(shape):
    """Strides of a C-contiguous array, in elements."""
    return tuple(elements(shape[i + 1 :]) for i in range(len(shape)))


def broadcast_to(x, shape):
    """x repeated along new leading dimensions and those in which its size is 1."""
    own = tuple(0 if n == 1 else step for n, step in zip(x.shape, steps(x.shape)))
    return view(x, shape=tuple(shape), strides=(0,) * (len(shape) - x.ndim) + own, offset=0)


def transpose(x, perm):
    """Dimension i of the result is dimension perm[i] of x."""
    return view(x, shape=tuple(x.shape[i] for i in perm), strides=tuple(steps(x.shape)[i] for i in perm), offset=0)


def swap_last(x):
    """The transpose of every matrix in x."""
    return transpose(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def spread(g, like, axes, keepdims):
    """Undo a reduction of `like` over axes: every number of g where it came from.  Dimensions of size 1, kept or not, do not
    change where numbers stand."""
    kept = steps(tuple(1 if i in axes else n for i, n in enumerate(like.shape)))
    return view(g, shape=tuple(like.shape), strides=tuple(0 if i in axes else step for i, step in enumerate(kept)), offset=0)


def cut(x, axis, start, size):
    """`size` slices of x from `start` on along an axis."""
    shape = (*x.shape[:axis], size, *x.shape[axis + 1 :])
    return view(x, shape=shape, strides=steps(x.shape), offset=start * steps(x.shape)[axis])


def shift(x, axis, reverse):
    """x moved one place along an axis, to higher indices unless reversed; 0 comes in."""
    n, step = x.shape[axis], steps(x.shape)
    if n == 0:
        return x
    rest = cut(x, axis, 1 if reverse else 0, n - 1)
    return unview(rest, shape=tuple(x.shape), strides=step, offset=0 if reverse else step[axis])


def zeros_like(x):
    return unview(view(x, shape=(0,), strides=(1,), offset=0), shape=tuple(x.shape), strides=(1,), offset=0)


def exponents(x, axis):
    """e with |product of x / 2**e so far| near 1, constants to every derivative: no product of them overflows on its way, however long."""
    logarithm = log2(abs(x))
    so_far = floor(cumsum(where(is_finite(logarithm), logarithm, 0), axis=axis, exclusive=0, reverse=0))
    return sub(so_far, shift(so_far, axis, 0))


def by_power(f, x, e):
    """f of x and 2**e, which itself may be no number while the result is one."""
    half = floor(mul(e, 0.5))
    return f(f(x, exp2(half)), exp2(sub(e, half)))


def product_of_others(x, axes):
    """At every element the product of all others along axes: of those before times those after, as no quotient can say where x is 0."""
    kept = tuple(i for i in range(x.ndim) if i not in axes)
    order, last = (*kept, *axes), len(kept)
    moved = transpose(x, order)
    row = reshape(moved, shape=(*(x.shape[i] for i in kept), elements(x.shape[i] for i in axes)))
    e = exponents(row, last)
    before, after = (cumprod(by_power(div, row, e), axis=last, exclusive=1, reverse=r) for r in (0, 1))
    others = by_power(scale, mul(before, after), sub(reduce_sum(e, axes=(last,), keepdims=1), e))
    return transpose(reshape(others, shape=tuple(moved.shape)), tuple(order.index(i) for i in range(x.ndim)))


def share_of_extreme(g, x, y, axes, keepdims):
    """max and min: the elements that are the extreme share its gradient equally."""
    chosen = equal(x, spread(y, x, axes, keepdims))
    ties = maximum(reduce_sum(cast(chosen, dtype=x.dtype.code), axes=axes, keepdims=keepdims), 1)
    return where(chosen, spread(div(g, ties), x, axes, keepdims), 0)


def infinite_terms(x):
    """1 where x is inf, else 0."""
    return cast(equal(x, INF), dtype=x.dtype.code)


def exp_of_difference(x, y, quotient):
    """exp(x - y) where y is a log-sum-exp with x, or a log-sum-exp of some, among its terms; 0 where all terms are exp(-inf).
    `quotient` stands for it where y is inf: how many infinite terms x has for each that y has."""
    return where(equal(y, -INF), 0, where(equal(y, INF), quotient, exp(sub(x, y))))


def softmax_over(x, axes):
    """softmax over several axes together."""
    if len(axes) == 1:
        return softmax(x, axis=axes[0])
    order = (*(i for i in range(x.ndim) if i not in axes), *axes)
    moved = transpose(x, order)
    kept = tuple(moved.shape[: x.ndim - len(axes)])
    rows = softmax(reshape(moved, shape=(*kept, elements(x.shape[i] for i in axes))), axis=len(kept))
    return transpose(reshape(rows, shape=tuple(moved.shape)), tuple(order.index(i) for i in range(x.ndim)))


def logsumexp_rule(g, x, y, axes, keepdims):
    """softmax(x), not exp(x - y): beside 10000 float32 has three places after the point.  Infinite terms share equally."""
    infinite, y = infinite_terms(x), spread(y, x, axes, keepdims)
    quotient = div(infinite, maximum(spread(reduce_sum(infinite, axes=axes, keepdims=1), x, axes, 1), 1))
    weights = softmax_over(where(is_finite(y), x, 0), axes)
    return scale(spread(g, x, axes, keepdims), where(equal(y, -INF), 0, where(equal(y, INF), quotient, where(is_nan(y), y, weights))))


def softmax_rule(g, x, y, axis):
    """y * (h - sum of h * y), h = g less that of a y near 1, beside which 1 - y, the sum of the others, would be lost by rounding."""
    h = sub(g, reduce_sum(where(greater(y, 0.5), g, 0), axes=(axis,), keepdims=1))
    weighted = reduce_sum(scale(h, y), axes=(axis,), keepdims=1)
    return scale(sub(h, weighted), y)


def log_softmax_rule(g, x, y, axis):
    """g - p * sum of g, p = exp(y); g * (1 - p) - p * sum of the others for a p near 1 (-0.69: p is more than a half, as one may be)."""
    likely = greater(y, -0.69)
    total, others = (reduce_sum(a, axes=(axis,), keepdims=1) for a in (g, where(likely, 0, g)))
    own = sub(scale(neg(g), expm1(y)), scale(others, exp(y)))
    return where(likely, own, sub(g, scale(total, exp(y))))


def cumprod_rule(g, x, y, axis, exclusive, reverse):
    """dx[i] = (product before i) * (g[i] + x[i+1] * (g[i+1] + x[i+2] * ...)): Horner's rule, without a division by x."""
    before = cumprod(x, axis=axis, exclusive=1, reverse=reverse)
    after = recurrence(x, g, axis=axis, own=exclusive, reverse=1 - reverse)
    return scale(shift(after, axis, 1 - reverse) if exclusive else after, before)


def cumulative_logsumexp_rule(g, x, y, axis, exclusive, reverse):
    """dx[j] = sum over i >= j of g[i] * exp(x[j] - y[i]), where y[i] only grows: from the far end, r[j] = g[j] + exp(y[j] - y[j+1]) * r[j+1]."""
    infinite = infinite_terms(x)
    so_far = cumsum(infinite, axis=axis, exclusive=exclusive, reverse=reverse)
    step = exp_of_difference(shift(y, axis, reverse), y, div(shift(so_far, axis, reverse), maximum(so_far, 1)))
    r = recurrence(step, g, axis=axis, own=0, reverse=1 - reverse)
    if exclusive:
        r, y, so_far = (shift(a, axis, 1 - reverse) for a in (r, y, so_far))
    return scale(r, exp_of_difference(x, y, div(infinite, maximum(so_far, 1))))


def recurrence_a(g, a, b, y, axis, own, reverse):
    """y[i] = b[i] + a[i] * y[i-1], or a[i-1] * y[i-1]: what arrives at y[i] in all, times the y that a[i] met."""
    arrived = recurrence(a, g, axis=axis, own=1 - own, reverse=1 - reverse)
    return scale(arrived, shift(y, axis, reverse)) if own else scale(shift(arrived, axis, 1 - reverse), y)


def matmul_a(g, a, b, y, transpose_a, transpose_b):
    if transpose_a:
        share = matmul(b, g, transpose_a=transpose_b, transpose_b=1)
    else:
        share = matmul(g, b, transpose_a=0, transpose_b=1 - transpose_b)
    return sum_to(share, shape=tuple(a.shape))


def matmul_b(g, a, b, y, transpose_a, transpose_b):
    if transpose_b:
        share = matmul(g, a, transpose_a=1, transpose_b=transpose_a)
    else:
        share = matmul(a, g, transpose_a=1 - transpose_a, transpose_b=0)
    return sum_to(share, shape=tuple(b.shape))


def matvec_a(g, a, x, y, transpose_a):
    rows, columns = (x, g) if transpose_a else (g, x)
    column = reshape(rows, shape=(*rows.shape, 1))
    row = reshape(columns, shape=(*columns.shape[:-1], 1, columns.shape[-1]))
    return sum_to(mul(column, row), shape=tuple(a.shape))


def concat_rule(k, g, *operands, axis):
    *xs, y = operands
    return cut(g, axis, sum(x.shape[axis] for x in xs[:k]), xs[k].shape[axis])


def update_rule(g, x, indices, updates, y):
    """An update that a later one has overwritten has no gradient."""
    depth = indices.shape[-1]
    rest = len(x.shape) - depth
    wins = last_of(indices, shape=tuple(x.shape[:depth]))
    return where(reshape(wins, shape=(*indices.shape[:-1], *(1,) * rest)), gather_nd(g, indices, batch_dims=0), 0)


# fmt: off
# ------------------------------------------------------------------------------------------------------- moving numbers
# Strides and offset count elements.
view       = structural(vjp=lambda g, x, y, shape, strides, offset: unview(g, shape=tuple(x.shape), strides=strides, offset=offset),
                        attrs="shape strides offset", linear=(0,), doc="y[i, j, ..] = x.flat[offset + i * strides[0] + j * strides[1] + ..]")
unview     = structural(vjp=lambda g, x, y, shape, strides, offset: view(g, shape=tuple(x.shape), strides=strides, offset=offset),
                        attrs="shape strides offset", takes=NUMBERS, linear=(0,), doc="zeros, and x[i, j, ..] added at offset + i * strides[0] + j * strides[1] + ..")
reshape    = structural(vjp=lambda g, x, y, shape: reshape(g, shape=tuple(x.shape)), attrs="shape", linear=(0,), doc="the same numbers in row-major order")
cast       = structural(vjp=lambda g, x, y, dtype: cast(g, dtype=x.dtype.code),      attrs="dtype", linear=(0,), doc="the same numbers in another dtype; to integers truncated and saturated, NaN to 0")
sum_to     = structural(vjp=lambda g, x, y, shape: broadcast_to(g, x.shape),         attrs="shape", takes=NUMBERS, linear=(0,), doc="the sum over the dimensions that broadcasting `shape` to x's made")
concat     = structural(vjp=concat_rule, arity=None, attrs="axis", doc="operands one after another along an axis")

# ------------------------------------------------------------------------------------------------------------ reductions
reduce_sum  = structural(vjp=lambda g, x, y, axes, keepdims: spread(g, x, axes, keepdims),
                         attrs="axes keepdims", takes=NUMBERS, linear=(0,), doc="sum")
reduce_prod = structural(vjp=lambda g, x, y, axes, keepdims: scale(spread(g, x, axes, keepdims), product_of_others(x, axes)),
                         attrs="axes keepdims", takes=NUMBERS, doc="product")
reduce_max  = structural(vjp=share_of_extreme, attrs="axes keepdims", takes=NUMBERS, doc="the largest; NaN if there is one, -inf (the lowest integer) of none")
reduce_min  = structural(vjp=share_of_extreme, attrs="axes keepdims", takes=NUMBERS, doc="the smallest; NaN if there is one, inf (the highest integer) of none")
reduce_any  = structural(attrs="axes keepdims", takes=BOOL, gives="bool", doc="is any true?")
reduce_all  = structural(attrs="axes keepdims", takes=BOOL, gives="bool", doc="are all true?")
reduce_logsumexp = structural(vjp=logsumexp_rule, attrs="axes keepdims", takes=FLOATS, doc="log(sum(exp(x))), no overflow")
argmax      = structural(attrs="axis", takes=NUMBERS, gives="int64", doc="index of the largest, the first of equals; of the first NaN if there is one")
argmin      = structural(attrs="axis", takes=NUMBERS, gives="int64", doc="index of the smallest, the first of equals; of the first NaN if there is one")

# ----------------------------------------------------------------------------------------------------------------- scans
# `exclusive` leaves out the element itself, `reverse` starts from the far end.
cumsum     = structural(vjp=lambda g, x, y, axis, exclusive, reverse: cumsum(g, axis=axis, exclusive=exclusive, reverse=1 - reverse),
                        attrs="axis exclusive reverse", takes=NUMBERS, linear=(0,), doc="sums so far")
cumprod    = structural(vjp=cumprod_rule, attrs="axis exclusive reverse", takes=NUMBERS, doc="products so far")
cumulative_logsumexp = structural(vjp=cumulative_logsumexp_rule, attrs="axis exclusive reverse", takes=FLOATS, doc="log-sum-exp so far; -inf of nothing")
recurrence = structural(vjp=(recurrence_a, lambda g, a, b, y, axis, own, reverse: recurrence(a, g, axis=axis, own=1 - own, reverse=1 - reverse)),
                        arity=2, attrs="axis own reverse", takes=FLOATS, linear=(1,), doc="y[i] = b[i] + a[i] * y[i-1], or a[i-1] * y[i-1] where not own; a y of 0 adds exactly 0")

# --------------------------------------------------------------------------------------------------------------- softmax
softmax     = structural(vjp=softmax_rule, attrs="axis", takes=FLOATS, doc="exp(x) / sum(exp(x)) along an axis")
log_softmax = structural(vjp=log_softmax_rule, attrs="axis", takes=FLOATS, doc="x - log(sum(exp(x))) along an axis")

# -------------------------------------------------------------------------------------------------------------- products
matmul     = structural(vjp=(matmul_a, matmul_b), arity=2, attrs="transpose_a transpose_b", takes=NUMBERS, linear=(0, 1), doc="a @ b, batches broadcast")
matvec     = structural(vjp=(matvec_a, lambda g, a, x, y, transpose_a: sum_to(matvec(a, g, transpose_a=1 - transpose_a), shape=tuple(x.shape))),
                        arity=2, attrs="transpose_a", takes=NUMBERS, linear=(0, 1), doc="every matrix of a times every vector of x, batches broadcast")

# -------------------------------------------------------------------------------------------------------------- indexing
gather     = structural(vjp=(lambda g, x, indices, y, axis, batch_dims: ungather(indices, g, shape=tuple(x.shape), axis=axis, batch_dims=batch_dims), None),
                        arity=2, attrs="axis batch_dims", linear=(0,), doc="slices of x at indices along an axis")
ungather   = structural(vjp=(None, lambda g, indices, x, y, shape, axis, batch_dims: gather(g, indices, axis=axis, batch_dims=batch_dims)),
                        arity=2, attrs="shape axis batch_dims", takes=NUMBERS, linear=(1,), doc="zeros, and slices of x added at indices along an axis")
gather_nd  = structural(vjp=(lambda g, x, indices, y, batch_dims: scatter_nd(indices, g, shape=tuple(x.shape), batch_dims=batch_dims), None),
                        arity=2, attrs="batch_dims", linear=(0,), doc="slices of x at index vectors")
scatter_nd = structural(vjp=(None, lambda g, indices, updates, y, shape, batch_dims: gather_nd(g, indices, batch_dims=batch_dims)),
                        arity=2, attrs="shape batch_dims", takes=NUMBERS, linear=(1,), doc="zeros, and updates added at index vectors")
tensor_scatter_nd_update = structural(vjp=(lambda g, x, indices, updates, y: tensor_scatter_nd_update(g, indices, zeros_like(updates)), None, update_rule),
                                      arity=3, doc="x with updates at index vectors; the last of equal ones wins")
last_of    = structural(attrs="shape", gives="bool", doc="is this index vector the last of its equals?")
nonzero    = structural(takes=BOOL, gives="int64", doc="index vectors of what is true, in row-major order")
# fmt: on

# ------------------------------------------------------------------------------- formulas over other rows: composite and rule


def _count(x, axes):
    """How many elements a reduction over `axes` puts together."""
    n = 1
    for a in axes:
        n *= x.shape[a]
    return n


def _kept(g, x, axes):
    """The result of a reduction with its dimensions as if they had been kept: it broadcasts against x."""
    return reshape(g, shape=tuple([1 if a in axes else n for a, n in enumerate(x.shape)]))


def _deviation(x, axes):
    """x less its mean; the second step takes out what the mean lacks by rounding, and makes a constant's exactly 0."""
    d = x - reduce_mean(x, axes=axes, keepdims=1)
    return d - reduce_mean(d, axes=axes, keepdims=1)


def _safe_scale(x, axes):
    """What to divide by so that squares neither overflow nor vanish: 1 for all but huge or tiny elements, where rounding would
    be all it brings."""
    m = reduce_max(abs(x), axes=axes, keepdims=1)
    return where(m > 1e12, where(m < INF, m, 1), where(m < 1e-12, where(m > 0, m, 1), 1))


def _euclidean_norm(x, axes, keepdims):
    s = _safe_scale(x, axes)
    y = s * sqrt(reduce_sum(square(x / s), axes=axes, keepdims=1))
    return y if keepdims else reshape(y, shape=tuple([n for a, n in enumerate(x.shape) if a not in axes]))


def _direction(x, y):
    """x / y, and 0 where y is 0: the subgradient of the norm at 0 that has the least norm itself."""
    return where(y == 0, 0, x / where(y == 0, 1, y))


reduce_mean = composite(
    lambda x, axes, keepdims: reduce_sum(x, axes=axes, keepdims=keepdims) / _count(x, axes),
    attrs="axes keepdims", doc="mean of the elements")  # fmt: skip

reduce_variance = rule(                             # two passes: E(x**2) - E(x)**2 cancels
    value=lambda x, axes, keepdims: reduce_mean(square(_deviation(x, axes)), axes=axes, keepdims=keepdims),
    vjp=lambda g, x, y, axes, keepdims: 2 * _kept(g, x, axes) * _deviation(x, axes) / _count(x, axes),
    attrs="axes keepdims", doc="mean of the squared distances from the mean")  # fmt: skip

reduce_std = rule(                                  # by the norm, which does not underflow; gradient 0 at a constant
    value=lambda x, axes, keepdims: _euclidean_norm(_deviation(x, axes), axes, keepdims) / _count(x, axes) ** 0.5,
    vjp=lambda g, x, y, axes, keepdims: _kept(g, x, axes) * _direction(_deviation(x, axes), _kept(y, x, axes)) / _count(x, axes),
    attrs="axes keepdims", doc="square root of the variance")  # fmt: skip

reduce_euclidean_norm = rule(
    value=_euclidean_norm,
    vjp=lambda g, x, y, axes, keepdims: _kept(g, x, axes) * _direction(x, _kept(y, x, axes)),
    attrs="axes keepdims", doc="square root of the sum of squares")  # fmt: skip

l2_loss = composite(lambda x: reduce_sum(square(x), axes=tuple(range(x.ndim)), keepdims=0) / 2, doc="half the sum of squares")

# The gradient is softmax(x) * sum(z) - z; for a one-hot z that difference, at the hot place, has the accuracy of
# expm1(log_softmax(x)).
softmax_cross_entropy = rule(                       # labels z, logits x
    value=lambda z, x, axis: -reduce_sum(scale(z, log_softmax(x, axis=axis)), axes=(axis,), keepdims=0),
    vjp=(lambda g, z, x, y, axis: -scale(_kept(g, x, (axis,)), log_softmax(x, axis=axis)),
         lambda g, z, x, y, axis: _kept(g, x, (axis,)) * (softmax(x, axis=axis) * (reduce_sum(z, axes=(axis,), keepdims=1) - z)
                                                          + scale(z, expm1(log_softmax(x, axis=axis))))),
    arity=2, attrs="axis", doc="-sum(z * log_softmax(x))")  # fmt: skip


# LAPACK's part, by way of NumPy.
def _by_numpy(function, *operands):
    y = by_numpy(function, *operands)
    return operands[0].__ad_apply__(reshape, (y,), {"shape": y.shape})


def part_of_rows(y, start, size):
    """So many of the rows of every matrix, which lie one after another."""
    return view(y, shape=(*y.shape[:-2], size, y.shape[-1]), strides=steps(tuple(y.shape)), offset=start * y.shape[-1])


def _eye(n, like, but_not=False):
    import numpy

    return (1 - numpy.eye(n) if but_not else numpy.eye(n)).astype(like.dtype.as_numpy_dtype)


def _over_gaps(x, values):
    """x over the differences of values, columns' less rows'; 0 where x is, on the diagonal, and of equal values."""
    return scale(x, reciprocal_no_nan(values - swap_last(values)) * _eye(x.shape[-1], x, but_not=True))


def _matrices(g, x):
    """Numbers, one for each of the matrices x, as something that broadcasts against them."""
    return reshape(g, shape=(*x.shape[:-2], 1, 1))


def _lower_half(x):
    """The lower triangle with half the diagonal."""
    import numpy

    n = x.shape[-1]
    mask = numpy.tril(numpy.ones((n, n)), -1) + numpy.eye(n) / 2
    return x * mask.astype(x.dtype.as_numpy_dtype)


def _cholesky_vjp(g, x, y):
    """Murray, Differentiation of the Cholesky decomposition (2016), eq. 10."""
    inner = _lower_half(matmul(y, g, transpose_a=1, transpose_b=0))
    half = solve(y, swap_last(solve(y, inner, adjoint=1)), adjoint=1)
    return (half + swap_last(half)) * 0.5


def _eigh_vjp(g, x, y):
    """Giles, An extended collection of matrix derivative results for forward and reverse mode AD (2008), 3.1; for the lower half of x."""
    n = x.shape[-1]
    w, v, g_w, g_v = part_of_rows(y, 0, 1), part_of_rows(y, 1, n), part_of_rows(g, 0, 1), part_of_rows(g, 1, n)
    inner = g_w * _eye(n, x) + _over_gaps(matmul(v, g_v, transpose_a=1, transpose_b=0), w)
    whole = matmul(matmul(v, inner, transpose_a=0, transpose_b=0), v, transpose_a=0, transpose_b=1)
    return _lower_half(whole + swap_last(whole))


def _svd_vjp(g, x, y):
    """J. Townsend, Differentiating the singular value decomposition (2016), with u and v of the smaller size."""
    m, n = x.shape[-2:]
    (s, u, v), (g_s, g_u, g_v) = [[part_of_rows(a, 0, 1), part_of_rows(a, 1, m), part_of_rows(a, 1 + m, n)] for a in (y, g)]
    of_u, of_v = matmul(u, g_u, transpose_a=1, transpose_b=0), matmul(v, g_v, transpose_a=1, transpose_b=0)
    over_sums = reciprocal_no_nan(s + swap_last(s))                         # F of the paper is 1 / (sums * gaps)
    left, right = _over_gaps(of_u - swap_last(of_u), s) * over_sums * s, _over_gaps(of_v - swap_last(of_v), s) * over_sums * swap_last(s)
    rest_u = g_u - matmul(u, of_u, transpose_a=0, transpose_b=0)            # what stands upright on all of u: 0 where u is square
    rest_v = g_v - matmul(v, of_v, transpose_a=0, transpose_b=0)
    inverse = reciprocal_no_nan(s)
    whole = matmul(u, g_s * _eye(s.shape[-1], x) + left + right, transpose_a=0, transpose_b=0) + (scale(rest_u, inverse) if m > n else 0)
    whole = matmul(whole, v, transpose_a=0, transpose_b=1)
    return whole + matmul(u, scale(rest_v, inverse), transpose_a=0, transpose_b=1) if n > m else whole


def _pinv_vjp(g, x, rcond, y):
    """Golub & Pereyra, The differentiation of pseudo-inverses (1973), eq. 4.12, where the rank stays."""
    left, right = matmul(y, g, transpose_a=1, transpose_b=0), matmul(y, y, transpose_a=0, transpose_b=1)    # y' g, y y'
    up = swap_last(g) - matmul(x, matmul(y, swap_last(g), transpose_a=0, transpose_b=0), transpose_a=0, transpose_b=0)
    down = matmul(matmul(y, y, transpose_a=1, transpose_b=0), swap_last(g), transpose_a=0, transpose_b=0)
    return (matmul(up, right, transpose_a=0, transpose_b=0) - matmul(left, y, transpose_a=0, transpose_b=1)
            + down - matmul(matmul(down, y, transpose_a=0, transpose_b=0), x, transpose_a=0, transpose_b=0))  # fmt: skip


def _fit(g, x):
    return g if tuple(g.shape) == tuple(x.shape) else sum_to(g, shape=tuple(x.shape))


def _third_slope_of_det(g, x, t, y):
    """Where there is an inverse: y is <t, b> c - c t' b, b the inverse transposed, c the cofactors."""
    b, c, all_of = swap_last(inv(x)), cofactors(x), {"axes": (len(x.shape) - 2, len(x.shape) - 1), "keepdims": 1}
    to_b = reduce_sum(g * c, **all_of) * t - matmul(t, matmul(c, g, transpose_a=1, transpose_b=0), transpose_a=0, transpose_b=0)
    to_c = reduce_sum(t * b, **all_of) * g - matmul(g, matmul(b, t, transpose_a=1, transpose_b=0), transpose_a=0, transpose_b=0)
    return cofactor_slope(x, to_c) - matmul(matmul(b, to_b, transpose_a=0, transpose_b=1), b, transpose_a=0, transpose_b=0)


inv = rule(
    value=lambda x: _by_numpy("inv", x),
    vjp=lambda g, x, y: -matmul(matmul(y, g, transpose_a=1, transpose_b=0), y, transpose_a=0, transpose_b=1),
    doc="inverse of square matrices")  # fmt: skip

det = rule(value=lambda x: _by_numpy("det", x), vjp=lambda g, x, y: _matrices(g, x) * cofactors(x), doc="determinant of square matrices")
cofactors = rule(value=lambda x: _by_numpy("cofactors", x), vjp=lambda g, x, y: cofactor_slope(x, g), doc="slope of det, which singular matrices have too")
cofactor_slope = rule(value=lambda x, t: _by_numpy("cofactor_slope", x, t), vjp=(_third_slope_of_det, lambda g, x, t, y: cofactor_slope(x, g)), arity=2,
                      doc="derivative of the cofactors along t; it is symmetric")  # fmt: skip

logabsdet = rule(
    value=lambda x: _by_numpy("slogdet", x),
    vjp=lambda g, x, y: _matrices(g, x) * swap_last(inv(x)),
    doc="logarithm of the absolute value of the determinant")  # fmt: skip

solve = rule(                                       # a @ y = b: a (.., m, m), b (.., m, k); with `adjoint` transpose(a) @ y = b
    value=lambda a, b, adjoint: _by_numpy("solve", swap_last(a) if adjoint else a, b),
    vjp=(lambda g, a, b, y, adjoint: _fit(-matmul(y, solve(a, g, adjoint=0), transpose_a=0, transpose_b=1) if adjoint else
                                          -matmul(solve(a, g, adjoint=1), y, transpose_a=0, transpose_b=1), a),
         lambda g, a, b, y, adjoint: _fit(solve(a, g, adjoint=1 - adjoint), b)),
    arity=2, attrs="adjoint", doc="solution of linear equations")  # fmt: skip

cholesky = rule(value=lambda x: _by_numpy("cholesky", x), vjp=_cholesky_vjp, doc="lower triangular factor of symmetric matrices")

sign_of_det = rule(value=lambda x: _by_numpy("sign_of_det", x), vjp=None, doc="sign of the determinant")
eigh = rule(value=lambda x: _by_numpy("eigh", x), vjp=_eigh_vjp, doc="eigenvalues of symmetric matrices as a first row, below it their vectors as columns")
svd = rule(value=lambda x: _by_numpy("svd", x), vjp=_svd_vjp, doc="singular values as a first row, below it the left vectors as columns, then the right ones")
pinv = rule(value=lambda x, rcond: _by_numpy("pinv", x, rcond), vjp=(_pinv_vjp, None), arity=2, doc="pseudo-inverse; singular values up to b times the largest count as 0")

ROWS = number_rows(globals())
