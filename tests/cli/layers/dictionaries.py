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


def forward_tanh(X):
    A = np.tanh(X)
    return A, {"A": A}


def backward_tanh(dA, cache):
    dX = dA * (1 - np.power(cache["A"], 2))
    return dX


def forward_sigmoid(Z):
    A = 1 / (1 + np.exp(-Z))
    cache = {"Z": Z}
    return A, cache


def backward_sigmoid(dA, cache):
    Z = cache["Z"]
    s = 1 / (1 + np.exp(-Z))
    dZ = dA * s * (1 - s)
    assert dZ.shape == Z.shape
    return dZ


def forward_linear(A_prev, W, b):
    """A_prev: (features, samples)"""
    Z = np.dot(W.T, A_prev.T) + b.reshape(-1, 1)
    return Z, {"A_prev": A_prev, "W": W, "b": b}


def backward_linear(dZ, cache):
    A_prev, W, b = cache["A_prev"], cache["W"], cache["b"]
    m = A_prev.shape[0]
    dW = np.dot(dZ, A_prev).T
    db = np.squeeze(np.sum(dZ, axis=1, keepdims=True))
    dA_prev = np.dot(W, dZ).T
    return {"dA_prev": dA_prev, "dW": dW, "db": db}


def forward_layernorm(X, gamma, beta, eps=1e-5):
    cache = {}
    cache["mean"] = np.mean(X, axis=-1, keepdims=True)
    cache["centered"] = X - cache["mean"]
    cache["variance"] = np.mean(np.square(cache["centered"]), axis=-1, keepdims=True)
    cache["std"] = np.sqrt(cache["variance"] + eps)
    cache["normalized"] = np.divide(cache["centered"], cache["std"])
    cache["gamma"] = gamma
    out = np.add(np.multiply(gamma, cache["normalized"]), beta)
    return out, cache


def backward_layernorm(dout, cache):
    D = dout.shape[-1]
    dbeta = dout.sum(axis=0)
    dgamma = np.sum(dout * cache["normalized"], axis=0)
    dnormalized = dout * cache["gamma"]
    dstd = -np.sum(dnormalized * cache["centered"], axis=-1, keepdims=True) / cache["std"] ** 2
    dvariance = 0.5 * dstd / cache["std"]
    dcentered = dnormalized / cache["std"] + 2 * cache["centered"] * dvariance / D
    dmean = -np.sum(dcentered, axis=-1, keepdims=True)
    dX = dcentered + dmean / D
    return {"dX": dX, "dgamma": dgamma, "dbeta": dbeta}


def forward_spatial_batchnorm(X, gamma, beta, eps=1e-5):
    mu = np.mean(X, axis=(0, 2, 3), keepdims=True)
    var = np.mean((X - mu) ** 2, axis=(0, 2, 3), keepdims=True)
    X_hat = (X - mu) / np.sqrt(var + eps)
    out = gamma[None, :, None, None] * X_hat + beta[None, :, None, None]
    return out, {"X_hat": X_hat, "var": var, "gamma": gamma, "eps": eps}


def backward_spatial_batchnorm(dout, cache):
    X_hat, var, gamma, eps = (cache[k] for k in ("X_hat", "var", "gamma", "eps"))
    N, C, H, W = dout.shape
    m = N * H * W
    dgamma = np.sum(dout * X_hat, axis=(0, 2, 3), keepdims=True)
    dbeta = np.sum(dout, axis=(0, 2, 3), keepdims=True)
    dX = gamma.reshape(1, -1, 1, 1) / np.sqrt(var + eps) * (dout - dbeta / m - X_hat * dgamma / m)
    return {"dX": dX, "dgamma": dgamma.ravel(), "dbeta": dbeta.ravel()}


