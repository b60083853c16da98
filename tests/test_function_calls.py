"""However a function is called, and whatever it was called with before, it comes to what it does as written."""

import threading
import warnings
import zlib
from collections import OrderedDict, namedtuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autodiff as ad

Pair = namedtuple("Pair", "first second")
V, W = ad.Variable([1.0, 2.0]), ad.Variable([1.0, 2.0])


def seen(x):
    """What a function can tell about an argument other than a tensor's value."""
    if isinstance(x, (ad.Tensor, np.ndarray, np.generic)):
        return f"tensor {tuple(x.shape)} {np.dtype(getattr(x.dtype, 'as_numpy_dtype', x.dtype))}"
    if isinstance(x, ad.Variable):
        return f"variable {x is V}"
    if isinstance(x, dict):
        return type(x).__name__ + str([(type(k).__name__, k, seen(y)) for k, y in x.items()])
    if isinstance(x, (tuple, list)):
        return type(x).__name__ + str([seen(y) for y in x])
    return type(x).__name__ + (x.hex() if isinstance(x, float) else repr(x))


def leaves(x):
    """In the order in which they stand."""
    if not isinstance(x, (dict, list, tuple)):
        return [x]
    return [leaf for part in (x.values() if isinstance(x, dict) else x) for leaf in leaves(part)]


def told(*args, **kwargs):
    """A number of that and of the tensors' values."""
    total = ad.constant(float(zlib.crc32((seen(args) + seen(kwargs)).encode())), "float64")
    for k, x in enumerate(leaves((args, kwargs))):
        if isinstance(x, (ad.Tensor, ad.Variable, np.ndarray, np.generic)):
            total = total + (k + 2.0) * ad.reduce_sum(ad.cast(x, "float64") * 1.5)
    return total


def numbers(dtype, *shape):
    return st.integers(0, 5).map(lambda k: np.arange(k, k + int(np.prod(shape))).reshape(shape).astype(dtype))


ARRAYS = st.one_of(numbers("float64", 2), numbers("float32", 2), numbers("float64", 3), numbers("int64", 2), numbers("float64", 700))
TENSORS = st.one_of(ARRAYS, ARRAYS.map(ad.constant), st.sampled_from([np.float64(1.0), np.float32(1.0), np.int64(1), np.bool_(True), np.float64(3.0)]))
PLAIN = st.sampled_from([0, 1, True, False, 1.0, 0.0, -0.0, float("nan"), None, "a", b"a", "1", 2**70, V, W])
LEAVES = st.one_of(TENSORS, PLAIN)
KEYS = st.sampled_from(["a", "b", 1, True, 1.0, (1, "a")])


def holders(parts):
    return st.one_of(st.lists(parts, max_size=3), st.lists(parts, max_size=3).map(tuple), st.dictionaries(KEYS, parts, max_size=3),
                     st.tuples(parts, parts).map(lambda p: Pair(*p)), st.dictionaries(KEYS, parts, max_size=2).map(OrderedDict))  # fmt: skip


ARGUMENTS = st.recursive(LEAVES, holders, max_leaves=4)
CALLS = st.lists(st.tuples(st.lists(ARGUMENTS, max_size=3), st.dictionaries(st.sampled_from(["a", "b"]), ARGUMENTS, max_size=2)), min_size=1, max_size=4)


@settings(max_examples=150, deadline=None)
@given(CALLS, st.lists(st.integers(0, 3), min_size=2, max_size=6))
def test_calls_of_any_kind_in_any_order(calls, order):
    f = ad.function(told)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for k in order:
            args, kwargs = calls[k % len(calls)]
            expected, got = told(*map_arrays(args), **map_arrays(kwargs)), f(*args, **kwargs)
            assert expected.numpy().tobytes() == got.numpy().tobytes()


@settings(max_examples=100, deadline=None)
@given(CALLS, st.lists(st.integers(0, 3), min_size=2, max_size=6))
def test_calls_of_any_kind_under_tapes(calls, order):
    f = ad.function(told)
    for k in order:
        args, kwargs = calls[k % len(calls)]
        came = []
        for g, a, kw in ((told, map_arrays(args), map_arrays(kwargs)), (f, args, kwargs)):
            with ad.GradientTape() as tape:
                y = g(*a, **kw)
            came.append([y.numpy().tobytes(), *[None if d is None else d.numpy().tobytes() for d in tape.gradient(y, [V, W])]])
        assert came[0] == came[1]


def map_arrays(x):
    """With tensors for arrays, as a recorded function is given them."""
    if isinstance(x, (np.ndarray, np.generic)):
        return ad.constant(x)
    if isinstance(x, dict):
        return type(x)((k, map_arrays(y)) for k, y in x.items())
    if isinstance(x, Pair):
        return Pair(*map(map_arrays, x))
    return type(x)(map(map_arrays, x)) if isinstance(x, (list, tuple)) else x


@pytest.mark.parametrize("call", [
    lambda f, x: f(x), lambda f, x: f(x=x), lambda f, x: f(x, scale=2.0), lambda f, x: f(x=x, scale=2.0), lambda f, x: f(scale=2.0, x=x),
    lambda f, x: f(x, 2.0), lambda f, x: f(*[x]), lambda f, x: f(**{"x": x})])  # fmt: skip
def test_one_way_to_call_after_another(call):
    f = ad.function(lambda x, scale=3.0: x * scale)
    for x in (ad.constant([1.0, 2.0]), np.array([3.0, 4.0]), ad.Variable([5.0])):
        for other in (call, lambda f, x: f(x), call, lambda f, x: f(x, scale=2.0), call):
            scale = 3.0 if other(lambda x, scale=3.0: scale, x) == 3.0 else 2.0
            assert np.array_equal(other(f, x).numpy(), np.asarray(x) * scale)


