"""The operators of the table (ops.py) that have to do with formulas over its other rows: composites, whose parts are recorded; those whose
value has a kernel (csrc/norm.c, csrc/softmax.c) and is a formula to numbers of more digits; those of matrices (csrc/lapack.c), of which the
gradient is one."""

from functools import lru_cache

from ._op import FLOATS, INF, composite, of_matrices, structural
from .elementwise import expm1, is_inf, reciprocal_no_nan, scale, sign, sqrt, square, where
from .structural import cast, concat, log_softmax, matmul, reduce_max, reduce_sum, reshape, softmax, steps, sum_to, swap_last, view, zeros_like


def _count(x, axes):
    """How many elements a reduction over `axes` puts together."""
    n = 1
    for a in axes:
        n *= x.shape[a]
    return n


def _kept(g, x, axes):
    """The result of a reduction with its dimensions as if they had been kept: it broadcasts against x."""
    return reshape(g, shape=tuple([1 if a in axes else n for a, n in enumerate(x.shape)]))


def _deviation(x, axes):
    """x less its mean; the second step takes out what the mean lacks by rounding, and makes a constant's exactly 0."""
    d = x - reduce_mean(x, axes=axes, keepdims=1)
    return d - reduce_mean(d, axes=axes, keepdims=1)


def _safe_scale(x, axes):
    """What to divide by so that squares neither overflow nor vanish: 1 for all but huge or tiny elements, where rounding would
    be all it brings."""
    m = reduce_max(abs(x), axes=axes, keepdims=1)
    return where(m > 1e12, where(m < INF, m, 1), where(m < 1e-12, where(m > 0, m, 1), 1))


def _euclidean_norm(x, axes, keepdims):
    s = _safe_scale(x, axes)
    y = s * sqrt(reduce_sum(square(x / s), axes=axes, keepdims=1))
    return y if keepdims else reshape(y, shape=tuple([n for a, n in enumerate(x.shape) if a not in axes]))


def _direction(x, y, axes):
    """x / y; 0 where y is 0, the subgradient of the norm at 0 that has the least norm itself; where y is inf its limit: infinite elements
    share equally, as hypot's do, and the others have none of it."""
    infinite = cast(is_inf(x), dtype=x.dtype.code)
    share = infinite * sign(x) / sqrt(reduce_sum(infinite, axes=axes, keepdims=1))
    return where(y == 0, 0, where(y == INF, share, x / where(y == 0, 1, y)))


reduce_mean = composite(
    lambda x, axes, keepdims: reduce_sum(x, axes=axes, keepdims=keepdims) / _count(x, axes),
    attrs="axes keepdims", doc="mean of the elements")  # fmt: skip

reduce_variance = structural(                       # two passes: E(x**2) - E(x)**2 cancels
    value=lambda x, axes, keepdims: reduce_mean(square(_deviation(x, axes)), axes=axes, keepdims=keepdims),
    vjp=lambda g, x, y, axes, keepdims: scale(2 * _kept(g, x, axes), _deviation(x, axes)) / _count(x, axes),
    attrs="axes keepdims", takes=FLOATS, doc="mean of the squared distances from the mean")  # fmt: skip

reduce_std = structural(                            # by the norm, which does not underflow; gradient 0 at a constant
    value=lambda x, axes, keepdims: _euclidean_norm(_deviation(x, axes), axes, keepdims) / _count(x, axes) ** 0.5,
    vjp=lambda g, x, y, axes, keepdims: scale(_kept(g, x, axes), _direction(_deviation(x, axes), _kept(y, x, axes), axes)) / _count(x, axes),
    attrs="axes keepdims", takes=FLOATS, doc="square root of the variance")  # fmt: skip

reduce_euclidean_norm = structural(
    value=_euclidean_norm,
    vjp=lambda g, x, y, axes, keepdims: scale(_kept(g, x, axes), _direction(x, _kept(y, x, axes), axes)),
    attrs="axes keepdims", takes=FLOATS, doc="square root of the sum of squares")  # fmt: skip

l2_loss = composite(lambda x: reduce_sum(square(x), axes=tuple(range(x.ndim)), keepdims=0) / 2, doc="half the sum of squares")

