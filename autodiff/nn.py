"""ad.nn: activations, losses and moments."""

import numpy as np

from . import convolutions, errors, ops, random
from ._core import Tensor, operator, reduce_sum
from .arguments import axes_of, axis_of, floating, tensors
from .arguments import tensor as to_tensor
from .constants import fill, zeros_like
from .convolutions import *  # noqa: F403
from .indexing import gather, top_k, where
from .math import (in_top_k, l2_normalize, log_sigmoid, log_softmax, reduce_mean, reduce_variance, sigmoid, softmax, softplus,
                   softsign, tanh, zero_fraction)  # fmt: skip  # noqa: F401
from .repeating import pad
from .shaping import concat, reshape, stack, transpose

# fmt: off
__all__ = [
    "batch_normalization", "bias_add", "crelu", "ctc_loss", "dropout", "elu", "embedding_lookup", "gelu", "in_top_k", "l2_loss", "l2_normalize",
    "leaky_relu", "log_poisson_loss", "log_sigmoid", "log_softmax", "mish", "moments", "normalize_moments", "relu", "relu6", "selu",
    "sigmoid", "sigmoid_cross_entropy_with_logits", "silu", "softmax", "softmax_cross_entropy_with_logits", "softplus", "softsign",
    "sparse_softmax_cross_entropy_with_logits", "sufficient_statistics", "swish", "tanh", "top_k", "weighted_cross_entropy_with_logits", "weighted_moments",
    "zero_fraction"
]
# fmt: on
__all__ += convolutions.__all__

# ------------------------------------------------------------------------------------------------------------- activations
elu = operator(ops.elu, "elu", "features", namespace="nn")
leaky_relu = operator(ops.leaky_relu, "leaky_relu", "features alpha", (0.2,), namespace="nn")
mish = operator(ops.mish, "mish", "features", namespace="nn")
relu = operator(ops.relu, "relu", "features", namespace="nn")
relu6 = operator(ops.relu6, "relu6", "features", namespace="nn")
selu = operator(ops.selu, "selu", "features", namespace="nn")


def gelu(features, approximate=False, name=None) -> Tensor:
    """x * Phi(x), Phi the normal distribution's; `approximate`: by 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x**3))).

    >>> round(float(gelu(1.0)), 4)
    0.8413
    """
    return (ops.gelu_tanh if approximate else ops.gelu)(floating(features, "gelu"))


def silu(features, beta=1.0, name=None) -> Tensor:
    """x * sigmoid(beta * x).

    >>> float(silu(0.0))
    0.0
    """
    x = floating(features, "silu")
    if isinstance(beta, (int, float)) and beta == 1:
        return ops.silu(x)
    return x * ops.sigmoid(x * to_tensor(beta, "silu", like=x))


swish = silu


def crelu(features, axis=-1, name=None) -> Tensor:
    """relu(x) and relu(-x), one after the other along `axis`.

    >>> crelu([1.0, -2.0]).numpy().tolist()
    [1.0, 0.0, 0.0, 2.0]
    """
    x = floating(features, "crelu")
    return concat([ops.relu(x), ops.relu(-x)], axis)


def dropout(x, rate, noise_shape=None, seed=None, name=None) -> Tensor:
    """Each element 0 with probability `rate`, else divided by 1 - rate; noise_shape says which are drawn together."""
    x = floating(x, "dropout")
    rate = float(to_tensor(rate, "dropout"))
    if not 0 <= rate < 1:
        raise ValueError(
            f"dropout: `rate` must be a scalar tensor or a float in the range [0, 1). Received: rate={rate}"
        )
    shape = x.shape if noise_shape is None else [n if n is not None else m for n, m in zip(noise_shape, x.shape)]
    kept = random.uniform(shape, dtype=x.dtype, seed=seed) >= rate
    return ops.where(kept, x * (1 / (1 - rate)), 0)


