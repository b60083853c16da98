"""Tensors made of nothing but a shape have NumPy's numbers and TensorFlow's dtypes."""

import numpy as np
import pytest

import autodiff as ad
from autodiff import constants, errors
from differences import gradient


def same(got, expected):
    expected = np.asarray(expected)
    assert got.shape == expected.shape and got.dtype == expected.dtype, (got, expected.dtype)
    np.testing.assert_array_equal(got.numpy(), expected)


def test_zeros_ones_and_fill():
    same(constants.zeros([2, 3]), np.zeros((2, 3), "f4"))
    same(constants.ones(3, "int64"), np.ones(3, "i8"))
    same(constants.zeros((), "bool"), np.zeros((), bool))
    same(constants.zeros(ad.constant([2, 0])), np.zeros((2, 0), "f4"))
    same(constants.fill([2, 2], 3), np.full((2, 2), 3, "i4"))
    same(constants.fill([2], np.float64(0.5)), np.full(2, 0.5))
    same(constants.fill([], True), np.array(True))


def test_those_like_another_take_its_shape_and_dtype():
    x = np.ones((2, 3), "f8")
    same(constants.zeros_like(x), np.zeros_like(x))
    same(constants.ones_like(x, "int32"), np.ones((2, 3), "i4"))
    same(constants.zeros_like([1, 2]), np.zeros(2, "i4"))


def test_fill_passes_the_sum_of_the_gradient_on():
    assert gradient(lambda v: constants.fill([2, 3], v), 2.0) == [6.0]


def test_eye():
    same(constants.eye(2), np.eye(2, dtype="f4"))
    same(constants.eye(2, 3, dtype="float64"), np.eye(2, 3))
    same(constants.eye(1, batch_shape=[2]), np.ones((2, 1, 1), "f4"))
    same(constants.eye(0), np.zeros((0, 0), "f4"))


def test_range_counts_as_pythons_does_and_takes_floats():
    same(constants.range(3), np.arange(3, dtype="i4"))
    same(constants.range(3, 18, 3), np.arange(3, 18, 3, "i4"))
    same(constants.range(3, 1, -0.5), np.array([3, 2.5, 2, 1.5], "f4"))
    same(constants.range(start=2, limit=5, dtype="float64"), np.arange(2.0, 5))
    same(constants.range(2, np.int64(4)), np.arange(2, 4, dtype="i8"))
    same(constants.range(0), np.zeros(0, "i4"))
    same(constants.range(ad.constant(2), delta=1), np.arange(2, dtype="i4"))


def test_linspace_includes_both_ends_exactly():
    same(constants.linspace(0.0, 1.0, 5), np.linspace(0, 1, 5).astype("f4"))
    same(constants.linspace(np.float64(0.1), 0.7, 7), np.linspace(0.1, 0.7, 7))
    same(constants.linspace(2.0, 3.0, 1), np.array([2], "f4"))
    same(constants.linspace(0, 10, 5), np.linspace(0, 10, 5))
    same(constants.linspace(0.0, 1.0, 0), np.zeros(0, "f4"))
    a, b = np.array([0.1, 1.0]), np.array([0.7, -3.0])
    for axis in (0, 1, -1):
        got = constants.linspace(ad.constant(a), b, 4, axis=axis)
        np.testing.assert_allclose(got.numpy(), np.linspace(a, b, 4, axis=axis), rtol=1e-15)
        assert got.numpy().take(-1, axis).tolist() == b.tolist() and got.numpy().take(0, axis).tolist() == a.tolist()
    assert constants.linspace(ad.constant(a), 0.5, 3).shape == (3, 2)


def test_linspace_is_differentiable_in_its_ends():
    assert gradient(lambda a, b: constants.linspace(a, b, 5), 1.0, 3.0) == [2.5, 2.5]


def test_one_hot():
    same(constants.one_hot([0, 2, -1, 3], 3), np.array([[1, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]], "f4"))
    same(constants.one_hot([0, 1], 2, axis=0), np.eye(2, dtype="f4"))
    same(constants.one_hot([[0], [1]], 2, on_value=5, off_value=-1), np.array([[[5, -1]], [[-1, 5]]], "i4"))
    same(constants.one_hot(1, 2, dtype="bool"), np.array([False, True]))
    same(constants.one_hot(1, 2, on_value=2.5), np.array([0, 2.5], "f4"))
    same(constants.one_hot(np.array([1]), 2, dtype="int64"), np.array([[0, 1]]))


def test_sequence_mask():
    same(constants.sequence_mask([1, 3]), np.array([[1, 0, 0], [1, 1, 1]], bool))
    same(constants.sequence_mask([[2]], 3, "int32"), np.array([[[1, 1, 0]]], "i4"))


HAS = "float32, float64, int32, int64"


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: constants.zeros([-1]), errors.ShapeError, "zeros: shape (-1,) has a negative size"),
        (lambda: constants.ones([1.5]), TypeError, "ones: shape must be an integer, got 1.5"),
        (lambda: constants.ones(2, "int8"), errors.DtypeError, f"as_dtype: no tensors of dtype int8: autodiff has {HAS} and bool"),
        (lambda: constants.fill([2], [1.0]), errors.ShapeError, "fill: value must be a scalar, got shape (1,)"),
        (lambda: constants.eye(-1), errors.ShapeError, "eye: num_rows and num_columns must not be negative, got -1 and -1"),
        (lambda: constants.range(0, 3, 0), errors.InvalidArgumentError, "range: Requires delta != 0"),
        (lambda: constants.range(3, 0), errors.InvalidArgumentError, "range: Requires start <= limit when delta > 0: start = 3, limit = 0"),
        (lambda: constants.range([1, 2]), errors.ShapeError, "range: start, limit and delta must be scalars"),
        (lambda: constants.linspace(0.0, 1.0, -1), errors.InvalidArgumentError, "linspace: num must not be negative, got -1"),
        (lambda: constants.linspace(ad.zeros(2), ad.ones(3), 4), errors.ShapeError,
         "linspace: Incompatible shapes: [2] vs. [3]. Counted from the last, sizes must be equal or 1; reshape one of them"),
        (lambda: constants.one_hot([0.5], 2), errors.DtypeError, "one_hot: got float32, takes int32 or int64; cast it first"),
        (lambda: constants.one_hot([1], 2, axis=3), errors.ShapeError, "one_hot: axis 3 is out of range for rank 2: expected -2 to 1"),
    ],
)
def test_misuse_is_said(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text


def test_a_shape_too_large_to_be_is_named():
    for make in (constants.zeros, constants.ones, lambda shape: constants.fill(shape, 1.0)):
        with pytest.raises(ad.errors.ShapeError, match=r"(zeros|ones|fill): (shape|dims) \(1099511627776, 1099511627776\) is too large: "):
            make([2**40, 2**40])
