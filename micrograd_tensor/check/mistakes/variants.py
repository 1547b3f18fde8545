"""Variants: a stage's derivation as it was recorded, and in the other forms in which people write it.

A change of ``σ(x)·(1 − σ(x))`` is no change of what was recorded for ``1/(1 + exp(−x))``, nor one of ``x/n²`` one of
``y/n``. Each form is a derivation of its own, which the same hypotheses change.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import islice
from typing import Any

import numpy as np

from ...engine.record import leaf
from ...engine.recording import record_all
from ...engine.row import Copy, Function, Linear, Power, Product, Reshape
from ...graph import Graph, Node
from ...graph import graph as captured
from ...graph.cut import needed
from .derivation import MANY, Derivation, Values, called_forward, gradient_of

MAX_APART = 8
"""So many values are computed again, each in a variant of its own."""

_COMPUTED = Linear | Product | Power | Function | Copy | Reshape


def computed_again(graph: Graph, derivation: Derivation, given: Collection[Node]) -> Iterator[Derivation]:
    """The same derivation with a forward value that it uses computed from the named ones before it.

    Values that a loop makes again and again are computed again together.

    Args:
        graph: captured with an upstream and with its values.
        derivation: of a gradient.
        given: the nodes whose gradients are known.
    """
    named = {node for node in graph.nodes if node.name is not None}
    values = [derivation.origins.get(x) for x in derivation.leaves if x not in derivation.gradients]
    alike: dict[Any, list[Node]] = {}
    for node in values:
        if node is not None and isinstance(node.reading, _COMPUTED):
            kinds = tuple((x.op, x.shape) if isinstance(x, Node) else x for x in node.operands)
            alike.setdefault((node.op, node.shape, kinds), []).append(node)
    groups = [nodes if len(nodes) >= MANY else [node] for nodes in alike.values() for node in nodes]
    for nodes in islice(dict.fromkeys(map(tuple, groups)), MAX_APART):
        apart = {x for node in nodes for x in needed([node], named - {*nodes}) if isinstance(x.reading, _COMPUTED)}
        yield gradient_of(graph, derivation.stage, given, apart)


_SLOPES: tuple[Callable[..., Any], ...] = (
    lambda g, _, y: g * y * (1 - y),
    lambda g, _, y: g * (1 - y**2),
    lambda g, x, _: g * (x > 0),
    lambda g, x, _: g / (1 + np.exp(-x)),
)
"""A gradient times the derivative of y by x, as it is written."""


def as_written(values: Values, elsewhere: Values) -> Derivation | None:
    """The usual form of the derivative of a function that was recorded as several ops, or otherwise.

    Args:
        values: of the recorded derivation.
        elsewhere: at a generic point.
    """
    derivation = values.derivation
    arriving = [x for x in derivation.leaves if x in derivation.gradients]
    if not derivation.backward or len(arriving) != 1 or arriving[0] is derivation.target:
        return None
    (g,), stage = arriving, derivation.stage
    result = derivation.origins.get(g)
    if result is None or g.shape != stage.shape or not {stage, result} <= {*values.own} & {*elsewhere.own}:
        return None
    for form in _SLOPES:
        if all(_equals(v, g, stage, result, form) for v in (values, elsewhere)):
            return _recorded(form, derivation, g, result)
    return None


def _equals(v: Values, g: Node, stage: Node, result: Node, form: Callable[..., Any]) -> bool:
    with np.errstate(all="ignore"):
        made = form(v[g], v[v.own[stage]], v[v.own[result]])
        return bool(np.allclose(made, v.target, rtol=1e-9, atol=1e-13 * float(np.abs(v.target).max(initial=0.0))))


def _recorded(form: Callable[..., Any], derivation: Derivation, g: Node, result: Node) -> Derivation:
    stage = derivation.stage
    named = {str(g.name): result, called_forward(stage): stage, called_forward(result): result}
    with record_all():
        tensors = [leaf(np.array(n.value), requires_grad=True) for n in (g, stage, result)]
        for tensor, name in zip(tensors, (str(g.name), called_forward(stage), called_forward(result)), strict=True):
            tensor.named(name)
        part = captured(form(*tensors))
    origins = {x: named[x.name] for x in part.nodes if x.is_leaf and x.name is not None}
    gradients = frozenset(x for x in part.nodes if x.is_leaf and x.name == g.name)
    upstreams = gradients if g in derivation.upstreams else frozenset()
    return Derivation(part, stage, origins, gradients, upstreams, backward=True)
