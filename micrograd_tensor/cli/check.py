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
import time
import warnings
from collections.abc import Container, Iterator, Mapping
from contextlib import redirect_stdout, suppress
from dataclasses import replace
from functools import partial
from io import StringIO
from math import prod
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from .. import __version__
from ..check.branches import untaken
from ..check.compare import compare_run, with_lines
from ..check.found import Stages
from ..check.given import spelled
from ..check.nested import arrays_in
from ..check.rendering import json, sentences, terminal
from ..check.repair.fixes import mended, repaired, with_fixes
from ..check.repair.points import Call, Place, Places
from ..check.report import Report
from ..check.running import Run, fingerprint, python_function
from ..check.running import run as run_backward
from ..check.statements import assignments, lines_of_loss, names_to
from ..derive import derive
from ..draw import DrawError, draw, player
from ..draw.circuit import drawn
from ..draw.insides import insides
from ..draw.options import WINDOW, Options
from ..engine.errors import DTypeError, GradientError
from ..graph import Graph, named_nodes, nearest
from ..graph.status import Status
from ..notation.printable import listed
from . import exercise, outputs
from .arguments import finite_number, whole_number
from .console import console
from .layers import Layer, has_passes_of, is_backward, is_plain, layers_of, unpaired
from .outputs import add_json
from .shapes import is_labels, is_parameter, said_as_option, values_of
from .starters import STARTERS
from .straight_through import passed_straight
from .task import Task
from .unusable import UnusableError
from .user_file import blamed, explained, user_file
from .varied import Vary, scaled, variations

_GROSS = 1e-3
"""A smaller error, in parts of the largest term, at inputs that are larger than people's is that of a guard.

As is the softplus for which ``z`` is put where ``z > 20``, whose slope is not quite 1 there.
"""
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
    match = re.fullmatch(r"(?P<file>.*\.(?:py|ipynb)):(?P<name>\w*)", given.file, re.DOTALL)
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
    if len(judged) + len(left_out) > 1 and (to_stdout or any((given.html, given.json, given.player))):
        names = ", ".join((*(one.name for one in judged), *left_out))
        raise UnusableError(f"check: {given.file} has several layers ({names}); a report is of one, {given.file}:NAME")
    status = max(_told(one, given, to_stdout) for one in judged)
    for name, why in left_out.items():
        console().say(f"{name} was left out: {why}\n", "yellow")
    for name, why in lone.items():
        if not to_stdout:
            console().say(f"{name} was not judged: {why}", "yellow")
    if left_out:
        console().say(
            f"Not judged: {listed(list(left_out))}, {len(left_out)} of {len(judged) + len(left_out)} layers.",
            "bold red",
        )
    return max(status, int(bool(left_out) or any(map(is_backward, lone))))


def _lone(module: ModuleType) -> dict[str, str]:
    """The functions of a file in plain NumPy that are called as one pass of a layer without the other, and why."""
    return unpaired(module, layers_of(module)) if is_plain(module) else {}


class _Judged(NamedTuple):
    """A layer, or a file's only exercise, whose name is ""; what came of it."""

    name: str
    task: Task
    report: Report
    ran: Run


def _judge_all(module: ModuleType, given: argparse.Namespace, wanted: str) -> tuple[list[_Judged], dict[str, str]]:
    """What came of a file's layers, or of the one that is wanted; and of those that could not be judged, why."""
    path: Path = given.file
    layers = layers_of(module) if is_plain(module) else {}
    if wanted and wanted not in layers:
        wanted = next((name for name in layers if f"{name}_forward" == wanted or f"{name}_backward" == wanted), wanted)
    if wanted and wanted not in layers:
        there = f"it has {listed(list(layers))}" if layers else "it has no NAME_forward with a NAME_backward"
        raise UnusableError(f"{path} has no layer {wanted!r}; {there}")
    lone = {} if layers else {name: why for name, why in _lone(module).items() if name not in ("forward", "backward")}
    if lone:
        raise UnusableError(f"{path} has no layer: {'; '.join(f'for {name} {why}' for name, why in lone.items())}")
    if not layers:
        task = exercise.read(module, path, given.seed)
        return [_Judged("", task, *judge(task, path, given.rtol))], {}
    chosen = {wanted: layers[wanted]} if wanted else layers
    found: list[_Judged] = []
    left_out: dict[str, str] = {}
    for name, layer in chosen.items():
        shown = "" if name == "forward" and len(chosen) == 1 else name
        try:
            found.append(_Judged(shown, *judge_layer(module, layer, path, given.seed, given.shapes, given.rtol)))
        except UnusableError as error:
            if len(chosen) == 1:
                raise
            left_out[name] = str(error)
    if not found:
        reasons = "\n".join(f"{name}: {why}" for name, why in left_out.items())
        raise UnusableError(f"{path}: none of its layers could be judged; name one, and its --shapes\n{reasons}")
    with_others = {n for n in left_out if any(has_passes_of(chosen[one.name], chosen[n]) for one in found if one.name)}
    left_out = {name: why for name, why in left_out.items() if name not in with_others}
    return found, left_out


