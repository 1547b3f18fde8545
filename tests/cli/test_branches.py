"""Layers with branches: inputs at which one is never taken acquit nothing, and others are tried, or it is said."""

from __future__ import annotations

import re

import numpy as np
import pytest

import micrograd_tensor as mt

ELU = """
def elu_forward(z, alpha=0.9):
    neg = alpha * (np.exp(np.minimum(z, 0)) - 1)
    a = np.where(z > 0, z, neg)
    return a, (z, a, alpha)

def elu_backward(da, cache):
    z, a, alpha = cache
    dz = da.copy()
    dz[z <= 0] *= (a + alpha)[z <= 0]
    return dz
"""
LIMITED = """
def relu6_forward(x):
    return np.minimum(np.maximum(x, 0), 6), x

def relu6_backward(dout, x):
    return dout * ((x > 0) & (x < 6))
"""
HARD = """
class HardSwish:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)

    def forward(self, x):
        self.x = x
        self.z = x @ self.W
        self.gate = np.clip(self.z / 8 + 0.5, 0, 1)
        return self.z * self.gate

    def backward(self, dout):
        inside = np.abs(self.z) < 4
        dz = dout * (self.gate + self.z * inside / 8)
        self.dW = self.x.T @ dz
        return dz @ self.W.T
"""
SATURATED = """
def gate_forward(z):
    s = 1 / (1 + np.exp(-np.clip(z, -2, 2)))
    return s, (z, s)

def gate_backward(dout, cache):
    z, s = cache
    dz = dout * s * (1 - s) * (np.abs(z) < 2)
    return dz
"""
PAIRS = """
def contrastive_loss(x1, x2, y, margin=1.5):
    diff = x1 - x2
    dist = np.sqrt(np.sum(diff**2, axis=1) + 1e-9)
    gap = np.maximum(0, margin - dist)
    N = x1.shape[0]
    loss = np.sum(y * dist**2 + (1 - y) * gap**2) / (2 * N)
    coef = (y - (1 - y) * gap / dist) / N
    dx1 = coef[:, None] * diff
    dx2 = -dx1
    return loss, dx1, dx2
"""
FOCAL = """
def focal_loss(logits, y, gamma=2.0):
    p = 1 / (1 + np.exp(-logits))
    pt = np.where(y == 1, p, 1 - p)
    loss = -np.mean((1 - pt) ** gamma * np.log(pt))
    dpt = (gamma * (1 - pt) ** (gamma - 1) * np.log(pt) - (1 - pt) ** gamma / pt) / logits.size
    dlogits = dpt * np.where(y == 1, 1, -1) * p * (1 - p)
    return loss, dlogits
"""


@pytest.mark.parametrize(
    ("right", "line", "wrong"),
    [
        (FOCAL, "np.where(y == 1, 1, -1)", "np.where(y == 1, 7, -1)"),
        (FOCAL.replace("== 1", "== -1"), "np.where(y == -1, 1, -1)", "np.where(y == -1, 7, -1)"),
        (ELU, "(a + alpha)[z <= 0]", "a[z <= 0]"),
        (PAIRS, "gap / dist) / N", "gap) / N"),
        (PAIRS, "(y - (1 - y)", "(y + (1 - y)"),
    ],
)
def test_a_mistake_in_a_branch_that_the_likeliest_inputs_never_take_is_found(check, right, line, wrong):
    assert right.count(line) == 1
    assert check(right)[0] == 0
    status, text = check(right.replace(line, wrong), "--hints", "3")
    assert status == 1
    place = 2 + right[: right.index(line)].count("\n")
    own = right.splitlines()[place - 2].strip()
    assert f"line {place}: {own.replace(line, wrong)}" in text
    assert re.search(rf"3 the fix +line {place}: ", text)


@pytest.mark.parametrize(
    ("right", "line", "wrong"),
    [
        (LIMITED, "((x > 0) & (x < 6))", "(x > 0)"),
        (LIMITED, "(x < 6)", "(x < 7)"),
        (HARD, "self.z * inside / 8)", "self.z / 8)"),
        (SATURATED, " * (np.abs(z) < 2)", ""),
    ],
)
def test_a_limit_that_is_meant_is_no_guard(check, right, line, wrong):
    assert right.count(line) == 1
    assert check(right)[0] == 0
    status, text = check(right.replace(line, wrong))
    assert status == 1
    assert re.search(r"1 where +line \d+: .*" + re.escape(wrong), text)


