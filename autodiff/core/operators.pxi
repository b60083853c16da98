# The operators of tensors: x + y, -x, x ** y, x @ y, x < y.

cdef extern from *:
    """
    #if defined(__GNUC__) || defined(__clang__)
    #define ad_seldom(condition) __builtin_expect(!!(condition), 0)
    #else
    #define ad_seldom(condition) (condition)
    #endif
    """
    bint ad_seldom(bint condition) noexcept


# -------------------------------------------------------------------------------------------------------- floating scalars
# What `elementwise` and `record` do, where all operands are floating scalars and one program records at most.

cdef inline bint is_number(object value) noexcept:
    return PyFloat_CheckExact(value) or PyLong_CheckExact(value)


cdef inline bint go_the_long_way(const ad_program *p) noexcept:
    return watchful() or (p is not NULL and (p.next is not NULL or p.laws or p.tracing))


cdef inline ad_tensor *scalar_of(object value, const ad_program *p) noexcept:
    """Borrowed: a floating scalar, or that of a variable which p has read already; NULL for all else."""
    cdef ad_tensor *t
    if type(value) is Tensor:
        t = <ad_tensor *><PyObject *>value
    elif <PyObject *>Py_TYPE(value) is variable_type and (<VariableCore>value).apart is None:
        t = <ad_tensor *><PyObject *>(<VariableCore>value).tensor
        if p is not NULL and not (t.place.program is p and t.place.generation == p.generation and (<VariableCore>value).trainable
                                  and p.code[t.place.slot].seen & p.accessed == p.accessed):
            return NULL
    else:
        return NULL
    if t.is_array or t.code > AD_F64 or (t.place.program is not p and t.place.program is not NULL and t.place.program.tracing):
        return NULL                             # (what was made inside an ad.function, and is left behind)
    return t


cdef inline int read_scalar(object value, const ad_program *p, ad_tensor **t) except -1:
    """The same, of a variable that is read now if p has not read it."""
    t[0] = scalar_of(value, p)
    if t[0] is NULL and p is not NULL and is_variable(value) and (<VariableCore>value).apart is None:
        touch(<VariableCore>value)
        t[0] = <ad_tensor *><PyObject *>(<VariableCore>value).tensor
        if t[0].is_array or t[0].code > AD_F64:
            t[0] = NULL
    return 0


cdef inline int64_t scalar_slot(const ad_tensor *t, const ad_program *p) noexcept:
    """`slot_in`."""
    if t.place.program is p and t.place.generation == p.generation:
        return t.place.slot
    return -1 if t.place.next is NULL else other_slot_in(<Tensor><PyObject *>t, p)


cdef int64_t constant_slot(ad_program *p, ad_tensor *t) except -1:
    """Where a scalar that p has not met stands from now on."""
    stays_inside(<Tensor><PyObject *>t)
    if t.place.program is NULL:
        append(p, AD_LEAF, t, 0, 0, 0)
        return p.n - 1
    return emit(p, AD_LEAF, <Tensor><PyObject *>t, 0, 0, 0, 0)


cdef inline int append(ad_program *p, int op, ad_tensor *y, int64_t a, int64_t b, uint64_t seen) except -1:
    """`emit` for a scalar, until now unknown to any program."""
    cdef uint32_t slot = ad_emit(p, op, y.code, 0, <uint32_t>a, <uint32_t>b, 0, seen, y.value)
    if ad_seldom(slot == AD_NO_SLOT):
        raise MemoryError("autodiff: no memory to record another operation")
    y.place.program, y.place.generation, y.place.slot = p, p.generation, slot
    return 0


