"""Circuit: draw a recorded graph, show it, and save it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from html import escape
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.errors import describe
from ..engine.files import atomic_write
from ..engine.recording import record_all
from ..engine.tensor import Tensor
from ..engine.walk import ancestors
from ..graph import Graph
from ..graph import graph as capture
from ..notation import printable
from .ascii import WIDTH, listing
from .canvas import Painting
from .collapse import LIMIT
from .collapse import collapse as collapsed
from .display import Html, display, frame, image, in_notebook, opened
from .errors import DrawError, NoRendererError
from .failure import failed_graph, tensors_behind
from .html import page
from .inline import inline
from .insides import Picture
from .module import module
from .options import PAGE, WINDOW, Options
from .plain import finish_plain
from .raster import plain_raster, raster
from .render import render
from .svg import finish
from .theme import in_theme
from .views import VIEWS

FORMATS = ("svg", "png", "pdf", "html", "dot", "txt")

MAX_LISTED = 4000
"""The maximum number of gates in a listing."""


class Circuit:
    """The picture of a recorded graph. Made by `draw`, displayed by Jupyter.

    Attributes:
        dot: the picture as DOT text with final positions, which every Graphviz paints the same way.
        svg: the picture as SVG text, for light and dark pages.
        text: the circuit as a listing for terminals.
    """

    def __init__(self, graph: Graph, view: str = "overlay", options: Options | None = None) -> None:
        self._graph, self._view, self._options = graph, view, options or Options()
        VIEWS[view].check(self._options)
        if view != "ascii":  # whose picture is made only on demand
            _ = self._painting
        self._called = (
            ", ".join(printable(out.name) if out.name else "output" for out in graph.outputs) or "an unfinished graph"
        )

    @cached_property
    def _painting(self) -> Painting:
        return VIEWS[self._view](self._graph, self._options)

    @property
    def dot(self) -> str:
        """The picture as DOT text with final positions, which every Graphviz paints the same way."""
        return in_theme(self._painting.dot, self._options.theme)

    @cached_property
    def svg(self) -> str:
        """The picture as SVG text.

        Raises:
            DrawError: where there is no Graphviz to paint it.
        """
        painting = self._painting
        painted = render(painting.shapes if painting.placed else painting.dot, "svg", placed=painting.placed)
        title, said = f"Circuit of {self._called}", self.description
        return (finish if painting.placed else finish_plain)(painted, painting, title, said, self._options.theme)

    @property
    def text(self) -> str:
        """The circuit as a listing for terminals, of 100 columns, or of ``width`` in the view "ascii"."""
        return self.listing()

    def listing(self, encoding: str = "utf-8") -> str:
        """The listing, spelled in ASCII if a terminal's encoding, such as "cp1252", lacks any of its signs."""
        width = self._options.width if self._view == "ascii" else None
        title, columns = f"Circuit of {self._called}", WIDTH if width in ("page", None) else int(width)
        text = listing(self._graph, title, self._options, columns)
        try:
            text.encode(encoding)
        except UnicodeEncodeError:
            text = listing(self._graph, title, self._options, columns, spell=True)
        return text

    @property
    def description(self) -> str:
        """What the picture shows, in a few words."""
        return self._painting.description

    def inline(self, prefix: str | None = None) -> str:
        """The picture as SVG text for an HTML page that holds others: its ids and style rules do not clash with theirs.

        Args:
            prefix: the start of each id, such as "first" for ``first-node-7``; by default derived from the picture.

        Raises:
            DrawError: for a prefix that cannot begin an id, or without Graphviz.
        """
        return inline(self.svg, prefix)

    def save(self, path: str | os.PathLike[str], format: str | None = None) -> Path:  # noqa: A002 -- as Matplotlib calls it
        """Save the picture, in the format that the suffix of the path names.

        ``.svg`` follows light and dark pages. ``.png``, two pixels for each of the SVG's, and ``.pdf`` look the same;
        they are light unless ``theme`` is "dark". ``.html`` plays forward and backward pass gate by gate, ``.dot`` is
        text for Graphviz, and ``.txt`` the listing for terminals.

        An existing file is replaced once the new one is complete. Without Graphviz to paint the picture, the DOT text
        is saved next to the path.

        Args:
            path: where to save it.
            format: one of the six, whatever the suffix.

        Returns:
            The path.

        Raises:
            DrawError: for an unknown suffix, a path that cannot be written to, or without Graphviz.

        >>> import micrograd_tensor as mt
        >>> from tempfile import TemporaryDirectory
        >>> x = mt.tensor(3.0, name="x", requires_grad=True)
        >>> with TemporaryDirectory() as folder:
        ...     mt.draw(x * x, 1.0).save(f"{folder}/square.dot").name
        'square.dot'
        """
        path = Path(path)
        kind = format_of(path, format)
        try:
            content = self._content(kind)
        except NoRendererError as error:
            beside = path.with_suffix(".dot")
            if beside.exists():
                raise DrawError(f"save: {error}. format='dot' saves the DOT text") from None
            write(beside, self.dot.encode())
            raise DrawError(f"save: {error}. The DOT text is in {beside}") from None
        write(path, content)
        return path

    def show(self) -> None:
        """Display the picture: in a notebook, or else in the browser.

        Raises:
            DrawError: without Graphviz, or where no browser can be opened.
        """
        if in_notebook():
            display(self)
        else:
            opened("show", self.svg, ".svg")

    def play(self) -> None:
        """Display the page that plays forward and backward pass gate by gate: in a notebook, or else in the browser.

        Raises:
            DrawError: without Graphviz, or where no browser can be opened.
        """
        if in_notebook():
            display(Html(frame(self._page(PAGE), f"Circuit of {self._called}")))
        else:
            opened("play", self._page(WINDOW), ".html")

    def _content(self, kind: str) -> bytes:
        if kind == "dot":
            return self.dot.encode()
        if kind == "svg":
            return self.svg.encode()
        if kind == "txt":
            return self.text.encode()
        if kind == "html":
            return self._page(WINDOW).encode()
        if not self._painting.placed:
            _ = self.svg  # which tells how large it is
            width, height = self._painting.width, self._painting.height
            return plain_raster(self.dot, width, height, kind, f"Circuit of {self._called}")
        return raster(self._painting.shapes, self.svg, kind, self._options.theme)

    def _page(self, width: float) -> str:
        """The page with the player, for a place of some width."""
        options = replace(self._options, page=width, numbered=True)
        try:
            picture = drawn(self._graph, options, self._view)
        except DrawError:  # the names of numbered values may take more room than is given
            picture = Picture(self.svg, self._painting.frames)
        return page(self._graph, picture, f"Circuit of {self._called}", self._view, options, drawn)

    def _repr_svg_(self) -> str | None:
        try:
            return None if self._view == "ascii" else self.inline()
        except Exception:  # a notebook then shows the repr
            return None

    def _repr_html_(self) -> str | None:
        if self._view == "ascii":
            return f'<pre style="font-family:monospace">{escape(self.text)}</pre>'
        try:
            return image(self.svg, self._painting.width, f"Circuit of {self._called}: {self.description}")
        except Exception:  # as above
            return None

    def __repr__(self) -> str:
        if self._view == "ascii":
            return self.text
        return f"<circuit of {self._called}: {self.description}; .save('circuit.svg') to look at it>"


