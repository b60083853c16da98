"""python -m autodiff says what is here, and compares where it runs."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT

import autodiff as ad
from autodiff import __main__ as command
from autodiff import bench


def run(*arguments, **environment):
    env = {**os.environ, "PYTHONPATH": ROOT, **environment}
    done = subprocess.run([sys.executable, "-m", "autodiff", *arguments], env=env, capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_alone_it_tells_what_is_here():
    told = dict(re.match(r"(.{16}) (.*)", line).groups() for line in run(AUTODIFF_CPU="baseline", AUTODIFF_NUM_THREADS="1").splitlines())
    told = {name.strip(): text for name, text in told.items()}
    assert told["autodiff"].startswith(f"{ad.__version__}, ") and ROOT in told["autodiff"]
    assert told["instruction set"].startswith("baseline ") and told["threads"].startswith("1 of ")
    assert f"NumPy {np.__version__}" in told["runs on"]
    assert told["scipy"].startswith(importlib.metadata.version("scipy"))
    assert told["graphviz"].startswith("not found") == (shutil.which("dot") is None)


def test_nothing_optional_is_imported_for_it():
    code = "import sys; from autodiff.__main__ import about; about(); print([m for m in ('scipy', 'matplotlib', 'flint', 'torch') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT).stdout == "[]\n"


def test_what_is_missing_is_said(monkeypatch):
    monkeypatch.setattr(command, "OPTIONAL", [("no-such-distribution", "nothing")])
    monkeypatch.setenv("PATH", "")
    assert re.search(r"^no-such-distribution ?not found: nothing$", command.about(), re.M)
    assert re.search(r"^graphviz +not found", command.about(), re.M)


def test_table_is_the_operators(capsys):
    assert command.main(["table"]) == 0
    assert capsys.readouterr().out == command.table() + "\n"


def test_help_is_no_mistake_and_nonsense_is(capsys):
    for asked in (["--help"], ["-h"], ["audit", "--help"], ["bench", "--help"], ["table", "-h"]):
        assert command.main(asked) == 0 and "python -m autodiff bench" in capsys.readouterr().out
    assert command.main(["nonsense"]) == 1 and "python -m autodiff bench" in capsys.readouterr().err


@pytest.mark.parametrize("case", list(bench.cases()), ids=lambda case: case[0])
def test_the_derivatives_by_hand_are_those_of_central_differences(case):
    title, f, by_hand, args, wrt = case
    value, slopes = by_hand(*args)
    for k, slope in enumerate(slopes):
        direction = np.cos(np.arange(np.size(slope))).reshape(np.shape(slope))
        moved = [by_hand(*args[:k], args[k] + h * direction, *args[k + 1 :])[0] for h in (1e-5, -1e-5)]
        assert (moved[0] - moved[1]) / 2e-5 == pytest.approx(np.sum(slope * direction), rel=1e-6, abs=0)


def test_a_wrong_derivative_is_not_timed():
    with pytest.raises(ArithmeticError, match="tape is 1.0e-09 away from the derivative by hand of f"):
        bench.check("tape", "f", (1.0, [1.0 + 1e-9]), (1.0, [1.0]))


def test_bench_compares_every_case():
    lines = run("bench").splitlines()
    assert "1 thread" in lines[0] and lines[1].split("  ")[0] == "value and gradient of"
    assert len(lines) == 2 + len(list(bench.cases()))
    for line, (title, *_) in zip(lines[2:], bench.cases()):
        assert line.startswith(title) and re.search(r"[\d.e+]+ us( +[\d.e+]+x){2,}$", line)
