"""The structural kernels (csrc/) alone, against NumPy: values, adjoints, exactness.

They are compiled into a library of their own and called through the C interface, so that what Python adds cannot hide a fault.
"""

import ctypes
import os
import platform
import shutil
import subprocess

import numpy as np
import pytest

from structural_cases import CASES, CONVOLUTIONS, DIFFERENTIABLE, DTYPES, LINEAR, REFERENCE, fill, takes

CSRC = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "csrc")
FILES = "memory view move index update sum reduce norm arg sort scan softmax rows_baseline rows_avx2 rows_avx512 matmul matvec convolve convolve_lines matmul_baseline matmul_avx2 matmul_avx512".split()
FLAGS = "-std=c11 -O2 -fno-math-errno -fno-trapping-math -ffp-contract=off -Wno-unused-function -shared -fPIC -pthread".split()
ISAS = {"avx2": "-mavx2 -mfma".split(), "avx512": "-mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma".split()}
ISAS = ISAS if platform.machine() == "x86_64" else {}
NO_MEMORY, BAD_SHAPE, BAD_DTYPE, BAD_INDEX = -1, -2, -3, -4
# the choice of instruction set stands in table.c, with all the rest of the table; threads.c is not plain C11
STUB = """
#include "ad.h"
static ad_isa isa = {.name = "baseline"};
const ad_isa *ad_cpu = &isa;
void choose(const char *name) { isa.name = name; }
void ad_share_out(void (*work)(void *arg, int64_t from, int64_t to), void *arg, int64_t n, int64_t grain, int64_t cost)
{
    (void)grain, (void)cost;
    work(arg, 0, n);
}
"""

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


class Header(ctypes.Structure):
    _fields_ = [("refs", ctypes.c_int32), ("dtype", ctypes.c_uint8), ("ndim", ctypes.c_uint8), ("uniform", ctypes.c_uint8),
                ("size_class", ctypes.c_uint8), ("size", ctypes.c_int64), ("data", ctypes.c_void_p), ("base", ctypes.c_void_p)]  # fmt: skip


class Failed(Exception):
    """What a kernel returned instead of AD_OK."""


def words(attrs):
    out = []
    for a in attrs:
        out += [len(a), *a] if isinstance(a, tuple) else [int(a)]
    return (ctypes.c_int64 * max(len(out), 1))(*out)


class Kernels:
    def __init__(self, path):
        self.c = ctypes.CDLL(path)
        self.c.ad_array_new.restype = self.c.ad_array_uniform.restype = ctypes.POINTER(Header)

    def new(self, x, uniform=False):
        x = np.asarray(x)
        shape = (ctypes.c_int64 * max(x.ndim, 1))(*x.shape)
        make = self.c.ad_array_uniform if uniform else self.c.ad_array_new
        a = make(DTYPES.index(x.dtype), x.ndim, shape)
        source = np.ascontiguousarray(x).ravel()[:1] if uniform else np.ascontiguousarray(x)
        ctypes.memmove(a.contents.data, source.ctypes.data, source.nbytes)
        return a

    def release(self, *arrays):
        for a in arrays:
            a.contents.refs -= 1
            if a.contents.refs == 0:
                self.c.ad_array_destroy(a)

    def read(self, a):
        h = a.contents
        shape = (ctypes.c_int64 * h.ndim).from_address(ctypes.addressof(h) + ctypes.sizeof(Header))
        y = np.empty(tuple(shape), DTYPES[h.dtype])
        ctypes.memmove(y.ctypes.data, h.data, y.nbytes)
        return y

    def forward(self, name, operands, attrs):
        arrays = [self.new(x) for x in operands]
        out = ctypes.POINTER(Header)()
        pointers = (ctypes.POINTER(Header) * len(arrays))(*arrays)
        status = getattr(self.c, f"ad_{name}_forward")(pointers, len(arrays), words(attrs), ctypes.byref(out))
        self.release(*arrays)
        if status:
            raise Failed(status)
        y = self.read(out)
        self.release(out)
        return y

    def vjp(self, name, k, g, operands, y, attrs, start=None, uniform=False):
        """The share of operand k, added to `start` if there is one."""
        arrays = [self.new(x) for x in operands]
        garbage = np.full(operands[k].shape, 77, operands[k].dtype)
        acc, ga, ya = self.new(garbage if start is None else start), self.new(g, uniform), self.new(y)
        pointers = (ctypes.POINTER(Header) * len(arrays))(*arrays)
        status = getattr(self.c, f"ad_{name}_vjp")(k, ga, pointers, len(arrays), ya, words(attrs), acc, int(start is None))
        share = self.read(acc)
        assert all(a.contents.refs == 1 for a in (*arrays, acc, ga, ya)), "a vjp kernel holds nothing"
        self.release(*arrays, acc, ga, ya)
        if status:
            raise Failed(status)
        return share


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    cc = shutil.which(os.environ.get("CC", "cc"))
    assert cc, "a C compiler, which building autodiff needs too"
    folder = tmp_path_factory.mktemp("kernels")
    (folder / "stub.c").write_text(STUB)
    sources = [os.path.join(CSRC, f"{name}.c") for name in FILES] + [str(folder / "stub.c")]
    objects = [str(folder / f"{os.path.basename(s)}.o") for s in sources]
    flags = [*FLAGS, *os.environ.get("KERNEL_FLAGS", "").split()]
    jobs = []
    for s, o in zip(sources, objects):
        own = ISAS.get(s[:-2].rpartition("_")[2], [])
        jobs.append(subprocess.Popen([cc, *(flag for flag in flags if flag not in ("-shared", "-pthread")), *own, f"-I{CSRC}", "-c", s, "-o", o]))
    assert all(job.wait() == 0 for job in jobs)
    library = str(folder / "kernels.so")
    subprocess.run([cc, *flags, *objects, "-lm", "-o", library], check=True)
    return Kernels(library)


