"""Layers whose inputs nobody gave: right ones are never wrong for what was guessed, and wrong ones never pass."""

import re
from textwrap import indent

import numpy as np
import pytest

from micrograd_tensor.cli.shapes_option import said_as_option, values_of


def pair(parameters, forward, cache, backward):
    """A layer's text: the names of its inputs, the lines of forward, what it keeps, the lines of backward."""
    lines = [f"def f_forward({parameters}):", *(f"    {line}" for line in forward), f"    return out, ({cache},)"]
    lines += ["", "def f_backward(dout, kept):", f"    {cache}, = kept", *(f"    {line}" for line in backward)]
    return "\n".join(lines) + "\n"


RIGHT = {
    "a bias for each feature": pair("x, b", ["out = x + b"], "x", ["return dout, dout.sum(axis=0)"]),
    "a bias for images": pair(
        "x, b", ["out = x + b[None, :, None, None]"], "x", ["return dout, dout.sum(axis=(0, 2, 3))"]
    ),
    "a bias for sequences": pair("x, b", ["out = x + b"], "x", ["N, T, D = x.shape", "return dout, dout.sum((0, 1))"]),
    "a bias in a row": pair("x, b", ["out = x + b"], "x", ["return dout, dout.sum(axis=0, keepdims=True)"]),
    "a bias in a column": pair(
        "W, X, b", ["out = W @ X + b"], "W, X", ["return dout @ X.T, W.T @ dout, np.sum(dout, axis=1, keepdims=True)"]
    ),
    "weights in rows": pair(
        "x, W, b", ["out = x @ W.T + b"], "x, W", ["return dout @ W, dout.T @ x, dout.sum(axis=0)"]
    ),
    "scale and shift, numbers": pair(
        "x, scale, shift", ["out = x * scale + shift"], "x, scale",
        ["return dout * scale, np.sum(dout * x), np.sum(dout)"],
    ),
    "scale and shift, arrays": pair(
        "x, scale, shift", ["out = x * scale + shift"], "x, scale",
        ["return dout * scale, np.sum(dout * x, axis=0), np.sum(dout, axis=0)"],
    ),
    "prelu with a number": pair(
        "x, a", ["out = np.where(x > 0, x, a * x)"], "x, a",
        ["return np.where(x > 0, dout, a * dout), np.sum(dout * np.where(x > 0, 0, x))"],
    ),
    "prelu for each feature": pair(
        "x, a", ["out = np.where(x > 0, x, a * x)"], "x, a",
        ["return np.where(x > 0, dout, a * dout), np.sum(dout * np.where(x > 0, 0, x), axis=0)"],
    ),
    "swish": pair(
        "x, beta", ["s = 1 / (1 + np.exp(-beta * x))", "out = x * s"], "x, s, beta",
        ["return dout * (s + beta * x * s * (1 - s)), np.sum(dout * x * x * s * (1 - s))"],
    ),
    "a line": pair("x, w, b", ["out = w * x + b"], "x, w", ["return dout * w, np.sum(dout * x), np.sum(dout)"]),
    "a neuron": pair(
        "x, w, b", ["out = x @ w + b"], "x, w", ["return np.outer(dout, w), x.T @ dout, np.sum(dout)"]
    ),
    "a sum of two": pair("a, b", ["out = a + b"], "a", ["return dout, dout"]),
    "a product of two": pair("a, b", ["out = a * b"], "a, b", ["return dout * b, dout * a"]),
    "vectors": pair(
        "x, W, b", ["out = W @ x + b"], "x, W", ["return W.T @ dout, np.outer(dout, x), dout"]
    ),
    "positions": pair("x, pos", ["out = x + pos"], "x", ["N, T, D = x.shape", "return dout, dout.sum(axis=0)"]),
    "names that are not English": pair(
        "eingabe, gewichte, versatz", ["out = eingabe @ gewichte + versatz"], "eingabe, gewichte",
        ["return dout @ gewichte.T, eingabe.T @ dout, dout.sum(axis=0)"],
    ),
    "names that are not English, without a bias": pair(
        "entree, poids", ["out = np.dot(entree, poids)"], "entree, poids", ["return dout @ poids.T, entree.T @ dout"]
    ),
    "names that are not English, weights in rows": pair(
        "entree, poids, biais", ["out = entree @ poids.T + biais"], "entree, poids",
        ["return dout @ poids, dout.T @ entree, dout.sum(axis=0)"],
    ),
    "Greek names": pair(
        "x, θ, β", ["out = x @ θ + β"], "x, θ", ["return dout @ θ.T, x.T @ dout, dout.sum(axis=0)"]
    ),
    "an outer product": pair(
        "x, u, v", ["out = x @ np.outer(u, v)"], "x, u, v",
        ["dm = x.T @ dout", "return dout @ np.outer(u, v).T, dm @ v, dm.T @ u"],
    ),
    "weights of three axes": pair(
        "a1, a2, W, b", ["out = np.einsum('bi,oij,bj->bo', a1, W, a2) + b"], "a1, a2, W",
        ["return (np.einsum('bo,oij,bj->bi', dout, W, a2), np.einsum('bo,oij,bi->bj', dout, W, a1), "
         "np.einsum('bo,bi,bj->oij', dout, a1, a2), dout.sum(axis=0))"],
    ),
    "logarithm": pair("x", ["out = np.log(x)"], "x", ["return dout / x"]),
    "square root": pair("x", ["out = np.sqrt(x)"], "out", ["return dout / (2 * out)"]),
    "images normed by place": pair(
        "x, gamma, beta",
        ["N, C, H, W = x.shape", "mu = x.mean(axis=(0, 2, 3), keepdims=True)",
         "s = x.std(axis=(0, 2, 3), keepdims=True)", "h = (x - mu) / s",
         "out = h * gamma.reshape(1, C, 1, 1) + beta.reshape(1, C, 1, 1)"],
        "h, s, gamma",
        ["C = gamma.size", "dh = dout * gamma.reshape(1, C, 1, 1)", "over = (0, 2, 3)",
         "dx = (dh - dh.mean(over, keepdims=True) - h * (dh * h).mean(over, keepdims=True)) / s",
         "return dx, (dout * h).sum(over), dout.sum(over)"],
    ),
    "what others are indexed by": """
def select_forward(q, actions):
    return q[np.arange(len(actions)), actions], (q.shape, actions)

def select_backward(dout, cache):
    shape, actions = cache
    dq = np.zeros(shape)
    dq[np.arange(len(actions)), actions] = dout
    return dq
""",
    "a state beside steps along the first axis": """
def rnn_forward(x, h0, Wx, Uh):
    h = [h0]
    for xt in x:
        h.append(np.tanh(xt @ Wx + h[-1] @ Uh))
    return np.stack(h[1:]), (x, h, Wx, Uh)

def rnn_backward(dh, cache):
    x, h, Wx, Uh = cache
    dx, dWx, dUh, dnext = np.zeros_like(x), np.zeros_like(Wx), np.zeros_like(Uh), np.zeros_like(h[0])
    for t in reversed(range(len(x))):
        da = (dh[t] + dnext) * (1 - h[t + 1] ** 2)
        dx[t] = da @ Wx.T
        dWx += x[t].T @ da
        dUh += h[t].T @ da
        dnext = da @ Uh.T
    return dx, dnext, dWx, dUh
""",
    "images without channels, as the axes tell": """
class Dice:
    def forward(self, pred, target):
        self.both, self.all = (pred * target).sum(axis=(1, 2)), (pred + target).sum(axis=(1, 2))
        self.target = target
        return 1 - np.mean((2 * self.both + 1) / (self.all + 1))

    def backward(self):
        below = (self.all + 1)[:, None, None]
        dpred = -(2 * self.target / below - (2 * self.both + 1)[:, None, None] / below**2) / len(self.target)
        return dpred
""",
    "as many classes as there are scores": """
class SmoothedCrossEntropy:
    def __init__(self, num_classes, smoothing=0.1):
        self.K, self.s = num_classes, smoothing

    def forward(self, logits, labels):
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        self.p = e / e.sum(axis=1, keepdims=True)
        self.q = np.full(logits.shape, self.s / self.K)
        self.q[np.arange(len(labels)), labels] += 1 - self.s
        return -np.sum(self.q * np.log(self.p)) / len(labels)

    def backward(self):
        dlogits = (self.p - self.q) / len(self.p)
        return dlogits
""",
    "a mean and a deviation for all": """
def likelihood_loss(x, mu, s):
    loss = np.sum((x - mu) ** 2) / (2 * s**2) + x.size * np.log(s)
    dmu = -np.sum(x - mu) / s**2
    ds = -np.sum((x - mu) ** 2) / s**3 + x.size / s
    return loss, dmu, ds
""",
    "a variance for all, of a loss without an upstream": """
def nll(w, X, y, sigma):
    r = y - X @ w
    return 0.5 * np.sum(r**2) / sigma**2 + len(y) * np.log(sigma)

def nll_backward(w, X, y, sigma):
    r = y - X @ w
    dw = -X.T @ r / sigma**2
    dsigma = -np.sum(r**2) / sigma**3 + len(y) / sigma
    return dw, dsigma
""",
    "a factor that is called as a stride": """
def scaled_loss(w, s, x):
    u = x @ w
    dz = 2 * s * u
    return np.sum((s * u) ** 2), x.T @ (dz * s), np.sum(dz * u)
""",
    "a mask beside what may be whole numbers": """
def factors_loss(U, V, R, mask, reg=0.1):
    E = mask * (R - U @ V.T)
    loss = (E**2).sum() / 2 + reg / 2 * ((U**2).sum() + (V**2).sum())
    return loss, -E @ V + reg * U, -E.T @ U + reg * V
""",
}  # fmt: skip


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT)
def test_right_layers_are_right_whatever_the_shapes_are_that_they_mean(check, text):
    status, printed = check(text)
    assert status == 0, printed
    assert "right" in printed
    assert "is wrong" not in printed


