"""ad.function under a tape: a replay, and one instruction whose gradient is a replay too."""

import gc
import threading
import warnings
import weakref

import numpy as np
import pytest
from corpus import CASES
from hypothesis import given, settings
from hypothesis import strategies as st
from test_function import ONE, TWO, bits, same

import autodiff as ad
from autodiff import errors

def counted(f):
    """The traced function, and a list that grows at each run of f as written."""
    runs = []

    def run(*args, **kwargs):
        runs.append(1)
        return f(*args, **kwargs)

    return ad.function(run), runs


def under_a_tape(f, xs, *rest):
    with ad.GradientTape() as tape:
        tape.watch(xs)
        y = f(*xs, *rest)
    return y, tape.gradient(y, xs)


def arguments(case, dtype, seed):
    inputs = case.inputs(dtype=np.dtype(dtype), seed=seed)
    xs = [ad.constant(x, dtype) * (1 + seed / 8) for x in inputs[: case.wrt]]
    return xs, [ad.constant(x) if isinstance(x, np.ndarray) else x for x in case.inputs(dtype=np.dtype(dtype))[case.wrt :]]


# ---------------------------------------------------------------------------------------------------- the same as eager
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient_of_the_corpus_have_the_bits_of_eager(name, dtype):
    case = CASES[name]
    traced, runs = counted(lambda *args: case.f(ad, *args))
    for seed in (0, 1, 2):
        xs, rest = arguments(case, dtype, seed)
        same(under_a_tape(traced, xs, *rest), under_a_tape(traced.python_function, xs, *rest))
    assert len(runs) == 1 + 3 and traced.experimental_get_tracing_count() == 1  # and three of the others


@pytest.mark.parametrize("name", CASES)
def test_products_with_the_hessian_of_the_corpus_are_those_of_eager(name):
    case = CASES[name]
    traced, runs = counted(lambda *args: case.f(ad, *args))

    def product(f, xs, rest):
        with ad.GradientTape() as outer:
            outer.watch(xs)
            _, slopes = under_a_tape(f, xs, *rest)
            along = sum(ad.reduce_sum(g * np.cos(np.arange(1.0, g.numpy().size + 1)).reshape(g.shape)) for g in slopes if g is not None)
        return outer.gradient(along, xs)

    for seed in (0, 1, 2):
        xs, rest = arguments(case, "float64", seed)
        for a, b in zip(product(traced, xs, rest), product(traced.python_function, xs, rest)):
            assert (a is None) == (b is None)
            if a is not None:
                np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12, atol=1e-12 * max(1.0, np.abs(b.numpy()).max(initial=0)))
    assert len(runs) == 2 + 3


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=12),
       st.sampled_from([(), (3,), (2, 3), (0, 3), (5, 1), (7, 300)]), st.lists(st.integers(0, 13), min_size=1, max_size=3))  # fmt: skip
def test_random_programs(steps, shape, wanted):
    def f(x, y):
        values = [x, y]
        for two, which, i, j in steps:
            a, b = values[i % len(values)], values[j % len(values)]
            try:
                values.append(TWO[which % len(TWO)](a, b) if two else ONE[which % len(ONE)](a))
            except (errors.ShapeError, IndexError, ValueError):
                pass
        return values

    def gradients(f, x, y):
        with ad.GradientTape(persistent=True) as tape:
            tape.watch([x, y])
            values = f(x, y)
        targets = [values[k % len(values)] for k in wanted]
        return values, tape.gradient(targets, [x, y]), tape.gradient(values[-1], [x, y]), tape.gradient(values[-1], y)

    rng = np.random.default_rng(0)
    traced, runs = counted(f)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            x, y = ad.constant(rng.normal(size=shape)), ad.constant(rng.normal(size=shape))
            (values, *slopes), (expected, *known) = gradients(traced, x, y), gradients(f, x, y)
            same(values, expected)
            for a, b in zip(ad.nest.flatten(slopes), ad.nest.flatten(known)):
                assert (a is None) == (b is None)
                if a is not None:
                    np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12, atol=1e-12)
    assert len(runs) == 1


# ------------------------------------------------------------------------------------------------- results and arguments
def test_several_results_integers_and_arguments_that_nothing_depends_on():
    def f(a, b, k):
        return {"a": a * a, "both": a * b, "whole": ad.argmax(b), "fixed": ad.constant(3.0), "text": "t", "none": None, "stopped": ad.stop_gradient(a)}, k + 1

    traced, runs = counted(f)

    def ask(f, a, b):
        with ad.GradientTape(persistent=True) as tape:
            tape.watch([a, b])
            out, k = f(a, b, ad.constant(3))
        answers = [tape.gradient(out[name], [a, b]) for name in ("a", "both", "whole", "fixed", "stopped")]
        return out, k, answers, tape.gradient([out["a"], out["both"]], [a, b], output_gradients=[2.0, ad.constant([1.0, 3.0])])

    for value in (1.0, 2.0):
        got, want = [ask(g, ad.constant([value, 2.0]), ad.constant([3.0, value])) for g in (traced, f)]
        assert got[0].pop("text") == want[0].pop("text")
        same(got, want)
    assert len(runs) == 1


