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
    # (7, 4) @ (4, 7): dscores is square, so the shapes do not tell rows from columns.
    scores = (query @ key.T).named("scores")
    scaled = (scores / E**0.5).named("scaled")
    largest = mt.stop_gradient(scaled.max(axis=1, keepdims=True)).named("largest")  # no exp overflows
    # The weights are the same whatever is subtracted, so largest counts as a constant.
    shifted = (scaled - largest).named("shifted")
    exps = mt.exp(shifted).named("exps")
    total = exps.sum(axis=1, keepdims=True).named("total")
    # total (7, 1) was broadcast along each row.
    weights = (exps / total).named("weights")
    # (7, 7) @ (7, 3): here they do leave a choice.
    mixed = (weights @ value).named("mixed")
    # (7, 3) @ (3, 6): the shapes leave little choice of what to transpose.
    return (mixed @ w_out).named("out")


def backward(dout, cache):
    """The backward pass, on plain arrays: from dout back to the inputs. `cache` holds all values by their names."""
    E = cache["w_query"].shape[1]
    return locals()
