"""Mistakes in loops: the line that is told is the one that was wrong, and as the author would write it."""

from __future__ import annotations

import pytest

CONV = """
def conv_forward(X, W, b, stride=2, pad=1):
    N, C, H, Wd = X.shape
    F, _, HH, WW = W.shape
    Xp = np.pad(X, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    Ho, Wo = 1 + (H + 2 * pad - HH) // stride, 1 + (Wd + 2 * pad - WW) // stride
    out = np.zeros((N, F, Ho, Wo))
    for i in range(Ho):
        for j in range(Wo):
            hs, ws = i * stride, j * stride
            window = Xp[:, :, hs : hs + HH, ws : ws + WW]
            for f in range(F):
                out[:, f, i, j] = np.sum(window * W[f], axis=(1, 2, 3)) + b[f]
    return out, (X, Xp, W, stride, pad)

def conv_backward(dout, cache):
    X, Xp, W, stride, pad = cache
    F, C, HH, WW = W.shape
    N, _, Ho, Wo = dout.shape
    dXp, dW = np.zeros_like(Xp), np.zeros_like(W)
    db = np.sum(dout, axis=(0, 2, 3))
    for i in range(Ho):
        for j in range(Wo):
            h, w = i * stride, j * stride
            patch = Xp[:, :, h : h + HH, w : w + WW]
            for f in range(F):
                g = dout[:, f, i, j][:, None, None, None]
                dW[f] += np.sum(patch * g, axis=0)
                dXp[:, :, h : h + HH, w : w + WW] += W[f] * g
    dX = dXp[:, :, pad:-pad, pad:-pad]
    return dX, dW, db
"""
POOL = """
def pool_forward(A, f=2):
    m, H, W, C = A.shape
    Z = np.zeros((m, H // f, W // f, C))
    for h in range(H // f):
        for w in range(W // f):
            Z[:, h, w] = A[:, h * f : h * f + f, w * f : w * f + f].max(axis=(1, 2))
    return Z, (A, f)

def pool_backward(dZ, cache):
    A, f = cache
    dA = np.zeros(A.shape)
    for h in range(dZ.shape[1]):
        for w in range(dZ.shape[2]):
            s = A[:, h * f : h * f + f, w * f : w * f + f]
            mask = s == s.max(axis=(1, 2), keepdims=True)
            dA[:, h * f : h * f + f, w * f : w * f + f] += mask * dZ[:, h : h + 1, w : w + 1]
    return dA
"""
RNN = """
class VanillaRNN:
    def __init__(self):
        rng = np.random.RandomState(0)
        self.U, self.W, self.c = rng.randn(5, 6), rng.randn(5, 5), np.zeros((5, 1))

    def forward(self, inputs):
        self.inputs, self.hs, outputs = inputs, [np.zeros((5, 1))], []
        for x in inputs:
            self.hs.append(np.tanh(self.U @ x.reshape(-1, 1) + self.W @ self.hs[-1]))
            outputs.append(self.hs[-1] + self.c)
        return np.array(outputs)

    def backward(self, d_outputs):
        n = len(self.inputs)
        self.dU, self.dW, self.dc = np.zeros_like(self.U), np.zeros_like(self.W), np.zeros_like(self.c)
        dh, d_inputs = np.zeros_like(self.hs[0]), np.zeros_like(self.inputs)
        for t in range(n - 1, -1, -1):
            dy = d_outputs[t]
            self.dc += dy
            dh = dh + dy
            da = (1 - self.hs[t + 1] ** 2) * dh
            self.dU += da @ self.inputs[t].reshape(1, -1)
            self.dW += da @ self.hs[t].T
            d_inputs[t] = (self.U.T @ da)[:, 0]
            dh = self.W.T @ da
        return d_inputs
"""
NORMAL = """
def nll_forward(x, log_s):
    z = x * np.exp(-log_s)
    return -0.5 * z**2 - log_s, (z, log_s)

def nll_backward(dout, cache):
    z, log_s = cache
    dlog_s = (dout * (z**2 - 1)).sum(axis=0)
    return -dout * z * np.exp(-log_s), dlog_s
"""
SOFTMAX = """
def softmax_forward(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p, p

def softmax_backward(dout, p):
    d = 1 * dout
    return p * (d - (d * p).sum(axis=1, keepdims=True))
"""
GRU = """
def sgm(x):
    return 1 / (1 + np.exp(-x))


def gru_seq_forward(X, Wu, Wr, Wc, Vu, Vr, Vc):
    D, M, T = X.shape
    H = Wu.shape[0]
    h = np.zeros((H, M))
    H_all = np.zeros((H, M, T))
    saved = []
    for t in range(T):
        xt = X[:, :, t]
        u = sgm(np.dot(Wu, xt) + np.dot(Vu, h))
        r = sgm(np.dot(Wr, xt) + np.dot(Vr, h))
        c = np.tanh(np.dot(Wc, xt) + np.dot(Vc, r * h))
        saved.append((xt, h, u, r, c))
        h = u * h + (1 - u) * c
        H_all[:, :, t] = h
    return H_all, (saved, X, Wu, Wr, Wc, Vu, Vr, Vc)


def gru_seq_backward(dH, cache):
    saved, X, Wu, Wr, Wc, Vu, Vr, Vc = cache
    D, M, T = X.shape
    dWu, dWr, dWc = np.zeros(Wu.shape), np.zeros(Wr.shape), np.zeros(Wc.shape)
    dVu, dVr, dVc = np.zeros(Vu.shape), np.zeros(Vr.shape), np.zeros(Vc.shape)
    dX = np.zeros(X.shape)
    dhp = np.zeros(dH[:, :, 0].shape)
    for t in reversed(range(T)):
        xt, hp, u, r, c = saved[t]
        dh = dH[:, :, t] + dhp
        dc = dh * (1 - u)
        dac = dc * (1 - c**2)
        drh = np.dot(Vc.T, dac)
        du = dh * (hp - c)
        dau = du * u * (1 - u)
        dr = drh * hp
        dar = dr * r * (1 - r)
        dWu += np.dot(dau, xt.T)
        dWr += np.dot(dar, xt.T)
        dWc += np.dot(dac, xt.T)
        dVu += np.dot(dau, hp.T)
        dVr += np.dot(dar, hp.T)
        dVc += np.dot(dac, (r * hp).T)
        dX[:, :, t] = np.dot(Wu.T, dau) + np.dot(Wr.T, dar) + np.dot(Wc.T, dac)
        dhp = dh * u + drh * r + np.dot(Vu.T, dau) + np.dot(Vr.T, dar)
    return dX, dWu, dWr, dWc, dVu, dVr, dVc
"""
PEEPHOLES = """
def s(x):
    return 1 / (1 + np.exp(-x))


def peephole_forward(xs, Wf, Wi, Wc, Wo, pf, pi, po):
    T, D = xs.shape
    H = Wf.shape[0]
    h, c = np.zeros(H), np.zeros(H)
    steps, hs = [], []
    for t in range(T):
        v = np.concatenate([h, xs[t]])
        f = s(Wf @ v + pf * c)
        i = s(Wi @ v + pi * c)
        g = np.tanh(Wc @ v)
        c_new = f * c + i * g
        o = s(Wo @ v + po * c_new)
        h = o * np.tanh(c_new)
        steps.append((v, f, i, g, o, c, c_new))
        c = c_new
        hs.append(h)
    return np.array(hs), (steps, xs, Wf, Wi, Wc, Wo, pf, pi, po)


def peephole_backward(dhs, cache):
    steps, xs, Wf, Wi, Wc, Wo, pf, pi, po = cache
    H = Wf.shape[0]
    dxs = np.zeros_like(xs)
    dWf, dWi, dWc, dWo = (np.zeros_like(W) for W in (Wf, Wi, Wc, Wo))
    dpf, dpi, dpo = np.zeros_like(pf), np.zeros_like(pi), np.zeros_like(po)
    dh_next = np.zeros(H)
    dc_next = np.zeros(H)
    for t in range(len(steps) - 1, -1, -1):
        v, f, i, g, o, c, c_new = steps[t]
        dh = dhs[t] + dh_next
        tc = np.tanh(c_new)
        do = dh * tc * o * (1 - o)
        dc = dh * o * (1 - tc * tc) + dc_next + do * po
        df = dc * c * f * (1 - f)
        di = dc * g * i * (1 - i)
        dg = dc * i * (1 - g * g)
        dWf += np.outer(df, v)
        dWi += np.outer(di, v)
        dWc += np.outer(dg, v)
        dWo += np.outer(do, v)
        dpf += df * c
        dpi += di * c
        dpo += do * c_new
        dv = Wf.T @ df + Wi.T @ di + Wc.T @ dg + Wo.T @ do
        dh_next = dv[:H]
        dxs[t] = dv[H:]
        dc_next = dc * f + df * pf + di * pi
    return dxs, dWf, dWi, dWc, dWo, dpf, dpi, dpo
"""
SHAPES = {CONV: "X=2x3x7x9,W=4x3x3x5,b=4", POOL: "A=2x4x6x3", RNN: "inputs=4x6", NORMAL: "x=7x4,log_s=4"}
SHAPES |= {
    GRU: "X=3x2x5,Wu=4x3,Wr=4x3,Wc=4x3,Vu=4x4,Vr=4x4,Vc=4x4",
    PEEPHOLES: "xs=5x3,Wf=4x7,Wi=4x7,Wc=4x7,Wo=4x7,pf=4,pi=4,po=4",
}
MISTAKES = [
    (CONV, "dW[f] += np.sum(patch * g, axis=0)", "dW[f] = np.sum(patch * g, axis=0)", "overwritten contribution"),
    (CONV, "dW[f] += np.sum(patch * g, axis=0)", "dW[f] += np.mean(patch * g, axis=0)", "mean for sum"),
    (CONV, "dW[f] += np.sum(patch * g, axis=0)", "dW[f] += np.sum(patch * W[f] * g, axis=0)", "the factor W[f] is"),
    (POOL, "+= mask * dZ[", "+= mask * s * dZ[", "the factor s is not due"),
    (
        CONV,
        "db = np.sum(dout, axis=(0, 2, 3))",
        "db = np.ones(F) + np.sum(dout, axis=(0, 2, 3))",
        "term np.ones(F) is not",
    ),
    (RNN, "dh, d_inputs = np.zeros_like(", "dh, d_inputs = np.ones_like(", "np.zeros_like is due"),
    (CONV, "W[f] * g", "W[0] * g", "W[0] stands where W[f] is due"),
    (NORMAL, "(z**2 - 1)", "(z**2 + 1)", "+ stands where - is due"),
    (RNN, "self.dc += dy", "self.dc += dy / n", "constant factor: the division by n is not due"),
    (RNN, "self.dc += dy", "self.dc += dy * n", "constant factor: the factor n is not due"),
]


