# The tangent sweep: in C (push_fast), or by the table's rules on tensors where a tape follows the result (push_recorded).

cdef object tangent_rule = None                 # of autodiff.tangents: (row, ts, operands, y, attrs, pull) -> tangent
cdef object transposed_lanes = None             # the same: (pull, ys, lanes) -> tangents along each
cdef object block_of_lanes = None               # the same: (row, k, t, operands, attrs, lanes) -> tangents of a linear row, or None


cdef object block_of_formula = None             # the same: (row, ts, operands, y, attrs, lanes) -> tangents of a row by its formula, or None


def set_tangent_hooks(rule, transpose, block, formula):
    """Called by autodiff.tangents, which knows the tangents of rows that C does not."""
    global tangent_rule, transposed_lanes, block_of_lanes, block_of_formula
    tangent_rule, transposed_lanes, block_of_lanes, block_of_formula = rule, transpose, block, formula


def tape_to_transpose(list operands):
    """A tape for the cotangents of a gradient that reads these, or None: anything; within a trace it may be the trace's."""
    if operands is None or not tracing_here():
        return GradientTape(True, False, False, False)
    return from_here_on((<Program>ad_current.host).trace, operands)


def push_tangents(GradientTape tape not None, list targets, list sources, list tangents, int64_t lanes=1, bint aside=False):
    """The derivative of each target along `tangents`, one for each source, in one sweep forward; None where it depends on none of them.

    lanes   as many directions at once: then tangents and results have them as their first dimension
    aside   does the tape itself not record what this computes?

    NotImplemented for several directions where a tape follows the result, or the tape is a precise one.
    """
    cdef Ends ends
    cdef uint64_t own
    cdef ad_program *p
    cdef int total = len(targets) + len(sources), k
    cdef bint followed
    cdef list slots, results
    if tape.program is None:
        raise errors.TapeError(errors.TAPE_USED_UP if tape.used else errors.TAPE_NEVER_ENTERED)
    if tape.precise:
        return NotImplemented
    p = tape.program.p
    own = p.recording & tape.bit if aside else 0
    ends.n_targets, ends.n_sources = len(targets), len(sources)
    ends.targets = <int64_t *>malloc((total + 1) * sizeof(int64_t))
    ends.keep = <uint32_t *>malloc((ends.n_sources + 1) * sizeof(uint32_t))
    p.recording &= ~own
    try:
        if ends.targets is NULL or ends.keep is NULL:
            raise MemoryError("jvp: no memory for the slots of sources")
        ends.sources = ends.targets + ends.n_targets
        find_ends(tape, targets, None, sources, &ends)
        if ends.top < 0 or ends.lowest > ends.top:
            results = [None] * ends.n_targets
        else:
            followed = checking() or is_followed(tape, &ends, tangents)
            if lanes > 1 and (followed or (p.tracing and p is not ad_current)):
                return NotImplemented
            results = push_sweep(tape, &ends, tangents, lanes, followed or p.tracing, p.tracing and p is ad_current and not followed)
        for k in range(ends.n_targets):         # a target that is itself a source counts as 1, also where the tape never saw it
            if ends.targets[k] < 0:
                for source, t in zip(sources, tangents):
                    if source is targets[k]:
                        results[k] = t if results[k] is None else apply(ops.add, (results[k], t), {})
        return results
    finally:
        p.recording |= own
        free(ends.targets)
        free(ends.keep)


def is_swept_in_c(GradientTape tape not None, target):
    """Would a sweep from this target run in C, or in a replay of it, with nobody to follow it and no precise tape to run it again?"""
    cdef int64_t slot
    cdef Tensor t
    if tape.program is None or tape.precise or checking():
        return False
    t = target if type(target) is Tensor else (<VariableCore>target).root
    slot = -1 if t is None else slot_in(t, tape.program.p)
    return slot < 0 or not tape.program.p.code[slot].seen & tape.program.p.recording & ~tape.program.p.tracing


cdef list push_sweep(GradientTape tape, const Ends *ends, list tangents, int64_t lanes, bint recorded, bint as_in_c):
    cdef Program program = tape.program         # held: a callback may drop the tape's
    cdef ad_push s
    cdef int64_t n = ends.top - ends.lowest + 1
    cdef int k
    s.program, s.base, s.at, s.top, s.bit, s.lanes, s.status = program.p, ends.lowest, ends.lowest, ends.top, tape.bit, lanes, AD_OK
    s.last = <uint32_t *>calloc(n, sizeof(uint32_t))
    if s.last is NULL:
        raise MemoryError("jvp: no memory for the tangents")
    program.swept += 1
    try:
        for k in range(ends.n_targets):
            if ends.targets[k] >= s.base:
                s.last[ends.targets[k] - s.base] = AD_NO_SLOT
        ad_push_plan(&s)
        return push_recorded(program, &s, ends, tangents, as_in_c) if recorded else push_fast(program, &s, ends, tangents)
    finally:
        free(s.last)
        program.swept -= 1
        give_back(program)


