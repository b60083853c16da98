"""The fronts of ad.math: NumPy's numbers, TensorFlow's arguments, texts of errors in full.  The rows behind them have
test_rows.py."""

import functools
import inspect
import warnings
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
import scipy.special

import autodiff as ad
from autodiff import errors, math
from differences import check_gradients, gradient

X = np.array([[0.5, -1.0, 2.0], [3.0, 0.25, -2.0]])


def same(got, expected, rtol=0.0):
    expected = np.asarray(expected)
    assert got.shape == expected.shape and got.dtype == expected.dtype, (got, expected.dtype)
    np.testing.assert_allclose(got.numpy(), expected, rtol=rtol, atol=0)


# ------------------------------------------------------------------------------------------------------------- reductions
REDUCTIONS = {
    math.reduce_sum: np.sum,
    math.reduce_mean: np.mean,
    math.reduce_prod: np.prod,
    math.reduce_max: np.max,
    math.reduce_min: np.min,
    math.reduce_variance: np.var,
    math.reduce_std: np.std,
    math.reduce_euclidean_norm: lambda x, axis=None, keepdims=False: np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims)),
    math.reduce_logsumexp: lambda x, axis=None, keepdims=False: scipy.special.logsumexp(x, axis=axis, keepdims=keepdims),
}
EACH = pytest.mark.parametrize("front, numpy", REDUCTIONS.items(), ids=lambda f: getattr(f, "__name__", ""))
AXES = [None, 0, 1, -1, -2, (0, 1), [1], (-1, 0), np.array(1), np.array([0, 1])]


@EACH
@pytest.mark.parametrize("axis", AXES, ids=str)
def test_a_reduction_takes_any_axes(front, numpy, axis):
    plain = tuple(np.atleast_1d(axis).tolist()) if axis is not None else None
    for keepdims in (False, True):
        same(front(ad.constant(X), axis, keepdims), numpy(X, axis=plain, keepdims=keepdims), 1e-15)
        same(front(input_tensor=X, axis=axis, keepdims=keepdims, name="x"), numpy(X, axis=plain, keepdims=keepdims), 1e-15)


@EACH
def test_a_reduction_over_no_axis_takes_each_element_by_itself(front, numpy):
    if front not in (math.reduce_variance, math.reduce_std, math.reduce_euclidean_norm):
        same(front(ad.constant(X), []), X, 1e-15)
    assert front(2.5).shape == ()
    assert front(np.zeros((2, 0, 3)), 0).shape == (0, 3)


@EACH
def test_a_reductions_gradients_are_those_of_differences(front, numpy):
    for axis in (None, 0, [-1]):
        check_gradients(lambda x: front(x, axis) ** 2, X)


@EACH
def test_a_reduction_says_which_axes_there_are(front, numpy):
    name = front.__name__
    for axis, text in ((2, "axis 2 is out of range for rank 2: expected -2 to 1"), ((0, 0), "axes (0, 0) name one axis twice"),
                       ([0, -3], "axis -3 is out of range for rank 2: expected -2 to 1")):  # fmt: skip
        with pytest.raises(errors.ShapeError) as caught:
            front(X, axis)
        assert str(caught.value) == f"{name}: {text}"
    with pytest.raises(TypeError) as caught:
        front(X, 0.5)
    assert str(caught.value) == f"{name}: axis must be an integer, got 0.5"


def test_a_reduction_says_which_dtypes_it_takes():
    for call, text in (
        (lambda: math.reduce_prod([True]), "reduce_prod: got bool, takes float32, float64, int32 or int64; cast it first"),
        (lambda: math.reduce_std([1, 2]), "reduce_std: got int32, takes float32 or float64: write it as a float (1.0, not 1), or cast it"),
        (lambda: math.reduce_all([1, 2]), "reduce_all: got int32, takes bool: compare it first (x != 0)"),
    ):
        with pytest.raises(errors.DtypeError) as caught:
            call()
        assert str(caught.value) == text


def test_masks_are_reduced():
    mask = np.array([[True, False], [True, True]])
    for axis in (None, 0, 1):
        same(math.reduce_all(mask, axis), mask.all(axis=axis))
        same(math.reduce_any(mask, axis), mask.any(axis=axis))


