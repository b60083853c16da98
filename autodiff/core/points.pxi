# What an objective remembers of the last point that it was asked for: value and derivative are computed once, whoever asks for which.

@cython.final
cdef class Point:
    """A vector x, and what is known there.

    rest         what else tells the point from others, itself and no equal object (None: it is like no other)
    value        of the function: a float, or an array
    derivative   a tensor, or what has `copy`
    tape         of an eager objective, (the tape that f was run under, x, f(x)) there
    slope, hessian   the gradient on the tape and second derivatives, each with the weights that it is of
    """
    cdef Tensor x
    cdef object derivative
    cdef readonly object rest
    cdef int64_t assigned                       # how often variables, which f may read, had been
    cdef readonly object value
    cdef readonly object tape
    cdef public object slope, hessian

    def __init__(self, Tensor x not None, rest, value, derivative, tape=None):
        if type(derivative) is Tensor:          # its numbers leave what records
            mark_lost(<Tensor>derivative)
            leaves_here(<Tensor>derivative)
        self.x, self.rest, self.value, self.derivative, self.tape, self.assigned = x, rest, value, derivative, tape, assignments

    def is_at(self, cnp.ndarray x not None, rest):
        """Is everything the same at this float64 vector, bit for bit?"""
        cdef const ad_array *own = self.x.value.array
        if rest is None or self.assigned != assignments or cnp.PyArray_SIZE(x) != own.size or self.rest is not rest:
            return False
        if not cnp.PyArray_ISCARRAY_RO(x):
            x = np.ascontiguousarray(x, np.float64)
        return memcmp(cnp.PyArray_DATA(x), own.data, ad_array_bytes(own)) == 0

    def gradient(self):
        """The derivative, for somebody to change."""
        return plain_numpy(<Tensor>self.derivative) if type(self.derivative) is Tensor else self.derivative.copy()

    def gradient_into(self, out not None):
        """The derivative's numbers in an array of its shape."""
        cdef const ad_array *g
        if type(self.derivative) is Tensor and (<Tensor>self.derivative).is_array and cnp.PyArray_CheckExact(out):
            g = (<Tensor>self.derivative).value.array
            if (cnp.PyArray_TYPE(out) == NUMPY_TYPE[g.dtype] and cnp.PyArray_ISCARRAY(out) and cnp.PyArray_NDIM(out) == g.ndim
                    and memcmp(cnp.PyArray_DIMS(out), g.shape, g.ndim * sizeof(int64_t)) == 0):
                memcpy(cnp.PyArray_DATA(out), g.data, ad_array_bytes(g))
                return
        out[:] = self.gradient()


def same_numbers(cnp.ndarray a not None, cnp.ndarray b not None):
    """Have the arrays one dtype, one shape and the same bits?"""
    cdef int ndim = cnp.PyArray_NDIM(a)
    if ndim != cnp.PyArray_NDIM(b) or memcmp(cnp.PyArray_DIMS(a), cnp.PyArray_DIMS(b), ndim * sizeof(cnp.npy_intp)) != 0 or a.dtype != b.dtype:
        return False
    if not (cnp.PyArray_IS_C_CONTIGUOUS(a) and cnp.PyArray_IS_C_CONTIGUOUS(b)):
        a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
    return memcmp(cnp.PyArray_DATA(a), cnp.PyArray_DATA(b), cnp.PyArray_NBYTES(a)) == 0
