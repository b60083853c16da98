"""Random tensors: repeatable from a seed, of the distribution asked for, differentiable in their parameters."""

import numpy as np
import pytest
import scipy.special

import autodiff as ad
from autodiff import random
from differences import gradient


def test_a_seed_makes_a_run_repeatable():
    def run():
        return [random.normal([3]), random.uniform([2], seed=1), random.uniform([2], seed=1), random.shuffle([1, 2, 3, 4])]

    random.set_seed(7)
    first = [t.numpy().tolist() for t in run()]
    random.set_seed(7)
    assert [t.numpy().tolist() for t in run()] == first
    random.set_seed(8)
    assert [t.numpy().tolist() for t in run()] != first
    assert first[1] != first[2]  # an operation's seed starts a sequence, not a number


def test_moments_are_those_of_the_distribution():
    random.set_seed(1)
    n = [200_000]
    for draw, mean, deviation in (
        (random.normal(n, 2.0, 3.0, "float64"), 2, 3),
        (random.truncated_normal(n, dtype="float64"), 0, 0.8796),
        (random.uniform(n, -1.0, 3.0, "float64"), 1, 4 / 12**0.5),
        (random.uniform(n, 0, 10, "int32"), 4.5, 2.8723),
        (random.exponential(n, 2.0), 0.5, 0.5),
        (random.gamma(n, 3.0, 2.0), 1.5, 0.75**0.5),
        (random.poisson(n, 4.0), 4, 2),
        (random.stateless_normal(n, [1, 2], 2.0, 3.0), 2, 3),
        (random.stateless_uniform(n, [1, 2], -1.0, 3.0), 1, 4 / 12**0.5),
        (random.categorical(np.log([[0.25, 0.75]]), n[0]), 0.75, 0.1875**0.5),
    ):
        values = draw.numpy().astype("f8")
        assert values.mean() == pytest.approx(mean, abs=5 * deviation / n[0] ** 0.5)
        assert values.std() == pytest.approx(deviation, rel=0.02)


def test_bounds_and_dtypes():
    u = random.uniform([10_000]).numpy()
    assert u.dtype == np.float32 and u.min() >= 0 and u.max() < 1
    assert np.abs(random.truncated_normal([10_000]).numpy()).max() <= 2
    assert random.normal([], dtype="float64").dtype == "float64"
    assert random.normal(ad.constant([2, 3])).shape == (2, 3)
    assert sorted(random.shuffle(range(10)).numpy().tolist()) == list(range(10))
    assert random.categorical([[0.0, 0.0]], 3).shape == (1, 3)


def test_stateless_numbers_depend_on_the_seed_alone():
    a, b, c = (random.stateless_uniform([4], seed).numpy().tolist() for seed in ([1, 2], [1, 2], [1, 3]))
    assert a == b != c


def test_gamma_numbers_are_quantiles_to_their_gradients():
    a = ad.Variable(np.array([0.3, 1.0, 5.0, 40.0]))
    with ad.GradientTape() as outer, ad.GradientTape() as inner:
        z = random.gamma([3], a, dtype="float64", seed=3)
        slope = inner.gradient(z, a)
    p, step = scipy.special.gammainc(a.numpy(), z.numpy()), 1e-4
    below, above = (scipy.special.gammaincinv(a.numpy() + h, p) for h in (-step, step))
    assert slope.numpy() == pytest.approx(((above - below) / (2 * step)).sum(0), rel=1e-6)
    assert outer.gradient(slope, a).numpy() == pytest.approx(((above - 2 * z.numpy() + below) / step**2).sum(0), rel=1e-3)
    with ad.GradientTape() as tape:
        y = random.gamma([100], ad.Variable(0.001)) / 1e30
    assert np.isfinite(tape.gradient(y, tape.watched_variables()[0]).numpy())


def test_mean_and_deviation_get_gradients():
    mean, deviation = gradient(lambda m, s: random.stateless_normal([3], [1, 2], m, s, "float64"), np.float64(1), np.float64(2))
    z = random.stateless_normal([3], [1, 2], dtype="float64").numpy()
    assert mean == 3 and deviation == pytest.approx(z.sum())


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: random.uniform([2], dtype="int32"), ValueError, "random.uniform: Must specify maxval for integer dtype int32"),
        (lambda: random.normal([2], dtype="int32"), TypeError,
         "random.normal: got int32, takes float32 or float64: write it as a float (1.0, not 1), or cast it"),
        (lambda: random.normal([-2]), ValueError, "random.normal: shape (-2,) has a negative size"),
        (lambda: random.categorical([0.0], 2), ValueError, "random.categorical: logits should be a matrix, got shape (1,)"),
    ],
)  # fmt: skip
def test_misuse_is_said(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text
