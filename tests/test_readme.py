"""The README says what is so."""

import os
import re

from conftest import ROOT

import autodiff as ad
from autodiff.__main__ import table

README = open(os.path.join(ROOT, "README.md"), encoding="utf-8").read()


def test_the_operator_table_is_the_table():
    told = re.search(r"<details><summary>The table</summary>\n\n(.*?)\n\n</details>", README, re.S).group(1)
    assert told == table(), "README.md: print the table again with `python -m autodiff table`"


def test_the_programs_run():
    for program in re.findall(r"```python\n(.*?)```", README, re.S):
        space = {}
        exec(program, space)
        assert "ad" not in space or space["ad"] is ad
