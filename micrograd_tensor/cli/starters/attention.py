"""Self-attention with one head: each place takes a mean of all places' values, weighted by how well they match.

Replace every None in `backward` by the gradient of that stage, in plain NumPy, and check as often as you like:

    micrograd-tensor check attention.py
    micrograd-tensor check attention.py --hints 1    # only where it is wrong; 2: what kind

Each stage is judged by what you wrote before it, so one mistake does not make the later stages wrong. A stage that
is still None counts as not given.
"""

import numpy as np

import micrograd_tensor as mt


def inputs(seed=0):
    """The point at which the gradients are compared; the upstream gradient dout is drawn at random."""
    rng = np.random.default_rng(seed)
    L, D, E, V, O = 7, 5, 4, 3, 6  # places; features of x, of queries and keys, of values, of the result
    return {
        "x": rng.normal(size=(L, D)),
        "w_query": rng.normal(size=(D, E)),
        "w_key": rng.normal(size=(D, E)),
        "w_value": rng.normal(size=(D, V)),
        "w_out": rng.normal(size=(V, O)),
    }


def forward(x, w_query, w_key, w_value, w_out):
    """The forward pass, on Tensors. Each name is a stage: its gradient is called d + name."""
    E = w_query.shape[1]
    query = (x @ w_query).named("query")
    key = (x @ w_key).named("key")
    value = (x @ w_value).named("value")
    scores = (query @ key.T).named("scores")
    scaled = (scores / E**0.5).named("scaled")
    largest = mt.stop_gradient(scaled.max(axis=1, keepdims=True)).named("largest")  # no exp overflows
    shifted = (scaled - largest).named("shifted")
    exps = mt.exp(shifted).named("exps")
    total = exps.sum(axis=1, keepdims=True).named("total")
    weights = (exps / total).named("weights")
    mixed = (weights @ value).named("mixed")
    return (mixed @ w_out).named("out")


def backward(dout, cache):
    """The backward pass, on plain arrays: from dout back to the inputs. `cache` holds all values by their names."""
    x, w_query, w_key = cache["x"], cache["w_query"], cache["w_key"]
    w_value, w_out = cache["w_value"], cache["w_out"]
    query, key, value = cache["query"], cache["key"], cache["value"]
    exps, total, weights, mixed = cache["exps"], cache["total"], cache["weights"], cache["mixed"]
    E = w_query.shape[1]

    # out = mixed @ w_out: (7, 3) @ (3, 6). The shapes leave little choice of what to transpose.
    dw_out = None  # (3, 6) gradient of w_out
    dmixed = None  # (7, 3) gradient of mixed

    # mixed = weights @ value: (7, 7) @ (7, 3). Here they do leave a choice.
    dvalue = None  # (7, 3) gradient of value
    dweights = None  # (7, 7) gradient of weights

    # weights = exps / total. total (7, 1) was broadcast along each row; exps gets more below.
    dtotal = None  # (7, 1) gradient of total

    # exps is used twice: in weights, and in total, the sum along each row.
    dexps = None  # (7, 7) gradient of exps

    # exps = exp(shifted)
    dshifted = None  # (7, 7) gradient of shifted

    # shifted = scaled - largest. The weights are the same whatever is subtracted, so largest counts as a constant.
    dscaled = None  # (7, 7) gradient of scaled

    # scaled = scores / sqrt(E)
    dscores = None  # (7, 7) gradient of scores

    # scores = query @ key.T: (7, 4) @ (4, 7). dscores is square, so the shapes do not tell rows from columns.
    dquery = None  # (7, 4) gradient of query
    dkey = None  # (7, 4) gradient of key

    # query, key and value are products of x: three gradients arrive at x.
    dw_query = None  # (5, 4) gradient of w_query
    dw_key = None  # (5, 4) gradient of w_key
    dw_value = None  # (5, 3) gradient of w_value
    dx = None  # (7, 5) gradient of x
    return locals()
