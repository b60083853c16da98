"""A dtype is equal to everything that names it, one object per dtype, and refuses what autodiff does not have."""

import pickle

import numpy as np
import pytest

import autodiff as ad
from autodiff import dtypes, errors

ALL = pytest.mark.parametrize("dtype", dtypes.DTYPES, ids=str)


@ALL
def test_a_dtype_equals_its_name_and_numpys_type_and_dtype(dtype):
    for twin in (dtype.name, dtype.as_numpy_dtype, np.dtype(dtype.name)):
        assert dtype == twin and twin == dtype
        assert not dtype != twin
        assert dtypes.as_dtype(twin) is dtype


@ALL
def test_a_dtype_equals_no_other_and_nothing_else(dtype):
    for other in dtypes.DTYPES:
        assert (dtype == other) == (dtype is other)
    for other in (None, 3, "float16", object(), [1]):
        assert dtype != other


@ALL
def test_pickled_it_is_the_same_object(dtype):
    assert pickle.loads(pickle.dumps(dtype)) is dtype


@ALL
def test_its_hash_is_that_of_its_name(dtype):
    assert {dtype: 1}[dtype.name] == 1


@ALL
def test_it_prints_as_tensorflow_prints_it(dtype):
    assert str(dtype) == f"<dtype: '{dtype.name}'>"
    assert repr(dtype) == f"ad.{dtype.name}"


@ALL
def test_numpy_takes_it_for_a_dtype(dtype):
    assert np.zeros(2, dtype=dtype).dtype == dtype.name


def test_codes_are_the_order_of_the_c_enum():
    assert [d.code for d in dtypes.DTYPES] == [0, 1, 2, 3, 4]
    assert [d.name for d in dtypes.DTYPES] == ["float32", "float64", "int32", "int64", "bool"]


def test_kinds_sizes_and_bounds():
    assert [d.is_floating for d in dtypes.DTYPES] == [True, True, False, False, False]
    assert [d.is_integer for d in dtypes.DTYPES] == [False, False, True, True, False]
    assert [d.is_bool for d in dtypes.DTYPES] == [False, False, False, False, True]
    assert [d.size for d in dtypes.DTYPES] == [4, 8, 4, 8, 1]
    assert (dtypes.int32.min, dtypes.int32.max) == (-(2**31), 2**31 - 1)
    assert dtypes.float64.max == np.finfo("f8").max
    assert [d.limits for d in (dtypes.int32, dtypes.float32, dtypes.bool)] == [(0, 2**31 - 1), (0, 1), (False, True)]  # as in TensorFlow
    assert (dtypes.bool.min, dtypes.bool.max) == (False, True)


def test_pythons_own_types_are_what_constant_makes_of_them():
    assert [dtypes.as_dtype(t) for t in (float, int, bool)] == ["float32", "int32", "bool"]
    assert dtypes.as_dtype("double") is dtypes.float64


def test_bytes_in_the_other_order_and_both_long_types_are_known():
    assert dtypes.as_dtype(">f4") is dtypes.float32
    assert dtypes.as_dtype(np.longlong) is dtypes.as_dtype(np.dtype("l")) is dtypes.int64


HAS = "float32, float64, int32, int64"


@pytest.mark.parametrize(
    "given, text",
    [
        ("float16", f"as_dtype: no tensors of dtype float16: autodiff has {HAS} and bool"),
        (complex, f"as_dtype: no tensors of dtype complex128: autodiff has {HAS} and bool"),
        (np.uint8, f"as_dtype: no tensors of dtype uint8: autodiff has {HAS} and bool"),
        (object, f"as_dtype: no tensors of dtype object: autodiff has {HAS} and bool"),
        (str, f"as_dtype: no tensors of dtype str: autodiff has {HAS} and bool"),
        ("string", f"as_dtype: Cannot convert 'string' to a dtype: expected {HAS} or bool"),
        (None, f"as_dtype: Cannot convert None to a dtype: expected {HAS} or bool"),
        ([1], f"as_dtype: Cannot convert [1] to a dtype: expected {HAS} or bool"),
    ],
)
def test_others_are_refused(given, text):
    with pytest.raises(errors.DtypeError) as caught:
        dtypes.as_dtype(given)
    assert str(caught.value) == text
    assert isinstance(caught.value, TypeError) and isinstance(caught.value, ValueError)


@pytest.mark.parametrize("call, dtype", [
    (lambda: ad.sin(np.float64(0.3)), "float64"), (lambda: ad.add(np.float64(0.3), 1), "float64"), (lambda: ad.exp(np.float32(1)), "float32"),
    (lambda: ad.math.softplus(1.0), "float32"), (lambda: ad.add(np.int64(2), 1), "int64"), (lambda: ad.maximum(1, 2), "int32"),
    (lambda: ad.maximum(np.float32(1), np.float64(2)), "float64"), (lambda: ad.maximum(np.int64(1), np.float32(2)), "float32"),
    (lambda: ad.add(ad.constant(1.0), np.float64(1)), "float32"), (lambda: ad.add(1.5, np.float64(1)), "float64"),
])  # fmt: skip
def test_numbers_of_numpy_keep_their_dtype_among_numbers(call, dtype):
    assert call().dtype.name == dtype


