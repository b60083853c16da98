"""ad.math: labels and indices counted, compared and put in order.  Of integers, so nothing here has a gradient but weights."""

import numpy as np

from . import dtypes, errors, ops
from ._core import Tensor, raw_array
from .arguments import integer, product
from .arguments import tensor as to_tensor

__all__ = ["bincount", "confusion_matrix", "histogram_fixed_width", "histogram_fixed_width_bins", "in_top_k", "invert_permutation", "is_non_decreasing", "is_strictly_increasing"]


def bincount(arr, weights=None, minlength=None, maxlength=None, dtype=dtypes.int32, name=None, axis=None, binary_output=False) -> Tensor:
    """How often each of 0, 1, 2, ... occurs, or the sum of the weights of its occurrences.

    axis           None or 0: in all of arr; -1: in each row of a matrix
    binary_output  1 where it occurs at all

    >>> bincount([1, 1, 3]).numpy().tolist()
    [0, 2, 0, 1]
    >>> bincount([[1, 1], [2, 0]], axis=-1).numpy().tolist()
    [[0, 2, 0], [1, 0, 1]]
    """
    if axis not in (None, 0, -1):
        raise ValueError(f"bincount: axis must be None, 0 or -1, got {axis!r}")
    if binary_output and weights is not None:
        raise ValueError("bincount: binary_output and weights exclude each other")
    index = to_tensor(arr, "bincount")
    if axis == -1 and index.ndim > 2:
        raise errors.ShapeError(f"bincount: arr must be a vector or a matrix with axis=-1, got shape {index.shape}")
    rows, n = (index.shape[:1] if axis == -1 and index.ndim == 2 else ()), product(index.shape)
    index = _flat(index) if n else to_tensor(np.zeros(0, np.int64))  # an empty list is one of floats
    if not index.dtype.is_integer or _any(index < 0):
        raise errors.InvalidArgumentError("bincount: arr must be integers, none of them negative")
    least = 0 if minlength is None else integer("bincount", "minlength", minlength)
    most = None if maxlength is None else integer("bincount", "maxlength", maxlength)
    if most is None or least < most:
        least = max(least, _largest(index) + 1)
    size = least if most is None else min(least, most)
    places = ops.minimum(ops.cast(index, dtype=dtypes.int64.code), size)  # one more bin takes what counts nowhere
    if rows:
        places = places + np.repeat(np.arange(*rows) * (size + 1), n // max(*rows, 1))
    w = to_tensor(np.ones(n, np.int64)) if weights is None else _flat(to_tensor(weights, "bincount"))
    bins = ops.scatter_nd(places[:, None], w, shape=(product(rows) * (size + 1),), batch_dims=0)
    bins = ops.reshape(bins, shape=(*rows, size + 1))[..., :size]
    if weights is not None:
        return bins
    return ops.cast(bins > 0 if binary_output else bins, dtype=dtypes.as_dtype(dtype).code)


def confusion_matrix(labels, predictions, num_classes=None, weights=None, dtype=dtypes.int32, name=None) -> Tensor:
    """How often label i (row) was predicted as j (column).

    >>> confusion_matrix([0, 1, 1], [0, 1, 0]).numpy().tolist()
    [[1, 0], [1, 1]]
    """
    places = [ops.cast(_flat(to_tensor(x, "confusion_matrix")), dtype=dtypes.int64.code) for x in (labels, predictions)]
    n, m = (x.shape[0] for x in places)
    if n != m:
        raise errors.ShapeError(f"confusion_matrix: {n} labels for {m} predictions")
    size = max(map(_largest, places)) + 1 if num_classes is None else integer("confusion_matrix", "num_classes", num_classes)
    if any(_any(ops.logical_or(x < 0, x >= size)) for x in places):
        raise errors.InvalidArgumentError(f"confusion_matrix: labels and predictions must be in [0, {size})")
    w = to_tensor(np.ones(n, np.int64)) if weights is None else _flat(to_tensor(weights, "confusion_matrix"))
    pairs = ops.concat(*(x[:, None] for x in places), axis=1)
    return ops.scatter_nd(pairs, ops.cast(w, dtype=dtypes.as_dtype(dtype).code), shape=(size, size), batch_dims=0)


def _flat(x):
    return ops.reshape(x, shape=(product(x.shape),))


def _largest(x):
    """Of a vector, as a number that a replay checks; -1 of nothing."""
    return int(ops.reduce_max(x, axes=(0,), keepdims=0)) if x.shape[0] else -1


def _any(holds):
    """A truth that a replay checks."""
    return bool(ops.reduce_any(holds, axes=(0,), keepdims=0))


def histogram_fixed_width(values, value_range, nbins=100, dtype=dtypes.int32, name=None) -> Tensor:
    """How many values are in each of nbins intervals of one width over value_range; those outside count in the first and in the last.

    >>> histogram_fixed_width([-1.0, 0.0, 1.5, 2.0, 5.0, 15.0], [0.0, 5.0], nbins=5).numpy().tolist()
    [2, 1, 1, 0, 2]
    """
    bins = _bins("histogram_fixed_width", values, value_range, nbins)
    return to_tensor(np.bincount(bins.reshape(-1), minlength=integer("histogram_fixed_width", "nbins", nbins)).astype(dtypes.as_dtype(dtype).as_numpy_dtype))


def histogram_fixed_width_bins(values, value_range, nbins=100, dtype=dtypes.int32, name=None) -> Tensor:
    """Which of these intervals each value is in.

    >>> histogram_fixed_width_bins([-1.0, 0.0, 1.5, 2.0, 5.0, 15.0], [0.0, 5.0], nbins=5).numpy().tolist()
    [0, 0, 1, 2, 4, 4]
    """
    return to_tensor(_bins("histogram_fixed_width_bins", values, value_range, nbins).astype(dtypes.as_dtype(dtype).as_numpy_dtype))


def _bins(name, values, value_range, nbins):
    x = to_tensor(values, name)
    low, high = (to_tensor(v, name, like=x).numpy().item() for v in value_range) if np.shape(value_range) == (2,) else (0, 0)
    if not low < high:
        raise errors.InvalidArgumentError(f"{name}: value_range must be two numbers, the first one less, got {errors.shorten(value_range)}")
    count = integer(name, "nbins", nbins)
    if count <= 0:
        raise errors.InvalidArgumentError(f"{name}: nbins must be positive, got {count}")
    numbers = x.numpy()
    if np.isnan(numbers).any():
        raise errors.InvalidArgumentError(f"{name}: values has a nan, which is in no interval")
    return np.clip(np.floor((numbers - low) / (high - low) * count), 0, count - 1).astype(np.int64)


def in_top_k(targets, predictions, k, name=None) -> Tensor:
    """Is predictions[i, targets[i]] among the k largest of its row?  Ties count as in.

    >>> in_top_k([1], [[0.1, 0.9]], 1).numpy().tolist()
    [True]
    """
    t, p, k = to_tensor(targets, "in_top_k"), to_tensor(predictions, "in_top_k"), integer("in_top_k", "k", k)
    if p.ndim != 2 or t.shape != p.shape[:1]:
        raise errors.ShapeError(
            f"in_top_k: expects a target for each row of a matrix of predictions, got {t.shape} and {p.shape}"
        )
    if not p.shape[1]:
        return to_tensor(np.zeros(t.shape, bool))
    p = p if p.dtype.is_floating else ops.cast(p, dtype=dtypes.float64.code)
    inside = ops.logical_and(t >= 0, t < p.shape[1])
    own = ops.gather(p, ops.where(inside, t, 0), axis=1, batch_dims=1)
    ahead = ops.reduce_sum(ops.cast(p > own[:, None], dtype=dtypes.int64.code), axes=(1,), keepdims=0)
    return ops.logical_and(ops.logical_and(inside, ops.is_finite(own)), ahead < k)


def invert_permutation(x, name=None) -> Tensor:
    """y with y[x[i]] = i.

    >>> invert_permutation([2, 0, 1]).numpy().tolist()
    [1, 2, 0]
    """
    perm = to_tensor(x, "invert_permutation")
    if perm.ndim != 1 or not perm.dtype.is_integer and perm.shape[0]:
        raise errors.InvalidArgumentError(f"invert_permutation: expects each of 0 to n - 1 once, got {errors.shorten(raw_array(perm))}")
    y = ops.argsort(perm, axis=0, descending=0)
    found = ops.equal(ops.gather(perm, y, axis=0, batch_dims=0), to_tensor(np.arange(perm.shape[0]).astype(perm.dtype.as_numpy_dtype)))
    if not bool(ops.reduce_all(found, axes=(0,), keepdims=0)):
        raise errors.InvalidArgumentError(f"invert_permutation: expects each of 0 to n - 1 once, got {errors.shorten(raw_array(perm))}")
    return ops.cast(y, dtype=perm.dtype.code)


def is_non_decreasing(x, name=None) -> Tensor:
    """Is every element of the flat tensor at least the one before it?

    >>> bool(is_non_decreasing([1.0, 1.0, 2.0]))
    True
    """
    return _ordered("is_non_decreasing", x, ops.greater_equal)


def is_strictly_increasing(x, name=None) -> Tensor:
    """Is every element of the flat tensor larger than the one before it?

    >>> bool(is_strictly_increasing([1.0, 1.0, 2.0]))
    False
    """
    return _ordered("is_strictly_increasing", x, ops.greater)


def _ordered(name, x, relation):
    x = to_tensor(x, name)
    flat = ops.reshape(x, shape=(product(x.shape),))
    return ops.reduce_all(relation(flat[1:], flat[:-1]), axes=(0,), keepdims=0)
