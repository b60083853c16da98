"""Eager and replayed agree bit for bit: every transform, every differentiable row, and programs put together at random."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structural_cases import DIFFERENTIABLE
from test_function import same
from test_rows import SMOOTH, moderate, name_of

import autodiff as ad
from autodiff import ops


@ad.custom_gradient
def own_softplus(x):
    e = ad.exp(-ad.abs(x))
    return ad.maximum(x, 0.0) + ad.math.log1p(e), lambda g: g * ad.sigmoid(x)


def gradients(f, *xs):
    """By a persistent tape, of the vector and of a sum of it beside a custom gradient."""
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(xs)
        y = f(*xs)
        total = ad.reduce_sum(own_softplus(y)) + ad.reduce_mean(y * y)
    return [tape.gradient(t, xs, unconnected_gradients="zero") for t in (y, total, y)]


def gradients_of_gradients(f, *xs):
    with ad.GradientTape() as outer:
        outer.watch(xs[0])
        with ad.GradientTape() as tape:
            tape.watch(xs[0])
            y = f(*xs)
        g = tape.gradient(y, xs[0], unconnected_gradients="zero")
        total = ad.reduce_sum(g * g)
    return g, outer.gradient(total, xs[0], unconnected_gradients="zero")


def scalar(f, xs):
    return lambda x: ad.reduce_sum(ad.sin(f(x, *xs[1:])))


def vjp(f, *xs):
    y, back = ad.vjp(f, *xs)
    return y, back(ad.cos(y))


WAYS = {
    "as written": lambda f, *xs: f(*xs),
    "gradients": gradients,
    "gradients of gradients": gradients_of_gradients,
    "vjp": vjp,
    "jvp": lambda f, *xs: ad.jvp(f, list(xs), [ad.cos(x) for x in xs]),
    "jacobian": lambda f, *xs: ad.jacobian(lambda x: f(x, *xs[1:]))(xs[0]),
    "hessian": lambda f, *xs: ad.hessian(scalar(f, xs))(xs[0]),
    "jvp of a jvp": lambda f, *xs: ad.jvp(lambda x: ad.jvp(lambda z: f(z, *xs[1:]), [x], [ad.cos(x)])[1], [xs[0]], [ad.sin(xs[0])]),
    "hvp": lambda f, *xs: ad.hvp(scalar(f, xs))(xs[0], ad.cos(xs[0])),
}


def agree(f, inputs, ways=WAYS):
    """... and what a call has returned stays as it is, whatever later calls compute."""
    for name in ways:
        eager = [WAYS[name](f, *[ad.constant(x) for x in xs]) for xs in inputs]
        traced = ad.function(lambda *xs: WAYS[name](f, *xs))
        calls = (0, 0, *range(1, len(inputs)), 0)
        replayed = [traced(*[ad.constant(x) for x in inputs[k]]) for k in calls]
        for k, result in zip(calls, replayed):
            same(result, eager[k])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("row", SMOOTH, ids=name_of)
def test_elementwise_rows(row, dtype):
    xs = [np.asarray(x).ravel()[:9].astype(dtype) for x in moderate(row)]
    agree(row, [xs])
    if len(xs) > 1:                                 # shapes that broadcast
        agree(row, [[np.resize(x, shape) for x, shape in zip(xs, [(3,), (2, 3), (1,)])]], ["gradients", "jvp", "jacobian"])


@pytest.mark.parametrize("row, shapes, attrs", [c for c in DIFFERENTIABLE if all(np.prod(getattr(s, "shape", s)) < 60 for s in c.values[1])][::2])
def test_structural_rows(row, shapes, attrs):
    rng, row = np.random.default_rng(3), ops.ROWS[row]
    xs = [s if isinstance(s, np.ndarray) else rng.normal(size=s).astype("float32") for s in shapes]
    if xs and xs[0].dtype.kind == "f" and xs[0].size:
        fixed = [ad.constant(x) for x in xs]
        agree(lambda x: row(x, *fixed[1:], **dict(zip(row.attrs, attrs))), [xs[:1]], ["gradients", "jvp", "jacobian"])


ONE = [ad.exp, ad.tanh, ad.sigmoid, ad.square, ad.sin, ad.math.softplus, lambda x: -x, ad.abs, lambda x: x * 2.0, lambda x: 1.0 / (1.0 + x * x),
       ad.math.erf, ad.math.log1p, ad.nn.silu, own_softplus, ad.stop_gradient, lambda x: ad.where(x > 0.5, x * x, x)]  # fmt: skip
TWO = [ad.add, ad.subtract, ad.multiply, ad.divide, ad.maximum, ad.math.hypot, lambda a, b: ad.where(a < b, a * 0.5, b)]
OF_AXES = [ad.reduce_sum, ad.reduce_mean, ad.reduce_max, ad.reduce_prod, ad.reduce_logsumexp, ad.math.reduce_std]


def step(r, pool):
    """Another value, of some in the pool."""
    a, kind = r.choice(pool[-3:]), r.random()
    rank = len(a.shape)
    if kind < 0.35:
        return r.choice(ONE)(a)
    if kind < 0.65:
        return r.choice(TWO)(*r.sample([a, r.choice([p for p in pool if len(p.shape) == 0 or p.shape == a.shape or rank == 0])], 2))
    if rank == 0:
        return ad.stack([a, a * 3.0])
    if kind < 0.78:
        return r.choice(OF_AXES)(a, axis=r.choice([None, -1]), keepdims=r.random() < 0.5)
    if rank == 2:
        return r.choice([lambda: ad.matmul(a, a, transpose_b=True), lambda: ad.transpose(a), lambda: ad.nn.softmax(a), lambda: a[0]])()
    return r.choice([lambda: ad.gather(a, [0, -1 + a.shape[0], 0]), lambda: ad.cumsum(a), lambda: ad.nn.log_softmax(a), lambda: a[::2]])()


@given(st.integers(0, 10**9), st.sampled_from(["float32", "float64"]), st.sampled_from([((), ()), ((7,), ()), ((3,), (3,)), ((17,), ()), ((3, 2), ())]))
@settings(max_examples=60)
def test_programs(seed, dtype, shapes):
    rng = np.random.default_rng(seed)

    def program(*xs):
        r, pool = random.Random(seed), list(xs)
        for _ in range(r.randint(1, 9)):
            pool.append(step(r, pool))
        return pool[-1]

    agree(program, [[rng.normal(size=s).astype(dtype) for s in shapes] for _ in range(2)])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_share_computed_beside_its_value_waits_for_a_cotangent_that_is_one_number(dtype):
    def f(x):
        m = ad.reduce_logsumexp(x, axis=0, keepdims=True)
        return ad.reduce_sum(m) + ad.reduce_sum(0.3 * m)

    agree(lambda x: ad.value_and_grad(f)(x), [[np.arange(5.0).astype(dtype)], [np.ones(5, dtype)]], ["as written"])


def test_a_jacobian_by_lanes_opens_few_tapes():
    """A row or a call that is transposed for every direction takes one bit of the recording for all of them."""
    def f(x):
        return ad.concat([own_softplus(x), ad.cumprod(x), ad.nn.softmax(x)], 0) * ad.reduce_max(x)

    agree(f, [[np.linspace(0.5, 1.5, 70)]], ["jacobian"])


@pytest.mark.parametrize("n", [2, 100])
def test_the_share_of_a_view_of_all_elements_keeps_the_sign_of_a_zero(n):
    agree(lambda x: ad.sin(-x[0]) * 0.0, [[np.linspace(-1.0, 1.0, n)[None]]], ["gradients"])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("k, n", [(2, 2), (3, 7), (4, 64), (5, 129), (64, 64), (66, 20), (1, 5), (5, 1)])
def test_both_shares_of_a_row_times_a_matrix(k, n, dtype):
    """They are computed in one pass over the matrix; alone each is computed by itself."""
    rng = np.random.default_rng(k + n)
    xs = [[rng.normal(size=(1, k)).astype(dtype) * 1e-3, rng.normal(size=(k, n)).astype(dtype)] for _ in range(2)]
    xs[1][0][0, 0] = xs[1][1][0, 0] = -0.0
    f = with_all(lambda x, w: ad.reduce_sum(ad.sin(ad.matmul(ad.exp(x), w))))
    agree(f, xs, ["as written"])
    agree(lambda x, w: f(x, w)[0], xs, ["as written"])
    agree(lambda x, w: f(x, w)[1], xs, ["as written"])
    traced, xs = ad.function(f), [ad.constant(x) for x in xs[0]]
    traced(*xs)
    steps = [s for _, steps, _ in traced._told(xs, {})["items"] for s in steps if s["op"] == "matmul" and s["g"] is not None]
    assert [s["together"] for s in steps] == ([2, 255] if min(k, n) > 1 else [0, 0])


def with_all(f):
    return lambda *xs: ad.value_and_grad(f, argnums=tuple(range(len(xs))))(*xs)[1]


HELD = {
    "of a view": lambda y: (y[1:], y[2:4] * 2.0),
    "of a shape": lambda y: (ad.reshape(y, [2, 3]), ad.reshape(ad.reshape(y, [3, 2])[1:], [-1])),
    "of a shape, then summed": lambda y: ad.reduce_sum(ad.matmul(ad.reshape(y, [2, 3]), ad.reshape(ad.exp(y), [3, 2])), axis=0),
    "of itself": lambda y: (y, ad.identity(y), ad.transpose(ad.reshape(y, [2, 3]))),
    "of Python": lambda y: (ad.linalg.inv(ad.reshape(ad.exp(y[:4]), [2, 2])), ad.reduce_prod(y)),
    "of parts": lambda y: [*ad.split(ad.concat([y, ad.cos(y)], 0), 3), ad.stack([y, y])[1]],
    "of a branch": lambda y: ad.exp(y[3:]) if ad.reduce_sum(y) > 0 else ad.sin(y[:3]),
}  # fmt: skip


@pytest.mark.parametrize("way", HELD.values(), ids=HELD)
def test_results_that_hold_what_lies_between(way):
    """Small arrays keep their places from call to call; nothing that a call returns may stand in them."""
    rng = np.random.default_rng(7)
    w = ad.constant(rng.normal(size=(6, 6)))
    agree(lambda x: way(ad.linalg.matvec(w, ad.tanh(ad.linalg.matvec(w, x)))), [[rng.normal(size=6)] for _ in range(5)], ["as written"])


def test_slopes_and_tangents_along_many_directions_are_a_loop_each():
    """Slopes are of one size, tangents of another; each would close the loop of the other."""
    def f(x):
        return ad.reduce_sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    x = np.linspace(-1.0, 1.0, 50)
    agree(f, [[x]], ["hessian"])
    assert ad.function(ad.hessian(f)).cost(x).loops <= 5


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("m, n", [(1, 1), (1, 20), (20, 1), (2, 3), (7, 66), (64, 64), (130, 129)])
def test_small_products_with_vectors_and_rows(m, n, dtype):
    """They are called without a look at shapes, up to a size."""
    rng = np.random.default_rng(m + n)

    def f(w, x):
        h = ad.tanh(ad.linalg.matvec(w, ad.concat([x, ad.sin(x)], 0)[: x.shape[0]]))
        back = ad.linalg.matvec(w, ad.concat([h, -h, h], 0)[m : 2 * m], transpose_a=True)
        rows = ad.matmul(ad.expand_dims(h, 0), w) + ad.matmul(ad.expand_dims(back, 0), w, transpose_b=True)[0, 0]
        return ad.reduce_sum(ad.sin(rows) * ad.concat([ad.expand_dims(back, 0)] * 2, 1)[:, n:])

    xs = [[rng.normal(size=(m, n)).astype(dtype), rng.normal(size=n).astype(dtype)] for _ in range(2)]
    xs[1][0][0, 0] = xs[1][1][0] = -0.0
    agree(with_all(f), xs, ["as written"])
    agree(f, xs, ["as written"])


def test_what_reads_an_array_of_any_length_waits_until_its_length_is_known():
    """... though another number, of a loop that is open, leaves for Python before."""
    def f(x):
        s = ad.reduce_sum(ad.exp(x[1:] - x[:-1]))
        y = 1.0 if s > 0.0 else 2.0
        some = x[x > 0]
        return ad.reduce_sum(ad.concat([some, ad.sin(x)], 0)) * y + ad.reduce_sum(ad.sin(x) ** 2)

    traced = ad.function(with_all(f))
    xs = [ad.constant(x) for x in ([0.5, 1.0, -1.0, 2.0], [0.5, 1.0, 1.0, 2.0], [-0.5, -1.0, 0.1, 0.0])]
    for x in xs + xs:
        same(traced(x), with_all(f)(x))
    recorded = traced.experimental_get_tracing_count()
    for x in xs + xs:
        same(traced(x), with_all(f)(x))
    assert recorded == traced.experimental_get_tracing_count() == 3


@pytest.mark.parametrize("op", [ad.add, ad.subtract, ad.multiply, ad.maximum], ids=lambda f: f.__name__)
@pytest.mark.parametrize("shapes", [[(1, 1, 0), (0, 1, 0)], [(0, 2), (1, 2)], [(1, 0), (1, 1)], [(0,), (0,)]], ids=str)
def test_shares_of_what_has_no_elements_have_the_shapes_of_their_operands(op, shapes):
    xs = [np.zeros(s) for s in shapes]
    agree(op, [xs], ["gradients", "gradients of gradients", "jvp"])
    traced = ad.function(op)
    for f in (op, traced, traced):
        own = [ad.constant(x) for x in xs]
        with ad.GradientTape(persistent=True) as tape:
            tape.watch(own)
            y = f(*own)
        assert [tuple(g.shape) for g in tape.gradient(y, own)] == shapes
        assert [tuple(g.shape) for g in ad.vjp(f, *own)[1](y)] == shapes
        assert ad.jvp(f, own, own)[1].shape == y.shape


@pytest.mark.parametrize("n", [3, 255, 256, 257, 300, 600])
@pytest.mark.parametrize("join", [ad.stack, lambda xs: ad.concat([ad.reshape(x, [1, 1]) for x in xs], 1), ad.add_n], ids=["stack", "concat", "add_n"])
def test_shares_of_any_number_of_operands(join, n):
    """The number of the 257th went into eight bits: its share was the first one's."""
    def f(x):
        state, states = x[0], []
        for k in range(n):
            state = state * 0.5 + x[k]
            states.append(state)
        return ad.reduce_sum(ad.sin(join(states)))

    agree(f, [[np.random.default_rng(n + k).normal(size=n)] for k in range(2)], ["gradients", "vjp"])


