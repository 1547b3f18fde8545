"""``micrograd-tensor batchnorm``: batch normalization of a data set, forward, backward, drawn and compared.

**The test point.** The upstream gradient, gamma and beta are drawn at random, because at a special point a wrong
backward pass goes unnoticed. Normalization removes from the gradient whatever is constant over the batch or
proportional to x_norm, so with ``out.sum()`` as the loss dx is 0 whatever one writes, and with ``(out ** 2).sum()``
nearly so; with gamma = 1 a forgotten gamma is invisible.
"""

from __future__ import annotations

import argparse
import runpy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.text import Text

from ..check import Report, Stage, compare
from ..check.rounding import difference, recorded_tolerances, terms
from ..check.weighted import Weighted
from ..derive import derive
from ..draw import DrawError, draw
from ..draw.circuit import FORMATS
from ..engine.errors import GradientError, ShapeError
from ..engine.recording import detect_anomaly
from ..engine.tensor import tensor
from ..functional.normalization import batch_norm
from ..graph import Graph, graph
from ..graph.status import Status
from ..notation import formula, rule
from .arguments import finite_number, whole_number
from .chosen import add_dims, asked_dims
from .console import Rows, console, table
from .matrix_file import SUFFIXES, read_matrix
from .output_folder import output_folder
from .pictures import add_picture_options, picture_options
from .unusable import UnusableError

_PARTS = ("x", "gamma", "beta")
_PROBES, _FEWEST, ELEMENTS = 400, 8, 50_000_000
"""How many elements of each gradient, evenly spread, are checked numerically, at most and at least; and how many
elements the forward passes for them, one each, may compute in all, so that large data are checked at fewer."""


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
    parser.add_argument(
        "--columns", default="", help="which: by names or numbers from 1, such as height,weight or 1,3-5"
    )
    parser.add_argument("--drop-missing", action="store_true", help="leave out rows in which a number is missing")
    parser.add_argument("--eps", type=finite_number, default=1e-5, help="added to the variance (default: 1e-5)")
    parser.add_argument("--dtype", choices=("float64", "float32"), default="float64", help="default: float64")
    parser.add_argument(
        "--seed", type=whole_number(), default=0, help="seed of gamma, beta and the upstream gradient (default: 0)"
    )
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="folder for the picture (default: .)")
    parser.add_argument("--format", choices=FORMATS, default="svg", help="of the picture (default: svg)")
    add_dims(parser)
    add_picture_options(parser)
    parser.set_defaults(run=run)


def examples() -> Path:
    """The folder of the examples: inside an installed package, or next to the package in a source tree."""
    package = Path(__file__).parents[1]
    for folder in (package / "examples", package.parent / "examples"):
        if (folder / "batchnorm_by_hand.py").is_file():
            return folder
    raise UnusableError("the examples are missing from this installation; install micrograd-tensor again")


def _by_hand() -> dict[str, Any]:
    """The functions of the example."""
    return runpy.run_path(str(examples() / "batchnorm_by_hand.py"))


def run(given: argparse.Namespace) -> int:
    """Run the subcommand; returns the exit status."""
    if given.file and given.input:
        raise UnusableError(f"two files are given, {given.file} and --input {given.input}; give one")
    path = given.file or given.input or examples() / "data" / "iris.csv"
    x, columns, notes = read_matrix(
        path, given.dtype, header=given.header, columns=given.columns, drop_missing=given.drop_missing
    )
    folder = output_folder(given.out)
    n, d = x.shape
    rng = np.random.default_rng(given.seed)
    gamma = (rng.uniform(0.5, 2.0, d) * rng.choice([-1.0, 1.0], d)).astype(x.dtype)
    beta, dout = rng.normal(size=d).astype(x.dtype), rng.normal(size=(n, d)).astype(x.dtype)

    values = dict(zip(_PARTS, (x, gamma, beta), strict=True))
    try:
        with detect_anomaly():
            leaves = [tensor(value, name=name, requires_grad=True) for name, value in values.items()]
            out = batch_norm(leaves[0], leaves[1], leaves[2], given.eps)
            captured = graph(out, dout)
    except GradientError as error:
        reason = str(error).split(", in ")[0].split("; the forward")[0]
        raise UnusableError(f"{path} cannot be normalized in {given.dtype} with eps {given.eps:g}: {reason}") from None

    by_hand = _by_hand()
    _, cache = by_hand["batchnorm_forward"](x, gamma, beta, given.eps)
    staged = compare(captured, hand=by_hand["batchnorm_backward_staged"](dout, cache), point=False)
    closed = compare(captured, hand=by_hand["batchnorm_backward_closed_form"](dout, cache), point=False)
    derived = compare(captured, hand=_derived(captured), point=False)
    numerical = _numerical(captured, values, dout, given.eps)

    try:
        circuit = draw(captured, dims=asked_dims(given), **picture_options(given))
        written = circuit.save(folder / f"batchnorm.{given.format}")
    except (DrawError, GradientError, OSError, ShapeError) as error:
        raise UnusableError(str(error)) from None

    terminal = console()
    named = f" ({', '.join(columns)})" if columns and d <= 8 else ""
    read = f": {', '.join(notes)}" if notes else ""
    terminal.say(f"{n} × {d} numbers{named} from {path}{read}", "bold")
    terminal.say(f"{given.dtype}, eps {given.eps:g}; gamma, beta and dout drawn from seed {given.seed}\n")
    terminal.print(_forward_table(captured), "")
    terminal.print(_gradient_table(captured), "")
    ok = staged.ok and closed.ok and derived.ok and all(stage.status == Status.RIGHT for stage in numerical.values())
    terminal.print(_comparison_table(captured, staged, closed, derived, numerical), "")
    terminal.say("All agree." if ok else "They differ: see the verdicts.", "green" if ok else "bold red")
    terminal.say(f"circuit: {written}")
    return 0 if ok else 1


