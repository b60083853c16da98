# The reverse sweep: slots of targets and sources, then C (sweep_fast) or the table's rules on tensors (sweep_recorded).

cdef int64_t source_slot(GradientTape tape, object x) noexcept:
    """The slot whose adjoint is the gradient by x, or -1: the tape does not follow it."""
    cdef const ad_program *p = tape.program.p
    cdef int64_t slot = slot_in((<VariableCore>x).root if type(x) is not Tensor else <Tensor>x, p)
    if slot < 0 or not p.code[slot].seen & tape.bit:
        return -1
    while (p.code[slot].op == AD_ALIAS and p.code[slot].a >= tape.start
           and p.code[p.code[slot].a].seen & tape.bit):
        slot = p.code[slot].a
    return slot


cdef struct Ends:
    # Slots where a sweep starts and where it is read off.
    int n_targets, n_sources
    int64_t *targets
    int64_t *sources
    uint32_t *keep                              # the sources' slots again, as C wants them
    int64_t top, lowest


cdef list sweep(GradientTape tape, object targets, list seeds, list sources):
    """The gradient by each source, or None.  `targets` is a list, or the only target."""
    cdef int64_t few[24]
    cdef uint32_t few_keep[12]
    cdef Ends ends
    cdef bint several = type(targets) is list
    cdef int total
    cdef list results
    ends.n_targets = len(<list>targets) if several else 1
    ends.n_sources = len(sources)
    total = ends.n_targets + ends.n_sources
    ends.targets = &few[0] if total <= 24 else <int64_t *>malloc(total * sizeof(int64_t))
    ends.keep = &few_keep[0] if ends.n_sources <= 12 else <uint32_t *>malloc(ends.n_sources * sizeof(uint32_t))
    try:
        if ends.targets is NULL or ends.keep is NULL:
            raise MemoryError("gradient: no memory for the slots of sources")
        ends.sources = ends.targets + ends.n_targets
        find_ends(tape, targets if several else None, targets, sources, &ends)
        if ends.top < 0 or ends.lowest > ends.top:
            results = [None] * ends.n_sources
        elif checking() or is_followed(tape, &ends, seeds):
            results = sweep_recorded(tape, &ends, seeds, False)
        elif tape.program.p.tracing and tape.program.calls:         # what a Python function does must be recorded to be replayed
            results = sweep_recorded(tape, &ends, seeds, tape.program.p is ad_current)
        elif tape.program.p.tracing:
            results = sweep_traced(tape, &ends, seeds)
        else:
            results = sweep_fast(tape, &ends, seeds)
    finally:
        if ends.targets is not &few[0]:
            free(ends.targets)
        if ends.keep is not &few_keep[0]:
            free(ends.keep)
    if several:
        for k in range(ends.n_targets):
            add_identities(tape, (<list>targets)[k], None if seeds is None else seeds[k], sources, results)
    else:
        add_identities(tape, targets, None, sources, results)
    return results


cdef enum:
    FEW_ADJOINTS = 32                           # on the stack


cdef list sweep_scalars(GradientTape tape, Tensor target, list sources):
    """What `sweep` comes to for one target, a few sources, scalars only, and nobody recording; None: take the long way.  Half
    the time of a small gradient goes into getting ready for the rest."""
    cdef ad_program *p = tape.program.p
    cdef int64_t slots[8]
    cdef int64_t top = slot_in(target, p)
    cdef Py_ssize_t n = len(sources), k
    cdef ad_sweep s
    cdef ad_value few[FEW_ADJOINTS]
    cdef list results
    if p.arrays or p.recording or checking() or n > 8 or top < 0 or not p.code[top].seen & tape.bit:
        return None
    s.to = top
    for k in range(n):
        source = sources[k]
        if not is_tensor(source):
            return None
        slots[k] = source_slot(tape, source)
        if slots[k] < 0 or slots[k] > top:
            return None
        if slots[k] < s.to:
            s.to = slots[k]
    s.program, s.base, s.at, s.top, s.bit, s.n_keep = p, tape.start, top, top, tape.bit, 0
    s.adj = &few[0]
    if top - s.base >= FEW_ADJOINTS:
        s.adj = take_adjoints(top - s.base + 1)
    else:
        for k in range(top - s.base + 1):
            few[k].bits = AD_EMPTY
    s.adj[top - s.base] = value_of(1.0, target.code)
    results = PyList_New(n) if ad_reverse(&s) == AD_SWEEP_DONE else None
    if results is not None:
        for k in range(n):
            share = None if s.adj[slots[k] - s.base].bits == AD_EMPTY else scalar(p.code[slots[k]].dtype, s.adj[slots[k] - s.base])
            Py_INCREF(share)
            PyList_SET_ITEM(results, k, share)
    if s.adj is not &few[0]:
        give_adjoints(s.adj)
    return results


