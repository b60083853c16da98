"""Einstein sums and tensordot, by views, sums and one matrix product for each pair of operands.

An equation and the operands' shapes make a plan once: a list of steps on the operands' tensors.  A pair is contracted as
(batch, kept of a, summed) @ (batch, summed, kept of b); the labels decide which axis is what.
"""

import functools

import numpy as np

from . import errors, ops
from ._core import Tensor
from .arguments import integers, tensors
from .shaping import strides_of

__all__ = ["einsum", "tensordot"]


def einsum(equation, *inputs, **kwargs) -> Tensor:
    """The sum over every label that is not in the output, of the product of the operands.

    equation  'ij,jk->ik'; '...' stands for any further dimensions, which broadcast; a label twice in an operand is its
              diagonal; without '->' the output has the labels that occur once, in alphabetical order
    inputs    as many tensors as the equation names; several may come as one list

    >>> einsum("ij,j->i", [[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0]).numpy().tolist()
    [3.0, 7.0]
    """
    if not isinstance(equation, str):
        raise TypeError(f"einsum: equation must be a string, as 'ij,jk->ik', got {errors.shorten(equation)}")
    for key in kwargs:
        if key not in ("optimize", "name"):
            raise TypeError(f"einsum: takes optimize and name by keyword, not {key}")
    if len(inputs) == 1 and isinstance(inputs[0], (list, tuple)) and "," in equation:
        inputs = inputs[0]
    xs = tensors("einsum", *inputs)
    steps = _plan(equation, tuple([tuple(x.shape) for x in xs]), kwargs.get("optimize", "greedy"))
    for step in steps:
        step(xs)
    return xs[0]


def tensordot(a, b, axes, name=None) -> Tensor:
    """The sum of products over pairs of axes.

    axes  an integer n: the last n of a with the first n of b; or two lists of axes, of a and of b

    >>> float(tensordot([1.0, 2.0], [3.0, 4.0], 1))
    11.0
    """
    a, b = tensors("tensordot", a, b)
    left, right = _dot_axes(axes, a.ndim, b.ndim)
    labels_a, labels_b = list(range(a.ndim)), list(range(a.ndim, a.ndim + b.ndim))
    for k, (i, j) in enumerate(zip(left, right)):
        if a.shape[i] != b.shape[j]:
            raise errors.unlike_matrices("tensordot", a.shape, b.shape, a.shape[i], b.shape[j])
        labels_b[j] = labels_a[i]
    out = [n for n in labels_a if n not in labels_b] + [n for n in labels_b if n not in labels_a]
    return _pair(tuple(labels_a), tuple(labels_b), tuple(out), tuple(a.shape), tuple(b.shape))(a, b)


def _dot_axes(axes, rank_a, rank_b):
    if not isinstance(axes, (list, tuple)) and not getattr(axes, "shape", ()):
        n = integers("tensordot", "axes", axes)[0]
        if not 0 <= n <= min(rank_a, rank_b):
            raise errors.ShapeError(f"tensordot: axes {n} must be at most {min(rank_a, rank_b)}, the smaller rank")
        return list(range(rank_a - n, rank_a)), list(range(n))
    if len(axes) != 2:
        raise ValueError("tensordot: axes must be an integer or have length 2: the axes of a, and those of b")
    left, right = (integers("tensordot", "axes", x) for x in axes)
    if len(left) != len(right):
        raise ValueError(f"tensordot: {len(left)} axes of a for {len(right)} of b: expected as many")
    for given, rank in ((left, rank_a), (right, rank_b)):
        for axis in given:
            if not -rank <= axis < rank:
                raise errors.bad_axis("tensordot", axis, rank)
    return [n % rank_a for n in left], [n % rank_b for n in right]


# -------------------------------------------------------------------------------------------------------------- the equation
@functools.lru_cache(maxsize=512)
def _plan(equation, shapes, optimize):
    """Steps, each a function that changes the list of operands in place; after the last there is one."""
    terms, out = _parse(equation, shapes)
    _check_sizes(equation, terms, shapes)
    steps, shapes = [], list(shapes)
    for k, labels in enumerate(terms):
        elsewhere = set(out).union(*(t for m, t in enumerate(terms) if m != k))
        terms[k], shapes[k], change = _single(labels, shapes[k], elsewhere)
        steps += [_at(k, change)] if change else []
    for i, j in _order(equation, terms, out, shapes, optimize):
        rest = set(out).union(*(t for m, t in enumerate(terms) if m not in (i, j)))
        kept = [n for n in dict.fromkeys(terms[i] + terms[j]) if n in rest]
        if len(terms) == 2:
            kept = list(out)
        step = _pair(tuple(terms[i]), tuple(terms[j]), tuple(kept), shapes[i], shapes[j])
        steps.append(_both(i, j, step))
        size = _sizes((terms[i], terms[j]), (shapes[i], shapes[j]))
        for m in sorted((i, j), reverse=True):
            del terms[m], shapes[m]
        terms.append(kept)
        shapes.append(tuple([size[n] for n in kept]))
    if terms[0] != out:
        perm = tuple([terms[0].index(n) for n in out])
        steps.append(_at(0, lambda x: _transpose(x, perm)))
    return steps


