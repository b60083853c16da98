"""vectorized_map: a function of one row, computed on all rows at once.

The function is recorded on the first row.  Each instruction is then applied to arrays that have the rows as their first
dimension: elementwise ones as they are, the others with their axes one further.  What comes of it are ordinary operations: tapes
follow them, and an ad.function around them fuses and replays them.
"""

import math
from typing import Any

import numpy as np

from . import nest, ops, places, shaping
from ._core import Trace, convert
from ._op import ELEMENTWISE
from .constants import zeros
from .control_flow import map_fn
from .custom_gradient import stop_gradient
from .errors import ShapeError
from .variable import Variable

__all__ = ["vectorized_map"]


class _Rowwise(Exception):
    """The function has to be called on each row."""


def vectorized_map(fn, elems, fallback_to_while_loop=True, warn=True) -> Any:
    """fn of each part of `elems` along the first dimension, the results stacked, all parts at once.

    fn      takes one part (a structure like elems, of tensors without the first dimension), returns tensors or a structure of
            them.  It may take gradients (ad.grad, or a tape inside)
    elems   a tensor or a structure of tensors with the same first dimension; one that is 1 goes along
            with all rows of the others.  Of no rows fn sees a row of zeros, and the result has 0 rows
    fallback_to_while_loop  where fn branches on a value, assigns a variable, or customises a gradient: call it on each part, as
            map_fn does.  False: raise ValueError
    warn    say so by a warning

    fn is recorded anew at each call; an ad.function around the call records once, and runs the rows in fused loops.

    >>> import autodiff as ad
    >>> import numpy as np
    >>> slopes = ad.vectorized_map(ad.grad(lambda p: p[0] ** 2 * p[1]), np.array([[1.0, 2.0], [3.0, 4.0]]))
    >>> slopes.numpy()
    array([[ 4.,  1.],
           [24.,  9.]])
    """
    leaves = [convert(x) for x in nest.flatten(elems)]
    for x in leaves:
        if not x.ndim:
            raise ShapeError("vectorized_map: elements in elems must be 1+ dimensional Tensors, not scalars")
    if not leaves:
        raise ShapeError("vectorized_map: elems has no tensors")
    n = next((x.shape[0] for x in leaves if x.shape[0] != 1), 1)
    for x in leaves:
        if x.shape[0] not in (n, 1):
            raise ShapeError(f"vectorized_map: the first dimensions of elems differ: {n} and {x.shape[0]}")
    leaves = [x if x.shape[0] == n else shaping.broadcast_to(x, (n, *x.shape[1:])) for x in leaves]
    try:
        return _at_once(fn, elems, leaves)
    except _Rowwise as why:
        if not fallback_to_while_loop:
            raise ValueError(f"vectorized_map: {getattr(fn, '__name__', fn)} {why}, so it has to be called on each part") from None
        if warn:
            places.warn(f"vectorized_map: {getattr(fn, '__name__', fn)} {why}, so it is called on each part", UserWarning)
        return map_fn(fn, nest.pack_sequence_as(elems, leaves))


def _at_once(fn, elems, leaves):
    first = [x[0] if x.shape[0] else zeros(x.shape[1:], x.dtype) for x in leaves]
    trace = Trace(keeps=True, spelled_out=True)
    with trace:
        own = [trace.input(x) for x in first]
        starts = [trace.slot_of(x) for x in own]  # before fn: a tape that watches one gives it another slot
        result = fn(nest.pack_sequence_as(elems, own))
        given = [y.value() if isinstance(y, Variable) else y for y in nest.flatten(result)]
        told = [None if y is None or not hasattr(y, "__ad_apply__") else trace.slot_of(y) for y in given]
    if trace.reason is not None:
        raise _Rowwise(trace.reason)
    if not trace.is_straight():
        raise _Rowwise("branches on a value, assigns a variable, or customises a gradient")
    rows = _Rows(trace, leaves[0].shape[0], dict(zip(starts, leaves)))
    rows.run({k for k in told if k is not None})
    return nest.pack_sequence_as(result, [None if y is None else rows.result(y, k) for y, k in zip(given, told)])


