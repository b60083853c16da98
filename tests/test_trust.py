"""No leak, no crash, no hang, no mixing of threads."""

import ctypes
import gc
import os
import resource
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

import autodiff as ad


def resident():
    """Bytes of memory in use."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


@pytest.fixture
def small_pages():
    """No huge pages: the kernel may make one of memory that is in use in part, two million bytes more at once for nothing that we do."""
    thp_disable = 41                            # PR_SET_THP_DISABLE, prctl(2)
    kernel = ctypes.CDLL(None)
    kernel.prctl(thp_disable, 1, 0, 0, 0)
    yield
    kernel.prctl(thp_disable, 0, 0, 0, 0)


def child(code, timeout=120):
    """Run a program in a process of its own; its output."""
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


linux = pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads /proc")


def test_three_million_operations_record_sweep_and_free():
    n = 1_500_000
    x, y = ad.Variable(1.0, dtype="float64"), ad.Variable(0.999999, dtype="float64")
    with ad.GradientTape() as tape:
        s = x
        for _ in range(n):
            s = s * y + x
    gx, gy = tape.gradient(s, [x, y])
    q = 0.999999
    assert float(gx) == pytest.approx((1 - q ** (n + 1)) / (1 - q), rel=1e-9, abs=0)
    assert float(gy) > 0
    del tape, s
    gc.collect()


def test_a_long_chain_of_arrays_is_freed_without_recursion():
    x = ad.Variable(np.ones(2))
    with ad.GradientTape() as tape:
        s = x
        for _ in range(100_000):
            s = s + x
    assert tape.gradient(s, x).numpy().tolist() == [100_001.0, 100_001.0]


def test_eight_threads_with_their_own_tapes_give_exact_results():
    interval = sys.getswitchinterval()
    shared = ad.Variable(np.linspace(0.1, 1.0, 40_000))
    expected = None
    with ad.GradientTape() as tape:
        y = ad.reduce_sum(ad.exp(shared) * shared)
    expected = tape.gradient(y, shared).numpy()
    wrong = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(60):
            a, b = rng.integers(1, 9, 2).astype(float)
            x, z = ad.Variable(a), ad.Variable(b)
            with ad.GradientTape() as outer:
                with ad.GradientTape() as inner:
                    y = 3 * x**2 + 5 * x * z
                g = inner.gradient(y, x)
            if float(g) != 6 * a + 5 * b or float(outer.gradient(g, z)) != 5.0:
                wrong.append((a, b))
            with ad.GradientTape() as tape:
                y = ad.reduce_sum(ad.exp(shared) * shared)
            if not np.array_equal(tape.gradient(y, shared).numpy(), expected):
                wrong.append("array")

    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []


def test_a_variable_assigned_by_another_thread_is_read_whole():
    """Kernels on large arrays run without the GIL; the array they read must not go away under them."""
    v, stop, mixed = ad.Variable(np.zeros(100_000)), threading.Event(), []

    def assign():
        k = 0.0
        while not stop.is_set():
            k += 1
            v.assign(np.full(100_000, k))

    writer = threading.Thread(target=assign)
    writer.start()
    try:
        for _ in range(200):
            y = (v * 1.0).numpy()
            if y.min() != y.max():
                mixed.append(y)
    finally:
        stop.set()
        writer.join()
    assert not mixed


def test_a_tape_left_in_another_thread_does_not_record_there():
    x = ad.Variable(2.0)
    tape = ad.GradientTape()
    tape.__enter__()
    y = x * x
    t = threading.Thread(target=tape.__exit__, args=(None, None, None))
    t.start()
    t.join()
    z = x * x * x
    assert tape.gradient(z, x) is None
    with ad.GradientTape() as fresh:
        w = x * x
    assert float(fresh.gradient(w, x)) == 4.0
    assert float(y) == 4.0 and float(z) == 8.0


def test_one_persistent_tape_is_asked_by_many_threads_while_it_records():
    x = ad.Variable(np.linspace(0.0, 1.0, 40_000))
    wrong = []
    with ad.GradientTape(persistent=True) as tape:
        y = ad.reduce_sum(ad.exp(x))

        def ask():
            for _ in range(20):
                if not np.array_equal(tape.gradient(y, x).numpy(), np.asarray(ad.exp(x))):
                    wrong.append(1)

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for t in threads:
            t.start()
        s = y
        for _ in range(20_000):
            s = s * 1.0001
        for t in threads:
            t.join()
    assert not wrong and float(tape.gradient(s, x)[0]) > 1.0


def test_what_another_thread_computes_is_not_recorded():
    x, results = ad.Variable(2.0), []
    with ad.GradientTape() as tape:
        t = threading.Thread(target=lambda: results.append(x * x))
        t.start()
        t.join()
    assert tape.gradient(results[0], x) is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_computes_gradients():
    out = child("""
        import os, sys, warnings
        warnings.simplefilter("ignore")
        import numpy as np, autodiff as ad
        x = ad.Variable(np.ones(100_000))
        def gradient():
            with ad.GradientTape() as tape:
                y = ad.reduce_sum(ad.exp(x) * x)
            return float(tape.gradient(y, x)[0])
        here = gradient()
        with ad.GradientTape() as tape:                  # forked while a tape records
            y = x * x
            pid = os.fork()
            if pid == 0:
                z = ad.reduce_sum(y * x)
                os._exit(0 if gradient() == here and float(tape.gradient(z, x)[0]) == 3.0 else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    """)
    assert out == "0"


def test_a_keyboard_interrupt_in_a_recording_leaves_a_usable_engine():
    out = child("""
        import _thread, threading, autodiff as ad
        x = ad.Variable(1.0)
        threading.Timer(0.3, _thread.interrupt_main).start()
        try:
            with ad.GradientTape() as tape:
                s = x
                while True:
                    s = s * x + x
        except KeyboardInterrupt:
            pass
        g = tape.gradient(s, x)
        with ad.GradientTape() as tape:
            y = x * x
        print(float(tape.gradient(y, x)), g is not None)
    """)
    assert out == "2.0 True"


@linux
def test_a_failed_allocation_is_a_memory_error_and_nothing_is_lost():
    out = child("""
        import resource, numpy as np, autodiff as ad
        x = ad.Variable(np.ones(1_000_000))
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 150_000_000, resource.RLIM_INFINITY))
        failed = 0
        for attempt in range(3):
            try:
                with ad.GradientTape() as tape:
                    s = x
                    for _ in range(1000):
                        s = s * x
            except MemoryError:
                failed += 1
            del tape, s
        v = ad.Variable(2.0)
        try:
            with ad.GradientTape() as tape:
                s = v
                while True:
                    s = s * v
        except MemoryError:
            failed += 1
        del tape, s
        with ad.GradientTape() as tape:
            y = ad.reduce_sum(x * x)
        print(failed, float(tape.gradient(y, x)[0]))
    """)
    assert out == "4 2.0"


LOOPS = {
    "eager arithmetic": lambda x, v: x * x + 1.0,
    "a tape": lambda x, v: _gradient(x),
    "an array tape": lambda x, v: _gradient(v),
    "nested tapes": lambda x, v: _second(x),
    "assignment": lambda x, v: x.assign(2.0),
    "a custom gradient": lambda x, v: _custom(x),
    "numpy": lambda x, v: np.sum(np.exp(v)),
    "indexing": lambda x, v: v[1:3],
    "an error": lambda x, v: _error(v),
    "a view of memory": lambda x, v: np.asarray(v.value()),
}


def _gradient(x):
    with ad.GradientTape(persistent=True) as tape:
        y = x * x + x
    return tape.gradient(y, x)


def _second(x):
    with ad.GradientTape() as outer:
        with ad.GradientTape() as inner:
            y = x * x * x
        g = inner.gradient(y, x)
    return outer.gradient(g, x)


@ad.custom_gradient
def _doubled(x):
    return x * 2, lambda g: g * 2


def _custom(x):
    with ad.GradientTape() as tape:
        y = _doubled(x)
    return tape.gradient(y, x)


def _error(v):
    try:
        v + np.ones(7)
    except ValueError:
        pass


@linux
@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_grows_no_memory(name):
    step, x, v = LOOPS[name], ad.Variable(2.0), ad.Variable(np.ones(50))
    for _ in range(2_000):
        step(x, v)
    gc.collect()
    before = resident()
    for _ in range(300_000):
        step(x, v)
    gc.collect()
    assert resident() - before < 600_000        # the smallest object has 16 bytes


def _tape_in_a_cycle(v):
    box = [ad.GradientTape(persistent=True)]
    with box[0]:
        ad.reduce_sum(v * v)
    box.append(box)


def _function_under_a_tape(v):
    f = ad.function(lambda x: ad.reduce_sum(ad.exp(x) * x))
    with ad.GradientTape() as tape:
        y = f(v)
    tape.gradient(y, v)


CYCLES = {"a tape": _tape_in_a_cycle, "a function under a tape": _function_under_a_tape}


@linux
@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("name", CYCLES)
def test_what_the_collector_takes_out_of_cycles_grows_no_memory(name):
    step, v = CYCLES[name], ad.Variable(np.ones(50))
    for _ in range(2_000):
        step(v)
    gc.collect()
    before = resident()
    for _ in range(2_000):
        step(v)
    gc.collect()
    assert resident() - before < 1_000_000


def test_a_tape_may_use_again_what_the_collector_took():
    x = ad.Variable(3.0)
    with ad.GradientTape() as old:
        left = x * x
    for _ in range(50):
        _tape_in_a_cycle(ad.Variable(np.ones(3)))
    gc.collect()
    box = [ad.GradientTape(), None]
    box[1] = box
    box[0].__enter__()                          # its block is never left
    kept = x * 2
    del box
    gc.collect()
    for _ in range(50):
        with ad.GradientTape(persistent=True) as tape:
            y = kept * x + left * x
        assert float(tape.gradient(y, x)) == 15.0 and tape.gradient(y, left) is None
    assert float(old.gradient(left, x)) == 6.0
