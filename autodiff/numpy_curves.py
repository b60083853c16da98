"""NumPy's functions of curves given at points, on tensors: interpolated, differentiated, fitted and put together from pieces."""

import numpy as np

from . import indexing, linalg, math, shaping
from ._core import is_tensor
from .arrays import as_array, axis_of, refuse

__all__ = ["CURVES"]


# ----------------------------------------------------------------------------------------------------------- interpolation
def _interp(x, xp, fp, left=None, right=None, period=None):
    """The polygon through (xp, fp), in float64 as NumPy has it.  Its derivative at a corner is that of the line to the right of it; at
    the last one that of the line before."""
    known = all(isinstance(t, np.ndarray) and np.isfinite(t).all() for t in (xp, fp))
    x, xp, fp = (math.cast(as_array(t), "float64") for t in (x, xp, fp))
    if xp.ndim != 1 or fp.ndim != 1 or xp.shape != fp.shape or not xp.shape[0]:
        refuse()
    if period is not None:
        x, xp, fp = _wound(x, xp, fp, abs(period))
        left = right = None
    if xp.shape[0] == 1:
        xp, fp = (shaping.concat([t, t], 0) for t in (xp, fp))
    n = xp.shape[0]
    flat = shaping.reshape(x, [-1])
    corner = math.clip_by_value(indexing.searchsorted(xp, flat, "right", "int64") - 1, 0, n - 1)
    slopes = math.divide_no_nan(fp[1:] - fp[:-1], xp[1:] - xp[:-1])
    at, value, slope = indexing.gather(xp, corner), indexing.gather(fp, corner), indexing.gather(slopes, math.minimum(corner, n - 2))
    y = value + (flat - at) * slope
    if not known:                               # to be finite
        y = _or_from_the_right(y, flat, at, value, xp, fp, math.minimum(corner + 1, n - 1), slope)
    y = indexing.where(flat < xp[0], fp[0] if left is None else math.cast(as_array(left), "float64"), y)
    y = indexing.where(flat > xp[-1], fp[-1] if right is None else math.cast(as_array(right), "float64"), y)
    return shaping.reshape(indexing.where(math.is_nan(flat), flat, y), x.shape)


def _or_from_the_right(y, x, at, value, xp, fp, next, slope):
    """y, and where that is nan by an infinite neighbour NumPy's value: that of the corner itself, or what comes from the next one."""
    end = indexing.gather(fp, next)
    back = end + (x - indexing.gather(xp, next)) * slope
    back = indexing.where(math.logical_and(math.is_nan(back), math.equal(value, end)), value, back)
    return indexing.where(math.is_nan(y), indexing.where(math.equal(x, at), value, back), y)


def _wound(x, xp, fp, period):
    """The points of one period in order, with the last one before the first and the first one behind the last."""
    if is_tensor(period) or period == 0:
        refuse()
    x, xp = math.mod(x, period), math.mod(xp, period)
    order = indexing.argsort(xp)
    xp, fp = indexing.gather(xp, order), indexing.gather(fp, order)
    return x, shaping.concat([xp[-1:] - period, xp, xp[:1] + period], 0), shaping.concat([fp[-1:], fp, fp[:1]], 0)


# ---------------------------------------------------------------------------------------------------------- differentiation
def _gradient(f, *varargs, axis=None, edge_order=1):
    """Differences of the second order inside, of edge_order at the ends."""
    f = as_array(f)
    axes = [axis_of(a, f.ndim) for a in (range(f.ndim) if axis is None else axis if isinstance(axis, (tuple, list)) else [axis])]
    steps = list(varargs) * (len(axes) if len(varargs) == 1 else 1) or [1.0] * len(axes)
    if len(steps) != len(axes) or len(set(axes)) < len(axes) or edge_order not in (1, 2) or not f.dtype.is_floating or not axes:
        refuse()
    slopes = [_slope(f, a, step, edge_order) for a, step in zip(axes, steps)]
    return slopes[0] if len(slopes) == 1 else type(np.gradient(np.zeros((2, 2))))(slopes)


