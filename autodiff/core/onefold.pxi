# Loops over arrays of doubles that carry a radius (csrc/twofold/onefold_loops.h), for the precise replay.

cdef extern from "twofold/onefold_loops.h" nogil:
    ctypedef struct ad_onefolds:
        double *x
        double *r
        int x_step
        int r_step

    ctypedef struct ad_onefold_row:
        double units
        int underflows

    ctypedef struct ad_onefold_entry:
        const char *name
        int operands

    const ad_onefold_entry *ad_onefold_entries()
    const ad_onefold_entry *ad_onefold_find(const char *name)
    void ad_onefold_run(const ad_onefold_entry *entry, int64_t n, const ad_onefolds *operands, ad_onefolds out)
    int ad_onefold_reaches(const ad_onefold_entry *entry, ad_onefold_row row, int64_t n, ad_onefolds x, const double *y, double *ry)
    int ad_onefold_compare(int64_t n, ad_onefolds a, ad_onefolds b, int8_t *order)
    int ad_onefold_round(int64_t n, ad_onefolds x, float *nearest, uint8_t *sure)
    void ad_onefold_choose(int64_t n, const uint8_t *mask, const uint64_t *a, int a_step, const uint64_t *b, int b_step, uint64_t *y)
    void ad_onefold_sum(int64_t outer, int64_t n, int64_t inner, ad_onefolds x, ad_onefolds y)


cdef bint is_one(cnp.ndarray a):
    """One number, however often."""
    cdef int k
    if cnp.PyArray_SIZE(a) == 1:
        return True
    for k in range(cnp.PyArray_NDIM(a)):
        if cnp.PyArray_STRIDE(a, k) != 0 and cnp.PyArray_DIM(a, k) != 1:
            return False
    return cnp.PyArray_SIZE(a) != 0


cdef bint has_shape(cnp.ndarray a, tuple shape):
    cdef int k
    if cnp.PyArray_NDIM(a) != len(shape):
        return False
    for k in range(cnp.PyArray_NDIM(a)):
        if cnp.PyArray_DIM(a, k) != <Py_ssize_t>shape[k]:
            return False
    return True


cdef void *laid_out(cnp.ndarray a, tuple shape, int *step, list kept) except? NULL:
    """The memory of numbers of the shape, one after another (step 1), or of one that stands for all (0)."""
    step[0] = not is_one(a)
    if step[0] and not (cnp.PyArray_IS_C_CONTIGUOUS(a) and has_shape(a, shape)):
        a = np.ascontiguousarray(np.broadcast_to(a, shape))
        kept.append(a)
    return cnp.PyArray_DATA(a)


cdef ad_onefolds onefolds_of(x_given, r_given, tuple shape, list kept) except *:
    cdef cnp.ndarray x = np.asarray(x_given), r = np.asarray(r_given)       # NumPy's functions make numbers of arrays without dimensions
    cdef ad_onefolds y
    kept += (x, r)
    if cnp.PyArray_TYPE(x) != cnp.NPY_FLOAT64 or cnp.PyArray_TYPE(r) != cnp.NPY_FLOAT64:
        raise ValueError(f"onefold: numbers and radii are float64; got {x.dtype} and {r.dtype}")
    y.x = <double *>laid_out(x, shape, &y.x_step, kept)
    y.r = <double *>laid_out(r, shape, &y.r_step, kept)
    return y


def onefold_loops():
    """{row: how many operands its loop takes; 0 of a function that has slopes for its radii}"""
    cdef const ad_onefold_entry *entry = ad_onefold_entries()
    found = {}
    while entry.name != NULL:
        found[entry.name.decode()] = entry.operands
        entry += 1
    return found


def onefold_map(str name not None, tuple shape not None, *parts):
    """A row of arithmetic on operands x, r, ... that broadcast to the shape: (x, r)."""
    cdef bytes which = name.encode()
    cdef const ad_onefold_entry *entry = ad_onefold_find(which)
    cdef ad_onefolds given[2]
    cdef ad_onefolds y
    cdef int k
    if entry == NULL or entry.operands == 0 or 2 * entry.operands != len(parts):
        raise ValueError(f"onefold: no loop for {name} of {len(parts)} parts")
    kept = []
    for k in range(entry.operands):
        given[k] = onefolds_of(parts[2 * k], parts[2 * k + 1], shape, kept)
    x, r = np.empty(shape), np.empty(shape)
    cdef int64_t n = cnp.PyArray_SIZE(x)
    y.x, y.r = <double *>cnp.PyArray_DATA(x), <double *>cnp.PyArray_DATA(r)
    with nogil:
        ad_onefold_run(entry, n, given, y)
    return x, r