def test_integers_are_reduced_as_integers():
    same(math.reduce_sum([1, 2]), np.int32(3))
    same(math.reduce_prod([2, 3]), np.int32(6))
    same(math.reduce_max([[1, 5], [7, 2]], 1), np.int32([5, 7]))
    same(math.count_nonzero([[0, 2], [1, 3]]), np.int64(3))
    same(math.count_nonzero([[0, 2], [1, 3]], axis=0, keepdims=True, dtype="int32"), np.int32([[1, 2]]))
    same(math.zero_fraction([0.0, 1.0, 0.0, 0.0]), np.float32(0.75))


def test_variance_of_numbers_far_from_zero_has_all_digits():
    same(math.reduce_variance(np.array([1e9, 1e9 + 1, 1e9 + 2])), np.float64(2 / 3), 1e-15)
    assert gradient(math.reduce_variance, np.array([1e9, 1e9 + 1, 1e9 + 2]))[0] == pytest.approx([-2 / 3, 0, 2 / 3])


def test_std_and_its_gradient_are_zero_at_a_constant():
    for x in ([0.1, 0.1, 0.1], [5.0], [1e30, 1e30]):
        for dtype in ("f4", "f8"):
            x = np.array(x, dtype)
            same(math.reduce_std(x), x.dtype.type(0))
            assert gradient(math.reduce_std, x)[0].tolist() == [0.0] * len(x)


