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
        elif is_followed(tape, &ends, seeds):
            results = sweep_recorded(tape, &ends, seeds)
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


cdef bint is_followed(GradientTape tape, const Ends *ends, list seeds) except -1:
    """Does a recording tape depend on the gradient, so that the sweep must be recorded?  What sees any part of the way from
    source to target sees the target."""
    cdef const ad_program *p = tape.program.p
    cdef int k
    for k in range(ends.n_targets):
        if ends.targets[k] >= 0 and p.code[ends.targets[k]].seen & p.recording:
            return True
    if seeds is not None and ad_current is not NULL:
        for seed in seeds:
            if seed is not None and seen_now(<Tensor>seed):
                return True
    return False


cdef int add_identities(GradientTape tape, object target, object seed, list sources, list results) except -1:
    """A target that is itself a source counts as 1, also where the tape never saw it."""
    cdef Py_ssize_t j
    cdef Tensor t
    for j in range(len(sources)):
        if sources[j] is target and source_slot(tape, target) < 0:
            t = target if type(target) is Tensor else (<VariableCore>target).tensor
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
            dys.append(zero_at(p, r) if g is None else g)
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


# ------------------------------------------------------------------------------------------------------------ rule by rule
cdef Tensor tensor_at(ad_program *p, int64_t slot):
    """The value in a slot, as a tensor that stands there."""
    cdef const ad_instruction *at = &p.code[slot]
    cdef Tensor t = tensor_of(at.dtype, at.flags & AD_IS_ARRAY, at.value)
    t.place.program, t.place.generation, t.place.slot = p, p.generation, <uint32_t>slot
    return t


cdef Tensor zero_at(ad_program *p, int64_t slot):
    return filled(p.code[slot].dtype, tensor_at(p, slot), 0.0)


cdef list result_slots(const ad_program *p, int64_t call):
    """The results of a call follow it directly."""
    slots = []
    cdef int64_t r = call + 1
    while r < p.n and p.code[r].op == AD_RESULT and p.code[r].a == call:
        slots.append(r)
        r += 1
    return slots


cdef list call_back(Program program, int64_t call, list dys):
    """The gradients that a custom_gradient's function gives, one per operand or None."""
    cdef const int64_t *attr = ad_attributes(program.p, &program.p.code[call])
    return list(program.calls[attr[0]](*dys))


cdef dict attributes_at(const ad_program *p, int64_t slot, object row):
    cdef const int64_t *words = ad_attributes(p, &p.code[slot])
    cdef int64_t k
    attrs = {}
    for name in row.attrs:
        if name in TUPLES:
            attrs[name] = tuple([words[1 + k] for k in range(words[0])])
            words += 1 + words[0]
        else:
            attrs[name] = words[0]
            words += 1
    return attrs


cdef list rule_shares(Program program, int64_t slot, uint64_t bit, object g):
    """Each operand's share of the gradient by the row's rule; None where the tape does not follow it or there is none."""
    cdef ad_program *p = program.p
    cdef int n = ad_operand_count(p, &p.code[slot]), k
    row = ROWS[p.code[slot].op]
    followed = [p.code[ad_operand(p, &p.code[slot], k)].seen & bit != 0 for k in range(n)]
    operands = [tensor_at(p, ad_operand(p, &p.code[slot], k)) for k in range(n)]
    y = tensor_at(p, slot)
    attrs = attributes_at(p, slot, row)
    if row.d is not None:
        product = ops.select if row.selects else ops.scale
        return [elementwise_share(row.d[k], product, g, operands, y, operands[k]) if followed[k] else None for k in range(n)]
    if row.vjp is None:
        return [None] * n
    if row.arity is None:
        return [row.vjp[0](k, g, *operands, y, **attrs) if followed[k] else None for k in range(n)]
    return [row.vjp[k](g, *operands, y, **attrs) if followed[k] and row.vjp[k] is not None else None for k in range(n)]


cdef object elementwise_share(object derivative, object product, Tensor g, list operands, object y, Tensor x):
    """g times the local derivative, 0 where g is 0, summed over what was broadcast."""
    if derivative is None:
        return None
    d = derivative(*operands, y)
    if isinstance(d, (int, float)):
        share = g if d == 1 else -g if d == -1 else g * float(d)
    else:
        if (<Tensor>d).code != g.code:          # where(a > b, 1, 0): numbers among themselves are integers
            d = apply(ops.cast, (d,), {"dtype": g.code})
        share = product(g, d)
    if shape_tuple(<Tensor>share) != shape_tuple(x):
        share = ops.sum_to(share, shape=shape_tuple(x))
    return share