def bias_add(value, bias, data_format=None, name=None) -> Tensor:
    """A vector added along the last dimension, or, with data_format "NC...", along dimension 1.

    >>> bias_add([[1.0, 2.0]], [10.0, 20.0]).numpy().tolist()
    [[11.0, 22.0]]
    """
    x, b = tensors("bias_add", value, bias)
    if b.ndim != 1:
        raise errors.ShapeError(f"bias_add: bias must be a vector, got shape {b.shape}")
    if data_format not in (None, "NHWC", "NCHW") and not str(data_format).startswith("N"):
        raise ValueError(f"bias_add: `data_format` must be of the form `N...C` or `NC...`, got {data_format!r}")
    axis = 1 if str(data_format).startswith("NC") and x.ndim > 2 else x.ndim - 1
    if axis < 0 or b.shape[0] != x.shape[axis]:  # x + b would broadcast either
        raise errors.ShapeError(f"bias_add: Must provide as many biases as value has channels: {b.shape[0]} for shape {x.shape}")
    return x + reshape(b, (-1,) + (1,) * (x.ndim - 1 - axis))


# ------------------------------------------------------------------------------------------------------------------- losses
def l2_loss(t, name=None) -> Tensor:
    """sum(t**2) / 2.

    >>> float(l2_loss([3.0, 4.0]))
    12.5
    """
    return ops.l2_loss(floating(t, "l2_loss"))


def sigmoid_cross_entropy_with_logits(labels=None, logits=None, name=None) -> Tensor:
    """The cross entropy of `labels`, probabilities, and sigmoid(logits), element by element; exact in both tails.

    >>> round(float(sigmoid_cross_entropy_with_logits(1.0, 0.0)), 4)
    0.6931
    """
    z, x = _pair("sigmoid_cross_entropy_with_logits", labels, logits)
    return ops.sigmoid_cross_entropy(z, x)


def weighted_cross_entropy_with_logits(labels=None, logits=None, pos_weight=None, name=None) -> Tensor:
    """The same with the positive labels' share times pos_weight."""
    z, x = _pair("weighted_cross_entropy_with_logits", labels, logits)
    weight = to_tensor(pos_weight, "weighted_cross_entropy_with_logits", like=x)
    return ops.scale(1 - z, ops.softplus(x)) + ops.scale(z * weight, ops.softplus(-x))


def softmax_cross_entropy_with_logits(labels, logits, axis=-1, name=None) -> Tensor:
    """The cross entropy of `labels`, probabilities along `axis`, and softmax(logits).

    >>> round(float(softmax_cross_entropy_with_logits([1.0, 0.0], [0.0, 0.0])), 4)
    0.6931
    """
    z, x = _pair("softmax_cross_entropy_with_logits", labels, logits)
    if not x.ndim:
        raise errors.low_rank("softmax_cross_entropy_with_logits", x.shape, 1)
    return ops.softmax_cross_entropy(z, x, axis=axis_of("softmax_cross_entropy_with_logits", axis, x.ndim))


def sparse_softmax_cross_entropy_with_logits(labels=None, logits=None, name=None) -> Tensor:
    """-log_softmax(logits)[..., label]: one integer label for each row of logits.

    >>> round(float(sparse_softmax_cross_entropy_with_logits(0, [0.0, 0.0])), 4)
    0.6931
    """
    name = "sparse_softmax_cross_entropy_with_logits"
    index, x = to_tensor(labels, name), floating(logits, name)
    if not index.dtype.is_integer:
        raise errors.bad_dtype(name, index.dtype.name, ("int32", "int64"))
    shape = tuple(x.shape)
    if not shape or tuple(index.shape) != shape[:-1]:
        raise errors.ShapeError(f"{name}: labels must have the shape of logits without its last dimension: got {index.shape} for {x.shape}")
    try:
        return ops.sparse_softmax_cross_entropy(index, x, axis=len(shape) - 1)
    except errors.BadIndexError:
        values = index.numpy()
        worst = values.min() if values.min() < 0 else values.max()
        raise errors.BadIndexError(f"{name}: Received a label value of {worst} which is outside the valid range of [0, {shape[-1]})") from None


