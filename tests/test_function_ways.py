"""ad.function where it meets values, limits and errors: ways through a function, what runs as written, failures, its life."""

import copy
import dataclasses
import gc
import math
import pickle
import threading
import re
import warnings
import weakref

import numpy as np
import pytest
from test_function import same

import autodiff as ad
from autodiff import errors


# --------------------------------------------------------------------------------------------- what is not replayed
@pytest.mark.parametrize("leave", [repr, np.asarray, lambda x: x.numpy(), lambda x: f"{x}", memoryview, list, sum, lambda x: 2.0 in x])
def test_an_array_that_goes_to_python_ends_the_trace(leave):
    @ad.function
    def f(x):
        text = repr(leave(x + 0))
        return x * len(text)

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        f(ad.constant([1.0, 2.0]))
    for values in ([1.0, 2.0], [1.25, 100.5]):
        x = ad.constant(values)
        same(f(x), f.python_function(x))
    assert all(f"function: f takes the value of a tensor to Python at {__file__}:" in str(w.message) for w in told)


@pytest.mark.parametrize("leave", [bool, float, int, repr, np.asarray, lambda x: x.numpy(), lambda x: f"{x}", lambda x: x > 0 and 1,
                                   lambda x: [1, 2, 3, 4][ad.cast(x, ad.int32)], memoryview])  # fmt: skip
def test_a_number_that_goes_to_python_is_guarded(leave):
    @ad.function
    def f(x):
        text = repr(leave(x + 0))
        return (x * 2 if x > 2 else x * 3) + (1 if "0x" in text else len(text))

    for value in (1.0, 3.0, 2.0, 1.0, 3.0, 2.0):
        x = ad.constant(value)
        same(f(x), f.python_function(x))
    assert f.experimental_get_tracing_count() <= 3


@pytest.mark.parametrize("dtype, values", [("float64", [0.0, 1e-320, math.nan, 1.0, -0.0]), ("float32", [1e-45, 0.0, -0.0, math.nan]),
                                           ("int64", [1 << 40, 0, 1]), ("int32", [0, -1, 256]), ("bool", [True, False])])  # fmt: skip
def test_truths_and_numbers_of_every_dtype_are_told_apart(dtype, values):
    truth = ad.function(lambda x: x if bool(x) else ad.constant(7, dtype))
    number = ad.function(lambda x: (x, str(x.numpy())))
    for value in values * 2:
        x = ad.constant(value, dtype)
        same(truth(x), x if value else ad.constant(7, dtype))
        assert number(x)[1] == str(np.dtype(dtype).type(value)), "the outcome of another number"
    assert truth.experimental_get_tracing_count() == 2 and number.experimental_get_tracing_count() == len(values)


# ------------------------------------------------------------------------------------------------------ ways through it
def test_branches_and_loops_on_values():
    ran = []

    @ad.function
    def collatz(n):
        ran.append(int(n))
        steps = ad.constant(0)
        while n > 1:
            n = n // ad.constant(2.0) if n % 2.0 < 1.0 else 3.0 * n + 1.0
            steps = steps + 1
        return steps

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = [int(collatz(ad.constant(k))) for k in (1.0, 2.0, 3.0, 6.0, 7.0)]
        again = [int(collatz(ad.constant(k))) for k in (7.0, 6.0, 3.0, 2.0, 1.0, 7.0)]
    assert first == [0, 1, 7, 8, 16] and again == [16, 8, 7, 1, 0, 16]
    assert len(ran) == 5 == collatz.experimental_get_tracing_count()


def test_a_way_with_its_gradient_and_its_assignments():
    def make():
        v = ad.Variable(1.0)

        def f(x):
            with ad.GradientTape() as tape:
                y = v * x
                y = ad.sin(y) if y > 1 else ad.exp(y) * y
            g = tape.gradient(y, v)
            if g > 0:
                v.assign_sub(0.1 * g)
            else:
                v.assign(2.0)
            return y, g

        return v, f

    (v, f), (u, plain) = make(), make()
    traced = ad.function(f)
    for k in (0.5, 2.0, 0.7, -1.0, 3.0, 0.1, 2.5, -3.0, 0.5):
        same(traced(ad.constant(k)), plain(ad.constant(k)))
        same(v + 0, u + 0)
    assert traced.experimental_get_tracing_count() <= 4


