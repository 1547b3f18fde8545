"""Layers whose inputs have no usual shapes: some are searched for, and what is not right at them is not judged."""

import re

import numpy as np
import pytest

from micrograd_tensor.cli import fitting
from micrograd_tensor.cli.fitting import DONE
from micrograd_tensor.cli.lengths import told_apart
from micrograd_tensor.cli.shapes import Guess

WEIGHT_SUM = """
class WeightSum:
    def forward(self, hs, a):
        N, T, H = hs.shape
        ar = a.reshape(N, T, 1).repeat(H, axis=2)
        self.cache = hs, ar
        return np.sum(hs * ar, axis=1)

    def backward(self, dc):
        hs, ar = self.cache
        N, T, H = hs.shape
        dt = dc.reshape(N, 1, H).repeat(T, axis=1)
        dhs = dt * ar
        da = np.sum(dt * hs, axis=2)
        return dhs, da
"""
ROTATED = """
def rope_forward(x):
    T, D = x.shape
    angle = np.arange(T)[:, None] * 10.0 ** -np.arange(D // 2)
    c, s = np.cos(angle), np.sin(angle)
    x1, x2 = x[:, : D // 2], x[:, D // 2 :]
    return np.concatenate([x1 * c - x2 * s, x1 * s + x2 * c], axis=1), (c, s)

def rope_backward(dout, cache):
    c, s = cache
    d1, d2 = np.split(dout, 2, axis=1)
    dx = np.concatenate([d1 * c + d2 * s, d2 * c - d1 * s], axis=1)
    return dx
"""
GATED = """
def glu_forward(x, W, V, W2):
    a, b = x @ W, x @ V
    s = 1 / (1 + np.exp(-a))
    return (a * s * b) @ W2, (x, W, V, W2, a, b, s)

def glu_backward(dy, cache):
    x, W, V, W2, a, b, s = cache
    dW2 = (a * s * b).T @ dy
    dh = dy @ W2.T
    db = dh * a * s
    da = dh * b * (s + a * s * (1 - s))
    dx = da @ W.T + db @ V.T
    return dx, x.T @ da, x.T @ db, dW2
"""
HEADS = """
def attention_forward(x, Wqkv, Wo, n_head=2):
    B, T, C = x.shape
    q, k, v = (y.reshape(B, T, n_head, -1).swapaxes(1, 2) for y in np.split(x @ Wqkv, 3, axis=-1))
    s = q @ k.swapaxes(2, 3) / np.sqrt(C // n_head)
    e = np.exp(np.where(np.tril(np.ones((T, T))) == 0, -1e10, s))
    p = e / e.sum(-1, keepdims=True)
    y = (p @ v).swapaxes(1, 2).reshape(B, T, C)
    return y @ Wo, (x, Wqkv, Wo, q, k, v, p, y)

def attention_backward(dout, cache):
    x, Wqkv, Wo, q, k, v, p, y = cache
    B, T, C = x.shape
    dWo = np.einsum("btc,btd->cd", y, dout)
    dy = (dout @ Wo.T).reshape(B, T, q.shape[1], -1).swapaxes(1, 2)
    dp = dy @ v.swapaxes(2, 3)
    ds = p * (dp - (dp * p).sum(-1, keepdims=True)) / np.sqrt(q.shape[-1])
    dqkv = [ds @ k, ds.swapaxes(2, 3) @ q, p.swapaxes(2, 3) @ dy]
    dqkv = np.concatenate([g.swapaxes(1, 2).reshape(B, T, C) for g in dqkv], axis=-1)
    dWqkv = np.einsum("btc,btd->cd", x, dqkv)
    return dqkv @ Wqkv.T, dWqkv, dWo
"""
CELL = """
def lstm_cell_forward(xt, a_prev, c_prev, parameters):
    Wf, bf, Wi, bi = parameters["Wf"], parameters["bf"], parameters["Wi"], parameters["bi"]
    Wc, bc, Wy, by = parameters["Wc"], parameters["bc"], parameters["Wy"], parameters["by"]
    n_x, m = xt.shape
    n_y, n_a = Wy.shape
    concat = np.concatenate((a_prev, xt), axis=0)
    f = 1 / (1 + np.exp(-(np.dot(Wf, concat) + bf)))
    i = 1 / (1 + np.exp(-(np.dot(Wi, concat) + bi)))
    g = np.tanh(np.dot(Wc, concat) + bc)
    c_next = f * c_prev + i * g
    z = np.exp(np.dot(Wy, c_next) + by)
    return c_next, z / z.sum(axis=0), (c_next, a_prev, c_prev, f, i, g, xt, parameters)

def lstm_cell_backward(dc_next, cache):
    c_next, a_prev, c_prev, f, i, g, xt, parameters = cache
    n_a, m = c_next.shape
    df, di, dg = dc_next * c_prev * f * (1 - f), dc_next * g * i * (1 - i), dc_next * i * (1 - g * g)
    concat = np.concatenate((a_prev, xt), axis=0)
    gradients = {"dc_prev": dc_next * f}
    dconcat = 0
    for gate, d in zip("fic", (df, di, dg)):
        gradients["dW" + gate] = np.dot(d, concat.T)
        gradients["db" + gate] = np.sum(d, axis=1, keepdims=True)
        dconcat = dconcat + np.dot(parameters["W" + gate].T, d)
    gradients["da_prev"], gradients["dxt"] = dconcat[:n_a], dconcat[n_a:]
    return gradients
"""
POOL = """
def pool_forward(A_prev, hparameters):
    m, n_H, n_W, n_C = A_prev.shape
    f, stride = hparameters["f"], hparameters["stride"]
    A = np.zeros((m, (n_H - f) // stride + 1, (n_W - f) // stride + 1, n_C))
    for h in range(A.shape[1]):
        for w in range(A.shape[2]):
            A[:, h, w] = A_prev[:, h * stride : h * stride + f, w * stride : w * stride + f].mean(axis=(1, 2))
    return A, (A_prev, hparameters)

def pool_backward(dA, cache):
    A_prev, hparameters = cache
    f, stride = hparameters["f"], hparameters["stride"]
    dA_prev = np.zeros_like(A_prev)
    for h in range(dA.shape[1]):
        for w in range(dA.shape[2]):
            share = dA[:, h, w][:, None, None] / f**2
            dA_prev[:, h * stride : h * stride + f, w * stride : w * stride + f] += share
    return dA_prev
"""
SEQUENCES = """
def mlp_forward(x, W1, b1, W2, b2):
    h = np.tanh(x @ W1 + b1)
    return h @ W2 + b2, (x, W1, W2, h)

def mlp_backward(dout, cache):
    x, W1, W2, h = cache
    db2, dW2 = dout.sum(axis=(0, 1)), np.einsum("bth,btc->hc", h, dout)
    dh = dout @ W2.T * (1 - h**2)
    return dh @ W1.T, np.einsum("btc,bth->ch", x, dh), dh.sum(axis=(0, 1)), dW2, db2
"""
QUADRATIC = """
def quadratic_loss(x, A, b):
    loss = 0.5 * x @ A @ x - b @ x
    grad = 0.5 * (A + A.T) @ x - b
    return loss, grad
"""
TRIPLET = """
def triplet_loss(a, p, n, margin=1.0):
    dp, dn = a - p, a - n
    hinge = np.maximum(0, (dp**2).sum(1) - (dn**2).sum(1) + margin)
    on = (hinge > 0)[:, None] / len(a)
    return hinge.mean(), (2 * on * (dp - dn), -2 * on * dp, 2 * on * dn)
"""
LAYERS = {
    "a quadratic form": (QUADRATIC, "(A + A.T)", "(A + A)"),
    "a triplet": (TRIPLET, "(dp - dn)", "(dp + dn)"),
    "a sum with weights": (WEIGHT_SUM, "da = ", "da = 2 * "),
    "halves that are rotated": (ROTATED, "d2 * c - d1 * s", "d2 * c + d1 * s"),
    "a gate beside": (GATED, "a * s * (1 - s)", "a * s"),
    "heads": (HEADS, " / np.sqrt(q.shape[-1])", ""),
    "a cell with a dictionary": (CELL, "(1 - g * g)", "(1 - g)"),
    "a dictionary of sizes": (POOL, "f**2", "f"),
    "sequences": (SEQUENCES, "(1 - h**2)", "(1 - h)"),
}


