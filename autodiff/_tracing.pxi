# Traces: a program recorded once and run again with other inputs, without Python between the operations.
#
# While a function is traced it runs as ever; one more bit of its program, `tracing`, follows everything that depends on the
# inputs and on variables, integers and masks included.  What that bit does not see is constant.  The replay puts new values into
# the leaves, computes the instructions that the results need, in order, and where `gradient` was called runs the same sweep over
# the same slots: so its results have the bits of a call that was not traced.  Where a value leaves for Python (bool(t), t.numpy()),
# the trace is given up: what Python does with it is not recorded.

cdef inline bint tracing_here() noexcept:
    return ad_current is not NULL and ad_current.tracing != 0


cdef int abandon(str reason) except -1:
    """Say of the trace that is recorded that it cannot be replayed, and why."""
    cdef Trace trace = (<Program>ad_current.host).trace
    if trace.reason is None:
        trace.reason = reason
    return 0


def untraceable(str reason):
    """What comes next cannot be replayed, for this reason: the function that is traced now, if one is, will not be."""
    if tracing_here():
        abandon(reason)


cdef int leave_trace(Tensor t) except -1:
    cdef int64_t slot = slot_in(t, ad_current)
    if slot >= 0 and ad_current.code[slot].seen & ad_current.tracing:
        abandon("takes the value of a tensor to Python")
    return 0


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
    touch(v)                                    # before its first read there is no root
    slot = slot_in(value, p)
    if slot < 0:
        slot = emit(p, AD_LEAF, fresh(value), 0, 0, 0, 0)
    emit(p, AD_ALIAS, held, <uint32_t>slot_in(v.root, p), <uint32_t>slot, 0, p.tracing)
    assigned = (<Program>p.host).trace.assigned
    if not any([v is w for w in assigned]):
        assigned.append(v)
    return held


# ------------------------------------------------------------------------------------------------------------- gradients
@cython.final
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
    trace.sweeps.append(made)
    p.recording = 0
    try:
        results = sweep_fast(tape, ends, seeds)
    finally:
        p.recording = recording
    results = [None if g is None else fresh(<Tensor>g) for g in results]
    made.results = [None if g is None else emit(p, AD_LEAF, <Tensor>g, 0, 0, 0, p.tracing) for g in results]
    return results


