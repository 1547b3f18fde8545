"""Optimizers, learning-rate schedules and gradient clipping, with PyTorch's names and defaults.

An optimizer is one rule: a function of a parameter, its gradient and the state kept from earlier steps, written with
ordinary operators. On arrays it runs plain NumPy, in place; on Tensors it records, like any other composition.
"""

import sys
from typing import TYPE_CHECKING

from ..engine.interop.habits import missing
from . import lr_scheduler
from .adam import Adam, AdamW
from .clip import clip_grad_norm_, clip_grad_value_
from .optimizer import Optimizer
from .rmsprop import RMSprop
from .sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "clip_grad_norm_", "clip_grad_value_", "lr_scheduler"]


def __dir__() -> list[str]:
    return sorted(__all__)


if not TYPE_CHECKING:  # or it would believe in any name

    def __getattr__(name: str) -> object:
        raise missing(f"module {__name__!r}", name, sys.modules[__name__], "optim")
