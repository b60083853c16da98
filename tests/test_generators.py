"""random.Generator, and what is drawn from seeds alone."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from differences import gradient

import autodiff as ad
from autodiff import random


def drawn(g):
    return [g.normal([3]), g.uniform([2, 2]), g.uniform([3], 1, 9, "int32"), g.truncated_normal([2], dtype="float64"), g.binomial([2], [3.0, 9.0], 0.5),
            g.uniform_full_int([2]), *[each.normal([1]) for each in g.split(2)], g.make_seeds(2), g.normal([])]  # fmt: skip


def values(tensors):
    return [t.numpy().tolist() for t in tensors]


def test_numbers_depend_on_the_state_alone():
    g = random.Generator.from_seed(1234)
    first = values(drawn(g))
    assert values(drawn(random.Generator.from_seed(1234))) == first != values(drawn(random.Generator.from_seed(1235)))
    assert values(drawn(g)) != first
    twins = [random.Generator.from_state(g.state, g.algorithm), random.Generator(copy_from=g), random.Generator(state=g.state.numpy()), copy.copy(g),
             pickle.loads(pickle.dumps(g))]  # fmt: skip
    went_on = values(drawn(g))
    assert all(values(drawn(twin)) == went_on for twin in twins)
    g.reset_from_seed(1234)
    assert values(drawn(g)) == first
    g.reset(random.create_rng_state(1234, "philox"))
    assert values(drawn(g)) == first
    g.reset_from_key_counter(1234, [0, 0])
    assert values(drawn(g)) == first


def test_what_a_state_is():
    g = random.Generator.from_seed(-5)
    assert g.state.numpy().tolist() == [0, 0, -5] and g.state.dtype == "int64" and g.key == -5 and g.algorithm == 1
    assert repr(g) == "<ad.random.Generator state=[0, 0, -5]>"
    assert g.skip(2**64 + 3).numpy().tolist() == [0, 0, -5] and g.state.numpy().tolist() == [3, 1, -5]
    assert g.skip(-4).numpy().tolist() == [3, 1, -5] and g.state.numpy().tolist() == [-1, 0, -5]
    g.normal([100])
    assert g.state.numpy().tolist()[1:] == [1, -5]
    a, b = random.Generator.from_non_deterministic_state(), random.Generator.from_non_deterministic_state()
    assert a.key != b.key


def test_one_draw_after_the_other_shares_no_number():
    g = random.Generator.from_seed(3)
    numbers = np.concatenate([g.uniform([n], dtype="float64").numpy() for n in (1, 2, 3, 4, 5, 6, 7, 1, 1)])
    assert len(set(numbers.tolist())) == 30


def test_threads_share_no_number():
    g = random.Generator.from_seed(3)
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(lambda _: g.uniform([50], dtype="float64").numpy(), range(100)))
    assert len(set(np.concatenate(drawn).tolist())) == 5000


def test_there_is_one_generator_for_all():
    before = random.get_global_generator()
    assert random.get_global_generator() is before
    try:
        random.set_global_generator(random.Generator.from_seed(3))
        assert values([random.get_global_generator().normal([2])]) == values([random.Generator.from_seed(3).normal([2])])
    finally:
        random.set_global_generator(before)
    with pytest.raises(TypeError, match="^random.set_global_generator: expected a random.Generator, got 3$"):
        random.set_global_generator(3)


def test_moments_are_those_of_the_distribution():
    n, g, seed = [200_000], random.Generator.from_seed(1), [1, 2]
    for draw, mean, deviation in (
        (g.normal(n, 2.0, 3.0, "float64"), 2, 3), (g.truncated_normal(n), 0, 0.8796), (g.uniform(n, -1.0, 3.0), 1, 4 / 12**0.5),
        (g.uniform(n, 0, 10, "int32"), 4.5, 2.8723), (g.binomial(n, 10, 0.3), 3, 2.1**0.5), (g.uniform_full_int(n, "int32"), -0.5, 2**32 / 12**0.5),
        (random.stateless_truncated_normal(n, seed), 0, 0.8796), (random.stateless_gamma(n, seed, 3.0, 2.0), 1.5, 0.75**0.5),
        (random.stateless_poisson(n, seed, 4.0), 4, 2), (random.stateless_binomial(n, seed, 10.0, 0.3), 3, 2.1**0.5),
        (random.stateless_categorical(np.log([[0.25, 0.75]]), n[0], seed), 0.75, 0.1875**0.5), (random.split(seed, n[0]), -0.5, 2**32 / 12**0.5),
    ):  # fmt: skip
        x = draw.numpy().astype("f8")
        assert x.mean() == pytest.approx(mean, abs=5 * deviation / n[0] ** 0.5)
        assert x.std() == pytest.approx(deviation, rel=0.02)


@pytest.mark.parametrize("draw", [lambda seed: random.stateless_truncated_normal([3], seed), lambda seed: random.stateless_gamma([2, 2], seed, [1.0, 2.0]),
                                  lambda seed: random.stateless_poisson([2, 2], seed, [9.0, 99.0]), lambda seed: random.stateless_binomial([4], seed, 99, 0.5),
                                  lambda seed: random.stateless_categorical(np.zeros((2, 99)), 3, seed), lambda seed: random.split(seed, 3),
                                  lambda seed: random.fold_in(seed, 4), lambda seed: random.stateless_uniform([3], seed, 0, 9999, "int64")])  # fmt: skip
def test_stateless_numbers_depend_on_the_seed_alone(draw):
    a, b, c = (draw(np.array(seed)).numpy().tolist() for seed in ([1, 2], [1, 2], [1, 3]))
    assert a == b != c


def test_parameters_get_gradients():
    def g():
        return random.Generator.from_seed(1)

    mean, deviation = gradient(lambda m, s: g().normal([3], m, s, "float64"), np.float64(1), np.float64(2))
    assert mean == 3 and deviation == pytest.approx(g().normal([3], dtype="float64").numpy().sum())
    low, high = gradient(lambda a, b: g().uniform([3], a, b, "float64"), np.float64(1), np.float64(2))
    assert high == pytest.approx(g().uniform([3], dtype="float64").numpy().sum()) and low == pytest.approx(3 - high)
    low, high = gradient(lambda a, b: random.stateless_uniform([3], [1, 2], a, b, "float64"), np.float64(1), np.float64(2))
    assert low + high == pytest.approx(3)
    (slope,) = gradient(lambda a: random.stateless_gamma([3, 2], [1, 2], a, dtype="float64"), np.array([1.0, 2.0]))
    assert slope.shape == (2,) and (slope > 0).all()


def test_every_element_of_the_parameters_of_gamma_has_numbers_of_its_own():
    assert random.gamma([2], 3.0, beta=[1.0, 2.0]).shape == (2, 2) and random.gamma([3], [[1.0], [2.0]], [1.0, 2.0, 3.0]).shape == (3, 2, 3)
    x = random.gamma([1000], [3.0], beta=[1.0, 1.0], dtype="float64", seed=1).numpy()
    assert abs(np.corrcoef(x.T)[0, 1]) < 0.2
    assert random.stateless_gamma([2, 3], [1, 2], [1.0, 2.0, 3.0], [[1.0], [2.0]]).shape == (2, 3)
    np.testing.assert_array_equal(random.stateless_gamma([3], [1, 2], 0.1, dtype="float64"), random.stateless_gamma([3], [1, 2], np.float64(0.1), dtype="float64"))


def test_bounds_may_be_arrays():
    x = random.Generator.from_seed(1).uniform([2], np.array([0.0, 10.0]), [1.0, 11.0]).numpy()
    assert (x >= [0, 10]).all() and (x < [1, 11]).all()
    assert random.Generator.from_seed(1).uniform([2], np.array([0, 10]), [1, 11], "int64").numpy().tolist() == [0, 10]


def test_a_function_that_draws_runs_as_written():
    g = random.Generator.from_seed(1)
    with pytest.warns(UserWarning, match="draws random numbers"):
        f = ad.function(lambda x: x + g.normal([]))
        assert f(1.0) != f(1.0)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda g: random.Generator(), ValueError, "random.Generator: give either copy_from or state; or use Generator.from_seed(seed)"),
        (lambda g: random.Generator.from_seed(1, "threefry"), ValueError,
         "random.Generator: Argument `alg` got unsupported value 'threefry'. Supported values are 'philox' and 'auto_select'"),
        (lambda g: random.Generator.from_seed("x"), TypeError, "random.Generator: seed must be an integer, got 'x'"),
        (lambda g: random.Generator.from_state([1, 2]), ValueError, "random.Generator: a state is three integers, a counter of two and a key, got 2"),
        (lambda g: g.normal([2], dtype="int32"), TypeError,
         "random.Generator.normal: got int32, takes float32 or float64: write it as a float (1.0, not 1), or cast it"),
        (lambda g: g.uniform([-2]), ValueError, "random.Generator.uniform: shape (-2,) has a negative size"),
        (lambda g: g.uniform([2], dtype="int32"), ValueError, "random.Generator.uniform: Must specify maxval for integer dtype int32"),
        (lambda g: g.uniform([2], dtype="bool"), TypeError,
         "random.Generator.uniform: got bool, takes float32 or float64: write it as a float (1.0, not 1), or cast it"),
        (lambda g: g.uniform([2], 5, 5, "int32"), ValueError, "random.Generator.uniform: Need minval < maxval, got 5 and 5"),
        (lambda g: g.uniform([3], [0, 1], 5, "int32"), ValueError, "random.Generator.uniform: minval of shape (2,) does not broadcast to shape (3,)"),
        (lambda g: g.uniform([2], 0, 2.5, "int32"), TypeError, "random.Generator.uniform: Cannot convert 2.5 to a tensor of dtype int32"),
        (lambda g: random.uniform([2], 0, 2**40, "int32"), TypeError, "random.uniform: Cannot convert 1099511627776 to a tensor of dtype int32"),
        (lambda g: g.uniform_full_int([2], "float32"), TypeError, "random.Generator.uniform_full_int: got float32, takes int32 or int64; cast it first"),
        (lambda g: g.binomial([2], 3, 1.5), ValueError, "random.Generator.binomial: probs must be from 0 to 1, got 1.5"),
        (lambda g: g.binomial([2], [1, 2, 3], 0.5), ValueError, "random.Generator.binomial: counts of shape (3,) does not broadcast to shape (2,)"),
        (lambda g: random.stateless_poisson([3], [1, 2], [1.0, 2.0]), ValueError, "random.stateless_poisson: lam of shape (2,) does not broadcast to shape (3,)"),
        (lambda g: random.stateless_gamma([3], [1, 2], [[1.0]]), ValueError, "random.stateless_gamma: alpha of shape (1, 1) does not broadcast to shape (3,)"),
        (lambda g: random.stateless_gamma([3], [1, 2], 1.0, [[1.0], [2.0]]), ValueError,
         "random.stateless_gamma: beta of shape (2, 1) does not broadcast to shape (3,)"),
        (lambda g: random.gamma([3], [1.0, 2.0], [1.0, 2.0, 3.0]), ValueError,
         "random.gamma: Incompatible shapes: [2] vs. [3]. Counted from the last, sizes must be equal or 1; reshape one of them"),
        (lambda g: random.fold_in([1, 2], 0.5), TypeError, "random.fold_in: data must be an integer, got 0.5"),
    ],
)  # fmt: skip
def test_misuse_is_said(call, error, text):
    with pytest.raises(error) as caught:
        call(random.Generator.from_seed(1))
    assert str(caught.value) == text
