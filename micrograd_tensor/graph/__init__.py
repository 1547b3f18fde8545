"""The graph: an immutable view of what was recorded, which every reader takes instead of a Tensor's private parts."""

from .capture import graph
from .cut import cut
from .evaluate import evaluate, evaluate_backward, pull_back
from .joint import joint
from .nodes import Graph, Node, named_nodes
from .rewrites import backward_graph, without_copies

__all__ = [
    "Graph",
    "Node",
    "backward_graph",
    "cut",
    "evaluate",
    "evaluate_backward",
    "graph",
    "joint",
    "named_nodes",
    "pull_back",
    "without_copies",
]
