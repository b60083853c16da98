"""ad.linalg: matrices of which only some diagonals are not 0, given by these: products, equations and eigenvalues."""

from typing import Any

import numpy as np

from . import errors, ops
from ._core import Tensor
from .arguments import floating, integers, tensors
from .arguments import tensor as to_tensor
from .decompositions import eigh, eigvalsh, solve, triangular_solve
from .diagonals import diag, diag_part
from .products import as_matrices
from .shaping import concat, reshape, stack, transpose

__all__ = ["banded_triangular_solve", "eigh_tridiagonal", "tridiagonal_matmul", "tridiagonal_solve"]

FEW = 40    # equations, which LAPACK solves in the time that a step of cyclic reduction takes in Python


def tridiagonal_matmul(diagonals, rhs, diagonals_format="compact", name=None) -> Tensor:
    """The product of tridiagonal matrices (..., m, m) and matrices (..., m, k): (..., m, k).

    diagonals  by diagonals_format: "compact", (..., 3, m): the superdiagonal (whose last element is ignored), the diagonal, the
               subdiagonal (whose first is); "sequence", a list of these three, of which the outer ones may have m - 1 elements;
               "matrix", (..., m, m)

    Raises ShapeError where the shapes do not fit, ValueError for another format.

    >>> tridiagonal_matmul([[1.0, 1.0, 0.0], [2.0, 2.0, 2.0], [0.0, 3.0, 3.0]], [[1.0], [1.0], [1.0]]).numpy().tolist()
    [[3.0], [6.0], [5.0]]
    """
    above, main, below, x = _three("tridiagonal_matmul", diagonals, diagonals_format, rhs)
    x = as_matrices("tridiagonal_matmul", x)
    _check_rows("tridiagonal_matmul", main, x)
    if not main.shape[-2]:
        return ops.identity(x)
    nothing = _row_of_zeros(x)
    return main * x + concat([above * x[..., 1:, :], nothing], -2) + concat([nothing, below * x[..., :-1, :]], -2)


def tridiagonal_solve(diagonals, rhs, diagonals_format="compact", transpose_rhs=False, conjugate_rhs=False, name=None,
                      partial_pivoting=True, perturb_singular=False) -> Tensor:  # fmt: skip
    """X with A @ X = rhs for tridiagonal matrices A (..., m, m): rhs of shape (..., m, k), or (..., m), and X of the same.

    diagonals         as tridiagonal_matmul takes them
    transpose_rhs     is rhs (..., k, m)?  X is (..., m, k)
    partial_pivoting  where no diagonal element outweighs the two beside it in its row or in its column, solve with pivots, at the cost
                      of full matrices, O(m**3); else by cyclic reduction, O(m).  With partial_pivoting=False always so, and nothing is
                      looked at: inf or nan comes of a pivot that is 0, and vectorized_map takes all rows at once

    Cyclic reduction is as stable as Gaussian elimination without pivots: where the diagonal outweighs the others, as in steps of
    diffusion and in splines, or A is symmetric positive definite.  Method: R. Hockney, "A fast direct solution of Poisson's equation
    using Fourier analysis" (1965); W. Gander & G. Golub, "Cyclic reduction - history and applications" (1997).

    Raises InvalidArgumentError where A has no inverse, ShapeError where the shapes do not fit.

    >>> tridiagonal_solve([[1.0, 1.0, 0.0], [2.0, 2.0, 2.0], [0.0, 1.0, 1.0]], [3.0, 4.0, 3.0]).numpy().round(6).tolist()
    [1.0, 1.0, 1.0]
    """
    above, main, below, d = _three("tridiagonal_solve", diagonals, diagonals_format, rhs)
    vectors = d.ndim == main.ndim - 1
    if vectors:
        d = reshape(d, (*d.shape, 1))
    elif transpose_rhs:
        d = transpose(d, [*range(d.ndim - 2), d.ndim - 1, d.ndim - 2])
    _check_rows("tridiagonal_solve", main, d)
    if main.shape[:-2] != d.shape[:-2]:
        raise errors.ShapeError(f"tridiagonal_solve: the leading sizes of diagonals and rhs differ: {tuple(main.shape[:-2])} and {tuple(d.shape[:-2])}")
    n, nothing = main.shape[-2], _row_of_zeros(main)
    if not n:
        return ops.identity(d if not vectors else reshape(d, d.shape[:-1]))
    below, above = concat([nothing, below], -2), concat([above, nothing], -2)
    if n > FEW and not partial_pivoting:
        x = _by_cyclic_reduction(below, main, above, d)
    elif n > FEW and bool(_outweighs(below, main, above)):
        x = _by_cyclic_reduction(below, main, above, d)
        if not bool(ops.reduce_all(ops.is_finite(x), axes=tuple(range(x.ndim)), keepdims=0)):
            x = _by_full_matrices(below, main, above, d)        # which says what is wrong, or gives what is no number its place
    else:
        x = _by_full_matrices(below, main, above, d)
    return reshape(x, x.shape[:-1]) if vectors else x


