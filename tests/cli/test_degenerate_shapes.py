"""Shapes that were found and hide a mistake, as a single window does: what is right there is judged at others, too."""

from __future__ import annotations

import re

import pytest

SIGNAL = """
def conv1d_forward(x, w):
    N, T = x.shape
    K = w.shape[0]
    out = np.zeros((N, T - K + 1))
    for t in range(T - K + 1):
        out[:, t] = x[:, t:t + K] @ w
    return out, (x, w)

def conv1d_backward(dout, cache):
    x, w = cache
    K = len(w)
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for t in range(dout.shape[1]):
        dx[:, t:t + K] += dout[:, t:t + 1] * w
        dw += x[:, t:t + K].T @ dout[:, t]
    return dx, dw
"""
IMAGE = """
def conv2d_forward(img, k):
    H, W = img.shape
    kh, kw = k.shape
    out = np.zeros((H - kh + 1, W - kw + 1))
    for i in range(H - kh + 1):
        for j in range(W - kw + 1):
            out[i, j] = np.sum(img[i:i + kh, j:j + kw] * k)
    return out, (img, k)

def conv2d_backward(dout, cache):
    img, k = cache
    kh, kw = k.shape
    dimg, dk = np.zeros_like(img), np.zeros_like(k)
    for i in range(dout.shape[0]):
        for j in range(dout.shape[1]):
            dimg[i:i + kh, j:j + kw] += dout[i, j] * k
            dk += dout[i, j] * img[i:i + kh, j:j + kw]
    return dimg, dk
"""
POOL = """
class MaxPool:
    def __init__(self, size=5):
        self.size = size

    def forward(self, x):
        self.x, k = x, self.size
        return np.stack([x[:, t * k:(t + 1) * k].max(axis=1) for t in range(x.shape[1] // k)], axis=1)

    def backward(self, dout):
        dx, k = np.zeros_like(self.x), self.size
        for t in range(dout.shape[1]):
            window = self.x[:, t * k:(t + 1) * k]
            dx[:, t * k:(t + 1) * k] = (window == window.max(axis=1, keepdims=True)) * dout[:, t:t + 1]
        return dx
"""
HINGE = SIGNAL.replace("return out,", "return np.maximum(out + 9, 0),").replace(
    "    for t in range(dout.shape[1]):\n",
    "    out = np.stack([x[:, t:t + K] @ w for t in range(dout.shape[1])], axis=1)\n"
    "    dout = dout * (out > -9)\n    for t in range(dout.shape[1]):\n",
)
SUM = """
def score_forward(x, w):
    N, T = x.shape
    s = np.zeros(N)
    for t in range(T - len(w) + 1):
        s = s + np.tanh(x[:, t:t + len(w)] @ w)
    return s, (x, w)

def score_backward(ds, cache):
    x, w = cache
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for t in range(x.shape[1] - len(w) + 1):
        da = ds * (1 - np.tanh(x[:, t:t + len(w)] @ w) ** 2)
        dx[:, t:t + len(w)] += np.outer(da, w)
        dw += x[:, t:t + len(w)].T @ da
    return dx, dw
"""
FLATTEN = """
def flatten_forward(x):
    return x.reshape(x.shape[0], -1), x.shape

def flatten_backward(dout, shape):
    return dout.reshape(shape)
"""
METHODS = """
class Flatten:
    def _flat(self, x):
        return x.reshape(len(x), -1)

    def forward(self, x):
        self.shape = x.shape
        return self._flat(x)

    def backward(self, dout):
        return dout.reshape(self.shape)
"""
RAVEL = """
def ravel_forward(x):
    return np.tanh(x).ravel(), x

def ravel_backward(dout, x):
    return (dout * (1 - np.tanh(x.ravel()) ** 2)).reshape(x.shape)
"""
AFFINE = """
def affine_forward(x, w, b):
    return x.reshape(len(x), -1) @ w + b, (x, w)

def affine_backward(dout, cache):
    x, w = cache
    flat = x.reshape(len(x), -1)
    return (dout @ w.T).reshape(x.shape), flat.T @ dout, dout.sum(axis=0)
"""
IF_NEEDED = """
class Dense:
    def __init__(self, n_in, n_out):
        self.w = np.random.randn(n_in, n_out)

    def forward(self, x):
        self.shape = x.shape
        if x.ndim > 2:
            x = x.reshape(len(x), -1)
        self.x = x
        return x @ self.w

    def backward(self, dout):
        self.dw = self.x.T @ dout
        return (dout @ self.w.T).reshape(self.shape)
"""
LAYERS = {
    "a signal": SIGNAL,
    "a signal that a hinge seldom stops": HINGE,
    "an image": IMAGE,
    "a pool": POOL,
    "a sum over windows": SUM,
    "flatten": FLATTEN,
    "flatten, in a method of its own": METHODS,
    "ravel": RAVEL,
    "affine": AFFINE,
    "dense, where there are more axes": IF_NEEDED,
}


