# A trace taken apart into numbers, names and arrays, and put together again (autodiff/stored.py writes them down).
#
# What comes from a file is not trusted: every index is checked before C sees it, and every operator is applied once, to numbers of
# the shapes that are told (sample_at), to see that it gives the dtype and shape that are told.

cdef extern from "plan/plan.h":
    ctypedef struct ad_plan_values "struct ad_plan":
        uint32_t *register_of
        ad_value *value


cdef dict NAMED = {row.name: row for row in ROWS}


def parts_of(Trace trace not None):
    """What a trace is, by name: integers, strings, lists, and NumPy arrays of its constants."""
    cdef const ad_program *p = trace.program.p
    cdef const ad_plan_inside *inside = <const ad_plan_inside *>trace.plan
    cdef const ad_plan_values *plan = <const ad_plan_values *>trace.plan
    cdef const ad_instruction *at
    cdef int64_t i
    cdef uint32_t r
    code, constants = [], {}
    for i in range(recorded(p)):
        at = &p.code[i]
        name = ROWS[at.op].name if at.op < AD_LEAF else MARKERS[at.op]
        operands = [ad_operand(p, at, k) for k in range(ad_operand_count(p, at))] if at.op < AD_LEAF else (
            [at.a, at.b] if at.op == AD_ALIAS or at.op == AD_RESULT else [])
        shape = [at.value.array.shape[k] for k in range(at.value.array.ndim)] if at.flags & AD_IS_ARRAY else None
        attrs = {k: list(v) if isinstance(v, tuple) else v for k, v in attributes_at(p, i, ROWS[at.op]).items()} if at.op < AD_LEAF else {}
        code.append([name, DTYPES[at.dtype].name, shape, operands, attrs, at.seen])
        r = plan.register_of[i]
        if r != AD_NO_SLOT and inside.registers.at[r].fixed:
            constants[i] = out_of(trace.plan, r).numpy()
    return {"code": code, "constants": constants, "inputs": list(trace.inputs), "variables": list(trace.variable_slots),
            "assigned": list(trace.assigned_slots), "leaves": list(trace.leaves), "events": [event_told(event) for event in trace.events]}


cdef list event_told(event):
    cdef Sweep s
    if type(event) is Guard:
        outcome = (<Guard>event).outcome
        return ["guard", (<Guard>event).at, (<Guard>event).slot, bool((<Guard>event).truth), list(outcome) if type(outcome) is tuple else outcome]
    s = <Sweep>event
    return ["sweep", s.at, s.tape.bit, s.tape.start, s.ends.top, s.ends.lowest, [s.ends.targets[k] for k in range(s.ends.n_targets)],
            [s.ends.sources[k] for k in range(s.ends.n_sources)], s.seeds, s.results]


# ------------------------------------------------------------------------------------------------------- put together again
cdef int demand(bint holds, str what) except -1:
    if not holds:
        raise ValueError(f"what was stored is damaged: {what}")
    return 0