@pytest.mark.parametrize("spec", [ad.TensorSpec([2]), ad.TensorSpec([None]), ad.TensorSpec(None)])
def test_a_signature_holds_whatever_came_before(spec):
    f = ad.function(lambda x, n: x * n, input_signature=[spec, ad.TensorSpec([])])
    for x, n in [([1.0, 2.0], 3.0), (ad.constant([1.0, 2.0]), ad.constant(2.0)), (ad.Variable([4.0, 5.0]), np.float32(2.0))] * 2:
        assert f(x, n).dtype == ad.float32 and np.array_equal(f(x, n).numpy(), np.asarray(x, "float32") * np.float32(n))
        assert np.array_equal(f(n=n, x=x).numpy(), f(x, n).numpy())
        for bad in ((x,), (x, n, n), (x, [n, n]), (["a", "b"], n), (ad.constant([1, 2]), n)):
            with pytest.raises(TypeError, match="Binding inputs"):
                f(*bad)
    assert f.experimental_get_tracing_count() == 1


def test_signatures_of_structures_and_objects():
    f = ad.function(lambda p, how: p["a"] + p["b"][0] if how == "add" else 0.0, input_signature=[{"a": ad.TensorSpec([2]), "b": [ad.TensorSpec([2])]}, "add"])
    for a in (ad.constant([1.0, 2.0]), np.float32([3.0, 4.0]), ad.constant([5.0, 6.0])):
        assert np.array_equal(f({"a": a, "b": [a]}, "add").numpy(), 2 * np.asarray(a))
    with pytest.raises(TypeError, match="Binding inputs"):
        f({"a": a, "b": [a]}, "multiply")
    with pytest.raises(TypeError, match="Binding inputs"):
        f({"a": a, "b": [a, a]}, "add")


def test_what_compares_itself_runs_no_other_trace():
    """A key's own comparison may call the function, and another thread may: neither sees a trace of another kind."""
    calls = []

    class Key:
        def __init__(self, k):
            self.k = k

        def __hash__(self):
            return 1

        def __eq__(self, other):
            if len(calls) < 200:
                calls.append(None)
                f({Key(2): x}, 7.0)
            return isinstance(other, Key) and self.k == other.k

    f = ad.function(lambda d, n: sum(k.k for k in d) * n * x)
    x = ad.constant(1.0)
    for _ in range(3):
        for k in (1, 2, 1, 1):
            assert float(f({Key(k): x}, 5.0)) == 5.0 * k


def test_threads_that_call_with_other_kinds():
    f = ad.function(told)
    x = np.ones(3)
    kinds = [((x,), {}), ((x, 2), {}), ((x, 2.0), {}), ((x,), {"a": 1}), (([x],), {}), (({"a": x},), {})]
    expected = [float(told(*map_arrays(a), **map_arrays(k))) for a, k in kinds]
    wrong = []

    def work(own):
        for n in range(400):
            k = (own * 7 + n * (own + 1)) % len(kinds)
            args, kwargs = kinds[k]
            if float(f(*args, **kwargs)) != expected[k]:
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(own,)) for own in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_a_function_of_a_function_is_one():
    """It took along what the inner one keeps for itself: as a method it was called without its instance."""
    class Line:
        slope = 2.0

        @ad.function
        @ad.function
        def at(self, x, scale=1.0):
            return self.slope * x * scale

    line, x = Line(), ad.constant(3.0)
    for _ in range(2):
        assert [float(line.at(x)), float(line.at(x, scale=ad.constant(2.0))), float(line.at(x=x))] == [6, 12, 6]
    naive = ad.function(lambda x: ad.math.log(1.0 + ad.exp(x)))
    assert float(naive(ad.constant(-40.0))) == 0 and float(ad.function(naive, stabilize=True)(ad.constant(-40.0))) > 0


CAUGHT = {"assertion": lambda x: ad.debugging.assert_less(x, ad.constant(1.0)), "integer division": lambda x: 7 // ad.cast(x, "int32"),
          "integer divisions": lambda x: 7 % ad.cast([x, 2.0], "int32"), "integer power": lambda x: 2 ** (1 - ad.cast(x, "int32")),
          "gather": lambda x: ad.gather(ad.constant([1.0, 2.0, 3.0]), ad.cast(x, "int32")), "cholesky": lambda x: ad.linalg.cholesky(x[None, None] - 1.0),
          "solve": lambda x: ad.linalg.solve(x[None, None], ad.ones([1, 1])), "sqrtm": lambda x: ad.linalg.sqrtm(x[None, None] - 1.0),
          "inside another function": ad.function(lambda x: ad.linalg.inv(x[None, None])), "Python": lambda x: [1.0, 2.0, 3.0][int(x)]}  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("fails", CAUGHT.values(), ids=CAUGHT)
@pytest.mark.parametrize("taped", [False, True])
def test_an_error_that_is_caught_is_a_way(fails, taped):
    """What failed in the recording was not in it, and it was replayed for arguments with which nothing fails."""
    def f(x):
        try:
            return x + ad.reduce_sum(ad.cast(fails(x) if fails(x) is not None else 0.0, "float32"))
        except (ValueError, ArithmeticError, IndexError):
            return x * 100.0

    def told(f, x):
        x = ad.constant(x)
        with ad.GradientTape() as tape:
            if taped:
                tape.watch(x)
            y = f(x)
        return float(y), taped and float(tape.gradient(y, x))

    for order in ([0.0, 5.0, 0.0, 2.0, 5.0], [5.0, 0.0, 2.0, 0.0], [2.0, 5.0, 0.0, 2.0]):
        recorded = ad.function(f)
        for x in order:
            assert told(recorded, x) == pytest.approx(told(f, x), rel=1e-6, abs=0)
