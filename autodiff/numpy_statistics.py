"""NumPy's statistics of tensors: covariances, quantiles, and what passes over nan."""

import functools
import inspect
import math as numbers

import numpy as np

from . import indexing, linalg, math, shaping
from ._core import is_tensor
from .arguments import axes_of, axis_of
from .arrays import FUNCTIONS, SCANS, Refused, as_array, refuse

__all__ = ["STATISTICS"]


# ------------------------------------------------------------------------------------------------------------- covariances
def _cov(m, y=None, rowvar=True, bias=False, ddof=None, fweights=None, aweights=None, *, dtype=None):
    """sum of w (x - mean)(x - mean)' over sum(w) - ddof * sum(w * aweights) / sum(w); a variable a row."""
    if fweights is not None or dtype is not None:
        refuse()
    x = math.cast(_variables(m, rowvar), "float64")
    if y is not None:
        x = shaping.concat([x, math.cast(_variables(y, rowvar), "float64")], 0)
    ddof = (0 if bias else 1) if ddof is None else ddof
    count = x.shape[1]
    if not isinstance(ddof, int) or not count or (aweights is None and count <= ddof):
        refuse()
    if aweights is None:
        away = x - math.reduce_mean(x, 1, True)
        return shaping.squeeze(linalg.matmul(away, away, transpose_b=True) / float(count - ddof))
    w = math.cast(as_array(aweights), "float64")
    if w.ndim != 1 or w.shape[0] != count or not is_tensor(aweights) and np.min(aweights) < 0:
        refuse()
    total = math.reduce_sum(w)
    away = x - math.reduce_sum(x * w, 1, True) / total
    return shaping.squeeze(linalg.matmul(away * w, away, transpose_b=True) / (total - ddof * math.reduce_sum(w * w) / total))


def _variables(x, rowvar):
    x = as_array(x)
    if x.ndim > 2:
        refuse()
    if x.ndim < 2:
        return shaping.reshape(x, [1, -1])
    return x if rowvar else linalg.matrix_transpose(x)


def _corrcoef(x, y=None, rowvar=True, *, dtype=None, **rest):
    if rest or dtype is not None:
        refuse()
    c = _cov(x, y, rowvar)
    if not c.ndim:
        return c / c
    deviation = math.sqrt(linalg.diag_part(c))
    return math.clip_by_value(c / shaping.reshape(deviation, [-1, 1]) / deviation, -1.0, 1.0)


# --------------------------------------------------------------------------------------------------------------- quantiles
# Which two elements in order a quantile lies between, and how far on its way to the second: of its place among them, from 0.
_BETWEEN = {
    "linear": lambda place: place,
    "lower": np.floor,
    "higher": np.ceil,
    "midpoint": lambda place: (np.floor(place) + np.ceil(place)) / 2,
}


def _quantile(scale, a, q, axis=None, out=None, overwrite_input=False, method="linear", keepdims=False, **rest):
    """The quantile(s) q, as NumPy has it by default or takes an element or a mean of two; nan where there is one."""
    x, q, axes = _rows_to_order(scale, a, q, axis, out, method, rest)
    rows, kept = _along_last(x, axes)
    order = indexing.sort(rows)
    place = _BETWEEN[method](q * (rows.shape[-1] - 1))
    low = np.floor(place).astype(int)
    first, second = (indexing.gather(order, k.ravel(), axis=rows.ndim - 1) for k in (low, np.minimum(low + 1, rows.shape[-1] - 1)))
    y = _on_the_way(first, second, (place - low).ravel().astype(x.dtype.as_numpy_dtype))
    return _quantiles_first(_nan_if_any(order, y), q, x, axes, kept, keepdims)


def _nanquantile(scale, a, q, axis=None, out=None, overwrite_input=False, method="linear", keepdims=False, **rest):
    """The same of what is not nan; of nothing, nan."""
    x, q, axes = _rows_to_order(scale, a, q, axis, out, method, rest)
    if method != "linear":
        refuse()
    rows, kept = _along_last(x, axes)
    order, last = _numbers_first(rows)
    place = last * q.ravel()
    low = math.floor(place)
    first, second = (_each_at(order, k) for k in (low, math.minimum(low + 1.0, last)))
    return _quantiles_first(_on_the_way(first, second, math.cast(place - low, x.dtype)), q, x, axes, kept, keepdims)


def _nanmedian(a, axis=None, out=None, overwrite_input=False, keepdims=False):
    """The one in the middle, or the mean of the two there: a quantile has nan beside an infinity."""
    x, q, axes = _rows_to_order(1, a, 0.5, axis, out, "linear", {})
    rows, kept = _along_last(x, axes)
    order, last = _numbers_first(rows)
    low, high = math.floor(last / 2), math.ceil(last / 2)
    first, second = _each_at(order, low), _each_at(order, high)
    return _quantiles_first(indexing.where(math.equal(low, high), first, (first + second) / 2), q, x, axes, kept, keepdims)


