"""Large layers, as people write them: how long a check of one takes, and how much memory.

    python tests/benchmarks/bench_large.py [--only conv]

Prints the table in `docs/tutor-catalogue.md`. Each layer of `tests/cli/layers/` is recorded and judged in a process of
its own, on one thread. Seconds are of the processor; memory is how far the process grows beyond its size with
everything imported.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

FOLDER = Path(__file__).parents[1] / "cli" / "layers"
LAYERS = {
    "batch normalization (200, 3072)": ("tuples.py:batchnorm", "x=200x3072,gamma=3072,beta=3072"),
    "the same in three steps": ("tuples.py:batchnorm_alt", "x=200x3072,gamma=3072,beta=3072"),
    "the same in a class, names used again": ("classes.py:BatchNormalization", "x=200x3072,gamma=3072,beta=3072"),
    "naive convolution (4, 3, 32, 32), three filters": ("tuples.py:conv_naive", "x=4x3x32x32,w=3x3x3x3,b=3"),
    "naive convolution over channels too (2, 3, 16, 16)": ("loops.py:conv", "x=2x3x16x16,w=3x3x3x3,b=3"),
    "naive max pooling (4, 3, 32, 32)": ("loops.py:maxpool", "x=4x3x32x32"),
    "lstm (8, 20, 16), hidden 16": ("tuples.py:lstm", "x=8x20x16,h0=8x16,Wx=16x64,Wh=16x64,b=64"),
    "attention by loops, 24 queries": ("loops.py:attention", "q=24x8,k=24x8,v=24x6"),
}


def measured(where: str, shapes: str) -> None:
    """Judge one layer in this process, and print seconds, megabytes and what came of it."""
    from micrograd_tensor.cli import judging
    from micrograd_tensor.cli.exercise import read_layer
    from micrograd_tensor.cli.layers import layers_of
    from micrograd_tensor.cli.shapes_option import values_of
    from micrograd_tensor.cli.user_file import user_file

    file, name = where.split(":")
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with user_file(FOLDER / file) as module:
        layer = layers_of(module)[name]
        task = next(iter(read_layer(module, layer, FOLDER / file, 0, values_of(shapes) if shapes else {})))
        report, _ = judging.judge(task, FOLDER / file)
    seconds, after = time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{seconds:.1f} | {(after - before) * 1024 / 1e6:.0f} | {len(task.captured.nodes)} | {report.ok}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="layers whose names contain this")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        measured(*given.measure)
        return 0
    print("| layer | seconds | megabytes | nodes | right |")
    print("|---|--:|--:|--:|---|")
    for name, row in LAYERS.items():
        if given.only in name:
            command = [sys.executable, __file__, "--measure", *row]
            print(
                f"| {name} | {subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()} |"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