@pytest.mark.parametrize("call", [
    lambda x, n: x - [n, 1.0], lambda x, n: [n, n] * x, lambda x, n: ad.where(x > n, x, n), lambda x, n: ad.stack([n, x[0]]),
    lambda x, n: ad.concat([x, [n]], 0), lambda x, n: ad.add_n([x[0], n]), lambda x, n: ad.clip_by_norm(x, n), lambda x, n: ad.linspace(x[0], n, 3),
    lambda x, n: ad.pad(x, [[1, 1]], constant_values=n), lambda x, n: ad.tensor_scatter_nd_update(x, [[0]], [n]), lambda x, n: ad.constant([x[0], n]),
    lambda x, n: ad.linalg.matvec([[n, 1.0], [0, n]], x), lambda x, n: ad.math.polyval([n, x], x), lambda x, n: ad.einsum("i,->i", x, n),
    lambda x, n: ad.nn.batch_normalization(x, n, n, n, n, 1e-3), lambda x, n: ad.Variable(x).assign([n, n]),
])  # fmt: skip
def test_numbers_of_numpy_take_the_dtype_of_a_tensor_beside_them(call):
    """As beside an operator; an array keeps its own."""
    x, n = ad.constant([1.0, 2.0]), np.float64(0.1)
    assert call(x, n).dtype.name == "float32"
    np.testing.assert_array_equal(call(x, n).numpy(), call(x, 0.1).numpy())
    assert ad.where(x > 0, x, np.array(0.1)).dtype.name == ad.where([True], np.ones(1, np.float32), n).dtype.name == "float64"


def test_a_float_of_numpy_makes_float64_of_an_integer():
    for half in (0.5, np.float64(0.5), np.float32(0.5)):
        for got in (ad.where([False], ad.constant([1]), half), ad.constant([0]) + [half], ad.constant([1]) - half, half * ad.constant([1])):
            assert got.dtype == ad.float64 and got.numpy().tolist() == [0.5]
    with pytest.raises(errors.DtypeError, match="Cannot convert"):
        ad.Variable([1, 2]).assign_add([0.5, 1])


@pytest.mark.parametrize("name", ["float32", "float64", "int32", "int64", "bool"])
def test_what_a_numpy_dtype_is_asked_for(name):
    ours, numpys = ad.as_dtype(name), np.dtype(name)
    assert ours.type is numpys.type and (ours.kind, ours.char, ours.itemsize) == (numpys.kind, numpys.char, numpys.itemsize)


NUMBERS = [[1], [0.5], [1, 0.5], [-0.0, 3], [2**31 - 1, -(2**31)], [2**31], [-(2**31) - 1, 0.5], [2**53, -(2**53)], [2**53 + 1], [2**53 + 1, 0.5],
           [2**63 - 1], [2**63], [2**64, 1], [2**64, 0.5], [1e39], [1e300, 1], [float("inf"), -1], [16777217, 33554433], [True], [True, 1], [False, 0.5],
           [np.float32(0.1), 1.0], [np.int64(3), 4]]  # fmt: skip


def outcome(make):
    try:
        t = make()
    except Exception as error:
        return (type(error),)
    return t.dtype, t.shape[-1:], t.numpy().tobytes()


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("dtype", [None, *dtypes.DTYPES], ids=str)
@pytest.mark.parametrize("numbers", NUMBERS, ids=str)
def test_numbers_in_a_list_become_what_they_become_in_a_list_of_lists(numbers, dtype):
    """Which is read by NumPy."""
    assert outcome(lambda: ad.constant(numbers, dtype=dtype)) == outcome(lambda: ad.constant([numbers], dtype=dtype))
    assert outcome(lambda: ad.constant(tuple(numbers), dtype=dtype)) == outcome(lambda: ad.constant([numbers], dtype=dtype))


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("like", dtypes.DTYPES, ids=str)
@pytest.mark.parametrize("numbers", NUMBERS, ids=str)
def test_they_take_the_dtype_of_what_they_stand_beside(numbers, like):
    x = ad.constant(np.ones((1, len(numbers))), dtype=like) if like.is_floating else ad.constant(np.ones((1, len(numbers))).astype(like.as_numpy_dtype))
    assert outcome(lambda: ad.equal(x, numbers)) == outcome(lambda: ad.equal(x, [numbers]))


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("dtype", [None, *dtypes.DTYPES], ids=str)
@pytest.mark.parametrize("number", [0, 1, -7, 2**31 - 1, 2**31, -(2**31), 2**53 + 1, 2**63 - 1, 2**63, 2**1100, 16777217], ids=str)
def test_an_integer_becomes_what_it_becomes_in_a_list(number, dtype):
    alone, listed = outcome(lambda: ad.constant(number, dtype=dtype)), outcome(lambda: ad.constant([[number]], dtype=dtype))
    assert alone[0] is listed[0] and alone[2:] == listed[2:]
