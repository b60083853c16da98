"""NumPy's functions on tensors find their rows and record; what cannot be recorded says so."""

import inspect
import math
import warnings

import numpy as np
import pytest

import autodiff as ad
from autodiff import arrays, ops

A = np.linspace(0.2, 0.8, 6).reshape(2, 3)


@pytest.mark.parametrize("name", sorted({f.__name__ for f in arrays.UFUNCS}))
def test_a_ufunc_is_its_row(name):
    f = getattr(np, name)
    row = arrays.UFUNCS[f]
    xs = [A, A[::-1] + 0.3][: f.nin] if "float64" in row.takes else [A > 0.4, A > 0.5][: f.nin]
    xs = [x + 1 for x in xs] if name in ("arccosh", "acosh") else xs
    expected = f(*xs)
    got = f(*[ad.constant(x) for x in xs])
    assert type(got) is ad.Tensor
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-14)
    if f.nin == 2:
        assert type(f(xs[0], ad.constant(xs[1]))) is type(f(ad.Variable(xs[0]), xs[1])) is ad.Tensor


X, Y, SQUARE, CUBE = (np.random.default_rng(2).normal(size=s) for s in ((3, 4), (4,), (3, 3), (3, 3, 3)))
WHOLE, TRUTH = np.array([[1, -3, 0], [3, 3, 2]]), np.array([[True, False, False], [True, True, False]])
MEANT = """np.var(X, correction=1)|np.var(X, axis=0, where=X > 0)|np.std(X, axis=0, ddof=1)|np.std(X, 0, mean=np.mean(X, 0, keepdims=True))
np.mean(WHOLE)|np.mean(WHOLE, axis=0)|np.mean(WHOLE, dtype="float32")|np.var(WHOLE)|np.std(WHOLE, axis=1)|np.mean(TRUTH)|np.sum(TRUTH, axis=0)
np.max(TRUTH)|np.prod(TRUTH)|np.cumsum(TRUTH, 1)|np.argmax(TRUTH, 1)|np.any(X)|np.all(WHOLE, axis=0)|np.add.reduce(TRUTH)|np.logical_and.reduce(WHOLE)
np.add.reduce(WHOLE, dtype="float64")|np.sum(WHOLE, dtype="float64")|np.linalg.norm(X, 2)|np.linalg.norm(X, 1)|np.linalg.norm(X, np.inf)
np.linalg.norm(X, "fro")|np.linalg.norm(X, "nuc")|np.linalg.norm(X, -np.inf)|np.linalg.norm(Y, 0)|np.linalg.norm(Y, -1)|np.linalg.norm(Y, 3)
np.linalg.norm(X, 1, axis=1)|np.linalg.norm(CUBE, 2, axis=(1, 2))|np.linalg.norm(CUBE, axis=(1, 2))|np.linalg.norm(CUBE)|np.linalg.norm(WHOLE)
np.linalg.solve(SQUARE, X[:, 0])|np.linalg.solve(CUBE, X)|np.linalg.cholesky(np.eye(3) + 0 * SQUARE)|np.trace(SQUARE)|np.trace(CUBE)
np.trace(WHOLE, dtype="float64")|np.einsum(X, [0, 1], [1, 0])|np.einsum("ij,ij->", X, X, optimize=True)|np.einsum("i,i->", WHOLE[0], WHOLE[1], dtype="float64")
np.dot([0.1, 0.2, 0.3, 0.4], Y)|np.dot(Y, [0.1, 0.2, 0.3, 0.4])|np.dot(2, Y)|np.dot(0.1, Y)|np.inner(Y, [0.1, 0.2, 0.3, 0.4])|np.outer([0.1, 0.2], Y)
np.tensordot(X, [0.1, 0.2, 0.3, 0.4], 1)|np.vstack([[0.1, 0.2, 0.3, 0.4], Y])|np.hstack([Y, 0.1])|np.hstack([0.1, Y])|np.where(X, X, 1.0)|np.where(WHOLE, WHOLE, 0.5)
np.concatenate([Y, [0.1]])|np.concatenate([WHOLE[0], Y])|np.concatenate([Y, Y], dtype="float32")|np.clip(WHOLE, -0.5, 0.5)|np.clip(Y, 0.1, None)
np.zeros_like(X, shape=(5,))|np.ones_like(X, dtype="int32")|np.full_like(X, 0.1, shape=(2,))|np.full_like(WHOLE, 2)|np.full_like(X, [0.1, 0.2, 0.3, 0.4])
np.take(X, [0, -1], axis=1)|np.take(X, [0, 9], axis=1, mode="wrap")|np.take(X, [0, 9], axis=1, mode="clip")|np.take(X, [0, 5])|np.expand_dims(X, (0, 2))
np.roll(X, 1, axis=(0, 1))|np.roll(X, (1, 2), axis=(0, 1))|np.split(Y, [1, 3])|np.split(Y, [3, 1])|np.exp(X, where=X > -9, out=np.zeros((3, 4)))
np.linalg.slogdet(SQUARE)|np.linalg.svd(SQUARE)|np.linalg.svd(X, False)|np.linalg.svd(X, compute_uv=False)|np.linalg.pinv(X)|np.linalg.pinv(X, 0.5)|np.linalg.qr(X)|np.linalg.qr(X, "r")
np.linalg.eigh(SQUARE)|np.linalg.eigh(SQUARE, "U")|np.linalg.eigvalsh(CUBE, UPLO="U")|np.copy(X)|np.sinc(WHOLE)|np.linalg.cholesky(np.eye(3) + 0 * SQUARE, **UPPER)|np.max(X, axis=0, initial=0.1)|np.tile(X, 2)|np.reshape(X, (4, 3), order="F")"""
UPPER = {"upper": True} if "upper" in inspect.signature(np.linalg.cholesky).parameters else {}