@pytest.mark.parametrize(
    "text", [t for t in RIGHT.values() if "return dout" in t], ids=[n for n, t in RIGHT.items() if "return dout" in t]
)
def test_the_same_layers_with_a_sign_that_is_wrong_do_not_pass(check, text):
    status, printed = check(text.replace("return dout", "return -dout"))
    assert status == 1
    assert re.search("✗ d(x|a|W|eingabe|entree) is wrong", printed)


LOSSES = {
    "softmax of one-hot labels": (
        "scores, t",
        ["p = np.exp(scores - scores.max(1, keepdims=True))", "p /= p.sum(axis=1, keepdims=True)",
         "out = -np.sum(t * np.log(p)) / len(t)"],
        "p, t", ["return (p - t) / len(t) * dout"], "one-hot",
    ),
    "softmax of one-hot labels in columns": (
        "Z, Y",
        ["A = np.exp(Z - Z.max(axis=0))", "A = A / A.sum(axis=0)", "out = -np.sum(Y * np.log(A)) / Z.shape[1]"],
        "A, Y", ["return (A - Y) / Y.shape[1] * dout"], "one-hot in columns",
    ),
    "cross entropy of probabilities": (
        "p, y", ["out = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))"], "p, y",
        ["return dout * (p - y) / (p * (1 - p)) / p.size"], "between 0 and 1",
    ),
    "cross entropy of probabilities that are clipped": (
        "y_pred, y_true",
        ["p = np.clip(y_pred, 1e-7, 1 - 1e-7)", "out = -np.mean(y_true * np.log(p) + (1 - y_true) * np.log(1 - p))"],
        "y_pred, y_true", ["return dout * (y_pred - y_true) / (y_pred * (1 - y_pred)) / y_pred.size"],
        "between 0 and 1",
    ),
    "logistic, of both signs": (
        "z, y", ["out = np.mean(np.log(1 + np.exp(-y * z)))"], "z, y",
        ["return dout * -y / (1 + np.exp(y * z)) / len(y) / z.shape[1]"], "0 and 1",
    ),
    "squares": ("y_hat, y", ["out = np.mean((y_hat - y) ** 2)"], "y_hat, y",
                ["return dout * 2 * (y_hat - y) / y.size"], ""),
}  # fmt: skip


