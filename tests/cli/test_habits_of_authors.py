"""Layers with habits of their authors: right ones are right, and of a mistake one line is told, whose fix works."""

import re
from pathlib import Path

import pytest

from micrograd_tensor.cli import main

LOSS_OF_ONE = """
class SoftmaxWithLoss:
    def forward(self, x, t):
        self.t = t
        e = np.exp(x - np.max(x, axis=-1, keepdims=True))
        self.y = e / np.sum(e, axis=-1, keepdims=True)
        return -np.sum(np.log(self.y[np.arange(len(t)), t] + 1e-7)) / len(t)

    def backward(self, dout=1):
        batch_size = self.t.shape[0]
        dx = self.y.copy()
        dx[np.arange(batch_size), self.t] -= 1
        dx = dx / batch_size
        return dx
"""
STARRED = """
class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.shape = x.shape
        self.x = x.reshape(x.shape[0], -1)
        return np.dot(self.x, self.W) + self.b

    def backward(self, dout):
        dx = np.dot(dout, self.W.T)
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return dx.reshape(*self.shape)
"""
SIZED = """
class BN:
    def __init__(self, num_features=3, eps=1e-5, momentum=0.1):
        self.weight = np.ones(num_features)
        self.bias = np.zeros(num_features)
        self.running_mean = np.zeros(num_features)
        self.running_var = np.ones(num_features)
        self.eps, self.momentum = eps, momentum
        self.training = True

    def forward(self, x):
        if self.training:
            mean = x.mean(axis=0)
            var = x.var(axis=0)
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * var
        else:
            mean, var = self.running_mean, self.running_var
        self.std = np.sqrt(var + self.eps)
        self.xn = (x - mean) / self.std
        return self.weight * self.xn + self.bias

    def backward(self, dy):
        N = dy.shape[0]
        self.dweight = (dy * self.xn).sum(axis=0)
        self.dbias = dy.sum(axis=0)
        dxn = dy * self.weight
        return (N * dxn - dxn.sum(axis=0) - self.xn * (dxn * self.xn).sum(axis=0)) / (N * self.std)
"""
TWO_ALIKE = """
class ContrastiveLoss:
    def __init__(self, margin=2.0):
        self.margin = margin

    def forward(self, a, b, y):
        self.y = y
        self.diff = a - b
        self.d = np.sqrt((self.diff ** 2).sum(axis=1) + 1e-12)
        self.gap = np.clip(self.margin - self.d, 0, None)
        return np.mean(y * self.d ** 2 + (1 - y) * self.gap ** 2)

    def backward(self):
        n = len(self.d)
        g = 2 * self.y * self.d - 2 * (1 - self.y) * self.gap
        da = (g / self.d)[:, None] * self.diff / n
        return da, -da
"""
SUBTRACTED = """
class BatchNorm:
    def __init__(self, gamma, beta):
        self.gamma, self.beta = gamma, beta

    def forward(self, x):
        mu = x.mean(axis=0)
        xc = x - mu
        var = np.mean(xc**2, axis=0)
        std = np.sqrt(var + 1e-6)
        xn = xc / std
        self.n, self.xc, self.xn, self.std = x.shape[0], xc, xn, std
        return self.gamma * xn + self.beta

    def backward(self, dout):
        self.dbeta = dout.sum(axis=0)
        self.dgamma = np.sum(self.xn * dout, axis=0)
        dxn = self.gamma * dout
        dxc = dxn / self.std
        dstd = -np.sum((dxn * self.xc) / (self.std * self.std), axis=0)
        dvar = 0.5 * dstd / self.std
        dxc += (2.0 / self.n) * self.xc * dvar
        dmu = np.sum(dxc, axis=0)
        dx = dxc - dmu / self.n
        return dx
"""
DIVIDED_AT_LAST = """
def focal_loss(logits, targets, gamma=2.0, alpha=0.25):
    p = 1 / (1 + np.exp(-logits))
    pt = np.where(targets == 1, p, 1 - p)
    at = np.where(targets == 1, alpha, 1 - alpha)
    loss = np.mean(-at * (1 - pt) ** gamma * np.log(pt))
    dpt = at * (gamma * (1 - pt) ** (gamma - 1) * np.log(pt) - (1 - pt) ** gamma / pt)
    dp = np.where(targets == 1, dpt, -dpt)
    dlogits = dp * p * (1 - p) / logits.size
    return loss, dlogits
"""
PAIRS = """
def contrastive_forward(x1, x2, y, m=2.0):
    diff = x1 - x2
    dist = np.sqrt(np.sum(diff * diff, axis=1) + 1e-9)
    gap = np.maximum(0, m - dist)
    loss = np.mean(y * dist**2 + (1 - y) * gap**2) / 2
    return loss, (diff, dist, gap, y)

def contrastive_backward(cache):
    diff, dist, gap, y = cache
    N = diff.shape[0]
    ddist = (y * dist - (1 - y) * gap) / N
    ddiff = (ddist / dist)[:, None] * diff
    dx1 = ddiff
    dx2 = -ddiff
    return dx1, dx2
"""
OF_TWO_CLASSES = """
class LogisticRegression:
    def __init__(self, n_features, lam=0.1):
        self.w = np.random.randn(n_features) * 0.01
        self.b = 0.0
        self.lam = lam

    def loss(self, X, y):
        n = X.shape[0]
        p = 1.0 / (1.0 + np.exp(-(X @ self.w + self.b)))
        loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)) + 0.5 * self.lam * np.sum(self.w**2)
        dz = (p - y) / n
        dw = X.T @ dz + self.lam * self.w
        db = dz.sum()
        return loss, {"w": dw, "b": db}
"""
SLOPES = """
class GELU:
    def forward(self, x):
        self.x = x
        self.inner = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
        self.t = np.tanh(self.inner)
        return 0.5 * x * (1 + self.t)

    def backward(self, grad_output):
        x, t = self.x, self.t
        dinner = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x**2)
        grad = 0.5 * (1 + t) + 0.5 * x * (1 - t**2) * dinner
        return grad_output * grad
"""
OF_ONE_LENGTH = """
class PReLU:
    def __init__(self, n):
        self.a = np.full(n, 0.25)

    def forward(self, x):
        self.x, self.mask = x, x > 0
        return np.where(self.mask, x, self.a * x)

    def backward(self, dout):
        self.da = np.sum(dout * self.x * ~self.mask, axis=0)
        return np.where(self.mask, dout, self.a * dout)
"""
IN_A_BRANCH = """
class Dropout:
    def __init__(self, p=0.5):
        self.p, self.training = p, True

    def forward(self, x):
        if self.training:
            self.mask = (np.random.rand(*x.shape) < self.p) / self.p
            return x * self.mask
        return x

    def backward(self, dout):
        if self.training:
            return dout * self.mask
        return dout
"""
STACKS = """
def attention_forward(q, k, v):
    scores = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1])
    e = np.exp(scores - scores.max(-1, keepdims=True))
    att = e / e.sum(-1, keepdims=True)
    return att @ v, (q, k, v, att)

def attention_backward(dout, cache):
    q, k, v, att = cache
    d = q.shape[-1]
    dv = att.transpose(0, 2, 1) @ dout
    datt = dout @ v.transpose(0, 2, 1)
    ds = att * (datt - (datt * att).sum(-1, keepdims=True))
    ds = ds / np.sqrt(d)
    dq = ds @ k
    dk = ds.transpose(0, 2, 1) @ q
    return dq, dk, dv
"""
IN_COLUMNS = """
def linear_softmax_forward(X, W, b, Y):
    m = X.shape[1]
    Z = np.dot(W, X) + b
    T = np.exp(Z - np.max(Z, axis=0, keepdims=True))
    A = T / np.sum(T, axis=0, keepdims=True)
    cost = -np.sum(Y * np.log(A)) / m
    return cost, (X, W, A, Y)

def linear_softmax_backward(cache):
    X, W, A, Y = cache
    m = X.shape[1]
    dZ = A - Y
    dW = 1.0 / m * np.dot(dZ, X.T)
    db = 1.0 / m * np.sum(dZ, axis=1, keepdims=True)
    return dW, db
"""
OF_STATES = """
class Cell:
    def __init__(self, input_size, hidden_size):
        self.W = np.random.randn(input_size, 2 * hidden_size) * 0.1
        self.U = np.random.randn(hidden_size, hidden_size) * 0.1

    def forward(self, x, h_prev):
        H = h_prev.shape[1]
        self.x, self.h, self.a = x, h_prev, x @ self.W
        self.z = np.tanh(self.a[:, :H] + h_prev @ self.U)
        return self.z + self.a[:, H:] * h_prev

    def backward(self, dout):
        H = self.h.shape[1]
        dz = dout * (1 - self.z**2)
        da = np.concatenate([dz, dout * self.h], axis=1)
        self.dW = self.x.T @ da
        self.dU = self.h.T @ dz
        return da @ self.W.T, dz @ self.U.T + dout * self.a[:, H:]
"""
GATED = """
class GLU:
    def __init__(self, d_model, d_ff):
        self.W1 = np.random.randn(d_model, d_ff) * 0.1
        self.W2 = np.random.randn(d_model, d_ff) * 0.1

    def forward(self, x):
        self.x, self.a, self.g = x, np.tanh(x @ self.W1), x @ self.W2
        return self.a * self.g

    def backward(self, dout):
        da = dout * self.g * (1 - self.a**2)
        dg = dout * self.a
        self.dW1 = self.x.T @ da
        self.dW2 = self.x.T @ dg
        return da @ self.W1.T + dg @ self.W2.T
"""
OF_OTHER_SHAPE = """
def dqn_loss(q_values, actions, targets):
    N = q_values.shape[0]
    q = q_values[np.arange(N), actions]
    td = q - targets
    loss = np.mean(td**2)
    dq = np.zeros_like(q_values)
    dq[np.arange(N), actions] = 2 * td / N
    return loss, dq
"""
LAYERS = (
    IN_COLUMNS,
    OF_STATES,
    GATED,
    OF_OTHER_SHAPE,
    IN_A_BRANCH,
    STACKS,
    OF_ONE_LENGTH,
    LOSS_OF_ONE,
    STARRED,
    SUBTRACTED,
    SIZED,
    TWO_ALIKE,
    DIVIDED_AT_LAST,
    PAIRS,
    OF_TWO_CLASSES,
    SLOPES,
)
MISTAKES = [
    (LOSS_OF_ONE, "-= 1", "+= 1"),
    (LOSS_OF_ONE, "dx = dx / batch_size", "dx = dx"),
    (STARRED, "self.W.T", "self.W"),
    (SIZED, "/ (N * self.std)", "/ self.std"),
    (TWO_ALIKE, "self.diff / n", "self.diff"),
    (SUBTRACTED, "dxn = self.gamma * dout", "dxn = dout"),
    (SUBTRACTED, "0.5 * dstd / self.std", "0.5 * dstd * self.std"),
    (SUBTRACTED, "(2.0 / self.n) * self.xc", "2.0 * self.xc"),
    (SUBTRACTED, "np.sum(self.xn * dout, axis=0)", "np.sum(self.xc * dout, axis=0)"),
    (DIVIDED_AT_LAST, "np.log(pt) - (1", "np.log(pt) + (1"),
    (DIVIDED_AT_LAST, "(targets == 1, dpt, -dpt)", "(targets == 1, 3 * dpt, -dpt)"),
    (PAIRS, "dist - (1", "dist + (1"),
    (PAIRS, "(ddist / dist)", "ddist"),
    (OF_TWO_CLASSES, "(p - y) / n", "(p - y)"),
    (IN_A_BRANCH, "dout * self.mask", "dout * (self.mask > 0)"),
    (IN_A_BRANCH, "dout * self.mask", "dout"),
    (IN_COLUMNS, "np.sum(dZ, axis=1", "np.sum(dZ, axis=0"),
    (OF_STATES, "da @ self.W.T", "da @ self.W.T * 2"),
    (GATED, " + dg @ self.W2.T", ""),
    (OF_OTHER_SHAPE, "2 * td / N", "2 * td"),
    (STACKS, "ds.transpose(0, 2, 1) @ q", "ds @ q"),
    (SLOPES, "(1 + 3 * 0", "(1 + 0"),
    (SLOPES, "(1 - t**2)", "(1 - t)"),
    (OF_TWO_CLASSES, " + self.lam * self.w\n", "\n"),
]


