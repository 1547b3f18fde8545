"""Training steps that are measured: the nets, and a step that is compiled whole."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from ..compile import compile as compiled
from ..functional.losses import cross_entropy

SMALL, LARGE = (64, 128, 128, 10), (784, 512, 512, 10)
"""The sizes of the nets, from input to classes."""


def dense(sizes: tuple[int, ...], norm: bool) -> Callable[[Any], Any]:
    """Linear layers with ReLU in between, of the library whose `nn` is given: ours, or PyTorch."""

    def net(layers: Any) -> Any:
        parts: list[Any] = []
        for n, m in pairwise(sizes):
            parts.append(layers.Linear(n, m))
            if m is not sizes[-1]:
                parts += [layers.BatchNorm1d(m)] if norm else []
                parts.append(layers.ReLU())
        return layers.Sequential(*parts)

    return net


def compiled_step(model: Any, optimizer: Any) -> Any:
    """Gradients cleared, forward, backward, update: a function of a batch and its classes, which returns the loss."""

    @compiled
    def step(x: Any, target: Any) -> Any:
        optimizer.zero_grad()
        loss = cross_entropy(model(x), target)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step
