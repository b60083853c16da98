"""Sparse Jacobians and Hessians: their patterns hold every nonzero, their values are those of the dense ones, and they take few sweeps."""

import pickle
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structural_cases import DIFFERENTIABLE, FLOATING, fill, takes
from test_rows import SMOOTH, moderate, name_of

import autodiff as ad
from autodiff import ops

sparse = pytest.importorskip("scipy.sparse")
RNG = np.random.default_rng(3)


def rows_one_by_one(f, x):
    """The Jacobian from as many sweeps of a tape as f has results."""
    x = ad.constant(x)
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = f(x)
    shape, n = tuple(y.shape), int(np.prod(y.shape))
    units = np.eye(n).reshape(n, *shape)
    return np.array([tape.gradient(y, x, output_gradients=u, unconnected_gradients="zero").numpy() for u in units]).reshape(*shape, *x.shape)


def check_jacobian(f, x, exact=None, err_msg=""):
    """The sparse Jacobian has the dense one's numbers, its pattern each nonzero; with `exact`, no other entry."""
    J = ad.sparse_jacobian(f, like=x)
    want = rows_one_by_one(f, x).reshape(J.shape)
    got = J(x)
    assert isinstance(got, sparse.csr_array) and got.has_sorted_indices and got.dtype == want.dtype
    np.testing.assert_allclose(got.toarray(), want, rtol=1e-12, atol=1e-14, err_msg=err_msg)
    np.testing.assert_array_equal(J.values(x), got.data)
    if exact is not None:
        np.testing.assert_array_equal(J.pattern.toarray(), exact, err_msg=err_msg)
    elsewhere = 1.03125 * x
    np.testing.assert_allclose(J(elsewhere).toarray(), rows_one_by_one(f, elsewhere).reshape(J.shape), rtol=1e-12, atol=1e-14, err_msg=err_msg)
    return J


def check_hessian(f, x, exact=None):
    H = ad.sparse_hessian(f, like=x)
    want = ad.hessian(f)(ad.constant(x)).numpy().reshape(H.shape)
    got = H(x)
    np.testing.assert_allclose(got.toarray(), want, rtol=1e-11, atol=1e-13)
    np.testing.assert_array_equal(got.toarray(), got.toarray().T)
    lower = sparse.coo_array((H.lower_values(x), (H.lower_rows, H.lower_cols)), shape=H.shape).toarray()
    np.testing.assert_array_equal(lower, np.tril(got.toarray()))
    if exact is not None:
        np.testing.assert_array_equal(H.pattern.toarray(), exact)
    return H


# ------------------------------------------------------------------------------------------------------------ known patterns
def band(m, n, *offsets):
    return sum(np.eye(m, n, k, dtype=int) for k in offsets) > 0


def five_points(k):
    one, two = np.eye(k), band(k, k, -1, 1)
    return np.kron(one, one + two) + np.kron(two, one) > 0


def grid_energy(u):
    k = int(round(int(np.prod(u.shape)) ** 0.5))
    u = ad.reshape(u, (k, k))
    return ad.reduce_sum((u[1:] - u[:-1]) ** 4) + ad.reduce_sum((u[:, 1:] - u[:, :-1]) ** 2) + ad.reduce_sum(ad.exp(u))


A = np.where(RNG.uniform(size=(6, 5)) < 0.4, RNG.normal(size=(6, 5)), 0.0)
PICKS = np.array([4, 0, 0, 3])
X = np.linspace(0.3, 1.1, 5)

