# Operands: what stands on either side of an operator, and how anything becomes a tensor.

cdef struct Operand:
    ad_value value
    uint8_t code
    bint is_array
    PyObject *tensor                            # borrowed; NULL: a Python number, which takes the dtype of its neighbour


cdef int floatx = AD_F32                        # what a bare Python float becomes


def set_floatx(dtype):
    """Make Python floats become tensors of this dtype, float32 (the default) or float64.

    >>> import autodiff as ad
    >>> ad.set_floatx("float64")
    >>> ad.constant(1.5).dtype
    ad.float64
    >>> ad.set_floatx("float32")
    """
    global floatx
    cdef int code = dtypes.as_dtype(dtype).code
    if code > AD_F64:
        raise errors.DtypeError(f"set_floatx: got {dtypes.as_dtype(dtype).name}, expected float32 or float64")
    floatx = code


def get_floatx():
    return DTYPES[floatx].name


# -------------------------------------------------------------------------------------------------------------- operands
cdef enum Kind:
    TENSOR                                      # a Tensor, or a Variable's value
    NUMBER                                      # a Python or NumPy number, still without a dtype
    OTHER


cdef PyObject *variable_type = NULL              # autodiff.Variable, once it is there


cdef inline bint is_variable(object value) noexcept:
    return <PyObject *>Py_TYPE(value) is variable_type or isinstance(value, VariableCore)


cdef inline void set_operand(Operand *x, Tensor t) noexcept:
    x.value = t.value
    x.code = t.code
    x.is_array = t.is_array
    x.tensor = <PyObject *>t


cdef inline int kind_of(object value, Operand *x) except -1:
    """Fill x where value is a tensor or a variable; the caller's reference to value keeps x.tensor alive."""
    if type(value) is Tensor:
        stays_inside(<Tensor>value)
        set_operand(x, <Tensor>value)
        return TENSOR
    if PyFloat_CheckExact(value) or PyLong_CheckExact(value):
        return NUMBER
    if is_variable(value):
        set_operand(x, read(<VariableCore>value))
        return TENSOR
    if isinstance(value, (float, int, np.number, np.bool_)) and not isinstance(value, np.complexfloating):
        return NUMBER
    return OTHER


cdef int take_number(object value, int code, Operand *x, int op) except -1:
    """A Python number as an operand of that dtype."""
    cdef int overflow = 0
    cdef long long whole
    if value is None:
        raise errors.not_a_tensor(op_name(op), value)
    x.tensor = NULL
    x.is_array = False
    x.code = code
    x.value.bits = 0
    if code == AD_F64:
        x.value.f64 = double_of(value)
    elif code == AD_F32:
        x.value.f32 = <float>double_of(value)
    elif code == AD_BOOL:
        if not isinstance(value, (bool, np.bool_)):
            raise errors.cannot_convert(op_name(op), value, "bool")
        x.value.b = bool(value)
    else:
        if isinstance(value, (float, np.floating)):
            raise errors.cannot_convert(op_name(op), value, DTYPES[code].name)
        whole = PyLong_AsLongLongAndOverflow(int(value), &overflow)
        if overflow or (code == AD_I32 and (whole > 2147483647 or whole < -2147483648)):
            raise errors.cannot_convert(op_name(op), value, DTYPES[code].name)
        if code == AD_I32:
            x.value.i32 = <int32_t>whole
        else:
            x.value.i64 = whole
    return 0


cdef inline double double_of(object number) except? -1.0:
    if PyFloat_CheckExact(number):
        return PyFloat_AS_DOUBLE(number)
    if PyLong_CheckExact(number):
        return PyLong_AsDouble(number)
    return float(number)


cdef inline str op_name(int op):
    return ad_ops[op].name.decode() if op < ad_op_count else "tensor"


cdef Tensor beside(object value, int code, int op):
    """What stands beside a tensor of dtype `code`: lists take that dtype, arrays of integers too, those of floats keep theirs."""
    return to_tensor(value, -1, code, op_name(op))


# ------------------------------------------------------------------------------------------------------------ conversion
cdef tuple OF_NUMPY = (np.ndarray, np.generic)
cdef type FLOAT64 = np.float64                  # which is a Python float too


def convert(value, dtype=None, like=None, name="convert_to_tensor"):
    """The tensor that a number, a nested list, an array, a tensor or a variable stands for; see convert_to_tensor."""
    cdef int code = -1 if dtype is None else dtypes.as_dtype(dtype).code
    return to_tensor(value, code, (<Tensor>like).code if type(like) is Tensor else -1, name)


