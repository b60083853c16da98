"""The objective of data that lie on several machines: value and gradient of a sum over shards, on an existing Dask cluster.

Each worker keeps a group of shards and a recorded function for each of them (a Dask actor), so that a step sends the parameters out
and one gradient a group back.  Groups are made once and added up pairwise in their order, wherever they are: a worker that is lost
takes no digit with it.  docs/distributed.md says what a step costs.
"""

import os
import pickle
import threading
import time
import warnings

from . import config
from ._core import Point
from .errors import DistributedError, shorten
from .optimize import Objective

__all__ = ["DistributedObjective", "objective"]

MOST_MOVES = 3  # of one group in one step: data that kill every worker they come to would go round for ever
TREE_BYTES = 1 << 26  # of all groups' gradients together: beyond that they are added up among the workers
WAIT = 60.0  # seconds for a worker, where none is left
LOOK = 0.25  # seconds: how often one who waits for an answer looks whether the worker is still there (Dask itself takes 30 s to give it up)


def objective(f, shards, client, like, trace=True, tree=None) -> "DistributedObjective":
    """An objective as `ad.objective` makes, of the sum of f(parameters, shard) over all shards, computed by the workers of a Dask cluster.

    f        takes the parameters and one shard, and returns a scalar; it must travel (functions, lambdas and closures do)
    shards   a list; each one is sent once, to one worker, and is what pickle takes (an array, a tuple or dict of arrays, ...); or a Dask
             future, whose result is on the cluster already; or a function without arguments, which the worker calls to load it
    client   a `distributed.Client`
    like     what the parameters look like, as in `ad.objective`; a tuple is several arguments of f, before the shard
    trace    record f once for each shard and replay it in C (ad.function)
    tree     add gradients up among the workers (True) or here (False), with the same bits; None: among them where they are large

    The result is a `DistributedObjective`, which every optimiser takes as it takes an `Objective`: obj(x), fun, grad, hess, hessp, nlopt,
    minimize.  A worker that is lost loses nothing: its shards go to another one (sent again, computed again, or loaded again), and what it
    was computing is repeated there.  An exception in f comes back as it is, with the worker's traceback as its cause.

    Raises TypeError where f is no function or client no client, ValueError where there are no shards, DistributedError (a RuntimeError)
    where no worker is left or the same shards have lost several.

    >>> import numpy as np
    >>> import autodiff as ad
    >>> from distributed import Client
    >>> halves = np.array_split(np.arange(10.0), 2)
    >>> with Client(processes=False, n_workers=2, threads_per_worker=1, dashboard_address=None) as client:
    ...     obj = ad.distributed.objective(lambda m, y: ad.reduce_sum((y - m) ** 2), halves, client, like=0.0)
    ...     fit = obj.minimize(method="BFGS")
    >>> round(fit.params.item(), 6)
    4.5
    """
    return DistributedObjective(f, shards, client, like, trace, tree)


