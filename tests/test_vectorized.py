"""vectorized_map: the results of a call on each row, from arrays that hold all rows."""

import warnings

import numpy as np
import pytest

import autodiff as ad
from autodiff import ops, vectorized

RNG = np.random.default_rng(0)
X, M = RNG.uniform(0.2, 2.0, (7, 4)), RNG.normal(size=(7, 3, 4))
W, V = ad.Variable(RNG.normal(size=(3, 4))), ad.constant(RNG.normal(size=4))

ON_VECTORS = {
    "scalars": lambda x: x[0] * ad.sin(x[1]) - x[2] ** x[3] / x[0],
    "elementwise": lambda x: ad.math.softplus(x * V) + 1.0,
    "numbers and vectors": lambda x: x[0] * x + ad.reduce_sum(x) * V,
    "slices": lambda x: ad.reduce_sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2),
    "backwards": lambda x: x[::-2] * 2.0,
    "another axis": lambda x: x[:, None] * x[None, :] + V,
    "reductions": lambda x: ad.stack([ad.reduce_max(x), ad.reduce_mean(x), ad.math.reduce_std(x), ad.norm(x), ad.reduce_logsumexp(x)]),
    "one matrix": lambda x: ad.linalg.matvec(W, x),
    "one matrix, from the left": lambda x: ad.linalg.matvec(W, x[:3], transpose_a=True),
    "one vector": lambda x: ad.linalg.matvec(ad.reshape(x, (2, 2)), V[:2]) + ad.tensordot(x, V, 1),
    "scans": lambda x: ad.cumsum(x) + ad.math.cumprod(x, reverse=True),
    "softmax": lambda x: ad.nn.softmax(x) * ad.nn.log_softmax(x),
    "concat": lambda x: ad.concat([x, V, x[:1]], 0),
    "integers": lambda x: ad.cast(ad.cast(x * 10, "int32") * 3, "float64") * x,
    "masks": lambda x: ad.where(x > 1.0, x, V),
    "argmax": lambda x: ad.argmax(x) + 1,
    "gather": lambda x: ad.gather(x, [0, 2, 2]),
    "gradient": ad.grad(lambda x: ad.reduce_sum(ad.exp(x[1:]) * x[:-1])),
    "second gradient": ad.grad(lambda x: ad.reduce_sum(ad.grad(lambda y: ad.reduce_sum(y**3 * V))(x) ** 2)),
    "structure": lambda x: {"sum": ad.reduce_sum(x), "both": (x, 2.0, V)},
    "nothing of it": lambda x: V * 2.0,
}  # fmt: skip
ON_MATRICES = {
    "matmul": lambda a: ad.matmul(a, W, transpose_b=True),
    "matmul of both": lambda a: ad.matmul(a, a, transpose_a=True),
    "transpose": lambda a: ad.transpose(a) + a[0, 0],
    "columns": lambda a: ad.reduce_sum(a, 0) * ad.reduce_max(a, 1, keepdims=True),
    "one vector": lambda a: ad.linalg.matvec(a, V),
    "inverse": lambda a: ad.linalg.inv(ad.matmul(a, a, transpose_b=True)),
    "determinant": lambda a: ad.linalg.logdet(ad.matmul(a, a, transpose_b=True)) * ad.linalg.det(a[:, :3]),
    "equations": lambda a: ad.linalg.solve(a[:, 1:], W),
    "equations with one matrix": lambda a: ad.linalg.solve(W[:, 1:], a, adjoint=True),
    "batches of equations": lambda a: ad.linalg.solve(a[:, 1:], ad.stack([W, a])) + ad.linalg.solve(ad.stack([W[:, 1:], a[:, :3]]), W),
    "cholesky": lambda a: ad.linalg.cholesky(ad.matmul(a, a, transpose_b=True)),
    "eigenvalues": lambda a: ad.linalg.eigvalsh(ad.matmul(a, a, transpose_b=True)),
    "singular values": lambda a: ad.linalg.svd(a, compute_uv=False),
    "pseudo-inverse": lambda a: ad.linalg.pinv(a),
    "quadratic": ad.grad(lambda a: ad.reduce_sum(ad.matmul(a, W, transpose_b=True) ** 2)),
}  # fmt: skip
CASES = [pytest.param(f, x, id=name) for cases, x in ((ON_VECTORS, X), (ON_MATRICES, M)) for name, f in cases.items()]


