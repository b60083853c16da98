"""Tensors look, convert, compute and fail as TensorFlow's."""

import copy
import math
import pickle
import weakref

import numpy as np
import pytest

import autodiff as ad
from autodiff import errors


# -------------------------------------------------------------------------------------------------------------- conversion
@pytest.mark.parametrize("value, dtype", [
    (1.0, "float32"), (1, "int32"), (2**31, "int64"), (True, "bool"), ([1, 2.5], "float32"), ([True, False], "bool"),
    (np.float64(1), "float64"), (np.float32(1), "float32"), (np.arange(3), "int64"), (np.ones(2), "float64"),
    ([np.float64(1), np.float64(2)], "float64"), (range(3), "int32"), ([[1, 2], [3, 4]], "int32"), ((), "float32"),
])  # fmt: skip
def test_python_numbers_become_32_bits_and_numpy_keeps_its_dtype(value, dtype):
    t = ad.constant(value)
    assert t.dtype == dtype
    np.testing.assert_array_equal(t.numpy(), np.asarray(value, t.dtype.as_numpy_dtype))


def test_set_floatx_changes_what_python_floats_become():
    ad.set_floatx("float64")
    try:
        assert ad.constant(1.0).dtype == "float64" and ad.constant([1.0]).dtype == "float64" and ad.floatx() == "float64"
        assert ad.Variable(1.0).dtype == "float64" and ad.zeros([2]).dtype == "float64"
    finally:
        ad.set_floatx("float32")
    with pytest.raises(TypeError, match="set_floatx: got int32, expected float32 or float64"):
        ad.set_floatx("int32")


AWKWARD = {
    "strides": np.arange(24.0).reshape(4, 6)[::2, 1::2],
    "negative strides": np.arange(6.0)[::-1],
    "Fortran order": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "transposed": np.arange(6).reshape(2, 3).T,
    "big endian": np.arange(3, dtype=">f8"),
    "big endian integers": np.arange(3, dtype=">i4"),
    "zero size": np.zeros((0, 3)),
    "broadcast": np.broadcast_to(np.float32(2), (3, 2)),
    "rank 8": np.arange(256.0).reshape((2,) * 8),
    "unaligned": np.frombuffer(b"\0" + np.arange(3.0).tobytes(), np.uint8)[1:].view(np.float64),
    "longlong": np.arange(3, dtype=np.longlong),
    "matrix": np.array([[1.0, 2.0]]).view(np.matrix),
    "masked": np.ma.masked_array([1.0, 2.0], mask=[False, False]),
}


@pytest.mark.parametrize("name", AWKWARD)
def test_an_array_of_any_layout_is_taken_rightly(name):
    a = AWKWARD[name]
    t = ad.constant(a)
    assert t.dtype == a.dtype.newbyteorder("=") and t.shape == a.shape
    np.testing.assert_array_equal(t.numpy(), np.asarray(a))
    v = ad.Variable(a)
    np.testing.assert_array_equal(v.numpy(), np.asarray(a))


def test_read_only_memory_is_taken_and_the_data_are_copied():
    a = np.arange(3.0)
    a.flags.writeable = False
    assert ad.constant(a).numpy().tolist() == [0, 1, 2]
    b = np.arange(3.0)
    t = ad.constant(b)
    b[0] = 7
    assert t.numpy().tolist() == [0, 1, 2]
    out = t.numpy()
    out[0] = 9
    assert t.numpy().tolist() == [0, 1, 2]