def test_the_same_tensor_twice_and_results_that_are_arguments():
    traced, _ = counted(lambda a, b: (a * a * b, a, b))
    for f in (traced, traced.python_function):
        for value in (2.0, 3.0):
            x = ad.constant(value)
            with ad.GradientTape(persistent=True) as tape:
                tape.watch(x)
                y, a, b = f(x, x)
                z = y + a + 2.0 * b
            assert float(tape.gradient(y, x)) == 3 * value**2 and float(tape.gradient(z, x)) == 3 * value**2 + 3


def test_what_is_not_followed_is_not_recorded():
    traced, runs = counted(lambda x, w: ad.sin(x) * w)
    v = ad.Variable(2.0)
    for _ in range(2):
        with ad.GradientTape(persistent=True) as tape:
            x = ad.constant(1.0)
            y = traced(x, v) + traced(x, ad.constant(3.0))
        assert tape.gradient(y, x) is None and float(tape.gradient(y, v)) == pytest.approx(np.sin(1.0))
        assert [w is v for w in tape.watched_variables()] == [True]
    assert len(runs) == 2
    with ad.GradientTape(watch_accessed_variables=False) as tape:
        y = traced(ad.constant(1.0), v)
    assert tape.gradient(y, v) is None


# --------------------------------------------------------------------------------------------------------------- variables
def test_variables_that_are_read_and_assigned():
    def make():
        v, fixed = ad.Variable([1.0, 2.0]), ad.Variable([3.0, 4.0], trainable=False)

        def f(x):
            y = v * x * fixed
            v.assign_add(x)
            return ad.reduce_sum(y + v * v)

        return v, fixed, f

    (v, fixed, f), (w, other, plain) = make(), make()
    traced = ad.function(f)
    for value in (1.0, 2.0, 3.0):
        results = []
        for g, a, b in ((traced, v, fixed), (plain, w, other)):
            x = ad.constant([value, 1.0])
            with ad.GradientTape() as tape:
                tape.watch([x, b])
                before = a * 2.0
                y = g(x) + ad.reduce_sum(before * a)
                a.assign_add([5.0, 5.0])
                y = y + ad.reduce_sum(a)
            results.append((y, a + 0.0, tape.gradient(y, [x, a, b])))
        same(*results)
    assert traced.experimental_get_tracing_count() == 1


def test_a_variable_assigned_between_the_call_and_its_gradient():
    v = ad.Variable(3.0)
    traced, runs = counted(lambda x: v * v * x)
    for _ in range(3):
        v.assign(3.0)
        x = ad.constant(2.0)
        with ad.GradientTape() as outer:
            outer.watch(x)
            with ad.GradientTape(persistent=True) as tape:
                tape.watch(x)
                y = traced(x)
                v.assign(100.0)
            g = tape.gradient(y, v)
        assert float(y) == 18 and float(g) == 12 and float(v) == 100
        assert [float(d) for d in outer.gradient(g, [v, x])] == [4, 6]
    assert len(runs) == 2


# ------------------------------------------------------------------------------------------------------- higher orders
def test_a_tape_around_a_tape_around_a_tape():
    traced, runs = counted(lambda x: ad.sin(x) * ad.exp(x))

    def orders(f, x):
        with ad.GradientTape() as third:
            third.watch(x)
            with ad.GradientTape() as second:
                second.watch(x)
                with ad.GradientTape() as first:
                    first.watch(x)
                    y = f(x)
                g = first.gradient(y, x)
            h = second.gradient(g, x)
        return [float(t) for t in (y, g, h, third.gradient(h, x))]

    for value in (0.5, 1.5, -1.0):
        s, c, e = np.sin(value), np.cos(value), np.exp(value)
        expected = [s * e, (s + c) * e, 2 * c * e, 2 * (c - s) * e]
        assert orders(traced, ad.constant(value, "float64")) == pytest.approx(expected, rel=1e-13, abs=0)
    assert len(runs) == 3


def test_a_persistent_tape_inside_its_own_block():
    traced, _ = counted(lambda x: x * x * x)
    for value in (2.0, 3.0):
        x = ad.constant(value)
        with ad.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = traced(x)
            g = tape.gradient(y, x)
        assert float(g) == 3 * value**2 and float(tape.gradient(g, x)) == 6 * value and float(tape.gradient(y, x)) == 3 * value**2