def _numbers_first(rows):
    """Rows in order, nan last, and the place of the last number in each, 0 if there is none."""
    count = math.reduce_sum(math.cast(math.logical_not(math.is_nan(rows)), "float64"), -1, True)
    return indexing.sort(rows), math.maximum(count - 1.0, 0.0)


def _each_at(order, places):
    return indexing.gather(order, math.cast(places, "int64"), axis=order.ndim - 1, batch_dims=order.ndim - 1)


def _rows_to_order(scale, a, q, axis, out, method, rest):
    x = as_array(a)
    if out is not None or is_tensor(q) or method not in _BETWEEN or any(v is not None for v in rest.values()) or not x.dtype.is_floating:
        refuse()
    if not isinstance(q, (int, float)):                         # which is weak; arrays of float64 make it float64
        x = math.cast(x, np.result_type(x.dtype.as_numpy_dtype, np.true_divide(q, scale).dtype))
    q = np.true_divide(q, x.dtype.as_numpy_dtype(scale))
    axes = axes_of("quantile", axis, x.ndim)
    if not ((q >= 0) & (q <= 1)).all() or not numbers.prod(x.shape):
        refuse()
    return x, np.asarray(q, np.float64), axes


def _along_last(x, axes):
    """The numbers of each result along the last axis, and the other axes."""
    kept = [k for k in range(x.ndim) if k not in axes]
    moved = shaping.transpose(x, [*kept, *axes]) if x.ndim else x
    return shaping.reshape(moved, [*[x.shape[k] for k in kept], -1]), kept


def _on_the_way(first, second, t):
    """From the nearer of the two, as NumPy does: exact where t is 0 or 1."""
    step = second - first
    return indexing.where(t < 0.5, first + step * t, second - step * (1 - t))


def _quantiles_first(y, q, x, axes, kept, keepdims):
    """Results of shape (others, quantiles) as NumPy's: quantiles first, and dimensions of size 1 where they are kept."""
    y = shaping.transpose(y, [y.ndim - 1, *range(y.ndim - 1)])
    rest = [1 if k in axes else n for k, n in enumerate(x.shape)] if keepdims else [x.shape[k] for k in kept]
    return shaping.reshape(y, [*q.shape, *rest])


def _nan_if_any(order, y):
    largest = order[..., -1:]
    return indexing.where(math.is_nan(largest), largest, y)