@pytest.mark.parametrize("text", LAYERS.values(), ids=LAYERS)
def test_right_ones_are_right(check, text):
    status, said = check(text)
    assert status == 0, said
    assert "wrong" not in said


@pytest.mark.parametrize(
    ("right", "line", "wrong"),
    [
        (SIGNAL, "dx[:, t:t + K] +=", "dx[:, t:t + K] ="),
        (SIGNAL, "dw += x[:, t:t + K]", "dw = x[:, t:t + K]"),
        (SIGNAL, "dw += x[:, t:t + K]", "dw += x[:, 0:K]"),
        (SIGNAL, "dout[:, t:t + 1] * w", "dout[:, 0:1] * w"),
        (SIGNAL, "range(dout.shape[1])", "range(1)"),
        (HINGE, "dx[:, t:t + K] +=", "dx[:, t:t + K] ="),
        (IMAGE, "dimg[i:i + kh, j:j + kw] +=", "dimg[i:i + kh, j:j + kw] ="),
        (IMAGE, "dk += dout[i, j]", "dk = dout[i, j]"),
        (IMAGE, "img[i:i + kh, j:j + kw]\n    return dimg", "img[:kh, :kw]\n    return dimg"),
        (POOL, "dx[:, t * k:(t + 1) * k] =", "dx[:, 0:k] ="),
        (SUM, "dx[:, t:t + len(w)] +=", "dx[:, t:t + len(w)] ="),
        (SUM, "dw += ", "dw = "),
        (FLATTEN, "dout.reshape(shape)", "dout"),
        (FLATTEN, "dout.reshape(shape)", "dout.reshape(shape[0], -1)"),
        (METHODS, "dout.reshape(self.shape)", "dout"),
        (RAVEL, ".reshape(x.shape)", ".reshape(len(x), -1)"),
        (AFFINE, ".reshape(x.shape)", ""),
        (IF_NEEDED, ".reshape(self.shape)", ""),
    ],
)
def test_wrong_ones_are_wrong_where_there_is_more_than_one_window_or_axis(check, right, line, wrong):
    assert line in right
    status, said = check(right.replace(line, wrong))
    assert status == 1
    assert re.search(r"inputs drawn from seed 0: .*; at \w+ \(.*\) backward is right\n", said)
    assert "wrong here" in said


@pytest.mark.parametrize(
    ("right", "line", "wrong", "options"),
    [
        (
            SIGNAL, "    K = len(w)\n    dx, dw",
            "    return dout * w, x.T @ dout[:, 0]\n    K = len(w)\n    dx, dw",
            ["x=7x5,w=5", "x=14x10,w=5"],
        ),
        (SIGNAL, "return dx, dw", "return dx[:, :K], dw", ["x=7x5,w=5", "x=14x10,w=5"]),
        (FLATTEN, "dout.reshape(shape)", "np.zeros(shape) + dout", ["x=7x5", "x=7x5x2"]),
    ],
)  # fmt: skip
def test_whether_longer_inputs_are_meant_is_asked_where_backward_is_for_none(check, right, line, wrong, options):
    assert line in right
    text = right.replace(line, wrong)
    status, said = check(text)
    assert status == 2
    assert re.findall(r'--shapes "?([\w=,]+\w)', said) == options
    as_here, elsewhere = (check(text, "--shapes", one)[0] for one in options)
    assert (as_here, elsewhere) == (0, 1)


@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        (SIGNAL.replace("dw += x", "dw = x"), "x=7x5,w=5"),
        (FLATTEN.replace("dout.reshape(shape)", "dout"), "x=7x5"),
    ],
)
def test_shapes_that_are_given_are_as_they_are_meant(check, text, shapes):
    assert check(text, "--shapes", shapes)[0] == 0