def drawn(graph: Graph, options: Options, view: str = "overlay") -> Picture:
    """The circuit of a graph as SVG text, with its frames."""
    circuit = Circuit(graph, view, options)
    return Picture(circuit.svg, circuit._painting.frames)


def circuit_of(outputs: Any, upstream: Any, view: str, options: Options) -> Circuit:
    """What `draw` returns, for checked options."""
    if not isinstance(view, str) or view not in VIEWS:
        raise DrawError(f"draw: view={view!r} is not one of {', '.join(map(repr, VIEWS))}")
    own = getattr(outputs, "graph", None)
    outputs = own if isinstance(own, Graph) else outputs
    if callable(outputs) and not isinstance(outputs, (Tensor, type)):
        outputs = _run(outputs)
    if isinstance(outputs, BaseException):
        if options.scope is not None:
            raise DrawError(f"draw: scope={options.scope!r}: an error is drawn with all that came before it")
        if upstream is not None or view not in ("overlay", "forward"):
            raise DrawError(
                "draw: an error is drawn as far as it came: without an upstream, with view='overlay' or 'forward'"
            )
        _check_size(tensors_behind(outputs), (), view, options)
        graph, failed = failed_graph(outputs)
        return Circuit(graph, view, replace(options, failed=failed))
    if isinstance(outputs, Graph):
        if upstream is not None:
            raise DrawError("draw: a Graph has its upstream already; give it to mt.graph(...), or draw the Tensors")
        return _circuit(outputs, view, options)
    single = isinstance(outputs, (Tensor, str, np.ndarray)) or not isinstance(outputs, Iterable)
    outs: list[Any] = [outputs] if single else flat(outputs)
    for out in outs:
        if not isinstance(out, Tensor):
            raise DrawError(f"draw: {describe(out)} is neither a Tensor nor a Graph, so there is nothing to draw")
    if not outs:
        raise DrawError("draw: no outputs were given; give one Tensor at least")
    if options.scope is None:  # before the costly work
        _check_size(ancestors(outs), outs, view, options)
        return Circuit(capture(outs[0] if single else outs, upstream), view, options)
    return _circuit(capture(outs[0] if single else outs, upstream), view, options)


