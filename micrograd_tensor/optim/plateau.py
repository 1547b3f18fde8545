"""A schedule that watches: the rate is lowered when a measure has stopped improving."""

from __future__ import annotations

from math import inf
from typing import Any

from .optimizer import Optimizer


class ReduceLROnPlateau:
    """``factor`` times the rate, once the measure has not improved for more than ``patience`` epochs.

    Args:
        optimizer: whose groups' ``"lr"`` is changed.
        mode: ``"min"`` for a measure that should fall, such as a loss; ``"max"`` for one that should rise.
        factor: below 1.
        patience: how many epochs without improvement are put up with.
        threshold: an improvement must exceed this.
        threshold_mode: ``"rel"``, as a fraction of the best so far, or ``"abs"``.
        cooldown: how many epochs after a reduction are not counted.
        min_lr: a lower limit, or one for each group.
        eps: a reduction smaller than this is not made.

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
        self.best = inf if mode == "min" else -inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0
        self._last_lr = [group["lr"] for group in optimizer.param_groups]

    def step(self, metrics: Any) -> None:
        """One epoch is over, and the measure is this."""
        current = float(metrics)
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
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def _improves(self, current: float) -> bool:
        relative, margin = self.threshold_mode == "rel", self.threshold
        if self.mode == "min":
            return current < (self.best * (1 - margin) if relative else self.best - margin)
        return current > (self.best * (1 + margin) if relative else self.best + margin)

    def get_last_lr(self) -> list[float]:
        """The rates that hold now."""
        return list(self._last_lr)

    def state_dict(self) -> dict[str, Any]:
        """All numbers of the schedule, as plain data. The optimizer keeps its own state."""
        saved = {name: v for name, v in vars(self).items() if name != "optimizer"}
        return {name: v.copy() if isinstance(v, list) else v for name, v in saved.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up a state that `state_dict`, this one's or PyTorch's, gave.

        Raises:
            KeyError: for a number that is missing, by name; then nothing has changed.
        """
        known = self.state_dict()
        missing = [name for name in known if name not in state_dict]
        if missing:
            raise KeyError(f"ReduceLROnPlateau: the state lacks {', '.join(missing)}; is it another schedule's?")
        vars(self).update({name: _own(state_dict[name]) for name in known})


def _own(value: Any) -> Any:
    return list(value) if isinstance(value, (list, tuple)) else value
