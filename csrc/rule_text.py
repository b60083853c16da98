"""The table's rules as C text.

A rule is called on `Text` operands, whose operators return C text; what the rule mentions tells which operands a backward kernel reads.
"""

import re

OPERANDS = ("a", "b", "c")
FLOATS = ("float32", "float64")
C_TYPE = {"float32": "float", "float64": "double", "int32": "int32_t", "int64": "int64_t", "bool": "uint8_t"}
SUFFIX = {"float32": "f", "float64": "", "int32": "i32", "int64": "i64", "bool": "b"}
FIELD = {"float32": "f32", "float64": "f64", "int32": "i32", "int64": "i64", "bool": "b"}
DTYPE = {"float32": "AD_F32", "float64": "AD_F64", "int32": "AD_I32", "int64": "AD_I64", "bool": "AD_BOOL"}
ORDER = {"g": 16, "a": 1, "b": 2, "c": 4, "y": 8}  # what a share may be computed from, as AD_READS_* in ad.h has it


class Text:
    """A number that is C text of one dtype; `reads` are the variables it mentions.  A bool remembers the dtype of the rule it
    stands in (`of`), which is that of bare numbers selected by it: where(a > b, 1, 0).  `near`: calls of rows that have a
    branch-free function for some operands, as (the call, the same of that function, the operand, the ends of their interval)."""

    def __init__(self, code, dtype, reads=frozenset(), constant=False, of=None, near=frozenset()):
        self.code, self.dtype, self.reads, self.constant = code, dtype, frozenset(reads), constant
        self.of, self.near = of or dtype, near

    @staticmethod
    def __ad_apply__(row, operands, attrs):
        return call(row, operands, operand_dtype(*operands))

    def __bool__(self):
        raise TypeError("a rule cannot branch on a value: use where(condition, a, b)")


def number(x, dtype):
    """A Python number as C text of a dtype."""
    if isinstance(x, Text):
        return x
    if dtype not in FLOATS:
        return Text(repr(int(x)), dtype, constant=True)
    x = float(x)
    spelled = {float("inf"): "INFINITY", -float("inf"): "-INFINITY"}.get(x) or ("NAN" if x != x else repr(x))
    if spelled[-1].isdigit() and dtype == "float32":
        spelled += "f"
    return Text(f"({spelled})" if spelled.startswith("-") else spelled, dtype, constant=True)


def call(row, operands, dtype):
    """A row applied to C text: its formula, or its function in scalar_math.h."""
    operands = [number(x, dtype) for x in operands]
    if row.d32 == "double" and row.value is not None and dtype == "float32":
        return rounded(call(row, [widened(x) for x in operands], "float64"))
    if row.value is not None:
        return row.value(*operands)
    takes = "bool" if row.takes == ("bool",) else dtype
    arguments, suffix = ", ".join(x.code for x in operands), SUFFIX[takes]
    code = f"ad_{row.name}{suffix}({arguments})"
    near = frozenset().union(*(x.near for x in operands))
    ends, last = near_ends(row, takes), operands[-1].code
    operand = signless(last, suffix)
    if ends and (last in OPERANDS or operand in OPERANDS and ends[0] == f"-{ends[1]}"):
        near |= {(code, f"ad_{row.name}_near{suffix}({arguments})", operand, ends)}
    return Text(code, gives(row, dtype), frozenset().union(*(x.reads for x in operands)), of=dtype, near=near)


def near_ends(row, dtype):
    """The ends of the interval for which there is a branch-free function; () if there is none."""
    return row.near or (row.near32 if dtype == "float32" else ())


def signless(code, suffix):
    """What is inside of negations and absolute values."""
    for sign in ("neg", "abs"):
        if code.startswith(f"ad_{sign}{suffix}("):
            return signless(code[len(f"ad_{sign}{suffix}(") : -1], suffix)
    return code


def widened(x):
    """A float32 number as float64, and back."""
    return Text(f"(double){x.code}", "float64", x.reads)


def rounded(x):
    return Text(f"(float){x.code}", "float32", x.reads)


