# Indexing by arrays of integers: t[rows, cols], t[:, [0, 2]], t[i, mask].  As in NumPy, such arrays broadcast with each other, integers beside
# them count as arrays, and the axes they make stand where theirs stood, or first where something stands between them.  Integers, slices and
# None make one view, of which `gather` takes places along one axis, `gather_nd` along several: their adjoints add up what was read twice.

cdef object index_by_arrays(object source, tuple key):
    cdef Tensor x = to_tensor(source, -1, -1, "index"), y
    given = shape_tuple(x)
    key = with_columns_of_masks(key, given)
    y = part_beside_arrays(x, key)
    arrays, dims, to = arrays_and_axes(key, given)
    if len(dims) == 1:
        y = apply(ops.gather, (y, arrays[0]), {"axis": dims[0], "batch_dims": 0})
        return with_axes_moved(y, dims[0], len(shape_tuple(<Tensor>arrays[0])), to)
    places = side_by_side(arrays)
    y = with_axes_in_order(y, dims + [i for i in range(len(shape_tuple(y))) if i not in dims])
    y = apply(ops.gather_nd, (y, places), {"batch_dims": 0})
    return with_axes_moved(y, 0, len(shape_tuple(places)) - 1, to)


cdef tuple with_arrays(tuple key):
    """Tuples and ranges among these as lists, and what is an array to NumPy (a column of pandas) as that."""
    for item in key:
        if stands_for_array(item):
            return tuple([item if not stands_for_array(item) else list(item) if isinstance(item, (tuple, range)) else np.asarray(item) for item in key])
    return key


cdef bint stands_for_array(object item) except -1:
    if PyLong_CheckExact(item) or type(item) is slice or item is None or type(item) is Tensor or cnp.PyArray_Check(item):
        return False
    return isinstance(item, (tuple, range)) or hasattr(item, "__array__") and not isinstance(item, (np.generic, VariableCore, type))


cdef bint has_arrays(tuple key) except -1:
    """Is an array of integers among these, or a mask with anything beside it?"""
    for item in key:
        if PyLong_CheckExact(item) or type(item) is slice:
            continue
        if type(item) is list or is_whole_array(item) or len(key) > 1 and is_mask(item):
            return True
    return False


cdef bint is_whole_array(object item):
    """Of rank 1 and more, and not of booleans."""
    if type(item) is Tensor:
        return (<Tensor>item).is_array and (<Tensor>item).code != AD_BOOL
    return isinstance(item, VariableCore) and read_out(item).is_array or isinstance(item, np.ndarray) and item.dtype != bool and item.ndim > 0


cdef bint names_places(object item):
    """An array, or an integer that a replay may find to be another."""
    return is_whole_array(item) or computed_number(item) is not None


cdef tuple with_columns_of_masks(tuple key, tuple given):
    """Lists as tensors, and for a mask the places of what is True in it along each of its axes."""
    spelled, axis = [], 0
    key = tuple([to_tensor(item, AD_I64 if isinstance(item, np.ndarray) and item.dtype.kind in "iu" else -1, -1, "index")
                 if isinstance(item, (list, np.ndarray, VariableCore)) else item for item in key])
    consumed = sum([0 if item is None or item is Ellipsis else item.ndim if is_mask(item) else 1 for item in key])
    for item in key:
        if is_mask(item):
            spelled += columns_of_mask(item, axis, given)
            axis += item.ndim
        else:
            spelled.append(item)
            axis += 0 if item is None else len(given) - consumed if item is Ellipsis else 1
    return tuple(spelled)


cdef list columns_of_mask(Tensor mask, int axis, tuple given):
    shape = shape_tuple(mask)
    covered = given[axis:axis + len(shape)]
    if covered != shape:
        raise errors.ShapeError(f"index: a mask of shape {shape} for axes {axis} to {axis + len(shape) - 1} of a tensor of shape {given}: expected {covered}")
    places = apply(ops.nonzero, (mask,), {})
    return [index(places, (slice(None), i)) for i in range(len(shape))]