@pytest.mark.parametrize(("text", "right", "wrong", "what"), MISTAKES, ids=lambda x: x if len(x) < 50 else "")
def test_the_line_is_told_as_the_author_would_write_it(check, text, right, wrong, what):
    assert text.count(right) == 1
    status, said = check(text.replace(right, wrong), "--shapes", SHAPES[text], "--hints", "3")
    assert status == 1
    due = next(line.strip() for line in text.splitlines() if right in line)
    number = 2 + text[: text.index(right)].count("\n")
    fix = " ".join(said.partition("3 the fix")[2].partition("Proof")[0].split())
    assert fix == f"line {number}: {due}", said
    assert what in " ".join(said.split()), said


THROUGH_TIME = [
    (GRU, "drh * r + np", "drh + np", "drh * r + np", "missing factor: the factor r is missing"),
    (GRU, "dh * u + drh * r + np.dot(Vu.T, dau)", "drh * r + np.dot(Vu.T, dau)", "+ u * dh", "u * dh is not added to"),
    (GRU, " + np.dot(Vu.T, dau) + ", " + ", "+ Vu.T @ dau", "dropped term: Vu.T @ dau is not added to"),
    (GRU, "np.dot(Vc.T, dac)", "np.dot(Vc, dac)", "Vc.T @ dac", "transposed: Vc is not transposed, in np.dot(Vc, dac)"),
    (GRU, "dr = drh * hp", "dr = drh * r", "dr = drh * hp", "exchanged operand: r stands where hp is due"),
    (
        GRU,
        "dc * (1 - c**2)",
        "dc * c * (1 - c)",
        "dac = dc * (1 - c ** 2)",
        "the slope of a sigmoid for that of a tanh",
    ),
    (GRU, "du * u * (1 - u)", "du * (1 - u**2)", "du * (u * (1 - u))", "the slope of a tanh for that of a sigmoid"),
    (PEEPHOLES, " + do * po", "", "+ po * do", "dropped term: po * do is not added to"),
    (PEEPHOLES, "1 - tc * tc", "1 - c_new * c_new", "(1 - tc * tc)", "c_new stands where tc is due, in c_new * c_new"),
    (PEEPHOLES, "dv[:H]", "dv[-H:]", "dv[:H]", "exchanged operand: dv[-H:] stands where dv[:H] is due"),
    (PEEPHOLES, " + Wo.T @ do", "", "+ Wo.T @ do", "dropped term: Wo.T @ do is not added to"),
]


