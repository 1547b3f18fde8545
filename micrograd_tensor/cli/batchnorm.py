"""``micrograd-tensor batchnorm``: batch normalization of a data set, forward, backward, drawn and compared.

**The test point.** The upstream gradient, gamma and beta are drawn at random, because at a special point a wrong
backward pass goes unnoticed. Normalization removes from the gradient whatever is constant over the batch or
proportional to x_norm, so with ``out.sum()`` as the loss dx is 0 whatever one writes, and with ``(out ** 2).sum()``
nearly so; with gamma = 1 a forgotten gamma is invisible.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.progress import track
from rich.text import Text

from ..check import Stage
from ..draw import draw
from ..draw.circuit import FORMATS
from ..engine.errors import GradientError
from ..graph import Graph, Node
from ..graph.status import Status
from ..notation import formula, rule
from .arguments import finite_number, whole_number
from .by_columns import DERIVED, HAND_CLOSED, HAND_STAGED, NUMERICAL, Found, blocks, examples, found_by_columns
from .chosen import add_dims, asked_dims
from .console import Rows, Terminal, console, table
from .matrix_file import SUFFIXES, Matrix, read_matrix
from .output_folder import output_folder
from .outputs import add_json, check_json, to_stdout, writable, write_json
from .pictures import add_picture_options, picture_options
from .unusable import UnusableError, unusable


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options to its parser, and the function that runs them."""
    parser.description = (
        "Record batch normalization of a data set as a graph of elementary ops. Prints the forward values "
        "and the gradients stage by stage, compares the gradients with two hand-derived backward passes, with the "
        "closed form that is derived from the graph, and with numerical ones, and draws the circuit. Without a file "
        "it uses Fisher's iris measurements. The upstream gradient, gamma and beta are drawn at random, since at "
        "gamma = 1 or with out.sum() as the loss a wrong backward pass can look right. Exit status: 0 all agree, 1 "
        "they differ, 2 the input or output is unusable."
    )
    parser.add_argument(
        "file", nargs="?", type=Path, metavar="FILE", help=f"samples by features: {', '.join(SUFFIXES)} (default: iris)"
    )
    parser.add_argument("--input", type=Path, metavar="FILE", help="the same")
    names = parser.add_mutually_exclusive_group()
    names.add_argument(
        "--header", action="store_true", default=None, help="the first line has the names of the columns"
    )
    names.add_argument("--no-header", action="store_false", dest="header", help="the first line has numbers")
    parser.add_argument("--columns", help="which: by names or numbers from 1, such as height,weight or 1,3-5")
    parser.add_argument("--drop-missing", action="store_true", help="leave out rows in which a number is missing")
    parser.add_argument("--eps", type=finite_number, default=1e-5, help="added to the variance (default: 1e-5)")
    parser.add_argument("--dtype", choices=("float64", "float32"), default="float64", help="default: float64")
    parser.add_argument(
        "--seed", type=whole_number(), default=0, help="seed of gamma, beta and the upstream gradient (default: 0)"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE|DIR",
        help="the picture, or the folder for batchnorm.svg in it (default: batchnorm.svg)",
    )
    parser.add_argument("--format", choices=FORMATS, help="of the picture (default: by the suffix of -o, or svg)")
    add_json(parser)
    add_dims(parser)
    add_picture_options(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Run the subcommand; returns the exit status."""
    if given.file and given.input:
        raise UnusableError(f"two files are given, {given.file} and --input {given.input}; give one")
    path = given.file or given.input or examples() / "data" / "iris.csv"
    picture = _picture(given, path)
    check_json(given, path, picture)
    matrix = read_matrix(path, given.dtype, header=given.header, columns=given.columns, drop_missing=given.drop_missing)
    terminal = console(quiet=to_stdout(given))
    found, captured = _found(matrix.values, given, path, terminal)
    with unusable("batchnorm"):
        circuit = draw(captured, dims=asked_dims(given), **picture_options(given))
        written = circuit.save(picture, given.format)
    done = _Done(path, matrix, found, captured, written)
    _tell(terminal, given, done)
    write_json(given.json, _report(given, done), path)
    return 0 if found.ok else 1


class _Done(NamedTuple):
    """What was read, found and written."""

    path: Path
    matrix: Matrix
    found: Found
    captured: Graph
    written: Path


def _picture(given: argparse.Namespace, source: Path) -> Path:
    """Where the picture goes: a file, if the name has the suffix of a format, and else a folder."""
    asked: Path = given.output or Path()
    if given.output is None or asked.suffix[1:].lower() not in FORMATS:
        if asked.suffix and not asked.exists():
            raise UnusableError(
                f"-o {asked}: {asked.suffix!r} is none of {', '.join(FORMATS)}; give one, or make that folder"
            )
        asked = output_folder(asked) / f"batchnorm.{given.format or 'svg'}"
    return writable(asked, source)


def _found(x: Any, given: argparse.Namespace, path: Path, terminal: Terminal) -> tuple[Found, Graph]:
    """What all columns show, and the graph of the first; while it is computed a bar shows how far it is."""
    every = blocks(*x.shape)
    silent = len(every) == 1 or not terminal.is_terminal or terminal.quiet
    try:
        shown = track(every, "columns", console=terminal, transient=True, disable=silent)
        return found_by_columns(x, np.random.default_rng(given.seed), given.eps, shown)
    except GradientError as error:
        reason = str(error).split(", in ")[0].split("; the forward")[0]
        raise UnusableError(f"{path} cannot be normalized in {given.dtype} with eps {given.eps:g}: {reason}") from None


def _tell(terminal: Terminal, given: argparse.Namespace, done: _Done) -> None:
    path, matrix, found, captured, written = done
    n, d = matrix.values.shape
    named = f" ({', '.join(matrix.names)})" if matrix.names and d <= 8 else ""
    read = f": {', '.join(matrix.notes)}" if matrix.notes else ""
    terminal.say(f"{n} × {d} numbers{named} from {path}{read}", "bold")
    terminal.say(f"{given.dtype}, eps {given.eps:g}; gamma, beta and dout drawn from seed {given.seed}\n")
    terminal.print(_forward_table(found, captured, d), "")
    terminal.print(_gradient_table(found, captured, d), "")
    terminal.print(_comparison_table(found), "")
    terminal.say("All agree." if found.ok else "They differ: see the verdicts.", "green" if found.ok else "bold red")
    drawn = captured["x"].shape[1]
    alone = f", of {'the first column' if drawn == 1 else f'the first {drawn} columns'} alone" if drawn < d else ""
    terminal.say(f"circuit: {written}{alone}")


def _shape(node: Node, d: int) -> tuple[int, ...]:
    """The shape of a value for all columns."""
    return (*node.shape[:-1], d)


def _rules(graph: Graph, node: Node) -> list[str]:
    return [
        f"d{edge[0].name or f'({formula(edge[0])})'}: {', '.join(rule(graph, edge))}"
        for edge, _ in graph.contributions_to(node)
    ]


def _named(graph: Graph) -> list[tuple[str, Node]]:
    return [(node.name, node) for node in graph.nodes if node.name]


def _extent(found: Found, name: str) -> tuple[str, str]:
    low, high = found.extents[name]
    return f"{low:.4g}", f"{high:.4g}"


def _forward_table(found: Found, captured: Graph, d: int) -> Rows:
    made = table("Forward, stage by stage", ("", "stage", "formula"), ("shape", "min", "max"))
    step = 0
    for name, node in _named(captured):
        step += not node.is_leaf
        number, said = ("", "given") if node.is_leaf else (f"{f'({step})':>4}", formula(node))
        made.add_row(number, name, said, str(_shape(node, d)), *_extent(found, name))
    return made


def _gradient_table(found: Found, captured: Graph, d: int) -> Rows:
    made = table("Backward, as it follows from the graph", ("gradient", "local rules"), ("shape", "min", "max"))
    for name, node in sorted(_named(captured), key=lambda pair: -pair[1].rank):
        rules = "\n+ ".join(_rules(captured, node)) or "given"
        made.add_row(f"d{name}", rules, str(_shape(node, d)), *_extent(found, f"d{name}"))
    return made


def _comparison_table(found: Found) -> Rows:
    title = "Recorded against derived: error relative to the largest term"
    compared = HAND_STAGED, HAND_CLOSED, DERIVED, NUMERICAL
    made = table(title, ("gradient",), ("largest\nterm", *(of.replace(", ", ",\n") for of in compared)))
    for name, verdicts in found.verdicts.items():
        made.add_row(f"d{name}", f"{found.largest[name]:.4g}", *(_verdict(verdicts.get(of)) for of in compared))
    return made


def _verdict(stage: Stage | None) -> Text:
    if stage is None or stage.status == Status.NOT_GIVEN:
        return Text("")
    if stage.error is None:
        return Text(stage.status, style="bold red")
    right = stage.status == Status.RIGHT
    return Text(f"{stage.error:.1e} {'✓' if right else '✗ wrong'}", style="green" if right else "bold red")


def _report(given: argparse.Namespace, done: _Done) -> dict[str, Any]:
    """What programs read."""
    path, matrix, found, captured, written = done
    d = matrix.values.shape[1]
    stages = [
        {"name": name, "formula": None if node.is_leaf else formula(node), "shape": _shape(node, d)}
        | dict(zip(("min", "max"), found.extents[name], strict=True))
        for name, node in _named(captured)
    ]
    gradients: list[dict[str, Any]] = [
        {"name": f"d{name}", "rules": _rules(captured, node), "shape": _shape(node, d)}
        | dict(zip(("min", "max"), found.extents[f"d{name}"], strict=True))
        | dict[str, Any](largest_term=found.largest.get(name), compared=_errors(found.verdicts.get(name, {})))
        for name, node in _named(captured)
    ]
    return {
        "ok": found.ok,
        "file": str(path),
        "shape": matrix.values.shape,
        "columns": matrix.names,
        "notes": matrix.notes,
        "dtype": given.dtype,
        "eps": given.eps,
        "seed": given.seed,
        "stages": stages,
        "gradients": gradients,
        "circuit": str(written),
    }


def _errors(verdicts: dict[str, Stage]) -> dict[str, Any]:
    given = {of: stage for of, stage in verdicts.items() if stage.status != Status.NOT_GIVEN}
    return {of: {"status": str(stage.status.value), "error": stage.error} for of, stage in given.items()}
