"""Optimizer: parameters in groups, the state kept for each, and the step that applies a rule to all of them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, TypeAlias

import numpy as np

from ..engine.arrays import beside, element, is_duck, plain
from ..engine.errors import DTypeError, GradientError, ShapeError, describe
from ..engine.interop.habits import keywords
from ..engine.record import all_at_once, unwrap
from ..engine.recording import enable_grad, no_grad, recording
from ..engine.table.elementwise import astype, zeros_like
from ..engine.tensor import Tensor
from ..engine.trace import goes_by, source, touch_grad
from .bucket import LARGE, Bucket, State, compute_gradients

__all__ = ["Optimizer"]

Rule: TypeAlias = Callable[..., tuple[Any, ...]]
"""From a parameter, its gradient, the buffers and the settings to the new parameter and buffers; it writes to none."""

Ranges: TypeAlias = dict[str, tuple[float, float]]

_HOW = frozenset({"capturable", "differentiable", "foreach", "fused"})
"""Settings of PyTorch's that say how it computes a step, not what; a state may have them."""
_OF_PARAMETERS = frozenset({"params", "param_names"})
_LATER = frozenset({"decoupled_weight_decay", "maximize"})
"""Settings that states of earlier versions of PyTorch lack."""


def scalar(number: Any, p: Any) -> Any:
    """A number as a factor of p: in the dtype of p, so that it does not widen it; Python's numbers never do."""
    if isinstance(number, np.generic):
        return number.astype(p.dtype)
    return astype(number, p.dtype) if hasattr(number, "dtype") else number


