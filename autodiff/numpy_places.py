"""NumPy's functions that say where numbers stand, on tensors: np.argsort, searchsorted and digitize give tensors of places, which a replay
finds anew.  (Eager calls too: arrays of places would take another dtype beside integers than the tensors that they are in a recording.)
"""

import numpy as np

from . import dtypes, indexing, math, shaping
from ._core import is_tensor
from .arrays import as_array, as_arrays, flat_if_none, refuse

__all__ = ["PLACES"]


def _argsort(a, axis=-1, kind=None, order=None, *, stable=None):
    """Stable whatever is asked: NumPy's order of equal numbers goes by the processor."""
    a, axis = flat_if_none(a, axis)
    if order is not None or not a.ndim:
        refuse()
    return math.cast(indexing.argsort(a + 0 if a.dtype.is_floating else a, axis), dtypes.int64)     # + 0: -0.0 is 0.0


def _searchsorted(a, v, side="left", sorter=None):
    a, v = as_arrays(a, v)
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


PLACES = {"argsort": _argsort, "searchsorted": _searchsorted, "digitize": _digitize}
