"""python -m autodiff                       what is here: versions, instruction set, threads, optional packages
python -m autodiff table                 the operator table, in Markdown, as it stands in the README
python -m autodiff bench                 value and gradient against NumPy by hand, and against what else is installed
python -m autodiff audit script.py ...   run a script, and say which digits its gradients lost, and where
"""

import os
import platform
import shutil
import subprocess
import sys

import numpy as np

from . import config, ops
from .bench import DISTRIBUTIONS, version_of

# Distribution, and what it is for.
OPTIONAL = [("scipy", "objectives under its optimisers; obj.minimize"), ("matplotlib", "obj.history.plot(), the examples' pictures"),
            ("tqdm", "obj.minimize(progress=True)"), ("python-flint", "precise tapes and audits beyond 106 bits"),
            ("distributed", "objectives over several machines"), ("scikit-learn", "data of two examples")]  # fmt: skip


def graphviz():
    """The version of Graphviz's program `dot`, or None."""
    program = shutil.which("dot")
    if program is None:
        return None
    told = subprocess.run([program, "-V"], capture_output=True, text=True)
    return (told.stderr + told.stdout).partition("version ")[2].split(" ")[0].strip() or "?"


def lapack():
    """What NumPy was built with, as it says itself."""
    found = np.show_config(mode="dicts").get("Build Dependencies", {}).get("lapack", {})
    return f"{found.get('name', 'unknown')} {found.get('version', '')}".strip()


def about():
    """What is here, a line each."""
    from . import __version__

    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    here = [("autodiff", f"{__version__}, {len(ops.ROWS)} operators; {os.path.dirname(os.path.abspath(__file__))}"),
            ("runs on", f"Python {platform.python_version()}, NumPy {np.__version__}, {platform.system()} {platform.machine()}"),
            ("instruction set", f"{config.cpu} (AUTODIFF_CPU forces one)"),
            ("threads", f"{config.get_num_threads()} of {processors} processors (AUTODIFF_NUM_THREADS, config.set_num_threads)"),
            ("BLAS", f"none: matrix products are autodiff's own; decompositions by NumPy's LAPACK ({lapack()})")]  # fmt: skip
    found = [(name, version_of(name), use) for name, use in OPTIONAL] + [("graphviz", graphviz(), "ad.visualize's drawings")]
    here += [(name, f"{version or 'not found'}: {use}") for name, version, use in found]
    peers = [f"{name} {version_of(name)}" for name in DISTRIBUTIONS if version_of(name)]
    here.append(("for bench", ", ".join(peers) or "no other package to compare with"))
    return "\n".join(f"{name:<17}{told}" for name, told in here)


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


def audit(path, arguments):
    """Run a script and print what is told of its gradients; returns the exit status, the script's own where it ends with one."""
    from .audit_scripts import audit_script

    if not os.path.isfile(path):
        print(f"audit: there is no script {path}", file=sys.stderr)
        return 1
    try:
        reports, status = audit_script(path, arguments, lambda place, report: print(f"\n{report.asked} at {place}\n{report}")), 0
    except SystemExit as end:
        reports, status = True, end.code
    if not reports:
        print("\naudit: the script took no gradient of a GradientTape, of ad.grad, ad.hessian and their like, or of an objective")
    return status


def main(arguments):
    """Do what the command line says; returns the exit status."""
    if not arguments:
        print(about())
    elif arguments == ["table"]:
        print(table())
    elif arguments == ["bench"]:
        from .bench import bench

        return bench()
    elif {"-h", "--help"} & set(arguments[:2]):     # (what comes after a script is the script's)
        print(__doc__, end="")
    elif arguments[0] == "audit" and len(arguments) > 1:
        return audit(arguments[1], arguments[2:])
    else:
        print(f"usage: {__doc__}", end="", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