cdef Tensor to_tensor(object value, int code, int weak, str name):
    """`code` is a dtype asked for (-1: none), `weak` the one that Python numbers and arrays of integers take (-1: TensorFlow's rule)."""
    cdef Tensor t
    if type(value) is Tensor:
        t = <Tensor>value
    elif isinstance(value, VariableCore):
        t = snapshot(<VariableCore>value)
    elif PyFloat_CheckExact(value) and weak <= AD_F64:
        return scalar(code, value_of(value, code)) if 0 <= code <= AD_F64 else (
            scalar(weak if weak >= 0 else floatx, value_of(value, weak if weak >= 0 else floatx)) if code < 0
            else from_python(value, code, weak, name))
    elif PyLong_CheckExact(value):
        t = of_numbers([<PyObject *>value], 1, 0, code, weak)
        return from_python(value, code, weak, name) if t is None else t
    elif isinstance(value, OF_NUMPY):
        return from_array(value, dtype_beside(value, weak) if code < 0 <= weak else code, name)
    elif isinstance(value, (list, tuple)):
        t = of_numbers(items_of(value), len(value), 1, code, weak) if type(value) is list or type(value) is tuple else None
        return t if t is not None else packed(value, code, weak, name) if holds_tensors(value, name) else from_python(value, code, weak, name)
    elif hasattr(value, "__ad_tensor__"):
        t = value.__ad_tensor__()
    elif hasattr(value, "__array__") and not isinstance(value, type):
        value = np.asarray(value)
        return from_array(value, dtype_beside(value, weak) if code < 0 <= weak else code, name)
    else:
        return from_python(value, code, weak, name)
    if code >= 0 and t.code != code:
        raise errors.dtype_requested(name, DTYPES[code].name, DTYPES[t.code].name)
    return t


cdef int dtype_beside(object value, int weak) except -2:
    """What an array or number of NumPy takes beside a tensor of dtype `weak`: that, but arrays of floats keep their own (-1), and of
    integers and truth values a fraction makes float64."""
    if value.dtype.kind == "f" and isinstance(value, np.generic):
        return weak if weak <= AD_F64 else AD_F64
    return weak if weak < AD_BOOL and value.dtype.kind in "iub" else -1


cdef bint holds_tensors(object values, str name, int depth=1) except -1:
    """Is there a tensor among numbers in lists?  A list may hold itself, and the stack would end before the lists do."""
    if depth > AD_MAX_RANK:
        raise errors.too_many_dimensions(name)
    for value in values:
        if type(value) is Tensor or isinstance(value, VariableCore):
            return True
        if isinstance(value, (list, tuple)) and holds_tensors(value, name, depth + 1):
            return True
    return False


cdef Tensor packed(object values, int code, int weak, str name):
    """A list with tensors in it, stacked: recorded, so that gradients reach them."""
    cdef int k
    if weak < 0 and code < 0:
        for value in leaves_of(values):
            if type(value) is Tensor or isinstance(value, VariableCore):
                weak = to_tensor(value, -1, -1, name).code
                break
    parts = [to_tensor(v, -1 if is_tensor(v) else code, weak, name) for v in values]
    if code >= 0:                               # inside a list tensors are cast; by themselves they are refused
        parts = [t if (<Tensor>t).code == code else apply(ops.cast, (t,), {"dtype": code}) for t in parts]
    shape = shape_tuple(<Tensor>parts[0])
    for part in parts:
        if shape_tuple(<Tensor>part) != shape:
            raise errors.ragged(name)
    parts = [apply(ops.reshape, (part,), {"shape": (1,) + shape}) for part in parts]
    return apply(ops.concat, tuple(parts), {"axis": 0})


def leaves_of(values):
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from leaves_of(value)
        else:
            yield value


cdef inline int of_fractions(int weak) noexcept:
    """The dtype of Python's floats in a list: as by themselves float64 beside integers and truth values."""
    return floatx if weak < 0 else weak if weak <= AD_F64 else AD_F64


cdef int64_t EXACT = 9007199254740992           # 2**53: larger integers may be no double


