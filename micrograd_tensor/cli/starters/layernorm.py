"""Layer normalization: each sample to zero mean and unit variance over its features, then scaled and shifted.

Replace every None in `backward` by the gradient of that stage, in plain NumPy, and check as often as you like:

    micrograd-tensor check layernorm.py
    micrograd-tensor check layernorm.py --hints 1    # only where it is wrong; 2: what kind

Each stage is judged by what you wrote before it, so one mistake does not make the later stages wrong. A stage that
is still None counts as not given.
"""

import numpy as np

import micrograd_tensor as mt

EPS = 1e-5


def inputs(seed=0):
    """The point at which the gradients are compared; the upstream gradient dout is drawn at random."""
    rng = np.random.default_rng(seed)
    x = rng.normal(loc=0.5, size=(4, 7))  # N = 4 samples of D = 7 features
    gamma = rng.uniform(0.5, 2.0, size=7) * np.array([1, -1, 1, -1, 1, -1, 1])
    beta = rng.normal(size=7)
    return x, gamma, beta


def forward(x, gamma, beta):
    """The forward pass, on Tensors. Each name is a stage: its gradient is called d + name."""
    mean = x.mean(axis=1, keepdims=True).named("mean")
    dev_from_mean = (x - mean).named("dev_from_mean")
    dev_from_mean_sq = (dev_from_mean**2).named("dev_from_mean_sq")
    # How many numbers does one mean average?
    var = dev_from_mean_sq.mean(axis=1, keepdims=True).named("var")
    stddev = mt.sqrt(var + EPS).named("stddev")
    inverted_stddev = (1 / stddev).named("inverted_stddev")
    # The statistics of layer normalization are (4, 1), one for each sample: along which axis was inverted_stddev
    # broadcast?
    x_norm = (dev_from_mean * inverted_stddev).named("x_norm")
    # A multiplying gate: how much does the result move when one factor moves?
    scaled_x = (gamma * x_norm).named("scaled_x")
    # An adding gate passes on what arrives; but beta (7,) serves all 4 samples of out (4, 7).
    return (scaled_x + beta).named("out")


def backward(dout, cache):
    """The backward pass, on plain arrays: from dout back to the inputs. `cache` holds all values by their names."""
    N, D = dout.shape
    return locals()
