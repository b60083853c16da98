# Tapes: a bit in a program, from the slot where it was entered.

cdef str UNCONNECTED_NONE = "none"


cdef enum:
    FEW_WATCHED = 4


cdef class GradientTape:
    """Record operations for automatic differentiation, as tensorflow.GradientTape.

    persistent                 may `gradient` be called more than once?  The record is kept until the tape is deleted
    watch_accessed_variables   follow every trainable variable that is read inside; otherwise only what is watched
    precise                    run the record again with as many digits as it takes, and round once (docs/precise.md)
    stabilize                  record log(1 + exp(x)) as softplus(x), and so on (docs/stabilise.md); None: as config.stabilize says

    Tapes nest to any order: operations of a `gradient` call are recorded by the tapes that are still recording.  A tape may be
    entered again after it was left, and goes on recording.

    >>> import autodiff as ad
    >>> x, y = ad.Variable(5.0), ad.Variable(10.0)
    >>> with ad.GradientTape() as tape:
    ...     z = 3 * x**2 + 5 * x * y
    >>> tape.gradient(z, [x, y])
    [<ad.Tensor: shape=(), dtype=float32, numpy=80.0>, <ad.Tensor: shape=(), dtype=float32, numpy=25.0>]
    """
    # A tape is one bit of `seen` in a program that it shares with the tapes around it; slots before `start` are never seen
    # by that bit.
    cdef Program program                        # None: never entered, or used up
    cdef uint64_t bit
    cdef uint32_t start
    cdef readonly bint persistent
    cdef readonly bint precise                  # gradients by replay (core/replay.pxi)
    cdef readonly bint stabilize                # (core/stabilise.pxi)
    cdef bint accessed                          # watches variables by itself
    cdef bint entered
    cdef bint used                              # asked for its one set of gradients
    cdef PyObject *few_watched[FEW_WATCHED]     # the variables, owned, once the program is gone: n_watched of them ...
    cdef int n_watched
    cdef list watched                           # ... or all of them here, where they are more
    cdef object __weakref__

    def __cinit__(self, persistent=False, watch_accessed_variables=True, precise=False, stabilize=None):
        self.persistent = persistent
        self.accessed = watch_accessed_variables
        self.precise = precise
        self.stabilize = stabilise_all if stabilize is None else stabilize
        if self.stabilize:
            load_laws()

    def __dealloc__(self):
        give_up(<PyObject *>self)
        forget_variables(self)

    def __enter__(self):
        if self.entered:
            raise errors.TapeError("Tape is still recording, This can happen if you try to re-enter an already-active tape.")
        if self.program is None:
            forget_variables(self)
            join(self)
        elif self.program.unlocked:
            raise errors.TapeError("GradientTape: another thread computes a gradient of this tape; enter it again afterwards")
        enter(self)
        return self

    def __exit__(self, kind, value, traceback):
        if self.entered:
            leave(self)

    cdef int recording(self) except -1:
        if self.program is None or not self.entered or not self.program.p.recording & self.bit:
            raise errors.TapeError("Tape is not recording.")
        return 0

    def watch(self, tensor):
        """Follow a tensor, a variable, or all of them in a nested structure, from here on.

        Raises ValueError for anything else; TapeError before the tape is entered, and inside an ad.function for a tape that began outside of
        it.  Integers cannot be followed: a warning says so.
        """
        leaves = [tensor] if is_tensor(tensor) else nest_flatten(tensor)
        for leaf in leaves:
            if not is_tensor(leaf):
                raise ValueError(f"Passed in object {errors.shorten(leaf)} of type {type(leaf).__name__!r}, not ad.Tensor or "
                                 f"ad.Variable.")
        if self.program is None:
            raise errors.TapeError("watch: the tape does not record yet; enter it first: with GradientTape() as tape:")
        if tracing_here() and ad_current is not self.program.p:
            raise errors.TapeError("watch: the tape began outside of the ad.function that runs here, which would watch nothing when it is "
                                   "replayed: watch before the call, or open the tape inside")
        for leaf in leaves:
            watch(self, leaf)

    def reset(self):
        """Forget everything recorded and watched; go on recording."""
        self.recording()
        leave(self)
        forget(self)
        forget_variables(self)
        join(self)
        enter(self)

    def watched_variables(self):
        """The variables that this tape follows, a tuple in the order of their creation."""
        cdef int k
        if self.program is not None:
            variables = variables_seen(self)
        elif self.watched is not None:
            variables = self.watched
        else:
            variables = [<object>self.few_watched[k] for k in range(self.n_watched)]
        return tuple(sorted(variables, key=by_order))

    def gradient(self, target, sources, output_gradients=None, unconnected_gradients=UNCONNECTED_NONE):
        """Return the gradient of the sum of the targets by each source.

        target    tensor, variable, or a nested structure of them
        sources   the same; the result has this structure: a tensor of the source's shape and dtype, or None where the
                  target does not depend on it (zeros with unconnected_gradients="zero")
        output_gradients   cotangents, one per target, of its shape: weights of the targets' elements; None, also for one of several: ones

        Reverse accumulation (Griewank & Walther, Evaluating Derivatives, 2008, ch. 3.2).  Where another recording tape
        follows the target, or a persistent tape is asked inside its own block, the sweep itself is recorded: gradients of
        gradients.

        Raises RuntimeError on the second call of a tape that is not persistent, TypeError where target or sources hold
        something else than tensors, ValueError for an unknown `unconnected_gradients`.

        >>> import autodiff as ad
        >>> x = ad.Variable(3.0)
        >>> with ad.GradientTape() as tape:
        ...     y = x ** 2
        >>> tape.gradient(y, x)
        <ad.Tensor: shape=(), dtype=float32, numpy=6.0>
        """
        cdef list flat, results
        cdef bint zeros = zeros_wanted(unconnected_gradients)
        if self.program is None:
            raise errors.TapeError(errors.TAPE_USED_UP if self.used else errors.TAPE_NEVER_ENTERED)
        if type(target) is Tensor and type(sources) is list and output_gradients is None and not zeros and not (self.entered or self.precise):
            results = sweep_scalars(self, <Tensor>target, <list>sources)
            if results is not None:
                if not self.persistent:
                    self.used = True
                    forget(self)
                return results
        targets = target if is_tensor(target) else targets_of(target)
        if type(sources) is list and not nested(<list>sources):
            flat = <list>sources
        elif is_tensor(sources):
            flat = [sources]
        else:
            flat = sources_of(sources)
        if output_gradients is None:
            seeds = None
        else:
            targets = targets if type(targets) is list else [targets]
            seeds = seeds_of(targets, output_gradients)
        if self.entered and not self.persistent:
            self.program.p.recording &= ~self.bit
            self.program.p.accessed &= ~self.bit
        results = sweep_precise(self, targets, seeds, flat) if self.precise else sweep(self, targets, seeds, flat)
        if zeros:
            results = [zeros_for(s) if g is None else g for g, s in zip(results, flat)]
        if not self.persistent:
            if self.entered:
                leave(self)
            self.used = True
            forget(self)
        if flat is sources:
            return results
        if is_tensor(sources):
            return results[0]
        return nest_pack(sources, results)

    def jacobian(self, target, sources, unconnected_gradients=UNCONNECTED_NONE, parallel_iterations=None, experimental_use_pfor=True):
        """Return the derivative of every element of a target by every element of the sources.

        target    tensor or variable
        sources   tensor, variable, or a nested structure of them; the result has this structure, of tensors of shape
                  target.shape + source.shape, or None where the target does not depend on the source (zeros with
                  unconnected_gradients="zero")
        parallel_iterations, experimental_use_pfor   TensorFlow's; all rows, or all columns where there are fewer, are one sweep
                  (jacobians.py), or one each where the sweep cannot be recorded

        Counts as the one set of gradients of a tape that is not persistent.  Raises what `gradient` raises.

        >>> import autodiff as ad
        >>> x = ad.Variable([1.0, 2.0])
        >>> with ad.GradientTape() as tape:
        ...     y = x * x[0]
        >>> tape.jacobian(y, x).numpy()
        array([[2., 0.],
               [2., 1.]], dtype=float32)
        """
        return several_sweeps(self, 0, target, sources, unconnected_gradients, parallel_iterations, experimental_use_pfor)

    def batch_jacobian(self, target, source, unconnected_gradients=UNCONNECTED_NONE, parallel_iterations=None, experimental_use_pfor=True):
        """Return the Jacobian of each row of target by the same row of source, on which alone it must depend.

        target    tensor of shape (b, ...), source of shape (b, ...), both of rank 2 at least
        returns   a tensor of shape (b, *target.shape[1:], *source.shape[1:]); zeros where the target does not depend on the source

        Raises ValueError where a rank is below 2 or the first dimensions differ, and what `jacobian` raises.

        >>> import autodiff as ad
        >>> x = ad.Variable([[1.0, 2.0], [3.0, 4.0]])
        >>> with ad.GradientTape() as tape:
        ...     y = x * x
        >>> tape.batch_jacobian(y, x).numpy()[1]
        array([[6., 0.],
               [0., 8.]], dtype=float32)
        """
        return several_sweeps(self, 1, target, source, unconnected_gradients, parallel_iterations, experimental_use_pfor)

    def value(self, target):
        """The values of recorded tensors as the replay has them: rounded once, to the dtype.

        target    tensor, variable, or a nested structure of them
        returns   the same structure of tensors that no tape follows; what the tape has not recorded comes back as it is

        Raises TapeError where the tape is not a precise one, or has no record (any more).

        >>> import autodiff as ad
        >>> x = ad.Variable(-40.0)
        >>> with ad.GradientTape(persistent=True, precise=True) as tape:
        ...     y = ad.math.log(1 + ad.exp(x))
        >>> y, tape.value(y)
        (<ad.Tensor: shape=(), dtype=float32, numpy=0.0>, <ad.Tensor: shape=(), dtype=float32, numpy=4.248354e-18>)
        """
        return replayed_value(self, target)

    def stop_recording(self):
        """Context: what runs inside is not recorded by this tape."""
        if self.program is None:
            raise errors.TapeError("Trying to stop recording a tape which is not recording.")
        self.recording()
        return Pause(self)

    def why(self, target, source):
        """Say in a sentence why the gradient of target by source is None, or that it is not.

        target, source   a tensor or a variable each

        >>> import autodiff as ad
        >>> x, w = ad.constant(1.0), ad.Variable(2.0)
        >>> with ad.GradientTape(persistent=True) as tape:
        ...     y = w * x
        >>> tape.why(y, x)
        'The source was not watched: it is a plain tensor. Call tape.watch(source) before computing, or make it a Variable.'
        """
        return explain(story(self, target, source))

    def summary(self):
        """A table of what the tape has recorded, to be printed (in a notebook it shows itself): operators, how often and on what they
        ran, the bytes of their results, and the time that it takes to run them again.

        Raises TapeError where the tape has no record (any more): ask before `gradient`, or make the tape persistent.

        >>> import autodiff as ad
        >>> x = ad.Variable(ad.zeros(1000))
        >>> with ad.GradientTape() as tape:
        ...     y = ad.reduce_sum(ad.exp(x) * ad.exp(-x))
        >>> [(row["what"], row["count"], row["bytes"]) for row in tape.summary().rows]
        [('exp', 2, 8000), ('neg', 1, 4000), ('mul', 1, 4000), ('reduce_sum', 1, 4)]
        """
        import importlib

        return importlib.import_module("autodiff.summary").tape_summary(self)


