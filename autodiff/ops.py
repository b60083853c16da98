"""THE TABLE: every operator of autodiff, one row each.  What a row is stands in _op.py.

`x` or `a, b, c` are operands, `y` the result, `g` the cotangent.  A rule is a formula over other rows; it is read three
times: printed as C, run on tensors for higher orders, recorded in a traced program.  So it must itself have derivatives, and
they must be finite and accurate wherever the true ones are.
"""

from ._op import (ABOVE_MINUS_ONE, ANY, BOOL, FLOATS, FROM_ONE, INF, NEGATIVE, NON_NEGATIVE, NUMBERS, POSITIVE, REAL, UNIT,
                  composite, number_rows, row, rule, structural)  # fmt: skip

# fmt: off
# ---------------------------------------------------------------------------------------------------------- arithmetic
add        = row(d=(lambda a, b, y: 1, lambda a, b, y: 1),        takes=NUMBERS, linear=(0, 1), numpy="add",                  doc="a + b")
sub        = row(d=(lambda a, b, y: 1, lambda a, b, y: -1),       takes=NUMBERS, linear=(0, 1), numpy="subtract",             doc="a - b")
mul        = row(d=(lambda a, b, y: b, lambda a, b, y: a),        takes=NUMBERS, linear=(0, 1), numpy="multiply",             doc="a * b")
div        = row(d=(lambda a, b, y: 1 / b, lambda a, b, y: -y / b),              linear=(0,),   numpy="divide true_divide",   doc="a / b")   # not -a / (b * b): overflows
floordiv   = row(arity=2,                                         takes=NUMBERS,                numpy="floor_divide",         doc="the largest whole number not above a / b")
mod        = row(d=(lambda a, b, y: 1, lambda a, b, y: -floor(a / b)), takes=NUMBERS,           numpy="mod remainder",        doc="a - b * floor(a / b): has the sign of b")
neg        = row(d=lambda x, y: -1,                               takes=NUMBERS, linear=(0,),   numpy="negative",             doc="-x")
abs        = row(d=lambda x, y: sign(x),                          takes=NUMBERS,                numpy="abs absolute fabs",    doc="|x|; derivative 0 at 0")
sign       = row(d=lambda x, y: 0,                                takes=NUMBERS,                numpy="sign",                 doc="-1, 0 or 1")
square     = row(d=lambda x, y: 2 * x,                            takes=NUMBERS,                numpy="square",               doc="x * x")
squared_difference = row(d=(lambda a, b, y: 2 * (a - b), lambda a, b, y: 2 * (b - a)), takes=NUMBERS,                         doc="(a - b) squared")
reciprocal = row(d=lambda x, y: -y * y,                                                         numpy="reciprocal",           doc="1 / x")
sqrt       = row(d=lambda x, y: 0.5 / y,                          on=NON_NEGATIVE,              numpy="sqrt",                 doc="square root")
rsqrt      = row(d=lambda x, y: -0.5 * y / x,                     on=POSITIVE,                                                doc="1 / sqrt(x)")
cbrt       = row(d=lambda x, y: 1 / (3 * y * y),                                                numpy="cbrt",                 doc="cube root, also of a negative number")
hypot      = row(d=(lambda a, b, y: where(y == 0, 0, a / y),
                    lambda a, b, y: where(y == 0, 0, b / y)),                    ulp=2,         numpy="hypot",                doc="sqrt(a*a + b*b), no overflow; derivative 0 at (0, 0)")
pow        = row(d=(lambda a, b, y: where(b == 0, 0, b * pow(a, b - 1)),
                    lambda a, b, y: where(a <= 0, 0, y * log(where(a > 0, a, 1)))), on=(POSITIVE, REAL), takes=NUMBERS, ulp=2, numpy="power float_power", doc="a to the power b; no derivative by b where a <= 0")
identity   = row(d=lambda x, y: 1,                                takes=ANY,     linear=(0,),   numpy="positive",             doc="x, as a value of its own")

