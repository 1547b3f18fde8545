"""Derivatives that are computed as a difference of numbers near their bound are right where digits are lost, too."""

import numpy as np
import pytest

import micrograd_tensor as mt

UP = np.array([1.0, 0.5, -2.0])


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


WAYS = {
    "tanh by its result": (mt.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "tanh in factors": (mt.tanh, lambda z: (1 - np.tanh(z)) * (1 + np.tanh(z))),
    "tanh by cosh": (mt.tanh, lambda z: 1 / np.cosh(z) ** 2),
    "sigmoid by its result": (mt.sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z))),
    "sigmoid less its square": (mt.sigmoid, lambda z: sigmoid(z) - sigmoid(z) ** 2),
    "softplus": (mt.softplus, lambda z: 1 - sigmoid(-z)),
    "logsigmoid": (mt.logsigmoid, lambda z: 1 - sigmoid(z)),
    "silu": (mt.silu, lambda z: sigmoid(z) + z * sigmoid(z) * (1 - sigmoid(z))),
    "binary cross entropy": (
        lambda z: mt.binary_cross_entropy_with_logits(z, mt.tensor([1.0, 1.0, 0.0]), reduction="none"),
        lambda z: sigmoid(z) - np.array([1.0, 1.0, 0.0]),
    ),
}


@pytest.mark.parametrize("size", [2.0, 8.0, 12.0, 20.0, 40.0])
@pytest.mark.parametrize("way", WAYS)
def test_it_is_right(way, size):
    function, derivative = WAYS[way]
    z = np.array([size, 0.3, -size / 2])
    out = function(mt.tensor(z, name="z", requires_grad=True))
    assert mt.compare(out, UP, {"dz": UP * derivative(z)}).ok
    assert not mt.compare(out, UP, {"dz": UP * derivative(z) * np.array([1.0, 1 + 1e-9, 1.0])}).ok


@pytest.mark.parametrize("function", [mt.exp, mt.square, mt.expm1])
def test_where_slopes_have_no_bound_each_is_judged_as_strictly_as_before(function):
    z = np.array([-30.0, 0.3, 1.0])
    x = mt.tensor(z, name="x", requires_grad=True)
    (right,) = mt.grad(function(x), [x], UP)
    wrong = right.numpy() * np.array([1 + 1e-9, 1.0, 1.0])
    assert mt.compare(function(x), UP, {"dx": right}).ok
    assert not mt.compare(function(x), UP, {"dx": wrong}).ok
