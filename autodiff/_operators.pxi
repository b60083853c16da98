# The operators of tensors: x + y, -x, x ** y, x @ y, x < y.

cdef inline object unary(int op, object x):
    cdef Operand operand[3]
    cdef PyObject *a = peek(x)
    if a is not NULL:
        return unary_scalar(op, <Tensor>a)
    if kind_of(x, operand) != TENSOR:
        return NotImplemented
    return elementwise(op, operand, 1)


cdef inline PyObject *peek(object value) except? NULL:
    """Borrowed: the tensor of a floating scalar, tensor or variable; NULL for all else."""
    cdef PyObject *t
    if type(value) is Tensor:
        t = <PyObject *>value
    elif PyFloat_CheckExact(value) or PyLong_CheckExact(value):
        return NULL
    elif is_variable(value):
        touch(<VariableCore>value)
        t = <PyObject *>(<VariableCore>value).tensor
    else:
        return NULL
    if (<ad_tensor *>t).is_array or (<ad_tensor *>t).code > AD_F64:
        return NULL
    return t


cdef inline Tensor number_like(object number, PyObject *t):
    """A Python float or int as a scalar of the dtype of t; None for all else."""
    cdef int code = (<ad_tensor *>t).code
    if PyFloat_CheckExact(number):
        return scalar(code, value_of(PyFloat_AS_DOUBLE(number), code))
    if PyLong_CheckExact(number):
        return scalar(code, value_of(PyLong_AsDouble(number), code))
    return None


cdef inline int64_t constant_slot(ad_program *p, Tensor t) except -1:
    """Where a scalar that p has not met stands from now on."""
    stays_inside(t)
    append(p, AD_LEAF, t, 0, 0, 0)
    return p.n - 1


cdef Tensor binary_scalar(int op, Tensor a, Tensor b):
    """What `elementwise` and `record` do, for two floating scalars of one dtype."""
    cdef Tensor y = new_tensor()
    cdef ad_program *p = ad_current
    cdef int64_t i, j
    cdef uint64_t seen
    if watchful or (p is not NULL and p.laws):
        return two_operands(op, a, b)
    y.code = a.code if ad_ops[op].gives < 0 else ad_ops[op].gives
    if ad_cpu.scalar_forward(op, a.code, a.value, b.value, a.value, &y.value) != AD_OK:
        raise errors.bad_dtype(op_name(op), DTYPES[a.code].name, (<object>ROWS[op]).takes)
    if p is NULL or not (ad_ops[op].differentiable or p.tracing):
        return y
    while p is not NULL:
        i, j, seen = slot_in(a, p), slot_in(b, p), 0
        if i >= 0:
            seen = p.code[i].seen
        if j >= 0:
            seen |= p.code[j].seen
        seen &= p.recording if ad_ops[op].differentiable else p.tracing
        if seen:
            if i < 0:
                i = constant_slot(p, a)
                if a is b:
                    j = i
            if j < 0:
                j = constant_slot(p, b)
            append(p, op, y, i, j, seen)
        p = p.next
    return y


cdef Tensor unary_scalar(int op, Tensor a):
    """What `elementwise` and `record` do, for a floating scalar."""
    cdef Tensor y = new_tensor()
    cdef ad_program *p = ad_current
    cdef int64_t i
    cdef uint64_t seen
    if watchful or (p is not NULL and p.laws):
        return one_operand(op, a)
    y.code = a.code if ad_ops[op].gives < 0 else ad_ops[op].gives
    if ad_cpu.scalar_forward(op, a.code, a.value, a.value, a.value, &y.value) != AD_OK:
        raise errors.bad_dtype(op_name(op), DTYPES[a.code].name, (<object>ROWS[op]).takes)
    if p is NULL or not (ad_ops[op].differentiable or p.tracing):
        return y
    while p is not NULL:
        i = slot_in(a, p)
        if i >= 0:
            seen = p.code[i].seen & (p.recording if ad_ops[op].differentiable else p.tracing)
            if seen:
                append(p, op, y, i, 0, seen)
        p = p.next
    return y


