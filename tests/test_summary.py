"""What tables say of a tape and of a function is so: counts, bytes, and times that are the times."""

import html.parser
import time

import numpy as np
import pytest

import autodiff as ad


def column(table, name):
    return [row[name] for row in table.rows]


def test_a_tape_is_told_by_operator_and_shape():
    x, w = ad.Variable(np.ones((5, 3))), ad.Variable(np.ones((3, 2)))
    with ad.GradientTape() as tape:
        y = ad.matmul(x, w)
        for _ in range(4):
            y = ad.tanh(y) * 2.0
        ad.reduce_sum(y)
        ad.exp(ad.constant(1.0))  # the tape does not follow it
    table = tape.summary()
    assert column(table, "what") == ["matmul", "tanh", "mul", "reduce_sum"]
    assert column(table, "count") == [1, 4, 4, 1]
    assert column(table, "on") == ["float64[5, 3], float64[3, 2]", "float64[5, 2]", "float64[5, 2], float64", "float64[5, 2]"]
    assert column(table, "bytes") == [80, 320, 320, 8]
    assert all(ns > 0 for ns in column(table, "ns"))
    assert tape.gradient(y, [x, w]) is not None  # asking has not used the tape up
    with pytest.raises(ad.errors.TapeError):
        tape.summary()


def test_asking_inside_a_block_records_nothing():
    x = ad.Variable([1.0, 2.0])
    with ad.GradientTape(persistent=True) as tape:
        y = ad.exp(x)
        before = str(column(tape.summary(), "count"))
        assert str(column(tape.summary(), "count")) == before == "[1]"
    assert tape.gradient(y, x).numpy() == pytest.approx(np.exp([1, 2]))


def test_custom_gradients_are_counted():
    @ad.custom_gradient
    def double(x):
        return 2 * x, lambda g: 2 * g

    x = ad.Variable(1.0)
    with ad.GradientTape() as tape:
        double(double(x))
    table = tape.summary()
    assert [(row["what"], row["count"], row["ns"] is None) for row in table.rows] == [("mul", 2, False), ("custom_gradient", 2, True)]


def test_the_times_of_a_tape_are_those_of_its_operations():
    x = ad.Variable(np.random.default_rng(0).random(300_000))
    with ad.GradientTape() as tape:
        ad.reduce_sum(ad.lgamma(ad.exp(x)))
    table = {row["what"]: row["ns"] for row in tape.summary().rows}
    lgamma, inner = [], ad.exp(x)
    for _ in range(9):
        start = time.perf_counter_ns()
        ad.lgamma(inner)
        lgamma.append(time.perf_counter_ns() - start)
    assert min(lgamma) / 3 < table["lgamma"] < 3 * sorted(lgamma)[4]
    assert table["lgamma"] > table["exp"] and table["lgamma"] > table["reduce_sum"]


def test_the_items_of_a_function_are_those_of_its_plan():
    w = ad.Variable(np.zeros((30, 4)))

    @ad.function
    def step(x):
        with ad.GradientTape() as tape:
            loss = ad.reduce_sum(ad.exp(ad.matmul(x, w)))
        w.assign_sub(0.1 * tape.gradient(loss, w))
        return loss

    x = np.ones((50, 30))
    step(x)
    before = w.numpy().copy()
    table, cost = step.summary(x), step.cost(x)
    assert np.array_equal(w.numpy(), before), "measuring trains nothing"
    assert sum(column(table, "steps")) == cost.steps and sum(column(table, "bytes")) == cost.bytes
    assert "matmul" in column(table, "what") and "d matmul" in column(table, "what")
    assert all(ns >= 0 for ns in column(table, "ns"))


def test_the_times_of_a_function_add_up_to_its_calls():
    f = ad.function(ad.grad(lambda x: ad.reduce_sum(ad.lgamma(ad.matmul(x, x)))))
    x = ad.constant(np.random.default_rng(0).random((200, 200)) + 1)
    total = sum(column(f.summary(x), "ns"))
    calls = []
    for _ in range(15):
        start = time.perf_counter_ns()
        f(x)
        calls.append(time.perf_counter_ns() - start)
    assert min(calls) / 3 < total < 3 * sorted(calls)[7]


def test_a_branch_that_was_not_recorded_is_called_first():
    @ad.function
    def f(x):
        return ad.exp(x) if ad.reduce_sum(x) > 0 else ad.sin(x)

    f(ad.constant([1.0]))
    assert any("sin" in what for what in column(f.summary(ad.constant([-1.0])), "what"))
    assert any("exp" in what for what in column(f.summary(ad.constant([2.0])), "what"))


def test_a_long_plan_has_a_short_table():
    def f(x):
        for k in range(100):
            x = ad.reduce_sum(x, axis=0, keepdims=True) + ad.zeros((k + 1, 3))
        return x

    table = ad.function(f).summary(ad.zeros((2, 3)))
    assert len(table.rows) == 40 and table.rows[-1]["what"].endswith("other rows)")
    f = ad.function(f)
    assert sum(column(table, "steps")) == f.cost(ad.zeros((2, 3))).steps


def test_what_cannot_be_replayed_says_so():
    with pytest.raises(ValueError, match="so it has no program"):
        ad.function(lambda x: float(x.numpy().sum())).summary(ad.zeros(3))


class Cells(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.cells, self.kind = [], None

    def handle_starttag(self, tag, attrs):
        self.kind = tag
        if tag == "td":
            self.cells.append("")

    def handle_data(self, data):
        if self.kind == "td":
            self.cells[-1] += data


def test_text_is_aligned_and_a_notebook_sees_the_same():
    x = ad.Variable(np.ones(4000))
    with ad.GradientTape() as tape:
        ad.reduce_sum(ad.exp(x) * ad.cos(x))
    table = tape.summary()
    lines = str(table).splitlines()
    head = next(line for line in lines if line.startswith("operation"))
    bytes_end = head.index("bytes") + len("bytes")
    for line, row in zip(lines[3:], table.rows):
        assert line.startswith(row["what"]) and line[:bytes_end].endswith({32000: "32 kB", 8: "8 B"}[row["bytes"]])
    parser = Cells()
    parser.feed(table._repr_html_())
    assert parser.cells[:4] == ["exp", "1", "float64[4000]", "32 kB"] and len(parser.cells) == 5 * len(table.rows)
