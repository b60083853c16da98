"""More of NumPy's functions on tensors, each a formula of what there is: np.diff(t) is t[1:] - t[:-1], and records.

As in arrays.py an adaptor takes what it gives NumPy's meaning, and refuses the rest.  np.copy, np.atleast_1d and their like are not among
them: with these libraries make arrays of what a user's function returns, and would go on with tensors (SciPy's BFGS).
"""

import functools

import numpy as np

from . import constants, indexing, linalg, math, ops, repeating, shaping, stable
from ._core import convert
from .arguments import tensors
from .arrays import FORMULAS, FUNCTIONS, SPECIAL_FORMULAS, as_array, as_arrays, axis_of, flat_if_none, in_dtype, refuse
from .custom_gradient import stop_gradient
from .numpy_closeness import CLOSENESS
from .numpy_curves import CURVES
from .numpy_linalg import LINALG
from .numpy_moves import MOVES, moved
from .numpy_places import PLACES
from .numpy_polynomials import POLYNOMIALS
from .numpy_statistics import STATISTICS
from .scipy_functions import SCIPY_FUNCTIONS

__all__ = []


def _part(x, axis, start, stop):
    """x[start:stop] along an axis."""
    return x[(slice(None),) * axis_of(axis, x.ndim) + (slice(start, stop),)]


def _flat(x):
    return shaping.reshape(x, [-1])


def _diff(a, n=1, axis=-1, prepend=None, append=None):
    if n < 0:
        refuse()
    a = as_array(a)
    if n and (prepend is not None or append is not None):
        parts = as_arrays(*[x for x in (prepend, a, append) if x is not None])
        one = [1 if k == axis_of(axis, a.ndim) else size for k, size in enumerate(a.shape)]
        a = shaping.concat([x if x.ndim else shaping.broadcast_to(x, one) for x in parts], axis)
    for _ in range(n):
        a = _part(a, axis, 1, None) - _part(a, axis, None, -1)
    return a


def _append(arr, values, axis=None):
    arr, values = as_arrays(arr, values)
    return shaping.concat([_flat(arr), _flat(values)], 0) if axis is None else shaping.concat([arr, values], axis)


def _trapezoid(y, x=None, dx=1.0, axis=-1):
    y, x = (as_array(y), None) if x is None else as_arrays(y, x)
    if not y.ndim or x is not None and x.ndim not in (1, y.ndim):
        refuse()
    axis = axis_of(axis, y.ndim)
    steps = dx if x is None else _diff(x, axis=axis) if x.ndim == y.ndim else shaping.reshape(_diff(x), [-1] + [1] * (y.ndim - 1 - axis))
    return math.reduce_sum(steps * (_part(y, axis, 1, None) + _part(y, axis, None, -1)) / 2.0, axis)


def _average(a, axis=None, weights=None, returned=False, keepdims=False):
    a = as_array(a)
    if returned or not a.dtype.is_floating:
        refuse()
    if weights is None:
        return math.reduce_mean(a, axis, keepdims)
    a, weights = as_arrays(a, weights)
    if tuple(weights.shape) != tuple(a.shape):
        if not isinstance(axis, int) or weights.ndim != 1:
            refuse()
        weights = shaping.reshape(weights, [-1] + [1] * (a.ndim - 1 - axis_of(axis, a.ndim)))
    return math.reduce_sum(a * weights, axis, keepdims) / math.reduce_sum(shaping.broadcast_to(weights, a.shape), axis, keepdims)


def _columns(tup):
    parts = [as_array(x) for x in tup]
    return shaping.concat([shaping.reshape(x, [-1, 1]) if x.ndim < 2 else x for x in parts], 1)


