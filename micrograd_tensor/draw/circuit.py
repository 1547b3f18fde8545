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
from .build import scene
from .errors import DrawError, NoRendererError
from .legend import legend
from .paint import paint
from .place import place
from .render import render
from .scene import Scene
from .svg import finish

LIMIT = 400
"""The greatest number of gates in a picture; beyond, there is nothing to be seen in it."""

FORMATS = ("svg", "png", "pdf", "dot")


class Circuit:
    """The picture of a recorded graph. Make one with `draw`; Jupyter shows it by itself.

    Attributes:
        dot: the picture as DOT text with final positions, which any Graphviz paints alike.
        svg: the picture as SVG text, for light and dark pages.
    """

    def __init__(self, graph: Graph, *, values: bool = True, dims: Mapping[str, int] | None = None) -> None:
        self._scene = scene(graph, values, dims)
        layout = place(self._scene)
        entries = legend(self._scene, layout)
        self._painting = paint(self._scene, layout, entries)
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
        return finish(render(self.dot, "svg"), self._painting, f"Circuit of {self._called}", _described(self._scene))

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
        return f"<circuit of {self._called}: {_described(self._scene)}; .save('circuit.svg') to look at it>"


def draw(
    outputs: Tensor | Sequence[Tensor] | Graph,
    upstream: Any = None,
    *,
    values: bool = True,
    dims: Mapping[str, int] | None = None,
) -> Circuit:
    """Draw the circuit of a recorded graph: values forward, and gradients back where an upstream is given.

    Args:
        outputs: a Tensor, a sequence of them, or a `Graph` that was captured from them.
        upstream: gradient with respect to each output, of its shape; a sequence for several outputs.
        values: show the smallest and largest element of every array.
        dims: names for lengths, such as ``{"N": 7}``: a sum over an axis of that length is then "Σ over N".

    Raises:
        DrawError: for more than 400 gates.
        GradientError: where the backward pass cannot be recorded.
        ShapeError: for an upstream of another shape.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> draw((x * x).named("y"), [1.0, 1.0])
    <circuit of y: 1 gate, 1 leaf, forward and backward; .save('circuit.svg') to look at it>
    """
    if isinstance(outputs, Graph):
        if upstream is not None:
            raise DrawError("draw: a Graph has its upstream already; give it to mt.graph(...), or draw the Tensors")
        _check_size(sum(node.op is not None for node in outputs.nodes))
        return Circuit(outputs, values=values, dims=dims)
    outs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    for out in outs:
        if not isinstance(out, Tensor):
            raise DrawError(f"draw: {describe(out)} is neither a Tensor nor a Graph, so there is nothing to draw")
    if not outs:
        raise DrawError("draw: no outputs were given; give one Tensor at least")
    _check_size(sum(tensor.op is not None for tensor in history(outs)))
    return Circuit(capture(outputs, upstream), values=values, dims=dims)


def _check_size(gates: int) -> None:
    if gates > LIMIT:
        raise DrawError(
            f"draw: this graph has {gates:,} gates, and a picture shows {LIMIT} at most; "
            "draw a smaller part of it, such as the output of one layer"
        )


def _described(shown: Scene) -> str:
    counts = {
        "gate": sum(item.kind == "gate" for item in shown.items),
        "leaf": sum(item.kind in ("data", "param", "constant") for item in shown.items),
    }
    words = [f"{n} {what if n == 1 else {'leaf': 'leaves'}.get(what, what + 's')}" for what, n in counts.items()]
    return f"{', '.join(words)}, {'forward and backward' if shown.backward else 'forward only'}"


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
