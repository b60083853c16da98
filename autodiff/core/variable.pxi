# Variables: a tensor that is replaced by assignment, and that tapes watch by themselves when it is read.

cdef int64_t variables_made = 0
cdef int64_t assignments = 0                    # to variables, ever: who remembers a result may ask whether one has changed


cdef class VariableCore(ArrayMethods):
    """What autodiff.Variable is made of: its value, how tapes know it, and the operators.

    `tensor` is the value now: never handed out, so that its places are this variable's.  Where a thread runs something again it has the
    variable hold what it held then, in `apart`, {thread: tensor} or None, and other threads know nothing of it (`held_now`).  `root` has
    no value; its place in a program is the slot where the variable was first read there, or read again for a further tape; all later reads
    are aliases of that slot, and pass their adjoints on to it.  Nor has `last`, whose place in a trace is the slot of what that assigned
    last (None: no trace has assigned any): another thread may assign meanwhile, and `tensor` is its own then.
    """
    cdef Tensor tensor
    cdef dict apart
    cdef Tensor root
    cdef Tensor last
    cdef readonly bint trainable
    cdef readonly int64_t order                 # of creation
    cdef object __weakref__

    def __cinit__(self):
        global variables_made
        self.order = variables_made
        variables_made += 1
        self.root = new_tensor()

    cpdef _start(self, Tensor value, bint trainable):
        """Give it its first value."""
        if tracing_here():
            abandon_for_now()
        self.tensor = fresh(value)
        self.trainable = trainable

    cpdef Tensor _fitting(self, value, str function):
        """The value as a tensor of this variable's dtype and shape."""
        cdef Tensor t = to_tensor(value, self.tensor.code, -1, function), own = self.tensor
        if t.is_array != own.is_array or t.is_array and not same_shape_of(t.value.array, own.value.array):
            raise errors.unlike_variable(self.name, shape_tuple(own), shape_tuple(t))
        stays_inside(t)
        return t

    cpdef _replace(self, Tensor value):
        """Assign: the value of the same dtype and shape."""
        hold(self, trace_assignment(self, value) if tracing_here() else fresh(value))

    cpdef Tensor _peek(self):
        """The value as a new tensor that no tape knows."""
        if not tracing_here():
            return fresh(held_now(self))
        meet(self)
        return trace_copy(held_now(self))

    cpdef str _text(self):
        """The value as repr() shows it."""
        return numpy_text(read_out(self))

    def __hash__(self):
        raise TypeError(f"Variable is unhashable. Instead, use variable.ref() as the key. (Variable: {self!r})")

    @property
    def dtype(self):
        return DTYPES[self.tensor.code]

    @property
    def shape(self):
        return shape_of(self.tensor)

    @property
    def ndim(self):
        return self.tensor.ndim

    def ref(self):
        return Reference(self)

    def value(self):
        """The value now, as a tensor; gradients flow through it."""
        return snapshot(self)

    def numpy(self):
        """The value now, as a NumPy scalar or a new array."""
        mark_lost(held_now(self))
        return to_numpy(read_out(self))

    def __array__(self, dtype=None, copy=None):
        return snapshot(self).__array__(dtype)

    def __dlpack__(self, **asked):
        return snapshot(self).__dlpack__(**asked)

    def __dlpack_device__(self):
        return 1, 0

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        cdef Tensor t = read(self)
        lose(t, "np.asarray, or who reads the buffer")
        fill_buffer(t, buffer, flags)

    def __releasebuffer__(self, Py_buffer *buffer):
        free(buffer.internal)

    def __float__(self): return float(snapshot(self))
    def __int__(self): return int(read_out(self))
    def __index__(self): return read_out(self).__index__()
    def __bool__(self): return bool(read_out(self))
    def __complex__(self): return complex(snapshot(self))
    def __format__(self, spec): return format(read_out(self), spec) if spec else str(self)

    def __iter__(self):
        return iter(snapshot(self))

    def __getitem__(self, key):
        cdef Tensor part = index(self, key)
        set_origin(part, self, key)
        return part

    def __setitem__(self, key, value):
        raise TypeError("'Variable' object does not support item assignment; use v[i].assign(value)")

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
    def __pos__(self): return snapshot(self)
    def __abs__(self): return unary(AD_OP_abs, self)
    def __invert__(self): return unary(AD_OP_logical_not, self)
    def __richcmp__(x, y, int how): return compare(x, y, how)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return of_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, func, types, args, kwargs):
        return numpy_hooks[1](func, types, args, kwargs)

    @staticmethod
    def __ad_apply__(row, operands, attrs):
        return apply(row, operands, attrs)


cdef inline Tensor held_now(VariableCore v):
    """What the variable holds for this thread."""
    return v.tensor if v.apart is None else <Tensor>v.apart.get(<size_t>&ad_current, v.tensor)


cdef inline int put(VariableCore v, Tensor value) except -1:
    """Let it hold that for this thread."""
    if v.apart is not None and <size_t>&ad_current in v.apart:
        v.apart[<size_t>&ad_current] = value
    else:
        v.tensor = value
    return 0