@pytest.mark.parametrize("size", [1e-300, 1e-160, 1.0, 1e160, 1e300])
def test_norm_and_std_neither_overflow_nor_vanish(size):
    x = np.array([3.0, -4.0]) * size
    same(math.reduce_euclidean_norm(x), np.float64(5 * size), 1e-15)
    assert gradient(math.reduce_euclidean_norm, x)[0] == pytest.approx([0.6, -0.8], rel=1e-15, abs=0)
    same(math.reduce_std(x), np.float64(3.5 * size), 1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("front", [math.reduce_variance, math.reduce_std])
def test_rows_that_are_short_have_the_bits_that_each_has_by_itself(front, dtype):
    """Eight of them are taken side by side."""
    r = np.random.default_rng(3)
    for n in (*range(1, 18), 46, 47, 48, 49):
        x = (r.normal(size=(21, n)) * 10.0 ** r.integers(-3, 4, (21, 1)) + 100).astype(dtype)
        x[2] = x[2, 0]
        x[5, 0] = np.inf
        x[9, -1] = 1e-30
        x[13] *= dtype == "float64" and 1e200 or 1e15
        rows = ad.value_and_grad(lambda x: ad.reduce_sum(front(x, axis=1) * np.arange(1, 22).astype(dtype)))(x)[1].numpy()
        values = front(x, axis=1).numpy()
        for k in range(21):
            assert np.array_equal(front(x[k]).numpy(), values[k], equal_nan=True), (n, k)
            alone = ad.grad(lambda x, k=k: front(x) * float(k + 1))(x[k]).numpy()
            assert np.array_equal(alone, rows[k], equal_nan=True), (n, k)
    assert np.isnan(front(np.zeros((21, 0), dtype), axis=1).numpy()).all()


@pytest.mark.parametrize("n", [3, 7, 16, 40, 700])
def test_the_deviation_of_what_is_near_the_mean_has_its_digits(n):
    r = np.random.default_rng(n)
    for _ in range(20):
        x = r.normal(size=n) * 300
        x[-1] = np.mean(x[:-1]) + r.normal() * 1e-9
        mean = sum(map(Fraction, x)) / n
        assert gradient(math.reduce_variance, x)[0] == pytest.approx([float(2 * (Fraction(v) - mean) / n) for v in x], rel=1e-12, abs=0)


def test_norm_at_special_points():
    assert gradient(math.reduce_euclidean_norm, np.zeros(2))[0].tolist() == [0, 0]
    same(math.reduce_euclidean_norm([np.inf, 1.0]), np.float32(np.inf))
    assert np.isnan(math.reduce_euclidean_norm([np.nan, 1.0]).numpy())
    minus_zero = gradient(math.reduce_euclidean_norm, np.array([1.0, -0.0]))[0][1]
    assert minus_zero == 0 and np.signbit(minus_zero)


# ------------------------------------------------------------------------------------------------------------ scans, places
@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_scans(exclusive, reverse):
    def scan(accumulate, neutral, x, axis):
        x = np.flip(x, axis) if reverse else x
        y = accumulate(x, axis=axis)
        if exclusive:
            first = np.full_like(np.take(y, [0], axis), neutral)
            y = np.concatenate([first, np.delete(y, -1, axis)], axis)
        return np.flip(y, axis) if reverse else y

    for axis in (0, -1):
        for front, accumulate, neutral in ((math.cumsum, np.cumsum, 0), (math.cumprod, np.cumprod, 1),
                                           (math.cumulative_logsumexp, np.logaddexp.accumulate, -np.inf)):  # fmt: skip
            got = front(X, axis, exclusive=exclusive, reverse=reverse)
            same(got, scan(accumulate, neutral, X, axis), 1e-14)
            check_gradients(lambda x: ad.exp(front(x, axis, exclusive, reverse)), X)


def test_argmax_and_argmin():
    same(math.argmax(X), X.argmax(0))
    same(math.argmin(X, axis=-1, output_type="int32"), X.argmin(1).astype("i4"))
    same(math.argmax([False, True, True]), np.int64(1))
    with pytest.raises(errors.ShapeError) as caught:
        math.argmax(np.zeros((0, 2)))
    assert str(caught.value) == "argmax: Reduction axis 0 is empty in shape (0, 2)"


def test_softmax_along_any_axis():
    for axis in (None, 0, 1):
        same(math.softmax(X, axis), scipy.special.softmax(X, -1 if axis is None else axis), 1e-15)
        same(math.log_softmax(X, axis), scipy.special.log_softmax(X, -1 if axis is None else axis), 1e-14)
        check_gradients(lambda x: math.softmax(x, axis) * math.log_softmax(x, axis), X)
    with pytest.raises(errors.DtypeError) as caught:
        math.softmax([1, 2])
    assert str(caught.value) == "softmax: got int32, takes float32 or float64: write it as a float (1.0, not 1), or cast it"


# --------------------------------------------------------------------------------------------------------------- elementwise
def test_elementwise_fronts_take_tensorflows_keywords():
    same(math.atan2(y=1.0, x=2.0), np.arctan2(np.float32(1), np.float32(2)), 1e-7)
    same(math.pow(x=3.0, y=2.0), np.float32(9))
    same(math.exp(x=0.0, name="e"), np.float32(1))
    same(math.softplus(features=0.0), np.float32(np.log(2)), 1e-7)
    same(math.clip_by_value(t=[0.0, 5.0], clip_value_min=1.0, clip_value_max=2.0), np.float32([1, 2]))
    assert list(inspect.signature(math.squared_difference).parameters) == ["x", "y", "name"]
    assert list(inspect.signature(math.divide_no_nan).parameters) == ["x", "y", "name"]


def test_every_name_is_there_and_documented():
    for name in math.__all__:
        front = getattr(math, name)
        assert callable(front) and front.__doc__, name
        if hasattr(front, "row"):
            operands = list(inspect.signature(front).parameters)[:-1]
            assert f"\n{', '.join(operands)}  " in front.__doc__ and "Raises" in front.__doc__, name


def test_cast():
    same(math.cast([1.7, -1.7], "int32"), np.int32([1, -1]))
    same(math.cast([0, 3], "bool"), np.array([False, True]))
    same(math.cast(True, "float64"), np.float64(1))
    x = ad.constant([1.0])
    assert math.cast(x, "float32") is x
    assert gradient(lambda x: math.cast(x, "float64") * 2, np.float32(3)) == [2.0]


def test_quotients_and_products_without_nan():
    same(math.divide_no_nan([1.0, 0.0, 3.0], [0.0, 0.0, 2.0]), np.float32([0, 0, 1.5]))
    same(math.multiply_no_nan([np.inf, np.nan, 3.0], [0.0, 0.0, 2.0]), np.float32([0, 0, 6]))
    same(math.reciprocal_no_nan([0.0, 4.0]), np.float32([0, 0.25]))
    same(math.xdivy([0.0, 1.0], [0.0, 4.0]), np.float32([0, 0.25]))
    assert gradient(math.divide_no_nan, 1.0, 0.0) == [0, 0]
    for front in (math.divide_no_nan, math.multiply_no_nan, math.xdivy):
        check_gradients(front, X, X + 4)


def test_logit_and_entropy():
    p = np.array([1e-20, 0.1, 0.25, 0.4999999, 0.5, 0.6, 0.999])
    same(math.logit(p), scipy.special.logit(p), 1e-15)
    same(math.entr(p), scipy.special.entr(p), 1e-15)
    same(math.entr(0.0), np.float32(0))
    check_gradients(lambda x: math.logit(x) + math.entr(x), p[1:-1], step=1e-4)


def test_sums_of_lists():
    same(math.add_n([X, X, X]), 3 * X)
    same(math.accumulate_n([X]), X)
    same(math.scalar_mul(2.0, ad.constant(X)), 2 * X)
    same(math.polyval([1.0, 2.0, 3.0], ad.constant(X)), np.polyval([1.0, 2.0, 3.0], X))
    same(math.polyval([], np.array([np.inf, 1.0])), np.zeros(2))
    assert [g.tolist() for g in gradient(lambda a, b: math.add_n([a, b, a]), [1.0], [2.0])] == [[2], [1]]
    x = ad.constant(X)
    assert math.add_n([x]) is not x


def test_parts_of_a_real_number():
    same(math.real(X), X)
    same(math.conj(X), X)
    same(math.imag(X), np.zeros_like(X))
    same(math.imag([np.inf, np.nan, -1.0]), np.zeros(3, "f4"))
    assert gradient(math.imag, X) == [None]
    same(math.angle(X), np.angle(X))


def test_l2_normalize_and_lbeta():
    same(math.l2_normalize([3.0, 4.0]), np.float32([0.6, 0.8]), 1e-7)
    same(math.l2_normalize(X, axis=1), X / np.linalg.norm(X, axis=1, keepdims=True), 1e-15)
    a = np.array([[0.5, 2.0], [3.0, 4.0]])
    same(math.lbeta(a), scipy.special.betaln(a[:, 0], a[:, 1]), 1e-14)
    check_gradients(lambda x: math.l2_normalize(x, 0), X)


# -------------------------------------------------------------------------------------------------------------- integers
def test_counts():
    same(math.bincount([1, 3, 1]), np.int32([0, 2, 0, 1]))
    same(math.bincount([1, 3], minlength=5), np.int32([0, 1, 0, 1, 0]))
    same(math.bincount([]), np.int32([]))
    same(math.bincount([[1, 1], [2, 0]], axis=-1, binary_output=True), np.int32([[0, 1, 0], [1, 0, 1]]))
    same(math.bincount([[1, 1], [2, 0]], weights=[[0.5, 1.0], [2.0, 3.0]], axis=-1), np.float32([[0, 1.5, 0], [3, 0, 2]]))
    same(math.bincount([[1, 9], [2, 0]], axis=-1, maxlength=2), np.int32([[0, 1], [1, 0]]))
    same(math.bincount(np.zeros((0, 2), int), axis=-1, minlength=2), np.zeros((0, 2), "i4"))
    same(math.bincount([1, 3, 0], maxlength=2), np.int32([1, 1]))
    same(math.bincount([1, 0, 1], weights=[0.5, 2.0, 1.0]), np.float32([2, 1.5]))
    same(math.confusion_matrix([0, 1, 1], [0, 0, 1]), np.int32([[1, 0], [1, 1]]))
    same(math.confusion_matrix([0], [1], num_classes=2, weights=[0.5], dtype="float32"), np.float32([[0, 0.5], [0, 0]]))
    same(math.in_top_k([1, 0], [[0.1, 0.9], [0.2, 0.8]], 1), np.array([True, False]))
    same(math.in_top_k([1, 0, 2], [[1, 9], [2, 8], [3, 4]], 1), np.array([True, False, False]))
    same(math.in_top_k([0], [[np.nan, 8.0]], 2), np.array([False]))
    same(math.in_top_k([0, 0], np.zeros((2, 0)), 1), np.array([False, False]))
    same(math.invert_permutation([2, 0, 1]), np.int32([1, 2, 0]))
    assert math.is_non_decreasing([1, 1, 2]) and not math.is_non_decreasing([2, 1])
    assert math.is_strictly_increasing([1, 2]) and not math.is_strictly_increasing([1, 1])


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: math.cumsum(X, 2), errors.ShapeError, "cumsum: axis 2 is out of range for rank 2: expected -2 to 1"),
        (lambda: math.cumsum(1.0), errors.ShapeError, "cumsum: axis 0 is out of range: a scalar has no axes"),
        (lambda: math.scalar_mul(X, X), errors.ShapeError, "scalar_mul: Only scalar multiply works, got shape (2, 3)"),
        (lambda: math.add_n([]), ValueError, "add_n: inputs must be a list of at least one tensor"),
        (lambda: math.add_n([X, [1.0]]), errors.ShapeError, "add_n: Shapes of all inputs must match: (2, 3) and (1,)"),
        (lambda: math.polyval((1.0,), X), ValueError, "polyval: coeffs must be a list, got tuple"),
        (lambda: math.cast(X, "float16"), errors.DtypeError,
         "as_dtype: no tensors of dtype float16: autodiff has float32, float64, int32, int64 and bool"),
        (lambda: math.invert_permutation([0, 0]), errors.InvalidArgumentError,
         "invert_permutation: expects each of 0 to n - 1 once, got array([0, 0], dtype=int32)"),
        (lambda: math.bincount([1], axis=1), ValueError, "bincount: axis must be None, 0 or -1, got 1"),
        (lambda: math.bincount([1], weights=[1.0], binary_output=True), ValueError, "bincount: binary_output and weights exclude each other"),
        (lambda: math.bincount([[[1]]], axis=-1), errors.ShapeError,
         "bincount: arr must be a vector or a matrix with axis=-1, got shape (1, 1, 1)"),
        (lambda: math.bincount([-1]), errors.InvalidArgumentError, "bincount: arr must be integers, none of them negative"),
        (lambda: math.confusion_matrix([0, 1], [0]), errors.ShapeError, "confusion_matrix: 2 labels for 1 predictions"),
    ],
)  # fmt: skip
def test_misuse_is_said(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text


# -------------------------------------------------------------------------------------------------------------- segments
IDS = np.array([0, 0, 2])
ROWS = np.array([[1.0, -4.0], [3.0, 2.0], [5.0, 0.0]])
SORTED = {
    math.segment_sum: [[4, -2], [0, 0], [5, 0]],
    math.segment_mean: [[2, -1], [0, 0], [5, 0]],
    math.segment_prod: [[3, -8], [1, 1], [5, 0]],
    math.segment_max: [[3, 2], [0, 0], [5, 0]],
    math.segment_min: [[1, -4], [0, 0], [5, 0]],
}
LOWEST, HIGHEST = np.finfo("f8").min, np.finfo("f8").max
UNSORTED = {
    math.unsorted_segment_sum: [[4, -2], [0, 0]],
    math.unsorted_segment_mean: [[2, -1], [0, 0]],
    math.unsorted_segment_sqrt_n: [[4 / 2**0.5, -2 / 2**0.5], [0, 0]],
    math.unsorted_segment_prod: [[3, -8], [1, 1]],
    math.unsorted_segment_max: [[3, 2], [LOWEST] * 2],
    math.unsorted_segment_min: [[1, -4], [HIGHEST] * 2],
}


@pytest.mark.parametrize("front, expected", SORTED.items(), ids=lambda f: getattr(f, "__name__", ""))
def test_segments_of_ascending_ids(front, expected):
    same(front(ROWS, IDS), np.array(expected, "f8"))
    check_gradients(lambda x: front(x, IDS) ** 2, ROWS)
    with pytest.raises(errors.InvalidArgumentError) as caught:
        front(ROWS, [1, 0, 0])
    name = front.__name__
    assert str(caught.value) == f"{name}: segment ids are not increasing; use unsorted_{name}"


@pytest.mark.parametrize("front, expected", UNSORTED.items(), ids=lambda f: getattr(f, "__name__", ""))
def test_segments_of_any_ids(front, expected):
    same(front(ROWS, [0, 0, -1], 2), np.array(expected, "f8"), 1e-15)
    check_gradients(lambda x: front(x, [1, 0, 1], 2) ** 2, ROWS)
    check_gradients(lambda x: front(x, [[1, 0], [0, 1], [1, 1]], 2) ** 2, ROWS)
    with pytest.raises(errors.BadIndexError) as caught:
        front(ROWS, [0, 2, 0], 2)
    assert str(caught.value) == f"{front.__name__}: segment id 2 is out of range [0, 2)"


@pytest.mark.parametrize("front", [math.reduce_max, math.reduce_min])
@pytest.mark.parametrize("axis", [0, 1, None])
def test_the_gradient_of_an_extreme_that_is_nan_is_nan(front, axis):
    x = np.array([[1.0, np.nan, 3.0], [4.0, 5.0, 3.0]])
    unknown = np.isnan(np.broadcast_to(np.max(x, axis, keepdims=True), x.shape))
    weighted = lambda t: front(t, axis, keepdims=True) * front(t, axis, keepdims=True)  # noqa: E731
    for f in (front, weighted, lambda t: t * ad.stop_gradient(front(t, axis, keepdims=True)) * 0 + front(t, axis, keepdims=True)):
        got = gradient(lambda t: f(t, axis) if f is front else f(t), x)[0]
        assert (np.isnan(got) == unknown).all()
    t = ad.constant(x)
    with ad.GradientTape() as outer, ad.GradientTape() as inner:
        outer.watch(t)
        inner.watch(t)
        g = inner.gradient(front(t, axis), t)                          # recorded: by the rule, not the kernel
    assert (np.isnan(g.numpy()) == unknown).all()
    with ad.GradientTape() as tape:
        tape.watch(t)
        y = ad.where(True, 0.0, front(t, axis))                        # a cotangent of 0 stays 0
    assert not tape.gradient(y, t).numpy().any()


def test_means_of_integers_are_integers():
    same(math.segment_mean([1, 2, 3], [0, 0, 1]), np.int32([1, 3]))


def test_means_of_integers_in_any_order_are_float64():
    same(math.unsorted_segment_mean([1, 2, 3], [1, 1, 0], 2), np.float64([3, 1.5]))


def test_a_segments_ties_share_the_gradient():
    assert gradient(lambda x: math.segment_max(x, [0, 0, 0]), [2.0, 2.0, 1.0])[0].tolist() == [0.5, 0.5, 0]
    assert gradient(lambda x: math.segment_prod(x, [0, 0]), [0.0, 3.0])[0].tolist() == [3, 0]


@pytest.mark.parametrize("a, b", [(1e6, 1.0), (1.0, 1e6), (3e9, 0.25), (40.0, 17.5), (16.5, 1e-8), (20.0, 20.0), (2.0, 3.0)])
def test_lbeta_of_two_keeps_its_digits_beside_a_large_number(a, b):
    with mp.workdps(60):
        exact = mp.log(mp.beta(a, b))
        slopes = [float(mp.digamma(v) - mp.digamma(mp.mpf(a) + b)) for v in (a, b)]
    x = ad.Variable(np.array([a, b]))
    with ad.GradientTape() as tape:
        y = math.lbeta(x)
    np.testing.assert_allclose(y.numpy(), float(exact), rtol=1e-14)
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), slopes, rtol=1e-13)


