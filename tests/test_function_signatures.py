"""What an ad.function takes: signatures, concrete functions, shapes that differ, calls of itself."""

import warnings
from collections import OrderedDict, defaultdict

import numpy as np
import pytest
from test_function import same

import autodiff as ad

SPEC = "TensorSpec(shape={}, dtype=ad.float32, name=None)"


def refusal(f, *args):
    with pytest.raises(TypeError) as info:
        f(*args)
    return str(info.value)


def test_a_size_that_is_not_known():
    runs = []

    @ad.function(input_signature=[ad.TensorSpec([None, 3], ad.float32), ad.TensorSpec([], ad.float32)])
    def f(x, scale):
        runs.append(x.shape[0])
        return ad.reduce_sum(x * scale, axis=0)

    for n in (2, 5, 2, 5, 0, 2):
        x = np.arange(3 * n, dtype=np.float32).reshape(n, 3)
        assert f(x, 2.0).numpy().tolist() == (2 * x.sum(axis=0)).tolist()
    assert runs == [2, 5, 0] and f.experimental_get_tracing_count() == 3
    signature = f"[{SPEC.format('(None, 3)')}, {SPEC.format('()')}]"
    head = "Binding inputs to ad.function failed due to `"
    assert refusal(f, ad.zeros([2, 4]), 1.0) == (
        f"{head}shape (2, 4) for {SPEC.format('(None, 3)')}`. Received {SPEC.format('(2, 4)')} for signature {signature}.")  # fmt: skip
    assert refusal(f, ad.zeros([3]), 1.0).endswith(f"Received {SPEC.format('(3,)')} for signature {signature}.")
    text = refusal(f, ad.zeros([2, 3], ad.float64), 1.0)
    assert text.startswith(head) and text.endswith(f"Received TensorSpec(shape=(2, 3), dtype=ad.float64, name=None) for signature {signature}.")
    assert refusal(f, ad.zeros([2, 3])).startswith(head) and refusal(f, ad.zeros([2, 3]), 1.0, 2.0).startswith(head)
    assert len(runs) == 3


def test_a_signature_of_structures_and_under_a_tape():
    @ad.function(input_signature=[{"w": ad.TensorSpec([None]), "b": ad.TensorSpec([])}])
    def f(model):
        return ad.reduce_sum(model["w"] ** 2) * model["b"]

    for n in (2, 3):
        w = ad.ones([n])
        with ad.GradientTape() as tape:
            tape.watch(w)
            y = f({"w": w, "b": 2.0})
        assert float(y) == 2 * n and tape.gradient(y, w).numpy().tolist() == [4.0] * n
        assert float(f({"w": [3.0] * n, "b": 1})) == 9 * n
    assert "for signature [{'w': " in refusal(f, {"w": [1.0]}) and "for signature [{'w': " in refusal(f, [1.0])


def test_each_shape_is_recorded_and_kept():
    runs = []
    f = ad.function(lambda x: runs.append(1) or ad.reduce_sum(x**2), reduce_retracing=True)
    for n in [*range(1, 40), *range(1, 40)]:
        assert float(f(np.ones(n))) == n
    assert len(runs) == 39


# ------------------------------------------------------------------------------------------------------ concrete functions
def test_a_concrete_function():
    runs, v = [], ad.Variable(5.0)

    @ad.function
    def f(x, power, more):
        runs.append(1)
        v.assign_add(1.0)
        return {"y": x**power, "rest": [more["k"] + 1, 3, None]}

    args = ad.constant([1.0, 2.0]), 2.0, {"k": ad.constant(3)}
    concrete = f.get_concrete_function(*args)
    assert float(v) == 5.0 and len(runs) == 1
    assert concrete.structured_outputs == {"y": ad.TensorSpec([2]), "rest": [ad.TensorSpec([], ad.int32), 3, None]}
    assert concrete.structured_input_signature == ((ad.TensorSpec([2]), 2.0, {"k": ad.TensorSpec([], ad.int32)}), {})
    assert concrete.inputs == [ad.TensorSpec([2]), ad.TensorSpec([], ad.int32)]
    for out in (concrete(*args), concrete(args[0], args[2]["k"]), concrete([1.0, 2.0], 3)):
        assert out["y"].numpy().tolist() == [1.0, 4.0] and int(out["rest"][0]) == 4
    assert float(v) == 8.0 and len(runs) == 1
    assert "Received TensorSpec(shape=(3,)" in refusal(concrete, ad.ones([3]), ad.constant(3))
    assert "2.5 for 2.0" in refusal(concrete, args[0], 2.5, args[2])
    assert "1 arguments for 3" in refusal(concrete, args[0])


