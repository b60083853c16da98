# Loops over arrays of certified twofold numbers (csrc/twofold/twofold.h), for the precise replay.

cdef extern from "twofold/twofold_loops.h" nogil:
    ctypedef struct ad_twofolds:
        double *hi
        double *lo
        double *r
        int64_t *e
        int64_t step
        int64_t rest

    ctypedef struct ad_twofold_row:
        int arity

    ad_twofold_row ad_twofold_find(const char *name)
    void ad_twofold_run(const ad_twofold_row *row, int64_t n, const ad_twofolds *operands, const ad_twofolds *out)
    int ad_twofold_mark(int select, int64_t n, const ad_twofolds *g, const ad_twofolds *s, const ad_twofolds *y)
    void ad_twofold_compare(int64_t n, const ad_twofolds *a, const ad_twofolds *b, int8_t *out)
    void ad_twofold_sum(int64_t outer, int64_t n, int64_t inner, const ad_twofolds *x, const ad_twofolds *y)
    void ad_twofold_scan(int product, int64_t n, int64_t inner, const ad_twofolds *x, const ad_twofolds *y)
    void ad_twofold_recurrence(int own, int64_t n, int64_t inner, const ad_twofolds *a, const ad_twofolds *b, const ad_twofolds *y, const ad_twofolds *room)
    int64_t ad_twofold_product_room(int64_t m, int64_t k)
    void ad_twofold_product(int brief, int64_t m, int64_t k, int64_t n, const ad_twofolds *a, const ad_twofolds *b, const ad_twofolds *y, double *room)
    int ad_twofold_are_comfortable(int64_t n, const double *x)
    void ad_twofold_exact(int64_t n, const double *x, const ad_twofolds *y)
    void ad_twofold_round(int64_t n, const ad_twofolds *x, int single, double *nearest, uint8_t *sure)


cdef ad_twofolds twofolds_of(tuple parts, int64_t n) except *:
    """The memory of (hi, lo, r, e): C-contiguous arrays of n numbers each, or of one number that stands for n."""
    cdef ad_twofolds x
    cdef cnp.ndarray part
    cdef int k, wanted
    if len(parts) != 4:
        raise ValueError(f"twofold: a number has the parts hi, lo, r, e; got {len(parts)}")
    for k in range(4):
        part = parts[k]
        wanted = cnp.NPY_INT64 if k == 3 else cnp.NPY_FLOAT64
        if cnp.PyArray_TYPE(part) != wanted or not cnp.PyArray_IS_C_CONTIGUOUS(part):
            raise ValueError(f"twofold: part {k} must be C-contiguous {'int64' if k == 3 else 'float64'}; got {part.dtype}")
        if cnp.PyArray_SIZE(part) != n and cnp.PyArray_SIZE(part) != 1:
            raise ValueError(f"twofold: part {k} has {cnp.PyArray_SIZE(part)} numbers where {n} are wanted")
        if cnp.PyArray_SIZE(part) != cnp.PyArray_SIZE(parts[0]):
            raise ValueError("twofold: parts of different sizes")
    x.hi = <double *>cnp.PyArray_DATA(parts[0])
    x.lo = <double *>cnp.PyArray_DATA(parts[1])
    x.r = <double *>cnp.PyArray_DATA(parts[2])
    x.e = <int64_t *>cnp.PyArray_DATA(parts[3])
    x.step = x.rest = 1 if cnp.PyArray_SIZE(parts[0]) == n else 0
    return x


