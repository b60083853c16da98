"""ad.objective: what it computes, how often, what it remembers, what it refuses.  test_optimisers.py has who calls it."""

import copy
import itertools
import math
import pickle
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest

import autodiff as ad

optimize = pytest.importorskip("scipy.optimize")  # rosen_hess, and what minimize stands on
X0 = np.array([-1.2, 1.0, -0.5])


def rosenbrock(x):
    return ad.reduce_sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def by_hand(x):
    a, b = x[1:] - x[:-1] ** 2, 1 - x[:-1]
    g = np.zeros_like(x)
    g[:-1] = -400 * a * x[:-1] - 2 * b
    g[1:] += 200 * a
    return np.sum(100 * a * a + b * b), g


@pytest.mark.parametrize("trace", [True, False])
def test_values_and_gradients_are_float64_and_fresh(trace):
    obj = ad.objective(rosenbrock, like=X0, trace=trace)
    for x in (X0, X0.astype("f4"), list(X0), ad.constant(X0)):
        want, slope = by_hand(np.asarray(x if not isinstance(x, ad.Tensor) else x.numpy(), float))
        value, gradient = obj(x)
        assert type(value) is float and math.isclose(value, want, rel_tol=1e-14) and float(obj(x)) == value
        assert gradient.dtype == np.float64 and gradient.shape == (3,) and gradient.flags.writeable
        np.testing.assert_allclose(gradient, slope, rtol=1e-13)
        gradient[:] = 0
        np.testing.assert_allclose(obj.grad(x), slope, rtol=1e-13)
        assert obj.fun(x) == obj.value(x) == value and obj.jac(x) is not obj.jac(x)
    with pytest.raises(ValueError, match="a vector of 3 numbers"):
        obj(np.zeros(4))
    with pytest.raises(ValueError, match="a vector of 3 numbers"):
        obj(np.zeros((3, 1)))


@pytest.mark.parametrize("like", [(1.0, np.zeros(2)), {"a": np.zeros((2, 2)), "b": [0.5]}, [np.zeros(3)], np.zeros((2, 3)), ad.constant([1.0, 2.0]), 2.0])
def test_parameters_of_any_structure(like):
    def f(*parameters):
        return sum(ad.reduce_sum((x - 3.0) ** 2) for x in ad.nest.flatten(parameters))

    obj = ad.objective(f, like=like)
    fit = obj.minimize()
    for got, given in zip(ad.nest.flatten(fit.params), ad.nest.flatten(like)):
        assert np.shape(got) == np.shape(np.asarray(given)) and np.allclose(got, 3)
    np.testing.assert_array_equal(obj.flatten(fit.params), fit.x)
    assert len(obj.history) >= 2 and obj.history.values[-1] < obj.history.values[0] and "evaluations" in repr(obj.history)
    with pytest.raises((ValueError, TypeError)):
        obj.flatten([np.zeros(7), np.zeros(7), 1.0])


def test_numpy_code_serves_too():
    obj = ad.objective(lambda x: np.sum(np.exp(x) - 2 * x), like=np.zeros(4))
    np.testing.assert_allclose(obj.minimize(method="BFGS").x, np.log(2), rtol=1e-5)


def counted():
    """Rosenbrock's function, run as written, and how often it was."""
    calls = []

    def f(x, *args):
        calls.append(1)
        return rosenbrock(x)

    obj = ad.objective(f, like=X0, trace=False)
    calls.clear()
    return obj, calls


P = np.array([1.0, -2.0, 0.5])
ASKED = {"value": lambda o, x: o.value(x), "fun": lambda o, x: o.fun(x), "grad": lambda o, x: o.grad(x), "hess": lambda o, x: o.hess(x),
         "hessp": lambda o, x: o.hessp(x, P), "both": lambda o, x: o(x)[1]}  # fmt: skip
WANTED = {"value": optimize.rosen, "fun": optimize.rosen, "grad": optimize.rosen_der, "hess": optimize.rosen_hess,
          "hessp": lambda x: optimize.rosen_hess_prod(x, P), "both": optimize.rosen_der}  # fmt: skip


