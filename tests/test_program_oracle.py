"""Random programs on arrays, their slopes and second derivatives, beside the same programs in mpmath: what may differ is what rounding explains."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mp_arrays import at_random, evaluate, on_tensors

import autodiff as ad

SHAPES = [((), ()), ((5,), ()), ((3,), (3,)), ((3, 2), ())]
STEP = mp.mpf(2) ** -200


def exactly(program, xs, directions, noise=None):
    """The sum of the result, its slope along the directions and how that bends, by differences that leave out 2**-380."""
    def at(t):
        return evaluate(program, [x + t * d for x, d in zip(xs, directions)], noise)

    middle, up, down = at(0), at(STEP), at(-STEP)
    return middle, (up - down) / (2 * STEP), (up - 2 * middle + down) / (STEP * STEP)


def by_tapes(program, xs, directions, **flags):
    xs, directions = [[ad.constant(x) for x in list_of] for list_of in (xs, directions)]

    def along(y):
        return ad.add_n([ad.reduce_sum(g * d) for g, d in zip(y, directions)])

    with ad.GradientTape(**flags) as outer:
        outer.watch(xs)
        with ad.GradientTape(**flags) as tape:
            tape.watch(xs)
            y = ad.reduce_sum(on_tensors(program, xs))
        slope = along(tape.gradient(y, xs, unconnected_gradients="zero"))
    return [float(y), float(slope), float(along(outer.gradient(slope, xs, unconnected_gradients="zero")))]


def check(seed, shapes, flags):
    rng = np.random.default_rng(seed)
    xs, directions = [[np.array(rng.normal(size=s)) for s in shapes] for _ in range(2)]
    program = at_random(seed, shapes)
    got = by_tapes(program, xs, directions, **flags)
    with mp.workprec(800):
        inputs = [[np.vectorize(lambda v: mp.mpf(float(v)), otypes=[object])(x) for x in list_of] for list_of in (xs, directions)]
        try:
            want = exactly(program, *inputs)
        except (OverflowError, ZeroDivisionError, ValueError):
            return
        if not all(abs(w) < mp.mpf(10) ** 200 for w in want):
            return
        rounding = [max(abs(a - w) for a in at) for w, at in zip(want, zip(*[exactly(program, *inputs, noise) for noise in (1, 2, 3)]))]
        size = 1 + mp.fsum(map(abs, want))              # (terms of a bend that is 0 whatever is rounded cancel too)
        for what, g, w, r in zip(("value", "slope", "bend"), got, want, rounding):
            assert abs(g - w) <= 100 * r + mp.mpf(10) ** -13 * size, f"{what} of {program}: {g}, not {mp.nstr(w, 17)}; rounding explains {mp.nstr(r, 3)}"


@pytest.mark.parametrize("flags", [{}, {"stabilize": True}], ids=["plain", "stabilised"])
@given(st.integers(0, 10**9), st.sampled_from(SHAPES))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_random_programs(flags, seed, shapes):
    check(seed, shapes, flags)