def test_a_range_and_an_index_of_a_value():
    def f(x, n):
        total = x[0] * 0
        for k in range(int(n)):
            total = total + x[k % 3] * (k + 1)
        return total, x[n]

    traced = ad.function(f)
    x = ad.constant([1.0, 2.0, 4.0])
    for n in (2, 0, 1, 2, 0, 1):
        same(traced(x, ad.constant(n)), f(x, ad.constant(n)))
    assert traced.experimental_get_tracing_count() == 3


def test_too_many_ways():
    f = ad.function(lambda x: x * float(x))
    with pytest.warns(UserWarning, match=rf"has gone more than 64 ways by values taken to Python at {__file__}:\d+, so it runs as"):
        assert [float(f(ad.constant(float(k)))) for k in range(100)] == [float(k * k) for k in range(100)]


@pytest.mark.parametrize("leave", [bool, float, lambda v: v.numpy(), repr, np.asarray])
def test_so_does_the_value_of_a_variable(leave):
    v = ad.Variable(1.0)

    @ad.function
    def f(x):
        return x * 2 if (leave(v), v > 2)[1] else x * 3

    f(ad.constant(1.0))
    v.assign(5.0)
    assert float(f(ad.constant(1.0))) == 2.0


def test_random_numbers_are_drawn_at_every_call():
    @ad.function
    def f(x):
        return x + ad.random.normal([2])

    with pytest.warns(UserWarning, match="draws random numbers"):
        first = f(ad.zeros(2))
    assert not np.array_equal(first, f(ad.zeros(2)))


@pytest.mark.filterwarnings("ignore:function:UserWarning")
def test_a_function_under_a_tape_draws_what_it_draws_as_written():
    def told(wrap):
        ad.random.set_seed(3)
        w = ad.Variable(1.0)
        f = wrap(lambda x: ad.reduce_sum(x * w * ad.random.normal([2]) + ad.random.uniform([2], seed=5)))
        values = [float(ad.random.normal([]))]
        for _ in range(3):
            with ad.GradientTape() as tape:
                y = f(ad.constant([1.0, 2.0]))
            values += [float(y), float(tape.gradient(y, w))]
        return values

    assert told(ad.function) == told(lambda f: f)


def test_draws_of_other_threads_are_not_taken_back():
    seen = []

    def noisy(x):
        y = x * ad.random.normal([])
        thread = threading.Thread(target=lambda: seen.append(float(ad.random.normal([]))))
        thread.start()
        thread.join()
        return y

    ad.random.set_seed(3)
    x = ad.constant(1.0)
    with ad.GradientTape() as tape, pytest.warns(UserWarning, match="draws random numbers"):
        tape.watch(x)
        y = ad.function(noisy)(x)
    seen.append(float(y))
    assert len(set(seen)) == len(seen) == 3


def test_a_tape_around_it_follows_what_it_does():
    f = ad.function(lambda x: ad.sin(x) * x)
    x = ad.Variable(2.0)
    for _ in range(2):
        f(ad.constant(1.0))
        with ad.GradientTape() as tape:
            y = f(x)
        assert float(tape.gradient(y, x)) == pytest.approx(np.sin(2) + 2 * np.cos(2))


def test_a_tape_that_outlives_the_call():
    kept = []

    @ad.function
    def f(x):
        with ad.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = x * x
        kept.append((tape, y, x))
        return y

    with pytest.warns(UserWarning, match="leaves a GradientTape behind"):
        f(ad.constant(3.0))
    f(ad.constant(5.0))
    assert [float(tape.gradient(y, x)) for tape, y, x in kept] == [6.0, 10.0]


def test_functions_inside_functions():
    inner = ad.function(lambda x: x * 2)
    outer = ad.function(lambda x: inner(x) + inner(x * x))
    assert [float(outer(ad.constant(k))) for k in (1.0, 3.0)] == [4.0, 24.0]


def test_running_eagerly_by_configuration():
    calls = []
    f = ad.function(lambda x: calls.append(0) or x)
    ad.config.run_functions_eagerly(True)
    try:
        f(ad.constant(1.0)), f(ad.constant(1.0))
        assert len(calls) == 2 and ad.config.functions_run_eagerly()
    finally:
        ad.config.run_functions_eagerly(False)
    f(ad.constant(1.0)), f(ad.constant(1.0))
    assert len(calls) == 3


