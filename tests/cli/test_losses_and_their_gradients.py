"""Losses with a gradient of their own, under the names that people give them: without an upstream gradient."""

from __future__ import annotations

import re
import sys

import pytest

FILES = {
    "a cost and its gradient": (
        """
def compute_cost(X, y, w, b):
    m = X.shape[0]
    cost = 0.0
    for i in range(m):
        cost += (np.dot(X[i], w) + b - y[i]) ** 2
    return cost / (2 * m)

def compute_gradient(X, y, w, b):
    m = X.shape[0]
    err = X @ w + b - y
    dj_dw = X.T @ err / m
    dj_db = np.sum(err) / m
    return dj_db, dj_dw
""",
        ["X.T @ err / m", "np.sum(err) / m"],
    ),
    "both in one, in camel case": (
        """
def costFunctionReg(theta, X, y, lam=1.0):
    m = len(y)
    h = 1 / (1 + np.exp(-X @ theta))
    J = -(y @ np.log(h) + (1 - y) @ np.log(1 - h)) / m + lam / (2 * m) * np.sum(theta[1:] ** 2)
    grad = X.T @ (h - y) / m
    grad[1:] += lam / m * theta[1:]
    return J, grad
""",
        ["X.T @ (h - y) / m", "lam / m * theta[1:]\n"],
    ),
    "the methods of arrays of labels": (
        """
def costFunctionReg(theta, X, y, lam=1.0):
    m = y.size
    h = 1 / (1 + np.exp(-X.dot(theta)))
    J = (-y.dot(np.log(h)) - (1 - y).dot(np.log(1 - h))) / m + lam / (2 * m) * np.sum(theta[1:] ** 2)
    grad = (h - y).dot(X) / m
    grad[1:] += lam / m * theta[1:]
    return J, grad
""",
        ["(h - y).dot(X) / m", "lam / m * theta[1:]\n"],
    ),
    "those of what is made of labels": (
        """
def softmax_cost(W, X, y):
    Y = np.eye(W.shape[1])[y]
    P = np.exp(X.dot(W))
    P = P / P.sum(axis=1, keepdims=True)
    J = -np.trace(Y.T.dot(np.log(P))) / len(X)
    return J, X.T.dot(P - Y) / len(X)
""",
        ["X.T.dot(P - Y) / len(X)"],
    ),
    "one number in an array of two axes": (
        """
class MSELoss:
    def forward(self, A, Y):
        self.A, self.Y, (self.N, self.C) = A, Y, A.shape
        se = (A - Y) * (A - Y)
        return np.ones((1, self.N)) @ se @ np.ones((self.C, 1)) / (self.N * self.C)

    def backward(self):
        return 2 * (self.A - self.Y) / (self.N * self.C)
""",
        ["2 * (self.A - self.Y) / (self.N * self.C)"],
    ),
    "one number in an array of one axis": (
        """
class LossOfOne:
    def forward(self, predicted, actual):
        self.predicted, self.actual = predicted, actual
        return np.sum((predicted - actual) ** 2).reshape(1)

    def backward(self):
        return 2 * (self.predicted - self.actual)
""",
        ["2 * (self.predicted - self.actual)"],
    ),
    "through time, by its letters": (
        """
class RNN:
    def __init__(self, word_dim=8, hidden_dim=4):
        self.word_dim, self.hidden_dim = word_dim, hidden_dim
        self.U = np.random.uniform(-0.5, 0.5, (hidden_dim, word_dim))
        self.V = np.random.uniform(-0.5, 0.5, (word_dim, hidden_dim))
        self.W = np.random.uniform(-0.5, 0.5, (hidden_dim, hidden_dim))

    def forward_propagation(self, x):
        s, o = np.zeros((len(x) + 1, self.hidden_dim)), np.zeros((len(x), self.word_dim))
        for t in range(len(x)):
            s[t] = np.tanh(self.U[:, x[t]] + self.W.dot(s[t - 1]))
            z = np.exp(self.V.dot(s[t]))
            o[t] = z / np.sum(z)
        return o, s

    def calculate_loss(self, x, y):
        o, s = self.forward_propagation(x)
        return -np.sum(np.log(o[np.arange(len(y)), y]))

    def bptt(self, x, y):
        o, s = self.forward_propagation(x)
        dLdU, dLdV, dLdW = np.zeros(self.U.shape), np.zeros(self.V.shape), np.zeros(self.W.shape)
        delta_o = o
        delta_o[np.arange(len(y)), y] -= 1.0
        for t in range(len(y))[::-1]:
            dLdV += np.outer(delta_o[t], s[t])
            delta_t = self.V.T.dot(delta_o[t]) * (1 - s[t] ** 2)
            for step in range(t + 1)[::-1]:
                dLdW += np.outer(delta_t, s[step - 1])
                dLdU[:, x[step]] += delta_t
                delta_t = self.W.T.dot(delta_t) * (1 - s[step - 1] ** 2)
        return dLdU, dLdV, dLdW
""",
        ["np.outer(delta_o[t], s[t])", "self.W.T.dot(delta_t)"],
    ),
    "a class with loss and grad": (
        """
class Loss:
    def loss(self, predicted, actual):
        raise NotImplementedError

    def grad(self, predicted, actual):
        raise NotImplementedError

class MSE(Loss):
    def loss(self, predicted, actual):
        return np.sum((predicted - actual) ** 2)

    def grad(self, predicted, actual):
        return 2 * (predicted - actual)
""",
        ["2 * (predicted - actual)"],
    ),
    "a loss by elements, and labels first": (
        """
class SquareLoss:
    def loss(self, y, y_pred):
        return 0.5 * np.power(y - y_pred, 2)

    def gradient(self, y, y_pred):
        return -(y - y_pred)
""",
        ["-(y - y_pred)"],
    ),
    "an activation with a gradient method": (
        """
class Sigmoid:
    def __call__(self, x):
        return 1 / (1 + np.exp(-x))

    def gradient(self, x):
        return self(x) * (1 - self(x))
""",
        ["self(x) * (1 - self(x))"],
    ),
    "passes in camel case": (
        """
def affineForward(x, W, b):
    return x @ W + b, (x, W)

def affineBackward(dOut, cache):
    x, W = cache
    return dOut @ W.T, x.T @ dOut, dOut.sum(axis=0)
""",
        ["dOut @ W.T", "x.T @ dOut", "dOut.sum(axis=0)"],
    ),
    "letters, weights that are global names, and the last state": (
        """
V, H = 6, 4
Wxh, Whh, Why = np.random.randn(H, V) * 0.5, np.random.randn(H, H) * 0.5, np.random.randn(V, H) * 0.5
bh, by = np.random.randn(H, 1), np.random.randn(V, 1)

def lossFun(inputs, targets, hprev):
    xs, hs, ps = {}, {}, {}
    hs[-1] = np.copy(hprev)
    loss = 0
    for t in range(len(inputs)):
        xs[t] = np.zeros((V, 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t - 1]) + bh)
        y = np.dot(Why, hs[t]) + by
        ps[t] = np.exp(y) / np.sum(np.exp(y))
        loss += -np.log(ps[t][targets[t], 0])
    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dbh, dby, dhnext = np.zeros_like(bh), np.zeros_like(by), np.zeros_like(hs[0])
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dWhy += np.dot(dy, hs[t].T)
        dby += dy
        dhraw = (1 - hs[t] * hs[t]) * (np.dot(Why.T, dy) + dhnext)
        dbh += dhraw
        dWxh += np.dot(dhraw, xs[t].T)
        dWhh += np.dot(dhraw, hs[t - 1].T)
        dhnext = np.dot(Whh.T, dhraw)
    return loss, dWxh, dWhh, dWhy, dbh, dby, hs[len(inputs) - 1]
""",
        [pytest.param("np.dot(dy, hs[t].T)", marks=pytest.mark.slow)],
    ),
}
WRONG = [(kind, term) for kind, (_, terms) in FILES.items() for term in terms if isinstance(term, str)]
WRONG += [
    pytest.param(kind, *term.values, marks=term.marks)
    for kind, (_, terms) in FILES.items()
    for term in terms
    if not isinstance(term, str)
]


