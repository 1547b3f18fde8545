"""Verdicts: what a report on hand-derived gradients says about the values of a graph.

Any object will do that has ``stages`` by name, each with a ``status``, and perhaps ``diagnosis`` by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..graph import Graph, Node
from ..graph.nodes import nearest
from ..graph.status import Status
from ..notation import Called
from .errors import DrawError
from .lookup import value_names


class Verdict(NamedTuple):
    """The status of a gradient by its name, and the reason, if any."""

    name: str
    status: Status
    reason: str = ""


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
        found[node] = Verdict(called.gradient(node) or name, statuses[stage.status], _text(reason))
    return found


def _text(reason: Any) -> str:
    """A reason in words: as it is, or the first of several findings, with its kind and text."""
    if isinstance(reason, Sequence) and not isinstance(reason, str):
        reason = reason[0]
    kind, text = getattr(reason, "kind", None), getattr(reason, "text", reason)
    return f"{kind}: {text}" if kind else str(text)
