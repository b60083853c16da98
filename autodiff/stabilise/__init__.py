"""THE LAWS of stabilisation: naive formulas, and what is recorded in their place.

A law is a pattern (stabilise/laws.py) and a replacement, both lambdas over rows, as rules are (ops.py).  The replacement is called on tensors
where an operation, with what its operands were computed from, has the pattern's form.  The core (core/stabilise.pxi) shows every
operation to the laws while a tape with stabilize=True records, inner ones first: so a pattern is written over what other laws leave
behind, 1 - sigmoid(x) as sigmoid(-x).

A law looks only through temporaries, and never regroups plain sums and products: (x + C) - C, TwoSum and Kahan's log1p keep their
meaning.  The identities stand in Theano's and PyTensor's rewrites, Herbie's rules, and Maechler, "Accurately computing
log(1 - exp(-|a|))" (2012); what looks right and is not stands in REFUSED, with a counter-example.
"""

import itertools
import math

from .. import ops, stable, stable_logs
from .._core import set_stabilise_hooks
from ..ops import (add, atan, atanh, bessel_i0, cos, cosh, cumsum, div, erf, erfc, exp, expm1, hypot, log, log1p, log_sigmoid, logit, mul, pow,
                  reduce_euclidean_norm, reduce_prod, reduce_sum, sech2, sigmoid, sin, sinh, softmax, softplus, sqrt, square, tanh)  # fmt: skip
from . import far_out
from .compound import HELD, BesidePoint, LogOfParts, LogOfRoot, MinusMinus, NormalTail, OtherBase, ShareOfExponentials, SumOfExponentials
from .far_out import OfPolynomials, OfPowers
from .laws import Law, Pattern, all_of, any_of, average, makers, seen_through, total, view_of

