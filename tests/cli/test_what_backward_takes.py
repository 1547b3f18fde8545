"""What a backward pass takes beside its upstream gradient: results, arguments and values, by their names."""

import pytest

LOG_SUM = """
def softmax_fwd(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    s = e.sum(axis=1, keepdims=True)
    p = e / s
    return p, np.log(s[:, 0])

def softmax_bwd(dp, p):
    return p * (dp - (dp * p).sum(axis=1, keepdims=True))
"""
NORM = """
def l2norm_fwd(x):
    n = np.sqrt((x * x).sum(axis=1, keepdims=True))
    return x / n, n

def l2norm_bwd(dy, y, n):
    return (dy - y * (dy * y).sum(axis=1, keepdims=True)) / n
"""
FLASH = """
def attn_fwd(q, k, v):
    s = q @ k.T / np.sqrt(q.shape[1])
    m = s.max(axis=1)
    p = np.exp(s - m[:, None])
    l = p.sum(axis=1)
    return p @ v / l[:, None], m + np.log(l)

def attn_bwd(do, q, k, v, o, lse):
    p = np.exp(q @ k.T / np.sqrt(q.shape[1]) - lse[:, None])
    dv, dp = p.T @ do, do @ v.T
    ds = p * (dp - np.sum(do * o, axis=1)[:, None]) / np.sqrt(q.shape[1])
    return ds @ k, ds.T @ q, dv
"""
MISH = """
def mish_fwd(x):
    sp = np.log1p(np.exp(x))
    return x * np.tanh(sp), sp

def mish_bwd(dy, x):
    t = np.tanh(np.log1p(np.exp(x)))
    return dy * (t + x / (1 + np.exp(-x)) * (1 - t * t))
"""
IN_PLACE_OF = """
class ReLU:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, dx):
        return dx * self.mask
"""
HALVES = """
def rope_forward(q, k, cos, sin):
    d = q.shape[-1] // 2
    turned = lambda z: np.concatenate([-z[..., d:], z[..., :d]], axis=-1)
    return q * cos + turned(q) * sin, k * cos + turned(k) * sin

def rope_backward(dq, dk, cos, sin):
    d = dq.shape[-1] // 2
    back = lambda z: np.concatenate([z[..., d:], -z[..., :d]], axis=-1)
    return dq * cos + back(dq * sin), dk * cos + back(dk * sin)
"""
SIZED = """
from dataclasses import dataclass

@dataclass
class Dense:
    fan_in: int
    fan_out: int

    def __post_init__(self):
        self.weights = np.random.normal(size=(self.fan_in, self.fan_out))

    def forward(self, inputs):
        self._inputs = inputs
        return inputs @ self.weights

    def backward(self, grad_output):
        self.grad_weights = self._inputs.T @ grad_output
        return grad_output @ self.weights.T
"""
BY_NORM = """
class Linear:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, dy):
        dW, dx = self.x.T @ dy, dy @ self.W.T
        norm = np.linalg.norm(dW)
        if norm > 0.5:
            dW = dW * (0.5 / norm)
        self.dW = dW
        return dx
"""
EACH = BY_NORM.replace("norm = np.linalg.norm(dW)", "for g in (dW, dx):").replace(
    "        if norm > 0.5:\n            dW = dW * (0.5 / norm)\n", "            np.clip(g, -0.1, 0.1, out=g)\n"
)


@pytest.mark.parametrize("text", [BY_NORM, EACH])
def test_gradients_that_are_limited_are_judged_below_the_limit(check, text):
    status, printed = check(text)
    assert status == 0, printed
    assert "backward limits how large gradients are; of that nothing is judged" in " ".join(printed.split())
    status, printed = check(text.replace("self.x.T @ dy", "2 * self.x.T @ dy"))
    assert status == 1
    assert "1 gradient is wrong: dW." in printed


AT_ONE = """
class Softmax:
    def forward(self, x):
        self.x, self.exps = x, np.exp(x)
        return self.exps / self.exps.sum()

    def backprop(self, d_L_d_out):
        for i, gradient in enumerate(d_L_d_out):
            if gradient == 0:
                continue
            S = self.exps.sum()
            d_out_d_x = -self.exps[i] * self.exps / (S**2)
            d_out_d_x[i] = self.exps[i] * (S - self.exps[i]) / (S**2)
            return gradient * d_out_d_x
"""


def test_what_returns_at_the_first_number_that_is_not_0_is_judged_where_there_is_one(check):
    status, printed = check(AT_ONE, "--shapes", "x=7")
    assert status == 0, printed
    assert "backward passes over numbers of the upstream gradient that are 0" in printed
    status, printed = check(AT_ONE.replace("(S - self.exps[i])", "(S + self.exps[i])"), "--shapes", "x=7")
    assert status == 1
    assert "dx is wrong" in printed


@pytest.mark.parametrize(
    ("text", "right", "wrong"),
    [
        (LOG_SUM, "(dp * p)", "(dp + p)"),
        (NORM, "(dy - y", "(dy + y"),
        (FLASH, "ds.T @ q", "2 * ds.T @ q"),
        (FLASH, "do * o", "do * do"),
        (MISH, "- t * t", "- t"),
        (IN_PLACE_OF, "return dx * self.mask", "return dx"),
        (HALVES, "-z[..., :d]], axis=-1)\n    return dq", "z[..., :d]], axis=-1)\n    return dq"),
        (SIZED, "grad_output @ self", "2 * grad_output @ self"),
    ],
)
def test_what_is_taken_by_its_name_is_judged(check, text, right, wrong):
    status, printed = check(text)
    assert status == 0, printed
    assert text.count(right) == 1
    status, printed = check(text.replace(right, wrong))
    assert status == 1
    assert "is wrong" in printed