def test_jacobians_and_forward_mode():
    traced, _ = counted(lambda x: ad.sin(x) * ad.reduce_sum(x, axis=-1, keepdims=True))
    rng = np.random.default_rng(0)
    for _ in range(2):
        x = ad.constant(rng.normal(size=(3, 4)))
        t = ad.constant(rng.normal(size=(3, 4)))
        found = []
        for f in (traced, traced.python_function):
            with ad.GradientTape(persistent=True) as tape:
                tape.watch(x)
                y = f(x)
            with ad.autodiff.ForwardAccumulator(x, t) as acc:
                z = f(x)
            found.append([tape.jacobian(y, x), tape.batch_jacobian(y, x), acc.jvp(z), ad.jvp(f, (x,), (t,))[1], ad.vjp(f, x)[1](t)[0],
                          ad.jacobian(f)(x), ad.hvp(lambda u: ad.reduce_sum(f(u)))(x, t), ad.hessian(lambda u: ad.reduce_sum(f(u) ** 2))(x)])  # fmt: skip
        for a, b in zip(*found):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12, atol=1e-12)


def test_a_tape_inside():
    @ad.custom_gradient
    def doubled(x):
        return x * x, lambda g: g * 4.0 * x

    def f(x):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = ad.reduce_sum(ad.sin(x) * x)
        return tape.gradient(y, x) * 2.0, y

    def g(x):
        return doubled(x) + ad.stop_gradient(x) * x, ad.recompute_grad(ad.tanh)(x)

    for function in (f, g):
        traced, runs = counted(function)
        for value in (0.5, 1.5, 2.5):
            x = ad.constant([value, 1.0])
            results = []
            for h in (traced, function):
                with ad.GradientTape() as outer:
                    outer.watch(x)
                    with ad.GradientTape(persistent=True) as tape:
                        tape.watch(x)
                        slope, y = h(x)
                    first = tape.gradient(slope, x), tape.gradient(y, x)
                results.append((slope, y, *first, outer.gradient(first[0], x)))
            for a, b in zip(*results):
                np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)
        assert len(runs) <= 4


# -------------------------------------------------------------------------------------------------------- ways and limits
def test_ways_through_it():
    def f(x):
        y = x * x
        while y < 20.0:
            y = y * x
        return ad.sin(y) if y > 40.0 else y

    traced, runs = counted(f)
    for value in (2.0, 3.0, 5.0, 7.0, 2.0, 3.0, 5.0, 7.0):
        same(under_a_tape(traced, [ad.constant(value)]), under_a_tape(f, [ad.constant(value)]))
    assert len(runs) == 4


