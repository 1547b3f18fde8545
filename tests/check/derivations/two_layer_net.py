"""Two linear layers with a relu between them."""

import numpy as np

import micrograd_tensor as mt


def inputs(seed=0):
    rng = np.random.default_rng(seed)
    N, D, H, C = 7, 5, 11, 3  # samples, features, hidden features, classes
    return {
        "x": rng.normal(size=(N, D)),
        "w1": rng.normal(size=(D, H)),
        "b1": rng.normal(size=H),
        "w2": rng.normal(size=(H, C)),
        "b2": rng.normal(size=C),
    }


def forward(x, w1, b1, w2, b2):
    product = (x @ w1).named("product")
    sums = (product + b1).named("sums")
    hidden = mt.relu(sums).named("hidden")
    scores = (hidden @ w2).named("scores")
    return (scores + b2).named("out")


def backward(dout, cache):
    x, w1, w2 = cache["x"], cache["w1"], cache["w2"]
    sums, hidden = cache["sums"], cache["hidden"]

    # out = scores + b2
    db2 = np.sum(dout, axis=0)
    dscores = dout

    # scores = hidden @ w2
    dw2 = hidden.T @ dscores
    dhidden = dscores @ w2.T

    # hidden = relu(sums): the gradient passes where the sum was positive
    dsums = dhidden * (sums > 0)

    # sums = product + b1
    db1 = np.sum(dsums, axis=0)
    dproduct = dsums

    # product = x @ w1
    dw1 = x.T @ dproduct
    dx = dproduct @ w1.T
    return locals()
