"""A progress bar with the loss and the accuracy of the epoch so far."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from .run import Run


class Watch:
    """Shows how far a run is, while the `with` block lasts. Where the output is no terminal it stays silent.

    Args:
        run: to be shown.
        console: to be shown on.
    """

    def __init__(self, run: Run, console: Console) -> None:
        self.run = run
        self.bar = Progress(
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        steps = len(run.batches)
        self.task = self.bar.add_task(
            "", total=run.epochs * steps, completed=run.epoch * steps + run.batches.place, **self._fields()
        )

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def step(self) -> None:
        """One batch more."""
        self.bar.update(self.task, advance=1, **self._fields())

    def _fields(self) -> dict[str, Any]:
        run = self.run
        figures = ""
        name = next(iter(run.learners))
        if run.sums[name][2]:
            loss, recognized, seen = run.sums[name]
            figures = f"loss {loss / seen:.3f}, accuracy {recognized / seen:6.1%}"
        elif run.history:
            last = run.history[-1][name]
            figures = f"loss {last['loss']:.3f}, accuracy {last['accuracy']:6.1%}"
        if run.history:
            figures += f", held out {run.history[-1][name]['held_out_accuracy']:6.1%}"
        return {"epoch": min(run.epoch + 1, run.epochs), "epochs": run.epochs, "figures": figures}
