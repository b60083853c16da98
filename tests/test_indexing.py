"""Gathering, scattering and ordering do what NumPy does, differentiably; misuse is said in full."""

import warnings

import numpy as np
import pytest

import autodiff as ad
from autodiff import errors, indexing
from differences import check_gradients, gradient

X = np.array([[[3.0, 1, 2], [0, 5, 4]], [[9, 7, 8], [6, 11, 10]]])
V = np.array([3.0, 1.0, 2.0])


def same(got, expected):
    expected = np.asarray(expected)
    assert got.shape == expected.shape and got.dtype == expected.dtype, (got, expected.dtype)
    np.testing.assert_array_equal(got.numpy(), expected)


def added(indices, updates, shape):
    y = np.zeros(shape)
    np.add.at(y, tuple(np.moveaxis(np.asarray(indices), -1, 0)), updates)
    return y


CASES = {
    "gather": (lambda x: indexing.gather(x, [1, 0, 1]), lambda x: x[[1, 0, 1]]),
    "gather one": (lambda x: indexing.gather(x, 1), lambda x: x[1]),
    "gather axis": (lambda x: indexing.gather(x, [[2, 0], [1, 1]], axis=2), lambda x: x[:, :, [[2, 0], [1, 1]]]),
    "gather last axis": (lambda x: indexing.gather(x, [2, 2], axis=-1), lambda x: x[..., [2, 2]]),
    "gather batch": (lambda x: indexing.gather(x, [[1], [0]], batch_dims=1), lambda x: np.stack([x[0, [1]], x[1, [0]]])),
    "gather batch axis": (lambda x: indexing.gather(x, [[2, 1], [0, 0]], axis=2, batch_dims=1), lambda x: np.stack([x[0][:, [2, 1]], x[1][:, [0, 0]]])),
    "gather batch from the end": (lambda x: indexing.gather(x, [[1], [0]], batch_dims=-1), lambda x: np.stack([x[0][:, [1]], x[1][:, [0]]])),
    "gather none": (lambda x: indexing.gather(x, []), lambda x: x[:0]),
    "gather_nd": (lambda x: indexing.gather_nd(x, [[0, 1], [1, 1]]), lambda x: x[[0, 1], [1, 1]]),
    "gather_nd elements": (lambda x: indexing.gather_nd(x, [[[0, 1, 2]], [[1, 1, 0]]]), lambda x: x[[[0], [1]], [[1], [1]], [[2], [0]]]),
    "gather_nd batch": (lambda x: indexing.gather_nd(x, [[[1]], [[0]]], batch_dims=1), lambda x: np.stack([x[0, [1]], x[1, [0]]])),
    "boolean_mask": (lambda x: indexing.boolean_mask(x, X > 3), lambda x: x[X > 3]),
    "boolean_mask rows": (lambda x: indexing.boolean_mask(x, [True, False]), lambda x: x[[True, False]]),
    "boolean_mask axis": (lambda x: indexing.boolean_mask(x, [False, True], axis=1), lambda x: x[:, [False, True]]),
    "where": (lambda x: indexing.where(X > 3, x, x * 2), lambda x: np.where(X > 3, x, x * 2)),
    "where number": (lambda x: indexing.where([True, False, True], x, 7), lambda x: np.where([True, False, True], x, np.array(7, x.dtype))),
    "sort": (lambda x: indexing.sort(x), lambda x: np.sort(x)),
    "sort axis": (lambda x: indexing.sort(x, axis=0, direction="DESCENDING"), lambda x: -np.sort(-x, axis=0)),
    "sort middle": (lambda x: indexing.sort(x, axis=1), lambda x: np.sort(x, axis=1)),
    "top_k": (lambda x: indexing.top_k(x, 2).values, lambda x: -np.sort(-x)[..., :2]),
    "update": (lambda x: indexing.tensor_scatter_nd_update(x, [[1, 0]], x[0, :1]), lambda x: np.stack([x[0], [x[0, 0], x[1, 1]]])),
    "add": (lambda x: indexing.tensor_scatter_nd_add(x, [[0], [0]], x), lambda x: x + added([[0], [0]], x, x.shape).astype(x.dtype)),
    "sub": (lambda x: indexing.tensor_scatter_nd_sub(x, [[0], [0]], x), lambda x: x - added([[0], [0]], x, x.shape).astype(x.dtype)),
    "max": (lambda x: indexing.tensor_scatter_nd_max(x, [[0], [0]], x), lambda x: np.stack([x.max(0), x[1]])),
    "min": (lambda x: indexing.tensor_scatter_nd_min(x, [[1], [0]], x), lambda x: np.stack([x.min(0), x.min(0)])),
    "scatter_nd": (lambda x: indexing.scatter_nd([[3], [1]], x, [4, 2, 3]), lambda x: added([[3], [1]], x, (4, 2, 3)).astype(x.dtype)),
    "stitch": (lambda x: indexing.dynamic_stitch([[2, 0], [1]], [x[:, 0], x[:1, 1]]), lambda x: np.stack([x[1, 0], x[0, 1], x[0, 0]])),
    "partition": (lambda x: indexing.dynamic_partition(x, [1, 0], 2)[1], lambda x: x[:1]),
    "unique": (lambda x: indexing.unique(x[0, 0]).y, lambda x: x[0, 0]),
}  # fmt: skip
ALL = pytest.mark.parametrize("front, numpy", CASES.values(), ids=CASES)


