"""Batch norm over more rows than one likes to hold: forward, all gradients and the statistics, time and peak memory.

    python tests/benchmarks/bench_dask.py                            # threads, then one and two worker processes
    python tests/benchmarks/bench_dask.py --sizes 1 2 4 8 --threads 2

Size 1 is 500,000 × 64 float32, 122 MiB; size 8, 977 MiB. Every chunk of x and dout is made where it is needed, and
every chunk of out and dx is added up and let go, as it would be written to a file. Each line is a process of its own.
"Driver" and "worker" are by how much more a process held at its peak than idle, after a run of two chunks has imported
everything; of the worker that held most. "All" is the peaks of all these processes together, with Python and all that
is imported.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import numpy as np

UNIT, FEATURES, CHUNK = 500_000, 64, 25_000


def made(block, seed, scale):
    """A chunk of random numbers."""
    rng = np.random.default_rng([seed, block["chunk-location"][0]])
    shape = [b - a for a, b in block["array-location"]]
    return scale * rng.standard_normal(shape, np.float32) + np.float32(seed)


def lazy(rows, seed, scale=1):
    """Lazy numbers ``(rows, FEATURES)``."""
    import dask.array as da

    def chunk(block_info=None):
        return made(block_info[None], seed, np.float32(scale))

    chunks = (tuple(min(CHUNK, rows - k) for k in range(0, rows, CHUNK)), (FEATURES,))
    return da.map_blocks(chunk, chunks=chunks, dtype=np.float32, meta=np.empty((0, 0), np.float32))


def work(rows):
    """Statistics, and sums of out and dx, of x's batch norm and its gradients."""
    import dask

    import micrograd_tensor as mt

    x = mt.tensor(lazy(rows, 1, 2), name="x", requires_grad=True)
    gamma, beta = (mt.tensor(np.full(FEATURES, v, np.float32), requires_grad=True) for v in (1.5, 0.5))
    out = mt.batch_norm(x, gamma, beta)
    mean, var = x.mean(axis=0), mt.var(x, axis=0)
    out.backward(lazy(rows, 2))
    wanted = [mean, var, out, x.grad, gamma.grad, beta.grad]
    mean, var, out, dx, dgamma, dbeta = mt.training.in_passes(*wanted)
    return dask.compute(mean, var, dgamma, dbeta, written(out), written(dx))


def written(array):
    """What is left of an array whose chunks go somewhere, one by one."""
    return array.map_blocks(
        lambda part: part.sum(axis=0, keepdims=True), chunks=((1,) * len(array.chunks[0]), (FEATURES,))
    )


def peak():
    """The most memory that this process has had, in MiB; without what the process that began it had, where it shows."""
    status = Path("/proc/self/status")
    if status.exists():
        return (
            next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 2**10
        )
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def now():
    """The memory of this process, in MiB."""
    import psutil

    return psutil.Process(os.getpid()).memory_info().rss / 2**20


def line(size, workers, threads):
    """Seconds, growth of the driver and of the worker that grew most, and the peaks of all processes together."""
    import dask
    import dask.array

    import micrograd_tensor as mt

    mt.training.in_passes(dask.array.ones(4, chunks=2))
    if not workers:
        with dask.config.set(scheduler="threads", num_workers=threads):
            seconds, driver, _, everything = measured(size, lambda function: {})
        return seconds, driver, 0.0, everything
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        return measured(size, client.run)


def measured(size, run):
    """What `line` returns; ``run`` calls a function in every worker."""
    work(2 * CHUNK)  # what is imported on the way is not the data's
    before, idle = now(), run(now)
    start = perf_counter()
    work(round(size * UNIT))
    seconds, peaks = perf_counter() - start, run(peak)
    worker = max((peaks[name] - idle[name] for name in peaks), default=0.0)
    return seconds, peak() - before, worker, peak() + sum(peaks.values())


def main():
    """Print a table, one process for each line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=float, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2], help="processes; 0 for threads alone")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--line", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.line:
        print(json.dumps(line(*json.loads(given.line))))
        return
    print(f"{'rows':>10} {'MiB':>6}  {'computed by':14} {'seconds':>8} {'driver':>8} {'worker':>8} {'all':>8}, MiB")
    for workers in given.workers:
        for size in given.sizes:
            call = [sys.executable, __file__, "--line", json.dumps([size, workers, given.threads])]
            printed = subprocess.run(call, check=True, stdout=subprocess.PIPE, text=True).stdout
            seconds, driver, worker, everything = json.loads(printed.splitlines()[-1])
            rows = round(size * UNIT)
            who = f"{workers} worker{'s' * (workers > 1)}" if workers else f"{given.threads} threads"
            grew = f"{driver:8.0f} {worker:8.0f} {everything:8.0f}"
            print(f"{rows:10,} {rows * FEATURES * 4 / 2**20:6.0f}  {who:14} {seconds:8.1f} {grew}", flush=True)


if __name__ == "__main__":
    main()
