"""ad.distributed.objective on a real cluster: worker processes on this machine, some of which are killed."""

import contextlib
import operator
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from conftest import ROOT

import autodiff as ad

distributed = pytest.importorskip("distributed")
pytest.importorskip("scipy.optimize")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(500, 4))
Y = np.sign(X @ np.arange(1.0, 5.0) + RNG.normal(size=500))
SHARDS = [(X[i::5], Y[i::5]) for i in range(5)]
AT = np.array([0.3, -0.2, 0.5, 0.1])


def loss(w, shard):
    x, y = shard
    return ad.reduce_sum(ad.math.softplus(-y * ad.linalg.matvec(x, w)))


def dies_once(w, shard):
    """Kills the worker that evaluates it while there is a file of that name."""
    data, flag = shard
    if flag and os.path.exists(flag):
        os.remove(flag)
        os.kill(os.getpid(), signal.SIGKILL)
    return loss(w, data)


def dies(w, shard):
    if os.path.exists(shard):
        os.kill(os.getpid(), signal.SIGKILL)
    return ad.reduce_sum(w)


def fails(w, shard):
    return ad.reduce_sum(w * shard["no such key" if w[0] > 1 else "x"])


@contextlib.contextmanager
def client_of_two():
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def client():
    with client_of_two() as client:
        yield client


@pytest.fixture(scope="module")
def here():
    return ad.objective(lambda w: sum(loss(w, shard) for shard in SHARDS), like=AT)


def two_workers(client):
    """The processes of both workers; waits until a killed one has been replaced."""
    nannies = list(client.cluster.workers.values())
    until = time.monotonic() + 180
    while {nanny.worker_address for nanny in nannies} != set(client.nthreads()):
        assert time.monotonic() < until
        time.sleep(0.02)
    return [nanny.pid for nanny in nannies]


@pytest.mark.parametrize("tree", [False, True])
def test_it_is_the_sum_over_all_shards(client, here, tree):
    two_workers(client)
    with ad.distributed.objective(loss, SHARDS, client, like=AT, tree=tree) as obj:
        value, gradient = obj(AT)
        want, slope = here(AT)
        assert type(value) is float and value == pytest.approx(want, rel=1e-14, abs=0) and gradient.dtype == np.float64
        np.testing.assert_allclose(gradient, slope, rtol=1e-12)
        np.testing.assert_allclose(obj.hess(AT), here.hess(AT), rtol=1e-12)
        np.testing.assert_allclose(obj.hessp(AT, AT + 1), here.hessp(AT, AT + 1), rtol=1e-12)
        assert obj.fun(AT) == value and obj.evaluations == 1  # at `like`, where it was made


def test_sums_among_workers_have_the_bits_of_sums_at_the_client(client):
    two_workers(client)
    flat, tree = (ad.distributed.objective(loss, SHARDS, client, like=AT, tree=t) for t in (False, True))
    for x in np.random.default_rng(1).normal(size=(5, 4)):
        assert flat.fun(x) == tree.fun(x)
        np.testing.assert_array_equal(flat.grad(x), tree.grad(x))


@pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B", "Newton-CG", "trust-exact"])
def test_optimisers_take_it_as_they_take_an_objective(client, here, method):
    two_workers(client)
    with ad.distributed.objective(loss, SHARDS, client, like=AT) as obj:
        more = {"hess": True} if method in ("Newton-CG", "trust-exact") else {}
        fit, alone = obj.minimize(method=method, tol=1e-8, **more), here.minimize(method=method, tol=1e-8, **more)
        np.testing.assert_allclose(fit.x, alone.x, rtol=1e-6)
        assert len(obj.history) > 3


@pytest.mark.parametrize("tree", [False, True])
def test_a_worker_killed_in_the_middle_of_a_fit_changes_no_digit(client, tree):
    pids = two_workers(client)
    with ad.distributed.objective(loss, SHARDS, client, like=AT, tree=tree) as obj:
        undisturbed = obj.minimize(method="BFGS")
        steps = []

        def kill(x):
            steps.append(x)
            if len(steps) == 3:
                os.kill(pids[0], signal.SIGKILL)

        fit = obj.minimize(method="BFGS", callback=kill)
        assert obj.moves == 1 and len(steps) > 3
        np.testing.assert_array_equal(fit.x, undisturbed.x)
        assert fit.nfev == undisturbed.nfev


def test_what_a_worker_was_computing_when_it_died_is_computed_by_another(client, here, tmp_path):
    two_workers(client)
    flag = str(tmp_path / "flag")
    shards = [(shard, flag if k == 3 else None) for k, shard in enumerate(SHARDS)]
    with ad.distributed.objective(dies_once, shards, client, like=AT, trace=False) as obj:
        open(flag, "w").close()
        np.testing.assert_allclose(obj(AT + 1)[1], here(AT + 1)[1], rtol=1e-12)
        assert not os.path.exists(flag) and obj.moves == 1


