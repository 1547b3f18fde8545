"""Draw the pictures of the documentation anew: python docs/pictures.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import micrograd_tensor as mt


def draw_all(folder: Path) -> None:
    """Write every picture into a folder."""
    rng = np.random.default_rng(0)
    shapes = {"x": (7, 4), "gamma": (4,), "beta": (4,)}
    leaves = {name: mt.tensor(rng.normal(size=s), name=name, requires_grad=True) for name, s in shapes.items()}
    mt.draw(mt.batch_norm(**leaves), rng.normal(size=(7, 4))).save(folder / "batchnorm.svg")


if __name__ == "__main__":
    draw_all(Path(__file__).parent)
