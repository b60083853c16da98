"""The first stage of the precise replay, twofold numbers, gives what the balls give, and is enough for tame programs."""

import mpmath
import numpy as np
import pytest

import autodiff as ad
from autodiff import ops, precise
from autodiff._op import ELEMENTWISE

exp, log, total = ad.exp, ad.math.log, ad.math.reduce_sum
X = np.array([[-30.0, -4.0, -0.5, 1e-7], [0.3, 1.7, 5.0, 25.0]])
LABELS = np.array([0.0, 1.0, 0.0, 1.0])
PROGRAMS = {
    "softplus": lambda x: total(log(1 + exp(x))),
    "logistic loss": lambda x: -total(LABELS * log(1 / (1 + exp(-x))) + (1 - LABELS) * log(1 - 1 / (1 + exp(-x)))),
    "softmax cross entropy": lambda x: -total(LABELS * log(exp(x) / total(exp(x), axis=1, keepdims=True))),
    "norm": lambda x: ad.sqrt(total(x * x)) + total(ad.sqrt(total(ad.square(x), axis=0))),
    "library": lambda x: total(ad.math.softplus(x) * ad.tanh(x) + ad.sigmoid(x) ** 2 + ad.nn.relu(x) - ad.abs(x) / 3),
    "matrix product": lambda x: total(ad.linalg.matmul(x, x, transpose_b=True) * 0.1),
    "special": lambda x: total(log(1 - ad.math.erf(x / 5)) + ad.math.log_ndtr(x) * ad.math.erfc(x) + ad.math.ndtri(ad.sigmoid(x))
                               + ad.math.lgamma(x * x + 0.3) * ad.math.digamma(x - 0.7) + x * ad.math.ndtr(x)),
    "moved": lambda x: total(ad.concat([x[:, 1:], ad.transpose(ad.reshape(x, (4, 2)))[:, :3]], axis=0) ** 3),
    "powers": lambda x: total((x * x + 1) ** 0.3 + ad.maximum(x, 0.7) ** -2.0 - x**5),
}


def only(attempts, name, monkeypatch):
    monkeypatch.setattr(precise, "ATTEMPTS", [a for a in attempts if a[1] == name])


def gradient(f, x):
    v = ad.Variable(x)
    with ad.GradientTape(persistent=True, precise=True) as tape:
        y = f(v)
    return tape.value(y).numpy(), tape.gradient(y, v).numpy()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", PROGRAMS)
def test_twofold_numbers_alone_give_what_balls_give(name, dtype, monkeypatch):
    attempts = precise.ATTEMPTS
    only(attempts, "Balls", monkeypatch)
    want = gradient(PROGRAMS[name], X.astype(dtype))
    only(attempts, "Twofolds", monkeypatch)
    with np.errstate(all="raise"):
        value, slope = gradient(PROGRAMS[name], X.astype(dtype))
    assert value == want[0] and np.array_equal(slope, want[1])


def matrices(case, dtype):
    """Two of them, of 15 rows and 14 columns and of 14 and 13, that a plain product of doubles would not do for."""
    rng = np.random.default_rng(11)
    a, b = rng.normal(size=(15, 14)), rng.normal(size=(14, 13))
    if case == "cancelling":
        a[:, 7:], b[7:] = -a[:, :7] * (1 + 1e-7), b[:7]
    if case == "of all sizes":
        a, b = a * 10.0 ** rng.integers(-18, 18, a.shape), b * 10.0 ** rng.integers(-18, 18, b.shape)
    if case == "huge and tiny":
        a, b = a * (1e30 if dtype == np.float32 else 1e300), b * 10.0 ** rng.integers(-40, 5, b.shape)
    if case == "with an infinity":
        a[3, 4], b[5, 6] = np.inf, np.nan
    return a.astype(dtype), b.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", ["cancelling", "of all sizes", "huge and tiny", "with an infinity"])
def test_products_of_matrices_are_what_balls_give(case, dtype, monkeypatch):
    def run():
        a, b = (ad.Variable(x) for x in matrices(case, dtype))
        with ad.GradientTape(persistent=True, precise=True) as tape:
            y = ad.linalg.matmul(a, b)
            square = total((y * dtype(1e-20)) ** 2)
        return [t.numpy() for t in (tape.value(y), *tape.gradient(square, [a, b]))]

    attempts = precise.ATTEMPTS
    found = run()
    only(attempts, "Balls", monkeypatch)
    for x, y in zip(found, run()):
        np.testing.assert_array_equal(x, y)


