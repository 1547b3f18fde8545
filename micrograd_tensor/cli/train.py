"""``micrograd-tensor train digits``: train a net on handwritten digits, watch it, stop it, resume it."""

from __future__ import annotations

import argparse
import shlex
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

from .. import nn
from ..compile import compile as compiled
from ..compile.compiled import Compiled
from ..engine.errors import TraceError
from ..saving import load_checkpoint, save
from ..saving.tensors import library
from ..training.digits import MODELS, OPTIMIZERS, Settings, build
from ..training.picture import pyplot, save_picture
from ..training.run import Run
from .arguments import finite_number, whole_number
from .console import Rows, Terminal, console, table
from .output_folder import output_folder
from .outputs import add_json, check_json, to_stdout, writable, write_json
from .unusable import UnusableError

_DEFAULTS = Settings()


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options to its parser, and the function that runs them."""
    parser.description = (
        "Train a small net with batch normalization, and its twin without, on scikit-learn's handwritten "
        "digits. Shows loss and accuracy while training, and draws them at the end, with the mean and the spread of "
        "each activation's input. A checkpoint is written after every epoch and on Ctrl-C; --resume continues from it, "
        "bit for bit. Exit status: 0 trained, 2 unusable input or output, 130 interrupted."
    )
    parser.add_argument("task", nargs="?", choices=("digits",), default="digits", help="what to train on")
    add = parser.add_argument
    add("--model", choices=MODELS, help=f"fully connected or convolutional (default: {_DEFAULTS.model})")
    add(
        "--epochs",
        type=whole_number(1),
        metavar="N",
        help=f"times through the data (default: {_DEFAULTS.epochs}, cnn 20)",
    )
    batch = whole_number(2, ", which batch normalization needs")
    add("--batch", type=batch, metavar="N", help=f"samples in a batch (default: {_DEFAULTS.batch})")
    add("--optimizer", choices=OPTIMIZERS, help=f"default: {_DEFAULTS.optimizer}")
    add("--lr", type=finite_number, help="initial learning rate (default: the optimizer's)")
    add("--seed", type=whole_number(), help="seed of initial values and order of the samples (default: 0)")
    add("--no-twin", dest="twin", action="store_false", default=None, help="only the net with batch normalization")
    add(
        "--compile",
        dest="compiled",
        action="store_true",
        default=None,
        help="compile the training steps: the same up to rounding, in less time where Numba is installed",
    )
    add("--quick", action="store_true", help="two epochs, to see that everything works")
    add("--resume", type=Path, metavar="FILE", help="continue from a checkpoint, with its options")
    add(
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        help="folder for checkpoint and picture (default: . or that of --resume)",
    )
    add("--save", type=Path, metavar="FILE", help="also write the trained net by itself, for PyTorch to load")
    add_json(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Run the subcommand; returns the exit status."""
    try:
        library()  # before the training, not after it
        pyplot()
        training = _resumed(given) if given.resume else build(_settings(given))
    except ImportError as error:
        raise UnusableError(str(error)) from None
    settings = Settings(**training.settings)
    folder = output_folder(given.output or (given.resume.parent if given.resume else Path()))
    checkpoint = given.resume or folder / f"digits-{settings.model}.safetensors"
    if given.save:
        writable(given.save, checkpoint)
    picture = folder / f"digits-{settings.model}.png"
    check_json(given, checkpoint, picture, given.save)
    samples = len(training.batches.dataset)
    if settings.batch > samples:
        raise UnusableError(f"--batch {settings.batch} exceeds the {samples} samples to learn from")
    terminal = console(quiet=to_stdout(given))
    terminal.say(_headline(training, settings), "bold")
    started = time.perf_counter()
    steps = _compiled(training, terminal) if settings.compiled else []
    report = {"settings": training.settings, "parameters": _size(training), "checkpoint": checkpoint}
    try:
        if not _train(training, checkpoint, terminal):
            write_json(given.json, report | _progress(training, started))
            where = f"{training.epoch} of {training.epochs} epochs and {training.batches.place} batches"
            terminal.say(f"\nStopped after {where}. To resume:")
            terminal.say(f"  micrograd-tensor train digits --resume {shlex.quote(str(checkpoint))}")
            return 130
        terminal.print(_table(training), "")
        accuracy = next(iter(training.history[-1].values()))["held_out_accuracy"]
        progressed = _progress(training, started)
        terminal.say(f"{accuracy:.2%} of the held-out digits recognized, after {progressed['seconds']:.1f} s", "bold")
        for line in _compilation(steps):
            terminal.say(line)
        terminal.say(f"checkpoint: {checkpoint}")
        title = f"Reading digits: {settings.model.upper()}, {settings.optimizer}, seed {settings.seed}"
        terminal.say(f"picture: {save_picture(training, picture, title)}")
        if given.save:
            terminal.say(f"net: {save(_model(training), given.save)}")
        write_json(given.json, report | progressed | {"picture": picture, "net": given.save})
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
    options = {"twin": "no-twin", "compiled": "compile"}
    also = [f"--{options.get(f.name, f.name)}" for f in fields(Settings) if getattr(given, f.name) is not None]
    if also or given.quick:
        raise UnusableError(f"--resume uses the options of the checkpoint; leave out {', '.join(also) or '--quick'}")
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
    """Train until the run is over or Ctrl-C is pressed; returns which."""
    with _one_thread(), _interrupt() as interrupted, progress(training, console) as advance:
        for _ in training.steps():
            advance()
            if interrupted or not training.batches.place:
                training.save(checkpoint)
            if interrupted and training.epoch < training.epochs:
                return False
    return True


