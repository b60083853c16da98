"""The distribution functions of statistics by igamma, igammac, betainc and zeta: beside SciPy and mpmath, in their tails, with their gradients."""

import mpmath as mp
import numpy as np
import pytest
import scipy.special
import scipy.stats
from reference import REFERENCE

import autodiff as ad
from autodiff import math

# Shapes and points: the middle and both tails, of shapes beyond those of the table's tests.
LARGE = [(1e4, 9.9e3), (1e4, 1.05e4), (1e6, 1e6), (1e6, 1.004e6), (1e8, 0.9997e8), (1e8, 1.0003e8), (300.5, 20.0), (2.5, 300.0), (1e-3, 0.3), (1e-12, 1e-5)]


def ulps(got, exact):
    return float(abs(mp.mpf(float(got)) - exact) / mp.mpf(float(np.spacing(abs(float(exact))))))


def test_references_agree_with_mpmath():
    with mp.workdps(40):
        for a, x in ((0.5, 0.1), (3.0, 7.0), (20.0, 12.0)):
            p = mp.gammainc(a, 0, x, regularized=True)
            assert abs(REFERENCE["igamma"](mp.mpf(a), mp.mpf(x)) - p) < mp.mpf(10) ** -35
            for name, n in (("igamma_by_a", 1), ("igamma_by_a_twice", 2)):
                want = mp.diff(lambda a: mp.gammainc(a, 0, x, regularized=True), a, n, h=mp.mpf(10) ** -10)
                assert abs(REFERENCE[name](mp.mpf(a), mp.mpf(x)) - want) < mp.mpf(10) ** -9
            assert abs(REFERENCE["betainc"](mp.mpf(a), mp.mpf(2), mp.mpf(0.25)) - mp.betainc(a, 2, 0, 0.25, regularized=True)) < mp.mpf(10) ** -35
            assert abs(REFERENCE["zeta"](mp.mpf(1 + a), mp.mpf(x)) - mp.zeta(1 + a, x)) < mp.mpf(10) ** -33


def test_both_tails_of_the_gamma_distribution_and_their_gradients_at_large_shapes():
    a, x = (ad.constant(c) for c in np.array(LARGE).T)
    for f, sign, name in ((math.igamma, 1, "igamma"), (math.igammac, -1, "igammac")):
        with ad.GradientTape() as tape:
            tape.watch([a, x])
            y = f(a, x)
        by_a, by_x = tape.gradient(y, [a, x])
        with mp.workprec(120):
            for i, point in enumerate(LARGE):
                point = [mp.mpf(v) for v in point]
                assert ulps(y.numpy()[i], REFERENCE[name](*point)) <= 4, (name, LARGE[i])
                assert ulps(by_a.numpy()[i], sign * REFERENCE["igamma_by_a"](*point)) <= 5, (name, LARGE[i])
                assert ulps(by_x.numpy()[i], sign * REFERENCE["gamma_pdf"](*point)) <= 2, (name, LARGE[i])


def test_beta_distribution_of_large_and_of_tiny_shapes():
    points = [(1e5, 3e5, 0.2501), (1e7, 1e7, 0.4999), (1e6, 2.5, 0.999997), (2.5, 1e6, 3e-6), (1e-8, 1e-9, 0.3), (40.0, 1e-5, 0.999), (1e-5, 40.0, 1e-3), (3.0, 1e12, 1e-12)]
    y = math.betainc(*[ad.constant(c) for c in np.array(points).T]).numpy()
    with mp.workprec(120):
        for got, point in zip(y, points):
            assert ulps(got, REFERENCE["betainc"](*[mp.mpf(v) for v in point])) <= 5, point


def test_distributions_of_statistics():
    """Student's t, the F and the binomial distribution are incomplete beta functions, chi-square's and Poisson's incomplete gamma functions."""
    t, df = 2.25, 7.0
    np.testing.assert_allclose(1 - 0.5 * math.betainc(df / 2, 0.5, df / (df + t * t)).numpy(), scipy.stats.t.cdf(t, df), rtol=1e-6)
    rate = ad.constant([0.5, 3.0, 40.0], "float64")
    with ad.GradientTape() as tape:
        tape.watch(rate)
        y = math.igammac(5.0, rate)                         # at most 4 events
    np.testing.assert_allclose(y.numpy(), scipy.stats.poisson.cdf(4, rate.numpy()), rtol=1e-13)
    np.testing.assert_allclose(tape.gradient(y, rate).numpy(), -scipy.stats.poisson.pmf(4, rate.numpy()), rtol=1e-13)
    np.testing.assert_allclose(math.zeta(ad.constant([2.5, 4.0], "float64"), 3.0).numpy(), scipy.special.zeta([2.5, 4.0], 3.0), rtol=1e-14)


def log_likelihood(p, n):
    """Of gamma distributed waiting times beyond 2, in n of 10 cases."""
    q = math.igammac(p[0], p[1] * 2.0)
    return n * ad.math.log(q) + (10 - n) * ad.math.log1p(-q)


def test_fits_have_their_hessians_eager_and_replayed():
    p = ad.constant([2.5, 1.25], "float64")
    exact = ad.hessian(lambda p: log_likelihood(p, 4.0))(p).numpy()
    replayed = ad.function(ad.hessian(lambda p: log_likelihood(p, 4.0)))
    for _ in range(2):
        assert replayed(p).numpy().tobytes() == exact.tobytes()
    h, slope = 1e-5, ad.grad(lambda p: log_likelihood(p, 4.0))
    for k in range(2):
        step = np.eye(2)[k] * h
        np.testing.assert_allclose(exact[k], (slope(p.numpy() + step).numpy() - slope(p.numpy() - step).numpy()) / (2 * h), rtol=1e-7)
    with ad.autodiff.ForwardAccumulator(p, ad.constant([1.0, 0.0], "float64")) as accumulator:
        y = log_likelihood(p, 4.0)
    np.testing.assert_allclose(accumulator.jvp(y).numpy(), slope(p).numpy()[0], rtol=1e-14)


def test_a_precise_tape_takes_them_apart_where_doubles_do_not_reach():
    """1 - igamma has no digit left at 60."""
    x = ad.Variable(60.0, dtype="float64")
    with ad.GradientTape(persistent=True, precise=True) as tape:
        y = ad.math.log(1 - math.igamma(2.0, x))
    np.testing.assert_allclose(tape.value(y).numpy(), float(mp.log(mp.gammainc(2, 60, regularized=True))), rtol=1e-15)
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), -60 / 61, rtol=1e-15)


@pytest.mark.parametrize("call, text", [
    (lambda: math.igamma(1, 2), "igamma: "), (lambda: math.betainc(1, 2, 3), "betainc: "), (lambda: math.zeta(2, 3), "zeta: ")])  # fmt: skip
def test_whole_numbers_are_refused(call, text):
    with pytest.raises(ad.errors.DtypeError, match=f"^{text}"):
        call()


def test_what_has_no_derivative_says_so():
    a, b, x = (ad.constant(v, "float64") for v in (2.0, 3.0, 0.25))
    with ad.GradientTape(persistent=True) as tape:
        tape.watch([a, b, x])
        y, z = math.betainc(a, b, x), math.zeta(a, b)
    assert tape.gradient(y, [a, b]) == [None, None] and tape.gradient(z, a) is None
    assert float(tape.gradient(y, x)) == pytest.approx(12 * 0.25 * 0.75**2, rel=1e-15)
    third = lambda a: math.igamma(a, 2.0)
    for _ in range(3):
        third = ad.grad(third)
    assert np.isnan(third(a).numpy())
