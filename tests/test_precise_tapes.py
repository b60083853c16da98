"""A precise tape is a tape: structures, seeds, nesting, custom gradients and errors, with the numbers of the replay."""

import sys
import threading
import warnings

import numpy as np
import pytest

import autodiff as ad
from autodiff import _core

exp, log = ad.exp, ad.math.log


def naive_softplus(x):
    return log(1 + exp(x))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_structures_of_targets_and_sources():
    x, y = ad.Variable(-50.0), ad.Variable(np.array([60.0, -60.0]))
    with ad.GradientTape(persistent=True, precise=True) as tape:
        targets = {"a": naive_softplus(x), "b": [naive_softplus(y) * x]}
    values = tape.value(targets)
    assert float(values["a"]) == np.float32(np.exp(-50.0))
    np.testing.assert_allclose(values["b"][0].numpy(), -50 * np.array([60.0, np.exp(-60.0)]), rtol=1e-15)
    g = tape.gradient(targets, {"x": x, "y": (y, ad.Variable(1.0))})
    assert g["y"][1] is None
    np.testing.assert_allclose(g["y"][0].numpy(), -50 * sigmoid(y.numpy()), rtol=1e-15)
    assert float(g["x"]) == pytest.approx(60.0, rel=1e-7, abs=0)


def test_seeds_and_unconnected_gradients():
    x, other = ad.Variable(np.array([-50.0, 50.0])), ad.Variable([1.0, 2.0])
    with ad.GradientTape(precise=True) as tape:
        y = naive_softplus(x)
    gx, zero = tape.gradient(y, [x, other], output_gradients=np.array([2.0, -3.0]), unconnected_gradients="zero")
    np.testing.assert_allclose(gx.numpy(), np.array([2.0, -3.0]) * sigmoid(x.numpy()), rtol=1e-15)
    assert zero.numpy().tolist() == [0.0, 0.0]
    with pytest.raises(ad.errors.TapeError):
        tape.gradient(y, x)


def test_watched_constants_variables_read_twice_and_targets_that_are_sources():
    c, v = ad.constant(-50.0), ad.Variable(2.0)
    with ad.GradientTape(persistent=True, precise=True, watch_accessed_variables=False) as tape:
        tape.watch(c)
        y = naive_softplus(c) * v * v
    assert float(tape.gradient(y, c)) == pytest.approx(4 * np.exp(-50.0), rel=1e-7, abs=0) and tape.gradient(y, v) is None
    with ad.GradientTape(persistent=True, precise=True) as tape:
        y = v * v + v
    assert float(tape.gradient(y, v)) == 5.0 and float(tape.gradient(v, v)) == 1.0 and float(tape.gradient(y, y)) == 1.0
    assert float(tape.value(v)) == 2.0 and tape.value(ad.constant(7)).numpy() == 7


def test_values_of_what_was_not_recorded_come_back_as_they_are():
    x, foreign = ad.Variable(1.0), ad.constant([1.5, 2.5])
    with ad.GradientTape(persistent=True, precise=True) as tape:
        y = x * 3
        whole = ad.cast(y, "int32")
    assert tape.value([y, foreign, whole])[1].numpy().tolist() == [1.5, 2.5] and int(tape.value(whole)) == 3


def test_every_recorded_number_has_its_value_and_its_gradient():
    x = ad.Variable(np.float64(800.0))
    with ad.GradientTape(persistent=True, precise=True) as tape:
        y = naive_softplus(x)
    recorded = [i.value for i in _core.listing(tape)]
    steps = {i.row.name: i.index for i in _core.listing(tape) if not isinstance(i.row, str)}
    values, gradients = tape.value(recorded), tape.gradient(y, recorded)
    assert [float(values[steps[name]]) for name in ("exp", "log")] == [np.inf, 800.0]
    assert [float(gradients[steps[name]]) for name in ("exp", "log")] == [0.0, 1.0]


def derivatives(f, x, order, precise):
    """Derivatives of f at x, each by a tape around the last."""
    if order == 0:
        return [f(x)]
    with ad.GradientTape(persistent=True, precise=precise[order - 1]) as tape:
        lower = derivatives(f, x, order - 1, precise)
    return [*lower, tape.gradient(lower[-1], x)]


