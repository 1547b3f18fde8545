"""Schedules: a learning rate that changes from epoch to epoch.

Each schedule is one method, `get_lr`: the rates that follow the optimizer's present ones, so that several schedules
can act on one optimizer. Call ``step()`` once after every epoch.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .optimizer import Optimizer
from .plateau import ReduceLROnPlateau

__all__ = ["CosineAnnealingLR", "LRScheduler", "LambdaLR", "MultiStepLR", "ReduceLROnPlateau", "StepLR"]


class LRScheduler:
    """What all schedules share.

    Args:
        optimizer: whose groups' ``"lr"`` is changed.
        last_epoch: how many epochs are over, less one; −1 for a new training. Later the attribute counts on.
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
        raise NotImplementedError(f"{type(self).__name__} does not say what its rates are")

    def get_last_lr(self) -> list[float]:
        """The rates that hold now."""
        return list(self._last_lr)

    def step(self) -> None:
        """One epoch is over: set the rates of the next."""
        self.last_epoch += 1
        for group, lr in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
            group["lr"] = lr
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def _rates(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """All numbers of the schedule, as plain data; functions are left out. The optimizer keeps its own state."""
        plain = (int, float, str, list, dict, type(None))
        saved = {name: v for name, v in vars(self).items() if name != "optimizer" and isinstance(v, plain)}
        return {name: v.copy() if isinstance(v, (list, dict)) else v for name, v in saved.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up a state that `state_dict`, this one's or PyTorch's, gave; what else PyTorch keeps is passed over.

        Raises:
            KeyError: for a number that is missing, by name; then nothing has changed.
        """
        known = self.state_dict()
        missing = [name for name in known if name not in state_dict]
        if missing:
            raise KeyError(f"{type(self).__name__}: the state lacks {', '.join(missing)}; is it another schedule's?")
        new = {name: _own(state_dict[name]) for name in known}
        if len(new["base_lrs"]) != len(self.optimizer.param_groups):
            raise ValueError(
                f"{type(self).__name__}: the state is of {len(new['base_lrs'])} parameter groups, "
                f"the optimizer has {len(self.optimizer.param_groups)}"
            )
        vars(self).update(new)


def _own(value: Any) -> Any:
    """A copy of a list or a dictionary, whatever their kind; other values are plain."""
    if isinstance(value, (list, tuple)):
        return list(value)
    return dict(value) if isinstance(value, dict) else value


class StepLR(LRScheduler):
    """``gamma`` times the rate, after every ``step_size`` epochs.

    >>> import micrograd_tensor as mt
    >>> optimizer = mt.optim.SGD([mt.tensor(1.0, requires_grad=True)], lr=0.5)
    >>> scheduler = StepLR(optimizer, step_size=2)
    >>> for epoch in range(3):
    ...     scheduler.step()
    >>> scheduler.get_last_lr()
    [0.05]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        if step_size < 1:
            raise ValueError(f"StepLR: step_size={step_size!r}; it must be at least 1")
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:  # noqa: D102 -- as declared
        due = self.last_epoch > 0 and self.last_epoch % self.step_size == 0
        return [lr * self.gamma if due else lr for lr in self._rates()]


class MultiStepLR(LRScheduler):
    """``gamma`` times the rate, at each of the epochs ``milestones``.

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
    """From the first rate down to ``eta_min`` in ``T_max`` epochs, along half a period of the cosine.

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
    """The first rate times a function of the epoch; one function for all groups, or a list with one for each.

    The functions are not part of the `state_dict`: give the same ones again before loading.

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
