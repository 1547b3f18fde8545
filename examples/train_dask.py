"""Train on Dask's workers: the handwritten digits, and a set of samples that is larger than a worker may hold at once.

    python examples/train_dask.py                        # two workers
    python examples/train_dask.py --workers 4 --rows 8_000_000

Both sets lie in .npy files, which the workers map into memory; the driver holds the nets and sends numbers of samples.
Needs ``pip install 'micrograd-tensor[dask,train]'``.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from distributed import Client, LocalCluster
from numpy.lib.format import open_memmap

import micrograd_tensor as mt
from micrograd_tensor import nn, optim
from micrograd_tensor.training import NpyFiles, fit
from micrograd_tensor.training.digits import load_digits, mlp

FEATURES = 64
CHUNK = 100_000


def digits(folder: Path, client: Client) -> None:
    """The digits net of ``micrograd-tensor train``, with each shard's own statistics, and once more in this process."""
    x, labels = load_digits()
    np.save(folder / "digits.npy", x)
    np.save(folder / "labels.npy", labels)
    states = []
    for where in (client, None):
        model = mlp(True, np.random.default_rng(0))
        data = NpyFiles(folder / "digits.npy", folder / "labels.npy")
        losses = fit(model, mt.cross_entropy, optim.AdamW(model.parameters()), data, epochs=3, client=where)
        states.append(b"".join(np.asarray(value.numpy()).tobytes() for value in model.state_dict().values()))
        print(f"digits, {'workers' if where else 'one process'}: loss {losses[0]:.4f} → {losses[-1]:.4f}")
    print("the same bits:", states[0] == states[1])


def write(folder: Path, rows: int) -> NpyFiles:
    """Points of two kinds that a plane nearly separates, chunk by chunk."""
    rng = np.random.default_rng(0)
    direction = rng.normal(size=FEATURES).astype(np.float32)
    x = open_memmap(folder / "x.npy", "w+", np.float32, (rows, FEATURES))
    labels = open_memmap(folder / "y.npy", "w+", np.int64, (rows,))
    for k in range(0, rows, CHUNK):
        part = rng.standard_normal((min(CHUNK, rows - k), FEATURES), np.float32) * 3 + 10
        x[k : k + CHUNK] = part
        labels[k : k + CHUNK] = (part - 10) @ direction + rng.standard_normal(len(part)) > 0
        x.flush()
    return NpyFiles(folder / "x.npy", folder / "y.npy")


def large(folder: Path, client: Client, rows: int) -> None:
    """One epoch over samples that are read where they are needed."""
    data = write(folder, rows)
    rng = np.random.default_rng(0)
    layers = nn.BatchNorm1d(FEATURES), nn.Linear(FEATURES, 32, generator=rng), nn.ReLU()
    model = nn.Sequential(*layers, nn.Linear(32, 2, generator=rng))
    step = partial(fit, model, mt.cross_entropy, optim.Adam(model.parameters(), lr=0.01), data)
    seen: list[float] = []
    step(batch_size=20_000, shards=8, shuffle=False, client=client, on_step=lambda _, loss: seen.append(loss))
    print(f"{rows:,} × {FEATURES}, {rows * FEATURES * 4 / 2**20:.0f} MiB: loss {seen[0]:.3f} → {seen[-1]:.3f}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Train both."""
    parser = argparse.ArgumentParser(description="Train on Dask's workers.")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rows", type=int, default=4_000_000, help="of the large set; 4,000,000 are 977 MiB")
    parser.add_argument("--limit", default="600MiB", help="the memory that a worker may use")
    given = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalCluster(
            n_workers=given.workers, threads_per_worker=1, memory_limit=given.limit, dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
    ):
        digits(Path(folder), client)
        large(Path(folder), client, given.rows)


if __name__ == "__main__":
    main()
