"""THE TABLE: every operator of autodiff, one row each.  What a row is stands in _op.py.

`x` or `a, b, c` are operands, `y` the result, `g` the cotangent.  A rule is a formula over other rows; it is read three
times: printed as C, run on tensors for higher orders, recorded in a traced program.  So it must itself have derivatives, and
they must be finite and accurate wherever the true ones are.
"""

from ._op import (ABOVE_MINUS_ONE, ANY, FLOATS, NON_NEGATIVE, NUMBERS, POSITIVE, REAL, number_rows, row)  # fmt: skip

# fmt: off
# ---------------------------------------------------------------------------------------------------------- arithmetic
add        = row(d=(lambda a, b, y: 1, lambda a, b, y: 1),        takes=NUMBERS, linear=(0, 1), numpy="add",                 doc="a + b")
sub        = row(d=(lambda a, b, y: 1, lambda a, b, y: -1),       takes=NUMBERS, linear=(0, 1), numpy="subtract",            doc="a - b")
mul        = row(d=(lambda a, b, y: b, lambda a, b, y: a),        takes=NUMBERS, linear=(0, 1), numpy="multiply",            doc="a * b")
div        = row(d=(lambda a, b, y: 1 / b, lambda a, b, y: -y / b),              linear=(0,),   numpy="divide true_divide",  doc="a / b")
neg        = row(d=lambda x, y: -1,                               takes=NUMBERS, linear=(0,),   numpy="negative",            doc="-x")
square     = row(d=lambda x, y: 2 * x,                            takes=NUMBERS,                numpy="square",              doc="x * x")
abs        = row(d=lambda x, y: sign(x),                          takes=NUMBERS,                numpy="abs absolute fabs",   doc="|x|")
sign       = row(d=lambda x, y: 0,                                takes=NUMBERS,                numpy="sign",                doc="-1, 0 or 1")
sqrt       = row(d=lambda x, y: 0.5 / y,                          on=NON_NEGATIVE,              numpy="sqrt",                doc="square root")
pow        = row(d=(lambda a, b, y: where(b == 0, 0, b * pow(a, b - 1)),
                    lambda a, b, y: where(a <= 0, 0, y * log(where(a > 0, a, 1)))), on=(POSITIVE, REAL), takes=NUMBERS, numpy="power", doc="a to the power b")

# ------------------------------------------------------------------------------------------- exponentials and logarithms
exp        = row(d=lambda x, y: y,                  on=REAL,            ulp=1, numpy="exp",   doc="e to the power x")
expm1      = row(d=lambda x, y: exp(x),             on=REAL,            ulp=1, numpy="expm1", doc="exp(x) - 1, exact near 0")
log        = row(d=lambda x, y: 1 / x,              on=POSITIVE,        ulp=1, numpy="log",   doc="natural logarithm")
log1p      = row(d=lambda x, y: 1 / (1 + x),        on=ABOVE_MINUS_ONE, ulp=1, numpy="log1p", doc="log(1 + x), exact near 0")
sigmoid    = row(d=lambda x, y: y * sigmoid(-x),    on=REAL,            ulp=2,                doc="1 / (1 + exp(-x))")
softplus   = row(d=lambda x, y: sigmoid(x),         on=REAL,            ulp=2,                doc="log(1 + exp(x)), no overflow")
tanh       = row(d=lambda x, y: sech2(x),           on=REAL,            ulp=2, numpy="tanh",  doc="hyperbolic tangent")
sech2      = row(d=lambda x, y: -2 * tanh(x) * y,   on=REAL,            ulp=2,                doc="1 / cosh(x)**2, no overflow")

# ---------------------------------------------------------------------------------------------------------- trigonometry
sin        = row(d=lambda x, y: cos(x),             on=REAL,            ulp=1, numpy="sin",   doc="sine of x radians")
cos        = row(d=lambda x, y: -sin(x),            on=REAL,            ulp=1, numpy="cos",   doc="cosine of x radians")

# ------------------------------------------------------------------------------------------------------------- selection
maximum    = row(d=(lambda a, b, y: where(a > b, 1, where(a == b, 0.5, 0)),
                    lambda a, b, y: where(b > a, 1, where(a == b, 0.5, 0))), takes=NUMBERS, numpy="maximum", doc="the larger of a and b")
minimum    = row(d=(lambda a, b, y: where(a < b, 1, where(a == b, 0.5, 0)),
                    lambda a, b, y: where(b < a, 1, where(a == b, 0.5, 0))), takes=NUMBERS, numpy="minimum", doc="the smaller of a and b")
where      = row(d=(None, lambda c, a, b, y: where(c, 1, 0), lambda c, a, b, y: where(c, 0, 1)), takes=ANY, linear=(1, 2), numpy="where", doc="a where c, else b")
scale      = row(d=(lambda g, s, y: s, lambda g, s, y: g), linear=(0, 1), doc="g * s; exactly 0 where g is 0, whatever s is")

# ----------------------------------------------------------------------------------------------------------- comparisons
equal         = row(arity=2, takes=ANY,     gives="bool", numpy="equal",         doc="a == b")
not_equal     = row(arity=2, takes=ANY,     gives="bool", numpy="not_equal",     doc="a != b")
less          = row(arity=2, takes=NUMBERS, gives="bool", numpy="less",          doc="a < b")
less_equal    = row(arity=2, takes=NUMBERS, gives="bool", numpy="less_equal",    doc="a <= b")
greater       = row(arity=2, takes=NUMBERS, gives="bool", numpy="greater",       doc="a > b")
greater_equal = row(arity=2, takes=NUMBERS, gives="bool", numpy="greater_equal", doc="a >= b")
# fmt: on

# ------------------------------------------------------------------------------------- structural rows: appended below here

ROWS = number_rows(globals())
