"""Verdicts: what a report of hand-derived gradients says of each value of a graph, as text with a mark.

The report is known by its shape only: ``stages`` by name, each with a ``status``, and perhaps ``diagnosis`` by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...graph import Graph, Node
from ...notation import printable

MARKS = {
    "right": "✓",
    "right given upstream": "✓",
    "harmless": "✓",
    "wrong here": "✗",
    "wrong": "✗",
    "right values, wrong shape": "✗",
    "wrong shape": "✗",
    "not given": "–",
}
"""By status; colour is not all that tells right from wrong."""


def is_report(given: Any) -> bool:
    """Whether something is a report, and not another graph to compare with."""
    return isinstance(getattr(given, "stages", None), Mapping)


def verdicts(graph: Graph, report: Any) -> dict[Node, dict[str, str]]:
    """By value what is said of its gradient: ``name``, ``status``, ``mark`` and ``why``.

    >>> from types import SimpleNamespace as S
    >>> import micrograd_tensor as mt
    >>> x = mt.tensor(3.0, name="x", requires_grad=True)
    >>> captured = mt.graph(mt.square(x), 1.0)
    >>> verdicts(captured, S(stages={"x": S(status="right")}))[captured["x"]]
    {'name': 'dx', 'status': 'right', 'mark': '✓', 'why': ''}
    """
    stages = getattr(report, "stages", None) or {}
    reasons = getattr(report, "diagnosis", None)
    reasons = reasons if isinstance(reasons, Mapping) else {}
    found: dict[Node, dict[str, str]] = {}
    taken: set[str] = set()
    given = set(stages)
    for node in graph.nodes:
        if node.name is None:
            continue
        path = f"{node.scope.path if node.scope else ''}/{node.name}"
        # Of several with one name the first has it alone, the next with its scope, the others with their rank.
        name = next((n for n in (node.name, path) if n not in taken), f"{path}#{node.rank}")
        taken.add(name)
        if name in given:
            status = str(stages[name].status)
            why = _said(reasons.get(name) or reasons.get(f"d{name}") or "")
            mark = MARKS.get(status, "?")
            found[node] = {"name": f"d{printable(node.name)}", "status": status, "mark": mark, "why": why}
    return found


def _said(reason: Any) -> str:
    """A reason in words: as it stands, or the first of several findings, by its kind and text."""
    if isinstance(reason, Sequence) and not isinstance(reason, str):
        reason = reason[0]
    kind, text = getattr(reason, "kind", None), getattr(reason, "text", reason)
    return f"{kind}: {text}" if kind else str(text)