def banded_triangular_solve(bands, rhs, lower=True, adjoint=False, name=None) -> Tensor:
    """X with A @ X = rhs for triangular matrices of a few diagonals: (..., k, m) and (..., m, n) -> (..., m, n).

    bands  the diagonals of A: of a lower triangle the main one first, elements that are none in front; of an upper one the main one
           last, elements that are none behind

    By full matrices, O(m**3).  Raises ShapeError where the shapes do not fit.

    >>> banded_triangular_solve([[2.0, 4.0], [0.0, 1.0]], [[2.0], [5.0]]).numpy().tolist()
    [[1.0], [1.0]]
    """
    x, rhs = _in_one_dtype("banded_triangular_solve", bands, rhs)
    x = as_matrices("banded_triangular_solve", x)
    count, n = x.shape[-2:]
    if not 0 < count <= max(n, 1):
        raise errors.ShapeError(f"banded_triangular_solve: bands must have from 1 to {n} diagonals of {n} elements, got shape {tuple(x.shape)}")
    band = (1 - count, 0) if lower else (0, count - 1)
    full = diag(x, k=band, align="LEFT_RIGHT") if count > 1 else diag(x[..., 0, :])
    return triangular_solve(full, rhs, lower, adjoint)


def eigh_tridiagonal(alpha, beta, eigvals_only=True, select="a", select_range=None, tol=None, name=None) -> Any:
    """The eigenvalues, in ascending order, of symmetric tridiagonal matrices; unless eigvals_only, (eigenvalues, vectors as columns).

    alpha, beta   diagonals (..., m) and elements beside them (..., m - 1)
    select        "a": all; "i": those from select_range[0] to select_range[1], counted from 0; "v": those in the interval
                  (select_range[0], select_range[1]], of one matrix

    By full matrices, O(m**3); they have gradients, as those of eigh.  Raises ShapeError where the shapes do not fit, ValueError and
    InvalidArgumentError for a selection that cannot be.

    >>> eigh_tridiagonal([2.0, 2.0], [1.0]).numpy().round(5).tolist()
    [1.0, 3.0]
    """
    a, b = _in_one_dtype("eigh_tridiagonal", alpha, beta)
    if not a.ndim or b.shape != (*a.shape[:-1], max(a.shape[-1] - 1, 0)):
        raise errors.ShapeError(f"eigh_tridiagonal: beta must have one element less than alpha in its last dimension, got {tuple(a.shape)} and {tuple(b.shape)}")
    full = diag(a) + (diag(b, k=-1) if a.shape[-1] > 1 else 0.0)
    values, vectors = (eigvalsh(full), None) if eigvals_only else eigh(full)
    chosen = _chosen(values, select, select_range)
    return values[..., chosen] if eigvals_only else (values[..., chosen], vectors[..., chosen])


# ------------------------------------------------------------------------------------------------------------------ helpers
def _in_one_dtype(name, *xs):
    """Operands as floats of one dtype: float64 where one has it, as operators make it."""
    xs = [floating(x, name) for x in tensors(name, *xs)]
    code = max([x.dtype for x in xs], key=lambda dtype: dtype.size).code
    return [x if x.dtype.code == code else ops.cast(x, dtype=code) for x in xs]


def _three(name, diagonals, form, rhs):
    """Superdiagonal, diagonal and subdiagonal as columns, (..., m - 1, 1), (..., m, 1), (..., m - 1, 1), and the right side."""
    if form == "sequence":
        if not isinstance(diagonals, (list, tuple)) or len(diagonals) != 3:
            raise ValueError(f"{name}: diagonals must be a list of three, superdiagonal, diagonal and subdiagonal, got {errors.shorten(diagonals)}")
        above, main, below, d = _in_one_dtype(name, *diagonals, rhs)
    elif form == "compact":
        x, d = _in_one_dtype(name, diagonals, rhs)
        x = as_matrices(name, x)
        if x.shape[-2] != 3:
            raise errors.ShapeError(f"{name}: Expected 3 diagonals got {x.shape[-2]}: compact diagonals have shape (..., 3, m), got {tuple(x.shape)}")
        above, main, below = x[..., 0, :], x[..., 1, :], x[..., 2, :]
    elif form == "matrix":
        x, d = _in_one_dtype(name, diagonals, rhs)
        x = as_matrices(name, x)
        if x.shape[-1] != x.shape[-2]:
            raise errors.ShapeError(f"{name}: Expected last two dimensions of diagonals to be same, got {tuple(x.shape)}")
        main = diag_part(x)
        above, below = (diag_part(x, k=k) if x.shape[-1] > 1 else main[..., :0] for k in (1, -1))
    else:
        raise ValueError(f"{name}: Unrecognized diagonals_format: {form}; expected 'compact', 'matrix' or 'sequence'")
    n = main.shape[-1] if main.ndim else 0
    above = above[..., :-1] if above.ndim and above.shape[-1] == n and n else above
    below = below[..., 1:] if below.ndim and below.shape[-1] == n and n else below
    if not main.ndim or any(x.shape != (*main.shape[:-1], max(n - 1, 0)) for x in (above, below)):
        raise errors.ShapeError(f"{name}: diagonals do not fit: {tuple(above.shape)}, {tuple(main.shape)}, {tuple(below.shape)}; the outer ones have one element less")
    return [*[reshape(x, (*x.shape, 1)) for x in (above, main, below)], d]


