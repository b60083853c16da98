"""The structural operators of the table (ops.py): C kernels that move numbers, or make one of several.

A rule gives a gradient of exactly its operand's shape.  `view` reads elements offset + sum(index * stride) of its operand in
row-major order, and `unview` adds them back: with the three functions below them they serve every rule that moves numbers.
"""

import operator

from ._op import BOOL, FLOATS, INF, NAN, NUMBERS, structural
from .elementwise import div, equal, exp, exp2, expm1, floor, greater, is_finite, is_nan, log2, maximum, mul, neg, scale, select, sub, where


def elements(shape):
    """How many an array of this shape has."""
    n = 1
    for size in shape:
        n *= size
    return n


def steps(shape):
    """Strides of a C-contiguous array, in elements."""
    own, step = [], 1
    for size in reversed(tuple(shape)):
        own.append(step)
        step *= size
    return tuple(reversed(own))


def broadcast_to(x, shape):
    """x repeated along new leading dimensions and those in which its size is 1."""
    own = tuple(0 if n == 1 else step for n, step in zip(x.shape, steps(x.shape)))
    return view(x, shape=tuple(shape), strides=(0,) * (len(shape) - x.ndim) + own, offset=0)


def transpose(x, perm):
    """Dimension i of the result is dimension perm[i] of x."""
    shape = tuple(x.shape)
    own = steps(shape)
    return view(x, shape=tuple([shape[i] for i in perm]), strides=tuple([own[i] for i in perm]), offset=0)


