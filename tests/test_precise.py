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
        x = np.array([0.0, np.inf, -1.0])
        value, _ = taped(lambda x: ad.stack([x[0] / x[0], x[1] - x[1], 1 / x[0], log(x[0]), ad.sqrt(x[2])]), x, True)
    np.testing.assert_array_equal(value, [np.nan, np.nan, np.inf, -np.inf, np.nan])


# fmt: off
LIMITS = [
    ("sin(x) / x",          lambda x: ad.sin(x) / x,                        0.0,    1.0,        0.0),
    ("(exp(x) - 1) / x",    lambda x: (exp(x) - 1) / x,                     0.0,    1.0,        0.5),
    ("sqrt(x ** 4)",        lambda x: ad.sqrt(x * x * x * x),               0.0,    0.0,        0.0),
    ("norm of one zero",    lambda x: ad.sqrt(x * x),                       0.0,    0.0,        0.0),
    ("sqrt(x) ** 2",        lambda x: ad.sqrt(x) ** 2,                      0.0,    0.0,        1.0),
    ("softplus",            lambda x: log(1 + exp(x)),                      np.inf, np.inf,     1.0),
    ("x * log(x)",          lambda x: x * log(x),                           0.0,    0.0,        -np.inf),
    ("where not taken",     lambda x: ad.where(x > 0, log(x), 0 * x),       0.0,    0.0,        0.0),
    ("reciprocal",          lambda x: 1 / x,                                0.0,    np.inf,     -np.inf),
    ("relu at its kink",    lambda x: ad.nn.relu(x) * exp(x),               0.0,    0.0,        0.0),
]
# fmt: on


@pytest.mark.parametrize("f, x, value, slope", [row[1:] for row in LIMITS], ids=[row[0] for row in LIMITS])
def test_singular_points_of_the_formula_alone_are_limits(f, x, value, slope):
    assert [float(a) for a in taped(f, np.float64(x), True)] == [value, slope]


NO_LIMIT = [
    (lambda x, y: x / y, 0.0, 0.0), (lambda x, y: x / y, np.inf, np.inf), (lambda x, y: x - y, np.inf, np.inf), (lambda x, y: x * y, np.inf, 0.0),
    (lambda x, y: x + y, np.inf, -np.inf), (lambda x, y: ad.exp(x) / ad.exp(y), np.inf, np.inf), (lambda x, y: ad.exp(x) * ad.exp(y), -np.inf, np.inf),
    (lambda x, y: ad.sin(x) * y, np.inf, 1.0), (lambda x, y: ad.cos(x) - y, np.inf, 1.0), (lambda x, y: y - ad.cos(x), -np.inf, 1.0),
    (lambda x, y: x * 0 + y, np.inf, 1.0)]  # fmt: skip


@pytest.mark.parametrize("f, x, y", NO_LIMIT)
def test_what_has_no_limit_is_nan(f, x, y):
    x, y = ad.Variable(x, dtype="float64"), ad.Variable(y, dtype="float64")
    with ad.GradientTape(persistent=True, precise=True) as tape:
        z = f(x, y)
    assert np.isnan(float(tape.value(z)))


def test_a_plain_tape_does_not_replay():
    x = ad.Variable(1.0)
    with ad.GradientTape(persistent=True) as tape:
        y = exp(x)
    with pytest.raises(ad.errors.TapeError, match="precise=True"):
        tape.value(y)


@pytest.mark.parametrize("name", ["acos", "asin", "atanh", "acosh", "log2", "log10", "sqrt", "lgamma", "digamma", "ndtri", "erfinv", "erfcx", "bessel_i0", "cbrt"])
def test_what_is_computed_with_balls_does_not_hide_a_nan(name):
    x = ad.constant([float("nan"), 0.5])
    with ad.GradientTape(precise=True, persistent=True) as tape:
        tape.watch(x)
        y = getattr(ad.ops, name)(x)
    assert np.isnan(tape.value(y).numpy()).tolist() == np.isnan(y.numpy()).tolist()