@pytest.mark.filterwarnings("ignore::autodiff.errors.LostGradientWarning")
@pytest.mark.parametrize("call", MEANT.replace("\n", "|").split("|"))
def test_a_numpy_function_of_a_tensor_has_numpys_meaning(call):
    if "correction" in call or "mean=" in call or call == "np.linalg.solve(CUBE, X)":
        pytest.importorskip("numpy", "2.0")
    arrays = dict(X=X, Y=Y, SQUARE=SQUARE, CUBE=CUBE, WHOLE=WHOLE, TRUTH=TRUTH)
    expected, got = (eval(call, {"np": np, "UPPER": UPPER, **given}) for given in (arrays, {k: ad.constant(x) for k, x in arrays.items()}))
    for a, b in zip(*[x if isinstance(x, (list, tuple)) else [x] for x in (got, expected)], strict=True):
        assert np.asarray(a).dtype == b.dtype
        np.testing.assert_allclose(np.asarray(a), b, rtol=1e-13, atol=1e-15)


def test_every_numpy_name_in_the_table_is_a_numpy_function():
    for row in ops.ROWS.values():
        for name in row.numpy:
            assert hasattr(np, name) or name in ("asin", "acos", "atan", "atan2", "asinh", "acosh", "atanh"), name  # NumPy 2