def onefold_reach(str name not None, double units, bint underflows, x, r, cnp.ndarray y not None):
    """(the radii of y = f(x) where f is off by units |y| at most and x by r; is anything lost?)  Only numbers without radii need no slopes."""
    shape = (<object>y).shape
    kept = []
    cdef ad_onefolds given = onefolds_of(x, r, shape, kept)
    cdef bytes which = b"exact" if cnp.PyArray_SIZE(y) == 0 or given.r_step == 0 and given.r[0] == 0 else name.encode()
    cdef const ad_onefold_entry *entry = ad_onefold_find(which)
    cdef ad_onefold_row row
    cdef bint lost
    if entry == NULL or entry.operands or cnp.PyArray_TYPE(y) != cnp.NPY_FLOAT64 or not cnp.PyArray_IS_C_CONTIGUOUS(y):
        raise ValueError(f"onefold: no slopes of {name}, or values that are {y.dtype} of strides {(<object>y).strides}")
    row.units, row.underflows = units, underflows
    out = np.empty(shape)
    cdef int64_t n = cnp.PyArray_SIZE(y)
    cdef double *value = <double *>cnp.PyArray_DATA(y)
    cdef double *to = <double *>cnp.PyArray_DATA(out)
    with nogil:
        lost = ad_onefold_reaches(entry, row, n, given, value, to)
    return out, lost


def onefold_compare(tuple shape not None, *parts):
    """(-1, 0, 1: less, equal, greater, for sure; 2: one was given as nan; 3: the digits leave it open, is one open?) of x, r, x, r."""
    kept = []
    cdef ad_onefolds a = onefolds_of(parts[0], parts[1], shape, kept), b = onefolds_of(parts[2], parts[3], shape, kept)
    out = np.empty(shape, np.int8)
    cdef int64_t n = cnp.PyArray_SIZE(out)
    cdef int8_t *to = <int8_t *>cnp.PyArray_DATA(out)
    cdef bint open_
    with nogil:
        open_ = ad_onefold_compare(n, a, b, to)
    return out, open_


def onefold_round(x, r):
    """(the nearest float32 numbers, where they surely are the nearest)"""
    kept = []
    shape = np.shape(x)
    cdef ad_onefolds given = onefolds_of(x, r, shape, kept)
    nearest, sure = np.empty(shape, np.float32), np.empty(shape, np.bool_)
    cdef int64_t n = cnp.PyArray_SIZE(nearest)
    cdef float *to = <float *>cnp.PyArray_DATA(nearest)
    cdef uint8_t *mask = <uint8_t *>cnp.PyArray_DATA(sure)
    with nogil:
        ad_onefold_round(n, given, to, mask)
    return nearest, sure


def choose(tuple shape not None, mask_given, a_given, b_given):
    """a where the mask has it, b elsewhere: arrays of one dtype of 8 bytes, broadcast to the shape."""
    cdef cnp.ndarray mask = np.asarray(mask_given), a = np.asarray(a_given), b = np.asarray(b_given)
    if cnp.PyArray_TYPE(mask) != cnp.NPY_BOOL or cnp.PyArray_TYPE(a) != cnp.PyArray_TYPE(b) or cnp.PyArray_ITEMSIZE(a) != 8 or a.dtype == object:
        raise ValueError(f"choose: a mask and numbers of 8 bytes; got {mask.dtype}, {a.dtype} and {b.dtype}")
    kept = []
    cdef int m_step, a_step, b_step
    if is_one(mask):
        mask = np.ascontiguousarray(np.broadcast_to(mask, shape))
    cdef uint8_t *m = <uint8_t *>laid_out(mask, shape, &m_step, kept)
    cdef uint64_t *p = <uint64_t *>laid_out(a, shape, &a_step, kept)
    cdef uint64_t *q = <uint64_t *>laid_out(b, shape, &b_step, kept)
    out = np.empty(shape, a.dtype)
    cdef int64_t n = cnp.PyArray_SIZE(out)
    cdef uint64_t *to = <uint64_t *>cnp.PyArray_DATA(out)
    with nogil:
        ad_onefold_choose(n, m, p, a_step, q, b_step, to)
    return out


def onefold_sum(x, r, int64_t outer, int64_t n, int64_t inner):
    """Numbers (outer, n, inner) summed over the middle dimension: (x, r) of shape (outer, inner)."""
    kept = []
    cdef tuple shape = (outer, n, inner)
    if outer < 0 or n < 0 or inner < 0 or x.size != outer * n * inner:
        raise ValueError(f"onefold: {x.size} numbers where {shape} are wanted")
    cdef ad_onefolds y, given = onefolds_of(np.ascontiguousarray(x).reshape(shape), r if is_one(r) else r.reshape(shape), shape, kept)
    sums, radii = np.empty((outer, inner)), np.empty((outer, inner))
    y.x, y.r = <double *>cnp.PyArray_DATA(sums), <double *>cnp.PyArray_DATA(radii)
    with nogil:
        ad_onefold_sum(outer, n, inner, given, y)
    return sums, radii
