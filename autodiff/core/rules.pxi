# The sweep by the table's rules on tensors: for rows whose rule C does not know, and wherever a tape follows the gradient.

cdef Tensor tensor_at(ad_program *p, int64_t slot):
    """The value in a slot, as a tensor that stands there."""
    cdef const ad_instruction *at = &p.code[slot]
    cdef Tensor t, known = captured_at(p, slot) if p.tracing else None
    cdef ad_program *q = p.next
    cdef int64_t there
    if known is not None and slot_in(known, p) == slot:
        return known
    t = tensor_of(at.dtype, at.flags & AD_IS_ARRAY, at.value)
    t.place.program, t.place.generation, t.place.slot = p, p.generation, <uint32_t>slot
    while known is not None and q is not NULL:  # what tapes and traces outside know it by; here a tape has watched it since
        there = slot_in(known, q)
        if there >= 0:
            put_in(t, q, <uint32_t>there)
        q = q.next
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


cdef object no_cotangent(Program program, int64_t call, int64_t result):
    """What a call is told where no cotangent has arrived at a result: zeros, or None if it takes that."""
    backward = program.calls[ad_attributes(program.p, &program.p.code[call])[0]]
    return None if type(backward) is Pullback else zero_at(program.p, result)


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
    global in_rule
    cdef bint before = in_rule
    in_rule = True
    try:
        return shares_of(row, followed, operands, tensor_at(p, slot), attributes_at(p, slot, row), g, ad_partial(p, &p.code[slot], 0) == 1)
    finally:
        in_rule = before


cdef list shares_of(object row, list followed, list operands, Tensor y, dict attrs, object g, bint given):
    cdef Py_ssize_t k, n = len(operands)
    if row.d is not None:
        if given:
            return [elementwise_share(row.given, row.selects[0], g, operands, y, operands[0])]
        return [elementwise_share(row.d[k], row.selects[k], g, operands, y, operands[k]) if followed[k] else None for k in range(n)]
    if row.vjp is None:
        return [None] * n
    if row.arity is None:
        return [row.vjp[0](k, g, *operands, y, **attrs) if followed[k] else None for k in range(n)]
    return [row.vjp[k](g, *operands, y, **attrs) if followed[k] and row.vjp[k] is not None else None for k in range(n)]


cdef object elementwise_share(object derivative, bint selects, Tensor g, list operands, object y, Tensor x):
    """g times the local derivative, 0 where g is 0, summed over what was broadcast."""
    if derivative is None:
        return None
    d = derivative(*operands, y)
    if isinstance(d, (int, float)):
        share = times_number(g, d)
    else:
        if (<Tensor>d).code != g.code:          # where(a > b, 1, 0): numbers among themselves are integers
            d = apply(ops.cast, (d,), {"dtype": g.code})
        share = (ops.select if selects else ops.scale)(g, d)
    if shape_tuple(<Tensor>share) != shape_tuple(x):
        share = ops.sum_to(share, shape=shape_tuple(x))
    return share


cdef object times_number(Tensor g, double d):
    """g d; 0 for d = 0 whatever g is, as in C."""
    return g if d == 1 else -g if d == -1 else ops.select(g, 0.0) if d == 0 else g * d


cdef GradientTape from_here_on(Trace trace, list operands):
    """A tape to follow what a trace records next, which reads no older values but the operands.  It may have followed something before: but
    none of these, which a sweep would go on to."""
    cdef ad_program *p = trace.program.p
    cdef GradientTape tape
    cdef uint64_t seen = 0
    cdef int64_t slot
    for x in operands:
        slot = slot_in(<Tensor>x, p)
        seen |= p.code[slot].seen if slot >= 0 else 0
    for free in trace.own_tapes:
        tape = <GradientTape>free
        if not tape.entered and not tape.bit & seen:
            break
    else:
        tape = GradientTape(True, False, False, False)
        join(tape)
        trace.own_tapes.append(tape)
    tape.start = p.n
    return tape


