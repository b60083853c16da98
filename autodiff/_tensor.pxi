# Tensor: an immutable value, scalar inline or array by reference, and its place in the programs that saw it.

cdef extern from *:
    """
    /* Tensors come and go with every operation.  These two functions do what Cython's do (PyErr_Fetch, a wrapper around
     * __dealloc__, PyObject_Malloc) in a third of the time.  The struct repeats the fields of `Tensor` below, in their order;
     * check_layout makes sure of it. */
    typedef struct {
        PyObject_HEAD
        ad_value value;
        uint8_t code;
        int is_array;
        ad_place place;
        PyObject *origin, *weakrefs;
    } ad_tensor;

    enum { AD_FREE_TENSORS = 1024 };
    static PyTypeObject *ad_tensor_type;
    static ad_tensor *ad_free_tensors[AD_FREE_TENSORS];         /* under the GIL */
    static int ad_free_tensor_count;

    static inline PyObject *ad_tensor_new(void)
    {
        ad_tensor *t;
        if (ad_free_tensor_count) {
            t = ad_free_tensors[--ad_free_tensor_count];
            Py_SET_REFCNT((PyObject *)t, 1);                    /* the rest of the header is as it was */
        } else {
            t = PyObject_Malloc(sizeof(ad_tensor));
            if (t == NULL)
                return PyErr_NoMemory();
            PyObject_Init((PyObject *)t, ad_tensor_type);
        }
        memset((char *)t + sizeof(PyObject), 0, sizeof *t - sizeof(PyObject));
        return (PyObject *)t;
    }

    static void ad_tensor_dealloc(PyObject *o)
    {
        ad_tensor *t = (ad_tensor *)o;
        if (t->weakrefs)
            PyObject_ClearWeakRefs(o);
        if (t->is_array && t->value.array)
            ad_array_release(t->value.array);
        if (t->origin)
            Py_DECREF(t->origin);
        while (t->place.next) {
            ad_place *place = t->place.next;
            t->place.next = place->next;
            free(place);
        }
        if (ad_free_tensor_count < AD_FREE_TENSORS)
            ad_free_tensors[ad_free_tensor_count++] = t;
        else
            PyObject_Free(t);
    }

    static void ad_tensor_own(PyTypeObject *type)
    {
        ad_tensor_type = type;
        type->tp_dealloc = ad_tensor_dealloc;
    }
    """
    ctypedef struct ad_tensor:
        ad_value value
        uint8_t code
        int is_array
        Place place
        PyObject *origin
        PyObject *weakrefs

    Tensor new_tensor "(struct __pyx_obj_8autodiff_5_core_Tensor *)ad_tensor_new" ()
    void ad_tensor_own(PyTypeObject *type)


