"""Checks pass what holds and say in full what does not."""

import warnings

import numpy as np
import pytest

import autodiff as ad
from autodiff import debugging as d
from autodiff import errors

X = np.array([1.0, 2.0])


def test_what_holds_passes():
    x = ad.constant(X)
    assert d.check_numerics(x, "x") is x
    assert d.assert_all_finite(x, "x") is x
    for passed in (
        d.assert_equal(x, X), d.assert_none_equal(x, [2.0, 1.0]), d.assert_less(x, 3.0), d.assert_less_equal(x, 2.0),
        d.assert_greater(x, 0.0), d.assert_greater_equal(x, 1.0), d.assert_near(1.0, 1.0 + 1e-7), d.assert_near(X, X + 1, atol=1),
        d.assert_positive(x), d.assert_non_negative(X * 0), d.assert_negative(-X), d.assert_non_positive(-X), d.assert_rank(x, 1),
        d.assert_rank_at_least(x, 0), d.assert_rank_in(x, [1, 2]), d.assert_type(x, "float64"), d.assert_integer(1),
        d.Assert(True, [x]), d.assert_shapes([(x, ("n",)), (X + 1, ("n",)), (3.0, ())]),
    ):  # fmt: skip
        assert passed is None
    assert d.assert_same_float_dtype([x, X]) == "float64"
    assert d.assert_scalar(3) == 3
    assert d.is_numeric_tensor(x) and not d.is_numeric_tensor(3.0) and not d.is_numeric_tensor(ad.constant(True))


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: d.check_numerics([1.0, np.nan], "my x"), errors.InvalidArgumentError, "check_numerics: my x : Tensor had NaN values"),
        (lambda: d.check_numerics([np.inf], "my x"), errors.InvalidArgumentError, "check_numerics: my x : Tensor had Inf values"),
        (lambda: d.check_numerics([np.inf, np.nan], "y"), errors.InvalidArgumentError, "check_numerics: y : Tensor had Inf and NaN values"),
        (lambda: d.assert_equal(1, 2, "why"), errors.InvalidArgumentError, "assert_equal: why: Condition x == y did not hold. x = 1 y = 2"),
        (lambda: d.Assert(ad.constant(1.0) > 2, ["x is", ad.constant(X)]), errors.InvalidArgumentError,
         "Assert: Expected <ad.Tensor: shape=(), dtype=bool, numpy=False> to be true. Summarized data: x is, [1. 2.]"),
        (lambda: d.assert_less(X, 2.0), errors.InvalidArgumentError, "assert_less: Condition x < y did not hold. x = [1.0, 2.0] y = 2.0"),
        (lambda: d.assert_near(1, 2, rtol=0, atol=0.5), errors.InvalidArgumentError,
         "assert_near: x and y not equal to tolerance rtol = 0.0, atol = 0.5 x = 1 y = 2"),
        (lambda: d.assert_positive([0.0]), errors.InvalidArgumentError, "assert_positive: Condition x > 0 did not hold element-wise. x = [0.0]"),
        (lambda: d.assert_rank(X, 2), ValueError, "assert_rank: Tensor must have rank 2. Received rank 1, shape (2,)"),
        (lambda: d.assert_rank_at_least(X, 2, "m"), ValueError, "assert_rank_at_least: m: Tensor must have rank at least 2. Received rank 1, shape (2,)"),
        (lambda: d.assert_rank_in(X, [0, 2]), ValueError, "assert_rank_in: Tensor must have rank in (0, 2). Received rank 1, shape (2,)"),
        (lambda: d.assert_scalar(X), ValueError, "assert_scalar: Tensor must be a scalar. Received rank 1, shape (2,)"),
        (lambda: d.assert_type(X, "int32"), TypeError, "assert_type: tensor must be of type ad.int32; got ad.float64"),
        (lambda: d.assert_integer(X), TypeError, "assert_integer: Expected x to be of type int32 or int64; got ad.float64"),
        (lambda: d.assert_same_float_dtype([X, 1.0]), TypeError, "assert_same_float_dtype: the operands are float32 and float64; cast one of them"),
        (lambda: d.assert_shapes([(X, ("n",)), (X[:1], ("n",))]), ValueError,
         "assert_shapes: Specified by shape ('n',), with {'n': 2}. Received shape (1,)"),
    ],
)  # fmt: skip
def test_what_does_not_hold_is_said(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text


def test_in_a_function_checks_are_guards():
    def f(x):
        ad.debugging.assert_greater(x, -1.0)
        ad.debugging.assert_positive(x + 1)
        x = ad.debugging.check_numerics(x, "given")
        ad.debugging.assert_near(x, x)
        ad.debugging.assert_equal(ad.argmax(x) * 0, 0)
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = ad.reduce_sum(ad.debugging.check_numerics(ad.sqrt(x * x), "root"))
        return tape.gradient(y, x)

    with warnings.catch_warnings():
        warnings.simplefilter("error")                                      # of what runs as written
        recorded = ad.function(f)
        for x in ([0.1, 2.0], [0.3, 4.0]):
            np.testing.assert_array_equal(recorded(np.array(x)).numpy(), f(ad.constant(x, "float64")).numpy())
        for _ in range(2):
            with pytest.raises(ad.errors.InvalidArgumentError, match=r"assert_greater: Condition x > y did not hold. x = \[-3.0, 1.0\] y = -1.0"):
                recorded(np.array([-3.0, 1.0]))
            with pytest.raises(ad.errors.InvalidArgumentError, match="check_numerics: given : Tensor had Inf values"):
                recorded(np.array([np.inf, 1.0]))
            assert recorded(np.array([0.5, 1.0])).numpy().tolist() == [1, 1]
        assert str(recorded.program(ad.constant([0.5, 1.0], "float64"))).count("guard") >= 7
