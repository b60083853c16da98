# Values of tensors: how tensors are made, looked into, shown, and how a value leaves.

# ------------------------------------------------------------------------------------------------------------ making them
cdef int check_layout() except -1:
    cdef Tensor t = Tensor.__new__(Tensor)
    cdef ad_tensor *c = <ad_tensor *>(<PyObject *>t)
    if (&c.value is not &t.value or &c.code is not &t.code or &c.place is not &t.place or &c.origin is not &t.origin
            or (<PyTypeObject *>Tensor).tp_basicsize != sizeof(ad_tensor)):
        raise SystemError("autodiff: ad_tensor does not repeat the fields of Tensor")
    return 0


check_layout()
ad_tensor_own(<PyTypeObject *>Tensor)


cdef inline Tensor scalar(int code, ad_value value):
    cdef Tensor t = new_tensor()
    t.code = code
    t.value = value
    return t


cdef Tensor wrap(ad_array *a):
    """A tensor of the array, whose reference it takes over; rank 0 becomes a scalar."""
    cdef Tensor t = new_tensor()
    t.code = a.dtype
    if a.ndim == 0:
        t.value.bits = 0
        memcpy(&t.value, a.data, ad_itemsize(a.dtype))
        ad_array_release(a)
    else:
        t.is_array = True
        t.value.array = a
    return t


cdef inline Tensor tensor_of(int code, bint is_array, ad_value value):
    """A tensor of a value that stands elsewhere too."""
    cdef Tensor t = new_tensor()
    t.code = code
    t.value = value
    t.is_array = is_array
    if is_array:
        ad_array_hold(value.array)
    return t


cdef void set_origin(Tensor t, object variable, object key):
    origin = (variable, key)
    Py_XDECREF(t.origin)
    Py_INCREF(origin)
    t.origin = <PyObject *>origin


cdef inline Tensor fresh(Tensor t):
    """The same value as another tensor, unknown to any tape."""
    return tensor_of(t.code, t.is_array, t.value)


def copied(Tensor t not None):
    """`fresh` for Python."""
    return fresh(t)


def tensor_from_numpy(array):
    """A tensor of a copy of the array, dtype kept."""
    return from_array(array, -1, "constant")


cdef Tensor filled(int code, shape_like, double number):
    """A tensor of the shape of `shape_like` (a Tensor) with one number everywhere."""
    cdef Tensor like = <Tensor>shape_like
    cdef ad_array *a
    cdef ad_value value
    if not like.is_array:
        return scalar(code, value_of(number, code))
    a = ad_array_new(code, like.value.array.ndim, like.value.array.shape)
    if a is NULL:
        raise MemoryError("autodiff: no memory for an array")
    value = value_of(number, code)
    fill_array(a, value)
    return wrap(a)


cdef void fill_array(ad_array *a, ad_value value) noexcept:
    cdef int64_t i
    cdef size_t item = ad_itemsize(a.dtype)
    if item == 8:
        for i in range(a.size):
            (<int64_t *>a.data)[i] = value.i64
    elif item == 4:
        for i in range(a.size):
            (<int32_t *>a.data)[i] = value.i32
    else:
        memset(a.data, value.b, <size_t>a.size)


cdef ad_value value_of(double number, int code) noexcept:
    cdef ad_value value
    value.bits = 0
    if code == AD_F64:
        value.f64 = number
    elif code == AD_F32:
        value.f32 = <float>number
    elif code == AD_I32:
        value.i32 = <int32_t>number
    elif code == AD_I64:
        value.i64 = <int64_t>number
    else:
        value.b = number != 0
    return value


# ---------------------------------------------------------------------------------------------------------- looking inside
cdef shape_of(Tensor t):
    if not t.is_array:
        return SCALAR_SHAPE
    return tuple.__new__(TensorShape, shape_tuple(t))


cdef tuple shape_tuple(Tensor t):
    cdef int i
    return tuple([t.value.array.shape[i] for i in range(t.value.array.ndim)]) if t.is_array else ()


SCALAR_SHAPE = TensorShape([])


cdef inline int64_t size_of(Tensor t) noexcept:
    return t.value.array.size if t.is_array else 1


cdef object number_of(Tensor t):
    """A scalar's Python number."""
    leaves_here(t)
    return plain_number(t)


cdef inline int leaves_here(Tensor t) except -1:
    """The value goes to Python: one that a trace which is over had for itself does not; a trace that is recorded wants to know.  In this
    order: that looks its line up in Python, and of what a variable holds the trace of another thread, which knows it too, may end then."""
    stays_inside(t)
    return leave_trace(t) if tracing_here() else 0


cdef object plain_number(Tensor t):
    if t.code == AD_F64:
        return t.value.f64
    if t.code == AD_F32:
        return <double>t.value.f32
    if t.code == AD_I32:
        return t.value.i32
    if t.code == AD_I64:
        return t.value.i64
    return t.value.b != 0


cdef object one_number(Tensor t, str function):
    if t.is_array:
        raise TypeError(f"{function}: only a scalar tensor converts to a Python number, got shape {shape_tuple(t)}")
    return number_of(t)


cdef object to_numpy(Tensor t):
    leaves_here(t)
    return plain_numpy(t)


