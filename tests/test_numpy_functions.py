"""NumPy's functions that are formulas here: NumPy's values, dtypes and shapes, and the gradients of differences."""

import warnings

import numpy as np
import pytest
from differences import check_gradients
from numpy_agreement import check

import autodiff as ad

X = np.array([0.3, 1.2, 2.0, -0.7])
M = np.array([[0.3, 1.2, -2.0], [1.7, -0.4, 0.9], [0.2, 0.8, 1.1]])
B = np.array([[1.0, 2.0, 0.5], [0.3, -1.0, 4.0]])
CASES = """np.diff(X)|np.diff(X, 2)|np.diff(M, axis=0)|np.diff(M, n=0)|np.diff(X, 9)|np.append(X, [1.0])|np.append(M, 2 * M, axis=1)|np.append(M, X)
np.average(M)|np.average(M, axis=1)|np.average(M, axis=0, weights=[1.0, 2.0, 3.0])|np.average(M, weights=M * M)
np.average(M, 1, [1.0, 0.0, 3.0])|np.column_stack([X, 2 * X])|np.column_stack([M, M[0]])|np.cross(M, [[1.0, 2.0, 3.0]] * 3)|np.cross(M[0], M[1])
np.kron(X, [1.0, 2.0])|np.kron(M, B)|np.kron(B, M[0])|np.kron([2.0], M)|np.triu(M)|np.tril(M, -1)|np.triu(M, 1)|np.tril(B * M[:2], 1)|np.pad(X, 1)
np.pad(M, ((0, 1), (2, 0)), constant_values=3.0)|np.pad(X, (2, 1), mode="reflect")|np.pad(X, 2, "symmetric")|np.flipud(M)|np.fliplr(M)|np.ptp(M)
np.ptp(M, axis=0)|np.vdot(M, M)|np.nansum(M)|np.nansum(M, axis=1)|np.polyval([1.0, -2.0, 3.0], M)|np.polyval(X, 0.5)|np.polyval(X, X)|np.polyval([2.0], X)
np.convolve(X, [1.0, 2.0, -1.0])|np.convolve([1.0, 2.0], X, "same")|np.convolve(X, X[:2], "valid")|np.convolve(X, X[1:3], mode="same")|np.median(X)
np.median(M, axis=0)|np.median(M[:2], 0)|np.roll(M, 2)|np.roll(M, 1, axis=0)|np.roll(X, -1)|np.linalg.multi_dot([B, M, M[0]])|np.linalg.multi_dot([M, M])
np.linalg.matrix_power(M, 3)|np.linalg.matrix_power(M, 1)|np.std(M, ddof=1)|np.var(M, axis=0, ddof=1)|np.std(X, ddof=2)|np.var(M, 1, ddof=1, keepdims=True)"""
CASES += "|np.deg2rad(X)|np.radians(M)|np.rad2deg(M)|np.degrees(X)|np.conj(X)|np.add.outer(X, X)|np.multiply.outer(M, X)|np.hypot.outer(X, [1.0, 2.0])"
CASES = CASES.replace("\n", "|").split("|")
TRAPEZOID = "trapezoid" if hasattr(np, "trapezoid") else "trapz"
CASES += [f"np.{TRAPEZOID}({more})" for more in ("X", "X, dx=0.1", "M, axis=0", "M, [0.0, 1.0, 3.0]", "M, [0.0, 1.0, 3.0], axis=0", "[1.0, 2.0, 4.0, 3.0], X")]


