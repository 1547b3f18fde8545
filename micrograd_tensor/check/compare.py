"""compare: a hand-derived backward pass beside the recorded one, stage by stage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from ..engine.errors import DTypeError, GradientError
from ..engine.tensor import Tensor
from ..graph import Graph, Node, graph
from ..graph.nodes import nearest
from .terms import largest_term

RIGHT, WRONG, WRONG_SHAPE, NOT_GIVEN = "right", "wrong", "wrong shape", "not given"


@dataclass(frozen=True, slots=True)
class Stage:
    """One gradient of the comparison.

    Attributes:
        name: the tensor it belongs to; the gradient itself is called ``d`` + name.
        status: ``"right"``, ``"wrong"``, ``"wrong shape"`` or ``"not given"``.
        shape: of the recorded gradient.
        given_shape: of the hand-derived one, or None.
        error: largest difference, relative to the largest term that was added to make the gradient; None where the
            shapes differ or nothing was given.
        worst: the index of that difference, the hand-derived value there and the recorded one; None likewise.
    """

    name: str
    status: str
    shape: tuple[int, ...]
    given_shape: tuple[int, ...] | None = None
    error: float | None = None
    worst: tuple[tuple[int, ...], float, float] | None = None


class _Stages(Mapping[str, Stage]):
    """Stages by the tensor's name, with or without the gradient's leading ``d``."""

    def __init__(self, stages: list[Stage]) -> None:
        self._by_name = {stage.name: stage for stage in stages}

    def __getitem__(self, name: str) -> Stage:
        found = self._by_name.get(name) or self._by_name.get(name.removeprefix("d"))
        if found is None:
            raise KeyError(f"{name!r} is no stage{nearest(name, self._by_name)}")
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)


@dataclass(frozen=True, slots=True)
class Report:
    """What `compare` found.

    Attributes:
        stages: every named gradient by the name of its tensor, in backward order.
        rtol: the largest error that counts as right.
    """

    stages: Mapping[str, Stage]
    rtol: float

    @property
    def ok(self) -> bool:
        """Whether every gradient that was given is right."""
        return not self.wrong

    @property
    def wrong(self) -> list[str]:
        """The names of the tensors whose gradients are wrong, in backward order."""
        return [name for name, stage in self.stages.items() if stage.status in (WRONG, WRONG_SHAPE)]

    def raise_if_wrong(self) -> None:
        """Raise `GradientError` with the whole report unless everything that was given is right."""
        if not self.ok:
            listed = ", ".join(f"d{name}" for name in self.wrong)
            raise GradientError(f"{len(self.wrong)} of the given gradients are wrong: {listed}\n{self}")

    def __rich__(self) -> Table:
        table = Table(title=f"hand-derived against recorded gradients, tolerance {self.rtol:.1e}", title_justify="left")
        for heading in ("gradient", "shape", "verdict", "error", "worst at", "by hand", "recorded"):
            table.add_column(heading, justify="right" if heading in ("error", "by hand", "recorded") else "left")
        colours = {RIGHT: "green", WRONG: "red", WRONG_SHAPE: "red", NOT_GIVEN: "dim"}
        for stage in self.stages.values():
            verdict = f"[{colours[stage.status]}]{stage.status}[/]"
            shape = str(stage.shape)
            if stage.status == WRONG_SHAPE:
                shape = f"{stage.shape}, given {stage.given_shape}"
            cells = ["", "", "", ""]
            if stage.error is not None and stage.worst is not None:
                index, mine, recorded = stage.worst
                cells = [f"{stage.error:.1e}", str(list(index)), f"{mine:.6g}", f"{recorded:.6g}"]
            table.add_row(f"d{stage.name}", shape, verdict, *cells)
        return table

    def __str__(self) -> str:
        text = StringIO()
        Console(file=text, width=120, color_system=None).print(self.__rich__())
        return text.getvalue().rstrip()


def compare(
    outputs: Any, upstream: Any = None, hand: Mapping[str, Any] | None = None, *, rtol: float | None = None
) -> Report:
    """Compare hand-derived gradients with those that fall out of the recorded graph.

    An error is measured against the largest term that was added to make the gradient, so that cancellation, which makes
    a gradient small and its rounding large, neither alarms nor hides a mistake behind an absolute tolerance.

    Args:
        outputs: a Tensor, or a `Graph` captured with an upstream.
        upstream: gradient of the final output with respect to it, of its shape; None for a scalar or a Graph. Choose a
            generic one, at random: ``out.sum()``, or γ = 1, lets a wrong backward pass of batch normalization through.
        hand: arrays by name, a dict or ``locals()``: the tensor's name with a leading ``d``, or, where no name has one,
            the bare name. Other entries of ``locals()`` are left aside. Shapes must be equal, not just broadcast.
        rtol: largest error that counts as right; by default ``eps ** (2/3)`` of the dtype, 3.7e-11 for float64.

    Raises:
        GradientError: for a gradient of an unknown name, with the nearest names, and where none is given at all.
        DTypeError: for a gradient that is not made of numbers.
        ShapeError: for an upstream of another shape.

    >>> import numpy as np
    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> report = mt.compare(mt.square(x), [1.0, 1.0], {"dx": np.array([2.0, 2.0])})
    >>> report.ok, report.wrong, report.stages["x"].worst
    (False, ['x'], ((1,), 2.0, 4.0))
    """
    captured = outputs if isinstance(outputs, Graph) else graph(outputs, 1.0 if upstream is None else upstream)
    if not captured.gradients:
        raise GradientError("compare: the graph was captured without its backward pass; give graph() an upstream")
    if any(node.value is None for node in captured.nodes):
        raise GradientError("compare: the graph was captured with values=False; capture it with its values")
    known = {name: node for name, node in _named(captured).items() if node in captured.gradients}
    given = _by_tensor(hand or {}, known)
    stages = []
    for name, node in sorted(known.items(), key=lambda item: -item[1].rank):
        if name not in given:
            if node not in captured.outputs:
                stages.append(Stage(name, NOT_GIVEN, node.shape))
            continue
        stages.append(_judge(captured, name, node, given[name], rtol))
    used = np.result_type(*[node.dtype for node in known.values()])
    return Report(_Stages(stages), _tolerance(used) if rtol is None else rtol)


def _named(captured: Graph) -> dict[str, Node]:
    """Named nodes; several of one name are told apart by their scope's path."""
    found: dict[str, Node] = {}
    for node in captured.nodes:
        if node.name is None:
            continue
        name = node.name
        if name in found:
            name = f"{node.scope.path if node.scope else ''}/{name}"
        found[name if name not in found else f"{name}#{node.rank}"] = node
    return found


