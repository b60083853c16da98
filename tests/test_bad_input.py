"""What a public function is given by mistake: an error that a caller would catch, or a result; never one from inside, never a crash."""

import inspect
import subprocess
import sys
import warnings
from array import array
from fractions import Fraction

import numpy as np
import pytest

import autodiff as ad

ROOMS = {"": ad, "math.": ad.math, "nn.": ad.nn, "linalg.": ad.linalg, "random.": ad.random, "debugging.": ad.debugging, "nest.": ad.nest}
# What changes the state of all, which other tests hold to account.
LEFT_OUT = {"set_floatx", "debugging.enable_check_numerics", "debugging.disable_check_numerics", "random.set_seed"}
read_only = np.arange(3.0)
read_only.setflags(write=False)
GIVEN = {
    "None": None, "text": "abc", "object": object(), "dict": {"a": 1.0}, "ragged": [[1.0], [2.0, 3.0]], "nothing": [], "empty": np.empty((3, 0)),
    "0-d": np.array(2.0), "vector": np.arange(1.0, 4.0), "matrix": np.arange(9.0).reshape(3, 3), "backwards": np.arange(12.0)[::-2],
    "big-endian": np.arange(3.0).astype(">f8"), "read-only": read_only, "masked": np.ma.masked_array([1.0, 2, 3], [0, 1, 0]),
    "integers": np.arange(3), "int8": np.arange(3, dtype=np.int8), "uint64": np.array([2**64 - 1], np.uint64), "bools": np.array([True, False, True]),
    "complex": np.array([1j, 2]), "float16": np.arange(3, dtype=np.float16), "objects": np.array([1, "a", None], object),
    "dates": np.array(["2020-01-01"], "M8[D]"), "record": np.zeros(2, [("a", "f8")]), "nan": float("nan"), "inf": float("inf"),
    "minus one": -1, "one": 1, "beyond int64": 10**30, "2**62": 2**62, "bytes": b"xx", "set": {1, 2}, "function": lambda x: x,
    "slice": slice(1), "20 dimensions": np.ones((1,) * 20), "tensor": ad.constant([1.0, 2.0, 3.0]), "variable": ad.Variable([1.0, 2.0, 3.0]),
}  # fmt: skip
CAUGHT = (TypeError, ValueError, MemoryError, NotImplementedError)


def functions():
    seen = set()
    for room, module in ROOMS.items():
        for name in getattr(module, "__all__", dir(module)):
            f = getattr(module, name)
            own = str(getattr(f, "__module__", None) or "").startswith("autodiff")
            if callable(f) and own and not isinstance(f, type) and id(f) not in seen and room + name not in LEFT_OUT and name[0] != "_":
                seen.add(id(f))
                yield pytest.param(f, id=room + name)


