"""Variables that a recorded function reads and assigns, as tapes inside of it and around it see them."""

import numpy as np
import pytest
from test_function import same

import autodiff as ad

WAYS = [lambda f: f, ad.function]


@pytest.mark.parametrize("how", ["assign", "assign_add"])
def test_an_assignment_is_no_read(how):
    """A tape does not follow what is only assigned inside of it."""
    v, w = ad.Variable([1.0, 2.0]), ad.Variable([1.0, 2.0])

    def f(x):
        with ad.GradientTape() as tape:
            getattr(v, how)(x * w)
            y = x * w
        return len(tape.watched_variables()), tape.gradient(y, [v, w])

    for decorate in WAYS:
        count, (by_v, by_w) = decorate(f)(ad.constant([3.0, 4.0]))
        assert count == 1 and by_v is None
        np.testing.assert_array_equal(by_w.numpy(), [3.0, 4.0])


def assigned_twice(decorate, inside, dtype):
    v = ad.Variable(np.ones(20, dtype))

    @decorate
    def value(x):
        v.assign(x * 0.3)
        a = v.value()
        b = a / (a * a + 1.1)
        v.assign(x * 0.5)
        return ad.reduce_sum(ad.sin(b)) + ad.reduce_sum(ad.sin(v * 2.0))

    def value_and_gradient(x):
        with ad.GradientTape() as tape:
            y = value(x)
        return y, tape.gradient(y, v)

    return decorate(value_and_gradient) if inside else value_and_gradient


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("inside", [True, False], ids=["a tape inside", "a tape around it"])
def test_reads_after_an_assignment_add_their_shares_in_one_order(inside, dtype):
    x = ad.constant(np.random.default_rng(0).normal(size=20).astype(dtype))
    expected, traced = [assigned_twice(decorate, inside, dtype) for decorate in WAYS]
    for xs in (x, x, -x):
        same(traced(xs), expected(xs))
