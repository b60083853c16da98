"""ad.math: the elementwise rows under TensorFlow's names, and what sums, counts and scans."""

from collections.abc import Callable

import numpy as np

from . import counting, dtypes, errors, ops, segments, special, stable_logs
from ._core import Tensor, is_tensor, operator, reduce_mean, reduce_sum  # noqa: F401
from .arguments import axes_of, axis_of, floating, product, tensors
from .arguments import tensor as to_tensor
from .counting import *  # noqa: F403
from .indexing import top_k  # noqa: F401
from .segments import *  # noqa: F403
from .special import bessel_i0, bessel_i0e, bessel_i1, bessel_i1e  # noqa: F401

# fmt: off
__all__ = [
    "abs", "accumulate_n", "acos", "acosh", "add", "add_n", "angle", "argmax", "argmin", "asin", "asinh", "atan", "atan2", "atanh",
    "bessel_i0", "bessel_i0e", "bessel_i1", "bessel_i1e", "betainc", "betaln", "cast", "cbrt", "ceil", "clip_by_value",
    "conj", "cos", "cosh", "count_nonzero", "cumprod", "cumsum", "cumulative_logsumexp", "digamma", "divide", "divide_no_nan", "entr",
    "equal", "erf", "erfc", "erfcinv", "erfcx", "erfinv", "exp", "exp2", "expm1", "floor", "floordiv", "floormod", "greater", "greater_equal", "hypot", "igamma", "igammac",
    "imag", "is_finite", "is_inf", "is_nan",
    "l2_normalize", "lbeta", "less", "less_equal", "lgamma", "log", "log10", "log1mexp", "log_ndtr", "log1p", "log2", "log_sigmoid",
    "log_softmax", "logaddexp", "logical_and", "logical_not", "logical_or", "logical_xor", "logit", "logsubexp", "maximum", "minimum",
    "mod", "multiply", "multiply_no_nan", "ndtr", "ndtri", "negative", "nextafter", "not_equal", "polygamma", "polyval", "pow", "real", "realdiv",
    "reciprocal", "reciprocal_no_nan", "reduce_all", "reduce_any", "reduce_euclidean_norm", "reduce_logsumexp", "reduce_max", "reduce_mean",
    "reduce_min", "reduce_prod", "reduce_std", "reduce_sum", "reduce_variance", "rint", "round", "rsqrt", "saturate_cast", "scalar_mul", "sigmoid", "sign",
    "sin", "sinc", "sinh", "softmax", "softplus", "softsign", "sqrt", "square", "squared_difference", "subtract", "tan", "tanh", "top_k",
    "trigamma", "truediv", "truncatediv", "truncatemod", "xdivy", "xlog1py", "xlogy", "zero_fraction", "zeta"
]
# fmt: on
__all__ += counting.__all__ + segments.__all__

