"""Matrices given by some of their diagonals: products, equations, eigenvalues, held against full matrices."""

import warnings

import numpy as np
import pytest
from differences import check_gradients

import autodiff as ad
from autodiff import errors, linalg

RNG = np.random.default_rng(5)
D = np.array([[1.0, 2.0, 9.0], [4.0, 5.0, 6.0], [9.0, 1.0, 2.0]])
V = RNG.normal(size=(3, 2))


def full(d):
    n = d.shape[-1]
    return np.diag(d[1]) + (np.diag(d[0, :-1], 1) + np.diag(d[2, 1:], -1) if n > 1 else 0)


def diagonals(n, kind, batch=()):
    """Of a random matrix; of one whose diagonal outweighs the rest in its rows, or in its columns; of a discrete Laplacian."""
    d = RNG.normal(size=(*batch, 3, n))
    if kind == "laplacian":
        d = np.broadcast_to(np.array([-1.0, 2.0, -1.0])[:, None], d.shape).copy()
    if kind in ("rows", "columns"):
        d[..., 1, :] = np.sign(d[..., 1, :]) * (0.1 + sum(np.abs(d[..., k, :]) for k in (0, 2)))
        if kind == "columns":
            d[..., 0, :-1], d[..., 2, 1:] = d[..., 2, 1:].copy(), d[..., 0, :-1].copy()
    return d


def test_products_are_those_of_full_matrices():
    for n in (1, 2, 5):
        d, x = diagonals(n, "random", (2,)), RNG.normal(size=(2, n, 3))
        for dtype, rtol in (("float32", 1e-5), ("float64", 1e-13)):
            got = linalg.tridiagonal_matmul(d.astype(dtype), x.astype(dtype))
            assert got.dtype == dtype
            np.testing.assert_allclose(got.numpy(), np.array([full(each) for each in d]) @ x, rtol=rtol, atol=rtol)
        check_gradients(lambda d, x: linalg.tridiagonal_matmul(d, x) ** 2, d, x)
    assert linalg.tridiagonal_matmul(np.zeros((3, 0)), np.zeros((0, 2))).shape == (0, 2)
    x = np.array([[np.inf], [1.0], [1.0]])
    np.testing.assert_array_equal(linalg.tridiagonal_matmul(D, x).numpy(), [[np.inf], [np.inf], [8.0]])


def test_diagonals_are_given_in_three_ways():
    matrix = full(D)
    ways = [(D, "compact"), (list(D), "sequence"), ((D[0, :2], D[1], D[2, 1:]), "sequence"), (matrix, "matrix")]
    for d, form in ways:
        np.testing.assert_allclose(linalg.tridiagonal_matmul(d, V, form).numpy(), matrix @ V, rtol=1e-14)
        np.testing.assert_allclose(linalg.tridiagonal_solve(d, V, diagonals_format=form).numpy(), np.linalg.solve(matrix, V), rtol=1e-12)
    assert linalg.tridiagonal_solve([[4.0]], [[8.0]], "matrix").numpy().tolist() == [[2.0]]


def test_right_hand_sides_are_given_in_three_ways():
    x = linalg.tridiagonal_solve(D, V).numpy()
    np.testing.assert_array_equal(linalg.tridiagonal_solve(D, V[:, 0]).numpy(), x[:, 0])
    np.testing.assert_array_equal(linalg.tridiagonal_solve(D, V.T, transpose_rhs=True).numpy(), x)
    both = linalg.tridiagonal_solve(np.stack([D, 2 * D]), np.stack([V[:, 0], V[:, 1]])).numpy()
    np.testing.assert_allclose(both, [x[:, 0], x[:, 1] / 2], rtol=1e-14)


@pytest.mark.parametrize("n", [1, 2, 3, 40, 41, 42, 81, 82, 83, 100, 163, 164, 500])
@pytest.mark.parametrize("kind", ["random", "rows", "columns", "laplacian"])
def test_solutions_solve(n, kind):
    d, b = diagonals(n, kind), RNG.normal(size=(n, 2))
    matrix = full(d)
    x = linalg.tridiagonal_solve(d, b).numpy()
    scale = np.abs(matrix).sum(axis=1).max() * np.abs(x).max() + np.abs(b).max()
    assert np.abs(matrix @ x - b).max() <= 50 * 2.0**-53 * scale            # as backward stable as LAPACK
    if kind != "random":
        without = linalg.tridiagonal_solve(d, b, partial_pivoting=False).numpy()
        np.testing.assert_array_equal(without, x)
    single = linalg.tridiagonal_solve(d.astype("f4"), b.astype("f4"))
    assert single.dtype == "float32" and np.abs(matrix @ single.numpy() - b).max() <= 200 * 2.0**-24 * scale


def test_batches_are_solved_one_by_one():
    d, b = diagonals(90, "rows", (2, 3)), RNG.normal(size=(2, 3, 90, 2))
    x = linalg.tridiagonal_solve(d, b).numpy()
    for i in range(2):
        for j in range(3):
            np.testing.assert_allclose(x[i, j], np.linalg.solve(full(d[i, j]), b[i, j]), rtol=1e-11)
    assert linalg.tridiagonal_solve(np.zeros((0, 3, 50)), np.zeros((0, 50, 2))).shape == (0, 50, 2)
    assert linalg.tridiagonal_solve(np.zeros((3, 0)), np.zeros((0, 2))).shape == (0, 2)
    assert linalg.tridiagonal_solve(np.zeros((3, 0)), np.zeros(0)).shape == (0,)


