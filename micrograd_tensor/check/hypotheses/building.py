"""Building: the program of a stage, read from the recorded graph."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ...engine.row import TABLE, Primitive
from ...graph import Graph, Node
from ...graph.nodes import Edge
from ...notation import formula
from .program import Array, Known, Operand, Program, Step


class TooLargeError(Exception):
    """The program would have more steps than a diagnosis can try out."""


class LeafError(Exception):
    """A leaf's value is given, not computed."""


MOST_STEPS = 300


def computed_from(node: Node) -> set[Node]:
    """The nodes that a node was computed from, and itself: those to which its gradient goes on."""
    found, stack = {node}, [node]
    while stack:
        for x in stack.pop().operands:
            if isinstance(x, Node) and x not in found:
                found.add(x)
                stack.append(x)
    return found


def name_of(node: Node) -> str:
    """A forward node's name, or the notation of its op with those of its operands put in, to a depth of two."""
    return _notation(node, 2)


def _notation(x: Any, depth: int) -> str:
    if not isinstance(x, Node):
        return f"{x:.6g}" if isinstance(x, int | float) else str(x)
    if x.name is not None:
        return x.name
    if x.op is None or depth == 0:
        return f"(array of shape {x.shape})" if x.op is None else "…"
    return formula(x, {y: _notation(y, depth - 1) for y in x.operands if isinstance(y, Node)})


def backward_program(
    graph: Graph, node: Node, given: Collection[Node], used: Mapping[Node, Array], values: Mapping[Node, Array]
) -> tuple[Program, dict[Known, Array]]:
    """The recorded derivation of a node's gradient, from the nearest gradients that were given.

    Args:
        graph: captured with an upstream and with its values.
        node: a forward node.
        given: the nodes whose gradients are known, at which the program starts.
        used: the gradient that went on from every node.
        values: the value of every forward node.

    Raises:
        TooLargeError: for more than `MOST_STEPS` steps.
    """
    build = _Builder(graph, values)
    wanted, stack = {node}, [node]
    while stack:
        for (user, _), _ in graph.contributions_to(stack.pop()):
            if user not in wanted and user not in given:
                wanted.add(user)
                stack.append(user)
    totals: dict[Node, Operand] = {}

    def gradient(user: Node) -> Operand:
        if user not in totals:
            totals[user] = build.known(
                Known(f"d{name_of(user)}", user.shape, user, True), used[user], ("gradient", user)
            )
        return totals[user]

    inner = set(graph.backward)
    for this in sorted(wanted, key=lambda n: -n.rank):
        parts: list[Operand] = []
        if this in graph.upstreams:
            up = graph.upstreams[this]
            parts.append(
                build.known(
                    Known(f"d{this.name}" if this.name else "upstream", up.shape, this, True, True),
                    up.value,
                    ("upstream", this),
                )
            )
        for edge, contribution in graph.contributions_to(this):
            g = graph.gradients[edge[0]]
            parts.append(build.rule(contribution, edge, g, gradient, inner))
        total = parts[0]
        for part in parts[1:]:
            total = build.step(TABLE["add"], (total, part), {}, this.shape, (0, 1), is_fork=True)
        totals[this] = build.named(total, this, f"d{this.name}" if this.name and this is not node else None)
    return build.program(node, totals[node]), build.values


def forward_program(
    graph: Graph, node: Node, given: Collection[Node], values: Mapping[Node, Array]
) -> tuple[Program, dict[Known, Array]]:
    """The recorded computation of a node's value, from the nearest values that were given."""
    if node.op is None:
        raise LeafError
    build = _Builder(graph, values)
    wanted, stack = {node}, [node]
    while stack:
        for x in stack.pop().operands:
            if isinstance(x, Node) and x.op is not None and x not in wanted and x not in given:
                wanted.add(x)
                stack.append(x)
    made: dict[Node, Operand] = {}
    for this in sorted(wanted, key=lambda n: n.rank):
        assert this.op is not None  # noqa: S101 -- for the type checker; a leaf is no stage of a forward pass
        operands = tuple(
            (made[x] if x in made else build.forward(x)) if isinstance(x, Node) else x for x in this.operands
        )
        step = build.step(this.op, operands, this.params, this.shape, ())
        made[this] = build.named(step, this, this.name if this is not node else None)
    return build.program(node, made[node], backward=False), build.values


class _Builder:
    """Collects steps and known values."""

    def __init__(self, graph: Graph, values: Mapping[Node, Array]) -> None:
        self.graph, self.forward_values = graph, values
        self.steps: list[Step] = []
        self.values: dict[Known, Array] = {}
        self._made: dict[Any, Known] = {}

    def known(self, new: Known, value: Array, key: Any) -> Known:
        if key not in self._made:
            self._made[key] = new
            self.values[new] = np.asarray(value)
        return self._made[key]

    def forward(self, node: Node) -> Known:
        value = self.forward_values.get(node, node.value)
        return self.known(Known(name_of(node), node.shape, node), value, node)

    def step(
        self,
        op: Primitive,
        operands: tuple[Operand, ...],
        params: Mapping[str, Any],
        shape: tuple[int, ...],
        carries: tuple[int, ...],
        edge: Edge | None = None,
        is_fork: bool = False,
    ) -> Step:
        if len(self.steps) >= MOST_STEPS:
            raise TooLargeError
        step = Step(len(self.steps), op, operands, params, shape, carries, edge, is_fork=is_fork)
        self.steps.append(step)
        return step

    def named(self, made: Operand, node: Node, name: str | None) -> Operand:
        """The same step, known as the gradient or value of a node; a step that is so already stays as it is."""
        if not isinstance(made, Step) or made.node is not None:
            return made
        step = replace(made, node=node, name=name)
        self.steps[made.place] = step
        return step

    def rule(
        self, contribution: Node, edge: Edge, g: Node, gradient: Callable[[Node], Operand], inner: Collection[Node]
    ) -> Operand:
        """What an edge passes back, by the ops that its rule recorded."""
        if contribution is g:
            return gradient(edge[0])
        found, stack = {contribution}, [contribution]
        while stack:
            for x in stack.pop().operands:
                if isinstance(x, Node) and x in inner and x is not g and x not in found:
                    found.add(x)
                    stack.append(x)
        made: dict[Node, Operand] = {}
        for b in sorted(found, key=lambda n: n.rank):
            if b.op is None:
                made[b] = self.known(Known(_constant(b), b.shape, b), b.value, b)
                continue
            operands: list[Operand] = []
            carries = []
            for i, x in enumerate(b.operands):
                if not isinstance(x, Node):
                    operands.append(x)
                    continue
                is_gradient = x is g and x not in found
                y = gradient(edge[0]) if is_gradient else made[x] if x in made else self.forward(x)
                if is_gradient or (isinstance(y, Step) and x in made and y.carries):
                    carries.append(i)
                operands.append(y)
            made[b] = self.step(b.op, tuple(operands), b.params, b.shape, tuple(carries), edge)
        return made[contribution]

    def program(self, node: Node, target: Operand, backward: bool = True) -> Program:
        return Program(self.graph, node, target, tuple(self.steps), tuple(self.values), backward)


def _constant(node: Node) -> str:
    return node.name or (f"{float(node.value.flat[0]):.6g}" if np.size(node.value) == 1 else f"constant {node.shape}")