cdef list in_c_of(object row, list operands, dict attrs, list followed, list given, Tensor g):
    """The shares of the operands that are followed, added to those given, in a trace that nobody else follows: with the bits of the sweep in C,
    which rounds once where a rule may do twice.  They are the gradients of the row done again."""
    cdef ad_program *p = ad_current
    cdef GradientTape tape = from_here_on((<Program>p.host).trace, operands)
    copies = {id(x): trace_copy(x) for x, f in zip(operands, followed) if f}         # x * x: one source
    own = [copies[id(x)] if f else x for x, f in zip(operands, followed)]
    for x in copies.values():
        watch(tape, x)
    p.recording |= tape.bit
    try:
        y = apply(row, tuple(own), attrs)
    finally:
        p.recording &= ~tape.bit
    before = [k for k in range(len(own)) if followed[k] and given[k] is not None]
    found = sweep_alone(tape, [y, *[own[k] for k in before]], [g, *[given[k] for k in before]], [x for x, f in zip(own, followed) if f])
    shares = iter(found)
    return [next(shares) if f else None for f in followed]


cdef int sweep_in_c(ad_program *p, int64_t i, uint64_t bit, dict adj) except -1:
    """The instruction's shares, added to the adjoints of its operands."""
    cdef int n = ad_operand_count(p, &p.code[i]), k
    cdef list slots = [ad_operand(p, &p.code[i], k) for k in range(n)]
    cdef dict tensors = {r: tensor_at(p, r) for r in slots}
    row = ROWS[p.code[i].op]
    followed = [p.code[<int64_t>r].seen & bit != 0 for r in slots]
    given = [adj.get(r) if r not in slots[:k] else None for k, r in enumerate(slots)]
    found = in_c_of(row, [tensors[r] for r in slots], attributes_at(p, i, row), followed, given, adj[i])
    for r, share in zip(slots, found):
        if share is not None:
            adj[r] = share
    return 0


cdef Tensor fit(ad_program *p, int64_t slot, Tensor share, int64_t source):
    """A share in the dtype of the slot it goes to; its shape must be right already."""
    if share.code != p.code[slot].dtype:
        share = apply(ops.cast, (share,), {"dtype": p.code[slot].dtype})
    if shape_tuple(share) != shape_tuple(tensor_at(p, slot)):
        name = "custom_gradient" if p.code[source].op == AD_CALL else op_name(p.code[source].op)
        raise errors.ShapeError(f"{name}: the gradient function returned shape {shape_tuple(share)} for an input of shape "
                                f"{shape_tuple(tensor_at(p, slot))}: expected the same shape")
    return share


cdef list sweep_recorded(GradientTape tape, const Ends *ends, list seeds, bint as_in_c):
    """The sweep as operations on tensors, which the tapes that follow the target record; as_in_c: a trace alone does."""
    cdef Program program = tape.program
    cdef ad_program *p = program.p
    cdef int64_t i, r
    cdef int k
    cdef dict adj = {}
    global ad_unchecked
    cdef bint check = checking()
    program.swept += 1
    ad_unchecked += 1                           # each cotangent is checked as a whole
    try:
        keep = {ends.sources[k] for k in range(ends.n_sources)}
        for k in range(ends.n_targets):
            if ends.targets[k] >= 0:
                if check:
                    check_target(tensor_at(p, ends.targets[k]))
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
            if as_in_c and p.code[i].op != AD_CALL and ROWS[p.code[i].op].arity is not None:
                sweep_in_c(p, i, tape.bit, adj)
                shares, received = [], []
            elif p.code[i].op == AD_CALL:
                dys = [adj[r] if r in adj else no_cotangent(program, i, r) for r in result_slots(p, i)]
                shares, received = call_back(program, i, dys), [dy for dy in dys if dy is not None]
            else:
                shares, received = rule_shares(program, i, tape.bit, adj[i]), [adj[i]]
            for k in range(len(shares)):
                if shares[k] is not None:
                    r = ad_operand(p, &p.code[i], k)
                    if p.code[r].seen & tape.bit:
                        share = fit(p, r, <Tensor>shares[k], i)
                        if check:
                            check_cotangent(program, i, share, received)
                        add_to(adj, r, share)
            if i not in keep:
                adj.pop(i)
        return [adj.get(ends.sources[k]) for k in range(ends.n_sources)]
    finally:
        ad_unchecked -= 1
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