@pytest.mark.parametrize(
    ("text", "right", "wrong", "due", "what"), THROUGH_TIME, ids=lambda x: x if len(x) < 50 else ""
)
def test_a_mistake_in_what_comes_back_through_time_is_told_once_at_its_line(check, text, right, wrong, due, what):
    """It makes all gradients wrong, and those of each step from the second one on also by those of later steps."""
    assert text.count(right) == 1
    status, said = check(text.replace(right, wrong), "--shapes", SHAPES[text], "--hints", "3")
    assert status == 1
    assert said.count("3 the fix") == said.count("✗ wrong here") == 1, said
    fix = " ".join(said.partition("3 the fix")[2].partition("Proof")[0].split())
    number = 2 + text[: text.index(right)].count("\n")
    assert fix.startswith(f"line {number}: "), fix
    assert due in fix
    assert what in " ".join(said.split()), said


@pytest.mark.parametrize("wrong", ["h, w = i, j", "h, w = j, i"])
def test_a_line_that_only_names_the_steps_of_a_loop_may_be_wrong_too(check, wrong):
    right = "h, w = i * stride, j * stride"
    status, said = check(CONV.replace(right, wrong), "--shapes", SHAPES[CONV])
    assert status == 1
    assert f"line {2 + CONV[: CONV.index(right)].count(chr(10))}: {wrong}" in said


