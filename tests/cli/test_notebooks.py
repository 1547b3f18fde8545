"""Notebooks as they are: what defines something is run, so that weights are there; no cell that trains or loads is."""

import ast
import collections
import functools
import json
import os
from pathlib import Path

import numpy as np
import pytest

from micrograd_tensor.cli import main
from micrograd_tensor.cli.defining import defines


@pytest.fixture
def check(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")

    def run(*cells):
        text = json.dumps({"cells": [{"cell_type": "code", "source": cell} for cell in cells]})
        Path("mine.ipynb").write_text(text, encoding="utf-8")
        status = main(["check", "mine.ipynb"])
        said = capsys.readouterr()
        return status, said.out + said.err

    return run


LAYER = """
def forward(x):
    h = np.tanh(x @ W + b)
    return h, (x, h)

def backward(dout, cache):
    x, h = cache
    dz = dout * (1 - h * h)
    dW = x.T @ dz
    db = dz.sum(axis=0)
    dx = dz @ W.T
    return dx, dW, db
"""
WEIGHTS = {
    "at once": "W = np.random.randn(5, 3) * 0.1\nb = np.zeros(3)",
    "of sizes": "D, H = 5, 3\nW = np.random.randn(D, H) / np.sqrt(D)\nb = np.zeros((H,))",
    "of a generator": "rng = np.random.default_rng(0)\nW, b = rng.normal(size=(5, 3)), rng.normal(size=3)",
    "seeded and scaled": "np.random.seed(1)\nW = np.random.randn(5, 3)\nW *= 0.1\nb: np.ndarray = W.sum(axis=0)",
    "of a loaded table that is not there": "X = np.load('x.npy')\ny = X[:, 0]\nW = np.ones((5, 3))\nb = np.ones(3)",
    "after one that fails": "X = np.ones(3) @ np.ones(4)\nW = np.arange(15.0).reshape(5, 3) / 9\nb = np.ones(3)",
    "beside an array of inputs": "inputs = np.random.randn(7, 5)\nW = np.random.randn(5, 3)\nb = np.zeros(3)",
}


@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
def test_weights_of_a_notebook_are_judged(check, weights):
    status, printed = check("import numpy as np", weights, LAYER)
    assert status == 0, printed
    assert "All 3 gradients are right" in printed
    status, printed = check("import numpy as np", weights, LAYER.replace("x.T @ dz", "x.T @ dout"))
    assert status == 1
    assert "dW is wrong" in printed


def test_functions_without_a_name_are_definitions(check):
    layer = (
        "def f_forward(x):\n    s = sigmoid(x)\n    return s, s\n\n"
        "def f_backward(dout, s):\n    return dout * s * (1 - s)"
    )
    assert check("import numpy as np", "sigmoid = lambda z: 1 / (1 + np.exp(-z))", layer)[0] == 0


@pytest.mark.parametrize(
    ("text", "run"),
    [
        ("rate = -1e-3", True),
        ("sizes = [4, 3]", True),
        ("weights = {'W': np.zeros((4, 3)), 'b': np.zeros(3)}", True),
        ("table['W'] = np.zeros(3)", True),
        ("layers = [np.ones((a, b)) for a, b in zip([4, 3], [3, 2])]", True),
        ("A = array.reshape(-1).copy()", True),
        ("draws = randn(3)", True),
        ("Cache = namedtuple('Cache', 'x w')", True),
        ("half = functools.partial(len, [1])", True),
        ("path = os.getcwd()", False),
        ("n = len(array)", True),
        ("for i in range(10): train(i)", False),
        ("history = train(array)", False),
        ("history = np.sum(train(array))", False),
        ("text = open('secret').read()", False),
        ("lines = list(open('secret'))", False),
        ("other['W'] = 1.0", False),
        ("array.tofile('x')", False),
        ("done = array.tofile('x')", False),
        ("table = np.genfromtxt('x')", False),
        ("made = np.lib.npyio.DataSource()", False),
        ("made = other.array(3)", False),
        ("made = exec('1')", False),
        ("print(array)", False),
        ("plt.seed(1)", False),
        ("array", False),
    ],
)
def test_what_of_a_notebook_is_run(text, run):
    known = {"np": np, "array": np.ones(3), "table": {}, "train": main, "plt": ast, "randn": np.random.randn}
    known |= {"namedtuple": collections.namedtuple, "functools": functools, "os": os}
    assert defines(ast.parse(text).body[0], known) is run
