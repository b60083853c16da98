"""Tangents of the rows that C does not push them through, and of custom gradients."""

import math

from . import ops, shaping
from ._core import set_tangent_hooks, tape_to_transpose
from .constants import ones_like, zeros, zeros_like
from .constants import eye
from .math import add_n, reduce_sum

__all__ = []


def tangent_of_row(row, ts, operands, y, attrs, pull):
    """The tangent of y from those of the operands, None for one that stays: by its formula here, by the row itself where that is linear,
    or from its gradients, `pull([cotangent])`."""
    if row in FOLDED:
        return _folded(row, ts, operands, y, attrs)
    if row in FORMULAS:
        return FORMULAS[row](ts, *operands, y, **attrs)
    moving = [k for k, t in enumerate(ts) if t is not None]
    if not set(moving) <= set(row.linear):
        return transposed(pull, [y], ts, [*operands, y])[0]
    return _sum([row(*operands[:k], ts[k], *operands[k + 1 :], **attrs) for k in moving])


def _sum(terms):
    total = None
    for t in terms:
        if t is not None:
            total = t if total is None else total + t
    return total


# ------------------------------------------------------------------------------------------- formulas shorter than the transpose
# Each element of the result depends on numbers of its own.
FOLDED = {ops.reduce_prod, ops.reduce_max, ops.reduce_min, ops.reduce_logsumexp, ops.reduce_variance, ops.reduce_std, ops.reduce_euclidean_norm,
          ops.softmax_cross_entropy, ops.sparse_softmax_cross_entropy, ops.det, ops.logabsdet}  # fmt: skip
EXTREMES = {ops.reduce_max, ops.reduce_min}                 # what is less than the largest is not chosen: even an infinite tangent of it is not


def _folded(row, ts, operands, y, attrs, before=0):
    """The sum of tangents times weights, which are what the rules give under a cotangent of ones.  before: dimensions that they have
    before those of the operand."""
    ones, parts = ones_like(y), []
    for x, t, rule in zip(operands, ts, row.vjp):
        if t is not None:
            axes = attrs.get("axes", (attrs["axis"],) if "axis" in attrs else (x.ndim - 2, x.ndim - 1))
            axes = tuple(a + before for a in axes)
            weighted = (ops.select if row in EXTREMES else ops.scale)(t, rule(ones, *operands, y, **attrs))
            parts.append(ops.reduce_sum(weighted, axes=axes, keepdims=attrs.get("keepdims", 0)))
    return _sum(parts)


def _or_zeros(ts, *operands):
    return [zeros_like(x) if t is None else t for t, x in zip(ts, operands)]


def _concat(ts, *operands, axis):
    return ops.concat(*_or_zeros(ts, *operands[:-1]), axis=axis)


def _update(ts, x, indices, updates, y):
    t, new = _or_zeros([ts[0], ts[2]], x, updates)
    return ops.tensor_scatter_nd_update(t, indices, new)


def _softmax(ts, x, y, axis):
    """Its Jacobian is symmetric."""
    return ops.softmax.vjp[0](ts[0], x, y, axis=axis)


def _log_softmax(ts, x, y, axis):
    return ts[0] - ops.reduce_sum(ops.scale(ts[0], ops.exp(y)), axes=(axis,), keepdims=1)


def _cumprod(ts, x, y, axis, exclusive, reverse):
    """y[i] = x[i] * y[i-1]: the tangent runs by the same recurrence."""
    before = ops.cumprod(x, axis=axis, exclusive=1, reverse=reverse)
    t = ops.recurrence(x, ops.scale(ts[0], before), axis=axis, own=1, reverse=reverse)
    return ops.shift(t, axis, reverse) if exclusive else t


def _recurrence(ts, a, b, y, axis, own, reverse):
    """y[i] = b[i] + a[i] * y[i-1], or a[i-1] * y[i-1]: likewise, and a's tangent meets the y that a met, of which 0 stops even an infinity."""
    met = None
    if ts[0] is not None:
        met = ops.select(ts[0], ops.shift(y, axis, reverse)) if own else ops.shift(ops.select(ts[0], y), axis, reverse)
    return ops.recurrence(a, _sum([ts[1], met]), axis=axis, own=own, reverse=reverse)


def _solve(ts, a, b, y, adjoint):
    moved = None if ts[0] is None else -ops.matmul(ts[0], y, transpose_a=adjoint, transpose_b=0)
    return ops.solve(a, _sum([ts[1], moved]), adjoint=adjoint)


def _triangular_solve(ts, a, b, y, lower, adjoint):
    of_a = None if ts[0] is None else ops.triangle(ts[0], lower)
    moved = None if of_a is None else -ops.matmul(of_a, y, transpose_a=adjoint, transpose_b=0)
    return ops.triangular_solve(a, _sum([ts[1], moved]), lower=lower, adjoint=adjoint)


def _inv(ts, x, y):
    return -ops.matmul(ops.matmul(y, ts[0], transpose_a=0, transpose_b=0), y, transpose_a=0, transpose_b=0)


