"""``micrograd-tensor check FILE.py``: a hand-derived backward pass, judged stage by stage.

The forward pass of the file runs on Tensors and is recorded; its backward pass runs as it stands, on plain arrays, and
every gradient that it computes under the name of a stage is compared. A derivation that is not finished is not right:
the exit status is 0 only where the gradients of all inputs are given, nothing is wrong, and the backward pass neither
stops with an error nor changes the arrays that it was given.
"""

from __future__ import annotations

import argparse
import inspect
import linecache
import re
import sys
from contextlib import nullcontext, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..check.compare import compare_run, with_lines
from ..check.found import Stages
from ..check.given import spelled
from ..check.rendering import json, sentences, terminal
from ..check.report import Report
from ..check.running import Run, fingerprint
from ..check.running import run as run_backward
from ..derive import derive
from ..draw import DrawError, draw, player
from ..engine.errors import DTypeError, GradientError
from ..engine.files import atomic_write
from ..graph import Graph, named_nodes, nearest
from ..notation.printable import listed
from . import exercise
from .arguments import whole_number
from .console import console
from .starters import STARTERS
from .unusable import UnusableError
from .user_file import blamed, explained, user_file


def add_to(commands: Any) -> None:
    """Add the subcommand to the command line's parser."""
    parser = commands.add_parser(
        "check",
        help="judge a hand-derived backward pass, stage by stage, with hints",
        description="Import a Python file with forward(...), written on Tensors, backward(dout, cache), written in "
        "plain NumPy, and inputs(); run both passes, and compare every gradient that backward computes with the "
        "recorded one, given what it computed before. Each named result of forward is a stage, its gradient is called "
        "d + name, and cache holds all values by name. The file is executed, so name only one that you trust. Exit "
        "status: 0 all right, 1 something is wrong or missing, 2 the file or an option is unusable.",
    )
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE.py", help="the derivation to check")
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
        default=sentences.HINTS,
        help="for each wrong stage: 0 nothing, 1 where it is, 2 also the kind of mistake, 3 also the fix (default: 3)",
    )
    parser.add_argument(
        "--seed", type=whole_number(), default=0, help="seed of the upstream gradient, and of inputs(seed=0)"
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the report as a page")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON; - for standard output")
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
    to_stdout = str(given.json) == "-"
    # What the user's code prints must not come between the lines of the JSON.
    elsewhere = redirect_stdout(sys.stderr) if to_stdout else nullcontext()
    with elsewhere, user_file(given.file) as module:
        task = exercise.read(module, given.file, given.seed)
        report, ran = judge(task, given.file)
    reasons = [f"it changes {listed(ran.changed)}, which it was given"] if ran.changed else []
    reasons += ["it stops with an error"] if ran.error is not None else []
    as_json = json.text(report, file=str(given.file), seed=given.seed, also_wrong=reasons)
    files = {} if given.html is None else {given.html: report.to_html()}
    files |= {} if given.json is None or to_stdout else {given.json: as_json}
    files |= {} if given.player is None else {given.player: _player(task.captured, report, given)}
    for path, text in files.items():
        _write(path, text, given.file)
    if to_stdout:
        print(as_json)  # noqa: T201 -- the output that was asked for
    else:
        drawn = f", upstream gradient dout drawn from seed {given.seed}" if task.drawn else ""
        out = console()
        out.say(f"{given.file}{drawn}\n", "bold")
        terminal.show(report, hints=given.hints, console=out)
        if report.ok and reasons:
            out.say(f"But backward is not right yet: {listed(reasons)}.", "bold red")
        for path in files:
            out.say(f"written: {path}")
    return 0 if report.ok and sentences.is_complete(report) and not reasons else 1


