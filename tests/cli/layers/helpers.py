"""My own layers, as I like to write them: functions that take and give what they need."""
import numpy as np


def linear(x, w, b):
    return x @ w + b


def linear_backward(dout, x, w, b):
    dx = dout @ w.T
    dw = x.T @ dout
    db = dout.sum(axis=0)
    return dx, dw, db


def sigmoid(z):
    s = 1 / (1 + np.exp(-z))
    return s


def sigmoid_backward(dA, s):
    return dA * s * (1 - s)


def tanh_forward(x):
    return np.tanh(x)


def tanh_backward(dout, y):
    return dout * (1 - y ** 2)


def softmax(Z):
    E = np.exp(Z - Z.max(axis=0))
    A = E / E.sum(axis=0)
    return A, Z


def softmax_backward(dA, cache):
    Z = cache
    S = np.exp(Z - Z.max(axis=0))
    S /= S.sum(axis=0)
    return S * (dA - (dA * S).sum(axis=0))


def linear_activation_forward(A_prev, W, b, activation):
    Z = np.dot(W, A_prev) + b
    if activation == "sigmoid":
        A = 1 / (1 + np.exp(-Z))
    elif activation == "relu":
        A = np.maximum(0, Z)
    return A, ((A_prev, W, b), Z)


def linear_activation_backward(dA, cache, activation):
    linear_cache, Z = cache
    A_prev, W, b = linear_cache
    if activation == "sigmoid":
        s = 1 / (1 + np.exp(-Z))
        dZ = dA * s * (1 - s)
    elif activation == "relu":
        dZ = np.array(dA, copy=True)
        dZ[Z <= 0] = 0
    dW = np.dot(dZ, A_prev.T)
    db = np.sum(dZ, axis=1, keepdims=True)
    dA_prev = np.dot(W.T, dZ)
    return dA_prev, dW, db


def huber_forward(pred, target, delta=1.0):
    r = pred - target
    small = np.abs(r) <= delta
    loss = np.where(small, 0.5 * r ** 2, delta * (np.abs(r) - 0.5 * delta)).mean()
    return loss, (r, small, delta)


def huber_backward(dloss, cache):
    r, small, delta = cache
    dr = np.where(small, r, delta * np.sign(r)) * dloss / r.size
    return dr, -dr


def embed_forward(tokens, table):
    return table[tokens], (tokens, table.shape)


def embed_backward(dout, cache):
    tokens, shape = cache
    dtable = np.zeros(shape)
    for i, tok in enumerate(tokens.ravel()):
        dtable[tok] += dout.reshape(-1, shape[1])[i]
    return dtable


def conv1d_forward(x, w, b):
    N, C, L = x.shape
    F, _, K = w.shape
    out = np.zeros((N, F, L - K + 1))
    for i in range(L - K + 1):
        out[:, :, i] = np.einsum("nck,fck->nf", x[:, :, i:i + K], w) + b
    return out, {"x": x, "w": w}


def conv1d_backward(dout, cache):
    x, w = cache["x"], cache["w"]
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    K = w.shape[2]
    for i in range(dout.shape[2]):
        dx[:, :, i:i + K] += np.einsum("nf,fck->nck", dout[:, :, i], w)
        dw += np.einsum("nf,nck->fck", dout[:, :, i], x[:, :, i:i + K])
    return {"x": dx, "w": dw, "b": dout.sum(axis=(0, 2))}


def instance_norm_forward(x, gamma, beta, eps=1e-5):
    mu = x.mean(axis=(2, 3), keepdims=True)
    var = x.var(axis=(2, 3), keepdims=True)
    inv = 1 / np.sqrt(var + eps)
    xh = (x - mu) * inv
    out = xh * gamma[None, :, None, None] + beta[None, :, None, None]
    return out, (xh, inv, gamma)


def instance_norm_backward(dout, cache):
    xh, inv, gamma = cache
    m = xh.shape[2] * xh.shape[3]
    dgamma = np.sum(dout * xh, axis=(0, 2, 3))
    dbeta = np.sum(dout, axis=(0, 2, 3))
    dxh = dout * gamma[None, :, None, None]
    dx = inv / m * (m * dxh - dxh.sum(axis=(2, 3), keepdims=True) - xh * (dxh * xh).sum(axis=(2, 3), keepdims=True))
    return [dx, dgamma, dbeta]


def affine_relu_forward(x, w, b):
    a, fc_cache = linear(x, w, b), (x, w)
    out, relu_cache = np.maximum(a, 0), a
    return out, (fc_cache, relu_cache)