cdef Tensor fit(ad_program *p, int64_t slot, Tensor share, int64_t source):
    """A share in the dtype of the slot it goes to; its shape must be right already."""
    if share.code != p.code[slot].dtype:
        share = apply(ops.cast, (share,), {"dtype": p.code[slot].dtype})
    if shape_tuple(share) != shape_tuple(tensor_at(p, slot)):
        name = "custom_gradient" if p.code[source].op == AD_CALL else op_name(p.code[source].op)
        raise errors.ShapeError(f"{name}: the gradient function returned shape {shape_tuple(share)} for an input of shape "
                                f"{shape_tuple(tensor_at(p, slot))}: expected the same shape")
    return share


cdef list sweep_recorded(GradientTape tape, const Ends *ends, list seeds):
    """The sweep as operations on tensors, which the tapes that follow the target record."""
    cdef Program program = tape.program
    cdef ad_program *p = program.p
    cdef int64_t i, r
    cdef int k
    cdef dict adj = {}
    program.swept += 1
    try:
        keep = {ends.sources[k] for k in range(ends.n_sources)}
        for k in range(ends.n_targets):
            if ends.targets[k] >= 0:
                seed = filled(p.code[ends.targets[k]].dtype, tensor_at(p, ends.targets[k]), 1.0) if seeds is None else seeds[k]
                add_to(adj, ends.targets[k], seed)
        for i in range(ends.top, ends.lowest - 1, -1):
            if i not in adj or p.code[i].op == AD_LEAF:
                continue
            if p.code[i].op == AD_RESULT:
                adj.setdefault(<int64_t>p.code[i].a, True)
                continue
            if p.code[i].op == AD_ALIAS:
                if p.code[p.code[i].a].seen & tape.bit:
                    add_to(adj, p.code[i].a, adj[i])
                continue
            if p.code[i].op == AD_CALL:
                dys = [adj[r] if r in adj else zero_at(p, r) for r in result_slots(p, i)]
                shares = call_back(program, i, dys)
            else:
                shares = rule_shares(program, i, tape.bit, adj[i])
            for k in range(len(shares)):
                if shares[k] is not None:
                    r = ad_operand(p, &p.code[i], k)
                    if p.code[r].seen & tape.bit:
                        add_to(adj, r, fit(p, r, <Tensor>shares[k], i))
            if i not in keep:
                adj.pop(i)
        return [adj.get(ends.sources[k]) for k in range(ends.n_sources)]
    finally:
        program.swept -= 1
        give_back(program)


cdef int add_to(dict adj, int64_t slot, object share) except -1:
    have = adj.get(slot)
    adj[slot] = share if have is None else apply(ops.add, (have, share), {})
    return 0


# ----------------------------------------------------------------------------------------------------------------- for why
cdef dict story(GradientTape tape, object target, object source):
    """What is known of the way from source to target; tape.explain puts it into a sentence."""
    cdef const ad_program *p
    cdef int64_t slot, from_slot, i
    facts = {"program": tape.program is not None}
    for name, value in (("target", target), ("source", source)):
        if not is_tensor(value):
            facts[name] = f"is no tensor but {errors.shorten(value)}: nothing can follow it."
        elif not value.dtype.is_floating:
            facts[name] = f"has dtype {value.dtype.name}: only floating tensors have gradients."
    if tape.program is None or "target" in facts or "source" in facts:
        return facts
    facts["variable"] = is_variable(source)
    facts["trainable"] = facts["variable"] and source.trainable
    p = tape.program.p
    t = target if type(target) is Tensor else (<VariableCore>target).root
    s = source if type(source) is Tensor else (<VariableCore>source).root
    slot = slot_in(<Tensor>t, p)
    facts["target_known"] = slot >= 0
    facts["target_seen"] = slot >= 0 and p.code[slot].seen & tape.bit != 0
    from_slot = source_slot(tape, source)
    facts["source_known"] = slot_in(<Tensor>s, p) >= 0
    facts["source_seen"] = from_slot >= 0
    facts["connected"] = facts["target_seen"] and facts["source_seen"] and reaches(p, slot, from_slot)
    # A read of a variable, or the result of the operation that an instruction stands for, that was handed out.
    facts["lost"] = ["a variable" if p.code[i].op >= AD_LEAF else op_name(p.code[i].op)
                     for i in range(tape.start, p.n) if p.code[i].flags & AD_LOST and p.code[i].seen & tape.bit]
    return facts


cdef bint reaches(const ad_program *p, int64_t top, int64_t bottom) except -1:
    """Is there a way from slot `bottom` to slot `top`?"""
    cdef int64_t i
    cdef int k
    if bottom > top:
        return False
    needed = {top}
    for i in range(top, bottom, -1):
        if i in needed:
            for k in range(ad_operand_count(p, &p.code[i])):
                needed.add(<int64_t>ad_operand(p, &p.code[i], k))
    return bottom in needed