def test_shards_that_kill_every_worker_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(ad.distributed, "MOST_MOVES", 1)
    flag = str(tmp_path / "flag")
    with client_of_two() as client, ad.distributed.objective(dies, [str(tmp_path / "none"), flag], client, like=AT, trace=False) as obj:
        open(flag, "w").close()
        with pytest.raises(RuntimeError, match="shards 1 to 1 have lost 2 workers, one after another"):
            obj(AT + 1)
        os.remove(flag)
        client.cluster.scale(4)                 # Dask leaves a worker dead that dies while it is being started again
        assert obj.fun(AT + 1) == 2 * np.sum(AT + 1)  # it waits for them


def test_an_exception_comes_back_with_the_workers_traceback(client):
    two_workers(client)
    with ad.distributed.objective(fails, [{"x": 1.0}, {"x": 2.0}], client, like=AT, trace=False) as obj:
        with pytest.raises(KeyError, match="no such key") as caught:
            obj(AT + 1)
        text = str(caught.value.__cause__)
        assert "shard 0, on a worker" in text and 'shard["no such key" if w[0] > 1 else "x"]' in text
        assert obj.fun(AT) == pytest.approx(3 * AT.sum())  # and it goes on
    with pytest.raises(TypeError, match="to return a scalar, got shape"):
        ad.distributed.objective(lambda w, shard: w * shard, [1.0], client, like=AT)


def test_an_exception_of_a_class_that_is_the_workers_alone_says_what_it_said():
    error = ad.distributed._revived(b"cno_such_module\nNoSuchError\n.", "Traceback:\n  a line\nNoSuchError: out of luck\n")
    assert isinstance(error, RuntimeError) and str(error) == "NoSuchError: out of luck"
    assert str(ad.distributed._revived(pickle.dumps(KeyError("x")), "")) == "'x'"


class Unlucky:
    """A future of Dask whose result raises UnboundLocalError, as it does where the time is up at an unlucky moment."""

    def __init__(self, status):
        self.status, self.asked = status, 0

    def result(self, timeout):
        self.asked += 1
        if self.status == "finished" and self.asked > 1:
            return 3
        raise UnboundLocalError("result")


def test_a_result_that_dask_fails_to_bring_is_asked_for_again_or_lost():
    assert ad.distributed._waited(Unlucky("finished"), lambda: False) == 3
    with pytest.raises(ad.distributed._Lost):
        ad.distributed._waited(Unlucky("cancelled"), lambda: False)
    with pytest.raises(ad.distributed._Lost):
        ad.distributed._waited(Unlucky("pending"), lambda: True)
    with pytest.raises(UnboundLocalError):  # the user's own
        ad.distributed._waited(Unlucky("error"), lambda: False)


def test_shards_may_be_on_the_cluster_or_loaded_there(client, here):
    two_workers(client)
    futures = [client.submit(lambda shard: shard, shard, pure=False) for shard in SHARDS]
    for shards in (futures, [lambda shard=shard: shard for shard in SHARDS]):
        with ad.distributed.objective(loss, shards, client, like=AT) as obj:
            np.testing.assert_allclose(obj.grad(AT + 1), here.grad(AT + 1), rtol=1e-12)


def test_parameters_of_any_structure(client):
    two_workers(client)
    rows = [np.array([[0.0, 1.0], [1.0, 3.0]]), np.array([[2.0, 5.0]])]

    def named(p, row):
        return ad.reduce_sum((p["a"] * row[:, 0] + p["b"] - row[:, 1]) ** 2)

    def apart(a, b, row):
        return ad.reduce_sum((a * row[:, 0] + b - row[:, 1]) ** 2)

    for f, like in ((named, {"a": 0.0, "b": 0.0}), (apart, (0.0, 0.0))):
        with ad.distributed.objective(f, rows, client, like=like) as obj:
            np.testing.assert_allclose(obj.minimize(method="BFGS").x, [2.0, 1.0], atol=1e-5)


def test_threads_may_use_one_at_once(client):
    two_workers(client)
    with ad.distributed.objective(loss, SHARDS, client, like=AT) as obj:
        points = np.random.default_rng(2).normal(size=(8, 4))
        want, got = [obj.grad(x) for x in points], [None] * len(points)
        threads = [threading.Thread(target=lambda k=k: operator.setitem(got, k, obj.grad(points[k]))) for k in range(len(points))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        np.testing.assert_array_equal(got, want)


def test_what_is_no_objective_is_refused(client):
    with pytest.raises(TypeError, match="expected a function, got 3"):
        ad.distributed.objective(3, SHARDS, client, like=AT)
    with pytest.raises(TypeError, match="expected a distributed.Client, got 'here'"):
        ad.distributed.objective(loss, SHARDS, "here", like=AT)
    with pytest.raises(ValueError, match="expected shards, got an empty list"):
        ad.distributed.objective(loss, [], client, like=AT)
    two_workers(client)
    obj = ad.distributed.objective(loss, SHARDS, client, like=AT)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(obj)
    obj.close()
    with pytest.raises(RuntimeError, match="it is closed"):
        obj(AT + 1)


def test_the_program_of_the_page_runs(tmp_path):
    with open(os.path.join(ROOT, "docs", "distributed.md"), encoding="utf-8") as page:
        (program,) = re.findall(r"```python\n(.*?)```", page.read(), re.S)
    script = tmp_path / "program.py"
    script.write_text(program)
    subprocess.run([sys.executable, script], check=True, timeout=120)
