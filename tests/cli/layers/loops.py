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


def fc_forward(x, w, b):
    n = x.shape[0]
    out = np.zeros((n, w.shape[1]))
    for i in range(n):
        row = x[i].ravel()
        for j in range(w.shape[1]):
            out[i][j] = np.sum(row * w[:, j]) + b[j]
    return out, (x, w, b)


def fc_backward(dout, cache):
    x, w, b = cache
    dx = np.zeros(x.shape)
    dw = np.zeros(w.shape)
    db = np.zeros(b.shape)
    for i in range(x.shape[0]):
        for j in range(w.shape[1]):
            dx[i] += (dout[i, j] * w[:, j]).reshape(x[i].shape)
            dw[:, j] += dout[i, j] * x[i].ravel()
            db[j] += dout[i, j]
    return dx, dw, db


def relu_forward(x):
    out = x.copy()
    flat = out.reshape(-1)
    for i in range(flat.size):
        if flat[i] < 0:
            flat[i] = 0
    return out, x


def relu_backward(dout, cache):
    dx = np.zeros_like(dout)
    for place in np.ndindex(*dout.shape):
        if cache[place] > 0:
            dx[place] = dout[place]
    return dx


def sigmoid_forward(x):
    out = np.empty_like(x)
    it = np.nditer(x, flags=["multi_index"])
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            if x[i, j] >= 0:
                out[i, j] = 1 / (1 + np.exp(-x[i, j]))
            else:
                e = np.exp(x[i, j])
                out[i, j] = e / (1 + e)
    return out, out


def sigmoid_backward(dout, cache):
    s = cache
    dx = dout * s * (1.0 - s)
    return dx


def softmax_forward(x):
    p = np.zeros_like(x)
    for i, row in enumerate(x):
        e = np.exp(row - row.max())
        p[i] = e / e.sum()
    return p, p


def softmax_backward(dout, cache):
    dx = np.zeros_like(cache)
    n, c = dx.shape
    for i in range(n):
        for j in range(c):
            for k in range(c):
                dx[i, j] += dout[i, k] * cache[i, k] * ((j == k) - cache[i, j])
    return dx


def batchnorm_forward(x, gamma, beta, eps=1e-5):
    N, D = x.shape
    mean = np.zeros(D)
    var = np.zeros(D)
    for i in range(N):
        mean += x[i]
    mean /= N
    for i in range(N):
        var += (x[i] - mean) ** 2
    var /= N
    std = np.sqrt(var + eps)
    xhat = np.zeros_like(x)
    out = np.zeros_like(x)
    for i in range(N):
        xhat[i] = (x[i] - mean) / std
        out[i] = gamma * xhat[i] + beta
    return out, (xhat, std, gamma)


def batchnorm_backward(dout, cache):
    xhat, std, gamma = cache
    N, D = dout.shape
    dgamma = np.zeros(D)
    dbeta = np.zeros(D)
    for i in range(N):
        dbeta += dout[i]
        dgamma += dout[i] * xhat[i]
    dx = np.zeros_like(dout)
    for i in range(N):
        dx[i] = gamma / (N * std) * (N * dout[i] - dbeta - xhat[i] * dgamma)
    return dx, dgamma, dbeta


def layernorm_forward(x, gamma, beta):
    out = np.zeros(x.shape)
    cache = []
    for i in range(len(x)):
        mu = np.mean(x[i])
        var = np.var(x[i])
        inv = 1 / np.sqrt(var + 1e-5)
        xn = (x[i] - mu) * inv
        out[i] = xn * gamma + beta
        cache.append((xn, inv, gamma))
    return out, cache


def layernorm_backward(dout, cache):
    N, D = dout.shape
    dx = np.zeros((N, D))
    dgamma = np.zeros(D)
    dbeta = np.zeros(D)
    for i in range(N):
        xn, inv, gamma = cache[i]
        dbeta += dout[i]
        dgamma += dout[i] * xn
        dxn = dout[i] * gamma
        dx[i] = inv * (dxn - dxn.mean() - xn * (dxn * xn).mean())
    return dx, dgamma, dbeta


def groupnorm_forward(x, gamma, beta, G=2):
    N, C, H, W = x.shape
    out = np.zeros_like(x)
    xn = np.zeros_like(x)
    stds = np.zeros((N, G))
    size = C // G
    for n in range(N):
        for g in range(G):
            part = x[n, g * size : (g + 1) * size]
            m = part.mean()
            s = np.sqrt(((part - m) ** 2).mean() + 1e-5)
            stds[n, g] = s
            xn[n, g * size : (g + 1) * size] = (part - m) / s
        for c in range(C):
            out[n, c] = gamma[c] * xn[n, c] + beta[c]
    return out, (xn, stds, gamma, G)


