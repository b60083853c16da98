# Programs, places and recording.
#
# A tensor knows its *place*: a program, the generation of that program's memory, and a slot.  Programs are never freed, only
# reset and reused, and a reset raises the generation; so a place is void, not dangling, when its tape is gone.

cdef extern from *:
    """
    typedef struct ad_place {
        ad_program *program;
        uint32_t generation, slot;
        struct ad_place *next;
    } ad_place;

    #if defined(__GLIBC__)
    #define AD_THREAD _Thread_local __attribute__((tls_model("initial-exec")))
    #else
    #define AD_THREAD _Thread_local
    #endif
    /* The programs that record in this thread, linked by `next`; NULL: nobody does. */
    static AD_THREAD ad_program *ad_current;
    /* How many want it noted where in the user's program its instructions come from. */
    static AD_THREAD int ad_noting;
    /* Inside work whose results somebody else looks at for what is not finite; inside a custom_gradient, whose author answers for the gradient. */
    static AD_THREAD int ad_unchecked, ad_quiet;
    """
    ctypedef struct Place "ad_place":
        ad_program *program
        uint32_t generation
        uint32_t slot
        Place *next

    ad_program *ad_current
    int ad_noting, ad_unchecked, ad_quiet


# -------------------------------------------------------------------------------------------------------------- programs
cdef enum:
    POOL = 16
    TAPES = 64                                  # bits in an instruction's `seen`


@cython.final
cdef class Program:
    """The Python side of one ad_program, with the tapes that share it.  When the last of them is gone its memory is reset and it
    waits in `pool` for the next one."""
    cdef ad_program *p
    cdef int tapes                              # alive
    cdef int entered                            # recording, or paused inside their block
    cdef int swept                              # sweeps under way, whose callbacks may drop the last tape
    cdef int unlocked                           # those of them that run without the GIL: the instructions must stay where they are
    cdef void *thread                           # where `ad_current` of the recording thread stands
    cdef PyObject **variables                   # as they were first read: n_variables of them, owned
    cdef int n_variables, room
    cdef list calls                             # the backward functions of AD_CALL instructions
    cdef bint customised                        # does a custom gradient stand in it, of what only a trace follows?
    cdef Trace trace                            # that the program is recorded for, or None
    cdef bint of_rows                           # was that trace one of rows?
    cdef bint precise                           # has one of its tapes been precise?
    cdef dict places                            # slot: "file:line", while somebody asks for them; or None
    cdef dict written                           # slot: the row and Nodes that a law put it in the place of (core/stabilise.pxi); or None

    def __dealloc__(self):
        drop_variables(self)
        free(self.variables)
        if self.p is not NULL:
            ad_program_reset(self.p)
            abandon_program(self.p, self.entered == 0)


cdef ad_program *spare = NULL                   # for new Programs, linked by `next`


cdef void abandon_program(ad_program *p, bint unlinked) noexcept:
    """The collector has taken the Program, out of a cycle that its tapes stood in.  The struct itself stays, as places may still point
    to it, whose generation is over; no thread's list has it unless its block was never left."""
    global spare
    free(p.code)
    free(p.words)
    p.code, p.words, p.capacity, p.words_capacity, p.host = NULL, NULL, 0, 0, NULL
    if unlinked:
        p.next = spare
        spare = p


cdef PyObject *pool[POOL]                       # Programs, owned
cdef int pooled = 0


cdef Program new_program():
    global pooled, spare
    cdef Program program
    if pooled:
        pooled -= 1
        program = <Program>pool[pooled]
        Py_DECREF(program)
        return program
    program = Program.__new__(Program)
    program.p = spare
    if spare is NULL:
        program.p = <ad_program *>calloc(1, sizeof(ad_program))
    else:
        spare, program.p.next = spare.next, NULL
    if program.p is NULL:
        raise MemoryError("GradientTape: no memory for a program")
    program.p.host = <void *>program            # borrowed: cleared when the Program goes
    return program


cdef void give_back(Program program) noexcept:
    """If no tape and no sweep needs it any more, reset the program and keep it for the next tape."""
    global pooled
    if program.tapes or program.swept:
        return
    ad_program_reset(program.p)
    drop_variables(program)
    program.calls = program.places = program.written = None
    program.customised = program.precise = program.of_rows = False
    if program.entered == 0 and pooled < POOL:  # one that was left in another thread is still that thread's current program
        Py_INCREF(program)
        pool[pooled] = <PyObject *>program
        pooled += 1


def fail_allocations(int64_t first=0, int64_t last=0):
    """For tests: of the allocations in C of this thread, from number `first` (from 1) to before `last` fail from here on, and no memory that
    was kept for later is used; last = 0 ends that.  Returns how many there were since the last call."""
    global pooled
    while pooled:
        pooled -= 1
        Py_DECREF(<Program>pool[pooled])
    return ad_fail_allocations(first, last)


