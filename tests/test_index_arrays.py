"""Indexing by arrays of integers and by masks beside other indices: what NumPy gives, with gradients."""

import warnings

import numpy as np
import pytest

import autodiff as ad

ROWS, COLS, MASK = np.array([[0], [-1]]), np.array([2, 0, 2]), np.array([True, False, True])
KEYS = [
    (ROWS, COLS), ([0, 1], [1, 1]), (slice(None), COLS), (Ellipsis, COLS), COLS - 1, [0, -2], [], (COLS - 1, None, 0), (0, slice(None), COLS),
    (slice(1), 1, [0, 3]), (None, [1], slice(None), [1]), ([0], Ellipsis, [1]), (slice(None), [0], Ellipsis, [1]), (slice(None, None, -1), MASK),
    ([1, 0], MASK, [3, 3]), (slice(None), slice(None), [True, False, False, True]), (1, np.ones((3, 4), bool)), (np.int64(1), COLS),
    (slice(None), [[0, 1], [2, 0]], 1), np.tril_indices(2), np.ix_([1, 0], [2, 0]), (slice(None), range(2)), range(1, -1, -1), ((0, 1), (1, 2)), (ROWS.astype("i4"), COLS.astype("i1")),
]  # fmt: skip
X = np.random.default_rng(1).normal(size=(2, 3, 4))


