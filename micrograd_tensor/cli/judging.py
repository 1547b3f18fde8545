"""Judging: the backward pass of an exercise is run and compared, and what is to be said of it is found."""

from __future__ import annotations

import ast
import inspect
import linecache
import re
from collections.abc import Container, Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from ..check.compare import compare_run, with_lines
from ..check.found import Finding, Stages
from ..check.given import spelled
from ..check.nested import arrays_in
from ..check.repair.fixes import mended, repaired, with_fixes
from ..check.repair.points import Call, Places
from ..check.report import Report
from ..check.running import Run, fingerprint, python_function, returned_flat
from ..check.running import run as run_backward
from ..check.statements import (
    assignments,
    gradient_lines,
    lines_of_loss,
    lines_of_returns,
    names_to,
    returned_gradients,
)
from ..engine.errors import DTypeError, GradientError
from ..graph import Graph, named_nodes
from ..graph.status import Status
from ..notation.printable import listed
from .descent import added_as_steps, kept_as_steps, said_of_steps, steps_alone
from .elsewhere import elsewhere
from .means import averaged, of_sums, said_of_sums
from .roles import is_labels
from .straight_through import passed_straight
from .task import Task
from .unordered import told_by_variables, values_among, without_places
from .unusable import UnusableError
from .user_file import blamed, explained
from .written import in_the_source


def judge(
    task: Task, path: Path, rtol: float | None = None, why: bool = True, point: bool = True
) -> tuple[Report, Run]:
    """Run the backward pass of an exercise and compare what it computed.

    Args:
        task: the exercise.
        path: the file, for messages.
        rtol: the largest error that counts as right; None: what rounding explains.
        why: whether to look for what explains wrong gradients, and for the lines as they should be.
        point: whether to check the test point, the oracles and the invariants as well.

    Raises:
        UnusableError: where what it computed is not made of numbers.
    """
    graph = task.captured
    with blamed(path, "ends in backward"):
        ran, asked, doubts = _run(task)
    hand = _compared(task, ran)
    call = Call(task.backward, task.dout, task.cache, asked, task.forward)
    places = Places(elsewhere(task, asked))
    try:  # its cache holds what was recorded, whatever it calls it
        report = compare_run(
            graph,
            replace(ran, names=hand),
            rtol=rtol,
            mend=lambda due: mended(due, call, places, ran.lines),
            why=why,
            point=point,
        )
    except (DTypeError, GradientError) as error:
        raise UnusableError(f"{path}: {re.sub('^compare: ', '', str(error))}") from None
    missing = [name for name in inputs_of(graph) if _is_missing(report, name)]
    lost = _lost(report, ran, graph) if task.said else {}  # an exercise may be its local variables
    left_out = missing if task.said and ran.error is None and len(missing) < len(inputs_of(graph)) else []
    stepped = getattr(task.backward, "moved", {}) if not report.wrong else {}
    found = replace(
        with_lines(report, task.backward, ran, asked, task.forward),
        stages=_seen(report, graph, left_out),
        remarks=(
            *_said(task, report, ran, [name for name in left_out if name not in {*lost, *stepped}]),
            *_remarks(ran, path),
            *_said_of_lost(task, lost, ran),
            *_shared(ran, report),
        ),
        unused=_unused(report, ran, graph, hand, known=not missing),
        findings=_findings(task, report),
    )
    found = in_the_source(found, task) if found.wrong and why else found
    steps_kept = kept_as_steps(found, ran, graph, getattr(task.backward, "perhaps", {}))
    steps_kept |= added_as_steps(found, ran, graph, getattr(task.backward, "moved", {}))
    if meant := averaged(found, ran, graph, task) | passed_straight(found, ran, graph) | steps_kept:
        stages = Stages([stage for stage in found.stages.values() if stage.name not in meant])
        unjudged = {report.keys[name]: why for name, why in meant.items()}
        found = replace(found, stages=stages, unjudged=unjudged, invariants=())
    steps = _steps_on_the_way(report, ran, graph, hand)
    n, summed = of_sums(found, graph, hand) if task.untaken else (1, [])
    unjudged = {key: why for key, why in found.unjudged.items() if key not in {*steps, *summed}}
    unjudged |= {report.keys[name]: why for name, why in {**task.doubts, **doubts}.items() if name in report.keys}
    none = {key: name for name, key in spelled(ran.names, left_out)[0].items() if key in unjudged}
    found = replace(found, unjudged={key: why for key, why in unjudged.items() if key not in none})
    steps_taken = {} if found.wrong else getattr(task.backward, "moved", {})
    said, up = said_of_steps(steps_taken, graph, task.upstreams)
    taken, untold = steps_alone(steps_taken, graph, left_out, getattr(task.backward, "rates", ()))
    found = replace(found, unjudged={**found.unjudged, **untold})
    said += taken
    found = replace(found, remarks=(*found.remarks, *said, *said_of_sums(summed, n)))
    nothing = [key for key, name in none.items() if name not in lost]
    ran = replace(ran, undone=(*ran.undone, *_undone(task, ran, [*lost.values()], up, nothing)))
    if not (found.wrong and why):
        return found, ran
    fixes = {name: fix for name, fix in found.fixes.items() if name in found.wrong}
    found = with_fixes(found, fixes or repaired(found, call, places, ran.lines))
    return replace(found, remarks=(*found.remarks, *_rebound(task, ran, found))), ran