def judge_layer(
    module: ModuleType,
    layer: Layer,
    path: Path,
    seed: int,
    shapes: Mapping[str, Any],
    rtol: float | None = None,
) -> tuple[Task, Report, Run]:
    """Judge a layer, where its inputs were found by trying at the first of them at which it is right, if there is one.

    Else at those at which the fewest of its gradients are wrong.

    Raises:
        UnusableError: as `exercise.read_layer` and `judge` do.
    """
    tasks = exercise.read_layer(module, layer, path, seed, shapes)
    task = next(tasks)
    first = task, *judge(task, path, rtol)
    if not first[1].wrong and task.apart:
        raise UnusableError(
            f"{path}: it is right at the shapes of inputs that were found, where some lengths may be equal by chance: "
            f"forward runs with others as well, and backward does not. Say whether yours are as here, --shapes "
            f"{task.shapes}, or all different, --shapes {task.apart}; then it is judged"
        )
    if not first[1].wrong:
        return _of_any_numbers(_at_its_branches(first, path, rtol) if task.found else first, path, rtol)
    hidden = len(untaken(task.captured)) if _is_finite(task.captured, first[1]) else np.inf
    wrong = {*first[1].wrong}
    for other in tasks:
        try:
            judged = other, *judge(other, path, rtol, why=False)
        except UnusableError:
            continue
        if other.told_apart:
            if not judged[1].wrong:
                raise UnusableError(
                    f"{path}: it is right where some lengths are equal, and wrong where they are not; say whether "
                    f"yours are equal, as in --shapes {other.shapes}, or not, as in --shapes {other.told_apart}; then "
                    "it is judged"
                )
        elif len(untaken(other.captured)) <= hidden:  # else it is right where it matters not
            if not judged[1].wrong:
                return _of_any_numbers(judged, path, rtol)
            if wrong > {*judged[1].wrong}:  # the rest may be right for labels of this kind
                task, wrong = other, {*judged[1].wrong}
    first = first if task is first[0] else (task, *judge(task, path, rtol))
    if why := _why_of_guesses(first, path, shapes):
        raise UnusableError(f"{path}: {why}")
    return _at_one_axis(first, path, shapes, rtol) or first


def _why_of_guesses(judged: tuple[Task, Report, Run], path: Path, shapes: Mapping[str, Any]) -> str:
    """Why what is wrong may be so for the shapes that were guessed: an error, or more than one other shape; or ""."""
    task, report, ran = judged
    leaves = _leaves(task.captured)
    if task.searched:
        return (
            f"it is not right at the shapes of inputs that were found by a search for some at which it runs; say that "
            f"they are as yours, or which yours are: --shapes {task.shapes}; then it is judged"
        )
    if task.guessed and not task.unlike and ran.error is not None and _may_be_for_shapes(ran.error):
        return f"{task.guessed}; then it is judged\n{explained(ran.error, path)}"
    if task.guessed and task.unlike and (len(task.unlike) > 1 or not leaves.keys() & report.wrong <= task.unlike):
        return f"{task.guessed}; then it is judged"
    odd = [name for name in report.wrong if report.stages[name].given_shape != report.stages[name].shape]
    axes = max((len(shape) for shape in leaves.values()), default=0)
    broadcast = any(len(report.stages[name].given_shape or ()) > axes for name in odd)  # which no missing sum does
    few = len(odd) < (1 if broadcast else 2)
    if not task.found or few or leaves.keys().isdisjoint(odd) or not shapes.keys().isdisjoint(leaves):
        return ""
    return (
        f"the shapes of the inputs were guessed, and at these what is given for {listed([f'd{name}' for name in odd])} "
        f"has another shape than expected; they were {said_as_option(leaves)}, and if yours are others, say them: "
        f"--shapes {','.join(f'{name}=…' for name in leaves)}, with x=4x5 for a shape; then it is judged"
    )