def test_third_derivatives():
    x = ad.Variable(np.float64(-40.0))
    found = derivatives(naive_softplus, x, 3, [True] * 3)
    e = np.exp(-40.0)
    np.testing.assert_allclose([float(g) for g in found[1:]], [e, e, e], rtol=1e-15)


@pytest.mark.parametrize("precise", [(True, False), (False, True)])
def test_precise_tapes_mix_with_plain_ones(precise):
    x = ad.Variable(np.float64(0.7))
    s = sigmoid(0.7)
    found = derivatives(naive_softplus, x, 2, precise)
    np.testing.assert_allclose([float(g) for g in found[1:]], [s, s * (1 - s)], rtol=1e-14)


def test_a_persistent_tape_asked_inside_its_own_block():
    x = ad.Variable(np.float64(-40.0))
    with ad.GradientTape(persistent=True, precise=True) as tape:
        y = naive_softplus(x)
        g = tape.gradient(y, x)
    np.testing.assert_allclose([float(g), float(tape.gradient(g, x))], [np.exp(-40.0)] * 2, rtol=1e-15)


def test_second_derivatives_by_several_sources_and_seeds():
    a, b = ad.Variable(np.array([0.3, -2.0])), ad.Variable(np.float64(1.5))
    seed = ad.Variable(np.array([2.0, 3.0]))

    def mixed(precise):
        with ad.GradientTape(persistent=True, precise=precise) as outer:
            with ad.GradientTape(precise=precise) as inner:
                y = naive_softplus(a * b) * b
            ga, gb = inner.gradient(y, [a, b], output_gradients=seed * 1.0)
        return [outer.gradient(t, v).numpy() for t in (ga, gb) for v in (a, b, seed)]

    for precise, plain in zip(mixed(True), mixed(False)):
        np.testing.assert_allclose(precise, plain, rtol=1e-13)


def test_what_a_paused_tape_did_not_see_is_constant_to_it():
    x = ad.Variable(2.0)
    with ad.GradientTape(persistent=True, precise=True) as outer:
        with ad.GradientTape(persistent=True, precise=True) as inner:
            with inner.stop_recording():
                c = x * x
            y = c * x
        g = inner.gradient(y, x)
    assert [float(t) for t in (g, outer.gradient(g, x), outer.gradient(y, x))] == [4.0, 4.0, 12.0]


def test_custom_gradients_run_on_ordinary_tensors():
    seen = []

    @ad.custom_gradient
    def pair(x, y):
        def grad(da, db):
            seen.append((type(da), da.dtype.name, float(db)))
            return da * 2 * y, da * 2 * x + db

        return (2 * x * y, y), grad

    x, y = ad.Variable(3.0), ad.Variable(-50.0)
    with ad.GradientTape(persistent=True, precise=True) as tape:
        a, _ = pair(x, naive_softplus(y))
        z = a * a
    assert float(tape.gradient(z, x)) == pytest.approx(float(4 * np.float64(a) * 0), abs=1e-30)
    assert seen[0] == (ad.Tensor, "float32", 0.0)


def test_second_derivatives_through_a_custom_gradient():
    @ad.custom_gradient
    def cube(x):
        return x * x * x, lambda g: 3 * x * x * g

    x = ad.Variable(2.0)
    assert [float(g) for g in derivatives(lambda x: cube(x) * x, x, 2, [True] * 2)] == [16.0, 32.0, 48.0]


def test_stop_gradient_and_recompute_grad():
    x = ad.Variable(np.float64(-40.0))
    with ad.GradientTape(persistent=True, precise=True) as tape:
        y = naive_softplus(x) * ad.stop_gradient(x)
        z = ad.recompute_grad(lambda x: x * x)(x)
    np.testing.assert_allclose([float(tape.gradient(y, x)), float(tape.gradient(z, x))], [-40 * np.exp(-40.0), -80.0], rtol=1e-15)


def test_comparisons_and_whole_numbers_stay_as_recorded():
    x = ad.Variable(np.float64(1e-17))
    with ad.GradientTape(persistent=True, precise=True) as tape:
        y = ad.where(1 + x > 1, 2 * x, 3 * x) + ad.floor(1 - x) * x
    assert float(tape.gradient(y, x)) == 4.0


