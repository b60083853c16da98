"""Values of the table's rules that LAPACK computes, by way of NumPy, each as one array.

What has several parts is packed: each in the rows of one matrix after another.
"""

from . import errors

COMPUTED = {
    "solve": lambda np, a, b: np.linalg.solve(a, b.reshape((1,) * (a.ndim - b.ndim) + b.shape)),      # NumPy 1 takes a matrix beside a stack of them for vectors
    "eigh": lambda np, x: _packed(np, *np.linalg.eigh(x)),
    "svd": lambda np, x: _svd(np, x),
    "qr": lambda np, x: _qr(np, x),
    "slogdet": lambda np, x: np.linalg.slogdet(x)[1],
    "sign_of_det": lambda np, x: np.linalg.slogdet(x)[0],
    "cofactors": lambda np, x: _cofactors(np, x),
    "cofactor_slope": lambda np, x, t: _cofactor_slope(np, x, t),
}


def by_numpy(function, *operands):
    """A function of numpy.linalg, or of COMPUTED, of tensors: numbers of other kinds have functions of their own, or none."""
    import numpy as np

    if not hasattr(operands[0], "numpy"):
        raise NotImplementedError(f"precise: {type(operands[0]).__name__} cannot do {function}")
    arrays = [x.numpy() for x in operands]
    try:
        y = COMPUTED[function](np, *arrays) if function in COMPUTED else getattr(np.linalg, function)(*arrays)
    except np.linalg.LinAlgError as error:
        raise errors.no_decomposition(function, error) from None
    return np.asarray(y, dtype=arrays[0].dtype)


def _packed(np, values, *matrices):
    return np.concatenate([values[..., None, :], *matrices], axis=-2)


def _svd(np, x):
    u, s, v = np.linalg.svd(x, full_matrices=False)
    return _packed(np, s, u, np.swapaxes(v, -1, -2))


def _qr(np, x):
    q, r = np.linalg.qr(x)
    return np.concatenate([q, np.swapaxes(r, -1, -2)], axis=-2)


def _cofactors(np, x):
    """By the inverse where there is one, or else, as where the determinant has left the format, by singular values."""
    with np.errstate(all="ignore"):
        det = np.linalg.det(x)
        regular = np.isfinite(det) & (np.abs(det) >= np.finfo(x.dtype).tiny)
    if regular.all():
        return det[..., None, None] * np.swapaxes(np.linalg.inv(x), -1, -2)
    y = np.full_like(x, np.nan)
    y[regular] = det[regular, None, None] * np.swapaxes(np.linalg.inv(x[regular]), -1, -2)
    rest = ~regular & np.isfinite(x).all(axis=(-2, -1))
    u, s, v, sign = _signed_svd(np, x[rest])
    y[rest] = (u * (sign * _products_but_one(np, s))[..., None, :]) @ v
    return y


def _cofactor_slope(np, x, t):
    """The cofactors' derivative along t: of u s v' they are det(u) det(v) u cof(s) v', and those of diag(s) bend by products of all but two."""
    finite = np.isfinite(x).all(axis=(-2, -1)) & np.isfinite(t).all(axis=(-2, -1))
    if not finite.all():
        y = np.full_like(x, np.nan)
        y[finite] = _cofactor_slope(np, x[finite], t[finite])
        return y
    u, s, v, sign = _signed_svd(np, x)
    n = s.shape[-1]
    e = np.swapaxes(u, -1, -2) @ t @ np.swapaxes(v, -1, -2)
    diagonal = np.arange(n)
    others = np.repeat(s[..., None, :], n, axis=-2)
    others[..., diagonal, diagonal] = 1
    products = _products_but_one(np, others)
    products[..., diagonal, diagonal] = 0
    inner = -products * np.swapaxes(e, -1, -2)
    inner[..., diagonal, diagonal] = np.einsum("...ij,...jj->...i", products, e)
    return sign[..., None] * (u @ inner @ v)


def _signed_svd(np, x):
    u, s, v = np.linalg.svd(x)
    return u, s, v, np.sign(np.linalg.det(u) * np.linalg.det(v))[..., None]


def _products_but_one(np, s):
    """Of all others along the last axis, without division."""
    ones = np.ones_like(s[..., :1])
    before = np.cumprod(np.concatenate([ones, s[..., :-1]], axis=-1), axis=-1)
    after = np.cumprod(np.concatenate([ones, s[..., :0:-1]], axis=-1), axis=-1)[..., ::-1]
    return before * after