def test_running_eagerly_a_function_is_given_tensors_too():
    ad.config.run_functions_eagerly(True)
    try:
        obj = ad.objective(lambda p: ad.reduce_sum(ad.math.softplus(p)), like=[1.0, 2.0])
        value, slope = obj(obj.x0)
        assert value == pytest.approx(np.log1p(np.exp([1.0, 2.0])).sum()) and slope.shape == (2,)
        assert ad.function(lambda x, k: (type(x) is ad.Tensor, k))(np.ones(2), k=3) == (True, 3)
    finally:
        ad.config.run_functions_eagerly(False)


def test_too_many_kinds_of_arguments():
    f = ad.function(lambda x, k: x * k)
    with pytest.warns(UserWarning, match="is called with ever new numbers or objects: make them tensors"):
        assert [float(f(ad.constant(2.0), float(k))) for k in range(100)] == [2.0 * k for k in range(100)]


# -------------------------------------------------------------------------------------------------------------- failures
def test_an_error_at_the_first_call_leaves_nothing_behind():
    f = ad.function(lambda x, y: ad.matmul(x, y))
    for _ in range(2):
        with pytest.raises(ValueError, match="matmul"):
            f(ad.ones((2, 3)), ad.ones((2, 3)))
    same(f(ad.ones((2, 3)), ad.ones((3, 2))), ad.matmul(ad.ones((2, 3)), ad.ones((3, 2))))
    with ad.GradientTape() as tape:                         # no trace goes on recording
        v = ad.Variable(2.0)
        y = v * v
    assert float(tape.gradient(y, v)) == 4.0


@pytest.mark.parametrize("step, good, bad", [
    (ad.linalg.cholesky, np.eye(2), -np.eye(2)),  # by NumPy
    (lambda x: ad.gather(x, ad.cast(x[0, 0], ad.int32)), np.eye(2), 9 * np.eye(2)),  # in C
])  # fmt: skip
def test_what_fails_in_a_replay_has_assigned_what_came_before_it(step, good, bad):
    def f(x):
        count.assign_add(1.0)
        y = step(x)
        count.assign_add(100.0)
        return y

    def told(f, x):
        try:
            f(x)
        except ValueError as error:
            return type(error), str(error), float(count)
        return float(count)

    xs = [ad.constant(x) for x in (good, good, bad, good, bad, bad, good)]
    seen = []
    for g in (f, ad.function(f)):
        count = ad.Variable(0.0)
        seen.append([told(g, x) for x in xs])
    assert seen[0] == seen[1] and seen[0][-1] == 407


def test_an_error_in_a_replay_is_that_of_the_function():
    f = ad.function(lambda x, i: ad.gather(x, i))
    assert float(f(ad.constant([1.0, 2.0]), ad.constant(1))) == 2.0
    with pytest.raises(errors.BadIndexError, match="gather"):
        f(ad.constant([1.0, 2.0]), ad.constant(2))
    assert float(f(ad.constant([1.0, 2.0]), ad.constant(0))) == 1.0