@pytest.mark.parametrize("order", list(itertools.permutations(["fun", "grad", "hess", "hessp"])) + [("hess", "value", "both", "fun")])
def test_a_point_is_evaluated_once_in_whatever_order(order):
    eager, calls = counted()
    traced = ad.objective(rosenbrock, like=X0)
    for x in (X0 + 0.25, X0, X0 + 0.25):
        before, ran = traced.evaluations, len(calls)
        for name in order + order:
            np.testing.assert_allclose(ASKED[name](traced, x), WANTED[name](x), rtol=1e-12)
            np.testing.assert_allclose(ASKED[name](eager, x), WANTED[name](x), rtol=1e-12)
        assert traced.evaluations == before + 1 and len(calls) == ran + 1


def test_second_derivatives_at_one_point_are_computed_once():
    obj = ad.objective(rosenbrock, like=X0)
    h = obj.hess(X0)
    run, obj._recordings["second"] = obj._recordings["second"], None  # a further run would fail
    again = obj.hess(X0)
    assert again is not h and np.array_equal(again, h)
    again[:] = 0
    np.testing.assert_array_equal(obj.hess(X0), h)
    obj._recordings["second"] = run
    assert not np.array_equal(obj.hess(X0 + 1), h)


def test_the_value_alone_takes_no_sweep():
    swept = []

    @ad.custom_gradient
    def watched(x):
        return x * 1.0, lambda g: swept.append(1) or g

    obj = ad.objective(lambda x: rosenbrock(watched(x)), like=X0, trace=False)
    swept.clear()
    assert obj.value(X0 + 1) == obj.nlopt(X0 + 1, np.zeros(0)) == optimize.rosen(X0 + 1) and not swept
    assert obj.fun(X0 + 1) == obj.value(X0 + 1) and swept == [1]


