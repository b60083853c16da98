"""ad.linalg: products of vectors and matrices, which are the last one or two dimensions; those before broadcast."""

import numpy as np

from . import dtypes, errors, ops
from ._core import Tensor, matrix_product, matrix_vector_product
from .arguments import tensor as to_tensor
from .arguments import tensors
from .shaping import transpose

__all__ = ["adjoint", "cross", "matmul", "matrix_transpose", "matvec"]


def matmul(a, b, transpose_a=False, transpose_b=False, adjoint_a=False, adjoint_b=False, a_is_sparse=False, b_is_sparse=False,
           output_type=None, grad_a=False, grad_b=False, name=None) -> Tensor:  # fmt: skip
    """The matrix product of the last two dimensions: (..., m, k) @ (..., k, n) -> (..., m, n); further ones broadcast.

    transpose_a, adjoint_a  take the transpose of a first (of real numbers both are one)

    >>> matmul([[1.0, 2.0]], [[3.0], [4.0]]).numpy().tolist()
    [[11.0]]
    """
    a, b = tensors("matmul", a, b)
    flip_a, flip_b = _flip("matmul", transpose_a, adjoint_a, "a"), _flip("matmul", transpose_b, adjoint_b, "b")
    y = matrix_product(a, b, flip_a, flip_b)
    return y if output_type is None else _cast(y, output_type)


def matvec(a, b, transpose_a=False, adjoint_a=False, a_is_sparse=False, b_is_sparse=False, name=None) -> Tensor:
    """The product of matrices and vectors: (..., m, n) @ (..., n) -> (..., m); the dimensions before broadcast.

    >>> matvec([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0]).numpy().tolist()
    [3.0, 7.0]
    """
    a, b = tensors("matvec", a, b)
    return matrix_vector_product(a, b, _flip("matvec", transpose_a, adjoint_a, "a"))


def matrix_transpose(a, name="matrix_transpose", conjugate=False) -> Tensor:
    """The last two dimensions exchanged.

    >>> matrix_transpose([[1.0, 2.0], [3.0, 4.0]]).numpy().tolist()
    [[1.0, 3.0], [2.0, 4.0]]
    """
    x = as_matrices("matrix_transpose", a)
    return transpose(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def adjoint(matrix, name=None) -> Tensor:
    """The last two dimensions exchanged (of real numbers the adjoint is the transpose).

    >>> adjoint([[1.0, 2.0], [3.0, 4.0]]).numpy().tolist()
    [[1.0, 3.0], [2.0, 4.0]]
    """
    return matrix_transpose(matrix)


def cross(a, b, name=None) -> Tensor:
    """The vector product along the last dimension, which has 3 elements.

    >>> cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]).numpy().tolist()
    [0.0, 0.0, 1.0]
    """
    a, b = tensors("cross", a, b)
    for x in (a, b):
        if not x.ndim or x.shape[-1] != 3:
            raise errors.ShapeError(f"cross: the last dimension must have 3 elements, got shape {x.shape}")
    if a.shape != b.shape:
        raise errors.unlike_shapes("cross", a.shape, b.shape)

    def turned(x, order):
        return ops.gather(x, to_tensor(np.array(order)), axis=x.ndim - 1, batch_dims=0)

    return turned(a, [1, 2, 0]) * turned(b, [2, 0, 1]) - turned(a, [2, 0, 1]) * turned(b, [1, 2, 0])


# ----------------------------------------------------------------------------------------------------------------- helpers
def _flip(name, transpose, adjoint, which):
    if transpose and adjoint:
        raise ValueError(f"{name}: Only one of `transpose_{which}` and `adjoint_{which}` can be True")
    return 1 if transpose or adjoint else 0


def _cast(x, dtype):
    dtype = dtypes.as_dtype(dtype)
    return x if x.dtype is dtype else ops.cast(x, dtype=dtype.code)


def as_matrices(name, x) -> Tensor:
    """`x` as a tensor of at least two dimensions."""
    x = to_tensor(x, name)
    if x.ndim < 2:
        raise errors.low_rank(name, x.shape, 2)
    return x