@pytest.mark.parametrize("value, kind, text", [
    (None, ValueError, "constant: Attempt to convert a value (None) with an unsupported type (<class 'NoneType'>) to a Tensor: expected numbers"),
    ("text", TypeError, "constant: Attempt to convert a value ('text') with an unsupported type (<class 'str'>) to a Tensor: expected numbers"),
    (["a", 1], ValueError, "constant: Attempt to convert a value ('a') with an unsupported type (<class 'str'>) to a Tensor: expected numbers"),
    ([[1, 2], [3]], ValueError, "constant: Can't convert non-rectangular Python sequence to Tensor: its rows differ in length"),
    (np.array([object()]), TypeError, None),
    (1j, TypeError, "constant: Attempt to convert a value (1j) with an unsupported type (<class 'complex'>) to a Tensor: expected numbers"),
    ({1: 2}, TypeError, "constant: Attempt to convert a value ({1: 2}) with an unsupported type (<class 'dict'>) to a Tensor: expected numbers"),
    (np.ones(2, np.float16), TypeError, "constant: no tensors of dtype float16: autodiff has float32, float64, int32, int64 and bool; "
                                        "convert it, as by x.astype('float32')"),
])  # fmt: skip
def test_what_is_no_number_is_refused(value, kind, text):
    with pytest.raises(kind) as info:
        ad.constant(value)
    assert text is None or str(info.value) == text


@pytest.mark.parametrize("f", [ad.maximum, ad.add, ad.math.pow, lambda x, y: ad.clip_by_value(x, y, 1.0)])
@pytest.mark.parametrize("x", [ad.constant([1.0, 2.0]), ad.constant(1.0), 2.0])
def test_none_is_refused_by_name(f, x):
    with pytest.raises(ValueError, match=r"\w+: Attempt to convert a value \(None\)"):
        f(x, None)


def test_a_dtype_that_cannot_hold_the_value_is_refused():
    with pytest.raises(TypeError) as info:
        ad.constant(1.5, dtype="int32")
    assert str(info.value) == "constant: Cannot convert 1.5 to a tensor of dtype int32"
    with pytest.raises(TypeError, match="constant: Cannot convert 3000000000 to a tensor of dtype int32"):
        ad.constant(3_000_000_000, dtype="int32")
    with pytest.raises(ValueError) as info:
        ad.convert_to_tensor(ad.constant(1.0), dtype="float64")
    assert str(info.value) == "convert_to_tensor: Tensor conversion requested dtype float64 for Tensor with dtype float32; cast it"


def test_a_dtype_of_floats_holds_integers_of_any_size():
    assert ad.constant(10**20, "float32").numpy() == np.float32(1e20)
    assert ad.constant([10**20, 1], "float64").numpy().tolist() == [1e20, 1]
    assert ad.Variable(1.0).assign(10**20).numpy() == np.float32(1e20)
    for value, dtype in ((10**20, None), (10**400, "float64"), (10**20, "int64")):
        with pytest.raises((TypeError, ValueError)):
            ad.constant(value, dtype)


def test_lists_of_tensors_are_stacked_and_recorded():
    x = ad.Variable(2.0)
    with ad.GradientTape() as tape:
        y = ad.reduce_sum(ad.constant([x, x * x, 3.0]))
    assert float(y) == 9.0 and float(tape.gradient(y, x)) == 5.0


# ------------------------------------------------------------------------------------------------------------------- text
def test_tensors_print_as_tensorflows_but_for_the_prefix():
    assert repr(ad.constant(3.0)) == "<ad.Tensor: shape=(), dtype=float32, numpy=3.0>"
    assert repr(ad.constant([1.0, 2.0])) == "<ad.Tensor: shape=(2,), dtype=float32, numpy=array([1., 2.], dtype=float32)>"
    assert repr(ad.constant([[1, 2], [3, 4]])) == (
        "<ad.Tensor: shape=(2, 2), dtype=int32, numpy=\narray([[1, 2],\n       [3, 4]], dtype=int32)>")  # fmt: skip
    assert str(ad.constant([1.0, 2.0])) == "ad.Tensor([1. 2.], shape=(2,), dtype=float32)"
    assert str(ad.constant([[1, 2], [3, 4]])) == "ad.Tensor(\n[[1 2]\n [3 4]], shape=(2, 2), dtype=int32)"
    assert str(ad.constant([])) == "ad.Tensor([], shape=(0,), dtype=float32)"
    assert str(ad.constant([True, False])) == "ad.Tensor([ True False], shape=(2,), dtype=bool)"
    assert repr(ad.constant([[1, 2]])) == "<ad.Tensor: shape=(1, 2), dtype=int32, numpy=array([[1, 2]], dtype=int32)>"
    assert repr(ad.constant(np.ones((0, 2)))) == "<ad.Tensor: shape=(0, 2), dtype=float64, numpy=array([], shape=(0, 2), dtype=float64)>"