def _row_of_zeros(x):
    return to_tensor(np.zeros((*x.shape[:-2], 1, x.shape[-1]), x.dtype.as_numpy_dtype))


def _check_rows(name, main, x):
    if x.ndim < 2 or x.shape[-2] != main.shape[-2]:
        raise errors.ShapeError(f"{name}: diagonals of {main.shape[-2]} elements do not fit rhs of shape {tuple(x.shape)}")


def _outweighs(below, main, above):
    """Is every diagonal element no less than the sum of those beside it, in all rows or in all columns?"""
    a, b, c = ops.abs(below), ops.abs(main), ops.abs(above)
    nothing = _row_of_zeros(b)
    beside = concat([a[..., 1:, :], nothing], -2) + concat([nothing, c[..., :-1, :]], -2)
    rows, columns = (ops.reduce_all(b >= sums, axes=tuple(range(b.ndim)), keepdims=0) for sums in (a + c, beside))
    return ops.logical_or(rows, columns)


def _by_full_matrices(below, main, above, d):
    """Of the diagonals as columns of m elements each, the first below and the last above ignored."""
    lower, diagonal, upper = (reshape(x, x.shape[:-1]) for x in (below, main, above))
    full = diag(stack([upper, diagonal, lower], -2), k=(-1, 1), align="LEFT_RIGHT") if main.shape[-2] > 1 else main
    try:
        return solve(full, d)
    except errors.InvalidArgumentError:
        raise errors.DecompositionError("tridiagonal_solve: Input matrix is not invertible") from None


def _by_cyclic_reduction(below, main, above, d):
    """Eliminate every other unknown, solve for the rest, put them in: a[i] x[i-1] + b[i] x[i] + c[i] x[i+1] = d[i] for odd i, less what
    makes the coefficients of the even neighbours 0.  a[0] and c[-1] are 0."""
    n, steps = main.shape[-2], 0
    while -(-(n + 1) // 2**steps) - 1 > FEW:
        steps += 1
    size = -(-(n + 1) // 2**steps) * 2**steps - 1               # so that every step leaves an odd number; what is added is x = 0
    batch = tuple(main.shape[:-2])
    if size > n:
        zeros = np.zeros((*batch, size - n, 1), main.dtype.as_numpy_dtype)
        below, above, main = (concat([x, to_tensor(more)], -2) for x, more in ((below, zeros), (above, zeros), (main, zeros + 1)))
        d = concat([d, to_tensor(np.zeros((*batch, size - n, d.shape[-1]), d.dtype.as_numpy_dtype))], -2)
    return _reduced(below, main, above, d, steps)[..., :n, :]


def _reduced(a, b, c, d, steps):
    if not steps:
        return _by_full_matrices(a, b, c, d)
    (a0, a1), (b0, b1), (c0, c1), (d0, d1) = ((x[..., ::2, :], x[..., 1::2, :]) for x in (a, b, c, d))
    left, right = a1 / b0[..., :-1, :], c1 / b0[..., 1:, :]
    odd = _reduced(-left * a0[..., :-1, :], b1 - left * c0[..., :-1, :] - right * a0[..., 1:, :], -right * c0[..., 1:, :],
                   d1 - left * d0[..., :-1, :] - right * d0[..., 1:, :], steps - 1)  # fmt: skip
    nothing = _row_of_zeros(odd)
    even = (d0 - a0 * concat([nothing, odd], -2) - c0 * concat([odd, nothing], -2)) / b0
    pairs = stack([even[..., :-1, :], odd], -2)
    return concat([reshape(pairs, (*odd.shape[:-2], 2 * odd.shape[-2], odd.shape[-1])), even[..., -1:, :]], -2)


def _chosen(values, select, select_range):
    if select == "a":
        return slice(None)
    if select not in ("i", "v") or select_range is None or np.shape(select_range) != (2,):
        raise ValueError(f"eigh_tridiagonal: select is 'a', or 'i' or 'v' with a select_range of two numbers, got {select!r} and {errors.shorten(select_range)}")
    if select == "i":
        first, last = integers("eigh_tridiagonal", "select_range", select_range)
        if not 0 <= first <= last < values.shape[-1]:
            raise errors.InvalidArgumentError(f"eigh_tridiagonal: select_range must be from 0 to {values.shape[-1] - 1}, got {errors.shorten(select_range)}")
        return slice(first, last + 1)
    if values.ndim > 1:
        raise errors.ShapeError(f"eigh_tridiagonal: select='v' is of one matrix: of several each may have another number of values, got shape {tuple(values.shape)}")
    low, high = (float(x) for x in select_range)
    before, upto = (int((values.numpy() <= x).sum()) for x in (low, high))
    return slice(before, max(before, upto))
