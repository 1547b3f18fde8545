"""Bucket: parameters that are updated alike, laid end to end, so that a step takes a few long passes over memory.

A net has many small parameters, and one NumPy call costs as much as a few thousand additions. So their values, their
gradients and each buffer are gathered in flat arrays for the rule. A large parameter is a bucket by itself, and so is
one whose array is not NumPy's, which stays as it is.

A rule writes to nothing that it is given. Its results become the state when all has been worked out: so a step is done
or not done, whenever Ctrl-C comes, and graphs recorded earlier still hold the old parameters.

Within a trace the same rule is applied to the same flat values as Tensors, and what it changes is left in the trace.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import Any, TypeAlias

import numpy as np

from ..engine.arrays import frozen, is_duck, is_lazy, settled
from ..engine.errors import ShapeError, describe
from ..engine.record import leaf, set_data
from ..engine.table.elementwise import astype
from ..engine.table.shapes import concatenate, reshape
from ..engine.tensor import Tensor
from ..engine.trace import changed, effect, source

State: TypeAlias = dict[Tensor, dict[str, Any]]
"""What an optimizer keeps for each parameter: the number of its steps, and the rule's buffers, by name."""

LARGE = 1 << 16
"""Elements from which on a parameter is a bucket by itself: to gather them costs more than the calls that it saves."""
BLOCK = 1 << 19
"""Elements updated at a time, so that a rule's intermediate results stay in the processor's cache."""