class Optimizer:
    """The base of all optimizers. A subclass defines its `rule`, the `buffers` that the rule keeps, and its settings.

    Args:
        params: leaf Tensors, or dictionaries that hold them under ``"params"``, with the settings of that group.
        defaults: settings for all groups.

    Attributes:
        param_groups: a list of dictionaries with ``"params"`` and the settings. A scheduler changes ``"lr"`` there.

    Raises:
        ValueError: for no parameters at all, a repeated parameter, an unknown setting, or one out of range.
        GradientError: for the result of an op: only leaves can be updated.
        DTypeError: for anything but Tensors of real floating-point numbers.
    """

    rule: ClassVar[Rule]
    counted: ClassVar[bool] = True
    """Whether ``state`` holds the number of steps, as PyTorch's does for all but SGD."""
    ranges: ClassVar[Ranges] = {}
    """The range of each numeric setting: at least the first value, below the second."""

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise DTypeError(f"params is one Tensor, {describe(params)}; give a list: [{params.name or 'w'}]")
        called = type(self).__name__
        if hasattr(params, "parameters"):
            given = type(params).__name__
            raise DTypeError(f"{called}({given}(…)): a {given} is no list of parameters; give its parameters()")
        groups = list(params)
        if not groups:
            raise ValueError(
                f"{called}: no parameters given; does the model have any? Layers in a plain list or dict are no part "
                "of it: make it an nn.ModuleList or nn.ModuleDict"
            )
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self._state: State = {}
        self._plans: dict[int, tuple[list[Tensor], tuple[tuple[str, ...], list[Any]], list[Bucket]]] = {}
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "__init__" in vars(cls) and cls.__module__.startswith(f"{__package__}."):
            setattr(cls, "__init__", keywords(vars(cls)["__init__"]))  # noqa: B010 -- a type checker minds the other way

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The names of the arrays that the rule keeps for each parameter, given a group's settings."""
        raise NotImplementedError(f"{type(self).__name__} does not define buffers(), the names of what its rule keeps")

    def add_param_group(self, group: dict[str, Any]) -> None:
        """Add parameters with settings of their own; the defaults fill in the rest."""
        params = group["params"]
        params = [params] if isinstance(params, Tensor) else list(params)
        settings = {name: _plain(value) for name, value in {**self.defaults, **group}.items() if name != "params"}
        full = {**settings, "params": params}
        taken = {p for other in self.param_groups for p in other["params"]}
        for p in params:
            if not isinstance(p, Tensor):
                raise DTypeError(f"{type(self).__name__}: {p!r:.60} is not a Tensor but {type(p).__name__}")
            if p.op is not None:
                raise GradientError(f"{describe(p)} is the result of {p.op.name}, not a leaf, so it cannot be updated")
            if p.dtype.kind != "f":
                raise DTypeError(f"{describe(p)} holds {p.dtype}; parameters to optimize are real floating-point")
            if p in taken:
                raise ValueError(f"{type(self).__name__}: {describe(p)} is given twice; it must be in one group, once")
            taken.add(p)
        self._check(full)
        self.param_groups.append(full)

    def _check(self, group: dict[str, Any]) -> None:
        unknown = set(group) - set(self.defaults) - _OF_PARAMETERS - {"initial_lr"}
        if unknown:
            listed = ", ".join(map(repr, sorted(unknown)))
            raise ValueError(f"{type(self).__name__} has no setting {listed}; it has {', '.join(self.defaults)}")
        for name, (least, below) in self.ranges.items():
            for value in group[name] if isinstance(group[name], (tuple, list)) else (group[name],):
                if not hasattr(value, "__float__"):
                    raise ValueError(f"{type(self).__name__}: {name}={group[name]!r:.40} is not a number")
                if not least <= value < below:
                    limit = f"and below {below:g}" if np.isfinite(below) else "and finite"
                    raise ValueError(
                        f"{type(self).__name__}: {name}={group[name]!r}; it must be at least {least:g} {limit}"
                    )

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient. It is done or, after an error or Ctrl-C, not done.

        An optimizer belongs to one thread at a time.

        Args:
            closure: computes the loss and its gradients again; its result is returned.

        Raises:
            ShapeError: for a gradient that does not have its parameter's shape.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        traced = recording.get().trace is not None
        params = [p for group in self.param_groups for p in group["params"]]
        if not traced:
            compute_gradients(params)
        for p in params if traced else ():
            touch_grad(p)
        plans = [(group, self._buckets(k, group)) for k, group in enumerate(self.param_groups)]
        if traced:
            with no_grad():
                self._record(plans)
            goes_by(self, self._gone_by)
            return loss
        changes: list[tuple[Any, ...]] = []
        for group, buckets in plans:
            settings = {name: group[name] for name in self.defaults}
            for bucket in buckets:
                changes += bucket.update(type(self).rule, settings)
        all_at_once(changes)
        return loss

    @property
    def state(self) -> State:
        """For each parameter that has taken a step, ``step`` and the rule's buffers by name; read-only."""
        for _, _, buckets in self._plans.values():
            for bucket in buckets:
                count = {"step": bucket.step} if self.counted else {}
                memories = bucket.memories().items()
                self._state.update({p: {**count, **memory} for p, memory in memories if count or memory})
        return self._state

    def _record(self, plans: Sequence[tuple[dict[str, Any], list[Bucket]]]) -> None:
        """The step within a trace, in which the learning rate is read anew at each run."""
        for group, buckets in plans:
            settings = {name: group[name] for name in self.defaults}
            settings["lr"] = source(partial(group.__getitem__, "lr"), "lr")
            for bucket in buckets:
                bucket.record(type(self).rule, settings)

    def _gone_by(self) -> tuple[Any, ...]:
        """What a step depends on besides values: all settings but the learning rate, the parameters, their buckets."""
        params = [p for group in self.param_groups for p in group["params"]]
        settings = [group[name] for group in self.param_groups for name in self.defaults if name != "lr"]
        buckets = [bucket for plan in self._plans.values() for bucket in plan[2]]
        return *settings, *params, *[p.dtype for p in params], *buckets

    def _buckets(self, k: int, group: dict[str, Any]) -> list[Bucket]:
        """The buckets of a group; rebuilt whenever other parameters have gradients, or their dtype has changed."""
        live = [p for p in group["params"] if p._grad is not None]
        names, dtypes = self.buffers(group), [p._data.dtype for p in live]
        if k in self._plans:
            known, kinds, planned = self._plans[k]
            if kinds == (names, dtypes) and len(live) == len(known) and all(map(operator.is_, live, known)):
                return planned
        state = self.state
        together: dict[Any, list[Tensor]] = {}
        for p in live:
            steps = state[p].get("step", 1) if p in state else 0
            alone = p.size >= LARGE or is_duck(p._data)
            together.setdefault((steps, p.dtype, p if alone else None), []).append(p)
        buckets = [Bucket(params, names, state, key[0]) for key, params in together.items()]
        self._plans[k] = live, (names, dtypes), buckets
        return buckets

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients of all parameters, or with ``set_to_none=False`` set the existing ones to zero."""
        for group in self.param_groups:
            for p in group["params"]:
                keep = not set_to_none and p.grad is not None
                p.grad = Tensor(zeros_like(p), copy=False) if keep else None

    def state_dict(self) -> dict[str, Any]:
        """Plain data and arrays in PyTorch's layout: ``{"state": {0: {"step": 1, …}}, "param_groups": [{…}]}``.

        Parameters are numbered in the order of the groups; where all of a group have names of their own, these stand in
        its ``param_names``. The arrays are copies: later steps do not change them.
        """
        numbers = {p: i for i, p in enumerate(p for group in self.param_groups for p in group["params"])}
        return {
            "state": {
                numbers[p]: {name: np.array(v) if isinstance(v, np.ndarray) else v for name, v in memory.items()}
                for p, memory in sorted(self.state.items(), key=lambda item: numbers[item[0]])
            },
            "param_groups": [
                {
                    **group,
                    "params": [numbers[p] for p in group["params"]],
                    **({"param_names": list(names)} if (names := _names(group)) else {}),
                }
                for group in self.param_groups
            ],
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore a state that `state_dict` gave, this optimizer's or PyTorch's; arrays take their parameter's dtype.

        Where both know the names of a group's parameters, these say whose memory is whose; else their order does.

        Raises:
            KeyError: for a missing setting or buffer, by name.
            ValueError: for a different number of groups or parameters, other names, a setting that the constructor
                would refuse, and for anything that would be left over.
            ShapeError: for a buffer whose shape is not its parameter's.

        After an error nothing has changed.
        """
        called, ours = type(self).__name__, self.param_groups
        memories, theirs = _parts(called, state_dict)
        if len(ours) != len(theirs):
            raise ValueError(f"{called}: the state has {len(theirs)} parameter groups, the optimizer {len(ours)}")
        settings: list[dict[str, Any]] = []
        state: State = {}
        left = dict(memories)
        for k, (group, saved) in enumerate(zip(ours, theirs, strict=True)):
            settings.append(self._settings(f"{called}: group {k} of the state", group, saved))
            names = (*(("step",) if self.counted else ()), *self.buffers(settings[-1]))
            for p, number in zip(group["params"], self._numbers(f"{called}: group {k}", group, saved), strict=True):
                memory = {name: v for name, v in left.pop(number, {}).items() if v is not None}
                if memory:
                    state[p] = _memory(f"{called}: state of parameter {number}", p, memory, names)
        if left:
            numbers = ", ".join(map(str, left))
            raise ValueError(
                f"{called}: the state remembers parameter {numbers}, which its groups do not have, or twice"
            )
        changed = [(group.update, new) for group, new in zip(ours, settings, strict=True)]
        all_at_once([*changed, (vars(self).update, {"_state": state}), (self._plans.clear,)])

    def _settings(self, what: str, group: dict[str, Any], saved: Mapping[str, Any]) -> dict[str, Any]:
        """The settings of a saved group, checked as the constructor checks them and beside those that they replace."""
        missing = [name for name in self.defaults if name not in saved and name not in _LATER]
        if missing:
            raise KeyError(f"{what} lacks {', '.join(missing)}; is it another optimizer's?")
        known = {name: value for name, value in group.items() if name not in _OF_PARAMETERS}
        new = {name: _plain(value) for name, value in saved.items() if name not in _OF_PARAMETERS}
        for name, old in known.items():
            value = new.setdefault(name, old)
            if not alike(old, value) or (isinstance(old, tuple) and len(value) != len(old)):
                raise ValueError(f"{what} has {name}={value!r:.60}, where the optimizer has {old!r}")
        self._check({name: value for name, value in new.items() if name not in _HOW})
        return new if saved.get("param_names") is None else {**new, "param_names": list(saved["param_names"])}

    def _numbers(self, what: str, group: dict[str, Any], saved: Mapping[str, Any]) -> list[Any]:
        """The numbers of a saved group's parameters in the order of ours."""
        numbers, ours, theirs = list(saved["params"]), _names(group), saved.get("param_names")
        if len(numbers) != len(group["params"]):
            raise ValueError(
                f"{what} of the state has {len(numbers)} parameters, the optimizer's {len(group['params'])}"
            )
        if ours is None or theirs is None or ours == list(theirs):
            return numbers
        if sorted(ours) != sorted(map(str, theirs)):
            differing = ", ".join(sorted(set(ours) ^ set(map(str, theirs))))
            raise ValueError(
                f"{what} of the state is of other parameters than the optimizer's: {differing:.200}; "
                "to go by their order, delete its 'param_names'"
            )
        by_name = dict(zip(theirs, numbers, strict=True))
        return [by_name[name] for name in ours]

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: no part that a step changes is shared, and the next step gathers its arrays anew."""
        return {
            **vars(self),
            "param_groups": [dict(group) for group in self.param_groups],
            "_state": {p: {name: copy(value) for name, value in memory.items()} for p, memory in self.state.items()},
            "_plans": {},
        }

    def __repr__(self) -> str:
        lines = [
            f"  {sum(p.size for p in group['params']):,} numbers in {len(group['params'])} parameters: "
            + ", ".join(f"{name}={value!r}" for name, value in group.items() if name != "params")
            for group in self.param_groups
        ]
        return "\n".join([f"{type(self).__name__}(", *lines, ")"])


def _parts(called: str, state_dict: Mapping[str, Any]) -> tuple[Mapping[Any, Any], list[Mapping[str, Any]]]:
    """The memories by number and the groups of a state, of which nothing is known yet."""
    lacking = [part for part in ("state", "param_groups") if part not in state_dict]
    if lacking:
        raise KeyError(f"{called}: the state lacks {' and '.join(lacking)}; is it a model's?")
    memories, groups = state_dict["state"], state_dict["param_groups"]
    whole = isinstance(memories, Mapping) and all(isinstance(memory, Mapping) for memory in memories.values())
    if not whole or not isinstance(groups, (list, tuple)):
        raise ValueError(
            f"{called}: the state is damaged: 'state' has dictionaries by number, 'param_groups' is a list"
        )
    for k, group in enumerate(groups):
        if not isinstance(group, Mapping) or not isinstance(group.get("params"), (list, tuple)):
            raise ValueError(f"{called}: group {k} of the state is no dictionary with a list of numbers as 'params'")
    return memories, list(groups)


def _names(group: Mapping[str, Any]) -> list[str] | None:
    """The names of a group's parameters, their own or those that a state brought; None where these leave doubt."""
    names = [p.name for p in group["params"]]
    return names if all(names) and len(set(names)) == len(names) else group.get("param_names")