def affine_relu_backward(dout, cache):
    fc_cache, relu_cache = cache
    da = dout * (relu_cache > 0)
    x, w = fc_cache
    return da @ w.T, x.T @ da, da.sum(axis=0)


def film_forward(x, scale, shift):
    return scale * x + shift, (x, scale)


def film_backward(dout, cache):
    x, scale = cache
    return scale * dout, np.sum(x * dout), np.sum(dout)


def swish_forward(x, beta=1.0):
    s = 1 / (1 + np.exp(-beta * x))
    return x * s, (x, s, beta)


def swish_backward(dout, cache):
    x, s, beta = cache
    dx = dout * (s + beta * x * s * (1 - s))
    dbeta = np.sum(dout * x * x * s * (1 - s))
    return dx, dbeta


def prelu_forward(x, a):
    return np.where(x > 0, x, a * x), (x, a)


def prelu_backward(dout, cache):
    x, a = cache
    return dout * np.where(x > 0, 1, a), (dout * np.minimum(x, 0)).sum()


def glu_forward(x):
    a, b = np.split(x, 2, axis=-1)
    gate = 1 / (1 + np.exp(-b))
    return a * gate, (a, gate)


def glu_backward(dout, cache):
    a, gate = cache
    return np.concatenate([dout * gate, dout * a * gate * (1 - gate)], axis=-1)


def bce_with_logits_forward(z, y):
    loss = np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z))))
    return loss, (z, y)


def bce_with_logits_backward(dloss, cache):
    z, y = cache
    dz = dloss * (1 / (1 + np.exp(-z)) - y) / z.size
    return dz


def cross_entropy_forward(z, t):
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p = p / p.sum(axis=1, keepdims=True)
    return -np.sum(t * np.log(p)) / len(z), (p, t)


def cross_entropy_backward(dloss, cache):
    p, t = cache
    return dloss * (p - t) / len(p)


def bilinear_upsample_forward(x):
    out = np.repeat(np.repeat(x, 2, axis=2), 2, axis=3)
    return out, x.shape


def bilinear_upsample_backward(dout, shape):
    N, C, H, W = shape
    return dout.reshape(N, C, H, 2, W, 2).sum(axis=(3, 5))


def global_average_forward(x):
    N, C, H, W = x.shape
    return x.mean(axis=(2, 3)), (N, C, H, W)


def global_average_backward(dout, cache):
    N, C, H, W = cache
    return np.ones((N, C, H, W)) * dout[:, :, None, None] / (H * W)


def residual_forward(x, W1, b1, W2, b2):
    h = np.tanh(x @ W1 + b1)
    return h @ W2 + b2 + x, (x, h, W1, W2)


def residual_backward(dout, cache):
    x, h, W1, W2 = cache
    grads = {"b2": dout.sum(axis=0), "W2": h.T @ dout}
    dz = (dout @ W2.T) * (1 - h**2)
    grads["W1"], grads["b1"] = x.T @ dz, dz.sum(axis=0)
    grads["x"] = dz @ W1.T + dout
    return grads


def gru_step_forward(x, h_prev, Wz, Wr, Wh):
    xh = np.hstack([x, h_prev])
    z, r = 1 / (1 + np.exp(-xh @ Wz)), 1 / (1 + np.exp(-xh @ Wr))
    xr = np.hstack([x, r * h_prev])
    n = np.tanh(xr @ Wh)
    h = (1 - z) * h_prev + z * n
    return h, dict(xh=xh, z=z, r=r, xr=xr, n=n, h_prev=h_prev, D=x.shape[1], Wz=Wz, Wr=Wr, Wh=Wh)


def gru_step_backward(dh, c):
    z, r, n, D = c["z"], c["r"], c["n"], c["D"]
    dz = dh * (n - c["h_prev"]) * z * (1 - z)
    dn = dh * z * (1 - n**2)
    dWh = c["xr"].T @ dn
    dxr = dn @ c["Wh"].T
    dr = dxr[:, D:] * c["h_prev"] * r * (1 - r)
    dWz, dWr = c["xh"].T @ dz, c["xh"].T @ dr
    dxh = dz @ c["Wz"].T + dr @ c["Wr"].T
    dx = dxh[:, :D] + dxr[:, :D]
    dh_prev = dxh[:, D:] + dxr[:, D:] * r + dh * (1 - z)
    return dx, dh_prev, dWz, dWr, dWh
