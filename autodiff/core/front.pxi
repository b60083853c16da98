# Fronts: rows as functions for users, and what custom_gradient needs.

cdef extern from *:
    """
    /* A call without a tuple of its arguments and a dict of its keywords: half the time of a call on a scalar. */
    static void ad_call_by_vector(PyTypeObject *type, Py_ssize_t offset)
    {
        type->tp_vectorcall_offset = offset;
        type->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
    }

    static PyObject *ad_call(PyObject *callable, PyObject *args, PyObject *keywords)
    {
        return Py_TYPE(callable)->tp_call(callable, args, keywords);
    }
    """
    void ad_call_by_vector(PyTypeObject *type, Py_ssize_t offset) noexcept
    object ad_call(object callable, object args, PyObject *keywords)


@cython.final
cdef class Operator:
    """An elementwise row as a function: `softplus(x, name=None)`."""
    cdef void *vectorcall
    cdef int op, n
    cdef readonly object row
    cdef tuple parameters, defaults
    cdef dict __dict__                          # __name__, __module__, __doc__, as a function's

    def __init__(self, row, name, parameters, defaults, namespace):
        self.row, self.op, self.n = row, row.code, row.arity
        self.vectorcall = <void *>call_operator
        self.__name__ = self.__qualname__ = name
        self.__module__ = "autodiff." + namespace if namespace else "autodiff"
        self.parameters, self.defaults = parameters, defaults
        self.__doc__ = described(row, parameters)

    @property
    def __signature__(self):
        from inspect import Parameter, Signature

        first = self.n - len(self.defaults)
        given = [Parameter(p, Parameter.POSITIONAL_OR_KEYWORD, default=Parameter.empty if k < first else self.defaults[k - first])
                 for k, p in enumerate(self.parameters)]
        return Signature([*given, Parameter("name", Parameter.POSITIONAL_OR_KEYWORD, default=None)])

    def __call__(self, *args, **kwargs):
        if stabilising_here():
            return self.stabilised(args, kwargs)
        return apply(self.row, args if len(args) == self.n and not kwargs else self.bind(args, kwargs), {})

    cdef object stabilised(self, tuple args, dict kwargs):
        """The call, where a temporary operand has three holders: the caller's stack, `args`, and what `bind` made of them."""
        global holders
        holders = 3
        try:
            return apply(self.row, self.bind(args, kwargs), {})
        finally:
            holders = 1

    cdef tuple bind(self, tuple args, dict kwargs):
        """Operands in order, from positions, names and defaults; `name` is TensorFlow's and means nothing here."""
        values = list(args[:self.n])
        if len(args) > self.n + 1:
            raise TypeError(f"{self.__name__}: takes {self.n} operands and a name, got {len(args)} arguments")
        for key in kwargs:
            if key not in self.parameters and key != "name":
                raise TypeError(f"{self.__name__}: got an unexpected keyword argument {key!r}; "
                                f"expected {errors.join_words(self.parameters + ('name',))}")
        for k in range(len(values), self.n):
            parameter = self.parameters[k]
            missing = k < self.n - len(self.defaults)
            if parameter in kwargs:
                values.append(kwargs[parameter])
            elif missing:
                raise TypeError(f"{self.__name__}: missing the operand {parameter!r}")
            else:
                values.append(self.defaults[k - self.n + len(self.defaults)])
        return tuple(values)

    def __get__(self, instance, owner):
        return self

    def __repr__(self):
        return f"<function {self.__module__}.{self.__name__}>"

    def __reduce__(self):
        return named, (self.__module__, self.__name__)


def described(row, parameters):
    """What a row says of itself, for the operands under the names that they have as parameters."""
    letters = ("x",) if row.arity == 1 else ("a", "b", "c")[:row.arity]
    names = ", ".join(parameters)
    meant = "" if parameters == letters else f"{', '.join(letters)} above: "
    several = ", whose shapes broadcast" if row.arity > 1 else ""
    domains = {str(on): None for on in row.on}
    where = " x ".join([str(on) for on in row.on]) if len(domains) > 1 else next(iter(domains))
    bound = "" if row.ulp32 == row.ulp else f" ({row.ulp32} in float32)"
    lines = [row.doc, "", f"{names}  {meant}tensors, arrays or numbers of {errors.join_words(row.takes)}{several}"]
    if row.gives:
        lines.append(f"returns  a tensor of {row.gives}")
    else:
        floats = f"; within {row.ulp} unit{'s' * (row.ulp != 1)} in the last place{bound}" if "float32" in row.takes else ""
        lines.append(f"returns  a tensor of their dtype{floats}")
    if where != "R":
        lines.append(f"The bound and the derivative hold on {where}.")
    if not row.differentiable:
        lines.append("It has no derivative: its gradient is None.")
    refused = "" if row.takes == ops.ANY else "DtypeError for other dtypes"
    unlike = "ShapeError for shapes that do not broadcast" if several else ""
    return "\n".join([*lines, f"Raises {' and '.join(filter(None, (refused, unlike)))}."])