# -------------------------------------------------------------------------------------------------------------------- in C
cdef list push_fast(Program program, ad_push *s, const Ends *ends, list tangents):
    cdef ad_program *p = s.program
    cdef int64_t n = s.top - s.base + 1, i
    cdef int k, end
    s.tangent = take_adjoints(n)
    try:
        for k in range(ends.n_sources):
            if s.base <= ends.sources[k] <= s.top and tangents[k] is not None:
                add_tangent(s, ends.sources[k], <Tensor>tangents[k])
        while True:
            if p.largest * s.lanes < NOGIL_SIZE or (program.entered and program.thread is not <void *>&ad_current):
                end = ad_push_forward(s)
            else:
                program.unlocked += 1
                with nogil:
                    end = ad_push_forward(s)
                program.unlocked -= 1
            if end == AD_SWEEP_DONE:
                break
            if end == AD_SWEEP_FAILED:
                if s.status == AD_BAD_RANK or (s.lanes > 1 and rank_at(p, s.at) == AD_MAX_RANK):      # (the directions are one more)
                    raise errors.too_many_dimensions("jacobian: " + op_name(p.code[s.at].op))
                raise MemoryError("jvp: no memory for the tangents") if s.status == AD_NO_MEMORY else SystemError(
                    f"jvp: status {s.status} in the tangent of {op_name(p.code[s.at].op)}")
            push_in_python(program, s)
            ad_push_done(s, s.at)
            s.at += 1
        return [tangent_tensor(s, ends.targets[k]) for k in range(ends.n_targets)]
    finally:
        if p.arrays or s.lanes > 1:
            for i in range(n):
                if s.tangent[i].bits != AD_EMPTY and (s.lanes > 1 or p.code[s.base + i].flags & AD_IS_ARRAY):
                    ad_array_release(s.tangent[i].array)
        give_adjoints(s.tangent)


cdef int rank_at(const ad_program *p, int64_t slot) noexcept:
    return p.code[slot].value.array.ndim if p.code[slot].flags & AD_IS_ARRAY else 0


cdef int add_tangent(ad_push *s, int64_t slot, Tensor t) except -1:
    """Add to the tangent of a slot, which gets an array of its own: the sweep may run without the GIL."""
    cdef ad_array *a = ad_array_new(t.code, t.value.array.ndim if t.is_array else 0, t.value.array.shape if t.is_array else NULL)
    if a is NULL:
        raise MemoryError("jvp: no memory for a tangent")
    memcpy(a.data, t.value.array.data if t.is_array else <void *>&t.value, ad_array_bytes(a))
    if ad_push_add(s, slot, a) != AD_OK:
        raise MemoryError("jvp: no memory for a tangent")
    return 0


cdef object tangent_tensor(ad_push *s, int64_t slot):
    """The tangent of a slot, all lanes of it, as a tensor or None."""
    cdef ad_value *t
    if slot < s.base or s.tangent[slot - s.base].bits == AD_EMPTY:
        return None
    t = &s.tangent[slot - s.base]
    if s.lanes == 1 and not s.program.code[slot].flags & AD_IS_ARRAY:
        return scalar(s.program.code[slot].dtype, t[0])
    return wrap(ad_array_hold(t.array))


cdef int push_in_python(Program program, ad_push *s) except -1:
    """The instruction at s.at has a tangent that C does not know: its rule on tensors, direction by direction."""
    cdef ad_program *p = s.program
    cdef int64_t i = s.at, lane
    cdef int k
    cdef list ts = [tangent_tensor(s, ad_operand(p, &p.code[i], k)) for k in range(ad_operand_count(p, &p.code[i]))]
    slots = result_slots(p, i) if p.code[i].op == AD_CALL else [i]
    if s.lanes == 1:
        found = tangents_by_rule(program, i, ts, False)
    elif (block := block_at_once(program, i, ts, s.lanes)) is not None:
        found = [block]
    else:
        each = [tangents_by_rule(program, i, [None if t is None else apply_lane(t, lane) for t in ts], False) for lane in range(s.lanes)]
        found = [None if each[0][k] is None else stack_lanes([row[k] for row in each]) for k in range(len(slots))]
    for k in range(len(slots)):
        if found[k] is not None and slots[k] <= s.top:
            add_tangent(s, slots[k], <Tensor>found[k])
    return 0


