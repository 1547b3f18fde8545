"""Merged: two graphs as one, in which what both have appears once, and its scene, in which differences are marked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from math import inf
from typing import Any

import numpy as np

from ...graph import Graph, Node
from ...graph.axes import axis_names
from ...graph.match import Alike, match, same_number, same_params
from ...graph.nodes import Edge
from ...notation import number, quantity, summary
from ..build import Builder
from ..collapse import Collapsed
from ..labels import Labels, boxed
from ..options import Options
from ..scene import Item, Wire
from ..uses import Use, Uses

MARKS = {"same": "", "changed": "≠ ", "here": "+ ", "there": "− "}
"""The sign before the name of anything that differs, so that colour is not the only sign."""

_SAID = {"same": "same", "changed": "differs", "here": "only here", "there": "only in the other"}


class Union(Graph):
    """Two graphs as one: the nodes of the first, then those that only the second has, with ranks after the first's.

    Every node keeps its own operands, so its formula and its rules remain true; where both have a node, the operands
    that only its counterpart takes are added to its uses.

    Attributes:
        pairs: the nodes and edges that both have, with their counterparts in the second.
        places: by node where its counterpart has each of its operands.
        drawn: the node that each of either graph is drawn as.
        added: the edges that only the counterpart of a node has.
        order: the nodes, operands of either graph before results.
        state: by node: "same", "changed", only "here" or only "there".
    """

    def __init__(self, here: Graph, there: Graph) -> None:
        first, made = 1 + max((node.rank for node in here.nodes), default=-1), dict[Node, Node]()
        for node in (*there.nodes, *there.backward):
            operands = tuple(made[x] if isinstance(x, Node) else x for x in node.operands)
            made[node] = replace(node, rank=first + node.rank, operands=operands)
        equal = Alike(here, there)
        pairs = {node: made[other] for node, other in match(here, there, equal).items()}
        born = {mine: other for other, mine in made.items()}
        theirs = [made[node] for node in there.nodes]
        self.drawn = {node: node for node in (*here.nodes, *theirs)} | {other: node for node, other in pairs.items()}
        super().__init__(
            (*here.nodes, *(node for node in theirs if self.drawn[node] is node)),
            tuple(dict.fromkeys((*here.outputs, *(self.drawn[made[node]] for node in there.outputs)))),
            (*here.backward, *(made[node] for node in there.backward)),
            {**here.contributions, **{(made[node], i): made[x] for (node, i), x in there.contributions.items()}},
            {**here.gradients, **{made[node]: made[x] for node, x in there.gradients.items()}},
            {**here.upstreams, **{made[node]: made[x] for node, x in there.upstreams.items()}},
        )
        self.places = {node: self._places(node, other) for node, other in pairs.items()}
        shared = {
            (node, i): (other, k)
            for node, other in pairs.items()
            for i, k in enumerate(self.places[node])
            if self._meet(node.operands[i], other.operands[k]) and isinstance(node.operands[i], Node)
        }
        self.pairs: dict[Any, Any] = pairs | shared
        both = set(shared.values())
        self.added = {
            node: [(other, k) for k, x in enumerate(other.operands) if isinstance(x, Node) and (other, k) not in both]
            for node, other in pairs.items()
        }
        self.equal: Callable[[Node, Node], bool] = lambda a, b: equal(born.get(a, a), born.get(b, b))
        self.state = dict.fromkeys(self.nodes, "there") | {node: self._compared(node) for node in here.nodes}
        turn: dict[Node, float] = {node: node.rank for node in here.nodes}
        for node in reversed(there.nodes):  # what only the second has comes right before what takes it
            users = (turn[self.drawn[made[user]]] for user, _ in there.users[node])
            turn.setdefault(self.drawn[made[node]], min(users, default=inf))
        self.order = sorted(self.nodes, key=lambda node: (turn[node], self.state[node] != "there", node.rank))

    @cached_property
    def users(self) -> Mapping[Node, tuple[Edge, ...]]:
        """Where each node is used, in either graph."""
        found: dict[Node, list[Edge]] = {node: [] for node in self.drawn}
        for node in self.order:
            own = [(node, i) for i, x in enumerate(node.operands) if isinstance(x, Node)]
            for gate, i in (*own, *self.added.get(node, ())):
                found[self.drawn[gate.operands[i]]].append((gate, i))
        return {node: tuple(edges) for node, edges in found.items()}

    def contributions_to(self, node: Node) -> tuple[tuple[Edge, Node], ...]:
        """The contributions that arrive at a node in its own graph."""
        parts = super().contributions_to(node)
        return tuple((edge, part) for edge, part in parts if edge[0].operands[edge[1]] is node)

    def edge_state(self, edge: Edge) -> str:
        """The state of the value that an edge carries, or the graph that alone has the edge."""
        if edge in self.pairs:
            return self.state[edge[0].operands[edge[1]]]
        return "there" if self.state.get(edge[0], "there") == "there" else "here"

    def _meet(self, x: Any, y: Any) -> bool:
        """Whether two operands are drawn as one."""
        return self.drawn[y] is x if isinstance(y, Node) else same_number(x, y)

    def _places(self, node: Node, other: Node) -> list[int]:
        """Where the counterpart of a node has each operand, as far as it has as many; those of a sum may be swapped."""
        places = [*range(min(len(node.operands), len(other.operands)))]
        orders = [places, places[::-1]] if node.op is not None and node.op.commutes else [places]
        return max(
            orders, key=lambda order: sum(self._meet(node.operands[i], other.operands[k]) for i, k in enumerate(order))
        )

    def _compared(self, node: Node) -> str:
        other = self.pairs.get(node)
        if other is None:
            return "here"
        operands = ((x, other.operands[k]) for x, k in zip(node.operands, self.places[node], strict=False))
        numbers = [(a, b) for a, b in operands if not isinstance(a, Node)]
        same = self.equal(node, other) and (other.is_leaf or same_params(node, other))
        return "same" if same and (other.is_leaf or all(same_number(a, b) for a, b in numbers)) else "changed"


class Merged(Builder):
    """Builds the scene of two graphs.

    Attributes:
        found: how many values are the same, changed, only here or only there.
    """

    def __init__(self, here: Graph, there: Graph, options: Options) -> None:
        self.union = union = Union(here, there)
        dims = axis_names(here, options.dims)  # the other's axes need not be the named ones
        super().__init__(Labels(union, Options(detail=options.detail), dims=dims, apart=False))
        self.uses.data = Uses(here, Collapsed()).data
        names = self.called.stand_ins
        names |= {other: names[node] for node, other in union.pairs.items() if node in names}
        self.found, self.order = Counter(union.state.values()), union.order
        self.build()
        self._nodes = {node.rank: node for node in union.drawn}
        place = {node: k for k, node in enumerate(self.order)}
        for item in self.scene.items:
            turn = len(place) if item.kind == "output" else place[union.drawn[self._nodes[item.time[0]]]]
            item.time = (turn, item.time[1])
            self._mark_item(item, self._nodes[int(item.id.split("-")[1])], here.outputs)
        for wire in self.scene.wires:
            self._mark_wire(wire, self._nodes[int(wire.source.id.split("-")[1])])

    def gate(self, node: Node) -> Item:
        """Add a gate with the operands that it has in either graph."""
        added = self.union.added.get(node, [])
        taken = [*node.operands, *(gate.operands[i] for gate, i in added)]
        self.outlets |= {x: self.outlets[self.union.drawn[x]] for x in taken if isinstance(x, Node)}
        item = super().gate(node)
        for gate, i in added:
            source = self.outlets[gate.operands[i]]
            item.depth = max(item.depth, source.depth + 1)
            self.join((gate, i), source, item)
        return item

    def arriving(self, use: Use) -> Node | None:
        """The gradient that comes back from a use, in the graph that has the use."""
        if use.edges and self.union.edge_state(use.edges[0]) == "there":
            return self.graph.contributions.get(use.edges[0])
        return super().arriving(use)

    # --------------------------------------------------------------------------------------------------------- marks

    def _mark_item(self, item: Item, node: Node, outputs: Sequence[Node]) -> None:
        state, other, differs = self.union.state[node], self.union.pairs.get(node), ""
        if item.kind == "output" and node not in outputs:
            state = "there"
        if "-number-" in item.id and other is not None:
            i = int(item.id.rpartition("-")[2])
            places = self.union.places[node]
            theirs = other.operands[places[i]] if i < len(places) else None
            state = "same" if same_number(node.operands[i], theirs) else "changed"
            differs = f" ≠ {'nothing' if theirs is None else 'a value' if isinstance(theirs, Node) else number(theirs)}"
        if state == "there":
            item.scope = None
        if state == "same" or item.is_fork:
            return
        item.style, item.title = state, f"{_SAID[state]}: {item.title}"
        item.caption = item.caption and f"{MARKS[state]}{item.caption}"
        if item.is_box:
            first, *rest = item.lines or ("",)
            if rest and state == "changed" and other is not None:
                rest[-1] = self._both(rest[-1], node, other)
            item.lines = (f"{MARKS[state]}{first}{differs}".strip(), *rest)
            boxed(item)

    def _mark_wire(self, wire: Wire, source: Node) -> None:
        pairs, carried = self.union.pairs, self.graph.contributions
        state, other = self.union.state[source], pairs.get(source)
        mine, theirs = self.graph.gradients.get(source), self.graph.gradients.get(other or source)
        if wire.edges:
            edge = self._nodes[wire.edges[0][0]], wire.edges[0][1]
            state, mine, theirs = self.union.edge_state(edge), carried.get(edge), carried.get(pairs.get(edge, edge))
        elif not wire.target.is_fork:  # from a number, or to an output
            state = (wire.target if wire.target.kind == "output" else wire.source).style or "same"
        wire.styles = ("forward" if state == "same" else state, "backward")
        wire.name = wire.name and f"{MARKS[state]}{wire.name}"
        said = self.labels.value(source)
        if state == "changed" and said and other is not None:
            wire.value = wire.value.replace(said, self._both(said, source, other))
        if not wire.backward or mine is None:
            return
        if state in ("same", "changed"):
            state = "here" if theirs is None else "same" if self.union.equal(mine, theirs) else "changed"
        if state != "same":
            wire.styles = (wire.styles[0], f"{state}-back")
            first, *rest = wire.rule or ("",)
            wire.rule = (f"{MARKS[state]}{first}".strip(), *rest)
            wire.title = (wire.title[0], f"{_SAID[state]}: {wire.title[1]}")
        if state == "changed" and wire.gradient and theirs is not None:
            wire.gradient = self._both(wire.gradient, mine, theirs)

    def _both(self, said: str, here: Node, there: Node) -> str:
        """The label of a value here, and how its counterpart differs."""
        if self.labels.detail == "name":
            return said
        if here.shape != there.shape:
            return f"{said} ≠ {there.shape}"
        if self.labels.detail == "shape":
            return said
        mine, theirs = here.value, there.value
        if summary(mine) != summary(theirs):
            return f"{said} ≠ {summary(theirs)}"
        if not isinstance(mine, np.ndarray) or mine.dtype.kind not in "iufc":
            return said
        larger, smaller = np.maximum(mine, theirs), np.minimum(mine, theirs)  # unsigned numbers have no negative ones
        with np.errstate(all="ignore"):
            apart = np.abs(larger - smaller) if mine.dtype.kind != "c" else np.abs(mine - theirs)
        known = apart[~np.isnan(apart)]
        return f"{said}, differs by up to {quantity(known.max())}" if known.size else said
