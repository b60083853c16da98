"""The tangent sweep: in C of one direction and of several, by rules where a tape follows it, and recorded by ad.function."""

import mpmath as mp
import numpy as np
import pytest
from reference import REFERENCE
from structural_cases import DIFFERENTIABLE
from test_rows import SMOOTH, moderate, name_of

import autodiff as ad
from autodiff import ops
from autodiff._core import GradientTape, listing, push_tangents


def tensors(xs):
    return [ad.constant(x) for x in xs]


def floating(xs):
    return [x for x in xs if x.dtype.is_floating]


def agrees_with_the_gradients(f, xs, seed=0, rtol=1e-11):
    """<g, y'(x) t> = <g y'(x), t> for the sweep in C, in C of three directions at once, by rules, and replayed."""
    rng = np.random.default_rng(seed)
    sources = floating(xs)
    with GradientTape(persistent=True) as tape:
        tape.watch(sources)
        y = f(*xs)
    directions = [rng.normal(size=(3, *x.shape)).astype(x.dtype.as_numpy_dtype) for x in sources]
    g = rng.normal(size=y.shape).astype(y.dtype.as_numpy_dtype)
    slopes = tape.gradient(y, sources, output_gradients=g, unconnected_gradients="zero")
    expected = [sum(np.vdot(s.numpy(), t[k]) for s, t in zip(slopes, directions)) for k in range(3)]
    close = dict(rtol=rtol, atol=rtol * 10 * max(1, *[np.prod(x.shape) for x in (y, *sources)]))

    def check(t, k):
        got = np.zeros(y.shape) if t is None else t.numpy() if hasattr(t, "numpy") else t
        assert got.shape == tuple(y.shape)
        np.testing.assert_allclose(np.vdot(g, got), expected[k], **close)

    (one,) = push_tangents(tape, [y], sources, tensors([t[0] for t in directions]))
    assert one is None or one.dtype == y.dtype
    check(one, 0)
    (many,) = push_tangents(tape, [y], sources, tensors(directions), 3)
    for k in range(3):
        check(None if many is None else many.numpy()[k], k)

    def followed(*ts):
        own = ts[: len(sources)]
        with ad.autodiff.ForwardAccumulator(list(own), list(ts[len(sources) :])) as acc:
            it = iter(own)
            z = f(*[next(it) if x.dtype.is_floating else x for x in xs])
        return acc.jvp(z, unconnected_gradients="zero")

    ts = tensors([t[1] for t in directions])
    with GradientTape() as outer:
        outer.watch(sources)
        check(followed(*sources, *ts), 1)
    check(ad.function(followed)(*sources, *ts), 1)


@pytest.mark.parametrize("shapes", ("alike", "broadcast", "scalars"))
@pytest.mark.parametrize("row", SMOOTH, ids=name_of)
def test_elementwise_rows(row, shapes):
    xs = [np.asarray(x).ravel()[:6] for x in moderate(row)]
    if shapes == "broadcast":
        xs = [np.resize(x, s) for x, s in zip(xs, [(2, 1, 3), (3,), (4, 1)])]
    if shapes == "scalars":
        xs = [x[0] for x in xs]
    agrees_with_the_gradients(row, tensors(xs))


@pytest.mark.parametrize("row, shapes, attrs", [c for c in DIFFERENTIABLE if all(np.prod(getattr(s, "shape", s)) < 400 for s in c.values[1])][::3])
def test_structural_rows(row, shapes, attrs):
    rng = np.random.default_rng(3)
    row = ops.ROWS[row]
    xs = tensors([s if isinstance(s, np.ndarray) else rng.normal(size=s) for s in shapes])
    agrees_with_the_gradients(lambda *xs: row(*xs, **dict(zip(row.attrs, attrs))), xs)


