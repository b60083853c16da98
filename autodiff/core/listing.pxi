# The recorded program as Python sees it: for the precise replay, the audit, and whoever prints a program.

MARKERS = {AD_LEAF: "leaf", AD_ALIAS: "alias", AD_CALL: "call", AD_RESULT: "result"}


@cython.final
cdef class Instruction:
    """One instruction of a program; it wrote slot `index`.

    row        the operator's Row, or "leaf" (a constant or what is watched), "alias" (its operand under a slot of its own),
               "call" (of custom_gradient; its results follow it), "result" (of the call that is its operand)
    operands   slots, in order
    attrs      the row's attributes by name; of a call {"function": what gives its gradients}, of a result {"which": k}
    dtype, value   of the result; value is a Tensor that shares the program's memory, None for a call
    seen       does the tape that was asked depend on a watched value here?
    lost       did the value leave its tape by numpy(), float() and the like?
    """
    cdef readonly int64_t index
    cdef readonly object row
    cdef readonly tuple operands
    cdef readonly dict attrs
    cdef readonly object dtype
    cdef readonly Tensor value
    cdef readonly bint seen
    cdef readonly bint lost

    def __repr__(self):
        name = self.row if isinstance(self.row, str) else self.row.name
        shape = () if self.value is None else shape_tuple(self.value)
        attrs = "".join([f" {k}={v}" for k, v in self.attrs.items()])
        return f"<{self.index}: {name}{self.operands}{attrs} {self.dtype.name}{shape}>"


cdef Program program_of(GradientTape tape):
    if tape.program is None:
        raise errors.TapeError(errors.TAPE_USED_UP if tape.used else errors.TAPE_NEVER_ENTERED)
    return tape.program


def instruction(GradientTape tape not None, int64_t slot):
    """The instruction that wrote a slot of the tape's program.

    Raises TapeError where the tape has no record (any more), IndexError for a slot beyond it.
    """
    cdef Program program = program_of(tape)
    cdef ad_program *p = program.p
    cdef const ad_instruction *at
    cdef Instruction made = Instruction.__new__(Instruction)
    cdef int k
    if not 0 <= slot < p.n:
        raise IndexError(f"instruction: slot {slot} of a program of {p.n} instructions")
    at = &p.code[slot]
    made.index = slot
    made.dtype = DTYPES[at.dtype]
    made.seen = at.seen & tape.bit != 0
    made.lost = at.flags & AD_LOST != 0
    if at.op == AD_LEAF:
        made.operands = ()
    elif at.op == AD_ALIAS or at.op == AD_RESULT:
        made.operands = (at.a,)
    else:
        made.operands = tuple([ad_operand(p, at, k) for k in range(ad_operand_count(p, at))])
    if at.op < AD_LEAF:
        made.row = ROWS[at.op]
        made.attrs = attributes_at(p, slot, made.row)
    else:
        made.row = MARKERS[at.op]
        made.attrs = {}
        if at.op == AD_CALL:
            made.attrs["function"] = program.calls[ad_attributes(p, at)[0]]
        elif at.op == AD_RESULT:
            made.attrs["which"] = slot - <int64_t>at.a - 1
    if at.op != AD_CALL:
        made.value = tensor_at(p, slot)
    return made


def listing(GradientTape tape not None):
    """Every instruction of the tape's program, the ones that other tapes recorded included; the list's index is the slot.

    Raises TapeError where the tape has no record (any more).

    >>> import autodiff as ad
    >>> from autodiff import _core
    >>> x = ad.Variable(2.0)
    >>> with ad.GradientTape() as tape:
    ...     y = ad.exp(x) * 3
    >>> _core.listing(tape)
    [<0: leaf() float32()>, <1: exp(0,) float32()>, <2: leaf() float32()>, <3: mul(1, 2) float32()>]
    """
    cdef int64_t k
    return [instruction(tape, k) for k in range(recorded(program_of(tape).p))]


def slot(GradientTape tape not None, x):
    """The slot of a tensor in the tape's program, of a variable the one where it was first read; None: it has none."""
    cdef int64_t at
    at = slot_in(<Tensor>x if type(x) is Tensor else (<VariableCore?>x).root, program_of(tape).p)
    return None if at < 0 else at


def source_slots(GradientTape tape not None, list sources):
    """The slot that gathers the gradient by each source, None where the tape does not follow it."""
    program_of(tape)
    slots = [source_slot(tape, x) for x in sources]
    return [None if at < 0 else at for at in slots]
