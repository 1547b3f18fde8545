"""Judging: the status of every value and every gradient that was given, by error carried forward."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import combinations, permutations
from math import prod
from typing import Any

import numpy as np

from ..engine.row import Linear
from ..graph import Graph, Node, evaluate, evaluate_backward, joint
from ..graph.cut import needed
from ..graph.nudges import MARGIN
from ..graph.status import Status
from .expected import expect, fitted, squeezed
from .found import SLACK, Diagnosis, Stage, WrongStage
from .kinks import Subgradients
from .mistakes.case import BUDGET
from .mistakes.search import Explained, explain
from .rounding import SUMMING, Difference, Tolerances, coarser, difference, local_tolerances
from .running import kept_once
from .undefined import where_defined, why_undefined

USED_AGAIN = "judged is what it held before it was used again, for the gradient of something else"
"""The note at a stage whose name holds another gradient by the end."""


class _Judge:
    """What judging values and judging gradients have in common.

    Attributes:
        stages: one for each value or gradient.
        wrong_stages: of those that are wrong, what their diagnosis looked at.
    """

    def __init__(self, graph: Graph, recorded: Tolerances, rtol: float | None) -> None:
        self.graph, self.recorded, self.rtol = graph, recorded, rtol
        self.stages: list[Stage] = []
        self.wrong_stages: dict[str, WrongStage] = {}
        self._explained: dict[str, Explained] = {}
        self._in_vain = 0

    @property
    def wrong(self) -> list[str]:
        """The names of the stages that are wrong themselves."""
        return [stage.name for stage in self.stages if stage.status == Status.WRONG]

    @property
    def diagnosis(self) -> dict[str, tuple[Diagnosis, ...]]:
        """What is told of each stage that is wrong."""
        return {name: self.explained(name).diagnoses for name in self.wrong_stages}

    def explained(self, name: str) -> Explained:
        """All that explains a wrong stage, looked for when it is asked for: what is read anew needs no explanation."""
        if name not in self._explained:
            wrong = self.wrong_stages[name]
            # Where nothing explains the first two, one mistake may have made all wrong: each one on gets half as much.
            share = max(BUDGET // len(self.wrong_stages), BUDGET // 4) >> max(self._in_vain - 1, 0)
            found = explain(wrong, max(share, BUDGET // 32)) if wrong.testable else Explained((), ())
            self._in_vain += wrong.testable and not found.matches
            self._explained[name] = found
        return self._explained[name]


class Forward(_Judge):
    """The user's forward pass compared with the recorded one.

    Args:
        graph: captured with its values.
        names: all named forward nodes.
        given: the user's values by name.
        recorded: what rounding can do to the recorded numbers.
        rtol: the largest error that counts as right; None: what rounding explains.

    Attributes:
        values: of every forward node, from the user's own earlier values.
        others: where some of them differ from the recorded ones by more than rounding, other values that a derivation
            may have used: with the wrong ones as they should have been, and the recorded ones.
    """

    def __init__(
        self,
        graph: Graph,
        names: Mapping[str, Node],
        given: Mapping[str, Any],
        recorded: Tolerances,
        rtol: float | None,
    ) -> None:
        super().__init__(graph, recorded, rtol)
        self.values: dict[Node, Any] = {node: node.value for node in graph.nodes}
        self.others: tuple[dict[Node, Any], ...] = ()
        self._outlived: set[Node] = set()
        if not given:
            return
        fitting = {
            names[name]: value if value.shape == names[name].shape else value.reshape(names[name].shape)
            for name, value in given.items()
            if squeezed(value.shape) == squeezed(names[name].shape)
        }
        fitting = {node: kept_once(value, [node.value], least=0) for node, value in fitting.items()}
        ours, as_recorded = self.values, all(value is node.value for node, value in fitting.items())
        self._expected = ours if as_recorded else evaluate(graph, fitting)
        self.values = {**self._expected, **fitting}
        others = [names[name] for name, value in given.items() if not self._is_recorded(names[name], value)]
        self._moved = recorded.passes.moved(n for n in others if n in fitting and n.dtype.kind in "fc")
        for name, node in sorted(names.items(), key=lambda item: item[1].rank):
            if name in given:
                self.stages.append(self._stage(name, node, given[name], frozenset(fitting)))
        self.stages = [self._overwritten(stage, names[stage.name]) for stage in self.stages]
        if any(stage.status in (Status.WRONG, Status.RIGHT_GIVEN) for stage in self.stages):
            mended = {node: self._expected[node] for node in map(names.__getitem__, self.wrong) if node in fitting}
            self.others = ({**self.values, **mended}, ours)

    def _stage(self, name: str, node: Node, given: Any, by_hand: frozenset[Node]) -> Stage:
        if squeezed(given.shape) != squeezed(node.shape):
            note = "the recorded values were used in its place"
            return Stage(name, Status.WRONG, node.shape, given.shape, note=note)
        if self._is_recorded(node, given):
            return Stage(name, Status.RIGHT, node.shape, given.shape, 0.0)
        found, recorded = (self._compare(node, given, value) for value in (self._expected[node], node.value))
        status, note = Status.RIGHT, ""
        if not found.within and recorded.within:
            note = "it equals the recorded value, though your own earlier values would not give it"
            self._outlived.update(node.inputs)
            found = recorded
        elif found.within and not recorded.within:
            status = Status.RIGHT_GIVEN
        elif not found.within and self._compare(node, *where_defined(given, self._expected[node])).within:
            status, note = Status.NOT_JUDGED, why_undefined(node, self._expected[node])
        elif not found.within:
            expected = np.asarray(self._expected[node])
            tolerance, terms = self._allowed(node, given, expected)
            wrong = WrongStage(
                self.graph, node, given, expected, {}, self.values, tolerance, terms, by_hand, forward=True
            )
            self.wrong_stages[name] = wrong
            status = Status.WRONG
        if status not in (Status.WRONG, Status.NOT_JUDGED) and given.shape != node.shape:
            status = Status.WRONG_SHAPE
        return Stage(name, status, node.shape, given.shape, found.error, found.worst, found.limit, note)

    def _is_recorded(self, node: Node, given: Any) -> bool:
        """Whether a value is the recorded one, and belongs there, to the last bit."""
        return given.shape == node.shape and self.values[node] is self._expected[node] is node.value

    def _compare(self, node: Node, given: Any, value: Any) -> Difference:
        expected = np.asarray(value)
        return difference(given.reshape(node.shape), expected, *self._allowed(node, given, expected))

    def _overwritten(self, stage: Stage, node: Node) -> Stage:
        """Note where something right was computed from a wrong value, which must have been changed later."""
        if stage.status != Status.WRONG or node not in self._outlived:
            return stage
        return replace(stage, note="what follows from it is right, so it was changed later, such as by -= in place")

    def _allowed(self, node: Node, given: Any, expected: Any) -> tuple[Any, Any]:
        """The tolerance of a forward value; and its size, or that of its operands where these can cancel."""
        largest = np.abs(expected)
        if isinstance(node.reading, Linear):
            for x in node.operands:
                largest = np.maximum(largest, np.abs(self.values[x] if isinstance(x, Node) else x))
        if node.dtype.kind not in "fc":
            return np.zeros(node.shape), largest
        if self.rtol is not None:
            return self.rtol * largest, largest
        rounding = MARGIN * self._moved[node] + SUMMING * float(np.finfo(node.dtype).eps) * largest
        return coarser(rounding, self.graph, node, given, forward=True), largest


class Backward(_Judge):
    """The user's gradients compared with those that the recorded rules make of the user's own gradients upstream.

    The stages are in backward order, one for each named gradient; those of outputs only where they were given.

    Args:
        names: the nodes that have stages, by name.
        given: the user's gradients by name.
        before: the forward pass that they were made from. Where it is wrong, it is not known which lines used the
            user's values and which others.

    Attributes:
        foreign: those that were given and taken for other arrays, so that they were not judged, and why.
    """

    def __init__(self, names: Mapping[str, Node], given: Mapping[str, Any], before: Forward) -> None:
        super().__init__(before.graph, before.recorded, before.rtol)
        graph, self.names = self.graph, names
        self.given, self.before = given, before
        self._reread: dict[str, Stage] = {}
        self._given = {names[name]: value for name, value in given.items()}
        self._expected = expect(graph, self._given, before.values)
        self._beside = Subgradients(graph, self._expected.values)
        self._others = [expect(graph, self._given, other) for other in before.others]
        self._status: dict[Node, Status] = {}
        self._spoiled: set[Node] = set()
        self._undone: set[str] = set()
        self.foreign: dict[str, str] = {}
        # Of those that are passed through, and so complete at once, the first that the gradient reaches comes first.
        for name, node in sorted(names.items(), key=lambda item: (graph.gradients[item[1]].rank, -item[1].rank)):
            if node in self._given:
                stage = self._stage(name, node, self._given[node])
                self._status[node] = stage.status
                self.stages.append(stage)
            elif node not in graph.outputs:
                self.stages.append(Stage(name, Status.NOT_GIVEN, node.shape))
        self.stages = [self._spoiling(stage, names[stage.name]) for stage in self.stages]

    @cached_property
    def _allowed(self) -> Tolerances:
        """What rounding can do to gradients that were computed from the user's own; no less than to the recorded."""
        starts_over = not all(node.is_leaf for node in self._given)  # a leaf passes nothing on
        if starts_over or any(value is not node.value for node, value in self.before.values.items()):
            return local_tolerances(self.graph, self._expected, self.recorded, self._differing)
        return self.recorded

    @cached_property
    def _differing(self) -> set[Node]:
        """The nodes whose given gradients are not what was expected up to what rounding can do to the recorded one."""
        expected = {node: np.asarray(self._expected.gradients[node]) for node in self._given}
        return {
            node
            for node, given in self._given.items()
            if self.rtol is not None
            or given.shape != expected[node].shape
            or not self._compare(node, given, expected[node], self.recorded).within
        }

    def rereading(
        self, earlier: Mapping[str, Sequence[Any]], helpers: Container[str] = (), slopes: Container[str] = ()
    ) -> Backward:
        """The same judged anew, where a name that looks wrong holds the gradient of something else by the end.

        A name may be used again: ``dh *= 1 - h**2`` makes the gradient of what the activation was taken of. Right is
        what it held before; where that is not known, it is no stage if the inputs' gradients made from it are right.

        Args:
            earlier: by name what it held before.
            helpers: names of local variables, which need not hold gradients as long as what is returned is right.
            slopes: those of them that no upstream gradient goes into, so that they may be slopes.
        """
        judged, before = self._without_scaled(earlier)._of_own_shape(earlier), None
        while judged is not before and judged.wrong:
            before, meant = judged, dict[str, Any]()
            for name in judged.wrong:
                node = self.names[name]
                if judged.is_recorded(name, judged.given[name]):  # it undoes a mistake made before it
                    continue
                held = [value for value in earlier.get(name, ()) if judged._is_expected(node, value)]
                inner = not node.is_leaf and node not in self.graph.outputs
                if inner and (held or name in slopes or judged._comes_later(node, name in helpers)):
                    meant[name] = held[0] if held else None
                elif not (node.is_leaf or meant) and name in helpers and judged._leads_to_right(node):
                    meant[name] = None  # the first alone: what comes after it may be right without it
            for some in [meant] if len(meant) < 2 else [meant, *({name: meant[name]} for name in meant)]:
                judged = judged._without(some)
        judged = judged._without(dict.fromkeys(judged._leading_to_right(helpers)))
        judged = judged._without_made_up_for(helpers)
        for name in judged.wrong if len(judged.wrong) > 1 else ():  # what the rest is made from may be wrong as well
            node = self.names[name]
            for value in () if node.is_leaf or node in self.graph.outputs else earlier.get(name, ()):
                if value.shape == node.shape:
                    judged = judged._without({name: value})
        return judged._without_foreign(helpers)

    def _of_own_shape(self, earlier: Mapping[str, Sequence[Any]]) -> Backward:
        """Judged anew where a name was used again for an array of another shape: what it held of its own shape."""
        meant = dict[str, Any]()
        for name in self.wrong:
            shape = self.names[name].shape
            held = [value for value in earlier.get(name, ()) if value.shape == shape]
            if held and not self.names[name].is_leaf and squeezed(self.given[name].shape) != squeezed(shape):
                meant[name] = held[0]
        return self._without(meant, least=False)

    def _without_foreign(self, helpers: Container[str]) -> Backward:
        """Judged anew without local variables of other shapes than their gradients, where what comes after is wrong.

        They are other arrays then, and may be right: what is wrong is said of what comes after, with the lines before.
        """
        shaped = {name for name in self.wrong if self._is_of_other_shape(self.names[name], self.given[name])}
        inner = {name for name in shaped if name in helpers and not self.names[name].is_leaf}
        wrong = {name for name in self.wrong if name not in inner}
        if any(self.given[name].size == prod(self.names[name].shape) for name in inner):  # what follows may be as wrong
            wrong |= {stage.name for stage in self.stages if stage.status == Status.RIGHT_GIVEN}
        foreign = {
            name: f"its shape is {self.given[name].shape}, that of the gradient of {name} is {self.names[name].shape}, "
            "so it was taken for another array"
            for name in inner
            if not wrong.isdisjoint(self._called.get(n) for n in needed([self.names[name]]))
        }
        if not foreign:
            return self
        again = Backward(self.names, {n: x for n, x in self.given.items() if n not in foreign}, self.before)
        if wrong.isdisjoint(again.wrong):  # then nothing would be wrong
            return self
        again._reread |= self._reread
        again.stages = [again._reread.get(stage.name, stage) for stage in again.stages]
        again.foreign = {**self.foreign, **foreign}
        return again

    def _is_of_other_shape(self, node: Node, given: Any) -> bool:
        """Whether no mistake gives an array its shape, but perhaps a missing sum or reshape, of what is not due."""
        if _no_mistake_gives(given.shape, node.shape):
            return True
        if given.size == prod(node.shape) and squeezed(given.shape) != squeezed(node.shape):  # of another layout
            return not any(self._is_expected(node, x.reshape(node.shape)) for x in _turned(given, node.shape))
        more = max(given.ndim - len(node.shape), 0)
        every = combinations(range(given.ndim), more) if more else ()
        wanted = [axes for axes in every if _left(given.shape, axes) == node.shape]
        due = np.asarray(self._expected.gradients[node])
        least = 1e-9 * float(np.max(np.abs(given), initial=0.0))
        return bool(wanted) and not any(_is_multiple(given.sum(axis=axes), due, least) for axes in wanted)

    def _without_scaled(self, earlier: Mapping[str, Sequence[Any]]) -> Backward:
        """Judged anew without stages between that are, or were, n times their gradients, if less is to explain then.

        So it is where a loss is the mean over n examples, which is a length: the gradients on the way may be meant for
        the sum of their losses, and only those of the weights be divided by n.
        """
        if any(out.shape for out in self.graph.outputs):
            return self
        inner = {name for name in self.given if not self.names[name].is_leaf} - {
            name for name, node in self.names.items() if node in self.graph.outputs
        }
        every = [(name, self._ratio(name, x)) for name in inner for x in (*earlier.get(name, ()), self.given[name])]
        ratios = {name: ratio for name, ratio in every if ratio is not None}
        shapes = {name: self.names[name].shape for name in ratios}
        ratios = {name: ratio for name, ratio in ratios.items() if ratio in (*shapes[name], prod(shapes[name]))}
        for ratio in [ratios[name] for name in self.wrong if name in ratios]:
            scaled = [name for name, other in ratios.items() if np.isclose(other, ratio, rtol=1e-9)]
            given = {name: value for name, value in self.given.items() if name not in scaled}
            follow = [name for name in self._on_the_way_from(scaled) if name in given and name in inner]
            ways = [Backward(self.names, given, self.before)]
            ways += [Backward(self.names, given | {n: given[n] / ratio for n in follow}, self.before)] if follow else []
            again = min(ways, key=lambda one: len(one.wrong))
            if ratio > 1 and len(again.wrong) + len(again._undone) + 1 < len(self.wrong) + len(self._undone):
                note = f"it is {ratio:.6g} times the gradient"
                again._reread |= {name: self._stage_of(name, Status.ANOTHER, note, only=True) for name in scaled}
                again.stages = [again._reread.get(stage.name, stage) for stage in again.stages]
                if again is not ways[0]:
                    said = f"it is divided by {ratio:.6g} here, as d{scaled[0]} is {ratio:.6g} times the gradient"
                    again.stages = [replace(x, note=said) if x.name in follow else x for x in again.stages]
                return again
        return self

    def _on_the_way_from(self, names: Sequence[str]) -> list[str]:
        """What is not right of the stages that the gradients of some come to afterwards."""
        left, seen = [self.names[name] for name in names], set[Node]()
        while left:
            new = [x for x in left.pop().operands if isinstance(x, Node) and x not in seen]
            seen.update(new)
            left += new
        undone = {*self.wrong, *(stage.name for stage in self.stages if stage.status == Status.RIGHT_GIVEN)}
        return [name for name in self.given if name in undone and self.names[name] in seen]

    def _ratio(self, name: str, given: Any) -> float | None:
        """By what the recorded gradient of a stage is multiplied to give an array; None where nothing does."""
        due = np.asarray(self.graph.gradients[self.names[name]].value)
        if given.shape != due.shape or given.size < 3 or given.dtype.kind != "f" or not given.any():
            return None
        most = int(np.argmax(np.abs(given)))
        if not due.flat[most]:
            return None
        ratio = float(given.flat[most] / due.flat[most])
        if not np.isfinite(ratio):
            return None
        ratio = round(ratio) if abs(ratio - round(ratio)) < 1e-6 * abs(ratio) else ratio  # which rounding may hide
        return ratio if self._equals_recorded(self.names[name], given / ratio) else None

    def _without(self, meant: Mapping[str, Any], least: bool = True) -> Backward:
        """Judged anew with what some names held before, or without those of None, if less is wrong then.

        Without ``least`` if nothing more is.
        """
        given = {name: value for name, value in {**self.given, **meant}.items() if value is not None}
        if not any(name in self.wrong for name in meant):
            return self
        again = Backward(self.names, given, self.before)
        if not set(again.wrong) <= set(self.wrong) or (least and len(again.wrong) == len(self.wrong)):
            return self
        again._reread |= self._reread
        for name, value in meant.items():
            if value is None:
                again._reread[name] = self._stage_of(name, Status.ANOTHER, "")
            else:
                again._reread[name] = again._stage_of(name, None, USED_AGAIN)
        again.stages = [again._reread.get(stage.name, stage) for stage in again.stages]
        return again

    def _stage_of(self, name: str, status: Status | None, note: str, only: bool = False) -> Stage:
        stage = next(stage for stage in self.stages if stage.name == name)
        notes = (note,) if only else (stage.note, note)
        return replace(stage, status=status or stage.status, note="; ".join(filter(None, notes)))

    def _is_expected(self, node: Node, value: Any) -> bool:
        expected = np.asarray(self._expected.gradients[node])
        return value.shape == expected.shape and self._compare(node, value, expected, self._allowed).within

    def _comes_later(self, node: Node, is_local: bool) -> bool:
        """Whether what was given for a node is the gradient of something that it is computed from, times a constant.

        The gradients of the inputs that come after it must be right, all of them unless the constant is 1; any, unless
        what was given has the shape of that other gradient alone, or is a local variable of a pass that ended before it
        came to any of them.
        """
        given, behind = self._given[node], set(needed([node])) - {node}
        inputs, right = self._behind(node)
        laid_out = given.shape != node.shape  # as what it is computed from is: no mistake at this one does that
        ended_before = is_local and self._given.keys().isdisjoint(inputs)
        if not (right or laid_out or ended_before) or given.dtype.kind not in "fc" or not given.any():
            return False
        most, own = int(np.argmax(np.abs(given))), np.asarray(self._expected.gradients[node])
        if given.shape == own.shape and own.any():  # its own gradient times a constant is that of nothing else
            scaled = own * (given.flat[most] / own.flat[most])
            if self._compare(node, given, scaled, self._allowed).within:
                return False
        later = [(n, self.graph.gradients[n]) for n in behind if n in self.graph.gradients]
        later += [(n, made) for n in behind for _, made in self.graph.contributions_to(n) if n in self.graph.gradients]
        for n, made in later:
            if made.shape != given.shape or not made.value.flat[most]:
                continue
            ratio = float(given.flat[most] / made.value.flat[most])
            if abs(ratio - 1) < 1e-9:
                ratio = 1.0
            elif len(right) < len(inputs) or given.size < 3:
                continue
            if self._compare(n, given / ratio, made.value, self.recorded).within:
                return True
        return False

    def _leading_to_right(self, helpers: Container[str]) -> list[str]:
        """The local variables that are not what they are called, from which nothing wrong is made.

        As where backward makes ``p`` of other values than forward does: ``dp`` and ``ds`` are other arrays then.
        """
        inner = {name: self.names[name] for name in self.given if name in helpers and not self.names[name].is_leaf}
        other = [name for name in inner if not self.is_recorded(name, self.given[name])]
        return [name for name in other if self._leads_to_right(inner[name])]

    def _without_made_up_for(self, helpers: Container[str]) -> Backward:
        """Judged anew without the local variables that are wrong and for which what is made of them makes up.

        As ``dmu = dxc.sum(0)``, where ``dxc - dmu / n`` comes next: that is right without it, or is explained as well.
        """
        for name in self.wrong:
            node, others = self.names[name], [other for other in self.wrong if other != name]
            made = [other for other in others if node in self._sources(self.names[other])]
            if name not in helpers or node.is_leaf or node in self.graph.outputs or not made:
                continue
            again = self._without({name: None})
            if again is self:
                continue
            is_opposite = self._is_expected(node, -self.given[name])
            if len(again.wrong) < len(others) or (
                is_opposite and all(again._lightest(other) <= self._lightest(other) for other in made)
            ):
                return again._without_made_up_for(helpers)
        return self

    def _lightest(self, name: str) -> float:
        """How likely what explains a wrong stage is at best: the smaller, the likelier; infinite where nothing does."""
        return min((match.weight for match in self.explained(name).matches), default=np.inf)

    def _leads_to_right(self, node: Node) -> bool:
        """Whether the gradients of the inputs that a node is made from are right: of all that were given, and of any.

        That of the labels of a loss, which are numbers too, is seldom given.
        """
        inputs, right = self._behind(node)
        return bool(right) and len(right) == sum(n in self._given for n in inputs)

    def _behind(self, node: Node) -> tuple[list[Node], list[Node]]:
        """The inputs that a node is made from, and those of them whose gradients were given and are right."""
        inputs = [n for n in needed([node]) if n.is_leaf and n.requires_grad and n in self.graph.gradients]
        return inputs, [n for n in inputs if n in self._given and self.is_recorded(self._called[n], self._given[n])]

    @cached_property
    def _called(self) -> dict[Node, str]:
        return {node: name for name, node in self.names.items()}

    def is_recorded(self, name: str, given: Any) -> bool:
        """Whether an array is the recorded gradient of a tensor."""
        node = self.names[name]
        return given.shape == node.shape and self._equals_recorded(node, given)

    @property
    def astray(self) -> dict[str, WrongStage]:
        """The gradients of inputs that are not the recorded ones, also where they follow from others that are wrong."""
        of_inputs = {name: value for name, value in self.given.items() if self.names[name].is_leaf}
        return {n: self._wrong_stage(self.names[n]) for n, x in of_inputs.items() if not self.is_recorded(n, x)}

    def _spoiling(self, stage: Stage, node: Node) -> Stage:
        """Right values in a wrong shape are wrong after all where broadcasting them spoils what comes after.

        After the gradient of an input comes a step of descent: ``b - 0.1 * db`` of shapes (3, 1) and (3,) is (3, 3).
        """
        spoils = "and broadcasting it spoils what comes after it" if node in self._spoiled else ""
        if node.is_leaf and stage.status == Status.WRONG_SHAPE:
            spoils = _after_a_step(stage) or spoils
        if not spoils:
            return stage
        self.wrong_stages[stage.name] = self._wrong_stage(node)
        note = f"{stage.note}, {spoils}"
        return replace(stage, status=Status.WRONG, error=None, worst=None, limit=None, note=note)

    def _wrong_stage(self, node: Node) -> WrongStage:
        """Everything known about a stage; hypotheses may always use the tolerance for rounding."""
        allowed = self._allowed if node in self._allowed.absolute else self.recorded
        tolerance = coarser(allowed.absolute[node], self.graph, node, self._given[node])
        if self.rtol is not None:
            tolerance = np.maximum(tolerance, self.rtol * allowed.terms[node].largest)
        return WrongStage(
            graph=self.graph,
            node=node,
            given=self._given[node],
            expected=self._expected.gradients[node],
            used=self._expected.used,
            values=self._expected.values,
            tolerance=tolerance,
            terms=allowed.terms[node].total,
            by_hand=frozenset(self._given),
        )

    def _compare(self, node: Node, given: Any, expected: Any, allowed: Tolerances) -> Difference:
        largest = allowed.terms[node].largest
        if self.rtol is None:
            return difference(given, expected, coarser(allowed.absolute[node], self.graph, node, given), largest)
        least = 4.0 * float(np.finfo(node.dtype).smallest_subnormal)
        return difference(given, expected, np.maximum(self.rtol * np.asarray(largest), least), largest)

    def _stage(self, name: str, node: Node, given: Any) -> Stage:
        expected = np.asarray(self._expected.gradients[node])
        same_shape = given.shape == expected.shape
        alike = squeezed(given.shape) == squeezed(expected.shape)
        mine = given.reshape(expected.shape) if alike else given
        repeated = None if alike or node.is_leaf else fitted(given, expected.shape)
        if repeated is not None and self._compare(node, repeated, expected, self._allowed).within:
            alike, mine = True, repeated  # as -1 / n for each of n scores
        found = self._compare(node, mine, expected, self.recorded) if alike else None
        if found is not None and (self.rtol is not None or not found.within):  # what takes long, where it is needed
            found = self._compare(node, mine, expected, self._allowed)
        notes = []
        if given.dtype.kind in "fc" and np.finfo(node.dtype).eps < np.finfo(given.dtype).eps:
            notes.append(f"given in {given.dtype}, so judged by what rounding to that dtype can do")
        if not same_shape:
            notes.append(f"shape {given.shape}, where {expected.shape} belongs")

        if found is not None and found.within and _nan(expected) and _nan(self.graph.gradients[node].value):
            status, notes = Status.NOT_JUDGED, [self._why_undefined(node, expected)]
        elif found is not None and found.within:
            follows = self._tainted(node) and not self._equals_recorded(node, mine)
            status = Status.RIGHT_GIVEN if follows else Status.RIGHT
            status = status if same_shape else Status.WRONG_SHAPE
        elif (reading := self._other_reading(node, given)) is not None:
            right = same_shape and self._equals_recorded(node, mine)
            status = Status.RIGHT if right else Status.RIGHT_GIVEN
            found = self._compare(node, mine, reading, self._allowed) if same_shape else None
            if not same_shape:
                notes.append("that comes from the gradients before it")
            self._spoiled |= {n for n in self._sources(node) if self._status.get(n) == Status.WRONG_SHAPE}
        elif same_shape and (harmless := self._harmless(name, node, mine, expected)):
            status = Status.HARMLESS
            notes.append(f"it differs from what the rules give, but {harmless}")
        elif same_shape and (turning := self._subgradient(node, mine, expected)):
            status = Status.RIGHT
            notes.append(
                f"another convention than the recorded one where {turning} has no single slope; as right as it"
            )
        elif self._right_after_all(name, node, mine, expected):
            status = Status.RIGHT if same_shape else Status.WRONG_SHAPE
            notes.append("it equals the recorded gradient, though your own gradients before it would not give it")
            found = self._compare(node, mine, self.graph.gradients[node].value, self.recorded)
        elif alike and self._compare(node, *where_defined(mine, expected), self._allowed).within:
            status, notes = Status.NOT_JUDGED, [self._why_undefined(node, expected)]
            del self.wrong_stages[name]
        else:
            status = Status.WRONG
            notes += self._exchanged(node, given) + self._remarks(name, node, mine, expected)
        error, worst, limit = found[1:] if found is not None else (None, None, None)
        return Stage(name, status, expected.shape, given.shape, error, worst, limit, "; ".join(notes))

    def _why_undefined(self, node: Node, expected: Any) -> str:
        return why_undefined(joint(self.graph).gradients[node], expected)

    def _right_after_all(self, name: str, node: Node, given: Any, expected: Any) -> bool:
        """Whether a stage that differs from what was expected is right, and merely not made from that.

        An input's gradient that is right may come from a closed form; a stage between, if the difference is explained,
        was derived, and undoes a mistake made before it.
        """
        self.wrong_stages[name] = self._wrong_stage(node)
        if given.shape != expected.shape or not (self._tainted(node) and self._equals_recorded(node, given)):
            return False
        if not node.is_leaf and self.explained(name).diagnoses and np.all(np.isfinite(expected)):
            return False
        del self.wrong_stages[name]
        self._undone.add(name)
        return True

    def _remarks(self, name: str, node: Node, given: Any, expected: Any) -> list[str]:
        """A further remark about a wrong stage."""
        if given.shape != expected.shape:
            as_it_is = any(x in self._expected.as_given for x in node.inputs)
            followed = node.is_leaf or fitted(given, node.shape) is not None or as_it_is
            return [] if followed else ["what comes after it is judged as if the expected gradient had been passed on"]
        said = []
        missing = int(np.count_nonzero(~np.isfinite(given) & np.isfinite(expected)))
        if missing:
            said.append(f"{missing} of {given.size} numbers are NaN or infinite where finite ones belong")
        if self._tainted(node) and self._equals_recorded(node, given):
            said.append("it equals the recorded gradient only because it undoes a mistake made before it")
        if not self._reaches_an_input(node, given - expected):
            said.append("at this point the difference reaches no input")
        if node.dtype == np.float64:
            rounded = coarser(self._allowed.absolute[node], self.graph, node, np.zeros(0, np.float32))
            if difference(given, expected, rounded, 1.0).within and not self.explained(name).diagnoses:
                largest = float(np.abs(expected).max(initial=0.0)) or 1.0
                off = float(np.abs(given - expected).max(initial=0.0)) / largest
                said.append(
                    f"it is right to about {off:.0e} of its largest element, as finite differences are, or what was "
                    f"rounded to the precision of float32 on the way; rtol=1e-5 accepts that"
                )
        return said

    def _exchanged(self, node: Node, given: Any) -> list[str]:
        """A note if the given array is another gradient, which was given wrongly too."""
        said, sources = [], set(self._sources(node))
        for name, other in self.names.items():
            due = np.asarray(self._expected.gradients[other])
            if other not in self._differing or other is node or other in sources or other in self.graph.outputs:
                continue
            if given.shape == due.shape and np.any(given) and self._compare(other, given, due, self._allowed).within:
                mine = self._given[other]
                if mine.shape != due.shape or not self._compare(other, mine, due, self._allowed).within:
                    said.append(f"it is what d{name} should be")
        return said

    def _other_reading(self, node: Node, given: Any) -> Any:
        """Another value that may come out here without a mistake at this stage, if it is what was given; else None."""
        wrong = self._wrong_stage(node)
        readings = [self._expected.as_given[node]] if node in self._expected.as_given else []
        readings += [other.gradients[node] for other in self._others]
        return next((r for r in readings if wrong.matches(r, given) is not None), None)

    def _tainted(self, node: Node) -> bool:
        """Whether something that the node's gradient was made from is not the recorded one."""
        differing = (Status.WRONG, Status.RIGHT_GIVEN, Status.HARMLESS, Status.NOT_JUDGED)
        return bool(self._others) or any(self._status.get(source) in differing for source in self._sources(node))

    def _sources(self, node: Node) -> Iterator[Node]:
        """The nodes whose given gradients the node's gradient is made from."""
        stack, seen = [edge[0] for edge, _ in self.graph.contributions_to(node)], {node}
        while stack:
            user = stack.pop()
            if user in seen:
                continue
            seen.add(user)
            if user in self._given:
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
        most, size = (float(np.abs(x).max(initial=0.0)) for x in (change, self._allowed.terms[node].total))
        if not (np.isfinite(most) and np.isfinite(size) and most and size):
            return True
        expected = np.nan_to_num(self._expected.gradients[node], nan=0.0, posinf=0.0, neginf=0.0)
        inputs = self._behind(node)[0]
        changed, without = (
            evaluate_backward(self.graph, {node: gradient}, self._expected.values, of=inputs).gradients
            for gradient in (expected + change * (size / most), expected)
        )
        allowed = self.recorded.absolute
        return not all(np.all(np.abs(changed[n] - without[n]) <= SLACK * allowed[n]) for n in inputs)

    def _harmless(self, name: str, node: Node, given: Any, expected: Any) -> str:
        """Why no gradient at all reaches an input from the elements that differ, or ""."""
        rng = np.random.default_rng(0)
        tolerance = coarser(self._allowed.absolute[node], self.graph, node, given)
        differs = ~((np.abs(given - expected) <= tolerance) | (given == expected))
        if not np.all(np.isfinite(given)) and not differs.all():
            return ""
        for _ in range(2):
            if self._reaches_an_input(node, np.where(differs, rng.standard_normal(node.shape), 0.0)):
                return ""
        if differs.all():
            return f"the path on from {name} is identically zero"
        return f"only in {int(differs.sum())} of {differs.size} elements, from which no input's gradient is made"

    def _subgradient(self, node: Node, given: Any, expected: Any) -> str | None:
        """The op at whose kinks or ties the given gradient is another subgradient than the expected one."""
        tolerance = coarser(self._allowed.absolute[node], self.graph, node, given)
        return self._beside.is_one(node, given, expected, self._expected.given, tolerance)