POSITIONS = """
class LearnedPosition:
    def __init__(self, max_len=5, d_model=4):
        self.pe = np.random.normal(0, 0.02, (max_len, d_model))

    def forward(self, x):
        return x + self.pe[None, :x.shape[1]]

    def backward(self, dout):
        self.dpe = np.zeros_like(self.pe)
        self.dpe[:dout.shape[1]] = dout.sum(0)
        return dout
"""
ONES = """
class LayerNorm:
    def __init__(self, features=6, eps=1e-5):
        self.a = np.ones(features)
        self.b = np.zeros(features)
        self.eps = eps

    def forward(self, x):
        m = x.mean(-1, keepdims=True)
        v = x.var(-1, keepdims=True)
        self.rstd = 1.0 / np.sqrt(v + self.eps)
        self.n = (x - m) * self.rstd
        return self.a * self.n + self.b

    def backward(self, g):
        D = g.shape[-1]
        self.grad_a = (g * self.n).reshape(-1, D).sum(0)
        self.grad_b = g.reshape(-1, D).sum(0)
        gn = g * self.a
        return self.rstd * (gn - gn.mean(-1, keepdims=True) - self.n * (gn * self.n).mean(-1, keepdims=True))
"""


def test_a_batch_of_one_hides_no_missing_sum(check):
    assert check(POSITIONS)[0] == 0
    status, said = check(POSITIONS.replace("dout.sum(0)", "dout[0]"))
    assert status == 1
    assert "x (3, 5, 4); at x (1, 5, 4) backward is right" in said


def test_what_gets_a_gradient_is_learned_whatever_it_is_called_and_drawn_at_random(check):
    assert check(ONES)[0] == 0
    status, said = check(ONES.replace("gn = g * self.a", "gn = g"))
    assert status == 1
    assert "the factor self.a is missing" in said


STRENGTHS = """
def bt_loss(s, winner, loser):
    d = s[winner] - s[loser]
    p = 1 / (1 + np.exp(-d))
    loss = -np.log(p).sum()
    ds = np.zeros_like(s)
    np.add.at(ds, winner, p - 1)
    np.add.at(ds, loser, 1 - p)
    return loss, ds
"""
PLAYED = """

def inputs():
    return dict(s=np.linspace(-1.0, 2.0, 5), winner=np.array([0, 1, 1, 4]), loser=np.array([2, 3, 2, 0]))
"""


@pytest.mark.parametrize("text", [STRENGTHS, STRENGTHS.replace("np.add.at(ds, loser, 1 - p)", "ds[loser] += 1 - p")])
def test_a_gradient_that_is_0_at_inputs_that_were_found_is_not_judged(check, text):
    status, said = check(text)
    assert status == 2
    assert "the gradient of s is 0 at the inputs that were found, s=7x8, so mistakes in it show nowhere" in said
    assert check(text + PLAYED)[0] == (0 if text == STRENGTHS else 1)


CELL = """
class Cell:
    def __init__(self, n_in, n_hidden):
        self.Wx, self.Wh = np.random.randn(n_in, n_hidden), np.random.randn(n_hidden, n_hidden)
        self.h = None

    def forward(self, x):
        self.x = x
        self.before = np.zeros((len(x), len(self.Wh))) if self.h is None else self.h
        self.h = np.tanh(x @ self.Wx + self.before @ self.Wh)
        return self.h

    def backward(self, dout):
        da = dout * (1 - self.h**2)
        self.dWx = self.x.T @ da
        self.dWh = self.before.T @ dout
        return da @ self.Wx.T
"""


def test_a_gradient_that_is_0_because_a_state_begins_so_is_not_judged(check):
    status, said = check(CELL)
    assert status == 2
    assert "the gradient of Wh is 0 at the inputs that were found" in " ".join(said.split())


ADDED = """
def embed_forward(idx, E):
    return E[idx], (idx, E.shape)

def embed_backward(dout, cache):
    idx, shape = cache
    dE = np.zeros(shape)
    np.add.at(dE, idx, dout)
    return dE
"""


@pytest.mark.parametrize("shapes", ["idx=3<20,E=20x4", "idx=2<50,E=50x4", "idx=2x2<90,E=90x4"])
def test_of_indices_that_are_drawn_one_comes_twice(check, shapes):
    assert check(ADDED, "--shapes", shapes)[0] == 0
    assert check(ADDED.replace("np.add.at(dE, idx, dout)", "dE[idx] += dout"), "--shapes", shapes)[0] == 1


def test_of_indices_that_are_drawn_two_come_twice_one_after_the_other(check):
    text = """
def path_forward(trans, tags):
    return trans[tags[:-1], tags[1:]].sum(), (trans.shape, tags)

def path_backward(dout, cache):
    shape, tags = cache
    dtrans = np.zeros(shape)
    np.add.at(dtrans, (tags[:-1], tags[1:]), dout)
    return dtrans
"""
    shapes = "trans=9x9,tags=5<9"
    assert check(text, "--shapes", shapes)[0] == 0
    wrong = text.replace("np.add.at(dtrans, (tags[:-1], tags[1:]), dout)", "dtrans[tags[:-1], tags[1:]] += dout")
    assert check(wrong, "--shapes", shapes)[0] == 1


