"""More of NumPy's functions on tensors, each a formula of what there is: np.diff(t) is t[1:] - t[:-1], and records.

As in arrays.py an adaptor takes what it gives NumPy's meaning, and refuses the rest.  np.copy, np.atleast_1d and their like are not among
them: with these libraries make arrays of what a user's function returns, and would go on with tensors (SciPy's BFGS).
"""

import functools

import numpy as np

from . import indexing, linalg, math, repeating, shaping
from .arrays import FUNCTIONS, as_array, refuse

__all__ = []


def _part(x, axis, start, stop):
    """x[start:stop] along an axis."""
    return x[(slice(None),) * (axis % x.ndim) + (slice(start, stop),)]


def _flat(x):
    return shaping.reshape(x, [-1])


def _diff(a, n=1, axis=-1, prepend=np._NoValue, append=np._NoValue):
    if prepend is not np._NoValue or append is not np._NoValue or n < 0:
        refuse()
    a = as_array(a)
    for _ in range(n):
        a = _part(a, axis, 1, None) - _part(a, axis, None, -1)
    return a


def _append(arr, values, axis=None):
    arr, values = as_array(arr), as_array(values)
    return shaping.concat([_flat(arr), _flat(values)], 0) if axis is None else shaping.concat([arr, values], axis)


def _trapezoid(y, x=None, dx=1.0, axis=-1):
    y = as_array(y)
    if x is not None and np.ndim(x) != 1:
        refuse()
    steps = dx if x is None else _diff(x)
    if x is not None:                           # along that axis
        steps = shaping.reshape(steps, [-1] + [1] * (y.ndim - 1 - axis % y.ndim))
    return math.reduce_sum(steps * (_part(y, axis, 1, None) + _part(y, axis, None, -1)) / 2.0, axis)


def _average(a, axis=None, weights=None, returned=False, keepdims=False):
    a = as_array(a)
    if returned or not a.dtype.is_floating:
        refuse()
    if weights is None:
        return math.reduce_mean(a, axis, keepdims)
    weights = as_array(weights)
    if tuple(weights.shape) != tuple(a.shape):
        if not isinstance(axis, int) or weights.ndim != 1:
            refuse()
        weights = shaping.reshape(weights, [-1] + [1] * (a.ndim - 1 - axis % a.ndim))
    return math.reduce_sum(a * weights, axis, keepdims) / math.reduce_sum(shaping.broadcast_to(weights, a.shape), axis, keepdims)


def _columns(tup):
    parts = [as_array(x) for x in tup]
    return shaping.concat([shaping.reshape(x, [-1, 1]) if x.ndim < 2 else x for x in parts], 1)


def _kron(a, b):
    a, b = as_array(a), as_array(b)
    rank = max(a.ndim, b.ndim)
    a, b = ([1] * (rank - x.ndim) + list(x.shape) for x in (a, b)), (a, b)
    (rows, columns), (left, right) = a, b
    left = shaping.reshape(left, [k for n in rows for k in (n, 1)])
    right = shaping.reshape(right, [k for n in columns for k in (1, n)])
    return shaping.reshape(left * right, [m * n for m, n in zip(rows, columns)])


def _triangle(keep):
    def adaptor(m, k=0):
        m = as_array(m)
        if m.ndim < 2:
            refuse()
        return indexing.where(keep(np.ones(m.shape[-2:], bool), k), m, math.cast(0, m.dtype))

    return adaptor


def _pad(array, pad_width, mode="constant", **kwargs):
    x = as_array(array)
    value = kwargs.pop("constant_values", 0)
    if kwargs or mode not in ("constant", "reflect", "symmetric") or np.ndim(value) or isinstance(pad_width, dict):
        refuse()
    widths = np.broadcast_to(np.asarray(pad_width), (x.ndim, 2))
    return repeating.pad(x, widths.tolist(), mode.upper(), **({"constant_values": value} if mode == "constant" else {}))


