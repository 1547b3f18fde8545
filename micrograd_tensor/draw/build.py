"""Build: from a graph to the scene that shows it, with every text."""

from __future__ import annotations

import math
from textwrap import wrap
from typing import Any

from ..engine.recording import Scope
from ..graph import Graph, Node
from ..graph.axes import axis_names
from ..notation import LONGEST_NAME, Called, cut, formula, number, printable, rule
from .boxes import box_lines, rules_through
from .collapse import Collapsed, named
from .metrics import text_width
from .options import Failure, Options
from .repeats import Box
from .scene import FORK, GATE, SPLIT, Item, Scene, Wire, symbol_size
from .texts import boxed, commutes, letter, lines, only_moves, value
from .uses import Use, Uses

MOST_SAID = 8
"""In lines, of what an error says."""

LONGEST_CAPTION = 32
"""In characters, of a formula above a gate."""

UNKNOWN = "—"
"""A gradient that was not computed, which is not 0."""


def scene(graph: Graph, options: Options | None = None, collapsed: Collapsed | None = None) -> Scene:
    """The items and wires of a graph, with all their texts.

    Args:
        graph: forward only, or with its backward pass.
        options: detail and dims are heeded.
        collapsed: what is shown as boxes; nothing by default.
    """
    return _Builder(graph, options or Options(), collapsed or Collapsed()).scene