@contextmanager
def progress(training: Run, console: Console) -> Iterator[Callable[[], None]]:
    """Show a progress bar within the block, to be advanced after every batch; nothing where there is no terminal."""

    def fields() -> dict[str, Any]:
        name = next(iter(training.learners))
        means, last = training.means(name), training.history[-1][name] if training.history else {}
        figures = f"loss {means['loss']:.3f}, accuracy {means['accuracy']:6.1%}" if means else ""
        figures += f", held out {last['held_out_accuracy']:6.1%}" if last else ""
        return {"epoch": min(training.epoch + 1, training.epochs), "epochs": training.epochs, "figures": figures}

    columns = "epoch {task.fields[epoch]}/{task.fields[epochs]}", BarColumn(), "{task.fields[figures]}"
    times = TimeElapsedColumn(), "left", TimeRemainingColumn()
    steps = len(training.batches)
    with Progress(*columns, *times, console=console, disable=console.quiet or not console.is_terminal) as bar:
        done = training.epoch * steps + training.batches.place
        task = bar.add_task("", total=training.epochs * steps, completed=done, **fields())
        yield lambda: bar.update(task, advance=1, **fields())


def _one_thread() -> Any:
    """Matrix products use one thread within the block.

    With several, threads spend most of products this small waiting for each other, up to twenty times longer when other
    programs run; and how a sum is divided among them decides its last bits, which a resumed run must repeat.
    """
    return import_module("threadpoolctl").threadpool_limits(1, "blas")  # scikit-learn brings it


@contextmanager
def _interrupt() -> Iterator[list[int]]:
    """A list that Ctrl-C makes non-empty, so that the current step is finished; a second Ctrl-C ends at once."""
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


def _compiled(training: Run, terminal: Terminal) -> list[Compiled]:
    """Compile the steps of all learners, and say so where that is worth little."""
    if find_spec("numba") is None:
        terminal.say("Numba is not installed, so compiled steps run NumPy: pip install 'micrograd-tensor[compile]'")
    for learner in training.learners.values():
        vars(learner)["step"] = compiled(learner.step)
    return [vars(learner)["step"] for learner in training.learners.values()]


def _compilation(steps: Sequence[Compiled]) -> Iterator[str]:
    """How the steps of this run were compiled, if there were any."""
    reports = []
    for step in steps:
        with suppress(TraceError):
            reports.append(step.report())
    if reports:
        left = sum(sum(report.eager.values()) for report in reports)
        seconds = sum(report.seconds for report in reports)
        also = f"; {left} ran as they would without --compile" if left else ""
        yield f"steps: compiled with {reports[0].facts.backend} in {seconds:.1f} s of these{also}"


def _model(training: Run) -> nn.Module:
    """The net to report on."""
    return next(iter(training.learners.values())).model


def _size(training: Run) -> int:
    return sum(p.size for p in _model(training).parameters())


def _progress(training: Run, started: float) -> dict[str, Any]:
    """What programs read of how far it has come."""
    finished = training.epoch == training.epochs
    return {"finished": finished, "seconds": time.perf_counter() - started, "epochs": training.history}


def _headline(training: Run, settings: Settings) -> str:
    place = f", from epoch {training.epoch + 1}" if training.epoch or training.batches.place else ""
    return (
        f"{settings.model} of {_size(training):,} numbers, {settings.optimizer}, {settings.epochs} epochs{place}; "
        f"{len(training.batches.dataset)} digits to learn from, {len(training.held_out[1])} held out"
    )


def _table(training: Run) -> Rows:
    headings = ("loss", "accuracy", "loss held out", "accuracy held out")
    found = table("After the last epoch", ("net",), headings)
    for name, last in training.history[-1].items():
        figures = f"{last['loss']:.4f}", f"{last['accuracy']:.2%}", f"{last['held_out_loss']:.4f}"
        found.add_row(name, *figures, f"{last['held_out_accuracy']:.2%}")
    return found
