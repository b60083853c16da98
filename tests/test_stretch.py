"""The reverse sweep takes elementwise instructions on large arrays block by block: the bits are those of small arrays, where it
goes instruction by instruction."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autodiff as ad

SIZE, PIECE = 9001, 1000                                    # several blocks and a rest; too small for blocks

ONE = [ad.exp, ad.tanh, ad.math.softplus, ad.sin, ad.square, ad.abs, ad.negative, ad.nn.relu, lambda x: x * 1.5, lambda x: 2.0 - x, lambda x: 1.0 / x,
       lambda x: ad.where(x > 0, x, 0.5), lambda x: ad.clip_by_value(x, -1.0, 1.0), ad.floor]  # fmt: skip
TWO = [ad.add, ad.subtract, ad.multiply, ad.divide, ad.maximum, lambda a, b: ad.where(a > b, a * b, b), ad.math.atan2]


def program(steps):
    """A function of (x, y) that returns every value it came by."""
    def f(x, y):
        values = [x, y]
        for two, which, i, j in steps:
            a, b = values[i % len(values)], values[j % len(values)]
            values.append(TWO[which % len(TWO)](a, b) if two else ONE[which % len(ONE)](a))
        return values
    return f


def gradients(f, x, y, inner, seed):
    """By x, y and one of the values on the way; a cotangent of `seed`, or of ones."""
    x, y = ad.constant(x), ad.constant(y)
    with ad.GradientTape(persistent=True) as tape:
        tape.watch([x, y])
        values = f(x, y)
        total = ad.reduce_sum(values[-1])
    sources = [x, y, values[inner % len(values)]]
    whole = tape.gradient(total, sources, unconnected_gradients="zero")
    seeded = tape.gradient([values[-1], values[len(values) // 2]], sources, output_gradients=[ad.constant(seed), ad.constant(seed)],
                           unconnected_gradients="zero")  # fmt: skip
    again = tape.gradient(total, sources, unconnected_gradients="zero")
    assert all(a.numpy().tobytes() == b.numpy().tobytes() for a, b in zip(whole, again))
    return [g.numpy() for g in whole + seeded]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@settings(deadline=None, max_examples=60)
@given(steps=st.lists(st.tuples(st.booleans(), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=40),
       inner=st.integers(0, 99))  # fmt: skip
def test_the_same_bits_as_instruction_by_instruction(steps, inner, dtype):
    rng = np.random.default_rng(0)
    x, y, seed = rng.normal(size=(3, SIZE)).astype(dtype)
    f = program(steps)
    large = gradients(f, x, y, inner, seed)
    pieces = [gradients(f, *(a[i : i + PIECE] for a in (x, y)), inner, seed[i : i + PIECE]) for i in range(0, SIZE, PIECE)]
    for k, got in enumerate(large):
        assert got.tobytes() == np.concatenate([p[k] for p in pieces]).tobytes()


def test_arrays_that_are_broadcast_end_a_stretch():
    x, w = ad.constant(np.linspace(-1, 1, 3 * SIZE).reshape(3, SIZE)), ad.constant([[1.5], [2.5], [-0.5]], "float64")
    with ad.GradientTape() as tape:
        tape.watch([x, w])
        loss = ad.reduce_sum(ad.exp(ad.tanh(x) * w) * x)
    gx, gw = tape.gradient(loss, [x, w])
    e, t = np.exp(np.tanh(x.numpy()) * w.numpy()), np.tanh(x.numpy())
    np.testing.assert_allclose(gx, e + x.numpy() * e * w.numpy() * (1 - t * t), rtol=1e-13)
    np.testing.assert_allclose(gw, (x.numpy() * e * t).sum(1, keepdims=True), rtol=1e-12)


def test_what_is_kept_or_watched_elsewhere_is_left_as_it_was():
    x = ad.constant(np.linspace(0.1, 2, SIZE))
    with ad.GradientTape(persistent=True) as outer:
        outer.watch(x)
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = ad.exp(ad.math.log(x) * 3.0)
        g = tape.gradient(y, x)
        again = ad.reduce_sum(g)
    np.testing.assert_allclose(g, 3 * x.numpy() ** 2, rtol=1e-14)
    np.testing.assert_allclose(outer.gradient(again, x), 6 * x.numpy(), rtol=1e-13)
    np.testing.assert_allclose(outer.gradient(y, x), 3 * x.numpy() ** 2, rtol=1e-14)


def read_before(x, y):
    """Adjoints that a stretch finds: one number throughout (the sum of x), one array for both operands of a sum, and one that is added to."""
    a = ad.exp(x)
    b = ad.sin(a) * y
    rest = ad.reduce_sum(x) + 3.0 * ad.reduce_sum(y)
    z = ad.reshape(a + b, (-1, 1))
    return ad.reduce_sum(z * z) + rest, [x, y, a, b]


def passed_on(x, y):
    """Shares that only pass through: to what is asked for, to what is added to, and to both operands at once."""
    a = x + y
    b = a + a
    c = (b - x) + y
    return ad.reduce_sum(c * y + a) + ad.reduce_sum(ad.identity(c)), [x, y, a, b, c]


@pytest.mark.parametrize("f", [read_before, passed_on])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_adjoints_there_before_and_passed_on_have_the_same_bits(f, dtype):
    def gradients(x, y):
        x, y = ad.constant(x), ad.constant(y)
        with ad.GradientTape(persistent=True) as tape:
            tape.watch([x, y])
            total, sources = f(x, y)
        both = tape.gradient(total, sources), tape.gradient(total, [x])      # inner ones kept, or not
        return [g.numpy() for each in both for g in each]

    x, y = np.random.default_rng(1).normal(size=(2, SIZE)).astype(dtype)
    large = gradients(x, y)
    pieces = [gradients(x[i : i + PIECE], y[i : i + PIECE]) for i in range(0, SIZE, PIECE)]
    for k, got in enumerate(large):
        assert got.tobytes() == np.concatenate([p[k] for p in pieces]).tobytes(), k
