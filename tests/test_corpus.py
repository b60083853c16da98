"""Every program of the corpus: its derivatives by hand, by the complex step and by the engine are the same."""

import numpy as np
import pytest

import autodiff as ad
import byhand
import plain
from corpus import CASES

EVERY = pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
EPSILON = {np.float64: 2.0**-52, np.float32: 2.0**-23}
# Of each value, and of each gradient against its largest entry; the longest program takes 1,000 operations.
ROUNDINGS = 200


def by_hand(case, args):
    return getattr(byhand, case.name)(*args)


def engine_arguments(case, dtype):
    """The case's inputs as the engine takes them: variables, constants, and parts of the program as they are."""
    args = case.inputs(dtype=dtype)
    variables = [ad.Variable(a, dtype=dtype) for a in args[: case.wrt]]
    return variables, [ad.constant(a) if isinstance(a, np.ndarray) else a for a in args[case.wrt :]]


def by_engine(case, dtype):
    variables, data = engine_arguments(case, dtype)
    with ad.GradientTape() as tape:
        y = case.f(ad, *variables, *data)
    assert y.shape == () and y.dtype == dtype
    gradients = tape.gradient(y, variables)
    assert [(g.shape, g.dtype) for g in gradients] == [(v.shape, v.dtype) for v in variables]
    return y.numpy(), [g.numpy() for g in gradients]


def assert_same(got, expected, epsilon):
    (value, derivatives), (expected_value, expected_derivatives) = got, expected
    assert value == pytest.approx(expected_value, rel=ROUNDINGS * epsilon)
    assert len(derivatives) == len(expected_derivatives)
    for k, (d, e) in enumerate(zip(derivatives, expected_derivatives)):
        bound = ROUNDINGS * epsilon * np.max(np.abs(e))
        np.testing.assert_allclose(d, e, rtol=0, atol=bound, err_msg=f"the derivative by argument {k}")


def test_the_corpus_is_well_formed():
    assert len(CASES) >= 30
    for case in CASES.values():
        args = case.inputs()
        assert all(np.asarray(a).dtype == np.float64 for a in args[: case.wrt])
        assert list(case.sizes) == sorted(case.sizes)
        assert callable(getattr(byhand, case.name)) and case.title


@EVERY
def test_the_derivative_by_hand_is_that_of_the_complex_step(case):
    args = case.inputs()
    assert_same(by_hand(case, args), plain.value_and_derivatives(case.f, args, case.wrt), EPSILON[np.float64])


@EVERY
def test_the_engine_has_the_derivative_of_the_complex_step(case):
    expected = plain.value_and_derivatives(case.f, case.inputs(), case.wrt)
    assert_same(by_engine(case, np.float64), expected, EPSILON[np.float64])


@EVERY
def test_the_engine_has_it_in_float32_too(case):
    args = case.inputs(dtype=np.float32)
    rounded = [a.astype(np.float64) if getattr(a, "dtype", None) == np.float32 else a for a in args]
    assert_same(by_engine(case, np.float32), by_hand(case, rounded), EPSILON[np.float32])


@EVERY
def test_the_second_derivative_is_the_slope_of_the_one_by_hand(case):
    variables, data = engine_arguments(case, np.float64)
    args, rng = case.inputs(), np.random.default_rng(1)
    along = [rng.normal(size=np.shape(a)) for a in args[: case.wrt]]
    with ad.GradientTape() as outer:
        with ad.GradientTape() as tape:
            y = case.f(ad, *variables, *data)
        slope = sum(ad.reduce_sum(g * d) for g, d in zip(tape.gradient(y, variables), along))
    got = outer.gradient(slope, variables, unconnected_gradients="zero")

    def moved(h):
        return by_hand(case, [a + h * d for a, d in zip(args, along)] + args[case.wrt :])[1]

    h = 1e-5  # differences of the fourth order: 1e-20 from them, 1e-11 from rounding
    for g, *around in zip(got, moved(-2 * h), moved(-h), moved(h), moved(2 * h)):
        expected = (around[0] - 8 * around[1] + 8 * around[2] - around[3]) / (12 * h)
        scale = max(np.max(np.abs(expected)), *[np.max(np.abs(a)) for a in around])
        np.testing.assert_allclose(g.numpy(), expected, rtol=0, atol=1e-8 * scale)