@pytest.mark.parametrize("kind", FILES)
def test_right_ones_are_right(check, kind):
    found, printed = check(FILES[kind][0])
    assert found == 0, printed
    assert "is right" in printed or "are right" in printed
    assert "upstream gradient" not in printed.replace(", upstream gradient dout drawn", "") or "camel" in kind


@pytest.mark.parametrize(("kind", "term"), WRONG)
def test_wrong_ones_are_wrong(check, kind, term):
    found, printed = check(FILES[kind][0][::-1].replace(term[::-1], f"-0.5 * {term}"[::-1], 1)[::-1])
    assert found == 1
    assert "wrong here" in printed


def test_a_result_without_its_gradient_is_not_judged_by_ones(check):
    text = """
def net_forward(x, t, w):
    return np.tanh(x @ w), (x, w)

def net_backward(x, t, cache):
    return x.T @ (np.tanh(x @ cache[1]) - t)
"""
    found, printed = check(text, "--shapes", "x=7x5,t=7x3,w=5x4")
    assert found == 2
    assert "takes no gradient of what its forward pass returns, of shape (7, 4)" in printed


AVERAGED = """
def linear_forward(A, W, b):
    return np.dot(W, A) + b, (A, W, b)

def linear_backward(dZ, cache):
    A_prev, W, b = cache
    m = A_prev.shape[1]
    dW = 1 / m * np.dot(dZ, A_prev.T)
    db = 1 / m * np.sum(dZ, axis=1, keepdims=True)
    dA_prev = np.dot(W.T, dZ)
    return dA_prev, dW, db
"""