# fmt: off
LAWS = [
    # ---- logarithms of sums and of exponentials; the more special first
    Law("log(1 + exp(x)) = softplus(x)", lambda x: log(1 + exp(x)), lambda x: softplus(x)),
    Law("log1p(exp(x)) = softplus(x)", lambda x: log1p(exp(x)), lambda x: softplus(x)),
    Law("log(1 + exp(a) + exp(b)) = log-sum-exp of 0, a, b", lambda a, b: log(1 + exp(a) + exp(b)), lambda a, b: ops.logaddexp(softplus(a), b)),
    Law("log(exp(x) + exp(-x)) = log(2 cosh(x))", lambda x: log(exp(x) + exp(-x)), lambda x: stable_logs.log_cosh(x) + stable.LN2),
    Law("log(exp(a) + exp(b)) = logaddexp(a, b)", lambda a, b: log(exp(a) + exp(b)), lambda a, b: ops.logaddexp(a, b)),
    Law("log(exp(a) + exp(b) + exp(e)) = log-sum-exp of a, b, e", lambda a, b, e: log(exp(a) + exp(b) + exp(e)), lambda a, b, e: ops.logaddexp(ops.logaddexp(a, b), e)),
    Law("log((exp(a) + exp(b)) / 2), by their mean", lambda a, b: log((exp(a) + exp(b)) / 2), lambda a, b: stable_logs.log_mean_of_two(a, b, 0.5), when=lambda a, b: a.shape == b.shape),
    Law("log(c exp(a) + d exp(b)) = logaddexp(a + log c, b + log d), c, d >= 0", lambda c, d, a, b: log(c * exp(a) + d * exp(b)),
        lambda c, d, a, b: stable_logs.log_of_two(c, a, d, b), when=lambda c, d: c > 0 and d > 0),
    Law("log(u exp(a) + v exp(b)) = logaddexp(a + log u, b + log v), u, v >= 0", lambda u, v, a, b: log(u * exp(a) + v * exp(b)),
        lambda u, v, a, b: ops.logaddexp(a + log(u), b + log(v)), when=lambda u, v: all_of(u >= 0) and all_of(v >= 0)),
    Law("log(c + d exp(x)) = log c + softplus(x + log(d/c)), c, d > 0", lambda c, d, x: log(c + d * exp(x)), lambda c, d, x: softplus(x + (math.log(d) - math.log(c))) + math.log(c), when=lambda c, d: c > 0 and d > 0),
    Law("log(c + exp(x)) = log c + softplus(x - log c), c > 0", lambda c, x: log(c + exp(x)), lambda c, x: softplus(x - math.log(c)) + math.log(c), when=lambda c: c > 0),
    SumOfExponentials("log(c exp(a) + d exp(b) + ...) = log-sum-exp of a + log c, b + log d, ..., c, d > 0"),
    Law("log(exp(a) - exp(b)) = logsubexp(a, b)", lambda a, b: log(exp(a) - exp(b)), lambda a, b: stable_logs.log_difference(a, b)),
    Law("log(1 - exp(-exp(x)))", lambda x: log(-expm1(-exp(x))), lambda x: stable_logs.log_cloglog(x)),
    Law("log1p(-exp(-exp(x)))", lambda x: log1p(-exp(-exp(x))), lambda x: stable_logs.log_cloglog(x)),
    Law("log((exp(x) - 1) / exp(x)) = log1mexp(-x)", lambda x: log(expm1(x) / exp(x)), lambda x: ops.log1mexp(-x)),
    Law("log((exp(a) + exp(b)) / exp(a)) = softplus(b - a)", lambda a, b: log((exp(a) + exp(b)) / exp(a)), lambda a, b: softplus(b - a), when=lambda a: all_of(ops.is_finite(a))),
    Law("log(-expm1(x)) = log1mexp(x)", lambda x: log(-expm1(x)), lambda x: ops.log1mexp(x)),
    Law("log1p(-exp(x)) = log1mexp(x)", lambda x: log1p(-exp(x)), lambda x: ops.log1mexp(x)),
    Law("log(expm1(x)) = x + log1mexp(-x)", lambda x: log(expm1(x)), lambda x: x + ops.log1mexp(-x)),
    Law("log(sum(exp(x))) = logsumexp(x)", lambda x: log(total(exp(x))), lambda x, axes, keepdims: ops.reduce_logsumexp(x, axes=axes, keepdims=keepdims), shared="the logarithm of a sum of exponentials has its digits whatever theirs are"),
    Law("log(mean(exp(x))) = logsumexp(x) - log n", lambda x: log(average(exp(x))), lambda x, axes, keepdims, count: stable_logs.log_mean_exp(x, axes, keepdims, count), shared="as of the sum"),
    Law("log(sum(exp(x)) / c) = logsumexp(x) - log c, c > 0", lambda c, x: log(total(exp(x)) / c), lambda c, x, axes, keepdims: stable_logs.log_mean_exp(x, axes, keepdims, c), when=lambda c: c > 0, shared="as of the sum"),
    Law("log(sum(exp(x) / c)) = logsumexp(x) - log c, c > 0", lambda c, x: log(total(exp(x) / c)), lambda c, x, axes, keepdims: ops.reduce_logsumexp(x, axes=axes, keepdims=keepdims) - math.log(c), when=lambda c: c > 0),
    Law("log(cumsum(exp(x))) = cumulative_logsumexp(x)", lambda x: log(Pattern(cumsum, (exp(x),))),
        lambda x, axis, exclusive, reverse: ops.cumulative_logsumexp(x, axis=axis, exclusive=exclusive, reverse=reverse), shared="as of the sum"),
    Law("log(cumsum(exp(x))[k]) = cumulative_logsumexp(x)[k]", lambda x: log(view_of(Pattern(cumsum, (exp(x),)))), lambda x, axis, exclusive, reverse, view: seen_through(view, ops.cumulative_logsumexp(x, axis=axis, exclusive=exclusive, reverse=reverse)), shared="as of the sum"),
    Law("log(softmax(x)) = log_softmax(x)", lambda x: log(Pattern(softmax, (x,))), lambda x, axis: ops.log_softmax(x, axis=axis), shared="the logarithm keeps digits that softmax has not"),
    Law("log(softmax(x)[k]) = log_softmax(x)[k], and reshaped, transposed", lambda x: log(view_of(Pattern(softmax, (x,)))), lambda x, axis, view: seen_through(view, ops.log_softmax(x, axis=axis)), shared="as of softmax"),
    Law("log(sum(exp(x))[k]) = logsumexp(x)[k], and reshaped, transposed", lambda x: log(view_of(total(exp(x)))), lambda x, axes, keepdims, view: seen_through(view, ops.reduce_logsumexp(x, axes=axes, keepdims=keepdims)), shared="as of the sum"),
    Law("exp(x) / sum(exp(x)) = softmax(x)", lambda x: exp(x) / total(exp(x)), lambda x, axes: ops.softmax(x, axis=axes[0]), when=lambda x, axes, keepdims: len(axes) == 1 and (keepdims or x.ndim == 1) and all_of(x < ops.INF), shared=HELD),
    Law("exp(x[k]) / sum(exp(x)) = softmax(x)[k]", lambda x: exp(view_of(x)) / total(exp(x)), lambda x, axes, view: seen_through(view, ops.softmax(x, axis=axes[0])), when=lambda x, axes: len(axes) == 1 and x.ndim == 1 and all_of(x < ops.INF), shared=HELD),
    Law("exp(x)[k] / sum(exp(x)) = softmax(x)[k]", lambda x: view_of(exp(x)) / total(exp(x)), lambda x, axes, view: seen_through(view, ops.softmax(x, axis=axes[0])), when=lambda x, axes: len(axes) == 1 and x.ndim == 1 and all_of(x < ops.INF), shared=HELD),
    Law("1 - softmax(x) by the sum of the other exponentials", lambda x: 1 - Pattern(softmax, (x,)), lambda x, axis: exp(stable_logs.log_not_softmax(x, axis))),
    Law("1 - softmax(x)[k] by the sum of the other exponentials", lambda x: 1 - view_of(Pattern(softmax, (x,))), lambda x, axis, view: exp(seen_through(view, stable_logs.log_not_softmax(x, axis)))),
    Law("log1p(-softmax(x)) by the sum of the other exponentials", lambda x: log1p(-Pattern(softmax, (x,))), lambda x, axis: stable_logs.log_not_softmax(x, axis)),
    Law("logsumexp(x) - x = -log_softmax(x)", lambda x: Pattern(ops.reduce_logsumexp, (x,)) - x, lambda x, axes: -ops.log_softmax(x, axis=axes[0]), when=lambda x, axes, keepdims: len(axes) == 1 and (keepdims or x.ndim == 1) and all_of(x < ops.INF)),
    Law("logsumexp(x) - x[k] = -log_softmax(x)[k]", lambda x: Pattern(ops.reduce_logsumexp, (x,)) - view_of(x), lambda x, axes, view: -seen_through(view, ops.log_softmax(x, axis=axes[0])), when=lambda x, axes: len(axes) == 1 and x.ndim == 1 and all_of(x < ops.INF)),
    Law("logaddexp(a, b) - a = softplus(b - a)", lambda a, b: Pattern(ops.logaddexp, (a, b)) - a, lambda a, b: softplus(b - a), when=lambda a, b: all_of(ops.is_finite(a))),
    Law("a + softplus(b - a) = logaddexp(a, b)", lambda a, b: a + softplus(b - a), lambda a, b: ops.logaddexp(a, b), when=lambda a, b: all_of(ops.is_finite(a))),
    Law("softplus(x) - x = softplus(-x)", lambda x: softplus(x) - x, lambda x: softplus(-x), when=lambda x: all_of(x < ops.INF)),
    Law("softplus(x) - softplus(-x) = x", lambda x: softplus(x) - softplus(-x), lambda x: stable.itself(x)),
    Law("x + softplus(-x) = softplus(x)", lambda x: x + softplus(-x), lambda x: softplus(x), when=lambda x: all_of(x > -ops.INF)),
    Law("log((1 + exp(x)) / exp(x)) = softplus(-x)", lambda x: log((1 + exp(x)) / exp(x)), lambda x: softplus(-x)),
    Law("log(exp(x)) = x", lambda x: log(exp(x)), lambda x: stable.itself(x)),
    Law("log(1 + 2**x) = softplus(x log 2)", lambda x: log(1 + ops.exp2(x)), lambda x: softplus(x * stable.LN2)),
    Law("log(exp(x)[k]) = x[k]", lambda x: log(view_of(exp(x))), lambda x, view: seen_through(view, stable.itself(x))),
    Law("log(c exp(x)) = x + log c, c > 0", lambda c, x: log(c * exp(x)), lambda c, x: stable.itself(x) + math.log(c), when=lambda c: c > 0),
    Law("log(exp(x) / c) = x - log c, c > 0", lambda c, x: log(exp(x) / c), lambda c, x: stable.itself(x) - math.log(c), when=lambda c: c > 0),
    # ---- logarithms of sigmoid, tanh, cosh
    Law("log(2 sigmoid(x))", lambda x: log(2 * sigmoid(x)), lambda x: stable_logs.log_two_sigmoid(x)),
    Law("log(erfc(x))", lambda x: log(erfc(x)), lambda x: stable_logs.log_erfc(x)),
    Law("log(erfc(x) / 2): the normal distribution", lambda x: log(0.5 * erfc(x)), lambda x: stable_logs.log_half_erfc(x)),
    Law("log(1 - sigmoid(a) sigmoid(b))", lambda a, b: log(1 - sigmoid(a) * sigmoid(b)), lambda a, b: stable_logs.log_one_less_sigmoids(a, b), when=lambda a, b: all_of(ops.is_finite(a) & ops.is_finite(b))),
    Law("log1p(-sigmoid(a) sigmoid(b))", lambda a, b: log1p(-(sigmoid(a) * sigmoid(b))), lambda a, b: stable_logs.log_one_less_sigmoids(a, b), when=lambda a, b: all_of(ops.is_finite(a) & ops.is_finite(b))),
    Law("log(sigmoid(x)) = log_sigmoid(x)", lambda x: log(sigmoid(x)), lambda x: log_sigmoid(x), shared="the logarithm keeps digits that sigmoid has not"),
    Law("log(softplus(x))", lambda x: log(softplus(x)), lambda x: stable_logs.log_softplus(x)),
    Law("log1p(-sigmoid(x)) = log_sigmoid(-x)", lambda x: log1p(-sigmoid(x)), lambda x: log_sigmoid(-x)),
    Law("log(p / (1 - p)) = logit(p)", lambda p: log(p / (1 - p)), lambda p: logit(p)),
    Law("logit(sigmoid(x)) = x", lambda x: logit(sigmoid(x)), lambda x: stable.itself(x)),
    Law("log(sigmoid(x)) - log(1 - sigmoid(x)) = x", lambda x: log_sigmoid(x) - log_sigmoid(-x), lambda x: stable.itself(x)),
    Law("log(1/p - 1) = -logit(p)", lambda p: log(1 / p - 1), lambda p: -logit(p)),
    Law("log(sigmoid(a) - sigmoid(b)) = log1mexp(b - a) + log_sigmoid(a) + log_sigmoid(-b)", lambda a, b: log(sigmoid(a) - sigmoid(b)), lambda a, b: ops.log1mexp(b - a) + log_sigmoid(a) + log_sigmoid(-b), when=lambda a, b: all_of(ops.is_finite(a) & ops.is_finite(b))),
    Law("log(1 - tanh(x)**2)", lambda x: log(Pattern(sech2, (x,))), lambda x: -2 * stable_logs.log_cosh(x)),
    Law("log1p(tanh(x)) = log(2 sigmoid(2 x))", lambda x: log1p(tanh(x)), lambda x: stable_logs.log_two_sigmoid(2 * x)),
    Law("log1p(-tanh(x)) = log(2 sigmoid(-2 x))", lambda x: log1p(-tanh(x)), lambda x: stable_logs.log_two_sigmoid(-2 * x)),
    Law("log1p(-tanh(x)**2)", lambda x: log1p(-square(tanh(x))), lambda x: -2 * stable_logs.log_cosh(x)),
    Law("log(ndtr(x)) = log_ndtr(x)", lambda x: log(ops.ndtr(x)), lambda x: ops.log_ndtr(x), shared="the logarithm keeps digits that ndtr has not"),
    Law("log(cosh(x))", lambda x: log(cosh(x)), lambda x: stable_logs.log_cosh(x)),
    Law("log(sinh(x))", lambda x: log(sinh(x)), lambda x: stable_logs.log_sinh(x)),
    Law("log(tanh(x))", lambda x: log(tanh(x)), lambda x: stable_logs.log_tanh(x)),
    # ---- inverse functions spelled out
    Law("log(x + sqrt(x*x + 1)) = asinh(x)", lambda x: log(x + hypot(1, x)), lambda x: ops.asinh(x)),
    Law("log(x + sqrt(x*x - 1)) = acosh(x)", lambda x: log(x + sqrt(square(x) - 1)), lambda x: ops.acosh(x), when=lambda x: all_of(ops.greater_equal(x, 1))),
    Law("log(x + sqrt((x - 1)(x + 1))) = acosh(x)", lambda x: log(x + sqrt((x - 1) * (x + 1))), lambda x: ops.acosh(x), when=lambda x: all_of(ops.greater_equal(x, 1))),
    Law("acosh(1 + x) = 2 asinh(sqrt(x / 2))", lambda x: ops.acosh(1 + x), lambda x: 2 * ops.asinh(sqrt(0.5 * x))),
    Law("log((1 + x) / (1 - x)) = 2 atanh(x)", lambda x: log((1 + x) / (1 - x)), lambda x: 2 * ops.atanh(x)),
    Law("log((1 - x) / (1 + x)) = -2 atanh(x)", lambda x: log((1 - x) / (1 + x)), lambda x: -2 * ops.atanh(x)),
    Law("log(1 + x) - log(1 - x) = 2 atanh(x)", lambda x: log1p(x) - log1p(-x), lambda x: 2 * ops.atanh(x)),
    Law("log(sqrt((1 + x) / (1 - x))) = atanh(x)", lambda x: log(sqrt((1 + x) / (1 - x))), lambda x: ops.atanh(x)),
    Law("log((x + 1) / (x - 1)) = 2 atanh(1/x)", lambda x: log((x + 1) / (x - 1)), lambda x: 2 * ops.atanh(1 / x)),
    Law("asinh(sinh(x)) = x", lambda x: ops.asinh(sinh(x)), lambda x: stable.itself(x)),
    Law("acos(1 - x) = 2 asin(sqrt(x / 2))", lambda x: ops.acos(1 - x), lambda x: 2 * ops.asin(sqrt(0.5 * x))),
    Law("atanh(1 - x) = log((2 - x) / x) / 2", lambda x: atanh(1 - x), lambda x: stable_logs.atanh_one_less(x)),
    Law("atanh(tanh(x)) = x", lambda x: atanh(tanh(x)), lambda x: stable.itself(x)),
    Law("atan(y / x): the derivatives of atan2", lambda y, x: atan(y / x), lambda y, x: stable.angle_of(y, x)),
    Law("atan(exp(x))", lambda x: atan(exp(x)), lambda x: stable.atan_exp(x)),
    Law("atan(a) - atan(b) by a - b where a is near b", lambda a, b: atan(a) - atan(b), lambda a, b: stable.atan_difference(a, b), when=lambda a, b: any_of(stable.beside(a, b)), local=True),
    Law("tanh(a) - tanh(b) by a - b", lambda a, b: tanh(a) - tanh(b), lambda a, b: 2 * stable.sigmoid_difference(2 * a, 2 * b), when=lambda a, b: all_of(ops.is_finite(a) & ops.is_finite(b)), local=True),
    Law("sigmoid(a) - sigmoid(b) by a - b", lambda a, b: sigmoid(a) - sigmoid(b), lambda a, b: stable.sigmoid_difference(a, b), when=lambda a, b: all_of(ops.is_finite(a) & ops.is_finite(b)), local=True),
    # ---- logarithms of what leaves the format
    Law("log(1 + x*x)", lambda x: log(1 + square(x)), lambda x: stable_logs.log1p_square(x)),
    Law("log1p(x*x)", lambda x: log1p(square(x)), lambda x: stable_logs.log1p_square(x)),
    Law("log(sqrt(1 + x*x))", lambda x: log(hypot(1, x)), lambda x: 0.5 * stable_logs.log1p_square(x)),
    Law("log(1 + x*x / c), c > 0", lambda c, x: log(1 + square(x) / c), lambda c, x: stable_logs.log1p_square(x / math.sqrt(c)), when=lambda c: c > 0),
    Law("log(c + x*x) where x*x leaves the format, c > 0", lambda c, x: log(c + square(x)), lambda c, x: 2 * log(hypot(math.sqrt(c), x)), when=lambda c, x: c > 0 and not all_of(stable.in_range(c + square(x))) and all_of(ops.is_finite(x))),
    Law("log(x*x + y*y) = 2 log(hypot(x, y)) where the sum leaves the format", lambda x, y: log(square(x) + square(y)), lambda x, y: 2 * log(hypot(x, y)), when=lambda x, y: not all_of(stable.in_range(square(x) + square(y))) and all_of(stable.in_format(hypot(x, y)))),
    Law("log(sum(x*x)) = 2 log(norm(x)) where the sum leaves the format", lambda x: log(total(square(x))), lambda x, axes, keepdims: 2 * log(ops.reduce_euclidean_norm(x, axes=axes, keepdims=keepdims)), when=lambda x, axes, keepdims: not all_of(stable.in_range(ops.reduce_sum(square(x), axes=axes, keepdims=keepdims))) and all_of(stable.in_format(ops.reduce_euclidean_norm(x, axes=axes, keepdims=keepdims)))),
    Law("log((1 + x) / x) = log1p(1/x), x > 0", lambda x: log((1 + x) / x), lambda x: stable_logs.log1p_reciprocal(x), when=lambda x: all_of(x > 0)),
    Law("prod(x)**n = exp(n sum(log|x|)) where the product leaves the format", lambda x, n: Pattern(pow, (Pattern(reduce_prod, (x,)), n)), lambda x, n, axes, keepdims: stable.power_of_product(x, n, axes, keepdims)),
    Law("sqrt(prod(x)) = exp(sum(log|x|) / 2) where the product leaves the format", lambda x: sqrt(Pattern(reduce_prod, (x,))), lambda x, axes, keepdims: stable.power_of_product(x, 0.5, axes, keepdims)),
    LogOfRoot("log(sqrt(x)) = log(x) / 2", lambda: OF_A_LOGARITHM),
    Law("log(bessel_i0(x)) = log(bessel_i0e(x)) + |x|", lambda x: log(bessel_i0(x)), lambda x: stable_logs.log_bessel_i0(x)),
    Law("log(1 + 1/x) = log1p(1/x), x > 0", lambda x: log(1 + 1 / x), lambda x: stable_logs.log1p_reciprocal(x), when=lambda x: all_of(x > 0)),
    OfPolynomials("log(p(x)) of a polynomial p, by its highest power where that leaves the format", {log, log1p}, lambda x: log(1 + x + square(x)), far_out.log_of, lambda: LOGARITHMS_OF_SUMS),
    Law("log(1 + x) = log1p(x)", lambda x: log(1 + x), lambda x: log1p(x)),
    Law("log(1 - x) = log1p(-x)", lambda x: log(1 - x), lambda x: log1p(-x)),
    BesidePoint("logarithms of formulas of one variable that are 1 at 0 or 1, by their power series there", lambda x: log(x / ops.atan(x)), lambda: LOGARITHMS_OF_ANY),
    LogOfParts("log(u v), log(u / v), log(u**n), log(sum(u)), log(prod(u)), log(max(u)) by the logarithms of u, v >= 0 where another law has one", lambda u, v: log(u * sinh(v)), lambda: LOGARITHMS, lambda: OF_A_LOGARITHM),
    Law("log(prod(x)) = sum(log|x|) where the product leaves the format", lambda x: log(Pattern(reduce_prod, (x,))), lambda x, axes, keepdims: stable_logs.log_of_product(x, axes, keepdims)),
    Law("log(x**n) = n log|x| where x**n leaves the format", lambda x, n: log(Pattern(pow, (x, n))), lambda x, n: stable_logs.log_power(x, n)),
    Law("log(x**2) = 2 log|x| where x**2 leaves the format", lambda x: log(square(x)), lambda x: stable_logs.log_power(x, 2)),
    Law("log(1 / x) = -log(x)", lambda x: log(1 / x), lambda x: -log(x), when=lambda x: all_of(ops.is_finite(x))),
    OfPowers("log(a b), log(a / b), log(a**n b**k ...) = n log|a| + k log|b| + ... where a part leaves the format", log, lambda a, b: log(square(a) * b), far_out.log_of_powers, lambda: FAR_LOGARITHMS),
    Law("log1p(1/x), x > 0", lambda x: log1p(1 / x), lambda x: stable_logs.log1p_reciprocal(x), when=lambda x: all_of(x > 0)),
    Law("log(1 + x) - log(x) = log1p(1/x)", lambda x: log1p(x) - log(x), lambda x: stable_logs.log1p_reciprocal(x), when=lambda x: all_of(ops.greater(x, 0))),
    Law("log(x + a) - log(x) = log1p(a/x), a, x > 0", lambda x, a: log(x + a) - log(x), lambda x, a: log1p(a / x), when=lambda x, a: all_of((x > 0) & (a > 0) & ops.is_finite(x) & ops.is_finite(a) & ops.is_finite(a / x))),
    Law("log(a) - log(b) by a - b where a is near b", lambda a, b: log(a) - log(b), lambda a, b: stable_logs.log_ratio(a, b)),
    OtherBase("log2(x), log10(x) by log(x) where another law has that", lambda: OF_A_LOGARITHM),
    # ---- exponentials
    Law("2**x - 1 = expm1(x log 2)", lambda x: ops.exp2(x) - 1, lambda x: expm1(x * stable.LN2)),
    Law("exp(x) - 1 = expm1(x)", lambda x: exp(x) - 1, lambda x: expm1(x)),
    Law("expm1(x) - x", lambda x: expm1(x) - x, lambda x: stable.expm1_minus_x(x)),
    Law("exp(x) - x - 1", lambda x: exp(x) - x - 1, lambda x: stable.expm1_minus_x(x)),
    Law("exp(x) - (1 + x)", lambda x: exp(x) - (1 + x), lambda x: stable.expm1_minus_x(x)),
    NormalTail("exp(s*s*x*x) erfc(s x) = erfcx(s x), and with ndtr", lambda x: exp(square(x)) * erfc(x), 1),
    NormalTail("exp(-s*s*x*x) / erfc(s x) = 1 / erfcx(s x), and with ndtr", lambda x: exp(-square(x)) / erfc(x), -1),
    Law("bessel_i0(x) exp(-|x|) = bessel_i0e(x)", lambda x: bessel_i0(x) * exp(-Pattern(ops.abs, (x,))), lambda x: ops.bessel_i0e(x)),
    Law("bessel_i0(x) / exp(|x|) = bessel_i0e(x)", lambda x: bessel_i0(x) / exp(Pattern(ops.abs, (x,))), lambda x: ops.bessel_i0e(x)),
    Law("bessel_i1(x) exp(-|x|) = bessel_i1e(x)", lambda x: ops.bessel_i1(x) * exp(-Pattern(ops.abs, (x,))), lambda x: ops.bessel_i1e(x)),
    Law("bessel_i1(x) / exp(|x|) = bessel_i1e(x)", lambda x: ops.bessel_i1(x) / exp(Pattern(ops.abs, (x,))), lambda x: ops.bessel_i1e(x)),
    Law("exp(x) sigmoid(-x) = sigmoid(x)", lambda x: exp(x) * sigmoid(-x), lambda x: sigmoid(x)),
    Law("exp(a) exp(b) = exp(a + b)", lambda a, b: exp(a) * exp(b), lambda a, b: exp(a + b), when=lambda a, b: all_of(ops.is_finite(a) & ops.is_finite(b))),
    Law("exp(x)**c = exp(c x)", lambda x, c: Pattern(pow, (exp(x), c)), lambda x, c: exp(c * x), when=lambda x: all_of(x < ops.INF)),
    Law("exp(x)**2 = exp(2 x)", lambda x: square(exp(x)), lambda x: exp(2 * x)),
    Law("sqrt(sum(exp(x))) = exp(logsumexp(x) / 2)", lambda x: sqrt(total(exp(x))), lambda x, axes, keepdims: exp(0.5 * ops.reduce_logsumexp(x, axes=axes, keepdims=keepdims)), when=lambda x: any_of(stable.far_under_exp(x)) and all_of(stable.under_root_of_exp(x) & ops.is_finite(x))),
    Law("sqrt(1 + exp(x)) = exp(softplus(x) / 2)", lambda x: sqrt(1 + exp(x)), lambda x: exp(0.5 * softplus(x)), when=lambda x: any_of(stable.far_under_exp(x)) and all_of(stable.under_root_of_exp(x))),
    Law("sqrt(exp(x)) = exp(x / 2)", lambda x: sqrt(exp(x)), lambda x: exp(0.5 * x), when=lambda x: all_of(x < ops.INF)),
    Law("exp(a) - exp(b) by a - b where a is near b", lambda a, b: exp(a) - exp(b), lambda a, b: stable.exp_difference(a, b), when=lambda a, b: any_of(stable.beside(a, b)), local=True),
    Law("exp(n log(x)) = x**n", lambda n, x: exp(n * log(x)), lambda n, x: ops.where(ops.less(x, 0), ops.NAN, ops.pow(x, n))),
    # ---- logistic and hyperbolic quotients
    Law("exp(x) / (1 + exp(x)) = sigmoid(x)", lambda x: exp(x) / (1 + exp(x)), lambda x: sigmoid(x), shared=HELD),
    ShareOfExponentials("exp(a) / (exp(a) + exp(b) + ...) = sigmoid(a - log-sum-exp of b, ...)"),
    Law("exp(x) / (1 + exp(x))**2 = sigmoid(x) sigmoid(-x)", lambda x: exp(x) / square(1 + exp(x)), lambda x: 0.25 * sech2(0.5 * x), shared=HELD),
    Law("sigmoid(x) / (1 + exp(x)) = sigmoid(x) sigmoid(-x)", lambda x: sigmoid(x) / (1 + exp(x)), lambda x: 0.25 * sech2(0.5 * x)),
    Law("1 / (exp(x) + 2 + exp(-x)) = sigmoid(x) sigmoid(-x)", lambda x: 1 / (exp(x) + 2 + exp(-x)), lambda x: 0.25 * sech2(0.5 * x), shared=HELD),
    Law("a exp(x) / (1 + exp(x)) = a sigmoid(x)", lambda a, x: (a * exp(x)) / (1 + exp(x)), lambda a, x: a * sigmoid(x), shared=HELD),
    Law("x exp(x) / (exp(x) - 1)", lambda x: (x * exp(x)) / expm1(x), lambda x: stable.x_over_expm1(-x)),
    Law("x exp(-x) / (1 - exp(-x)) = x / (exp(x) - 1)", lambda x: (x * exp(-x)) / -expm1(-x), lambda x: stable.x_over_expm1(x)),
    Law("exp(x) / (exp(x) - 1) = 1 / (1 - exp(-x))", lambda x: exp(x) / expm1(x), lambda x: -1 / expm1(-x)),
    Law("exp(x) / (1 - exp(x)) = 1 / (exp(-x) - 1)", lambda x: exp(x) / -expm1(x), lambda x: stable.one_over_expm1(-x)),
    Law("x**2 exp(x) / (exp(x) - 1)**2", lambda x: (square(x) * exp(x)) / square(expm1(x)), lambda x: square(stable.x_over_sinh(0.5 * x))),
    Law("exp(x) / (exp(x) - 1)**2", lambda x: exp(x) / square(expm1(x)), lambda x: stable.exp_over_expm1_square(x)),
    Law("a exp(x) / (exp(x) - 1)**2", lambda a, x: (a * exp(x)) / square(expm1(x)), lambda a, x: a * stable.exp_over_expm1_square(x)),
    Law("(exp(x) - exp(-x)) / (exp(x) + exp(-x)) = tanh(x)", lambda x: (exp(x) - exp(-x)) / (exp(x) + exp(-x)), lambda x: tanh(x), shared=HELD),
    Law("(exp(x) - 1) / (exp(x) + 1) = tanh(x/2)", lambda x: expm1(x) / (exp(x) + 1), lambda x: tanh(0.5 * x)),
    Law("(exp(x) + 1) / (exp(x) - 1) = 1 / tanh(x/2)", lambda x: (exp(x) + 1) / expm1(x), lambda x: 1 / tanh(0.5 * x)),
    Law("(exp(x) + exp(-x)) / (exp(x) - exp(-x)) = 1 / tanh(x)", lambda x: (exp(x) + exp(-x)) / (exp(x) - exp(-x)), lambda x: 1 / tanh(x), shared=HELD),
    Law("(exp(a) - exp(b)) / (exp(a) + exp(b)) = tanh((a - b) / 2)", lambda a, b: (exp(a) - exp(b)) / (exp(a) + exp(b)), lambda a, b: tanh(0.5 * (a - b)), when=lambda a, b: all_of(ops.is_finite(a) & ops.is_finite(b))),
    Law("(1 - exp(x)) / (1 + exp(x)) = -tanh(x/2)", lambda x: -expm1(x) / (1 + exp(x)), lambda x: -tanh(0.5 * x)),
    Law("sinh(x) / cosh(x) = tanh(x)", lambda x: sinh(x) / cosh(x), lambda x: tanh(x)),
    Law("cosh(x) / sinh(x) = 1 / tanh(x)", lambda x: cosh(x) / sinh(x), lambda x: 1 / tanh(x)),
    Law("sinh(x) / exp(x) = (1 - exp(-2 x)) / 2", lambda x: sinh(x) / exp(x), lambda x: -0.5 * expm1(-2 * x)),
    Law("sinh(x) exp(-x) = (1 - exp(-2 x)) / 2", lambda x: sinh(x) * exp(-x), lambda x: -0.5 * expm1(-2 * x)),
    Law("cosh(x) / exp(x) = (1 + exp(-2 x)) / 2", lambda x: cosh(x) / exp(x), lambda x: 0.5 + 0.5 * exp(-2 * x)),
    Law("cosh(x) exp(-x) = (1 + exp(-2 x)) / 2", lambda x: cosh(x) * exp(-x), lambda x: 0.5 + 0.5 * exp(-2 * x)),
    Law("cosh(x) - sinh(x) = exp(-x)", lambda x: cosh(x) - sinh(x), lambda x: exp(-x)),
    Law("cosh(x) + sinh(x) = exp(x)", lambda x: cosh(x) + sinh(x), lambda x: exp(x)),
    Law("c / (exp(x) + exp(-x)) = c/2 sech(x)", lambda c, x: c / (exp(x) + exp(-x)), lambda c, x: 0.5 * c * stable.sech(x), shared=HELD, local=True),
    Law("exp(x)/2 - exp(-x)/2 = sinh(x)", lambda x: exp(x) / 2 - exp(-x) / 2, lambda x: sinh(x)),
    Law("exp(x)/2 + exp(-x)/2 = cosh(x)", lambda x: exp(x) / 2 + exp(-x) / 2, lambda x: cosh(x)),
    Law("(exp(-x) - exp(x)) / 2 = -sinh(x)", lambda x: (exp(-x) - exp(x)) / 2, lambda x: -sinh(x)),
    Law("(exp(x) - exp(-x)) / 2 = sinh(x)", lambda x: (exp(x) - exp(-x)) / 2, lambda x: sinh(x)),
    Law("(exp(x) + exp(-x)) / 2 = cosh(x)", lambda x: (exp(x) + exp(-x)) / 2, lambda x: cosh(x)),
    Law("sigmoid(x) / sigmoid(-x) = exp(x)", lambda x: sigmoid(x) / sigmoid(-x), lambda x: exp(x)),
    Law("1 / (1 + exp(x)) = sigmoid(-x)", lambda x: 1 / (1 + exp(x)), lambda x: sigmoid(-x), shared=HELD),
    Law("x / (1 + exp(-x)) = silu(x)", lambda x: x / (1 + exp(-x)), lambda x: ops.silu(x)),
    Law("x sigmoid(-x) = -silu(-x)", lambda x: x * sigmoid(-x), lambda x: -ops.silu(-x)),
    Law("x sigmoid(x) = silu(x)", lambda x: x * sigmoid(x), lambda x: ops.silu(x)),
    Law("x tanh(softplus(x)) = mish(x)", lambda x: x * tanh(softplus(x)), lambda x: ops.mish(x)),
    Law("a / (1 + exp(x)) = a sigmoid(-x)", lambda a, x: a / (1 + exp(x)), lambda a, x: a * sigmoid(-x)),
    Law("exp(a) / exp(b) = exp(a - b)", lambda a, b: exp(a) / exp(b), lambda a, b: exp(a - b), when=lambda a, b: all_of(ops.is_finite(a) & ops.is_finite(b))),
    Law("1 / exp(x) = exp(-x)", lambda x: 1 / exp(x), lambda x: exp(-x)),
    Law("1 / (exp(x) - 1)", lambda x: 1 / expm1(x), lambda x: stable.one_over_expm1(x)),
    Law("c / exp(x) = c exp(-x)", lambda c, x: c / exp(x), lambda c, x: c * exp(-x)),
    Law("1 - sigmoid(x) = sigmoid(-x)", lambda x: 1 - sigmoid(x), lambda x: sigmoid(-x)),
    Law("1 - sigmoid(a) sigmoid(b) = sigmoid(-a) + sigmoid(a) sigmoid(-b)", lambda a, b: 1 - sigmoid(a) * sigmoid(b), lambda a, b: stable.one_less_sigmoids(a, b), local=True),
    Law("1 - sigmoid(x)**2 = 1 - exp(2 log_sigmoid(x))", lambda x: 1 - square(sigmoid(x)), lambda x: -expm1(2 * log_sigmoid(x))),
    Law("sqrt(sigmoid(x)) = exp(log_sigmoid(x) / 2)", lambda x: sqrt(sigmoid(x)), lambda x: exp(0.5 * log_sigmoid(x))),
    Law("sqrt(1 - tanh(x)**2) = sech(x)", lambda x: sqrt(Pattern(sech2, (x,))), lambda x: stable.sech(x)),
    Law("(2 sigmoid(x)) / 2 = sigmoid(x)", lambda x: (2 * sigmoid(x)) / 2, lambda x: sigmoid(x)),
    Law("1 - tanh(x) = 2 sigmoid(-2 x)", lambda x: 1 - tanh(x), lambda x: 2 * sigmoid(-2 * x)),
    Law("1 + tanh(x) = 2 sigmoid(2 x)", lambda x: 1 + tanh(x), lambda x: 2 * sigmoid(2 * x)),
    Law("(1 - tanh(x)) (1 + tanh(x)) = sech(x)**2", lambda x: (2 * sigmoid(-2 * x)) * (2 * sigmoid(2 * x)), lambda x: sech2(x)),
    Law("(1 + tanh(x)) / 2 = sigmoid(2 x)", lambda x: 0.5 + 0.5 * tanh(x), lambda x: sigmoid(2 * x)),
    Law("(1 - tanh(x)) / 2 = sigmoid(-2 x)", lambda x: 0.5 - 0.5 * tanh(x), lambda x: sigmoid(-2 * x)),
    Law("2 sigmoid(x) - 1 = tanh(x/2)", lambda x: 2 * sigmoid(x) - 1, lambda x: tanh(0.5 * x)),
    Law("1 - tanh(x)**2 = sech(x)**2", lambda x: 1 - square(tanh(x)), lambda x: ops.sech2(x)),
    Law("1 / cosh(x)", lambda x: 1 / cosh(x), lambda x: stable.sech(x)),
    Law("1 / cosh(x)**2 = sech(x)**2", lambda x: 1 / square(cosh(x)), lambda x: sech2(x)),
    Law("x**n / (k**n + x**n) = sigmoid(n log(x/k))", lambda x, e, k: Pattern(pow, (x, e)) / (Pattern(pow, (k, e)) + Pattern(pow, (x, e))), lambda x, e, k: sigmoid(e * (log(x) - log(k))), when=lambda x, e, k: all_of((x > 0) & (k > 0) & ops.is_finite(x) & ops.is_finite(k) & ops.is_finite(e))),
    # ---- removable singularities
    Law("(exp(x) - 1) / x", lambda x: expm1(x) / x, lambda x: stable.expm1_over_x(x)),
    Law("(1 - exp(x)) / (-x)", lambda x: -expm1(x) / -x, lambda x: stable.expm1_over_x(x)),
    Law("(1 - exp(-x)) / x", lambda x: -expm1(-x) / x, lambda x: stable.expm1_over_x(-x)),
    Law("(exp(-x) - 1) / x", lambda x: expm1(-x) / x, lambda x: -stable.expm1_over_x(-x)),
    Law("x / (1 - exp(-x))", lambda x: x / -expm1(-x), lambda x: stable.x_over_expm1(-x)),
    Law("x / (exp(x) - 1)", lambda x: x / expm1(x), lambda x: stable.x_over_expm1(x)),
    Law("a / (exp(x) - 1)", lambda a, x: a / expm1(x), lambda a, x: a * stable.one_over_expm1(x)),
    Law("log(1 + x) / x", lambda x: log1p(x) / x, lambda x: stable.log1p_over_x(x)),
    Law("log(x) / (x - 1)", lambda x: log(x) / (x - 1), lambda x: stable.log_over_distance(x)),
    Law("log(x) / (1 - x)", lambda x: log(x) / (1 - x), lambda x: -stable.log_over_distance(x)),
    Law("-log(x) / (1 - x)", lambda x: -log(x) / (1 - x), lambda x: stable.log_over_distance(x)),
    Law("log(x) / x = 0 at inf", lambda x: log(x) / x, lambda x: stable.log_over(x), local=True),
    Law("asinh(x) / x", lambda x: ops.asinh(x) / x, lambda x: stable.asinh_over(x)),
    Law("sin(x) / x", lambda x: sin(x) / x, lambda x: stable.sin_over_x(x)),
    Law("sinh(x) / x", lambda x: sinh(x) / x, lambda x: stable.sinh_over_x(x)),
    Law("(1 - cos(x)) / x**2", lambda x: (2 * square(sin(0.5 * x))) / square(x), lambda x: stable.vercos_over_square(x)),
    # ---- roots, norms, powers
    Law("sqrt(1 + x*x) = hypot(1, x)", lambda x: sqrt(1 + square(x)), lambda x: hypot(1, x)),
    Law("sqrt(x*x + y*y) = hypot(x, y)", lambda x, y: sqrt(square(x) + square(y)), lambda x, y: hypot(x, y)),
    Law("sqrt(x*x + y*y + z*z) = hypot(hypot(x, y), z)", lambda x, y, z: sqrt(square(x) + square(y) + square(z)), lambda x, y, z: hypot(hypot(x, y), z)),
    Law("sqrt(c + x*x) = hypot(sqrt c, x), c > 0", lambda c, x: sqrt(c + square(x)), lambda c, x: hypot(math.sqrt(c), x), when=lambda c: c > 0),
    Law("sqrt((x*x + y*y) / 2) = sqrt(0.5) hypot(x, y)", lambda x, y: sqrt((square(x) + square(y)) / 2), lambda x, y: math.sqrt(0.5) * hypot(x, y)),
    Law("sqrt(c + sum(x*x)) = hypot(sqrt c, norm(x)), c > 0", lambda c, x: sqrt(c + total(square(x))), lambda c, x, axes, keepdims: hypot(math.sqrt(c), ops.reduce_euclidean_norm(x, axes=axes, keepdims=keepdims)), when=lambda c, x: c > 0 and all_of(ops.is_finite(x))),
    Law("x*x / (x*x + y*y) where a square leaves the format", lambda x, y: square(x) / (square(x) + square(y)), lambda x, y: square(ops.over_hypot(x, y)), when=lambda x, y: any_of(stable.has_left(square(x) + square(y), x, y)) and all_of((x != 0) | (y != 0)) and all_of(ops.is_finite(x) & ops.is_finite(y))),
    Law("a b / (a*a + b*b) where a square leaves the format", lambda a, b: (a * b) / (square(a) + square(b)), lambda a, b: ops.over_hypot(a, b) * ops.over_hypot(b, a), when=lambda a, b: any_of(stable.has_left(square(a) + square(b), a, b)) and all_of((a != 0) | (b != 0)) and all_of(ops.is_finite(a) & ops.is_finite(b))),
    Law("sqrt(1 + x*x) - x", lambda x: hypot(1, x) - x, lambda x: stable.hypot1_minus_x(x)),
    Law("sqrt(c + x*x) - x, c > 0", lambda c, x: hypot(c, x) - x, lambda c, x: c * stable.hypot1_minus_x(x / c), when=lambda c: c > 0),
    Law("sqrt(sum(x**n)) where the sum leaves the format", lambda x, n: sqrt(total(Pattern(pow, (x, n)))), lambda x, n, axes, keepdims: stable.power_of_powers(x, n, 0.5, axes, keepdims), when=lambda x, n, axes, keepdims: stable.powers_leave(x, n, axes, keepdims)),
    Law("sum(x**n)**c where the sum leaves the format", lambda x, n, c: Pattern(pow, (total(Pattern(pow, (x, n))), c)), lambda x, n, c, axes, keepdims: stable.power_of_powers(x, n, c, axes, keepdims), when=lambda x, n, axes, keepdims: stable.powers_leave(x, n, axes, keepdims)),
    Law("sqrt(sum(x*x)) = norm(x)", lambda x: sqrt(total(square(x))), lambda x, axes, keepdims: ops.reduce_euclidean_norm(x, axes=axes, keepdims=keepdims), when=lambda x: all_of(ops.is_finite(x))),
    Law("sqrt(mean(x*x)) = norm(x) / sqrt(n)", lambda x: sqrt(average(square(x))), lambda x, axes, keepdims, count: ops.reduce_euclidean_norm(x, axes=axes, keepdims=keepdims) / math.sqrt(count), when=lambda x: all_of(ops.is_finite(x))),
    Law("sqrt(sum(x*x) / n) = norm(x) / sqrt(n)", lambda x, n: sqrt(total(square(x)) / n), lambda x, n, axes, keepdims: ops.reduce_euclidean_norm(x, axes=axes, keepdims=keepdims) / math.sqrt(n), when=lambda x, n: n > 0 and all_of(ops.is_finite(x))),
    Law("sqrt(variance(x)) = std(x)", lambda x: sqrt(Pattern(ops.reduce_variance, (x,))), lambda x, axes, keepdims: ops.reduce_std(x, axes=axes, keepdims=keepdims), when=lambda x: all_of(ops.is_finite(x))),
    Law("mean(x*x) - mean(x)**2 = variance(x)", lambda x: average(square(x)) - square(average(x)), lambda x, axes, keepdims: ops.reduce_variance(x, axes=axes, keepdims=keepdims), when=lambda x: all_of(ops.is_finite(x))),
    Law("sum(x*x) - sum(x)**2 / n = n variance(x)", lambda x, n: total(square(x)) - square(total(x)) / n, lambda x, n, axes, keepdims: n * ops.reduce_variance(x, axes=axes, keepdims=keepdims), when=lambda x, n, axes: n == math.prod(x.shape[a] for a in axes) and all_of(ops.is_finite(x))),
    Law("sum(x*x) - n mean(x)**2 = n variance(x)", lambda x, n: total(square(x)) - n * square(average(x)), lambda x, n, axes, keepdims: n * ops.reduce_variance(x, axes=axes, keepdims=keepdims), when=lambda x, n, axes: n == math.prod(x.shape[a] for a in axes) and all_of(ops.is_finite(x))),
    Law("norm(x)**2 = sum(x*x)", lambda x: square(Pattern(reduce_euclidean_norm, (x,))), lambda x, axes, keepdims: ops.reduce_sum(square(x), axes=axes, keepdims=keepdims)),
    Law("sum(a*b) / (norm(a) norm(b)) where a sum or product leaves the format", lambda a, b: total(a * b) / (Pattern(reduce_euclidean_norm, (a,)) * Pattern(reduce_euclidean_norm, (b,))), lambda a, b, axes, keepdims: stable.cosine(a, b, axes, keepdims),
        shared="scaling by powers of 2 loses no digit", of_range="norm does not overflow, and what is divided by it should not"),
    Law("sum(a*b) / norm(a) / norm(b)", lambda a, b: total(a * b) / Pattern(reduce_euclidean_norm, (a,)) / Pattern(reduce_euclidean_norm, (b,)), lambda a, b, axes, keepdims: stable.cosine(a, b, axes, keepdims)),
    Law("sum(a*b) / sqrt(sum(a*a) sum(b*b))", lambda a, b: total(a * b) / sqrt(total(square(a)) * total(square(b))), lambda a, b, axes, keepdims: stable.cosine(a, b, axes, keepdims)),
    Law("sum(a*exp(x)) / sum(exp(x)) = sum(a softmax(x))", lambda a, x: total(a * exp(x)) / total(exp(x)), lambda a, x, axes, keepdims: ops.reduce_sum(a * ops.softmax(x, axis=axes[0]), axes=axes, keepdims=keepdims), when=lambda a, x, axes: len(axes) == 1 and a.shape == x.shape and all_of(x < ops.INF), shared=HELD),
    Law("sqrt(x*x) = |x|", lambda x: sqrt(square(x)), lambda x: ops.abs(x)),
    Law("sqrt(c x*x) = sqrt(c) |x|, c > 0", lambda c, x: sqrt(c * square(x)), lambda c, x: math.sqrt(c) * ops.abs(x), when=lambda c: c > 0),
    Law("sqrt(x)**2 = x, nan below 0", lambda x: square(sqrt(x)), lambda x: stable.itself(ops.where(ops.less(x, 0), ops.NAN, x))),
    Law("sqrt(x**4) = x*x", lambda x: sqrt(Pattern(pow, (x, 4))), lambda x: square(x)),
    Law("sqrt(1 - x*x) = sqrt((1 - x)(1 + x))", lambda x: sqrt(1 - square(x)), lambda x: stable.sqrt1_minus_square(x)),
    Law("sqrt((1 - x) (1 + x))", lambda x: sqrt((1 - x) * (1 + x)), lambda x: stable.sqrt1_minus_square(x)),
    OfPolynomials("sqrt(p(x)) of a polynomial p, by its highest power where that leaves the format", {sqrt}, lambda x: sqrt(1 + Pattern(pow, (x, 4))), lambda x, far, p, y: far_out.power_of(x, far, p, 0.5, y)),
    OfPolynomials("p(x)**a of a polynomial p, by its highest power where that leaves the format", {pow}, lambda x: Pattern(pow, (1 + square(x), 0.25)), far_out.power_of),
    Law("sqrt(1 + x*x) - 1", lambda x: hypot(1, x) - 1, lambda x: stable.hypot1_minus_1(x), local=True),
    Law("sqrt(1 + x) - 1 = x / (sqrt(1 + x) + 1)", lambda x: sqrt(1 + x) - 1, lambda x: stable.sqrt1p_minus_1(x)),
    Law("sqrt(x + 1) - sqrt(x) = 1 / (sqrt(x + 1) + sqrt(x))", lambda x: sqrt(x + 1) - sqrt(x), lambda x: 1 / (sqrt(x + 1) + sqrt(x))),
    Law("sqrt(x + a) - sqrt(x) = a / (sqrt(x + a) + sqrt(x))", lambda x, a: sqrt(x + a) - sqrt(x), lambda x, a: a / (sqrt(x + a) + sqrt(x)), when=lambda x, a: all_of(ops.greater(x, 0) & ops.is_finite(x) & ops.is_finite(a))),
    Law("sqrt(1 + x) - sqrt(1 - x) = 2 x / (sqrt(1 + x) + sqrt(1 - x))", lambda x: sqrt(1 + x) - sqrt(1 - x), lambda x: 2 * x / (sqrt(1 + x) + sqrt(1 - x))),
    Law("sqrt(a) - sqrt(b) = (a - b) / (sqrt(a) + sqrt(b))", lambda a, b: sqrt(a) - sqrt(b), lambda a, b: stable.sqrt_difference(a, b)),
    Law("1 - (1 - p)**n = -expm1(n log1p(-p))", lambda p, n: 1 - Pattern(pow, (1 - p, n)), lambda p, n: -expm1(n * log1p(-p)), when=lambda p: all_of(ops.less(p, 1) & (p > -ops.INF))),
    Law("(1 + x)**a - 1 = expm1(a log1p(x))", lambda x, a: Pattern(pow, (1 + x, a)) - 1, lambda x, a: stable.power_less_one(log1p(x), a, pow(1 + x, a)), when=lambda x, a: all_of(x > -1) and all_of(ops.is_finite(x) & ops.is_finite(a)), local=True),
    Law("(1 - x)**a - 1 = expm1(a log1p(-x))", lambda x, a: Pattern(pow, (1 - x, a)) - 1, lambda x, a: stable.power_less_one(log1p(-x), a, pow(1 - x, a)), when=lambda x, a: all_of(x < 1) and all_of(ops.is_finite(x) & ops.is_finite(a)), local=True),
    Law("x**a - 1 = expm1(a log(x))", lambda x, a: Pattern(pow, (x, a)) - 1, lambda x, a: stable.power_less_one(log(x), a, pow(x, a)), when=lambda x, a: all_of((x > 0) & ops.is_finite(x) & ops.is_finite(a)), local=True),
    Law("((1 + x)**a - 1) / a = log1p(x) (exp(a log1p(x)) - 1) / (a log1p(x))", lambda x, a: (Pattern(pow, (1 + x, a)) - 1) / a, lambda x, a: stable.power_quotient(log1p(x), a, pow(1 + x, a)), when=lambda x, a: all_of(x > -1) and all_of(ops.is_finite(x) & ops.is_finite(a))),
    Law("(x**a - 1) / a = log(x) (exp(a log(x)) - 1) / (a log(x))", lambda x, a: (Pattern(pow, (x, a)) - 1) / a, lambda x, a: stable.power_quotient(log(x), a, pow(x, a)), when=lambda x, a: all_of((x > 0) & ops.is_finite(x) & ops.is_finite(a))),
    Law("(exp(a x) - 1) / a = x (exp(a x) - 1) / (a x)", lambda x, a: expm1(a * x) / a, lambda x, a: stable.power_quotient(x, a, exp(a * x)), when=lambda x, a: all_of(ops.is_finite(x) & ops.is_finite(a))),
    Law("(1 - exp(-a x)) / a = x (exp(-a x) - 1) / (-a x)", lambda x, a: -expm1(-a * x) / a, lambda x, a: stable.power_quotient(x, -a, exp(-a * x)), when=lambda x, a: all_of(ops.is_finite(x) & ops.is_finite(a))),
    Law("log(1 + a x) / a = x log(1 + a x) / (a x)", lambda x, a: log1p(a * x) / a, lambda x, a: x * stable.log1p_over_x(a * x), when=lambda x, a: all_of(ops.is_finite(x) & ops.is_finite(a))),
    Law("x*x / (c + x*x), c > 0", lambda c, x: square(x) / (c + square(x)), lambda c, x: stable.square_over_plus_square(x, c), when=lambda c: c > 0),
    Law("(1 - cos(x)) / x", lambda x: (2 * square(sin(0.5 * x))) / x, lambda x: stable.vercos_over(x)),
    Law("sigmoid(x) (1 - sigmoid(x)) = sech(x/2)**2 / 4", lambda x: sigmoid(x) * sigmoid(-x), lambda x: 0.25 * sech2(0.5 * x)),
    Law("1 / (1/a + 1/b) where a square leaves the format, a, b > 0", lambda a, b: 1 / (1 / a + 1 / b), lambda a, b: stable.harmonic(a, b), when=lambda a, b: any_of(stable.has_left(a) | stable.has_left(b)) and all_of((a > 0) & (b > 0) & ops.is_finite(a) & ops.is_finite(b)), local=True),
    Law("1/(x + c) - 1/x = -c / (x (x + c))", lambda c, x: 1 / (x + c) - 1 / x, lambda c, x: stable.difference_of_reciprocals(x, c)),
    Law("sqrt(b*b - e) - b", lambda b, e: sqrt(square(b) - e) - b, lambda b, e: stable.root_less(b, e), when=lambda b, e: all_of(ops.is_finite(b) & ops.is_finite(e))),
    Law("sqrt(b*b + e) - b", lambda b, e: sqrt(square(b) + e) - b, lambda b, e: stable.root_less(b, -e), when=lambda b, e: all_of(ops.is_finite(b) & ops.is_finite(e))),
    Law("sqrt(b*b / 4 - e) - b / 2", lambda b, e: sqrt(square(b) / 4 - e) - b / 2, lambda b, e: stable.root_less(0.5 * b, e), when=lambda b, e: all_of(ops.is_finite(b) & ops.is_finite(e))),
    Law("sqrt(b*b + e) - |b|", lambda b, e: sqrt(square(b) + e) - Pattern(ops.abs, (b,)), lambda b, e: stable.root_less(ops.abs(b), -e), when=lambda b, e: all_of(ops.is_finite(b) & ops.is_finite(e))),
    Law("-b - sqrt(b*b - e)", lambda b, e: -b - sqrt(square(b) - e), lambda b, e: -stable.root_less(-b, e), when=lambda b, e: all_of(ops.is_finite(b) & ops.is_finite(e))),
    Law("1 / (1 + x*x)", lambda x: 1 / (1 + square(x)), lambda x: stable.one_over_one_plus_square(x), local=True),
    Law("x / (1 + x*x)", lambda x: x / (1 + square(x)), lambda x: stable.over_one_plus_square(x)),
    Law("sqrt(1 + x*x) / x", lambda x: hypot(1, x) / x, lambda x: stable.hypot1_over(x)),
    Law("(sqrt(1 + x*x) - 1) / x**2 = 1 / (sqrt(1 + x*x) + 1)", lambda x: (hypot(1, x) - 1) / square(x), lambda x: 1 / (hypot(1, x) + 1)),
    Law("x / sqrt(1 + x*x)", lambda x: x / hypot(1, x), lambda x: stable.over_hypot1(x)),
    Law("1 / sqrt(1 + x*x)", lambda x: 1 / hypot(1, x), lambda x: ops.over_hypot(1, x)),
    Law("(1 + x*x)**-0.5", lambda x: Pattern(pow, (1 + square(x), -0.5)), lambda x: ops.over_hypot(1, x)),
    Law("(1 + x)**a = exp(a log1p(x)) beside 1", lambda x, a: Pattern(pow, (1 + x, a)), lambda x, a: exp(a * log1p(x)), when=lambda x, a: all_of(ops.less(ops.abs(x), 0.01) & ops.is_finite(a))),
    Law("x / (1 + |x|) = softsign(x)", lambda x: x / (1 + Pattern(ops.abs, (x,))), lambda x: stable.softsign(x)),
    Law("max(x, 0) + log(1 + exp(-|x|)) = softplus(x)", lambda x: Pattern(ops.maximum, (x, 0)) + softplus(-Pattern(ops.abs, (x,))), lambda x: softplus(x)),
    # ---- trigonometric and error functions
    Law("acos of a cosine, by the distance of both directions", lambda a, b: Pattern(ops.acos, (total(a * b) / (Pattern(reduce_euclidean_norm, (a,)) * Pattern(reduce_euclidean_norm, (b,))),)),
        lambda a, b, axes, keepdims: stable.angle_between(a, b, axes, keepdims)),
    Law("acos of a cosine clipped to [-1, 1]", lambda a, b: Pattern(ops.acos, (Pattern(ops.clip_by_value, (total(a * b) / (Pattern(reduce_euclidean_norm, (a,)) * Pattern(reduce_euclidean_norm, (b,))), -1, 1)),)),
        lambda a, b, axes, keepdims: stable.angle_between(a, b, axes, keepdims)),
    Law("lgamma(a) + lgamma(b) - lgamma(a + b) = betaln(a, b)", lambda a, b: ops.lgamma(a) + ops.lgamma(b) - ops.lgamma(a + b), lambda a, b: stable_logs.lbeta_of_two(a, b), when=lambda a, b: all_of((a > 0) & (b > 0) & ops.is_finite(a) & ops.is_finite(b))),
    Law("lgamma(a) - lgamma(a + b) + lgamma(b) = betaln(a, b)", lambda a, b: ops.lgamma(a) - ops.lgamma(a + b) + ops.lgamma(b), lambda a, b: stable_logs.lbeta_of_two(a, b), when=lambda a, b: all_of((a > 0) & (b > 0) & ops.is_finite(a) & ops.is_finite(b))),
    Law("lgamma(a + b) - lgamma(a) - lgamma(b) = -betaln(a, b)", lambda a, b: ops.lgamma(a + b) - ops.lgamma(a) - ops.lgamma(b), lambda a, b: -stable_logs.lbeta_of_two(a, b), when=lambda a, b: all_of((a > 0) & (b > 0) & ops.is_finite(a) & ops.is_finite(b))),
    Law("lgamma(a + b) - lgamma(a) by Stirling's series where a is large", lambda a, b: ops.lgamma(a + b) - ops.lgamma(a), lambda a, b: stable_logs.lgamma_difference(a, b), when=lambda a, b: any_of(stable_logs.is_far(a, b)), local=True),
    Law("1 - cos(x) = 2 sin(x/2)**2", lambda x: 1 - cos(x), lambda x: 2 * square(sin(0.5 * x))),
    Law("cosh(x) - 1 = 2 sinh(x/2)**2", lambda x: cosh(x) - 1, lambda x: 2 * square(sinh(0.5 * x))),
    Law("1 - cos(x)**2 = sin(x)**2", lambda x: 1 - square(cos(x)), lambda x: square(sin(x))),
    Law("1 - sin(x)**2 = cos(x)**2", lambda x: 1 - square(sin(x)), lambda x: square(cos(x))),
    Law("1 - erf(x) = erfc(x)", lambda x: 1 - erf(x), lambda x: erfc(x)),
    Law("1 + erf(x) = erfc(-x)", lambda x: 1 + erf(x), lambda x: erfc(-x)),
    Law("(1 + erf(x)) / 2", lambda x: 0.5 + 0.5 * erf(x), lambda x: 0.5 * erfc(-x)),
    Law("(1 - erf(x)) / 2", lambda x: 0.5 - 0.5 * erf(x), lambda x: 0.5 * erfc(x)),
    Law("1 - ndtr(x) = ndtr(-x)", lambda x: 1 - ops.ndtr(x), lambda x: ops.ndtr(-x)),
    Law("1 - erfc(x) = erf(x)", lambda x: 1 - erfc(x), lambda x: erf(x)),
    # ---- what is left
    MinusMinus("-(-x) = x of a temporary"),
    OfPolynomials("p(x) / q(x) and p(x) / sqrt(q(x)) of polynomials p, q, by their highest powers where one leaves the format", {div}, lambda x: Pattern(pow, (x, 4)) / (1 + Pattern(pow, (x, 4))), far_out.quotient_of, lambda: BESIDE_POINT),
    BesidePoint("formulas of one variable that lose digits beside 0 or 1, by their power series there", lambda x: x - ops.atan(x), lambda: [PRODUCT_OVER]),
    Law("a / (c b) / d where c b leaves the format", lambda c, d, a, b: (a / (c * b)) / d, lambda c, d, a, b: stable.over_numbers(a, b, c, d), when=lambda c, d, a, b: 1e-30 < abs(c * d) < 1e30 and any_of(stable.is_lost(b * c, a, b))),
    Law("a b / c where a b leaves the format", lambda a, b, e: (a * b) / e, lambda a, b, e: stable.product_over(a, b, e), when=lambda a, b, e: any_of(stable.is_lost(a * b, a, b, e))),
    OfPowers("sqrt(a b), sqrt(a / b), sqrt(a**n b**k ...) = a**(n/2) b**(k/2) ... where a part leaves the format", sqrt, lambda a, b: sqrt(square(a) * b), far_out.root_of_powers),
    # ---- 0 log 0
    Law("-(-x) = x", lambda x: -(-x), lambda x: 1 * x),
    Law("x log(x) = 0 at 0", lambda x: x * log(x), lambda x: -ops.entr(x)),
    Law("(-x) log(x) = 0 at 0", lambda x: -x * log(x), lambda x: ops.entr(x)),
    Law("x log(y) = 0 where both are 0", lambda x, y: x * log(y), lambda x, y: ops.where(ops.equal(x, 0) & ops.equal(y, 0), 0, ops.where(ops.equal(x, 0) & ops.equal(y, 0), 0, x) * log(ops.where(ops.equal(x, 0) & ops.equal(y, 0), 1, y))), when=lambda x, y: any_of(x == 0) and any_of(y == 0)),
    Law("x log1p(y) = xlog1py(x, y)", lambda x, y: x * log1p(y), lambda x, y: ops.xlog1py(x, y), when=lambda y: all_of(ops.greater(y, -1))),
]