GUARDED = {
    "a sigmoid that is kept from overflow": """
def dense_forward(x, w, b):
    s = 1 / (1 + np.exp(-np.clip(x @ w + b, -50, 50)))
    return s, (x, w, s)

def dense_backward(dout, cache):
    x, w, s = cache
    dz = dout * s * (1 - s)
    return dz @ w.T, x.T @ dz, dz.sum(axis=0)
""",
    "probabilities that are kept from 0 and 1": """
def bce_loss(p, y):
    p = np.clip(p, 0.01, 0.99)
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    dp = (p - y) / (p * (1 - p)) / p.size
    return loss, dp
""",
    "a rate that is kept from overflow": """
class Poisson:
    def forward(self, log_rate, counts):
        self.r = np.exp(np.minimum(log_rate, 10))
        self.k = counts
        return np.mean(self.r - counts * log_rate)

    def backward(self):
        return (self.r - self.k) / self.r.size
""",
    "another function where both are the same up to rounding": """
def softplus_forward(x, w):
    z = x @ w
    return np.where(z > 20, z, np.log1p(np.exp(np.minimum(z, 20)))), (x, w, z)

def softplus_backward(dout, cache):
    x, w, z = cache
    dz = dout / (1 + np.exp(-z))
    return dz @ w.T, x.T @ dz
""",
    "a cross entropy whose logarithm is kept from that of 0": """
def cross_entropy_loss(logits, y):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p, n = e / e.sum(axis=1, keepdims=True), len(y)
    loss = -np.mean(np.log(p[np.arange(n), y] + 1e-8))
    dlogits = p.copy()
    dlogits[np.arange(n), y] -= 1
    return loss, dlogits / n
""",
    "a Kullback-Leibler divergence of such a quotient": """
def kl_forward(p, q):
    return np.sum(p * np.log((p + 1e-8) / (q + 1e-8)), axis=1), (p, q)

def kl_backward(dout, cache):
    p, q = cache
    dp = dout[:, None] * (np.log(p / q) + 1)
    dq = dout[:, None] * (-p / q)
    return dp, dq
""",
    "a logarithm of what is never below 0": """
def entropy_forward(p):
    return -np.sum(p * np.log(np.maximum(p, 0) + 1e-9), axis=1), p

def entropy_backward(dout, p):
    return -dout[:, None] * (np.log(p + 1e-9) + p / (p + 1e-9))
""",
}


@pytest.mark.filterwarnings("ignore:invalid value encountered in log:RuntimeWarning")
@pytest.mark.parametrize("text", GUARDED.values(), ids=GUARDED)
def test_right_code_that_is_derived_without_its_guard_is_right(check, text):
    status, said = check(text)
    assert status == 0, said
    assert "wrong" not in said


@pytest.mark.parametrize(
    ("old", "new"), [("dlogits / n", "1.00001 * dlogits / n"), ("1e-8", "1e-3"), ("-= 1", "-= 0.9999")]
)
def test_more_than_a_guard_is_a_mistake(check, old, new):
    text = GUARDED["a cross entropy whose logarithm is kept from that of 0"]
    assert text.count(old) == 1
    status, said = check(text.replace(old, new))
    assert status == 1
    assert "wrong here" in said


def test_a_switch_that_is_on_one_side_only_is_said(check):
    told = "def inputs():\n    return np.linspace(-1, 1, 8), np.full(8, 2.0)\n"
    for text in (FOCAL + told, FOCAL.replace("(logits, y,", "(logits, sign,").replace("y ==", "sign ==")):
        status, said = check(text)
        assert status == 0
        assert "= 1 takes one side only: of the other nothing is judged" in said
        assert "Take inputs at which it turns, such as labels of each kind" in said


def test_what_changes_the_loss_too_is_no_fix_of_its_gradient(check):
    mistake = PAIRS.replace("gap / dist) / N", "gap) / N")
    text = check(mistake, "--hints", "3")[1]
    fixed = re.search(r"3 the fix +line (\d+): (.*)", text)
    lines = ["", *mistake.splitlines()]
    lines[int(fixed[1]) - 1] = f"    {fixed[2].strip()}"
    assert check("\n".join(lines[1:]))[0] == 0


def hinge(scale):
    x = mt.tensor(scale * np.random.default_rng(0).normal(size=(8, 3)), name="x", requires_grad=True)
    far = mt.sqrt((x**2).sum(axis=1) + 1e-9)
    out = 2.0 * mt.maximum(1.0 - far, 0.0) + far
    return x, mt.graph(out, np.random.default_rng(1).normal(size=8))


