"""Handwritten digits: scikit-learn's 1797 scans of 8 × 8 pixels, two nets that read them, and a run to train them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any

import numpy as np

from .. import nn, optim
from ..data import DataLoader, split
from ..optim.lr_scheduler import CosineAnnealingLR
from .run import Learner, Run

HELD_OUT = 0.2
"""The share of the scans that no net learns from; the same ones for every seed."""

RATES = {"sgd": 0.05, "adam": 3e-3, "adamw": 3e-3, "rmsprop": 1e-3}
"""The optimizers that can be asked for, and the learning rates that they begin with."""


@dataclass(frozen=True)
class Settings:
    """What a run is built from, and what a checkpoint remembers of it."""

    model: str = "mlp"
    epochs: int = 40
    batch: int = 64
    optimizer: str = "adamw"
    lr: float | None = None
    seed: int = 0
    twin: bool = True


def load_digits() -> tuple[Any, Any]:
    """Scans ``(1797, 1, 8, 8)`` from 0 to 1 in float32, and their labels from 0 to 9.

    Raises:
        ImportError: without scikit-learn, whose installation holds the scans: nothing is downloaded.
    """
    try:
        digits = import_module("sklearn.datasets").load_digits()
    except ImportError:
        raise ImportError("the digits come with scikit-learn: pip install 'micrograd-tensor[train]'") from None
    return (digits.images[:, None] / 16).astype(np.float32), digits.target.astype(np.int64)


def mlp(norm: bool, rng: np.random.Generator) -> nn.Sequential:
    """Pixels in a row, then 64-128-128-10 with batch normalization before every activation."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, 128, bias=not norm, generator=rng),
        *([nn.BatchNorm1d(128)] if norm else []),
        nn.ReLU(),
        nn.Linear(128, 128, bias=not norm, generator=rng),
        *([nn.BatchNorm1d(128)] if norm else []),
        nn.ReLU(),
        nn.Linear(128, 10, generator=rng),
    )


def cnn(norm: bool, rng: np.random.Generator) -> nn.Sequential:
    """Three 3 × 3 convolutions, 1-16-32-64 channels, halving the picture twice, and one linear layer."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=not norm, generator=rng),
        *([nn.BatchNorm2d(16)] if norm else []),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1, bias=not norm, generator=rng),
        *([nn.BatchNorm2d(32)] if norm else []),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1, bias=not norm, generator=rng),
        *([nn.BatchNorm2d(64)] if norm else []),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(256, 10, generator=rng),
    )


MODELS = {"mlp": mlp, "cnn": cnn}


def build(settings: Settings) -> Run:
    """A run of a net with batch normalization and, as its twin, the same net without, on the same batches.

    Everything random follows from the seed, but for the split, which is the same for all.
    """
    learning, held_out = split(load_digits(), [1 - HELD_OUT, HELD_OUT], generator=0)
    learners = {}
    for name, norm in {"with batch norm": True, "without": False}.items():
        if norm or settings.twin:
            model = MODELS[settings.model](norm, np.random.default_rng([settings.seed, 0]))
            optimizer = _optimizer(settings, model)
            learners[name] = Learner(model, optimizer, CosineAnnealingLR(optimizer, settings.epochs))
    batches = DataLoader(
        learning, settings.batch, shuffle=True, drop_last=True, generator=np.random.default_rng([settings.seed, 1])
    )
    return Run(learners, batches, held_out, settings.epochs, asdict(settings))


def _optimizer(settings: Settings, model: nn.Module) -> optim.Optimizer:
    lr = RATES[settings.optimizer] if settings.lr is None else settings.lr
    params = model.parameters()
    match settings.optimizer:
        case "sgd":
            return optim.SGD(params, lr, momentum=0.9, weight_decay=5e-4)
        case "adam":
            return optim.Adam(params, lr)
        case "adamw":
            return optim.AdamW(params, lr, weight_decay=0.05)
    return optim.RMSprop(params, lr)