def _at_one_axis(
    judged: tuple[Task, Report, Run], path: Path, shapes: Mapping[str, Any], rtol: float | None
) -> tuple[Task, Report, Run] | None:
    """A loss that is right for arrays of one axis, not judged before it is said whether its arrays have one; else None.

    As a mean that is divided by ``len(y)``: the arrays of more axes at which it is wrong were guessed.
    """
    task, report, _ = judged
    found = _leaves(task.captured)
    several = len({*found.values()}) == 1 and all(len(shape) > 1 for shape in found.values())
    if not (task.untaken and task.found and several) or task.unlike or not shapes.keys().isdisjoint(found):
        return None
    flat = {name: (prod(shape),) for name, shape in found.items()}
    why = (
        "it is right for arrays of one axis, as they were taken for here, and wrong for those of more; say which yours "
        f"are: --shapes {said_as_option(flat)} or --shapes {said_as_option(found)}"
    )
    with suppress(UnusableError):
        other = task.again(lambda given: {n: x.reshape(-1) if n in found else x for n, x in given.items()})
        follow = {n for n, stage in report.stages.items() if stage.status == Status.RIGHT_GIVEN}
        doubts = dict.fromkeys(found.keys() & {*report.wrong, *follow}, why)
        other = replace(other, said=f"{task.said}, flattened", doubts=doubts)
        again = other, *judge(other, path, rtol, why=False)  # it counts only where nothing is wrong
        if doubts and not again[1].wrong:
            return again
    return None


def _at_its_branches(judged: tuple[Task, Report, Run], path: Path, rtol: float | None) -> tuple[Task, Report, Run]:
    """What is right, judged where its ops take more of their sides, if inputs of another size do that."""
    task, hidden = judged[0], untaken(judged[0].captured)
    positive = [factor for factor in hidden.values() if factor > 0]  # signs may be meant
    # Where all elements go over to the other side with one factor, some do with its root.
    for factor in dict.fromkeys(power for x in positive for power in (x, x**0.5)):
        with suppress(UnusableError):
            other = task.again(partial(scaled, factor=factor))
            if len(untaken(other.captured)) < len(hidden):
                other = replace(other, said=f"{task.said}, times {factor:g}")
                again = other, *judge(other, path, rtol)
                errors = [again[1].stages[name].error for name in again[1].wrong]
                if again[1].ok or any(error is None or error > _GROSS for error in errors):
                    return again
    return judged


def _of_any_numbers(judged: tuple[Task, Report, Run], path: Path, rtol: float | None) -> tuple[Task, Report, Run]:
    """What is right, unless it is not with other numbers than those that are 1, 2 or a half by default.

    Raises:
        UnusableError: where it is not, and which are meant has to be said.
    """
    task, report, _ = judged
    wrong: Container[str] = ()
    if task.numbers and report.ok:
        with suppress(UnusableError):
            again, ran = judge(task.again(_with(_others(task.numbers))), path, rtol, why=False)
            wrong = () if ran.error is not None else again.wrong
    if not wrong:
        return judged
    here, there = (
        ",".join(f"{name}=({x:g})" for name, x in values.items()) for values in (task.numbers, _others(task.numbers))
    )
    raise UnusableError(
        f"{path}: it is right with the numbers that are there by default, and wrong with others; say whether those "
        f"alone are meant, --shapes {here}, or others, too, --shapes {there}; then it is judged"
    )


def _is_finite(graph: Graph, report: Report) -> bool:
    """Whether all that was recorded and compared is: else the inputs are none that the function is for."""
    compared = (report.stages[name].error for name in report.wrong)
    recorded = all(np.all(np.isfinite(node.value)) for node in graph.nodes)
    return recorded and all(error is None or np.isfinite(error) for error in compared)