@pytest.mark.parametrize(("text", "right", "wrong"), LAYERS.values(), ids=LAYERS)
def test_shapes_at_which_a_layer_runs_are_searched_for(check, text, right, wrong):
    status, printed = check(text)
    assert status == 0, printed
    assert "✓ right" in printed
    mistaken = text.replace(right, wrong)
    status, printed = check(mistaken)
    assert status == 2, printed
    assert "is wrong" not in printed  # it may be so for the shapes alone
    shapes = re.search(r'it is not right at the shapes .* --shapes "?(\S+?)"?; then it is judged', printed)
    status, printed = check(mistaken, "--shapes", shapes[1])
    assert status == 1
    assert "is wrong" in printed


def test_no_numbers_are_no_inputs(check):
    text = """
def half_forward(x):
    return x[:, : x.shape[1] // 2] * 2 + 0 * x[:, x.shape[1] // 2 :], x

def half_backward(dout, x):
    return dout
"""
    assert "✓ right" not in check(text)[1]


def test_lengths_that_need_not_be_equal_are_not(check):
    text = """
def rnn_cell_forward(xt, a_prev, parameters):
    Wax, Waa, ba = parameters["Wax"], parameters["Waa"], parameters["ba"]
    a_next = np.tanh(np.dot(Waa, a_prev) + np.dot(Wax, xt) + ba)
    return a_next, (a_next, a_prev, xt, parameters)

def rnn_cell_backward(da_next, cache):
    a_next, a_prev, xt, parameters = cache
    Wax, Waa = parameters["Wax"], parameters["Waa"]
    d = (1 - a_next ** 2) * da_next
    dWax, dWaa, dba = np.dot(d, xt.T), np.dot(d, a_prev.T), np.sum(d, axis=1, keepdims=True)
    return {"dxt": np.dot(Wax.T, d), "da_prev": np.dot(Waa.T, d), "dWax": dWax, "dWaa": dWaa, "dba": dba}
"""
    status, printed = check(text)
    assert status == 0, printed
    features, examples, state = re.search(r"xt \((\d+), (\d+)\), a_prev \((\d+), \d+\)", printed).groups()
    assert len({features, examples, state}) == 3


