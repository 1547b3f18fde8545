"""Why batch normalization: a net of ten layers, three initial scales, two learning rates, with it and without.

    python examples/why_batchnorm.py

Without it, the net learns only if the initial scale is just right: with weights that are too small the signal fades
from layer to layer, with too large ones it explodes. With it, every layer's input is brought back to unit variance, and
the net learns from any start, at either rate. Writes why_batchnorm.png; it needs
``pip install 'micrograd-tensor[train]'``.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import micrograd_tensor as mt
from micrograd_tensor import nn, optim
from micrograd_tensor.data import DataLoader, split
from micrograd_tensor.training.digits import load_digits
from micrograd_tensor.training.picture import COLORS, pyplot

LAYERS, WIDTH = 10, 64
SCALES = {"a third of He's": 1 / 3, "He's": 1.0, "three times He's": 3.0}
"""Scales of the initial weights relative to √(2 / fan_in), which preserves a signal through a ReLU; He et al., 2015."""
RATES = (0.01, 0.1)


def net(norm: bool, scale: float, rng: np.random.Generator) -> nn.Sequential:
    """Ten linear layers with activations between them, from 64 pixels to ten digits."""
    layers: list[nn.Module] = [nn.Flatten()]
    for _ in range(LAYERS - 1):
        layers += [nn.Linear(64, WIDTH), *([nn.BatchNorm1d(WIDTH)] if norm else []), nn.ReLU()]
    layers += [nn.Linear(WIDTH, 10)]
    for layer in layers:
        if isinstance(layer, nn.Linear):
            layer.weight.assign_(rng.normal(0, scale * math.sqrt(2 / layer.in_features), layer.weight.shape))
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)


def train(norm: bool, scale: float, lr: float, epochs: int) -> tuple[list[float], float]:
    """The mean loss of every epoch, and the fraction of the held-out digits that are recognized in the end."""
    learning, (x, labels) = split(load_digits(), [0.8, 0.2], generator=0)
    model = net(norm, scale, np.random.default_rng(0))
    optimizer = optim.SGD(model.parameters(), lr, momentum=0.9)
    batches = DataLoader(learning, 64, shuffle=True, drop_last=True, generator=1)
    losses = []
    with np.errstate(all="ignore"):  # a run that explodes is part of the experiment
        for _ in range(epochs):
            total = 0.0
            for images, truth in batches:
                optimizer.zero_grad()
                loss = mt.cross_entropy(model(images), truth)
                loss.backward()
                optimizer.step()
                total += loss.item()
            losses.append(total / len(batches))
        model.eval()
        with mt.no_grad():
            recognized = model(mt.tensor(x)).numpy().argmax(axis=1) == labels
    return losses, float(recognized.mean())


def main() -> None:
    """Run all twelve; print the table, write the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--epochs", type=int, default=12, help="epochs of each run (default: 12)")
    parser.add_argument("--quick", action="store_true", help="one epoch each, to see that everything works")
    parser.add_argument("--out", type=Path, default=Path("why_batchnorm.png"), help="file for the picture")
    given = parser.parse_args()
    epochs = 1 if given.quick else given.epochs

    plt = pyplot()
    figure, axes = plt.subplots(len(RATES), len(SCALES), figsize=(9, 5.2), sharex=True, sharey=True)
    figure.suptitle(f"Loss of a {LAYERS}-layer net, by epoch", fontsize=12, fontweight="bold", x=0.01, ha="left")
    table = Table(title="Held-out digits recognized", title_justify="left", title_style="bold")
    for heading in ("learning rate", "initial weights", "with batch norm", "without"):
        table.add_column(heading, justify="right" if "initial" not in heading else "left")
    for row, lr in zip(axes, RATES, strict=True):
        for axis, (scale_name, scale) in zip(row, SCALES.items(), strict=True):
            cells = []
            for norm, color, label in ((True, COLORS[0], "with batch norm"), (False, COLORS[1], "without")):
                losses, recognized = train(norm, scale, lr, epochs)
                cells.append(f"{recognized:.1%}")
                finite = [min(loss, 1e3) if math.isfinite(loss) else math.nan for loss in losses]
                axis.plot(range(1, epochs + 1), finite, color=color, label=label, linewidth=1.6)
                if not math.isfinite(losses[-1]):
                    axis.annotate("exploded", (0.03, 0.9), xycoords="axes fraction", color=color)
            table.add_row(f"{lr:g}", scale_name, *cells)
            axis.axhline(math.log(10), color="#999999", linewidth=0.8, linestyle=":")
            axis.set_title(f"Weights: {scale_name}; rate {lr:g}", fontweight="normal", fontsize=9)
            axis.set(yscale="log", ylim=(2e-2, 20))
            axis.xaxis.set_major_locator(plt.MaxNLocator(integer=True))
    axes[0, 0].legend(loc="lower left")
    axes[0, 0].annotate("guessing", (epochs, math.log(10) * 1.15), ha="right", fontsize=7.5, color="#777777")
    for axis in axes[-1]:
        axis.set_xlabel("epoch")
    given.out = given.out if given.out.suffix else given.out.with_suffix(".png")
    figure.savefig(given.out, dpi=150)
    Console().print(table)
    print(f"picture: {given.out}")


if __name__ == "__main__":
    main()