# ------------------------------------------------------------------------------------------------- theorems
def close(got, expected, dtype):
    assert got.shape == expected.shape and got.dtype == expected.dtype
    if dtype.kind == "f":
        np.testing.assert_allclose(got, expected, rtol=3e-5 if dtype == np.float32 else 1e-12, atol=1e-5 if dtype == np.float32 else 1e-13)
    else:
        np.testing.assert_array_equal(got, expected)


def operands_of(row, shapes, dtype, seed=0):
    rng = np.random.default_rng(seed)
    return [fill(rng, shape, dtype) for shape in shapes]


def floating(operands):
    return [k for k, x in enumerate(operands) if x.dtype.kind == "f"]


@pytest.mark.parametrize("row, shapes, attrs", CASES)
def test_values_are_numpy_s_in_every_dtype(kernels, row, shapes, attrs):
    for dtype in takes(row):
        x = operands_of(row, shapes, dtype)
        close(kernels.forward(row, x, attrs), np.asarray(REFERENCE[row](*x, *attrs)), dtype)


@pytest.mark.parametrize("row, shapes, attrs", DIFFERENTIABLE)
def test_the_vjp_is_the_adjoint_of_the_derivative(kernels, row, shapes, attrs):
    """<g, f'(x) t> = <f'(x)* g, t>; where f is not linear f' is a difference of values."""
    x, t = operands_of(row, shapes, DTYPES[1]), operands_of(row, shapes, DTYPES[1], seed=1)
    y = kernels.forward(row, x, attrs)
    g = fill(np.random.default_rng(2), y.shape, y.dtype)
    f = lambda h: kernels.forward(row, [a + h * b if k in floating(x) else a for k, (a, b) in enumerate(zip(x, t))], attrs)
    h = 1.0 if row in LINEAR else 1e-5
    with np.errstate(invalid="ignore"):  # -inf - -inf
        slope = np.where(np.isfinite(y), (f(h) - f(-h)) / (2 * h), 0)
    expected = np.vdot(g, slope)
    share = sum(np.vdot(kernels.vjp(row, k, g, x, y, attrs), t[k]) for k in floating(x))
    np.testing.assert_allclose(share, expected, rtol=1e-12 if row in LINEAR else 2e-8, atol=(1e-12 if row in LINEAR else 1e-8) * max(1, g.size))


@pytest.mark.parametrize("row, shapes, attrs", DIFFERENTIABLE)
def test_a_share_is_added_to_what_is_there_and_float32_agrees(kernels, row, shapes, attrs):
    shares = {}
    for dtype in DTYPES[:2]:
        x = operands_of(row, shapes, dtype)
        y = kernels.forward(row, x, attrs)
        g = fill(np.random.default_rng(2), y.shape, dtype)
        for k in floating(x):
            start = fill(np.random.default_rng(3), x[k].shape, dtype)
            share = shares[dtype.char, k] = kernels.vjp(row, k, g, x, y, attrs)
            close(kernels.vjp(row, k, g, x, y, attrs, start=start), start + share, dtype)
    for k in floating(operands_of(row, shapes, DTYPES[1])):
        np.testing.assert_allclose(shares["f", k], shares["d", k], rtol=2e-4, atol=1e-4)