cdef Tensor of_scalars(int op, ad_program *p, ad_tensor *a, ad_tensor *b):
    """a (op) b, of one dtype."""
    cdef Tensor result = new_tensor()
    cdef ad_tensor *y = <ad_tensor *><PyObject *>result
    cdef int64_t i, j
    cdef uint64_t seen = 0
    y.code = a.code if ad_ops[op].gives < 0 else ad_ops[op].gives
    if ad_seldom(ad_cpu.scalar_forward(op, a.code, a.value, b.value, a.value, &y.value) != AD_OK):
        raise errors.bad_dtype(op_name(op), DTYPES[a.code].name, (<object>ROWS[op]).takes)
    if p is NULL or not ad_ops[op].differentiable:
        return result
    i, j = scalar_slot(a, p), scalar_slot(b, p)
    if i >= 0:
        seen = p.code[i].seen
    if j >= 0:
        seen |= p.code[j].seen
    seen &= p.recording
    if seen:
        if i < 0:
            i = constant_slot(p, a)
        if j < 0:
            j = constant_slot(p, b)
        append(p, op, y, i, j, seen)
    return result


cdef Tensor of_scalar(int op, ad_program *p, ad_tensor *a):
    """(op) a."""
    cdef Tensor result = new_tensor()
    cdef ad_tensor *y = <ad_tensor *><PyObject *>result
    cdef int64_t i
    cdef uint64_t seen
    y.code = a.code if ad_ops[op].gives < 0 else ad_ops[op].gives
    if ad_seldom(ad_cpu.scalar_forward(op, a.code, a.value, a.value, a.value, &y.value) != AD_OK):
        raise errors.bad_dtype(op_name(op), DTYPES[a.code].name, (<object>ROWS[op]).takes)
    if p is not NULL and ad_ops[op].differentiable:
        i = scalar_slot(a, p)
        if i >= 0:
            seen = p.code[i].seen & p.recording
            if seen:
                append(p, op, y, i, 0, seen)
    return result


cdef Tensor beside_scalar(int op, ad_program *p, ad_tensor *t, object number, bint first):
    """t (op) number, or number (op) t: the number takes the dtype of t."""
    cdef ad_tensor x                            # as a tensor that no program knows
    x.code, x.is_array, x.value = t.code, False, value_of(double_of(number), t.code)
    x.place.program, x.place.next = NULL, NULL
    return of_scalars(op, p, &x, t) if first else of_scalars(op, p, t, &x)


cdef object after_reading(int op, ad_program *p, object x, object y):
    """x (op) y, where one of them may be a variable that p has not read."""
    cdef ad_tensor *a
    cdef ad_tensor *b
    read_scalar(x, p, &a)
    read_scalar(y, p, &b)
    if a is not NULL:
        if b is not NULL and a.code == b.code:
            return of_scalars(op, p, a, b)
        if is_number(y):
            return beside_scalar(op, p, a, y, False)
    elif b is not NULL and is_number(x):
        return beside_scalar(op, p, b, x, True)
    return binary_general(op, x, y)


cdef object unary(int op, object x):
    """(op) x of a tensor or variable."""
    cdef Operand operand[3]
    cdef ad_program *p = ad_current
    cdef ad_tensor *a
    if not ad_seldom(go_the_long_way(p)):
        read_scalar(x, p, &a)
        if a is not NULL:
            return of_scalar(op, p, a)
    if kind_of(x, operand) != TENSOR:
        return NotImplemented
    return elementwise(op, operand, 1)


cdef object binary(int op, object x, object y):
    """x (op) y, where one of them is a tensor or variable."""
    cdef ad_program *p = ad_current
    cdef ad_tensor *a
    cdef ad_tensor *b
    if ad_seldom(go_the_long_way(p)):
        return binary_general(op, x, y)
    a, b = scalar_of(x, p), scalar_of(y, p)
    if a is not NULL:
        if b is not NULL and a.code == b.code:
            return of_scalars(op, p, a, b)
        if is_number(y):
            return beside_scalar(op, p, a, y, False)
    elif b is not NULL and is_number(x):
        return beside_scalar(op, p, b, x, True)
    return after_reading(op, p, x, y)


cdef inline int of_truth_values(int op) noexcept:
    """What NumPy's operators are of truth values: + is `or`, * is `and`."""
    return AD_OP_logical_or if op == AD_OP_add else AD_OP_logical_and if op == AD_OP_mul else op


