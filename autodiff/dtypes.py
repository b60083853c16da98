"""The five dtypes, in the order of enum ad_dtype (csrc/ad.h) and of ANY (_op.py)."""

import builtins

import numpy as np

from . import errors

__all__ = ["DType", "as_dtype", "bool", "double", "float32", "float64", "int32", "int64"]


class DType:
    """A dtype as TensorFlow has them: equal to its name, to the NumPy type and to the NumPy dtype.

    name            'float32', ...
    code            its place in enum ad_dtype
    as_numpy_dtype  the NumPy scalar type
    size            bytes of one element
    """

    __slots__ = ("name", "code", "as_numpy_dtype", "is_floating", "is_integer", "is_bool", "size", "_numpy", "_hash")

    def __init__(self, name, code, numpy_type):
        self.name, self.code, self.as_numpy_dtype = name, code, numpy_type
        self._numpy = np.dtype(numpy_type)
        self._hash = hash(name)
        self.size = self._numpy.itemsize
        kind = self._numpy.kind
        self.is_floating, self.is_integer, self.is_bool = kind == "f", kind == "i", kind == "b"

    is_complex = is_quantized = is_unsigned = False
    is_numeric = property(lambda self: not self.is_bool)
    is_numpy_compatible = True
    base_dtype = real_dtype = property(lambda self: self)
    as_datatype_enum = property(lambda self: self.code)

    @property
    def __numpy_dtype__(self):
        return self._numpy

    @property
    def dtype(self):
        """The NumPy dtype: where NumPy is asked for a dtype it looks here."""
        return self._numpy

    # What a NumPy dtype is asked for by code that meets a tensor (SciPy's optimisers, say): dtype.type(x), dtype.kind == "f".
    type = property(lambda self: self.as_numpy_dtype)
    kind = property(lambda self: self._numpy.kind)
    char = property(lambda self: self._numpy.char)
    itemsize = property(lambda self: self.size)

    @property
    def min(self):
        return _bounds(self)[0]

    @property
    def max(self):
        return _bounds(self)[1]

    @property
    def limits(self):
        """What images of this dtype hold, as TensorFlow has it: 0 and the largest integer, 0 and 1 of floats, False and True."""
        return (0, 1) if self.is_floating else (False if self.is_bool else 0, self.max)

    def is_compatible_with(self, other) -> builtins.bool:
        return self == other

    def __eq__(self, other):
        if self is other:
            return True
        if isinstance(other, DType) or other is None:
            return False
        try:
            return as_dtype(other) is self
        except TypeError:
            return False

    def __ne__(self, other):
        return not self == other

    def __hash__(self):
        return self._hash

    def __str__(self):
        return f"<dtype: {self.name!r}>"

    def __repr__(self):
        return f"ad.{self.name}"

    def __reduce__(self):
        return as_dtype, (self.name,)


float32 = DType("float32", 0, np.float32)
float64 = DType("float64", 1, np.float64)
int32 = DType("int32", 2, np.int32)
int64 = DType("int64", 3, np.int64)
bool = DType("bool", 4, np.bool_)  # TensorFlow's name for it; Python's own is not needed below

DTYPES = (float32, float64, int32, int64, bool)  # by code
double = float64

# Python's own types mean what tensorflow.constant makes of their values.
_BY_NAME = {d.name: d for d in DTYPES} | {"float": float32, "double": float64, "int": int32}
_BY_PYTHON_TYPE = {float: float32, int: int32, type(True): bool}
_BY_KIND = {(d._numpy.kind, d.size): d for d in DTYPES}
_WIDER = {"float16": float32, "int8": int32, "int16": int32, "uint8": int32, "uint16": int32, "uint32": int64, "uint64": int64}


def as_dtype(type_value) -> DType:
    """The DType that a DType, a name, a NumPy dtype or type, or a Python type stands for.

    Raises DtypeError (a TypeError and a ValueError) for any other, float16, complex and strings among them.

    >>> as_dtype("float32")
    ad.float32
    """
    if isinstance(type_value, DType):
        return type_value
    try:
        known = _BY_NAME.get(type_value) or _BY_PYTHON_TYPE.get(type_value)
    except TypeError:  # unhashable
        known = None
    if known is not None:
        return known
    try:
        numpy = np.dtype(type_value) if type_value is not None else None
    except (TypeError, ValueError):
        numpy = None
    if numpy is None:
        raise errors.DtypeError(
            f"as_dtype: Cannot convert {errors.shorten(type_value)} to a dtype: expected {_names('or')}"
        )
    # By kind and size: NumPy has two types of 8-byte integers (long and long long), and big-endian twins of each.
    known = _BY_KIND.get((numpy.kind, numpy.itemsize))
    if known is None:
        raise errors.DtypeError(f"as_dtype: no tensors of dtype {numpy.name}: autodiff has {_names('and')}")
    return known


def of_array(array, name) -> DType:
    """The DType of an array's numbers.  Raises DtypeError where there is none, with what would do."""
    if not is_known(array.dtype):
        raise errors.no_such_dtype(name, array.dtype.name, _names("and"), wider(array.dtype).name)
    return _BY_KIND[array.dtype.kind, array.dtype.itemsize]


def is_known(numpy):
    """Is it, in whatever byte order, a dtype of tensors?"""
    return (numpy.kind, numpy.itemsize) in _BY_KIND


def wider(numpy) -> DType:
    """What holds all numbers of one of NumPy's other dtypes, or the most of them."""
    return _WIDER.get(numpy.name, float64)


def _names(last):
    return errors.join_words([d.name for d in DTYPES], last)


def _bounds(dtype):
    if dtype.is_bool:
        return False, True
    info = np.finfo(dtype._numpy) if dtype.is_floating else np.iinfo(dtype._numpy)
    return info.min, info.max
