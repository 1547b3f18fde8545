"""Notebook: graphs, and tensors with small graphs, are displayed as circuits, though neither knows of pictures.

To display an object, a notebook calls its ``_repr_html_``. Both classes get theirs here; they draw only when called.
"""

from __future__ import annotations

from html import escape

from ..engine.tensor import Tensor
from ..graph import Graph
from .options import Options

MAX_SHOWN = 60
"""The maximum number of gates; a tensor that depends on more is displayed as its values alone."""


def of_graph(graph: Graph) -> str | None:
    """The picture of a graph, or None if it cannot be drawn."""
    try:
        return _picture(graph)
    except Exception:  # a notebook then shows the repr
        return None


def of_tensor(tensor: Tensor) -> str | None:
    """The values of a tensor and the picture of what made it, or None where nothing did, or too much.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x")
    >>> of_tensor(x) is None, "<svg" in (of_tensor(x * x + x) or "")
    (True, False)
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> "<svg" in (of_tensor(x * x + x) or "")
    True
    """
    try:
        if not 0 < _gates(tensor) <= MAX_SHOWN:
            return None
        picture = _picture(tensor)
        return picture and f"<pre>{escape(repr(tensor))}</pre>{picture}"
    except Exception:  # as above
        return None


def _picture(shown: Graph | Tensor) -> str | None:
    from .circuit import circuit_of

    return circuit_of(shown, None, "overlay", Options())._repr_html_()


def _gates(tensor: Tensor) -> int:
    """The number of gates that a tensor depends on, counted only as far as it matters."""
    seen, waiting, gates = {tensor}, [tensor], 0
    while waiting and gates <= MAX_SHOWN:
        this = waiting.pop()
        gates += this.op is not None
        for x in this.operands:
            if isinstance(x, Tensor) and x not in seen:
                seen.add(x)
                waiting.append(x)
    return gates


for _kind, _method in ((Graph, of_graph), (Tensor, of_tensor)):
    setattr(_kind, "_repr_html_", _method)  # noqa: B010 -- the classes, of lower floors, declare no such method
