"""ad.linalg agrees with NumPy, its gradients with differences; misuse is said in full."""

import itertools
import pickle
import sys
import types
from fractions import Fraction

import mpmath
import numpy as np
import pytest

import autodiff as ad
from autodiff import _core, errors, linalg, ops
from differences import check_gradients, gradient

RNG = np.random.default_rng(5)
A = RNG.standard_normal((2, 3, 3)) + 3 * np.eye(3)
M = RNG.standard_normal((2, 3, 4))
S = A @ A.transpose(0, 2, 1)
V = np.array([3.0, -4.0, 12.0])


def same(got, expected, rtol=1e-13):
    expected = np.asarray(expected)
    assert got.shape == expected.shape and got.dtype == expected.dtype, (got, expected.dtype)
    np.testing.assert_allclose(got.numpy(), expected, rtol=rtol, atol=1e-14)


def T(x):
    return np.swapaxes(x, -1, -2)


# ---------------------------------------------------------------------------------------------------------------- products
@pytest.mark.parametrize("flip_a", [False, True])
@pytest.mark.parametrize("flip_b", [False, True])
def test_matmul_with_any_transposes(flip_a, flip_b):
    a, b = RNG.standard_normal((2, 1, 3, 4)), RNG.standard_normal((5, 4, 2))
    given = T(a) if flip_a else a, T(b) if flip_b else b
    same(linalg.matmul(*given, transpose_a=flip_a, transpose_b=flip_b), a @ b)
    same(linalg.matmul(*given, adjoint_a=flip_a, adjoint_b=flip_b), a @ b)
    check_gradients(lambda x, y: linalg.matmul(x, y, flip_a, flip_b) ** 2, *given)


def test_matmul_of_integers_and_into_another_dtype():
    same(linalg.matmul([[1, 2]], [[3], [4]]), np.int32([[11]]))
    same(linalg.matmul([[1.0, 2.0]], [[3.0], [4.0]], output_type="float64"), np.array([[11.0]]))


VECTORS = [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 2, 3), (3,)), ((3,), (4, 3, 2)), ((1,), (1, 2)), ((0,), (0,)), ((2, 0), (0,))]


@pytest.mark.parametrize("left, right", VECTORS, ids=str)
def test_an_operator_between_matrices_and_vectors_is_numpys(left, right):
    a, b = (np.random.default_rng(k).normal(size=shape) for k, shape in enumerate((left, right)))
    wanted, weights = a @ b, np.cos(np.arange(np.size(a @ b))).reshape(np.shape(a @ b))
    for x, y in [(ad.constant(a), ad.constant(b)), (ad.Variable(a), b), (a, ad.Variable(b)), (ad.constant(a), b.tolist()), (a.tolist(), ad.constant(b))]:
        got = x @ y
        assert type(got) is ad.Tensor and got.dtype == "float64" and tuple(got.shape) == np.shape(wanted)
        np.testing.assert_allclose(got.numpy(), wanted, rtol=1e-14, atol=1e-15)
    slopes = ad.function(ad.grad(lambda a, b: ad.reduce_sum((a @ b) * weights), argnums=(0, 1)))
    for _ in range(2):
        for got, x, at in zip(slopes(a, b), (a, b), range(2)):
            for k in range(x.size):             # the product is linear in each
                unit = np.zeros(x.size)
                unit[k] = 1.0
                each = [a, b]
                each[at] = unit.reshape(x.shape)
                np.testing.assert_allclose(got.numpy().flat[k], np.sum((each[0] @ each[1]) * weights), rtol=1e-13, atol=1e-15)


def test_a_list_of_tensors_is_a_vector_to_the_operator():
    x, y = ad.Variable(2.0), ad.Variable(3.0)
    with ad.GradientTape() as tape:
        z = [x, y] @ ad.constant([[1.0], [10.0]]) @ [2.0]
    assert [float(g) for g in tape.gradient(z, [x, y])] == [2.0, 20.0]
    assert (ad.constant([1, 2]) @ ad.constant([3, 4])).dtype == "int32"
    with pytest.raises(errors.ShapeError, match=r"\(3,\) @ \(2,\): the inner sizes 3 and 2 differ"):
        ad.ones([3]) @ ad.ones([2])
    with pytest.raises(errors.ShapeError, match=r"^matmul: Shape \(\) must have rank at least 1; use \*$"):
        ad.constant(2.0) @ ad.ones([2])


def test_matvec():
    same(linalg.matvec(M, V[:1].repeat(4)), M @ V[:1].repeat(4))
    same(linalg.matvec(M, V, transpose_a=True), T(M) @ V)
    same(linalg.matvec(M[0], RNG.standard_normal((5, 4)) * 0), np.zeros((5, 3)))
    check_gradients(lambda a, x: linalg.matvec(a, x) ** 2, M, RNG.standard_normal((2, 4)))
    check_gradients(lambda a, x: linalg.matvec(a, x, True) ** 2, M, V)


def test_transposes_and_cross_products():
    same(linalg.matrix_transpose(M), T(M))
    same(linalg.adjoint(M), T(M))
    a, b = RNG.standard_normal((4, 3)), RNG.standard_normal((4, 3))
    same(linalg.cross(a, b), np.cross(a, b))
    check_gradients(linalg.cross, a, b)


