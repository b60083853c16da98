"""Jacobians, Hessians, products with them, and forward accumulation, against closed forms and differences."""

import math
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autodiff as ad

A = np.random.default_rng(0).normal(size=(5, 4))
X = np.linspace(0.1, 0.7, 4)

# Functions of a vector of 4, in operations shared by NumPy and autodiff.
FUNCTIONS = {
    "wave": lambda m, x: m.sin(x) * m.exp(x[0] * x[1]),
    "product": lambda m, x: (m.linalg.matvec(ad.constant(A), x) if m is ad else A @ x) ** 2,
    "scalar": lambda m, x: m.sin(x[0]) * x[1] * x[2] + x[3] ** 3,
    "many": lambda m, x: (m.concat if m is ad else m.concatenate)([x * x[k] for k in range(4)] * 3, 0),
    "plane": lambda m, x: m.reshape(m.exp(x) * x[1], (2, 2)),
    "some": lambda m, x: x[1:3] * x[1:3],
}


def differences(f, x, h=1e-6):
    """Central differences: the Jacobian to about 1e-9."""
    columns = [(f(x + h * e) - f(x - h * e)) / (2 * h) for e in np.eye(len(x))]
    return np.stack(columns, -1)


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_jacobians_are_those_of_differences(name, traced):
    f = FUNCTIONS[name]
    jacobian = ad.jacobian(lambda x: f(ad, x))
    got = (ad.function(jacobian) if traced else jacobian)(ad.constant(X))
    want = differences(lambda x: f(np, x), X)
    assert got.shape == want.shape and got.dtype == ad.float64
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_products_with_vectors_are_those_of_the_jacobian(name):
    f, x = FUNCTIONS[name], ad.constant(X)
    whole = ad.jacobian(lambda x: f(ad, x))(x).numpy()
    t = np.array([0.3, -1.0, 2.0, 0.5])
    y, dy = ad.jvp(lambda x: f(ad, x), (x,), (t,))
    np.testing.assert_allclose(y.numpy(), f(np, X), rtol=1e-14)
    np.testing.assert_allclose(dy.numpy(), whole @ t, rtol=1e-12, atol=1e-14)
    u = np.random.default_rng(1).normal(size=y.shape)
    again, pullback = ad.vjp(lambda x: f(ad, x), x)
    for _ in range(2):
        (g,) = pullback(u)
        np.testing.assert_allclose(g.numpy(), np.tensordot(u, whole, u.ndim), rtol=1e-12, atol=1e-14)
    with ad.autodiff.ForwardAccumulator(x, ad.constant(t)) as acc:
        y = f(ad, x)
    np.testing.assert_array_equal(acc.jvp(y).numpy(), dy.numpy())


def quartic(x):
    return ad.reduce_sum(x**4) + x[0] * x[1] * x[2] * x[3]


def test_hessians_and_their_products():
    want = np.diag(12 * X**2) + np.array([[0 if i == j else np.prod(np.delete(X, [i, j])) for j in range(4)] for i in range(4)])
    for hessian in (ad.hessian(quartic), ad.function(ad.hessian(quartic))):
        np.testing.assert_allclose(hessian(ad.constant(X)).numpy(), want, rtol=1e-13)
    v = np.array([1.0, -2.0, 0.5, 0.0])
    for product in (ad.hvp(quartic), ad.function(ad.hvp(quartic))):
        np.testing.assert_allclose(product(ad.constant(X), ad.constant(v)).numpy(), want @ v, rtol=1e-13)
    _, forward_over_reverse = ad.jvp(ad.grad(quartic), (ad.constant(X),), (v,))
    np.testing.assert_allclose(forward_over_reverse.numpy(), want @ v, rtol=1e-13)
    third = ad.jacobian(ad.hessian(quartic))(ad.constant(X)).numpy()
    assert third.shape == (4, 4, 4) and math.isclose(third[0, 0, 0], 24 * X[0]) and math.isclose(third[0, 1, 2], X[3])


