"""Weights that a forward pass takes in a dictionary: each entry is an input, whatever the dictionary is called."""

from __future__ import annotations

import pytest

MLP = """
def mlp_forward(x, params):
    h = np.maximum(0, x @ params["W1"] + params["b1"])
    return h @ params["W2"] + params["b2"], (x, h, params)

def mlp_backward(dout, cache):
    x, h, params = cache
    grads = {}
    grads["W2"] = h.T @ dout
    grads["b2"] = dout.sum(0)
    dh = dout @ params["W2"].T
    dh[h <= 0] = 0
    grads["W1"] = x.T @ dh
    grads["b1"] = dh.sum(0)
    return dh @ params["W1"].T, grads
"""
CELL = """
def cell_forward(xt, a_prev, parameters):
    Wax, Waa, Wya = parameters["Wax"], parameters["Waa"], parameters["Wya"]
    a_next = np.tanh(np.dot(Wax, xt) + np.dot(Waa, a_prev) + parameters["ba"])
    yt = np.dot(Wya, a_next)
    return a_next, yt, (a_next, a_prev, xt, parameters)

def cell_backward(da_next, cache):
    (a_next, a_prev, xt, parameters) = cache
    dtanh = (1 - a_next**2) * da_next
    dxt = np.dot(parameters["Wax"].T, dtanh)
    dWax = np.dot(dtanh, xt.T)
    da_prev = np.dot(parameters["Waa"].T, dtanh)
    dWaa = np.dot(dtanh, a_prev.T)
    dba = np.sum(dtanh, axis=1, keepdims=True)
    return {"dxt": dxt, "da_prev": da_prev, "dWax": dWax, "dWaa": dWaa, "dba": dba}
"""
BESIDE = """
def normed_forward(x, p):
    h = x @ p["W"] + x[:, :3] @ p["U"]
    sd = np.sqrt((h**2).mean(1, keepdims=True) + p["eps"])
    return p["gain"] * h / sd, (x, h / sd, sd, p)

def normed_backward(dout, cache):
    x, n, sd, p = cache
    grads = {"gain": (dout * n).sum(0)}
    dn = dout * p["gain"]
    dh = (dn - n * (dn * n).mean(1, keepdims=True)) / sd
    grads["W"] = x.T @ dh
    grads["U"] = x[:, :3].T @ dh
    dx = dh @ p["W"].T
    dx[:, :3] += dh @ p["U"].T
    return dx, grads
"""
LOSS = """
def loss(X, y, params, reg=0.1):
    d = X @ params["W"] + params["b"] - y
    return (d**2).sum() + reg * (params["W"] ** 2).sum(), {"W": 2 * X.T @ d + 2 * reg * params["W"], "b": 2 * d.sum(0)}
"""
GIVEN = """
def net_forward(x, net):
    for k in range(2):
        x = np.tanh(x @ net["W" + str(k)] * net["scale"])
    return x, (x, net)

def net_backward(dout, cache):
    return None

def inputs():
    rng = np.random.default_rng(0)
    net = {"W0": rng.normal(size=(4, 3)), "W1": rng.normal(size=(3, 2)), "scale": 2}
    return {"x": rng.normal(size=(7, 4)), "net": net}
"""


BESIDE_A_CACHE = """
def affine_forward(x, params):
    return np.tanh(x @ params["W"] + params["b"]), {"x": x, "out": np.tanh(x @ params["W"] + params["b"])}

def affine_backward(dy, params, cache):
    dz = dy * (1 - cache["out"] ** 2)
    grads = {"W": cache["x"].T @ dz, "b": dz.sum(axis=0)}
    dx = dz @ params["W"].T
    return dx, grads
"""

SHAPES = "--shapes", "xt=3x7,a_prev=5x7,Waa=5x5,Wax=5x3,Wya=2x5,ba=5x1"


