"""Difference: a circuit beside another one, or beside what a check of a hand-derived backward pass found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...engine.errors import GradientError, ShapeError, describe
from ...engine.tensor import Tensor
from ...graph import Graph
from ...graph import graph as capture
from ...graph.nodes import nearest
from ...notation import Called
from ..build import scene
from ..canvas import Painting
from ..collapse import LIMIT
from ..errors import DrawError
from ..legend import CONTINUED, least_width, listed, meanings
from ..options import Options
from ..paint import paint
from ..place import Layout
from ..player.verdicts import is_report
from ..scene import Scene, Wire
from ..wrap import lay_out
from .find import value_names
from .merged import Merged

MARKS = {
    "right": ("right", "✓"),
    "right given upstream": ("given", "(✓)"),
    "harmless": ("given", "(✓)"),
    "not given": ("not-given", ""),
}
"""How a status is drawn and marked; any other is drawn as wrong."""

WRONG = ("wrong", "✗")


def difference(graph: Graph, options: Options) -> Painting:
    """The differences from a Graph or Tensor, or the verdicts of a report on the gradients."""
    against = options.against
    if is_report(against):
        return _from_report(graph, options, against.stages)
    return _from_graph(graph, options, _captured(graph, against))


# ------------------------------------------------------------------------------------------------------- two graphs


def _captured(graph: Graph, against: Any) -> Graph:
    """The graph to compare with; of a Tensor it is captured with the upstream that this one has."""
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
        f"draw: against={describe(against)} cannot be compared with; "
        "give a Graph, a Tensor, or the report of mt.compare(...)"
    )


def _from_graph(graph: Graph, options: Options, other: Graph) -> Painting:
    if any(node.value is None for node in (*graph.nodes, *other.nodes)):
        raise DrawError(
            "draw: view='difference' compares values, and a graph of mt.graph(..., values=False) has kept none"
        )
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
    layout = _laid_out(merged.scene, options, means)
    painting = paint(merged.scene, layout, listed(means, layout))
    counts = [
        f"{n} {one if n == 1 else several}" for what, (one, several) in _COUNTED.items() if (n := merged.found[what])
    ]
    painting.description = f"two graphs: {', '.join(counts) or 'nothing in them'}"
    return painting


def _check_size(gates: int) -> None:
    if gates > LIMIT:
        raise DrawError(
            f"draw: there would be {gates:,} gates to be seen, and a picture shows {LIMIT} at most; "
            "compare smaller parts, such as the outputs of one layer"
        )


def _laid_out(shown: Scene, options: Options, means: dict[str, str]) -> Layout:
    layout = lay_out(shown, options.width, least_width(means))
    if any(item.kind == "mark" for item in shown.items):
        means["…"] = CONTINUED
    return layout


_COUNTED = {
    "same": ("value is the same", "values are the same"),
    "changed": ("differs", "differ"),
    "here": ("only here",) * 2,
    "there": ("only in the other",) * 2,
}


# --------------------------------------------------------------------------------------------------------- a report


def _from_report(graph: Graph, options: Options, stages: Mapping[str, Any]) -> Painting:
    if not graph.gradients:
        raise DrawError("draw: a report is about gradients, and this graph has none; give draw the upstream")
    shown = scene(graph, Options(detail=options.detail, dims=options.dims))
    judged = _judge(graph, shown, stages)
    means = meanings(shown)
    for status, names in judged.items():
        look, mark = MARKS.get(status, WRONG)
        said = f"{mark} {status}: {', '.join(names)}".strip()
        means[look] = f"{means[look]}; {said}" if look in means else said
    if any(wire.looks[1] == "backward" and wire.backward for wire in shown.wires):
        means["backward"] = f"without a verdict: {means['backward']}"
    else:
        del means["backward"]
    layout = _laid_out(shown, options, means)
    painting = paint(shown, layout, listed(means, layout))
    painting.description = "verdicts on a hand-derived backward pass: " + ", ".join(
        f"{len(names)} {status}" for status, names in judged.items()
    )
    return painting


def _judge(graph: Graph, shown: Scene, stages: Mapping[str, Any]) -> dict[str, list[str]]:
    """Mark every wire whose gradient a stage judges; returns the gradients by status."""
    called = Called(graph)
    names = value_names(graph, called)
    trunks: dict[str, Wire] = {}
    for wire in shown.wires:
        trunks.setdefault(wire.source.id, wire)
    judged: dict[str, list[str]] = {}
    for name, stage in stages.items():
        node = names.get(name) or names.get(name.removeprefix("d"))
        if node is None:
            raise DrawError(f"draw: the report has a stage {name!r} that this graph has not{nearest(name, names)}")
        status = str(stage.status)
        look, mark = MARKS.get(status, WRONG)
        judged.setdefault(status, []).append(called.gradient(node) or name)
        trunk = trunks.get(f"node-{node.rank}")
        if trunk is None or trunk.backward is None:
            continue
        trunk.looks = (trunk.looks[0], look)
        trunk.title = (trunk.title[0], f"{status}: {trunk.title[1]}")
        if mark:
            trunk.rule = (f"{mark} {status}", *trunk.rule)
    order = [*MARKS, *(status for status in judged if status not in MARKS)]
    return {status: judged[status] for status in order if status in judged}
