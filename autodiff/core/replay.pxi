# Gradients and values by the precise replay: what autodiff.precise computes, put where tapes that still record can follow it.

cdef object replays():
    """autodiff.precise, which runs a record again with more digits; imported when it is asked for the first time."""
    import importlib

    return importlib.import_module("autodiff.precise")


cdef list sweep_precise(GradientTape tape, object targets, list seeds, list sources):
    """`sweep`, by replay.  Where a tape follows the gradient, the plain sweep is recorded too, as the operand of a call whose
    result is the replayed gradient: a plain tape differentiates the plain sweep, a precise one asks the replay again."""
    cdef list flat = targets if type(targets) is list else [targets]
    cdef list plain, results, kept
    cdef bint follow = any_seen_now(flat) or (seeds is not None and any_seen_now(seeds))
    untraceable("asks for precise gradients")
    plain = sweep(tape, targets, seeds, sources) if follow else None
    with stop_recording():
        results, again = replays().gradient_of(tape, flat, seeds, sources)
        for k in range(len(flat)):
            add_identities(tape, flat[k], None if seeds is None else seeds[k], sources, results)
    if follow:
        kept = [k for k in range(len(sources)) if results[k] is not None and plain[k] is not None]
        again.kept = kept
        made = record_call([results[k] for k in kept], [plain[k] for k in kept], again)
        for k, y in zip(kept, made):
            results[k] = y
    return results


cdef bint any_seen_now(list tensors) except -1:
    for t in tensors:
        if t is not None and seen_now(<Tensor>t if type(t) is Tensor else (<VariableCore>t).root):
            return True
    return False


cdef object replayed_value(GradientTape tape, object target):
    program_of(tape)
    if not tape.precise:
        raise errors.TapeError("value: the tape does not replay; make it GradientTape(precise=True)")
    untraceable("asks for precise values")
    flat = [target] if is_tensor(target) else targets_of(target, "value")
    with stop_recording():
        results = replays().values_of(tape, flat)
    return results[0] if is_tensor(target) else nest_pack(target, results)


def plain_sweep(GradientTape tape not None, list targets, list seeds, list sources):
    """The gradient by each source, or None, by the numbers that were recorded; nothing follows it."""
    with stop_recording():
        return sweep(tape, targets, seeds, sources)


def place_of(GradientTape tape not None):
    """What tells the tape's program, as it is now, from all others."""
    cdef Program program = program_of(tape)
    return <Py_ssize_t>program.p, program.p.generation


def program_size(GradientTape tape not None):
    """The number of instructions that the tape's program has."""
    return program_of(tape).p.n


def raw_array(Tensor t not None):
    """The numbers of a tensor, as an array of its own; no tape takes note."""
    return np.asarray(to_numpy(t))
