"""Layers in a personal style: short, einsum and closed forms, lists for caches, helper functions, NumPy's rarer names."""

import numpy as np
import numpy as xp

ax = np.newaxis


def fc_forward(x, W, b):
    return x.reshape(len(x), -1) @ W + b, [x, W]

def fc_backward(dy, cache):
    x, W = cache
    return (dy @ W.T).reshape(x.shape), x.reshape(len(x), -1).T @ dy, dy.sum(0)


def relu_fwd(x):
    return x * (x > 0), [x > 0]

def relu_bwd(dy, cache):
    return dy * cache[0]


def elu_forward(x, a=1.0):
    return np.where(x > 0, x, a * np.expm1(x)), [x, a]

def elu_backward(dy, cache):
    x, a = cache
    return dy * np.where(x > 0, 1.0, a * np.exp(x))


def silu_forward(x):
    s = 1 / (1 + np.exp(-x))
    return x * s, (x, s)

def silu_backward(dy, cache):
    x, s = cache
    return dy * s * (1 + x * (1 - s))


def softplus_forward(x):
    return np.logaddexp(0, x), x

def softplus_backward(dy, x):
    return dy / (1 + np.exp(-x))


def tanh_forward(x):
    y = np.tanh(x)
    return y, y

def tanh_backward(dy, y):
    return dy - dy * y * y


def sm(z):
    z = np.exp(z - z.max(-1)[..., ax])
    return z / z.sum(-1)[..., ax]

def softmax_forward(x):
    p = sm(x)
    return p, p

def softmax_backward(dp, p):
    return p * dp - p * np.einsum("nd,nd->n", p, dp)[:, ax]


def logsoftmax_forward(x):
    m = x.max(axis=1, keepdims=True)
    lse = m + np.log(np.exp(x - m).sum(axis=1, keepdims=True))
    return x - lse, x - lse

def logsoftmax_backward(dy, lp):
    return dy - np.exp(lp) * dy.sum(axis=1, keepdims=True)


def bn_forward(x, gamma, beta, eps=1e-5):
    xc = x - x.mean(0)
    iv = (x.var(0) + eps) ** -0.5
    xh = xc * iv
    return gamma * xh + beta, [xh, iv, gamma]

def bn_backward(dy, cache):
    xh, iv, gamma = cache
    dgamma, dbeta = np.einsum("nd,nd->d", dy, xh), np.einsum("nd->d", dy)
    return gamma * iv * (dy - (dbeta + xh * dgamma) / len(dy)), dgamma, dbeta


def ln_forward(x, g, b, eps=1e-5):
    mu, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    xh = (x - mu) / np.sqrt(var + eps)
    return g * xh + b, [xh, g, var + eps]

def ln_backward(dy, cache):
    xh, g, v = cache
    dxh = dy * g
    dx = (dxh - dxh.mean(-1, keepdims=True) - xh * np.mean(dxh * xh, -1, keepdims=True)) * v**-0.5
    return dx, np.sum(dy * xh, axis=0), np.sum(dy, axis=0)


def gn_forward(x, gamma, beta, G=2, eps=1e-5):
    N, C, H, W = x.shape
    xg = x.reshape(N, G, -1)
    mu = xg.mean(axis=2, keepdims=True)
    iv = 1 / np.sqrt(((xg - mu) ** 2).mean(axis=2, keepdims=True) + eps)
    xh = ((xg - mu) * iv).reshape(x.shape)
    return xh * gamma[:, ax, ax] + beta[:, ax, ax], [xh, iv, gamma, G]

def gn_backward(dy, cache):
    xh, iv, gamma, G = cache
    N, C, H, W = dy.shape
    dg = (dy * gamma[:, ax, ax]).reshape(N, G, -1)
    h = xh.reshape(N, G, -1)
    dx = iv * (dg - dg.mean(2, keepdims=True) - h * (dg * h).mean(2, keepdims=True))
    return dx.reshape(dy.shape), np.einsum("nchw,nchw->c", dy, xh), np.einsum("nchw->c", dy)


def in_forward(x, gamma, beta):
    m = x.mean((2, 3), keepdims=True)
    s = np.sqrt(x.var((2, 3), keepdims=True) + 1e-5)
    n = (x - m) / s
    return gamma.reshape(1, -1, 1, 1) * n + beta.reshape(1, -1, 1, 1), (n, s, gamma)

def in_backward(dy, cache):
    n, s, gamma = cache
    dn = dy * gamma.reshape(1, -1, 1, 1)
    dx = (dn - dn.mean((2, 3), keepdims=True) - n * (dn * n).mean((2, 3), keepdims=True)) / s
    return dx, (dy * n).sum((0, 2, 3)), dy.sum((0, 2, 3))


def rms_forward(x, g):
    r = 1 / np.sqrt(np.mean(np.square(x), axis=-1, keepdims=True) + 1e-6)
    return x * r * g, (x, r, g)

