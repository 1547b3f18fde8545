"""The graph: an immutable view of what was recorded, which every reader takes instead of a Tensor's private parts."""

from .capture import graph
from .nodes import Graph, Node

__all__ = ["Graph", "Node", "graph"]
