"""Stages: the named values of a graph and their gradients, and what a comparison found at each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..graph import Graph, Node
from ..graph.nodes import nearest
from ..graph.status import Status


@dataclass(frozen=True, slots=True)
class Stage:
    """One gradient, or one forward value, of the comparison.

    Attributes:
        name: the tensor it belongs to; its gradient is called ``d`` + name.
        status: the verdict; `Status` says what each means.
        shape: of the recorded array.
        given_shape: of the user's, or None.
        error: the difference at the worst element from what was expected there, relative to the largest term that was
            added to make it; None where the shapes differ in more than axes of length 1 or nothing was given.
        worst: the index of that element, the user's value there, and the expected one: recomputed from the user's own
            upstream values, for a forward value from the user's own earlier ones. None likewise.
        limit: the error that rounding alone can make at that element, in the units of ``error``; or the rtol given.
        note: what else there is to say, in a sentence, or "".
    """

    name: str
    status: Status
    shape: tuple[int, ...]
    given_shape: tuple[int, ...] | None = None
    error: float | None = None
    worst: tuple[tuple[int, ...], Any, Any] | None = None
    limit: float | None = None
    note: str = ""


class Stages(Mapping[str, Stage]):
    """Stages by the tensor's name, with or without the gradient's leading ``d``.

    >>> from micrograd_tensor.check.stages import Stage, Stages
    >>> from micrograd_tensor.graph.status import Status
    >>> stages = Stages([Stage("var", Status.NOT_GIVEN, (4,))])
    >>> stages["dvar"] is stages["var"]
    True
    """

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._by_name = {stage.name: stage for stage in stages}

    def __getitem__(self, name: str) -> Stage:
        found = self._by_name.get(name) or self._by_name.get(name.removeprefix("d"))
        if found is None:
            raise KeyError(f"{name!r} is no stage{nearest(name, self._by_name)}")
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)


def named_nodes(graph: Graph) -> dict[str, Node]:
    """The forward nodes that have names, by rank; several of one name are told apart by their scope's path."""
    found: dict[str, Node] = {}
    for node in graph.nodes:
        if node.name is None:
            continue
        name = node.name
        if name in found:
            name = f"{node.scope.path if node.scope else ''}/{name}"
        found[name if name not in found else f"{name}#{node.rank}"] = node
    return found