# What looks like a law and is none: text, why, both sides, and where they differ in float64.
C = 1.5 * 2.0**52
REFUSED = [
    ("(x + c) - c = x", "the rounding of the sum is what is meant: c = 1.5 * 2**52 rounds x to a whole number", lambda x: (x + C) - C, lambda x: x, (2.7,)),
    ("(x + y) - x = y", "the rounding of the sum is what is meant: TwoSum, Kahan", lambda x, y: (x + y) - x, lambda x, y: y, (1.0, 1e-17)),
    ("c x - (c x - x) = x", "the high half of x is what is meant: Dekker, c = 2**27 + 1", lambda x: 134217729.0 * x - (134217729.0 * x - x), lambda x: x, (0.1,)),
    ("(x + y) + z = x + (y + z)", "rounds otherwise", lambda x, y, z: (x + y) + z, lambda x, y, z: x + (y + z), (1e16, -1e16, 1.0)),
    ("x y + x z = x (y + z)", "rounds otherwise, and inf - inf is nan", lambda x, y, z: x * y + x * z, lambda x, y, z: x * (y + z), (1e300, 1e300, -1e300)),
    ("x + 0 = x", "0 at -0", lambda x: x + 0.0, lambda x: x, (-0.0,)),
    ("0 - x = -x", "0 at 0", lambda x: 0.0 - x, lambda x: -x, (0.0,)),
    ("x * 0 = 0", "nan at inf and nan, -0 below 0", lambda x: x * 0.0, lambda x: 0 * ops.sign(x), (math.inf,)),
    ("x - x = 0", "nan at inf", lambda x: x - x, lambda x: 0 * ops.sign(x), (math.inf,)),
    ("x / x = 1", "nan at 0 and inf", lambda x: x / x, lambda x: ops.exp(0 * x), (0.0,)),
    ("log(x**2) = 2 log(x)", "real at -1, where log is not", lambda x: log(square(x)), lambda x: 2 * log(x), (-1.0,)),
    ("log(a b) = log(a) + log(b)", "real at a = b = -1", lambda a, b: log(a * b), lambda a, b: log(a) + log(b), (-1.0, -1.0)),
    ("log(a / b) = log(a) - log(b)", "real at a = b = -1", lambda a, b: log(a / b), lambda a, b: log(a) - log(b), (-1.0, -1.0)),
    ("log(prod(x)) = sum(log(x))", "real where two elements are negative", lambda x: log(reduce_prod(x, axes=(0,), keepdims=0)), lambda x: reduce_sum(log(x), axes=(0,), keepdims=0), ([-2.0, -3.0],)),
    ("sqrt(x)**2 = x", "nan at -1", lambda x: square(sqrt(x)), lambda x: x, (-1.0,)),
    ("sqrt(x*x) = x", "1 at -1", lambda x: sqrt(square(x)), lambda x: x, (-1.0,)),
    ("sqrt(a b) = sqrt(a) sqrt(b)", "real at a = b = -1", lambda a, b: sqrt(a * b), lambda a, b: sqrt(a) * sqrt(b), (-1.0, -1.0)),
    ("exp(log(x)) = x", "nan at -1", lambda x: exp(log(x)), lambda x: x, (-1.0,)),
    ("asin(sin(x)) = x", "2 goes to pi - 2", lambda x: ops.asin(sin(x)), lambda x: x, (2.0,)),
    ("pi/2 - atan(x) = atan2(1, x)", "pi/2 is no number of the format: what was written differs at 1e10 from the seventh digit on", lambda x: math.pi / 2 - ops.atan(x), lambda x: ops.atan2(1.0, x), (1e10,)),
    ("acosh(cosh(x)) = x", "1 at -1", lambda x: ops.acosh(cosh(x)), lambda x: x, (-1.0,)),
    ("(x**a)**b = x**(a b)", "x = -1, a = 2, b = 1/2: 1, not -1", lambda x: pow(pow(x, 2.0), 0.5), lambda x: pow(x, 1.0), (-1.0,)),
    ("x*x - y*y = (x - y)(x + y)", "rounds otherwise", lambda x, y: square(x) - square(y), lambda x, y: (x - y) * (x + y), (0.1, 0.3)),
    ("exp(a) exp(b) = exp(a + b)", "a = 1000, b = -inf: nan, not 0; so only for finite ones", lambda a, b: exp(a) * exp(b), lambda a, b: exp(a + b), (1000.0, -math.inf)),
    ("log(exp(a) - exp(b)) = a + log1mexp(b - a)", "a = b = -inf: -inf, not nan; so only where b is more than -inf", lambda a, b: log(exp(a) - exp(b)), lambda a, b: a + ops.log1mexp(b - a), (-math.inf, -math.inf)),
]
# fmt: on