def by_row(f, x):
    return ad.map_fn(lambda row: ad.nest.map_structure(ad.convert_to_tensor, f(row)), x)


def close(a, b):
    for y, z in zip(ad.nest.flatten(a), ad.nest.flatten(b), strict=True):
        assert y.dtype == z.dtype and y.shape == z.shape
        np.testing.assert_allclose(y.numpy(), z.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("f, x", CASES)
def test_all_rows_at_once_are_the_rows_one_by_one(f, x):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        close(ad.vectorized_map(f, x), by_row(f, x))
        traced = ad.function(lambda x: ad.vectorized_map(f, x))
        for _ in range(3):
            close(traced(ad.constant(x)), by_row(f, x))
            x = x + 0.125
        assert traced.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("f, x", CASES)
def test_tapes_follow(f, x):
    def gradients(map_):
        x_ = ad.constant(x)
        with ad.GradientTape() as tape:
            tape.watch([x_, V])
            y = [t for t in ad.nest.flatten(map_(f, x_)) if t.dtype.is_floating]
            loss = ad.add_n([ad.reduce_sum(t * ad.sin(t)) for t in y]) if y else ad.reduce_sum(x_)
        return tape.gradient(loss, [x_, V, W], unconnected_gradients="zero")

    for one, other in zip(gradients(ad.vectorized_map), gradients(by_row)):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("row", [name for name, row in ops.ROWS.items() if row.matrices])
def test_rows_of_matrices_are_one_instruction(row):
    rule = ops.ROWS[row]
    others = [1e-9] if row == "pinv" else [W[:, 1:]] * (rule.arity - 1)
    f = ad.function(lambda a: ad.vectorized_map(lambda a: rule(a, *map(ad.constant, others), **dict.fromkeys(rule.attrs, 0)), a))
    square = ad.matmul(M, M, transpose_b=True)
    assert str(f.program(square)).count(f"= {row}(") == 1


def test_structures_of_elems():
    f = lambda p: p["a"] * ad.reduce_sum(p["b"])  # noqa: E731
    y = ad.vectorized_map(f, {"a": X[:, 0], "b": M})
    np.testing.assert_allclose(y.numpy(), X[:, 0] * M.sum((1, 2)))


@pytest.mark.parametrize("stops", [False, True], ids=["at once", "row by row"])
def test_a_gradient_that_no_row_has_is_none(stops):
    def f(x):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = ad.stop_gradient(x) if stops else ad.constant(1.0)
        return ad.reduce_sum(x), tape.gradient(y, x)

    total, slope = ad.vectorized_map(f, X, warn=False)
    np.testing.assert_allclose(total.numpy(), X.sum(1))
    assert slope is None


PAIR = ad.Variable([2.0, -1.0], dtype="float64")


def tape_inside(x):
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = ad.reduce_sum(ad.stop_gradient(x * x) * x * PAIR)
    return tape.gradient(y, x) * ad.stop_gradient(PAIR) + PAIR * PAIR


@pytest.mark.parametrize("f", [lambda x: ad.stop_gradient(x) * x, lambda x: ad.stop_gradient(PAIR) * x * PAIR, tape_inside, lambda x: ad.norm(x, 3) * PAIR,
                               lambda x: ad.stop_gradient(x[0]) * x[0] * ad.stop_gradient(x), ad.grad(lambda x: ad.reduce_sum(ad.stop_gradient(PAIR * x) * x * PAIR)),
                               lambda x: PAIR.value() * x * PAIR.read_value()])  # fmt: skip
def test_a_gradient_is_stopped_for_all_rows_at_once(f):
    def found(over):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = over(f, x)
        return [y, *tape.gradient(y, [x, PAIR], unconnected_gradients="zero")]

    x = ad.constant(X[:, :2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        close(found(ad.vectorized_map), found(ad.map_fn))
        recorded = ad.function(lambda x: ad.vectorized_map(f, x))
        recorded(x)
        close(found(lambda f, x: recorded(x)), found(ad.map_fn))


def test_what_cannot_be_done_at_once_is_done_row_by_row():
    branch = lambda x: x * 2 if x > 1 else -x  # noqa: E731
    custom = ad.custom_gradient(lambda x: (x * x, lambda g: 7.0 * g))
    for f in (branch, lambda x: custom(x) * x, custom):
        x = ad.constant(X[:, 0])
        with pytest.warns(UserWarning, match="^vectorized_map: .* branches on a value, assigns a variable, or customises a gradient, so it "
                                             "is called on each part$"):  # fmt: skip
            with ad.GradientTape() as tape:
                tape.watch(x)
                y = ad.vectorized_map(f, x)
        with ad.GradientTape() as other:
            other.watch(x)
            z = ad.map_fn(f, x)
        close([y, tape.gradient(y, x)], [z, other.gradient(z, x)])
        with pytest.raises(ValueError, match="so it has to be called on each part$"):
            ad.vectorized_map(f, x, fallback_to_while_loop=False)
    with pytest.raises(ValueError, match="^vectorized_map: <lambda> takes the value of a tensor to Python"):
        ad.vectorized_map(lambda x: x.numpy().sum(), X, fallback_to_while_loop=False)


@pytest.mark.parametrize("elems, text", [
    (3.0, "vectorized_map: elements in elems must be 1+ dimensional Tensors, not scalars"),
    ([], "vectorized_map: elems has no tensors"),
    ((X, X[:3]), "vectorized_map: the first dimensions of elems differ: 7 and 3"),
])  # fmt: skip
def test_bad_input(elems, text):
    with pytest.raises(ad.errors.ShapeError) as info:
        ad.vectorized_map(lambda x: x, elems)
    assert str(info.value) == text


@pytest.mark.parametrize("a, x", [((2, 3, 4), (4,)), ((3, 4), (2, 4)), ((2, 3, 4), (2, 4)), ((5, 1, 3, 4), (2, 4))])
def test_matrices_in_batches_times_vectors(a, x):
    """A batch of matrices was taken for the rows."""
    rng = np.random.default_rng(2)
    a, x = rng.normal(size=(2, *a)), rng.normal(size=(2, *x))
    for f, rows in ((lambda x: ad.linalg.matvec(ad.constant(a[0]), x), x), (lambda a: ad.linalg.matvec(a, ad.constant(x[0])), a)):
        got = ad.vectorized_map(f, rows, fallback_to_while_loop=False).numpy()
        np.testing.assert_allclose(got, np.stack([f(ad.constant(row)).numpy() for row in rows]), rtol=1e-14)
    both = ad.vectorized_map(lambda p: ad.linalg.matvec(p[0], p[1]), (a, x)).numpy()
    np.testing.assert_allclose(both, np.stack([ad.linalg.matvec(ad.constant(p), ad.constant(q)).numpy() for p, q in zip(a, x)]), rtol=1e-14)


def test_indices_that_all_rows_share():
    rng = np.random.default_rng(0)
    x, vectors = rng.normal(size=(5, 3, 4, 2)), np.array([[2, 0], [1, 2], [0, 0], [0, 0]])
    picks = np.array([[1, 0], [1, 1]])
    for f in (*(lambda r, axis=axis: ad.gather(r, picks, axis=axis) for axis in (0, 1, 2, -1)), lambda r: ad.gather(r, np.array(1)),
              lambda r: ad.gather_nd(r, vectors), lambda r: ad.gather_nd(r, vectors[:, :1]), lambda r: ad.gather_nd(r, np.zeros((2, 0), int)),
              lambda r: ad.scatter_nd(vectors[:3], r, [3, 4, 4, 2]), lambda r: ad.scatter_nd(vectors[:3, :1], r, [4, 4, 2]),
              ad.grad(lambda r: ad.reduce_sum(ad.gather(r, picks, axis=1) ** 2)), ad.grad(lambda r: ad.reduce_sum(ad.gather_nd(r, vectors) ** 2)),
              ad.grad(lambda r: ad.reduce_sum(ad.cumprod(r, axis=1) ** 2)), lambda r: ad.gather(r, picks[:, :1], axis=1, batch_dims=0)):  # fmt: skip
        got = ad.vectorized_map(f, x, fallback_to_while_loop=False)
        np.testing.assert_array_equal(got.numpy(), np.stack([f(ad.constant(row)).numpy() for row in x]))


ENTRIES = {
    "again": lambda x: x[0] * x[1] + x[0] * 2.0 - x[1] * x[0],
    "some": lambda x: ad.sin(x[1]) * x[3] + x[1],
    "slices": lambda x: ad.reduce_sum(x[:2] * x[2:4]) + ad.reduce_sum(ad.square(x[:2])) + x[4],
    "overlapping": lambda x: ad.reduce_sum(x[:3] * x[1:4]) + x[2] * x[2],
    "steps": lambda x: ad.reduce_sum(x[::2]) * x[1] + ad.reduce_prod(x[::-1]) + x[::2][1],
    "whole too": lambda x: ad.reduce_sum(x * x) * x[0] + ad.reduce_sum(ad.exp(x)) + x[0],
    "one entry": lambda x: ad.exp(x[4]),
    "of a part": lambda x: (x * 2.0)[1:4][1] * x[0] + (x * 2.0)[1:4][1],
}


@pytest.mark.parametrize("f", ENTRIES.values(), ids=ENTRIES)
def test_gradients_of_functions_that_read_entries_again_and_again(f):
    """Their shares are summed for each place, and put together once."""
    rows = np.random.default_rng(3).normal(size=(7, 5))

    def value_and_gradient(x):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        return y, tape.gradient(y, x), ad.grad(lambda x: ad.reduce_sum(ad.grad(f)(x) * np.arange(5.0)))(x)

    got = ad.vectorized_map(value_and_gradient, rows, fallback_to_while_loop=False)
    want = [value_and_gradient(ad.constant(row)) for row in rows]
    for k, part in enumerate(got):
        np.testing.assert_allclose(part.numpy(), [np.asarray(w[k]) for w in want], rtol=1e-13, atol=1e-13)
    traced = ad.function(lambda rows: ad.vectorized_map(value_and_gradient, rows))
    for _ in range(2):
        for part, same in zip(traced(rows), got):
            assert part.numpy().tobytes() == same.numpy().tobytes()


def test_gradients_of_entries_are_put_together_once():
    def f(x):
        s = x[0]
        for _ in range(20):
            s = s * x[1] + x[0]
        return s

    cost = ad.function(lambda rows: ad.vectorized_map(ad.grad(f), rows)).cost(np.ones((1000, 2)))
    assert cost.loops <= 2 and cost.steps < 150  # 51 loops and 501 steps if each share were an array of all entries


# ------------------------------------------------------------------------------------------------- derivatives of what rows share
def peaks(z):
    return ad.sin(ad.exp(z))


def height(z):
    return ad.reduce_sum(peaks(z))


SHARED = {
    "gradient": lambda r, c: r * ad.grad(height)(c),
    "gradient of both": lambda r, c: ad.grad(lambda z: ad.reduce_sum(peaks(z) * r))(c),
    "gradient of what was computed of it": lambda r, c: r * ad.grad(height)(ad.sin(c)),
    "second gradient": lambda r, c: r * ad.grad(lambda q: ad.reduce_sum(ad.grad(height)(q)))(c),
    "second gradient of both": lambda r, c: ad.grad(lambda q: ad.reduce_sum(ad.grad(lambda z: ad.reduce_sum(peaks(z) * r))(q)))(c),
    "Hessian": lambda r, c: ad.linalg.matvec(ad.hessian(height)(c), r),
    "Hessian times a row": lambda r, c: ad.hvp(height)(c, r),
    "Jacobian": lambda r, c: ad.linalg.matvec(ad.jacobian(peaks)(c), r),
    "along a row": lambda r, c: ad.jvp(peaks, [c], [r])[1],
    "along itself": lambda r, c: r * ad.jvp(peaks, [c], [c])[1],
    "row by row": lambda r, c: ad.vectorized_map(lambda q: q * r[0] * ad.grad(height)(c), c),
    "of a matrix": lambda r, c: r * ad.grad(lambda z: ad.linalg.logdet(ad.linalg.diag(ad.exp(z)) + 1.0))(c),
}  # fmt: skip


@pytest.mark.parametrize("name", SHARED)
def test_derivatives_of_what_all_rows_share_are_followed_and_recorded(name):
    def of(mapped):
        def values(x, c):
            return mapped(lambda r: SHARED[name](r, c), x)

        def gradients(x, c):
            with ad.GradientTape() as tape:
                tape.watch([x, c])
                y = ad.reduce_sum(values(x, c) * values(x, c))
            return tape.gradient(y, [x, c], unconnected_gradients="zero")

        return values, gradients

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        at_once = [g for f in of(ad.vectorized_map) for g in (f, ad.function(f))]
        for k in range(3):
            x, c = ad.constant(X[:3] * (1 + k)), ad.constant(X[3] / (1 + k))
            one_by_one = [f(x, c) for f in of(ad.map_fn) for _ in range(2)]
            for f, expected in zip(at_once, one_by_one):
                for a, b in zip(ad.nest.flatten(f(x, c)), ad.nest.flatten(expected)):
                    np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-10, atol=1e-12)


def test_a_gradient_that_is_recomputed_is_recorded_row_by_row():
    f = ad.recompute_grad(peaks)

    def jacobian(x):
        with ad.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = f(x)
        return ad.vectorized_map(lambda u: tape.gradient(y, x, output_gradients=u), ad.eye(4, dtype="float64"))

    replayed = ad.function(jacobian)
    for k in range(3):
        x = ad.constant(X[k])
        np.testing.assert_allclose(replayed(x).numpy(), ad.jacobian(peaks)(x).numpy(), rtol=1e-12)


@pytest.mark.parametrize("inside", [lambda r, v: r * v, lambda r, v: r * v.value(), ad.custom_gradient(lambda r, v: (r * v, lambda dy: (dy, dy))),
                                    ad.grad(lambda r, v: ad.reduce_sum(r * r * v)), lambda r, v: v.assign(r * v) * 1.0])  # fmt: skip
@pytest.mark.filterwarnings("ignore:vectorized_map")
def test_a_variable_that_was_assigned_before_in_a_recorded_function(inside):
    """What a replay assigns is what the rows see, and what the variable holds afterwards."""
    v = ad.Variable([1.0, 2.0])

    def step(x):
        v.assign_add(x[0])
        y = ad.vectorized_map(lambda r: inside(r, v), x)
        v.assign_add(x[1])
        return y, ad.vectorized_map(lambda r: inside(r, v), x), v * 1.0

    replayed = ad.function(step)
    for k in range(3):
        x = ad.constant([[1.0, 2.0], [3.0, 4.0]]) + float(k)
        results = []
        for run in (step, replayed):
            v.assign([1.0, 2.0])
            results.append([y.numpy().tolist() for y in (*run(x), v)])
        assert results[0] == results[1]
    assert replayed.experimental_get_tracing_count() == 1


def test_a_variable_among_the_results():
    v = ad.Variable([1.0, 2.0])
    with ad.GradientTape() as tape:
        held, scaled = ad.vectorized_map(lambda r: (v, r * v), ad.constant([[3.0, 4.0], [5.0, 6.0]]))
        y = ad.reduce_sum(held * scaled)
    assert type(held) is ad.Tensor and held.numpy().tolist() == [[1, 2]] * 2
    assert scaled.numpy().tolist() == [[3, 8], [5, 12]]
    assert tape.gradient(y, v).numpy().tolist() == [2 * 8, 2 * 2 * 10]


# ------------------------------------------------------------------------------------------------- indices of each row's own
R = np.random.default_rng(0)
ROWS = 6
OWN = {"x": R.normal(size=(ROWS, 5, 4)), "u": R.normal(size=(ROWS, 3)), "i": R.integers(0, 4, ROWS), "ij": R.integers(0, 4, (ROWS, 2, 3)),
       "w": R.integers(0, 7, (ROWS, 4)).astype(np.int32), "b": R.integers(0, 4, (ROWS, 4, 2)), "t": R.integers(0, 4, (ROWS, 5, 2)),
       "nd": np.stack([R.integers(0, 5, (ROWS, 3)), R.integers(0, 4, (ROWS, 3))], axis=-1)}  # fmt: skip
TABLE, TABLES = ad.constant(R.normal(size=(7, 3))), ad.constant(R.normal(size=(2, 7, 3)))
INDEXED = {
    "x[i]": (("x", "i"), lambda x, i: x[i]),
    "another axis": (("x", "ij"), lambda x, i: ad.gather(x, i, axis=1)),
    "embedding": (("w",), lambda i: ad.gather(TABLE, i)),
    "embedding of another axis": (("w",), lambda i: ad.gather(TABLES, i, axis=1)),
    "batches": (("x", "b"), lambda x, i: ad.gather(x[:4], i, batch_dims=1)),
    "batches, shared indices": (("x",), lambda x: ad.gather(x[:4], ad.constant([[0, 1], [1, 2], [3, 3], [0, 0]]), batch_dims=1)),
    "vectors": (("x", "nd"), lambda x, i: ad.gather_nd(x, i)),
    "vectors into what is shared": (("nd",), lambda i: ad.gather_nd(TABLE, i % 3)),
    "scatter": (("u", "nd"), lambda u, i: ad.scatter_nd(i, u, (5, 4))),
    "update": (("x", "u", "nd"), lambda x, u, i: ad.tensor_scatter_nd_update(x, i, u)),
    "update at shared places": (("x", "u"), lambda x, u: ad.tensor_scatter_nd_update(x, [[0, 0], [1, 1], [0, 0]], u)),
    "add": (("x", "u", "nd"), lambda x, u, i: ad.tensor_scatter_nd_add(x, i, u)),
    "take_along_axis": (("x", "t"), lambda x, i: np.take_along_axis(x, i, axis=1)),
    "sort": (("x",), lambda x: ad.sort(x, axis=0)),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", INDEXED)
def test_rows_with_indices_of_their_own_are_one_call(name, monkeypatch):
    """With gradients, by what is shared too, and no row by itself."""
    operands, f = INDEXED[name]

    def value_and_gradients(*args):
        sources = [x for x in args if x.dtype.is_floating] + [TABLE, TABLES]
        with ad.GradientTape() as tape:
            tape.watch(sources)
            y = f(*args)
            total = ad.reduce_sum(ad.sin(y))
        return [y, *tape.gradient(total, sources, unconnected_gradients="zero")]

    args = [ad.constant(OWN[k]) for k in operands]
    wanted = [[t.numpy() for t in value_and_gradients(*[a[k] for a in args])] for k in range(ROWS)]
    monkeypatch.setattr(vectorized, "_row_by_row", None)
    for got, each in zip(ad.vectorized_map(lambda row: value_and_gradients(*row), tuple(args)), zip(*wanted)):
        assert got.numpy().tobytes() == np.stack(each).tobytes()


def test_no_rows():
    """A batch without rows was refused; TensorFlow's result has 0 rows of the shape that the function gives a row."""
    x = ad.zeros([0, 3])
    w = ad.Variable(ad.ones([3, 2]))
    f = lambda r: (ad.reduce_sum(r), ad.linalg.matvec(w, r, transpose_a=True), ad.exp(r)[:2] * 2, ad.ones(4))  # noqa: E731
    for call in (ad.vectorized_map, ad.function(lambda f, x: ad.vectorized_map(f, x))):
        for _ in range(2):
            with ad.GradientTape() as tape:
                tape.watch(x)
                y = call(f, x)
                s = sum(ad.reduce_sum(part) for part in y)
            assert [part.shape for part in y] == [(0,), (0, 2), (0, 2), (0, 4)]
            got = tape.gradient(s, [x, w])
            assert got[0].shape == (0, 3)
            np.testing.assert_array_equal(got[1].numpy(), np.zeros((3, 2)))
    assert ad.vectorized_map(ad.grad(lambda r: ad.reduce_sum(r**2)), x).shape == (0, 3)


def test_one_row_goes_along_with_all():
    """elems with 1 in place of the number of rows was refused; it is broadcast, as in TensorFlow."""
    one, many = ad.constant([[1.0, 2.0]]), ad.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    with ad.GradientTape() as tape:
        tape.watch([one, many])
        y = ad.vectorized_map(lambda p: p[0] * p[1], (one, many))
    np.testing.assert_array_equal(y.numpy(), many.numpy() * [[1, 2]])
    np.testing.assert_array_equal(tape.gradient(y, one).numpy(), [[9, 12]])
    assert ad.vectorized_map(lambda p: p[0] + p[1], (one, ad.zeros([0, 2]))).shape == (0, 2)
