"""Draw the pictures of the documentation anew: python docs/pictures.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import micrograd_tensor as mt
from micrograd_tensor.cli.builtin_graphs import BUILTINS, made

NARROW = 390
"""Pixels: what a phone shows, next to the pictures that are as wide as a page."""

VIEWS: dict[str, tuple[str, dict[str, Any]]] = {
    "scopes": ("mlp", {"depth": 1}),
    "names": ("attention", {"detail": "name"}),
    "forward": ("batchnorm", {"view": "forward"}),
    "backward": ("batchnorm", {"view": "backward"}),
    "gate": ("batchnorm", {"view": "gate", "at": "x_norm"}),
    "path": ("batchnorm", {"view": "path", "at": ("x", "out")}),
    "steps": ("batchnorm", {"view": "steps"}),
}
"""What the gallery shows beside each built-in graph: its name, the graph and what is asked of the picture."""


def draw_all(folder: Path) -> None:
    """Write every picture into a folder."""
    rng = np.random.default_rng(0)
    shapes = {"x": (7, 4), "gamma": (4,), "beta": (4,)}
    leaves = {name: mt.tensor(rng.normal(size=s), name=name, requires_grad=True) for name, s in shapes.items()}
    out, dout = mt.batch_norm(**leaves), rng.normal(size=(7, 4))
    mt.draw(out, dout).save(folder / "batchnorm.svg")
    mt.draw(out, dout, width=NARROW).save(folder / "batchnorm-narrow.svg")
    gallery = folder / "gallery"
    gallery.mkdir(exist_ok=True)
    for name, builtin in BUILTINS.items():
        boxes = {"collapse": "conv"} if name == "conv_bn_relu" else {}
        mt.draw(*made(name), dims=builtin.dims, **boxes).save(gallery / f"{name}.svg")
    for name, (graph, asked) in VIEWS.items():
        mt.draw(*made(graph), dims=BUILTINS[graph].dims, **asked).save(gallery / f"{name}.svg")
    difference().save(gallery / "difference.svg")


def difference() -> mt.Circuit:
    """Batch normalization beside a derivation by hand in which the mean's share of dx was forgotten."""
    out, dout = made("batchnorm")
    captured = mt.graph(out, dout)
    x_norm, inverted_stddev, gamma = (captured[name].value for name in ("x_norm", "inverted_stddev", "gamma"))
    dgamma, dbeta = (dout * x_norm).sum(axis=0), dout.sum(axis=0)
    dx = gamma * inverted_stddev / 7 * (7 * dout - x_norm * dgamma)
    report = mt.compare(captured, hand={"dx": dx, "dgamma": dgamma, "dbeta": dbeta})
    return mt.draw(captured, view="difference", against=report, dims=BUILTINS["batchnorm"].dims)


if __name__ == "__main__":
    draw_all(Path(__file__).parent)