def _undone(task: Task, ran: Run, lost: list[str], up: list[str], nothing: list[str]) -> list[str]:
    """What a backward pass fails to do with gradients that are right, each in a few words.

    What a class computes and loses may be used in a program that is cut short here, unless another branch returns it.
    """
    cut = task.excerpt and (ran.returned is not None or not lines_of_returns(python_function(task.backward)))
    loses = [f"it loses {listed(lost)}"] if lost and not cut else []
    goes_up = [f"it goes up the gradient of {listed(up)}"] if up else []
    return [*loses, *goes_up, *(f"it gives None for {key}" for key in nothing)]


def inputs_of(graph: Graph) -> dict[str, tuple[int, ...]]:
    """The inputs that gradients are asked for, and their shapes."""
    return {name: x.shape for name, x in named_nodes(graph).items() if x.is_leaf and x.requires_grad}


def drawn_inputs(task: Task) -> dict[str, tuple[int, ...]]:
    """The shapes of the inputs that were drawn."""
    return {name: shape for name, shape in inputs_of(task.captured).items() if name in task.free}


def not_right(report: Report) -> set[str]:
    """What is wrong, or follows from it."""
    return {n for n, stage in report.stages.items() if stage.status in (Status.WRONG, Status.RIGHT_GIVEN)}


def _run(task: Task) -> tuple[Run, list[str], dict[str, str]]:
    """The backward pass as it ran, the inputs whose gradients it returns, and what else some may be."""
    graph, inputs = task.captured, [*inputs_of(task.captured)]
    known = [node.value for node in (*graph.gradients.values(), *graph.contributions.values())]
    ran = run_backward(task.backward, task.dout, task.cache, inputs, known=known)
    asked, doubts = _returned_for(task, ran, inputs)
    written = returned_gradients(task.backward, inputs, ran.lines).values()
    variables = bool(written) and all(isinstance(x, ast.Name) for x in written)  # whose line is mended
    taken = inspect.signature(task.forward).parameters
    told = told_by_variables(task.backward, asked, taken, ran.lines)
    values = values_among(task.backward, asked, returned_flat(ran.returned), graph, ran.lines) if told else set[int]()
    ordered = _in_another_order(ran, inputs, graph, taken) if task.said and not (variables or told) else []
    asked = ordered or [f"returned{k}" if k in values else name for k, name in enumerate(told)] or asked
    if asked != inputs:
        with redirect_stdout(StringIO()):  # which has been shown
            ran = run_backward(task.backward, task.dout, task.cache, asked, known=known)
        ran = without_places(ran, values)
    stored = getattr(task.backward, "stored", frozenset[str]())
    placed = {*taken, *stored}  # what is no argument, nor stored by name, has no order
    due_order = [name for name in inputs if name in ordered]
    if [name for name in ordered if name in placed] != [name for name in due_order if name in placed]:
        moved = [(n, due) for n, due in zip(ordered, due_order, strict=True) if n != due]
        found, due = (listed([f"d{name}" for name in names]) for names in zip(*moved, strict=True))
        names = {name for pair in moved for name in pair}
        does = (
            "stores its gradients in each other's place"
            if names <= stored
            else "returns its gradients in another order"
        )
        than = "" if names <= stored else " than forward takes the inputs"
        ran = replace(ran, remarks=(*ran.remarks, f"backward {does}{than}: {found} for {due}."), undone=(f"it {does}",))
    if python_function(task.backward) is python_function(task.forward):
        function = python_function(task.forward)
        every = {line for made in assignments(function) for line in range(made.first, made.last + 1)}
        ran = replace(ran, lines=(ran.lines or frozenset(every)) - lines_of_loss(function))
    if task.upstreams:
        function = python_function(task.backward)
        slopes = (key for key in ran.helpers if names_to(function, [key]).isdisjoint(task.upstreams))
        ran = replace(ran, slopes=frozenset(slopes))
    places = {f"cache[{argument!r}]": argument for argument in task.given.values()}  # the file has no such cache
    ran = replace(ran, changed=tuple(places.get(place, place) for place in ran.changed))
    return ran, asked, doubts


