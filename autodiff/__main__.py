"""python -m autodiff: the operator table, in Markdown, as it stands in the README.

python -m autodiff audit script.py [arguments]: run a script, and say which digits its gradients lost, and where.
"""

import sys

from . import ops


def table():
    """A line for every row: name, what it computes, domain, dtypes, and the bound on the error of its value in ULP."""
    lines = ["| row | value | on | takes | ULP |", "|---|---|---|---|---|"]
    for row in ops.ROWS.values():
        on = " x ".join(dict.fromkeys(map(repr, row.on))) if row.kind == "elementwise" else ""
        lines.append(f"| `{row.name}` | {row.doc.replace('|', chr(92) + '|')} | {on} | {_dtypes(row.takes)} | {_bounds(row)} |")
    return "\n".join(lines)


def _bounds(row):
    """Of float64, and of float32 where that is another."""
    return "" if not row.ulp else f"{row.ulp}" if row.ulp32 == row.ulp else f"{row.ulp}; {row.ulp32}"


def _dtypes(takes):
    """Dtypes in short: f32, f64, i32, i64, bool, or the class that they make up."""
    classes = {ops.FLOATS: "floats", ops.NUMBERS: "numbers", ops.ANY: "any", ops.BOOL: "bool"}
    return classes.get(tuple(takes)) or " ".join(takes)


def main(arguments):
    if not arguments:
        print(table())
    elif arguments[0] == "audit" and len(arguments) > 1:
        from .audit import audit_script

        for place, report in audit_script(arguments[1], arguments[2:]):
            print(f"\ngradient at {place}\n{report}")
    else:
        sys.exit("usage: python -m autodiff                          the operator table\n"
                 "       python -m autodiff audit script.py [...]    what the script's gradients lost, and where")  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