def test_a_concrete_function_of_specs():
    runs = []

    @ad.function
    def f(x, bias=1.0):
        runs.append(1)
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = ad.reduce_sum(ad.exp(x)) + bias
        return tape.gradient(y, x), y

    concrete = f.get_concrete_function(ad.TensorSpec([3], ad.float64), bias=ad.TensorSpec([], ad.float64))
    assert concrete.structured_outputs == (ad.TensorSpec([3], ad.float64), ad.TensorSpec([], ad.float64)) and len(runs) == 1
    x, b = ad.constant(np.arange(3.0)), ad.constant(2.0, ad.float64)
    same(concrete(x, bias=b), f.python_function(x, b))
    assert len(runs) == 2
    loose = f.get_concrete_function(ad.TensorSpec([None], ad.float64))
    assert loose.structured_outputs is None and len(runs) == 2
    for n in (2, 4, 2):
        assert loose(np.zeros(n))[0].numpy().tolist() == [1.0] * n
    assert len(runs) == 4
    signed = ad.function(lambda x: 2 * x, input_signature=[ad.TensorSpec([2])]).get_concrete_function()
    assert signed([1.0, 2.0]).numpy().tolist() == [2.0, 4.0] and signed.structured_outputs == ad.TensorSpec([2])


def test_signatures_as_text():
    @ad.function
    def f(x, scale, *more, name="n", **rest):
        return {"a": x * scale, "b": (more[0], None, 3)}

    f(ad.ones([2, 3]), 2.0, [ad.constant(1), True], name="m", extra={"k": ad.ones([1])})
    f(ad.ones([2, 3]), 2.0, [ad.constant(1), True], name="m", extra={"k": ad.ones([1])})
    f(ad.ones([4]), 2.0, ad.constant(1.0))
    assert f.pretty_printed_concrete_signatures() == (
        "f(x, scale, arg2, name, extra)\n  Args:\n    x: float32 Tensor, shape=(2, 3)\n    scale: 2.0\n"
        "    arg2: [int32 Tensor, shape=(), True]\n    name: 'm'\n    extra: {'k': float32 Tensor, shape=(1,)}\n  Returns:\n"
        "    {a: float32 Tensor, shape=(2, 3), b: ([int32 Tensor, shape=(), True], None, 3)}\n\n"
        "f(x, scale, arg2)\n  Args:\n    x: float32 Tensor, shape=(4,)\n    scale: 2.0\n    arg2: float32 Tensor, shape=()\n  Returns:\n"
        "    {a: float32 Tensor, shape=(4,), b: (float32 Tensor, shape=(), None, 3)}"
    )
    assert f.pretty_printed_concrete_signatures(verbose=False) == "f(x, scale, arg2, name, extra)\n\nf(x, scale, arg2)"


# --------------------------------------------------------------------------------------------------------------- recursion
def test_calls_of_itself_that_end():
    @ad.function
    def power(x, n):
        return ad.ones_like(x) if n == 0 else x * power(x, n - 1)

    @ad.function
    def halved(x):
        return x if x < 1.0 else halved(x / 2.0) + 1.0

    for value in (0.5, 3.0, 9.0, 3.0):
        x = ad.constant(value)
        assert float(power(x, 5)) == pytest.approx(value**5)
        same(halved(x), halved.python_function(x))
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = power(x, 3)
        assert float(tape.gradient(y, x)) == pytest.approx(3 * value**2)


def test_calls_of_itself_that_do_not():
    @ad.function
    def endless(x):
        return endless(x) + 1.0

    text = r"^function: the calls in endless nest more than \d+ deep; where it calls itself, an argument must decide when that ends$"
    x = ad.constant(1.0)
    for _ in range(2):
        with pytest.raises(RecursionError, match=text):
            endless(x)
        with ad.GradientTape() as tape, pytest.raises(RecursionError, match=text):
            tape.watch(x)
            endless(x)
    assert endless.experimental_get_tracing_count() == 0
    same(ad.function(lambda x: x * 2.0)(x), x * 2.0)


# ----------------------------------------------------------------------------------------------------------- loops, copies
def test_a_loop_over_a_tensor():
    def f(rows):
        total = ad.zeros([2])
        for k, row in enumerate(rows):
            total = total + row * float(k + 1)
        return total

    traced = ad.function(f)
    for value in (1.0, 2.0):
        x = ad.constant([[value, 2.0], [3.0, value], [0.0, 1.0]])
        same(traced(x), f(x))
        results = []
        for g in (traced, f):
            with ad.GradientTape() as tape:
                tape.watch(x)
                y = g(x)
            results.append(tape.gradient(y, x))
        same(*results)
    assert traced.experimental_get_tracing_count() == 2  # one of them under a tape