# ------------------------------------------------------------------------------------------------------------ elementwise
# fmt: off
abs                = operator(ops.abs, "abs", "x")
acos               = operator(ops.acos, "acos", "x")
acosh              = operator(ops.acosh, "acosh", "x")
add                = operator(ops.add, "add", "x y")
asin               = operator(ops.asin, "asin", "x")
asinh              = operator(ops.asinh, "asinh", "x")
atan               = operator(ops.atan, "atan", "x")
atan2              = operator(ops.atan2, "atan2", "y x")
atanh              = operator(ops.atanh, "atanh", "x")
betainc            = operator(ops.betainc, "betainc", "a b x")
cbrt               = operator(ops.cbrt, "cbrt", "x")
ceil               = operator(ops.ceil, "ceil", "x")
clip_by_value      = operator(ops.clip_by_value, "clip_by_value", "t clip_value_min clip_value_max", namespace="")
cos                = operator(ops.cos, "cos", "x")
cosh               = operator(ops.cosh, "cosh", "x")
digamma            = operator(ops.digamma, "digamma", "x")
divide             = operator(ops.div, "divide", "x y")
divide_no_nan      = operator(ops.divide_no_nan, "divide_no_nan", "x y")
entr               = operator(ops.entr, "entr", "x")
equal              = operator(ops.equal, "equal", "x y")
erf                = operator(ops.erf, "erf", "x")
erfc               = operator(ops.erfc, "erfc", "x")
erfcx              = operator(ops.erfcx, "erfcx", "x")
erfinv             = operator(ops.erfinv, "erfinv", "x")
exp                = operator(ops.exp, "exp", "x")
exp2               = operator(ops.exp2, "exp2", "x")
expm1              = operator(ops.expm1, "expm1", "x")
floor              = operator(ops.floor, "floor", "x")
floordiv           = operator(ops.floordiv, "floordiv", "x y")
floormod           = operator(ops.mod, "floormod", "x y")
greater            = operator(ops.greater, "greater", "x y")
greater_equal      = operator(ops.greater_equal, "greater_equal", "x y")
hypot              = operator(ops.hypot, "hypot", "x y")
igamma             = operator(ops.igamma, "igamma", "a x")
igammac            = operator(ops.igammac, "igammac", "a x")
is_finite          = operator(ops.is_finite, "is_finite", "x")
is_inf             = operator(ops.is_inf, "is_inf", "x")
is_nan             = operator(ops.is_nan, "is_nan", "x")
less               = operator(ops.less, "less", "x y")
less_equal         = operator(ops.less_equal, "less_equal", "x y")
lgamma             = operator(ops.lgamma, "lgamma", "x")
log                = operator(ops.log, "log", "x")
log10              = operator(ops.log10, "log10", "x")
log1mexp           = operator(ops.log1mexp, "log1mexp", "x")
log1p              = operator(ops.log1p, "log1p", "x")
log2               = operator(ops.log2, "log2", "x")
log_ndtr           = operator(ops.log_ndtr, "log_ndtr", "x")
log_sigmoid        = operator(ops.log_sigmoid, "log_sigmoid", "x")
logaddexp          = operator(ops.logaddexp, "logaddexp", "x y")
logical_and        = operator(ops.logical_and, "logical_and", "x y")
logical_not        = operator(ops.logical_not, "logical_not", "x")
logical_or         = operator(ops.logical_or, "logical_or", "x y")
logical_xor        = operator(ops.logical_xor, "logical_xor", "x y")
logit              = operator(ops.logit, "logit", "x")
logsubexp          = operator(ops.logsubexp, "logsubexp", "x y")
maximum            = operator(ops.maximum, "maximum", "x y")
minimum            = operator(ops.minimum, "minimum", "x y")
mod                = operator(ops.mod, "mod", "x y")
multiply           = operator(ops.mul, "multiply", "x y")
multiply_no_nan    = operator(ops.multiply_no_nan, "multiply_no_nan", "x y")
ndtr               = operator(ops.ndtr, "ndtr", "x")
ndtri              = operator(ops.ndtri, "ndtri", "x")
negative           = operator(ops.neg, "negative", "x")
nextafter          = operator(ops.nextafter, "nextafter", "x1 x2")
not_equal          = operator(ops.not_equal, "not_equal", "x y")
polygamma          = operator(ops.polygamma, "polygamma", "a x")
pow                = operator(ops.pow, "pow", "x y")
realdiv            = operator(ops.div, "realdiv", "x y")
reciprocal         = operator(ops.reciprocal, "reciprocal", "x")
reciprocal_no_nan  = operator(ops.reciprocal_no_nan, "reciprocal_no_nan", "x")
rint               = operator(ops.round, "rint", "x")
round              = operator(ops.round, "round", "x")
rsqrt              = operator(ops.rsqrt, "rsqrt", "x")
sigmoid            = operator(ops.sigmoid, "sigmoid", "x")
sign               = operator(ops.sign, "sign", "x")
sin                = operator(ops.sin, "sin", "x")
sinh               = operator(ops.sinh, "sinh", "x")
softplus           = operator(ops.softplus, "softplus", "features")
softsign           = operator(ops.softsign, "softsign", "features")
sqrt               = operator(ops.sqrt, "sqrt", "x")
square             = operator(ops.square, "square", "x")
squared_difference = operator(ops.squared_difference, "squared_difference", "x y")
subtract           = operator(ops.sub, "subtract", "x y")
tan                = operator(ops.tan, "tan", "x")
tanh               = operator(ops.tanh, "tanh", "x")
trigamma           = operator(ops.trigamma, "trigamma", "x")
truediv            = operator(ops.div, "truediv", "x y")
xdivy              = operator(ops.xdivy, "xdivy", "x y")
xlog1py            = operator(ops.xlog1py, "xlog1py", "x y")
xlogy              = operator(ops.xlogy, "xlogy", "x y")
zeta               = operator(ops.zeta, "zeta", "x q")
# fmt: on


