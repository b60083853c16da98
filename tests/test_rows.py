"""What the table says of its rows holds: each test loops over it, so that a new row is a tested row."""

import mpmath as mp
import numpy as np
import pytest
from reference import NOT_SAID, PRECISION, REFERENCE, TERM_OF_VALUE, error, exact_value, operands, usable

import autodiff as ad
from autodiff import _op, ops

ROWS = [r for r in ops.ROWS.values() if r.kind == _op.ELEMENTWISE]
VALUED = [r for r in ROWS if r.name in REFERENCE]
SMOOTH = [r for r in VALUED if r.d is not None]
FLOATS = ("float64", "float32")


def name_of(x):
    return getattr(x, "name", x)


def values(row, xs):
    return row(*[ad.constant(x) for x in xs]).numpy()


def gradients(row, xs, g=None):
    ts = [ad.constant(x) for x in xs]
    with ad.GradientTape() as tape:
        tape.watch(ts)
        y = row(*ts)
    return [None if x is None else x.numpy() for x in tape.gradient(y, ts, output_gradients=g)]


def exact_partial(row, k, point):
    """The derivative of the reference by operand k, by a central difference at 600 bits."""
    with mp.workprec(600):
        xs = [mp.mpf(float(x)) for x in point]
        h = mp.ldexp(max(abs(xs[k]), mp.mpf(10) ** -330), -150)
        up, down = list(xs), list(xs)
        up[k] += h
        down[k] -= h
        return (REFERENCE[row.name](*up) - REFERENCE[row.name](*down)) / (2 * h)


def test_every_elementwise_row_has_a_reference_or_is_a_mask():
    assert [r.name for r in ROWS if r.name not in REFERENCE and r.gives != "bool" and r.value is None] == ["where", "nextafter"]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("row", [r for r in VALUED if r.ulp], ids=name_of)
def test_the_value_is_as_accurate_as_the_row_says(row, dtype):
    xs = operands(row, 60, dtype)
    got = values(row, xs)
    worst, where = 0.0, None
    with mp.workprec(PRECISION):
        for i, y in enumerate(got):
            point = [x[i] for x in xs]
            if not usable(row, point):
                continue
            exact = exact_value(row, point)
            off = error(y, exact, point, dtype, TERM_OF_VALUE.get(row.name))
            if off > worst:
                worst, where = off, (point, y, mp.nstr(exact, 20))
    bound = row.ulp32 if dtype == "float32" else row.ulp
    assert worst <= bound, f"{row.name}: {worst:.3g} ULP at {where}"


@pytest.mark.parametrize("row", SMOOTH, ids=name_of)
def test_every_partial_agrees_with_differences_in_high_precision(row):
    xs = moderate(row)
    got = gradients(row, xs)
    for k, g in enumerate(got):
        if row.d[k] is None or (row.name, k) in NOT_SAID:
            continue
        for i in range(xs[0].size):
            point = [x[i] for x in xs]
            exact = exact_partial(row, k, point)
            assert g[i] == pytest.approx(float(exact), rel=2e-14, abs=1e-300), f"{row.name} by operand {k} at {point}"


def moderate(row, n=14):
    """Points where rows are smooth: not at kinks or far in tails, where differences of the reference say nothing."""
    rng = np.random.default_rng([5, *row.name.encode()])
    columns = []
    for interval in row.on:
        lo, hi = max(interval.lo, -3.0), min(interval.hi, 3.0)
        columns.append(rng.uniform(lo + 0.01, hi - 0.01, n))
    if row.name in ("digamma", "trigamma", "lgamma", "polygamma2"):
        columns = [rng.uniform(0.2, 20, n)]
    if row.name == "polygamma":
        columns = [rng.integers(1, 4, n).astype(float), rng.uniform(0.2, 20, n)]
    if row.name in ("zeta", "zeta_slope"):
        columns = [rng.uniform(1.2, 6, n), rng.uniform(0.3, 9, n)]
    if row.name == "clip_by_value":
        columns[1], columns[2] = np.full(n, -1.0), np.full(n, 1.5)
    if row.name == "polygamma":
        columns = [np.arange(n) % 3.0, rng.uniform(0.5, 9, n)]
    if row.name == "logsubexp":
        columns.sort(key=lambda c: -c.sum())
        columns = [np.maximum(*columns) + 0.1, np.minimum(*columns)]
    return tuple(columns)