BY_DEFAULT = {
    "alpha": """
def elu_forward(x, alpha=1.0):
    out = np.where(x > 0, x, alpha * (np.exp(x) - 1))
    return out, (x, out, alpha)

def elu_backward(dout, cache):
    x, out, alpha = cache
    return dout * np.where(x > 0, 1, out + alpha)
""",
    "delta": """
def huber_loss(pred, target, delta=1.0):
    diff = pred - target
    small = np.abs(diff) <= delta
    loss = np.where(small, 0.5 * diff**2, delta * (np.abs(diff) - 0.5 * delta)).sum() / len(pred)
    dpred = np.where(small, diff, delta * np.sign(diff)) / len(pred)
    return loss, dpred
""",
}
A_HALF = """
def triplet_loss(anchor, positive, negative, margin=0.5):
    N = anchor.shape[0]
    ap = anchor - positive
    an = anchor - negative
    hinge = np.sum(ap**2, axis=1) - np.sum(an**2, axis=1) + margin
    loss = np.sum(np.maximum(0, hinge)) / N
    g = ((hinge > 0) / N)[:, None]
    d_anchor = 2 * g * ap
    d_positive = -2 * g * ap
    d_negative = 2 * g * an
    return loss, (d_anchor, d_positive, d_negative)
"""


