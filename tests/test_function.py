"""ad.function: what is replayed has the bits of what is run as written; what cannot be replayed runs as written."""

import contextlib
import copy
import warnings

import numpy as np
import pytest
from corpus import CASES
from hypothesis import given, settings
from hypothesis import strategies as st

import autodiff as ad
from autodiff import errors


def same(a, b):
    a, b = ad.nest.flatten(a), ad.nest.flatten(b)
    assert len(a) == len(b)
    for x, y in zip(a, b):
        assert type(x) is type(y)
        if x is not None:
            assert x.dtype == y.dtype and x.shape == y.shape
            assert bits(x.numpy()) == bits(y.numpy()), (x, y)


def bits(x):
    """All nans are alike: which one comes of nan + nan is the compiler's choice."""
    return np.where(np.isnan(x), np.array(np.nan, x.dtype), x).tobytes() if x.dtype.kind == "f" else x.tobytes()


# ------------------------------------------------------------------------------------------------------- the same as eager
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_the_corpus_replayed_has_the_bits_of_the_corpus(name, dtype):
    case = CASES[name]

    def value_and_gradient(xs, rest):
        with ad.GradientTape() as tape:
            tape.watch(xs)
            y = case.f(ad, *xs, *rest)
        return y, tape.gradient(y, xs)

    traced = ad.function(value_and_gradient)
    for seed in (0, 1, 2):
        inputs = case.inputs(dtype=np.dtype(dtype), seed=seed)
        xs = [ad.constant(x, dtype) for x in inputs[: case.wrt]]
        if seed:
            xs = [x * (1 + seed / 8) for x in xs]
        rest = [ad.constant(x) if isinstance(x, np.ndarray) else x for x in inputs[case.wrt :]]
        same(traced(xs, rest), value_and_gradient(xs, rest))


ONE = [ad.exp, ad.tanh, ad.math.softplus, ad.sin, ad.square, ad.abs, ad.negative, ad.nn.relu, ad.floor, lambda x: x * 1.5, lambda x: 2.0 - x,
       lambda x: 1.0 / x, lambda x: ad.clip_by_value(x, -1.0, 1.0), ad.reduce_sum, lambda x: ad.reduce_mean(x, -1, keepdims=True), ad.nn.softmax,
       lambda x: ad.transpose(x), lambda x: ad.cast(ad.cast(x, ad.int32), x.dtype), lambda x: ad.cast(x > 0, x.dtype), ad.stop_gradient,
       lambda x: ad.reshape(x, (-1,))[:1], ad.cumsum]  # fmt: skip
TWO = [ad.add, ad.subtract, ad.multiply, ad.divide, ad.maximum, lambda a, b: ad.where(a > b, a * b, b), ad.math.atan2,
       lambda a, b: ad.where(ad.equal(ad.floor(a), 0.0), b, a)]  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=15),
       st.sampled_from([(), (1,), (3,), (2, 3), (0, 3), (5, 1), (7, 700)]))  # fmt: skip
