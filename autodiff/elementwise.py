"""The elementwise operators of the table (ops.py), a row each: a C function of numbers, and the derivative by each of them.

Rules may use all that stands here, and where, which is one of them, is how they choose.
"""

from ._op import (ABOVE_MINUS_ONE, ANY, BOOL, FROM_ONE, INF, NAN, NEGATIVE, NON_NEGATIVE, NUMBERS, OPEN_UNIT,
                  POSITIVE, REAL, UNIT, UNIT_INTERVAL, row)  # fmt: skip
from ._series import (bessel_far, bessel_quotient, distance, erfcx_far, erfcx_middle, erfcx_near, gap_beside_zero, gap_middle, gap_near,
                      gap_next, i1e_beside_zero, i1e_middle, i1e_near, i1e_next, sinc_bend)  # fmt: skip

ENTR_ROOT = distance(0.3678794503211975, -9.149755619830557e-09, 4.3166045617727424e-16, 1.6365179025500402e-32)      # 1/e, the root of entr'
SILU_ROOT = distance(-1.2784645557403564, 1.2979282537628478e-08, 1.1257466309409694e-16, -3.907766676128665e-33)      # the root of silu', 1 + r + exp(r) = 0
I1E_ROOT = distance(2.7814929485321045, -1.31841574135855e-08, -5.0751065063279485e-25, 7.458908365823334e-42)      # the root of bessel_i1e''


def pow_before(a, b, slope):
    """a**(b - 1) from b * a**(b - 1), for a > 0."""
    return where(abs(b) < 0.25, pow(a, b) / a, slope / where(abs(b) < 0.25, 1, b))


def away(a, b):
    """A power of two that takes (a, b) so far from the origin that the reciprocal of the distance does not overflow."""
    return where(abs(a) + abs(b) < 1e-30, 1.2676506002282294e30, 1)


def away_hypot(a, b):
    return hypot(a * away(a, b), b * away(a, b))


def bounded(x):
    """x, within bounds beyond which what is multiplied by it is 0: so is that term's derivative, which would be inf * 0 at an infinity."""
    return clip_by_value(x, -1000, 1000)


def cross_entropy_slope(a, b):
    """(1 - a) * sigmoid(b) - a * sigmoid(-b), by the smaller of both sigmoids."""
    above = b > 0
    s = sigmoid(where(above, -b, b))
    return where(above, (1 - a) - s, s - a)


def cross_entropy_slope_from(s, a, b):
    """The same from the smaller sigmoid, for kernels: signed at the end, or compilers divide in each branch."""
    return (s - where(b > 0, 1 - a, a)) * where(b > 0, -1, 1)


def over_power(y, x, power):
    """y / x**power: rounded twice."""
    return y * pow(x, -power)


def by_range(x, far, middle, next, near, beside_zero):
    """Of x >= 0: of the two first the result times x**2.5."""
    y = where(x > 1.5, near(clip_by_value(x, 1.5, 3.5)), beside_zero(minimum(x, 1.5), exp))
    y = where(x > 6, over_power(middle(clip_by_value(x, 6, 30)), clip_by_value(x, 6, 30), 2.5), where(x > 3.5, next(clip_by_value(x, 3.5, 6)), y))
    return where(x > 30, over_power(far(maximum(x, 30)), maximum(x, 30), 2.5), y)


def gap_bend(x):
    """-bessel_gap'(x), x >= 0, whose terms I1(x)/x and 2 bessel_gap(x) cancel."""
    return by_range(x, lambda x: -bessel_far(x, 0), gap_middle, gap_next, gap_near, gap_beside_zero)


def i1e_bend(x):
    """bessel_i1e''(x), x > 0."""
    return by_range(x, lambda x: bessel_far(x, 1), i1e_middle, i1e_next, lambda x: i1e_near(x, I1E_ROOT(x)), i1e_beside_zero)


