"""Limits on gradients, against the rare step that would derail training."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Any

import numpy as np

from ..engine.arrays import setting
from ..engine.errors import GradientError
from ..engine.record import unwrap
from ..engine.recording import no_grad, recording
from ..engine.table.comparisons import isfinite
from ..engine.table.elementwise import astype, clip, minimum, sqrt
from ..engine.table.shapes import reshape, stack
from ..engine.tensor import Tensor, tensor
from ..engine.trace import holds
from .bucket import compute_gradients

__all__ = ["clip_grad_norm_", "clip_grad_value_"]


def _with_gradient(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    given = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [p for p in given if p.grad is not None]


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Any:
    """Scale all gradients by one factor, so that their joint norm is at most ``max_norm``.

    The factor is ``max_norm / (norm + 1e-6)`` where that is below 1, as in PyTorch; the step keeps its direction.
    Pascanu et al., *On the difficulty of training recurrent neural networks*, 2013, algorithm 1.

    Args:
        parameters: Tensors; those without a gradient are skipped.
        max_norm: the limit.
        norm_type: p of the p-norm; ``inf`` for the largest magnitude.
        error_if_nonfinite: raise an error if the norm is NaN or infinite, before anything has changed.

    Returns:
        The norm before clipping, a number; within a trace, a Tensor.

    Raises:
        GradientError: for a norm that is not finite, with ``error_if_nonfinite=True``.
        ValueError: for a ``norm_type`` that is not positive.

    >>> import micrograd_tensor as mt
    >>> w = mt.tensor([1.0, 2.0], requires_grad=True)
    >>> (w * mt.tensor([3.0, 4.0])).sum().backward()
    >>> clip_grad_norm_([w], 1.0)
    5.0
    >>> w.grad.numpy().round(3)
    array([0.6, 0.8])
    """
    if not norm_type > 0:
        raise ValueError(f"clip_grad_norm_: norm_type={norm_type!r}; it must be positive, or math.inf")
    params = _with_gradient(parameters)
    if recording.get().trace is None:
        compute_gradients(params)
    with no_grad():
        total = _norm([p.grad for p in params if p.grad is not None], norm_type)
        traced = recording.get().trace is not None
        if error_if_nonfinite and not (holds(isfinite(total)) if traced else isfinite(total.item())):
            found = f"the norm of the gradients is {unwrap(total)}"
            raise GradientError(f"clip_grad_norm_: {found}; detect_anomaly finds the op that made it")
        factor = minimum(max_norm / (total + 1e-6), 1.0)
        for p in params if traced or not factor.item() >= 1 else ():  # NaN included
            if p.grad is not None:
                p.grad = p.grad * astype(factor, p.dtype)
    return total if traced else total.item()


def _norm(gradients: list[Tensor], p: float) -> Tensor:
    """The joint p-norm, in float64, in which no power of a narrower number overflows."""
    flat = [reshape(astype(g, np.float64), shape=-1) for g in gradients if g.size]
    if not flat:
        return tensor(0.0)
    if p == 2:
        return sqrt(stack([x @ x for x in flat]).sum())
    if p == inf:
        return stack([x.abs().max() for x in flat]).max()
    return stack([(x.abs() ** p).sum() for x in flat]).sum() ** (1 / p)


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Limit every element of every gradient to ``[−clip_value, clip_value]``.

    >>> import micrograd_tensor as mt
    >>> w = mt.tensor([1.0, 2.0], requires_grad=True)
    >>> (w * mt.tensor([3.0, 0.5])).sum().backward()
    >>> clip_grad_value_([w], 1.0)
    >>> w.grad
    tensor([1. , 0.5])
    """
    if not 0 <= setting("clip_grad_value_: clip_value", clip_value) < inf:
        raise ValueError(f"clip_grad_value_: clip_value={clip_value!r}; it must be a finite number of at least 0")
    for p in _with_gradient(parameters):
        if p.grad is not None:
            p.grad = clip(p.grad, -clip_value, clip_value)