@pytest.mark.parametrize(("parameters", "forward", "cache", "backward", "said"), LOSSES.values(), ids=LOSSES)
def test_losses_are_right_for_the_labels_and_probabilities_that_they_mean(
    check, parameters, forward, cache, backward, said
):
    text = pair(parameters, forward, cache, backward)
    for options in ((), ("--shapes", ",".join(f"{name}=6x4" for name in parameters.split(", ")))):
        status, printed = check(text, *options)
        assert status == 0, printed
        assert "is wrong" not in printed
        assert "Warning" not in printed
        assert said in printed
        assert said or "one-hot" not in printed
    for old, new in ((" - ", " + "), ("* dout", "* dout * 2"), ("return dout", "return 2 * dout")):
        wrong = backward[0].replace(old, new)
        if wrong != backward[0]:
            assert check(pair(parameters, forward, cache, [wrong]))[0] == 1, wrong


@pytest.mark.parametrize("shapes", ["p=7,y=7", "p=7x1,y=7x1", "p=1x7,y=1x7", "p=1,y=1", "p=5x3,y=5x3"])
def test_labels_of_two_classes_leave_nothing_untried_whatever_their_shape(check, shapes):
    forward = ["out = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))"]
    right = "dout * (-y / p + (1 - y) / (1 - p)) / y.size"
    assert check(pair("p, y", forward, "p, y", [f"return {right}"]), "--shapes", shapes)[0] == 0
    for wrong in ("dout * -y / p / y.size", "dout * (1 - y) / (1 - p) / y.size"):
        assert check(pair("p, y", forward, "p, y", [f"return {wrong}"]), "--shapes", shapes)[0] == 1, wrong


@pytest.mark.parametrize(
    ("loss", "right", "wrong", "line"),
    [
        ("softmax of one-hot labels", " / len(t)", "", "return (p - t) * dout / p.shape[0]"),
        ("softmax of one-hot labels", "p - t", "p + t", "return (p - t) / len(t) * dout"),
        ("softmax of one-hot labels in columns", "A - Y", "Y - A", "return (A - Y) / Y.shape[1] * dout"),
        ("softmax of one-hot labels in columns", "/ Y.shape[1]", "/ Y.shape[0]", "return (A - Y) / A.shape[1] * dout"),
        ("logistic, of both signs", " * -y", " * y", "return -dout * y / (1 + np.exp(y * z)) / len(y) / z.shape[1]"),
    ],
)
def test_a_mistake_in_a_loss_gets_the_line_that_is_right_for_its_labels(check, loss, right, wrong, line):
    parameters, forward, cache, [backward], _ = LOSSES[loss]
    assert right in backward
    text = pair(parameters, forward, cache, [backward.replace(right, wrong)])
    status, printed = check(text, "--hints", "3")
    assert status == 1
    assert re.search(rf"3 the fix +line \d+: {re.escape(line)}\n", printed), printed


MISSING = {
    "batch norm": (
        pair("x, gamma, beta", ["h = (x - x.mean(axis=0)) / x.std(axis=0)", "out = h * gamma + beta"], "h, gamma",
             ["return None, np.sum(dout * h), np.sum(dout)"]),
        "gamma=5",
    ),
    "rms norm": (
        pair("x, g", ["h = x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True))", "out = h * g"], "h",
             ["return None, np.sum(dout * h)"]),
        "g=5",
    ),
    "affine": (
        pair("x, w, b", ["out = x @ w + b"], "x, w", ["return dout @ w.T, x.T @ dout, np.sum(dout)"]), "b=3",
    ),
    "gamma alone": (pair("x, gamma", ["out = x * gamma"], "x", ["return None, np.sum(dout * x)"]), "gamma=5"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "option"), MISSING.values(), ids=MISSING)