@pytest.mark.parametrize(
    ("name", "old", "new", "is_said"),
    [
        ("alpha", "out + alpha", "out + alpha", False),
        ("alpha", "out + alpha", "np.exp(x)", True),
        ("alpha", "(dout, cache)", "(dout, cache, alpha=1.0)", False),  # which learns of no other
        ("delta", "delta * np.sign", "delta * np.sign", False),
        ("delta", "delta * np.sign", "np.sign", True),
    ],
)
def test_what_is_right_for_a_number_of_1_alone_is_not_judged(check, name, old, new, is_said):
    text = BY_DEFAULT[name].replace(old, new)
    status, said = check(text)
    assert status == (2 if is_said else 0), said
    if is_said:
        assert f'--shapes "{name}=(1)", or others, too, --shapes "{name}=(0.7)"; then it is judged' in said
        assert check(text, "--shapes", f"{name}=(1)")[0] == 0
        assert check(text, "--shapes", f"{name}=(0.7)")[0] == 1


def test_a_fix_has_no_name_whose_number_cancels_by_chance(check):
    _, said = check(A_HALF, "--hints", "3")
    fix = said.partition("3 the fix")[2].partition("Proof")[0]
    assert "d_anchor" in fix
    assert "margin" not in fix


@pytest.mark.parametrize("text", LAYERS, ids=lambda text: text.split()[1])
def test_right_layers_are_right_and_nothing_is_said_against_them(check, text):
    status, said = check(text)
    assert status == 0, said
    assert "✗" not in said
    assert "should have, but don't" not in said


