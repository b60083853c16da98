"""NumPy's functions that only put elements elsewhere, on tensors: NumPy moves their places, and one gather takes what stands there.

So np.insert(t, 2, v) takes whatever NumPy takes, and its gradient goes back to t and v.
"""

import math

import numpy as np

from . import constants, errors, indexing, shaping
from ._core import is_tensor
from .arrays import FUNCTIONS, Refused, as_array, axis_of, flat_if_none, places_of, refuse
from .math import cast

__all__ = ["MOVES", "moved"]


def moved(function, *xs):
    """function(*xs), each of whose elements is one of xs: a tensor, or a list or tuple of them where NumPy gives one of arrays."""
    xs = [as_array(x) for x in xs]
    places, start = [], 0
    for x in xs:
        places.append(np.arange(start, start + math.prod(x.shape)).reshape(tuple(x.shape)))
        start += math.prod(x.shape)
    found = function(*places)
    whole = shaping.concat([shaping.reshape(x, [-1]) for x in _of_one_dtype(xs)], 0)

    def taken(at):
        if isinstance(at, (list, tuple)):
            return type(at)([taken(each) for each in at])
        return indexing.gather(whole, at) if start else constants.zeros(at.shape, whole.dtype)      # np.resize fills up with 0

    return taken(found)


def _of_one_dtype(xs):
    dtype = np.result_type(*[x.dtype.as_numpy_dtype for x in xs])
    return [cast(x, dtype) for x in xs]


def _where_to(x):
    """An argument that says where to, or None: nothing of it could have a gradient."""
    return x.numpy() if is_tensor(x) and not x.dtype.is_floating else x if not is_tensor(x) else refuse()


def _of_one(name):
    """An adaptor for a function that moves the elements of its first argument as the others say."""
    function = getattr(np, name)

    def adaptor(array, *args, **kwargs):
        args, kwargs = [_where_to(x) for x in args], {k: _where_to(x) for k, x in kwargs.items()}
        return moved(lambda places: function(places, *args, **kwargs), array)

    return adaptor


def _or_moved(name):
    """The adaptor that there is, which is faster, and for what it refuses a gather."""
    adaptor, general = FUNCTIONS[getattr(np, name)], _of_one(name)

    def either(array, *args, **kwargs):
        try:
            return adaptor(array, *args, **kwargs)
        except Refused:
            return general(array, *args, **kwargs)

    return either


def _insert(arr, obj, values, axis=None):
    x, obj = as_array(arr), _where_to(obj)
    new = cast(as_array(values), x.dtype)                       # it takes the array's dtype
    return moved(lambda places, added: np.insert(places, obj, added, axis), x, new)


def _take_along_axis(arr, indices, axis=-1):
    (x, axis), indices = flat_if_none(arr, axis), places_of(indices)
    axis = axis_of(axis, x.ndim)
    rest = [k for k in range(x.ndim) if k != axis]
    if indices.ndim != x.ndim or any(x.shape[k] != indices.shape[k] for k in rest):
        refuse()
    order = [*rest, axis]                                       # a gather of rows, whose indices a replay may find anew
    rows, places = shaping.transpose(x, order), shaping.transpose(indices, order)
    places = indexing.where(places < 0, places + x.shape[axis], places)
    return shaping.transpose(indexing.gather(rows, places, axis=len(rest), batch_dims=len(rest)), np.argsort(order).tolist())


def _extract(condition, arr):
    condition, x = (shaping.reshape(as_array(each), [-1]) for each in (condition, arr))
    return indexing.boolean_mask(x, condition if condition.dtype.is_bool else condition != 0) if condition.shape == x.shape else refuse()


def _compress(condition, a, axis=None, out=None):
    condition = _where_to(condition)
    return moved(lambda places: np.compress(condition, places, axis), a) if out is None else refuse()


def _dstack(tup, **rest):
    return moved(lambda *places: np.dstack(places), *tup) if not rest else refuse()


def _block(arrays):
    def leaves(nested):
        return [leaf for each in nested for leaf in leaves(each)] if isinstance(nested, list) else [nested]

    def filled(nested, places):
        return [filled(each, places) for each in nested] if isinstance(nested, list) else next(places)

    return moved(lambda *places: np.block(filled(arrays, iter(places))), *leaves(arrays))


def _broadcast_arrays(*args, subok=False):
    try:
        xs = [as_array(x) for x in args]                        # which keep their dtypes
    except errors.DtypeError:                                   # Matplotlib's bar has None and strings among them
        refuse()
    shape = np.broadcast_shapes(*[tuple(x.shape) for x in xs])
    return type(np.broadcast_arrays(0))([shaping.broadcast_to(x, shape) for x in xs])


# fmt: off
MOVES = {
    "insert":           _insert,
    "extract":          _extract,
    "compress":         _compress,
    "dstack":           _dstack,
    "block":            _block,
    "broadcast_arrays": _broadcast_arrays,
    "take_along_axis":  _take_along_axis,
    **{name: _of_one(name) for name in ("delete", "resize", "rollaxis", "rot90", "array_split", "hsplit", "vsplit", "dsplit", "unstack") if hasattr(np, name)},
    **{name: _or_moved(name) for name in ("reshape", "ravel", "expand_dims", "diagonal", "tile", "roll", "split", "take")},
    "lib.stride_tricks.sliding_window_view": lambda x, window_shape, axis=None, **_: moved(lambda at: np.lib.stride_tricks.sliding_window_view(at, window_shape, axis), x),
}
# fmt: on
