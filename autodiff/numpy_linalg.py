"""NumPy's linear algebra on tensors, with NumPy's names for the parts of a result."""

import collections
import functools
import math as numbers

import numpy as np

from . import indexing, linalg, math, shaping
from ._core import is_tensor
from .arrays import FUNCTIONS, as_array, as_arrays, axis_of, refuse

__all__ = ["LINALG"]

EighResult = collections.namedtuple("EighResult", "eigenvalues eigenvectors")
QRResult = collections.namedtuple("QRResult", "Q R")
SlogdetResult = collections.namedtuple("SlogdetResult", "sign logabsdet")
SVDResult = collections.namedtuple("SVDResult", "U S Vh")


LABELS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"         # of the numbers that NumPy takes in their place, in its order


def _einsum(*operands, out=None, dtype=None, optimize=False, **rest):
    if out is not None or dtype is not None or rest:
        refuse()
    subscripts, *xs = operands if isinstance(operands[0], str) else _spelled_out(*operands)
    return linalg.einsum(subscripts, *as_arrays(*xs))


def _spelled_out(*operands):
    """einsum(x, [0, 1], y, [1, 2], [0, 2]) as einsum("AB,BC->AC", x, y)."""
    xs, axes = operands[: len(operands) // 2 * 2 : 2], [*operands[1::2], *operands[-1:] * (len(operands) % 2)]
    words = ["".join(["..." if k is Ellipsis else LABELS[k] for k in each]) for each in axes]
    return "->".join([",".join(words[: len(xs)]), *words[len(xs) :]]), *xs


def _in_parts(result, name):
    """The adaptor that there is, whose parts have NumPy's names."""
    adaptor = FUNCTIONS[getattr(np.linalg, name)]
    return lambda *args, **kwargs: result(*adaptor(*args, **kwargs))


def _power(a, n):
    if not isinstance(n, (int, np.integer)) or not n or np.ndim(a) < 2 or np.shape(a)[-1] != np.shape(a)[-2]:
        refuse()
    a = as_array(a)
    return functools.reduce(linalg.matmul, [linalg.inv(a) if n < 0 else a] * abs(int(n)))


def _multi_dot(arrays, *, out=None):
    """Matrices; the first may be a row, the last a column."""
    arrays = [as_array(x) for x in arrays]
    if out is not None or len(arrays) < 2 or any(x.ndim not in ((1, 2) if k in (0, len(arrays) - 1) else (2,)) for k, x in enumerate(arrays)):
        refuse()
    return functools.reduce(np.dot, arrays)


def _lstsq(a, b, rcond=None):
    """(the shortest x of least squares, the sums of squares left, rank, singular values), by the pseudo-inverse."""
    a, b = as_arrays(a, b)
    if a.ndim != 2 or not a.dtype.is_floating or b.ndim not in (1, 2) or isinstance(rcond, str) or is_tensor(rcond) or a.shape[0] != b.shape[0]:
        refuse()
    eps = np.finfo(a.dtype.as_numpy_dtype).eps
    rcond = max(a.shape) * eps if rcond is None else eps if rcond == -1 else rcond
    right = shaping.reshape(b, [b.shape[0], -1])
    x = linalg.matmul(linalg.pinv(a, rcond), right)
    s = linalg.svd(a, compute_uv=False)
    rank = math.count_nonzero(s > rcond * s[0])
    left = math.reduce_sum((linalg.matmul(a, x) - right) ** 2, 0) if a.shape[0] > a.shape[1] and rank == a.shape[1] else x[:0, 0]
    return shaping.reshape(x, [x.shape[0], *b.shape[1:]]), left, rank, s


_MATRIX_NORMS = {                               # of the last two dimensions
    1: lambda x: math.reduce_max(math.reduce_sum(math.abs(x), -2), -1),
    -1: lambda x: math.reduce_min(math.reduce_sum(math.abs(x), -2), -1),
    np.inf: lambda x: math.reduce_max(math.reduce_sum(math.abs(x), -1), -1),
    -np.inf: lambda x: math.reduce_min(math.reduce_sum(math.abs(x), -1), -1),
    2: lambda x: math.reduce_max(linalg.svd(x, compute_uv=False), -1),
    -2: lambda x: math.reduce_min(linalg.svd(x, compute_uv=False), -1),
    "nuc": lambda x: math.reduce_sum(linalg.svd(x, compute_uv=False), -1),
}


def _norm(x, ord=None, axis=None, keepdims=False):
    """Norms of matrices are others than those of vectors."""
    x = as_array(x)
    axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, (int, np.integer)) else tuple(axis)
    if ord is None or ord == "fro" and len(axes) == 2:
        return linalg.norm(x, "euclidean", axis, keepdims)
    if len(axes) == 2 and ord in _MATRIX_NORMS and x.dtype.is_floating:
        y = _MATRIX_NORMS[ord](np.moveaxis(x, axes, (-2, -1)))
        return _kept(y, x, axes) if keepdims else y
    if len(axes) == 1 and ord == -np.inf:
        return math.reduce_min(math.abs(x), axes, keepdims)
    if len(axes) != 1 or isinstance(ord, str) or not ord > 0:
        refuse()
    return linalg.norm(x, ord, axis, keepdims)


