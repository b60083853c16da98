"""Fused loops over rows: shifted slices, broadcast operands and sums over axes have the bits of a run as written, on any number of threads."""

import ctypes
import ctypes.util
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_function import same

import autodiff as ad
from autodiff import errors


@pytest.fixture(autouse=True)
def as_before():
    before = ad.config.get_num_threads()
    yield
    ad.config.set_num_threads(before)


def on_threads(traced, f, *args):
    want = f(*args)
    for n in (1, 2, 5):
        ad.config.set_num_threads(n)
        same(traced(*args), want)


def with_gradient(f):
    def value_and_gradient(*xs):
        with ad.GradientTape() as tape:
            tape.watch(xs)
            y = f(*xs)
        return y, tape.gradient(y, list(xs))

    return value_and_gradient


def loops(traced, *args):
    return traced.cost(*args).loops


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("f", [ad.tanh, ad.math.softplus, ad.sin, ad.math.acosh, ad.math.erf, ad.nn.gelu, ad.math.lgamma], ids=lambda f: f.__name__)
def test_derivatives_computed_beside_values_have_the_bits_of_shares(f, dtype):
    """... also where a cotangent is 0 and the derivative is infinite, and where the derivative has a second share."""
    x = ad.constant([[1.0, 2.5, 1e-3], [1.0, np.inf, -0.0]], dtype)
    w = ad.constant([[1.0, -2.0, 0.5], [0.0, 0.0, 0.0], [0.25, 3.0, np.nan]], dtype)
    for second in (lambda y, x: y, lambda y, x: y + x, lambda y, x: f(y) * x):
        g = with_gradient(lambda x: ad.reduce_sum(second(ad.matmul(f(x * 1.5), w), x)))
        traced = ad.function(g)
        traced(x)
        same(traced(x), g(x))


def test_derivatives_are_kept_whatever_order_the_steps_were_put_into():
    """... where views are dropped, outer products gathered, and logarithms of sums paired with their shares."""
    x, w = ad.constant(np.linspace(-1.0, 1.0, 5)), ad.constant(np.linspace(-0.5, 1.0, 25).reshape(5, 5))

    def f(x, w):
        h = x
        for _ in range(3):
            h = ad.tanh(ad.linalg.matvec(w, h))[1:] * ad.math.softplus(x[:-1])
            h = ad.concat([h, x[:1]], 0)
        return ad.reduce_logsumexp(h) + ad.reduce_sum(ad.reduce_logsumexp(w, axis=1))

    g = with_gradient(f)
    traced = ad.function(g)
    traced(x, w)
    same(traced(x, w), g(x, w))
    steps = [s for _, steps, _ in traced._told((x, w), {})["items"] for s in steps if s["op"] in ("tanh", "softplus")]
    kept = {s["out"]: s["beside"] for s in steps if s["g"] is None}
    shares = [s["beside"] for s in steps if s["g"] is not None]
    assert len(shares) == 6 and None not in shares and set(shares) == set(kept.values())


LINEAR = {"matmul": lambda x, w: ad.matmul(x, w), "matvec": lambda x, w: ad.linalg.matvec(w, x[0]), "cumsum": lambda x, w: ad.math.cumsum(x, axis=1),
          "gather": lambda x, w: ad.gather(x, [4, 0, 0], axis=1), "transpose": lambda x, w: ad.transpose(x)}  # fmt: skip


