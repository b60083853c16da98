"""Division and square root of float64 have the processor's bits, whichever instruction set computes them (csrc/lanes.h)."""

import numpy as np
import pytest

import autodiff as ad
from autodiff import _core

N = 1 << 16


def bits(x):
    return np.asarray(x, "f8").view("u8")


def same(got, want):
    """Bit for bit; of a NaN only that it is one."""
    got, want = np.asarray(got), np.asarray(want)
    return (bits(got) == bits(want)) | (np.isnan(got) & np.isnan(want))


def numbers(r, kind):
    """Ordinary numbers; such of every exponent; such with all digits 1 but for the last two, or with few digits; any bits at all."""
    digits = r.integers(0, 1 << 52, N, dtype="u8")
    exponents = r.integers(0, 2047, N, dtype="u8") if kind in ("exponents", "bits") else r.integers(1003, 1043, N, dtype="u8")
    if kind == "ones":
        digits = (1 << 52) - 1 - r.integers(0, 3, N, dtype="u8")
    elif kind == "few":
        digits = r.integers(0, 4, N, dtype="u8") << np.uint64(50)
    signs = r.integers(0, 2, N, dtype="u8")
    return (signs << np.uint64(63) | exponents << np.uint64(52) | digits).view("f8")


SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 1.0, -3.0])


@pytest.fixture(params=[True, False], ids=["multiplied", "divided"])
def way(request):
    before = _core.divides_slowly(request.param)
    yield
    _core.divides_slowly(before)


@pytest.mark.parametrize("kind", ["ordinary", "exponents", "ones", "few", "special"])
def test_quotients_roots_and_reciprocals_have_the_bits_of_the_processors(kind, way):
    r = np.random.default_rng(7)
    if kind == "special":           # each beside each, and among ordinary numbers
        a, b = (x.ravel() for x in np.meshgrid(SPECIAL, SPECIAL))
        a, b = np.concatenate([a, np.repeat(SPECIAL, 7), a]), np.concatenate([b, r.normal(size=7 * SPECIAL.size), a])
    else:
        a, b = numbers(r, kind), numbers(r, r.choice(["ordinary", kind]))
    one, g = np.ones_like(a), r.normal(size=a.size)
    with np.errstate(all="ignore"):
        for got, want in [(ad.constant(a) / b, a / b), (ad.math.reciprocal(ad.constant(b)), one / b), (ad.sqrt(ad.constant(a)), np.sqrt(a))]:
            assert same(got.numpy(), want).all()
        x = ad.constant(np.abs(b))
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = ad.sqrt(x)
        slope = 0.5 / np.sqrt(np.abs(b))
        assert same(tape.gradient(y, x, output_gradients=ad.constant(g)).numpy(), g * slope).all()


def halfway(t, least):
    """Numbers A = 0 mod 2^t with A = M^2 + M + k, |k| < least, for M of 53 digits: their roots are as near as that to M + 1/2."""
    for k in range(-least, least):
        for m in (0, 1):
            if (m * m + m + k) % 2:
                continue
            for j in range(1, t):                           # Hensel: 2M + 1 is odd, so that each root has one root above it
                m += (m * m + m + k >> j & 1) << j
            for root in range(m, 1 << 53, 1 << t):
                a = root * root + root + k
                if root >= 1 << 52 and (1 << 52) <= a >> t < 1 << 53:
                    yield float(a)


def test_no_square_root_beside_a_tie_is_rounded_to_the_wrong_side():
    x = np.array([*halfway(52, 300), *halfway(53, 300)])
    assert x.size > 300
    for scale in (1.0, 2.0**-104, 2.0**300, 2.0**-800):
        assert same(ad.sqrt(ad.constant(x * scale)).numpy(), np.sqrt(x * scale)).all()
