"""What rounding left is called ≈ 0, and what is truly small is not."""

import numpy as np
import pytest
from gallery import leaf, values

import micrograd_tensor as mt
from micrograd_tensor.draw import draw, rounding

x = leaf("x", 7, 4)

ROUNDING = {
    "a sum of deviations": lambda: (x - x.mean(axis=0)).sum(axis=0),
    "what is computed from it": lambda: mt.tanh((x - x.mean(axis=0)).sum(axis=0) * 3.0)[1:],
    "a difference": lambda: (x + 0.1) - 0.1 - x,
    "a product with a vector of ones": lambda: mt.tensor(np.ones(7)) @ (x - x.mean(axis=0)),
    "in single precision": lambda: (x.astype("float32") - x.astype("float32").mean(axis=0)).sum(axis=0),
}

SMALL = {
    "a small product": lambda: x * 1e-9 * 1e-9,
    "the tail of a function": lambda: mt.exp(-50.0 - x * x),
    "a sum of small numbers": lambda: (x * 1e-30).sum(axis=0),
    "a difference of small numbers": lambda: x * 1e-30 - 1e-30,
    "a power": lambda: (x * 0.001) ** 8,
    "a leaf": lambda: mt.tensor([1e-15, 2e-15], name="x", requires_grad=True) * 1.0,
    "ordinary numbers": lambda: x - x.mean(axis=0),
    "zero": lambda: x * 0.0,
}


def said(out):
    [box] = [item for item in draw(out.named("y"))._painting.scene.items if item.kind == "output"]
    return box.lines


@pytest.mark.parametrize("case", ROUNDING)
def test_what_rounding_left(case):
    assert "≈ 0" in said(ROUNDING[case]())


@pytest.mark.parametrize("case", SMALL)
def test_what_is_small(case):
    assert "≈ 0" not in said(SMALL[case]())


def test_small_gradients_of_a_saturated_function():
    big = mt.tensor([20.0, 25.0], name="x", requires_grad=True)
    assert "1.7e−17" in draw(mt.tanh(big).named("y"), [1.0, 1.0]).text.replace("7.7e−22…", "")


def test_the_gradient_of_a_shift_that_the_mean_takes_away():
    shift = leaf("shift", 4, seed=5)
    out = mt.batch_norm(x + shift, leaf("gamma", 4, seed=1), leaf("beta", 4, seed=2))
    listing = draw(out, values(7, 4, seed=3)).text
    [line] = [line for line in listing.splitlines() if " dshift: " in line]
    assert line.endswith("≈ 0")


def test_each_value_is_looked_at_twice_at_most(monkeypatch):
    looked = []
    by_itself = rounding._by_itself
    monkeypatch.setattr(rounding, "_by_itself", lambda node: looked.append(node) or by_itself(node))
    y = x * 1e-20
    for _ in range(2000):
        y = y * 1.01
    known = {}
    assert not any(rounding.is_rounding(node, known) for node in mt.graph(y).nodes)
    assert 2000 < len(looked) <= 2 * 2003