SCALED = """
def attention_forward(x, Wq, Wk, Wv):
    q, k, v = x @ Wq, x @ Wk, x @ Wv
    s = q @ k.T / np.sqrt(k.shape[1])
    p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
    return p @ v, (x, Wq, Wk, Wv, q, k, v, p)

def attention_backward(dout, cache):
    x, Wq, Wk, Wv, q, k, v, p = cache
    dp, dv = dout @ v.T, p.T @ dout
    ds = p * (dp - (dp * p).sum(axis=1, keepdims=True)) / np.sqrt(k.shape[1])
    dq, dk = ds @ k, ds.T @ q
    return dq @ Wq.T + dk @ Wk.T + dv @ Wv.T, x.T @ dq, x.T @ dk, x.T @ dv
"""
FEED_FORWARD = """
def ffn_forward(x, g, W_up, W_gate, W_down):
    r = np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6)
    n = x / r
    y = n * g
    u, v = y @ W_up, y @ W_gate
    h = u * np.tanh(v)
    return x + h @ W_down, (x, r, n, y, u, v, h, g, W_up, W_gate, W_down)

def ffn_backward(dout, cache):
    x, r, n, y, u, v, h, g, W_up, W_gate, W_down = cache
    dW_down = np.einsum("bth,btd->hd", h, dout)
    dh = dout @ W_down.T
    du, dv = dh * np.tanh(v), dh * u * (1 - np.tanh(v) ** 2)
    dW_up, dW_gate = np.einsum("btd,bth->dh", y, du), np.einsum("btd,bth->dh", y, dv)
    dy = du @ W_up.T + dv @ W_gate.T
    dg = (dy * n).sum((0, 1))
    dn = dy * g
    dx = dout + dn / r - x * (dn * x).sum(-1, keepdims=True) / (r**3 * x.shape[-1])
    return dx, dg, dW_up, dW_gate, dW_down
"""
TWO_SENTENCES = """
def cross_forward(xq, xkv, Wq, Wk, Wv, Wo):
    q, k, v = xq @ Wq, xkv @ Wk, xkv @ Wv
    s = q @ k.T / np.sqrt(len(xkv))
    p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
    o = p @ v
    return o @ Wo, (xq, xkv, Wq, Wk, Wv, Wo, q, k, v, p, o)

def cross_backward(dout, cache):
    xq, xkv, Wq, Wk, Wv, Wo, q, k, v, p, o = cache
    dWo, do = o.T @ dout, dout @ Wo.T
    dp, dv = do @ v.T, p.T @ do
    ds = p * (dp - (dp * p).sum(axis=1, keepdims=True)) / np.sqrt(len(xkv))
    dq, dk = ds @ k, ds.T @ q
    return dq @ Wq.T, dk @ Wk.T + dv @ Wv.T, xq.T @ dq, xkv.T @ dk, xkv.T @ dv, dWo
"""
GROUPED = """
def gqa_forward(Q, K, V):
    Hq, T, d = Q.shape
    group = Hq // K.shape[0]
    O, P = np.zeros_like(Q), []
    for h in range(Hq):
        S = Q[h] @ K[h // group].T / np.sqrt(d)
        p = np.exp(S - S.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        O[h] = p @ V[h // group]
        P.append(p)
    return O, (Q, K, V, P, group)

def gqa_backward(dO, cache):
    Q, K, V, P, group = cache
    Hq, T, d = Q.shape
    dQ, dK, dV = np.zeros_like(Q), np.zeros_like(K), np.zeros_like(V)
    for h in range(Hq):
        g = h // group
        dV[g] += P[h].T @ dO[h]
        dP = dO[h] @ V[g].T
        dS = P[h] * (dP - np.sum(dP * P[h], axis=1, keepdims=True)) / np.sqrt(d)
        dQ[h] = dS @ K[g]
        dK[g] += dS.T @ Q[h]
    return dQ, dK, dV
"""
GUESSED = {  # a layer, a part of it, and what is the same where lengths are equal by chance
    "queries as wide as values": (
        SCALED,
        "keepdims=True)) / np.sqrt(k.shape[1])",
        "keepdims=True)) / np.sqrt(v.shape[1])",
    ),
    "hidden units as many as features": (FEED_FORWARD, "* x.shape[-1]", "* h.shape[-1]"),
    "sentences as long as each other": (
        TWO_SENTENCES,
        "keepdims=True)) / np.sqrt(len(xkv))",
        "keepdims=True)) / np.sqrt(len(xq))",
    ),
    "as many keys as queries": (GROUPED, "dK[g] += dS.T", "dK[g] = dS.T"),
}


