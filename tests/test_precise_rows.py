"""Every row of the table under the precise replay: values against mpmath, gradients and structure against the plain sweep."""

import mpmath as mp
import numpy as np
import pytest
from reference import NOT_SAID, REFERENCE, error, exact_value, operands, usable

import autodiff as ad
from autodiff import ops
from autodiff._op import ELEMENTWISE

ROWS = [row for row in ops.ROWS.values() if row.kind == ELEMENTWISE and row.d is not None and row.name in REFERENCE]


def replayed(f, *arrays):
    xs = [ad.Variable(x) for x in arrays]
    with ad.GradientTape(persistent=True, precise=True) as tape:
        y = f(*xs)
    return y, tape.value(y), tape.gradient(y, xs)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_values_are_the_nearest_numbers(row):
    points = [p for p in zip(*operands(row, 5, "float64", seed=3)) if usable(row, p)][:12]
    columns = [np.array(c) for c in zip(*points)]
    _, value, _ = replayed(row, *columns)
    for got, point in zip(value.numpy(), points):
        exact = exact_value(row, point)
        assert error(got, exact, point, "float64") <= 0.51, (row.name, point, got, mp.nstr(exact, 25))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_gradients_are_those_of_the_plain_sweep_but_for_rounding(row):
    columns = [c[:40] for c in operands(row, 20, "float64", seed=4)]
    keep = [k for k, p in enumerate(zip(*columns)) if usable(row, p) and all(1e-3 < abs(v) < 30 for v in p)]
    columns = [c[keep] for c in columns]
    xs = [ad.Variable(c) for c in columns]
    with ad.GradientTape() as tape:
        y = row(*[x.value() for x in xs])
    plain = tape.gradient(y, xs)
    _, _, precise = replayed(row, *columns)
    for k, (a, b) in enumerate(zip(plain, precise)):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=1e-11, atol=1e-300, err_msg=f"{row.name} by operand {k}")


rng = np.random.default_rng(7)
SQUARE = rng.normal(size=(3, 3)) + 3 * np.eye(3)
A = rng.normal(size=(2, 3, 4))
# fmt: off
FORMULAS = {
    "slices":           (lambda x: x[:, ::-1, 1:3] * x[:, :, :1], A),
    "transpose":        (lambda x: ad.transpose(x, [2, 0, 1]) * 2, A),
    "broadcast":        (lambda x: x + x[0, :1] * x[:, 0, 0][:, None, None], A),
    "concat":           (lambda x: ad.concat([x, ad.exp(x[:, :2])], axis=1), A),
    "stack":            (lambda x: ad.stack([x[0], x[1] * x[0]], axis=1), A),
    "sums":             (lambda x: ad.reduce_sum(x * x, axis=[0, 2]), A),
    "mean and std":     (lambda x: ad.reduce_mean(x, axis=1, keepdims=True) * ad.math.reduce_std(x, axis=2, keepdims=True), A),
    "variance":         (lambda x: ad.math.reduce_variance(x, axis=-1), A),
    "extremes":         (lambda x: ad.reduce_max(x, axis=1) - ad.reduce_min(x, axis=1), A),
    "prod":             (lambda x: ad.reduce_prod(x, axis=2), A),
    "logsumexp":        (lambda x: ad.reduce_logsumexp(x, axis=[1, 2]), A),
    "softmax":          (lambda x: ad.nn.softmax(x) * ad.nn.log_softmax(x, axis=1), A),
    "cumsum":           (lambda x: ad.cumsum(x, axis=1, exclusive=True) * ad.cumsum(x, axis=2, reverse=True), A),
    "cumprod":          (lambda x: ad.math.cumprod(x, axis=2, exclusive=True, reverse=True) + ad.math.cumprod(x, axis=1), A),
    "cumulative lse":   (lambda x: ad.math.cumulative_logsumexp(x, axis=2), A),
    "matmul":           (lambda x: ad.matmul(x, x, transpose_b=True) @ x, A),
    "matvec":           (lambda x: ad.linalg.matvec(x, x[0, 0]), A),
    "gather":           (lambda x: ad.gather(x, [[0, 2], [2, 2]], axis=1), A),
    "gather one":       (lambda x: ad.gather(x, 1, axis=1) * ad.gather(x, 0, axis=1) + ad.gather(x, 2, axis=-2), A),
    "gather_nd":        (lambda x: ad.gather_nd(x, [[0, 2], [0, 2], [1, 1]]) ** 2, A),
    "scatter_nd":       (lambda x: ad.scatter_nd([[0], [3], [0]], x[0], [5, 4]) ** 2, A),
    "scatter update":   (lambda x: ad.tensor_scatter_nd_update(x, [[0], [0]], x * 2) ** 2, A),
    "norm":             (lambda x: ad.norm(x, axis=-1), A),
    "where":            (lambda x: ad.where(x > 0, ad.sqrt(ad.abs(x)), x), A),
    "clip":             (lambda x: ad.clip_by_value(x, -0.5, 0.5) + ad.maximum(x, 0.1) * ad.minimum(x, 0.3) + ad.nn.relu(x), A),
    "mod":              (lambda x: ad.math.floormod(x * 3, 0.7), A),
    "cast":             (lambda x: ad.cast(ad.cast(x, "float32"), "float64") * x, A.astype(np.float32).astype(np.float64)),
    "cross entropy":    (lambda x: ad.nn.softmax_cross_entropy_with_logits(labels=ad.nn.softmax(x), logits=x * 2), A),
    "inverse":          (lambda x: ad.linalg.inv(x), SQUARE),
    "determinant":      (lambda x: ad.linalg.det(x) + ad.linalg.slogdet(x)[1], SQUARE),
    "solve":            (lambda x: ad.linalg.solve(x, x[:, :2] * 2) + ad.linalg.solve(x, x[:, 1:], adjoint=True), SQUARE),
    "cholesky":         (lambda x: ad.linalg.cholesky(ad.matmul(x, x, transpose_a=True)), SQUARE),
    "eigenvalues":      (lambda x: ad.linalg.eigvalsh(x), SQUARE),
    "eigenvectors":     (lambda x: ad.linalg.eigh(x)[1], SQUARE),
    "singular values":  (lambda x: ad.concat([ad.concat(ad.linalg.svd(a)[1:], 0) * ad.linalg.svd(a)[0] for a in (x[:, :2], ad.transpose(x[:, :2]))], 0), SQUARE),
    "q and r":          (lambda x: ad.concat([ad.linalg.qr(x[:2])[0] ** 3 @ ad.linalg.qr(x[:2])[1], ad.transpose(ad.linalg.qr(x[:, 1:])[0] ** 3 @ ad.linalg.qr(x[:, 1:])[1])], 0), SQUARE),
    "pseudo-inverse":   (lambda x: ad.linalg.pinv(x[:, :2]) + ad.transpose(ad.linalg.pinv(x[:2])), SQUARE),
    "matrix exponential": (lambda x: ad.linalg.expm(x) * ad.linalg.slogdet(x)[0], SQUARE),
    "power":            (lambda x: ad.abs(x) ** 2.5 + x ** 3 + 2.0 ** x, A),
}
# fmt: on