def test_while_an_error_is_large():
    def root(a):
        x = a
        while ad.abs(x * x - a) > 1e-6 * a:
            x = 0.5 * (x + a / x)
        return x

    traced = ad.function(root)
    for value in (2.0, 9.0, 2.0, 400.0, 9.0):
        a = ad.constant(value, "float64")
        same(traced(a), root(a))
        slopes = []
        for f in (traced, root):
            with ad.GradientTape() as tape:
                tape.watch(a)
                y = f(a)
            slopes.append(tape.gradient(y, a))
        same(*slopes)


# ------------------------------------------------------------------------------------------------------- structures as arguments
class Items(list):
    """A list of another type."""


class Pair(tuple):
    """No named tuple: made of one argument."""


class Named(dict):
    """A dict that is more than its items."""


@pytest.mark.parametrize("make", [lambda x: OrderedDict(x=x), lambda x: defaultdict(float, x=x), lambda x: {"x": Pair((x, x))}, lambda x: Items([x])],
                         ids=["OrderedDict", "defaultdict", "tuple", "list"])  # fmt: skip
def test_structures_of_other_types_are_what_is_in_them(make):
    """Their tensors are arguments: another tensor at a key of the same dict is no constant of the recording."""
    f = ad.function(lambda d: [2.0 * x for x in ad.nest.flatten(d)] if type(d) is type(made) else None)
    for k in range(3):
        made = make(ad.constant(1.0 * k))
        assert {float(y) for y in f(made)} == {2.0 * k}
        key = 0 if isinstance(made, list) else "x"
        made[key] = make(ad.constant(5.0))[key]
        assert {float(y) for y in f(made)} == {10.0}
    assert f.experimental_get_tracing_count() == 1
    assert "shape=()" in f.pretty_printed_concrete_signatures()


def test_a_dict_with_attributes_is_an_object():
    f = ad.function(lambda d: d["x"] * d.factor)
    for factor in (2.0, 3.0, 2.0):
        made = Named(x=ad.constant(4.0))
        made.factor = factor
        assert float(f(made)) == float(f(made)) == 4.0 * factor


def test_keys_that_are_equal_are_told_apart():
    f = ad.function(lambda d: [d[k] * (10.0 if k is True else 1.0) for k in d])
    x = ad.constant(1.0)
    assert [float(f({key: x})[0]) for key in (1, True, 1.0, True)] == [1.0, 10.0, 1.0, 10.0]
    missing = ad.function(lambda d: d["x"] + d["y"])
    assert [float(missing(defaultdict(g, x=x))) for g in (float, lambda: 7.0, float)] == [1.0, 8.0, 1.0]


# ------------------------------------------------------------------------------------------------------- the settings of a call
@pytest.fixture
def settings_back():
    yield
    ad.config.stabilize = False
    ad.set_floatx("float32")
    ad.config.lost_gradient = "warn"


@pytest.mark.parametrize("around", ["alone", "tape"])
def test_a_recording_is_of_the_settings_under_which_it_was_made(around, settings_back):
    def naive(x):
        return ad.math.log(1 + ad.exp(x))

    def slope(x):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        return tape.gradient(y, x)

    f = naive if around == "alone" else ad.function(naive)
    of_x = ad.function(slope) if around == "alone" else slope
    x = ad.constant(100.0)
    for on in (False, True, False, True, True):
        ad.config.stabilize = on
        assert repr(float(of_x(x))) == ("1.0" if on else "nan")
    assert (of_x if around == "alone" else f).experimental_get_tracing_count() <= 2


def test_python_floats_in_a_function_become_what_floatx_says_now(settings_back):
    make = ad.function(lambda: ad.constant(0.1) * ad.ones([2]))
    scale = ad.function(lambda x: ad.cast(x, ad.floatx()) * ad.constant(0.1))
    for dtype in ("float64", "float32", "float64", "float32", "float32"):
        ad.set_floatx(dtype)
        for y in (make(), scale(ad.constant([1, 1]))):
            assert y.dtype == dtype and y.numpy().tolist() == [np.dtype(dtype).type(0.1)] * 2
    assert make.experimental_get_tracing_count() == scale.experimental_get_tracing_count() == 2


def test_what_was_stored_runs_under_all_settings(settings_back):
    scale = ad.function(lambda x: x * ad.constant(0.5))
    scale(ad.constant(3.0))
    loaded = ad.load_function(scale.to_bytes())
    ad.set_floatx("float64")
    ad.config.stabilize = True
    assert float(loaded(ad.constant(3.0, ad.float32))) == 1.5


