"""Names of the forward pass that backward gives to other arrays, and gradients that are returned as expressions."""

from __future__ import annotations

import re

import pytest

GROUP_NORM = """
def groupnorm_forward(x, gamma, beta, G=2, eps=1e-5):
    N, C, H, W = x.shape
    xg = x.reshape(N, G, C // G * H * W)
    mean = xg.mean(axis=2, keepdims=True)
    var = xg.var(axis=2, keepdims=True)
    inv = 1 / np.sqrt(var + eps)
    xn = ((xg - mean) * inv).reshape(N, C, H, W)
    return gamma * xn + beta, (xn, inv, gamma, G)

def groupnorm_backward(dout, cache):
    xn, inv, gamma, G = cache
    N, C, H, W = dout.shape
    dbeta = dout.sum(axis=(0, 2, 3), keepdims=True)
    dgamma = (dout * xn).sum(axis=(0, 2, 3), keepdims=True)
    dxn = (dout * gamma).reshape(N, G, -1)
    xg = xn.reshape(N, G, -1)
    M = dxn.shape[2]
    dx = inv / M * (M * dxn - dxn.sum(axis=2, keepdims=True) - xg * (dxn * xg).sum(axis=2, keepdims=True))
    return dx.reshape(N, C, H, W), dgamma, dbeta
"""
CENTERED = """
def centered_forward(x, w):
    h = x - x.mean(axis=0)
    y = np.tanh(h)
    return y @ w, (h, y, w)

def centered_backward(dout, cache):
    h, y, w = cache
    dw = y.T @ dout
    h = 1 - y * y
    d = (dout @ w.T) * h
    return d - d.mean(axis=0), dw
"""
FLAT = """
def flat_forward(x, w):
    N = x.shape[0]
    return np.maximum(x.reshape(N, -1), 0) @ w, (x, w)

def flat_backward(dout, cache):
    x, w = cache
    N = x.shape[0]
    flat = x.reshape(N, -1)
    dw = np.maximum(flat, 0).T @ dout
    dx = (dout @ w.T) * (flat > 0)
    return dx.reshape(x.shape), dw
"""