@pytest.mark.parametrize("name", FORMULAS)
def test_rows_that_move_and_combine_numbers_mean_what_they_always_mean(name):
    f, x = FORMULAS[name]
    v = ad.Variable(x)
    with ad.GradientTape() as tape:
        y = f(v)
    plain = tape.gradient(y, v)
    _, value, (gradient,) = replayed(f, x)
    assert (value.shape, gradient.shape) == (y.shape, plain.shape)
    np.testing.assert_allclose(value.numpy(), y.numpy(), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(gradient.numpy(), plain.numpy(), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("batch", [(), (0,), (2,)], ids=str)
@pytest.mark.parametrize("m, k, n", [(0, 3, 9), (9, 3, 0), (9, 0, 9), (0, 0, 9), (0, 0, 0)])
def test_products_of_nothing_are_empty_or_zero(batch, m, k, n):
    a, b = np.ones((*batch, m, k)), np.ones((*batch, k, n))
    _, value, gradients = replayed(ad.matmul, a, b)
    np.testing.assert_array_equal(value.numpy(), a @ b)
    assert [g.shape for g in gradients] == [a.shape, b.shape]


# Not smooth at the points of the table's domains, or not a function of its operands alone.
KINKED = {"abs", "relu", "relu6", "leaky_relu", "maximum", "minimum", "clip_by_value", "sign", "mod", "scale", "select"}
SMOOTH = [row for row in ROWS if row.name not in KINKED]


@pytest.mark.parametrize("row", SMOOTH, ids=lambda row: row.name)
def test_slopes_are_the_nearest_numbers(row):
    """A rule with a constant of a double's digits in it would be certain of a wrong last digit."""
    points = [p for p in zip(*operands(row, 8 if row.arity < 3 else 40, "float64", seed=5)) if usable(row, p) and all(1e-2 < abs(v) < 20 for v in p)][:4]
    _, _, gradients = replayed(row, *[np.array(c) for c in zip(*points)])
    for k, gradient in enumerate(gradients):
        for got, point in zip([] if gradient is None else gradient.numpy(), points):
            with mp.workprec(900):
                xs, h = [mp.mpf(float(x)) for x in point], mp.mpf(2) ** -250
                if row.name == "pow" and k == 1 and xs[0] <= 0 or row.name == "polygamma" and k == 0 or (row.name, k) in NOT_SAID:
                    continue
                low, high = (REFERENCE[row.name](*[x + s * h * (i == k) for i, x in enumerate(xs)]) for s in (-1, 1))
                slope = (high - low) / (2 * h)
            assert error(got, slope, point, "float64") <= 0.51, (row.name, k, point, got, mp.nstr(slope, 25))


KNOWN_SLOPES = {
    ops.log2: lambda x: 1 / (x * mp.log(2)), ops.log10: lambda x: 1 / (x * mp.log(10)), ops.exp2: lambda x: mp.log(2) * 2**x,
    ops.erf: lambda x: 2 / mp.sqrt(mp.pi) * mp.exp(-x * x), ops.sinc: lambda x: mp.cospi(x) / x - mp.sinpi(x) / (mp.pi * x * x),
    ops.gelu: lambda x: mp.ncdf(x) + x * mp.npdf(x), ops.bessel_i1: lambda x: mp.besseli(0, x) - mp.besseli(1, x) / x,
}  # fmt: skip


@pytest.mark.parametrize("row", KNOWN_SLOPES, ids=lambda row: row.name)
def test_slopes_by_rounded_constants_are_the_nearest_numbers(row):
    """Also of rules whose constants or series are rounded to doubles; of I1 at such points the plain rule's digits are not enough."""
    bad = [1.4184350331219733, 1.4867734010326707, 1.4446101212529174, 1.2475017007701883, 1.1844548015276395, 1.0789670229432455]
    x = np.concatenate([np.random.default_rng(6).uniform(1e-3, 1.5, 40), bad, [1e-5, 4.0]])
    _, _, (slopes,) = replayed(row, x)
    with mp.workdps(40):
        assert slopes.numpy().tolist() == [float(KNOWN_SLOPES[row](mp.mpf(float(v)))) for v in x]


def test_the_slope_of_i1_at_0_and_beyond_the_format():
    _, _, (slopes,) = replayed(ops.bessel_i1, np.array([0.0, -0.0, -3.0, 3.0, 800.0]))
    with mp.workdps(40):
        assert slopes.numpy().tolist() == [0.5, 0.5, *[float(KNOWN_SLOPES[ops.bessel_i1](mp.mpf(3)))] * 2, np.inf]


FAR_OUT = {  # where a factor of what has underflowed counts: name: formula, point, derivatives of the first and second order of mpmath's
    "log of erfc": (lambda x: ad.math.log(ad.math.erfc(x)), 2000.0, lambda x: mp.log(mp.erfc(x))),
    "log of gelu": (lambda x: ad.math.log(-ad.nn.gelu(x, approximate=False)), -2000.0, lambda x: mp.log(-x * mp.erfc(-x / mp.sqrt(2)) / 2)),
    "log of silu": (lambda x: ad.math.log(-ad.nn.silu(x)), -2000.0, lambda x: mp.log(-x) + x - mp.log1p(mp.exp(x))),
    "log of mish": (lambda x: ad.math.log(-ad.nn.mish(x)), -2000.0, lambda x: mp.log(-x) + mp.log(mp.tanh(mp.log1p(mp.exp(x))))),
    "erfcx": (lambda x: ad.math.erfcx(x), 9.3, lambda x: mp.exp(x * x) * mp.erfc(x)),
}  # fmt: skip


@pytest.mark.parametrize("name", FAR_OUT)
def test_bounds_and_series_of_plain_rules_have_no_part_in_the_replay(name):
    f, point, exact = FAR_OUT[name]
    x = ad.constant(point, "float64")
    with ad.GradientTape(precise=True) as outer:
        outer.watch(x)
        with ad.GradientTape(precise=True) as tape:
            tape.watch(x)
            y = f(x)
        slope = tape.gradient(y, x)
    got = [float(slope), float(outer.gradient(slope, x))]
    with mp.workdps(1000):
        want = [float(mp.diff(exact, mp.mpf(point), k, h=mp.mpf(10) ** -100)) for k in (1, 2)]
    np.testing.assert_allclose(got, want, rtol=3e-16)


@pytest.mark.parametrize("f, point, slopes", [
    (lambda a, b: ad.math.log(a * a / b), (2.0, np.inf), [1.0, 0.0]), (lambda a, b: ad.math.log(a / b), (np.inf, 2.0), [0.0, -0.5]),
    (lambda a, b: ad.math.log((a + b) / b), (np.inf, 2.0), [0.0, -0.5]), (lambda a, b: ad.math.log(a) * b, (np.inf, 2.0), [0.0, np.inf])])  # fmt: skip
def test_an_infinite_operand_under_a_logarithm_hides_no_slope_of_the_other(f, point, slopes):
    a, b = [ad.constant(v, "float64") for v in point]
    with ad.GradientTape(precise=True) as tape:
        tape.watch([a, b])
        y = f(a, b)
    np.testing.assert_allclose(tape.gradient(y, [a, b]), slopes)
