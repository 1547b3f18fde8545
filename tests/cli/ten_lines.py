"""Batch normalization as it is written for arrays, with inputs: a file of which tests make exercises and pages."""

TEN_LINES = """
import numpy as np

def inputs(seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(7, 4)), rng.normal(size=4), rng.normal(size=4)

def batchnorm(x, gamma, beta, eps=1e-5):
    mean = x.mean(axis=0)
    dev_from_mean = x - mean
    dev_from_mean_sq = dev_from_mean ** 2
    var = dev_from_mean_sq.mean(axis=0)
    stddev = np.sqrt(var + eps)
    inverted_stddev = 1.0 / stddev
    x_norm = dev_from_mean * inverted_stddev
    scaled_x = gamma * x_norm
    out = scaled_x + beta
    return out
"""
