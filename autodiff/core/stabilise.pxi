# Stabilisation: while a program is stabilised, every elementwise operation is first shown, with what its operands were computed
# from, to the laws of autodiff/stabilise/; where one fires, what it gives is computed and recorded instead.
#
# A law may look through an operand only if nobody can see it: u = 1 + x; log(u) * x / (u - 1) (Kahan) is right because u is
# rounded.  So every instruction notes which of its operands were temporaries: tensors with no holder but those on the way from
# the caller's stack to here.

cdef bint stabilise_all = False                 # config.stabilize
cdef extern from *:                             # of the thread:
    """
    static AD_THREAD int holders = 1;
    static AD_THREAD int more_holders = 0;
    static AD_THREAD PyObject *called = 0;
    static AD_THREAD PyObject *lent_to_numpy[3];
    static AD_THREAD int at_work = 0;
    enum { AD_MOST_HELD = 16 };
    static AD_THREAD int64_t work_held[AD_MOST_HELD];
    static AD_THREAD int n_work_held = 0;
    static AD_THREAD int in_rule = 0;
    """
    int holders                                 # references to a temporary operand on the present way into the core
    int more_holders                            # of the operand of a sum that came through NumPy
    PyObject *called                            # the operand whose method NumPy called, which holds it once more
    PyObject **lent_to_numpy                    # operands that the caller's stack had only borrowed when it called NumPy with them
    bint at_work                                # a law is computing: its intermediate values are nobody's
    enum: AD_MOST_HELD
    int64_t *work_held                          # slots that it was given and that others hold; n_work_held of them, or more than there is room for
    int n_work_held
    bint in_rule                                # a row's rule is computing: it has its digits as it is written
cdef list stabilise_hooks = [None, None]        # of autodiff.stabilise: (row, nodes, of_range) -> the laws whose form that is; (laws, row, nodes) -> what takes its place or None, is it so beside a point alone?
cdef int is_head[AD_NOPS]                       # which laws begin with the row?


def set_stabilise_hooks(laws, rewrite, heads, of_range):
    """Called by autodiff.stabilise, which has the laws; `heads` are the rows they begin with, `of_range` those of the laws of range."""
    stabilise_hooks[:] = [laws, rewrite]
    for row in heads:
        is_head[<int>row.code] = AD_EVERY_LAW
    for row in of_range:
        is_head[<int>row.code] |= AD_RANGE_LAWS


cdef int load_laws() except -1:
    if stabilise_hooks[0] is None:
        import importlib

        importlib.import_module("autodiff.stabilise")
    return 0


cdef int norm_recorded() except -1:
    """From here on, quotients in this program are shown to the laws of range."""
    if ad_current is not NULL and not ad_current.laws & AD_RANGE_LAWS:
        load_laws()
        ad_current.laws |= AD_RANGE_LAWS
    return 0


def set_stabilize(bint on):
    """Does a tape that does not say otherwise stabilise?"""
    global stabilise_all
    stabilise_all = on


def get_stabilize():
    return stabilise_all


cdef inline bint stabilising_here() noexcept:
    return ad_current is not NULL and ad_current.laws & AD_EVERY_LAW != 0


cdef extern from "Python.h":
    Py_ssize_t Py_REFCNT(PyObject *x)


cdef extern from *:
    """
    /* Is a tensor on the caller's stack without a reference of the stack's own?  Python 3.14 and later lay local variables there so
       (LOAD_FAST_BORROW): counted alone, u in log(u) would have as many holders as the temporary in log(1 + x).  Python tells what its stack
       owns where there is one reference only, so for the length of the question there is. */
    static int ad_lent(PyObject *tensor)
    {
        int lent = 0;
    #if PY_VERSION_HEX >= 0x030E0000
        Py_ssize_t n = Py_REFCNT(tensor), k;
        int own;
        PyFrameObject *frame;
        PyObject *locals, *values;
        Py_SET_REFCNT(tensor, 1);
        own = PyUnstable_Object_IsUniqueReferencedTemporary(tensor);
        Py_SET_REFCNT(tensor, n);
        if (own || (frame = PyEval_GetFrame()) == NULL)
            return 0;
        locals = PyFrame_GetLocals(frame);
        values = locals != NULL ? PyMapping_Values(locals) : NULL;
        if (values == NULL)                     /* no memory: what cannot be known is held */
            PyErr_Clear();
        for (k = values != NULL ? PyList_GET_SIZE(values) : 0, lent = values == NULL; k-- > 0 && !lent;)
            lent = PyList_GET_ITEM(values, k) == tensor;
        Py_XDECREF(values);
        Py_XDECREF(locals);
    #endif
        return lent;
    }
    """
    int ad_lent(PyObject *tensor)