def test_means_over_the_examples_beside_a_sum_are_not_judged_and_that_is_said(check):
    found, printed = check(AVERAGED)
    assert found == 1
    assert "wrong here" not in printed
    assert "dW and db are 1/7 of the gradients, and dA is not" in " ".join(printed.split())
    assert "dW and db were given, but could not be judged." in printed


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("db = 1 / m * ", "db and dW disagree: dW is divided by 7, and db is not"),
        ("dW = 1 / m * ", "dW and db disagree: db is divided by 7, and dW is not"),
    ],
)
def test_means_beside_sums_of_weights_blame_neither(check, line, said):
    found, printed = check(AVERAGED.replace(line, line.replace("1 / m * ", "")))
    assert found == 1
    assert "wrong here" not in printed
    assert said in " ".join(printed.split())


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("np.dot(W.T, dZ)", "2 * np.dot(W.T, dZ)", "dA"),
        ("1 / m * np.dot", "2 / m * np.dot", "dW"),
    ],
)
def test_means_that_are_no_means_of_all_weights_are_wrong(check, old, new, wrong):
    found, printed = check(AVERAGED.replace(old, new))
    assert found == 1
    assert f"✗ {wrong} is wrong" in printed or f"{wrong}: it follows from the mistake" in printed


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [("1 / m * np.dot(dZ", "1 / m * np.dot(abs(dZ)", "dW"), ("A_prev.T)", "abs(A_prev.T))", "dW")],
)
def test_beside_another_mistake_a_mean_is_not_called_wrong(check, old, new, wrong):
    found, printed = check(AVERAGED.replace(old, new))
    assert found == 1
    assert f"1 gradient is wrong: {wrong}. db was given, but could not be judged." in printed
    assert "db is 1/7 of the gradient, and dA is not" in " ".join(printed.split())


def test_beside_another_mistake_a_mean_that_may_be_one_is_wrong(check):
    slips = AVERAGED.replace("A_prev.T)", "abs(A_prev.T))").replace("1 / m * np.sum", "np.mean")
    found, printed = check(slips)
    assert found == 1
    assert "✗ db is wrong" in printed
    assert "np.mean stands where np.sum is due" in printed


AVERAGING_LAYERS = """
class Linear:
    def __init__(self, n_in, n_out):
        self.W, self.b = np.zeros((n_out, n_in)), np.zeros((n_out, 1))

    def forward(self, A):
        self.A, self.N = A, A.shape[0]
        return A @ self.W.T + np.ones((self.N, 1)) @ self.b.T

    def backward(self, dLdZ):
        dLdW = dLdZ.T @ self.A
        dLdb = dLdZ.T @ np.ones((self.N, 1))
        self.dLdW = dLdW / self.N
        self.dLdb = dLdb / self.N
        return dLdZ @ self.W

class MLP:
    def __init__(self):
        self.layers = [Linear(2, 4), Linear(4, 3)]

    def forward(self, A0):
        self.A1 = np.tanh(self.layers[0].forward(A0))
        return self.layers[1].forward(self.A1)

    def backward(self, dLdZ1):
        dLdA1 = self.layers[1].backward(dLdZ1)
        return self.layers[0].backward(dLdA1 * (1 - self.A1 ** 2))
"""
AVERAGING_ATTRIBUTES = (
    AVERAGING_LAYERS.replace("layers[0]", "first")
    .replace("layers[1]", "fc")
    .replace("layers = [", "first, self.fc = [")
)


