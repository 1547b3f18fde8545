"""Attention in a dozen lines: its gradient is checked, then it learns to reverse a sequence.

    python examples/attention.py

Every position queries all positions and takes a weighted mean of their values, ``softmax(Q Kᵀ / √d) V``; Vaswani et
al., *Attention Is All You Need*, 2017. To copy a sequence in reverse, position i must attend to position n − 1 − i,
which is what the picture of the learned weights shows. Writes attention.png; it needs matplotlib, which
``pip install 'micrograd-tensor[train]'`` installs.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import numpy as np

import micrograd_tensor as mt
from micrograd_tensor import nn, optim
from micrograd_tensor.training.picture import pyplot

LENGTH, LETTERS, WIDTH = 8, 10, 32


def attention(x: Any, wq: Any, wk: Any, wv: Any) -> tuple[mt.Tensor, mt.Tensor]:
    """Weighted means over all positions, and the weights: x ``(N, T, D)`` to ``(N, T, D)`` and ``(N, T, T)``."""
    query, key, value = x @ wq, x @ wk, x @ wv
    with mt.scope("weights"):
        weights = mt.softmax(query @ mt.swapaxes(key, -1, -2) / math.sqrt(wq.shape[-1])).named("weights")
    return weights @ value, weights


class Reverser(nn.Module):
    """Embeds letters and their positions, attends once, and guesses the letter at each position."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        self.letters = nn.Embedding(LETTERS, WIDTH, generator=rng)
        self.positions = nn.Embedding(LENGTH, WIDTH, generator=rng)
        for name in ("wq", "wk", "wv"):
            setattr(self, name, nn.Parameter(rng.normal(0, WIDTH**-0.5, (WIDTH, WIDTH)), dtype="float32"))
        self.norm = nn.LayerNorm(WIDTH)
        self.guess = nn.Linear(WIDTH, LETTERS, generator=rng)

    def forward(self, letters: Any) -> tuple[mt.Tensor, mt.Tensor]:
        """Indices of letters ``(N, T)`` to logits ``(N, T, letters)`` and attention weights ``(N, T, T)``."""
        x = self.norm(self.letters(letters) + self.positions(np.arange(LENGTH)))
        found, weights = attention(x, self.wq, self.wk, self.wv)
        return self.guess(found), weights


def main() -> None:
    """Check the gradient, train, write the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=200, help="number of training batches (default: 200)")
    parser.add_argument("--seed", type=int, default=0, help="random seed (default: 0)")
    parser.add_argument("--quick", action="store_true", help="20 steps, to see that everything works")
    parser.add_argument("--out", type=Path, default=Path("attention.png"), help="file for the picture")
    given = parser.parse_args()

    rng = np.random.default_rng(given.seed)
    point = rng.normal(size=(2, 4, 3)), *(rng.normal(size=(3, 3)) for _ in range(3))
    mt.gradcheck(attention, *point, order=2)
    print("the gradient of attention is right, and so is the gradient of the gradient")

    net = Reverser(rng)
    optimizer = optim.Adam(net.parameters(), lr=5e-3)
    steps = 20 if given.quick else given.steps
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(1, steps + 1):
        letters = rng.integers(0, LETTERS, (64, LENGTH))
        optimizer.zero_grad()
        logits, _ = net(letters)
        loss = mt.cross_entropy(logits.reshape(-1, LETTERS), letters[:, ::-1].reshape(-1))
        loss.backward()
        optim.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % max(steps // 5, 1) == 0:
            right = (logits.numpy().argmax(axis=-1) == letters[:, ::-1]).mean()
            print(f"step {step:4d}: loss {loss.item():.4f}, {right:.1%} of the letters right")

    with mt.no_grad():
        _, weights = net(rng.integers(0, LETTERS, (256, LENGTH)))
    plt = pyplot()
    figure, axis = plt.subplots(figsize=(4.6, 4.2))
    shown = axis.imshow(weights.numpy().mean(axis=0), cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(shown, shrink=0.8)
    axis.set(title="Where each position attends", xlabel="attended position", ylabel="attending position")
    axis.grid(False)
    given.out = given.out if given.out.suffix else given.out.with_suffix(".png")
    figure.savefig(given.out, dpi=150)
    print(f"picture: {given.out}")


if __name__ == "__main__":
    main()
