"""tf.optimizers: steps are those of the papers, eager and recorded, and what is no gradient changes nothing."""

import copy
import pickle

import numpy as np
import pytest

import autodiff as ad

RATE, STEPS = 0.1, 12
EPSILON = 1e-7


def gradient(x):
    """Of sum(x**4 / 4 - sin(3 x)), which is not convex."""
    return x**3 - 3 * np.cos(3 * x)


def loss(x):
    return ad.reduce_sum(x**4 / 4 - ad.sin(3 * x))


def descend(x, update):
    """x after each of the steps: update(step, g, x, its own dict) is taken off."""
    path, kept = [], {}
    for step in range(1, STEPS + 1):
        x = x - update(step, gradient(x), x, kept)
        path.append(x)
    return path


def momentum(step, g, x, kept, nesterov=False):
    kept["m"] = 0.9 * kept.get("m", 0) - RATE * g
    return -(0.9 * kept["m"] - RATE * g) if nesterov else -kept["m"]


def means(step, g, kept, b1=0.9, b2=0.999):
    kept["m"] = b1 * kept.get("m", 0) + (1 - b1) * g
    kept["s"] = b2 * kept.get("s", 0) + (1 - b2) * g**2
    return kept["m"] / (1 - b1**step), kept["s"], 1 - b2**step


def adam(step, g, x, kept):
    """(Kingma & Ba have epsilon beside the root before its mean is corrected, section 2.)"""
    m, s, part = means(step, g, kept)
    return RATE * np.sqrt(part) * m / (np.sqrt(s) + EPSILON)


def amsgrad(step, g, x, kept):
    m, s, part = means(step, g, kept)
    kept["largest"] = np.maximum(kept.get("largest", 0), s)
    return RATE * np.sqrt(part) * m / (np.sqrt(kept["largest"]) + EPSILON)


def adamax(step, g, x, kept):
    m, _, _ = means(step, g, kept)
    kept["u"] = np.maximum(0.999 * kept.get("u", 0), np.abs(g))
    return RATE * m / (kept["u"] + EPSILON)


def nadam(step, g, x, kept):
    now, after = 0.9 * (1 - 0.5 * 0.96**step), 0.9 * (1 - 0.5 * 0.96 ** (step + 1))
    means(step, g, kept)
    kept["product"] = kept.get("product", 1) * now
    m = after * kept["m"] / (1 - kept["product"] * after) + (1 - now) * g / (1 - kept["product"])
    return RATE * m / (np.sqrt(kept["s"] / (1 - 0.999**step)) + EPSILON)


def rmsprop(step, g, x, kept, centered=False, inertia=0):
    kept["s"] = 0.9 * kept.get("s", 0) + 0.1 * g**2
    kept["mean"] = 0.9 * kept.get("mean", 0) + 0.1 * g
    move = RATE * g / np.sqrt(kept["s"] - centered * kept["mean"] ** 2 + EPSILON)
    kept["m"] = inertia * kept.get("m", 0) + move
    return kept["m"]


def adagrad(step, g, x, kept):
    kept["s"] = kept.get("s", 0.1) + g**2
    return RATE * g / np.sqrt(kept["s"] + EPSILON)


def adadelta(step, g, x, kept):
    kept["s"] = 0.95 * kept.get("s", 0) + 0.05 * g**2
    move = g * np.sqrt(kept.get("d", 0) + EPSILON) / np.sqrt(kept["s"] + EPSILON)
    kept["d"] = 0.95 * kept.get("d", 0) + 0.05 * move**2
    return RATE * move


O = ad.optimizers
CASES = {
    "SGD": (lambda: O.SGD(RATE), lambda step, g, x, kept: RATE * g),
    "momentum": (lambda: O.SGD(RATE, momentum=0.9), momentum),
    "Nesterov": (lambda: O.SGD(RATE, 0.9, True), lambda *given: momentum(*given, nesterov=True)),
    "decay": (lambda: O.SGD(RATE, weight_decay=0.5), lambda step, g, x, kept: RATE * g + 0.5 * RATE * x),
    "clipvalue": (lambda: O.SGD(RATE, clipvalue=0.5), lambda step, g, x, kept: RATE * np.clip(g, -0.5, 0.5)),
    "clipnorm": (lambda: O.SGD(RATE, clipnorm=0.5), lambda step, g, x, kept: RATE * g * min(1, 0.5 / np.linalg.norm(g))),
    "global_clipnorm": (lambda: O.SGD(RATE, global_clipnorm=0.5), lambda step, g, x, kept: RATE * g * min(1, 0.5 / np.linalg.norm(g))),
    "Adam": (lambda: O.Adam(RATE), adam),
    "AMSGrad": (lambda: O.Adam(RATE, amsgrad=True), amsgrad),
    "AdamW": (lambda: O.AdamW(RATE, 0.5), lambda step, g, x, kept: 0.5 * RATE * x + adam(step, g, x, kept)),
    "Adamax": (lambda: O.Adamax(RATE), adamax),
    "Nadam": (lambda: O.Nadam(RATE), nadam),
    "RMSprop": (lambda: O.RMSprop(RATE), rmsprop),
    "RMSprop by variances": (lambda: O.RMSprop(RATE, momentum=0.5, centered=True), lambda *given: rmsprop(*given, True, 0.5)),
    "Adagrad": (lambda: O.Adagrad(RATE), adagrad),
    "Adadelta": (lambda: O.Adadelta(RATE), adadelta),
    "schedule": (lambda: O.SGD(O.schedules.ExponentialDecay(RATE, 4, 0.5)), lambda step, g, x, kept: RATE * 0.5 ** ((step - 1) / 4) * g),
}  # fmt: skip


