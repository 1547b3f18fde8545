"""A whole training step (forward, loss, backward, Adam) side by side with PyTorch's eager mode.

    python tests/benchmarks/bench_training.py [--rounds 4.0] [--allocator kept|default] [--threads 1 2]

Three batch-normalized nets, in float32. All candidates run in one process, in turn, round after round, the order
turning by one; each figure is the median over the rounds of the candidate's time divided by that of PyTorch with its
default Adam in the same round, first on one thread, then on all. On one thread it is the processor's time that counts,
which other processes lengthen only by emptying the caches. What the time of a step goes to is measured stage by stage,
and the peak memory of an epoch of 20 steps in a process of its own for each candidate: by how much the resident size
rises above that of data and net.

With ``--allocator kept`` (the default) glibc is told to keep freed memory; see bench_batchnorm.py for the reason. The
number of threads is set by threadpoolctl, which scikit-learn brings.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import threadpoolctl
from bench_batchnorm import keep_freed_memory

import micrograd_tensor as mt
from micrograd_tensor import nn, optim
from micrograd_tensor.functional.losses import cross_entropy

NETS = {"64-128-128-10, batch 64": 64, "784-512-512-10, batch 256": 256, "digits CNN, batch 64": 64}
OURS, THEIRS, FUSED = "micrograd_tensor", "PyTorch", "PyTorch, fused Adam"
STAGES = ("forward", "backward", "Adam")
Clock = Callable[[], float]
Step = Callable[[Clock], tuple[float, tuple[float, ...]]]


def layers(lib: Any, name: str) -> list[Any]:
    """The same layers in either library; fully connected ones, or those of the digits CNN."""
    if "CNN" in name:
        rows: list[Any] = []
        for c, d, halve in ((1, 16, False), (16, 32, True), (32, 64, True)):
            rows += [lib.Conv2d(c, d, 3, padding=1, bias=False), lib.BatchNorm2d(d), lib.ReLU()]
            rows += [lib.MaxPool2d(2)] if halve else []
        return [*rows, lib.Flatten(), lib.Linear(256, 10)]
    a, b = (64, 128) if name.startswith("64") else (784, 512)
    hidden = [[lib.Linear(i, b), lib.BatchNorm1d(b), lib.ReLU()] for i in (a, b)]
    return [*hidden[0], *hidden[1], lib.Linear(b, 10)]


def data(name: str) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    n = NETS[name]
    shape = (n, 1, 8, 8) if "CNN" in name else (n, 64 if name.startswith("64") else 784)
    return rng.normal(size=shape).astype(np.float32), rng.integers(0, 10, n)


def our_step(name: str) -> tuple[Any, Step]:
    net = nn.Sequential(*layers(nn, name))
    optimizer = optim.Adam(net.parameters())
    x, labels = map(mt.tensor, data(name))

    def step(clock: Clock) -> tuple[float, tuple[float, ...]]:
        times = [clock()]
        optimizer.zero_grad()
        loss = cross_entropy(net(x), labels)
        times.append(clock())
        loss.backward()
        times.append(clock())
        optimizer.step()
        times.append(clock())
        return loss.item(), tuple(times)

    return net, step


def their_step(name: str, start: dict[str, Any], **settings: Any) -> Step:
    import torch

    net = torch.nn.Sequential(*layers(torch.nn, name))
    net.load_state_dict({key: torch.tensor(value) for key, value in start.items()})
    optimizer = torch.optim.Adam(net.parameters(), **settings)
    x, labels = map(torch.tensor, data(name))

    def step(clock: Clock) -> tuple[float, tuple[float, ...]]:
        times = [clock()]
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(x), labels)
        times.append(clock())
        loss.backward()
        times.append(clock())
        optimizer.step()
        times.append(clock())
        return loss.item(), tuple(times)

    return step


def candidates(name: str) -> dict[str, Step]:
    net, ours = our_step(name)
    start = {key: value.numpy().copy() for key, value in net.state_dict().items()}
    steps = {OURS: ours}
    if importlib.util.find_spec("torch"):
        steps |= {THEIRS: their_step(name, start), FUSED: their_step(name, start, fused=True)}
    return steps


def check(name: str) -> None:
    """Every candidate must learn the same, or comparing their times means nothing."""
    losses = {candidate: [step(time.perf_counter)[0] for _ in range(5)] for candidate, step in candidates(name).items()}
    for candidate, found in losses.items():
        np.testing.assert_allclose(found, losses[OURS], rtol=2e-3, err_msg=f"{name}: {candidate}")


def measure(steps: dict[str, Step], seconds: float, clock: Clock) -> dict[str, list[tuple[float, ...]]]:
    """Times of every stage in seconds, round by round, the order turning by one each round."""
    names = list(steps)
    for step in steps.values():
        step(clock)
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in names}
    end, k = time.perf_counter() + seconds, 0
    while time.perf_counter() < end or k < 4 * len(names):
        for name in names[k % len(names) :] + names[: k % len(names)]:
            times = steps[name](clock)[1]
            found[name].append(tuple(b - a for a, b in pairwise(times)))
        k += 1
    return found


def resident(what: str) -> int:
    """Bytes from the kernel's account of this process: VmRSS, or VmHWM for the highest so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(what))


