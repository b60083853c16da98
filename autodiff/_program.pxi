# Programs, places and recording.
#
# A tensor knows its *place*: a program, the generation of that program's memory, and a slot.  Programs are never freed, only
# reset and reused, and a reset raises the generation; so a place is void, not dangling, when its tape is gone.

cdef extern from *:
    """
    #if defined(__GLIBC__)
    #define AD_THREAD _Thread_local __attribute__((tls_model("initial-exec")))
    #else
    #define AD_THREAD _Thread_local
    #endif
    /* The programs that record in this thread, linked by `next`; NULL: nobody does. */
    static AD_THREAD ad_program *ad_current;
    """
    ad_program *ad_current


cdef struct Place:
    ad_program *program
    uint32_t generation
    uint32_t slot
    Place *next


# -------------------------------------------------------------------------------------------------------------- programs
cdef enum:
    POOL = 32
    TAPES = 64                                  # bits in an instruction's `seen`

cdef ad_program *pool[POOL]
cdef int pooled = 0


@cython.final
cdef class Program:
    """The Python side of one ad_program, held by its tapes; when the last one is gone the memory is reused."""
    cdef ad_program *p
    cdef int entered                            # tapes of it that are recording or paused inside their block
    cdef void *thread                           # where `ad_current` of the recording thread stands
    cdef list variables                         # as they were first read
    cdef list calls                             # the backward functions of AD_CALL instructions

    def __dealloc__(self):
        global pooled
        if self.p is NULL:
            return
        ad_program_reset(self.p)
        self.p.host = NULL
        if self.entered == 0 and pooled < POOL:  # one that was never left may still be some thread's current program
            pool[pooled] = self.p
            pooled += 1


cdef Program new_program():
    global pooled
    cdef Program program = Program.__new__(Program)
    if pooled:
        pooled -= 1
        program.p = pool[pooled]
    else:
        program.p = <ad_program *>calloc(1, sizeof(ad_program))
        if program.p is NULL:
            raise MemoryError("GradientTape: no memory for a program")
    program.p.host = <void *>program            # borrowed: cleared when the Program goes
    return program


cdef void link(ad_program *p) noexcept:
    """Make p one of this thread's current programs."""
    global ad_current
    cdef ad_program *q = ad_current
    while q is not NULL:
        if q is p:
            return
        q = q.next
    p.next = ad_current
    ad_current = p


cdef void unlink(ad_program *p) noexcept:
    global ad_current
    cdef ad_program *q = ad_current
    if q is p:
        ad_current = p.next
    else:
        while q is not NULL and q.next is not p:
            q = q.next
        if q is not NULL:
            q.next = p.next
    p.next = NULL


# ---------------------------------------------------------------------------------------------------------------- places
cdef inline int64_t slot_in(Tensor t, const ad_program *p) noexcept:
    """The slot of t in p, or -1."""
    if t.place.program is p and t.place.generation == p.generation:
        return t.place.slot
    if t.place.next is NULL:
        return -1
    return other_slot_in(t, p)


cdef int64_t other_slot_in(Tensor t, const ad_program *p) noexcept:
    cdef Place *place = t.place.next
    while place is not NULL:
        if place.program is p and place.generation == p.generation:
            return place.slot
        place = place.next
    return -1


cdef int put_in(Tensor t, ad_program *p, uint32_t slot) except -1:
    """Note that t stands in that slot of p."""
    cdef Place *place = &t.place
    cdef Place *free_place = NULL
    while place is not NULL:
        if place.program is p:
            free_place = place
            break
        if free_place is NULL and (place.program is NULL or place.generation != place.program.generation):
            free_place = place
        place = place.next
    if free_place is NULL:
        free_place = <Place *>malloc(sizeof(Place))
        if free_place is NULL:
            raise MemoryError()
        free_place.next = t.place.next
        t.place.next = free_place
    free_place.program = p
    free_place.generation = p.generation
    free_place.slot = slot
    return 0


