"""Layers in a personal style: dictionaries for caches, keepdims, np.dot, im2col, names used again."""

import numpy as np


def forward_dense(X, W, b):
    Z = np.dot(X, W) + b
    return Z, {"X": X, "W": W}


def backward_dense(dZ, cache):
    X, W = cache["X"], cache["W"]
    dW = np.dot(X.T, dZ)
    db = np.sum(dZ, axis=0)
    dX = np.dot(dZ, W.T)
    return {"dX": dX, "dW": dW, "db": db}


def forward_mlp(X, W1, b1, W2, b2):
    Z1 = X @ W1 + b1
    A1 = np.tanh(Z1)
    Z2 = A1 @ W2 + b2
    A2 = 1.0 / (1.0 + np.exp(-Z2))
    cache = {"X": X, "W2": W2, "W1": W1, "A1": A1, "A2": A2}
    return A2, cache


def backward_mlp(dA2, cache):
    A1, A2 = cache["A1"], cache["A2"]
    dZ2 = dA2 * A2 * (1 - A2)
    dW2 = A1.T @ dZ2
    db2 = dZ2.sum(axis=0)
    dA1 = dZ2 @ cache["W2"].T
    dZ1 = dA1 * (1 - A1**2)
    dW1 = cache["X"].T @ dZ1
    db1 = dZ1.sum(axis=0)
    dX = dZ1 @ cache["W1"].T
    return {"dX": dX, "dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}


def forward_relu(X):
    A = X.copy()
    A[A < 0] = 0
    return A, {"A": A}


def backward_relu(dA, cache):
    dX = dA.copy()
    dX[cache["A"] <= 0] = 0
    return dX


def forward_leaky(X, alpha=0.1):
    A = np.where(X > 0, X, alpha * X)
    return A, {"X": X, "alpha": alpha}


def backward_leaky(dA, cache):
    dX = np.ones_like(cache["X"])
    dX[cache["X"] < 0] = cache["alpha"]
    return dA * dX


def forward_softmax(X):
    e = np.exp(X - X.max(axis=1, keepdims=True))
    P = e / e.sum(axis=1, keepdims=True)
    return P, {"P": P}


def backward_softmax(dP, cache):
    P = cache["P"]
    dX = np.zeros_like(P)
    for n in range(P.shape[0]):
        p = P[n].reshape(-1, 1)
        J = np.diagflat(p) - p @ p.T
        dX[n] = J @ dP[n]
    return dX


def forward_batchnorm(X, gamma, beta, eps=1e-5):
    mu = X.mean(axis=0, keepdims=True)
    var = X.var(axis=0, keepdims=True)
    std = np.sqrt(var + eps)
    X_hat = (X - mu) / std
    out = gamma * X_hat + beta
    return out, {"X_hat": X_hat, "std": std, "gamma": gamma}


def backward_batchnorm(dout, cache):
    X_hat, std, gamma = cache["X_hat"], cache["std"], cache["gamma"]
    m = dout.shape[0]
    dgamma = np.sum(dout * X_hat, axis=0)
    dbeta = np.sum(dout, axis=0)
    dX_hat = dout * gamma
    dX = (m * dX_hat - dX_hat.sum(axis=0) - X_hat * (dX_hat * X_hat).sum(axis=0)) / (m * std)
    return {"dX": dX, "dgamma": dgamma, "dbeta": dbeta}


def forward_rmsnorm(X, gamma, eps=1e-6):
    ms = np.mean(X * X, axis=-1, keepdims=True)
    r = 1.0 / np.sqrt(ms + eps)
    y = X * r * gamma
    return y, {"X": X, "r": r, "gamma": gamma}


def backward_rmsnorm(dy, cache):
    X, r, gamma = cache["X"], cache["r"], cache["gamma"]
    dgamma = (dy * X * r).sum(axis=0)
    g = dy * gamma
    dr = (g * X).sum(axis=-1, keepdims=True)
    dms = dr * (-0.5) * r**3
    dX = g * r + dms * 2 * X / X.shape[-1]
    return {"dX": dX, "dgamma": dgamma}


def im2col(x, k):
    N, C, H, W = x.shape
    oh, ow = H - k + 1, W - k + 1
    col = np.zeros((N, C, k, k, oh, ow))
    for i in range(k):
        for j in range(k):
            col[:, :, i, j] = x[:, :, i : i + oh, j : j + ow]
    return col.transpose(0, 4, 5, 1, 2, 3).reshape(N * oh * ow, -1)


def col2im(col, shape, k):
    N, C, H, W = shape
    oh, ow = H - k + 1, W - k + 1
    col = col.reshape(N, oh, ow, C, k, k).transpose(0, 3, 4, 5, 1, 2)
    x = np.zeros(shape)
    for i in range(k):
        for j in range(k):
            x[:, :, i : i + oh, j : j + ow] += col[:, :, i, j]
    return x


def forward_conv(x, w, b):
    k = w.shape[2]
    N, C, H, W = x.shape
    cols = im2col(x, k)
    wr = w.reshape(w.shape[0], -1)
    out = (cols @ wr.T + b).reshape(N, H - k + 1, W - k + 1, -1).transpose(0, 3, 1, 2)
    return out, {"x": x, "w": w, "cols": cols, "wr": wr}


def backward_conv(dout, cache):
    x, w, cols, wr = cache["x"], cache["w"], cache["cols"], cache["wr"]
    d = dout.transpose(0, 2, 3, 1).reshape(-1, w.shape[0])
    db = d.sum(axis=0)
    dwr = d.T @ cols
    dw = dwr.reshape(w.shape)
    dcols = d @ wr
    dx = col2im(dcols, x.shape, w.shape[2])
    return {"dx": dx, "dw": dw, "db": db}


def forward_attention(Q, K, V):
    S = Q @ K.T / np.sqrt(Q.shape[1])
    E = np.exp(S - S.max(axis=1, keepdims=True))
    A = E / E.sum(axis=1, keepdims=True)
    O = A @ V
    return O, {"Q": Q, "K": K, "V": V, "A": A}


def backward_attention(dO, cache):
    Q, K, V, A = cache["Q"], cache["K"], cache["V"], cache["A"]
    dV = A.T @ dO
    dA = dO @ V.T
    dS = A * (dA - (dA * A).sum(axis=1, keepdims=True))
    dS = dS / np.sqrt(Q.shape[1])
    dQ = dS @ K
    dK = dS.T @ Q
    return {"dQ": dQ, "dK": dK, "dV": dV}


def forward_l2norm(X):
    n = np.sqrt((X**2).sum(axis=1, keepdims=True))
    Y = X / n
    return Y, {"Y": Y, "n": n}


def backward_l2norm(dY, cache):
    Y, n = cache["Y"], cache["n"]
    return (dY - Y * (dY * Y).sum(axis=1, keepdims=True)) / n


def forward_gelu(X):
    u = np.sqrt(2 / np.pi) * (X + 0.044715 * X**3)
    t = np.tanh(u)
    y = 0.5 * X * (1 + t)
    return y, {"X": X, "t": t}


def backward_gelu(dy, cache):
    X, t = cache["X"], cache["t"]
    dt = dy * 0.5 * X
    du = dt * (1 - t**2)
    dX = dy * 0.5 * (1 + t) + du * np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * X**2)
    return dX