A = np.array([[2.0, 0.3, -0.1], [0.3, 1.5, 0.2], [-0.1, 0.2, 3.0]])
NORMAL = np.random.default_rng(5).normal(size=(4, 3))
FORMULAS = {
    "variance": (lambda x: ad.math.reduce_variance(x, axis=0), NORMAL),
    "std": (lambda x: ad.math.reduce_std(x, axis=1, keepdims=True), NORMAL),
    "norm": (lambda x: ad.norm(x, axis=0), NORMAL),
    "mean": (lambda x: ad.reduce_mean(x, axis=0), NORMAL),
    "cross entropy": (lambda z, x: ad.nn.softmax_cross_entropy_with_logits(z, x), np.abs(NORMAL), NORMAL + 1),
    "inverse": (ad.linalg.inv, A),
    "determinant": (ad.linalg.det, np.stack([A, A.T + 1])),
    "logabsdet": (lambda x: ad.linalg.slogdet(x)[1], A),
    "solve": (ad.linalg.solve, A, NORMAL[:3]),
    "solve, adjoint": (lambda a, b: ad.linalg.solve(a, b, adjoint=True), A, NORMAL[:3]),
    "cholesky": (ad.linalg.cholesky, A),
    "eigenvalues": (ad.linalg.eigvalsh, A),
    "eigenvectors": (lambda x: ad.linalg.eigh(x)[1] ** 2, A),
    "singular vectors": (lambda x: ad.linalg.svd(x)[1] ** 2, NORMAL),
    "orthonormal factor": (lambda x: ad.linalg.qr(x)[0], NORMAL), "triangular factor": (lambda x: ad.linalg.qr(x)[1], NORMAL),
    "pseudo-inverse": (ad.linalg.pinv, NORMAL),
    "exponential of a matrix": (ad.linalg.expm, A),
    "einsum": (lambda a, b: ad.einsum("ij,jk->ki", a, b), NORMAL, A),
    "cast": (lambda x: ad.cast(ad.cast(x, "float32") * 2, "float64"), NORMAL),
    "sort": (lambda x: ad.sort(x, axis=0), NORMAL),
    "a shared intermediate": (lambda x: ad.exp(x) * ad.reduce_sum(ad.exp(x)), NORMAL),
    "a stop": (lambda x: ad.stop_gradient(x) * x, NORMAL),
    "a custom gradient": (ad.custom_gradient(lambda x: (x * x, lambda dy: 2 * dy * x)), NORMAL),
    "a function": (ad.function(lambda x: ad.sin(x) * x), NORMAL),
    "whole numbers": (lambda x: ad.cast(ad.cast(x, "int32"), "float64") * x, NORMAL),
}  # fmt: skip


@pytest.mark.parametrize("traced", (False, True))
@pytest.mark.parametrize("f", (ad.add, ad.multiply, ad.maximum, ad.math.hypot), ids=name_of)
def test_tangents_that_broadcast_to_nothing(f, traced):
    def along(a, b):
        with ad.autodiff.ForwardAccumulator([a, b], [a, b]) as acc:
            y = f(a, b)
        return acc.jvp(y)

    along = ad.function(along) if traced else along
    for one, other in [((1, 4, 0), (1, 4, 1)), ((0, 2), (2,)), ((2, 0), (1, 1)), ((2, 1), (0,)), ((0,), ()), ((3, 0, 2), (1, 2))]:
        for shapes in ((one, other), (other, one)):
            xs = [ad.constant(np.ones(s)) for s in shapes]
            assert along(*xs).shape == along(*xs).shape == np.broadcast_shapes(one, other)


@pytest.mark.parametrize("values", ([1.4, 1 / 1.4], [1.9] * 5 + [1.9**-5], [1e-200, 1e200], [-0.6, 1 / 0.6, 3.0, -1 / 3]), ids=str)
def test_products_of_ten_thousand_numbers(values):
    x = ad.constant(np.resize(values, 12000))
    t = ad.constant(np.cos(np.arange(12000.0)) * x.numpy())
    with ad.autodiff.ForwardAccumulator(x, t) as acc, GradientTape() as outer:
        outer.watch(x)
        with GradientTape() as tape:
            tape.watch(x)
            y = ad.reduce_prod(x)
        along = ad.reduce_sum(tape.gradient(y, x) * t)
    total = float(y) * np.cos(np.arange(12000.0)).sum()             # sum of t * y / x
    np.testing.assert_allclose([float(acc.jvp(y)), float(along)], total, rtol=1e-11)
    np.testing.assert_allclose(outer.gradient(along, x).numpy() * x.numpy(), total - float(y) * np.cos(np.arange(12000.0)), rtol=1e-9, atol=1e-10)


