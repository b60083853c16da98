"""NumPy's protocols: np.exp(tensor) finds its row, np.sum(tensor, axis=0) its front, and both record.

A ufunc is found through the `numpy=` column of the table.  Other functions take NumPy's arguments, which differ from
TensorFlow's by name; their adaptors stand in FUNCTIONS, and take only what they give NumPy's meaning.  What has neither, or arguments
that only NumPy's own function takes, is computed by NumPy on values: nothing of it can be recorded, which `lost` says where a tape was
following.
"""

import importlib
import sys

import numpy as np

from . import constants, dtypes, errors, indexing, linalg, math, ops, repeating, shaping
from ._core import Tensor, apply, convert, holders_of, is_tensor, lost, set_numpy_holders, set_numpy_hooks

UFUNCS = {getattr(np, name): row for row in ops.ROWS.values() for name in row.numpy if isinstance(getattr(np, name, None), np.ufunc)}

# scipy.special's, by name, as it may never be imported.
SPECIAL = {"gammaln": "lgamma", "psi": "digamma", "digamma": "digamma", "gammainc": "igamma", "gammaincc": "igammac", "expit": "sigmoid",
           "log_expit": "log_sigmoid", "i0": "bessel_i0", "i1": "bessel_i1", "i0e": "bessel_i0e", "i1e": "bessel_i1e",
           **{name: name for name in ("erf", "erfc", "erfcx", "erfinv", "ndtr", "ndtri", "log_ndtr", "logit", "xlogy", "xlog1py", "betainc",
                                      "cbrt", "exp2", "expm1", "log1p", "softplus")}}  # fmt: skip
SPECIAL_FORMULAS = {}  # of numpy_functions.py

FORMULAS = {np.conjugate: math.conj,  # and those of numpy_functions.py
            np.float_power: lambda a, b: math.pow(math.cast(as_array(a), dtypes.float64), math.cast(as_array(b), dtypes.float64))}  # fmt: skip

# What ufunc.accumulate and ufunc.reduce come to.
SCANS = {np.add: math.cumsum, np.multiply: math.cumprod, np.logaddexp: math.cumulative_logsumexp}
REDUCTIONS = {np.add: math.reduce_sum, np.multiply: math.reduce_prod, np.maximum: math.reduce_max, np.minimum: math.reduce_min,
              np.logical_and: math.reduce_all, np.logical_or: math.reduce_any, np.logaddexp: math.reduce_logsumexp}  # fmt: skip

OF_MASKS = {np.add: np.logical_or, np.maximum: np.logical_or, np.multiply: np.logical_and, np.minimum: np.logical_and}
OF_TRUTH = {np.logical_and, np.logical_or, np.logical_xor, np.logical_not}      # of what is not 0


# ----------------------------------------------------------------------------------------------------------------- ufuncs
def ufunc(function, method, inputs, kwargs):
    """What __array_ufunc__ comes to."""
    out, dtype = kwargs.pop("out", None), kwargs.pop("dtype", None)
    plain = out is None and not {k for k, v in kwargs.items() if k not in ("axis", "keepdims") or method not in ("reduce", "accumulate")}
    if plain and method == "__call__" and (function in UFUNCS or function is np.matmul or _is_of_scipy(function)):
        if dtype is not None and _numpys(dtype).kind == "f":
            inputs = [math.cast(as_array(x), _numpys(dtype)) for x in inputs]
        if function in OF_TRUTH:
            inputs = [_truth(x) for x in inputs]
        elif function in UFUNCS and not any(convert(x).dtype.is_floating for x in inputs) and not any(loop[0] == "l" for loop in function.types):
            inputs = [math.cast(as_array(x), "float64") for x in inputs]                # as NumPy has whole numbers before their logarithms
        try:
            return in_dtype(_matmul(*inputs) if function is np.matmul else apply(UFUNCS[function], inputs, {}), dtype)
        except errors.DtypeError:
            if function in OF_MASKS and all(convert(x).dtype.is_bool for x in inputs):
                return OF_MASKS[function](*inputs)
            if function.nin > 1:                # which may stand for an operator
                raise
            _without_gradient(inputs)
    if plain and dtype is None and method == "__call__" and function in FORMULAS and any(convert(x).dtype.is_floating for x in inputs):
        try:
            return FORMULAS[function](*inputs)
        except Refused:
            pass
        except errors.DtypeError:
            _without_gradient(inputs)
    if plain and dtype is None and method == "outer" and function in UFUNCS:
        a, b = as_arrays(*inputs)
        return function(shaping.reshape(a, [*a.shape, *[1] * b.ndim]), b)
    if plain and dtype is None and method == "accumulate" and function in SCANS and convert(inputs[0]).dtype.is_floating:
        return SCANS[function](inputs[0], kwargs.get("axis", 0))
    if plain and method == "reduce" and function in REDUCTIONS and not (function in (np.maximum, np.minimum) and 0 in np.shape(inputs[0])):
        try:
            return REDUCTIONS[function](in_dtype(inputs[0], dtype), kwargs.get("axis", 0), kwargs.get("keepdims", False))
        except errors.DtypeError:  # of truth values, say, which NumPy counts; no gradient is lost by that
            _without_gradient(inputs)
    if method == "at":
        raise TypeError(f"np.{function.__name__}.at: tensors are immutable; use ad.tensor_scatter_nd_add(t, indices, updates)")
    if out is not None:
        if any(is_tensor(o) for o in out):
            raise TypeError(f"np.{function.__name__}: out= is a tensor, and tensors are immutable; leave it out, or assign to a variable")
        kwargs["out"] = out if len(out) > 1 else out[0]
    if dtype is not None:
        kwargs["dtype"] = _numpys(dtype)
    words = errors.called(function) + (" with out=" if out is not None else "")
    return getattr(function, method)(*_values(words, inputs), **{k: v if k == "out" else _values(words, v) for k, v in kwargs.items()})