@pytest.mark.parametrize("f", LINEAR.values(), ids=LINEAR)
def test_what_is_linear_is_not_kept_for_its_shares(f):
    """... nor computed for them alone; its shares have the bits that they have with it."""
    x, w = ad.constant(np.linspace(-1.0, 1.0, 15).reshape(3, 5)), ad.constant(np.linspace(-0.5, 1.0, 25).reshape(5, 5))
    g = with_gradient(lambda x, w: ad.reduce_sum(ad.tanh(f(x, w)) * 3.0))
    traced = ad.function(g)
    traced(x, w)
    same(traced(x, w), g(x, w))
    told = traced._told((x, w), {})["items"]
    made = {s["out"]: i for i, (_, steps, _) in enumerate(told) for s in steps if s["g"] is None}
    ends = {r: i for i, (_, _, dead) in enumerate(told) for r in dead}
    value = next(s["operands"][0] for _, steps, _ in told for s in steps if s["op"] == "tanh" and s["g"] is None)
    assert value not in made or ends[value] <= next(i for i, (_, steps, _) in enumerate(told) if any(s["op"] == "tanh" for s in steps))
    alone = ad.function(lambda x, w: with_gradient(lambda x, w: ad.reduce_sum(f(x, w) * 3.0))(x, w)[1])
    alone(x, w)
    same(alone(x, w), with_gradient(lambda x, w: ad.reduce_sum(f(x, w) * 3.0))(x, w)[1])
    assert all(s["g"] is not None for _, steps, _ in alone._told((x, w), {})["items"] for s in steps if s["op"] in LINEAR)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_quotient_by_one_number_has_the_bits_of_a_division(dtype):
    """... also next to where it would be rounded the other way, and where a product with the reciprocal overflows, underflows or has no sign."""
    r = np.random.default_rng(11)
    edge = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-310, -5e-324, 1e308, -1e300, 1e-300, 2.0**-800, 2.0**800, 1.0, -1.0]
    for c in (3.0, -math.sqrt(2.0), 49.0, 2.0 - 2.0**-52, 1.0 + 2.0**-52, 1e-200, 1e300, 5e-324, 0.0, -0.0, np.inf, np.nan, 2.0**-99 / 3, 0.1):
        with np.errstate(all="ignore"):
            near = c * r.integers(1, 2**40, 700).astype("f8")
            x = np.concatenate([edge, near, np.nextafter(near, 0), np.nextafter(near, np.inf), r.normal(size=700) * 2.0 ** r.integers(-1000, 1000, 700)])
            x = np.resize(x, 2821).astype(dtype)            # (no whole number of vectors)
            number = np.asarray(c, dtype)
            expected = x / number
        for f, args in ((lambda x, c=c: -(x / c), [x]), (lambda x, c: -(x / c), [x, number])):
            traced = ad.function(f)
            traced(*map(ad.constant, args))
            got = -traced(*map(ad.constant, args)).numpy()
            assert np.array_equal(np.isnan(got), np.isnan(expected))
            assert (got.view(f"u{got.itemsize}") == expected.view(f"u{got.itemsize}"))[~np.isnan(got)].all(), c


# ------------------------------------------------------------------------------------------------------- random programs
def keep(x, axis):
    return ad.reduce_sum(x, axis=axis % max(len(x.shape), 1), keepdims=True)


ONE = [ad.sin, ad.square, ad.math.softplus, ad.negative, lambda x: x * 1.5, lambda x: 0.5 - x, ad.reduce_sum, ad.nn.relu, ad.exp,
       lambda x: x[1:], lambda x: x[:-1], lambda x: x[1:-1], lambda x: x[2:], lambda x: x[:, 1:], lambda x: x[0], lambda x: x[::2],
       lambda x: keep(x, -1), lambda x: keep(x, 0), lambda x: keep(x, 1), lambda x: ad.reduce_sum(x, axis=-1), lambda x: ad.reduce_sum(x, axis=0),
       lambda x: ad.reduce_sum(x, axis=(0, -1)), lambda x: ad.expand_dims(x, 0), lambda x: ad.expand_dims(x, -1), lambda x: ad.expand_dims(x, 1),
       lambda x: ad.reshape(x, (-1,)), lambda x: ad.reshape(x, (-1, 3)), ad.transpose, lambda x: ad.reduce_mean(x, -1, keepdims=True),
       lambda x: ad.reduce_logsumexp(x, axis=-1, keepdims=True), ad.stop_gradient]  # fmt: skip
TWO = [ad.add, ad.subtract, ad.multiply, ad.divide, ad.maximum, lambda a, b: ad.where(a > b, a * b, b), ad.math.atan2, ad.multiply, ad.subtract]
SHAPES = [((3,), (3,)), ((2, 3), (3,)), ((2, 3), (2, 1)), ((5, 1), (1, 4)), ((4, 1, 3), (1, 5, 3)), ((1, 1), (3, 1)), ((0, 3), (1, 3)), ((3, 0), (3, 1)),
          ((7, 90), (7, 1)), ((2, 3, 4), (3, 1)), ((40, 30), (30,)), ((600,), (1,)), ((700, 3), (700, 1)), ((2, 20, 2), (20, 2)), ((130, 2, 5), (1, 2, 1))]


@settings(deadline=None, max_examples=400)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=18),
       st.sampled_from(SHAPES), st.booleans(), st.sampled_from(["float32", "float64"]))  # fmt: skip
