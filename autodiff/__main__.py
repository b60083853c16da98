"""python -m autodiff: the operator table, in Markdown, as it stands in the README."""

from . import ops


def table():
    """A line for every row: name, what it computes, domain, dtypes, and the bound on the error of its value in ULP."""
    lines = ["| row | value | on | takes | ULP |", "|---|---|---|---|---|"]
    for row in ops.ROWS.values():
        on = " x ".join(dict.fromkeys(map(repr, row.on))) if row.kind == "elementwise" else ""
        lines.append(f"| `{row.name}` | {row.doc.replace('|', chr(92) + '|')} | {on} | {_dtypes(row.takes)} | {row.ulp or ''} |")
    return "\n".join(lines)


def _dtypes(takes):
    """Dtypes in short: f32, f64, i32, i64, bool, or the class that they make up."""
    classes = {ops.FLOATS: "floats", ops.NUMBERS: "numbers", ops.ANY: "any", ops.BOOL: "bool"}
    return classes.get(tuple(takes)) or " ".join(takes)


if __name__ == "__main__":
    print(table())
