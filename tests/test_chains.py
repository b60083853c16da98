"""Chains: plain arithmetic on arrays, run a few vectors at a time through all its steps, has the bits of kernel after kernel (csrc/chain.h)."""

import random

import numpy as np
import pytest
from test_function import same

import autodiff as ad
from autodiff import _core

# A tile is 8 vectors of 16, 32 or 64 bytes: 16 to 128 numbers.  Of arrays that are shorter, two vectors are run at a time, the last of which
# may be of any number of elements.
SIZES = [15, 16, 63, 64, 65, 127, 128, 129, 500, 511, 513, 540, 700, 1030]
SHORT_SIZES = [2, 3, 4, 5, 7, 8, 9, 14, 17, 24, 31, 33, 47, 50, 60, 100, 200]
UNARY = [ad.square, lambda a: -a, lambda a: a * 3.0, lambda a: 2.0 - a, lambda a: a - 0.5, lambda a: a * a, lambda a: a + a, lambda a: a / 7.0, ad.tan,
         ad.exp, ad.math.reciprocal, ad.abs, ad.sign, ad.nn.relu, ad.math.log1p, ad.tanh, ad.sqrt, ad.math.rsqrt, lambda a: 1.0 / a, lambda a: 0.0 * a, ad.stop_gradient]  # fmt: skip
BINARY = [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: b - a, lambda a, b: a * b, ad.math.squared_difference, ad.math.multiply_no_nan,
          lambda a, b: a / b, ad.maximum, ad.minimum, ad.math.xdivy, ad.math.divide_no_nan]  # fmt: skip
# Masks are bytes in memory: one may be read by several steps, or by none for a while.
MASKS = [lambda a, b: a < b, lambda a, b: a <= b, lambda a, b: a > 0.5, lambda a, b: -1.0 >= b, ad.equal, lambda a, b: ad.not_equal(a, b * b)]
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-310, -5e-324, 1e300, 1e-300, 1e-40]