def test_ways_are_counted_under_each_setting_by_themselves(settings_back):
    f = ad.function(lambda x, n: x * float(int(n)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for on in (False, True):
            ad.config.stabilize = on
            for n in range(40):
                assert float(f(ad.constant(2.0), ad.constant(n))) == 2.0 * n


def test_a_recording_that_lost_a_gradient_is_not_replayed_where_that_raises(settings_back):
    @ad.function
    def slope(x):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = x * float(ad.reduce_sum(x))
        return tape.gradient(y, x)

    x = ad.constant([1.0, 2.0])
    for how in ("ignore", "raise", "ignore", "raise"):
        ad.config.lost_gradient = how
        if how == "raise":
            with pytest.raises(ad.errors.LostGradientError):
                slope(x)
        else:
            assert slope(x).numpy().tolist() == [3.0, 3.0]
    assert slope.experimental_get_tracing_count() == 1


def test_ranges_slices_and_complex_numbers_are_known_again():
    @ad.function
    def f(x, where, steps, z):
        return ad.reduce_sum(x[where]) * len(steps) * steps.stop + z.imag

    x = ad.constant([1.0, 2.0, 4.0])
    for n in (1, 2, 3):
        for end in (2, 3):
            y = sum([1.0, 2.0, 4.0][:end])
            assert float(f(x, slice(0, end), range(n), complex(1, 2))) == y * n * n + 2 and f(x, slice(0, end), range(n), complex(1, 2)) == y * n * n + 2
    assert f.experimental_get_tracing_count() == 6
    assert float(f(x, slice(0, 2), range(0, 3, 2), 1j)) == 19.0 and float(f(x, slice(0, 2), range(0, 4, 2), 1j)) == 25.0       # equal ranges
    for t in (ad.constant(1), ad.constant(2)):
        assert float(f(x, slice(0, t), range(1), 0j)) == [1.0, 3.0][int(t) - 1]
    loaded = ad.load_function(f.to_bytes())
    assert float(loaded(x, slice(0, 3), range(2), complex(1, 2))) == 30.0
    assert "where: slice(0, 2, None)" in f.pretty_printed_concrete_signatures()


class Frame:
    """As pandas has them: columns by name, a copy, and whether it equals another."""

    def __init__(self, **columns):
        self.columns = {name: np.array(column) for name, column in columns.items()}

    def __getitem__(self, name):
        return self.columns[name]

    def __array__(self, dtype=None, copy=None):
        return np.stack(list(self.columns.values()), 1).astype(dtype)

    def copy(self):
        return Frame(**self.columns)

    def equals(self, other):
        return all(np.array_equal(self[name], other[name], equal_nan=True) for name in self.columns)


def test_a_data_frame_that_changes_in_place_is_seen():
    frame, made = Frame(x=[1.0, 2.0, np.nan], group=[0, 1, 1]), []

    @ad.function
    def f(p, data, scale=1.0):
        made.append(None)
        return ad.reduce_sum(p[data["group"]] * np.nan_to_num(data["x"])) * scale

    p = ad.constant([1.0, 10.0], ad.float64)
    assert [float(f(p, frame)) for _ in range(3)] == [21.0] * 3 and len(made) == 1
    frame["x"][1] = 5.0
    assert [float(f(p, frame)) for _ in range(3)] == [51.0] * 3 and len(made) == 2
    frame["x"][1] = 2.0                                         # as before: so is the recording
    assert float(f(p, frame)) == 21.0 and float(f(p, data=frame)) == 21.0 and len(made) == 3
    frame["group"][:] = 0
    assert float(f(p, data=frame)) == 3.0 and float(f(p, (frame,)[0], scale=2.0)) == 6.0
    frame["group"][1:] = 1
    objective = ad.objective(lambda p, data: np.sum((p[data["group"]] - data["x"][:2].sum()) ** 2), like=np.ones(2), args=(frame,))
    assert objective.fun(np.ones(2), frame) == 12.0
    frame["x"][0] = 0.0
    assert objective.fun(np.ones(2), frame) == 3.0 and objective.grad(np.ones(2), frame).tolist() == [-2.0, -4.0]


def test_a_frame_of_pandas_that_changes_in_place_is_seen():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": [1.0, 2.0, np.nan], "name": ["a", None, "c"]})
    f = ad.function(lambda p, data: ad.reduce_sum(p * data.x.fillna(0.0)))
    p = ad.constant([1.0, 10.0, 100.0], ad.float64)
    assert float(f(p, frame)) == float(f(p, frame)) == 21.0 and f.experimental_get_tracing_count() == 1
    frame.loc[1, "x"] = 5.0
    assert float(f(p, frame)) == 51.0
