"""Trace: record a whole run of Python code, so that its graph can stand for it at other inputs.

Four things that Python code does are no ops, and each has one door, which works outside a trace too: it changes state
(`Tensor.assign_`, `effect`), reads what differs from run to run (`source`), decides by values (`holds`), and goes by
settings (`goes_by`). Any other use of a value, such as ``float(x)``, would be frozen into the graph, and raises
`TraceError` within a trace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from .anomaly import caller
from .arrays import as_array, is_duck
from .errors import TraceError, describe
from .record import Record, Result, all_at_once, leaf, unwrap
from .recording import Effect, Trace, recording

__all__ = ["holds"]


@contextmanager
def tracing() -> Iterator[Trace]:
    """Record every op within the block with its line, in `no_grad` and backward passes too, and whatever else happens.

    State stays as it was: ``assign_`` and ``.grad`` count within the block only, and are left in the trace.

    Raises:
        TraceError: within another trace, and wherever a value leaves the graph.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor(2.0, name="x")
    >>> with tracing() as trace:
    ...     _ = x.assign_(x + 1)
    >>> x, trace.effects[x].value
    (tensor(2., name='x'), tensor(3., op=add))
    """
    now = recording.get()
    if now.trace is not None:
        raise TraceError(f"a trace within a trace, in {caller()}; close the outer one first")
    trace = Trace()
    token = recording.set(replace(now, record_all=True, trace=trace))
    try:
        yield trace
    finally:
        recording.reset(token)
        for x, before in trace.grads.items():
            trace.gradients[x], x._grad = x._grad, before


def holds(condition: Any) -> bool:
    """Whether a condition is true for all its elements: the door for Python code that branches by values.

    Within a trace the branch taken is noted with the condition, so that whoever runs the graph again can check it. Of
    an array that is not NumPy's nothing is computed and the answer is False, so let that be the general branch.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0])
    >>> mt.holds(x > 0), mt.holds(x > 1)
    (True, False)
    """
    values = unwrap(condition)
    if is_duck(values):
        return False
    truth = bool(np.all(values))
    trace = recording.get().trace
    if trace is not None and isinstance(condition, Record):
        trace.guards.append((condition, truth))
    return truth


def at_once(*tensors: Any) -> tuple[Any, ...]:
    """For what no gradient flows through: the arrays, with which the same ops take half the time and record nothing.

    Within a trace, which needs these ops, the tensors themselves.
    """
    return tensors if recording.get().trace is not None else tuple(map(unwrap, tensors))


def source(read: Callable[[], Any], name: str | None = None, generator: Any = None) -> Result:
    """A leaf whose value is read now, and within a trace anew at every later run: a random draw, a learning rate.

    The generator that it is drawn from, if any, is noted with its state, so that a run that is given up can be undone.
    What an equal function has read before in this trace is the same leaf, and found with its new value; a draw is not.

    >>> source(lambda: np.float32(0.5), "lr")
    tensor(0.5, dtype=float32, name='lr')
    """
    trace = recording.get().trace
    if trace is not None and generator not in trace.generators and hasattr(generator, "bit_generator"):
        trace.generators[generator] = generator.bit_generator.state
    before = {} if trace is None or generator is not None else trace.sources
    known = [x for x, other in before.items() if other == read]
    x: Result = known[0] if known else leaf(as_array(read()), name)
    if trace is not None:
        trace.sources[x] = read
    return x


def goes_by(owner: Any, read: Callable[[], tuple[Any, ...]]) -> None:
    """Within a trace, note settings that Python code goes by, such as a module's mode: where they differ, it is void.

    Args:
        owner: whose settings they are.
        read: reads them now.
    """
    trace = recording.get().trace
    if trace is not None and owner not in trace.settings:
        trace.settings[owner] = read, read()


def effect(x: Record, value: Record, changes: Callable[[Any], Iterable[tuple[Any, ...]]] | None) -> None:
    """Give the leaf x a value: at once, or within a trace when the run has ended.

    Args:
        x: the leaf.
        value: what it becomes.
        changes: the changes that bring this about, given the array, for `all_at_once`; None where those of another leaf
            do.
    """
    trace = recording.get().trace
    if trace is not None:
        trace.effects[x] = Effect(value, changes)
    elif changes is not None:
        all_at_once(changes(unwrap(value)))


def changed(x: Record) -> bool:
    """Whether a leaf has been given another value within this trace."""
    trace = recording.get().trace
    return trace is not None and x in trace.effects


def current(trace: Trace, operand: Any, on: bool) -> Any:
    """What a leaf has become within a trace; any other operand as it is.

    Raises:
        TraceError: for a leaf that asks for gradients, since its new value is the result of ops and no leaf any more.
    """
    if not isinstance(operand, Record) or operand not in trace.effects:
        return operand
    if on and operand._requires_grad:
        raise TraceError(
            f"{describe(operand)} was given a new value in this trace and is used for gradients again, "
            f"in {caller()}; trace one step at a time"
        )
    return trace.effects[operand].value


def refuse_reading(x: Record, how: str) -> None:
    """Raise `TraceError` within a trace: a value that Python code reads would be frozen into the graph."""
    if recording.get().trace is not None:
        raise TraceError(
            f"{how} of {describe(x)} leaves the trace, which would keep this run's value for ever, in {caller()}; "
            "compute with Tensors, decide with mt.holds(condition), or read it after the trace"
        )


def touch_grad(x: Record, clears: bool = False) -> None:
    """Within a trace, remember the ``.grad`` of a leaf before it is read or changed."""
    trace = recording.get().trace
    if trace is not None and x not in trace.grads:
        trace.grads[x] = x._grad
        if clears:
            trace.cleared.add(x)
