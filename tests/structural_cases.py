"""What the structural rows mean, in NumPy, and the cases their kernels are tested on."""

import numpy as np
import pytest

DTYPES = [np.dtype(t) for t in ("float32", "float64", "int32", "int64", "bool")]


# ------------------------------------------------------------------------------------------------- what they should compute
def steps(shape):
    return tuple(int(np.prod(shape[i + 1 :])) for i in range(len(shape)))


def by_strides(x, shape, strides, offset):
    """What a view reads, element by element."""
    flat, y = x.ravel(), np.empty(shape, x.dtype)
    for i in np.ndindex(*shape):
        y[i] = flat[offset + sum(a * b for a, b in zip(i, strides))]
    return y


def back_by_strides(x, shape, strides, offset):
    flat = np.zeros(int(np.prod(shape)), x.dtype)
    for i in np.ndindex(*x.shape):
        flat[offset + sum(a * b for a, b in zip(i, strides))] += x[i]
    return flat.reshape(shape)


def sum_to(x, shape):
    lead = x.ndim - len(shape)
    axes = tuple(i for i in range(x.ndim) if i < lead or (shape[i - lead] == 1 and x.shape[i] != 1))
    return x.sum(axes, dtype=x.dtype, keepdims=True).reshape(shape)


def logsumexp(x, axes, keepdims):
    if x.size == 0:
        return np.full(np.sum(x, axes, keepdims=bool(keepdims)).shape, -np.inf, x.dtype)
    wide = x.astype(np.longdouble)
    m = wide.max(axes, keepdims=True)
    y = m + np.log(np.exp(wide - m).sum(axes, keepdims=True))
    return (y if keepdims else y.squeeze(axes)).astype(x.dtype)


def scan(f, start):
    """f over everything up to an element, or before it."""

    def along(x, axis, exclusive, reverse):
        x = np.moveaxis(x, axis, -1)
        x = x[..., ::-1] if reverse else x
        y = np.empty_like(x)
        for i in range(x.shape[-1]):
            part = x[..., : i if exclusive else i + 1]
            y[..., i] = f(part) if part.shape[-1] else start
        return np.moveaxis(y[..., ::-1] if reverse else y, -1, axis)

    return along


def recurrence(a, b, axis, own, reverse):
    a, b = np.moveaxis(a, axis, -1), np.moveaxis(b, axis, -1)
    a, b = (a[..., ::-1], b[..., ::-1]) if reverse else (a, b)
    y = b.copy()
    for i in range(1, a.shape[-1]):
        y[..., i] += a[..., i if own else i - 1] * y[..., i - 1]
    return np.moveaxis(y[..., ::-1] if reverse else y, -1, axis)


def softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True, initial=-np.inf))
    return e / e.sum(axis, keepdims=True)


def log_softmax(x, axis):
    return x - np.expand_dims(logsumexp(x, (axis,), 0), axis)


def matmul(a, b, flip_a, flip_b):
    return np.matmul(np.swapaxes(a, -1, -2) if flip_a else a, np.swapaxes(b, -1, -2) if flip_b else b)


def matvec(a, x, flip):
    return np.matmul(np.swapaxes(a, -1, -2) if flip else a, x[..., None])[..., 0]


