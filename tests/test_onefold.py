"""Doubles with a radius: the true result lies within it, always; and few digits are lost where the operands are tame."""

import mpmath
import numpy as np
import pytest
from test_twofold import AWKWARD, BINARY, DOMAIN, SLOW, UNARY

import autodiff as ad
from autodiff import ops
from autodiff.precise.onefold import FORMULAS, LOOPS, SLOPES, Onefolds

mpmath.mp.prec = 1500
SELU = mpmath.mpf("1.0507009873554804934193349852946"), mpmath.mpf("1.6732632423543772848170429916717")


def gelu_gate(x):
    return 1 / (1 + mpmath.exp(-mpmath.sqrt(8 / mpmath.pi) * (x + mpmath.mpf("0.044715") * x**3)))


FURTHER = {
    "elu": lambda x: x if x > 0 else mpmath.expm1(x), "mish": lambda x: x * mpmath.tanh(mpmath.log1p(mpmath.exp(x))),
    "selu": lambda x: SELU[0] * x if x > 0 else SELU[0] * SELU[1] * mpmath.expm1(x),
    "gelu_gate": lambda x: gelu_gate(x), "gelu_tanh": lambda x: x * gelu_gate(x),
}  # fmt: skip
KNOWN = {**UNARY, **BINARY, **FURTHER}
NAMES = [name for name in {**LOOPS, **SLOPES, **FORMULAS} if name in KNOWN]
SLOWER = {*SLOW, *(name for name in KNOWN if name.startswith("bessel")), "erfcx", "log_ndtr", "erfc", "erf", "ndtr", "gelu", "exp_minus_square", "normal_pdf"}
INSIDE = {"cbrt": lambda x: x > 0, **dict.fromkeys(("lgamma", "digamma", "trigamma"), lambda x: 0 < x < 1e5),
          **dict.fromkeys(("erf", "erfc", "erfcx", "ndtr", "log_ndtr", "gelu", "mish", "gelu_gate", "gelu_tanh"), lambda x: abs(x) < 1e3),
          **{name: lambda x: abs(x) < 300 for name in KNOWN if name.startswith("bessel")}}  # fmt: skip
TAME = {"acosh": 1.0, "log1mexp": -1.0}                 # added to numbers between 0.1 and 0.9


def test_every_row_is_held_against_a_truth():
    assert {*LOOPS, *SLOPES, *FORMULAS} - set(NAMES) == set()


