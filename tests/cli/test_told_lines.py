"""The line that a mistake is in is told, and how it is due, in words that are true of it."""

from __future__ import annotations

import re

import pytest

LAYER_NORM = """
def scaled_forward(x, gamma):
    mu = x.mean(axis=1, keepdims=True)
    std = x.std(axis=1, keepdims=True)
    xn = (x - mu) / std
    return gamma * xn, (xn, std, gamma)

def scaled_backward(dout, cache):
    xn, std, gamma = cache
    dgamma = (dout * xn).sum(axis=0)
    g = dout * gamma
    dx = (g - g.mean(axis=1, keepdims=True) - xn * (g * xn).mean(axis=1, keepdims=True)) / std
    return dx, dgamma
"""
PENALIZED = """
class Coder:
    def __init__(self, n=5, k=2):
        self.W = np.random.randn(n, k)
        self.b = np.random.randn(k)
        self.s = np.random.randn(k)
        self.V = np.random.randn(k, n)

    def forward(self, x):
        self.x = x
        self.mu = x @ self.W + self.b
        self.z = self.mu + self.s
        self.y = self.z @ self.V
        return (0.5 * np.sum((self.y - x) ** 2) + 0.5 * np.sum(self.mu**2)) / len(x)

    def backward(self):
        N = len(self.x)
        dy = (self.y - self.x) / N
        self.dV = self.z.T @ dy
        dz = dy @ self.V.T
        self.ds = dz.sum(0)
        dmu = dz + self.mu / N
        self.dW = self.x.T @ dmu
        self.db = dmu.sum(0)
"""
STENCIL = """
def stencil_forward(x, w):
    p = np.pad(x, ((0, 0), (1, 1)))
    out = np.zeros(x.shape)
    for i in range(len(x)):
        for t in range(x.shape[1]):
            out[i, t] = np.sum(p[i, t : t + 3] * w)
    return out, (x, w, p)

def stencil_backward(dout, cache):
    x, w, p = cache
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    dp = np.pad(dx, ((0, 0), (1, 1)))
    for i in range(len(x)):
        d = dp[i]
        for t in range(x.shape[1]):
            d[t : t + 3] += w * dout[i, t]
            dw += p[i, t : t + 3] * dout[i, t]
        dx[i] = d[1:-1]
    return dx, dw
"""
FLAT = """
def picked_forward(x, w, i):
    h = x * w
    return h.reshape(-1)[i], (x, w, i)

def picked_backward(dout, cache):
    x, w, i = cache
    dh = np.zeros(x.shape)
    flat = dh.reshape(-1)
    np.add.at(flat, i, dout)
    return dh * w, dh * x
"""
GROUPED = """
def centered_forward(x, gamma, G=2):
    N, C, L = x.shape
    g = x.reshape(N, G, C // G, L)
    xn = (g - g.mean(axis=(2, 3), keepdims=True)).reshape(N, C, L)
    return xn * gamma, (xn, gamma, G)

def centered_backward(dout, cache):
    xn, gamma, G = cache
    N, C, L = dout.shape
    dgamma = (dout * xn).sum(axis=(0, 2), keepdims=True)
    dxn = (dout * gamma).reshape(N, G, C // G, L)
    dx = dxn - dxn.mean(axis=(2, 3), keepdims=True)
    return dx.reshape(N, C, L), dgamma
"""
SPLIT = """
def split_forward(p, x, w):
    N, T, E = x.shape
    h = (x @ w).reshape(N, T, 2, E // 2).transpose(0, 2, 1, 3)
    out = p @ h
    return out, (p, x, w, h)

def split_backward(dout, cache):
    p, x, w, h = cache
    dp = dout @ h.transpose(0, 1, 3, 2)
    dh = p.swapaxes(-1, -2) @ dout
    dh = dh.transpose(0, 2, 1, 3).reshape(x.shape)
    dw = x.reshape(-1, x.shape[2]).T @ dh.reshape(-1, x.shape[2])
    return dp, dh @ w.T, dw
"""
LOGISTIC = """
def generator_loss(logits):
    n = logits.size
    loss = np.sum(np.log(1 + np.exp(-logits))) / n
    p = 1 / (1 + np.exp(-logits))
    dlogits = (p - 1) / n
    return loss, dlogits
"""
SEQUENCES = """
def sequence_loss(x, y, mask):
    N, T, V = x.shape
    scores, labels, m = x.reshape(N * T, V), y.reshape(N * T), mask.reshape(N * T)
    probs = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    loss = -np.sum(m * np.log(probs[np.arange(N * T), labels])) / N
    dscores = probs.copy()
    dscores[np.arange(N * T), labels] -= 1
    dscores /= N{}
    return loss, dscores.reshape(N, T, V)
"""
MASKED = SEQUENCES.format("\n    dscores *= m[:, None]")
CELL = """
class Cell:
    def __init__(self, Wx, Wh):
        self.Wx, self.Wh = Wx, Wh

    def forward(self, x, h):
        out = np.tanh(x @ self.Wx + h @ self.Wh)
        self.cache = x, h, out
        return out

    def backward(self, dout):
        x, h, out = self.cache
        da = dout * (1 - out ** 2)
        self.dWx, self.dWh = x.T @ da, h.T @ da
        return da @ self.Wx.T, da @ self.Wh.T
"""
TABLE = """
class Embedding:
    def __init__(self, W):
        self.params, self.grads = [W], [np.zeros_like(W)]

    def forward(self, ids):
        W, = self.params
        self.ids = ids
        return W[ids]

    def backward(self, dout):
        dW, = self.grads
        dW[...] = 0
        np.add.at(dW, self.ids, dout)
        return None
"""
GIVEN = """
class Activation:
    def __init__(self, f, f_prime):
        self.f, self.f_prime = f, f_prime

    def forward(self, x):
        self.x = x
        return self.f(x)

    def backward(self, grad):
        return self.f_prime(self.x) * grad

def tanh(x):
    return np.tanh(x)

def tanh_prime(x):
    y = tanh(x)
    return 1 - y ** 2

class Tanh(Activation):
    def __init__(self):
        super().__init__(tanh, tanh_prime)
"""
METHOD = """
class Scaled:
    def __init__(self, w):
        self.w = w

    def slope(self):
        t = np.tanh(self.x)
        return self.w * (1 - t ** 2)

    def forward(self, x):
        self.x = x
        return np.tanh(x) * self.w

    def backward(self, dout):
        self.dw = (dout * np.tanh(self.x)).sum(axis=0)
        return dout * self.slope()
"""
ROWS = """
class Softmax:
    def forward(self, x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.p = e / e.sum(axis=1, keepdims=True)
        return self.p

    def backward(self, dvalues):
        self.dx = np.empty_like(dvalues)
        for k, (p, g) in enumerate(zip(self.p, dvalues)):
            p = p.reshape(-1, 1)
            jacobian = np.diagflat(p) - \\
                       p @ p.T  # of one row
            self.dx[k] = jacobian @ g
        return self.dx
"""
GATED = """
def gated_forward(x):
    a, b = np.split(x, 2, axis=-1)
    s = 1 / (1 + np.exp(-b))
    t = np.tanh(a)
    return t * s, (s, t)

def gated_backward(dout, cache):
    s, t = cache
    da = dout * s * (1 - t ** 2)
    db = dout * t * s * (1 - s)
    return np.concatenate([da, db], axis=-1)
"""
LETTERS = """
def letters_loss(W, V, inputs, targets):
    loss, hs, ps = 0, {}, {}
    for t in range(len(inputs)):
        hs[t] = np.tanh(W[inputs[t]])
        e = np.exp(hs[t] @ V)
        ps[t] = e / e.sum()
        loss += -np.log(ps[t][targets[t]])
    dW, dV = np.zeros_like(W), np.zeros_like(V)
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dV += np.outer(hs[t], dy)
        dW[inputs[t]] += (dy @ V.T) * (1 - hs[t] * hs[t])
    return loss, dW, dV
"""
COLUMNS = LETTERS.replace("[targets[t]])", "[0, targets[t]])").replace("hs[t] @ V)", "hs[t].reshape(1, -1) @ V)")
COLUMNS = COLUMNS.replace("np.copy(ps[t])", "np.copy(ps[t]).ravel()")
GUARDED = """
def picked_loss(x, y):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    n = x.shape[0]
    loss = -np.sum(np.log(p[np.arange(n), y] + 1e-7)) / n
    rows = np.zeros(x.shape)
    rows[np.arange(n), y] = 1
    dx = (p - rows) / n
    return loss, dx
"""
SHAPES = {LAYER_NORM: "x=7x5,gamma=5", PENALIZED: "x=7x5", STENCIL: "x=4x6,w=3"}
SHAPES |= {FLAT: "x=4x3,w=4x3,i=5<12", GROUPED: "x=3x4x5,gamma=1x4x1", SPLIT: "p=3x2x5x5,x=3x5x6,w=6x6"}
SHAPES |= {LOGISTIC: "logits=7x5", CELL: "x=7x5,h=7x4,Wx=5x4,Wh=4x4", MASKED: "x=2x3x4,y=2x3<4,mask=2x3<2"}
SHAPES |= {TABLE: "W=5x3,ids=7<5", GIVEN: "x=7x5", METHOD: "x=7x5,w=5", ROWS: "x=7x5"}
SHAPES |= {GATED: "x=2x3x6", LETTERS: "W=6x4,V=4x6,inputs=5<6,targets=5<6", GUARDED: "x=7x5,y=7<5"}
SHAPES |= {COLUMNS: SHAPES[LETTERS]}
TOLD = [
    (LAYER_NORM, "g = dout * gamma", "g = dout", "missing factor: the factor gamma is missing"),
    (PENALIZED, "dmu = dz + self.mu / N", "dmu = dz", "dropped term: self.mu / N is not added to dz"),
    (STENCIL, "d[t : t + 3] += w * dout[i, t]", "d[t : t + 3] -= w * dout[i, t]", "sign: -= stands where += is due"),
    (FLAT, "return dh * w, dh * x", "return dh * w, dh * w", "exchanged operand: w stands where x is due"),
    (GROUPED, "dxn = (dout * gamma)", "dxn = (dout * xn)", "exchanged operand: xn stands where gamma is due"),
    (GROUPED, "dxn - dxn.mean", "dxn + dxn.mean", "sign: + stands where - is due"),
    (
        SPLIT,
        "p.swapaxes(-1, -2) @ dout",
        "p @ dout",
        "transposed: p @ dout stands where p.swapaxes(-1, -2) @ dout is due",
    ),
    (CELL, "1 - out ** 2", "1 - out", "lost square: out is not squared"),  # the rest is returned, in no variables
    (CELL, "da @ self.Wh.T", "da @ self.Wh", "transposed: "),
    (TABLE, "np.add.at(dW, self.ids, dout)", "dW[self.ids] = dout", "repeats lost: "),
    (GIVEN, "1 - y ** 2", "1 - x ** 2", "exchanged operand: x stands where y is due"),
    (METHOD, "(1 - t ** 2)", "(1 - t)", "lost square: t is not squared"),
    (GATED, "db], axis=-1)", "db], axis=0)", "wrong axis: axis=0 stands where axis=-1 is due"),
    (GATED, "dout * t * s * (1 - s)", "dout * t * t * (1 - s)", "exchanged operand: t stands where s is due"),
    (GATED, "s * (1 - t ** 2)", "s * (1 - s ** 2)", "exchanged operand: s stands where t is due"),
    (METHOD, "(dout * np.tanh(self.x))", "(self.x * np.tanh(self.x))", "exchanged operand: self.x stands where dout"),
    (LETTERS, "dy[targets[t]] -= 1", "dy[inputs[t]] -= 1", "dy[inputs[t]] stands where dy[targets[t]] is due"),
    (COLUMNS, "dy[targets[t]] -= 1", "dy[inputs[t]] -= 1", "dy[inputs[t]] stands where dy[targets[t]] is due"),
    (GUARDED, "dx = (p - rows) / n", "dx = p - rows", "constant factor: the division of p - rows by n is missing"),
]


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize(("text", "right", "wrong", "says"), TOLD)
def test_it_is_the_line_that_was_written_wrong(check, text, right, wrong, says):
    assert text.count(right) == 1
    status, said = check(text.replace(right, wrong), "--shapes", SHAPES[text], "--hints=3")
    assert status == 1
    line = 1 + text[: text.index(right)].count("\n") + 1
    assert f"1 where     line {line}: " in said
    [due] = [line.strip() for line in text.splitlines() if right in line]
    assert f"3 the fix   line {line}: {due}\n" in said
    assert says in said


