"""The laws that plans apply and those they refuse: docs/function.md, line by line."""

import re
from pathlib import Path

import numpy as np
import pytest
from test_function import same

import autodiff as ad
from autodiff.ops import ROWS

DOC = (Path(__file__).parents[1] / "docs" / "function.md").read_text(encoding="utf-8")
INF = float("inf")
# The formula, where the law would give other bits, and how many operations must be left.
REFUSED = {
    "`x + 0` is `x`": (lambda x: x + 0.0, [(-0.0,), (1.0,)], 1),
    "`x * 0` is `0`": (lambda x: x * 0.0, [(INF,), (-1.0,)], 1),
    "`0 - x` is `-x`": (lambda x: 0.0 - x, [(0.0,)], 1),
    "`x - x` is `0`": (lambda x: x - x, [(INF,)], 1),
    "`x / x` is `1`": (lambda x: x / x, [(0.0,)], 1),
    "`(a + b) + c` is `a + (b + c)`": (lambda a, b, c: ((a + b) + c) - (a + (b + c)), [(1e16, -1e16, 1.0)], 5),
    "`a * c + b * c` is `(a + b) * c`": (lambda a, b, c: a * c + b * c, [(1e308, -1e308, 10.0)], 3),
    "`x / c` is `x * (1 / c)`": (lambda x: x / 49.0, [(5.0,)], 1),
    "`a * b + c` is one fused operation": (lambda a, b, c: a * b + c, [(1 + 2.0**-30, 1 + 2.0**-30, -1 - 2.0**-29)], 2),
}
WRONG = {  # what the refused law would give there
    "`x + 0` is `x`": lambda x: x, "`x * 0` is `0`": lambda x: 0.0, "`0 - x` is `-x`": lambda x: -x, "`x - x` is `0`": lambda x: 0.0,
    "`x / x` is `1`": lambda x: 1.0, "`(a + b) + c` is `a + (b + c)`": lambda a, b, c: 0.0,
    "`a * c + b * c` is `(a + b) * c`": lambda a, b, c: (a + b) * c, "`x / c` is `x * (1 / c)`": lambda x: x * (1 / 49.0),
    "`a * b + c` is one fused operation": lambda a, b, c: 2.0**-60,
}  # fmt: skip


def steps(f, *args):
    return ad.function(f).program(*args).steps


def test_the_page_has_these_laws():
    refused = DOC.split("wrong for floating-point numbers:")[1].split("\nNaive")[0]
    assert [line.split(" | ")[0].strip("| ") for line in refused.splitlines() if line.startswith("| `")] == list(REFUSED) == list(WRONG)


@pytest.mark.parametrize("law", REFUSED)
@pytest.mark.parametrize("shape", [(), (3,)])
def test_refused_laws_are_not_applied(law, shape):
    f, points, count = REFUSED[law]
    traced = ad.function(f)
    for values in [tuple(2.5 for _ in points[0]), *points]:
        args = [ad.constant(np.full(shape, v)) for v in values]
        with np.errstate(all="ignore"):
            assert traced(*args).numpy().tobytes() == f(*args).numpy().tobytes() == np.array(f(*[np.full(shape, v) for v in values])).tobytes()
    assert traced.program(*args).steps == count


@pytest.mark.parametrize("law", REFUSED)
def test_each_counter_example_is_one(law):
    f, points, _ = REFUSED[law]
    with np.errstate(all="ignore"):
        assert all(np.float64(f(*map(np.float64, v))).tobytes() != np.float64(WRONG[law](*v)).tobytes() for v in points if v != (1.0,))


def slope(f):
    def gradient(x):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = ad.reduce_sum(f(x))
        return tape.gradient(y, x)

    return gradient