# Those whose logarithm LogOfParts takes for that of a part: of a number that leaves the format, or is as near to 0 as it likes.
LOGARITHMS_OF_ANY = [law for law in LAWS if law.pattern.row is log and law.text.startswith(("log(u v)", "log(x**", "log(a b)", "log(1 / x)"))]
OF_A_LOGARITHM = [law for law in LAWS if log in law.heads()]
FAR_LOGARITHMS = [law for law in LAWS if law.text.startswith(("log(p(x))", "log(1 + x*x)", "log(c + x*x)", "log(prod(x)) ="))]
PRODUCT_OVER = next(law for law in LAWS if law.text.startswith("a b / c"))
BESIDE_POINT = [law for law in LAWS if isinstance(law, BesidePoint) and law.pattern.row is not log]
LOGARITHMS_OF_SUMS = [law for law in LAWS if law.text.startswith(("log(1 + x) = ", "log(1 - x) = ", "logarithms of formulas of one variable"))]
LOGARITHMS = [law for law in LAWS if isinstance(law, SumOfExponentials) or law.of_exponentials()]


def _by_head(laws):
    found = {}
    for law in laws:
        for row in law.heads():
            found.setdefault(row, []).append(law)
    return found


_EVERY, _OF_RANGE = _by_head(LAWS), _by_head([law for law in LAWS if law.of_range])
_fitting = {}  # the laws that may hold of a row on operands made by these rows


witness = None  # called with every law that fires: the audit's
dry = False  # is nothing to be rewritten, only witnessed?


def laws_for(row, nodes, of_range):
    """The laws, all or those of range, that have the form of a row on these operands; the core asks once for each form."""
    key = (of_range, row, *[makers(node) for node in nodes])
    if key not in _fitting:
        _fitting[key] = [law for law in (_OF_RANGE if of_range else _EVERY).get(row, ()) if any(law.fits(row, rows) for rows in itertools.product(*key[2:]))]
    return [law for law in _fitting[key] if law.may_hold(row, nodes)]


def rewrite(laws, row, nodes):
    """What the first of these laws that holds puts in the place of a row on these operands, or None."""
    for law in laws:
        y = law.apply(row, nodes)
        if y is not None:
            if witness is not None:
                witness(law)
            return (None if dry else y), law.local
    return None, False


set_stabilise_hooks(laws_for, rewrite, *[[row for row in heads if row.code is not None] for heads in (_EVERY, _OF_RANGE)])
