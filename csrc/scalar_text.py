"""The elementwise rows on scalars as C text: what csrc/scalars.inc includes.

Three switches need every value and every share of a gradient: a recorded operation's, the reverse sweep's, a plan's.  What is little
stands in each of them; the rest is a function that all three call, or a compiler would make each exponential three times.
"""

import re

from rule_text import (
    C_TYPE, DTYPE, FIELD, FLOATS, ORDER, SUFFIX, derivatives, forward_text, gives, partial_text, reads, symbols,
)  # fmt: skip

LITTLE = """add sub mul div neg abs sign square squared_difference reciprocal sqrt identity scale maximum minimum clip_by_value relu
    where select equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor logical_not""".split()  # fmt: skip
LITTLE = {name + suffix for name in LITTLE for suffix in SUFFIX.values()}


class Scalars:
    """Collects the functions that the switches call."""

    def __init__(self):
        self.functions = {}

    def code(self, row, k, dtype):
        """What gives the value (k = None), or the share for operand k, as C text of variables named as the rule's."""
        text = forward_text(row, dtype) if k is None else partial_text(row, k, dtype)
        if set(re.findall(r"ad_(\w+)\(", text.code)) <= LITTLE:
            return text.code
        name = f"{row.name}_{'' if k is None else f'vjp{k}_'}{FIELD[dtype]}"
        types, names = types_of(row, dtype), [v for v in ORDER if v in text.reads]
        parameters = ", ".join(f"{C_TYPE[types[v]]} {v}" for v in names)
        result = gives(row, dtype) if k is None else dtype
        self.functions[name] = f"NOT_INLINE {C_TYPE[result]} {name}({parameters}) {{ return {text.code}; }}"
        return f"{name}({', '.join(names)})"


def types_of(row, dtype):
    return {"g": dtype, "y": dtype, **{s.code: s.dtype for s in symbols(row, dtype)}}


def scalars_header(rows):
    rows, scalars = [row for row in rows if row.kind == "elementwise"], Scalars()
    switches = [forward_cases(rows, scalars), reverse_cases(rows, scalars), *step_cases(rows, scalars)]
    return "\n".join([*scalars.functions.values(), "", *switches])


def macro(name, lines):
    return " \\\n    ".join([f"#define {name}", *lines]) + "\n"


def forward_cases(rows, scalars):
    """The value of a row: operands va, vb and vc, to vy."""
    def case(row, dtype):
        operands = [f"const {C_TYPE[s.dtype]} {s.code} = v{s.code}.{FIELD[s.dtype]};" for s in symbols(row, dtype)]
        return (f"case AD_OP_{row.name} * AD_NDTYPES + {DTYPE[dtype]}: {{ {' '.join(operands)} "
                f"vy->{FIELD[gives(row, dtype)]} = {scalars.code(row, None, dtype)}; return AD_OK; }}")  # fmt: skip

    return macro("AD_SCALAR_FORWARD_CASES", [case(row, dtype) for row in rows for dtype in row.takes])


def reverse_cases(rows, scalars):
    """The shares of a row's operands, added to their adjoints."""
    return macro("AD_SCALAR_REVERSE_CASES", [
        f"case AD_OP_{row.name} * AD_NDTYPES + {DTYPE[dtype]}: {{ {reverse_case(row, dtype, scalars)} break; }}"
        for row in rows if row.d is not None for dtype in FLOATS])  # fmt: skip


def reverse_case(row, dtype, scalars):
    field, ctype = FIELD[dtype], C_TYPE[dtype]
    partials = [partial_text(row, k, dtype) for k in range(len(derivatives(row)))]
    names = frozenset().union(*(p.reads for p in partials if p is not None))
    words = [f"const {ctype} g = adjoint->{field};"] if "g" in names else []
    if "y" in names:
        words.append(f"const {ctype} y = in->value.{field};")
    for k, s in enumerate(symbols(row, dtype)):
        if s.code in names:
            words.append(f"const {C_TYPE[s.dtype]} {s.code} = VALUE({k}, {row.arity}).{FIELD[s.dtype]};")
    for k, p in enumerate(partials[: row.arity]):
        if p is not None:
            code = scalars.code(row, k, dtype)
            if row.given:
                code = f"ad_was_given(s->program, in->a) ? {scalars.code(row, 1, dtype)} : {code}"
            words.append(f"if (SEEN({k}, {row.arity})) accumulate_{field}(ADJOINT({k}, {row.arity}), {code});")
    return " ".join(words)


PLAIN = frozenset("add sub mul div neg square squared_difference sqrt reciprocal abs maximum minimum where".split())


def step_cases(rows, scalars):
    """A plan's scalar steps: values, then shares of gradients.  Plain arithmetic, which calls no function, has labels; the others are
    cases of a switch."""
    plain, others = [], []

    def add(row, code, what, text):
        lines, what_of = (plain, "LABEL") if row.name in PLAIN else (others, "CASE")
        lines.append(f"{what_of}({code}, {row.name}_{what}, {{ {text} }})")

    for row in rows:
        for dtype in row.takes:
            operands = [f"const {C_TYPE[s.dtype]} {s.code} = READ_{FIELD[s.dtype]}({k});" for k, s in enumerate(symbols(row, dtype))]
            add(row, f"AD_VALUE_CODE(AD_OP_{row.name}, {DTYPE[dtype]})", FIELD[dtype],
                f"{' '.join(operands)} WRITE_{FIELD[gives(row, dtype)]}({scalars.code(row, None, dtype)});")  # fmt: skip
        for k, dtype in ((k, t) for k, d in enumerate(derivatives(row)) if d for t in FLOATS):
            add(row, f"AD_SHARE_CODE(AD_OP_{row.name}, {k}, {DTYPE[dtype]})", f"vjp{k}_{FIELD[dtype]}", share_case(row, k, dtype, scalars))
    return macro("AD_SCALAR_PLAIN(LABEL)", plain), macro("AD_SCALAR_OTHER(CASE)", others)


def share_case(row, k, dtype, scalars):
    types, text = types_of(row, dtype), partial_text(row, k, dtype)
    names = [v for v in ORDER if reads(row, k, dtype) & ORDER[v]]
    words = [f"const {C_TYPE[types[v]]} {v} = READ_{FIELD[types[v]]}({i});" for i, v in enumerate(names) if v in text.reads]
    return " ".join([*words, f"SHARE_{FIELD[dtype]}({scalars.code(row, k, dtype)});"])