cdef Tensor put_apart(VariableCore v, Tensor value):
    """Let it hold that for this thread alone; None: and no longer.  Returns what it held so before."""
    cdef dict apart = {}                        # (made first: a collection of garbage may let other threads run)
    if v.apart is None:
        v.apart = apart
    before = v.apart.pop(<size_t>&ad_current, None)
    if value is not None:
        v.apart[<size_t>&ad_current] = value
    elif not v.apart:
        v.apart = None
    return before


cdef inline int hold(VariableCore v, Tensor value) except -1:
    """Let the variable have this value from now on."""
    global assignments
    assignments += 1
    return put(v, value)


cdef inline int touch(VariableCore v) except -1:
    """Make the variable's value known to every program that records."""
    cdef Tensor t = held_now(v)
    cdef ad_program *p = ad_current
    while p is not NULL:
        if p.tracing or not (t.place.program is p and t.place.generation == p.generation and v.trainable
                             and p.code[t.place.slot].seen & p.accessed == p.accessed):
            read_in(v, p)                       # (in a trace what was assigned has a slot, which no tape that watches v has seen yet)
        p = p.next
    return 0


cdef int meet(VariableCore v) except -1:
    """Make the variable's value known to all traces, as an assignment wants it: no tape follows a variable that is not read."""
    cdef ad_program *p = ad_current
    while p is not NULL:
        if p.tracing and (slot_in(v.root, p) < 0 or slot_in(held_now(v), p) < 0):
            follow(v, p, slot_in(held_now(v), p), slot_in(v.root, p), p.tracing)
        p = p.next
    return 0


cdef inline Tensor read(VariableCore v):
    """The variable's value, known to every program that records: for the caller to use, not to hand out."""
    touch(v)
    return held_now(v)


cdef inline Tensor read_out(VariableCore v):
    """The variable's value on its way out to Python: a trace takes note."""
    return read(v) if tracing_here() else held_now(v)


cdef int read_in(VariableCore v, ad_program *p) except -1:
    """Make the value's slot in p seen by all tapes that follow v there."""
    cdef int64_t slot = slot_in(held_now(v), p), root = slot_in(v.root, p)
    cdef uint64_t bits = bits_that_follow(v, p)
    if root >= 0:
        bits |= p.code[root].seen & p.recording
    if bits == 0 or (slot >= 0 and p.code[slot].seen & bits == bits):
        return 0
    return follow(v, p, slot, root, bits)


cdef int follow(VariableCore v, ad_program *p, int64_t old, int64_t root, uint64_t bits) except -1:
    """A new slot for the value, seen by `bits`; `old` is the one it has, or -1."""
    cdef uint32_t slot
    cdef Tensor now = held_now(v)
    if now.code > AD_F64:
        bits &= p.tracing
        if bits == 0:
            return 0
    if root >= 0:
        slot = emit(p, AD_ALIAS, now, <uint32_t>root, <uint32_t>(old if old >= 0 else assigned_in(v, p, root)), 0, bits | p.code[root].seen)
        if bits & ~p.code[root].seen:           # the first read for a further tape
            put_in(v.root, p, slot)
        return 0
    slot = emit(p, AD_LEAF, now, 0, 0, 0, bits)
    put_in(v.root, p, slot)
    note_start(p, v)
    return add_variable(<Program>p.host, v)


cdef inline int64_t assigned_in(VariableCore v, const ad_program *p, int64_t root) noexcept:
    """Where p has what it assigned last to the variable, else its root."""
    cdef int64_t slot = -1 if v.last is None else slot_in(v.last, p)
    return slot if slot >= 0 else root


cdef Tensor snapshot(VariableCore v):
    """The value as a tensor of its own, known to the programs that record as the read it is."""
    return copy_known_to(ad_current, read(v))


cdef Tensor copy_known_to(ad_program *p, Tensor t):
    """A tensor of its own, known to p and those that record around it as t is."""
    cdef Tensor copy = fresh(t)
    cdef int64_t slot
    while p is not NULL:
        slot = slot_in(t, p)
        if slot >= 0:
            put_in(copy, p, <uint32_t>slot)
        p = p.next
    return copy


cdef extern from *:
    """
    /* Cython's method tables make a Python subclass look its operators up by name at every use, at 50 ns a time.  Give it
     * the slots of its base, but for those it defines itself. */
    static void ad_inherit_operators(PyTypeObject *type)
    {
        void **to = (void **)type->tp_as_number, **from = (void **)type->tp_base->tp_as_number;
        for (size_t i = 0; i < sizeof(PyNumberMethods) / sizeof(void *); i++)
            if (from[i] != NULL)
                to[i] = from[i];
        type->tp_richcompare = type->tp_base->tp_richcompare;
    }
    """
    void ad_inherit_operators(PyTypeObject *type)


def inherit_operators(type cls not None):
    """Give a Python subclass of VariableCore that defines none of its operators the operators of the core."""
    global variable_type
    ad_inherit_operators(<PyTypeObject *>cls)
    variable_type = <PyObject *>cls             # never goes: autodiff.Variable
    Py_INCREF(cls)
    return cls