@pytest.mark.parametrize("row", SMOOTH, ids=name_of)
def test_the_fused_kernel_equals_the_rule(row):
    """The C kernel of a backward pass, and the same rule run on tensors because another tape is recording it."""
    xs = moderate(row)
    g = np.linspace(-1, 1, xs[0].size)
    fused = gradients(row, xs, g)
    ts = [ad.constant(x) for x in xs]
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(ts)
        y = row(*ts)
        by_rule = tape.gradient(y, ts, output_gradients=g)
    for a, b in zip(fused, by_rule):
        if a is not None and b is not None:
            np.testing.assert_allclose(a, b.numpy(), rtol=1e-14, atol=0)
        else:
            assert a is None and b is None


@pytest.mark.parametrize("row", [r for r in SMOOTH if r.name not in ("trigamma", "igamma_by_a", "igamma_by_a_twice")], ids=name_of)
def test_second_derivatives_agree_with_differences_of_the_first(row):
    xs = moderate(row)
    rng = np.random.default_rng(1)
    ts = [ad.constant(x) for x in xs]
    ws = [rng.normal(size=x.shape) for x in xs]
    with ad.GradientTape() as outer:
        outer.watch(ts)
        with ad.GradientTape() as inner:
            inner.watch(ts)
            y = row(*ts)
        first = inner.gradient(y, ts, unconnected_gradients="zero")
        total = sum(ad.reduce_sum(f * w) for f, w in zip(first, ws))
    second = outer.gradient(total, ts, unconnected_gradients="zero")
    h = 1e-5
    for k, got in enumerate(second):
        if row.d[k] is None:
            continue
        moved = [[x + s * h * (j == k) for j, x in enumerate(xs)] for s in (1, -1)]
        up, down = (sum(w * (0 if g is None else g) for g, w in zip(gradients(row, m), ws)) for m in moved)
        expected = (up - down) / (2 * h)
        np.testing.assert_allclose(got.numpy(), expected, rtol=2e-5, atol=2e-5 * (1 + np.abs(expected).max()))


@pytest.mark.parametrize("row", [r for r in SMOOTH if (r.name, 0) not in NOT_SAID], ids=name_of)
def test_the_jvp_is_the_transpose_of_the_vjp(row):
    """The JVP by differentiating the VJP, which is linear in its cotangent, once more."""
    xs = moderate(row)
    rng = np.random.default_rng(2)
    tangents = [rng.normal(size=x.shape) for x in xs]
    cotangent = rng.normal(size=xs[0].shape)
    ts, v = [ad.constant(x) for x in xs], ad.constant(np.ones_like(xs[0]))
    with ad.GradientTape() as outer:
        outer.watch(v)
        with ad.GradientTape() as inner:
            inner.watch(ts)
            y = row(*ts)
        pulled = inner.gradient(y, ts, output_gradients=v, unconnected_gradients="zero")
        total = sum(ad.reduce_sum(p * t) for p, t in zip(pulled, tangents))
    pushed = outer.gradient(total, v, unconnected_gradients="zero").numpy()
    reverse = sum((t * (0 if g is None else g)).sum() for t, g in zip(tangents, gradients(row, xs, cotangent)))
    assert (pushed * cotangent).sum() == pytest.approx(reverse, rel=1e-11, abs=1e-11)


@pytest.mark.parametrize("dtype", ("float32", "float64", "int32", "int64", "bool"))
@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_a_row_takes_the_dtypes_it_says_and_refuses_others(row, dtype):
    one = np.ones(3, dtype)
    xs = [one] * row.arity
    if row.name == "where":
        xs[0] = np.ones(3, bool)
    if dtype in row.takes:
        assert values(row, xs).dtype == (row.gives or dtype)
    elif row.name != "div":  # integers divide as float64
        with pytest.raises(ad.errors.DtypeError, match=f"^{row.name}: "):
            values(row, xs)


