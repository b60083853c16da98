"""Every allocation of the core may fail: MemoryError, and all is as it was before."""

import pickle
import threading

import numpy as np
import pytest

import autodiff as ad
from autodiff import _core

X, W = np.random.default_rng(0).normal(size=(7, 5)), np.random.default_rng(1).normal(size=(5, 3))
NEVER = 1 << 60


def eager():
    x, w = ad.Variable(X), ad.Variable(W)
    with ad.GradientTape() as outer:
        with ad.GradientTape(stabilize=True) as tape:
            y = ad.nn.softmax(ad.tanh(x @ w), axis=1)
            z = ad.reduce_sum(y * ad.reduce_max(y, axis=0, keepdims=True)) + ad.sqrt(ad.reduce_sum(ad.gather(x, [1, 2, 1]) ** 2))
        slopes = tape.gradient(z, [x, w])
        s = ad.reduce_sum(slopes[0] ** 2)
    return [z, *slopes, *outer.gradient(s, [x, w])]


def many_operands():
    xs = [ad.Variable(float(k)) for k in range(12)]
    with ad.GradientTape() as tape:
        y = ad.add_n([x * x for x in xs]) + ad.reduce_sum(ad.stack(xs))
    return tape.gradient(y, xs)


def replayed():
    @ad.function
    def f(x, w):
        with ad.GradientTape() as tape:
            tape.watch([x, w])
            y = ad.reduce_sum(ad.math.softplus(x @ w) * ad.exp(-ad.sigmoid(x @ w))) + ad.reduce_sum(x * x[:, :1])
        return [y, *tape.gradient(y, [x, w])]

    f(X, W)
    return f(X * 2, W)


def recurrent():
    @ad.function
    def f(w, h):
        with ad.GradientTape() as tape:
            tape.watch([w, h])
            y = ad.reduce_sum(ad.reduce_logsumexp(w * w, axis=1))
            for _ in range(3):
                h = ad.tanh(ad.linalg.matvec(w, ad.concat([h[1:], h[:1]], 0)))
            y = y + ad.reduce_sum(h)
        return [y, *tape.gradient(y, [w, h])]

    f(X[:5], X[5])
    return f(X[1:6], X[6])


def branching():
    v = ad.Variable(1.0)

    @ad.function
    def f(x):
        v.assign_add(x)
        if x > 0:
            return x * v
        while x < 2:
            x = x + 1.5
        return x / v

    return [f(ad.constant(1.0)), f(ad.constant(-2.0)), f(ad.constant(-2.0))]


def decomposed():
    @ad.function
    def f(x):
        with ad.GradientTape() as tape:
            tape.watch(x)
            s = ad.matmul(x, x, transpose_a=True)
            y = ad.linalg.logdet(s) + ad.reduce_sum(ad.linalg.solve(s, x[:5])) + ad.reduce_sum(ad.linalg.eigh(s)[0]) + ad.reduce_sum(ad.linalg.qr(x)[1])
        return [y, tape.gradient(y, x)]

    f(X)
    with ad.GradientTape() as tape:
        x = ad.Variable(X.astype("float32"))
        y = ad.linalg.det(ad.matmul(x, x, transpose_a=True)) + ad.reduce_sum(ad.linalg.pinv(x))
    return [*f(X * 2), tape.gradient(y, x)]


KEPT = ad.function(lambda x: ad.reduce_sum(ad.exp(x) * x[::-1]) + ad.reduce_sum(x[1:] ** 2))
KEPT(X[0])
STORED = pickle.dumps(KEPT)


def stored():
    return [pickle.loads(STORED)(X[0]), float(len(pickle.dumps(KEPT)))]


def mapped():
    return [ad.vectorized_map(ad.grad(lambda p: ad.reduce_sum(ad.exp(p) * p[0])), X)]


def sparse():
    return [ad.sparse_jacobian(lambda x: (x[1:] - x[:-1]) ** 2 * x[1:], like=np.ones(5))(np.arange(5.0)).toarray()]


def precise():
    x = ad.constant([1.0, 100.0, -3.0])
    with ad.GradientTape(precise=True, persistent=True) as tape:
        tape.watch(x)
        y = ad.reduce_sum(ad.math.log(1 + ad.exp(x))) + ad.reduce_sum(x[0] * x)
    return [tape.value(y), tape.gradient(y, x)]


def jacobians():
    def f(x):
        return ad.exp(x) * ad.cumsum(x)

    x = ad.constant(X[0])
    return [ad.jacobian(f)(x), ad.hvp(lambda x: ad.reduce_sum(f(x)))(x, x)]


def attempt(f, first, last):
    """What f returns in a thread of its own, whose allocations from `first` to before `last` fail: (arrays or exception, how many there were)."""
    found = []

    def run():
        _core.fail_allocations(first, last)
        try:
            found.append([np.asarray(ad.convert_to_tensor(y)) for y in f()])
        except Exception as error:
            found.append(error.with_traceback(None))
        found.append(_core.fail_allocations())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found


def same(a, b):
    return isinstance(a, list) and all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("f", [eager, many_operands, replayed, recurrent, branching, decomposed, stored, mapped, sparse, precise, jacobians], ids=lambda f: f.__name__)
@pytest.mark.filterwarnings("ignore")
def test_every_allocation_may_fail(f):
    attempt(f, 0, 0)
    right, n = attempt(f, NEVER, NEVER + 1)
    assert n > 20
    failed = 0
    for k in range(1, n + 1, 1 + n // 70):
        for last in (k + 1, k + 2, NEVER):                  # (a block that is refused once is asked for again, of memory that was trimmed)
            got, _ = attempt(f, k, last)
            assert isinstance(got, MemoryError) or same(got, right), (k, last, got)
            failed += isinstance(got, MemoryError)
        assert same(attempt(f, 0, 0)[0], right), k
    assert failed > 20


def test_a_replay_of_small_arrays_allocates_its_results_alone():
    def slope(w, x, steps):
        with ad.GradientTape() as tape:
            tape.watch(w)
            h = x
            for _ in range(steps):
                h = ad.concat([ad.tanh(ad.linalg.matvec(w, h)) * ad.exp(-h[2:]), x[:2]], 0)
            y = ad.reduce_sum(ad.matmul(ad.expand_dims(h, 0), w, transpose_b=True) ** 2)
        return y, tape.gradient(y, w)

    w, x, counts = ad.constant(X[:3]), ad.constant(X[0]), []
    for steps in (2, 20):
        traced = ad.function(lambda w, x: slope(w, x, steps))
        traced(w, x)
        got, n = attempt(lambda: traced(w, x), NEVER, NEVER + 1)
        assert all(np.array_equal(a, b) for a, b in zip(got, slope(w, x, steps)))
        counts.append(n)
    assert max(counts) <= 6
