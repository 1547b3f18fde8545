"""A line as it should be is right at other inputs, too: other lengths, other sides of ops, and all gradients."""

import re

import pytest

from micrograd_tensor.cli.varied import apart

HINGE = """
class Contrastive:
    def __init__(self, margin=2.0):
        self.margin = margin

    def forward(self, x1, x2, label):
        self.diff = x1 - x2
        self.dist = np.sqrt(np.sum(self.diff ** 2, axis=1))
        self.label = label
        self.slack = np.maximum(self.margin - self.dist, 0)
        return np.mean(label * self.dist ** 2 + (1 - label) * self.slack ** 2) / 2

    def backward(self):
        n = len(self.label)
        ddist = (self.label * self.dist - (1 - self.label) * self.slack) / n
        dx1 = (ddist / self.dist)[:, None] * self.diff
        return dx1, -dx1
"""
MARGIN = """
def triplet_forward(anchor, pos, neg, margin=2.0):
    dp = np.sqrt(np.sum((anchor - pos) ** 2, axis=1) + 1e-6)
    dn = np.sqrt(np.sum((anchor - neg) ** 2, axis=1) + 1e-6)
    h = np.maximum(0, dp - dn + margin)
    loss = h.mean()
    return loss, (anchor, pos, neg, dp, dn, h)

def triplet_backward(dloss, cache):
    anchor, pos, neg, dp, dn, h = cache
    dh = dloss * (h > 0) / len(h)
    gp = dh[:, None] * (anchor - pos) / dp[:, None]
    gn = dh[:, None] * (anchor - neg) / dn[:, None]
    return gp - gn, -gp, gn
"""
DICE = """
def dice_loss(logits, target, smooth=1.0):
    p = 1 / (1 + np.exp(-logits))
    inter = (p * target).sum(axis=(1, 2))
    union = p.sum(axis=(1, 2)) + target.sum(axis=(1, 2))
    dice = (2 * inter + smooth) / (union + smooth)
    loss = 1 - dice.mean()

    n = logits.shape[0]
    ddice = -1.0 / n
    dinter = 2 * ddice / (union + smooth)
    dunion = -ddice * (2 * inter + smooth) / (union + smooth) ** 2
    dp = dinter[:, None, None] * target + dunion[:, None, None]
    dlogits = dp * p * (1 - p)
    return loss, dlogits
"""
POOLS = """
class ConcatPool:
    def forward(self, x):
        self.shape = x.shape
        n, c, h, w = x.shape
        flat = x.reshape(n, c, h * w)
        self.arg = flat.argmax(axis=2)
        mx = np.take_along_axis(flat, self.arg[:, :, None], axis=2)[:, :, 0]
        return np.concatenate([mx, flat.mean(axis=2)], axis=1)

    def backward(self, dy):
        n, c, h, w = self.shape
        dmx, dav = dy[:, :c], dy[:, c:]
        dflat = np.repeat(dav[:, :, None], h * w, axis=2) / (h * w)
        ni, ci = np.indices((n, c))
        dflat[ni, ci, self.arg] += dmx
        return dflat.reshape(self.shape)
"""
HALVES = """
def both_forward(x, w):
    h = x @ w
    t, s = np.tanh(h), h ** 2
    out = np.concatenate([t, s], axis=1)
    return out, (x, w, h, t)

def both_backward(dout, cache):
    x, w, h, t = cache
    dt, ds = np.split(dout, 2, axis=1)
    dh = dt * (1 - t ** 2) + 2 * ds * h
    return dh @ w.T, x.T @ dh
"""
ATTENTION = """
def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)

def split(x, h):
    B, T, D = x.shape
    return x.reshape(B, T, h, D // h).transpose(0, 2, 1, 3)

def merge(x):
    B, h, T, d = x.shape
    return x.transpose(0, 2, 1, 3).reshape(B, T, h * d)

def mha_forward(X, Wq, Wk, n_heads=2):
    Q, K = split(X @ Wq, n_heads), split(X @ Wk, n_heads)
    d_k = Q.shape[-1]
    A = softmax(Q @ K.transpose(0, 1, 3, 2) / np.sqrt(d_k))
    return A, (X, Wq, Wk, Q, K, A, n_heads)

def mha_backward(dA, cache):
    X, Wq, Wk, Q, K, A, n_heads = cache
    B, T, D = X.shape
    d_k = Q.shape[-1]
    dscores = A * (dA - np.sum(dA * A, axis=-1, keepdims=True)) / np.sqrt(d_k)
    dq = merge(dscores @ K)
    dk = merge(dscores.transpose(0, 1, 3, 2) @ Q)
    dWq = X.reshape(-1, D).T @ dq.reshape(-1, D)
    dWk = X.reshape(-1, D).T @ dk.reshape(-1, D)
    return dq @ Wq.T + dk @ Wk.T, dWq, dWk
"""
WINDOWS = """
def pool_forward(x, k=3, stride=2):
    n, t = x.shape
    out = np.zeros((n, (t + 1) // stride))
    for i in range(out.shape[1]):
        a = i * stride
        m = min(k, t - a)
        out[:, i] = x[:, a:a + m].sum(axis=1) / m
    return out, (x.shape, k, stride)

def pool_backward(dout, cache):
    (n, t), k, stride = cache
    dx = np.zeros((n, t))
    for i in range(dout.shape[1]):
        a = i * stride
        m = min(k, t - a)
        dx[:, a:a + k] += dout[:, i][:, None] / m
    return dx
"""
PREFERENCES = """
def dpo_loss(chosen, rejected, beta=0.4):
    h = beta * (chosen - rejected)
    return np.mean(np.log1p(np.exp(-h)))

def dpo_grad(chosen, rejected, beta=0.4):
    h = beta * (chosen - rejected)
    dh = -1 / (1 + np.exp(h)) / len(h)
    return dh * beta
"""
OF_HEADS = "--shapes=X=2x3x4,Wq=4x4,Wk=4x4"
LINES = [
    (HINGE, "", "* self.slack) / n", "* (self.margin - self.dist)) / n", "ddist = ({}) / n"),
    (HINGE, "", "(self.label * self.dist - (1 - self.label)", "((1 - self.label) * self.dist - self.label", "({}) / n"),
    (MARGIN, "", "(h > 0) / len(h)", "(h > 0)", "dh = dloss * (h > 0) / h.shape[0]"),
    (DICE, "", "-1.0 / n", "-1.0", "ddice = -1.0 / n"),
    (POOLS, "", "dmx, dav =", "dav, dmx =", "dav, dmx = dy[:, c:], dy[:, :c]"),
    (HALVES, "", "dt, ds =", "ds, dt =", "dt, ds = np.split(dout, 2, axis=1)"),
    (ATTENTION, OF_HEADS, "keepdims=True)) / np.sqrt(d_k)\n    dq", "keepdims=True))\n    dq", "/ np.sqrt(d_k)"),
    (WINDOWS, "", "m = min(k, t - a)\n        dx", "m = k * stride\n        dx", "m = min(k, t - a)"),
    (PREFERENCES, "", "return dh * beta", "return dh", "return dh * beta"),
]