def _kept(y, x, axes):
    """The result y over some axes of x with these as dimensions of size 1."""
    axes = [axis_of(k, x.ndim) for k in axes]
    return shaping.reshape(y, [1 if k in axes else size for k, size in enumerate(x.shape)])


def _vector_norm(x, *, axis=None, keepdims=False, ord=2):
    """Of what stands along the axes, as one vector."""
    x = as_array(x)
    axes = [axis_of(k, x.ndim) for k in (range(x.ndim) if axis is None else (axis,) if isinstance(axis, (int, np.integer)) else axis)]
    others = [k for k in range(x.ndim) if k not in axes]
    sizes = [*(x.shape[k] for k in others), numbers.prod(x.shape[k] for k in axes)]
    y = _norm(shaping.reshape(shaping.transpose(x, others + axes), sizes), ord, -1)
    return _kept(y, x, axes) if keepdims else y


def _solve(a, b):
    a, b = as_arrays(a, b)
    if b.ndim != 1:
        return linalg.solve(a, b)
    y = linalg.solve(a, shaping.reshape(b, [-1, 1]))
    return shaping.reshape(y, y.shape[:-1])


def _qr(a, mode="reduced"):
    x = as_array(a)
    if mode == "r":
        return linalg.qr(x)[1]
    if mode not in ("reduced", "complete"):
        refuse()
    return QRResult(*linalg.qr(x, mode == "complete"))


def _svd(a, full_matrices=True, compute_uv=True, hermitian=False):
    y = linalg.svd(as_array(a), full_matrices and compute_uv, compute_uv)
    return SVDResult(y[1], y[0], linalg.matrix_transpose(y[2])) if compute_uv else y


def _pinv(a, rcond=None, hermitian=False, *, rtol=None):
    a = as_array(a)
    if rcond is None:
        rcond = 1e-15 if rtol is None else rtol
    return linalg.pinv(a, rcond)


def _cond(x, p=None):
    if p not in (None, 2):
        refuse()
    s = linalg.svd(as_array(x), compute_uv=False)
    return s[..., 0] / s[..., -1]


def _tensorinv(a, ind=2):
    """The inverse of a as a map from its last dimensions to its first `ind`."""
    a = as_array(a)
    first, last = tuple(a.shape[:ind]), tuple(a.shape[ind:])
    if ind < 1 or numbers.prod(first) != numbers.prod(last) or not a.dtype.is_floating:
        refuse()
    return shaping.reshape(linalg.inv(shaping.reshape(a, [numbers.prod(first), -1])), [*last, *first])


def _tensorsolve(a, b, axes=None):
    """x with tensordot(a, x, x.ndim) = b; `axes` of a are put last before."""
    a, b = as_arrays(a, b)
    if axes is not None:
        a = shaping.transpose(a, [k for k in range(a.ndim) if k not in axes] + list(axes))
    last, n = tuple(a.shape[b.ndim :]), numbers.prod(b.shape)
    if tuple(a.shape[: b.ndim]) != tuple(b.shape) or numbers.prod(last) != n or not a.dtype.is_floating:
        refuse()
    return shaping.reshape(linalg.solve(shaping.reshape(a, [n, n]), shaping.reshape(b, [n, 1])), last)


# fmt: off
LINALG = {
    "einsum":           _einsum,
    "linalg.eigh":      _in_parts(EighResult, "eigh"),
    "linalg.slogdet":   _in_parts(SlogdetResult, "slogdet"),
    "linalg.tensorinv": _tensorinv,
    "linalg.tensorsolve": _tensorsolve,
    "linalg.norm":      _norm,
    "linalg.solve":     _solve,
    "linalg.qr":        _qr,
    "linalg.svd":       _svd,
    "linalg.pinv":      _pinv,
    "linalg.vector_norm": _vector_norm,
    "linalg.matrix_norm": lambda x, *, keepdims=False, ord="fro": _norm(x, ord, (-2, -1), keepdims),
    "linalg.lstsq":     _lstsq,
    "linalg.cond":      _cond,
    "linalg.multi_dot": _multi_dot,
    "linalg.matrix_power": _power,
}
# fmt: on