# The gradient is softmax(x) * sum(z) - z; for a one-hot z that difference, at the hot place, has the accuracy of
# expm1(log_softmax(x)).
softmax_cross_entropy = structural(                 # labels z, logits x
    value=lambda z, x, axis: -reduce_sum(scale(z, log_softmax(x, axis=axis)), axes=(axis,), keepdims=0),
    vjp=(lambda g, z, x, y, axis: -scale(_kept(g, x, (axis,)), log_softmax(x, axis=axis)),
         lambda g, z, x, y, axis: scale(_kept(g, x, (axis,)), softmax(x, axis=axis) * (reduce_sum(z, axes=(axis,), keepdims=1) - z)
                                                              + scale(z, expm1(log_softmax(x, axis=axis))))),
    arity=2, attrs="axis", takes=FLOATS, doc="-sum(z * log_softmax(x))")  # fmt: skip


def _one_hot(labels, x, axis):
    """Which of the logits has the label, 1 and the others 0."""
    import numpy

    places = view(labels, shape=tuple(x.shape), strides=(*steps(tuple(labels.shape)), 0), offset=0)
    return cast(places == numpy.arange(x.shape[axis]).astype(labels.dtype.as_numpy_dtype), dtype=x.dtype.code)


sparse_softmax_cross_entropy = structural(          # the same for labels that are integers, which of the logits of a row has it
    value=lambda labels, x, axis: softmax_cross_entropy(_one_hot(labels, x, axis), x, axis=axis),
    vjp=(None, lambda g, labels, x, y, axis: softmax_cross_entropy.vjp[1](g, _one_hot(labels, x, axis), x, y, axis)),
    arity=2, attrs="axis", takes=FLOATS, doc="-log_softmax(x) at a label for each row")  # fmt: skip


# Of matrices (csrc/lapack.c).  What has several parts is packed: each in the rows of one matrix after another.
def part_of_rows(y, start, size):
    """So many of the rows of every matrix, which lie one after another."""
    return view(y, shape=(*y.shape[:-2], size, y.shape[-1]), strides=steps(tuple(y.shape)), offset=start * y.shape[-1])


def _eye(n, like, but_not=False):
    return _mask("all but the diagonal" if but_not else "diagonal", n, like.dtype.as_numpy_dtype)


@lru_cache(maxsize=64)
def _mask(what, n, dtype):
    """A constant square matrix, which nobody writes to."""
    import numpy

    diagonal = numpy.eye(n)
    mask = {"diagonal": diagonal, "lower": numpy.tri(n), "upper": numpy.tri(n).T, "all but the diagonal": 1 - diagonal, "lower half": numpy.tri(n, k=-1) + diagonal / 2}[what].astype(dtype)
    mask.flags.writeable = False
    return mask


def _over_gaps(x, values):
    """x over the differences of values, columns' less rows'; 0 where x is, on the diagonal, and of equal values."""
    return scale(x, reciprocal_no_nan(values - swap_last(values)) * _eye(x.shape[-1], x, but_not=True))


def _matrices(g, x):
    """Numbers, one for each of the matrices x, as something that broadcasts against them."""
    return reshape(g, shape=(*x.shape[:-2], 1, 1))


def _lower_half(x):
    """The lower triangle with half the diagonal."""
    return x * _mask("lower half", x.shape[-1], x.dtype.as_numpy_dtype)


def _cholesky_vjp(g, x, y):
    """Murray, Differentiation of the Cholesky decomposition (2016), eq. 10."""
    inner = _lower_half(matmul(y, g, transpose_a=1, transpose_b=0))
    half = triangular_solve(y, swap_last(triangular_solve(y, inner, lower=1, adjoint=1)), lower=1, adjoint=1)
    return (half + swap_last(half)) * 0.5


def _eigh_vjp(g, x, y):
    """Giles, An extended collection of matrix derivative results for forward and reverse mode AD (2008), 3.1; for the lower half of x."""
    n = x.shape[-1]
    w, v, g_w, g_v = part_of_rows(y, 0, 1), part_of_rows(y, 1, n), part_of_rows(g, 0, 1), part_of_rows(g, 1, n)
    inner = g_w * _eye(n, x) + _over_gaps(matmul(v, g_v, transpose_a=1, transpose_b=0), w)
    whole = matmul(matmul(v, inner, transpose_a=0, transpose_b=0), v, transpose_a=0, transpose_b=1)
    return _lower_half(whole + swap_last(whole))