def program(seed, longest=25):
    """A program at random on two arrays; several of its values are results, and its gradients."""
    r = random.Random(seed)
    steps = [(r.random(), r.choice(UNARY), r.choice(BINARY), r.choice(MASKS), r.random(), r.random()) for _ in range(r.randint(2, longest))]

    def f(x, y):
        with ad.GradientTape() as tape:
            tape.watch([x, y])
            values, masks = [x, y], [x < y]
            for kind, one, two, compare, i, j in steps:
                a = values[-1] if i < 0.6 else values[int(i * 1000) % len(values)]
                b = values[int(j * 1000) % len(values)]
                if kind < 0.1:
                    masks.append(compare(a, b))
                elif kind < 0.25:
                    values.append(ad.where(masks[int(kind * 10000) % len(masks)], a, b if j < 0.7 else 0.5))
                else:
                    values.append(one(a) if kind < 0.5 else two(a, b))
            total = ad.reduce_sum(values[-1]) + ad.reduce_sum(values[len(values) // 2] * 0.25)
        return total, values[-2], masks[-1], tape.gradient(total, [x, y], unconnected_gradients="zero")

    return f


def operands(seed, n, dtype):
    r = np.random.default_rng(seed)
    x, y = r.normal(size=(2, n))
    for a in (x, y):
        a[r.integers(0, n, 4)] = r.choice(SPECIAL, 4)
    with np.errstate(over="ignore"):
        return [ad.constant(a.astype(dtype)) for a in (x, y)]


@pytest.fixture(params=[True, False], ids=["kernels divide", "chains divide"])
def way(request):
    before = _core.divides_slowly(request.param)
    yield
    _core.divides_slowly(before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(60))
def test_a_chain_has_the_bits_of_its_steps(seed, dtype, way):
    f = program(seed)
    r = random.Random(seed)
    for n in [*r.sample(SIZES, 3), *r.sample(SHORT_SIZES, 3)]:
        x, y = operands(seed, n, dtype)
        traced = ad.function(f)
        traced(x, y)
        same(traced(x, y), f(x, y))


@pytest.mark.parametrize("n", [64, 128, 130, 1500])
def test_a_number_in_a_chain_may_change_between_calls(n):
    """It is read once for all elements, as a constant, and stands where it stood before."""

    def f(x, c):
        with ad.GradientTape() as tape:
            tape.watch([x, c])
            y = ad.reduce_sum(ad.square(x * c - 1.0) * c + x)
        return y, tape.gradient(y, [x, c])

    x, traced = ad.constant(np.linspace(-2, 2, n)), ad.function(f)
    for c in (3.0, -0.5, 0.0, 7.0):
        same(traced(x, ad.constant(c)), f(x, ad.constant(c)))


@pytest.mark.parametrize("shape", [(64, 3), (200, 5), (40, 64), (700, 2), (1030, 3)])
def test_chains_of_rows_and_of_their_sums(shape):
    """Wide steps and narrow ones are chains of their own."""

    def f(x, w):
        with ad.GradientTape() as tape:
            tape.watch([x, w])
            r = ad.reduce_sum(ad.square(x - w) * 2.0 - x, axis=1)
            y = ad.reduce_sum(ad.square(r - 1.0) * r + 0.5)
        return y, tape.gradient(y, [x, w])

    r = np.random.default_rng(1)
    x, w, traced = ad.constant(r.normal(size=shape)), ad.constant(r.normal(size=shape[1])), ad.function(f)
    traced(x, w)
    same(traced(x, w), f(x, w))


@pytest.mark.parametrize("n", [100, 600, 5000])
def test_a_chain_longer_than_one_run_goes_on(n):
    def f(x):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = x
            for k in range(70):
                y = y * (0.9 + k / 100) - x if k % 3 else ad.square(y) * 0.01 + 0.5
            y = ad.reduce_sum(y)
        return y, tape.gradient(y, x)

    x, traced = ad.constant(np.linspace(-1, 1, n)), ad.function(f)
    traced(x)
    same(traced(x), f(x))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [3, 5, 8, 10, 17, 20, 33, 66, 130])
def test_short_chains_read_runs_of_elements(n, dtype):
    """To the last element of an array; what lies behind it is none of theirs."""

    def f(x, y):
        with ad.GradientTape() as tape:
            tape.watch([x, y])
            d = x[1:] * 2.0 - y[: n - 1]
            z = 100.0 * (x[1:] - d**2) ** 2 + (1.0 - y[1:]) ** 2
            total = ad.reduce_sum(z) + ad.reduce_sum(ad.square(z[1:] - z[:-1]) * d[1:])
        return total, z, d, tape.gradient(total, [x, y])

    r = np.random.default_rng(3)
    x, y = (ad.constant(r.normal(size=n).astype(dtype)) for _ in range(2))
    traced = ad.function(f)
    traced(x, y)
    same(traced(x, y), f(x, y))
    other = [ad.constant(r.normal(size=n).astype(dtype)) for _ in range(2)]
    same(traced(*other), f(*other))


@pytest.mark.parametrize("n", [3, 9, 14, 20])
def test_short_chains_in_a_loop_that_many_items_run(n):
    """Its arrays stand elsewhere each time."""

    def f(w, x):
        with ad.GradientTape() as tape:
            tape.watch([w, x])
            h = x
            for _ in range(9):
                z = ad.linalg.matvec(w, h)
                h = h * 0.5 + (1.0 - z * z) * x - 0.25 * z * h
            total = ad.reduce_sum(h * h)
        return total, h, tape.gradient(total, [w, x])

    r = np.random.default_rng(4)
    traced = ad.function(f)
    for _ in range(3):
        w, x = ad.constant(r.normal(size=(n, n)) / n), ad.constant(r.normal(size=n))
        same(traced(w, x), f(w, x))


def test_a_chain_beside_shifted_slices_on_threads():
    """Threads that begin in the middle compute the end of the block before in memory of their own."""
    before = ad.config.get_num_threads()

    def f(x):
        with ad.GradientTape() as tape:
            tape.watch(x)
            d = x[2:] - 2.0 * x[1:-1] + x[:-2]
            y = ad.reduce_sum(ad.square(d) * 0.5 + 100.0 * ad.square(x[1:-1] - ad.square(x[:-2])))
        return y, d, tape.gradient(y, x)

    x = ad.constant(np.random.default_rng(2).normal(size=100_003))
    want, traced = f(x), ad.function(f)
    try:
        for threads in (1, 2, 5):
            ad.config.set_num_threads(threads)
            same(traced(x), want)
    finally:
        ad.config.set_num_threads(before)
