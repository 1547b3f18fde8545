"""Build: from a graph to the scene that shows it, with every text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from string import ascii_uppercase
from typing import Any, TypeAlias

from ..derive import formula, rule
from ..derive.formula import cut, infix, number, plain
from ..derive.rules import SHORT
from ..engine.primitive import Row
from ..graph import Graph, Node
from .metrics import text_width
from .numbers import summary
from .scene import BOXED, FORK, GATE, SPLIT, VALUE, Item, Scene, Wire, symbol_size

LONGEST_CAPTION = 32
"""In characters, of a formula above a gate."""

UNKNOWN = "—"
"""A gradient that was not computed, which is not 0."""

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")

Use: TypeAlias = "tuple[Node | None, int]"
"""Where a value is used: by a node as one of its operands, or, without a node, as an output."""


def scene(graph: Graph, values: bool = True, dims: Mapping[str, int] | None = None) -> Scene:
    """The items and wires of a graph, with all their texts.

    Args:
        graph: forward only, or with its backward pass.
        values: say what is in the arrays.
        dims: names for lengths, such as ``{"N": 7}``, for the rules.
    """
    return _Builder(graph, values, dims or {}).scene


class _Builder:
    """Goes through the nodes by rank; what a node's wires start from is made before any wire needs it."""

    def __init__(self, graph: Graph, values: bool, dims: Mapping[str, int]) -> None:
        self.graph, self.values, self.dims = graph, values, dims
        self.scene = Scene(backward=bool(graph.gradients))
        self.outputs = dict.fromkeys(graph.outputs)
        self.gates = 0
        self.called: dict[Node, str] = {}
        self.stand_ins: dict[Node, str] = {}
        self.outlets: dict[Node, Item] = {}
        self.letters: dict[tuple[Node, Use], str] = {}
        for node in graph.nodes:
            self.gates += node.op is not None
            self._call(node)
            item = self._gate(node) if node.op else self._leaf(node)
            self.scene.items.append(item)
            for i, operand in enumerate(node.operands):
                if isinstance(operand, Node):
                    self._use(operand, node, i, item)
                else:
                    self._number(operand, node, i, item)
            self.outlets[node] = self._fork(node, item) or item
        for node in self.outputs:
            self._output(node)

    # ------------------------------------------------------------------------------------------------------- items

    def _gate(self, node: Node) -> Item:
        assert node.op is not None  # noqa: S101 -- for the type checker
        name = f"{plain(node.name)} = " if node.name else ""
        text = formula(node, self.stand_ins)
        symbol = str(node.dtype) if node.op.symbol == "dtype" else node.op.symbol
        return Item(
            id=f"node-{node.rank}",
            kind="gate",
            time=(node.rank, 2),
            title=f"gate {self.gates}, {node.op.name}: {name}{text}",
            lines=(symbol,),
            caption=f"({self.gates}) {node.op.name}",
            op=node.op.name,
            reads="" if _commutes(node.op) else cut(text, LONGEST_CAPTION),
            dead=not node.requires_grad,
            depth=1 + max((self.outlets[x].depth for x in node.operands if isinstance(x, Node)), default=0),
            shape=node.shape,
            scope=node.scope,
            width=max(2 * GATE, 2 * math.ceil(text_width(symbol, symbol_size(symbol)) / 2) + 4),
            height=2 * GATE,
        )

    def _leaf(self, node: Node) -> Item:
        users = self.graph.users[node]
        item = Item(
            id=f"node-{node.rank}",
            kind="param" if node.requires_grad else "constant",
            time=(users[0][0].rank if users else node.rank, 0),
            title=f"{'leaf' if node.requires_grad else 'constant'} {self._described(node)}",
            lines=self._lines(node, self.called[node]),
            shape=node.shape,
            scope=users[0][0].scope if users else None,
        )
        return _boxed(item)

    def _number(self, operand: Any, node: Node, i: int, gate: Item) -> None:
        """A Python number: a box of its own at every gate that takes it."""
        item = Item(
            id=f"node-{node.rank}-number-{i}",
            kind="constant",
            time=(node.rank, 0),
            title=f"constant {operand!r}",
            lines=(number(operand),),
            depth=-1,
            scope=node.scope,
        )
        self.scene.items.append(_boxed(item))
        forward = f"edge-{node.rank}-number-{i}-fwd"
        self.scene.wires.append(Wire(item, gate, i, forward, None, title=(f"constant {operand!r}", "")))

    def _fork(self, node: Node, item: Item) -> Item | None:
        """Where a value that is used several times parts, with the wire that leads there; gradients are added in it."""
        uses: list[Use] = [*self.graph.users[node], *([(None, 0)] if node in self.outputs else [])]
        if len(uses) < 2:
            return None
        given: list[Use] = [(None, 0)] if self.scene.backward and node in self.outputs else []
        parts = [*given, *(edge for edge, _ in self.graph.contributions_to(node))]
        adds = len(parts) > 1
        letters = [_letter(k) for k in range(len(parts))] if adds else []
        self.letters |= {(node, use): letter for use, letter in zip(parts, letters, strict=False)}
        radius = FORK if adds else SPLIT
        fork = Item(
            id=f"fork-{node.rank}",
            kind="fork" if adds else "split",
            time=(item.time[0], item.time[1] + 1),
            title=f"{self.called[node] or 'the value'} is used {len(uses)} times"
            + (f", so its gradients {', '.join(letters)} are added" if adds else ""),
            lines=("+",) if adds else (),
            dead=item.dead,
            depth=item.depth,
            shape=node.shape,
            scope=item.scope,
            width=2 * radius,
            height=2 * radius,
        )
        self.scene.items.append(fork)
        wire = self._wire(node, item, fork, 0, f"edge-{node.rank}-fork-fwd", f"edge-fork-{node.rank}-bwd")
        name = self._gradient_name(node)
        total = " + ".join(letters if len(letters) < 5 else [*letters[:2], "…", letters[-1]])
        clauses = (f"{name} = {total}" if name else total,) if adds else ()
        self._say_gradient(wire, node, self.graph.gradients.get(node), clauses, "" if adds else name)
        return fork

    def _output(self, node: Node) -> None:
        outlet = self.outlets[node]
        item = Item(
            id=f"sink-{node.rank}",
            kind="output",
            time=(self.graph.nodes[-1].rank + 1, 0),
            title=f"output {self._described(node)}",
            lines=self._lines(node, plain(node.name) if node.name else "output"),
            depth=outlet.depth,
            shape=node.shape,
        )
        self.scene.items.append(_boxed(item))
        wire = self._wire(node, outlet, item, 0, f"edge-{node.rank}-out-fwd", f"edge-out-{node.rank}-bwd")
        letter = self.letters.get((node, (None, 0)))
        upstream = f"{letter}: upstream" if letter else "upstream"
        self._say_gradient(wire, node, self.graph.gradients.get(node), (upstream,), self._gradient_name(node))
        if outlet.is_fork:
            wire.gradient = ""  # the graph knows the whole gradient, not what of it was given

    # ------------------------------------------------------------------------------------------------------- wires

    def _wire(self, node: Node, source: Item, target: Item, operand: int, forward: str, backward: str) -> Wire:
        """A wire that carries the value of a node, with what is said of that: after a fork no more than the name."""
        wire = Wire(source, target, operand, forward, backward, title=(f"value {self._described(node)}", ""))
        if source.is_fork or node.op:  # a box says itself what is in it
            wire.name = self.called[node]
        if node.op and not source.is_fork:
            wire.value = self._value(node)
        self.scene.wires.append(wire)
        return wire

    def _use(self, operand: Node, node: Node, i: int, gate: Item) -> None:
        """The wire from a value to a gate that takes it, and the rule by which the gate passes its gradient back."""
        earlier = sum(x is operand for x in node.operands[:i])
        ends = f"-{earlier}" if earlier else ""
        forward, backward = f"edge-{operand.rank}-{node.rank}{ends}-fwd", f"edge-{node.rank}-{operand.rank}{ends}-bwd"
        outlet = self.outlets[operand]
        wire = self._wire(operand, outlet, gate, i, forward, backward)
        contribution = self.graph.contributions.get((node, i))
        clauses: tuple[str, ...] = ()
        if contribution is not None:
            clauses = rule(self.graph, (node, i), self.dims, self.stand_ins)
            letter = self.letters.get((operand, (node, i)))
            clauses = (f"{letter}: {clauses[0]}", *clauses[1:]) if letter else clauses
        name = "" if outlet.is_fork else self._gradient_name(operand)
        self._say_gradient(wire, operand, contribution, clauses, name)

    def _say_gradient(self, wire: Wire, node: Node, gradient: Node | None, clauses: tuple[str, ...], name: str) -> None:
        """What comes back along a wire, or that nothing does though it might have."""
        if gradient is not None:
            wire.rule = clauses
            wire.gradient = f"{name} {self._value(gradient)}".strip()
            wire.title = (wire.title[0], f"gradient: {', '.join([*clauses, wire.gradient])}")
            return
        wire.backward = None
        lost = node.requires_grad and node not in self.graph.gradients
        if self.scene.backward and lost and not wire.source.is_fork:
            wire.gradient = f"{name} {UNKNOWN}".strip()

    # ------------------------------------------------------------------------------------------------------- texts

    def _call(self, node: Node) -> None:
        """Settle what a value is called: its name, its formula if that is short, or y with the number of its gate."""
        called = plain(node.name) if node.name else formula(node, self.stand_ins) if node.op else ""
        if node.op and not node.name and len(called) > SHORT:
            self.scene.numbered = True
            called = self.stand_ins[node] = "y" + str(self.gates).translate(_SUBSCRIPTS)
        self.called[node] = called

    def _gradient_name(self, node: Node) -> str:
        name = plain(node.name) if node.name else self.stand_ins.get(node)
        return f"d{name}" if name else ""

    def _summary(self, node: Node) -> str:
        return summary(node.value) if self.values else ""

    def _value(self, node: Node) -> str:
        return f"{node.shape}  {self._summary(node)}".strip()

    def _described(self, node: Node) -> str:
        return f"{self.called[node]} {self._value(node)}".strip()

    def _lines(self, node: Node, name: str) -> tuple[str, ...]:
        """The lines of a box."""
        lines = (name, str(node.shape), self._summary(node)) if node.shape else (name, self._value(node))
        return tuple(line for line in lines if line)


def _commutes(op: Row) -> bool:
    """Whether an op has one operand only, or gives the same whatever their order."""
    sign = infix(op.notation)
    return "{1}" not in op.notation or (sign is not None and sign in "+·=≠") or op.name in ("maximum", "minimum")


def _letter(k: int) -> str:
    """A, B, …, Z, AA, AB, …"""
    k, last = divmod(k, 26)
    return (_letter(k - 1) if k else "") + ascii_uppercase[last]


def _boxed(item: Item) -> Item:
    """The item, sized to its lines."""
    first, *rest = item.lines
    widest = max(text_width(first, BOXED, bold=True), *(text_width(line, VALUE) for line in rest), 0.0)
    item.width = 2 * math.ceil(widest / 2) + 22  # whole points: some Graphviz round the sizes of nodes to these
    item.height = 26 + 14.0 * len(rest)
    return item
