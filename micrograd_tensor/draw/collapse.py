"""Collapse: which scopes of a graph are drawn as one box each.

Requested by path or by depth, or chosen by size; one of several equal boxes in a row stands for all. This works on
Tensors as well as on Nodes, so the size of a picture is known before a graph is captured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from types import MappingProxyType
from typing import Any

from ..engine.recording import Call, Scope
from ..graph.nodes import nearest
from ..notation import counted, printable
from .errors import DrawError
from .options import Options
from .repeats import Box, runs

MANY = 60
"""In a picture of more gates than this the deepest scopes collapse, unless depth or path are given."""

LIMIT = 400
"""The maximum number of gates and boxes in a picture; with more it would be unreadable."""

IN_A_ROW = 3
"""How many equal boxes in a row are drawn as one."""


@dataclass(frozen=True, slots=True, eq=False)
class Collapsed:
    """The parts of a graph that are drawn as boxes.

    Attributes:
        boxes: in the order of computation.
        box_of: by gate.
        frames: for each scope that was recorded, the innermost one that is shown for it.
        names: what these are called: neighbours of the same name are numbered.
        shown: the number of visible gates and boxes.
        gates: the total number of gates.
        chosen: whether the boxes were not requested but chosen because of the size.
        deepest: how deeply scopes are nested: the depth that shows everything.
    """

    boxes: tuple[Box, ...] = ()
    box_of: Mapping[Any, Box] = field(default_factory=dict)
    frames: Mapping[Scope | None, Scope | None] = field(default_factory=dict)
    names: Mapping[Scope, str] = field(default_factory=dict)
    shown: int = 0
    gates: int = 0
    chosen: bool = False
    deepest: int = 0

    @property
    def notes(self) -> dict[str, str]:
        """Legend entries that tell what the boxes hide."""
        n = sum(len(box.scopes) for box in self.boxes)
        entries = {}
        if self.chosen:
            way = f"depth={self.deepest}" if self.gates <= LIMIT else "scope="
            entries["box"] = f"{counted(n, 'scope')} collapsed; {way} shows {'one of ' * (self.gates > LIMIT)}them"
        if n > len(self.boxes):
            entries["n ×"] = "n equal scopes in a row, drawn once"
        return entries


def nothing(born: Iterable[Any]) -> Collapsed:
    """A graph of which nothing is drawn as a box."""
    scopes = Scopes([x for x in born if x.op is not None])
    return Collapsed(frames=scopes.frames, names=scopes.names)


def collapse(
    born: Iterable[Any], options: Options, outputs: Sequence[Any] = (), unfinished: Scope | None = None
) -> Collapsed:
    """The parts of a graph that are drawn as boxes.

    Args:
        born: its Tensors or Nodes, by birth.
        options: uses depth and collapse.
        outputs: of the graph.
        unfinished: a scope that is never collapsed, with those around it.

    Raises:
        DrawError: for an unknown scope.

    >>> import micrograd_tensor as mt
    >>> with mt.scope("norm"):
    ...     y = mt.exp(mt.tensor(1.0, requires_grad=True)) + 1.0
    >>> [(box.name, len(box.gates)) for box in collapse(mt.graph(y).nodes, Options(depth=0)).boxes]
    [('norm', 2)]
    """
    gates = [x for x in born if x.op is not None]
    scopes = Scopes(gates, options.within.scopes if options.within else 0)
    requested = {scopes.shown[scope] for given in options.collapse for scope in scopes.matching(given)}
    stay_open = set(scopes.around.get(unfinished, ()))
    makers = {x for x in outputs if x.op is not None}

    def order(depth: int | None, opened: Mapping[Scope, str] = MappingProxyType({})) -> list[Any]:
        deeper = set()
        for around in scopes.around.values():
            if depth is not None and len(around) > depth + any(scope in opened for scope in around):
                deeper.add(around[-1])
        grouped = _grouped(gates, (requested | deeper) - stay_open, scopes)
        apart = options.within is not None and options.within.apart
        return grouped if apart else _drawn_once(grouped, makers, requested, opened)

    chosen = options.depth is None and not options.collapse and len(gates) > MANY and scopes.deepest > 0
    depths = range(scopes.deepest - 1, -1, -1) if chosen else [options.depth]
    for depth in depths:
        shown = order(depth)
        if len(shown) <= MANY:
            break
    if chosen and (first := {x.scopes[0] for x in shown if isinstance(x, Box) and len(x.scopes) > 1}):
        opened = order(depth, {scope: scopes.names[scope] for scope in first})
        shown = opened if len(opened) <= MANY else shown
    if options.folded:
        shown = _folded(shown, scopes)
    boxes = tuple(x for x in shown if isinstance(x, Box))
    box_of = {gate: box for box in boxes for gate in box.gates}
    chosen = chosen and bool(boxes)
    return Collapsed(boxes, box_of, scopes.frames, scopes.names, len(shown), len(gates), chosen, scopes.deepest)


def _drawn_once(
    order: list[Any], outputs: Collection[Any], requested: Collection[Scope | None], opened: Mapping[Scope, str]
) -> list[Any]:
    """Gates and boxes, with one box for equal ones in a row, unless one of them was requested by name.

    After an opened one two are enough: what they are like is to be seen.
    """
    least, end = 2 if opened else IN_A_ROW, 0
    boxes = sum(isinstance(x, Box) for x in order)
    if boxes < least or len(order) - boxes > LIMIT:  # which is too many, whatever becomes of the boxes
        return order
    once: list[tuple[int, list[Box]]] = []
    for k, run in runs(order, outputs):
        rest = run[max(end - k, 0) :]
        if len(rest) >= least and not any(box.scopes[0] in requested for box in rest):
            end = k + len(run)
            once.append((end - len(rest), rest))
    for k, run in reversed(once):
        order[k : k + len(run)] = [_once(run, opened)]
    return order


def named(scope: Scope | None) -> list[Scope]:
    """The named scopes from the outermost one in."""
    found: list[Scope] = []
    while scope is not None:
        if scope.name.strip():
            found.append(scope)
        scope = scope.parent
    return found[::-1]


class Scopes:
    """The scopes of some gates, as pictures show them.

    The call of a composition is no part of its own where it made all gates of the scope around it, which is then called
    after both, such as "0/linear" for a layer "0"; nor where it made a single gate.

    Attributes:
        shown: for each named scope that was recorded, the one that stands for it, or None.
        around: for each scope that was recorded, the shown ones around it, from the outermost one in.
        names: what each shown one is called.
        deepest: how deeply they are nested.

    Args:
        gates: by birth.
        outside: how many scopes around all of them are not shown.
    """

    def __init__(self, gates: Sequence[Any], outside: int = 0) -> None:
        made = Counter(gate.scope for gate in gates)
        held: Counter[Scope | None] = Counter()
        for scope, n in made.items():
            held.update(dict.fromkeys(named(scope)[outside:], n))
        self.shown: dict[Scope, Scope | None] = {}
        self.around: dict[Scope | None, list[Scope]] = {}
        for recorded_in in made:
            around: list[Scope] = []
            outer: Scope | None = None
            for scope in named(recorded_in)[outside:]:
                if scope not in self.shown:
                    self.shown[scope] = self._shown(scope, outer, around, held)
                    self.around[scope] = list(dict.fromkeys([*around, *filter(None, [self.shown[scope]])]))
                around, outer = self.around[scope], scope
            self.around[recorded_in] = around
        self.deepest = max(map(len, self.around.values()), default=0)
        beside: dict[tuple[Scope | None, str], list[Scope]] = {}
        for here in dict.fromkeys(filter(None, self.shown.values())):
            beside.setdefault((here.parent, printable(here.name)), []).append(here)
        self.names = {
            scope: f"{name} #{k}" if len(same) > 1 else name
            for (_, name), same in beside.items()
            for k, scope in enumerate(same, 1)
        }

    @property
    def frames(self) -> dict[Scope | None, Scope | None]:
        """For each scope that was recorded, the innermost one that is shown for it."""
        return {scope: around[-1] if around else None for scope, around in self.around.items()}

    def _shown(
        self, scope: Scope, outer: Scope | None, around: list[Scope], held: Mapping[Scope | None, int]
    ) -> Scope | None:
        """What stands for a scope, by the number of gates that it and the one around it hold."""
        if isinstance(scope, Call) and held[scope] == held[outer]:
            both = self.shown[outer] if outer else None
            if both:
                both.name += f"/{scope.name}" if both.name.rpartition("/")[2] != scope.name else ""
            return both
        if isinstance(scope, Call) and held[scope] == 1:
            return None
        return Scope(scope.name, around[-1] if around else None)

    def matching(self, given: str, option: str = "collapse") -> list[Scope]:
        """The recorded scopes that a path stands for, or the last part of one that is unique, as the option asks."""
        by_path: dict[str, list[Scope]] = {}
        for scope in self.shown:
            by_path.setdefault("/".join(part.name for part in named(scope)), []).append(scope)
        if not by_path:
            raise DrawError(f"draw: {option}={given!r}: this graph has no scopes; add some with mt.scope('name')")
        found = [given] if given in by_path else [path for path in by_path if path.endswith(f"/{given}")]
        if not found:
            raise DrawError(f"draw: {option}={given!r} is not a scope of this graph{nearest(given, by_path)}")
        if len(found) > 1:
            raise DrawError(
                f"draw: {option}={given!r} may be any of {', '.join(map(repr, found))}; give the whole path"
            )
        return by_path[found[0]]


def _grouped(gates: Sequence[Any], shut: Collection[Scope | None], scopes: Scopes) -> list[Any]:
    """Gates and boxes in the order of computation.

    Ops that other threads recorded in between split a box in two, since a value may have passed through them.
    """
    home = {scope: next((x for x in around if x in shut), None) for scope, around in scopes.around.items()}
    order: list[Any] = []
    for scope, held in groupby(gates, key=lambda gate: home[gate.scope]):
        inside = tuple(held)
        order.extend(inside if scope is None else [Box((scope,), inside, scopes.names[scope])])
    return order


def _folded(order: Sequence[Any], scopes: Scopes) -> list[Any]:
    """Gates and boxes, with one box for those in a row in one outermost scope; a box of such stays as it is."""

    def outermost(x: Any) -> Scope | None:
        around = named(x.scopes[0].parent) if isinstance(x, Box) else scopes.around[x.scope]
        return around[0] if around else None

    made: list[Any] = []
    for scope, held in groupby(order, key=outermost):
        gates = [(x.gates if isinstance(x, Box) else (x,), x) for x in held]
        inside = tuple(gate for some, _ in gates for gate in some)
        made += [x for _, x in gates] if scope is None else [Box((scope,), inside, scopes.names[scope])]
    return made


def _once(run: Sequence[Box], opened: Mapping[Scope, str]) -> Box:
    """One box for several."""
    scopes = tuple(box.scopes[0] for box in run)
    like = next((name for scope, name in opened.items() if scope.parent is scopes[0].parent), "")
    return Box(scopes, tuple(gate for box in run for gate in box.gates), f"{run[0].name} … {run[-1].name}", like)
