"""``micrograd-tensor train digits``: train a net on handwritten digits, watch it, stop it, resume it."""

from __future__ import annotations

import argparse
import math
import shlex
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..saving import load_checkpoint, save
from ..saving.tensors import library
from ..training.digits import MODELS, RATES, Settings, build
from ..training.picture import pyplot, save_picture
from ..training.run import Run
from ..training.watch import Watch
from .output_folder import output_folder
from .unusable import UnusableError

DEFAULTS = Settings()


def add_to(commands: Any) -> None:
    """Add the subcommand to the command line's parser."""
    parser = commands.add_parser(
        "train",
        help="train a batch-normalized net on handwritten digits",
        description="Train a small net with batch normalization, and beside it the same net without, on scikit-learn's "
        "handwritten digits. Shows loss and accuracy as they change, and draws them at the end, with the mean and the "
        "spread of what goes into each activation. A checkpoint is written after every epoch and on Ctrl-C; --resume "
        "goes on from it, bit for bit. Exit status: 0 trained, 2 unusable input or output, 130 interrupted.",
    )
    parser.add_argument("task", choices=("digits",), help="what to train on")
    add_options(parser)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser, and the function that runs them."""
    add = parser.add_argument
    add("--model", choices=MODELS, help=f"fully connected or convolutional (default: {DEFAULTS.model})")
    add("--epochs", type=_count, metavar="N", help=f"times through the data (default: {DEFAULTS.epochs}, cnn 20)")
    add("--batch", type=_batch, metavar="N", help=f"samples in a batch (default: {DEFAULTS.batch})")
    add("--optimizer", choices=RATES, help=f"default: {DEFAULTS.optimizer}")
    add("--lr", type=_rate, help="learning rate to begin with (default: the optimizer's)")
    add("--seed", type=_seed, help="of initial values and order of the samples (default: 0)")
    add("--no-twin", dest="twin", action="store_false", default=None, help="only the net with batch normalization")
    add("--quick", action="store_true", help="two epochs, to see that everything works")
    add("--resume", type=Path, metavar="FILE", help="go on from a checkpoint, with the options of that training")
    add("--out", type=Path, metavar="DIR", help="folder for checkpoint and picture (default: . or that of --resume)")
    add("--save", type=Path, metavar="FILE", help="also write the trained net alone, as PyTorch can load it")
    parser.set_defaults(run=run)


def _number(text: str, kind: type[int] | type[float], least: float, what: str) -> Any:
    try:
        value = kind(text)
    except ValueError:
        value = kind(-1)
    if not (math.isfinite(value) and value >= least):
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
    return value


def _count(text: str) -> int:
    return int(_number(text, int, 1, "a whole number of at least 1"))


def _batch(text: str) -> int:
    return int(_number(text, int, 2, "a whole number of at least 2, which batch normalization needs"))


def _seed(text: str) -> int:
    return int(_number(text, int, 0, "a whole number of at least 0"))


def _rate(text: str) -> float:
    return float(_number(text, float, 0, "a finite number of at least 0"))


def run(given: argparse.Namespace) -> int:
    """Run the subcommand; returns the exit status."""
    console = Console()
    try:
        library()  # before the training, not after it
        pyplot()
        training = _resumed(given) if given.resume else build(_settings(given))
    except ImportError as error:
        raise UnusableError(str(error)) from None
    settings = Settings(**training.settings)
    folder = given.out or (given.resume.parent if given.resume else Path())
    checkpoint = given.resume or folder / f"digits-{settings.model}.safetensors"
    output_folder(folder)
    if settings.batch > len(training.batches.arrays[0]):
        raise UnusableError(
            f"--batch {settings.batch} exceeds the {len(training.batches.arrays[0])} samples to learn from"
        )
    console.print(Text(_headline(training, settings), style="bold"))
    started = time.perf_counter()
    try:
        finished = _train(training, checkpoint, console)
        if not finished:
            where = f"{training.epoch} of {training.epochs} epochs and {training.batches.place} batches"
            console.print(Text(f"\nStopped after {where}. To go on:"))
            console.print(
                Text(f"  micrograd-tensor train digits --resume {shlex.quote(str(checkpoint))}"), soft_wrap=True
            )
            return 130
        console.print(_table(training), "")
        seconds = time.perf_counter() - started
        share = next(iter(training.history[-1].values()))["held_out_accuracy"]
        console.print(Text(f"{share:.2%} of the digits held out recognized, after {seconds:.1f} s", style="bold"))
        console.print(Text(f"checkpoint: {checkpoint}"), soft_wrap=True)
        title = f"Reading digits: {settings.model.upper()}, {settings.optimizer}, seed {settings.seed}"
        picture = save_picture(training, folder / f"digits-{settings.model}.png", title)
        console.print(Text(f"picture: {picture}"), soft_wrap=True)
        if given.save:
            written = save(next(iter(training.learners.values())).model, given.save)
            console.print(Text(f"net: {written}"), soft_wrap=True)
    except OSError as error:
        raise UnusableError(f"cannot write {error.filename or checkpoint}: {error.strerror or error}") from None
    return 0


def _settings(given: argparse.Namespace) -> Settings:
    chosen = {f.name: getattr(given, f.name) for f in fields(Settings) if getattr(given, f.name) is not None}
    if given.model == "cnn":
        chosen.setdefault("epochs", 20)
    if given.quick:
        chosen["epochs"] = 2
    return Settings(**chosen)


def _resumed(given: argparse.Namespace) -> Run:
    also = [
        f"--{'no-twin' if f.name == 'twin' else f.name}" for f in fields(Settings) if getattr(given, f.name) is not None
    ]
    if also or given.quick:
        raise UnusableError(
            f"--resume goes on with the options of the checkpoint; leave out {', '.join(also) or '--quick'}"
        )
    try:
        training = build(Settings(**load_checkpoint(given.resume)["settings"]))
        training.load(given.resume)
    except OSError as error:
        raise UnusableError(f"{given.resume} cannot be read: {error.strerror or error}") from None
    except (KeyError, TypeError, ValueError) as error:
        reason = str(error.args[0] if error.args else error).splitlines()[0]
        raise UnusableError(f"{given.resume} is not a checkpoint of this training: {reason}") from None
    return training


def _train(training: Run, checkpoint: Path, console: Console) -> bool:
    """Learn until the run is over or Ctrl-C is pressed; returns which."""
    with _one_thread(), _interrupt() as interrupted, Watch(training, console) as watch:
        for _ in training.steps():
            watch.step()
            if interrupted or not training.batches.place:
                training.save(checkpoint)
            if interrupted and training.epoch < training.epochs:
                return False
    return True


def _one_thread() -> Any:
    """Within the block matrix products take one thread.

    With several, products as small as these spend their time waiting for each other, up to twentyfold where other
    programs run; and how a sum is shared out would decide its last bits, which a resumed training must repeat.
    """
    return import_module("threadpoolctl").threadpool_limits(1, "blas")  # scikit-learn brings it


@contextmanager
def _interrupt() -> Iterator[list[int]]:
    """A list that Ctrl-C makes non-empty, so that the step in progress is finished; a second Ctrl-C ends at once."""
    pressed: list[int] = []

    def press(number: int, frame: FrameType | None) -> None:
        if pressed:
            signal.default_int_handler(number, frame)
        pressed.append(number)

    before = signal.signal(signal.SIGINT, press)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


def _headline(training: Run, settings: Settings) -> str:
    model = next(iter(training.learners.values())).model
    numbers = sum(p.size for p in model.parameters())
    learning, held_out = len(training.batches.arrays[0]), len(training.held_out[1])
    place = f", from epoch {training.epoch + 1}" if training.epoch or training.batches.place else ""
    return (
        f"{settings.model} of {numbers:,} numbers, {settings.optimizer}, {settings.epochs} epochs{place}; "
        f"{learning} digits to learn from, {held_out} held out"
    )


def _table(training: Run) -> Table:
    table = Table(title="After the last epoch", title_justify="left", title_style="bold")
    table.add_column("net")
    for heading in ("loss", "accuracy", "loss held out", "accuracy held out"):
        table.add_column(heading, justify="right")
    for name, last in training.history[-1].items():
        figures = f"{last['loss']:.4f}", f"{last['accuracy']:.2%}", f"{last['held_out_loss']:.4f}"
        table.add_row(name, *figures, f"{last['held_out_accuracy']:.2%}")
    return table
