"""Random programs of everything that a function may do, over sizes on both sides of vectors, tiles and blocks: recorded, replayed, stored, on
other threads and row by row they have the bits of a run as written."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_function import same
from test_replayed_bits import ONE, TWO

import autodiff as ad

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
SIZES = {"no elements": (0, 1, 3), "few": (1, 2, 3, 7, 8, 9), "vectors": (1, 3, 7, 63, 64, 65), "blocks": (1, 255, 511, 512, 513)}
WHOLE = {"one long row": (1, 20_000), "many rows": (9000, 3), "a band": (1030, 5), "blocks and one": (4097,)}


# ------------------------------------------------------------------------------------------ what a program is made of
def looped(x):
    while ad.reduce_max(ad.abs(x)) > 1.5 and ad.reduce_max(ad.abs(x)) < 30.0:
        x = x * 0.5
    return x


def counted(x):
    n = ad.reduce_sum(ad.cast(x > 0.3, "int32"))
    for k in range(int(ad.clip_by_value(n, 0, 3))):
        x = ad.tanh(x) + float(k)
    return x


def watched(x):
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(x)
        with ad.GradientTape() as inner:
            inner.watch(x)
            y = ad.reduce_sum(ad.tanh(x) * x)
        g = inner.gradient(y, x)
        z = ad.reduce_sum(g * g)
    return tape.gradient(z, x) + tape.gradient(g, x)


def of_product(x):
    """A symmetric matrix well away from a singular one."""
    x = ad.tanh(ad.where(ad.math.is_finite(x), x, ad.zeros_like(x)))
    return ad.matmul(x, x, transpose_b=True) + 2.0 * ad.eye(x.shape[-2], dtype=x.dtype)


EXACT = [lambda x: x + 0.0, lambda x: x * 1.0, lambda x: 0.0 - x, lambda x: x * 0.0, lambda x: x / 4.0, lambda x: x / 3.0, lambda x: -(-x), lambda x: x - x, lambda x: x * x, lambda x: x**3,
         lambda x: ad.cast(ad.cast(x, "float32"), x.dtype), lambda x: ad.cast(ad.cast(x, "float64"), x.dtype), ad.floor, lambda x: x % 0.7, ad.ones_like]  # fmt: skip
WAYS = [lambda x: ad.sin(x) if ad.reduce_sum(x) > 0 else x * 0.5, looped, counted, watched, ad.recompute_grad(lambda x: ad.sin(ad.exp(-x * x))),
        lambda x: x * (1.0 + ad.reduce_sum(ad.sin(x[x > 0.0]))), lambda x: ad.cond(ad.reduce_sum(x) > 0.5, lambda: x * x, lambda: ad.cos(x)),
        ad.grad(lambda x: ad.reduce_sum(x**3)), lambda x: ad.jvp(lambda z: ad.sin(z) * z, [x], [x])[1],
        lambda x: ad.while_loop(lambda k, s: k < 3, lambda k, s: (k + 1, ad.sin(s) + x), (ad.constant(0), x))[1]]  # fmt: skip
OVER = [ad.reduce_sum, ad.reduce_mean, ad.reduce_max, ad.reduce_prod, ad.reduce_logsumexp, ad.math.reduce_std, ad.math.reduce_euclidean_norm]
MATRICES = [lambda x: ad.linalg.cholesky(of_product(x)), lambda x: ad.linalg.solve(of_product(x), x), lambda x: ad.linalg.logdet(of_product(x)),
            lambda x: ad.linalg.eigh(of_product(x))[0], lambda x: ad.linalg.band_part(x, 0, 1)]  # fmt: skip
ROWS = [lambda x: ad.scan(lambda s, e: ad.tanh(s * 0.5 + e), x), lambda x: ad.foldl(lambda s, e: s * 0.9 + ad.sin(e), x),
        lambda x: ad.vectorized_map(lambda e: ad.sin(e) * ad.reduce_sum(e), x), lambda x: ad.add_n(ad.unstack(x))]  # fmt: skip


def along(r, x):
    """Something along an axis of x."""
    axis, rank = r.randrange(x.ndim), x.ndim
    at, size = (slice(None),) * axis, x.shape[axis]
    perm, flags = r.sample(range(rank), rank), {"exclusive": r.random() < 0.5, "reverse": r.random() < 0.5}
    over, axes, keep = r.choice(OVER), r.choice([None, axis, axis - rank, r.sample(range(rank), r.randint(1, rank))]), r.random() < 0.4
    index, cut = [r.randrange(max(size, 1)) for _ in range(r.choice([1, 2, 5]))], r.randint(0, size)
    joined = [lambda x: ad.concat([x, x * 0.5], axis), lambda x: ad.stack([x, -x], axis), lambda x: ad.roll(x, 1, axis), lambda x: ad.concat(ad.split(x, [cut, size - cut], axis)[::-1], axis)]
    viewed = [lambda x: x[(*at, slice(cut, None))], lambda x: x[(*at, slice(None, None, -1))], lambda x: x[(*at, slice(None, None, 2))], lambda x: ad.transpose(x, perm), lambda x: ad.reshape(x, [-1])]
    summed = [lambda x: over(x, axis=axes, keepdims=keep), lambda x: ad.cumsum(x, axis=axis, **flags), lambda x: ad.math.cumulative_logsumexp(x, axis=axis)]
    chosen = [lambda x: ad.gather(x, index, axis=axis), lambda x: ad.sort(x, axis=axis), lambda x: ad.math.top_k(x, 1)[0], lambda x: ad.nn.softmax(x, axis=axis), lambda x: ad.gather(x, ad.argmax(x, axis=-1) % rank, axis=axis)]
    return r.choice(r.choice([joined, viewed, summed, summed, chosen]))


def proposed(r, values):
    """(a function, the positions of its operands), which may not fit."""
    k = r.choice(range(len(values))[-4:])
    x, others, kind = values[k], [j for j, y in enumerate(values) if y.dtype == values[k].dtype], r.random()
    if x.ndim == 0 or kind < 0.3:
        return r.choice(r.choice([ONE, ONE, EXACT, WAYS])), [k]
    if kind < 0.5:
        return r.choice(TWO), r.sample([k, r.choice(others)], 2)
    if kind < 0.8:
        return along(r, x), [k]
    if kind < 0.88:
        return r.choice([ad.matmul, lambda a, b: ad.matmul(a, b, transpose_b=True), lambda a, b: ad.linalg.matvec(a, b), lambda a, b: ad.tensordot(a, b, 1)]), [k, r.choice(others)]
    return r.choice(WAYS if kind < 0.93 else ROWS if kind < 0.96 else MATRICES), [k]


def is_small(f, operands):
    """Products and pairs grow, Python's loops take their time."""
    sizes = [int(np.prod(x.shape.as_list())) for x in operands]
    return len({str(x.shape) for x in operands} | {"()"}) <= 2 and f in TWO or np.prod(sizes) < (1000 if f in ROWS + MATRICES else 10**6)


