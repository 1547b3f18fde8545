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
    var = dev_from_mean_sq.mean(axis=1, keepdims=True).named("var")
    stddev = mt.sqrt(var + EPS).named("stddev")
    inverted_stddev = (1 / stddev).named("inverted_stddev")
    x_norm = (dev_from_mean * inverted_stddev).named("x_norm")
    scaled_x = (gamma * x_norm).named("scaled_x")
    return (scaled_x + beta).named("out")


def backward(dout, cache):
    """The backward pass, on plain arrays: from dout back to the inputs. `cache` holds all values by their names."""
    gamma, x_norm = cache["gamma"], cache["x_norm"]
    dev_from_mean, inverted_stddev = cache["dev_from_mean"], cache["inverted_stddev"]
    var, stddev = cache["var"], cache["stddev"]
    N, D = dout.shape

    # out = scaled_x + beta. An adding gate passes on what arrives; but beta (7,) serves all 4 samples of out (4, 7).
    dbeta = None  # (7,) gradient of beta
    dscaled_x = None  # (4, 7) gradient of scaled_x

    # scaled_x = gamma * x_norm. A multiplying gate: how much does the result move when one factor moves?
    dgamma = None  # (7,) gradient of gamma
    dx_norm = None  # (4, 7) gradient of x_norm

    # x_norm = dev_from_mean * inverted_stddev. Here for the second factor; the first gets more below. The statistics
    # of layer normalization are (4, 1), one for each sample: along which axis was inverted_stddev broadcast?
    dinverted_stddev = None  # (4, 1) gradient of inverted_stddev

    # inverted_stddev = 1 / stddev
    dstddev = None  # (4, 1) gradient of stddev

    # stddev = sqrt(var + EPS)
    dvar = None  # (4, 1) gradient of var

    # var = mean of dev_from_mean_sq over the features. How many numbers does one mean average?
    ddev_from_mean_sq = None  # (4, 7) gradient of dev_from_mean_sq

    # dev_from_mean is used twice: in x_norm, and squared in dev_from_mean_sq. Two gradients arrive here.
    ddev_from_mean = None  # (4, 7) gradient of dev_from_mean

    # dev_from_mean = x - mean
    dmean = None  # (4, 1) gradient of mean

    # x is used twice too: in dev_from_mean, and in mean.
    dx = None  # (4, 7) gradient of x
    return locals()