def _nan(array: Any) -> bool:
    """Whether an array is all nan, so that every mistake gives it, too."""
    return bool(np.size(array) and np.isnan(array).all())


def _no_mistake_gives(given: tuple[int, ...], due: tuple[int, ...]) -> bool:
    """Whether a gradient of a shape does not get another by a sum, repeats, a transpose, a reshape or one length."""
    mine, theirs = squeezed(given), squeezed(due)
    if prod(mine) == prod(theirs) or _within(mine, theirs) or _within(theirs, mine):
        return False
    return len(mine) != len(theirs) or sum(a != b for a, b in zip(mine, theirs, strict=True)) > 1


def _turned(array: Any, to: tuple[int, ...]) -> list[Any]:
    """An array with its axes in the orders in which they are as long as those of a shape; as it is if there are none.

    Axes of length 1 do not count.
    """
    bare = np.squeeze(array)
    orders = (bare.transpose(axes) for axes in permutations(range(bare.ndim)))
    return [x for x in orders if x.shape == squeezed(to)] or [array]


def _left(shape: tuple[int, ...], axes: Container[int]) -> tuple[int, ...]:
    """The lengths of a shape but for those of some axes."""
    return tuple(n for axis, n in enumerate(shape) if axis not in axes)


def _is_multiple(given: Any, due: Any, least: float) -> bool:
    """Whether an array is about another one times a number, and not 0 up to rounding."""
    most = int(np.argmax(np.abs(due)))
    found = np.asarray(given).flat[most]
    return bool(abs(found) > least and np.allclose(given, due * (found / due.flat[most]), rtol=1e-6, atol=least))


def _within(few: tuple[int, ...], many: tuple[int, ...]) -> bool:
    """Whether some lengths are among others."""
    return not Counter(few) - Counter(many)


def _after_a_step(stage: Stage) -> str:
    """What an input becomes of which a gradient is subtracted, in a few words; "" where it keeps its size."""
    try:
        step = np.broadcast_shapes(stage.shape, stage.given_shape or ())
    except ValueError:
        return f"and cannot be subtracted from {stage.name}"
    return f"and {stage.name} - d{stage.name} would be of shape {step}" if np.prod(step) > np.prod(stage.shape) else ""