def density_bend(a, b):
    """(log(b) - digamma(a))**2 - trigamma(a), the second derivative of gamma_pdf by a over itself; for a < 1 by those of a + 1, since 1 / a**2 drops out."""
    near = where(a < 1, a + 1, a)
    slope = log_less_digamma(near, b)
    return square(slope) - trigamma(near) + where(a < 1, 2 * slope / a, 0)


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
pow        = row(d=(lambda a, b, y: where((b != 0) | (abs(a) > 0), pow_slope(a, b), 0), lambda a, b, y: where(a <= 0, 0, pow_log(a, b))), on=(POSITIVE, REAL), takes=NUMBERS, ulp=1, ulp32=0.6, numpy="power", doc="a to the power b; no derivative by b where a <= 0; libm's without FMA, where its tables cost less than exact products")
pow_slope  = row(d=(lambda a, b, y: where((b != 1) | (abs(a) > 0), where((a == 0) | (b != 0) & ((abs(y) < 1e-305) | (abs((b - 1) * y) < 1e-305) | (abs(y) > 1e290)), b * pow_slope(a, b - 1), (b - 1) * y / where(a == 0, 1, a)), 0),
                    lambda a, b, y: where(a <= 0, 0, pow_before(a, b, y) + y * log(where(a > 0, a, 1)))), on=(POSITIVE, REAL), plainly=lambda a, b: b * pow(a, b - 1), ulp=3, ulp32=0.6, d32="double", doc="b * a**(b - 1), b - 1 as it is before rounding")
pow_log    = row(d=(lambda a, b, y: pow_slope(a, b) * log(a) + pow_before(a, b, pow_slope(a, b)), lambda a, b, y: y * log(a)), on=(POSITIVE, REAL), plainly=lambda a, b: pow(a, b) * log(a), ulp=3, ulp32=0.6, d_ulp=5, d32="double",
                                                                                                                             doc="a**b * log(a), exact where a**b is too small to be")
identity   = row(d=lambda x, y: 1,                                takes=ANY,     linear=(0,),   numpy="positive",             doc="x, as a value of its own")
scale      = row(d=(lambda g, s, y: s, lambda g, s, y: g),                       linear=(0, 1),        selects=(False, True), doc="g * s; exactly 0 where g is 0, whatever s is")
select     = row(d=(lambda g, s, y: s, lambda g, s, y: g),                       linear=(0, 1),                 selects=True, doc="g * s; exactly 0 where either is 0")

# Products and quotients with a convention for 0 * inf and x / 0.
divide_no_nan     = row(value=lambda a, b: where(b == 0, 0, a / b), d=(lambda a, b, y: reciprocal_no_nan(b), lambda a, b, y: -divide_no_nan(y, b)), linear=(0,), d32=(None, lambda a, b: -divide_no_nan(a, b * b)), selects=True, doc="a / b; 0 where b is 0")
reciprocal_no_nan = row(value=lambda x: where(x == 0, 0, 1 / x),    d=lambda x, y: -y * y,                                                         selects=True, doc="1 / x; 0 where x is 0")
multiply_no_nan   = row(value=lambda a, b: where(b == 0, 0, a * b), d=(lambda a, b, y: b, lambda a, b, y: a), linear=(0, 1),                       selects=True, doc="a * b; 0 where b is 0, even if a is inf or nan")
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
sigmoid_cross_entropy = row(d=(lambda a, b, y: -b, lambda a, b, y: cross_entropy_slope(a, b)), on=(UNIT_INTERVAL, REAL), ulp=2, near32="-40 40", d32=(None, lambda a, b: cross_entropy_slope_from(exp(-abs(b)) / (1 + exp(-abs(b))), a, b)), d64=(None, lambda a, b: cross_entropy_slope_from(sigmoid(-abs(b)), a, b)),
                                                                                                      doc="cross entropy of a probability a and sigmoid(b), exact in both tails")
