"""A character-level language model: it reads any text file and then writes more of the same kind.

    python examples/characters.py README.md
    python examples/characters.py novel.txt --steps 5000 --length 1000

The next character is predicted from those before it, as in Bengio et al., *A Neural Probabilistic Language Model*,
2003: each is looked up in a table of learned vectors, from which two batch-normalized layers make the prediction.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

import micrograd_tensor as mt
from micrograd_tensor import nn, optim


def model(characters: int, context: int, width: int) -> nn.Sequential:
    """Indices ``(N, context)`` to logits ``(N, characters)``."""
    return nn.Sequential(
        nn.Embedding(characters, 16),
        nn.Flatten(),
        nn.Linear(16 * context, width, bias=False),
        nn.BatchNorm1d(width),
        nn.ReLU(),
        nn.Linear(width, width, bias=False),
        nn.BatchNorm1d(width),
        nn.ReLU(),
        nn.Linear(width, characters),
    )


def write(net: nn.Sequential, start: list[int], length: int, rng: np.random.Generator) -> list[int]:
    """Continue a text, drawing each character from the predicted distribution."""
    net.eval()
    written = list(start)
    with mt.no_grad():
        for _ in range(length):
            chances = mt.softmax(net(mt.tensor([written[-len(start) :]]))).numpy()[0].astype(float)
            written.append(int(rng.choice(len(chances), p=chances / chances.sum())))
    return written[len(start) :]


def read(path: Path, context: int) -> str:
    """The text of a file; exits with the reason where it cannot be used."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        sys.exit(f"{path} cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        sys.exit(f"{path} is not UTF-8 text")
    if len(text) < 10 * context:
        sys.exit(f"{path} has {len(text)} characters; at least {10 * context} are needed to learn from")
    return text


def main() -> None:
    """Read, train, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path, help="a UTF-8 text file")
    parser.add_argument("--steps", type=int, default=3000, help="number of training batches (default: 3000)")
    parser.add_argument("--context", type=int, default=10, help="characters to predict the next one from (default: 10)")
    parser.add_argument("--length", type=int, default=400, help="characters to write (default: 400)")
    parser.add_argument("--seed", type=int, default=0, help="random seed (default: 0)")
    parser.add_argument("--quick", action="store_true", help="20 steps, to see that everything works")
    given = parser.parse_args()

    text = read(given.file, given.context)
    alphabet = sorted(set(text))
    indices = {character: i for i, character in enumerate(alphabet)}
    numbers: Any = np.array([indices[character] for character in text])
    windows = np.lib.stride_tricks.sliding_window_view(numbers, given.context + 1)
    cut = int(0.9 * len(windows))
    print(f"{len(text):,} characters, {len(alphabet)} different ones; the last tenth is held out")

    chance = np.log(len(alphabet))
    rng = mt.manual_seed(given.seed)
    net = model(len(alphabet), given.context, 128)
    optimizer = optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.1)
    steps = 20 if given.quick else given.steps
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(1, steps + 1):
        batch = windows[rng.integers(0, cut, 128)]
        optimizer.zero_grad()
        loss = mt.cross_entropy(net(batch[:, :-1]), batch[:, -1])
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % max(steps // 6, 1) == 0:
            net.eval()
            held_out = windows[cut:][:: max((len(windows) - cut) // 2000, 1)]
            with mt.no_grad():
                new = mt.cross_entropy(net(held_out[:, :-1]), held_out[:, -1]).item()
            net.train()
            print(f"step {step:5d}: loss {loss.item():.3f}, held out {new:.3f}; guessing at random {chance:.3f}")

    print("\n" + "".join(alphabet[i] for i in write(net, numbers[: given.context].tolist(), given.length, rng)))


if __name__ == "__main__":
    main()