def cast(x, dtype, name=None) -> Tensor:
    """The same numbers in another dtype: floats to integers towards 0, anything to bool by x != 0.

    x      a tensor, numbers, or an array of any of NumPy's real dtypes, uint8 and float16 among them
    dtype  float32, float64, int32, int64 or bool

    >>> cast(np.array([0, 255], np.uint8), "float32").numpy()
    array([  0., 255.], dtype=float32)
    """
    dtype = dtypes.as_dtype(dtype)
    if isinstance(x, (np.ndarray, np.generic)):
        x = _of_known_dtype(x, dtype)
    x = to_tensor(x, "cast")
    return x if x.dtype is dtype else ops.cast(x, dtype=dtype.code)


def _of_known_dtype(x, to):
    """An array of a dtype that is not ours in one that is, on its way to the dtype `to`."""
    if x.dtype.kind not in "fiu" or dtypes.is_known(x.dtype):
        return x
    if x.dtype == np.uint64:
        x = x if to.is_floating else np.minimum(x, np.uint64(np.iinfo(np.int64).max))
    with np.errstate(over="ignore"):
        return x.astype((to if to.is_floating else dtypes.wider(x.dtype)).as_numpy_dtype)


def saturate_cast(value, dtype, name=None) -> Tensor:
    """`cast` of numbers that the dtype has not to the nearest that it has: also to a smaller dtype, where cast gives inf, or other integers.

    >>> saturate_cast(np.array([1e300, -3.0]), "float32").numpy().tolist()
    [3.4028234663852886e+38, -3.0]
    """
    x, dtype = to_tensor(value, "saturate_cast"), dtypes.as_dtype(dtype)
    if dtype.size < x.dtype.size and (x.dtype.is_floating, x.dtype.is_integer) == (dtype.is_floating, dtype.is_integer):
        x = ops.clip_by_value(x, dtype.min, dtype.max)
    return cast(x, dtype)


def truncatediv(x, y, name=None) -> Tensor:
    """x / y rounded towards 0, as C divides integers.  It has no gradient.  Raises DivisionError where an integer is divided by 0.

    >>> truncatediv([7, -7], [2, 2]).numpy().tolist()
    [3, -3]
    """
    a, b = tensors("truncatediv", x, y)
    if a.dtype.is_integer and b.dtype.is_integer:
        q = _divided("truncatediv", ops.floordiv, a, b)
        return q + ops.cast(ops.logical_and(q < 0, ops.not_equal(q * b, a)), dtype=q.dtype.code)
    q = ops.div(a, b)
    return ops.where(q < 0, ops.ceil(q), ops.floor(q))


def truncatemod(x, y, name=None) -> Tensor:
    """What is left of x by that division, exactly: it has the sign of x, as C's % and fmod.

    >>> truncatemod([7, -7], [2, 2]).numpy().tolist()
    [1, -1]
    """
    a, b = tensors("truncatemod", x, y)
    size = ops.where(a < 0, -a, a)              # not abs(a): that has no slope at 0
    left = _divided("truncatemod", ops.mod, size, ops.abs(b))
    return ops.where(a < 0, -left, left)