@ALL
def test_it_does_what_numpy_does(front, numpy):
    for dtype in ("float32", "float64", "int32", "int64"):
        same(front(ad.constant(X.astype(dtype))), numpy(X.astype(dtype)))


@ALL
def test_its_gradients_are_those_of_differences(front, numpy):
    check_gradients(lambda x: front(x) * front(x), X)


def test_where_alone_lists_the_places():
    same(indexing.where([[True, False], [True, True]]), np.array([[0, 0], [1, 0], [1, 1]]))
    same(indexing.where([0.0, 2.0]), np.array([[1]]))
    same(indexing.where(True), np.zeros((1, 0), "i8"))


def test_where_gives_the_other_branch_no_gradient():
    assert gradient(lambda x: indexing.where(x > 0, x ** 0.5, 0.0), -1.0) == [0.0]
    a, b = gradient(lambda x, y: indexing.where(np.array([True, False]), x, y), 1.0, [2.0, 3.0])
    assert a == 1.0 and b.tolist() == [0, 1]


def test_argsort_is_stable_and_puts_nan_last():
    same(indexing.argsort([2.0, np.nan, 1.0, 2.0]), np.int32([2, 0, 3, 1]))
    same(indexing.argsort([2.0, 1.0, 2.0], direction="DESCENDING"), np.int32([0, 2, 1]))
    same(indexing.argsort(X, axis=1), np.argsort(X, axis=1).astype("i4"))


def test_order_is_found_anew_in_every_replay():
    def median_and_tail(x):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = ad.reduce_sum(ad.sort(x, axis=0)[1] ** 2) + ad.reduce_sum(ad.math.top_k(x, 2).values) ** 2
        return y, tape.gradient(y, x), ad.argsort(x, direction="DESCENDING"), ad.math.top_k(x, 2, index_type="int64").indices

    traced = ad.function(median_and_tail)
    for seed in range(4):
        x = ad.constant(np.random.default_rng(seed).normal(size=(3, 4)))
        for ours, theirs in zip(traced(x), median_and_tail(x)):
            same(ours, theirs.numpy())
    assert traced.experimental_get_tracing_count() == 1
    rows = np.random.default_rng(0).normal(size=(5, 4))
    same(ad.vectorized_map(lambda v: ad.sort(v) * [1.0, 2.0, 3.0, 4.0], rows), np.sort(rows) * [1.0, 2.0, 3.0, 4.0])
    same(indexing.sort([True, False, True]), np.array([False, True, True]))


def test_top_k_gives_the_first_of_equal_ones():
    values, indices = indexing.top_k([1.0, 5.0, 5.0, 0.0], 3)
    same(values, np.float32([5, 5, 1]))
    same(indices, np.int32([1, 2, 0]))
    same(indexing.top_k([[1, 2], [4, 3]]).indices, np.int32([[1], [0]]))