def test_structures_and_several_arguments():
    def f(p, k):
        return {"sum": p["a"] * k, "square": ad.reduce_sum(p["b"] ** 2)}

    p = {"a": np.array([1.0, 2.0]), "b": np.array([[3.0, 4.0]])}
    slopes = ad.jacobian(f)(p, 5.0)
    np.testing.assert_array_equal(slopes["sum"]["a"].numpy(), 5 * np.eye(2))
    np.testing.assert_array_equal(slopes["sum"]["b"].numpy(), np.zeros((2, 1, 2)))
    np.testing.assert_array_equal(slopes["square"]["b"].numpy(), [[6.0, 8.0]])
    by_p, by_k = ad.jacobian(lambda p, k: p["a"] * k, argnums=(0, -1))(p, np.float64(5.0))
    np.testing.assert_array_equal(by_p["a"].numpy(), 5 * np.eye(2))
    np.testing.assert_array_equal(by_k.numpy(), [1.0, 2.0])
    v = ad.Variable(np.array([1.0, 2.0]))
    np.testing.assert_array_equal(ad.jacobian(lambda v: v * v)(v).numpy(), [[2.0, 0.0], [0.0, 4.0]])
    seconds = ad.hessian(lambda q: q["x"] ** 2 * q["y"])({"x": np.float64(3.0), "y": np.float64(2.0)})
    assert float(seconds["x"]["x"]) == 4 and float(seconds["x"]["y"]) == 6 and float(seconds["y"]["y"]) == 0


def test_the_tape_has_them_too():
    x = ad.Variable(X)
    for name, f in FUNCTIONS.items():
        with ad.GradientTape() as tape:
            y = f(ad, x)
        np.testing.assert_allclose(tape.jacobian(y, x).numpy(), differences(lambda x, f=f: f(np, x), X), rtol=1e-7, atol=1e-9, err_msg=name)
        with pytest.raises(RuntimeError, match="one set of gradients"):
            tape.jacobian(y, x)
    with ad.GradientTape(persistent=True) as tape:
        y = x * x
        inside = tape.jacobian(y, {"x": x})
    np.testing.assert_array_equal(inside["x"].numpy(), np.diag(2 * X))
    other = ad.Variable(1.0)
    assert tape.jacobian(y, other) is None and tape.jacobian(y, [other], unconnected_gradients="zero")[0].shape == (4,)
    np.testing.assert_array_equal(tape.jacobian(y, x, experimental_use_pfor=False).numpy(), np.diag(2 * X))
    with ad.GradientTape() as tape:
        y = x * x
    with pytest.raises(RuntimeError, match="persistent"):
        tape.jacobian(y, x, experimental_use_pfor=False)
    with pytest.raises(TypeError, match="one tensor"):
        tape.jacobian([y], x)


def test_second_derivatives_by_two_tapes():
    x = ad.Variable(np.array([1.0, 2.0]))
    with ad.GradientTape() as outer:
        with ad.GradientTape() as inner:
            y = ad.reduce_sum(x**3) * x[0]
        g = inner.gradient(y, x)
    h = outer.jacobian(g, x).numpy()
    np.testing.assert_allclose(h, [[12.0, 12.0], [12.0, 12.0]])  # of x^4 + y^3 x at (1, 2)
    with ad.GradientTape() as outer:
        with ad.GradientTape() as inner:
            y = x * x[0]
        j = inner.jacobian(y, x)
    np.testing.assert_array_equal(outer.jacobian(j, x).numpy(), [[[2, 0], [0, 0]], [[0, 1], [1, 0]]])


def test_batches():
    x = ad.Variable(np.arange(1.0, 13).reshape(3, 2, 2))
    with ad.GradientTape(persistent=True) as tape:
        y = ad.reduce_sum(x * x, axis=2) * x[:, :, 0]
    got = tape.batch_jacobian(y, x).numpy()
    whole = tape.jacobian(y, x).numpy()
    assert got.shape == (3, 2, 2, 2)
    for b in range(3):
        np.testing.assert_allclose(got[b], whole[b, :, b], rtol=1e-14)
    other = ad.Variable(np.ones((3, 5)))
    np.testing.assert_array_equal(tape.batch_jacobian(y, other).numpy(), np.zeros((3, 2, 5)))
    with pytest.raises(ValueError, match="must have rank at least 2"):
        tape.batch_jacobian(y, ad.Variable([1.0]))
    with pytest.raises(ValueError, match="Need first dimension"):
        tape.batch_jacobian(y, ad.Variable(np.ones((1, 2))))