# ------------------------------------------------------------------------------------------- exponentials and logarithms
exp        = row(d=lambda x, y: y,                          on=REAL,            ulp=1, numpy="exp",   doc="e to the power x")
exp2       = row(d=lambda x, y: y * 0.6931471805599453,     on=REAL,            ulp=1, numpy="exp2",  doc="2 to the power x")
expm1      = row(d=lambda x, y: exp(x),                     on=REAL,            ulp=1, numpy="expm1", doc="exp(x) - 1, exact near 0")       # not y + 1: that is 0 for x < -37
log        = row(d=lambda x, y: 1 / x,                      on=POSITIVE,        ulp=1, numpy="log",   doc="natural logarithm")
log2       = row(d=lambda x, y: 1.4426950408889634 / x,     on=POSITIVE,        ulp=1, numpy="log2",  doc="logarithm to base 2")
log10      = row(d=lambda x, y: 0.4342944819032518 / x,     on=POSITIVE,        ulp=1, numpy="log10", doc="logarithm to base 10")
log1p      = row(d=lambda x, y: 1 / (1 + x),                on=ABOVE_MINUS_ONE, ulp=1, numpy="log1p", doc="log(1 + x), exact near 0")
log1mexp   = row(d=lambda x, y: -1 / expm1(-x),             on=NEGATIVE,        ulp=2,                doc="log(1 - exp(x)) of a negative number")
logaddexp  = row(d=(lambda a, b, y: sigmoid(where(a == b, 0, a - b)),
                    lambda a, b, y: sigmoid(where(a == b, 0, b - a))),          ulp=2, numpy="logaddexp", doc="log(exp(a) + exp(b)), no overflow")   # inf - inf is nan: hence where
xlogy      = row(d=(lambda a, b, y: log(b), lambda a, b, y: where(a == 0, 0, a / b)),          on=(REAL, POSITIVE),        ulp=2, doc="a * log(b); 0 where a is 0")
xlog1py    = row(d=(lambda a, b, y: log1p(b), lambda a, b, y: where(a == 0, 0, a / (1 + b))),  on=(REAL, ABOVE_MINUS_ONE), ulp=2, doc="a * log(1 + b); 0 where a is 0")

# ------------------------------------------------------------------------------------------- logistic and its relations
sigmoid     = row(d=lambda x, y: y * sigmoid(-x),           on=REAL,            ulp=2,                doc="1 / (1 + exp(-x))")              # not y * (1 - y): cancels for x > 0
log_sigmoid = row(d=lambda x, y: sigmoid(-x),               on=REAL,            ulp=2,                doc="log(sigmoid(x)) = -softplus(-x)")
softplus    = row(d=lambda x, y: sigmoid(x),                on=REAL,            ulp=2,                doc="log(1 + exp(x)), no overflow")
softsign    = row(d=lambda x, y: 1 / square(1 + abs(x)),    on=REAL,            ulp=2,                doc="x / (1 + |x|)")
tanh        = row(d=lambda x, y: sech2(x),                  on=REAL,            ulp=2, numpy="tanh",  doc="hyperbolic tangent")             # not 1 - y*y: no digit left at 20
sech2       = row(d=lambda x, y: -2 * tanh(x) * y,          on=REAL,            ulp=3,                doc="1 / cosh(x)**2, no overflow")

# -------------------------------------------------------------------------------------------- trigonometric, hyperbolic
sin        = row(d=lambda x, y: cos(x),                     on=REAL,            ulp=1, numpy="sin",   doc="sine of x radians")
cos        = row(d=lambda x, y: -sin(x),                    on=REAL,            ulp=1, numpy="cos",   doc="cosine of x radians")
tan        = row(d=lambda x, y: 1 / square(cos(x)),         on=REAL,            ulp=1, numpy="tan",   doc="tangent of x radians")
asin       = row(d=lambda x, y: rsqrt((1 - x) * (1 + x)),   on=UNIT,            ulp=1, numpy="arcsin asin", doc="angle in radians, in [-pi/2, pi/2], whose sine is x")
acos       = row(d=lambda x, y: -rsqrt((1 - x) * (1 + x)),  on=UNIT,            ulp=1, numpy="arccos acos", doc="angle in radians, in [0, pi], whose cosine is x")
atan       = row(d=lambda x, y: where(abs(x) > 1e8, 1 / x / (x + 1 / x), 1 / (1 + x * x)), on=REAL, ulp=1, numpy="arctan atan", doc="angle in radians, in [-pi/2, pi/2], whose tangent is x")
atan2      = row(d=(lambda a, b, y: where(hypot(a, b) == 0, 0, b / hypot(a, b) / hypot(a, b)),
                    lambda a, b, y: where(hypot(a, b) == 0, 0, -a / hypot(a, b) / hypot(a, b))), ulp=1, numpy="arctan2 atan2", doc="angle of the point (b, a) in radians, in [-pi, pi]")
sinh       = row(d=lambda x, y: cosh(x),                    on=REAL,            ulp=2, numpy="sinh",  doc="hyperbolic sine")
cosh       = row(d=lambda x, y: sinh(x),                    on=REAL,            ulp=2, numpy="cosh",  doc="hyperbolic cosine")
asinh      = row(d=lambda x, y: 1 / hypot(1, x),            on=REAL,            ulp=2, numpy="arcsinh asinh", doc="number whose hyperbolic sine is x")
acosh      = row(d=lambda x, y: rsqrt(x - 1) * rsqrt(x + 1), on=FROM_ONE,       ulp=2, numpy="arccosh acosh", doc="number, not negative, whose hyperbolic cosine is x")
atanh      = row(d=lambda x, y: 1 / ((1 - x) * (1 + x)),    on=UNIT,            ulp=2, numpy="arctanh atanh", doc="number whose hyperbolic tangent is x")