cdef ad_twofolds twofolds_like(tuple parts, tuple shape, list kept) except *:
    """The memory of (hi, lo, r, e) that broadcast to the shape: written out unless they are so already, or are one number."""
    if len(parts) != 4:
        raise ValueError(f"twofold: a number has the parts hi, lo, r, e; got {len(parts)}")
    cdef int k, wanted
    cdef bint once = True, rest_once = True, whole = True, rest_whole = True, one
    cdef cnp.ndarray part
    arrays = []
    for k in range(4):
        part = np.asarray(parts[k])
        wanted = cnp.NPY_INT64 if k == 3 else cnp.NPY_FLOAT64
        if cnp.PyArray_TYPE(part) != wanted:
            raise ValueError(f"twofold: part {k} must be {'int64' if k == 3 else 'float64'}; got {part.dtype}")
        one = cnp.PyArray_IS_C_CONTIGUOUS(part) and has_shape(part, shape)
        if k == 0:
            once, whole = is_one(part), one
        else:
            rest_once, rest_whole = rest_once and is_one(part), rest_whole and one
        arrays.append(part)
    if not (rest_once or whole and rest_whole):
        arrays, once, rest_once = [np.ascontiguousarray(np.broadcast_to(part, shape)) for part in arrays], False, False
    elif not once and not whole:
        arrays[0] = np.ascontiguousarray(np.broadcast_to(arrays[0], shape))
    elif not rest_once:
        once = False
    kept += arrays
    cdef ad_twofolds x
    x.hi = <double *>cnp.PyArray_DATA(arrays[0])
    x.lo = <double *>cnp.PyArray_DATA(arrays[1])
    x.r = <double *>cnp.PyArray_DATA(arrays[2])
    x.e = <int64_t *>cnp.PyArray_DATA(arrays[3])
    x.step, x.rest = not once, not rest_once
    return x


cdef inline ad_twofolds shifted(ad_twofolds x, int64_t by) noexcept nogil:
    x.hi += by
    x.lo += by
    x.r += by
    x.e += by
    return x


cdef tuple new_parts(tuple shape):
    return np.empty(shape), np.empty(shape), np.empty(shape), np.empty(shape, np.int64)


def twofold_has(str name not None):
    """How many operands the loop of a row takes; 0: there is none."""
    return ad_twofold_find(name.encode()).arity


def twofold_map(str name not None, tuple shape not None, *operands):
    """A row on operands (hi, lo, r, e) that broadcast to the shape; the result's parts."""
    cdef bytes which = name.encode()
    cdef ad_twofold_row row = ad_twofold_find(which)
    cdef ad_twofolds x[3]
    cdef ad_twofolds y
    cdef int k
    cdef int64_t n
    if row.arity == 0 or row.arity != len(operands):
        raise ValueError(f"twofold: no loop for {name} of {len(operands)} operands")
    out, kept = new_parts(shape), []
    n = cnp.PyArray_SIZE(out[0])
    for k in range(row.arity):
        x[k] = twofolds_like(operands[k], shape, kept)
    y = twofolds_of(out, n)
    with nogil:
        ad_twofold_run(&row, n, x, &y)
    return out


def twofold_marked(bint select, tuple shape not None, tuple g not None, tuple s not None, tuple y not None):
    """In y = g s, written out, what a branch that was not taken gives is marked, by a radius of -0.0; has another exact 0 of g met what is not finite?"""
    kept = []
    cdef int64_t n = cnp.PyArray_SIZE(y[0])
    cdef ad_twofolds a = twofolds_like(g, shape, kept), b = twofolds_like(s, shape, kept), c = twofolds_of(y, n)
    cdef bint met
    with nogil:
        met = ad_twofold_mark(select, n, &a, &b, &c)
    return met


def twofold_compare(tuple shape not None, tuple a not None, tuple b not None):
    """-1, 0, 1: less, equal, greater, for sure; 2: one is nan; 3: the digits leave it open.  An int8 array."""
    out = np.empty(shape, np.int8)
    cdef int64_t n = cnp.PyArray_SIZE(out)
    kept = []
    cdef ad_twofolds x = twofolds_like(a, shape, kept), y = twofolds_like(b, shape, kept)
    cdef int8_t *to = <int8_t *>cnp.PyArray_DATA(out)
    with nogil:
        ad_twofold_compare(n, &x, &y, to)
    return out


def twofold_sum(tuple x not None, int64_t outer, int64_t n, int64_t inner):
    """Parts of shape (outer, n, inner) summed over the middle one: shape (outer, inner)."""
    if outer < 0 or n < 0 or inner < 0:
        raise ValueError("twofold: a negative size")
    cdef ad_twofolds a = twofolds_of(x, outer * n * inner)
    a.step = a.rest = 1
    if cnp.PyArray_SIZE(x[0]) != outer * n * inner:
        raise ValueError(f"twofold: {cnp.PyArray_SIZE(x[0])} numbers where {outer * n * inner} are wanted")
    out = new_parts((outer, inner))
    cdef ad_twofolds y = twofolds_of(out, outer * inner)
    with nogil:
        ad_twofold_sum(outer, n, inner, &a, &y)
    return out


