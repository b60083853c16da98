"""A replay reads large NumPy arrays where they are: nothing is written to them, and nothing that lives longer shares their memory."""

import numpy as np
import pytest

import autodiff as ad

N = 3000
KEPT = {
    "itself": lambda x: x,
    "twice": lambda x: (x, [x, ad.reduce_sum(x)]),
    "in a dict": lambda x: {"x": x},
    "reshaped": lambda x: ad.reshape(x, (3, -1)),
    "a part": lambda x: x[8:-8],
    "a part of a part": lambda x: ad.reshape(x, (30, 100))[2:5],
    "stopped": lambda x: ad.stop_gradient(x),
    "the gradient's share": lambda x: ad.grad(lambda y: ad.reduce_sum(y * x))(x * 2.0),
}


def flat(result):
    return [t.numpy() for t in ad.nest.flatten(result)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("f", KEPT.values(), ids=KEPT)
def test_results_are_their_own(f, dtype):
    x = np.random.default_rng(0).normal(size=N).astype(dtype)
    replayed = ad.function(f)
    for _ in range(3):
        expected, got = flat(f(ad.constant(x))), replayed(x)
        x += 1.0
        for a, b in zip(expected, flat(got)):
            assert a.dtype == b.dtype and np.array_equal(a, b)


@pytest.mark.parametrize("f", KEPT.values(), ids=KEPT)
def test_what_variables_are_assigned_is_theirs(f):
    v = None

    @ad.function
    def step(x):
        nonlocal v
        y = ad.nest.flatten(f(x))[0]
        if v is None:
            v = ad.Variable(ad.zeros_like(y))
        v.assign(y)
        return ad.reduce_sum(v)

    x = np.random.default_rng(0).normal(size=N)
    for _ in range(4):
        expected = flat(f(ad.constant(x)))[0]
        step(x)
        x += 1.0
        assert np.array_equal(v.numpy(), expected)


def value_and_gradient(x):
    with ad.GradientTape() as tape:
        tape.watch(x)
        matrix = ad.reshape(x[:2500], (50, 50))
        y = ad.reduce_sum(ad.linalg.matvec(ad.sin(matrix @ matrix), matrix[0])) + ad.reduce_logsumexp(x) + ad.reduce_mean(ad.cumsum(x) * x[::-1])
    return y, tape.gradient(y, x)


def at(place, x):
    """The numbers somewhere else: only so many bytes behind a line of the cache, not to be written to, or in another order."""
    if isinstance(place, int):
        room = np.empty(x.nbytes + 128, np.uint8)
        start = -room.ctypes.data % 64 + place
        y = room[start : start + x.nbytes].view(x.dtype)
        y[:] = x
        return y
    if place == "read-only":
        y = x.copy()
        y.flags.writeable = False
        return y
    if place == "backwards":
        return x[::-1].copy()[::-1]
    return x.astype(x.dtype.newbyteorder())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("place", [0, 4, 8, 12, 24, 1, "read-only", "backwards", "other byte order"])
def test_the_bits_are_those_of_a_tensor_wherever_the_array_lies(place, dtype):
    replayed = ad.function(value_and_gradient)
    for k in range(3):
        x = np.random.default_rng(k).normal(size=N).astype(dtype)
        y = at(place, x)
        for a, b in zip(flat(replayed(ad.constant(x))), flat(replayed(y))):
            assert a.tobytes() == b.tobytes()
        assert np.array_equal(x, y)


def test_arrays_on_pages_that_may_not_be_written_to(tmp_path):
    path = tmp_path / "x"
    np.random.default_rng(0).normal(size=N).tofile(path)
    x = np.asarray(np.memmap(path, np.float64, "r"))
    replayed = ad.function(lambda x, y: (value_and_gradient(x), ad.grad(lambda z: ad.reduce_sum(z * z * y))(x)))
    y = np.array(x)
    expected = flat(replayed(ad.constant(x), ad.constant(x)))
    for a, b in zip(expected, flat(replayed(x, y))):
        assert np.array_equal(a, b)


def test_a_tape_keeps_what_it_needs():
    replayed = ad.function(lambda x, w: ad.reduce_sum(x * w * w))
    x, w = np.arange(1.0, N + 1), ad.Variable(np.ones(N))
    for _ in range(3):
        with ad.GradientTape() as tape:
            y = replayed(x, w)
        expected = 2.0 * x
        x *= 3.0
        assert np.array_equal(tape.gradient(y, w).numpy(), expected)


def test_other_ways_and_other_shapes():
    @ad.function
    def f(x):
        return x if ad.reduce_sum(x) > 0.0 else -x

    x = np.ones(N)
    for sign in (1.0, -1.0, -1.0, 1.0, -1.0):
        y = f(sign * x)
        assert np.array_equal(y.numpy(), x)
    for n in (N + 1, 10, N, 5000):
        assert np.array_equal(f(np.ones(n)).numpy(), np.ones(n))


@pytest.mark.parametrize("x", [np.arange(N), np.arange(N, dtype=np.int32), np.arange(N) % 2 == 0, np.ones(N, np.float16)], ids=lambda x: str(x.dtype))
def test_arrays_of_other_dtypes(x):
    if x.dtype == np.float16:
        with pytest.raises(TypeError, match="float16"):
            ad.function(lambda x: x)(x)
        return
    replayed = ad.function(lambda x: (x, ad.cast(x, "float64")))
    for _ in range(3):
        same, floats = replayed(x)
        expected = x.copy()
        x[:5] = x[:5] if x.dtype != bool else ~x[:5]
        assert np.array_equal(same.numpy(), expected) and np.array_equal(floats.numpy(), expected.astype(float))


def test_an_array_lives_as_long_as_the_replay_reads_it():
    """Whatever runs while the arguments are looked at, here a key that compares itself, may take it out of its list."""
    numbers = np.ones(N)

    class Owner:
        """Of the numbers, which are no numbers any more when the array that reads them is gone."""

        __array_interface__ = {**numbers.__array_interface__}

        def __del__(self):
            numbers[:] = np.nan

    class Key:
        def __hash__(self):
            return 0

        def __eq__(self, other):
            given.clear()
            return isinstance(other, Key)

    f = ad.function(lambda parts: ad.reduce_sum(parts[0]) + parts[1][next(iter(parts[1]))])
    given = [np.ones(N), {Key(): np.ones(2000)}]
    f(list(given))
    f(list(given))
    given = [np.asarray(Owner()), {Key(): np.ones(2000)}]
    assert np.array_equal(f(given).numpy(), np.full(2000, N + 1.0)) and not given and np.all(np.isnan(numbers))
