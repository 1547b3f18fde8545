"""Build: from a graph to the scene that shows it, or a part of it."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from ..engine.recording import Scope
from ..graph import Graph, Node
from ..graph.nodes import Edge
from ..notation import MAX_NAME, number, printable
from .collapse import Collapsed, named, nothing
from .labels import Labels, boxed, marked
from .metrics import foldable
from .options import Failure, Options
from .repeats import Box
from .scene import FORK, MARK_FOLD, MAX_MARK, SPLIT, VALUE, Item, Scene, Wire, lane_ids, repeated
from .uses import Use

MAX_ERROR_LINES = 8
"""How many lines of an error message are shown at most."""

UNKNOWN = "—"
"""A gradient that was not computed, which is not 0."""


def scene(graph: Graph, options: Options | None = None, collapsed: Collapsed | None = None) -> Scene:
    """The items and wires of a graph, with all their texts.

    Args:
        graph: forward only, or with its backward pass.
        options: detail, dims and failed make a difference.
        collapsed: what is shown as boxes; nothing by default.
    """
    options = options or Options()
    collapsed = collapsed or nothing(graph.nodes)
    builder = Builder(Labels(graph, options, collapsed), collapsed)
    builder.build()
    if options.failed:
        builder.failure(options.failed)
    return builder.scene


class Builder:
    """Makes the items and wires of a graph, or of a part of it, always the start of a wire before the wire.

    Attributes:
        scene: what was made so far.
        outlets: the item where the wires of each value start: its gate, leaf or box, or the fork after it.
        order: the nodes in the order in which the whole graph is built.
    """

    def __init__(self, labels: Labels, collapsed: Collapsed | None = None) -> None:
        collapsed = collapsed or nothing(labels.graph.nodes)
        self.labels, self.graph, self.called, self.uses = labels, labels.graph, labels.called, labels.uses
        self.box_of, self.frames = collapsed.box_of, collapsed.frames
        self.scene = Scene(bool(self.graph.gradients), detail=labels.detail, parameters=labels.parameters)
        self.scene.scopes = collapsed.names
        self.scene.notes = {**collapsed.notes, **({"?": text} if (text := self.labels.unrecorded) else {})}
        self.scene.numbered = any(
            node not in self.box_of or self.uses[node] for node in self.called.stand_ins if not node.name
        )
        self.outlets: dict[Node, Item] = {}
        self.order: Sequence[Node] = self.graph.nodes

    def build(self) -> None:
        """Add the whole graph."""
        for node in self.order:
            box = self.box_of.get(node)
            if box is not None and node is box.gates[-1]:
                self.collapsed(box)
            elif box is None and node.op is not None:
                self.outlets[node] = self.fork(node, self.gate(node))
            elif node.op is None and node not in self.uses.owned:
                self.leaf(node)
        for node in dict.fromkeys(self.graph.outputs):
            self.output(node)
        self.framed()

    def framed(self) -> None:
        """Put every item into the innermost scope that is shown for its own."""
        for item in self.scene.items:
            item.scope = self.frames.get(item.scope, item.scope)

    # ------------------------------------------------------------------------------------------------------- items

    def gate(self, node: Node) -> Item:
        """Add a gate after its operands; operands outside this part get boxes of their own."""
        item = self.item(node)
        sources = []
        for i, x in enumerate(node.operands):
            known = isinstance(x, Node) and x in self.outlets
            sources.append(self.outlets[x] if known else self.operand((node, i)))
        self._deepen(item, [source for source in sources if source and source.depth >= 0])
        self.scene.items.append(item)
        for i, source in enumerate(sources):
            if source is not None:
                self.join((node, i), source, item)
        return item

    def item(self, node: Node) -> Item:
        """The item of a gate."""
        return self.labels.gate(node)

    def operand(self, edge: Edge) -> Item | None:
        """A box of its own for an operand, if it has one; where all of the graph is shown it is a Python number."""
        (node, i), x = edge, edge[0].operands[edge[1]]
        item = Item(f"node-{node.rank}-number-{i}", "constant", (node.rank, 0), f"constant {x!r}", (number(x),))
        item.depth, item.scope, item.side = -1, node.scope, True
        self.scene.items.append(item)
        return boxed(item)

    def collapsed(self, box: Box) -> None:
        """Add a scope as one box, after its last gate, when everything that leads into it is there."""
        taken, made = self.uses.into[box], [node for node in box.gates if self.uses[node]]
        path = "/".join(printable(scope.name) for scope in named(box.scopes[0]))
        first, lines = box.gates[0].rank, self.labels.collapsed(box)
        item = Item(f"box-{first}", "box", (first, 2), f"scope {path}, collapsed: {', '.join(lines)}", lines)
        item.dead, item.scope = not any(node.requires_grad for node in made), box.scopes[0].parent
        item.shape = made[-1].shape if made else box.gates[-1].shape
        boxed(item)
        self._deepen(item, [self.outlets[use.value] for use in taken])
        self.scene.items.append(item)
        for i, use in enumerate(taken):
            self.use(use, self.outlets[use.value], item, i)
        for node in made:
            self.outlets[node] = self.fork(node, item)

    def _deepen(self, item: Item, sources: list[Item]) -> None:
        """Place an item one level deeper than what leads into it."""
        deepest = max(sources, key=lambda x: x.depth, default=None)
        if deepest is not None:
            item.depth, item.moves = deepest.depth, item.moves + deepest.moves
        item.depth += 1

    def leaf(self, node: Node) -> None:
        """Add a leaf, in the scope of the first gate that uses it."""
        first = next((use.turn for use in self.uses[node] if use.target is not None), None)
        word = "leaf" if node.requires_grad else "unrecorded" if self.labels.lacks_record(node) else "constant"
        title = f"{word} {self.labels.described(node)}"
        item = self.labels.box(f"node-{node.rank}", node, self.labels.kind(node), title)
        item.lines = self.labels.lines(self.called.values[node], node) or (word,)
        boxed(item)
        if first is not None:
            item.time, item.scope = (first.rank, 0), self._scope_of(first)
        self.scene.items.append(item)
        self.outlets[node] = self.fork(node, item)

    def _scope_of(self, gate: Node) -> Scope | None:
        return self.box_of[gate].scopes[0].parent if gate in self.box_of else gate.scope

    def fork(self, node: Node, item: Item) -> Item:
        """The fork of a value that is used several times, where gradients are added; otherwise the value's own item."""
        uses = self.uses[node]
        if len(uses) < 2:
            return item
        parts, total = self.uses.carrying(node), self.labels.total(node)
        kind, radius, sign = ("fork", FORK, ("+",)) if total else ("split", SPLIT, ())
        title = f"{self.called.values[node] or 'a leaf'} is used {len(uses)} times"
        if total:
            title += f", so its gradients {', '.join(self.labels.marks[use] for use in parts)} are added"
        fork = Item(f"fork-{node.rank}", kind, (item.time[0], item.time[1] + 1), title, sign)
        fork.dead, fork.depth, fork.moves, fork.shape = item.dead, item.depth, item.moves, node.shape
        fork.scope, fork.width, fork.height = item.scope, 2 * radius, 2 * radius
        self.scene.items.append(fork)
        wire = self.wire(node, item, fork, 0)
        self._say_gradient(wire, node, self.uses.added(node, parts), (total,) if total else (), named=bool(total))
        return fork

    def output(self, node: Node) -> None:
        """Add the box of an output, with its upstream gradient."""
        name = self.called.values[node] if node.name else "output"
        time, title = (self.graph.nodes[-1].rank + 1, 0), f"output {self.labels.described(node)}"
        item = Item(f"sink-{node.rank}", "output", time, title, self.labels.lines(name, node))
        use = self.uses.as_output(node)
        wire = self._end(node, boxed(item), use)
        self._say_gradient(wire, node, self.graph.upstreams.get(node), self.labels.clauses(use))

    def result(self, node: Node, item: Item) -> None:
        """Add the box of the value at which a part of the graph ends, with the whole gradient that arrives there."""
        item.kind, item.time, item.side = "output", (node.rank, 4), False
        uses, total = self.uses[node], self.labels.total(node)
        wire = self._end(node, item, uses[0] if len(uses) == 1 else None)
        wire.name = wire.value = ""
        self._say_gradient(wire, node, self.graph.gradients.get(node), (total or "upstream",), named=bool(total))

    def _end(self, node: Node, item: Item, use: Use | None) -> Wire:
        item.depth, item.shape = self.outlets[node].depth, node.shape
        self.scene.items.append(item)
        return self.wire(node, self.outlets[node], item, 0, use)

    def failure(self, failed: Failure) -> None:
        """Mark the failed gate, with its error message next to it."""
        node, gate = failed.gate, self.outlets[failed.gate]
        lines = [printable(line) for line in wrap(failed.text, MAX_NAME)]
        text = " ".join(lines)
        gate.style, gate.title = "failed", f"{gate.title} failed: {text}"
        item = Item(f"error-{node.rank}", "error", (node.rank + 1, 0), f"{failed.kind}: {text}", depth=gate.depth)
        item.lines = (failed.kind, *lines[:MAX_ERROR_LINES], *["…"] * (len(lines) > MAX_ERROR_LINES))
        self.scene.items.append(boxed(item))
        wire = Wire(gate, item, 0, f"edge-{node.rank}-error-fwd", None, ("no result", ""))
        wire.styles = ("failed", "backward")
        self.scene.wires.append(wire)

    # ------------------------------------------------------------------------------------------------------- wires

    def wire(self, node: Node, source: Item, target: Item, operand: int, use: Use | None = None) -> Wire:
        """Add a wire that carries a value to a use, or to its fork, with its labels: after a fork only its name."""
        end, again = _end_of(use) if use else ("fork", "")
        title = f"value {self.labels.described(node)}"
        wire = Wire(source, target, operand, *lane_ids(node.rank, end, again), title=(title, ""))
        if not source.is_box or source.kind == "box":  # the box of a value shows its shape and range
            wire.name = self.called.values[node] if source.is_fork else self.labels.introduced(node)
            wire.value = "" if source.is_fork else self.labels.value(node)
        shape = "" if self.labels.detail == "name" else self.labels.shape(node)
        wire.says = tuple(filter(None, (self._mark(node), shape)))
        self.scene.wires.append(wire)
        return wire

    def _mark(self, node: Node) -> str:
        """What a mark calls a value: a formula that is too long for it, or has a word that is, is told by its gate."""
        name = self.called.values[node]
        told = node.name or node.op is None or (len(name) <= MAX_MARK and foldable(name, MARK_FOLD, VALUE, bold=True))
        return name if told else marked(self.called.numbers[node], node)

    def join(self, edge: Edge, source: Item, gate: Item) -> None:
        """Add the wire on which an operand arrives at a gate."""
        (node, i), x = edge, edge[0].operands[edge[1]]
        if not isinstance(x, Node):
            wire = Wire(source, gate, i, f"edge-{node.rank}-number-{i}-fwd", None, title=(source.title, ""))
            self.scene.wires.append(wire)
            return
        self.use(self.uses.of_edge[edge], source, gate, i)
        if along := self.labels.copied(edge):
            wire = self.scene.wires[-1]
            wire.value = ", ".join(filter(None, (wire.value, f"copied along {along}")))

    def use(self, use: Use, source: Item, target: Item, i: int) -> None:
        """Add the wire from a value to a use, with the rule that passes its gradient back."""
        wire = self.wire(use.value, source, target, i, use)
        wire.edges = tuple((gate.rank, k) for gate, k in use.edges)
        contribution = self.arriving(use)
        clauses = self.labels.clauses(use, whole=False) if contribution else ()
        self._say_gradient(wire, use.value, contribution, clauses, named=len(self.uses[use.value]) > 1)
        if contribution:
            wire.title = (wire.title[0], f"gradient: {', '.join([*self.labels.clauses(use), wire.gradient])}")

    def arriving(self, use: Use) -> Node | None:
        """The gradient that comes back from a use, if it is shown."""
        return self.uses.added(use.value, [use]) if self.uses.carries(use) else None

    def _say_gradient(
        self, wire: Wire, node: Node, gradient: Node | None, clauses: tuple[str, ...], named: bool = False
    ) -> None:
        """The gradient that comes back along a wire, by name unless its rule is written elsewhere, or a dash."""
        whole = gradient is None or gradient is self.graph.gradients.get(node)
        name = "" if named or not whole else self.called.gradient(node)
        if gradient is not None:
            wire.rule = clauses
            wire.gradient = f"{name} {self.labels.value(gradient)}".strip()
            wire.title = (wire.title[0], f"gradient: {', '.join([*clauses, wire.gradient])}")
            return
        wire.backward = None
        lost = node.requires_grad and node not in self.graph.gradients
        if self.scene.backward and lost and not wire.source.is_fork:
            wire.gradient = f"{name} {UNKNOWN}".strip()


def _end_of(use: Use) -> tuple[str, str]:
    """The stem of the ids of the wire to a use; a second wire to the same gate gets a number."""
    if use.target is None:
        return "out", ""
    if use.box is not None:
        return f"box-{use.box.gates[0].rank}", ""
    gate, i = use.edges[0]
    return str(gate.rank), repeated(gate, i)
