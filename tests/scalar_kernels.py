"""The generated elementwise loops by themselves, of each instruction set that this machine has: what a row computes without operators,
tapes and broadcasting."""

import ctypes

import numpy as np
from conftest import generator

from autodiff import _core

DTYPES = ("float32", "float64", "int32", "int64", "bool")
TABLE = generator().load_table()
ROWS = [r for r in TABLE.ROWS.values() if r.kind == "elementwise"]


class Kernels:
    """The kernel table of one instruction set, called on NumPy arrays."""

    class Entry(ctypes.Structure):
        _fields_ = [("forward", ctypes.c_void_p * 5), ("vjp", ctypes.c_void_p * 6), ("twin", ctypes.c_void_p * 2)]

    def __init__(self, isa):
        self.isa, self.entries = isa, ctypes.cast(_core.kernels_at(isa), ctypes.POINTER(Kernels.Entry))

    def value(self, row, xs):
        dtype = str(xs[-1].dtype)
        y = np.empty(xs[0].size, row.gives or dtype)
        self._call(self.entries[row.code].forward[DTYPES.index(dtype)], [*xs, *[None] * (3 - row.arity), y], y.size)
        return y

    def partial(self, row, k, xs, g=None):
        dtype = str(xs[-1].dtype)
        y, gx = self.value(row, xs), np.empty(xs[0].size, dtype)
        g = np.ones_like(gx) if g is None else np.full_like(gx, g)
        kernel = self.entries[row.code].vjp[2 * k + DTYPES.index(dtype)]
        self._call(kernel, [g, *xs, *[None] * (3 - row.arity), y, gx], gx.size)
        return gx

    def _call(self, kernel, arrays, n):
        types = [ctypes.c_void_p] * len(arrays) + [ctypes.c_size_t]
        pointers = [None if x is None else x.ctypes.data for x in arrays]
        ctypes.CFUNCTYPE(None, *types)(kernel)(*pointers, n)


KERNELS = {isa: Kernels(isa) for isa in ("baseline", "avx2", "avx512") if _core.kernels_at(isa)}
FINEST = list(KERNELS.values())[-1]
