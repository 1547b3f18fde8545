"""Circuit: draw a recorded graph, show it, and save it as SVG, PNG, PDF or DOT."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ..derive.formula import plain
from ..engine.errors import describe
from ..engine.tensor import Tensor
from ..engine.walk import history
from ..graph import Graph
from ..graph import graph as capture
from .errors import DrawError, NoRendererError
from .options import Options
from .render import render
from .svg import finish
from .views import VIEWS

LIMIT = 400
"""The greatest number of gates in a picture; beyond, there is nothing to be seen in it."""

FORMATS = ("svg", "png", "pdf", "dot")


class Circuit:
    """The picture of a recorded graph. Make one with `draw`; Jupyter shows it by itself.

    Attributes:
        dot: the picture as DOT text with final positions, which any Graphviz paints alike.
        svg: the picture as SVG text, for light and dark pages.
    """

    def __init__(self, graph: Graph, view: str = "overlay", options: Options | None = None) -> None:
        if view not in VIEWS:
            raise DrawError(f"draw: view={view!r} is none of {', '.join(map(repr, VIEWS))}")
        self._painting = VIEWS[view](graph, options or Options())
        self._called = ", ".join(plain(out.name) if out.name else "output" for out in graph.outputs)

    @property
    def dot(self) -> str:
        """The picture as DOT text with final positions, which any Graphviz paints alike."""
        return self._painting.dot

    @cached_property
    def svg(self) -> str:
        """The picture as SVG text.

        Raises:
            DrawError: where there is no Graphviz to paint it.
        """
        return finish(render(self.dot, "svg"), self._painting, f"Circuit of {self._called}", self._painting.description)

    def save(self, path: str | os.PathLike[str], format: str | None = None) -> Path:  # noqa: A002 -- as Matplotlib calls it
        """Save the picture, in the format that the suffix of the path names: ``.svg``, ``.png``, ``.pdf`` or ``.dot``.

        An existing file is replaced once the new one is whole. Where there is no Graphviz to paint the picture, the DOT
        text is saved beside the path.

        Args:
            path: where to save it.
            format: one of the four, whatever the suffix.

        Returns:
            The path.

        Raises:
            DrawError: for an unknown suffix, a path that cannot be written to, or without Graphviz.

        >>> import micrograd_tensor as mt
        >>> from tempfile import TemporaryDirectory
        >>> x = mt.tensor(3.0, name="x", requires_grad=True)
        >>> with TemporaryDirectory() as folder:
        ...     draw(x * x, 1.0).save(f"{folder}/square.dot").name
        'square.dot'
        """
        path = Path(path)
        kind = (path.suffix if format is None else format).lower().removeprefix(".")
        if kind not in FORMATS:
            asked = f"format={format!r}" if format is not None else f"{path.name!r}"
            raise DrawError(f"save: {asked} names none of the formats .svg, .png, .pdf and .dot")
        try:
            content = self._content(kind)
        except NoRendererError as error:
            beside = path.with_suffix(".dot")
            _write(beside, self.dot.encode())
            raise DrawError(f"save: {error}. The DOT text is in {beside}") from None
        _write(path, content)
        return path

    def _content(self, kind: str) -> bytes:
        if kind == "dot":
            return self.dot.encode()
        return self.svg.encode() if kind == "svg" else render(self.dot, kind)

    def _repr_svg_(self) -> str | None:
        try:
            return self.svg
        except NoRendererError:
            return None

    def __repr__(self) -> str:
        return f"<circuit of {self._called}: {self._painting.description}; .save('circuit.svg') to look at it>"


def draw(
    outputs: Tensor | Sequence[Tensor] | Graph,
    upstream: Any = None,
    *,
    view: str = "overlay",
    at: Any = None,
    against: Any = None,
    detail: str = "full",
    depth: int | None = None,
    collapse: str | Sequence[str] = (),
    theme: str = "auto",
    dims: Mapping[str, int] | None = None,
    width: float | None = None,
) -> Circuit:
    """Draw the circuit of a recorded graph: values forward, and gradients back where an upstream is given.

    Args:
        outputs: a Tensor, a sequence of them, or a `Graph` that was captured from them.
        upstream: gradient with respect to each output, of its shape; a sequence for several outputs.
        view: what is shown of the graph; "overlay" shows all of it, in both directions.
        at: the part of the graph that a view of one part shows.
        against: what a view of differences compares the graph with.
        detail: "full" says on every wire its shape and the smallest and largest element, "shape" leaves the elements
            out, "name" the shapes too.
        depth: how deep scopes may be nested in the picture; deeper ones are boxes.
        collapse: paths of scopes that are shown as boxes.
        theme: "light", "dark", or "auto" for what the page is.
        dims: names for lengths, such as ``{"N": 7}``: a sum over an axis of that length is then "Σ over N".
        width: the greatest width in pixels; what is longer goes on in a further line of the circuit.

    Raises:
        DrawError: for more than 400 gates.
        GradientError: where the backward pass cannot be recorded.
        ShapeError: for an upstream of another shape.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> draw((x * x).named("y"), [1.0, 1.0])
    <circuit of y: 1 gate, 1 leaf, forward and backward; .save('circuit.svg') to look at it>
    """
    paths = (collapse,) if isinstance(collapse, str) else tuple(collapse)
    options = Options(detail, theme, dims or {}, width, depth, paths, at, against)
    if isinstance(outputs, Graph):
        if upstream is not None:
            raise DrawError("draw: a Graph has its upstream already; give it to mt.graph(...), or draw the Tensors")
        _check_size(sum(node.op is not None for node in outputs.nodes))
        return Circuit(outputs, view, options)
    outs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    for out in outs:
        if not isinstance(out, Tensor):
            raise DrawError(f"draw: {describe(out)} is neither a Tensor nor a Graph, so there is nothing to draw")
    if not outs:
        raise DrawError("draw: no outputs were given; give one Tensor at least")
    _check_size(sum(tensor.op is not None for tensor in history(outs)))
    return Circuit(capture(outputs, upstream), view, options)


def _check_size(gates: int) -> None:
    if gates > LIMIT:
        raise DrawError(
            f"draw: this graph has {gates:,} gates, and a picture shows {LIMIT} at most; "
            "draw a smaller part of it, such as the output of one layer"
        )


def _write(path: Path, content: bytes) -> None:
    """Write a file so that whoever looks finds the old content or the new, and never a part of it."""
    if path.is_dir():
        raise DrawError(f"save: {path} is a folder; give a file in it, such as {path / 'circuit.svg'}")
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        try:
            with unfinished.open("xb") as file:
                file.write(content)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise DrawError(f"save: cannot write {path}: {error.strerror or error}") from error