class Bucket:
    """Parameters of one dtype that have taken the same number of steps.

    Args:
        params: Tensors with gradients; only one, if its array is not NumPy's.
        names: the buffers that the rule keeps.
        state: their values so far; zeros where there are none yet.
        step: how many steps the parameters have taken.
    """

    def __init__(self, params: Sequence[Tensor], names: Sequence[str], state: State, step: int) -> None:
        self.params, self.names = params, names
        self.taken: Any = step
        self.dtype, self.foreign = params[0].dtype, is_duck(params[0]._data)
        ends = np.cumsum([p.size for p in params]).tolist()
        self.bounds = list(zip([0, *ends], ends, [p.shape for p in params], strict=False))
        known = [(p, state.get(p, {})) for p in params]
        self.buffers = [self._joined([m[name] if name in m else _zeros(p) for p, m in known]) for name in names]
        self.value: Any = None
        self.assigned: list[Any] = [None] * len(params)

    @property
    def step(self) -> int:
        """How many steps the parameters have taken."""
        return int(self.taken)

    def _joined(self, arrays: Sequence[Any]) -> Any:
        """One array for all parameters, flat unless it is a foreign one, in their dtype; not to be written to."""
        if not self.foreign:
            flat = [array.reshape(-1) for array in arrays]
            arrays = flat if len(flat) == 1 else [np.concatenate(flat)]
        return self._final(arrays[:1])[0]

    def _final(self, arrays: Sequence[Any]) -> list[Any]:
        """Arrays in the parameters' dtype, which are not written to any more."""
        arrays = [array if array.dtype == self.dtype else array.astype(self.dtype) for array in arrays]
        if self.foreign:
            return settled(arrays, [None] * len(arrays))
        for array in arrays:
            array.setflags(write=False)
        return arrays

    def _parts(self, whole: Any) -> list[Any]:
        """Of one array for all parameters the part of each."""
        return [whole] if self.foreign else [whole[a:b].reshape(shape) for a, b, shape in self.bounds]

    def memories(self) -> State:
        """What the state holds for the parameters, once they have taken a step."""
        parts = zip(self.params, *map(self._parts, self.buffers), strict=True) if self.step else ()
        return {p: dict(zip(self.names, memory, strict=True)) for p, *memory in parts}

    def update(self, rule: Any, settings: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Apply the rule; returns the changes that make this the state, for `all_at_once`.

        Raises:
            ShapeError: for a gradient whose shape is not its parameter's.
        """
        g = self._joined([_gradient(p)._data for p in self.params])
        p, step = self._values(), self.step + 1
        value, *buffers = self._final(self._applied(rule, (p, g, *self.buffers), {"step": step, **settings}))
        parts = self._parts(value) if len(self.params) == 1 else [frozen(part) for part in self._parts(value)]
        kept = self.buffers.__setitem__, slice(None), buffers
        return [*self._assigned(value, parts), (vars(self).__setitem__, "taken", step), kept]

    def _values(self) -> Any:
        """The values of all parameters as one array; it is there unless they were given others since the last step."""
        arrays = [p._data for p in self.params]
        return self.value if all(map(operator.is_, arrays, self.assigned)) else self._joined(arrays)

    def _assigned(self, value: Any, parts: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The changes that make an array the values of all parameters, given the part of each."""
        new = {"value": value, "assigned": parts}
        return [*zip(repeat(set_data), self.params, parts), (vars(self).update, new)]

    def _applied(self, rule: Any, arrays: tuple[Any, ...], settings: dict[str, Any]) -> Sequence[Any]:
        """What the rule makes of the arrays, block by block."""
        size = arrays[0].size
        if size <= BLOCK or self.foreign:
            found: tuple[Any, ...] = rule(*arrays, **settings)
            return found
        results = [np.empty(size, self.dtype) for _ in range(1 + len(self.names))]
        for a in range(0, size, BLOCK):
            block = slice(a, a + BLOCK)
            for result, part in zip(results, rule(*(array[block] for array in arrays), **settings), strict=True):
                result[block] = part
        return results

    def record(self, rule: Any, settings: dict[str, Any]) -> None:
        """Apply the rule within a trace, whose effects are the new state.

        The parameters are read and written as the one array that they are kept in, so that a step needs no copies.
        """
        before = source(self._steps, "step")
        step = before + 1
        effect(before, step, lambda array: [(vars(self).__setitem__, "taken", array)])
        as_they_are = not (self.foreign or any(map(changed, self.params)))
        p = source(self._values, "params") if as_they_are else self._flat(self.params)
        g = self._flat([_gradient(p) for p in self.params])
        buffers = [source(_Buffer(self, i), name) for i, name in enumerate(self.names)]
        new, *rest = map(self._narrowed, rule(p, self._narrowed(g), *buffers, step=step, **settings))
        if as_they_are:
            effect(p, new, lambda array: self._assigned(array, self._parts(array)))
        for param, part in zip(self.params, self._parts(new), strict=True):
            effect(param, part, None) if as_they_are else param.assign_(part)
        for i, (buffer, value) in enumerate(zip(buffers, rest, strict=True)):
            effect(buffer, value, partial(self._kept, i))

    def _narrowed(self, x: Tensor) -> Tensor:
        return x if x.dtype == self.dtype else astype(x, self.dtype)

    def _kept(self, i: int, array: Any) -> list[tuple[Any, ...]]:
        return [(self.buffers.__setitem__, i, array)]

    def _flat(self, tensors: Sequence[Tensor]) -> Tensor:
        """What `_joined` does, recorded."""
        flat = tensors if self.foreign else [reshape(x, shape=-1) for x in tensors]
        return flat[0] if len(flat) == 1 else concatenate(flat)

    def _steps(self) -> int:
        return self.step


@dataclass(frozen=True)
class _Buffer:
    """Reads a buffer of a bucket."""

    bucket: Bucket
    number: int

    def __call__(self) -> Any:
        return self.bucket.buffers[self.number]


def compute_gradients(params: Iterable[Tensor]) -> None:
    """Compute the lazy gradients of parameters in one go, since they share most of what they are computed from."""
    lazy = [p for p in params if p._grad is not None and is_lazy(p._grad._data)]
    found = settled([p._grad._data for p in lazy if p._grad is not None], [p._data for p in lazy])
    for p, g in zip(lazy, found, strict=True):
        p.grad = leaf(g)


def _zeros(p: Tensor) -> Any:
    return np.zeros_like(p._data)


def _gradient(p: Tensor) -> Tensor:
    g = p._grad
    if g is None or g._data.shape != p._data.shape:
        has = "is gone" if g is None else f"has shape {g.shape}"
        raise ShapeError(f"the gradient of {describe(p)} {has}; it must have the parameter's shape")
    return g