@pytest.mark.parametrize(("text", "right", "wrong"), GUESSED.values(), ids=GUESSED)
def test_what_is_right_for_equal_lengths_alone_is_not_judged(check, text, right, wrong):
    status, printed = check(text)
    assert status == 0, printed
    assert "cannot be told apart" not in printed
    assert right in text
    mistaken = text.replace(right, wrong)
    status, printed = check(mistaken)
    assert status == 2, printed
    equal, others = re.search(
        r'right where some lengths are equal, .* --shapes "?(\S+?)"?, or not, as in --shapes "?(\S+?)"?; then', printed
    ).groups()
    assert check(mistaken, "--shapes", equal)[0] == 0
    assert check(mistaken, "--shapes", others)[0] == 1


def test_a_mistake_that_equal_lengths_hide_is_told_beside_another_one(check):
    text = FEED_FORWARD.replace("* x.shape[-1]", "* h.shape[-1]").replace("dg = (dy", "dg = (2 * dy")
    status, printed = check(text, "--hints=0")
    assert status == 1
    assert "2 gradients are wrong: dg and dx." in printed


def test_what_a_search_makes_equal_and_forward_does_not_need_is_not_judged(check):
    made = "dW2 = np.zeros((W2.shape[0], W2.shape[0]))\n    dW2 += (a * s * b).T @ dy"
    text = GATED.replace("dW2 = (a * s * b).T @ dy", made)
    status, printed = check(text)
    assert status == 2, printed
    here, others = re.search(
        r'yours are as here, --shapes "?(\S+?)"?, or all different, --shapes "?(\S+?)"?;', printed
    ).groups()
    assert check(text, "--shapes", here)[0] == 0
    assert check(text, "--shapes", others)[0] == 1
    status, printed = check(text.replace("(W2.shape[0], W2.shape[0])", "W2.shape"))
    assert status == 0, printed
    assert "cannot be told apart" not in printed


