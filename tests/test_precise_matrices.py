"""Functions of the eigenvalues alone have gradients where eigenvalues are equal, and the precise replay is sure of them."""

import warnings

import mpmath
import numpy as np
import pytest

import autodiff as ad

THRICE = np.array([[1.0, 2.0, 2.0], [2.0, 1.0, -2.0], [2.0, -2.0, 1.0]])      # an orthogonal matrix, times 3
FUNCTIONS = {
    "trace": (lambda w: ad.reduce_sum(w), lambda w: mpmath.mpf(1)),
    "sum of squares": (lambda w: ad.reduce_sum(w**2), lambda w: 2 * w),
    "logarithm of the determinant": (lambda w: ad.reduce_sum(ad.math.log(w)), lambda w: 1 / w),
    "sum of exponentials": (lambda w: ad.reduce_sum(ad.exp(w / 50)), lambda w: mpmath.exp(w / 50) / 50),
}
EIGENVALUES = {"two equal": (2, 2, 5), "all equal": (3, 3, 3), "none equal": (1, 2, 7)}


def slope(f, a):
    """The gradient, and the warnings that came with it."""
    v = ad.Variable(a)
    with ad.GradientTape(precise=True) as tape:
        y = f(ad.linalg.eigh(v)[0])
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        return tape.gradient(y, v).numpy(), [str(one.message) for one in told]


def lower_half(m):
    return np.tril(m + m.T, -1) + np.diag(np.diag(m))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("values", EIGENVALUES)
def test_a_function_of_eigenvalues_has_the_nearest_slope(values, name, dtype):
    f, derivative = FUNCTIONS[name]
    a = THRICE @ np.diag(EIGENVALUES[values]) @ THRICE.T                # exactly, with 9 times these eigenvalues
    found, told = slope(f, a.astype(dtype))
    with mpmath.workprec(200):
        entries = [[mpmath.fsum(derivative(mpmath.mpf(9 * w)) * int(THRICE[i, k] * THRICE[j, k]) / 9 for k, w in enumerate(EIGENVALUES[values])) for j in range(3)] for i in range(3)]
        want = np.array([[float(x) for x in row] for row in entries])
    np.testing.assert_array_equal(found, lower_half(want).astype(dtype))
    assert not told


@pytest.mark.parametrize("a", [np.diag([2.0, 2.0, 5.0]), np.eye(4), np.zeros((2, 2)), np.stack([np.eye(2), np.array([[2.0, 1.0], [1.0, 3.0]])])])
def test_diagonal_matrices_and_batches_are_no_exception(a):
    found, told = slope(lambda w: ad.reduce_sum(w**2), a)
    np.testing.assert_array_equal(found, np.stack([lower_half(2 * m) for m in a]) if a.ndim > 2 else lower_half(2 * a))
    assert not told


def test_eigenvalues_that_are_equal_are_known_and_weights_that_tell_them_apart_come_with_a_warning():
    v = ad.Variable(THRICE @ np.diag([2.0, 2.0, 5.0]) @ THRICE.T)
    with ad.GradientTape(persistent=True, precise=True) as tape:
        w = ad.linalg.eigh(v)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tape.value(w).numpy().tolist() == [18.0, 18.0, 45.0]
    _, told = slope(lambda w: ad.reduce_sum(w * np.array([1.0, 2.0, 3.0])), v.numpy())
    assert len(told) == 1 and "bits are not enough" in told[0]
