# From a call of an ad.function to the trace that fits its arguments.

cdef extern from "Python.h":
    int Py_EnterRecursiveCall(const char *where) except -1
    void Py_LeaveRecursiveCall()


cdef bint functions_as_written = False


def run_functions_eagerly(bint run_eagerly):
    """Shall every ad.function run as written, without replay?"""
    global functions_as_written
    functions_as_written = run_eagerly


def functions_run_eagerly():
    """Does every ad.function run as written?"""
    return functions_as_written


def recorded_here():
    """Is what happens here followed by a tape, or part of the recording of a function?"""
    return tracing_here() or (ad_current is not NULL and tapes_record())


def traced_here():
    """Is what happens here part of the recording of a function, which a replay runs with other values?"""
    return tracing_here()


cdef extern from *:
    """
    static void *ad_let_go(void) { return PyEval_SaveThread(); }
    static void ad_take_again(void *state) { PyEval_RestoreThread(state); }
    """
    void *let_go "ad_let_go"() noexcept nogil
    void take_again "ad_take_again"(void *state) noexcept nogil

ad_unlock = let_go
ad_lock = take_again


def set_num_threads(n):
    """Let replays of large arrays, and products and rows of large arrays anywhere, run on so many threads.  Results have the same bits
    for any number.

    n   an integer >= 1; the environment variable AUTODIFF_NUM_THREADS sets it at import, else it is the processors this process
        may use

    Raises TypeError if n is no integer, ValueError if it is below 1.

    >>> import autodiff as ad
    >>> ad.config.set_num_threads(2)
    >>> ad.config.get_num_threads()
    2
    """
    if isinstance(n, bool) or not isinstance(n, int):
        raise TypeError(f"set_num_threads: expected an integer, got {errors.shorten(n)}")
    if n < 1:
        raise ValueError(f"set_num_threads: expected at least 1 thread, got {n}")
    ad_set_thread_count(min(n, 1 << 20))


def get_num_threads():
    """On how many threads replays, products and rows of large arrays run (config.set_num_threads)."""
    return ad_thread_count()


cdef extern from *:
    """
    /* Calls go to what stands at `offset` of an instance, without a tuple and a dict made for them (PEP 590). */
    static void ad_call_directly(PyTypeObject *type, Py_ssize_t offset)
    {
        type->tp_vectorcall_offset = offset;
        type->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
    }
    """
    void ad_call_directly(PyTypeObject *type, Py_ssize_t offset)

ctypedef PyObject *(*direct_call)(PyObject *callee, PyObject *const *args, size_t n, PyObject *names) except NULL


@cython.final
cdef class Lately:
    """What a call came to: others of its kind need no look at `kinds`."""
    cdef tuple kind
    cdef bint plain                             # tensors alone, by position?
    cdef list traces                            # of that kind,
    cdef Trace last                             # and the one that was used last,
    cdef Pulled followed                        # or what such calls come to under tapes

    def __init__(self, tuple kind not None):
        self.kind = kind
        self.plain = kind[1] is None and all([part is Tensor for part in kind[0][1:]])

    cdef list inputs(self, PyObject *const *args, Py_ssize_t n, tuple names, list lent):
        """The tensors of a call of that kind; None: of another.  `lent` as in for_replay."""
        cdef list tensors = []
        same = are_of(self.kind[0], args, n, tensors, lent) and are_named(self.kind[1], names, args + n, tensors, lent)
        return tensors if same else None


