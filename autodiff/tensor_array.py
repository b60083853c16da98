"""TensorArray: tensors of one dtype by their places, written one after the other and stacked at the end."""

from . import constants, dtypes, errors, shaping
from ._core import Tensor
from .arguments import integer, integers, sizes
from .arguments import tensor as to_tensor
from .dtypes import DType
from .shapes import TensorShape

__all__ = ["TensorArray"]


class TensorArray:
    """A list of tensors that loops write to, as tensorflow.TensorArray: every method that writes gives the array back.

    dtype             that of all its tensors
    size              how many places there are
    dynamic_size      does writing behind the end make more?
    clear_after_read  may every tensor be read once only?  True unless said otherwise
    element_shape     a shape that all tensors are compatible with
    infer_shape       must all of them have the shape of the first?

    What is never written is 0.  Gradients go through it as they go through a Python list: what was written has those of what was read,
    stacked, gathered or joined.  In an ad.function it works as a list too, and lives as long as the call.

    Raises OutOfRangeError (an IndexError) at places that it has not, DtypeError for a tensor of another dtype, ShapeError for one of
    another shape, InvalidArgumentError where a tensor is read again that was cleared.

    >>> import autodiff as ad
    >>> x = ad.Variable(2.0)
    >>> with ad.GradientTape() as tape:
    ...     powers = ad.TensorArray("float32", size=3)
    ...     for k in range(3):
    ...         powers = powers.write(k, x ** k)
    ...     y = powers.stack()
    >>> y.numpy().tolist(), float(tape.gradient(y, x))
    ([1.0, 2.0, 4.0], 5.0)
    """

    __slots__ = ("_dtype", "_tensors", "_dynamic_size", "_clear", "_cleared", "_shape", "_infer_shape")

    def __init__(self, dtype, size=None, dynamic_size=None, clear_after_read=None, tensor_array_name=None, handle=None, flow=None,
                 infer_shape=True, element_shape=None, colocate_with_first_write_call=True, name=None) -> None:  # fmt: skip
        if handle is not None:
            raise ValueError("TensorArray: handles are not supported when eager execution is enabled")
        if size is None:
            raise ValueError("TensorArray: Size must be declared; with dynamic_size=True it may be 0")
        size = integer("TensorArray", "size", size)
        if size < 0:
            raise errors.InvalidArgumentError(f"TensorArray: size must not be negative, got {size}")
        self._dtype, self._tensors, self._dynamic_size = dtypes.as_dtype(dtype), [None] * size, bool(dynamic_size)
        self._clear, self._cleared = clear_after_read is None or bool(clear_after_read), set()
        self._shape, self._infer_shape = TensorShape(element_shape), bool(infer_shape)

    @property
    def dtype(self) -> DType:
        return self._dtype

    @property
    def element_shape(self) -> TensorShape:
        """The shape of its tensors, as far as it is known."""
        return self._shape

    @property
    def dynamic_size(self) -> bool:
        return self._dynamic_size

    def size(self, name=None) -> Tensor:
        """How many places there are, as a scalar tensor of an integer (int32)."""
        return to_tensor(len(self._tensors))

    def identity(self) -> "TensorArray":
        return self

    # ---- one tensor
    def read(self, index, name=None) -> Tensor:
        """The tensor at a place; unless clear_after_read=False, once only."""
        k = self._place("read", index, len(self._tensors))
        tensor = self._written(k, "read")
        if self._clear:
            self._tensors[k] = None
            self._cleared.add(k)
        return tensor

    def write(self, index, value, name=None) -> "TensorArray":
        """Put a tensor at a place."""
        self._put("write", index, self._fitting("write", value))
        return self

    # ---- several
    def stack(self, name=None) -> Tensor:
        """All tensors, along a new first dimension."""
        if not self._tensors:
            return self._nothing()
        return shaping.stack([self._written(k, "stack") for k in range(len(self._tensors))])

    def gather(self, indices, name=None) -> Tensor:
        """The tensors at these places, along a new first dimension."""
        places = [self._place("gather", k, len(self._tensors)) for k in integers("TensorArray.gather", "indices", indices)]
        if not places:
            return self._nothing()
        return shaping.stack([self._written(k, "gather") for k in places])

    def concat(self, name=None) -> Tensor:
        """All tensors, one after the other along their first dimension."""
        tensors = [self._written(k, "concat") for k in range(len(self._tensors))]
        for k, x in enumerate(tensors):
            if not x.ndim:
                raise errors.ShapeError(f"TensorArray.concat: Concat saw a scalar shape at index {k} but requires at least vectors; use stack()")
        return shaping.concat(tensors, 0)

    def unstack(self, value, name=None) -> "TensorArray":
        """Write the parts of a tensor along its first dimension to the places from 0 on."""
        parts = shaping.unstack(to_tensor(value, "TensorArray.unstack", self._dtype))
        self._replace("unstack", parts)
        return self

    def scatter(self, indices, value, name=None) -> "TensorArray":
        """Write the parts of a tensor along its first dimension to these places."""
        places, parts = integers("TensorArray.scatter", "indices", indices), shaping.unstack(to_tensor(value, "TensorArray.scatter", self._dtype))
        if len(places) != len(parts):
            raise errors.ShapeError(f"TensorArray.scatter: {len(places)} indices for the {len(parts)} parts of value along its first dimension")
        for k, part in zip(places, parts):
            self._put("scatter", k, self._fitting("scatter", part))
        return self

    def split(self, value, lengths, name=None) -> "TensorArray":
        """Write pieces of these lengths, cut along the first dimension, to the places from 0 on.  They may differ
        in length, as in TensorFlow: infer_shape learns nothing from them."""
        value, lengths = to_tensor(value, "TensorArray.split", self._dtype), integers("TensorArray.split", "lengths", lengths)
        if not value.ndim:
            raise errors.ShapeError("TensorArray.split: Expected value to be at least a vector, but received a scalar")
        if len(lengths) != len(self._tensors) and not self._dynamic_size:
            raise errors.ShapeError(f"TensorArray.split: {len(lengths)} lengths for {len(self._tensors)} places; make it TensorArray(..., dynamic_size=True)")
        self._replace("split", shaping.split(value, list(lengths), 0), infer_shape=False)
        return self

    def close(self, name=None) -> None:
        """Forget all tensors."""
        self._tensors.clear()

    def __repr__(self):
        return f"<ad.TensorArray size={len(self._tensors)} dtype={self._dtype.name} element_shape={self._shape}>"

    # ---- what all of these share
    def _place(self, method, index, size):
        k = integer(f"TensorArray.{method}", "index", index)
        if not 0 <= k < size:
            raise errors.OutOfRangeError(f"TensorArray.{method}: index {k} is not in [0, {size}), the places that there are")
        return k

    def _put(self, method, index, value):
        k = integer(f"TensorArray.{method}", "index", index)
        if k >= len(self._tensors) and self._dynamic_size:
            sizes(f"TensorArray.{method}", "index", k)          # no more than can be
            self._tensors += [None] * (k + 1 - len(self._tensors))
        elif not 0 <= k < len(self._tensors):
            advice = "" if k < 0 else "; make it TensorArray(..., dynamic_size=True)"
            raise errors.OutOfRangeError(f"TensorArray.{method}: index {k} is not in [0, {len(self._tensors)}), and the array is not resizeable{advice}")
        self._tensors[k] = value
        self._cleared.discard(k)

    def _replace(self, method, parts, infer_shape=True):
        if len(parts) > len(self._tensors) and not self._dynamic_size:
            raise ValueError(f"TensorArray.{method}: Cannot unstack {len(parts)} tensors into a TensorArray of static size {len(self._tensors)}; "
                             "make it TensorArray(..., dynamic_size=True)")  # fmt: skip
        self._tensors = [self._fitting(method, part, infer_shape) for part in parts]
        self._cleared.clear()

    def _fitting(self, method, value, infer_shape=True):
        x = to_tensor(value, f"TensorArray.{method}", self._dtype)
        if not self._shape.is_compatible_with(x.shape):
            advice = "; make it TensorArray(..., infer_shape=False)" if self._infer_shape else ""
            raise errors.ShapeError(f"TensorArray.{method}: Incompatible shape for value ({x.shape}), expected ({self._shape}){advice}")
        if self._infer_shape and infer_shape:
            self._shape = x.shape
        return x

    def _written(self, k, method):
        if k in self._cleared:
            raise errors.InvalidArgumentError(f"TensorArray.{method}: Could not read index {k} twice because it was cleared after a previous read; make "
                                              "it TensorArray(..., clear_after_read=False)")  # fmt: skip
        if self._tensors[k] is None:
            self._tensors[k] = constants.zeros(self._known_shape(method), self._dtype)
        return self._tensors[k]

    def _nothing(self):
        """No tensors, stacked: scalars where nothing is known of them."""
        return constants.zeros((0, *(self._shape if self._shape.is_fully_defined() else ())), self._dtype)

    def _known_shape(self, method):
        if not self._shape.is_fully_defined():
            raise ValueError(f"TensorArray.{method}: nothing was written there, and the shape of a tensor is not known: {self._shape}; write first, or "
                             "make it TensorArray(..., element_shape=...)")  # fmt: skip
        return self._shape