def add_operators(table):
    """Give Text the operators; each is a row, as it is on tensors."""
    binary = dict(add="add", sub="sub", mul="mul", truediv="div", pow="pow",
                  lt="less", le="less_equal", gt="greater", ge="greater_equal", eq="equal", ne="not_equal",
                  and_="logical_and", or_="logical_or", xor="logical_xor")  # fmt: skip

    def install(method, row):
        forward = lambda x, y: call(row, (x, y), operand_dtype(x, y))
        setattr(Text, f"__{method}__", forward)
        setattr(Text, f"__r{method}__", lambda x, y: forward(y, x))

    for method, name in binary.items():
        install(method.strip("_"), getattr(table, name))
    Text.__neg__ = lambda x: call(table.neg, (x,), x.dtype)
    Text.__invert__ = lambda x: call(table.logical_not, (x,), x.of)
    Text.__hash__ = object.__hash__


def operand_dtype(*operands):
    """The dtype of the rule these operands stand in; a rule's bool says so itself."""
    texts = [x for x in operands if isinstance(x, Text)]
    return next((x.dtype for x in texts if x.dtype != "bool"), texts[0].of)


# ------------------------------------------------------------------------------------------------- one row
def gives(row, dtype):
    return row.gives or (row.takes[0] if len(row.takes) == 1 else dtype)


def symbols(row, dtype):
    """The operands of a row as C text. `where` selects by a bool."""
    types = ["bool" if row.name == "where" and k == 0 else dtype for k in range(row.arity)]
    return [Text(v, t, {v}, of=dtype) for v, t in zip(OPERANDS, types)]


def forward_text(row, dtype):
    return call(row, symbols(row, dtype), dtype)


def derivatives(row):
    """One for each operand; of a row of one operand also the one for an operand that was given."""
    return () if row.d is None else row.d + ((row.given,) if row.given else ())


def partial_text(row, k, dtype):
    """C text of g times the derivative k: what the backward pass adds to an operand."""
    derivative, selects = derivatives(row)[k], row.selects[k % row.arity]
    if derivative is None:
        return None
    operands, y, g = symbols(row, dtype), Text("y", dtype, {"y"}), Text("g", dtype, {"g"})
    if row.d32 == "double" and dtype == "float32":      # y anew: float32's has lost the digits that the derivative is made of
        operands, g = [widened(x) for x in operands], widened(g)
        return rounded(share_text(number(derivative(*operands, call(row, operands, "float64")), "float64"), g, "float64", selects))
    if isinstance(row.d32, tuple) and row.d32[k] and dtype == "float32":
        return rounded(share_text(number(row.d32[k](*map(widened, operands)), "float64"), widened(g), "float64", selects))
    if isinstance(row.d64, tuple) and row.d64[k] and dtype == "float64":
        return share_text(number(row.d64[k](*operands), dtype), g, dtype, selects)
    if (row.d32 if dtype == "float32" else row.d64) == "own":
        return share_text(Text(f"ad_{row.name}_slope{SUFFIX[dtype]}(a)", dtype, {"a"}), g, dtype, selects)
    return share_text(number(derivative(*operands, y), dtype), g, dtype, selects)


def share_text(d, g, dtype, selects):
    """g times the derivative d; `selects`: a derivative of 0 is the choice of another branch."""
    if d.constant and float(d.code.strip("()f")) == 0:
        return d            # whatever g is: not inf * 0
    if d.constant:      # g * 1.0: nothing to protect, and the compiler drops it
        return Text(f"({g.code} * {d.code})", dtype, {"g"})
    chosen = re.fullmatch(r"ad_where(f?)\(a, ([01])\.0f?, ([01])\.0f?\)", d.code)
    if chosen and selects:          # of a choice: g, whose -0 becomes 0 as in every product, or 0
        some, none = f"ad_add{chosen[1]}({g.code}, 0)", "0"
        return Text(f"ad_where{chosen[1]}(a, {', '.join((some, none) if chosen[2] == '1' else (none, some))})", dtype, d.reads | {"g"})
    product = "select" if selects else "scale"
    return Text(f"ad_{product}{SUFFIX[dtype]}({g.code}, {d.code})", dtype, d.reads | {"g"}, near=d.near)


def reads(row, k, dtype):
    """What the share for operand k is computed from, as bits (ORDER)."""
    if row.kind != "elementwise" or k >= len(derivatives(row)) or derivatives(row)[k] is None:
        return 0
    names = partial_text(row, k, dtype).reads
    assert len(names) <= 4, f"{row.name}: a share is computed from at most four numbers, not {sorted(names)}"
    return sum(ORDER[v] for v in names)
