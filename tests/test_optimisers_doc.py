"""The programs of docs/optimisers.md run, where the packages that they name are installed."""

import re
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[1] / "docs" / "optimisers.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python(?: if ([\w ]+))?\n(.*?)```", TEXT, re.S)


@pytest.mark.parametrize("needs, program", PROGRAMS, ids=[needs or "scipy" for needs, _ in PROGRAMS])
def test_a_program_of_the_page(needs, program):
    for package in (needs or "scipy").split():
        pytest.importorskip("jax" if package == "keras" else package)  # which Keras' NumPy backend wants
        pytest.importorskip(package)
    exec(program, {})


def test_every_program_of_the_page_is_one_of_these():
    assert [needs for needs, _ in PROGRAMS] == ["", "", "nlopt", "iminuit", "cyipopt", "emcee", "nutpie", "", "keras", "torch", "jax", "matplotlib tqdm"]
    assert TEXT.count("```python") == len(PROGRAMS)