@cython.final
cdef class Pause:
    cdef GradientTape tape

    def __init__(self, GradientTape tape not None):
        self.tape = tape

    def __enter__(self):
        self.tape.program.p.recording &= ~self.tape.bit
        self.tape.program.p.accessed &= ~self.tape.bit

    def __exit__(self, kind, value, traceback):
        if self.tape.program is not None and self.tape.entered:
            self.tape.program.p.recording |= self.tape.bit
            if self.tape.accessed:
                self.tape.program.p.accessed |= self.tape.bit


# --------------------------------------------------------------------------------------------------------------- lifetime
cdef int join(GradientTape tape) except -1:
    """Take a bit in the thread's current program, or in a new one."""
    global ad_current
    cdef Program program
    cdef ad_program *p
    cdef uint64_t left
    while ad_current is not NULL and ad_current.host is NULL:      # its tapes were left in another thread, and are gone
        ad_current = ad_current.next
    program = <Program>ad_current.host if ad_current is not NULL else new_program()
    p = program.p
    left = ~(p.taken | p.spent)
    if left == 0:                               # bits of dead tapes can be had again once no instruction carries them
        if p.tracing:
            abandon(f"opens more than {TAPES} tapes")
        ad_program_forget(p, p.spent)
        p.spent = 0
        left = ~p.taken
    if left == 0:
        raise errors.TapeError(f"GradientTape: {TAPES} tapes are alive inside one another; drop some, or leave the outermost")
    tape.bit = left & (~left + 1)
    p.taken |= tape.bit
    tape.start = p.n
    tape.program, program.precise = program, program.precise or tape.precise
    program.tapes += 1
    return 0