class DistributedObjective(Objective):
    """What ad.distributed.objective makes: an Objective whose evaluations are the workers'.

    moves    how many times a group of shards had to move, as its worker was lost
    close    have the workers give their shards up; `with` does so at its end
    """

    def __init__(self, f, shards, client, like, trace=True, tree=None) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise ImportError("distributed.objective needs Dask: pip install 'autodiff-tape[distributed]'") from None
        if not callable(f):
            raise TypeError(f"distributed.objective: expected a function, got {shorten(f)}")
        if not isinstance(client, Client):
            raise TypeError(f"distributed.objective: expected a distributed.Client, got {shorten(client)}")
        shards = list(shards)
        if not shards:
            raise ValueError("distributed.objective: expected shards, got an empty list")
        workers = _workers(client)
        n = min(len(shards), len(workers))
        bounds = [len(shards) * k // n for k in range(n + 1)]
        make = (f, like, trace, os.getpid())
        self._groups = [_Placed(client, make, range(a, b), shards[a:b]) for a, b in zip(bounds, bounds[1:])]
        self._tree, self._asking = tree, threading.Lock()
        for group, worker in zip(self._groups, workers):
            group.send(worker)
        for group in self._groups:
            group.arrive()
        _asked(self._groups, lambda group: group.actor.load())
        super().__init__(f, like, trace=False)

    @property
    def moves(self):
        return sum(group.moves for group in self._groups)

    # ---------------------------------------------------------------------------------------------------- evaluation
    def _computed(self, x, rest, args):
        return Point(x, rest, *self._sum("both", x.numpy(), *args))

    def _alone(self, x, args):
        return self._sum("value", x, *args)[0]

    def _derived(self, which, x, p, v, args, rest):
        return self._sum({"second": "hess", "product": "hessp"}[which], x, *[t.numpy() for t in p], *args)[0], None

    def jvp(self, x, p, *args):
        return float(self.grad(x, *args) @ self._vector(p))

    def vjp(self, x, v, *args):
        return float(v) * self.grad(x, *args)

    def _sum(self, what, *arguments):
        """The sum over all shards of what their objectives say, a tuple of numbers and arrays."""
        if not self._groups:
            raise DistributedError("distributed.objective: it is closed, the workers have given their shards up")
        by_tree = self._tree if self._tree is not None else arguments[0].nbytes * len(self._groups) > TREE_BYTES
        with self._asking:
            for _ in range(MOST_MOVES + 1):
                parts = _asked(self._groups, lambda group: group.actor.evaluate(what, not by_tree, *arguments))
                if not by_tree:
                    return _added(parts)
                try:
                    return self._added_among_workers()
                except _Lost:  # and its sum with it: all are asked again
                    continue
        raise DistributedError("distributed.objective: the workers could not add up among themselves; tree=False adds up at the client")

    def _added_among_workers(self):
        groups, step = self._groups, 1
        while step < len(groups):
            pairs = zip(groups[:: 2 * step], groups[step :: 2 * step])
            for future in [_question(lambda a, b=b: a.actor.take(b.actor), a) for a, b in pairs]:
                _result(future, groups)
            step *= 2
        return _result(_question(lambda group: group.actor.give(), groups[0]), groups)

    # ---------------------------------------------------------------------------------------------------- the end
    def close(self) -> None:
        """Have the workers give their shards up; a further evaluation raises DistributedError."""
        self._groups = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __reduce__(self):
        raise TypeError("distributed.objective: it belongs to its client's cluster and cannot be pickled; make one where it is needed")

    def __deepcopy__(self, memo):
        return self.__reduce__()

    def __repr__(self):
        return f"<ad.distributed.objective of {len(self.x0)} numbers over {len(self._groups)} groups of shards>"


# ------------------------------------------------------------------------------------------------------- at the client
class _Lost(Exception):
    """A worker is gone, and its group with it."""


class _Placed:
    """A group of shards, here: what is needed to make it anew, and the actor that has it now."""

    def __init__(self, client, make, numbers, shards):
        self.client, self.make, self.numbers, self.shards = client, make, numbers, shards
        self.actor = self.worker = self.made = self.sent = None
        self.moves = 0

    def send(self, worker):
        """Have a worker make the group; what fails is said by `arrive`."""
        self.worker = worker
        try:
            # Kept until the group is made: the scheduler reads a task in a thread of its own, and what is released meanwhile is lost to it.
            self.sent = [x if _is_future(x) or callable(x) else self.client.scatter([x], workers=[worker], hash=False)[0] for x in self.shards]
            self.made = self.client.submit(_Group, *self.make, list(self.numbers), self.sent, actor=True, workers=[worker], pure=False)
        except Exception as error:
            self.made = _Failed(error)

    def arrive(self):
        """Wait until the group is made, on another worker if that one was lost."""
        for _ in range(MOST_MOVES + 1):
            try:
                self.actor, self.sent = _waited(self.made, self.is_gone), None
                return
            except _Lost:
                self.move()
            except Exception:
                if not self.is_gone():
                    raise
                self.move()
        raise self.stray()

    def is_gone(self):
        """Has the worker left the cluster, or been started anew without the group?"""
        return self.worker not in self.client.nthreads() or (self.actor is not None and self.made.status != "finished")

    def move(self):
        """To another worker than the one that was lost, if there is one; wait for one if there is none."""
        self.moves, self.actor = self.moves + 1, None
        left = _workers(self.client)
        others = [w for w in left if w != self.worker] or left
        self.send(others[self.numbers[0] % len(others)])

    def stray(self):
        return DistributedError(f"distributed.objective: shards {self.numbers[0]} to {self.numbers[-1]} have lost {MOST_MOVES + 1} workers, one after "
                                "another; the workers' logs may say why (memory?)")  # fmt: skip


class _Failed:
    """A future of what could not even be asked."""

    status = "error"

    def __init__(self, error):
        self.error = error

    def result(self, timeout=None):
        raise self.error


def _is_future(x):
    from distributed import Future

    return isinstance(x, Future)


def _workers(client):
    """The addresses of the workers, in order; waits for one.

    Not by `client.wait_for_workers`: it takes the cluster's list of workers from the scheduler, ahead of the messages that say who has
    gone, and such a message of a worker that is in no list any more is a KeyError when the cluster is closed (Dask 2026.8).
    """
    until = time.monotonic() + WAIT
    while not (workers := client.nthreads()):
        if time.monotonic() > until:
            raise DistributedError(f"distributed.objective: the cluster has no workers, and none came within {WAIT:g} s")
        time.sleep(LOOK)
    return sorted(workers)


def _waited(future, is_gone):
    """A future's result; _Lost where it has none yet and `is_gone` says that none will come."""
    from asyncio import TimeoutError as AsyncTimeoutError  # loaded by Dask long since; to `import autodiff` it would be 25 ms

    while True:
        try:
            return future.result(timeout=LOOK)
        except (TimeoutError, AsyncTimeoutError):  # one class from Python 3.11 on
            if is_gone():
                raise _Lost from None
        except UnboundLocalError:  # Dask's own, where the task is cancelled and where the time is up in the midst of fetching its result
            status = getattr(future, "status", "error")
            if status == "cancelled" or is_gone():
                raise _Lost from None
            if status == "error":
                raise


def _result(future, groups=()):
    """What an actor's method returned.  What failed in a shard's function is raised here; _Lost means that a worker is gone."""
    try:
        done, result = _waited(future, lambda: any(group.is_gone() for group in groups))
    except Exception as error:
        raise _Lost from error
    if done:
        return result
    number, error, text = result
    raise _revived(error, text) from _Remote(f"\n\nshard {number}, on a worker:\n{text}")


def _revived(error, text):
    """The exception from its bytes; where it cannot be made here, as its class is the worker's alone, one that says what it said."""
    try:
        return pickle.loads(error) if isinstance(error, bytes) else DistributedError(error)
    except Exception:
        return DistributedError(text.strip().rsplit("\n", 1)[-1])


class _Remote(Exception):
    """Carries the text of a worker's traceback."""


def _asked(groups, ask):
    """The answers of all groups to one question, asked of all at once; those that are lost are moved and asked again."""
    answers, left = [None] * len(groups), list(range(len(groups)))
    for _ in range(MOST_MOVES + 1):
        lost, failed, futures = [], None, [(k, _question(ask, groups[k])) for k in left]
        for k, future in futures:
            try:
                answers[k] = _result(future, [groups[k]])
            except _Lost:
                lost.append(k)
            except Exception as error:  # raised when all the others have answered
                failed = failed or error
        if failed is not None:
            raise failed
        if not lost:
            return answers
        for k in lost:
            groups[k].move()
        for k in lost:
            groups[k].arrive()
        for k, future in [(k, _question(lambda group: group.actor.load(), groups[k])) for k in lost]:
            try:
                _result(future, [groups[k]])
            except _Lost:  # asking it again will tell
                continue
        left = lost
    raise groups[left[0]].stray()


def _question(ask, group):
    try:
        return ask(group)
    except Exception as error:  # the actor is known to be gone
        return _Failed(error)


def _added(parts):
    """Pairwise, in order: as the workers would."""
    parts = list(parts)
    step = 1
    while step < len(parts):
        for k in range(0, len(parts) - step, 2 * step):
            parts[k] = _plus(parts[k], parts[k + step])
        step *= 2
    return parts[0]


def _plus(a, b):
    return tuple([x + y for x, y in zip(a, b)])


# ------------------------------------------------------------------------------------------------------- at a worker
def _guarded(method):
    """(True, result), or (False, (shard, the exception as bytes or text, its traceback)): what an actor raises itself is a lost worker's."""

    def guarded(self, *arguments):
        self.at = None
        try:
            return True, method(self, *arguments)
        except Exception as error:
            import traceback

            text = traceback.format_exc()
            try:
                data = pickle.dumps(error)
                pickle.loads(data)
            except Exception:
                data = f"{type(error).__name__}: {error}"
            return False, (self.at, data, text)

    return guarded


class _Group:
    """Some shards and their recorded functions."""

    def __init__(self, f, like, trace, client, numbers, shards):
        self.client = client  # the process
        self.f, self.like, self.trace, self.numbers, self.shards = f, like, trace, numbers, shards
        self.objectives = self.sum = self.at = None

    @_guarded
    def load(self):
        from distributed import get_worker

        if self.objectives is not None:
            return
        if os.getpid() != self.client:
            config.set_num_threads(max(1, get_worker().state.nthreads))
        objectives = []
        for self.at, shard in zip(self.numbers, self.shards):
            data = shard() if callable(shard) else shard
            with warnings.catch_warnings():  # that are about the sum, and given there
                warnings.simplefilter("ignore")
                made = Objective(_of(self.f, data, isinstance(self.like, tuple)), self.like, self.trace)
            if made._shape != ():
                raise TypeError(f"distributed.objective: expected f to return a scalar, got shape {made._shape}; ad.reduce_sum makes one")
            objectives.append(made)
        self.objectives, self.shards = objectives, None

    @_guarded
    def evaluate(self, what, give, *arguments):
        total = None
        for self.at, obj in zip(self.numbers, self.objectives):
            own = tuple(obj(*arguments)) if what == "both" else (getattr(obj, what)(*arguments),)
            total = own if total is None else _plus(total, own)
        self.sum = None if give else total
        return total if give else None

    @_guarded
    def take(self, other):
        self.sum = _plus(self.sum, _result(other.give()))

    @_guarded
    def give(self):
        given, self.sum = self.sum, None
        return given


def _of(f, data, several):
    """f of one shard: its numbers are constants of what is recorded."""
    if several:
        return lambda *parameters: f(*parameters, data)
    return lambda parameters: f(parameters, data)