@pytest.mark.parametrize("f, bad, error", [(lambda a, b: a // b, 0, errors.DivisionError), (lambda a, b: a % b, 0, errors.DivisionError),
                                           (lambda a, b: a**b, -1, errors.InvalidArgumentError)], ids=["floordiv", "mod", "pow"])  # fmt: skip
@pytest.mark.parametrize("several", [lambda n: n, lambda n: [2, n]], ids=["number", "array"])
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_integer_division_is_replayed_and_checked_at_every_call(f, bad, error, several, dtype):
    recorded = ad.function(f)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for a, b in ((7, 2), (-7, 3), (-(1 << 31), 5), (6, 2)):
            a, b = ad.constant(a, dtype), ad.constant(several(b), dtype)
            same(recorded(a, b), f(a, b))
            stored = ad.load_function(recorded.to_bytes())
            same(stored(a, b), f(a, b))
            with pytest.raises(error):
                recorded(a, ad.constant(several(bad), dtype))
            with pytest.raises(TypeError, match="no recording .* that goes the way of these values"):
                stored(a, ad.constant(several(bad), dtype))
    assert recorded.experimental_get_tracing_count() == 1


def test_what_is_done_every_third_step_is_done_in_replays():
    step, total = ad.Variable(0, dtype="int64"), ad.Variable(0.0)

    @ad.function
    def train():
        step.assign_add(1)
        total.assign_add(ad.where(step % 3 == 0, 100.0, 1.0))
        return step // 2

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [int(train()) for _ in range(7)] == [0, 1, 1, 2, 2, 3, 3]
    assert float(total) == 205.0 and train.experimental_get_tracing_count() == 1


def test_what_cannot_be_a_function():
    def generator():
        yield 1

    async def coroutine():
        pass

    async def asyncgen():
        yield 1

    for f, what in ((generator, "a generator"), (coroutine, "a coroutine"), (asyncgen, "an asynchronous generator")):
        with pytest.raises(TypeError, match=f"function: {f.__name__} is {what}, whose steps cannot be replayed"):
            ad.function(f)
    with pytest.raises(TypeError, match="expected a function, got 3"):
        ad.function(3)


# -------------------------------------------------------------------------------------------------------- life and limits
@ad.function
def module_level(x):
    return x + 1


def test_copies_and_pickles():
    assert pickle.loads(pickle.dumps(module_level)) is module_level
    f = ad.function(lambda x: x + 2)
    twin = copy.deepcopy(f)
    assert twin is not f and float(twin(ad.constant(1.0))) == 3.0
    assert module_level.__name__ == "module_level" and "module_level" in repr(module_level)


def test_traces_go_with_their_function_and_its_instance():
    class Model:
        def __init__(self):
            self.w = ad.Variable(ad.ones(1000))

        @ad.function
        def run(self, x):
            return self.w * x

    model = Model()
    model.run(ad.constant(1.0)), model.run(ad.constant(2.0))
    gone = weakref.ref(model.w)
    del model
    gc.collect()
    assert gone() is None


def test_threads():
    @ad.function
    def f(x):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = ad.reduce_sum(ad.exp(x) * x)
        tape.gradient(y, x)
        return y

    x = [ad.constant(np.full(n, k / 8)) for k, n in enumerate([200] * 4 + [100_000] * 4)]
    expected = [float(ad.reduce_sum(ad.exp(v) * v)) for v in x]
    failures = []

    def work(k):
        for _ in range(50):
            if float(f(x[k])) != expected[k]:
                failures.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    [t.start() for t in threads], [t.join() for t in threads]
    assert not failures


def test_a_long_program():
    @ad.function
    def f(x):
        with ad.GradientTape() as tape:
            tape.watch(x)
            s = x
            for _ in range(100_000):
                s = s * 0.5 + x
        return s, tape.gradient(s, x)

    for value in (1.0, 3.0):
        s, g = f(ad.constant(value))
        assert float(s) == 2 * value and float(g) == 2.0


def test_the_number_of_elements_that_a_mask_picks_is_a_branch():
    @ad.function
    def mean_of_positive(x):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = ad.reduce_mean(x[x > 0] ** 2)
        return y, tape.gradient(y, x)

    for values in ([1.0, -2, 3], [1.0, 2, 3], [-1.0, 2, 2], [5.0, 1, 1], [3.0, -4, 1]):
        x = np.array(values)
        y, slope = mean_of_positive(ad.constant(x))
        picked = x[x > 0]
        assert float(y) == np.mean(picked**2)
        np.testing.assert_allclose(slope.numpy(), np.where(x > 0, 2 * x / picked.size, 0), rtol=1e-15)
    assert mean_of_positive.experimental_get_tracing_count() == 2


def test_a_tensor_that_is_left_behind_is_named_with_its_line():
    kept = []

    @ad.function
    def f(x):
        kept.append(x * 2.0)  # here
        kept.append(ad.exp(kept[0]))
        return kept[0] + 1.0

    assert float(f(ad.constant(3.0))) == 7
    line = next(k for k, text in enumerate(open(__file__), 1) if "# here" in text)
    text = (f"^Tensor: it was made inside an ad.function at {re.escape(__file__)}:{line}, and has one value for each call: it cannot be used "
            "outside. Return it from the function, or assign it to a variable there$")  # fmt: skip
    v = ad.Variable(1.0)
    for use in (kept[0].numpy, lambda: float(kept[0]), lambda: np.asarray(kept[0]), lambda: bool(kept[0]), lambda: kept[0] + 1, lambda: -kept[0],
                lambda: v * kept[0], lambda: ad.exp(kept[0]), lambda: ad.reduce_sum(kept[0]), lambda: ad.reshape(kept[0], (1,)), lambda: f(kept[0])):  # fmt: skip
        with pytest.raises(ad.errors.TraceError, match=text):
            use()
    free = ad.constant(2.0)
    for use in (lambda: v * kept[0], lambda: free * kept[0], lambda: kept[0] * 2.0, lambda: -kept[0], lambda: ad.exp(kept[0])):
        with pytest.raises(ad.errors.TraceError, match=text), ad.GradientTape():
            use()
    with pytest.raises(ad.errors.TraceError, match=text):
        ad.function(lambda x: x + kept[0])(ad.constant(1.0))
    assert "6.0" in repr(kept[0]) and float(f(ad.constant(4.0))) == 9


def test_what_a_function_returns_or_assigns_is_not_left_behind():
    v = ad.Variable([1.0, 2.0])

    @ad.function
    def f(x):
        v.assign(v * x)
        return x, {"y": v * 1.0}

    x, y = f(ad.constant(2.0))
    with ad.GradientTape() as tape:
        z = ad.reduce_sum(v * x * y["y"])
    assert float(z) == 2 * (4 + 16) and tape.gradient(z, v).numpy().tolist() == [4, 8]
    assert ad.add_n([x, x]).numpy() == 4 and v.numpy().tolist() == [2, 4]


class Model:
    def __init__(self, k):
        self.k, self.w = k, ad.Variable(k)

    @ad.function
    def __call__(self, x):
        return self.w * x + self.k


class Doubled(Model):
    @ad.function
    def __call__(self, x):
        return 2 * super().__call__(x)


class Slotted:
    __slots__ = ("k", "__weakref__")

    def __init__(self):
        self.k = 3.0

    @ad.function
    def times(self, x):
        return self.k * x


def test_a_method_keeps_its_instance_and_the_function_does_not():
    x = ad.constant(1.0)
    assert float(Model(2.0)(x)) == 4.0 and float(Doubled(2.0)(x)) == 8.0
    assert float(Slotted().times(x)) == 3.0
    held = Slotted().times
    assert float(held(x)) == float(held(x=x)) == 3.0 and held == held.__self__.times and held.experimental_get_tracing_count() == 2
    one = Slotted()
    gone = weakref.ref(one)
    one.times(x)
    del one
    gc.collect()
    assert gone() is None
    copies = [pickle.loads(pickle.dumps(held)), copy.deepcopy(held), copy.copy(held)]
    assert [float(c(x)) for c in copies] == [3.0] * 3 and [c.__self__ is held.__self__ for c in copies] == [False, False, True]


@dataclasses.dataclass(frozen=True)
class Named:
    name: str
    w: object = dataclasses.field(compare=False)

    @ad.function
    def times(self, x):
        return x * self.w


@dataclasses.dataclass
class Unhashable:
    w: object

    @ad.function
    def times(self, x):
        return x * self.w


def test_instances_that_are_equal_have_methods_of_their_own():
    x, one, two = ad.constant(1.0), Named("a", ad.Variable(1.0)), Named("a", ad.Variable(2.0))
    assert one == two and [float(k.times(x)) for k in (one, two, one, two)] == [1, 2, 1, 2]
    del one
    gc.collect()
    assert float(two.times(x)) == 2 and len(Named.times._bound) == 1
    for k in range(50):  # where others were
        assert float(Named("a", float(k)).times(x)) == k
    three = Unhashable(ad.Variable(3.0))
    assert [float(three.times(x)) for _ in range(3)] == [3, 3, 3] and three.times.experimental_get_tracing_count() == 1


def test_a_copy_records_what_it_is_called_with():
    double = ad.function(lambda x: 2.0 * x)
    double(ad.constant(1.0))
    for f in (copy.copy(double), copy.deepcopy(double)):
        assert f(ad.constant([1.0, 2.0])).numpy().tolist() == [2, 4]


def test_a_method_has_its_name_and_parameters():
    class Line:
        k = 2.0

        @ad.function(input_signature=[ad.TensorSpec([]), ad.TensorSpec([])])
        def at(self, x, y):
            return self.k * x - y

    line = Line()
    assert float(line.at(y=1.0, x=3.0)) == float(line.at(3.0, y=1.0)) == 5.0
    assert str(line.at.program(3.0, 1.0)).startswith("at: ") and repr(line.at) == "<ad.function at>"
    assert line.at.pretty_printed_concrete_signatures().startswith("at(x, y)\n")
    with pytest.raises(TypeError, match="missing a required argument: 'y'"):
        line.at(3.0)


def test_callables_that_generate():
    class Generator:
        def __call__(self, x):
            yield x

    class Coroutine:
        async def __call__(self, x):
            return x

    for one, what in ((Generator(), "a generator"), (Coroutine(), "a coroutine")):
        with pytest.raises(TypeError, match=f"function: {type(one).__name__} is {what}, whose steps cannot be replayed"):
            ad.function(one)


def test_parts_of_a_variable_assigned():
    def step(v, x, k):
        v[1].assign(x)
        v[:, k].assign(0.5)
        v[0, 0].assign(x[0] * v[0, 1])
        v[..., 1:].assign(-x[:1])
        return v * 2.0

    f, (a, b) = ad.function(step), (ad.Variable(np.arange(6.0).reshape(3, 2)) for _ in range(2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for k, x in enumerate(np.random.default_rng(0).normal(size=(4, 2))):
            same(f(a, ad.constant(x), k % 2), step(b, ad.constant(x), k % 2))
            assert np.array_equal(a.numpy(), b.numpy())
    assert f.experimental_get_tracing_count() == 2
    with pytest.raises(errors.ShapeError, match=r"a part of variable ' Variable:0': its shape \(2,\) and the assigned value shape \(3,\) are"):
        a[0].assign([1.0, 2.0, 3.0])


def test_a_tape_in_a_ring_is_not_left_behind():
    class Holder:
        pass

    def slope(x):
        holder = Holder()
        holder.itself, holder.tape = holder, ad.GradientTape()
        with holder.tape as tape:
            tape.watch(x)
            y = x * x
        return tape.gradient(y, x)

    gc.disable()
    try:
        f = ad.function(slope)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert [float(f(ad.constant(x))) for x in (1.0, 2.0)] == [2.0, 4.0]
        assert f.experimental_get_tracing_count() == 1
    finally:
        gc.enable()


def test_asking_for_the_program_assigns_nothing():
    v = ad.Variable(1.0)
    f = ad.function(lambda x: v.assign_add(x) * 2.0)
    assert "add" in str(f.program(ad.constant(3.0))) and f.cost(ad.constant(3.0)).steps == 2 and float(v) == 1.0
    assert float(f(ad.constant(3.0))) == 8.0 and float(v) == 4.0 and f.experimental_get_tracing_count() == 1
    for _ in range(2):
        with pytest.raises(ValueError, match="takes the value of a tensor to Python at .*, so it has no program"):
            ad.function(lambda x: x.numpy()).program(ad.ones(2))


def test_a_loaded_function_says_what_cannot_follow_it():
    f = ad.load_function(kept_program())
    for use in (ad.grad(f), ad.function(lambda x: f(x))):
        with pytest.raises(TypeError, match="double was loaded: a tape, or another function that is recorded, cannot follow what it does"):
            use(ad.constant(1.0))
    assert float(f(ad.constant(1.0))) == 2.0


def kept_program():
    def double(x):
        return x + x

    f = ad.function(double)
    f(ad.constant(0.0))
    return f.to_bytes()


@pytest.mark.parametrize("taped", [False, True])
def test_ways_are_counted_shape_by_shape_and_shapes_are_kept_that_were_used_last(taped):
    f = ad.function(lambda x: x * 2.0 if x[0] > 0 else x * 3.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in range(1, 1040):
            x = ad.ones(n)
            if taped:
                with ad.GradientTape() as tape:
                    tape.watch(x)
                    y = f(x)
                assert float(tape.gradient(y, x)[0]) == 2.0
            else:
                y = f(x)
            assert float(y[n - 1]) == 2.0
    assert f.experimental_get_tracing_count() == 1024


def test_a_tape_from_outside_cannot_begin_to_watch_inside():
    @ad.function
    def square(x, tape):
        tape.watch(x)
        return x * x

    x = ad.constant(3.0)
    with ad.GradientTape() as tape:
        for _ in range(2):
            with pytest.raises(ad.errors.TapeError, match="watch: the tape began outside of the ad.function that runs here"):
                square(x, tape)
        tape.watch(x)
        y = ad.function(lambda x: x * x)(x)
    assert float(tape.gradient(y, x)) == 6.0