def test_a_single_number_where_an_array_is_likelier_is_neither_right_nor_wrong_before_its_shape_is_said(
    check, text, option
):
    status, printed = check(text)
    assert status == 1
    assert "is wrong" not in printed
    assert "could not be judged" in printed
    assert f"--shapes {option}" in printed
    status, printed = check(
        text, "--shapes", option.replace("gamma=5", "gamma=5,beta=5" if "beta" in text else "gamma=5")
    )
    assert status == 1
    assert "is wrong" in printed
    assert "wrong axis: " in printed
    assert "axis=0) is due" in printed
    name = option.split("=")[0]
    single = f"{name}=(),beta=()" if "beta" in text else f"{name}=()"
    assert "is wrong" not in check(text, "--shapes", single)[1]


FORGOTTEN = {
    "a transpose": pair("x", ["out = x * x"], "x", ["return (2 * dout * x).T"]),
    "a sum": pair("x, b", ["out = x + b"], "x", ["return dout, dout"]),
    "a sum over what is scaled": pair("x, gamma", ["out = x * gamma"], "x, gamma", ["return dout * gamma, dout * x"]),
    "a sum beside weights": pair("x, w, b", ["out = x @ w + b"], "x, w", ["return dout @ w.T, x.T @ dout, dout"]),
    "a transpose of weights": pair(
        "x, w, b", ["out = x @ w + b"], "x, w", ["return dout @ w.T, dout.T @ x, dout.sum(axis=0)"]
    ),
}


def test_an_error_at_guessed_shapes_is_not_held_against_a_layer(check):
    text = """
def euler_forward(I, V0):
    V = [V0]
    for current in I:
        V.append(0.9 * V[-1] + 0.1 * current)
    return np.array(V[1:]), (I, V0)

def euler_backward(dV, cache):
    I, V0 = cache
    dI, dV0 = np.zeros_like(I) + np.zeros((11, 3)), np.zeros_like(V0)
    for t in reversed(range(len(I))):
        dV0 += dV[t]
        dI[t] = 0.1 * dV0
        dV0 *= 0.9
    return dI, dV0
"""
    status, printed = check(text)
    assert status == 1
    assert "backward stops with an error; they were I=7x5,V0=7x5, and if yours are others, say them" in printed
    assert "But it is not known whether backward is right: it stops with an error." in printed
    status, printed = check(text, "--shapes", "I=11x3,V0=3")
    assert status == 0, printed


MEANS = {
    "squared error": """
def mse_loss(pred, target):
    diff = pred - target
    return np.mean(diff ** 2), 2 * diff / len(pred)
""",
    "hinge": """
def hinge_loss(scores, y):
    margins = np.maximum(0, 1 - scores * y)
    return np.mean(margins), np.where(margins > 0, -y, 0.0) / y.shape[0]
""",
    "clipped ratios": """
def ppo_loss(logp, old_logp, adv, clip=0.2):
    ratio = np.exp(logp - old_logp)
    gain, clipped = ratio * adv, np.clip(ratio, 1 - clip, 1 + clip) * adv
    return -np.minimum(gain, clipped).mean(), np.where(gain <= clipped, -gain, 0.0) / len(adv)
""",
}


@pytest.mark.parametrize("text", MEANS.values(), ids=MEANS)
def test_a_mean_over_a_length_is_neither_right_nor_wrong_before_it_is_said_how_many_axes_there_are(check, text):
    status, printed = check(text)
    assert status == 1
    assert "is wrong" not in printed
    several, one = (re.search(rf'--shapes "?(\S+?)"?{end}', printed)[1] for end in (r"\n", " or "))
    assert check(text, "--shapes", one)[0] == 0
    status, printed = check(text, "--shapes", several)
    assert status == 1
    assert "shape[1]" in printed or ".size" in printed
    status, printed = check(text.replace(" / ", " / 2 / "))
    assert status == 1
    assert "1 gradient is wrong" in printed


