# Jacobians of a tape: what autodiff.jacobians computes by many sweeps, as the tape's one use.

cdef list jacobian_hooks = [None, None]         # of autodiff.jacobians


def set_jacobian_hooks(jacobian, batch_jacobian):
    """Called by autodiff.jacobians, which maps a tape's sweep over many cotangents."""
    jacobian_hooks[0], jacobian_hooks[1] = jacobian, batch_jacobian


cdef object several_sweeps(GradientTape tape, int which, target, sources, unconnected, parallel, use_pfor):
    """The one use of a tape, for as many sweeps as it takes."""
    cdef bint zeros = zeros_wanted(unconnected), keep = tape.persistent
    if tape.program is None:
        raise errors.TapeError(errors.TAPE_USED_UP if tape.used else errors.TAPE_NEVER_ENTERED)
    if not keep and (not use_pfor or (which == 1 and parallel is not None and tracing_here())):
        raise errors.TapeError("GradientTape must be created with persistent=True to compute a jacobian with parallel_iterations or "
                               "with experimental_use_pfor=False")
    if tape.entered and not keep:
        tape.program.p.recording &= ~tape.bit
        tape.program.p.accessed &= ~tape.bit
    tape.persistent = True
    try:
        return jacobian_hooks[which](tape, target, sources, zeros)
    finally:
        tape.persistent = keep
        if not keep:
            if tape.entered:
                leave(tape)
            tape.used = True
            forget(tape)


# ------------------------------------------------------------------------------------------------------ forward accumulation
@cython.final
cdef class Surroundings:
    """The tapes and accumulators that record around a tape when this is made, inside its block; a context in which they do so again,
    those that are still there: what an accumulator computes later belongs to them, as if it had been computed with the values."""
    cdef GradientTape tape
    cdef uint64_t bits, added

    def __init__(self, GradientTape tape not None):
        self.tape, self.bits = tape, tape.program.p.recording & ~tape.bit

    def __enter__(self):
        cdef Program program = self.tape.program
        cdef ad_program *p = program.p
        cdef bint here = program.thread is <void *>&ad_current
        self.added = self.bits & p.taken & ~p.recording if here or program.entered == 0 else 0
        if self.added:
            if not here or program.entered == 0:
                link(p)
                program.thread = <void *>&ad_current
            program.entered += 1
            p.recording |= self.added

    def __exit__(self, kind, value, traceback):
        if self.added:
            self.tape.program.p.recording &= ~self.added
            self.tape.program.entered -= 1
            if self.tape.program.entered == 0:
                unlink(self.tape.program.p)
            self.added = 0