# ------------------------------------------------------------------------------------------------------------------- norms
@pytest.mark.parametrize("ord", ["euclidean", 1, 2, 3, 0.5, 2.5, np.inf])
@pytest.mark.parametrize("axis", [None, 1, [-1]], ids=str)
def test_vector_norms(ord, axis):
    numpy_ord = 2 if ord == "euclidean" else ord
    for keepdims in (None, True):
        x = M.reshape(-1) if axis is None else M
        expected = np.linalg.norm(x, numpy_ord, axis[0] if isinstance(axis, list) else axis, bool(keepdims) and axis is not None)
        same(linalg.norm(M, ord, axis, keepdims), np.reshape(expected, (1, 1, 1)) if axis is None and keepdims else expected)
    check_gradients(lambda t: linalg.norm(t, ord, axis), M, step=1e-4)


@pytest.mark.parametrize("ord", ["euclidean", "fro", 1, 2, np.inf])
@pytest.mark.parametrize("axis", [(-2, -1), (2, 0)])
def test_matrix_norms(ord, axis):
    for keepdims in (False, True):
        same(linalg.norm(M, ord, axis, keepdims), np.linalg.norm(M, "fro" if ord == "euclidean" else ord, axis, keepdims))
    check_gradients(lambda t: linalg.norm(t, ord, axis), M)


def test_norms_of_tiny_and_huge_vectors():
    for size in (1e-300, 1e300):
        for ord, length in (("euclidean", 13), (1, 19), (3, 1819 ** (1 / 3)), (np.inf, 12)):
            assert float(linalg.norm(V * size, ord)) / size == pytest.approx(length)
            assert np.isfinite(gradient(lambda t: linalg.norm(t, ord), V * size)[0]).all()


@pytest.mark.parametrize("ord", ["euclidean", 3, 0.5, 2.5])
def test_norms_of_infinities_and_of_nothing(ord):
    same(linalg.norm(np.array([[-np.inf, 1.0], [np.nan, 1.0], [0.0, 0.0], [2.0, 0.0]]), ord, 1), np.array([np.inf, np.nan, 0.0, 2.0]))
    (slopes,) = gradient(lambda t: linalg.norm(t, ord, 1), np.array([[-np.inf, 1.0], [0.0, 2.0]]))
    assert slopes.tolist() == [[-1, 0], [0, 1]]
    for shape, axis in (((0,), None), ((2, 0), -1), ((0, 3), 0)):
        same(linalg.norm(np.zeros(shape), ord, axis), np.zeros(shape[:-1] if axis == -1 else shape[1:]))


def test_norms_have_the_gradient_zero_at_zero():
    for ord in ("euclidean", 1, 3, 0.5):
        same(linalg.norm(np.zeros(2), ord), np.float64(0))
        assert gradient(lambda t: linalg.norm(t, ord), np.zeros(2))[0].tolist() == [0, 0]


def test_normalize_and_global_norm():
    unit, length = linalg.normalize(V)
    same(unit, V / 13)
    same(length, np.array([13.0]))
    same(linalg.global_norm([V, None, np.array(84.0)]), np.float64(85))
    assert gradient(lambda t: linalg.global_norm([t]), np.zeros(2))[0].tolist() == [0, 0]


def test_clipping_by_norm():
    same(ad.clip_by_norm(V, 26.0), V, 0)
    same(ad.clip_by_norm(V, 6.5), V / 2)
    same(ad.clip_by_norm(M, 0.5, axes=[2]), M * np.minimum(1, 0.5 / np.linalg.norm(M, axis=2, keepdims=True)))
    same(ad.clip_by_norm(np.zeros(2), 1.0), np.zeros(2))
    clipped, length = ad.clip_by_global_norm([V, None], 6.5)
    same(clipped[0], V / 2)
    same(length, np.float64(13))
    assert clipped[1] is None
    same(ad.clip_by_global_norm([V], 6.5, use_norm=26.0)[0][0], V / 4)
    for worst in (np.inf, np.nan):
        clipped, length = ad.clip_by_global_norm([V, [worst]], 6.5)
        assert not np.isfinite(length) and np.isnan(clipped[0].numpy()).all() and np.isnan(clipped[1].numpy()).all()
    check_gradients(lambda t: ad.clip_by_norm(t, 6.5), V)
    check_gradients(lambda t: ad.clip_by_global_norm([t, t * t], 6.5)[0], V)


# --------------------------------------------------------------------------------------------------------------- diagonals
def test_diagonals_made():
    for k in (-2, -1, 0, 1):
        same(linalg.diag(V, k=k), np.diag(V, k))
        check_gradients(lambda d: linalg.diag(d, k=k) ** 2, V)
    same(linalg.diag(M)[1, 2], np.diag(M[1, 2]))
    same(linalg.diag(V[:2], k=1, num_rows=2, num_cols=4), np.array([[0, 3.0, 0, 0], [0, 0, -4.0, 0]]))
    same(linalg.diag([1, 2], padding_value=7), np.int32([[1, 7], [7, 2]]))
    same(linalg.tensor_diag([[1.0, 2.0]]), np.diag([1.0, 2.0]).reshape(1, 2, 1, 2).astype("f4"))


def test_diagonals_taken():
    for k in (-2, -1, 0, 1, 3):
        same(linalg.diag_part(M, k=k), np.diagonal(M, k, 1, 2))
        check_gradients(lambda x: linalg.diag_part(x, k=k) ** 2, M)
    same(linalg.trace(A), np.trace(A, axis1=1, axis2=2))
    same(linalg.diag_part(np.ones((2, 0, 4))), np.ones((2, 0)))
    same(linalg.trace(np.ones((2, 0, 4))), np.zeros(2))
    same(linalg.tensor_diag_part(np.arange(16.0).reshape(2, 2, 2, 2)), np.array([[0, 5.0], [10, 15]]))
    check_gradients(lambda x: linalg.trace(x) ** 2, A)


