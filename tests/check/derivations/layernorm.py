"""Layer normalization: each sample to zero mean and unit variance over its features, then scaled and shifted."""

import numpy as np

import micrograd_tensor as mt

EPS = 1e-5


def inputs(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(loc=0.5, size=(4, 7))  # N = 4 samples of D = 7 features
    gamma = rng.uniform(0.5, 2.0, size=7) * np.array([1, -1, 1, -1, 1, -1, 1])
    beta = rng.normal(size=7)
    return x, gamma, beta


def forward(x, gamma, beta):
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
    gamma, x_norm = cache["gamma"], cache["x_norm"]
    dev_from_mean, inverted_stddev = cache["dev_from_mean"], cache["inverted_stddev"]
    N, D = dout.shape

    # out = scaled_x + beta: beta serves every sample
    dbeta = dout.sum(axis=0)
    dscaled_x = dout

    # scaled_x = gamma * x_norm
    dgamma = (dscaled_x * x_norm).sum(axis=0)
    dx_norm = dscaled_x * gamma

    # x_norm = dev_from_mean * inverted_stddev: one inverted_stddev serves all features of a sample
    dinverted_stddev = (dx_norm * dev_from_mean).sum(axis=1, keepdims=True)

    # inverted_stddev = 1 / stddev
    dstddev = -dinverted_stddev * inverted_stddev**2

    # stddev = sqrt(var + EPS)
    dvar = 0.5 * inverted_stddev * dstddev

    # var = mean of dev_from_mean_sq over the features
    ddev_from_mean_sq = np.ones((N, D)) * dvar / D

    # dev_from_mean goes into x_norm and into dev_from_mean_sq
    ddev_from_mean = dx_norm * inverted_stddev + 2 * dev_from_mean * ddev_from_mean_sq

    # dev_from_mean = x - mean
    dmean = -ddev_from_mean.sum(axis=1, keepdims=True)

    # x goes into dev_from_mean and into mean
    dx = ddev_from_mean + np.ones((N, D)) * dmean / D
    return locals()