def positions(f):
    """How many arguments it needs, how many it takes."""
    taken = [p for p in inspect.signature(f).parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return sum(p.default is p.empty for p in taken), len(taken)


@pytest.mark.parametrize("f", list(functions()))
def test_bad_input_is_an_error_that_a_caller_would_catch(f):
    try:
        needed, most = positions(f)
    except ValueError:                          # a builtin that does not say
        needed = most = 1
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for n in range(max(needed, 1), min(most, needed + 2) + 1):
            for k in range(n):
                for what, bad in GIVEN.items():
                    for rest in (GIVEN["vector"], 1)[:n]:
                        try:
                            f(*[bad if i == k else GIVEN["matrix"] if i == 0 else rest for i in range(n)])
                        except CAUGHT as error:
                            assert str(error), (k, what)
                        # an IndexError that is no ValueError, an AttributeError, an assertion: from inside


def test_what_was_given_is_as_it_was():
    assert GIVEN["variable"].numpy().tolist() == GIVEN["tensor"].numpy().tolist() == GIVEN["vector"].tolist() == [1, 2, 3]
    assert ad.floatx() == "float32" and GIVEN["masked"].mask.tolist() == [False, True, False]


def test_the_error_names_the_function_and_what_would_do():
    for bad, message in [
        (lambda: ad.exp(np.float16([1])),
         "exp: no tensors of dtype float16: autodiff has float32, float64, int32, int64 and bool; convert it, as by x.astype('float32')"),
        (lambda: ad.einsum(None, 1.0), "einsum: equation must be a string, as 'ij,jk->ik', got None"),
        (lambda: ad.linspace(0.0, 1.0, 2**63), "linspace: num (9223372036854775808,) is too large: an array has fewer than 2**60 elements"),
        (lambda: ad.reduce_sum(ad.ones((3, 4)), axis=10**30), f"reduce_sum: axis {10**30} is out of range for rank 2: expected -2 to 1"),
        (lambda: ad.broadcast_to([1.0], (10**30,)), f"broadcast_to: shape ({10**30},) is too large: an array has fewer than 2**60 elements"),
        (lambda: ad.math.unsorted_segment_sum([1.0], [0], 10**30),
         f"unsorted_segment_sum: num_segments ({10**30},) is too large: an array has fewer than 2**60 elements"),
        (lambda: ad.searchsorted(1.0, [1.0]), "searchsorted: Shape () must have rank at least 1"),
        (lambda: ad.random.categorical(np.empty((3, 0)), 2), "random.categorical: logits has no columns: there is nothing to draw from"),
        (lambda: ad.random.poisson([2], -1.0), "random.poisson: lam must be a number that is not negative, got -1.0"),
        (lambda: ad.dynamic_stitch([], []), "dynamic_stitch: indices must be a list of at least one tensor, got []"),
        (lambda: ad.switch_case(5, []), "switch_case: expected a list of functions, of pairs (integer, function), or a dict, got []"),
        (lambda: ad.case([1.0]), "case: expected pairs (pred, function), got 1.0"),
        (lambda: ad.audit(None), "audit: expected a function, got None"),
        (lambda: ad.map_fn(3, [1.0]), "map_fn: expected a function, got 3"),
        (lambda: ad.pad([1.0, 2.0], 1), "pad: paddings must have one pair for each of the 1 dimensions of (2,), got shape ()"),
        (lambda: ad.debugging.assert_equal([1.0, 2.0], [1.0, 2.0, 3.0], "sizes"),
         "assert_equal: sizes: Incompatible shapes: [2] vs. [3]. Counted from the last, sizes must be equal or 1; reshape one of them"),
        (lambda: ad.TensorSpec([None]).is_compatible_with([1.0]), "TensorSpec: expected a tensor, an array or a TensorSpec, got [1.0]"),
        (lambda: ad.objective(ad.reduce_sum, like=np.zeros(3)).restore([1.0]), "restore: expected a vector of 3 numbers, got shape (1,)"),
        (lambda: ad.norm([1.0], ord={}), "norm: ord must be 'euclidean', 'fro', inf or a positive number, got {}"),
        (lambda: ad.exp(GIVEN["masked"]),
         "exp: got a masked array, masked_array(data=[1.0, --, 3.0], mas..., and a tensor has no mask: x.compressed() has the numbers that count, "
         "x.filled(0.0) keeps the shape, for weights of np.where(x.mask, 0.0, 1.0)"),
        (lambda: ad.exp(Fraction(1, 2)), "exp: Attempt to convert a value (Fraction(1, 2)) with an unsupported type "
         "(<class 'fractions.Fraction'>) to a Tensor: expected numbers; float(Fraction(1, 2)) is one"),
    ]:  # fmt: skip
        with pytest.raises((TypeError, ValueError)) as told:
            bad()
        assert str(told.value) == message


DEEP = """
import autodiff as ad
deep, own, tree = 1.0, [1.0], {}
for _ in range(100000):
    deep = [deep]
own.append(own)
tree["a"] = tree
for x in (deep, own, tree, (own, tree)):
    for f in (ad.constant, ad.Variable, ad.exp, ad.nest.flatten, ad.stack, ad.grad(lambda x: 1.0), ad.function(lambda x: x), lambda x: ad.ones(3)[x],
              lambda x: ad.ones(3) + x, lambda x: ad.zeros(x), lambda x: ad.objective(lambda p: 1.0, like=x), lambda x: ad.GradientTape().watch(x)):
        try:
            f(x)
        except (RecursionError, TypeError, ValueError) as error:
            assert str(error)
print("alive")
import os; os._exit(0)                          # to free a list that is nested so deep is CPython's matter
"""


def test_a_list_that_holds_itself_is_an_error():
    """The stack ended before the lists did."""
    assert subprocess.run([sys.executable, "-c", DEEP], capture_output=True, text=True, check=True).stdout.strip() == "alive"
    with pytest.raises(ValueError, match="^constant: got a shape of 33 dimensions, the most is 32$"):
        own = [1.0]
        own.append(own)
        ad.constant(own)


def test_a_mask_without_a_masked_number_is_none():
    assert ad.constant(np.ma.masked_array([1.0, 2.0])).numpy().tolist() == [1, 2]
    assert ad.constant(np.ma.masked_array([1.0, 2.0], [0, 0])).numpy().tolist() == [1, 2]


def test_arrays_of_the_standard_library_are_arrays():
    assert ad.grad(lambda x: ad.reduce_sum(ad.square(x)))(array("d", [1.0, 2.0])).numpy().tolist() == [2, 4]


@pytest.mark.parametrize("size", [10**13, 2**31])
def test_sizes_beyond_those_of_the_indices_are_no_error_of_theirs(size):
    with pytest.raises(ValueError, match=f"^scatter_nd: .*{size}"):
        ad.scatter_nd([[0, 1], [0, 3]], [1.0, 2.0], (size, 3))


def test_a_range_is_looked_at_by_its_ends():
    assert ad.constant(range(3, 0, -1)).numpy().tolist() == [3, 2, 1] and ad.constant(range(3)).dtype == ad.constant([0, 1, 2]).dtype
    assert ad.constant(range(0)).dtype == ad.constant([]).dtype and ad.constant(range(2**40, 2**40 + 2)).dtype == ad.int64
    with pytest.raises(MemoryError):
        ad.constant(range(10**15))


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint8", "uint16", "uint32", "uint64", "float16", "longdouble"])
def test_cast_takes_the_numbers_of_any_array(dtype):
    """Images and labels come in small integers."""
    x = np.array([0, 1, 2, 100], dtype)
    for wanted in ("float32", "float64", "int32", "int64", "bool"):
        y = ad.cast(x, wanted)
        assert y.dtype == wanted and y.numpy().tolist() == x.astype(wanted).tolist()
    assert ad.cast(x[3], ad.float32).numpy() == 100


def test_cast_saturates_where_numbers_of_an_array_do_not_fit():
    assert ad.cast(np.array([2**64 - 1], np.uint64), "int64").numpy() == 2**63 - 1
    assert ad.cast(np.array([2**64 - 1], np.uint64), "float64").numpy() == 2.0**64
    assert ad.cast(np.array([1e30], np.longdouble), "int32").numpy() == 2**31 - 1
    assert np.isinf(ad.cast(np.array([1e300], np.longdouble), "float32").numpy())


def test_a_mask_of_a_row_is_an_array_of_truths_and_nothing_else():
    """Bytes of numbers were taken for truths."""
    np.testing.assert_array_equal(ad.ops.where(np.array([True, False]), ad.constant([1.0, 2.0]), 0), [1, 0])
    for mask in (np.array([1.0, 0.0]), ad.constant([1.0, 0.0]), [1.0, 0.0]):
        with pytest.raises(ad.errors.DtypeError, match=r"^where: got float\d\d, takes bool: compare it first"):
            ad.ops.where(mask, ad.constant([1.0, 2.0]), 0)