cdef int find_ends(GradientTape tape, list targets, object only, list sources, Ends *ends) except -1:
    cdef const ad_program *p = tape.program.p
    cdef int64_t slot
    cdef int k
    ends.top, ends.lowest = -1, p.n
    for k in range(ends.n_targets):
        x = only if targets is None else targets[k]
        if type(x) is Tensor:
            slot = slot_in(<Tensor>x, p)
            if slot >= 0 and not p.code[slot].seen & tape.bit:
                slot = -1
        else:
            slot = source_slot(tape, x)
        ends.targets[k] = slot
        if slot > ends.top:
            ends.top = slot
    for k in range(ends.n_sources):
        slot = source_slot(tape, sources[k])
        ends.sources[k] = slot
        ends.keep[k] = <uint32_t>slot
        if 0 <= slot < ends.lowest:
            ends.lowest = slot
    return 0


cdef list sweep_alone(GradientTape tape, list targets, list seeds, list sources):
    """The gradient by each source, or None, of what a trace alone follows: a row and its few operands."""
    cdef int64_t slots[1 + 2 * AD_MAX_OPERANDS]
    cdef uint32_t keep[AD_MAX_OPERANDS]
    cdef Ends ends
    ends.n_targets, ends.n_sources = len(targets), len(sources)
    ends.targets, ends.sources, ends.keep = slots, &slots[ends.n_targets], keep
    find_ends(tape, targets, None, sources, &ends)
    return [None] * ends.n_sources if ends.top < 0 or ends.lowest > ends.top else sweep_traced(tape, &ends, seeds)


cdef bint is_followed(GradientTape tape, const Ends *ends, list seeds) except -1:
    """Does a recording tape depend on the gradient, so that the sweep must be recorded?  What sees any part of the way from
    source to target sees the target."""
    cdef const ad_program *p = tape.program.p
    cdef int k
    for k in range(ends.n_targets):
        if ends.targets[k] >= 0 and p.code[ends.targets[k]].seen & p.recording & ~p.tracing:
            return True
    if p.tracing and tape.program.trace is not None and tape.program.trace.captured is not None:
        return True
    if seeds is not None and ad_current is not NULL:
        for seed in seeds:
            if seed is not None and (seen_now(<Tensor>seed) or (ad_current.tracing and p is not ad_current and is_traced(<Tensor>seed, ad_current))):
                return True                     # a trace must record what it makes of a tape from outside of it
    return False


cdef list seeds_of(list targets, object output_gradients):
    if isinstance(output_gradients, (list, tuple)) and len(output_gradients) == len(targets):
        given = output_gradients                # an entry may itself be a list of numbers
    elif isinstance(output_gradients, (list, tuple, dict)):
        given = nest_flatten(output_gradients)
    else:
        given = [output_gradients]
    if len(given) != len(targets):
        raise ValueError(f"gradient: output_gradients has {len(given)} entries for {len(targets)} targets; expected one for each. "
                         f"For one target pass a tensor or array, or [value]")
    seeds = []
    for t, g in zip(targets, given):
        t = t if type(t) is Tensor else held_now(<VariableCore>t)
        if (<Tensor>t).code > AD_F64:
            seeds.append(None)
            continue
        if g is None:
            seeds.append(filled((<Tensor>t).code, <Tensor>t, 1.0))
            continue
        seed = to_tensor(g, -1, (<Tensor>t).code, "gradient: output_gradients")
        if (<Tensor>seed).code != (<Tensor>t).code:
            seed = apply(ops.cast, (seed,), {"dtype": (<Tensor>t).code})
        if shape_tuple(<Tensor>seed) != shape_tuple(<Tensor>t):
            seed = broadcast_seed(<Tensor>seed, <Tensor>t)
        seeds.append(seed)
    return seeds