@pytest.mark.filterwarnings("ignore:function. followed takes the value of a tensor to Python")     # sort, slogdet
@pytest.mark.parametrize("name", FORMULAS)
def test_formulas(name):
    f, *xs = FORMULAS[name]
    agrees_with_the_gradients(f, tensors(xs), rtol=1e-6 if name == "cast" else 1e-11)


@pytest.mark.parametrize("row", [r for r in SMOOTH if r.arity == 1 and r.name in ("tanh", "log1p", "erf", "sin", "softplus")], ids=name_of)
def test_against_more_digits(row):
    """The tangent of tanh(x * x) and its like, and the tangent of that, by differences at 200 bits."""
    f = REFERENCE[row.name]
    with mp.workprec(200):
        expected = [mp.diff(lambda s: f((mp.mpf(0.75) + s) ** 2), 0, n) for n in (1, 2)]
    x = ad.constant(0.75, dtype="float64")
    one = ad.ones_like(x)
    with ad.autodiff.ForwardAccumulator(x, one) as outer:
        with ad.autodiff.ForwardAccumulator(x, one) as inner:
            y = row(x * x)
        first = inner.jvp(y)
    np.testing.assert_allclose([float(first), float(outer.jvp(first))], [float(e) for e in expected], rtol=1e-14)


def test_a_tangent_of_zero_contributes_exactly_zero():
    x = ad.constant([0.0, 4.0])
    for lanes in (1, 2):
        with GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = ad.sqrt(x) + ad.math.log(x)
        t = np.array([0.0, 1.0], np.float32)
        (got,) = push_tangents(tape, [y], [x], [ad.constant(t if lanes == 1 else np.stack([t, t]))], lanes)
        np.testing.assert_array_equal(got.numpy().reshape(lanes, 2), [[0, 0.5]] * lanes)


def test_a_direction_through_an_intermediate_source_adds_to_what_comes_from_below():
    x = ad.constant(3.0)
    with GradientTape(persistent=True) as tape:
        tape.watch(x)
        m = x * x
        y = m * x
    (got,) = push_tangents(tape, [y], [x, m], [ad.constant(1.0), ad.constant(10.0)])
    assert float(got) == 27 + 30


def test_nothing_is_recorded_of_a_sweep_that_nobody_follows():
    """One pass over what was recorded; gradients of gradients would record it once more."""
    x = ad.constant(np.linspace(0.1, 1.0, 5))
    with ad.autodiff.ForwardAccumulator(x, ad.ones_like(x)) as acc:
        y = ad.reduce_sum(ad.tanh(x) * x)
        before = len(listing(acc._tape))
        acc.jvp(y)
        assert len(listing(acc._tape)) == before


def test_a_gradient_by_numpy_has_a_tangent():
    @ad.custom_gradient
    def cube(x):
        return x.numpy() ** 3, lambda dy: ad.constant(dy.numpy() * 3 * x.numpy() ** 2)

    y, dy = ad.jvp(cube, (ad.constant([1.0, 2.0], dtype="float64"),), (ad.constant([1.0, 10.0], dtype="float64"),))
    np.testing.assert_array_equal(dy.numpy(), [3, 120])


