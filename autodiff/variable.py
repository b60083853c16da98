"""Variable: a tensor that can be assigned and that tapes watch by themselves."""

import math

import numpy as np

from . import errors, ops
from ._core import Tensor, VariableCore, convert, inherit_operators, tensor_from_numpy
from .shapes import TensorShape
from .slices import rows_given

__all__ = ["Variable"]


@inherit_operators
class Variable(VariableCore):
    """A tensor that can be assigned, as tensorflow.Variable.

    initial_value   number, nested list, array, tensor, another variable (its value is copied), or a function of no arguments
                    that returns one of these
    trainable       do tapes watch it by themselves?  True unless said otherwise; integers are never watched
    name            a label, not unique; `name` ends in ':0' as TensorFlow's
    dtype           float32, float64, int32, int64 or bool; that of the value if not given
    shape           a TensorShape that the value must be compatible with
    constraint      a function of the new value, applied by nothing here but kept for optimisers

    Reading it under a GradientTape takes the value of that moment; `assign` never changes what a tape has recorded, and is not
    differentiated itself.

    Raises ValueError where there is no value or its shape does not fit, TypeError where the value cannot have the dtype.

    >>> import autodiff as ad
    >>> v = ad.Variable([1.0, 2.0], name="v")
    >>> v.assign_add([1.0, 1.0]).numpy()
    array([2., 3.], dtype=float32)
    """

    __slots__ = ("_name", "constraint", "_declared")

    def __init__(self, initial_value=None, trainable=None, validate_shape=True, caching_device=None, name=None,
                 variable_def=None, dtype=None, import_scope=None, constraint=None, synchronization=None, aggregation=None,
                 shape=None) -> None:  # fmt: skip
        if initial_value is None:
            raise ValueError("Variable: initial_value is None; expected a number, list, array, tensor or a function returning one")
        if callable(initial_value):
            initial_value = initial_value()
        value = convert(initial_value, dtype, name="Variable")
        if constraint is not None and not callable(constraint):
            raise ValueError(f"Variable: constraint must be a function, got {constraint!r}")
        if shape is not None and not TensorShape(shape).is_compatible_with(value.shape):
            raise errors.ShapeError(
                f"Variable: the initial value's shape {tuple(value.shape)} is not compatible with the explicitly supplied "
                f"shape {tuple(TensorShape(shape))}"
            )
        self._start(value, True if trainable is None else bool(trainable))
        self._name = "Variable" if name is None else str(name)
        self.constraint = constraint
        self._declared = None if shape is None else TensorShape(shape)

    # ---- what it is
    @property
    def name(self) -> str:
        return f"{self._name}:0"

    @property
    def device(self):
        return "/job:localhost/replica:0/task:0/device:CPU:0"

    @property
    def handle(self):
        return self

    initializer = initial_value = property(lambda self: None)
    op = property(lambda self: self)

    def get_shape(self) -> TensorShape:
        return self.shape

    def set_shape(self, shape) -> None:
        """Check that the shape is compatible with `shape`."""
        self._peek().set_shape(shape)

    def read_value(self) -> Tensor:
        """The value now, as a tensor; gradients flow through it."""
        return self.value()

    def experimental_ref(self):
        return self.ref()

    def is_initialized(self) -> Tensor:
        return convert(True)

    # ---- assignment
    def assign(self, value, use_locking=False, name=None, read_value=True) -> "Variable":
        """Replace the value; return the variable (None with read_value=False).

        value   of the variable's shape (nothing broadcasts); numbers and arrays take its dtype, a tensor must have it
        Raises ValueError for another shape or a tensor of another dtype, TypeError for what the dtype cannot hold.
        """
        return self._set(self._fitting(value, "assign"), read_value)

    def assign_add(self, delta, use_locking=False, name=None, read_value=True) -> "Variable":
        """Add to the value in place; return the variable."""
        return self._set(self._peek() + self._fitting(delta, "assign_add"), read_value)

    def assign_sub(self, delta, use_locking=False, name=None, read_value=True) -> "Variable":
        """Subtract from the value in place; return the variable."""
        return self._set(self._peek() - self._fitting(delta, "assign_sub"), read_value)

    def _set(self, value, read_value=True):
        self._replace(value)
        return self if read_value else None

    def _assign_at(self, key, value):
        """v[key].assign(value): the part that the key names, which may broadcast."""
        whole, value = self._peek(), convert(value, self.dtype, name="assign")
        shape, size = tuple(self.shape), self.shape.num_elements()
        places = tensor_from_numpy(np.arange(size).reshape(shape))[key]         # a tensor, as a recorded function may compute the key
        part = tuple(places.shape)
        if part != tuple(value.shape):
            try:
                spread = np.broadcast_to(np.arange(value.shape.num_elements()).reshape(tuple(value.shape)), part)
            except ValueError:
                raise errors.ShapeError(f"Cannot assign value to a part of variable ' {self.name}': its shape {part} and the "
                                        f"assigned value shape {value.shape} are incompatible.") from None  # fmt: skip
            value = ops.gather(ops.reshape(value, shape=(value.shape.num_elements(),)), tensor_from_numpy(spread.ravel()), axis=0, batch_dims=0)
        count = math.prod(part)
        flat = ops.tensor_scatter_nd_update(ops.reshape(whole, shape=(size,)), ops.reshape(places, shape=(count, 1)), ops.reshape(value, shape=(count,)))
        return self._set(ops.reshape(flat, shape=shape))

    # ---- reading parts
    def sparse_read(self, indices, name=None) -> Tensor:
        """The rows named by `indices`."""
        return ops.gather(self.value(), convert(indices), axis=0, batch_dims=0)

    def gather_nd(self, indices, name=None) -> Tensor:
        """The elements or slices named by the last axis of `indices`."""
        return ops.gather_nd(self.value(), convert(indices), batch_dims=0)

    # ---- sparse updates: elements or slices named by the last axis of `indices`
    def scatter_nd_update(self, indices, updates, name=None) -> "Variable":
        """Replace the elements or slices named by the last axis of `indices`."""
        updates = convert(updates, self.dtype, name="scatter_nd_update")
        return self._set(ops.tensor_scatter_nd_update(self._peek(), convert(indices), updates))

    def scatter_nd_add(self, indices, updates, name=None) -> "Variable":
        """Add to the elements or slices named by the last axis of `indices`; duplicates add up."""
        updates = convert(updates, self.dtype, name="scatter_nd_add")
        return self._set(self._peek() + ops.scatter_nd(convert(indices), updates, shape=tuple(self.shape), batch_dims=0))

    def scatter_nd_sub(self, indices, updates, name=None) -> "Variable":
        """Subtract from the elements or slices named by the last axis of `indices`."""
        return self.scatter_nd_add(indices, -convert(updates, self.dtype, name="scatter_nd_sub"))

    # ---- the same of rows
    def scatter_update(self, sparse_delta, use_locking=False, name=None) -> "Variable":
        """Replace the rows that IndexedSlices name."""
        return self.scatter_nd_update(*rows_given("scatter_update", sparse_delta))

    def scatter_add(self, sparse_delta, use_locking=False, name=None) -> "Variable":
        """Add to the rows that IndexedSlices name."""
        return self.scatter_nd_add(*rows_given("scatter_add", sparse_delta))

    def scatter_sub(self, sparse_delta, use_locking=False, name=None) -> "Variable":
        """Subtract from the rows that IndexedSlices name."""
        return self.scatter_nd_sub(*rows_given("scatter_sub", sparse_delta))

    def batch_scatter_update(self, sparse_delta, use_locking=False, name=None) -> "Variable":
        """Replace rows of every part of a batch: indices has the leading dimensions of the batch, and then which rows."""
        indices, updates = rows_given("batch_scatter_update", sparse_delta, batched=True)
        return self.scatter_nd_update(indices, updates)

    def scatter_max(self, sparse_delta, use_locking=False, name=None) -> "Variable":
        """Keep the larger of what stands in the rows that IndexedSlices name and their values."""
        return self._scatter("scatter_max", sparse_delta, ops.maximum)

    def scatter_min(self, sparse_delta, use_locking=False, name=None) -> "Variable":
        """Keep the smaller of what stands in the rows that IndexedSlices name and their values."""
        return self._scatter("scatter_min", sparse_delta, ops.minimum)

    def scatter_mul(self, sparse_delta, use_locking=False, name=None) -> "Variable":
        """Multiply the rows that IndexedSlices name; of a row that is named twice both count."""
        return self._scatter("scatter_mul", sparse_delta, ops.mul)

    def scatter_div(self, sparse_delta, use_locking=False, name=None) -> "Variable":
        """Divide the rows that IndexedSlices name, of floats; of a row that is named twice both count."""
        if not self.dtype.is_floating:
            raise errors.bad_dtype("scatter_div", self.dtype.name, ("float32", "float64"))
        return self._scatter("scatter_div", sparse_delta, ops.div)

    def _scatter(self, function, sparse_delta, pick):
        from .indexing import scattered                 # which is above, as its fronts take variables

        indices, updates = rows_given(function, sparse_delta)
        return self._set(scattered(function, self._peek(), indices, convert(updates, self.dtype, name=function), pick))

    # ---- in-place operators would rebind the name to a tensor: never what is meant
    def __iadd__(self, other):
        raise _in_place("+", "variable.assign_add(value)")

    def __isub__(self, other):
        raise _in_place("-", "variable.assign_sub(value)")

    def __imul__(self, other):
        raise _in_place("*", "variable.assign(variable * value)")

    def __itruediv__(self, other):
        raise _in_place("/", "variable.assign(variable / value)")

    def __ipow__(self, other):
        raise _in_place("**", "variable.assign(variable ** value)")

    # ---- text and copies
    def __repr__(self):
        return f"<ad.Variable '{self.name}' shape={self.shape} dtype={self.dtype.name}, numpy={self._text()}>"

    __str__ = __repr__

    def __reduce__(self):
        return _rebuilt, (type(self), self._peek(), self.trainable, self._name)

    def __copy__(self):
        return _rebuilt(type(self), self._peek(), self.trainable, self._name)

    def __deepcopy__(self, memo):
        memo[id(self)] = twin = self.__copy__()
        return twin


def _rebuilt(cls, value, trainable, name):
    return cls(value, trainable=trainable, name=name)


def _in_place(sign, instead):
    return RuntimeError(
        f"`variable {sign}= value` with `ad.Variable`s is not supported. Use `{instead}` to modify the variable, or "
        f"`out = variable {sign} value` if you need to get a new output Tensor."
    )
