"""Every front that changes a shape does what NumPy does, differentiably; misuse is said in full."""

import numpy as np
import pytest

import autodiff as ad
from autodiff import errors, repeating, shaping
from differences import check_gradients, gradient

X = np.arange(24.0).reshape(2, 3, 4)
V = np.array([1.0, 2.0, 3.0])


def same(got, expected):
    expected = np.asarray(expected)
    assert got.shape == expected.shape and got.dtype == expected.dtype
    np.testing.assert_array_equal(got.numpy(), expected)


CASES = {
    "reshape": (lambda x: shaping.reshape(x, [4, -1]), lambda x: x.reshape(4, -1)),
    "reshape to one dimension": (lambda x: shaping.reshape(x, -1), lambda x: x.reshape(-1)),
    "expand_dims": (lambda x: shaping.expand_dims(x, 1), lambda x: x[:, None]),
    "expand_dims at the end": (lambda x: shaping.expand_dims(x, -1), lambda x: x[..., None]),
    "transpose": (lambda x: shaping.transpose(x), lambda x: x.transpose()),
    "transpose perm": (lambda x: shaping.transpose(x, [1, 2, 0]), lambda x: x.transpose(1, 2, 0)),
    "transpose nothing": (lambda x: shaping.transpose(x, [0, 1, 2]), lambda x: x),
    "reverse": (lambda x: shaping.reverse(x, [0, 2]), lambda x: x[::-1, :, ::-1]),
    "reverse last": (lambda x: shaping.reverse(x, [-1]), lambda x: x[..., ::-1]),
    "roll": (lambda x: shaping.roll(x, 1, 1), lambda x: np.roll(x, 1, 1)),
    "roll two axes": (lambda x: shaping.roll(x, [-1, 2], [0, 2]), lambda x: np.roll(x, (-1, 2), (0, 2))),
    "broadcast_to": (lambda x: shaping.broadcast_to(x, [5, 2, 3, 4]), lambda x: np.broadcast_to(x, (5, 2, 3, 4))),
    "slice": (lambda x: shaping.slice(x, [0, 1, 1], [2, -1, 2]), lambda x: x[:, 1:, 1:3]),
    "strided_slice": (lambda x: shaping.strided_slice(x, [0, 2, 0], [2, 0, 4], [1, -1, 2]), lambda x: x[:, 2:0:-1, ::2]),
    "strided_slice shrink": (lambda x: shaping.strided_slice(x, [1], [2], shrink_axis_mask=1), lambda x: x[1]),
    "strided_slice masks": (lambda x: shaping.strided_slice(x, [0, 0, 2], [0, 0, 0], [1, 1, -1], end_mask=4, ellipsis_mask=1, new_axis_mask=2),
                            lambda x: x[..., None, 2::-1]),
    "split equal": (lambda x: shaping.split(x, 2, 2)[1], lambda x: np.split(x, 2, 2)[1]),
    "split sizes": (lambda x: shaping.split(x, [1, -1], axis=1)[1], lambda x: x[:, 1:]),
    "unstack": (lambda x: shaping.unstack(x, axis=-1)[2], lambda x: x[..., 2]),
    "stack": (lambda x: shaping.stack([x, x[::-1]], axis=1), lambda x: np.stack([x, x[::-1]], 1)),
    "stack last": (lambda x: shaping.stack([x, x[::-1]], axis=-1), lambda x: np.stack([x, x[::-1]], -1)),
    "concat": (lambda x: shaping.concat([x, x[:, :1]], 1), lambda x: np.concatenate([x, x[:, :1]], 1)),
    "concat one": (lambda x: shaping.concat([x], -1), lambda x: x),
    "tile": (lambda x: repeating.tile(x, [2, 1, 3]), lambda x: np.tile(x, (2, 1, 3))),
    "repeat": (lambda x: repeating.repeat(x, 2, axis=1), lambda x: np.repeat(x, 2, 1)),
    "repeat each": (lambda x: repeating.repeat(x, [2, 0, 1], axis=1), lambda x: np.repeat(x, [2, 0, 1], 1)),
    "repeat flat": (lambda x: repeating.repeat(x, 3), lambda x: np.repeat(x, 3)),
    "pad": (lambda x: repeating.pad(x, [[1, 0], [0, 2], [1, 1]]), lambda x: np.pad(x, [(1, 0), (0, 2), (1, 1)])),
    "pad value": (lambda x: repeating.pad(x, [[1, 0], [0, 2], [1, 1]], constant_values=5), lambda x: np.pad(x, [(1, 0), (0, 2), (1, 1)], constant_values=5)),
    "pad reflect": (lambda x: repeating.pad(x, [[1, 1], [0, 2], [3, 0]], "REFLECT"), lambda x: np.pad(x, [(1, 1), (0, 2), (3, 0)], "reflect")),
    "pad symmetric": (lambda x: repeating.pad(x, [[2, 1], [0, 2], [3, 0]], "symmetric"), lambda x: np.pad(x, [(2, 1), (0, 2), (3, 0)], "symmetric")),
    "identity": (lambda x: shaping.identity(x), lambda x: x),
    "meshgrid": (lambda x: shaping.meshgrid(x[0, 0], x[0, :, 0])[1], lambda x: np.meshgrid(x[0, 0], x[0, :, 0])[1]),
}  # fmt: skip
ALL = pytest.mark.parametrize("front, numpy", CASES.values(), ids=CASES)


