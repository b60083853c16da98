# A trace as tapes around its function see it: one call, whose gradient is a plan laid over the same recording.

@cython.final
cdef class Back:
    """What a gradient through a trace computes anew, for cotangents of some of its results."""
    cdef ad_plan *plan
    cdef uint32_t *registers                    # the inputs, the variables read, the cotangents, what the way forward kept
    cdef list outputs                           # of the gradients by inputs and variables: registers, or None

    def __dealloc__(self):
        free(self.registers)
        ad_plan_free(self.plan)


cdef uint64_t bits_that_follow(VariableCore v, const ad_program *p) noexcept:
    """The tapes that follow a variable because it is read; what a trace reads, trainable or not, tapes around it may have watched."""
    if v.trainable:
        return p.accessed
    return p.tracing | (<Program>p.host).trace.pull_bit if p.tracing and (<Program>p.host).trace is not None else p.tracing


cdef int emit_watched(ad_program *p, Tensor t, uint64_t bit) except -1:
    """A leaf for a tensor that a tape watches."""
    emit(p, AD_LEAF, t, 0, 0, 0, bit)
    return note_outside(p, t) if p.tracing else 0


cdef int note_pulled(Trace trace, list results) except -1:
    """Which results a gradient can come from, and leaves for their cotangents."""
    cdef ad_program *p = trace.program.p
    cdef int64_t slot
    cdef Py_ssize_t k
    trace.pulled, trace.seeds = [], []
    for k in range(len(trace.leaves)):
        if type(trace.leaves[k]) is not Constant:
            slot = trace.leaves[k]
            if p.code[slot].dtype <= AD_F64 and p.code[slot].seen & trace.pull_bit:
                trace.pulled.append(k)
                trace.seeds.append(emit(p, AD_LEAF, fresh(<Tensor>results[k]), 0, 0, 0, p.tracing))
    trace.end = emit(p, AD_LEAF, scalar(AD_F64, value_of(0.0, AD_F64)), 0, 0, 0, p.tracing)
    for y in results:
        if type(y) is Tensor and slot_in(<Tensor>y, p) < 0 and seen_outside(trace, <Tensor>y):
            trace.give_up(LEANS)
    for y in trace.outside:
        if seen_outside(trace, <Tensor>y):
            trace.give_up(LEANS)
    return 0


cdef int keep_for_back(Trace trace) except -1:
    """What the way forward is to keep for the gradient: results of products, reductions and the like, as far as it reads them.
    Elementwise ones are computed anew, in the loops that need them."""
    cdef const ad_program *p = trace.program.p
    cdef const ad_plan_inside *plan
    cdef uint32_t *registers
    cdef tuple mask = (True,) * len(trace.pulled)
    cdef Back back
    cdef int64_t i
    cdef int k, n
    if not mask or trace.reason is not None:
        return 0
    trace.kept = [i for i in range(p.n) if p.code[i].op < AD_LEAF and p.code[i].seen & trace.pull_bit and is_work(p.code[i].op)]
    back = lay_back(trace, mask)
    trace.plans_back[mask] = back
    if back is None:
        trace.kept = []
        return 0
    plan, n = <const ad_plan_inside *>back.plan, len(trace.inputs) + len(trace.variables) + len(mask)
    kept, registers = [], back.registers + n
    for k in range(len(trace.kept)):
        if plan.registers.at[registers[k]].needed:
            registers[len(kept)] = registers[k]
            kept.append(trace.kept[k])
    trace.kept = kept
    trace.first_kept = [fresh(tensor_at(trace.program.p, i)) for i in kept]
    return 0


cdef set MOVES = {row.code for row in (ops.view, ops.unview, ops.reshape, ops.cast, ops.sum_to, ops.concat, ops.gather)}


cdef inline bint is_work(int op) except -1:
    """Is it more than elementwise, and more than a move?"""
    return ad_ops[op].kind != AD_ELEMENTWISE and op not in MOVES


LEANS = "uses a tensor that is no argument, and that a tape around it follows"


