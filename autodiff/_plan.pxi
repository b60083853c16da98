# From a trace's recording to its plan (csrc/plan.c).

cdef int lay_plan(Trace trace) except -1:
    """Hand the instructions and the sweeps to the plan, in the order in which they were recorded."""
    cdef ad_program *p = trace.program.p
    cdef int64_t i = 0
    cdef int k
    cdef uint32_t reg
    inputs = [*trace.inputs, *trace.variable_slots]
    assigned = trace.assigned_slots
    trace.plan = ad_plan_new(p)
    trace.registers = <uint32_t *>malloc((len(inputs) + len(assigned) + 1) * sizeof(uint32_t))
    if trace.plan is NULL or trace.registers is NULL:
        raise MemoryError("function: no memory for a trace")
    for k in range(len(inputs)):
        check_plan(trace, ad_plan_input(trace.plan, <uint32_t><int64_t>inputs[k], &trace.registers[k]))
    for event in trace.events:
        i = plan_until(trace, i, place_in(event))
        if type(event) is Guard:
            check_plan(trace, ad_plan_guard(trace.plan, <uint32_t>(<Guard>event).slot))
        else:
            plan_sweep(trace, <Sweep>event)
    plan_until(trace, i, p.n)
    if trace.reason is not None:
        return 0
    for k in range(len(assigned)):
        trace.registers[len(inputs) + k] = register_at(trace, assigned[k])
    trace.outputs = [slot if type(slot) is Constant else register_at(trace, slot) for slot in trace.leaves]
    if trace.reason is not None:
        return 0
    finish_plan(trace, [*[r for r in trace.outputs if type(r) is not Constant], *[trace.registers[len(inputs) + k] for k in range(len(assigned))]])
    return 0


cdef int check_plan(Trace trace, int status) except -1:
    if status == AD_NO_MEMORY:
        raise MemoryError("function: no memory for a trace")
    if status != AD_OK:
        trace.give_up("has an operation that cannot be replayed")
    return 0


cdef uint32_t register_at(Trace trace, int64_t slot) except? 0xFFFFFFFF:
    cdef uint32_t reg = AD_NO_SLOT
    check_plan(trace, ad_plan_register(trace.plan, <uint32_t>slot, &reg))
    return reg


cdef int64_t plan_until(Trace trace, int64_t i, int64_t end) except -1:
    cdef const ad_program *p = trace.program.p
    while i < end:
        if p.code[i].dtype > AD_F64 and p.code[i].seen & p.tracing and (
                p.code[i].op == AD_OP_floordiv or p.code[i].op == AD_OP_mod or p.code[i].op == AD_OP_pow):
            trace.give_up("divides integers, or raises them to a power")
        check_plan(trace, ad_plan_forward(trace.plan, <uint32_t>i))
        i += 1
    return i


cdef int finish_plan(Trace trace, list registers) except -1:
    cdef int k, n = len(registers)
    cdef uint32_t *wanted = <uint32_t *>malloc((n + 1) * sizeof(uint32_t))
    if wanted is NULL:
        raise MemoryError("function: no memory for a trace")
    for k in range(n):
        wanted[k] = registers[k]
    status = ad_plan_finish(trace.plan, wanted, n)
    free(wanted)
    return check_plan(trace, status)


cdef inline int64_t place_in(event) noexcept:
    return (<Guard>event).at if type(event) is Guard else (<Sweep>event).at


cdef int64_t first_read(const ad_program *p, object v) except -2:
    """The leaf of a variable: its root may have been moved on by a tape that read it later."""
    cdef int64_t slot = slot_in((<VariableCore>v).root, p)
    while slot >= 0 and p.code[slot].op == AD_ALIAS:
        slot = p.code[slot].a
    return slot


cdef int plan_sweep(Trace trace, Sweep made) except -1:
    """The sweep again, as steps."""
    cdef ad_plan_sweep s
    cdef int64_t base = made.tape.start, n = made.ends.top - base + 1
    cdef int k, status
    cdef uint8_t *given
    s.plan, s.bit, s.base, s.at, s.to = trace.plan, made.tape.bit, base, made.ends.top, made.ends.lowest
    s.adj = <uint32_t *>malloc((n + 1) * sizeof(uint32_t))
    if s.adj is NULL:
        raise MemoryError("function: no memory for a trace")
    memset(s.adj, 0xFF, n * sizeof(uint32_t))
    try:
        for k in range(made.ends.n_targets):
            if made.ends.targets[k] >= 0:
                seed = None if made.seeds is None else made.seeds[k]
                check_plan(trace, ad_plan_seed(&s, <uint32_t>made.ends.targets[k], AD_NO_SLOT if seed is None else <uint32_t><int64_t>seed))
        status = ad_plan_reverse(&s)
        while status == AD_PLAN_PYTHON:
            given = shares_given(trace, s.at, s.bit)
            try:
                check_plan(trace, ad_plan_shares(&s, given))
            finally:
                free(given)
            status = ad_plan_reverse(&s)
        check_plan(trace, status)
        for k in range(made.ends.n_sources):
            if made.results[k] is not None:
                check_plan(trace, ad_plan_result(&s, <uint32_t>made.ends.sources[k], <uint32_t><int64_t>made.results[k]))
    finally:
        free(s.adj)
    return 0


cdef uint8_t *shares_given(Trace trace, int64_t slot, uint64_t bit) except NULL:
    """Which operands get a share by the row's formula: seen by asking it, with a cotangent of 0."""
    cdef ad_program *p = trace.program.p
    cdef uint64_t recording = p.recording, tracing = p.tracing
    cdef Py_ssize_t k
    cdef uint8_t *given
    p.recording = p.tracing = 0
    try:
        shares = rule_shares(trace.program, slot, bit, zero_at(p, slot))
    finally:
        p.recording, p.tracing = recording, tracing
    given = <uint8_t *>calloc(len(shares) + 1, 1)
    if given is NULL:
        raise MemoryError("function: no memory for a trace")
    for k in range(len(shares)):
        given[k] = shares[k] is not None
    return given