def test_diagonals_replaced():
    for k in (-1, 0, 2):
        d = np.diagonal(M, k, 1, 2) * 2
        expected = M.copy()
        rows, columns = np.nonzero(np.eye(3, 4, k))
        expected[:, rows, columns] = d
        same(linalg.set_diag(M, d, k=k), expected)
        check_gradients(lambda x, y: linalg.set_diag(x, y, k=k) ** 2, M, d)


def test_bands():
    for lower, upper in ((0, 0), (1, -1), (-1, 0), (-1, -1), (0, 2)):
        expected = np.where([[(lower < 0 or i - j <= lower) and (upper < 0 or j - i <= upper) for j in range(4)] for i in range(3)], M, 0)
        same(linalg.band_part(M, lower, upper), expected)


# ----------------------------------------------------------------------------------------------------------- decompositions
def test_inverse_and_determinant():
    same(linalg.inv(A), np.linalg.inv(A))
    same(linalg.inv(A, adjoint=True), T(np.linalg.inv(A)))
    same(linalg.det(A), np.linalg.det(A))
    sign, size = linalg.slogdet(-A)
    same(sign, np.linalg.slogdet(-A)[0])
    same(size, np.linalg.slogdet(-A)[1])
    same(linalg.logdet(S), np.linalg.slogdet(S)[1])
    for f in (linalg.inv, linalg.det, lambda x: linalg.slogdet(x)[1]):
        check_gradients(f, A)


def test_equations():
    same(linalg.solve(A, M), np.linalg.solve(A, M))
    same(linalg.solve(A, M, adjoint=True), np.linalg.solve(T(A), M))
    same(linalg.triangular_solve(A, M), np.linalg.solve(np.tril(A), M))
    same(linalg.triangular_solve(A, M, lower=False), np.linalg.solve(np.triu(A), M))
    same(linalg.cholesky_solve(np.linalg.cholesky(S), M), np.linalg.solve(S, M), 1e-11)
    check_gradients(linalg.solve, A, M)
    check_gradients(lambda a, b: linalg.solve(a, b, adjoint=True), A, M)
    for lower in (True, False):
        for adjoint in (True, False):
            check_gradients(lambda a, b: linalg.triangular_solve(a, b, lower, adjoint), A, M)


def test_least_squares():
    a, b = RNG.standard_normal((5, 2)), RNG.standard_normal((5, 3))
    same(linalg.lstsq(a, b), np.linalg.lstsq(a, b, rcond=None)[0], 1e-11)
    same(linalg.lstsq(T(a), b[:2]), np.linalg.lstsq(T(a), b[:2], rcond=None)[0], 1e-11)
    same(linalg.lstsq(a, b, 0.5), np.linalg.solve(T(a) @ a + 0.5 * np.eye(2), T(a) @ b), 1e-11)
    check_gradients(linalg.lstsq, a, b)


def test_cholesky():
    same(linalg.cholesky(S), np.linalg.cholesky(S))
    check_gradients(lambda x: linalg.cholesky(x + linalg.matrix_transpose(x)), S)


def test_eigenvalues_and_vectors():
    values, vectors = linalg.eigh(S)
    same(values, np.linalg.eigh(S)[0])
    same(linalg.eigvalsh(S), np.linalg.eigvalsh(S))
    same(linalg.matmul(S, vectors), vectors.numpy() * values.numpy()[:, None, :], 1e-10)

    def symmetric(x):
        return x + linalg.matrix_transpose(x)

    check_gradients(lambda x: linalg.eigvalsh(x) ** 2, S)
    check_gradients(lambda x: linalg.eigvalsh(symmetric(x)) ** 2, S)
    check_gradients(lambda x: linalg.eigh(symmetric(x))[1] ** 2, S)  # squares: the sign of a vector is free


@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 3), (2, 3, 4), (0, 3), (2, 3, 0)])
def test_singular_values_and_vectors(shape):
    x = np.random.default_rng(3).standard_normal(shape)
    s, u, v = linalg.svd(x)
    same(s, np.linalg.svd(x, compute_uv=False), 1e-12)
    same(linalg.svd(x, compute_uv=False), s.numpy())
    np.testing.assert_allclose((u.numpy() * s.numpy()[..., None, :]) @ T(v.numpy()), x, rtol=0, atol=1e-13)
    if x.size:
        check_gradients(lambda x: linalg.svd(x)[0] ** 2, x)
        check_gradients(lambda x: ad.concat(linalg.svd(x)[1:], -2) ** 2, x)         # squares: the sign of a pair is free
        check_gradients(lambda x: linalg.matmul(*linalg.svd(x)[1:], transpose_b=True) ** 3, x)


@pytest.mark.parametrize("shape", [(3, 3), (2, 5, 3), (2, 3, 5), (1, 4), (4, 1), (0, 3), (2, 3, 0)])
def test_orthonormal_and_triangular_factors(shape):
    x = np.random.default_rng(4).standard_normal(shape)
    q, r = linalg.qr(x)
    for got, want in zip((q, r), np.linalg.qr(x)):
        same(got, want, 1e-12)
    np.testing.assert_allclose(q.numpy() @ r.numpy(), x, rtol=0, atol=1e-13)
    if x.size:
        check_gradients(lambda x: linalg.qr(x)[0] ** 3, x)
        check_gradients(lambda x: linalg.qr(x)[1] ** 2, x)
        check_gradients(lambda x: ad.concat([linalg.qr(x)[0], linalg.matrix_transpose(linalg.qr(x)[1])], -2) ** 2, x)
    if shape[-2] <= shape[-1]:
        same(linalg.qr(x, full_matrices=True)[0], q.numpy())


