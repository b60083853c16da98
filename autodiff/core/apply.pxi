# Applying a row: value first, then, where a program records, an instruction.

cdef enum:
    NOGIL_SIZE = 1 << 15                        # elements above which a kernel runs without the GIL


cdef list ROWS = [row for row in ops.ROWS.values() if row.code is not None]    # by code
if [row.name for row in ROWS] != [ad_ops[k].name.decode() for k in range(ad_op_count)]:
    raise ImportError("autodiff: the compiled core was built from another table of operators than autodiff/ops.py: run `make build`, or "
                      "`pip install .` again")
TABLE_HASH = ad_table_hash.decode()


# ------------------------------------------------------------------------------------------------------------ elementwise
cdef inline Tensor elementwise(int op, Operand *x, int n):
    """The value of an elementwise row on operands of one dtype (where's first is a mask), recorded."""
    cdef Tensor y
    cdef object held = None
    cdef int code = x[n - 1].code
    cdef bint is_array = x[0].is_array
    if ad_current is not NULL and ad_current.laws:
        held = rewritten(op, x, n)
        if held is not None:
            return <Tensor>held
    if n > 1:
        is_array |= x[1].is_array
    if n > 2:
        is_array |= x[2].is_array
    if is_array:
        held = tensors_of(x, n)
        y = elementwise_array(op, x, n)
    else:
        y = new_tensor()
        y.code = ad_ops[op].gives if ad_ops[op].gives >= 0 else code
        if code >= AD_I32 and code <= AD_I64:
            check_integers(op, x)
        if ad_cpu.scalar_forward(op, code, x[0].value, x[1].value, x[2].value, &y.value) != AD_OK:
            raise errors.bad_dtype(op_name(op), DTYPES[code].name, (<object>ROWS[op]).takes)
    if checking():
        check_result(op, y, x, n)
    if ad_current is not NULL and (ad_ops[op].differentiable or ad_current.tracing):
        record(op, y, x, n, NULL, 0)
    return y


cdef int check_integers(int op, const Operand *x) except -1:
    """Integers divided by zero, or raised to a negative power, are errors; floats are inf, nan or a fraction."""
    cdef int64_t i, b
    cdef bint power = op == AD_OP_pow
    cdef const ad_array *array = x[1].value.array
    if not (power or op == AD_OP_floordiv or op == AD_OP_mod):
        return 0
    if tracing_here() and not spelled_out_here():       # rows of a vectorized_map are checked when all are computed
        guard_integers(ops.greater_equal if power else ops.not_equal, operand_tensor(&x[1]))    # also where they fail, which may be caught
    for i in range(array.size if x[1].is_array else 1):
        if not x[1].is_array:
            b = x[1].value.i32 if x[1].code == AD_I32 else x[1].value.i64
        else:
            b = (<int32_t *>array.data)[i] if x[1].code == AD_I32 else (<int64_t *>array.data)[i]
        if power and b < 0:
            raise errors.InvalidArgumentError("pow: Integers to negative integer powers are not allowed; make the base a float")
        if not power and b == 0:
            raise errors.DivisionError(f"{op_name(op)}: Integer division by zero; use floats for inf and nan")
    return 0


cdef int guard_integers(object row, Tensor t) except -1:
    """A replay in which this does not hold of t and 0 goes another way, where it is said."""
    holds = apply(row, (t, 0), {})
    if t.is_array:
        holds = apply(ops.reduce_all, (holds,), {"axes": tuple(range(t.value.array.ndim)), "keepdims": 0})
    guarded_truth(<Tensor>holds)
    return 0


cdef extern from *:
    """
    /* An ad_array header for a scalar that stands at `value`; the shape is never read at rank 0. */
    typedef struct { ad_array a; } ad_unit;
    static inline const ad_array *ad_unit_of(ad_unit *u, void *value, int dtype)
    {
        u->a = (ad_array){.refs = 1, .dtype = (uint8_t)dtype, .size = 1, .data = value};
        return &u->a;
    }
    """
    ctypedef struct ad_unit:
        pass
    const ad_array *ad_unit_of(ad_unit *u, void *value, int dtype) nogil


