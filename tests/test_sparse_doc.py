"""The programs of docs/sparse.md run, where the packages that they name are installed."""

import re
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[1] / "docs" / "sparse.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python(?: if (\w+))?\n(.*?)```", TEXT, re.S)


@pytest.mark.parametrize("needs, program", PROGRAMS, ids=[needs or "scipy" for needs, _ in PROGRAMS])
def test_a_program_of_the_page(needs, program):
    pytest.importorskip(needs or "scipy")
    exec(program, {})


def test_there_are_programs():
    assert [needs for needs, _ in PROGRAMS] == ["", "cyipopt"]
