"""Merged: two circuits as one scene, in which what both have appears once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from ...graph import Graph, Node
from ...graph.match import match
from ...notation import number, quantity, summary
from ..build import scene
from ..labels import boxed
from ..options import Options
from ..scene import SPLIT, Item, Wire

MARKS = {"same": "", "changed": "≠ ", "here": "+ ", "there": "− "}
"""The sign before the name of anything that differs, so that colour is not the only sign."""


class Merged:
    """The scene of one graph, with what only another graph has added to it.

    Attributes:
        scene: the merged one.
        found: how many values are the same, changed, only here or only there.
    """

    def __init__(self, here: Graph, there: Graph, options: Options) -> None:
        plain = Options(detail=options.detail, dims=options.dims)
        self.detail = options.detail
        self.pairs = match(here, there)
        self.graphs = (here, there)
        self.scene = scene(here, plain)
        self.other = scene(there, Options(detail=options.detail))  # whose axes need not be the named ones
        self.found: Counter[str] = Counter()
        self._nodes = {f"{kind}-{node.rank}": node for node in here.nodes for kind in ("node", "fork", "sink")}
        self._others = {f"{kind}-{node.rank}": node for node in there.nodes for kind in ("node", "fork", "sink")}
        self._state = {node: self._compare(node) for node in here.nodes}
        self.found.update(self._state.values())
        for item in self.scene.items:
            self._mark(item, self._state_of(item))
        for wire in self.scene.wires:
            self._compare_wire(wire)
        self._add_others()
        self._split()
        self._order()

    # ------------------------------------------------------------------------------------------------------ what is

    def _compare(self, node: Node) -> str:
        other = self.pairs.get(node)
        if other is None:
            return "here"
        numbers = [(a, b) for a, b in zip(node.operands, other.operands, strict=False) if not isinstance(a, Node)]
        same = _equal(node.value, other.value) and node.shape == other.shape and dict(node.params) == dict(other.params)
        return "same" if same and all(_alike(a, b) for a, b in numbers) else "changed"

    def _state_of(self, item: Item) -> str:
        """Whether an item is the same; a Python number is what its gate is, where that is in one graph only."""
        node = self._nodes.get(item.id)
        if node is not None:
            return self._state[node]
        gate = self._nodes[item.id.partition("-number-")[0]]
        i = int(item.id.rpartition("-")[2])
        if gate not in self.pairs:
            return "here"
        others = self.pairs[gate].operands
        return "same" if len(others) > i and _alike(others[i], gate.operands[i]) else "changed"

    def _other_number(self, item: Item) -> str:
        gate, i = self._nodes[item.id.partition("-number-")[0]], int(item.id.rpartition("-")[2])
        others = self.pairs[gate].operands
        return "nothing" if i >= len(others) else number(others[i]) if not isinstance(others[i], Node) else "a value"

    def _mark(self, item: Item, state: str) -> None:
        if state == "same" or item.is_fork:
            return
        item.style = state
        item.title = f"{_STATES[state]}: {item.title}"
        if item.is_box:
            item.lines = (f"{MARKS[state]}{item.lines[0]}", *item.lines[1:]) if item.lines else (MARKS[state].strip(),)
            if "-number-" in item.id and state == "changed":
                item.lines = (f"{item.lines[0]} ≠ {self._other_number(item)}",)
            node = self._nodes.get(item.id) if state == "changed" else None
            if node is not None and len(item.lines) > 1:
                item.lines = (*item.lines[:-1], self._both(item.lines[-1], node.value, self.pairs[node].value))
            boxed(item)
        else:
            item.caption = f"{MARKS[state]}{item.caption}"

    def _compare_wire(self, wire: Wire) -> None:
        node = self._nodes.get(wire.source.id)
        if node is None:  # a Python number
            wire.styles = (_forward_look(self._state_of(wire.source)), wire.styles[1])
            return
        other = self.pairs.get(node)
        user = None if wire.target.is_fork else self._nodes.get(wire.target.id) if wire.edges else None
        state = self._state[node]
        there = user is None or self._has_edge(user, wire.operand, other)
        if not there:
            state = "here"
        wire.styles = (_forward_look(state), wire.styles[1])
        if state != "same" and wire.name:
            wire.name = f"{MARKS[state]}{wire.name}"
        if state == "changed" and wire.value and other is not None:
            wire.value = self._both(wire.value, node.value, other.value)
        if wire.backward:
            self._compare_gradients(wire, node, user, "here" if state == "here" else "")

    def _has_edge(self, user: Node, operand: int, other: Node | None) -> bool:
        taker = self.pairs.get(user)
        return taker is not None and operand < len(taker.operands) and taker.operands[operand] is other

    def _compare_gradients(self, wire: Wire, node: Node, user: Node | None, state: str) -> None:
        here, there = self.graphs
        other = self.pairs.get(node)
        if user is None:
            mine, theirs = here.gradients.get(node), there.gradients.get(other) if other else None
        else:
            mine = here.contributions.get((user, wire.operand))
            theirs = there.contributions.get((self.pairs[user], wire.operand)) if user in self.pairs else None
        if not state:
            same = mine is not None and theirs is not None and _equal(mine.value, theirs.value)
            state = "same" if same else "here" if theirs is None else "changed"
        if state == "same":
            return
        wire.styles = (wire.styles[0], f"{state}-back")
        wire.rule = (f"{MARKS[state]}{wire.rule[0]}", *wire.rule[1:]) if wire.rule else (MARKS[state].strip(),)
        wire.title = (wire.title[0], f"{_STATES[state]}: {wire.title[1]}")
        if state == "changed" and mine is not None and theirs is not None and wire.gradient:
            wire.gradient = self._both(wire.gradient, mine.value, theirs.value)

    def _both(self, said: str, mine: Any, theirs: Any) -> str:
        """The label of a value here, and of its counterpart."""
        if self.detail == "name":
            return said
        if getattr(mine, "shape", None) != getattr(theirs, "shape", None):
            return f"{said} ≠ {getattr(theirs, 'shape', '?')}"
        if self.detail == "shape":
            return said
        if summary(mine) != summary(theirs):
            return f"{said} ≠ {summary(theirs)}"
        if not isinstance(mine, np.ndarray) or mine.dtype.kind not in "iufc":
            return said
        larger, smaller = np.maximum(mine, theirs), np.minimum(mine, theirs)  # unsigned numbers have no negative ones
        with np.errstate(all="ignore"):
            apart = np.abs(larger - smaller) if mine.dtype.kind != "c" else np.abs(mine - theirs)
        known = apart[~np.isnan(apart)]
        return f"{said}, differs by up to {quantity(known.max())}" if known.size else said

    # ------------------------------------------------------------------------------------------------- what is not

    def _add_others(self) -> None:
        """Put in what only the other graph has, with its wires from and to what both have."""
        before = {other: node for node, other in self.pairs.items()}
        outlets = {item.id: item for item in self.scene.items}
        placed: dict[Item, Item] = {}
        for item in self.other.items:
            other = self._others.get(item.id)
            node = before.get(other) if other is not None else None
            if item.is_fork:
                continue
            if node is not None:
                prefix = item.id.partition("-")[0]
                found = outlets.get(f"{prefix}-{node.rank}")
                if found is not None:
                    placed[item] = found
                    continue
            if other is None and self._is_same_number(item, before):
                continue
            new = replace(item, id=f"other-{item.id}", scope=None)
            placed[item] = new
            self._mark(new, "there")
            self.scene.items.append(new)
            if other is not None and item.id.startswith("node"):
                self.found["there"] += 1
        shown = {(wire.source.id, wire.target.id, wire.operand) for wire in self.scene.wires}
        for wire in self.other.wires:
            if wire.target.is_fork or wire.target not in placed:
                continue
            start = self._start(wire.source)
            source, target = placed.get(start), placed[wire.target]
            if source is None:
                continue
            node = self._nodes.get(source.id)
            outlet = outlets.get(f"fork-{node.rank}", source) if node is not None else source
            if any((each.id, target.id, wire.operand) in shown for each in (source, outlet)):
                continue
            self._add_wire(wire, outlet, target)

    def _is_same_number(self, item: Item, before: dict[Node, Node]) -> bool:
        gate = self._others[item.id.partition("-number-")[0]]
        return gate in before

    def _start(self, item: Item) -> Item:
        """The item that a value comes from, or the fork after it."""
        if not item.is_fork:
            return item
        return next(wire.source for wire in self.other.wires if wire.target is item)

    def _add_wire(self, wire: Wire, source: Item, target: Item) -> None:
        new = replace(wire, source=source, target=target, forward=f"other-{wire.forward}", edges=())
        new.backward = f"other-{wire.backward}" if wire.backward else None
        new.styles = ("there", "there-back")
        new.name = f"− {wire.name}" if wire.name else ""
        new.rule = (f"− {wire.rule[0]}", *wire.rule[1:]) if wire.rule else ()
        new.title = (f"only in the other: {wire.title[0]}", f"only in the other: {wire.title[1]}")
        self.scene.wires.append(new)

    # ------------------------------------------------------------------------------------------------ one scene again

    def _split(self) -> None:
        """A value that now leads to several places, and did not before, forks."""
        for item in list(self.scene.items):
            onward = [wire for wire in self.scene.wires if wire.source is item]
            if item.is_fork or len(onward) < 2:
                continue
            into = next((wire for wire in onward if wire.target.is_fork), None)
            if into is not None:
                fork = into.target
            else:
                fork = Item(f"{item.id}-split", "split", item.time, f"{item.title} leads to several places")
                fork.shape, fork.scope, fork.dead = item.shape, item.scope, item.dead
                fork.width = fork.height = 2 * SPLIT
                self.scene.items.append(fork)
                trunk = Wire(item, fork, 0, f"edge-{item.id}-split-fwd", None, title=onward[0].title)
                self.scene.wires.append(trunk)
            for wire in onward:
                if wire is not into:
                    wire.source = fork

    def _order(self) -> None:
        """Order and depths of all items, each after those that lead to it."""
        into: dict[Item, list[Wire]] = {item: [] for item in self.scene.items}
        for wire in self.scene.wires:
            into[wire.target].append(wire)
        done: dict[Item, int] = {}
        for item in sorted(self.scene.items, key=_turn):
            stack = [item]
            while stack:
                top = stack[-1]
                missing = [wire.source for wire in into[top] if wire.source not in done]
                if top in done or not missing:
                    stack.pop()
                    done.setdefault(top, len(done))
                else:
                    stack.extend(missing)
        for item in done:
            gate = item.kind in ("gate", "box")
            number = item.kind == "constant" and item.depth < 0
            item.time = (done[item], 0)
            sources = [wire.source.depth for wire in into[item]]
            item.depth = -1 if number else max(sources, default=-1 if gate else 0) + gate


def _turn(item: Item) -> tuple[bool, tuple[int, int]]:
    """The items of this graph in their own order; the others after them, or before what needs them."""
    return item.id.startswith("other-") or item.kind == "output", item.time


_STATES = {"same": "same", "changed": "differs", "here": "only here", "there": "only in the other"}


def _forward_look(state: str) -> str:
    return "forward" if state == "same" else state


def _alike(a: Any, b: Any) -> bool:
    """Whether two operands are the same number; NaN equals NaN."""
    return a == b or (not isinstance(a, Node) and not isinstance(b, Node) and a != a and b != b)


def _equal(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
        return False
    return a.shape == b.shape and bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc" and b.dtype.kind in "fc"))