KNOWN = {
    "elementwise": (lambda x: ad.sin(x) * ad.exp(x) + x, np.eye(5)),
    "tridiagonal": (lambda x: ad.concat([x[:1] * x[1:2], x[:-2] * x[1:-1] - x[2:], x[-2:-1] - x[-1:]], 0), band(5, 5, -1, 0, 1) * (np.arange(25).reshape(5, 5) != 0) + (np.arange(25).reshape(5, 5) == 0)),
    "arrow": (lambda x: ad.concat([ad.reduce_sum(x, keepdims=True), x[1:] * x[0]], 0), (np.eye(5) + np.eye(5)[:, :1] + np.eye(5)[:1]) @ np.ones((5, 5)) * 0 + np.array([[1] * 5] + [[1] + [int(i == j) for j in range(4)] for i in range(4)])),
    "block": (lambda x: ad.concat([x[:2] * ad.reduce_sum(x[:2]), x[2:] / ad.reduce_sum(x[2:])], 0), np.kron(np.eye(2), np.ones((3, 3)))[np.ix_([0, 1, 3, 4, 5], [0, 1, 3, 4, 5])]),
    "gather": (lambda x: ad.gather(x, PICKS) ** 2, np.eye(5)[PICKS]),
    "scatter": (lambda x: ad.scatter_nd(PICKS[:, None], x[:4] ** 2, [6]), np.array([[0, 1, 1, 0, 0], [0] * 5, [0] * 5, [0, 0, 0, 1, 0], [1, 0, 0, 0, 0], [0] * 5])),
    "update": (lambda x: ad.tensor_scatter_nd_update(x, [[1], [3]], x[:2] * x[2:4]), np.array([[1, 0, 0, 0, 0], [1, 0, 1, 0, 0], [0, 0, 1, 0, 0], [0, 1, 0, 1, 0], [0, 0, 0, 0, 1]])),
    "constant matrix": (lambda x: ad.linalg.matvec(ad.constant(A), x), A != 0),
    "turned constant matrix": (lambda x: ad.linalg.matvec(ad.constant(A[:5]), x, transpose_a=True), A[:5].T != 0),
    "cumsum": (lambda x: ad.cumsum(x**2), np.tril(np.ones((5, 5)))),
    "reversed cumsum": (lambda x: ad.cumsum(x, reverse=True), np.triu(np.ones((5, 5)))),
    "where by a constant": (lambda x: ad.where(np.arange(5) < 2, x, 2.0 * x[::-1]), np.vstack([np.eye(5)[:2], np.eye(5)[::-1][2:]])),
    "where by a value": (lambda x: ad.where(x > 0.5, x, 2.0 * x[::-1]), np.eye(5) + np.eye(5)[::-1] > 0),
    "a factor 0": (lambda x: x * np.array([1.0, 0.0, 2.0, 0.0, 1.0]) + 0.0 * x[0], np.diag([1, 0, 1, 0, 1])),
    "outer product": (lambda x: x[:2, None] * x[None, 2:], np.array([[1, 0, 1, 0, 0], [1, 0, 0, 1, 0], [1, 0, 0, 0, 1], [0, 1, 1, 0, 0], [0, 1, 0, 1, 0], [0, 1, 0, 0, 1]])),
    "rows of softmax": (lambda x: ad.nn.softmax(ad.reshape(ad.concat([x, x[:1]], 0), (2, 3))), np.array([[1, 1, 1, 0, 0]] * 3 + [[1, 0, 0, 1, 1]] * 3)),
    "largest": (lambda x: ad.stack([ad.reduce_max(x[:2]), ad.reduce_min(x[3:])]), np.array([[1, 1, 0, 0, 0], [0, 0, 0, 1, 1]])),
    "variance": (lambda x: ad.stack([ad.math.reduce_variance(x[:3]), ad.math.reduce_std(x[1:])]), np.array([[1, 1, 1, 0, 0], [0, 1, 1, 1, 1]])),
    "scalar": (lambda x: x[1] * x[3], np.array([[0, 1, 0, 1, 0]])),
    "constant": (lambda x: ad.constant(np.ones(3)), np.zeros((3, 5))),
    "recomputed": (ad.recompute_grad(lambda x: ad.sin(ad.exp(x))), np.eye(5)),
    "stopped": (lambda x: x * ad.stop_gradient(x[::-1]), np.eye(5)),
    "masked": (lambda x: ad.boolean_mask(x**2, np.array([True, False, True, True, False])), np.eye(5)[[0, 2, 3]]),
    "steps": (lambda x: ad.floor(x) + ad.sign(x) + ad.cast(x > 0.5, "float64"), np.zeros((5, 5))),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_the_pattern_is_the_one_by_hand(name):
    f, exact = KNOWN[name]
    check_jacobian(f, X, exact != 0)


def test_matrices():
    x = RNG.normal(size=(3, 4))
    B = np.array([[1.0, 0, 2], [0, 0, 1], [0, 3, 0], [0, 0, 0]])
    J = check_jacobian(lambda x: ad.matmul(x, ad.constant(B)), x, np.kron(np.eye(3), B.T != 0))
    assert J.colors == 2
    check_jacobian(lambda x: ad.matmul(ad.constant(B.T), x, transpose_b=True), x, np.kron(B.T != 0, np.eye(3))[:, np.arange(12).reshape(4, 3).T.ravel()])
    check_jacobian(lambda x: ad.matmul(x, x, transpose_b=True), x,
                   [[i in (p, q) for i in range(3) for _ in range(4)] for p in range(3) for q in range(3)])  # fmt: skip
    check_jacobian(lambda x: ad.transpose(x) * 2.0, x, np.eye(12)[np.arange(12).reshape(3, 4).T.ravel()])
    batch = RNG.normal(size=(2, 3, 3)) + 3 * np.eye(3)
    check_jacobian(lambda x: ad.linalg.inv(x), batch, np.kron(np.eye(2), np.ones((9, 9))))
    check_jacobian(lambda x: ad.linalg.det(x), batch, np.kron(np.eye(2), np.ones((1, 9))))
    check_jacobian(lambda b: ad.linalg.solve(batch, ad.reshape(b, (2, 3, 1))), RNG.normal(size=6), np.kron(np.eye(2), np.ones((3, 3))))
    check_jacobian(lambda b: ad.linalg.solve(batch[0], ad.reshape(b, (2, 3, 1))), RNG.normal(size=6), np.kron(np.eye(2), np.ones((3, 3))))
    check_jacobian(lambda x: ad.linalg.eigvalsh(x), batch, np.kron(np.eye(2), np.tile(np.tri(3).ravel(), (3, 1))))
    check_jacobian(lambda x: ad.linalg.svd(x, compute_uv=False), batch, np.kron(np.eye(2), np.ones((3, 9))))
    check_jacobian(lambda x: ad.linalg.pinv(x), batch, np.kron(np.eye(2), np.ones((9, 9))))


@pytest.mark.parametrize("row, shapes, attrs", [c for c in DIFFERENTIABLE if sum(np.prod(s.shape if isinstance(s, np.ndarray) else s) for s in c.values[1]) < 70])
def test_each_structural_row(row, shapes, attrs):
    rule, rng = ops.ROWS[row], np.random.default_rng(1)
    if row not in FLOATING and np.dtype("float64") not in takes(row):
        return
    operands = [fill(rng, s, np.dtype("float64")) for s in shapes]
    own = [k for k, s in enumerate(shapes) if not isinstance(s, np.ndarray)]
    named = dict(zip(rule.attrs, attrs))
    if row == "cast":
        return
    for chosen in [own, *([[k] for k in own] if len(own) > 1 else [])]:
        ends = np.cumsum([0, *[operands[k].size for k in chosen]])

        def f(x, chosen=chosen, ends=ends):
            given = [ad.constant(o) for o in operands]
            for k, start, end in zip(chosen, ends, ends[1:]):
                given[k] = ad.reshape(x[start:end], operands[k].shape)
            return rule(*given, **named)

        x = np.concatenate([operands[k].ravel() for k in chosen])
        check_jacobian(f, x, err_msg=row)
        weights = rng.normal(size=f(ad.constant(x)).shape)
        if weights.size:
            check_hessian(lambda x, f=f, weights=weights: ad.reduce_sum(f(ad.sin(x)) * weights), x)


@pytest.mark.parametrize("row", SMOOTH, ids=name_of)
def test_each_elementwise_row(row):
    """In the operands that it has a derivative by: of igamma_by_a_twice the first one's is nan."""
    operands = np.array(moderate(row))
    free = [i for i, d in enumerate(row.d) if d is not None and (row.name, i) != ("igamma_by_a_twice", 0)]
    columns, k = operands[free], len(free)

    def f(x):
        return row(*[x[free.index(i)] if i in free else operands[i] for i in range(len(operands))])

    J = check_jacobian(f, columns)
    assert not np.any(J.pattern.toarray() & ~np.kron(np.ones((1, k)), np.eye(14)).astype(bool))
    H = ad.sparse_hessian(lambda x: ad.reduce_sum(f(x)), like=columns)
    want = ad.hessian(lambda x: ad.reduce_sum(f(x)))(ad.constant(columns)).numpy().reshape(H.shape)
    np.testing.assert_allclose(H(columns).toarray(), (want + want.T) / 2, rtol=1e-9, atol=1e-9)
    assert not np.any(H.pattern.toarray() & ~np.kron(np.ones((k, k)), np.eye(14)).astype(bool))


# ------------------------------------------------------------------------------------------------------------------ Hessians
def test_hessians_of_known_patterns():
    n = 6
    x = np.linspace(0.2, 1.0, n)
    check_hessian(lambda x: ad.reduce_sum(x**3), x, np.eye(n))
    check_hessian(lambda x: ad.reduce_sum(x) * 2.0 + x[0], x, np.zeros((n, n)))
    check_hessian(lambda x: ad.reduce_sum((x[1:] - x[:-1]) ** 2), x, band(n, n, -1, 0, 1))
    H = check_hessian(lambda x: ad.reduce_sum(x[0] * x[1:] ** 2), x, np.eye(n) + [[int(i != j and i * j == 0) for j in range(n)] for i in range(n)] - np.diag([1] + [0] * (n - 1)))
    assert H.colors == 2
    H = check_hessian(lambda x: x[0] * x[1] + x[2] * x[3] + ad.log(x[4]), x)
    assert H.nnz == 5
    assert check_hessian(lambda x: ad.reduce_logsumexp(x), x).colors == n
    assert check_hessian(grid_energy, np.linspace(0, 1, 25), five_points(5)).colors <= 7


def test_a_weighted_hessian():
    def f(x):
        return ad.concat([x[1:] * x[:-1], x**2], 0)

    x = np.linspace(0.2, 1.0, 4)
    H = ad.sparse_hessian(f, like=x)
    v = np.array([1.0, 0.0, -2.0, 0.5, 0.25, 3.0, 0.0])
    want = ad.hessian(lambda x: ad.reduce_sum(v * f(x)))(ad.constant(x)).numpy()
    np.testing.assert_allclose(H(x, v).toarray(), want, rtol=1e-14)
    np.testing.assert_array_equal(H.pattern.toarray(), band(4, 4, -1, 0, 1))
    with pytest.raises(ValueError, match=r"sparse_hessian: f returns shape \(7,\): expected weights of it too, H\(x, v\)"):
        H(x)
    np.testing.assert_array_equal(H(x, list(v)).toarray(), H(x, v).toarray())
    for wrong in (np.ones(1), 1.0, np.ones(8)):  # which broadcasting would have taken
        with pytest.raises(ValueError, match=r"sparse_hessian: expected weights of shape \(7,\), as f returns it, got "):
            H(x, wrong)
    G = ad.sparse_hessian(lambda x: ad.reshape(x**3, (2, 2)), like=x)
    np.testing.assert_array_equal(G(x, v[:4]).toarray(), G(x, v[:4].reshape(2, 2)).toarray())  # f(x) as a vector, as J.fun has it


@pytest.mark.parametrize("args", [(), (2.0,)])
def test_a_constraint_of_one_number_gets_its_multiplier(args):
    """SciPy's NonlinearConstraint gives hess an array of one weight where the constraint is one number."""
    f, x = (lambda x, c=2.0: c * x[0] ** 3 * x[1]), np.array([1.0, 2.0])
    H = ad.sparse_hessian(f, like=x, args=args)
    np.testing.assert_array_equal(H(x, np.array([3.0]), *args).toarray(), [[72.0, 18.0], [18.0, 0.0]])
    np.testing.assert_array_equal(H.lower_values(x, np.array([3.0]), *args), [72.0, 18.0])
    np.testing.assert_array_equal(H(x, *args).toarray(), [[24.0, 6.0], [6.0, 0.0]])


# ---------------------------------------------------------------------------------------------------------- targets of the plan
def test_few_sweeps():
    n = 10_000
    J = ad.sparse_jacobian(lambda x: (3.0 - 2.0 * x) * x - ad.concat([[0.0], x[:-1]], 0) - 2.0 * ad.concat([x[1:], [0.0]], 0), like=np.ones(n))
    assert J.colors == 3 and J.nnz == 3 * n - 2
    assert ad.sparse_hessian(grid_energy, like=np.linspace(0, 1, 4900)).colors <= 7
    tall = ad.sparse_jacobian(lambda x: ad.concat([x, x * x, x[::-1]], 0), like=np.ones(50))
    assert tall.colors == 1 and "in 1 sweeps by columns" in repr(tall)
    x = np.linspace(0.5, 1.5, 200)
    arrow = check_jacobian(KNOWN["arrow"][0], x, np.eye(200) + (np.arange(200) * np.arange(200)[:, None] == 0) > 0)
    assert arrow.colors == 3 and "in 3 sweeps by rows and columns" in repr(arrow)
    wide = ad.sparse_jacobian(lambda x: ad.reduce_sum(ad.reshape(x * x, (5, 10)), 1), like=np.ones(50))
    assert wide.colors == 1 and "by rows" in repr(wide)


# -------------------------------------------------------------------------------------------------------------- random programs
STEPS = {
    "sin": ad.sin, "square": lambda x: x * x * 0.5, "shift": lambda x: ad.concat([x[1:], x[:1] * 0.5], 0), "back": lambda x: x[::-1],
    "neighbours": lambda x: ad.concat([x[:-1] * x[1:], x[-1:]], 0), "mask": lambda x: ad.where(x > 0.3, x, 2.0 * x[::-1]),
    "half": lambda x: x * np.array([1.0, 0.0, 1.0, 0.0, 1.0, 2.0]), "some": lambda x: ad.gather(x, np.array([5, 1, 1, 0, 2, 4])),
    "scatter": lambda x: ad.tensor_scatter_nd_update(x, np.array([[2], [0]]), ad.exp(0.3 * x[3:5])), "sum": lambda x: x + 0.1 * ad.reduce_sum(x[:2]),
    "pairs": lambda x: ad.reshape(ad.nn.softmax(ad.reshape(x, (3, 2))), (6,)), "cumsum": lambda x: 0.5 * ad.cumsum(x[:6]), "max": lambda x: ad.maximum(x, x[0]),
    "turn": lambda x: ad.reshape(ad.transpose(ad.reshape(x, (2, 3))), (6,)), "product": lambda x: ad.reshape(ad.matmul(ad.reshape(x, (3, 2)), np.array([[1.0, 0.0], [0.5, 0.0]])), (6,)),
    "split": lambda x: ad.concat([x[:3] * x[3:], ad.tanh(x[3:])], 0), "branch": lambda x: x * 2.0 if x[0] > 0.4 else x + x[1],
}  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=6), st.integers(0, 3))
def test_random_programs(steps, seed):
    def f(x):
        for step in steps:
            x = STEPS[step](x)
        return x

    x = np.random.default_rng(seed).uniform(0.1, 1.0, 6)
    J = check_jacobian(f, x)
    assert J.colors <= 6
    again = np.random.default_rng(seed + 7).uniform(0.1, 1.0, 6)
    np.testing.assert_allclose(J(again).toarray(), ad.jacobian(f)(ad.constant(again)).numpy(), rtol=1e-12, atol=1e-14)
    v = np.linspace(0.5, 2.0, 6)
    H = ad.sparse_hessian(f, like=x)
    for at in (x, again):
        want = ad.hessian(lambda x: ad.reduce_sum(v * f(x)))(ad.constant(at)).numpy()
        np.testing.assert_allclose(H(at, v).toarray(), want, rtol=1e-10, atol=1e-12)


