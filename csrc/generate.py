"""Print the operator table as C.

    python csrc/generate.py             write csrc/generated/*.h when their text has changed
    python csrc/generate.py softplus    show what one row becomes

The table is loaded by path: autodiff/__init__.py is not run, because the core it imports is what we are about to build.
What its rules are as C text: rule_text.py; on scalars: scalar_text.py.
"""

import re
import hashlib
import importlib
import os
import sys
import types

import rule_text
import scalar_text
from rule_text import (
    C_TYPE, DTYPE, FIELD, FLOATS, OPERANDS, ORDER, SUFFIX, add_operators, derivatives, forward_text, gives, partial_text, reads, symbols,
)  # fmt: skip

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = os.path.join(os.path.dirname(HERE), "autodiff")
TABLE = ("ops", "elementwise", "structural", "formulas", "_op", "_series")  # the modules that the printed text depends on


def load_table():
    """Import autodiff.ops with an empty package standing in for autodiff."""
    package = types.ModuleType("autodiff")
    package.__path__ = [PACKAGE]
    sys.modules.setdefault("autodiff", package)
    return importlib.import_module("autodiff.ops")


def table_hash():
    """Digest of everything the generated text depends on."""
    digest = hashlib.sha256()
    for path in (*(os.path.join(PACKAGE, f"{name}.py") for name in TABLE), __file__, rule_text.__file__, scalar_text.__file__):
        with open(path, "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()[:16]


# How many vectors a loop computes side by side (AD_BESIDE): two, but for rows, or kernels, for which four were faster, or one was.  Each waits for a chain
# of products, four or five cycles each, and what a processor sees ahead of it is hardly more than one vector's.
BESIDE = dict.fromkeys("exp log log2 log10 erf sigmoid softplus log_sigmoid silu logaddexp sigmoid_cross_entropy pow pow_slope".split(), 4)
BESIDE |= dict.fromkeys("hypot over_hypot atan2 atan2_slope asinh mod erfinv erfinv_slope ndtri ndtri_slope erfcx_slope".split(), 1)
BESIDE["silu_twin"] = 2     # more than registers hold of four


def each(name, start, end, indent):
    """The head of a loop over elements."""
    kernel = name.rpartition("_")[0]
    beside = BESIDE.get(kernel, BESIDE.get(re.sub(r"_(vjp\d|twin)$", "", kernel), 2))
    head = f"{' ' * indent}for (size_t i = {start}; i < {end}; i++)"
    return [f"{' ' * indent}AD_BESIDE({beside})", head] if beside > 1 else [head]


def loop(name, parameters, text, result, dtype):
    pointers = ", ".join(f"const void *restrict {p}_" for p in parameters)
    lines = [f"static void {name}({pointers}, void *restrict {result}_, size_t n)", "{"]
    for p, t in parameters.items():
        lines.append(f"    const {C_TYPE[t]} *{p} = {p}_;" if p in text.reads else f"    (void){p}_;")
    lines.append(f"    {C_TYPE[dtype]} *{result} = {result}_;")
    if in_lanes(text, parameters):
        pays = "" if "ad_sqrt(" in text.code else "ad_divides_slowly && "
        lines += ["    size_t i = 0;", "#ifdef AD_LANES", f"    for (; {pays}i + AD_LANES <= n; i += AD_LANES)",
                  f"        ad_put({result} + i, {lanes_text(text)});", "#endif",
                  "    for (; i < n; i++)", f"        {result}[i] = {indexed(text.code, text.reads)};"]  # fmt: skip
    elif WHOLE.search(text.code):
        lines += ["#ifdef AD_TARGET_FMA", *powers(name, text, result), "#else", *plain(name, text, result), "#endif"]
    elif not text.near:
        lines += plain(name, text, result)
    else:
        lines += blocks(name, text, result, SUFFIX[dtype])
    return "\n".join([*lines, "}", ""])


def plain(name, text, result):
    return [*each(name, "0", "n", 4), f"        {result}[i] = {indexed(text.code, text.reads)};"]


WHOLE = re.compile(r"ad_(pow|pow_slope)(f?)\(a, b\)")
POWERS = {"AD_ALL_3": "_up(a, 3)", "AD_ALL_4": "_up(a, 4)", "AD_ALL_UP": "_up(a, b)", "AD_ALL_DOWN": "_down(a, b)", "AD_NONE_WHOLE": "_any(a, b)", None: "_each(a, b)"}


def powers(name, text, result):
    """The loop in blocks, each of which takes the whole powers alone if it has no others (csrc/power_math.h)."""
    function, suffix = WHOLE.search(text.code).groups()
    lines = ["    for (size_t s = 0, e; s < n; s = e) {", "        e = n - s < 512 ? n : s + 512;",
             f"        const enum ad_powers which = ad_powers_of{suffix}(a + s, b + s, e - s, {int(function == 'pow_slope')});"]  # fmt: skip
    for k, (which, call) in enumerate(POWERS.items()):
        code = WHOLE.sub(rf"ad_\g<1>{call.replace('(', suffix + '(')}", text.code)
        lines += [f"        {'else ' if k else ''}if (which == {which})" if which else "        else",
                  *each(name, "s", "e", 12), f"                {result}[i] = {indexed(code, text.reads)};"]  # fmt: skip
    return [*lines, "    }"]


LANES = frozenset("div sqrt reciprocal neg add sub mul equal where scale select".split())      # csrc/lanes.h


def in_lanes(text, parameters):
    """Is this a division or a square root in float64, with nothing around it but what lanes.h has?"""
    called = set(re.findall(r"ad_(\w+)\(", text.code))
    return called <= LANES and bool(called & {"div", "sqrt", "reciprocal"}) and {parameters[v] for v in text.reads} == {"float64"}


def lanes_text(text):
    """The text for as many elements at once as there are in a lane."""
    def term(found):
        word = found[0]
        return f"ad_get({word} + i)" if word in text.reads else word.replace("ad_", "ad_lanes_") if word[-1] == "(" else f"ad_all({word})"

    code = re.sub(r"ad_\w+\(|\b[a-z]\b|-?\d[\d.]*(?:e[+-]?\d+)?|-?INFINITY|NAN", term, text.code)
    return code.replace("ad_lanes_div(ad_all(1.0), ", "ad_lanes_reciprocal(")


def branch_free(text):
    code = text.code
    for call, instead, *_ in text.near:
        code = code.replace(call, instead)
    return code


def all_within(near, suffix):
    """Are these operands, from s to e, what the branch-free functions are for?"""
    return " && ".join(sorted({f"ad_all_within{suffix}({v} + s, e - s, {least}, {most})" for _, _, v, (least, most) in near}))


def blocks(name, text, result, suffix):
    """The loop in blocks, each of which takes the branch-free function if it holds for all of it."""
    near, test = branch_free(text), all_within(text.near, suffix)
    return ["    for (size_t s = 0, e; s < n; s = e) {", "        e = n - s < 512 ? n : s + 512;", f"        if ({test})",
            *each(name, "s", "e", 12), f"                {result}[i] = {indexed(near, text.reads)};", "        else", *each(name, "s", "e", 12),
            f"                {result}[i] = {indexed(text.code, text.reads)};", "    }"]  # fmt: skip


def indexed(code, names):
    """The text with its variables read from element i. Variables are single letters, functions never are."""
    out = []
    for i, ch in enumerate(code):
        alone = ch in names and not (i and (code[i - 1].isalnum() or code[i - 1] in "_."))
        alone = alone and not (i + 1 < len(code) and (code[i + 1].isalnum() or code[i + 1] in "_("))
        out.append(f"{ch}[i]" if alone else ch)
    return "".join(out)


def kernels(row):
    """The loops of one row, as {C name: C text}."""
    out = {}
    for dtype in row.takes:
        types = {v: s.dtype for v, s in zip(OPERANDS, symbols(row, dtype))}
        types.update({v: dtype for v in OPERANDS[row.arity :]})
        text = forward_text(row, dtype)
        name = f"{row.name}_{FIELD[dtype]}"
        out[name] = loop(name, types, text, "y", gives(row, dtype))
        if row.d is None or dtype not in FLOATS:
            continue
        for k in range(len(derivatives(row))):
            text = partial_text(row, k, dtype)
            if text is None:
                continue
            name = f"{row.name}_vjp{k}_{FIELD[dtype]}"
            parameters = {"g": dtype, **types, "y": dtype}
            saves = ", ".join(sorted(text.reads - {"g"})) or "nothing"
            out[name] = f"/* saves {saves} */\n" + loop(name, parameters, text, "gx", dtype)
        if has_twin(row, dtype):
            out[f"{row.name}_twin_{FIELD[dtype]}"] = twin(row, dtype)
    return out


def has_twin(row, dtype):
    """Not where the share is taken in float64 and rounded once: a derivative that waits for its cotangent would be rounded before."""
    return row.twin and not (dtype == "float32" and row.d32 == "double")


def twin(row, dtype):
    """The loop that has value and share at once; g may be a block of ones.  Numbers are read before any is written: the compiler
    must see that both start from the same one, or it computes the exponential twice."""
    t, value, share = C_TYPE[dtype], forward_text(row, dtype), partial_text(row, 0, dtype)
    name = f"{row.name}_twin_{FIELD[dtype]}"

    def pairs(start, end, indent, y, gx):
        *pragma, head = each(name, start, end, indent)
        lines = [f"const {t} a = as[i], g = gs[i], y = {y};", f"const {t} gx = {gx};", "ys[i] = y;", "gxs[i] = gx;"]
        return [*pragma, head + " {", *(f"{' ' * indent}    {line}" for line in lines), f"{' ' * indent}}}"]

    if value.near:
        lines = ["    for (size_t s = 0, e; s < n; s = e) {", "        e = n - s < 512 ? n : s + 512;",
                 f"        if ({all_within(value.near | share.near, SUFFIX[dtype]).replace('a + s', 'as + s')})",
                 *pairs("s", "e", 12, branch_free(value), branch_free(share)), "        else",
                 *pairs("s", "e", 12, value.code, share.code), "    }"]  # fmt: skip
    else:
        lines = pairs("0", "n", 4, value.code, share.code)
    return "\n".join([
        f"static void {name}(const void *restrict g_, const void *restrict a_, void *restrict y_, void *restrict gx_, size_t n)", "{",
        f"    const {t} *gs = g_, *as = a_;", f"    {t} *ys = y_, *gxs = gx_;", *lines, "}", ""])  # fmt: skip


def kernel_table(rows):
    """static const ad_elementwise table[]: by opcode."""
    lines = ["static const ad_elementwise table[] = {"]
    for row in rows:
        if row.kind != "elementwise":
            continue
        forward = ", ".join(f"[{DTYPE[t]}] = {row.name}_{FIELD[t]}" for t in row.takes)
        vjp = ""
        if row.d is not None:
            partials = [f"{{{row.name}_vjp{k}_f32, {row.name}_vjp{k}_f64}}" if d else "{0}" for k, d in enumerate(derivatives(row))]
            vjp = ", .vjp = {" + ", ".join(partials) + "}"
        if row.twin:
            vjp += ", .twin = {" + ", ".join(f"{row.name}_twin_{FIELD[t]}" if has_twin(row, t) else "0" for t in FLOATS) + "}"
        lines.append(f"    [AD_OP_{row.name}] = {{.forward = {{{forward}}}{vjp}}},")
    return "\n".join([*lines, "};", ""])


# ------------------------------------------------------------------------------------------------- chains
CHAINED = frozenset("add sub mul div neg square squared_difference reciprocal sqrt scale select abs sign maximum minimum relu where equal not_equal "
                    "less less_equal greater greater_equal".split())                                   # what csrc/chain_type.inc has for vectors


class Link:
    """What can be a step of a chain: of a row the value, with k = -1, or a share.  `code` is text of vectors p, q and r, its operands `names` in
    the order g, a, b, c, y; `mask` says which of them is one, -1 that none is.  Several links may have the same text."""

    def __init__(self, row, k, text, dtype, masks):
        self.row, self.k, self.compares = row, k, text.dtype == "bool"
        self.names = [v for v in ORDER if v in text.reads]
        self.mask = next((i for i, v in enumerate(self.names) if v in masks), -1)
        self.code = vector_text(text.code, self.names, dtype)
        self.function = f"{row.name}_{'value' if k < 0 else f'vjp{k}'}_{FIELD[dtype]}"
        self.divides = int(bool(re.search(r"v_(div|reciprocal|sqrt)_", self.code)))
        # the first operand times what the second gives, unless the first is 0?
        self.scales = int(len(self.names) == 2 and bool(re.fullmatch(r"v_scale_\w+\(p, ((?!\bp\b).)*", self.code)))

    @property
    def forms(self):
        """The macro in csrc/chain.inc that makes its forms, and how many codes they take."""
        kind = "_MASKS" if self.compares else "_BY_MASK" if self.mask >= 0 else "_KNOWN" if self.scales else ""
        return f"FORMS_{len(self.names)}{kind}", (2, 12 if self.scales else 8, 8)[len(self.names) - 1]


def chain_links(rows, dtype):
    for row in rows:
        if row.kind != "elementwise" or dtype not in row.takes:
            continue
        operands = symbols(row, dtype)
        masks = {s.code for s in operands if s.dtype == "bool"}
        own = {"g", "y", *masks, *(s.code for s in operands if s.dtype == dtype)}
        texts = [(-1, forward_text(row, dtype))] if gives(row, dtype) == dtype or (gives(row, dtype) == "bool" and row.arity == 2) else []
        texts += [(k, partial_text(row, k, dtype)) for k, d in enumerate(derivatives(row)) if d]
        for k, text in texts:
            called = set(re.findall(r"ad_(\w+)\(", text.code))
            if called <= {name + SUFFIX[dtype] for name in CHAINED} and "(double)" not in text.code and 0 < len(text.reads) <= 3 and text.reads <= own:
                yield Link(row, k, text, dtype, masks)


def vector_text(code, names, dtype):
    def term(found):
        word = found[0]
        if word in names:
            return "pqr"[names.index(word)]
        if word[-1] == "(":
            return f"v_{word[3:-1].removesuffix(SUFFIX[dtype])}_{FIELD[dtype]}("
        return f"v_all_{FIELD[dtype]}({word})"

    return re.sub(r"ad_\w+\(|\b[a-z]\b|INFINITY|NAN|(?<![\w.])\d[\d.]*(?:e[+-]?\d+)?f?", term, code)


def chain_codes(rows, dtype):
    """By text: its first link and its code behind AD_CHAIN_FIRST, after which come those of its other forms (csrc/chain.inc), four of which
    for a first operand that is known."""
    codes, code = {}, 0
    for link in chain_links(rows, dtype):
        if link.code not in codes:
            codes[link.code] = (link, code)
            code += link.forms[1]
    return codes


def chain_header(rows, dtype):
    """The links' functions and their list (csrc/chain_type.inc)."""
    links = list(chain_codes(rows, dtype).values())
    lines = [vector_function(link.function, link, link.code) for link, _ in links]
    lines += [vector_function(f"{link.function}_known", link, link.code.replace("v_scale_", "v_mul_", 1)) for link, _ in links if link.scales]
    listed = ["#define AD_LINKS(DO)", *(f"    {link.forms[0]}(DO, {link.function}, AD_CHAIN_FIRST + {code})" for link, code in links)]
    return "\n".join([*lines, "", " \\\n".join(listed), ""])


def vector_function(name, link, code):
    takes = ", ".join(f"{'MASK' if i == link.mask else 'VECTOR'} {v}" for i, v in enumerate("pqr"[: len(link.names)]))
    return f"INLINE VECTOR {name}({takes}) {{ return {f'(VECTOR){code}' if link.compares else code}; }}"


def chain_table(rows):
    """Which value or share is which link (csrc/plan/plan_chain.c)."""
    lines = []
    for dtype in FLOATS:
        codes = chain_codes(rows, dtype)
        lines += [f"static const ad_chain_link links_{FIELD[dtype]}[] = {{"]
        for link in chain_links(rows, dtype):
            fields = (f"AD_OP_{link.row.name}", f"AD_CHAIN_FIRST + {codes[link.code][1]}", link.k, link.mask, sum(ORDER[v] for v in link.names),
                      len(link.names), link.divides, link.scales, int(link.compares))  # fmt: skip
            lines += ["    {" + ", ".join(map(str, fields)) + "},"]
        lines += ["};"]
    return "\n".join([*lines, ""])


# ------------------------------------------------------------------------------------------------- files
def elementwise_header(rows):
    body = [text for row in rows if row.kind == "elementwise" for text in kernels(row).values()]
    return "\n".join([*body, kernel_table(rows)])


def opcodes_header(rows):
    lines = ["enum ad_opcode {"] + [f"    AD_OP_{row.name} = {row.code}," for row in rows]
    return "\n".join([*lines, f"    AD_NOPS = {len(rows)}", "};", ""])


def table_header(rows):
    """The lines of ad_ops[] with the structural kernels they name."""
    prototypes, lines = [], []
    for row in rows:
        kernel = "{0}"
        if row.kind == "structural":
            stem = row.kernel or row.name
            vjp = f"ad_{stem}_vjp" if row.kernel_vjp else "0"
            kernel = f"{{ad_{stem}_forward, {vjp}}}"
            prototypes.append(f"int ad_{stem}_forward(const ad_array *const *, int, const int64_t *, ad_array **);")
            if row.kernel_vjp:
                prototypes.append(f"int ad_{stem}_vjp(int, const ad_array *, const ad_array *const *, int, const ad_array *, "
                                  "const int64_t *, ad_array *, int);")  # fmt: skip
        uses = ", ".join(f"{{{reads(row, k, FLOATS[0])}, {reads(row, k, FLOATS[1])}}}" for k in range(3))
        passes = ", ".join("1" if passes_through(row, k) else "0" for k in range(3))
        result = DTYPE[row.gives] if row.gives else "-1"
        lines.append(f'    {{"{row.name}", AD_{row.kind.upper()}, {row.arity or -1}, {result}, '
                     f"{int(row.differentiable)}, {{{uses}}}, {{{passes}}}, {int(bool(row.given))}, "
                     f"{choices(row)}, {own_tangent(row)}, {int(row.matrices)}, {kernel}}},")  # fmt: skip
    hashed = f'#define AD_TABLE_HASH "{table_hash()}"\n'
    return "\n".join(dict.fromkeys(prototypes)) + "\n\n#define AD_OPS \\\n" + " \\\n".join(lines) + "\n\n" + hashed


def choices(row):
    """In which operands, as bits, is a derivative of 0 the choice of another branch?"""
    return sum(1 << k for k, chosen in enumerate(row.selects) if chosen) if row.kind == "elementwise" else 0


def own_tangent(row):
    """In which operands, as bits, is a structural row its own tangent?"""
    return sum(1 << k for k in row.linear) if row.kind == "structural" else 0


def passes_through(row, k):
    if row.kind != "elementwise" or row.d is None or k >= row.arity or row.d[k] is None:
        return False
    return partial_text(row, k, "float64").code == "(g * 1.0)"


def write(name, text):
    path = os.path.join(HERE, "generated", name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    text = f"/* Written by csrc/generate.py from autodiff/ops.py: edit those. */\n{text}"
    if os.path.exists(path) and open(path).read() == text:
        return
    with open(path + ".new", "w") as file:
        file.write(text)
    os.replace(path + ".new", path)


def main(names):
    table = load_table()
    add_operators(table)
    rows = [r for r in table.ROWS.values() if r.code is not None]
    if names:
        for name in names:
            print("\n".join(kernels(table.ROWS[name]).values()))
        return
    write("opcodes.h", opcodes_header(rows))
    write("table.h", table_header(rows))
    write("elementwise.h", elementwise_header(rows))
    write("scalars.h", scalar_text.scalars_header(rows))
    write("chain.h", chain_table(rows))
    for dtype in FLOATS:
        write(f"chain_{FIELD[dtype]}.h", chain_header(rows, dtype))


if __name__ == "__main__":
    main(sys.argv[1:])