@pytest.mark.parametrize("n", [3, 50, 90])
@pytest.mark.parametrize("kind", ["random", "rows"])
def test_slopes_are_those_of_differences(n, kind):
    d, b = diagonals(n, "rows"), RNG.normal(size=(n, 1))
    if kind == "random":
        d[1] *= np.where(np.arange(n) == 1, 0.3, 1.0)                       # neither outweighs the others nor is it nearly singular
    check_gradients(lambda d, b: linalg.tridiagonal_solve(d, b), d, b, step=1e-4)
    check_gradients(lambda b: linalg.tridiagonal_solve(d, b[:, 0]) ** 2, b)


def test_what_is_ignored_has_no_gradient():
    d = ad.Variable(D)
    with ad.GradientTape() as tape:
        y = linalg.tridiagonal_solve(d, V)
    g = tape.gradient(y, d).numpy()
    assert g[0, 2] == g[2, 0] == 0 and (np.delete(g, [2, 6]) != 0).all()


@pytest.mark.parametrize("kind", ["rows", "random"])
def test_equations_are_replayed(kind):
    def f(d, b):
        with ad.GradientTape() as tape:
            tape.watch(d)
            y = linalg.tridiagonal_solve(d, b)
        return y, tape.gradient(y, d)

    recorded = ad.function(f)
    for _ in range(3):
        d, b = ad.constant(diagonals(60, kind)), ad.constant(RNG.normal(size=(60, 1)))
        for got, want in zip(recorded(d, b), f(d, b)):
            np.testing.assert_array_equal(got.numpy(), want.numpy())


def test_equations_without_pivots_are_mapped_over_rows():
    d, b = diagonals(90, "rows", (5,)), RNG.normal(size=(5, 90))
    with warnings.catch_warnings():
        warnings.simplefilter("error")                                      # of what is called row by row
        x = ad.vectorized_map(lambda each: linalg.tridiagonal_solve(each[0], each[1], partial_pivoting=False), (ad.constant(d), ad.constant(b)))
    np.testing.assert_allclose(x.numpy(), linalg.tridiagonal_solve(d, b).numpy(), rtol=1e-13)
    with np.errstate(all="ignore"):
        assert not np.isfinite(linalg.tridiagonal_solve(np.zeros((3, 90)), np.ones(90), partial_pivoting=False).numpy()).any()


def test_a_step_of_diffusion_keeps_its_heat():
    """(I - r L) u' = u, with L the second difference between walls: the sum of u stays, and so the slope of it by r is 0."""
    n, r = 200, ad.Variable(0.7, dtype="float64")
    u = np.exp(-((np.linspace(-3, 3, n)) ** 2))
    with ad.GradientTape() as tape:
        ends = ad.concat([[1.0], np.full(n - 2, 2.0), [1.0]], 0)
        beside = -r * ad.ones(n, "float64")
        heat = ad.reduce_sum(linalg.tridiagonal_solve([beside, 1.0 + r * ad.cast(ends, "float64"), beside], u, diagonals_format="sequence"))
    assert float(heat) == pytest.approx(u.sum(), rel=1e-14) and abs(float(tape.gradient(heat, r))) < 1e-12


# ------------------------------------------------------------------------------------------------------- triangles, eigenvalues
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("lower", [True, False])
def test_triangles_of_a_few_diagonals(count, lower):
    n = 5
    matrix = np.zeros((2, n, n))
    bands = RNG.normal(size=(2, count, n))
    bands[:, 0 if lower else -1] += 3
    for k in range(count):
        for i in range(n - k):
            matrix[:, i + k if lower else i, i if lower else i + k] = bands[:, k, i + k] if lower else bands[:, count - 1 - k, i]
    b = RNG.normal(size=(2, n, 2))
    np.testing.assert_allclose(linalg.banded_triangular_solve(bands, b, lower).numpy(), np.linalg.solve(matrix, b), rtol=1e-11)
    np.testing.assert_allclose(linalg.banded_triangular_solve(bands, b, lower, adjoint=True).numpy(), np.linalg.solve(np.swapaxes(matrix, 1, 2), b), rtol=1e-11)
    check_gradients(lambda x, b: linalg.banded_triangular_solve(x, b, lower), bands, b)


