"""ad.grad and ad.value_and_grad: the gradients of a tape, in the structure of the arguments."""

import copy
import inspect
import multiprocessing
import pickle
import re
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from corpus import CASES

import autodiff as ad


@pytest.mark.parametrize("name", CASES)
def test_the_corpus_without_a_tape(name):
    import byhand

    case = CASES[name]
    args = case.inputs()
    args = [np.array(a) if isinstance(a, float) else a for a in args]
    f = ad.value_and_grad(lambda *args: case.f(ad, *args), argnums=tuple(range(case.wrt)))
    data = [ad.constant(a) if isinstance(a, np.ndarray) else a for a in args[case.wrt :]]
    value, slopes = f(*args[: case.wrt], *data)
    want, by_hand = getattr(byhand, name)(*case.inputs())
    np.testing.assert_allclose(float(value), want, rtol=1e-10)
    assert type(slopes) is tuple
    for g, b in zip(slopes, by_hand):
        np.testing.assert_allclose(g.numpy(), b, rtol=1e-8, atol=1e-10 * max(np.max(np.abs(b)), 1e-300))


def test_gradients_have_the_structure_of_their_arguments():
    def f(p, k, q):
        return ad.reduce_sum(p["a"] * p["b"][0]) * k + q**2

    x, v = np.array([1.0, 2.0]), ad.Variable(np.array(3.0))
    slopes = ad.grad(f, argnums=(0, -1))({"a": x, "b": (v,)}, 2, np.float64(5.0))
    assert type(slopes) is tuple and set(slopes[0]) == {"a", "b"} and type(slopes[0]["b"]) is tuple
    np.testing.assert_array_equal(slopes[0]["a"].numpy(), [6, 6])
    assert float(slopes[0]["b"][0]) == 6 and float(slopes[1]) == 10
    assert slopes[1].dtype == ad.float64 and ad.grad(lambda x: x * x)(3.0).dtype == ad.float32
    assert float(ad.grad(lambda x, y: y)(1.0, ad.constant(2.0))) == 0
    assert float(ad.grad(lambda x, scale=1.0: scale * x)(1.0, scale=4.0)) == 4


RECORDED = {"as written": lambda f: f, "replayed": ad.function, "of a replay": lambda f: lambda x: ad.function(f)(x),
            "under a tape": lambda f: lambda x: watched(f, x), "row by row": lambda f: lambda x: [y[0] for y in ad.vectorized_map(f, x[None])]}  # fmt: skip


def watched(f, x):
    with ad.GradientTape() as tape:
        tape.watch(x)
        return f(x)


@pytest.mark.parametrize("way", RECORDED)
def test_the_argument_is_none_of_the_tensors_that_the_function_reads_elsewhere(way):
    """The derivative of z**2 * x by z at z = x is 2 * x**2, also where both are one tensor."""
    x = ad.constant([1.0, 2.0])

    def all_of(x):
        f = lambda z: ad.reduce_sum(z * z * x)  # noqa: E731
        one = ad.ones_like(x)
        y, back = ad.vjp(f, x)
        first, second = ad.grad(lambda a, b: ad.reduce_sum(a * a * b), (0, 1))(x, x)
        return [ad.grad(f)(x), ad.jacobian(f)(x), back(1.0)[0], ad.jvp(f, (x,), (one,))[1], ad.hessian(f)(x), ad.hvp(f)(x, one), first, second]

    f = RECORDED[way](all_of)
    for _ in range(2):
        found = [g.numpy().tolist() for g in f(x)]
        assert found == [[2, 8], [2, 8], [2, 8], 10, [[2, 0], [0, 4]], [2, 4], [2, 8], [1, 4]]


def test_what_surrounds_a_gradient_follows_the_argument_and_what_the_function_reads():
    x = ad.constant([1.0, 2.0])
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = ad.grad(lambda z: ad.reduce_sum(z * z * x))(x)              # 2 * x * x
    assert tape.gradient(y, x).numpy().tolist() == [4, 8]
    assert ad.grad(lambda x: ad.reduce_sum(ad.grad(lambda z: ad.reduce_sum(z * z * x))(x)))(x).numpy().tolist() == [4, 8]


def test_more_than_a_value():
    f = lambda x: (x * x, {"twice": 2 * x})  # noqa: E731
    (value, aux), slope = ad.value_and_grad(f, has_aux=True)(3.0)
    assert (float(value), float(aux["twice"]), float(slope)) == (9, 6, 6)
    slope, aux = ad.grad(f, has_aux=True)(3.0)
    assert (float(slope), float(aux["twice"])) == (6, 6)


def test_higher_orders_and_recorded_once():
    f = ad.sin
    want = (np.sin, np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x), np.sin)
    for known in want:
        traced = ad.function(f)
        for x in (0.3, 1.1):
            assert float(f(np.float64(x))) == pytest.approx(float(known(x)), rel=1e-14, abs=0)
            assert float(traced(np.float64(x))) == float(f(np.float64(x)))
        assert f is ad.sin or traced.experimental_get_tracing_count() == 1
        f = ad.grad(f)
    inside = ad.grad(ad.function(lambda x: ad.reduce_sum(x**3)))
    np.testing.assert_array_equal(inside(np.array([1.0, 2.0])).numpy(), [3, 12])
    with ad.GradientTape() as tape:
        x = ad.Variable(2.0)
        y = ad.grad(lambda x: x**4)(x)
    assert float(tape.gradient(y, x)) == 48