def _leaves(graph: Graph) -> dict[str, tuple[int, ...]]:
    """The inputs that gradients are asked for, and their shapes."""
    return {name: x.shape for name, x in named_nodes(graph).items() if x.is_leaf and x.requires_grad}


def _told(one: _Judged, given: argparse.Namespace, to_stdout: bool) -> int:
    """Write and print what came of one exercise; returns the exit status."""
    _, task, report, ran = one
    changed = [place for place in ran.changed if not (task.said and place == "dout")]  # as is usual in classes
    reasons = [f"it changes {listed(changed)}, which it was given"] if changed else []
    reasons += ["it stops with an error"] if ran.error is not None else []
    as_json = json.text(report, file=str(given.file), seed=given.seed, also_wrong=reasons)
    files = {}
    if given.html is not None:
        circuit = _circuit(task.captured, report)
        files[given.html] = report.to_html(about=_about(one, given), source=_lines(task), circuit=circuit)
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
        if report.ok and reasons:
            is_open = task.guessed and not task.unlike and _may_be_for_shapes(ran.error)
            what = "it is not known whether backward is right" if is_open else "backward is not right yet"
            out.say(f"But {what}: {listed(reasons)}.", "bold red")
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


def judge(task: Task, path: Path, rtol: float | None = None, why: bool = True) -> tuple[Report, Run]:
    """Run the backward pass of an exercise and compare what it computed.

    Args:
        task: the exercise.
        path: the file, for messages.
        rtol: the largest error that counts as right; None: what rounding explains.
        why: whether to look for what explains wrong gradients, and for the lines as they should be.

    Raises:
        UnusableError: where what it computed is not made of numbers.
    """
    graph = task.captured
    named = named_nodes(graph)
    inputs = [name for name, node in named.items() if node.is_leaf and node.requires_grad]
    with blamed(path, "ends in backward"):
        known = [node.value for node in (*graph.gradients.values(), *graph.contributions.values())]
        ran = run_backward(task.backward, task.dout, task.cache, inputs, known=known)
        asked, either = _returned_for(ran, inputs, graph)
        if asked != inputs:
            with redirect_stdout(StringIO()):  # which has been shown
                ran = run_backward(task.backward, task.dout, task.cache, asked, known=known)
    if python_function(task.backward) is python_function(task.forward):
        function = python_function(task.forward)
        every = {line for made in assignments(function) for line in range(made.first, made.last + 1)}
        ran = replace(ran, lines=(ran.lines or frozenset(every)) - lines_of_loss(function))
    if task.upstreams:
        function = python_function(task.backward)
        slopes = (key for key in ran.helpers if names_to(function, [key]).isdisjoint(task.upstreams))
        ran = replace(ran, slopes=frozenset(slopes))
    whole = isinstance(ran.returned, Mapping) and not set(task.ignored) <= set(ran.returned)  # no locals()
    arguments = () if whole else task.ignored
    keys, others = spelled(ran.names, named)
    alike = {key for key, name in others.items() if keys.get(name) in arguments and key in ran.helpers}  # dh beside dH
    hand = {name: value for name, value in ran.names.items() if name not in (*arguments, *alike)}
    output = next(name for name, node in named.items() if node is graph.outputs[0])
    outputs = {name for name, node in named.items() if node in graph.outputs}
    keys, _ = spelled(hand, named)
    bare = isinstance(ran.returned, Mapping) and bool(hand) and set(hand) <= set(inputs)
    if not bare and all(hand[key] is None for name, key in keys.items() if named[name] in graph.gradients):
        hand[f"d{output}"] = task.dout[0] if isinstance(task.dout, tuple) else task.dout  # nothing else is given yet
    call = Call(task.backward, task.dout, task.cache, asked, task.forward)
    places = Places(_elsewhere(task, asked))
    try:  # its cache holds what was recorded, whatever it calls it
        report = compare_run(
            graph,
            replace(ran, names=hand),
            rtol=rtol,
            mend=lambda due: mended(due, call, places, ran.lines),
            why=why,
        )
    except (DTypeError, GradientError) as error:
        raise UnusableError(f"{path}: {re.sub('^compare: ', '', str(error))}") from None
    missing = [n for n in inputs if n in report.stages and report.stages[n].status == Status.NOT_GIVEN]
    left_out = missing if task.said and ran.error is None and len(missing) < len(inputs) else []
    unseen = (outputs - {*inputs, *report.wrong}) | {*left_out}  # what a layer returns may be its input
    stages = Stages([stage for stage in report.stages.values() if stage.name not in unseen])
    said = [f"backward computes no d{name}, so it was left out." for name in left_out]
    if task.guessed and (report.wrong if task.unlike else _may_be_for_shapes(ran.error)):
        said.append(f"{task.guessed[0].upper()}{task.guessed[1:]}.")
    remarks = (*said, *_remarks(ran, path), *_shared(ran, report), *_rebound(task, ran, report))
    doubts = {report.keys[name]: why for name, why in {**task.doubts, **either}.items() if name in report.keys}
    found = replace(with_lines(report, task.backward, ran, asked), stages=stages, remarks=remarks)
    told = {id(hand[key]) for key in report.keys.values() if hand.get(key) is not None}
    unused = {key: why for key, why in found.unused.items() if not _is_recorded(ran.names.get(key), graph)}
    unused = {key: why for key, why in unused.items() if id(hand.get(key)) not in told}
    if not missing:  # what the gradients that are asked for were made from
        unused = {key: "" if key in ran.helpers else why for key, why in unused.items()}
    meant = _averaged(found, ran, graph) | passed_straight(found, ran, graph)
    if meant:
        stages = Stages([stage for stage in stages.values() if stage.name not in meant])
        unjudged = {report.keys[name]: why for name, why in meant.items()}
        found = replace(found, stages=stages, unjudged=unjudged, invariants=())
    judged = [hand[key] for key in report.keys.values() if key in hand]
    returned = [any(_alike(x, own) for own in judged) for x in arrays_in([ran.returned])]
    if returned and all(returned):  # a variable that is called as no stage's gradient is a step on the way there
        steps = {key for key in ran.helpers if not spelled([key], named)[0]}
        found = replace(found, unjudged={key: why for key, why in found.unjudged.items() if key not in steps})
    needless = {"constant upstream"} if task.untaken else set()
    square = re.compile(rf"axes 0 and 1 of ({'|'.join(map(re.escape, task.square))}) cannot")  # nor need they be
    findings = tuple(f for f in found.findings if f.kind not in needless and not (task.square and square.match(f.what)))
    found = replace(found, unjudged={**found.unjudged, **doubts}, unused=unused, findings=findings)
    if not (found.wrong and why):
        return found, ran
    fixes = {name: fix for name, fix in found.fixes.items() if name in found.wrong}
    return with_fixes(found, fixes or repaired(found, call, places, ran.lines)), ran


