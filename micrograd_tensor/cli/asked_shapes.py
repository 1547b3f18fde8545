"""Shapes that are asked for: a layer fails, or is wrong, at those that were guessed, and does not at others."""

from __future__ import annotations

from collections.abc import Container, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.row import Linear, Product
from ..graph import Graph, Node, named_nodes
from .judged_again import Judged
from .judging import inputs_of, judge, may_be_for_shapes
from .shapes_option import option, said_as_option
from .unusable import UnusableError
from .varied import alike


def why_one_by_one(judged: Judged, path: Path, rtol: float | None) -> str:
    """Why a backward pass may be meant for one example at a time: for the several that were guessed it fails; or ""."""
    task, report, ran = judged
    spread = may_be_for_shapes(ran.error) and "broadcast" in str(ran.error)
    if not (task.found and task.guessed and not task.unlike and spread) or report.wrong:
        return ""
    shapes = {name: shape for name, shape in inputs_of(task.captured).items() if name in task.free}
    examples = next((shape[0] for shape in shapes.values() if len(shape) == 2), 0)
    one = {name: (1, *shape[1:]) for name, shape in shapes.items() if len(shape) > 1 and shape[0] == examples}
    with suppress(UnusableError):
        _, again = judge(task.varied(partial(in_shapes, shapes=one), ""), path, rtol, why=False, point=False)
        if one and again.error is None:
            return (
                f"for {examples} examples backward stops with an error, and for one it does not. If yours come one by "
                f"one, say so, {option(said_as_option({**shapes, **one}))}"
            )
    return ""


def why_smaller(judged: Judged, path: Path, given: Container[str], rtol: float | None) -> str:
    """Why what is wrong may be so for inputs that were guessed too large, as a constant added to a number; or ""."""
    task = judged[0]
    found = {name: shape for name, shape in inputs_of(task.captured).items() if name in task.free}
    for name, shape in found.items() if task.found else ():
        smaller = _smaller(named_nodes(task.captured)[name], task.captured)
        if smaller is None or name in given:
            continue
        with suppress(UnusableError):
            other = task.varied(partial(in_shapes, shapes={name: smaller}), "")
            report, ran = judge(other, path, rtol, why=False, point=False)
            if ran.error is None and not report.wrong:
                ways = [option(said_as_option({**found, name: one})) for one in (smaller, shape)]
                return (
                    f"it is right where {name} is as large as what it is added to or multiplied by, and wrong where "
                    f"it is larger; say which is yours, {' or '.join(ways)}"
                )
    return ""


def _smaller(leaf: Node, graph: Graph) -> tuple[int, ...] | None:
    """The shape with which an input makes nothing larger that was computed, where it does by its own; else None."""
    if not (leaf.is_leaf and leaf.shape):
        return None
    views = [user for user, _ in graph.users[leaf] if user.shape[: len(leaf.shape)] == leaf.shape != user.shape]
    own_results = _results_of(leaf, graph)
    for view in (leaf, *views):
        for user, _ in graph.users[view]:
            others = [x for x in user.operands if isinstance(x, Node) and not (x.is_leaf or x in own_results)]
            if not isinstance(user.reading, Linear | Product) or not others:
                continue
            axes = len(user.shape)
            own, due = ((1,) * (axes - len(shape)) + shape for shape in (view.shape, others[0].shape))
            shape = tuple(1 if there == 1 else n for n, there in zip(own, due, strict=True))
            added = axes - len(others[0].shape) if view is leaf else 0  # which the other has not
            shape = shape[axes - len(view.shape) :][added : len(leaf.shape)]
            if shape != leaf.shape:
                return shape
    return None


def _results_of(leaf: Node, graph: Graph) -> set[Node]:
    """What is computed from an input."""
    found, left = set[Node](), [leaf]
    while left:
        new = [user for user, _ in graph.users[left.pop()] if user not in found]
        found.update(new)
        left += new
    return found


def in_shapes(given: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """The arguments, some with other numbers of their kind, of a shape."""
    rng = np.random.default_rng(8)
    return {name: alike(x, shapes[name], rng) if name in shapes else x for name, x in given.items()}