@ALL
def test_it_does_what_numpy_does(front, numpy):
    for dtype in ("float32", "float64", "int32", "int64"):
        same(front(ad.constant(X.astype(dtype))), numpy(X.astype(dtype)))


@ALL
def test_it_takes_masks(front, numpy):
    mask = X % 3 == 0
    np.testing.assert_array_equal(front(ad.constant(mask)).numpy(), numpy(mask))


@ALL
def test_its_gradients_are_those_of_differences(front, numpy):
    check_gradients(lambda x: front(x) * front(x), X / 7)


def test_a_size_of_minus_one_is_what_is_left():
    assert shaping.reshape(np.zeros((0, 3)), [-1, 3]).shape == (0, 3)
    assert shaping.reshape(np.zeros((2, 0)), [0, -1]).shape == (0, 2) and shaping.reshape(np.zeros((0, 3, 4)), [0, -1]).shape == (0, 12)
    assert shaping.reshape(3.0, []).shape == () and shaping.reshape([3.0], []).shape == ()
    assert shaping.reshape([1, 2, 3, 4], ad.constant([2, 2])).shape == (2, 2)
    assert shaping.reshape([1, 2, 3, 4], (ad.constant(2), -1)).shape == (2, 2)


def test_scalars_and_empty_tensors_have_shapes_too():
    same(shaping.transpose(3.0), np.float32(3))
    same(shaping.reverse(3.0, []), np.float32(3))
    same(repeating.tile(3.0, []), np.float32(3))
    same(repeating.repeat(3.0, 2, axis=0), np.float32([3, 3]))
    same(repeating.repeat(3.0, 2, axis=-1), np.float32([3, 3]))
    same(repeating.repeat(3.0, 2), np.float32([3, 3]))
    same(repeating.pad(3.0, np.zeros((0, 2), int)), np.float32(3))
    same(shaping.stack([1.0, 2.0]), np.float32([1, 2]))
    empty = np.zeros((2, 0, 3))
    same(shaping.transpose(empty), empty.transpose())
    same(shaping.reverse(empty, [1]), empty)
    same(repeating.tile(empty, [1, 2, 2]), np.tile(empty, (1, 2, 2)))
    same(shaping.roll(empty, 1, 1), empty)
    same(shaping.concat([empty, empty], 0), np.zeros((4, 0, 3)))
    assert shaping.unstack(np.zeros((0, 2))) == []


def test_shape_size_and_rank_are_tensors_of_integers():
    same(shaping.shape(X), np.int32([2, 3, 4]))
    same(shaping.shape(X, out_type="int64"), np.int64([2, 3, 4]))
    same(shaping.shape(3.0), np.zeros(0, np.int32))
    same(shaping.size([[1, 2], [3, 4]]), np.int32(4))
    same(shaping.rank(X), np.int32(3))
    assert [s.numpy().tolist() for s in shaping.shape_n([X, V])] == [[2, 3, 4], [3]]
    same(shaping.broadcast_dynamic_shape([2, 1], [3]), np.int32([2, 3]))
    assert shaping.broadcast_static_shape((2, 1), (3,)) == (2, 3)


