"""Derive: the derivation of a recorded graph, as people write it: gate by gate, forward and then back.

`steps` says what there is in each step, in the numbers and names of the circuit; pages and programs are made of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..engine.tensor import Tensor
from ..graph import Graph
from ..graph.axes import AxisNames

if TYPE_CHECKING:
    from .derivation import Derivation

__all__ = ["derive"]


def derive(
    outputs: Tensor | Sequence[Tensor] | Graph,
    upstream: Any = None,
    dims: AxisNames | None = None,
    *,
    exercise: bool = False,
    symbols: Mapping[str, str] | None = None,
) -> Derivation:
    """Derive the gradients of a recorded graph step by step.

    The tensors stay as they are; their ``.grad`` is not touched.

    Args:
        outputs: a Tensor, a sequence of them, or a graph that was captured with its backward pass.
        upstream: the gradient of each output, of its shape; a sequence for several outputs. By default it is 1 for a
            single number, and otherwise random: the derivation is for any upstream, which only its check makes use of.
        dims: names for axes, which shapes and sums then show: ``{"N": ("x", 0), "D": ("x", 1)}`` or ``{"N": 7}``.
        exercise: leave the backward pass blank, for others to fill in.
        symbols: what formulas write for names, such as ``{"x_norm": "x̂", "var": "σ²"}``; code keeps the names.

    Returns:
        A `Derivation`: its ``steps`` and ``closed_form``; the texts ``markdown``, ``latex``, ``beamer``, ``html``,
        ``notebook`` and ``numpy``, which ``save`` writes to files; and, printed, a listing.

    Raises:
        GradientError: where an output needs no gradients, so that there is nothing to derive, for a graph without a
            backward pass or without values, and for symbols that are no text, or of names that there are not or that
            are another value's.
        ShapeError: for an upstream of another shape, or for dims that name no axis.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([3.0, 4.0], name="x", requires_grad=True)
    >>> page = mt.derive(mt.mean(mt.square(x).named("s")).named("y"))
    >>> [(step.number, step.name) for step in page.steps]
    [(1, 's'), (2, 'y'), (2, 'y'), (1, 's')]
    >>> page.steps[2].sentence
    'A mean spreads its gradient evenly: each of the 2 elements receives it divided by 2.'
    """
    from .derivation import derivation  # loaded with the first derivation

    return derivation(outputs, upstream, dims, exercise, symbols)
