"""``micrograd-tensor check FILE.py``: a hand-derived backward pass, judged stage by stage.

The forward pass of the file runs on Tensors and is recorded; its backward pass runs as it stands, on plain arrays, and
every gradient that it computes under the name of a stage is compared. A derivation that is not finished is not right:
the exit status is 0 only where nothing is wrong, nothing that was given is left unjudged, and the backward pass neither
stops with an error nor changes the arrays that it was given. Of an exercise the gradients of all inputs have to be
there; those inputs of a layer that it computes no gradient for, as labels, are named and left out.
"""

from __future__ import annotations

import argparse
import inspect
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from .. import __version__
from ..check.rendering import json, sentences, terminal
from ..check.report import Report
from ..check.running import Run
from ..derive import derive
from ..draw import DrawError, draw, player
from ..draw.circuit import drawn
from ..draw.insides import insides
from ..draw.options import WINDOW, Options
from ..engine.errors import GradientError
from ..graph import Graph, nearest
from ..notation.printable import listed
from . import exercise, outputs
from .arguments import finite_number, whole_number
from .beside import beside_layers, parts_of_right
from .console import console
from .dictionaries import spread
from .fused import fused
from .judging import judge, may_be_for_shapes
from .judging_derivatives import judge_derivative
from .judging_layers import judge_layer
from .layers import Layer, has_passes_of, is_backward, is_plain, layers_of, parameters_of, unpaired
from .not_run import not_run
from .outputs import add_json
from .several_calls import of_several_calls
from .shapes_option import values_of
from .starters import STARTERS
from .task import Task
from .unusable import UnusableError
from .user_file import user_file