CASES += """np.add.accumulate(X)|np.add.accumulate(M, axis=1)|np.multiply.accumulate(M)|np.logaddexp.accumulate(X)|np.bincount([0, 2, 2, 1], X)|np.bincount([0, 2, 2, 1], X, 5)|np.choose([0, 1, 1, 0], [X, X * X])|np.partition(X, 1)[1]|np.partition(M, 1, axis=0)
np.logspace(X[0], X[1], 3)|np.logspace(0.0, X, 3, endpoint=False)|np.logspace(X[0], 1.0, 3, base=2.0)|np.polyder(X)|np.polyder(X, 2)|np.polyint(X)|np.polyint(X, k=2.0)
np.polyadd(X, M[0])|np.polysub([1.0], X)|np.polymul(X, M[0])|np.polymul(X, [2.0])|np.choose([[0], [1], [2]], [X[:3], M, 2 * M])|np.linalg.cond(M)|np.linalg.cond(M[:2])|np.ediff1d(X)|np.ediff1d(M)|np.ediff1d(X, to_begin=X[:2], to_end=[1.0])|np.unwrap(X * 5)|np.unwrap(M * 7, axis=0)|np.diagflat(X)|np.diagflat(M, 1)
np.linalg.lstsq(M[:, :2], M[:, 2], rcond=None)[0]|np.linalg.lstsq(M[:, :2], M, rcond=None)[1]|np.linalg.lstsq(M[:, :2], M[:, 2], rcond=None)[3]
np.linalg.lstsq(M[:2], M[:2, 2], rcond=None)[0]|np.correlate(X, [1.0, 2.0])|np.correlate(X, [1.0, 2.0, 3.0], "full")|np.correlate(X, X, "same")
np.correlate([1.0, 2.0], X, "full")|np.fmax(X, 0.5)|np.fmin(M, M[::-1])|np.fmin(0.4, X)|np.fmod(X, 0.45)|np.fmod(M * 7, M[::-1] + 0.07)|np.heaviside(np.array([-1.0, 0.0, 2.0, 0.0]), X)
np.copysign(X, -0.0)|np.copysign(X, X * -0.0)|np.trace(M, 1)|np.trace(np.stack([M, M * M]), axis1=2, axis2=1)|np.linalg.lstsq([[1, 0], [1, 1], [1, 2]], M[0], rcond=None)[0]|np.divmod(X, 0.45)[1]|np.modf(M * 0.99)[0]|np.ldexp(X, [1, -2, 3, 0])|np.i0(X)|np.diff(X, prepend=0.0)|np.diff(M, axis=0, prepend=M[:1] * 2, append=0.5)|np.diff(X, 2, append=[X[0], 1.0])|np.diff(X, 0, append=0.0)|np.outer(X, [1, 2])|np.average(X, weights=[1, 2, 0, 1])|np.append(X, 3)|np.kron([1, 2], X)
np.polyval([1, 2, 3], X)|np.polyval(X, 2)|np.convolve(X, [1, 2])|np.polyadd(X, [1, 2])|np.polyint(X, k=2)|np.dot(X, [1, 2, 3, 4])|np.linalg.solve(M, [1, 2, 3])
np.einsum("i,i", X, [1, 2, 3, 4])|np.subtract.outer(X, [1, 2])|np.linalg.norm(M, 1)|np.linalg.norm(M, np.inf)|np.linalg.norm(M, 2)|np.linalg.norm(M[:2], "nuc")
np.copysign(M, M[::-1])|np.logaddexp2(M, M * M)|np.polymul([0.0, 0.0, 2.0, 1.0], X)|np.polymul(X - X[:1], X * X)|np.ix_(X, X * X)[1]|np.ix_(X, [1.0, 2.0])[0]""".replace("\n", "|").split("|")
CASES += """np.linalg.matrix_power(M, -2)|np.linalg.slogdet(M).logabsdet|np.linalg.slogdet(M)[1]|np.linalg.eigh(M @ np.transpose(M)).eigenvalues|np.linalg.svd(M).S|np.linalg.svd(B, full_matrices=False).S * M[0, :2]
np.linalg.qr(M).R**2|np.linalg.tensorinv(np.reshape(np.kron(M, M)[:8, :8] + np.eye(8), (8, 2, 2, 2)), ind=1)|np.linalg.tensorsolve(M, M[0])
np.linalg.tensorsolve(np.reshape(np.outer(X, X * X) + np.eye(4), (2, 2, 2, 2)), np.ones((2, 2)))|np.einsum(M, [0, 1], B, [2, 1], [0, 2])|np.einsum(M, [0, 1], M, [1, 2])
np.einsum(M, [Ellipsis, 1], B, [0, 1], [Ellipsis, 0])|np.einsum(M, [0, 0])|np.geomspace(M[0, 0], M[0, 1], 5)|np.geomspace(-X[:3], [-1.0, -2.0, -3.0], 4, endpoint=False)
np.geomspace(2.0, M[0, :2], 3, axis=1)|np.poly(X)|np.poly(X[:1])|np.sum(X, initial=2.0)|np.sum(M, axis=0, where=B[:1] > 0)|np.sum(M, 1, where=[True, False, True], keepdims=True)
np.prod(M, where=[[True], [False], [True]], initial=3.0)|np.max(X, initial=1.5)|np.max(M, 0, initial=-9.0, where=B[1] > 0)|np.min(M, axis=1, initial=X[0], where=B[0] > 1)
np.mean(M, axis=1, where=[True, False, True])|np.std(M, where=B[1] > 0)|np.var(M, 0, ddof=1, where=[[True], [False], [True]])|np.maximum.accumulate(M, axis=1)
np.minimum.accumulate(X)|np.minimum.accumulate(M)|np.maximum.accumulate(X[::-1])""".replace("\n", "|").split("|")
CASES += """np.cross(M, M[0])|np.cross(M[0], M)|np.cross(M, M * M, axis=0)|np.cross(M, M[:1], axisa=0, axisc=0)|np.cross(M[:, None], B)|np.linalg.norm(X, -np.inf)
np.linalg.norm(M, -1)|np.linalg.norm(M, -2)|np.linalg.norm(M[:2], -np.inf)|np.linalg.norm(np.stack([M, M * M]), 2, axis=(1, 2))|np.linalg.norm(np.stack([M, M * M]), 1, (0, 2))
np.linalg.norm(np.stack([M, M * M]), np.inf, (2, 0), keepdims=True)|np.linalg.norm(M[:2], "nuc", keepdims=True)|np.linalg.norm(M, -np.inf, axis=1, keepdims=True)
np.sort(M, axis=0, kind="stable")|np.take_along_axis(M, np.argmax(M, 1, keepdims=True), 1)""".replace("\n", "|").split("|")
CASES += [f"np.{TRAPEZOID}({more})" for more in ("M, M * M, axis=0", "M, M[:1]", "M * M, M")]
if np.lib.NumpyVersion(np.__version__) >= "2.2.0":
    CASES += """np.std(M, correction=1)|np.var(M, axis=1, correction=1, keepdims=True)|np.linalg.vector_norm(M, axis=(0, 1))|np.linalg.cross(M, M[1], axis=-1)
np.linalg.vector_norm(np.stack([M, M * M]), axis=(0, -1), keepdims=True, ord=3)|np.linalg.vector_norm(M, keepdims=True)|np.linalg.matrix_norm(np.stack([M, M * M]), ord="nuc")
""".replace("\n", "|").strip("|").split("|")
    CASES += """np.cumulative_sum(X)|np.cumulative_sum(M, axis=1, include_initial=True)|np.cumulative_prod(M, axis=0)|np.matrix_transpose(M)|np.linalg.trace(M)
np.linalg.matrix_transpose(M)|np.linalg.matmul(M, M)|np.linalg.outer(X, X)|np.linalg.cross(M, M * M)|np.linalg.tensordot(M, M, axes=1)
np.linalg.vecdot(M, M * M)|np.linalg.diagonal(M, offset=1)|np.linalg.svdvals(M)|np.linalg.vector_norm(M)|np.linalg.vector_norm(M, axis=1)
np.linalg.vector_norm(X, ord=3)|np.linalg.matrix_norm(M)|np.vecdot(M, M * M)|np.matvec(M, M[0])|np.vecmat(M[0], M)""".replace("\n", "|").split("|")


