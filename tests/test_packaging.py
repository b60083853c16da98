"""What is distributed is what is in the tree: the sdist is whole, the wheel is made of the sdist and runs without the tree."""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT, generator

import autodiff

ROOT = Path(ROOT)
FOLDERS = ("autodiff", "csrc", "tests", "examples", "benchmarks", "docs")
MADE = re.compile(r"\.(so|o|d|pyc|new)$|/_core\.c$|csrc/generated/|\.egg-info/")


def tracked():
    """The files of the project, relative to its root. An unpacked sdist has no git: it is its own list."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    else:
        listed = [str(path.relative_to(ROOT)) for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
        listed = [path for path in listed if not MADE.search(path)] + [path.name for path in ROOT.iterdir()]
    return [path for path in listed if (ROOT / path).is_file()]


def run(*command, cwd, **environment):
    """What a command prints; the test fails with everything it said when it fails."""
    environment = {**os.environ, **environment}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    """The sdist of the tracked files alone, so that nothing lying about in the tree can stand in for a missing one."""
    clean, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("sdist")
    for path in tracked():
        (clean / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, clean / path)
    call = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
    run(sys.executable, "-c", call, out, cwd=clean)
    (archive,) = out.glob("*.tar.gz")
    return archive


@pytest.fixture(scope="module")
def quick_cc(tmp_path_factory):
    """The C compiler without its optimisations, which take four minutes: what is asked here is not how fast it runs.  Where PARSED_ALONE is
    set, it reads everything and makes empty objects, and libraries."""
    path = tmp_path_factory.mktemp("bin") / "cc"
    path.write_text('''#!/bin/sh
test -n "$PARSED_ALONE" || exec cc "$@" -O0
for each in "$@"; do test "$before" != -o || out=$each; before=$each; done
case " $* " in
*" -c "*) cc "$@" -fsyntax-only && : > "$out" ;;
*" -shared "*) : > "$out" ;;
*) exec cc "$@" ;;
esac
''')
    path.chmod(0o755)
    return str(path)


@pytest.fixture(scope="module")
def unpacked(sdist, tmp_path_factory, quick_cc):
    """The sdist unpacked, and a wheel built there."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # 3.12 warns without one, older ones have none
        archive.extractall(folder)
    (top,) = folder.iterdir()
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-build-isolation", "--no-deps", "--no-index", "-w", "dist", ".", cwd=top, CC=quick_cc)
    return top


@pytest.fixture(scope="module")
def wheel(unpacked):
    (path,) = (unpacked / "dist").glob("*.whl")
    return path


def members(sdist):
    with tarfile.open(sdist) as archive:
        return {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}


def test_the_sdist_has_every_file_of_the_project(sdist):
    wanted = {path for path in tracked() if path.split("/")[0] in FOLDERS}
    wanted |= {"LICENSE", "README.md", "Makefile", "MANIFEST.in", "pyproject.toml", "setup.py"}
    assert wanted - members(sdist) == set()


def test_the_sdist_has_nothing_that_a_build_makes(sdist):
    own = re.compile(r"autodiff_tape\.egg-info/")  # the list of its own contents, which setuptools puts there
    assert [name for name in members(sdist) if MADE.search(name) and not own.search(name)] == []