def _compared(task: Task, ran: Run) -> dict[str, Any]:
    """The names of backward that are compared with gradients: not its arguments, nor a variable beside them."""
    graph, named = task.captured, named_nodes(task.captured)
    whole = isinstance(ran.returned, Mapping) and not set(task.ignored) <= set(ran.returned)  # no locals()
    arguments = () if whole else task.ignored
    keys, others = spelled(ran.names, named)
    alike = {key for key, name in others.items() if keys.get(name) in arguments and key in ran.helpers}  # dh beside dH
    placed = {f"d{name}" for name in inputs_of(graph)} if not isinstance(ran.returned, Mapping) else set[str]()
    returned = placed - {*ran.helpers, *alike}  # as where dx comes in and goes out
    hand = {name: x for name, x in ran.names.items() if name in returned or name not in (*arguments, *alike)}
    keys, _ = spelled(hand, named)
    bare = isinstance(ran.returned, Mapping) and bool(hand) and hand.keys() <= inputs_of(graph).keys()
    if not bare and all(hand[key] is None for name, key in keys.items() if named[name] in graph.gradients):
        output = next(name for name, node in named.items() if node is graph.outputs[0])
        hand[f"d{output}"] = task.dout[0] if isinstance(task.dout, tuple) else task.dout  # nothing else is given yet
    return hand


def _is_missing(report: Report, name: str) -> bool:
    return name in report.stages and report.stages[name].status == Status.NOT_GIVEN


def _seen(report: Report, graph: Graph, left_out: list[str]) -> Stages:
    """The stages but the inputs that are left out, and outputs: what a layer returns may be its input."""
    outputs = {name for name, node in named_nodes(graph).items() if node in graph.outputs}
    unseen = (outputs - {*inputs_of(graph), *report.wrong}) | {*left_out}
    return Stages([stage for stage in report.stages.values() if stage.name not in unseen])


def _said(task: Task, report: Report, ran: Run, left_out: list[str]) -> list[str]:
    """How it was read, what was left out, and what was guessed where something may be wrong for that, in sentences."""
    none = {name: key for name, key in spelled(ran.names, left_out)[0].items() if ran.names[key] is None}
    said = [*task.read_as]
    said += [f"backward computes no d{name}, so it was left out." for name in left_out if name not in none]
    said += [f"backward gives None for {key}, so it was left out." for key in none.values()]
    if task.guessed and (report.wrong if task.unlike else may_be_for_shapes(ran.error)):
        said.append(f"{task.guessed[0].upper()}{task.guessed[1:]}.")
    return said


