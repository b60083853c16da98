"""NumPy's functions that say where numbers stand, on tensors: np.argsort, np.nonzero and their like give tensors of places, which a replay
finds anew.  (Eager calls too: arrays of places would take another dtype beside integers than the tensors that they are in a recording.)
"""

import numpy as np

from . import dtypes, indexing, math, shaping
from ._core import is_tensor
from .arrays import FUNCTIONS, as_array, flat_if_none, refuse

__all__ = ["PLACES"]


def _argsort(a, axis=-1, kind=None, order=None, *, stable=None):
    """Stable whatever is asked: NumPy's order of equal numbers goes by the processor."""
    a, axis = flat_if_none(a, axis)
    if order is not None or not a.ndim:
        refuse()
    return math.cast(indexing.argsort(a + 0 if a.dtype.is_floating else a, axis), dtypes.int64)     # + 0: -0.0 is 0.0


def _searchsorted(a, v, side="left", sorter=None):
    a, v = as_array(a), as_array(v)             # each in its own dtype: NumPy compares them in the wider
    if sorter is not None or a.ndim != 1 or side not in ("left", "right"):
        refuse()
    return shaping.reshape(indexing.searchsorted(a, shaping.reshape(v, [-1]), side, dtypes.int64), v.shape)


def _digitize(x, bins, right=False):
    if is_tensor(bins):
        refuse()
    bins, x, side = np.asarray(bins), as_array(x), "left" if right else "right"
    steps = np.diff(bins)
    if bins.ndim == 1 and (steps >= 0).all():
        return _searchsorted(bins, x, side)
    if bins.ndim == 1 and (steps <= 0).all():
        return len(bins) - _searchsorted(bins[::-1].copy(), x, side)
    return refuse()


def _argwhere(a):
    a = as_array(a)
    return indexing.where(a) if a.ndim else refuse()


def _nonzero(a):
    """A recorded function has a recording for each number of elements that it finds."""
    places = _argwhere(a)
    return tuple([places[:, k] for k in range(places.shape[1])])


def _flatnonzero(a):
    return _nonzero(shaping.reshape(as_array(a), [-1]))[0]


def _where(condition, *choices):
    return _chosen(condition, *choices) if choices else _nonzero(condition)


_chosen = FUNCTIONS[np.where]
PLACES = {"argsort": _argsort, "searchsorted": _searchsorted, "digitize": _digitize, "argwhere": _argwhere, "nonzero": _nonzero,
          "flatnonzero": _flatnonzero, "where": _where}  # fmt: skip