def _divided(name, row, a, b):
    try:
        return row(a, b)
    except errors.DivisionError:
        raise errors.DivisionError(f"{name}: an integer is divided by 0") from None


def scalar_mul(scalar, x, name=None) -> Tensor:
    """scalar * x, where `scalar` is a number or a scalar tensor.

    >>> scalar_mul(2.0, [1.0, 2.0]).numpy().tolist()
    [2.0, 4.0]
    """
    a, x = tensors("scalar_mul", scalar, x)
    if a.ndim:
        raise errors.ShapeError(f"scalar_mul: Only scalar multiply works, got shape {a.shape}")
    return a * x


def add_n(inputs, name=None) -> Tensor:
    """The sum of a list of tensors of one shape.

    >>> add_n([[1.0, 2.0], [3.0, 4.0]]).numpy().tolist()
    [4.0, 6.0]
    """
    xs = tensors("add_n", *(inputs if isinstance(inputs, (list, tuple)) else [inputs]))
    if not xs:
        raise ValueError("add_n: inputs must be a list of at least one tensor")
    for x in xs:
        if x.shape != xs[0].shape:
            raise errors.ShapeError(f"add_n: Shapes of all inputs must match: {xs[0].shape} and {x.shape}")
    y = xs[0] if len(xs) > 1 else ops.identity(xs[0])
    for x in xs[1:]:
        y = y + x
    return y


def accumulate_n(inputs, shape=None, tensor_dtype=None, name=None) -> Tensor:
    """`add_n` under its other name."""
    return add_n(inputs)


def polyval(coeffs, x, name=None) -> Tensor:
    """coeffs[0] * x**(n-1) + ... + coeffs[n-1], by Horner's rule.

    >>> float(polyval([1.0, 2.0, 3.0], 2.0))
    11.0
    """
    if not isinstance(coeffs, list):
        raise ValueError(f"polyval: coeffs must be a list, got {type(coeffs).__name__}")
    x, *coeffs = tensors("polyval", x, *coeffs)
    if not coeffs:
        return to_tensor(np.zeros(x.shape, x.dtype.as_numpy_dtype))
    y = coeffs[0]
    for c in coeffs[1:]:
        y = y * x + c
    return y


def real(input, name=None) -> Tensor:
    """`input`: there are no complex tensors."""
    return to_tensor(input, "real")


def conj(x, name=None) -> Tensor:
    """`x`: there are no complex tensors."""
    return to_tensor(x, "conj")


def imag(input, name=None) -> Tensor:
    """Zeros, without a gradient: there are no complex tensors."""
    x = to_tensor(input, "imag")
    return to_tensor(np.zeros(x.shape, x.dtype.as_numpy_dtype))


def angle(input, name=None) -> Tensor:
    """0, or pi for a negative number."""
    x = to_tensor(input, "angle")
    return ops.where(x < 0, to_tensor(np.pi, "angle", x.dtype), 0)


# ------------------------------------------------------------------------------------------------------------- reductions
def _reduction(row) -> Callable[..., Tensor]:
    def reduce(input_tensor, axis=None, keepdims=False, name=None) -> Tensor:
        x = to_tensor(input_tensor, row.name)
        if x.dtype.name not in row.takes:
            if row.takes == ("bool",) and 0 in x.shape and not is_tensor(input_tensor):
                x = cast(x, dtypes.bool)  # an empty list or array is one of floats
            else:
                raise errors.bad_dtype(row.name, x.dtype.name, row.takes)
        return row(x, axes=axes_of(row.name, axis, x.ndim), keepdims=1 if keepdims else 0)

    reduce.__name__ = reduce.__qualname__ = row.name
    reduce.__doc__ = f"""{row.doc}

    input_tensor  a tensor, an array or numbers of {errors.join_words(row.takes)}
    axis          an integer or several; None: all
    keepdims      keep the reduced dimensions, with size 1
    returns       a tensor of that dtype, without the reduced dimensions

    Raises BadAxisError for an axis that there is not, DtypeError for other dtypes.
    """
    return reduce