def test_nothing_has_an_empty_jacobian():
    x = ad.constant(np.ones(3))
    assert ad.jacobian(lambda x: x[:0])(x).shape == (0, 3)
    assert ad.jacobian(lambda x: ad.reduce_sum(x))(ad.constant(np.ones((0,)))).shape == (0,)
    assert ad.jacobian(lambda x: ad.constant([1, 2]))(x).numpy().tolist() == [[0, 0, 0], [0, 0, 0]]
    empty, full = ad.jacobian(lambda a, b: ad.reduce_sum(a) + b, argnums=(0, 1))(ad.constant(np.ones((0, 2))), x)
    assert empty.shape == (3, 0, 2) and full.numpy().tolist() == np.eye(3).tolist()
    v = ad.Variable(np.ones((0, 2)))
    with ad.GradientTape(persistent=True) as tape:
        y = v * v
        z = ad.reduce_sum(v) + x
    assert tape.jacobian(z, v).shape == (3, 0, 2)
    assert tape.jacobian(z, [x, v])[0] is None
    assert tape.batch_jacobian(y, v).shape == (0, 2, 2)


def test_a_gradient_written_in_python_has_a_jacobian():
    @ad.custom_gradient
    def cube(x):
        return x**3, lambda dy: ad.constant(dy.numpy() * 3 * x.numpy() ** 2)

    got = ad.jacobian(lambda x: ad.concat([cube(x)] * 3, 0))(ad.constant([1.0, 2.0], dtype="float64"))
    np.testing.assert_array_equal(got.numpy(), np.vstack([np.diag([3.0, 12.0])] * 3))


def test_large_jacobians_come_in_blocks(monkeypatch):
    monkeypatch.setattr("autodiff.jacobians.MOST_ELEMENTS", 64)
    x = np.linspace(0.0, 1.0, 20)
    for f, want in ((lambda x: ad.sin(x), np.diag(np.cos(x))), (lambda x: ad.concat([x] * 4, 0), np.vstack([np.eye(20)] * 4))):
        np.testing.assert_allclose(ad.jacobian(f)(ad.constant(x)).numpy(), want)


def test_a_mapped_sweep_of_a_tape_from_outside_depends_on_its_cotangent():
    """Its rows were all the first one's."""
    x = ad.constant([1.0, 2.0])
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
    rows = ad.vectorized_map(lambda u: tape.gradient(y, x, output_gradients=u), ad.eye(2), fallback_to_while_loop=False)
    np.testing.assert_array_equal(rows.numpy(), [[2.0, 0.0], [0.0, 4.0]])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["sin", "exp", "tanh", "square", "sum", "shift", "mask", "softmax", "cumsum"]), min_size=1, max_size=5))
def test_rows_and_columns_agree(steps):
    def f(x):
        for step in steps:
            x = {"sum": lambda x: x * ad.reduce_sum(x), "shift": lambda x: ad.concat([x[1:], x[:1] * 0.5], 0), "square": lambda x: x * x * 0.5,
                 "mask": lambda x: ad.where(x > 0.3, x, 2.0 * x), "softmax": ad.nn.softmax, "cumsum": ad.cumsum,
                 "sin": ad.sin, "exp": lambda x: ad.exp(0.3 * x), "tanh": ad.tanh}[step](x)  # fmt: skip
        return x

    x = ad.constant(X)
    whole = ad.jacobian(f)(x).numpy()
    columns = np.stack([ad.jvp(f, (x,), (e,))[1].numpy() for e in np.eye(4)], -1)
    np.testing.assert_allclose(columns, whole, rtol=1e-11, atol=1e-13)
    wide = ad.jacobian(lambda x: ad.concat([f(x)] * 3, 0))(x).numpy()  # by columns
    np.testing.assert_allclose(wide, np.vstack([whole] * 3), rtol=1e-11, atol=1e-13)