cdef void enter(GradientTape tape) noexcept:
    cdef ad_program *p = tape.program.p
    if tape.program.entered == 0 or tape.program.thread is not <void *>&ad_current:
        link(p)
        tape.program.thread = <void *>&ad_current
    tape.program.entered += 1
    tape.entered = True
    p.recording |= tape.bit
    if tape.stabilize:
        p.stabilising |= tape.bit
        p.laws |= AD_EVERY_LAW
    if tape.accessed:
        p.accessed |= tape.bit


cdef void leave(GradientTape tape) noexcept:
    cdef ad_program *p = tape.program.p
    tape.entered = False
    p.recording &= ~tape.bit
    p.accessed &= ~tape.bit
    p.stabilising &= ~tape.bit
    if p.stabilising == 0:
        p.laws &= ~AD_EVERY_LAW
    if tape.program.thread is not <void *>&ad_current:
        return                                  # left in another thread: stays linked there, and is never used again
    tape.program.entered -= 1
    if tape.program.entered == 0:
        unlink(p)


cdef int forget(GradientTape tape) except -1:
    """Give up the program, and the memory with it if nobody else holds it."""
    cdef ad_program *p = tape.program.p
    cdef Program program
    cdef int k
    if (p.taken | p.spent) == tape.bit and tape.program.n_variables <= FEW_WATCHED:    # no other was there: all of them are this tape's
        for k in range(tape.program.n_variables):
            tape.few_watched[k] = tape.program.variables[k]
        tape.n_watched, tape.program.n_variables = tape.program.n_variables, 0
    else:
        tape.watched = variables_seen(tape)
    p.taken &= ~tape.bit
    p.spent |= tape.bit
    program = tape.program
    tape.program = None
    program.tapes -= 1
    give_back(program)
    return 0


