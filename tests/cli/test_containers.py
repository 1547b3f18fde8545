"""Containers of layers: judged with the layers that inputs() gives them, and not judged where they hold none."""

from __future__ import annotations

import pytest
from test_what_objects_hold import LINEAR

from micrograd_tensor.cli import main

SEQUENTIAL = """
class Sequential:
    def __init__(self, *layers):
        self.layers = list(layers)

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dout):
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        return dout
"""
INPUTS = """
def inputs():
    return {"layers": [Linear(3, 3), Linear(3, 3)], "x": np.random.randn(4, 3)}
"""
LIST = SEQUENTIAL.replace("*layers", "layers")
ADDED = SEQUENTIAL.replace("*layers", "").replace("list(layers)", "[]")
NUMBERED = SEQUENTIAL.replace("for layer in self.layers", "for i, layer in enumerate(self.layers)")
FOLDED = SEQUENTIAL.replace("x = layer.forward(x)", "x = layer(x)")
NAMED = (
    SEQUENTIAL.replace("*layers", "")
    .replace("list(layers)", "{}")
    .replace("in self.layers:", "in self.layers.values():")
)


@pytest.mark.parametrize("container", [SEQUENTIAL, ADDED, NUMBERED, FOLDED, NAMED])
@pytest.mark.parametrize("reverse", ["reversed(self.layers)", "self.layers"])
def test_one_that_holds_no_layers_is_not_judged(check, container, reverse):
    status, printed = check(container.replace("reversed(self.layers)", reverse))
    assert status == 2
    assert "Sequential holds no layers, as self.layers is empty, so nothing of it is judged" in printed
    assert ("inputs()" in printed) == ("*layers" in container)


@pytest.mark.parametrize("held", ["list(layers)", "layers"])
@pytest.mark.parametrize("around", ["", "\nclass Twice:\n    def forward(self, x):\n        return 2 * x\n"])
def test_one_whose_layers_are_not_known_asks_for_inputs(check, held, around):
    status, printed = check(LIST.replace("list(layers)", held) + around)
    assert status == 2
    assert "Sequential takes layers, which its forward pass calls one after another" in printed
    assert 'write inputs(), which gives it some, as in return {"layers": [Linear(5, 3), …], "x": …}' in printed
    assert "--shapes" not in printed


@pytest.mark.parametrize("container", [SEQUENTIAL, LIST])
@pytest.mark.parametrize(("reverse", "status"), [("reversed(self.layers)", 0), ("self.layers", 1)])
def test_one_is_judged_with_the_layers_that_it_is_given(tmp_path, capsys, container, reverse, status):
    text = container.replace("reversed(self.layers)", reverse)
    file = tmp_path / "mine.py"
    file.write_text(f"import numpy as np\n{LINEAR}{text}{INPUTS}", encoding="utf-8")
    assert main(["check", f"{file}:Sequential"]) == status
    assert ("dx is wrong" in capsys.readouterr().out) == bool(status)


@pytest.mark.parametrize("loop", ["for hook in self.hooks: hook(x)", "for n in self.hooks: x = x * n"])
def test_a_list_that_is_empty_and_holds_no_layers_is_none_of_its_business(check, loop):
    text = LINEAR.replace("self.x = x", f"self.x = x\n        {loop}").replace(
        "self.W, self.b =", "self.hooks = []\n        self.W, self.b ="
    )
    assert check(text)[0] == 0
