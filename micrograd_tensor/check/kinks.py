"""Kinks: which op turns at a point where a function has no derivative, and what is a gradient there all the same.

At a kink or a tie every mixture of the slopes beside it is a subgradient, and every library has its convention. What
a derivation by hand may give there follows from the gradients at the points next to this one: each op that turns is
taken to either side by the last digits of its operand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from ..engine.recording import record_all
from ..engine.row import Function, Reduction, Relation
from ..engine.tensor import Tensor
from ..engine.walk import ancestors
from ..graph import Graph, Node, evaluate, evaluate_backward
from ..graph.cut import needed

_CLOSE = 1e-3
"""Slopes of one branch hardly change over the step; those of two branches differ by about their size."""


def name_turn(at: Callable[[float], Sequence[Tensor]], step: float) -> str | None:
    """The first op that takes another branch when the input moves by a step to either side, and where in its result.

    An op turns where its own slopes jump, as those of a rectifier or of a maximum do; and where its result is an index
    or a truth value that changes. None where no recorded op does: the function itself may decide by a number.
    """
    with record_all():
        runs = [[t for t in ancestors(at(side * step)) if t.op is not None] for side in (-1.0, 0.0, 1.0)]
    if len({tuple(t.op for t in run) for run in runs}) > 1:
        return None
    for below, here, above in zip(*runs, strict=True):
        branches = [_branch(t) for t in (below, here, above)]
        for parts in zip(*branches, strict=True):
            turned = np.zeros(np.shape(parts[1]), bool)
            for part in (parts[0], parts[2]):
                turned |= ~np.isclose(part, parts[1], rtol=_CLOSE, atol=_CLOSE, equal_nan=True)
            if turned.any():
                place = [int(i) for i in np.unravel_index(int(np.argmax(turned)), turned.shape)]
                return f"{here.op.name} at {place}" if here.op is not None else None
    return None


def _branch(t: Tensor) -> list[Any]:
    """What tells the branches of an op apart: the value of one that decides, the slopes of one that is not analytic."""
    op = t.op
    if op is None or t.dtype.kind not in "fc":
        return [np.asarray(t.data)]
    if op.analytic:
        return []
    rules = [op.vjps[i] for i in range(len(t.operands))]
    slopes = [rule(np.ones_like(t.data), t.data, *t.saved, **t.params) for rule in rules if rule is not None]
    return [np.asarray(t.data), *map(np.asarray, slopes)] if not any(map(np.any, slopes)) else slopes


# -------------------------------------------------------------------------------------------------------- subgradients

_MAX_TOGETHER = 3
"""Up to so many ops that turn, every combination of their sides is tried."""
_MAX_MIXED = 32
"""Up to so many elements on kinks each may have a convention of its own where a gradient is a sum over them."""
_ROUNDING = 64
"""By how many last places of its parts a mixture may be off: the recorded gradient may have no terms there."""
_NEAR_ZERO = 1e-30
"""How far beside 0 a neighbour is, relative to the largest number; beside another number it is two last places."""


class Turn(NamedTuple):
    """An op that turns at this point, the operand to be moved, where it turns there, and how far its sides are."""

    op: Node
    operand: Node
    where: Any
    step: Any


class Subgradients:
    """The gradients that conventions other than the recorded one give at the kinks and ties of a graph.

    Args:
        graph: captured with an upstream and with its values.
        values: the forward values in use.
    """

    def __init__(self, graph: Graph, values: Mapping[Node, Any]) -> None:
        self._graph, self._values = graph, values

    @cached_property
    def turns(self) -> list[Turn]:
        """The ops that turn at this point, along the path of a gradient."""
        found = []
        for node in self._graph.nodes:
            decides = isinstance(node.reading, Relation)
            if node.op is None or node.op.analytic or not (node.requires_grad or decides):
                continue
            operand = next((x for x in node.inputs if x.dtype.kind == "f" and not _is_constant(x)), None)
            if operand is None:
                continue
            x = np.asarray(self._values[operand])
            size = float(np.abs(x[np.isfinite(x)]).max(initial=0.0)) or 1.0
            step = np.where(x == 0, _NEAR_ZERO * size, 2 * np.spacing(np.abs(x))).astype(x.dtype)
            where = self._ties(node, x) if isinstance(node.reading, Reduction) else self._turning(node, operand, step)
            if np.any(where):
                found.append(Turn(node, operand, where, step))
        return found

    def _ties(self, node: Node, x: Any) -> Any:
        """Where one of several equals is the largest or the smallest."""
        if node.reading not in (Reduction("max"), Reduction("min")):
            return False
        axis = node.params["axis"]
        most = node.made_by.forward(x, axis=axis, keepdims=True)
        return (x == most) & (np.sum(x == most, axis=axis, keepdims=True) > 1)

    def _turning(self, node: Node, operand: Node, step: Any) -> Any:
        """Where the slopes of an op by one of its operands, or its truth, are not the same on both sides."""
        sides = []
        for side in (-1, 1):
            at = [self._values[x] if isinstance(x, Node) else x for x in node.operands]
            at[node.operands.index(operand)] = self._values[operand] + side * step
            made = node.apply(*at)
            rule = node.made_by.vjps[node.operands.index(operand)] if node.dtype.kind == "f" else None
            sides.append(np.asarray(made if rule is None else rule(np.ones_like(made), made, *at, **node.params)))
        if isinstance(node.reading, Function) and node.dtype.kind == "f" and not node.made_by.exact:
            return False
        if sides[0].shape != operand.shape:
            return False
        turned: Any = sides[0] != sides[1]
        return turned

    @cached_property
    def sides(self) -> list[tuple[frozenset[int], dict[Node, Any]]]:
        """Forward values next to this point, each with the turning ops that were taken to a side."""
        n = len(self.turns)
        if n <= _MAX_TOGETHER:
            chosen = [c for c in product((0, -1, 1), repeat=n) if any(c)]
        else:
            chosen = [(side,) * n for side in (-1, 1)]
            chosen += [tuple(side if i == k else 0 for i in range(n)) for k in range(n) for side in (-1, 1)]
        found = []
        for choice in chosen:
            moved: dict[Node, Any] = {}
            for turn, side in zip(self.turns, choice, strict=True):
                if side:
                    base = moved.get(turn.operand, self._values[turn.operand])
                    moved[turn.operand] = base + _away(turn, side) * turn.step
            values = {**evaluate(self._graph, {**self._leaves, **moved}), **self._leaves, **moved}
            if all(self._close(values[out], self._values[out]) for out in self._graph.outputs):
                found.append((frozenset(i for i, side in enumerate(choice) if side), values))
        return found

    def _close(self, near: Any, here: Any) -> bool:
        """Whether a result next to this point is what a continuous function gives."""
        near, here = np.asarray(near), np.asarray(here)
        unit = 1e3 * float(np.finfo(here.dtype).eps) if here.dtype.kind == "f" else 0.0
        allowed = unit * float(np.abs(here).max(initial=0.0)) + self._largest * _NEAR_ZERO * 1e6
        return bool(np.all((np.abs(near - here) <= allowed) | (near == here)))

    @cached_property
    def _largest(self) -> float:
        values = (np.asarray(self._values[node]) for node in self._graph.nodes if node.dtype.kind == "f")
        return max((float(np.abs(x[np.isfinite(x)]).max(initial=0.0)) for x in values), default=0.0) or 1.0

    @property
    def _leaves(self) -> dict[Node, Any]:
        return {node: self._values[node] for node in self._graph.nodes if node.is_leaf}

    def is_one(self, node: Node, given: Any, recorded: Any, used: Mapping[Node, Any], tolerance: Any) -> str | None:
        """Whether an array is another subgradient at a node than the recorded one, and at which op's kinks or ties.

        Args:
            node: a forward node.
            given: the array.
            recorded: the expected gradient.
            used: the gradients that were passed on before it.
            tolerance: the allowed absolute difference of each element.
        """
        if given.shape != node.shape or not self.turns or not self.sides:
            return None
        before = {n: g for n, g in used.items() if n is not node}
        made = [(taken, self._gradient(node, before, values)) for taken, values in self.sides]
        responsible = {i for taken, g in made if len(taken) == 1 and not _equal(g, recorded, tolerance) for i in taken}
        name = next((self.turns[i].op.made_by.name for i in sorted(responsible)), "")
        if any(_equal(given, g, tolerance) for _, g in made):
            return name or self.turns[0].op.made_by.name
        found = [(self.turns[i], [g for taken, g in made if taken == {i}]) for i in sorted(responsible)]
        if not found or (len(found) > 1 and any(isinstance(turn.op.reading, Reduction) for turn, _ in found)):
            return None
        if isinstance(found[0][0].op.reading, Reduction):
            return name if self._shared_out(node, given - recorded, *found[0], recorded, tolerance) else None
        if any(self._among(node, turn.operand) is None for turn, _ in found):
            return name if self._mixed(node, given - recorded, recorded, before, tolerance, responsible) else None
        low = np.min([recorded, *(g for _, g in made)], axis=0)
        high = np.max([recorded, *(g for _, g in made)], axis=0)
        return name if np.all((given >= low - tolerance) & (given <= high + tolerance)) else None

    def _gradient(self, node: Node, used: Mapping[Node, Any], values: Mapping[Node, Any]) -> Any:
        return np.asarray(evaluate_backward(self._graph, used, values, of=[node]).gradients[node])

    def _mixed(
        self, node: Node, change: Any, recorded: Any, used: Mapping[Node, Any], tolerance: Any, responsible: set[int]
    ) -> bool:
        """Whether a change is a part, between none and all, of what each element on a kink makes on either side."""
        single = [(self.turns[i], k) for i in sorted(responsible) for k in np.flatnonzero(self.turns[i].where)]
        if len(single) > _MAX_MIXED or any(isinstance(turn.op.reading, Reduction) for turn, _ in single):
            return False
        columns = []
        for (turn, k), side in product(single, (-1, 1)):
            moved = np.array(self._values[turn.operand])
            moved.flat[k] += side * np.broadcast_to(turn.step, moved.shape).flat[k]
            values = {**evaluate(self._graph, {**self._leaves, turn.operand: moved}), **self._leaves}
            made = self._gradient(node, used, {**values, turn.operand: moved}) - recorded
            if not _equal(made, 0.0, tolerance):
                columns.append(made.reshape(-1))
        if not columns:
            return False
        matrix = np.stack(columns, axis=1)
        rounding = _ROUNDING * float(np.finfo(matrix.dtype).eps) * np.abs(matrix).sum(axis=1)
        return _is_between(matrix, change.reshape(-1), np.broadcast_to(tolerance, node.shape).reshape(-1) + rounding)

    def _among(self, node: Node, operand: Node) -> Callable[[Any], Any] | None:
        """What lays a node's elements out as an operand's, if these are the same ones; else None."""
        steps = [step for step in needed([operand], [node]) if not step.is_leaf and step is not node]
        if node.value.size != operand.value.size or any(not step.made_by.moves for step in steps):
            return None
        if operand is not node and not (steps and all(step.inputs[0] in (node, *steps) for step in steps)):
            return None
        return lambda x: evaluate(self._graph, {**self._leaves, node: x}, targets=[operand])[operand] if steps else x

    def _shared_out(
        self, node: Node, change: Any, turn: Turn, sides: Sequence[Any], recorded: Any, tolerance: Any
    ) -> bool:
        """Whether a change shares out among equals what arrives at one of them, and each has some part of it."""
        laid_out = self._among(node, turn.operand)
        if laid_out is None:
            return False
        axis = turn.op.params["axis"]
        change, slack = laid_out(change), laid_out(np.broadcast_to(tolerance, node.shape))
        others = np.stack([laid_out(g - recorded) for g in sides])
        low, high = others.min(axis=0).min(axis=axis, keepdims=True), others.max(axis=0).max(axis=axis, keepdims=True)
        within = np.where(turn.where, (change >= low - slack) & (change <= high + slack), np.abs(change) <= slack)
        return bool(np.all(within) and np.all(np.abs(change.sum(axis=axis)) <= slack.sum(axis=axis)))


def _away(turn: Turn, side: int) -> Any:
    """By how many steps the operand is moved: to one side; or of equals all but the first, or all but the last."""
    if not isinstance(turn.op.reading, Reduction):
        return side * turn.where
    axis = turn.op.params["axis"]
    axes = tuple(range(turn.where.ndim)) if axis is None else tuple(np.atleast_1d(axis) % turn.where.ndim)
    last = np.moveaxis(turn.where, axes, range(-len(axes), 0))
    flat = last.reshape(*last.shape[: last.ndim - len(axes)], -1)
    ranks = np.cumsum(flat, axis=-1) if side > 0 else np.cumsum(flat[..., ::-1], axis=-1)[..., ::-1]
    others = np.moveaxis((flat & (ranks > 1)).reshape(last.shape), range(-len(axes), 0), axes)
    return others * (-1 if turn.op.reading.kind == "max" else 1)


def _is_constant(x: Node) -> bool:
    return x.is_leaf and not x.requires_grad


def _equal(a: Any, b: Any, tolerance: Any) -> bool:
    return bool(np.all(np.abs(a - b) <= tolerance))


def _is_between(columns: Any, wanted: Any, tolerance: Any) -> bool:
    """Whether some weights from 0 to 1 for the columns give what is wanted; weights that leave that range are held."""
    weights, free = np.full(columns.shape[1], 0.5), np.ones(columns.shape[1], bool)
    while free.any():
        left = wanted - columns @ weights
        weights[free] += np.linalg.lstsq(columns[:, free], left, rcond=None)[0]
        beyond = free & ((weights < 0) | (weights > 1))
        weights = np.clip(weights, 0.0, 1.0)
        if _equal(columns @ weights, wanted, tolerance):
            return True
        if not beyond.any():
            return False
        free &= ~beyond
    return False
