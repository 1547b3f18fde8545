"""A training run: nets that see the same batches, step by step, and the state to stop and resume it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from .. import nn
from ..data import DataLoader
from ..engine.arrays import on_host
from ..engine.recording import no_grad
from ..engine.tensor import Tensor, tensor
from ..functional.losses import cross_entropy
from ..optim import Optimizer
from ..optim.lr_scheduler import LRScheduler
from ..saving import load_checkpoint, save_checkpoint


@dataclass
class Learner:
    """A classifier, its optimizer, and its learning-rate schedule."""

    model: nn.Sequential
    optimizer: Optimizer
    scheduler: LRScheduler

    def step(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """One training step, which `compile` takes; returns the loss and the logits."""
        self.optimizer.zero_grad()
        logits = self.model(x)
        loss = cross_entropy(logits, labels)
        loss.backward()
        self.optimizer.step()
        return loss.detach(), logits.detach()

    def learn(self, x: Tensor, labels: Tensor) -> tuple[float, int]:
        """One training step; returns the loss, and how many samples were classified correctly."""
        loss, logits = self.step(x, labels)
        return loss.item(), _recognized(logits, labels)

    def judge(self, x: Tensor, labels: Tensor) -> dict[str, Any]:
        """Loss and accuracy on held-out samples, and mean and standard deviation of each activation's input."""
        self.model.eval()
        activations = []
        with no_grad():
            out = x
            for layer in self.model:
                if isinstance(layer, nn.ReLU):
                    activations.append((out.mean().item(), out.std().item()))
                out = layer(out)
            loss = cross_entropy(out, labels).item()
        self.model.train()
        accuracy = _recognized(out, labels) / len(labels)
        return {"held_out_loss": loss, "held_out_accuracy": accuracy, "activations": activations}


def _recognized(logits: Tensor, labels: Tensor) -> int:
    return int((on_host(logits.argmax(axis=1).data) == on_host(labels.data)).sum())


class Run:
    """Learners that see the same batches, for a number of epochs.

    Args:
        learners: the learners by name; the first is the one to report on.
        batches: batches of samples and labels.
        held_out: samples and labels to evaluate on after every epoch.
        epochs: how many epochs to train for.
        settings: plain data from which the caller can build the same run again; kept in the checkpoint.

    Attributes:
        history: for every finished epoch and every learner, loss and accuracy in training and on the held-out samples,
            and the statistics of the activations.
    """

    def __init__(
        self,
        learners: dict[str, Learner],
        batches: DataLoader,
        held_out: tuple[Any, Any],
        epochs: int,
        settings: dict[str, Any],
    ) -> None:
        self.learners, self.batches, self.epochs, self.settings = learners, batches, epochs, settings
        self.held_out = tensor(held_out[0]), tensor(held_out[1])
        self.history: list[dict[str, dict[str, Any]]] = []
        self.sums = self._zeros()

    def _zeros(self) -> dict[str, list[float]]:
        return {name: [0.0, 0, 0] for name in self.learners}

    @property
    def epoch(self) -> int:
        """How many epochs are finished."""
        return len(self.history)

    def steps(self) -> Iterator[None]:
        """Train; yields after every batch, where the run may be saved or left."""
        while self.epoch < self.epochs:
            for x, labels in self.batches:
                for name, learner in self.learners.items():
                    loss, recognized = learner.learn(x, labels)
                    step = loss * len(labels), recognized, len(labels)
                    self.sums[name] = [total + part for total, part in zip(self.sums[name], step, strict=True)]
                if not self.batches.place:
                    self._end_epoch()
                yield

    def means(self, name: str) -> dict[str, Any]:
        """The loss and the accuracy of a learner in the current epoch, or before its first step in the last one."""
        loss, recognized, seen = self.sums[name]
        if not seen:
            return self.history[-1][name] if self.history else {}
        return {"loss": loss / seen, "accuracy": recognized / seen}

    def _end_epoch(self) -> None:
        judged = {name: learner.judge(*self.held_out) for name, learner in self.learners.items()}
        self.history.append({name: self.means(name) | found for name, found in judged.items()})
        for learner in self.learners.values():
            learner.scheduler.step()
        self.sums = self._zeros()

    def _parts(self) -> dict[str, Any]:
        parts: dict[str, Any] = {"batches": self.batches}
        for i, learner in enumerate(self.learners.values()):
            suffix = f"_{i + 1}" if i else ""
            parts |= {f"{part.name}{suffix}": getattr(learner, part.name) for part in fields(learner)}
        return parts

    def save(self, path: str | Path) -> Path:
        """Write a checkpoint, from which `load` resumes bit for bit."""
        return save_checkpoint(path, **self._parts(), sums=self.sums, history=self.history, settings=self.settings)

    def load(self, path: str | Path) -> None:
        """Restore the state of a run that was built with the same settings.

        Raises:
            ValueError: where the sums or the history are not a run's; whatever else `load_checkpoint` raises.
        """
        rest = load_checkpoint(path, **self._parts())
        if not self._is_whole(rest.get("sums"), rest.get("history")):
            raise ValueError(f"{path} is damaged: its sums or its history are not those of such a run")
        self.sums, self.history = rest["sums"], rest["history"]

    def _is_whole(self, sums: Any, history: Any) -> bool:
        names = self.learners.keys()
        try:
            told = [learner for epoch in history for learner in epoch.values()]
            rows = [(*sums.values(), 3), *((*each["activations"], 2) for each in told)]
            return (
                isinstance(history, list)
                and all(each.keys() == names for each in (sums, *history))
                and all(each.keys() == {*_FIGURES, "activations"} for each in told)
                and all(_are_numbers([each[figure] for figure in _FIGURES]) for each in told)
                and all(len(row) == n and _are_numbers(row) for *found, n in rows for row in found)
            )
        except (TypeError, AttributeError, KeyError):  # a number where there is to be a list
            return False


_FIGURES = ("loss", "accuracy", "held_out_loss", "held_out_accuracy")
"""What the history says about a learner in an epoch, besides the statistics of its activations."""


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(x, float) or (isinstance(x, int) and abs(x) < 2**63) for x in values)
