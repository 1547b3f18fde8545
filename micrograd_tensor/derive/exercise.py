"""Exercise: a derivation as a file with the forward pass, and in the backward pass a blank for every gradient.

The command ``micrograd-tensor check`` judges what is filled in. Its forward pass runs on Tensors, so what is judged
is what the file itself records.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.errors import GradientError
from ..engine.tensor import Tensor, tensor
from ..notation.printable import listed
from .definitions import calls_package
from .module import body
from .program import Program, quoted, random_like

FILE = "exercise.py"
"""What the file calls itself where it is not known what it will be called."""

_EXERCISE = '''"""{title}

Replace every None in `backward` by the gradient of that stage, in plain NumPy, and check as often as you like:

    micrograd-tensor check {file}
    micrograd-tensor check {file} --hints 1    # only where it is wrong; 2: what kind

Each stage is judged by what you wrote before it, so one mistake does not make the later stages wrong. A stage that
is still None counts as not given.
"""

import numpy as np

{forward}

def backward({upstream}, {cache}):
    """The backward pass, on plain arrays: from {given} back to the inputs. {cache} holds all values by name."""
{backward}

    return locals()
'''

_FORWARD = '''
def inputs(seed=0):
    """The point at which the gradients are compared; the upstream gradient is drawn at random."""
    rng = np.random.default_rng(seed)
    return {{
{inputs}
    }}


def forward({parameters}):
    """The forward pass, on Tensors. Each name is a stage: its gradient is called d + name."""
{forward}
    return {output}
'''


def forward_on_tensors(program: Program) -> str:
    """The functions ``inputs()`` and ``forward(…)`` of an exercise, the second on Tensors.

    Raises:
        GradientError: for several outputs, since one is judged, and for ops that are the reverse of others.
    """
    if len(program.outputs) > 1:
        raise GradientError(
            f"derive: an exercise has one output, and here are {len(program.outputs)}; put them together, such as by "
            "mt.concatenate"
        )
    for node in program.graph.nodes:
        if node.op and "\n" in node.op.source:
            raise GradientError(
                f"derive: the forward pass of an exercise runs on Tensors, and {node.op.name} cannot be written for "
                "them; use another op in its place"
            )
    names = program.names
    text = _FORWARD.format(
        inputs="\n".join(f"        {quoted(names[x])}: {random_like(x)}," for x in program.inputs),
        parameters=", ".join(names[x] for x in program.inputs),
        forward=body(program.forward(named=True)),
        output=names[program.outputs[0]],
    )
    return f"import micrograd_tensor as mt\n\n{text}" if calls_package(text.split("\n")) else text


def recorded(program: Program, text: str) -> Tensor:
    """What the forward pass of an exercise gives on the recorded inputs, all floats of which get gradients."""
    space: dict[str, Any] = {"np": np}
    exec(text, space)  # noqa: S102 -- lines that this package printed
    given = {
        name: tensor(x.value, name=name, requires_grad=x.dtype.kind == "f")
        for x, name in ((x, program.names[x]) for x in program.inputs)
    }
    return space["forward"](**given)  # type: ignore[no-any-return]


def exercise(program: Program, forward: str, file: str = FILE) -> str:
    """The text of an exercise.

    Args:
        program: of the graph that the forward pass of the exercise records.
        forward: from `forward_on_tensors`.
        file: what the file is called.
    """
    upstream = next(iter(program.upstreams.values()))
    return _EXERCISE.format(
        title=f"The gradients of {listed([program.names[x] for x in program.outputs])}, to be derived by hand.",
        file=file,
        forward=forward,
        upstream=upstream,
        given=upstream,
        cache=program.free("cache"),
        backward=body(program.backward(blank=True)),
    )
