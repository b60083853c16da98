"""One peer in a process of its own, and the clock."""

import multiprocessing
import os
import time
from itertools import repeat

# Read by the libraries when they are imported, so set before any process starts.
THREADS = (
    "AUTODIFF_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
FIXED = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}


class Refused(Exception):
    """The peer could not do what it was asked; the text says why."""


def environment(threads):
    """The environment variables under which every process of a run is started."""
    return {**FIXED, **dict.fromkeys(THREADS, str(threads))}


def pin(threads):
    """Keep this process and its children on `threads` processors: no library can use more than it says."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])


def seconds(run, calls):
    """The time of so many calls."""
    start = time.perf_counter()
    for _ in repeat(None, calls):
        run()
    return time.perf_counter() - start


class _Bench:
    """What happens inside a worker."""

    def __init__(self, name):
        from .peers import load

        self.peer, self.run = load(name), None

    def version(self):
        return self.peer.VERSION

    def prepare(self, name, n, dtype):
        """The case at size n: its value, its gradients, and the seconds of the first call, compiling and all."""
        from corpus import CASES

        case, self.run = CASES[name], None
        args = case.inputs(n, dtype)
        start = time.perf_counter()
        self.run = self.peer.prepare(case, args, dtype)
        result = self.run()
        first = time.perf_counter() - start
        return (*self.peer.numbers(result), first)

    def calibrate(self, target):
        """How many calls take `target` seconds."""
        calls, taken = 1, seconds(self.run, 1)
        while taken < target / 4:
            calls *= 2
            taken = seconds(self.run, calls)
        return max(1, round(calls * target / taken))

    def clock(self, calls):
        return seconds(self.run, calls)


def _requests(pipe):
    """What the parent asks, until it hangs up."""
    try:
        while True:
            yield pipe.recv()
    except EOFError:
        return


def _serve(pipe, name):
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libraries' logs; errors go through the pipe
    bench = None
    for method, arguments in _requests(pipe):
        try:
            bench = bench or _Bench(name)
            pipe.send((True, getattr(bench, method)(*arguments)))
        except AttributeError as error:
            pipe.send((False, f"it lacks {error.name or error}"))
        except Exception as error:
            pipe.send((False, f"{type(error).__name__}: {error}".split("\n")[0]))


class Worker:
    """A peer's process, seen from the parent: it has the methods of _Bench."""

    def __init__(self, name, patience=300):
        self.name, self.patience, self.dead = name, patience, None
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, name), daemon=True)
        self._process.start()
        theirs.close()

    def __getattr__(self, method):
        return lambda *arguments: self._ask(method, arguments)

    def _ask(self, method, arguments):
        if self.dead:
            raise Refused(self.dead)
        try:
            self._pipe.send((method, arguments))
            if not self._pipe.poll(self.patience):
                self._end(f"no answer to {method} in {self.patience} s")
            ok, answer = self._pipe.recv()
        except (EOFError, OSError):
            self._end(f"its process ended in {method}")
        if not ok:
            raise Refused(answer)
        return answer

    def _end(self, why):
        self.dead = why
        self._process.kill()
        raise Refused(why)

    def close(self):
        self._pipe.close()
        self._process.join(10)
        self._process.kill()
