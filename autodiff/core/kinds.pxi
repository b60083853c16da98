# What a replay cannot change about the arguments of a call, as a key: the kind of each, where tensors stand for numbers.

cdef class Same:
    """An object as a key: equal to itself alone, and kept alive."""
    cdef object value

    def __init__(self, value):
        self.value = value

    def __hash__(self):
        return <Py_ssize_t>(<PyObject *>self.value) >> 4

    def __eq__(self, other):
        return type(other) is Same and (<Same>other).value is self.value


cdef class Frame(Same):
    """A data frame or a column as a key: that object, with what stands in it now.  It may change in place, as arrays do, but a function that
    asks it for a column is given no tensor instead."""
    cdef object copied

    def __init__(self, value):
        self.value, self.copied = value, value.copy()

    def __hash__(self):
        return <Py_ssize_t>(<PyObject *>self.value) >> 4

    def __eq__(self, other):
        return type(other) is Frame and (<Same>other).value is self.value and bool(self.copied.equals((<Frame>other).copied))

    cdef bint holds(self, x) except -1:
        return x is self.value and x.equals(self.copied)


cdef bint is_frame(x) except -1:
    """Is it pandas' or xarray's, say?  (Which are not imported for that.)"""
    return hasattr(x, "__array__") and hasattr(x, "equals") and hasattr(x, "copy") and not isinstance(x, type)


cdef frozenset UNCHANGING = frozenset([int, bool, str, bytes, type(None)])
cdef frozenset WRITTEN = frozenset([complex, range, slice])     # nor do these, but equal ones may differ: range(0, 3, 2) and range(0, 4, 2)


cdef bint is_of_numbers(x):
    """Of a range or a slice: are its ends and its step whole numbers of Python, or not there?"""
    return type(x) is complex or all([type(part) is int or part is None for part in (x.start, x.stop, x.step)])


def argument_kind(x, list tensors not None):
    """What a replay cannot change about an argument; its tensors are appended to `tensors`."""
    kind = type(x)
    if kind is Tensor:
        tensors.append(x)
        return Tensor
    if kind is tuple or kind is list:
        return (kind, *kinds_of(x, tensors))
    if kind is float:
        return x.hex()
    if kind in UNCHANGING:
        return kind, x
    if kind is dict:
        return (dict, *kinds_of(x, tensors))
    if kind in WRITTEN and is_of_numbers(x):
        return kind, repr(x)
    if isinstance(x, OF_NUMPY):
        tensors.append(convert(x))
        return Tensor                           # which is what the function is given
    if not has_only_items(x):
        return Frame(x) if is_frame(x) else Same(x)
    if hasattr(x, "default_factory"):
        return (kind, Same(x.default_factory), *kinds_of(x, tensors))
    return (kind, *kinds_of(x, tensors))


cdef list kinds_of(x, list tensors):
    """Those of what a list, a tuple or a dict holds, which may be itself."""
    Py_EnterRecursiveCall(" in the arguments of a function")
    try:
        if isinstance(x, dict):
            return [(key_kind(key), argument_kind(x[key], tensors)) for key in x]
        return [argument_kind(item, tensors) for item in x]
    finally:
        Py_LeaveRecursiveCall()


cdef inline object key_kind(object key):
    """The key, and where others may equal it (1, True, 1.0) its type."""
    return key if type(key) is str else (type(key), key)


def has_only_items(x):
    """Is it a tuple, a list or a dict, of any type, without attributes of its own?  Calls see what is in it then, not which object it is:
    an OrderedDict may be given once more with another tensor at a key."""
    return isinstance(x, (tuple, list, dict)) and not getattr(x, "__dict__", None)


cdef bint are_of(tuple kinds, PyObject *const *args, Py_ssize_t n, list tensors, list lent) except -1:
    """Are these the kinds (after what they are of) of the arguments?  Their tensors are appended; `lent` as in for_replay."""
    cdef Py_ssize_t k
    if len(kinds) != n + 1:
        return False
    for k in range(n):
        if not is_of(kinds[k + 1], <object>args[k], tensors, lent):
            return False
    return True


cdef bint are_named(object kinds, tuple names, PyObject *const *args, list tensors, list lent) except -1:
    """The same of arguments by name, in this order; `kinds` is None where there were none."""
    cdef Py_ssize_t k, n = 0 if names is None else len(names)
    if kinds is None or n == 0:
        return kinds is None and n == 0
    if len(<tuple>kinds) != n + 1:
        return False
    for k in range(n):
        key, kind = <tuple>(<tuple>kinds)[k + 1]
        if key != names[k] or not is_of(kind, <object>args[k], tensors, lent):
            return False
    return True


cdef bint is_of(object kind, object x, list tensors, list lent) except -1:
    """Is it argument_kind(x)?  No more than that is known where it says no: then argument_kind is asked."""
    cdef tuple parts
    if kind is Tensor:
        if type(x) is Tensor:
            tensors.append(x)
            return True
        if not cnp.PyArray_CheckExact(x) and not isinstance(x, OF_NUMPY):
            return False
        tensors.append(for_replay(x, lent))
        return True
    if type(kind) is Same:
        return (<Same>kind).value is x
    if type(kind) is Frame:
        return (<Frame>kind).holds(x)
    if type(kind) is str:
        return type(x) is float and x.hex() == kind
    parts = <tuple?>kind
    if type(x) is not parts[0]:
        return False
    if type(x) is tuple or type(x) is list:
        held = tuple(x)                         # (whatever runs meanwhile)
        return are_of(parts, items_of(held), len(held), tensors, lent)
    if type(x) is dict:
        return len(x) == len(parts) - 1 and are_items(parts, x, tensors, lent)
    return type(x) in UNCHANGING and x == parts[1] or type(x) in WRITTEN and repr(x) == parts[1]


cdef bint are_items(tuple kinds, dict x, list tensors, list lent) except -1:
    cdef Py_ssize_t k = 0
    for key in x:
        k += 1
        known, kind = <tuple>kinds[k]
        if key is not known and key_kind(key) != known or not is_of(kind, x[key], tensors, lent):
            return False
    return True
