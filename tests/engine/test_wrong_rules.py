"""A rule that gives no gradient, or one of another shape, is named; nothing is reshaped in silence."""

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.engine.row import TABLE


@pytest.fixture
def rule():
    """Puts another rule in the place of that of the exponential function, for a test."""
    row = TABLE["exp"]
    own = row.vjps
    yield lambda given: object.__setattr__(row, "vjps", (given,))
    object.__setattr__(row, "vjps", own)


MODES = {
    "backward": lambda y, x: y.sum().backward(),
    "grad": lambda y, x: mt.grad(y.sum(), x),
    "create_graph": lambda y, x: mt.grad(y.sum(), x, create_graph=True),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("given", "gives"),
    [
        (lambda g, y, x: None, "None"),
        (lambda g, y, x: 1.0, "1.0"),
        (lambda g, y, x: [g], "[array"),
        (lambda g, y, x: np.ones(3), "a gradient of shape (3,)"),
        (lambda g, y, x: np.ones(6), "a gradient of shape (6,)"),
        (lambda g, y, x: np.ones((3, 2)), "a gradient of shape (3, 2)"),
        (lambda g, y, x: np.ones((1, 6)), "a gradient of shape (1, 6)"),
    ],
    ids=["none", "number", "list", "too short", "flat", "transposed", "reshaped"],
)
def test_what_a_wrong_rule_gives_is_told(rule, mode, given, gives):
    x = mt.tensor(np.zeros((2, 3)), name="x", requires_grad=True)
    y = mt.exp(x)
    rule(given)
    with pytest.raises(
        mt.GradientError, match=r"the rule of exp for x \(2, 3\) gives .*, not one of shape \(2, 3\)"
    ) as told:
        MODES[mode](y, x)
    if mode != "create_graph" or "[" not in gives:
        assert gives in str(told.value)
    assert x.grad is None


@pytest.mark.parametrize("shape", [(2, 3), (4, 2, 3), (1, 2, 3)])
def test_what_broadcasts_is_summed_as_ever(rule, shape):
    x = mt.tensor(np.zeros((2, 3)), requires_grad=True)
    y = mt.exp(x)
    rule(lambda g, y, x: np.ones(shape))
    y.sum().backward()
    assert x.grad.tolist() == np.ones(shape).reshape(-1, 2, 3).sum(axis=0).tolist()