reduce_all = _reduction(ops.reduce_all)
reduce_any = _reduction(ops.reduce_any)
_euclidean_norm = _reduction(ops.reduce_euclidean_norm)
reduce_logsumexp = _reduction(ops.reduce_logsumexp)
reduce_max = _reduction(ops.reduce_max)
reduce_min = _reduction(ops.reduce_min)
reduce_prod = _reduction(ops.reduce_prod)
reduce_std = _reduction(ops.reduce_std)
reduce_variance = _reduction(ops.reduce_variance)


def reduce_euclidean_norm(input_tensor, axis=None, keepdims=False, name=None) -> Tensor:
    """The square root of the sum of squares, without overflow; of integers, rounded towards 0.

    axis      an integer or several; None: all
    keepdims  keep the reduced dimensions, with size 1

    >>> float(reduce_euclidean_norm([3.0, 4.0]))
    5.0
    """
    x = to_tensor(input_tensor, "reduce_euclidean_norm")
    if x.dtype.is_integer:
        return cast(_euclidean_norm(cast(x, dtypes.float64), axis, keepdims), x.dtype)
    return _euclidean_norm(x, axis, keepdims)


def count_nonzero(input, axis=None, keepdims=None, dtype=dtypes.int64, name=None) -> Tensor:
    """How many elements are not 0, as integers.

    >>> count_nonzero([0.0, 1.0, 2.0]).numpy()
    np.int64(2)
    """
    x = to_tensor(input, "count_nonzero")
    return reduce_sum(cast(cast(x, dtypes.bool), dtype), axis, bool(keepdims))


def zero_fraction(value, name=None) -> Tensor:
    """The share of elements that are 0, as float32.

    >>> float(zero_fraction([0.0, 1.0]))
    0.5
    """
    x = to_tensor(value, "zero_fraction")
    zeros = ops.cast(ops.equal(x, False if x.dtype.is_bool else 0), dtype=dtypes.float64.code)
    share = ops.reduce_sum(zeros, axes=tuple(range(x.ndim)), keepdims=0) / (float(product(x.shape)) or np.nan)
    return ops.cast(share, dtype=dtypes.float32.code)


def argmax(input, axis=None, output_type=dtypes.int64, name=None) -> Tensor:
    """The index of the largest element along `axis` (0), the first of equal ones.

    >>> argmax([1.0, 3.0, 2.0]).numpy()
    np.int64(1)
    """
    return _arg("argmax", ops.argmax, input, axis, output_type)


def argmin(input, axis=None, output_type=dtypes.int64, name=None) -> Tensor:
    """The index of the smallest element along `axis` (0), the first of equal ones.

    >>> argmin([1.0, 3.0, 2.0]).numpy()
    np.int64(0)
    """
    return _arg("argmin", ops.argmin, input, axis, output_type)


def _arg(name, row, x, axis, output_type):
    x = to_tensor(x, name)
    if x.dtype is dtypes.bool:
        x = cast(x, dtypes.int32)
    axis = axis_of(name, 0 if axis is None else axis, x.ndim)
    if x.shape[axis] == 0:
        raise errors.ShapeError(f"{name}: Reduction axis {axis} is empty in shape {x.shape}")
    return cast(row(x, axis=axis), output_type)


# ------------------------------------------------------------------------------------------------------------------ scans
def cumsum(x, axis=0, exclusive=False, reverse=False, name=None) -> Tensor:
    """Sums of the elements up to each one along `axis`, itself included unless `exclusive`; from the end if `reverse`.

    >>> cumsum([1.0, 2.0, 3.0], exclusive=True).numpy().tolist()
    [0.0, 1.0, 3.0]
    """
    return _scan("cumsum", ops.cumsum, x, axis, exclusive, reverse)


