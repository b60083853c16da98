"""Whole Jacobians of a tape: GradientTape.jacobian and batch_jacobian.

A row of the Jacobian is the gradient under a cotangent that is 1 at one element of the target and 0 elsewhere; all of them are
one vectorized_map of the sweep, so that the way forward runs once.  A column is the tangent along a direction with a single 1; all of
them are one sweep forward, in C.  The fewer of both are computed.
"""

import math

from . import errors, nest, ops, shaping, tangents  # noqa: F401  (the core asks it for what it does not know)
from ._core import GradientTape, is_swept_in_c, is_tensor, push_tangents, set_jacobian_hooks
from .constants import ones_like, zeros, zeros_like
from .constants import eye
from .math import cast
from .vectorized import vectorized_map

__all__ = []

MOST_ELEMENTS = 1 << 22  # of the largest array that a sweep over many cotangents at once may have
IN_CACHE = 1 << 14  # the same of a sweep over many tangents, whose arrays are not fused
FEW_ROWS = 12  # that are swept one by one where that takes less than to record a sweep and map it


def tangents_of(tape, targets, sources, tangents, aside=False):
    """The derivative of each target along `tangents`, one for each source: one sweep forward; None where it depends on no source.

    aside  does the tape itself not record what this computes?
    """
    found = push_tangents(tape, targets, sources, tangents, 1, aside)
    if found is not NotImplemented:
        return found
    return [_by_gradients(tape, y, sources, tangents) for y in targets]


def _by_gradients(tape, target, sources, tangents):
    """The same of a tape whose gradients are not those of its record (a precise one)."""
    u = ones_like(target)
    with GradientTape() as outer:
        outer.watch(u)
        slopes = tape.gradient(target, sources, output_gradients=u)
    known = [(g, t) for g, t in zip(slopes, tangents) if g is not None]
    if not known:
        return None
    result = outer.gradient([g for g, _ in known], u, output_gradients=[t for _, t in known])
    return zeros_like(target) if result is None else result


