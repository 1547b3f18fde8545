"""Layers whose outputs lead to other outputs, and masks of infinity: what is wrong beside them is found."""

import pytest

RESIDUAL = """
def add_norm_forward(x, residual, weight):
    h = x + residual
    rstd = 1 / np.sqrt(np.mean(h * h, axis=-1, keepdims=True) + 1e-5)
    return h * rstd * weight, h, (h, rstd, weight)

def add_norm_backward(dy, dresid, saved):
    h, rstd, weight = saved
    g = dy * weight
    dh = (g - h * rstd**2 * np.mean(g * h, axis=-1, keepdims=True)) * rstd
    dh += dresid
    return dh, dh, (dy * h * rstd).sum(axis=0)
"""
CAUSAL = """
def attention_forward(q, k):
    scale = q.shape[-1] ** -0.5
    mask = np.tril(np.ones((q.shape[0], k.shape[0]), dtype=bool))
    s = np.where(mask, q @ k.T * scale, -np.inf)
    p = np.exp(s - s.max(axis=-1, keepdims=True))
    p = p / p.sum(axis=-1, keepdims=True)
    return p, (q, k, p, scale)

def attention_backward(dp, cache):
    q, k, p, scale = cache
    ds = p * (dp - np.sum(dp * p, axis=-1, keepdims=True))
    dq = ds @ k * scale
    dk = ds.T @ q * scale
    return dq, dk
"""


UNLIKE = """
def split_forward(x):
    return np.sum(x[:, :2] ** 2, axis=1), np.tanh(x[:, 2:]), x

def split_backward(ds, dr, x):
    dx = np.zeros_like(x)
    dx[:, :2] = 2 * ds[:, None] * x[:, :2]
    dx[:, 2:] = dr * (1 - np.tanh(x[:, 2:]) ** 2)
    return dx
"""


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (UNLIKE, "2 * ds[:, None]", "ds[:, None]"),
        (UNLIKE, "(1 - np.tanh(x[:, 2:]) ** 2)", "(1 - np.tanh(x[:, 2:]))"),
        (RESIDUAL, "    dh += dresid\n", ""),
        (RESIDUAL, "(g - h", "(g + h"),
        (CAUSAL, "ds.T @ q * scale", "ds.T @ q"),
        (CAUSAL, "ds @ k * scale", "ds @ k"),
    ],
    ids=["of a sum beside an array", "of an array beside a sum", "left out", "sign", "factor", "factor of the first"],
)
def test_what_is_wrong_does_not_pass(check, text, old, new):
    status, printed = check(text)
    assert status == 0, printed
    status, printed = check(text.replace(old, new), "--hints", "3")
    assert status == 1
    assert "1 gradient is wrong" in printed
    assert "Proof: run with this line, backward gives the expected numbers." in printed