def test_a_format_shows_the_value_alone():
    assert f"{ad.constant(1.23456):.2f}" == "1.23"
    assert f"{ad.constant(0.1)} {ad.constant(3)} {ad.constant(True)} {ad.constant([1.0, 2.5])}" == "0.1 3 True [1.  2.5]"
    assert f"{ad.constant(3):4d}|{ad.constant(0.1)!s}" == "   3|ad.Tensor(0.1, shape=(), dtype=float32)"
    with pytest.raises(TypeError):
        format(ad.constant([1.0, 2.0]), ".2f")


def test_print_shows_numbers_also_in_lists_and_dicts(capsys):
    x = ad.constant([1.0, 2.5])
    ad.print("x", x, [x[0], (x[1], 3)], {1: x, "k": None}, sep="|")
    assert capsys.readouterr().err == "x|[1.  2.5]|[1.0, (2.5, 3)]|{1: [1.  2.5], 'k': None}\n"


# ------------------------------------------------------------------------------------------------------------ as a number
def test_a_scalar_is_a_python_number_where_one_is_asked_for():
    t = ad.constant(2.0)
    assert (float(t), int(t), bool(t), complex(t)) == (2.0, 2, True, 2 + 0j)
    assert math.sqrt(t) == math.sqrt(2) and [10, 20, 30][ad.constant(1)] == 20 and list(range(ad.constant(2))) == [0, 1]
    assert bool(ad.constant([[1.0]])) and not bool(ad.constant(0))


@pytest.mark.parametrize("use, kind, text", [
    (float, TypeError, "float: only a scalar tensor converts to a Python number, got shape (2,)"),
    (int, TypeError, "int: only a scalar tensor converts to a Python number, got shape (2,)"),
    (bool, ValueError, "The truth value of an array with more than one element is ambiguous. Use ad.reduce_any(a) or ad.reduce_all(a)"),
    (hash, TypeError, "Tensor is unhashable. Instead, use tensor.ref() as the key."),
    (round, TypeError, "round: a tensor is rounded by ad.round(t); round(float(t)) gives a Python number"),
    (lambda t: t.__setitem__(0, 1.0), TypeError, "'Tensor' object does not support item assignment: tensors are immutable; "
     "use ad.tensor_scatter_nd_update(t, indices, updates), or a Variable and v[i].assign(value)"),
    (lambda t: type(t)(), TypeError, "Tensor: tensors are made by constant(value) or convert_to_tensor(value)"),
    (lambda t: divmod(t, 2), TypeError, None),
    (lambda t: t << 1, TypeError, None),
    (lambda t: t.sort(), AttributeError, None),
])  # fmt: skip
def test_misuse_of_an_array_says_what_would_do(use, kind, text):
    with pytest.raises(kind) as info:
        use(ad.constant([1.0, 2.0]))
    assert text is None or str(info.value) == text


def test_length_and_iteration():
    t = ad.constant([[1.0, 2.0], [3.0, 4.0]])
    assert len(t) == 2 and [row.numpy().tolist() for row in t] == [[1, 2], [3, 4]]
    assert float(max(ad.constant([1.0, 3.0, 2.0]))) == 3.0 and float(sum(ad.constant([1.0, 3.0]))) == 4.0
    for use, text in ((len, "Scalar tensor has no `len()`"), (iter, "Cannot iterate over a scalar tensor.")):
        with pytest.raises(TypeError) as info:
            use(ad.constant(1.0))
        assert str(info.value) == text


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "bool"])
def test_dlpack_gives_others_a_copy(dtype):
    x = np.array([[1, 0], [3, 1]], dtype)
    for t in (ad.constant(x), ad.Variable(x), ad.constant(x[0, 0])):
        assert t.__dlpack_device__() == (1, 0)
        y = np.from_dlpack(t)
        assert y.dtype == dtype
        np.testing.assert_array_equal(y, t.numpy())
        assert not np.shares_memory(y, np.asarray(t))
    v = ad.Variable(2.0)
    with ad.GradientTape() as tape, pytest.warns(errors.LostGradientWarning, match="__dlpack__"):
        np.from_dlpack(v * v)
    assert tape.gradient(v, v) is not None


