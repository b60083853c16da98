"""ad.nn: activations, losses and moments, exact in their tails; misuse is said in full."""

import itertools

import numpy as np
import pytest
import scipy.special

import autodiff as ad
from autodiff import errors, nn
from differences import check_gradients, gradient

X = np.array([[0.5, -1.0, 2.0], [3.0, 0.25, -2.0]])
P = np.array([[0.2, 0.3, 0.5], [0.0, 1.0, 0.0]])


def same(got, expected, rtol=1e-14):
    expected = np.asarray(expected)
    assert got.shape == expected.shape and got.dtype == expected.dtype, (got, expected.dtype)
    np.testing.assert_allclose(got.numpy(), expected, rtol=rtol, atol=0)


def sigmoid(x):
    return scipy.special.expit(x)


ACTIVATIONS = {
    "relu": (nn.relu, lambda x: np.maximum(x, 0)),
    "relu6": (nn.relu6, lambda x: np.clip(x, 0, 6)),
    "elu": (nn.elu, lambda x: np.where(x > 0, x, np.expm1(x))),
    "selu": (nn.selu, lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x))),
    "leaky_relu": (nn.leaky_relu, lambda x: np.where(x > 0, x, 0.2 * x)),
    "leaky_relu alpha": (lambda x: nn.leaky_relu(x, alpha=0.5), lambda x: np.where(x > 0, x, 0.5 * x)),
    "silu": (nn.silu, lambda x: x * sigmoid(x)),
    "swish beta": (lambda x: nn.swish(x, 2.0), lambda x: x * sigmoid(2 * x)),
    "mish": (nn.mish, lambda x: x * np.tanh(np.logaddexp(0, x))),
    "gelu": (nn.gelu, lambda x: x * scipy.special.ndtr(x)),
    "gelu tanh": (lambda x: nn.gelu(x, approximate=True), lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))),
    "crelu": (nn.crelu, lambda x: np.concatenate([np.maximum(x, 0), np.maximum(-x, 0)], -1)),
    "softplus": (nn.softplus, lambda x: np.logaddexp(0, x)),
    "softsign": (nn.softsign, lambda x: x / (1 + abs(x))),
    "sigmoid": (nn.sigmoid, sigmoid),
    "log_sigmoid": (nn.log_sigmoid, lambda x: -np.logaddexp(0, -x)),
    "tanh": (nn.tanh, np.tanh),
    "softmax": (nn.softmax, lambda x: scipy.special.softmax(x, -1)),
    "log_softmax": (nn.log_softmax, lambda x: scipy.special.log_softmax(x, -1)),
}


@pytest.mark.parametrize("front, numpy", ACTIVATIONS.values(), ids=ACTIVATIONS)
def test_activations(front, numpy):
    same(front(X), numpy(X))
    same(front(ad.constant(X.astype("f4"))), numpy(X).astype("f4"), 1e-6)
    check_gradients(front, X)


@pytest.mark.parametrize("front, slope", [(nn.elu, 1), (nn.selu, 1.0507009873554805)])
def test_elu_and_selu_at_0_are_the_lines_above_it(front, slope):
    x = ad.Variable(np.array([0.0, -0.0]))
    with ad.GradientTape() as outer, ad.GradientTape() as inner:
        y = front(x)
        g = inner.gradient(y, x)
    assert g.numpy().tolist() == [slope, slope] and outer.gradient(g, x).numpy().tolist() == [0, 0]


# ------------------------------------------------------------------------------------------------------------------- losses
def test_sigmoid_cross_entropy():
    expected = -P * np.log(sigmoid(X)) - (1 - P) * np.log(sigmoid(-X))
    same(nn.sigmoid_cross_entropy_with_logits(labels=P, logits=X), expected)
    same(nn.sigmoid_cross_entropy_with_logits(P, ad.constant(X)), expected)
    check_gradients(nn.sigmoid_cross_entropy_with_logits, P, X)
    check_gradients(lambda x: nn.sigmoid_cross_entropy_with_logits(P, x), np.zeros_like(X))