@pytest.mark.parametrize(("text", "right", "wrong"), MISTAKES)
def test_of_a_mistake_one_line_is_told_and_with_its_fix_the_layer_is_right(check, text, right, wrong):
    assert text.count(right) == 1
    mistaken = text.replace(right, wrong)
    status, said = check(mistaken, "--hints", "3")
    number = 2 + text[: text.index(right)].count("\n")
    assert status == 1
    assert "1 gradient is wrong" in said, said
    assert f"line {number}: " in said, said
    fix = re.search(r"3 the fix +line (\d+): (.*)", said)
    assert "≡" not in said or text is not STACKS  # where all names are those of gradients
    if fix is not None and "after line" not in fix[0]:
        lines = mistaken.splitlines()
        at = int(fix[1]) - 2
        lines[at] = re.match(r"\s*", lines[at])[0] + fix[2]
        assert check("\n".join(lines))[0] == 0, fix[0]


RATINGS = """
def elo_loss(ratings, games):
    L = 0.0
    g = np.zeros_like(ratings)
    k = np.log(10) / 400
    for i, j, res in games:
        p = 1 / (1 + 10 ** ((ratings[j] - ratings[i]) / 400))
        L -= res * np.log(p) + (1 - res) * np.log(1 - p)
        g[i] += k * (p - res)
        g[j] += k * (p - res)
    return L, g

def inputs():
    rng = np.random.default_rng(0)
    return dict(ratings=rng.normal(1500, 200, size=4), games=[(0, 1, 1), (1, 2, 0), (0, 3, 0.5), (0, 1, 0)])
"""
SCORES = """
def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def scores_loss(real_logits, fake_logits):
    pr = sigmoid(real_logits)
    pf = sigmoid(fake_logits)
    m = len(real_logits)
    loss = -np.mean(np.log(pr)) - np.mean(np.log(1 - pf))
    dreal = (pr - 1) / m
    dfake = pf / len(fake_logits)
    return loss, dreal, dfake
"""
UNDEFINED = """
def gap_loss(a, b):
    d = a - b
    return -np.log(d).mean(), -1 / d / d.size, 1 / d / d.size
"""
DEFINED = """

def inputs():
    a = np.linspace(1.0, 2.0, 6).reshape(3, 2)
    return dict(a=2 * a, b=a)
"""


