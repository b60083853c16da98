"""Random programs under the precise replay against mpmath at 2000 bits: values and gradients to half an ulp."""

import math

import mpmath as mp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import autodiff as ad

BITS = 2000
# name: (on tensors, in mpmath, derivatives)
# fmt: off
ONE = {
    "exp":  (ad.exp,            mp.exp,   lambda x: mp.exp(x)),
    "sin":  (ad.sin,            mp.sin,   lambda x: mp.cos(x)),
    "tanh": (ad.tanh,           mp.tanh,  lambda x: mp.sech(x) ** 2),
    "atan": (ad.math.atan,      mp.atan,  lambda x: 1 / (1 + x * x)),
    "expm1": (ad.math.expm1,    mp.expm1, lambda x: mp.exp(x)),
    "neg":  (lambda x: -x,      lambda x: -x, lambda x: -mp.mpf(1)),
    "square": (lambda x: x * x, lambda x: x * x, lambda x: 2 * x),
}
TWO = {
    "add": (lambda a, b: a + b, lambda a, b: a + b, lambda a, b: (mp.mpf(1), mp.mpf(1))),
    "sub": (lambda a, b: a - b, lambda a, b: a - b, lambda a, b: (mp.mpf(1), -mp.mpf(1))),
    "mul": (lambda a, b: a * b, lambda a, b: a * b, lambda a, b: (b, a)),
    "div": (lambda a, b: a / b, lambda a, b: a / b, lambda a, b: (1 / b, -a / (b * b))),
}
# fmt: on
STEPS = st.lists(st.tuples(st.sampled_from([*ONE, *TWO]), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=9)
NUMBERS = st.floats(-30, 30, width=32).filter(lambda x: x == 0 or abs(x) > 1e-6) | st.sampled_from((2.0**-24, 3 * 2.0**-24, 1 + 2.0**-23, 2.0**-60))  # ties of float32
POINTS = st.lists(NUMBERS, min_size=2, max_size=2)


def on_tensors(steps, xs):
    values = list(xs)
    for name, i, j in steps:
        a, b = values[i % len(values)], values[j % len(values)]
        values.append(ONE[name][0](a) if name in ONE else TWO[name][0](a, b))
    return values[-1]


def in_mpmath(steps, xs):
    """The value and its derivatives, forward; None where it is singular or of a size that nobody means."""
    values = [(mp.mpf(x), [mp.mpf(k == i) for k in range(len(xs))]) for i, x in enumerate(xs)]
    for name, i, j in steps:
        (a, da), (b, db) = values[i % len(values)], values[j % len(values)]
        if name in ONE:
            new, slope = ONE[name][1](a), ONE[name][2](a)
            values.append((new, [slope * d for d in da]))
        else:
            if name == "div" and abs(b) < mp.mpf(2) ** -300:
                return None
            new, (p, q) = TWO[name][1](a, b), TWO[name][2](a, b)
            values.append((new, [p * s + q * t for s, t in zip(da, db)]))
        if abs(new) > 500:
            return None
    return values[-1]


def off_by(got, exact, dtype=np.float64):
    """In units in the last place."""
    if abs(exact) < mp.mpf(2) ** -1500:
        return abs(got) / 5e-324                            # what mpmath has left of an exact 0
    return float(abs(mp.mpf(got) - exact) / mp.mpf(float(np.spacing(abs(dtype(float(exact)))))))


@settings(max_examples=200, deadline=None)
@given(steps=STEPS, xs=POINTS, dtype=st.sampled_from((np.float32, np.float64)))
def test_random_programs_round_to_the_nearest_number(steps, xs, dtype):
    with mp.workprec(BITS):
        exact = in_mpmath(steps, xs)
        if exact is None:
            return
        variables = [ad.Variable(dtype(x)) for x in xs]
        with ad.GradientTape(persistent=True, precise=True) as tape:
            y = on_tensors(steps, variables)
        assert off_by(float(tape.value(y)), exact[0], dtype) <= 0.5
        for g, want in zip(tape.gradient(y, variables), exact[1]):
            if math.isfinite(dtype(float(want))):
                assert off_by(0.0 if g is None else float(g), want, dtype) <= 0.5


@settings(max_examples=60, deadline=None)
@given(x=st.floats(-700, 700), order=st.integers(1, 3))
def test_derivatives_of_the_naive_softplus_to_the_third_order(x, order):
    v = ad.Variable(np.float64(x))

    def derivative(k):
        if k == 0:
            return ad.math.log(1 + ad.exp(v))
        with ad.GradientTape(persistent=True, precise=True) as tape:
            y = derivative(k - 1)
        return tape.gradient(y, v)

    with mp.workprec(BITS):
        s = 1 / (1 + mp.exp(-mp.mpf(x)))
        exact = [None, s, s * (1 - s), s * (1 - s) * (1 - 2 * s)][order]
        assert off_by(float(derivative(order)), exact) <= 0.5


def test_the_logistic_map_which_doubles_lose_within_a_hundred_steps():
    x = ad.Variable(np.float64(0.1))
    with ad.GradientTape(persistent=True, precise=True) as tape:
        y = x.value()
        for _ in range(100):
            y = 3.9 * y * (1 - y)
    with mp.workprec(BITS):
        z, slope = mp.mpf(0.1), mp.mpf(1)
        for _ in range(100):
            z, slope = mp.mpf(3.9) * z * (1 - z), mp.mpf(3.9) * (1 - 2 * z) * slope
        assert abs(float(y) - z) > 0.1
        assert off_by(float(tape.value(y)), z) <= 0.5 and off_by(float(tape.gradient(y, x)), slope) <= 0.5