def test_squeeze_drops_dimensions_of_size_one():
    x = np.zeros((1, 2, 1))
    assert shaping.squeeze(x).shape == (2,)
    assert shaping.squeeze(x, 0).shape == (2, 1)
    assert shaping.squeeze(x, [-1, 0]).shape == (2,)
    assert shaping.squeeze(x, []).shape == (2,)


def test_numbers_among_tensors_take_their_dtype():
    x = ad.constant(V)
    same(shaping.stack([x[0], 2.0]), np.array([1.0, 2.0]))
    same(shaping.stack([1, 2.5]), np.float32([1, 2.5]))
    same(shaping.concat([[0.5], x], 0), np.array([0.5, 1, 2, 3]))
    same(repeating.pad(x, [[0, 1]], constant_values=2.5), np.array([1, 2, 3, 2.5]))


def test_meshgrid_in_both_orders():
    for indexing in ("xy", "ij"):
        got = shaping.meshgrid(V, [1.0, 2.0], [0.5], indexing=indexing)
        for a, b in zip(got, np.meshgrid(V, [1.0, 2.0], [0.5], indexing=indexing)):
            np.testing.assert_array_equal(a.numpy(), b)
    same(shaping.meshgrid(V)[0], V)


def test_identity_is_another_tensor():
    x = ad.constant(V)
    y = shaping.identity(x)
    assert y is not x
    same(y, V)
    assert [type(t) for t in shaping.identity_n([x, 1.0])] == [type(x)] * 2
    with ad.GradientTape() as tape:
        tape.watch(y)
        z = x * y
    assert tape.gradient(z, [x, y])[0] is None


def test_pads_value_gets_a_gradient_as_well():
    assert [g.tolist() for g in gradient(lambda x, c: repeating.pad(x, [[1, 2]], constant_values=c), V, 5.0)] == [[1, 1, 1], 3.0]


def test_ensure_shape_passes_what_fits():
    same(shaping.ensure_shape(V, [None]), V)


def _jacobian_through(many):
    with ad.GradientTape() as tape:
        v = ad.ones((3,))
        tape.watch(v)
        y = ad.reshape(ad.exp(many(v) * ad.ones(ONES[2:] + (20, 1))), (-1,))
    return tape.jacobian(y, v)


ONES = (1,) * 32


