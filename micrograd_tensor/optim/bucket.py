"""Bucket: parameters that are updated alike, laid end to end, so that a step takes a few long passes over memory.

A net has many small parameters, and one NumPy call costs as much as a few thousand additions. So the parameters,
their gradients and each buffer are gathered in flat arrays, which the rule updates in place, block by block, so that
its intermediate results stay in the processor's cache. The flat arrays belong to the optimizer: a parameter gets its
new value through `Tensor.assign_`, as a fresh frozen copy, so graphs recorded earlier still hold the old one.

Within a trace the same rule is applied to the same flat values as Tensors, and what it changes is left in the trace.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from ..engine.errors import ShapeError, describe
from ..engine.table.elementwise import astype
from ..engine.table.shapes import concatenate, reshape
from ..engine.tensor import Tensor
from ..engine.trace import effect, source

State: TypeAlias = dict[Tensor, dict[str, Any]]
"""What an optimizer keeps for each parameter: the number of its steps, and the rule's buffers, by name."""

BLOCK = 1 << 17
"""Elements updated at a time: enough to hide the cost of a call, few enough for the cache."""


class Bucket:
    """Parameters of one dtype that have taken the same number of steps.

    Args:
        params: Tensors with gradients.
        names: the buffers that the rule keeps.
        state: their initial values; zeros where there are none yet.
        step: how many steps the parameters have taken.
    """

    def __init__(self, params: Sequence[Tensor], names: Sequence[str], state: State, step: int) -> None:
        self.params, self.names, self.step = list(params), tuple(names), step
        total = sum(p.size for p in params)
        flats = [np.zeros(total, params[0].dtype) for _ in range(2 + len(names))]
        ends = np.cumsum([p.size for p in params]).tolist()
        self.bounds = list(zip([0, *ends], ends, params, strict=False))
        views = [[flat[a:b].reshape(p.shape) for a, b, p in self.bounds] for flat in flats]
        self.values, self.gradients = views[:2]
        self.buffers = flats[2:]
        self.memories: list[dict[str, Any]] = [
            dict(zip(names, each, strict=True)) for each in zip(*views[2:], strict=True)
        ]
        for p, memory in zip(params, self.memories, strict=False):
            for name, view in memory.items():
                view[...] = state.get(p, {}).get(name, 0)
        self.blocks = [tuple(flat[a : a + BLOCK] for flat in flats) for a in range(0, total, BLOCK)]
        self.assigned: list[Any] = [None] * len(params)

    def gather(self) -> None:
        """Copy in the gradients, and any parameter that was assigned to from outside.

        Raises:
            ShapeError: for a gradient whose shape is not its parameter's.
        """
        for p, value, gradient, ours in zip(self.params, self.values, self.gradients, self.assigned, strict=True):
            gradient[...] = _gradient(p)._data
            if p._data is not ours:
                value[...] = p._data

    def update(self, rule: Any, settings: dict[str, Any]) -> None:
        """Apply the rule to every block, and assign the parameters their new values."""
        self.step += 1
        for block in self.blocks:
            p, g, *buffers = block
            for old, new in zip((p, *buffers), rule(p, g, *buffers, step=self.step, **settings), strict=True):
                if new is not old:  # a rule need not work in place
                    old[...] = new
        self.assigned = [p.assign_(value)._data for p, value in zip(self.params, self.values, strict=True)]

    def record(self, rule: Any, settings: dict[str, Any], count: Callable[[int], None]) -> None:
        """Apply the rule within a trace; `count` gets the number of steps when the run has ended."""
        p = concatenate([reshape(p, shape=-1) for p in self.params])
        g = astype(concatenate([reshape(_gradient(p), shape=-1) for p in self.params]), p.dtype)
        buffers = [source(flat.copy, name) for name, flat in zip(self.names, self.buffers, strict=True)]
        new, *changed = rule(p, g, *buffers, step=_next_step(self, count), **settings)
        for a, b, p in self.bounds:
            p.assign_(reshape(new[a:b], shape=p.shape))
        for buffer, value, flat in zip(buffers, changed, self.buffers, strict=True):
            effect(buffer, value, partial(np.copyto, flat))


class Alone:
    """One parameter whose array is not NumPy's: the array stays as it is, and the rule works on it whole.

    Args:
        p: a Tensor with a gradient.
        names: the buffers that the rule keeps.
        state: their initial values.
        step: how many steps the parameter has taken.
    """

    def __init__(self, p: Tensor, names: Sequence[str], state: State, step: int) -> None:
        known = state.get(p, {})
        self.params, self.names, self.step = [p], names, step
        self.memories: list[dict[str, Any]] = [{name: known[name] if name in known else 0 * p._data for name in names}]

    def gather(self) -> None:
        """Check that the gradient has the parameter's shape; raise `ShapeError` otherwise."""
        _gradient(self.params[0])

    def record(self, rule: Any, settings: dict[str, Any], count: Callable[[int], None]) -> None:
        """Apply the rule within a trace; `count` gets the number of steps when the run has ended."""
        p, memory = self.params[0], self.memories[0]
        buffers = [source(partial(memory.__getitem__, name), name) for name in self.names]
        new, *changed = rule(
            reshape(p, shape=p.shape), _gradient(p), *buffers, step=_next_step(self, count), **settings
        )
        p.assign_(new)
        for name, buffer, value in zip(self.names, buffers, changed, strict=True):
            effect(buffer, value, partial(memory.__setitem__, name))

    def update(self, rule: Any, settings: dict[str, Any]) -> None:
        """Apply the rule, and assign the parameter its new value."""
        self.step += 1
        p, memory = self.params[0], self.memories[0]
        buffers = [memory[name].copy() for name in self.names]  # a rule may work in place
        new, *buffers = rule(p._data.copy(), _gradient(p)._data, *buffers, step=self.step, **settings)
        memory.update(zip(self.names, buffers, strict=True))
        p.assign_(new)


def _gradient(p: Tensor) -> Tensor:
    g = p._grad
    if g is None or g.shape != p.shape:
        has = "is gone" if g is None else f"has shape {g.shape}"
        raise ShapeError(f"the gradient of {describe(p)} {has}; it must have the parameter's shape")
    return g


def _next_step(bucket: Bucket | Alone, count: Callable[[int], None]) -> Tensor:
    before = source(lambda: bucket.step, "step")
    after = before + 1
    effect(before, after, lambda array: count(int(array)))
    return after