@pytest.mark.parametrize("trace", [True, False])
def test_a_gradient_that_ends_in_an_objective_is_said(trace):
    obj = ad.objective(rosenbrock, like=X0, trace=trace)
    rows, cubes = (lambda x: obj.rows(ad.stack([x]))), ad.sparse_jacobian(lambda x: x**3, like=X0)

    def around(use):
        return ad.grad(lambda x: ad.reduce_sum(x) + (use(x) is None))

    for use in (obj, obj.fun, obj.value, obj.grad, obj.hess, obj.flatten, rows, cubes, cubes.fun):
        with pytest.warns(ad.errors.LostGradientWarning, match="(objective|sparse_jacobian): the value of a tensor that a GradientTape follows"):
            around(use)(X0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ad.grad(lambda x: obj.fun(ad.stop_gradient(x)) + ad.reduce_sum(x))(X0).numpy().tolist() == [1.0] * 3
        assert obj.fun(ad.constant(X0)) == obj.fun(X0)
        ad.grad(lambda x: ad.reduce_sum(x) + ad.objective(rosenbrock, like=x, trace=trace).fun(X0))(X0)  # of which only the shape counts


def test_an_assigned_variable_makes_it_evaluate_again():
    weight = ad.Variable(np.float64(1.0))
    for trace in (True, False):
        weight.assign(1.0)
        obj = ad.objective(lambda x: weight * ad.reduce_sum(x * x), like=X0, trace=trace)
        double = ad.function(lambda: weight.assign(2.0 * weight))
        for factor in (1.0, 2.0, 4.0):
            assert obj.value(X0) == obj.fun(X0) == factor * (X0 @ X0)
            np.testing.assert_array_equal(obj.grad(X0), 2 * factor * X0)
            np.testing.assert_array_equal(obj.hess(X0), 2 * factor * np.eye(3))
            np.testing.assert_array_equal(obj.hessp(X0, P), 2 * factor * P)
            double()  # the first time as written, then replayed


@pytest.mark.parametrize("trace", [True, False])
def test_what_has_changed_is_seen_after_forget(trace):
    scale = [1.0]
    obj = ad.objective(lambda x: scale[0] * ad.reduce_sum(x * x), like=X0, trace=trace)
    for factor in (1.0, 3.0):
        scale[0] = factor
        assert obj.fun(X0) == X0 @ X0 or factor == 3
        obj.forget()
        assert obj.fun(X0) == obj.value(X0) == obj.rows(X0[None])[0] == factor * (X0 @ X0)
        np.testing.assert_array_equal(obj.grad(X0), 2 * factor * X0)
        np.testing.assert_array_equal(obj.hess(X0), 2 * factor * np.eye(3))
        np.testing.assert_array_equal(obj.sparse_hess(X0).toarray(), 2 * factor * np.eye(3))
        np.testing.assert_array_equal(obj.hessp(X0, P), 2 * factor * P)


@pytest.mark.parametrize("trace", [True, False])
def test_further_arguments_belong_to_the_point(trace):
    calls = []

    def f(x, data, power):
        calls.append(1)
        return ad.reduce_sum((x - data) ** power)

    data = np.full(3, 0.25)
    obj = ad.objective(f, like=X0, trace=trace, args=(data, 2.0))
    calls.clear()
    before = obj.evaluations
    for _ in range(3):
        assert math.isclose(obj.fun(X0, data, 2.0), np.sum((X0 - 0.25) ** 2), rel_tol=1e-14)
        np.testing.assert_allclose(obj.grad(X0, data, 2.0), 2 * (X0 - 0.25), rtol=1e-14)
    assert obj.evaluations == before  # the point that it was made at
    data[:] = 2.0  # in place: another point
    np.testing.assert_allclose(obj.grad(X0, data, 2.0), 2 * (X0 - 2), rtol=1e-14)
    assert obj.evaluations == before + 1
    np.testing.assert_allclose(obj.grad(np.abs(X0) + 3, data, 3.0), 3 * (np.abs(X0) + 1) ** 2, rtol=1e-13)
    np.testing.assert_allclose(obj.hess(X0, data, 2.0), 2 * np.eye(3), rtol=1e-13)
    np.testing.assert_allclose(obj.hessp(X0, P, data, 2.0), 2 * P, rtol=1e-13)
    np.testing.assert_allclose(obj.jvp(X0, P, data, 2.0), 2 * (X0 - 2) @ P, rtol=1e-13)
    assert math.isclose(obj.value(X0, data, 2.0), np.sum((X0 - 2) ** 2), rel_tol=1e-14)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for power in np.linspace(1.0, 3.0, 100):  # a float is no reason to record again
            obj(np.abs(X0) + 3, data, float(power))
    assert not trace or len(calls) < 10


@pytest.mark.parametrize("trace", [True, False])
@pytest.mark.parametrize("f, equal", [
    (lambda x, k: ad.reduce_sum(ad.math.atan2(0.0 * x, k) + x), (0.0, -0.0)),
    (lambda x, k: ad.reduce_sum(x / 2.0 if isinstance(k, bool) else x), (1, True)),
    (lambda x, k: ad.reduce_sum(x / 2.0 if isinstance(k, int) else x), (1.0, 1)),
    (lambda x, k: ad.reduce_sum(x / 2.0 if ad.as_dtype(k.dtype).is_integer else x), (np.zeros(3), np.zeros(3, np.int64))),
])  # fmt: skip
def test_further_arguments_that_are_equal_and_not_the_same_are_two_points(f, equal, trace):
    obj = ad.objective(f, like=X0 + 3, args=(equal[0],), trace=trace)
    values = [obj.fun(X0, k) for k in (*equal, *equal)]
    assert values[0] != values[1] and values[:2] == values[2:], values


@pytest.mark.parametrize("trace", [True, False])
def test_products_with_jacobians(trace):
    a = np.random.default_rng(0).normal(size=(5, 3))
    obj = ad.objective(lambda x: ad.sin(ad.linalg.matvec(ad.constant(a), x)), like=X0, trace=trace)
    jac = np.cos(a @ X0)[:, None] * a
    np.testing.assert_allclose(obj.jac(X0), jac, rtol=1e-13)
    np.testing.assert_allclose(obj.jvp(X0, P), jac @ P, rtol=1e-12)
    v = np.arange(5.0)
    np.testing.assert_allclose(obj.vjp(X0, v), v @ jac, rtol=1e-12)
    np.testing.assert_allclose(obj.hess(X0, v), a.T @ (-(v * np.sin(a @ X0))[:, None] * a), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(obj.hessp(X0, P, v), obj.hess(X0, v) @ P, rtol=1e-11)
    assert not np.allclose(obj.hess(X0, v + 1), obj.hess(X0, v))
    line = ad.objective(rosenbrock, like=X0, trace=trace)
    assert type(line.jvp(X0, P)) is float and math.isclose(line.jvp(X0, P), optimize.rosen_der(X0) @ P, rel_tol=1e-13)
    np.testing.assert_allclose(line.vjp(X0, 2.0), 2 * optimize.rosen_der(X0), rtol=1e-13)
    constant = ad.objective(lambda x: ad.constant(np.ones(2)), like=X0, trace=trace)
    np.testing.assert_array_equal(constant.jvp(X0, P), np.zeros(2))
    np.testing.assert_array_equal(constant.hess(X0, np.ones(2)), np.zeros((3, 3)))


def test_derivatives_by_a_number_are_numbers():
    obj = ad.objective(lambda x: x**3, like=2.0)
    assert obj(3.0) == (27.0, 27.0) and obj.grad(3.0) == 27.0 and obj.hess(3.0) == 18.0 and type(obj.hess(3)) is float
    assert obj.grad(np.array([3.0])).shape == (1,) and obj.hess([3.0]).shape == (1, 1)
    pair = ad.objective(lambda x: [x, x * x], like=2.0)
    np.testing.assert_array_equal(pair.jac(3.0), [[1.0], [6.0]])


def test_values_are_float64_where_f_computes_in_another():
    obj = ad.objective(lambda x: ad.reduce_sum(ad.cast(x, "float32")), like=X0)
    assert type(obj.fun(X0)) is float and obj.grad(X0).dtype == np.float64
    several = ad.objective(lambda x: ad.cast(x, "float32") * 2.0, like=X0)
    assert several.fun(X0).dtype == several.jac(X0).dtype == np.float64


def test_python_numbers_among_results_keep_their_digits():
    for trace in (True, False):
        assert ad.objective(lambda x: [x[0], 0.1, x[1] * 2.0], like=np.ones(2), trace=trace).fun([3.0, 4.0]).tolist() == [3.0, 0.1, 8.0]
        with pytest.warns(UserWarning, match="by x0, x1, x2 is exactly 0: does it use them"):
            assert ad.objective(lambda x: 0.1, like=X0, trace=trace).fun(X0) == 0.1


def test_rows_of_points():
    points = np.random.default_rng(1).normal(size=(6, 3))
    want = [optimize.rosen(x) for x in points]
    shadowed = ad.objective(lambda x: rosenbrock(x), like=X0)
    for obj in (shadowed, ad.objective(rosenbrock, like=X0, trace=False), pickle.loads(pickle.dumps(shadowed))):
        np.testing.assert_allclose(obj.rows(points), want, rtol=1e-13)
        np.testing.assert_allclose(obj.rows(points[:2]), want[:2], rtol=1e-13)
    several = ad.objective(lambda x: x * x, like=X0)
    np.testing.assert_array_equal(several.rows(points), points * points)
    given = ad.objective(scaled, like=X0, args=(2.0,))
    np.testing.assert_allclose(given.rows(points, 3.0), 3 * np.array(want), rtol=1e-13)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        branching = ad.objective(lambda x: x[0] if bool(x[0] > 0) else -2.0 * x[0], like=X0 + 2)
        np.testing.assert_array_equal(branching.rows(points), np.where(points[:, 0] > 0, points[:, 0], -2 * points[:, 0]))


def test_numbers_have_names():
    def names(like):
        return ad.objective(lambda *p: sum(ad.reduce_sum(x) for x in ad.nest.flatten(p)), like=like).names

    assert names({"b": [1.0, 2.0], "a": 0.0}) == ["a", "b[0]", "b[1]"]
    assert names({"g": {"w": np.ones((1, 2))}}) == ["g.w[0,0]", "g.w[0,1]"]
    assert names(np.ones(2)) == ["x0", "x1"] and names(np.ones((1, 2))) == ["x0_0", "x0_1"] and names(2.0) == ["x"]
    assert names((1.0, np.ones(2))) == ["x0", "x1[0]", "x1[1]"]


@pytest.mark.parametrize("trace", [True, False])
def test_threads_have_points_of_their_own(trace):
    obj, wrong = ad.objective(rosenbrock, like=X0, trace=trace), []

    def work(seed):
        for x in np.random.default_rng(seed).normal(size=(200, 3)):
            value, slope = by_hand(x)
            good = math.isclose(obj.fun(x), value, rel_tol=1e-13) and np.allclose(obj.grad(x), slope, rtol=1e-12)
            if not good or not np.allclose(obj.hess(x), optimize.rosen_hess(x), rtol=1e-11):
                wrong.append(x)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not wrong


def scaled(x, factor):
    return factor * rosenbrock(x)


def test_pickles():
    where = np.array([0.5, 0.25, -0.75])
    by_name, shadowed = ad.objective(rosenbrock, like=X0), ad.objective(lambda x: rosenbrock(x) * 2.0, like=X0)
    for obj in (by_name, shadowed, ad.objective(rosenbrock, like=X0, trace=False), copy.deepcopy(shadowed)):
        again = pickle.loads(pickle.dumps(obj))
        again = pickle.loads(pickle.dumps(again))
        value, gradient = again(where)
        assert value == obj.fun(where) == again.value(where) and np.array_equal(gradient, obj.grad(where))
        np.testing.assert_array_equal(again.hess(where), obj.hess(where))
        np.testing.assert_array_equal(again.hessp(where, X0), obj.hessp(where, X0))
        np.testing.assert_array_equal(again.vjp(where, 2.0), obj.vjp(where, 2.0))
        assert again.jvp(where, X0) == obj.jvp(where, X0) and repr(again) == repr(obj)
    given = pickle.loads(pickle.dumps(ad.objective(scaled, like=X0, args=(2.0,))))
    assert given.fun(where, 3.0) == 3 * optimize.rosen(where)
    vector = pickle.loads(pickle.dumps(ad.objective(lambda x: x[1:] * x[:-1], like=X0)))
    np.testing.assert_array_equal(vector.hess(where, np.ones(2)), [[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    with warnings.catch_warnings():  # what it said when it was made it does not say again
        warnings.simplefilter("error")
        pickle.loads(pickle.dumps(made_with_a_warning()))
    assert copy.deepcopy(pickle.loads(pickle.dumps(shadowed))).fun(where) == shadowed.fun(where)
    assert copy.deepcopy(ad.objective(lambda x: x[0] * x[1] * x[2], like=X0, trace=False)).fun(where) == np.prod(where)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(ad.objective(lambda x: rosenbrock(x), like=X0, trace=False))


def first_alone(x):
    return x[0] ** 2


def made_with_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ad.objective(first_alone, like=X0)


def test_pickling_a_large_one_takes_no_matrix_of_second_derivatives():
    x = np.linspace(0.0, 1.0, 200_000)  # whose square would be 300 gigabytes
    obj = ad.objective(lambda x: ad.reduce_sum(x**3), like=x)
    again = pickle.loads(pickle.dumps(obj))
    assert again.fun(x) == obj.fun(x) and again.value(x) == obj.value(x)
    np.testing.assert_array_equal(again.grad(x), obj.grad(x))
    np.testing.assert_array_equal(again.hessp(x, x), obj.hessp(x, x))
    with pytest.raises(TypeError, match="objective: <lambda> was unpickled as what had been recorded of it, which has not what is asked for"):
        again.hess(x)
    small = ad.objective(lambda x: ad.reduce_sum(x**3), like=X0)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(small)).hess(X0), np.diag(6 * X0))
    large = ad.objective(lambda x: ad.reduce_sum(x**3), like=np.ones(1001))
    large.hess(large.x0)
    assert pickle.loads(pickle.dumps(large)).hess(large.x0).sum() == 6006


def test_failures_are_named():
    with pytest.raises(TypeError, match="expected a function"):
        ad.objective(3, like=X0)
    with pytest.raises(TypeError, match="expected parameters of floats"):
        ad.objective(rosenbrock, like="x")
    with pytest.raises(TypeError, match="scalar or a vector"):
        ad.objective(lambda x: ad.reshape(x, (3, 1)), like=X0)
    with pytest.raises(TypeError, match="expected <lambda> to return"):
        ad.objective(lambda x: None, like=X0)
    with pytest.warns(UserWarning, match="where most optimisers give up; .*(log of|ad.audit)"):
        ad.objective(lambda x: ad.reduce_sum(ad.math.log(x)), like=np.zeros(2))
    with pytest.warns(UserWarning, match="the derivative of <lambda> by x1 is exactly 0: does it use it") as said:
        ad.objective(lambda x: x[0] ** 2 + x[2], like=X0)
    assert len(said) == 1 and said[0].filename == __file__
    with pytest.warns(UserWarning, match="by k, w.0. is exactly 0: does it use them"):
        ad.objective(lambda p: p["a"] ** 2, like={"a": 1.0, "k": 2.0, "w": [1.0]})
    with pytest.warns(UserWarning, match="the gradient of <lambda> is not finite at `like`"):
        ad.objective(lambda x: ad.reduce_sum(ad.sqrt(x)), like=np.zeros(3))
    with pytest.raises(TypeError, match="returns 3 numbers, and minimize wants one"):
        ad.objective(lambda x: x, like=X0).minimize()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ad.objective(lambda x: ad.reduce_sum(x**2), like=np.zeros(3))  # a stationary point is none
    squares, matrix = ad.objective(lambda x: x * x, like=X0), ad.objective(lambda a: ad.reduce_sum(ad.exp(a)), like=np.eye(2))
    for bad, kind, text in [
        (lambda: squares.fun({"a": 1.0}), TypeError, "objective: expected a vector of 3 numbers, got {'a': 1.0}"),
        (lambda: optimize.minimize(ad.objective(lambda x: (x - 1) ** 2, like=np.ones(1)), [1.5], jac=True), ValueError,
         "objective: expected a vector of 1 numbers, got shape (1, 1); <lambda> returns a vector of one number, and its derivative is a matrix: "
         "minimize wants a scalar, ad.reduce_sum makes one"),
        (lambda: squares.fun("ab"), TypeError, "objective: expected a vector of 3 numbers, got 'ab'"),
        (lambda: squares.jac(np.array([1j, 1, 2])), TypeError, "objective: expected a vector of 3 numbers, got array([0.+1.j, 1.+0.j, 2.+0.j])"),
        (lambda: squares.jac([[1], [2, 3]]), TypeError, "objective: expected a vector of 3 numbers, got [[1], [2, 3]]"),
        (lambda: squares.jac(["1", "2", "3"]), TypeError, "objective: expected a vector of 3 numbers, got ['1', '2', '3']"),
        (lambda: squares.jac(np.ma.array(X0, mask=[0, 0, 1])), ValueError, "objective: got a masked array, masked_array(data=[-1.2, 1.0, --], ma..., "
         "and a tensor has no mask: x.compressed() has the numbers that count, x.filled(0.0) keeps the shape, for weights of np.where(x.mask, 0.0, 1.0)"),
        (lambda: matrix.value(np.eye(2)), ValueError, "objective: expected a vector of 4 numbers, got shape (2, 2); obj.flatten(parameters) makes one"),
        (lambda: squares.vjp(X0, np.ones(2)), ValueError, "vjp: expected a vector of shape (3,), as <lambda> returns it, got (2,)"),
        (lambda: squares.hess(X0, np.ones(2)), ValueError, "hess: expected weights of shape (3,), as <lambda> returns it, got (2,)"),
        (lambda: ad.objective(rosenbrock, like={}), TypeError, "objective: expected parameters of floats, got {}, which has none"),
        (lambda: ad.objective(rosenbrock, like=X0).minimize(jac=rosenbrock), TypeError, "objective: minimize gives its own gradient as jac; for "
         "another call scipy.optimize.minimize(obj.value, x0, jac=...)"),
        (lambda: ad.objective(lambda x: x - 1.0, like=[1.0, 2.0]), TypeError, "objective: <lambda> raises TypeError (unsupported operand type(s) for "
         "-: 'list' and 'float') for a list of 2 numbers, as `like` is: np.array(like) makes a vector of it"),
    ]:  # fmt: skip
        with pytest.raises(kind) as told:
            bad()
        assert str(told.value) == text
    with pytest.raises(TypeError, match=r"^objective: .*missing 1 required positional argument: 'n': give what the optimiser will give it, "
                       r"objective\(f, like=..., args=\(...\)\)$"):  # fmt: skip
        ad.objective(lambda x, n: x * n, like=1.0)
    assert ad.objective(lambda x: ad.reduce_sum(x * x), like=X0).minimize(jac=True).success
    changing = ad.objective(lambda x: x[0] * x[1] * x[2] if bool(x[0] > 0) else x, like=X0 + 3)
    with pytest.raises(ValueError, match=r"returned shape \(3,\) now, and \(\) at first"):
        changing(-X0 - 3)


def test_what_cannot_be_recorded_is_said_once_by_the_name_of_the_function():
    def medians(x):
        return ad.reduce_sum(ad.gather(x, np.argsort(x.numpy())) * np.array([1.0, 4.0, 1.0]))

    with pytest.warns(UserWarning, match="^function: medians takes the value of a tensor to Python at .*, so it runs as written") as said:
        obj = ad.objective(medians, like=X0)
        obj.hess(X0), obj.jvp(X0, X0), obj.vjp(X0, 1.0), obj.value(X0 + 1)
    assert len(said) == 1 and said[0].filename == __file__
    with pytest.raises(ValueError, match="^function: medians takes the value of .*, so there is no recording to store; what can be imported by its"):
        pickle.dumps(obj)
    assert str(ad.objective(rosenbrock, like=X0).summary()).startswith("rosenbrock: ")
    with pytest.warns(UserWarning, match="^vectorized_map: .* so it is called on each part") as said:
        ad.objective(lambda x: x[0] ** 2 if x[0] > 0 else x[1] * x[2] * x[0], like=X0).rows(np.stack([X0, X0]))
    assert said[0].filename == __file__


@pytest.mark.parametrize("method", ["dogleg", "trust-exact", "trust-ncg", "trust-krylov"])
def test_minimize_gives_second_derivatives_to_those_that_demand_them(method):
    fit = ad.objective(lambda x: ad.reduce_sum((x - 1.0) ** 4 + (x - 1.0) ** 2), like=X0).minimize(method=method)
    assert fit.success and np.allclose(fit.x, 1, atol=1e-3)


def test_the_history_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    obj = ad.objective(rosenbrock, like=X0)
    with pytest.raises(ValueError, match="no evaluation"):
        obj.history.plot()
    obj.minimize()
    axes = obj.history.plot()
    axes.figure.savefig(tmp_path / "history.svg")
    assert (tmp_path / "history.svg").stat().st_size > 1000 and len(axes.lines) == 2


def test_progress_is_shown(capsys):
    pytest.importorskip("tqdm")
    obj = ad.objective(rosenbrock, like=X0)
    obj.minimize(progress=True)
    shown = capsys.readouterr().err
    assert f"{len(obj.history)}eval" in shown and "eval/s" in shown and "value=" in shown and "gradient=" in shown


def test_nothing_of_scipy_is_imported_for_it():
    code = "import sys, numpy as np, autodiff as ad; ad.objective(lambda x: ad.reduce_sum(x), like=np.ones(2)); print([m for m in ('scipy', 'tqdm', 'matplotlib') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_objectives_that_are_thrown_away_take_their_recordings_along():
    """An objective and its recordings hold each other; the collector, which lets their parts go in any order, crashed on it."""
    code = ("import gc, numpy as np, autodiff as ad\nfor k in range(60):\n    obj = ad.objective(lambda x: ad.reduce_sum(x * x), like=np.ones(1 + k % 7))\n"
            "    obj.hess(obj.x0), obj.hessp(obj.x0, obj.x0)\n    gc.collect()\nprint('alive')")  # fmt: skip
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "alive"


@pytest.mark.parametrize("trace", [True, False])
@pytest.mark.parametrize("n", [3, 20_000])
def test_points_are_known_wherever_their_numbers_lie(trace, n):
    """And nothing that is given away is what is remembered."""
    obj = ad.objective(lambda x: ad.reduce_sum(x * x), like=np.ones(n), trace=trace)
    x = np.random.default_rng(0).normal(size=n)
    y, g = obj(x)
    known = obj.evaluations
    g[:], wide, room = 0.0, np.zeros((n, 2)), np.zeros(2 * n)
    wide[:, 1] = x
    for same in (x, wide[:, 1], x.copy(), list(x), ad.constant(x)):
        assert np.array_equal(obj.grad(same), 2.0 * x) and obj.fun(same) == y
        assert obj.nlopt(np.array(same), room[::2]) == y and np.array_equal(room[::2], 2.0 * x)
    assert obj.evaluations == known
    x[-1] = -x[-1]
    assert np.array_equal(obj.grad(x), 2.0 * x) and obj.evaluations == known + 1
    negative = np.where(np.arange(n) == 0, -0.0, x * (np.arange(n) > 0))
    assert np.signbit(obj.grad(negative)[0]) and not np.signbit(obj.grad(np.abs(negative))[0])
    with pytest.raises(ValueError, match="broadcast"):
        obj.nlopt(x, np.zeros(n + 1))


@pytest.mark.parametrize("n", [3, 5000])
def test_data_among_the_arguments_may_change_in_place(n):
    """A buffer that is filled anew, and then as it was, while the point stays: no value of other data is remembered for it."""
    traced = ad.objective(lambda x, data, k: ad.reduce_sum((x - data) ** 2) * k, like=np.zeros(n), args=(np.zeros(n), 1.0))
    data, x, rng = np.zeros(n), np.ones(n), np.random.default_rng(0)
    batches = [rng.normal(size=n), rng.normal(size=n)]
    asked = [lambda *a: traced(*a), lambda *a: (traced.fun(*a), traced.grad(*a)), lambda *a: (traced.value(*a), traced.grad(*a)),
             lambda *a: (traced.fun(*a), traced.jac(*a))]  # fmt: skip
    for step in range(24):
        data[:] = batches[step // 2 % 2]
        wide = np.stack([data, data], 1)[:, step % 2]
        for a in (data, wide, ad.constant(data)):
            y, g = asked[(step + a.ndim) % 4](x, a, 2.0)
            np.testing.assert_allclose(y, 2.0 * np.sum((x - data) ** 2), rtol=1e-13)
            np.testing.assert_allclose(g, 4.0 * (x - data), rtol=1e-13)
    before = traced.evaluations
    assert traced.fun(x, data, 2.0) == traced.fun(x, data.copy(), 2.0) and traced.evaluations <= before + 1
    data[0] = np.nextafter(data[0], 9.0)
    before = traced.evaluations
    traced.grad(x, data, 2.0)
    assert traced.evaluations == before + 1


@pytest.mark.parametrize("trace", [True, False])
def test_counts_and_masks_among_the_arguments_are_numbers(trace):
    """As they are to NumPy: counts * eta and (1 - seen) * eta."""
    def loss(w, x, counts, seen):
        eta = x @ w
        return (np.exp(eta) - counts * eta * 0.5 + (1 - seen) * eta).sum()

    rng = np.random.default_rng(3)
    w, x, counts = rng.normal(size=3), rng.normal(size=(20, 3)), rng.poisson(2.0, 20)
    seen = counts > 1
    objective = ad.objective(loss, like=w, trace=trace, args=(x, counts, seen))
    assert objective.fun(w, x, counts, seen) == pytest.approx(loss(w, x, counts, seen), rel=1e-14)
    slope = x.T @ (np.exp(x @ w) - 0.5 * counts + (1 - seen))
    np.testing.assert_allclose(objective.grad(w, x, counts, seen), slope, rtol=1e-12)
    np.testing.assert_allclose(objective.hess(w, x, counts, seen), (x.T * np.exp(x @ w)) @ x, rtol=1e-12)