class _Rows:
    """The values of a trace's slots for all rows: `many` has those that differ from row to row, `one` the others."""

    def __init__(self, trace, n, starts):
        self.code, self.n, self.many, self.one = trace.listing(), n, dict(starts), dict(trace.captured)
        self.one.update(trace.read_at())
        self.stopped = trace.stopped()
        self.seen = {}  # views that were taken already, x[0] again

    def run(self, wanted):
        needed = set(wanted)
        for k in range(len(self.code) - 1, -1, -1):
            if k in needed and k not in self.many and k not in self.one:
                needed.update(self.code[k].operands)
        for k in sorted(needed):
            if k not in self.many and k not in self.one:
                self.step(k)

    def step(self, k):
        done = self.code[k]
        if done.row == "leaf":
            self.one[k] = done.value
        elif done.row == "alias":
            (of,) = done.operands
            where = self.many if of in self.many else self.one
            where[k] = stop_gradient(self.whole(of) if of in self.many else self.one[of]) if k in self.stopped else where[of]
        elif not any(j in self.many for j in done.operands):
            self.one[k] = done.row(*[_tensor(self.one[j]) for j in done.operands], **done.attrs)
        elif done.row is ops.unview:
            self.many[k] = _Entries(self.n, done.attrs["shape"]).add(self.whole(done.operands[0]), done.attrs)
        elif done.row is ops.add and (total := self.sum_of_entries(k)) is not None:
            self.many[k] = total
        elif done.row is ops.view:
            of = self.whole(done.operands[0])
            key = (id(of), *done.attrs.values())
            if key not in self.seen:
                self.seen[key] = of, self.apply(done)
            self.many[k] = self.seen[key][1]
        else:
            self.many[k] = self.apply(done)

    def apply(self, done):
        many, one = [self.whole(j) for j in done.operands], [_tensor(self.one.get(j)) for j in done.operands]
        return _apply(done, many, one, [self.code[j].value.shape for j in done.operands], self.n)

    def whole(self, k):
        """The array of all rows, put together if it is not yet; None where rows do not differ."""
        x = self.many.get(k)
        if isinstance(x, _Entries):
            x = self.many[k] = x.whole()
        return x

    def sum_of_entries(self, k):
        """The sum in slot k, if one of its operands is entries; or None."""
        x, y = (self.many.get(j, _tensor(self.one.get(j))) for j in self.code[k].operands)
        if not isinstance(x, _Entries):
            x, y = y, x
        shape = self.code[k].value.shape
        return x.plus(y) if isinstance(x, _Entries) and all(self.code[j].value.shape == shape for j in self.code[k].operands) else None

    def result(self, y, k):
        if k in self.many:
            return self.whole(k)
        y = _tensor(self.one[k]) if k is not None else convert(y)
        return shaping.broadcast_to(y, (self.n, *y.shape))


class _Entries:
    """What the gradients of x[0], x[1], x[0], ... come to before they are whole: a sum for each place in the row, and 0 elsewhere.  Put together
    once, they take as long as x has columns; each by itself, an array of x's size for every time that a column is read."""

    def __init__(self, n, shape, parts=(), rest=None):
        self.n, self.shape, self.parts, self.rest = n, shape, dict(parts), rest  # rest: what is added to them, an array

    def add(self, part, attrs):
        key = tuple(part.shape[1:]), attrs["strides"], attrs["offset"]
        self.parts[key] = self.parts[key] + part if key in self.parts else part
        return self

    def plus(self, other):
        total = _Entries(self.n, self.shape, self.parts, self.rest)
        rest = other.rest if isinstance(other, _Entries) else other
        for (_, strides, offset), part in other.parts.items() if isinstance(other, _Entries) else ():
            total.add(part, {"strides": strides, "offset": offset})
        if rest is not None:
            total.rest = rest if self.rest is None else self.rest + rest
        return total

    def whole(self):
        runs = self.in_runs()
        total = self.summed() if runs is None else runs
        return total if self.rest is None else self.rest + total

    def in_runs(self):
        """One after another, and zeros between; None where places overlap, or are no runs."""
        at, pieces = 0, []
        for (shape, strides, offset), part in sorted(self.parts.items(), key=lambda item: item[0][2]):
            if strides != ops.steps(shape) or offset < at:
                return None
            if offset > at:
                pieces.append(self.zeros(offset - at, part))
            pieces.append(ops.reshape(part, shape=(self.n, math.prod(shape))))
            at = offset + math.prod(shape)
        if at < math.prod(self.shape):
            pieces.append(self.zeros(math.prod(self.shape) - at, part))
        return ops.reshape(ops.concat(*pieces, axis=1), shape=(self.n, *self.shape))

    def zeros(self, length, like):
        return zeros((self.n, length), like.dtype)

    def summed(self):
        total = None
        for (_, strides, offset), part in self.parts.items():
            one = ops.unview(part, shape=(self.n, *self.shape), strides=(math.prod(self.shape), *strides), offset=offset)
            total = one if total is None else total + one
        return total


def _tensor(x):
    return x if x is None else convert(x)