cdef Tensor elementwise_array(int op, Operand *x, int n):
    cdef const ad_array *arrays[3]
    cdef ad_unit units[3]
    cdef ad_array *out = NULL
    cdef int64_t size = 0
    cdef int k, status
    cdef int code = x[n - 1].code
    if code >= AD_I32 and code <= AD_I64:
        check_integers(op, x)
    for k in range(n):
        if x[k].is_array:
            arrays[k] = x[k].value.array
            size = max(size, arrays[k].size)
        else:
            arrays[k] = ad_unit_of(&units[k], &x[k].value, x[k].code)
    if size < NOGIL_SIZE:                       # (elementwise holds the operands)
        status = ad_elementwise_forward(op, arrays, n, &out)
    else:
        with nogil:
            status = ad_elementwise_forward(op, arrays, n, &out)
    if status != AD_OK:
        raise_status(status, op, x, n)
    return wrap(out)


cdef object tensors_of(const Operand *x, int n):
    """The operands, to be held while the GIL is released: another thread may assign the variable one comes from.
    None where they are too small for that."""
    cdef int k
    for k in range(n):
        if x[k].is_array and x[k].value.array.size >= NOGIL_SIZE:
            return [operand_tensor(&x[k]) for k in range(n)]
    return None


cdef tuple operand_shape(const Operand *x):
    cdef int i
    return tuple([x.value.array.shape[i] for i in range(x.value.array.ndim)]) if x.is_array else ()


cdef object raise_status(int status, int op, const Operand *x, int n):
    """The exception that a status from C comes to; fronts have better words where they know more."""
    name = op_name(op)
    shapes = [operand_shape(&x[k]) for k in range(n)]
    if status == AD_NO_MEMORY:
        raise MemoryError(f"{name}: no memory for the result of operands of shapes {errors.join_words(shapes, 'and')}")
    if status == AD_BAD_DTYPE:
        raise errors.bad_dtype(name, errors.join_words([DTYPES[x[k].code].name for k in range(n)], "and"), (<object>ROWS[op]).takes)
    if tracing_here() and (status == AD_BAD_INDEX or status == AD_NO_DECOMPOSITION):
        note_failure(name, [operand_tensor(&x[k]) for k in range(n)])
    if status == AD_BAD_INDEX:
        raise errors.BadIndexError(f"{name}: an index is out of range for shape {shapes[0]}")
    if status == AD_BAD_RANK:
        raise errors.too_many_dimensions(name)
    if status == AD_NO_DECOMPOSITION:
        raise errors.no_decomposition(name)
    if status == AD_NO_LAPACK:
        raise errors.no_lapack(name, np.__version__)
    raise errors.unlike_shapes(name, *shapes)


# ------------------------------------------------------------------------------------------------------------- structural
cdef Tensor structural(int op, const Operand *x, int n, const int64_t *attr, int n_attr):
    """The value of a row with a C kernel of its own, recorded."""
    cdef const ad_array *few[8]
    cdef ad_unit few_units[8]
    cdef const ad_array **arrays = few
    cdef ad_unit *units = few_units
    cdef ad_array *out = NULL
    cdef int64_t size = 0
    cdef int k, status = AD_NO_MEMORY
    cdef Tensor y
    cdef object held = None
    if n > 8:
        arrays = <const ad_array **>malloc(n * sizeof(void *))
        units = <ad_unit *>malloc(n * sizeof(ad_unit))
    if arrays is not NULL and units is not NULL:
        for k in range(n):
            if x[k].is_array:
                arrays[k] = x[k].value.array
                size += arrays[k].size
            else:
                arrays[k] = ad_unit_of(&units[k], <void *>&x[k].value, x[k].code)
        if ad_ops[op].matrices and arrays[0].ndim >= 2:
            size *= arrays[0].shape[arrays[0].ndim - 2]
        if size < NOGIL_SIZE or ad_holds_operand(op, arrays[0], attr):  # (which only the GIL makes safe)
            status = ad_ops[op].structural.forward(arrays, n, attr, &out)
        else:
            held = [operand_tensor(&x[k]) for k in range(n)]
            with nogil:
                status = ad_ops[op].structural.forward(arrays, n, attr, &out)
    if n > 8:
        free(arrays)
        free(units)
    if status != AD_OK:
        raise_status(status, op, x, n)
    y = wrap(out)
    if ad_ops[op].matrices:
        raise_pending()
    if checking():
        check_result(op, y, x, n)
    if ad_current is not NULL and (ad_ops[op].differentiable or ad_current.tracing):
        record(op, y, x, n, attr, n_attr)
        if op == AD_OP_reduce_euclidean_norm:
            norm_recorded()
    return y


