# Indexing: t[1:, ..., None, mask].  Integers, slices, None and the ellipsis make one strided view of the flat data; the row
# `view` copies it out, and its adjoint `unview` puts gradients back.

cdef struct View:
    int ndim
    int64_t shape[AD_MAX_RANK + 1]
    int64_t strides[AD_MAX_RANK + 1]
    int64_t offset


cdef object index(object source, object key):
    cdef Operand x
    cdef View v
    if type(key) is not tuple:
        if PyLong_CheckExact(key) or type(key) is slice and not tracing_here():         # by far the most frequent
            kind_of(source, &x)
            return index_simply(&x, key)
        key = (key,)
    key = with_arrays(key)
    if has_arrays(key):
        return index_by_arrays(source, key)
    if len(key) == 1 and is_mask(key[0]):
        return index_by_mask(source, key[0])
    if tracing_here():
        part = index_by_numbers(source, key)
        if part is not None:
            return part
    kind_of(source, &x)
    read_key(&x, key, &v)
    return take_view(&x, &v)


cdef object index_simply(const Operand *x, object key):
    """One integer or slice."""
    cdef View v
    read_key(x, (key,), &v)
    return take_view(x, &v)


cdef Tensor take_view(const Operand *x, const View *v):
    cdef int64_t attr[2 * AD_MAX_RANK + 8]
    cdef int i
    attr[0] = v.ndim
    attr[1 + v.ndim] = v.ndim
    for i in range(v.ndim):
        attr[1 + i] = v.shape[i]
        attr[2 + v.ndim + i] = v.strides[i]
    attr[2 + 2 * v.ndim] = v.offset
    return structural(AD_OP_view, x, 1, attr, 3 + 2 * v.ndim)


cdef int read_key(const Operand *x, tuple key, View *v) except -1:
    """What t[key] is, as shape, strides and offset in elements."""
    cdef int64_t strides[AD_MAX_RANK + 1]
    cdef int rank = x.value.array.ndim if x.is_array else 0
    cdef int i, axis = 0, consumed = 0
    cdef int64_t step = 1, n, at
    cdef bint ellipsis = False
    for i in range(rank - 1, -1, -1):
        strides[i] = step
        step *= x.value.array.shape[i]
    for item in key:
        if item is Ellipsis:
            if ellipsis:
                raise errors.ShapeError("index: Multiple ellipses are not allowed: one `...` stands for all axes left over")
            ellipsis = True
        elif item is not None:
            consumed += 1
    if consumed > rank == 0:
        raise errors.BadIndexError("index: Attempting to slice scalar input: a tensor of shape () has no axes")
    if consumed > rank:
        raise errors.BadIndexError(f"index: {consumed} indices for a tensor of shape {operand_shape(x)}, which has {rank} axes")
    v.ndim, v.offset = 0, 0
    for item in key:
        if item is None:
            push(v, 1, 0)
        elif item is Ellipsis:
            for i in range(rank - consumed):
                push(v, x.value.array.shape[axis], strides[axis])
                axis += 1
        elif type(item) is slice:
            n = x.value.array.shape[axis]
            part = slice(slice_end(item.start), slice_end(item.stop), slice_end(item.step))
            if part.step == 0:
                raise errors.InvalidArgumentError("index: strides must be non-zero, and the step of a slice is 0")
            start, stop, stride = part.indices(n)
            n = len(range(start, stop, stride))
            v.offset += start * strides[axis] if n else 0
            push(v, n, stride * strides[axis] if n > 1 else 0)
            axis += 1
        else:
            at = whole_index(item)
            n = x.value.array.shape[axis]
            if at < -n or at >= n:
                raise errors.bad_index("index", at, axis, n)
            v.offset += (at + n if at < 0 else at) * strides[axis]
            axis += 1
    while axis < rank:
        push(v, x.value.array.shape[axis], strides[axis])
        axis += 1
    return 0


cdef int push(View *v, int64_t size, int64_t stride) except -1:
    if v.ndim >= AD_MAX_RANK:
        raise errors.too_many_dimensions("index")
    v.shape[v.ndim] = size
    v.strides[v.ndim] = stride
    v.ndim += 1
    return 0


cdef object slice_end(object end):
    """A bound of a slice: None or an integer of any size, also as a scalar integer tensor."""
    return end if end is None or PyLong_CheckExact(end) else whole_index(end)


cdef int64_t whole_index(object item) except? -1:
    if PyLong_CheckExact(item):
        try:
            return item
        except OverflowError:
            raise errors.BadIndexError(f"index: {errors.shorten(item)} is out of bounds of any tensor") from None
    if isinstance(item, (bool, np.bool_, float)):
        raise errors.bad_key(item)
    try:
        return item.__index__()
    except (AttributeError, TypeError):
        raise errors.bad_key(item) from None