def _unit_vectors(shape, dtype, count, most):
    """Blocks of (some of the arrays of that shape with a single 1), each with them along a first dimension."""
    n = math.prod(shape)
    step = max(1, most // max(n, count, 1))
    rows = eye(n, dtype=dtype)
    for start in range(0, n, step):
        stop = min(start + step, n)
        yield ops.reshape(rows if stop - start == n else rows[start:stop], shape=(stop - start, *shape))


def _one_by_one(function, shape, dtype):
    each = [function(ops.reshape(u, shape=shape)) for u in eye(math.prod(shape), dtype=dtype)]
    return [None if parts[0] is None else shaping.stack(parts) for parts in zip(*each)]


def _mapped(tape, function, shape, dtype, count):
    """The results of `function`, a list, on all unit vectors of a shape, stacked."""
    if tape.precise:  # its gradients cannot be mapped
        return _one_by_one(function, shape, dtype)
    blocks = [vectorized_map(function, units, warn=False) for units in _unit_vectors(shape, dtype, count, MOST_ELEMENTS)]
    if len(blocks) == 1:
        return blocks[0]
    return [None if parts[0] is None else shaping.concat(parts, 0) for parts in zip(*blocks)]


def rows_of(tape, target, sources):
    """d target / d source for each source, by rows; None where the target does not depend on it."""
    shape, count = tuple(target.shape), sum(math.prod(s.shape) for s in sources)
    n = math.prod(shape)
    if not n:
        slopes = tape.gradient(target, sources, output_gradients=target)
        return [None if g is None else zeros((*shape, *s.shape), dtype=s.dtype) for g, s in zip(slopes, sources)]

    def of_row(u):
        return tape.gradient(target, sources, output_gradients=u)

    if n <= FEW_ROWS and is_swept_in_c(tape, target):
        rows = _one_by_one(of_row, shape, target.dtype)
    else:
        rows = _mapped(tape, of_row, shape, target.dtype, count)
    return [None if g is None else ops.reshape(g, shape=(*shape, *s.shape)) for g, s in zip(rows, sources)]


def columns_of(tape, target, sources):
    """The same by columns."""
    shape, result = tuple(target.shape), []
    for s in sources:
        own, n = tuple(s.shape), math.prod(s.shape)
        if not n:  # it has no columns
            (slope,) = tape.gradient(target, [s], output_gradients=target)
            result.append(None if slope is None else zeros((*shape, *own), dtype=s.dtype))
            continue
        blocks = [_pushed(tape, target, s, units) for units in _unit_vectors(own, s.dtype, math.prod(shape), IN_CACHE)]
        columns = None if blocks[0] is None else blocks[0] if len(blocks) == 1 else shaping.concat(blocks, 0)
        if columns is not None:
            turned = shaping.transpose(ops.reshape(columns, shape=(n, math.prod(shape))))
            columns = cast(ops.reshape(turned, shape=(*shape, *own)), s.dtype)
        result.append(columns)
    return result


def _pushed(tape, target, source, units):
    """The target's tangents along directions of one source, stacked as these are."""
    if len(units) == 1:
        (t,) = push_tangents(tape, [target], [source], [units[0]])
        return t if t is None else ops.reshape(t, shape=(1, *target.shape))
    found = push_tangents(tape, [target], [source], [units], len(units))
    if found is NotImplemented:  # recorded, of one direction, and done for all
        return vectorized_map(lambda t: push_tangents(tape, [target], [source], [t]), units, warn=False)[0]
    return found[0]


def jacobians_of(tape, target, sources):
    """By rows or by columns, whichever are fewer; as many columns in C are cheaper than rows."""
    rows, columns = math.prod(target.shape), sum(math.prod(s.shape) for s in sources)
    forward = 0 < columns < rows or (1 < columns == rows and is_swept_in_c(tape, target))
    forward &= not tape.precise and all(s.dtype.is_floating for s in sources)
    return (columns_of if forward else rows_of)(tape, target, sources)


# ------------------------------------------------------------------------------------------------------- methods of tapes
def _target(name, target):
    if isinstance(target, (list, tuple, dict)):
        raise TypeError(f"{name}: expected one tensor as target, got a {type(target).__name__}; ask for each of its parts")
    return _differentiable(name, "target", target)


def _differentiable(name, role, x):
    if not is_tensor(x):
        raise errors.no_tensor_to_differentiate(role, x, name)
    return x


def _jacobian(tape, target, sources, zero):
    target = _target("jacobian", target)
    leaves = [_differentiable("jacobian", "sources", s) for s in nest.flatten(sources)]
    found = jacobians_of(tape, target, leaves) if target.dtype.is_floating else [None] * len(leaves)
    if zero:
        found = [zeros((*target.shape, *s.shape), dtype=s.dtype) if j is None else j for j, s in zip(found, leaves)]
    return nest.pack_sequence_as(sources, found)


def _batch_jacobian(tape, target, source, zero):
    target, source = _target("batch_jacobian", target), _differentiable("batch_jacobian", "source", source)
    for x in (target, source):
        if len(x.shape) < 2:
            raise errors.ShapeError(f"batch_jacobian: Shape {tuple(x.shape)} must have rank at least 2")
    if target.shape[0] != source.shape[0]:
        raise errors.ShapeError(f"batch_jacobian: Need first dimension of target shape ({tuple(target.shape)}) and source shape "
                                f"({tuple(source.shape)}) to match.")  # fmt: skip
    b, y, x = target.shape[0], tuple(target.shape[1:]), tuple(source.shape[1:])

    def of_element(u):  # the sum over the batch of one element: each row of it depends on its own row alone
        return [tape.gradient(target, source, output_gradients=shaping.broadcast_to(u, (b, *y)))]

    n = math.prod(y)
    if not n or not b:
        return zeros((b, *y, *x), dtype=source.dtype)
    (rows,) = _mapped(tape, of_element, y, target.dtype, b * math.prod(x))
    if rows is None:
        return zeros((b, *y, *x), dtype=source.dtype)
    turned = shaping.transpose(ops.reshape(rows, shape=(n, b, math.prod(x))), (1, 0, 2))
    return ops.reshape(turned, shape=(b, *y, *x))


set_jacobian_hooks(_jacobian, _batch_jacobian)