@pytest.mark.parametrize("dtype, rtol", [("float32", 2e-7), ("float64", 4e-16)])
def test_sinc_and_its_derivatives(dtype, rtol):
    points = [0.0, 1e-9, 0.1, 0.25, -0.3, 0.5, 0.99, 1.0, 1.0 + 2**-20, -2.5, 3.0, 7.25, 1e6 + 0.5]
    x = ad.constant(points, dtype)
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = math.sinc(x)
    slopes = tape.gradient(y, x).numpy()
    for p, value, slope in zip(x.numpy().tolist(), y.numpy(), slopes):
        with mp.workdps(40):
            true = mp.sincpi(mp.mpf(p))
            d = (mp.cospi(p) - true) / p if p else mp.mpf(0)
        assert abs(value - true) <= 2 * rtol * abs(true), (p, value, true)
        assert abs(slope - d) <= 8 * rtol * max(abs(d), 1 / abs(p) if p else 0), (p, slope, d)  # (1/|p| bounds it)
    assert type(np.sinc(x)) is ad.Tensor and np.array_equal(np.sinc(x), y)


@pytest.mark.parametrize("dtype, rtol", [("float64", 4e-15), ("float32", 4e-7)])
def test_trigamma_is_the_derivative_of_digamma(dtype, rtol):
    x = ad.Variable(np.array([0.25, 1.0, 30.0, -0.5], dtype))
    with ad.GradientTape() as tape:
        y = math.trigamma(x)
    same(y, scipy.special.polygamma(1, x.numpy().astype("float64")).astype(dtype), rtol)
    same(tape.gradient(y, x), np.array([float(mp.psi(2, float(v))) for v in x.numpy()], dtype), rtol)


