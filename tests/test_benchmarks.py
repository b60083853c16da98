"""The benchmarks: peers are alike, a wrong one is found out, a run writes what it says.

No time is asserted.
"""

import ast
import json
import re
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import __main__ as command  # noqa: E402
from benchmarks import distributed, growth, kernels, measure, objective, peers, precise, report, sparse, worker  # noqa: E402
from corpus import CASES  # noqa: E402


def result(peer, runs, case="notebook", n=1):
    return measure.result(case, CASES[case].title, n, peer, 1.0, 10, runs)


def a_report():
    results = [
        result("autodiff", [1e-6, 2e-6, 4e-6]),
        result("by hand", [5e-7, 1e-6, 2e-6]),
        result("PyTorch", [1e-4, 2e-4, 4e-4]),
        result("autodiff", [3e-6] * 3, "chain", 100),
        result("by hand", [1e-6] * 3, "chain", 100),
    ]
    versions = {"autodiff": "autodiff 0", "by hand": "NumPy 2", "PyTorch": "PyTorch 2"}
    head = report.header(Namespace(dtype="float64", threads=1, runs=3, seconds=0.02), versions)
    return {"header": head, "results": results, "refused": []}


# -------------------------------------------------------------------------------------------- peers


def test_every_adaptor_is_listed_and_every_listed_one_is_there():
    files = {p.stem for p in (ROOT / "benchmarks" / "peers").glob("*.py")} - {"__init__", "taped"}
    assert files == {module for module, _ in peers.PEERS.values()}


@pytest.mark.parametrize("module", [module for module, _ in peers.PEERS.values()])
def test_an_adaptor_has_a_version_prepares_and_gives_numbers(module):
    tree = ast.parse((ROOT / "benchmarks" / "peers" / f"{module}.py").read_text(encoding="utf-8"))
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    defined |= {a.asname or a.name for node in tree.body if isinstance(node, ast.ImportFrom) for a in node.names}
    defined |= {getattr(t, "id", None) for node in tree.body if isinstance(node, ast.Assign) for t in node.targets}
    assert {"VERSION", "prepare", "numbers"} <= defined


@pytest.mark.parametrize("peer", ["autodiff", "by hand"])
@pytest.mark.parametrize("dtype", measure.AGREE)
@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_ours_agrees_with_the_derivative_by_hand(peer, dtype, case):
    adaptor = peers.load(peer)
    run = adaptor.prepare(case, case.inputs(dtype=dtype), dtype)
    measure.check(adaptor.numbers(run()), measure.reference(case, None, dtype), measure.AGREE[dtype])


# --------------------------------------------------------------------------------- before the clock


@pytest.mark.parametrize(
    "value, gradients, text",
    [
        (2.0, [[1.0, 1.0]], "the value is 1.0e+00 away from that by hand"),
        (1.0, [[1.0, 1.0 + 1e-8]], "gradient 0 is 1.0e-08 away from that by hand"),
        (1.0, [[1.0, np.nan]], "gradient 0 is nan away from that by hand"),
        (1.0, [[1.0]], "gradient 0 has 1 elements, by hand 2"),
        (1.0, [], "0 gradients, by hand 1"),
    ],
)
def test_a_peer_that_is_wrong_is_found_out(value, gradients, text):
    with pytest.raises(measure.Disagreement) as error:
        measure.check((value, gradients), (1.0, [np.ones(2)]), 1e-10)
    assert str(error.value) == text


def test_a_peer_that_is_right_passes_whatever_its_shape():
    measure.check((1.0, [np.ones((2, 1))]), (1.0, [np.ones(2)]), 1e-10)
    measure.check((0.0, [0.0]), (0.0, [0.0]), 1e-10)


# ------------------------------------------------------------------------------------------ workers


def test_a_worker_answers_and_says_what_it_cannot():
    w = worker.Worker("by hand")
    try:
        assert w.version() == f"NumPy {np.__version__}"
        value, gradients, first = w.prepare("notebook", 1, "float64")
        assert (value, gradients) == (325.0, [80.0, 25.0]) and first > 0
        assert w.clock(3) > 0 and w.calibrate(1e-4) >= 1
        with pytest.raises(worker.Refused, match=r"^KeyError: 'no such case'$"):
            w.prepare("no such case", 1, "float64")
        with pytest.raises(worker.Refused, match="^it lacks no_such_method$"):
            w.no_such_method()
    finally:
        w.close()


