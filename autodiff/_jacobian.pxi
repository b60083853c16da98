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