def _circuit(graph: Graph, view: str, options: Options) -> Circuit:
    """The picture of a graph, or of one of its scopes."""
    if options.scope is not None:
        graph, dims = module(graph, options.scope, options.dims)
        options = replace(options, dims=dims)
    _check_size(graph.nodes, graph.outputs, view, options)
    return Circuit(graph, view, replace(options, scope=None))


def _run(function: Any) -> Any:
    """What a function without arguments returns, with all of its ops recorded, also those on plain data."""
    try:
        signature(getattr(function, "forward", function)).bind()  # that of a module is its forward's
    except TypeError:
        named = getattr(function, "__name__", "net")
        raise DrawError(
            f"draw: {describe(function)} takes an input, so draw what it computes: mt.draw({named}(x)), or "
            f"mt.draw(lambda: {named}(x)), which shows what it makes of plain data too"
        ) from None
    except ValueError:  # functions written in C have no signature
        pass
    with record_all():
        return function()


def flat(outputs: Iterable[Any]) -> list[Any]:
    """The outputs in nested tuples and lists, such as an LSTM's, in order."""
    found: list[Any] = []
    waiting = [*outputs][::-1]
    while waiting:
        this = waiting.pop()
        if isinstance(this, (tuple, list)):
            waiting.extend(this[::-1])
        else:
            found.append(this)
    return found


def _check_size(born: Sequence[Any], outputs: Sequence[Any], view: str, options: Options) -> None:
    """Reject what is too large for a picture."""
    if not VIEWS[view].whole:
        return
    gates = sum(x.op is not None for x in born)
    if gates > LIMIT and VIEWS[view].uses("collapse"):
        gates = collapsed(born, options, outputs).shown
    most, what = (MAX_LISTED, "listing") if view == "ascii" else (LIMIT, "picture")
    if gates > most:
        ways = "collapse scopes with depth= or collapse=, draw one with scope=, or "
        raise DrawError(
            f"draw: {gates:,} gates would be visible, and a {what} shows {most:,} at most; "
            f"{ways if VIEWS[view].uses('collapse') else ''}"
            "draw a smaller part, such as the output of one layer"
        )


def format_of(path: Path, given: str | None) -> str:
    """The given format, or the one that the suffix of a path names.

    Raises:
        DrawError: for an unknown format.

    >>> format_of(Path("circuit.SVG"), None), format_of(Path("circuit"), "png")
    ('svg', 'png')
    """
    kind = (path.suffix if given is None else str(given)).lower().removeprefix(".")
    if kind not in FORMATS:
        named = f"format={given!r}" if given is not None else f"{path.name!r}"
        listed = ", ".join(f".{known}" for known in FORMATS[:-1])
        raise DrawError(f"save: {named} names none of the formats {listed} and .{FORMATS[-1]}")
    return kind


def write(path: Path, content: bytes) -> None:
    """Write a file completely or not at all; a device or a pipe is written to.

    Raises:
        DrawError: for a folder, or a path that cannot be written to.
    """
    try:
        if path.is_dir():
            raise DrawError(f"save: {path} is a folder; give a file in it, such as {path / 'circuit.svg'}")
        atomic_write(path, content)
    except DrawError:
        raise
    except (OSError, ValueError) as error:  # a ValueError for a path with a NUL in it
        raise DrawError(f"save: cannot write {path}: {getattr(error, 'strerror', None) or error}") from error
