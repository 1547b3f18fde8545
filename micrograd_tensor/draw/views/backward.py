"""Backward: the recorded backward pass as a circuit of its own, from the upstream at the right to the left."""

from __future__ import annotations

import math
from typing import Any

from ...graph import Graph, Node, backward_graph
from ...notation import Called, cut, formula, operand_text
from ..build import LONGEST_CAPTION
from ..build import scene as overlay_scene
from ..canvas import Painting
from ..errors import DrawError
from ..layout import Layout
from ..legend import CONTINUED, SAID, least_width, listed
from ..metrics import text_width
from ..options import Options
from ..paint import paint
from ..scene import GATE, SPLIT, Item, Scene, Wire, symbol_size
from ..texts import boxed, commutes, letter, lines, value
from ..wrap import lay_out
from .closeup import data

LONGEST_SAVED = 24
"""In characters, of what stands in the small box below a gate."""


def backward(graph: Graph, options: Options) -> Painting:
    """The ops that the backward pass recorded, each with the number of the gate whose rule it is."""
    if not graph.gradients:
        raise DrawError("draw: view='backward' shows a backward pass, and there is none; give draw an upstream")
    built = _Builder(graph, options.detail)
    means = _meanings(built.scene)
    layout = lay_out(built.scene, options.width, least_width(means))
    if any(item.kind == "mark" for item in built.scene.items):
        means["…"] = CONTINUED
    _mirror(built.scene, layout)
    built.colour()
    painting = paint(built.scene, layout, listed(means, layout))
    gates = sum(item.kind == "gate" for item in built.scene.items)
    painting.description = f"{gates} {'gate' if gates == 1 else 'gates'} of the backward pass"
    return painting


def _meanings(scene: Scene) -> dict[str, str]:
    means = {"backward": f"gradient: name{SAID[scene.detail]}"}
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