def test_an_operator_is_called_in_every_way_with_one_result():
    x, y = ad.constant(0.25), ad.constant(2.0)
    ways = [ad.minimum(x, y), ad.minimum(x, y, "name"), ad.minimum(x, y=y), ad.minimum(x=x, y=y, name="name"), ad.minimum(*[x, y]),
            ad.minimum(**{"y": y, "x": x}), ad.minimum.__call__(x, y), functools.partial(ad.minimum, y=y)(x), *map(ad.minimum, [x], [y]),
            ad.minimum(x, 2.0), ad.minimum(0.25, y), ad.minimum(0.25, 2.0)]  # fmt: skip
    assert [float(way) for way in ways] == [0.25] * len(ways)
    assert ad.minimum([0.25, 3.0], ad.constant([2.0, 0.25])).numpy().tolist() == [0.25, 0.25]
    for wrong in (lambda: ad.minimum(x), lambda: ad.minimum(x, y, "name", y), lambda: ad.minimum(x, y, z=y), lambda: ad.exp()):
        with pytest.raises(TypeError, match="minimum: |exp: "):
            wrong()


# --------------------------------------------------------------------------------------------------------------- division
A, B = np.array([7.5, -7.5, 7.5, -7.5, 4.0, -4.0, 1e16]), np.array([2.0, 2.0, -2.0, -2.0, 2.0, 2.0, 3.0])