def _power(a, n):
    if not isinstance(n, (int, np.integer)) or n < 1:
        refuse()
    return functools.reduce(linalg.matmul, [as_array(a)] * int(n))


def _polyval(p, x):
    p = as_array(p)
    if p.ndim != 1 or not p.shape[0]:
        refuse()
    y = p[0] + 0.0 * as_array(x)
    for k in range(1, p.shape[0]):
        y = y * x + p[k]
    return y


def _convolve(a, v, mode="full"):
    a, v = as_array(a), as_array(v)
    if a.ndim != 1 or v.ndim != 1 or mode not in ("full", "same", "valid") or not a.shape[0] or not v.shape[0]:
        refuse()
    a, v = (a, v) if a.shape[0] >= v.shape[0] else (v, a)
    n, m = a.shape[0], v.shape[0]
    room = repeating.pad(a, [[m - 1, m - 1]])
    y = linalg.matvec(indexing.gather(room, np.arange(n + m - 1)[:, None] + np.arange(m)), v[::-1])
    first, size = {"full": (0, n + m - 1), "same": ((m - 1) // 2, n), "valid": (m - 1, n - m + 1)}[mode]
    return y[first : first + size]


def _median(a, axis=None, out=None, overwrite_input=False, keepdims=False):
    if out is not None or keepdims or not (axis is None or isinstance(axis, int)):
        refuse()
    a = as_array(a)
    a, axis = (_flat(a), 0) if axis is None else (a, axis)
    n = a.shape[axis]
    if not n or not a.dtype.is_floating:
        refuse()
    return math.reduce_mean(_part(indexing.sort(a, axis=axis), axis, (n - 1) // 2, n // 2 + 1), axis)


def _roll(a, shift, axis=None):
    if axis is not None or np.ndim(shift):
        return _ROLL(a, shift, axis)
    return shaping.reshape(shaping.roll(_flat(a), shift, 0), as_array(a).shape)


_ROLL = FUNCTIONS[np.roll]
# fmt: off
MORE = {
    "diff":             _diff,
    "append":           _append,
    "trapezoid":        _trapezoid,
    "trapz":            _trapezoid,             # before NumPy 2
    "average":          _average,
    "column_stack":     _columns,
    "cross":            lambda a, b, axisa=-1, axisb=-1, axisc=-1, axis=None: linalg.cross(as_array(a), as_array(b))
                        if as_array(a).shape == as_array(b).shape and (axisa, axisb, axisc, axis) == (-1, -1, -1, None) and as_array(a).shape[-1] == 3 else refuse(),
    "kron":             _kron,
    "triu":             _triangle(np.triu),
    "tril":             _triangle(np.tril),
    "pad":              _pad,
    "flipud":           lambda m: shaping.reverse(as_array(m), [0]),
    "fliplr":           lambda m: shaping.reverse(as_array(m), [1]),
    "ptp":              lambda a, axis=None, out=None, keepdims=False: math.reduce_max(a, axis, keepdims) - math.reduce_min(a, axis, keepdims) if out is None else refuse(),
    "vdot":             lambda a, b: math.reduce_sum(_flat(as_array(a)) * _flat(as_array(b))),
    "nansum":           lambda a, axis=None, **kw: math.reduce_sum(indexing.where(math.is_nan(a), math.cast(0, as_array(a).dtype), a), axis) if not kw else refuse(),
    "polyval":          _polyval,
    "convolve":         _convolve,
    "median":           _median,
    "roll":             _roll,
    "linalg.multi_dot": lambda arrays, *, out=None: functools.reduce(np.dot, arrays) if out is None else refuse(),
    "linalg.matrix_power": _power,
}
# fmt: on

for _name, _adaptor in MORE.items():
    _function = functools.reduce(lambda place, part: getattr(place, part, None), _name.split("."), np)
    if _function is not None:
        FUNCTIONS[_function] = _adaptor