def test_a_worker_whose_process_ends_is_refused_from_then_on():
    w = worker.Worker("by hand")
    w.version()
    w._process.kill()
    for _ in range(2):
        with pytest.raises(worker.Refused, match="^its process ended in version$"):
            w.version()
    w.close()


# ------------------------------------------------------------------------------------------ reports


@pytest.mark.parametrize(
    "seconds, text",
    [(0, "0.00 ns"), (1.234e-9, "1.23 ns"), (9.996e-9, "10.0 ns"), (99.96e-9, "100 ns")]
    + [(9.999e-7, "1.00 us"), (0.5, "500 ms"), (75.0, "75.0 s")],
)
def test_a_duration_has_three_digits_and_a_unit(seconds, text):
    assert report.duration(seconds) == text


def test_a_ratio_is_taken_round_by_round():
    assert report.ratio(result("a", [1.0, 4.0, 9.0]), result("b", [1.0, 2.0, 3.0])) == 2.0
    assert [report.ratio_text(r) for r in (1234.5, 99.6, 1.0, 0.125, 0.001)] == [
        "1234",
        "100",
        "1",
        "0.125",
        "1.0e-03",
    ]


def test_a_case_is_printed_with_its_least_middle_and_greatest_time():
    a = a_report()
    text = report.case_text("notebook", 1, a["results"][:3], {"JAX": "it lacks erfc"}, a["header"])
    assert text.splitlines() == [
        "3x^2 + 5xy at (5, 10)  (notebook, float64, 1 thread)",
        "                         min      median         max  x autodiff   x by hand  first call",
        "    autodiff         1.00 us     2.00 us     4.00 us           1           2      1.00 s",
        "    by hand           500 ns     1.00 us     2.00 us         0.5           1      1.00 s",
        "    PyTorch           100 us      200 us      400 us         100         200      1.00 s",
        "    JAX           not measured: it lacks erfc",
    ]


def test_the_header_tells_machine_dtype_threads_and_runs():
    text = report.header_text({**a_report()["header"], "machine": "Abacus", "processors": 2})
    assert text.startswith("Abacus (2 processors), ")
    assert text.splitlines()[1:] == [
        "float64, 1 thread, 3 runs of 20 ms or of one call",
        "autodiff 0, NumPy 2, PyTorch 2",
    ]


def test_the_table_for_the_readme_has_a_column_a_peer():
    lines = report.markdown(a_report()).splitlines()
    assert lines[:4] == [
        "| value and gradient of | autodiff | by hand | PyTorch |",
        "|---|---:|---:|---:|",
        "| 3x^2 + 5xy at (5, 10) | 2.00 us | 0.5x | 100x |",
        "| n times s = s*y + x on scalars, n = 100 | 3.00 us | 0.333x | - |",
    ]
    assert len(report.markdown(a_report(), cases=["chain"]).splitlines()) == len(lines) - 1


# -------------------------------------------------------------------------------------- the command


def test_the_quick_cases_are_cases():
    assert set(command.QUICK) < set(CASES)


