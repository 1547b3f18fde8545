"""Module: a derivation as a program in plain NumPy, forward and backward step by step, which checks itself.

Nothing here knows a derivative: each line is what was recorded, so that both passes compute it to the last bit.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from textwrap import fill, indent
from typing import Any

import numpy as np

from ..engine.row import Identity
from ..graph import Node
from ..notation.printable import listed
from .definitions import calls_package
from .program import WIDTH, Program, quoted, random_like

MAX_NUMBERS = 10**7
"""How many elements a module may compute, for each of its inputs, that is tried before it is printed."""

_MODULE = '''"""The gradients of {outputs}, step by step, as they were recorded. Run this file to check them."""

import numpy as np
{definitions}

def forward({parameters}):
    """{forward_said}"""
{forward}
    return {returned}, {cache}


def backward({upstreams}, {cache}):
    """{backward_said}"""
{backward}
    return {results}
'''

_CHECK = '''

def check():
    """Compare backward with numerical differences of forward: for each input, the slope along a random direction."""
    rng = np.random.default_rng(0)
    inputs = {{
{inputs}
    }}
    upstream = [{upstreams}]
    _, cache = forward(**inputs)
    gradients = dict(zip({names}, {gradients}))

    def loss(name, step):
        """The outputs, weighted by their upstream gradients and added up, at a point a step away."""
        outputs, _ = forward(**{{**inputs, name: inputs[name] + step}})
        return sum((g * y).sum() for g, y in zip(upstream, {outputs}))

    ways = {{name: rng.standard_normal(np.shape(gradient)) for name, gradient in gradients.items()}}
    largest = max(np.abs(gradients[name] * way).sum() for name, way in ways.items())
    right = True
    for name, way in ways.items():
        slope, h = (gradients[name] * way).sum(), 1e-6
        numerical = (loss(name, h * way) - loss(name, -h * way)) / (2 * h)
        agrees = abs(slope - numerical) <= 1e-5 * largest
        right = right and agrees
        print(f"d{{name}}: slope {{slope:.7g}}, numerically {{numerical:.7g}}{{'' if agrees else '  DIFFERS'}}")
    return right


if __name__ == "__main__":
    check()
'''

_UNCHECKED = """

if __name__ == "__main__":
    print("Not checked: numerical differences do not follow gradients {why}.")
"""


def module(program: Program) -> str:
    """The source of a module with ``forward(…)`` and ``backward(dout, cache)``, which checks itself when it is run."""
    names = program.names
    cache, ups = program.free("cache"), list(program.upstreams.values())
    saved = [names[x] for x in program.saved]
    outputs = [names[x] for x in program.outputs]
    results = [program.gradients[x] for x in program.results]
    text = _MODULE.format(
        outputs=listed(outputs),
        definitions="".join(f"\n\n{made.text}\n" for made in program.definitions),
        parameters=", ".join(names[x] for x in program.inputs),
        forward_said=said(
            f"From {shapes(program, program.inputs)} to {shapes(program, program.outputs)}, with a cache of what "
            "backward needs."
        ),
        forward=body([*program.forward(), f"{cache} = {dictionary(saved)}"]),
        returned=outputs[0] if len(outputs) == 1 else f"({', '.join(outputs)})",
        cache=cache,
        upstreams=", ".join(ups),
        results=", ".join(results),
        backward_said=said(f"From {listed(ups)} to the gradients of the inputs, {listed(results)}."),
        backward=body([*program.backward(), ""]),
    )
    if calls_package(text.split("\n")):
        text = text.replace("\n\n\ndef", "\n\nimport micrograd_tensor as mt\n\n\ndef", 1)
    return text + _check(program, text)


def _check(program: Program, text: str) -> str:
    """The module's check of itself; where that would not follow what the gradients follow, a note that says so."""
    names, single = program.names, len(program.results) == 1
    check = _CHECK.format(
        inputs="\n".join(f'        "{names[x]}": {random_like(x)},' for x in program.inputs),
        upstreams=", ".join(f"rng.standard_normal({x.shape})" for x in program.upstreams),
        names=f"[{', '.join(quoted(names[x]) for x in program.results)}]",
        gradients="[backward(*upstream, cache)]" if single else "backward(*upstream, cache)",
        outputs="outputs" if len(program.outputs) > 1 else "[outputs]",
    )
    if any(node.dtype.kind == "c" for node in program.graph.nodes):
        return _UNCHECKED.format(why="by complex numbers")
    elements = sum(int(np.prod(node.shape)) for node in program.graph.nodes)
    held = [node for node in program.graph.nodes if isinstance(node.reading, Identity) and not node.requires_grad]
    if elements * len(program.results) > MAX_NUMBERS:
        return _UNCHECKED.format(why="that are held constant") if held else check
    return (
        check
        if _passes(text + check)
        else _UNCHECKED.format(why="here: something is held constant, rounded, not smooth or not finite")
    )


def _passes(text: str) -> bool:
    """Whether a module agrees with itself."""
    space: dict[str, Any] = {"__name__": "module"}
    with redirect_stdout(io.StringIO()), np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(text, space)  # noqa: S102 -- lines that this package printed
        return bool(space["check"]())


def shapes(program: Program, nodes: Sequence[Node]) -> str:
    """Values with their shapes, in a sentence."""
    return listed([f"{program.names[x]} {program.shape(x)}" for x in nodes])


def dictionary(names: Sequence[str]) -> str:
    """A dict of variables by their names."""
    parts = [f"{quoted(name)}: {name}" for name in names]
    text = f"{{{', '.join(parts)}}}"
    return text if len(text) < WIDTH else "\n".join(["{", *(f"    {part}," for part in parts), "}"])


def said(text: str) -> str:
    """A docstring of a function."""
    return fill(text, WIDTH, subsequent_indent="    ")


def body(lines: Iterable[str]) -> str:
    """Lines as the body of a function."""
    return indent("\n".join(lines), "    ")