def test_accumulators_nest():
    x = ad.constant(np.float64(1.3))
    acc = ad.autodiff.ForwardAccumulator
    with acc(x, ad.constant(np.float64(1.0))) as outer:
        with acc(x, ad.constant(np.float64(1.0))) as inner:
            y = x**4
        first = inner.jvp(y)
    assert math.isclose(float(outer.jvp(first)), 12 * 1.3**2, rel_tol=1e-14)
    assert inner.jvp(first) is None
    v = ad.Variable(np.array([1.0, 2.0]))
    with acc(v, ad.constant(np.array([1.0, 0.0]))) as products:
        with ad.GradientTape() as tape:
            y = ad.reduce_sum(v**3) * v[1]
        g = tape.gradient(y, v)
    np.testing.assert_allclose(products.jvp(g).numpy(), [12.0, 3.0])  # d^2/dx^2, d^2/dxdy of (x^3 + y^3) y at (1, 2)


@pytest.mark.parametrize("traced", [False, True])
def test_products_that_are_asked_late_belong_to_the_tapes_around_all_the_same(traced):
    """An accumulator computes when it is asked; that was lost on tapes and accumulators that had been left by then."""
    acc, tape = ad.autodiff.ForwardAccumulator, ad.GradientTape

    def second(x):
        with acc(x, 1.0) as outer:
            with acc(x, 1.0) as inner:
                y = x**4
        first = inner.jvp(y)
        assert inner.jvp(outer.jvp(y)) is None  # an inner one does not see the outer one's
        return first, outer.jvp(first)

    def mixed(x):
        with tape() as around:
            around.watch(x)
            with acc(x, 1.0) as inner:
                y = x**4
        first = inner.jvp(y)
        return first, around.gradient(first, x)

    def third(x):
        with tape() as around, acc(x, 1.0) as outer:
            around.watch(x)
            with acc(x, 1.0) as inner:
                y = x**4
        return inner.jvp(y), around.gradient(outer.jvp(inner.jvp(y)), x)

    for f, order in ((second, 2), (mixed, 2), (third, 3)):
        f = ad.function(f) if traced else f
        for at in (1.3, 0.7):
            first, last = f(ad.constant(np.float64(at)))
            assert math.isclose(float(first), 4 * at**3, rel_tol=1e-14)
            assert math.isclose(float(last), (12 * at**2 if order == 2 else 24 * at), rel_tol=1e-13)


def test_what_records_late_is_what_recorded_around_the_accumulator():
    acc, x = ad.autodiff.ForwardAccumulator, ad.constant(np.float64(1.3))
    with ad.GradientTape(persistent=True) as around:
        around.watch(x)
        with ad.GradientTape(persistent=True) as left:
            left.watch(x)
        with acc(x, 1.0) as inner:
            y = x**3
            with ad.GradientTape(persistent=True) as inside:
                inside.watch(x)
    late = inner.jvp(y)
    assert math.isclose(float(around.gradient(late, x)), 6 * 1.3) and left.gradient(late, x) is None and inside.gradient(late, x) is None
    around.gradient(y, x)
    del around, left
    assert float(inner.jvp(y)) == float(late)  # its tapes are gone, and it has its own record
    unused = acc(x, 3.0)
    assert float(unused.jvp(x)) == 3.0 and unused.jvp([y, x])[0] is None and float(unused.jvp(y, unconnected_gradients="zero")) == 0.0
    found = []
    thread = threading.Thread(target=lambda: found.append(float(inner.jvp(y))))
    thread.start()
    thread.join()
    assert found == [float(late)]


