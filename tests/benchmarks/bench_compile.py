"""Compiled compositions and training steps beside loops by hand, PyTorch and JAX, each figure beside its target.

    python tests/benchmarks/bench_compile.py [--seconds 0.5] [--only NAME]

Every case in turn, in float32, all its candidates in one process on one thread, round after round. A figure is the
median over the rounds of one time divided by another, both the processor's. `micrograd_tensor/cli/compiled_cases.py`
has the cases. PyTorch, its compiler and JAX take part where they are installed; torch.compile needs a C++ compiler too.
"""

from __future__ import annotations

import argparse

from micrograd_tensor.cli.side_by_side import machine, table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each candidate of a case")
    parser.add_argument("--only", default="", help="the cases whose names contain this")
    asked = parser.parse_args()
    print(machine())
    print("\n| case | | µs | beside | µs | figure | target | |\n|---|---|--:|---|--:|--:|--:|---|")
    for row in table(asked.only, asked.seconds):
        ours, theirs = (f"{t:,.1f}" if t else "" for t in (row.ours, row.theirs))
        figure = f"{row.figure:.2f}" if row.against else f"{row.figure:.3g}"
        met = "met" if row.met else "**not met**"
        cells = (row.case, row.of, ours, row.against, theirs, figure, row.target, met)
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
