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


def test_what_needs_the_whole_of_a_band_begins_another():
    def f(x, v, w):
        h = ad.matmul(ad.sin(ad.matmul(x, v)), w)
        return ad.reduce_sum(ad.square(ad.matmul(ad.tanh(h - ad.reduce_mean(h, axis=0)), w)))

    traced, args = case([(1300, 8), (8, 12), (12, 12)], f)
    assert traced.cost(*args).bands > 1


def test_a_branch_on_a_loss_waits_for_the_band_and_has_both_outcomes():
    def f(x, v, w, scale):
        loss = ad.reduce_mean(ad.square(ad.matmul(ad.tanh(ad.matmul(x, v)), w))) * scale
        return loss * 2 if loss > 1 else -loss

    traced, args = case([(1200, 6), (6, 9), (9, 3), ()], f)
    for scale in (1e-3, 1e6, 1e-3):
        on_threads(traced, lambda *xs: value_and_gradient(f, *xs), *args[:-1], ad.constant(scale))
    assert traced.cost(*args[:-1], ad.constant(1e6)).bands == 1


def test_results_between_the_layers_are_whole_for_who_asks():
    def f(x, v, w):
        with ad.GradientTape() as tape:
            tape.watch([v, w])
            h = ad.tanh(ad.matmul(x, v))
            y = ad.matmul(h, w)
            loss = ad.reduce_sum(y * y)
        return h, y, tape.gradient(loss, [h, v, w])

    rng = np.random.default_rng(0)
    args = [ad.constant(rng.normal(size=s)) for s in ((1500, 6), (6, 9), (9, 3))]
    traced = ad.function(f)
    on_threads(traced, f, *args)
    np.testing.assert_allclose(traced(*args)[0].numpy(), np.tanh(args[0].numpy() @ args[1].numpy()), rtol=1e-13, atol=1e-14)      # sums that cancel


def test_a_variable_trained_in_batches_takes_the_steps_of_the_eager_run():
    rng = np.random.default_rng(1)
    x, y = (ad.constant(rng.normal(size=s).astype("float32")) for s in ((1111, 7), (1111, 10)))

    def run(how):
        v, b, w = (ad.Variable(np.random.default_rng(2).normal(size=s).astype("float32") / 4) for s in ((7, 20), (20,), (20, 10)))

        @how
        def step():
            with ad.GradientTape() as tape:
                loss = ad.reduce_mean(ad.square(ad.nn.softmax(ad.matmul(ad.nn.relu(ad.matmul(x, v) + b), w), axis=-1) - y))
            for p, g in zip((v, b, w), tape.gradient(loss, [v, b, w])):
                p.assign_sub(0.1 * g)
            return loss

        return [step() for _ in range(5)], [v.numpy(), b.numpy(), w.numpy()]

    (eager, want), (traced, got) = run(lambda f: f), run(ad.function)
    same(eager, traced)
    assert [p.tobytes() for p in got] == [p.tobytes() for p in want]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_comes_out_as_in_numpy(value):
    rng = np.random.default_rng(0)
    x, g = rng.normal(size=(1500, 6)), rng.normal(size=(1500, 4))
    x[700, 2], g[700, 1] = value, 0
    got = ad.function(lambda x, g: ad.matmul(x, g, transpose_a=True))(x, g).numpy()
    with np.errstate(invalid="ignore"):
        want = x.T @ g
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    np.testing.assert_array_equal(np.isinf(got), np.isinf(want))