def test_the_wheel_has_the_package_and_no_sources_of_the_core(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    python = {path for path in tracked() if re.fullmatch(r"autodiff/(.*/)?[^/]+\.py", path)}
    (core,) = (name for name in names if re.fullmatch(r"autodiff/_core\..*\.so", name))
    assert names == python | {core, "autodiff/_core.pxd", "autodiff/py.typed"} | {n for n in names if n.endswith(".pyi")}


def test_the_wheel_works_outside_the_tree(wheel, tmp_path):
    target = tmp_path / "site"
    run(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", target, wheel, cwd=tmp_path)
    program = """if True:
        import sys; sys.path.insert(0, sys.argv[1])
        from importlib.metadata import version
        import autodiff as ad
        x = ad.Variable(3.0)
        with ad.GradientTape() as tape:
            y = x * x
        print(ad.__file__.startswith(sys.argv[1]), version("autodiff-tape"), float(tape.gradient(y, x)))
    """
    printed = run(sys.executable, "-c", program, target, cwd=tmp_path)
    assert printed.split() == ["True", autodiff.__version__, "6.0"]


def test_type_checkers_know_what_the_functions_return(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("""if True:
        from collections.abc import Callable
        from typing import Any, assert_type

        import numpy as np

        import autodiff as ad
        import autodiff as tf

        x = ad.Variable([1.0, 2.0])
        with ad.GradientTape(persistent=True, stabilize=True) as tape:
            y = ad.reduce_sum(ad.exp(x) * ad.math.softplus(x)) + np.pi
        assert_type(y, ad.Tensor)
        assert_type(x * 2 + 1, ad.Tensor)
        assert_type(-ad.linalg.matvec(ad.eye(2), x) @ ad.ones(2), ad.Tensor)
        assert_type(ad.concat([x, ad.zeros(3)], 0), ad.Tensor)
        assert_type(ad.split(x, 2), list[ad.Tensor])
        assert_type(ad.nn.relu(tf.constant(1.0)), tf.Tensor)
        assert_type(x.assign_add([1.0, 1.0]), ad.Variable)
        assert_type(x.dtype, ad.DType)
        slope: Any = tape.gradient(y, x)

        @ad.function
        def f(w: ad.Tensor) -> ad.Tensor:
            return ad.math.reduce_max(w) ** 2

        @ad.function(stabilize=True)
        def g(w: ad.Tensor) -> ad.Tensor:
            return w

        stored: bytes = f.to_bytes() + g.to_bytes()
        slopes: Callable[..., Any] = ad.grad(f)
        fit = ad.objective(lambda p: ad.reduce_sum(p * p), like=np.zeros(3))
        assert_type(fit, ad.Objective)
        print(ad.audit(f, 1.0), fit.minimize().x, slope, stored, slopes)
        ad.reduce_summ(x)
    """)
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", program], cwd=tmp_path,
                          capture_output=True, text=True)  # fmt: skip
    told, *others = done.stdout.splitlines()
    assert told.startswith('program.py:36: error: Module has no attribute "reduce_summ"') and len(others) == 1, done.stdout


def test_the_version_is_said_once(sdist, wheel):
    assert sdist.name == f"autodiff_tape-{autodiff.__version__}.tar.gz"
    assert wheel.name.startswith(f"autodiff_tape-{autodiff.__version__}-")
    said = [path for path in ("pyproject.toml", "setup.py", "README.md", "autodiff/__init__.py")
            if autodiff.__version__ in (ROOT / path).read_text()]  # fmt: skip
    assert said == ["autodiff/__init__.py"]


def test_the_core_was_built_from_this_table():
    assert autodiff._core.TABLE_HASH == generator().table_hash()


def compiled_by(top, **environment):
    """The objects that a build in place makes."""
    before = {path: path.stat().st_mtime_ns for path in top.glob("build/temp*/*.o")}
    run(sys.executable, "setup.py", "-q", "build_ext", "--inplace", cwd=top, PARSED_ALONE="1", **environment)
    return {path.stem for path in top.glob("build/temp*/*.o") if path.stat().st_mtime_ns != before.get(path)}


def test_a_build_compiles_what_an_edit_has_outdated(unpacked, quick_cc):
    assert compiled_by(unpacked, CC=quick_cc) == set()
    with open(unpacked / "csrc" / "memory.c", "a") as file:
        file.write("/* edited */\n")
    assert compiled_by(unpacked, CC=quick_cc) == {"memory"}
    table = unpacked / "autodiff" / "elementwise.py"
    table.write_text(table.read_text() + "# edited\n")                 # another table; what is printed of its rows stays
    changed = compiled_by(unpacked, CC=quick_cc)
    assert "table" in changed and "elementwise_baseline" not in changed
    table.write_text(table.read_text().replace("square     = row(d=lambda x, y: 2 * x,", "square     = row(d=lambda x, y: x + x,"))
    changed = compiled_by(unpacked, CC=quick_cc)
    assert {"table", "elementwise_baseline"} <= changed and "memory" not in changed


@pytest.mark.parametrize("cc, said", [
    ("no-such-cc", "no C compiler (no-such-cc). Debian, Ubuntu: apt install gcc libc6-dev; Fedora: dnf install gcc"),
    ("cc -nostdinc", "the C compiler (cc) finds no stdlib.h. Debian, Ubuntu: apt install libc6-dev; Fedora: dnf install glibc-devel"),
])  # fmt: skip
def test_what_a_build_lacks_is_said_in_one_line(cc, said):
    done = subprocess.run([sys.executable, "setup.py", "-q", "build_ext", "--inplace"], cwd=ROOT,
                          env={**os.environ, "CC": cc}, capture_output=True, text=True)  # fmt: skip
    assert done.returncode != 0
    assert done.stderr == f"autodiff: {said}\n"


README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_files_and_commands_of_the_readme_exist():
    for path in re.findall(r"`((?:autodiff|csrc|docs|examples|benchmarks)/[\w/.]+)`", README):
        assert (ROOT / path).exists(), path
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M)
    assert set(re.findall(r"\bmake (\w+) *(?:#|`)", README)) <= set(targets)


def test_the_call_of_the_readme_travels_as_it_says():
    told = README.split("## How a call travels")[1].split("\n## ")[0]
    for name, path in re.findall(r"`(\w+)`\s+(?:of|in)\s+`([\w/.]+)`", told):
        assert re.search(rf"\b{name}\b", (ROOT / path).read_text()), f"{name} is not in {path}"
    printed = run(sys.executable, "csrc/generate.py", "softplus", cwd=ROOT)
    for name in set(re.findall(r"`(\w*softplus\w+)`", told)):
        assert f"{name}(" in printed, name


def test_the_program_of_the_readme_runs():
    program, *others = re.findall(r"```python\n(.*?)```", README, re.S)
    *setup, last = program.strip().splitlines()
    space = {}
    exec("\n".join(setup), space)
    assert repr(eval(last, space)) == repr(autodiff.nn.sigmoid(3.0))
    for other in others:                                    # what they print stands in their comments
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(other, {})
        told = re.findall(r"^print\(.*?#\s+([^,\n]+)", other, re.M)
        assert [line.split() for line in printed.getvalue().splitlines()] == [line.split() for line in told]


def test_no_file_names_a_path_of_one_machine_or_leaves_work_undone():
    bad = re.compile(r"(?<![\w.}])/(home|root|work|tmp|Users|mnt)/\w|\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
    found = []
    for path in tracked():
        text = (ROOT / path).read_text(encoding="utf-8", errors="replace")
        found += [f"{path}:{text[: m.start()].count(chr(10)) + 1}: {m.group()}" for m in bad.finditer(text)]
    assert found == []


def test_a_core_of_another_table_says_what_to_do(tmp_path):
    package = tmp_path / "autodiff"
    shutil.copytree(ROOT / "autodiff", package, ignore=shutil.ignore_patterns("__pycache__", "*.pxi", "_core.c"))
    table = (package / "elementwise.py").read_text(encoding="utf-8")
    (package / "elementwise.py").write_text(table.replace("\nsoftplus    = row(", "\nsoftpluz    = row("), encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", "import autodiff"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.stderr.endswith("ImportError: autodiff: the compiled core was built from another table of operators than autodiff/ops.py: "
                                "run `make build`, or `pip install .` again\n")  # fmt: skip
