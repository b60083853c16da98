"""The arrows between the modules point down, and csrc/ does not know Python."""

import ast
import os
import re
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PACKAGE = os.path.join(ROOT, "autodiff")

# Lowest first; a module may import those of lower layers and of its own line, above it in no case.
LAYERS = [
    {"errors", "_op", "_series", "places", "folding", "travelling", "stabilise.expansions"},
    {"elementwise"},
    {"structural"},
    {"formulas"},
    {"dtypes", "ops", "tape", "arithmetic"},
    {"passes", "programs"},
    {"shapes", "nest"},
    {"_core"},
    {"entries", "pattern"},
    {"stable"},
    {"arguments", "colouring", "stabilise.laws", "stable_logs", "precise.numbers", "precise.ball_functions", "precise.ball_matrices", "summary"},
    {"stabilise.compound", "stabilise.far_out", "drawing"},
    {"stabilise"},
    {"precise.rows", "precise.limits", "precise.lanes", "precise.balls", "precise.twofold", "precise.onefold"},
    {"precise.replay", "precise.attempts"},
    {"precise"},
    {"slices"},
    {"config", "variable"},
    {"shaping", "constants", "custom_gradient", "pullback", "scipy_functions", "segments", "special", "conversion", "module", "stored", "signatures"},
    {"indexing", "repeating", "counting", "tensor_array", "generators", "python_calls", "bitwise"},
    {"contraction", "math", "products"},
    {"diagonals", "control_flow"},
    {"decompositions", "random"},
    {"norms", "tridiagonal", "convolutions", "initializers"},
    {"linalg"},
    {"debugging", "function", "nn", "arrays", "testing", "vectorized"},
    {"numpy_closeness", "numpy_curves", "numpy_linalg", "numpy_moves", "numpy_places", "numpy_polynomials", "numpy_statistics"},
    {"tangents", "jacobians", "numpy_functions", "visualize"},
    {"forward", "sparse", "transforms"},
    {"autodiff"},
    {"audit"},
    {"optimize.history", "optimize.parameters"},
    {"optimize.conventions", "optimize.evaluations"},
    {"optimize"},
    {"audit_scripts"},
    {"optimizers.schedules"},
    {"optimizers"},
    {"keras"},
    {"ipopt"},
    {"distributed"},
    {"bench"},
    {"__main__"},
    {"__init__"},
]
HEIGHT = {name: height for height, layer in enumerate(LAYERS) for name in layer}


def modules():
    """The names of the package's modules, as precise.rows; a room of several modules (precise/) has its own name too."""
    paths = [os.path.relpath(os.path.join(folder, f), PACKAGE) for folder, _, files in os.walk(PACKAGE) for f in files if f.endswith((".py", ".pyx"))]
    names = {re.sub(r"(/__init__)?\.\w+$", "", path).replace("/", ".") for path in paths}
    return sorted(names)


def text_of(name):
    path = os.path.join(PACKAGE, name.replace(".", "/"))
    return open(next(p for p in (path + ".py", path + ".pyx", path + "/__init__.py") if os.path.exists(p))).read()


def imports(name):
    """The modules of the package that a module imports at its top level."""
    text = text_of(name)
    room = [name] if os.path.isdir(os.path.join(PACKAGE, name)) else name.split(".")[:-1]
    if name == "_core":                         # what Cython has besides is not Python's to parse
        text = "\n".join(re.findall(r"^from \.\w* import .*", text, re.M))
    found = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom) and node.level:
            above = room[: len(room) + 1 - node.level] + (node.module.split(".") if node.module else [])
            for alias in node.names:
                found.update({".".join([*above, alias.name]), ".".join(above)} & HEIGHT.keys() - {"".join(room[:1])})
    return found


def test_every_module_has_a_layer():
    assert set(modules()) == set(HEIGHT)


@pytest.mark.parametrize("name", sorted(HEIGHT))
def test_imports_point_down(name):
    upward = {m for m in imports(name) if HEIGHT[m] > HEIGHT[name] or m == name}
    assert not upward, f"{name} (layer {HEIGHT[name]}) imports {upward}"


def sources(folder, *ends):
    return [os.path.join(at, name) for at, _, names in os.walk(os.path.join(ROOT, folder)) for name in names if name.endswith(ends)]


def test_csrc_knows_no_python():
    for path in sources("csrc", ".c", ".h", ".inc"):
        assert "Python.h" not in open(path).read(), path


def test_the_table_is_read_without_the_core_or_numpy():
    code = ("import sys, types, importlib; p = types.ModuleType('autodiff'); p.__path__ = [sys.argv[1]]; sys.modules['autodiff'] = p; "
            "importlib.import_module('autodiff.ops'); print('numpy' in sys.modules or 'autodiff._core' in sys.modules)")  # fmt: skip
    assert subprocess.run([sys.executable, "-c", code, PACKAGE], capture_output=True, text=True, check=True).stdout.strip() == "False"


def test_nothing_optional_is_imported_with_the_package():
    heavy = ("scipy", "matplotlib", "dask", "distributed", "hypothesis", "asyncio", "html", "json", "zlib", "logging")
    code = f"import sys, numpy; with_numpy = set(sys.modules); import autodiff; print([m for m in {heavy} if m in {{*sys.modules}} - with_numpy])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_names_of_the_package_are_looked_up_quickly():
    """CPython does not remember where a module's names stand if it has a function for those that it lacks."""
    import autodiff

    assert "__getattr__" not in vars(autodiff) and {"distributed", "sparse_jacobian", "IpoptProblem"} <= set(vars(autodiff))


def test_files_stay_readable():
    """400 lines a file; 480 where cutting it would hurt."""
    long = []
    for path in sources("autodiff", ".py", ".pxi", ".pyx") + sources("csrc", ".c", ".h", ".inc"):
        if "generated" not in path:
            count = sum(1 for _ in open(path))
            if count > 480:
                long.append((path, count))
    assert not long