def test_of_two_updates_at_one_place_the_later_stays():
    same(indexing.tensor_scatter_nd_update([0.0, 0.0], [[1], [1]], [2.0, 3.0]), np.float32([0, 3]))
    x, updates = gradient(lambda x, u: indexing.tensor_scatter_nd_update(x, [[1], [0]], u), [1.0, 2.0, 3.0], [5.0, 6.0])
    assert x.tolist() == [0, 0, 1] and updates.tolist() == [1, 1]


def test_scattered_updates_add_up():
    same(indexing.scatter_nd([[0], [0], [2]], [1.0, 2.0, 3.0], [3]), np.float32([3, 0, 3]))


def test_searchsorted_and_unique():
    same(indexing.searchsorted([1.0, 3.0, 5.0], [3.0, 0.0]), np.int32([1, 0]))
    same(indexing.searchsorted([[1, 3], [5, 7]], [[3], [6]], side="right"), np.int32([[2], [1]]))
    y, idx = indexing.unique([4, 2, 4, 1])
    same(y, np.int32([4, 2, 1]))
    same(idx, np.int32([0, 1, 0, 2]))
    assert [t.numpy().tolist() for t in indexing.unique_with_counts([4, 2, 4, 1], "int64")] == [[4, 2, 1], [0, 1, 0, 2], [2, 1, 1]]
    assert [t.shape for t in indexing.unique_with_counts(np.zeros(0))] == [(0,)] * 3


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 2)], ids=str)
@pytest.mark.parametrize("many", [0, 1 << 22], ids=["sorted", "counted"])
def test_places_are_found_anew_in_every_replay(side, shape, many, monkeypatch):
    monkeypatch.setattr(indexing, "MANY", many)
    rng = np.random.default_rng(1)
    f = ad.function(lambda rows, x: indexing.searchsorted(rows, x, side=side))
    for n, m in ((0, 3), (5, 0), (7, 9), (50, 100), (300, 400)):
        for dtype in ("int64", "float64"):
            rows, x = np.sort(rng.integers(-5, 6, (*shape, n)).astype(dtype), -1), rng.integers(-7, 8, (*shape, m)).astype(dtype)
            if dtype == "float64" and m > 1:
                x[..., :2] = -0.0, np.nan
                rows[..., -1:] = np.nan
            for each in (x, x[..., ::-1].copy()):
                same(f(rows, each), indexing.searchsorted(rows, each, side=side).numpy())
    assert f(np.arange(3), np.array([0.5, 1.0])).dtype == "int32"


def test_what_a_mask_picks_and_where_updates_go_are_found_anew_in_every_replay():
    def picked(x):
        return indexing.boolean_mask(x * x, x > 0), indexing.boolean_mask(ad.reshape(x, (2, 3)), ad.reshape(x, (2, 3))[:, 0] > 0)

    def parted(x):
        return indexing.dynamic_partition(x, ad.cast(x > 0, "int32"), 2)

    def placed(x):
        at = ad.reshape(ad.argmax(x), (1, 1))
        one = [7.0]
        return (indexing.scatter_nd(at, one, (6,)), indexing.tensor_scatter_nd_update(x, at, one), indexing.tensor_scatter_nd_add(x, at, one),
                indexing.tensor_scatter_nd_sub(x, at, one))  # fmt: skip

    def stitched(x):
        parts = indexing.dynamic_partition(ad.range(6), ad.cast(x > 0, "int32"), 2)
        return [indexing.dynamic_stitch(parts, [-indexing.gather(x, parts[0]), indexing.gather(x, parts[1])]), indexing.dynamic_stitch([ad.argsort(x)], [x])]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for f in (picked, parted, placed, stitched):
            recorded = ad.function(f)
            for seed in range(6):
                x = np.random.default_rng(seed).normal(size=6)
                for got, want in zip(recorded(x), f(ad.constant(x))):
                    np.testing.assert_array_equal(got.numpy(), want.numpy())
        check_gradients(lambda x: picked(x)[0], np.array([0.3, -1.2, 2.0, 0.7, -0.1, 1.0]))
    with pytest.raises(IndexError, match=r"scatter_nd"):
        ad.function(lambda i: indexing.scatter_nd(i, [1.0], (3,)))(np.array([[3]]))


