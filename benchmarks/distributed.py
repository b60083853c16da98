"""python -m benchmarks.distributed [--quick]: what a step costs on a Dask cluster of processes on this machine, by the size of a shard.

Value and gradient of a logistic loss in 20 dimensions, one shard a worker, one thread each, beside one process that has all the rows; and,
by the number of parameters, gradients added up at the client and among the workers.  Results are compared before the clock starts.
Prints tables and writes build/distributed.svg.
"""

import sys
import time
from pathlib import Path

import numpy as np

import autodiff as ad

BUILD = Path(__file__).parents[1] / "build"
COLUMNS = 20


def loss(w, shard):
    x, y = shard
    return ad.reduce_sum(ad.math.softplus(-y * ad.linalg.matvec(x, w)))


def squares(w, shard):
    return ad.reduce_sum((w - shard) ** 2)


def shards_of(n, rows):
    rng = np.random.default_rng(0)
    return [(rng.normal(size=(rows, COLUMNS)), rng.choice([-1.0, 1.0], rows)) for _ in range(n)]


def step_time(obj, n, repeats=15):
    """Seconds of the median step; every step has a point of its own."""
    points = np.random.default_rng(1).normal(size=(repeats + 2, n)) * 0.1
    taken = []
    for x in points:
        start = time.perf_counter()
        obj(x)
        taken.append(time.perf_counter() - start)
    return float(np.median(taken[2:]))


def agree(a, b, n):
    x = np.full(n, 0.05)
    np.testing.assert_allclose(a.grad(x), b.grad(x), rtol=1e-9)


def by_shard(client, workers, sizes):
    """[(rows of a shard, seconds on the workers, seconds in one process)]"""
    rows = []
    for size in sizes:
        shards = shards_of(workers, size)
        here = ad.objective(lambda w, shards=shards: sum(loss(w, s) for s in shards), like=np.zeros(COLUMNS))
        with ad.distributed.objective(loss, shards, client, like=np.zeros(COLUMNS)) as there:
            agree(here, there, COLUMNS)
            rows.append((size, step_time(there, COLUMNS), step_time(here, COLUMNS)))
    return rows


def by_parameters(client, workers, sizes):
    """[(parameters, seconds added up at the client, seconds among the workers)]"""
    rows = []
    for n in sizes:
        shards = [np.full(n, float(k)) for k in range(workers)]
        flat, tree = (ad.distributed.objective(squares, shards, client, like=np.zeros(n), tree=t) for t in (False, True))
        agree(flat, tree, n)
        rows.append((n, step_time(flat, n), step_time(tree, n)))
        flat.close()
        tree.close()
    return rows


def draw(rows, path):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    sizes = [row[0] for row in rows]
    axes.loglog(sizes, [1e3 * row[2] for row in rows], "o-", color="#0072b2", label="one process with all rows")
    axes.loglog(sizes, [1e3 * row[1] for row in rows], "s-", color="#d55e00", label="2 workers, one shard each")
    axes.set_xlabel(f"rows of a shard ({COLUMNS} float64 each)")
    axes.set_ylabel("a step: value and gradient, ms")
    axes.grid(alpha=0.3)
    axes.legend()
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path)


def main(words):
    from distributed import Client, LocalCluster

    quick, workers = "--quick" in words, 2
    with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        rows = by_shard(client, workers, (100, 1_000) if quick else (100, 1_000, 10_000, 100_000, 1_000_000))
        print(f"| rows of a shard | {workers} workers | one process |\n|---:|---:|---:|")
        for size, there, here in rows:
            print(f"| {size:,} | {1e3 * there:.3g} ms | {1e3 * here:.3g} ms |")
        print("\n| parameters | added up at the client | among the workers |\n|---:|---:|---:|")
        for n, flat, tree in by_parameters(client, workers, (10, 1_000) if quick else (10, 10_000, 1_000_000)):
            print(f"| {n:,} | {1e3 * flat:.3g} ms | {1e3 * tree:.3g} ms |")
    try:
        draw(rows, BUILD / "distributed.svg")
    except ModuleNotFoundError:
        print("no picture: pip install matplotlib")


if __name__ == "__main__":
    ad.config.set_num_threads(1)
    main(sys.argv[1:])
