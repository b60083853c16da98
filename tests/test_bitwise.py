"""ad.bitwise against NumPy; what TensorFlow does at the ends of shifts."""

import numpy as np
import pytest

import autodiff as ad

X, Y = np.array([[5, -7, 0], [2**31 - 1, -(2**31), 12]]), np.array([3, -6, 40])


@pytest.mark.parametrize("kind", [np.int32, np.int64])
def test_values_are_numpys(kind):
    """tf.bitwise was not there."""
    x, y = X.astype(kind), Y.astype(kind)
    for name in ("bitwise_and", "bitwise_or", "bitwise_xor"):
        got = getattr(ad.bitwise, name)(x, ad.constant(y))
        np.testing.assert_array_equal(got.numpy(), getattr(np, name)(x, y))
        assert got.dtype == kind
    np.testing.assert_array_equal(ad.bitwise.invert(x).numpy(), ~x)
    np.testing.assert_array_equal(ad.bitwise.left_shift(x, 3).numpy(), x << 3)
    np.testing.assert_array_equal(ad.bitwise.right_shift(x, [1, 0, 2]).numpy(), x >> np.array([1, 0, 2], kind))
    assert ad.bitwise.invert(np.zeros((0, 2), kind)).shape == (0, 2)


def test_shifts_past_the_ends():
    """As in TensorFlow, which clamps them to 0 and 31."""
    assert [int(ad.bitwise.left_shift(1, k)) for k in (-1, 0, 31, 40)] == [1, 1, -(2**31), -(2**31)]
    assert [int(ad.bitwise.right_shift(-5, k)) for k in (-1, 1, 40)] == [-5, -3, -1]


def test_a_function_runs_as_written():
    f = ad.function(lambda x: ad.bitwise.bitwise_and(x, 1))
    with pytest.warns(UserWarning, match="calls bitwise.bitwise_and"):
        assert [int(f(ad.constant(k))) for k in (5, 6, 7)] == [1, 0, 1]


@pytest.mark.parametrize("call, error", [
    (lambda: ad.bitwise.bitwise_and(1.0, 2.0), ad.errors.DtypeError),
    (lambda: ad.bitwise.invert([True]), ad.errors.DtypeError),
    (lambda: ad.bitwise.bitwise_or(ad.constant(1, ad.int64), ad.constant(1)), ad.errors.DtypeError),
    (lambda: ad.bitwise.bitwise_or([1, 2], [1, 2, 3]), ad.errors.ShapeError),
])  # fmt: skip
def test_misuse(call, error):
    with pytest.raises(error, match="^bitwise"):
        call()