def test_what_is_0_up_to_rounding_is_nothing_times_a_factor(check):
    status, said = check(SOFTMAX.replace("1 * dout", "0 * dout + 1"), "--shapes", "x=7x4")
    assert status == 1
    assert "is multiplied by" not in said


OF_ONE = "dx = np.sort(dout, axis=0) * np.arctan(t)"
OF_TWO = "step = np.sort(dout, axis=0) * np.arctan(t)\n    dx = step * np.cosh(t)"


@pytest.mark.parametrize(("lines", "there"), [(OF_ONE, "in this line."), (OF_TWO, "in these lines.")])
def test_where_nothing_explains_the_numbers_the_lines_are_doubted_that_are_told(check, lines, there):
    text = f"""
def layer_forward(x):
    t = np.tanh(x)
    return t, t

def layer_backward(dout, t):
    {lines}
    return dx
"""
    said = " ".join(check(text, "--shapes", "x=5x4")[1].split())
    assert f"None of the known mistakes alone gives these numbers. There may be two {there}" in said, said


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("correct", ["scores[y[i]]", "right"], ids=["written out", "with a name"])
def test_a_line_that_a_loop_lacks_is_told_as_one_mistake(check, correct, seed):
    status, printed = check(
        f"""
def svm_loss_naive(W, X, y, reg):
    dW = np.zeros(W.shape)
    loss = 0.0
    for i in range(X.shape[0]):
        scores = X[i].dot(W)
        right = scores[y[i]]
        for j in range(W.shape[1]):
            if j == y[i]:
                continue
            margin = scores[j] - {correct} + 1
            if margin > 0:
                loss += margin
                dW[:, j] += X[i]
    loss /= X.shape[0]
    dW /= X.shape[0]
    loss += reg * np.sum(W * W)
    dW += 2 * reg * W
    return loss, dW
""",
        f"--seed={seed}",
        "--hints=3",
    )
    assert status == 1
    assert "A line is missing after this one." in printed
    assert "X[i] is not subtracted from dW[:, y[i]]" in printed
    assert "the fix   after line 15: dW[:, y[i]] -= X[i]" in printed


def test_a_line_that_a_loop_lacks_and_that_nothing_there_is_like_is_told_as_one_mistake(check):
    status, printed = check("""
def hinge_loss(W, X, y):
    dW = np.zeros(W.shape)
    loss = 0.0
    for i in range(X.shape[0]):
        scores = X[i].dot(W)
        d = np.zeros(W.shape[1])
        for j in range(W.shape[1]):
            if j != y[i] and scores[j] - scores[y[i]] + 1 > 0:
                loss += scores[j] - scores[y[i]] + 1
                d[j] = 1
        dW += np.outer(X[i], d)
    return loss, dW
""")
    assert status == 1
    assert "dropped contribution: what comes from d((X[6] @ W)[" in printed
    assert "two mistakes" not in printed