FUNCTIONS = {
    "sum": lambda np, a: np.sum(a, axis=0), "sum all": lambda np, a: np.sum(a), "mean": lambda np, a: np.mean(a, axis=1, keepdims=True),
    "prod": lambda np, a: np.prod(a), "max": lambda np, a: np.max(a, axis=1), "min": lambda np, a: np.min(a), "var": lambda np, a: np.var(a),
    "std": lambda np, a: np.std(a, axis=0), "cumsum": lambda np, a: np.cumsum(a), "cumprod": lambda np, a: np.cumprod(a, axis=1),
    "concatenate": lambda np, a: np.concatenate([a, a], axis=1), "stack": lambda np, a: np.stack([a, a]), "vstack": lambda np, a: np.vstack([a, a]),
    "hstack": lambda np, a: np.hstack([a, a]), "where": lambda np, a: np.where(a > 0.4, a, -a), "clip": lambda np, a: np.clip(a, 0.3, 0.6),
    "dot": lambda np, a: np.dot(a, a[0]), "matmul": lambda np, a: np.matmul(a, np.transpose(a)), "inner": lambda np, a: np.inner(a, a),
    "outer": lambda np, a: np.outer(a, a), "tensordot": lambda np, a: np.tensordot(a, a, 2), "einsum": lambda np, a: np.einsum("ij,kj->ik", a, a),
    "norm": lambda np, a: np.linalg.norm(a), "trace": lambda np, a: np.trace(a), "diag": lambda np, a: np.diag(a[0]),
    "reshape": lambda np, a: np.reshape(a, (3, 2)), "ravel": lambda np, a: np.ravel(a), "swapaxes": lambda np, a: np.swapaxes(a, 0, 1),
    "moveaxis": lambda np, a: np.moveaxis(a, 0, -1), "squeeze": lambda np, a: np.squeeze(np.expand_dims(a, 0)), "flip": lambda np, a: np.flip(a, 1),
    "broadcast_to": lambda np, a: np.broadcast_to(a, (4, 2, 3)), "repeat": lambda np, a: np.repeat(a, 2, axis=1), "tile": lambda np, a: np.tile(a, (2, 1)),
    "split": lambda np, a: np.split(a, [1], axis=1)[1], "roll": lambda np, a: np.roll(a, 1, axis=1), "take": lambda np, a: np.take(a, [1, 0], axis=0),
    "zeros_like": lambda np, a: np.zeros_like(a), "full_like": lambda np, a: np.full_like(a, 3.0), "sort": lambda np, a: np.sort(a, axis=0),
    "argmax": lambda np, a: np.argmax(a, axis=1), "any": lambda np, a: np.any(a > 0.7), "add.reduce": lambda np, a: np.add.reduce(a),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_numpy_function_of_a_tensor_is_a_tensor_and_records(name):
    f = FUNCTIONS[name]
    expected = f(np, A)
    v = ad.Variable(A)
    with ad.GradientTape() as tape, warnings.catch_warnings():
        warnings.simplefilter("error")
        y = f(np, v)
    assert type(y) is ad.Tensor
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-13)
    if y.dtype.is_floating and name not in ("zeros_like", "full_like"):
        assert tape.gradient(y, v) is not None


def test_an_array_on_the_left_gives_a_tensor_that_records():
    v = ad.Variable(A)
    with ad.GradientTape(persistent=True) as tape:
        ys = [A * v, A + v, A - v, A / v, A @ ad.transpose(v), np.float64(2.0) * v, A**v]
    for y in ys:
        assert type(y) is ad.Tensor and tape.gradient(y, v) is not None


LOST = {
    "float": lambda t: float(t[0, 0]), "np.asarray": lambda t: np.asarray(t), "math.exp": lambda t: math.exp(t[0, 0]),
    "np.exp with out=": lambda t: np.exp(t, out=np.empty((2, 3))), "item assignment": lambda t: np.zeros(3).__setitem__(0, t[0, 0]),
    "np.histogram": lambda t: np.histogram(t), "np.fft.rfft": lambda t: np.fft.rfft(t), "np.linalg.cond": lambda t: np.linalg.cond(t[:, :2], 1),
    "scipy.special.pdtr": lambda t: pytest.importorskip("scipy.special").pdtr(3.0, t), "scipy.special.lambertw": lambda t: pytest.importorskip("scipy.special").lambertw(t),
    "np.unique": lambda t: np.unique(t), "complex": lambda t: complex(t[0, 0]),
}  # fmt: skip


@pytest.mark.parametrize("name", LOST)
def test_what_cannot_be_recorded_warns_where_a_tape_was_following(name):
    use, v = LOST[name], ad.Variable(A)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        use(v.value())  # no tape: nothing to lose
        with ad.GradientTape():
            use(ad.constant(A))
    said = name if name.startswith(("np.", "scipy.")) else ".*"
    with ad.GradientTape(), pytest.warns(ad.errors.LostGradientWarning, match=f"^{said}.*: the value of a tensor that a GradientTape follows leaves it"):
        use(v * 1)


def test_the_warning_comes_once_a_call_site():
    v = ad.Variable(1.0)
    with ad.GradientTape(), warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("default")
        for _ in range(5):
            float(v * 2)
        float(v * 3)
    assert len(seen) == 2 and all(w.filename == __file__ for w in seen)