@pytest.mark.parametrize("case", CASES)
def test_it_is_what_numpy_gives_with_its_gradient(case):
    whole = any(list in case for list in ("[1, 2", "X, 3)", "X, 2)", "k=2)"))            # integers take the tensor's dtype, as beside operators
    dtypes = not whole and not ("polyval" in case or "logspace" in case) or not whole and np.lib.NumpyVersion(np.__version__) >= "2.0.0"     # before it a float64 number took float32
    check(case, X, M, {"B": B}, dtypes, "median" not in case)                           # which sorts


@pytest.mark.parametrize("case", ["np.interp(x, [0.0, 1.0], [0.0, 1.0], left=0.1, right=0.3)", "np.select([x > 9], [x], 0.1)", "np.piecewise(x, [x > 0], [0.1, 0.3])",
                                  "np.nan_to_num(x, nan=0.1, posinf=0.3)", "np.append(x, [x[0], 0.1])", "np.outer(x[:2], [x[0], 0.1])", "np.insert(x, 1, 0.1)",
                                  "np.pad(x, 1, constant_values=0.1)", "np.clip(x, -0.1, 0.1)", "np.where(x > 0, 0.1, x)", "np.linspace(x[:2], 0.1, 3)", "np.full_like(x, 0.1)",
                                  "np.ediff1d(x, 0.1)", "np.heaviside(x, 0.1)", "np.choose([0, 1, 0, 1], [x, 0.1])", "np.polyval(x, 0.1)", "np.convolve(x, [0.1])",
                                  "np.gradient(x, 0.1)", "np.logspace(x[0], 0.1, 3)", "np.polyint(x, k=0.1)", "np.block([x, 0.1])", "np.quantile(x[:2], 0.1)"])  # fmt: skip
