"""People's layers as they are: how many run unchanged, how much of them is judged, and that right ones are never wrong.

    python tests/benchmarks/bench_layers.py [--derivations 10000] [--style tuples]

Prints the table of `docs/tutor.md`. The layers are those in `tests/cli/layers/`, one file for each personal style. A
gradient is judged if a verdict was given on it, or its value is known; counted are the arrays of floats that a backward
pass assigns under a name that begins with d. A derivation is a layer at inputs and an upstream gradient of their own.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

import numpy as np  # noqa: E402 -- the number of threads is read at import

from micrograd_tensor.cli.judging_layers import judge_layer  # noqa: E402
from micrograd_tensor.cli.layers import Layer, layers_of  # noqa: E402
from micrograd_tensor.cli.unusable import UnusableError  # noqa: E402
from micrograd_tensor.cli.user_file import user_file  # noqa: E402

FOLDER = Path(__file__).parents[1] / "cli" / "layers"
_SECONDS = 1.0
"""A layer that takes longer than this is run at fewer points."""


@dataclass
class Tally:
    """One line of the table."""

    layers: int = 0
    run: int = 0
    gradients: int = 0
    judged: int = 0
    derivations: int = 0
    wrong: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        for name in ("layers", "run", "gradients", "judged", "derivations"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.wrong += other.wrong
        self.refused += other.refused


def counted(module: Any, layer: Layer, path: Path, points: int) -> Tally:
    """A layer at a number of points, the first of them looked at closely."""
    tally, place = Tally(layers=1), f"{path.stem}:{layer.name}"
    started = time.process_time()
    for seed in range(points):
        try:
            task, report, ran = judge_layer(module, layer, path, seed, {})
        except UnusableError as error:
            tally.refused.append(f"{place}: {str(error).splitlines()[-1][:100]}")
            break
        tally.derivations += 1
        if not report.ok or ran.error is not None:
            tally.wrong.append(f"{place}, seed {seed}: {', '.join(report.wrong) or ran.error or 'not judged'}")
        if seed == 0:
            tally.run += 1
            arrays = {key for key, x in ran.names.items() if key[:1] == "d" and isinstance(x, np.ndarray) and x.ndim}
            arrays = {key for key in arrays - {*task.ignored} if ran.names[key].dtype.kind == "f"}
            tally.gradients += len(arrays)
            tally.judged += len(arrays & {*report.keys.values(), *report.matched})
            if time.process_time() - started > _SECONDS:
                points = max(points // 20, 1)
        if seed + 1 >= points:
            break
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--derivations", type=int, default=10_000, help="about so many in all (default: 10000)")
    parser.add_argument("--style", help="the layers of one file alone")
    given = parser.parse_args()
    files = [path for path in sorted(FOLDER.glob("*.py")) if given.style in (None, path.stem)]
    found: dict[str, Tally] = {}
    for path in files:
        with user_file(path) as module:
            layers = layers_of(module)
            for layer in layers.values():
                tally = counted(module, layer, path, max(given.derivations // 130, 1))
                found.setdefault(path.stem, Tally()).add(tally)
    found["in all"] = Tally()
    for name, tally in list(found.items())[:-1]:
        found["in all"].add(tally)
        print(name, end=" ", file=sys.stderr)
    print("| style | layers | run unchanged | gradients of stages | judged | right derivations | called wrong |")
    print("|---|" + "--:|" * 6)
    for name, t in found.items():
        share = t.judged / max(t.gradients, 1)
        cells = (t.layers, t.run, t.gradients, f"{t.judged} ({share:.1%})", f"{t.derivations:,}", len(t.wrong))
        print(f"| {name} | {' | '.join(map(str, cells))} |")
    for line in (*found["in all"].refused, *found["in all"].wrong):
        print(f"    {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
