"""Written: what the names of a recorded graph are in the source of a backward pass, so that a fix can be put there."""

from __future__ import annotations

import ast
import re
from dataclasses import replace

from ..check.found import ByName
from ..check.report import Report
from ..check.running import python_function
from ..check.syntax import Source, source_of
from ..check.wording import as_written
from ..graph import named_nodes
from .task import Task


def in_the_source(report: Report, task: Task) -> Report:
    """A report whose fixes say what is written in a class, as ``self.x`` for ``x``, and ``dvalues`` for ``dout``.

    A fix with what is not written there, or in a function, is left out.
    """
    written = _written(task, report)
    upstreams = {key: x for key, x in written.items() if x in task.upstreams}

    def said(text: str) -> str:
        return re.sub(r"\b[^\W\d]\w*", lambda name: upstreams.get(name[0], name[0]), text)

    diagnosis = {
        name: tuple(replace(one, text=said(one.text), fix=as_written(one.fix, written)) for one in several)
        for name, several in report.diagnosis.items()
    }
    return replace(report, diagnosis=ByName(diagnosis), written=written) if written else report


def _written(task: Task, report: Report) -> dict[str, str]:
    """What is written for the values and gradients that are called otherwise in a class; "" where nothing is."""
    forward, backward = (source_of(python_function(function)) for function in (task.forward, task.backward))
    if forward is None or backward is None or not task.said:
        return {}
    if not task.excerpt:
        return _absent(task, backward)
    local = {*task.ignored, *(node.id for node in backward.nodes if isinstance(node, ast.Name))}
    held, texts = _held(forward) | _held(backward), _texts(forward) | _texts(backward)
    called = getattr(task.backward, "called", {})
    upstreams = dict(zip(task.captured.outputs, task.upstreams, strict=False))
    found = dict[str, str]()
    for name, node in named_nodes(task.captured).items():
        key = report.keys.get(name, f"d{name}")
        for names, own, other in (
            ([name], name, task.given.get(name, "")),
            ([f"d{name}", key], called.get(key, key), upstreams.get(node, "")),
        ):
            place = other or held.get(own) or held.get(f"_{own}", "")
            if own not in local and (place or own not in texts):
                found |= dict.fromkeys(names, place)
    return found


def _absent(task: Task, backward: Source) -> dict[str, str]:
    """The forward values that a backward pass which is a function has no name for, each with ""."""
    function = python_function(task.backward)
    if "<locals>" in function.__qualname__:  # it has the names of the function around it
        return {}
    own = {*task.ignored, *function.__globals__, *_texts(backward)}
    own |= {x.id for x in backward.nodes if isinstance(x, ast.Name)}
    own |= {x.arg for x in backward.nodes if isinstance(x, ast.arg)}
    own |= {x.attr for x in backward.nodes if isinstance(x, ast.Attribute)}
    return dict.fromkeys((name for name in named_nodes(task.captured) if name not in own), "")


def _held(source: Source) -> dict[str, str]:
    """The attributes of its object that a method names, each as it is written."""
    function = source.tree.body[0]
    arguments = function.args.args if isinstance(function, ast.FunctionDef) else []
    own = arguments[0].arg if arguments else ""
    attributes = (node for node in source.nodes if isinstance(node, ast.Attribute))
    return {x.attr: ast.unparse(x) for x in attributes if isinstance(x.value, ast.Name) and x.value.id == own}


def _texts(source: Source) -> set[str]:
    """The texts in a method, such as the keys of dictionaries."""
    return {x.value for x in source.nodes if isinstance(x, ast.Constant) and isinstance(x.value, str)}
