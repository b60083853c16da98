"""IndexedSlices: some rows of a tensor whose other rows are 0, for scripts that make them or ask for them.  Gradients here are dense."""

import numpy as np

from . import errors, ops
from ._core import Tensor, convert
from .arguments import sizes
from .dtypes import DType
from .shapes import TensorShape

__all__ = ["IndexedSlices"]


class IndexedSlices:
    """`values[k]` in row `indices[k]`; rows that are named twice add up.  Stands for a tensor wherever one is taken.

    values       a tensor, one row for each index
    indices      a vector of integers
    dense_shape  the shape of the tensor; needed where the rows become one

    >>> import autodiff as ad
    >>> rows = ad.IndexedSlices([5.0, 6.0, 7.0], [0, 2, 2], dense_shape=[4])
    >>> ad.convert_to_tensor(rows).numpy().tolist()
    [5.0, 0.0, 13.0, 0.0]
    >>> ad.Variable([1.0, 1.0, 1.0, 1.0]).scatter_update(rows).numpy().tolist()
    [5.0, 1.0, 7.0, 1.0]
    """

    def __init__(self, values, indices, dense_shape=None) -> None:
        self.values, self.indices = convert(values, name="IndexedSlices"), convert(indices, name="IndexedSlices")
        if not self.indices.dtype.is_integer:
            raise errors.bad_dtype("IndexedSlices", self.indices.dtype.name, ("int32", "int64"))
        self.dense_shape = None if dense_shape is None else convert(dense_shape, name="IndexedSlices")

    @property
    def dtype(self) -> DType:
        return self.values.dtype

    @property
    def shape(self) -> TensorShape:
        """That of the tensor; unknown without dense_shape."""
        return TensorShape(None if self.dense_shape is None else sizes("IndexedSlices", "dense_shape", self.dense_shape))

    def __ad_tensor__(self) -> Tensor:
        if self.dense_shape is None:
            raise ValueError("IndexedSlices: Tensor conversion requested for IndexedSlices without dense_shape; give it one")
        return ops.scatter_nd(places(self), self.values, shape=tuple(self.shape), batch_dims=0)

    def __repr__(self):
        return f"IndexedSlices(indices={self.indices!r}, values={self.values!r}, dense_shape={self.dense_shape!r})"


def places(rows):
    """The indices as scatter_nd takes them."""
    return ops.reshape(rows.indices, shape=(*rows.indices.shape, 1))


def rows_given(name, rows, batched=False):
    """Where to and what, of IndexedSlices; nothing else is taken, as in TensorFlow."""
    if not isinstance(rows, IndexedSlices):
        raise TypeError(f"{name}: sparse_delta is not IndexedSlices: {errors.shorten(rows)}")
    return batched_places(rows) if batched else places(rows), rows.values


def batched_places(rows):
    """The same where all but the last dimension of the indices are those of a batch: each index with its part of the batch before it."""
    last = places(rows)
    parts = np.moveaxis(np.indices(tuple(rows.indices.shape))[:-1], 0, -1)
    return ops.concat(convert(parts.astype(last.dtype.as_numpy_dtype)), last, axis=last.ndim - 1)
