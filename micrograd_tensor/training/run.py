"""A training run: nets that see the same batches, step by step, and all that it takes to stop and go on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import nn
from ..data import DataLoader
from ..engine.recording import no_grad
from ..engine.tensor import Tensor, tensor
from ..functional.losses import cross_entropy
from ..optim import Optimizer
from ..optim.lr_scheduler import LRScheduler
from ..saving import load_checkpoint, save_checkpoint


@dataclass
class Learner:
    """A classifier, what updates it, and the schedule of its learning rate."""

    model: nn.Sequential
    optimizer: Optimizer
    scheduler: LRScheduler

    def learn(self, x: Tensor, labels: Tensor) -> tuple[float, int]:
        """One step; returns the loss, and how many samples were recognized."""
        self.optimizer.zero_grad()
        logits = self.model(x)
        loss = cross_entropy(logits, labels)
        loss.backward()
        self.optimizer.step()
        return loss.item(), _recognized(logits, labels)

    def judge(self, x: Tensor, labels: Tensor) -> dict[str, Any]:
        """Loss and accuracy on samples held out, and per layer mean and spread of what goes into the activations."""
        self.model.eval()
        activations = []
        with no_grad():
            out = x
            for layer in self.model:
                if isinstance(layer, nn.ReLU):
                    activations.append((float(out.data.mean()), float(out.data.std())))
                out = layer(out)
            loss = cross_entropy(out, labels).item()
        self.model.train()
        accuracy = _recognized(out, labels) / len(labels)
        return {"held_out_loss": loss, "held_out_accuracy": accuracy, "activations": activations}


def _recognized(logits: Tensor, labels: Tensor) -> int:
    return int((logits.data.argmax(axis=1) == labels.data).sum())


class Run:
    """Learners that see the same batches, for a number of epochs.

    Args:
        learners: by name.
        batches: of samples and labels.
        held_out: samples and labels to judge by after every epoch.
        epochs: how many there will be.
        settings: plain data from which the caller can build the same run again; kept in the checkpoint.

    Attributes:
        history: for every epoch that is over, and every learner, loss and accuracy while learning and on the samples
            held out, and the statistics of the activations.
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
        self.sums = self._nothing_yet()

    def _nothing_yet(self) -> dict[str, list[float]]:
        return {name: [0.0, 0, 0] for name in self.learners}

    @property
    def epoch(self) -> int:
        """How many epochs are over."""
        return len(self.history)

    def steps(self) -> Iterator[None]:
        """Learn; hands over after every batch. The run may be saved there, and left."""
        while self.epoch < self.epochs:
            for x, labels in self.batches:
                for name, learner in self.learners.items():
                    loss, recognized = learner.learn(x, labels)
                    sums = self.sums[name]
                    sums[0] += loss * len(labels)
                    sums[1] += recognized
                    sums[2] += len(labels)
                if not self.batches.place:
                    self._close_epoch()
                yield

    def _close_epoch(self) -> None:
        entry = {}
        for name, learner in self.learners.items():
            loss, recognized, seen = self.sums[name]
            entry[name] = {"loss": loss / seen, "accuracy": recognized / seen, **learner.judge(*self.held_out)}
            learner.scheduler.step()
        self.history.append(entry)
        self.sums = self._nothing_yet()

    def _parts(self) -> dict[str, Any]:
        parts: dict[str, Any] = {"batches": self.batches}
        for i, learner in enumerate(self.learners.values()):
            suffix = f"_{i + 1}" if i else ""
            parts |= {f"{part}{suffix}": value for part, value in vars(learner).items()}
        return parts

    def save(self, path: str | Path) -> Path:
        """Write a checkpoint, from which `load` goes on bit for bit."""
        return save_checkpoint(path, **self._parts(), sums=self.sums, history=self.history, settings=self.settings)

    def load(self, path: str | Path) -> None:
        """Take up the state of a run that was built with the same settings."""
        rest = load_checkpoint(path, **self._parts())
        self.sums, self.history = rest["sums"], rest["history"]
