"""Compiled compositions and training steps, side by side with eager ones, NumPy, loops by hand, and PyTorch.

    python tests/benchmarks/bench_compile.py [--seconds 0.5] [--only NAME]

All candidates run in one process on one thread, in turn, round after round, in float32. A figure is processor time in
microseconds, the median over the rounds with the least in parentheses. Compilation comes first and is told apart.
PyTorch takes part where it is installed.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_variable] = "1"

import numpy as np  # noqa: E402 -- the number of threads is read at import

import micrograd_tensor as mt  # noqa: E402
from micrograd_tensor import nn, optim  # noqa: E402

try:
    import torch

    torch.set_num_threads(1)
except ImportError:  # pragma: no cover
    torch = None  # type: ignore[assignment]

Run = Callable[[], Any]
EPS = 1e-5
SHAPES = ((32, 16), (128, 100), (512, 512), (4096, 1024), (65536, 64))


def hand_written() -> tuple[Any, Any]:
    """Batch normalization as one would write it for Numba: forward in three sweeps, backward in two."""
    import numba

    fast = numba.njit(fastmath={"reassoc", "contract", "nsz"}, error_model="numpy")

    @fast
    def forward(x, gamma, beta, out, mean, scale):  # type: ignore[no-untyped-def]
        n, d = x.shape
        var = np.zeros(d, np.float32)
        mean[:] = 0
        for i in range(n):
            for j in range(d):
                mean[j] += x[i, j]
        for j in range(d):
            mean[j] /= np.float32(n)
        for i in range(n):
            for j in range(d):
                dev = x[i, j] - mean[j]
                var[j] += dev * dev
        for j in range(d):
            scale[j] = np.float32(1) / np.sqrt(var[j] / np.float32(n) + np.float32(EPS))
        for i in range(n):
            for j in range(d):
                out[i, j] = (x[i, j] - mean[j]) * (scale[j] * gamma[j]) + beta[j]

    @fast
    def backward(x, gamma, dout, mean, scale, dx, dgamma, dbeta):  # type: ignore[no-untyped-def]
        n, d = x.shape
        dgamma[:] = 0
        dbeta[:] = 0
        for i in range(n):
            for j in range(d):
                dbeta[j] += dout[i, j]
                dgamma[j] += dout[i, j] * (x[i, j] - mean[j])
        a, b, c = np.empty(d, np.float32), np.empty(d, np.float32), np.empty(d, np.float32)
        for j in range(d):
            dgamma[j] *= scale[j]
            a[j] = gamma[j] * scale[j]
            b[j] = a[j] * scale[j] * dgamma[j] / np.float32(n)
            c[j] = a[j] * dbeta[j] / np.float32(n)
        for i in range(n):
            for j in range(d):
                dx[i, j] = dout[i, j] * a[j] - (x[i, j] - mean[j]) * b[j] - c[j]

    return forward, backward


def staged(x: Any, gamma: Any, beta: Any, dout: Any) -> Run:
    """Batch normalization in NumPy, stage by stage, with the closed form of its gradient."""
    n = np.float32(len(x))

    def run() -> Any:
        dev = x - x.mean(axis=0)
        stddev = np.sqrt(np.square(dev).mean(axis=0) + np.float32(EPS))
        x_norm = dev / stddev
        out = x_norm * gamma + beta
        dgamma, dbeta = (dout * x_norm).sum(axis=0), dout.sum(axis=0)
        return out, gamma * (dout - dbeta / n - dgamma * x_norm / n) / stddev, dgamma, dbeta

    return run


def with_gradients(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function with the gradients of its differentiable inputs; its first argument is the upstream."""

    def both(upstream: Any, *given: Any) -> Any:
        y = function(*given)
        return y.detach(), mt.grad(y, [x for x in given if x.requires_grad], upstream if y.shape else None)

    return both


def of_torch(function: Callable[..., Any], upstream: Any, given: list[Any]) -> Run:
    inputs = [torch.from_numpy(x).requires_grad_(x.dtype.kind == "f") for x in given]
    g = torch.from_numpy(upstream)

    def run() -> Any:
        y = function(*inputs)
        return y, torch.autograd.grad(y, [x for x in inputs if x.requires_grad], g if y.shape else None)

    return run


def candidates(name: str, shape: tuple[int, int]) -> dict[str, Run]:
    """What computes one function and its gradients."""
    rng = np.random.default_rng(0)
    n, d = shape
    x, dout = (rng.normal(size=shape).astype("f4") for _ in range(2))
    w, b = (rng.normal(size=d).astype("f4") for _ in range(2))
    target = rng.integers(0, d, n)
    ours: dict[str, tuple[Callable[..., Any], list[Any]]] = {
        "batch norm": (mt.batch_norm, [x, w, b]),
        "layer norm": (lambda x, w, b: mt.layer_norm(x, d, w, b), [x, w, b]),
        "rms norm": (lambda x, w: mt.rms_norm(x, d, w), [x, w]),
        "cross-entropy": (mt.cross_entropy, [x, target]),
        "l2 normalize": (lambda x: x / mt.sqrt((x * x).sum(axis=1, keepdims=True)), [x]),
        "gelu": (mt.gelu, [x]),
        "softmax": (mt.softmax, [x]),
    }
    function, given = ours[name]
    both = with_gradients(function)
    fast = mt.compile(both)
    tensors = [mt.tensor(v, requires_grad=v.dtype.kind == "f") for v in given]
    upstream = mt.tensor(dout)
    started = time.process_time()
    fast(upstream, *tensors)
    print(f"  {name} {shape}: traced and compiled in {time.process_time() - started:.2f} s")
    program = fast._latest.built.run  # type: ignore[union-attr]
    arrays = [dout, *given] if name != "cross-entropy" else given
    found: dict[str, Run] = {
        "compiled": lambda: fast(upstream, *tensors),
        "its program": lambda: program(*arrays),
        "eager": lambda: both(upstream, *tensors),
    }
    if name == "batch norm":
        found["staged NumPy"] = staged(x, w, b, dout)
        with contextlib.suppress(ImportError):
            forward, backward = hand_written()

            def by_hand() -> None:
                out, dx, row = np.empty_like(x), np.empty_like(x), np.empty((4, d), np.float32)
                forward(x, w, b, out, row[0], row[1])
                backward(x, w, dout, row[0], row[1], dx, row[2], row[3])

            found["by hand"] = by_hand
    if torch is not None:
        f = torch.nn.functional
        theirs: dict[str, Callable[..., Any]] = {
            "batch norm": lambda x, w, b: f.batch_norm(x, None, None, w, b, training=True, eps=EPS),
            "layer norm": lambda x, w, b: f.layer_norm(x, (d,), w, b),
            "rms norm": lambda x, w: f.rms_norm(x, (d,), w),
            "cross-entropy": f.cross_entropy,
            "l2 normalize": lambda x: f.normalize(x),
            "gelu": f.gelu,
            "softmax": lambda x: f.softmax(x, -1),
        }
        found["PyTorch"] = of_torch(theirs[name], dout, given)
    return found


