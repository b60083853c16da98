# A trace's plan as Python sees it, and the time that its items take: for Function.program, cost (autodiff/programs.py) and summary.

from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

cdef extern from "plan/plan.h":
    ctypedef struct ad_register:
        uint8_t dtype, is_array, lasting, fixed, needed, settled
        uint32_t number, born, dies, base, strip, derivative
        int64_t offset
        const ad_array *like
    ctypedef struct ad_item:
        uint8_t kind
        uint32_t start "from", to, dead, n_dead, looped
    ctypedef struct ad_band:
        uint32_t start "from", to
        int64_t rows
    ctypedef struct ad_loop:
        uint32_t n_looped
    enum: AD_SCALARS, AD_LOOP, AD_SINGLE
    ctypedef struct Registers:
        ad_register *at
        uint32_t n
    ctypedef struct Items:
        ad_item *at
        uint32_t n
    ctypedef struct Bands:
        ad_band *at
        uint32_t n
    ctypedef struct Steps:
        ad_step *at
        uint32_t n
    ctypedef struct Loops:
        ad_loop *at
    ctypedef struct Slots:
        uint32_t *at
    ctypedef struct ad_plan_inside "struct ad_plan":
        Registers registers
        Items items
        Bands bands
        Steps steps
        Loops loops
        Slots looped, dead, scalar_steps
        uint32_t *law_uses
        uint32_t n_known
        int64_t at
    int ad_plan_item(ad_plan *t)
    uint32_t ad_factor_of(const ad_plan_inside *t, const ad_step *s)


cdef dict register_told(Trace trace, uint32_t r):
    cdef const ad_plan_inside *t = <const ad_plan_inside *>trace.plan
    cdef const ad_register *reg = &t.registers.at[r]
    cdef int k
    shape = tuple([reg.like.shape[k] for k in range(reg.like.ndim)]) if reg.is_array else ()
    return {"dtype": DTYPES[reg.dtype].name, "shape": shape, "constant": bool(reg.fixed), "input": bool(reg.lasting and not reg.fixed),
            "value": out_of(trace.plan, r).numpy().item() if reg.fixed and not reg.is_array else None,
            "number": None if reg.number == AD_NO_SLOT else reg.number,
            "base": None if reg.base == AD_NO_SLOT else reg.base, "offset": reg.offset,
            "inner": bool(reg.strip or (reg.born != AD_NO_SLOT and reg.born == reg.dies and t.items.at[reg.born].kind == AD_LOOP))}


cdef dict step_told(Trace trace, const ad_step *s):
    """kind, op, attributes; registers: out, acc, g, operands; beside: the derivative that a value's kernel computes with it, and that its
    share reads; together: how many steps from this one on are run at once."""
    cdef const ad_plan_inside *t = <const ad_plan_inside *>trace.plan
    cdef uint32_t k, beside = t.registers.at[s.out].derivative if s.kind == AD_FORWARD else ad_factor_of(t, s)
    operands = [ad_plan_operand(trace.plan, s, k) for k in range(s.n)]
    told = {"kind": s.kind, "op": ad_ops[s.op].name.decode(), "k": s.k, "operands": operands, "slot": s.slot, "attrs": {}, "together": s.batch,
            "out": None if s.out == AD_NO_SLOT else s.out, "beside": None if beside == AD_NO_SLOT else beside, "acc": None if s.acc == AD_NO_SLOT else s.acc,
            "g": None if s.g == AD_NO_SLOT or s.kind == AD_FORWARD else s.g}
    if (s.kind == AD_FORWARD or s.kind == AD_VJP) and ad_ops[s.op].kind != AD_ELEMENTWISE:
        told["attrs"] = attributes_at(trace.program.p, s.slot, ROWS[s.op])
    return told