@cython.boundscheck(True)
@cython.nonecheck(True)
def trace_of(dict parts not None, list read not None, list assigned not None, structure):
    """The trace of such parts; `read` and `assigned` are variables.  Raises ValueError where the parts do not fit together."""
    cdef Trace trace = Trace()
    cdef ad_program *outer = ad_current
    cdef ad_program *p
    trace.settings = ANY_SETTINGS               # there is no function to record anew
    code = parts["code"]
    demand(len(code) < AD_NO_SLOT // 2, "it is too long")
    with trace:
        p = trace.program.p
        demand(trace.tape.bit == 1, "the bit of its trace")
        for i, told in enumerate(code):
            demand(type(told) is list, f"instruction {i}")
            add_told(trace, i, told, parts["constants"].get(i))
        trace.inputs = [slot_told(p, k) for k in parts["inputs"]]
        trace.variable_slots = [slot_told(p, k) for k in parts["variables"]]
        trace.assigned_slots = [slot_told(p, k) for k in parts["assigned"]]
        demand(len(trace.variable_slots) == len(read) and len(trace.assigned_slots) == len(assigned), "the number of its variables")
        for k, v in [*zip(trace.variable_slots, read), *zip(trace.assigned_slots, assigned)]:
            demand(p.code[<int64_t>k].dtype == (<VariableCore?>v).tensor.code and shape_at(p, k) == shape_tuple((<VariableCore>v).tensor),
                   "a variable of another dtype or shape")
        trace.variables, trace.assigned = read, assigned
        for told in parts["events"]:
            demand(type(told) is list and len(told) > 0, "an event")
            trace.events.append(guard_of(p, told) if told[0] == "guard" else sweep_of(trace, told))
        demand([place_in(event) for event in trace.events] == sorted([place_in(event) for event in trace.events]), "the order of events")
        trace.guards = [event for event in trace.events if type(event) is Guard]
        trace.path = [(<Guard>guard).outcome for guard in trace.guards]
        trace.leaves = [leaf if type(leaf) is Constant else slot_told(p, leaf) for leaf in parts["leaves"]]
        trace.structure, trace.first_branch = structure, ""
        lay_plan(trace)
    demand(trace.reason is None, str(trace.reason))
    return trace


cdef int64_t slot_told(const ad_program *p, k) except -1:
    demand(type(k) is int and 0 <= k < p.n, f"slot {k!r} of {p.n}")
    return k


cdef tuple shape_at(const ad_program *p, int64_t k):
    cdef int i
    if not p.code[k].flags & AD_IS_ARRAY:
        return ()
    return tuple([p.code[k].value.array.shape[i] for i in range(p.code[k].value.array.ndim)])


cdef Tensor sample_at(const ad_program *p, int64_t k, object row):
    """Zeros, which every operator takes; but of matrices ones on the diagonal, as zeros are not invertible, and ones where integers are divided."""
    cdef tuple shape = shape_at(p, k)
    cdef Py_ssize_t rank = len(shape)
    made = np.full(shape, row is ops.floordiv or row is ops.mod, DTYPES[p.code[k].dtype].as_numpy_dtype)
    if row.matrices and rank >= 2:
        made[...] = np.eye(shape[rank - 2], shape[rank - 1])
    return to_tensor(made, -1, -1, "function")


@cython.boundscheck(True)
@cython.nonecheck(True)
cdef int add_told(Trace trace, int64_t i, list told, constant) except -1:
    """One instruction, checked."""
    cdef ad_program *p = trace.program.p
    cdef ad_value value
    cdef ad_array *shaped = NULL
    cdef int64_t sizes[32]
    cdef uint32_t slot, words = 0
    cdef int k, op, code
    name, dtype, shape, operands, attrs, seen = told
    demand(type(operands) is list and type(attrs) is dict and (shape is None or type(shape) is list), f"instruction {i}")
    demand(type(name) is str and (name in NAMED or name in ("leaf", "alias", "call", "result")), f"no operator {name!r}")
    code = dtypes.as_dtype(dtype).code
    demand(type(seen) is int and 0 <= seen < 1 << 64, "bits of tapes")
    for k in operands:
        demand(type(k) is int and 0 <= k < i, f"instruction {i} reads slot {k!r}")
    value.bits = 0
    if constant is not None:
        made = to_tensor(constant, -1, -1, "function")
        demand((<Tensor>made).code == code and ((<Tensor>made).is_array == (shape is not None)) and shape_tuple(made) == tuple(shape or ()),
               f"the constant {i}")
        value = (<Tensor>made).value
    elif shape is not None:                     # (a number is no array)
        demand(0 < len(shape) <= 32 and all([type(n) is int and 0 <= n < 1 << 48 for n in shape]), f"the shape {shape!r}")
        for k in range(len(shape)):
            sizes[k] = shape[k]
        shaped = ad_array_uniform(code, len(shape), sizes)
        if shaped is NULL:
            raise MemoryError("function: no memory for a trace")
        memset(shaped.data, 0, 8)
        value.array = shaped
    try:
        demand(not seen & ~<uint64_t>1 or (code <= AD_F64 and (name not in NAMED or NAMED[name].differentiable)), f"tapes that follow {name}")
        demand(name != "nonzero" or (code == AD_I64 and shape is not None and len(shape) == 2), "the indices of what is true")
        if name in NAMED:
            op = NAMED[name].code
            words = words_told(p, NAMED[name], operands, attrs)
        else:
            op = {"leaf": AD_LEAF, "alias": AD_ALIAS, "call": AD_LEAF, "result": AD_LEAF}[name]       # (a call's sweep was recorded)
            demand(name != "alias" or len(operands) == 2, "an alias")
            if name == "result":
                op = AD_ALIAS
                operands = [operands[1], operands[1]]
        slot = ad_emit(p, op, code, AD_IS_ARRAY if shape is not None else 0, operands[0] if operands and words == 0 else 0,
                       operands[1] if len(operands) > 1 and words == 0 else 0, words, seen, value)
    finally:
        if shaped is not NULL:
            ad_array_release(shaped)
    if slot == AD_NO_SLOT:
        raise MemoryError("function: no memory for a trace")
    if op == AD_ALIAS:
        demand(p.code[i].dtype == p.code[<int64_t>operands[1]].dtype and shape_at(p, i) == shape_at(p, operands[1]), "an alias of another shape")
    elif op < AD_LEAF and op != AD_OP_nonzero:
        check_told(trace, i, NAMED[name], operands, attrs)
    return 0


@cython.boundscheck(True)
@cython.nonecheck(True)
cdef int check_told(Trace trace, int64_t i, object row, list operands, dict attrs) except -1:
    """Does the operator give what is told, of operands as they are told?"""
    cdef ad_program *p = trace.program.p
    cdef uint64_t recording = p.recording, tracing = p.tracing
    p.recording = p.tracing = 0
    try:
        y = row(*[sample_at(p, k, row) for k in operands], **{k: tuple(v) if type(v) is list else v for k, v in attrs.items()})
    except (ValueError, TypeError, IndexError, ArithmeticError) as error:
        raise ValueError(f"what was stored is damaged: {row.name} refuses its operands: {error}") from None
    finally:
        p.recording, p.tracing = recording, tracing
    demand((<Tensor?>y).code == p.code[i].dtype and shape_tuple(<Tensor>y) == shape_at(p, i), f"{row.name} gives another dtype or shape")
    return 0


@cython.boundscheck(True)
@cython.nonecheck(True)
cdef uint32_t words_told(ad_program *p, object row, list operands, dict attrs) except? 0xFFFFFFFF:
    """Operands and attributes among the program's words, as `record` writes them; 0 where none are needed."""
    cdef int64_t *words
    cdef uint32_t at
    cdef int k
    demand(row.arity is None or len(operands) == row.arity, f"{len(operands)} operands of {row.name}")
    demand(len(operands) > 0 and set(attrs) == set(row.attrs), f"the attributes of {row.name}")
    flat = []
    for name in row.attrs:
        given = attrs[name]
        items = given if name in TUPLES else [given]
        demand(type(items) is list and all([type(x) is int and -(1 << 62) < x < 1 << 62 for x in items]) and len(items) <= 1 << 20, f"{name} of {row.name}")
        flat += [len(items), *items] if name in TUPLES else items
    if len(operands) <= 2 and not flat:
        return 0
    flat = [len(operands), *operands, *flat]
    words = <int64_t *>malloc(len(flat) * sizeof(int64_t))
    if words is NULL:
        raise MemoryError("function: no memory for a trace")
    for k in range(len(flat)):
        words[k] = flat[k]
    at = ad_program_words(p, words, len(flat))
    free(words)
    if at == 0:
        raise MemoryError("function: no memory for a trace")
    return at


@cython.boundscheck(True)
@cython.nonecheck(True)
cdef Guard guard_of(const ad_program *p, list told):
    cdef Guard made = Guard.__new__(Guard)
    _, at, slot, truth, outcome = told
    demand(type(at) is int and 0 <= at <= p.n and type(truth) is bool, "a guard")
    made.at, made.slot, made.truth = at, slot_told(p, slot), truth
    made.outcome = tuple(outcome) if type(outcome) is list else outcome
    demand(made.slot < made.at and (type(made.outcome) is not tuple or made.outcome == shape_at(p, made.slot)), "a guard")
    demand(type(made.outcome) is tuple or (isinstance(made.outcome, int) and 0 <= made.outcome < 1 << 64), "the outcome of a guard")
    return made


@cython.boundscheck(True)
@cython.nonecheck(True)
cdef Sweep sweep_of(Trace trace, list told):
    cdef const ad_program *p = trace.program.p
    cdef Sweep made = Sweep.__new__(Sweep)
    cdef int64_t i
    cdef int k
    _, at, bit, start, top, lowest, targets, sources, seeds, results = told
    demand(type(targets) is list and type(sources) is list and type(results) is list and (seeds is None or type(seeds) is list), "a sweep")
    demand(all([type(x) is int for x in (at, bit, start, top, lowest)]) and 0 < bit < 1 << 64 and bit & bit - 1 == 0, "a sweep")
    demand(0 <= start <= lowest <= top < at <= p.n and len(results) == len(sources), "the ends of a sweep")
    demand(seeds is None or len(seeds) == len(targets), "the seeds of a sweep")
    wanted = [x for x, result in zip(sources, results) if result is not None]
    for x in (*targets, *wanted):
        demand(type(x) is int and (x == -1 or (start <= x <= top and p.code[<int64_t>x].seen & <uint64_t>bit)), "the slots of a sweep")
    for x in sources:                           # (one above the target has no gradient)
        demand(type(x) is int and -1 <= x < at, "the slots of a sweep")
    for i in range(lowest, top + 1):
        if p.code[i].seen & <uint64_t>bit and p.code[i].op != AD_LEAF:
            for k in range(ad_operand_count(p, &p.code[i])):
                j = ad_operand(p, &p.code[i], k)
                demand(j >= start or not p.code[<int64_t>j].seen & <uint64_t>bit, "a sweep that begins too late")
    for target, seed in zip(targets, seeds or [None] * len(targets)):
        if seed is not None:
            slot_told(p, seed)
            demand(target == -1 or (p.code[<int64_t>seed].dtype == p.code[<int64_t>target].dtype and shape_at(p, seed) == shape_at(p, target)), "a seed")
    for source, result in zip(sources, results):
        if result is not None:
            slot_told(p, result)
            demand(source >= 0 and at <= result and p.code[<int64_t>result].op == AD_LEAF and
                   p.code[<int64_t>result].dtype == p.code[<int64_t>source].dtype and shape_at(p, result) == shape_at(p, source), "a result of a sweep")
    made.ends.n_targets, made.ends.n_sources, made.ends.top, made.ends.lowest = len(targets), len(sources), top, lowest
    made.ends.targets = <int64_t *>malloc((len(targets) + len(sources) + 1) * sizeof(int64_t))
    made.ends.keep = <uint32_t *>malloc((len(sources) + 1) * sizeof(uint32_t))
    if made.ends.targets is NULL or made.ends.keep is NULL:
        raise MemoryError("function: no memory for a trace")
    made.ends.sources = made.ends.targets + made.ends.n_targets
    for k in range(len(targets)):
        made.ends.targets[k] = targets[k]
    for k in range(len(sources)):
        made.ends.sources[k] = sources[k]
        made.ends.keep[k] = <uint32_t><int64_t>sources[k]
    made.seeds, made.results, made.at = seeds, results, at
    made.tape = GradientTape.__new__(GradientTape)
    made.tape.program, made.tape.bit, made.tape.start = trace.tape.program, bit, start
    return made
