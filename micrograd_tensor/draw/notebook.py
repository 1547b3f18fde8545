"""Notebook: graphs are displayed as circuits there, though `Graph` knows of no pictures; tensors as their short repr.

To display an object, a notebook calls its ``_repr_html_``. Graphs get theirs here, and are drawn when it is called.
"""

from __future__ import annotations

from ..graph import Graph
from .options import Options


def of_graph(graph: Graph) -> str | None:
    """The picture of a graph, or None if it cannot be drawn.

    >>> import micrograd_tensor as mt
    >>> "<img" in (of_graph(mt.graph(mt.tensor(1.0, name="x", requires_grad=True) * 2.0)) or "")
    True
    """
    from .circuit import circuit_of

    try:
        return circuit_of(graph, None, "overlay", Options())._repr_html_()
    except Exception:  # a notebook then shows the repr
        return None


setattr(Graph, "_repr_html_", of_graph)  # noqa: B010 -- the class, of a lower floor, declares no such method
