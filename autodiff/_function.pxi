# From a call of an ad.function to the trace that fits its arguments.

cdef bint functions_as_written = False


def run_functions_eagerly(bint run_eagerly):
    """Shall every ad.function run as written, without replay?"""
    global functions_as_written
    functions_as_written = run_eagerly


def functions_run_eagerly():
    """Does every ad.function run as written?"""
    return functions_as_written


cdef class Replayed:
    """What autodiff.function.Function is made of: the way from a call to its trace.

    kinds   by what a replay cannot change about the arguments (`argument_kind`): a list of traces, the one used last first; or
            why there are none
    """
    cdef readonly object python_function
    cdef public dict kinds
    cdef bint direct                            # may a call go straight to a trace, as no signature wants a word?
    cdef Trace last                             # of a call with tensors alone

    def __init__(self, python_function, bint direct):
        self.python_function, self.direct, self.kinds = python_function, direct, {}

    def __call__(self, *args, **kwargs):
        cdef tuple result = None
        if ad_current is not NULL or functions_as_written:
            return self.python_function(*args, **kwargs)
        if self.direct and not kwargs and self.last is not None and fit_directly(self.last, args):
            result = self.last.run(args)
        return self._call(args, kwargs) if result is None else result[0]

    def _replay(self, kind, list tensors):
        """(the result,) of a trace that fits, else None."""
        cdef Trace trace
        cdef Py_ssize_t i, k
        traces = self.kinds[kind]
        for i in range(len(<list>traces)):
            trace = (<list>traces)[i]
            if trace.running:                   # in another thread, which has let go of the GIL
                continue
            for k in range(len(tensors)):
                if not trace.fits(k, <Tensor>tensors[k]):
                    break
            else:
                if i:
                    traces.insert(0, traces.pop(i))
                self._remember(kind, trace)
                return trace.run(tensors)
        return None

    def _keep(self, kind, Trace trace not None):
        self.kinds.setdefault(kind, []).insert(0, trace)
        self._remember(kind, trace)

    cdef int _remember(self, kind, Trace trace) except -1:
        args, kwargs = kind
        if kwargs is None and all([part is Tensor for part in args[1:]]):
            self.last = trace
        return 0


cdef inline bint fit_directly(Trace trace, tuple args):
    cdef Py_ssize_t k, n = len(args)
    if n != len(trace.inputs):
        return False
    for k in range(n):
        if type(args[k]) is not Tensor or not trace.fits(k, <Tensor>args[k]):
            return False
    return True


cdef class Same:
    """An object as a key: equal to itself alone, and kept alive."""
    cdef object value

    def __init__(self, value):
        self.value = value

    def __hash__(self):
        return <Py_ssize_t>(<PyObject *>self.value) >> 4

    def __eq__(self, other):
        return type(other) is Same and (<Same>other).value is self.value


def argument_kind(x, list tensors not None):
    """What a replay cannot change about an argument; its tensors are appended to `tensors`."""
    kind = type(x)
    if kind is Tensor:
        tensors.append(x)
        return Tensor
    if kind is tuple or kind is list:
        return (kind, *[argument_kind(item, tensors) for item in x])
    if kind is float:
        return x.hex()
    if x is None or kind is int or kind is bool or kind is str or kind is bytes:
        return kind, x
    if kind is dict:
        return (dict, *[(key, argument_kind(x[key], tensors)) for key in x])
    if isinstance(x, (np.ndarray, np.generic)):
        tensors.append(convert(x))
        return np.ndarray
    if isinstance(x, tuple):
        return (kind, *[argument_kind(item, tensors) for item in x])
    return Same(x)
