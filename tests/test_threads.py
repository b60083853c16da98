"""Replays on several threads: the same bits for any number of them, side by side with other threads, after fork."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import autodiff as ad

N = 300_001


@pytest.fixture(autouse=True)
def as_before():
    before = ad.config.get_num_threads()
    yield
    ad.config.set_num_threads(before)


def loss_and_slopes(x, w):
    with ad.GradientTape() as tape:
        tape.watch([x, w])
        y = ad.math.softplus(x) * x - w * ad.sin(x)
        loss = ad.reduce_sum(y * y) / 3.0
    return loss, y, tape.gradient(loss, [x, w])


def arguments(dtype, seed=0):
    rng = np.random.default_rng(seed)
    return ad.constant(rng.normal(size=N).astype(dtype)), ad.constant(rng.normal(size=N).astype(dtype))


def bits(results):
    return [t.numpy().tobytes() for t in ad.nest.flatten(results)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_any_number_of_threads_gives_the_same_bits(dtype):
    traced = ad.function(loss_and_slopes)
    traced(*arguments(dtype))
    args = arguments(dtype, 1)
    want = bits(loss_and_slopes(*args))
    for n in (1, 2, 3, 7, 16):
        ad.config.set_num_threads(n)
        for _ in range(5):
            assert bits(traced(*args)) == want


def test_so_does_a_gradient_through_it_and_a_map_over_many_rows():
    traced = ad.function(lambda x, w: ad.reduce_sum(ad.math.softplus(x) * x - w * ad.sin(x)))
    rows = ad.function(lambda x: ad.vectorized_map(ad.value_and_grad(lambda p: p[0] ** 2 * ad.sin(p[1]) + ad.exp(-p[2])), x))
    table = ad.constant(np.random.default_rng(0).normal(size=(70_001, 3)))

    def gradient(f, args):
        with ad.GradientTape() as tape:
            tape.watch(args)
            y = f(*args)
        return y, tape.gradient(y, args)

    args = list(arguments("float64", 1))
    want, mapped = bits(gradient(traced.python_function, args)), bits(rows.python_function(table))
    for n in (1, 2, 5, 16):
        ad.config.set_num_threads(n)
        for _ in range(3):
            assert bits(gradient(traced, args)) == want and bits(rows(table)) == mapped


def test_python_threads_replay_side_by_side():
    ad.config.set_num_threads(3)
    traced, results = ad.function(loss_and_slopes), {}
    traced(*arguments("float64"))

    def work(seed):
        args = arguments("float64", seed)
        results[seed] = all(bits(traced(*args)) == bits(loss_and_slopes(*args)) for _ in range(5))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == dict.fromkeys(range(6), True)


def in_a_thread(work):
    other = threading.Thread(target=work)
    other.start()
    return other


def ways(f, n):
    for k in range(n):
        f(ad.constant([float(k)]))


def test_a_function_that_takes_too_many_ways_in_one_thread_while_another_records_it():
    @ad.function
    def times(x):
        if int(ad.reduce_sum(x)) == 1000:
            in_a_thread(lambda: ways(times, 70)).join()
        return x * 2.0

    with pytest.warns(UserWarning, match="has gone more than 64 ways"):
        assert times(ad.constant([1000.0])).numpy().tolist() == [2000.0]
    assert times(ad.constant([3.0])).numpy().tolist() == [6.0]


def test_other_threads_run_while_a_long_replay_does():
    x = ad.constant(np.linspace(0.0, 1.0, 2_000_000))
    traced = ad.function(lambda x: ad.reduce_sum(ad.math.lgamma(1.5 + x) * ad.sin(x)))
    traced(x)
    ad.config.set_num_threads(1)
    ticks, stop = [0], threading.Event()

    def tick():
        while not stop.is_set():
            ticks[0] += 1

    other = threading.Thread(target=tick)
    other.start()
    try:
        gained = []
        for _ in range(5):
            before = ticks[0]
            traced(x)
            gained.append(ticks[0] - before)
    finally:
        stop.set()
        other.join()
    assert sorted(gained)[2] > 100


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_has_threads_of_its_own():
    ad.config.set_num_threads(4)
    traced, args = ad.function(loss_and_slopes), arguments("float64")
    traced(*args)
    want = bits(traced(*args))
    for _ in range(3):
        child = os.fork()
        if child == 0:
            os._exit(0 if bits(traced(*args)) == want else 1)
        assert os.waitpid(child, 0)[1] == 0
    assert bits(traced(*args)) == want


def test_what_is_no_number_of_threads():
    with pytest.raises(ValueError, match=r"^set_num_threads: expected at least 1 thread, got 0$"):
        ad.config.set_num_threads(0)
    with pytest.raises(TypeError, match=r"^set_num_threads: expected an integer, got 2.0$"):
        ad.config.set_num_threads(2.0)
    ad.config.set_num_threads(10**9)
    assert ad.config.get_num_threads() == 256


@pytest.mark.parametrize("given, outcome", [("3", "3"), ("none", "expected a number of threads, 1 or more, got 'none'"), ("0", "got '0'")])
def test_the_environment_says_how_many(given, outcome):
    command = [sys.executable, "-c", "import autodiff as ad; print(ad.config.get_num_threads())"]
    done = subprocess.run(command, env={**os.environ, "AUTODIFF_NUM_THREADS": given}, capture_output=True, text=True)
    assert outcome in (done.stdout if given == "3" else done.stderr)


def rows_and_products(x, w, v):
    """Row kernels along both axes, and products of all kinds, with their gradients."""
    with ad.GradientTape() as tape:
        tape.watch([x, w, v])
        h = x @ w
        rows = [ad.reduce_logsumexp(h, axis=1), ad.reduce_max(h, axis=1), ad.reduce_logsumexp(x, axis=0), ad.linalg.matvec(x, v)]
        parts = [ad.nn.softmax(h), ad.nn.log_softmax(h), ad.linalg.matvec(h, rows[0], transpose_a=True), *rows]
        loss = sum(ad.reduce_sum(part * part) for part in parts)
    return parts, tape.gradient(loss, [x, w, v])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("m", [47, 2049, 20_011])
def test_rows_and_products_have_the_same_bits_on_any_number_of_threads(dtype, m):
    rng = np.random.default_rng(m)
    args = [ad.constant(rng.normal(size=shape).astype(dtype)) for shape in ((m, 17), (17, 33), (17,))]
    traced = ad.function(rows_and_products)
    ad.config.set_num_threads(1)
    want = bits(traced(*args))
    for n in (1, 2, 3, 7):
        ad.config.set_num_threads(n)
        assert bits(rows_and_products(*args)) == want
        assert bits(traced(*args)) == want


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 2, 3, 9, 10, 17, 32, 33, 300])
def test_a_row_does_not_depend_on_the_rows_beside_it(n, dtype):
    x = np.random.default_rng(n).normal(size=(1031, n)).astype(dtype)
    x[3], x[5, 0], x[7, n // 2], x[9, -1] = -np.inf, np.inf, np.nan, 700.0
    x[11] = x[11, 0]
    x[13], x[13, -1] = -1e-17, 0  # not the largest, but exp of it less the largest is 1
    x[40:60] *= 300

    def slope(x, axis):
        v = ad.Variable(x)
        with ad.GradientTape() as tape:
            y = ad.reduce_sum(ad.reduce_logsumexp(v, axis=axis))
        return tape.gradient(y, v)

    for f in (ad.reduce_logsumexp, ad.nn.log_softmax, ad.nn.softmax, ad.reduce_max, slope):
        whole = f(ad.constant(x), axis=-1).numpy()
        for first, end in ((0, 1), (3, 12), (13, 14), (38, 51), (50, 62), (100, 103), (1030, 1031), (1, 1030)):
            assert f(ad.constant(x[first:end]), axis=-1).numpy().tobytes() == whole[first:end].tobytes()


def test_threads_that_record_with_one_variable_under_tapes():
    """While an operation is recorded its line is looked up in Python, and another thread may give the variable another tensor."""
    script = """