def alike(old: Any, new: Any) -> bool:
    """Whether a saved value is of the kind of the one that it replaces: a switch, a number, a list of such, a text.

    >>> alike(0.1, 3), alike(0.1, "fast"), alike((0.9, 0.99), [0.5, "x"]), alike(None, 3)
    (True, False, False, True)
    """
    if isinstance(old, bool):
        return isinstance(new, bool)
    if isinstance(old, Real) or hasattr(old, "shape"):
        whole = isinstance(new, Integral) and not isinstance(new, bool)
        return abs(operator.index(new)) < 2**1023 if whole else isinstance(new, float)
    if isinstance(old, (list, tuple)):
        return isinstance(new, (list, tuple)) and all(alike(old[0], part) for part in new if old)
    return old is None or isinstance(new, type(old))


def _memory(what: str, p: Tensor, saved: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Private copies of what the state holds for one parameter."""
    missing = [name for name in names if name not in saved]
    if missing:
        raise KeyError(f"{what} lacks {', '.join(missing)}; it has {', '.join(saved) or 'nothing'}")
    unused = [str(name) for name in saved if name not in names]
    if unused:
        raise ValueError(f"{what} has {', '.join(unused)}, which these settings do not use; is it another optimizer's?")
    memory: dict[str, Any] = {}
    for name in names:
        value = plain(unwrap(saved[name]), None if name == "step" else p.dtype, copy=True, called=f"{what}: {name}")
        if name == "step":
            if value.shape or not 0 <= value < np.inf or value % 1:
                raise ValueError(f"{what}: step={saved[name]!r:.60} is no number of steps")
            value = int(value)
        elif value.shape != p.shape:
            raise ShapeError(f"{what}: {name} has shape {value.shape}, not that of {describe(p)}")
        memory[name] = value if name == "step" else beside(value, p._data)
    return memory


def _plain(value: Any) -> Any:
    """A setting in Python's own types: lists, as JSON has them, become tuples again, 0-d arrays numbers."""
    if isinstance(value, (list, tuple)):
        return tuple(map(_plain, value))
    return element(value) if getattr(value, "shape", None) == () else value