def sample(rng, n):
    """Numbers of all sizes, most of them near 1, a third exact, the others with 50 to 3 digits."""
    x = rng.normal(size=n) * 2.0 ** (rng.integers(-60, 60, n) * rng.integers(0, 2, n) * rng.integers(0, 2, n))
    x[: n // 8] = rng.uniform(-40, 40, n // 8)
    return x, np.abs(x) * 2.0 ** -rng.choice([52.0, 45.0, 30.0, 12.0, 4.0], n) * rng.integers(0, 3, n).clip(0, 1)


def inside(name, *xs):
    return INSIDE.get(name, lambda *x: True)(*xs) and DOMAIN.get(name, lambda *x: True)(*xs)


@pytest.mark.parametrize("name", NAMES)
def test_the_true_value_is_within_the_radius(name):
    rng, count = np.random.default_rng(len(name)), 40 if name in SLOWER else 160
    arity = getattr(ops, name).arity
    operands = [sample(rng, count) for _ in range(arity)]
    few = np.array(AWKWARD)
    for k, (x, r) in enumerate(operands):
        x[: count // 4], r[: count // 4] = rng.permutation(np.resize(few, count))[: count // 4], 0.0
    y = getattr(ops, name)(*[Onefolds((x, r), ad.float64) for x, r in operands])
    told = 0
    with mpmath.workprec(1200):
        for i in range(count):
            x, r = (float(part[i]) for part in y.parts)
            if not np.isfinite(r) or not np.isfinite(x):
                continue
            ends = [[mpmath.mpf(float(a[i])) + s * mpmath.mpf(float(ra[i])) for s in ((0,) if ra[i] == 0 else (-1, 0, 1))] for a, ra in operands]
            for point in (p for p in ([(a,) for a in ends[0]] if arity == 1 else [(a, b) for a in ends[0] for b in ends[1]])):
                if inside(name, *point):
                    off = abs(KNOWN[name](*point) - mpmath.mpf(x))
                    assert off <= mpmath.mpf(r) * (1 + mpmath.mpf(2) ** -20), (point, x, r, float(off))
                    told += 1
    assert told > count / 4


@pytest.mark.parametrize("name, operands", [
    ("acosh", [(1e200, 1e190)]), ("rsqrt", [(1e275, 1e273)]), ("trigamma", [(1e200, 4e199)]), ("erfinv", [(0.0, 0.5)]), ("ndtri", [(0.5, 0.4)]),
    ("pow", [(1e-311, 1e-312), (3e-14, 0.0)]), ("div", [(1e-320, 0.0), (1e-25, 1e-38)]), ("atan2", [(1e-20, 1e-19), (-1.0, 0.0)]),
    ("mul", [(2.0**-460, 2.0**-640), (2.0**-460, 0.0)]), ("div", [(1.0, 2.0**-1000), (2.0**100, 0.0)]), ("div", [(2.0**300, 0.0), (2.0**-20, 2.0**-1074)]),
    ("mul", [(2.0**1000, 0.0), (1 + 2.0**-52, 0.0)]), ("div", [(2.0**-1000 * 1.5, 0.0), (2.0**-1000 * 1.25, 0.0)]), ("tanh", [(18.0, 1e-4)]),
])  # fmt: skip
def test_radii_hold_where_slopes_underflow_or_bend_and_where_a_value_jumps(name, operands):
    given = [Onefolds((np.array([x]), np.array([r])), ad.float64) for x, r in operands]
    y, r = (float(part[0]) for part in getattr(ops, name)(*given).parts)
    ends = [[mpmath.mpf(x) + s * mpmath.mpf(r) for s in (-1, 1)] for x, r in operands]
    for point in ([(a,) for a in ends[0]] if len(ends) == 1 else [(a, b) for a in ends[0] for b in ends[1]]):
        true = 1 / point[0] if name == "trigamma" else KNOWN[name](*point)      # Stirling's first term: mpmath takes long
        assert np.isinf(r) or abs(true - mpmath.mpf(y)) <= mpmath.mpf(r) * (1 + mpmath.mpf(2) ** -20)       # unknown, or within it


@pytest.mark.parametrize("name", NAMES)
def test_of_tame_exact_numbers_few_digits_are_lost(name):
    x = np.random.default_rng(1).uniform(0.1, 0.9, 500) + TAME.get(name, 0)
    y = getattr(ops, name)(*[Onefolds((x + k, np.zeros_like(x)), ad.float64) for k in range(getattr(ops, name).arity)])
    assert (y.parts[1] <= 2.0**-46 * np.maximum(np.abs(y.parts[0]), 1)).all()


def test_a_sum_product_or_quotient_of_exact_numbers_is_as_far_off_as_it_was_rounded():
    rng = np.random.default_rng(11)
    a, b = (rng.normal(size=1000) * 2.0 ** rng.integers(-300, 300, 1000) for _ in range(2))
    b[:200], b[200:300] = np.rint(b[:200]), a[200:300]
    for name, true in (("add", lambda x, y: x + y), ("mul", lambda x, y: x * y), ("div", lambda x, y: x / y if y else None)):
        y, r = getattr(ops, name)(*[Onefolds.exact(x, ad.float64) for x in (a, b)]).parts
        for k in range(1000):
            want = true(mpmath.mpf(float(a[k])), mpmath.mpf(float(b[k])))
            if want is not None:
                off = abs(want - mpmath.mpf(float(y[k])))
                assert off <= mpmath.mpf(float(r[k])) * (1 + mpmath.mpf(2) ** -20) and r[k] <= float(off) * (1 + 2.0**-40)


def test_numbers_that_stand_once_for_all_give_what_they_give_written_out():
    x = np.random.default_rng(12).normal(size=(40, 30))
    whole = Onefolds.exact(x, ad.float64)
    for number in (1.0, -2.0, 0.1, 0.0):
        once = Onefolds((np.broadcast_to(number, x.shape), np.broadcast_to(1e-20 if number == 0.1 else 0.0, x.shape)), ad.float64)
        out = Onefolds(tuple(np.array(part) for part in once.parts), ad.float64)
        for f in (ops.add, ops.mul, ops.div, ops.scale, ops.select, lambda a, b: ops.scale(b, a), ops.maximum, lambda a, b: ops.where(np.asarray(x > 0), a, b)):
            for one, other in zip(f(once, whole).parts, f(out, whole).parts):
                np.testing.assert_array_equal(one, other)
                np.testing.assert_array_equal(np.signbit(one), np.signbit(other))


def test_large_arrays_are_small_ones_in_a_row():
    x = np.random.default_rng(2).normal(size=30_011)
    whole = ops.exp(Onefolds.exact(x, ad.float32)) * Onefolds.exact(x, ad.float32)
    part = ops.exp(Onefolds.exact(x[20_000:20_100], ad.float32)) * Onefolds.exact(x[20_000:20_100], ad.float32)
    for a, b in zip(whole.parts, part.parts):
        np.testing.assert_array_equal(a[20_000:20_100], b)


@pytest.mark.parametrize("most", [8, 250])
def test_sums_and_products_contain_the_true_ones(most):
    rng = np.random.default_rng(3)
    a, b = (rng.normal(size=shape) * 10.0 ** rng.integers(-most, most, shape) / 10.0 ** (most - 8) for shape in ((5, 300), (300, 9)))
    given = [Onefolds((x, np.abs(x) * 2.0**-40), ad.float64) for x in (a, b)]
    product, total = given[0].product(given[1]), ops.reduce_sum(given[0], axes=(1,), keepdims=0)
    with mpmath.workprec(300):
        exact = [[[mpmath.mpf(x) for x in row] for row in m.tolist()] for m in (a, b)]
        for s in (-1, 0, 1):
            up = [[[x * (1 + s * mpmath.mpf(2) ** -40) for x in row] for row in m] for m in exact]
            for i in range(5):
                assert abs(mpmath.fsum(up[0][i]) - mpmath.mpf(float(total.parts[0][i]))) <= mpmath.mpf(float(total.parts[1][i]))
                for j in range(0, 9, 2):
                    true = mpmath.fsum(up[0][i][k] * up[1][k][j] for k in range(300))
                    assert abs(true - mpmath.mpf(float(product.parts[0][i, j]))) <= mpmath.mpf(float(product.parts[1][i, j]))


@pytest.mark.parametrize("m, k, n", [(1, 200, 7), (7, 200, 1), (1, 200, 1), (3, 1, 1)])
def test_a_matrix_times_a_row_or_a_column_contains_the_true_one(m, k, n):
    rng = np.random.default_rng(8)
    for case in ("tame", "whole", "cancelling", "huge", "tiny"):
        a, b = rng.normal(size=(2, m, k)), rng.normal(size=(2, k, n))
        if case == "whole":
            a, b = np.rint(a * 9), np.rint(b * 9)
        if case == "cancelling":
            a[..., k // 2 :], b[:, k // 2 :] = -a[..., : k - k // 2], b[:, : k - k // 2] * (1 + 1e-9)
        a, b = (x * {"huge": 1e153, "tiny": 1e-158}.get(case, 1.0) for x in (a, b))
        ra, rb = (np.abs(x) * 2.0**-45 * (rng.random(x.shape) < 0.5) * (case != "whole") for x in (a, b))
        product = ops.matmul(Onefolds((a, ra), ad.float64), Onefolds((b, rb), ad.float64), transpose_a=0, transpose_b=0)
        assert product.shape == (2, m, n) and (case != "whole" or not product.parts[1].any())
        for t, i, j in np.ndindex(2, m, n):
            pairs = [[(mpmath.mpf(float(x)), mpmath.mpf(float(r))) for x, r in zip(*v)] for v in ((a[t, i], ra[t, i]), (b[t, :, j], rb[t, :, j]))]
            true = mpmath.fsum(x * y for (x, _), (y, _) in zip(*pairs))
            reach = mpmath.fsum(abs(x) * s + abs(y) * r + r * s for (x, r), (y, s) in zip(*pairs))
            y, r = (float(part[t, i, j]) for part in product.parts)
            assert np.isinf(r) or abs(true - mpmath.mpf(y)) + reach <= mpmath.mpf(r) * (1 + mpmath.mpf(2) ** -20), case
            assert case in ("huge", "tiny") or r <= float(reach) * 1.01 + 1e-10


def rounded(x, r):
    nearest, sure = Onefolds((np.array([x]), np.array([r])), ad.float32).rounded(np.float32)
    return nearest[0], sure[0]


def test_a_result_is_sure_where_its_radius_reaches_no_other():
    assert rounded(1.0, 0.0) == (1.0, True) and rounded(1.0, 2.0**-40) == (1.0, True)
    assert rounded(1 + 2.0**-24, 0.0) == (1.0, True)                    # exactly between two: to the even one
    assert not rounded(1 + 2.0**-24, 2.0**-50)[1] and not rounded(1.0, 2.0**-20)[1]
    assert not rounded(0.0, 1e-60)[1]                                   # of which sign?
    assert rounded(1e39, 1.0) == (np.inf, True) and rounded(np.inf, 0.0) == (np.inf, True) and not rounded(np.inf, np.inf)[1]


def test_what_was_given_is_compared_and_what_is_open_is_for_more_digits():
    def number(*x):
        return Onefolds((np.array(x), np.full(len(x), 1e-9)), ad.float64)

    exact = Onefolds.exact(np.array([1.0, np.inf, np.nan]), ad.float64)
    assert exact.compare(exact.constant(np.inf)).tolist() == [-1, 0, 2]
    assert number(1.0, 2.0).compare(number(1.5, 1.5)).tolist() == [-1, 1]
    with pytest.raises(NotImplementedError):
        number(1.0).compare(number(1.0))


def test_zero_times_what_is_unknown_is_not_taken_for_zero():
    unknown = Onefolds((np.full(3, np.nan), np.full(3, np.inf)), ad.float64)
    zero = Onefolds((np.zeros(3), np.array([0.0, 0.0, -0.0])), ad.float64)      # the last is a branch that was not taken
    assert np.isinf(ops.scale(zero, unknown).parts[1]).tolist() == [True, True, False]


@pytest.mark.parametrize("f, digits", [
    (lambda v: ad.math.log(1 + ad.exp(v)), "Onefolds"), (lambda v: ad.exp(v) - 1 - v - v * v / 2 - v**3 / 6, "Twofolds"),
])  # fmt: skip
def test_digits_are_added_where_doubles_are_not_enough(f, digits, monkeypatch):
    from autodiff.precise import attempts as precise_attempts

    used = []
    attempt = precise_attempts.Job.attempt
    monkeypatch.setattr(precise_attempts.Job, "attempt", lambda self, module, name, *rest, **more: used.append(name) or attempt(self, module, name, *rest, **more))
    v = ad.Variable(np.float32([1e-4, 1e-3]))
    with ad.GradientTape(precise=True) as tape:
        y = f(v)
    got = tape.gradient(y, v).numpy()
    assert used[-1] == digits
    monkeypatch.undo()
    w = ad.Variable(v.numpy().astype(np.float64))
    with ad.GradientTape(precise=True) as tape:
        y = f(w)
    np.testing.assert_array_equal(got, tape.gradient(y, w).numpy().astype(np.float32))


def test_scans_and_recurrences_contain_the_true_ones():
    rng = np.random.default_rng(6)
    x, a = rng.normal(size=(60, 2)), rng.normal(size=(60, 2)) * 10.0 ** rng.integers(-30, 30, (60, 2))
    given, factor = (Onefolds((v, np.abs(v) * 2.0**-40 * (np.arange(60)[:, None] % 3 == 0)), ad.float64) for v in (x, a))
    found = given.accumulated(ops.add), given.accumulated(ops.mul), given.recurred(factor, 1), given.recurred(factor, 0)
    for s in (-1, 0, 1):
        for i in range(2):
            up, by = ([mpmath.mpf(float(v)) * (1 + s * mpmath.mpf(2) ** -40 * (k % 3 == 0)) for k, v in enumerate(m[:, i])] for m in (x, a))
            sums, products, own, others = [up[0]], [up[0]], [up[0]], [up[0]]
            for k in range(1, 60):
                sums.append(sums[-1] + up[k])
                products.append(products[-1] * up[k])
                own.append(up[k] + by[k] * own[-1])
                others.append(up[k] + by[k - 1] * others[-1])
            for y, true in zip(found, (sums, products, own, others)):
                for k in range(60):
                    assert abs(mpmath.mpf(float(y.parts[0][k, i])) - true[k]) <= mpmath.mpf(float(y.parts[1][k, i]))


@pytest.mark.parametrize("outer, n, inner", [(1, 20000, 1), (3, 20000, 1), (300, 40, 1), (1, 40, 9000), (2, 1, 3), (2, 0, 3), (0, 4, 2)])
def test_sums_by_blocks_contain_the_true_ones_and_are_exact_of_whole_numbers(outer, n, inner):
    rng = np.random.default_rng(9)
    x = rng.normal(size=(outer, n, inner)) * 10.0 ** rng.integers(-8, 8, (outer, n, inner))
    y, r = Onefolds.total((x, np.zeros(x.shape)), outer, n, inner)
    whole = rng.integers(-(2**30), 2**30, x.shape).astype(float)
    sums = Onefolds.total((whole, np.zeros(x.shape)), outer, n, inner)
    assert y.shape == r.shape == (outer, inner) and np.array_equal(sums[0], whole.sum(axis=1)) and not sums[1].any()
    for i, j in [(i, j) for i in range(0, outer, 50) for j in range(0, inner, 2000)]:
        assert abs(mpmath.fsum(mpmath.mpf(float(v)) for v in x[i, :, j]) - mpmath.mpf(float(y[i, j]))) <= mpmath.mpf(float(r[i, j])) <= np.abs(x[i]).sum() * 2.0**-51


def test_what_is_exact_has_no_radius_and_what_is_below_the_doubles_has_one():
    few = Onefolds.exact(np.random.default_rng(7).integers(-9, 9, (50, 2)).astype(float), ad.float64)
    assert not (few.accumulated(ops.add) * -0.25).parts[1].any()
    assert (Onefolds.exact(np.array([1e-250, 0.0]), ad.float64) * 2.0**-60).parts[1].tolist() == [0.0, 0.0]
    tiny = (Onefolds.exact(np.full((2, 1), 1e-300), ad.float64)).accumulated(ops.mul)
    assert tiny.parts[0][1, 0] == 0 and 0 < tiny.parts[1][1, 0] < 1e-300
    below = Onefolds.exact(np.array([5e-324 * 3]), ad.float64) * 0.5
    assert below.parts[1][0] > 0


def test_products_of_many_rounded_factors_are_for_more_digits_at_once():
    x = np.linspace(0.999, 1.001, 10_000)
    with pytest.raises(NotImplementedError):
        Onefolds((x, x * 2.0**-53), ad.float64).accumulated(ops.mul)
    assert Onefolds.exact(np.where(x < 1, 0.5, 2.0), ad.float64).accumulated(ops.mul).parts[0][-1] == 1