def _is_of_scipy(function):
    """Is it a ufunc of scipy.special that is a row?  Then it is one of UFUNCS from now on, as what has a formula is one of FORMULAS."""
    special, name = sys.modules.get("scipy.special"), function.__name__
    if getattr(special, name, None) is function and name in SPECIAL_FORMULAS:
        FORMULAS[function] = SPECIAL_FORMULAS[name]
    if name not in SPECIAL or getattr(special, name, None) is not function:
        return False
    UFUNCS[function] = getattr(ops, SPECIAL[name])
    return True


def _numpys(dtype):
    """A dtype as NumPy understands it: `float` is float64."""
    return np.dtype(dtype.as_numpy_dtype if isinstance(dtype, dtypes.DType) else dtype)


def in_dtype(x, dtype):
    """x as NumPy has it before it adds up."""
    return x if dtype is None else math.cast(x, _numpys(dtype))


def _without_gradient(xs):
    """Raise what is being handled where one of the operands could have a gradient."""
    if any(is_tensor(x) and x.dtype.is_floating for x in xs):
        raise


def _matmul(a, b):
    """What a @ b is of tensors."""
    like = a if is_tensor(a) else b
    a, b = (x if isinstance(x, Tensor) else convert(x, like=convert(like)) for x in (a, b))
    return a @ b


def _values(words, values):
    """The same structure with NumPy values for tensors."""
    if isinstance(values, (list, tuple)):
        return type(values)([_values(words, v) for v in values]) if not hasattr(values, "_fields") else values
    if is_tensor(values):
        lost(values, words)
        return values.numpy()
    return values


# -------------------------------------------------------------------------------------------------------------- functions
def function(func, types, args, kwargs):
    """What __array_function__ comes to."""
    adaptor = FUNCTIONS.get(func)
    if adaptor is not None:
        try:
            return adaptor(*args, **{k: v for k, v in kwargs.items() if v is not np._NoValue})
        except Refused:
            pass
        except errors.DtypeError:
            _without_gradient(args)
    if func in QUIET:
        return func(*_quiet(args), **{k: _quiet(v) for k, v in kwargs.items()})
    words = errors.called(func)
    if func in WRITERS and is_tensor([*args, *kwargs.values()][0]) or is_tensor(kwargs.get("out")):
        raise TypeError(f"{words}: would write into a tensor, and tensors are immutable; write into t.numpy(), a copy, or assign to a variable")
    return func(*_values(words, args), **{k: _values(words, v) for k, v in kwargs.items()})


def _quiet(values):
    if isinstance(values, (list, tuple)) and not hasattr(values, "_fields"):
        return type(values)([_quiet(v) for v in values])
    return values.numpy() if is_tensor(values) else values


class Refused(Exception):
    """An argument that only NumPy's own function takes."""


def _front(front):
    """An adaptor for front(x, axis, keepdims) to NumPy's reductions."""
    extreme, of_truth = front in (math.reduce_max, math.reduce_min), front in (math.reduce_any, math.reduce_all)

    def adaptor(a, axis=None, dtype=None, out=None, keepdims=False, **rest):
        if out is not None or any(v is not None and v is not np._NoValue for v in rest.values()):
            raise Refused
        a = _counted(front, in_dtype(convert(a), dtype))
        y = front(_truth(a) if of_truth else a, axis, keepdims)
        if extreme and 0 in a.shape and 0 not in y.shape:       # of nothing there is none in NumPy
            raise Refused
        return y

    return adaptor