@pytest.mark.parametrize("shape, strides, offset", [((3, 9), (10, 1), 1), ((3, 4), (10, 2), 0), ((4,), (1,), 3), ((3, 9), (-10, 1), 20)])
def test_what_is_added_to_zeros_is_never_minus_zero(kernels, shape, strides, offset):
    minus, x = np.full(shape, -0.0), np.ones((3, 10))
    placed = kernels.forward("unview", [minus], ((3, 10), strides, offset))
    share = kernels.vjp("view", 0, minus, [x], minus, (shape, strides, offset))
    assert not np.signbit(placed).any() and not np.signbit(share).any()


@pytest.mark.parametrize("row, shapes, attrs", [c for c in DIFFERENTIABLE if c.values[0] in {"reduce_sum", "view", "unview", "reshape", "sum_to"}])
def test_one_number_may_stand_for_a_whole_cotangent(kernels, row, shapes, attrs):
    for dtype in DTYPES[:2]:
        x = operands_of(row, shapes, dtype)
        y = kernels.forward(row, x, attrs)
        g = np.full(y.shape, 0.3, dtype)
        if g.size:
            for start in (None, fill(np.random.default_rng(3), x[0].shape, dtype)):
                close(kernels.vjp(row, 0, g, x, y, attrs, start, uniform=True), kernels.vjp(row, 0, g, x, y, attrs, start), dtype)


@pytest.mark.parametrize("row, shapes, attrs", [c for c in DIFFERENTIABLE if c.values[0] not in LINEAR | {"matmul", "matvec"}])
def test_where_no_cotangent_arrives_nothing_leaves_whatever_the_operand(kernels, row, shapes, attrs):
    for special in (np.inf, -np.inf, np.nan, 0.0):
        x = operands_of(row, shapes, DTYPES[1])
        for k in floating(x):
            x[k].flat[::2] = special
        y = kernels.forward(row, x, attrs)
        for k in floating(x):
            assert not kernels.vjp(row, k, np.zeros_like(y), x, y, attrs).any()


# ------------------------------------------------------------------------------------------------- exactness
def whole_vjp(kernels, row, g, x, attrs):
    x = np.asarray(x, np.float64)
    y = kernels.forward(row, [x], attrs)
    return kernels.vjp(row, 0, np.broadcast_to(np.asarray(g, np.float64), y.shape), [x], y, attrs)


def test_the_gradient_of_a_product_is_exact_past_zeros(kernels):
    assert whole_vjp(kernels, "reduce_prod", 1, [2, 0, 3, 5], ((0,), 0)).tolist() == [0, 30, 0, 0]
    assert whole_vjp(kernels, "reduce_prod", 1, [2, 0, 3, 0], ((0,), 0)).tolist() == [0, 0, 0, 0]
    assert whole_vjp(kernels, "cumprod", [1, 10, 100, 1000], [2, 0, 3, 5], (0, 0, 0)).tolist() == [1, 2 * (10 + 300 + 15000), 0, 0]
    assert whole_vjp(kernels, "cumprod", [1, 10, 100, 1000], [2, 0, 3, 5], (0, 1, 0)).tolist() == [10, 2 * (100 + 3000), 0, 0]
    assert whole_vjp(kernels, "cumprod", [1000, 100, 10, 1], [5, 3, 0, 2], (0, 0, 1)).tolist() == [0, 0, 2 * (10 + 300 + 15000), 1]


def test_ties_share_and_a_nan_wins(kernels):
    for row, best in (("reduce_max", 7), ("reduce_min", -7)):
        assert whole_vjp(kernels, row, 6, [best, 1, best, best], ((0,), 0)).tolist() == [2, 0, 2, 2]
        assert np.isnan(kernels.forward(row, [np.array([best, np.nan, best])], ((0,), 0)))
        columns = np.array([[best] * 9, [0] * 8 + [best], [best] + [0] * 8])
        assert whole_vjp(kernels, row, 6, columns, ((0,), 0)).tolist() == [[3] + [6] * 7 + [3], [0] * 8 + [3], [3] + [0] * 8]
        assert np.isnan(kernels.forward(row, [np.where(columns, columns, np.nan)], ((0,), 0))).tolist() == [True] * 9
    assert kernels.forward("argmax", [np.array([1, np.nan, 7, np.nan, 7])], (0,)) == 1
    assert kernels.forward("argmax", [np.array([1, 7, 7.0])], (0,)) == 1
    assert kernels.forward("argmin", [np.array([[1, 7, 7.0], [0, 7, 3]])], (0,)).tolist() == [1, 0, 1]