FITTING = {
    "group norm, whose weights only scale": (
        pair(
            "x, weight, bias",
            ["N, C, H, W = x.shape", "h = x - x.mean(axis=(2, 3), keepdims=True)",
             "out = h * weight[:, None, None] + bias[:, None, None]"],
            "h, weight",
            ["dh = dout * weight[:, None, None]", "dx = dh - dh.mean(axis=(2, 3), keepdims=True)",
             "return dx, (dout * h).sum(axis=(0, 2, 3)), dout.sum(axis=(0, 2, 3))"],
        ),
        "x (3, 4, 6, 7), weight (4,), bias (4,)",
        "dout * h",
    ),
    "a cell of three gates": (
        pair(
            "x, h, W_ih, W_hh, b_ih, b_hh",
            ["a, b, c = np.split(x @ W_ih.T + b_ih + h @ W_hh.T + b_hh, 3, axis=1)", "out = h * a + b * c"],
            "x, h, W_ih, W_hh, a, b, c",
            ["dz = np.hstack((dout * h, dout * c, dout * b))", "dh = dout * a + dz @ W_hh",
             "return dz @ W_ih, dh, dz.T @ x, dz.T @ h, dz.sum(axis=0), dz.sum(axis=0)"],
        ),
        "W_ih (9, 5), W_hh (9, 3), b_ih (9,), b_hh (9,)",
        "dz.T @ h",
    ),
    "square weights": (
        pair(
            "x, Wt, Wh", ["t, h = x @ Wt, x @ Wh", "out = t * h + (1 - t) * x"], "x, t, h, Wt, Wh",
            ["dt, dh = dout * (h - x), dout * t", "dx = dout * (1 - t) + dt @ Wt.T + dh @ Wh.T",
             "return dx, x.T @ dt, x.T @ dh"],
        ),
        "x (7, 5), Wt (5, 5), Wh (5, 5)",
        "x.T @ dh",
    ),
    "a weight for each index": (
        pair(
            "weight, indices, scale", ["rows = weight[indices]", "out = np.einsum('bld,bl->bd', rows, scale)"],
            "weight, rows, indices, scale",
            ["dweight = np.zeros_like(weight)",
             "np.add.at(dweight, indices, scale[..., None] * dout[:, None])",
             "return dweight, np.einsum('bld,bd->bl', rows, dout)"],
        ).replace("scale", "sample_scores"),
        "weight (6, 4), indices (3, 7), sample_scores (3, 7)",
        "np.einsum('bld,bd->bl', rows, dout)",
    ),
    "a number for each example": (
        pair(
            "logits, actions, advantages",
            ["out = logits[np.arange(len(logits)), actions] * advantages"],
            "logits, actions, advantages",
            ["dlogits = np.zeros_like(logits)", "dlogits[np.arange(len(logits)), actions] = dout * advantages",
             "return dlogits, dout * logits[np.arange(len(logits)), actions]"],
        ),
        "logits (7, 5), actions (7,), advantages (7,)",
        "dout * advantages",
    ),
    "words of a context, and one that is meant": (
        """
class Words:
    def __init__(self, vocab_size, embed_dim):
        self.W_in = np.random.randn(vocab_size, embed_dim)
        self.W_out = np.random.randn(embed_dim, vocab_size)

    def forward(self, contexts, target):
        self.contexts, self.target = contexts, target
        self.h = self.W_in[contexts].mean(axis=1)
        e = np.exp(self.h @ self.W_out)
        self.p = e / e.sum(axis=1, keepdims=True)
        return -np.mean(np.log(self.p[np.arange(len(target)), target]))

    def backward(self):
        n, m = self.contexts.shape
        ds = self.p.copy()
        ds[np.arange(n), self.target] -= 1
        ds /= n
        self.dW_out = self.h.T @ ds
        self.dW_in = np.zeros_like(self.W_in)
        np.add.at(self.dW_in, self.contexts, np.repeat((ds @ self.W_out.T)[:, None], m, axis=1) / m)
""",
        "contexts (3, 7), target (3,)",
        "self.h.T @ ds",
    ),
    "pairs that are alike or not": (
        """
def contrastive_loss(z1, z2, same):
    diff = z1 - z2
    square = (diff ** 2).sum(axis=1)
    dz1 = 2 * (same / len(z1))[:, None] * diff
    return np.mean(same * square), dz1, -dz1
""",
        "z1 (7, 5), z2 (7, 5), same (7,)",
        "(same / len(z1))",
    ),
    "targets of what weights in an object make": (
        """
class Net:
    def __init__(self):
        self.W1, self.W2 = np.random.randn(3, 4), np.random.randn(4, 1)

    def loss(self, x, y):
        h = np.tanh(x @ self.W1)
        diff = h @ self.W2 - y
        dout = 2 * diff / diff.size
        dh = dout @ self.W2.T * (1 - h ** 2)
        return np.mean(diff ** 2), {"W1": x.T @ dh, "W2": h.T @ dout}
""",
        "x (7, 3), y (7, 1)",
        "h.T @ dout",
    ),
    "targets that the backward pass takes again": (
        """
class Net:
    def __init__(self):
        self.W1, self.W2 = np.random.randn(3, 4), np.random.randn(4, 5)

    def forward(self, x):
        self.x = x
        self.h = np.tanh(x @ self.W1)
        self.out = self.h @ self.W2
        return self.out

    def cost(self, x, y):
        return 0.5 * np.sum((self.forward(x) - y) ** 2) / len(y)

    def backward(self, y):
        dout = (self.out - y) / len(y)
        self.dW2 = self.h.T @ dout
        dh = dout @ self.W2.T * (1 - self.h ** 2)
        self.dW1 = self.x.T @ dh
        return dh @ self.W1.T
""",
        "x (7, 3), y (7, 5)",
        "self.h.T @ dout",
    ),
    "targets of a convolution": (
        """
def conv_loss(x, kernels, bias, y):
    n, length = x.shape
    k = kernels.shape[1]
    out = np.zeros((n, kernels.shape[0], length - k + 1))
    for i in range(length - k + 1):
        out[:, :, i] = x[:, i:i + k] @ kernels.T + bias
    loss = ((out - y) ** 2).sum() / y.size
    d = 2 * (out - y) / y.size
    dx, dkernels = np.zeros_like(x), np.zeros_like(kernels)
    for i in range(length - k + 1):
        dx[:, i:i + k] += d[:, :, i] @ kernels
        dkernels += d[:, :, i].T @ x[:, i:i + k]
    return loss, dx, dkernels, d.sum(axis=(0, 2))
""",
        "y (7, 3, 1)",
        "d.sum(axis=(0, 2))",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "shapes", "part"), FITTING.values(), ids=FITTING)
def test_shapes_that_fit_are_found(check, text, shapes, part):
    status, printed = check(text)
    assert status == 0, printed
    assert shapes in printed
    status, printed = check(text.replace(part, f"3 * {part}"))
    assert status == 1
    assert "wrong" in printed