def _parse(equation, shapes):
    """Labels of each operand and of the output: letters, and numbers for the dimensions under an ellipsis, counted from
    the last: -1, -2, ..."""
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    for term in (*terms, right):
        letters = term.replace("...", "", 1)
        if not all(c.isalpha() for c in letters):
            raise ValueError(f"einsum: {equation!r} is not an equation like 'ij,jk->ik'")
    if len(terms) != len(shapes):
        raise ValueError(f"einsum: {equation!r} has {len(terms)} operands, {len(shapes)} were given")
    widest = 0
    labels = []
    for k, (term, shape) in enumerate(zip(terms, shapes)):
        dots = len(shape) - len(term.replace("...", "", 1))
        if dots < 0 or (dots and "..." not in term):
            raise errors.ShapeError(f"einsum: operand {k}, {term!r} in {equation!r}, needs rank "
                                    f"{len(term.replace('...', '', 1))}{' or more' * ('...' in term)}, got shape {shape}")  # fmt: skip
        widest = max(widest, dots)
        labels.append(_expand(term, dots))
    if arrow:
        if widest and "..." not in right:
            raise errors.InvalidArgumentError(f"einsum: {equation}: the output has no '...' for the {widest} dimensions under those of "
                                              f"the operands; add one, or sum them with reduce_sum")  # fmt: skip
        out = _expand(right, widest if "..." in right else 0)
    else:
        every = "".join(terms).replace(".", "")
        out = list(range(-widest, 0)) + sorted(c for c in set(every) if every.count(c) == 1)
    if len(set(out)) != len(out):
        raise ValueError(f"einsum: a label appears twice in the output of {equation!r}")
    for n in out:
        if not any(n in t for t in labels):
            raise ValueError(f"einsum: label {n!r} of the output appears in no operand of {equation!r}")
    return labels, out


def _expand(term, dots):
    before, ellipsis, after = term.partition("...")
    return list(before) + (list(range(-dots, 0)) if ellipsis else []) + list(after)


def _check_sizes(equation, terms, shapes):
    """Letters have one size; dimensions under an ellipsis may also be 1."""
    seen = {}
    for labels, shape in zip(terms, shapes):
        for n, size in zip(labels, shape):
            known = seen.setdefault(n, size)
            if known != size and not (isinstance(n, int) and 1 in (known, size)):
                what = "a dimension under '...'" if isinstance(n, int) else f"label {n!r}"
                raise errors.ShapeError(f"einsum: {what} in {equation!r} has the sizes {known} and {size}; "
                                        f"the operands are {errors.join_words(shapes, 'and')}")  # fmt: skip
            seen[n] = max(known, size) if 1 in (known, size) else size


def _sizes(terms, shapes):
    size = {}
    for labels, shape in zip(terms, shapes):
        for n, m in zip(labels, shape):
            size[n] = m if size.get(n, 1) == 1 else size[n]
    return size


def _order(equation, terms, out, shapes, optimize):
    """Pairs of positions to contract, as they stand at that moment; the result goes to the end."""
    if len(terms) < 2:
        return []
    if len(terms) == 2:
        return [(0, 1)]
    names = {n: k for k, n in enumerate(dict.fromkeys(n for t in terms for n in t))}
    operands = []
    for labels, shape in zip(terms, shapes):
        operands += [np.broadcast_to(np.float32(0), shape), [names[n] for n in labels]]
    how = optimize if optimize in ("greedy", "optimal") else "greedy"
    path = np.einsum_path(*operands, [names[n] for n in out], optimize=how)[0][1:]
    return [(0, 1)] * (len(terms) - 1) if any(len(p) != 2 for p in path) else path


# ------------------------------------------------------------------------------------------------------------------- the steps
def _at(k, change):
    def step(xs):
        xs[k] = change(xs[k])

    return step


def _both(i, j, contract):
    def step(xs):
        y = contract(xs[i], xs[j])
        for m in sorted((i, j), reverse=True):
            del xs[m]
        xs.append(y)

    return step