def test_r_has_the_gradient_of_the_cholesky_factor():
    """r' is the factor of x' x but for signs."""
    x = np.random.default_rng(5).standard_normal((6, 3))
    w = np.random.default_rng(6).standard_normal((3, 3))
    (g,) = gradient(lambda x: ad.abs(linalg.matrix_transpose(linalg.qr(x)[1])) * w, x)
    (want,) = gradient(lambda x: ad.abs(linalg.cholesky(ad.matmul(x, x, transpose_a=True))) * w, x)
    np.testing.assert_allclose(g.numpy() if hasattr(g, "numpy") else g, want.numpy() if hasattr(want, "numpy") else want, rtol=1e-10)


def test_equal_singular_values_have_no_share_through_their_vectors():
    (g,) = gradient(lambda x: linalg.svd(x)[0], 2 * np.eye(3))
    same(ad.constant(g), np.eye(3))
    (g,) = gradient(lambda x: linalg.svd(x)[1] * 1.0, np.zeros((2, 2)))
    same(ad.constant(g), np.zeros((2, 2)))


@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 3), (2, 3, 4)])
def test_pseudo_inverses(shape):
    x = np.random.default_rng(3).standard_normal(shape) + 3 * np.eye(*shape[-2:])
    same(linalg.pinv(x), np.linalg.pinv(x), 1e-11)
    check_gradients(linalg.pinv, x)
    check_gradients(lambda x: linalg.matmul(linalg.pinv(x), x * x), x)


def test_the_pseudo_inverse_of_matrices_of_lower_rank():
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((5, 2)), rng.standard_normal((2, 4))
    same(linalg.pinv(a @ b), np.linalg.pinv(a @ b), 1e-11)
    check_gradients(lambda a, b: linalg.pinv(linalg.matmul(a, b)), a, b)               # of which the rank stays
    same(linalg.pinv(np.diag([4.0, 1.0]), rcond=0.5), np.diag([0.25, 0]))


@pytest.mark.parametrize("shape", [(3, 3), (4, 3), (3, 4)])
def test_the_pseudo_inverse_with_singular_values_that_count_as_0(shape):
    rng = np.random.default_rng(3)
    (u, _), (v, _) = (np.linalg.qr(rng.standard_normal((n, 3))) for n in shape)
    for s in ([3.0, 2.0, 0.5], [2.0, 2.0, 0.5], [2.0, 0.5, 0.4], [2.0, 1.0, 0.0]):
        x = u * s @ v.T
        same(linalg.pinv(x, 0.3), np.linalg.pinv(x, 0.3), 1e-11)
        check_gradients(lambda x: linalg.pinv(x, 0.3), x, order=2 if len({0.0, *s}) == 4 else 1)
    both = np.stack([u * [3.0, 2.0, 0.5] @ v.T, u * [1.0, 0.9, 0.8] @ v.T])
    same(linalg.pinv(both, [0.3, 0.85]), np.stack([np.linalg.pinv(both[0], 0.3), np.linalg.pinv(both[1], 0.85)]), 1e-11)
    same(linalg.pinv(both, [0.3, 1.0]), np.stack([np.linalg.pinv(both[0], 0.3), np.zeros(shape[::-1])]), 1e-11)     # all of them
    assert not linalg.pinv(both, 2.0).numpy().any() and not gradient(lambda x: linalg.pinv(x, 1.0), both)[0].any()
    assert gradient(lambda x: linalg.pinv(x, 0.1), np.eye(3))[0].tolist() == (-np.ones((3, 3))).tolist()


@pytest.mark.parametrize("size", [1e-8, 0.1, 1, 5, 30])
def test_the_exponential_of_a_matrix(size):
    x = np.random.default_rng(3).standard_normal((4, 4)) * size
    with mpmath.workdps(50):
        expected = np.array(mpmath.expm(mpmath.matrix(x.tolist()), method="taylor").tolist(), float)
    np.testing.assert_allclose(linalg.expm(x).numpy(), expected, rtol=0, atol=4e-15 * (1 + size) * np.abs(expected).max())
    check_gradients(lambda x: linalg.expm(x) / np.abs(expected).max(), x)
    assert np.isnan(linalg.expm([[np.nan, 0], [0, np.inf]]).numpy()).any() and linalg.expm(np.zeros((0, 0))).shape == (0, 0)


@pytest.mark.parametrize("f", [linalg.eigvalsh, lambda x: linalg.svd(x)[0], linalg.pinv, lambda x: linalg.slogdet(x)[0] * linalg.slogdet(x)[1], linalg.expm])
def test_decompositions_are_replayed(f):
    def both(x):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        return y, tape.gradient(y, x)

    traced = ad.function(both)
    for k in range(4):
        x = ad.constant(np.random.default_rng(k).standard_normal((3, 3)) * (k + 1))
        for got, expected in zip(traced(x), both(x)):
            np.testing.assert_array_equal(got.numpy(), expected.numpy())
    assert "given" in str(traced.program(x))


