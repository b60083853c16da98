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
    {"errors", "_op", "_series", "_lapack", "places", "programs", "folding", "expansions"},
    {"elementwise"},
    {"structural"},
    {"formulas"},
    {"dtypes", "ops", "tape", "arithmetic"},
    {"passes"},
    {"shapes", "nest"},
    {"_core"},
    {"entries", "pattern"},
    {"stable"},
    {"arguments", "colouring", "laws", "stable_logs", "precise_numbers", "ball_functions", "ball_matrices", "summary"},
    {"compound", "drawing"},
    {"stabilise"},
    {"precise_rows", "precise_limits", "precise_lanes", "balls", "twofold", "onefold"},
    {"precise_replay", "precise_attempts"},
    {"precise"},
    {"config", "variable", "random"},
    {"shaping", "constants", "segments", "special", "conversion", "module", "stored", "signatures"},
    {"indexing"},
    {"contraction", "math"},
    {"linalg", "custom_gradient", "control_flow", "pullback"},
    {"debugging", "function", "nn", "arrays", "testing", "vectorized"},
    {"tangents", "jacobians", "visualize"},
    {"forward", "sparse", "transforms"},
    {"autodiff"},
    {"audit"},
    {"history", "parameters"},
    {"conventions", "evaluations"},
    {"audit_scripts"},
    {"optimize"},
    {"ipopt"},
    {"distributed"},
    {"bench"},
    {"__main__"},
    {"__init__"},
]
HEIGHT = {name: height for height, layer in enumerate(LAYERS) for name in layer}


def modules():
    return sorted(f.split(".")[0] for f in os.listdir(PACKAGE) if f.endswith((".py", ".pyx")))


def imports(name):
    """The modules of the package that a module imports at its top level."""
    path = os.path.join(PACKAGE, name)
    if os.path.exists(path + ".pyx"):
        text = open(path + ".pyx").read()
        found = set(re.findall(r"^from \.(\w+) import", text, re.M))
        for line in re.findall(r"^from \. import (.*)", text, re.M):
            found.update(re.findall(r"\w+", line))
        return found
    found = set()
    for node in ast.parse(open(path + ".py").read()).body:
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            if node.module:
                found.add(node.module)
            else:
                found.update(alias.name for alias in node.names)
    return {m for m in found if m in HEIGHT or os.path.exists(os.path.join(PACKAGE, m + ".py"))}


def test_every_module_has_a_layer():
    assert set(modules()) == set(HEIGHT)


@pytest.mark.parametrize("name", sorted(HEIGHT))
def test_imports_point_down(name):
    upward = {m for m in imports(name) if HEIGHT[m] > HEIGHT[name] or m == name}
    assert not upward, f"{name} (layer {HEIGHT[name]}) imports {upward}"


def test_csrc_knows_no_python():
    for name in os.listdir(os.path.join(ROOT, "csrc")):
        if name.endswith((".c", ".h", ".inc")):
            assert "Python.h" not in open(os.path.join(ROOT, "csrc", name)).read(), name


def test_the_table_is_read_without_the_core_or_numpy():
    code = ("import sys, types, importlib; p = types.ModuleType('autodiff'); p.__path__ = [sys.argv[1]]; sys.modules['autodiff'] = p; "
            "importlib.import_module('autodiff.ops'); print('numpy' in sys.modules or 'autodiff._core' in sys.modules)")  # fmt: skip
    assert subprocess.run([sys.executable, "-c", code, PACKAGE], capture_output=True, text=True, check=True).stdout.strip() == "False"


def test_nothing_optional_is_imported_with_the_package():
    heavy = ("scipy", "matplotlib", "dask", "distributed", "hypothesis", "asyncio", "html", "json", "zlib", "logging")
    code = f"import sys, autodiff; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() in ("[]", "['logging']")


def test_names_of_the_package_are_looked_up_quickly():
    """CPython does not remember where a module's names stand if it has a function for those that it lacks."""
    import autodiff

    assert "__getattr__" not in vars(autodiff) and {"distributed", "sparse_jacobian", "IpoptProblem"} <= set(vars(autodiff))


def test_files_stay_readable():
    """400 lines a file; 480 where cutting it would hurt."""
    long = []
    for folder in ("autodiff", "csrc"):
        for name in os.listdir(os.path.join(ROOT, folder)):
            if name.endswith((".py", ".pxi", ".pyx", ".c", ".h", ".inc")) and name != "_core.c":
                count = sum(1 for _ in open(os.path.join(ROOT, folder, name)))
                if count > 480:
                    long.append((name, count))
    assert not long
