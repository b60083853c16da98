"""ad.function(check=True): what a recording has frozen is found out."""

import re

import numpy as np
import pytest

import autodiff as ad

HERE = re.escape(__file__)


def line_of(text):
    """The number of the line of this file that has the text first."""
    return next(k for k, line in enumerate(open(__file__), 1) if text in line)


def refusal(name, what):
    return (rf"^function: {name} does otherwise as written than its replay: {what}\. A replay repeats what was recorded: what may "
            "change must be an argument or a variable$")  # fmt: skip


def test_a_number_of_numpys_generator():
    rng = np.random.default_rng(0)
    first, second = np.random.default_rng(0).normal(size=2)

    @ad.function(check=True)
    def noisy(x):
        return ad.exp(x) + rng.normal()

    noisy(ad.constant(np.float64(1.0)))
    text = rf"add at {HERE}:{line_of('+ rng.normal()')} takes the constant {second}, where the recording has {first}"
    with pytest.raises(ad.errors.ReplayError, match=refusal("noisy", text)):
        noisy(ad.constant(np.float64(1.0)))


def test_a_global_that_has_changed():
    state = {"scale": 2.0, "curved": False}

    @ad.function(check=True)
    def f(x):
        if state["curved"]:
            x = ad.sin(x)
        return ad.exp(x * np.full(3, state["scale"]))

    x = ad.constant(np.ones(3))
    for _ in range(3):
        np.testing.assert_array_equal(f(x).numpy(), np.exp(np.full(3, 2.0)))
    state["scale"] = 3.0
    with pytest.raises(ad.errors.ReplayError, match=r"takes the constant \[3.0, 3.0, 3.0\], where the recording has \[2.0, 2.0, 2.0\]"):
        f(x)
    state.update(scale=2.0, curved=True)
    with pytest.raises(ad.errors.ReplayError, match=refusal("f", rf"sin at {HERE}:{line_of('ad.sin(x)')}, where the recording has leaf")):
        f(x)
    state["curved"] = False
    np.testing.assert_array_equal(f(x).numpy(), np.exp(np.full(3, 2.0)))


def test_what_is_right_passes_and_runs_once():
    v, calls = ad.Variable(1.0), []

    @ad.function(check=True)
    def step(x, rate):
        calls.append(1)
        with ad.GradientTape() as tape:
            loss = (v * x - 2.0) ** 2
        if loss > 0.5:
            v.assign_sub(rate * tape.gradient(loss, v))
        return loss

    w = 1.0
    for k in range(8):
        loss = (w * 1.5 - 2.0) ** 2
        assert float(step(ad.constant(1.5), 0.125)) == pytest.approx(loss, rel=1e-5, abs=0)
        if loss > 0.5:
            w -= 0.125 * 2 * (w * 1.5 - 2.0) * 1.5
        assert float(v) == pytest.approx(w, rel=1e-5, abs=0) and len(calls) == k + 1


def test_methods():
    class Model:
        scale = 2.0

        @ad.function(check=True)
        def __call__(self, x):
            return self.scale * x

    model = Model()
    assert float(model(ad.constant(1.0))) == float(model(ad.constant(1.0))) == 2
    model.scale = 3.0
    with pytest.raises(ad.errors.ReplayError, match=r"takes the constant 3.0, where the recording has 2.0"):
        model(ad.constant(1.0))


def test_the_same_operator_of_other_attributes_is_told_apart():
    calls = []

    def f(x):
        calls.append(x)
        return ad.reshape(x, (2, 3) if len(calls) % 2 else (3, 2))

    checked = ad.function(f, check=True)
    checked(ad.ones(6))
    text = r"reshape\(%0, shape=\(3, 2\)\) float32\[3, 2\] at .*, where the recording has reshape\(%0, shape=\(2, 3\)\) float32\[2, 3\]"
    with pytest.raises(ad.errors.ReplayError, match=text):
        checked(ad.ones(6))


ROWS = {
    "a variable": lambda x, w: ad.vectorized_map(lambda e: ad.sin(e) * w, x),
    "all rows": lambda x, w: ad.vectorized_map(lambda e: ad.sin(e) * ad.reduce_sum(x) + w, x),
    "a gradient": lambda x, w: ad.vectorized_map(ad.grad(lambda e: ad.sin(e * w) * ad.reduce_max(x)), x),
    "rows of rows": lambda x, w: ad.vectorized_map(lambda e: ad.vectorized_map(lambda u: ad.sin(u) * e * w, x), x),
}


@pytest.mark.parametrize("f", ROWS.values(), ids=ROWS)
def test_what_the_first_row_is_among_what_all_rows_share_is_nothing_frozen(f):
    w, rng = ad.Variable(2.0, dtype="float64"), np.random.default_rng(0)
    checked = ad.function(lambda x: f(x, w), check=True)
    for k in range(3):
        w.assign(2.0 + k)
        x = ad.constant(rng.normal(size=3))
        assert np.array_equal(checked(x), f(x, w))
    drawn = ad.function(lambda x: f(x * 1.0, w) * ad.vectorized_map(lambda e: ad.sin(e) * rng.normal(), x), check=True)
    drawn(x)
    with pytest.raises(ad.errors.ReplayError, match="does otherwise as written than its replay"):
        drawn(x)


@pytest.mark.parametrize("step", [lambda x: x + 0.0 * ad.random.normal([]), lambda x: x + 0.0 * float(x[None].numpy()[0])], ids=["draws", "looks"])
def test_a_new_way_that_cannot_be_recorded_is_no_departure_from_another(step):
    """The function runs as written from then on, as it does without check; what it did before was right."""
    count = ad.Variable(0.0)

    @ad.function(check=True)
    def f(x):
        count.assign_add(1.0)
        return step(x) if x > 0 else x * 2.0

    assert [float(f(ad.constant(x))) for x in (-1.0, -2.0)] == [-2, -4]
    with pytest.warns(UserWarning, match="runs as written"):
        assert float(f(ad.constant(1.0))) == 1
    assert [float(f(ad.constant(x))) for x in (-1.0, 2.0)] == [-2, 2] and float(count) == 5