INF, NAN = np.inf, np.nan
ROWS = {
    "tame": np.random.default_rng(12).normal(size=(4, 9)),
    "tied": np.array([[1.5, 2.5, 2.5, -1.0], [3.0, 3.0, 3.0, 3.0], [0.0, -0.0, 0.0, -2.0]]),
    "infinite": np.array([[1.0, INF, 2.0, INF], [-INF, -INF, -INF, -INF], [-INF, 3.0, 1e-30, 4.0]]),
    "not a number": np.array([[1.0, NAN, 2.0], [3.0, 2.0, 1.0], [INF, -INF, NAN]]),
    "huge and tiny": np.array([[1e30, 1e-30, 3e37, 2e-38], [1e-44, -1e-40, 1e-42, 0.0], [-3e38, 3e38, 1.0, 1e10]]),
    "with zeros": np.array([[0.0, 2.0, 3.0, 5.0], [0.0, 0.0, 3.0, 7.0], [1.0, -2.0, 4.0, 8.0]]),
    "long": 1 + np.random.default_rng(13).normal(size=(2, 300)) * 0.01,
}
ALONG = {
    "reduce_max": lambda x, axis: ad.math.reduce_max(x, axis=axis), "reduce_min": lambda x, axis: ad.math.reduce_min(x, axis=axis),
    "reduce_max of exp": lambda x, axis: ad.math.reduce_max(exp(x * 0.1), axis=axis), "reduce_prod": lambda x, axis: ad.math.reduce_prod(x, axis=axis),
    "cumsum": lambda x, axis: ad.math.cumsum(x, axis=axis) ** 2, "cumprod": lambda x, axis: ad.math.cumprod(x, axis=axis),
    "cumprod, others": lambda x, axis: ad.math.cumprod(x, axis=axis, exclusive=True, reverse=True),
    "cumulative_logsumexp": lambda x, axis: ad.math.cumulative_logsumexp(x, axis=axis),
    "difference": lambda x, axis: 0.5 * ((x[:, 1:] - x[:, :-1]) ** 2), "sums of few": lambda x, axis: total(x, axis=axis) ** 2,
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*bits are not enough")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ALONG)
def test_along_axes_the_replay_gives_what_balls_give(name, dtype, monkeypatch):
    def run(x, axis):
        with np.errstate(over="ignore"):
            v = ad.Variable(x.astype(dtype))
        with ad.GradientTape(persistent=True, precise=True) as tape:
            y = ALONG[name](v, axis)
        return tape.value(y).numpy(), tape.gradient(y, v).numpy()

    attempts = precise.ATTEMPTS
    for case, x in ROWS.items():
        for axis in (0, 1):
            monkeypatch.setattr(precise, "ATTEMPTS", attempts)
            found = run(x, axis)
            only(attempts, "Balls", monkeypatch)
            for one, other in zip(found, run(x, axis)):
                np.testing.assert_array_equal(one, other, err_msg=f"{case}, {axis}")


def test_the_largest_of_numbers_that_differ_in_their_low_parts_is_found():
    v = ad.Variable(np.array([1.0, 1.0, -1.0, 1.0]), dtype="float64")
    low = np.array([0.0, 1e-20, 1.0, -1e-20])
    with ad.GradientTape(persistent=True, precise=True) as tape:
        y, z = ad.math.reduce_max(v + low) - 1, ad.math.reduce_min((v + low) * [1, 1, 3, 1])
    assert tape.value(y).numpy() == 1e-20 and tape.gradient(y, v).numpy().tolist() == [0, 1, 0, 0]
    assert tape.value(z).numpy() == 0 and tape.gradient(z, v).numpy().tolist() == [0, 0, 3, 0]


def points(row, dtype):
    rng = np.random.default_rng(row.code)
    columns = []
    for interval in row.on:
        low, high = max(interval.lo, -6.0), min(interval.hi, 6.0)
        columns.append((low + (high - low) * rng.uniform(0.01, 0.99, 40)).astype(dtype))
    if row is ops.polygamma:
        columns[0] = np.full(40, 2, dtype)
    return columns


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("row", [row for row in ops.ROWS.values() if row.kind == ELEMENTWISE and row.d and row is not ops.where and "float32" in row.takes], ids=lambda row: row.name)
def test_every_row_gives_what_balls_give(row, dtype, monkeypatch):
    attempts, columns = precise.ATTEMPTS, points(row, dtype)

    def slopes():
        vs = [ad.Variable(x) for x in columns]
        with ad.GradientTape(precise=True) as tape:
            y = row(*(v.value() for v in vs))
        return [None if g is None else g.numpy() for g in tape.gradient(y, vs)]

    got = slopes()
    only(attempts, "Balls", monkeypatch)
    for a, b in zip(got, slopes()):
        np.testing.assert_array_equal(a, b)


def test_what_twofold_numbers_leave_open_is_for_the_balls():
    value, slope = gradient(lambda x: total(log(1 + exp(exp(x))) - exp(x)), np.array([5.0, 1.0]))
    want = np.log1p(np.exp(-np.exp(1.0)))               # the other is exp(-exp(5)), 65 digits smaller
    assert value == pytest.approx(want, rel=1e-15, abs=0) and slope[0] == pytest.approx(-np.exp(5) * np.exp(-np.exp(5)), rel=1e-13, abs=0)


def test_what_is_beyond_the_series_of_a_loop_is_for_the_balls():
    value, slope = gradient(lambda x: total(ad.math.bessel_i0(x)), np.array([2.0, 70.0]))
    with mpmath.workprec(200):
        assert value == float(mpmath.besseli(0, 2) + mpmath.besseli(0, 70)) and slope.tolist() == [float(mpmath.besseli(1, x)) for x in (2, 70)]