cdef object binary_general(int op, object x, object y):
    cdef Operand operand[3]
    cdef int kx = kind_of(x, &operand[0]), ky = kind_of(y, &operand[1])
    cdef object keep_x, keep_y
    if kx == TENSOR and ky == TENSOR:
        if operand[0].code == operand[1].code and operand[0].code <= AD_F64:
            return elementwise(op, operand, 2)
    elif kx == TENSOR and ky == NUMBER:
        take_beside(y, operand[0].code, &operand[1], op)
        if operand[0].code <= AD_F64:
            return elementwise(op, operand, 2)
    elif ky == TENSOR and kx == NUMBER:
        take_beside(x, operand[1].code, &operand[0], op)
        if operand[1].code <= AD_F64:
            return elementwise(op, operand, 2)
    else:
        if defers(y if kx == TENSOR else x):
            return NotImplemented
        if kx == TENSOR:
            keep_y = beside(y, operand[0].code, op)
            set_operand(&operand[1], <Tensor>keep_y)
        else:
            keep_x = beside(x, operand[1].code, op)
            set_operand(&operand[0], <Tensor>keep_x)
    keep = [None, None, None]
    unite(op, operand, 2, keep)
    return elementwise(op if operand[0].code != AD_BOOL else of_truth_values(op), operand, 2)


cdef inline int take_beside(object number, int code, Operand *x, int op) except -1:
    """A number beside a tensor takes its dtype, if it is of that kind; as in NumPy a fraction makes float64 of integers and truth values, and
    a whole number int64 of truth values."""
    if code > AD_F64 and isinstance(number, (float, np.floating)):
        code = AD_F64
    elif code == AD_BOOL and not isinstance(number, (bool, np.bool_)):
        code = AD_I64
    return take_number(number, code, x, op)


cdef bint defers(object value):
    """Should Python ask the other operand instead?"""
    if isinstance(value, (np.ndarray, list, tuple, range)):
        return False
    if value is None or isinstance(value, (str, bytes, dict, set, type)):
        return True
    if getattr(value, "__array_ufunc__", True) is None:
        return True
    return not (hasattr(value, "__array__") or hasattr(value, "__ad_tensor__"))


cdef inline int wider(int a, int b) noexcept:
    """The dtype that holds both: float64 of floats, int64 of integers, and what stands beside them of truth values; integers beside floats
    take theirs, as arrays of integers do."""
    if a == b or b == AD_BOOL:
        return a
    if a == AD_BOOL:
        return b
    if (a <= AD_F64) == (b <= AD_F64):
        return AD_F64 if a <= AD_F64 else AD_I64
    return a if a <= AD_F64 else b


cdef int unite(int op, Operand *x, int n, list keep) except -1:
    """Bring operands to one dtype (`wider`); integers divide as float64."""
    cdef int k, first = 1 if op == AD_OP_where else 0
    cdef int code = x[first].code
    for k in range(first + 1, n):
        code = wider(code, x[k].code)
    if op == AD_OP_div and code > AD_F64:
        if code == AD_BOOL:
            raise errors.bad_dtype(op_name(op), "bool", (<object>ROWS[op]).takes)
        code = AD_F64
    for k in range(first, n):
        if x[k].code != code:
            keep[k] = cast_operand(&x[k], code)
            set_operand(&x[k], <Tensor>keep[k])
    return 0


cdef Tensor cast_operand(const Operand *x, int code):
    """(Masks as where(x, 1, 0), the same numbers: that row shares a loop with others in a recording.)"""
    cdef Operand choice[3]
    cdef int64_t attr[1]
    attr[0] = code
    if x.code == AD_BOOL and x.is_array and code <= AD_F64:
        choice[0] = x[0]
        take_number(1, code, &choice[1], AD_OP_where)
        take_number(0, code, &choice[2], AD_OP_where)
        return elementwise(AD_OP_where, choice, 3)
    return structural(AD_OP_cast, x, 1, attr, 1)


cdef object power(object x, object y, object z):
    if z is not None:
        raise TypeError("pow: a tensor has no third argument (modulus); use (x ** y) % z")
    # x ** 2 is by far the most frequent power, and its derivative needs none.
    if PyLong_CheckExact(y) and PyLong_AsDouble(y) == 2 or PyFloat_CheckExact(y) and PyFloat_AS_DOUBLE(y) == 2:
        if is_tensor(x) and (PyLong_CheckExact(y) or x.dtype.is_floating):
            return unary(AD_OP_square, x)
    return binary(AD_OP_pow, x, y)


