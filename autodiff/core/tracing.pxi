# Tracing: how a program is recorded so that it can be run again with other inputs, without Python between the operations.
#
# While a function is traced it runs as ever; one more bit of its program, `tracing`, follows everything that depends on the
# inputs and on variables, integers and masks included.  What that bit does not see is constant.  The replay puts new values into
# the leaves, computes the instructions that the results need, in order, and where `gradient` was called runs the same sweep over
# the same slots: so its results have the bits of a call that was not traced.
#
# Where a number leaves for Python (`if x > 0`, `int(n)`), a *guard* notes it: a replay in which it is another one is broken off,
# and a trace that went that way is sought, or recorded.  Where an array leaves (t.numpy()), the trace is given up: what Python
# does with it is not recorded.

cdef inline bint tracing_here() noexcept:
    return ad_current is not NULL and ad_current.tracing != 0


cdef inline bint spelled_out_here() noexcept:
    return (<Trace>(<Program>ad_current.host).trace).captured is not None


cdef int abandon(str reason) except -1:
    """Say of the trace that is recorded that it cannot be replayed, and why."""
    return abandon_in(ad_current, reason)


cdef int abandon_in(ad_program *p, str reason) except -1:
    cdef Trace trace = (<Program>p.host).trace
    if trace.reason is None:
        trace.reason = reason
    return 0


CREATES = "creates a Variable"


cdef int abandon_for_now() except -1:
    """A variable is created: whatever else this run does (it may draw the variable's first value), the next one may be recorded."""
    cdef Trace trace = (<Program>ad_current.host).trace
    trace.reason = CREATES
    return 0


def untraceable(str reason):
    """What comes next cannot be replayed, for this reason: the function that is traced now, if one is, will not be."""
    if tracing_here():
        abandon(reason)


cdef inline int stays_inside(Tensor t) except -1:
    """Refuse a tensor whose trace is over."""
    if t.place.program is not NULL and t.place.program.tracing and is_left_behind(t):
        refuse_left_behind(t)
    return 0


cdef bint is_left_behind(Tensor t) noexcept:
    """Was it made inside a trace that is over?  It has the value of the recording for ever.  (Formulas are spelled out afterwards.)"""
    cdef ad_program *p = t.place.program
    return p is not ad_current and is_traced(t, p) and p.host is not NULL and (<Program>p.host).trace is None


cdef int refuse_left_behind(Tensor t) except -1:
    cdef ad_program *p = t.place.program
    places = (<Program>p.host).places or {}
    place = places.get(slot_in(t, p), "")
    raise errors.left_behind(f" at {place}" if place else "", (<Program>p.host).of_rows)


cdef bint is_traced(Tensor t, const ad_program *p) noexcept:
    cdef int64_t slot = slot_in(t, p)
    return slot >= 0 and p.code[slot].seen & p.tracing


cdef int leave_trace(Tensor t) except -1:
    """The value goes to Python: a trace inside another may use what that one follows."""
    cdef ad_program *p = ad_current
    while p is not NULL:
        if is_traced(t, p):
            if t.is_array:
                abandon_in(p, f"takes the value of a tensor to Python{place_of_user()}")
            else:
                add_guard(p, t, slot_in(t, p), False)
        p = p.next
    return 0


cdef int note_failure(str name, list operands) except -1:
    """An operation fails because of its operands' values.  Who catches that goes a way on which no guard stands: a replay would go it
    whatever they are."""
    cdef ad_program *p = ad_current
    while p is not NULL:
        if p.tracing and any([is_traced(<Tensor>t, p) for t in operands]):
            abandon_in(p, f"goes on where {name} has failed{place_of_user()}")
        p = p.next
    return 0


cdef bint guarded_truth(Tensor t) except -1:
    """bool(t) of a scalar."""
    cdef ad_program *p = ad_current
    while p is not NULL:
        if is_traced(t, p):
            add_guard(p, t, slot_in(t, p), True)
        p = p.next
    return is_true(t.code, t.value)


cdef inline bint is_true(int code, ad_value value) noexcept:
    if code == AD_F64:
        return value.f64 != 0
    if code == AD_F32:
        return value.f32 != 0
    return value.i64 != 0 if code == AD_I64 else value.i32 != 0 if code == AD_I32 else value.b != 0