cdef object binary(int op, object x, object y):
    """x (op) y, where one of them is a tensor or variable."""
    cdef PyObject *a = peek(x)
    cdef PyObject *b = peek(y)
    cdef Tensor number
    if a is not NULL and b is not NULL:
        if (<ad_tensor *>a).code == (<ad_tensor *>b).code:
            return binary_scalar(op, <Tensor>a, <Tensor>b)
    elif a is not NULL:
        number = number_like(y, a)
        if number is not None:
            return binary_scalar(op, <Tensor>a, number)
    elif b is not NULL:
        number = number_like(x, b)
        if number is not None:
            return binary_scalar(op, number, <Tensor>b)
    return binary_general(op, x, y)


cdef object binary_general(int op, object x, object y):
    cdef Operand operand[3]
    cdef int kx = kind_of(x, &operand[0]), ky = kind_of(y, &operand[1])
    cdef object keep_x, keep_y
    if kx == TENSOR and ky == TENSOR:
        if operand[0].code == operand[1].code and (op != AD_OP_div or operand[0].code <= AD_F64):
            return elementwise(op, operand, 2)
    elif kx == TENSOR and ky == NUMBER:
        take_beside(y, &operand[0], &operand[1], op)
        if op != AD_OP_div or operand[0].code <= AD_F64:
            return elementwise(op, operand, 2)
    elif ky == TENSOR and kx == NUMBER:
        take_beside(x, &operand[1], &operand[0], op)
        if op != AD_OP_div or operand[0].code <= AD_F64:
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
    return elementwise(op, operand, 2)


cdef inline int take_beside(object number, const Operand *other, Operand *x, int op) except -1:
    """A number beside a tensor takes its dtype."""
    if other.code > AD_F64 and isinstance(number, (float, np.floating)):
        raise errors.cannot_convert(op_name(op), number, DTYPES[other.code].name)
    return take_number(number, other.code, x, op)


cdef bint defers(object value):
    """Should Python ask the other operand instead?"""
    if isinstance(value, (np.ndarray, list, tuple, range)):
        return False
    if value is None or isinstance(value, (str, bytes, dict, set, type)):
        return True
    if getattr(value, "__array_ufunc__", True) is None:
        return True
    return not (hasattr(value, "__array__") or hasattr(value, "__ad_tensor__"))


cdef int unite(int op, Operand *x, int n, list keep) except -1:
    """Bring operands to one dtype: float32 with float64 is float64, integers divide as float64; all else is the caller's
    to decide."""
    cdef int k, first = 1 if op == AD_OP_where else 0
    cdef int code = x[first].code
    cdef bint alike = True
    for k in range(first + 1, n):
        alike &= x[k].code == code
    if alike:
        if op != AD_OP_div or code <= AD_F64:
            return 0
        if code == AD_BOOL:
            raise errors.bad_dtype(op_name(op), "bool", (<object>ROWS[op]).takes)
    else:
        for k in range(first, n):
            if x[k].code > AD_F64:
                raise errors.unlike_dtypes(op_name(op), *[DTYPES[x[j].code].name for j in range(first, n)])
    for k in range(first, n):
        if x[k].code != AD_F64:
            keep[k] = cast_operand(&x[k], AD_F64)
            set_operand(&x[k], <Tensor>keep[k])
    return 0


cdef Tensor cast_operand(const Operand *x, int code):
    cdef int64_t attr[1]
    attr[0] = code
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
    cdef int64_t attr[2]
    return matmul(x, y, False, False)


cdef object matmul(object x, object y, bint transpose_a, bint transpose_b):
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
    for k in range(2):
        if not operand[k].is_array or operand[k].value.array.ndim < 2:
            raise errors.low_rank("matmul", operand_shape(&operand[k]), 2, "use ad.linalg.matvec(a, x) or ad.tensordot")
    a, b = operand[0].value.array, operand[1].value.array
    inner_a = a.shape[a.ndim - (2 if transpose_a else 1)]
    inner_b = b.shape[b.ndim - (1 if transpose_b else 2)]
    if inner_a != inner_b:
        raise errors.unlike_matrices("matmul", operand_shape(&operand[0]), operand_shape(&operand[1]), inner_a, inner_b)
    return structural(AD_OP_matmul, operand, 2, attr, 2)