STEPS = """
def rnn_forward(x, h0, w):
    h, steps, H = h0, [], []
    for t in range(len(x)):
        steps.append((x[t], h))
        h = np.tanh(x[t] + h @ w)
        H.append(h)
    return np.array(H), (steps, np.array(H), w)

def rnn_backward(dH, cache):
    steps, H, w = cache
    dx, dw, carry = np.zeros_like(dH), np.zeros_like(w), 0
    for t in range(len(steps) - 1, -1, -1):
        dh = dH[t] + carry
        da = dh * (1 - H[t] ** 2)
        dw += steps[t][1].T @ da
        dx[t] = da
        carry = da @ w.T
    return dx, carry, dw
"""
STEPS_OF_OUT = STEPS.replace("dH", "dout").replace("rnn", "recurrent")
GATED = """
def gated_forward(A, w):
    z = A @ w
    A2 = z * A
    return A2, (A, z, w)

def gated_backward(dA2, cache):
    A, z, w = cache
    da2 = dA2 * A
    return dA2 * z + da2 @ w.T, A.T @ da2
"""
ENTROPY = """
def policy_loss(theta, states, adv, beta=0.1):
    logits = states @ theta
    logp = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    p = np.exp(logp)
    T = len(adv)
    entropy = -(p * logp).sum(axis=1)
    loss = -(logp[:, 0] * adv).mean() - beta * entropy.mean()
    first = np.zeros_like(p)
    first[:, 0] = 1
    dlogits = (p - first) * adv[:, None] / T
    dentropy = -p * (logp + entropy[:, None])
    dlogits -= beta * dentropy / T
    dtheta = states.T @ dlogits
    return loss, dtheta
"""
HIDDEN = """
def hidden_forward(x, w):
    h = x @ w
    y = np.maximum(0, h)
    return y, (x, w, y)

def hidden_backward(dout, cache):
    x, w, y = cache
    h = dout * (y > 0)
    return h @ w.T, x.T @ h
"""
GATE = """
def gate_forward(x):
    t = np.tanh(x)
    return t * x, (x, t)

def gate_backward(dout, cache):
    x, tanh = cache
    t = (1 - tanh**2) * x
    return dout * (tanh + t)
"""
SOFTMAX = """
class Softmax:
    def forward(self, x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        s = e.sum(axis=1, keepdims=True)
        self.y = e / s
        return self.y

    def backward(self, dout):
        e = dout * self.y
        s = e.sum(axis=1, keepdims=True)
        return e - self.y * s
"""
STANDARDIZED = """
def scaled_forward(x, gamma):
    mu = x.mean(axis=1, keepdims=True)
    std = x.std(axis=1, keepdims=True)
    xhat = (x - mu) / std
    return gamma * xhat, (x, mu, std, gamma)

def scaled_backward(dout, cache):
    x, mu, std, gamma = cache
    xhat = (x - mu) / std
    dgamma = (dout * xhat).sum(axis=0)
    g = dout * gamma
    return (g - g.mean(axis=1, keepdims=True) - xhat * (g * xhat).mean(axis=1, keepdims=True)) / std, dgamma
"""
FLASH = """
def attn_forward(q, k, v, scale=0.5):
    s = np.einsum('bid,bjd->bij', q, k) * scale
    m = s.max(-1, keepdims=True)
    p = np.exp(s - m)
    l = p.sum(-1, keepdims=True)
    o = np.einsum('bij,bjd->bid', p / l, v)
    L = (m + np.log(l))[..., 0]
    return o, L

def attn_backward(do, q, k, v, o, L, scale=0.5):
    s = np.einsum('bid,bjd->bij', q, k) * scale
    p = np.exp(s - L[..., None])
    delta = (o * do).sum(-1)
    dv = np.einsum('bij,bid->bjd', p, do)
    dp = np.einsum('bid,bjd->bij', do, v)
    ds = p * (dp - delta[..., None]) * scale
    dq = np.einsum('bij,bjd->bid', ds, k)
    dk = np.einsum('bij,bid->bjd', ds, q)
    return dq, dk, dv
"""
NEGATED = """
def normalized_forward(x, gamma):
    mu = x.mean(axis=0)
    xc = x - mu
    var = np.mean(xc ** 2, axis=0)
    std = np.sqrt(var + 1e-7)
    xn = xc / std
    return gamma * xn, (xc, std, xn, gamma)

def normalized_backward(dout, cache):
    xc, std, xn, gamma = cache
    N, D = dout.shape
    dgamma = np.sum(xn * dout, axis=0)
    dxn = dout * gamma
    dxc = dxn / std
    dstd = -np.sum(dxn * xc / (std * std), axis=0)
    dvar = 0.5 * dstd / std
    dxc += (2.0 / N) * xc * dvar
    dmu = np.sum(dxc, axis=0)
    dx = dxc - dmu / N
    return dx, dgamma
"""
DOUBLED = (
    NEGATED.replace("0.5 * dstd / std", "dstd / std")
    .replace("(2.0 / N)", "(1 / N)")
    .replace("dmu = np.sum", "dmu = -np.sum")
    .replace("dxc - dmu", "dxc + dmu")
)
POOLED = """
class Pooled:
    def __init__(self, dim):
        self.w = np.random.randn(dim, 1)

    def forward(self, x):
        a = np.exp(x @ self.w)
        self.a = a / a.sum(axis=1, keepdims=True)
        self.x = x
        return (self.a * x).sum(axis=1)

    def backward(self, dout):
        d = dout[:, None, :]
        da = (d * self.x).sum(axis=2, keepdims=True)
        ds = self.a * (da - (self.a * da).sum(axis=1, keepdims=True))
        self.dw = (self.x * ds).sum(axis=(0, 1))[:, None]
        dx = self.a * d
        return dx + ds @ self.w.T
"""
FLATTENED = """
class Flattened:
    def __init__(self, c):
        self.gamma, self.beta = np.ones(c), np.zeros(c)

    def forward(self, x):
        N, C, H, W = x.shape
        xf = x.transpose(0, 2, 3, 1).reshape(-1, C)
        self.std = np.sqrt(xf.var(0) + 1e-5)
        self.xn = (xf - xf.mean(0)) / self.std
        return (self.gamma * self.xn + self.beta).reshape(N, H, W, C).transpose(0, 3, 1, 2)

    def backward(self, dout):
        N, C, H, W = dout.shape
        d = dout.transpose(0, 2, 3, 1).reshape(-1, C)
        M = N * H * W
        self.dbeta = d.sum(0)
        self.dgamma = (d * self.xn).sum(0)
        dx = self.gamma / (M * self.std) * (M * d - self.dbeta - self.xn * self.dgamma)
        return dx.reshape(N, H, W, C).transpose(0, 3, 1, 2)
"""
SPELLED = FLATTENED.replace("self.dgamma", "self.grad_gamma").replace("self.dbeta", "self.beta_grad")
TIED = """
class Tied:
    def __init__(self, n, k):
        self.W = np.random.randn(n, k)
        self.b = np.zeros(k)

    def forward(self, x):
        self.x = x
        self.h = np.tanh(x @ self.W + self.b)
        return self.h @ self.W.T

    def backward(self, dy):
        dW_dec = dy.T @ self.h
        dh = dy @ self.W
        dz = dh * (1 - self.h ** 2)
        dW_enc = self.x.T @ dz
        self.dW = dW_enc + dW_dec
        self.db = dz.sum(0)
        return dz @ self.W.T
"""
GRAM = """
def gram_loss(F, A):
    C, H, W = F.shape
    f = F.reshape(C, H * W)
    diff = f @ f.T / f.size - A
    loss = np.sum(diff ** 2)
    dG = 2 * diff
    df = (dG + dG.T) @ f / f.size
    return loss, df.reshape(C, H, W)
"""

