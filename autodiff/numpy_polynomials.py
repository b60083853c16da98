"""NumPy's functions of polynomials, on tensors of their coefficients, the highest power first; and convolutions, which their products are."""

import numpy as np

from . import indexing, linalg, math, repeating, shaping
from .arrays import as_array, as_arrays, refuse

__all__ = ["POLYNOMIALS"]


def _polyval(p, x):
    p, x = as_arrays(p, x)
    if p.ndim != 1 or not p.shape[0]:
        refuse()
    y = p[0] + 0 * x
    for k in range(1, p.shape[0]):
        y = y * x + p[k]
    return y


def _convolve(a, v, mode="full"):
    a, v = as_arrays(a, v)
    if a.ndim != 1 or v.ndim != 1 or mode not in ("full", "same", "valid") or not a.shape[0] or not v.shape[0]:
        refuse()
    a, v = (a, v) if a.shape[0] >= v.shape[0] else (v, a)
    n, m = a.shape[0], v.shape[0]
    room = repeating.pad(a, [[m - 1, m - 1]])
    y = linalg.matvec(indexing.gather(room, np.arange(n + m - 1)[:, None] + np.arange(m)), v[::-1])
    first, size = {"full": (0, n + m - 1), "same": ((m - 1) // 2, n), "valid": (m - 1, n - m + 1)}[mode]
    return y[first : first + size]


def _correlate(a, v, mode="valid"):
    a, v = as_arrays(a, v)
    if a.ndim != 1 or v.ndim != 1 or mode != "full" and a.shape[0] < v.shape[0]:
        refuse()
    return _convolve(a, v[::-1], mode)


def _polynomials(*ps):
    """The coefficients of each as a vector."""
    return [shaping.reshape(p, [-1]) if p.ndim < 2 else refuse() for p in as_arrays(*ps)]


def _polyadd(sign):
    """Of coefficients from the highest power down, the shorter ones filled up with 0."""

    def adaptor(a1, a2):
        a, b = _polynomials(a1, a2)
        n = max(a.shape[0], b.shape[0])
        a, b = (repeating.pad(x, [[n - x.shape[0], 0]]) for x in (a, b))
        return a + b if sign > 0 else a - b

    return adaptor


def _polymul(a1, a2):
    """The product without the zeros that coefficients begin with, as NumPy has it."""

    def trimmed(p):
        while p.shape[0] > 1 and math.equal(p[0], 0):
            p = p[1:]
        return p

    return _convolve(*map(trimmed, _polynomials(a1, a2)))


def _polyder(p, m=1):
    p = as_array(p)
    if p.ndim != 1 or not p.dtype.is_floating or m < 1:
        refuse()
    p = math.cast(p, "float64")                                 # as integers of 64 bits make it
    for _ in range(m):
        p = p[:-1] * np.arange(p.shape[0] - 1.0, 0, -1) if p.shape[0] > 1 else p[:0]
    return p


def _polyint(p, m=1, k=None):
    p = as_array(p)
    if p.ndim != 1 or not p.dtype.is_floating or m != 1 or np.ndim(k):
        refuse()
    p = math.cast(p, "float64")
    return shaping.concat([p / np.arange(float(p.shape[0]), 0, -1), math.cast(shaping.reshape(as_array(0.0 if k is None else k), [-1]), p.dtype)], 0)


def _poly(seq_of_zeros):
    """The coefficients of the product of all x - zero."""
    zeros = as_array(seq_of_zeros)
    if zeros.ndim != 1 or not zeros.dtype.is_floating:          # a matrix has its eigenvalues
        refuse()
    p = math.cast([1.0], zeros.dtype)
    for k in range(zeros.shape[0]):
        p = repeating.pad(p, [[0, 1]]) - repeating.pad(zeros[k] * p, [[1, 0]])
    return p if zeros.shape[0] else refuse()


# fmt: off
POLYNOMIALS = {
    "poly":             _poly,
    "polyval":          _polyval,
    "convolve":         _convolve,
    "correlate":        _correlate,
    "polyder":          _polyder,
    "polyint":          _polyint,
    "polyadd":          _polyadd(1),
    "polysub":          _polyadd(-1),
    "polymul":          _polymul,
}
# fmt: on
