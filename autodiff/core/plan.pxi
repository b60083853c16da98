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
    plan_until(trace, plan, i, recorded(trace.program.p))
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
    for k in range(made.ends.n_targets):
        if made.ends.targets[k] >= 0:
            seed = None if made.seeds is None else made.seeds[k]
            check_plan(trace, ad_plan_seed(s, <uint32_t>made.ends.targets[k], AD_NO_SLOT if seed is None else <uint32_t><int64_t>seed))
    status = ad_plan_reverse(s)
    while status == AD_PLAN_PYTHON:
        spell_out(trace, s)
        status = ad_plan_reverse(s)
    return check_plan(trace, status)


# ---------------------------------------------------------------------------------------------------------------- formulas
cdef int spell_out(Trace trace, ad_plan_sweep *s) except -1:
    """The rule of the row at s.at, which is a formula, as instructions behind those that were recorded, and as steps."""
    cdef ad_program *p = trace.program.p
    cdef int64_t i, first = p.n
    cdef int k, n = ad_operand_count(p, &p.code[s.at])
    cdef list shares
    if p.spelled == 0:
        p.spelled = p.n
    cotangent, shares = formula_at(p, s.at, s.bit)
    check_plan(trace, ad_plan_cotangent(s, <uint32_t><int64_t>cotangent))
    for i in range(first, p.n):
        check_plan(trace, ad_plan_forward(s.plan, <uint32_t>i))
    for k in range(n):
        if shares[k] is not None:
            check_plan(trace, ad_plan_share(s, k, <uint32_t><int64_t>shares[k]))
    s.at -= 1
    return 0


cdef tuple formula_at(ad_program *p, int64_t slot, uint64_t bit):
    """(the leaf of a cotangent, a slot or None for each operand's share): the rule of a row done once with numbers that do not matter, as
    those of the recording may be gone; nobody but the program takes note."""
    global ad_current, ad_unchecked, in_rule
    cdef ad_program *outer = ad_current
    cdef ad_program *after = p.next
    cdef Program host = <Program>p.host
    cdef Trace trace = host.trace
    cdef uint64_t recording = p.recording, stabilising = p.stabilising
    cdef bint rule = in_rule
    cdef int k, n = ad_operand_count(p, &p.code[slot])
    cdef Tensor y, g
    row = ROWS[p.code[slot].op]
    attrs = attributes_at(p, slot, row)
    followed = [p.code[ad_operand(p, &p.code[slot], k)].seen & bit != 0 for k in range(n)]
    ad_current, in_rule = NULL, True
    ad_unchecked += 1
    p.next, p.recording, p.stabilising = NULL, p.tracing, 0
    host.trace = None
    try:
        samples = [sample_at(p, ad_operand(p, &p.code[slot], k), row) for k in range(n)]
        y = row(*samples, **attrs)
        g = filled(y.code, y, 0.0)
        ad_current = p
        cotangent = emit(p, AD_LEAF, g, 0, 0, 0, p.tracing)
        operands = [standing_at(p, ad_operand(p, &p.code[slot], k), <Tensor>samples[k]) for k in range(n)]
        shares = shares_of(row, followed, operands, standing_at(p, slot, y), attrs, g, False)
        shares = [None if share is None else traced_slot(p, fit(p, ad_operand(p, &p.code[slot], k), <Tensor>share, slot)) for k, share in enumerate(shares)]
        return cotangent, shares
    finally:
        ad_current, in_rule = outer, rule
        ad_unchecked -= 1
        p.next, p.recording, p.stabilising = after, recording, stabilising
        host.trace = trace


cdef Tensor standing_at(ad_program *p, int64_t slot, Tensor x):
    """Numbers of the dtype and shape of those in a slot, as a tensor that stands there."""
    cdef Tensor t = fresh(x)
    t.place.program, t.place.generation, t.place.slot = p, p.generation, <uint32_t>slot
    return t


cdef inline int64_t recorded(const ad_program *p) noexcept:
    """How many instructions were recorded; formulas that plans have spelled out come behind them."""
    return p.spelled if p.spelled else p.n
