"""What a row of the operator table is.

A row is one operator: its value, its derivative rule, its domain and its accuracy.  Rules are plain lambdas over other
rows, so that one formula serves every interpreter: called on C text it prints C (csrc/generate.py), called on tensors it
computes, and records where a tape is watching.  An interpreter joins in by giving its operand class an
`__ad_apply__(row, operands, attrs)` static method; nothing else here knows about any of them.

Three kinds of row:

    elementwise   a C function ad_<name> in scalar_math.h (or `value=`, a formula over rows), and `d`: one local derivative
                  per operand, called as d(*operands, y)
    structural    a C kernel ad_<name>_forward in csrc/, and `vjp`: one rule per operand, called as vjp(g, *operands, y, **attrs)
    composite     `value=` alone: a name for a formula; its parts are recorded, not it
"""

# Attributes that are tuples of integers; every other one is a single integer.
TUPLES = frozenset(("shape", "strides", "axes", "dilations", "before"))

ELEMENTWISE, STRUCTURAL, COMPOSITE = "elementwise", "structural", "composite"

# What an operator takes: names of dtypes, in the order of enum ad_dtype in csrc/ad.h.
FLOATS = ("float32", "float64")
INTS = ("int32", "int64")
NUMBERS = FLOATS + INTS
BOOL = ("bool",)
ANY = NUMBERS + BOOL


class Interval:
    """A domain: the set of x with lo <= x <= hi (ends of the format included; `open` where an end itself is a pole)."""

    def __init__(self, lo, hi, text):
        self.lo, self.hi, self.text = lo, hi, text

    def __repr__(self):
        return self.text


INF = float("inf")
NAN = float("nan")
REAL = Interval(-INF, INF, "R")
POSITIVE = Interval(0.0, INF, "(0, inf)")
NON_NEGATIVE = Interval(0.0, INF, "[0, inf)")
NEGATIVE = Interval(-INF, 0.0, "(-inf, 0)")
UNIT = Interval(-1.0, 1.0, "[-1, 1]")
OPEN_UNIT = Interval(0.0, 1.0, "(0, 1)")
UNIT_INTERVAL = Interval(0.0, 1.0, "[0, 1]")
ABOVE_MINUS_ONE = Interval(-1.0, INF, "(-1, inf)")
FROM_ONE = Interval(1.0, INF, "[1, inf)")


class Row:
    """One operator's entry in the table.

    name      set by the table: the name it is bound to in ops.py
    code      its number in the instruction set, set by the table; None for a composite
    arity     number of tensor operands; None for any number (concat, add_n)
    d         tuple of local derivatives, one per operand, or None where there is no gradient (floor, comparisons)
    vjp       tuple of rules, one per operand (one rule for all where arity is None), or None
    attrs     names of the integers (or tuples of integers) that go with the operands: axes, shapes, flags
    on        domain, one Interval per operand
    takes     dtypes of the operands;  gives: dtype of the result, or None for that of the operands
    ulp       bound on the error of the value in units in the last place; d_ulp of each local derivative
    ulp32     the same of the value in float32, where that is stated apart; as ulp where it is not
    plainly   the value as a formula over rows, for arithmetic that has digits to lose: the precise replay, where it has no function of its own
    d32       how kernels compute the derivatives in float32 where the rule's steps, each rounded to float32, would lose digits:
              "double", the rule (and a value that is a formula) in float64, rounded once; "own", by ad_<name>_slopef of csrc/float_math.h;
              a tuple, for each operand None or a formula of the operands that is to be taken in float64
    d64       how kernels compute the derivatives in float64 where that takes fewer exponentials than the rule: "own", by ad_<name>_slope; a
              tuple, for each operand None or a formula of the operands
    numpy     names of the NumPy functions that are this operator
    linear    operands in which the operator is linear, each by itself: its own tangent there
    selects   tuple: by each operand, is a derivative of 0 the choice of another branch?  Then it stops even an infinite cotangent:
              sqrt(maximum(x, 0)) has the gradient 0 at -1, not inf * 0
    twin      do the value and the derivative share work (an exponential, a root)?  Then a traced loop that needs both has them from
              one kernel; of one operand
    given     the derivative where the operand was given (a variable, a constant, what a tape watches), if it is another than where it
              was computed; of one operand
    matrices  are the last two dimensions of the operands those of matrices, and what is before them a batch, each of which is for itself?
    near      the ends, as names of C, of the interval of the last operand for which there is a function ad_<name>_near without branches
    near32    the same of float32 alone
    """

    def __init__(self, kind, **fields):
        self.kind = kind
        self.name = self.code = None
        self.__dict__.update(fields)

    def __call__(self, *operands, **attrs):
        """Apply the operator through the first operand's interpreter; plain Python numbers go to the others'."""
        if self.kind == COMPOSITE:
            return self.value(*operands, **attrs)
        for x in operands:
            apply = getattr(x, "__ad_apply__", None)
            if apply is not None:
                return apply(self, operands, attrs)
        raise TypeError(f"{self.name}: no operand is a tensor: {operands!r}")

    def __repr__(self):
        return f"<row {self.name}>"

    @property
    def differentiable(self):
        return self.d is not None or self.vjp is not None or self.kind == COMPOSITE


