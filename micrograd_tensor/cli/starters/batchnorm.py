"""Batch normalization: each feature to zero mean and unit variance over the batch, then scaled and shifted.

Replace every None in `backward` by the gradient of that stage, in plain NumPy, and check as often as you like:

    micrograd-tensor check batchnorm.py
    micrograd-tensor check batchnorm.py --hints 1    # only where it is wrong; 2: what kind

Each stage is judged by what you wrote before it, so one mistake does not make the later stages wrong. A stage that
is still None counts as not given.
"""

import numpy as np

import micrograd_tensor as mt

EPS = 1e-5


def inputs(seed=0):
    """The point at which the gradients are compared; the upstream gradient dout is drawn at random."""
    rng = np.random.default_rng(seed)
    x = rng.normal(loc=0.5, size=(7, 4))  # N = 7 samples of D = 4 features
    gamma = rng.uniform(0.5, 2.0, size=4) * np.array([1, -1, 1, -1])
    beta = rng.normal(size=4)
    return x, gamma, beta


def forward(x, gamma, beta):
    """The forward pass, on Tensors. Each name is a stage: its gradient is called d + name."""
    mean = x.mean(axis=0).named("mean")
    # mean (4,) serves all rows, as beta did; and it is subtracted.
    dev_from_mean = (x - mean).named("dev_from_mean")
    dev_from_mean_sq = (dev_from_mean**2).named("dev_from_mean_sq")
    # How much of var is due to one row?
    var = dev_from_mean_sq.mean(axis=0).named("var")
    # And of the root? Mind where EPS stands.
    stddev = mt.sqrt(var + EPS).named("stddev")
    # What is the derivative of 1/s?
    inverted_stddev = (1 / stddev).named("inverted_stddev")
    x_norm = (dev_from_mean * inverted_stddev).named("x_norm")
    # A multiplying gate: how much does the result move when one factor moves?
    scaled_x = (gamma * x_norm).named("scaled_x")
    # An adding gate passes on what arrives; but beta (4,) serves all 7 rows of out (7, 4). What becomes of the
    # gradients of one value that is used seven times?
    return (scaled_x + beta).named("out")


def backward(dout, cache):
    """The backward pass, on plain arrays: from dout back to the inputs. `cache` holds all values by their names."""
    N, D = dout.shape
    return locals()
