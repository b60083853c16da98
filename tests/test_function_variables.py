"""Variables that a recorded function reads and assigns, as tapes inside of it and around it see them."""

import numpy as np
import pytest
from test_function import same

import autodiff as ad

WAYS = [lambda f: f, ad.function]


@pytest.mark.parametrize("how", ["assign", "assign_add"])
def test_an_assignment_is_no_read(how):
    """A tape does not follow what is only assigned inside of it."""
    v, w = ad.Variable([1.0, 2.0]), ad.Variable([1.0, 2.0])

    def f(x):
        with ad.GradientTape() as tape:
            getattr(v, how)(x * w)
            y = x * w
        return len(tape.watched_variables()), tape.gradient(y, [v, w])

    for decorate in WAYS:
        count, (by_v, by_w) = decorate(f)(ad.constant([3.0, 4.0]))
        assert count == 1 and by_v is None
        np.testing.assert_array_equal(by_w.numpy(), [3.0, 4.0])


def assigned_twice(decorate, inside, dtype):
    v = ad.Variable(np.ones(20, dtype))

    @decorate
    def value(x):
        v.assign(x * 0.3)
        a = v.value()
        b = a / (a * a + 1.1)
        v.assign(x * 0.5)
        return ad.reduce_sum(ad.sin(b)) + ad.reduce_sum(ad.sin(v * 2.0))

    def value_and_gradient(x):
        with ad.GradientTape() as tape:
            y = value(x)
        return y, tape.gradient(y, v)

    return decorate(value_and_gradient) if inside else value_and_gradient


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("inside", [True, False], ids=["a tape inside", "a tape around it"])
def test_reads_after_an_assignment_add_their_shares_in_one_order(inside, dtype):
    x = ad.constant(np.random.default_rng(0).normal(size=20).astype(dtype))
    expected, traced = [assigned_twice(decorate, inside, dtype) for decorate in WAYS]
    for xs in (x, x, -x):
        same(traced(xs), expected(xs))


@pytest.mark.parametrize("accessed", [True, False])
@pytest.mark.parametrize("how", ["assign", "assign_add"])
def test_a_watched_variable_is_followed_past_an_assignment(how, accessed):
    v, x = ad.Variable(1.0), ad.constant(2.0)

    def f(x):
        with ad.GradientTape(watch_accessed_variables=accessed, persistent=True) as tape:
            tape.watch(v)
            before = x * v
            getattr(v, how)(4.0)
            after = x * v
            both = before * after
        return after, tape.gradient(after, v), tape.gradient(both, v)

    for decorate in WAYS:
        traced = decorate(f)
        for _ in range(2):
            v.assign(1.0)
            after, slope, both = traced(x)
            assert slope.numpy() == 2.0 and both.numpy() == 2.0 * (after.numpy() + 2.0)


def followed_calls(decorate, assigns):
    """A tape around two calls between which a variable is assigned, as it is afterwards."""
    v, k, x = ad.Variable(1.0, dtype="float64"), ad.Variable(3), ad.constant(np.linspace(0.1, 1.0, 35))

    @decorate
    def f(x):
        if assigns:
            v.assign_add(1.0)
            k.assign(5)
        return ad.sin(x) * v * ad.cast(k.value(), "float64")

    with ad.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = f(x)
        v.assign(10.0)
        z = f(y)
    v.assign(100.0)
    return tape, z, x, v, k


def as_written_and_recorded(assigns, ask):
    """What ask(tape, z, x, v, k) of followed_calls comes to, for each way to decorate their function."""
    return [ask(*followed_calls(decorate, assigns)) for decorate in WAYS]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("assigns", [False, True])