cdef int[6] COMPARISON = [AD_OP_less, AD_OP_less_equal, AD_OP_equal, AD_OP_not_equal, AD_OP_greater, AD_OP_greater_equal]


cdef object compare(object x, object y, int how):
    if how == 2 or how == 3:                    # == and != of what cannot be compared are False and True, not errors
        if y is None or x is None:
            return how == 3
        try:
            return binary(COMPARISON[how], x, y)
        except errors.ShapeError:
            return scalar(AD_BOOL, value_of(how == 3, AD_BOOL))
        except errors.DtypeError:
            if isinstance(y, (str, bytes, list, tuple)):
                return NotImplemented
            raise
    return binary(COMPARISON[how], x, y)


cdef object matmul_operator(object x, object y):
    return matmul(x, y, False, False, True)


cdef inline int rank_of(const Operand *x) noexcept:
    return x.value.array.ndim if x.is_array else 0


cdef object vector_product(Operand *x):
    """x[0] @ x[1], one of them a vector: a row on the left, a column on the right, as NumPy has it in x @ A @ x."""
    cdef const ad_array *a = x[0].value.array
    cdef const ad_array *b = x[1].value.array
    cdef Operand swapped[3]
    cdef int64_t transpose_a = a.ndim == 1
    cdef int64_t inner_a = a.shape[a.ndim - 1], inner_b = b.shape[max(b.ndim - 2, 0)]
    if inner_a != inner_b:
        raise errors.unlike_matrices("matmul", operand_shape(&x[0]), operand_shape(&x[1]), inner_a, inner_b)
    if a.ndim == b.ndim:
        return numpy_fronts[np.sum](elementwise(AD_OP_mul, x, 2))
    swapped[0], swapped[1] = x[transpose_a], x[1 - transpose_a]
    return structural(AD_OP_matvec, swapped, 2, &transpose_a, 1)


cdef object matmul(object x, object y, bint transpose_a, bint transpose_b, bint vectors=False):
    cdef Operand operand[3]
    cdef int64_t[2] attr = [transpose_a, transpose_b]
    cdef int kx = kind_of(x, &operand[0]), ky = kind_of(y, &operand[1])
    cdef int64_t inner_a, inner_b
    cdef const ad_array *a
    cdef const ad_array *b
    keep = [None, None, None]
    if kx != TENSOR:
        if defers(x) and kx != NUMBER:
            return NotImplemented
        keep[0] = beside(x, operand[1].code if ky == TENSOR else floatx, AD_OP_matmul)
        set_operand(&operand[0], <Tensor>keep[0])
    if ky != TENSOR:
        if defers(y) and ky != NUMBER:
            return NotImplemented
        keep[1] = beside(y, operand[0].code, AD_OP_matmul)
        set_operand(&operand[1], <Tensor>keep[1])
    unite(AD_OP_matmul, operand, 2, keep)
    if vectors and min(rank_of(&operand[0]), rank_of(&operand[1])) == 0:
        raise errors.low_rank("matmul", (), 1, "use *")
    if vectors and min(rank_of(&operand[0]), rank_of(&operand[1])) == 1:
        return vector_product(operand)
    for k in range(2):
        if rank_of(&operand[k]) < 2:
            raise errors.low_rank("matmul", operand_shape(&operand[k]), 2, "use ad.linalg.matvec(a, x) or ad.tensordot")
    a, b = operand[0].value.array, operand[1].value.array
    inner_a = a.shape[a.ndim - (2 if transpose_a else 1)]
    inner_b = b.shape[b.ndim - (1 if transpose_b else 2)]
    if inner_a != inner_b:
        raise errors.unlike_matrices("matmul", operand_shape(&operand[0]), operand_shape(&operand[1]), inner_a, inner_b)
    return structural(AD_OP_matmul, operand, 2, attr, 2)