class Program:
    """Steps, built while they are run on the first inputs: a step that does not fit is left out."""

    def __init__(self, seed, shapes, length):
        r, rng = random.Random(seed), np.random.default_rng(seed)
        self.dtype, self.steps = r.choice(["float32", "float64"]), []
        self.inputs = [[self.filled(rng, s, odd) for s in shapes] for odd in (0, 0.3, 0)]
        values = [ad.constant(x) for x in self.inputs[0]]
        for _ in range(length):
            f, at = proposed(r, values)
            if not is_small(f, [values[k] for k in at]):
                continue
            try:
                y = f(*[values[k] for k in at])
            except (ValueError, TypeError, IndexError):
                continue
            if y.dtype.is_floating and np.prod(y.shape.as_list()) < 50_000:
                self.steps.append((f, at))
                values.append(y)
        self.told = sorted({len(values) - 1, r.randrange(len(values)), r.randrange(len(values))})

    def filled(self, rng, shape, odd):
        x = rng.normal(size=shape)
        return np.where(rng.random(shape) < odd, rng.choice([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, 88.0, -745.0, 1.0], size=shape), x).astype(self.dtype)

    def __call__(self, *xs):
        values = list(xs)
        for f, at in self.steps:
            values.append(f(*[values[k] for k in at]))
        return [values[k] for k in self.told]


