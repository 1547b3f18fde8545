"""Gradients: how they flow through a compiled result, which is one recorded op, whose rule is compiled in its turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from ..engine.primitive import OPS
from ..engine.record import unwrap
from ..engine.row import PerOperand, Primitive, Trait
from ..engine.tensor import Tensor
from ..engine.walk import grad
from ..graph import Node
from ..graph.cut import needed
from ..graph.evaluate import evaluate
from .trace import Traced


class Gate(NamedTuple):
    """A compiled result as one op.

    Attributes:
        row: the op.
        inputs: the numbers of the inputs that it is computed from.
        live: of these, the places of those that gradients flow to.
    """

    row: Primitive
    inputs: Sequence[int]
    live: Sequence[int]


def gate(name: str, traced: Traced, output: int, compiled: Callable[..., Callable[..., Any]]) -> Gate:
    """The op that makes an output of a traced function from the inputs that it depends on.

    Args:
        name: of the function.
        traced: what it does.
        output: the number of the output.
        compiled: compiles a function.
    """
    graph, every = traced.graph, [*traced.inputs]
    target = graph.outputs[output]
    behind = set(needed([target]))
    numbers = [i for i, node in enumerate(every) if node in behind]
    inputs = [every[i] for i in numbers]
    reached = _reached(target)
    live = [k for k, node in enumerate(inputs) if node in reached]
    constants = {node: traced.values[node] for node in graph.nodes if node in traced.values}

    def forward(*arrays: Any) -> Any:
        given = {node: t._data for node, t in constants.items()} | dict(zip(inputs, arrays, strict=True))
        return evaluate(graph, given, targets=[target])[target]

    @cache
    def backward(create_graph: bool) -> Callable[..., Any]:
        def gradients(g: Any, *operands: Any) -> tuple[Any, ...]:
            for k in live:
                if operands[k].is_leaf:  # given as an array
                    operands[k].requires_grad_()
            y = _replayed(target, {**constants, **dict(zip(inputs, operands, strict=True))})
            return grad(y, [operands[k] for k in live], g, create_graph=create_graph)

        gradients.__name__ = f"gradients_of_{name}"
        return compiled(gradients)

    def rule(g: Any, _y: Any, *operands: Any) -> Callable[[int], Any]:
        recorded = isinstance(g, Tensor)
        found = dict(zip(live, backward(recorded)(g, *operands), strict=True))
        return lambda k: found[k] if recorded else unwrap(found[k])

    row = Primitive(
        name=name,
        symbol=name,
        notation=f"{name}({{*}})",
        forward=forward,
        vjps=PerOperand(rule),
        parameters={},
        source=f"{name}({{*}})",
        traits=Trait.ANALYTIC,
    )
    return Gate(row, numbers, live)


def _reached(target: Node) -> set[Node]:
    """The nodes that a gradient of the target arrives at."""
    found, stack = {target}, [target]
    while stack:
        node = stack.pop()
        for i, x in enumerate(node.operands):
            if isinstance(x, Node) and x.requires_grad and x not in found and node.made_by.vjps[i] is not None:
                found.add(x)
                stack.append(x)
    return found


def _replayed(target: Node, given: dict[Node, Any]) -> Any:
    """A node of a graph, recorded anew from other Tensors."""
    made = dict(given)
    for node in needed([target], given):
        operands = [made[x] if isinstance(x, Node) else x for x in node.operands]
        made[node] = OPS[node.made_by.name](*operands, **node.params)
    return made[target]
