"""Difference: a circuit compared with another one, or with the report on a hand-derived backward pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...engine.errors import GradientError, ShapeError, describe
from ...engine.tensor import Tensor
from ...graph import Edge, Graph, Node
from ...graph import graph as capture
from ...graph.status import Status
from ...notation import Called, counted, summary
from ..build import scene
from ..canvas import Painting
from ..collapse import LIMIT
from ..errors import DrawError
from ..legend import listed, meanings
from ..options import Options
from ..paint import paint
from ..scene import Scene, Wire
from ..verdicts import Verdict, is_report, verdicts
from ..wrap import lay_out
from .merged import Merged


def difference(graph: Graph, options: Options) -> Painting:
    """The differences from a Graph or Tensor, or the verdicts of a report on the gradients."""
    if is_report(options.against):
        return _from_report(graph, options)
    return _from_graph(graph, options, _captured(graph, options.against))


# ------------------------------------------------------------------------------------------------------- two graphs


def _captured(graph: Graph, against: Any) -> Graph:
    """The graph to compare with; a Tensor's is captured with this graph's upstream."""
    if isinstance(against, Graph):
        return against
    if isinstance(against, Tensor) or (
        isinstance(against, Sequence) and against and all(isinstance(each, Tensor) for each in against)
    ):
        outs = [against] if isinstance(against, Tensor) else list(against)
        given = [graph.upstreams[out].value for out in graph.outputs if out in graph.upstreams]
        try:
            return capture(outs, given or None)
        except (GradientError, ShapeError):
            return capture(outs)
    raise DrawError(
        f"draw: cannot compare with against={describe(against)}; "
        "give a Graph, a Tensor, or the report of mt.compare(...)"
    )


def _from_graph(graph: Graph, options: Options, other: Graph) -> Painting:
    if any(node.value is None for node in (*graph.nodes, *other.nodes)):
        raise DrawError("draw: view='difference' compares values, but a graph of mt.graph(..., values=False) has none")
    _check_size(sum(node.op is not None for node in other.nodes))  # before the costly work
    merged = Merged(graph, other, options)
    _check_size(sum(item.kind == "gate" for item in merged.scene.items))
    means = {"forward": "the same in both"}
    if "changed" in merged.found:
        means["changed"] = "≠ in both, with different values: here ≠ there"
    if "here" in merged.found:
        means["here"] = "+ only here"
    if "there" in merged.found:
        means["there"] = "− only in the other"
    if merged.scene.backward:
        means["backward"] = "gradients likewise, dashed"
    layout = lay_out(merged.scene, options, means)
    painting = paint(merged.scene, layout, listed(means, layout))
    counts = [counted(merged.found[what], *words) for what, words in _COUNTED.items() if merged.found[what]]
    painting.description = f"two graphs: {', '.join(counts) or 'nothing in them'}"
    return painting


def _check_size(gates: int) -> None:
    if gates > LIMIT:
        raise DrawError(
            f"draw: {gates:,} gates would be visible, and a picture shows {LIMIT} at most; "
            "compare smaller parts, such as the outputs of one layer"
        )


_COUNTED = {
    "same": ("value is the same", "values are the same"),
    "changed": ("differs", "differ"),
    "here": ("only here",) * 2,
    "there": ("only in the other",) * 2,
}


# --------------------------------------------------------------------------------------------------------- a report


def _from_report(graph: Graph, options: Options) -> Painting:
    if not graph.gradients:
        raise DrawError("draw: a report is about gradients, but this graph has none; give draw the upstream")
    shown = scene(graph, Options(detail=options.detail, dims=options.dims))
    called = Called(graph)
    judged = verdicts(graph, options.against, called)
    _mark(shown, judged)
    dropped = [(verdict, edge) for verdict in judged.values() for edge in verdict.dropped]
    _mark_dropped(shown, dropped)
    means = meanings(shown)
    if dropped:
        texts = (f"through {called.in_short(gate)} to {verdict.name}" for verdict, (gate, _) in dropped)
        means["dropped"] = f"✗ left out by hand: what comes {', '.join(texts)}"
    found = {verdict.status for verdict in judged.values()}
    by_status = {status: [each.name for each in judged.values() if each.status is status] for status in Status}
    for status in (status for status in Status if status in found):
        text = f"{status.sign} {status}: {', '.join(by_status[status])}"
        means[status.role] = f"{means[status.role]}; {text}" if status.role in means else text
    if any(wire.styles[1] == "backward" and wire.backward for wire in shown.wires):
        means["backward"] = f"without a verdict: {means['backward']}"
    else:
        del means["backward"]
    layout = lay_out(shown, options, means)
    painting = paint(shown, layout, listed(means, layout))
    painting.description = "verdicts on a hand-derived backward pass: " + ", ".join(
        f"{len(names)} {status}" for status, names in by_status.items() if names
    )
    return painting


def _mark(shown: Scene, judged: Mapping[Node, Verdict]) -> None:
    """Mark the wire of every gradient that has a verdict, where the whole gradient arrives."""
    trunks: dict[str, Wire] = {}
    for wire in shown.wires:
        trunks.setdefault(wire.source.id, wire)
    for node, verdict in judged.items():
        trunk = trunks.get(f"node-{node.rank}")
        if trunk is not None and trunk.backward is not None:
            trunk.styles = (trunk.styles[0], verdict.status.role)
            trunk.title = (trunk.title[0], f"{verdict.status}: {trunk.title[1]}")
            if verdict.status is not Status.NOT_GIVEN:  # which the line says already
                trunk.rule = (f"{verdict.status.sign} {verdict.status}", *trunk.rule)
            if verdict.given is not None and shown.detail == "full":
                by_hand = f" ≠ {_by_hand(verdict.given, node)} by hand"
                trunk.gradient += by_hand
                trunk.title = (trunk.title[0], trunk.title[1] + by_hand)


def _by_hand(given: Any, node: Node) -> str:
    """The shape of what was given, where that is another, and its range."""
    shape = "" if given.shape == node.shape else str(given.shape)
    return "  ".join(filter(None, (shape, summary(given))))


def _mark_dropped(shown: Scene, dropped: Iterable[tuple[Verdict, Edge]]) -> None:
    """Mark the wires whose gradients were not added up."""
    wires = {edge: wire for wire in shown.wires for edge in wire.edges if wire.backward}
    for verdict, (gate, i) in dropped:
        wire = wires.get((gate.rank, i))
        if wire is not None:
            wire.styles = (wire.styles[0], "dropped")
            wire.rule = ("✗ left out", *wire.rule)
            wire.title = (wire.title[0], f"left out of {verdict.name}: {wire.title[1]}")
