"""Several calls: layers that keep an entry for each call of their forward pass, of which one call is judged.

As cells that are called once a time step, whose backward pass takes what each call kept, the last call first.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Any

from ..check.running import python_function
from ..check.syntax import Source, called, source_of
from .task import Task

_KEEPS = ("append", "appendleft", "insert")


def of_several_calls(task: Task) -> list[str]:
    """That of several calls nothing is judged, in a sentence, where backward takes what each call of forward kept."""
    forward, backward = (source_of(python_function(x)) for x in (task.forward, task.backward))
    if forward is None or backward is None:
        return []
    new = {*_attributes(x for node in forward.nodes for x in _targets(node))}
    read = {*_attributes(backward.nodes)}
    return [
        f"forward keeps an entry in {name} for each call. One call was judged; of several, and of the order in which "
        "backward takes what they kept, nothing is judged."
        for name in dict.fromkeys(_kept(forward))
        if name in read - new
    ]


def _kept(forward: Source) -> Iterator[str]:
    """The lists of the object that a function lengthens once a call, so not in a loop."""
    loops = [node for node in forward.nodes if isinstance(node, ast.For | ast.While)]
    looped = {id(x) for loop in loops for x in ast.walk(loop)}
    for node in forward.nodes:
        if called(node) in _KEEPS and isinstance(node, ast.Call) and id(node) not in looped:
            yield from _attributes([getattr(node.func, "value", node)])


def _targets(node: ast.AST) -> list[Any]:
    match node:
        case ast.Assign(targets):
            return targets
        case ast.AnnAssign(target):
            return [target]
    return []


def _attributes(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Those that are attributes of the object, as they are written."""
    for node in nodes:
        match node:
            case ast.Attribute(ast.Name("self")):
                yield ast.unparse(node)