def test_numbers_that_no_precision_settles_come_with_a_warning():
    x = ad.Variable(np.float64(1e5))
    with ad.GradientTape(persistent=True, precise=True) as tape:
        y = log(1 + exp(-x)) * exp(x)                       # 1, and 144,000 bits would show it
        z = naive_softplus(-x)
    with pytest.warns(ad.errors.PrecisionWarning, match="4352 bits") as caught:
        tape.value(y)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert float(tape.value(z)) == 0.0


def test_what_is_zero_by_an_identity_is_taken_for_zero_and_said_to_be():
    x = ad.Variable(np.float64(0.3))
    with ad.GradientTape(persistent=True, precise=True) as tape:
        zero = ad.sin(x) ** 2 + ad.cos(x) ** 2 - 1
        y = 1 / zero
    assert float(tape.value(zero)) == 0.0
    with pytest.warns(ad.errors.PrecisionWarning):
        assert float(tape.value(y)) == np.inf


def test_without_python_flint_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "flint", None)
    monkeypatch.delitem(sys.modules, "autodiff.precise.balls", raising=False)
    x = ad.Variable(np.float64(-1000.0))
    with ad.GradientTape(persistent=True, precise=True) as tape:
        y = naive_softplus(x)
    with pytest.raises(ImportError, match="pip install python-flint"):
        tape.value(y)                                       # 1500 bits: more than twofold numbers have


def test_the_precision_of_python_flint_is_left_as_it_was():
    import flint

    before, flint.ctx.prec = flint.ctx.prec, 77
    try:
        test_third_derivatives()
        assert flint.ctx.prec == 77
    finally:
        flint.ctx.prec = before


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_elements_that_need_more_digits_are_replayed_alone(dtype):
    x = np.random.default_rng(3).normal(size=(30, 40)) * 200
    x[5, 7], x[0, 0], x[1, 1] = -1000, np.inf, np.nan
    x = x.astype(dtype)
    seed = ad.constant(np.linspace(0.5, 2, x.size).reshape(x.shape).astype(dtype))

    def both(part, weights):
        v = ad.Variable(part)
        with ad.GradientTape(persistent=True, precise=True) as tape:
            y = naive_softplus(v)
            mean = ad.reduce_mean(y * weights) * 3
        return [t.numpy() for t in (tape.value(y), tape.gradient(mean, v), tape.gradient(y, v, output_gradients=weights))]

    whole = both(x, seed)
    for k in (0, 7, 41, 207, 600):                          # row by row there are too few elements for lanes
        i = np.unravel_index(k, x.shape)
        row = both(x[i[0]], seed[int(i[0])])
        np.testing.assert_array_equal(whole[0][i[0]], row[0])
        np.testing.assert_allclose(whole[1][i[0]] * 30, row[1], rtol=1e-6, atol=32 * np.finfo(dtype).smallest_subnormal)
        np.testing.assert_array_equal(whole[2][i[0]], row[2])


def test_a_source_that_the_target_does_not_depend_on_stands_first():
    """The length of a unit vector has a gradient of 0, which takes the most digits."""
    a, b = ad.constant(np.ones(3)), ad.constant([0.3, 0.7], dtype="float64")
    with ad.GradientTape(precise=True) as tape:
        tape.watch([a, b])
        y = ad.nn.l2_loss(ad.math.l2_normalize(ad.math.log_softmax(b)))
    none, slope = tape.gradient(y, [a, b])
    assert none is None and np.abs(slope.numpy()).max() < 1e-100


def test_a_source_without_a_gradient_stands_beside_elements_that_need_more_digits():
    order, x = ad.Variable(np.full(300, 3.0)), ad.Variable(np.linspace(0.5, 9, 300))
    with ad.GradientTape(precise=True) as tape:
        y = ad.math.polygamma(order, x)
    nothing, gradient = tape.gradient(y, [order, x])
    assert nothing is None
    np.testing.assert_allclose(gradient.numpy(), ad.math.polygamma(4.0, x).numpy(), rtol=1e-15)