def test_random_programs(steps, shape):
    def f(x, y):
        with ad.GradientTape(persistent=True) as tape:
            tape.watch([x, y])
            values = [x, y]
            for two, which, i, j in steps:
                a, b = values[i % len(values)], values[j % len(values)]
                try:
                    values.append(TWO[which % len(TWO)](a, b) if two else ONE[which % len(ONE)](a))
                except (errors.ShapeError, IndexError, ValueError):
                    pass
        return values, tape.gradient(values[-1], [x, y]), tape.gradient(values[-1], values[len(values) // 2])

    rng = np.random.default_rng(0)
    traced = ad.function(f)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            x, y = ad.constant(rng.normal(size=shape)), ad.constant(rng.normal(size=shape))
            same(traced(x, y), f(x, y))
    assert traced.experimental_get_tracing_count() == 1


SMOOTH = [lambda a, b: np.sin(a), lambda a, b: np.exp(-a * a), lambda a, b: np.tanh(a * 2.0), lambda a, b: a + b, lambda a, b: a * b, lambda a, b: a - 0.5 * b,
          lambda a, b: a / (1.5 + b * b), lambda a, b: np.sqrt(1.0 + a * a), lambda a, b: np.log1p(a * a), lambda a, b: np.arctan(a) * np.cos(b),
          lambda a, b: a + np.sum(b), lambda a, b: a[::-1] * b]  # fmt: skip


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.integers(0, len(SMOOTH) - 1), st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=12), st.integers(0, 99))
def test_random_programs_agree_with_differences_in_higher_precision(steps, seed):
    def loss(x):
        values = [x, np.sin(x)]
        for which, i, j in steps:
            values.append(np.tanh(SMOOTH[which](values[i % len(values)], values[j % len(values)])))
        return np.sum(values[-1] * values[-2])

    rng = np.random.default_rng(seed)
    x, direction, step = rng.normal(size=3), rng.normal(size=3), np.longdouble(1) / 2048
    points = [loss(x.astype(np.longdouble) + k * step * direction.astype(np.longdouble)) for k in (-3, -2, -1, 1, 2, 3)]
    expected = float(np.dot([-1, 9, -45, 45, -9, 1], points) / (60 * step))  # of the sixth order
    traced = ad.function(loss)
    slopes = [ad.grad(loss)(x), ad.function(ad.grad(loss))(x), ad.grad(traced)(x), ad.grad(traced)(x + 0.0)]
    replay = ad.function(ad.grad(loss))
    replay(x * 0.5)
    for slope in [*slopes, replay(x)]:
        assert float(np.dot(slope.numpy(), direction)) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_second_derivatives():
    def f(x):
        with ad.GradientTape() as outer:
            outer.watch(x)
            with ad.GradientTape() as tape:
                tape.watch(x)
                y = ad.reduce_sum(ad.sin(x) * ad.exp(x))
            g = tape.gradient(y, x)
        return outer.gradient(g, x)

    traced = ad.function(f)
    for k in range(3):
        x = ad.constant(np.linspace(0, k + 1.0, 5))
        same(traced(x), f(x))
    assert traced.experimental_get_tracing_count() == 1


def test_integers_and_masks_are_followed():
    @ad.function
    def f(x, index):
        order = ad.argsort(x) if False else ad.argmax(x)
        return ad.gather(x, index) * 2, order, x > 0.5, index + 1, ad.cast(x, ad.int32)

    for values, index in (([1.0, 2.0, 0.0], [0, 1]), ([0.0, 0.2, 5.0], [2, 2])):
        a, top, mask, more, whole = f(ad.constant(values), ad.constant(index))
        assert a.numpy().tolist() == [2 * values[k] for k in index]
        assert int(top) == int(np.argmax(np.float32(values)))
        assert mask.numpy().tolist() == [v > 0.5 for v in values]
        assert more.numpy().tolist() == [k + 1 for k in index] and whole.numpy().tolist() == [int(v) for v in values]
    assert f.experimental_get_tracing_count() == 1


def test_custom_gradients_and_recomputation():
    @ad.custom_gradient
    def log1pexp(x):
        e = ad.exp(x)
        return ad.math.log(1 + e), lambda dy: dy * (1 - 1 / (1 + e))

    def f(x):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = log1pexp(x) * ad.recompute_grad(lambda t: ad.sin(t) * t)(x)
        return y, tape.gradient(y, x), log1pexp(x), ad.stop_gradient(x) * 2

    traced = ad.function(f)
    for value in (1.0, 2.0, -3.0):
        same(traced(ad.constant(value)), f(ad.constant(value)))
    assert traced.experimental_get_tracing_count() == 1


# ------------------------------------------------------------------------------------------------------------- variables
def test_variables_are_read_and_assigned_at_each_call():
    def make():
        w, count = ad.Variable([1.0, 2.0]), ad.Variable(0, trainable=False)

        def step(x, rate):
            with ad.GradientTape() as tape:
                loss = ad.reduce_sum((w - x) ** 2)
            w.assign_sub(rate * tape.gradient(loss, w))
            count.assign_add(1)
            half = w / 2
            w.assign(w * 1.5)
            return loss, half, w + 0, count + 0

        return w, count, step

    w, count, step = make()
    u, number, plain = make()
    traced = ad.function(step)
    for k in range(5):
        x, rate = ad.constant([k, 3.0 * k]), ad.constant(0.1)
        same(traced(x, rate), plain(x, rate))
        same([w + 0, count + 0], [u + 0, number + 0])
        if k == 2:
            w.assign([5.0, 6.0])
            u.assign([5.0, 6.0])
    assert traced.experimental_get_tracing_count() == 1


