"""Shapes as tuples that know TensorFlow's questions, and what a tensor is to look like (TensorSpec)."""

from . import dtypes, errors

__all__ = ["TensorShape", "TensorSpec"]


class TensorShape(tuple):
    """A tuple of sizes; equal to tuples and lists.  A size may be None in a TensorSpec: not known.

    `tuple.__new__(TensorShape, sizes)` makes one without the checks, for the core.  `TensorShape(None)` has no known rank.
    """

    __slots__ = ()

    def __new__(cls, dims=None):
        if dims is None:
            return _UNKNOWN
        if isinstance(dims, TensorShape):
            return dims
        if isinstance(dims, (str, bytes)):
            raise TypeError(f"TensorShape: expected sizes, got {dims!r}")
        try:
            dims = list(dims)
        except TypeError:
            dims = [dims]
        return tuple.__new__(cls, [_size(n) for n in dims])

    def __eq__(self, other):
        if isinstance(other, tuple):
            return tuple.__eq__(self, other)
        if isinstance(other, list):
            return tuple.__eq__(self, tuple(other))
        if type(other) is int:  # as TensorFlow reads TensorShape(3): one dimension
            return tuple.__eq__(self, (other,))
        return NotImplemented

    def __ne__(self, other):
        equal = self.__eq__(other)
        return equal if equal is NotImplemented else not equal

    __hash__ = tuple.__hash__

    def __getitem__(self, key):
        got = tuple.__getitem__(self, key)
        return tuple.__new__(TensorShape, got) if isinstance(key, slice) else got

    def __add__(self, other):
        return self.concatenate(other)

    def __radd__(self, other):
        return as_shape(other).concatenate(self)

    def __str__(self):
        return tuple.__repr__(self)

    def __repr__(self):
        return f"TensorShape({list(self)})"

    @property
    def rank(self) -> int | None:
        return len(self)

    ndims = rank

    @property
    def dims(self):
        return list(self)

    def as_list(self) -> list[int | None]:
        return list(self)

    def num_elements(self) -> int | None:
        """The product of the sizes, or None where one is not known."""
        n = 1
        for size in self:
            if size is None:
                return None
            n *= size
        return n

    def is_fully_defined(self) -> bool:
        return None not in tuple(self)

    def concatenate(self, other) -> "TensorShape":
        other = as_shape(other)
        return other if other.rank is None else tuple.__new__(TensorShape, (*self, *other))

    def is_compatible_with(self, other) -> bool:
        """Could both be the shape of one tensor?"""
        other = as_shape(other)
        if self.rank is None or other.rank is None:
            return True
        return len(self) == len(other) and all(a is None or b is None or a == b for a, b in zip(self, other))

    def merge_with(self, other) -> "TensorShape":
        """The shape that both say, taken together."""
        other = as_shape(other)
        self.assert_is_compatible_with(other)
        if self.rank is None or other.rank is None:
            return other if self.rank is None else self
        return tuple.__new__(TensorShape, [b if a is None else a for a, b in zip(self, other)])

    def most_specific_compatible_shape(self, other) -> "TensorShape":
        """The shape that says what both say: None where they differ, unknown where their ranks do."""
        other = as_shape(other)
        if self.rank is None or other.rank is None or len(self) != len(other):
            return _UNKNOWN
        return tuple.__new__(TensorShape, [a if a == b else None for a, b in zip(self, other)])

    def with_rank(self, rank) -> "TensorShape":
        if self.rank is None:
            return tuple.__new__(TensorShape, [None] * rank)
        self.assert_has_rank(rank)
        return self

    def with_rank_at_least(self, rank):
        if self.rank is not None and self.rank < rank:
            raise errors.ShapeError(f"Shape {self} must have rank at least {rank}")
        return self

    def with_rank_at_most(self, rank):
        if self.rank is not None and self.rank > rank:
            raise errors.ShapeError(f"Shape {self} must have rank at most {rank}")
        return self

    def assert_is_compatible_with(self, other):
        if not self.is_compatible_with(other):
            raise errors.ShapeError(f"Shapes {self} and {as_shape(other)} are incompatible")

    def assert_same_rank(self, other):
        other = as_shape(other)
        if self.rank is not None and other.rank is not None and self.rank != other.rank:
            raise errors.ShapeError(f"Shapes {self} and {other} must have the same rank")

    def assert_has_rank(self, rank):
        if self.rank not in (None, rank):
            raise errors.ShapeError(f"Shape {self} must have rank {rank}")

    def assert_is_fully_defined(self):
        if not self.is_fully_defined():
            raise errors.ShapeError(f"Shape {self} is not fully defined")


class _UnknownShape(TensorShape):
    """The shape of which not even the rank is known.  There is one."""

    __slots__ = ()
    rank = ndims = dims = None

    def _refuse(self, *_):
        raise errors.ShapeError(
            "Cannot take the length of a shape with unknown rank: give the sizes, None where one is not known"
        )

    __len__ = __iter__ = __getitem__ = as_list = _refuse

    def __bool__(self):
        return False

    def __eq__(self, other):
        return self is other if isinstance(other, tuple) else NotImplemented

    __hash__ = tuple.__hash__

    def __str__(self):
        return "<unknown>"

    def __repr__(self):
        return "TensorShape(None)"

    def __reduce__(self):
        return TensorShape, (None,)

    def num_elements(self):
        return None

    def is_fully_defined(self):
        return False

    def concatenate(self, other):
        return self


_UNKNOWN = tuple.__new__(_UnknownShape)


def _size(n):
    if n is None:
        return None
    try:
        n = n.__index__()
    except AttributeError:
        raise TypeError(f"TensorShape: a size is an integer or None, got {n!r}") from None
    if n < 0:
        raise errors.ShapeError(f"TensorShape: Dimension {n} must be >= 0")
    return n


def as_shape(value):
    return value if isinstance(value, TensorShape) else TensorShape(value)


def _described(value):
    if not (hasattr(value, "shape") and hasattr(value, "dtype")):
        raise TypeError(f"TensorSpec: expected a tensor, an array or a TensorSpec, got {errors.shorten(value)}")
    return value


class TensorSpec:
    """What a tensor is to look like: shape (None where a size is not known), dtype, name."""

    __slots__ = ("shape", "dtype", "name")

    def __init__(self, shape, dtype=dtypes.float32, name=None) -> None:
        self.shape, self.dtype, self.name = TensorShape(shape), dtypes.as_dtype(dtype), name

    @classmethod
    def from_tensor(cls, tensor, name=None) -> "TensorSpec":
        """What a tensor or an array is."""
        return cls(_described(tensor).shape, tensor.dtype, name)

    from_spec = from_tensor

    def is_compatible_with(self, other) -> bool:
        """Does a tensor, or a spec, look like this?"""
        return self.dtype == _described(other).dtype and self.shape.is_compatible_with(other.shape)

    def __eq__(self, other):
        if not isinstance(other, TensorSpec):
            return NotImplemented
        return (self.shape, self.dtype, self.name) == (other.shape, other.dtype, other.name)

    def __hash__(self):
        return hash((self.shape, self.dtype))

    def __repr__(self):
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype!r}, name={self.name!r})"

    def __reduce__(self):
        shape = None if self.shape.rank is None else tuple(self.shape)
        return TensorSpec, (shape, self.dtype, self.name)
