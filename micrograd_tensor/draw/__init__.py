"""Draw: the picture of a recorded graph, values forward in black and gradients back in red.

`scene` says what is shown, `rows` and `place` where it stands, `route` how the wires run, and `paint` writes all of it
down as DOT, which Graphviz paints (`render`); `svg` finishes what a browser shows.
"""

from . import notebook as notebook  # lends its methods to graphs and tensors
from .circuit import Circuit, draw
from .errors import DrawError

__all__ = ["Circuit", "DrawError", "draw"]
