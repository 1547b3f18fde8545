"""Oracles: the slope of the result along a direction of an input, from sources that share no code.

The recorded backward pass gives it as ``⟨gradient, direction⟩``; a complex step and central differences get it by
replaying the forward pass with the input moved. What no gradient flows through, such as a mask or `stop_gradient`, is
held as it was recorded. Where the sources disagree, nothing that is compared with the recorded pass can be trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..graph import Graph, Node, evaluate, named_nodes
from .found import Oracle
from .numerical import central_differences, complex_step
from .rounding import Tolerances

_ENOUGH = 1e-6
"""The relative error bar of a slope that is good enough."""
_MAX_INPUTS = 16
"""How many inputs are examined one by one; the others are moved together along one direction."""


@np.errstate(all="ignore")
def oracles(graph: Graph, recorded: Tolerances, seed: int = 0) -> tuple[Oracle, ...]:
    """Three slopes for each input of a graph, along a random direction; those that disagree first.

    Args:
        graph: captured with an upstream and with its values.
        recorded: what rounding can do to the recorded gradients.
        seed: of the directions.
    """
    rng = np.random.default_rng(seed)
    named = {node: name for name, node in named_nodes(graph).items()}
    leaves = [n for n in graph.gradients if n.is_leaf and n.requires_grad and n.dtype.kind == "f" and n.value.size]
    leaves.sort(key=lambda n: n.rank)
    groups = [[leaf] for leaf in leaves[:_MAX_INPUTS]] + ([leaves[_MAX_INPUTS:]] if leaves[_MAX_INPUTS:] else [])
    noise, eps = 0.0, float(np.finfo(np.float64).eps)  # all in float64, whatever the graph's dtype
    moved = recorded.passes.moved(graph.upstreams)
    for node, upstream in graph.upstreams.items():
        noise += 16.0 * eps * float(np.sum(np.abs(upstream.value * node.value)))
        if node.dtype.kind == "f":
            finer = min(1.0, eps / float(np.finfo(node.dtype).eps))
            noise += float(np.sum(np.abs(upstream.value) * moved[node])) * finer
    found = []
    for group in groups:
        directions = {leaf: rng.standard_normal(leaf.shape) * _size(leaf.value) for leaf in group}
        name = ", ".join(named.get(leaf, f"leaf {leaf.rank}") for leaf in group)
        found.append(_oracle(graph, name, directions, recorded.absolute, noise))
    return tuple(sorted(found, key=lambda oracle: oracle.agree))


def _size(value: Any) -> float:
    """A natural step size: the spread of the numbers, or their magnitude if they are all alike."""
    spread = float(np.std(np.asarray(value, np.float64)))
    size = spread if spread > 0 else float(np.abs(value).max())
    return size if np.isfinite(size) and size > 0 else 1.0


def _oracle(
    graph: Graph, name: str, directions: Mapping[Node, Any], allowed: Mapping[Node, Any], noise: float
) -> Oracle:
    recorded = rounding = 0.0
    for leaf, direction in directions.items():
        recorded += float(np.sum(np.asarray(graph.gradients[leaf].value, np.float64) * direction))
        # The replays run in float64 even where the graph does not.
        coarser = max(1.0, float(np.finfo(np.float64).eps) / float(np.finfo(leaf.dtype).eps))
        rounding += float(np.sum(np.abs(direction) * allowed[leaf])) * coarser
    along, analytic = _along(graph, directions)
    by_complex_step = complex_step(along).value if analytic else None
    differences, bar, *_ = central_differences(along, noise, _ENOUGH)
    near_step = by_complex_step is None or _close(recorded, by_complex_step, rounding)
    # An error bar as large as the slope itself proves nothing, either way.
    near_differences = _close(recorded, differences, 2.0 * rounding + 4.0 * bar) or bar > 0.1 * abs(differences)
    text = ""
    if not near_step and near_differences:
        text = f"d{name}: the complex step gives another slope than the recorded rules and central differences"
    elif not near_step:
        text = f"d{name}: the recorded rules give {recorded:.6g}, but numerically the slope is {by_complex_step:.6g}"
    elif not near_differences:
        text = f"d{name}: the recorded rules give {recorded:.6g}, but central differences {differences:.6g} ± {bar:.1g}"
        if by_complex_step is not None or not analytic:
            text += "; this point may lie at a kink or a jump"
    return Oracle(name, recorded, by_complex_step, differences, bar, near_step and near_differences, text)


def _close(a: float, b: float, allowed: float) -> bool:
    return bool(abs(a - b) <= allowed) or (np.isnan(a) and np.isnan(b)) or a == b


def _along(graph: Graph, directions: Mapping[Node, Any]) -> tuple[Callable[[complex], list[Any]], bool]:
    """The weighted outputs as a function of how far inputs are moved along directions, and whether it is analytic."""
    moved, held, analytic, ends = set(directions), dict[Node, Any](), True, graph.upstreams
    for node in graph.nodes:
        if node.op is None:
            if node not in moved and node.dtype.kind == "f":
                held[node] = np.asarray(node.value).astype(np.float64)
        elif any(x in moved for x in node.inputs):
            if node in graph.gradients:
                moved.add(node)
                analytic &= node.op.analytic and node.dtype.kind == "f"
            else:
                held[node] = node.value

    def at(t: complex) -> list[Any]:
        def moved(leaf: Node) -> Any:
            return np.asarray(leaf.value, np.float64) + t * directions[leaf]

        made = evaluate(graph, held | {leaf: moved(leaf) for leaf in directions}, targets=ends, keep=ends)
        made |= {leaf: moved(leaf) for leaf in directions if leaf in made}
        return [np.sum(np.asarray(made[node]) * g.value) for node, g in graph.upstreams.items()]

    return at, analytic