def _single(labels, shape, elsewhere):
    """Take diagonals, and sum over labels that occur in this operand alone: (labels, shape, function or None)."""
    unique = list(dict.fromkeys(labels))
    size = dict(zip(labels, shape))
    view = None
    if len(unique) != len(labels):
        steps = strides_of(shape)
        strides = tuple([sum(s for n, s in zip(labels, steps) if n == u) for u in unique])
        view = (tuple([size[n] for n in unique]), strides)
    axes = tuple([k for k, n in enumerate(unique) if n not in elsewhere])
    kept = [n for n in unique if n in elsewhere]
    if view is None and not axes:
        return labels, shape, None

    def change(x):
        if view:
            x = ops.view(x, shape=view[0], strides=view[1], offset=0)
        return ops.reduce_sum(x, axes=axes, keepdims=0) if axes else x

    return kept, tuple([size[n] for n in kept]), change


@functools.lru_cache(maxsize=1024)
def _pair(labels_a, labels_b, out, shape_a, shape_b):
    """A function of two tensors: their product, summed over the labels that are not in `out`."""
    size = _sizes((labels_a, labels_b), (shape_a, shape_b))
    own = dict(zip(labels_a, shape_a)), dict(zip(labels_b, shape_b))
    both = [n for n in labels_a if n in labels_b]
    batch = sorted((n for n in both if n in out), key=out.index)
    summed = [n for n in both if n not in out]
    left, right = [n for n in labels_a if n not in both], [n for n in labels_b if n not in both]
    # Under an ellipsis a summed dimension may be 1 on one side: no matrix product has that, the elementwise one has.  Of vectors it is a sum.
    if not summed or not left and not right or any(own[0][n] != own[1][n] for n in summed):
        return _multiply(labels_a, labels_b, out, shape_a, shape_b, summed)
    lay_a, flip_a = _layout(labels_a, batch, left, summed)
    lay_b, flip_b = _layout(labels_b, batch, summed, right)
    n_left, n_sum, n_right = (_count(size, group) for group in (left, summed, right))
    batch_a, batch_b = [own[0][n] for n in batch], [own[1][n] for n in batch]
    to_a = (*batch_a, n_sum, n_left) if flip_a else (*batch_a, n_left, n_sum)
    to_b = (*batch_b, n_right, n_sum) if flip_b else (*batch_b, n_sum, n_right)
    natural = batch + left + right
    shape = tuple([size[n] for n in natural])
    perm = tuple([natural.index(n) for n in out])
    of_vector = batch_a == batch_b and not (left and right)
    if of_vector:
        to_a, to_b = (to_a, (*batch_a, n_sum)) if left else ((*batch_a, n_sum), to_b)

    def contract(a, b):
        a, b = _reshape(_transpose(a, lay_a), to_a), _reshape(_transpose(b, lay_b), to_b)
        if of_vector:
            y = ops.matvec(a, b, transpose_a=int(flip_a)) if left else ops.matvec(b, a, transpose_a=int(not flip_b))
        else:
            y = ops.matmul(a, b, transpose_a=int(flip_a), transpose_b=int(flip_b))
        return _transpose(_reshape(y, shape), perm)

    return contract


def _layout(labels, batch, rows, columns):
    """The order of axes that makes a matrix of rows and columns, and whether it comes out transposed: whichever of the two
    needs no copy."""
    straight = tuple([labels.index(n) for n in batch + rows + columns])
    flipped = tuple([labels.index(n) for n in batch + columns + rows])
    flip = straight != tuple(range(len(labels))) == flipped
    return (flipped if flip else straight), flip


def _multiply(labels_a, labels_b, out, shape_a, shape_b, summed):
    """Outer and elementwise products: operands with dimensions of size 1 put in, multiplied, summed where labels go."""
    order = list(out) + summed
    perm_a = tuple([labels_a.index(n) for n in order if n in labels_a])
    perm_b = tuple([labels_b.index(n) for n in order if n in labels_b])
    own = dict(zip(labels_a, shape_a)), dict(zip(labels_b, shape_b))
    to_a, to_b = (tuple([sizes.get(n, 1) for n in order]) for sizes in own)
    axes = tuple(range(len(out), len(order)))

    def contract(a, b):
        y = ops.mul(_reshape(_transpose(a, perm_a), to_a), _reshape(_transpose(b, perm_b), to_b))
        return ops.reduce_sum(y, axes=axes, keepdims=0) if axes else y

    return contract


def _count(size, labels):
    n = 1
    for label in labels:
        n *= size[label]
    return n


def _transpose(x, perm):
    return x if perm == tuple(range(len(perm))) else ops.transpose(x, perm)


def _reshape(x, shape):
    return x if x.shape == shape else ops.reshape(x, shape=shape)