def _slope(f, axis, step, edge_order):
    n = f.shape[axis]
    if n < edge_order + 1:
        refuse()
    if np.ndim(step) == 0:
        steps = shaping.broadcast_to(shaping.reshape(step, [1]), [n - 1]) if is_tensor(step) else np.full(n - 1, float(step))
    elif np.ndim(step) == 1 and np.shape(step)[0] == n:
        steps = as_array(step)[1:] - as_array(step)[:-1]
    else:
        refuse()
    order = [axis, *[k for k in range(f.ndim) if k != axis]]
    moved = shaping.transpose(f, order)
    h = shaping.reshape(steps if is_tensor(steps) and steps.dtype.is_floating else math.cast(steps, f.dtype), [-1] + [1] * (f.ndim - 1))
    s = (moved[1:] - moved[:-1]) / h                            # between neighbours
    before, after = h[:-1], h[1:]
    inside = (moved[2:] - moved[:-2]) / (before + after) if np.ndim(step) == 0 else (s[:-1] * after + s[1:] * before) / (before + after)
    if edge_order == 1:
        first, last = s[:1], s[-1:]
    else:                                                       # where the parabola through three points goes
        first = s[:1] - (s[1:2] - s[:1]) * h[:1] / (h[:1] + h[1:2])
        last = s[-1:] + (s[-1:] - s[-2:-1]) * h[-1:] / (h[-1:] + h[-2:-1])
    slopes = math.cast(shaping.concat([first, inside, last], 0), f.dtype)
    return shaping.transpose(slopes, np.argsort(order).tolist())


# ------------------------------------------------------------------------------------------------------------------ fitting
def _vander(x, N=None, increasing=False):
    x = as_array(x)
    if x.ndim != 1 or not x.dtype.is_floating or N is not None and N < 0:
        refuse()
    powers = np.arange(x.shape[0] if N is None else N)
    x = math.cast(x, np.result_type(x.dtype.as_numpy_dtype, int))
    return math.pow(shaping.reshape(x, [-1, 1]), math.cast(powers if increasing else powers[::-1], x.dtype))


def _polyfit(x, y, deg, rcond=None, full=False, w=None, cov=False):
    """The coefficients of least squares, by q @ r of the powers of x, each of length 1.  Where these do not determine them NumPy says so, of
    an x that is no tensor; else they are nan, as no way is chosen by an x that is computed."""
    if full or cov or rcond is not None or not isinstance(deg, (int, np.integer)):
        refuse()
    given, x, y = x, math.cast(as_array(x), "float64"), math.cast(as_array(y), "float64")
    if x.ndim != 1 or y.ndim not in (1, 2) or x.shape[0] != y.shape[0] or not 0 <= deg < x.shape[0]:
        refuse()
    powers = _vander(x, int(deg) + 1)
    right = shaping.reshape(y, [y.shape[0], -1])
    if w is not None:
        weights = shaping.reshape(math.cast(as_array(w), "float64"), [-1, 1])
        powers, right = powers * weights, right * weights
    length = math.sqrt(math.reduce_sum(powers * powers, 0))
    q, r = linalg.qr(powers / length)
    determined = math.reduce_min(math.abs(linalg.diag_part(r))) > x.shape[0] * np.finfo(float).eps
    if not is_tensor(given) and not determined:
        refuse()
    r = indexing.where(determined, r, np.nan)
    c = linalg.solve(r, linalg.matmul(q, right, transpose_a=True)) / shaping.reshape(length, [-1, 1])
    return shaping.reshape(c, [c.shape[0], *y.shape[1:]])


# ------------------------------------------------------------------------------------------------------------------- pieces
def _common(pairs):
    """The dtype of all of pairs (what was given, as a tensor), in which Python's numbers count as NumPy's weak ones."""
    return np.result_type(*[x if isinstance(x, (int, float)) else t.dtype.as_numpy_dtype for x, t in pairs])


def _select(condlist, choicelist, default=0):
    """The first choice whose condition holds, else the default."""
    conditions = [as_array(c) for c in condlist]
    if len(conditions) != len(choicelist) or not conditions or any(not c.dtype.is_bool for c in conditions):
        refuse()
    choices = [as_array(c) for c in choicelist]
    dtype = _common([*zip(choicelist, choices), (default, as_array(default))])
    y = math.cast(as_array(default), dtype)
    for condition, choice in reversed(list(zip(conditions, choices))):
        y = indexing.where(condition, math.cast(choice, dtype), y)
    return y


