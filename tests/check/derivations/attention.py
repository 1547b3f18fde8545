"""Self-attention with one head: each place takes a mean of all places' values, weighted by how well they match."""

import numpy as np

import micrograd_tensor as mt


def inputs(seed=0):
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
    x, w_query, w_key = cache["x"], cache["w_query"], cache["w_key"]
    w_value, w_out = cache["w_value"], cache["w_out"]
    query, key, value = cache["query"], cache["key"], cache["value"]
    exps, total, weights, mixed = cache["exps"], cache["total"], cache["weights"], cache["mixed"]
    E = w_query.shape[1]

    # out = mixed @ w_out
    dw_out = mixed.T @ dout
    dmixed = dout @ w_out.T

    # mixed = weights @ value
    dvalue = weights.T @ dmixed
    dweights = dmixed @ value.T

    # weights = exps / total
    dtotal = -np.sum(dweights * exps / total**2, axis=1, keepdims=True)

    # exps goes into weights and into total
    dexps = dweights / total + np.ones(exps.shape) * dtotal

    # exps = exp(shifted)
    dshifted = dexps * exps

    # shifted = scaled - largest, which counts as a constant
    dscaled = dshifted

    # scaled = scores / sqrt(E)
    dscores = dscaled / np.sqrt(E)

    # scores = query @ key.T
    dquery = dscores @ key
    dkey = dscores.T @ query

    # query, key and value are products of x, so three gradients arrive at x
    dw_query = x.T @ dquery
    dw_key = x.T @ dkey
    dw_value = x.T @ dvalue
    dx = dquery @ w_query.T
    dx += dkey @ w_key.T
    dx += dvalue @ w_value.T
    return locals()