def _each(rule, n):
    """A rule given once stands for the only operand; a tuple has one per operand."""
    if rule is None or isinstance(rule, tuple):
        return rule
    return (rule,) * (n or 1)


def row(d=None, *, arity=None, value=None, plainly=None, on=REAL, takes=FLOATS, gives=None, ulp=1, ulp32=None, d_ulp=4, d32=None, d64=None,
        numpy=(), linear=(), selects=False, near="", near32="", twin=False, given=None, doc):  # fmt: skip
    """An elementwise row. `arity` is told by `d` where there is one."""
    d = _each(d, arity)
    arity = arity or (len(d) if d else 1)
    if d is not None and len(d) != arity:
        raise TypeError(f"row: {len(d)} derivatives for {arity} operands")
    on = on if isinstance(on, tuple) else (on,) * arity
    return Row(ELEMENTWISE, arity=arity, d=d, vjp=None, value=value, plainly=plainly or value, attrs=(), on=on, takes=takes, gives=gives,
               ulp=ulp, ulp32=ulp if ulp32 is None else ulp32, d_ulp=d_ulp, d32=d32, d64=d64, numpy=_names(numpy), linear=tuple(linear),
               selects=_each(selects, arity), near=tuple(near.split()), near32=tuple(near32.split()), twin=twin, given=given, matrices=False, doc=doc)  # fmt: skip


def structural(vjp=None, *, value=None, kernel=None, arity=1, attrs=(), takes=ANY, gives=None, kernel_vjp=True, numpy=(), linear=(), matrices=False, doc):
    """A row with a C kernel, named after the row or shared under the name `kernel`. `kernel_vjp=False` where the backward
    pass has no kernel of its own and runs the rule. `value`: the same as a formula over other rows, for numbers of more digits."""
    return Row(STRUCTURAL, kernel=kernel, arity=arity, d=None, vjp=_each(vjp, arity), value=value, plainly=value, attrs=_names(attrs), on=(REAL,) * (arity or 1),
               takes=takes, gives=gives, kernel_vjp=kernel_vjp and vjp is not None, given=None, ulp=None, ulp32=None, d_ulp=None,
               numpy=_names(numpy), linear=tuple(linear), matrices=matrices, doc=doc)  # fmt: skip


def of_matrices(vjp, **fields):
    """A row on matrices, of which a batch is a batch of results; the rule is a formula over other rows."""
    return structural(vjp, takes=FLOATS, kernel_vjp=False, matrices=True, **fields)


def composite(value, *, arity=1, attrs=(), takes=FLOATS, numpy=(), doc):
    """A row that is a name for a formula over other rows."""
    return Row(COMPOSITE, arity=arity, d=None, vjp=None, value=value, plainly=value, attrs=_names(attrs), on=(REAL,) * (arity or 1),
               takes=takes, gives=None, kernel_vjp=False, given=None, ulp=None, ulp32=None, d_ulp=None, numpy=_names(numpy), linear=(), matrices=False, doc=doc)  # fmt: skip


def _names(names):
    return tuple(names.split()) if isinstance(names, str) else tuple(names)


def number_rows(namespace):
    """Name and number every row of a namespace in order of appearance; return {name: row}."""
    rows = {name: r for name, r in namespace.items() if isinstance(r, Row)}
    code = 0
    for name, r in rows.items():
        if r.name is not None:
            raise TypeError(f"the row {r.name} has a second name, {name}: one operator, one row")
        r.name = name
        if r.kind != COMPOSITE:
            r.code = code
            code += 1
    return rows