def test_lost_gradients_can_be_errors_or_ignored():
    v = ad.Variable(1.0)
    try:
        ad.config.lost_gradient = "raise"
        with ad.GradientTape(), pytest.raises(ad.errors.LostGradientError) as info:
            float(v)
        assert str(info.value) == (
            "float: the value of a tensor that a GradientTape follows leaves it here, and the gradient with it. Stay with tensors (np.exp(t) "
            "for math.exp(t), np.stack([t, u]) for np.array([t, u]) and for a[0] = t), or say that it is meant: t.numpy(), "
            "ad.stop_gradient(t), or ad.config.lost_gradient = 'ignore'"
        )
        ad.config.lost_gradient = "ignore"
        with ad.GradientTape(), warnings.catch_warnings():
            warnings.simplefilter("error")
            float(v)
    finally:
        ad.config.lost_gradient = "warn"
    assert ad.config.lost_gradient == "warn"
    with pytest.raises(ValueError, match="config.lost_gradient: got 'loudly', expected 'warn', 'raise' or 'ignore'"):
        ad.config.lost_gradient = "loudly"
    with pytest.raises(AttributeError, match="config has no setting 'lost_gradients'"):
        ad.config.lost_gradients = "warn"


def test_what_is_meant_does_not_warn():
    v = ad.Variable(A)
    with ad.GradientTape(), warnings.catch_warnings():
        warnings.simplefilter("error")
        v.numpy(), float(ad.stop_gradient(v)[0, 0]), print(v), repr(v * 2), bool(v[0, 0] > 0), np.allclose(v, A), v[0, 0] > 0.1
        np.shape(v), np.ndim(v), len(v.shape)


def test_tensors_are_not_written_to_by_numpy():
    t = ad.constant(A)
    with pytest.raises(TypeError, match="out= is a tensor, and tensors are immutable"):
        np.exp(A, out=t)
    with pytest.raises(TypeError, match="np.add.at: tensors are immutable"):
        np.add.at(t, 0, 1.0)


@pytest.mark.parametrize("case", ["np.sum(x, dtype=float)", "np.ones_like(x, dtype=float)", "np.full_like(x, 0.1, dtype=float)", "np.exp(x, dtype=float)",
                                  "np.add.reduce(x, dtype=float)", "np.add(x, 0.1, dtype='float64')", "np.sum(x > 1, dtype=int)", "np.cumsum(x, dtype=float)", "np.cumprod(x, 0, float)", "np.cumsum(x > 1, dtype=int)", "np.equal(x, 0.5, dtype=bool)", "np.float_power(x, 0.1)",
                                  "np.float_power(x, x)", "np.float_power([2, 3], x)"])  # fmt: skip
def test_a_dtype_is_numpys_and_what_is_computed_in_it_has_its_digits(case):
    x = np.array([0.3, 1.7], np.float32)
    got, want = (eval(case, {"np": np, "x": each}) for each in (ad.constant(x), x))
    assert got.dtype == want.dtype
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-15)


def test_a_power_of_integers_by_float_power_is_a_float():
    n = ad.constant([2, 3])
    np.testing.assert_array_equal(np.float_power(n, -1), [0.5, 1 / 3])


def test_nothing_is_written_into_a_variable_by_numpy():
    v = ad.Variable([1.0, 2.0])
    for x in (v, v.value()):
        with pytest.raises(TypeError, match="^np.add: out= is a tensor, and tensors are immutable; leave it out, or assign to a variable$"):
            np.add(x, x, out=x)
        for write in (lambda x: np.copyto(x, [3.0, 3.0]), lambda x: np.put(x, [0], [3.0]), lambda x: np.cumsum(x, out=x), lambda x: np.clip(x, 0, 1, out=x)):
            with pytest.raises(TypeError, match="would write into a tensor, and tensors are immutable; write into t.numpy.., a copy, or assign to a variable$"):
                write(x)