class _Builder:
    """Goes through the nodes that depend on an upstream; all others are what the rules take from the forward pass."""

    def __init__(self, graph: Graph, detail: str) -> None:
        self.graph, self.detail = graph, detail
        self.scene = Scene(backward=True, detail=detail)
        self.called = Called(graph)
        self.back = backward_graph(graph)
        self.carriers: set[Node] = set()
        for node in self.back.nodes:
            if node.requires_grad if node.is_leaf else any(x in self.carriers for x in _nodes(node)):
                self.carriers.add(node)
        kept = {node.rank: node for node in graph.nodes}
        self.kept = {
            node: self.called.names[kept[node.rank]]
            for node in self.back.nodes
            if node.rank in kept and kept[node.rank] in self.called.names
        }
        self.titles: dict[int, list[str]] = {}
        for node, gradient in graph.gradients.items():
            if name := self.called.gradient(node):
                self.titles.setdefault(gradient.rank, []).append(name)
        for node, given in graph.upstreams.items():
            if given is not graph.gradients.get(node):
                self.titles.setdefault(given.rank, [f"upstream of {self.called.values[node] or 'a leaf'}"])
        self.added: dict[int, str] = {}
        self.letters: dict[tuple[int, int], str] = {}
        for node in graph.gradients:
            self._letter(node)
        self.sinks = self._sinks()
        self.uses = {node: len(self.sinks.get(node.rank, ())) for node in self.back.nodes}
        for node in self.carriers:
            for x in _nodes(node):
                self.uses[x] += 1
        self.outlets: dict[Node, Item] = {}
        self.reshaped: dict[Node, int] = {}
        self.upstreams: list[Item] = []
        self.results: dict[Item, Node] = {}
        for node in self.back.nodes:
            if node in self.carriers:
                self._add(node)
            elif node.rank in self.sinks:
                self._constant_sink(node)

    def _letter(self, node: Node) -> None:
        """The letters of what arrives at a fork, and the captions of the sums that add them."""
        given = [self.graph.upstreams[node]] if node in self.graph.upstreams else []
        parts = [*given, *(part for _, part in self.graph.contributions_to(node))]
        total = self.graph.gradients[node]
        for k in range(len(parts) - 1, 0, -1):
            before = " + ".join(letter(i) for i in range(k)) if k < 4 else f"A + … + {letter(k - 1)}"
            self.added[total.rank] = f"{before} + {letter(k)}"
            self.letters[total.rank, 1] = letter(k)
            if k == 1:
                self.letters[total.rank, 0] = letter(0)
            total = total.operands[0]

    def _sinks(self) -> dict[int, list[Node]]:
        """The values whose gradients are shown at the left, by the ranks of these: leaves, and where it ends else."""
        ends = {node.rank for node in self.back.outputs}
        found: dict[int, list[Node]] = {}
        for node in self.graph.nodes:
            gradient = self.graph.gradients.get(node)
            if gradient is not None and (node.is_leaf or (gradient.rank in ends and gradient.rank not in found)):
                found.setdefault(gradient.rank, []).append(node)
        return found

    # ------------------------------------------------------------------------------------------------------- items

    def _add(self, node: Node) -> None:
        item = self._gate(node) if node.op else self._upstream(node)
        self.scene.items.append(item)
        carried = [i for i, x in enumerate(node.operands) if x in self.carriers]
        for i in carried:
            self._wire(node.operands[i], item, i, f"edge-{node.operands[i].rank}-{node.rank}", node)
        kept = [i for i in range(len(node.operands)) if i not in carried]
        if len(carried) == 1:
            item.saved = cut(", ".join(self._kept(node.operands[i]) for i in kept), LONGEST_SAVED)
        else:
            for i in kept:
                self._side_box(node, i, item)
        self.outlets[node] = item
        if self.uses[node] > 1:
            self._split(node, item)
        for owner in self.sinks.get(node.rank, ()):
            self._sink(owner, node)

    def _upstream(self, node: Node) -> Item:
        names = self.titles.get(node.rank) or ["upstream"]
        item = Item(f"node-{node.rank}", "param", (node.rank, 0), f"upstream {names[0]} {self._value(node)}".strip())
        item.lines, item.shape = lines(names[0], node, self.detail), node.shape
        self.reshaped[node] = 0
        self.upstreams.append(item)
        return boxed(item)

    def _gate(self, node: Node) -> Item:
        assert node.op is not None  # noqa: S101 -- for the type checker
        carried = [x for x in node.operands if x in self.carriers]
        names = self.kept | {x: self._name(x) or "g" for x in carried}
        if len(set(carried)) == 1:
            names[carried[0]] = "g"
        text = formula(node, names)
        number = self.called.numbers[node.rule_of[0]] if node.rule_of else None
        caption = self.added.get(node.rank) or (f"({number}) {node.op.name}" if number else node.op.name)
        first = node.operands[0] if node.operands else None
        if not commutes(node.op) and (first not in self.carriers or len(node.operands) - len(carried) > 1):
            caption += f": {cut(text, LONGEST_CAPTION)}"
        whose = f"rule of gate {number} for {self._of(node)}" if number else "gradients are added"
        symbol = str(node.dtype) if node.op.symbol == "dtype" else node.op.symbol
        self._straighten(node, carried)
        return Item(
            id=f"node-{node.rank}",
            kind="gate",
            time=(node.rank, 2),
            title=f"{node.op.name}, {whose}: {' = '.join([*self.titles.get(node.rank, ()), text])}",
            lines=(symbol,),
            caption=caption,
            op=node.op.name,
            reads="" if commutes(node.op) or len(set(carried)) < 2 else cut(text, LONGEST_CAPTION),
            depth=1 + max(self.outlets[x].depth for x in carried),
            shape=node.shape,
            width=max(2 * GATE, 2 * math.ceil(text_width(symbol, symbol_size(symbol)) / 2) + 4),
            height=2 * GATE,
            back=True,
        )

    def _straighten(self, node: Node, carried: list[Node]) -> None:
        """Of the ways that meet in a gate, that runs straight along which the shape changed least often."""
        turns = {x: self.reshaped[x] for x in carried}
        self.reshaped[node] = min(turns[x] + (x.shape != node.shape) for x in carried)
        for x in carried:
            self.outlets[x].dead = turns[x] > min(turns.values())

    def _of(self, node: Node) -> str:
        assert node.rule_of is not None  # noqa: S101 -- for the type checker
        gate, operand = node.rule_of
        return self.called.values[gate.operands[operand]] or f"operand {operand + 1}"

    def _split(self, node: Node, item: Item) -> None:
        """Where a gradient parts; the dual of a sum, as the sum of gradients is of a value's fork."""
        title = f"{' = '.join(self.titles.get(node.rank, ['the gradient']))} is used {self.uses[node]} times"
        split = Item(f"fork-{node.rank}", "split", (item.time[0], item.time[1] + 1), title)
        split.dead, split.depth, split.shape, split.back = item.dead, item.depth, item.shape, True
        split.width = split.height = 2 * SPLIT
        self.scene.items.append(split)
        self._wire(node, split, 0, f"edge-{node.rank}-fork", None)
        self.outlets[node] = split

    def _sink(self, owner: Node, gradient: Node) -> None:
        name = self.called.gradient(owner) or "gradient"
        turn = 4 + self.sinks[gradient.rank].index(owner)
        item = Item(f"sink-{owner.rank}", "output", (gradient.rank, turn), f"gradient {name} {self._value(gradient)}")
        item.lines, item.shape = lines(name, gradient, self.detail), gradient.shape
        item.depth = self.outlets[gradient].depth
        self.results[item] = owner
        self.scene.items.append(boxed(item))
        self._wire(gradient, item, 0, f"edge-{gradient.rank}-sink-{owner.rank}", None)

    def _constant_sink(self, node: Node) -> None:
        """A gradient that does not depend on the upstream."""
        text = cut(self._kept(node), LONGEST_SAVED)
        item = boxed(Item(f"node-{node.rank}", "constant", (node.rank, 0), f"constant {text}", lines=(text,)))
        self.scene.items.append(item)
        self.outlets[node] = item
        for owner in self.sinks[node.rank]:
            self._sink(owner, node)

    def _side_box(self, node: Node, i: int, gate: Item) -> None:
        """What a rule with several gradients takes from the forward pass."""
        text = self._kept(node.operands[i])
        item = Item(f"node-{node.rank}-kept-{i}", "constant", (node.rank, 0), f"kept {text}", depth=-1)
        item.lines = (cut(text, LONGEST_SAVED),)
        self.scene.items.append(boxed(item))
        wire = Wire(item, gate, i, f"{item.id}-fwd", None, (f"kept {text}", ""))
        wire.name = self.letters.get((node.rank, i), "")
        self.scene.wires.append(wire)

    # ------------------------------------------------------------------------------------------------------- wires

    def _wire(self, node: Node, target: Item, operand: int, name: str, user: Node | None) -> None:
        source = self.outlets[node]
        twice = user is not None and any(x is node for x in user.operands[:operand])
        titles = " = ".join(self.titles.get(node.rank, ()))
        wire = Wire(source, target, operand, f"{name}{f'-{operand}' if twice else ''}-bwd", None)
        wire.title = (f"gradient {titles} {self._value(node)}".replace("  ", " "), "")
        wire.styles = ("backward", "backward")
        mark = self.letters.get((user.rank, operand)) if user else None
        shape = "" if self.detail == "name" else str(node.shape)
        wire.says = tuple(filter(None, (self._name(node) or mark, shape)))
        said = titles if not source.is_fork and (node.op or " = " in titles) and target.kind != "output" else ""
        wire.name = ": ".join(filter(None, (mark, said)))
        if node.op and not source.is_fork and target.kind != "output":
            wire.value = self._value(node)
        self.scene.wires.append(wire)

    def colour(self) -> None:
        """Colour the boxes as the overlay does: the input of the main path as data, the others as parameters."""
        main = data(self.graph, overlay_scene(self.graph))
        for item in self.upstreams:
            item.kind = "data"
        for item, owner in self.results.items():
            item.kind = "data" if owner is main else "param" if owner.is_leaf else "constant"

    # ------------------------------------------------------------------------------------------------------- texts

    def _name(self, node: Node) -> str:
        return next(iter(self.titles.get(node.rank, ())), "")

    def _kept(self, x: Any) -> str:
        return operand_text(x, self.kept)

    def _value(self, node: Node) -> str:
        return value(node, self.detail)


def _nodes(node: Node) -> list[Node]:
    return [x for x in node.operands if isinstance(x, Node)]
