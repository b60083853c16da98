"""docs/numerics.md says what the engine does: every line of its table is evaluated."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

import autodiff as ad

TEXT = (Path(__file__).parents[1] / "docs" / "numerics.md").read_text()
LINES = re.findall(r"^\| `(.+?)` \| (.+?) \| (.+?) \| (.+?) \| .+ \|$", TEXT, re.M)


def number(text):
    return None if text == "none" else float(text)


def same(got, told):
    if told is None or got is None:
        return told is got
    got = float(got.numpy())
    return math.isnan(got) if math.isnan(told) else got == pytest.approx(told, rel=1e-5, abs=0)


@pytest.mark.parametrize("formula, point, value, derivatives", LINES, ids=[f"{line[0]} at {line[1]}" for line in LINES])
def test_every_line(formula, point, value, derivatives):
    variables = {name: ad.Variable(float(x), dtype="float64") for name, x in (part.split(" = ") for part in point.split(", "))}
    with ad.GradientTape() as tape:
        y = eval(formula, {"ad": ad, "np": np, **variables})
    gradients = tape.gradient(y, list(variables.values()))
    assert same(y, number(value))
    told = [number(d) for d in derivatives.split(", ")]
    assert len(told) == len(gradients) and all(same(g, d) for g, d in zip(gradients, told)), gradients


def test_the_table_was_found():
    assert len(LINES) > 30


# ------------------------------------------------------------------------------------------------- what holds everywhere
def test_a_zero_cotangent_absorbs_at_every_order():
    x = ad.Variable([-1.0, 4.0])
    with ad.GradientTape() as outer:
        with ad.GradientTape() as tape:
            y = ad.where(x > 0, ad.sqrt(x), 0.0)
        g = tape.gradient(y, x)
    assert g.numpy().tolist() == [0.0, 0.25] and outer.gradient(g, x).numpy().tolist() == [0.0, -0.03125]


def test_a_constant_whole_exponent_ends_exactly():
    x = ad.Variable(0.0, dtype="float64")
    with ad.GradientTape() as third, ad.GradientTape() as second, ad.GradientTape() as first:
        y = x**2
        g = first.gradient(y, x)
        h = second.gradient(g, x)
    assert float(h) == 2.0 and third.gradient(h, x, unconnected_gradients="zero").numpy() == 0.0


def test_tails_have_their_digits_at_the_second_order_too():
    x = ad.Variable(20.0, dtype="float64")
    with ad.GradientTape() as outer:
        with ad.GradientTape() as tape:
            y = ad.tanh(x)
        g = tape.gradient(y, x)
    e = math.exp(-40.0)
    assert float(g) == pytest.approx(4 * e / (1 + e) ** 2, rel=1e-14, abs=0)
    assert float(outer.gradient(g, x)) == pytest.approx(-8 * e * (1 - e) / (1 + e) ** 3, rel=1e-14, abs=0)


def test_long_sums_and_their_order():
    ones = ad.ones(20_000_000)
    assert float(ad.reduce_sum(ones)) == 2e7
    w = ad.Variable(1.0)
    with ad.GradientTape() as tape:
        y = ad.reduce_sum(w * ones)
    assert float(tape.gradient(y, w)) == 2e7
    x = ad.constant(np.random.default_rng(0).normal(size=100_003).astype("float32"))
    assert len({float(ad.reduce_sum(x)) for _ in range(3)}) == 1
    assert float(ad.reduce_sum(x)) == pytest.approx(x.numpy().astype("float64").sum(), rel=1e-5, abs=0)


def test_nothing_is_flushed_to_zero():
    x = ad.Variable(np.float64(5e-324))
    with ad.GradientTape() as tape:
        y = x * 3.0
    assert float(y) == 1.5e-323 and float(tape.gradient(y, x)) == 3.0
    assert float(ad.exp(ad.constant(-745.0, "float64"))) == 5e-324