_MAX_GATES = 150
"""A circuit of more gates is not shown on the page of a report."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options to its parser, and the function that runs them."""
    parser.description = (
        "Import a Python file with forward(...), written on Tensors, backward(dout, cache), written in "
        "plain NumPy, and inputs(); run both passes, and compare every gradient that backward computes with the "
        "recorded one, given what it computed before. Each named result of forward is a stage, its gradient is called "
        "d + name, and cache holds all values by name. The file is executed, so name only one that you trust. Exit "
        "status: 0 all right, 1 something is wrong or missing, 2 the file or an option is unusable."
    )
    parser.add_argument(
        "file", nargs="?", metavar="FILE.py[:NAME]", help="the derivation to check; NAME: one of the layers in it"
    )
    parser.add_argument(
        "--shapes",
        type=values_of,
        default={},
        metavar="x=4x5,…",
        help="the inputs of a layer in plain NumPy: shapes, y=4<3 for whole numbers below 3, mode='train' for a value; "
        "without it they are those of inputs(), or found by trying",
    )
    parser.add_argument(
        "--new",
        metavar="NAME|FILE.py:FUNCTION",
        help="write a file with blanks to fill in, for a function of yours, which inputs() in its file gives its "
        f"arguments, or one of: {', '.join(STARTERS)}",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="where --new writes it (default: NAME.py, or FILE_exercise.py)",
    )
    parser.add_argument(
        "--hints",
        type=int,
        choices=range(sentences.HINTS + 1),
        default=2,
        help="for each wrong stage: 0 nothing, 1 where it is, 2 also the kind of mistake, 3 also the fix (default: 2)",
    )
    parser.add_argument(
        "--seed",
        type=whole_number(),
        default=0,
        help="seed of the upstream gradient, of inputs(seed=0), and of what the file draws at random",
    )
    parser.add_argument(
        "--rtol",
        type=partial(finite_number, positive=True),
        metavar="R",
        help="the error allowed, relative to the largest term (default: what rounding can have done)",
    )
    parser.add_argument("--watch", action="store_true", help="check again whenever the file has been saved")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the report as a page")
    add_json(parser)
    parser.add_argument(
        "--player",
        type=Path,
        metavar="FILE",
        help="write the circuit as a page to step through; it shows the right rules",
    )
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Run the subcommand; returns the exit status."""
    if given.new is not None:
        return _write_starter(given)
    if given.file is None:
        raise UnusableError("check: give FILE.py, or --new NAME for a file to begin with")
    if given.output is not None:
        raise UnusableError("check: -o goes with --new; --html and --json say where to write a report")
    match = re.fullmatch(r"(?P<file>.*\.(?:py|ipynb)):(?P<name>[\w.]*)", given.file, re.DOTALL)
    given.file, wanted = (Path(match["file"]), match["name"]) if match else (Path(given.file), "")
    return _watched(given, wanted) if given.watch else _once(given, wanted)


def _watched(given: argparse.Namespace, wanted: str) -> int:
    """Check again whenever the file has been saved, until the user interrupts; returns the last exit status."""
    status = 0
    with suppress(KeyboardInterrupt):
        while True:
            saved = _saved(given.file)
            try:
                status = _once(given, wanted)
            except UnusableError as error:
                console().say(str(error), "bold red")
                status = 2
            console().say(f"\nwatching {given.file}; Ctrl-C ends", "dim")
            while _saved(given.file) == saved:
                time.sleep(0.3)
    return status


def _saved(path: Path) -> tuple[int, int] | None:
    try:
        return path.stat().st_mtime_ns, path.stat().st_size
    except OSError:
        return None


def _once(given: argparse.Namespace, wanted: str) -> int:
    """Check a file once; returns the exit status."""
    to_stdout = outputs.to_stdout(given)
    taken = [given.file]
    for path in (given.html, given.json, given.player):
        if path is not None and str(path) != "-":
            taken.append(outputs.writable(path, *taken))
    with outputs.aside(given), user_file(given.file, given.seed) as module:
        judged, left_out = _judge_all(module, given, wanted)
        lone = {} if wanted else _lone(module)
        beside = beside_layers(module, layers_of(module)) if is_plain(module) and not wanted else {}
    if len(judged) + len(left_out) > 1 and (to_stdout or any((given.html, given.json, given.player))):
        names = ", ".join((*(one.name for one in judged), *left_out))
        raise UnusableError(f"check: {given.file} has several layers ({names}); a report is of one, {given.file}:NAME")
    statuses = {one.name: _told(one, given, to_stdout) for one in judged}
    status = max(statuses.values())
    for name, why in left_out.items():
        console().say(f"{name} was left out: {why}\n", "yellow")
    for name, why in {**lone, **beside}.items():
        if not to_stdout:
            console().say(f"{name} was not judged: {why}", "yellow")
    if left_out:
        console().say(
            f"Not judged: {listed(list(left_out))}, {len(left_out)} of {len(judged) + len(left_out)} layers.",
            "bold red",
        )
    if len(judged) > 1 and status:
        wrong = [name for name, its in statuses.items() if its]
        others = "; the others are right" if len(wrong) < len(judged) else ""
        console().say(f"See above: {listed(wrong)}, {len(wrong)} of {len(judged)} judged layers{others}.", "bold red")
    return max(status, int(bool(left_out or beside) or any(map(is_backward, lone))))


def _lone(module: ModuleType) -> dict[str, str]:
    """The functions of a file in plain NumPy that are called as one pass of a layer without the other, and why."""
    return unpaired(module, layers_of(module)) if is_plain(module) else {}


class _Judged(NamedTuple):
    """A layer, or a file's only exercise, whose name is ""; what came of it."""

    name: str
    task: Task
    report: Report
    ran: Run


def _of(name: str, task: Task, report: Report, ran: Run) -> _Judged:
    """What came of one, with what is to be said of lines that did not run, and of calls that were not made."""
    remarks = (*report.remarks, *not_run(task, ran), *of_several_calls(task))
    return _Judged(name, task, replace(report, remarks=remarks), ran)