# ---------------------------------------------------------------------------------------------------- one instruction
AXES = {ops.reduce_sum, ops.reduce_prod, ops.reduce_max, ops.reduce_min, ops.reduce_any, ops.reduce_all, ops.reduce_logsumexp,
        ops.reduce_variance, ops.reduce_std, ops.reduce_euclidean_norm}  # fmt: skip
AXIS = {ops.argmax, ops.argmin, ops.argsort, ops.cumsum, ops.cumprod, ops.cumulative_logsumexp, ops.softmax, ops.log_softmax, ops.softmax_cross_entropy,
        ops.sparse_softmax_cross_entropy, ops.concat, ops.recurrence}


def _apply(done, many, one, shapes, n):
    """The instruction for all rows: `many` and `one` hold an operand each, or None; `shapes` are those in one row."""
    row, attrs = done.row, dict(done.attrs)
    if row.kind == ELEMENTWISE:
        rank = done.value.ndim
        return row(*[_aligned(m, s, rank) if o is None else o for m, o, s in zip(many, one, shapes)])
    if row in AXES:
        return row(many[0], **{**attrs, "axes": tuple([a + 1 for a in attrs["axes"]])})
    if row in AXIS:
        many = [_repeated(o, n) if m is None else m for m, o in zip(many, one)]
        return row(*many, **{**attrs, "axis": attrs["axis"] + 1})
    if row is ops.view:
        strides = (math.prod(shapes[0]), *attrs["strides"])
        return row(many[0], shape=(n, *attrs["shape"]), strides=strides, offset=attrs["offset"])
    if row is ops.reshape:
        return row(many[0], shape=(n, *attrs["shape"]))
    if row is ops.sum_to:
        aligned = (1,) * (len(shapes[0]) - len(attrs["shape"])) + attrs["shape"]
        return ops.reshape(row(many[0], shape=(n, *aligned)), shape=(n, *attrs["shape"]))
    if row is ops.cast:
        return row(many[0], **attrs)
    if row is ops.matmul:
        rank = max(len(s) for s in shapes)
        return row(*[_aligned(m, s, rank) if o is None else o for m, o, s in zip(many, one, shapes)], **attrs)
    if row is ops.matvec:
        return _matvec(many, one, shapes, attrs, n)
    if row.name in ops.CONVOLUTIONS:
        return _convolution(row, many, one, attrs, n, done.value.shape)
    if row.matrices and all(m is None or len(s) >= 2 for m, s in zip(many, shapes)):
        return _batch_of_matrices(row, many, one, shapes, attrs, n)
    if row in INDEXING and one[INDEXING[row]] is not None and not attrs["batch_dims"]:
        return INDEXED[row](many[1 - INDEXING[row]], one[INDEXING[row]], shapes, attrs, n)
    if row in INDEXING and (of_each := _by_own_indices(row, many, one, attrs, n)) is not None:
        return of_each
    if row is ops.tensor_scatter_nd_update:
        x, indices, updates = [_repeated(o, n) if m is None else m for m, o in zip(many, one)]
        return row(x, _with_row(indices, n), updates)
    if row is ops.last_of:
        return row(_with_row(many[0], n), shape=(n, *attrs["shape"]))
    return _row_by_row(row, many, one, attrs, n)


def _aligned(x, shape, rank):
    """Rows of one rank: what a row lacks in dimensions stands between them and the rows."""
    return x if len(shape) == rank else ops.reshape(x, shape=(x.shape[0], *(1,) * (rank - len(shape)), *shape))


def _repeated(x, n):
    return shaping.broadcast_to(x, (n, *x.shape))


def _matvec(many, one, shapes, attrs, n):
    if one[0] is not None and len(shapes[0]) == 2:  # one matrix: a product of two matrices
        return ops.matmul(many[1], one[0], transpose_a=0, transpose_b=int(not attrs["transpose_a"]))
    rank = max(len(shapes[0]) - 2, len(shapes[1]) - 1)  # of a row's batch
    a = _aligned(many[0], shapes[0], rank + 2) if one[0] is None else one[0]
    x = _aligned(many[1], shapes[1], rank + 1) if one[1] is None else one[1]
    columns = ops.reshape(x, shape=(*x.shape, 1))
    y = ops.matmul(a, columns, transpose_a=attrs["transpose_a"], transpose_b=0)
    return ops.reshape(y, shape=tuple(y.shape[:-1]))


