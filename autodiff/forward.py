"""ForwardAccumulator: derivatives along a direction, while the function runs."""

import contextlib
from typing import Any

import numpy as np

from . import nest
from ._core import GradientTape, Surroundings, Tensor, convert
from .constants import zeros_like
from .errors import shorten
from .jacobians import tangents_of
from .tape import UnconnectedGradients
from .variable import Variable

__all__ = ["ForwardAccumulator"]


class ForwardAccumulator:
    """Jacobian-vector products of what is computed in its context: TensorFlow's forward mode.

    primals    tensors or variables to differentiate by, or a structure of them
    tangents   the direction: a structure of the same form, converted to the primals' dtypes

    The operations are recorded, and `jvp` follows them from the primals (jacobians.tangents_of), in one sweep
    forward, whatever the number of primals.  Accumulators nest to any order, around tapes and each other: a tape inside gives
    Hessian-vector products, and tapes and accumulators outside see what `jvp` computes, also when it is asked after they were left.
    Primals and tangents live as long as the accumulator.

    Raises ValueError where the structures differ, or a tensor is given twice.

    >>> import autodiff as ad
    >>> x = ad.constant([2.0, 3.0])
    >>> with ad.autodiff.ForwardAccumulator(x, ad.constant([1.0, 0.0])) as acc:
    ...     y = ad.reduce_sum(x ** 2) * x
    >>> acc.jvp(y).numpy()
    array([21., 12.], dtype=float32)
    """

    def __init__(self, primals, tangents) -> None:
        nest.assert_same_structure(primals, tangents)
        self._primals = nest.flatten(primals)
        for k, x in enumerate(self._primals):
            if not isinstance(x, (Tensor, Variable)):
                raise ValueError(f"ForwardAccumulator: expected tensors or variables as primals, got {shorten(x)}")
            if any(x is other for other in self._primals[:k]):
                raise ValueError(f"ForwardAccumulator: primal {shorten(x)} was specified multiple times")
        self._tangents = [convert(np.asarray(t), x.dtype) if not isinstance(t, (Tensor, Variable)) else convert(t, x.dtype)
                          for x, t in zip(self._primals, nest.flatten(tangents))]  # fmt: skip
        self._tape = GradientTape(persistent=True, watch_accessed_variables=False)
        self._recording, self._around = False, None

    def __enter__(self) -> "ForwardAccumulator":
        if self._recording:
            raise ValueError("Accumulator is already recording.")
        self._tape.__enter__()
        self._recording, self._around = True, Surroundings(self._tape)
        self._tape.watch(self._primals)
        return self

    def __exit__(self, kind, value, traceback) -> None:
        self._recording = False
        self._tape.__exit__(kind, value, traceback)

    def jvp(self, primals, unconnected_gradients=UnconnectedGradients.NONE) -> Any:
        """The derivative of each tensor along the tangents, in the structure of `primals`.

        primals   results computed in the context, or a structure of them
        unconnected_gradients   for what depends on none of the primals: None, or zeros with "zero"

        Raises ValueError for an unknown `unconnected_gradients`.
        """
        zero = UnconnectedGradients(unconnected_gradients) is UnconnectedGradients.ZERO
        with self._around or contextlib.nullcontext():
            return nest.map_structure(lambda y: self._tangent(y, zero), primals)

    def _tangent(self, y, zero):
        found = None
        if self._around is None:  # never entered: it knows its primals
            found = next((t for x, t in zip(self._primals, self._tangents) if x is y), None)
        elif isinstance(y, (Tensor, Variable)) and y.dtype.is_floating:
            found = tangents_of(self._tape, [y], self._primals, self._tangents, aside=True)[0]
        return zeros_like(y) if found is None and zero else found
