"""Derivation: everything that can be said of how the gradients of a graph are computed, in one object."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..engine.errors import GradientError, describe
from ..engine.tensor import Tensor
from ..graph import Graph, graph
from ..graph.axes import AxisNames, axis_names
from ..notation import Called, identifiers
from ..notation.names import Identifiers
from . import exercise as exercises
from . import html, latex, steps
from .closed_form import ClosedForm, from_labels
from .contents import Contents
from .markdown import Page
from .module import module
from .program import Program
from .remarks import Remarks

__all__ = ["Derivation"]


class Derivation:
    """The derivation of the gradients of a graph, made by `derive`.

    Attributes:
        graph: the graph, with its backward pass.
        dims: the names of axes, node by node.
        exercise: whether the backward pass is left blank.
        called: what the values are called for readers.
    """

    def __init__(self, captured: Graph, dims: AxisNames | None = None, exercise: bool = False) -> None:
        self.graph, self.exercise = captured, exercise
        self.dims = axis_names(captured, dims)
        self.called = Called(captured, self.dims)

    @cached_property
    def names(self) -> Identifiers:
        """What the values and their gradients are called in Python."""
        return identifiers(self.graph)

    @cached_property
    def steps(self) -> tuple[steps.Step, ...]:
        """The steps: forward 1…n, then backward n…1, and 0 where gradients of a leaf are added up."""
        return tuple(steps.steps(self.graph, self.called, self.dims))

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
            self.names,
            self.dims,
            steps,
            self.remarks,
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
        return str(Page(self.contents(), self.program, self.steps, self.numpy, self._closed))

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


def derivation(
    outputs: Tensor | Sequence[Tensor] | Graph, upstream: Any, dims: AxisNames | None, exercise: bool
) -> Derivation:
    """What `derive` returns."""
    if isinstance(outputs, Graph):
        captured = outputs
        if upstream is not None:
            raise GradientError("derive: a graph has its upstream gradient already; capture it with another one")
    else:
        outs = [outputs] if isinstance(outputs, Tensor) else [*outputs] if isinstance(outputs, Sequence) else []
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
    if not captured.gradients:
        raise GradientError("derive: this graph has no backward pass; give mt.graph(...) an upstream")
    if any(node.value is None for node in captured.nodes):
        raise GradientError("derive: this graph was captured without its values; leave out values=False")
    return Derivation(captured, dims, exercise)