def _averaged(report: Report, ran: Run, graph: Graph) -> dict[str, str]:
    """The weights whose gradients are means over the examples where others are sums, and what that may mean.

    A backward pass of one layer may divide them by the number of examples, where the upstream gradient is meant for the
    sum of their losses. Or these divisions are mistakes: that cannot be told from one layer.
    """
    named = named_nodes(graph)
    given = {name: np.asarray(ran.names.get(key, np.nan)) for name, key in report.keys.items() if named[name].is_leaf}
    weights = [name for name in given if is_parameter(name)]
    rest = [name for name in given if name not in weights]
    if len(weights) < 2 or not rest or not set(weights) <= set(report.wrong):
        return {}

    def are_means(names: list[str], n: int) -> list[bool]:
        due = [graph.gradients[named[name]].value for name in names]
        return [given[m].shape == d.shape and np.allclose(n * given[m], d) for m, d in zip(names, due, strict=True)]

    for n in {n for out in graph.outputs for n in out.shape if n > 1}:
        if all(are_means(weights, n)) and not any(are_means(rest, n)):
            keys, others = (listed([report.keys[name] for name in names]) for names in (weights, rest))
            why = (
                f"{keys} are 1/{n} of the gradients, and {others} is not. That is right where the upstream gradient is "
                f"that of a sum over {n} examples and these are meant for their mean, as in some courses; else the "
                "division is wrong"
            )
            return {name: why if name == weights[0] else f"as {report.keys[weights[0]]}" for name in weights}
    return {}


