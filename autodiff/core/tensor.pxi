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
cdef class Tensor(ArrayMethods):
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

    def __dlpack__(self, **asked):
        """The value for torch.from_dlpack, jax.dlpack.from_dlpack and np.from_dlpack: a copy, since theirs may change and tensors do not."""
        lose(self, "__dlpack__")
        return np.array(to_numpy(self)).__dlpack__(**asked)

    def __dlpack_device__(self):
        return 1, 0                             # kDLCPU, the first

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        lose(self, "np.asarray, or who reads the buffer")
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
        if tracing_here() and not self.is_array:
            return guarded_truth(self)
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
        return bool(np.any(to_numpy(self) == (x.numpy() if is_tensor(x) else x)))

    def __format__(self, spec):
        """f"{t}" shows the value alone, as TensorFlow's does."""
        if not spec:
            return str(to_numpy(self))
        return format(to_numpy(self) if self.is_array else number_of(self), spec)

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
        return trace_copy(self) if tracing_here() else fresh(self)

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
        if stabilising_here():
            return stabilised_ufunc(self, ufunc, method, inputs, kwargs)
        return of_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, func, types, args, kwargs):
        if stabilising_here() and func in through_numpy:
            return stabilised_function(func, types, args, kwargs)
        return numpy_hooks[1](func, types, args, kwargs)

    @staticmethod
    def __ad_apply__(row, operands, attrs):
        """Apply a row of the table: what `row(*operands, **attrs)` comes to."""
        return apply(row, operands, attrs)


cdef list numpy_hooks = [None, None]            # of autodiff.arrays: what np.exp(t) and np.sum(t) come to
cdef dict ufunc_rows = {}                       # and the rows of ufuncs
cdef dict numpy_fronts = {}                     # and what np.sum and its like are for floating numbers


def set_numpy_hooks(ufunc, function, dict rows not None, dict fronts not None):
    """Called by autodiff.arrays, which knows NumPy's functions."""
    global ufunc_rows, numpy_fronts
    numpy_hooks[0], numpy_hooks[1], ufunc_rows, numpy_fronts = ufunc, function, rows, fronts


cdef object of_ufunc(ufunc, method, tuple inputs, dict kwargs):
    """ufunc(*inputs, **kwargs), or its method of that name."""
    row = ufunc_rows.get(ufunc) if not kwargs and method == "__call__" else None
    if row is not None:
        try:
            return apply(row, inputs, {})
        except errors.DtypeError:               # of whole numbers, say, whose exponential NumPy has
            pass
    return numpy_hooks[0](ufunc, method, inputs, kwargs)


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

    def __lt__(self, other):
        """Any order will do for the keys of a nested structure; of variables it is that of their creation."""
        if type(other) is not Reference:
            return NotImplemented
        a, b = self.target, (<Reference>other).target
        if isinstance(a, VariableCore) and isinstance(b, VariableCore):
            return a.order < b.order
        return id(a) < id(b)

    def __repr__(self):
        return f"<Reference wrapping {self.target!r}>"
