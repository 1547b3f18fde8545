"""Bucket: parameters that are updated alike, laid end to end, so that a step takes a few long passes over memory.

A net has many small parameters, and one NumPy call costs as much as a few thousand additions. So the parameters,
their gradients and each buffer are gathered in flat arrays, which the rule updates in place, block by block, so that
its intermediate results stay in the processor's cache. The flat arrays belong to the optimizer: a parameter gets its
new value as `Tensor.assign_` gives it, as a fresh frozen copy, so graphs recorded earlier still hold the old one.

There are two flat arrays of each buffer, of which a step reads one and writes the other. They change places, and the
parameters get their values, when all has been worked out: so a step is done or not done, whenever Ctrl-C comes.

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
from ..engine.tensor import Tensor, assignments
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
        self.total = sum(p.size for p in params)
        ends = np.cumsum([p.size for p in params]).tolist()
        self.bounds = list(zip([0, *ends], ends, params, strict=False))
        (value, gradient), self.buffers, self.spare = map(self._flats, (2, len(names), len(names)))
        self.values, self.gradients = self._parts(value), self._parts(gradient)
        self.memories, self.next = map(self._memories, (self.buffers, self.spare))
        firsts = range(0, self.total, BLOCK)
        cut = [[tuple(flat[a : a + BLOCK] for flat in flats) for a in firsts] for flats in (self.buffers, self.spare)]
        cut += [[(value[a : a + BLOCK], gradient[a : a + BLOCK]) for a in firsts]]
        self.blocks, self.back = list(zip(*cut, strict=True)), list(zip(cut[1], cut[0], cut[2], strict=True))
        for p, memory in zip(params, self.memories, strict=True):
            for name, view in memory.items():
                view[...] = state.get(p, {}).get(name, 0)
        self.assigned: list[Any] = [None] * len(params)

    def _flats(self, n: int) -> list[Any]:
        return [np.zeros(self.total, self.params[0].dtype) for _ in range(n)]

    def _parts(self, flat: Any) -> list[Any]:
        return [flat[a:b].reshape(p.shape) for a, b, p in self.bounds]

    def _memories(self, buffers: Sequence[Any]) -> list[dict[str, Any]]:
        """The parts of flat buffers by parameter and name."""
        parts = list(map(self._parts, buffers))
        return [{name: part[i] for name, part in zip(self.names, parts, strict=True)} for i in range(len(self.params))]

    def gather(self) -> None:
        """Copy in the gradients, and any parameter that was assigned to from outside.

        Raises:
            ShapeError: for a gradient whose shape is not its parameter's.
        """
        for p, value, gradient, ours in zip(self.params, self.values, self.gradients, self.assigned, strict=True):
            gradient[...] = _gradient(p)._data
            if p._data is not ours:
                value[...] = p._data

    def update(self, rule: Any, settings: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Apply the rule to every block; returns the changes that make this the state, for `all_at_once`."""
        step, self.assigned = self.step + 1, [None] * len(self.params)  # until then, values are not the parameters'
        for before, buffers, (p, g) in self.blocks:
            for old, new in zip(before, buffers, strict=True):
                new[...] = old
            for old, new in zip((p, *buffers), rule(p, g, *buffers, step=step, **settings), strict=True):
                if new is not old:  # a rule need not work in place
                    old[...] = new
        changes = assignments(self.params, self.values)
        turned = dict(memories=self.next, next=self.memories, buffers=self.spare, spare=self.buffers)
        turned |= dict(blocks=self.back, back=self.blocks)
        return [*changes, (partial(vars(self).update, turned, step=step, assigned=[array for *_, array in changes]),)]

    def record(self, rule: Any, settings: dict[str, Any], count: Callable[[int], None]) -> None:
        """Apply the rule within a trace; `count` gets the number of steps when the run has ended."""
        p = concatenate([reshape(p, shape=-1) for p in self.params])
        g = astype(concatenate([reshape(_gradient(p), shape=-1) for p in self.params]), p.dtype)
        buffers = [source(partial(self._buffer, i), name) for i, name in enumerate(self.names)]
        new, *changed = rule(p, g, *buffers, step=_next_step(self, count), **settings)
        for a, b, p in self.bounds:
            p.assign_(reshape(new[a:b], shape=p.shape))
        for i, (buffer, value) in enumerate(zip(buffers, changed, strict=True)):
            effect(buffer, value, partial(self._write, i))

    def _buffer(self, i: int) -> Any:
        return self.buffers[i].copy()

    def _write(self, i: int, value: Any) -> None:
        self.buffers[i][...] = value


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
        self.next: list[dict[str, Any]] = [{}]

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

    def update(self, rule: Any, settings: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Apply the rule; returns the changes that make this the state, for `all_at_once`."""
        p, memory, step = self.params[0], self.memories[0], self.step + 1
        buffers = [memory[name].copy() for name in self.names]  # a rule may work in place
        new, *buffers = rule(p._data.copy(), _gradient(p)._data, *buffers, step=step, **settings)
        self.next = [{**memory, **dict(zip(self.names, buffers, strict=True))}]
        return [*assignments([p], [new]), (vars(self).update, {"memories": self.next, "step": step})]


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