cdef object block_at_once(Program program, int64_t i, list ts, int64_t lanes):
    """The tangents of the instruction, of a row that has a formula, along all directions at once; None: direction by direction."""
    cdef ad_program *p = program.p
    cdef int k
    cdef bint before
    global in_rule
    if p.code[i].op == AD_CALL:
        return None
    row = ROWS[p.code[i].op]
    before = in_rule
    in_rule = True
    try:
        operands = [tensor_at(p, ad_operand(p, &p.code[i], k)) for k in range(ad_operand_count(p, &p.code[i]))]
        return block_of_formula(row, ts, operands, tensor_at(p, i), attributes_at(p, i, row), lanes)
    finally:
        in_rule = before


cdef object apply_lane(object block, int64_t lane):
    """One direction's part of a block of tangents."""
    shape = shape_tuple(<Tensor>block)[1:]
    strides = tuple(ops.steps(shape))
    return apply(ops.view, (block,), {"shape": shape, "strides": strides, "offset": lane * ops.elements(shape)})


cdef object stack_lanes(list ts):
    shape = (1,) + shape_tuple(<Tensor>ts[0])
    return apply(ops.concat, tuple([apply(ops.reshape, (t,), {"shape": shape}) for t in ts]), {"axis": 0})


# ----------------------------------------------------------------------------------------------------------------- by rules
cdef list tangents_by_rule(Program program, int64_t i, list ts, bint as_in_c):
    """The tangent of each result of the instruction, of a row one, or None; with the bits that C gives an elementwise one, if asked for."""
    cdef ad_program *p = program.p
    cdef int n = ad_operand_count(p, &p.code[i]), k
    cdef bint before
    global in_rule
    if p.code[i].op == AD_CALL:
        return call_tangents(program, i, [ts])[0]
    row = ROWS[p.code[i].op]
    operands = [tensor_at(p, ad_operand(p, &p.code[i], k)) for k in range(n)]
    y, attrs, given = tensor_at(p, i), attributes_at(p, i, row), ad_partial(p, &p.code[i], 0) == 1
    before = in_rule
    in_rule = True
    try:
        if row.d is not None:
            return [elementwise_tangent(row, ts, operands, y, given, attrs if as_in_c else None)]
        followed = [t is not None for t in ts]
        return [tangent_rule(row, ts, operands, y, attrs, lambda u: shares_of(row, followed, operands, y, attrs, u[0], given))]
    finally:
        in_rule = before


cdef list call_tangents(Program program, int64_t i, list lanes):
    """The tangents of a call's results along each direction."""
    return transposed_lanes(lambda dys: called_back(program, i, dys, lanes[0]), [tensor_at(program.p, r) for r in result_slots(program.p, i)], lanes)


cdef list called_back(Program program, int64_t i, list dys, list ts):
    """What a custom gradient gives for operands that move, in their dtypes and shapes."""
    shares = call_back(program, i, dys)
    return [None if g is None or t is None else fit(program.p, ad_operand(program.p, &program.p.code[i], k), <Tensor>g, i)
            for k, (g, t) in enumerate(zip(shares, ts))]


cdef object elementwise_tangent(object row, list ts, list operands, Tensor y, bint given, dict in_c):
    """The sum of tangents times local derivatives, 0 where a tangent is 0.  in_c: attributes, if these products are to be as C has them."""
    total = None
    for k in range(len(ts)):
        derivative = row.given if given else row.d[k]
        if ts[k] is None or derivative is None:
            continue
        if in_c is not None:
            t = ts[k] if shape_tuple(<Tensor>ts[k]) == shape_tuple(y) else ops.broadcast_to(ts[k], shape_tuple(y))
            wide = [x if j != k or shape_tuple(<Tensor>x) == shape_tuple(y) else ops.broadcast_to(x, shape_tuple(y)) for j, x in enumerate(operands)]
            share = in_c_of(row, wide, in_c, [j == k for j in range(len(ts))], [None] * len(ts), t)[k]
            if share is not None:
                total = share if total is None else apply(ops.add, (total, share), {})
            continue
        d, share = derivative(*operands, y), ts[k]
        if isinstance(d, (int, float)):
            share = times_number(share, d)
        else:
            if (<Tensor>d).code != (<Tensor>share).code:
                d = apply(ops.cast, (d,), {"dtype": (<Tensor>share).code})
            share = (ops.select if row.selects[k] else ops.scale)(share, d)
        if shape_tuple(<Tensor>share) != shape_tuple(y):
            share = ops.broadcast_to(share, shape_tuple(y))
        total = share if total is None else apply(ops.add, (total, share), {})
    return total