cdef Tensor of_numbers(PyObject *const *items, Py_ssize_t n, int ndim, int code, int weak):
    """Python's floats and integers as from_python makes a tensor of them; None: it is to have a closer look."""
    cdef int64_t whole, least = 0, most = 0
    cdef Py_ssize_t k
    cdef int overflow = 0
    cdef bint floats = False
    cdef ad_array *a
    for k in range(n):
        if PyFloat_CheckExact(<object>items[k]):
            floats = True
            continue
        if not PyLong_CheckExact(<object>items[k]):
            return None
        whole = PyLong_AsLongLongAndOverflow(<object>items[k], &overflow)
        if overflow:
            return None
        least, most = min(least, whole), max(most, whole)
    if code < 0:
        if floats:
            code = of_fractions(weak)
        else:
            code = weak if weak >= 0 and weak != AD_BOOL else AD_I32 if INT32_MIN <= least and most <= INT32_MAX else AD_I64
    if n == 0 or code == AD_BOOL or (code <= AD_F64 and (least < -EXACT or most > EXACT)) or (code > AD_F64 and floats) or (
            code == AD_I32 and (least < INT32_MIN or most > INT32_MAX)):
        return None
    a = ad_array_new(code, ndim, [n])
    if a is NULL:
        raise MemoryError(f"convert_to_tensor: no memory for {n} numbers")
    for k in range(n):
        if code > AD_F64:
            whole = PyLong_AsLongLongAndOverflow(<object>items[k], &overflow)
            if code == AD_I32:
                (<int32_t *>a.data)[k] = <int32_t>whole
            else:
                (<int64_t *>a.data)[k] = whole
        elif code == AD_F64:
            (<double *>a.data)[k] = double_of(<object>items[k])
        else:
            (<float *>a.data)[k] = <float>double_of(<object>items[k])
            if isinf((<float *>a.data)[k]) and not isinf(double_of(<object>items[k])):
                ad_array_release(a)             # NumPy warns of that
                return None
    return wrap(a)


cdef Tensor from_python(object value, int code, int weak, str name):
    """Python numbers, or nested lists of them and of NumPy numbers and arrays."""
    if value is None or isinstance(value, (str, bytes, complex, dict, set)):
        raise errors.not_a_tensor(name, value)
    typed = False                               # NumPy's arrays keep their dtype, its numbers where no tensor is beside them
    nested = isinstance(value, (list, tuple, range))
    for leaf in () if isinstance(value, range) else leaves_of(value) if nested else (value,):
        if isinstance(leaf, (str, bytes)) or leaf is None:
            raise errors.not_a_tensor(name, leaf)
        typed = typed or isinstance(leaf, OF_NUMPY if weak < 0 else np.ndarray)
    try:
        array = np.arange(value.start, value.stop, value.step) if isinstance(value, range) else np.array(value)
    except (ValueError, OverflowError) as error:
        if "inhomogeneous" in str(error):
            raise errors.ragged(name) from None
        raise errors.not_a_tensor(name, value) from error
    if array.dtype.kind == "O" and 0 <= (code if code >= 0 else weak) <= AD_F64:
        array = of_large_integers(array)
    if array.dtype.kind not in "fiub":
        raise errors.not_a_tensor(name, value)
    if code < 0:
        if array.dtype.kind == "f" and not typed:
            code = of_fractions(weak)
        elif array.dtype.kind in "iu" and not typed:
            if weak >= 0 and weak != AD_BOOL:
                code = weak
            else:
                code = AD_I32 if array.size == 0 or -2**31 <= array.min() and array.max() < 2**31 else AD_I64
            if array.size == 0 and weak < 0:
                code = floatx
        elif array.size == 0 and nested:
            code = weak if weak >= 0 else floatx
    elif array.dtype.kind == "f" and code > AD_F64 and array.size:
        raise errors.cannot_convert(name, value, DTYPES[code].name)
    return from_array(array, code, name)


cdef object of_large_integers(object array):
    """Python's integers beyond 64 bits as float64; an array of anything else, or of larger ones, as it is."""
    if not all([isinstance(number, (int, float)) for number in array.flat]):
        return array
    try:
        return array.astype(np.float64)
    except OverflowError:
        return array