cdef int add_identities(GradientTape tape, object target, object seed, list sources, list results) except -1:
    """A target that is itself a source counts as 1, also where the tape never saw it."""
    cdef Py_ssize_t j
    cdef Tensor t
    for j in range(len(sources)):
        if sources[j] is target and source_slot(tape, target) < 0:
            t = target if type(target) is Tensor else held_now(<VariableCore>target)
            if t.code <= AD_F64:
                one = filled(t.code, t, 1.0) if seed is None else seed
                results[j] = one if results[j] is None else apply(ops.add, (results[j], one), {})
    return 0


# -------------------------------------------------------------------------------------------------------------------- in C
cdef enum:
    SCRATCH = 1 << 17                           # adjoints kept between sweeps

cdef ad_value *scratch = NULL                   # taken and given back under the GIL; its first number is its room


cdef ad_value *take_adjoints(int64_t n) except NULL:
    """Room for n adjoints, all empty."""
    global scratch
    cdef ad_value *block = NULL
    cdef int64_t i, room
    if scratch is not NULL and n <= scratch[0].i64:
        block, scratch = scratch, NULL
    else:
        room = n if n > 256 else 256
        block = <ad_value *>malloc((room + 1) * sizeof(ad_value))
        if block is NULL:
            raise MemoryError(f"gradient: no memory for {n} adjoints")
        block[0].i64 = room
    for i in range(1, n + 1):
        block[i].bits = AD_EMPTY
    return block + 1


cdef void give_adjoints(ad_value *adj) noexcept:
    """Keep the larger of two blocks, for a sweep of moderate size."""
    global scratch
    cdef ad_value *block = adj - 1
    if block[0].i64 > SCRATCH or (scratch is not NULL and scratch[0].i64 >= block[0].i64):
        free(block)
        return
    free(scratch)
    scratch = block


cdef list sweep_fast(GradientTape tape, const Ends *ends, list seeds):
    cdef Program program = tape.program         # held: a callback may drop the tape's
    cdef ad_program *p = program.p
    cdef ad_sweep s
    cdef int64_t n = ends.top - tape.start + 1, i
    cdef int k, end
    cdef list results = [None] * ends.n_sources
    s.program, s.base, s.at, s.to, s.bit = p, tape.start, ends.top, ends.lowest, tape.bit
    s.top = ends.top
    s.keep, s.n_keep, s.status = ends.keep, ends.n_sources, AD_OK
    s.adj = take_adjoints(n)
    program.swept += 1
    try:
        for k in range(ends.n_targets):
            if ends.targets[k] >= 0:
                seed_adjoint(&s, ends.targets[k], None if seeds is None else seeds[k])
        while True:
            if p.largest < NOGIL_SIZE or (program.entered and program.thread is not <void *>&ad_current):
                end = ad_reverse(&s)            # short, or another thread may append to the program meanwhile
            else:
                program.unlocked += 1
                with nogil:
                    end = ad_reverse(&s)
                program.unlocked -= 1
            if end == AD_SWEEP_DONE:
                break
            if end == AD_SWEEP_FAILED:
                raise MemoryError("gradient: no memory for the adjoints") if s.status == AD_NO_MEMORY else SystemError(
                    f"gradient: status {s.status} in the rule of {op_name(p.code[s.at].op)}")
            step_in_python(program, &s)
            s.at -= 1
        for k in range(ends.n_sources):
            results[k] = adjoint_tensor(&s, ends.sources[k])
    finally:
        if p.arrays:
            for i in range(n):
                if s.adj[i].bits != AD_EMPTY and p.code[s.base + i].flags & AD_IS_ARRAY:
                    ad_array_release(s.adj[i].array)
        give_adjoints(s.adj)
        program.swept -= 1
        give_back(program)
    return results