log_sigmoid = row(d=lambda x, y: softplus_slope(-x),        on=REAL,            ulp=1, ulp32=0.6, near32="-40 40", twin=True, doc="log(sigmoid(x)) = -softplus(-x)")
softplus    = row(d=lambda x, y: softplus_slope(x),         on=REAL,            ulp=1, ulp32=0.6, near32="-40 40", twin=True, doc="log(1 + exp(x)), no overflow")
softplus_slope = row(d=lambda x, y: sigmoid_slope(x),         on=REAL,            ulp=3, ulp32=2, near32="-40 40", d32="own", doc="sigmoid to 3 ULP: what the derivative of softplus needs")
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
erfcx_slope = row(d=lambda x, y: where(x > 1, over_power(where(x > 8, erfcx_far(maximum(x, 8)), erfcx_middle(clip_by_value(x, 1, 8))), maximum(x, 1), 3.0), where(x > 0, erfcx_near(clip_by_value(x, 0, 1)), 2 * (erfcx(x) + scale(y, x)))), on=REAL, ulp=4, d32="double", doc="derivative of erfcx: 2 * x * erfcx(x) - 2/sqrt(pi), exact for large x")
exp_minus_square = row(d=lambda x, y: -2 * scale(y, bounded(x)),        on=REAL,            ulp=1, ulp32=0.6, d32="own",                doc="exp(-x*x), the square taken exactly")
ndtr       = row(d=lambda x, y: normal_pdf(x),              on=REAL,            ulp=1, ulp32=0.6, twin=True,                doc="distribution function of the normal distribution")
log_ndtr   = row(d=lambda x, y: where(x < -1e150, -x, where(x < -1, 0.7978845608028654 / erfcx(-0.7071067811865476 * minimum(x, -1)), normal_pdf(x) / maximum(ndtr(x), 0.1))), on=REAL, ulp=2, d32="double", twin=True, doc="log(ndtr(x)), exact in both tails")
normal_pdf = row(d=lambda x, y: -scale(y, bounded(x)),          on=REAL,            ulp=1, ulp32=0.6, d32="own",                doc="density of the normal distribution")
ndtri      = row(d=lambda x, y: ndtri_slope(x),             on=OPEN_UNIT,       ulp=1, twin=True,                doc="inverse of ndtr: the quantile of the normal distribution")
ndtri_slope = row(d=lambda x, y: ndtri(x) * square(y),      on=OPEN_UNIT,       ulp=2, d32="double", plainly=lambda x: 1 / normal_pdf(ndtri(x)), doc="derivative of ndtri, exact in both tails")
erfinv     = row(d=lambda x, y: erfinv_slope(x),            on=UNIT,            ulp=1, twin=True,                doc="inverse of erf")
erfinv_slope = row(d=lambda x, y: 2 * erfinv(x) * square(y), on=UNIT,           ulp=2, d32="double", plainly=lambda x: 0.886226925452758 / exp_minus_square(erfinv(x)), doc="derivative of erfinv, exact beside -1 and 1")
lgamma     = row(d=lambda x, y: digamma(x),                 on=REAL,            ulp=2, ulp32=0.6, near="AD_GAMMA_LEAST AD_GAMMA_MOST", twin=True, doc="log|gamma(x)|; libm's beside the roots below 0, each of which would need a table")
digamma    = row(d=lambda x, y: trigamma(x),                on=REAL,            ulp=2, ulp32=0.6, near="AD_GAMMA_LEAST AD_GAMMA_MOST", twin=True, doc="derivative of lgamma")
trigamma   = row(d=lambda x, y: polygamma(2, x),            on=REAL, plainly=lambda x: polygamma(1, x), ulp=2, near="AD_GAMMA_LEAST AD_GAMMA_MOST", doc="derivative of digamma")
polygamma  = row(d=(None, lambda a, b, y: polygamma(a + 1, b)), on=(NON_NEGATIVE, REAL), ulp=2,    doc="derivative of order a, a whole number, of digamma at b")
igamma     = row(d=(lambda a, b, y: igamma_by_a(a, b), lambda a, b, y: gamma_pdf(a, b)),    on=(POSITIVE, NON_NEGATIVE), ulp=4, ulp32=0.6, d_ulp=5, d32="double", doc="distribution function at b of the gamma distribution of shape a: the regularised lower incomplete gamma function")
igammac    = row(d=(lambda a, b, y: -igamma_by_a(a, b), lambda a, b, y: -gamma_pdf(a, b)),  on=(POSITIVE, NON_NEGATIVE), ulp=4, ulp32=0.6, d_ulp=5, d32="double", doc="1 - igamma(a, b), exact in the upper tail")
gamma_pdf  = row(d=(lambda a, b, y: scale(y, log_less_digamma(a, b)),
                    lambda a, b, y: where(b == 0, where(a < 1, -INF, where(a == 1, -1, gamma_pdf(maximum(a - 1, 0), b))), scale(y, (a - b - 1) / where(b == 0, 1, b)))), on=(POSITIVE, NON_NEGATIVE), ulp=1, ulp32=0.6, d_ulp=5, d32="double",
                                                                                                      doc="density at b of the gamma distribution of shape a: b**(a - 1) * exp(-b) / gamma(a)")