@pytest.mark.parametrize("row", [r for r in ROWS if r.arity > 1], ids=name_of)
def test_a_row_broadcasts_and_sums_its_gradient_back(row):
    rng = np.random.default_rng(3)
    shapes = [(4, 1, 3), (5, 1), (3,)][: row.arity]
    dtype = "float64" if "float64" in row.takes else "bool"
    xs = [(rng.uniform(0.2, 0.9, s) if dtype == "float64" else rng.random(s) > 0.5) for s in shapes]
    if row.name == "where":
        xs[0] = rng.random(shapes[0]) > 0.5
    whole = [np.array(x) for x in np.broadcast_arrays(*xs)]
    np.testing.assert_array_equal(values(row, xs), values(row, whole))
    if row.d is None:
        return
    for x, small, large in zip(xs, gradients(row, xs), gradients(row, whole)):
        if large is None:
            assert small is None
            continue
        axes = tuple(range(3 - x.ndim)) + tuple(i + 3 - x.ndim for i, n in enumerate(x.shape) if n == 1)
        np.testing.assert_allclose(small, large.sum(axis=axes, keepdims=True).reshape(x.shape), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_a_row_takes_scalars_empty_arrays_and_arrays_alike(row):
    dtype = "float64" if "float64" in row.takes else "bool"
    x = np.array([0.25, 0.5, 0.75]) if dtype == "float64" else np.array([True, False, True])
    xs = [x] * row.arity
    if row.name == "where":
        xs[0] = x > 0.3
    whole = values(row, xs)
    for i in range(3):
        np.testing.assert_array_equal(values(row, [a[i] for a in xs]), whole[i])
    assert values(row, [a[:0] for a in xs]).shape == (0,)
    if row.d is not None and dtype == "float64":
        for big, *small in zip(gradients(row, xs), *[gradients(row, [a[i] for a in xs]) for i in range(3)]):
            for i, g in enumerate(small):
                assert (g is None) == (big is None)
                np.testing.assert_array_equal(g, None if big is None else big[i])


@pytest.mark.parametrize("row", [r for r in SMOOTH if r.arity == 2 and r.name != "acosh"], ids=name_of)
def test_one_tensor_in_both_places_gets_both_gradients(row):
    x = np.array([0.3, 0.7, 1.9])
    apart = gradients(row, (x, x))
    t = ad.constant(x)
    with ad.GradientTape() as tape:
        tape.watch(t)
        y = row(t, t)
    got = tape.gradient(y, t, unconnected_gradients="zero").numpy()
    with np.errstate(invalid="ignore"):                         # inf - inf, at a pole
        want = sum(0 if g is None else g for g in apart)
    np.testing.assert_allclose(got, want, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("row", [r for r in SMOOTH if r.ulp], ids=name_of)
def test_a_zero_cotangent_contributes_zero_whatever_the_slope(row):
    awkward = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e308, -1e308, 5e-324])
    xs = np.meshgrid(*[awkward] * row.arity) if row.arity < 3 else [awkward] * 3
    xs = [np.ravel(x) for x in xs]
    for g in gradients(row, xs, np.zeros(xs[0].shape)):
        if g is not None:
            assert (g == 0).all()


@pytest.mark.parametrize("row", VALUED, ids=name_of)
def test_nan_stays_nan(row):
    if row.name in ("scale", "where"):
        return
    xs = [np.array([np.nan])] + [np.array([0.5])] * (row.arity - 1)
    assert np.isnan(values(row, xs)).all()


@pytest.mark.parametrize("size", (1, 7, 8, 1023, 1024, 1025, 5000))
def test_blocks_and_remainders_give_the_same_bits(size):
    x = np.random.default_rng(0).normal(size=5000)
    whole = ad.math.softplus(ad.constant(x)).numpy()[:size]
    np.testing.assert_array_equal(ad.math.softplus(ad.constant(x[:size])).numpy(), whole)


def test_a_row_is_a_name_in_the_table_once():
    assert len({r.code for r in ops.ROWS.values() if r.code is not None}) == sum(r.code is not None for r in ops.ROWS.values())
    with pytest.raises(TypeError, match="second name"):
        _op.number_rows({"exp": ops.exp, "twin": ops.exp})


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_slopes_of_pow_at_infinite_operands_are_their_limits(dtype):
    """b a**(b - 1) and a**b log(a): the power goes to 0 faster than the other factor to infinity."""
    inf = np.inf
    points = [(inf, -1.0, 0, 0), (0.5, inf, 0, 0), (2.0, -inf, 0, 0), (0.0, inf, 0, 0), (inf, 2.0, inf, inf), (2.0, inf, inf, inf), (0.5, -inf, -inf, -inf),
              (inf, 0.0, 0, inf), (np.nan, -1.0, np.nan, np.nan), (inf, np.nan, np.nan, np.nan)]  # fmt: skip
    a, b = (ad.Variable(np.resize([p[k] for p in points], 37), dtype=dtype) for k in (0, 1))
    with ad.GradientTape() as tape:
        y = a**b
    for k, slope in enumerate(tape.gradient(y, [a, b])):
        np.testing.assert_array_equal(slope.numpy(), np.resize([p[2 + k] for p in points], 37))