@pytest.mark.parametrize("n, k", [(1, 1), (2, 3), (7, 1), (8, 8), (9, 2), (30, 1), (33, 40), (150, 64)])
@pytest.mark.parametrize("lower, adjoint", [(True, True), (True, False), (False, True), (False, False)])
def test_triangles_of_any_size_are_solved(n, k, lower, adjoint):
    """By the residual, which substitution keeps below a few roundings of what was added up; nan beside the triangle does no harm."""
    rng = np.random.default_rng(100 * n + k)
    a, b = rng.standard_normal((n, n)) + 3 * np.eye(n), rng.standard_normal((n, k))
    kept = np.tril(a) if lower else np.triu(a)
    a[kept == 0] = np.nan
    x = linalg.triangular_solve(a, b, lower, adjoint).numpy()
    t = kept.T if adjoint else kept
    assert (np.abs(t @ x - b) <= 2e-16 * (n + 1) * (np.abs(t) @ np.abs(x))).all()
    np.testing.assert_array_equal(linalg.triangular_solve(a.astype("f4"), b.astype("f4"), lower, adjoint).numpy(),
                                  linalg.triangular_solve(a.astype("f4").astype("f8"), b.astype("f4").astype("f8"), lower, adjoint).numpy().astype("f4"))
    g = gradient(lambda a: ad.reduce_sum(linalg.triangular_solve(a, b, lower, adjoint) ** 2), a)[0]
    assert np.isfinite(g).all() and (g[kept == 0] == 0).all()


DECOMPOSED = {
    "inv": linalg.inv, "det": linalg.det, "slogdet": lambda x: linalg.slogdet(x)[1], "solve": lambda x: linalg.solve(x, x[..., :2] + 1.0),
    "solve adjoint": lambda x: linalg.solve(x, x[..., :2] + 1.0, adjoint=True), "one for all": lambda x: linalg.solve(x[..., 0, :, :] if x.ndim > 2 else x, x + 1.0),
    "triangle": lambda x: linalg.triangular_solve(x, x[..., :2] + 1.0, lower=False), "triangle adjoint": lambda x: linalg.triangular_solve(x, x[..., :2] + 1.0, adjoint=True),
    "cholesky": lambda x: linalg.cholesky(linalg.matmul(x, x, transpose_b=True)), "eigh": lambda x: linalg.eigh(x)[0][..., None, :] * linalg.eigh(x)[1] ** 2,
    "svd": lambda x: linalg.svd(x[..., :2])[1] ** 2, "qr": lambda x: linalg.qr(x[..., :2])[1], "wide qr": lambda x: linalg.qr(x[..., :2, :])[0], "pinv": lambda x: linalg.pinv(x[..., :2]),
    "slope of det": lambda x: ad.grad(lambda x: ad.reduce_sum(linalg.det(x)))(x),
}  # fmt: skip


def python_calls(f, *args):
    """What Python runs within f."""
    calls = []
    sys.setprofile(lambda frame, event, _: calls.append(frame.f_code.co_qualname if hasattr(frame.f_code, "co_qualname") else frame.f_code.co_name) if event == "call" else None)
    try:
        f(*args)
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", DECOMPOSED)
def test_a_replay_runs_no_python_between_decompositions_and_their_gradients(name, dtype):
    f = DECOMPOSED[name]

    def both(x):
        with ad.GradientTape(persistent=True) as outer:
            outer.watch(x)
            with ad.GradientTape() as tape:
                tape.watch(x)
                y = f(x)
            g = tape.gradient(y, x)
        return y, g, outer.gradient(g, x)

    traced = ad.function(both)
    for k, shape in enumerate([(3, 3), (3, 3), (2, 3, 3), (2, 3, 3)]):
        x = ad.constant(np.random.default_rng(k).standard_normal(shape) + 2 * np.eye(3), dtype)
        for got, expected in zip(traced(x), both(x)):
            np.testing.assert_array_equal(got.numpy(), expected.numpy())
    assert python_calls(traced, x) == []


def test_tapes_around_a_replay_have_gradients_of_decompositions_in_it():
    f = ad.function(lambda a, b: (linalg.logdet(a), ad.reduce_sum(linalg.solve(a, b) ** 2), linalg.inv(a)))
    for which in ([0], [1], [0, 2], [0, 1, 2]):                     # each is a gradient of its own
        a, b = ad.constant(S[0]), ad.constant(M[0])
        found = []
        for g in (f, f, f.python_function):
            with ad.GradientTape() as tape:
                tape.watch([a, b])
                y = g(a, b)
            found.append([t.numpy() for t in tape.gradient([y[k] for k in which], [a, b], unconnected_gradients="zero")])
        for got in found[:2]:
            for x, expected in zip(got, found[2]):
                np.testing.assert_allclose(x, expected, rtol=1e-13)


def test_a_stored_replay_decomposes():
    f = ad.function(ad.value_and_grad(lambda a: linalg.logdet(a) + ad.reduce_sum(linalg.eigh(a)[0] ** 2)))
    value, slope = f(S[0])
    again = pickle.loads(pickle.dumps(f))
    for got, expected in zip(again(ad.constant(S[0])), (value, slope)):
        np.testing.assert_array_equal(got.numpy(), expected.numpy())


def test_a_replay_that_meets_a_singular_matrix_says_so_and_goes_on():
    f = ad.function(lambda a: linalg.inv(a) @ a)
    for a, holds in [(np.eye(2) * 2, True), (np.ones((2, 2)), False), (np.eye(2) * 4, True)]:
        if holds:
            np.testing.assert_array_equal(f(a).numpy(), np.eye(2))
        else:
            with pytest.raises(errors.InvalidArgumentError, match="^inv: Input matrix is not invertible$"):
                f(a)