igamma_by_a = row(d=(lambda a, b, y: igamma_by_a_twice(a, b), lambda a, b, y: scale(gamma_pdf(a, b), log_less_digamma(a, b))), on=(POSITIVE, NON_NEGATIVE), ulp=5, ulp32=0.6, d_ulp=10, d32="double", doc="derivative of igamma by a")
igamma_by_a_twice = row(d=(lambda a, b, y: where(y == y, NAN, y), lambda a, b, y: scale(gamma_pdf(a, b), density_bend(a, b))), on=(POSITIVE, NON_NEGATIVE), ulp=10, ulp32=0.6, d_ulp=10, d32="double",
                                                                                                      doc="second derivative of igamma by a; nan is what is said of the third")
log_less_digamma = row(d=(lambda a, b, y: -trigamma(a), lambda a, b, y: 1 / b), on=(POSITIVE, POSITIVE), ulp=3, ulp32=0.6, d32="double", plainly=lambda a, b: log(b) - digamma(a), doc="log(b) - digamma(a): the slope by a of the logarithm of gamma_pdf")
betainc    = row(d=(None, None, lambda a, b, c, y: beta_pdf(a, b, c)), on=(POSITIVE, POSITIVE, UNIT_INTERVAL), ulp=5, ulp32=0.6, d32="double", doc="distribution function at c of the beta distribution of a and b: the regularised incomplete beta function; no derivative by a or b")
beta_pdf   = row(d=(lambda a, b, c, y: scale(beta_pdf(a, b, c), log_less_digamma(a, (a + b) * c) - log_less_digamma(a + b, a + b)),
                    lambda a, b, c, y: scale(beta_pdf(a, b, c), log_less_digamma(b, (a + b) * (1 - c)) - log_less_digamma(a + b, a + b)),
                    lambda a, b, c, y: scale(beta_pdf(a, b, c), xdivy(a - 1, c) - xdivy(b - 1, 1 - c))), on=(POSITIVE, POSITIVE, UNIT_INTERVAL), ulp=1, ulp32=0.6, d_ulp=5, d32="double", doc="density at c of the beta distribution of a and b")