@pytest.mark.parametrize("dtype, within", [("float64", 1e-12), ("float32", 2e-5)])
@pytest.mark.parametrize("name", CASES)
def test_steps_are_those_of_the_papers_eager_and_recorded(name, dtype, within):
    make, update = CASES[name]
    start = np.array([1.3, -0.7, 0.2])
    path = descend(start, update)
    found = []
    for wrapped in (lambda f: f, ad.function):
        optimizer, v = make(), ad.Variable(start, dtype=dtype)

        @wrapped
        def step():
            with ad.GradientTape() as tape:
                y = loss(v)
            optimizer.apply_gradients(zip(tape.gradient(y, [v]), [v]))
            return y

        found.append([step() and v.numpy() for _ in range(STEPS)])
        assert int(optimizer.iterations) == STEPS
    assert np.array_equal(*found)
    np.testing.assert_allclose(found[0], path, rtol=within, atol=within)


def test_the_first_step_of_adam_is_as_long_as_the_learning_rate_says():
    """1 - beta_2 in float32 is 1.00017e-3."""
    v = ad.Variable(0.0)
    O.Adam(1.0, epsilon=0.0).apply_gradients([(3.0, v)])
    assert abs(float(v) + 1) < 2e-7


def test_a_recorded_step_follows_the_learning_rate_that_is_assigned():
    v, optimizer = ad.Variable(0.0, dtype="float64"), O.SGD(1.0)
    step = ad.function(lambda: optimizer.apply_gradients([(ad.constant(1.0, "float64"), v)]))
    step()
    optimizer.learning_rate = 0.25
    step()
    optimizer.learning_rate.assign(0.125)
    assert int(step()) == 3
    assert float(v) == -1.375 and float(optimizer.learning_rate) == 0.125 and float(optimizer.lr) == 0.125
    optimizer.learning_rate = lambda step: 2.0
    optimizer.apply_gradients([(1.0, v)])
    assert float(v) == -3.375 and optimizer.variables == [optimizer.iterations]


def test_minimize_takes_a_function_or_what_a_tape_has_recorded():
    v, w, optimizer = ad.Variable(2.0), ad.Variable(1.0), O.SGD(0.25)
    assert int(optimizer.minimize(lambda: v * v + w, [v, w])) == 1
    with ad.GradientTape() as tape:
        y = v * v
    optimizer.minimize(y, lambda: [v], tape)
    assert (float(v), float(w)) == (0.5, 0.75)
    with pytest.raises(ValueError, match="needs the tape"):
        optimizer.minimize(v * v, [v])


def test_a_schedule_that_fails_leaves_all_as_it_was():
    v, optimizer = ad.Variable(1.0), O.Nadam(lambda step: 1 / 0)
    before = [x.numpy() for x in optimizer.variables]
    with pytest.raises(ZeroDivisionError):
        optimizer.apply_gradients([(1.0, v)])
    assert float(v) == 1.0 and [x.numpy() for x in optimizer.variables] == before


def test_weight_decay_leaves_out_what_it_is_told_to():
    v, bias, other = ad.Variable(1.0), ad.Variable(1.0, name="a_bias"), ad.Variable(1.0)
    optimizer = O.SGD(0.5, weight_decay=0.5)
    optimizer.exclude_from_weight_decay([other], ["bias"])
    optimizer.apply_gradients([(0.0, x) for x in (v, bias, other)])
    assert (float(v), float(bias), float(other)) == (0.75, 1.0, 1.0)


def test_a_variable_stays_within_its_constraint():
    v = ad.Variable(1.0, constraint=lambda x: ad.maximum(x, 0.0))
    O.SGD(1.0).apply_gradients([(5.0, v)])
    assert float(v) == 0


def test_rows_named_by_indexed_slices():
    v = ad.Variable([1.0, 1.0, 1.0])
    O.SGD(1.0).apply_gradients([(ad.IndexedSlices([0.25, 0.5], [2, 2], dense_shape=[3]), v)])
    assert v.numpy().tolist() == [1.0, 1.0, 0.25]