@cython.final
cdef class Tensor:
    """An immutable array of numbers, as tensorflow.Tensor.

    dtype   float32, float64, int32, int64 or bool
    shape   TensorShape; ndim is its length

    Made by `constant`, `convert_to_tensor` and by every operator.  Operators between tensors record on the tapes that watch
    one of them.

    >>> import autodiff as ad
    >>> ad.constant([1.0, 2.0]) * 3
    <ad.Tensor: shape=(2,), dtype=float32, numpy=array([3., 6.], dtype=float32)>
    """
    cdef ad_value value
    cdef uint8_t code
    cdef bint is_array
    cdef Place place
    cdef PyObject *origin                       # owned: (variable, key) where this is variable[key], for assign; or NULL
    cdef object __weakref__

    def __init__(self, *args, **kwargs):
        raise TypeError("Tensor: tensors are made by constant(value) or convert_to_tensor(value)")

    def __hash__(self):
        raise TypeError("Tensor is unhashable. Instead, use tensor.ref() as the key.")

    # ---- what it is
    @property
    def dtype(self):
        return DTYPES[self.code]

    @property
    def shape(self):
        return shape_of(self)

    @property
    def ndim(self):
        return self.value.array.ndim if self.is_array else 0

    @property
    def device(self):
        return "/job:localhost/replica:0/task:0/device:CPU:0"

    @property
    def is_watched(self):
        """Does a tape that records now follow this tensor?"""
        return seen_now(self)

    def get_shape(self):
        return shape_of(self)

    def set_shape(self, shape):
        """Check that the shape is compatible with `shape` (sizes may be None); raises ValueError if not."""
        if not shape_of(self).is_compatible_with(TensorShape(shape)):
            raise errors.ShapeError(f"set_shape: Tensor's shape {tuple(self.shape)} is not compatible with supplied shape "
                                    f"{list(shape)}")

    def ref(self):
        return Reference(self)

    # ---- values leave
    def numpy(self):
        """The value as a NumPy scalar, or as a new array."""
        mark_lost(self)
        return to_numpy(self)

    def __array__(self, dtype=None, copy=None):
        lose(self, "np.asarray")
        value = np.asarray(to_numpy(self))
        return value if dtype is None else value.astype(dtype, copy=False)

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        lose(self, "the buffer protocol")
        fill_buffer(self, buffer, flags)

    def __releasebuffer__(self, Py_buffer *buffer):
        free(buffer.internal)

    def __float__(self):
        lose(self, "float")
        return float(one_number(self, "float"))

    def __int__(self):
        return int(one_number(self, "int"))

    def __index__(self):
        if self.code == AD_F32 or self.code == AD_F64 or self.is_array:
            raise TypeError(f"only a scalar integer tensor can be used as an index, got {self!r}")
        return int(number_of(self))

    def __bool__(self):
        if self.is_array and self.value.array.size != 1:
            raise ValueError("The truth value of an array with more than one element is ambiguous. "
                             "Use ad.reduce_any(a) or ad.reduce_all(a)")
        return bool(to_numpy(self))

    def __complex__(self):
        lose(self, "complex")
        return complex(one_number(self, "complex"))

    def __len__(self):
        if not self.is_array:
            raise TypeError("Scalar tensor has no `len()`")
        return self.value.array.shape[0]

    def __iter__(self):
        if not self.is_array:
            raise TypeError("Cannot iterate over a scalar tensor.")
        return rows_of(self)

    def __contains__(self, x):
        return bool((to_numpy(self) == (to_numpy(x) if type(x) is Tensor else x)).any())

    def __format__(self, spec):
        return format(str(self) if not spec else to_numpy(self), spec) if self.is_array else format(
            str(self) if not spec else number_of(self), spec)

    def __round__(self, ndigits=None):
        raise TypeError("round: a tensor is rounded by ad.round(t); round(float(t)) gives a Python number")

    def __repr__(self):
        return f"<ad.Tensor: shape={tuple(shape_of(self))}, dtype={DTYPES[self.code].name}, numpy={numpy_text(self)}>"

    def __str__(self):
        value = to_numpy(self)
        text = str(value)
        if "\n" in text:
            text = "\n" + text
        return f"ad.Tensor({text}, shape={tuple(shape_of(self))}, dtype={DTYPES[self.code].name})"

    # ---- copies
    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return fresh(self)

    def __reduce__(self):
        return tensor_from_numpy, (np.asarray(to_numpy(self)),)

    # ---- operators
    def __add__(x, y): return binary(AD_OP_add, x, y)
    def __sub__(x, y): return binary(AD_OP_sub, x, y)
    def __mul__(x, y): return binary(AD_OP_mul, x, y)
    def __truediv__(x, y): return binary(AD_OP_div, x, y)
    def __floordiv__(x, y): return binary(AD_OP_floordiv, x, y)
    def __mod__(x, y): return binary(AD_OP_mod, x, y)
    def __pow__(x, y, z): return power(x, y, z)
    def __matmul__(x, y): return matmul_operator(x, y)
    def __and__(x, y): return binary(AD_OP_logical_and, x, y)
    def __or__(x, y): return binary(AD_OP_logical_or, x, y)
    def __xor__(x, y): return binary(AD_OP_logical_xor, x, y)
    def __neg__(self): return unary(AD_OP_neg, self)
    def __pos__(self): return self
    def __abs__(self): return unary(AD_OP_abs, self)
    def __invert__(self): return unary(AD_OP_logical_not, self)
    def __richcmp__(x, y, int how): return compare(x, y, how)
    def __getitem__(self, key): return index(self, key)

    def __setitem__(self, key, value):
        raise TypeError("'Tensor' object does not support item assignment: tensors are immutable; "
                        "use ad.tensor_scatter_nd_update(t, indices, updates), or a Variable and v[i].assign(value)")

    def assign(self, value):
        """Where this is v[key] of a variable: assign that part of it.  Returns the variable."""
        if self.origin is NULL:
            raise AttributeError("'Tensor' object has no attribute 'assign': tensors are immutable; only v[key] of a Variable "
                                 "can be assigned")
        variable, key = <tuple>self.origin
        return variable._assign_at(key, value)

    # ---- protocols
    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return numpy_hooks[0](ufunc, method, inputs, kwargs)

    def __array_function__(self, func, types, args, kwargs):
        return numpy_hooks[1](func, types, args, kwargs)

    @staticmethod
    def __ad_apply__(row, operands, attrs):
        """Apply a row of the table: what `row(*operands, **attrs)` comes to."""
        return apply(row, operands, attrs)


