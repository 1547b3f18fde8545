"""Layers that draw from generators of NumPy's: each run draws the same, and what they draw is no mistake."""

import pytest

DROPOUT = """
def dropout_forward(x, rate=0.3{parameter}):
    {made}
    keep = rng.random(x.shape) >= rate
    return x * keep / (1 - rate), (keep, rate)

def dropout_backward(dy, cache):
    keep, rate = cache
    return dy * keep / (1 - rate)
"""
LINEAR = """
class Linear:
    def __init__(self, n_in=5, n_out=3{parameter}):
        {made}
        self.W = rng.normal(size=(n_in, n_out))
        self.b = rng.normal(size=n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dy):
        self.dW = self.x.T @ dy
        self.db = dy.sum(axis=0)
        return dy @ self.W.T
"""
WAYS = {
    "a global one": ("rng = np.random.default_rng(0)\n", "", "pass"),
    "a default": ("", ", rng=np.random.default_rng(0)", "pass"),
    "a default by its name": ("", ", *, rng=np.random.default_rng(0)", "pass"),
    "one without a seed": ("", "", "rng = np.random.default_rng()"),
    "none by default": ("", ", rng=None", "rng = rng or np.random.default_rng()"),
    "one that is imported": ("from numpy.random import default_rng\n", "", "rng = default_rng()"),
    "one that is to be given": ("", ", *, rng", "pass"),
}


@pytest.mark.parametrize(("before", "parameter", "made"), WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(
    ("layer", "right", "wrong"),
    [(DROPOUT, "return dy * keep", "return 2 * dy * keep"), (LINEAR, "self.x.T @ dy", "2 * self.x.T @ dy")],
    ids=["dropout", "linear"],
)
def test_a_layer_that_draws_is_judged(check, layer, right, wrong, before, parameter, made):
    text = before + layer.replace("{parameter}", parameter).replace("{made}", made)
    status, printed = check(text)
    assert status == 0, printed
    status, printed = check(text.replace(right, wrong), "--hints", "3")
    assert status == 1
    assert "constant factor" in printed
    assert right in printed


def test_what_is_called_training_is_on(check):
    text = """
class Dropout:
    def __init__(self, rate):
        self.rate = 1 - rate

    def forward(self, inputs, training):
        if not training:
            self.output = inputs.copy()
            return
        self.binary_mask = np.random.binomial(1, self.rate, size=inputs.shape) / self.rate
        self.output = inputs * self.binary_mask

    def backward(self, dvalues):
        self.dinputs = dvalues * self.binary_mask
"""
    status, printed = check(text)
    assert status == 0, printed
    assert "training True" in printed
    status, printed = check(text.replace("dvalues * self.binary_mask", "dvalues * self.binary_mask / self.rate"))
    assert status == 1
    assert "1 gradient is wrong: dinputs." in printed