cdef str place_of_user():
    place = user_place()
    return f" at {place}" if place else ""


# ---------------------------------------------------------------------------------------------------------------- guards
@cython.final
cdef class Guard:
    """A number that Python was given."""
    cdef int64_t at, slot                       # the program's length then; where the number stands
    cdef bint truth                             # was it only asked whether it is zero?
    cdef object outcome

    cdef object look(self, int dtype, bint is_array, ad_value value):
        """What Python is given: the truth, or the number's bits; of an array its shape."""
        cdef int k
        if is_array:
            return tuple([value.array.shape[k] for k in range(value.array.ndim)])
        if self.truth:
            return is_true(dtype, value)
        if ad_itemsize(dtype) == 8:
            return value.bits
        return <uint32_t>value.i32 if ad_itemsize(dtype) == 4 else value.b


cdef int add_guard(ad_program *p, Tensor t, int64_t slot, bint truth) except -1:
    cdef Trace trace = (<Program>p.host).trace
    cdef Guard made = Guard.__new__(Guard)
    made.at, made.slot, made.truth = p.n, slot, truth
    made.outcome = made.look(t.code, t.is_array, t.value)
    if not trace.path:
        trace.first_branch = place_of_user()
    trace.events.append(made)
    trace.path.append(made.outcome)
    return 0


cdef int capture(ad_program *p, int64_t slot, Tensor t) except -1:
    """What no input has a share in: a tensor from outside, or computed of such ones, which the tapes and traces outside may follow."""
    cdef Trace trace = (<Program>p.host).trace
    if trace is not None and trace.captured is not None:
        trace.captured[slot] = t
    return 0


cdef int note_start(ad_program *p, VariableCore v) except -1:
    """A variable is read or assigned for the first time."""
    cdef Trace trace = (<Program>p.host).trace if p.tracing else None
    if trace is not None and trace.captured is not None:
        trace.started.append((v, held_now(v)))
    return 0


cdef int note_outside(ad_program *p, Tensor t) except -1:
    """A tensor from outside the trace."""
    cdef Trace trace = (<Program>p.host).trace
    if trace is not None and trace.pull is not None:
        trace.outside.append(t)
    return 0


cdef int note_row(ad_program *p, Tensor t, int64_t slot) except -1:
    """A constant that is the first row's, in a function of rows whose trace p goes on around: what is computed with it here nobody needs."""
    cdef Trace trace = (<Program>p.host).trace
    if trace is not None and trace.keeps and p is not ad_current and is_traced(t, ad_current):
        trace.of_rows.add(slot)
    return 0


cdef int capture_operands(ad_program *p, const Operand *x, int n) except -1:
    """An operation that a trace has no part in: tapes outside may follow it one day."""
    cdef Trace trace = (<Program>p.host).trace
    cdef int k
    if trace is not None and trace.pull is not None:
        for k in range(n):
            if x[k].tensor is not NULL and slot_in(<Tensor>x[k].tensor, p) < 0:
                trace.outside.append(<Tensor>x[k].tensor)
    return 0


cdef Tensor captured_at(ad_program *p, int64_t slot):
    cdef Trace trace = (<Program>p.host).trace
    return None if trace is None or trace.captured is None else trace.captured.get(slot)


cdef int64_t traced_slot(ad_program *p, Tensor t) except -1:
    """The slot of a value in a program that is traced; a constant gets one."""
    cdef int64_t slot = slot_in(t, p)
    return slot if slot >= 0 else emit(p, AD_LEAF, t, 0, 0, 0, 0)


cdef list trace_values(ad_program *p, list tensors):
    return [traced_slot(p, fresh(<Tensor>t) if slot_in(<Tensor>t, p) < 0 else <Tensor>t) for t in tensors]


cdef Tensor trace_copy(Tensor t):
    """The same value, for the trace alone: no tape follows it."""
    cdef Tensor copy = fresh(t)
    cdef int64_t slot = traced_slot(ad_current, t)
    emit(ad_current, AD_ALIAS, copy, <uint32_t>slot, <uint32_t>slot, 0, ad_current.tracing)
    return copy


