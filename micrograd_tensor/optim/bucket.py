"""Bucket: parameters that are updated alike, laid end to end, so that a step takes a few long passes over memory.

A net has many small parameters, and one NumPy call costs as much as a few thousand additions. So the parameters,
their gradients and each buffer are gathered in flat arrays, which the rule updates in place, block by block, so that
its intermediate results stay in the processor's cache. The flat arrays belong to the optimizer: a parameter gets its
new value through `Tensor.assign_`, as a fresh frozen copy, so graphs recorded earlier still hold the old one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from ..engine.errors import ShapeError, describe
from ..engine.tensor import Tensor

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
        self.params, self.step = list(params), step
        total = sum(p.size for p in params)
        flats = [np.zeros(total, params[0].dtype) for _ in range(2 + len(names))]
        ends = np.cumsum([p.size for p in params]).tolist()
        bounds = list(zip([0, *ends], ends, params, strict=False))
        views = [[flat[a:b].reshape(p.shape) for a, b, p in bounds] for flat in flats]
        self.values, self.gradients = views[:2]
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
            gradient[...] = _gradient(p)
            if p.data is not ours:
                value[...] = p.data

    def update(self, rule: Any, settings: dict[str, Any]) -> None:
        """Apply the rule to every block, and assign the parameters their new values."""
        self.step += 1
        for block in self.blocks:
            p, g, *buffers = block
            for old, new in zip((p, *buffers), rule(p, g, *buffers, step=self.step, **settings), strict=True):
                if new is not old:  # a rule need not work in place
                    old[...] = new
        self.assigned = [p.assign_(value).data for p, value in zip(self.params, self.values, strict=True)]


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
        self.memories: list[dict[str, Any]] = [{name: known[name] if name in known else 0 * p.data for name in names}]

    def gather(self) -> None:
        """Check that the gradient has the parameter's shape; raise `ShapeError` otherwise."""
        _gradient(self.params[0])

    def update(self, rule: Any, settings: dict[str, Any]) -> None:
        """Apply the rule, and assign the parameter its new value."""
        self.step += 1
        p, memory = self.params[0], self.memories[0]
        buffers = [memory[name].copy() for name in self.names]  # a rule may work in place
        new, *buffers = rule(p.data.copy(), _gradient(p), *buffers, step=self.step, **settings)
        memory.update(zip(self.names, buffers, strict=True))
        p.assign_(new)


def _gradient(p: Tensor) -> Any:
    g = p.grad
    if g is None or g.data.shape != p.data.shape:
        has = "is gone" if g is None else f"has shape {g.shape}"
        raise ShapeError(f"the gradient of {describe(p)} {has}; it must have the parameter's shape")
    return g.data
