"""The laws of passes: what is applied keeps every bit, what is refused has a counter-example."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_function import bits, same

import autodiff as ad
from autodiff import passes

DOC = (Path(__file__).parents[1] / "docs" / "function.md").read_text(encoding="utf-8")
INF = float("inf")
SPECIAL = {"float64": [0.0, -0.0, 1.0, -1.0, 3.0, -7.25, 1e308, -1e308, 5e-324, -5e-324, 2.3e-308, 1e16, -1e16, 0.1, INF, -INF, float("nan")],
           "float32": [0.0, -0.0, 1.0, -1.0, 3.0, -7.25, 3e38, -3e38, 1e-45, -1e-45, 1.2e-38, 1e8, -1e8, 0.1, INF, -INF, float("nan")]}  # fmt: skip
POWERS = [2.0, 0.5, -4.0, 2.0**100, -(2.0**-100), 1024.0]
LAWS = [law for law in passes.LAWS if "reshape" not in law.text]


def points(law, dtype):
    """Arrays for the names of a law, all specials with all; for c every power of two in its turn, as a number."""
    names = [name for name in law.names if name != "c" or law in passes.REFUSED]
    grid = np.array(list(itertools.product(SPECIAL[dtype], repeat=len(names))), dtype).T
    for c in POWERS if len(names) < len(law.names) else [None]:
        yield [ad.constant(row) for row in grid] + ([] if c is None else [c])


@pytest.mark.parametrize("dtype", SPECIAL)
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.text)
def test_before_and_after_have_the_same_bits(law, dtype):
    for xs in points(law, dtype):
        assert bits(law.before(*xs).numpy()) == bits(law.after(*xs).numpy())


@pytest.mark.parametrize("dtype", SPECIAL)
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.text)
def test_each_law_is_applied(law, dtype):
    for xs in points(law, dtype):
        tensors, rest = [x for x in xs if isinstance(x, ad.Tensor)], [x for x in xs if not isinstance(x, ad.Tensor)]
        for given in (tensors, [x[3] for x in tensors]):
            f = ad.function(lambda *ts: law.before(*ts, *rest))
            f(*given)
            same(f(*given), law.before(*given, *rest))
            assert f" 1 by {law.text}" in str(f.program(*given))
            swapped = ad.function(lambda *ts: _swapped(law)(*ts))
            if law.before(*[passes.Term(None, n) for n in law.names]).row in passes.COMMUTATIVE:
                swapped(*given)
                same(swapped(*given), _swapped(law)(*given))
                assert f" 1 by {law.text}" in str(swapped.program(*given))


def _swapped(law):
    """Its left side with the operands of the outermost operation the other way round."""
    term = law.before(*[passes.Term(None, n) for n in law.names])

    def value(term, given):
        if not isinstance(term, passes.Term):
            return term
        return given[law.names.index(term.operands)] if term.row is None else term.row(*[value(x, given) for x in term.operands])

    return lambda *given: term.row(*[value(x, given) for x in term.operands[::-1]])


def test_reshapes():
    f = ad.function(lambda x: (ad.reshape(ad.reshape(x, (3, 2)), (6,)), ad.reshape(x, (2, 3)), ad.reshape(ad.reshape(x, (6,)), (2, 3)), ad.reshape(x, (1, 6))))
    x = ad.constant(np.arange(6.0).reshape(2, 3))
    f(x)
    same(f(x), f.python_function(x))
    program = str(f.program(x))
    assert "2 by reshape(reshape(x)) -> reshape(x), 2 by reshape(x) -> x" in program and f.program(x).steps == 2


@pytest.mark.parametrize("law", passes.REFUSED, ids=lambda law: law.text)
def test_what_is_refused_has_a_counter_example_and_is_not_applied(law):
    (xs,) = points(law, "float64")
    f = ad.function(law.before)
    f(*xs)
    same(f(*xs), law.before(*xs))
    assert " by " not in str(f.program(*xs)).split("one loop")[0].replace("needed by nobody", "")
    wrong = np.broadcast_to(np.asarray(law.after(*xs), np.float64), xs[0].shape)
    assert bits(law.before(*xs).numpy()) != bits(wrong)


def test_laws_look_through_what_others_read_too_and_leave_numbers_that_are_no_constants():
    f = ad.function(lambda x, one: (-x, -(-x), x * one, ad.constant([1.0, 1.0]) * x, x / 3.0, 1.0 / x, x - (-0.0)))
    x, one = ad.constant([0.0, -2.0]), ad.constant(1.0)
    f(x, one)
    same(f(x, one), f.python_function(x, one))
    assert re.findall(r"\d+ by ([^,\n]+)", str(f.program(x, one)).replace("needed by nobody", "")) == ["-(-x) -> x"]
    assert f.program(x, one).steps == 6
    wide = ad.function(lambda x: x * ad.ones([1]) + ad.reshape(x, (1, 2)) * 1.0)
    wide(x)
    same(wide(x), wide.python_function(x))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shares_computed_from_constants_alone_are_constants(dtype):
    def slope(x):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = ad.math.log(ad.constant(0.3, dtype)) * (ad.reduce_sum(ad.exp(x)) * 3.0 / 7.0)
        return tape.gradient(y, x)

    f, x = ad.function(slope), ad.constant([0.1, -2.0], dtype)
    f(x)
    same(f(x), slope(x))
    assert f.program(x).steps == 2 and "2 known already" in str(f.program(x))


STEPS = [lambda x, y: x * 1.0, lambda x, y: 1.0 * x, lambda x, y: x / 1.0, lambda x, y: x - 0.0, lambda x, y: x + 0.0, lambda x, y: x * -1.0,
         lambda x, y: x / 4.0, lambda x, y: x / 3.0, lambda x, y: -x, lambda x, y: x + -y, lambda x, y: -x + y, lambda x, y: x - -y, lambda x, y: 0.0 - x,
         lambda x, y: abs(x), lambda x, y: ad.square(x), lambda x, y: ad.maximum(x, x), lambda x, y: ad.reshape(x, (6,)),
         lambda x, y: ad.reshape(x, (2, 3)), lambda x, y: x * y, lambda x, y: ad.sin(x), lambda x, y: x * 0.0]  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(st.integers(0, len(STEPS) - 1), st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=14))
def test_random_programs_of_what_laws_begin_with(steps):
    def f(x, y):
        with ad.GradientTape() as tape:
            tape.watch([x, y])
            values = [x, y]
            for which, i, j in steps:
                a, b = values[i % len(values)], values[j % len(values)]
                if a.shape == b.shape:
                    values.append(STEPS[which](a, b))
        return values, tape.gradient(values[-1], [x, y])

    traced = ad.function(f)
    for x, y in ([0.0, -0.0, 1.5, -2.0, INF, 1e-310], [3.0, -0.0, 0.0, 1e300, -1.0, 2.0]), ([1.0] * 6, [-0.0] * 6), ([-0.0] * 6, [5.0] * 6):
        args = ad.constant(np.reshape(x, (2, 3))), ad.constant(np.reshape(y, (2, 3)))
        same(traced(*args), f(*args))


def test_the_page_has_these_laws():
    page = DOC.split("| before | after |")[1].split("\n\n")[0]
    told = [tuple(part.strip(" `") for part in line.strip("| ").split(" | ")) for line in page.replace("\\|", "|").splitlines()[2:]]
    assert [f"{before} -> {after}" for before, after in told] == [law.text for law in passes.LAWS]


# ------------------------------------------------------------------------------------------------- shares
@pytest.mark.parametrize("dtype", SPECIAL)
def test_a_share_by_a_quotient_divides_once_and_keeps_every_bit(dtype):
    x, g = ad.constant(np.array(SPECIAL[dtype] * 3, dtype)), ad.constant(np.repeat(np.array(SPECIAL[dtype], dtype), 3))

    def share(x, g, c):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = x / c
        return tape.gradient(y, x, output_gradients=g)

    for c in [*SPECIAL[dtype], 1.4142135623730951]:
        for xs in ((x, g), (x[4], g[7]), (x[4], g[0])):
            f = ad.function(lambda x, g: share(x, g, c))
            f(*xs)
            same(f(*xs), share(*xs, c))
            with np.errstate(all="ignore"):
                divides = not 0 < abs(np.reciprocal(np.array(c, dtype))) < INF         # `select` has a convention for these
            assert ("d div(" in str(f.program(*xs))) == divides