import sys, threading
import numpy as np
import autodiff as ad

sys.setswitchinterval(1e-6)
xs = [ad.constant(np.array([0.1, 0.2, 0.3]) * k) for k in (1, 2, 3)]
errors = []
for _ in range(300):
    v = ad.Variable([1.0, 2.0, 3.0], dtype="float64")
    f, ready = ad.function(lambda x: (v.value() * x, v * 1.5, v * 2.0)), threading.Barrier(3)

    def work(x):
        ready.wait()
        for _ in range(3):
            with ad.GradientTape() as tape:
                tape.watch(x)
                ys = f(x)
                total = ad.add_n([ad.reduce_sum(y) for y in ys])
            by_x, by_v = tape.gradient(total, [x, v])
            if not (np.array_equal(by_x, v) and np.array_equal(by_v, x + 3.5) and np.array_equal(ys[2], [2.0, 4.0, 6.0])):
                errors.append((by_x, by_v, ys))

    threads = [threading.Thread(target=work, args=(x,)) for x in xs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
assert not errors, errors[0]
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True)


def test_threads_that_record_a_function_that_assigns_one_variable():
    """Another thread assigns between two operations that are recorded; the recording goes on from what it assigned itself."""
    script = """
import sys, threading
import numpy as np
import autodiff as ad

sys.setswitchinterval(1e-6)
xs = [ad.constant(float(k), "float64") for k in (1, 2, 3)]
for _ in range(150):
    v, ready = ad.Variable(0.0, dtype="float64"), threading.Barrier(3)

    @ad.function
    def f(x):
        v.assign_add(x)
        y = x
        for _ in range(20):
            y = ad.sin(y)
        v.assign_add(y)
        return y * v

    def work(x):
        ready.wait()
        for _ in range(3):
            f(x)

    threads = [threading.Thread(target=work, args=(x,)) for x in xs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    v.assign(100.0)
    expected = f.python_function(xs[0]), float(v)
    v.assign(100.0)
    assert (float(f(xs[0])), float(v)) == (float(expected[0]), expected[1]), (expected, v)
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True)


def test_a_thread_takes_gradients_by_a_variable_while_another_records_a_gradient_past_a_call():
    """To the recording the variable is a constant, to the tape of the other thread it stays what it was."""
    script = """