cdef list numpy_hooks = [None, None]            # of autodiff.arrays: what np.exp(t) and np.sum(t) come to


def set_numpy_hooks(ufunc, function):
    """Called by autodiff.arrays, which knows NumPy's functions."""
    numpy_hooks[0], numpy_hooks[1] = ufunc, function


DTYPES = dtypes.DTYPES


@cython.final
cdef class Reference:
    """A hashable stand-in for a tensor or variable: equal where it is the same object."""
    cdef object target

    def __init__(self, target):
        self.target = target

    def deref(self):
        return self.target

    def __hash__(self):
        return <Py_ssize_t>(<PyObject *>self.target) >> 4

    def __eq__(self, other):
        return type(other) is Reference and (<Reference>other).target is self.target

    def __repr__(self):
        return f"<Reference wrapping {self.target!r}>"


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
    cdef cnp.npy_intp *shape
    if not t.is_array:
        return DTYPES[t.code].as_numpy_dtype(number_of(t))
    array = cnp.PyArray_SimpleNew(t.value.array.ndim, <cnp.npy_intp *>t.value.array.shape, NUMPY_TYPE[t.code])
    memcpy(cnp.PyArray_DATA(array), t.value.array.data, ad_array_bytes(t.value.array))
    return array


cdef int[5] NUMPY_TYPE = [cnp.NPY_FLOAT32, cnp.NPY_FLOAT64, cnp.NPY_INT32, cnp.NPY_INT64, cnp.NPY_BOOL]
cdef const char **FORMAT = [b"f", b"d", b"i", b"q", b"?"]


cdef str numpy_text(Tensor t):
    """The value as repr() shows it: NumPy's text without the type of a scalar."""
    value = to_numpy(t)
    if not t.is_array:
        return str(value)
    text = repr(value)
    return "\n" + text if "\n" in text or value.ndim > 1 else text


cdef int fill_buffer(Tensor t, Py_buffer *buffer, int flags) except -1:
    cdef int ndim = t.value.array.ndim if t.is_array else 0
    cdef Py_ssize_t *numbers
    cdef Py_ssize_t step = ad_itemsize(t.code)
    cdef int i
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
cdef int quiet = 0                              # inside a custom_gradient, whose author answers for the gradient


cdef inline void mark_lost(Tensor t) noexcept:
    """Note in every recording program that this value has left: tape.why says so."""
    cdef ad_program *p = ad_current
    cdef int64_t slot
    while p is not NULL:
        slot = slot_in(t, p)
        if slot >= 0:
            p.code[slot].flags |= AD_LOST
        p = p.next


cdef int lose(Tensor t, str how) except -1:
    """A value leaves a recording tape by a way that may well be an oversight: say so."""
    if ad_current is NULL or not seen_now(t):
        return 0
    mark_lost(t)
    if lost_gradient == LOST_IGNORE or quiet:
        return 0
    text = (f"{how}: the value of a tensor that a GradientTape follows leaves it here, and the gradient with it. Stay with "
            f"tensors (ad.exp, np.exp), or say that it is meant: t.numpy(), ad.stop_gradient(t), or "
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