@pytest.mark.parametrize("n", [0, 1, 2, 47, 48, 49, 300, 5000])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
def test_sorting_keeps_the_order_of_equal_ones(kernels, dtype, n):
    r = np.random.default_rng(n)
    if dtype.startswith("f"):
        special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 1.5, np.finfo(dtype).tiny / 4, -1.5, np.finfo(dtype).max], dtype)
        kinds = [r.choice(special, n), r.normal(size=n).astype(dtype), r.integers(-2, 3, n).astype(dtype)]
    else:
        info = np.iinfo(dtype)
        kinds = [r.integers(info.min, info.max, n, dtype, endpoint=True), r.integers(-300, 300, n).astype(dtype)]
    for x in kinds:
        upwards = np.argsort(x, kind="stable")
        downwards = n - 1 - np.argsort(x[::-1], kind="stable")[::-1]
        for shape, axis in (((n,), 0), ((1, n), 1), ((n, 1), 0)):
            assert np.array_equal(kernels.forward("argsort", [x.reshape(shape)], (axis, 0)), upwards.reshape(shape))
            assert np.array_equal(kernels.forward("argsort", [x.reshape(shape)], (axis, 1)), downwards.reshape(shape))
    x = r.normal(size=(3, n, 4)).astype(dtype)
    assert np.array_equal(kernels.forward("argsort", [x], (1, 0)), np.argsort(x, 1, kind="stable"))


def test_log_sums_of_nothing_are_minus_infinity_without_a_gradient(kernels):
    nothing, some = [-np.inf, -np.inf], [-np.inf, 0.0]
    for row, attrs in (("reduce_logsumexp", ((0,), 0)), ("cumulative_logsumexp", (0, 0, 0)), ("cumulative_logsumexp", (0, 1, 1))):
        assert np.all(kernels.forward(row, [np.array(nothing)], attrs) == -np.inf)
        assert whole_vjp(kernels, row, 1, nothing, attrs).tolist() == [0, 0]
    assert whole_vjp(kernels, "reduce_logsumexp", 1, some, ((0,), 0)).tolist() == [0, 1]
    assert whole_vjp(kernels, "cumulative_logsumexp", 1, some, (0, 0, 0)).tolist() == [0, 1]
    assert kernels.forward("reduce_logsumexp", [np.array([1.0, np.inf])], ((0,), 0)) == np.inf
    assert kernels.forward("reduce_logsumexp", [np.array([0.0, -40.0])], ((0,), 0)) == pytest.approx(np.exp(-40.0), rel=1e-15, abs=0)
    assert kernels.forward("log_softmax", [np.array([0.0, -40.0])], (0,))[0] == pytest.approx(-np.exp(-40.0), rel=1e-15, abs=0)
    assert kernels.forward("reduce_logsumexp", [np.full(2, 1e4)], ((0,), 0)) == pytest.approx(1e4 + np.log(2), rel=1e-15, abs=0)


def both_ways(kernels, row, g, x, attrs, dtype=np.float64):
    """The gradient by the kernel; the rule, which higher orders differentiate, has to agree to the last digits."""
    x = np.asarray(x, dtype)
    y = kernels.forward(row, [x], attrs)
    g = np.broadcast_to(np.asarray(g, dtype), y.shape)
    share = kernels.vjp(row, 0, g, [x], y, attrs)
    np.testing.assert_allclose(by_the_rule(row, 0, g, [x], y, attrs), share, rtol=8 * np.finfo(dtype).eps, atol=0)
    return share


def test_infinite_terms_of_a_log_sum_share_its_gradient(kernels):
    inf = np.inf
    for dtype in DTYPES[:2]:
        for x, share in (([1, inf], [0, 6]), ([inf, inf], [3, 3]), ([inf, -inf, 0, inf], [3, 0, 0, 3]), ([[inf, 0], [-inf, 1]], [[6, 0], [0, 6]])):
            got = both_ways(kernels, "reduce_logsumexp", 6, x, ((np.ndim(x) - 1,), 0), dtype)
            assert got.tolist() == share
    assert np.isnan(whole_vjp(kernels, "reduce_logsumexp", 1, [inf, np.nan], ((0,), 0))).all()