def _svd_vjp(g, x, y):
    """J. Townsend, Differentiating the singular value decomposition (2016), with u and v of the smaller size."""
    m, n = x.shape[-2:]
    (s, u, v), (g_s, g_u, g_v) = [[part_of_rows(a, 0, 1), part_of_rows(a, 1, m), part_of_rows(a, 1 + m, n)] for a in (y, g)]
    of_u, of_v = matmul(u, g_u, transpose_a=1, transpose_b=0), matmul(v, g_v, transpose_a=1, transpose_b=0)
    over_sums = reciprocal_no_nan(s + swap_last(s))                         # F of the paper is 1 / (sums * gaps)
    left, right = _over_gaps(of_u - swap_last(of_u), s) * over_sums * s, _over_gaps(of_v - swap_last(of_v), s) * over_sums * swap_last(s)
    rest_u = g_u - matmul(u, of_u, transpose_a=0, transpose_b=0)            # what stands upright on all of u: 0 where u is square
    rest_v = g_v - matmul(v, of_v, transpose_a=0, transpose_b=0)
    inverse = reciprocal_no_nan(s)
    whole = matmul(u, g_s * _eye(s.shape[-1], x) + left + right, transpose_a=0, transpose_b=0) + (scale(rest_u, inverse) if m > n else 0)
    whole = matmul(whole, v, transpose_a=0, transpose_b=1)
    return whole + matmul(u, scale(rest_v, inverse), transpose_a=0, transpose_b=1) if n > m else whole


def _qr_vjp(g, x, y):
    """Walter & Lehmann, "Algorithmic differentiation of linear algebra functions with application in optimum experimental design"
    (2010), 3.3; of wide matrices for their first columns, as the others are q' times them."""
    m, n, k = *x.shape[-2:], min(x.shape[-2:])
    q, upper, g_q, g_upper = part_of_rows(y, 0, m), part_of_rows(y, m, k), part_of_rows(g, 0, m), part_of_rows(g, m, k)         # r's transposed
    if n > m:
        g_rest, rest = part_of_rows(g, m + k, n - k), part_of_rows(swap_last(x), k, n - k)
        g_q = g_q + matmul(rest, g_rest, transpose_a=1, transpose_b=0)
    inner = _lower_half(matmul(upper, g_upper, transpose_a=1, transpose_b=0) - matmul(g_q, q, transpose_a=1, transpose_b=0))
    share = triangular_solve(upper, swap_last(g_q + matmul(q, inner + swap_last(inner), transpose_a=0, transpose_b=0)), lower=1, adjoint=1)
    if n > m:
        share = concat(share, matmul(g_rest, q, transpose_a=0, transpose_b=1), axis=len(x.shape) - 2)
    return swap_last(share)


def _pinv_vjp(g, x, rcond, y):
    """Golub & Pereyra, The differentiation of pseudo-inverses (1973), eq. 4.12, where the rank stays."""
    left, right = matmul(y, g, transpose_a=1, transpose_b=0), matmul(y, y, transpose_a=0, transpose_b=1)    # y' g, y y'
    up = swap_last(g) - matmul(x, matmul(y, swap_last(g), transpose_a=0, transpose_b=0), transpose_a=0, transpose_b=0)
    down = matmul(matmul(y, y, transpose_a=1, transpose_b=0), swap_last(g), transpose_a=0, transpose_b=0)
    return (matmul(up, right, transpose_a=0, transpose_b=0) - matmul(left, y, transpose_a=0, transpose_b=1)
            + down - matmul(matmul(down, y, transpose_a=0, transpose_b=0), x, transpose_a=0, transpose_b=0))  # fmt: skip


def triangle(x, lower):
    """One triangle of x with its diagonal; not even nan stays of the other."""
    return where(_mask("lower" if lower else "upper", x.shape[-1], bool), x, 0)


