"""Where numbers leave the format: infinities that were given and that were computed, quotients by norms, Beta functions."""

import mpmath as mp
import numpy as np
import pytest

import autodiff as ad
from autodiff import math

LOGARITHMS = [math.log, math.log2, math.log10, math.log1p]
SHAPES = [(), (2,), (67,), (20_000,)]


def gradient(f, *xs, order=1):
    with ad.GradientTape() as tape:
        y = f(*xs) if order == 1 else gradient(f, *xs, order=order - 1)[0]
    return tape.gradient(y, list(xs))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("f", LOGARITHMS, ids=lambda f: f.__name__)
def test_a_logarithm_is_flat_at_an_infinity_that_was_given(f, shape, dtype):
    x = ad.Variable(np.full(shape, np.inf, dtype))
    for order in (1, 2):
        traced = ad.function(lambda n=order: gradient(f, x, order=n)[0])
        for g in (gradient(f, x, order=order)[0], traced(), traced()):
            assert g.dtype.name == dtype and not g.numpy().any()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("f", LOGARITHMS, ids=lambda f: f.__name__)
def test_a_logarithm_of_what_has_overflowed_has_no_slope(f, shape, dtype):
    x = ad.Variable(np.full(shape, 1000.0, dtype))
    formula = lambda x: f(1 + ad.exp(x))
    traced = ad.function(lambda: gradient(formula, x)[0])
    for g in (gradient(formula, x)[0], gradient(formula, x, order=2)[0], traced(), traced()):
        assert np.isnan(g.numpy()).all()


def test_what_is_finite_has_one_slope_given_or_computed():
    points = np.random.default_rng(0).uniform(0.1, 9, 5000)
    x = ad.Variable(points)
    for f in LOGARITHMS:
        assert gradient(f, x)[0].numpy().tobytes() == gradient(lambda x: f(x * 1.0), x)[0].numpy().tobytes()
        (g,) = gradient(f, ad.Variable(points[0]))
        assert g.numpy() == gradient(f, x)[0].numpy()[0]


def test_a_value_watched_by_an_inner_tape_is_still_computed():
    x = ad.Variable(1000.0)
    with ad.GradientTape():
        h = ad.exp(x)
        with ad.GradientTape() as inner:
            inner.watch(h)
            y = math.log(h)
        assert np.isnan(inner.gradient(y, h).numpy())
    h = ad.constant(np.inf)
    with ad.GradientTape() as outer, ad.GradientTape() as inner:
        outer.watch(h)
        inner.watch(h)
        y = math.log(h)
    assert inner.gradient(y, h).numpy() == 0


# ----------------------------------------------------------------------------------------------------- quotients by norms
def cosine(a, b):
    return ad.reduce_sum(a * b) / (ad.norm(a) * ad.norm(b))


VECTORS = [([1.0, 2.0], [3.0, -1.0]), ([0.5, -3.0, 2.0], [1.0, 0.25, 7.0])]


@pytest.mark.parametrize("dtype, scales", [("float32", [1e-30, 1e-25, 1e30, 1e37]), ("float64", [1e-300, 1e-200, 1e-160, 1e200, 1e300])])
def test_a_cosine_keeps_its_digits_at_any_length(dtype, scales):
    rtol = 20 * np.finfo(dtype).eps
    for p, q in VECTORS:
        for s in scales:
            for t in (s, 1.0):
                a, b = (ad.Variable(np.array(v, dtype) * np.array(k, dtype)) for v, k in ((p, s), (q, t)))
                with mp.workdps(60):
                    u, v = ([mp.mpf(float(e)) for e in x.numpy()] for x in (a, b))
                    dot, nu, nv = mp.fdot(u, v), mp.norm(u), mp.norm(v)
                    slopes = [float(y / (nu * nv) - dot * x / (nu**3 * nv)) for x, y in zip(u, v)]
                    value = float(dot / (nu * nv))
                traced = ad.function(lambda: gradient(cosine, a, b))
                for g in (gradient(cosine, a, b), traced(), traced()):
                    np.testing.assert_allclose(g[0].numpy(), slopes, rtol=rtol, atol=2 * rtol * max(map(abs, slopes)))
                with ad.GradientTape():
                    np.testing.assert_allclose(cosine(a, b).numpy(), value, rtol=rtol)