# ----------------------------------------------------------------------------------------------------------- any row at all
def apply(row, operands, attrs):
    """Apply a row to operands, tensors or what becomes one; record it. `attrs` are the row's attributes by name."""
    cdef Operand few[8]
    cdef Operand *x = few
    cdef int n = len(operands), op, k
    cdef object keep = [None] * max(n, 3)
    if row.code is None:
        return row.value(*operands, **attrs)
    op = row.code
    if n == 0 or row.arity is not None and n != row.arity:
        raise TypeError(f"{row.name}: takes {row.arity or 'at least one'} operands, got {n}")
    if n > 8:
        x = <Operand *>malloc(n * sizeof(Operand))
        if x is NULL:
            raise MemoryError(f"{row.name}: no memory for {n} operands")
    try:
        gather_operands(op, operands, n, x, keep)
        if ad_ops[op].kind == AD_ELEMENTWISE:
            return elementwise(op, x, n)
        return apply_structural(row, x, n, attrs)
    finally:
        if x is not few:
            free(x)


cdef int gather_operands(int op, object operands, int n, Operand *x, list keep) except -1:
    """Every operand as a tensor; numbers take the dtype of the tensors that are no masks."""
    cdef int k, code = -1, kind
    cdef int first = 1 if op == AD_OP_where else 0
    cdef bint united = ad_ops[op].kind == AD_ELEMENTWISE or op == AD_OP_concat or op == AD_OP_matmul or op == AD_OP_matvec or ad_ops[op].matrices
    for k in range(n):
        kind = kind_of(operands[k], &x[k])
        if kind == TENSOR:
            if k >= first:
                code = x[k].code if code < 0 else wider(code, x[k].code)
        elif kind == OTHER:
            keep[k] = operands[k]
        if kind != TENSOR:
            x[k].tensor = NULL
            x[k].code = 255
    for k in range(n):
        if keep[k] is not None:                 # an array or a list
            keep[k] = beside(keep[k], code, op) if code >= 0 and k >= first else to_tensor(keep[k], -1, -1, op_name(op))
            set_operand(&x[k], <Tensor>keep[k])
            if k >= first and code < 0:
                code = x[k].code
    for k in range(n):
        if x[k].code == 255:
            if k < first:
                take_number(bool(operands[k]), AD_BOOL, &x[k], op)
            elif code >= 0 and united:
                take_beside(operands[k], code, &x[k], op)
            elif code >= 0:
                take_number(operands[k], code, &x[k], op)
            else:
                keep[k] = to_tensor(operands[k], -1, -1, op_name(op))
                set_operand(&x[k], <Tensor>keep[k])
                code = weak_code(operands, first, n)
                if x[k].code != code:
                    take_number(operands[k], code, &x[k], op)
    if first and x[0].code != AD_BOOL:
        raise errors.bad_dtype(op_name(op), DTYPES[x[0].code].name, ("bool",))
    if united:
        while len(keep) < n:
            keep.append(None)
        unite(op, x, n, keep)
    return 0


cdef int weak_code(object operands, int first, int n) except -1:
    """The dtype of numbers among themselves: NumPy's keep theirs, a float makes Python's floats."""
    cdef int k, own, code = AD_BOOL, typed = AD_BOOL
    cdef bint fraction = False
    for k in range(first, n):
        value = operands[k]
        if isinstance(value, (bool, np.bool_)):
            continue
        if isinstance(value, np.generic):
            own = to_tensor(value, -1, -1, "tensor").code
            if typed == AD_BOOL or (own <= AD_F64 and typed > AD_F64) or ((own <= AD_F64) == (typed <= AD_F64) and own > typed):
                typed = own
        elif isinstance(value, float):
            fraction = True
        else:
            code = AD_I32
    if typed <= AD_F64 or not (fraction or typed == AD_BOOL):
        return typed
    return floatx if fraction else code


cdef Tensor apply_structural(object row, const Operand *x, int n, dict attrs):
    cdef int64_t few[3 * 40]
    cdef int64_t *words = few
    cdef int count = 0, i
    values = []
    for name in row.attrs:
        value = attrs[name]
        if isinstance(value, tuple):
            if name == "shape" and len(value) > AD_MAX_RANK:
                raise errors.too_many_dimensions(row.name, len(value))
            values.append(len(value))
            values.extend(value)
        else:
            values.append(int(value))
    count = len(values)
    if count > 120:
        words = <int64_t *>malloc(count * sizeof(int64_t))
        if words is NULL:
            raise MemoryError()
    try:
        for i in range(count):
            words[i] = values[i]
        return structural(row.code, x, n, words, count)
    finally:
        if words is not few:
            free(words)


cdef object operand_tensor(const Operand *x):
    return <Tensor>x.tensor if x.tensor is not NULL else scalar(x.code, x.value)