def test_references_copies_pickles_and_buffers():
    t = ad.constant([[1.0, 2.0]])
    assert t.ref() == t.ref() and t.ref().deref() is t and hash(t.ref()) == hash(t.ref()) and ad.constant(1.0).ref() != t.ref()
    assert weakref.ref(t)() is t and copy.copy(t) is t
    for twin in (copy.deepcopy(t), pickle.loads(pickle.dumps(t))):
        assert twin is not t and twin.dtype == t.dtype and twin.numpy().tolist() == t.numpy().tolist()
    view = memoryview(t)
    assert (view.shape, view.format, view.readonly, view.tolist()) == ((1, 2), "f", True, [[1.0, 2.0]])
    assert not np.asarray(t).flags.writeable and np.asarray(t).tolist() == [[1.0, 2.0]] and np.asarray(ad.constant(3)).shape == ()
    del t
    assert view.tolist() == [[1.0, 2.0]]


# -------------------------------------------------------------------------------------------------------------- operators
OPERATORS = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b, "//": lambda a, b: a // b,
    "%": lambda a, b: a % b, "**": lambda a, b: a**b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b, "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
}  # fmt: skip


@pytest.mark.parametrize("sign", OPERATORS)
@pytest.mark.parametrize("dtype", ("float32", "float64", "int32", "int64"))
def test_operators_agree_with_numpy_on_either_side_of_numbers_lists_and_arrays(sign, dtype):
    f = OPERATORS[sign]
    a, b = np.array([7, 3, 1], dtype), np.array([2, 3, 4], dtype)
    ta, tb = ad.constant(a), ad.constant(b)
    expected = f(a, b)
    for x, y in ((ta, tb), (ta, b), (a, tb), (ta, b.tolist()), (a.tolist(), tb), (ad.Variable(a), tb), (ta, ad.Variable(b))):
        got = f(x, y)
        assert type(got) is ad.Tensor
        np.testing.assert_allclose(got.numpy(), expected, rtol=1e-6)
    np.testing.assert_allclose(f(ta, 2).numpy(), f(a, np.asarray(2, dtype)), rtol=1e-6)
    np.testing.assert_allclose(f(2, tb).numpy(), f(np.asarray(2, dtype), b), rtol=1e-6)
    number = f(ad.constant(7, dtype), ad.constant(2, dtype))
    assert number.numpy() == pytest.approx(f(np.asarray(7, dtype), np.asarray(2, dtype)), rel=1e-6, abs=0)