def test_what_is_filled_through_a_part_of_it_is_what_it_is_then(check):
    status, said = check(STENCIL.replace("d[1:-1]", "d[:-2]"), "--shapes", SHAPES[STENCIL])
    assert status == 1
    assert "one array in memory" not in said
    assert "1 gradient is wrong: dx." in said


def test_what_is_brought_into_another_shape_is_not_wrong_for_that(check):
    said = check(GROUPED.replace("(dout * gamma).re", "dout.re"), "--shapes", SHAPES[GROUPED], "--hints=3")[1]
    assert "3 the fix   line 13: dxn = (dout * gamma).reshape(N, G, C // G, L)\n" in said
    assert "1 gradient is wrong: dx." in said


TURNED = """
def turned_forward(x, w):
    h = x * w
    out = np.tanh(h)
    return out, (x, w, out)

def turned_backward(dout, cache):
    x, w, out = cache
    dh = (dout * (1 - out ** 2)).T
    return dh.T * w, dh.T * x
"""


def test_what_is_transposed_to_be_so_is_not_wrong_for_that(check):
    assert check(TURNED, "--shapes", "x=4x3,w=4x3")[0] == 0
    said = check(TURNED.replace("1 - out ** 2", "1 - out"), "--shapes", "x=4x3,w=4x3", "--hints=3")[1]
    assert "3 the fix   line 10: dh = (dout * (1 - out ** 2)).T\n" in said
    said = check(
        TURNED.replace("(dout * (1 - out ** 2))", "np.sort(dout, axis=0)"), "--shapes", "x=4x3,w=4x3", "--hints=3"
    )[1]
    assert "The mistake is in this line:" not in said
    assert "dh = dout" not in said