@pytest.mark.parametrize("rows", [2047, 2048, 2049, 4100, 16384])
@pytest.mark.parametrize("f", [lambda a, x: ad.linalg.matvec(a, x, transpose_a=True),
                               ad.grad(lambda a, x: ad.reduce_sum(ad.sin(ad.linalg.matvec(a, x[: a.shape[1]]))), 1),
                               lambda a, x: ad.matmul(x[None], a), ad.grad(lambda a, x: ad.reduce_sum(ad.sin(ad.matmul(x[None], a))), (0, 1))],
                         ids=["transposed", "share of the vector", "row", "shares of a row"])  # fmt: skip
def test_long_sums_over_rows_of_narrow_matrices(f, rows):
    """Small enough to be called directly, and long enough to be summed in chunks."""
    replayed = ad.function(f)
    for columns in (1, 2, 3, 7):
        for k in range(2):
            rng = np.random.default_rng(k)
            a, x = ad.constant(rng.normal(size=(rows, columns))), ad.constant(rng.normal(size=rows))
            same(f(a, x), replayed(a, x))


@pytest.mark.parametrize("view", [lambda u: u[:, None], lambda u: ad.broadcast_to(u, [1, 1]), lambda u: u[::-1], lambda u: u[0]],
                         ids=["dimension", "broadcast", "reversed", "number"])  # fmt: skip
