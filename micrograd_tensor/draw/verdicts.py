"""Verdicts: what a report on hand-derived gradients says about the values of a graph.

Any object will do that has ``stages`` by name, each with a ``status``, and perhaps ``diagnosis`` by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import combinations
from operator import add
from typing import Any, NamedTuple

import numpy as np

from ..graph import Edge, Graph, Node, evaluate_backward
from ..graph.nodes import nearest
from ..graph.status import Status
from ..notation import Called
from .errors import DrawError
from .lookup import value_names

MOST_PARTS = 6
"""Of how many contributions to a gradient it is tried which ones were left out."""


class Verdict(NamedTuple):
    """The verdict on a gradient.

    Attributes:
        name: the gradient's.
        status: what was found.
        reason: why, if that is known.
        given: of a wrong gradient the array as it was given, or None.
        dropped: the edges whose contributions were not added to it.
    """

    name: str
    status: Status
    reason: str = ""
    given: Any = None
    dropped: tuple[Edge, ...] = ()


def is_report(given: Any) -> bool:
    """Whether something is a report, and not another graph to compare with."""
    return isinstance(getattr(given, "stages", None), Mapping)


def verdicts(graph: Graph, report: Any, called: Called) -> dict[Node, Verdict]:
    """The verdict on the gradient of each value that a report judges; none where there is no report.

    Raises:
        DrawError: for a report on values that the graph does not have.

    >>> from types import SimpleNamespace as S
    >>> import micrograd_tensor as mt
    >>> x = mt.tensor(3.0, name="x", requires_grad=True)
    >>> captured = mt.graph(mt.square(x), 1.0)
    >>> made = verdicts(captured, S(stages={"x": S(status="right")}), Called(captured))
    >>> made[captured["x"]].name, made[captured["x"]].status.sign
    ('dx', '✓')
    """
    stages = report.stages if is_report(report) else {}
    reasons = getattr(report, "diagnosis", None)
    reasons = reasons if isinstance(reasons, Mapping) else {}
    names = value_names(graph, called) if stages else {}
    statuses: dict[str, Status] = {status.value: status for status in Status}
    found = {}
    for name, stage in stages.items():
        node = names.get(name) or names.get(name.removeprefix("d"))
        if node is None:
            raise DrawError(f"draw: the report has a stage {name!r}, but this graph does not{nearest(name, names)}")
        reason = reasons.get(name) or reasons.get(f"d{name}") or ""
        status, wrong = statuses[stage.status], _looked_at(report, name) if stage.status == Status.WRONG else None
        given, dropped = (None, ()) if wrong is None else (np.asarray(wrong.given), _dropped(graph, node, wrong))
        found[node] = Verdict(called.gradient(node) or name, status, _text(reason), given, dropped)
    return found


def _looked_at(report: Any, name: str) -> Any:
    """What a report has on a wrong stage, or None."""
    known = getattr(report, "wrong_stages", {})
    return known[name] if name in known and not known[name].forward else None


def _dropped(graph: Graph, node: Node, wrong: Any) -> tuple[Edge, ...]:
    """The contributions without which the rest add up to what was given, as few as possible; none where none do."""
    theirs: Graph = wrong.graph
    if [n.op for n in theirs.nodes] != [n.op for n in graph.nodes]:  # it is captured anew, or another one
        return ()
    mine = dict(zip(theirs.nodes, graph.nodes, strict=True))
    arriving = [edge for edge, _ in theirs.contributions_to(wrong.node)]
    if mine[wrong.node] is not node or wrong.node in theirs.upstreams or not 2 <= len(arriving) <= MOST_PARTS:
        return ()
    parts = evaluate_backward(theirs, wrong.used, wrong.values).contributions
    for count in range(1, len(arriving)):
        for left_out in combinations(arriving, count):
            rest = reduce(add, (parts[edge] for edge in arriving if edge not in left_out))
            if wrong.matches(rest) is not None:
                return tuple((mine[gate], i) for gate, i in left_out)
    return ()


def _text(reason: Any) -> str:
    """A reason in words: as it is, or the first of several findings, with its kind and text."""
    if isinstance(reason, Sequence) and not isinstance(reason, str):
        reason = reason[0]
    kind, text = getattr(reason, "kind", None), getattr(reason, "text", reason)
    return f"{kind}: {text}" if kind else str(text)