cdef void note_lent(tuple operands) noexcept:
    cdef int k
    for k in range(3):
        lent_to_numpy[k] = <PyObject *>operands[k] if k < len(operands) and ad_lent(<PyObject *>operands[k]) else NULL


cdef bint held_at_work(const Operand *x) noexcept:
    cdef int64_t slot = slot_in(<Tensor>x.tensor, ad_current)
    cdef int k
    for k in range(min(n_work_held, AD_MOST_HELD)):
        if work_held[k] == slot:
            return True
    return n_work_held > AD_MOST_HELD


cdef inline bint is_temporary(const Operand *x) noexcept:
    if at_work:
        return not held_at_work(x)
    if Py_REFCNT(x.tensor) > holders + (x.tensor == called) * numpy_holders[1] or ad_lent(x.tensor):
        return False
    return x.tensor != lent_to_numpy[0] and x.tensor != lent_to_numpy[1] and x.tensor != lent_to_numpy[2]


cdef int temporaries(const Operand *x, int n) noexcept:
    """The flags of operands that nobody else holds."""
    cdef int k, flags = 0
    for k in range(min(n, 3)):
        if x[k].tensor is not NULL and is_temporary(&x[k]):
            flags |= AD_TEMPORARY << k
    return flags


cdef Tensor stabilised_sum(Operand *x, object axis, object keepdims, str name, int64_t *count):
    """`sum_over`, where a temporary operand has two holders: the caller's stack and the argument."""
    global holders
    holders = 2 + more_holders
    try:
        return sum_over(x, axis, keepdims, name, count)
    finally:
        holders = 1


# ---- on the way through NumPy, np.log(1 + np.exp(t)): how many hold a temporary is counted once, when autodiff.arrays is imported
cdef int numpy_holders[3]                       # of an operand of a ufunc; how many more of that whose method is called; of np.sum's
cdef set through_numpy = set()                  # the functions that the last is for


def holders_of(tuple tensors):
    """How many hold each, the tuple among them."""
    return [Py_REFCNT(<PyObject *>t) - 1 for t in tensors]          # (t is one more)


def set_numpy_holders(int of_operands, int of_called, int of_summed, functions):
    """Called by autodiff.arrays, which has counted."""
    numpy_holders[0], numpy_holders[1], numpy_holders[2] = of_operands, of_called - of_operands, of_summed
    through_numpy.update(functions)


cdef object stabilised_ufunc(Tensor self, object ufunc, object method, tuple inputs, dict kwargs):
    global holders, called
    holders, called = numpy_holders[0], <PyObject *>self
    note_lent(inputs)
    try:
        return numpy_hooks[0](ufunc, method, inputs, kwargs)
    finally:
        holders, called = 1, NULL
        note_lent(())


cdef object stabilised_function(object func, object types, object args, object kwargs):
    global more_holders
    more_holders = numpy_holders[2]
    note_lent(args)
    try:
        return numpy_hooks[1](func, types, args, kwargs)
    finally:
        more_holders = 0
        note_lent(())