def _counted(front, a):
    """Truth values are counted, and whole numbers have a mean that is none."""
    if a.dtype.is_floating:
        return a
    if front in (math.reduce_mean, math.reduce_std, math.reduce_variance):
        return math.cast(a, "float64")
    return math.cast(a, "int64") if a.dtype.is_bool and front in (math.reduce_sum, math.reduce_prod) else a


def _truth(x):
    x = convert(x)
    return x if x.dtype is dtypes.bool else math.not_equal(x, 0)


def _std(root):
    front = _front(math.reduce_std if root else math.reduce_variance)

    def adaptor(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, correction=0, **rest):
        y = front(a, axis, dtype, out, keepdims, **rest)
        if not (ddof := ddof or correction):
            return y
        n = convert(a).shape.num_elements() // max(convert(y).shape.num_elements(), 1)    # numbers in each result
        return y * ((n / (n - ddof)) ** (0.5 if root else 1) if n > ddof else np.nan)

    return adaptor


def _scan(front):
    def adaptor(a, axis=None, dtype=None, out=None):
        if out is not None:
            raise Refused
        return front(*flat_if_none(in_dtype(as_array(a), dtype), axis))

    return adaptor


def flat_if_none(a, axis):
    """The array of one dimension that NumPy makes of `a` where no axis is given, and the axis."""
    return (shaping.reshape(a, [-1]), 0) if axis is None else (as_array(a), axis)


def _arg(front):
    def adaptor(a, axis=None, out=None):
        if out is not None:
            raise Refused
        return front(*flat_if_none(a, axis))

    return adaptor


def _concatenate(arrays, axis=0, out=None, **rest):
    if out is not None or rest:
        raise Refused
    return shaping.concat([shaping.reshape(a, [-1]) for a in arrays], 0) if axis is None else shaping.concat(list(arrays), axis)


def _stack(arrays, axis=0, out=None, **rest):
    if out is not None or rest:
        raise Refused
    return shaping.stack(list(arrays), axis)


def _clip(a, a_min=None, a_max=None, out=None, **rest):
    if out is not None:
        raise Refused
    low, high = rest.pop("min", a_min), rest.pop("max", a_max)
    if rest:
        raise Refused
    if low is None:
        return a if high is None else math.minimum(a, high)
    return math.maximum(a, low) if high is None else math.clip_by_value(a, low, high)


def _dot(a, b, out=None):
    if out is not None:
        raise Refused
    if not (type(a) is type(b) is Tensor):
        a, b = as_arrays(a, b) if np.ndim(a) and np.ndim(b) else (a, b)
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return a * b
    if a.ndim <= 2 and b.ndim <= 2:
        return a @ b
    if b.ndim == 1:
        return linalg.tensordot(a, b, 1)
    return linalg.tensordot(a, b, [[a.ndim - 1], [b.ndim - 2]])


def as_array(x):
    """x with the dtype that NumPy gives it: a list of floats has float64.  Tensors in a list are followed."""
    if isinstance(x, Tensor):
        return x
    if is_tensor(x) or isinstance(x, np.ndarray):
        return convert(x)
    values = np.asarray(_quiet(x))
    return _stacked(x, dtypes.as_dtype(values.dtype)) if isinstance(x, (list, tuple)) and _holds_tensors(x) else convert(values)


def as_arrays(*xs):
    """Operands as tensors: integers that are none take the dtype of a tensor of floats among them, as beside an operator."""
    tensors = [as_array(x) for x in xs]
    like = next((t for t, x in zip(tensors, xs) if is_tensor(x) and t.dtype.is_floating), None)
    return [convert(x, like=like) if like is not None and t.dtype.is_integer and not is_tensor(x) else t for t, x in zip(tensors, xs)]


def places_of(indices):
    """A tensor of integers; of arrays also those of dtypes that tensors have not."""
    if not is_tensor(indices):
        indices = np.asarray(_quiet(indices))
        indices = indices.astype(np.int64) if indices.dtype.kind in "iu" else indices
    t = as_array(indices)
    return t if t.dtype.is_integer else refuse()


def _holds_tensors(x):
    return any(is_tensor(e) or isinstance(e, (list, tuple)) and _holds_tensors(e) for e in x)


def _stacked(x, dtype):
    if isinstance(x, (list, tuple)):
        return shaping.stack([_stacked(e, dtype) for e in x])
    return math.cast(as_array(x), dtype)


