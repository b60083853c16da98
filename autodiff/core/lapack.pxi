# LAPACK, from where NumPy keeps it: the inner loops of its ufuncs on matrices, which a replay calls without Python (csrc/lapack.c).

numpy_lapack = getattr(np.linalg, "_umath_linalg", None)         # (a name of NumPy's own: where it is gone, a function says so when it is used)

cdef extern from "lapack.h":
    ctypedef void (*ad_lapack_loop)(char **operands, const Py_ssize_t *sizes, const Py_ssize_t *steps, void *data) noexcept nogil
    ctypedef struct ad_lapack_function:
        ad_lapack_loop loop
        void *data
    ad_lapack_function ad_lapack[]

cdef extern from "numpy/ufuncobject.h":
    ctypedef struct ufunc_object "PyUFuncObject":
        int nargs, ntypes
        char *types
        ad_lapack_loop *functions
        void **data

# In the order of enum ad_lapack.  Those of the second name, in NumPy before 2.1, differ in how they tell their shapes; each serves all.
LAPACK_NAMES = [("solve",), ("inv",), ("det",), ("slogdet",), ("cholesky_lo",), ("eigh_lo",), ("svd_s", "svd_n_s"), ("qr_r_raw", "qr_r_raw_n"), ("qr_reduced",)]


def set_lapack(module):
    """Take the loops for float64 from a module; which names it has none for."""
    cdef ufunc_object *u
    cdef int i, j, k
    missing = []
    for i, names in enumerate(LAPACK_NAMES):
        ad_lapack[i].loop = NULL
        found = [getattr(module, name) for name in names if isinstance(getattr(module, name, None), np.ufunc)]
        if found:
            u = <ufunc_object *><PyObject *>found[0]
            for j in range(u.ntypes):
                if all([u.types[j * u.nargs + k] == cnp.NPY_DOUBLE for k in range(u.nargs)]):
                    ad_lapack[i].loop, ad_lapack[i].data = u.functions[j], u.data[j] if u.data is not NULL else NULL
        if ad_lapack[i].loop is NULL:
            missing.append(names[0])
    return missing


cdef inline int raise_pending() except? -1:
    """Raise the MemoryError that a loop has left behind: all else it says by a flag of the processor."""
    return -1 if PyErr_Occurred() is not NULL else 0


cdef inline bint was_pending() noexcept:
    """Forget such an error; was there one?"""
    if PyErr_Occurred() is NULL:
        return False
    PyErr_Clear()
    return True


set_lapack(numpy_lapack)