# ------------------------------------------------------------------------------------------------------------- what may change
def test_another_way_is_noticed():
    def f(x):
        return x * x[0] if x[0] > 0 else x[::-1] ** 2

    J = ad.sparse_jacobian(f, like=np.ones(4))
    one, other = np.array([2.0, 3.0, 4.0, 5.0]), np.array([-2.0, 3.0, 4.0, 5.0])
    for x in (one, other, one, other):
        np.testing.assert_array_equal(J(x).toarray(), ad.jacobian(f)(ad.constant(x)).numpy())
    assert J.nnz == 7 and "the 2 ways recorded" in repr(J)
    with pytest.raises(ValueError, match=r"f goes another way at this x, with entries that `rows` and `cols` lack; before you take them, call include"):
        J.values(other)
    assert J.include(other) is J and J.nnz == 10
    for x in (one, other):
        whole = sparse.coo_array((J.values(x), (J.rows, J.cols)), shape=J.shape).toarray()
        np.testing.assert_array_equal(whole, ad.jacobian(f)(ad.constant(x)).numpy())
    H = ad.sparse_hessian(lambda x: ad.reduce_sum(f(x)), like=one)
    for x in (one, other, one):
        np.testing.assert_array_equal(H(x).toarray(), ad.hessian(lambda x: ad.reduce_sum(f(x)))(ad.constant(x)).numpy())


