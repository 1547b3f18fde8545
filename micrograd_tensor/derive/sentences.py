"""Sentences: the pattern by which a gate passes its gradient back, chosen by how algebra reads the gate's op."""

from __future__ import annotations

import math

from ..engine.row import (
    Choice,
    Contraction,
    Copy,
    Cumulation,
    Extremum,
    Function,
    Identity,
    Linear,
    Lookup,
    Permutation,
    Placement,
    Power,
    Product,
    Reading,
    Reduction,
    Reshape,
)
from ..graph import Node
from ..graph.axes import Dims
from ..notation import number
from ..notation.templates import axes_of

_REDUCTIONS = {
    "sum": "A sum hands its gradient to every element that it added: its reverse is a copy.",
    "mean": "A mean spreads its gradient evenly: each of the {count} elements receives it divided by {count}.",
    "prod": "A product hands to each factor its gradient times all the others.",
    "max": "A maximum routes: its gradient goes to the largest element, and the others receive none.",
    "min": "A minimum routes: its gradient goes to the smallest element, and the others receive none.",
}
_READINGS: dict[type[Reading], str] = {
    Power: "The base receives the exponent times the next lower power, the exponent the power times ln of the base.",
    Function: "Element by element: the gradient is multiplied by the derivative of the function.",
    Choice: "A choice routes: where the condition holds the gradient goes one way, elsewhere the other.",
    Cumulation: "Each element is in its own and all later sums, so their gradients add up from the other end.",
    Reshape: "The elements only stand in another shape, and their gradients go back to the shape that they had.",
    Permutation: "Axes are only reordered, and the gradient's are ordered back.",
    Copy: "A copy hands back the sum of the gradients of all copies.",
    Contraction: "A product that is summed: each factor receives the gradient times the other factor, summed "
    "over the axes that it lacks.",
    Lookup: "Each place that was read receives the gradient of what was read there; a place read twice receives both.",
    Placement: "Each element receives the gradient of the place that it was added into.",
    Identity: "The value is handed on as it is, and so is its gradient.",
}


def pattern(node: Node, dims: Dims) -> str:
    """The sentence for the op of a node; of an op without a reading, what its traits say.

    Args:
        node: that an op made.
        dims: the labels of axes.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> pattern(mt.graph(x * mt.tanh(x)).outputs[0], {})
    'A product swaps: each factor receives the gradient times the other factor.'
    """
    reading, op = node.reading, node.made_by
    varies = [i for i, x in enumerate(node.operands) if isinstance(x, Node) and (x.op or x.requires_grad)]
    alone = len(varies) == 1 < len(node.operands)
    match reading:
        case Linear((_,)):
            return "What changes the sign of a value changes the sign of its gradient."
        case Linear() if alone:
            return "A constant that is added or subtracted changes no gradient."
        case Linear(coefficients) if min(coefficients) < 0:
            return "A difference distributes: both operands receive the gradient, the subtracted one with a minus sign."
        case Linear():
            return "A sum of operands distributes: each of them receives the gradient as it is."
        case Product(exponents) if alone and exponents[varies[0]] == 1:
            return "A constant factor of a value is a factor of its gradient."
        case Product((1, 1)):
            return "A product swaps: each factor receives the gradient times the other factor."
        case Product((_, _)) if not alone:
            return "A quotient is a product with a reciprocal: the numerator receives the gradient times that."
        case Product():
            exponent = number(reading.exponents[-1])
            return f"A power: its exponent, {exponent}, comes down as a factor, and is one less in what remains."
        case Extremum(kind):
            which = "larger" if kind == "max" else "smaller"
            return f"The {which} of two routes: the gradient goes to the {which} one, and the other receives none."
        case Reduction(kind):
            return _REDUCTIONS[kind].format(count=_count(node, dims))
    for read_as, said in _READINGS.items():
        if isinstance(reading, read_as):
            return said
    if op.moves:
        return "Elements are moved, copied or left out: each receives the gradients of its copies, or 0 if it has none."
    if op.scatters:
        return "Each element receives the gradient of the place that it was added into."
    return "The rule is what the op itself recorded."


def _count(node: Node, dims: Dims) -> str:
    """How many elements a reduction makes one of, by the names of their axes where they all have names."""
    whose, axes = axes_of(node, node.params["axis"])
    labels = [dims[whose][axis] for axis in axes] if whose in dims else [None]
    return (
        " · ".join(map(str, labels)) if labels and None not in labels else str(math.prod(whose.shape[k] for k in axes))
    )
