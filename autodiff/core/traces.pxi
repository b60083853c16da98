# What a trace holds, and its replay.

cdef enum:
    ANY_SETTINGS = -1


cdef int settings_now() noexcept:
    """What a run as written depends on beside its arguments and variables, as one number: `config.stabilize`, `floatx`, and whether
    `config.lost_gradient` is to raise."""
    return 4 * (lost_gradient == LOST_RAISE) + 2 * stabilise_all + (floatx == AD_F64)


@cython.final
@cython.no_gc_clear                             # its plan is laid over its program; the ring that it may stand in breaks elsewhere
cdef class Trace:
    """One recording of a function: for inputs of these dtypes and shapes, with these variables."""
    cdef Program program
    cdef GradientTape tape                      # its bit is the tracing one
    cdef ad_program *outer                      # what recorded before, and does afterwards
    cdef readonly str reason                    # why it cannot be replayed, or None
    cdef bint keeps                             # the numbers it was recorded with
    cdef readonly dict captured                 # slot: the tensor there that no input has a share in; None: gradients are not spelled out
    cdef int settings                           # under which it was recorded (settings_now); ANY_SETTINGS: it runs under all
    cdef bint running
    cdef list inputs                            # slots,
    cdef uint32_t *input_slots                  # once more
    cdef readonly list variables, assigned
    cdef list events                            # Sweeps and Guards, in order
    cdef list guards                            # those of them,
    cdef readonly list path                     # and their outcomes
    cdef readonly str first_branch              # where the first of them is
    cdef int outcome                            # of the last run,
    cdef list way                               # and, where that is ELSEWHERE, how the guards came out so far
    cdef ad_plan *plan                          # what a replay computes,
    cdef int64_t laid                           # of how many steps it was made,
    cdef Py_ssize_t n_inputs
    cdef ad_made *made                          # how its registers become what the function returns; NULL: by `rebuilt`
    cdef list constants                         # among that
    cdef uint32_t *registers                    # and where: the inputs, the variables read, the variables assigned
    cdef list outputs                           # the function's results, flat: registers, or Constants
    cdef readonly list variable_slots, assigned_slots, leaves               # the same as slots
    cdef readonly object structure              # what it returned
    cdef GradientTape pull                      # follows all of it, for gradients that tapes outside ask for; or None (core/followed.pxi)
    cdef uint64_t pull_bit
    cdef list own_tapes                         # of single instructions done again, or transposed (from_here_on)
    cdef list seeds                             # slots for cotangents of
    cdef readonly list pulled                   # the leaves that it follows
    cdef list kept, kept_registers              # slots that the gradient wants, and where they are
    cdef list first_kept                        # what stood there in the recording
    cdef list outside                           # tensors from outside that were used
    cdef list inner                             # traces of rows, which are kept as long as this one is recorded: their tensors are refused
    cdef set of_rows                            # slots of constants that are the first row's
    cdef list started                           # [(variable, what it held)] that it is to hold again: of a trace around which others go on
    cdef dict plans_back                        # by which of the pulled leaves have a cotangent: Backs, or None
    cdef int64_t end                            # a leaf that takes results of sweeps

    def __dealloc__(self):
        free(self.registers)
        free(self.input_slots)
        free(self.made)
        ad_plan_free(self.plan)

    def __init__(self, stabilize=None, bint keeps=False, bint spelled_out=False, bint followed=False):
        """keeps        shall the numbers of the recording stay?  departs and listing need them
        spelled_out  shall gradients that the function takes be recorded operation by operation?
        followed     do tapes around it want gradients through it?"""
        self.keeps, self.settings = keeps, settings_now()
        self.captured = {} if spelled_out else None
        self.tape = GradientTape(stabilize=stabilize)
        self.tape.accessed = True
        if followed:
            self.pull = GradientTape(True, True, False, False)
        self.plans_back, self.kept, self.kept_registers, self.own_tapes = {}, [], [], []

    def __enter__(self):
        global ad_current
        self.inputs, self.events, self.assigned, self.path, self.outside, self.started, self.inner = [], [], [], [], [], [], []
        self.of_rows = set()
        self.outer = ad_current
        ad_current = NULL
        try:
            join(self.tape)
        except:
            ad_current = self.outer
            raise
        enter(self.tape)
        self.program = self.tape.program
        self.program.trace = self
        self.program.p.tracing = self.tape.bit
        note_places(True)
        if self.pull is not None:
            join(self.pull)
            enter(self.pull)
            self.pull_bit = self.pull.bit
            self.program.p.pulled = self.pull_bit
        if self.captured is not None or self.pull is not None:                  # what does not depend on the inputs, tapes outside go on recording
            self.program.p.next = self.outer
        return self

    def __exit__(self, kind, value, traceback):
        global ad_current
        cdef int k
        note_places(False)
        self.program.trace = None               # (a cycle)
        self.program.of_rows = self.captured is not None
        self.inner = []
        if self.captured is None:
            for k in range(self.program.n_variables):                           # what they hold is theirs
                v = <object>self.program.variables[k]
                put(<VariableCore>v, fresh(held_now(<VariableCore>v)))
        else:                                   # (what it has not assigned, another thread may have)
            put_back([(v, copy_known_to(self.outer, t if any([v is w for w in self.assigned]) else held_now(<VariableCore>v))) for v, t in self.started])
        if self.pull is not None:
            leave(self.pull)
            forget(self.pull)
        self.drop_own_tapes()
        leave(self.tape)
        ad_current = self.outer
        if self.captured is not None and tracing_here():
            (<Trace>(<Program>ad_current.host).trace).inner.append(self)
        elif kind is not None or self.reason is not None:
            self.program.p.tracing = 0
            forget(self.tape)
            self.program = None
        elif not self.keeps:
            ad_program_keep_shapes(self.program.p)

    cdef int drop_own_tapes(self) except -1:
        for tape in self.own_tapes:
            forget(<GradientTape>tape)
        self.own_tapes = []
        return 0

    def input(self, Tensor x not None):
        """A tensor argument as the function is to see it."""
        cdef Tensor own = fresh(x)
        self.inputs.append(emit(self.program.p, AD_LEAF, own, 0, 0, 0, self.tape.bit | (self.pull_bit if x.code <= AD_F64 else 0)))
        return own

    def give_up(self, str reason):
        if self.reason is None:
            self.reason = reason

    def finish(self, structure, list results):
        """What the function returned, and its leaves: lays down what a replay has to do."""
        cdef ad_program *p = self.program.p
        cdef int64_t slot
        cdef int k
        self.drop_own_tapes()
        if p.taken & ~self.pull_bit != self.tape.bit:       # a tape that nobody holds may wait in a ring for the collector
            collect_garbage()
        if p.taken & ~self.pull_bit != self.tape.bit:       # its record would be that of the latest replay
            self.give_up("leaves a GradientTape behind")
        self.structure = nest_pack(structure, [None] * len(results))
        self.guards = [event for event in self.events if type(event) is Guard]
        self.variables = [<object>self.program.variables[k] for k in range(self.program.n_variables)]
        self.variable_slots = [first_read(p, v) for v in self.variables]
        self.assigned_slots = [slot_in((<VariableCore>v).last, p) for v in self.assigned]
        self.leaves = []
        for y in results:
            slot = slot_in(<Tensor>y, p) if type(y) is Tensor else -1
            if type(y) is Tensor and slot < 0:
                stays_inside(<Tensor>y)
            self.leaves.append(slot if slot >= 0 and p.code[slot].seen & p.tracing else Constant(y))
        if self.pull is not None:
            note_pulled(self, results)
            keep_for_back(self)
        lay_plan(self)

    def specs(self):
        """([dtype and shape of each input], [the same of each result, or what it is at every call])."""
        cdef const ad_program *p = self.program.p
        told = [(DTYPES[p.code[<int64_t>k].dtype], shape_at(p, k)) for k in self.inputs]
        return told, [(<Constant>leaf).value if type(leaf) is Constant else (DTYPES[p.code[<int64_t>leaf].dtype], shape_at(p, leaf)) for leaf in self.leaves]

    def drop_first_kept(self):
        kept, self.first_kept = self.first_kept or [], None
        return kept

    def listing(self):
        """Its instructions (_core.listing); of a trace that keeps its numbers."""
        return listing(self.tape)

    def slot_of(self, Tensor x not None):
        """Where a tensor stands in the listing, or None."""
        stays_inside(x)
        return slot(self.tape, x)

    def read_at(self):
        """{slot: variable} of those that were read."""
        return {first_read(self.program.p, <object>self.program.variables[k]): <object>self.program.variables[k]
                for k in range(self.program.n_variables)}

    def is_straight(self):
        """Does it branch on no value, assign no variable and call no custom gradient?"""
        cdef int64_t k
        cdef const ad_program *p = self.program.p
        if self.assigned or self.program.calls or self.program.customised or any([type(event) is Guard for event in self.events]):
            return False
        for k in range(recorded(p)):            # (what an earlier call of a function assigned, which is assigned no more)
            if p.code[k].op == AD_ALIAS and p.code[k].a != p.code[k].b and not p.code[k].seen & ~p.tracing:
                return False
        return True

    def stopped(self):
        """The slots of what stop_gradient gave: no tape sees them."""
        cdef int64_t k
        cdef const ad_program *p = self.program.p
        return {k for k in range(recorded(p)) if p.code[k].op == AD_ALIAS and not p.code[k].seen & ~p.tracing}

    def variables_before(self):
        """[(variable, the tensor it held)] of those that were read or assigned; of a trace that keeps its numbers."""
        return variables_at_start(self)

    def variables_after(self):
        """[(variable, the tensor it holds now)] of those that were assigned."""
        return [(v, held_now(<VariableCore>v)) for v in self.assigned]

    def departs(self, Trace now not None):
        """Where another recording of the function, `now`, departs from this one, in words, or None; both keep their numbers."""
        return first_difference(self, now)

    cdef bint is_of_now(self) noexcept:
        """Would a call as written have the settings that it was recorded under?"""
        return self.settings == settings_now() or self.settings == ANY_SETTINGS

    cdef bint fits(self, Py_ssize_t k, Tensor x) except -1:
        """Has the k-th input the dtype and shape that were recorded?"""
        cdef const ad_instruction *at = &self.program.p.code[self.input_slots[k]]
        cdef const ad_array *a
        cdef const ad_array *b
        stays_inside(x)
        if x.code != at.dtype or x.is_array != (at.flags & AD_IS_ARRAY != 0):
            return False
        if not x.is_array:
            return True
        a, b = x.value.array, at.value.array
        return a.ndim == b.ndim and memcmp(a.shape, b.shape, a.ndim * sizeof(int64_t)) == 0

    cdef object run(self, PyObject *const *inputs):
        """What the function returns for these inputs; else NOTHING, with `outcome` saying why."""
        cdef Py_ssize_t n
        cdef const ad_made *part
        self.outcome = FAILED
        if self.running:
            return NOTHING
        self.running = True
        try:
            n = give_inputs(self, inputs)
            if not run_plan(self, self.plan):
                return NOTHING
            if self.made is NULL:
                result = rebuilt(self)
            else:
                part = self.made
                result = ad_make_result(self.plan, &part, self.constants)
            if self.assigned:
                self.assign_anew(n)
            return result
        finally:
            ad_plan_end(self.plan)
            self.running = False

    cdef list run_flat(self, inputs, list values, bint assigns):
        """The same as a list of leaves, for variables that hold these values; then what a gradient wants kept."""
        cdef Py_ssize_t k, n = len(inputs)
        self.outcome = FAILED
        if self.running:
            return None
        self.running = True
        try:
            for k in range(n):
                ad_plan_give(self.plan, self.registers[k], (<Tensor>inputs[k]).value)
            for t in values:
                ad_plan_give(self.plan, self.registers[n], (<Tensor>t).value)
                n += 1
            if not run_plan(self, self.plan):
                return None
            leaves = [leaf_of(self, k) for k in range(len(self.outputs))]
            for r in self.kept_registers:
                leaves.append(out_of(self.plan, <uint32_t>r))
            if assigns:
                self.assign_anew(n)
            return leaves
        finally:
            ad_plan_end(self.plan)
            self.running = False

    cdef int assign_anew(self, Py_ssize_t n) except -1:
        """What the function assigned is in the registers from the n-th on."""
        for v in self.assigned:
            hold(<VariableCore>v, out_of(self.plan, self.registers[n]))
            n += 1
        return 0

    cdef list pull_back(self, tuple mask, list operands, list seeds, list kept):
        """The gradients by inputs and variables, None where there is none: `mask` says which of the pulled leaves have a cotangent, in
        `seeds`; `operands` are the inputs, then what the variables held; `kept` what the run kept.  None: it takes what only Python can do."""
        if mask not in self.plans_back:
            self.plans_back[mask] = lay_back(self, mask)
        back = self.plans_back[mask]
        return None if back is None else run_back(self, <Back>back, operands, seeds, kept)