def test_an_index_that_depends_on_the_point():
    for f in (lambda x: ad.gather(x, ad.argmin(x)) * x, lambda x: ad.gather_nd(x, ad.reshape(ad.argmax(x), (1, 1))), lambda x: x * ad.one_hot(ad.argmin(x), 5, dtype="float64")):
        J = ad.sparse_jacobian(f, like=X)
        for x in (X, X[::-1].copy(), np.array([0.5, 0.1, 0.9, 0.2, 0.3])):
            np.testing.assert_array_equal(J(x).toarray(), ad.jacobian(f)(ad.constant(x)).numpy())


def test_a_draw_is_made_once():
    """The pattern is that of the run that was recorded, not of one like it."""
    rng, drawn = np.random.default_rng(0), []

    def f(x):
        drawn.append(rng.uniform(size=(2, 5)) < 0.5)
        return x * drawn[-1][0] + ad.where(drawn[-1][1], x[::-1], 0.0)

    for _ in range(20):
        drawn.clear()
        J = ad.sparse_jacobian(f, like=X)
        assert len(drawn) == 1
        want = np.diag(drawn[0][0].astype(float)) + np.diag(drawn[0][1].astype(float))[:, ::-1]
        np.testing.assert_array_equal(J(X).toarray(), want)
        np.testing.assert_array_equal(J.pattern.toarray(), want != 0)