cdef object call_operator(PyObject *callable, PyObject *const *args, size_t nargs, PyObject *names):
    """Tensors and variables by position; `Operator.__call__` for all else."""
    cdef Operator self = <Operator>callable
    cdef Py_ssize_t n = PyVectorcall_NARGS(nargs), k
    if n == self.n and names is NULL and not stabilising_here():
        if n == 1 and is_tensor(<object>args[0]):
            return unary(self.op, <object>args[0])
        if n == 2 and (is_tensor(<object>args[0]) or is_tensor(<object>args[1])):
            y = binary(self.op, <object>args[0], <object>args[1])
            if y is not NotImplemented:
                return y
    given = tuple([<object>args[k] for k in range(n)])
    if names is NULL:
        return ad_call(self, given, NULL)
    keywords = {(<tuple><object>names)[k]: <object>args[n + k] for k in range(len(<tuple><object>names))}
    return ad_call(self, given, <PyObject *>keywords)


cdef int call_by_vector() except -1:
    cdef Operator any_one = Operator.__new__(Operator)
    ad_call_by_vector(<PyTypeObject *>Operator, <char *>&any_one.vectorcall - <char *><PyObject *>any_one)
    return 0


call_by_vector()


def named(module, name):
    import importlib

    return getattr(importlib.import_module(module), name)


def operator(row, name=None, parameters="x y", defaults=(), namespace="math"):
    """An elementwise row as a function of tensors, arrays and numbers."""
    parameters = tuple(parameters.split())[:row.arity] if isinstance(parameters, str) else tuple(parameters)
    if len(parameters) != row.arity:
        raise TypeError(f"operator: {row.name} has {row.arity} operands; got the names {parameters}")
    return Operator(row, name or row.name, parameters, tuple(defaults), namespace)


# ------------------------------------------------------------------------------------------------------------ for the facade
def sizes_of(Tensor x not None):
    """The shape as a plain tuple: no TensorShape is made."""
    cdef Operand operand
    set_operand(&operand, x)
    return operand_shape(&operand)


def matrix_product(Tensor a not None, Tensor b not None, bint transpose_a, bint transpose_b):
    return matmul(a, b, transpose_a, transpose_b)


def matrix_vector_product(Tensor a not None, Tensor x not None, int64_t transpose_a):
    cdef Operand operand[3]
    cdef int64_t inner
    keep = [None, None, None]
    set_operand(&operand[0], a)
    set_operand(&operand[1], x)
    for k in range(2):
        if rank_of(&operand[k]) < 2 - k:
            raise errors.low_rank("matvec", operand_shape(&operand[k]), 2 - k)
    inner = a.value.array.shape[a.value.array.ndim - 1 - transpose_a]
    if inner != x.value.array.shape[x.value.array.ndim - 1]:
        raise errors.unlike_matrices("matvec", shape_tuple(a), shape_tuple(x), inner, x.value.array.shape[x.value.array.ndim - 1])
    unite(AD_OP_matvec, operand, 2, keep)
    return structural(AD_OP_matvec, operand, 2, &transpose_a, 1)


# ------------------------------------------------------------------------------------------------------------- reductions
def reduce_sum(input_tensor, axis=None, keepdims=False, name=None):
    """The sum of the elements.

    axis      an integer or several; None: all
    keepdims  keep the reduced dimensions, with size 1

    >>> import autodiff as ad
    >>> ad.reduce_sum([[1.0, 2.0], [3.0, 4.0]], axis=0).numpy()
    array([4., 6.], dtype=float32)
    """
    cdef Operand x
    cdef object keep = None
    if kind_of(input_tensor, &x) != TENSOR:
        keep = to_tensor(input_tensor, -1, -1, "reduce_sum")
        set_operand(&x, <Tensor>keep)
    if stabilising_here():
        return stabilised_sum(&x, axis, keepdims, "reduce_sum", NULL)
    return sum_over(&x, axis, keepdims, "reduce_sum", NULL)