def test_the_precise_replay_is_timed_beside_the_eager_gradient(capsys):
    precise.main(["50"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 * len(precise.PROGRAMS) + 1 and all(line.endswith("x") for line in lines[:-1])
    assert [part.split()[0] for part in lines[-1].split(", ")] == precise.ROWS
    precise.main(["--gradient", "50"])
    both = capsys.readouterr().out.splitlines()[:-1]
    assert len(both) == 2 * len(precise.PROGRAMS) and all(line.count("precise") == 2 and "; the gradient alone " in line for line in both)
    ratios = [float(line.rsplit(" ", 1)[1].rstrip("x")) for line in both]
    assert ratios == sorted(ratios, reverse=True)


def test_fewer_than_seven_runs_are_refused(capsys):
    with pytest.raises(SystemExit):
        command.choose(["--runs", "6"])
    assert "fewer than 7 runs say nothing" in capsys.readouterr().err


def test_a_run_prints_a_table_and_writes_json(tmp_path):
    words = ["--case", "notebook", "--peer", "autodiff", "by hand", "--runs", "7", "--seconds", "1e-4"]
    files = ["--json", tmp_path / "new" / "b.json", "--plot", tmp_path / "b.svg"]
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words, *files], cwd=ROOT, capture_output=True, text=True, timeout=100
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "3x^2 + 5xy at (5, 10)  (notebook, float64, 1 thread)" in run.stdout
    written = json.loads((tmp_path / "new" / "b.json").read_text())
    assert [r["peer"] for r in written["results"]] == ["autodiff", "by hand"] and written["refused"] == []
    assert all(len(r["runs"]) == 7 and min(r["runs"]) > 0 for r in written["results"])
    assert report.markdown(written).startswith("| value and gradient of | autodiff | by hand |")
    assert (tmp_path / "b.svg").exists() or "no picture: pip install matplotlib" in run.stdout


def test_the_kernels_are_timed_beside_numpy(capsys):
    kernels.main(["--quick", "exp", "hypot"])
    printed = capsys.readouterr().out
    assert re.search(r"^\| row \| baseline \|.*and derivative \| numpy baseline \|.*\| scipy", printed)
    assert re.findall(r"^\| (\w+) float64 \| \d+\.\d+ \(", printed, re.M) == ["exp", "hypot"]
    assert "ns an element; median of 3 rounds" in printed
    with pytest.raises(SystemExit, match="no row 'nonsense' here"):
        kernels.main(["nonsense"])


def test_growth_is_measured(capsys):
    growth.main(["--quick"])
    printed = capsys.readouterr().out
    assert re.findall(r"^\| (\w+) \| ([\d,]+) \| [\d.e+]+ ns \| [\d.e+]+ ns \| [\d.e+]+ ns \| [\d.e+]+ ms \|$", printed, re.M) == [
        ("operations", "100"), ("operations", "1,000"), ("operations", "10,000"), ("elements", "10"), ("elements", "1,000")]  # fmt: skip


def test_a_cluster_is_measured(capsys):
    distributed.main(["--quick"])
    printed = capsys.readouterr().out
    assert re.findall(r"^\| ([\d,]+) \| [\d.e+-]+ ms \| [\d.e+-]+ ms \|$", printed, re.M) == ["100", "1,000", "10", "1,000"]


def test_an_objective_is_measured(capsys):
    objective.main(["--quick"])
    printed = capsys.readouterr().out
    assert re.findall(r"^(.+)\n\| \| min", printed, re.M) == ["value and gradient of 10 variables", "Hessian of 10 variables", "Hessian times a vector, 10 variables"]
    assert len(re.findall(r"^\| ad.objective[\w, ]* \| [\d.e+]+ \| [\d.e+]+ \| [\d.e+]+ \| [\d.e+-]+ \|$", printed, re.M)) == 6


def test_the_page_compares_with_ad_function():
    assert set(command.PAGE) <= set(CASES)
    head = {"machine": "m", "processors": 2, "system": "s", "python": "3", "date": "d", "dtype": "float64", "threads": 1, "runs": 7,
            "seconds": 0.02, "peers": {"ad.function": "a", "value alone": "a", "JAX": "j", "XLA": "x", "CasADi": "c"}}  # fmt: skip
    runs = {"ad.function": 1e-6, "value alone": 5e-7, "JAX": 3e-6}
    results = [result(peer, [t] * 7, "chain", 100) for peer, t in runs.items()]
    refused = [dict(case="chain", n=100, peer=peer, why=why) for peer, why in (("XLA", measure.NOT_WAITED), ("CasADi", "it lacks loops"))]
    head_line, _, line = report.page({"header": head, "results": results, "refused": refused}).splitlines()[:3]
    assert head_line == "| value and gradient of | ad.function | over value alone | first call | JAX | XLA | CasADi |"
    assert line == "| n times s = s*y + x on scalars, n = 100 | 1.00 us | 2x | 1.00 s | 3x, 1.00 s | not waited for | - |"
    assert (report.VALUE, report.NOT_WAITED) == (peers.VALUE, measure.NOT_WAITED) and set(command.PAGE_PEERS) <= set(peers.PEERS)


def test_the_value_alone_is_what_its_gradient_is_compared_with():
    case = CASES["rosenbrock"]
    adaptor = peers.load(peers.VALUE)
    args = case.inputs(10)
    got = adaptor.numbers(adaptor.prepare(case, args, "float64")())
    measure.check(got, measure.reference(case, 10, "float64"), 1e-10)
    assert got[1] is None and peers.VALUE not in peers.installed()


def test_sparse_derivatives_are_timed(capsys):
    sparse.main(["--quick"])
    lines = [line for line in capsys.readouterr().out.splitlines() if "autodiff" in line]
    assert [re.search(r"(\d+) entries, (\d+) sweeps +first .*, then", line).groups() for line in lines] == [("148", "3"), ("96", "5"), ("121", "7")]