@cython.final
cdef class Node:
    """What an operand was computed from, as far as a law may see.

    row        the Row that made it; None for a constant, an input, and what somebody else holds too
    operands   Nodes, in order;  attrs: the row's attributes
    temporary  has nobody else seen it?
    """
    cdef ad_program *p
    cdef int64_t slot                           # where it stands for the tapes; -1: nowhere
    cdef int64_t made                           # where it was made: the slot that an alias stands for
    cdef readonly bint temporary
    cdef readonly object row
    cdef Tensor own                             # a value that stands in no slot

    @property
    def operands(self):
        cdef const ad_instruction *at = &self.p.code[self.made]
        cdef int k
        return [node_at(self.p, ad_operand(self.p, at, k), k < 3 and at.flags & AD_TEMPORARY << k != 0)
                for k in range(ad_operand_count(self.p, at))]

    @property
    def attrs(self):
        return attributes_at(self.p, self.made, self.row)

    @property
    def value(self):
        """The tensor, as the tapes know it."""
        global n_work_held
        if self.slot >= 0 and not self.temporary and at_work:
            if n_work_held < AD_MOST_HELD:
                work_held[n_work_held] = self.slot
            n_work_held += 1
        return self.own if self.slot < 0 else tensor_at(self.p, self.slot)

    @property
    def written(self):
        """The row and the Nodes that a law put it in the place of, and whether it did so beside some point alone; or None."""
        cdef Program program = <Program>self.p.host if self.slot >= 0 and self.p.host is not NULL else None
        return None if program is None or program.written is None else program.written.get(self.made)

    @property
    def number(self):
        """The number that a scalar constant is, else None."""
        cdef Tensor t = self.own
        if self.slot >= 0:
            if self.p.code[self.made].op != AD_LEAF or self.p.code[self.slot].seen:
                return None
            t = tensor_at(self.p, self.slot)
        return None if t.is_array else number_of(t)

    def same(self, Node other not None):
        """Are both the same value, or equal constants?"""
        if self.slot >= 0 and other.slot >= 0 and self.made == other.made:
            return True
        a, b = self.number, other.number
        return a is not None and a == b

    def __repr__(self):
        return f"<node {self.slot}: {None if self.row is None else self.row.name}{' temporary' if self.temporary else ''}>"


cdef Node node_at(ad_program *p, int64_t slot, bint temporary):
    cdef Node node = Node.__new__(Node)
    node.p, node.slot, node.made, node.temporary = p, slot, slot, temporary
    while p.code[node.made].op == AD_ALIAS:     # a variable read again, a tensor watched by an inner tape
        node.made = p.code[node.made].b
    if p.code[node.made].op < AD_LEAF:
        node.row = ROWS[p.code[node.made].op]
    return node


cdef object rewritten(int op, const Operand *x, int n):
    """What a law puts in the place of a row on these operands, or None."""
    global at_work, holders, n_work_held
    cdef ad_program *p = ad_current
    cdef Program program
    cdef Node node
    cdef int64_t slot, size = p.n if p is not NULL else 0
    cdef int k, before = holders
    cdef bint seen = False
    if at_work or in_rule or not is_head[op] & p.laws or x[n - 1].code > AD_F64 or (p.next is not NULL and p.pulled == 0):
        return None
    for k in range(n):
        slot = slot_in(<Tensor>x[k].tensor, p) if x[k].tensor is not NULL else -1
        seen |= slot >= 0 and p.code[slot].seen & p.recording != 0
    if not seen:
        return None
    form = form_of(op, x, n, p)
    laws = laws_of_form.get(form)
    if laws is not None and not len(laws):
        return None
    nodes = []
    for k in range(n):
        slot = slot_in(<Tensor>x[k].tensor, p) if x[k].tensor is not NULL else -1
        if slot >= 0:
            node = node_at(p, slot, is_temporary(&x[k]))
        else:
            node = Node.__new__(Node)
            node.p, node.slot, node.own = p, -1, operand_tensor(&x[k])
        nodes.append(node)
    at_work, holders, n_work_held = True, 1, 0
    try:
        if laws is None:
            laws = stabilise_hooks[0](ROWS[op], nodes, not p.laws & AD_EVERY_LAW)
            if len(laws_of_form) >= FORMS:
                laws_of_form.clear()
            if form is not None:
                laws_of_form[form] = laws
        y, local = stabilise_hooks[1](laws, ROWS[op], nodes)
    finally:
        at_work, holders = False, before
    if y is not None and p.host is not NULL:
        slot = slot_in(<Tensor>y, p)
        if slot >= size:                        # made by the law: laws around it may see what was written there
            program = <Program>p.host
            if program.written is None:
                program.written = {}
            program.written[slot] = (ROWS[op], nodes, local)
    return y
