"""Random programs under stabilisation beside the same programs without it, and beside the precise replay: never worse, never nan."""

import math

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import autodiff as ad

M = ad.math
FUNCTIONS = [M.exp, M.log, M.sqrt, M.sin, M.cos, M.tanh, M.sigmoid, M.square, M.softplus, M.expm1, M.log1p, M.cosh, M.sinh, M.erf, M.erfc,
             M.atan, M.abs, lambda x: 1 / x, lambda x: -x, lambda x: x**3, lambda x: x**0.5]  # fmt: skip
PAIRS = [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b]
LEAVES = st.one_of(st.sampled_from(["x", "y", "x"]), st.sampled_from([1.0, 2.0, 0.5, 3.0, -1.0]))
# (function, part), (pair, part, part), and ("held", part, function, function, pair): u = part; pair(function(u), function(u))
PROGRAMS = st.recursive(LEAVES, lambda part: st.one_of(
    st.tuples(st.sampled_from(FUNCTIONS), part), st.tuples(st.sampled_from(PAIRS), part, part),
    st.tuples(st.just("held"), part, st.sampled_from(FUNCTIONS), st.sampled_from(FUNCTIONS), st.sampled_from(PAIRS))), max_leaves=6)  # fmt: skip


def run(program, x, y):
    """Every part a temporary, but for what is held."""
    if program == "x" or program == "y":
        return x if program == "x" else y
    if not isinstance(program, tuple):
        return program
    if program[0] == "held":
        u = run(program[1], x, y)
        return program[4](program[2](u), program[3](u)) if not isinstance(u, float) else u
    if len(program) == 2:
        return program[0](run(program[1], x, y)) if not isinstance(program[1], float) else program[1]
    try:
        return program[0](run(program[1], x, y), run(program[2], x, y))
    except ZeroDivisionError:                                   # of two numbers
        return 1.0


def value_and_slopes(program, xs, **flags):
    with ad.GradientTape(persistent=True, **flags) as tape:
        tape.watch(xs)
        y = run(program, *xs)
    if not hasattr(y, "numpy"):
        return None
    value = tape.value(y) if flags.get("precise") else y
    slopes = tape.gradient(y, xs, unconnected_gradients="zero")
    return [float(value), *map(float, slopes)]


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(PROGRAMS, st.sampled_from([0.5, 1.25, -0.75, 3.0, 0.1, 1e-9, 30.0]), st.sampled_from([0.3, 2.0, -1.5, 1.0, 0.0, -40.0]))
def test_stabilised_programs_are_no_worse(program, a, b):
    xs = [ad.constant(v, dtype="float64") for v in (a, b)]
    with np.errstate(all="ignore"):
        plain, stable = value_and_slopes(program, xs), value_and_slopes(program, xs, stabilize=True)
    if plain is None or repr(plain) == repr(stable) or math.isnan(plain[0]):
        return
    right = value_and_slopes(program, xs, precise=True)
    for p, s, r in zip(plain, stable, right):
        if not (math.isfinite(p) and math.isfinite(r)) or abs(r) < 1e-290 and r != 0:
            continue
        assert math.isfinite(s), (plain, stable, right)
        assert abs(s - r) <= 64 * abs(p - r) + 1e-13 * abs(r), (plain, stable, right)