@pytest.mark.parametrize("accumulated", [False, True])
def test_the_share_of_a_view_of_one_element_keeps_the_sign_of_a_zero(view, accumulated):
    """It was added to a 0, as shares of elements of longer arrays are."""
    def slope(u, x):
        with ad.GradientTape() as tape:
            tape.watch(u)
            y = view(u) * x + (u * x if accumulated else 0.0)
        return tape.gradient(y, u)

    replayed = ad.function(slope)
    for x in ([-0.0], [-0.0], [0.0], [2.0]):
        same(slope(ad.constant([2.0]), ad.constant(x)), replayed(ad.constant([2.0]), ad.constant(x)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 3, 17, 100, 3000])
@pytest.mark.parametrize("total", [lambda w, n: ad.reduce_sum(ad.broadcast_to(w, [n])), lambda w, n: ad.reduce_sum(ad.tile(ad.broadcast_to(w, [n, 2]), [1, 3]))],
                         ids=["broadcast", "tile"])  # fmt: skip
def test_a_cotangent_of_one_number_is_summed_as_the_numbers_that_a_recorded_sweep_has(total, n, dtype):
    """A custom gradient has the sweep recorded, step by step, and nothing told there that all the numbers are one."""
    def slope(w, x):
        with ad.GradientTape() as tape:
            tape.watch([w, x])
            y = ad.sin(total(w, n) * 0.3)
            own_softplus(x)
        return tape.gradient(y, w)

    replayed = ad.function(slope)
    for w in (0.6, 0.3, 0.7):
        w, x = ad.constant(w, dtype), ad.constant(1.0, dtype)
        same(slope(w, x), replayed(w, x))
