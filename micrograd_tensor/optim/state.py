"""An optimizer's state as plain data and arrays, in PyTorch's layout, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.errors import ShapeError, describe
from ..engine.tensor import Tensor

if TYPE_CHECKING:
    from .optimizer import Optimizer

State = dict[Tensor, dict[str, Any]]


def packed_state(groups: Sequence[dict[str, Any]], state: State) -> dict[str, Any]:
    """The groups' settings, and what is remembered of each parameter by its number; arrays are copied."""
    numbers = {p: i for i, p in enumerate(p for group in groups for p in group["params"])}
    return {
        "state": {
            numbers[p]: {name: np.array(v) if isinstance(v, np.ndarray) else v for name, v in memory.items()}
            for p, memory in sorted(state.items(), key=lambda item: numbers[item[0]])
        },
        "param_groups": [{**group, "params": [numbers[p] for p in group["params"]]} for group in groups],
    }


def checked_state(
    called: str, optimizer: Optimizer, given: dict[str, Any], buffers: Sequence[Sequence[str]]
) -> tuple[list[dict[str, Any]], State]:
    """The groups' settings and the state that a state_dict describes, private copies, or an error that says why not."""
    ours, theirs = optimizer.param_groups, given["param_groups"]
    if len(ours) != len(theirs):
        raise ValueError(f"{called}: the state has {len(theirs)} parameter groups, the optimizer {len(ours)}")
    groups: list[dict[str, Any]] = []
    state: State = {}
    for k, (group, saved, names) in enumerate(zip(ours, theirs, buffers, strict=True)):
        if len(group["params"]) != len(saved["params"]):
            raise ValueError(
                f"{called}: group {k} of the state has {len(saved['params'])} parameters, "
                f"the optimizer's {len(group['params'])}"
            )
        missing = [name for name in optimizer.defaults if name not in saved]
        if missing:
            raise KeyError(f"{called}: group {k} of the state lacks {', '.join(missing)}; is it another optimizer's?")
        groups.append({name: _plain(value) for name, value in saved.items() if name != "params"})
        for p, number in zip(group["params"], saved["params"], strict=True):
            memory = {name: v for name, v in given["state"].get(number, {}).items() if v is not None}
            if memory:
                state[p] = _memory(f"{called}: state of parameter {number}", p, memory, names, optimizer.counted)
    return groups, state


def _memory(what: str, p: Tensor, saved: dict[str, Any], names: Sequence[str], counted: bool) -> dict[str, Any]:
    wanted = (*(("step",) if counted else ()), *names)
    missing = [name for name in wanted if name not in saved]
    if missing:
        raise KeyError(f"{what} lacks {', '.join(missing)}; it has {', '.join(saved) or 'nothing'}")
    memory: dict[str, Any] = {"step": int(saved["step"])} if counted else {}
    for name in names:
        value = saved[name]
        array = np.asarray(value.data if isinstance(value, Tensor) else value).astype(p.dtype)
        if array.shape != p.shape:
            raise ShapeError(f"{what}: {name} has shape {array.shape}, and {describe(p)} needs its own")
        memory[name] = array
    return memory


def _plain(value: Any) -> Any:
    """A setting as Python writes it: lists, as JSON has them, become tuples again, 0-d arrays numbers."""
    if isinstance(value, (list, tuple)):
        return tuple(map(_plain, value))
    return value.item() if getattr(value, "shape", None) == () else value
