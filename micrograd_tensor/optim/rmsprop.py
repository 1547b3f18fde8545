"""RMSprop: gradients divided by their running root mean square."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Any, ClassVar

from ..engine.table.elementwise import maximum, sqrt
from .optimizer import Optimizer, Ranges, Rule, scalar

__all__ = ["RMSprop"]


def rmsprop(
    p: Any,
    g: Any,
    square_avg: Any,
    *more: Any,
    step: int,  # noqa: ARG001 -- every rule gets it
    lr: float,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0,
    momentum: float = 0,
    centered: bool = False,
    maximize: bool = False,
) -> tuple[Any, ...]:
    """The rule of `RMSprop`: returns the new parameter, the average of g², then those of g and the direction, if kept.

    ``v = α v + (1 − α) g²`` and ``p = p − lr · g / (√v + eps)``; Tieleman and Hinton, *Lecture 6.5*, 2012. When
    centered, the squared average of g is subtracted from v, which makes it a variance (Graves, 2013); with momentum
    the quotients accumulate, ``b = μ b + g / (√v + eps)``, and b is the direction.
    """
    grad_avg: Any = more[0] if centered else None
    momentum_buffer: Any = more[-1] if momentum else None
    g = -g if maximize else g
    if weight_decay:
        g = g + weight_decay * p
    square_avg = alpha * square_avg
    square_avg += (1 - alpha) * (g * g)
    spread = square_avg
    if centered:
        grad_avg = alpha * grad_avg
        grad_avg += (1 - alpha) * g
        spread = maximum(square_avg - grad_avg * grad_avg, 0)  # rounding may leave it below 0
    direction = g / (sqrt(spread) + eps)
    if momentum:
        direction = momentum_buffer = momentum * momentum_buffer + direction
    p = p - scalar(lr, p) * direction
    return (p, square_avg, *((grad_avg,) if centered else ()), *((momentum_buffer,) if momentum else ()))


class RMSprop(Optimizer):
    """RMSprop: every gradient divided by its running root mean square; see `rmsprop` for the formula.

    Args:
        params: the parameters, or groups of them.
        lr: learning rate.
        alpha: decay rate of the running averages.
        eps: added to the divisor to avoid division by zero.
        weight_decay: λ of the L2 penalty, which adds λ times the parameter to the gradient.
        momentum: the fraction of the last step's direction that is kept.
        centered: divide by the standard deviation instead of the root mean square.
        maximize: ascend instead of descending.

    >>> import micrograd_tensor as mt
    >>> w = mt.tensor([1.0, 200.0], requires_grad=True)
    >>> optimizer = RMSprop([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(6)
    array([  0., 199.])
    """

    rule: ClassVar[Rule] = staticmethod(rmsprop)
    ranges: ClassVar[Ranges] = dict.fromkeys(("lr", "alpha", "eps", "weight_decay", "momentum"), (0, inf))

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = dict(
            lr=lr,
            alpha=alpha,
            eps=eps,
            weight_decay=weight_decay,
            momentum=momentum,
            centered=centered,
            maximize=maximize,
        )
        super().__init__(params, defaults)

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:  # noqa: D102 -- as declared
        kept = {"grad_avg": group["centered"], "momentum_buffer": group["momentum"]}
        return ("square_avg", *(name for name, wanted in kept.items() if wanted))
