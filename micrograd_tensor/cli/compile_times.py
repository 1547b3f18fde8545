"""Compile times: how long it takes until a compiled function runs, in processes that have not compiled anything yet."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from .. import nn, optim
from ..compile import compile as compiled
from ..compile.kernels import Made
from ..engine.tensor import tensor
from ..engine.walk import grad
from ..functional.normalization import batch_norm
from .compiled_steps import SMALL, compiled_step, dense
from .side_by_side import Case, Limit

FIRST, MORE, TRACE = "s, the first kernel", "s, each other kernel", "s, trace and lower"
FROM_DISK = " from the disk"
TARGETS = {FIRST: 1.5, MORE: 0.5, FIRST + FROM_DISK: 0.4, MORE + FROM_DISK: 0.03, TRACE: 0.06}
"""The seconds that each may take."""


def compile_times() -> Case:
    """The times of a process with an empty cache, and of one that comes after it; the least of three such pairs."""
    pairs = []
    for _ in range(3):
        with TemporaryDirectory() as folder:
            pairs.append([_in_a_process(folder), _in_a_process(folder)])
    counts = {name: min(cold[name] for cold, _ in pairs) for name in (FIRST, MORE, TRACE)}
    counts |= {name + FROM_DISK: min(warm[name] for _, warm in pairs) for name in (FIRST, MORE)}
    return Case({}, [Limit(name, "", target) for name, target in TARGETS.items()], counts)


def _in_a_process(folder: str) -> dict[str, float]:
    command = [sys.executable, "-m", __name__]
    environment = {**os.environ, "MICROGRAD_TENSOR_CACHE": folder}
    said = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)  # noqa: S603 -- itself
    found: dict[str, float] = json.loads(said.stdout.splitlines()[-1])
    return found


def _first() -> None:
    """A function of one kernel."""
    rng = np.random.default_rng(0)
    x, gamma, beta = (tensor(rng.normal(size=n).astype("f4"), requires_grad=True) for n in ((64, 9), 9, 9))
    function = compiled(lambda dout, *given: grad(batch_norm(*given), given, dout))
    function(tensor(rng.normal(size=(64, 9)).astype("f4")), x, gamma, beta)


def _step() -> Any:
    """A training step, compiled in its first call: 64-128-BN-ReLU-128-BN-ReLU-10, batch 64, Adam."""
    model = dense(SMALL, norm=True)(nn)
    step = compiled_step(model, optim.Adam(model.parameters()))
    rng = np.random.default_rng(0)
    step(rng.normal(size=(64, 64)).astype("f4"), rng.integers(0, 10, 64))
    return step


def main() -> None:
    """Write the times of this process, which are the processor's."""
    made: list[Made] = []
    first, whole = _took(_first), _took(lambda: made.extend(_step().report().facts.made))
    known = min(_took(_step) for _ in range(5))  # whose kernels are in memory by now
    new = sum(kernel.origin in ("compiled", "disk") for kernel in made)
    sys.stdout.write(json.dumps({FIRST: first, MORE: max(0.0, whole - known) / max(1, new), TRACE: known}))


def _took(run: Any) -> float:
    started = time.process_time()
    run()
    return time.process_time() - started


if __name__ == "__main__":
    main()
