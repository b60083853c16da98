"""Rows of matrices on balls: what python-flint has, and decompositions by it."""

import math

import numpy as np
from flint import acb_mat, arb, arb_mat

ZERO, UNKNOWN = arb(0), arb(0, math.inf)


def _matrix(entries):
    return arb_mat(*entries.shape, entries.ravel().tolist())


def _entries(matrix, shape):
    return np.array(matrix.entries(), object).reshape(shape)


def _doubles(a):
    return np.array([float(x.mid()) for x in a.ravel()]).reshape(a.shape)


def _det(a):
    return _matrix(a).det()


def _sign_of_det(a):
    det = _det(a)
    if det.contains(0) and not det.is_zero():
        raise ZeroDivisionError
    return det.sgn()


def _cofactors(a, t=None):
    """The slope of det, or with t the slope of that along t: Faddeev and Le Verrier, which divides by integers alone."""
    n, zero = len(a), np.full(a.shape, ZERO, object)
    one = np.array([[arb(int(i == j)) for j in range(n)] for i in range(n)], object).reshape(n, n)
    t = zero if t is None else t
    m, slope = one, zero
    for k in range(1, n):
        am, at = a.dot(m), t.dot(m) + a.dot(slope)
        m, slope = am - one * (am.trace() / k), at - one * (at.trace() / k)
    sign = 1 if n % 2 else -1
    return m.T * sign, slope.T * sign


def _triangular_solve(a, b, lower, adjoint):
    a = np.where(np.tri(len(a), dtype=bool) if lower else np.tri(len(a), dtype=bool).T, a, ZERO)
    return _entries(_matrix(a.T if adjoint else a).solve(_matrix(b)), b.shape)


def _cholesky(a):
    """Lower triangular, a column after another."""
    n = a.shape[0]
    y = np.full((n, n), ZERO, object)
    for j in range(n):
        y[j, j] = (a[j, j] - sum((v * v for v in y[j, :j]), ZERO)).sqrt()
        for i in range(j + 1, n):
            y[i, j] = (a[i, j] - sum((v * w for v, w in zip(y[i, :j], y[j, :j])), ZERO)) / y[j, j]
    return y


def _eigh(a):
    """Eigenvalues over their vectors, which have the signs that LAPACK gives them; those of equal eigenvalues, and all beside them, are
    unknown."""
    a = _symmetric(a)
    try:
        values, vectors = acb_mat(_matrix(a)).eig(right=True)
    except ValueError:
        return np.vstack([_eigenvalues(a), np.full(a.shape, UNKNOWN, object)])
    columns = []
    for like, k in zip(np.linalg.eigh(_doubles(a))[1].T, sorted(range(len(values)), key=lambda k: float(values[k].real.mid()))):
        v = np.array([vectors[i, k].real for i in range(len(values))], object)
        towards = 1 if np.dot(_doubles(v), like) > 0 else -1
        columns.append([values[k].real, *(v * (towards / np.dot(v, v).sqrt()))])
    return np.array(columns, object).reshape(len(a), len(a) + 1).T


def _symmetric(a):
    return np.tril(a) + np.tril(a, -1).T


def _eigenvalues(a):
    """Also equal ones.  Where the algorithm fails, as it does of diagonal matrices, it may not of their mirror image."""
    n = len(a)
    v = np.array([arb(2 * i + 3) for i in range(n)], object)
    mirror = np.array([[arb(int(i == j)) for j in range(n)] for i in range(n)], object) - np.outer(v, v) * (2 / np.dot(v, v))
    for m in (_matrix(a), _matrix(mirror) * _matrix(a) * _matrix(mirror)):
        try:
            return np.array(sorted((x.real for x in acb_mat(m).eig(multiple=True)), key=lambda x: float(x.mid())), object)
        except ValueError:
            pass
    raise ZeroDivisionError


def spectral_slope(a, y, g):
    """Where no vectors are asked for: the slope of a function of the eigenvalues of one symmetric matrix, with the derivatives g by these;
    unknown where those that are not told apart have derivatives that are.

    It is V diag(g) V', V the vectors.  A polynomial p that has the values g at the eigenvalues, nearly, gives p(A) = V diag(p(w)) V',
    and no entry is further off than the largest of the |g - p(w)|, over the balls of w and g: V is orthogonal.  In Newton's form."""
    a, n = _symmetric(a), len(a)
    clusters = []
    for w, d in zip(y[0], g[0]):
        if clusters and clusters[-1][0].overlaps(w):
            if not clusters[-1][1].overlaps(d):
                return np.full(a.shape, UNKNOWN, object)
            clusters[-1] = tuple(x.union(v) for x, v in zip(clusters[-1], (w, d)))
        else:
            clusters.append((w, d))
    nodes, slopes = [w.mid() for w, _ in clusters], [d.mid() for _, d in clusters]
    for k in range(1, len(nodes)):
        for i in range(len(nodes) - 1, k - 1, -1):
            slopes[i] = (slopes[i] - slopes[i - 1]) / (nodes[i] - nodes[i - k])
    one = _matrix(np.array([[arb(int(i == j)) for j in range(n)] for i in range(n)], object).reshape(n, n))
    m, p, matrix = one * slopes[-1], [slopes[-1]] * len(nodes), _matrix(a)
    for node, slope in zip(nodes[-2::-1], slopes[-2::-1]):
        m = (matrix - one * node) * m + one * slope
        p = [(w - node) * v + slope for (w, _), v in zip(clusters, p)]
    off = max((d - v).abs_upper() for (_, d), v in zip(clusters, p))
    whole = _entries(m, a.shape) + arb(0, off)
    below = np.tri(n, k=-1, dtype=bool)
    return np.where(below, whole * 2, np.where(below.T, ZERO, whole))


