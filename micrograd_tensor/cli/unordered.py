"""Weights that are no arguments of a forward pass, whose gradients have no order: variables tell which is which.

So it is where they are global names, as in ``return loss, db, dW``, or attributes, or entries of a dictionary.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Container, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..check.given import spelled
from ..check.running import Run, returned_flat
from ..check.statements import names_read, returned_gradients
from ..graph import Graph
from .taking import is_gradient


def told_by_variables(
    backward: Callable[..., Any], inputs: Sequence[str], taken: Container[str], lines: Container[int] | None = None
) -> list[str]:
    """The inputs that the gradients are of that a function returns, in the order of these; none where nothing is told.

    Those of arguments, and of what no variable tells, are in the order of the inputs.

    Args:
        backward: the function.
        inputs: those whose gradients are asked for.
        taken: the names of the arguments of the forward pass.
        lines: the lines that were run; None: perhaps all.
    """
    written = [names_read(x) for x in _written(backward, inputs, lines)]
    free = [name for name in inputs if name not in taken]
    told = {key: name for name, key in spelled([key for keys in written for key in keys], free)[0].items()}
    places = dict[int, str]()
    for k in sorted(range(len(written)), key=lambda k: len(written[k])):  # dW before dW / n
        of = [told[key] for key in written[k] if key in told]
        if len(of) == 1 and of[0] not in places.values():
            places[k] = of[0]
    rest = iter([name for name in inputs if name not in places.values()])
    return [places.get(k) or next(rest) for k in range(len(written))] if places else []


def values_among(
    backward: Callable[..., Any],
    inputs: Sequence[str],
    arrays: Sequence[Any],
    graph: Graph,
    lines: Container[int] | None,
) -> set[int]:
    """The places of what is returned among gradients and is a value of the forward pass, as the last state is."""
    written = _written(backward, inputs, lines)
    computed = [node.value for node in graph.nodes if not node.is_leaf]
    due = [gradient.value for gradient in graph.gradients.values()]
    return {
        k
        for k, (x, array) in enumerate(zip(written, arrays, strict=False))
        if (root := _root(x)) and not is_gradient(root) and _is_one_of(array, computed) and not _is_one_of(array, due)
    }


def without_places(ran: Run, places: Collection[int]) -> Run:
    """What came of a call without what it returned at some places, which is no gradient."""
    if not places:
        return ran
    left_out = {f"dreturned{k}" for k in places}
    returned = tuple(x for k, x in enumerate(returned_flat(ran.returned)) if k not in places)
    return replace(ran, returned=returned, names={key: x for key, x in ran.names.items() if key not in left_out})


def _is_one_of(array: Any, others: list[Any]) -> bool:
    return any(np.array_equal(array, other) for other in others)


def _written(backward: Callable[..., Any], inputs: Sequence[str], lines: Container[int] | None) -> list[ast.expr]:
    every = [*returned_gradients(backward, inputs, lines).values()]
    return every if len(every) == len(inputs) else []


def _root(written: ast.expr) -> str:
    """The name of which an expression takes a part, or a copy; "" for what computes more."""
    match written:
        case ast.Name(name):
            return name
        case ast.Subscript(inner) | ast.Attribute(inner) | ast.Call(ast.Attribute(inner, "copy"), []):
            return _root(inner)
        case ast.Call(ast.Attribute(_, "copy"), [inner]):
            return _root(inner)
    return ""
