"""Templates: the notation and the source of an op, with places for its operands and parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from inspect import Parameter
from string import Formatter
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..engine.row import Reshape
from ..graph import Node
from ..graph.axes import counted_axes


class Field(NamedTuple):
    """A place in a template: of an operand by its number, of all by ``*``, or of a parameter by its name and kind."""

    name: str
    kind: str


Part: TypeAlias = "str | Field"


@cache
def _parsed(template: str) -> tuple[tuple[tuple[Part, ...], bool], ...]:
    """The parts of a template, in groups, each of which may be left out or not."""
    groups = []
    for i, group in enumerate(template.replace("⟧", "⟦").split("⟦")):
        parts: list[Part] = []
        for literal, name, kind, _ in Formatter().parse(group):
            parts.extend(part for part in (literal, None if name is None else Field(name, kind or "")) if part)
        groups.append((tuple(parts), i % 2 == 1))
    return tuple(groups)


def filled(node: Node, template: str) -> list[Part]:
    """The parts of a template that a node needs: without those whose parameters all have their defaults."""
    groups = _parsed(template)
    if len(groups) == 1:
        return [*groups[0][0]]
    parts: list[Part] = []
    for group, optional in groups:
        if optional and all(_is_default(node, part.name) for part in group if isinstance(part, Field)):
            continue
        for part in group:
            before = parts[-1] if parts else None
            if isinstance(part, str) and isinstance(before, str):
                parts[-1] = before + (part.removeprefix(", ") if before.endswith("(") else part)
            else:
                parts.append(part)
    return parts


def _is_default(node: Node, name: str) -> bool:
    default, value = node.made_by.parameters[name], node.params[name]
    if default is Parameter.empty:  # steps of 1 go without saying
        return isinstance(value, tuple) and all(step == 1 for step in value)
    return value is default or (np.ndim(value) == 0 and bool(value == default))


def axes_of(node: Node, axis: Any) -> tuple[Node, tuple[int, ...]]:
    """The axes that a parameter of an op names, counted from 0, and whose they are; None: all of them."""
    x = node.operands[0] if node.operands else node
    grows = isinstance(node.reading, Reshape) and isinstance(x, Node) and len(node.shape) > len(x.shape)
    whose = x if isinstance(x, Node) and not grows and not node.made_by.scatters else node
    return whose, counted_axes(axis, len(whose.shape))


def index_text(template: Sequence[Any], arrays: Sequence[str], number: Callable[[Any], str]) -> list[str]:
    """The parts of an index between brackets, with index arrays, which are operands, in their places."""
    left = iter(arrays)

    def part(place: Any) -> str:
        if isinstance(place, slice):
            ends = [place.start, place.stop, *([] if place.step in (None, 1) else [place.step])]
            return ":".join("" if end is None else number(end) for end in ends)
        return next(left) if isinstance(place, str) else "..." if place is Ellipsis else number(place)

    return [part(place) for place in template]
