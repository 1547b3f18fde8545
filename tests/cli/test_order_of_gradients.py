"""Gradients of weights that are no arguments have no order: the variables that are returned tell which is which."""

import pytest

LETTERS = """
n_in, n_out = 5, 4
W = np.random.randn(n_out, n_in)
V = np.random.randn(n_out, n_out)
b = np.random.randn(n_out, 1)

def lossFun(inputs, targets, hprev):
    hs, ps, xs = {-1: np.copy(hprev)}, {}, {}
    loss = 0
    for t in range(len(inputs)):
        xs[t] = np.zeros((n_in, 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(W @ xs[t] + V @ hs[t - 1] + b)
        ps[t] = np.exp(hs[t]) / np.sum(np.exp(hs[t]))
        loss += -np.log(ps[t][targets[t], 0])
    dW, dV, db = np.zeros_like(W), np.zeros_like(V), np.zeros_like(b)
    dhnext = np.zeros_like(hs[0])
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        draw = (dy + dhnext) * (1 - hs[t] ** 2)
        db += draw
        dW += draw @ xs[t].T
        dV += draw @ hs[t - 1].T
        dhnext = V.T @ draw
    return loss, dW, dV, db, hs[len(inputs) - 1]
"""
FUNCTIONS = """
W = np.random.randn(5, 3)
b = np.random.randn(3)

def affine_forward(x):
    return x @ W + b, x

def affine_backward(dout, x):
    dx = dout @ W.T
    dW = x.T @ dout
    db = dout.sum(axis=0)
    return dx, dW, db
"""
CLASS = """
class Affine:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.random.randn(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        dx = dout @ self.W.T
        dW = self.x.T @ dout
        db = dout.sum(axis=0)
        return dx, dW, db
"""
LOSS = """
W = np.random.randn(5, 3)
b = np.random.randn(3)

def loss_of(x, y):
    e = np.exp(x @ W + b)
    probs = e / e.sum(axis=1, keepdims=True)
    loss = -np.sum(np.log(probs[np.arange(len(y)), y]))
    dscores = probs.copy()
    dscores[np.arange(len(y)), y] -= 1
    dW = x.T @ dscores
    db = dscores.sum(axis=0)
    return loss, dW, db, probs
"""
CASES = [
    (LETTERS, "dW, dV, db, hs[len(inputs) - 1]", "dW += draw"),
    (LETTERS, "db, dV, dW, hs[len(inputs) - 1]", "dW += draw"),
    (LETTERS, "hs[len(inputs) - 1], dW, dV, db", "dW += draw"),
    (LETTERS, "db, dV, dW, dhnext", "dhnext = V.T"),
    (LETTERS, "[db, dV, dW], np.copy(hs[len(inputs) - 1])", "dV += draw"),
    (FUNCTIONS, "db, dW, dx", "dW = x.T"),
    (FUNCTIONS, "dW, dx, db", "dx = dout"),
    (CLASS, "db, dW, dx", "dW = self.x.T"),
    (LOSS, "db, dW, probs", "dW = x.T"),
    (LOSS, "db, dW, dscores @ W.T", "dW = x.T"),
    (LOSS, "db / 1, dW / 1, dscores @ W.T", "dW = x.T"),
]


@pytest.mark.parametrize(("text", "returned", "line"), CASES)
def test_variables_tell_which_gradients_are_whose(check, text, returned, line):
    last = text.rstrip().rpartition("return ")[2].removeprefix("loss, ")
    text = text.replace(f"{last}\n", f"{returned}\n")
    status, said = check(text)
    assert status == 0, said
    assert "another order" not in said
    assert text.count(line) == 1
    status, said = check(text.replace(line, line.replace("= ", "= -0.5 * ")))
    assert status == 1
    assert "wrong here" in said
    assert f"line {2 + text[: text.index(line)].count(chr(10))}" in said


@pytest.mark.parametrize("returned", ["db, dW, dW", "dW, dx, dx"])
def test_a_variable_tells_once(check, returned):
    status, said = check(FUNCTIONS.replace("return dx, dW, db", f"return {returned}"))
    assert status == 1, said


def test_a_gradient_that_is_right_and_a_value_of_the_forward_pass_is_judged(check):
    text = """
w = np.random.randn(5)

def exp_loss(x):
    s = np.exp(x * w)
    dw = (s * x).sum(axis=0)
    dx = s * w
    t = dx
    return np.sum(s), dw, t
"""
    status, said = check(text)
    assert status == 0, said
    assert "│ dx " in said
    assert "left out" not in said


STORED = """
class Net:
    def __init__(self):
        self.W1, self.W2 = np.random.randn(5, 5), np.random.randn(5, 5)

    def forward(self, x):
        self.x = x
        self.h = np.tanh(x @ self.W1)
        return self.h @ self.W2

    def backward(self, dout):
        da = dout @ self.W2.T * (1 - self.h**2)
        self.dW1, self.dW2 = self.x.T @ da, self.h.T @ dout
        return da @ self.W1.T
"""
LISTED = """
class Net:
    def __init__(self):
        self.params = [np.random.randn(5, 5), np.random.randn(5, 5)]
        self.grads = [np.zeros_like(p) for p in self.params]

    def forward(self, x):
        W1, W2 = self.params
        self.x = x
        self.h = np.tanh(x @ W1)
        return self.h @ W2

    def backward(self, dout):
        W1, W2 = self.params
        da = dout @ W2.T * (1 - self.h**2)
        for kept, new in zip(self.grads, [self.x.T @ da, self.h.T @ dout]):
            kept[...] = new
        return da @ W1.T
"""


@pytest.mark.parametrize("text", [STORED, LISTED])
def test_gradients_that_are_stored_have_their_places(check, text):
    status, printed = check(text)
    assert status == 0
    assert "left out" not in printed
    status, printed = check(text.replace("self.x.T @ da, self.h.T @ dout", "self.h.T @ dout, self.x.T @ da"))
    assert status == 1
    assert "But backward is not right yet: it stores its gradients in each other's place." in printed
    assert check(text.replace("self.h.T @ dout", "2 * self.h.T @ dout"))[0] == 1
