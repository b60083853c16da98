"""Every example runs as a user would run it, and says what it should."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import autodiff

EXAMPLES = Path(__file__).parents[1] / "examples"


def output_of(name):
    """What `python examples/NAME` prints, from any folder, with the autodiff that is under test."""
    env = dict(os.environ, PYTHONIOENCODING="utf-8", PYTHONPATH=str(Path(autodiff.__file__).parents[1]))
    run = subprocess.run(
        [sys.executable, EXAMPLES / name], capture_output=True, env=env, encoding="utf-8", cwd="/", timeout=100
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    return run.stdout


@pytest.fixture(scope="module")
def printed():
    return {path.name: output_of(path.name) for path in EXAMPLES.glob("*.py")}


def test_notebook_prints_what_tensorflow_prints(printed):
    assert printed["notebook.py"].splitlines() == [
        "finite differences: 80.00029083632398 24.999735614983365",
        "gradient tape:      "
        "[<ad.Tensor: shape=(), dtype=float32, numpy=80.0>, <ad.Tensor: shape=(), dtype=float32, numpy=25.0>]",
        "naive softplus:     [<ad.Tensor: shape=(1,), dtype=float32, numpy=array([nan], dtype=float32)>]",
        "custom gradient:    [<ad.Tensor: shape=(1,), dtype=float32, numpy=array([1.], dtype=float32)>]",
        "tf.math.softplus:   ad.Tensor([100.], shape=(1,), dtype=float32)",
        "and its gradient:   [<ad.Tensor: shape=(1,), dtype=float32, numpy=array([1.], dtype=float32)>]",
    ]


def test_oring_finds_the_known_estimates(printed):
    assert printed["oring.py"].startswith(
        "intercept              15.0429\nslope per °F           -0.2322\nprobability at 31 °F    0.9996\nevaluations"
    )
    assert 5 < int(re.search(r"evaluations +(\d+)", printed["oring.py"])[1]) < 100
    replayed, eager = map(float, re.search(r"the same bits, ([\d.]+) us an evaluation instead of ([\d.]+)\n$", printed["oring.py"]).groups())
    assert replayed > 0 and eager > 0


def test_cost_measures_both_sides(printed):
    lines = re.fullmatch(
        r"by the tape +(\d+) ns\nby hand, Python floats +(\d+) ns\nratio +([\d.]+)\n", printed["cost.py"]
    )
    tape, hand, ratio = map(float, lines.groups())
    assert tape > 0 and hand > 0 and ratio == pytest.approx(tape / hand, abs=0.06 + ratio / hand)


def test_demo_is_the_three_under_headings(printed):
    demo = printed["demo.py"]
    places = [demo.index(f"(examples/{name})\n---") for name in ("notebook.py", "oring.py", "cost.py")]
    assert places == sorted(places)
    assert printed["notebook.py"] in demo and printed["oring.py"].partition("The same fit")[0] in demo


def test_the_notebook_knows_the_engine_by_its_import_alone():
    lines = (EXAMPLES / "notebook.py").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if re.search(r"\b(autodiff|ad)\b", line)] == ["import autodiff as tf"]


@pytest.mark.parametrize("name", ["notebook.py", "oring.py", "cost.py", "demo.py"])
def test_an_example_uses_no_private_name(name):
    assert not re.search(r"\b(?:ad|tf|tape)(?:\.\w+)*\._\w", (EXAMPLES / name).read_text(encoding="utf-8"))


def test_the_nan_is_found(printed):
    lines = printed["find_the_nan.py"].splitlines()
    assert "    exp overflowed float32 at 88.7: its operand is 100." in lines and "    use tf.math.softplus(x)" in lines
    assert lines[-2:] == ["{'stabilize': True} 1.0", "{'precise': True} 1.0"]


def test_the_truss_is_at_its_limits(printed):
    if "needs Ipopt" in printed["truss.py"]:
        pytest.skip("no cyipopt")
    unknowns, constraints, jacobian, hessian = re.match(
        r"(\d+) unknowns, (\d+) constraints\nJacobian +(\d+) entries of \d+, in \d+ sweeps\nHessian +(\d+) entries", printed["truss.py"]
    ).groups()
    assert (int(unknowns), int(constraints)) == (748, 734) and int(jacobian) < 9000 and int(hessian) < 5000
    assert "weight    36.3210 of 46 bars, the load sinks by 16.00\nstresses  from -0.5000 to 0.87" in printed["truss.py"]