cdef void forget_variables(GradientTape tape) noexcept:
    tape.watched = None
    while tape.n_watched:
        tape.n_watched -= 1
        Py_DECREF(<object>tape.few_watched[tape.n_watched])


def by_order(v):
    return (<VariableCore>v).order


cdef list variables_seen(GradientTape tape):
    cdef const ad_program *p = tape.program.p
    cdef int64_t slot
    cdef int k
    seen = []
    for k in range(tape.program.n_variables):
        v = <object>tape.program.variables[k]
        slot = slot_in((<VariableCore>v).root, p)
        if slot >= 0 and p.code[slot].seen & tape.bit:
            seen.append(v)
    return seen


cdef int watch(GradientTape tape, object x) except -1:
    cdef ad_program *p = tape.program.p
    cdef VariableCore v
    cdef Tensor t
    cdef int64_t slot
    if isinstance(x, VariableCore):
        v = <VariableCore>x
        if v.tensor.code > AD_F64:
            return warn_of_integers(DTYPES[v.tensor.code].name)
        slot = slot_in(v.root, p)
        if slot < 0 or not p.code[slot].seen & tape.bit:
            follow(v, p, slot_in(held_now(v), p), slot, tape.bit | bits_that_follow(v, p))
        return 0
    t = <Tensor>x
    if t.code > AD_F64:
        return warn_of_integers(DTYPES[t.code].name)
    slot = slot_in(t, p)
    if slot < 0:
        emit_watched(p, t, tape.bit)
    elif not p.code[slot].seen & tape.bit:      # it was used or computed while the tape did not look: a slot of its own from here on, whose
                                                # adjoint goes on to the old one for the others that follow it, even if they pause now
        emit(p, AD_ALIAS, t, <uint32_t>slot, <uint32_t>slot, 0, p.code[slot].seen | tape.bit)
    return 0


cdef int integer_warnings = 0


cdef int warn_of_integers(str name) except -1:
    global integer_warnings
    if integer_warnings < 5:
        integer_warnings += 1
        import logging

        logging.getLogger("autodiff").warning("The dtype of the watched tensor must be floating (e.g. ad.float32), got ad.%s", name)
    return 0