def ctc_loss(labels, logits, label_length, logit_length, logits_time_major=True, unique=None, blank_index=None, name=None) -> Tensor:
    """-log of the probability that the rows of softmax(logits), one for each step, spell the labels: for each example.

    labels        integers (batch, longest label); what stands beyond a label's length does not count
    logits        (steps, batch, classes), or with logits_time_major=False (batch, steps, classes)
    label_length, logit_length   (batch,)
    blank_index   the class that spells nothing, 0 if it is not given; one step after another may spell one label

    A. Graves and others, "Connectionist temporal classification", 2006: forward over the label with a blank around each part, in logarithms.
    `unique` means nothing.  A label that has no room in its steps has the loss inf and no gradient.

    >>> import numpy as np
    >>> p = np.log([[[0.2, 0.8]], [[0.6, 0.4]]])
    >>> round(float(np.exp(-ctc_loss([[1]], p, [1], [2])[0])), 12)             # 0.8 * 0.6 + 0.2 * 0.4 + 0.8 * 0.4
    0.88
    """
    y, x = to_tensor(labels, "ctc_loss"), floating(logits, "ctc_loss")
    length, steps = (to_tensor(n, "ctc_loss") for n in (label_length, logit_length))
    if x.ndim != 3 or y.ndim != 2 or not y.dtype.is_integer or not length.dtype.is_integer or not steps.dtype.is_integer:
        raise errors.ShapeError(f"ctc_loss: expected labels of integers (batch, length) and logits of three dimensions, got {y.dtype.name} {y.shape} and {x.shape}")
    x = transpose(x, [1, 0, 2]) if logits_time_major else x
    n, count, classes = x.shape
    if not y.shape[0] == n == length.shape[0] == steps.shape[0] or not count:
        raise errors.ShapeError(f"ctc_loss: labels {y.shape}, logits for a batch of {n}, lengths {length.shape} and {steps.shape} do not fit")
    blank, longest = (blank_index or 0) % classes, y.shape[1]
    y = where(np.arange(longest) < length[:, None], y, blank)
    parts = concat([reshape(stack([zeros_like(y) + blank, y], axis=2), (n, 2 * longest)), fill((n, 1), to_tensor(blank, like=y))], 1)
    step = gather(log_softmax(x), parts, axis=2, batch_dims=1)                  # (batch, steps, parts)
    leaps = ops.logical_and(parts[:, 2:] != blank, parts[:, 2:] != parts[:, :-2])               # from a label to another one next to it
    leaps = concat([fill((n, min(2, 2 * longest + 1)), False), leaps], 1)
    place = np.arange(2 * longest + 1)
    known = where(place < 2, step[:, 0], -np.inf)
    for t in range(1, count):
        before, two_before = (pad(known, [[0, 0], [k, 0]], constant_values=-np.inf)[:, : 2 * longest + 1] for k in (1, 2))
        come = ops.reduce_logsumexp(stack([known, before, where(leaps, two_before, -np.inf)]), axes=(0,), keepdims=0)
        known = where((t < steps)[:, None], come + step[:, t], known)
    last = 2 * length[:, None]
    return -ops.reduce_logsumexp(where(ops.logical_or(last == place, last - 1 == place), known, -np.inf), axes=(1,), keepdims=0)


def log_poisson_loss(targets, log_input, compute_full_loss=False, name=None) -> Tensor:
    """exp(log_input) - log_input * targets, plus Stirling's approximation of log(targets!) for targets over 1 if asked.

    >>> float(log_poisson_loss(2.0, 0.0))
    1.0
    """
    z, x = tensors("log_poisson_loss", targets, log_input)
    if z.shape != x.shape:
        raise errors.unlike_shapes("log_poisson_loss", x.shape, z.shape)
    y = ops.exp(x) - x * z
    if not compute_full_loss:
        return y
    large = ops.where(z > 1, z, 1)
    stirling = large * ops.log(large) - large + 0.5 * ops.log(2 * np.pi * large)
    return y + ops.where(z > 1, stirling, 0)