def rms_backward(dy, cache):
    x, r, g = cache
    t = dy * g
    return r * t - x * r**3 * np.mean(t * x, axis=-1, keepdims=True), np.sum(dy * x * r, axis=0)


def drop_forward(x, p=0.6):
    m = np.random.binomial(1, p, size=x.shape) / p
    return x * m, m

def drop_backward(dy, m):
    return dy * m


def windows(x, k, s):
    N, C, H, W = x.shape
    shape = N, C, (H - k) // s + 1, (W - k) // s + 1, k, k
    i = s * np.arange(shape[2])[:, ax, ax, ax] + np.arange(k)[ax, ax, :, ax]
    j = s * np.arange(shape[3])[ax, :, ax, ax] + np.arange(k)[ax, ax, ax, :]
    return i, j

def conv_forward(x, w, b, stride=1, pad=1):
    xp = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    i, j = windows(xp, w.shape[2], stride)
    cols = xp[:, :, i, j]
    return np.einsum("ncijkl,fckl->nfij", cols, w) + b[:, ax, ax], [xp.shape, cols, w, i, j, pad]

def conv_backward(dy, cache):
    shape, cols, w, i, j, pad = cache
    dw = np.einsum("nfij,ncijkl->fckl", dy, cols)
    dxp = np.zeros(shape)
    np.add.at(dxp, (slice(None), slice(None), i, j), np.einsum("nfij,fckl->ncijkl", dy, w))
    return dxp[:, :, pad:-pad, pad:-pad], dw, dy.sum((0, 2, 3))


def sliding_forward(x, w, b):
    v = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))
    return np.tensordot(v, w, axes=([1, 4, 5], [1, 2, 3])).transpose(0, 3, 1, 2) + b[:, ax, ax], [x, v, w]

def sliding_backward(dy, cache):
    x, v, w = cache
    k, l = w.shape[2:]
    dw = np.tensordot(dy, v, axes=([0, 2, 3], [0, 2, 3]))
    p = np.pad(dy, ((0, 0), (0, 0), (k - 1, k - 1), (l - 1, l - 1)))
    u = np.lib.stride_tricks.sliding_window_view(p, (k, l), axis=(2, 3))
    dx = np.tensordot(u, w[:, :, ::-1, ::-1], axes=([1, 4, 5], [0, 2, 3])).transpose(0, 3, 1, 2)
    return dx, dw, dy.sum(axis=(0, 2, 3))


def pool_forward(x):
    N, C, H, W = x.shape
    r = x.reshape(N, C, H // 2, 2, W // 2, 2)
    return r.max(axis=3).max(axis=4), (x, r, r.max((3, 5)))

def pool_backward(dy, cache):
    x, r, m = cache
    mask = r == m[:, :, :, ax, :, ax]
    return (mask * dy[:, :, :, ax, :, ax]).reshape(x.shape)


def avgpool_forward(x, size=2):
    N, C, H, W = x.shape
    return x.reshape(N, C, H // size, size, W // size, size).mean(axis=(3, 5)), (x.shape, size)

def avgpool_backward(dy, cache):
    shape, k = cache
    return dy.repeat(k, axis=2).repeat(k, axis=3) / k**2


def gap_forward(x):
    return np.mean(x, axis=(2, 3)), x.shape

def gap_backward(dy, shape):
    return np.broadcast_to(dy[:, :, ax, ax], shape) / (shape[2] * shape[3])


def upsample_forward(x):
    return np.kron(x, np.ones((1, 1, 2, 2))), x.shape

def upsample_backward(dy, shape):
    N, C, H, W = shape
    return dy.reshape(N, C, H, 2, W, 2).sum((3, 5))


def rnn_step_forward(x, h_prev, Wx, Wh, b):
    h = np.tanh(x @ Wx + h_prev @ Wh + b)
    return h, [x, h_prev, Wx, Wh, h]

def rnn_step_backward(dh, cache):
    x, h_prev, Wx, Wh, h = cache
    da = dh * (1 - h * h)
    return da @ Wx.T, da @ Wh.T, x.T @ da, h_prev.T @ da, da.sum(0)


def scan_forward(x, h0, Wx, Wh, b):
    hs = [h0]
    for xt in x.swapaxes(0, 1):
        hs.append(np.tanh(xt @ Wx + hs[-1] @ Wh + b))
    return np.stack(hs[1:], axis=1), [x, hs, Wx, Wh]

def scan_backward(dy, cache):
    x, hs, Wx, Wh = cache
    dx, dWx, dWh, db, dh = np.empty_like(x), 0, 0, 0, 0
    for t in range(x.shape[1])[::-1]:
        da = (dy[:, t] + dh) * (1 - hs[t + 1] ** 2)
        dx[:, t], dh = da @ Wx.T, da @ Wh.T
        dWx, dWh, db = dWx + x[:, t].T @ da, dWh + hs[t].T @ da, db + da.sum(0)
    return dx, dh, dWx, dWh, db


sg = lambda z: 1 / (1 + np.exp(-z))

def lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b):
    i, f, o, g = np.split(x @ Wx + prev_h @ Wh + b, 4, axis=1)
    i, f, o, g = sg(i), sg(f), sg(o), np.tanh(g)
    c = f * prev_c + i * g
    return o * np.tanh(c), c, [x, prev_h, prev_c, Wx, Wh, i, f, o, g, np.tanh(c)]

def lstm_step_backward(dh, dc, cache):
    x, prev_h, prev_c, Wx, Wh, i, f, o, g, tc = cache
    dc = dc + dh * o * (1 - tc**2)
    dz = np.concatenate([dc * g * i * (1 - i), dc * prev_c * f * (1 - f), dh * tc * o * (1 - o), dc * i * (1 - g**2)], 1)
    return dz @ Wx.T, dz @ Wh.T, dc * f, x.T @ dz, prev_h.T @ dz, dz.sum(0)


def gru_step_forward(x, prev_h, Wz, Wr, Wn):
    xh = np.c_[x, prev_h]
    z, r = sg(xh @ Wz), sg(xh @ Wr)
    xrh = np.c_[x, r * prev_h]
    n = np.tanh(xrh @ Wn)
    return (1 - z) * n + z * prev_h, [x, prev_h, Wz, Wr, Wn, xh, xrh, z, r, n]

def gru_step_backward(dh, cache):
    x, prev_h, Wz, Wr, Wn, xh, xrh, z, r, n = cache
    D = x.shape[1]
    dz = dh * (prev_h - n) * z * (1 - z)
    dn = dh * (1 - z) * (1 - n * n)
    dxrh = dn @ Wn.T
    dr = dxrh[:, D:] * prev_h * r * (1 - r)
    dxh = dz @ Wz.T + dr @ Wr.T
    return dxrh[:, :D] + dxh[:, :D], dh * z + dxrh[:, D:] * r + dxh[:, D:], xh.T @ dz, xh.T @ dr, xrh.T @ dn


def emb_forward(ids, E):
    return np.take(E, ids, axis=0), [ids, E.shape]

def emb_backward(dy, cache):
    ids, shape = cache
    dE = np.zeros(shape)
    np.add.at(dE, ids.ravel(), dy.reshape(-1, shape[1]))
    return dE


def onehot_forward(ids, E):
    H = np.eye(len(E))[ids]
    return H @ E, H

def onehot_backward(dy, H):
    return H.reshape(-1, H.shape[-1]).T @ dy.reshape(-1, dy.shape[-1])


def attn_forward(q, k, v):
    p = sm(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]))
    return p @ v, [q, k, v, p]

