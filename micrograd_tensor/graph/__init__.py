"""The graph: an immutable view of what was recorded, which every reader takes instead of a Tensor's private parts."""

from .capture import graph
from .nodes import Graph, Node
from .replay import Replayed, replay_backward, replay_edge, replay_forward
from .rewrites import backward_graph

__all__ = ["Graph", "Node", "Replayed", "backward_graph", "graph", "replay_backward", "replay_edge", "replay_forward"]
