# ad.function(check=True): two recordings of one function are compared, the one that is replayed and the one of now.

cdef list variables_at_start(Trace trace):
    """[(variable, what it held when it was first read or assigned)]."""
    cdef ad_program *p = trace.program.p
    cdef int k
    return [(v, tensor_of(p.code[first_read(p, v)].dtype, p.code[first_read(p, v)].flags & AD_IS_ARRAY, p.code[first_read(p, v)].value))
            for v in [<object>trace.program.variables[k] for k in range(trace.program.n_variables)]]


cdef bint same_bits(const ad_instruction *a, const ad_instruction *b) noexcept:
    if a.dtype != b.dtype or (a.flags ^ b.flags) & AD_IS_ARRAY:
        return False
    if not a.flags & AD_IS_ARRAY:
        return memcmp(&a.value, &b.value, ad_itemsize(a.dtype)) == 0
    return same_shape_of(a.value.array, b.value.array) and memcmp(a.value.array.data, b.value.array.data, ad_array_bytes(a.value.array)) == 0


cdef bint same_shape_of(const ad_array *a, const ad_array *b) noexcept:
    return a.ndim == b.ndim and memcmp(a.shape, b.shape, a.ndim * sizeof(int64_t)) == 0


cdef bint same_instruction(const ad_program *p, const ad_program *q, int64_t i):
    """The same operator on the same slots with the same attributes, giving the same dtype and shape?"""
    cdef const ad_instruction *a = &p.code[i]
    cdef const ad_instruction *b = &q.code[i]
    cdef int k
    if a.op != b.op or a.dtype != b.dtype or (a.flags ^ b.flags) & AD_IS_ARRAY:
        return False
    if a.flags & AD_IS_ARRAY and not same_shape_of(a.value.array, b.value.array):
        return False
    if a.op == AD_CALL:
        return True
    if ad_operand_count(p, a) != ad_operand_count(q, b):
        return False
    for k in range(ad_operand_count(p, a)):
        if ad_operand(p, a, k) != ad_operand(q, b, k):
            return False
    return a.op >= AD_LEAF or attributes_at(p, i, ROWS[a.op]) == attributes_at(q, i, ROWS[b.op])


cdef str told(const ad_program *p, int64_t i):
    return op_name(p.code[i].op) if p.code[i].op < AD_LEAF else MARKERS[p.code[i].op]


cdef str told_in(const ad_program *p, int64_t i, int other):
    """The same beside another instruction: if that has the same operator, what tells them apart too."""
    cdef int k
    if p.code[i].op != other or other >= AD_LEAF:
        return told(p, i)
    operands = [f"%{ad_operand(p, &p.code[i], k)}" for k in range(ad_operand_count(p, &p.code[i]))]
    attrs = [f"{name}={value}" for name, value in attributes_at(p, i, ROWS[other]).items()]
    return f"{told(p, i)}({', '.join([*operands, *attrs])}) {DTYPES[p.code[i].dtype].name}{list(shape_at(p, i))}"


cdef str number_told(const ad_instruction *at):
    return errors.shorten(tensor_of(at.dtype, at.flags & AD_IS_ARRAY, at.value).numpy().tolist(), 40)


cdef str place_told(Trace trace, int64_t i):
    """" at file:line" of the first operation from slot i on that has a place."""
    places = trace.program.places or {}
    for k in range(i, recorded(trace.program.p)):
        if k in places:
            return f" at {places[k]}"
    return ""


cdef str first_difference(Trace kept, Trace now):
    """Where the recording of now departs from the one that is replayed, in words; None: nowhere."""
    cdef const ad_program *p = kept.program.p
    cdef const ad_program *q = now.program.p
    cdef int64_t i, j, here = recorded(p), there = recorded(q)
    for i in range(min(here, there)):
        if not same_instruction(p, q, i):
            return f"{told_in(q, i, p.code[i].op)}{place_told(now, i)}, where the recording has {told_in(p, i, q.code[i].op)}"
        if p.code[i].op == AD_LEAF and not p.code[i].seen & p.tracing and i not in now.of_rows and not same_bits(&p.code[i], &q.code[i]):
            for j in range(i + 1, there):
                if q.code[j].op < AD_LEAF and i in [ad_operand(q, &q.code[j], k) for k in range(ad_operand_count(q, &q.code[j]))]:
                    return (f"{told(q, j)}{place_told(now, j)} takes the constant {number_told(&q.code[i])}, "
                            f"where the recording has {number_told(&p.code[i])}")
    if here != there:
        longer = now if there > here else kept
        i = min(here, there)
        return f"{told((<Trace>longer).program.p, i)}{place_told(longer, i)}, " + (
            "where the recording ends" if there > here else "which the function leaves out now")
    return None