zeta       = row(d=(None, lambda a, b, y: zeta_slope(a, b)), on=(FROM_ONE, REAL), ulp=5, ulp32=0.6, d_ulp=5, d32="double", doc="Hurwitz's zeta function, the sum of (b + k)**-a over k = 0, 1, 2, ..; no derivative by a")
zeta_slope = row(d=(None, lambda a, b, y: -a * zeta_slope(a + 1, b)), on=(FROM_ONE, REAL), ulp=5, ulp32=0.6, d_ulp=8, d32="double", plainly=lambda a, b: -a * zeta(a + 1, b), doc="derivative of zeta by b: -a * zeta(a + 1, b)")
bessel_i0  = row(d=lambda x, y: bessel_i1(x),               on=REAL,            ulp=1, twin=True,                doc="modified Bessel function of the first kind I0")
bessel_i1  = row(d=lambda x, y: where(abs(x) < 1.5, bessel_i0(x) - bessel_quotient(clip_by_value(x, -1.5, 1.5), 1), bessel_i0(x) * (1 - bessel_i1e(clip_by_value(abs(x), 1, 1e30)) / (clip_by_value(abs(x), 1, 1e30) * bessel_i0e(clip_by_value(x, -1e30, 1e30))))), on=REAL, d32="double", ulp=1, doc="modified Bessel function of the first kind I1")
bessel_i0e = row(d=lambda x, y: -sign(x) * bessel_gap(x),   on=REAL,            ulp=1, twin=True,                doc="exp(-|x|) * bessel_i0(x), no overflow; derivative 0 at 0")
bessel_i1e = row(d=lambda x, y: bessel_i1e_slope(x),        on=REAL,            ulp=1,                doc="exp(-|x|) * bessel_i1(x), no overflow")
bessel_gap = row(d=lambda x, y: -sign(x) * gap_bend(abs(x)), on=REAL, ulp=3, d32="double", doc="exp(-|x|) * (bessel_i0(x) - |bessel_i1(x)|), exact for large x")
bessel_i1e_slope = row(d=lambda x, y: sign(x) * i1e_bend(abs(x)), on=REAL, ulp=4, d32="double", doc="derivative of bessel_i1e, exact for large x and beside its root")

# ---------------------------------------------------------------------------------------------------------- activations
relu       = row(d=lambda x, y: where(x > 0, 1, 0),                             takes=NUMBERS,        selects=True, doc="max(x, 0); derivative 0 at 0")
relu6      = row(d=lambda x, y: where((x > 0) & (x < 6), 1, 0),                 takes=NUMBERS,        selects=True, doc="min(max(x, 0), 6); derivative 0 at 0 and 6")
leaky_relu = row(d=(lambda a, b, y: where(a > 0, 1, b), lambda a, b, y: where(a > 0, 0, a)),          selects=True, doc="a where positive, else b * a")
elu        = row(d=lambda x, y: where(x >= 0, 1, exp(minimum(x, 0))),                            ulp=1, ulp32=0.6, doc="x where positive, else exp(x) - 1")
selu       = row(d=lambda x, y: where(x >= 0, 1.0507009873554805, 1.7580993408473766 * exp(minimum(x, 0))), ulp=2, ulp32=0.6, doc="1.0507 * (x where positive, else 1.6733 * (exp(x) - 1))")
silu       = row(d=lambda x, y: scale(sigmoid(x), where(x > -0.5, 1 + scale(sigmoid(-x), bounded(x)), sigmoid(-x) * (SILU_ROOT(bounded(x)) + 0.27846454276107374 * expm1(SILU_ROOT(minimum(x, 0)))))), ulp=1, ulp32=0.6, d32="own", d64="own", twin=True, doc="x * sigmoid(x)")
gelu       = row(d=lambda x, y: ndtr(x) + scale(normal_pdf(x), bounded(x)),                           ulp=2, ulp32=0.6, d32="own", twin=True, doc="x * ndtr(x)")
gelu_tanh  = row(d=lambda x, y: scale(gelu_gate(x), 1 + scale(gelu_gate(-x), bounded(x) * (1.5957691216057308 + 0.21406444881780074 * square(bounded(x))))), ulp=1, ulp32=0.6, d32="own", doc="gelu as approximated by tanh: x * sigmoid(1.5958 * (x + 0.044715 * x**3))")
gelu_gate  = row(d=lambda x, y: scale(y * gelu_gate(-x), 1.5957691216057308 + 0.21406444881780074 * square(bounded(x))), ulp=1, ulp32=0.6, d32="own", doc="sigmoid(1.5958 * (x + 0.044715 * x**3))")
mish       = row(d=lambda x, y: tanh(softplus(x)) + scale(sech2(softplus(x)) * sigmoid(x), bounded(x)),  ulp=1, ulp32=0.6, d32="own", doc="x * tanh(softplus(x))")

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