def test_what_cannot_be_recorded_has_a_pattern_at_each_point():
    def sorted_times_first(x):
        return ad.gather(x, np.argsort(x.numpy())) * x[0]

    with pytest.warns(UserWarning, match="takes the value of a tensor to Python.*, so it runs as written"):
        J = ad.sparse_jacobian(sorted_times_first, like=X)
    assert J.nnz == 9
    for seed in range(5):
        x = np.random.default_rng(seed).permutation(X)
        np.testing.assert_array_equal(J(x).toarray(), rows_one_by_one(sorted_times_first, x))
    assert len(J._ways) == 1
    with pytest.raises(ValueError, match="goes another way"):
        J.values(X[::-1].copy())
    with ad.GradientTape():
        H = ad.sparse_hessian(lambda x: ad.reduce_sum(x**3), like=X)
        np.testing.assert_allclose(H(X).toarray(), np.diag(6 * X), rtol=1e-14)
        assert H.colors == 1 and "in 1 sweeps" in repr(H)


def test_further_arguments_and_variables():
    scale = ad.Variable(np.array([1.0, 0.0, 2.0]))

    def f(x, w, k):
        return ad.concat([x * w * scale, x[:k]], 0)

    x, w = np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 1.0])
    J = ad.sparse_jacobian(f, like=x, args=(w, 2))
    np.testing.assert_array_equal(J(x, w, 2).toarray(), [[0, 0, 0], [0, 0, 0], [0, 0, 2], [1, 0, 0], [0, 1, 0]])
    scale.assign(np.array([3.0, 4.0, 5.0]))
    np.testing.assert_array_equal(J(x, w + 1, 2).toarray(), [[3, 0, 0], [0, 8, 0], [0, 0, 10], [1, 0, 0], [0, 1, 0]])
    assert J.nnz == 5


