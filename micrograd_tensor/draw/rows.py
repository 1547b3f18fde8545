"""Rows: which wires run straight, and in which row.

Every gate has one straight input and every fork at most one straight branch, so the items fall into chains. The first
chain, the main path, is the top row. Every other chain leaves a fork downwards or starts with a leaf, and arrives at a
gate from below; it takes the highest row under both that is free from its first to its last item. So a row never holds
two chains at a time, and no line from elsewhere can hit what is in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from .scene import Item, Scene, Wire


@dataclass(slots=True, eq=False)
class Chain:
    """Items on one straight line.

    Attributes:
        items: from left to right; none in a branch that leads from a fork straight to a gate.
        wires: those that run in its row, from left to right.
        starts: the fork that it leaves, or None where it starts with a box.
        ends: the gate that it arrives at from below, or None where it ends with an output.
    """

    items: list[Item]
    wires: list[Wire]
    starts: Item | None = None
    ends: Item | None = None

    @property
    def neighbours(self) -> list[Item]:
        """The items of other chains that it is attached to."""
        return [item for item in (self.starts, self.ends) if item is not None]


_FIRST = {"output": 0, "fork": 1, "split": 1}
"""Of equally deep items an output comes before the fork, and that before the gate, since it uses their value."""


def chains(scene: Scene) -> list[Chain]:
    """The chains of a scene: the main path first, and each after those that it is attached to."""
    inputs, outputs = scene.wiring()
    made: list[Chain] = []
    taken: set[Item] = set()
    used: set[Wire] = set()
    # The deepest first: what uses a value is deeper than the value, so it joins a chain first.
    deepest = sorted(scene.items, key=lambda item: (-item.depth, _FIRST.get(item.kind, 2), -item.time[0]))
    # Of gradients those of data before: whoever reads a backward pass looks for dx, not for dW.
    data = [item for item in deepest if item.kind == "output" and item.fill == "data"]
    for last in [*data[:1], *deepest]:
        if last in taken:
            continue
        chain = Chain([last], [])
        taken.add(last)
        while inputs[chain.items[0]]:
            wire = max(inputs[chain.items[0]], key=_straightness)
            chain.wires.insert(0, wire)
            if wire.source in taken:
                chain.starts = wire.source
                break
            taken.add(wire.source)
            chain.items.insert(0, wire.source)
        onward = next((wire for wire in outputs[last] if wire not in used), None)
        if onward is not None:
            chain.wires.append(onward)
            chain.ends = onward.target
        used.update(chain.wires)
        made.append(chain)
    made.extend(Chain([], [wire], wire.source, wire.target) for wire in scene.wires if wire not in used)
    return made


def _straightness(wire: Wire) -> tuple[bool, bool, int, bool, int]:
    """The straight input has the result's shape and passes gradients; otherwise it is the deepest, then the first."""
    source, target = wire.source, wire.target
    product = target.op is not None and target.op.contracts  # its result may well have the shape of a weight
    alike = source.shape == target.shape and not product
    constant = product and source.kind == "constant"  # rather than a weight
    return alike, not source.dead, source.depth - source.moves, constant, -wire.operand


def assign_rows(made: list[Chain], turn: dict[Item, int]) -> int:
    """Give every chain, its items and its wires a row; returns how many rows there are.

    Args:
        made: the chains, the main path first.
        turn: when each item is placed.
    """
    spans = [_span(chain, turn) for chain in made]
    hanging: dict[Item, list[int]] = {}
    missing = [len(set(chain.neighbours)) for chain in made]
    for k, chain in enumerate(made):
        for item in set(chain.neighbours):
            hanging.setdefault(item, []).append(k)
    # The main path, then short ones first: long ones run around the others rather than between them.
    ready = [(k > 0, spans[k][1] - spans[k][0], k) for k in range(len(made)) if not missing[k]]
    heapify(ready)
    busy: list[list[tuple[int, int]]] = []
    while ready:
        _, _, k = heappop(ready)
        chain, (first, last) = made[k], spans[k]
        row = max((item.row + 1 for item in chain.neighbours), default=0)
        while row < len(busy) and any(first <= end and start <= last for start, end in busy[row]):
            row += 1
        busy.extend([] for _ in range(len(busy), row + 1))
        busy[row].append((first, last))
        _settle(chain, row)
        for item in chain.items:
            for other in hanging.get(item, ()):
                missing[other] -= 1
                if not missing[other]:
                    heappush(ready, (True, spans[other][1] - spans[other][0], other))
    return len(busy)


def _span(chain: Chain, turn: dict[Item, int]) -> tuple[int, int]:
    turns = [turn[item] for item in (*chain.items, *chain.neighbours)]
    return min(turns), max(turns)


def _settle(chain: Chain, row: int) -> None:
    for item in chain.items:
        item.row = row
    for wire in chain.wires:
        wire.row = row
    # Where exactly it turns depends on what else turns there; 0 marks for now that it does.
    if chain.starts is not None:
        chain.wires[0].leaves = 0.0
    if chain.ends is not None:
        chain.wires[-1].arrives = 0.0
