"""Batch normalization of a data set, forward, backward and compared, some columns at a time.

Each column is normalized by itself, so large data need memory for the graph of a few columns only.
"""

from __future__ import annotations

import gc
import runpy
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..check import Stage, compare
from ..check.rounding import difference, recorded_tolerances
from ..check.weighted import Weighted
from ..derive import derive
from ..engine.recording import detect_anomaly
from ..engine.tensor import tensor
from ..functional.normalization import batch_norm
from ..graph import Graph, graph, named_nodes
from ..graph.status import Status
from .unusable import UnusableError

PARTS = ("x", "gamma", "beta")
HAND_STAGED, HAND_CLOSED, DERIVED, NUMERICAL = "by hand, staged", "by hand, closed", "derived, closed", "numerical"
WHOLE = 1 << 17
"""How many elements are computed at once, at most; larger data go by a sixteenth of their columns."""
_PROBES, _FEWEST, ELEMENTS = 400, 8, 50_000_000
"""How many elements of each gradient, evenly spread, are checked numerically, at most and at least; and how many
elements the forward passes for them, one each, may compute in all, so that large data are checked at fewer."""

Numbers = Mapping[str, Any]


@dataclass
class Found:
    """What the columns show together.

    Attributes:
        extents: the least and the largest number of each value, and of each gradient, by name.
        largest: the largest term of each gradient.
        verdicts: of each gradient, by what it is compared with.
    """

    extents: dict[str, tuple[float, float]] = field(default_factory=dict)
    largest: dict[str, float] = field(default_factory=dict)
    verdicts: dict[str, dict[str, Stage]] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether everything agrees."""
        stages = [stage for verdicts in self.verdicts.values() for stage in verdicts.values()]
        return not any(map(_is_wrong, stages))

    def take(self, of: str, stages: Mapping[str, Stage]) -> None:
        """Take in the verdicts of a comparison."""
        for name, stage in stages.items():
            self.verdicts.setdefault(name, {})[of] = stage

    def add(self, other: Found) -> None:
        """Take in what other columns show."""
        for name, (low, high) in other.extents.items():
            known = self.extents.get(name, (low, high))
            self.extents[name] = min(known[0], low), max(known[1], high)
        for name, term in other.largest.items():
            self.largest[name] = max(self.largest.get(name, 0.0), term)
        for name, verdicts in other.verdicts.items():
            known_verdicts = self.verdicts.setdefault(name, {})
            for of, stage in verdicts.items():
                known_verdicts[of] = max(known_verdicts.get(of, stage), stage, key=_badness)


def _is_wrong(stage: Stage) -> bool:
    return not stage.status.counts_as_right and stage.status != Status.NOT_GIVEN


def _badness(stage: Stage) -> tuple[bool, float]:
    wrong = _is_wrong(stage)
    return wrong, np.inf if stage.error is None and wrong else stage.error or 0.0


def examples() -> Path:
    """The folder of the examples: inside an installed package, or next to the package in a source tree."""
    package = Path(__file__).parents[1]
    for folder in (package / "examples", package.parent / "examples"):
        if (folder / "batchnorm_by_hand.py").is_file():
            return folder
    raise UnusableError("the examples are missing from this installation; install micrograd-tensor again")


def by_hand() -> dict[str, Any]:
    """The functions of the example."""
    return runpy.run_path(str(examples() / "batchnorm_by_hand.py"))


def blocks(n: int, d: int) -> list[slice]:
    """Which columns of ``(n, d)`` are computed at once, the first of them last."""
    at_once = d if n * d <= WHOLE else max(1, d // 16)
    return [slice(start, start + at_once) for start in range(0, d, at_once)][::-1]


def found_by_columns(x: Any, rng: np.random.Generator, eps: float, every: Iterable[slice]) -> tuple[Found, Graph]:
    """What all columns show at a point that is drawn at random, and the graph of the last that were computed.

    Args:
        x: ``(N, D)``.
        rng: draws gamma, beta and the upstream gradient.
        eps: added to the variance.
        every: the `blocks` of x.

    Raises:
        GradientError: where something is not finite.
    """
    n, d = x.shape
    gamma = (rng.uniform(0.5, 2.0, d) * rng.choice([-1.0, 1.0], d)).astype(x.dtype)
    beta = rng.normal(size=d).astype(x.dtype)
    share = n * d // WHOLE + 1
    probes = min(_PROBES, -(-max(_FEWEST, ELEMENTS // x.size) // share))
    found, hand, derivation, captured = Found(), by_hand(), Derivation(), None
    with _little_garbage() as collected:
        for some in every:
            captured = None  # its memory is for the next one
            collected()
            values = dict(zip(PARTS, (np.ascontiguousarray(x[:, some]), gamma[some], beta[some]), strict=True))
            dout = rng.normal(size=values["x"].shape).astype(x.dtype)
            with detect_anomaly():
                leaves = [tensor(value, name=name, requires_grad=True) for name, value in values.items()]
                captured = graph(batch_norm(leaves[0], leaves[1], leaves[2], eps), dout)
            found.add(_judged(captured, values, dout, eps, hand, derivation, probes))
            del leaves, values, dout
    assert captured is not None  # noqa: S101 -- there are columns
    return found, captured


@contextmanager
def _little_garbage() -> Iterator[Callable[[], Any]]:
    """Within the block garbage of its own is collected quickly, by what this gives."""
    gc.collect()
    gc.freeze()
    try:
        yield gc.collect
    finally:
        gc.unfreeze()


class Derivation:
    """The closed form that is derived from a graph, for the gradients of that and of like graphs.

    It is the code that the closed form prints, run on the recorded values that it names.
    """

    def __init__(self) -> None:
        self._names: list[str] = []
        self._space: dict[str, Any] = {}

    def __call__(self, of: Graph) -> Numbers:
        """The gradients by name."""
        if not self._space:
            closed = derive(of, dims={"N": ("x", 0), "D": ("x", 1)}).closed_form
            self._names = list(closed.arguments)
            exec(closed.numpy, self._space)  # noqa: S102 -- lines that this package printed
        named = named_nodes(of)
        given = {n: named[n].value if n in named else of.gradients[named[n[1:]]].value for n in self._names}
        return {f"d{name}": value for name, value in zip(PARTS, self._space["backward"](**given), strict=True)}


def _judged(
    captured: Graph, values: Numbers, dout: Any, eps: float, hand: Numbers, derivation: Derivation, probes: int
) -> Found:
    probed = numerical(captured, values, dout, eps, probes)  # first, since it needs most memory
    _, cache = hand["batchnorm_forward"](*values.values(), eps)
    named = {node.name: node for node in captured.nodes if node.name}
    found = Found()
    for name, node in named.items():
        found.extents[name] = _extent(node.value)
        found.extents[f"d{name}"] = _extent(captured.gradients[node].value)
    sizes = recorded_tolerances(captured).terms
    compared = {
        HAND_STAGED: hand["batchnorm_backward_staged"](dout, cache),
        HAND_CLOSED: hand["batchnorm_backward_closed_form"](dout, cache),
        DERIVED: derivation(captured),
    }
    for of, gradients in compared.items():
        found.take(of, compare(captured, hand=gradients, point=False).stages)
    found.take(NUMERICAL, probed)
    found.largest = {name: float(np.max(sizes[named[name]].largest, initial=0.0)) for name in found.verdicts}
    return found


def _extent(value: Any) -> tuple[float, float]:
    return float(np.min(value)), float(np.max(value))


def numerical(captured: Graph, values: Numbers, dout: Any, eps: float, probes: int) -> dict[str, Stage]:
    """The recorded gradients against a complex step through the forward pass, in float64, at probed elements."""
    points = [value.astype(np.float64) for value in values.values()]
    weighted = Weighted(partial(batch_norm, eps=eps), points, [dout.astype(np.float64)], analytic=True)
    tolerances = recorded_tolerances(captured)
    stages = {}
    for k, name in enumerate(values):
        ours = np.asarray(captured.gradients[captured[name]].value, np.float64)
        places = np.unique(np.linspace(0, ours.size - 1, min(ours.size, probes)).astype(int)).tolist()
        by_number = np.array([estimate.value for estimate in weighted.slopes(k, places)])
        recorded = ours.reshape(-1)[places]
        allowed = tolerances.absolute[captured[name]].reshape(-1)[places]
        largest = tolerances.terms[captured[name]].largest.reshape(-1)[places]
        compared = difference(recorded, by_number, allowed, largest)
        status = Status.RIGHT if compared.within else Status.WRONG
        stages[name] = Stage(name, status, ours.shape, ours.shape, compared.error)
    return stages
