"""Derivatives judged: in the reading at which they are right, if there is one, or else in that which is meant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..check.found import ByName
from ..check.report import Report
from ..check.syntax import names_called
from ..check.wording import as_written
from ..graph import named_nodes
from ..notation.printable import listed
from .derivatives import Argument, sources_of
from .judged_again import Judged
from .judging_layers import judge_layer
from .layers import Layer
from .roles import is_labels, role_of
from .task import Task
from .unusable import MixedError, UnusableError

_OF_INPUTS = {"exp", "expm1", "tanh", "cosh", "log", "log1p", "erf", "expit", "sqrt", "sin", "cos"}
"""What a derivative calls that is one of the input, beside its function itself."""
_OUTPUTS = re.compile(r"(?i)s|a|y|o|h|out(put)?s?|res(ult)?|y_?hat|sig(moid)?|act\w*|f_?x|\w*sigmoid\w*|\w*tanh\w*")
"""How an argument of a derivative is called that is what its function returns."""
_SHAPE = (7, 5)
"""The shape of an input that is not called as one."""


def judge_derivative(
    module: ModuleType,
    layer: Layer,
    path: Path,
    seed: int,
    shapes: Mapping[str, Any],
    rtol: float | None = None,
) -> Judged:
    """Judge a derivative, and say what its argument was taken for.

    Raises:
        UnusableError: as `judge_layer` does.
    """
    came = dict[Argument, Judged]()
    refused: UnusableError | None = None
    for reading in _readings(layer):
        read = replace(layer, reading=reading)
        try:
            task, report, ran = _judge(module, read, path, seed, shapes, rtol)
        except MixedError:
            raise
        except UnusableError as error:
            refused = refused or error
            continue
        came[reading] = replace(task, said=f"{task.said}; {_said(read)}"), report, ran
        if report.ok:
            return came[reading]
    if refused is not None and len(came) < 2:
        raise refused
    sure = _looks_like_output(layer) or _calls_function(layer) or len(came) == 1
    likeliest = next(iter(came)) if sure else min(came, key=lambda reading: _far(came[reading]))
    task, report, ran = came[likeliest]
    if len(came) > 1:
        other = next(reading for reading in came if reading != likeliest)
        said = f"It is wrong, too, where {_said(replace(layer, reading=other))}."
        report = replace(report, remarks=(*report.remarks, said))
    return task, report, ran


def _judge(
    module: ModuleType, layer: Layer, path: Path, seed: int, shapes: Mapping[str, Any], rtol: float | None
) -> Judged:
    """Judge it in one reading: if no argument is called as an input, first with an array for the first of them.

    Where it runs with no array, as ``1 if x > 0 else 0`` does not, it is judged with a single number.
    """
    names = [*sources_of(layer.function_forward, layer.function, "input").values()]
    meant = next((name for name in names if not is_labels(name)), names[0])
    ways = [shapes]
    if not (shapes or hasattr(module, "inputs")):
        called = any(role_of(name) == "input" for name in names)
        ways = [*([] if called else [{meant: _SHAPE}]), {}, {meant: ()}]
    errors = list[UnusableError]()
    for way in ways:
        try:
            task, report, ran = judge_layer(module, layer, path, seed, way, rtol)
        except MixedError:
            raise
        except UnusableError as error:
            errors.append(error)
        else:
            return task, _as_slope(report, task, layer), ran
    raise errors[-2:][0]


def _as_slope(report: Report, task: Task, layer: Layer) -> Report:
    """A report that says what is due in a derivative, in the names of its arguments and without an upstream gradient.

    No fix has a name that its argument has, too, where this is what the function returns, and not what it takes.
    """
    (out,), named = task.captured.outputs, named_nodes(task.captured)
    others = [name for name, of in layer.sources.items() if not of and named.get(name, out) is not out]
    own = {of: name for name, of in layer.sources.items() if of and of != name}
    written = {**report.written, **own, **dict.fromkeys(others, "")}
    diagnosis = {
        name: tuple(replace(one, fix=as_written(one.fix, written)) for one in several)
        for name, several in report.diagnosis.items()
    }
    return replace(report, slope=f"d{out.name}", written=written, diagnosis=ByName(diagnosis))


def _readings(layer: Layer) -> list[Argument]:
    """How a derivative may be read, the likeliest first: of several arguments in one way only."""
    if len(layer.sources) > 1:
        return ["input"]
    return ["output", "input"] if _looks_like_output(layer) else ["input", "output"]


def _calls_function(layer: Layer) -> bool:
    """Whether a derivative calls its function, or another that a derivative of an output has no need of."""
    return not names_called(layer.function).isdisjoint({*_OF_INPUTS, layer.function_forward.__name__})


def _looks_like_output(layer: Layer) -> bool:
    name, *others = layer.sources
    taken = sources_of(layer.function_forward, layer.function, "input").values()
    return not (others or _calls_function(layer) or name in taken) and _OUTPUTS.fullmatch(name) is not None


def _far(judged: Judged) -> tuple[bool, float]:
    """How far what is wrong is from being right: whether no line was found that mends it, and its largest error."""
    _, report, _ = judged
    errors = [report.stages[name].error for name in report.wrong]
    return not report.fixes, max((np.inf if error is None else error for error in errors), default=np.inf)


def _said(layer: Layer) -> str:
    """What the arguments of a derivative are taken for."""
    back, way = ("it" if f.__name__ == "<lambda>" else f.__name__ for f in (layer.function, layer.function_forward))
    way = layer.name if way == "it" else way
    taken = [
        (f"the {of} of {way}" if of else f"what {way} returns") + (f" as its {name}" if name != of else "")
        for name, of in layer.sources.items()
    ]
    return f"{back} takes {listed(taken)}"