def _numerical(captured: Graph, values: dict[str, Any], dout: Any, eps: float) -> dict[str, Stage]:
    """The recorded gradients against a complex step through the forward pass, in float64, at probed elements."""
    points = [value.astype(np.float64) for value in values.values()]
    weighted = Weighted(partial(batch_norm, eps=eps), points, [dout.astype(np.float64)], analytic=True)
    tolerances = recorded_tolerances(captured)
    stages = {}
    for k, name in enumerate(values):
        ours = np.asarray(captured.gradients[captured[name]].value, np.float64)
        probes = min(ours.size, _PROBES, max(_FEWEST, ELEMENTS // values["x"].size))
        places = np.unique(np.linspace(0, ours.size - 1, probes).astype(int)).tolist()
        by_number = np.array([estimate.value for estimate in weighted.slopes(k, places)])
        recorded = ours.reshape(-1)[places]
        allowed = tolerances.absolute[captured[name]].reshape(-1)[places]
        largest = tolerances.terms[captured[name]].largest.reshape(-1)[places]
        found = difference(recorded, by_number, allowed, largest)
        stages[name] = Stage(name, Status.RIGHT if found.within else Status.WRONG, ours.shape, ours.shape, found.error)
    return stages


def _extent(value: Any) -> tuple[str, str]:
    return f"{np.min(value):.4g}", f"{np.max(value):.4g}"


def _forward_table(captured: Graph) -> Rows:
    found = table("Forward, stage by stage", ("", "stage", "formula", "shape"), ("min", "max"))
    step = 0
    for node in captured.nodes:
        if node.is_leaf:
            found.add_row("", node.name or "", "given", str(node.shape), *_extent(node.value))
        elif node.name:
            step += 1
            found.add_row(f"{f'({step})':>4}", node.name, formula(node), str(node.shape), *_extent(node.value))
    return found


def _gradient_table(captured: Graph) -> Rows:
    found = table("Backward, as it follows from the graph", ("gradient", "local rules", "shape"), ("min", "max"))
    for node in sorted(captured.gradients, key=lambda node: -node.rank):
        if node.name is None:
            continue
        g = captured.gradients[node]
        rules = [
            f"d{edge[0].name or f'({formula(edge[0])})'}: {', '.join(rule(captured, edge))}"
            for edge, _ in captured.contributions_to(node)
        ]
        found.add_row(f"d{node.name}", "\n+ ".join(rules) or "given", str(node.shape), *_extent(g.value))
    return found


def _derived(captured: Graph) -> dict[str, Any]:
    """What the closed form that is derived from the graph makes of its values, run as the code that it prints."""
    closed = derive(captured, dims={"N": ("x", 0), "D": ("x", 1)}).closed_form
    space: dict[str, Any] = {}
    exec(closed.numpy, space)  # noqa: S102 -- lines that this package printed
    return {f"d{name}": value for name, value in zip(_PARTS, space["backward"](**closed.arguments), strict=True)}


def _comparison_table(
    captured: Graph, staged: Report, closed: Report, derived: Report, numerical: dict[str, Stage]
) -> Rows:
    title = "Recorded against derived: error relative to the largest term"
    headings = ("largest\nterm", "by hand,\nstaged", "by hand,\nclosed", "derived,\nclosed", "numerical")
    found = table(title, ("gradient",), headings)
    sizes = terms(captured)
    for name in staged.stages:
        term = f"{np.max(sizes[captured[name]].largest, initial=0.0):.4g}"
        verdicts = [_verdict(stages.get(name)) for stages in (staged.stages, closed.stages, derived.stages, numerical)]
        found.add_row(f"d{name}", term, *verdicts)
    return found


def _verdict(stage: Stage | None) -> Text:
    if stage is None or stage.status == Status.NOT_GIVEN:
        return Text("")
    if stage.error is None:
        return Text(stage.status, style="bold red")
    right = stage.status == Status.RIGHT
    return Text(f"{stage.error:.1e} {'✓' if right else '✗ wrong'}", style="green" if right else "bold red")