# ----------------------------------------------------------------------------------------------------------------- traces
@cython.final
cdef class Trace:
    """One recording of a function: for inputs of these dtypes and shapes, with these variables."""
    cdef Program program
    cdef GradientTape tape                      # its bit is the tracing one
    cdef ad_program *outer                      # what recorded before, and does afterwards
    cdef readonly str reason                    # why it cannot be replayed, or None
    cdef bint running
    cdef list inputs, variables, assigned, sweeps                 # slots; variables; Sweeps
    cdef uint32_t *slots                        # of the inputs, the variables read, the variables assigned
    cdef ad_order *order                        # what to compute,
    cdef list legs                              # as (its end in `order`, Sweep after it or None)
    cdef list outputs                           # the function's results, flat: slots, or _Constants
    cdef object structure                       # what it returned

    def __dealloc__(self):
        cdef Sweep s
        if self.sweeps is not None:
            for s in self.sweeps:
                s.tape.program = None           # the bit is not its own
        free(self.slots)
        free(self.order)

    def __enter__(self):
        global ad_current
        self.inputs, self.sweeps, self.assigned = [], [], []
        self.tape = GradientTape.__new__(GradientTape)
        self.tape.accessed = True
        self.outer = ad_current
        ad_current = NULL
        try:
            join(self.tape)
        except:
            ad_current = self.outer
            raise
        enter(self.tape)
        self.program = self.tape.program
        self.program.trace = self
        self.program.p.tracing = self.tape.bit
        return self

    def __exit__(self, kind, value, traceback):
        global ad_current
        cdef Sweep s
        self.program.trace = None               # (a cycle)
        leave(self.tape)
        ad_current = self.outer
        if kind is not None or self.reason is not None:
            for s in self.sweeps:
                s.tape.program = None
            self.program.p.tracing = 0
            forget(self.tape)
            self.program = None

    def input(self, Tensor x not None):
        """A tensor argument as the function is to see it."""
        cdef Tensor own = fresh(x)
        self.inputs.append(emit(self.program.p, AD_LEAF, own, 0, 0, 0, self.tape.bit))
        return own

    def give_up(self, str reason):
        if self.reason is None:
            self.reason = reason

    def finish(self, structure, list results):
        """What the function returned, and its leaves: lays down what a replay has to do."""
        cdef ad_program *p = self.program.p
        cdef int64_t slot
        cdef int k
        if p.taken != self.tape.bit:            # its record would be that of the latest replay
            self.give_up("leaves a GradientTape behind")
        self.structure = structure
        self.outputs = []
        for y in results:
            slot = slot_in(<Tensor>y, p) if type(y) is Tensor else -1
            self.outputs.append(slot if slot >= 0 and p.code[slot].seen & p.tracing else Constant(y))
        self.variables = [<object>self.program.variables[k] for k in range(self.program.n_variables)]
        slots = [*self.inputs, *[first_read(p, v) for v in self.variables],
                 *[slot_in((<VariableCore>v).tensor, p) for v in self.assigned]]
        self.slots = <uint32_t *>malloc((len(slots) + 1) * sizeof(uint32_t))
        if self.slots is NULL:
            raise MemoryError("function: no memory for a trace")
        for k in range(len(slots)):
            self.slots[k] = slots[k]
        lay_order(self)

    cdef bint fits(self, Py_ssize_t k, Tensor x) noexcept:
        """Has the k-th input the dtype and shape that were recorded?"""
        cdef const ad_instruction *at = &self.program.p.code[self.slots[k]]
        cdef const ad_array *a
        cdef const ad_array *b
        if x.code != at.dtype or x.is_array != (at.flags & AD_IS_ARRAY != 0):
            return False
        if not x.is_array:
            return True
        a, b = x.value.array, at.value.array
        return a.ndim == b.ndim and memcmp(a.shape, b.shape, a.ndim * sizeof(int64_t)) == 0

    cdef tuple run(self, inputs):
        """(what the function returns for these inputs,); None where it has to run itself, to say what is wrong."""
        cdef ad_program *p = self.program.p
        cdef Py_ssize_t k, n = len(inputs)
        cdef int64_t done = 0, end
        cdef int status
        if self.running:
            return None
        self.running = True
        try:
            for k in range(n):
                ad_set_value(p, self.slots[k], (<Tensor>inputs[k]).value)
            for v in self.variables:
                ad_set_value(p, self.slots[n], (<VariableCore>v).tensor.value)
                n += 1
            for leg in self.legs:
                end = (<tuple>leg)[0]
                while done < end:
                    status = ad_replay(p, self.order, end, &done)
                    if status == AD_REPLAY_PYTHON:
                        step_by_formula(p, self.order[done].slot)
                        done += 1
                    elif status != AD_OK:
                        return None
                if (<tuple>leg)[1] is not None:
                    sweep_again(p, <Sweep>(<tuple>leg)[1])
            k = 0
            result = rebuilt(self, self.structure, &k)
            for v in self.assigned:
                (<VariableCore>v).tensor = out_of(p, self.slots[n])
                n += 1
            return (result,)
        finally:
            self.running = False


@cython.final
cdef class Constant:
    """A result that no input has a share in."""
    cdef object value

    def __init__(self, value):
        self.value = value


cdef object rebuilt(Trace trace, object structure, Py_ssize_t *k):
    """What the function returned, with the leaves of now."""
    if type(structure) is tuple:
        return tuple([rebuilt(trace, part, k) for part in <tuple>structure])
    if type(structure) is list:
        return [rebuilt(trace, part, k) for part in <list>structure]
    if type(structure) is Tensor or structure is None:
        k[0] += 1
        return leaf_of(trace, k[0] - 1)
    n = len(nest_flatten(structure))
    leaves = [leaf_of(trace, k[0] + i) for i in range(n)]
    k[0] += n
    return nest_pack(structure, leaves)


cdef inline object leaf_of(Trace trace, Py_ssize_t k):
    leaf = (<list>trace.outputs)[k]
    return (<Constant>leaf).value if type(leaf) is Constant else out_of(trace.program.p, leaf)


cdef Tensor out_of(ad_program *p, int64_t slot):
    cdef const ad_instruction *at = &p.code[slot]
    return tensor_of(at.dtype, at.flags & AD_IS_ARRAY, at.value)


cdef int64_t first_read(const ad_program *p, object v) except -2:
    """The leaf of a variable: its root may have been moved on by a tape that read it later."""
    cdef int64_t slot = slot_in((<VariableCore>v).root, p)
    while slot >= 0 and p.code[slot].op == AD_ALIAS:
        slot = p.code[slot].a
    return slot