POOLING = """
class AttentionPooling:
    def __init__(self, hidden=4):
        self.v = np.random.randn(hidden)

    def forward(self, H, mask):
        # H (B, T, D), mask (B, T) of 0/1
        self.H = H
        s = np.einsum('btd,d->bt', H, self.v)
        s = s + (1 - mask) * -1e9
        e = np.exp(s - s.max(axis=1, keepdims=True))
        self.a = e / e.sum(axis=1, keepdims=True)
        return np.einsum('bt,btd->bd', self.a, H)

    def backward(self, dout):
        dH = self.a[:, :, None] * dout[:, None, :]
        da = np.einsum('bd,btd->bt', dout, self.H)
        ds = self.a * (da - (self.a * da).sum(1, keepdims=True))
        dH += ds[:, :, None] * self.v
        self.dv = np.einsum('bt,btd->d', ds, self.H)
        return dH
"""


def test_masks_of_shapes_that_are_searched_for_are_0_and_1(check):
    status, said = check(POOLING)
    assert (status, "hides mistakes" in said) == (0, False)
    lost = POOLING.replace("        dH += ds[:, :, None] * self.v\n", "")
    assert check(lost)[0] == 2
    assert check(lost, "--shapes", "H=7x3x4,mask=7x3")[0] == 1


CHAIN = """
def logz_forward(emit, trans):
    T, K = emit.shape
    alpha = np.zeros((T, K))
    alpha[0] = emit[0]
    for t in range(1, T):
        s = alpha[t - 1][:, None] + trans
        alpha[t] = emit[t] + np.log(np.exp(s).sum(axis=0))
    logz = np.log(np.exp(alpha[-1]).sum())
    return logz, (emit, trans, alpha, logz)

def logz_backward(dout, cache):
    emit, trans, alpha, logz = cache
    demit, dtrans = np.zeros_like(emit), np.zeros_like(trans)
    da = dout * np.exp(alpha[-1] - logz)
    for t in range(len(emit) - 1, 0, -1):
        demit[t] = da
        p = np.exp(alpha[t - 1][:, None] + trans - (alpha[t] - emit[t]))
        dtrans += p * da
        da = (p * da).sum(axis=1)
    demit[0] = da
    return demit, dtrans
"""
CLIPPED = CHAIN.replace("np.exp(s).sum(axis=0)", "np.maximum(np.exp(s), 1e-12).sum(axis=0)")


@pytest.mark.parametrize("text", [CHAIN, CLIPPED], ids=["as usual", "where numbers may be shares"])
def test_a_single_column_that_nothing_speaks_for_hides_no_wrong_axis(check, text):
    assert check(text)[0] == 0
    status, said = check(text.replace("(p * da).sum(axis=1)", "(p * da).sum(axis=0)"))
    assert status == 1
    assert "emit (3, 5), trans (5, 5)" in said


MARGIN = """
def margin_loss(x, y):
    n = len(y)
    z = 4.0 * x
    z[np.arange(n), y] -= 1.4
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(n), y]).mean()
    dx = p.copy()
    dx[np.arange(n), y] -= 1
    dx *= 4.0 / n
    return loss, dx
"""


def test_what_is_written_to_an_index_is_not_taken_for_reshaped(check):
    status, printed = check(MARGIN)
    assert status == 0, printed
    assert "x (7, 5)," in printed
    assert check(MARGIN.replace("4.0 / n", "4.0"))[0] == 1


MIXTURE = """
def mixture_loss(x, means):
    d = x[:, None] - means
    r = np.exp(-d**2)
    lse = np.log(r.sum(axis=1))
    loss = -np.mean(lse)
    share = r / r.sum(axis=1, keepdims=True)
    dmeans = -2 * (share * d).sum(axis=0) / len(x)
    dx = 2 * (share * d).sum(axis=1) / len(x)
    return loss, dx, dmeans
"""


def test_what_is_wrong_at_one_axis_is_told_there_and_no_right_neighbour_with_it(check):
    assert check(MIXTURE, "--shapes", "x=7,means=3")[0] == 0
    status, printed = check(MIXTURE.replace("dmeans = -2 *", "dmeans = 2 *"))
    assert status == 1
    assert "1 gradient is wrong: dmeans." in printed
