"""What the generator prints from a row is what the row says."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT, generator
from rule_text import Text, number

GENERATE = os.path.join(ROOT, "csrc", "generate.py")


def printed(name):
    return subprocess.run([sys.executable, GENERATE, name], capture_output=True, text=True, check=True).stdout


def test_a_row_is_shown_on_request_and_the_name_survives_every_hop():
    text = printed("softplus")
    assert "static void softplus_f64(" in text and "y[i] = ad_softplus(a[i]);" in text
    assert "static void softplus_vjp0_f32(" in text and "gx[i] = ad_scalef(g[i], ad_softplus_slopef(a[i]));" in text


def test_a_backward_kernel_reads_what_its_rule_mentions_and_no_more():
    text = printed("exp")
    assert "/* saves y */" in text and "gx[i] = ad_scale(g[i], y[i]);" in text
    assert "/* saves nothing */" in printed("add")
    assert "ad_select(g[i], " in printed("maximum")


def test_a_rule_that_branches_on_a_value_is_refused_when_the_core_is_built():
    x = Text("a", "float64", {"a"})
    with pytest.raises(TypeError) as info:
        1.0 if x else 0.0
    assert str(info.value) == "a rule cannot branch on a value: use where(condition, a, b)"


def test_what_the_generator_lists_by_name_is_in_the_table():
    generate = generator()
    table = generate.load_table()
    assert {name.removesuffix("_twin") for name in generate.BESIDE} | set(generate.CHAINED) | set(generate.LANES) <= set(table.ROWS)


def test_bare_numbers_in_a_rule_take_its_dtype():
    assert number(2, "float32").code == "2.0f" and number(-0.5, "float64").code == "(-0.5)"
    assert number(float("inf"), "float32").code == "INFINITY" and number(3, "int64").code == "3"


def test_nothing_is_written_when_nothing_changed(tmp_path):
    generate = generator()
    generate.HERE = str(tmp_path)
    generate.write("x.h", "text\n")
    before = (tmp_path / "generated" / "x.h").stat().st_mtime_ns
    generate.write("x.h", "text\n")
    assert (tmp_path / "generated" / "x.h").stat().st_mtime_ns == before
