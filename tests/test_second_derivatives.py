"""Second and third derivatives of library functions beside mpmath, at the points where one of two terms of a rule cancels the other."""

import mpmath as mp
import numpy as np
import pytest
from test_rows import SMOOTH, name_of

import autodiff as ad

AROUND_ZERO = [1e-20, 1e-8, -1e-8, 1e-5, -0.3, 0.7]
CASES = {  # name: function, the same of mpmath, order, points
    "sigmoid": (ad.sigmoid, lambda x: 1 / (1 + mp.exp(-x)), 2, [*AROUND_ZERO, -20.0, 20.0, -80.0, 80.0]),
    "softplus": (ad.math.softplus, lambda x: mp.log1p(mp.exp(x)), 3, [*AROUND_ZERO, -20.0, 20.0, -80.0]),
    "log_sigmoid": (ad.math.log_sigmoid, lambda x: -mp.log1p(mp.exp(-x)), 3, [*AROUND_ZERO, -20.0, 20.0, 80.0]),
    "tanh": (ad.tanh, mp.tanh, 2, [*AROUND_ZERO, 8.0, -20.0]),
    "asin": (ad.math.asin, mp.asin, 2, [*AROUND_ZERO, 0.999, -0.999999]),
    "acos": (ad.math.acos, mp.acos, 2, [*AROUND_ZERO, 0.999, -0.999999]),
    "atanh": (ad.math.atanh, mp.atanh, 2, [*AROUND_ZERO, 0.999, -0.999999]),
    "erfcx": (ad.math.erfcx, lambda x: mp.exp(x * x) * mp.erfc(x), 2, [-1.0, 0.3, 8.0, 12.0, 1e4]),
    "log_ndtr": (ad.math.log_ndtr, lambda x: mp.log(mp.ncdf(x)), 2, [-1.0, -0.999, -1.001, 0.3, -8.0, 8.0]),
    "i0e": (ad.math.bessel_i0e, lambda x: mp.besseli(0, x) * mp.exp(-abs(x)), 2, [0.3, 8.0, 40.0, 300.0]),
    "i1e": (ad.math.bessel_i1e, lambda x: mp.besseli(1, x) * mp.exp(-abs(x)), 2, [0.3, 8.0, 40.0, 300.0]),
}


def derivative(f, x, order):
    if order == 0:
        return f(x)
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = derivative(f, x, order - 1)
    return tape.gradient(y, x, unconnected_gradients="zero")


@pytest.mark.parametrize("dtype, rtol", [("float32", 3e-6), ("float64", 1e-13)])
@pytest.mark.parametrize("name", CASES)
def test_higher_derivatives_keep_their_digits(name, dtype, rtol):
    f, exact, order, points = CASES[name]
    xs = np.array(points, dtype)
    got = derivative(f, ad.constant(xs), order).numpy()
    with mp.workdps(120):
        want = [float(mp.diff(exact, mp.mpf(float(x)), order, h=mp.mpf(10) ** -25 * abs(float(x)))) for x in xs]
    np.testing.assert_allclose(got, np.array(want, dtype), rtol=rtol, atol=np.finfo(dtype).tiny)