cdef int step_by_formula(ad_program *p, int64_t slot) except -1:
    """A row whose value is a formula over other rows."""
    cdef int k
    row = ROWS[p.code[slot].op]
    operands = [out_of(p, ad_operand(p, &p.code[slot], k)) for k in range(ad_operand_count(p, &p.code[slot]))]
    cdef Tensor y = row.value(*operands, **attributes_at(p, slot, row))
    ad_set_value(p, <uint32_t>slot, y.value)
    return 0


cdef int sweep_again(ad_program *p, Sweep s) except -1:
    seeds = None if s.seeds is None else [None if slot is None else out_of(p, slot) for slot in s.seeds]
    results = sweep_fast(s.tape, &s.ends, seeds)
    for slot, g in zip(s.results, results):
        if slot is not None:
            ad_set_value(p, slot, (<Tensor>g).value)
    return 0


cdef int lay_order(Trace trace) except -1:
    """Mark what the results need, last first; then list it, cut where a sweep comes in between."""
    cdef ad_program *p = trace.program.p
    cdef uint8_t *needed = <uint8_t *>calloc(p.n + 1, 1)
    cdef int64_t i, n = 0, last = len(trace.sweeps) - 1
    cdef int k
    cdef Sweep s
    trace.order = <ad_order *>malloc((p.n + 1) * sizeof(ad_order))
    try:
        if needed is NULL or trace.order is NULL:
            raise MemoryError("function: no memory for a trace")
        for slot in trace.outputs:
            if type(slot) is not Constant:
                needed[<int64_t>slot] = 1
        i = len(trace.inputs) + len(trace.variables)
        for k in range(len(trace.assigned)):
            needed[trace.slots[i + k]] = 1
        for i in range(p.n - 1, -1, -1):
            while last >= 0 and (<Sweep>trace.sweeps[last]).at > i:
                need_sweep(<Sweep>trace.sweeps[last], needed)
                last -= 1
            if not needed[i] or p.code[i].op == AD_LEAF:
                continue
            if p.code[i].op == AD_ALIAS or p.code[i].op == AD_RESULT:
                needed[p.code[i].b] = 1
            else:
                for k in range(ad_operand_count(p, &p.code[i])):
                    needed[ad_operand(p, &p.code[i], k)] = 1
                if p.code[i].dtype > AD_F64 and (p.code[i].op == AD_OP_floordiv or p.code[i].op == AD_OP_mod or p.code[i].op == AD_OP_pow):
                    trace.reason = "divides integers, or raises them to a power"
        trace.legs = []
        i = 0
        for s in trace.sweeps:
            if s.results is not None and any([slot is not None and needed[<int64_t>slot] for slot in s.results]):
                while i < s.at:
                    n += list_slot(trace, needed, i, n)
                    i += 1
                trace.legs.append((n, s))
        while i < p.n:
            n += list_slot(trace, needed, i, n)
            i += 1
        trace.legs.append((n, None))
    finally:
        free(needed)
    return 0


cdef int list_slot(Trace trace, const uint8_t *needed, int64_t i, int64_t n) noexcept:
    cdef ad_program *p = trace.program.p
    cdef int dtype
    if not needed[i] or p.code[i].op == AD_LEAF or not p.code[i].seen & p.tracing:
        return 0
    trace.order[n].slot, trace.order[n].scalar = <uint32_t>i, AD_NO_SLOT
    if p.code[i].op < AD_LEAF and ad_ops[p.code[i].op].kind == AD_ELEMENTWISE and not p.code[i].flags & AD_IS_ARRAY:
        dtype = p.code[i].dtype if ad_ops[p.code[i].op].gives < 0 else p.code[ad_operand(p, &p.code[i], 0)].dtype
        trace.order[n].scalar = p.code[i].op * AD_NDTYPES + dtype
    return 1


cdef void need_sweep(Sweep s, uint8_t *needed) noexcept:
    """If one of its results is needed, so are its targets and cotangents."""
    cdef int k
    for slot in s.results:
        if slot is not None and needed[<int64_t>slot]:
            break
    else:
        return
    for k in range(s.ends.n_targets):
        if s.ends.targets[k] >= 0:
            needed[s.ends.targets[k]] = 1
    if s.seeds is not None:
        for slot in s.seeds:
            if slot is not None:
                needed[<int64_t>slot] = 1