@pytest.mark.parametrize("exclusive, reverse", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_infinite_terms_of_log_sums_so_far_share_their_gradients(kernels, exclusive, reverse):
    """Against the sum over the prefixes, each by itself."""
    g = np.array([1.0, 10, 100, 1000, 10000])
    for x in ([0, np.inf, 1, np.inf, 2], [np.inf] * 5, [-np.inf, 1, 2, 3, np.inf], [np.inf, -np.inf, 0, 0, 0]):
        expected, order = np.zeros(5), range(5)[::-1] if reverse else range(5)
        for k, i in enumerate(order):
            prefix = list(order)[: k if exclusive else k + 1]
            if prefix:
                expected[prefix] += whole_vjp(kernels, "reduce_logsumexp", g[i], [x[j] for j in prefix], ((0,), 0))
        for dtype, rtol in zip(DTYPES[:2], (1e-6, 1e-14)):
            np.testing.assert_allclose(both_ways(kernels, "cumulative_logsumexp", g, x, (0, exclusive, reverse), dtype), expected, rtol=rtol)


def test_the_gradients_of_softmax_keep_their_digits_in_the_tail(kernels):
    """p_max - 1 = -S / (1 + S), S the sum of the other exponentials; the logits of the last line are of a test of TensorFlow's."""
    for dtype, x in ((DTYPES[0], 20), (DTYPES[1], 39), (DTYPES[1], 700)):
        tail, rtol = np.exp(-np.float64(x)), 1e-5 if dtype == np.float32 else 1e-14
        for row, g, expected in (("softmax", [1, 0], [tail, -tail]), ("softmax", [5, 4], [tail, -tail]), ("softmax", [0, 1], [-tail, tail]),
                                 ("log_softmax", [1, 0], [tail, -tail]), ("log_softmax", [0, 1], [-1, 1])):  # fmt: skip
            for flip in (1, -1):
                got = both_ways(kernels, row, g[::flip], [x, 0][::flip], (0,), dtype)
                np.testing.assert_allclose(got, expected[::flip], rtol=rtol)
    many = both_ways(kernels, "log_softmax", [1e-30, 1, *[0] * 1500], [60, 0, *[10] * 1500], (0,))
    np.testing.assert_allclose(many[:2], [-1 / (1 + 1500 * np.exp(-50)), 1], rtol=1e-14)
    for row in ("softmax", "log_softmax"):
        got = both_ways(kernels, row, [1, 0], [37.42994775023705, 0.0], (0,))
        np.testing.assert_allclose(got, [5.551115123125775e-17, -5.551115123125775e-17], rtol=1e-14)


@pytest.mark.parametrize("shape, axis", [((1_000_000,), 0), ((200_000, 5), 0), ((2, 200_000), 1)])
def test_float32_scans_of_a_million_keep_their_digits(kernels, shape, axis):
    x = np.full(shape, np.float32(0.1))
    n = np.moveaxis(np.cumsum(np.ones(shape), axis), axis, -1)
    exact = np.moveaxis(n * np.float64(np.float32(0.1)), -1, axis)
    for exclusive in (0, 1):
        before = exact - exclusive * np.float64(np.float32(0.1))
        np.testing.assert_allclose(kernels.forward("cumsum", [x], (axis, exclusive, 0)), before, rtol=1e-7, atol=1e-8)
        np.testing.assert_allclose(np.flip(both_ways(kernels, "cumsum", x, x, (axis, exclusive, 0), DTYPES[0]), axis), before, rtol=1e-7, atol=1e-8)
    y = kernels.forward("cumulative_logsumexp", [x], (axis, 0, 0))
    np.testing.assert_allclose(y, np.moveaxis(np.log(n), -1, axis) + np.float64(np.float32(0.1)), rtol=3e-7)


@pytest.mark.parametrize("x, y", [([1e200, 1e200, 1e-200, 1e-200], 1), ([1e-200, 1e-200, 1e200, 1e200], 1), ([1e-160, 1e-160, 1e200], 1e-120),
                                  ([-1e300, 1e300, 1e-300], -1e300), ([1e300, 1e300, 0, 2], 0), ([1e-300, 1e-300], 0), ([1e300, 1e300], np.inf),
                                  ([1e200, 1e200, 0, 1e-300], 0), ([2.0**-600, 2.0**-460], 2.0**-1060)])  # fmt: skip
def test_products_that_pass_what_no_number_is(kernels, x, y):
    """Past overflow and underflow; each derivative is the product of the others."""
    x = np.array(x)
    np.testing.assert_allclose(kernels.forward("reduce_prod", [x], ((0,), 0)), y, rtol=1e-14, atol=0)
    exact = [float(np.prod(np.delete(x, i).astype(np.longdouble))) for i in range(x.size)]
    np.testing.assert_allclose(both_ways(kernels, "reduce_prod", 1, x, ((0,), 0)), exact, rtol=1e-14, atol=0)
    for special in (np.inf, -np.inf, np.nan):
        with_it = np.append(x[:2], special)
        np.testing.assert_array_equal(kernels.forward("reduce_prod", [with_it], ((0,), 0)), float(np.prod(with_it.astype(np.longdouble))))


def test_products_of_many_float32_pass_the_range_of_doubles(kernels):
    x = np.repeat(np.array([1e30, 1e-30], np.float32), 20)
    y = np.prod(x.astype(np.longdouble))
    np.testing.assert_allclose(kernels.forward("reduce_prod", [x], ((0,), 0)), float(y), rtol=1e-7)
    np.testing.assert_allclose(both_ways(kernels, "reduce_prod", 1, x, ((0,), 0), DTYPES[0]), (y / x).astype(float), rtol=1e-5)


@pytest.mark.parametrize("dtype, big", [(np.float32, 3e38), (np.float64, 1.7e308)])
def test_means_of_numbers_whose_sum_overflows(dtype, big):
    import autodiff as ad

    rows = np.array([[big, big, big], [1, 2, 6], [-big, -big, -big], [big, np.inf, 1], [big, np.nan, 1]], dtype)
    x = ad.constant(rows)
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = ad.reduce_mean(x, axis=1)
    np.testing.assert_allclose(y, np.array([big, 3, -big, np.inf, np.nan], dtype), rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(y, x), np.full((5, 3), dtype(1) / dtype(3)), rtol=1e-6)
    for kept in (False, True):
        mean = ad.reduce_mean(rows[:1].T, axis=(0, 1), keepdims=kept).numpy()
        assert mean.shape == (1, 1) * kept and mean == pytest.approx(dtype(big), rel=1e-6, abs=0)
    assert ad.reduce_mean(np.array([big] * 60 + [-big] * 60, dtype)).numpy() == pytest.approx(0, abs=big * 1e-6)


@pytest.mark.parametrize("shape, axes", [((1_000_000,), (0,)), ((250_000, 4), (0,)), ((4, 250_000), (1,)), ((500, 4, 500), (0, 2))])
def test_sums_of_a_million_keep_their_digits(kernels, shape, axes):
    for dtype, eps in ((np.float32, 6e-8), (np.float64, 1.2e-16)):
        x = np.random.default_rng(0).random(shape).astype(dtype)
        exact = x.astype(np.longdouble).sum(axes)
        assert np.all(abs(kernels.forward("reduce_sum", [x], (axes, 0)) - exact) <= 20 * eps * exact)


def test_floats_become_integers_as_far_as_there_are_any(kernels):
    x = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 2.9, -2.9, 0])
    for code in (2, 3):
        ends = np.iinfo(DTYPES[code])
        assert kernels.forward("cast", [x], (code,)).tolist() == [0, ends.max, ends.min, ends.max, ends.min, 2, -2, 0]
    assert kernels.forward("cast", [x], (4,)).tolist() == [True] * 7 + [False]
    share = kernels.vjp("cast", 0, np.ones(3, np.float32), [np.ones(3)], np.ones(3, np.float32), (0,), start=np.full(3, 0.5))
    assert share.tolist() == [1.5] * 3 and share.dtype == np.float64


