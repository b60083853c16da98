"""TensorArray: a list of tensors with TensorFlow's methods and errors."""

import numpy as np
import pytest
from differences import check_gradients

import autodiff as ad


def powers(x, n=4):
    array = ad.TensorArray(x.dtype, size=0, dynamic_size=True)
    for k in range(n):
        array = array.write(k, x**k)
    return array.stack()


def in_a_loop(x):
    _, array = ad.while_loop(lambda k, a: k < 3, lambda k, a: (k + 1, a.write(k, ad.sin(x) * ad.cast(k, x.dtype))), (ad.constant(0), ad.TensorArray(x.dtype, 3)))
    return array.concat()


def by_parts(x):
    array = ad.TensorArray(x.dtype, size=4, clear_after_read=False).unstack(x * x)
    array = array.scatter([2, 0], ad.stack([x[0] * x[1], x[3]]))
    return array.gather([3, 0, 2, 2]) * array.read(1) + array.read(0)


def cut(x):
    array = ad.TensorArray(x.dtype, size=2, infer_shape=False).split(x**3, [1, 3])
    return array.read(1) * array.read(0)


def never_written(x):
    return ad.TensorArray(x.dtype, size=3).write(1, x).stack()


X = np.array([0.3, 1.2, 2.0, -0.7])


@pytest.mark.parametrize("f, expected", [(powers, X ** np.arange(4.0)[:, None]), (in_a_loop, np.concatenate([0 * X, np.sin(X), 2 * np.sin(X)])),
                                         (by_parts, X[1] ** 2 * np.array([X[3] ** 2, X[3], X[0] * X[1], X[0] * X[1]]) + X[3]), (cut, X[1:] ** 3 * X[0] ** 3),
                                         (never_written, np.array([0 * X, X, 0 * X]))])  # fmt: skip
def test_what_is_written_is_what_is_read_and_its_gradient_goes_back(f, expected):
    np.testing.assert_allclose(f(ad.constant(X)).numpy(), expected, rtol=1e-14)
    assert f(ad.constant(X, "float32")).dtype == "float32"
    check_gradients(f, X)
    recorded = ad.function(f)
    for x in (X, X + 0.5):
        np.testing.assert_array_equal(recorded(x).numpy(), f(ad.constant(x)).numpy())


def test_what_it_is():
    array = ad.TensorArray(ad.float32, size=2, element_shape=[None, 3])
    assert array.dtype is ad.float32 and array.size().numpy() == 2 and array.element_shape.as_list() == [None, 3] and not array.dynamic_size
    assert array.write(ad.constant(1), ad.ones((4, 3))) is array is array.identity() and array.element_shape == (4, 3)
    assert repr(array) == "<ad.TensorArray size=2 dtype=float32 element_shape=(4, 3)>"
    assert ad.TensorArray(ad.int32, size=0, dynamic_size=True).stack().shape == (0,)
    array.close()
    assert array.size().numpy() == 0 and array.stack().shape == (0, 4, 3) and array.gather([]).shape == (0, 4, 3)


def test_a_tensor_is_read_once_unless_it_may_be_read_again():
    array = ad.TensorArray("float32", size=2).write(0, 1.0)
    assert array.read(0) == 1.0
    with pytest.raises(ad.errors.InvalidArgumentError, match="cleared after a previous read"):
        array.read(0)
    with pytest.raises(ad.errors.InvalidArgumentError, match=r"TensorArray.stack: Could not read index 0 twice"):
        array.stack()
    assert array.write(0, 2).read(0) == 2.0
    again = ad.TensorArray("float32", size=1, clear_after_read=False).write(0, 1.0)
    assert again.read(0) == again.read(0) == 1.0


# fmt: off
@pytest.mark.parametrize("call, error, text", [
    (lambda: ad.TensorArray("float32"), ValueError, "Size must be declared"),
    (lambda: ad.TensorArray("float32", size=-1), ValueError, "size must not be negative, got -1"),
    (lambda: ad.TensorArray("float32", size=1.5), TypeError, "TensorArray: size must be an integer, got 1.5"),
    (lambda: ad.TensorArray("float32", size=2).write(2, 1.0), IndexError, r"TensorArray.write: index 2 is not in \[0, 2\).*dynamic_size=True"),
    (lambda: ad.TensorArray("float32", size=2).write(-1, 1.0), ad.errors.OutOfRangeError, "index -1"),
    (lambda: ad.TensorArray("float32", size=0, dynamic_size=True).write(10**30, 1.0), ValueError, "TensorArray.write: index .* is too large"),
    (lambda: ad.TensorArray("float32", size=2).read(2), IndexError, r"TensorArray.read: index 2 is not in \[0, 2\)"),
    (lambda: ad.TensorArray("float32", size=2).read(0), ValueError, "nothing was written there.*element_shape="),
    (lambda: ad.TensorArray("float32", size=2).write(0, ad.constant(1)), TypeError, "TensorArray.write.*float32.*int32"),
    (lambda: ad.TensorArray("int32", size=2).write(0, 1.5), TypeError, "TensorArray.write: Cannot convert 1.5"),
    (lambda: ad.TensorArray("float32", size=2).write(0, [1.0]).write(1, 1.0), ValueError, r"expected \(\(1,\)\); make it TensorArray\(..., infer_shape=False\)"),
    (lambda: ad.TensorArray("float32", size=2, element_shape=[2], infer_shape=False).write(1, 1.0), ValueError, r"expected \(\(2,\)\)$"),
    (lambda: ad.TensorArray("float32", size=1).unstack([1.0, 2.0]), ValueError, "Cannot unstack 2 tensors into a TensorArray of static size 1"),
    (lambda: ad.TensorArray("float32", size=2).scatter([0], [1.0, 2.0]), ValueError, "1 indices for the 2 parts"),
    (lambda: ad.TensorArray("float32", size=1).write(0, 1.0).concat(), ValueError, "scalar shape at index 0"),
    (lambda: ad.TensorArray("float32", size=3).split([1.0, 2.0], [1, 1]), ValueError, "2 lengths for 3 places"),
    (lambda: ad.TensorArray("float32", size=2).split([1.0, 2.0], [1, 2]), ValueError, "do not make up the 2 elements"),
    (lambda: ad.TensorArray("float32", size=2).split(1.0, [1, 1]), ValueError, "at least a vector"),
    (lambda: ad.TensorArray("float32", size=1, handle=3), ValueError, "handles are not supported"),
])
# fmt: on
def test_misuse_says_what_would_do(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_pieces_of_a_split_may_differ_in_length():
    """The first piece's shape was held against the others; TensorFlow's split does not infer one."""
    x = ad.Variable([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    with ad.GradientTape() as tape:
        array = ad.TensorArray(ad.float32, 3, clear_after_read=False).split(x, [1, 2, 3])
        y = array.concat() * array.read(2)[0]
    assert array.element_shape.rank is None
    np.testing.assert_array_equal(y.numpy(), 4 * x.numpy())
    np.testing.assert_array_equal(tape.gradient(y, x).numpy(), [4, 4, 4, 4 + 21, 4, 4])
    with pytest.raises(ad.errors.ShapeError, match="expected"):
        ad.TensorArray(ad.float32, 2, element_shape=[1]).split([1.0, 2.0, 3.0], [1, 2])
