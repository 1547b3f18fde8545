"""The gradient tutor, counted: how many mistakes it finds at their line, and how many it calls by their kind.

    python tests/benchmarks/bench_tutor.py [--points 200] [--only catalogue] [--processes 2] [--misses]

Prints the tables of `docs/tutor-catalogue.md`. How it is counted is in `tests/check/counting.py`: plain NumPy decides
if a mistake can be seen at a point, and all kinds of mistake that give the same numbers there are right.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"
sys.path.insert(0, str(Path(__file__).parents[1] / "check"))

import numpy as np  # noqa: E402 -- the number of threads is read at import
from catalogue import CATALOGUE, SHAPES, point  # noqa: E402
from counting import Case, derivation, final, machine, pair, place, single  # noqa: E402
from everyday_layers import ASIDE, DEVELOPED  # noqa: E402
from planted import judged  # noqa: E402
from right_derivations import called_wrong  # noqa: E402

DERIVATIONS = (
    "batchnorm",
    "layernorm",
    "softmax_cross_entropy",
    "l2_normalize",
    "lstm_cell",
    "two_layer_net",
    "attention",
    "conv2d",
)
BACKWARD = [mistake for mistake in CATALOGUE if mistake.wrong and not mistake.forward]
PAIRS = list(itertools.combinations(BACKWARD, 2))
CHUNK = 500
"""So many correct derivations are one task."""


@dataclass
class Tally:
    """One line of a table."""

    made: int = 0
    observable: int = 0
    localised: int = 0
    false_alarms: int = 0
    to_name: int = 0
    named: int = 0
    declined: int = 0
    wrongly: int = 0
    misses: Counter[str] = field(default_factory=Counter)

    def count(self, case: Case) -> None:
        self.made += 1
        self.observable += case.observable
        self.localised += case.observable and case.localised
        self.false_alarms += not case.observable and not case.localised
        self.declined += case.declined
        if case.observable and case.expected and not case.declined:
            self.to_name += 1
            self.named += case.named
            if not case.named:
                self.misses[f"{case.what}: {', '.join(case.first) or 'not found'}"] += 1
        if not case.localised:
            self.misses[f"{case.what}: found elsewhere or not at all"] += 1

    def add(self, other: Tally) -> Tally:
        for name in ("made", "observable", "localised", "false_alarms", "to_name", "named", "declined", "wrongly"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.misses += other.misses
        return self


Task = tuple[str, Any, int]
"""Which table, which row of it, and the seed."""


def of_catalogue(shape: Any, seed: int) -> Iterator[Case]:
    at = point(shape, seed)
    return (single(at, mistake) for mistake in CATALOGUE)


def of_pairs(shape: Any, seed: int) -> Iterator[Case]:
    at, made = point(shape, seed), random.Random(seed).sample(PAIRS, len(PAIRS) // 10)  # noqa: S311 -- a sample
    return (case for one, other in made if (case := pair(at, one, other)))


def of_dx_alone(shape: Any, seed: int) -> Iterator[Case]:
    at = point(shape, seed)
    return (case for mistake in BACKWARD if (case := final(at, mistake)))


def of_machine(name: Any, seed: int) -> Iterator[Case]:
    of = derivation(name)
    return machine(of, place(of, seed))


EVERYDAY = {
    "developed with": (DEVELOPED, False),
    "kept aside": (ASIDE, False),
    "developed with, inputs alone": (DEVELOPED, True),
    "kept aside, inputs alone": (ASIDE, True),
}
"""The layers that were looked at while hypotheses were written, and others; all gradients, and those of inputs."""


def of_everyday(row: Any, seed: int) -> Tally:
    """Mistakes of fifty kinds in layers that the dictionary was not written for."""
    tally, (layers, ends) = Tally(), EVERYDAY[row]
    for layer in layers:
        for found in judged(layer, seed, most=1 if ends else 4, ends=ends):
            tally.made += 1
            tally.observable += found.visible
            tally.localised += found.visible and found.localised
            tally.false_alarms += not found.visible and not found.localised
            tally.named += found.named == "rightly"
            tally.wrongly += found.named == "wrongly"
            if found.visible and (found.named != "rightly" or not found.localised):
                told = ", ".join(found.told) or "nothing"
                where = "" if found.localised else " (found elsewhere, not at all or as several)"
                tally.misses[f"{found.kind}: {found.what}: {told}{where}"] += 1
    return tally


TABLES: dict[str, tuple[str, tuple[Any, ...], Callable[[Any, int], Iterable[Case]]]] = {
    "catalogue": ("The catalogue, batch normalization of shape", SHAPES, of_catalogue),
    "pairs": ("Two of them at once", SHAPES, of_pairs),
    "dx": ("Only dx given", SHAPES, of_dx_alone),
    "machine": ("Made by machine in", DERIVATIONS, of_machine),
}


def counted(task: Task) -> tuple[Task, Tally]:
    """Do one task."""
    table, row, seed = task
    tally = Tally()
    if table == "right":
        tally.made, wrong = called_wrong(CHUNK, seed * CHUNK)
        tally.false_alarms, tally.misses = len(wrong), Counter(wrong)
        return task, tally
    if table == "everyday":
        return task, of_everyday(row, seed)
    with np.errstate(all="ignore"):
        for case in TABLES[table][2](row, seed):
            tally.count(case)
    return task, tally


def tasks(given: argparse.Namespace) -> list[Task]:
    # The catalogue is run at every point; what grows with its square, or with every line of a source, at fewer.
    points = {"catalogue": given.points, "dx": given.points, "pairs": given.points // 10, "machine": given.points // 20}
    made: list[Task] = [
        (table, row, seed)
        for table, (_, rows, _) in TABLES.items()
        for row in rows
        for seed in range(max(points[table], 1))
    ]
    made += [("everyday", row, seed) for row in EVERYDAY for seed in range(max(given.points // 40, 1))]
    made += [("right", "", seed) for seed in range(max(given.points * 50 // CHUNK, 1))]
    return [task for task in made if given.only in (None, task[0])]


def share(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,}" + (f" ({part / whole:.1%})" if part != whole else "")


def show(table: str, rows: dict[Any, Tally]) -> None:
    """One table, in Markdown."""
    title = TABLES[table][0]
    named = table != "pairs"
    headings = ["planted", "visible", "found in their line, and no other", *(["right kind first"] if named else [])]
    if table == "dx":
        headings = ["planted", "dx differs", "called wrong", "right paths named", "fewer samples than paths"]
    print(f"\n| {title} | {' | '.join(headings)} |\n|---|{'--:|' * len(headings)}")
    for row, tally in rows.items():
        cells = [f"{tally.made:,}", f"{tally.observable:,}", share(tally.localised, tally.observable)]
        cells += [share(tally.named, tally.to_name)] if named else []
        cells += [f"{tally.declined:,}"] if table == "dx" else []
        print(f"| {row} | {' | '.join(cells)} |")
    alarms = sum(tally.false_alarms for tally in rows.values())
    if table != "dx":
        print(f"\nInvisible ones that were called wrong nevertheless: {alarms}.")


def show_everyday(rows: dict[Any, Tally]) -> None:
    """The table of the layers, whose diagnoses are also counted where they are wrong."""
    print("\n| Fifty kinds, in layers | planted | visible | found, and no other | named rightly | wrongly |")
    print("|---|--:|--:|--:|--:|--:|")
    for row, tally in rows.items():
        seen = tally.observable
        cells = [
            f"{tally.made:,}",
            f"{seen:,}",
            *(share(n, seen) for n in (tally.localised, tally.named, tally.wrongly)),
        ]
        print(f"| {row} | {' | '.join(cells)} |")
    print(f"\nInvisible ones that were called wrong nevertheless: {sum(t.false_alarms for t in rows.values())}.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=200, help="random points for each shape (default: 200)")
    parser.add_argument("--only", choices=(*TABLES, "everyday", "right"), help="this table alone")
    parser.add_argument("--processes", type=int, choices=(1, 2), default=2, help="at a time (default: 2)")
    parser.add_argument("--misses", action="store_true", help="also list what was not found or not named")
    given = parser.parse_args()
    found: dict[str, dict[Any, Tally]] = {}
    with ProcessPoolExecutor(given.processes) as pool:
        for (table, row, _), tally in pool.map(counted, tasks(given)):
            found.setdefault(table, {}).setdefault(row, Tally()).add(tally)
    for table, rows in found.items():
        if table == "right":
            [tally] = rows.values()
            print(f"\nCorrect derivations compared: {tally.made:,}; called wrong: {tally.false_alarms:,}.")
        elif table == "everyday":
            show_everyday(rows)
        else:
            show(table, rows)
        if given.misses:
            misses = sum((tally.misses for tally in rows.values()), Counter())
            for miss, times in misses.most_common():
                print(f"    {times} × {miss}")


if __name__ == "__main__":
    sys.exit(main())
