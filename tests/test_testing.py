"""compute_gradient puts the tape's Jacobians beside differences."""

import numpy as np
import pytest

import autodiff as ad
from autodiff import testing


def test_both_jacobians_agree_with_the_true_one():
    a, b = np.array([1.0, 2.0, 3.0]), np.array([[0.5, -1.0, 2.0], [1.0, 0.0, 3.0]])
    theoretical, numerical = testing.compute_gradient(lambda x, m: ad.linalg.matvec(m, x * x), [a, b])
    assert [t.shape for t in theoretical] == [(2, 3), (2, 6)]
    np.testing.assert_allclose(theoretical[0], b * 2 * a)
    np.testing.assert_allclose(numerical[0], b * 2 * a, rtol=1e-9, atol=1e-9)
    assert testing.max_error(theoretical, numerical) < 1e-9


def test_scalars_float32_and_unconnected_arguments():
    theoretical, numerical = testing.compute_gradient(lambda x, y: ad.square(x), [3.0, 1.0])
    assert theoretical[0].dtype == np.float32 and theoretical[0].tolist() == [[6.0]]
    assert theoretical[1].tolist() == numerical[1].tolist() == [[0.0]]
    assert numerical[0][0, 0] == pytest.approx(6, rel=1e-3)


def test_nothing_has_a_jacobian_of_nothing():
    theoretical, numerical = testing.compute_gradient(lambda x: x[:0], [np.ones(3)])
    assert theoretical[0].shape == numerical[0].shape == (0, 3)


def test_a_wrong_gradient_shows():
    wrong = ad.custom_gradient(lambda x: (x * x, lambda g: g))
    assert testing.max_error(*testing.compute_gradient(wrong, [np.float64(3)])) == pytest.approx(5)


def test_arguments_come_in_a_list():
    with pytest.raises(ValueError) as caught:
        testing.compute_gradient(ad.square, np.ones(2))
    assert str(caught.value) == (
        "compute_gradient: `x` must be a list or tuple of values convertible to a Tensor (arguments to `f`), not a <class 'numpy.ndarray'>"
    )


def test_a_tensor_that_the_function_takes_twice_or_reads_elsewhere_is_two():
    x = ad.constant(np.array([1.0, 2.0]))
    theoretical, numerical = testing.compute_gradient(lambda a, b: a * a * b * x, [x, x])
    assert [np.diag(j).tolist() for j in theoretical] == [[2, 16], [1, 8]]
    assert testing.max_error(theoretical, numerical) < 1e-9