def test_labels_that_weights_of_classes_are_broadcast_to_keep_their_shape(check):
    text = """
def weighted_loss(logits, y, w):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    wy = w * y
    loss = -np.sum(wy * np.log(p)) / len(y)
    return loss, (p * wy.sum(axis=1, keepdims=True) - wy) / len(y)
"""
    status, printed = check(text, "--shapes", "w=5")
    assert status == 0, printed
    assert "y (7, 5), w (5,)" in printed
    assert check(text.replace("- wy)", "- y)"), "--shapes", "w=5")[0] == 1


def test_what_has_a_gradient_is_no_number_of_anything(check):
    text = pair(
        "q, k, v, slopes",
        ["H, T, d = q.shape", "far = np.arange(T)[None, :] - np.arange(T)[:, None]",
         "s = q @ k.transpose(0, 2, 1) + slopes[:, None, None] * far", "p = np.exp(s - s.max(-1, keepdims=True))",
         "p = p / p.sum(-1, keepdims=True)", "out = p @ v"],
        "q, k, v, slopes, p, far",
        ["dv, dp = p.transpose(0, 2, 1) @ dout, dout @ v.transpose(0, 2, 1)",
         "ds = p * (dp - (dp * p).sum(-1, keepdims=True))", "dslopes = (ds * far).sum((1, 2))",
         "return ds @ k, ds.transpose(0, 2, 1) @ q, dv, dslopes"],
    )  # fmt: skip
    status, printed = check(text)
    assert status == 0, printed
    assert "slopes (3,)" in printed
    assert check(text.replace("(ds * far)", "3 * (ds * far)"))[0] != 0


def test_two_shapes_that_differ_are_those_of_a_guess(check):
    text = """
def likeness_loss(z1, z2, alike):
    d = np.sqrt(((z1 - z2) ** 2).sum(axis=1))
    dd = alike / len(z1)
    dz1 = (dd / d)[:, None] * (z1 - z2)
    return np.mean(alike * d), dz1
"""
    status, printed = check(text)
    assert status == 2, printed
    assert "is wrong" not in printed
    assert "the shapes of the inputs were guessed" in printed
    assert check(text, "--shapes", "z1=7x5,z2=7x5,alike=7")[0] == 0


COMPOSITE = """
def composite_forward(sigma, rgb, deltas):
    alpha = 1 - np.exp(-sigma * deltas)
    color = (alpha[..., None] * rgb).sum(axis=1)
    return color, (sigma, rgb, deltas, alpha)

def composite_backward(dcolor, cache):
    sigma, rgb, deltas, alpha = cache
    drgb = alpha[..., None] * dcolor[:, None, :]
    dalpha = np.einsum("rsc,rc->rs", rgb, dcolor)
    dtau = dalpha * (1 - alpha)
    assert alpha.shape == (11, 6)
    return dtau * deltas, drgb, dtau * sigma
"""


def test_nothing_is_wrong_before_an_error_at_guessed_shapes(check):
    status, printed = check(COMPOSITE)
    assert status == 2
    assert "is wrong" not in printed
    assert "the shapes of the inputs were guessed, and at these backward stops with an error" in printed
    assert "ValueError: einstein sum subscripts string contains too many subscripts" in printed
    shapes = ("--shapes", "sigma=11x6,rgb=11x6x3,deltas=11x6")
    assert check(COMPOSITE, *shapes)[0] == 0
    mistaken = re.sub(r" +assert.*\n", "", COMPOSITE).replace("(1 - alpha)", "alpha")
    status, printed = check(mistaken, *shapes, "--hints", "3")
    assert status == 1
    assert "dtau = dalpha * (1 - alpha)" in printed


@pytest.mark.parametrize("text", FORGOTTEN.values(), ids=FORGOTTEN)
def test_what_would_be_right_for_arrays_of_one_axis_does_not_pass(check, text):
    status, printed = check(text)
    assert status == 1
    assert "is wrong" in printed or "could not be judged" in printed


def test_an_axis_that_is_missing_beside_one_that_is_there_is_a_mistake(check):
    text = pair(
        "x, gamma, beta", ["h = (x - x.mean(axis=0)) / x.std(axis=0)", "out = h * gamma + beta"], "h, gamma",
        ["dgamma = np.sum(dout * h)", "dbeta = dout.sum(axis=0)", "return None, dgamma, dbeta"],
    )  # fmt: skip
    status, printed = check(text)
    assert status == 1
    assert "✗ dgamma is wrong" in printed
    assert re.search(r"line \d+: dgamma = np.sum\(dout \* h\)", printed)
    assert "The shapes of the inputs were guessed, and at these dgamma has another shape" in printed
    assert "they were x=7x5,gamma=5,beta=5, and if yours are others" in printed
    assert check(text.replace("dout * h)", "dout * h, axis=0)"))[0] == 1  # dx is None
    assert "guessed" not in check(text, "--shapes", "x=7x5,gamma=5,beta=5")[1]


@pytest.mark.parametrize("shapes", [{"x": (4, 5)}, {"a": ()}, {"x": (2, 3, 4), "b": (3,), "c": ()}])
def test_shapes_are_said_as_the_option_reads_them(shapes):
    assert values_of(said_as_option(shapes)) == shapes


def test_nothing_but_the_users_numbers_is_used_where_all_are_given(check):
    text = pair("x, a", ["out = a * x"], "x, a", ["return dout * a, np.sum(dout * x)"])
    given = "\ndef inputs():\n    return {'x': np.arange(6.0).reshape(2, 3) + 1, 'a': np.array([1.0, 2.0, 3.0])}\n"
    status, printed = check(text + given)
    assert status == 1
    assert re.search(r"inputs given by inputs\(\): x \(2, 3\), a \(3,\)", printed)
    assert "guessed" not in printed
    assert np.isfinite(status)


