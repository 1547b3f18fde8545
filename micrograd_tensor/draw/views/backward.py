"""Backward: the recorded backward pass as a circuit of its own, from the upstream at the right to the left."""

from __future__ import annotations

from typing import Any

from ...graph import Graph, Node, backward_graph
from ...graph.nodes import Edge
from ...graph.paths import depending
from ...notation import WHOLE, counted, formula, operand_text, shorten
from ...notation.expression import divisor
from ...notation.names import free
from ..build import Builder
from ..canvas import Painting
from ..errors import DrawError
from ..labels import MAX_CAPTION, Labels, any_order, boxed, captioned, gate_item, marked
from ..layout import Layout
from ..legend import DETAILS, listed
from ..options import Options
from ..paint import paint
from ..scene import SPLIT, Item, Scene, Wire
from ..wrap import lay_out

MAX_SAVED = 24
"""The longest text in the small box below a gate, in characters."""


def backward(graph: Graph, options: Options) -> Painting:
    """The ops that the backward pass recorded, each with the number of the gate whose rule it belongs to."""
    if not graph.gradients:
        raise DrawError("draw: view='backward' shows a backward pass, but there is none; give draw an upstream")
    built = _Backward(Labels(graph, options))
    means = _meanings(built.scene)
    layout = lay_out(built.scene, options, means)
    _mirror(built.scene, layout)
    painting = paint(built.scene, layout, listed(means, layout))
    gates = sum(item.kind == "gate" for item in built.scene.items)
    painting.description = f"{counted(gates, 'gate')} of the backward pass"
    return painting


def _meanings(scene: Scene) -> dict[str, str]:
    means = {"backward": f"gradient: name{DETAILS[scene.detail]}"}
    if any(item.kind == "gate" and item.caption.startswith("(") for item in scene.items):
        means["(1)"] = "number of the forward gate whose rule it is"
    if any(item.saved for item in scene.items):
        means["forward"] = "kept from the forward pass"
    if any(item.kind == "split" for item in scene.items):
        means["•"] = "one gradient, used several times"
    if any(item.caption == "A + B" for item in scene.items):
        means["+"] = "gradients of a value that is used several times are added"
    return means


def _mirror(scene: Scene, layout: Layout) -> None:
    """Turn a placed scene so that it flows from right to left."""
    for item in scene.items:
        item.x = layout.width - item.x
    for wire in scene.wires:
        wire.x = layout.width - wire.x
        wire.leaves, wire.arrives = (None if turn is None else -turn for turn in (wire.leaves, wire.arrives))
    for frame in layout.frames:
        frame.left, frame.right = layout.width - frame.right, layout.width - frame.left


