"""What works with any choice of extras, and what says which extra it needs: others are made to look absent."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from itertools import combinations

import pytest

BRINGS = {
    "train": ("safetensors", "sklearn", "matplotlib"),
    "compile": ("numba", "llvmlite"),
    "dask": ("dask", "distributed"),
    "completion": ("shtab",),
}
"""What each extra for users brings, as it is imported."""

PROGRAM = """
import contextlib, io, json, sys
absent = set(json.loads(sys.argv[1]))

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())

import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name.partition(".")[0] in absent else find(name, package)

import numpy as np
import micrograd_tensor as mt
from micrograd_tensor.cli import main

def command(*arguments):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        status = main(arguments)
    if status:
        raise RuntimeError(err.getvalue())

def lazy():
    net = mt.nn.Linear(2, 2)
    mt.training.fit(net, mt.cross_entropy, mt.optim.SGD(net.parameters(), lr=0.1),
                    (np.ones((8, 2), np.float32), np.zeros(8, int)), epochs=1, batch_size=4, statistics="batch")

uses = {
    "always: compile": lambda: mt.compile(lambda x: x * 2.0, backend="numpy")(mt.tensor([1.0])),
    "always: draw": lambda: command("draw", "mlp", "-o", "mlp.png"),
    "always: derive": lambda: command("derive", "layernorm", "-o", "page.html"),
    "always: batchnorm": lambda: command("batchnorm"),
    "train: save": lambda: mt.save(mt.nn.Linear(2, 2), "net.safetensors"),
    "train: train": lambda: command("train", "digits", "--epochs", "1", "--no-twin"),
    "compile: compile": lambda: mt.compile(lambda x: x * 2.0, backend="numba"),
    "dask: fit": lazy,
    "completion: completion": lambda: command("completion", "bash"),
}
said = {}
for name, use in uses.items():
    if sys.argv[2] not in name:
        continue
    try:
        use()
        said[name] = ""
    except Exception as error:
        said[name] = str(error)
print(json.dumps(said))
"""

CHOICES = [(), *combinations(BRINGS, 2)]
"""Among them each extra is there with each other, and away with each other."""


def what_is_said(folder, absent, use=""):
    """What each use says that needs what is absent; "" where it works."""
    command = [sys.executable, "-c", PROGRAM, json.dumps(absent), use]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder).stdout)


@pytest.mark.slow
@pytest.mark.parametrize("chosen", CHOICES, ids="+".join)
def test_what_an_extra_brings_works_or_is_asked_for_by_its_name(tmp_path, chosen):
    for extra in chosen:
        for name in BRINGS[extra]:
            if find_spec(name) is None:
                pytest.skip(f"{name} is not installed")
    absent = [name for extra, names in BRINGS.items() if extra not in chosen for name in names]
    for use, said in what_is_said(tmp_path, absent).items():
        extra = use.partition(":")[0]
        if extra == "always" or extra in chosen:
            assert said == "", use
        else:
            assert f"micrograd-tensor[{extra}]" in said, use


@pytest.mark.slow
@pytest.mark.parametrize("name", BRINGS["train"])
def test_a_part_of_an_extra_that_is_absent_is_told_too(tmp_path, name):
    assert "micrograd-tensor[train]" in what_is_said(tmp_path, [name], "train: train")["train: train"]
