"""Side by side: the time of compiled functions, of loops written by hand, PyTorch and JAX, and what it should be.

Candidates of a case take turns in one process and on one thread, round after round; that process is another one than
the caller's, since libraries read the number of their threads when they are loaded. Times are the processor's, which
other processes lengthen only by emptying the caches.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

Run: TypeAlias = Callable[[], Any]

OURS = "compiled"
ROUNDS = 7
"""The rounds at least."""
_ONE_THREAD = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"),
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
}


@dataclass(frozen=True)
class Limit:
    """What a figure must not exceed.

    Attributes:
        of: the candidate that is meant.
        against: the candidate whose time its time is divided by; without it, the limit is in microseconds, or a number
            of what `Case.counts` counts.
        target: the limit.
        below: whether it must be less, not only as much.
    """

    of: str
    against: str
    target: float
    below: bool = False


@dataclass(frozen=True)
class Row:
    """A figure beside its target.

    Attributes:
        case: what is computed.
        of: the candidate.
        against: the other one, or "".
        figure: time divided by time, or microseconds, or a number of operations.
        target: what it must not exceed.
        met: whether it does not.
        ours, theirs: the two times in microseconds, of the processor; medians.
    """

    case: str
    of: str
    against: str
    figure: float
    target: str
    met: bool
    ours: float
    theirs: float

    def __str__(self) -> str:
        sign = f"{self.figure:.2f} × {self.against}" if self.against else f"{self.figure:.3g}"
        return f"{self.case}: {self.of} {sign}, target {self.target}: {'met' if self.met else 'not met'}"


@dataclass(frozen=True)
class Case:
    """What is computed, by whom, and how long it may take.

    Attributes:
        candidates: what runs, by name; `OURS` is among them. Libraries that are not installed are left out.
        limits: the targets.
        counts: numbers that are not measured by running candidates, by what they count.
    """

    candidates: Mapping[str, Run]
    limits: Iterable[Limit]
    counts: Mapping[str, float] | None = None


def rows(name: str, case: Case, seconds: float) -> Iterator[Row]:
    """The figures of a case."""
    times, counts = measured(case.candidates, seconds), case.counts or {}
    for limit in case.limits:
        ours, theirs = times.get(limit.of, []), times.get(limit.against, [])
        if limit.of in counts:
            figure, unit = float(counts[limit.of]), ""
        elif ours and theirs:
            figure, unit = statistics.median(a / b for a, b in zip(ours, theirs, strict=True)), ""
        elif ours and not limit.against:
            figure, unit = statistics.median(ours), " µs"
        else:
            continue  # not installed
        target = f"{'<' if limit.below else '≤'} {limit.target:g}{unit}"
        met = figure < limit.target if limit.below else figure <= limit.target
        both = (statistics.median(t) if t else 0.0 for t in (ours, theirs))
        yield Row(name, limit.of, limit.against, figure, target, met, *both)


def measured(candidates: Mapping[str, Run], seconds: float, clock: Callable[[], float] = time.process_time) -> Any:
    """For each candidate its times in microseconds, one for each round, in which all take turns.

    Args:
        candidates: what runs.
        seconds: how long each of them is measured.
        clock: tells the time.
    """
    repeats = {}
    for name, run in candidates.items():
        for _ in range(3):
            run()
        started = time.perf_counter()
        run()
        repeats[name] = max(1, int(2e-2 / max(time.perf_counter() - started, 1e-7)))
    times: dict[str, list[float]] = {name: [] for name in candidates}
    end = time.perf_counter() + seconds * len(candidates)
    rounds = 0
    while time.perf_counter() < end or rounds < ROUNDS:
        for name, run in candidates.items():
            started = clock()
            for _ in range(repeats[name]):
                run()
            times[name].append((clock() - started) / repeats[name] * 1e6)
        rounds += 1
    return times


def table(only: str = "", seconds: float = 0.5) -> Iterator[Row]:
    """All figures, as they are measured, in a process of their own.

    Args:
        only: measures the cases whose names contain this.
        seconds: how long each candidate of a case is measured.

    Raises:
        RuntimeError: where that process ends with an error.
    """
    command = [sys.executable, "-m", f"{__package__}.compiled_cases", "--only", only, "--seconds", str(seconds)]
    environment = {**os.environ, **_ONE_THREAD}
    with subprocess.Popen(  # noqa: S603 -- itself
        command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as child:
        try:
            for line in child.stdout or ():
                if line.startswith("{"):
                    yield Row(**json.loads(line))
        except BaseException:  # whoever reads has had enough, or Ctrl-C, which goes to this process alone
            child.kill()
            raise
    if child.returncode:
        raise RuntimeError(f"the measuring process ended with {child.returncode}; its error is above")


def machine() -> str:
    """What the figures are of: Python, libraries, processor."""
    versions = [f"Python {platform.python_version()}"]
    for name in ("numpy", "numba", "torch", "jax"):
        with suppress(importlib.metadata.PackageNotFoundError):
            versions.append(f"{name} {importlib.metadata.version(name)}")
    return f"{', '.join(versions)}; {_processor()}, one thread"


def _processor() -> str:
    with suppress(OSError, StopIteration), Path("/proc/cpuinfo").open(encoding="utf-8") as file:
        return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    return platform.processor() or platform.machine()