def test_forward_mode_over_functions_and_custom_gradients():
    """What TensorFlow's own tests of forward accumulation ask, and what it refuses: recompute_grad."""
    acc = ad.autodiff.ForwardAccumulator

    @ad.custom_gradient
    def sine(x):
        return np.sin(x.numpy()), lambda dy: dy * ad.cos(x)

    @ad.recompute_grad
    def again(x):
        return ad.sin(x)

    def forward(f, x):
        with acc(x, np.ones(2)) as a:
            y = f(x)
        return a.jvp(y)

    x = np.array([0.5, 2.0])
    for f in (ad.sin, sine, again, ad.function(ad.sin)):
        np.testing.assert_allclose(forward(f, ad.constant(x)).numpy(), np.cos(x), rtol=1e-15)
        np.testing.assert_allclose(forward(lambda t, f=f: forward(f, t), ad.constant(x)).numpy(), -np.sin(x), rtol=1e-15)
        np.testing.assert_allclose(ad.jacobian(lambda t, f=f: forward(f, t))(ad.constant(x)).numpy(), np.diag(-np.sin(x)), rtol=1e-15)

    @ad.custom_gradient
    def broken(x):
        def grad(dy):
            raise ValueError("told by the rule")

        return 1.0 * x, grad

    with acc(ad.constant(x), np.ones(2)):
        y = broken(ad.constant(x))
    with acc(v := ad.constant(x), np.ones(2)) as a:
        y = broken(v)
    with pytest.raises(ValueError, match="told by the rule"):
        a.jvp(y)
    tangents = [np.eye(2)[k] for k in range(2)]  # many at once
    columns = ad.vectorized_map(lambda t: ad.jvp(lambda x: ad.sin(x) * x[0], (ad.constant(x),), (t,))[1], np.stack(tangents), fallback_to_while_loop=False)
    np.testing.assert_allclose(columns.numpy().T, ad.jacobian(lambda x: ad.sin(x) * x[0])(ad.constant(x)).numpy(), rtol=1e-14)


def test_pullbacks_and_products_of_many_at_once():
    x, f = ad.constant(X), lambda x: ad.sin(x) * x[0]
    whole = ad.jacobian(f)(x).numpy()
    seeds = np.random.default_rng(1).normal(size=(7, 4))
    _, pullback = ad.vjp(f, x)
    rows = ad.vectorized_map(lambda u: pullback(u)[0], seeds, fallback_to_while_loop=False)
    np.testing.assert_allclose(rows.numpy(), seeds @ whole, rtol=1e-12)
    product = ad.hvp(quartic)
    many = ad.vectorized_map(lambda v: product(x, v), seeds, fallback_to_while_loop=False)
    np.testing.assert_allclose(many.numpy(), seeds @ ad.hessian(quartic)(x).numpy(), rtol=1e-12)


def test_hessians_of_networks_by_batches_are_those_by_rows():
    """An LSTM step: batch_jacobian of batch_jacobian, at once and one sweep each."""
    rng = np.random.default_rng(3)
    inputs, w = rng.normal(size=(2, 3, 2)), rng.normal(size=(4, 8))
    c0 = ad.constant(np.zeros((3, 2)))

    def cell(c):
        h = ad.zeros((3, 2), dtype="float64")
        for x in inputs:
            i, j, f, o = ad.split(ad.matmul(ad.concat([x, h], 1), w), 4, axis=1)
            c = c * ad.sigmoid(f + 1.0) + ad.sigmoid(i) * ad.tanh(j)
            h = ad.tanh(c) * ad.sigmoid(o)
        return c

    with ad.GradientTape(persistent=True) as outer:
        outer.watch(c0)
        with ad.GradientTape(persistent=True) as inner:
            inner.watch(c0)
            y = cell(c0)
        first = ad.reshape(inner.batch_jacobian(y, c0), (3, 4))
    second = outer.batch_jacobian(first, c0).numpy()
    np.testing.assert_allclose(second, outer.batch_jacobian(first, c0, experimental_use_pfor=False).numpy(), rtol=1e-12)
    step = 1e-5

    def slopes(c):
        with ad.GradientTape() as tape:
            tape.watch(c)
            y = cell(c)
        return tape.batch_jacobian(y, c).numpy().reshape(3, 4)

    for k in range(2):
        e = np.zeros((3, 2))
        e[:, k] = step
        np.testing.assert_allclose(second[:, :, k], (slopes(ad.constant(e)) - slopes(ad.constant(-e))) / (2 * step), rtol=1e-6, atol=1e-9)