@pytest.mark.parametrize(
    "label, logit, value, slope",
    [
        (1.0, 40.0, 4.248354255291589e-18, -4.248354255291589e-18),
        (1.0, 800.0, 0.0, 0.0),
        (0.0, 800.0, 800.0, 1.0),
        (0.0, -40.0, 4.248354255291589e-18, 4.248354255291589e-18),
        (1.0, -800.0, 800.0, -1.0),
        (1.0, np.inf, 0.0, 0.0),
        (0.0, -np.inf, 0.0, 0.0),
        (1.0, 0.0, np.log(2), -0.5),
    ],
)
def test_sigmoid_cross_entropy_in_its_tails(label, logit, value, slope):
    label, logit = np.float64(label), np.float64(logit)
    assert float(nn.sigmoid_cross_entropy_with_logits(label, logit)) == pytest.approx(value, rel=1e-15, abs=0)
    assert gradient(nn.sigmoid_cross_entropy_with_logits, label, logit)[1] == pytest.approx(slope, rel=1e-15, abs=0)
    weighted = nn.weighted_cross_entropy_with_logits
    assert float(weighted(label, logit, 1.0)) == pytest.approx(value, rel=1e-15, abs=0)


def test_weighted_cross_entropy():
    expected = -3 * P * np.log(sigmoid(X)) - (1 - P) * np.log(sigmoid(-X))
    same(nn.weighted_cross_entropy_with_logits(P, X, pos_weight=3.0), expected)
    check_gradients(lambda z, x: nn.weighted_cross_entropy_with_logits(z, x, 3.0), P, X)


def test_softmax_cross_entropy():
    expected = -(P * scipy.special.log_softmax(X, -1)).sum(-1)
    same(nn.softmax_cross_entropy_with_logits(P, X), expected)
    same(nn.softmax_cross_entropy_with_logits(P.T, X.T, axis=0), expected)
    same(nn.softmax_cross_entropy_with_logits(labels=[[0, 1, 0]], logits=X[:1]), -scipy.special.log_softmax(X, -1)[:1, 1])
    check_gradients(nn.softmax_cross_entropy_with_logits, P, X)
    check_gradients(lambda z, x: nn.softmax_cross_entropy_with_logits(z, x, axis=0), P + 0.3, X)


def test_softmax_cross_entropy_in_its_tails():
    z, x = np.array([1.0, 0, 0]), np.array([40.0, 0, 0])
    tail = 4.248354255291589e-18
    assert float(nn.softmax_cross_entropy_with_logits(z, x)) == pytest.approx(2 * tail, rel=1e-15, abs=0)
    assert gradient(nn.softmax_cross_entropy_with_logits, z, x)[1] == pytest.approx([-2 * tail, tail, tail], rel=1e-15, abs=0)
    assert float(nn.softmax_cross_entropy_with_logits([1.0, 0.0], [0.0, -np.inf])) == 0


def test_sparse_softmax_cross_entropy():
    expected = -scipy.special.log_softmax(X, -1)[[0, 1], [2, 0]]
    same(nn.sparse_softmax_cross_entropy_with_logits(labels=[2, 0], logits=X), expected)
    same(nn.sparse_softmax_cross_entropy_with_logits(2, X[0]), expected[0])
    check_gradients(lambda x: nn.sparse_softmax_cross_entropy_with_logits([2, 0], x), X)


def test_l2_and_poisson_losses():
    same(nn.l2_loss(X), (X**2).sum() / 2)
    check_gradients(nn.l2_loss, X)
    same(nn.log_poisson_loss(P, X), np.exp(X) - P * X)
    z = np.array([0.5, 1.0, 3.0])
    stirling = np.where(z > 1, z * np.log(z) - z + 0.5 * np.log(2 * np.pi * z), 0)
    same(nn.log_poisson_loss(z, X[0], compute_full_loss=True), np.exp(X[0]) - z * X[0] + stirling)
    check_gradients(lambda x: nn.log_poisson_loss(z, x, True), X[0])