cdef list push_recorded(Program program, ad_push *s, const Ends *ends, list tangents, bint as_in_c):
    """The sweep as operations on tensors, which the tapes that follow its result record; as_in_c: the trace alone does."""
    cdef ad_program *p = s.program
    cdef int64_t i
    cdef int k
    cdef dict tan = {}
    for k in range(ends.n_sources):
        if s.base <= ends.sources[k] <= s.top and tangents[k] is not None:
            add_to(tan, ends.sources[k], tangents[k])
    for i in range(s.base, s.top + 1):
        if not s.last[i - s.base] or not p.code[i].seen & s.bit or p.code[i].op == AD_LEAF or p.code[i].op == AD_RESULT:
            continue
        operands = [<int64_t>ad_operand(p, &p.code[i], k) for k in range(ad_operand_count(p, &p.code[i]))]
        ts = [tan.get(j) for j in operands]
        if p.code[i].dtype > AD_F64 or all([t is None for t in ts]):
            continue
        if p.code[i].op == AD_ALIAS:
            add_to(tan, i, ts[0])
            continue
        slots = result_slots(p, i) if p.code[i].op == AD_CALL else [i]
        found = tangents_by_rule(program, i, ts, as_in_c) if s.lanes == 1 else blocks_by_rule(program, i, ts, s.lanes)
        for r, t in zip(slots, found):
            if t is not None:
                add_to(tan, r, t)
        for j in operands:
            if j >= s.base and s.last[j - s.base] == i:
                tan.pop(j, None)
    return [tan.get(ends.targets[k]) for k in range(ends.n_targets)]


cdef list blocks_by_rule(Program program, int64_t i, list ts, int64_t lanes):
    """The tangents of each result of the instruction along all directions, as ad_push_forward computes them, or None."""
    cdef ad_program *p = program.p
    cdef int k, n = ad_operand_count(p, &p.code[i])
    total = None
    if p.code[i].op != AD_CALL:
        row = ROWS[p.code[i].op]
        if row.d is not None or all([t is None or k in row.linear for k, t in enumerate(ts)]):
            operands, y, attrs = [tensor_at(p, ad_operand(p, &p.code[i], k)) for k in range(n)], tensor_at(p, i), attributes_at(p, i, row)
            for k in range(n):
                share = None if ts[k] is None else block_share(row, k, ts[k], operands, y, attrs, lanes)
                if share is not None:
                    total = share if total is None else apply(ops.add, (total, share), {})
            return [total]
        block = block_at_once(program, i, ts, lanes)
        if block is not None:
            return [block]
    along = [[None if t is None else apply_lane(t, lane) for t in ts] for lane in range(lanes)]
    each = call_tangents(program, i, along) if p.code[i].op == AD_CALL else [tangents_by_rule(program, i, own, False) for own in along]
    return [None if part[0] is None else stack_lanes(list(part)) for part in zip(*each)]


cdef object block_share(object row, int k, Tensor t, list operands, Tensor y, dict attrs, int64_t lanes):
    """What operand k's tangents along all directions add to those of y: of an elementwise row their products with one slope."""
    if row.d is None:
        block = block_of_lanes(row, k, t, operands, attrs, lanes)
        if block is not None:
            return block
        return stack_lanes([row(*operands[:k], apply_lane(t, lane), *operands[k + 1:], **attrs) for lane in range(lanes)])
    rank, shape = len(shape_tuple(y)), shape_tuple(t)
    t = t if len(shape) > rank else ops.reshape(t, shape=(lanes, *[1] * (rank + 1 - len(shape)), *shape[1:]))
    if ad_ops[<int>row.code].passes[k] and shape_tuple(t)[1:] == shape_tuple(y):
        return t
    wide = [x if j != k or shape_tuple(<Tensor>x) == shape_tuple(y) else ops.broadcast_to(x, shape_tuple(y)) for j, x in enumerate(operands)]
    slope = in_c_of(row, wide, attrs, [j == k for j in range(len(wide))], [None] * len(wide), filled(y.code, y, 1.0))[k]
    return None if slope is None else (ops.select if row.selects[k] else ops.scale)(t, slope)