def attn_backward(do, cache):
    q, k, v, p = cache
    dp = do @ v.swapaxes(-1, -2)
    ds = p * (dp - (dp * p).sum(-1, keepdims=True)) / np.sqrt(q.shape[-1])
    return ds @ k, ds.swapaxes(-1, -2) @ q, p.swapaxes(-1, -2) @ do


def causal_forward(q, k, v):
    T = q.shape[-2]
    s = np.einsum("...td,...sd->...ts", q, k) / q.shape[-1] ** 0.5
    s = np.where(np.tri(T, dtype=bool), s, -1e9)
    a = sm(s)
    return np.einsum("...ts,...sd->...td", a, v), (q, k, v, a)

def causal_backward(do, cache):
    q, k, v, a = cache
    dv = np.einsum("...ts,...td->...sd", a, do)
    da = np.einsum("...td,...sd->...ts", do, v)
    ds = a * (da - np.sum(a * da, -1, keepdims=True)) / q.shape[-1] ** 0.5
    return np.einsum("...ts,...sd->...td", ds, k), np.einsum("...ts,...td->...sd", ds, q), dv


def bilinear_forward(x, A, y):
    return np.einsum("ni,ij,nj->n", x, A, y), (x, A, y)

def bilinear_backward(ds, cache):
    x, A, y = cache
    return ds[:, ax] * (y @ A.T), np.einsum("n,ni,nj->ij", ds, x, y), ds[:, ax] * (x @ A)


def softmax_loss(x, y):
    p = sm(x)
    n = np.arange(len(y))
    g = p.copy()
    g[n, y] -= 1
    return -np.log(p[n, y]).sum() / len(y), g / len(y)


def svm_loss(x, y):
    n = len(y)
    m = np.maximum(0, x - x[range(n), y][:, ax] + 1)
    m[range(n), y] = 0
    g = np.sign(m)
    g[range(n), y] = -g.sum(1)
    return m.sum() / n, g / n


def mse_loss(pred, target):
    d = pred - target
    return np.mean(d**2), 2 * d / d.size


def huber_loss(x, t):
    d = x - t
    return np.where(np.abs(d) < 1, 0.5 * d * d, np.abs(d) - 0.5).mean(), np.clip(d, -1, 1) / d.size


def bce_loss(z, y=np.array([0.0, 1, 1, 0, 1, 0, 1])[:, None]):
    return np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))), (sg(z) - y) / z.size