cdef inline Py_ssize_t give_inputs(Trace trace, PyObject *const *inputs) except -1:
    """Begin a run; how many inputs and variables there are."""
    cdef Py_ssize_t k, n = trace.n_inputs
    for k in range(n):
        ad_plan_give(trace.plan, trace.registers[k], (<Tensor>inputs[k]).value)
    for v in trace.variables:
        ad_plan_give(trace.plan, trace.registers[n], held_now(<VariableCore>v).value)
        n += 1
    return n


cdef object NOTHING = object()                  # no result, where None may be one


cdef enum:
    FAILED, ELSEWHERE                           # the function has to run itself, to say what is wrong; a guard has another outcome


@cython.final
cdef class Constant:
    """A result that no input has a share in."""
    cdef readonly object value

    def __init__(self, value):
        self.value = value


cdef extern from "plan/plan.h":
    pass

cdef extern from *:
    """
    /* What a function returns, part by part: a tuple or a list, and then its items; the tensor in a register; what it is at every call. */
    enum { AD_A_TENSOR, AD_A_TUPLE, AD_A_LIST, AD_A_CONSTANT };
    typedef struct { int32_t kind; uint32_t n; } ad_made;      /* n: items, the register, which constant */

    static PyObject *ad_make_result(const ad_plan *t, const ad_made **at, PyObject *constants)
    {
        const ad_made part = *(*at)++;
        if (part.kind == AD_A_TENSOR) {
            ad_tensor *y = (ad_tensor *)ad_tensor_new();
            if (y == NULL)
                return NULL;
            y->code = ad_known_of(t, part.n)->dtype;
            y->value = t->value[part.n];
            if (ad_known_of(t, part.n)->is_array) {
                y->value.array = ad_array_keep(y->value.array);
                if (y->value.array == NULL) {
                    Py_DECREF(y);
                    return PyErr_NoMemory();
                }
                y->is_array = 1;
            }
            return (PyObject *)y;
        }
        if (part.kind == AD_A_CONSTANT)
            return Py_NewRef(PyList_GET_ITEM(constants, part.n));
        PyObject *made = part.kind == AD_A_TUPLE ? PyTuple_New(part.n) : PyList_New(part.n);
        for (uint32_t k = 0; k < part.n && made; k++) {
            PyObject *item = ad_make_result(t, at, constants);
            if (item == NULL)
                Py_CLEAR(made);
            else if (part.kind == AD_A_TUPLE)
                PyTuple_SET_ITEM(made, k, item);
            else
                PyList_SET_ITEM(made, k, item);
        }
        return made;
    }
    """
    enum: AD_A_TENSOR, AD_A_TUPLE, AD_A_LIST, AD_A_CONSTANT
    ctypedef struct ad_made:
        int32_t kind
        uint32_t n
    object ad_make_result(const ad_plan *t, const ad_made **at, list constants)


