"""The stub says of the core's public classes what they have."""

import ast
import os

import pytest

from autodiff import _core

STUB = os.path.join(os.path.dirname(_core.__file__), "_core.pyi")
CLASSES = {node.name: node for node in ast.parse(open(STUB).read()).body if isinstance(node, ast.ClassDef)}
SHARED = {"_Numbers": {"Tensor", "VariableCore"}}


def names(node):
    found = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
    found |= {item.target.id for item in node.body if isinstance(item, ast.AnnAssign)}
    for base in node.bases:
        found |= names(CLASSES[base.id])
    return found


@pytest.mark.parametrize("name", [name for name in CLASSES if name not in SHARED])
def test_the_stub_is_true(name):
    real = {n for kind in getattr(_core, name).__mro__[:-1] for n in vars(kind) if not n.startswith("_")}
    told = {n for n in names(CLASSES[name]) if not n.startswith("_")}
    assert told == real
    for method in names(CLASSES[name]):
        assert hasattr(getattr(_core, name), method)


def test_the_functions_of_the_stub_are_there():
    for node in ast.parse(open(STUB).read()).body:
        if isinstance(node, ast.FunctionDef) and node.name != "__getattr__":
            assert callable(getattr(_core, node.name))