def forward_groupnorm(X, gamma, beta, G=2):
    N, C, H, W = X.shape
    X_group = X.reshape((N, G, C // G, H, W))
    mean = X_group.mean(axis=(2, 3, 4), keepdims=True)
    var = X_group.var(axis=(2, 3, 4), keepdims=True)
    X_norm = ((X_group - mean) / np.sqrt(var + 1e-5)).reshape((N, C, H, W))
    out = X_norm * gamma.reshape(1, C, 1, 1) + beta.reshape(1, C, 1, 1)
    return out, {"G": G, "X": X, "X_norm": X_norm, "mean": mean, "var": var, "gamma": gamma}


def backward_groupnorm(dout, cache):
    G, X, gamma = cache["G"], cache["X"], cache["gamma"]
    N, C, H, W = X.shape
    dbeta = np.sum(dout, axis=(0, 2, 3))
    dgamma = np.sum(dout * cache["X_norm"], axis=(0, 2, 3))
    dX_norm = (dout * gamma.reshape(1, C, 1, 1)).reshape((N, G, C // G, H, W))
    centered = X.reshape((N, G, C // G, H, W)) - cache["mean"]
    inv = 1.0 / np.sqrt(cache["var"] + 1e-5)
    dvar = np.sum(dX_norm * centered * -0.5 * inv**3, axis=(2, 3, 4), keepdims=True)
    m = C // G * H * W
    dmean = np.sum(dX_norm * -inv, axis=(2, 3, 4), keepdims=True) + dvar * np.sum(-2.0 * centered, axis=(2, 3, 4), keepdims=True) / m
    dX = dX_norm * inv + dvar * 2.0 * centered / m + dmean / m
    return {"dX": dX.reshape((N, C, H, W)), "dgamma": dgamma, "dbeta": dbeta}


def forward_dropout(X, keep_prob=0.7):
    D = np.random.rand(X.shape[0], X.shape[1])
    D = D < keep_prob
    A = X * D
    A = A / keep_prob
    return A, {"D": D, "keep_prob": keep_prob}


def backward_dropout(dA, cache):
    dX = dA * cache["D"]
    dX = dX / cache["keep_prob"]
    return dX


def zero_pad(X, pad):
    return np.pad(X, ((0, 0), (0, 0), (pad, pad), (pad, pad)), "constant", constant_values=(0, 0))


def conv_single_step(a_slice, W, b):
    s = np.multiply(a_slice, W)
    Z = np.sum(s)
    Z = Z + b
    return Z


def forward_convolution(A_prev, W, b, stride=2, pad=1):
    m, n_C_prev, n_H_prev, n_W_prev = A_prev.shape
    n_C, n_C_prev, f, f = W.shape
    n_H = int((n_H_prev - f + 2 * pad) / stride) + 1
    n_W = int((n_W_prev - f + 2 * pad) / stride) + 1
    Z = np.zeros((m, n_C, n_H, n_W))
    A_prev_pad = zero_pad(A_prev, pad)
    for i in range(m):
        a_prev_pad = A_prev_pad[i]
        for h in range(n_H):
            for w in range(n_W):
                for c in range(n_C):
                    vert_start = h * stride
                    vert_end = vert_start + f
                    horiz_start = w * stride
                    horiz_end = horiz_start + f
                    a_slice_prev = a_prev_pad[:, vert_start:vert_end, horiz_start:horiz_end]
                    Z[i, c, h, w] = conv_single_step(a_slice_prev, W[c], b[c])
    assert Z.shape == (m, n_C, n_H, n_W)
    return Z, {"A_prev": A_prev, "W": W, "b": b, "stride": stride, "pad": pad}


def backward_convolution(dZ, cache):
    A_prev, W, b, stride, pad = cache["A_prev"], cache["W"], cache["b"], cache["stride"], cache["pad"]
    n_C, n_C_prev, f, f = W.shape
    m, n_C, n_H, n_W = dZ.shape
    dA_prev = np.zeros(A_prev.shape)
    dW = np.zeros(W.shape)
    db = np.zeros(b.shape)
    A_prev_pad = zero_pad(A_prev, pad)
    dA_prev_pad = zero_pad(dA_prev, pad)
    for i in range(m):
        for h in range(n_H):
            for w in range(n_W):
                for c in range(n_C):
                    rows, cols = slice(h * stride, h * stride + f), slice(w * stride, w * stride + f)
                    dA_prev_pad[i, :, rows, cols] += W[c] * dZ[i, c, h, w]
                    dW[c] += A_prev_pad[i, :, rows, cols] * dZ[i, c, h, w]
                    db[c] += dZ[i, c, h, w]
    dA_prev = dA_prev_pad[:, :, pad:-pad, pad:-pad]
    return {"dA_prev": dA_prev, "dW": dW, "db": db}


def forward_pool(A_prev, mode="max"):
    m, n_C, n_H_prev, n_W_prev = A_prev.shape
    f = stride = 2
    n_H = int(1 + (n_H_prev - f) / stride)
    n_W = int(1 + (n_W_prev - f) / stride)
    A = np.zeros((m, n_C, n_H, n_W))
    for i in range(m):
        for h in range(n_H):
            for w in range(n_W):
                for c in range(n_C):
                    a_prev_slice = A_prev[i, c, h * stride : h * stride + f, w * stride : w * stride + f]
                    if mode == "max":
                        A[i, c, h, w] = np.max(a_prev_slice)
                    elif mode == "average":
                        A[i, c, h, w] = np.mean(a_prev_slice)
    return A, {"A_prev": A_prev, "f": f, "stride": stride}


def backward_pool(dA, cache):
    A_prev, f, stride = cache["A_prev"], cache["f"], cache["stride"]
    dA_prev = np.zeros(A_prev.shape)
    m, n_C, n_H, n_W = dA.shape
    for i in range(m):
        a_prev = A_prev[i]
        for h in range(n_H):
            for w in range(n_W):
                for c in range(n_C):
                    rows, cols = slice(h * stride, h * stride + f), slice(w * stride, w * stride + f)
                    mask = a_prev[c, rows, cols] == np.max(a_prev[c, rows, cols])
                    dA_prev[i, c, rows, cols] += np.multiply(mask, dA[i, c, h, w])
    return {"dA_prev": dA_prev}


def forward_rnn_step(xt, prev_h, Wx, Wh, b):
    next_h = np.tanh(np.dot(xt, Wx) + np.dot(prev_h, Wh) + b)
    return next_h, {"xt": xt, "prev_h": prev_h, "next_h": next_h, "Wx": Wx, "Wh": Wh}


def backward_rnn_step(dnext_h, cache):
    dtanh = (1 - cache["next_h"] ** 2) * dnext_h
    return {
        "dxt": np.dot(dtanh, cache["Wx"].T),
        "dprev_h": np.dot(dtanh, cache["Wh"].T),
        "dWx": np.dot(cache["xt"].T, dtanh),
        "dWh": np.dot(cache["prev_h"].T, dtanh),
        "db": np.sum(dtanh, axis=0),
    }


def forward_lstm_step(x, prev_h, prev_c, Wf, Wi, Wc, Wo):
    concat = np.concatenate((x, prev_h), axis=1)
    ft = 1 / (1 + np.exp(-np.dot(concat, Wf)))
    it = 1 / (1 + np.exp(-np.dot(concat, Wi)))
    cct = np.tanh(np.dot(concat, Wc))
    c_next = ft * prev_c + it * cct
    ot = 1 / (1 + np.exp(-np.dot(concat, Wo)))
    a_next = ot * np.tanh(c_next)
    return a_next, {"concat": concat, "ft": ft, "it": it, "cct": cct, "ot": ot, "c_next": c_next, "prev_c": prev_c,
                    "Wf": Wf, "Wi": Wi, "Wc": Wc, "Wo": Wo, "n_x": x.shape[1]}


def backward_lstm_step(da_next, cache):
    ft, it, cct, ot, c_next = (cache[k] for k in ("ft", "it", "cct", "ot", "c_next"))
    dot = da_next * np.tanh(c_next) * ot * (1 - ot)
    dc_next = da_next * ot * (1 - np.tanh(c_next) ** 2)
    dcct = dc_next * it * (1 - cct**2)
    dit = dc_next * cct * it * (1 - it)
    dft = dc_next * cache["prev_c"] * ft * (1 - ft)
    dWf, dWi = np.dot(cache["concat"].T, dft), np.dot(cache["concat"].T, dit)
    dWc, dWo = np.dot(cache["concat"].T, dcct), np.dot(cache["concat"].T, dot)
    dconcat = dft @ cache["Wf"].T + dit @ cache["Wi"].T + dcct @ cache["Wc"].T + dot @ cache["Wo"].T
    dx, dprev_h = dconcat[:, : cache["n_x"]], dconcat[:, cache["n_x"] :]
    dprev_c = dc_next * ft
    return {"dx": dx, "dprev_h": dprev_h, "dprev_c": dprev_c, "dWf": dWf, "dWi": dWi, "dWc": dWc, "dWo": dWo}


def forward_embedding(ids, E):
    return E[ids], {"ids": ids, "E": E}


def backward_embedding(dout, cache):
    dE = np.zeros_like(cache["E"])
    for place, word in np.ndenumerate(cache["ids"]):
        dE[word] += dout[place]
    return {"dE": dE}


def softmax_cross_entropy_loss(logits, labels):
    batch = logits.shape[0]
    one_hot = np.zeros((batch, logits.shape[1]))
    one_hot[np.arange(batch), labels] = 1
    exps = np.exp(logits - np.max(logits, axis=1, keepdims=True))
    probs = exps / np.sum(exps, axis=1, keepdims=True)
    loss = -np.sum(one_hot * np.log(probs)) / batch
    grads = {"dlogits": (probs - one_hot) / batch}
    return loss, grads


def hinge_loss(scores, y, delta=1.0):
    n = len(y)
    correct = np.choose(y, scores.T)
    margins = np.maximum(0, scores.T - correct + delta).T
    margins[np.arange(n), y] = 0
    loss = np.mean(np.sum(margins, axis=1))
    binary = margins
    binary[margins > 0] = 1
    row_sum = np.sum(binary, axis=1)
    binary[np.arange(n), y] = -row_sum
    return loss, {"dscores": binary / n}


def mse_cost(prediction, target):
    diff = prediction - target
    cost = (1 / (2 * diff.shape[0])) * np.sum(np.square(diff))
    return cost, {"dprediction": diff / diff.shape[0], "dtarget": -diff / diff.shape[0]}
