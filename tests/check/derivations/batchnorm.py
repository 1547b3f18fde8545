"""Batch normalization: each feature to zero mean and unit variance over the batch, then scaled and shifted."""

import numpy as np

import micrograd_tensor as mt

EPS = 1e-5


def inputs(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(loc=0.5, size=(7, 4))  # N = 7 samples of D = 4 features
    gamma = rng.uniform(0.5, 2.0, size=4) * np.array([1, -1, 1, -1])
    beta = rng.normal(size=4)
    return x, gamma, beta


def forward(x, gamma, beta):
    mean = x.mean(axis=0).named("mean")
    dev_from_mean = (x - mean).named("dev_from_mean")
    dev_from_mean_sq = (dev_from_mean**2).named("dev_from_mean_sq")
    var = dev_from_mean_sq.mean(axis=0).named("var")
    stddev = mt.sqrt(var + EPS).named("stddev")
    inverted_stddev = (1 / stddev).named("inverted_stddev")
    x_norm = (dev_from_mean * inverted_stddev).named("x_norm")
    scaled_x = (gamma * x_norm).named("scaled_x")
    return (scaled_x + beta).named("out")


def backward(dout, cache):
    gamma, x_norm = cache["gamma"], cache["x_norm"]
    dev_from_mean, inverted_stddev = cache["dev_from_mean"], cache["inverted_stddev"]
    var, stddev = cache["var"], cache["stddev"]
    N, D = dout.shape

    # out = scaled_x + beta
    dbeta = np.sum(dout, axis=0)
    dscaled_x = dout

    # scaled_x = gamma * x_norm
    dgamma = np.sum(dscaled_x * x_norm, axis=0)
    dx_norm = dscaled_x * gamma

    # x_norm = dev_from_mean * inverted_stddev
    dinverted_stddev = np.sum(dx_norm * dev_from_mean, axis=0)

    # inverted_stddev = 1 / stddev
    dstddev = -1 / stddev**2 * dinverted_stddev

    # stddev = sqrt(var + EPS)
    dvar = 0.5 / np.sqrt(var + EPS) * dstddev

    # var = mean of dev_from_mean_sq over the batch
    ddev_from_mean_sq = np.ones((N, D)) / N * dvar

    # dev_from_mean goes into x_norm and into dev_from_mean_sq, so two gradients arrive
    ddev_from_mean = dx_norm * inverted_stddev
    ddev_from_mean += 2 * dev_from_mean * ddev_from_mean_sq

    # dev_from_mean = x - mean
    dmean = -np.sum(ddev_from_mean, axis=0)

    # x goes into dev_from_mean and, by 1/N of each row, into mean
    dx = ddev_from_mean + np.ones((N, D)) / N * dmean
    return locals()