def said(graph, x):
    right = graph.gradients[graph["x"]].value
    return [finding.kind for finding in mt.compare(graph, None, {"dx": right}).findings]


def test_a_point_at_which_an_op_takes_one_side_only_is_said_to_hide_mistakes():
    x, near = hinge(0.7)
    assert "untaken branch" not in said(near, x)
    x, away = hinge(5.0)
    assert "untaken branch" in said(away, x)


@pytest.mark.parametrize(
    "guarded",
    [
        lambda x: x / mt.maximum(mt.sqrt((x**2).sum(axis=1, keepdims=True)), 1e-8),
        lambda x: mt.sqrt(mt.maximum((x**2).sum(axis=1), 0.0) + 1e-5),
        lambda x: mt.log(mt.clip(1.0 / (1.0 + mt.exp(-x)), 1e-7, 1 - 1e-7)),
        lambda x: mt.exp(mt.clip(x, -15.0, 15.0)) + mt.sqrt(40.0 - mt.reshape(mt.minimum(x, 10.0), 24)).sum(),
        lambda x: mt.minimum(x, 1e3),
    ],
)
def test_a_guard_that_is_never_reached_hides_nothing(guarded):
    x = mt.tensor(np.random.default_rng(0).normal(size=(8, 3)), name="x", requires_grad=True)
    out = guarded(x)
    assert "untaken branch" not in said(mt.graph(out, np.random.default_rng(1).normal(size=out.shape)), x)


KINDS = """
class SoftmaxWithLoss:
    def forward(self, x, t):
        self.t = t
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.y = e / e.sum(axis=1, keepdims=True)
        labels = t.argmax(axis=1) if t.size == x.size else t
        return -np.mean(np.log(self.y[np.arange(len(x)), labels]))

    def backward(self):
        n = len(self.t)
        if self.t.size == self.y.size:
            dx = (self.y - self.t) / n
        else:
            dx = self.y.copy()
            dx[np.arange(n), self.t] -= 1
            dx = dx / n
        return dx
"""


@pytest.mark.parametrize(("right", "wrong"), [("(self.y - self.t) / n", "self.y - self.t"), ("= dx / n", "= dx")])
def test_labels_of_one_kind_acquit_no_line_that_is_for_those_of_another(check, right, wrong):
    assert check(KINDS)[0] == 0
    assert KINDS.count(right) == 1
    status, text = check(KINDS.replace(right, wrong))
    assert status == 1
    assert "dx is wrong" in text


SIGNED = """
def focal_loss(logits, y, gamma=2.0):
    p = 1 / (1 + np.exp(-logits))
    pt = np.where(y == 1, p, 1 - p)
    loss = -np.mean((1 - pt) ** gamma * np.log(pt))
    dpt = (gamma * (1 - pt) ** (gamma - 1) * np.log(pt) - (1 - pt) ** gamma / pt) / len(y)
    dp = np.where(y == 1, dpt, -dpt)
    return loss, dp * p * (1 - p)
"""
EXCITED = """
def excited_forward(x, W1, W2):
    z = x.mean(axis=(2, 3))
    h = np.maximum(0, z @ W1)
    s = 1 / (1 + np.exp(-h @ W2))
    return x * s[:, :, None, None], (x, W1, W2, z, h, s)

def excited_backward(dout, cache):
    x, W1, W2, z, h, s = cache
    da = (dout * x).sum(axis=(2, 3)) * s * (1 - s)
    dW2 = h.T @ da
    dh = da @ W2.T
    dh[h <= 0] = 0
    dz = dh @ W1.T
    dx = dout * s[:, :, None, None] + dz[:, :, None, None] / (x.shape[2] * x.shape[3])
    return dx, z.T @ dh, dW2
"""


@pytest.mark.parametrize("n", [4, 5, 6, 9])
def test_of_few_classes_all_are_drawn(check, n):
    shapes = f"logits={n},y={n}<2"
    assert check(SIGNED, "--shapes", shapes)[0] == 0
    assert check(SIGNED.replace("np.where(y == 1, dpt, -dpt)", "dpt"), "--shapes", shapes)[0] == 1


@pytest.mark.parametrize("shapes", ["x=2x4x3x5,W1=4x2,W2=2x4", "x=5x4x3x6,W1=4x2,W2=2x4"])
def test_numbers_at_which_a_kink_is_on_one_side_acquit_nobody(check, shapes):
    assert check(EXCITED, "--shapes", shapes)[0] == 0
    assert check(EXCITED.replace("    dh[h <= 0] = 0\n", ""), "--shapes", shapes)[0] == 1