def test_a_numpy_without_a_part_of_lapack_is_named():
    names = {name: getattr(_core.numpy_lapack, name) for names in _core.LAPACK_NAMES for name in names if hasattr(_core.numpy_lapack, name)}
    try:
        assert len(_core.set_lapack(None)) == len(_core.LAPACK_NAMES)
        assert _core.set_lapack(types.SimpleNamespace(**{name: f for name, f in names.items() if name != "inv"}, inv=np.add)) == []
        assert _core.set_lapack(types.SimpleNamespace(**{name: f for name, f in names.items() if name != "inv"}, inv=max)) == ["inv"]
        with pytest.raises(errors.UnimplementedError, match=f"^inv: NumPy {np.__version__} has not the part of LAPACK"):
            linalg.inv(S)
    finally:
        assert _core.set_lapack(_core.numpy_lapack) == []
    same(linalg.inv(S), np.linalg.inv(S))


@pytest.mark.parametrize("rcond", [None, 1e-6, np.float64(1e-6), np.float32(1e-6), np.array([1e-6, 0.5])])
def test_what_counts_as_0_has_no_say_in_the_dtype(rcond):
    for dtype in ("float32", "float64"):
        assert linalg.pinv(ad.constant(M, dtype), rcond).dtype == dtype


@pytest.mark.parametrize("shape", [(0, 3, 3), (2, 0, 0), (0, 0)])
def test_of_no_matrices_and_of_no_elements(shape):
    x = np.zeros(shape)
    for f in (linalg.inv, linalg.cholesky, linalg.pinv, linalg.det, lambda x: linalg.solve(x, x)):
        assert f(x).shape == gradient(f, x)[0].shape[: f(x).ndim]
    np.testing.assert_array_equal(linalg.det(x).numpy(), np.linalg.det(x))
    assert linalg.eigh(x)[1].shape == linalg.svd(x)[1].shape == linalg.qr(x)[0].shape == shape


def test_shapes_that_cannot_be():
    with pytest.raises(errors.ShapeError):
        ops.solve(ad.constant(S), ad.constant(M[:, :2]), adjoint=0)
    with pytest.raises(errors.ShapeError):
        ops.inv(ad.constant(M))
    with pytest.raises(errors.ShapeError):
        ops.det(ad.constant(V))


def test_second_derivatives_of_decompositions():
    x = np.random.default_rng(8).standard_normal((3, 3))
    for f in (lambda x: linalg.eigh(x)[1] ** 3, lambda x: linalg.svd(x)[1] ** 2, linalg.pinv, linalg.expm):
        check_gradients(lambda x: ad.grad(lambda x: ad.reduce_sum(ad.sin(f(x))))(x), x)


def determinant(a):
    """By the definition; exact for small integers."""
    orders = list(itertools.permutations(range(len(a))))
    signs = [(-1) ** sum(p > q for p, q in itertools.combinations(order, 2)) for order in orders]
    return sum(sign * np.prod([a[i, j] for i, j in enumerate(order)]) for sign, order in zip(signs, orders))


def cofactors(a):
    n = len(a)
    return np.array([[(-1) ** (i + j) * determinant(np.delete(np.delete(a, i, 0), j, 1)) for j in range(n)] for i in range(n)])


@pytest.mark.parametrize("n, rank", [(n, rank) for n in (1, 2, 3, 4) for rank in range(n + 1)])
def test_det_has_its_slopes_at_singular_matrices(n, rank):
    """Integers, so that the rank is exact; a second derivative is the slope of a cofactor, which is linear in any one entry."""
    rng = np.random.default_rng(10 * n + rank)
    a = (rng.integers(-3, 4, (n, rank)) @ rng.integers(-3, 4, (rank, n))).astype(float)
    right = cofactors(a)
    f = ad.function(ad.grad(ad.linalg.det))
    for got in (gradient(ad.linalg.det, a)[0], f(a).numpy(), f(a).numpy()):
        np.testing.assert_allclose(got, right, atol=1e-12 * max(1, abs(right).max()))
    h = ad.hessian(ad.linalg.det)(ad.constant(a)).numpy()
    for i in range(n):
        for j in range(n):
            beside = a.copy()
            beside[i, j] += 1
            slope = cofactors(beside) - right
            np.testing.assert_allclose(h[:, :, i, j], slope, atol=1e-12 * max(1, abs(slope).max()))
    with ad.GradientTape(precise=True) as outer:
        x = ad.constant(a)
        outer.watch(x)
        with ad.GradientTape(precise=True) as tape:
            tape.watch(x)
            y = ad.linalg.det(x)
        g = tape.gradient(y, x)
        s = ad.reduce_sum(g * ad.constant(np.arange(n * n, dtype=float).reshape(n, n)))
    np.testing.assert_array_equal(g, right)
    np.testing.assert_allclose(outer.gradient(s, x), np.einsum("ijkl,ij->kl", h, np.arange(n * n).reshape(n, n)), atol=1e-9)