def twofold_scan(tuple x not None, bint product):
    """Sums so far, or products, along the first of two dimensions."""
    cdef int64_t n = x[0].shape[0], inner = x[0].shape[1]
    out = new_parts((n, inner))
    cdef ad_twofolds a = twofolds_of(x, n * inner), y = twofolds_of(out, n * inner)
    with nogil:
        ad_twofold_scan(product, n, inner, &a, &y)
    return out


def twofold_recurrence(tuple a not None, tuple b not None, bint own):
    """y[i] = b[i] + a[i] y[i-1], or a[i-1] y[i-1] unless own, along the first of two dimensions."""
    cdef int64_t n = b[0].shape[0], inner = b[0].shape[1]
    if a[0].shape != b[0].shape:
        raise ValueError(f"twofold: a recurrence of shapes {a[0].shape} and {b[0].shape}")
    out, line = new_parts((n, inner)), new_parts((1, inner))
    cdef ad_twofolds x = twofolds_of(a, n * inner), z = twofolds_of(b, n * inner), y = twofolds_of(out, n * inner), room = twofolds_of(line, inner)
    with nogil:
        ad_twofold_recurrence(own, n, inner, &x, &z, &y, &room)
    return out


def twofold_product(tuple a not None, tuple b not None, bint brief=False):
    """Parts of shape (batch, m, k) times parts of shape (batch, k, n): shape (batch, m, n).  brief: there are no low parts, and the digits of a
    double do."""
    batch, m, k = a[0].shape
    n = b[0].shape[2]
    if b[0].shape[:2] != (batch, k):
        raise ValueError(f"twofold: a product of shapes {a[0].shape} and {b[0].shape}")
    cdef ad_twofolds x = twofolds_of(a, batch * m * k), y = twofolds_of(b, batch * k * n), z, p, q, r
    out = new_parts((batch, m, n))
    z = twofolds_of(out, batch * m * n)
    cdef cnp.ndarray room = np.empty(ad_twofold_product_room(m, k))
    cdef double *scratch = <double *>cnp.PyArray_DATA(room)
    cdef int64_t i, all_ = batch, rows = m, inner = k, columns = n
    with nogil:
        for i in range(all_):
            p, q, r = shifted(x, i * rows * inner), shifted(y, i * inner * columns), shifted(z, i * rows * columns)
            ad_twofold_product(brief, rows, inner, columns, &p, &q, &r, scratch)
    return out


def twofold_exact(x):
    """The parts of numbers that are exactly those of a floating array."""
    cdef cnp.ndarray given = np.ascontiguousarray(x, np.float64).reshape(np.shape(x))
    out = new_parts(np.shape(x))
    cdef int64_t n = cnp.PyArray_SIZE(given)
    cdef ad_twofolds y = twofolds_of(out, n)
    cdef double *at = <double *>cnp.PyArray_DATA(given)
    with nogil:
        ad_twofold_exact(n, at, &y)
    return out


def twofold_are_comfortable(cnp.ndarray x not None):
    """Do these numbers, C-contiguous float64, need neither low parts nor exponents?"""
    if cnp.PyArray_TYPE(x) != cnp.NPY_FLOAT64 or not cnp.PyArray_IS_C_CONTIGUOUS(x):
        raise ValueError(f"twofold: numbers must be C-contiguous float64; got {x.dtype}")
    return ad_twofold_are_comfortable(cnp.PyArray_SIZE(x), <double *>cnp.PyArray_DATA(x)) != 0


def twofold_round(tuple x not None, bint single):
    """(the nearest numbers of float32 or float64, as float64; where they surely are the nearest)"""
    shape, kept = np.shape(x[0]), []
    nearest, sure = np.empty(shape), np.empty(shape, np.bool_)
    cdef int64_t n = cnp.PyArray_SIZE(nearest)
    cdef ad_twofolds a = twofolds_like(x, shape, kept)
    cdef double *to = <double *>cnp.PyArray_DATA(nearest)
    cdef uint8_t *mask = <uint8_t *>cnp.PyArray_DATA(sure)
    with nogil:
        ad_twofold_round(n, &a, single, to, mask)
    return nearest, sure