def test_a_matrix_that_has_to_be_square_hides_nothing(check):
    text = """
def rnn_forward(x, h0, Wx, Wh):
    h = [h0]
    for t in range(x.shape[1]):
        h.append(np.tanh(x[:, t] @ Wx + h[-1] @ Wh))
    return np.stack(h[1:], axis=1), (x, Wx, Wh, h)

def rnn_backward(dout, cache):
    x, Wx, Wh, h = cache
    dx, dWx, dWh, dh = np.zeros_like(x), np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(h[0])
    for t in reversed(range(x.shape[1])):
        da = (dout[:, t] + dh) * (1 - h[t + 1] ** 2)
        dx[:, t] = da @ Wx.T
        dWx += x[:, t].T @ da
        dWh += h[t].T @ da
        dh = da @ Wh.T
    return dx, dh, dWx, dWh
"""
    status, printed = check(text)
    assert status == 0, printed
    assert "cannot be told apart" not in printed
    assert "cannot be told apart" in check(text, "--shapes", "Wh=4x4,x=3x7x5,h0=3x4,Wx=5x4")[1]  # which were not tried


def test_shapes_are_searched_for_a_limited_time(check, monkeypatch):
    monkeypatch.setattr(fitting, "SECONDS", 0.0)
    assert check(SCALED)[0] == 0  # with the lengths that were guessed
    status, printed = check(GATED)
    assert status == 2
    assert "--shapes" in printed


@pytest.mark.parametrize("seed", range(40))
def test_lengths_are_equal_only_where_forward_needs_it(seed):
    """Programs of random products and sums, each axis of which has a letter; all letters have one length at first."""
    rng = np.random.default_rng(seed)
    letters, arrays = "abcdefg", dict[str, str]()
    steps = list[str]()
    out = "".join(rng.permutation([*letters])[:2])
    arrays["x"] = out
    for k in range(rng.integers(2, 6)):
        other = "".join(rng.permutation([*letters])[: rng.integers(1, 4)])
        arrays[f"w{k}"] = other
        every = [*dict.fromkeys(out + other)]
        new = "".join(rng.permutation(every)[: min(3, len(every))])
        steps.append(f"{out},{other}->{new}")
        out = new

    def run(guess):
        made = guess.arguments["x"]
        for k, step in enumerate(steps):
            try:
                made = np.einsum(step, made, guess.arguments[f"w{k}"])
            except ValueError:
                return (0, k), f"np.einsum({step!r}, made, w{k})"
        return DONE, ""

    drawn = {name: rng.normal(size=(5,) * len(axes)) for name, axes in arrays.items()}
    found = told_apart(Guess(drawn, free=frozenset(drawn)), run, seed)
    assert found.apart is None
    lengths = {name: dict(zip(axes, found.guess.arguments[name].shape, strict=True)) for name, axes in arrays.items()}
    by_letter = {letter: {own[letter] for own in lengths.values() if letter in own} for letter in letters}
    assert sum(map(len, by_letter.values())) == len(set().union(*by_letter.values()))
