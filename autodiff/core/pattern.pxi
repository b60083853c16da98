# Patterns of sparse matrices as pairs of arrays (start, at), int64 and int32: csrc/pattern.c for autodiff/pattern.py and colouring.py.

cdef extern from "pattern.h":
    ctypedef struct ad_pattern:
        int64_t n
        const int64_t *start
        const int32_t *at
    int64_t ad_pattern_union(ad_pattern map, ad_pattern of, int64_t n_columns, int64_t most, int64_t *mark, int64_t *start, int32_t *to) nogil
    int32_t ad_colour_apart(ad_pattern rows, ad_pattern columns, const int32_t *order, int32_t *colour, int32_t *seen) nogil
    void ad_count_neighbours(ad_pattern rows, ad_pattern columns, int32_t *degree, int32_t *seen) nogil
    void ad_order(ad_pattern rows, ad_pattern columns, int smallest_last, const int32_t *degree, int32_t *order, int32_t *space) nogil
    int32_t ad_colour_stars(ad_pattern of, const int32_t *order, int32_t *colour) nogil


cdef ad_pattern pattern_in(tuple pair) except *:
    """The pattern that stands in a pair of arrays, which must outlive it."""
    cdef ad_pattern made
    start, at = pair
    assert start.dtype == np.int64 and at.dtype == np.int32 and start.flags.c_contiguous and at.flags.c_contiguous
    assert len(at) == start[len(start) - 1]
    made.n = len(start) - 1
    made.start = <const int64_t *>cnp.PyArray_DATA(start)
    made.at = <const int32_t *>cnp.PyArray_DATA(at)
    return made


cdef int32_t *numbers_in(x) except? NULL:
    assert x.dtype == np.int32 and x.flags.c_contiguous
    return <int32_t *>cnp.PyArray_DATA(x)


def pattern_union(tuple map not None, tuple of not None, int64_t n_columns, int64_t most):
    """For each row of `map` the union of those rows of `of` that it names, as a pattern of n_columns; None: of more than `most` entries."""
    cdef ad_pattern rows = pattern_in(map), sets = pattern_in(of)
    cdef int64_t n
    mark, start = np.empty(n_columns, np.int64), np.empty(rows.n + 1, np.int64)
    cdef int64_t *marks = <int64_t *>cnp.PyArray_DATA(mark)
    cdef int64_t *starts = <int64_t *>cnp.PyArray_DATA(start)
    cdef int32_t *to
    with nogil:
        n = ad_pattern_union(rows, sets, n_columns, most, marks, starts, NULL)
    if n < 0:
        return None
    at = np.empty(n, np.int32)
    to = numbers_in(at)
    with nogil:
        ad_pattern_union(rows, sets, n_columns, most, marks, starts, to)
    return start, at


def colour_apart(tuple rows not None, tuple columns not None, order):
    """(colours of the columns, how many): two that a row has both of differ.  `columns` is the transpose of `rows`; -1: an empty column."""
    cdef ad_pattern by_rows = pattern_in(rows), by_columns = pattern_in(columns)
    cdef int32_t n
    colour, seen = np.empty(by_columns.n, np.int32), np.empty(by_columns.n, np.int32)
    cdef int32_t *colours = numbers_in(colour)
    cdef int32_t *space = numbers_in(seen)
    cdef int32_t *first = numbers_in(order)
    with nogil:
        n = ad_colour_apart(by_rows, by_columns, first, colours, space)
    return colour, n


def neighbours(tuple rows not None, tuple columns not None):
    """How many other columns each column shares a row with."""
    cdef ad_pattern by_rows = pattern_in(rows), by_columns = pattern_in(columns)
    degree, seen = np.empty(by_columns.n, np.int32), np.empty(by_columns.n, np.int32)
    cdef int32_t *degrees = numbers_in(degree)
    cdef int32_t *space = numbers_in(seen)
    with nogil:
        ad_count_neighbours(by_rows, by_columns, degrees, space)
    return degree


def dynamic_order(tuple rows not None, tuple columns not None, bint smallest_last, degree):
    """The columns smallest last, or by incidence; `degree` is what `neighbours` counts."""
    cdef ad_pattern by_rows = pattern_in(rows), by_columns = pattern_in(columns)
    order, space = np.empty(by_columns.n, np.int32), np.empty(5 * by_columns.n + 1, np.int32)
    cdef int32_t *to = numbers_in(order)
    cdef int32_t *spaces = numbers_in(space)
    cdef int32_t *degrees = numbers_in(degree)
    with nogil:
        ad_order(by_rows, by_columns, smallest_last, degrees, to, spaces)
    return order


def colour_stars(tuple symmetric not None, order):
    """(star colours of a symmetric pattern, how many); -1: an empty row."""
    cdef ad_pattern of = pattern_in(symmetric)
    cdef int32_t n
    colour = np.empty(of.n, np.int32)
    cdef int32_t *colours = numbers_in(colour)
    cdef int32_t *first = numbers_in(order)
    with nogil:
        n = ad_colour_stars(of, first, colours)
    if n < 0:
        raise MemoryError("sparse_hessian: no memory for its colours")
    return colour, n


def may_change(Tensor t not None):
    """Does a function that is traced now follow the tensor, so that a replay may have another value there?  None: none is traced."""
    cdef ad_program *p = ad_current
    cdef bint traced = False
    while p is not NULL:
        if p.tracing:
            traced = True
            if is_traced(t, p):
                return True
        p = p.next
    return False if traced else None