def keys(n, seed=0):
    """n random keys for X-like arrays, and the arrays."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        shape = tuple(rng.integers(1, 5, size=rng.integers(1, 5)))
        together, key, axis = [(), (2,), (3,), (2, 3)][rng.integers(4)], [], 0
        while axis < len(shape) and rng.random() < 0.9:
            kind, size = rng.integers(6), shape[axis]
            axis += kind != 0
            if kind == 0:
                key.append(None)
            elif kind == 1:
                key.append(slice(None, None, [1, -1, 2][rng.integers(3)]))
            elif kind == 2:
                key.append(int(rng.integers(-size, size)))
            elif kind == 3 and together[-1:] != (3,):
                key.append(rng.permutation(size) < min(size, (*together, 1)[-1] if together else 1))
            else:
                key.append(rng.integers(-size, size, size=together))
        if any(np.ndim(item) for item in key):
            yield rng.normal(size=shape), tuple(key)


def same(x, key):
    try:
        wanted = x[key]
    except IndexError:
        with pytest.raises(IndexError):
            ad.constant(x)[key]
        return
    got = ad.constant(x)[key]
    assert np.array_equal(got.numpy(), wanted) and tuple(got.shape) == wanted.shape
    weights, shares = np.arange(1.0, wanted.size + 1).reshape(wanted.shape), np.zeros(x.shape)
    np.add.at(shares, key, weights)             # what is read twice counts twice
    variable = ad.Variable(x)
    with ad.GradientTape() as tape:
        y = ad.reduce_sum(variable[key] * weights)
    np.testing.assert_allclose(tape.gradient(y, variable).numpy(), shares, rtol=1e-14)


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_as_numpy_reads(key):
    same(X, key if not isinstance(key, list) or key else np.array([], int))
    assert np.array_equal(ad.constant(X)[key].numpy(), X[key])
    recorded = ad.function(lambda x: x[key] * 2.0)
    for _ in range(3):
        assert np.array_equal(recorded(X).numpy(), X[key] * 2.0)


def test_as_numpy_reads_random_keys():
    for x, key in keys(600):
        same(x, key)


def test_tensors_index_and_a_replay_reads_where_they_point_now():
    @ad.function
    def pick(x, rows, cols):
        return x[rows, :, cols], x[:, cols], x[1, rows, cols], x[rows[0], cols]

    rng, records = np.random.default_rng(2), []
    for _ in range(4):
        rows, cols = rng.integers(-2, 2, size=5), rng.integers(-3, 3, size=5)
        wanted = X[rows, :, cols], X[:, cols], X[1, rows, cols], X[rows[0], cols]
        for got, each in zip(pick(ad.constant(X), ad.constant(rows), ad.constant(cols)), wanted):
            assert np.array_equal(got.numpy(), each)
        records.append(pick.experimental_get_tracing_count())
    assert records == [1] * 4
    with pytest.raises(IndexError):
        pick(ad.constant(X), ad.constant(rows), ad.constant(cols + 7))
    assert np.array_equal(pick(ad.constant(X), ad.constant(rows), ad.constant(cols))[1].numpy(), X[:, cols])


def test_the_lower_triangle_of_a_hessian():
    """What Ipopt asks for."""
    hessian = ad.function(ad.hessian(lambda x: ad.reduce_sum(x**3) * x[0]))
    x = np.array([1.0, 2.0, 3.0])
    full = hessian(x)
    assert np.array_equal(full[np.tril_indices(3)].numpy(), full.numpy()[np.tril_indices(3)])


def test_second_derivatives_and_forward_mode():
    def f(x):
        return ad.reduce_sum(x[[0, 1, 1], [2, 0, 0]] ** 3)

    x = X[:, :, 0]
    hessian = ad.hessian(f)(x).numpy()
    wanted = np.zeros((6, 6))
    wanted[2, 2], wanted[3, 3] = 6 * x[0, 2], 12 * x[1, 0]
    np.testing.assert_allclose(hessian.reshape(6, 6), wanted, rtol=1e-14)
    with ad.autodiff.ForwardAccumulator(ad.constant(x), ad.ones_like(x)) as forward:
        y = f(ad.constant(x))
    assert forward.jvp(y) is None
    watched = ad.constant(x)
    with ad.autodiff.ForwardAccumulator(watched, ad.ones_like(x)) as forward:
        y = f(watched)
    np.testing.assert_allclose(float(forward.jvp(y)), 3 * x[0, 2] ** 2 + 6 * x[1, 0] ** 2, rtol=1e-14)


def test_rows_of_a_variable_are_assigned():
    v, expected = ad.Variable(X), X.copy()
    v[[0, 1], COLS[:2]].assign(np.full((2, 4), 7.0))
    expected[[0, 1], COLS[:2]] = 7.0
    assert np.array_equal(v.numpy(), expected)
    v[:, ad.constant([0, 2])].assign(0.0)
    expected[:, [0, 2]] = 0.0
    assert np.array_equal(v.numpy(), expected)
    v[:, 3:, []].assign(1.0)                    # no element
    v[X > 0].assign(ad.constant(-1.0, ad.float64))
    expected[X > 0] = -1.0
    assert np.array_equal(v.numpy(), expected)
    with pytest.raises(ValueError, match=r"its shape \(2, 4\) and the assigned value shape \(3,\) are incompatible"):
        v[[0, 1], [0, 1]].assign([1.0, 2.0, 3.0])


@pytest.mark.parametrize("shape, keys, value", [
    ((5,), [1, 4, -2, 1], 7.0), ((5,), [[0, 1], [3, 4], [2, -5]], [6.0, 8.0]), ((4, 3), [0, 2, -1], [1.0, 2.0, 3.0]),
    ((4, 3), [[0, 2], [3, 1]], [[5.0], [6.0]]), ((3,), [[True, False, True], [True, True, False]], [3.0, 4.0]),
], ids=str)  # fmt: skip
def test_a_replay_assigns_where_an_index_points_now(shape, keys, value):
    v, expected = ad.Variable(np.zeros(shape)), np.zeros(shape)

    @ad.function
    def put(key, number):
        v[key].assign(number)
        v[key, ...].assign(v[key] + number)
        return v[key]

    number = ad.constant(value, ad.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("error")          # that the function runs as written
        for k, key in enumerate(keys):
            got = put(ad.constant(key), number + k)
            expected[key] = np.asarray(value) + k
            expected[key] += np.asarray(value) + k
            assert np.array_equal(v.numpy(), expected) and np.array_equal(got.numpy(), expected[key])
    assert put.experimental_get_tracing_count() == 1


def test_each_row_by_its_own_indices():
    indices = np.array([[0, 1], [1, 2], [2, 0]])
    x = np.arange(12.0).reshape(3, 4)
    got = ad.vectorized_map(lambda row: ad.reduce_sum(row[0][row[1]]), (ad.constant(x), ad.constant(indices)))
    assert got.numpy().tolist() == [1.0, 11.0, 18.0]


@pytest.mark.parametrize("key, error, said", [
    ([0, 2], IndexError, "index: slice index 2 of dimension 0 out of bounds: its size is 2"),
    ((0, [0, -4]), IndexError, "index: slice index -4 of dimension 1 out of bounds: its size is 3"),
    (([0, 1], [0, 1, 2]), IndexError, r"index: arrays of shapes \(2,\), \(3,\) do not broadcast with each other"),
    (([0], [0], [0], [0]), IndexError, "index: 4 indices for a tensor of shape"),
    ([0.5], TypeError, "Only integers, slices"),
    (["a"], TypeError, "unsupported type"),
    ((slice(None), [True, False]), ValueError, r"index: a mask of shape \(2,\) for axes 1 to 1 of a tensor of shape \(2, 3, 4\): expected \(3,\)"),
    ((Ellipsis, [0], Ellipsis), ValueError, "Multiple ellipses"),
], ids=str)  # fmt: skip
def test_a_bad_array_is_refused(key, error, said):
    with pytest.raises(error, match=said):
        ad.constant(X)[key]