def test_division_towards_0():
    for dtype in ("float32", "float64"):
        a, b = A.astype(dtype), B.astype(dtype)
        same(math.truncatediv(a, b), np.trunc(a / b))
        same(math.truncatemod(a, b), np.fmod(a, b))
        assert np.signbit(math.truncatemod(a, b).numpy()).tolist() == np.signbit(np.fmod(a, b)).tolist()
    for dtype in ("int32", "int64"):
        a, b = np.array([7, -7, 7, -7, 4, -4, 0], dtype), np.array([2, 2, -2, -2, 2, 2, 5], dtype)
        same(math.truncatediv(a, b), np.trunc(a / b).astype(dtype))
        same(math.truncatemod(a, b), np.fmod(a, b))
    same(math.truncatediv([7.0, np.inf], [0.0, 2.0]), np.float32([np.inf, np.inf]))
    assert np.isnan(math.truncatemod([7.0, np.inf], [0.0, 2.0]).numpy()).all() and math.truncatemod(np.zeros((0, 2)), 2.0).shape == (0, 2)
    same(math.realdiv([7.0], 2), np.float32([3.5]))


def test_what_is_left_of_a_division_has_its_slopes():
    check_gradients(lambda a, b: math.truncatemod(a, b) ** 2, A[:4] + 0.1, B[:4])
    slopes = ad.grad(lambda a: ad.reduce_sum(math.truncatemod(a, [2.0, -2.0, 1.5, 1.5])))(ad.constant([0.0, -0.0, 2.0, -2.0]))
    assert slopes.numpy().tolist() == [1, 1, 1, 1]
    assert gradient(math.truncatediv, A, B) == [None, None]
    got = ad.function(lambda a, b: math.truncatemod(a, b) + math.truncatediv(a, b))
    for a in (A, A + 1):
        same(got(a, B), (math.truncatemod(a, B) + math.truncatediv(a, B)).numpy())