def test_what_is_no_gradient_changes_nothing():
    v, w, optimizer = ad.Variable([1.0, 2.0]), ad.Variable(1.0), O.Adam(0.1)
    for pairs, kind, text in [([], ValueError, "No gradients provided"), ([(None, v), (None, w)], ValueError, "Variable:0, Variable:0"),
                              ([(1.0, w), ([1.0], v)], ValueError, r"shape \(1,\) for the variable Variable:0 of shape \(2,\)"),
                              ([(1.0, w), (1.0, ad.constant(1.0))], TypeError, "pairs of a gradient and a Variable"),
                              ([(1.0, w), ("a", v)], (TypeError, ValueError), "gradient")]:  # fmt: skip
        with pytest.raises(kind, match=text):
            optimizer.apply_gradients(pairs)
    assert (float(w), int(optimizer.iterations)) == (1.0, 0) and optimizer.variables == [optimizer.iterations, optimizer.learning_rate]
    with pytest.warns(UserWarning, match="Gradients do not exist for variables Variable:0"):
        optimizer.apply_gradients([(None, v), (1.0, w)])
    assert v.numpy().tolist() == [1.0, 2.0] and float(w) == pytest.approx(0.9)


@pytest.mark.parametrize("make, text", [
    (lambda: O.SGD(0.1, clipnorm=1.0, clipvalue=1.0), "only one of"), (lambda: O.SGD(0.1, clipnorm=0.0), "clipnorm must be positive"),
    (lambda: O.Adam(beta_1=1.0), "beta_1 must be"), (lambda: O.SGD(momentum=2.0), "momentum must be"), (lambda: O.RMSprop(rho=-0.1), "rho"),
    (lambda: O.SGD("fast"), "learning_rate must be"), (lambda: O.SGD([0.1, 0.2]), "learning_rate must be"),
    (lambda: O.schedules.PiecewiseConstantDecay([1], [1.0]), "one value more"),
    (lambda: O.schedules.CosineDecay(0.1, 0), "CosineDecay: decay_steps must be positive")])  # fmt: skip
def test_what_an_optimizer_refuses(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def test_apply_takes_the_variables_of_build():
    v, w, optimizer = ad.Variable(1.0), ad.Variable([1.0]), O.SGD(1.0, momentum=0.5)
    optimizer.build([v, w])
    assert [tuple(x.shape) for x in optimizer.variables] == [(), (), (), (1,)]
    optimizer.apply([0.5, [0.25]])
    assert (float(v), w.numpy().tolist()) == (0.5, [0.75])
    with pytest.raises(ValueError, match="1 gradients for 2 variables"):
        optimizer.apply([0.5])


@pytest.mark.parametrize("carry", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_one_that_has_travelled_goes_on(carry):
    def go(pair, steps):
        for _ in range(steps):
            pair[1].apply_gradients([(3.0 * pair[0] ** 2, pair[0])])
        return float(pair[0])

    pair = (ad.Variable(1.0), O.Adam(O.schedules.CosineDecay(0.1, 9)))
    go(pair, 3)
    assert go(carry(pair), 3) == go(pair, 3)


@pytest.mark.parametrize("make, expected", [
    (lambda s: s.ExponentialDecay(1.0, 4, 0.5, staircase=True), lambda k: 0.5 ** (k // 4)),
    (lambda s: s.InverseTimeDecay(1.0, 4, 3.0), lambda k: 1 / (1 + 3 * k / 4)),
    (lambda s: s.PolynomialDecay(1.0, 4, 0.5, 2.0), lambda k: 0.5 * (1 - min(k, 4) / 4) ** 2 + 0.5),
    (lambda s: s.PolynomialDecay(1.0, 4, 0.0, cycle=True), lambda k: 1 - k / (4 * max(1, -(-k // 4)))),
    (lambda s: s.CosineDecay(2.0, 4, 0.25), lambda k: 2 * (0.75 * (1 + np.cos(np.pi * min(k, 4) / 4)) / 2 + 0.25)),
    (lambda s: s.CosineDecay(0.5, 4, 0.0, None, 2.0, 2), lambda k: 0.5 + 0.75 * k if k < 2 else 1 + np.cos(np.pi * min(k - 2, 4) / 4)),
    (lambda s: s.PiecewiseConstantDecay([2, 5], [3.0, 2.0, 1.0]), lambda k: 3 if k <= 2 else 2 if k <= 5 else 1)])  # fmt: skip
def test_schedules(make, expected):
    rate = make(O.schedules)
    np.testing.assert_allclose([float(rate(ad.constant(k))) for k in range(9)], [expected(k) for k in range(9)], rtol=1e-14, atol=1e-15)


def test_scripts_find_them_under_keras():
    assert ad.keras.optimizers is ad.optimizers and ad.keras.initializers is ad.initializers
    with pytest.raises(AttributeError, match="initializers alone, no layers"):
        ad.keras.layers
