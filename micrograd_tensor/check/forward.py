"""The forward values that a user gave, judged before any gradient is: error carried forward there too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..graph import Graph, Node, evaluate
from ..graph.status import Status
from .carried import squeezed
from .diagnosis import Diagnosis
from .difference import Difference, difference
from .judging import explained
from .situation import Situation
from .stages import Stage
from .tolerance import MARGIN, SUMMING, Passes, coarser


class Forward:
    """The user's forward pass beside the recorded one.

    Args:
        graph: captured with its values.
        names: all named forward nodes.
        given: the user's values by name.
        passes: from `nudged_passes`.
        rtol: the largest error that counts as right; None: what rounding explains.

    Attributes:
        stages: one for each value that was given, in forward order.
        values: of every forward node, from the user's own earlier values.
        others: where some of them differ from the recorded ones by more than rounding, other values that a derivation
            may have used: with the wrong ones as they should have been, and the recorded ones.
        situations, diagnosis: of the wrong ones, by name.
    """

    def __init__(
        self, graph: Graph, names: Mapping[str, Node], given: Mapping[str, Any], passes: Passes, rtol: float | None
    ) -> None:
        self.graph, self.passes, self.rtol = graph, passes, rtol
        self.stages: list[Stage] = []
        self.situations: dict[str, Situation] = {}
        self.diagnosis: dict[str, tuple[Diagnosis, ...]] = {}
        self.values: dict[Node, Any] = {node: node.value for node in graph.nodes}
        self.others: tuple[dict[Node, Any], ...] = ()
        self._outlived: set[Node] = set()
        if not given:
            return
        fitting = {
            names[name]: value.reshape(names[name].shape)
            for name, value in given.items()
            if squeezed(value.shape) == squeezed(names[name].shape)
        }
        self._expected = evaluate(graph, fitting)
        self.values = {**self._expected, **fitting}
        for name, node in sorted(names.items(), key=lambda item: item[1].rank):
            if name in given:
                self.stages.append(self._stage(name, node, given[name], frozenset(fitting)))
        self.stages = [self._overwritten(stage, names[stage.name]) for stage in self.stages]
        if any(stage.status in (Status.WRONG, Status.RIGHT_GIVEN) for stage in self.stages):
            wrong = [names[stage.name] for stage in self.stages if stage.status == Status.WRONG]
            mended = {node: self._expected[node] for node in wrong if node in fitting}
            self.others = ({**self.values, **mended}, {node: node.value for node in graph.nodes})

    def _stage(self, name: str, node: Node, given: Any, by_hand: frozenset[Node]) -> Stage:
        expected = np.asarray(self._expected[node])
        if squeezed(given.shape) != squeezed(node.shape):
            note = "the recorded values were used in its place"
            return Stage(name, Status.WRONG, node.shape, given.shape, note=note)
        mine = given.reshape(node.shape)
        tolerance = self._tolerance(node, given, expected)
        largest = self._largest(node, expected)
        found = difference(mine, expected, tolerance, largest)
        status, notes = Status.WRONG, []
        if found.within:
            status = Status.RIGHT if self._beside_recorded(node, mine, given).within else Status.RIGHT_GIVEN
            status = status if given.shape == node.shape else Status.WRONG_SHAPE
        elif (right := self._beside_recorded(node, mine, given)).within:
            found, status = right, Status.RIGHT if given.shape == node.shape else Status.WRONG_SHAPE
            notes.append("it equals the recorded value, though your own earlier values would not give it")
            self._outlived |= {x for x in node.operands if isinstance(x, Node)}
        else:
            situation = Situation(
                graph=self.graph,
                node=node,
                given=given,
                expected=expected,
                parts={},
                used={},
                values=self.values,
                tolerance=tolerance,
                terms=largest,
                by_hand=by_hand,
                forward=True,
            )
            self.situations[name], self.diagnosis[name] = situation, explained(situation)
        return Stage(name, status, node.shape, given.shape, found.error, found.worst, found.limit, "; ".join(notes))

    def _beside_recorded(self, node: Node, mine: Any, given: Any) -> Difference:
        recorded = np.asarray(node.value)
        return difference(mine, recorded, self._tolerance(node, given, recorded), self._largest(node, recorded))

    def _overwritten(self, stage: Stage, node: Node) -> Stage:
        """Say so where what was computed from a wrong value is right: it was right then, and was changed later."""
        if stage.status != Status.WRONG or node not in self._outlived:
            return stage
        return replace(stage, note="what follows from it is right, so it was changed later, such as by -= in place")

    def _tolerance(self, node: Node, given: Any, expected: Any) -> Any:
        if node.dtype.kind not in "fc":
            return np.zeros(node.shape)
        largest = self._largest(node, expected)
        if self.rtol is not None:
            return self.rtol * largest
        with np.errstate(all="ignore"):
            rounding = MARGIN * self.passes.moved[node] + SUMMING * float(np.finfo(node.dtype).eps) * largest
        return coarser(rounding, node, given)

    def _largest(self, node: Node, expected: Any) -> Any:
        """What a forward value was made from, where that can cancel: its operands' sizes."""
        size = np.abs(expected)
        if node.op is not None and node.op.name in ("add", "sub"):
            for x in node.operands:
                size = np.maximum(size, np.abs(self.values[x] if isinstance(x, Node) else x))
        return size