def test_what_an_accumulator_refuses_and_gives_for_nothing():
    acc, x = ad.autodiff.ForwardAccumulator, ad.constant([1.0, 2.0])
    with pytest.raises(ValueError, match="multiple times"):
        acc([x, x], [x, x])
    with pytest.raises(ValueError, match="same nested structure"):
        acc([x], x)
    with acc(x, ad.constant([1.0, 1.0])) as a:
        y = 2.0 * x
        with pytest.raises(ValueError, match="already recording"):
            a.__enter__()
    assert a.jvp(ad.constant(1.0)) is None
    assert a.jvp({"y": y, "x": x})["x"].numpy().tolist() == [1.0, 1.0]
    assert a.jvp(ad.constant([1.0]), unconnected_gradients="zero").numpy().tolist() == [0.0]
    with pytest.raises(ValueError):
        a.jvp(y, unconnected_gradients="nonsense")
    with a:
        z = x * x
    assert a.jvp([y, z])[1].numpy().tolist() == [2.0, 4.0]


def test_errors_name_the_function():
    x = ad.constant([1.0, 2.0])
    with pytest.raises(TypeError, match="jacobian: expected a function"):
        ad.jacobian(3)
    with pytest.raises(ValueError, match="jvp: expected tuples"):
        ad.jvp(ad.sin, x, x)
    with pytest.raises(ValueError, match=r"jvp: expected a direction of shape \(2,\)"):
        ad.jvp(ad.sin, (x,), (ad.constant([1.0]),))
    with pytest.raises(TypeError, match="hvp: expected the arguments"):
        ad.hvp(quartic)(x)
    with pytest.raises(TypeError, match="jacobian: expected an argument of floats"):
        ad.jacobian(lambda k: k)(3)
    with pytest.raises(ValueError, match="vjp: the function returns 1 tensors"):
        ad.vjp(lambda x: (x,), x)[1]((x, x))
    with pytest.raises(TypeError, match="jacobian: expected the function to return tensors"):
        ad.jacobian(lambda x: "no")(x)


@pytest.mark.parametrize("rows", [1, 3, 5])
def test_a_jacobian_has_the_dtype_of_its_source(rows):
    """By rows, where these are fewer, or by columns."""

    def f(x):
        return ad.cast(ad.concat([x, x * x], 0)[:rows], "float32") * 2.0

    x = ad.constant([0.5, -1.0, 2.0], dtype="float64")
    for jacobian in (ad.jacobian(f), ad.function(ad.jacobian(f))):
        assert jacobian(x).dtype == ad.float64
        np.testing.assert_array_equal(jacobian(x).numpy(), [[2, 0, 0], [0, 2, 0], [0, 0, 2], [2, 0, 0], [0, -4, 0]][:rows])


@pytest.mark.parametrize("f", [lambda x: ad.math.multiply_no_nan(ad.sqrt(x), np.array([0.0, 0.0, 2.0])), lambda x: ad.math.divide_no_nan(ad.sqrt(x), np.array([0.0, 0.0, 0.5])),
                               lambda x: ad.math.reciprocal_no_nan(ad.sqrt(ad.nn.relu(x)))], ids=["multiply", "divide", "reciprocal"])  # fmt: skip
def test_what_no_nan_leaves_out_has_no_slope_in_any_direction(f):
    x = ad.Variable([-1.0, 0.0, 4.0], dtype=ad.float64)
    with ad.GradientTape(persistent=True) as tape:
        y, root = f(x), ad.sqrt(f(x))           # whose slope is infinite at 0
    slopes = tape.gradient(y, x).numpy()
    assert slopes.tolist()[:2] == [0, 0] == tape.gradient(root, x).numpy().tolist()[:2] and np.isfinite(slopes).all()
    assert tape.jacobian(y, x).numpy().tolist() == np.diag(slopes).tolist()
    with ad.autodiff.ForwardAccumulator(x, ad.ones_like(x)) as acc:
        y = f(x)
    assert acc.jvp(y).numpy().tolist() == slopes.tolist()