def test_a_gradient_of_ones_own():
    @ad.custom_gradient
    def cube(x):
        return x**3, lambda dy: dy * 3 * x**2

    check_jacobian(lambda x: cube(x)[::-1], X, np.eye(5)[::-1])
    check_jacobian(lambda x: ad.concat([cube(x) * x[0], x[:1]], 0), X)
    check_hessian(lambda x: ad.reduce_sum(cube(x)), X, np.eye(5))


def test_shapes_and_dtypes():
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    J = ad.sparse_jacobian(lambda x: ad.reduce_sum(x * x, axis=0), like=x)
    assert J.shape == (3, 6) and J(x).dtype == np.float32 and J(x.ravel()).shape == (3, 6)
    np.testing.assert_array_equal(J(x).toarray(), [[0, 0, 0, 6, 0, 0], [0, 2, 0, 0, 8, 0], [0, 0, 4, 0, 0, 10]])
    assert ad.sparse_jacobian(lambda x: x * 2.0, like=[1, 2]).values([3, 4]).dtype == np.float64
    empty = ad.sparse_jacobian(lambda x: x[:0], like=np.ones(3))
    assert empty(np.ones(3)).shape == (0, 3) and empty.nnz == 0 and empty.colors == 0
    assert ad.sparse_jacobian(lambda x: x, like=np.ones(0))(np.ones(0)).shape == (0, 0)
    assert ad.sparse_hessian(lambda x: ad.reduce_sum(x), like=np.ones(0)).nnz == 0
    number = ad.sparse_hessian(lambda x: x**3, like=2.0)
    assert number(2.0).toarray().tolist() == [[12.0]]


def test_a_matrix_is_the_callers():
    J = ad.sparse_jacobian(lambda x: x * x[0], like=X)
    first = J(X)
    first.data[:] = 0
    first.eliminate_zeros()
    np.testing.assert_array_equal(J(X).toarray(), ad.jacobian(lambda x: x * x[0])(ad.constant(X)).numpy())


def squares(x):
    return x[1:] ** 2 * x[0]


def test_it_pickles():
    for made in (ad.sparse_jacobian(squares, like=X), ad.sparse_hessian(squares, like=X)):
        again = pickle.loads(pickle.dumps(made))
        v = () if made._who == "sparse_jacobian" else (np.ones(4),)
        np.testing.assert_array_equal(again(X, *v).toarray(), made(X, *v).toarray())


def test_large_ones_come_in_blocks(monkeypatch):
    monkeypatch.setattr("autodiff.sparse.MOST_ELEMENTS", 12)
    check_jacobian(lambda x: x[1:] * x[:-1] * ad.reduce_sum(x[:2]), X)


