"""Schedules: a learning rate that changes from epoch to epoch.

A schedule defines one method, `get_lr`: the rates that follow the optimizer's current ones, so that several schedules
can act on one optimizer. Call ``step()`` once after every epoch. `ReduceLROnPlateau` reacts to a metric instead.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..engine.arrays import element
from ..engine.interop.habits import missing
from ..engine.lengths import length
from ..engine.tensor import Tensor
from .optimizer import Optimizer, alike

__all__ = ["CosineAnnealingLR", "LRScheduler", "LambdaLR", "MultiStepLR", "ReduceLROnPlateau", "StepLR"]


class _Schedule:
    """What all schedules share: the optimizer whose groups' ``"lr"`` they set, and a state of plain data."""

    optimizer: Optimizer
    _last_lr: list[float]

    def get_last_lr(self) -> list[float]:
        """The current rates, one for each parameter group."""
        return list(self._last_lr)

    def _rates(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """All numbers of the schedule, as plain data without functions. The optimizer keeps its own state."""
        plain = (int, float, str, list, dict, type(None))
        return {name: _copy(v) for name, v in vars(self).items() if name != "optimizer" and isinstance(v, plain)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore a state that `state_dict` gave, this schedule's or PyTorch's; PyTorch's other entries are ignored.

        Raises:
            KeyError: for a missing number, by name; then nothing has changed.
            ValueError: for a different number of parameter groups, or a value of another kind.
        """
        known, name = self.state_dict(), type(self).__name__
        missing = [key for key in known if key not in state_dict]
        if missing:
            raise KeyError(f"{name}: the state lacks {', '.join(missing)}; is it another schedule's?")
        for key, old in known.items():
            if not alike(old, state_dict[key]):
                raise ValueError(
                    f"{name}: the state has {key}={state_dict[key]!r:.60}, where the schedule has {old!r:.60}"
                )
        groups, theirs = len(self.optimizer.param_groups), len(state_dict["_last_lr"])
        if theirs != groups:
            raise ValueError(f"{name}: the state is of {theirs} parameter groups, the optimizer has {groups}")
        vars(self).update({key: _copy(state_dict[key]) for key in known})


def _copy(value: Any) -> Any:
    """A private list or dictionary of plain values; other values are immutable."""
    if isinstance(value, (list, tuple)):
        return list(value)
    return dict(value) if isinstance(value, dict) else value


class LRScheduler(_Schedule):
    """The base of all schedules that depend on the epoch alone.

    Args:
        optimizer: the optimizer whose groups' ``"lr"`` the schedule sets.
        last_epoch: index of the last epoch that is over; −1 for a new training run. The attribute counts on from it.

    Raises:
        TypeError: for anything but an optimizer.
        KeyError: for another last_epoch than −1 where the optimizer does not hold the rates to start from.
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(self).__name__}: {optimizer!r:.60} is not an optimizer")
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group["initial_lr"] = group["lr"]
            elif "initial_lr" not in group:
                raise KeyError(
                    f"{type(self).__name__}: last_epoch={last_epoch}, but group {i} of the optimizer has no "
                    "'initial_lr'; load the optimizer's and the schedule's state_dict instead"
                )
        self.optimizer = optimizer
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self.step()

    def get_lr(self) -> list[float]:
        """The rate of every group in epoch ``last_epoch``, given those of the epoch before."""
        raise NotImplementedError(
            f"{type(self).__name__} has no get_lr(); write one that returns a rate for each group"
        )

    def step(self) -> None:
        """End the epoch: set the rates of the next one."""
        self.last_epoch += 1
        for group, lr in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
            group["lr"] = lr
        self._last_lr = self._rates()


class StepLR(LRScheduler):
    """Multiplies the rate by ``gamma`` after every ``step_size`` epochs.

    >>> import micrograd_tensor as mt
    >>> optimizer = mt.optim.SGD([mt.tensor(1.0, requires_grad=True)], lr=0.5)
    >>> scheduler = StepLR(optimizer, step_size=2)
    >>> for epoch in range(3):
    ...     scheduler.step()
    >>> scheduler.get_last_lr()
    [0.05]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size, self.gamma = length("StepLR: step_size", step_size), gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:  # noqa: D102 -- as declared
        lowers = self.last_epoch > 0 and self.last_epoch % self.step_size == 0
        return [lr * self.gamma if lowers else lr for lr in self._rates()]


class MultiStepLR(LRScheduler):
    """Multiplies the rate by ``gamma`` at each of the epochs ``milestones``.

    >>> import micrograd_tensor as mt
    >>> optimizer = mt.optim.SGD([mt.tensor(1.0, requires_grad=True)], lr=0.5)
    >>> scheduler = MultiStepLR(optimizer, milestones=[1, 3])
    >>> for epoch in range(2):
    ...     scheduler.step()
    >>> scheduler.get_last_lr()
    [0.05]
    """

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones, self.gamma = dict(Counter(milestones)), gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:  # noqa: D102 -- as declared
        return [lr * self.gamma ** self.milestones.get(self.last_epoch, 0) for lr in self._rates()]


class CosineAnnealingLR(LRScheduler):
    """Lowers the rate to ``eta_min`` in ``T_max`` epochs, along half a period of the cosine.

    ``η = η_min + ½ (η₀ − η_min)(1 + cos(π t / T_max))``; Loshchilov and Hutter, *SGDR*, 2017, without the restarts.
    Computed from rate to rate, as PyTorch does, so that it can be combined with other schedules.

    >>> import micrograd_tensor as mt
    >>> optimizer = mt.optim.SGD([mt.tensor(1.0, requires_grad=True)], lr=0.5)
    >>> scheduler = CosineAnnealingLR(optimizer, T_max=10)
    >>> for epoch in range(5):
    ...     scheduler.step()
    >>> round(scheduler.get_last_lr()[0], 12)
    0.25
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:  # noqa: N803 -- PyTorch's name
        if T_max < 1:
            raise ValueError(f"CosineAnnealingLR: T_max={T_max!r}; it must be at least 1")
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:  # noqa: D102 -- as declared
        t, half, low = self.last_epoch, self.T_max, self.eta_min
        if t == 0:
            return self._rates()
        if (t - 1 - half) % (2 * half) == 0:  # the way up begins, where the quotient below would be 0 / 0
            rise = (1 - math.cos(math.pi / half)) / 2
            return [lr + (base - low) * rise for lr, base in zip(self._rates(), self.base_lrs, strict=True)]
        factor = (1 + math.cos(math.pi * t / half)) / (1 + math.cos(math.pi * (t - 1) / half))
        return [low + factor * (lr - low) for lr in self._rates()]


class LambdaLR(LRScheduler):
    """The initial rate times a function of the epoch: one function for all groups, or a list with one for each.

    The functions are not part of `state_dict`: pass the same ones again before loading.

    >>> import micrograd_tensor as mt
    >>> optimizer = mt.optim.SGD([mt.tensor(1.0, requires_grad=True)], lr=0.5)
    >>> scheduler = LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch))
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        groups = len(optimizer.param_groups)
        self.lr_lambdas = (lr_lambda,) * groups if callable(lr_lambda) else tuple(lr_lambda)
        if len(self.lr_lambdas) != groups:
            raise ValueError(f"LambdaLR: {len(self.lr_lambdas)} functions for {groups} parameter groups")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:  # noqa: D102 -- as declared
        return [base * f(self.last_epoch) for base, f in zip(self.base_lrs, self.lr_lambdas, strict=True)]


class ReduceLROnPlateau(_Schedule):
    """Multiplies the rate by ``factor`` once a metric has not improved for more than ``patience`` epochs.

    Args:
        optimizer: the optimizer whose groups' ``"lr"`` the schedule sets.
        mode: ``"min"`` for a metric that should fall, such as a loss; ``"max"`` for one that should rise.
        factor: below 1.
        patience: how many epochs without improvement are tolerated.
        threshold: the improvement that counts must exceed this.
        threshold_mode: ``"rel"``, as a fraction of the best value so far, or ``"abs"``.
        cooldown: how many epochs after a reduction are not counted.
        min_lr: a lower limit, or one for each group.
        eps: reductions smaller than this are skipped.

    Raises:
        ValueError: for a factor of 1 or more, an unknown mode, or a wrong number of limits.

    >>> import micrograd_tensor as mt
    >>> optimizer = mt.optim.SGD([mt.tensor(1.0, requires_grad=True)], lr=0.5)
    >>> scheduler = ReduceLROnPlateau(optimizer, patience=1)
    >>> for loss in (3.0, 2.0, 2.0, 2.0):
    ...     scheduler.step(loss)
    >>> scheduler.get_last_lr()
    [0.05]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        groups = len(optimizer.param_groups)
        self.min_lrs = list(min_lr) if isinstance(min_lr, (list, tuple)) else [min_lr] * groups
        if not factor < 1:
            raise ValueError(f"ReduceLROnPlateau: factor={factor!r}; it must be below 1")
        for name, value, allowed in (
            ("mode", mode, ("min", "max")),
            ("threshold_mode", threshold_mode, ("rel", "abs")),
        ):
            if value not in allowed:
                raise ValueError(f"ReduceLROnPlateau: {name}={value!r}; it is {allowed[0]!r} or {allowed[1]!r}")
        if len(self.min_lrs) != groups:
            raise ValueError(f"ReduceLROnPlateau: {len(self.min_lrs)} min_lr for {groups} parameter groups")
        self.optimizer = optimizer
        self.mode, self.factor, self.patience = mode, factor, patience
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.cooldown, self.eps = cooldown, eps
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0
        self._last_lr = self._rates()

    def step(self, metrics: Any) -> None:
        """End the epoch, whose metric is this: a number, or a Tensor of one."""
        current = float(metrics.item() if isinstance(metrics, Tensor) else element(metrics))
        self.last_epoch += 1
        if self._improves(current):
            self.best, self.num_bad_epochs = current, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
            for group, least in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
                lower = max(group["lr"] * self.factor, least)
                if group["lr"] - lower > self.eps:
                    group["lr"] = lower
        self._last_lr = self._rates()

    def _improves(self, current: float) -> bool:
        relative, margin = self.threshold_mode == "rel", self.threshold
        if self.mode == "min":
            return current < (self.best * (1 - margin) if relative else self.best - margin)
        return current > (self.best * (1 + margin) if relative else self.best + margin)


if not TYPE_CHECKING:  # or it would believe in any name

    def __getattr__(name: str) -> object:
        raise missing(f"module {__name__!r}", name, sys.modules[__name__], "optim")
