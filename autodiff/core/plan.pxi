# From a trace's recording to its plan (csrc/plan/plan.c).

cdef extern from "plan/plan.h":
    ctypedef struct ad_law_side:
        uint16_t op
        uint8_t n
        uint8_t *what
        double number
    ctypedef struct ad_law:
        uint32_t index
        ad_law_side before, nested, after
    enum: AD_MOST_LAWS
    int ad_plan_set_laws(const ad_law *laws, int n)

cdef list law_texts = []


def set_pass_laws(list rows not None, list texts not None):
    """What plans apply: the table of autodiff.passes, compiled, and what each law is called."""
    cdef ad_law laws[AD_MOST_LAWS]
    cdef int k
    if len(rows) > AD_MOST_LAWS:
        raise ValueError(f"set_pass_laws: {len(rows)} laws, the most is {AD_MOST_LAWS}")
    for k in range(len(rows)):
        laws[k].index, before, nested, after = rows[k]
        set_side(&laws[k].before, before)
        set_side(&laws[k].nested, nested)
        set_side(&laws[k].after, after)
    ad_plan_set_laws(laws, len(rows))
    law_texts[:] = texts


cdef int set_side(ad_law_side *side, tuple told) except -1:
    cdef int k
    code, what, side.number = told
    side.n = 0 if code < 0 else len(what)
    side.op = 0 if code < 0 else code
    for k in range(len(what)):
        side.what[k] = what[k]
    return 0


cdef int lay_plan(Trace trace) except -1:
    """Hand the instructions and the sweeps to the plan, in the order in which they were recorded."""
    cdef int k
    inputs = [*trace.inputs, *trace.variable_slots]
    assigned = trace.assigned_slots
    trace.plan, trace.registers = begin_plan(trace, inputs, len(assigned))
    trace.n_inputs = len(trace.inputs)
    trace.input_slots = <uint32_t *>malloc((trace.n_inputs + 1) * sizeof(uint32_t))
    if trace.input_slots is NULL:
        raise MemoryError("function: no memory for a trace")
    for k in range(trace.n_inputs):
        trace.input_slots[k] = trace.inputs[k]
    plan_events(trace, trace.plan, True)
    if trace.reason is not None:
        return 0
    for k in range(len(assigned)):
        trace.registers[len(inputs) + k] = register_at(trace, trace.plan, assigned[k])
    trace.outputs = [slot if type(slot) is Constant else register_at(trace, trace.plan, slot) for slot in trace.leaves]
    plan_result(trace)
    trace.kept_registers = [register_at(trace, trace.plan, slot) for slot in trace.kept]
    if trace.reason is not None:
        return 0
    wanted = [*[r for r in trace.outputs if type(r) is not Constant], *[trace.registers[len(inputs) + k] for k in range(len(assigned))], *trace.kept_registers]
    return finish_plan(trace, trace.plan, wanted)


cdef (ad_plan *, uint32_t *) begin_plan(Trace trace, list inputs, int more) except *:
    """A plan with these slots as its inputs, and room for their registers and `more`."""
    cdef ad_plan *plan = ad_plan_new(trace.program.p)
    cdef uint32_t *registers = <uint32_t *>malloc((len(inputs) + more + 1) * sizeof(uint32_t))
    cdef int k
    if plan is NULL or registers is NULL:
        ad_plan_free(plan)
        free(registers)
        raise MemoryError("function: no memory for a trace")
    try:
        for k in range(len(inputs)):
            check_plan(trace, ad_plan_input(plan, <uint32_t><int64_t>inputs[k], &registers[k]))
    except BaseException:
        ad_plan_free(plan)
        free(registers)
        raise
    return plan, registers


cdef int plan_events(Trace trace, ad_plan *plan, bint guarded) except -1:
    """Everything that was recorded, in its order."""
    cdef int64_t i = 0
    for event in trace.events:
        i = plan_until(trace, plan, i, place_in(event))
        if type(event) is Sweep:
            plan_sweep(trace, plan, <Sweep>event)
        elif guarded:
            plan_guard(trace, plan, <Guard>event)
    plan_until(trace, plan, i, trace.program.p.n)
    return 0


cdef int plan_guard(Trace trace, ad_plan *plan, Guard guard) except -1:
    outcome = guard.outcome
    return check_plan(trace, ad_plan_guard(plan, <uint32_t>guard.slot, guard.truth, 0 if type(outcome) is tuple else <uint64_t>outcome))