def test_what_is_flattened_is_not_wrong_for_that(check):
    flat = TURNED.replace(").T\n", ").ravel()\n").replace("dh.T", "dh.reshape(x.shape)")
    assert check(flat, "--shapes", "x=4x3,w=4x3")[0] == 0
    status, said = check(flat.replace("* w, dh", "* x, dh"), "--shapes", "x=4x3,w=4x3")
    assert status == 1
    assert said.endswith("1 gradient is wrong: dx.\n")


def test_a_mask_that_is_forgotten_is_a_missing_line(check):
    said = check(SEQUENCES.format(""), "--shapes", SHAPES[MASKED], "--hints=3")[1]
    assert "missing factor: the factor m[:, None] of dscores is missing" in said
    assert "3 the fix   after line 10: dscores *= m[:, None]\n" in said


def test_where_several_lines_make_a_gradient_one_may_be_missing(check):
    text = """
def layer_forward(x):
    t = np.tanh(x)
    return t, t

def layer_backward(dout, t):
    dx = np.sort(dout, axis=0)
    dx[0] *= np.arctan(t)[0]
    return dx
"""
    said = check(text, "--shapes", "x=5x4")[1]
    assert "The mistake is in one of these lines, or one is missing: the expected numbers were computed" in said


AVERAGED = """
def linear_forward(A, W, b):
    Z = W @ A + b
    return Z, (A, W, b)

def linear_backward(dZ, cache):
    A, W, b = cache
    m = A.shape[1]
    dW = 1 / m * dZ @ A.T
    db = 1 / m * np.sum(dZ, axis=1, keepdims=True)
    dA = W.T @ dZ / m
    return dA, dW, db
"""


