"""assert_gradients: a comparison as one line of a test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ..engine.errors import GradientError
from ..graph import Graph, graph
from .compare import compare
from .report import Report
from .running import run
from .source_lines import gradient_lines
from .stages import named_nodes


def assert_gradients(
    outputs: Any,
    upstream: Any = None,
    hand: Mapping[str, Any] | Callable[..., Any] | None = None,
    forward: Mapping[str, Any] | None = None,
    *,
    rtol: float | None = None,
    hints: int = 3,
) -> Report:
    """Assert that hand-derived gradients are right; the failure says which line is wrong, and why.

    Args:
        outputs: as `compare` takes them, and so is `upstream`.
        upstream: gradient of the output with respect to it.
        hand: as `compare` takes it, or the backward pass itself, called as ``hand(upstream, forward)`` on copies.
            Without ``forward`` it gets the recorded values by name. A tuple that it returns is named by the order of
            the graph's inputs. Where it raises, that fails the test, with the stages that it had reached.
        forward: the forward values by name.
        rtol: largest error that counts as right; None: what rounding explains.
        hints: how much the failure says about a wrong stage: 1 where it is, 2 also its kind, 3 also the fix.

    Returns:
        The report.

    Raises:
        AssertionError: for a gradient or a forward value that is wrong, and where the backward pass raises or writes
            into its arguments.

    >>> import numpy as np
    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> mt.check.assert_gradients(mt.square(x), [1.0, 1.0], {"dx": np.array([2.0, 4.0])}).ok
    True
    """
    __tracebackhide__ = True
    if not callable(hand):
        report = compare(outputs, upstream, hand, forward, rtol=rtol)
        if not report.ok:
            raise AssertionError(f"hand-derived gradients are wrong\n{report.text(hints=hints)}")
        return report
    captured = outputs if isinstance(outputs, Graph) else graph(outputs, 1.0 if upstream is None else upstream)
    if len(captured.outputs) != 1:
        raise GradientError("assert_gradients: call the backward pass yourself for a graph of several outputs")
    named = named_nodes(captured)
    inputs = [name for name, node in named.items() if node.is_leaf and node in captured.gradients]
    cache = {name: node.value for name, node in named.items()} if forward is None else forward
    came = run(hand, captured.upstreams[captured.outputs[0]].value, cache, inputs)
    said = [f"backward changed {name}, which it was given; let it work on a copy" for name in came.changed]
    if came.error is not None:
        said.append(f"backward raised {type(came.error).__name__}: {came.error}; judged are the stages that it reached")
    try:
        report = compare(captured, hand=came.names, forward=forward, rtol=rtol)
    except GradientError as error:
        raise AssertionError("\n".join((*said, *came.remarks, str(error)))) from came.error
    report = replace(report, lines=gradient_lines(hand, report.stages), remarks=(*said, *came.remarks))
    if said or not report.ok:
        raise AssertionError(f"the backward pass is wrong\n{report.text(hints=hints)}") from came.error
    return report
