"""What is right up to rounding is right: in float32 too, and in another order of operations where much cancels."""

import numpy as np
import pytest

from micrograd_tensor.cli.recording import _alike

LAYERS = {
    "normalized": """
def norm_forward(x, gamma):
    mean, var = x.mean(axis=0), x.var(axis=0)
    xhat = (x - mean) / np.sqrt(var + 1e-5)
    return gamma * xhat, (xhat, var, gamma)

def norm_backward(dout, cache):
    xhat, var, gamma = cache
    N = len(dout)
    dgamma = (dout * xhat).sum(axis=0)
    dxhat = dout * gamma
    dx = (N * dxhat - dxhat.sum(axis=0) - xhat * (dxhat * xhat).sum(axis=0)) / (N * np.sqrt(var + 1e-5))
    return dx, dgamma
""",
    "softmax": """
def softmax_forward(x, gamma):
    e = np.exp(gamma * x - np.max(gamma * x, axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p, (x, gamma, p)

def softmax_backward(dout, cache):
    x, gamma, p = cache
    ds = p * (dout - (dout * p).sum(axis=1, keepdims=True))
    dx = ds * gamma
    dgamma = (ds * x).sum(axis=0)
    return dx, dgamma
""",
    "softmax in steps": """
def softmax_forward(x, gamma):
    z = gamma * x
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p, (x, gamma, p)

def softmax_backward(dout, cache):
    x, gamma, p = cache
    dz = p * (dout - (dout * p).sum(axis=1, keepdims=True))
    dgamma = (dz * x).sum(axis=0)
    return dz * gamma, dgamma
""",
    "attention": """
def attention_forward(x, gamma):
    q = x * gamma
    s = q @ x.T
    e = np.exp(s - s.max(axis=1, keepdims=True))
    a = e / e.sum(axis=1, keepdims=True)
    return a @ x, (x, gamma, q, a)

def attention_backward(dout, cache):
    x, gamma, q, a = cache
    da = dout @ x.T
    ds = a * (da - (da * a).sum(axis=1, keepdims=True))
    dq = ds @ x
    dgamma = (dq * x).sum(axis=0)
    return a.T @ dout + ds.T @ q + dq * gamma, dgamma
""",
}
INPUTS = """
def inputs():
    rng = np.random.default_rng({})
    x, gamma = rng.normal(3, 2, (64, 33)), rng.normal(size=33)
    return {{"x": x.astype(np.{}), "gamma": gamma.astype(np.{})}}
"""


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LAYERS)
def test_right_layers_are_right(check, name, dtype, seed):
    status, said = check(LAYERS[name] + INPUTS.format(seed, dtype, dtype))
    assert status == 0, said


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LAYERS)
def test_wrong_ones_are_wrong(check, name, dtype):
    text = LAYERS[name].replace("dgamma = (", "dgamma = 1.1 * (") + INPUTS.format(0, dtype, dtype)
    status, said = check(text)
    assert status == 1
    assert "dgamma is wrong" in said


@pytest.mark.parametrize(
    ("off", "dtype", "alike"),
    [(1e-12, float, True), (1e-7, float, False), (3e-7, np.float32, True), (1e-2, np.float32, False)],
)
def test_what_is_the_same_up_to_rounding(off, dtype, alike):
    due = np.array([1.0, -3.0, np.nan, np.inf, 0.0], dtype)
    assert _alike((due * (1 + off)).astype(dtype), due) is alike
    assert _alike((due + off * np.array([0, 0, 0, 0, 1], dtype)).astype(dtype), due) is alike
    assert not _alike(due[:4], due)


SCAN = """
def scan_forward(xs, W):
    h, hs = np.zeros((len(xs), 5), dtype={state}), np.empty(xs.shape, dtype={out})
    for t in range(xs.shape[1]):
        h = np.tanh(xs[:, t] + h @ W)
        hs[:, t] = h
    return hs, (hs, W)

def scan_backward(dhs, cache):
    hs, W = cache
    dxs, dW, dh = np.empty(dhs.shape, dtype={gradient}), np.zeros_like(W), 0
    for t in reversed(range(hs.shape[1])):
        dxs[:, t] = da = (dhs[:, t] + dh) * (1 - hs[:, t] ** 2)
        dW += hs[:, t - 1].T @ da if t else 0
        dh = da @ W.T
    return dxs, dW

def inputs():
    return {{"xs": np.random.default_rng(0).normal(size=(3, 6, 5)), "W": np.random.default_rng(1).normal(size=(5, 5))}}
"""


@pytest.mark.parametrize("gradient", ["float", "np.float32", "np.float16"])
@pytest.mark.parametrize("out", ["float", "np.float32"])
@pytest.mark.parametrize("state", ["float", "np.float32"])
def test_what_is_kept_in_a_coarser_dtype_is_rounded_to_it(check, state, out, gradient):
    text = SCAN.format(state=repr("f") if "32" in state else state, out=out, gradient=gradient)
    status, said = check(text)
    assert status == 0, said
    status, said = check(text.replace("dxs[:, t] = da = ", "dxs[:, t] = da = 1.1 * "))
    assert status == 1
    assert "dxs is wrong" in said
