"""Order: when each item has its turn to be placed.

Items are placed in order of birth, except for those that hang on one gate, such as a weight and its transposition: they
follow each other right before that gate, however early they were computed.
"""

from __future__ import annotations

from collections.abc import Collection

from .collapse import named
from .scene import Item, Scene, Wire


class Order:
    """The order of the items of a scene.

    Attributes:
        items: in the order in which they are placed.
        end: by item, the gate or box that it hangs on, if it does.
    """

    def __init__(self, scene: Scene, main: Collection[Item]) -> None:
        by_birth = sorted(scene.items, key=lambda item: item.time)
        arriving, leaving = scene.wiring()
        self.end = _hanging(by_birth, arriving, leaving, set(main))
        self.items: list[Item] = []
        held: dict[Item, list[Item]] = {}
        for item in by_birth:
            if item in self.end:
                held.setdefault(self.end[item], []).append(item)
            else:
                self.items += [*held.pop(item, ()), item]


def _hanging(
    by_birth: list[Item], arriving: dict[Item, list[Wire]], leaving: dict[Item, list[Wire]], main: set[Item]
) -> dict[Item, Item]:
    """What each item hangs on: on the way there nothing forks, and no scope is entered or left."""
    alone: set[Item] = set()
    for item in by_birth:
        if item not in main and len(leaving[item]) == 1 and all(wire.source in alone for wire in arriving[item]):
            alone.add(item)
    end: dict[Item, Item] = {}
    for item in reversed(by_birth):
        target = leaving[item][0].target if item in alone else None
        if target is None or target.kind == "output" or named(target.scope) != named(item.scope):
            continue
        if target not in alone:
            end[item] = target
        elif target in end:
            end[item] = end[target]
    return end