def test_errors_name_the_function():
    with pytest.raises(TypeError, match="sparse_jacobian: expected a function, got 3"):
        ad.sparse_jacobian(3, like=X)
    with pytest.raises(TypeError, match="sparse_hessian: expected `like` to be an array of floats"):
        ad.sparse_hessian(squares, like="x")
    with pytest.raises(TypeError, match="sparse_jacobian: expected <lambda> to return floats, got int32"):
        ad.sparse_jacobian(lambda x: ad.constant([1, 2]), like=X)
    with pytest.raises(TypeError, match="expected <lambda> to return a tensor, got 'no'"):
        ad.sparse_jacobian(lambda x: "no", like=X)
    with pytest.raises(ValueError, match="sparse_jacobian: expected x of shape .5,., got .3,."):
        ad.sparse_jacobian(squares, like=X)(np.ones(3))
    with pytest.raises(TypeError, match="sparse_jacobian: expected x to be an array of floats, got array"):
        ad.sparse_jacobian(squares, like=X)(X + 1j)  # whose real part alone would be another point

    @ad.custom_gradient
    def by_numpy(x):
        return x**3, lambda dy: ad.constant(dy.numpy() * 3 * x.numpy() ** 2)

    with pytest.raises(ValueError, match="sparse_jacobian: the gradient of <lambda> takes the value of a tensor to Python.*: its program, which has the pattern, is not whole"):
        ad.sparse_jacobian(lambda x: by_numpy(x), like=X)


def test_what_is_not_sparse_is_said(monkeypatch):
    monkeypatch.setattr("autodiff.pattern.MOST_ENTRIES", 20)
    with pytest.raises(MemoryError, match="sparse_jacobian: the derivatives of cumsum are not sparse; use ad.jacobian"):
        ad.sparse_jacobian(ad.cumsum, like=np.ones(9))


# ----------------------------------------------------------------------------------------------------------------------- SciPy
def broyden(x):
    """Broyden's tridiagonal function: More, Garbow, Hillstrom, "Testing unconstrained optimization software" (1981), no. 30."""
    return (3.0 - 2.0 * x) * x - ad.concat([[0.0], x[:-1]], 0) - 2.0 * ad.concat([x[1:], [0.0]], 0) + 1.0


def test_least_squares():
    from scipy.optimize import least_squares

    start = np.full(60, -1.0)
    J = ad.sparse_jacobian(broyden, like=start)
    fit = least_squares(J.fun, start, jac=J, tr_solver="lsmr")
    dense = least_squares(J.fun, start, jac=lambda x: J(x).toarray())
    assert fit.cost < 1e-15 and dense.cost < 1e-15
    np.testing.assert_allclose(fit.x, dense.x, rtol=1e-6)
    t = np.linspace(0.0, 2.0, 40)  # one decay for all, an offset for each of 40
    truth = np.concatenate([[1.3], np.sin(t)])

    def residuals(p, data):
        return ad.concat([p[1:] + ad.exp(-p[0] * t) - data, 0.1 * (p[1:] - np.sin(t))], 0)

    data = truth[1:] + np.exp(-1.3 * t)
    J = ad.sparse_jacobian(residuals, like=np.ones(41), args=(data,))
    assert J.colors == 2 and least_squares(J.fun, np.ones(41), jac=J, args=(data,)).x == pytest.approx(truth, abs=1e-6)


def test_trust_constr():
    from scipy.optimize import NonlinearConstraint, minimize

    n = 20
    loss = lambda x: ad.reduce_sum((x - 1.0) ** 2) + ad.reduce_sum(x[1:] * x[:-1])
    obj, H = ad.objective(loss, like=np.zeros(n)), ad.sparse_hessian(loss, like=np.zeros(n))
    squares = lambda x: x[1:] ** 2 + x[:-1] ** 2
    J, W = ad.sparse_jacobian(squares, like=np.zeros(n)), ad.sparse_hessian(squares, like=np.zeros(n))
    constraint = NonlinearConstraint(J.fun, 0.0, 0.4, jac=J, hess=W)
    fit = minimize(obj, np.full(n, 0.2), jac=True, hess=H, method="trust-constr", constraints=constraint, options={"gtol": 1e-8, "maxiter": 300})
    plain = minimize(obj, np.full(n, 0.2), jac=True, method="SLSQP", constraints={"type": "ineq", "fun": lambda x: 0.4 - J.fun(x), "jac": lambda x: -J(x).toarray()})
    assert fit.constr_violation < 1e-8 and fit.fun == pytest.approx(plain.fun, rel=1e-4)


