"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Any, ClassVar

from ..engine.table.comparisons import equal
from ..engine.table.elementwise import where
from .optimizer import Optimizer, Ranges, Rule, scalar

__all__ = ["SGD"]


def sgd(
    p: Any,
    g: Any,
    momentum_buffer: Any = None,
    *,
    step: int,
    lr: float,
    momentum: float = 0,
    dampening: float = 0,
    weight_decay: float = 0,
    nesterov: bool = False,
    maximize: bool = False,
) -> tuple[Any, ...]:
    """The rule of `SGD`: returns the new parameter, and with momentum the new buffer.

    ``b = μ b + (1 − τ) g``, at the first step ``b = g``; then ``p = p − lr · b``, with Nesterov ``p − lr (g + μ b)``;
    Sutskever et al., *On the importance of initialization and momentum in deep learning*, 2013, in PyTorch's form.

    >>> sgd(1.0, 2.0, step=1, lr=0.25)
    (0.5,)
    """
    g = -g if maximize else g
    if weight_decay:
        g = g + weight_decay * p
    if not momentum:
        return (p - scalar(lr, p) * g,)
    momentum_buffer = momentum * momentum_buffer  # zeros at first
    momentum_buffer += scalar(where(equal(step, 1), 1.0, 1 - dampening), p) * g if dampening else g
    return p - scalar(lr, p) * (g + momentum * momentum_buffer if nesterov else momentum_buffer), momentum_buffer


class SGD(Optimizer):
    """Stochastic gradient descent: every parameter moves by ``−lr`` times its gradient; see `sgd`.

    Args:
        params: the parameters, or groups of them.
        lr: learning rate.
        momentum: the fraction of the last step's direction that is kept.
        dampening: the fraction of the gradient that is left out of the direction.
        weight_decay: λ of the L2 penalty, which adds λ times the parameter to the gradient.
        nesterov: look ahead along the new direction; needs momentum and no dampening.
        maximize: ascend instead of descending.

    >>> import micrograd_tensor as mt
    >>> w = mt.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = SGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.8, 1.6], requires_grad=True)
    """

    rule: ClassVar[Rule] = staticmethod(sgd)
    counted: ClassVar[bool] = False
    ranges: ClassVar[Ranges] = {"lr": (0, inf), "momentum": (0, inf), "weight_decay": (0, inf)}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = dict(
            lr=lr,
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            nesterov=nesterov,
            maximize=maximize,
        )
        super().__init__(params, defaults)

    def _check(self, group: dict[str, Any]) -> None:
        super()._check(group)
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ValueError(
                f"SGD: nesterov=True needs momentum above 0 and no dampening, not momentum={group['momentum']!r}, "
                f"dampening={group['dampening']!r}"
            )

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:  # noqa: D102 -- as declared
        return ("momentum_buffer",) if group["momentum"] else ()
