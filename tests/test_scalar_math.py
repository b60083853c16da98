"""The C functions of scalar_math.h as the generated loops run them, on every instruction set this machine has, without Python's
core: accuracy of value and derivative over whole domains, special values, integers, second derivatives."""

import ctypes
import importlib.util
import math
import os
import pathlib
import shutil
import subprocess
import sys
import zlib

import mpmath as mp
import numpy as np
import pytest
from reference import REFERENCE, TERM_OF_VALUE, bits, error, exact_value, usable

ROOT = pathlib.Path(__file__).resolve().parents[1]
FLAGS = "-std=c11 -O3 -fno-math-errno -fno-trapping-math -ffp-contract=off -fPIC -shared".split()
FLOATS = ("float64", "float32")
DTYPES = ("float32", "float64", "int32", "int64", "bool")
LIMITS = {"float64": (5e-324, 1.7976931348623157e308), "float32": (1.401298464324817e-45, 3.4028234663852886e38)}


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
        _fields_ = [("forward", ctypes.c_void_p * 5), ("vjp", ctypes.c_void_p * 6)]

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


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    """{instruction set: Kernels}, compiled from a copy of the sources."""
    if shutil.which(os.environ.get("CC", "cc")) is None:
        pytest.fail("no C compiler: install one, or name it by CC")
    tree = tmp_path_factory.mktemp("scalar_math")
    shutil.copytree(ROOT / "csrc", tree / "csrc", ignore=shutil.ignore_patterns("generated", "*.o"))
    (tree / "autodiff").mkdir()
    for name in ("ops.py", "_op.py", "errors.py"):
        shutil.copy(ROOT / "autodiff" / name, tree / "autodiff" / name)
    subprocess.run([sys.executable, tree / "csrc" / "generate.py"], check=True)
    jobs = []
    for isa in ISAS:
        command = [os.environ.get("CC", "cc"), *FLAGS, str(tree / "csrc" / f"elementwise_{isa}.c"), "-o", str(tree / f"{isa}.so"), "-lm"]
        jobs.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
    for job in jobs:
        assert job.wait() == 0, job.stderr.read()
    return {isa: Kernels(tree / f"{isa}.so", isa) for isa in ISAS}


@pytest.fixture(params=ISAS)
def isa(request, kernels):
    return kernels[request.param]


# ----------------------------------------------------------------------------------------------------------------- points
# Where functions turn, have a root or change their formula; asked for at these numbers and in their neighbourhood.
LANDMARKS = {
    "lgamma": (1, 2, -2.4570247382208, -0.5, -1.0, -3.0), "digamma": (1.4616321449683622, -0.50408300826446, 1, 2, -1),
    "entr": (0.36787944117144233, 1), "silu": (-1.2784645427610738,), "gelu": (-0.7517915246935645, -1.414), "mish": (-1.1924312, -1.1),
    "gelu_tanh": (-0.7524614220, -1), "log1mexp": (-0.6931471805599453,), "logit": (0.5, 0.25, 0.75), "atan": (1e8, 134217728.0),
    "erf": (0.5, 0.84375, 1, 2), "erfc": (0.5, 0.84375, 1.25, 2.857, 6, 26), "sin": (3.141592653589793, 6.283185307179586, 355.0),
    "cos": (1.5707963267948966, 4.71238898038469), "tan": (1.5707963267948966, 3.141592653589793), "log": (1,), "log2": (1,), "log10": (1,),
    "acosh": (1, 2), "relu6": (6,), "exp": (709.78, 88.72, -708.4, -745.1, -87.3, -103.9), "sigmoid": (-709.78, 36.7, -745.1),
}  # fmt: skip


def neighbourhood(centre, rng, n):
    return centre + (abs(centre) + 0.1) * rng.choice([-1, 1], n) * 2.0 ** rng.uniform(-55, -2, n)


