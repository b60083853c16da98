"""The cross entropy of softmax: accurate for rows of any length, and the same bits however it is computed (csrc/rows_entropy.inc)."""

import mpmath as mp
import numpy as np
import pytest
from test_function import same

import autodiff as ad

LENGTHS = [1, 2, 3, 10, 32, 33, 47, 48, 100, 511, 513, 1024, 1025, 2600]
cross_entropy = ad.nn.softmax_cross_entropy_with_logits


def rows(n, dtype, hot):
    """Labels and logits: of the second row one logit has nearly all of the probability, of the third the label has none of it."""
    r = np.random.default_rng(n)
    x = r.normal(size=(3, n)) * 3
    x[1:, n // 2] += 25
    z = np.zeros((3, n)) if hot else r.dirichlet(np.ones(n), size=3)
    if hot:
        z[range(3), [n - 1, n // 2, 0]] = 1
    return z.astype(dtype), x.astype(dtype)


def exact(z, x, g):
    """Value, share of the logits, and what the latter is a difference of, of one row."""
    with mp.workprec(300):
        z, x = [mp.mpf(float(a)) for a in z], [mp.mpf(float(a)) for a in x]
        log_sum, all_labels = mp.log(mp.fsum(map(mp.exp, x))), mp.fsum(z)
        p = [mp.exp(a - log_sum) for a in x]
        value = mp.fsum(b * (log_sum - a) for a, b in zip(x, z))
        return float(value), [float(g * (all_labels * a - b)) for a, b in zip(p, z)], [float(g * (all_labels * a + b)) for a, b in zip(p, z)]


def value_and_shares(z, x, g, axis=-1):
    with ad.GradientTape() as tape:
        tape.watch([z, x])
        y = cross_entropy(z, x, axis=axis)
    return y, *tape.gradient(y, [z, x], output_gradients=g)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("hot", [True, False])
@pytest.mark.parametrize("n", LENGTHS)
def test_it_is_accurate_in_every_element(n, hot, dtype):
    z, x = rows(n, dtype, hot)
    eps = float(np.finfo(dtype).eps)
    g = np.array([1.0, 0.5, -2.0], dtype=dtype)
    y, _, share = value_and_shares(ad.constant(z), ad.constant(x), ad.constant(g))
    for r in range(3):
        value, wanted, terms = exact(z[r], x[r], float(g[r]))
        # A logit's rounded distance from the largest is part of what is asked for: of some 40 it is 40 eps of the exponential at most.
        assert y.numpy()[r] == pytest.approx(value, rel=8 * eps, abs=0)
        off = np.abs(share.numpy()[r] - np.array(wanted))
        assert np.all(off <= 24 * eps * np.abs(wanted if hot else terms) + np.finfo(dtype).tiny), (r, off.max())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", LENGTHS)
def test_value_and_share_at_once_have_the_bits_of_each(n, dtype):
    z, x = (ad.constant(a) for a in rows(n, dtype, hot=False))

    def loss(z, x):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = cross_entropy(z, x)
            total = ad.reduce_mean(y)
        return total, y, tape.gradient(total, x)

    traced = ad.function(loss)
    for _ in range(2):
        same(traced(z, x), loss(z, x))
    same(ad.function(cross_entropy)(z, x), loss(z, x)[1])


@pytest.mark.parametrize("shape, axis", [((5, 3), 0), ((4, 6, 5), 1), ((40, 2), 0), ((2, 70, 3), -2)])
def test_any_axis_has_the_bits_of_the_last(shape, axis):
    r = np.random.default_rng(0)
    z, x = r.random(shape), r.normal(size=shape)
    last = [ad.constant(np.ascontiguousarray(np.moveaxis(a, axis, -1))) for a in (z, x)]
    g = ad.constant(r.normal(size=last[0].shape[:-1]))
    y, dz, dx = value_and_shares(ad.constant(z), ad.constant(x), g, axis=axis)
    wanted = value_and_shares(*last, g)
    same((y, *(ad.constant(np.moveaxis(d.numpy(), axis, -1)) for d in (dz, dx))), wanted)


@pytest.mark.parametrize("n", [3, 40, 1500])
def test_what_has_a_factor_of_zero_is_zero(n):
    z, x = rows(n, "float64", hot=True)
    x[0, 1], x[1, 0], x[2, 1] = np.nan, -np.inf, np.inf
    z[0] = 0
    g = np.array([1.0, 1.0, 0.0])
    y, _, share = (t.numpy() for t in value_and_shares(ad.constant(z), ad.constant(x), ad.constant(g)))
    assert y[0] == 0 and np.all(share[0] == 0)              # no label asks for the NaN
    assert np.isfinite(y[1]) and share[1, 0] == 0           # a logit that is impossible, and has no label
    assert np.all(share[2] == 0)
    x[0, 1], z[0, 0] = np.nan, 1
    y, _, share = (t.numpy() for t in value_and_shares(ad.constant(z), ad.constant(x), ad.constant(g)))
    assert np.isnan(y[0]) and np.all(np.isnan(share[0]))


@pytest.mark.parametrize("n", [20, 40, 700, 1500])
def test_a_nan_is_not_lost_beside_impossible_logits(n):
    """A comparison with it is false, so it is not the largest of them."""
    x = np.full((2, n), -np.inf)
    x[0, n // 2], x[1, n - 1] = np.nan, 2.0
    with ad.GradientTape() as tape:
        t = ad.constant(x)
        tape.watch(t)
        y = ad.reduce_logsumexp(t, axis=1)
    share = tape.gradient(y, t).numpy()
    assert np.isnan(y.numpy()[0]) and y.numpy()[1] == 2
    assert np.all(np.isnan(share[0])) and share[1, n - 1] == 1 and np.all(share[1, : n - 1] == 0)


def test_no_rows_and_no_classes():
    for shape in ((0, 3), (2, 0)):
        z = ad.zeros(shape)
        y, dz, dx = value_and_shares(z, z, ad.ones(shape[:1]))
        assert y.numpy().tolist() == [0.0] * shape[0] and dz.shape == dx.shape == shape


# ------------------------------------------------------------------------------------------------- with one label to a row
sparse_cross_entropy = ad.nn.sparse_softmax_cross_entropy_with_logits


def with_gradient(loss, labels, x):
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = loss(labels=labels, logits=x)
        total = ad.reduce_sum(y * ad.constant([1.0, 0.5, -2.0], dtype=x.dtype))
    return y, tape.gradient(total, x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("index", ["int32", "int64"])
@pytest.mark.parametrize("n", LENGTHS)
def test_labels_that_are_indices_have_the_bits_of_hot_ones(n, index, dtype):
    z, x = rows(n, dtype, hot=True)
    labels = z.argmax(axis=1).astype(index)
    wanted = with_gradient(cross_entropy, ad.constant(z), ad.constant(x))
    same(with_gradient(sparse_cross_entropy, labels, ad.constant(x)), wanted)
    traced = ad.function(lambda labels, x: with_gradient(sparse_cross_entropy, labels, x))
    for _ in range(2):
        same(traced(labels, ad.constant(x)), wanted)


def test_a_replay_refuses_a_label_that_is_out_of_range_as_the_call_does():
    traced = ad.function(lambda labels, x: with_gradient(sparse_cross_entropy, labels, x))
    x = ad.constant(np.eye(3))
    traced(ad.constant([0, 1, 2]), x)
    for labels, worst in (([0, 1, 3], 3), ([0, -2, 1], -2)):
        for f in (traced, lambda labels, x: sparse_cross_entropy(labels, x)):
            with pytest.raises(IndexError, match=rf"Received a label value of {worst} which is outside the valid range of \[0, 3\)"):
                f(ad.constant(labels), x)
    same(traced(ad.constant([0, 1, 2]), x), with_gradient(sparse_cross_entropy, [0, 1, 2], x))


@pytest.mark.filterwarnings("error")
def test_losses_of_many_examples_are_one_call():
    r = np.random.default_rng(5)
    labels, x = ad.constant(r.integers(0, 4, 6)), ad.constant(r.normal(size=(6, 4)))
    z = ad.one_hot(labels, 4, dtype="float64")
    each = ad.vectorized_map(lambda row: ad.value_and_grad(lambda x: sparse_cross_entropy(row[0], x))(row[1]), (labels, x))
    dense = ad.vectorized_map(lambda row: ad.value_and_grad(lambda x: cross_entropy(row[0], x))(row[1]), (z, x))
    same(each, dense)
    one_label = ad.vectorized_map(lambda x: sparse_cross_entropy(2, x), x)
    same(one_label, sparse_cross_entropy([2] * 6, x))


def test_second_derivatives_and_tangents_are_those_of_hot_labels():
    r = np.random.default_rng(6)
    labels, x, v = np.array([2, 0]), ad.constant(r.normal(size=(2, 3))), ad.constant(r.normal(size=(2, 3)))
    z = ad.one_hot(labels, 3, dtype="float64")
    with ad.GradientTape(persistent=True) as outer:
        outer.watch(x)
        with ad.GradientTape(persistent=True) as tape:
            tape.watch(x)
            sparse, dense = sparse_cross_entropy(labels, x), cross_entropy(z, x)
        gradients = [tape.gradient(y, x) for y in (sparse, dense)]
    same(*[outer.jacobian(g, x) for g in gradients])
    tangents = []
    for loss in (lambda x: sparse_cross_entropy(labels, x), lambda x: cross_entropy(z, x)):
        with ad.autodiff.ForwardAccumulator(x, v) as forward:
            y = loss(x)
        tangents.append(forward.jvp(y))
    same(*tangents)