cdef enum:
    WORTH_KEEPING = 65536                       # bytes: larger blocks malloc may take from the system each time, which clears every page


cdef object plain_numpy(Tensor t):
    if not t.is_array:
        return DTYPES[t.code].as_numpy_dtype(plain_number(t))
    cdef size_t bytes = ad_array_bytes(t.value.array)
    before = PyDataMem_SetHandler(kept_capsule) if bytes >= WORTH_KEEPING else None
    try:
        array = cnp.PyArray_SimpleNew(t.value.array.ndim, <cnp.npy_intp *>t.value.array.shape, NUMPY_TYPE[t.code])
    finally:
        if before is not None:
            PyDataMem_SetHandler(before)
    memcpy(cnp.PyArray_DATA(array), t.value.array.data, bytes)
    return array


cdef int[5] NUMPY_TYPE = [cnp.NPY_FLOAT32, cnp.NPY_FLOAT64, cnp.NPY_INT32, cnp.NPY_INT64, cnp.NPY_BOOL]
cdef const char **FORMAT = [b"f", b"d", b"i", b"q", b"?"]


cdef str numpy_text(Tensor t):
    """The value as repr() shows it: NumPy's text without the type of a scalar."""
    if tracing_here():
        leave_trace(t)
    value = plain_numpy(t)
    if not t.is_array:
        return str(value)
    text = repr(value)
    return "\n" + text if "\n" in text else text


cdef int fill_buffer(Tensor t, Py_buffer *buffer, int flags) except -1:
    cdef int ndim = t.value.array.ndim if t.is_array else 0
    cdef Py_ssize_t *numbers
    cdef Py_ssize_t step = ad_itemsize(t.code)
    cdef int i
    leaves_here(t)
    if flags & PyBUF_WRITABLE:
        raise BufferError("Tensor: tensors are immutable; np.array(t) makes a copy to write to")
    numbers = <Py_ssize_t *>malloc((2 * ndim + 1) * sizeof(Py_ssize_t))
    if numbers is NULL:
        raise MemoryError()
    for i in range(ndim - 1, -1, -1):
        numbers[i] = t.value.array.shape[i]
        numbers[ndim + i] = step
        step *= numbers[i]
    buffer.buf = t.value.array.data if t.is_array else <void *>&t.value
    buffer.obj = t
    buffer.len = size_of(t) * ad_itemsize(t.code)
    buffer.itemsize = ad_itemsize(t.code)
    buffer.readonly = True
    buffer.ndim = ndim
    buffer.format = <char *>FORMAT[t.code] if flags & PyBUF_FORMAT else NULL
    buffer.shape = numbers if flags & PyBUF_ND else NULL
    buffer.strides = numbers + ndim if flags & PyBUF_STRIDES == PyBUF_STRIDES else NULL
    buffer.suboffsets = NULL
    buffer.internal = numbers
    return 0


# ----------------------------------------------------------------------------------------------------------- lost gradients
cdef int LOST_IGNORE = 0, LOST_WARN = 1, LOST_RAISE = 2
cdef int lost_gradient = LOST_WARN


cdef inline void mark_lost(Tensor t) noexcept:
    """Note in every recording program that this value has left: tape.why says so."""
    cdef ad_program *p = ad_current
    cdef int64_t slot
    while p is not NULL:
        slot = slot_in(t, p)
        if slot >= 0:
            p.code[slot].flags |= AD_LOST
        p = p.next


# What is mostly meant by these: ndarray.dot and np.array ask no tensor what it would have.
cdef dict INSTEAD = {"float": "np.exp(t) for math.exp(t), np.stack([t, u]) for np.array([t, u]) and for a[0] = t",
                     "np.asarray, or who reads the buffer": "a @ t for a.dot(t), np.stack([t, u]) for np.array([t, u])"}


cdef int lose(Tensor t, str how) except -1:
    """A value leaves a recording tape by a way that may well be an oversight: say so."""
    if ad_current is NULL or not seen_now(t):
        return 0
    mark_lost(t)
    if lost_gradient == LOST_IGNORE or ad_quiet:
        return 0
    text = (f"{how}: the value of a tensor that a GradientTape follows leaves it here, and the gradient with it. Stay with "
            f"tensors ({INSTEAD.get(how, 'ad.exp, np.exp')}), or say that it is meant: t.numpy(), ad.stop_gradient(t), or "
            f"ad.config.lost_gradient = 'ignore'")
    if lost_gradient == LOST_RAISE:
        raise errors.LostGradientError(text)
    warnings.warn(text, errors.LostGradientWarning, stacklevel=1)
    return 0


def lost(value, str how):
    """Say that the value of a tensor or variable leaves the tapes by way of `how`, if one follows it."""
    lose(value if type(value) is Tensor else read(<VariableCore?>value), how)


def set_lost_gradient(str how):
    """What a lost gradient comes to: "warn", "raise" or "ignore"."""
    global lost_gradient
    if how not in ("warn", "raise", "ignore"):
        raise ValueError(f"config.lost_gradient: got {how!r}, expected 'warn', 'raise' or 'ignore'")
    lost_gradient = {"ignore": LOST_IGNORE, "warn": LOST_WARN, "raise": LOST_RAISE}[how]


def get_lost_gradient():
    return ("ignore", "warn", "raise")[lost_gradient]