def _convolution(row, many, one, attrs, n, shape):
    """The images of all rows are one batch, where they share the filters; or else each row's channels are groups of their own."""
    if n == 0:  # of no rows there are no groups
        return ops.reshape(next(m for m in many if m is not None), shape=(0, *shape))
    if row is not ops.convolve_filters and many[1] is None:
        x = many[0]
        y = row(ops.reshape(x, shape=(n * x.shape[1], *x.shape[2:])), one[1], **attrs)
        return ops.reshape(y, shape=(n, x.shape[1], *y.shape[1:]))
    beside = [_rows_as_channels(_repeated(o, n) if m is None else m) for m, o in zip(many, one)]
    y = row(*beside, **{**attrs, "groups": n * attrs["groups"]})
    y = ops.reshape(y, shape=(*y.shape[:-1], n, y.shape[-1] // n))
    return ops.transpose(y, (y.ndim - 2, *range(y.ndim - 2), y.ndim - 1))


def _rows_as_channels(x):
    """(n, .., c) as (.., n * c)."""
    moved = ops.transpose(x, (*range(1, x.ndim - 1), 0, x.ndim - 1))
    return ops.reshape(moved, shape=(*moved.shape[:-2], moved.shape[-2] * moved.shape[-1]))


def _batch_of_matrices(row, many, one, shapes, attrs, n):
    """What is no matrix (the cut-off of pinv) is the same in all rows."""
    rank = max(len(s) for s in shapes)
    whole = [_repeated(o, n) if m is None and len(s) >= 2 else m for m, o, s in zip(many, one, shapes)]
    return row(*[o if x is None else _aligned(x, s, rank) for x, o, s in zip(whole, one, shapes)], **attrs)


# Rows of numbers at indices that they share; of index vectors, at the places that these have in the dimensions they count through.
INDEXING = {ops.gather: 1, ops.gather_nd: 1, ops.ungather: 0, ops.scatter_nd: 0}  # which operand has the indices


def _gather(x, indices, shapes, attrs, n):
    return ops.gather(x, indices, axis=attrs["axis"] + 1, batch_dims=0)


def _ungather(x, indices, shapes, attrs, n):
    return ops.ungather(indices, x, shape=(n, *attrs["shape"]), axis=attrs["axis"] + 1, batch_dims=0)


def _places(indices, shape):
    """(one number for each index vector into an array of that shape, how many dimensions it counts through)."""
    depth = indices.shape[-1]
    steps = convert(np.array(ops.steps(shape[:depth]), np.int64))
    return ops.reduce_sum(ops.cast(indices, dtype=steps.dtype.code) * steps, axes=(indices.ndim - 1,), keepdims=0), depth


def _gather_nd(x, indices, shapes, attrs, n):
    places, depth = _places(indices, shapes[0])
    return ops.gather(ops.reshape(x, shape=(n, math.prod(shapes[0][:depth]), *shapes[0][depth:])), places, axis=1, batch_dims=0)


def _scatter_nd(x, indices, shapes, attrs, n):
    places, depth = _places(indices, attrs["shape"])
    flat = (n, math.prod(attrs["shape"][:depth]), *attrs["shape"][depth:])
    return ops.reshape(ops.ungather(places, x, shape=flat, axis=1, batch_dims=0), shape=(n, *attrs["shape"]))


MOST_REPEATED = 1 << 24  # elements of arrays that rows share


def _by_own_indices(row, many, one, attrs, n):
    """Each row has indices of its own: the rows are one more batch.  None: a shared array would have to be repeated that has no room for it."""
    if row is ops.gather and many[0] is None and attrs["axis"] == 0:  # of rows of one matrix (embeddings) those of all at once
        return ops.gather(one[0], many[1], axis=0, batch_dims=0)
    if sum([o.shape.num_elements() for m, o in zip(many, one) if m is None]) * n > MOST_REPEATED:
        return None
    attrs = {**attrs, "batch_dims": attrs["batch_dims"] + 1}
    if "axis" in attrs:
        attrs["axis"] += 1
    if "shape" in attrs:
        attrs["shape"] = (n, *attrs["shape"])
    return row(*[_repeated(o, n) if m is None else m for m, o in zip(many, one)], **attrs)


def _with_row(indices, n):
    """Index vectors that begin with the row."""
    first = np.arange(n).astype(indices.dtype.as_numpy_dtype).reshape((n,) + (1,) * (indices.ndim - 1))
    return ops.concat(convert(np.broadcast_to(first, (*indices.shape[:-1], 1))), indices, axis=indices.ndim - 1)


INDEXED = {ops.gather: _gather, ops.gather_nd: _gather_nd, ops.ungather: _ungather, ops.scatter_nd: _scatter_nd}


def _row_by_row(row, many, one, attrs, n):
    columns = [[o] * n if m is None else shaping.unstack(m) for m, o in zip(many, one)]
    return shaping.stack([row(*operands, **attrs) for operands in zip(*columns)])