FORMULAS = {ops.concat: _concat, ops.tensor_scatter_nd_update: _update, ops.softmax: _softmax, ops.log_softmax: _log_softmax,
            ops.cumprod: _cumprod, ops.recurrence: _recurrence, ops.solve: _solve, ops.triangular_solve: _triangular_solve, ops.inv: _inv}  # fmt: skip


# ------------------------------------------------------------------------------------------------------- from the gradients
def transposed(pull, ys, ts, read=None):
    """The tangent of each y: gradients are linear in their cotangents u, and the derivative of their product with the tangents by u is
    the tangent of what u belongs to (J. Townsend, "A new trick for calculating Jacobian vector products", 2017).  read: all that a gradient
    reads, if known."""
    return transposed_lanes(pull, ys, [ts], read)[0]


def transposed_lanes(pull, ys, lanes, read=None):
    """The same along several directions."""
    us = [ones_like(y) for y in ys]
    with tape_to_transpose(read) as tape:
        tape.watch(us)
        shares = pull(us)
    return [_transposed(tape, pull, shares, us, ys, ts) for ts in lanes]


def _transposed(tape, pull, shares, us, ys, ts):
    known = [(g, t) for g, t in zip(shares, ts) if g is not None and t is not None]
    if not known:
        return [None] * len(ys)
    found = tape.gradient([g for g, _ in known], us, output_gradients=[t for _, t in known])
    if all(t is None for t in found):
        return [_element_by_element(pull, ys, k, ts) for k in range(len(ys))]
    return found


def _element_by_element(pull, ys, k, ts):
    """The tangent of ys[k] where gradients cannot be followed back to their cotangents, as NumPy computes them: one gradient for each
    of its elements."""
    rest = [zeros_like(y) for y in ys]
    parts = []
    for unit in eye(math.prod(ys[k].shape), dtype=ys[k].dtype):
        shares = pull([*rest[:k], ops.reshape(unit, shape=tuple(ys[k].shape)), *rest[k + 1 :]])
        sums = [reduce_sum(ops.scale(t, g)) for g, t in zip(shares, ts) if g is not None and t is not None]
        parts.append(add_n(sums) if sums else zeros((), dtype=ys[k].dtype))
    return ops.reshape(shaping.stack(parts), shape=tuple(ys[k].shape)) if parts else None


# ---------------------------------------------------------------------------------------------- of several directions at once
def block_of_lanes(row, k, t, operands, attrs, lanes):
    """The row, linear in operand k, on tangents with the directions as their first dimension, as tangent.c has it; None: direction by
    direction."""
    if row is ops.matmul or row is ops.matvec:
        return _product_of_lanes(row, k, t, operands, attrs, lanes)
    own = dict(attrs)
    if row in (ops.reshape, ops.view, ops.unview):
        own["shape"] = (lanes, *attrs["shape"])
        if row is not ops.reshape:
            wide = operands[0].shape if row is ops.view else attrs["shape"]
            own["strides"] = (math.prod(wide), *attrs["strides"])
    elif row is ops.reduce_sum:
        own["axes"] = tuple(a + 1 for a in attrs["axes"])
    elif row is ops.cumsum or row is ops.gather and not attrs["batch_dims"]:
        own["axis"] = attrs["axis"] + 1
    elif row is not ops.cast:
        return None
    return row(*operands[:k], t, *operands[k + 1 :], **own)


def _product_of_lanes(row, k, t, operands, attrs, lanes):
    """Batches broadcast, and the directions are one more."""
    vector = row is ops.matvec
    ranks = [operands[0].ndim, operands[1].ndim + vector]
    rank = max(ranks) - (vector and k == 1)
    if t.ndim - 1 < rank:
        t = ops.reshape(t, shape=(lanes, *[1] * (rank + 1 - t.ndim), *t.shape[1:]))
    if vector and k == 1 and ranks == [2, 2]:
        return ops.matmul(t, operands[0], transpose_a=0, transpose_b=int(not attrs["transpose_a"]))
    return row(*operands[:k], t, *operands[k + 1 :], **attrs)


def block_of_formula(row, ts, operands, y, attrs, lanes):
    """The tangent by the formula of the row, of tangents with the directions as their first dimension; None: direction by direction."""
    if row in FOLDED:
        return _folded(row, ts, operands, y, attrs, 1)
    if row is ops.concat:
        parts = [zeros((lanes, *x.shape), dtype=x.dtype) if t is None else t for t, x in zip(ts, operands)]
        return ops.concat(*parts, axis=attrs["axis"] + 1)
    if row is ops.softmax or row is ops.log_softmax:
        x, y = (ops.reshape(a, shape=(1, *a.shape)) for a in (operands[0], y))
        return FORMULAS[row](ts, x, y, axis=attrs["axis"] + 1)
    return None


set_tangent_hooks(tangent_of_row, transposed_lanes, block_of_lanes, block_of_formula)