def peak(name: str, candidate: str) -> int:
    """By how many bytes an epoch of 20 steps rises above what data and net take."""
    step = candidates(name)[candidate]
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the highest so far begins anew
    for _ in range(20):
        step(time.perf_counter)
    return resident("VmHWM") - before


def memory(names: list[str]) -> None:
    print("\n| peak memory of an epoch, MiB | " + " | ".join(NETS) + " |\n|---|" + "--:|" * len(NETS))
    for candidate in names:
        row = []
        for net in NETS:
            command = [sys.executable, __file__, "--peak-of", net, candidate]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            row.append(f"{int(done.stdout) / 2**20:.1f}" if done.returncode == 0 else "?")
        print(f"| {candidate} | " + " | ".join(row) + " |")


def compare(threads: int, seconds: float) -> list[str]:
    ratios: dict[str, list[str]] = {}
    stages = []
    for net in NETS:
        check(net)
        found = measure(candidates(net), seconds, time.process_time if threads == 1 else time.perf_counter)
        base = [sum(times) for times in found[THEIRS if THEIRS in found else OURS]]
        for candidate, rounds in found.items():
            middle = [statistics.median(times) * 1e6 for times in zip(*rounds, strict=True)]
            ratio = statistics.median(sum(t) / b for t, b in zip(rounds, base, strict=True))
            ratios.setdefault(candidate, []).append(f"{ratio:.2f}")
            parts = " | ".join(f"{t:,.0f}" for t in (*middle, sum(middle)))
            stages.append(f"| {net} | {candidate} | {parts} |")
    title = "one thread" if threads == 1 else f"{threads} threads"
    print(f"\n| time of a step / PyTorch, {title} | " + " | ".join(NETS) + " |\n|---|" + "--:|" * len(NETS))
    for candidate, row in ratios.items():
        print(f"| {candidate} | " + " | ".join(row) + " |")
    print(f"\n| µs, {title} | | " + " | ".join(STAGES) + " | all |\n|---|---|--:|--:|--:|--:|")
    print("\n".join(stages))
    return list(ratios)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=float, default=4.0, help="seconds for each net (default: 4)")
    parser.add_argument("--allocator", choices=("kept", "default"), default="kept")
    cores = os.cpu_count() or 1
    parser.add_argument("--threads", type=int, nargs="*", default=sorted({1, cores}), help="default: 1 and all cores")
    parser.add_argument("--peak-of", nargs=2, metavar=("NET", "CANDIDATE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.allocator == "kept" and not given.peak_of:
        keep_freed_memory()
    if given.peak_of:
        print(peak(*given.peak_of))
        return
    versions = [f"Python {platform.python_version()}", f"NumPy {np.__version__}"]
    if importlib.util.find_spec("torch"):
        import torch

        versions.append(f"torch {torch.__version__}")
    print(f"{', '.join(versions)}; {platform.machine()}, {cores} cores; allocator: {given.allocator}")
    names = []
    for threads in given.threads:
        if "torch" in sys.modules:
            torch.set_num_threads(threads)
        with threadpoolctl.threadpool_limits(threads):
            names = compare(threads, given.rounds)
    memory(names)


if __name__ == "__main__":
    sys.exit(main())