import sys, threading
import numpy as np
import autodiff as ad

sys.setswitchinterval(1e-6)
x, v = ad.constant([0.5, 0.6]), ad.Variable([1.0, 2.0])
wrong, done = [], threading.Event()

def other():
    while not done.is_set():
        f = ad.function(lambda x: ad.sin(v * x) * ad.exp(v * 0.1) * x)
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        ad.function(lambda u: tape.gradient(y, [x, v], output_gradients=u))(x)

thread = threading.Thread(target=other)
thread.start()
for _ in range(2000):
    with ad.GradientTape() as tape:
        y = ad.reduce_sum(v * v)
        for _ in range(5):
            y = y + ad.reduce_sum(v)
    slope = tape.gradient(y, v)
    if slope is None or not np.array_equal(slope, [7.0, 9.0]):
        wrong.append(slope)
done.set()
thread.join()
assert not wrong, (len(wrong), wrong[0])
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True)


def test_a_thread_assigns_while_another_maps_over_rows_with_the_variable():
    """What the map has read it does not set back."""
    script = """
import sys, threading
import autodiff as ad

sys.setswitchinterval(1e-6)
rows, v = ad.ones([4, 2]), ad.Variable(0.0)
started, done, lost = threading.Event(), threading.Event(), 0

def row(r):
    y = r * v
    for _ in range(20):
        y = ad.sin(y)
    return y

def other():
    while not done.is_set():
        ad.vectorized_map(row, rows)
        started.set()

thread = threading.Thread(target=other)
thread.start()
started.wait()
for k in range(1000):
    v.assign(float(k))
    for _ in range(500):
        ad.sin(rows)
    lost += float(v) != k
done.set()
thread.join()
assert not lost, lost
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True)


def test_a_number_of_a_variable_that_another_threads_recording_has_read():
    """That recording ends while this one looks up the line where the number goes to Python."""
    v, x, looks, over, results = ad.Variable(3), ad.constant(1.0), threading.Event(), threading.Event(), []
    times = ad.function(lambda x: x * float(int(v)))

    def wait_where_lines_are_looked_up(frame, event, argument):
        if frame.f_code.co_name == "user_place" and not looks.is_set():
            looks.set()
            over.wait(10)

    def other():
        sys.setprofile(wait_where_lines_are_looked_up)
        try:
            results.append(times(x))
        finally:
            sys.setprofile(None)

    thread = threading.Thread(target=other)

    @ad.function
    def around(x):
        y = x * ad.cast(v, "float32")
        thread.start()
        looks.wait(10)
        return y

    assert float(around(x)) == 3.0
    over.set()
    thread.join()
    assert [float(y) for y in results] == [3.0]


@pytest.mark.parametrize("wrapped", [lambda f: f, ad.function])
def test_a_run_that_is_done_again_has_variables_as_they_were_for_its_own_thread_alone(wrapped):
    v, x, again, over, runs, found = ad.Variable(2.0), ad.constant(7.0), threading.Event(), threading.Event(), [], []

    @ad.recompute_grad
    def product(x):
        runs.append(x)
        if len(runs) == 2:
            again.set()
            over.wait(10)
        return x * v * v

    @wrapped
    def slopes(x):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = product(x)
        v.assign(3.0)
        return tape.gradient(y, [x, v])

    def other():
        found.extend(float(slope) for slope in slopes(x))
        found.append(float(v))

    thread = threading.Thread(target=other)
    thread.start()
    assert again.wait(10)
    with ad.GradientTape() as tape:
        y = v * v
    assert (float(v), float(y), float(tape.gradient(y, v))) == (3.0, 9.0, 6.0)
    v.assign(5.0)
    over.set()
    thread.join()
    assert found == [4.0, 28.0, 5.0] and float(v) == 5.0


def test_a_function_is_replayed_under_a_tape_while_another_thread_records():
    inside, over, runs, x = threading.Event(), threading.Event(), [], ad.constant(3.0)

    @ad.function
    def square(x):
        runs.append(x)
        return x * x

    @ad.function
    def long(x):
        inside.set()
        over.wait(10)
        return -x

    def slope():
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = square(x)
        return float(tape.gradient(y, x))

    slope()
    before = len(runs)
    thread = threading.Thread(target=long, args=(x,))
    thread.start()
    assert inside.wait(10)
    assert slope() == 6.0
    over.set()
    thread.join()
    assert len(runs) == before


def while_another(work):
    """(start, end): another thread is inside of `work(wait)` between the two calls."""
    inside, over = threading.Event(), threading.Event()

    def wait():
        inside.set()
        over.wait(10)

    thread = threading.Thread(target=work, args=(wait,))

    def start():
        thread.start()
        assert inside.wait(10)

    def end():
        over.set()
        thread.join()

    return start, end


def test_a_lost_gradient_is_said_while_another_thread_is_in_a_custom_gradient():
    @ad.custom_gradient
    def slow(x, wait):
        wait()
        return x * 2, lambda g: (g * 2, None)

    x = ad.Variable(3.0)
    start, end = while_another(lambda wait: slow(ad.constant(1.0), wait))
    with pytest.warns(ad.errors.LostGradientWarning), ad.GradientTape() as tape:
        start()
        y = np.sin(np.asarray(x * x))
        tape.gradient(ad.constant(y), x)
    end()


def test_numerics_are_checked_while_another_thread_takes_a_gradient():
    def slow(wait):
        @ad.custom_gradient
        def identity(x):
            return x, lambda g: wait() or g

        x = ad.Variable(1.0)
        with ad.GradientTape() as tape:
            y = identity(x)
        tape.gradient(y, x)

    ad.debugging.enable_check_numerics()
    try:
        start, end = while_another(slow)
        start()
        with pytest.raises(ad.errors.InvalidArgumentError):
            ad.math.log(ad.constant(0.0))
        end()
        with pytest.raises(ad.errors.InvalidArgumentError):
            ad.math.log(ad.constant(0.0))
    finally:
        ad.debugging.disable_check_numerics()