def _judge_all(module: ModuleType, given: argparse.Namespace, wanted: str) -> tuple[list[_Judged], dict[str, str]]:
    """What came of a file's layers, or of the one that is wanted; and of those that could not be judged, why."""
    path: Path = given.file
    layers = layers_of(module) if is_plain(module) else {}
    if wanted and wanted not in layers:
        wanted = next((name for name, x in layers.items() if wanted in _called_too(name, x)), wanted)
    if wanted and wanted not in layers:
        there = f"it has {listed(list(layers))}" if layers else "it has no NAME_forward with a NAME_backward"
        raise UnusableError(f"{path} has no layer {wanted!r}; {there}")
    lone = {} if layers else {name: why for name, why in _lone(module).items() if name not in ("forward", "backward")}
    if lone:
        raise UnusableError(f"{path} has no layer: {'; '.join(f'for {name} {why}' for name, why in lone.items())}")
    if not layers:
        if given.shapes:
            raise UnusableError(f"--shapes: {path} has no layer; its inputs are those of its inputs(), so leave it out")
        task = exercise.read(module, path, given.seed)
        return [_of("", task, *judge(task, path, given.rtol))], {}
    chosen = {wanted: layers[wanted]} if wanted else layers
    _require_known(given.shapes, chosen)
    found: list[_Judged] = []
    left_out: dict[str, str] = {}
    for name, layer in chosen.items():
        shown = "" if name == "forward" and len(chosen) == 1 else name
        try:
            judged = judge_derivative if layer.reading else judge_layer
            found.append(_of(shown, *judged(module, layer, path, given.seed, given.shapes, given.rtol)))
        except UnusableError as error:
            if len(chosen) == 1:
                raise
            left_out[name] = str(error)
    if not found:
        reasons = "\n".join(f"{name}: {why}" for name, why in left_out.items())
        raise UnusableError(f"{path}: none of its layers could be judged; name one, and its --shapes\n{reasons}")
    told = fused(found)
    found = [one._replace(report=told.get(one.name, one.report)) for one in found]
    with_others = {n for n in left_out if any(has_passes_of(chosen[one.name], chosen[n]) for one in found if one.name)}
    with_others |= parts_of_right(chosen, [one.name for one in found if one.report.ok])
    left_out = {name: why for name, why in left_out.items() if name not in with_others}
    return [one for one in found if one.report.ok or one.name not in with_others], left_out


def _called_too(name: str, layer: Layer) -> tuple[str, ...]:
    """What a layer is called, too, when it is asked for."""
    return f"{name}_forward", f"{name}_backward", *([layer.function.__qualname__] if layer.reading else [])


def _require_known(shapes: Mapping[str, Any], layers: Mapping[str, Layer]) -> None:
    """Raise for a shape of what none of the layers takes, which would be left out."""
    taken = {name: p for layer in layers.values() for name, p in parameters_of(layer).items()}
    if any(p.kind is p.VAR_KEYWORD for p in taken.values()):
        return
    taken |= {name: p for layer in layers.values() for name, p in parameters_of(spread(layer, {})[0]).items()}
    for name in shapes:
        if name not in taken:
            whose = f"{next(iter(layers))} takes" if len(layers) == 1 else "the layers take"
            raise UnusableError(f"--shapes: {whose} no {name!r}{nearest(name, taken)}")