@pytest.mark.parametrize("n", [2, 3])
def test_cofactors_of_few_rows_have_their_digits_where_the_inverse_has_none(n):
    """Of nearly singular matrices; exactly, in integers: the numbers are whole after a power of two."""
    rng = np.random.default_rng(n)
    a = np.outer(rng.normal(size=n), rng.normal(size=n)) + 1e-12 * rng.normal(size=(20, n, n))
    whole = [np.array([[int(x * 2.0**100) for x in row] for row in m], object) for m in a]
    right = np.array([[[float(Fraction(x, 2 ** (100 * (n - 1)))) for x in row] for row in cofactors(m).tolist()] for m in whole])

    def f(x):
        return ad.reduce_sum(ad.linalg.det(x))

    slopes = ad.hessian(f)(a[:1]).numpy()
    for got in (gradient(f, a)[0], ad.function(ad.grad(f))(a).numpy()):
        np.testing.assert_allclose(got, right, rtol=1e-15)
    for i in range(n):
        for j in range(n):
            beside = whole[0].copy()
            beside[i, j] += 1 << 100
            slope = [[float(Fraction(x - y, 2 ** (100 * (n - 1)))) for x, y in zip(*rows)] for rows in zip(cofactors(beside).tolist(), cofactors(whole[0]).tolist())]
            np.testing.assert_allclose(slopes[0, :, :, 0, i, j], slope, rtol=1e-15)


def test_det_has_third_slopes_where_there_is_an_inverse_and_says_so_where_there_is_none():
    def third(x):
        return ad.grad(lambda x: ad.reduce_sum(ad.sin(ad.grad(lambda x: ad.reduce_sum(ad.cos(ad.grad(ad.linalg.det)(x))))(x))))(x)

    for a in (A[0], np.eye(4) + np.arange(16).reshape(4, 4) % 5 / 4):
        check_gradients(lambda x: ad.grad(lambda x: ad.reduce_sum(ad.cos(ad.grad(ad.linalg.det)(x))))(x), a, order=1)
        check_gradients(third, a, order=1)
    with pytest.raises(errors.InvalidArgumentError, match="inv: Input matrix is not invertible"):
        third(ad.constant(np.ones((4, 4))))


def test_cofactors_of_batches_and_beyond_the_format():
    a = np.stack([np.eye(2) * 1e-200, np.eye(2) * 1e200, np.ones((2, 2)), [[1.0, 2], [3, 4]], [[np.nan, 1], [1, 1]], [[np.inf, 1], [1, 1]]])
    right = [np.eye(2) * 1e-200, np.eye(2) * 1e200, [[1, -1], [-1, 1]], [[4, -3], [-2, 1]]]
    with np.errstate(over="ignore", invalid="ignore"):      # (of the determinant itself)
        got = gradient(ad.linalg.det, a)[0]
        assert np.isnan(ad.hessian(ad.linalg.det)(ad.constant(a[4])).numpy()).all()
    np.testing.assert_allclose(got[:4], right, rtol=1e-14)
    assert np.isnan(got[4:]).any(axis=(1, 2)).all()
    assert gradient(ad.linalg.det, np.zeros((3, 0, 0)))[0].shape == (3, 0, 0)
    np.testing.assert_allclose(gradient(ad.linalg.det, np.ones((2, 2), "f4"))[0], [[1, -1], [-1, 1]], rtol=1e-6)