def groupnorm_backward(dout, cache):
    xn, stds, gamma, G = cache
    N, C, H, W = dout.shape
    dx = np.zeros_like(dout)
    dgamma, dbeta = np.zeros(C), np.zeros(C)
    size = C // G
    for n in range(N):
        for c in range(C):
            dgamma[c] += np.sum(dout[n, c] * xn[n, c])
            dbeta[c] += np.sum(dout[n, c])
        for g in range(G):
            s = slice(g * size, (g + 1) * size)
            d = dout[n, s] * gamma[s, None, None]
            dx[n, s] = (d - d.mean() - xn[n, s] * (d * xn[n, s]).mean()) / stds[n, g]
    return dx, dgamma, dbeta


def dropout_forward(x, p=0.5, seed=1):
    rng = np.random.RandomState(seed)
    mask = np.zeros(x.shape)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            if rng.rand() < p:
                mask[i, j] = 1 / p
    out = x * mask
    return out, mask


def dropout_backward(dout, mask):
    return dout * mask


def conv_forward(x, w, b, stride=1, pad=1):
    N, C, H, W = x.shape
    F, C, k, k = w.shape
    padded = np.zeros((N, C, H + 2 * pad, W + 2 * pad))
    padded[:, :, pad : pad + H, pad : pad + W] = x
    Ho = (H + 2 * pad - k) // stride + 1
    Wo = (W + 2 * pad - k) // stride + 1
    out = np.zeros((N, F, Ho, Wo))
    for n in range(N):
        for f in range(F):
            for i in range(Ho):
                for j in range(Wo):
                    for c in range(C):
                        patch = padded[n, c, i * stride : i * stride + k, j * stride : j * stride + k]
                        out[n, f, i, j] += (patch * w[f, c]).sum()
                    out[n, f, i, j] += b[f]
    return out, (padded, w, b, stride, pad)


def conv_backward(dout, cache):
    padded, w, b, stride, pad = cache
    N, F, Ho, Wo = dout.shape
    k = w.shape[-1]
    dpadded = np.zeros(padded.shape)
    dw = np.zeros(w.shape)
    db = np.zeros(b.shape)
    for n in range(N):
        for f in range(F):
            for i in range(Ho):
                for j in range(Wo):
                    rows = slice(i * stride, i * stride + k)
                    columns = slice(j * stride, j * stride + k)
                    dpadded[n, :, rows, columns] += dout[n, f, i, j] * w[f]
                    dw[f] += dout[n, f, i, j] * padded[n, :, rows, columns]
                    db[f] += dout[n, f, i, j]
    dx = dpadded[:, :, pad:-pad, pad:-pad]
    return dx, dw, db


