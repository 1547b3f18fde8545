"""Handwritten digits: scikit-learn's 1797 scans of 8 × 8 pixels, two nets to classify them, and a run to train them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any

import numpy as np

from .. import nn, optim
from ..data import DataLoader, split
from ..optim.lr_scheduler import CosineAnnealingLR
from .run import Learner, Run

_HELD_OUT = 0.2
"""The fraction of the scans that no net is trained on; the same scans for every seed."""

OPTIMIZERS: dict[str, tuple[Callable[..., optim.Optimizer], dict[str, float]]] = {
    "sgd": (optim.SGD, {"lr": 0.05, "momentum": 0.9, "weight_decay": 5e-4}),
    "adam": (optim.Adam, {"lr": 3e-3}),
    "adamw": (optim.AdamW, {"lr": 3e-3, "weight_decay": 0.05}),
    "rmsprop": (optim.RMSprop, {"lr": 1e-3}),
}
"""The optimizers to choose from, with the settings that they start with."""


@dataclass(frozen=True)
class Settings:
    """What a run is built from; a checkpoint holds it too."""

    model: str = "mlp"
    epochs: int = 40
    batch: int = 64
    optimizer: str = "adamw"
    lr: float | None = None
    seed: int = 0
    twin: bool = True
    compiled: bool = False


def load_digits() -> tuple[Any, Any]:
    """Scans ``(1797, 1, 8, 8)`` from 0 to 1 in float32, and their labels from 0 to 9.

    Raises:
        ImportError: without scikit-learn, which comes with the scans: nothing is downloaded.
    """
    try:
        digits = import_module("sklearn.datasets").load_digits()
    except ImportError:
        raise ImportError("the digits come with scikit-learn: pip install 'micrograd-tensor[train]'") from None
    return (digits.images[:, None] / 16).astype(np.float32), digits.target.astype(np.int64)


def mlp(norm: bool, rng: np.random.Generator) -> nn.Sequential:
    """Flattened pixels, then 64-128-128-10 with batch normalization before every activation."""

    def hidden(features: int) -> list[nn.Module]:
        linear = nn.Linear(features, 128, bias=not norm, generator=rng)
        return [linear, *([nn.BatchNorm1d(128)] if norm else []), nn.ReLU()]

    return nn.Sequential(nn.Flatten(), *hidden(64), *hidden(128), nn.Linear(128, 10, generator=rng))


def cnn(norm: bool, rng: np.random.Generator) -> nn.Sequential:
    """Three 3 × 3 convolutions, 1-16-32-64 channels, that halve the picture twice, and one linear layer."""

    def hidden(channels: int, outputs: int) -> list[nn.Module]:
        convolution = nn.Conv2d(channels, outputs, 3, padding=1, bias=not norm, generator=rng)
        return [convolution, *([nn.BatchNorm2d(outputs)] if norm else []), nn.ReLU()]

    first, second = [*hidden(1, 16), *hidden(16, 32), nn.MaxPool2d(2)], [*hidden(32, 64), nn.MaxPool2d(2)]
    return nn.Sequential(*first, *second, nn.Flatten(), nn.Linear(256, 10, generator=rng))


MODELS = {"mlp": mlp, "cnn": cnn}


def build(settings: Settings) -> Run:
    """A run of a net with batch normalization and of its twin, the same net without, on the same batches.

    The seed determines everything random except the split, which is always the same.
    """
    learning, held_out = split(load_digits(), [1 - _HELD_OUT, _HELD_OUT], generator=0)
    learners = {}
    for name, norm in {"with batch norm": True, "without": False}.items():
        if norm or settings.twin:
            model = MODELS[settings.model](norm, np.random.default_rng([settings.seed, 0]))
            kind, defaults = OPTIMIZERS[settings.optimizer]
            optimizer = kind(model.parameters(), **defaults | ({} if settings.lr is None else {"lr": settings.lr}))
            learners[name] = Learner(model, optimizer, CosineAnnealingLR(optimizer, settings.epochs))
    batches = DataLoader(
        learning, settings.batch, shuffle=True, drop_last=True, generator=np.random.default_rng([settings.seed, 1])
    )
    return Run(learners, batches, held_out, settings.epochs, asdict(settings))
