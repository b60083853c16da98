"""The precise replay: naive formulas come out as the functions made for the purpose, whatever cancelled or overflowed."""

import numpy as np
import pytest

import autodiff as ad

exp, log = ad.exp, ad.math.log
WIDE = np.array([-1e4, -745.0, -80.0, -40.0, -1.0, -1e-9, -1e-300, 1e-300, 1e-9, 0.5, 1.0, 20.0, 89.0, 800.0, 1e4])
# fmt: off
NAIVE = {
    "softplus":    (lambda x: log(1 + exp(x)),                             ad.math.softplus, WIDE),
    "sigmoid":     (lambda x: exp(x) / (1 + exp(x)),                       ad.sigmoid,       WIDE),
    "log_sigmoid": (lambda x: log(1 / (1 + exp(-x))),                      ad.math.log_sigmoid, WIDE),
    "expm1":       (lambda x: exp(x) - 1,                                  ad.math.expm1,    WIDE),
    "log1p":       (lambda x: log(1 + x),                                  ad.math.log1p,    np.abs(WIDE)),
    "tanh":        (lambda x: (exp(x) - exp(-x)) / (exp(x) + exp(-x)),     ad.tanh,          WIDE),
    "asinh":       (lambda x: log(x + ad.sqrt(x * x + 1)),                 ad.math.asinh,    WIDE),
    "abs":         (lambda x: ad.sqrt(x * x),                              ad.abs,           WIDE),
}
# fmt: on


def taped(f, x, precise, **options):
    v = ad.Variable(x)
    with ad.GradientTape(persistent=True, precise=precise) as tape:
        y = f(v)
    g = tape.gradient(y, v, **options)
    return (tape.value(y) if precise else y).numpy(), g.numpy()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NAIVE)
def test_naive_formulas_equal_the_library_functions(name, dtype):
    naive, function, x = NAIVE[name]
    with np.errstate(under="ignore"):
        x = x.astype(dtype)
    value, gradient = taped(naive, x, True)
    want, slope = taped(function, x, False)
    few = 4 * np.finfo(dtype).eps
    assert value.dtype == gradient.dtype == dtype
    np.testing.assert_allclose(value, want, rtol=few, atol=np.finfo(dtype).smallest_subnormal)
    np.testing.assert_allclose(gradient[x != 0], slope[x != 0], rtol=few, atol=np.finfo(dtype).smallest_subnormal)


def test_second_order_by_nested_tapes():
    x = ad.Variable(-40.0)
    with ad.GradientTape(persistent=True, precise=True) as outer:
        with ad.GradientTape(persistent=True, precise=True) as inner:
            y = log(1 + exp(x))
        g = inner.gradient(y, x)
    assert float(outer.value(y)) == float(g) == float(outer.gradient(g, x)) == np.float32(np.exp(-40.0))


def test_rounding_by_a_large_constant_keeps_its_meaning():
    c = np.float32(1.5 * 2**23)
    value, gradient = taped(lambda x: (x + c) - c, np.float32([0.4, 2.5, -7.6]), True)
    assert value.tolist() == [0.0, 2.0, -8.0] and gradient.tolist() == [1.0, 1.0, 1.0]


def test_ieee_where_the_operands_are_exact():
    with np.errstate(all="ignore"):
        value, gradient = taped(lambda x: ad.stack([x[0] / x[0], x[1] - x[1], 1 / x[0], log(x[0]), ad.sqrt(x[2])]), np.array([0.0, np.inf, -1.0]), True)
    np.testing.assert_array_equal(value, [np.nan, np.nan, np.inf, -np.inf, np.nan])


def test_a_plain_tape_does_not_replay():
    x = ad.Variable(1.0)
    with ad.GradientTape(persistent=True) as tape:
        y = exp(x)
    with pytest.raises(ad.errors.TapeError, match="precise=True"):
        tape.value(y)
