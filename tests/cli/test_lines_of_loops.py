"""Mistakes in loops: the line that is told is the one that was wrong, and as the author would write it."""

from __future__ import annotations

import pytest

CONV = """
def conv_forward(X, W, b, stride=2, pad=1):
    N, C, H, Wd = X.shape
    F, _, HH, WW = W.shape
    Xp = np.pad(X, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    Ho, Wo = 1 + (H + 2 * pad - HH) // stride, 1 + (Wd + 2 * pad - WW) // stride
    out = np.zeros((N, F, Ho, Wo))
    for i in range(Ho):
        for j in range(Wo):
            hs, ws = i * stride, j * stride
            window = Xp[:, :, hs : hs + HH, ws : ws + WW]
            for f in range(F):
                out[:, f, i, j] = np.sum(window * W[f], axis=(1, 2, 3)) + b[f]
    return out, (X, Xp, W, stride, pad)

def conv_backward(dout, cache):
    X, Xp, W, stride, pad = cache
    F, C, HH, WW = W.shape
    N, _, Ho, Wo = dout.shape
    dXp, dW = np.zeros_like(Xp), np.zeros_like(W)
    db = np.sum(dout, axis=(0, 2, 3))
    for i in range(Ho):
        for j in range(Wo):
            h, w = i * stride, j * stride
            patch = Xp[:, :, h : h + HH, w : w + WW]
            for f in range(F):
                g = dout[:, f, i, j][:, None, None, None]
                dW[f] += np.sum(patch * g, axis=0)
                dXp[:, :, h : h + HH, w : w + WW] += W[f] * g
    dX = dXp[:, :, pad:-pad, pad:-pad]
    return dX, dW, db
"""
POOL = """
def pool_forward(A, f=2):
    m, H, W, C = A.shape
    Z = np.zeros((m, H // f, W // f, C))
    for h in range(H // f):
        for w in range(W // f):
            Z[:, h, w] = A[:, h * f : h * f + f, w * f : w * f + f].max(axis=(1, 2))
    return Z, (A, f)

def pool_backward(dZ, cache):
    A, f = cache
    dA = np.zeros(A.shape)
    for h in range(dZ.shape[1]):
        for w in range(dZ.shape[2]):
            s = A[:, h * f : h * f + f, w * f : w * f + f]
            mask = s == s.max(axis=(1, 2), keepdims=True)
            dA[:, h * f : h * f + f, w * f : w * f + f] += mask * dZ[:, h : h + 1, w : w + 1]
    return dA
"""
RNN = """
class VanillaRNN:
    def __init__(self):
        rng = np.random.RandomState(0)
        self.U, self.W, self.c = rng.randn(5, 6), rng.randn(5, 5), np.zeros((5, 1))

    def forward(self, inputs):
        self.inputs, self.hs, outputs = inputs, [np.zeros((5, 1))], []
        for x in inputs:
            self.hs.append(np.tanh(self.U @ x.reshape(-1, 1) + self.W @ self.hs[-1]))
            outputs.append(self.hs[-1] + self.c)
        return np.array(outputs)

    def backward(self, d_outputs):
        n = len(self.inputs)
        self.dU, self.dW, self.dc = np.zeros_like(self.U), np.zeros_like(self.W), np.zeros_like(self.c)
        dh, d_inputs = np.zeros_like(self.hs[0]), np.zeros_like(self.inputs)
        for t in range(n - 1, -1, -1):
            dy = d_outputs[t]
            self.dc += dy
            dh = dh + dy
            da = (1 - self.hs[t + 1] ** 2) * dh
            self.dU += da @ self.inputs[t].reshape(1, -1)
            self.dW += da @ self.hs[t].T
            d_inputs[t] = (self.U.T @ da)[:, 0]
            dh = self.W.T @ da
        return d_inputs
"""
NORMAL = """
def nll_forward(x, log_s):
    z = x * np.exp(-log_s)
    return -0.5 * z**2 - log_s, (z, log_s)

def nll_backward(dout, cache):
    z, log_s = cache
    dlog_s = (dout * (z**2 - 1)).sum(axis=0)
    return -dout * z * np.exp(-log_s), dlog_s
"""
SOFTMAX = """
def softmax_forward(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p, p

def softmax_backward(dout, p):
    d = 1 * dout
    return p * (d - (d * p).sum(axis=1, keepdims=True))
"""
SHAPES = {CONV: "X=2x3x7x9,W=4x3x3x5,b=4", POOL: "A=2x4x6x3", RNN: "inputs=4x6", NORMAL: "x=7x4,log_s=4"}
MISTAKES = [
    (CONV, "dW[f] += np.sum(patch * g, axis=0)", "dW[f] = np.sum(patch * g, axis=0)", "overwritten contribution"),
    (CONV, "dW[f] += np.sum(patch * g, axis=0)", "dW[f] += np.mean(patch * g, axis=0)", "mean for sum"),
    (CONV, "dW[f] += np.sum(patch * g, axis=0)", "dW[f] += np.sum(patch * W[f] * g, axis=0)", "the factor W[f] is"),
    (POOL, "+= mask * dZ[", "+= mask * s * dZ[", "the factor s is not due"),
    (
        CONV,
        "db = np.sum(dout, axis=(0, 2, 3))",
        "db = np.ones(F) + np.sum(dout, axis=(0, 2, 3))",
        "term np.ones(F) is not",
    ),
    (RNN, "dh, d_inputs = np.zeros_like(", "dh, d_inputs = np.ones_like(", "np.zeros_like is due"),
    (CONV, "W[f] * g", "W[0] * g", "W[0] stands where W[f] is due"),
    (NORMAL, "(z**2 - 1)", "(z**2 + 1)", "+ stands where - is due"),
    (RNN, "self.dc += dy", "self.dc += dy / n", "constant factor: the division by n is not due"),
    (RNN, "self.dc += dy", "self.dc += dy * n", "constant factor: the factor n is not due"),
]


@pytest.mark.parametrize(("text", "right", "wrong", "what"), MISTAKES, ids=lambda x: x if len(x) < 50 else "")
def test_the_line_is_told_as_the_author_would_write_it(check, text, right, wrong, what):
    assert text.count(right) == 1
    status, said = check(text.replace(right, wrong), "--shapes", SHAPES[text], "--hints", "3")
    assert status == 1
    due = next(line.strip() for line in text.splitlines() if right in line)
    number = 2 + text[: text.index(right)].count("\n")
    fix = " ".join(said.partition("3 the fix")[2].partition("Proof")[0].split())
    assert fix == f"line {number}: {due}", said
    assert what in " ".join(said.split()), said


@pytest.mark.parametrize("wrong", ["h, w = i, j", "h, w = j, i"])
def test_a_line_that_only_names_the_steps_of_a_loop_may_be_wrong_too(check, wrong):
    right = "h, w = i * stride, j * stride"
    status, said = check(CONV.replace(right, wrong), "--shapes", SHAPES[CONV])
    assert status == 1
    assert f"line {2 + CONV[: CONV.index(right)].count(chr(10))}: {wrong}" in said


def test_what_is_0_up_to_rounding_is_nothing_times_a_factor(check):
    status, said = check(SOFTMAX.replace("1 * dout", "0 * dout + 1"), "--shapes", "x=7x4")
    assert status == 1
    assert "is multiplied by" not in said