# ------------------------------------------------------------------------------------------------------------------ moments
def test_moments():
    mean, variance = nn.moments(X, [0])
    same(mean, X.mean(0))
    same(variance, X.var(0))
    assert nn.moments(X, [0, 1], keepdims=True)[1].shape == (1, 1)
    check_gradients(lambda x: nn.moments(x, [1]), X)
    mean, variance = nn.weighted_moments(X, 0, [[1.0], [3.0]])
    same(mean, np.average(X, 0, [1, 3]))
    same(variance, np.average((X - np.average(X, 0, [1, 3])) ** 2, 0, [1, 3]))
    mean, variance = nn.normalize_moments(2.0, X.sum(0), (X**2).sum(0), None)
    same(variance, X.var(0), 1e-12)


def test_batch_normalization():
    mean, variance = X.mean(0), X.var(0)
    expected = (X - mean) / np.sqrt(variance + 1e-3)
    same(nn.batch_normalization(X, mean, variance, None, None, 1e-3), expected)
    same(nn.batch_normalization(X, mean, variance, 0.5, 2.0, 1e-3), 2 * expected + 0.5)


def test_embeddings_bias_and_dropout():
    same(nn.embedding_lookup(X, [1, 0, 1]), X[[1, 0, 1]])
    same(nn.embedding_lookup(X, [0], max_norm=1.0), X[:1] / np.linalg.norm(X[0]))
    same(nn.bias_add(X, [1.0, 2.0, 3.0]), X + [1, 2, 3])
    same(nn.bias_add(X.reshape(1, 2, 3), np.array([1.0, 2.0]), data_format="NCW"), X.reshape(1, 2, 3) + np.array([[1.0], [2]]))
    kept = nn.dropout(np.ones(1000), 0.25, seed=1).numpy()
    assert set(kept.tolist()) == {0.0, 1 / 0.75} and 650 < np.count_nonzero(kept) < 850
    same(nn.dropout(X, 0), X)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: nn.sigmoid_cross_entropy_with_logits(P, X[0]), ValueError,
         "sigmoid_cross_entropy_with_logits: logits and labels must have the same shape, received ((3,) vs (2, 3))"),
        (lambda: nn.sigmoid_cross_entropy_with_logits(P), ValueError,
         "sigmoid_cross_entropy_with_logits: both labels and logits must be provided."),
        (lambda: nn.softmax_cross_entropy_with_logits(1.0, 1.0), ValueError,
         "softmax_cross_entropy_with_logits: Shape () must have rank at least 1"),
        (lambda: nn.softmax_cross_entropy_with_logits(P, X, axis=2), ValueError,
         "softmax_cross_entropy_with_logits: axis 2 is out of range for rank 2: expected -2 to 1"),
        (lambda: nn.sparse_softmax_cross_entropy_with_logits([3, 0], X), IndexError,
         "sparse_softmax_cross_entropy_with_logits: Received a label value of 3 which is outside the valid range of [0, 3)"),
        (lambda: nn.sparse_softmax_cross_entropy_with_logits([0], X), ValueError,
         "sparse_softmax_cross_entropy_with_logits: labels must have the shape of logits without its last dimension: got (1,) for (2, 3)"),
        (lambda: nn.sparse_softmax_cross_entropy_with_logits([0.0, 1.0], X), TypeError,
         "sparse_softmax_cross_entropy_with_logits: got float32, takes int32 or int64; cast it first"),
        (lambda: nn.dropout(X, 1.5), ValueError, "dropout: `rate` must be a scalar tensor or a float in the range [0, 1). Received: rate=1.5"),
        (lambda: nn.bias_add(X, X), errors.ShapeError, "bias_add: bias must be a vector, got shape (2, 3)"),
        (lambda: nn.bias_add(X, [1.0]), errors.ShapeError, "bias_add: Must provide as many biases as value has channels: 1 for shape (2, 3)"),
        (lambda: nn.bias_add(X[:, :1], X[0]), errors.ShapeError, "bias_add: Must provide as many biases as value has channels: 3 for shape (2, 1)"),
        (lambda: nn.bias_add(X, X[0], data_format="CHW"), ValueError,
         "bias_add: `data_format` must be of the form `N...C` or `NC...`, got 'CHW'"),
        (lambda: nn.l2_loss([1, 2]), errors.DtypeError, "l2_loss: got int32, takes float32 or float64: write it as a float (1.0, not 1), or cast it"),
    ],
)  # fmt: skip
def test_misuse_is_said(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text


def test_labels_may_change_from_call_to_call_of_a_recorded_function():
    w = ad.Variable(np.zeros((3, 4)))

    @ad.function
    def step(x, y):
        with ad.GradientTape() as tape:
            loss = ad.reduce_mean(nn.sparse_softmax_cross_entropy_with_logits(y, ad.matmul(x, w)) + ad.reduce_sum(ad.one_hot(y, 4), axis=-1))
        w.assign_sub(tape.gradient(loss, w))
        return loss

    rng, rows = np.random.default_rng(0), np.zeros((3, 4))
    for _ in range(4):
        x, y = rng.normal(size=(5, 3)), rng.integers(0, 4, size=5)
        z = np.exp(x @ rows)
        p = z / z.sum(axis=1, keepdims=True)
        assert float(step(x, y)) == pytest.approx(1 - np.log(p[np.arange(5), y]).mean(), rel=1e-6, abs=0)
        rows = rows - x.T @ (p - np.eye(4)[y]) / 5
        np.testing.assert_allclose(w.numpy(), rows, rtol=1e-12, atol=1e-14)
    assert step.experimental_get_tracing_count() == 1
    with pytest.raises(IndexError, match="Received a label value of 4"):
        step(x, np.array([0, 1, 2, 3, 4]))


def spelled(path, blank):
    """What a path of classes spells: one after another the same are one, blanks are nothing."""
    return [c for k, c in enumerate(path) if c != blank and (k == 0 or path[k - 1] != c)]


@pytest.mark.parametrize("blank", [0, 2])
def test_a_label_is_spelled_by_all_paths_together(blank):
    classes = [c for c in range(4) if c != blank]
    labels = np.array([[classes[0], classes[1], -1], [classes[1], classes[1], classes[2]], [classes[2], 99, 0], [0, 0, 0]])
    lengths, steps = np.array([2, 3, 1, 0]), np.array([5, 5, 3, 4])
    x = np.random.default_rng(3).normal(size=(5, 4, 4))

    def by_paths(x):
        p = np.exp(x - scipy.special.logsumexp(x, axis=-1, keepdims=True))
        return -np.log([sum(np.prod([p[t, b, c] for t, c in enumerate(path)]) for path in itertools.product(range(4), repeat=n)
                            if spelled(path, blank) == labels[b, :m].tolist()) for b, (m, n) in enumerate(zip(lengths, steps))])  # fmt: skip

    def loss(x):
        return nn.ctc_loss(labels, x, lengths, steps, blank_index=blank - 4)

    same(loss(x), by_paths(x), rtol=1e-13)
    same(nn.ctc_loss(labels, x.transpose(1, 0, 2), lengths, steps, logits_time_major=False, blank_index=blank), by_paths(x), rtol=1e-13)
    check_gradients(loss, x)
    recorded = ad.function(ad.grad(lambda x: ad.reduce_sum(loss(x))))
    for each in (x, -x, 2 * x):
        np.testing.assert_array_equal(recorded(each).numpy(), ad.grad(lambda x: ad.reduce_sum(loss(x)))(each).numpy())
    assert recorded.experimental_get_tracing_count() == 1
    assert float(nn.ctc_loss([[1, 1]], x[:2, :1], [2], [2])[0]) == np.inf                       # has no room for the blank between
    assert not gradient(lambda x: nn.ctc_loss([[1, 1]], x, [2], [2]), x[:2, :1])[0].any()
    with pytest.raises(errors.ShapeError, match="^ctc_loss: labels .* do not fit$"):
        nn.ctc_loss(labels[:2], x, lengths, steps)


def test_sums_about_a_shift_are_what_moments_are_made_of():
    count, total, squares, shift = nn.sufficient_statistics(X, [0], 0.5)
    same(total, (X - 0.5).sum(0))
    for got, expected in zip(nn.normalize_moments(count, total, squares, shift), (X.mean(0), X.var(0))):
        same(got, expected, rtol=1e-13)
    assert nn.sufficient_statistics(X, 1)[3] is None and nn.sufficient_statistics(X, 1, keepdims=True)[1].shape == (2, 1)