def seen_by_windows(sizes, count, window, strides, dilations, before, groups):
    """(window, its place, where that is in x) for all that are inside, and the groups."""
    for i in np.ndindex(*count):
        for k in np.ndindex(*window):
            at = tuple(a * s + b * d - e for a, b, s, d, e in zip(i, k, strides, dilations, before))
            if all(0 <= p < n for p, n in zip(at, sizes)):
                for g in range(groups):
                    yield i, k, at, lambda channels, g=g: slice(g * channels // groups, (g + 1) * channels // groups)


def convolve(x, w, shape, *how):
    y = np.zeros((len(x), *shape, w.shape[-1]), x.dtype)
    for i, k, at, of in seen_by_windows(x.shape[1:-1], shape, w.shape[:-2], *how):
        y[(slice(None), *i, of(y.shape[-1]))] += x[(slice(None), *at, of(x.shape[-1]))] @ w[(*k, slice(None), of(y.shape[-1]))]
    return y


def convolve_input(y, w, shape, *how):
    x = np.zeros((len(y), *shape, w.shape[-2] * how[-1]), y.dtype)
    for i, k, at, of in seen_by_windows(shape, y.shape[1:-1], w.shape[:-2], *how):
        x[(slice(None), *at, of(x.shape[-1]))] += y[(slice(None), *i, of(y.shape[-1]))] @ w[(*k, slice(None), of(y.shape[-1]))].T
    return x


def convolve_filters(x, y, shape, *how):
    w = np.zeros((*shape, x.shape[-1] // how[-1], y.shape[-1]), x.dtype)
    for i, k, at, of in seen_by_windows(x.shape[1:-1], y.shape[1:-1], shape, *how):
        w[(*k, slice(None), of(y.shape[-1]))] += x[(slice(None), *at, of(x.shape[-1]))].T @ y[(slice(None), *i, of(y.shape[-1]))]
    return w


def gather(x, indices, axis, batch):
    if batch == 0:
        return np.take(x, indices, axis)
    return np.stack([gather(a, i, axis - 1, batch - 1) for a, i in zip(x, indices)])


def gather_nd(x, indices, batch):
    if batch == 0:
        return x[tuple(np.moveaxis(indices, -1, 0))] if indices.shape[-1] else np.broadcast_to(x, indices.shape[:-1] + x.shape).copy()
    return np.stack([gather_nd(a, i, batch - 1) for a, i in zip(x, indices)])


def scatter_nd(indices, updates, shape, batch):
    y = np.zeros(shape, updates.dtype)
    if batch:
        return np.stack([scatter_nd(i, u, shape[1:], batch - 1) for i, u in zip(indices, updates)])
    np.add.at(y, tuple(np.moveaxis(indices, -1, 0)), updates)
    return y


def ungather(indices, g, shape, axis, batch):
    y = np.zeros(shape, g.dtype)
    if batch:
        return np.stack([ungather(i, u, shape[1:], axis - 1, batch - 1) for i, u in zip(indices, g)])
    np.add.at(np.moveaxis(y, axis, 0), indices, np.moveaxis(g, tuple(range(axis, axis + indices.ndim)), tuple(range(indices.ndim))))
    return y


def update(x, indices, updates):
    y = x.copy()
    for i in np.ndindex(*indices.shape[:-1]):
        y[tuple(indices[i])] = updates[i]
    return y


def variance(x, axis, keepdims):
    n = np.prod([x.shape[a] for a in axis])
    with np.errstate(invalid="ignore"):  # of nothing
        d = x - np.sum(x, axis, keepdims=True) / x.dtype.type(n)
        return np.sum(d * d, axis, keepdims=keepdims) / x.dtype.type(n)


def keeping(f):
    return lambda x, axes, keepdims: np.asarray(f(x, axis=axes, keepdims=bool(keepdims)))


REFERENCE = dict(
    view=by_strides, unview=back_by_strides, reshape=np.reshape, cast=lambda x, t: x.astype(DTYPES[t]), sum_to=sum_to,
    concat=lambda *xs: np.concatenate(xs[:-1], xs[-1]),
    reduce_sum=keeping(lambda x, axis, keepdims: np.sum(x, axis, dtype=x.dtype, keepdims=keepdims)),
    reduce_prod=keeping(lambda x, axis, keepdims: np.prod(x, axis, dtype=x.dtype, keepdims=keepdims)),
    reduce_max=keeping(lambda x, axis, keepdims: np.max(x, axis, keepdims=keepdims, initial=lowest(x.dtype))),
    reduce_min=keeping(lambda x, axis, keepdims: np.min(x, axis, keepdims=keepdims, initial=-lowest(x.dtype) if x.dtype.kind == "f" else ~lowest(x.dtype))),
    reduce_any=keeping(np.any), reduce_all=keeping(np.all), reduce_logsumexp=logsumexp,
    reduce_euclidean_norm=keeping(lambda x, axis, keepdims: np.sqrt(np.sum(x * x, axis, keepdims=keepdims))),
    reduce_variance=keeping(variance), reduce_std=keeping(lambda x, axis, keepdims: np.sqrt(variance(x, axis, keepdims))),
    argsort=lambda x, axis, descending: np.argsort(-x if descending else x, axis, kind="stable"),
    argmax=lambda x, axis: np.argmax(x, axis), argmin=lambda x, axis: np.argmin(x, axis),
    cumsum=scan(lambda x: x.sum(-1, dtype=x.dtype), 0), cumprod=scan(lambda x: x.prod(-1, dtype=x.dtype), 1),
    cumulative_logsumexp=scan(lambda x: logsumexp(x, (-1,), 0), -np.inf), recurrence=recurrence, softmax=softmax, log_softmax=log_softmax,
    softmax_cross_entropy=lambda z, x, axis: -np.sum(z * log_softmax(x, axis), axis),
    sparse_softmax_cross_entropy=lambda labels, x, axis: -np.take_along_axis(log_softmax(x, axis), labels[..., None].astype(int), axis)[..., 0],
    matmul=matmul, matvec=matvec, convolve=convolve, convolve_input=convolve_input, convolve_filters=convolve_filters, gather=gather, ungather=ungather, gather_nd=gather_nd, scatter_nd=scatter_nd,
    tensor_scatter_nd_update=update, nonzero=lambda x: np.argwhere(x))  # fmt: skip


SPREADS = ("reduce_euclidean_norm", "reduce_variance", "reduce_std")


def lowest(dtype):
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


# ------------------------------------------------------------------------------------------------- cases
# Row, shapes of its operands (an array stands for itself: indices), attributes.
INDICES = np.array([[2, 0], [1, 2]], np.int64)
VECTORS = np.array([[0, 1], [2, 3], [0, 1]], np.int32)
SHAPES = [(), (1,), (5,), (0,), (3, 4), (2, 0, 3), (2, 3, 4), (2, 1, 3, 2), (2, 2, 3, 1, 2)]
VIEWS = [  # shape of x, then the view: its shape, strides, offset
    ((3, 4), (4, 3), (1, 4), 0), ((3, 4), (3, 4), (-4, -1), 11), ((3, 4), (2, 3, 4), (0, 4, 1), 0), ((3, 4), (3, 5), (0, 0), 7), ((), (2, 2), (0, 0), 0),
    ((6,), (4, 3), (1, 1), 0), ((2, 3, 4), (4, 2, 3), (1, 12, 4), 0), ((2, 3, 4), (2, 2), (12, -4), 8), ((5,), (0, 3), (1, 1), 0), ((5,), (), (), 3),
    ((4, 4), (4,), (5,), 0), ((4,), (2, 2), (1, 1), 0), ((8,), (2, 2, 2), (1, 2, 2), 0), ((4,), (4,), (0,), 0), ((2, 3, 4, 2), (2, 4, 3, 2), (24, 2, 8, 1), 0), ((70, 90), (90, 70), (1, 90), 0), ((2, 1, 3), (2, 5, 3, 4), (3, 0, 1, 0), 0),
    ((4, 5), (3, 3), (5, 1), 6), ((3, 12), (3, 10), (12, 1), 1), ((2, 4, 15), (2, 3, 9), (60, 15, 1), 16), ((40,), (2, 2, 9), (5, 10, 1), 0), ((2, 20), (2, 9), (-20, 1), 25), ((9, 41), (41, 9), (1, 41), 0), ((3, 33, 8), (3, 8, 33), (264, 1, 8), 0)]  # fmt: skip


def axes_of(shape):
    n = len(shape)
    return [tuple(i for i in range(n) if bits >> i & 1) for bits in range(2**n)] if n < 4 else [(), (0,), (n - 1,), (0, 2), (1, n - 1), tuple(range(n))]


def cases():
    for x, *attrs in VIEWS:
        yield "view", (x,), tuple(attrs)
        yield "unview", (attrs[0],), (x, *attrs[1:])
    for x, y in [((2, 3), (3, 1, 2)), ((), (1, 1)), ((1,), ()), ((0, 2), (3, 0))]:
        yield "reshape", (x,), (y,)
    for x, y in [((2, 3), (3,)), ((2, 3), (2, 1)), ((2, 3), ()), ((4, 2, 3), (1, 3)), ((0, 3), (1, 3)), ((2, 1), (2, 1)), ((3, 300), (300,)), ((40, 3, 2), (3, 1))]:
        yield "sum_to", (x,), (y,)
    for shape in SHAPES:
        for axes in axes_of(shape):
            for row in ("reduce_sum", "reduce_prod", "reduce_max", "reduce_min", "reduce_any", "reduce_all", "reduce_logsumexp", *SPREADS):
                yield row, (shape,), (axes, int(sum(axes) % 2 == 0))
        for axis in range(len(shape)):
            yield "softmax", (shape,), (axis,)
            yield "log_softmax", (shape,), (axis,)
            yield "softmax_cross_entropy", (shape, shape), (axis,)
            yield "argsort", (shape,), (axis, 0)
            yield "argsort", (shape,), (axis, 1)
            if np.prod(shape):
                yield "argmax", (shape,), (axis,)
                yield "argmin", (shape,), (axis,)
            for flags in [(0, 0), (0, 1), (1, 0), (1, 1)]:
                for row in ("cumsum", "cumprod", "cumulative_logsumexp"):
                    yield row, (shape,), (axis, *flags)
                yield "recurrence", (shape, shape), (axis, *flags)
    for shape in [(3, 1500), (1, 1024), (300, 7), (2, 5, 12)]:
        for axis in (0, 1):
            yield "softmax", (shape,), (axis,)
            yield "log_softmax", (shape,), (axis,)
            yield "softmax_cross_entropy", (shape, shape), (axis,)
            for row in ("reduce_logsumexp", "reduce_max", "reduce_min", "reduce_prod", "reduce_sum", *SPREADS):
                yield row, (shape,), ((axis,), 0)
    for xs, axis in [(((2, 3), (2, 1), (2, 0)), 1), (((1, 2), (3, 2)), 0), (((2, 3, 2), (2, 1, 2)), 1), (((4,),), 0)]:
        yield "concat", xs, (axis,)
    for flips in [(0, 0), (0, 1), (1, 0), (1, 1)]:
        for m, k, n in [(2, 3, 4), (1, 1, 1), (0, 2, 3), (3, 0, 2), (7, 9, 5), (33, 70, 41), (13, 300, 9), (1, 5, 40), (40, 5, 1)]:
            for batch_a, batch_b in [((), ()), ((2,), ()), ((3, 1), (2,)), ((), (2,))][: 4 if m < 9 else 1]:
                yield "matmul", ((*batch_a, *((k, m) if flips[0] else (m, k))), (*batch_b, *((n, k) if flips[1] else (k, n)))), flips
    for flip in (0, 1):
        for m, n in [(3, 4), (1, 1), (0, 3), (3, 0), (100, 20), (9, 37), (20, 100)]:
            for batch_a, batch_x in [((), ()), ((2,), ()), ((3, 1), (2,)), ((), (2,))]:
                yield "matvec", ((*batch_a, m, n), (*batch_x, m if flip else n)), (flip,)
    for n, sizes, window, count, strides, dilations, before in [
            (2, (9,), (4,), (9,), (1,), (1,), (1,)), (3, (7,), (3,), (3,), (2,), (1,), (0,)), (1, (5,), (2,), (2,), (4,), (3,), (0,)), (2, (3,), (3,), (2,), (9,), (1,), (8,)),
            (2, (5, 4), (3, 2), (4, 4), (1, 1), (1, 1), (0, 1)), (1, (6, 5), (2, 3), (3, 2), (2, 3), (1, 1), (1, 0)), (2, (6, 7), (3, 2), (3, 7), (1, 1), (2, 3), (1, 2)),
            (1, (3, 4, 3), (2, 1, 2), (3, 2, 3), (1, 2, 1), (1, 1, 1), (1, 0, 0)), (2, (3, 29), (2, 3), (2, 27), (1, 1), (1, 1), (0, 0)), (1, (40, 1), (5, 1), (38, 1), (1, 1), (1, 1), (1, 0)),
            (2, (0, 3), (2, 2), (1, 3), (1, 1), (1, 1), (1, 1)), (0, (4,), (2,), (3,), (1,), (1,), (0,)), (1, (4,), (2,), (0,), (1,), (1,), (0,)), (1, (2, 2), (2, 2), (3, 3), (1, 1), (1, 1), (2, 2))]:  # fmt: skip
        for c, o, groups in [(1, 1, 1), (3, 5, 1), (16, 33, 1), (4, 6, 2), (3, 3, 3), (20, 40, 20), (0, 2, 1), (2, 0, 1)][: 8 if n * len(sizes) == 4 else 5]:
            x, w, y, how = (n, *sizes, c), (*window, c // groups, o), (n, *count, o), (strides, dilations, before, groups)
            yield "convolve", (x, w), (count, *how)
            yield "convolve_input", (y, w), (sizes, *how)
            yield "convolve_filters", (x, y), (window, *how)
    yield from indexing_cases()


def indexing_cases():
    for shape, axis, batch in [((3,), 0, 0), ((3, 4), 0, 0), ((2, 3), 1, 0), ((2, 3, 4), 1, 0), ((2, 3), 1, 1), ((2, 5, 3, 2), 2, 1)]:
        yield "gather", (shape, INDICES), (axis, batch)
        picked = shape[:axis] + INDICES.shape[batch:] + shape[axis + 1 :]
        yield "ungather", (INDICES, picked), (shape, axis, batch)
    yield "gather", ((3, 2), np.array(1, np.int32)), (0, 0)
    yield "gather", ((3, 2), np.zeros((0, 2), np.int32)), (0, 0)
    for labels, shape in [(INDICES, (2, 2, 3)), (np.array([4, 0, 4], np.int32), (3, 5)), (np.array(1, np.int64), (3,)), (np.zeros(0, np.int64), (0, 4)),
                          (np.arange(70, dtype=np.int32) % 9, (70, 9)), (np.array([[7], [1499]]), (2, 1, 1500))]:  # fmt: skip
        yield "sparse_softmax_cross_entropy", (labels, shape), (len(shape) - 1,)
    for shape, indices, batch in [((3, 4), VECTORS, 0), ((3, 4, 2), VECTORS, 0), ((3, 4), VECTORS[:, :1], 0), ((3, 3, 4), VECTORS, 1), ((3, 4, 2), VECTORS[None], 0)]:
        yield "gather_nd", (shape, indices), (batch,)
        picked = indices.shape[:-1] + shape[batch + indices.shape[-1] :]
        yield "scatter_nd", (indices, picked), (shape, batch)
        if batch == 0:
            yield "tensor_scatter_nd_update", (shape, indices, picked), ()
    yield "gather_nd", ((2, 3), np.zeros((2, 0), np.int64)), (0,)
    for shape in SHAPES:
        yield "nonzero", (shape,), ()


CONVOLUTIONS = ("convolve", "convolve_input", "convolve_filters")
CASES = [pytest.param(*case, id=f"{case[0]}-{i}") for i, case in enumerate(cases())]
FLOATING = {*SPREADS, "softmax_cross_entropy", "sparse_softmax_cross_entropy", "reduce_logsumexp", "softmax", "log_softmax", "cumulative_logsumexp", "recurrence"}
NUMERIC = {"unview", "sum_to", "reduce_sum", "reduce_prod", "reduce_max", "reduce_min", "argmax", "argmin", "argsort", "cumsum", "cumprod", "matmul", "matvec", "ungather", "scatter_nd", *CONVOLUTIONS}
BOOLEAN = {"reduce_any", "reduce_all", "nonzero"}
DIFFERENTIABLE = [case for case in CASES if case.values[0] not in BOOLEAN | {"argmax", "argmin", "argsort", *CONVOLUTIONS}]  # (by kernels; convolutions have each other)
LINEAR = {"view", "unview", "reshape", "sum_to", "reduce_sum", "cumsum", "concat", "gather", "ungather", "gather_nd", "scatter_nd", "tensor_scatter_nd_update"}


def takes(row):
    return DTYPES[:2] if row in FLOATING else DTYPES[4:] if row in BOOLEAN else DTYPES[:4] if row in NUMERIC else DTYPES


def fill(rng, shape, dtype):
    if isinstance(shape, np.ndarray):
        return shape
    x = rng.standard_normal(shape) if dtype.kind == "f" else rng.integers(-3, 4, shape)
    return np.asarray(x > 0 if dtype.kind == "b" else x).astype(dtype)