@pytest.mark.parametrize("activation", ["np.tanh(x)", "x * x"])
def test_what_is_wrong_and_has_nothing_to_do_with_labels_is_not_run_at_other_numbers(check, tmp_path, activation):
    runs = []
    for gradient in ("dout @ w.T", "-dout @ w.T"):
        log = tmp_path / f"log{len(runs)}"
        text = f"""
def f_forward(x, w):
    with open({str(log)!r}, "a") as log:
        log.write("x")
    return {activation} @ w, (x, w)

def f_backward(dout, kept):
    x, w = kept
    return {gradient} * {"(1 - np.tanh(x) ** 2)" if "tanh" in activation else "2 * x"}, ({activation}).T @ dout
"""
        status, _ = check(text)
        assert status == len(runs)
        runs.append(len(log.read_text()))
    right, wrong = runs
    assert wrong <= right + 2 * 5  # a fix is tried at five more points


@pytest.mark.parametrize("name", ["rate", "prob", "p", "dropout", "drop_prob", "keep_prob", "dropout_rate"])
def test_the_share_that_a_dropout_keeps_is_a_single_number(check, name):
    status, printed = check(f"""
class Dropout:
    def __init__(self, {name}):
        self.kept = {name}

    def forward(self, x):
        self.mask = np.random.binomial(1, self.kept, size=x.shape) / self.kept
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask
""")
    assert status == 0, printed


@pytest.mark.parametrize(
    ("which", "first"),
    [
        ("!= ignore_index", "def nll_loss(logp, targets, ignore_index=-100):"),
        ("!= -1", "def nll_loss(logp, targets):"),
        (">= 0", "def nll_loss(logp, targets):"),
        ("!= IGNORED", "IGNORED = -100\n\ndef nll_loss(logp, targets):"),
        ("!= self.ignored", "def nll_loss(logp, targets):"),
    ],
)
def test_a_label_that_is_left_out_is_among_those_that_are_drawn(check, which, first):
    text = """
def nll_loss(logp, targets, ignore_index=-100):
    rows = np.arange(len(targets))
    valid = targets != ignore_index
    safe = np.where(valid, targets, 0)
    loss = -np.sum(logp[rows, safe] * valid) / valid.sum()
    dlogp = np.zeros_like(logp)
    dlogp[rows, safe] = -1.0
    dlogp *= valid[:, None] / valid.sum()
    return loss, dlogp
"""
    text = text.replace("def nll_loss(logp, targets, ignore_index=-100):", first).replace("!= ignore_index", which)
    if "self" in which:
        made = "class Loss:\n    def __init__(self, ignored=-1):\n        self.ignored = ignored\n\n"
        text = made + indent(text.replace("loss(logp", "loss(self, logp"), "    ")
    status, printed = check(text)
    assert status == 0, printed
    assert check(text.replace("valid[:, None] / valid.sum()", "valid[:, None] / len(targets)"))[0] == 1
    assert check(text.replace("valid[:, None] / valid.sum()", "1 / valid.sum()"))[0] == 1


NUMBERS = {
    "a deviation": """
def policy_loss(mu, log_sigma, action, adv):
    z = (action - mu) / np.exp(log_sigma)
    loss = -np.mean(adv * (-0.5 * z**2 - log_sigma))
    dmu = -adv * z / np.exp(log_sigma) / mu.size
    dlog_sigma = -np.sum(adv * (z**2 - 1)) / mu.size
    return loss, dmu, dlog_sigma
""",
    "coefficients of what has one axis": """
def line_loss(a, b, x, y):
    r = a * x + b - y
    da = 2 * np.sum(r * x) / len(x)
    db = 2 * np.sum(r) / len(x)
    return np.mean(r**2), da, db
""",
    "weights of one column": """
def scaled_loss(w, s, x):
    u = x @ w
    dz = 2 * s * u / len(u)
    return np.mean((s * u) ** 2), x.T @ (dz * s), np.sum(dz * u)
""",
}


@pytest.mark.parametrize("text", NUMBERS.values(), ids=NUMBERS)
def test_what_is_right_with_single_numbers_or_of_one_axis_is_not_called_wrong(check, text):
    status, printed = check(text)
    assert (status, "wrong here" in printed) == (1, False), printed
    option = re.search(
        r'if it has not: --shapes "?([^\s"]+)|which yours are: --shapes "?(\S+?)"? or', " ".join(printed.split())
    )
    shapes = option[1] or option[2]
    status, printed = check(text, "--shapes", shapes)
    assert (status, "wrong" in printed) == (0, False), printed
    assert check(text.replace("np.sum(", "3 * np.sum("), "--shapes", shapes)[0] == 1


def test_labels_that_are_compared_are_one_thing_and_the_other(check):
    text = """
def bce_loss(p, y):
    loss = -np.where(y == 1, np.log(p), np.log(1 - p)).mean()
    dp = np.where(y == 1, -1 / p, 1 / (1 - p)) / p.size
    return loss, dp
"""
    assert check(text)[0] == 0
    status, printed = check(text.replace("-1 / p", "1 / p"))
    assert status == 1
    assert "p (7, 5), y (7, 5), numbers between 0 and 1" in printed