def _lost(report: Report, ran: Run, graph: Graph) -> dict[str, str]:
    """The inputs whose gradients are only in local variables that are lost, each with what it is called there.

    What is returned is none of them, where it was computed once more.
    """
    asked = [name for name in inputs_of(graph) if name in report.stages]
    found = spelled(ran.unread, asked)[0]
    keys = {name: found[name] for name in asked if name in found and report.keys.get(name, found[name]) == found[name]}
    returned = returned_flat(ran.returned) + arrays_in([ran.returned])
    own = {name: ran.names.get(key) for name, key in keys.items()}
    again = {name for name, x in own.items() if x is not None and any(x is y or _alike(x, y) for y in returned)}
    return {name: key for name, key in keys.items() if name not in again}


def _said_of_lost(task: Task, lost: Mapping[str, str], ran: Run) -> list[str]:
    """Where the gradients that are lost are computed, in a sentence."""
    if not lost:
        return []
    made = gradient_lines(task.backward, lost, lost, ran.lines)
    lines = [str(line) for line in sorted({line for several in made.values() for line, _ in several})]
    at = f" in line{'s' if len(lines) > 1 else ''} {listed(lines)}" if lines else ""
    are, them = ("is", "it") if len(lost) == 1 else ("are", "them")
    return [
        f"{listed([*lost.values()])} {are} computed{at} and then lost: backward neither returns nor stores {them}. "
        f"Return {them}, or leave out what computes {them}."
    ]


def _unused(report: Report, ran: Run, graph: Graph, hand: Mapping[str, Any], known: bool) -> dict[str, str]:
    """The variables that are no stage's gradient, and why; no reason is needed where all gradients are known."""
    told = {id(hand[key]) for key in report.keys.values() if hand.get(key) is not None}
    unused = {key: why for key, why in report.unused.items() if not _is_recorded(ran.names.get(key), graph)}
    unused = {key: why for key, why in unused.items() if id(hand.get(key)) not in told}
    return {key: "" if known and key in ran.helpers else why for key, why in unused.items()}


def _findings(task: Task, report: Report) -> tuple[Finding, ...]:
    """What is found of the point, but what its layer cannot help: an upstream of 1, and a matrix that is square."""
    needless = {"constant upstream"} if task.untaken else set()
    square = re.compile(rf"axes 0 and 1 of ({'|'.join(map(re.escape, task.square))}) cannot")
    return tuple(f for f in report.findings if f.kind not in needless and not (task.square and square.match(f.what)))


def _steps_on_the_way(report: Report, ran: Run, graph: Graph, hand: Mapping[str, Any]) -> set[str]:
    """The variables that are called as no stage's gradient, where all that is returned is judged."""
    judged = [hand[key] for key in report.keys.values() if key in hand]
    returned = [any(_alike(x, own) for own in judged) for x in arrays_in([ran.returned])]
    if not (returned and all(returned)):
        return set()
    return {key for key in ran.helpers if not spelled([key], named_nodes(graph))[0]}


def _is_recorded(value: Any, graph: Graph) -> bool:
    """Whether it is a value of the forward pass, whatever it is called."""
    return any(node.shape == np.shape(value) and np.array_equal(node.value, value) for node in graph.nodes)