cdef bint seen_outside(Trace trace, Tensor t) noexcept:
    cdef ad_program *p = trace.outer
    cdef int64_t slot
    while p is not NULL:
        slot = slot_in(t, p)
        if slot >= 0 and p.code[slot].seen & p.recording:
            return True
        p = p.next
    return False


cdef Back lay_back(Trace trace, tuple mask):
    """The plan of the gradient where those results have a cotangent; None: it takes what only Python can do."""
    cdef ad_program *p = trace.program.p
    cdef Back back = Back.__new__(Back)
    cdef Sweep made = Sweep.__new__(Sweep)
    cdef ad_plan_sweep s
    cdef int k
    if trace.program.calls:
        return None
    sources = [*trace.inputs, *trace.variable_slots]
    made.seeds = [seed for seed, given in zip(trace.seeds, mask) if given]
    targets = [trace.leaves[<int>at] for at, given in zip(trace.pulled, mask) if given]
    made.ends.n_targets, made.ends.top, made.ends.lowest = len(targets), max(targets), p.n
    made.ends.targets = <int64_t *>malloc(len(targets) * sizeof(int64_t))
    if made.ends.targets is NULL:
        raise MemoryError("gradient: no memory for the slots of targets")
    for k in range(len(targets)):
        made.ends.targets[k] = targets[k]
    followed = [slot if p.code[<int64_t>slot].seen & trace.pull_bit and slot <= made.ends.top else None
                for slot in (*trace.inputs, *[followed_read(trace, v) for v in trace.variables])]
    for slot in followed:
        if slot is not None and slot < made.ends.lowest:
            made.ends.lowest = slot
    made.tape = GradientTape.__new__(GradientTape)
    made.tape.bit, made.tape.start = trace.pull_bit, 0
    back.plan, back.registers = begin_plan(trace, [*sources, *made.seeds, *trace.kept], 0)
    plan_events(trace, back.plan, False)
    begin_sweep(&s, back.plan, made)
    try:
        sweep_steps(trace, &s, made)
        back.outputs = [None if slot is None else adjoint_register(trace, &s, slot) for slot in followed]
    finally:
        free(s.adj)
    if trace.reason is None:
        finish_plan(trace, back.plan, [r for r in back.outputs if r is not None])
    if not trace.keeps and trace.program.trace is None:                         # what was spelled out for it has numbers of its own
        ad_program_keep_shapes(p)
    if trace.reason is not None:
        trace.reason = None
        return None
    return back


cdef int64_t followed_read(Trace trace, object v) noexcept:
    """Where tapes around a trace see a variable read first, which may have been assigned before; its leaf, if they see no read."""
    cdef const ad_program *p = trace.program.p
    cdef int64_t slot = slot_in((<VariableCore>v).root, p)
    while p.code[slot].op == AD_ALIAS and not (p.code[slot].seen & trace.pull_bit and not p.code[p.code[slot].a].seen & trace.pull_bit):
        slot = p.code[slot].a
    return slot


cdef object adjoint_register(Trace trace, ad_plan_sweep *s, int64_t slot):
    if s.adj[slot - s.base] == AD_NO_SLOT:
        return None
    check_plan(trace, ad_plan_result(s, <uint32_t>slot, <uint32_t>trace.end))
    return register_at(trace, s.plan, trace.end)


cdef list run_back(Trace trace, Back back, list operands, list seeds, list kept):
    """The gradients by inputs and variables, or None; of a plan that cannot be run now, None."""
    cdef Py_ssize_t k, n = len(operands)
    if trace.running:
        return None
    trace.running = True
    try:
        for k in range(n):
            ad_plan_give(back.plan, back.registers[k], (<Tensor>operands[k]).value)
        for k in range(len(seeds)):
            ad_plan_give(back.plan, back.registers[n + k], (<Tensor>seeds[k]).value)
        n += len(seeds)
        for k in range(len(kept)):
            ad_plan_give(back.plan, back.registers[n + k], (<Tensor>kept[k]).value)
        if not run_plan(trace, back.plan):
            return None
        return [None if r is None else out_of(back.plan, <uint32_t>r) for r in back.outputs]
    finally:
        ad_plan_end(back.plan)
        trace.running = False