def test_dtypes_of_operators():
    f32, f64, i32 = ad.constant([1.0]), ad.constant(np.ones(1)), ad.constant([2])
    assert (f32 * 2).dtype == "float32" and (f64 * 2.0).dtype == "float64" and (f32 * f64).dtype == "float64"
    assert (i32 / i32).dtype == "float64" and (i32 // 2).dtype == "int32" and (f32 * np.arange(1)).dtype == "float32"
    assert (f32 * np.ones(1)).dtype == "float64" and (f32 > 0).dtype == "bool" and (f32 * np.float64(2)).dtype == "float32"
    assert (i32 + np.arange(1)).dtype == "int32" and (np.arange(1) + i32).dtype == "int32" and (i32 == np.arange(1)).numpy().tolist() == [False]
    assert (ad.constant(np.arange(1)) + np.int32([1])).dtype == "int64" and (i32 * np.array([True])).dtype == "int32"
    assert ad.concat([i32, np.arange(1)], 0).dtype == "int32" and ad.where([True], np.arange(1), i32).dtype == "int32"
    assert (i32**2).dtype == "int32" and ((i32 > 0) & True).dtype == "bool" and (~(i32 > 0)).numpy().tolist() == [False]


@pytest.mark.parametrize("number", [2, 2.5, np.float32(2.5), True, [2], [2.5], [True]], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "bool"])
def test_integers_and_truth_values_go_with_floats(dtype, number):
    """Integers take the dtype of the floats beside them, a fraction makes float64 of integers, and truth values are 0 and 1."""
    x = np.array([0, 1, 1, 0, 1]).astype(dtype)
    t = ad.constant(x)
    for other in ("float32", "float64", "int32", "int64", "bool"):
        y = np.array([1, 1, 0, 0, 1]).astype(other)
        floats = [d for d in (dtype, other) if d.startswith("f")]
        for f in (np.add, np.multiply, np.maximum, np.minimum) + (np.greater_equal,) * (dtype != other or dtype != "bool"):
            got = f(t, ad.constant(y))
            np.testing.assert_array_equal(got.numpy(), f(x, y))
            assert got.dtype == (f(x, y).dtype if f is np.greater_equal or not floats else max(floats))
    if dtype != "bool" or number not in (True, [True]):         # (of truth values alone it is `or`)
        got, fraction = t + number, np.asarray(number).dtype.kind == "f"
        np.testing.assert_array_equal(got.numpy(), x.astype("float64") + number)
        assert got.dtype == ("float64" if fraction and not dtype.startswith("f") else got.dtype if dtype == "bool" else dtype)


def test_masks_in_a_formula_have_its_gradient():
    def hinge(x, counts):
        return ad.reduce_sum((x > 0) * x**2 + counts * x * 0.5 + (1 - (x > 0)) * 3.0 * x)

    x, counts = np.array([1.5, -2.0, 3.0]), np.array([1, 2, 3])
    for f in (ad.value_and_grad(hinge), ad.function(ad.value_and_grad(hinge))):
        for given in (counts, ad.constant(counts)):
            value, slope = f(ad.constant(x), given)
            assert float(value) == 1.5**2 + 9 + 0.5 * (1.5 - 4 + 9) - 6
            assert slope.numpy().tolist() == [3.5, 4.0, 7.5]