def test_an_ordinary_cosine_has_the_bits_of_its_formula():
    rng = np.random.default_rng(1)
    for _ in range(20):
        a, b = (ad.Variable(rng.normal(size=9) * 10.0 ** rng.integers(-9, 9)) for _ in range(2))
        plain = cosine(a, b).numpy()                    # nobody records: as it is written
        with ad.GradientTape():
            assert cosine(a, b).numpy().tobytes() == plain.tobytes()


@pytest.mark.parametrize("f", [ad.divide, math.divide_no_nan, math.xdivy], ids=lambda f: f.__name__)
def test_a_float32_quotient_that_is_subnormal_has_a_slope_with_all_digits(f):
    a, b = (np.float32(x) for x in (3.3e-36, -7.7e5))
    assert 0 < abs(a / b) < 1e-40
    for n in (None, 5, 100):
        x, y = (ad.Variable(v if n is None else np.full(n, v)) for v in (a, b))
        slope = lambda: gradient(lambda x, y: 2.0**70 * f(x, y), x, y)[1]
        traced = ad.function(slope)
        for g in (slope(), traced(), traced()):
            assert g.dtype.name == "float32" and np.all(g.numpy() == np.float32(-(2.0**70) * float(a) / float(b) ** 2))


def test_what_is_no_quotient_by_norms_stays_as_written():
    a = ad.Variable([1e-30, 2e-30])
    with ad.GradientTape() as tape:
        n = ad.norm(a) * ad.norm(a)
        assert n.numpy() == 0 and np.isnan((ad.reduce_sum(a * a) / (ad.norm(a) * n)).numpy())
        y = ad.math.log(1 + ad.exp(ad.norm(a) * 1e32))
    assert np.isinf(y.numpy()) and np.isnan(tape.gradient(y, a).numpy()).all()


# ---------------------------------------------------------------------------------------------------------- Beta functions
@pytest.mark.parametrize("a, b", [(1e12, 1.0), (0.5, 1e8), (20.0, 20.0), (100.0, 100.0), (2.0, 3.0), (17.0, 1e-8)])
def test_betaln_and_its_two_derivatives(a, b):
    with mp.workdps(60):
        value, slopes = mp.log(mp.beta(a, b)), [mp.psi(0, v) - mp.psi(0, mp.mpf(a) + b) for v in (a, b)]
        second = mp.psi(1, a) - 2 * mp.psi(1, mp.mpf(a) + b) + mp.psi(1, mp.mpf(a) + b)
    x, y = ad.Variable(a, dtype="float64"), ad.Variable(b, dtype="float64")
    assert math.betaln(x, y).numpy() == pytest.approx(float(value), rel=1e-14, abs=0)
    assert [float(g) for g in gradient(math.betaln, x, y)] == pytest.approx([float(s) for s in slopes], rel=1e-12, abs=0)
    with ad.GradientTape() as tape:
        g = gradient(math.betaln, x, y)[0]
    assert float(tape.gradient(g, x)) == pytest.approx(float(second), rel=1e-9, abs=0)


@pytest.mark.parametrize("count", [3, 67])
def test_lbeta_of_many_large_numbers(count):
    numbers = np.resize([1e12, 1.0, 3e5], count)
    with mp.workdps(60):
        value = mp.fsum([mp.loggamma(x) for x in numbers]) - mp.loggamma(mp.fsum(numbers))
        slopes = [float(mp.psi(0, x) - mp.psi(0, mp.fsum(numbers))) for x in numbers]
    x = ad.Variable(numbers)
    with ad.GradientTape() as tape:
        y = math.lbeta(x)
    assert float(y) == pytest.approx(float(value), rel=1e-13, abs=0)
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), slopes, rtol=1e-11)
    assert math.lbeta([[2.0, 3.0, 4.0]] * 5).shape == (5,)