def test_a_mask_has_not_as_many_ones_in_each_row(check):
    text = """
def average_forward(x, mask):
    N, T, D = x.shape
    m, count = mask[:, :, None], np.maximum(mask.sum(axis=1, keepdims=True), 1)
    return (x * m).sum(axis=1) / count, (m, count, x.shape)

def average_backward(dout, cache):
    m, count, shape = cache
    dx = np.broadcast_to((dout / count)[:, None, :], shape) * m
    return dx
"""
    assert check(text)[0] == 0
    for shapes in ("x=3x7x5,mask=3x7", "x=3x5x4,mask=3x5", "x=2x9x3,mask=2x9", "x=2x5x3,mask=2x5", "x=2x4x6,mask=2x4"):
        assert check(text.replace("dout / count", "dout / count.max()"), "--shapes", shapes)[0] == 1


def test_what_depends_on_nothing_at_inputs_that_were_found_may_at_others(check):
    text = """
def grouped_forward(x, w, groups=2):
    N, C = x.shape
    F = w.shape[0] // groups
    out = np.zeros((N, len(w)))
    for f in range(F * groups):
        out[:, f] = x[:, : w.shape[1]] @ w[f]
    return out, (x, w, groups)

def grouped_backward(dout, cache):
    x, w, groups = cache
    dw, dx = np.zeros_like(w), np.zeros_like(x)
    for f in range(w.shape[0] // groups * groups):
        dw[f] = dout[:, f] @ x[:, : w.shape[1]]
        dx[:, : w.shape[1]] += dout[:, f : f + 1] * w[f]
    return dx, dw
"""
    status, printed = check(text, "--shapes", "w=1x3")
    assert status == 2
    assert "depends on no argument of floats at the inputs that were found, " in printed
    assert check(text, "--shapes", "w=4x3")[0] == 0


def test_targets_of_what_an_object_computes_have_no_shape_that_is_broadcast(check):
    text = """
class Net:
    def __init__(self, d_in, d_h, d_out):
        self.W1, self.W2 = np.random.randn(d_in, d_h), np.random.randn(d_h, d_out)
        self.b = np.random.randn(d_out)

    def predict(self, X):
        self.h = np.tanh(X @ self.W1)
        self.out = self.h @ self.W2 + self.b
        return self.out

    def loss(self, X, y):
        return np.mean((self.predict(X) - y) ** 2)

    def gradients(self, X, y):
        self.predict(X)
        dout = 2 * (self.out - y) / y.size
        dh = dout @ self.W2.T * (1 - self.h**2)
        return {"W1": X.T @ dh, "W2": self.h.T @ dout, "b": dout.sum(axis=0)}
"""
    assert check(text)[0] == 0
    for shapes in ("X=7x5", "d_in=(5),d_h=(4),d_out=(3),X=7x5"):
        status, printed = check(text, "--shapes", shapes)
        assert "is wrong" not in printed
        assert status == 0 or "say what they are" in printed
    assert check(text, "--shapes", "d_in=(5),d_h=(4),d_out=(3),X=7x5,y=7x3")[0] == 0
    wrong = text.replace("2 * (self.out - y)", "(self.out - y)")
    assert check(wrong, "--shapes", "d_in=(5),d_h=(4),d_out=(3),X=7x5,y=7x3")[0] == 1


@pytest.mark.parametrize(
    "text",
    [
        """
def rbf_forward(x, centers, gamma):
    diff = x[:, None, :] - centers[None]
    d2 = (diff**2).sum(axis=2)
    phi = np.exp(-gamma * d2)
    return phi, (diff, d2, phi, gamma)

def rbf_backward(dphi, cache):
    diff, d2, phi, gamma = cache
    da = dphi * phi
    ddiff = -2 * diff * (da * gamma)[:, :, None]
    return ddiff.sum(axis=1), -ddiff.sum(axis=0), -(da * d2).sum(axis=0)
""",
        """
def cube_forward(s):
    return s**3, s

def cube_backward(dout, s):
    return dout * 3 * s**2
""",
        """
def kl_forward(log_q, p):
    return np.sum(p * (np.log(p) - 2 * log_q)) / len(log_q)

def kl_backward(dloss, log_q, p):
    return -2 * p * dloss / len(log_q)
""",
        """
def bilinear_forward(p, q):
    return p * q, (p, q)

def bilinear_backward(g, cache):
    p, q = cache
    return g * q, g / 3 * 3 * p
""",
    ],
)
def test_right_layers_of_unusual_inputs_are_right(check, text):
    assert check(text)[0] == 0
    assert check(text.replace("* 3 *", "*").replace("-2 *", "-"))[0] == 1


@pytest.mark.parametrize("name", ["class_weight", "class_weights", "weights"])
def test_weights_of_classes_have_one_axis(check, name):
    text = f"""
def weighted_cross_entropy(scores, y, {name}):
    n = scores.shape[0]
    p = np.exp(scores - scores.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    w = {name}[y]
    loss = -np.sum(w * np.log(p[np.arange(n), y])) / w.sum()
    dscores = p.copy()
    dscores[np.arange(n), y] -= 1
    dscores *= w[:, None] / w.sum()
    return loss, dscores
"""
    status, printed = check(text)
    assert status == 0, printed
    assert f"{name} (5,)" in printed
    assert check(text.replace("/ w.sum()\n    return", "/ n\n    return"))[0] == 1