def test_eigenvalues_of_tridiagonal_matrices():
    a, b = RNG.normal(size=6), RNG.normal(size=5)
    matrix = np.diag(a) + np.diag(b, 1) + np.diag(b, -1)
    values, vectors = linalg.eigh_tridiagonal(a, b, eigvals_only=False)
    np.testing.assert_allclose(values.numpy(), np.linalg.eigvalsh(matrix), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(matrix @ vectors.numpy(), vectors.numpy() * values.numpy(), atol=1e-13)
    np.testing.assert_array_equal(linalg.eigh_tridiagonal(a, b, select="i", select_range=(1, 3)).numpy(), values.numpy()[1:4])
    np.testing.assert_array_equal(linalg.eigh_tridiagonal(a, b, select="v", select_range=(values.numpy()[1], values.numpy()[3])).numpy(), values.numpy()[2:4])
    assert linalg.eigh_tridiagonal(np.stack([a, a]), np.stack([b, b]), eigvals_only=False)[1].shape == (2, 6, 6)
    assert linalg.eigh_tridiagonal([2.0], []).numpy().tolist() == [2.0] and linalg.eigh_tridiagonal(a.astype("f4"), b.astype("f4")).dtype == "float32"
    check_gradients(lambda a, b: linalg.eigh_tridiagonal(a, b) ** 2, a, b)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: linalg.tridiagonal_solve(D * 0, V), errors.InvalidArgumentError, "tridiagonal_solve: Input matrix is not invertible"),
        (lambda: linalg.tridiagonal_solve([-np.ones(64), np.array([1.0, *[2.0] * 62, 1.0]), -np.ones(64)], np.ones(64), "sequence"),
         errors.InvalidArgumentError, "tridiagonal_solve: Input matrix is not invertible"),
        (lambda: linalg.tridiagonal_solve(D[:2], V), ValueError,
         "tridiagonal_solve: Expected 3 diagonals got 2: compact diagonals have shape (..., 3, m), got (2, 3)"),
        (lambda: linalg.tridiagonal_solve(D, V[:2]), ValueError, "tridiagonal_solve: diagonals of 3 elements do not fit rhs of shape (2, 2)"),
        (lambda: linalg.tridiagonal_solve(np.stack([D, D]), np.stack([V] * 3)), ValueError,
         "tridiagonal_solve: the leading sizes of diagonals and rhs differ: (2,) and (3,)"),
        (lambda: linalg.tridiagonal_solve(D, V, "band"), ValueError,
         "tridiagonal_solve: Unrecognized diagonals_format: band; expected 'compact', 'matrix' or 'sequence'"),
        (lambda: linalg.tridiagonal_solve(D[:2], V, "sequence"), ValueError, None),
        (lambda: linalg.tridiagonal_solve([D[0], D[1, :2], D[2]], V, "sequence"), ValueError,
         "tridiagonal_solve: diagonals do not fit: (3,), (2,), (3,); the outer ones have one element less"),
        (lambda: linalg.tridiagonal_matmul(D[:, :2], V, "matrix"), ValueError, "tridiagonal_matmul: Expected last two dimensions of diagonals to be same, got (3, 2)"),
        (lambda: linalg.tridiagonal_solve([[1, 2], [3, 4], [5, 6]], [1, 2]), TypeError,
         "tridiagonal_solve: got int32, takes float32 or float64: write it as a float (1.0, not 1), or cast it"),
        (lambda: linalg.banded_triangular_solve(np.ones((4, 3)), V), ValueError,
         "banded_triangular_solve: bands must have from 1 to 3 diagonals of 3 elements, got shape (4, 3)"),
        (lambda: linalg.eigh_tridiagonal(D[0], D[1]), ValueError,
         "eigh_tridiagonal: beta must have one element less than alpha in its last dimension, got (3,) and (3,)"),
        (lambda: linalg.eigh_tridiagonal(D[0], D[1, :2], select="i"), ValueError,
         "eigh_tridiagonal: select is 'a', or 'i' or 'v' with a select_range of two numbers, got 'i' and None"),
        (lambda: linalg.eigh_tridiagonal(D[0], D[1, :2], select="i", select_range=(1, 3)), ValueError,
         "eigh_tridiagonal: select_range must be from 0 to 2, got (1, 3)"),
        (lambda: linalg.eigh_tridiagonal(D[:2], D[:2, :2], select="v", select_range=(1, 3)), ValueError, None),
    ],
)  # fmt: skip
def test_misuse_is_said(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert text is None or str(caught.value) == text


@pytest.mark.parametrize("f", [lambda d, x: linalg.tridiagonal_solve(d, x), lambda d, x: linalg.tridiagonal_matmul(d, x),
                               lambda d, x: linalg.tridiagonal_solve(d, x[:, 0], "sequence") if isinstance(d, list) else linalg.tridiagonal_solve(d, x[:, 0]),
                               lambda d, x: linalg.banded_triangular_solve(d, x), lambda d, x: linalg.eigh_tridiagonal(x[:, 0], d[0][1:])])  # fmt: skip
def test_numbers_of_python_keep_their_digits_beside_float64_and_float32_becomes_it(f):
    d, x = [[0.1, 0.2, 0.3], [1.1, 1.2, 1.3], [0.1, 0.2, 0.3]], ad.constant([[0.1], [0.2], [0.7]], "float64")
    expected = f(ad.constant(d, "float64"), x)
    np.testing.assert_array_equal(f(d, x).numpy(), expected.numpy())
    y = f(ad.constant(d, "float32"), x)
    assert y.dtype == "float64"
    np.testing.assert_allclose(y.numpy(), expected.numpy(), rtol=1e-6)