# --------------------------------------------------------------------------------------------------------------------- calls
cdef class Pulled:
    """What autodiff.pullback.Followed is made of: the way of a call that tapes follow.

    traces   its recordings, the one used last first
    """
    cdef public list traces

    cdef tuple go(self, inputs, list held, object expected):
        """(trace, its results, flat, as tapes see them); None: it has to run as written.

        held   what its variables hold, as tapes see it: [(variable, tensor)]; None: what they hold now, and assignments count
        expected   what the function as it was written gave for this call; None: this is that function
        """
        cdef Trace trace
        cdef list leaves, before, operands, kept
        cdef dict known = None if held is None else {id(v): t for v, t in held}
        found = replayed(self.traces, inputs, known)
        if found is False:
            return None
        if found is None:
            found = self._record(list(inputs), held, expected)
            if found is None:
                return None
        trace, leaves, before = found
        kept = leaves[len(trace.leaves):]
        del leaves[len(trace.leaves):]
        operands = list(inputs)
        for k in range(len(before)):
            operands.append(read_as(trace.variables[k], <Tensor>before[k]) if known is None else known[id(trace.variables[k])])
        if trace.pulled:
            back = Pullback.__new__(Pullback)
            (<Pullback>back).owner, (<Pullback>back).trace, (<Pullback>back).operands = self, trace, operands
            (<Pullback>back).kept = kept
            (<Pullback>back).expected = list(leaves) if expected is None else expected
            made = record_call([leaves[<int>k] for k in trace.pulled], operands, back)
            for k in range(len(made)):
                leaves[<int>trace.pulled[k]] = made[k]
        return trace, leaves

    def call(self, inputs, held=None, expected=None):
        return self.go(inputs, held, expected)


@cython.final
cdef class Pullback:
    """The gradient of one call, as the tape that holds the call asks for it."""
    cdef readonly Pulled owner
    cdef readonly Trace trace
    cdef list operands                          # the arguments, then what the variables held
    cdef list kept                              # by the way forward
    cdef readonly object expected

    def __call__(self, *dys):
        cdef tuple mask = tuple([dy is not None for dy in dys])
        cdef list seeds = [dy for dy in dys if dy is not None], slopes
        cdef int n = len(self.trace.inputs)
        if not tracing_here():
            if ad_current is NULL or not (any_seen_now(seeds) or any_seen_now(self.operands)):
                slopes = self.trace.pull_back(mask, self.operands, seeds, self.kept)
                if slopes is not None:
                    return slopes
            found = (<Pulled?>self.owner._gradient(self.trace, mask)).go([*seeds, *self.operands[:n]], self.held(), self.expected)
            if found is not None:
                return (<tuple>found)[1]
        return self.owner._as_written(self, mask, seeds, self.operands[:n])

    cpdef list held(self):
        return list(zip(self.trace.variables, self.operands[len(self.trace.inputs):]))


cdef object replayed(list traces, inputs, dict known):
    """(trace, its results, what its variables held before) of the trace that fits, which is put first; None: there is none; False: it
    uses a tensor from outside that a tape follows now.  `known` says what variables hold, by identity; None: what they hold now, and
    they are assigned."""
    cdef Trace trace
    cdef list path = [], leaves, values
    cdef int tries
    for tries in range(MOST_TRIES):
        trace = going(traces, inputs, path)
        if trace is None:
            return None
        if trace.outside and any_seen_now(trace.outside):
            return False
        if known is None:
            values = [held_now(<VariableCore>v) for v in trace.variables]
        else:
            values = [known[id(v)] for v in trace.variables if id(v) in known]
            if len(values) < len(trace.variables):
                return None
        leaves = trace.run_flat(inputs, values, known is None)
        if leaves is not None:
            put_first(traces, trace)
            return trace, leaves, values
        if trace.outcome == FAILED:
            return None
        path = trace.way
    return None


