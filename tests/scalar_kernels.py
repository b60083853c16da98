"""The generated elementwise loops without Python's core: compiled for each instruction set that this machine has."""

import ctypes
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]
FLAGS = "-std=c11 -O3 -fno-math-errno -fno-trapping-math -ffp-contract=off -fPIC -shared".split()
DTYPES = ("float32", "float64", "int32", "int64", "bool")


def load_generator():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "csrc" / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    return generate


TABLE = load_generator().load_table()
ROWS = [r for r in TABLE.ROWS.values() if r.kind == "elementwise"]


def this_machine_has(isa):
    try:
        flags = pathlib.Path("/proc/cpuinfo").read_text().split("flags", 1)[1].split("\n", 1)[0].split()
    except (OSError, IndexError):
        flags = []
    needs = {"baseline": (), "avx2": ("avx2", "fma"), "avx512": ("avx512f", "avx512dq", "avx512bw", "avx512vl", "fma")}[isa]
    return all(f in flags for f in needs)


ISAS = [isa for isa in ("baseline", "avx2", "avx512") if this_machine_has(isa)]


class Kernels:
    """The kernel table of one instruction set, called on NumPy arrays."""

    class Entry(ctypes.Structure):
        _fields_ = [("forward", ctypes.c_void_p * 5), ("vjp", ctypes.c_void_p * 6), ("twin", ctypes.c_void_p * 2)]

    class Isa(ctypes.Structure):
        _fields_ = [("name", ctypes.c_char_p), ("kernels", ctypes.c_void_p)]

    def __init__(self, library, isa):
        self.library, self.isa = ctypes.CDLL(str(library)), isa
        table = Kernels.Isa.in_dll(self.library, f"ad_isa_{isa}").kernels
        self.entries = ctypes.cast(table, ctypes.POINTER(Kernels.Entry))

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


def build(tree):
    """{instruction set: Kernels}, compiled in the folder `tree` from a copy of the sources."""
    if shutil.which(os.environ.get("CC", "cc")) is None:
        raise RuntimeError("no C compiler: install one, or name it by CC")
    shutil.copytree(ROOT / "csrc", tree / "csrc", ignore=shutil.ignore_patterns("generated", "*.o"))
    (tree / "autodiff").mkdir()
    for name in ("ops.py", "_op.py", "_series.py", "errors.py"):
        shutil.copy(ROOT / "autodiff" / name, tree / "autodiff" / name)
    subprocess.run([sys.executable, tree / "csrc" / "generate.py"], check=True)
    (tree / "csrc" / "no_table.c").write_text('#include "ad.h"\nconst ad_op ad_ops[1];\n')       # the sweeps over programs mention it, the loops do not
    jobs = []
    for isa in ISAS:
        sources = [str(tree / "csrc" / name) for name in (f"elementwise_{isa}.c", "no_table.c")]
        command = [os.environ.get("CC", "cc"), *FLAGS, *sources, "-o", str(tree / f"{isa}.so"), "-lm"]
        jobs.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
    for job in jobs:
        assert job.wait() == 0, job.stderr.read()
    return {isa: Kernels(tree / f"{isa}.so", isa) for isa in ISAS}