@pytest.mark.parametrize(
    ("text", "of"), [(AVERAGING_LAYERS, ("layers0", "layers1")), (AVERAGING_ATTRIBUTES, ("first", "fc"))]
)
def test_of_a_network_whose_layers_take_means_the_same_is_said_as_of_its_layers(check, text, of):
    found, printed = check(text)
    assert found == 1
    assert "wrong here" not in printed
    said = " ".join(printed.split())
    assert "dW and db are 1/7 of the gradients, and dA is not." in said
    every = [f"d{one}_{name}" for one in of for name in "Wb"]
    assert f"{', '.join(every[:-1])} and {every[-1]} are 1/7 of the gradients, and dA0 is not." in said
    for right, wrong in (("/ self.N", "/ 2"), ("dLdZ @ self.W", "2 * dLdZ @ self.W")):
        assert "wrong here" in check(text.replace(right, wrong), name="MLP")[1]
    _, printed = check(text.replace("- self.A1 ** 2", "- self.A1"), name="MLP")
    assert f"d{of[1]}_W and d{of[1]}_b were given, but could not be judged." in printed


NET = """
def forward_propagation(X, Y, W1, b1, W2, b2):
    m = X.shape[1]
    Z1 = np.dot(W1, X) + b1
    A1 = np.maximum(0, Z1)
    Z2 = np.dot(W2, A1) + b2
    A2 = 1 / (1 + np.exp(-Z2))
    cost = -1 / m * np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2))
    return cost, (Z1, A1, W1, b1, Z2, A2, W2, b2)

def backward_propagation(X, Y, cache):
    m = X.shape[1]
    (Z1, A1, W1, b1, Z2, A2, W2, b2) = cache
    dZ2 = A2 - Y
    dW2 = 1 / m * np.dot(dZ2, A1.T)
    db2 = 1 / m * np.sum(dZ2, axis=1, keepdims=True)
    dZ1 = np.multiply(np.dot(W2.T, dZ2), np.int64(A1 > 0))
    dW1 = 1 / m * np.dot(dZ1, X.T)
    db1 = 1 / m * np.sum(dZ1, axis=1, keepdims=True)
    return {"dZ2": dZ2, "dW2": dW2, "db2": db2, "dZ1": dZ1, "dW1": dW1, "db1": db1}
"""


def test_stages_that_are_a_multiple_of_their_gradients_are_other_arrays_where_the_weights_are_right(check):
    found, printed = check(NET)
    assert found == 0, printed
    assert "dZ2: it is 7 times the gradient" in printed


@pytest.mark.usefixtures("untraced")
def test_so_are_those_whose_names_are_used_again(check):
    mask = "    D1 = np.arange(A1.size).reshape(A1.shape) % 3 > 0\n    A1 = A1 * D1 / 0.7\n"
    text = NET.replace("    Z2 =", f"{mask}    Z2 =").replace("(Z1, A1,", "(D1, Z1, A1,")
    again = "    dA1 = np.dot(W2.T, dZ2)\n    dA1 = dA1 * D1\n    dA1 = dA1 / 0.7\n"
    text = text.replace("    dZ1 = np.multiply(np.dot(W2.T, dZ2),", f"{again}    dZ1 = np.multiply(dA1,")
    text = text.replace('"dZ1": dZ1', '"dA1": dA1, "dZ1": dZ1')
    found, printed = check(text)
    assert found == 0, printed
    assert "dA1: it is 7 times the gradient" in printed
    found, printed = check(text.replace("dA1 / 0.7", "dA1 * 0.7"))
    assert found == 1
    assert "wrong" in printed


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("dW1 = 1 / m * ", "dW1 = ", "dW1"),
        ("db2 = 1 / m * ", "db2 = ", "db2"),
        ("A1 > 0", "A1 < 0", "dZ1"),
        ("np.multiply(np.dot(W2.T, dZ2), np.int64(A1 > 0))", "np.dot(W2.T, dZ2)", "dZ1"),
        ("np.int64(A1 > 0)", "2 * np.int64(A1 > 0)", "dZ1"),
    ],
)
def test_a_mistake_beside_them_is_found_where_it_is(check, old, new, wrong):
    found, printed = check(NET.replace(old, new))
    assert found == 1
    assert f"1 gradient is wrong: {wrong}." in printed
    assert ("it is divided by 7 here, as dZ2 is 7 times the gradient" in printed) == (
        wrong == "dZ1" and new != "A1 < 0"  # by which there is nothing left
    )