cdef Tensor read_as(VariableCore v, Tensor value):
    """The tensor that a read of v gives to tapes when it holds this value."""
    if held_now(v) is value:                    # as nearly always: the call has not assigned it
        return snapshot(v)
    cdef Tensor before = put_apart(v, value)
    try:
        return snapshot(v)
    finally:
        put_apart(v, before)


@cython.final
cdef class as_constants:
    """Context inside a trace: variables hold these tensors, [(variable, tensor)], and afterwards what they held before.  To the trace they
    are constants from outside: a variable is read at each replay, and has one value at its start, and earlier calls had others."""
    cdef list held, before
    cdef Py_ssize_t n_assigned
    cdef int n_variables

    def __init__(self, list held not None):
        self.held = held

    def __enter__(self):
        cdef Program program = <Program>ad_current.host
        cdef VariableCore v
        self.n_assigned, self.n_variables = len(program.trace.assigned), program.n_variables
        self.before = []
        for v, t in self.held:
            if slot_in(v.root, ad_current) < 0:
                add_variable(program, v)        # for tapes inside, which may watch it
            places = stand_as_constant(v, t)
            self.before.append((v, put_apart(v, copy_known_to(ad_current, t)), places))

    def __exit__(self, kind, value, traceback):
        cdef Program program = <Program>ad_current.host
        cdef VariableCore v
        added = [<object>program.variables[k] for k in range(self.n_variables, program.n_variables)]
        truncate_variables(program, self.n_variables)
        for v, t, places in self.before:
            put_apart(v, t)
            stand_again(v, places)
        for v in added:
            if slot_in(v.root, ad_current) >= 0:
                add_variable(program, v)
        del program.trace.assigned[self.n_assigned:]


cdef list stand_as_constant(VariableCore v, Tensor t):
    """To traces v is the constant t, but where they have read it themselves; to tapes outside it stays v itself.  Returns where it stood,
    in all programs that trace here: [(slot of the root, or None where that stays; slot of what was assigned last)], or -1.  Programs of
    other threads, which record with the same variable, have places of their own."""
    cdef ad_program *p = ad_current
    cdef list places = []
    while p is not NULL:
        if p.tracing:
            root = None if slot_in(v.root, p) >= 0 and is_traced(t, p) else slot_in(v.root, p)
            places.append((root, assigned_in(v, p, -1)))
            if slot_in(t, p) < 0:
                emit(p, AD_LEAF, t, 0, 0, 0, 0)
                note_outside(p, t)
            stand(v, p, None if root is None else slot_in(t, p), -1)
        p = p.next
    return places


cdef int stand_again(VariableCore v, list places) except -1:
    cdef ad_program *p = ad_current
    cdef Py_ssize_t k = 0
    while p is not NULL:
        if p.tracing:
            stand(v, p, places[k][0], places[k][1])
            k += 1
        p = p.next
    return 0


cdef int stand(VariableCore v, ad_program *p, object root, int64_t last) except -1:
    if root is not None:
        put_or_take(v.root, p, root)
    if v.last is not None:
        put_or_take(v.last, p, last)
    return 0


def hold_apart(VariableCore v not None, Tensor value):
    """`put_apart`."""
    return put_apart(v, value)


def value_of_now(Tensor t not None):
    """The numbers of a tensor; a trace that is recorded takes no note, so nothing may depend on them."""
    return plain_numpy(t)


cdef bint tapes_record() noexcept:
    cdef ad_program *p = ad_current
    while p is not NULL:
        if p.recording:
            return True
        p = p.next
    return False


cpdef bint tapes_are_plain() noexcept:
    """Would tapes that record now be content with the results of a replay?  Precise and stabilising ones want each operation."""
    cdef ad_program *p = ad_current
    if watchful():
        return False
    while p is not NULL:
        if p.stabilising or (p.host is not NULL and (<Program>p.host).precise):
            return False
        p = p.next
    return True