@pytest.mark.parametrize("f", [math.truncatediv, math.truncatemod])
def test_an_integer_divided_by_0_is_said(f):
    with pytest.raises(ZeroDivisionError, match=f"^{f.__name__}: an integer is divided by 0$"):
        f([1, 2], [1, 0])
    assert f(ad.constant([7.0]), ad.constant([2])).dtype == ad.float32


def test_a_cast_that_stays_among_the_numbers():
    x = np.array([1e300, -1e300, np.inf, -2.5, np.nan])
    same(math.saturate_cast(x, "float32"), np.float32([3.4028235e38, -3.4028235e38, 3.4028235e38, -2.5, np.nan]))
    same(math.saturate_cast(x[:4], "int32"), np.int32([2**31 - 1, -(2**31), 2**31 - 1, -2]))
    same(math.saturate_cast(np.array([2**40, -(2**40), 3]), "int32"), np.int32([2**31 - 1, -(2**31), 3]))
    assert gradient(lambda t: math.saturate_cast(t, "float32"), x[:4])[0].tolist() == [0, 0, 0, 1]


# -------------------------------------------------------------------------------------------------------------- histograms
def test_numbers_are_counted_in_intervals_of_one_width():
    x = np.array([[-1.0, 0.0, 1.5], [2.0, 5.0, 15.0]])
    same(math.histogram_fixed_width(x, [0.0, 5.0], 5), np.int32([2, 1, 1, 0, 2]))
    same(math.histogram_fixed_width_bins(x, (0.0, 5.0), 5, "int64"), np.array([[0, 0, 1], [2, 4, 4]]))
    same(math.histogram_fixed_width([1, 2, 3], [0, 5], 2, "int64"), np.array([2, 1]))
    same(math.histogram_fixed_width(np.zeros((0,)), [0.0, 1.0], 2), np.int32([0, 0]))
    y = np.random.default_rng(0).normal(size=1000)
    same(math.histogram_fixed_width(y, [-2.0, 2.0], 8, "int64"), np.histogram(np.clip(y, -2, 2), 8, (-2, 2))[0])