def test_tall_jacobians_go_forward_and_agree():
    w = np.random.default_rng(0).normal(size=(40, 3))
    x = ad.constant([0.1, -0.2, 0.3], dtype="float64")
    for scale in (1.0, w):
        f = lambda x, scale=scale: ad.tanh(ad.linalg.matvec(w, x)) * ad.reduce_sum(x * scale) + ad.nn.softmax(ad.linalg.matvec(w, x))
        with GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = f(x)
        rows = np.stack([tape.gradient(y, x, output_gradients=e).numpy() for e in np.eye(40)])
        np.testing.assert_allclose(ad.jacobian(f)(x).numpy(), rows, rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(ad.function(ad.jacobian(f))(x).numpy(), rows, rtol=1e-13, atol=1e-15)


AT_ONCE = {
    "softmax": lambda x: ad.nn.softmax(x, axis=0), "log_softmax": lambda x: ad.nn.log_softmax(x), "one likely": lambda x: ad.nn.softmax(20.0 * x),
    "concat": lambda x: ad.concat([x, ad.sin(x), ad.ones((1, 4), "float64")], 0), "columns": lambda x: ad.concat([ad.ones((3, 2), "float64"), x], 1),
    "prod": lambda x: ad.reduce_prod(x, axis=1), "max": lambda x: ad.reduce_max(x, axis=0, keepdims=True), "min": lambda x: ad.reduce_min(x),
    "logsumexp": lambda x: ad.reduce_logsumexp(x, axis=[0, 1]), "variance": lambda x: ad.math.reduce_variance(x, axis=1),
    "std": lambda x: ad.math.reduce_std(x), "norm": lambda x: ad.math.reduce_euclidean_norm(x, axis=0),
    "det": lambda x: ad.linalg.det(x[:, :3]), "logdet": lambda x: ad.linalg.slogdet(x[:, :3])[1],
    "cross entropy": lambda x: ad.nn.softmax_cross_entropy_with_logits(ad.nn.softmax(x + 1.0), x),
}  # fmt: skip


@pytest.mark.parametrize("f", AT_ONCE.values(), ids=AT_ONCE)
def test_formulas_take_many_directions_at_once(f):
    """The columns of a Jacobian are the tangents along one direction each; a recording of them is as long for many as for few."""
    x = np.random.default_rng(5).normal(size=(3, 4))

    def tall(x):                                    # columns, for they are fewer
        y = f(x)
        return ad.concat([ad.reshape(y, [-1]), ad.zeros(13, "float64")], 0)

    columns = [ad.jvp(tall, [ad.constant(x)], [ad.constant(u.reshape(3, 4))])[1].numpy() for u in np.eye(12)]
    traced = ad.function(ad.jacobian(tall))
    for jacobian in (ad.jacobian(tall), traced, traced):
        np.testing.assert_allclose(jacobian(x).numpy().reshape(-1, 12), np.stack(columns, 1), rtol=1e-13, atol=1e-15)
    assert int(str(traced.program(x)).split()[1]) < 110


@pytest.mark.parametrize("extreme, sign", [(ad.reduce_max, 1), (ad.reduce_min, -1)], ids=["max", "min"])
def test_what_is_not_the_extreme_adds_no_infinite_tangent(extreme, sign):
    """sqrt at 0 is less than 1 and moves no maximum: its slope met the weight 0 as infinity times 0, where gradient had 0."""

    def f(x):
        return extreme(ad.stack([sign * ad.sqrt(x), sign + x * x], axis=-1), axis=-1)

    x = ad.Variable([0.0, 0.25, 4.0], dtype=ad.float64)
    with ad.GradientTape(persistent=True) as tape:
        with ad.autodiff.ForwardAccumulator(x, ad.ones_like(x)) as acc:
            y = f(x)
    slopes = tape.gradient(y, x).numpy()
    assert slopes.tolist()[0] == 0 and acc.jvp(y).numpy().tolist() == slopes.tolist()
    assert tape.jacobian(y, x).numpy().tolist() == np.diag(slopes).tolist()
    assert ad.function(lambda x: ad.jvp(f, [x], [ad.ones_like(x)])[1])(x.value()).numpy().tolist() == slopes.tolist()