@pytest.mark.parametrize("case", ["np.log1p(k)", "np.hypot(k, m)", "np.arctan2(k, m) + k", "np.logaddexp(k, 2)", "np.sqrt(m) * x", "gammaln(m + 1) - x", "np.exp(m)"])
def test_whole_numbers_have_logarithms_in_a_recording_too(case):
    gammaln = pytest.importorskip("scipy.special").gammaln

    def f(x, k, m):
        return eval(case, {"np": np, "gammaln": gammaln, "x": x, "k": k, "m": m})

    recorded, rng = ad.function(f), np.random.default_rng(6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")                          # that it runs as written
        for _ in range(2):
            given = rng.normal(size=4), rng.integers(0, 9, 4), rng.integers(0, 9, 4, dtype=np.int32)
            eager = f(*[ad.constant(x) for x in given])
            np.testing.assert_allclose(eager.numpy(), f(*given), rtol=1e-14)
            assert recorded(*given).numpy().tobytes() == eager.numpy().tobytes() and eager.dtype == f(*given).dtype


@pytest.mark.parametrize("case", ["np.exp(k)", "np.sqrt(k)", "np.isnan(k)", "np.isfinite(b)", "np.abs(b)", "np.log1p(k)", "np.reciprocal(k)", "np.invert(k)", "np.deg2rad(k)",
                                  "np.heaviside(k, 0.5)", "np.fmod(k, 0.7)", "np.copysign(k, -1.0)", "np.logical_and(k, x)", "np.logical_not(x)", "np.logical_xor(x, b)",
                                  "np.logical_or(x > 1, k)"])  # fmt: skip
def test_of_whole_numbers_and_truth_values_it_is_what_numpy_gives(case):
    given = {"k": np.array([3, 0, 1]), "b": np.array([True, False, True]), "x": np.array([0.5, 0.0, 2.0])}
    with np.errstate(all="ignore"):
        want = eval(case, {"np": np, **given})
        got = eval(case, {"np": np, **{name: ad.constant(x) for name, x in given.items()}})
    assert np.asarray(got).dtype == want.dtype
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-15)


def test_where_numpy_has_an_error_so_have_tensors():
    with pytest.raises(ValueError):
        np.maximum.reduce(ad.constant([1.0])[:0])
    if hasattr(np, "vecdot"):
        with pytest.raises(ValueError):
            np.vecdot(ad.constant(1.0), ad.constant(1.0))
    assert np.power(ad.constant([1, 2]), 0.5).numpy().tolist() == np.power([1, 2], 0.5).tolist()


def test_an_array_shares_the_memory_of_the_tensor_that_it_shows():
    """scikit-learn asks before it writes."""
    for x in (ad.constant([1.0, 2.0]), ad.Variable([1.0, 2.0])):
        shown, copied = np.asarray(x), np.array(x)
        for shares in (np.shares_memory, np.may_share_memory):
            assert shares(shown, x) is True and shares(x, shown[1:]) is True and shares(x, x) is True
            assert shares(copied, x) is False and shares(x, x.numpy()) is False


class Column:
    """As pandas has them: an array to NumPy, with operators that make another of it unless the other operand's priority is higher."""

    def __init__(self, values):
        self.values = np.asarray(values)

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)

    def __mul__(self, other):
        return NotImplemented if getattr(other, "__pandas_priority__", 0) > 3000 else Column(self.values * np.asarray(other))


def test_columns_of_a_frame_are_arrays_beside_tensors():
    group, count, chosen, weight = Column([0, 2, 2]), Column([1, 2, 3]), Column([True, False, True]), Column([0.5, 0.25, 2.0])
    p = ad.Variable(np.array([1.0, 2.0, 3.0]))

    def total(p):
        return ad.reduce_sum(count * p[group] - p * count + weight * p + p * chosen) + ad.reduce_sum(p[chosen]) + ad.reduce_sum(p**count)

    for f in (total, ad.function(total)):
        for _ in range(2):
            with warnings.catch_warnings(), ad.GradientTape() as tape:
                warnings.simplefilter("error")              # that a gradient leaves
                y = f(p)
            assert float(y) == (16 - 14) + 7 + 4 + 4 + (1 + 4 + 27)
            assert tape.gradient(y, p).numpy().tolist() == [1 - 1 + 0.5 + 1 + 1 + 1, -2 + 0.25 + 4, 5 - 3 + 2 + 1 + 1 + 27]
    assert (ad.constant([1.0]) * Column([2])).dtype == "float32" and (ad.constant([1.0]) * Column([2.0])).dtype == "float64"
    with pytest.raises(TypeError, match="Cannot convert"):
        ad.constant([1, 2]) * Column([2**40, 1])


def test_columns_of_pandas_are_arrays_beside_tensors():
    pandas = pytest.importorskip("pandas")
    frame, p = pandas.DataFrame({"group": [0, 2, 2], "x": [1.0, 2.0, 3.0]}), ad.Variable(np.array([1.0, 2.0, 3.0]))
    with ad.GradientTape() as tape:
        y = np.sum((frame.x - p[frame.group] * frame.group) ** 2)
    assert float(y) == 1 + 16 + 9 and tape.gradient(y, p).numpy().tolist() == [0.0, 0.0, 28.0]
