"""ad.test: gradients beside differences, for tests."""

from typing import Any

import numpy as np

from . import dtypes, errors
from ._core import GradientTape, copied
from .arguments import tensor as to_tensor

__all__ = ["compute_gradient", "is_built_with_cuda", "is_gpu_available", "max_error"]


def compute_gradient(f, x, delta=None) -> tuple[Any, Any]:
    """(theoretical, numerical): the Jacobians of f by each argument, by the tape and by central differences.

    f      function of tensors that returns one tensor
    x      list of arguments, numbers or arrays; integers have no gradient and stand for a Jacobian of zeros
    delta  the step of the differences, 1/1024 unless given
    returns  two tuples of arrays, one for each argument, of shape (elements of y, elements of x)

    Raises ValueError where x is no list.
    """
    if not isinstance(x, (list, tuple)):
        raise ValueError(f"compute_gradient: `x` must be a list or tuple of values convertible to a Tensor (arguments to `f`), "
                         f"not a {type(x)}")  # fmt: skip
    delta = 1 / 1024 if delta is None else delta
    xs = [copied(to_tensor(value, "compute_gradient")) for value in x]  # none of those that f reads elsewhere, or twice
    pairs = [(_theoretical(f, xs, k), _numerical(f, xs, k, delta)) for k in range(len(xs))]
    return tuple(a for a, _ in pairs), tuple(b for _, b in pairs)


def max_error(grad1, grad2) -> float:
    """The largest difference between the arrays of two lists, element by element; 0 where there are none."""
    return max([float(np.abs(a - b).max()) for a, b in zip(grad1, grad2) if a.size and b.size], default=0.0)


def is_built_with_cuda() -> bool:
    """False: there is one CPU."""
    return False


def is_gpu_available(cuda_only=False, min_cuda_compute_capability=None) -> bool:
    """False: there is one CPU."""
    return False


def _theoretical(f, xs, k):
    x = xs[k]
    with GradientTape(persistent=True) as tape:
        if x.dtype.is_floating:
            tape.watch(x)
        y = f(*xs)
    n, m = int(np.prod(x.shape)), int(np.prod(y.shape))
    if y.dtype.is_floating and m == 0:
        _check_empty(tape.gradient(y, x), x, (0, n))
    rows = np.zeros((m, n), x.dtype.as_numpy_dtype)
    for i in range(m if y.dtype.is_floating else 0):
        seed = np.zeros(m, y.dtype.as_numpy_dtype)
        seed[i] = 1
        g = tape.gradient(y, x, output_gradients=to_tensor(seed.reshape(y.shape)))
        if g is not None:
            if g.shape != x.shape:
                raise errors.ShapeError(
                    f"compute_gradient: gradient has wrong shape: expected {x.shape}, got {g.shape}"
                )
            rows[i] = g.numpy().reshape(-1)
    return rows


def _check_empty(g, x, shape):
    """A gradient of nothing has the shape of x too."""
    if g is not None and g.shape != x.shape:
        raise ValueError(f"Empty gradient has wrong shape: expected {shape}, got {tuple(g.shape)}")


def _numerical(f, xs, k, delta):
    """Differences are taken in the dtype of f's result, steps in that of x."""
    x = xs[k].numpy()
    y = f(*xs)
    columns = np.zeros((int(np.prod(y.shape)), x.size), np.float64)
    if xs[k].dtype in (dtypes.float32, dtypes.float64):
        for j in range(x.size):
            ends = []
            for step in (delta, -delta):
                moved = np.array(x).reshape(-1)
                moved[j] += step
                ends.append(f(*xs[:k], to_tensor(moved.reshape(x.shape)), *xs[k + 1 :]).numpy().astype(np.float64))
            columns[:, j] = ((ends[0] - ends[1]) / (2 * delta)).reshape(-1)
    return columns.astype(x.dtype)