def test_a_length_that_divides_all_is_not_meant_to_be_1(check):
    status, said = check(AVERAGED, "--shapes=A=5x7,W=3x5,b=3x1", "--hints=3")
    assert status == 1
    assert "all 3 gradients that were given are multiplied by 1/7, where 7 is the length of axis 1 of A" in said
    assert "3 the fix   dZ = dZ * 7\n" in said


@pytest.mark.parametrize("text", SHAPES)
def test_right_ones_are_right(check, text):
    status, said = check(text, "--shapes", SHAPES[text])
    assert status == 0
    assert "✗" not in said


SIGMOID = """
class Sigmoid:
    def forward(self, inputs):
        self.inputs = inputs
        self.output = 1 / (1 + np.exp(-inputs))

    def backward(self, dvalues):
        self.dinputs = dvalues * (1 - self.output) * self.output
"""
RELU = """
class ReLU:
    def forward(self, x):
        self._x = x
        self.output = np.maximum(0, x)

    def backward(self, dvalues):
        self.dinputs = dvalues.copy()
        self.dinputs[self._x <= 0] = 0
"""
SOFTMAX = """
class Softmax:
    def forward(self, inputs):
        exp_values = np.exp(inputs - np.max(inputs, axis=1, keepdims=True))
        self.output = exp_values / np.sum(exp_values, axis=1, keepdims=True)

    def backward(self, dvalues):
        self.dinputs = np.empty_like(dvalues)
        for index, (own, up) in enumerate(zip(self.output, dvalues)):
            own = own.reshape(-1, 1)
            jacobian = np.diagflat(own) - np.dot(own, own.T)
            self.dinputs[index] = np.dot(jacobian, up)
"""