def _fit(g, x):
    return g if tuple(g.shape) == tuple(x.shape) else sum_to(g, shape=tuple(x.shape))


def _third_slope_of_det(g, x, t, y):
    """Of a polynomial: 0 for less than three rows; for three x, t and g are alike in it; for more, where there is an inverse, y is
    <t, b> c - c t' b, b the inverse transposed, c the cofactors."""
    if x.shape[-1] <= 3:
        return cofactor_slope(t, g) if x.shape[-1] == 3 else zeros_like(x)
    b, c, all_of = swap_last(inv(x)), cofactors(x), {"axes": (len(x.shape) - 2, len(x.shape) - 1), "keepdims": 1}
    to_b = reduce_sum(g * c, **all_of) * t - matmul(t, matmul(c, g, transpose_a=1, transpose_b=0), transpose_a=0, transpose_b=0)
    to_c = reduce_sum(t * b, **all_of) * g - matmul(g, matmul(b, t, transpose_a=1, transpose_b=0), transpose_a=0, transpose_b=0)
    return cofactor_slope(x, to_c) - matmul(matmul(b, to_b, transpose_a=0, transpose_b=1), b, transpose_a=0, transpose_b=0)


# fmt: off
inv         = of_matrices(vjp=lambda g, x, y: -matmul(matmul(y, g, transpose_a=1, transpose_b=0), y, transpose_a=0, transpose_b=1), doc="inverse of square matrices")
det         = of_matrices(vjp=lambda g, x, y: scale(_matrices(g, x), cofactors(x)), doc="determinant of square matrices")
cofactors   = of_matrices(vjp=lambda g, x, y: cofactor_slope(x, g), doc="slope of det, which singular matrices have too")
cofactor_slope = of_matrices(vjp=(_third_slope_of_det, lambda g, x, t, y: cofactor_slope(x, g)), arity=2, doc="derivative of the cofactors along t; it is symmetric")
logabsdet   = of_matrices(vjp=lambda g, x, y: scale(_matrices(g, x), swap_last(inv(x))), doc="logarithm of the absolute value of the determinant")
sign_of_det = of_matrices(vjp=None, doc="sign of the determinant")
solve       = of_matrices(                                 # a @ y = b: a (.., m, m), b (.., m, k); with `adjoint` transpose(a) @ y = b
    vjp=(lambda g, a, b, y, adjoint: _fit(-matmul(y, solve(a, g, adjoint=0), transpose_a=0, transpose_b=1) if adjoint else
                                          -matmul(solve(a, g, adjoint=1), y, transpose_a=0, transpose_b=1), a),
         lambda g, a, b, y, adjoint: _fit(solve(a, g, adjoint=1 - adjoint), b)),
    arity=2, attrs="adjoint", doc="solution of linear equations")
triangular_solve = of_matrices(                            # the same of one triangle of a with its diagonal
    vjp=(lambda g, a, b, y, lower, adjoint: triangle(_fit(-matmul(y, triangular_solve(a, g, lower=lower, adjoint=0), transpose_a=0, transpose_b=1) if adjoint else
                                                           -matmul(triangular_solve(a, g, lower=lower, adjoint=1), y, transpose_a=0, transpose_b=1), a), lower),
         lambda g, a, b, y, lower, adjoint: _fit(triangular_solve(a, g, lower=lower, adjoint=1 - adjoint), b)),
    arity=2, attrs="lower adjoint", doc="solution of linear equations by the lower or the upper triangle of a")
cholesky    = of_matrices(vjp=_cholesky_vjp, doc="lower triangular factor of symmetric matrices")
eigh        = of_matrices(vjp=_eigh_vjp, doc="eigenvalues of symmetric matrices as a first row, below it their vectors as columns")
svd         = of_matrices(vjp=_svd_vjp, doc="singular values as a first row, below it the left vectors as columns, then the right ones")
qr          = of_matrices(vjp=_qr_vjp, doc="orthonormal columns q, and below them the transpose of the upper triangular r of q @ r")
pinv        = of_matrices(vjp=(_pinv_vjp, None), arity=2, doc="pseudo-inverse; singular values up to b times the largest count as 0")
# fmt: on