def test_numbers_that_are_0_are_no_factors_of_a_mistake(check):
    assert check(RATINGS.replace("g[j] +=", "g[j] -="))[0] == 0
    status, said = check(RATINGS, "--hints", "3")
    assert status == 1
    assert "sign: p - res stands where res - p is due" in said


def test_losses_of_several_lengths_that_are_divided_by_one_are_not_called_wrong(check):
    status, said = check(SCORES)
    assert (status, "✗" in said) == (1, False), said
    assert "it is right for arrays of one axis" in said
    assert check(SCORES, "--shapes", "real_logits=5,fake_logits=4")[0] == 0


@pytest.mark.parametrize("text", [UNDEFINED, UNDEFINED.replace("1 / d / d.size\n", "-1 / d / d.size\n")])
def test_what_is_undefined_at_inputs_that_were_found_is_not_judged(check, text):
    with pytest.warns(RuntimeWarning, match="log"):
        status, said = check(text)
    assert status == 2
    assert "is no finite number at the inputs that were found, a=7x5,b=7x5; give some at which it is" in said
    assert check(text + DEFINED)[0] == (0 if text == UNDEFINED else 1)


def test_a_mistake_on_the_way_to_gradients_whose_names_hold_other_arrays_is_told_once(tmp_path, capsys):
    right, wrong = 'dr @ c["Wr"].T', 'dr @ (2 * c["Wr"].T)'
    text = (Path(__file__).parent / "layers" / "helpers.py").read_text(encoding="utf-8")
    at = text.index(right, text.index("def gru_step_backward"))
    (tmp_path / "mine.py").write_text(text[:at] + wrong + text[at + len(right) :], encoding="utf-8")
    assert main(["check", f"{tmp_path / 'mine.py'}:gru_step", "--hints", "3"]) == 1
    said = capsys.readouterr().out
    assert "1 gradient is wrong" in said
    assert f"3 the fix   line {text[:at].count(chr(10)) + 1}: " in said


@pytest.mark.parametrize(
    ("right", "wrong", "says"), [("+ b", "+ bias", "NameError: name 'bias'"), ("x @ w", "np.dots(x, w)", "'dots'")]
)
def test_what_fails_for_whatever_inputs_is_told_with_its_line(check, right, wrong, says):
    text = """
def affine_forward(x, w, b):
    out = x @ w + b
    return out, (x, w)

def affine_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.sum(axis=0)
"""
    assert check(text)[0] == 0
    status, said = check(text.replace(right, wrong, 1))
    assert status == 2
    assert "fails in forward" in said
    assert says in said
    assert "line 4" in said
    assert "--shapes" not in said


IN_ROWS = """
def linear_forward(A, W, b):
    return np.dot(W, A) + b, (A, W, b)

def linear_backward(dZ, cache):
    A_prev, W, b = cache
    dW = np.dot(dZ, A_prev.T)
    db = np.sum(dZ, axis=1, keepdims=True)
    dA_prev = np.dot(W.T, dZ)
    return dA_prev, dW, db
"""


def test_right_numbers_of_a_shape_that_a_step_of_descent_would_spread_are_wrong(check):
    assert check(IN_ROWS)[0] == 0
    status, said = check(IN_ROWS.replace(", keepdims=True", ""), "--hints", "3")
    assert status == 1
    assert "db: shape (3,), where (3, 1) belongs, and b - db would be of shape (3, 3)" in said
    assert "3 the fix   line 9: db = np.sum(dZ, axis=1, keepdims=True)" in said
    status, said = check(IN_ROWS.replace("axis=1, keepdims=True)", "axis=1, keepdims=True)[None]"))
    assert (status, "✗" in said) == (0, False)
