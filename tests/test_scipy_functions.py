"""Functions whose values are SciPy's: the same values, and derivatives of any order."""

import warnings

import numpy as np
import pytest
from differences import check_gradients

import autodiff as ad

scipy_special = pytest.importorskip("scipy.special")
X = np.array([[0.3, 1.2], [2.7, 4.1]])


@pytest.mark.parametrize("name", "j0 j1 y0 y1 k0 k1 k0e k1e dawsn expi exp1 spence erfi".split())
def test_functions_of_one_number(name):
    f = getattr(scipy_special, name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = f(ad.constant(X))
        assert type(y) is ad.Tensor
        np.testing.assert_array_equal(y.numpy(), f(X))
        assert f(ad.constant(X, "float32")).dtype == "float32"
        check_gradients(f, X / 2, order=3, rtol=1e-5)
        assert f(ad.zeros((0, 2))).shape == (0, 2)


@pytest.mark.parametrize("name, order", [("jv", 2), ("jv", 0.5), ("yv", 1.5), ("kv", 0.7), ("kve", 2), ("iv", 0.5), ("ive", 1), ("hyp0f1", 1.5)])
def test_functions_of_an_order_and_a_number(name, order):
    f = getattr(scipy_special, name)
    np.testing.assert_array_equal(f(order, ad.constant(X)).numpy(), f(order, X))
    check_gradients(lambda x: f(order, x), X / 2)
    orders = ad.constant([1.0, 2.0], "float64")
    np.testing.assert_array_equal(f(orders, ad.constant(X)).numpy(), f(orders.numpy(), X))       # they broadcast


@pytest.mark.parametrize("case", """loggamma(X)|exprel(X)|exprel(X - X)|cosm1(X)|boxcox(X, 0.0 * X)|boxcox(X, X)|boxcox(X, -X)|boxcox1p(X, 1e-9 * X)|inv_boxcox(X, X)
inv_boxcox(X, 0.0 * X)|inv_boxcox1p(X, 0.3)|chdtr(X, X[::-1])|chdtrc(X, X + 1)|gdtr(X, X + 0.5, X[::-1])|gdtrc(X, 2.0, X)|fdtr(3.0, 4.0, X)|poch(X, X[::-1])
stdtr(3.0, X)|stdtr(X, 0.5)|owens_t(X, X[::-1] / 2)|ellipk(X / 5)|ellipk(-X)|ellipk(X * 0.0)|ellipe(X / 5)|ellipe(-X)|ellipe(X * 0.0)""".replace("\n", "|").split("|"))
def test_functions_by_formulas(case):
    f = eval(f"lambda X: scipy_special.{case}", {"scipy_special": scipy_special})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = f(ad.constant(X))
        assert type(y) is ad.Tensor and f(ad.constant(X, "float32")).dtype == "float32"
    np.testing.assert_allclose(y.numpy(), f(X), rtol=1e-12)
    if case not in ("stdtr(X, 0.5)",):                          # by its degrees of freedom there is none
        check_gradients(f, X, order=2, rtol=1e-5)


def test_what_has_no_gradient_by_its_parameters_has_none_in_part():
    n = ad.Variable([3.0, 4.0])
    with ad.GradientTape(persistent=True) as tape:
        ys = scipy_special.fdtr(n, 5.0, 0.5), scipy_special.fdtr(5.0, n, 0.5), scipy_special.stdtr(n, 0.5)
    assert [tape.gradient(y, n) for y in ys] == [None] * 3


@pytest.mark.parametrize("name", ["boxcox", "boxcox1p", "inv_boxcox", "inv_boxcox1p"])
def test_box_cox_transforms_at_infinity(name):
    x, power = np.meshgrid([-np.inf, np.inf, np.nan, 0.5], [-2.0, 0.0, 0.5])
    with np.errstate(all="ignore"):
        want = getattr(scipy_special, name)(x, power)
    np.testing.assert_allclose(getattr(scipy_special, name)(ad.constant(x), ad.constant(power)).numpy(), want, rtol=1e-14)


def test_others_at_infinity():
    x = np.array([-np.inf, np.inf, np.nan, -1.0])
    for f in (scipy_special.exprel, scipy_special.cosm1, scipy_special.loggamma, lambda x: scipy_special.fdtr(2.0, 3.0, x), lambda x: scipy_special.chdtr(2.0, x)):
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(f(ad.constant(x)).numpy(), f(x), rtol=1e-14)


def test_a_box_cox_transform_at_the_end_of_its_domain():
    x, power = np.zeros(4), np.array([2.0, 0.5, 0.0, -1.0])
    np.testing.assert_array_equal(scipy_special.boxcox(ad.constant(x), ad.constant(power)).numpy(), scipy_special.boxcox(x, power))
    assert np.isnan(scipy_special.boxcox(ad.constant([-1.0]), 2.0).numpy()[0])
    slope = ad.grad(lambda power: ad.reduce_sum(scipy_special.boxcox(X, power)))                 # by power: log(x)**2 / 2 at 0
    np.testing.assert_allclose(slope(ad.constant(0.0, "float64")).numpy(), (np.log(X) ** 2).sum() / 2, rtol=1e-14)


def test_hypergeometric_functions():
    check_gradients(lambda x: scipy_special.hyp1f1(0.5, 1.5, x), X)
    check_gradients(lambda x: scipy_special.hyp2f1(0.5, 1.5, 2.0, x), X / 5)


def test_quantiles():
    p = np.array([[0.1, 0.5], [0.9, 0.99]])
    for f in (scipy_special.gammaincinv, scipy_special.gammainccinv):
        np.testing.assert_array_equal(f(ad.constant(X), ad.constant(p)).numpy(), f(X, p))
        check_gradients(f, X + 0.5, p, step=1e-4)
    check_gradients(lambda p: scipy_special.betaincinv(2.5, 1.5, p), p, step=1e-4)
    check_gradients(scipy_special.erfcinv, p + 0.3)


def test_those_of_tensorflow_are_there():
    pairs = {"bessel_j0": "j0", "bessel_j1": "j1", "bessel_y0": "y0", "bessel_y1": "y1", "bessel_k0": "k0", "bessel_k0e": "k0e", "bessel_k1": "k1",
             "bessel_k1e": "k1e", "dawsn": "dawsn", "expint": "expi", "spence": "spence"}  # fmt: skip
    for name, of in pairs.items():
        np.testing.assert_array_equal(getattr(ad.math.special, name)(X).numpy(), getattr(scipy_special, of)(X))
    for k, f in enumerate((ad.math.special.fresnel_sin, ad.math.special.fresnel_cos)):
        np.testing.assert_array_equal(f(X).numpy(), scipy_special.fresnel(X)[k])
        check_gradients(f, X / 2, order=3, rtol=1e-5)


def test_slopes_keep_their_digits_where_the_short_formula_has_none():
    mpmath = pytest.importorskip("mpmath")

    def slope(f, x):
        x = ad.Variable(x, dtype="float64")
        with ad.GradientTape() as tape:
            y = f(x)
        return float(tape.gradient(y, x))

    with mpmath.workdps(60):
        for x in (1e-3, 0.5, 7.9, 8.1, 12.0, 1e3, 1e6, -9.0):
            d = mpmath.mpf(x)
            true = 1 - 2 * d * (mpmath.sqrt(mpmath.pi) / 2 * mpmath.exp(-d * d) * mpmath.erfi(d))
            assert slope(ad.math.special.dawsn, x) == pytest.approx(float(true), rel=1e-13)
        for x in (1 - 1e-9, 1.0, 1 + 1e-6, 1.0009, 1.0011, 3.0, 1e-3):
            d = mpmath.mpf(x)
            assert slope(ad.math.special.spence, x) == pytest.approx(float(mpmath.log(d) / (1 - d)) if x != 1 else -1, rel=1e-13)
    assert slope(ad.math.special.bessel_k1e, 0.0) == -np.inf and slope(ad.math.special.bessel_k1e, np.inf) == 0
    assert slope(ad.math.special.bessel_j1, 0.0) == 0.5 and slope(ad.math.special.bessel_j0, 0.0) == 0


def test_a_function_with_them_runs_as_written():
    with pytest.warns(UserWarning, match="runs as written"):
        f = ad.function(ad.math.special.bessel_j0)
        for x in (X, X + 1):
            np.testing.assert_array_equal(f(x).numpy(), scipy_special.j0(x))


@pytest.mark.parametrize("call, error, text", [(lambda: ad.math.special.bessel_j0([1, 2]), TypeError, "^bessel_j0: got int32, takes float32 or float64"),
                                               (lambda: ad.math.special.dawsn("x"), TypeError, "^dawsn: "),
                                               (lambda: scipy_special.jv(ad.ones(2), ad.ones(3)), ValueError, "^jv: Incompatible shapes: .2. vs. .3.")])  # fmt: skip
def test_misuse_is_said(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_the_beta_function_has_its_sign_below_0():
    a, b = np.array([[3.3, -0.3, -1.6, -0.4], [-0.5, 1.9, -2.2, -0.7]])
    np.testing.assert_allclose(scipy_special.beta(ad.constant(a), ad.constant(b)).numpy(), scipy_special.beta(a, b), rtol=1e-13)
    check_gradients(scipy_special.beta, a, b)


@pytest.mark.parametrize("name", ["rel_entr", "kl_div"])
def test_divergences_of_empty_classes_and_out_of_their_domain_are_scipys(name):
    """A class that is empty in both histograms adds 0, not nan."""
    f, ends = getattr(scipy_special, name), [0.0, -0.0, 0.3, 2.0, -1.0, np.nan]
    x, y = (a.ravel() for a in np.meshgrid(ends, ends))
    np.testing.assert_allclose(f(ad.constant(x), ad.constant(y)).numpy(), f(x, y), rtol=1e-14)
    p = ad.constant([0.0, 0.0, 0.5, 0.5], "float64")
    with ad.GradientTape() as tape:
        tape.watch(p)
        total = ad.reduce_sum(f([0.0, 0.4, 0.3, 0.3], p))
    slope = tape.gradient(total, p).numpy()
    assert total == np.inf and slope[0] == (name == "kl_div")