def _cross(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """Of vectors with 3 elements along their axes; the other dimensions broadcast."""
    axisa, axisb, axisc = (axisa, axisb, axisc) if axis is None else (axis,) * 3
    a, b = (np.moveaxis(x, axis_of(k, x.ndim), -1) for x, k in zip(as_arrays(a, b), (axisa, axisb)))
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        refuse()
    shape = np.broadcast_shapes(tuple(a.shape), tuple(b.shape))
    return np.moveaxis(linalg.cross(shaping.broadcast_to(a, shape), shaping.broadcast_to(b, shape)), -1, axisc)


def _arg(name):
    """The adaptor that there is, with the dimensions kept if that is asked."""
    adaptor = FUNCTIONS[getattr(np, name)]

    def kept(a, axis=None, out=None, *, keepdims=False):
        y, rank = adaptor(a, axis, out), np.ndim(a)
        return y if not keepdims else shaping.reshape(y, [1] * rank) if axis is None else shaping.expand_dims(y, axis_of(axis, rank))

    return kept


def _kron(a, b):
    a, b = as_arrays(a, b)
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
    if mode in ("edge", "wrap") and not kwargs:
        return moved(lambda at: np.pad(at, pad_width, mode), x)
    if kwargs or mode not in ("constant", "reflect", "symmetric") or np.ndim(value) or isinstance(pad_width, dict):
        refuse()
    widths = np.broadcast_to(np.asarray(pad_width), (x.ndim, 2))
    if mode != "constant" and (widths.T > np.array(x.shape) - (mode == "reflect")).any():      # to and fro
        return moved(lambda at: np.pad(at, pad_width, mode), x)
    return repeating.pad(x, widths.tolist(), mode.upper(), **({"constant_values": value} if mode == "constant" else {}))


def _ediff1d(ary, to_end=None, to_begin=None):
    x = _flat(as_array(ary))
    parts = [_flat(math.cast(as_array(each), x.dtype)) for each in (to_begin, to_end) if each is not None]
    parts.insert(0 if to_begin is None else 1, x[1:] - x[:-1])
    return shaping.concat(parts, 0)


def _cumulative(scan, neutral):
    def adaptor(x, axis=None, dtype=None, out=None, include_initial=False):
        x = as_array(x)
        if dtype is not None or out is not None or axis is None and x.ndim != 1:
            refuse()
        axis = axis_of(0 if axis is None else axis, x.ndim)
        y = scan(x, axis)
        first = [1 if k == axis else n for k, n in enumerate(x.shape)]
        return shaping.concat([math.cast(np.full(first, neutral), x.dtype), y], axis) if include_initial else y

    return adaptor


def _unwrap(p, discont=None, axis=-1, *, period=2 * np.pi):
    """p with whole periods added where it jumps by more than half of one; they are constants to its gradient."""
    p = as_array(p)
    if not p.dtype.is_floating or not isinstance(period, (int, float)):
        refuse()
    half, jump = period / 2, _diff(p, axis=axis)
    least = half if discont is None else max(discont, half)
    inside = math.mod(jump + half, period) - half
    inside = indexing.where(math.logical_and(math.equal(inside, -half), jump > 0), half, inside)
    steps = indexing.where(math.abs(jump) < least, 0.0, inside - jump)
    steps = stop_gradient(math.cumsum(steps, axis % p.ndim))
    return shaping.concat([_part(p, axis, None, 1), _part(p, axis, 1, None) + steps], axis)


def _bincount(x, /, weights=None, minlength=0):
    if weights is None:
        refuse()
    index, weights = as_array(x), math.cast(as_array(weights), "float64")
    if index.ndim != 1 or index.shape != weights.shape or not index.dtype.is_integer:
        refuse()
    return math.bincount(index, weights, minlength)


def _choose(a, choices, out=None, mode="raise"):
    """One choice for each place, each a tensor of its own."""
    if out is not None or mode != "raise" or not isinstance(choices, (list, tuple)) or not choices:
        refuse()
    index, choices = np.asarray(as_array(a).numpy()), [as_array(c) for c in choices]
    if index.dtype.kind not in "iu" or index.size and not 0 <= index.min() <= index.max() < len(choices):
        refuse()
    dtype = np.result_type(*[c.dtype.as_numpy_dtype for c in choices])
    y = math.cast(choices[0], dtype)
    for k, choice in enumerate(choices[1:], 1):
        y = indexing.where(index == k, math.cast(choice, dtype), y)
    return shaping.broadcast_to(y, np.broadcast_shapes(index.shape, tuple(y.shape)))


def _logspace(start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0):
    return math.pow(base, CURVES["linspace"](start, stop, num, endpoint, False, dtype, axis)) if not np.ndim(base) else refuse()


def _like(front):
    """An adaptor of zeros_like and ones_like, which keep the shape."""

    def adaptor(a, dtype=None, order="K", subok=True, shape=None, **rest):
        return in_dtype(front(a), dtype) if shape is None else refuse()

    return adaptor


def _full_like(a, fill_value, dtype=None, order="K", subok=True, shape=None, **rest):
    if shape is not None or np.ndim(fill_value):
        refuse()
    a = in_dtype(convert(a), dtype)
    return constants.fill(a.shape, convert(fill_value, like=a))


def _round(a, decimals=0, out=None):
    """10^decimals times as much is rounded, as NumPy does."""
    a = as_array(a)
    if out is not None or not isinstance(decimals, (int, np.integer)) or abs(decimals) > 300 or decimals and not a.dtype.is_floating:
        refuse()
    power = 10.0 ** abs(int(decimals))
    return math.round(a) if not decimals else math.round(a * power) / power if decimals > 0 else math.round(a / power) * power


def _ptp(a, axis=None, out=None, keepdims=False):
    return np.max(a, axis, keepdims=keepdims) - np.min(a, axis, keepdims=keepdims) if out is None else refuse()


def _vdot(a, b):
    a, b = map(_flat, as_arrays(a, b))
    return math.reduce_sum(a * b) if a.shape == b.shape else refuse()


def _vecdot(a, b, axis=-1):
    if not a.ndim or not b.ndim or a.shape[axis] != b.shape[axis]:
        refuse()
    return math.reduce_sum(a * b, axis)


def _open_mesh(*args):
    """Vectors, each along a dimension of its own; truth values stand for places."""
    xs = [as_array(x) for x in args]
    if any(x.ndim != 1 or x.dtype.is_bool for x in xs) or not any(x.dtype.is_floating for x in xs):
        refuse()
    return tuple(shaping.reshape(x, [-1 if j == k else 1 for j in range(len(xs))]) for k, x in enumerate(xs))


def _partition(a, kth, axis):
    a, axis = flat_if_none(a, axis)
    n = a.shape[axis]
    return indexing.sort(a, axis) if all(-n <= k < n for k in np.ravel(kth)) else refuse()


def _ldexp(x, n):
    """x * 2**n, in factors that are there where 2**n is not: ldexp(1e300, -1100), whose 2**n would be 0."""
    most = 1000 if x.dtype.size == 8 else 100
    for _ in range(3):                                          # from the largest to the least
        part = math.clip_by_value(n, -most, most)
        x, n = x * math.pow(math.cast(2.0, x.dtype), math.cast(part, x.dtype)), n - part
    return x


def _truncated(x):
    return indexing.where(x < 0, math.ceil(x), math.floor(x))


def _of_tensors(formula, *xs):
    return formula(*tensors("NumPy", *xs))


def _rel_entr(x, y):
    """x log(x / y): 0 at (0, 0), where the quotient is nan; inf below 0."""
    y = indexing.where(math.logical_and(math.equal(x, 0), math.equal(y, 0)), 1.0, y + 0.0)      # not -0.0: x / -0.0 has no logarithm
    return indexing.where(math.minimum(x, y) < 0, np.inf, math.xlogy(x, x / y))


def _kl_div(x, y):
    return indexing.where(math.minimum(x, y) < 0, np.inf, _rel_entr(x, y) - x + y)


def _pseudo_huber(delta, r):
    """delta^2 (sqrt(1 + (r / delta)^2) - 1); as huber it is 0 at delta = 0, and inf below."""
    y = delta * delta * math.expm1(0.5 * math.log1p((r / indexing.where(math.equal(delta, 0), 1.0, delta)) ** 2))
    return indexing.where(delta < 0, np.inf, y)


def _boxcox(logarithm):
    """(exp(power * y) - 1) / power with y = logarithm(x), and y where power is 0, beside which there is no difference of equals."""

    def formula(x, power):
        y = logarithm(x)
        return _but_of_infinity(y, power, lambda y: y * stable.expm1_over_x(power * y), lambda power: math.expm1(power * y) / power, lambda y: y)

    return formula


def _inv_boxcox(exponential):
    def formula(y, power):
        return _but_of_infinity(y, power, lambda y: exponential(y * stable.log1p_over_x(power * y)),
                                lambda power: exponential(math.log1p(power * y) / power), exponential)  # fmt: skip

    return formula


def _but_of_infinity(y, power, formula, plain, none):
    """formula(y); of an infinite y plain(power), and none(y) where power is 0."""
    infinite, zero = math.is_inf(y), math.equal(power, 0)
    end = indexing.where(zero, none(y), plain(indexing.where(zero, 1.0, power)))
    return indexing.where(infinite, end, formula(indexing.where(infinite, 1.0, y)))


def _fdtr(dfn, dfd, x):
    """By x alone it has a gradient: betainc has none by its parameters, and half of one would be wrong."""
    dfn, dfd = stop_gradient(dfn), stop_gradient(dfd)
    share = indexing.where(math.equal(x, np.inf), 1.0, dfn * x / (dfn * x + dfd))
    return math.betainc(0.5 * dfn, 0.5 * dfd, indexing.where(x < 0, np.nan, share))


def _is_gamma_negative(x):
    """Below 0 it changes sign at every whole number."""
    return math.logical_and(x < 0, math.not_equal(math.mod(math.floor(x), 2.0), 0.0))


def _beta(a, b):
    """gamma(a) gamma(b) / gamma(a + b), by its logarithm."""
    y, negative = math.exp(math.betaln(a, b)), [_is_gamma_negative(x) for x in (a, b, a + b)]
    return indexing.where(functools.reduce(math.logical_xor, negative), -y, y)


def _gamma(x):
    """By its logarithm, to some 1e-15 times that; at whole numbers below 0 there is none."""
    y = math.exp(math.lgamma(x))
    y = indexing.where(_is_gamma_negative(x), -y, y)
    y = indexing.where(math.equal(x, 0), 1.0 / x, y)            # an infinity of the sign of 0
    return indexing.where(math.logical_and(x < 0, math.equal(x, math.floor(x))), np.nan, y)


def _of_views(function):
    """What is asked of memory: of a tensor's own, which np.asarray shows, not of a copy."""
    return lambda a, b, max_work=None: function(np.asarray(a), np.asarray(b), max_work=max_work)


def _larger(pick):
    """fmax and fmin: a number rather than nan."""
    return lambda a, b: indexing.where(math.is_nan(a), b, indexing.where(math.is_nan(b), a, pick(a, b)))


# fmt: off
MORE = {
    "shares_memory":    _of_views(np.shares_memory),
    "may_share_memory": _of_views(np.may_share_memory),
    "diff":             _diff,
    "append":           _append,
    "trapezoid":        _trapezoid,
    "trapz":            _trapezoid,             # before NumPy 2
    "average":          _average,
    "column_stack":     _columns,
    "cross":            _cross,
    "argmax":           _arg("argmax"),
    "argmin":           _arg("argmin"),
    "kron":             _kron,
    "triu":             _triangle(np.triu),
    "tril":             _triangle(np.tril),
    "pad":              _pad,
    "flipud":           lambda m: shaping.reverse(as_array(m), [0]),
    "fliplr":           lambda m: shaping.reverse(as_array(m), [1]),
    "round":            _round,
    "around":           _round,
    "ptp":              _ptp,
    "i0":               lambda x: math.bessel_i0(x),
    "vdot":             _vdot,
    "ix_":              _open_mesh,
    "ediff1d":          _ediff1d,
    "cumulative_sum":   _cumulative(math.cumsum, 0),
    "cumulative_prod":  _cumulative(math.cumprod, 1),
    "unwrap":           _unwrap,
    "diagflat":         lambda v, k=0: linalg.diag(_flat(as_array(v)), k=k),
    "matrix_transpose": linalg.matrix_transpose,
    "linalg.matrix_transpose": linalg.matrix_transpose,
    "linalg.matmul":    lambda x1, x2: np.matmul(x1, x2),
    "linalg.outer":     lambda x1, x2: np.outer(x1, x2) if np.ndim(x1) == np.ndim(x2) == 1 else refuse(),
    "linalg.cross":     lambda x1, x2, *, axis=-1: _cross(x1, x2, axis=axis),
    "linalg.tensordot": lambda x1, x2, *, axes=2: np.tensordot(x1, x2, axes),
    "linalg.vecdot":    lambda x1, x2, *, axis=-1: _vecdot(as_array(x1), as_array(x2), axis),
    "linalg.trace":     lambda x, *, offset=0, dtype=None: linalg.trace(x) if offset == 0 and dtype is None else refuse(),
    "linalg.diagonal":  lambda x, *, offset=0: linalg.diag_part(x, k=offset),
    "linalg.svdvals":   lambda x: linalg.svd(x, compute_uv=False),
    "bincount":         _bincount,
    "choose":           _choose,
    "partition":        lambda a, kth, axis=-1, kind="introselect", order=None: _partition(a, kth, axis) if order is None else refuse(),
    "logspace":         _logspace,
    "zeros_like":       _like(constants.zeros_like),
    "ones_like":        _like(constants.ones_like),
    "full_like":        _full_like,
    **CLOSENESS, **CURVES, **LINALG, **MOVES, **PLACES, **POLYNOMIALS, **STATISTICS,
}
# fmt: on

UFUNC_FORMULAS = {
    "deg2rad":    lambda x: x * (np.pi / 180),
    "radians":    lambda x: x * (np.pi / 180),
    "rad2deg":    lambda x: x * (180 / np.pi),
    "degrees":    lambda x: x * (180 / np.pi),
    "trunc":      _truncated,
    "fmax":       _larger(math.maximum),
    "fmin":       _larger(math.minimum),
    "fmod":       math.truncatemod,
    "divmod":     lambda a, b: (math.floordiv(a, b), math.floormod(a, b)),
    "modf":       lambda x: (indexing.where(math.is_inf(x), 0.0, x - _truncated(x)), _truncated(x)),
    "ldexp":      _ldexp,
    "heaviside":  lambda x, h: indexing.where(x < 0, 0.0, indexing.where(x > 0, 1.0, indexing.where(math.equal(x, 0), h, x))),  # nan stays
    "copysign":   lambda a, b: math.abs(a) * indexing.where(math.minimum(b, 1.0 / b) < 0, -1.0, constants.ones_like(b)),     # -0.0 has a sign too
    "logaddexp2": lambda a, b: ops.logaddexp(a * np.log(2.0), b * np.log(2.0)) / np.log(2.0),
    "vecdot":     lambda a, b: _vecdot(*as_arrays(a, b)),
    "matvec":     linalg.matvec,
    "vecmat":     lambda x, a: linalg.matvec(a, x, transpose_a=True),
}

# scipy.special's
SPECIAL_FORMULAS.update({name: functools.partial(_of_tensors, formula) for name, formula in {
    **SCIPY_FUNCTIONS,
    "erfcinv":      math.erfcinv,
    "entr":         lambda x: indexing.where(x < 0, -np.inf, math.entr(x)),
    "gamma":        _gamma,
    "beta":         _beta,
    "betaln":       math.betaln,
    "rel_entr":     _rel_entr,
    "kl_div":       _kl_div,
    "huber":        lambda delta, r: indexing.where(delta < 0, np.inf, indexing.where(math.abs(r) <= delta, 0.5 * r * r, delta * (math.abs(r) - 0.5 * delta))),
    "pseudo_huber": _pseudo_huber,
    "exp10":        lambda x: math.pow(10.0, x),
    "loggamma":     lambda x: indexing.where(x < 0, np.nan, math.lgamma(x)),
    "exprel":       lambda x: indexing.where(math.equal(x, np.inf), x, stable.expm1_over_x(indexing.where(math.equal(x, np.inf), 1.0, x))),
    "cosm1":        lambda x: -2.0 * math.square(math.sin(0.5 * x)),
    "boxcox":       _boxcox(math.log),
    "boxcox1p":     _boxcox(math.log1p),
    "inv_boxcox":   _inv_boxcox(math.exp),
    "inv_boxcox1p": _inv_boxcox(math.expm1),
    "chdtr":        lambda v, x: math.igamma(0.5 * v, 0.5 * x),
    "chdtrc":       lambda v, x: math.igammac(0.5 * v, 0.5 * x),
    "gdtr":         lambda a, b, x: math.igamma(b, a * x),
    "gdtrc":        lambda a, b, x: math.igammac(b, a * x),
    "fdtr":         _fdtr,
}.items()})  # fmt: skip

for _name, _adaptor in MORE.items():
    _function = functools.reduce(lambda place, part: getattr(place, part, None), _name.split("."), np)
    if _function is not None:
        FUNCTIONS[_function] = _adaptor
for _name, _formula in UFUNC_FORMULAS.items():
    if hasattr(np, _name):                      # vecdot is of NumPy 2.0, matvec and vecmat of 2.2
        FORMULAS[getattr(np, _name)] = functools.partial(_of_tensors, _formula)
