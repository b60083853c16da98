"""A custom gradient is believed: its forms, its variables, its orders, its mistakes."""

import pickle

import numpy as np
import pytest

import autodiff as ad
from differences import check_gradients, gradient


@ad.custom_gradient
def log1pexp(x):
    """log(1 + exp(x))"""
    e = ad.exp(x)
    return ad.math.log(1 + e), lambda g: g * (1 - 1 / (1 + e))


def gradient_of(f, *sources, **kwargs):
    """The gradients of f() by tensors (watched) or variables."""
    with ad.GradientTape() as tape:
        tape.watch(sources)
        y = f()
    return tape.gradient(y, list(sources), **kwargs)


def numbers(gradients):
    return [None if g is None else g.numpy().tolist() for g in gradients]


# ------------------------------------------------------------------------------------------------------------------- forms
def test_the_gradient_is_what_its_author_says():
    x = ad.Variable(100.0)
    with ad.GradientTape() as tape:
        y = log1pexp(x)
    assert float(tape.gradient(y, x)) == 1.0
    assert (log1pexp.__name__, log1pexp.__doc__) == ("log1pexp", "log(1 + exp(x))")
    assert log1pexp.__wrapped__.__name__ == "log1pexp"


def test_it_is_a_decorator_with_and_without_brackets():
    @ad.custom_gradient()
    def f(x):
        return x, lambda g: g * 7

    assert gradient(f, 1.0) == [7.0]
    assert float(f(3.0)) == 3.0


def test_one_gradient_for_each_argument_numbers_included():
    @ad.custom_gradient
    def f(x, k, y):
        return x * k * y, lambda g: (g * 1, None, g * 2)

    assert gradient(lambda x, y: f(x, 3.0, y), 1.0, 2.0) == [1.0, 2.0]
    assert gradient(lambda x, y: f(x, y, 2.0), 1.0, 2.0) == [1.0, None]
    assert gradient(lambda x: f(x, x, x), 1.0) == [3.0]


def test_values_returned_may_be_numbers_or_arrays():
    @ad.custom_gradient
    def f(x, y):
        return np.float32(5), lambda g: (2, np.array(3.0))

    got = gradient_of(lambda: f(a, b), a := ad.constant(1.0), b := ad.constant(2.0))
    assert numbers(got) == [2.0, 3.0] and [g.dtype.name for g in got] == ["float32", "float32"]


def test_nested_arguments_and_results_keep_their_form():
    @ad.custom_gradient
    def f(d, pair, empty):
        assert empty == ()
        result = {"sum": d["a"] + d["b"], "more": [pair[0] * 2, (pair[1],)]}
        return result, lambda *dys: ({"b": dys[2] * 10, "a": dys[2]}, (dys[0], dys[1]), ())

    a, b, p, q = (ad.constant(v) for v in (1.0, 2.0, 3.0, 4.0))
    with ad.GradientTape() as tape:
        tape.watch([a, b, p, q])
        y = f({"b": b, "a": a}, (p, q), ())
    assert list(y) == ["sum", "more"] and isinstance(y["more"][1], tuple)
    assert float(y["sum"]) == 3.0
    assert numbers(tape.gradient(y, [a, b, p, q], output_gradients={"sum": 5.0, "more": [6.0, (7.0,)]})) == [5, 50, 6, 7]


