"""Boxes: what is said of a scope that is drawn as one box."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..graph import Graph, Node
from ..graph.axes import Dims
from ..graph.nodes import Edge
from ..notation import cut, printable, rule
from .repeats import Box
from .uses import Use

LONGEST_WAY, MOST_CLAUSES = 3, 4
"""Of a way through a box whose rules are written out: in gates, and in lines."""

LONGEST_LINE = 44
"""In characters, of what belongs to a box."""


def box_lines(box: Box, leaves: Sequence[Node], detail: str) -> tuple[str, ...]:
    """The lines of a box: its name, what is in it, counted, and its leaves with their shapes."""
    n = len(box.scopes)
    parameters = [leaf for leaf in leaves if leaf.requires_grad]
    counted = [_counted(len(box.gates) // n, "gate")]
    if parameters:
        counted.append(_counted(len(parameters) // n, "parameter"))
    times = f"{n} × " if n > 1 else ""
    said = f"{times}({', '.join(counted)})" if n > 1 and len(counted) > 1 else times + ", ".join(counted)
    # Of equal scopes in a row the first one's leaves stand for those of the others.
    first = set(box.gates[: len(box.gates) // n])
    shown = [leaf for leaf in leaves if n == 1 or _used_by(leaf, first)]
    return tuple(line for line in (box.name, said, _listed(shown, detail)) if line)


def _used_by(leaf: Node, gates: set[Node]) -> bool:
    return any(x is leaf for gate in gates for x in gate.operands)


def _counted(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _listed(leaves: Sequence[Node], detail: str) -> str:
    """Names with their shapes, those of one shape together: "gamma, beta (4,)"."""
    by_shape: dict[tuple[int, ...], list[str]] = {}
    for leaf in leaves:
        if leaf.name or leaf.requires_grad:
            by_shape.setdefault(leaf.shape, []).append(printable((leaf.name or "").rpartition(".")[2]))
    if detail == "name":
        return cut(", ".join(name for names in by_shape.values() for name in names if name), LONGEST_LINE)
    return cut(
        ", ".join(f"{', '.join(filter(None, names))} {shape}".strip() for shape, names in by_shape.items()),
        LONGEST_LINE,
    )


def rules_through(graph: Graph, use: Use, dims: Dims, stand_ins: Mapping[Node, str]) -> tuple[str, ...]:
    """The rules by which a box passes a gradient back to a value that comes into it, from its output on.

    Where there is only one way and that is short they are written out, else counted.
    """
    inside = set(use.box.gates) if use.box else set()

    def onward(gate: Node) -> list[Edge]:
        return [edge for edge in graph.users[gate] if edge[0] in inside and edge in graph.contributions]

    first = [edge for edge in use.edges if edge in graph.contributions]
    queue = list(dict.fromkeys(gate for gate, _ in first))
    seen = set(queue)
    for gate in queue:
        new = dict.fromkeys(user for user, _ in onward(gate) if user not in seen)
        seen.update(new)
        queue.extend(new)
    counted = (f"{_counted(len(queue), 'rule')} inside",)
    way = first
    while len(way) < LONGEST_WAY and len(ahead := onward(way[-1][0])) == 1:
        way = [*way, *ahead]
    # There is one way only, if every gate on it gets its whole gradient from the next.
    whole = all(len(graph.contributions_to(gate)) == 1 and gate not in graph.upstreams for gate, _ in way[:-1])
    if len(first) != 1 or onward(way[-1][0]) or not whole:
        return counted
    clauses = [clause for edge in reversed(way) for clause in rule(graph, edge, stand_ins, dims=dims)]
    clauses = [clause for clause in clauses if clause != "× 1"] or ["× 1"]
    hidden = [name for node, name in stand_ins.items() if node in inside]
    if len(clauses) > MOST_CLAUSES or any(name in clause for name in hidden for clause in clauses):
        return counted
    return tuple(clauses)
