"""Judging: the status of every value and every gradient that was given, by error carried forward."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..engine.row import Linear
from ..graph import Graph, Node, evaluate, evaluate_backward
from ..graph.status import Status
from .diagnose import diagnose
from .expected import Expected, expect, fitted, squeezed
from .found import SLACK, Diagnosis, Stage, WrongStage
from .rounding import (
    MARGIN,
    SUMMING,
    Difference,
    Passes,
    Tolerances,
    coarser,
    difference,
    tolerances,
    wider,
)


class Judgement(NamedTuple):
    """The stages, in backward order, and what is known of those that are wrong.

    Attributes:
        stages: one for each named gradient; those of outputs only where they were given.
        wrong_stages: of the wrong ones.
        diagnosis: of the wrong ones.
    """

    stages: list[Stage]
    wrong_stages: dict[str, WrongStage]
    diagnosis: dict[str, tuple[Diagnosis, ...]]

    @property
    def wrong(self) -> int:
        """How many are wrong."""
        return sum(stage.status == Status.WRONG for stage in self.stages)


class Judge:
    """Judges the gradients of one comparison.

    Args:
        graph: captured with an upstream and with its values.
        names: the nodes that have stages, by name.
        given: the user's gradients by name.
        values: the forward values in use.
        others: other forward values that a line may have been computed from: where the user's are wrong, it is not
            known which of his lines used them.
        passes: from `nudged_passes`.
        recorded: what rounding can do to the recorded gradients.
        rtol: the largest error that counts as right; None: what rounding explains.
    """

    def __init__(
        self,
        graph: Graph,
        names: Mapping[str, Node],
        given: Mapping[str, Any],
        values: Mapping[Node, Any],
        others: Sequence[Mapping[Node, Any]],
        passes: Passes,
        recorded: Tolerances,
        rtol: float | None,
    ) -> None:
        self.graph, self.names, self.values, self.recorded, self.rtol = graph, names, values, recorded, rtol
        self.given = {names[name]: value for name, value in given.items()}
        self.expected: Expected = expect(graph, self.given, values)
        self.allowed = recorded
        starts_over = not all(node.is_leaf for node in self.given)  # from a leaf nothing goes on
        if starts_over or any(value is not node.value for node, value in values.items()):
            local = tolerances(graph, passes, self.expected.given, values, self.expected.gradients)
            self.allowed = wider(local, recorded)
        self.others = [expect(graph, self.given, other) for other in others]
        self.status: dict[Node, str] = {}
        self.spoiled: set[Node] = set()
        self.wrong_stages: dict[str, WrongStage] = {}
        self.diagnosis: dict[str, tuple[Diagnosis, ...]] = {}

    def judge(self) -> Judgement:
        """Judge every stage, from the output backwards."""
        stages = []
        for name, node in sorted(self.names.items(), key=lambda item: self._when(item[1])):
            if node in self.given:
                stage = self._stage(name, node, self.given[node])
                self.status[node] = stage.status
                stages.append(stage)
            elif node not in self.graph.outputs:
                stages.append(Stage(name, Status.NOT_GIVEN, node.shape))
        return Judgement([self._spoiling(stage) for stage in stages], self.wrong_stages, self.diagnosis)

    def _when(self, node: Node) -> tuple[int, int]:
        """When the whole gradient of a node is there; of one that is handed on, the node that it arrives at first."""
        return self.graph.gradients[node].rank, -node.rank

    def _spoiling(self, stage: Stage) -> Stage:
        """Right values in a wrong shape are wrong after all where broadcasting them spoiled what comes after."""
        node = self.names[stage.name]
        if node not in self.spoiled:
            return stage
        self._explain(stage.name, node)
        note = f"{stage.note}, and broadcasting it spoils what comes after it"
        return replace(stage, status=Status.WRONG, error=None, worst=None, limit=None, note=note)

    def wrong_stage(self, node: Node) -> WrongStage:
        """All there is to know about a stage."""
        return WrongStage(
            graph=self.graph,
            node=node,
            given=self.given[node],
            expected=self.expected.gradients[node],
            parts={edge: self.expected.contributions[edge] for edge, _ in self.graph.contributions_to(node)},
            used=self.expected.used,
            values=self.values,
            tolerance=self._tolerance(node, self.allowed),
            terms=self.allowed.terms[node].total,
            by_hand=frozenset(self.given),
        )

    def _tolerance(self, node: Node, allowed: Tolerances) -> Any:
        """The absolute tolerance: a given rtol for a verdict; a hypothesis may always use what rounding explains."""
        by_rounding = coarser(allowed.absolute[node], node, self.given[node])
        if self.rtol is None:
            return by_rounding
        return np.maximum(by_rounding, self.rtol * allowed.terms[node].largest)

    def _compare(self, node: Node, given: Any, expected: Any, allowed: Tolerances) -> Difference:
        largest = allowed.terms[node].largest
        tolerance = (
            coarser(allowed.absolute[node], node, given)
            if self.rtol is None
            else np.maximum(self.rtol * np.asarray(largest), 4.0 * float(np.finfo(node.dtype).smallest_subnormal))
        )
        return difference(given, expected, tolerance, largest)

    def _stage(self, name: str, node: Node, given: Any) -> Stage:
        expected = np.asarray(self.expected.gradients[node])
        same_shape = given.shape == expected.shape
        alike = squeezed(given.shape) == squeezed(expected.shape)
        mine = given.reshape(expected.shape) if alike else given
        found = self._compare(node, mine, expected, self.allowed) if alike else None
        notes = []
        if np.finfo(node.dtype).eps < _eps(given):
            notes.append(f"given in {given.dtype}, so compared with what rounding to that can do")
        if not same_shape:
            notes.append(f"shape {given.shape}, where {expected.shape} belongs")

        if found is not None and found.within:
            follows = self._tainted(node) and not self._equals_recorded(node, mine)
            status = Status.RIGHT_GIVEN if follows else Status.RIGHT
            status = status if same_shape else Status.WRONG_SHAPE
        elif (reading := self._reading(node, given)) is not None:
            status = Status.RIGHT if same_shape and self._equals_recorded(node, mine) else Status.RIGHT_GIVEN
            found = self._compare(node, mine, reading, self.allowed) if same_shape else None
            if not same_shape:
                notes.append("that comes from the gradients before it")
            self.spoiled |= {n for n in self._sources(node) if self.status.get(n) == Status.WRONG_SHAPE}
        elif same_shape and self._harmless(node):
            status = Status.HARMLESS
            notes.append(f"it is not what the rules give, but the way on from {name} is identically zero")
        elif self._right_after_all(name, node, mine, expected):
            status = Status.RIGHT if same_shape else Status.WRONG_SHAPE
            notes.append("it equals the recorded gradient, though your own gradients before it would not give it")
            found = self._compare(node, mine, self.graph.gradients[node].value, self.recorded)
        else:
            status = Status.WRONG
            notes += self._exchanged(node, given) + self._remarks(name, node, mine, expected)
        error, worst, limit = (found.error, found.worst, found.limit) if found is not None else (None, None, None)
        return Stage(name, status, expected.shape, given.shape, error, worst, limit, "; ".join(notes))

    def _right_after_all(self, name: str, node: Node, given: Any, expected: Any) -> bool:
        """Explain a stage that differs from what was expected; or whether it is right and merely not made from that.

        An input's gradient that is right may come from a closed form; a stage between, if the difference is explained,
        was derived, and undoes a mistake made before it.
        """
        self._explain(name, node)
        if given.shape != expected.shape or not (self._tainted(node) and self._equals_recorded(node, given)):
            return False
        if not node.is_leaf and self.diagnosis[name] and np.all(np.isfinite(expected)):
            return False
        del self.diagnosis[name], self.wrong_stages[name]
        return True

    def _remarks(self, name: str, node: Node, given: Any, expected: Any) -> list[str]:
        """What there is to say about a wrong stage besides its diagnosis."""
        if given.shape != expected.shape:
            as_it_is = any(isinstance(x, Node) and x in self.expected.as_given for x in node.operands)
            followed = fitted(given, node.shape) is not None or self.expected.slices or as_it_is
            return [] if followed else ["what comes after it is judged as if the expected gradient had gone on"]
        said = []
        missing = int(np.count_nonzero(~np.isfinite(given) & np.isfinite(expected)))
        if missing:
            said.append(f"{missing} of {given.size} numbers are NaN or infinite where finite ones belong")
        if self._tainted(node) and self._equals_recorded(node, given):
            said.append("it equals the recorded gradient only because it undoes a mistake made before it")
        if not self._reaches_an_input(node, given - expected):
            said.append("at this point the difference reaches no input")
        if not self.diagnosis[name] and node.dtype == np.float64:
            rounded = coarser(self.allowed.absolute[node], node, np.zeros(0, np.float32))
            if difference(given, expected, rounded, 1.0).within:
                said.append("it is right to the precision of float32, as if something was rounded to that on the way")
        return said

    def _exchanged(self, node: Node, given: Any) -> list[str]:
        """That what was given is another gradient that was given wrongly too, if it is."""
        said, sources = [], set(self._sources(node))
        for name, other in self.names.items():
            due = np.asarray(self.expected.gradients[other])
            if other not in self.given or other is node or other in sources or other in self.graph.outputs:
                continue
            if given.shape == due.shape and np.any(given) and self._compare(other, given, due, self.allowed).within:
                mine = self.given[other]
                if mine.shape != due.shape or not self._compare(other, mine, due, self.allowed).within:
                    said.append(f"it is what d{name} should be")
        return said

    def _explain(self, name: str, node: Node) -> None:
        self.wrong_stages[name] = self.wrong_stage(node)
        self.diagnosis[name] = explained(self.wrong_stages[name])

    def _reading(self, node: Node, given: Any) -> Any:
        """What else may have come out here without a mistake at this stage, if that is what was given; else None."""
        wrong = self.wrong_stage(node)
        readings = [*self.expected.other_readings(node), *(other.gradients[node] for other in self.others)]
        return next((r for r in readings if wrong.matches(r, given) is not None), None)

    def _tainted(self, node: Node) -> bool:
        """Whether something that the node's gradient was made from is not the recorded one."""
        differing = (Status.WRONG, Status.RIGHT_GIVEN, Status.HARMLESS)
        return bool(self.others) or any(self.status.get(source) in differing for source in self._sources(node))

    def _sources(self, node: Node) -> Iterator[Node]:
        """The nodes whose given gradients the node's gradient is made from."""
        stack, seen = [edge[0] for edge, _ in self.graph.contributions_to(node)], {node}
        while stack:
            user = stack.pop()
            if user in seen:
                continue
            seen.add(user)
            if user in self.given:
                yield user
            else:
                stack.extend(edge[0] for edge, _ in self.graph.contributions_to(user))

    def _equals_recorded(self, node: Node, given: Any) -> bool:
        return self._compare(node, given, self.graph.gradients[node].value, self.recorded).within

    def _reaches_an_input(self, node: Node, change: Any) -> bool:
        """Whether a change of a node's gradient, made as large as its terms, changes the gradient of any input.

        The backward pass is linear in it, so what is invisible then is lost on the way, whatever its size.
        """
        if node.is_leaf:
            return True
        most, size = (float(np.abs(x).max(initial=0.0)) for x in (change, self.allowed.terms[node].total))
        if not (np.isfinite(most) and np.isfinite(size) and most and size):
            return True
        expected = np.asarray(self.expected.gradients[node])
        changed = evaluate_backward(self.graph, {node: expected + change * (size / most)}, self.values).gradients
        without = evaluate_backward(self.graph, {node: expected}, self.values).gradients
        allowed = self.recorded.absolute
        inputs = [leaf for leaf in self.graph.gradients if leaf.is_leaf and leaf.requires_grad]
        with np.errstate(all="ignore"):
            return any(bool(np.any(np.abs(changed[n] - without[n]) > SLACK * allowed[n])) for n in inputs)

    def _harmless(self, node: Node) -> bool:
        """Whether no gradient at all that arrives at this node reaches an input: its path is identically zero."""
        rng = np.random.default_rng(0)
        return not any(self._reaches_an_input(node, rng.standard_normal(node.shape)) for _ in range(2))


def explained(wrong: WrongStage) -> tuple[Diagnosis, ...]:
    """The hypotheses that explain a stage; they are tested on real numbers only."""
    return diagnose(wrong) if wrong.node.dtype.kind == "f" else ()


def _eps(given: Any) -> float:
    return float(np.finfo(given.dtype).eps) if given.dtype.kind in "fc" else 0.0


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
        wrong_stages, diagnosis: of the wrong ones, by name.
    """

    def __init__(
        self, graph: Graph, names: Mapping[str, Node], given: Mapping[str, Any], passes: Passes, rtol: float | None
    ) -> None:
        self.graph, self.passes, self.rtol = graph, passes, rtol
        self.stages: list[Stage] = []
        self.wrong_stages: dict[str, WrongStage] = {}
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
            wrong = WrongStage(
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
            self.wrong_stages[name], self.diagnosis[name] = wrong, explained(wrong)
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
        if node.op is not None and isinstance(node.op.reading, Linear):
            for x in node.operands:
                size = np.maximum(size, np.abs(self.values[x] if isinstance(x, Node) else x))
        return size
