"""Node and Graph: what a recorded graph is, once it is taken out of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from ..engine.arrays import as_array, fetching, is_duck, whose
from ..engine.errors import DTypeError, GradientError, shortened
from ..engine.recording import Scope
from ..engine.row import Primitive, Reading

__all__ = ["Edge", "Graph", "Node", "named_nodes", "nearest", "require_numbers"]

Edge: TypeAlias = "tuple[Node, int]"
"""The use of a value: by which node, as which of its operands."""


@dataclass(frozen=True, slots=True, eq=False)
class Again:
    """A large array that is not kept, but made again, bit for bit, whenever it is asked for.

    Attributes:
        op: the row of the table that made it.
        operands: arrays, or how they are made, and Python numbers.
        params: all parameters of the op.
    """

    op: Primitive
    operands: tuple[Any, ...]
    params: Mapping[str, Any]

    def made(self) -> Any:
        """The array, read-only."""
        operands = (x.made() if isinstance(x, Again) else x for x in self.operands)
        with np.errstate(all="ignore"):
            array = as_array(self.op.forward(*operands, **self.params))
        array.setflags(write=False)
        return array


@dataclass(frozen=True, eq=False, kw_only=True)
class Node:
    """One value of a graph and the op that made it.

    Attributes:
        rank: its place in the order of birth: the same on every run, and greater than its operands'.
        shape: length along each axis.
        dtype: type of the elements.
        op: the row of the table that made it, or None for a leaf.
        operands: nodes, and Python numbers as they were given.
        params: all parameters of the op, those left out with their defaults.
        name: what the user called it, or None; gradients are called ``d`` + the name of what they belong to.
        scope: the scope it was made in, or None.
        requires_grad: whether gradients flow to it.
        parameter: whether it is a parameter of a module.
        unrecorded: whether it is a leaf only because the op that made it was not recorded.
        array: what `value` is taken from: the array, or None if values were not kept, or how it is made `Again`.
        rule_of: for a backward node the edge whose rule made it; None for forward nodes and sums at forks.
    """

    rank: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    op: Primitive | None = None
    operands: tuple[Any, ...] = ()
    params: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    name: str | None = None
    scope: Scope | None = None
    requires_grad: bool = False
    parameter: bool = False
    unrecorded: bool = False
    array: Any = None
    rule_of: Edge | None = None

    @property
    def value(self) -> Any:
        """The array, read-only, or None if values were not kept."""
        return self.array.made() if isinstance(self.array, Again) else self.array

    @property
    def is_leaf(self) -> bool:
        """Whether no op made it."""
        return self.op is None

    @property
    def path(self) -> str:
        """The path of the scope it was made in, or ""."""
        return self.scope.path if self.scope else ""

    @cached_property
    def inputs(self) -> tuple[Node, ...]:
        """Those of its operands that are nodes."""
        return tuple([x for x in self.operands if isinstance(x, Node)])

    @property
    def made_by(self) -> Primitive:
        """The op that made it, which is no leaf."""
        assert self.op is not None, f"{self!r} has no op"  # noqa: S101
        return self.op

    @property
    def reading(self) -> Reading | None:
        """How algebra reads its op; None for a leaf as for an op without a reading."""
        return self.op.reading if self.op is not None else None

    def apply(self, *operands: Any) -> Any:
        """The result of its op for other operands, with the same parameters."""
        return self.made_by.forward(*operands, **self.params)

    def __repr__(self) -> str:
        made = self.op.name if self.op else "leaf"
        return f"<node {self.rank}: {made}{f' {self.name!r}' if self.name else ''} {self.shape} {self.dtype}>"


@dataclass(frozen=True, slots=False, eq=False, repr=False)
class Graph:
    """A recorded graph, forward and, on request, backward.

    Attributes:
        nodes: the forward nodes by rank, operands before results.
        outputs: the results that the graph was captured from.
        backward: the nodes of the recorded backward pass by rank; empty where no upstream was given.
        contributions: the gradient that each edge passes back, before those of a fork are added up.
        gradients: the whole gradient of each forward node that one arrived at.
        upstreams: the gradient that was given for each output; of its whole gradient a part where it is used too.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> print(mt.graph((x * x).named("y"), [1.0, 1.0]))
    0  x   leaf         (2,)
    1  y   mul 0, 0     (2,)
    2  dy  leaf         (2,)
    3      mul 2, 0     (2,)  rule of 1 for operand 1
    4      mul 2, 0     (2,)  rule of 1 for operand 2
    5  dx  add 3, 4     (2,)
    """

    nodes: tuple[Node, ...]
    outputs: tuple[Node, ...]
    backward: tuple[Node, ...] = ()
    contributions: Mapping[Edge, Node] = field(default_factory=dict)
    gradients: Mapping[Node, Node] = field(default_factory=dict)
    upstreams: Mapping[Node, Node] = field(default_factory=dict)

    def __repr__(self) -> str:
        listed = ", ".join(node.name or f"{node.rank}" for node in self.outputs)
        back = f" and {len(self.backward)} of the backward pass" if self.backward else ""
        return f"<graph of {listed}: {len(self.nodes)} nodes{back}; print it, or mt.draw it>"

    @cached_property
    def users(self) -> Mapping[Node, tuple[Edge, ...]]:
        """Where each forward node is used, in order of rank; a node used several times is a fork."""
        found: dict[Node, list[Edge]] = {node: [] for node in self.nodes}
        for node in self.nodes:
            for i, operand in enumerate(node.operands):
                if isinstance(operand, Node):
                    found[operand].append((node, i))
        return MappingProxyType({node: tuple(edges) for node, edges in found.items()})

    @cached_property
    def named(self) -> Mapping[str, Node]:
        """The forward nodes that have names; of several with one name, the first."""
        found: dict[str, Node] = {}
        for node in self.nodes:
            if node.name is not None:
                found.setdefault(node.name, node)
        return MappingProxyType(found)

    def __getitem__(self, name: str) -> Node:
        """The forward node of this name.

        Raises:
            GradientError: for a name that no node has, with the nearest ones.
        """
        if name not in self.named:
            raise GradientError(f"no node is called {name!r}{nearest(name, self.named)}")
        return self.named[name]

    def contributions_to(self, node: Node) -> tuple[tuple[Edge, Node], ...]:
        """The contributions that arrive at a forward node, edge by edge, in the order of addition."""
        edges = sorted(self.users[node], key=lambda edge: (-edge[0].rank, edge[1]))
        return tuple((edge, self.contributions[edge]) for edge in edges if edge in self.contributions)

    def __str__(self) -> str:
        rows = [_row(node) for node in (*self.nodes, *self.backward)]
        widths = [max((len(row[k]) for row in rows), default=0) for k in range(4)]
        lines = ["  ".join(text.ljust(width) for text, width in zip(row, [*widths, 0], strict=True)) for row in rows]
        return "\n".join(line.rstrip() for line in lines)


def _row(node: Node) -> tuple[str, str, str, str, str]:
    operands = ", ".join(str(x.rank) if isinstance(x, Node) else f"({x!r})" for x in node.operands)
    made = f"{node.op.name} {operands}" if node.op else "leaf"
    rule = f"rule of {node.rule_of[0].rank} for operand {node.rule_of[1] + 1}" if node.rule_of else ""
    return str(node.rank), node.name or "", made.ljust(11), str(node.shape), rule


def nearest(name: str, names: Any) -> str:
    """``; did you mean …?`` with the names that are spelled most alike, or ``; there is …`` with the first of all."""
    from difflib import get_close_matches  # needed for errors alone

    known = sorted(names) if isinstance(names, set | frozenset) else list(names)
    close = get_close_matches(name, known, n=3, cutoff=0.4) or (known if len(known) < 4 else [])
    if close or not known:
        return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
    return f"; there is {', '.join(map(repr, known[:8]))}{', …' if len(known) > 8 else ''}"


def named_nodes(graph: Graph) -> dict[str, Node]:
    """The forward nodes that have names, by rank; several of one name are told apart by their scope's path."""
    found: dict[str, Node] = {}
    for node in graph.nodes:
        if node.name is None:
            continue
        name = node.name
        if name in found:
            name = f"{node.path}/{name}"
        found[name if name not in found else f"{name}#{node.rank}"] = node
    return found


def require_numbers(graph: Graph, reader: str) -> None:
    """`DTypeError` for a graph whose values are another library's arrays, for a reader that goes by their numbers."""
    for node in (*graph.nodes, *graph.backward):
        if is_duck(node.value):
            name = "a value of this graph" if node.name is None else f"{shortened(node.name)} {node.shape}"
            raise DTypeError(
                f"{name} is an array of {whose(node.value)}, and {reader} goes by the numbers: record the circuit on "
                f"NumPy's arrays, {fetching(node.value)}; a few rows are enough"
            )
