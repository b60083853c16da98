"""Bands: products, loops and the shares of weights, taken strip of rows by strip of rows, have the bits of a run as written, on any number of
threads."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_function import same

import autodiff as ad

WIDTHS = [1, 2, 3, 7, 16, 33, 64]
ACTIVATIONS = [ad.tanh, ad.nn.relu, ad.math.softplus, ad.sin]


@pytest.fixture(autouse=True)
def as_before():
    before = ad.config.get_num_threads()
    yield
    ad.config.set_num_threads(before)


class Network:
    """A random stack of layers over n rows; `weights` are what it has taken so far, by its own shape."""

    def __init__(self, n, layers, dtype):
        self.n, self.layers, self.dtype = n, layers, dtype
        self.rng = np.random.default_rng(len(layers))
        self.weights = []
        self.x = ad.constant(self.rng.normal(size=(n, WIDTHS[layers[0][1] % len(WIDTHS)])).astype(dtype))
        self.f(self.x, take=True)

    def weight(self, shape, take, i):
        if take:
            self.weights.append(ad.constant((self.rng.normal(size=shape) / 4).astype(self.dtype)))
        return self.given[i] if not take else self.weights[i]

    def f(self, x, *weights, take=False):
        self.given, i, before = weights, 0, []
        for kind, width in self.layers:
            m, n = x.shape[-1], WIDTHS[width % len(WIDTHS)]
            before.append(x)
            if kind < 5:
                shape = (n, m) if kind == 1 else (m, n)
                x = ad.matmul(x, self.weight(shape, take, i), transpose_b=kind == 1)
                i += 1
            if kind in (2, 5):
                x = x + self.weight((x.shape[-1],), take, i)
                i += 1
            if kind in (0, 2, 3, 6):
                x = ACTIVATIONS[width % len(ACTIVATIONS)](x)
            if kind == 7:
                x = ad.nn.softmax(x, axis=-1)
            if kind == 8:
                x = x * ad.reduce_sum(x, axis=-1, keepdims=True)
            if kind == 9:
                x = x - ad.reduce_mean(x, axis=0)
            if kind == 10:
                x = x + sum([y for y in before if y.shape == x.shape], x)
            if kind == 11:
                x = ad.reshape(x, (self.n, x.shape[-1]))
        return ad.reduce_sum(x * x) / self.n

    def value_and_gradient(self, x, *weights):
        with ad.GradientTape() as tape:
            tape.watch([x, *weights])
            y = self.f(x, *weights)
        return y, tape.gradient(y, [x, *weights])


def on_threads(traced, f, *args):
    want = f(*args)
    for n in (1, 2, 5):
        ad.config.set_num_threads(n)
        same(traced(*args), want)
        same(f(*args), want)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 99)), min_size=1, max_size=9), st.sampled_from([1000, 1024, 1100, 1151, 2300, 4700]),
       st.sampled_from(["float32", "float64"]))  # fmt: skip
def test_random_networks(layers, n, dtype):
    net = Network(n, layers, dtype)
    traced = ad.function(net.value_and_gradient)
    traced(net.x, *net.weights)
    on_threads(traced, net.value_and_gradient, net.x, *net.weights)


def case(shapes, f):
    rng = np.random.default_rng(0)
    args = [ad.constant(rng.normal(size=s) / 4) for s in shapes]
    traced = ad.function(lambda *xs: value_and_gradient(f, *xs))
    on_threads(traced, lambda *xs: value_and_gradient(f, *xs), *args)
    return traced, args


def value_and_gradient(f, *xs):
    with ad.GradientTape() as tape:
        tape.watch(xs)
        y = f(*xs)
    return y, tape.gradient(y, list(xs[1:]))


def test_a_network_is_one_band_and_keeps_nothing_that_lies_between():
    def f(x, v, b, w, y):
        return ad.reduce_mean(ad.square(ad.matmul(ad.tanh(ad.matmul(x, v) + b), w) - y))

    traced, args = case([(2000, 20), (20, 30), (30,), (30, 1), (2000, 1)], f)
    cost = traced.cost(*args)
    assert cost.bands == 1
    assert cost.peak_bytes < sum(x.numpy().nbytes for x in args) + 2000 * 30 * 8
    assert "strips of 2000 rows" in str(traced.program(*args))