def test_what_cannot_be_replayed_runs_as_written():
    traced = ad.function(lambda x: x * float(np.sum(x.numpy())))
    for value in (1.0, 2.0):
        x = ad.constant([value, 3.0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            y, (g,) = under_a_tape(traced, [x])
        assert y.numpy().tolist() == [value * (value + 3), 3 * (value + 3)] and g.numpy().tolist() == [value + 3] * 2


@pytest.mark.parametrize("indirect", [False, True])
def test_tensors_from_outside_that_a_tape_follows(indirect):
    a = ad.constant(3.0)

    @ad.function
    def f(x):
        return (ad.exp(a) if indirect else a) * x

    def slopes(watched):
        with ad.GradientTape() as tape:
            tape.watch(watched)
            y = f(ad.constant(2.0))
        return tape.gradient(y, a)

    slope = 2 * np.exp(np.float32(3)) if indirect else 2
    assert slopes([]) is None and float(slopes([a])) == pytest.approx(slope) and slopes([]) is None
    assert float(slopes([a])) == pytest.approx(slope)


def test_numbers_that_are_frozen_are_frozen_in_the_gradient():
    rng = np.random.default_rng(0)

    @ad.function
    def noisy(x):
        return x * x * rng.uniform(1.0, 2.0)

    x = ad.constant(3.0)
    for _ in range(3):
        y, (g,) = under_a_tape(noisy, [x])
        assert float(g) == pytest.approx(2 * float(y) / 3)
    with ad.GradientTape() as outer, pytest.raises(errors.ReplayError, match="^function: noisy does otherwise each time it is run as written"):
        outer.watch(x)
        under_a_tape(noisy, [x])


@pytest.mark.parametrize("n", range(1, 10))
def test_the_sign_of_a_nan_is_nothing_that_a_function_does_otherwise(n):
    """softplus(nan) has one sign in a vector and another in what is left of an array: which is the compiler's choice."""
    softplus, x = ad.function(ad.math.softplus), ad.constant(np.full(n, np.nan))
    under_a_tape(softplus, [x])             # what comes next is replayed
    with ad.GradientTape() as outer:
        outer.watch(x)
        g = under_a_tape(softplus, [x])[1][0]
    assert np.isnan(outer.gradient(g, x).numpy()).all()


@pytest.mark.parametrize("how", [dict(precise=True), dict(stabilize=True)])
def test_tapes_that_want_every_operation_get_them(how):
    f = ad.function(lambda x: ad.math.log(1.0 + ad.exp(x)))
    x = ad.constant([-100.0, 100.0])
    for _ in range(2):
        under_a_tape(f, [x])
        with ad.GradientTape(**how) as tape:
            tape.watch(x)
            y = f(x)
        assert np.isfinite(tape.gradient(y, x).numpy()).all()


def test_a_result_that_is_not_finite_is_named():
    f = ad.function(lambda x: ad.math.log(x) * 2.0)
    x = ad.constant(-1.0)
    under_a_tape(f, [x])
    ad.debugging.enable_check_numerics()
    try:
        with pytest.raises(errors.InvalidArgumentError):
            under_a_tape(f, [x])
    finally:
        ad.debugging.disable_check_numerics()


def test_an_error_leaves_nothing_behind():
    f = ad.function(lambda x, y: ad.matmul(x, y))
    x = ad.ones((2, 3))
    for _ in range(2):
        with ad.GradientTape() as tape:
            tape.watch(x)
            with pytest.raises(ValueError, match="matmul"):
                f(x, ad.ones((2, 3)))
            y = f(x, ad.ones((3, 2)))
        assert tape.gradient(y, x).numpy().tolist() == [[2.0] * 3] * 2


def test_variables_made_at_the_first_call():
    class Model:
        v = None

        @ad.function
        def __call__(self, x):
            if self.v is None:
                self.v = ad.Variable(2.0)
            return self.v * x * x

    model, x = Model(), ad.constant(3.0)
    for _ in range(3):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = model(x)
        assert [float(g) for g in tape.gradient(y, [x, model.v])] == [12, 9]

    @ad.function
    def careless(x):
        return ad.Variable(1.0) * x

    with ad.GradientTape():
        careless(x)
        with pytest.raises(ValueError, match="only supports singleton ad.Variables created on the first call"):
            careless(x)


def test_a_function_goes_with_its_last_user():
    v = ad.Variable(2.0)

    def use():
        f = ad.function(lambda x: ad.sin(x) * v)
        with ad.GradientTape() as outer:
            g = under_a_tape(f, [v])[1][0]
            under_a_tape(f, [ad.constant(1.0)])
        outer.gradient(g, v)
        return weakref.ref(f)

    gc.collect()
    gc.disable()
    try:
        assert use()() is None
    finally:
        gc.enable()


def test_threads():
    f = ad.function(lambda x: ad.reduce_sum(ad.exp(x) * x))
    xs = [ad.constant(np.full(n, k / 8)) for k, n in enumerate([200] * 4 + [50_000] * 4)]
    expected = [bits(under_a_tape(f.python_function, [x])[1][0].numpy()) for x in xs]
    wrong = []

    def work(k):
        for _ in range(30):
            if bits(under_a_tape(f, [xs[k]])[1][0].numpy()) != expected[k]:
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    [t.start() for t in threads], [t.join() for t in threads]
    assert not wrong


def test_a_training_loop_with_the_tape_outside():
    w = ad.Variable(np.zeros(3))
    rng = np.random.default_rng(0)
    x, y = ad.constant(rng.normal(size=(20, 3))), ad.constant(np.sign(rng.normal(size=20)))
    loss, runs = counted(lambda x, y: ad.reduce_mean(ad.math.softplus(-y * ad.linalg.matvec(x, w))))
    losses = []
    for f in (loss, loss.python_function):
        w.assign(np.zeros(3))
        losses.append([])
        for _ in range(20):
            with ad.GradientTape() as tape:
                value = f(x, y)
            w.assign_sub(0.5 * tape.gradient(value, w))
            losses[-1].append(float(value))
    assert losses[0] == losses[1] and losses[0][-1] < losses[0][0] and len(runs) == 1 + 20


def test_an_infinite_argument_may_have_overflowed():
    x = ad.constant([np.inf, 1.0])
    slopes = []
    for f in (ad.math.log, ad.function(ad.math.log), lambda x: ad.math.log(2 * x)):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        slopes.append(tape.gradient(y, x).numpy().tolist())
    assert slopes[0] == [0.0, 1.0] and slopes[2][1] == slopes[1][1] == 1.0 and np.isnan([slopes[1][0], slopes[2][0]]).all()