cdef Tensor from_array(object value, int code, str name):
    """A copy of a NumPy array or number of any layout; -1 keeps its dtype."""
    cdef int kind
    if type(value) is FLOAT64 and (code < 0 or code == AD_F64):
        return scalar(AD_F64, value_of(value, AD_F64))
    if cnp.PyArray_CheckExact(value) and cnp.PyArray_ISCARRAY_RO(value) and cnp.PyArray_NDIM(value) <= AD_MAX_RANK:
        kind = cnp.PyArray_TYPE(value)          # what gradients are mostly asked for, and labels and indices
        kind = (AD_F64 if kind == cnp.NPY_DOUBLE else AD_F32 if kind == cnp.NPY_FLOAT else AD_I64 if kind == cnp.NPY_INT64
                else AD_I32 if kind == cnp.NPY_INT32 else AD_BOOL if kind == cnp.NPY_BOOL else -1)
        if kind >= 0 and (code < 0 or code == kind):
            return copied_array(value, kind, name)
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise errors.not_a_tensor(name, value)
    if not cnp.PyArray_CheckExact(value) and isinstance(value, np.ndarray) and np.any(getattr(value, "mask", False)):
        raise errors.masked(name, value)        # (NumPy's masked arrays are imported by those who make them)
    if code < 0:
        code = dtypes.of_array(array, name).code
    if (code == AD_I32 or code == AD_I64) and not fits_in(array, code):
        raise errors.cannot_convert(name, array.item() if array.ndim == 0 else value, DTYPES[code].name)
    if array.ndim > AD_MAX_RANK:
        raise errors.too_many_dimensions(name, array.ndim)
    contiguous = np.asarray(array, dtype=NUMPY_DTYPES[code], order="C")
    if contiguous.ndim != 0 and not contiguous.flags.c_contiguous:
        contiguous = np.ascontiguousarray(contiguous)
    return copied_array(contiguous, code, name)


cdef bint fits_in(cnp.ndarray array, int code) except -1:
    """Can an array of numbers, if they are integers, have this dtype of integers?"""
    cdef const int64_t *x = <const int64_t *>cnp.PyArray_DATA(array)
    cdef int64_t outside = 0
    cdef Py_ssize_t k
    if array.dtype.kind not in "iu" or array.size == 0 or array.dtype == NUMPY_DTYPES[code]:
        return True
    if code == AD_I32 and cnp.PyArray_TYPE(array) == cnp.NPY_INT64 and cnp.PyArray_ISCARRAY_RO(array):
        for k in range(cnp.PyArray_SIZE(array)):
            outside |= x[k] ^ <int32_t>x[k]
        return outside == 0
    info = np.iinfo(NUMPY_DTYPES[code])
    return array.max() <= info.max and array.min() >= info.min


cdef Tensor copied_array(cnp.ndarray array, int code, str name):
    """A copy of a contiguous array of numbers of that dtype."""
    cdef ad_array *a = ad_array_new(code, cnp.PyArray_NDIM(array), <const int64_t *>cnp.PyArray_DIMS(array))
    if a is NULL:
        raise MemoryError(f"{name}: no memory for an array of shape {np.shape(array)}")
    memcpy(a.data, cnp.PyArray_DATA(array), ad_array_bytes(a))
    return wrap(a)


# --------------------------------------------------------------------------------------------- arguments
cdef enum:
    WORTH_LENDING = 4096                        # bytes; a copy of fewer takes no longer than what lends them


cdef inline Tensor for_replay(object x, list lent):
    """A tensor for an array or a NumPy number.  Where it is for a replay and no longer, large arrays of floats are appended to `lent`, to live
    as long, and not copied.  (Indices are: another thread that changed them after they were looked at would have it read anywhere.)"""
    if lent is None or not cnp.PyArray_CheckExact(x) or not is_lendable(x):
        return from_array(x, -1, "convert_to_tensor")
    lent.append(x)
    return lent_tensor(x)


cdef inline bint is_lendable(cnp.ndarray x) noexcept:
    cdef int kind = cnp.PyArray_TYPE(x)
    return ((kind == cnp.NPY_DOUBLE or kind == cnp.NPY_FLOAT) and cnp.PyArray_NBYTES(x) >= WORTH_LENDING
            and cnp.PyArray_ISCARRAY_RO(x) and cnp.PyArray_NDIM(x) <= AD_MAX_RANK)


cdef Tensor lent_tensor(cnp.ndarray x):
    """A tensor of the array's own numbers, which must not outlive it."""
    cdef ad_array *a = ad_array_lent(AD_F64 if cnp.PyArray_TYPE(x) == cnp.NPY_DOUBLE else AD_F32, cnp.PyArray_NDIM(x),
                                     <const int64_t *>cnp.PyArray_DIMS(x), cnp.PyArray_DATA(x))
    if a is NULL:
        raise MemoryError(f"function: no memory for an array of shape {np.shape(x)}")
    return wrap(a)


NUMPY_DTYPES = [np.dtype(d.as_numpy_dtype) for d in dtypes.DTYPES]


cpdef bint is_tensor(object x):
    """Is it a tensor or a variable?"""
    return type(x) is Tensor or is_variable(x)
