"""Adam and AdamW: steps of about the same size for every parameter, however large its gradient."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Any, ClassVar

from ..engine.table.elementwise import maximum, sqrt
from ..engine.table.elementwise import pow as power
from .optimizer import Optimizer, Ranges, Rule, scalar

__all__ = ["Adam", "AdamW"]


def adam(
    p: Any,
    g: Any,
    exp_avg: Any,
    exp_avg_sq: Any,
    max_exp_avg_sq: Any = None,
    *,
    step: int,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0,
    amsgrad: bool = False,
    maximize: bool = False,
    decoupled_weight_decay: bool = False,
) -> tuple[Any, ...]:
    """The rule of `Adam` and `AdamW`: returns the new parameter and the running averages of g and g².

    ``m = β₁ m + (1 − β₁) g``, ``v = β₂ v + (1 − β₂) g²`` and ``p = p − lr · m̂ / (√v̂ + eps)``, where
    ``m̂ = m / (1 − β₁ᵗ)`` and ``v̂ = v / (1 − β₂ᵗ)`` correct the bias of averages that start at 0; Kingma and Ba,
    *Adam*, 2015, algorithm 1. AMSGrad uses the largest v so far (Reddi et al., 2018); decoupled weight decay shrinks p
    itself, ``p = p − lr · λ p``, instead of adding λ p to the gradient (Loshchilov and Hutter, 2019).
    """
    beta1, beta2 = betas
    g = -g if maximize else g
    if weight_decay and decoupled_weight_decay:
        p = p * scalar(1 - lr * weight_decay, p)
    elif weight_decay:
        g = g + weight_decay * p
    exp_avg = beta1 * exp_avg
    exp_avg += (1 - beta1) * g
    squares = g * g
    squares *= 1 - beta2
    exp_avg_sq = beta2 * exp_avg_sq
    exp_avg_sq += squares
    if amsgrad:
        max_exp_avg_sq = maximum(max_exp_avg_sq, exp_avg_sq)
    unbias = sqrt(1 - power(beta2, step))  # on numerator and divisor, which saves a pass: section 2 of the paper
    spread = sqrt(max_exp_avg_sq if amsgrad else exp_avg_sq)
    spread += scalar(eps * unbias, p)
    change = scalar(lr * unbias / (1 - power(beta1, step)), p) * exp_avg
    change /= spread
    return (p - change, exp_avg, exp_avg_sq, *((max_exp_avg_sq,) if amsgrad else ()))


class Adam(Optimizer):
    """Adam: the running average of the gradient over the root of that of its square; see `adam` for the formula.

    Args:
        params: the parameters, or groups of them.
        lr: learning rate, about the size of a step for every element.
        betas: decay rates of the running averages of the gradient and of its square.
        eps: added to the divisor to avoid division by zero.
        weight_decay: λ of the L2 penalty, which adds λ times the parameter to the gradient.
        amsgrad: divide by the largest average so far.
        maximize: ascend instead of descending.
        decoupled_weight_decay: shrink the parameter itself instead, as `AdamW` does.

    >>> import micrograd_tensor as mt
    >>> w = mt.tensor([1.0, 200.0], requires_grad=True)
    >>> optimizer = Adam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([  0.9, 199.9], requires_grad=True)
    """

    rule: ClassVar[Rule] = staticmethod(adam)
    ranges: ClassVar[Ranges] = {
        "lr": (0, inf),
        "eps": (0, inf),
        "betas": (0, 1),
        "weight_decay": (0, inf),
    }

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
    ) -> None:
        defaults = dict(
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            amsgrad=amsgrad,
            maximize=maximize,
            decoupled_weight_decay=decoupled_weight_decay,
        )
        super().__init__(params, defaults)

    def _check(self, group: dict[str, Any]) -> None:
        if not isinstance(group["betas"], (tuple, list)) or len(group["betas"]) != 2:
            raise ValueError(f"{type(self).__name__}: betas={group['betas']!r}: give two numbers")
        super()._check(group)

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:  # noqa: D102 -- as declared
        return ("exp_avg", "exp_avg_sq", *(("max_exp_avg_sq",) if group["amsgrad"] else ()))


class AdamW(Adam):
    """Adam with decoupled weight decay: every step shrinks the parameters by ``lr · weight_decay``; see `adam`.

    Args:
        params: the parameters, or groups of them.
        lr: learning rate.
        betas: decay rates of the running averages.
        eps: added to the divisor.
        weight_decay: the fraction of itself that a parameter loses in a step, in units of ``lr``.
        amsgrad: divide by the largest average so far.
        maximize: ascend instead of descending.

    >>> import micrograd_tensor as mt
    >>> w = mt.tensor([1.0, 200.0], requires_grad=True)
    >>> optimizer = AdamW([w], lr=0.1, weight_decay=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([  0.85, 189.9 ], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, decoupled_weight_decay=True)
