"""Whole powers have kernels of their own (csrc/power_math.h): as accurate, and the same whatever stands beside a number."""

import mpmath
import numpy as np
import pytest

import autodiff as ad

SIZE = 700                                      # a block of 512, and a rest
ENDS = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 1e-310, -1e300, 2.0**60, 2.0**-60, 2.0**61]


def numbers(dtype, k, ends=False):
    x = np.random.default_rng(k).lognormal(0, 1.5, SIZE).astype(dtype) * np.random.default_rng(k + 1).choice([-1, 1], SIZE).astype(dtype)
    if ends:
        with np.errstate(all="ignore"):
            x[:: SIZE // len(ENDS)][: len(ENDS)] = np.array(ENDS).astype(dtype)
    return x


def both(x, e):
    """x**e and its slope by x."""
    x = ad.constant(x)
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = ad.pow(x, e)
    return y.numpy(), tape.gradient(y, x).numpy()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("e", [-16, -15, -6, -3, -1, 0, 1, 2, 3, 4, 5, 7, 8, 12, 15, 16, 2.5])
def test_a_whole_power_and_its_slope_are_accurate(e, dtype):
    """0.501 ULP where they are products in pairs; elsewhere what the rows say."""
    x = numbers(dtype, 3)
    x = np.abs(x) if e != round(e) else x
    kind, quick = np.dtype(dtype).type, ad.config.cpu != "baseline" and e == round(e)
    with mpmath.workdps(40):
        right = [[mpmath.mpf(float(v)) ** e for v in x], [e * mpmath.mpf(float(v)) ** (e - 1) for v in x]]
    for got, expected, bound in zip(both(x, e), right, (0.501 if quick and abs(e) < 16 else 1, 0.501 if quick and 0 < abs(e - 1) < 16 else 3)):
        for y, z in zip(got, expected):
            if np.finfo(dtype).tiny < abs(z) < np.finfo(dtype).max:
                assert abs(mpmath.mpf(float(y)) - z) <= bound * float(np.spacing(abs(kind(z)))), (y, z)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", [-16, -15, -2, 0, 3, 4, 6, 15, 16, 0.5, "whole", "from 0", "any"])
def test_a_power_is_the_same_alone_and_among_others(kind, dtype):
    rng = np.random.default_rng(5)
    e = {"whole": rng.integers(-18, 19, SIZE), "from 0": rng.integers(0, 6, SIZE), "any": np.where(rng.random(SIZE) < 0.5, rng.integers(-4, 5, SIZE), rng.normal(size=SIZE))}.get(kind)
    e = np.full(SIZE, kind, dtype) if e is None else e.astype(dtype)
    for ends in (False, True):
        x = numbers(dtype, 7, ends)
        for got, k in zip(both(x, e), range(2)):
            alone = np.array([both(x[i : i + 1], e[i : i + 1])[k][0] for i in range(SIZE)])
            scalar = np.array([both(x[i], e[i])[k] for i in range(SIZE)])
            np.testing.assert_array_equal(got.view(f"i{got.itemsize}"), alone.view(f"i{got.itemsize}"))
            np.testing.assert_array_equal(got, scalar)
        np.testing.assert_array_equal(ad.function(ad.pow)(x, e).numpy(), both(x, e)[0])


@pytest.mark.parametrize("e", [1, 2, 3, 4, 5, -1, -2, -3])
def test_powers_of_what_is_no_ordinary_number_are_as_c_has_them(e):
    for dtype in (np.float32, np.float64):
        x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan], dtype)
        with np.errstate(all="ignore"):
            expected = np.power(x, dtype(e))
        y = ad.pow(x, float(e)).numpy()
        np.testing.assert_array_equal(y, expected)
        np.testing.assert_array_equal(np.signbit(y)[:4], np.signbit(expected)[:4])


def test_slopes_by_the_exponent_are_there_at_0_and_at_1_too():
    """x**p has p x**(p - 1), which is 0 at p = 0 for every x but is no constant: by p it has 1 / x."""

    def thrice(x, p):
        with ad.GradientTape() as third:
            third.watch(p)
            with ad.GradientTape(persistent=True) as second:
                second.watch([x, p])
                with ad.GradientTape() as first:
                    first.watch(x)
                    y = x**p
                slope = first.gradient(y, x)
            by_x, by_p = second.gradient(slope, x), second.gradient(slope, p)
        return by_x, by_p, third.gradient(by_x, p)

    x = np.array([2.0, 0.5, 1e-200, 3.0])
    for p in (0.0, 1.0):
        got = thrice(ad.constant(x), ad.constant(np.full(4, p)))
        with np.errstate(all="ignore"):
            by_p, third = np.log(x) + 1 if p else 1 / x, (2 * p - 1) * x ** (p - 2)
        for g, right in zip(got, ([0, 0, 0, 0], by_p, third)):
            np.testing.assert_allclose(g, right, rtol=1e-14)
    hessian = ad.hessian(lambda v: v[0] ** v[1])(np.array([2.0, 0.0]))
    np.testing.assert_allclose(hessian, [[0, 0.5], [0.5, np.log(2) ** 2]], rtol=1e-14)


@pytest.mark.parametrize("e", [0.0, 1.0])
def test_slopes_of_whole_powers_end_at_0_and_nan(e):
    x = ad.constant([0.0, -0.0, np.nan, np.inf, -np.inf, -2.0, 5e-324], dtype="float64")
    p = ad.constant(np.full(7, e))
    with ad.GradientTape() as second:
        second.watch(x)
        with ad.GradientTape() as first:
            first.watch(x)
            y = x**p
        slope = first.gradient(y, x)
    np.testing.assert_array_equal(slope, e)
    np.testing.assert_array_equal(second.gradient(slope, x), 0)
