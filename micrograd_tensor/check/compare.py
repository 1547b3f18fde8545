"""compare: a hand-derived backward pass beside the recorded one, stage by stage."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from ..engine.errors import GradientError
from ..graph import Graph, graph
from ..graph.status import Status
from .findings import Finding, Invariant, Oracle
from .forward import Forward
from .given import read
from .invariants import check_invariants
from .judging import Judge
from .lint import lint
from .oracles import oracles
from .report import Report
from .stages import Stages, named_nodes
from .tolerance import nudged_passes, recorded_tolerances


@np.errstate(all="ignore")
def compare(
    outputs: Any,
    upstream: Any = None,
    hand: Mapping[str, Any] | None = None,
    forward: Mapping[str, Any] | None = None,
    *,
    rtol: float | None = None,
    point: bool = True,
) -> Report:
    """Compare hand-derived gradients with those that fall out of the recorded graph.

    Every gradient is expected to be what the recorded rules make of *the user's own* gradients upstream of it, so that
    one mistake is found where it was made, and what follows from it is not held against the lines after it.

    Unless ``rtol`` is given, what counts as right is measured: the passes run again with every result nudged in its
    last digits, and an element may differ by what that does to it, and by what another order of summing may do. Errors
    are given relative to the largest term that was added to make an element, so that cancellation, which makes a
    gradient small and its rounding large, neither alarms nor hides a mistake behind an absolute tolerance.

    Args:
        outputs: a Tensor, or a `Graph` captured with an upstream.
        upstream: gradient of the final output with respect to it, of its shape; None for a scalar or a Graph. Choose a
            generic one, at random: ``out.sum()``, or γ = 1, lets a wrong backward pass of batch normalization through.
        hand: arrays by name, a dict or ``locals()``: the tensor's name with a leading ``d``, or, where no name has one,
            the bare name. ``None`` stands for "not given". Bare names beside those with a ``d`` are forward values, as
            are the entries of a dict such as ``cache``. Shapes must be equal, not just broadcast. Several tensors of
            one name are told apart by the path of their scope.
        forward: the forward values that the gradients were derived from, by the tensor's name.
        rtol: largest error that counts as right; None: what rounding explains at this point.
        point: also look at the test point, the oracles and the invariants.

    Raises:
        GradientError: where no gradient is given at all, with the nearest names, where ``hand`` or ``forward`` has no
            names, and for an ``rtol`` that is negative or no number.
        DTypeError: for a gradient that is not made of numbers, or of complex ones where real ones belong.
        ShapeError: for an upstream of another shape.

    >>> import numpy as np
    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> report = mt.compare(mt.square(x), [1.0, 1.0], {"dx": np.array([2.0, 2.0])})
    >>> report.ok, report.wrong, report.stages["x"].worst
    (False, ['x'], ((1,), 2.0, 4.0))
    """
    if rtol is not None and not (isinstance(rtol, (int, float, np.number)) and rtol >= 0):
        raise GradientError(f"compare: rtol is {rtol!r}; give a number of at least 0, or None to let rounding decide")
    captured = outputs if isinstance(outputs, Graph) else graph(outputs, 1.0 if upstream is None else upstream)
    if not captured.gradients:
        raise GradientError("compare: the graph was captured without its backward pass; give graph() an upstream")
    if any(node.value is None for node in captured.nodes):
        raise GradientError("compare: the graph was captured with values=False; capture it with its values")
    named = named_nodes(captured)
    stages = {name: node for name, node in named.items() if node in captured.gradients}
    given = read(hand, forward, stages, named)
    passes = nudged_passes(captured)

    ours = {node: node.value for node in captured.nodes}
    before = Forward(captured, named, given.values, passes, rtol)
    judged = Judge(captured, stages, given.gradients, before.values, before.others, passes, rtol).judge()
    unused = dict(given.unused)
    if before.others and given.loose:
        again = Judge(captured, stages, given.gradients, ours, (), passes, rtol).judge()
        if not again.wrong:
            strays = {s.name for s in before.stages if s.status == Status.WRONG and s.name in given.loose}
            unused |= dict.fromkeys(strays, "not the recorded values, but the gradients were not made from them")
            kept = {name: value for name, value in given.values.items() if name not in given.loose}
            before, judged = Forward(captured, named, kept, passes, rtol), again

    findings: tuple[Finding, ...] = ()
    slopes: tuple[Oracle, ...] = ()
    properties: tuple[Invariant, ...] = ()
    if point:
        allowed = recorded_tolerances(captured, passes)
        findings, slopes = lint(captured, allowed, rtol), oracles(captured, passes, allowed.absolute)
        properties = check_invariants(captured, {stages[name]: g for name, g in given.gradients.items()}, allowed)
    return Report(
        stages=Stages(judged.stages),
        forward=Stages(before.stages),
        diagnosis=MappingProxyType({**{f"forward:{k}": v for k, v in before.diagnosis.items()}, **judged.diagnosis}),
        findings=findings,
        oracles=slopes,
        invariants=properties,
        unused=MappingProxyType(unused),
        rtol=rtol,
        graph=captured,
        situations=MappingProxyType({**{f"forward:{k}": v for k, v in before.situations.items()}, **judged.situations}),
    )