def judge(task: exercise.Exercise, path: Path) -> tuple[Report, Run]:
    """Run the backward pass of an exercise and compare what it computed.

    Raises:
        UnusableError: where what it computed is not made of numbers.
    """
    graph = task.captured
    named = named_nodes(graph)
    inputs = [name for name, node in named.items() if node.is_leaf and node.requires_grad]
    with blamed(path, "ends in backward"):
        ran = run_backward(task.backward, task.dout, task.cache, inputs)
    arguments = list(inspect.signature(task.backward).parameters)[:2]
    hand = {name: value for name, value in ran.names.items() if name not in arguments}
    output = next(name for name, node in named.items() if node is graph.outputs[0])
    keys, _ = spelled(hand, named)
    if all(hand[key] is None for name, key in keys.items() if named[name] in graph.gradients):
        hand[f"d{output}"] = task.dout  # nothing else is given yet
    try:
        report = compare_run(graph, replace(ran, names=hand))  # its cache holds what was recorded, whatever it calls it
    except (DTypeError, GradientError) as error:
        raise UnusableError(f"{path}: {re.sub('^compare: ', '', str(error))}") from None
    stages = Stages([stage for stage in report.stages.values() if stage.name != output])
    remarks = (*_remarks(ran, path), *_shared(ran, report), *_rebound(arguments[0], ran, task.dout, report))
    return replace(with_lines(report, task.backward, ran.elsewhere), stages=stages, remarks=remarks), ran


def _remarks(ran: Run, path: Path) -> list[str]:
    """What happened while it ran, in sentences."""
    said = list(ran.remarks)
    if ran.error is not None:
        said.append(
            f"backward stops with an error; what it computed before is judged below.\n{explained(ran.error, path)}"
        )
        said += [f"{name} is None there: fill it in first." for name in _missing(ran, path)]
    for place in ran.changed:
        what = "the upstream gradient that it was given" if place == "dout" else f"{place}, which it was given"
        said.append(f"backward changes {what}: something is assigned in place, such as by +=. Work on a copy.")
    return said


def _missing(ran: Run, path: Path) -> list[str]:
    """The names on the line that failed whose values are None, as the starters' are."""
    found: list[str] = []
    trace = ran.error.__traceback__ if ran.error is not None else None
    while trace is not None:
        frame = trace.tb_frame
        if frame.f_code.co_filename == str(path):
            words_on_line = re.findall(r"[^\W\d]\w*", linecache.getline(str(path), trace.tb_lineno))
            found = [name for name in dict.fromkeys(words_on_line) if frame.f_locals.get(name, ...) is None]
        trace = trace.tb_next
    return found


def _shared(ran: Run, report: Report) -> list[str]:
    """If something is wrong: the stages whose arrays were changed under other names, a possible reason."""
    if report.ok:
        return []
    return [
        f"{name} and {listed(others)} are one array in memory, so what is done to one in place, as by +=, "
        f"is done to all. {name} is judged as it was before. Write a = a + b instead of a += b, or begin with a copy."
        for name, others in ran.shared.items()
        if name[1:] in report.stages
    ]


def _rebound(name: str, ran: Run, dout: Any, report: Report) -> list[str]:
    """If something is wrong: whether the upstream gradient's name was assigned anew, a possible reason."""
    value = ran.names.get(name)
    if report.ok or "dout" in ran.changed or value is None or fingerprint(value) == fingerprint(dout):
        return []
    return [f"backward reassigns {name}; from there on {name} is no longer the upstream gradient. Use another name."]


def _player(graph: Graph, report: Report, given: argparse.Namespace) -> str:
    """The circuit as a page, each gradient with its verdict and, unless hints are off, the kind of mistake."""
    shown = report if given.hints > 1 else replace(report, diagnosis={})
    try:
        return player.page(graph, draw(graph).svg, title=f"{given.file}: backward", report=shown)
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
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UnusableError(f"{path} exists already and stays as it is; give another name with -o") from None
    except OSError as error:
        raise UnusableError(f"{path} cannot be written: {error.strerror or error}") from None
    console().say(f"{path} is written. Fill in its backward, and check it: micrograd-tensor check {path}")
    return 0


def _own_starter(path: Path, function: str, seed: int, file: str) -> str:
    """The starter for a function in a file of the user's."""
    with user_file(path) as module:
        out = exercise.output(module, path, function, seed)
        try:
            return derive(out).starter(file)
        except GradientError as error:
            raise UnusableError(f"{path}: {error}") from None


def _write(path: Path, text: str, source: Path) -> None:
    if path.exists() and path.samefile(source):
        raise UnusableError(f"{path} is the derivation itself and stays as it is; write the report to another file")
    try:
        atomic_write(path, text.encode())
    except OSError as error:
        raise UnusableError(f"{path} cannot be written: {error.strerror or error}") from None