def _others(numbers: Mapping[str, float]) -> dict[str, float]:
    """Other numbers in their place, which no factor is by chance."""
    return {name: 0.7 * x for name, x in numbers.items()}


def _with(numbers: Mapping[str, float], vary: Vary = dict) -> Vary:
    """Varies arguments, and puts other numbers there."""
    return lambda given: {**vary(given), **numbers}


def _elsewhere(task: Task, inputs: list[str]) -> Iterator[Place]:
    """The same exercise at other inputs, where it runs at them."""
    for ways in variations(seed=0):
        for vary in ways:
            with suppress(UnusableError), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                other = task.again(_with(_others(task.numbers), vary))
                yield Place(Call(other.backward, other.dout, other.cache, inputs, other.forward), other.captured)
                break


def _is_recorded(value: Any, graph: Graph) -> bool:
    """Whether it is a value of the forward pass, whatever it is called."""
    return any(node.shape == np.shape(value) and np.array_equal(node.value, value) for node in graph.nodes)


def _returned_for(ran: Run, inputs: list[str], graph: Graph) -> tuple[list[str], dict[str, str]]:
    """The inputs that the returned arrays are the gradients of, in their order, where there are fewer of them.

    Unless each is the variable that is called so, and others of that kind are not returned. And what else some may be,
    of those that are right, in a sentence.
    """
    several = ran.returned if isinstance(ran.returned, tuple) else (ran.returned,)
    arrays = [x for x in several if not isinstance(x, Mapping)]  # which has names of its own
    if not 0 < len(arrays) < len(inputs) or not all(isinstance(x, np.ndarray | np.floating) for x in arrays):
        return inputs, {}
    named, doubts = named_nodes(graph), dict[str, str]()
    own = {name: ran.names[key] for name, key in spelled(ran.names, inputs)[0].items()}
    found = [next((n for n, x in own.items() if x is array or _alike(x, array)), "") for array in arrays]
    if all(found) and not own.keys() <= {*found}:
        return inputs, {}
    due = {name: graph.gradients[named[name]].value for name in inputs if named[name] in graph.gradients}
    for k, array in enumerate(arrays):
        left = [n for n in inputs if n not in found and named[n].shape == np.shape(array)]
        # A loss has its slope in what is predicted; of what is returned as dx / n, dx is a step on the way there.
        left.sort(key=lambda name: (is_labels(name), name not in own))
        equal = [n for n in left if n in due and np.allclose(due[n], array, rtol=1e-6)]
        found[k] = found[k] or next(iter([*equal, *left]), f"returned{k}")
        if equal and left[0] in due and np.allclose(due[left[0]], -array, rtol=1e-6):  # as of a difference
            doubts[found[k]] = (
                f"it is the gradient of {found[k]}, and that of {left[0]} but for its sign, and backward returns no "
                f"other; say which it is by its name: d{found[k]} = … or d{left[0]} = …"
            )
    names = iter(found)
    return ["grads" if isinstance(x, Mapping) else next(names) for x in several], doubts


def _alike(a: Any, b: Any) -> bool:
    """Whether two arrays are the same, one perhaps a copy of the other."""
    return fingerprint(a) == fingerprint(b) != ""


def _may_be_for_shapes(error: Exception | None) -> bool:
    """Whether it is an error that NumPy raises for arrays of shapes that do not fit together."""
    return isinstance(error, ValueError | IndexError)


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


def _rebound(task: Task, ran: Run, report: Report) -> list[str]:
    """If something is wrong: whether the upstream gradient's name was assigned anew, a possible reason."""
    name, of_a_loss = next(iter(task.ignored), ""), np.shape(task.dout) == ()
    value = ran.names.get(name)
    if report.ok or "dout" in ran.changed or value is None or fingerprint(value) == fingerprint(task.dout):
        return []
    if of_a_loss and (isinstance(value, tuple | list | Mapping) or np.shape(value)):  # as its cache is
        return []
    if all(name not in made.names for made in assignments(task.backward)):
        return []
    return [f"backward reassigns {name}; from there on {name} is no longer the upstream gradient. Use another name."]


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