def test_laws_that_are_applied():
    x = ad.constant([0.5, -0.0, INF, float("nan")])
    assert steps(lambda x: (ad.exp(x), x * 2.0)[1], x) == 1  # nobody needs exp
    assert steps(slope(lambda x: x * x), x) == 1  # neither the product nor the sum: x + x
    assert steps(lambda x: ad.sin(x) * ad.sin(x) + 2.0 * ad.sin(x), x) == 4
    assert steps(lambda x: x * (ad.exp(ad.constant(2.0)) + 1.0), x) == 1
    f = slope(lambda x: x * ad.constant([1.0, 2.0, 3.0, 4.0]))  # 1 * constant
    assert steps(f, x) == 0 and ad.function(f)(x).numpy().tolist() == [1, 2, 3, 4]
    assert "d mul(" in str(ad.function(slope(lambda x: ad.sin(x / 3.0))).program(x))  # 1 / 3 once
    many = ad.function(lambda x: ad.reduce_sum(ad.sin(x) * ad.exp(x) + x))
    assert many.cost(x).loops == 1 and many.cost(x).steps == 5
    pairs = ad.function(slope(lambda x: ad.exp(ad.reduce_sum((ad.expand_dims(x, 1) - ad.expand_dims(x, 0)) ** 2, axis=1)))).cost(x)
    assert pairs.loops == 1
    slices = ad.function(slope(lambda x: ad.sin(x[1:] - x[:-1]))).cost(x)
    assert slices.loops == 1
    net = ad.function(lambda v, w: ad.matmul(ad.sin(ad.matmul(ad.ones((1024, 3)), v)), w)).cost(ad.ones((3, 8)), ad.ones((8, 2)))
    assert net.bands == 1 and net.peak_bytes == 4 * (1024 * 3 + 3 * 8 + 8 * 2 + 1024 * 2)  # neither of what lies between is whole
    cost = ad.function(lambda x: ad.sin(ad.cumsum(ad.exp(ad.cumsum(ad.sin(x)))))).cost(ad.zeros(1000))
    assert cost.steps == 5 and cost.peak_bytes == 4 * 3000  # the argument, what is read, what is written


def test_every_law_of_the_page_is_known_to_this_file():
    applied = DOC.split("because it keeps every bit:")[1].split("\nAnd these")[0]
    assert len(re.findall(r"^\| (?!law|--)", applied, re.M)) == 16  # (a quotient by one number, and what is linear, in test_fused_loops.py; chains in test_chains.py)


TWINS = sorted(name for name, row in ROWS.items() if getattr(row, "twin", False))
AROUND = {  # where the cotangent comes from: a number, an array, something that waits for the value, with a share to be added to, and from another loop
    "number": lambda f, x: ad.reduce_sum(f(x)), "array": lambda f, x: ad.reduce_sum(f(x) * (x + 1.0)),
    "value": lambda f, x: ad.reduce_sum(ad.sin(f(x)) * 0.5), "zero": lambda f, x: ad.reduce_sum(f(x) * 0.0),
    "again": lambda f, x: ad.reduce_sum(ad.sin(f(x) * x) + f(x) * f(x)),
    "later": lambda f, x: ad.reduce_sum(ad.sin(ad.gather(f(x[-46:]), list(range(45, -1, -1))))),
}  # fmt: skip


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", TWINS)
def test_value_and_derivative_at_once_have_the_bits_of_each(name, dtype, around):
    special = [0.0, -0.0, INF, -INF, float("nan"), 1e-310, -1e-40, 88.0, -104.0, 745.0, -745.0, 30.0, -30.0, 1e-9]
    x = ad.constant(np.concatenate([np.random.default_rng(3).normal(size=2100) * 8, special]).astype(dtype))

    f = getattr(ad.math, name, None) or getattr(ad.nn, name)

    def both(x):
        y, slope = ad.value_and_grad(lambda x: AROUND[around](f, x))(x)
        return y, slope

    replay = ad.function(both)
    replay(x)
    for eager, replayed in zip(both(x), replay(x)):
        assert one_nan(eager).tobytes() == one_nan(replayed).tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["tanh", "softplus", "erf", "sin"])
def test_short_arrays_of_any_length_have_their_bits(name, dtype):
    f = getattr(ad.math, name)
    x = np.random.default_rng(5).normal(size=131).astype(dtype) * 3

    def both(x, w):
        def loss(x, w):
            y = f(x[1:]) * w[1:]  # of a view that ends where the argument does; the next one of what the loop computed
            return ad.reduce_sum(f(ad.cumsum(f(y) + f(w[:-1])))), y

        with ad.GradientTape() as tape:
            tape.watch([x, w])
            value, y = loss(x, w)
        return [value, y, *tape.gradient(value, [x, w])]

    for n in (*range(2, 36), 60, 63, 64, 65, 66):
        replay, args = ad.function(both), (x[:n].copy(), x[-n:].copy())
        replay(*args)
        expected = [t.numpy().tobytes() for t in both(*map(ad.constant, args))]
        assert [t.numpy().tobytes() for t in replay(*args)] == [t.numpy().tobytes() for t in replay(*args)] == expected, n


@pytest.mark.parametrize("f", [ad.sin, ad.tanh, ad.math.softplus, ad.exp], ids=lambda f: f.__name__)
@pytest.mark.parametrize("law", [ad.minimum, ad.maximum], ids=lambda f: f.__name__)
def test_a_value_that_a_law_put_in_anothers_place_keeps_its_derivative_to_itself(law, f):
    """min(y, y) is y, whose loop has computed f'(x) beside it; that is no slope of min."""
    x = ad.constant(np.random.default_rng(6).uniform(0.1, 0.9, (3, 3)))

    def loss(x):
        y = f(x)
        return ad.reduce_sum(ad.reduce_logsumexp(law(y, y), 0) * ad.cumsum(y[0]))

    eager, traced = ad.grad(loss), ad.function(ad.grad(loss))
    for _ in range(2):
        np.testing.assert_allclose(traced(x), eager(x), rtol=1e-15)