def test_float32_stays_float32():
    a = A.astype("f4")
    for f in (linalg.inv, linalg.det, linalg.norm, linalg.trace, lambda x: linalg.cholesky(linalg.matmul(x, x, False, True))):
        assert f(a).dtype == "float32"
        assert gradient(f, a)[0].dtype == "float32"


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: linalg.matmul(M, M), errors.ShapeError, "matmul: (2, 3, 4) @ (2, 3, 4): the inner sizes 4 and 3 differ"),
        (lambda: linalg.matmul(M, M, transpose_a=True, transpose_b=True), errors.ShapeError,
         "matmul: (2, 3, 4) @ (2, 3, 4): the inner sizes 3 and 4 differ"),
        (lambda: linalg.matmul(V, M), errors.ShapeError,
         "matmul: Shape (3,) must have rank at least 2; use ad.linalg.matvec(a, x) or ad.tensordot"),
        (lambda: linalg.matmul(M, M, transpose_a=True, adjoint_a=True), ValueError,
         "matmul: Only one of `transpose_a` and `adjoint_a` can be True"),
        (lambda: linalg.matvec(M, V), errors.ShapeError, "matvec: (2, 3, 4) @ (3,): the inner sizes 4 and 3 differ"),
        (lambda: linalg.matvec(V, V), errors.ShapeError, "matvec: Shape (3,) must have rank at least 2"),
        (lambda: linalg.cross(M, M), errors.ShapeError, "cross: the last dimension must have 3 elements, got shape (2, 3, 4)"),
        (lambda: linalg.norm(M, "abc"), ValueError, "norm: ord must be 'euclidean', 'fro', inf or a positive number, got 'abc'"),
        (lambda: linalg.norm(M, -1), ValueError, "norm: ord must be 'euclidean', 'fro', inf or a positive number, got -1"),
        (lambda: linalg.norm(M, "fro"), ValueError, "norm: ord 'fro' is of matrices: give a pair of axes; of vectors it is 'euclidean'"),
        (lambda: linalg.norm(M, 3, (0, 1)), ValueError, "norm: ord of matrices must be 'euclidean', 'fro', 1, 2 or inf, got 3"),
        (lambda: linalg.norm(M, 2, (0, 1, 2)), ValueError, "norm: axis must be None, an integer or a pair of integers, got (0, 1, 2)"),
        (lambda: linalg.norm(M, 1, 3), errors.ShapeError, "norm: axis 3 is out of range for rank 3: expected -3 to 2"),
        (lambda: linalg.norm([1, 2]), errors.DtypeError, "norm: got int32, takes float32 or float64: write it as a float (1.0, not 1), or cast it"),
        (lambda: linalg.global_norm(V), TypeError, "global_norm: t_list must be a list, got array([ 3., -4., 12.])"),
        (lambda: linalg.diag(V, num_rows=2), errors.ShapeError, "diag: 3 elements are not diagonal 0 of a matrix of 2 rows and 3 columns"),
        (lambda: linalg.diag(V, k=(0, 1)), errors.ShapeError, "diag: Shape (3,) must have rank at least 2"),
        (lambda: linalg.diag_part(M, k=4), errors.ShapeError, "diag_part: there is no diagonal 4 in matrices of shape (3, 4)"),
        (lambda: linalg.set_diag(M, V), errors.ShapeError, "set_diag: diagonal 0 of a tensor of shape (2, 3, 4) has shape (2, 3), got (3,)"),
        (lambda: linalg.tensor_diag_part(M), errors.ShapeError, "tensor_diag_part: both halves of the shape must be equal, got (2, 3, 4)"),
        (lambda: linalg.trace(V), errors.ShapeError, "diag_part: Shape (3,) must have rank at least 2"),
        (lambda: linalg.inv(M), errors.ShapeError, "inv: Input matrix must be square, got shape (2, 3, 4)"),
        (lambda: linalg.inv(np.zeros((2, 2))), errors.InvalidArgumentError, "inv: Input matrix is not invertible"),
        (lambda: linalg.solve(np.zeros((2, 2)), np.ones((2, 1))), errors.InvalidArgumentError,
         "solve: Input matrix is not invertible"),
        (lambda: linalg.svd(M, full_matrices=True), errors.UnimplementedError, "svd: full_matrices=True is implemented for square matrices only: "
         "for others their vectors beyond the singular values are any that fill a space, and have no gradient"),
        (lambda: linalg.qr(V), errors.ShapeError, "qr: Shape (3,) must have rank at least 2"),
        (lambda: linalg.svd(V), errors.ShapeError, "svd: Shape (3,) must have rank at least 2"),
        (lambda: linalg.svd([[np.nan]]), errors.InvalidArgumentError, "svd: the matrix must be finite"),
        (lambda: linalg.solve(A, V), errors.ShapeError, "solve: Shape (3,) must have rank at least 2"),
        (lambda: linalg.solve(A, M[:, :2]), errors.ShapeError, "solve: (2, 3, 3) @ (2, 2, 4): the inner sizes 3 and 2 differ"),
        (lambda: linalg.cholesky(-np.eye(2)), errors.InvalidArgumentError,
         "cholesky: the matrix must be symmetric positive definite"),
    ],
)  # fmt: skip
def test_misuse_is_said(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_products_of_every_shape_near_the_sizes_of_tiles_and_vectors(dtype):
    rng = np.random.default_rng(0)
    for m, n, k in itertools.product((1, 2, 5, 13, 25), (*range(1, 19), 33), (1, 3, 17, 40)):
        a, b = rng.normal(size=(m, k)).astype(dtype), rng.normal(size=(k, n)).astype(dtype)
        expected = a.astype("float64") @ b.astype("float64")
        for flip_a, flip_b in itertools.product((False, True), repeat=2):
            got = linalg.matmul(a.T if flip_a else a, b.T if flip_b else b, transpose_a=flip_a, transpose_b=flip_b)
            np.testing.assert_allclose(got, expected, rtol=0, atol=k * 8 * np.finfo(dtype).eps)


def test_a_nan_in_one_row_stays_in_its_row():
    a, b = np.ones((30, 5)), np.ones((5, 3))
    a[7, 2], a[9, 1] = np.nan, np.inf
    y = linalg.matmul(a, b).numpy()
    assert np.isnan(y[7]).all() and np.isinf(y[9]).all() and np.isfinite(np.delete(y, [7, 9], axis=0)).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("m, n, k", [(1, 1, 512), (3, 1, 1000), (5, 7, 639), (33, 64, 2100), (20, 3, 9_001), (128, 128, 700)])
def test_tall_products_are_no_less_exact_than_blas_and_the_same_on_any_number_of_threads(m, n, k, dtype):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(k, m)).astype(dtype), rng.normal(size=(k, n)).astype(dtype)
    exact, scale = a.T.astype(np.longdouble) @ b.astype(np.longdouble), np.abs(a.T).astype(np.longdouble) @ np.abs(b)
    before, got = ad.config.get_num_threads(), []
    for threads in (1, 2, 5):
        ad.config.set_num_threads(threads)
        got.append(ad.matmul(a, b, transpose_a=True).numpy())
    ad.config.set_num_threads(before)
    assert got[0].tobytes() == got[1].tobytes() == got[2].tobytes()
    worst, blas = (np.max(np.abs(c - exact) / scale) for c in (got[0], a.T @ b))
    assert worst <= max(1.5 * blas, 4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("call", [np.linalg.cholesky, np.linalg.inv, lambda a: np.linalg.solve(a, a), linalg.cholesky, linalg.inv, linalg.logdet, linalg.lu,
                                  ad.function(linalg.cholesky), ad.function(ad.grad(lambda a: ad.reduce_sum(np.linalg.inv(a)))),
                                  lambda a: linalg.tridiagonal_solve(a, a[0], diagonals_format="matrix")])  # fmt: skip
def test_who_catches_numpys_error_of_matrices_catches_ours(call):
    """As who adds to the diagonal until there is a Cholesky factor."""
    call(ad.constant([[2.0, 1.0], [1.0, 2.0]]))
    for _ in range(2):
        with pytest.raises(np.linalg.LinAlgError) as caught:
            call(ad.constant([[0.0, 0.0], [0.0, 0.0]]))
        assert isinstance(caught.value, errors.InvalidArgumentError)