cdef int plan_result(Trace trace) except -1:
    """Let C put the result together, where it is made of tuples and lists."""
    cdef list parts = []
    cdef Py_ssize_t k
    trace.constants = []
    if not add_parts(trace.structure, iter(trace.outputs), parts, trace.constants):
        return 0
    trace.made = <ad_made *>malloc(len(parts) * sizeof(ad_made))
    if trace.made is NULL:
        raise MemoryError("function: no memory for a trace")
    for k in range(len(parts)):
        trace.made[k].kind, trace.made[k].n = parts[k]
    return 0


cdef bint add_parts(object structure, object outputs, list parts, list constants) except -1:
    if structure is None or type(structure) is Tensor:
        output = next(outputs)
        if type(output) is Constant:
            parts.append((AD_A_CONSTANT, len(constants)))
            constants.append((<Constant>output).value)
        else:
            parts.append((AD_A_TENSOR, output))
        return True
    if type(structure) is not tuple and type(structure) is not list:
        return False
    parts.append((AD_A_TUPLE if type(structure) is tuple else AD_A_LIST, len(structure)))
    for item in structure:
        if not add_parts(item, outputs, parts, constants):
            return False
    return True


cdef object rebuilt(Trace trace):
    """What the function returned, with the leaves of now."""
    return rebuilt_of(trace, [leaf_of(trace, k) for k in range(len(trace.outputs))])