def one_nan(y):
    """Not a number has no sign that means anything, and compilers choose it."""
    return np.where(np.isnan(y.numpy()), np.nan, y.numpy())


def test_there_are_twins():
    assert {"softplus", "sigmoid", "log_sigmoid", "tanh", "erfc", "ndtr", "gelu", "lgamma"} <= set(TWINS)


LOSSES = {
    "norm": ad.norm, "variance": ad.math.reduce_variance, "std": lambda x: ad.reduce_sum(ad.math.reduce_std(x, axis=1)),
    "cross entropy": lambda x: ad.reduce_sum(ad.nn.softmax_cross_entropy_with_logits(labels=ad.nn.softmax(x), logits=x)),
    "labels": lambda x: ad.reduce_mean(ad.nn.sparse_softmax_cross_entropy_with_logits(labels=[1, 0, 3], logits=x)),
    "moments": lambda x: ad.reduce_sum(ad.nn.moments(x, [0])[1]), "l2_normalize": lambda x: ad.reduce_sum(ad.math.l2_normalize(x, 1) ** 3)}  # fmt: skip


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
def test_no_python_between_the_operations_of_a_loss(loss):
    """A row without a kernel is computed by its formula, whose shares the program prints as such."""
    x = ad.constant(np.random.default_rng(0).normal(size=(3, 4)))

    def value_and_gradient(x):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = loss(x)
        return y, tape.gradient(y, x)

    traced = ad.function(value_and_gradient)
    traced(x)
    same(traced(x), value_and_gradient(x))
    assert "shares of" not in str(traced.program(x))


def horner(x):
    p = x[-1]
    for k in range(x.shape[0] - 2, -1, -1):
        p = p * 0.97 + x[k]
    return p


ELEMENTS = {
    "each once": horner,
    "each often": lambda x: sum((x[i] - 0.5 * x[j]) ** 2 for i in range(6) for j in range(i)),
    "some never": lambda x: x[1] * ad.exp(x[3]),
    "of a result": lambda x: horner(ad.sin(x) * x[2]),
    "beside the whole": lambda x: x[0] * ad.reduce_sum(x * x) + x[5] * x[0] + ad.reduce_sum(ad.sin(x)) * x[5],
    "beside rows": lambda x: ad.reduce_sum(ad.reshape(x, (2, -1))[1] * x[2]) + ad.reshape(x, (2, -1))[0, 1],
    "with weights": lambda x: ad.reduce_sum(ad.linalg.matvec(ad.stack([x, x * 2.0]), x) * x[0]) * x[1],
    "of zero": lambda x: x[0] * 0.0 - x[1] * 0.0 - x[0] * 0.0,
    "that decides": lambda x: x[0] * x[1] if x[2] > x[3] else x[4] / x[5],
    "in a loop over them": lambda x: sum(ad.sin(v) for v in x)}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [6, 20, 600])
@pytest.mark.parametrize("f", ELEMENTS.values(), ids=ELEMENTS.keys())
def test_elements_are_read_and_added_to_at_once(f, n, dtype):
    def value_and_gradients(x):
        with ad.GradientTape() as outer:
            outer.watch(x)
            with ad.GradientTape() as tape:
                tape.watch(x)
                y = f(x)
            g = tape.gradient(y, x, unconnected_gradients="zero")
            total = ad.reduce_sum(g * g)
        return y, g, outer.gradient(total, x, unconnected_gradients="zero")

    r, traced = np.random.default_rng(n), ad.function(value_and_gradients)
    for special in (0.0, -0.0, np.inf, np.nan):
        x = r.normal(size=n).astype(dtype)
        same(traced(ad.constant(x)), value_and_gradients(ad.constant(x)))
        x[[1, 4]] = special
        same(traced(ad.constant(x)), value_and_gradients(ad.constant(x)))


def test_the_sums_of_shares_of_elements_are_no_arrays():
    cost = ad.function(ad.grad(horner)).cost(ad.zeros(100, "float64"))
    assert cost.peak_bytes == cost.bytes + 800 == 1600 and cost.operations == cost.steps == 100


def test_a_loop_that_makes_nothing_but_a_sum_is_told_with_what_it_goes_over():
    def first_elements(x):
        return ad.reduce_sum(ad.reshape(x * ad.eye(5, dtype="float64"), [-1])[:3])

    assert "one loop over (5, 5):\n    %10 float64 = d mul(%0, %1)" in str(ad.function(ad.grad(first_elements)).program(ad.constant(np.float64(2.0))))