def slopes(f):
    def gradients(*xs):
        with ad.GradientTape(persistent=True) as tape:
            tape.watch(xs)
            ys = f(*xs)
            total = ad.add_n([ad.cast(ad.reduce_sum(ad.sin(y)), "float64") for y in ys])
        return ys, tape.gradient(total, xs), tape.gradient(ys, xs, unconnected_gradients="zero")

    return gradients


def outcome(f, xs):
    """Of a call, or what it raises."""
    try:
        return f(*xs)
    except (ValueError, np.linalg.LinAlgError) as error:
        return [type(error).__name__]


def alike(a, b):
    if any(isinstance(x, str) for x in (*a, *b)):
        assert a == b
    else:
        same(a, b)


def check(f, inputs, ways):
    given = [[ad.constant(x) for x in xs] for xs in inputs]
    expected, traced = [outcome(f, xs) for xs in given], ad.function(f)
    for k in (0, 0, 1, 2, 0, 1):
        alike(outcome(traced, given[k]), expected[k])
    recorded = not any(isinstance(known, str) for known in traced.kinds.values())
    if recorded and not any(isinstance(x, str) for e in expected for x in e) and "stored" in ways:
        loaded = ad.load_function(traced.to_bytes())
        for k in (0, 1, 2):
            alike(loaded(*given[k]), expected[k])
    for n in ways.get("threads", ()):
        ad.config.set_num_threads(n)
        alike(outcome(traced, given[0]), expected[0])
        alike(outcome(f, given[0]), expected[0])


@pytest.fixture(autouse=True)
def threads_as_before():
    before = ad.config.get_num_threads()
    yield
    ad.config.set_num_threads(before)


@pytest.mark.parametrize("sizes", SIZES)
@given(seed=st.integers(0, 10**9))
@settings(max_examples=25, deadline=None)
def test_programs_of_many_shapes(sizes, seed):
    r = random.Random(seed)
    shape = tuple(r.choice(SIZES[sizes]) for _ in range(r.choice([1, 2, 2, 3] if sizes != "blocks" else [1, 1, 2])))
    program = Program(seed, [shape, r.choice([(), shape, shape[-1:], tuple(1 if r.random() < 0.5 else n for n in shape)])], 12)
    check(program, program.inputs, {"stored": True})
    check(slopes(program), program.inputs, {})


@pytest.mark.parametrize("shape", WHOLE.values(), ids=WHOLE)
@given(seed=st.integers(0, 10**9))
@settings(max_examples=6, deadline=None)
def test_programs_of_large_arrays_on_any_number_of_threads(shape, seed):
    program = Program(seed, [shape, random.Random(seed).choice([(), shape, shape[-1:], (shape[-1], 4)])], 10)
    check(slopes(program), program.inputs, {"threads": (1, 2, 3)})


@given(seed=st.integers(0, 10**9))
@settings(max_examples=25, deadline=None)
def test_programs_row_by_row_and_under_a_tape(seed):
    r = random.Random(seed)
    program = Program(seed, [r.choice([(3,), (2, 3), (4, 1)])] * 2, 7)
    rows = [[np.stack([a, b]) for a, b in zip(program.inputs[0], program.inputs[k])] for k in (0, 2)]
    check(lambda *xs: ad.vectorized_map(lambda row: program(*row), xs), rows * 2, {})
    traced = ad.function(program)
    for k in (0, 0, 2, 0):
        xs = [ad.constant(x) for x in program.inputs[k]]
        results = []
        for f in (program, traced):
            with ad.GradientTape() as tape:
                tape.watch(xs)
                ys = f(*xs)
            results.append((ys, tape.gradient(ys, xs)))
        same(results[0][0], results[1][0])
        for a, b in zip(results[0][1], results[1][1]):
            assert (a is None) == (b is None)
            if a is not None and np.isfinite(a.numpy()).all():
                size = np.max(np.abs(a.numpy()), initial=1e-30)
                np.testing.assert_allclose(a / size, b / size, rtol=0, atol=1e-9 if program.dtype == "float64" else 1e-3)