def reduce_mean(input_tensor, axis=None, keepdims=False, name=None):
    """The mean of the elements; of no elements, nan.

    axis      an integer or several; None: all
    keepdims  keep the reduced dimensions, with size 1

    >>> import autodiff as ad
    >>> ad.reduce_mean([[1.0, 2.0], [3.0, 4.0]]).numpy()
    np.float32(2.5)
    """
    cdef Operand pair[3]
    cdef object keep = None
    cdef Tensor total
    cdef int64_t count = 1
    if kind_of(input_tensor, pair) != TENSOR:
        keep = to_tensor(input_tensor, -1, -1, "reduce_mean")
        set_operand(pair, <Tensor>keep)
    if stabilising_here():
        total = stabilised_sum(pair, axis, keepdims, "reduce_mean", &count)
    else:
        total = sum_over(pair, axis, keepdims, "reduce_mean", &count)
    if total.code > AD_F64:                     # integers: rounded towards 0, as TensorFlow's
        mean = apply(ops.div, (total, count), {})
        return apply(ops.cast, (mean,), {"dtype": total.code})
    overflown = not all_finite(total)
    if tracing_here() and spelled_out_here():   # for other rows it may be otherwise
        overflown = True
    elif tracing_here():                        # a replay in which that is otherwise goes another way
        finite = apply(ops.is_finite, (total,), {})
        if total.is_array:
            finite = apply(ops.reduce_all, (finite,), {"axes": tuple(range(total.value.array.ndim)), "keepdims": 0})
        guarded_truth(<Tensor>finite)
    set_operand(pair, total)
    pair[1].tensor, pair[1].is_array, pair[1].code = NULL, False, total.code
    pair[1].value = value_of(<double>count, total.code)
    mean = elementwise(AD_OP_div, pair, 2)
    if not overflown or count < 2:
        return mean
    parts = apply(ops.div, (input_tensor if keep is None else keep, count), {})    # a mean is in range where its sum is not
    return apply(ops.where, (apply(ops.is_finite, (total,), {}), mean, reduce_sum(parts, axis, keepdims)), {})


cdef extern from "<math.h>" nogil:
    bint isfinite(double)


cdef bint all_finite(Tensor total):
    cdef int64_t i
    cdef float *f
    cdef double *d
    cdef Operand x
    set_operand(&x, total)
    if not x.is_array:
        return isfinite(x.value.f32 if x.code == AD_F32 else x.value.f64)
    if x.code == AD_F32:
        f = <float *>x.value.array.data
        for i in range(x.value.array.size):
            if not isfinite(f[i]):
                return False
    else:
        d = <double *>x.value.array.data
        for i in range(x.value.array.size):
            if not isfinite(d[i]):
                return False
    return True


cdef Tensor sum_over(const Operand *x, object axis, object keepdims, str name, int64_t *count):
    """The sum over axes; `count`, if not NULL, becomes the number of elements in each sum."""
    cdef int64_t attr[AD_MAX_RANK + 2]
    cdef int rank = x.value.array.ndim if x.is_array else 0
    cdef int n, i
    cdef bint chosen[AD_MAX_RANK]
    if axis is None:
        n = rank
        for i in range(rank):
            attr[1 + i] = i
    else:
        n = 0
        for i in range(rank):
            chosen[i] = False
        for a in axis_list(axis, name):
            i = normal_axis(a, rank, name)
            if chosen[i]:
                raise errors.repeated_axis(name, axis_list(axis, name))
            chosen[i] = True
        for i in range(rank):
            if chosen[i]:
                attr[1 + n] = i
                n += 1
    attr[0] = n
    attr[1 + n] = bool(keepdims)
    if count is not NULL:
        for i in range(n):
            count[0] *= x.value.array.shape[attr[1 + i]]
    return structural(AD_OP_reduce_sum, x, 1, attr, n + 2)


cdef object axis_list(object axis, str name):
    if PyLong_CheckExact(axis):
        return (axis,)
    if isinstance(axis, (list, tuple, range)):
        return axis
    value = axis.numpy() if is_tensor(axis) else axis
    if isinstance(value, np.ndarray):
        return value.reshape(-1).tolist()
    return (value,)


cdef int normal_axis(object axis, int rank, str name) except -1:
    cdef int a
    try:
        place = axis.__index__()                # (of any size)
    except AttributeError:
        raise TypeError(f"{name}: axis must be an integer, got {errors.shorten(axis)}") from None
    if place < -rank or place >= rank:
        raise errors.bad_axis(name, place, rank)
    a = place
    return a + rank if a < 0 else a