def test_scipy_takes_it():
    from scipy.optimize import minimize

    fit = minimize(ad.value_and_grad(lambda x: CASES["rosenbrock"].f(ad, x)), np.zeros(4), jac=True)
    np.testing.assert_allclose(fit.x, 1, atol=1e-4)


@pytest.mark.parametrize("call, kind, text", [
    (lambda: ad.grad(3), TypeError, "grad: expected a function, got 3"),
    (lambda: ad.grad(ad.sin, argnums="x"), TypeError, "grad: expected argnums to be an integer or a tuple of integers, got 'x'"),
    (lambda: ad.value_and_grad(ad.sin, argnums=1)(1.0), ValueError, "value_and_grad: argnums 1 of a call with 1 positional arguments; it differentiates by those"),
    (lambda: ad.grad(ad.sin)(1), TypeError, "grad: expected an argument of floats, got 1 of dtype int32; write 1.0 for 1, or leave the argument out of argnums"),
    (lambda: ad.grad(ad.sin)([1.0, 2.0]), TypeError, "grad: expected the function to return a scalar, got shape (2,); ad.reduce_sum makes one"),
    (lambda: ad.grad(lambda x: None)(1.0), TypeError, "grad: expected the function to return a tensor, got None"),
    (lambda: ad.hessian(lambda x: None)(1.0), TypeError, "hessian: expected the function to return a tensor, got None"),
    (lambda: ad.hessian(ad.sin)([1.0, 2.0]), TypeError, "hessian: expected the function to return a scalar, got shape (2,); ad.reduce_sum makes one"),
    (lambda: ad.hvp(ad.sin)([1.0, 2.0], [1.0, 1.0]), TypeError, "hvp: expected the function to return a scalar, got shape (2,); ad.reduce_sum makes one"),
    (lambda: ad.grad(lambda x: x, has_aux=True)(1.0), TypeError, "grad: with has_aux, expected the function to return (a scalar, something more), got <ad.Tensor: shape=(), dtype=float32, numpy=1.0>"),
])  # fmt: skip
def test_bad_input(call, kind, text):
    with pytest.raises(kind) as info:
        call()
    assert str(info.value) == text


@pytest.mark.parametrize("name", ["grad", "value_and_grad", "jacobian", "hessian"])
def test_a_result_that_has_left_the_tape_is_no_silent_zero(name):
    def f(x):
        return ad.reduce_sum(x * x).numpy()

    x = np.array([1.0, 2.0])
    text = f"the function returned {np.float64(5.0)!r}, which no gradient reaches: return the tensor, not its .numpy()"
    with pytest.warns(ad.errors.LostGradientWarning, match=f"^{re.escape(f'{name}: {text}')}$") as told:
        getattr(ad, name)(f)(x)
    assert told[0].filename == __file__
    ad.config.lost_gradient = "raise"
    try:
        with pytest.raises(ad.errors.LostGradientError, match=f"^{name}: "):
            getattr(ad, name)(f)(x)
    finally:
        ad.config.lost_gradient = "warn"


def cubes(x, name=3.0):
    """The sum of cubes."""
    return ad.reduce_sum(x**3) * name, name


def cubes_alone(x):
    return cubes(x, 1.0)[0]


TRANSFORMED = {
    "grad": ad.grad(cubes_alone), "value_and_grad": ad.value_and_grad(cubes, has_aux=True), "aux": ad.grad(cubes, has_aux=True),
    "jacobian": ad.jacobian(ad.square), "hessian": ad.hessian(cubes_alone), "of a gradient": ad.grad(ad.grad(ad.square)),
}  # fmt: skip


@pytest.mark.parametrize("name", TRANSFORMED)
def test_a_gradient_is_pickled_with_its_function(name):
    """As a closure it was pickled by the name that it had of f, and refused."""
    f = TRANSFORMED[name]
    x = 2.0 if name == "of a gradient" else np.array([1.0, 2.0])
    for other in (pickle.loads(pickle.dumps(f)), copy.deepcopy(f)):
        assert bits(other(x)) == bits(f(x)) and other.__name__ == f.__name__
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(ad.grad(lambda x: x))


def bits(results):
    return [np.asarray(x).tobytes() for x in ad.nest.flatten(results)]


def test_a_gradient_maps_over_processes():
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        assert [float(g) for g in pool.map(ad.grad(ad.square), [1.0, 2.0, 3.0])] == [2, 4, 6]


def test_a_gradient_looks_like_its_function():
    slope = ad.value_and_grad(cubes, has_aux=True)
    assert slope.__name__ == "cubes" and slope.__doc__ == "The sum of cubes." and list(inspect.signature(slope).parameters) == ["x", "name"]
    assert slope(np.ones(2), name=2.0)[0][0].numpy() == 4                      # f's own names, also where the parts of it have them
    assert repr(ad.hvp(cubes_alone)).startswith("<ad.hvp of <function cubes_alone")

    class Model:
        k = 3.0
        slope = ad.grad(lambda self, x: self.k * x * x, argnums=1)

    assert float(Model().slope(2.0)) == 12