cdef class Replayed:
    """What autodiff.function.Function is made of: the way from a call to its trace.

    kinds   by what a replay cannot change about the arguments (`argument_kind`): a list of traces, the one used last first; or
            why there are none
    """
    cdef direct_call at                         # where a call goes (call_directly)
    cdef readonly object python_function
    cdef readonly object written                # python_function, under the laws that it asked for
    cdef public dict kinds
    cdef bint direct                            # may a call go straight to a trace, as nothing is compared with it?
    cdef Lately lately                          # what the last call came to,
    cdef Lately lately_followed                 # and the last one under tapes

    def __cinit__(self):
        self.at = replayed_call

    def __init__(self, python_function, bint direct, written=None):
        self.python_function, self.direct, self.kinds = python_function, direct, {}
        self.written = python_function if written is None else written

    def __call__(self, *args, **kwargs):
        return self.called(args, kwargs)

    cdef object called(self, tuple args, dict kwargs):
        if tracing_here():
            return self.written(*args, **kwargs)
        if functions_as_written or checking():
            return self._run(args, kwargs)
        if ad_current is not NULL and tapes_record():
            return self._follow(args, kwargs)
        return self._call(args, kwargs)

    cdef object at_once(self, PyObject *const *args, Py_ssize_t n, tuple names):
        """The result of a call of the last one's kind; NOTHING: it is another, or no trace fits."""
        cdef Lately lately = self.lately        # (of this thread: what runs below may let others call)
        cdef list lent
        cdef Trace last
        if lately is None:
            return NOTHING
        last = lately.last
        if lately.plain and names is None and are_tensors(args, n):
            return self.go(last, lately, args, n)
        lent = []
        inputs = lately.inputs(args, n, names, lent)
        return NOTHING if inputs is None else self.go(last, lately, items_of(inputs), len(inputs))

    cdef object followed_at_once(self, PyObject *const *args, Py_ssize_t n, tuple names):
        """The same under tapes."""
        cdef Lately lately = self.lately_followed
        inputs = None if lately is None or not tapes_are_plain() else lately.inputs(args, n, names, None)
        found = None if inputs is None else lately.followed.go(inputs, None, None)
        return NOTHING if found is None else rebuilt_of(<Trace>found[0], <list>found[1])

    cdef object go(self, Trace trace, Lately lately, PyObject *const *inputs, Py_ssize_t n):
        """What the trace, or one beside it, comes to; NOTHING: none of them fits."""
        cdef Py_ssize_t k
        if n != trace.n_inputs or not trace.is_of_now():
            return NOTHING
        for k in range(n):
            if not trace.fits(k, <Tensor>inputs[k]):
                return NOTHING
        result = trace.run(inputs)
        if result is NOTHING and trace.outcome == ELSEWHERE:
            return self.search(lately.traces, tuple_of(inputs, n), trace.way)
        return result

    def _remember_followed(self, kind, Pulled followed not None):
        cdef Lately lately = Lately(kind)
        lately.followed = followed
        self.lately_followed = lately

    def _replay(self, kind, list tensors):
        """(the result,) of a trace that fits, else None."""
        cdef list traces = self.traces_of(kind)
        result = self.search(traces, tensors, [])
        if result is NOTHING:
            return None
        self.remember(kind, traces)
        return (result,)

    def _goes(self, kind, list tensors, Trace new not None):
        """Is there a trace for such arguments that went the way of the new one?"""
        known = self.kinds.get(kind)
        return type(known) is list and going(known, tensors, new.path) is not None

    def _listing(self, kind, list tensors):
        """What the trace used last for such arguments does (core/plan_listing.pxi), or None."""
        cdef Trace trace = going(self.traces_of(kind), tensors, [])
        return None if trace is None else listing_of(trace)

    def _clocked(self, kind, list tensors):
        """(what the trace for these arguments does, the least nanoseconds of each of its items, of how many runs), or None."""
        cdef Trace trace
        cdef list path = [], times, least
        cdef int64_t end
        cdef int runs = 1, tries
        for tries in range(MOST_TRIES):
            trace = going(self.traces_of(kind), tensors, path)
            if trace is None:
                return None
            trace.way = []
            least = clocked(trace, tensors)
            if least is not None:
                break
            path = trace.way
        else:
            return None
        end = nanoseconds() + 50000000
        while runs < 5 or (runs < 1000 and nanoseconds() < end):
            times = clocked(trace, tensors)
            if times is None:                   # another thread took it
                break
            least = [min(a, b) for a, b in zip(least, times)]
            runs += 1
        end = clock_itself()
        return listing_of(trace), [max(a - end, 0) for a in least], runs

    cdef list traces_of(self, kind):
        """The list of them, which other threads may take away at any time."""
        known = self.kinds.get(kind)
        return known if type(known) is list else []

    def _traces(self):
        """[(kind, its traces)]."""
        return [(kind, list(known)) for kind, known in self.kinds.items() if type(known) is list]

    def _keep(self, kind, Trace trace not None):
        """Add a trace; return how many ways there are for inputs like its own."""
        known = self.kinds.setdefault(kind, [])
        if type(known) is not list:             # meanwhile another thread has found out that it cannot be replayed
            return 0
        cdef list traces = known
        ways = added(traces, trace)
        self.remember(kind, traces)
        return ways

    cdef object search(self, list traces, inputs, list path):
        """The result of the trace whose guards come out as they must, or NOTHING: `path` is how they came out so far.  It is put first."""
        cdef Trace trace
        cdef int tries
        for tries in range(MOST_TRIES):
            trace = going(traces, inputs, path)
            if trace is None:
                return NOTHING
            result = trace.run(items_of(inputs))
            if result is not NOTHING:
                put_first(traces, trace)
                if self.lately is not None and self.lately.traces is traces:
                    self.lately.last = trace
                return result
            if trace.outcome == FAILED:
                return NOTHING
            path = trace.way
        return NOTHING

    cdef int remember(self, tuple kind, list traces) except -1:
        cdef Lately lately = self.lately
        if lately is None or lately.traces is not traces:
            lately = Lately(kind)
            lately.traces = traces
        lately.last = traces[0]
        self.lately = lately
        return 0


cdef dict NO_NAMES = {}                         # (nobody writes to it: **kwargs is a copy)


cdef extern from *:
    """
    /* The items of a tuple or a list, which must live on. */
    static PyObject *const *ad_items(PyObject *sequence) { return PySequence_Fast_ITEMS(sequence); }
    """
    PyObject **items_of "ad_items" (object sequence) noexcept


cdef tuple tuple_of(PyObject *const *items, Py_ssize_t n):
    cdef tuple made = PyTuple_New(n)
    cdef Py_ssize_t k
    for k in range(n):
        Py_INCREF(<object>items[k])
        PyTuple_SET_ITEM(made, k, <object>items[k])
    return made