def _svd(a):
    """Singular values over the vectors of both sides: by the eigenvalues of the smaller of a' a and a a', to as many digits as it takes."""
    tall = a.shape[0] >= a.shape[1]
    of = a if tall else a.T
    packed = _eigh(_entries(_matrix(of.T) * _matrix(of), (of.shape[1],) * 2))[:, ::-1]
    s, v = np.array([x.sqrt() for x in packed[0]], object), packed[1:]
    u = _entries(_matrix(of) * _matrix(v), of.shape) / s
    like = np.linalg.svd(_doubles(a), full_matrices=False)[0]
    u, v = (u, v) if tall else (v, u)
    towards = np.where((_doubles(u) * like).sum(axis=0) > 0, 1, -1)
    return np.concatenate([s[None], u * towards, v * towards])


def _qr(a):
    """By Gram and Schmidt, to as many digits as it takes, with the signs of LAPACK."""
    m, n = a.shape
    q, like = np.full((m, min(m, n)), ZERO, object), np.diagonal(np.linalg.qr(_doubles(a))[1])
    for k in range(min(m, n)):
        v = a[:, k] - q[:, :k].dot(q[:, :k].T.dot(a[:, k])) if k else a[:, k]
        q[:, k] = v * ((-1 if like[k] < 0 else 1) / np.dot(v, v).sqrt())
    r = _entries(_matrix(q.T) * _matrix(a), (min(m, n), n))
    return np.concatenate([q, np.triu(r).T + ZERO])


def _pinv(a, rcond):
    s = np.linalg.svd(_doubles(a), compute_uv=False)
    if s.size and s[-1] <= float(rcond.mid()) * s[0]:
        raise NotImplementedError("precise: pinv of a matrix of lower rank than its sizes: take its gradient with a plain tape")
    tall, m = a.shape[0] >= a.shape[1], _matrix(a)
    t = _matrix(a.T)
    return _entries((t * m).solve(t) if tall else (m * t).solve(m).transpose(), a.shape[::-1])


def _by_matrices(function, shape=lambda a, *others: (others[-1] if others else a).shape[-2:]):
    """A row of matrices and what stands beside them, for every matrix of the batches; `shape` is that of its results.  What cannot be
    solved with these bits is unknown."""

    def value(*operands, **attrs):
        arrays = [x.parts[0] for x in operands]
        batch = np.broadcast_shapes(*[a.shape[:-2] for a in arrays])
        arrays = [np.broadcast_to(a, (*batch, *a.shape[-2:])) if a.ndim else a for a in arrays]
        y = np.full((*batch, *shape(*arrays)), arb(0, math.inf), object)
        for i in np.ndindex(batch):
            try:
                y[i] = function(*[a[i] if a.ndim else a[()] for a in arrays], **attrs)
            except ZeroDivisionError:
                pass
        return operands[0].like((y, np.zeros(y.shape)))

    return value


def _nothing(a):
    return ()


MATRICES = {
    "inv": _by_matrices(lambda a: _entries(_matrix(a).inv(), a.shape)), "det": _by_matrices(_det, _nothing),
    "cofactors": _by_matrices(lambda a: _cofactors(a)[0]), "cofactor_slope": _by_matrices(lambda a, t: _cofactors(a, t)[1]),
    "logabsdet": _by_matrices(lambda a: abs(_det(a)).log(), _nothing), "sign_of_det": _by_matrices(_sign_of_det, _nothing),
    "solve": _by_matrices(lambda a, b, adjoint: _entries(_matrix(a.T if adjoint else a).solve(_matrix(b)), b.shape)),
    "triangular_solve": _by_matrices(_triangular_solve),
    "cholesky": _by_matrices(_cholesky), "eigh": _by_matrices(_eigh, lambda a: (a.shape[-1] + 1, a.shape[-1])),
    "svd": _by_matrices(_svd, lambda a: (1 + sum(a.shape[-2:]), min(a.shape[-2:]))), "qr": _by_matrices(_qr, lambda a: (sum(a.shape[-2:]), min(a.shape[-2:]))), "pinv": _by_matrices(_pinv, lambda a, _: a.shape[:-3:-1]),
}  # fmt: skip