cdef Tensor trace_assignment(VariableCore v, Tensor value):
    """What a variable holds from now on; its reads are followed as before."""
    cdef ad_program *p = ad_current
    cdef Tensor held = fresh(value)
    cdef int64_t slot
    meet(v)                                     # before that there is no root
    slot = slot_in(value, p)
    if slot < 0:
        slot = emit(p, AD_LEAF, fresh(value), 0, 0, 0, 0)
    slot = emit(p, AD_ALIAS, held, <uint32_t>slot_in(v.root, p), <uint32_t>slot, 0, p.tracing)
    if v.last is None:
        v.last = new_tensor()
    put_in(v.last, p, <uint32_t>slot)
    assigned = (<Program>p.host).trace.assigned
    if not any([v is w for w in assigned]):
        assigned.append(v)
    return held


def length_of_trace():
    """How long the recording of a function is here; -1: there is none."""
    return <int64_t>ad_current.n if tracing_here() else -1


def forget_reads(int64_t start):
    """Reads of variables since the trace had that length were for tapes that are gone.  Outside a trace such tapes have a program to
    themselves: let the next read go where it would go then, so that shares of gradients are added up in the same order."""
    cdef ad_program *p = ad_current
    cdef Program program
    cdef VariableCore v
    cdef int k
    if start < 0:
        return
    program = <Program>p.host
    for k in range(program.n_variables):
        v = <object>program.variables[k]
        if v.last is None or slot_in(v.last, p) < start:
            put_or_take(held_now(v), p, read_before(p, slot_in(held_now(v), p), start, True))
            put_or_take(v.root, p, read_before(p, slot_in(v.root, p), start, False))


cdef int64_t read_before(const ad_program *p, int64_t slot, int64_t start, bint value) noexcept:
    """The slot that a read since `start` is an alias of."""
    while slot >= start and p.code[slot].op == AD_ALIAS:
        slot = p.code[slot].b if value else p.code[slot].a
    return slot


# ------------------------------------------------------------------------------------------------------------- gradients
@cython.final
@cython.no_gc_clear                             # __dealloc__ wants its tape
cdef class Sweep:
    """One call of `gradient` in a trace: what to sweep again, and the leaves that take the results."""
    cdef GradientTape tape                      # one of its own, with the bit of the tape that was asked
    cdef Ends ends
    cdef list seeds                             # slots, or None
    cdef list results                           # slots, or None
    cdef int64_t at                             # the program's length then

    def __dealloc__(self):
        free(self.ends.targets)
        free(self.ends.keep)
        if self.tape is not None:               # its bit is not its own to give up; who holds the sweep may go before the trace does
            self.tape.program = None


cdef list sweep_traced(GradientTape tape, const Ends *ends, list seeds):
    """The sweep in C, noted for the replay."""
    cdef ad_program *p = tape.program.p
    cdef Trace trace = tape.program.trace
    cdef uint64_t recording = p.recording
    cdef Sweep made = Sweep.__new__(Sweep)
    cdef size_t n_slots = (ends.n_targets + ends.n_sources) * sizeof(int64_t)
    cdef Tensor g
    cdef int k
    made.ends = ends[0]
    made.ends.targets = <int64_t *>malloc(n_slots if n_slots else 1)
    made.ends.keep = <uint32_t *>malloc((ends.n_sources + 1) * sizeof(uint32_t))
    if made.ends.targets is NULL or made.ends.keep is NULL:
        raise MemoryError("gradient: no memory for the slots of sources")
    memcpy(made.ends.targets, ends.targets, n_slots)
    made.ends.sources = made.ends.targets + ends.n_targets
    memcpy(made.ends.keep, ends.keep, ends.n_sources * sizeof(uint32_t))
    made.seeds = None if seeds is None else [None if g is None else traced_slot(p, g) for g in seeds]
    made.tape = GradientTape.__new__(GradientTape)
    made.tape.program, made.tape.bit, made.tape.start = tape.program, tape.bit, tape.start
    made.at = p.n
    trace.events.append(made)
    p.recording = 0
    try:
        results = sweep_fast(tape, ends, seeds)
    finally:
        p.recording = recording
    results = [None if g is None else fresh(<Tensor>g) for g in results]
    made.results = [None if g is None else emit(p, AD_LEAF, <Tensor>g, 0, 0, 0, p.tracing) for g in results]
    return results