def test_the_last_of_equal_updates_wins_and_has_the_gradient(kernels):
    x, at, new = np.zeros(3), np.array([[1], [1], [2]]), np.array([5.0, 6, 7])
    y = kernels.forward("tensor_scatter_nd_update", [x, at, new], ())
    assert y.tolist() == [0, 6, 7] and kernels.forward("last_of", [at], ((3,),)).tolist() == [False, True, True]
    assert kernels.vjp("tensor_scatter_nd_update", 2, np.ones(3), [x, at, new], y, ()).tolist() == [0, 1, 1]
    assert kernels.vjp("tensor_scatter_nd_update", 0, np.ones(3), [x, at, new], y, ()).tolist() == [1, 0, 0]


X, I = np.zeros((2, 3)), np.array([[0, 0]])
REFUSED = [("view", [X], ((2,), (6,), 0), BAD_INDEX), ("view", [X], ((2,), (-1,), 0), BAD_INDEX), ("view", [X], ((2,), (1, 1), 0), BAD_SHAPE),
           ("view", [X], ((2, 2**62), (2**62, 2), 0), NO_MEMORY), ("unview", [X], ((5,), (3, 1), 0), BAD_INDEX), ("reshape", [X], ((5,),), BAD_SHAPE),
           ("sum_to", [X], ((2,),), BAD_SHAPE), ("concat", [X, X[:1]], (1,), BAD_SHAPE), ("concat", [X, X.astype("f")], (0,), BAD_DTYPE),
           ("reduce_sum", [X], ((2,), 0), BAD_SHAPE), ("reduce_any", [X], ((0,), 0), BAD_DTYPE), ("argmax", [X[:0]], (0,), BAD_SHAPE),
           ("cumsum", [X], (2, 0, 0), BAD_SHAPE), ("softmax", [X], (-1,), BAD_SHAPE), ("matmul", [X, X], (0, 0), BAD_SHAPE),
           ("matvec", [X, X[0]], (1,), BAD_SHAPE), ("gather", [X, I + 2], (0, 0), BAD_INDEX), ("gather", [X, I - 1], (0, 0), BAD_INDEX),
           ("gather", [X, X], (0, 0), BAD_DTYPE), ("gather_nd", [X, I + 2], (0,), BAD_INDEX), ("gather_nd", [X, np.zeros((1, 3), int)], (0,), BAD_SHAPE),
           ("scatter_nd", [I, X], ((2, 3), 0), BAD_SHAPE), ("ungather", [I, X], ((2, 3), 0, 0), BAD_SHAPE),
           ("tensor_scatter_nd_update", [X, I, np.zeros(2)], (), BAD_SHAPE), ("recurrence", [X, X[0]], (0, 1, 0), BAD_SHAPE),
           *[("convolve", operands, ((2,), *attrs), status) for operands, attrs, status in [
               ([X[None], X[None, :2, :2]], ((1,), (1,), (0,), 1), BAD_SHAPE), ([X[None], X], ((1,), (1,), (0,), 1), BAD_SHAPE),
               ([X[None], X[None].astype("f")], ((1,), (1,), (0,), 1), BAD_DTYPE), ([X[None], np.zeros((1, 3, 2))], ((0,), (1,), (0,), 1), BAD_SHAPE),
               ([X[None], np.zeros((1, 3, 2))], ((1,), (1,), (-1,), 1), BAD_SHAPE), ([X[None], np.zeros((1, 3, 2))], ((1, 1), (1,), (0,), 1), BAD_SHAPE),
               ([X[None], np.zeros((1, 3, 2))], ((1,), (1,), (0,), 0), BAD_SHAPE), ([X[None], np.zeros((1, 3, 2))], ((2**62,), (1,), (0,), 1), NO_MEMORY),
               ([X[None], np.zeros((2, 3, 2))], ((2**62,), (2**62,), (0,), 1), NO_MEMORY), ([X, X], ((1,), (1,), (0,), 1), BAD_SHAPE)]],
           ("convolve_input", [np.zeros((1, 2, 2)), np.zeros((2, 2**20, 2))], ((3,), (1,), (1,), (0,), 2**60), NO_MEMORY),
           ("convolve_filters", [X[None], np.zeros((2, 2, 2))], ((1,), (1,), (1,), (0,), 1), BAD_SHAPE)]  # fmt: skip