def cumprod(x, axis=0, exclusive=False, reverse=False, name=None) -> Tensor:
    """Products of the elements up to each one along `axis`, itself included unless `exclusive`; from the end if `reverse`.

    >>> cumprod([1.0, 2.0, 3.0]).numpy().tolist()
    [1.0, 2.0, 6.0]
    """
    return _scan("cumprod", ops.cumprod, x, axis, exclusive, reverse)


def cumulative_logsumexp(x, axis=0, exclusive=False, reverse=False, name=None) -> Tensor:
    """log(cumsum(exp(x))), without overflow."""
    return _scan("cumulative_logsumexp", ops.cumulative_logsumexp, x, axis, exclusive, reverse)


def _scan(name, row, x, axis, exclusive, reverse):
    x = to_tensor(x, name)
    return row(x, axis=axis_of(name, axis, x.ndim), exclusive=int(bool(exclusive)), reverse=int(bool(reverse)))


# -------------------------------------------------------------------------------------------------------------- normalised
def softmax(logits, axis=None, name=None) -> Tensor:
    """exp(logits) / sum(exp(logits)) along `axis` (the last).

    >>> softmax([0.0, 0.0]).numpy().tolist()
    [0.5, 0.5]
    """
    x = floating(logits, "softmax")
    return ops.softmax(x, axis=axis_of("softmax", -1 if axis is None else axis, x.ndim))


def log_softmax(logits, axis=None, name=None) -> Tensor:
    """logits - log(sum(exp(logits))) along `axis` (the last)."""
    x = floating(logits, "log_softmax")
    return ops.log_softmax(x, axis=axis_of("log_softmax", -1 if axis is None else axis, x.ndim))


def l2_normalize(x, axis=None, epsilon=1e-12, name=None) -> Tensor:
    """x / sqrt(max(sum(x**2), epsilon)), the sum over `axis`.

    >>> l2_normalize([3.0, 4.0]).numpy().tolist()
    [0.6000000238418579, 0.800000011920929]
    """
    x = floating(x, "l2_normalize")
    return x * ops.rsqrt(ops.maximum(reduce_sum(ops.square(x), axis, True), epsilon))


def sinc(x, name=None) -> Tensor:
    """sin(pi x)/(pi x), 1 at 0, as numpy.sinc.

    >>> import autodiff as ad
    >>> float(ad.math.sinc(0.0))
    1.0
    """
    return ops.sinc(floating(x, "sinc"))


def erfcinv(x, name=None) -> Tensor:
    """The inverse of erfc, with all its digits also beside 0, where 1 - x has none: by the quantile of the normal distribution.

    >>> import autodiff as ad
    >>> ad.math.erfcinv([0.5, 1e-30]).numpy()
    array([0.47693625, 8.148616  ], dtype=float32)
    """
    return ops.ndtri(0.5 * floating(x, "erfcinv")) * -0.7071067811865476


def lbeta(x, name=None) -> Tensor:
    """The logarithm of the Beta function of the last dimension: sum(lgamma(x)) - lgamma(sum(x)), which cancels for large numbers:
    B(x, y, z) = B(x, y) B(x + y, z)."""
    x = floating(x, "lbeta")
    if x.ndim and x.shape[-1] == 2:
        return stable_logs.lbeta_of_two(x[..., 0], x[..., 1])
    if x.ndim and x.shape[-1] > 2:
        so_far = ops.cumsum(x[..., :-1], axis=x.ndim - 1, exclusive=0, reverse=0)
        return reduce_sum(stable_logs.lbeta_of_two(so_far, x[..., 1:]), -1)
    return ops.sub(reduce_sum(ops.lgamma(x), -1), ops.lgamma(reduce_sum(x, -1)))


def betaln(x, y, name=None) -> Tensor:
    """The logarithm of the Beta function of two numbers: lgamma(x) + lgamma(y) - lgamma(x + y), with its digits also where these cancel.

    >>> import autodiff as ad
    >>> ad.math.betaln(1e12, 1.0).numpy()
    np.float32(-27.631021)
    """
    return stable_logs.lbeta_of_two(*[floating(t, "betaln") for t in tensors("betaln", x, y)])