HELPERS = {
    "a slope that is divided by n later": """
def charbonnier_loss(pred, target, eps=1e-3):
    diff = pred - target
    root = np.sqrt(diff**2 + eps**2)
    droot = diff / root
    dpred = droot / pred.size
    return root.mean(), dpred
""",
    "one number for each of several": """
def dice_loss(logits, target, smooth=1.0):
    p = 1 / (1 + np.exp(-logits))
    inter = (p * target).sum(axis=-1, keepdims=True)
    total = p.sum(axis=-1, keepdims=True) + target.sum(axis=-1, keepdims=True)
    score = (2 * inter + smooth) / (total + smooth)
    dscore = -1.0 / score.shape[0]
    dp = dscore * (2 * target * (total + smooth) - (2 * inter + smooth)) / (total + smooth) ** 2
    return 1 - score.mean(), dp * p * (1 - p)
""",
}


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (HELPERS["a slope that is divided by n later"], "droot / ", "2 * droot / "),
        (HELPERS["one number for each of several"], "dscore = -1.0", "dscore = -2.0"),
        (HELPERS["one number for each of several"], "dscore * (2", "dscore * (3"),
    ],
)
def test_what_leads_to_a_right_gradient_is_not_wrong_though_the_labels_get_none(check, text, old, new):
    found, printed = check(text)
    assert found == 0, printed
    assert "✗" not in printed
    found, printed = check(text.replace(old, new))
    assert found == 1
    assert re.search(rf"1 where +line \d+: .*{re.escape(new)}", printed)


TWO_LAYERS = """
class Net:
    def __init__(self, d=5, h=4, c=3):
        self.params = {"W1": np.random.randn(d, h), "b1": np.zeros(h), "W2": np.random.randn(h, c), "b2": np.zeros(c)}

    def loss(self, X, y, reg=0.3):
        W1, b1, W2, b2 = (self.params[k] for k in ("W1", "b1", "W2", "b2"))
        hidden = np.maximum(0, X.dot(W1) + b1)
        scores = hidden.dot(W2) + b2
        shifted = scores - np.max(scores, axis=1, keepdims=True)
        probs = np.exp(shifted) / np.sum(np.exp(shifted), axis=1, keepdims=True)
        loss = -np.mean(np.log(probs[np.arange(len(y)), y]))
        loss += reg * np.sum(W1 * W1) + reg * np.sum(W2 * W2)
        grads = {}
        dscores = probs
        dscores[np.arange(len(y)), y] -= 1
        dscores /= len(y)
        grads["W2"] = hidden.T.dot(dscores) + 2 * reg * W2
        grads["b2"] = dscores.sum(axis=0)
        dhidden = dscores.dot(W2.T)
        dhidden[hidden <= 0] = 0
        grads["W1"] = X.T.dot(dhidden) + 2 * reg * W1
        grads["b1"] = dhidden.sum(axis=0)
        return loss, grads
"""


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize(
    ("right", "wrong", "line"),
    [
        ("        dhidden[hidden <= 0] = 0\n", "", "dhidden = dscores.dot(W2.T) * (hidden > 0)"),
        ("dscores.dot(W2.T)", "dscores.dot(np.abs(W2.T))", "dhidden = dscores.dot(W2.T)"),
    ],
)
def test_lines_that_compute_the_loss_are_no_suspects(check, right, wrong, line):
    assert check(TWO_LAYERS)[0] == 0
    assert TWO_LAYERS.count(right) == 1
    status, printed = check(TWO_LAYERS.replace(right, wrong), "--hints", "3")
    assert status == 1
    assert f": {line}\n" in printed
    assert "computed from your dout" not in printed  # there is none
    assert not re.search(r"line \d+: (hidden|scores|shifted|probs|loss)\b", printed)