@pytest.mark.parametrize("call, name, n", [
    (lambda x: ad.expand_dims(x, 0), "reshape", 33),
    (lambda x: ad.stack([x, x]), "reshape", 33),
    (lambda x: ad.broadcast_to(x, (2, *ONES)), "broadcast_to", 33),
    (lambda x: ad.fill((2, 2, *ONES), 1.0), "broadcast_to", 34),
    (lambda x: ad.meshgrid(*[[1.0]] * 33), "broadcast_to", 33),
    (lambda x: x[None], "index", 33),
    (lambda x: ad.linalg.diag(x), "unview", 33),
    (lambda x: ad.one_hot(ad.cast(x, "int32"), 3), "reshape", 33),
    (lambda x: ad.gather(ad.reshape(x, ONES[:17]), ad.zeros(ONES[:17], dtype="int32")), "gather", 33),
    (lambda x: ad.gather_nd(ad.reshape(x, ONES[:17]), ad.zeros(ONES[:18], dtype="int32")), "gather_nd", 33),
    (lambda x: ad.tensordot(ad.reshape(x, ONES[:20]), ad.reshape(x, ONES[:20]), 0), "reshape", 40),
    *([(lambda x: x + np.ones((1, *ONES)), "add", 33)] if np.lib.NumpyVersion(np.__version__) >= "2.0.0" else []),      # before, it has 32 at most
    (lambda x: ad.vectorized_map(lambda u: ad.expand_dims(u, 0), x[0])[..., None, None], "index", 33),
    (lambda x: np.stack([x, x]), "reshape", 33),
    (lambda x: _jacobian_through(lambda v: ad.reshape(v, ONES[1:] + (3,))), "jacobian: reshape", 33),
    (lambda x: _jacobian_through(lambda v: v[0] * v[1] * x), "jacobian: mul", 33),
])  # fmt: skip
def test_more_than_32_dimensions_are_refused_in_one_way(call, name, n):
    with pytest.raises(ValueError) as raised:
        call(ad.ones(ONES))
    assert str(raised.value) == f"{name}: got a shape of {n} dimensions, the most is 32" and isinstance(raised.value, ad.errors.InvalidArgumentError)


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda: shaping.reshape(V, [2, 2]), "reshape: a tensor of shape (3,) has 3 elements; (2, 2) does not"),
        (lambda: shaping.reshape(V[:1], [1] * 33), "reshape: got a shape of 33 dimensions, the most is 32"),
        (lambda: shaping.reshape(V, [-1, -1]), "reshape: got (-1, -1); only one size may be -1, which stands for whatever is left"),
        (lambda: shaping.reshape(V, [2, -1]), "reshape: a tensor of shape (3,) has 3 elements; (2, -1) does not"),
        (lambda: shaping.reshape(V, [-3]), "reshape: a tensor of shape (3,) has 3 elements; (-3,) does not"),
        (lambda: shaping.expand_dims(V, 3), "expand_dims: axis 3 is out of range for rank 2: expected -2 to 1"),
        (lambda: shaping.squeeze(X, 1), "squeeze: Can not squeeze dim[1], expected a dimension of 1, got 3"),
        (lambda: shaping.squeeze(3.0, 0), "squeeze: axis 0 is out of range: a scalar has no axes"),
        (lambda: shaping.transpose(X, [0, 1]), "transpose: perm (0, 1) does not name each of the 3 dimensions of (2, 3, 4) once"),
        (lambda: shaping.transpose(V, [1]), "transpose: perm (1,) does not name each of the 1 dimensions of (3,) once"),
        (lambda: shaping.broadcast_to(V, [2, 2]), "broadcast_to: Incompatible shapes: [3] vs. [2,2]: (3,) does not broadcast to (2, 2)"),
        (lambda: shaping.broadcast_to(X, [3]), "broadcast_to: Incompatible shapes: [2,3,4] vs. [3]: (2, 3, 4) does not broadcast to (3,)"),
        (lambda: shaping.reverse(X, [0, -3]), "reverse: axes (0, -3) name one axis twice"),
        (lambda: shaping.reverse(X, [3]), "reverse: axis 3 is out of range for rank 3: expected -3 to 2"),
        (lambda: shaping.roll(V, [1, 2], 0), "roll: 2 shifts for 1 axes"),
        (lambda: shaping.split(V, 2), "split: 3 elements along axis 0 do not make 2 equal parts: give the sizes in a list"),
        (lambda: shaping.split(V, [1, 1]), "split: parts of (1, 1) elements do not make up the 3 elements along axis 0"),
        (lambda: shaping.unstack(V, num=2), "unstack: there are 3 parts along axis 0, not 2"),
        (lambda: shaping.unstack(1.0), "unstack: axis 0 is out of range: a scalar has no axes"),
        (lambda: shaping.concat([X, V], 0), "concat: Dimensions must be equal but for axis 0: shape[0] = [2,3,4] vs. shape[1] = [3]"),
        (lambda: shaping.concat([1.0, 2.0], 0), "concat: axis 0 is out of range: a scalar has no axes"),
        (lambda: shaping.stack([V, [1.0]]), "stack: Shapes of all inputs must match: values[0].shape = [3] != values[1].shape = [1]"),
        (lambda: repeating.tile(X, [2]), "tile: Expected multiples argument to be a vector of length 3 but got length 1"),
        (lambda: repeating.tile(V, [-1]), "tile: multiples (-1,) has a negative size"),
        (lambda: repeating.repeat(V, [1, 2]), "repeat: 2 repeats for the 3 elements of axis 0"),
        (lambda: repeating.pad(X, [[1, 1]]), "pad: paddings must have one pair for each of the 3 dimensions of (2, 3, 4), got shape (1, 2)"),
        (lambda: repeating.pad(V, [[3, 0]], "REFLECT"), "pad: paddings [3, 0] of dimension 0 must be at most 2 in mode REFLECT"),
        (lambda: shaping.ensure_shape(V, [2]), "ensure_shape: Shape of tensor (3,) is not compatible with expected shape (2,)"),
        (lambda: shaping.broadcast_static_shape((2,), (3,)), "broadcast_static_shape: Incompatible shapes: [2] vs. [3]. Counted from the "
                                                             "last, sizes must be equal or 1; reshape one of them"),
        (lambda: shaping.slice(V, [0, 0], [1, 1]), "slice: begin (0, 0) and size (1, 1) need one entry for each of the 1 dimensions of (3,)"),
        (lambda: shaping.strided_slice(V, [0], [1, 2]), "strided_slice: begin (0,), end (1, 2) and strides (1,) differ in length"),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit_are_said(call, text):
    with pytest.raises(errors.ShapeError) as caught:
        call()
    assert str(caught.value) == text


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: shaping.concat([], 0), errors.InvalidArgumentError, "concat: there is nothing to join: `values` is empty"),
        (lambda: shaping.stack([]), errors.InvalidArgumentError, "stack: there is nothing to join: `values` is empty"),
        (lambda: shaping.slice(V, [1], [3]), IndexError, "slice: Expected begin[0] in [0, 3] and size[0] within what follows, got 1 and 3"),
        (lambda: shaping.reshape(V, [1.5, 2]), TypeError, "reshape: shape must be an integer, got 1.5"),
        (lambda: shaping.reshape(V, np.array([1.5])), TypeError, "reshape: shape must be integers, got array([1.5])"),
        (lambda: shaping.expand_dims(V, "x"), TypeError, "expand_dims: axis must be an integer, got 'x'"),
        (lambda: repeating.pad(V, [[1, 1]], "WRAP"), ValueError, "pad: Unknown padding mode: WRAP; expected CONSTANT, REFLECT or SYMMETRIC"),
        (lambda: shaping.meshgrid(V, V, indexing="ab"), ValueError, "meshgrid: indexing is 'xy' or 'ij', got 'ab'"),
    ],
)
def test_other_misuse_is_said(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text


@pytest.mark.parametrize("along, batch, lengths", [(1, None, [2, 3, 0, 1]), (0, 1, [4, 1, 2]), (-1, 0, [2, 1, 0, 2]), (2, -2, [1, 2, 0])])
def test_parts_of_sequences_are_reversed(along, batch, lengths):
    x = np.arange(24.0).reshape(4, 3, 2)
    expected = np.moveaxis(x.copy(), [batch or 0, along], [0, 1])
    for row, n in zip(expected, lengths):
        row[:n] = row[:n][::-1].copy()
    expected = np.moveaxis(expected, [0, 1], [batch or 0, along])

    def f(t):
        return shaping.reverse_sequence(t, lengths, along, batch)

    for dtype in ("float32", "float64", "int32"):
        same(f(x.astype(dtype)), expected.astype(dtype))
    check_gradients(lambda t: f(t) ** 2, x / 10)
    recorded = ad.function(lambda t, n: shaping.reverse_sequence(t, n, along, batch))
    for n in (lengths, lengths[::-1]):
        same(recorded(x, np.array(n)), shaping.reverse_sequence(x, n, along, batch).numpy())
    assert shaping.reverse_sequence(np.zeros((2, 0)), [0, 0], 1).shape == (2, 0) and shaping.reverse_sequence(np.zeros((0, 2)), np.zeros(0, int), 1).shape == (0, 2)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda x: shaping.reverse_sequence(x, [1, 4], 1), IndexError, "reverse_sequence: seq_lengths [1, 4] must be from 0 to 3, the size of dimension 1"),
        (lambda x: shaping.reverse_sequence(x, [-1, 1], 1), IndexError, "reverse_sequence: seq_lengths [-1, 1] must be from 0 to 3, the size of dimension 1"),
        (lambda x: shaping.reverse_sequence(x, [1], 1), ValueError,
         "reverse_sequence: seq_lengths must have shape (2,), one for each part along dimension 0, got (1,)"),
        (lambda x: shaping.reverse_sequence(x, [1, 1], 0), ValueError, "reverse_sequence: seq_axis and batch_axis are one, 0"),
        (lambda x: shaping.reverse_sequence(x, [1, 1]), ValueError, "reverse_sequence: seq_axis must be given: the axis along which elements are reversed"),
        (lambda x: shaping.reverse_sequence(x, [1.0, 1.0], 1), TypeError, "reverse_sequence: got float32, takes int32 or int64; cast it first"),
    ],
)  # fmt: skip
def test_sequences_that_are_none_are_said(call, error, text):
    with pytest.raises(error) as caught:
        call(np.ones((2, 3)))
    assert str(caught.value) == text
