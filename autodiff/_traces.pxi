# What a trace holds, and its replay.

@cython.final
cdef class Trace:
    """One recording of a function: for inputs of these dtypes and shapes, with these variables."""
    cdef Program program
    cdef GradientTape tape                      # its bit is the tracing one
    cdef ad_program *outer                      # what recorded before, and does afterwards
    cdef readonly str reason                    # why it cannot be replayed, or None
    cdef bint running
    cdef list inputs, variables, assigned       # slots; variables
    cdef list events                            # Sweeps and Guards, in order
    cdef list path                              # the outcomes of the guards
    cdef readonly str first_branch              # where the first of them is
    cdef int outcome                            # of the last run
    cdef uint32_t *slots                        # of the inputs, the variables read, the variables assigned
    cdef ad_order *order                        # what to compute,
    cdef list legs                              # as (its end in `order`; Sweep or Guard after it, or None)
    cdef list outputs                           # the function's results, flat: slots, or _Constants
    cdef object structure                       # what it returned

    def __dealloc__(self):
        self.disown()
        free(self.slots)
        free(self.order)

    def __init__(self, stabilize=None):
        self.tape = GradientTape(stabilize=stabilize)
        self.tape.accessed = True

    def __enter__(self):
        global ad_current
        self.inputs, self.events, self.assigned, self.path = [], [], [], []
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
        self.program.trace = None               # (a cycle)
        leave(self.tape)
        ad_current = self.outer
        if kind is not None or self.reason is not None:
            self.disown()
            self.program.p.tracing = 0
            forget(self.tape)
            self.program = None

    cdef void disown(self):
        """The bits that the sweeps' tapes bear are not their own to give up."""
        if self.events is not None:
            for event in self.events:
                if type(event) is Sweep:
                    (<Sweep>event).tape.program = None

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

    cdef tuple run(self, inputs, list path):
        """(what the function returns for these inputs,); else None, with `outcome` saying why.  `path` gets the guards' outcomes."""
        cdef ad_program *p = self.program.p
        cdef Py_ssize_t k, n = len(inputs)
        cdef int64_t done = 0, end
        cdef int status
        self.outcome = FAILED
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
                event = (<tuple>leg)[1]
                if type(event) is Sweep:
                    sweep_again(p, <Sweep>event)
                elif type(event) is Guard:
                    found = (<Guard>event).look(p)
                    path.append(found)
                    if found != (<Guard>event).outcome:
                        self.outcome = ELSEWHERE
                        return None
            k = 0
            result = rebuilt(self, self.structure, &k)
            for v in self.assigned:
                (<VariableCore>v).tensor = out_of(p, self.slots[n])
                n += 1
            return (result,)
        finally:
            self.running = False


cdef enum:
    FAILED, ELSEWHERE                           # the function has to run itself, to say what is wrong; a guard has another outcome


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
    cdef int64_t i, n = 0, last = len(trace.events) - 1, end
    cdef int k
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
            while last >= 0 and place_in(trace.events[last]) > i:
                need(trace.events[last], needed)
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
        for event in trace.events:
            if type(event) is Guard or any([slot is not None and needed[<int64_t>slot] for slot in (<Sweep>event).results]):
                end = place_in(event)
                while i < end:
                    n += list_slot(trace, needed, i, n)
                    i += 1
                trace.legs.append((n, event))
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


cdef inline int64_t place_in(event) noexcept:
    return (<Guard>event).at if type(event) is Guard else (<Sweep>event).at


cdef int need(event, uint8_t *needed) except -1:
    """A guard needs its number; a sweep, if one of its results is needed, its targets and cotangents."""
    cdef Sweep s
    cdef int k
    if type(event) is Guard:
        needed[(<Guard>event).slot] = 1
        return 0
    s = <Sweep>event
    for slot in s.results:
        if slot is not None and needed[<int64_t>slot]:
            break
    else:
        return 0
    for k in range(s.ends.n_targets):
        if s.ends.targets[k] >= 0:
            needed[s.ends.targets[k]] = 1
    if s.seeds is not None:
        for slot in s.seeds:
            if slot is not None:
                needed[<int64_t>slot] = 1
    return 0