def maxpool_forward(x, size=2):
    N, C, H, W = x.shape
    out = np.zeros((N, C, H // size, W // size))
    argmax = {}
    for n in range(N):
        for c in range(C):
            for i in range(H // size):
                for j in range(W // size):
                    window = x[n, c, i * size : i * size + size, j * size : j * size + size]
                    a, b = np.unravel_index(np.argmax(window), window.shape)
                    argmax[n, c, i, j] = (i * size + a, j * size + b)
                    out[n, c, i, j] = window[a, b]
    return out, (argmax, x.shape)


def maxpool_backward(dout, cache):
    argmax, shape = cache
    dx = np.zeros(shape)
    for (n, c, i, j), (a, b) in argmax.items():
        dx[n, c, a, b] = dout[n, c, i, j]
    return dx


def avgpool_forward(x, size=2):
    N, C, H, W = x.shape
    out = np.zeros((N, C, H // size, W // size))
    for i in range(H // size):
        for j in range(W // size):
            for a in range(size):
                for b in range(size):
                    out[:, :, i, j] += x[:, :, i * size + a, j * size + b] / size**2
    return out, (x.shape, size)


def avgpool_backward(dout, cache):
    shape, size = cache
    dx = np.zeros(shape)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            dx[:, :, i * size : (i + 1) * size, j * size : (j + 1) * size] = dout[:, :, i : i + 1, j : j + 1] / size**2
    return dx


def lstm_forward(x, h0, Wx, Wh, b):
    N, T, D = x.shape
    H = h0.shape[1]
    h, c = h0, np.zeros_like(h0)
    out = zeros((N, T, H))
    steps = []
    for t in range(T):
        a = x[:, t].dot(Wx) + h.dot(Wh) + b
        s = 1.0 / (1.0 + np.exp(-a[:, : 3 * H]))
        i, f, o = s[:, :H], s[:, H : 2 * H], s[:, 2 * H :]
        g = np.tanh(a[:, 3 * H :])
        c_new = f * c + i * g
        h_new = o * np.tanh(c_new)
        steps.append((h, c, i, f, o, g, c_new))
        h, c = h_new, c_new
        out[:, t, :] = h
    return out, (x, Wx, Wh, steps)


def lstm_backward(dout, cache):
    x, Wx, Wh, steps = cache
    N, T, D = x.shape
    H = Wh.shape[0]
    dx = np.zeros_like(x)
    dWx = np.zeros_like(Wx)
    dWh = np.zeros_like(Wh)
    db = np.zeros(4 * H)
    dh, dc = np.zeros((N, H)), np.zeros((N, H))
    for t in range(T - 1, -1, -1):
        h, c, i, f, o, g, c_new = steps[t]
        dh = dh + dout[:, t]
        tc = np.tanh(c_new)
        dc = dc + dh * o * (1 - tc**2)
        da = np.zeros((N, 4 * H))
        da[:, :H] = dc * g * i * (1 - i)
        da[:, H : 2 * H] = dc * c * f * (1 - f)
        da[:, 2 * H : 3 * H] = dh * tc * o * (1 - o)
        da[:, 3 * H :] = dc * i * (1 - g**2)
        dx[:, t] = da.dot(Wx.T)
        dWx += x[:, t].T.dot(da)
        dWh += h.T.dot(da)
        db += da.sum(axis=0)
        dh = da.dot(Wh.T)
        dc = dc * f
    return dx, dh, dWx, dWh, db


def embedding_forward(ids, W):
    N, T = ids.shape
    out = np.zeros((N, T, W.shape[1]))
    for n in range(N):
        for t in range(T):
            out[n, t] = W[ids[n, t]]
    return out, (ids, W.shape)


def embedding_backward(dout, cache):
    ids, shape = cache
    dW = np.zeros(shape)
    for n in range(ids.shape[0]):
        for t in range(ids.shape[1]):
            dW[ids[n, t]] += dout[n, t]
    return dW


def attention_forward(q, k, v):
    T, d = q.shape
    out = np.zeros((T, v.shape[1]))
    weights = np.zeros((T, k.shape[0]))
    for t in range(T):
        scores = np.array([q[t].dot(k[s]) / np.sqrt(d) for s in range(k.shape[0])])
        e = np.exp(scores - np.max(scores))
        weights[t] = e / np.sum(e)
        for s in range(k.shape[0]):
            out[t] += weights[t, s] * v[s]
    return out, (q, k, v, weights)


def attention_backward(dout, cache):
    q, k, v, weights = cache
    dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
    T, d = q.shape
    for t in range(T):
        dw = np.zeros(k.shape[0])
        for s in range(k.shape[0]):
            dw[s] = dout[t].dot(v[s])
            dv[s] += weights[t, s] * dout[t]
        ds = weights[t] * (dw - np.sum(weights[t] * dw))
        for s in range(k.shape[0]):
            dq[t] += ds[s] * k[s] / np.sqrt(d)
            dk[s] += ds[s] * q[t] / np.sqrt(d)
    return dq, dk, dv


def pairwise_forward(x, y):
    d = np.zeros((x.shape[0], y.shape[0]))
    for i in range(x.shape[0]):
        for j in range(y.shape[0]):
            diff = x[i] - y[j]
            d[i, j] = np.sqrt(np.sum(diff**2))
    return d, (x, y, d)


def pairwise_backward(dd, cache):
    x, y, d = cache
    dx = np.zeros_like(x)
    dy = np.zeros_like(y)
    for i in range(x.shape[0]):
        for j in range(y.shape[0]):
            g = dd[i, j] * (x[i] - y[j]) / d[i, j]
            dx[i] += g
            dy[j] -= g
    return dx, dy


def softmax_loss_naive(W, X, y):
    loss = 0.0
    dW = np.zeros_like(W)
    N = X.shape[0]
    for i in range(N):
        f = X[i].dot(W)
        f -= np.max(f)
        p = np.exp(f) / np.sum(np.exp(f))
        loss += -np.log(p[y[i]])
        for j in range(W.shape[1]):
            dW[:, j] += (p[j] - (j == y[i])) * X[i]
    loss = loss / N + 0.1 * np.sum(W * W)
    dW = dW / N + 0.2 * W
    return loss, dW


def mse_loss(pred, target):
    loss = 0
    grad = np.zeros_like(pred)
    n, d = pred.shape
    for i in range(n):
        for j in range(d):
            loss += (pred[i, j] - target[i, j]) ** 2
            grad[i, j] = 2 * (pred[i, j] - target[i, j]) / (n * d)
    loss /= n * d
    return loss, grad