def _tolerance(dtype: np.dtype[Any]) -> float:
    return float(np.finfo(dtype).eps ** (2 / 3))


def _by_tensor(hand: Mapping[str, Any], known: Mapping[str, Node]) -> dict[str, Any]:
    """The given gradients by tensor name. Where some have a ``d``, bare names are forward values."""
    dotted = {name: value for name, value in hand.items() if name.startswith("d") and name[1:] in known}
    if dotted:
        unknown = [
            name
            for name, value in hand.items()
            if name.startswith("d") and name not in dotted and name not in known and _is_array(value)
        ]
        given = {name[1:]: value for name, value in dotted.items() if value is not None}
    else:
        unknown = [name for name in hand if name not in known]
        given = {name: value for name, value in hand.items() if name in known and value is not None}
    if unknown:
        names = [f"d{name}" for name in known]
        raise GradientError(f"compare: {unknown[0]!r} is the gradient of no named tensor{nearest(unknown[0], names)}")
    if not given:
        raise GradientError(
            f"compare: no gradient was given; it can be one of {', '.join(f'd{name}' for name in known)}"
        )
    return given


def _is_array(value: Any) -> bool:
    return isinstance(value, (np.ndarray, np.generic, Tensor, float, list))


def _judge(captured: Graph, name: str, node: Node, value: Any, rtol: float | None) -> Stage:
    expected = np.asarray(captured.gradients[node].value)
    mine = np.asarray(value.data if isinstance(value, Tensor) else value)
    if mine.dtype.kind not in "biuf":
        raise DTypeError(f"compare: d{name} holds {mine.dtype}, not numbers")
    if mine.shape != expected.shape:
        return Stage(name, WRONG_SHAPE, expected.shape, mine.shape)
    if not expected.size:
        return Stage(name, RIGHT, expected.shape, mine.shape, 0.0, None)
    limit = _tolerance(np.result_type(expected.dtype, np.float16)) if rtol is None else rtol
    with np.errstate(all="ignore"):
        difference = np.abs(mine.astype(np.float64) - expected.astype(np.float64))
        scale = largest_term(captured, node)
    same = (mine == expected) | (np.isnan(mine) & np.isnan(expected))
    difference = np.where(same, 0.0, np.where(np.isnan(difference), np.inf, difference))
    flat = int(np.argmax(difference))
    index = tuple(int(i) for i in np.unravel_index(flat, expected.shape))
    largest = float(difference[index])
    error = 0.0 if largest == 0 else largest / scale if 0 < scale < np.inf else np.inf
    verdict = RIGHT if error <= limit else WRONG
    return Stage(name, verdict, expected.shape, mine.shape, error, (index, float(mine[index]), float(expected[index])))
