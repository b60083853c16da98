"""Every example runs as a user would run it, and says what it should."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import autodiff

EXAMPLES = Path(__file__).parents[1] / "examples"


# Examples that draw, and what is written in their pictures: titles, axes and units.
DRAWN = {
    "oring.py": ["slope of the logit (1/°F)", "logit of damage at 70 °F", "temperature at launch (°F)", "probability of damage"],
    "iris.py": ["length of the petals (cm)", "width of the petals (cm)", "Iris virginica"],
    "digits.py": ["epochs", "misread digits (%)", "Some that it misreads"],
    "volatility.py": ["log(strike / forward)", "time to expiry (years)", "% a year", "Newton steps"],
    "lynx.py": ["year", "furs (thousands)", "hares, fitted", "lynxes, bought"],
    "schools.py": ["mu (points)", "log10 of tau (points)", "effect of coaching (points)"],
    "program.py": ["2,500 times", "angle", "length"],
    "truss.py": ["load"],
}
DATA = {"iris.py", "digits.py"}  # of scikit-learn


def has(module):
    return importlib.util.find_spec(module) is not None


def output_of(name, *arguments):
    """What `python examples/NAME` prints, from any folder, with the autodiff that is under test."""
    env = dict(os.environ, PYTHONIOENCODING="utf-8", PYTHONPATH=str(Path(autodiff.__file__).parents[1]))
    run = subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments], capture_output=True, env=env, encoding="utf-8", cwd="/", timeout=100
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    return run.stdout


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="module")
def printed(pictures):
    """What each prints; those that draw do so where they can."""
    told = {}
    for path in EXAMPLES.glob("*.py"):
        needs = {"program.py": shutil.which("dot"), "truss.py": has("cyipopt")}
        draws = path.name in DRAWN and needs.get(path.name, has("matplotlib"))
        if path.name not in DATA or has("sklearn"):
            told[path.name] = output_of(path.name, *([pictures / f"{path.stem}.svg"] if draws else []))
    return told


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


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_an_example_uses_no_private_name(name):
    assert not re.search(r"\b(?:ad|tf|tape)(?:\.\w+)*\._\w", (EXAMPLES / name).read_text(encoding="utf-8"))


def test_the_nan_is_found(printed):
    lines = printed["find_the_nan.py"].splitlines()
    assert "    exp overflowed float32 at 88.7: its operand is 100." in lines and "    use tf.math.softplus(x)" in lines
    assert lines[-2:] == ["{'stabilize': True} 1.0", "{'precise': True} 1.0"]


def numbers(text):
    return [float(x) for x in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", text)]


def test_the_mixture_is_the_one_that_scikit_learn_finds(printed):
    mixture = pytest.importorskip("sklearn.mixture")
    data = pytest.importorskip("sklearn.datasets").load_iris()
    lines = printed["iris.py"].splitlines()
    theirs = max((mixture.GaussianMixture(3, tol=1e-8, max_iter=500, reg_covar=0, random_state=s).fit(data.data) for s in range(3)),
                 key=lambda m: m.score(data.data))  # fmt: skip
    assert numbers(lines[0])[0] == pytest.approx(150 * theirs.score(data.data), abs=0.01)
    order = theirs.means_[:, 2].argsort()
    for line, weight, mean in zip(lines[2:], theirs.weights_[order], theirs.means_[order]):
        assert numbers(line)[:3] == pytest.approx([weight, mean[2], mean[3]], abs=0.0151)


def test_the_network_reads_digits_it_has_not_seen(printed):
    pytest.importorskip("sklearn")
    unseen, of, seen = numbers(printed["digits.py"].splitlines()[0])
    assert unseen > 96 and seen > 98 and of == 357
    assert printed["digits.py"].endswith("recorded 1 time\n")


def test_volatilities_are_found_to_the_last_digits(printed):
    found = dict(line.split(maxsplit=1) for line in printed["volatility.py"].splitlines())
    assert int(found["options"]) == 4860 and int(found["steps"]) < 30
    assert max(numbers(found["error"])) < 1e-13


def test_hares_and_lynxes_have_the_rates_that_others_found(printed):
    """Carpenter, "Predator-prey population dynamics" (Stan case studies, 2018): posterior means 0.55, 0.028, 0.024, 0.80, of
    standard deviations 0.06, 0.004, 0.004, 0.09."""
    lines = printed["lynx.py"].splitlines()
    (a, b), (c, d) = numbers(lines[0]), numbers(lines[1])
    for found, known, spread in ((a, 0.55, 0.06), (b, 0.028, 0.004), (c, 0.024, 0.004), (d, 0.80, 0.09)):
        assert abs(found - known) < spread / 2
    assert numbers(lines[4])[0] < 1e-5, "SciPy's solver comes to the same numbers in 1920"


def test_the_sampler_has_the_moments_of_the_posterior(printed):
    """All but tau is Gaussian where tau is given, so that one sum over tau gives the moments exactly."""
    y, s = np.array([28.0, 8, -3, 7, -1, 1, 18, 12]), np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
    tau = 5 * np.exp(np.linspace(-12, 6, 20001))[:, None]
    w = 1 / (s**2 + tau**2)
    precision = w.sum(axis=1) + 1 / 25
    mean = (w * y).sum(axis=1) / precision
    log_p = np.log(tau[:, 0]) - np.log1p((tau[:, 0] / 5) ** 2) + 0.5 * (np.log(w).sum(axis=1) - np.log(precision) - (w * y * y).sum(axis=1) + precision * mean**2)
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    mu, mu_spread = p @ mean, np.sqrt(p @ (1 / precision + mean**2) - (p @ mean) ** 2)
    effects = p @ ((tau**2 * y + s**2 * mean[:, None]) / (s**2 + tau**2))
    lines = printed["schools.py"].splitlines()
    assert numbers(lines[0]) == pytest.approx([mu, mu_spread], abs=0.15)
    assert numbers(lines[1]) == pytest.approx([p @ tau[:, 0], np.sqrt(p @ tau[:, 0] ** 2 - (p @ tau[:, 0]) ** 2)], abs=0.25)
    assert numbers(lines[2]) == pytest.approx(effects, abs=0.3)
    assert numbers(lines[3])[0] > 90 and numbers(lines[3].partition("R-hat")[2])[0] < 1.02


def test_tables_are_printed_of_the_pendulum(printed):
    assert "GradientTape: 95,001 operations" in printed["program.py"] and re.search(r"steps, [\d.]+ [um]s\n", printed["program.py"])


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_says_what_it_shows(printed, pictures, name):
    drawn = [pictures / name.replace(".py", ".svg"), EXAMPLES.parent / "docs" / name.replace(".py", ".svg")]
    for path in drawn:
        if path == drawn[0] and not path.exists():
            continue                                            # without matplotlib, Graphviz or the data
        text = path.read_text(encoding="utf-8")
        assert ElementTree.fromstring(text).tag.endswith("svg") and len(text) < 200_000
        for told in DRAWN[name]:
            assert f"<!-- {told} -->" in text or f">{told}</text>" in text, (path, told)
    assert f"({name.replace('.py', '.svg')})" in (EXAMPLES.parent / "docs" / "examples.md").read_text(encoding="utf-8")


def test_the_truss_is_at_its_limits(printed):
    if "needs Ipopt" in printed["truss.py"]:
        pytest.skip("no cyipopt")
    unknowns, constraints, jacobian, hessian = re.match(
        r"(\d+) unknowns, (\d+) constraints\nJacobian +(\d+) entries of \d+, in \d+ sweeps\nHessian +(\d+) entries", printed["truss.py"]
    ).groups()
    assert (int(unknowns), int(constraints)) == (748, 734) and int(jacobian) < 9000 and int(hessian) < 5000
    assert "weight    36.3210 of 46 bars, the load sinks by 16.00\nstresses  from -0.5000 to 0.87" in printed["truss.py"]


def test_the_gallery_shows_every_example_and_every_link_leads_somewhere():
    docs = EXAMPLES.parent / "docs"
    links = set(re.findall(r"\]\(([^)#]+)\)", (docs / "examples.md").read_text(encoding="utf-8")))
    assert [link for link in links if not (docs / link).exists()] == []
    assert {f"../examples/{path.name}" for path in EXAMPLES.iterdir() if path.suffix in (".py", ".ipynb")} - links <= {"../examples/demo.py"}