def test_objectives_have_them(monkeypatch):
    from scipy.optimize import NonlinearConstraint, least_squares, minimize

    start = {"a": np.full(30, -1.0), "b": np.full((5, 6), -1.0)}
    obj = ad.objective(lambda p: broyden(ad.concat([p["a"], ad.reshape(p["b"], (30,))], 0)), like=start, sparse=True)
    assert isinstance(obj.jac(obj.x0), sparse.csr_array) and obj.jac(obj.x0).nnz == 178 and obj.sparse_jac.colors == 3
    first = obj.jac(obj.x0)
    first.data[:] = 0
    assert obj.jac(obj.x0).data.all() and obj.evaluations == 1
    fit = least_squares(obj.fun, obj.x0, jac=obj.jac, tr_solver="lsmr")
    assert fit.cost < 1e-15 and obj.restore(fit.x)["b"].shape == (5, 6)
    y, j = obj(fit.x)
    np.testing.assert_allclose(y, 0, atol=1e-7)
    x, v = ad.constant(fit.x), np.linspace(0.5, 1.0, 60)
    np.testing.assert_allclose(j.toarray(), ad.jacobian(broyden)(x).numpy(), rtol=1e-13)
    np.testing.assert_array_equal(obj.hess(fit.x, v).toarray(), np.diag(-4.0 * v))
    energy = ad.objective(lambda x: ad.reduce_sum(x**4) + ad.reduce_sum(x[1:] * x[:-1]), like=np.ones(9), sparse=True)
    plain = ad.objective(lambda x: ad.reduce_sum(x**4) + ad.reduce_sum(x[1:] * x[:-1]), like=np.ones(9))
    constraint = NonlinearConstraint(energy.fun, 1.0, 1.0, jac=energy.jac, hess=energy.hess)
    assert energy.grad(energy.x0).shape == (9,) and energy.hess(energy.x0).nnz == 25
    np.testing.assert_allclose(energy.hess(energy.x0).toarray(), plain.hess(plain.x0), rtol=1e-14)
    np.testing.assert_allclose(plain.sparse_hess(plain.x0).toarray(), plain.hess(plain.x0), rtol=1e-14)
    square = ad.objective(lambda x: ad.reduce_sum(x**2), like=np.ones(9), sparse=True)
    fit = minimize(square, energy.x0, jac=True, hess=square.hess, method="trust-constr", constraints=constraint)
    assert fit.constr_violation < 1e-8
    eager = ad.objective(squares, like=X, trace=False, sparse=True)
    np.testing.assert_array_equal(eager.jac(X).toarray(), ad.jacobian(squares)(ad.constant(X)).numpy())
    np.testing.assert_allclose(eager.hessp(X, X, np.ones(4)), eager.hess(X, np.ones(4)) @ X, rtol=1e-13)
    again = pickle.loads(pickle.dumps(ad.objective(squares, like=X, sparse=True)))
    assert again.jac(X).nnz == 8 and "squares" in repr(again.sparse_jac)
    with pytest.raises(TypeError, match="objective: <lambda> was unpickled as what had been recorded of it, which has no sparse"):
        pickle.loads(pickle.dumps(plain)).sparse_hess


def test_newton_and_stiff_equations():
    from scipy.integrate import solve_ivp
    from scipy.optimize import root
    from scipy.sparse.linalg import spsolve

    x = np.full(50, -1.0)
    J = ad.sparse_jacobian(broyden, like=x)
    for _ in range(8):
        x = x - spsolve(J(x).tocsc(), J.fun(x))
    assert np.max(np.abs(J.fun(x))) < 1e-13
    np.testing.assert_allclose(root(J.fun, np.full(50, -1.0), jac=lambda x: J(x).toarray()).x, x, rtol=1e-7)

    def heat(u, k):
        return k * (ad.concat([u[1:], [0.0]], 0) - 2.0 * u + ad.concat([[0.0], u[:-1]], 0)) - u**3

    start = np.sin(np.linspace(0, np.pi, 40))
    D = ad.sparse_jacobian(heat, like=start, args=(100.0,))
    runs = [solve_ivp(lambda t, u: D.fun(u, 100.0), (0, 1), start, method="BDF", rtol=1e-7, jac=jac) for jac in (lambda t, u: D(u, 100.0), None)]
    assert runs[0].success
    np.testing.assert_allclose(runs[0].y[:, -1], runs[1].y[:, -1], rtol=1e-5)


def test_without_scipy_there_are_entries_and_values(monkeypatch):
    J = ad.sparse_jacobian(squares, like=X)
    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    assert len(J.rows) == len(J.cols) == len(J.values(X)) == J.nnz and J.fun(X).shape == (4,)
    for ask in (lambda: J(X), lambda: J.pattern):
        with pytest.raises(ImportError, match=r"sparse_jacobian: a sparse array needs SciPy: pip install 'autodiff-tape\[optimize\]'; rows, cols and values"):
            ask()