cdef inline bint are_tensors(PyObject *const *args, Py_ssize_t n) noexcept:
    cdef Py_ssize_t k
    for k in range(n):
        if Py_TYPE(<object>args[k]) is not <PyTypeObject *>Tensor:
            return False
    return True


cdef PyObject *replayed_call(PyObject *callee, PyObject *const *args, size_t n, PyObject *names) except NULL:
    cdef Replayed function = <Replayed>callee
    cdef Py_ssize_t count = PyVectorcall_NARGS(n)
    cdef tuple named = None if names is NULL else <tuple>names
    result = NOTHING
    if function.direct and not functions_as_written and not checking():
        if ad_current is NULL:
            result = function.at_once(args, count, named)
        elif not tracing_here():
            result = function.followed_at_once(args, count, named) if tapes_record() else function.at_once(args, count, named)
    if result is not NOTHING:
        Py_INCREF(result)
        return <PyObject *>result
    return any_call(function, args, count, named)


cdef PyObject *any_call(Replayed function, PyObject *const *args, Py_ssize_t count, tuple names) except NULL:
    cdef Py_ssize_t k
    cdef tuple given = tuple_of(args, count)
    cdef dict named = NO_NAMES if names is None else {name: <object>args[count + k] for k, name in enumerate(names)}
    result = function.called(given, named)
    Py_INCREF(result)
    return <PyObject *>result


@cython.final
cdef class Method:
    """A function of an instance, which it keeps as long as it lives itself; the function does not."""
    cdef direct_call at
    cdef readonly Replayed __func__
    cdef readonly object __self__
    cdef readonly str __name__
    cdef object __weakref__

    def __cinit__(self, Replayed function=None, instance=None, str name=None):
        self.at, self.__func__, self.__self__, self.__name__ = method_call, function, instance, name

    def __call__(self, *args, **kwargs):
        return self.__func__(*args, **kwargs)

    def __getattr__(self, name):
        return getattr(self.__func__, name)

    def __setattr__(self, name, value):
        setattr(self.__func__, name, value)

    def __eq__(self, other):
        return type(other) is Method and (<Method>other).__func__ is self.__func__ and (<Method>other).__self__ is self.__self__

    def __hash__(self):
        return hash(self.__func__)

    def __reduce__(self):
        return getattr, (self.__self__, self.__name__)

    def __deepcopy__(self, memo):
        return getattr(deepcopy(self.__self__, memo), self.__name__)

    def __repr__(self):
        return repr(self.__func__)


cdef PyObject *method_call(PyObject *callee, PyObject *const *args, size_t n, PyObject *names) except NULL:
    cdef Method method = <Method>callee         # (which lives through the call)
    return replayed_call(<PyObject *>method.__func__, args, n, names)


def call_directly(type kind not None):
    """Let calls of this type, a Replayed whose __call__ is Replayed's or a Method, go the shorter way."""
    one = kind.__new__(kind)
    cdef char *at = <char *>&(<Method>one).at if kind is Method else <char *>&(<Replayed>one).at
    ad_call_directly(<PyTypeObject *>kind, at - <char *><PyObject *>one)


cdef enum:
    MOST_TRIES = 16                             # traces that are begun for one call
    MOST_TRACES = 1024                          # of one kind: of ever new shapes those that were used last are kept


def added(list traces not None, Trace trace not None):
    """Put a trace before the others; return how many of those for inputs like its own branch on values."""
    cdef Trace other
    cdef int ways = 0
    traces.insert(0, trace)
    del traces[MOST_TRACES:]
    for other in traces:
        ways += len(other.path) > 0 and same_inputs(trace, other)
    return ways


cdef int put_first(list traces, Trace trace) except -1:
    """It was used last.  While it ran other threads may have taken it away."""
    if len(traces) and traces[0] is not trace and trace in traces:
        traces.remove(trace)
        traces.insert(0, trace)
    return 0


cdef bint same_inputs(Trace a, Trace b):
    cdef const ad_instruction *x
    cdef const ad_instruction *y
    cdef Py_ssize_t k
    if a.settings != b.settings:
        return False
    for k in range(len(a.inputs)):
        x, y = &a.program.p.code[<int64_t>a.inputs[k]], &b.program.p.code[<int64_t>b.inputs[k]]
        if x.dtype != y.dtype or (x.flags ^ y.flags) & AD_IS_ARRAY or (x.flags & AD_IS_ARRAY and not same_shape_of(x.value.array, y.value.array)):
            return False
    return True


cdef Trace going(list traces, inputs, list path):
    """A trace for such inputs, recorded under the settings of now, that went this way, is not running in another thread, and was used last."""
    cdef Trace trace
    cdef Py_ssize_t k, n = len(path)
    for trace in traces:
        for k in range(len(inputs)):
            if not trace.fits(k, <Tensor>inputs[k]):
                break
        else:
            if not trace.running and trace.is_of_now() and (n == 0 or trace.path[:n] == path):
                return trace
    return None


cdef object rebuilt_of(Trace trace, list leaves):
    structure = trace.structure
    return leaves[0] if structure is None else nest_pack(structure, leaves)