cdef int seed_adjoint(ad_sweep *s, int64_t slot, object seed) except -1:
    cdef const ad_instruction *target = &s.program.code[slot]
    cdef ad_array *a
    cdef ad_value one
    if seed is not None:
        return add_share(s, slot, <Tensor>seed)
    one = value_of(1.0, target.dtype)
    if not target.flags & AD_IS_ARRAY:
        if s.adj[slot - s.base].bits == AD_EMPTY:
            s.adj[slot - s.base] = one
            return 0
        return add_share(s, slot, scalar(target.dtype, one))
    a = ad_array_uniform(target.dtype, target.value.array.ndim, target.value.array.shape)
    if a is NULL:
        raise MemoryError("gradient: no memory for the adjoint of a target")
    memcpy(a.data, &one, ad_itemsize(target.dtype))
    if ad_accumulate(&s.adj[slot - s.base], a) != AD_OK:
        raise MemoryError("gradient: no memory for the adjoint of a target")
    return 0


cdef int add_share(ad_sweep *s, int64_t slot, Tensor share) except -1:
    """Add a tensor to the adjoint of a slot.  The sweep gets an array of its own: it may run without the GIL."""
    cdef ad_value *adjoint = &s.adj[slot - s.base]
    cdef ad_array *a
    if not share.is_array:
        if adjoint.bits == AD_EMPTY:
            adjoint.bits = 0
            memcpy(adjoint, &share.value, sizeof(ad_value))
        elif share.code == AD_F64:
            adjoint.f64 += share.value.f64
        else:
            adjoint.f32 += share.value.f32
        return 0
    a = ad_array_new(share.code, share.value.array.ndim, share.value.array.shape)
    if a is NULL:
        raise MemoryError("gradient: no memory for an adjoint")
    memcpy(a.data, share.value.array.data, ad_array_bytes(a))
    if ad_accumulate(adjoint, a) != AD_OK:
        raise MemoryError("gradient: no memory for an adjoint")
    return 0


cdef object adjoint_tensor(ad_sweep *s, int64_t slot):
    """The adjoint of a slot as a tensor, or None."""
    cdef ad_value *adjoint
    cdef ad_array *a
    if slot < s.base or slot > s.top:
        return None
    adjoint = &s.adj[slot - s.base]
    if adjoint.bits == AD_EMPTY:
        return None
    if not s.program.code[slot].flags & AD_IS_ARRAY:
        return scalar(s.program.code[slot].dtype, adjoint[0])
    a = ad_spread(adjoint.array)
    adjoint.bits = AD_EMPTY
    if a is NULL:
        raise MemoryError("gradient: no memory for a result")
    adjoint.array = a
    return tensor_of(a.dtype, True, adjoint[0])


cdef int step_in_python(Program program, ad_sweep *s) except -1:
    """The instruction at s.at has a rule that C does not know: run it on tensors."""
    cdef ad_program *p = program.p
    cdef int64_t i = s.at, r
    cdef int k, n
    cdef Tensor share
    cdef object g
    if p.code[i].op == AD_CALL:
        results = result_slots(p, i)
        dys = []
        for r in results:
            g = adjoint_tensor(s, r)
            dys.append(no_cotangent(program, i, r) if g is None else g)
        shares = call_back(program, i, dys)
    else:
        shares = rule_shares(program, i, s.bit, adjoint_tensor(s, i))
    for k in range(len(shares)):
        if shares[k] is not None:
            r = ad_operand(p, &p.code[i], k)
            if p.code[r].seen & s.bit:
                share = fit(p, r, <Tensor>shares[k], i)
                add_share(s, r, share)
    return 0