cdef dict given_up(const ad_plan_inside *t):
    """{item: the registers that nothing reads after it, of those that keep their places}."""
    cdef uint32_t r
    cdef const ad_register *reg
    ends = {}
    for r in range(t.registers.n):
        reg = &t.registers.at[r]
        if reg.settled and (reg.dies != reg.born or t.items.at[reg.born].kind != AD_LOOP):
            ends.setdefault(reg.dies, []).append(r)
    return ends


cdef dict listing_of(Trace trace):
    """The plan's registers, its items: (kind, steps, registers given up afterwards), and its bands: (first item, the one after, rows)."""
    cdef const ad_plan_inside *t = <const ad_plan_inside *>trace.plan
    cdef const ad_item *item
    cdef uint32_t i, j
    items, settled = [], given_up(t)
    for i in range(t.items.n):
        item = &t.items.at[i]
        steps = []
        if item.kind == AD_SINGLE:
            steps.append(step_told(trace, &t.steps.at[item.start]))
        elif item.kind == AD_LOOP:
            for j in range(t.loops.at[item.start].n_looped):
                steps.append(step_told(trace, &t.steps.at[t.looped.at[item.looped + j]]))
        else:
            for j in range(item.start, item.to):
                steps.append(step_told(trace, &t.steps.at[t.scalar_steps.at[j]]))
        items.append((("scalars", "loop", "single")[item.kind], steps, [*[t.dead.at[item.dead + j] for j in range(item.n_dead)], *settled.get(i, ())]))
    return {"registers": [register_told(trace, i) for i in range(t.registers.n)], "items": items,
            "bands": [(t.bands.at[i].start, t.bands.at[i].to, t.bands.at[i].rows) for i in range(t.bands.n)], "laid": trace.laid, "known": t.n_known,
            "laws": [(law_texts[i], t.law_uses[i]) for i in range(len(law_texts)) if t.law_uses[i]],
            "outputs": [y for y in trace.outputs if type(y) is not Constant], "recorded": recorded(trace.program.p),
            "inputs": [trace.registers[i] for i in range(len(trace.inputs) + len(trace.variables))], "arguments": len(trace.inputs),
            "variables": [v.name for v in trace.variables], "assigned": assigned_told(trace)}


cdef list assigned_told(Trace trace):
    """[(place of the variable among the inputs, or None where it is not read; the register that it takes its value from)]."""
    cdef Py_ssize_t n = len(trace.inputs) + len(trace.variables), k, j
    told = []
    for k in range(len(trace.assigned)):
        places = [len(trace.inputs) + j for j in range(len(trace.variables)) if trace.variables[j] is trace.assigned[k]]
        told.append((places[0] if places else None, trace.registers[n + k]))
    return told


cdef inline int64_t nanoseconds() noexcept:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec * 1000000000 + now.tv_nsec


cdef int64_t clock_itself() noexcept:
    """What two looks at the clock take, at least."""
    cdef int64_t before, took, least = 1000000
    cdef int k
    for k in range(100):
        before = nanoseconds()
        took = nanoseconds() - before
        least = took if took < least else least
    return least


cdef list clocked(Trace trace, inputs):
    """The nanoseconds that each item of one run took, the clock's own included; None: a guard has another outcome, which
    `trace.way` tells, or the trace runs in another thread.  No variable is assigned."""
    cdef const ad_plan_inside *t = <const ad_plan_inside *>trace.plan
    cdef int64_t start
    cdef int status
    cdef list times = []
    if trace.running:
        return None
    trace.running = True
    try:
        give_inputs(trace, items_of(inputs))
        while t.at < t.items.n:
            start = nanoseconds()
            status = ad_plan_item(trace.plan)
            if status == AD_PLAN_PYTHON and not outcome_is_as_recorded(trace, trace.plan):
                return None
            if status != AD_OK and status != AD_PLAN_PYTHON:
                return None
            ad_plan_done(trace.plan)
            times.append(nanoseconds() - start)
        return times
    finally:
        ad_plan_end(trace.plan)
        trace.running = False