def _piecewise(x, condlist, funclist, *args, **kw):
    """Each function of the elements where its condition holds, the last one that does; one function more is for all others."""
    x = as_array(x)
    if not x.ndim:                              # x[mask] is a vector
        masks = [shaping.reshape(as_array(m), [1]) for m in (condlist if isinstance(condlist, (list, tuple)) else [condlist])]
        return shaping.reshape(_piecewise(shaping.reshape(x, [1]), masks, funclist, *args, **kw), [])
    masks = condlist if isinstance(condlist, (list, tuple)) and np.ndim(condlist[0]) == x.ndim else [condlist]
    masks = [as_array(m) for m in masks]
    if any(not m.dtype.is_bool or m.shape != x.shape for m in masks) or len(funclist) not in (len(masks), len(masks) + 1):
        refuse()
    if len(funclist) > len(masks):
        masks.append(math.logical_not(math.reduce_any(shaping.stack(masks), 0)))
    y = math.cast(np.zeros(tuple(x.shape)), x.dtype)
    for mask, f in zip(masks, funclist):
        places = indexing.where(mask)           # recorded: as a branch on their number
        if not len(places):
            continue
        part = f(indexing.gather_nd(x, places), *args, **kw) if callable(f) else f
        y = indexing.tensor_scatter_nd_update(y, places, shaping.broadcast_to(math.cast(as_array(part), x.dtype), [len(places)]))
    return y


def _linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0, **rest):
    if retstep or dtype is not None or any(v is not None for v in rest.values()) or not isinstance(num, (int, np.integer)) or num < 0:
        refuse()
    a, b = as_array(start), as_array(stop)
    dtype = np.result_type(_common([(start, a), (stop, b)]), 1.0)
    shape = np.broadcast_shapes(tuple(a.shape), tuple(b.shape))
    t = math.cast(np.linspace(0.0, 1.0, num, endpoint).reshape([-1] + [1] * len(shape)), dtype)
    return np.moveaxis(math.cast(a, dtype) * (1 - t) + math.cast(b, dtype) * t, 0, axis)


def _geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    """start**(1 - t) * stop**t, whose ends are exact; both negated where start is negative."""
    a, b = as_array(start), as_array(stop)
    if dtype is not None or not isinstance(num, (int, np.integer)) or num < 0 or math.reduce_any(math.logical_or(math.equal(a, 0), math.equal(b, 0))):
        refuse()
    t = np.linspace(0.0, 1.0, num, endpoint).reshape([-1] + [1] * max(a.ndim, b.ndim))
    dtype = np.geomspace(*[np.ones([1] * x.ndim, x.dtype.as_numpy_dtype) for x in (a, b)], 1).dtype      # which hangs on NumPy's version
    a, b, t = (math.cast(x, dtype) for x in (a, b, t))
    sign = math.sign(a)
    return np.moveaxis(sign * math.pow(a * sign, 1.0 - t) * math.pow(b * sign, t), 0, axis)


def _meshgrid(*xi, copy=True, sparse=False, indexing="xy"):
    if sparse or any(np.ndim(x) > 1 for x in xi):
        refuse()
    return type(np.meshgrid(0.0))(shaping.meshgrid(*[as_array(x) for x in xi], indexing=indexing))


def _along_axis(func1d, axis, arr, *args, **kwargs):
    """func1d of each vector along the axis; the dimensions of its result stand there."""
    x = as_array(arr)
    axis = axis_of(axis, x.ndim)
    kept = [k for k in range(x.ndim) if k != axis]
    shape = [x.shape[k] for k in kept]
    rows = shaping.reshape(shaping.transpose(x, [*kept, axis]), [-1, x.shape[axis]])
    if not rows.shape[0]:
        refuse()
    y = shaping.stack([as_array(func1d(row, *args, **kwargs)) for row in shaping.unstack(rows)])
    inner = list(range(len(kept), len(kept) + y.ndim - 1))
    return shaping.transpose(shaping.reshape(y, [*shape, *y.shape[1:]]), [*range(axis), *inner, *range(axis, len(kept))])


# fmt: off
CURVES = {
    "interp":            _interp,
    "gradient":          _gradient,
    "vander":            _vander,
    "polyfit":           _polyfit,
    "select":            _select,
    "piecewise":         _piecewise,
    "linspace":          _linspace,
    "geomspace":         _geomspace,
    "meshgrid":          _meshgrid,
    "apply_along_axis":  _along_axis,
}
# fmt: on
