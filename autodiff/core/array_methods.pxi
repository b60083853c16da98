# The methods of NumPy's arrays that give values: t.sum(axis), t.T, t.reshape(2, -1).  Each is NumPy's function of that name, and records.

cdef class Tensor                               # in tensor.pxi


cdef object of_numpys(function, x, tuple args=(), dict kwargs={}):
    """function(x, *args, **kwargs), without NumPy's search for who implements it."""
    return x.__array_function__(function, (type(x),), (x, *args), kwargs)


cdef object of_reduction(function, x, tuple args, dict kwargs):
    """The same of np.sum and its like.  Of floating numbers they are reduce_sum and its like if no more than `axis` and `keepdims` is asked:
    to look for more takes ten times as long as to add up a few.  (Laws of stabilisation count who holds x, for which the call is NumPy's.)"""
    cdef Tensor t
    if len(args) > 1 or args and "axis" in kwargs or kwargs and kwargs.keys() - AXES:
        return of_numpys(function, x, args, kwargs)
    axis, keepdims = args[0] if args else kwargs.get("axis"), kwargs.get("keepdims", False)
    if stabilising_here():
        return function(x, axis=axis, keepdims=keepdims)
    t = convert(x)
    if t.code <= AD_F64 and size_of(t):         # (of nothing there is no largest element in NumPy)
        return numpy_fronts[function](t, axis, keepdims)
    return of_numpys(function, x, args, kwargs)


cdef frozenset AXES = frozenset(("axis", "keepdims"))


cdef object sizes_in(tuple args):
    """What t.reshape(2, 3) and t.reshape((2, 3)) mean alike."""
    return args[0] if len(args) == 1 else args


cdef Tensor leaving(x, str how):
    """The value of a tensor or variable, on its way to Python."""
    cdef Tensor t = convert(x)
    lose(t, how)
    return t


cdef class ArrayMethods:
    """What tensors and variables have of NumPy's arrays: the methods that give values.

    Each takes NumPy's arguments, and is NumPy's function of that name: x.sum(axis=0) is np.sum(x, axis=0), which records.  The methods
    that would change an array (sort, fill, put, resize, partition, itemset, setfield) are not there: tensors are immutable.

    >>> import autodiff as ad
    >>> x = ad.constant([[1.0, 2.0], [3.0, 4.0]])
    >>> print((x.T @ x).sum(axis=0), x.mean().item())
    ad.Tensor([24. 34.], shape=(2,), dtype=float32) 2.5
    """

    __pandas_priority__ = 5000                  # column * tensor is the tensor's to compute, with its gradient

    # ---- what it has
    @property
    def T(self):
        """With the dimensions in reverse."""
        return of_numpys(np.transpose, self)

    @property
    def size(self):
        """The number of elements."""
        return self.shape.num_elements()

    @property
    def itemsize(self):
        """Bytes of one element."""
        return self.dtype.size

    @property
    def nbytes(self):
        """Bytes of all elements."""
        return self.size * self.itemsize

    def item(self, *place):
        """The only element, or that at a place (of the flat tensor, or one index for each dimension), as a Python number."""
        x = self[place] if len(place) > 1 else of_numpys(np.ravel, self)[place[0]] if place else self
        if x.size != 1:
            raise ValueError(f"item: can only convert a tensor of one element to a Python number, got shape {tuple(x.shape)}; "
                             "expected the element's place too, or take tolist()")
        return number_of(leaving(of_numpys(np.reshape, x, ((),)), "item"))

    def tolist(self):
        """Python numbers in nested lists, or one number."""
        return to_numpy(leaving(self, "tolist")).tolist()

    # ---- over elements
    def sum(self, *args, **kwargs): return of_reduction(np.sum, self, args, kwargs)
    def prod(self, *args, **kwargs): return of_reduction(np.prod, self, args, kwargs)
    def mean(self, *args, **kwargs): return of_reduction(np.mean, self, args, kwargs)
    def var(self, *args, **kwargs): return of_numpys(np.var, self, args, kwargs)
    def std(self, *args, **kwargs): return of_numpys(np.std, self, args, kwargs)
    def max(self, *args, **kwargs): return of_reduction(np.max, self, args, kwargs)
    def min(self, *args, **kwargs): return of_reduction(np.min, self, args, kwargs)
    def all(self, *args, **kwargs): return of_numpys(np.all, self, args, kwargs)
    def any(self, *args, **kwargs): return of_numpys(np.any, self, args, kwargs)
    def argmax(self, *args, **kwargs): return of_numpys(np.argmax, self, args, kwargs)
    def argmin(self, *args, **kwargs): return of_numpys(np.argmin, self, args, kwargs)
    def argsort(self, *args, **kwargs): return of_numpys(np.argsort, self, args, kwargs)
    def nonzero(self): return of_numpys(np.nonzero, self)
    def searchsorted(self, *args, **kwargs): return of_numpys(np.searchsorted, self, args, kwargs)
    def cumsum(self, *args, **kwargs): return of_numpys(np.cumsum, self, args, kwargs)
    def cumprod(self, *args, **kwargs): return of_numpys(np.cumprod, self, args, kwargs)

    # ---- of each element
    def astype(self, dtype, order="K", casting="unsafe", subok=True, copy=True):
        """In another dtype; `float` is NumPy's float64.  The rest is taken for NumPy's sake: there is one order, and any cast is made."""
        to = dtypes.as_dtype(dtype if isinstance(dtype, dtypes.DType) else np.dtype(dtype))
        return convert(self) if self.dtype is to else apply(ops.cast, (self,), {"dtype": to.code})

    def clip(self, min=None, max=None, **kwargs): return of_numpys(np.clip, self, (min, max), kwargs)
    def round(self, *args, **kwargs): return of_numpys(np.round, self, args, kwargs)
    def conj(self): return np.conjugate(self)

    # ---- of matrices
    def dot(self, b): return of_numpys(np.dot, self, (b,))
    def trace(self, *args, **kwargs): return of_numpys(np.trace, self, args, kwargs)
    def diagonal(self, *args, **kwargs): return of_numpys(np.diagonal, self, args, kwargs)

    # ---- the same elements elsewhere
    def reshape(self, *shape, **kwargs): return of_numpys(np.reshape, self, (sizes_in(shape),), kwargs)
    def ravel(self, *args, **kwargs): return of_numpys(np.ravel, self, args, kwargs)
    def flatten(self, *args, **kwargs): return of_numpys(np.ravel, self, args, kwargs)
    def squeeze(self, *args, **kwargs): return of_numpys(np.squeeze, self, args, kwargs)
    def transpose(self, *axes): return of_numpys(np.transpose, self, (sizes_in(axes),) if axes else ())
    def swapaxes(self, axis1, axis2): return of_numpys(np.swapaxes, self, (axis1, axis2))
    def repeat(self, *args, **kwargs): return of_numpys(np.repeat, self, args, kwargs)
    def take(self, *args, **kwargs): return of_numpys(np.take, self, args, kwargs)
    def compress(self, condition, axis=None): return self.__array_function__(np.compress, (type(self),), (condition, self, axis), {})

    def copy(self):
        """The same values: tensors are immutable; of a variable, its value now."""
        return convert(self)