@pytest.mark.parametrize(
    ("text", "options", "terms"),
    [
        (MLP, (), ["h.T @ dout", "dout.sum(0)", "x.T @ dh", "dh.sum(0)", "dh @ params"]),
        (CELL, SHAPES, ["np.dot(dtanh, xt.T)", "np.dot(dtanh, a_prev.T)", "np.sum(dtanh"]),
        (BESIDE, ("--shapes", "x=7x5,W=5x4,U=3x4,gain=4"), ["x.T @ dh", "x[:, :3].T @ dh", "(dout * n).sum(0)"]),
        (LOSS, (), ["2 * X.T @ d", "2 * d.sum(0)"]),
        (BESIDE_A_CACHE, (), ['cache["x"].T @ dz', "dz.sum(axis=0)", "dz @ params"]),
        (BESIDE_A_CACHE.replace("cache", "values"), (), ["dz.sum(axis=0)", "dz @ params"]),
    ],
    ids=["mlp", "cell", "of other names", "loss", "beside a cache", "beside values"],
)
def test_each_entry_is_judged(check, text, options, terms):
    found, printed = check(text, *options)
    assert found == 0, printed
    for term in terms:
        found, printed = check(text.replace(term, f"-{term}"), *options)
        assert found == 1, (term, printed)
        assert "wrong here" in printed


def test_those_that_are_given_are_the_entries_whatever_forward_reads(check):
    _, printed = check(GIVEN)
    assert "inputs given by inputs(): x (7, 4), W0 (4, 3), W1 (3, 2)" in printed


def test_a_backward_pass_that_needs_what_forward_does_not_know_is_told_so(check):
    text = CELL.replace("cell_backward(da_next, cache)", "cell_backward(parameters, cache, xt, T)")
    found, printed = check(text.replace("return a_next, yt, (", "return a_next, ("), *SHAPES)
    assert found == 2
    assert "the backward pass of cell takes T, of which the forward pass knows nothing" in printed


def test_what_is_returned_is_judged_and_no_dictionary_that_backward_only_begins(check):
    """Such a dictionary of zeros was taken for the gradients, and what was returned for steps on the way there."""
    text = """
def linear_forward(x, w):
    return x @ w, (x, w)

def linear_backward(dout, cache):
    x, w = cache
    grads = {"dw": np.zeros_like(w)}
    dw = x.T @ dout
    return dout @ w.T, dw
"""
    assert check(text)[0] == 0
    status, said = check(text.replace("x.T @ dout", "-x.T @ dout"))
    assert status == 1
    assert "dw is wrong" in said
    assert "sign" in said


STEPS = """
def cell_forward(xt, a_prev, parameters):
    return np.tanh(parameters["Wax"] @ xt + parameters["Waa"] @ a_prev + parameters["ba"])

def rnn_forward(x, a0, parameters):
    a, caches = np.zeros((a0.shape[0], x.shape[1], x.shape[2])), []
    for t in range(x.shape[2]):
        a_next = cell_forward(x[:, :, t], a0, parameters)
        a[:, :, t] = a_next
        caches.append((a_next, a0, x[:, :, t], parameters))
        a0 = a_next
    return a, caches

def rnn_backward(da, caches):
    dx, dWax, dWaa, dba = np.zeros((caches[0][2].shape[0], *da.shape[1:])), 0, 0, 0
    da_prev = np.zeros(da.shape[:2])
    for t in reversed(range(da.shape[2])):
        a_next, a_prev, xt, parameters = caches[t]
        dz = (1 - a_next**2) * (da[:, :, t] + da_prev)
        dx[:, :, t] = parameters["Wax"].T @ dz
        da_prev = parameters["Waa"].T @ dz
        dWax, dWaa, dba = dWax + dz @ xt.T, dWaa + dz @ a_prev.T, dba + dz.sum(axis=1, keepdims=True)
    return {"dx": dx, "da0": da_prev, "dWax": dWax, "dWaa": dWaa, "dba": dba}
"""


def test_entries_are_known_that_only_the_functions_read_that_are_called(check):
    shapes = "--shapes", "x=3x8x4,a0=5x8,Wax=5x3,Waa=5x5,ba=5x1"
    status, printed = check(STEPS, *shapes)
    assert status == 0
    assert "All 5 gradients are right" in printed
    status, printed = check(STEPS.replace("dz @ a_prev.T", "dz @ a_next.T"), *shapes)
    assert status == 1
    assert "dWaa is wrong" in printed