cdef inline object leaf_of(Trace trace, Py_ssize_t k):
    leaf = (<list>trace.outputs)[k]
    return (<Constant>leaf).value if type(leaf) is Constant else out_of(trace.plan, leaf)


cdef Tensor out_of(const ad_plan *t, uint32_t register):
    cdef int dtype, is_array
    cdef ad_value value = ad_plan_value(t, register, &dtype, &is_array)
    cdef ad_array *kept
    if not is_array or not value.array.lent:
        return tensor_of(dtype, is_array, value)
    kept = ad_array_keep(value.array)
    if kept is NULL:
        raise MemoryError("function: no memory for a copy of an argument")
    return wrap(kept)


# ------------------------------------------------------------------------------------------------------- what C does not know
cdef bint run_plan(Trace trace, ad_plan *t) except -1:
    """Run a plan of the trace whose inputs are given; False: it cannot go on.  What is raised on the way, the function as it is written
    raises too, from its own line, and with what it has assigned until then."""
    cdef int status = ad_plan_run(t)
    cdef bint goes_on
    while status == AD_PLAN_PYTHON:
        try:
            goes_on = outcome_is_as_recorded(trace, t)
        except Exception:
            goes_on = False
        if not goes_on:
            return False
        ad_plan_done(t)
        status = ad_plan_run(t)
    return status == AD_OK and not was_pending()


cdef bint outcome_is_as_recorded(Trace trace, ad_plan *t) except -1:
    """Of the guard that the plan waits for."""
    cdef const ad_step *step = ad_plan_pending(t)
    cdef Guard guard = trace.guards[step.which]
    cdef int dtype, is_array
    cdef ad_value value = ad_plan_value(t, step.g, &dtype, &is_array)
    outcome = guard.look(dtype, is_array, value)
    if outcome is not guard.outcome and outcome != guard.outcome:
        trace.outcome = ELSEWHERE
        trace.way = [*trace.path[:step.which], outcome]
        return False
    return True


def put_back(list variables not None):
    """Let variables hold these tensors: [(variable, tensor)]."""
    for v, t in variables:
        put(<VariableCore?>v, <Tensor?>t)
