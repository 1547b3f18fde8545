"""Limits on gradients, against the rare step that would derail training."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

import numpy as np

from ..engine.errors import GradientError
from ..engine.record import leaf
from ..engine.tensor import Tensor

__all__ = ["clip_grad_norm_", "clip_grad_value_"]


def _with_gradient(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    given = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [p for p in given if p.grad is not None]


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> float:
    """Scale all gradients by one factor, so that their joint norm is at most ``max_norm``.

    The factor is ``max_norm / (norm + 1e-6)`` where that is below 1, as in PyTorch; the step keeps its direction.
    Pascanu et al., *On the difficulty of training recurrent neural networks*, 2013, algorithm 1.

    Args:
        parameters: Tensors; those without a gradient are skipped.
        max_norm: the limit.
        norm_type: p of the p-norm; ``inf`` for the largest magnitude.
        error_if_nonfinite: raise an error if the norm is NaN or infinite, before anything has changed.

    Returns:
        The norm before clipping.

    Raises:
        GradientError: for a norm that is not finite, with ``error_if_nonfinite=True``.

    >>> import micrograd_tensor as mt
    >>> w = mt.tensor([1.0, 2.0], requires_grad=True)
    >>> (w * mt.tensor([3.0, 4.0])).sum().backward()
    >>> clip_grad_norm_([w], 1.0)
    5.0
    >>> w.grad.numpy().round(3)
    array([0.6, 0.8])
    """
    params = _with_gradient(parameters)
    norms = np.array([np.linalg.norm(np.ravel(p.grad.data), norm_type) for p in params if p.grad is not None])
    total = float(np.linalg.norm(norms, norm_type)) if params else 0.0
    if error_if_nonfinite and not np.isfinite(total):
        raise GradientError(
            f"clip_grad_norm_: the norm of the gradients is {total}; detect_anomaly finds the op that made it"
        )
    factor = max_norm / (total + 1e-6)
    if not factor >= 1:  # NaN included
        for p in params:
            if p.grad is not None:
                p.grad = leaf(p.grad.data * factor)
    return total


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Limit every element of every gradient to ``[−clip_value, clip_value]``.

    >>> import micrograd_tensor as mt
    >>> w = mt.tensor([1.0, 2.0], requires_grad=True)
    >>> (w * mt.tensor([3.0, 0.5])).sum().backward()
    >>> clip_grad_value_([w], 1.0)
    >>> w.grad
    tensor([1. , 0.5])
    """
    if not 0 <= clip_value < inf:
        raise ValueError(f"clip_grad_value_: clip_value={clip_value!r}; it must be a finite number of at least 0")
    for p in _with_gradient(parameters):
        if p.grad is not None:
            p.grad = leaf(np.clip(p.grad.data, -clip_value, clip_value))