# -------------------------------------------------------------------------------------------------------- custom_gradient
def record_call(outputs, inputs, backward):
    """New tensors of the values of `outputs`, whose gradient by `inputs` is what `backward(*dys)` returns: a tensor or None for
    each input.  Recorded on every program that sees an input."""
    cdef ad_program *p = ad_current
    cdef int n = len(inputs), k
    cdef Operand *x = <Operand *>malloc((n if n else 1) * sizeof(Operand))
    cdef int64_t attr[1]
    cdef uint64_t seen
    cdef uint32_t call, words
    cdef ad_value nothing
    cdef Program program
    nothing.bits = 0
    results = [fresh(<Tensor>y) for y in outputs]
    if x is NULL:
        raise MemoryError("custom_gradient: no memory for its inputs")
    try:
        for k in range(n):
            if kind_of(inputs[k], &x[k]) != TENSOR:
                raise TypeError(f"record_call: input {k} is no tensor: {errors.shorten(inputs[k])}")
        while p is not NULL:
            seen = 0
            for k in range(n):
                if x[k].code <= AD_F64:
                    seen |= seen_by(&x[k], p)
            seen &= p.recording
            values = trace_values(p, outputs) if p.tracing else [0] * len(results)
            if seen & ~p.tracing:
                program = <Program>p.host
                if program.calls is None:
                    program.calls = []
                attr[0] = len(program.calls)
                program.calls.append(backward)
                words = record_words(p, x, n, attr, 1)
                call = ad_emit(p, AD_CALL, AD_F32, 0, 0, 0, words, seen, nothing)
                if call == AD_NO_SLOT:
                    raise MemoryError("custom_gradient: no memory to record another operation")
                for k in range(len(results)):
                    y = results[k]
                    emit(p, AD_RESULT, <Tensor>y, call, <uint32_t>values[k], 0,
                         (seen if (<Tensor>y).code <= AD_F64 else 0) | p.tracing)
            elif p.tracing:
                if n:
                    (<Program>p.host).customised = True
                for k in range(len(results)):
                    emit(p, AD_ALIAS, <Tensor>results[k], <uint32_t>values[k], <uint32_t>values[k], 0, p.tracing)
            p = p.next
    finally:
        free(x)
    return results


@cython.final
cdef class stop_recording:
    """Context: no tape of this thread records inside."""
    cdef ad_program *current
    cdef uint64_t recording, accessed

    def __enter__(self):
        global ad_current
        self.current = ad_current
        if tracing_here():                      # a trace misses nothing
            self.recording, self.accessed = ad_current.recording, ad_current.accessed
            ad_current.recording = ad_current.accessed = ad_current.tracing
        else:
            ad_current = NULL

    def __exit__(self, kind, value, traceback):
        global ad_current
        if tracing_here():
            ad_current.recording |= self.recording & ad_current.taken
            ad_current.accessed |= self.accessed & ad_current.taken
        else:
            ad_current = self.current


@cython.final
cdef class meant:
    """Context: values that leave the tapes inside are meant to; no warning."""
    def __enter__(self):
        global ad_quiet
        ad_quiet += 1

    def __exit__(self, kind, value, traceback):
        global ad_quiet
        ad_quiet -= 1


def is_recording():
    """Does a tape of this thread record now?"""
    return ad_current is not NULL and ad_current.recording != 0


# ------------------------------------------------------------------------------------------------------------------ start
def _choose_cpu():
    import os

    global ad_cpu
    asked = os.environ.get("AUTODIFF_CPU", "").encode()
    cdef const ad_isa *found = ad_isa_named(<const char *>asked if asked else NULL)
    if found is NULL:
        raise ImportError(f"AUTODIFF_CPU: {asked.decode()!r} is not to be had on this processor; leave it unset, or use 'baseline'")
    ad_cpu = found


def kernels_at(str name):
    """The address of an instruction set's elementwise kernels, None where this processor has it not: what tests call without the rest."""
    asked = name.encode()
    cdef const ad_isa *found = ad_isa_named(asked)
    return None if found is NULL else <size_t>found.kernels


def divides_slowly(on=None):
    """Are multiplications faster here than a division of eight float64 (csrc/lanes.h)?  A test asks for both, in turn."""
    global ad_divides_slowly
    before = bool(ad_divides_slowly)
    if on is not None:
        ad_divides_slowly = on
    return before


def cpu():
    """The instruction set in use."""
    return ad_cpu.name.decode()


_choose_cpu()