SHAPES = {GROUP_NORM: "x=3x4x5x6,gamma=1x4x1x1,beta=1x4x1x1", CENTERED: "x=7x4,w=4x5", FLAT: "x=7x2x3,w=6x5"}
SHAPES |= {STEPS: "x=3x2x4,h0=2x4,w=4x4", STEPS_OF_OUT: "x=3x2x4,h0=2x4,w=4x4", GATED: "A=7x4,w=4x4"}
SHAPES |= {HIDDEN: "x=7x4,w=4x5", GATE: "x=7x5", SOFTMAX: "x=7x5", STANDARDIZED: "x=7x5,gamma=5"}
SHAPES |= {FLASH: "q=2x7x4,k=2x6x4,v=2x6x3", ENTROPY: "theta=4x3,states=7x4,adv=7"}
SHAPES |= {NEGATED: "x=7x5,gamma=5", DOUBLED: "x=7x5,gamma=5", POOLED: "x=3x7x5", FLATTENED: "x=4x3x2x5"}
SHAPES |= {GRAM: "F=3x4x5,A=3x3", SPELLED: "x=4x3x2x5", TIED: "n=(5),k=(3),x=7x5"}
MISTAKES = [
    (SPELLED, "self.xn * self.grad_gamma)", "self.grad_gamma)"),
    (TIED, "self.dW = dW_enc + dW_dec", "self.dW = dW_enc"),
    (TIED, "self.dW = dW_enc + dW_dec", "self.dW = dW_dec"),
    (TIED, "dz = dh * (1 - self.h ** 2)", "dz = dh"),
    (TIED, "dz = dh * (1 - self.h ** 2)", "dz = dh * (1 - self.h)"),
    (GRAM, "(dG + dG.T) @ f", "dG @ f"),
    (GRAM, "(dG + dG.T) @ f / f.size", "(dG + dG.T) @ f"),
    (GRAM, "(dG + dG.T)", "(dG - dG.T)"),
    (POOLED, "da).sum(axis=1", "da).sum(axis=2"),
    (POOLED, "return dx + ds", "return dx - ds"),
    (FLATTENED, "self.xn * self.dgamma)", "self.dgamma)"),
    (FLATTENED, "self.dbeta - self.xn", "self.dbeta + self.xn"),
    (GROUP_NORM, "- xg * (dxn", "+ xg * (dxn"),
    (STEPS, "steps[t][1].T @ da", "steps[t][1].T @ dh"),
    (STEPS_OF_OUT, "dx[t] = da", "dx[t] = dh"),
    (ENTROPY, "(p - first) * adv", "(first - p) * adv"),
    (ENTROPY, "* adv[:, None] / T", "* adv[:, None]"),
    (ENTROPY, "dlogits -= beta", "dlogits += beta"),
    (ENTROPY, "logp + entropy", "logp - entropy"),
    (GATED, "A.T @ da2", "z.T @ da2"),
    (GROUP_NORM, "dx = inv / M", "dx = 2 * inv / M"),
    (GROUP_NORM, "dgamma = (dout", "dgamma = (2 * dout"),
    (CENTERED, "h = 1 - y * y", "h = 1 - y"),
    (CENTERED, "return d - d.mean(axis=0)", "return d + d.mean(axis=0)"),
    (CENTERED, "dw = y.T", "dw = 2 * y.T"),
    (HIDDEN, "y > 0", "y < 0"),
    (HIDDEN, "x.T @ h", "2 * x.T @ h"),
    (GATE, "(1 - tanh**2) * x", "1 - tanh**2"),
    (SOFTMAX, "e = dout * self.y", "e = 2 * dout * self.y"),
    (SOFTMAX, "e - self.y * s", "e + self.y * s"),
    (STANDARDIZED, "(x - mu) / std\n    dgamma", "(x - mu) * std\n    dgamma"),
    (FLAT, "* (flat > 0)", "* (flat < 0)"),
    (FLAT, "dx = (dout", "dx = (2 * dout"),
    (FLASH, "delta = (o * do)", "delta = (o + do)"),
    (FLASH, "(dp - delta[..., None]) * scale", "(dp - delta[..., None])"),
    (FLASH, "dk = np", "dk = 2 * np"),
]