def test_numbers_of_python_keep_their_digits_beside_float64(case):
    x = np.array([-0.25, 2.0, np.inf, np.nan])
    with np.errstate(invalid="ignore"):
        want = eval(case, {"np": np, "x": x})
    np.testing.assert_allclose(eval(case, {"np": np, "x": ad.constant(x)}).numpy(), want, rtol=1e-15)


def test_a_sign_is_copied_in_the_wider_dtype():
    y = np.copysign(ad.constant([1.0, -np.inf, np.nan, 0.0]), np.array([-0.0, 2.0, -1.0, -np.inf]))
    assert y.dtype == "float64"
    np.testing.assert_array_equal(y.numpy(), [-1.0, np.inf, np.nan, -0.0])


def test_places_keep_their_dimensions():
    for name in ("argmax", "argmin"):
        for axis in (None, 0, -1):
            y = getattr(np, name)(ad.constant(M), axis, keepdims=True)
            assert isinstance(y, ad.Tensor)
            np.testing.assert_array_equal(y.numpy(), getattr(np, name)(M, axis, keepdims=True))


def test_an_integer_may_come_first():
    assert np.fmax(1, ad.constant([0.5, 2.0])).numpy().tolist() == [1.0, 2.0] and np.fmod(7, ad.constant([4.0])).numpy().tolist() == [3.0]


def test_numbers_that_are_not_there_do_not_count():
    x = np.array([np.nan, 1.0, 2.0])
    assert np.fmax(ad.constant(x), 1.5).numpy().tolist() == [1.5, 1.5, 2.0] and np.fmin(0.5, ad.constant(x)).numpy().tolist() == [0.5, 0.5, 0.5]
    assert np.isnan(np.heaviside(ad.constant(x), 0.3).numpy()[0])
    assert np.trunc(ad.constant([-1.7, 1.7])).numpy().tolist() == [-1.0, 1.0]


def test_tensors_in_a_list_beside_a_tensor_are_followed():
    x = ad.Variable(X)
    with ad.GradientTape() as tape:
        y = np.append(x, [x[0] * 2, 1, [3.0 * x[1]][0]])
    np.testing.assert_array_equal(y.numpy(), np.append(X, [X[0] * 2, 1, 3 * X[1]]))
    assert tape.gradient(y, x).numpy().tolist() == [3, 4, 1, 1]


@pytest.mark.parametrize("case", ["np.diff(X, prepend=[[0.0]])", "np.diff(X, -1)", "np.average(X, returned=True)", "np.pad(X, 1, 'edge')", "np.cross(M[:2, :2], M[:2, 1:])",
                                  "np.linalg.matrix_power(M, -1)", "np.linalg.matrix_power(M, 0)", "np.correlate(X[:2], X)", "np.tril(X)", "np.diff(M > 0)",
                                  "np.average(M, axis=(0, 1), weights=M)", "np.nansum(M, initial=2.0)", "np.unwrap(M > 0)", "np.linalg.lstsq(M, X, rcond=None)[0]", "np.var(X[:1], ddof=1)", "np.ptp(M > 0)",
                                  "np.deg2rad(M > 0)", "np.deg2rad(np.argmax(M))", "np.polymul(M, X)", "np.polyadd(M, X)", "np.polysub(M, M * M)", "np.ptp(M[:0])", "np.ptp(X[:0], axis=0)",
                                  "np.vdot(M, X)", "np.vdot(X, 2.0)", "np.linalg.multi_dot([M])", "np.linalg.multi_dot([M, X[:3], M])", "np.linalg.multi_dot(M)",
                                  "np.linalg.matrix_power(M[:2], 1)", "np.ix_(M)", "np.size(M, (0, 1))", "np.add.outer(M, X, dtype='float32')"])  # fmt: skip