class _Builder:
    """Goes through the nodes by rank; what a node's wires start from is made before any wire needs it."""

    def __init__(self, graph: Graph, options: Options, collapsed: Collapsed) -> None:
        self.graph, self.options, self.box_of = graph, options, collapsed.box_of
        self.scene = Scene(bool(graph.gradients), scopes=collapsed.names, detail=options.detail, notes=collapsed.notes)
        self.outputs = dict.fromkeys(graph.outputs)
        self.dims = axis_names(graph, options.dims)
        names = Called(graph, self.dims)
        self.gates, self.called, self.stand_ins = names.numbers, names.values, names.stand_ins
        self._gradient_name = names.gradient
        self.uses = Uses(graph, collapsed)
        self.scene.numbered = any(node not in self.box_of or self.uses[node] for node in self.stand_ins)
        self.outlets: dict[Node, Item] = {}
        self.letters: dict[Use, str] = {}
        for node in graph.nodes:
            box = self.box_of.get(node)
            if box is not None and node is box.gates[-1]:
                self._collapsed(box)
            elif box is None and node.op is not None:
                self._gate(node)
            elif node.op is None and node not in self.uses.owned:
                self._leaf(node)
        for node in self.outputs:
            self._output(node)
        if options.failed:
            self._failure(options.failed)

    # ------------------------------------------------------------------------------------------------------- items

    def _gate(self, node: Node) -> None:
        assert node.op is not None  # noqa: S101 -- for the type checker
        name = f"{printable(node.name)} = " if node.name else ""
        text = formula(node, self.stand_ins)
        symbol = str(node.dtype) if node.op.symbol == "dtype" else node.op.symbol
        item = Item(
            id=f"node-{node.rank}",
            kind="gate",
            time=(node.rank, 2),
            title=f"gate {self.gates[node]}, {node.op.name}: {name}{text}",
            lines=(symbol,),
            caption=f"({self.gates[node]}) {node.op.name}",
            op=node.op.name,
            reads="" if commutes(node.op) else cut(text, LONGEST_CAPTION),
            dead=not node.requires_grad,
            shape=node.shape,
            scope=node.scope,
            width=max(2 * GATE, 2 * math.ceil(text_width(symbol, symbol_size(symbol)) / 2) + 4),
            height=2 * GATE,
        )
        self._deepen(item, [x for x in node.operands if isinstance(x, Node)])
        item.moves += only_moves(node.op)
        self.scene.items.append(item)
        for i, operand in enumerate(node.operands):
            if isinstance(operand, Node):
                use = self.uses.of_edge[node, i]
                earlier = sum(x is operand for x in node.operands[:i])
                ends = f"-{earlier}" if earlier else ""
                self._use(
                    operand, use, item, i, (f"{operand.rank}-{node.rank}{ends}", f"{node.rank}-{operand.rank}{ends}")
                )
            else:
                self._number(operand, node, i, item)
        self.outlets[node] = self._fork(node, item) or item

    def _collapsed(self, box: Box) -> None:
        """A scope as one box, after its last gate, when all that leads into it is there."""
        taken, made = self.uses.into[box], [node for node in box.gates if self.uses[node]]
        path = "/".join(printable(scope.name) for scope in named(box.scopes[0]))
        said = box_lines(box, self.uses.leaves[box], self.options.detail)
        item = boxed(
            Item(
                id=f"box-{box.gates[0].rank}",
                kind="box",
                time=(box.gates[0].rank, 2),
                title=f"scope {path}, collapsed: {', '.join(said)}",
                lines=said,
                dead=not any(node.requires_grad for node in made),
                shape=made[-1].shape if made else box.gates[-1].shape,
                scope=box.scopes[0].parent,
            )
        )
        item.height = max(item.height, 54.0)
        self._deepen(item, [use.value for use in taken])
        self.scene.items.append(item)
        for i, use in enumerate(taken):
            self._use(use.value, use, item, i, (f"{use.value.rank}-{item.id}", f"{item.id}-{use.value.rank}"))
        for node in made:
            self.outlets[node] = self._fork(node, item) or item

    def _deepen(self, item: Item, operands: list[Node]) -> None:
        """An item is one deeper than what leads into it."""
        sources = [self.outlets[x] for x in operands]
        deepest = max(sources, key=lambda x: x.depth, default=None)
        if deepest is not None:
            item.depth, item.moves = deepest.depth, deepest.moves
        item.depth += 1

    def _leaf(self, node: Node) -> None:
        first = next((use.turn for use in self.uses[node] if use.target is not None), None)
        word = "leaf" if node.requires_grad else "constant"
        item = Item(
            id=f"node-{node.rank}",
            kind="param" if node.requires_grad else "constant",
            time=(first.rank if first else node.rank, 0),
            title=f"{word} {self._described(node)}",
            lines=lines(self.called[node], node, self.options.detail) or (word,),
            shape=node.shape,
            scope=self._scope_of(first) if first else None,
        )
        self.scene.items.append(boxed(item))
        self.outlets[node] = self._fork(node, item) or item

    def _scope_of(self, gate: Node) -> Scope | None:
        return self.box_of[gate].scopes[0].parent if gate in self.box_of else gate.scope

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
        self.scene.items.append(boxed(item))
        forward = f"edge-{node.rank}-number-{i}-fwd"
        self.scene.wires.append(Wire(item, gate, i, forward, None, title=(f"constant {operand!r}", "")))

    def _fork(self, node: Node, item: Item) -> Item | None:
        """Where a value that is used several times parts, with the wire that leads there; gradients are added in it."""
        uses = self.uses[node]
        if len(uses) < 2:
            return None
        parts = self.uses.carrying(node)
        adds = len(parts) > 1
        letters = [letter(k) for k in range(len(parts))] if adds else []
        self.letters |= dict(zip(parts, letters, strict=False))
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
            moves=item.moves,
            shape=node.shape,
            scope=item.scope,
            width=2 * radius,
            height=2 * radius,
        )
        self.scene.items.append(fork)
        wire = self._wire(node, item, fork, 0, (f"{node.rank}-fork", f"fork-{node.rank}"))
        gradient = self.uses.added(node, parts)
        name = self._gradient_name(node) if gradient is self.graph.gradients.get(node) else ""
        total = " + ".join(letters if len(letters) < 5 else [*letters[:2], "…", letters[-1]])
        clauses = (f"{name} = {total}" if name else total,) if adds else ()
        self._say_gradient(wire, node, gradient, clauses, "" if adds else name)
        return fork

    def _output(self, node: Node) -> None:
        outlet = self.outlets[node]
        item = Item(
            id=f"sink-{node.rank}",
            kind="output",
            time=(self.graph.nodes[-1].rank + 1, 0),
            title=f"output {self._described(node)}",
            lines=lines(printable(node.name) if node.name else "output", node, self.options.detail),
            depth=outlet.depth,
            shape=node.shape,
        )
        self.scene.items.append(boxed(item))
        wire = self._wire(node, outlet, item, 0, (f"{node.rank}-out", f"out-{node.rank}"))
        given = self.graph.upstreams.get(node)
        use = self.uses.as_output(node)
        mark = self.letters.get(use) if use else None
        name = self._gradient_name(node) if given is self.graph.gradients.get(node) else ""
        self._say_gradient(wire, node, given, (f"{mark}: upstream" if mark else "upstream",), name)

    def _failure(self, failed: Failure) -> None:
        """Mark the gate that failed, with what it said beside it."""
        node, gate = failed.gate, self.outlets[failed.gate]
        said = [printable(line) for line in wrap(failed.text, LONGEST_NAME)]
        text = " ".join(said)
        gate.style, gate.title = "failed", f"{gate.title} failed: {text}"
        item = Item(f"error-{node.rank}", "error", (node.rank + 1, 0), f"{failed.kind}: {text}", depth=gate.depth)
        item.lines = (failed.kind, *said[:MOST_SAID], *["…"] * (len(said) > MOST_SAID))
        self.scene.items.append(boxed(item))
        wire = Wire(
            gate, item, 0, f"edge-{node.rank}-error-fwd", None, title=("no result", ""), styles=("failed", "backward")
        )
        self.scene.wires.append(wire)

    # ------------------------------------------------------------------------------------------------------- wires

    def _wire(self, node: Node, source: Item, target: Item, operand: int, ends: tuple[str, str]) -> Wire:
        """A wire that carries the value of a node, with what is said of that: after a fork no more than the name."""
        forward, backward = f"edge-{ends[0]}-fwd", f"edge-{ends[1]}-bwd"
        wire = Wire(source, target, operand, forward, backward, title=(f"value {self._described(node)}", ""))
        if source.is_fork or node.op:  # a box says itself what is in it
            wire.name = self.called[node]
        if node.op and not source.is_fork:
            wire.value = self._value(node)
        shape = "" if self.options.detail == "name" else str(node.shape)
        wire.says = tuple(filter(None, (self.called[node], shape)))
        self.scene.wires.append(wire)
        return wire

    def _use(self, operand: Node, use: Use, target: Item, i: int, ends: tuple[str, str]) -> None:
        """The wire from a value to what takes it, and the rule by which its gradient is passed back."""
        outlet = self.outlets[operand]
        wire = self._wire(operand, outlet, target, i, ends)
        wire.edges = tuple((gate.rank, k) for gate, k in use.edges)
        contribution = self.uses.added(operand, [use]) if self.uses.carries(use) else None
        clauses: tuple[str, ...] = ()
        if contribution is not None:
            if use.box is None:
                clauses = rule(self.graph, use.edges[0], self.stand_ins, dims=self.dims)
            else:
                clauses = rules_through(self.graph, use, self.dims, self.stand_ins)
            mark = self.letters.get(use)
            clauses = (f"{mark}: {clauses[0]}", *clauses[1:]) if mark else clauses
        whole = contribution is None or contribution is self.graph.gradients.get(operand)
        name = "" if outlet.is_fork or not whole else self._gradient_name(operand)
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

    def _value(self, node: Node) -> str:
        return value(node, self.options.detail)

    def _described(self, node: Node) -> str:
        return f"{self.called[node]} {self._value(node)}".strip()