def test_a_jacobian_past_calls_takes_a_variable_as_each_of_them_found_it(assigns):
    def jacobian(tape, z, x, v, k):
        found = tape.jacobian(z, [x, v])
        assert v.numpy() == 100.0 and k.numpy() == (5 if assigns else 3)
        return found

    for expected, found in zip(*as_written_and_recorded(assigns, jacobian)):
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-14)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("assigns", [False, True])
def test_a_gradient_past_calls_that_is_recorded_keeps_what_they_found(assigns):
    def recorded(tape, z, x, v, k):
        def slopes(u):
            return tape.gradient(z, (x, v), output_gradients=u)

        results = []
        for ask in (slopes, lambda u: ad.vectorized_map(slopes, ad.stack([u, 2.0 * u]))):
            traced = ad.function(ask)
            v.assign(100.0)
            results.append(traced(x))
            v.assign(1000.0)
            same(traced(x), results[-1])
            assert v.numpy() == 1000.0
        return ad.nest.flatten(results)

    for expected, found in zip(*as_written_and_recorded(assigns, recorded)):
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-14)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_rows_that_assign_are_recorded_with_what_the_variable_held():
    """vectorized_map records the first row, and finds that it has to call each: to the function around it that row never ran."""
    x, results = ad.constant(np.array([0.1, 0.2, 0.3])), []
    for decorate in WAYS:
        v = ad.Variable(np.array([1.0, 2.0, 3.0]))

        def row(r, v=v):
            v.assign_sub(r * 0.5)
            return v.value()

        f = decorate(lambda x, row=row: ad.sin(ad.vectorized_map(row, ad.stack([x, 2.0 * x]))))
        for _ in range(2):
            v.assign([1.0, 2.0, 3.0])
            with ad.GradientTape() as tape:
                y = f(x)
            results.append((y, tape.gradient(y, v), v.value()))
    for found in results[1:]:
        same(found, results[0])


def test_a_jacobian_past_a_call_whose_own_tapes_watch_a_variable():
    x, results = ad.constant(np.linspace(0.1, 1.0, 35)), []
    for decorate in WAYS:
        v = ad.Variable(1.5, dtype="float64")
        scaled = ad.recompute_grad(lambda x, v=v: v * x)

        @decorate
        def f(x, v=v, scaled=scaled):
            with ad.GradientTape() as inner:
                y = ad.sin(scaled(x))
            return inner.gradient(y, v) * x * len(inner.watched_variables())

        with ad.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = f(x)
        results.append(tape.jacobian(y, [x, v]))
    for expected, found in zip(*results):
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-13)


def test_recompute_grad_inside_a_recorded_gradient_takes_variables_as_the_call_found_them():
    x, v = ad.constant(3.0), ad.Variable(2.0)
    f = ad.recompute_grad(lambda x: x * x * v)

    def step(x):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
            v.assign(5.0 * v)
        return tape.gradient(y, [x, v])

    for call in (step, ad.function(step)):
        for k in (2.0, 3.0):
            v.assign(k)
            assert [float(g) for g in call(x)] == [6.0 * k, 9.0] and float(v) == 5.0 * k


@pytest.mark.parametrize("nested", [False, True])
def test_what_recompute_grad_reads_adds_its_shares_in_the_order_of_a_run_as_written(nested):
    """After an assignment a read has a place of its own, where the shares of what uses it meet before they go on."""
    results = []
    for decorate in WAYS:
        v, rng = ad.Variable([0.3, -0.7, 1.1], dtype="float64"), np.random.default_rng(0)
        f = ad.recompute_grad(lambda z, v=v: ad.sin(z * v) * z)

        @decorate
        def step(x, v=v, f=f):
            with ad.GradientTape() as outer:
                with ad.GradientTape() as tape:
                    tape.watch(x)
                    y = x * v
                    v.assign(v * 0.9 + 0.01 * x)
                    y = f(y) * v if nested else y * v
                    total = ad.reduce_sum(ad.sin(y) * x)
                by_x, by_v = tape.gradient(total, [x, v])
                total = ad.reduce_sum(ad.sin(f(ad.tanh(by_x) + 0.1 * by_v * v)))
            return outer.gradient(total, v)

        found = []
        for _ in range(100):
            v.assign(rng.normal(size=3))
            found.append(step(ad.constant(rng.normal(size=3))))
        results.append(ad.stack(found))
    same(results[1], results[0])
