"""Draw: the picture of a recorded graph, values forward in black and gradients back in red.

`build` decides what is shown, `layout` where it goes, `route` how the wires run, and `paint` writes all of it as DOT,
which Graphviz paints (`render`); `svg` finishes what a browser shows. None of these is loaded before the first picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

from ..engine.tensor import Tensor
from ..graph import Graph
from ..graph.axes import AxisNames
from . import notebook as notebook  # gives graphs their rich display
from .errors import DrawError
from .options import Options

if TYPE_CHECKING:
    from .circuit import Circuit


__all__ = ["Circuit", "DrawError", "draw"]


class HasGraph(Protocol):
    """What has a graph to draw."""

    @property
    def graph(self) -> Graph:
        """The graph."""


def draw(
    outputs: Tensor | Sequence[Tensor] | Graph | HasGraph | BaseException | Callable[[], Any],
    upstream: Any = None,
    *,
    view: str = "overlay",
    at: Any = None,
    against: Any = None,
    detail: str = "full",
    depth: int | None = None,
    collapse: str | Sequence[str] = (),
    theme: str = "auto",
    dims: AxisNames | None = None,
    width: float | Literal["page"] | None = "page",
    engine: str = "own",
    scope: str | None = None,
) -> Circuit:
    """Draw the circuit of a recorded graph: values forward, and gradients back where an upstream is given.

    Args:
        outputs: a Tensor, a sequence of them, or a `Graph` that was captured from them; what has such a ``graph``: a
            compiled function, whose kernels are scopes, or a report of `compare`; or the error that an op raised, to
            see what was recorded before it, with the failed gate marked. A function without arguments, such as
            ``lambda: net(x)``, is called with all of its ops recorded, also those on data that ask for no gradients.
        upstream: the gradient of each output, of its shape; a sequence for several outputs.
        view: what is shown of the graph. "overlay" is both passes in one picture; "forward" and "backward" are one, the
            latter as the ops that it recorded; "steps" one small picture for each step; "gate" one gate or leaf with
            its arrays; "path" the paths from one value to another; "difference" what differs.
        at: for "gate" the number of a gate, the name of a value, a Tensor or a Node; for "path" two of these, or one,
            whose paths to the output are shown.
        against: for "difference" another Graph or Tensor, or the report of `compare`.
        detail: "full" writes shape, smallest and largest element on every wire, "shape" leaves out the elements, and
            "name" the shapes too.
        depth: how deeply scopes may be nested in the picture; deeper ones are drawn as boxes, at 0 all of them. Three
            or more equal boxes in a row are drawn once. Without this and collapse, a graph of more than 60 gates is
            drawn as deep as possible with no more gates than that, the first of equal boxes opened.
        collapse: scopes to draw as boxes: a path such as "net/layer1", or the end of one if that is unique.
        theme: "light", "dark", or "auto" to follow the page.
        dims: names for axes, such as ``{"N": ("x", 0)}``: a sum over that axis is then "Σ over N". By its length,
            ``{"N": 7}``, where only one axis of the inputs has that length.
        width: the maximum width in pixels; a longer circuit continues on the next line. "page" is 900, in the player
            1300, or more for a circuit that takes more; with None all of it is one line. "gate" and "path" do not take
            it: they are as wide as their arrays and their lists of paths.
        engine: "dot" has Graphviz's ``dot`` lay out the views "overlay" and "forward", as a plain graph in DOT that can
            be edited and laid out again; it sees to no overlaps, and depends on the fonts of the machine.
        scope: a scope to draw alone, by its path or the end of one: its gates between the values that come in and those
            that go out, with the gradients that arrive there as upstream. As large as the whole graph may be.

    Raises:
        DrawError: for an unknown scope, view or setting, and for more than 400 visible gates and boxes.
        GradientError: where the backward pass cannot be recorded, or a compiled function was not called yet.
        ShapeError: for an upstream of another shape.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> draw((x * x).named("y"), [1.0, 1.0])
    <circuit of y: 1 gate, 1 leaf, forward and backward; .save('circuit.svg') to look at it>
    """
    from .circuit import circuit_of

    paths = (collapse,) if isinstance(collapse, str) or not isinstance(collapse, Iterable) else tuple(collapse)
    options = Options(detail, theme, {} if dims is None else dims, width, depth, paths, at, against, engine, scope)
    return circuit_of(outputs, upstream, view, options)


if not TYPE_CHECKING:  # to a type checker, any name would exist

    def __getattr__(name: str) -> object:
        if name != "Circuit":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from .circuit import Circuit

        return Circuit