cdef uint32_t emit(ad_program *p, int op, Tensor t, uint32_t a, uint32_t b, uint32_t attr, uint64_t seen) except? 0xFFFFFFFF:
    """Append an instruction whose value is t's, and put t there."""
    cdef uint32_t slot = ad_emit(p, op, t.code, AD_IS_ARRAY if t.is_array else 0, a, b, attr, seen, t.value)
    if slot == AD_NO_SLOT:
        raise MemoryError("autodiff: no memory to record another operation")
    if t.place.program is NULL:
        t.place.program = p
        t.place.generation = p.generation
        t.place.slot = slot
    else:
        put_in(t, p, slot)
    return slot


cdef inline bint seen_now(Tensor t) noexcept:
    """Does a recording tape of this thread depend on t?"""
    cdef ad_program *p = ad_current
    cdef int64_t slot
    while p is not NULL:
        slot = slot_in(t, p)
        if slot >= 0 and p.code[slot].seen & p.recording:
            return True
        p = p.next
    return False


# ------------------------------------------------------------------------------------------------------------- recording
cdef inline uint64_t seen_by(const Operand *x, const ad_program *p) noexcept:
    cdef int64_t slot
    if x.tensor is NULL:
        return 0
    slot = slot_in(<Tensor>x.tensor, p)
    return p.code[slot].seen if slot >= 0 else 0


cdef inline int64_t slot_of(const Operand *x, ad_program *p) except -1:
    """The operand's slot in p; a constant gets one."""
    cdef int64_t slot
    if x.tensor is not NULL:
        slot = slot_in(<Tensor>x.tensor, p)
        if slot >= 0:
            return slot
        return emit(p, AD_LEAF, <Tensor>x.tensor, 0, 0, 0, 0)
    slot = ad_emit(p, AD_LEAF, x.code, 0, 0, 0, 0, 0, x.value)
    if slot == AD_NO_SLOT:
        raise MemoryError("autodiff: no memory to record another operation")
    return slot


cdef int record(int op, Tensor y, const Operand *x, int n, const int64_t *attr, int n_attr) except -1:
    """Append y = op(x) to every program that records and sees one of the operands."""
    cdef ad_program *p = ad_current
    cdef uint64_t seen
    cdef uint32_t words
    cdef int64_t a, b
    cdef int k
    if y.code > AD_F64:
        return 0                                # integers and masks have no derivative
    while p is not NULL:
        seen = 0
        for k in range(n):
            if x[k].code <= AD_F64:
                seen |= seen_by(&x[k], p)
        seen &= p.recording
        if seen:
            if n <= 2 and n_attr == 0:
                a = slot_of(&x[0], p)
                b = slot_of(&x[1], p) if n == 2 else 0
                emit(p, op, y, <uint32_t>a, <uint32_t>b, 0, seen)
            else:
                words = record_words(p, x, n, attr, n_attr)
                emit(p, op, y, 0, 0, words, seen)
        p = p.next
    return 0


cdef uint32_t record_words(ad_program *p, const Operand *x, int n, const int64_t *attr, int n_attr) except? 0:
    """Write [n, operand slots, attributes] among the words of p."""
    cdef int64_t few[64]
    cdef int64_t *words = few
    cdef uint32_t at
    cdef int k
    if 1 + n + n_attr > 64:
        words = <int64_t *>malloc((1 + n + n_attr) * sizeof(int64_t))
        if words is NULL:
            raise MemoryError()
    try:
        words[0] = n
        for k in range(n):
            words[1 + k] = slot_of(&x[k], p)
        for k in range(n_attr):
            words[1 + n + k] = attr[k]
        at = ad_program_words(p, words, 1 + n + n_attr)
    finally:
        if words is not few:
            free(words)
    if at == 0:
        raise MemoryError("autodiff: no memory to record another operation")
    return at