def test_nothing_to_differentiate_by_and_nothing_to_sum():
    x, whole, empty = ad.Variable([1.0, 2.0]), ad.Variable([1, 2]), ad.Variable(np.zeros((0, 3)))
    with ad.GradientTape(persistent=True, precise=True) as tape:
        y, z = ad.reduce_sum(x * x), ad.reduce_sum(empty * 2)
    assert tape.gradient(y, []) == [] and tape.gradient(y, [whole]) == [None] and tape.gradient(whole, [x]) == [None]
    assert tape.gradient(z, empty).shape == (0, 3) and float(tape.value(z)) == 0.0


def test_threads_replay_each_their_own_programs():
    found = [[] for _ in range(4)]

    def replay(k):
        v = ad.Variable(np.float64(-100.0 * k))
        for _ in range(5):
            with ad.GradientTape(persistent=True, precise=True) as tape:
                y = naive_softplus(v)
            found[k].append((float(tape.value(y)), float(tape.gradient(y, v))))

    threads = [threading.Thread(target=replay, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, results in enumerate(found):
        assert len(results) == 5 and set(results) == {results[0]}
        np.testing.assert_allclose(results[0], [np.log1p(np.exp(-100.0 * k)), sigmoid(-100.0 * k)], rtol=1e-15)


def test_arrays_of_a_replay_take_the_memory_of_those_that_are_gone_and_outlive_it():
    with _core.kept_memory():
        first = np.full(100_000, 1.5)
        at = first.ctypes.data
        del first
        zeros = np.zeros(100_000)                           # of memory that was written to
        assert zeros.ctypes.data == at and not zeros.any()
        grown = np.arange(1000.0)
        grown.resize(50_000, refcheck=False)
        grown.resize(2000, refcheck=False)
        with _core.kept_memory():
            inner = np.empty(0), np.ones(3)
    assert np.array_equal(grown, np.r_[np.arange(1000.0), np.zeros(1000)]) and inner[1].sum() == 3
    assert np.empty(100_000).ctypes.data != at
    held = [zeros, grown, *inner]
    del zeros, grown, inner
    other = threading.Thread(target=held.clear)                       # freed by a thread that made none of them
    other.start()
    other.join()
    assert not held


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("f", [
    lambda x: ad.math.betaln(x, x), lambda x: ad.reduce_max(x, 0), lambda x: ad.math.reduce_std(x, 0), lambda x: ad.math.l2_normalize(x, 0),
    lambda x: ad.nn.softmax(x, 0), lambda x: ad.grad(lambda q: ad.reduce_sum(ad.exp(q)))(x)])  # fmt: skip
def test_arrays_without_elements(f, dtype):
    x = ad.zeros((2, 0), dtype=dtype)
    with ad.GradientTape(precise=True, persistent=True) as tape:
        tape.watch(x)
        other = ad.ones(3, dtype=dtype)
        tape.watch(other)
        y = ad.reduce_sum(f(x)) + ad.reduce_sum(other)
    assert tape.gradient(y, x).shape == (2, 0) and tape.value(y).numpy() == 3
    assert [g.shape for g in tape.gradient(y, [x, other])] == [(2, 0), (3,)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_gradient_computes_no_value_that_no_derivative_needs(dtype, monkeypatch):
    from autodiff.precise.twofold import Certified

    rows, run = [], Certified.run
    monkeypatch.setattr(Certified, "run", lambda self, row, values, attrs: rows.append(row.name) or run(self, row, values, attrs))
    v = ad.Variable(np.linspace(-2, 2, 100), dtype=dtype)
    with ad.GradientTape(persistent=True, precise=True) as tape:
        y = ad.math.log(1 + ad.exp(v))
        loss = ad.math.reduce_sum(y)
    np.testing.assert_allclose(tape.gradient(loss, v), 1 / (1 + np.exp(-v.numpy())), rtol=2e-7)
    assert rows.count("exp") == 1 and "log" not in rows
    tape.value(y)
    assert rows.count("log") == 1


def test_a_long_chain_is_replayed_without_recursion():
    v = ad.Variable(0.5, dtype="float64")
    with ad.GradientTape(persistent=True, precise=True) as tape:
        y = v
        for _ in range(3000):
            y = y * 1.0001
    np.testing.assert_allclose([float(tape.gradient(y, v)), float(tape.value(y))], np.array([1, 0.5]) * 1.0001**3000, rtol=1e-12)
