"""Penalties: what backward adds to gradients for a number of which the forward pass knows nothing.

As a dense layer adds ``2 * self.weight_regularizer_l2 * self.weights``; another class adds the penalty to the loss.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout, suppress
from io import StringIO
from typing import Any

import numpy as np

from ..check.given import spelled
from ..check.running import run as run_backward
from ..notation.printable import listed
from .judging import inputs_of
from .task import Task
from .unusable import UnusableError
from .varied import with_numbers


def penalties(task: Task) -> list[str]:
    """The numbers that forward does not read and for which backward adds what depends on no upstream gradient."""
    return [name for name, x in task.unread.items() if x and task.upstreams and _adds_for(name, task)]


def _adds_for(name: str, task: Task) -> bool:
    with suppress(UnusableError), warnings.catch_warnings(), redirect_stdout(StringIO()), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        without = task.again(with_numbers({name: 0}))
        (here, alone), (there, nothing) = ([_computed(one, times) for times in (1, 0)] for one in (task, without))
        if not here.keys() == alone.keys() == there.keys() == nothing.keys():
            return False
        if any(x.shape != there[n].shape for n, x in here.items()):  # as where a size is 0
            return False
        added = [(here[n] - there[n], alone[n] - nothing[n]) for n in here]
        return any(map(np.any, alone.values())) and all(np.allclose(x, y, rtol=1e-6, atol=1e-9) for x, y in added)
    return False


def _computed(task: Task, times: int) -> Mapping[str, Any]:
    """The gradients that backward computes for a multiple of the upstream gradient, by the names of the inputs."""
    inputs = [*inputs_of(task.captured)]
    several = isinstance(task.dout, tuple)
    dout = tuple(times * x for x in task.dout) if several else times * task.dout
    ran = run_backward(task.backward, dout, task.cache, inputs, within=False)
    keys = spelled(ran.names, inputs)[0] if ran.error is None else {}
    return {name: np.asarray(ran.names[key]) for name, key in keys.items() if ran.names[key] is not None}


def said_of_penalties(names: list[str]) -> str:
    """What is said of penalties that were left out."""
    were, them = ("was", "it") if len(names) == 1 else ("were", "them")
    return (
        f"{listed(names)} {were} put to 0: what backward adds for {them} is the gradient of a penalty, of which the "
        "forward pass knows nothing, so it is not judged."
    )