# --------------------------------------------------------------------------------------------------- special functions
erf        = row(d=lambda x, y: 1.1283791670955126 * exp_minus_square(x),  on=REAL, ulp=1,            doc="2/sqrt(pi) times the integral of exp(-t*t) from 0 to x")
erfc       = row(d=lambda x, y: -1.1283791670955126 * exp_minus_square(x), on=REAL, ulp=5,            doc="1 - erf(x), exact for large x")
exp_minus_square = row(d=lambda x, y: -2 * x * y,           on=REAL,            ulp=2,                doc="exp(-x*x), the square taken exactly")
lgamma     = row(d=lambda x, y: digamma(x),                 on=REAL,            ulp=None,             doc="log|gamma(x)|")
digamma    = row(d=lambda x, y: trigamma(x),                on=REAL,            ulp=None,             doc="derivative of lgamma")
trigamma   = row(d=lambda x, y: polygamma2(x),              on=REAL,            ulp=None,             doc="second derivative of lgamma")
polygamma2 = row(on=REAL,                                                       ulp=None,             doc="third derivative of lgamma")

# ---------------------------------------------------------------------------------------------------------- activations
relu       = row(d=lambda x, y: where(x > 0, 1, 0),                             takes=NUMBERS,        doc="max(x, 0); derivative 0 at 0")
relu6      = row(d=lambda x, y: where((x > 0) & (x < 6), 1, 0),                 takes=NUMBERS,        doc="min(max(x, 0), 6); derivative 0 at 0 and 6")
leaky_relu = row(d=(lambda x, a, y: where(x > 0, 1, a), lambda x, a, y: where(x > 0, 0, x)),          doc="x where positive, else a * x")
elu        = row(d=lambda x, y: where(x > 0, 1, exp(minimum(x, 0))),                            ulp=2, doc="x where positive, else exp(x) - 1")
selu       = row(d=lambda x, y: where(x > 0, 1.0507009873554805, 1.7580993408473766 * exp(minimum(x, 0))), ulp=2, doc="1.0507 * (x where positive, else 1.6733 * (exp(x) - 1))")
silu       = row(d=lambda x, y: sigmoid(x) * (1 + x * sigmoid(-x)),                             ulp=3, doc="x * sigmoid(x)")
gelu       = row(d=lambda x, y: 0.5 * erfc(x * -0.7071067811865476) + x * 0.3989422804014327 * exp_minus_square(x * 0.7071067811865476), ulp=6, doc="x times the normal distribution function of x")

# ------------------------------------------------------------------------------------------------------------- selection
# Ties share the gradient equally: maximum(x, x) has the derivative 1.
maximum    = row(d=(lambda a, b, y: where(a > b, 1, where(a == b, 0.5, 0)),
                    lambda a, b, y: where(b > a, 1, where(a == b, 0.5, 0))), takes=NUMBERS, numpy="maximum", doc="the larger of a and b; nan if one is")
minimum    = row(d=(lambda a, b, y: where(a < b, 1, where(a == b, 0.5, 0)),
                    lambda a, b, y: where(b < a, 1, where(a == b, 0.5, 0))), takes=NUMBERS, numpy="minimum", doc="the smaller of a and b; nan if one is")
clip_by_value = row(d=(lambda a, b, c, y: where((a < b) | (a > c), 0, 1), lambda a, b, c, y: where((a < b) & (b <= c), 1, 0),
                       lambda a, b, c, y: where((a > c) | (b > c), 1, 0)),   takes=NUMBERS, numpy="clip",    doc="a no less than b and no more than c; derivative 1 at a bound")
where      = row(d=(None, lambda c, a, b, y: where(c, 1, 0), lambda c, a, b, y: where(c, 0, 1)), takes=ANY, linear=(1, 2), doc="a where c, else b")
scale      = row(d=(lambda g, s, y: s, lambda g, s, y: g), linear=(0, 1), doc="g * s; exactly 0 where g is 0, whatever s is")

# --------------------------------------------------------------------------------------------- rounding: no derivatives
floor      = row(takes=NUMBERS, numpy="floor",     doc="the largest whole number not above x")
ceil       = row(takes=NUMBERS, numpy="ceil",      doc="the smallest whole number not below x")
round      = row(takes=NUMBERS, numpy="rint",      doc="the nearest whole number; a half goes to the even one")

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

ROWS = number_rows(globals())