def training(sizes: tuple[int, ...], batch: int, norm: bool) -> dict[str, Run]:
    """One step of a net of linear layers with Adam."""
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(batch, sizes[0])).astype("f4"), rng.integers(0, sizes[-1], batch)

    def net(layers: Any) -> Any:
        parts: list[Any] = []
        for n, m in pairwise(sizes):
            parts.append(layers.Linear(n, m))
            if m is not sizes[-1]:
                parts += [layers.BatchNorm1d(m)] if norm else []
                parts.append(layers.ReLU())
        return layers.Sequential(*parts)

    def step_of(model: Any, optimizer: Any, loss_of: Any, x: Any, target: Any) -> Run:
        def step() -> Any:
            optimizer.zero_grad()
            loss = loss_of(model(x), target)
            loss.backward()
            optimizer.step()
            return loss

        return step

    eager = net(nn)
    plain = step_of(eager, optim.Adam(eager.parameters(), lr=1e-3), mt.cross_entropy, mt.tensor(x), mt.tensor(target))
    model = net(nn)
    optimizer = optim.Adam(model.parameters(), lr=1e-3)

    @mt.compile
    def fast(x: Any, target: Any) -> Any:
        optimizer.zero_grad()
        loss = mt.cross_entropy(model(x), target)
        loss.backward()
        optimizer.step()
        return loss.detach()

    started = time.process_time()
    fast(x, target)
    fast(x, target)
    print(f"  step {'-'.join(map(str, sizes))}: traced and compiled in {time.process_time() - started:.2f} s")
    weights = [(rng.normal(size=(n, m)).astype("f4")) for n, m in pairwise(sizes)]

    def products() -> None:
        h = x
        kept = []
        for w in weights:
            kept.append(h)
            h = h @ w
        for k, w in reversed([*enumerate(weights)]):
            _ = kept[k].T @ h
            h = h @ w.T if k else h

    found: dict[str, Run] = {"compiled": lambda: fast(x, target), "eager": plain, "its matmuls": products}
    if torch is not None:
        theirs = net(torch.nn)
        adam = torch.optim.Adam(theirs.parameters(), lr=1e-3)
        loss_of = torch.nn.functional.cross_entropy
        found["PyTorch"] = step_of(theirs, adam, loss_of, torch.from_numpy(x), torch.from_numpy(target))
    return found


def measured(found: dict[str, Run], seconds: float) -> Iterator[str]:
    """A line for the candidates of a case, which take turns."""
    repeats = {}
    for name, run in found.items():
        run()
        started = time.perf_counter()
        run()
        repeats[name] = max(1, int(2e-3 / max(time.perf_counter() - started, 1e-7)))
    times: dict[str, list[float]] = {name: [] for name in found}
    end = time.perf_counter() + seconds * len(found)
    while time.perf_counter() < end or len(times[next(iter(times))]) < 5:
        for name, run in found.items():
            started = time.process_time()
            for _ in range(repeats[name]):
                run()
            times[name].append((time.process_time() - started) / repeats[name] * 1e6)
    for name, each in times.items():
        yield f"{name} {statistics.median(each):,.1f} ({min(each):,.1f})"


CASES: dict[str, Callable[[], dict[str, Run]]] = {
    **{f"batch norm {s}": lambda s=s: candidates("batch norm", s) for s in SHAPES},  # type: ignore[misc]
    **{
        f"{name} {s}": lambda name=name, s=s: candidates(name, s)  # type: ignore[misc]
        for name in ("layer norm", "rms norm", "cross-entropy", "l2 normalize", "gelu", "softmax")
        for s in ((128, 100), (4096, 1024))
    },
    "step 64-128-128-10, batch norm": lambda: training((64, 128, 128, 10), 64, True),
    "step 784-512-512-10": lambda: training((784, 512, 512, 10), 256, False),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each candidate of a case")
    parser.add_argument("--only", default="", help="the cases whose names contain this")
    asked = parser.parse_args()
    versions = []
    for name in ("numpy", "numba", "torch"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions.append(f"{name} {importlib.metadata.version(name)}")
    print(f"Python {platform.python_version()}, {', '.join(versions)}, {platform.machine()}; µs of processor time")
    for name, make in CASES.items():
        if asked.only in name:
            found = make()
            print(f"{name}: {'; '.join(measured(found, asked.seconds))}", flush=True)


if __name__ == "__main__":
    main()