def _returned_for(task: Task, ran: Run, inputs: list[str]) -> tuple[list[str], dict[str, str]]:
    """The inputs that the returned arrays are the gradients of, in their order, where there are fewer of them.

    Unless each is the variable that is called so, and others of that kind are not returned. And what else some may be,
    of those that are right, in a sentence.
    """
    several = ran.returned if isinstance(ran.returned, tuple) else (ran.returned,)
    arrays = [x for x in several if not isinstance(x, Mapping)]  # which has names of its own
    if not 0 < len(arrays) < len(inputs) or not all(isinstance(x, np.ndarray | np.floating) for x in arrays):
        return inputs, {}
    graph, doubts = task.captured, dict[str, str]()
    named = named_nodes(graph)
    own = {name: ran.names[key] for name, key in spelled(ran.names, inputs)[0].items()}
    found = [next((n for n, x in own.items() if x is array or _alike(x, array)), "") for array in arrays]
    if all(found) and not own.keys() <= {*found}:
        return inputs, {}
    due = {name: graph.gradients[named[name]].value for name in inputs if named[name] in graph.gradients}
    predicted = [n for n in inputs if not is_labels(n)]
    for k, array in enumerate(arrays):
        fitting = [n for n in inputs if n not in found and named[n].shape == np.shape(array)]
        # A loss has its slope in what is predicted; of what is returned as dx / n, dx is a step on the way there.
        fitting.sort(key=lambda name: name not in own)
        of_loss = bool(predicted) and not task.upstreams
        left = [n for n in fitting if n in predicted] or ([] if of_loss else fitting)
        equal = [n for n in left if n in due and np.allclose(due[n], array, rtol=1e-6)]
        found[k] = found[k] or next(iter([*equal, *left]), f"returned{k}")
        if equal and left[0] in due and np.allclose(due[left[0]], -array, rtol=1e-6):  # as of a difference
            doubts[found[k]] = (
                f"it is the gradient of {found[k]}, and that of {left[0]} but for its sign, and backward returns no "
                f"other; say which it is by its name: d{found[k]} = … or d{left[0]} = …"
            )
    names = iter(found)
    return ["grads" if isinstance(x, Mapping) else next(names) for x in several], doubts


def _in_another_order(ran: Run, inputs: list[str], graph: Graph, taken: Container[str]) -> list[str]:
    """The inputs that the returned arrays are the gradients of, where these are all, but not in order; or none.

    They are all as well if the rest are no arguments of the forward pass, but what its object holds.

    An array may be the gradient of several: then it is that of the input of its own place, if it can be.
    """
    named, arrays = named_nodes(graph), returned_flat(ran.returned)
    inputs = inputs if len(arrays) == len(inputs) else [name for name in inputs if name in taken]
    due = [graph.gradients[named[name]].value for name in inputs if named[name] in graph.gradients]
    if ran.error is not None or not len(arrays) == len(due) == len(inputs):
        return []

    def equal(array: Any, due: Any) -> bool:
        return np.shape(array) == due.shape and np.asarray(array).dtype.kind == "f" and np.allclose(array, due)

    found = {k: k for k, array in enumerate(arrays) if equal(array, due[k])}
    for k, array in enumerate(arrays):
        if k not in found:
            left = (j for j, x in enumerate(due) if j not in found.values() and equal(array, x))
            found[k] = next(left, -1)
    moved = any(k != j for k, j in found.items())
    return [inputs[found[k]] for k in range(len(inputs))] if moved and -1 not in found.values() else []


def _alike(a: Any, b: Any) -> bool:
    """Whether two arrays are the same, one perhaps a copy of the other."""
    return fingerprint(a) == fingerprint(b) != ""


def may_be_for_shapes(error: Exception | None) -> bool:
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
    """Whether a wrong gradient is computed after the upstream gradient's name was assigned anew, a possible reason.

    It is none where a line was found that is wrong, or where the same numbers are only in another order.
    """
    name = next(iter(task.ignored), "")
    of_a_loss = not isinstance(task.dout, tuple) and np.shape(task.dout) == ()
    value = ran.names.get(name)
    if "dout" in ran.changed or value is None or _holds_the_same(value, task.dout):
        return []
    if of_a_loss and (isinstance(value, tuple | list | Mapping) or np.shape(value)):  # as its cache is
        return []
    again = min((made.first for made in assignments(task.backward) if name in made.names), default=None)
    unknown = [key for key in report.wrong if key not in report.fixes]
    after = {text for key in unknown for line, text in report.lines.get(key, ()) if again and line > again}
    if not any(re.search(rf"\b{name}\b", text) for text in after):
        return []
    return [f"backward reassigns {name}; from there on {name} is no longer the upstream gradient. Use another name."]


def _holds_the_same(value: Any, dout: Any) -> bool:
    """Whether two arrays hold the same numbers, in whatever order."""
    several = [np.sort(np.ravel(x)) for x in (value, dout) if isinstance(x, np.ndarray | np.generic | float)]
    return len(several) == 2 and np.array_equal(several[0], several[1])
