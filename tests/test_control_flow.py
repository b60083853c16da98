"""Branches and loops run as Python's do, and record."""

import numpy as np
import pytest

import autodiff as ad
from autodiff import control_flow as cf
from autodiff import errors
from differences import check_gradients, gradient

X = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])


def test_branches():
    for x, expected in ((2.0, 4.0), (-2.0, 2.0)):
        assert float(cf.cond(ad.constant(x) > 0, lambda: x * x, lambda: -x)) == expected
    assert gradient(lambda x: cf.cond(x > 0, lambda: x * x, lambda: -x), 3.0) == [6.0]
    assert cf.case([(False, lambda: 1), (True, lambda: 2)], default=lambda: 3) == 2
    assert cf.case([(False, lambda: 1)], default=lambda: 3) == 3
    assert cf.switch_case(ad.constant(1), [lambda: 5, lambda: 6]) == 6
    assert cf.switch_case(7, {0: lambda: 5, 7: lambda: 6}) == 6
    assert cf.switch_case(9, [lambda: 5, lambda: 6]) == 6
    assert cf.switch_case(9, [lambda: 5, lambda: 6], default=lambda: 0) == 0


def test_while_loop():
    i, total = cf.while_loop(lambda i, s: i < 4, lambda i, s: (i + 1, s * 2.0), [ad.constant(0), ad.constant(1.0)])
    assert (int(i), float(total)) == (4, 16.0)
    assert gradient(lambda x: cf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * x), (0, x))[1], 2.0) == [32.0]
    assert [int(v) for v in cf.while_loop(lambda i: True, lambda i: i + 1, [0], maximum_iterations=5)] == [5]


def test_maps_folds_and_scans():
    np.testing.assert_array_equal(cf.map_fn(lambda r: r * r, X).numpy(), X * X)
    both = cf.map_fn(lambda p: {"s": p[0] + p[1], "d": p[0] - p[1]}, (X, X * 2))
    np.testing.assert_array_equal(both["d"].numpy(), -X)
    np.testing.assert_array_equal(cf.foldl(lambda a, r: a * 2 + r, X).numpy(), 4 * X[0] + 2 * X[1] + X[2])
    np.testing.assert_array_equal(cf.foldr(lambda a, r: a * 2 + r, X).numpy(), 4 * X[2] + 2 * X[1] + X[0])
    np.testing.assert_array_equal(cf.foldl(lambda a, r: a + r, X, initializer=ad.constant([1.0, 1.0])).numpy(), X.sum(0) + 1)
    np.testing.assert_array_equal(cf.scan(lambda a, r: a + r, X).numpy(), X.cumsum(0))
    np.testing.assert_array_equal(cf.scan(lambda a, r: a + r, X, reverse=True).numpy(), X[::-1].cumsum(0)[::-1])
    assert cf.scan(lambda a, r: a + r, X, initializer=X[0]).shape == (3, 2)
    for f in (lambda x: cf.map_fn(lambda r: r * r * r, x), lambda x: cf.scan(lambda a, r: a * r, x), lambda x: cf.foldr(lambda a, r: a * r, x)):
        check_gradients(f, X)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: cf.cond(True, 1, lambda: 2), TypeError, "cond: 'true_fn' must be a callable, got 1"),
        (lambda: cf.case([(False, lambda: 1)]), errors.InvalidArgumentError, "case: None of the conditions evaluated as True, and there is no default"),
        (lambda: cf.case([(True, lambda: 1)] * 2, exclusive=True), errors.InvalidArgumentError, "case: 2 conditions hold, at most one may (exclusive=True)"),
        (lambda: cf.map_fn(abs, 1.0), errors.ShapeError, "map_fn: elements in elems must be 1+ dimensional Tensors, not scalars"),
        (lambda: cf.map_fn(abs, (X, X[:2])), errors.ShapeError, "map_fn: the first dimensions of elems differ: 3 and 2"),
        (lambda: cf.map_fn(abs, []), errors.ShapeError, "map_fn: elems has no tensors"),
        (lambda: cf.foldl(max, X[:0]), errors.ShapeError, "foldl: elems has no parts along its first dimension, and there is no initializer"),
    ],
)  # fmt: skip
def test_misuse_is_said(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text


def test_folds_of_nothing_are_what_they_start_with():
    assert cf.foldl(lambda a, x: a + x, X[:0], initializer=1.5).numpy() == 1.5 and cf.foldr(lambda a, x: a + x, X[:0], (1.0, 2))[1].dtype == "int32"
    assert cf.scan(lambda a, x: a + x, X[:0], initializer=1.0).shape == (0,)
    first, second = cf.scan(lambda a, x: a, X[:0], initializer=(np.zeros((2, 3)), 1), reverse=True)
    assert first.shape == (0, 2, 3) and first.dtype == "float64" and second.shape == (0,) and second.dtype == "int32"


def test_map_fn_of_no_parts():
    """A batch without rows was refused; TensorFlow does not call the function, and gives 0 rows of the dtypes of the signature."""
    ran = []
    one = cf.map_fn(ran.append, X[:0])
    assert (one.shape, one.dtype, ran) == ((0,), "float64", [])
    two = cf.map_fn(ran.append, X[:0], fn_output_signature=(ad.int32, {"a": ad.TensorSpec([4, 5], "float32")}))
    assert (two[0].shape, two[0].dtype, two[1]["a"].shape, two[1]["a"].dtype) == ((0,), "int32", (0, 4, 5), "float32")
    assert cf.map_fn(ran.append, (X[:0], np.zeros((0, 2), np.int32)))[1].dtype == "int32"
    assert ad.function(lambda x: cf.map_fn(abs, x, dtype="float32"))(X[:0]).dtype == "float32"
