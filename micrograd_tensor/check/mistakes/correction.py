"""Correction: the right line in place of a wrong one, as Python in the user's own names, or else as a rule."""

from __future__ import annotations

import keyword
from collections import Counter

from ...graph import Graph, Node, cut, joint, without_copies
from ...notation import WHOLE, assignment, formula
from ..found import WrongStage
from .derivation import Derivation, Operand, called_upstream

MAX_LINE, MAX_LINES = 160, 10
"""The maximum length of a proposed line, in characters, and the maximum number of lines."""

MAX_OPS = 60
"""Corrections of more ops than this are not written as lines."""


def lines(wrong: WrongStage, derivation: Derivation) -> str:
    """The lines of NumPy that compute a wrong stage.

    They run where the forward values and the gradients that the user gave have their names. There are none if it would
    take too many, or something without a name.
    """
    return in_lines(_in_names(wrong, derivation, derivation.target), derivation.name)


def rule(wrong: WrongStage, derivation: Derivation, place: Operand) -> str:
    """The rule that was broken on the way to a wrong stage."""
    step = derivation.named_step(place)
    target = derivation.name if step is derivation.target else str(step.name)
    return f"{target} = {formula(_in_names(wrong, derivation, step).outputs[0], limit=WHOLE)}"


def _in_names(wrong: WrongStage, derivation: Derivation, step: Node) -> Graph:
    """What a step is computed by, from what the user has names for."""
    graph, node = wrong.graph, wrong.node
    whole = graph if wrong.forward else joint(graph)
    end = node if wrong.forward else whole.gradients[node]
    if step is not derivation.target:
        end = next(x for x in whole.nodes if x.rank == step.rank)
    names = {n: n.name or "" for n in graph.nodes if n is not node or not wrong.forward}
    if not wrong.forward:
        names |= {whole.gradients[n]: f"d{n.name}" for n in wrong.by_hand if n in whole.gradients and n is not node}
        names |= {up: called_upstream(graph, n) for n, up in whole.upstreams.items()}
    count = Counter(names.values())
    names = {n: name for n, name in names.items() if name and count[name] == 1}
    return without_copies(cut(whole, [end], names, names))


def in_lines(part: Graph, target: str) -> str:
    """The lines that compute a graph's result from its leaves, or ""."""
    result = part.outputs[0]
    if not target.isidentifier() or (result.is_leaf and result.name is None):
        return ""
    named = {x: x.name for x in part.nodes if x.is_leaf and x.name is not None and _is_name(x.name)}
    if any(x.is_leaf and x not in named and not _is_short(x) for x in part.nodes) or len(part.nodes) > MAX_OPS:
        return ""
    made = [f"{target} = {named[result]}"] if result in named else assignment(target, result, named, taught=True)
    return "\n".join(made) if len(made) <= MAX_LINES and max(map(len, made)) <= MAX_LINE else ""


def _is_name(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name) and name not in ("np", "mt")


def _is_short(x: Node) -> bool:
    """Whether a value without a name is short enough to be written out."""
    return x.value is not None and x.value.size > 0 and (x.value.size <= 16 or bool((x.value == x.value.flat[0]).all()))