def _median(a, axis=None, out=None, overwrite_input=False, keepdims=False):
    x, q, axes = _rows_to_order(1, a, 0.5, axis, out, "linear", {})
    rows, kept = _along_last(x, axes)
    order, n = indexing.sort(rows), rows.shape[-1]
    y = math.reduce_mean(order[..., (n - 1) // 2 : n // 2 + 1], -1, True)
    return _quantiles_first(_nan_if_any(order, y), q, x, axes, kept, keepdims)


# --------------------------------------------------------------------------------------------------------- passing over nan
def _over_numbers(reduce):
    """An adaptor for reduce(x, is it a number?, axes, keepdims)."""

    def adaptor(a, axis=None, dtype=None, out=None, keepdims=False, **rest):
        x = as_array(a)
        if out is not None or dtype is not None or not x.dtype.is_floating or any(v is not None for v in rest.values()):
            refuse()
        return reduce(x, math.logical_not(math.is_nan(x)), axis, bool(keepdims))

    return adaptor


def _instead(x, counts, value):
    return indexing.where(counts, x, math.cast(as_array(value), x.dtype))


def _count(counts, like, axis, keepdims):
    return math.reduce_sum(math.cast(counts, like.dtype), axis, keepdims)


def _mean(x, counts, axis, keepdims):
    return math.reduce_sum(_instead(x, counts, 0), axis, keepdims) / _count(counts, x, axis, keepdims)


def _extreme(reduce, least):
    def adaptor(x, counts, axis, keepdims):
        y = reduce(_instead(x, counts, least), axis, keepdims)
        if 0 in x.shape and 0 not in y.shape:                   # of nothing there is none
            refuse()
        return _instead(y, math.reduce_any(counts, axis, keepdims), np.nan)

    return _over_numbers(adaptor)


def _spread(root):
    def adaptor(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, **rest):
        return _over_numbers(functools.partial(_spread_of, root, ddof=ddof))(a, axis, dtype, out, keepdims, **rest)

    return adaptor


def _spread_of(root, x, counts, axis, keepdims, ddof=0):
    """Variance, or standard deviation, whose gradient is 0 where the numbers are equal."""
    away = _instead(x - _mean(x, counts, axis, True), counts, 0)
    n = _count(counts, x, axis, keepdims) - float(ddof)
    n = _instead(n, n > 0, np.nan)
    if root:
        return math.reduce_euclidean_norm(away, axis, keepdims) / math.sqrt(n)
    return math.reduce_sum(away * away, axis, keepdims) / n


def _so_far(scan, neutral):
    def adaptor(a, axis=None, dtype=None, out=None):
        x = as_array(a)
        if dtype is not None or out is not None or not x.dtype.is_floating:
            refuse()
        x, axis = (shaping.reshape(x, [-1]), 0) if axis is None else (x, axis)
        return scan(_instead(x, math.logical_not(math.is_nan(x)), neutral), axis)

    return adaptor


def _extreme_so_far(pick):
    """By windows twice as long each time: log2(n) passes; an element that both halves have is counted once, by halves."""

    def scan(x, axis):
        x = as_array(x)
        axis, step = axis_of("accumulate", axis, x.ndim), 1
        rows = (slice(None),) * axis
        while step < x.shape[axis]:
            x = shaping.concat([x[(*rows, slice(step))], pick(x[(*rows, slice(step, None))], x[(*rows, slice(-step))])], axis)
            step *= 2
        return x

    return scan


def _nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None):
    x = as_array(x)
    if not x.dtype.is_floating:
        refuse()
    limits = np.finfo(x.dtype.as_numpy_dtype)
    y = _instead(x, math.logical_not(math.is_nan(x)), nan)
    y = _instead(y, math.not_equal(x, np.inf), limits.max if posinf is None else posinf)
    return _instead(y, math.not_equal(x, -np.inf), limits.min if neginf is None else neginf)


# --------------------------------------------------------------------------------------------- of some elements, and from a number on
def _or_of_some(name, reduce, join=None):
    """The adaptor that there is, and for `where=` and `initial=` reduce(x, which count, axes, keepdims), joined to the number it starts from."""
    function = getattr(np, name)
    adaptor, names = FUNCTIONS[function], list(inspect.signature(function).parameters)

    def of_some(a, axis=None, dtype=None, out=None, keepdims=False, initial=None, where=True, **rest):
        x, where = as_array(a), as_array(where)
        if out is not None or dtype is not None or not x.dtype.is_floating or not where.dtype.is_bool or not rest.keys() <= {"ddof"}:
            refuse()
        if initial is None and join in (math.maximum, math.minimum):            # of nothing there is none in NumPy
            refuse()
        y = reduce(x, shaping.broadcast_to(where, x.shape), axis, bool(keepdims), **rest)
        return y if initial is None else join(y, math.cast(as_array(initial), y.dtype))

    def either(*args, **kwargs):
        try:
            return adaptor(*args, **kwargs)
        except Refused:
            return of_some(**{**dict(zip(names, args)), **kwargs})

    return either


# fmt: off
STATISTICS = {
    "cov":           _cov,
    "corrcoef":      _corrcoef,
    "quantile":      functools.partial(_quantile, 1),
    "percentile":    functools.partial(_quantile, 100),
    "nanquantile":   functools.partial(_nanquantile, 1),
    "nanpercentile": functools.partial(_nanquantile, 100),
    "median":        _median,
    "nanmedian":     _nanmedian,
    "nansum":        _over_numbers(lambda x, counts, axis, keepdims: math.reduce_sum(_instead(x, counts, 0), axis, keepdims)),
    "nanprod":       _over_numbers(lambda x, counts, axis, keepdims: math.reduce_prod(_instead(x, counts, 1), axis, keepdims)),
    "nanmean":       _over_numbers(_mean),
    "nanmax":        _extreme(math.reduce_max, -np.inf),
    "nanmin":        _extreme(math.reduce_min, np.inf),
    "nanvar":        _spread(False),
    "nanstd":        _spread(True),
    "nancumsum":     _so_far(math.cumsum, 0),
    "nancumprod":    _so_far(math.cumprod, 1),
    "nan_to_num":    _nan_to_num,
    "sum":           _or_of_some("sum", lambda x, counts, axis, keepdims: math.reduce_sum(_instead(x, counts, 0), axis, keepdims), math.add),
    "prod":          _or_of_some("prod", lambda x, counts, axis, keepdims: math.reduce_prod(_instead(x, counts, 1), axis, keepdims), math.multiply),
    "max":           _or_of_some("max", lambda x, counts, axis, keepdims: math.reduce_max(_instead(x, counts, -np.inf), axis, keepdims), math.maximum),
    "min":           _or_of_some("min", lambda x, counts, axis, keepdims: math.reduce_min(_instead(x, counts, np.inf), axis, keepdims), math.minimum),
    "mean":          _or_of_some("mean", _mean),
    "var":           _or_of_some("var", functools.partial(_spread_of, False)),
    "std":           _or_of_some("std", functools.partial(_spread_of, True)),
}
# fmt: on

SCANS.update({np.maximum: _extreme_so_far(math.maximum), np.minimum: _extreme_so_far(math.minimum)})