def test_what_has_no_formula_is_computed_by_numpy_or_raises_as_it_does(case):
    results = []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for x, m in ((X, M), (ad.constant(X), ad.constant(M))):
            try:
                results.append(np.asarray(eval(case, {"np": np, "X": x, "M": m})[0] if "returned" in case else eval(case, {"np": np, "X": x, "M": m})))
            except (TypeError, ValueError) as error:
                results.append(error.__class__.__mro__[-4:])
    if isinstance(results[0], np.ndarray):
        np.testing.assert_allclose(results[1].astype(float), results[0].astype(float))
    else:
        assert not isinstance(results[1], np.ndarray)


@pytest.mark.parametrize("dtype, x, n", [("float64", [1e300, 1e-300, 1.5, 5e-324, -3.0], [-1100, 1100, -1074, 2097, -4000]), ("float32", [1e38, 3e-45, 1.5], [-200, 270, -149])])
def test_a_power_of_2_that_is_not_there_may_still_be_a_factor(dtype, x, n):
    x = np.array(x, dtype)
    np.testing.assert_array_equal(np.ldexp(ad.constant(x), n).numpy(), np.ldexp(x, n))


SPECIAL = {"gammaln": [X], "psi": [X], "gammainc": [X + 2, X + 1], "gammaincc": [X + 2, X + 1], "expit": [X], "log_expit": [X], "i0": [X], "i1": [X],
           "i0e": [X], "i1e": [X], "erf": [X], "erfc": [X], "erfcx": [X], "erfinv": [X / 3], "ndtr": [X], "ndtri": [X / 3 + 0.3], "log_ndtr": [X],
           "logit": [X / 3 + 0.3], "xlogy": [X, X + 1], "xlog1py": [X, X], "betainc": [X + 2, X + 1, X / 3 + 0.3], "cbrt": [X], "exp2": [X],
           "expm1": [X], "log1p": [X], "entr": [X + 1], "gamma": [np.append(X, [5.5, -1.3, -2.6])], "beta": [X + 2, X + 1], "betaln": [X + 2, X + 1],
           "rel_entr": [X + 1, X + 2], "kl_div": [X + 1, X + 2], "huber": [X * X, X], "pseudo_huber": [X + 1, X], "exp10": [X]}  # fmt: skip


@pytest.mark.parametrize("name", SPECIAL)
def test_functions_of_scipy_special_record(name):
    special = pytest.importorskip("scipy.special")
    f, xs = getattr(special, name), SPECIAL[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = f(*map(ad.constant, xs))
        assert type(y) is ad.Tensor
        np.testing.assert_allclose(y.numpy(), f(*xs), rtol=1e-13)
        chosen = range(2, 3) if name == "betainc" else range(len(xs))           # the others have no gradient
        check_gradients(lambda *given: f(*[x if k not in chosen else given[k] for k, x in enumerate(xs)]), *xs, order=1 if name == "huber" else 2)


def test_the_gamma_function_at_its_poles_and_at_0_is_scipys():
    special = pytest.importorskip("scipy.special")
    x = np.array([0.0, -0.0, -1.0, -2.0, 0.5, 171.0, 180.0, np.inf, np.nan, -0.5, -150.5])
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(special.gamma(ad.constant(x)).numpy(), special.gamma(x), rtol=1e-12)
        for f in (special.huber, special.pseudo_huber):
            np.testing.assert_array_equal(f(ad.constant([-1.0, 0.0, -0.0]), [2.0, 2.0, 2.0]).numpy(), f([-1.0, 0.0, -0.0], [2.0, 2.0, 2.0]))
        np.testing.assert_array_equal(special.entr(ad.constant([-0.5, 0.0])).numpy(), [-np.inf, 0.0])
        np.testing.assert_allclose(special.rel_entr(ad.constant([0.0, 1.0]), [2.0, 2.0]).numpy(), special.rel_entr([0.0, 1.0], [2.0, 2.0]))


def test_what_scipy_special_has_alone_says_so():
    special = pytest.importorskip("scipy.special")
    x = ad.Variable(X)
    with ad.GradientTape() as tape, pytest.warns(ad.errors.LostGradientWarning, match="^scipy.special.kolmogorov: the value of a tensor"):
        y = special.kolmogorov(x)
    assert isinstance(y, np.ndarray) and tape.gradient(ad.constant(1.0), x) is None


def test_what_makes_arrays_of_results_makes_arrays():
    """np.atleast_1d(jac(x)) stands in SciPy, whose BFGS then takes products with matrices of integers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert all(type(f(ad.constant(X))) is np.ndarray for f in (np.atleast_1d, np.copy, np.asarray, np.asanyarray, np.array, np.ascontiguousarray))
