# What is watched for while somebody asks: results that are not finite (check_numerics), and where in the user's program each
# instruction was recorded (audit).  Off, it costs the test of two flags.

cdef bint check_all = False                     # enable_check_numerics, for all threads
cdef enum:
    MOST_PLACES = 10000                         # noted in one trace

cdef dict check_limits = {}                     # what enable_check_numerics was told


def set_checking(bint on, int stack_height=30, int path_length=50):
    """Shall results that are not finite raise?"""
    global check_all
    check_all = on
    check_limits.update(stack_height=stack_height, path_length=path_length)


def get_checking():
    return checking()


cdef inline bint checking() noexcept:
    return check_all and ad_unchecked == 0


def unchecked(f, *args):
    """f(*args), whose results are not looked at: what follows takes an infinity out again that is put in there."""
    global ad_unchecked
    ad_unchecked += 1
    try:
        return f(*args)
    finally:
        ad_unchecked -= 1


def note_places(bint on):
    """Shall instructions of this thread be noted with the user's file and line?  As many calls with False end it as with True began it."""
    global ad_noting
    ad_noting += 1 if on else -1


cdef inline bint watchful() noexcept:
    """Is any of the two on, in this thread?  (What others record is no reason to run a function as written.)"""
    return checking() or ad_noting > 0


def place_in_program(GradientTape tape not None, int64_t slot):
    """"file:line" of the operation that wrote a slot, or ""."""
    places = program_of(tape).places
    return "" if places is None else places.get(slot, "")


cdef int note_place(ad_program *p) except -1:
    cdef Program program = <Program>p.host
    if p.tracing and p.n > MOST_PLACES:
        return 0
    if program.places is None:
        program.places = {}
    program.places[p.n - 1] = user_place()
    return 0


cdef bint is_finite_tensor(Tensor t) noexcept:
    cdef int64_t i
    if t.code > AD_F64:
        return True
    if not t.is_array:
        return isfinite(t.value.f32 if t.code == AD_F32 else t.value.f64)
    for i in range(t.value.array.size):
        if not isfinite((<float *>t.value.array.data)[i] if t.code == AD_F32 else (<double *>t.value.array.data)[i]):
            return False
    return True


cdef int check_result(int op, Tensor y, const Operand *x, int n) except -1:
    """Raise if the result of an operation is not finite."""
    cdef int k
    if at_work or is_finite_tensor(y):
        return 0
    raise errors.not_finite(op_name(op), to_numpy(y), [to_numpy(operand_tensor(&x[k])) for k in range(n)], "", user_frames(
        check_limits["stack_height"]), check_limits["path_length"])


cdef int check_cotangent(Program program, int64_t slot, object share, list received) except -1:
    """Raise if what an operation's derivative gives, for these cotangents, is not finite."""
    if is_finite_tensor(<Tensor>share):
        return 0
    cdef ad_program *p = program.p
    cdef int k, n = ad_operand_count(p, &p.code[slot])
    operands = [to_numpy(tensor_at(p, ad_operand(p, &p.code[slot], k))) for k in range(n)]
    name = "custom_gradient" if p.code[slot].op >= AD_LEAF else op_name(p.code[slot].op)
    where = "" if program.places is None else program.places.get(slot, "")
    raise errors.not_finite(name + "_grad", to_numpy(<Tensor>share), [*operands, *[to_numpy(<Tensor?>g) for g in received]], where,
                            user_frames(check_limits["stack_height"]), check_limits["path_length"])


cdef int check_target(Tensor t) except -1:
    if not is_finite_tensor(t):
        raise errors.not_finite("gradient", to_numpy(t), [], "", user_frames(check_limits["stack_height"]), check_limits["path_length"])
    return 0
