"""Layers in a personal style: loops over samples and time, buffers, several results, loss and gradients in one."""

import numpy as np
from numpy import zeros


def rnn_forward(x, h0, Wx, Wh, b):
    T = x.shape[1]
    hs = {-1: h0}
    out = zeros((x.shape[0], T, h0.shape[1]))
    for t in range(T):
        hs[t] = np.tanh(x[:, t] @ Wx + hs[t - 1] @ Wh + b)
        out[:, t] = hs[t]
    return out, (x, hs, Wx, Wh)


def rnn_backward(dout, cache):
    x, hs, Wx, Wh = cache
    dx = np.zeros_like(x)
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros(Wh.shape[0])
    dhnext = np.zeros_like(hs[0])
    for t in reversed(range(x.shape[1])):
        dh = dout[:, t] + dhnext
        draw = (1 - hs[t] * hs[t]) * dh
        db += draw.sum(0)
        dWx += x[:, t].T @ draw
        dWh += hs[t - 1].T @ draw
        dx[:, t] = draw @ Wx.T
        dhnext = draw @ Wh.T
    dh0 = dhnext
    return dx, dh0, dWx, dWh, db


def gru_step_forward(x, prev_h, Wx, Wh):
    H = prev_h.shape[1]
    H3 = Wx.shape[1] // 3
    assert H3 == Wh.shape[1] // 3
    a = x @ Wx
    u = prev_h @ Wh
    out = np.tanh(a[:, :H3] + u[:, :H3]) * (1 / (1 + np.exp(-(a[:, H3 : 2 * H3] + u[:, H3 : 2 * H3]))))
    return out, (x, prev_h, Wx, Wh, a, u)


def gru_step_backward(dout, cache):
    x, prev_h, Wx, Wh, a, u = cache
    H = Wx.shape[1] // 3
    n = np.tanh(a[:, :H] + u[:, :H])
    z = 1 / (1 + np.exp(-(a[:, H : 2 * H] + u[:, H : 2 * H])))
    da = np.zeros_like(a)
    da[:, :H] = dout * z * (1 - n**2)
    da[:, H : 2 * H] = dout * n * z * (1 - z)
    return da @ Wx.T, da @ Wh.T, x.T @ da, prev_h.T @ da


def sum_and_difference_forward(x, y):
    s = x + y
    d = x * y
    return s, d, (x, y)


def sum_and_difference_backward(ds, dd, cache):
    x, y = cache
    dx = ds + dd * y
    dy = ds + dd * x
    return dx, dy


def matmul_forward(a, b):
    out = np.zeros((a.shape[0], b.shape[1]))
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            for k in range(a.shape[1]):
                out[i, j] += a[i, k] * b[k, j]
    return out, (a, b)


def matmul_backward(dout, cache):
    a, b = cache
    da = np.zeros_like(a)
    db = np.zeros_like(b)
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            for k in range(a.shape[1]):
                da[i, k] += dout[i, j] * b[k, j]
                db[k, j] += dout[i, j] * a[i, k]
    return da, db


def cumsum_forward(x):
    out = np.zeros_like(x)
    out[0] = x[0]
    for t in range(1, len(x)):
        out[t] = out[t - 1] + x[t]
    return out, None


def cumsum_backward(dout, cache):
    dx = np.zeros_like(dout)
    total = 0
    for t in range(len(dout) - 1, -1, -1):
        total = total + dout[t]
        dx[t] = total
    return dx


def svm_loss_naive(W, X, y):
    dW = np.zeros(W.shape)
    loss = 0.0
    for i in range(X.shape[0]):
        scores = X[i].dot(W)
        correct = scores[y[i]]
        for j in range(W.shape[1]):
            if j == y[i]:
                continue
            margin = scores[j] - correct + 1
            if margin > 0:
                loss += margin
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    loss /= X.shape[0]
    dW /= X.shape[0]
    return loss, dW


def cross_entropy_loss(x, y):
    x = x - x.max(axis=1, keepdims=True)
    p = np.exp(x)
    p /= p.sum(axis=1, keepdims=True)
    n = len(y)
    loss = -np.log(p[np.arange(n), y]).mean()
    dx = p
    dx[np.arange(n), y] -= 1
    dx /= n
    return loss, dx
