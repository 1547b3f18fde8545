"""A picture of a training run: loss, accuracy, and the input of every activation, with batch norm and without."""

from __future__ import annotations

from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

from ..engine.files import atomic_write
from .run import Run

COLORS = ("#0b6e99", "#d9730d", "#448361")
"""The learners' colors; blue and orange are distinct to color-blind readers too."""


def pyplot() -> Any:
    """Matplotlib's pyplot, for drawing to files, in a plain style.

    Raises:
        ImportError: without matplotlib.
    """
    try:
        import_module("matplotlib").use("Agg")
        plt = import_module("matplotlib.pyplot")
    except ImportError:
        raise ImportError("the pictures need matplotlib: pip install 'micrograd-tensor[train]'") from None
    plt.rc("font", size=9)
    plt.rc("axes", titlesize=10, titlelocation="left", titleweight="bold", grid=True)
    plt.rc("axes.spines", top=False, right=False)
    plt.rc("grid", color="#e6e6e6", linewidth=0.6)
    plt.rc("legend", frameon=False)
    plt.rc("figure.constrained_layout", use=True)
    plt.rc("svg", hashsalt="micrograd_tensor")
    return plt


def save_picture(run: Run, path: Path, title: str) -> Path:
    """Draw the history of a run, in the format of the path's suffix.

    Raises:
        ImportError: without matplotlib.
        OSError: where the file cannot be written.
    """
    plt = pyplot()
    names = list(run.learners)
    figure, axes = plt.subplots(2, 2, figsize=(9, 6.2))
    figure.suptitle(title, fontsize=12, fontweight="bold", x=0.01, ha="left")
    epochs = range(1, run.epoch + 1)
    _curves(axes[0, 0], run, epochs, "loss", "held_out_loss")
    axes[0, 0].set(title="Loss", yscale="log", xlabel="epoch")
    _curves(axes[0, 1], run, epochs, "accuracy", "held_out_accuracy", percent=True)
    axes[0, 1].set(title="Accuracy, %", xlabel="epoch", ylim=(_lowest(run), 100.3))
    axes[0, 0].legend()
    spreads = [[entry[name]["activations"] for entry in run.history] for name in names]
    for axis, which, what in ((axes[1, 0], 1, "Spread"), (axes[1, 1], 0, "Mean")):
        for i, (color, name, history) in enumerate(zip(COLORS, names, spreads, strict=False)):
            layers = len(history[0]) if history else 0
            for k in range(layers):
                values = [entry[k][which] for entry in history]
                axis.plot(epochs, values, color=color, alpha=0.35 + 0.65 * (k + 1) / layers, label="" if k else name)
                end, offset = (epochs[-1], values[-1]), (4 + 8 * i, 0)
                axis.annotate(f"{k + 1}", end, offset, textcoords="offset points", color=color, va="center")
        axis.set(title=f"{what} of each activation's input, by layer", xlabel="epoch")
    axes[1, 0].set_ylim(bottom=0)
    for axis in axes.flat:
        axis.xaxis.set_major_locator(plt.MaxNLocator(integer=True))
    picture = BytesIO()
    figure.savefig(picture, dpi=150, format=path.suffix[1:] or None)
    plt.close(figure)
    return atomic_write(path, picture.getvalue())


def _curves(axis: Any, run: Run, epochs: range, learning: str, held_out: str, percent: bool = False) -> None:
    scale = 100 if percent else 1
    for color, name in zip(COLORS, run.learners, strict=False):
        for key, style, what in ((learning, "--", "learning"), (held_out, "-", "held out")):
            values = [entry[name][key] * scale for entry in run.history]
            axis.plot(epochs, values, style, color=color, label=f"{name}, {what}", linewidth=1.4)


def _lowest(run: Run) -> float:
    """The lower end of the accuracy axis, which shows all but the first epochs."""
    late = [
        entry[name]["held_out_accuracy"] for entry in run.history[len(run.history) // 10 :] for name in run.learners
    ]
    return max(0.0, 100 * min(late, default=0.0) - 2)