def test_flat_indices_are_those_of_every_dimension():
    same(indexing.unravel_index(np.arange(24), [2, 3, 4]), np.array(np.unravel_index(np.arange(24), (2, 3, 4))))
    same(indexing.unravel_index([[22, 41]], [7, 6]), np.int32([[[3, 6]], [[4, 5]]]))
    same(indexing.unravel_index(3, [2, 2]), np.int32([1, 1]))
    assert indexing.unravel_index(np.zeros((0, 2), int), [2, 2]).shape == (2, 0, 2)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: indexing.gather(V, 3), IndexError, "gather: indices = 3 is not in [0, 3), the size of dimension 0"),
        (lambda: indexing.gather(V, [[0], [-1]]), IndexError, "gather: indices[1,0] = -1 is not in [0, 3), the size of dimension 0"),
        (lambda: indexing.gather(V, [0.0]), TypeError, "gather: got float32, takes int32 or int64; cast it first"),
        (lambda: indexing.gather(V, [0], axis=1), ValueError, "gather: axis 1 is out of range for rank 1: expected -1 to 0"),
        (lambda: indexing.gather(1.0, 0), ValueError, "gather: axis 0 is out of range: a scalar has no axes"),
        (lambda: indexing.gather(X, [[0]], batch_dims=1), ValueError,
         "gather: the first 1 sizes of params (2, 2, 3) and of indices (1, 1) must be equal"),
        (lambda: indexing.gather(X, [[0], [0]], axis=0, batch_dims=1), ValueError, "gather: batch_dims (1) must be less than or equal to axis (0)"),
        (lambda: indexing.gather(V, [0], batch_dims=2), ValueError, "gather: batch_dims 2 must be at most 1, the rank of params and of indices"),
        (lambda: indexing.gather_nd(V, [[0, 1]]), ValueError, "gather_nd: indices of 2 numbers for params of shape (3,), which has 1 dimensions to index"),
        (lambda: indexing.gather_nd(X, [[0, 2]]), IndexError, "gather_nd: indices[0] = [0, 2] does not index into [2, 2]"),
        (lambda: indexing.gather_nd(V, 1), ValueError,
         "gather_nd: Shape () must have rank at least 1; the last dimension of indices holds a place in params"),
        (lambda: indexing.boolean_mask(V, [True]), ValueError,
         "boolean_mask: Shapes (3,) and (1,) are incompatible: mask must be like dimensions 0 to 0 of a tensor of shape (3,)"),
        (lambda: indexing.boolean_mask(V, [1, 0, 1]), TypeError, "boolean_mask: got int32, takes bool: compare it first (x != 0)"),
        (lambda: indexing.boolean_mask(V, True), ValueError, "boolean_mask: mask cannot be a scalar"),
        (lambda: indexing.where([1.0], V, V), TypeError, "where: got float32, takes bool: compare it first (x != 0)"),
        (lambda: indexing.where([True], V), ValueError, "where: x and y must both be given, or neither"),
        (lambda: indexing.scatter_nd([[0], [3]], V[:2], [3]), IndexError, "scatter_nd: indices[1] = [3] does not index into [3]"),
        (lambda: indexing.scatter_nd([[0], [1]], V, [3]), ValueError,
         "scatter_nd: updates must have shape (2,) for indices of shape (2, 1) into (3,), got (3,)"),
        (lambda: indexing.tensor_scatter_nd_update(V, [[0, 0]], [1.0]), ValueError,
         "tensor_scatter_nd_update: indices of shape (1, 2) do not index a tensor of shape (3,)"),
        (lambda: indexing.top_k(V, -1), ValueError, "top_k: k must not be negative, got -1"),
        (lambda: ad.constant(V)[2**70], IndexError, "index: 1180591620717411303424 is out of bounds of any tensor"),
        (lambda: indexing.top_k(V, 4), ValueError, "top_k: input must have at least k=4 elements along its last dimension, which has 3"),
        (lambda: indexing.sort(V, direction="UP"), ValueError, "sort: direction is 'ASCENDING' or 'DESCENDING', got 'UP'"),
        (lambda: indexing.unique(X), ValueError, "unique: expects a vector, got shape (2, 2, 3)"),
        (lambda: indexing.dynamic_stitch([[0, -1]], [V[:2]]), IndexError, "dynamic_stitch: indices[1] = [-1] does not index into [1]"),
        (lambda: indexing.unique_with_counts(X), ValueError, "unique_with_counts: expects a vector, got shape (2, 2, 3)"),
        (lambda: indexing.unravel_index([0, 4], [2, 2]), IndexError, "unravel_index: indices[1] = 4 is not in [0, 4), the number of elements"),
        (lambda: indexing.unravel_index(1.0, [2, 2]), TypeError, "unravel_index: got float32, takes int32 or int64; cast it first"),
        (lambda: indexing.dynamic_partition(V, [0, 1, 2], 2), IndexError, "dynamic_partition: indices[2] = 2 is not in [0, 2), the size of dimension 0"),
    ],
)  # fmt: skip
def test_misuse_is_said(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text
    assert isinstance(caught.value, (errors.OpError, ValueError))


@pytest.mark.parametrize("key", [slice(-(2**70), 2**70), slice(2**70, None, -1), slice(None, 2**80, 2**70), slice(2**70, None), slice(None, None, -(2**70))], ids=str)
def test_bounds_of_slices_of_any_size(key):
    np.testing.assert_array_equal(ad.constant(V)[key].numpy(), V[key])
    check_gradients(lambda x: x[key] ** 2, V)


KEYS = {
    "i": lambda x, i: x[i], "column": lambda x, i: x[:, i], "last": lambda x, i: x[..., i], "cut": lambda x, i: x[i, 1:], "behind a slice": lambda x, i: x[::-1, i, None, 1],
    "twice": lambda x, i: x[i, ..., i], "after None": lambda x, i: x[None, i, :, None], "everywhere": lambda x, i: x[i, i, i], "inside": lambda x, i: x[-1, ..., i, 1:3],
}  # fmt: skip


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_a_number_that_is_computed_is_an_index_of_every_replay(key, dtype):
    held = ad.Variable(0, dtype=dtype)

    def f(x, i):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = key(x, i) * key(x, held)
        return y, tape.gradient(y, x)

    recorded, rng = ad.function(f), np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for i in (0, 1, 2, -1, -3):
            x, place = ad.constant(rng.normal(size=(3, 4, 5))), ad.constant(i, dtype)
            held.assign(-1 - i)
            for got, want in zip(recorded(x, place), f(x, place)):
                same(got, want.numpy())
            same(recorded(x, place)[0], (key(x, i) * key(x, -1 - i)).numpy())
    assert recorded.experimental_get_tracing_count() == 1
    for out in (5, -6):
        with pytest.raises(IndexError, match="index"):
            recorded(x, ad.constant(out, dtype))


def test_rows_that_name_their_own_element_are_computed_at_once():
    rows, places = ad.constant(np.arange(12.0).reshape(4, 3)), ad.constant([0, 2, 1, -1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same(ad.vectorized_map(lambda row: row[0][row[1]], (rows, places)), np.array([0.0, 5.0, 7.0, 11.0]))


@pytest.mark.parametrize("key", [lambda x, i, j: x[i:j], lambda x, i, j: x[i:j, i, ::-1], lambda x, i, j: x[None, i:j, ..., 1:], lambda x, i, j: x[i:j][:1]])
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_a_batch_between_two_computed_numbers_is_one_of_every_replay(key, dtype):
    def f(x, i):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = key(x, i, i + 2) ** 3
        return y, tape.gradient(y, x)

    recorded, rng = ad.function(f), np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for i in (0, 1, 4, 3, 2):
            x, place = ad.constant(rng.normal(size=(6, 5, 3))), ad.constant(i, dtype)
            for got, want in zip(recorded(x, place), f(x, place)):
                same(got, want.numpy())
            same(recorded(x, place)[0], (key(x, i, i + 2) ** 3).numpy())
        assert recorded.experimental_get_tracing_count() == 1
        x = ad.constant(rng.normal(size=(3, 5, 3)))
        for i in (0, 2, 1, 3, -1, -3, 2):                       # some of it, or none, where it reaches beyond an end
            same(recorded(x, ad.constant(i, dtype))[0], (key(x, i, i + 2) ** 3).numpy())