def swap_last(x):
    """The transpose of every matrix in x."""
    return transpose(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def spread(g, like, axes, keepdims):
    """Undo a reduction of `like` over axes: every number of g where it came from.  Dimensions of size 1, kept or not, do not
    change where numbers stand."""
    kept = steps(tuple(1 if i in axes else n for i, n in enumerate(like.shape)))
    return view(g, shape=tuple(like.shape), strides=tuple(0 if i in axes else step for i, step in enumerate(kept)), offset=0)


def cut(x, axis, start, size):
    """`size` slices of x from `start` on along an axis."""
    shape = (*x.shape[:axis], size, *x.shape[axis + 1 :])
    return view(x, shape=shape, strides=steps(x.shape), offset=start * steps(x.shape)[axis])


def shift(x, axis, reverse):
    """x moved one place along an axis, to higher indices unless reversed; 0 comes in."""
    n, step = x.shape[axis], steps(x.shape)
    if n == 0:
        return x
    rest = cut(x, axis, 1 if reverse else 0, n - 1)
    return unview(rest, shape=tuple(x.shape), strides=step, offset=0 if reverse else step[axis])


def zeros_like(x):
    return unview(view(x, shape=(0,), strides=(1,), offset=0), shape=tuple(x.shape), strides=(1,), offset=0)


def exponents(x, axis):
    """e with |product of x / 2**e so far| near 1, constants to every derivative: no product of them overflows on its way, however long."""
    logarithm = log2(abs(x))
    so_far = floor(cumsum(where(is_finite(logarithm), logarithm, 0), axis=axis, exclusive=0, reverse=0))
    return sub(so_far, shift(so_far, axis, 0))


def by_power(f, x, e):
    """f of x and 2**e, which itself may be no number while the result is one."""
    half = floor(mul(e, 0.5))
    return f(f(x, exp2(half)), exp2(sub(e, half)))


def product_of_others(x, axes):
    """At every element the product of all others along axes: of those before times those after, as no quotient can say where x is 0."""
    kept = tuple(i for i in range(x.ndim) if i not in axes)
    order, last = (*kept, *axes), len(kept)
    moved = transpose(x, order)
    row = reshape(moved, shape=(*(x.shape[i] for i in kept), elements(x.shape[i] for i in axes)))
    e = exponents(row, last)
    before, after = (cumprod(by_power(div, row, e), axis=last, exclusive=1, reverse=r) for r in (0, 1))
    others = by_power(scale, mul(before, after), sub(reduce_sum(e, axes=(last,), keepdims=1), e))
    return transpose(reshape(others, shape=tuple(moved.shape)), tuple(order.index(i) for i in range(x.ndim)))


def share_of_extreme(g, x, y, axes, keepdims):
    """max and min: the elements that are the extreme share its gradient equally.  An extreme that is nan equals none of them: nan."""
    chosen = equal(x, spread(y, x, axes, keepdims))
    ties = reduce_sum(cast(chosen, dtype=x.dtype.code), axes=axes, keepdims=keepdims)
    unknown = where(equal(g, 0), 0, where(equal(ties, 0), NAN, 0))
    return where(chosen, spread(div(g, maximum(ties, 1)), x, axes, keepdims), spread(unknown, x, axes, keepdims))


def infinite_terms(x):
    """1 where x is inf, else 0."""
    return cast(equal(x, INF), dtype=x.dtype.code)


def exp_of_difference(x, y, quotient):
    """exp(x - y) where y is a log-sum-exp with x, or a log-sum-exp of some, among its terms; 0 where all terms are exp(-inf).
    `quotient` stands for it where y is inf: how many infinite terms x has for each that y has."""
    return where(equal(y, -INF), 0, where(equal(y, INF), quotient, exp(sub(x, y))))


def softmax_over(x, axes):
    """softmax over several axes together."""
    if len(axes) == 1:
        return softmax(x, axis=axes[0])
    order = (*(i for i in range(x.ndim) if i not in axes), *axes)
    moved = transpose(x, order)
    kept = tuple(moved.shape[: x.ndim - len(axes)])
    rows = softmax(reshape(moved, shape=(*kept, elements(x.shape[i] for i in axes))), axis=len(kept))
    return transpose(reshape(rows, shape=tuple(moved.shape)), tuple(order.index(i) for i in range(x.ndim)))


def logsumexp_rule(g, x, y, axes, keepdims):
    """softmax(x), not exp(x - y): beside 10000 float32 has three places after the point.  Infinite terms share equally."""
    infinite, y = infinite_terms(x), spread(y, x, axes, keepdims)
    quotient = div(infinite, maximum(spread(reduce_sum(infinite, axes=axes, keepdims=1), x, axes, 1), 1))
    weights = softmax_over(where(is_finite(y), x, 0), axes)
    return scale(spread(g, x, axes, keepdims), where(equal(y, -INF), 0, where(equal(y, INF), quotient, where(is_nan(y), y, weights))))


def softmax_rule(g, x, y, axis):
    """y * (h - sum of h * y), h = g less that of a y near 1, beside which 1 - y, the sum of the others, would be lost by rounding."""
    h = sub(g, reduce_sum(where(greater(y, 0.5), g, 0), axes=(axis,), keepdims=1))
    weighted = reduce_sum(scale(h, y), axes=(axis,), keepdims=1)
    return scale(sub(h, weighted), y)


def log_softmax_rule(g, x, y, axis):
    """g - p * sum of g, p = exp(y); g * (1 - p) - p * sum of the others for a p near 1 (-0.69: p is more than a half, as one may be)."""
    likely = greater(y, -0.69)
    total, others = (reduce_sum(a, axes=(axis,), keepdims=1) for a in (g, where(likely, 0, g)))
    own = sub(scale(neg(g), expm1(y)), scale(others, exp(y)))
    return where(likely, own, sub(g, scale(total, exp(y))))


def cumprod_rule(g, x, y, axis, exclusive, reverse):
    """dx[i] = (product before i) * (g[i] + x[i+1] * (g[i+1] + x[i+2] * ...)): Horner's rule, without a division by x."""
    before = cumprod(x, axis=axis, exclusive=1, reverse=reverse)
    after = recurrence(x, g, axis=axis, own=exclusive, reverse=1 - reverse)
    return scale(shift(after, axis, 1 - reverse) if exclusive else after, before)


def cumulative_logsumexp_rule(g, x, y, axis, exclusive, reverse):
    """dx[j] = sum over i >= j of g[i] * exp(x[j] - y[i]), where y[i] only grows: from the far end, r[j] = g[j] + exp(y[j] - y[j+1]) * r[j+1]."""
    infinite = infinite_terms(x)
    so_far = cumsum(infinite, axis=axis, exclusive=exclusive, reverse=reverse)
    step = exp_of_difference(shift(y, axis, reverse), y, div(shift(so_far, axis, reverse), maximum(so_far, 1)))
    r = recurrence(step, g, axis=axis, own=0, reverse=1 - reverse)
    if exclusive:
        r, y, so_far = (shift(a, axis, 1 - reverse) for a in (r, y, so_far))
    return scale(r, exp_of_difference(x, y, div(infinite, maximum(so_far, 1))))


def recurrence_a(g, a, b, y, axis, own, reverse):
    """y[i] = b[i] + a[i] * y[i-1], or a[i-1] * y[i-1]: what arrives at y[i] in all, times the y that a[i] met, of which 0 stops even an infinity."""
    arrived = recurrence(a, g, axis=axis, own=1 - own, reverse=1 - reverse)
    return select(arrived, shift(y, axis, reverse)) if own else select(shift(arrived, axis, 1 - reverse), y)


def matmul_a(g, a, b, y, transpose_a, transpose_b):
    if transpose_a:
        share = matmul(b, g, transpose_a=transpose_b, transpose_b=1)
    else:
        share = matmul(g, b, transpose_a=0, transpose_b=1 - transpose_b)
    return sum_to(share, shape=tuple(a.shape))


def matmul_b(g, a, b, y, transpose_a, transpose_b):
    if transpose_b:
        share = matmul(g, a, transpose_a=1, transpose_b=transpose_a)
    else:
        share = matmul(a, g, transpose_a=1 - transpose_a, transpose_b=0)
    return sum_to(share, shape=tuple(b.shape))


def matvec_a(g, a, x, y, transpose_a):
    rows, columns = (x, g) if transpose_a else (g, x)
    column = reshape(rows, shape=(*rows.shape, 1))
    row = reshape(columns, shape=(*columns.shape[:-1], 1, columns.shape[-1]))
    return sum_to(mul(column, row), shape=tuple(a.shape))


def all_windows(whole, count, window, strides, dilations, groups):
    """(shape, strides) of the view of an array of shape `whole`, (batch, sizes.., channels), as (groups, batch, count.., window.., channels of a group)."""
    batch, *each, channel = steps(whole)
    own = whole[-1] // groups
    return (groups, whole[0], *count, *window, own), (own, batch, *map(operator.mul, strides, each), *map(operator.mul, dilations, each), channel)


def with_margin(sizes, count, window, strides, dilations, before):
    """Of an array that all windows fit into, with x in it from `before` on."""
    return tuple([max(b + n, (c - 1) * s + (k - 1) * d + 1) for n, c, k, s, d, b in zip(sizes, count, window, strides, dilations, before)])


def margin(x, sizes, before):
    shape = (x.shape[0], *sizes, x.shape[-1])
    return unview(x, shape=shape, strides=steps(shape), offset=begin(shape, before))


def begin(whole, before):
    """Where x begins in an array of shape `whole`, (batch, sizes.., channels)."""
    return sum(map(operator.mul, before, steps(whole)[1:-1]))


def rows_of_windows(x, count, window, strides, dilations, before, groups):
    """What windows see of x, by group: (groups, windows, elements of one)."""
    sizes = with_margin(x.shape[1:-1], count, window, strides, dilations, before)
    shape, own = all_windows((x.shape[0], *sizes, x.shape[-1]), count, window, strides, dilations, groups)
    seen = view(margin(x, sizes, before), shape=shape, strides=own, offset=0)
    return reshape(seen, shape=(groups, elements(shape[1 : 2 + len(count)]), elements(shape[2 + len(count) :])))


def columns_of_groups(x, groups):
    """(.., channels) as (groups, all before, channels of a group)."""
    rows, own = elements(x.shape[:-1]), x.shape[-1] // groups
    return view(x, shape=(groups, rows, own), strides=(own, x.shape[-1], 1), offset=0)


def groups_of_columns(x, shape):
    """Its inverse."""
    groups, rows, own = x.shape
    return reshape(view(x, shape=(rows, groups, own), strides=(own, rows * own, 1), offset=0), shape=tuple(shape))


def convolve_value(x, w, shape, strides, dilations, before, groups):
    rows = rows_of_windows(x, shape, w.shape[:-2], strides, dilations, before, groups)
    y = matmul(rows, columns_of_groups(w, groups), transpose_a=0, transpose_b=0)
    return groups_of_columns(y, (x.shape[0], *shape, w.shape[-1]))


def convolve_input_value(y, w, shape, strides, dilations, before, groups):
    count, window = tuple(y.shape[1:-1]), tuple(w.shape[:-2])
    shares = matmul(columns_of_groups(y, groups), columns_of_groups(w, groups), transpose_a=0, transpose_b=1)
    sizes, channels = with_margin(shape, count, window, strides, dilations, before), groups * w.shape[-2]
    whole = (y.shape[0], *sizes, channels)
    seen, own = all_windows(whole, count, window, strides, dilations, groups)
    x = unview(reshape(shares, shape=seen), shape=whole, strides=own, offset=0)
    return view(x, shape=(y.shape[0], *shape, channels), strides=steps(whole), offset=begin(whole, before))


def convolve_filters_value(x, y, shape, strides, dilations, before, groups):
    rows = rows_of_windows(x, tuple(y.shape[1:-1]), shape, strides, dilations, before, groups)
    w = matmul(rows, columns_of_groups(y, groups), transpose_a=1, transpose_b=0)
    return groups_of_columns(w, (*shape, x.shape[-1] // groups, y.shape[-1]))


def concat_rule(k, g, *operands, axis):
    *xs, y = operands
    return cut(g, axis, sum(x.shape[axis] for x in xs[:k]), xs[k].shape[axis])


def update_rule(g, x, indices, updates, y):
    """An update that a later one has overwritten has no gradient."""
    depth = indices.shape[-1]
    rest = len(x.shape) - depth
    wins = last_of(indices, shape=tuple(x.shape[:depth]))
    return where(reshape(wins, shape=(*indices.shape[:-1], *(1,) * rest)), gather_nd(g, indices, batch_dims=0), 0)


WINDOWS = "shape strides dilations before groups"

# fmt: off
# ------------------------------------------------------------------------------------------------------- moving numbers
# Strides and offset count elements.
view       = structural(vjp=lambda g, x, y, shape, strides, offset: unview(g, shape=tuple(x.shape), strides=strides, offset=offset),
                        attrs="shape strides offset", linear=(0,), doc="y[i, j, ..] = x.flat[offset + i * strides[0] + j * strides[1] + ..]")
unview     = structural(vjp=lambda g, x, y, shape, strides, offset: view(g, shape=tuple(x.shape), strides=strides, offset=offset),
                        attrs="shape strides offset", takes=NUMBERS, linear=(0,), doc="zeros, and x[i, j, ..] added at offset + i * strides[0] + j * strides[1] + ..")
reshape    = structural(vjp=lambda g, x, y, shape: reshape(g, shape=tuple(x.shape)), attrs="shape", linear=(0,), doc="the same numbers in row-major order")
cast       = structural(vjp=lambda g, x, y, dtype: cast(g, dtype=x.dtype.code),      attrs="dtype", linear=(0,), doc="the same numbers in another dtype; to integers truncated and saturated, NaN to 0")
sum_to     = structural(vjp=lambda g, x, y, shape: broadcast_to(g, x.shape),         attrs="shape", takes=NUMBERS, linear=(0,), doc="the sum over the dimensions that broadcasting `shape` to x's made")
concat     = structural(vjp=concat_rule, arity=None, attrs="axis", doc="operands one after another along an axis")

# ------------------------------------------------------------------------------------------------------------ reductions
reduce_sum  = structural(vjp=lambda g, x, y, axes, keepdims: spread(g, x, axes, keepdims),
                         attrs="axes keepdims", takes=NUMBERS, linear=(0,), doc="sum")
reduce_prod = structural(vjp=lambda g, x, y, axes, keepdims: scale(spread(g, x, axes, keepdims), product_of_others(x, axes)),
                         attrs="axes keepdims", takes=NUMBERS, doc="product")
reduce_max  = structural(vjp=share_of_extreme, attrs="axes keepdims", takes=NUMBERS, doc="the largest; NaN if there is one, -inf (the lowest integer) of none")
reduce_min  = structural(vjp=share_of_extreme, attrs="axes keepdims", takes=NUMBERS, doc="the smallest; NaN if there is one, inf (the highest integer) of none")
reduce_any  = structural(attrs="axes keepdims", takes=BOOL, gives="bool", doc="is any true?")
reduce_all  = structural(attrs="axes keepdims", takes=BOOL, gives="bool", doc="are all true?")
reduce_logsumexp = structural(vjp=logsumexp_rule, attrs="axes keepdims", takes=FLOATS, doc="log(sum(exp(x))), no overflow")
argmax      = structural(attrs="axis", takes=NUMBERS, gives="int64", doc="index of the largest, the first of equals; of the first NaN if there is one")
argmin      = structural(attrs="axis", takes=NUMBERS, gives="int64", doc="index of the smallest, the first of equals; of the first NaN if there is one")

# ----------------------------------------------------------------------------------------------------------------- scans
# `exclusive` leaves out the element itself, `reverse` starts from the far end.
cumsum     = structural(vjp=lambda g, x, y, axis, exclusive, reverse: cumsum(g, axis=axis, exclusive=exclusive, reverse=1 - reverse),
                        attrs="axis exclusive reverse", takes=NUMBERS, linear=(0,), doc="sums so far")
cumprod    = structural(vjp=cumprod_rule, attrs="axis exclusive reverse", takes=NUMBERS, doc="products so far")
cumulative_logsumexp = structural(vjp=cumulative_logsumexp_rule, attrs="axis exclusive reverse", takes=FLOATS, doc="log-sum-exp so far; -inf of nothing")
recurrence = structural(vjp=(recurrence_a, lambda g, a, b, y, axis, own, reverse: recurrence(a, g, axis=axis, own=1 - own, reverse=1 - reverse)),
                        arity=2, attrs="axis own reverse", takes=FLOATS, linear=(1,), doc="y[i] = b[i] + a[i] * y[i-1], or a[i-1] * y[i-1] where not own; a y of 0 adds exactly 0")

# --------------------------------------------------------------------------------------------------------------- softmax
softmax     = structural(vjp=softmax_rule, attrs="axis", takes=FLOATS, doc="exp(x) / sum(exp(x)) along an axis")
log_softmax = structural(vjp=log_softmax_rule, attrs="axis", takes=FLOATS, doc="x - log(sum(exp(x))) along an axis")

# -------------------------------------------------------------------------------------------------------------- products
matmul     = structural(vjp=(matmul_a, matmul_b), arity=2, attrs="transpose_a transpose_b", takes=NUMBERS, linear=(0, 1), doc="a @ b, batches broadcast")
matvec     = structural(vjp=(matvec_a, lambda g, a, x, y, transpose_a: sum_to(matvec(a, g, transpose_a=1 - transpose_a), shape=tuple(x.shape))),
                        arity=2, attrs="transpose_a", takes=NUMBERS, linear=(0, 1), doc="every matrix of a times every vector of x, batches broadcast")

# ---------------------------------------------------------------------------------------------------------- convolutions
# What the shapes of the operands leave open of x (batch, sizes.., channels), w (window.., channels of a group, channels of y) and
# y (batch, windows.., channels); `before`: how many zeros stand before x.  The derivatives of each are the other two.
convolve   = structural(vjp=(lambda g, x, w, y, shape, **how: convolve_input(g, w, shape=tuple(x.shape[1:-1]), **how),
                             lambda g, x, w, y, shape, **how: convolve_filters(x, g, shape=tuple(w.shape[:-2]), **how)),
                        value=convolve_value, arity=2, attrs=WINDOWS, takes=NUMBERS, linear=(0, 1), kernel_vjp=False,
                        doc="y[b, i, o] = the sum over k and c of x[b, i * stride + k * dilation - before, c] * w[k, c, o]")
convolve_input   = structural(vjp=(lambda g, y, w, x, shape, **how: convolve(g, w, shape=tuple(y.shape[1:-1]), **how),
                                   lambda g, y, w, x, shape, **how: convolve_filters(g, y, shape=tuple(w.shape[:-2]), **how)),
                              value=convolve_input_value, arity=2, attrs=WINDOWS, takes=NUMBERS, linear=(0, 1), kernel_vjp=False,
                              doc="x of y and w: what the windows of a convolution give back to its input")
convolve_filters = structural(vjp=(lambda g, x, y, w, shape, **how: convolve_input(y, g, shape=tuple(x.shape[1:-1]), **how),
                                   lambda g, x, y, w, shape, **how: convolve(x, g, shape=tuple(y.shape[1:-1]), **how)),
                              value=convolve_filters_value, arity=2, attrs=WINDOWS, takes=NUMBERS, linear=(0, 1), kernel_vjp=False,
                              doc="w of x and y: what they give back to its filters")

# The operands and the result of each: sums of products along what two of them share.
CONVOLUTIONS = {"convolve": "xwy", "convolve_input": "ywx", "convolve_filters": "xyw"}

# -------------------------------------------------------------------------------------------------------------- indexing
gather     = structural(vjp=(lambda g, x, indices, y, axis, batch_dims: ungather(indices, g, shape=tuple(x.shape), axis=axis, batch_dims=batch_dims), None),
                        arity=2, attrs="axis batch_dims", linear=(0,), doc="slices of x at indices along an axis")
ungather   = structural(vjp=(None, lambda g, indices, x, y, shape, axis, batch_dims: gather(g, indices, axis=axis, batch_dims=batch_dims)),
                        arity=2, attrs="shape axis batch_dims", takes=NUMBERS, linear=(1,), doc="zeros, and slices of x added at indices along an axis")
gather_nd  = structural(vjp=(lambda g, x, indices, y, batch_dims: scatter_nd(indices, g, shape=tuple(x.shape), batch_dims=batch_dims), None),
                        arity=2, attrs="batch_dims", linear=(0,), doc="slices of x at index vectors")
scatter_nd = structural(vjp=(None, lambda g, indices, updates, y, shape, batch_dims: gather_nd(g, indices, batch_dims=batch_dims)),
                        arity=2, attrs="shape batch_dims", takes=NUMBERS, linear=(1,), doc="zeros, and updates added at index vectors")
tensor_scatter_nd_update = structural(vjp=(lambda g, x, indices, updates, y: tensor_scatter_nd_update(g, indices, zeros_like(updates)), None, update_rule),
                                      arity=3, doc="x with updates at index vectors; the last of equal ones wins")
last_of    = structural(attrs="shape", gives="bool", doc="is this index vector the last of its equals?")
nonzero    = structural(takes=BOOL, gives="int64", doc="index vectors of what is true, in row-major order")
argsort    = structural(attrs="axis descending", takes=NUMBERS, gives="int64", doc="indices in the order of the elements along an axis; equal ones keep theirs, NaN counts as largest")
# fmt: on