def test_results_that_no_target_needs_bring_zeros():
    seen = []

    @ad.custom_gradient
    def f(x):
        def grad(*dys):
            seen.extend(dys)
            return dys[0]

        return (x * 2, x * np.ones((2, 3), "f4"), 3), grad

    x = ad.constant(1.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = f(x)[0]
    assert float(tape.gradient(y, x)) == 1.0
    assert [s.numpy().tolist() for s in seen[:2]] == [1.0, [[0.0] * 3] * 2]
    assert len(seen) == 3


def test_the_result_is_a_tensor_of_its_own():
    @ad.custom_gradient
    def f(x):
        return x, lambda g: g * 5

    x = ad.constant(1.0)
    assert f(x) is not x
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = f(x)
        z = x * y
    assert numbers(tape.gradient(z, [x, y])) == [6.0, 1.0]


def test_what_f_computes_inside_has_gradients_too():
    inner = []

    @ad.custom_gradient
    def f(x):
        inner.append(x * x)
        return inner[0] * 2, lambda g: g * 100

    x = ad.constant(3.0)
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = f(x)
    assert numbers(tape.gradient(inner[0], [x])) == [6.0]
    assert numbers(tape.gradient(y, [x, inner[0]])) == [100.0, None]


def test_methods_and_static_methods():
    class Model:
        def __init__(self, k):
            self.k = k

        @ad.custom_gradient
        def scaled(self, x):
            """scaled"""
            return x * self.k, lambda g: g * -self.k

        @staticmethod
        @ad.custom_gradient
        def negative(x):
            return -x, lambda g: g * 3

        @ad.custom_gradient
        @staticmethod
        def twice(x):
            return x * 2, lambda g: g * 4

    model = Model(2.0)
    assert gradient(model.scaled, 1.0) == [-2.0] and float(model.scaled(3.0)) == 6.0
    assert model.scaled.__doc__ == "scaled" and Model.scaled.__name__ == "scaled"
    assert gradient(model.negative, 1.0) == gradient(Model.negative, 1.0) == [3.0]
    assert gradient(model.twice, 1.0) == [4.0]


def test_numpy_in_the_forward_pass_is_fine_and_warns_of_nothing():
    @ad.custom_gradient
    def f(x):
        value = np.asarray(x)
        return np.sin(value), lambda g: g * np.cos(value)

    check_gradients(f, np.array([0.3, 1.0]), order=1)


def test_it_pickles_by_name():
    assert pickle.loads(pickle.dumps(log1pexp)) is log1pexp


# ---------------------------------------------------------------------------------------------------------------- keywords
def test_keyword_tensors_get_their_gradients_in_the_order_of_the_parameters():
    @ad.custom_gradient
    def f(x, y, scale=1.0):
        return x * y, lambda g: (g * 10, g * 20)

    assert gradient(lambda a, b: f(a, y=b), 1.0, 2.0) == [10, 20]
    assert gradient(lambda a, b: f(y=b, x=a), 1.0, 2.0) == [10, 20]
    assert gradient(lambda a, b: f(a, b, scale=3.0), 1.0, 2.0) == [10, 20]
    assert gradient(lambda a, b: f(a, y=b, scale=True), 1.0, 2.0) == [10, 20]


def test_keywords_collected_by_f_count_as_well():
    @ad.custom_gradient
    def f(x, **more):
        return x * more["k"], lambda g: (g, g * 2)

    assert gradient(lambda a, b: f(a, k=b), 1.0, 2.0) == [1, 2]


def test_tensorflows_count_of_positional_arguments_is_taken_where_nothing_is_lost():
    @ad.custom_gradient
    def f(x, k=None):
        return x * k, lambda g: g * 9

    assert gradient(lambda x: f(x, k=ad.constant(2.0)), 1.0) == [9]
    assert gradient(lambda x: f(x, k=2.0), 1.0) == [9]
    with pytest.raises(ValueError, match="expected to return 2 gradients, but returned 1 instead"):
        gradient(lambda x, k: f(x, k=k), 1.0, 2.0)


# --------------------------------------------------------------------------------------------------------------- variables
def test_variables_read_inside_get_gradients():
    v, w = ad.Variable(2.0), ad.Variable([1.0, 1.0])

    @ad.custom_gradient
    def f(x):
        def grad(g, variables=None):
            assert [one is other for one, other in zip(variables, (v, w))] == [True, True]
            return g * 1, [g * 10, ad.fill([2], g * 20)]

        return x * v * ad.reduce_sum(w), grad

    x = ad.constant(3.0)
    assert numbers(gradient_of(lambda: f(x), x, v, w)) == [1.0, 10.0, [20.0, 20.0]]


def test_a_variable_passed_in_is_an_argument():
    v = ad.Variable(2.0)

    @ad.custom_gradient
    def f(x):
        return x * x, lambda g: g * 7

    assert numbers(gradient_of(lambda: f(v), v)) == [7.0]


def test_grad_fn_may_take_variables_by_any_keyword_form():
    v = ad.Variable(2.0)

    def made(grad):
        return ad.custom_gradient(lambda x: (x * v, grad))

    x = ad.constant(1.0)
    for grad in (lambda g, variables: (g, [g * 3]), lambda g, *, variables: (g, [g * 3]), lambda g, **kw: (g, [g * 3])):
        assert numbers(gradient_of(lambda: made(grad)(x), x, v)) == [1.0, 3.0]


def test_a_variable_that_is_not_trainable_asks_for_nothing():
    v = ad.Variable(2.0, trainable=False)

    @ad.custom_gradient
    def f(x):
        return x * v, lambda g: g * 5

    assert gradient(f, 1.0) == [5.0]


def test_variables_need_a_grad_fn_that_takes_them():
    v = ad.Variable(2.0, name="v")

    @ad.custom_gradient
    def f(x):
        return x * v, lambda g: g

    with pytest.raises(TypeError) as caught:
        f(1.0)
    assert str(caught.value) == (
        f"@tf.custom_gradient grad_fn must accept keyword argument 'variables', since function uses variables: [{v!r}]. "
        "It is to return (gradients of the arguments, list of gradients of the variables)"
    )


@pytest.mark.parametrize("returned", [lambda g: (g, []), lambda g: (g, [g, g]), lambda g: g], ids=["none", "two", "no pair"])
def test_a_gradient_for_each_variable_is_asked_for(returned):
    v = ad.Variable(2.0)

    @ad.custom_gradient
    def f(x):
        return x * v, lambda g, variables=None: returned(g)

    with pytest.raises(ValueError) as caught:
        gradient(f, 1.0)
    assert str(caught.value) == (
        "Must return gradient for each variable from @custom_gradient grad_fn. f uses 1: "
        "return (gradients of the arguments, list of gradients of the variables)"
    )


# ------------------------------------------------------------------------------------------------------------------ orders
def test_grad_fn_is_differentiated_in_its_turn():
    @ad.custom_gradient
    def cube(x):
        return x**3, lambda g: g * 3 * x**2

    check_gradients(cube, np.array([0.5, -2.0]), order=3)


def test_a_custom_gradient_inside_grad_fn_overrides_the_second_order():
    @ad.custom_gradient
    def f(x):
        @ad.custom_gradient
        def first(x):
            return 3 * x**2, lambda g: g * 100

        return x**3, lambda g: g * first(x)

    x = ad.constant(2.0)
    with ad.GradientTape() as outer:
        outer.watch(x)
        with ad.GradientTape() as inner:
            inner.watch(x)
            y = f(x)
        slope = inner.gradient(y, x)
    assert float(slope) == 12.0
    assert float(outer.gradient(slope, x)) == 100.0


# ---------------------------------------------------------------------------------------------------------------- mistakes
@pytest.mark.parametrize(
    "grad, text",
    [
        (lambda g: g, "custom_gradient function expected to return 2 gradients, but returned 1 instead. f was called with 2 arguments: "
                      "return one for each, None where there is none"),
        (lambda g: (g, g, g), "custom_gradient function expected to return 2 gradients, but returned 3 instead. f was called with 2 "
                              "arguments: return one for each, None where there is none"),
        (lambda g: (ad.ones([2]), g), "custom_gradient: the gradient function returned shape (2,) for an input of shape (): "
                                      "expected the same shape"),
    ],
    ids=["one", "three", "shape"],
)  # fmt: skip
def test_what_grad_fn_returns_is_checked(grad, text):
    @ad.custom_gradient
    def f(x, y):
        return x * y, grad

    with pytest.raises(ValueError) as caught:
        gradient(f, 1.0, 2.0)
    assert str(caught.value) == text


def test_what_f_returns_is_checked():
    @ad.custom_gradient
    def f(x):
        return x * 2

    with pytest.raises(TypeError) as caught:
        f(1)
    assert str(caught.value) == "custom_gradient: f must return (y, grad_fn), got 2"


def test_none_is_no_argument():
    with pytest.raises(ValueError) as caught:
        log1pexp_with(1.0, None)
    assert str(caught.value) == (
        "custom_gradient: log1pexp_with: Attempt to convert a value (None) with an unsupported type (<class 'NoneType'>) to a Tensor: "
        "expected numbers"
    )


@ad.custom_gradient
def log1pexp_with(x, unused):
    return ad.exp(x), lambda g: (g, None)


def test_an_exception_in_grad_fn_comes_out_unchanged_and_leaves_a_usable_engine():
    class Mine(Exception):
        pass

    @ad.custom_gradient
    def f(x):
        def grad(g):
            raise Mine("own words")

        return x * 1, grad

    with pytest.raises(Mine, match="own words"):
        gradient(f, 1.0)
    assert gradient(lambda x: x * x, 3.0) == [6.0]


# ------------------------------------------------------------------------------------------------------- what is made of it
def test_stop_gradient():
    assert gradient(lambda x: ad.stop_gradient(x) * x, 3.0) == [3.0]
    assert gradient(ad.stop_gradient, 3.0) == [None]
    assert ad.stop_gradient([1.0, 2.0]).shape == (2,)
    x = ad.constant(1.0)
    assert ad.stop_gradient(x) is not x


def test_grad_pass_through():
    assert gradient(ad.grad_pass_through(ad.round), 2.7) == [1.0]
    v = ad.Variable(3.0)
    x = ad.constant(2.0)
    assert numbers(gradient_of(lambda: ad.grad_pass_through(lambda t: t * v)(x), x, v)) == [1.0, None]
    assigned = ad.Variable(0.0)
    assert numbers(gradient_of(lambda: ad.grad_pass_through(assigned.assign)(x) ** 2, x)) == [4.0]
    assert float(assigned.numpy()) == 2.0


def test_recompute_grad_runs_f_once_forward_and_once_a_gradient():
    calls = []

    @ad.recompute_grad
    def f(x, k=1.0):
        calls.append(1)
        return ad.sin(x) * k

    assert f.__wrapped__.__name__ == "f"
    x = np.array([0.3, 1.0])
    assert gradient(lambda t: f(t, k=2.0), x)[0] == pytest.approx(2 * np.cos(x))
    assert len(calls) == 2
    check_gradients(f, x, order=3)


def test_recompute_grad_records_nothing_of_what_f_computes():
    inside = []

    def f(x):
        inside.append(ad.sin(x))
        return inside[-1] * 2

    for g, recorded in ((f, True), (ad.recompute_grad(f), False)):
        x = ad.constant(1.0)
        with ad.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = g(x)
        assert float(tape.gradient(y, x)) == pytest.approx(2 * np.cos(1.0))
        assert (tape.gradient(inside[0], x) is not None) == recorded
        inside.clear()


def test_recompute_grad_finds_the_variables_that_f_reads():
    v = ad.Variable(2.0)
    x = ad.constant(3.0)
    assert numbers(gradient_of(lambda: ad.recompute_grad(lambda t: t * v * v)(x), x, v)) == [4.0, 12.0]


def test_recompute_grad_takes_structures():
    f = ad.recompute_grad(lambda pair: {"y": pair[0] * pair[1], "z": pair[1]})
    a, b = ad.constant(2.0), ad.constant(3.0)
    assert numbers(gradient_of(lambda: f((a, b)), a, b)) == [3.0, 3.0]
    assert numbers(gradient_of(lambda: f((a, b))["z"], a, b)) in ([None, 1.0], [0.0, 1.0])


def test_a_root_found_elsewhere_has_all_its_derivatives():
    """x**3 + x = a: the slope by a is 1 / (3 x**2 + 1), where x is the root again, as something that depends on a."""

    @ad.custom_gradient
    def root(a):
        found = [z.real for z in np.roots([1.0, 0.0, 1.0, -float(a.numpy())]) if abs(z.imag) < 1e-9][0]

        def grad(g):
            x = root(a)
            return g / (3 * x * x + 1)

        return ad.constant(found, dtype="float64"), grad

    slope = ad.grad(root)
    a = np.float64(10.0)                            # the root is 2
    assert [round(float(f(a)) * 13**n, 9) for f, n in ((slope, 1), (ad.grad(slope), 3), (ad.grad(ad.grad(slope)), 5))] == [1, -12, 354]


@pytest.mark.parametrize("given", [False, True], ids=["read", "an argument"])
@pytest.mark.parametrize("around", [lambda f: f, ad.function], ids=["as written", "replayed"])
def test_recompute_grad_takes_variables_as_the_call_found_them(around, given):
    """y = x**2 v with v = 2, which is 10 when the gradient runs it once more, and stays 10."""
    x, v = ad.constant(3.0), ad.Variable(2.0)
    f = ad.recompute_grad(lambda x, v=v: x * x * v)
    call = around(lambda x: (f(x, v) if given else f(x), v.assign(10.0))[0])
    for _ in range(2):
        v.assign(2.0)
        with ad.GradientTape(persistent=True) as outer:
            outer.watch(x)
            with ad.GradientTape() as tape:
                tape.watch(x)
                y = call(x)
            by_x, by_v = tape.gradient(y, [x, v])
        assert numbers([y, by_x, by_v, v]) == [18.0, 12.0, 9.0, 10.0]
        assert numbers([*outer.gradient(by_x, [x, v]), outer.gradient(by_v, x)]) == [4.0, 6.0, 6.0]
