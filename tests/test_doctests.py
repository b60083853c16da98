"""The examples in public docstrings run and print what they say."""

import doctest
import importlib
import os

import pytest
from conftest import ROOT

import autodiff as ad

MODULES = sorted(f[:-3] for f in os.listdir(os.path.join(ROOT, "autodiff")) if f.endswith(".py") and not f.startswith("__"))


def run(examples, name, names):
    test = doctest.DocTestParser().get_doctest(examples, dict(names), name, name, 0)
    failures = []
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=failures.append)
    assert not failures, "".join(failures)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name):
    module = importlib.import_module(f"autodiff.{name}")
    finder = doctest.DocTestFinder(exclude_empty=True)
    for test in finder.find(module, f"autodiff.{name}"):
        run(test.docstring or "", test.name, vars(module))


CORE = [ad.GradientTape, ad.GradientTape.gradient, ad.GradientTape.why, ad.Tensor, ad.reduce_sum, ad.reduce_mean, ad.set_floatx]


@pytest.mark.parametrize("thing", CORE, ids=lambda t: t.__name__)
def test_the_examples_of_the_core_run(thing):
    assert ">>>" in thing.__doc__
    try:
        run(thing.__doc__, thing.__name__, {})
    finally:
        ad.set_floatx("float32")
