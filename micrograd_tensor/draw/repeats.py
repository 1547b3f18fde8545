"""Repeats: boxes, and which neighbours are equal except for their values, such as the layers of a deep net."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..engine.recording import Scope
from ..engine.tensor import Tensor
from ..graph import Node

Link = tuple[Hashable, ...]
"""Where each value that enters a box comes from."""


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """Gates that are drawn as one box.

    Attributes:
        scopes: the scopes they were recorded in: one, or equal ones in a row that are drawn once.
        gates: by birth.
        name: of the scope, or of the first and the last one.
        like: the name of an equal one before these that is shown.
    """

    scopes: tuple[Scope, ...]
    gates: tuple[Any, ...]
    name: str
    like: str = ""


class _Shape(NamedTuple):
    """Everything about a box except its values, and what enters it, in the order of first use."""

    said: Hashable
    outside: list[Any]


def runs(order: Sequence[Any], outputs: Collection[Any]) -> list[tuple[int, list[Box]]]:
    """Boxes that follow each other and are equal: the same ops with the same parameters, shapes and wiring.

    Each uses what the one before it made, in the same way, and nothing else uses that. Other values that enter are the
    same for all, or leaves of the same shape.

    Args:
        order: gates and boxes in the order of computation.
        outputs: of the graph.

    Returns:
        Groups of two or more boxes, each with the index of its first.
    """
    taken_by = _taken_by(order, outputs)
    found: list[tuple[int, list[Box]]] = []
    before: Link | None = None
    shapes: dict[Box, _Shape] = {}
    for k, (a, b) in enumerate(pairwise(order)):
        link = None
        if isinstance(a, Box) and isinstance(b, Box) and taken_by.get(a) == {b}:
            for box in (a, b):
                if box not in shapes:
                    shapes[box] = _shape(box)
            if a.scopes[0].parent is b.scopes[0].parent and shapes[a].said == shapes[b].said:
                link = _link(a.gates, shapes[a].outside, shapes[b].outside)
        if link is not None and link == before:
            found[-1][1].append(b)
        elif link is not None:
            found.append((k, [a, b]))
        before = link
    return found


def _taken_by(order: Sequence[Any], outputs: Collection[Any]) -> dict[Any, set[Any]]:
    """What uses the result of a gate or a box; None stands for the reader of an output."""
    home = {gate: x for x in order for gate in _gates(x)}
    found: dict[Any, set[Any]] = {home[out]: {None} for out in outputs}
    for x in order:
        for gate in _gates(x):
            for operand in gate.operands:
                source = home.get(operand) if _is_value(operand) else None
                if source is not None and source is not x:
                    found.setdefault(source, set()).add(x)
    return found


def _gates(x: Any) -> Sequence[Any]:
    return x.gates if isinstance(x, Box) else (x,)


def _is_value(x: Any) -> bool:
    return isinstance(x, (Node, Tensor))


def _shape(box: Box) -> _Shape:
    inside = {gate: k for k, gate in enumerate(box.gates)}
    outside: dict[Any, int] = {}
    said: list[Hashable] = []
    for gate in box.gates:
        operands: list[Hashable] = []
        for x in gate.operands:
            if not _is_value(x):
                operands.append(("number", repr(x)))
            elif x in inside:
                operands.append(("inside", inside[x]))
            else:
                operands.append(("outside", outside.setdefault(x, len(outside)), *_kind(x)))
        params = tuple((name, _key(value)) for name, value in sorted(gate.params.items()))
        scope = gate.scope.path.removeprefix(box.scopes[0].path)
        said.append((gate.op.name, params, *_kind(gate), scope, tuple(operands)))
    return _Shape(tuple(said), list(outside))


def _kind(x: Any) -> tuple[Hashable, ...]:
    return x.shape, x.dtype, x.requires_grad


def _key(value: Any) -> Hashable:
    """A parameter, as something that can be compared."""
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.str, value.tobytes()
    return tuple(map(_key, value)) if isinstance(value, (tuple, list)) else repr(value)


def _link(gates: Sequence[Any], outside: list[Any], outside_next: list[Any]) -> Link | None:
    """How a box uses what the gates of the one before it made, or None if it does not."""
    made = {gate: k for k, gate in enumerate(gates)}
    link: list[Hashable] = []
    for x, y in zip(outside, outside_next, strict=True):
        if y in made:
            link.append(made[y])
        elif x is y:
            link.append("the same")
        elif x.op is None and y.op is None:
            link.append("a leaf")
        else:
            return None
    return tuple(link) if any(isinstance(way, int) for way in link) else None