cdef Tensor part_beside_arrays(Tensor x, tuple key):
    """What the integers, slices and None among the key make of x, with all of an axis for an array."""
    cdef Operand operand
    cdef View v
    rest = tuple([slice(None) if names_places(item) else item for item in key])
    kind_of(x, &operand)
    read_key(&operand, rest, &v)
    return x if all([is_everything(item) for item in rest]) else take_view(&operand, &v)


cdef tuple arrays_and_axes(tuple key, tuple given):
    """The arrays, the axes of the view that they read along, and where the axes that they make come to stand."""
    cdef int axis = 0, dim = 0, k, first = -1, last = -1, to = 0, left = len(given) - len([i for i in key if i is not None and i is not Ellipsis])
    cdef bint apart = False
    arrays, dims = [], []
    for k, item in enumerate(key):
        if item is None or item is Ellipsis or type(item) is slice:
            axis += 0 if item is None else left if item is Ellipsis else 1
            dim += left if item is Ellipsis else 1
            continue
        if first < 0:
            first, to = k, dim
        apart |= 0 <= last < k - 1
        last = k
        if names_places(item):
            arrays.append(places_within(to_tensor(item, -1, -1, "index"), axis, given[axis]))
            dims.append(dim)
            dim += 1
        axis += 1
    return arrays, dims, 0 if apart else to


cdef Tensor places_within(Tensor places, int axis, int64_t size):
    """Counted from the start, as int64; what is computed is looked at where it is used."""
    if places.code != AD_I32 and places.code != AD_I64:
        if places.code == AD_BOOL or shape_tuple(places) != (0,):         # t[[]] has no places, of whatever dtype
            raise errors.bad_key(places)
        return from_array(np.zeros(0, np.int64), -1, "index")
    if is_computed(places):
        i = apply(ops.cast, (places,), {"dtype": AD_I64})
        return apply(ops.where, (apply(ops.less, (i, 0), {}), apply(ops.add, (i, size), {}), i), {})
    return counted_from_start(places if places.code == AD_I64 else apply(ops.cast, (places,), {"dtype": AD_I64}), axis, size)


cdef Tensor counted_from_start(Tensor places, int axis, int64_t size):
    """Of an array of int64 that is not of a replay's choice: itself, or with `size` added to what is below 0."""
    cdef const int64_t *at
    cdef int64_t *to
    cdef int64_t k, below = 0
    cdef Tensor counted
    at = <const int64_t *>places.value.array.data
    for k in range(places.value.array.size):
        if at[k] < -size or at[k] >= size:
            raise errors.bad_index("index", at[k], axis, size)
        below += at[k] < 0
    if below == 0:
        return places
    counted = filled(AD_I64, places, 0)
    to = <int64_t *>counted.value.array.data
    for k in range(places.value.array.size):
        to[k] = at[k] + (size if at[k] < 0 else 0)
    return counted


cdef Tensor side_by_side(list arrays):
    """Places along several axes, as gather_nd takes them: broadcast with each other, along the last axis."""
    shapes = [shape_tuple(<Tensor>places) for places in arrays]
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError:
        raise errors.BadIndexError(f"index: arrays of shapes {', '.join(map(str, shapes))} do not broadcast with each other") from None
    wide = [places if own == shape else apply(ops.add, (places, np.zeros(shape, np.int64)), {}) for places, own in zip(arrays, shapes)]
    return apply(ops.concat, tuple([apply(ops.reshape, (places,), {"shape": shape + (1,)}) for places in wide]), {"axis": len(shape)})


cdef Tensor with_axes_in_order(Tensor x, list order):
    cdef Operand operand
    cdef View all_of, v
    cdef int i
    if order == sorted(order):
        return x
    kind_of(x, &operand)
    read_key(&operand, (), &all_of)
    v = all_of
    for i in range(v.ndim):
        v.shape[i], v.strides[i] = all_of.shape[<int>order[i]], all_of.strides[<int>order[i]]
    return take_view(&operand, &v)


cdef Tensor with_axes_moved(Tensor x, int at, int count, int to):
    """`count` axes from `at` on come to stand at `to`."""
    order = list(range(len(shape_tuple(x))))
    moved = order[at:at + count]
    del order[at:at + count]
    return with_axes_in_order(x, order[:to] + moved + order[to:])