def test_random_programs(steps, shapes, everything, dtype):
    def f(x, y):
        with ad.GradientTape(persistent=True) as tape:
            tape.watch([x, y])
            values = [x, y]
            for two, which, i, j in steps:
                a, b = values[-1 - i % min(len(values), 4)], values[j % len(values)]
                try:
                    value = TWO[which % len(TWO)](a, b) if two else ONE[which % len(ONE)](a)
                except (errors.ShapeError, IndexError, ValueError):
                    continue
                if np.prod(value.shape) < 1e5:
                    values.append(value)
            loss = ad.reduce_sum(values[-1] * 0.5)
        return values if everything else loss, tape.gradient(loss, [x, y]), tape.gradient(values[-1], values[len(values) // 2])

    rng = np.random.default_rng(0)
    traced = ad.function(f)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            x, y = (ad.constant(rng.normal(size=shape).astype(dtype)) for shape in shapes)
            same(traced(x, y), f(x, y))


# ------------------------------------------------------------------------------------------------------- slices
def rosenbrock(x):
    return ad.reduce_sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def second_difference(x):
    d = x[2:] - 2 * x[1:-1] + x[:-2]
    return ad.reduce_sum(d * d) + ad.reduce_sum(ad.sin(x))


def far_apart(x):
    return ad.reduce_sum(ad.exp(x[200:] * x[:-200])) + ad.reduce_sum(x[300:] * x[:-300])


def same_piece_often(x):
    return ad.reduce_sum(x[1:] * x[1:] + x[1:] * x[:-1]) + ad.reduce_sum(x[:3])


def rows_of_a_matrix(x):
    x = ad.reshape(x, (-1, 3))
    return ad.reduce_sum((x[1:] - x[:-1]) ** 2) + ad.reduce_sum(ad.reduce_sum(x[1:] * x[:-1], axis=1) ** 2)


@pytest.mark.parametrize("f", [rosenbrock, second_difference, far_apart, same_piece_often, rows_of_a_matrix])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [603, 1026, 120_003])
def test_gradients_of_shifted_slices(f, n, dtype):
    g = with_gradient(f)
    traced = ad.function(g)
    for seed in range(2):
        x = ad.constant(np.random.default_rng(seed).normal(size=n).astype(dtype))
        on_threads(traced, g, x)


def test_slices_meet_in_one_loop():
    traced = ad.function(with_gradient(rosenbrock))
    x = ad.constant(np.linspace(-1, 1, 1000))
    traced(x)
    assert loops(traced, x) == 1
    assert "d view" in str(traced.program(x)).split("one loop")[1]


def test_a_slice_that_adds_to_what_was_there():
    def f(x):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = ad.reduce_sum(x * x * x) + ad.reduce_sum(x[5:] * x[:-5])
            z = ad.reduce_sum(-0.0 * x[1:])
        return tape.gradient([y, z], x)

    traced = ad.function(f)
    for values in (np.linspace(-2, 2, 700), np.full(700, -0.0)):
        on_threads(traced, f, ad.constant(values))


# ------------------------------------------------------------------------------------------------------- broadcast operands
def pairs(x):
    d = ad.expand_dims(x, 1) - ad.expand_dims(x, 0)
    return ad.reduce_sum(1.0 / ad.sqrt(ad.reduce_sum(d * d, axis=2) + 0.01))


def distances(x):
    return ad.reduce_sum(ad.exp(-((ad.expand_dims(x, 1) - ad.expand_dims(x, 0)) ** 2)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [2, 17, 300])
def test_pairs_of_points(n, dtype):
    for f, shape in ((pairs, (n, 3)), (pairs, (n, 70)), (distances, (n,)), (pairs, (n, 1)), (pairs, (n, 16))):
        if np.prod(shape) * n > 300_000:
            continue
        g = with_gradient(f)
        traced = ad.function(g)
        for seed in range(2):
            on_threads(traced, g, ad.constant(np.random.default_rng(seed).normal(size=shape).astype(dtype)))


def test_pairs_are_one_loop():
    traced = ad.function(with_gradient(pairs))
    x = ad.constant(np.random.default_rng(0).normal(size=(40, 3)))
    traced(x)
    assert loops(traced, x) == 1


def affine(x, w, b):
    return ad.reduce_sum(ad.tanh(x * w + b) ** 2)


def centred(x, w, b):
    m = ad.reduce_sum(x * w, axis=1, keepdims=True) / 3.0
    return ad.reduce_sum((x - m) ** 2 * b) + ad.reduce_sum(ad.exp(m))


@pytest.mark.parametrize("f", [affine, centred])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 2, 513, 40_001])
@pytest.mark.parametrize("m", [1, 2, 3, 20, 70])
def test_weights_and_biases(f, n, m, dtype):
    if n * m > 900_000:
        m = 7
    rng = np.random.default_rng(n + m)
    g = with_gradient(f)
    for w, b in (((m,), (1, m)), ((n, 1), ()), ((1, 1), (n, m)), ((n, m), (n, 1))):
        args = [ad.constant(rng.normal(size=shape).astype(dtype)) for shape in ((n, m), w, b)]
        traced = ad.function(g)
        traced(*args)
        on_threads(traced, g, *args)


