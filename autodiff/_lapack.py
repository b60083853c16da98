"""Values of the table's rules that LAPACK computes, by way of NumPy, each as one array.

What has several parts is packed: each in the rows of one matrix after another.
"""

from . import errors

COMPUTED = {
    "eigh": lambda np, x: _packed(np, *np.linalg.eigh(x)),
    "svd": lambda np, x: _svd(np, x),
    "slogdet": lambda np, x: np.linalg.slogdet(x)[1],
    "sign_of_det": lambda np, x: np.linalg.slogdet(x)[0],
}


def by_numpy(function, *operands):
    """A function of numpy.linalg, or of COMPUTED."""
    import numpy as np

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
