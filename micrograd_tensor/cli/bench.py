"""``micrograd-tensor bench``: what compiling is worth on this machine, each figure beside its target."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec

from .arguments import finite_number
from .console import Rows, console, say, table
from .outputs import add_json, check_json, to_stdout, write_json
from .side_by_side import OURS, Row, machine
from .side_by_side import table as measured
from .unusable import UnusableError

NARROW = 100
"""The fewest columns in which the table fits."""

_OTHERS = {
    "numba": ("Numba", "NumPy runs what is compiled, and there are no loops by hand: see micrograd-tensor[compile]"),
    "torch": ("PyTorch", "nothing is measured beside it: pip install torch"),
    "jax": ("JAX", "nothing is measured beside it: pip install jax"),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options to its parser, and the function that runs them."""
    parser.description = (
        "Measure functions with all their gradients and whole training steps, compiled by mt.compile, "
        "beside loops written by hand for Numba, PyTorch and JAX, as far as these are installed: in float32, on one "
        "thread, all in turn in one process. Times are the processor's. Takes some minutes; Ctrl-C shows what there is "
        "so far. Exit status: 0 measured, 2 unusable input or output, 130 interrupted."
    )
    add = parser.add_argument
    add("--only", default="", metavar="TEXT", help="the cases whose names contain this, such as 'batch norm'")
    add(
        "--seconds",
        type=partial(finite_number, positive=True),
        default=0.5,
        metavar="S",
        help="how long each candidate of a case is measured (default: 0.5)",
    )
    add_json(parser)
    add("--list", action="store_true", help="list the cases")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Run the subcommand; returns the exit status."""
    from .compiled_cases import CASES

    cases = [name for name in CASES if given.only in name]
    if not cases:
        raise UnusableError(f"bench: no case contains {given.only!r}; --list shows all of them")
    if given.list:
        for name in cases:
            say(name)
        return 0
    check_json(given)
    terminal = console(quiet=to_stdout(given))
    terminal.say(machine(), "bold")
    for line in _absent():
        terminal.say(line)
    found: list[Row] = []
    status = terminal.status("measuring") if terminal.is_terminal and not terminal.quiet else nullcontext()
    interrupted = False
    try:
        with status as shown:
            for row in measured(given.only, given.seconds):
                found.append(row)
                if shown is not None:
                    shown.update(f"measured: {row.case}")
    except KeyboardInterrupt:
        interrupted = True
    except RuntimeError as error:
        raise UnusableError(f"bench: {error}") from None
    if terminal.width < NARROW:
        for row in found:
            terminal.say(str(row))
    elif found:
        terminal.print(_table(found))
    for line in _below(found):
        terminal.say(line)
    write_json(given.json, {"machine": machine(), "rows": [asdict(row) for row in found]})
    return 130 if interrupted else 0


def _absent() -> Iterator[str]:
    for module, (name, what) in _OTHERS.items():
        if find_spec(module) is None:
            yield f"{name} is not installed: {what}"


def _table(rows: Sequence[Row]) -> Rows:
    found = table("Times on the processor", ("case", "beside"), ("µs", "its µs", "figure", "target", ""))
    for k, row in enumerate(rows):
        case = row.case if k == 0 or row.case != rows[k - 1].case else ""
        beside = row.against or row.of
        beside = f"{row.of} / {beside}" if row.against and row.of != OURS else beside
        ours, theirs = (f"{t:,.1f}" if t else "" for t in (row.ours, row.theirs))
        figure = f"{row.figure:.2f}" if row.against else f"{row.figure:.3g}"
        found.add_row(case, beside, ours, theirs, figure, row.target, "met" if row.met else "not met")
    return found


def _below(rows: Sequence[Row]) -> Iterator[str]:
    if rows:
        met = sum(row.met for row in rows)
        yield f"{met} of {len(rows)} targets met. A figure is one time divided by the other, or what its target says."
    else:
        yield "nothing was measured beside anything"