class _Backward(Builder):
    """Builds from the nodes that depend on an upstream; all others are forward values that the rules use."""

    def __init__(self, labels: Labels) -> None:
        super().__init__(labels)
        self.scene = Scene(backward=True, detail=labels.detail)
        graph, called = self.graph, labels.called
        back = backward_graph(graph)
        axes = {node.rank: names for node, names in labels.dims.items()}
        labels.dims = {**labels.dims, **{node: axes[node.rank] for node in back.nodes if node.rank in axes}}
        self.carriers = depending(back.nodes, [node for node in back.nodes if node.is_leaf and node.requires_grad])
        self.recorded = {node.rank: node for node in (*graph.nodes, *graph.backward)}
        self.g = free("g", {node.name for node in graph.nodes})
        self.names: dict[int, list[str]] = {}
        for node, gradient in graph.gradients.items():
            if name := called.gradient(node):
                self.names.setdefault(gradient.rank, []).append(name)
        for node, given in graph.upstreams.items():
            if given is not graph.gradients.get(node):
                self.names.setdefault(given.rank, [f"upstream of {called.values[node] or 'a leaf'}"])
        self.sums: dict[int, str] = {}
        self.letters: dict[tuple[int, int], str] = {}
        for node in graph.gradients:
            self._add_up(node)
        self.sinks = self._sinks({node.rank for node in back.outputs})
        self.takers = {node: len(self.sinks.get(node.rank, ())) for node in back.nodes}
        for node in self.carriers:
            for x in node.inputs:
                self.takers[x] += 1
        self.reshaped: dict[Node, int] = {}
        for node in back.nodes:
            if node in self.carriers:
                self.outlets[node] = self.fork(node, self.gate(node) if node.op else self._upstream(node))
            elif node.rank in self.sinks:
                text = shorten(self._text(node), MAX_SAVED)
                self.outlets[node] = self._box(
                    f"node-{node.rank}", "constant", node, f"constant {self._text(node)}", (text,)
                )
            for owner in self.sinks.get(node.rank, ()):
                self._sink(owner, node)

    def _add_up(self, node: Node) -> None:
        """The letters of the gradients that arrive at a fork, and the captions of their sums."""
        letters = [part.letter for part in self.labels.parts(node)]
        total = self.graph.gradients[node]
        for k in range(len(letters) - 1, 0, -1):
            before = letters[:k] if k < 4 else [letters[0], "…", letters[k - 1]]
            self.sums[total.rank] = " + ".join([*before, letters[k]])
            self.letters[total.rank, 1] = letters[k]
            if k == 1:
                self.letters[total.rank, 0] = letters[0]
            total = total.operands[0]

    def _sinks(self, ends: set[int]) -> dict[int, list[Node]]:
        """The values whose gradients are shown at the left, by rank: leaves, and other ends."""
        found: dict[int, list[Node]] = {}
        for node in self.graph.nodes:
            gradient = self.graph.gradients.get(node)
            if gradient is not None and (node.is_leaf or (gradient.rank in ends and gradient.rank not in found)):
                found.setdefault(gradient.rank, []).append(node)
        return found

    # ------------------------------------------------------------------------------------------------------- items

    def _box(self, name: str, kind: str, node: Node, title: str, lines: tuple[str, ...]) -> Item:
        item = boxed(Item(name, kind, (node.rank, 0), title, lines, shape=node.shape, side=True))
        self.scene.items.append(item)
        return item

    def _upstream(self, node: Node) -> Item:
        name = self._name(node) or "upstream"
        self.reshaped[node] = 0
        title = f"upstream {name} {self.labels.value(node)}".strip()
        return self._box(f"node-{node.rank}", "data", node, title, self.labels.lines(name, node))

    def _sink(self, owner: Node, gradient: Node) -> None:
        name = self.called.gradient(owner) or "gradient"
        title = f"gradient {name} {self.labels.value(gradient)}"
        item = self._box(f"sink-{owner.rank}", "output", gradient, title, self.labels.lines(name, gradient))
        item.time = (gradient.rank, 4 + self.sinks[gradient.rank].index(owner))
        item.depth, item.side = self.outlets[gradient].depth, False
        item.fill = self.labels.kind(owner) if owner.is_leaf else "constant"
        self._wire(gradient, self.outlets[gradient], item, 0, f"edge-{gradient.rank}-sink-{owner.rank}")

    def item(self, node: Node) -> Item:
        """A gate with the number of the forward gate whose rule it belongs to."""
        carried = [x for x in node.operands if x in self.carriers]
        alone = len(set(carried)) == 1
        names = {self.recorded[x.rank]: self.g if alone else self._name(x) or self.g for x in carried}
        named = {**self.called.names, **names}
        text = self.sums.get(node.rank) or formula(self.recorded[node.rank], named, dims=self.labels.dims, limit=WHOLE)
        number = self.called.numbers[node.rule_of[0]] if node.rule_of else None
        op = self.labels.op(self.recorded[node.rank])
        caption = self.sums.get(node.rank) or (f"({number}) {op}" if number else op)
        if not any_order(node) and (node.operands[0] not in self.carriers or len(node.operands) - len(carried) > 1):
            caption = captioned(caption, shorten(text, MAX_CAPTION))
        whose = f"rule of gate {number} for {self._of(node.rule_of)}" if node.rule_of else "gradients are added"
        title = f"{node.made_by.name}, {whose}: {' = '.join([*self.names.get(node.rank, ()), text])}"
        self._straighten(node, carried)
        item = gate_item(node, title, caption, "" if any_order(node) or alone else text)
        item.back = True
        if len(carried) == 1:
            kept = [x for x in node.operands if x not in carried]
            item.saved = shorten(divisor(node, self.labels.dims) or ", ".join(map(self._text, kept)), MAX_SAVED)
        return item

    def _straighten(self, node: Node, carried: list[Node]) -> None:
        """Of the paths that meet at a gate, the one whose shape changed least runs straight."""
        turns = {x: self.reshaped[x] for x in carried}
        self.reshaped[node] = min(turns[x] + (x.shape != node.shape) for x in carried)
        for x in carried:
            self.outlets[x].dead = turns[x] > min(turns.values())

    def _of(self, edge: Edge) -> str:
        return self.called.values[edge[0].operands[edge[1]]] or f"operand {edge[1] + 1}"

    def operand(self, edge: Edge) -> Item | None:
        """The forward values that a rule with several gradients uses; with a single one they are below the gate."""
        node, i = edge
        if sum(x in self.carriers for x in node.operands) == 1:
            return None
        text = self._text(node.operands[i])
        item = self._box(f"node-{node.rank}-kept-{i}", "constant", node, f"kept {text}", (shorten(text, MAX_SAVED),))
        item.shape, item.depth = (), -1
        return item

    def fork(self, node: Node, item: Item) -> Item:
        """Where a gradient forks: the dual of a sum, just as a sum of gradients is the dual of a value's fork."""
        if self.takers[node] < 2:
            return item
        title = f"{' = '.join(self.names.get(node.rank, ['the gradient']))} is used {self.takers[node]} times"
        split = Item(f"fork-{node.rank}", "split", (item.time[0], item.time[1] + 1), title)
        split.dead, split.depth, split.shape, split.back = item.dead, item.depth, item.shape, True
        split.width = split.height = 2 * SPLIT
        self.scene.items.append(split)
        self._wire(node, item, split, 0, f"edge-{node.rank}-fork")
        return split

    # ------------------------------------------------------------------------------------------------------- wires

    def join(self, edge: Edge, source: Item, gate: Item) -> None:
        """The wire on which a gradient, or a saved value, arrives at a gate."""
        (node, i), x = edge, edge[0].operands[edge[1]]
        mark = self.letters.get((node.rank, i), "")
        if x not in self.carriers:
            wire = Wire(source, gate, i, f"{source.id}-fwd", None, (source.title, ""), name=mark)
            self.scene.wires.append(wire)
            return
        again = f"-{i}" if any(other is x for other in node.operands[:i]) else ""
        self._wire(x, source, gate, i, f"edge-{x.rank}-{node.rank}{again}", mark)

    def _wire(self, node: Node, source: Item, target: Item, operand: int, name: str, mark: str = "") -> None:
        names, value = " = ".join(self.names.get(node.rank, ())), self.labels.value(node)
        wire = Wire(source, target, operand, f"{name}-bwd", None, (f"gradient {names} {value}".replace("  ", " "), ""))
        wire.styles = ("backward", "backward")
        shape = "" if self.labels.detail == "name" else self.labels.shape(node)
        wire.says = tuple(filter(None, (self._name(node) or mark or self._gate(node), shape)))
        inner = not source.is_fork and target.kind != "output"
        wire.name = ": ".join(filter(None, (mark, names if inner and (node.op or " = " in names) else "")))
        wire.value = value if inner and node.op else ""
        self.scene.wires.append(wire)

    def _name(self, node: Node) -> str:
        return next(iter(self.names.get(node.rank, ())), "")

    def _gate(self, node: Node) -> str:
        """What a mark calls a gradient without a name: the letters that it is the sum of, or the gate that makes it."""
        return self.sums.get(node.rank) or (
            marked(self.called.numbers[node.rule_of[0]], node) if node.rule_of and node.op else ""
        )

    def _text(self, x: Any) -> str:
        whole = self.recorded[x.rank] if isinstance(x, Node) else x
        return operand_text(whole, self.called.names, dims=self.labels.dims, limit=WHOLE)