def _where(condition, x=None, y=None):
    if x is None:
        raise Refused
    return indexing.where(_truth(condition), x, y)


def _reshape(a, shape=None, order="C", newshape=None, **rest):
    if order != "C" or rest:
        raise Refused
    return shaping.reshape(a, newshape if shape is None else shape)


def _trace(a, offset=0, axis1=0, axis2=1, dtype=None, out=None):
    if out is not None:
        raise Refused
    a = in_dtype(a, dtype)
    if (offset, axis1, axis2) == (0, 0, 1) and np.ndim(a) == 2:
        return linalg.trace(a)
    return math.reduce_sum(np.diagonal(a, offset, axis1, axis2), -1)


def _take(a, indices, axis=None, out=None, mode="raise"):
    if out is not None or mode != "raise":
        raise Refused
    (a, axis), indices = flat_if_none(a, axis), places_of(indices)
    return indexing.gather(a, indexing.where(indices < 0, indices + a.shape[axis], indices), axis=axis)


def _flip(m, axis=None):
    return shaping.reverse(m, range(convert(m).ndim) if axis is None else axis if isinstance(axis, (tuple, list)) else [axis])


def _outer(a, b, out=None):
    if out is not None:
        raise Refused
    a, b = as_arrays(a, b)
    return shaping.reshape(a, [-1, 1]) * shaping.reshape(b, [1, -1])


def _hstack(tup, **rest):
    parts = [as_array(a) for a in tup]
    parts = [shaping.reshape(a, [1]) if a.ndim == 0 else a for a in parts]
    return _concatenate(parts, 0 if parts[0].ndim < 2 else 1, **rest)


def _at_least_2d(a):
    a = as_array(a)
    return a if a.ndim >= 2 else shaping.reshape(a, [1, -1])


def _split(ary, indices_or_sections, axis=0):
    if isinstance(indices_or_sections, (int, np.integer)):
        return shaping.split(ary, int(indices_or_sections), axis)
    size = convert(ary).shape[axis]
    edges = [0, *[min(max(i + size if i < 0 else i, 0), size) for i in indices_or_sections], size]
    if edges != sorted(edges):
        raise Refused
    return shaping.split(ary, [max(b - a, 0) for a, b in zip(edges, edges[1:])], axis)


# fmt: off
FRONTS = {np.sum: math.reduce_sum, np.mean: math.reduce_mean, np.prod: math.reduce_prod, np.max: math.reduce_max, np.min: math.reduce_min,
          np.amax: math.reduce_max, np.amin: math.reduce_min}
FUNCTIONS = {
    **{function: _front(front) for function, front in FRONTS.items()},
    np.any:            _front(math.reduce_any),
    np.all:            _front(math.reduce_all),
    np.var:            _std(False),
    np.std:            _std(True),
    np.cumsum:         _scan(math.cumsum),
    np.cumprod:        _scan(math.cumprod),
    np.argmax:         _arg(math.argmax),
    np.argmin:         _arg(math.argmin),
    np.concatenate:    _concatenate,
    np.stack:          _stack,
    np.vstack:         lambda tup, **kw: _concatenate([_at_least_2d(a) for a in tup], 0, **kw),
    np.hstack:         _hstack,
    np.where:          _where,
    np.clip:           _clip,
    np.dot:            _dot,
    np.inner:          lambda a, b: linalg.tensordot(*as_arrays(a, b), [[-1], [-1]]) if np.ndim(a) and np.ndim(b) else a * b,
    np.outer:          _outer,
    np.tensordot:      lambda a, b, axes=2: linalg.tensordot(*as_arrays(a, b), axes),
    np.linalg.inv:     linalg.inv,
    np.linalg.det:     linalg.det,
    np.linalg.cholesky: lambda a, *, upper=False: linalg.cholesky(a) if not upper else refuse(),
    np.linalg.slogdet: linalg.slogdet,
    np.linalg.eigh:    lambda a, UPLO="L": linalg.eigh(a) if UPLO in ("L", "l") else linalg.eigh(linalg.matrix_transpose(a)),
    np.linalg.eigvalsh: lambda a, UPLO="L": linalg.eigvalsh(a if UPLO in ("L", "l") else linalg.matrix_transpose(a)),
    np.trace:          _trace,
    np.diag:           lambda v, k=0: linalg.diag(v, k=k) if np.ndim(v) == 1 else linalg.diag_part(v, k=k) if np.ndim(v) == 2 else refuse(),
    np.diagonal:       lambda a, offset=0, axis1=0, axis2=1: linalg.diag_part(a, k=offset) if (axis1, axis2) == (0, 1) and convert(a).ndim == 2 else refuse(),
    np.reshape:        _reshape,
    np.ravel:          lambda a, order="C": _reshape(a, [-1], order),
    np.transpose:      lambda a, axes=None: shaping.transpose(a, axes),
    np.swapaxes:       lambda a, axis1, axis2: shaping.transpose(a, _order_by(np.swapaxes, a, axis1, axis2)),
    np.moveaxis:       lambda a, source, destination: shaping.transpose(a, _order_by(np.moveaxis, a, source, destination)),
    np.squeeze:        lambda a, axis=None: shaping.squeeze(a, axis),
    np.expand_dims:    lambda a, axis: shaping.expand_dims(a, axis) if not isinstance(axis, (tuple, list)) else refuse(),
    np.broadcast_to:   lambda array, shape, subok=False: shaping.broadcast_to(array, shape),
    np.flip:           _flip,
    np.roll:           lambda a, shift, axis=None: shaping.roll(a, shift, axis) if axis is not None and np.ndim(shift) == np.ndim(axis) else refuse(),
    np.repeat:         lambda a, repeats, axis=None: repeating.repeat(a, repeats, axis),
    np.tile:           lambda A, reps: repeating.tile(A, [reps] if isinstance(reps, int) else reps) if _same_rank(A, reps) else refuse(),
    np.split:          _split,
    np.array_split:    lambda ary, n, axis=0: refuse(),
    np.take:           _take,
    np.sort:           lambda a, axis=-1, kind=None, order=None, **kw: indexing.sort(*flat_if_none(a, axis)) if order is None else refuse(),
    np.count_nonzero:  lambda a, axis=None, keepdims=False: math.count_nonzero(a, axis, keepdims),
    np.real:           math.real,
    np.sinc:           math.sinc,
    np.shape:          lambda a: tuple(a.shape),
    np.ndim:           lambda a: a.ndim,
    np.size:           lambda a, axis=None: int(np.prod(a.shape)) if axis is None else a.shape[axis] if isinstance(axis, int) else refuse(),
}
# fmt: on