# ------------------------------------------------------------------------------------------------------------------ moments
def moments(x, axes, shift=None, keepdims=False, name=None) -> tuple[Tensor, Tensor]:
    """(mean, variance) over `axes`.

    >>> [float(t) for t in moments([1.0, 3.0], 0)]
    [2.0, 1.0]
    """
    x = floating(x, "moments")
    return reduce_mean(x, axes, keepdims), reduce_variance(x, axes, keepdims)


def sufficient_statistics(x, axes, shift=None, keepdims=False, name=None) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """(how many, the sum, the sum of squares, shift) over `axes`, of x - shift: what normalize_moments takes.

    >>> [t if t is None else float(t) for t in sufficient_statistics([1.0, 3.0], 0)]
    [2.0, 4.0, 10.0, None]
    """
    x = floating(x, "sufficient_statistics")
    axes = axes_of("sufficient_statistics", axes, x.ndim)
    about = None if shift is None else to_tensor(shift, "sufficient_statistics", like=x)
    away = x if about is None else x - about
    count = to_tensor(float(np.prod([x.shape[a] for a in axes])), like=x)
    return count, reduce_sum(away, axes, keepdims), reduce_sum(ops.square(away), axes, keepdims), about


def weighted_moments(x, axes, frequency_weights, keepdims=False, name=None) -> tuple[Tensor, Tensor]:
    """(mean, variance) over `axes`, each element counted by its weight.

    >>> [float(t) for t in weighted_moments([1.0, 3.0], 0, [1.0, 1.0])]
    [2.0, 1.0]
    """
    x, w = tensors("weighted_moments", x, frequency_weights)
    w = w + ops.mul(x, 0)
    total = reduce_sum(w, axes, True)
    mean = reduce_sum(w * x, axes, True) / total
    variance = reduce_sum(w * ops.square(x - mean), axes, True) / total
    if keepdims:
        return mean, variance
    left = [n for a, n in enumerate(mean.shape) if a not in axes_of("weighted_moments", axes, x.ndim)]
    return reshape(mean, left), reshape(variance, left)


def normalize_moments(counts, mean_ss, variance_ss, shift, name=None) -> tuple[Tensor, Tensor]:
    """(mean, variance) of sums and sums of squares, taken about `shift`."""
    n, s, ss = tensors("normalize_moments", counts, mean_ss, variance_ss)
    shifted = s / n
    mean = shifted if shift is None else shifted + to_tensor(shift, "normalize_moments", like=s)
    return mean, ss / n - ops.square(shifted)


def batch_normalization(x, mean, variance, offset, scale, variance_epsilon, name=None) -> Tensor:
    """(x - mean) / sqrt(variance + variance_epsilon) * scale + offset; offset and scale may be None.

    >>> batch_normalization([1.0, 3.0], 2.0, 1.0, None, None, 0.0).numpy().tolist()
    [-1.0, 1.0]
    """
    x, mean, variance = tensors("batch_normalization", x, mean, variance)
    factor = ops.rsqrt(variance + variance_epsilon)
    if scale is not None:
        factor = factor * scale
    y = (x - mean) * factor
    return y if offset is None else y + offset


def embedding_lookup(params, ids, max_norm=None, name=None) -> Tensor:
    """Rows of `params` by their index; with max_norm, made shorter to that Euclidean norm.

    >>> embedding_lookup([[1.0, 2.0], [3.0, 4.0]], [1, 0]).numpy().tolist()
    [[3.0, 4.0], [1.0, 2.0]]
    """
    rows = gather(params, ids)
    if max_norm is None:
        return rows
    axes = tuple(range(to_tensor(ids).ndim, rows.ndim))
    length = ops.reduce_euclidean_norm(rows, axes=axes, keepdims=1)
    return rows * (max_norm / ops.maximum(length, max_norm))


def _pair(name, labels, logits):
    if labels is None or logits is None:
        raise ValueError(f"{name}: both labels and logits must be provided.")
    x = floating(logits, name)
    z = to_tensor(labels, name, like=x)
    if z.dtype is not x.dtype:
        z = ops.cast(z, dtype=x.dtype.code)
    if z.shape != x.shape:
        raise errors.ShapeError(
            f"{name}: logits and labels must have the same shape, received ({x.shape} vs {z.shape})"
        )
    return z, x
