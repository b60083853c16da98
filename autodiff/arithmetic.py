"""Arithmetic by the rows of the table, for whatever they are run on in Python: numbers of the precise replay, patterns, terms of laws."""

from . import ops

__all__ = ["Arithmetic"]


class Arithmetic:
    """The operators of a class whose `__ad_apply__(row, operands, attrs)` says what a row does with it."""

    __slots__ = ()

    def __neg__(self): return ops.neg(self)
    def __abs__(self): return ops.abs(self)
    def __add__(self, other): return ops.add(self, other)
    def __radd__(self, other): return ops.add(other, self)
    def __sub__(self, other): return ops.sub(self, other)
    def __rsub__(self, other): return ops.sub(other, self)
    def __mul__(self, other): return ops.mul(self, other)
    def __rmul__(self, other): return ops.mul(other, self)
    def __truediv__(self, other): return ops.div(self, other)
    def __rtruediv__(self, other): return ops.div(other, self)
