"""Readings: what a backward pass may be of that takes no upstream gradient, where forward returns a loss an example.

Another method may take the mean of these, as ``calculate`` does; else their mean may be meant, or their sum.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..check.given import spelled
from ..check.syntax import text_of
from ..graph import Graph, named_nodes
from .layers import Layer
from .predictions import says_upstream
from .trials import Trial

_MEAN = re.compile(r"\b(mean|average)\(")
_RESULTS = re.compile(r"(?i)out(put)?s?|y|res(ult)?|loss")
"""How anything is called that a forward pass returns, so that a name tells nothing of which value it is."""
_DIVIDED = re.compile(r"\blen\(|\.(shape|size)\b|\bmean\(")
"""What tells that a gradient is that of a mean."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a backward pass takes, and of what its gradients are.

    Attributes:
        predicted: whether it takes a prediction in the place of an upstream gradient.
        averaged: whether they are those of the mean of the losses that forward returns; else of their sum.
        stage: the value on the way of forward that its upstream gradient is of; "" where that is what forward returns.
    """

    predicted: bool = False
    averaged: bool = False
    stage: str = ""


def may_be_averaged(layer: Layer, trial: Trial) -> list[bool]:
    """Whether the gradients of a backward pass are those of the mean of several losses, the likelier first.

    They are where a method of its class takes the mean; else they may be those of the sum.
    """
    if not trial.losses:
        return [False]
    if _averaging(layer):
        return [True]
    return [True, False] if _DIVIDED.search(text_of(layer.function)) else [False, True]


def _averaging(layer: Layer) -> str:
    """The method of a layer's class, or of one of its bases, that takes the mean of what forward returns; or ""."""
    calls = "self(" if layer.forward == "__call__" else f"self.{layer.forward}("
    for base in layer.made_by.__mro__[:-1] if layer.made_by is not None else ():
        for name, function in vars(base).items():
            text = text_of(function) if inspect.isfunction(function) else ""
            if name not in (layer.forward, layer.backward) and calls in text and _MEAN.search(text):
                return f"{base.__name__}.{name}"
    return ""


def said_of(layer: Layer, trial: Trial, averaged: bool) -> tuple[str, ...]:
    """What a backward pass was given, and with the gradients of what its own were compared, in sentences."""
    said = tuple[str, ...]()
    if trial.given is not None:
        said += (f"backward was given {trial.given.called} as {trial.given.argument}, not an upstream gradient.",)
    if trial.losses:
        way = _averaging(layer)
        what = f"mean, which {way} takes" if way else "mean" if averaged else "sum"
        said += (f"forward returns several losses; backward was compared with the gradients of their {what}.",)
    return said


def stage_meant(upstreams: Sequence[str], graph: Graph) -> str:
    """The value on the way whose gradient an upstream gradient is by its name, as ``dz`` is beside an output ``a``."""
    outputs, named = {*graph.outputs}, named_nodes(graph)
    if len(outputs) != 1 or len(upstreams) != 1:
        return ""
    meant = spelled(upstreams, named)[0] or {n: n for n in named if len(n) > 1 and upstreams[0].endswith(f"d{n}")}
    meant = {n: key for n, key in meant.items() if not _RESULTS.fullmatch(n)}
    return next((n for n in meant if named[n] not in outputs and not named[n].is_leaf and named[n].requires_grad), "")


def why_stage(upstream: str, stage: str) -> str:
    """Why a backward pass is not judged that is right for the gradient of a value on the way of forward."""
    return (
        f"it is right where its {upstream} is the gradient of {stage}, as which it is called, and wrong where it is "
        f"that of what forward returns, which is another value; return {stage}, or call it otherwise, such as dout"
    )


def why_instead(trial: Trial) -> str:
    """Why a backward pass is not judged that is right with a prediction in the place of an upstream gradient; or "".

    So it is where its argument is called as an upstream gradient.
    """
    given = trial.given
    if given is None or not says_upstream(given.argument):
        return ""
    return (
        f"it is right where its {given.argument} is {given.called}, and wrong where that is the gradient of what "
        f"forward returns, as which it is called; call it otherwise, such as y_pred, if it is {given.called}"
    )