def _told(one: _Judged, given: argparse.Namespace, to_stdout: bool) -> int:
    """Write and print what came of one exercise; returns the exit status."""
    _, task, report, ran = one
    changed = [place for place in ran.changed if not (task.said and place == "dout")]  # as is usual in classes
    reasons = [f"it changes {listed(changed)}, which it was given"] if changed else []
    reasons += ["it stops with an error"] if ran.error is not None else []
    reasons += ran.undone
    as_json = json.text(report, file=str(given.file), seed=given.seed, also_wrong=reasons)
    but = ""
    if report.ok and reasons:
        is_open = task.guessed and not task.unlike and may_be_for_shapes(ran.error)
        what = "it is not known whether backward is right" if is_open else "backward is not right yet"
        but = f"But {what}: {listed(reasons)}."
    files = {}
    if given.html is not None:
        circuit = _circuit(task.captured, report)
        files[given.html] = report.to_html(about=_about(one, given), source=_lines(task), circuit=circuit, but=but)
    files |= {} if given.json is None or to_stdout else {given.json: as_json}
    files |= {} if given.player is None else {given.player: _player(task.captured, report, given)}
    for path, text in files.items():
        outputs.write(path, text, given.file)
    if to_stdout:
        outputs.write_json(given.json, as_json)
    else:
        drawn = f", upstream gradient dout drawn from seed {given.seed}" if task.drawn else ""
        out = console()
        out.say(f"{given.file}{f':{one.name}' if one.name else ''}{drawn}", "bold")
        out.say(f"forward was {task.said}\n" if task.said else "")
        terminal.show(report, hints=given.hints, console=out, option="--hints ")
        if but:
            out.say(but, "bold red")
        for path in files:
            out.say(f"written: {path}")
    return 0 if report.ok and sentences.is_complete(report) and not reasons else 1


def _about(one: _Judged, given: argparse.Namespace) -> str:
    name = f":{one.name}" if one.name else ""
    return f"{given.file}{name}, seed {given.seed}; micrograd_tensor {__version__}, NumPy {np.__version__}"


def _circuit(graph: Graph, report: Report) -> str:
    """The circuit with the verdicts; "" where it is too large to be read, or there is nothing to paint it with."""
    if sum(not node.is_leaf for node in graph.nodes) > _MAX_GATES:
        return ""
    with suppress(DrawError):
        return draw(graph, view="difference", against=report).inline()
    return ""


def _lines(task: Task) -> list[tuple[int, str]]:
    """The numbered lines of the backward pass, where they are known."""
    try:
        lines, first = inspect.getsourcelines(inspect.unwrap(task.backward))
    except (OSError, TypeError):
        return []
    return list(enumerate(lines, first))


def _player(graph: Graph, report: Report, given: argparse.Namespace) -> str:
    """The circuit as a page, each gradient with its verdict and, unless hints are off, the kind of mistake."""
    shown = report if given.hints > 1 else replace(report, diagnosis={})
    try:
        options, title = Options(page=WINDOW, numbered=True), f"{given.file}: backward"
        picture = drawn(graph, options)
        inner = insides(graph, options, drawn, picture.frames)
        return player.page(graph, picture.svg, title=title, report=shown, insides=inner)
    except DrawError as error:
        raise UnusableError(f"check --player: {error}") from None


def _write_starter(given: argparse.Namespace) -> int:
    if given.file is not None:
        raise UnusableError(f"check: --new writes a file; -o says where, so leave out {given.file}")
    source, colon, function = given.new.rpartition(":")
    path = given.output or Path(f"{Path(source).stem}_exercise.py" if colon else f"{given.new}.py")
    if given.new in STARTERS:
        text = derive(STARTERS[given.new](np.random.default_rng(given.seed))).starter(path.name)
    elif colon:
        text = _own_starter(Path(source), function, given.seed, path.name)
    else:
        close = nearest(given.new, STARTERS)
        raise UnusableError(f"check: {given.new!r} is no starter{close}; for your own function give FILE.py:FUNCTION")
    outputs.write_new(path, text)
    console().say(f"{path} is written. Fill in its backward, and check it: micrograd-tensor check {path}")
    return 0


def _own_starter(path: Path, function: str, seed: int, file: str) -> str:
    """The starter for a function in a file of the user's."""
    with user_file(path, seed) as module:
        out = exercise.output(module, path, function, seed)
        try:
            return derive(out).starter(file)
        except GradientError as error:
            raise UnusableError(f"{path}: {error}") from None
