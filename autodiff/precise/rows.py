"""What the rows that move, combine or choose numbers come to on arrays of precise numbers, whatever their class.

Positions of elements are found by running the row itself on the integers 0, 1, 2, ...: so there is one meaning of axes,
strides and batch dimensions.  Sums and products go by halves.
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .. import ops
from .._core import DTYPES, apply as apply_to_tensors, raw_array, tensor_from_numpy
from .numbers import CHOICES, COMPARISONS, FLOATING, STRUCTURAL, Numbers, Plain, choice


# ------------------------------------------------------------------------------------------------------------- positions
def _positions(row, operands, attrs):
    tensors = [tensor_from_numpy(np.asarray(x, order="C")) for x in operands]      # ascontiguousarray makes vectors of scalars
    return raw_array(apply_to_tensors(row, tensors, attrs))


def _numbered(shape, start=0):
    return np.arange(start, start + ops.elements(shape), dtype=np.int64).reshape(shape)


def _taken(x, positions):
    return x.moved(lambda part: part.reshape(-1)[positions.reshape(-1)].reshape(positions.shape))


def _added_at(x, positions, shape):
    """Zeros, and the numbers x added at positions of the flat result.  Of several for one place, pairs are added until one
    is left."""
    zeros, at = x.zeros(shape), positions.reshape(-1)
    order = np.argsort(at, kind="stable")
    at, x = at[order], x.moved(lambda part: part.reshape(-1)[order])
    while at.size and (at[1:] == at[:-1]).any():
        first = np.maximum.accumulate(np.where(np.r_[True, at[1:] != at[:-1]], np.arange(at.size), 0))
        even = (np.arange(at.size) - first) % 2 == 0
        left = np.flatnonzero(even)
        paired = np.flatnonzero(np.r_[even[:-1] & (at[1:] == at[:-1]), False])
        sums = plus(_taken(x, paired), _taken(x, paired + 1))
        at, x = at[left], _taken(x, left).put(np.searchsorted(left, paired), sums)
    return zeros.put(at, x)


def _strided(flat, shape, strides, offset, writeable=False):
    """The numbers of a flat array where `view` has them, in its own memory; mostly they stand one after another."""
    step = 1
    for n, stride in zip(shape[::-1], strides[::-1]):
        if n != 1 and stride != step:
            break
        step *= n
    else:
        return flat[offset : offset + step].reshape(shape)
    return as_strided(flat[offset:], shape, [k * flat.itemsize for k in strides], writeable=writeable)


def view(x, shape, strides, offset):
    def move(part):
        if part.size and not any(part.strides):
            return np.broadcast_to(part.flat[0], shape) if part.dtype != object else np.full(shape, part.flat[0], object)
        return _strided(np.ascontiguousarray(part).reshape(-1), shape, strides, offset)

    return x.moved(move) if ops.elements(shape) else x.moved(lambda part: np.empty(shape, part.dtype))


def unview(x, shape, strides, offset):
    """Where no two numbers go to one place they are put there; those that a stride of 0 brings together are added up first."""
    again = tuple(k for k, (n, step) in enumerate(zip(x.shape, strides)) if step == 0 and n > 1)
    if again and x.shape.count(0) == 0:
        x = x.run(ops.reduce_sum, [x], dict(axes=again, keepdims=1))
    reach = 1
    for step, n in sorted((abs(step), n) for n, step in zip(x.shape, strides) if n > 1):
        if step < reach:
            return _added_at(x, _positions(ops.view, [_numbered(shape)], dict(shape=x.shape, strides=strides, offset=offset)), shape)
        reach = step * (n - 1) + reach
    y = x.zeros(shape)
    parts = [np.array(part).reshape(-1) for part in y.parts]
    if ops.elements(x.shape):
        for part, new in zip(parts, x.parts):
            _strided(part, x.shape, strides, offset, writeable=True)[...] = new
    return y.like(part.reshape(shape) for part in parts)


def gather(x, indices, axis, batch_dims):
    return _taken(x, _positions(ops.gather, [_numbered(x.shape), indices.array], dict(axis=axis, batch_dims=batch_dims)))


def ungather(indices, x, shape, axis, batch_dims):
    positions = _positions(ops.gather, [_numbered(shape), indices.array], dict(axis=axis, batch_dims=batch_dims))
    return _added_at(x, positions, shape)


def gather_nd(x, indices, batch_dims):
    return _taken(x, _positions(ops.gather_nd, [_numbered(x.shape), indices.array], dict(batch_dims=batch_dims)))


def scatter_nd(indices, updates, shape, batch_dims):
    return _added_at(updates, _positions(ops.gather_nd, [_numbered(shape), indices.array], dict(batch_dims=batch_dims)), shape)


def tensor_scatter_nd_update(x, indices, updates):
    numbered = [_numbered(x.shape), indices.array, _numbered(updates.shape, ops.elements(x.shape))]
    both = concat(*[a.moved(lambda part: part.reshape(-1)) for a in (x, updates)], axis=0)
    return _taken(both, _positions(ops.tensor_scatter_nd_update, numbered, {}))


def reshape(x, shape):
    return x.moved(lambda part: part.reshape(shape))


def concat(*xs, axis):
    y = xs[0].like(np.concatenate([x.parts[k] for x in xs], axis) for k in range(len(xs[0].parts)))
    if all(x.recorded is not None for x in xs):
        y.recorded = np.concatenate([x.recorded for x in xs], axis)
    return y


def cast(x, dtype):
    if isinstance(x, Plain):
        return x.kind.exact(x.array.astype(np.float64), DTYPES[dtype])
    if dtype < FLOATING:
        return x.to_dtype(DTYPES[dtype])
    return Plain(np.nan_to_num(np.trunc(deciding(x))).astype(DTYPES[dtype].as_numpy_dtype), type(x))


# ------------------------------------------------------------------------------------------------------------- reductions
def plus(a, b):
    return a.elementwise(ops.add, [a, b])


def times(a, b):
    return a.elementwise(ops.mul, [a, b])


def _last(x, axes):
    """The numbers as (what is kept, what is reduced), and the shapes of the result without and with the reduced dimensions."""
    kept = [i for i in range(x.ndim) if i not in axes]
    shape = tuple(x.shape[i] for i in kept)
    n = ops.elements([x.shape[i] for i in axes])
    rows = x.moved(lambda part: part.transpose(*kept, *axes).reshape(ops.elements(shape), n))
    return rows, shape, tuple(1 if i in axes else k for i, k in enumerate(x.shape))


def _folded(x, axes, keepdims, combine, nothing, row=None):
    rows, shape, kept = _last(x, axes)
    if rows.shape[1] == 0:
        rows = x.exact(np.full((rows.shape[0], 1), nothing), x.dtype)
    folded = rows.folded(row) if row is not None and rows.shape[1] > 1 else None
    if folded is not None:
        return folded.moved(lambda part: part.reshape(kept if keepdims else shape))
    while rows.shape[1] > 1:
        half = rows.shape[1] // 2
        ends = np.s_[:half], np.s_[half : 2 * half], np.s_[2 * half :]
        left, right, rest = (rows.moved(lambda part: part[:, s]) for s in ends)
        folded = combine(left, right)
        rows = concat(folded, rest, axis=1) if rest.shape[1] else folded
    return rows.moved(lambda part: part.reshape(kept if keepdims else shape))


def reduce_sum(x, axes, keepdims):
    return _folded(x, axes, keepdims, plus, 0.0, ops.add)


def reduce_prod(x, axes, keepdims):
    return _folded(x, axes, keepdims, times, 1.0, ops.mul)


def reduce_max(x, axes, keepdims):
    return _reduced_to_extreme(x, axes, keepdims, maximum, 1)


def reduce_min(x, axes, keepdims):
    return _reduced_to_extreme(x, axes, keepdims, minimum, -1)


def _reduced_to_extreme(x, axes, keepdims, combine, sign):
    rows, shape, kept = _last(x, axes)
    mask = rows.extreme(sign) if rows.shape[1] > 1 else None
    if mask is None:
        return _folded(x, axes, keepdims, combine, -sign * np.inf)
    which = (np.arange(len(mask)), mask.argmax(axis=1))
    return rows.moved(lambda part: part[which].reshape(kept if keepdims else shape))


def extremes(x, y, axes, keepdims, sign):
    """Mask of where x is y, its largest or smallest along axes."""
    rows, _, kept = _last(x, axes)
    mask = rows.extreme(sign) if rows.shape[1] > 1 else None
    if mask is None:
        return ops.equal(x, ops.spread(y, x, axes, keepdims)).array
    order = [i for i in range(x.ndim) if i not in axes] + list(axes)
    return mask.reshape([x.shape[i] for i in order]).transpose(np.argsort(order))


def sum_to(x, shape):
    lead = x.ndim - len(shape)
    axes = tuple(i for i in range(x.ndim) if i < lead or (shape[i - lead] == 1 and x.shape[i] != 1))
    return reshape(reduce_sum(x, axes, 1), shape)


def _shift(x, axes):
    """The largest along axes, 0 where it is infinite: exp(x - shift) has few digits before the point."""
    largest = deciding(x).max(axis=axes, keepdims=True, initial=-np.inf)
    return x.exact(np.where(np.isfinite(largest), largest, 0.0), x.dtype)


def reduce_logsumexp(x, axes, keepdims):
    shift = _shift(x, axes)
    y = ops.log(reduce_sum(ops.exp(x - shift), axes, 1)) + shift
    return y if keepdims else y.moved(lambda part: part.reshape([n for i, n in enumerate(x.shape) if i not in axes]))


def softmax(x, axis):
    e = ops.exp(x - _shift(x, (axis,)))
    return e / reduce_sum(e, (axis,), 1)


def log_softmax(x, axis):
    return x - reduce_logsumexp(x, (axis,), 1)


# ----------------------------------------------------------------------------------------------------------------- scans
def _scanned(x, axis, exclusive, reverse, combine, nothing, row):
    """Each step doubles the number of elements that are put together."""
    rows = x.moved(lambda part: np.moveaxis(part, axis, 0)[:: -1 if reverse else 1])
    n = rows.shape[0]
    if exclusive and n:
        first = x.exact(np.full((1, *rows.shape[1:]), nothing), x.dtype)
        rows = concat(first, rows.moved(lambda part: part[:-1]), axis=0)
    done = rows.accumulated(row) if n > 1 else None
    step, rows = (n, done) if done is not None else (1, rows)
    while step < n:
        folded = combine(rows.moved(lambda part: part[:-step]), rows.moved(lambda part: part[step:]))
        rows = concat(rows.moved(lambda part: part[:step]), folded, axis=0)
        step *= 2
    return rows.moved(lambda part: np.moveaxis(part[:: -1 if reverse else 1], 0, axis))


def cumsum(x, axis, exclusive, reverse):
    return _scanned(x, axis, exclusive, reverse, plus, 0.0, ops.add)


def cumprod(x, axis, exclusive, reverse):
    return _scanned(x, axis, exclusive, reverse, times, 1.0, ops.mul)


def cumulative_logsumexp(x, axis, exclusive, reverse):
    shift = _shift(x, (axis,))
    return ops.log(cumsum(ops.exp(x - shift), axis, exclusive, reverse)) + shift


def recurrence(a, b, axis, own, reverse):
    """y[i] = b[i] + a[i] * y[i-1], or a[i-1] * y[i-1] where not own."""
    a, b = (x.moved(lambda part: np.moveaxis(part, axis, 0)[:: -1 if reverse else 1]) for x in (a, b))
    rows = b.recurred(a, own) if b.shape[0] > 1 else None
    done = []
    for i in range(b.shape[0] if rows is None else 0):
        y = b.moved(lambda part: part[i : i + 1])
        if i:
            y = plus(y, ops.scale(done[-1], a.moved(lambda part: part[i if own else i - 1 :][:1])))
        done.append(y)
    rows = concat(*done, axis=0) if done else b if rows is None else rows
    return rows.moved(lambda part: np.moveaxis(part[:: -1 if reverse else 1], 0, axis))


# -------------------------------------------------------------------------------------------------------------- products
def matmul(a, b, transpose_a, transpose_b):
    a, b = (x.moved(lambda part: part.swapaxes(-1, -2)) if t else x for x, t in ((a, transpose_a), (b, transpose_b)))
    product = a.product(b)
    if product is not None:
        return product
    left, right = a.moved(lambda part: part[..., :, :, None]), b.moved(lambda part: part[..., None, :, :])
    product = times(left, right)
    return reduce_sum(product, (product.ndim - 2,), 0)


def matvec(a, x, transpose_a):
    y = matmul(a, x.moved(lambda part: part[..., None]), transpose_a, 0)
    return y.moved(lambda part: part[..., 0])


# --------------------------------------------------------------------------------------------------------------- choices
def deciding(x):
    """The doubles that decide: as recorded, else the nearest."""
    return np.asarray(x.nearest() if x.recorded is None else x.recorded, np.float64)


def where(c, a, b):
    like = a if isinstance(a, Numbers) else b
    a, b = (like.beside(x) for x in (a, b))
    mask = c.array if isinstance(c, Plain) else np.asarray(c)
    for chosen, all_of_it in ((a, mask.all), (b, lambda: not mask.any())):
        if chosen.shape == np.broadcast_shapes(mask.shape, a.shape, b.shape) and all_of_it() and mask.size:
            return chosen.moved(lambda part: part)
    y = like.like(choice(mask, p, q) for p, q in zip(a.parts, b.parts))
    if a.recorded is not None and b.recorded is not None:
        y.recorded = np.where(mask, a.recorded, b.recorded)
    return y


def _pair(a, b):
    like = a if isinstance(a, Numbers) else b
    return like.beside(a), like.beside(b)


def _extreme(a, b, sign):
    a, b = _pair(a, b)
    order = a.compare(b)
    first, nan = (order >= 0 if sign > 0 else order <= 0), order == 2
    return where(np.where(nan, np.isnan(a.special()), first) if nan.any() else first, a, b)


def maximum(a, b):
    return _extreme(a, b, 1)


def minimum(a, b):
    return _extreme(a, b, -1)


def _order_to_zero(x):
    return x.compare(x.constant(0.0))


def sign(x):
    order = _order_to_zero(x)
    return x.exact(np.where(order == 2, np.nan, order).astype(np.float64), x.dtype)


def absolute(x):
    return where(_order_to_zero(x) == -1, ops.neg(x), x)


def relu(x):
    return where(_order_to_zero(x) > 0, x, 0.0)             # 2: nan stays


def leaky_relu(x, a):
    x, a = _pair(x, a)
    return where(_order_to_zero(x) > 0, x, ops.mul(a, x))


def clip_by_value(x, low, high):
    return minimum(maximum(x, low), high)


def _by_doubles(row):
    """A row whose result is a whole number, or a neighbour: decided by doubles."""

    def value(*operands):
        like = next(x for x in operands if isinstance(x, Numbers))
        doubles = [tensor_from_numpy(deciding(like.beside(x))) for x in operands]
        return like.exact(raw_array(apply_to_tensors(row, doubles, {})), like.dtype)

    return value


def mod(a, b):
    a, b = _pair(a, b)
    return a - b * CHOICES["floordiv"](a, b)


# fmt: off
STRUCTURAL.update({f.__name__: f for f in (
    view, unview, gather, ungather, gather_nd, scatter_nd, tensor_scatter_nd_update, reshape, concat, cast, reduce_sum,
    reduce_prod, reduce_max, reduce_min, sum_to, reduce_logsumexp, softmax, log_softmax, cumsum, cumprod, cumulative_logsumexp, recurrence,
    matmul, matvec)})
CHOICES.update({f.__name__: f for f in (where, maximum, minimum, sign, relu, leaky_relu, clip_by_value, mod)})
CHOICES.update({"abs": absolute, "relu6": lambda x: minimum(relu(x), 6.0)})
CHOICES.update({row.name: _by_doubles(row) for row in (ops.floor, ops.ceil, ops.round, ops.floordiv, ops.nextafter)})
COMPARISONS.update({
    "less":       lambda a, b: a.compare(b) == -1,            "greater":       lambda a, b: a.compare(b) == 1,
    "less_equal": lambda a, b: a.compare(b) <= 0,         "greater_equal": lambda a, b: a.compare(b) >> 1 == 0,     # of 0 and 1
    "equal":      lambda a, b: a.compare(b) == 0,             "not_equal":     lambda a, b: a.compare(b) != 0,
    "is_nan":     lambda x: np.isnan(x.special()),            "is_inf":        lambda x: np.isinf(x.special()),
    "is_finite":  lambda x: np.isfinite(x.special()),
})
# fmt: on