# ------------------------------------------------------------------------------------------------------- numbers in a recording
cdef object index_by_numbers(object source, tuple key):
    """t[i], t[:, i], t[i, 1:], t[i:i + 8] where a function that is recorded computes i: what stands there is gathered, for any i of a replay.
    None: there is no such i, or the key is refused."""
    cdef Tensor x
    cdef int axis = 0, rank
    if not any([computed_number(item) is not None or type(item) is slice and computed_number(item.start) is not None for item in key]):
        return None
    x = to_tensor(source, -1, -1, "index")
    shape = shape_tuple(x)
    rank = len(shape)
    consumed = len(key) - sum([item is None or item is Ellipsis for item in key])
    if consumed > rank or sum([item is Ellipsis for item in key]) > 1:
        return None
    places, rest = [], []
    for item in key:
        place = None if item is None or item is Ellipsis else computed_place(item, shape[axis])
        if place is not None:
            places.append((axis, place))
        if place is None or place.ndim:
            rest.append(item if place is None else slice(None))
        axis += 0 if item is None else rank - consumed if item is Ellipsis else 1
    if not places:
        return None
    for k, place in reversed(places):           # the last first, as an axis may go with each
        x = apply(ops.gather, (x, place), {"axis": k, "batch_dims": 0})
    return x if all([is_everything(item) for item in rest]) else index(x, tuple(rest))


cdef object computed_place(object item, object n):
    """Where an item of a key reads along an axis of size n: a computed number, or as many from it on as a replay finds again."""
    cdef Tensor i = computed_number(item), end
    if i is not None:
        return apply(ops.where, (apply(ops.less, (i, 0), {}), apply(ops.add, (i, n), {}), i), {}) if -n <= whole_value(i) < n else None
    if type(item) is not slice or item.step is not None or spelled_out_here():
        return None
    i, end = computed_number(item.start), computed_number(item.stop)
    if i is None or end is None or not 0 <= whole_value(i) <= whole_value(end) <= n:
        return None
    i, end = [apply(ops.cast, (t, ), {"dtype": AD_I64}) for t in (i, end)]
    guarded_truth(<Tensor>apply(ops.logical_and, (apply(ops.greater_equal, (i, 0), {}), apply(ops.less_equal, (end, n), {})), {}))
    return apply(ops.add, (i, np.arange(int(apply(ops.sub, (end, i), {})))), {})


cdef object whole_value(Tensor t):
    return t.value.i32 if t.code == AD_I32 else t.value.i64


cdef bint is_everything(object item):
    """`...` or `:`"""
    return item is Ellipsis or type(item) is slice and item.start is None and item.stop is None and item.step is None


cdef Tensor computed_number(object item):
    """An integer scalar that a replay may find to be another; or None."""
    cdef Tensor t
    if type(item) is not Tensor and not isinstance(item, VariableCore):
        return None
    t = item if type(item) is Tensor else read_out(item)
    return t if not t.is_array and (t.code == AD_I32 or t.code == AD_I64) and is_computed(t) else None


cdef bint is_computed(Tensor t) noexcept:
    """By a function that is recorded: a replay may find another value."""
    cdef ad_program *p = ad_current
    while p is not NULL:
        if is_traced(t, p):
            return True
        p = p.next
    return False


# ------------------------------------------------------------------------------------------------------------------ masks
cdef bint is_mask(object item):
    if type(item) is Tensor:
        return (<Tensor>item).code == AD_BOOL and (<Tensor>item).is_array
    return isinstance(item, np.ndarray) and item.dtype == bool and item.ndim > 0


cdef object index_by_mask(object source, object key):
    """A mask stands for the axes it covers: the elements where it is True, in order, along one axis."""
    x = to_tensor(source, -1, -1, "index")
    mask = to_tensor(key, -1, -1, "index")
    given, covers = shape_tuple(x), shape_tuple(mask)
    if given[:len(covers)] != covers:
        raise errors.ShapeError(f"index: a mask of shape {covers} for a tensor of shape {given}: expected {given[:len(covers)]}")
    return apply(ops.gather_nd, (x, apply(ops.nonzero, (mask,), {})), {"batch_dims": 0})


def rows_of(source):
    """t[0], t[1], ...: what iterating over t gives."""
    cdef Tensor t = to_tensor(source, -1, -1, "iter")
    for i in range(t.value.array.shape[0]):
        yield index(t, i)
