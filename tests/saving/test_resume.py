"""A training that is killed in the middle of an epoch, and resumed, ends with the bits of one that never was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from micrograd_tensor import saving

pytest.importorskip("safetensors")
pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")
pytestmark = pytest.mark.slow

SCRIPT = """
import os, signal, sys
from micrograd_tensor.cli import train
import argparse

stop, number = int(sys.argv[1]), int(sys.argv[2])
learn, steps = train.Run.steps, 0

def steps_until(self):
    for k, _ in enumerate(learn(self), 1):
        if k == stop:
            os.kill(os.getpid(), number)
        yield

train.Run.steps = steps_until
parser = argparse.ArgumentParser()
train.add_options(parser)
given = parser.parse_args(sys.argv[3:])
sys.exit(given.run(given))
"""
SMALL = ["--epochs", "4", "--batch", "48"]  # 29 batches an epoch


def train(folder, *options, stop=0, number=signal.SIGTERM):
    command = [sys.executable, "-c", SCRIPT, str(stop), str(int(number)), *options, "--out", str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"})
    return done.returncode, done.stdout, done.stderr


def final(folder):
    """All that a checkpoint holds, as comparable text."""
    state = saving.load_checkpoint(folder / "digits-mlp.safetensors")
    return repr([(k, v.tobytes()) for k, v in state["model"].items()]), repr(state)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    status, _, errors = train(folder, *SMALL)
    assert (status, errors) == (0, "")
    return final(folder)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system has no SIGKILL")
@pytest.mark.parametrize("stop", [29 + 13])
def test_killed_in_the_middle_of_an_epoch(tmp_path, undisturbed, stop):
    status, _, _ = train(tmp_path, *SMALL, stop=stop, number=signal.SIGKILL)
    assert status == -signal.SIGKILL
    file = tmp_path / "digits-mlp.safetensors"
    assert len(saving.load_checkpoint(file)["history"]) == stop // 29
    status, _, errors = train(tmp_path, "--resume", str(file))
    assert (status, errors) == (0, "")
    assert final(tmp_path) == undisturbed


@pytest.mark.parametrize("stop", [29 + 13, 2 * 29])
def test_interrupted_by_ctrl_c_after_any_batch(tmp_path, undisturbed, stop):
    file = tmp_path / "digits-mlp.safetensors"
    status, printed, errors = train(tmp_path, *SMALL, stop=stop, number=signal.SIGINT)
    assert (status, errors) == (130, "")
    assert f"micrograd-tensor train digits --resume {file}" in printed
    assert f"Stopped after {stop // 29} of 4 epochs and {stop % 29} batches" in printed
    status, printed, errors = train(tmp_path, "--resume", str(file), stop=9, number=signal.SIGINT)  # and once more
    assert (status, errors) == (130, "")
    status, _, errors = train(tmp_path, "--resume", str(file))
    assert (status, errors) == (0, "")
    assert final(tmp_path) == undisturbed
