"""Two moons: a small net learns to separate two interlocking crescents; a picture shows where it draws the line.

    python examples/two_moons.py

Writes two_moons.png; it needs matplotlib, which ``pip install 'micrograd-tensor[train]'`` installs.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import micrograd_tensor as mt
from micrograd_tensor import nn, optim
from micrograd_tensor.data import DataLoader
from micrograd_tensor.training.picture import COLORS, pyplot


def two_moons(n: int, noise: float, rng: np.random.Generator) -> tuple[Any, Any]:
    """Points ``(n, 2)`` on two half circles, one upside down and shifted into the other, and their labels."""
    labels = np.arange(n) % 2
    angle = rng.uniform(0, np.pi, n)
    sign = 1 - 2 * labels
    x = np.stack([sign * np.cos(angle) + labels, sign * np.sin(angle) + 0.5 * labels], axis=1)
    return (x + rng.normal(0, noise, x.shape)).astype(np.float32), labels


def main() -> None:
    """Train, print the accuracy on new points, write the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--epochs", type=int, default=40, help="times through the data (default: 40)")
    parser.add_argument("--seed", type=int, default=0, help="random seed (default: 0)")
    parser.add_argument("--quick", action="store_true", help="one epoch, to see that everything works")
    parser.add_argument("--out", type=Path, default=Path("two_moons.png"), help="file for the picture")
    given = parser.parse_args()

    mt.manual_seed(given.seed)
    rng = np.random.default_rng(given.seed)
    x, labels = two_moons(400, 0.15, rng)
    net = nn.Sequential(
        nn.Linear(2, 32),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Linear(32, 32),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Linear(32, 2),
    )
    optimizer = optim.AdamW(net.parameters(), lr=0.01)
    batches = DataLoader((x, labels), 50, shuffle=True, generator=rng)
    epochs = 1 if given.quick else given.epochs
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        for points, truth in batches:
            optimizer.zero_grad()
            loss = mt.cross_entropy(net(points), truth)
            loss.backward()
            optimizer.step()
        schedule.step()

    net.eval()
    new, truth = two_moons(1000, 0.15, rng)
    with mt.no_grad():
        accuracy = (net(mt.tensor(new)).numpy().argmax(axis=1) == truth).mean()
        side = np.linspace(-1.6, 2.6, 240), np.linspace(-1.2, 1.7, 180)
        grid = np.stack(np.meshgrid(*side), axis=-1).astype(np.float32)
        upper = mt.softmax(net(mt.tensor(grid.reshape(-1, 2)))).numpy()[:, 0].reshape(grid.shape[:2])
    print(f"loss {loss.item():.3f}, {accuracy:.1%} of 1000 new points classified correctly")

    plt = pyplot()
    figure, axis = plt.subplots(figsize=(6.4, 4.4))
    blend = plt.matplotlib.colors.LinearSegmentedColormap.from_list("moons", [COLORS[1], "#ffffff", COLORS[0]])
    axis.contourf(*side, upper, levels=np.linspace(0, 1, 21), cmap=blend, alpha=0.6, antialiased=True)
    axis.contour(*side, upper, levels=[0.5], colors="#333333", linewidths=1.2)
    for which, color in ((0, COLORS[0]), (1, COLORS[1])):
        axis.scatter(*x[labels == which].T, s=14, color=color, edgecolor="white", linewidth=0.5)
    axis.set(title=f"Two moons: {accuracy:.1%} of new points classified correctly", xlim=(-1.6, 2.6), ylim=(-1.2, 1.7))
    axis.set_aspect("equal")
    axis.grid(False)
    given.out = given.out if given.out.suffix else given.out.with_suffix(".png")
    figure.savefig(given.out, dpi=150)
    print(f"picture: {given.out}")


if __name__ == "__main__":
    main()