cdef int add_variable(Program program, object v) except -1:
    cdef PyObject **grown
    if program.n_variables == program.room:
        grown = <PyObject **>realloc(program.variables, (2 * program.room + 8) * sizeof(PyObject *))
        if grown is NULL:
            raise MemoryError("GradientTape: no memory to note another variable")
        program.variables = grown
        program.room = 2 * program.room + 8
    Py_INCREF(v)
    program.variables[program.n_variables] = <PyObject *>v
    program.n_variables += 1
    return 0


cdef void truncate_variables(Program program, int rest) noexcept:
    cdef int n = program.n_variables
    program.n_variables = rest
    while n > rest:
        n -= 1
        Py_XDECREF(program.variables[n])


cdef void drop_variables(Program program) noexcept:
    truncate_variables(program, 0)


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


cdef inline int put_in(Tensor t, ad_program *p, uint32_t slot) except -1:
    """Note that t stands in that slot of p."""
    if t.place.program is not p and t.place.program is not NULL:
        return put_in_another(t, p, slot)
    t.place.program, t.place.generation, t.place.slot = p, p.generation, slot
    return 0


cdef int put_in_another(Tensor t, ad_program *p, uint32_t slot) except -1:
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
            raise MemoryError("autodiff: no memory to note where a tensor stands")
        free_place.next = t.place.next
        t.place.next = free_place
    free_place.program = p
    free_place.generation = p.generation
    free_place.slot = slot
    return 0


cdef int put_or_take(Tensor t, ad_program *p, int64_t slot) except -1:
    """Note that t stands in that slot of p; -1: in none."""
    cdef Place *place = &t.place
    if slot >= 0:
        return put_in(t, p, <uint32_t>slot)
    while place is not NULL:
        if place.program is p:
            place.program = NULL
        place = place.next
    return 0


cdef uint32_t emit(ad_program *p, int op, Tensor t, uint32_t a, uint32_t b, uint32_t attr, uint64_t seen) except? 0xFFFFFFFF:
    """Append an instruction whose value is t's, and put t there."""
    cdef uint32_t slot = ad_emit(p, op, t.code, AD_IS_ARRAY if t.is_array else 0, a, b, attr, seen, t.value)
    if slot == AD_NO_SLOT:
        raise MemoryError("autodiff: no memory to record another operation")
    put_in(t, p, slot)
    if p.tracing & ~seen:
        capture(p, slot, t)
    return slot


cdef inline bint seen_now(Tensor t) noexcept:
    """Does a recording tape of this thread depend on t?"""
    cdef ad_program *p = ad_current
    cdef int64_t slot
    while p is not NULL:
        slot = slot_in(t, p)
        if slot >= 0 and p.code[slot].seen & p.recording & ~p.tracing:
            return True
        p = p.next
    return False


# ------------------------------------------------------------------------------------------------------------- recording
cdef inline uint64_t seen_by(const Operand *x, const ad_program *p) noexcept:
    cdef int64_t slot
    if x.tensor is NULL:
        return 0
    slot = slot_in(<Tensor>x.tensor, p)
    if slot < 0:
        return 0
    return p.code[slot].seen if x.code <= AD_F64 else p.code[slot].seen & p.tracing     # integers and masks have no derivative


cdef inline int64_t slot_of(const Operand *x, ad_program *p) except -1:
    """The operand's slot in p; a constant gets one."""
    cdef int64_t slot
    if x.tensor is not NULL:
        slot = slot_in(<Tensor>x.tensor, p)
        if slot >= 0:
            return slot
        stays_inside(<Tensor>x.tensor)
        slot = emit(p, AD_LEAF, <Tensor>x.tensor, 0, 0, 0, 0)
        if p.tracing:
            note_outside(p, <Tensor>x.tensor)
            note_row(p, <Tensor>x.tensor, slot)
        return slot
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
    while p is not NULL:
        seen = 0
        for k in range(n):
            seen |= seen_by(&x[k], p)
        seen &= p.recording if y.code <= AD_F64 and ad_ops[op].differentiable else p.tracing
        if seen:
            if n <= 2 and n_attr == 0:
                a = slot_of(&x[0], p)
                b = slot_of(&x[1], p) if n == 2 else 0
                emit(p, op, y, <uint32_t>a, <uint32_t>b, 0, seen)
            else:
                words = record_words(p, x, n, attr, n_attr)
                emit(p, op, y, 0, 0, words, seen)
            if op == AD_OP_nonzero and p.tracing:           # Python sees how many there are, and computes with it
                add_guard(p, y, p.n - 1, False)
            if p.stabilising:
                p.code[p.n - 1].flags |= temporaries(x, n)
        elif p.tracing:
            capture_operands(p, x, n)
        p = p.next
    return note_places_of(y) if watchful() else 0


cdef int note_places_of(Tensor y) except -1:
    """Where in the user's program y was computed.  When all programs have it: Python looks that up, another thread may assign a variable
    meanwhile, and what that held was an operand."""
    cdef ad_program *p = ad_current
    while p is not NULL:
        if slot_in(y, p) >= 0 and slot_in(y, p) == <int64_t>p.n - 1:
            note_place(p)
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
            raise MemoryError("autodiff: no memory to note where a tensor stands")
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