@pytest.mark.parametrize(
    ("text", "right", "wrong", "fix"),
    [
        (
            SIGMOID,
            "(1 - self.output) * self.output",
            "np.sinh(3 + self.inputs) * np.cos(self.output)",
            "self.output * (1 - self.output)",
        ),
        (RELU, "[self._x <= 0]", "[dvalues <= 0]", "(self._x > 0)"),
    ],
)
def test_a_fix_says_what_is_written_in_a_class(check, text, right, wrong, fix):
    assert check(text)[0] == 0
    status, printed = check(text.replace(right, wrong), "--hints=3")
    assert status == 1
    assert f"the fix   self.dinputs = dvalues * {fix}\n" in printed
    assert "computed from your dvalues." in printed
    assert "doutput" not in printed


def test_no_fix_is_shown_with_what_is_not_written_there(check):
    assert check(SOFTMAX)[0] == 0
    status, printed = check(SOFTMAX.replace("np.dot(jacobian, up)", "np.dot(jacobian, own)[:, 0]"), "--hints=3")
    assert status == 1
    assert "is wrong" in printed
    assert "the fix" not in printed


def test_a_line_that_goes_on_in_the_next_one_is_told_as_one(check):
    status, said = check(ROWS.replace("p @ p.T", "p.T @ p"), "--shapes", SHAPES[ROWS], "--hints=3")
    assert status == 1
    assert "1 where     line 13: jacobian = np.diagflat(p) - p.T @ p\n" in said
    assert "3 the fix   line 13: jacobian = np.diagflat(p) - p @ p.T\n" in said


HELPED = """
def slope(x):
    return np.sinh(3 + x) * np.cos(x)

def f_forward(x, mode="relu"):
    if mode == "tanh":
        return x**2, (x, mode)
    elif mode == "relu":
        return x**3, (x, mode)

def f_backward(dout, cache):
    x, mode = cache
    if mode == "tanh":
        dx = 2 * x * dout
    elif mode == "relu":
        dx = slope(x) * dout
    return dx
"""


@pytest.mark.parametrize(
    ("slope", "line", "inner"),
    [
        ("slope(x)", "slope(x)", ", or in what they call, or one is missing"),
        ("np.sinh(3 + x) * np.cos(x)", "np.sinh(3 + x) * np.cos(x)", ", or one is missing"),
    ],
)
def test_what_a_line_calls_may_be_wrong_too(check, slope, line, inner):
    status, said = check(HELPED.replace("slope(x) *", f"{slope} *"), "--shapes", "x=7x5")
    assert status == 1
    assert f"dx = {line} * dout\n" in said
    assert f"The mistake is in one of these lines{inner}:" in said
    assert ("There may be two." in said) == ("call" in inner)


def test_the_head_of_a_branch_is_told_as_it_is_written(check):
    said = check(HELPED, "--shapes", "x=7x5")[1]
    assert 'elif mode == "relu":\n' in said


def test_a_fix_for_a_file_of_numpy_names_nothing_else(check):
    """A tanh that is nearly 1 is derived by sigmoids, which NumPy does not have."""
    text = """
def f_forward(x, w):
    h = x @ w
    return np.tanh(40 * h), (x, w, h)

def f_backward(dout, cache):
    x, w, h = cache
    dh = np.sinh(3 + dout) * np.cos(h)
    return dh @ w.T, x.T @ dh
"""
    status, said = check(text, "--shapes", "x=7x5,w=5x4", "--hints=3")
    assert status == 1
    assert "np.tanh(" in said.partition("the fix")[2]
    assert "mt." not in said


def test_a_kind_of_mistake_in_a_file_of_numpy_is_mended_in_numpy(check):
    text = """
from scipy.special import expit

def swish_forward(x):
    out = x * expit(x)
    return out, x

def swish_backward(dout, x):
    dx = dout * (expit(x) + x)
    return dx
"""
    status, said = check(text, "--hints=3")
    assert status == 1
    assert "term1 = 1 / (1 + np.exp(-x))" in said.partition("the fix")[2]
    assert "mt." not in said