def points(row, k, dtype, rng, n):
    """Points of operand k: every order of magnitude of the format, ordinary numbers, tails, landmarks, ends of the domain."""
    interval, (tiny, top) = row.on[k], LIMITS[dtype]
    sign = rng.choice([-1, 1], n)
    parts = [2.0 ** rng.uniform(math.log2(tiny), math.log2(top), n) * sign, rng.normal(size=n), rng.uniform(-30, 30, n),
             rng.uniform(-1, 1, n) * (760 if dtype == "float64" else 110)]  # fmt: skip
    for centre in (*LANDMARKS.get(row.name, ()), *(x for x in (interval.lo, interval.hi, 1.0, -1.0) if math.isfinite(x))):
        parts.append(neighbourhood(centre, rng, max(n // 3, 8)))
    with np.errstate(all="ignore"):
        x = np.concatenate(parts).astype(dtype)
    x = x[np.isfinite(x) & (x > interval.lo) & (x < interval.hi)]
    return np.resize(x, x.size)


def operands(row, dtype, n):
    """Tuples of points; of two operands also some that are nearly equal or opposite."""
    rng = np.random.default_rng([zlib.crc32(row.name.encode()), len(dtype)])
    columns = [points(row, k, dtype, rng, n) for k in range(row.arity)]
    size = max(c.size for c in columns)
    columns = [rng.permutation(np.resize(rng.permutation(c), size)) for c in columns]
    if row.name == "polygamma":
        columns = [rng.integers(1, 5, size).astype(dtype), np.abs(columns[1])]
    elif row.arity > 1:
        near = rng.random(size) < 0.3
        with np.errstate(all="ignore"):
            twin = (columns[0] * (1 + rng.choice([-1, 1], size) * 2.0 ** rng.uniform(-50, 0, size))).astype(dtype)
        ok = near & np.isfinite(twin) & (twin > row.on[1].lo) & (twin < row.on[1].hi)
        columns[1] = np.where(ok, twin, columns[1])
    return [np.ascontiguousarray(c) for c in columns]


# --------------------------------------------------------------------------------------------------------------- accuracy
N = int(os.environ.get("AUTODIFF_TEST_POINTS", 16))
VALUED = [r for r in ROWS if r.name in REFERENCE]
PARTIALS = [(r, k) for r in VALUED if r.d for k in range(r.arity) if r.d[k]]

TERM_OF_PARTIAL = {
    ("lgamma", 0): TERM_OF_VALUE["digamma"], ("gelu", 0): lambda x: mp.mpf(0.2), ("gelu_tanh", 0): lambda x: mp.mpf(0.2),
    ("mish", 0): lambda x: mp.mpf(0.3),
    ("sigmoid_cross_entropy", 1): lambda a, b: max(a / (1 + mp.exp(b)), (1 - a) / (1 + mp.exp(-b))),
}  # fmt: skip

# x exp(x) and its like, computed from an exp(x) that has already lost digits to underflow.
SUBNORMAL_FACTOR = {"silu", "gelu", "gelu_tanh", "gelu_gate", "mish", "normal_pdf", "exp_minus_square"}

# Derivatives of functions that are too slow to difference at high precision.
# fmt: off
DERIVATIVE = {
    ("lgamma", 0): mp.digamma, ("digamma", 0): lambda x: mp.psi(1, x), ("polygamma", 1): lambda n, x: mp.psi(int(n) + 1, x),
    ("erf", 0): lambda x: 2 / mp.sqrt(mp.pi) * mp.exp(-x * x), ("erfc", 0): lambda x: -2 / mp.sqrt(mp.pi) * mp.exp(-x * x),
    ("ndtr", 0): lambda x: mp.npdf(x), ("gelu", 0): lambda x: REFERENCE["ndtr"](x) + x * mp.npdf(x),
}
# fmt: on
KINKS = {"abs", "sign", "relu", "relu6", "elu", "selu", "leaky_relu", "maximum", "minimum", "clip_by_value", "mod", "hypot"}


def exact_partial(row, k, point):
    """By a central difference with so many bits that no cancellation matters: the step and the derivative may be as small as
    2**-1100 each, beside a value of 1."""
    xs = [mp.mpf(float(x)) for x in point]
    if (row.name, k) in DERIVATIVE:
        with mp.workprec(400):
            return DERIVATIVE[row.name, k](*xs)
    with mp.workprec(2 * bits(xs)):
        h = mp.ldexp(min(abs(xs[k]), 1), -150)
        f = REFERENCE[row.name]
        up, down = [*xs[:k], xs[k] + h, *xs[k + 1 :]], [*xs[:k], xs[k] - h, *xs[k + 1 :]]
        return (f(*up) - f(*down)) / (2 * h)


def smooth(row, point):
    return row.name not in KINKS or (0 not in point and len(set(map(float, point))) == len(point) and (row.name != "relu6" or point[0] != 6))


def worst_error(got, exact, xs, dtype, term):
    """(error in ULP, where)."""
    worst, at = 0.0, None
    for i, want in enumerate(exact):
        if want is None:
            continue
        point = [float(x[i]) for x in xs]
        off = error(got[i], want, point, dtype, term)
        if off > worst:
            worst, at = off, f"at {point}: {got[i]!r}, exactly {mp.nstr(want, 20)}"
    return worst, at


def ids(x):
    return getattr(x, "name", None)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("row", [r for r in VALUED if r.takes[0] == "float32"], ids=ids)
def test_values_are_as_accurate_as_their_row_says(row, dtype, kernels):
    xs = operands(row, dtype, N)
    exact = [exact_value(row, p) if usable(row, p) else None for p in zip(*xs)]
    for isa, table in kernels.items():
        worst, at = worst_error(table.value(row, xs), exact, xs, dtype, TERM_OF_VALUE.get(row.name))
        assert worst <= row.ulp, f"{row.name} on {isa}: {worst:.3g} ULP {at}"


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("row, k", PARTIALS, ids=ids)
def test_derivatives_are_as_accurate_as_their_row_says(row, k, dtype, kernels):
    xs = operands(row, dtype, N // 2)
    exact = [exact_partial(row, k, p) if usable(row, p) and smooth(row, p) else None for p in zip(*xs)]
    for isa, table in kernels.items():
        term = TERM_OF_PARTIAL.get((row.name, k))
        if row.name in SUBNORMAL_FACTOR:
            base, tiny = term or (lambda x: mp.mpf(0)), float(np.finfo(dtype).tiny)
            term = lambda x, base=base: max(base(x) if abs(x) < 5 else 0, abs(x) ** 3 * tiny)
        worst, at = worst_error(table.partial(row, k, xs), exact, xs, dtype, term)
        assert worst <= row.d_ulp, f"{row.name} by operand {k} on {isa}: {worst:.3g} ULP {at}"