# What looks at values only, so that no gradient is expected of it.
QUIET = {np.allclose, np.isclose, np.array_equal, np.array_equiv, np.array_repr, np.array_str, np.array2string, np.save, np.savetxt,
         np.savez, np.may_share_memory, np.shares_memory, np.iscomplexobj, np.isrealobj, np.result_type, np.can_cast,
         np.common_type, np.min_scalar_type, np.nonzero, np.flatnonzero, np.argsort, np.searchsorted, np.argwhere,
         np.argpartition, np.digitize, np.lexsort, np.isin, np.nanargmax, np.nanargmin, np.isposinf, np.isneginf, np.isreal, np.iscomplex,
         np.empty_like, np.linalg.matrix_rank}  # fmt: skip

WRITERS = {np.copyto, np.put, np.place, np.putmask, np.fill_diagonal, np.put_along_axis}


def refuse():
    raise Refused


def _same_rank(a, reps):
    return convert(a).ndim == (1 if isinstance(reps, int) else len(reps))


def axis_of(axis, rank):
    """An axis as 0 .. rank - 1; for others NumPy has an error."""
    return axis % rank if -rank <= axis < rank else refuse()


def _order_by(function, a, *args):
    """In which order a function of NumPy's puts the dimensions of `a`: it is asked of an array whose sizes are 0, 1, 2, .."""
    return function(np.empty(range(np.ndim(a))), *args).shape


def _count_holders():
    """How many hold a temporary where a ufunc's operands and a sum's arrive: laws of stabilisation look through what nobody else holds
    (core/stabilise.pxi).  It depends on NumPy's version."""
    seen = []

    def summed(a, *args, **kwargs):
        seen.append(holders_of((a,))[0] - 1)

    set_numpy_hooks(lambda function, method, inputs, kwargs: seen.extend(holders_of(inputs)),
                    lambda func, types, args, kwargs: summed(*args, **kwargs), {}, {})  # fmt: skip
    np.add(convert(1.0), convert(1.0))
    np.sum(convert(1.0))
    called, operand, argument = seen
    set_numpy_holders(operand, called, argument, (np.sum, np.mean))


def _at_first(hook):
    """The hook, for the first call: with what numpy_functions.py and its like add to these tables, which a program may never ask for, and whose
    import takes a tenth of the package's."""
    def called(*args):
        importlib.import_module(".numpy_functions", __package__)
        set_numpy_hooks(ufunc, function, UFUNCS, FRONTS)
        return hook(*args)

    return called


_count_holders()
set_numpy_hooks(_at_first(ufunc), _at_first(function), UFUNCS, FRONTS)