@pytest.mark.parametrize("row, operands, attrs, status", REFUSED)
def test_what_does_not_fit_is_refused(kernels, row, operands, attrs, status):
    with pytest.raises(Failed, match=str(status)):
        kernels.forward(row, operands, attrs)


def instruction_sets():
    with open("/proc/cpuinfo") if os.path.exists("/proc/cpuinfo") else open(os.devnull) as file:
        flags = set(file.read().split())
    return ["baseline"] + ["avx2"] * ({"avx2", "fma"} <= flags) + ["avx512"] * ({"avx512f", "avx512dq", "avx512bw", "avx512vl"} <= flags)


BY_ISA = ("matmul", "matvec", "softmax", "log_softmax", "reduce_logsumexp", "reduce_max", "reduce_min", *CONVOLUTIONS)


@pytest.mark.parametrize("isa", instruction_sets())
def test_every_instruction_set_computes_the_same(kernels, isa):
    name = isa.encode()  # the library keeps the pointer: it must outlive the loop
    kernels.c.choose(name)
    for row, shapes, attrs in [c.values for c in CASES if c.values[0] in BY_ISA]:
        for dtype in DTYPES[:2]:
            x = operands_of(row, shapes, dtype)
            close(kernels.forward(row, x, attrs), np.asarray(REFERENCE[row](*x, *attrs)), dtype)
    kernels.c.choose(b"baseline")