def many(count, outer):
    def f(x, *vs):
        y = x
        for k in range(count):
            v = vs[k % len(vs)] + 0.125 * k
            y = y * v if k % 3 else v - y
        return outer(y)

    return f


@pytest.mark.parametrize("outer", [lambda y: y, ad.reduce_sum, lambda y: (ad.reduce_sum(y, -1), y)], ids=["elements", "total", "rows"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "shape, others",
    [
        ((50, 49), [(49,)]),
        ((40_001, 7), [(7,), (1, 7)]),
        ((3, 511), [(511,)]),
        ((3, 512), [(512,)]),
        ((3, 513), [(513,), (3, 1)]),
        ((90, 5, 11), [(11,), (5, 11), (5, 1), (1,)]),
        ((7, 30, 20), [(20,), (30, 20), (7, 1, 1)]),
    ],
)
def test_operands_that_come_again_in_every_block(shape, others, dtype, outer):
    """... have the same bits there, few or many, whether or not blocks hold them a whole number of times."""
    r = np.random.default_rng(5)
    xs = [ad.constant(r.uniform(0.5, 1.5, size=s), dtype) for s in [shape, *others]]
    for count in (2, 9):
        f = many(count, outer)
        traced = ad.function(f)
        traced(*xs)
        on_threads(traced, f, *xs)


def test_gradients_of_broadcast_operands_against_sums():
    rng = np.random.default_rng(3)
    for shape, small in (((4, 5, 3), (4, 1, 3)), ((4, 5, 3), (1, 5, 1)), ((5000, 2, 2), (2,)), ((9, 7), (1, 1)), ((2, 9, 2, 3), (9, 1, 3)), ((6, 30), (6, 1))):
        a, b = rng.normal(size=shape), rng.normal(size=small)
        x, w = ad.constant(a), ad.constant(b)
        with ad.GradientTape() as tape:
            tape.watch(w)
            y = ad.reduce_sum(ad.sin(x * w))
        exact = a * np.cos(a * b)
        lead = len(shape) - len(small)
        axes = (*range(lead), *(lead + i for i, n in enumerate(small) if n == 1))
        want = exact.sum(axis=axes, keepdims=True).reshape(small)
        assert np.allclose(tape.gradient(y, w).numpy(), want, rtol=1e-12, atol=1e-11)


def test_a_result_that_is_read_beside_itself_summed():
    """What a loop adds up is whole after it: whatever reads that waits."""

    def f(x, w):
        with ad.GradientTape() as tape:
            tape.watch([x, w])
            y = x * w
            s = ad.reduce_sum(y, axis=0)
            z = y / (1.0 + s * s)
            t = ad.reduce_sum(z)
        return z, s, tape.gradient(t, [x, w])

    traced = ad.function(f)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        args = ad.constant(rng.normal(size=(50, 4))), ad.constant(rng.normal(size=4))
        on_threads(traced, f, *args)


def test_results_are_not_the_arguments():
    """No replay gives back memory that it was given, or writes to it."""
    traced = ad.function(with_gradient(lambda x, w: ad.reduce_sum((x[1:] + x[:-1]) * w)))
    x, w = ad.constant(np.ones(600)), ad.constant(np.full(1, 2.0))
    first = traced(x, w)
    kept = [t.numpy().copy() for t in ad.nest.flatten(first)]
    traced(x * 3, w * 5)
    assert [t.tobytes() for t in kept] == [t.numpy().tobytes() for t in ad.nest.flatten(first)]
    assert np.array_equal(x.numpy(), np.ones(600))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("of", [ad.reduce_logsumexp, ad.math.reduce_variance, ad.math.reduce_std])
@pytest.mark.parametrize("shape, axis", [((700, 10), 1), ((40, 10), 0), ((3, 130), 1), ((2, 5000), 1), ((2, 3, 4), (0, 2)), ((1, 7), 1), ((5, 1), 1),
                                         ((3, 900), None), ((7,), 0), ((1,), None)])  # fmt: skip
def test_shares_are_computed_beside_what_they_share_work_with(shape, axis, of, dtype):
    """... where the cotangent is known before: one number, 0, or an array; infinite and missing terms too."""
    r = np.random.default_rng(shape[0])
    values = r.normal(size=shape) * 8
    flat = values.reshape(-1)
    flat[:4] = (np.inf, -np.inf, np.nan, np.inf)[: flat.size] if axis is not None else flat[:4]
    values[-1] = -np.inf if shape[0] == 40 else values[-1]
    x = ad.constant(values, dtype)
    fs = {
        "sum": lambda x: ad.reduce_sum(of(x, axis=axis)),
        "mean": lambda x: ad.reduce_mean(of(x, axis=axis, keepdims=True)) + ad.reduce_sum(ad.sin(x)),
        "nothing": lambda x: ad.reduce_sum(of(x, axis=axis) * 0.0),
        "value": lambda x: ad.reduce_sum(ad.exp(of(x, axis=axis) * 0.1)),
        "two": lambda x: ad.reduce_sum(of(x, axis=axis)) + ad.reduce_sum(of(2.0 * x, axis=axis)),
        "view": lambda x: ad.reduce_sum(of(ad.reshape(x, (-1,)))) + ad.reduce_sum(x),
        "fill": lambda x: ad.reduce_sum(of(ad.fill(x.shape, x[(0,) * len(shape)]), axis=axis)),
    }
    for name, f in fs.items():
        g = with_gradient(f)
        traced = ad.function(g)
        traced(x)
        on_threads(traced, g, x)
        lines = [line.split(" = ")[1] for line in str(traced.program(x)).splitlines() if " = " in line]
        at = [k for k, line in enumerate(lines) if line.startswith(f"{of.__name__}(")]
        if name == "sum":
            assert at and all(lines[k + 1].startswith(f"d {of.__name__}") for k in at)


@pytest.mark.parametrize("n", [3, 10, 60, 700, 5000])
def test_shares_of_logsumexp_are_those_of_numpy(n):
    x = np.random.default_rng(n).normal(size=(9, n)) * 3 + 1e4
    e = np.exp(x - x.max(axis=1, keepdims=True))
    want = e / e.sum(axis=1, keepdims=True)
    g = ad.function(ad.grad(lambda x: ad.reduce_sum(ad.reduce_logsumexp(x, axis=1))))
    for _ in range(2):
        np.testing.assert_allclose(g(ad.constant(x)), want, rtol=2e-15 * np.sqrt(n) + 1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows, n", [(16, 64), (17, 60), (341, 3), (700, 24), (90, 33), (50, 150)])
def test_rows_beside_sums_of_all_and_of_columns(rows, n, dtype):
    r = np.random.default_rng(rows)
    x, b = ad.constant(r.normal(size=(rows, n)), dtype), ad.constant(r.normal(size=n), dtype)
    f = with_gradient(lambda x, b: ad.reduce_sum(ad.sin(x * b)) + ad.reduce_sum(ad.reduce_sum(x * x, axis=1) ** 2))
    traced = ad.function(f)
    traced(x, b)
    on_threads(traced, f, x, b)
    wide = x.numpy().astype(float)
    want = (np.cos(wide * b.numpy()) * wide).sum(0)
    np.testing.assert_allclose(traced(x, b)[1][1], want, rtol=1e-9 if dtype == "float64" else 1e-3, atol=1e-9 if dtype == "float64" else 1e-3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("m, n", [(56, 28), (5, 3), (9, 40), (1, 65), (3, 0)])
@pytest.mark.parametrize("steps", [1, 2, 8, 9, 21])
def test_shares_of_one_matrix_added_several_at_once(steps, m, n, dtype):
    """... of a matrix and of its transpose, beside shares that are none of these, and where a partial sum is asked for."""
    r = np.random.default_rng(m + n)
    w, x = ad.constant(r.normal(size=(m, n)), dtype), ad.constant(r.normal(size=n), dtype)

    def f(w, x):
        h, total = x, ad.reduce_sum(w * w)
        for t in range(steps):
            h = ad.linalg.matvec(w, ad.tanh(ad.linalg.matvec(w, h)), transpose_a=True) * (0.1 + t)
            if t == 11:
                total = total + ad.reduce_sum(ad.exp(h))
        return total + ad.reduce_sum(h)

    g = with_gradient(f)
    traced = ad.function(g)
    traced(w, x)
    on_threads(traced, g, w, x)
    told = [s for s in str(traced.program(w, x)).splitlines() if "d matvec" in s and "/ d %0 " in s]
    assert len(told) == 2 * steps


def test_the_sum_of_outer_products_is_that_of_numpy():
    r = np.random.default_rng(0)
    w, xs = ad.constant(r.normal(size=(13, 21))), r.normal(size=(11, 21))

    @ad.function
    def g(w):
        with ad.GradientTape() as tape:
            tape.watch(w)
            y = sum(ad.reduce_sum(ad.linalg.matvec(w, ad.constant(x)) ** 2) for x in xs)
        return tape.gradient(y, w)

    g(w)
    want = sum(np.outer(2 * w.numpy() @ x, x) for x in xs)
    np.testing.assert_allclose(g(w), want, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_shares_of_what_was_put_together(axis):
    r = np.random.default_rng(axis)
    a, b = ad.constant(r.normal(size=(1, 3, 2))), ad.constant(r.normal(size=(1, 3, 2)))

    def f(a, b):
        c = ad.concat([ad.sin(a), a * b, ad.exp(b)], axis)
        return ad.reduce_sum(ad.cos(c) * c), ad.concat([b, a, b], axis)

    def g(a, b):
        with ad.GradientTape() as tape:
            tape.watch([a, b])
            y = ad.reduce_sum(f(a, b)[0]) + ad.reduce_sum(f(a, b)[1])
        return tape.gradient(y, [a, b])

    traced = ad.function(g)
    traced(a, b)
    on_threads(traced, g, a, b)
    once = ad.function(ad.grad(lambda a: ad.reduce_sum(ad.sin(ad.concat([ad.sin(a), b], axis)))))
    once(a)
    assert ("d concat" in str(once.program(a))) == (axis == 2), "the others are runs of elements"


def test_what_fills_a_short_array_up_is_zero():
    """14 numbers are computed as 16: what the last two were left with by arrays that are gone, an infinity or subnormal numbers, which take
    seven times as long, would show in the processor's flags."""
    libm = ctypes.CDLL(ctypes.util.find_library("m"))
    invalid = 1                                             # FE_INVALID of x86 and ARM

    @ad.function
    def f(x):
        ys = [x + 1]
        for _ in range(40):
            ys.append(ad.sin(ys[-1]) + 1)                   # of inf invalid
        return ys

    x = ad.constant(np.linspace(0.1, 1.0, 14))
    f(x)
    for _ in range(20):
        memory = [ad.fill([16], ad.constant(np.inf, "float64")) + 0.0 for _ in range(100)]
        del memory
        libm.feclearexcept(invalid)
        f(x)
        assert not libm.fetestexcept(invalid)


@pytest.mark.parametrize("n", [1, 3, 64, 512, 513])
def test_what_a_short_loop_keeps_from_one_run_to_the_next(n):
    """Constants stay in its memory; numbers and arrays that are given do not."""
    f = with_gradient(lambda x, s: ad.reduce_sum(2.5 * ad.sigmoid(s * x) - s / (1.5 + x * x)))
    traced = ad.function(f)
    for k in range(4):
        x, s = ad.constant(np.random.default_rng(k).normal(size=n)), ad.constant(0.5 + k, dtype="float64")
        same(traced(x, s), f(x, s))
    first = traced(x, s)
    kept = [t.numpy().copy() for t in (first[0], *first[1])]
    traced(x + 1.0, s)
    assert all(np.array_equal(t.numpy(), was) for t, was in zip((first[0], *first[1]), kept))


@pytest.mark.parametrize("n, constants", [(3, (0.5, 0.25)), (14, (2.0,)), (600, (0.5, 0.25))])
def test_steps_of_a_python_loop_are_loops_that_differ_in_registers_or_in_constants(n, constants):
    """What is recorded over and over is built once, for other registers each time; another constant is another loop."""

    def f(x, v, w):
        total = x
        for t in range(12):
            c = constants[t % len(constants)]
            y = ad.tanh(c * total + w[t]) - c * v
            total = ad.concat([y[1:], y[:1] * total[-1:]], 0)
        return ad.reduce_sum(total * total)

    f, traced = with_gradient(f), ad.function(with_gradient(f))
    for seed in range(3):
        rng = np.random.default_rng(seed)
        on_threads(traced, f, *(ad.constant(rng.normal(size=shape)) for shape in (n, n, (12, n))))
    assert loops(traced, ad.constant(np.ones(n)), ad.constant(np.ones(n)), ad.constant(np.ones((12, n)))) >= 12