def test_a_variable_assigned_before_it_is_read():
    v, w = ad.Variable(1.0), ad.Variable(1.0)

    def of(v):
        def f(x):
            with ad.GradientTape() as tape:
                v.assign(x)
                y = v * v
            return y, tape.gradient(y, v)

        return f

    traced, plain = ad.function(of(v)), of(w)
    for value in (3.0, 4.0):
        same(traced(ad.constant(value)), plain(ad.constant(value)))
        assert float(v) == value


def test_variables_made_at_the_first_call_and_at_every_call():
    class Model:
        v = None

        @ad.function
        def __call__(self, x):
            if self.v is None:
                self.v = ad.Variable(2.0)
            return self.v * x

    one, other = Model(), Model()
    assert [float(one(ad.constant(k))) for k in (1.0, 2.0, 3.0)] == [2.0, 4.0, 6.0]
    one.v.assign(5.0)
    assert float(one(ad.constant(3.0))) == 15.0 and float(other(ad.constant(3.0))) == 6.0

    @ad.function
    def careless(x):
        return ad.Variable(1.0) * x

    assert float(careless(ad.constant(2.0))) == 2.0
    with pytest.raises(ValueError, match="only supports singleton ad.Variables created on the first call"):
        careless(ad.constant(2.0))


@pytest.mark.parametrize("taped", [False, True])
def test_weights_drawn_at_the_first_call_are_no_reason_to_run_as_written(taped):
    """A layer that knows its sizes when it is called for the first time."""
    class Layer:
        w = None

        @ad.function
        def __call__(self, x):
            if self.w is None:
                scale = float(ad.reduce_sum(ad.ones(x.shape[-1]))) ** -0.5
                self.w = ad.Variable(ad.random.normal((x.shape[-1], 2)) * scale)
                self.b = ad.Variable(ad.random.uniform((2,)))
            return x @ self.w + self.b

    layer, x = Layer(), ad.constant([[1.0, 2.0, 3.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            with ad.GradientTape() if taped else contextlib.nullcontext() as tape:
                y = layer(x)
            np.testing.assert_array_equal(y.numpy(), (x @ layer.w + layer.b).numpy())
            if taped:
                assert tape.gradient(y, layer.b).numpy().tolist() == [1, 1]
        assert "matmul" in str(layer.__call__.program(x))


# ------------------------------------------------------------------------------------------------ arguments and results
def test_one_trace_for_every_dtype_shape_and_number():
    @ad.function
    def f(x, power=2.0):
        return x**power

    assert float(f(ad.constant(3.0))) == 9.0 and float(f(ad.constant(4.0))) == 16.0
    assert f(ad.constant([1.0, 2.0])).numpy().tolist() == [1.0, 4.0]
    assert float(f(ad.constant(2.0), 3.0)) == 8.0 and float(f(ad.constant(2.0), power=3.0)) == 8.0
    assert f(np.array([3.0])).numpy().tolist() == [9.0] and f(np.array([4.0])).numpy().tolist() == [16.0]
    assert f.experimental_get_tracing_count() == 5


def test_structures_go_in_and_come_out():
    @ad.function
    def f(model, pair, *more, scale):
        return {"y": model["w"] * pair[0] + model["b"], "rest": (scale, [more[0] * pair[1], None, "text"])}

    for k in (1.0, 2.0):
        c = [ad.constant(v * k) for v in (2.0, 3.0, 4.0, 5.0)]
        out = f({"w": c[0], "b": c[1]}, (c[2], c[3]), c[0], scale=7)
        assert float(out["y"]) == 2 * k * 4 * k + 3 * k and out["rest"][0] == 7
        assert float(out["rest"][1][0]) == 10 * k * k and out["rest"][1][1:] == [None, "text"]
    assert f.experimental_get_tracing_count() == 1


def test_the_same_tensor_twice_and_an_argument_returned():
    @ad.function
    def f(a, b):
        with ad.GradientTape() as tape:
            tape.watch([a, b])
            y = a * a * b
        return tape.gradient(y, [a, b]), a

    x = ad.constant(3.0)
    assert [float(g) for g in f(x, x)[0]] == [18.0, 9.0]
    (ga, gb), a = f(ad.constant(2.0), ad.constant(5.0))
    assert (float(ga), float(gb), float(a)) == (20.0, 4.0, 2.0)


def test_a_deep_copy_is_computed_anew():
    def f(x):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = copy.deepcopy([x])[0] * x
        return y, tape.gradient(y, x)

    traced = ad.function(f)
    for k in (1.0, 2.0, 3.0):
        same(traced(ad.constant([k])), f(ad.constant([k])))


def test_results_are_not_written_to_by_the_next_call():
    f = ad.function(lambda x: ad.exp(x) + x)
    first = f(ad.zeros(10000))
    kept = first.numpy().copy()
    f(ad.ones(10000))
    second = f(ad.zeros(10000))
    f(ad.ones(10000))
    assert (first.numpy() == kept).all() and (second.numpy() == kept).all()


def test_a_signature_converts_and_refuses():
    @ad.function(input_signature=[ad.TensorSpec([None], ad.float32)])
    def f(x):
        return ad.reduce_sum(x) * 2

    assert float(f([1, 2])) == 6.0 and float(f([1.0, 2.0, 3.0])) == 12.0
    with pytest.raises(TypeError, match="Binding inputs to ad.function failed due to `shape"):
        f([[1.0]])
    with pytest.raises(TypeError, match="Binding inputs to ad.function failed due to"):
        f([1.0], [2.0])
    with pytest.raises(TypeError, match="Binding inputs to ad.function failed due to"):
        f("text")


# ------------------------------------------------------------------------------------------------------ programs and costs
def test_a_program_is_read():
    @ad.function
    def slope(x, w):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = ad.reduce_sum(ad.math.softplus(x) * x + ad.math.softplus(x))
        return tape.gradient(y, x), ad.linalg.matvec(w, x, transpose_a=True)

    x, w = ad.zeros(5), ad.zeros((5, 3))
    assert str(slope.program(x, w)) == (
        "slope: 10 instructions recorded, 5 steps run\n"
        "  given    %0 float32[5], %1 float32[5, 3]\n"
        "  passes   3 needed by nobody, 1 known already\n"
        "  %11 float32[3] = matvec(%1, %0, transpose_a=1)\n"
        "  one loop over (5,):\n"
        "    %2 float32[5] = softplus(%0)\n"
        "    %8 float32[5] = d softplus(%0) / d %0 for all(1.0)\n"
        "    %9 float32[5] = %8 + %2\n"
        "    %10 float32[5] = %9 + d softplus(%0) / d %0 for %0\n"
        "  returns  %10, %11"
    )
    assert slope.program(x, w).steps == 5 and slope.experimental_get_tracing_count() == 1


def test_a_tape_inside_takes_the_same_tensor_given_twice_for_two():
    @ad.function
    def slope(a, b):
        with ad.GradientTape() as tape:
            tape.watch(a)
            y = a**3 * b
        return tape.gradient(y, a)

    x = ad.constant(2.0)
    assert [float(slope(x, x)) for _ in range(2)] == [24.0, 24.0]
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = slope(x, x)
    assert float(tape.gradient(y, x)) == 36.0               # of 3 a**2 b, by both


def test_what_is_computed_twice_runs_once_and_what_nothing_needs_not_at_all():
    @ad.function
    def f(x):
        ad.exp(x) * 3.0
        return ad.sin(x) * 2.5 + ad.sin(x) * 2.5

    program = str(f.program(ad.constant(1.0)))
    assert program.count("sin") == 1 and program.count("mul") == 1 and "exp" not in program


def test_the_cost_of_a_call():
    @ad.function
    def f(a, b):
        return ad.reduce_sum(ad.exp(ad.matmul(a, b)))

    cost = f.cost(ad.zeros((20, 30)), ad.zeros((30, 40)))
    assert cost.operations == 2 * 20 * 30 * 40 + 2 * 800 and cost.steps == 3 and cost.loops == 1
    assert cost.bytes == 4 * (600 + 1200 + 800 + 800) and cost.peak_bytes == 4 * (600 + 1200 + 800)


def test_what_is_not_recorded_has_no_program():
    f = ad.function(lambda x: ad.constant(x.numpy()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match="^function: <lambda> takes the value of a tensor to Python.*, so it has no program$"):
            f.program(ad.zeros(3))


def test_what_waits_for_a_loop_keeps_its_order():
    @ad.function
    def f(x, w):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = ad.sin(x) * x
            total = ad.reduce_sum(y)
            first = y[0] + y[1]
            mean = ad.reduce_mean(y * w)
            z = ad.exp(-y) + x
            if total > 30.0 and first > -10.0:
                z = z * total
            loss = ad.reduce_sum(z) * mean + first
        return loss, tape.gradient(loss, x), total, y[1:]

    rng = np.random.default_rng(0)
    for _ in range(6):
        args = ad.constant(rng.normal(size=50)), ad.constant(rng.normal(size=50))
        same(f(*args), f.python_function(*args))
    assert f.experimental_get_tracing_count() == 2
    assert f.cost(*args).loops <= 4


def test_what_cannot_be_replayed_is_given_tensors_for_arrays_at_every_call():
    given = []

    @ad.function
    def f(x, y):
        given.append((type(x), type(y["z"][0])))
        return x * float(x.numpy().sum())

    with pytest.warns(UserWarning, match="takes the value of a tensor to Python"):
        for _ in range(3):
            f(np.ones(2), {"z": [np.ones(3)]})
    assert given == [(ad.Tensor, ad.Tensor)] * 3
    with pytest.warns(UserWarning, match="takes the value of a tensor to Python"):
        obj = ad.objective(lambda x: ad.reduce_sum(x**2) + 0.0 * float(x.numpy()[0]), like=np.ones(2))
    assert obj(np.array([1.0, 3.0]))[0] == 10.0


def test_ways_to_call():
    f = ad.function(lambda x, y=2.0, *more, z=ad.constant(1.0), **named: (x - y * z, [more, named]))
    x, y = ad.constant(5.0), ad.constant(3.0)
    for _ in range(2):
        assert [float(f(*a, **k)[0]) for a, k in [((x,), {}), ((x, y), {}), ((x,), dict(y=y)), ((), dict(x=x, z=y)), ((x, y), dict(z=x))]] == [
            3.0, 2.0, 2.0, -1.0, -10.0]  # fmt: skip
        assert [float(t) for t in f(x, y, x, y, a=x)[1][0]] == [5.0, 3.0] and float(f(x, y, x, a=y)[1][1]["a"]) == 3.0
    for wrong in (lambda: f(), lambda: f(x, x=x), lambda: f(y=x)):
        with pytest.raises(TypeError, match="argument"):
            wrong()
    assert list(map(float, map(ad.function(lambda x: x * x), [x, y]))) == [25.0, 9.0]
    assert type(f).__call__(f, x)[0] == 3.0


def test_a_function_that_calls_otherwise():
    class Counted(type(ad.function(abs))):
        calls = 0

        def __call__(self, *args):
            self.calls += 1
            return super().__call__(*args)

    f = Counted(lambda x: x + 1)
    assert float(f(ad.constant(1.0))) == float(f(ad.constant(1.0))) == 2.0 and f.calls == 2


@pytest.mark.parametrize("decorate", [ad.function, ad.function(stabilize=True), lambda f: ad.function(lambda: ad.function(f)())])
def test_a_variable_among_the_results_is_the_value_that_it_holds_then(decorate):
    v = ad.Variable([1.0, 2.0])
    count = decorate(lambda: (v.assign_add([1.0, 1.0]), {"v": v}))
    results = [count() for _ in range(3)]
    assert [[x.numpy().tolist() for x in (a, d["v"])] for a, d in results] == [[[2, 3]] * 2, [[3, 4]] * 2, [[4, 5]] * 2]
    with ad.GradientTape() as tape:
        _, d = count()
        y = d["v"] * d["v"]
    assert type(d["v"]) is ad.Tensor and tape.gradient(y, v).numpy().tolist() == [10, 12]