@pytest.mark.parametrize("arguments, text", [(([1.0], [1.0, 1.0]), "value_range must be two numbers, the first one less, got [1.0, 1.0]"),
                                             (([1.0], 3.0), "value_range must be two numbers, the first one less, got 3.0"),
                                             (([1.0], [0.0, 1.0], 0), "nbins must be positive, got 0"),
                                             (([np.nan], [0.0, 1.0]), "values has a nan, which is in no interval")])  # fmt: skip
def test_intervals_that_are_none_are_said(arguments, text):
    with pytest.raises(ValueError) as caught:
        math.histogram_fixed_width(*arguments)
    assert str(caught.value) == f"histogram_fixed_width: {text}"


@pytest.mark.parametrize("f", [*UNSORTED, *(lambda x, ids, n, f=f: f(x, ad.sort(ids)) for f in SORTED)], ids=[f.__name__ for f in (*UNSORTED, *SORTED)])
def test_segments_of_ids_that_are_computed_are_replayed(f):
    """As the means of the points next to each of some centres."""

    def g(x, first):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = f(x * x, ad.argmin(ad.abs(x[:, :1] - [[-1.0, 0.0, 1.0]]), 1) + first, 4)
        return y, tape.gradient(y, x)

    recorded = ad.function(g)
    for seed in range(6):
        for first in (0, 1, -1) if f in UNSORTED else (0, 1):           # a negative id counts nowhere
            x, first = ad.constant(np.random.default_rng(seed).normal(size=(9, 2))), ad.constant(first, "int64")
            ids = np.abs(x.numpy()[:, :1] - [[-1, 0, 1]]).argmin(1) + first.numpy()
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                results = recorded(x, first)
            for got, want in zip(results, g(x, first)):
                np.testing.assert_array_equal(got.numpy(), want.numpy())
            np.testing.assert_array_equal(results[0].numpy(), f(x * x, ids, 4).numpy())
    assert recorded.experimental_get_tracing_count() < 18


@pytest.mark.parametrize("f", UNSORTED, ids=lambda f: f.__name__)
@pytest.mark.parametrize("shape", [(0, 2), (3, 0)])
def test_segments_of_nothing_have_gradients_of_its_shape(f, shape):
    x = ad.Variable(np.zeros(shape))
    with ad.GradientTape() as tape:
        y = f(x, np.zeros(shape[0], int), 3)
    assert y.shape == (3, shape[1]) and tape.gradient(y, x).shape == shape


@pytest.mark.parametrize("f", [lambda x: math.in_top_k(math.argmax(x, 1), x[::-1], 2), lambda x: math.invert_permutation(ad.argsort(x[0])),
                               lambda x: math.is_non_decreasing(x[0]), lambda x: math.is_strictly_increasing(ad.sort(x[0])),
                               lambda x: math.zero_fraction(x > 0), lambda x: ad.sequence_mask(math.argmax(x, 1), 4, "float32"),
                               lambda x: math.bincount(math.argmax(x, 1)), lambda x: math.bincount(math.argmax(x, 1), weights=x[0], minlength=2, maxlength=2),
                               lambda x: math.confusion_matrix(math.argmax(x, 0), math.argmax(x, 1)),
                               lambda x: math.confusion_matrix(math.argmax(x, 0), math.argmax(x, 1), 3, weights=x[0], dtype="float64"),
                               lambda x: ad.sequence_mask(math.argmax(x, 1)), lambda x: ad.repeat(x, math.argmax(x, 1), axis=1)])  # fmt: skip
def test_what_is_counted_and_ordered_is_found_anew_in_every_replay(f):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recorded = ad.function(f)
        for seed in range(4):
            x = ad.constant(np.random.default_rng(seed).normal(size=(3, 3)))
            same(recorded(x), f(x).numpy())


def test_counts_have_gradients_by_their_weights():
    ids, places = [1, 0, 1], [[1, 0], [0, 1], [1, 1]]
    check_gradients(lambda w: math.bincount(ids, weights=w) ** 2, [0.5, 2.0, 1.0])
    check_gradients(lambda w: math.confusion_matrix(*zip(*places), weights=w, dtype="float64") ** 2, [0.5, 2.0, 1.0])


def test_a_number_of_repeats_that_turns_negative_is_said_in_a_replay():
    recorded = ad.function(lambda x, times: ad.repeat(x, times))
    assert recorded(ad.ones(2), ad.constant([1, 2])).shape == (3,)
    with pytest.raises(errors.ShapeError, match="repeats .1, -1. has a negative size"):
        recorded(ad.ones(2), ad.constant([1, -1]))