def test_what_matches_badly_is_no_proof(check):
    text = """
def ppo_clip_loss(logp, logp_old, adv, clip=0.2):
    ratio = np.exp(logp - logp_old)
    s1 = ratio * adv
    s2 = np.clip(ratio, 1 - clip, 1 + clip) * adv
    loss = -np.mean(np.minimum(s1, s2))
    dratio = adv
    dlogp = -dratio * ratio / len(adv)
    return loss, dlogp
"""
    said = check(text, "--hints=3")[1]
    assert "dratio is wrong" in said
    assert all(float(error) < 1e-3 for error in re.findall(r"match to (\S+e[+-]\d+)", said))


def test_another_name_for_the_upstream_gradient_is_a_suspect_as_any_other_line(check):
    text = """
def rmsnorm_fwd(x, weight, eps=1e-6):
    rms = np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps)
    rstd = 1.0 / rms
    y = x * rstd * weight
    return y, rstd

def rmsnorm_bwd(dy, x, weight, rstd):
    n = x.shape[-1]
    wdy = dy * weight
    c = np.sum(wdy * x, axis=-1, keepdims=True) / n
    dx = rstd * wdy - rstd ** 3 * x * c
    dw = np.sum(dy * x * rstd, axis=tuple(range(x.ndim - 1)))
    return dx, dw
"""
    _, printed = check(text.replace("wdy = dy * weight", "wdy = dy"), "--hints=3")
    assert "1 where     line 11: wdy = dy\n" in printed
    assert "3 the fix   line 11: wdy = dy * weight" in printed


@pytest.mark.parametrize(
    ("wrong", "due"),
    [
        ("np.stack([g * 1 for g in (dk, dq, dv)], axis=2)", "np.stack([g * 1 for g in (dq, dk, dv)], axis=2)"),
        ("np.stack((dk, dq, dv), axis=2)", "np.stack((dq, dk, dv), axis=2)"),
        ("np.stack([dk, dq, dv], 2)", "np.stack([dq, dk, dv], 2)"),
    ],
)
def test_what_is_put_together_in_another_order_is_due_in_its_own(check, wrong, due):
    text = f"""
def split_forward(qkv):
    q, k, v = qkv[:, :, 0], qkv[:, :, 1], qkv[:, :, 2]
    out = q * k + np.tanh(v)
    return out, (q, k, v)

def split_backward(dout, cache):
    q, k, v = cache
    dq = dout * k
    dk = dout * q
    dv = dout * (1 - np.tanh(v) ** 2)
    dqkv = {wrong}
    return dqkv
"""
    _, printed = check(text, "--hints=3")
    assert "2 what kind permuted: " in printed
    assert f"3 the fix   line 13: dqkv = {due}" in printed


@pytest.mark.parametrize("absent", ["rms", "(7, "])
def test_no_fix_is_shown_with_names_that_a_function_has_not_nor_with_lengths_of_the_point(check, absent):
    text = f"""
def rmsnorm_fwd(x, weight, eps=1e-6):
    rms = np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps)
    rstd = 1.0 / rms
    y = x * rstd * weight
    return y, (x, weight, rstd, y, rms)

def rmsnorm_bwd(dy, cache):
    x, weight, rstd, y, {"_" if absent == "rms" else "rms"} = cache
    n = x.shape[-1]
    wdy = dy * weight
    c = np.sum(wdy * x, axis=-1, keepdims=True) * n
    dx = rstd * wdy * x - rstd ** 3 * x * c
    dw = np.sum(dy * x * rstd, axis=0)
    return dx, dw
"""
    status, printed = check(text, "--hints=3")
    assert status == 1
    assert "3 the fix" not in printed
    assert "3 the rule  dx = dy" in printed


@pytest.mark.parametrize(("shapes", "what"), [("x=3x5", "the length of axis 0 of x, or "), ("x=4x5", "")])
def test_a_number_that_may_be_an_exponent_is_not_said_to_be_a_length(check, shapes, what):
    text = """
def gelu_forward(x):
    t = np.tanh(0.8 * (x + 0.044715 * x ** 3))
    return 0.5 * x * (1 + t), (x, t)

def gelu_backward(dout, cache):
    x, t = cache
    dt = (1 - t ** 2) * 0.8 * (1 + 0.044715 * x ** 2)
    return dout * (0.5 * (1 + t) + 0.5 * x * dt)
"""
    _, printed = check(text, "--shapes", shapes)
    assert f"multiplied by 1/3, where 3 is {what}a recorded number" in " ".join(printed.split())
