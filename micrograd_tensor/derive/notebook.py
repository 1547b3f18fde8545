"""Notebook: a derivation for Jupyter, each step of which runs on random inputs; at the end all ways are compared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from itertools import groupby
from typing import Any

from ..graph.axes import Dims
from ..notation.literals import literal
from .closed_form import ClosedForm
from .contents import Section
from .definitions import calls_package
from .markdown import Page, fenced
from .program import random_like
from .steps import Step

_FENCE = "```python\n"


class Notebook(Page):
    """The page of a derivation, with cells that run: its blocks, and between them what gives their code its inputs."""

    def __str__(self) -> str:
        """A notebook of format 4.5."""
        cells: list[dict[str, Any]] = []
        for is_code, group in groupby(self.blocks(), lambda block: block.startswith(_FENCE)):
            blocks = [*group]
            codes = [block.removeprefix(_FENCE).removesuffix("\n```") for block in blocks]
            sources = codes if is_code else ["\n\n".join(blocks)]
            cells += [_cell(len(cells) + k, source, is_code) for k, source in enumerate(sources)]
        language = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
        made = {"cells": cells, "metadata": language, "nbformat": 4, "nbformat_minor": 5}
        return json.dumps(made, ensure_ascii=False, indent=1) + "\n"

    def _task(self) -> Iterator[str]:
        yield from super()._task()
        program = self._program
        lines = ["import numpy as np"]
        if calls_package([*program.forward(), *program.backward(), *self._module.split("\n")]):
            lines.append("import micrograd_tensor as mt")
        rng = program.free("rng")
        lines += ["", f"{rng} = np.random.default_rng(0)"]
        lines += [f"{program.names[x]} = {random_like(x).replace('rng.', f'{rng}.')}" for x in program.inputs]
        yield fenced("\n".join([*lines, *self._axes()[0]]))
        yield from (fenced(made.text) for made in program.definitions)

    def _axes(self) -> tuple[list[str], Dims]:
        """What the forward pass calls the lengths of axes."""
        return self._program.lengths(self._program.inputs, self._program.names)

    def _gate(self, section: Section, step: Step) -> Iterator[str]:
        yield from super()._gate(section, step)
        yield fenced("\n".join(self._program.value(step, self._axes()[1])))

    def _forward_function(self) -> Iterator[str]:
        """It stands where it is called, after all steps, among the names of which its own may be."""
        yield from ()

    def _back(self) -> Iterator[str]:
        yield from super()._back()
        program, rng = self._program, self._program.free("rng")
        lines = []
        for x, name in program.upstreams.items():
            given = program.graph.upstreams[x].value
            value = literal(given[()]) if not x.shape else f"{rng}.standard_normal({x.shape})"
            lines.append(f"{name} = {value}")
        yield fenced("\n".join([*lines, *program.prelude()]))

    def _together(self) -> Iterator[str]:
        program, free = self._program, self._program.free
        inputs, upstream, gradients, closed = map(free, ("inputs", "upstream", "gradients", "needed"))
        lines = [
            f"{inputs} = [{', '.join(program.names[x] for x in program.inputs)}]",
            f"{upstream} = [{', '.join(program.upstreams.values())}]",
            f"{gradients} = [{', '.join(program.gradients[x] for x in program.results)}]",
        ]
        if self._needed is not None:
            lines.append(f"{closed} = [{', '.join(self._needed)}]")
        yield "What the steps above were given, and what they made of it, for the functions that follow:"
        yield fenced("\n".join(lines))
        yield from super()._forward_function()
        yield from super()._together()
        cache = free("cache")
        yield fenced(f"_, {cache} = forward(*{inputs})\n{self._compared(f'*{upstream}, {cache}', gradients)}")

    def _closed_function(self, closed: ClosedForm) -> Iterator[str]:
        yield from super()._closed_function(closed)
        if self._needed is not None and self._forward:
            yield fenced(self._compared(f"*{self._program.free('needed')}", self._program.free("gradients")))

    def _compared(self, arguments: str, gradients: str) -> str:
        """Lines that compare what a backward pass returns with the gradients of the steps."""
        call = f"backward({arguments})"
        found = call if len(self._program.results) > 1 else f"[{call}]"
        return f"[np.allclose(found, step) for found, step in zip({found}, {gradients})]"

    @cached_property
    def _needed(self) -> list[str] | None:
        """The arguments of the closed form, by the names that the steps have for them; None where they have none."""
        if not isinstance(self._closed, ClosedForm):
            return None
        program = self._program
        values = [(x.value, name) for x, name in program.names.items()]
        values += [(program.graph.upstreams[x].value, name) for x, name in program.upstreams.items()]
        names = [
            next((name for value, name in values if value is wanted), "") for wanted in self._closed.arguments.values()
        ]
        return names if all(names) else None


def _cell(number: int, source: str, is_code: bool) -> dict[str, Any]:
    """A cell, which a number tells apart from the others."""
    made: dict[str, Any] = {"cell_type": "markdown", "id": f"cell-{number}", "metadata": {}}
    if is_code:
        made |= {"cell_type": "code", "execution_count": None, "outputs": []}
    return made | {"source": source.splitlines(keepends=True)}