cdef int check_plan(Trace trace, int status) except -1:
    if status == AD_NO_MEMORY:
        raise MemoryError("function: no memory for a trace")
    if status != AD_OK:
        trace.give_up("has an operation that cannot be replayed")
    return 0


cdef uint32_t register_at(Trace trace, ad_plan *plan, int64_t slot) except? 0xFFFFFFFF:
    cdef uint32_t reg = AD_NO_SLOT
    check_plan(trace, ad_plan_register(plan, <uint32_t>slot, &reg))
    return reg


cdef int64_t plan_until(Trace trace, ad_plan *plan, int64_t i, int64_t end) except -1:
    cdef const ad_program *p = trace.program.p
    while i < end:
        if p.code[i].dtype > AD_F64 and p.code[i].seen & p.tracing and (
                p.code[i].op == AD_OP_floordiv or p.code[i].op == AD_OP_mod or p.code[i].op == AD_OP_pow):
            trace.give_up("divides integers, or raises them to a power")
        check_plan(trace, ad_plan_forward(plan, <uint32_t>i))
        i += 1
    return i


cdef int finish_plan(Trace trace, ad_plan *plan, list registers) except -1:
    cdef int k, n = len(registers)
    cdef uint32_t *wanted = <uint32_t *>malloc((n + 1) * sizeof(uint32_t))
    if wanted is NULL:
        raise MemoryError("function: no memory for a trace")
    for k in range(n):
        wanted[k] = registers[k]
    if plan is trace.plan:
        trace.laid = (<const ad_plan_inside *>plan).steps.n
    status = ad_plan_finish(plan, wanted, n)
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


cdef int plan_sweep(Trace trace, ad_plan *plan, Sweep made) except -1:
    """The sweep again, as steps."""
    cdef ad_plan_sweep s
    cdef int k
    begin_sweep(&s, plan, made)
    try:
        sweep_steps(trace, &s, made)
        for k in range(made.ends.n_sources):
            if made.results[k] is not None:
                check_plan(trace, ad_plan_result(&s, <uint32_t>made.ends.sources[k], <uint32_t><int64_t>made.results[k]))
    finally:
        free(s.adj)
    return 0


cdef int begin_sweep(ad_plan_sweep *s, ad_plan *plan, Sweep made) except -1:
    cdef int64_t n = made.ends.top - made.tape.start + 1
    s.plan, s.bit, s.base, s.at, s.to = plan, made.tape.bit, made.tape.start, made.ends.top, made.ends.lowest
    s.adj = <uint32_t *>malloc((n + 1) * sizeof(uint32_t))
    if s.adj is NULL:
        raise MemoryError("function: no memory for a trace")
    memset(s.adj, 0xFF, n * sizeof(uint32_t))
    return 0


cdef int sweep_steps(Trace trace, ad_plan_sweep *s, Sweep made) except -1:
    cdef int k, status
    cdef uint8_t *given
    for k in range(made.ends.n_targets):
        if made.ends.targets[k] >= 0:
            seed = None if made.seeds is None else made.seeds[k]
            check_plan(trace, ad_plan_seed(s, <uint32_t>made.ends.targets[k], AD_NO_SLOT if seed is None else <uint32_t><int64_t>seed))
    status = ad_plan_reverse(s)
    while status == AD_PLAN_PYTHON:
        given = shares_given(trace.program.p, s.at, s.bit)
        try:
            check_plan(trace, ad_plan_shares(s, given))
        finally:
            free(given)
        status = ad_plan_reverse(s)
    return check_plan(trace, status)


cdef uint8_t *shares_given(const ad_program *p, int64_t slot, uint64_t bit) except NULL:
    """Which operands get a share by the row's formula: those that the tape follows and that have one."""
    cdef int k, n = ad_operand_count(p, &p.code[slot])
    cdef uint8_t *given = <uint8_t *>calloc(n + 1, 1)
    if given is NULL:
        raise MemoryError("function: no memory for a trace")
    row = ROWS[p.code[slot].op]
    rules = row.vjp if row.d is None else row.d
    for k in range(n):
        given[k] = rules is not None and p.code[ad_operand(p, &p.code[slot], k)].seen & bit != 0 and (row.arity is None or rules[k] is not None)
    return given