@pytest.mark.parametrize(("text", "shapes", "right", "wrong", "due"), LINES)
def test_the_fix_is_right_at_other_inputs_too(check, text, shapes, right, wrong, due):
    assert text.count(right) == 1
    due = due.format("self.label * self.dist - (1 - self.label) * self.slack")
    status, printed = check(text.replace(right, wrong), "--hints=3", *filter(None, [shapes]))
    assert status == 1
    fix = re.search(r"3 the fix   line \d+: (.*)\n", printed)
    assert fix is not None
    assert fix[1].endswith(due)
    assert "Proof: run with this line, backward gives the expected numbers." in printed
    assert printed.count("1 where") == 1


def test_one_number_for_all_is_told_by_what_it_is_and_not_by_its_shape(check):
    _, printed = check(DICE.replace("-1.0 / n", "-1.0"))
    assert "It is -1 by hand, for all of shape (3,); -0.333333 is expected." in printed
    assert "Its shape is" not in printed


def test_of_two_mistakes_each_line_is_proven_for_its_own_gradient(check):
    text = """
def f_forward(x, w, b):
    out = x @ w + b
    return out, (x, w, b)

def f_backward(dout, cache):
    x, w, b = cache
    dx = dout @ w.T
    dw = 2 * x.T @ dout
    db = dout.mean(axis=0)
    return dx, dw, db
"""
    _, printed = check(text, "--hints=3")
    for name in ("dw", "db"):
        assert f"Proof: run with this line, backward gives the expected {name}." in printed
    assert "the expected numbers." not in printed


@pytest.mark.parametrize("shapes", [[(2, 3, 4), (4, 4)], [(7, 5), (5, 3), (3,)], [(2, 3, 5, 7)]])
def test_of_any_two_lengths_one_is_doubled_and_the_other_is_not(shapes):
    lengths = {n for shape in shapes for n in shape}
    ways = apart(shapes)
    for one in lengths:
        assert all(any((one in way) != (other in way) for way in ways) for other in lengths - {one})


HELD = """
W = 0.4 * np.eye(4) + 0.1

def linear_forward(x):
    return x @ W

def linear_backward(dout, x):
    dW = x.T @ dout
    dx = dout @ W.T
    return dx, dW
"""


def test_the_fix_is_right_with_other_weights_than_those_that_the_file_holds(check):
    status, printed = check(HELD.replace("dout @ W.T", "x @ W"), "--hints=3")
    assert status == 1
    assert "dx = dout @ W\n" not in printed  # which is right as long as W is symmetric
    assert "dx = dout @ W.T" in printed


def test_what_is_right_with_the_weights_that_the_file_holds_is_wrong_if_it_is_with_others(check):
    assert check(HELD)[0] == 0
    status, printed = check(HELD.replace("dout @ W.T", "dout @ W"), "--hints=3")
    assert status == 1
    assert "then with other weights, as it is right with those of the file" in " ".join(printed.split())
    assert re.search(r"3 the fix   .*dx = dout @ W\.T\n", printed)
