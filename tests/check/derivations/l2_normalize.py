"""L2 normalization: each row scaled to length 1."""

import numpy as np

import micrograd_tensor as mt

EPS = 1e-5


def inputs(seed=0):
    rng = np.random.default_rng(seed)
    return {"x": rng.normal(size=(7, 4))}  # N = 7 rows of D = 4 numbers


def forward(x):
    x_sq = (x**2).named("x_sq")
    total = x_sq.sum(axis=1, keepdims=True).named("total")
    norm = mt.sqrt(total + EPS).named("norm")
    inverted_norm = (1 / norm).named("inverted_norm")
    return (x * inverted_norm).named("out")


def backward(dout, cache):
    x, norm, inverted_norm = cache["x"], cache["norm"], cache["inverted_norm"]

    # out = x * inverted_norm
    dinverted_norm = np.sum(dout * x, axis=1, keepdims=True)

    # inverted_norm = 1 / norm
    dnorm = -dinverted_norm / norm**2

    # norm = sqrt(total + EPS)
    dtotal = 0.5 / norm * dnorm

    # total = sum of x_sq over each row
    dx_sq = np.ones(x.shape) * dtotal

    # x goes into out and into x_sq
    dx = dout * inverted_norm + 2 * x * dx_sq
    return locals()