@pytest.mark.parametrize("traced", [False, True])
def test_what_becomes_a_gradient_in_place_is_a_suspect_though_the_loss_was_made_from_it(check, traced):
    loop = """
def softmax_loss(W, X, y):
    loss, dW = 0.0, np.zeros_like(W)
    for i in range(len(X)):
        s = X[i] @ W
        p = np.exp(s) / np.sum(np.exp(s))
        loss += -np.log(p[y[i]])
        p[y[i]] -= 1
        dW += np.outer(X[i], p)
    loss /= len(X)
    dW /= len(X)
    return loss, dW
"""
    assert check(loop)[0] == 0
    before = sys.gettrace()
    if traced:  # as by a debugger: which lines were run is not known then
        sys.settrace(lambda *_: None)
    try:
        status, printed = check(loop.replace("p[y[i]] -= 1", "p[y[i]] -= 0.5 + 0.1 * i"))
    finally:
        sys.settrace(before)
    assert status == 1
    assert "line 9: p[y[i]] -= 0.5 + 0.1 * i" in printed
    assert "p = np.exp" not in printed


ONE_FORGOTTEN = """
def softmax_cost(W, b, X, Y):
    m = X.shape[1]
    Z = np.dot(W, X) + b
    E = np.exp(Z - Z.max(axis=0, keepdims=True))
    A = E / E.sum(axis=0, keepdims=True)
    cost = -np.sum(Y * np.log(A)) / m
    dZ = A - Y
    dW = np.dot(dZ, X.T)
    db = np.sum(dZ, axis=1, keepdims=True) / m
    return cost, {"dW": dW, "db": db}
"""


def test_a_gradient_that_is_right_for_labels_of_a_likely_kind_is_not_called_wrong_beside_one_that_is_not(check):
    status, printed = check(ONE_FORGOTTEN, "--hints=3")
    assert status == 1
    assert "1 gradient is wrong: dW." in printed
    assert "the fix   line 10: dW = np.dot(dZ, X.T) / m" in printed


def test_what_is_right_for_labels_of_a_kind_and_a_default_of_1_alone_is_not_judged(check):
    text = """
def elu_softmax_cost(W, b, X, Y, alpha=1.0):
    m = X.shape[1]
    Z = np.dot(W, X) + b
    H = np.where(Z > 0, Z, alpha * (np.exp(np.minimum(Z, 0)) - 1))
    A = np.exp(H) / np.exp(H).sum(axis=0, keepdims=True)
    cost = -np.sum(Y * np.log(A)) / m
    dH = (A - Y) / m
    dZ = dH * np.where(Z > 0, 1, alpha * np.exp(np.minimum(Z, 0)))
    return cost, {"dW": np.dot(dZ, X.T), "db": np.sum(dZ, axis=1, keepdims=True)}
"""
    assert check(text)[0] == 0
    status, printed = check(text.replace("1, alpha * np", "1, np"))
    assert status == 2, printed
    assert '--shapes "alpha=(1)"' in printed


BROKEN_BY_A_FIX = """
def linear_softmax_forward(X, W, b, Y):
    m = X.shape[1]
    Z = np.dot(W, X) + b
    A = np.exp(Z) / np.sum(np.exp(Z), axis=0, keepdims=True)
    return -np.sum(Y * np.log(A)) / m, (X, W, A, Y)

def linear_softmax_backward(cache):
    X, W, A, Y = cache
    m = X.shape[1]
    dZ = A - Y
    dW = np.dot(dZ, X.T)
    db = 1.0 / m * np.sum(dZ, axis=1, keepdims=True)
    return dW, db
"""


def test_no_line_is_a_fix_that_makes_another_gradient_wrong(check):
    status, printed = check(BROKEN_BY_A_FIX, "--hints=3")
    assert status == 1
    assert "dZ = (A - Y) / m" not in printed  # by which db is divided, too
