"""A picture of a training: loss, accuracy, and what goes into every activation, with batch norm and without."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from .run import Run

COLORS = ("#0b6e99", "#d9730d", "#448361")
"""Of the learners; blue and orange also differ for those who do not tell red from green."""


def pyplot() -> Any:
    """Matplotlib, drawing to files only, in a plain style.

    Raises:
        ImportError: without matplotlib.
    """
    try:
        import_module("matplotlib").use("Agg")
        plt = import_module("matplotlib.pyplot")
    except ImportError:
        raise ImportError("the pictures need matplotlib: pip install 'micrograd-tensor[train]'") from None
    plt.rcParams.update(
        {
            "font.size": 9,
            "axes.titlesize": 10,
            "axes.titlelocation": "left",
            "axes.titleweight": "bold",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.color": "#e6e6e6",
            "grid.linewidth": 0.6,
            "legend.frameon": False,
            "figure.constrained_layout.use": True,
            "svg.hashsalt": "micrograd_tensor",
        }
    )
    return plt


def save_picture(run: Run, path: Path, title: str) -> Path:
    """Draw the history of a run; the suffix of the path says in which format.

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
                axis.annotate(
                    f"{k + 1}",
                    (epochs[-1], values[-1]),
                    (4 + 8 * i, 0),
                    textcoords="offset points",
                    color=color,
                    va="center",
                )
        axis.set(title=f"{what} of what goes into each activation, by layer", xlabel="epoch")
    axes[1, 0].set_ylim(bottom=0)
    for axis in axes.flat:
        axis.xaxis.set_major_locator(plt.MaxNLocator(integer=True))
    figure.savefig(path, dpi=150)
    plt.close(figure)
    return path


def _curves(axis: Any, run: Run, epochs: range, learning: str, held_out: str, percent: bool = False) -> None:
    scale = 100 if percent else 1
    for color, name in zip(COLORS, run.learners, strict=False):
        for key, style, what in ((learning, "--", "learning"), (held_out, "-", "held out")):
            values = [entry[name][key] * scale for entry in run.history]
            axis.plot(epochs, values, style, color=color, label=f"{name}, {what}", linewidth=1.4)


def _lowest(run: Run) -> float:
    """Where the axis of accuracies begins: so low that all but the first epochs are seen."""
    late = [
        entry[name]["held_out_accuracy"] for entry in run.history[len(run.history) // 10 :] for name in run.learners
    ]
    return max(0.0, 100 * min(late, default=0.0) - 2)
