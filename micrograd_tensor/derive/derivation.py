"""Derivation: everything that can be said of how the gradients of a graph are computed, in one object."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.errors import GradientError, describe, quoted
from ..engine.files import atomic_write
from ..engine.tensor import Tensor
from ..graph import Graph, Node, graph
from ..graph.axes import AxisNames, axis_names
from ..notation import Called, counted, identifiers
from ..notation.names import Identifiers
from . import exercise as exercises
from . import html, latex, steps
from .closed_form import ClosedForm, from_labels, with_values
from .contents import Contents
from .listing import listing
from .markdown import Page
from .module import module
from .notebook import Notebook
from .program import Program
from .remarks import Remarks
from .symbols import symbols

__all__ = ["Derivation"]


class Derivation:
    """The derivation of the gradients of a graph, made by `derive`.

    Attributes:
        graph: the graph, with its backward pass.
        dims: the names of axes, node by node.
        exercise: whether the backward pass is left blank.
        called: what the values are called for readers.
        written: what formulas write for names that are not to be written as they are.
    """

    def __init__(
        self,
        captured: Graph,
        dims: AxisNames | None = None,
        exercise: bool = False,
        written: Mapping[str, str] | None = None,
    ) -> None:
        self.graph, self.exercise, self.written = captured, exercise, _checked(written or {}, captured)
        self.dims = axis_names(captured, dims)
        self.called = Called(captured, self.dims)

    def __repr__(self) -> str:
        outputs = ", ".join(self.symbols.get(node, "a constant") for node in dict.fromkeys(self.graph.outputs))
        count = sum(step.forward for step in self.steps)
        return f"<derivation of {outputs} in {counted(count, 'step')}; print it, or see .markdown, .numpy, .save(…)>"

    @cached_property
    def names(self) -> Identifiers:
        """What the values and their gradients are called in Python."""
        return identifiers(self.graph)

    @cached_property
    def symbols(self) -> Mapping[Node, str]:
        """What the values are called on pages; no two alike."""
        return symbols(self.graph, self.called)

    @cached_property
    def steps(self) -> tuple[steps.Step, ...]:
        """The steps: forward 1…n, then backward n…1, and 0 where gradients of a leaf are added up."""
        return tuple(steps.steps(self.graph, self.symbols, self.dims))

    @cached_property
    def remarks(self) -> Remarks:
        """What is said of the steps beside their formulas."""
        return Remarks(self.graph, self.steps, self.called, self.dims)

    @cached_property
    def program(self) -> Program:
        """The lines of both passes in plain NumPy."""
        return Program(self.graph, self.steps, self.names, self.dims, self.remarks)

    @cached_property
    def closed_form(self) -> ClosedForm:
        """The gradients of the inputs in closed form: ``closed_form["x"]``, ``.numpy``, ``.latex``.

        Raises:
            GradientError: for a graph that is too large, or whose formulas do not hold for its values.
        """
        return from_labels(self.graph, self.dims)

    @cached_property
    def numpy(self) -> str:
        """A module in plain NumPy: ``forward(…)``, ``backward(dout, cache)``, and a check of both when it is run.

        Of an exercise it is the `starter`.

        Raises:
            GradientError: where the backward pass uses a constant of more numbers than a program can write out.
        """
        return self.starter() if self.exercise else module(self.program)

    def starter(self, file: str = exercises.FILE) -> str:
        """A file with a blank for every gradient, which ``micrograd-tensor check`` judges.

        Args:
            file: what it will be called.

        Raises:
            GradientError: for several outputs, since one is judged.
        """
        forward = exercises.forward_on_tensors(self.program)
        again = derivation(exercises.recorded(self.program, forward), None, None, exercise=True)
        return exercises.exercise(again.program, forward, file)

    def contents(self, *, closed: bool = False) -> Contents:
        """What stands on its pages: everything, or the closed form alone."""
        steps = () if closed else self.steps
        return Contents(
            self.graph,
            self.called,
            self.symbols,
            self.dims,
            steps,
            self.remarks,
            written=self.written,
            closed=self._closed,
            exercise=self.exercise,
        )

    @cached_property
    def _closed(self) -> ClosedForm | str:
        """The closed form, or why there is none."""
        if self.exercise:
            return ""
        try:
            return self.closed_form
        except GradientError as error:
            return f"There is no closed form: {str(error).removeprefix('closed_form: ')}."

    @cached_property
    def markdown(self) -> str:
        """A page in Markdown, with formulas and working code for each step, and at the end the closed form."""
        return str(self._page(Page))

    @cached_property
    def notebook(self) -> str:
        """A notebook for Jupyter, each step of which runs."""
        return str(self._page(Notebook))

    def _page(self, kind: type[Page]) -> Page:
        return kind(self.contents(), self.program, self.steps, self.numpy, self._closed)

    @property
    def latex(self) -> str:
        """An article in LaTeX, which compiles alone."""
        return latex.article(self.contents())

    @property
    def beamer(self) -> str:
        """Slides in LaTeX, one for each step."""
        return latex.slides(self.contents())

    @property
    def html(self) -> str:
        """A page of its own, which loads nothing from outside."""
        return html.page(self.contents(), "" if self.exercise else self.numpy)

    def _repr_html_(self) -> str:
        return html.fragment(self.contents(), "" if self.exercise else self.numpy)

    def __str__(self) -> str:
        return self.text()

    def text(self, kind: str = "", *, closed: bool = False, beamer: bool = False) -> str:
        """The derivation in a language.

        Args:
            kind: one of those that files are saved in, by suffix: ``.md``, ``.tex``, ``.html``, ``.ipynb`` or ``.py``;
                by default plain text for a terminal.
            closed: the closed form alone.
            beamer: slides; for ``.tex``.

        Raises:
            GradientError: for the closed form alone, where there is none, or in an exercise.
        """
        if not kind and not closed:
            return listing(self.contents())
        if not closed:
            return str(getattr(self, "beamer" if beamer else _KINDS[kind]))
        if self.exercise:
            raise GradientError("derive: an exercise has no closed form; leave out one of both")
        found, contents = self.closed_form, self.contents(closed=True)
        match kind:
            case "":
                return listing(contents)
            case ".tex":
                return (latex.slides if beamer else latex.article)(contents)
            case ".html":
                return html.page(contents, found.numpy)
            case ".py":
                return found.numpy
        page = (Notebook if kind == ".ipynb" else Page)(contents, self.program, (), "", found)
        return str(page)

    def save(self, path: str | os.PathLike[str], *, closed: bool = False, beamer: bool = False) -> Path:
        """Save the derivation, in the language that the suffix of the path names.

        ``.md`` is a page with formulas and code, ``.tex`` an article or slides that compile alone, ``.html`` a page of
        its own, ``.ipynb`` a notebook that runs, and ``.py`` a module in plain NumPy. An existing file is replaced once
        the new one is complete.

        Args:
            path: where to save it.
            closed: the closed form alone.
            beamer: slides, one for each step; for ``.tex``.

        Returns:
            The path.

        Raises:
            ValueError: for another suffix.
            GradientError: for the closed form alone, where there is none, or in an exercise.
            OSError: for a path that cannot be written to; a file that is there stays as it is.

        >>> import micrograd_tensor as mt
        >>> from tempfile import TemporaryDirectory
        >>> x = mt.tensor(3.0, name="x", requires_grad=True)
        >>> with TemporaryDirectory() as folder:
        ...     mt.derive(mt.square(x).named("y")).save(folder + "/y.tex").suffix
        '.tex'
        """
        target = Path(path)
        kind = kind_of(target, beamer=beamer)
        return atomic_write(target, self.text(kind, closed=closed, beamer=beamer).encode())


_KINDS = {".md": "markdown", ".tex": "latex", ".html": "html", ".ipynb": "notebook", ".py": "numpy"}
"""The attributes that have the text of a file, by its suffix."""


def kind_of(path: Path, *, beamer: bool = False) -> str:
    """The suffix of a path, which names a language.

    Raises:
        ValueError: for another suffix, and for slides in another language than LaTeX.

    >>> kind_of(Path("page.HTML"))
    '.html'
    """
    kind = path.suffix.lower()
    if kind not in _KINDS:
        raise ValueError(
            f"save: {path.name!r} names none of the formats {', '.join([*_KINDS][:-1])} and {[*_KINDS][-1]}"
        )
    if beamer and kind != ".tex":
        raise ValueError(f"save: slides are in LaTeX, and {path.name!r} is not; give a file that ends in .tex")
    return kind


def _checked(written: Mapping[str, str], captured: Graph) -> Mapping[str, str]:
    """Other names for values of a graph, which there are, and each of which stands for one."""
    if not isinstance(written, Mapping):
        raise GradientError(f'derive: symbols={quoted(written)}; give a text by name, such as {{"var": "σ²"}}')
    shown = [written.get(name, name) for name in captured.named]
    for name, symbol in written.items():
        captured[name]  # or an error that names those there are
        if not isinstance(symbol, str) or not symbol.strip():
            raise GradientError(f"derive: {symbol!r} is no symbol for {name}; give some text")
        if shown.count(symbol) > 1:
            raise GradientError(f"derive: {symbol!r} would stand for {name} and for another value; give another symbol")
    return written


def derivation(
    outputs: Tensor | Sequence[Tensor] | Graph,
    upstream: Any,
    dims: AxisNames | None,
    exercise: bool,
    written: Mapping[str, str] | None = None,
) -> Derivation:
    """What `derive` returns."""
    if isinstance(outputs, Graph):
        captured = outputs
        if upstream is not None:
            raise GradientError("derive: a graph has its upstream gradient already; capture it with another one")
    else:
        outs = [outputs] if isinstance(outputs, Tensor) else [*outputs] if isinstance(outputs, list | tuple) else []
        if not outs:
            raise GradientError(f"derive: {describe(outputs)} is no Tensor; give one, several, or a captured graph")
        for out in outs:
            if not isinstance(out, Tensor) or not out.requires_grad:
                raise GradientError(f"derive: {describe(out)} depends on nothing that requires gradients")
        if upstream is None:
            rng = np.random.default_rng(0)
            upstream = [rng.standard_normal(out.shape).astype(out.dtype) if out.shape else 1.0 for out in outs]
        elif isinstance(outputs, Tensor):
            upstream = [upstream]
        captured = graph(outs, upstream)
    return Derivation(with_values(captured, "derive"), dims, exercise, written)