@pytest.mark.parametrize("b", [3, 2.5, 0.5, -1.5])
def test_powers_bend_where_their_slope_has_left_the_format(b):
    """x**3 at 1e200 has an infinite slope and the second derivative 6e200."""
    xs = np.array([1e-200, 1e-160, 1e-120, 2.0, 1e120, 1e160, 1e200])
    got = derivative(lambda x: x**b, ad.constant(xs), 2).numpy()
    with mp.workdps(40):
        want = np.array([float(b * (b - 1) * mp.mpf(float(x)) ** (mp.mpf(b) - 2)) for x in xs])
    np.testing.assert_allclose(got, want, rtol=2e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("row", [row for row in SMOOTH if row.arity == 1], ids=name_of)
def test_where_the_slope_tends_to_a_number_at_infinity_it_bends_no_more(row, dtype):
    for x in (np.inf, -np.inf):
        orders = [float(derivative(row, ad.constant(x, dtype), order)) for order in range(4)]
        if not np.isnan(orders[0]) and np.isfinite(orders[1]):
            assert orders[2:] == [0.0, 0.0], f"{row.name} at {x}: {orders}"


def test_a_slope_of_0_stops_an_infinity_also_where_the_sweep_is_recorded():
    def followed(f, x):
        with ad.GradientTape() as outer:
            outer.watch(x)
            return ad.grad(f)(x)

    x, f = ad.constant([np.inf, -np.inf, 2.0]), lambda x: ad.reduce_sum(ad.sign(x) * x)
    plain = ad.grad(f)(x)
    assert plain.numpy().tolist() == [1, -1, 1] == followed(f, x).numpy().tolist()
    assert ad.hvp(f)(x, ad.ones_like(x)).numpy().tolist() == [0, 0, 0]
    with ad.GradientTape() as outer:                        # a tangent that a tape follows
        outer.watch(x)
        moved = ad.jvp(ad.sign, [x], [x])[1]
    assert moved.numpy().tolist() == [0, 0, 0]


CHOSEN = {"a branch": (lambda x: ad.where(x > 0, ad.sqrt(x), x * x), [2.0, 2.0, -0.03125]), "relu": (lambda x: ad.sqrt(ad.nn.relu(x)) + x * x, [2.0, 2.0, 2 - 0.03125])}  # fmt: skip


@pytest.mark.parametrize("name", CHOSEN)
def test_a_branch_that_is_not_taken_has_no_second_derivative_either_in_any_direction(name):
    """Its slope is infinite or nan there, and so is what a tangent makes of it."""
    f, want = CHOSEN[name]
    x = np.array([-1.0, 0.0, 4.0])
    diagonal, total = np.diag(want), lambda x: ad.reduce_sum(f(x))
    assert ad.hessian(total)(x).numpy().tolist() == diagonal.tolist() == ad.function(ad.hessian(total))(x).numpy().tolist()
    v, ones = ad.Variable(x), ad.constant(np.ones(3))

    def by_forward(v):
        with ad.autodiff.ForwardAccumulator(v, ones) as acc:
            with ad.GradientTape() as tape:
                tape.watch(v)
                y = total(v)
            g = tape.gradient(y, v)
        return acc.jvp(g)

    for g in (by_forward(v), by_forward(v.value()), ad.function(by_forward)(v.value())):
        assert g.numpy().tolist() == want
    for k in range(3):
        s = ad.Variable(x[k])
        with ad.GradientTape(persistent=True) as tape:
            with ad.GradientTape() as inner:
                y = f(s)
            g = inner.gradient(y, s)
            many = ad.stack([g, 2 * g, 3 * g])
        assert tape.gradient(g, s).numpy() == want[k] and tape.jacobian(many, s).numpy().tolist() == [want[k], 2 * want[k], 3 * want[k]]


HIDDEN = {  # what `where` hides at 0 has steps of infinite slope, one behind the other
    "log(sqrt(x))": lambda x: ad.math.log(ad.sqrt(x)),
    "sqrt(x) * log(x)": lambda x: ad.sqrt(x) * ad.math.log(x),
    "sqrt(sqrt(x))": lambda x: ad.sqrt(ad.sqrt(x)),
    "exp(-1 / x)": lambda x: ad.exp(-1 / x),
    "softplus(log(x))": lambda x: ad.math.softplus(ad.math.log(x)),
    "reciprocal": ad.math.reciprocal,
    "cumprod": lambda x: ad.math.cumprod(ad.stack([1 / x, ad.sqrt(x), x], axis=-1), axis=-1)[..., 2],
    "cumprod but itself": lambda x: ad.math.cumprod(ad.stack([1 / x, x], axis=-1), axis=-1, exclusive=True, reverse=True)[..., 0],
    "cumulative_logsumexp": lambda x: ad.math.cumulative_logsumexp(ad.stack([ad.math.log(x), x], axis=-1), axis=-1)[..., 1],
    "reduce_prod": lambda x: ad.reduce_prod(ad.stack([1 / x, ad.sqrt(x), x], axis=-1), axis=-1),
    "cross entropy": lambda x: ad.nn.softmax_cross_entropy_with_logits(ad.stack([x, 1 - x], axis=-1), ad.stack([1 / x, ad.math.log(x)], axis=-1)),
    "cross entropy of a class": lambda x: ad.nn.sparse_softmax_cross_entropy_with_logits(ad.zeros_like(x, dtype="int64"), ad.stack([ad.math.log(x), x], axis=-1)),
}


@pytest.mark.parametrize("order, want", [(1, 0.0), (2, 2.0), (3, 0.0)])
@pytest.mark.parametrize("name", HIDDEN)
def test_a_branch_that_is_not_taken_adds_no_infinity_times_0_where_gradients_are_of_gradients(name, order, want):
    """The slope that the cotangent 0 has stopped gets none of the next sweep's: infinity times that 0 was nan."""

    def f(x):
        return ad.where(x > 0, HIDDEN[name](x), x * x)

    def slope(x):
        return derivative(f, x, order)

    def pushed(x):
        with ad.autodiff.ForwardAccumulator(x, ad.ones_like(x)) as acc:
            y = derivative(f, x, order - 1)
        return acc.jvp(y)

    x, zeros = ad.constant(0.0, "float64"), ad.constant(np.zeros(3))
    for way in (slope, pushed, ad.function(slope), ad.function(pushed)):
        assert way(x).numpy() == want and way(zeros).numpy().tolist() == [want] * 3
    assert ad.vectorized_map(slope, zeros).numpy().tolist() == [want] * 3


def test_a_determinant_that_where_hides_bends_nothing():
    def f(x):
        return ad.where(x > 0, ad.linalg.det(ad.sqrt(x)[..., None, None]), x * x)

    x = ad.constant(0.0, "float64")
    assert derivative(f, x, 2).numpy() == 2 == ad.hessian(f)(x).numpy() == ad.function(lambda x: derivative(f, x, 2))(x).numpy()


DETERMINANTS = {  # rows, elements in terms of x, the third and the fourth derivative of the determinant
    "of one": (1, lambda x: [x * x * x], lambda x: 6, lambda x: 0),
    "of two": (2, lambda x: [x, x * x, x, 1 + x], lambda x: -6, lambda x: 0),
    "of three": (3, lambda x: [x, x * x, 0 * x, 2 * x, x, x * x, x, 0 * x, 3 * x], lambda x: 18 - 144 * x + 60 * x * x, lambda x: 120 * x - 144),
}


@pytest.mark.parametrize("name", DETERMINANTS)
def test_small_determinants_have_third_derivatives_also_of_singular_matrices(name):
    """The formula by the inverse raised an error there, and beside it kept no digits."""
    n, elements, third, fourth = DETERMINANTS[name]
    xs = np.array([0.0, 1e-8, 0.3, -2.0])

    def f(x):
        return ad.linalg.det(ad.reshape(ad.stack(elements(x), axis=-1), (-1, n, n)))

    for order, exact in ((3, third), (4, fourth)):
        want = np.broadcast_to(exact(xs), xs.shape)
        for way in (lambda x: derivative(f, x, order), ad.function(lambda x: derivative(f, x, order))):
            np.testing.assert_allclose(way(ad.constant(xs)).numpy(), want, rtol=1e-13, atol=1e-14)