# ------------------------------------------------------------------------------------------------- rules
# The same derivative as a formula over rows, which higher orders differentiate.
def by_the_rule(row, k, g, x, y, attrs):
    import autodiff as ad
    from autodiff import ops

    entry = ops.ROWS[row]
    named = dict(zip(entry.attrs, attrs))
    xs, g, y = [ad.constant(a) for a in x], ad.constant(g), ad.constant(y)
    share = entry.vjp[0](k, g, *xs, y, **named) if entry.arity is None else entry.vjp[k](g, *xs, y, **named)
    return np.asarray(share)


@pytest.mark.parametrize("row, shapes, attrs", DIFFERENTIABLE)
def test_the_kernel_equals_the_rule(kernels, row, shapes, attrs):
    attrs = attrs[-1:] if row == "concat" else attrs
    x = operands_of(row, shapes, DTYPES[1])
    y = kernels.forward(row, x, attrs)
    g = fill(np.random.default_rng(2), y.shape, y.dtype)
    for k in floating(x):
        close(by_the_rule(row, k, g, x, y, attrs), kernels.vjp(row, k, g, x, y, attrs), DTYPES[1])


@pytest.mark.parametrize("row, shapes, attrs", [c for c in DIFFERENTIABLE if c.values[0] not in LINEAR])
def test_second_derivatives_agree_with_differences_of_the_first(kernels, row, shapes, attrs):
    import autodiff as ad
    from autodiff import ops

    named = dict(zip(ops.ROWS[row].attrs, attrs))
    x, t = operands_of(row, shapes, DTYPES[1]), operands_of(row, shapes, DTYPES[1], seed=1)
    g, floats = fill(np.random.default_rng(2), kernels.forward(row, x, attrs).shape, DTYPES[1]), floating(x)
    if g.size == 0 or not np.isfinite(kernels.forward(row, x, attrs)).all():
        return

    def slope(h, create=False):
        """<f'(x + h t)* g, t>, and its derivative by h through the second tape."""
        s = ad.Variable(np.float64(h))
        with ad.GradientTape() as outer:
            xs = [ad.constant(a) + s * ad.constant(b) if k in floats else ad.constant(a) for k, (a, b) in enumerate(zip(x, t))]
            with ad.GradientTape() as inner:
                inner.watch([xs[k] for k in floats])
                y = ops.ROWS[row](*xs, **named)
            shares = inner.gradient(y, [xs[k] for k in floats], output_gradients=ad.constant(g))
            along = ad.add_n([ad.reduce_sum(a * ad.constant(t[k])) for a, k in zip(shares, floats)])
        derivative = outer.gradient(along, s) if create else None
        return float(along) if not create else 0.0 if derivative is None else float(derivative)

    h = 1e-5
    np.testing.assert_allclose(slope(0.0, create=True), (slope(h) - slope(-h)) / (2 * h), rtol=1e-6, atol=1e-7 * max(1, g.size))


@pytest.mark.parametrize("x", [[2.0, 0, 3], [0.0, 0, 3], [0.0, 0, 0]])
def test_second_derivatives_of_products_are_exact_past_zeros(x):
    """d2(abc) / da db = c, and of the prefix products ab + abc: 1 + c."""
    import autodiff as ad

    (a, b, c), expected = x, np.zeros((2, 3, 3))
    for product, only in enumerate((0, 1)):
        expected[product] = [[0, only + c, b], [only + c, 0, a], [b, a, 0]]
    v = ad.Variable(np.array(x))
    for f, hessian in zip((ad.reduce_prod, lambda v: ad.reduce_sum(ad.cumprod(v)) - v[0]), expected):
        with ad.GradientTape(persistent=True) as outer:
            with ad.GradientTape() as inner:
                y = f(v)
            slopes = list(inner.gradient(y, v))
        assert [outer.gradient(slope, v).numpy().tolist() for slope in slopes] == hessian.tolist()