@pytest.mark.parametrize("use, kind, text", [
    (lambda: ad.constant([1.0, 2.0]) + ad.constant([1.0, 2.0, 3.0]), ValueError,
     "add: Incompatible shapes: [2] vs. [3]. Counted from the last, sizes must be equal or 1; reshape one of them"),
    (lambda: ad.constant([[1.0, 2.0]]) @ ad.constant([[1.0, 2.0]]), ValueError, "matmul: (1, 2) @ (1, 2): the inner sizes 2 and 1 differ"),
    (lambda: ad.constant(1.0) @ ad.constant([[1.0]]), ValueError,
     "matmul: Shape () must have rank at least 1; use *"),
    (lambda: ad.constant([1]) + 2**40, TypeError, "add: Cannot convert 1099511627776 to a tensor of dtype int32"),
    (lambda: ad.constant([True]) - ad.constant([True]), TypeError,
     "sub: got bool and bool, takes float32, float64, int32 or int64; cast it first"),
    (lambda: ad.constant([1]) // 0, ZeroDivisionError, "floordiv: Integer division by zero; use floats for inf and nan"),
    (lambda: ad.exp(1), TypeError, "exp: got int32, takes float32 or float64: write it as a float (1.0, not 1), or cast it"),
    (lambda: ad.constant([1]) + np.array([2**40]), TypeError, "add: Cannot convert array([1099511627776]) to a tensor of dtype int32"),
    (lambda: ad.constant([1.0])[::0], ValueError, "index: strides must be non-zero, and the step of a slice is 0"),
    (lambda: ad.constant([1.0])[5], IndexError, "index: slice index 5 of dimension 0 out of bounds: its size is 1"),
    (lambda: ad.constant([1.0])[0, 0], IndexError, "index: 2 indices for a tensor of shape (1,), which has 1 axes"),
    (lambda: ad.constant([1.0])[1.0], TypeError, "Only integers, slices (`:`), ellipsis (`...`), newaxis (`None`) and scalar int32/int64 "
     "tensors are valid indices, and arrays of integers, got 1.0"),
    (lambda: ad.reduce_sum(ad.constant([1.0]), axis=1), ValueError, "reduce_sum: axis 1 is out of range for rank 1: expected -1 to 0"),
    (lambda: ad.reduce_sum(ad.constant([1.0]), axis=[0, -1]), ValueError, "reduce_sum: axes (0, -1) name one axis twice"),
    (lambda: ad.reduce_mean(ad.constant(1.0), axis=0), ValueError, "reduce_mean: axis 0 is out of range: a scalar has no axes"),
])  # fmt: skip
def test_errors_of_operators_name_the_operator_and_what_was_given(use, kind, text):
    with pytest.raises(kind) as info:
        use()
    assert str(info.value) == text
    assert isinstance(info.value, (ad.errors.InvalidArgumentError, TypeError))


def test_equality_of_what_cannot_be_compared():
    t = ad.constant([1.0, 2.0])
    assert not (t == ad.constant([1.0, 2.0, 3.0])) and (t != ad.constant([1.0, 2.0, 3.0]))
    assert (t == None) is False and (t != None) is True  # noqa: E711
    assert not (t == "text") and t != "text"
    assert ad.constant(0.1 + 0.2, "float64") == pytest.approx(0.3)
    assert t in [t] and 2.0 in t and 3.0 not in t and ad.Variable(2.0) in t
    assert 2.0 in ad.constant(2.0) and None not in ad.constant(2.0)


# --------------------------------------------------------------------------------------------------------------- indexing
KEYS = [0, -1, slice(1, None), slice(None, None, -1), slice(-1, 0, -2), (0, 1), (slice(None), 1), (Ellipsis, 0), None, (None, 0, None),
        (slice(None), None, slice(2)), (1, Ellipsis, slice(None, None, 2)), (slice(5, 1),), Ellipsis, (slice(0, 10), -2, 1),
        (slice(None), slice(None), -1), (np.int64(1), slice(None))]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_indexing_agrees_with_numpy_and_its_gradient_puts_things_back(key):
    a = np.arange(24.0).reshape(2, 3, 4)
    t = ad.constant(a)
    with ad.GradientTape() as tape:
        tape.watch(t)
        y = t[key]
    np.testing.assert_array_equal(y.numpy(), a[key])
    g = np.random.default_rng(0).normal(size=a[key].shape)
    expected = np.zeros_like(a)
    np.add.at(expected, key, g)
    np.testing.assert_array_equal(tape.gradient(y, t, output_gradients=g).numpy(), expected)


def test_masks_and_tensors_as_indices():
    a = np.arange(6.0).reshape(2, 3)
    t = ad.constant(a)
    assert t[t > 2].numpy().tolist() == [3, 4, 5] and t[np.array([True, False])].numpy().tolist() == [[0, 1, 2]]
    assert float(t[ad.constant(1), ad.constant(2)]) == 5.0 and t[: ad.constant(1)].shape == (1, 3)
    with ad.GradientTape() as tape:
        tape.watch(t)
        y = t[t > 2]
    assert tape.gradient(y, t).numpy().tolist() == [[0, 0, 0], [1, 1, 1]]
    with pytest.raises(ValueError, match=r"index: a mask of shape \(3,\) for a tensor of shape \(2, 3\): expected \(2,\)"):
        t[np.array([True, False, True])]
    for key in ([0.0, 1.0], "a", 1.5, True):
        with pytest.raises(TypeError, match="Only integers, slices"):
            t[key]


@pytest.mark.parametrize("kind", ["f4", "f8", "i4", "i8", "?", "q", ">i4", ">f8"])
def test_an_array_is_copied_whatever_its_layout(kind):
    x = np.array([[1, 0, 3], [0, 5, 6]], kind)
    for given in (x, x.T, x[:, ::-1], x[:, 1:], np.asfortranarray(x), x[:0], x[0, 0]):
        t, expected = ad.constant(given), np.array(given)
        assert t.dtype == expected.dtype.newbyteorder("=") and t.shape == expected.shape
        x += x
        np.testing.assert_array_equal(t.numpy(), expected)