@pytest.mark.parametrize("text", SHAPES, ids=lambda text: text.split()[1].partition("(")[0])
def test_right_code_is_right(check, text):
    status, said = check(text, "--shapes", SHAPES[text])
    assert status == 0
    assert "✗" not in said


@pytest.mark.parametrize(("text", "right", "wrong"), MISTAKES, ids=lambda x: x if len(x) < 40 else "")
def test_of_wrong_code_the_line_is_told_and_no_other(check, text, right, wrong):
    shapes, text = SHAPES[text], text.replace(right, wrong, 1)
    assert wrong in text
    status, said = check(text, "--shapes", shapes)
    assert status == 1
    lines = {int(k) for k in re.findall(r"(?:where|^)\s+line (\d+):", said, re.MULTILINE)}
    assert lines == {1 + text[: text.index(wrong)].count("\n") + 1}, said
    assert "forward value is wrong" not in said  # which backward has from its cache, or computes in a line of its own


@pytest.mark.parametrize(
    ("text", "right", "wrong", "name"),
    [
        (NEGATED, "dxn = dout * gamma", "dxn = dout * xn * xn", "dxn"),
        (NEGATED, "(2.0 / N) * xc", "(3.3 / N) * xn * xc", "dxc"),
        (NEGATED, "dmu / N", "xn * dmu / 3.3", "dx"),
        (DOUBLED, "dxn = dout * gamma", "dxn = dout * xn * xn", "dxn"),
    ],
)
def test_a_multiple_of_a_gradient_for_which_the_next_line_makes_up_is_not_wrong(check, text, right, wrong, name):
    said = check(text.replace(right, wrong, 1), "--shapes", SHAPES[text])[1]
    assert f"1 gradient is wrong: {name}." in said


def test_what_an_object_keeps_has_its_name_in_it_though_forward_calls_another_array_so(check):
    assert re.search(r"da .* ✓ right", check(POOLED, "--shapes", SHAPES[POOLED])[1])


def test_an_array_of_backward_is_no_value_of_forward_of_the_same_name(check):
    said = check(SOFTMAX, "--shapes", "x=7x5")[1]
    assert "Not judged by themselves, as forward has no such values: e and s." in said


def test_it_is_so_in_float32_too(check):
    text = (
        GROUP_NORM.replace("- xg * (dxn", "+ xg * (dxn")
        + """
def inputs():
    rng = np.random.default_rng(0)
    shapes = {"x": (3, 4, 5, 6), "gamma": (1, 4, 1, 1), "beta": (1, 4, 1, 1)}
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
"""
    )
    status, said = check(text.replace("xg = xn.reshape(N, G, -1)", "xg = (xn * 3 / 3).reshape(N, G, -1)"))
    assert status == 1
    assert "1 gradient is wrong: dx." in said


@pytest.mark.parametrize(("line", "status"), [("p * (dp - delta)", 0), ("p * (dp + delta)", 1)])
def test_what_an_upstream_gradient_is_called_of_is_the_result_though_forward_calls_another_array_so(
    check, line, status
):
    found, printed = check(f"""
def softmax_fwd(x):
    p = np.exp(x - x.max(axis=-1, keepdims=True))
    return p / p.sum(axis=-1, keepdims=True)

def softmax_bwd(dp, p):
    delta = (p * dp).sum(axis=-1, keepdims=True)
    return {line}
""")
    assert found == status, printed
