"""Losses that are found by the variables that they return, and backward passes of losses that nobody gives."""

import pytest

WORDS = """
rng = np.random.default_rng(1)
C = rng.normal(size=(11, 4))
W1 = rng.normal(size=(12, 6))
gain = np.ones((1, 6))
W2 = rng.normal(size=(6, 11))

def forward_backward(Xb, Yb):
    n = Xb.shape[0]
    emb = C[Xb]
    embcat = emb.reshape(n, -1)
    h = np.tanh(gain * (embcat @ W1))
    logits = h @ W2
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    loss = -np.log(probs[np.arange(n), Yb]).mean()
    dlogits = probs.copy()
    dlogits[np.arange(n), Yb] -= 1
    dlogits /= n
    dh = dlogits @ W2.T
    dW2 = h.T @ dlogits
    dgain = ((1 - h**2) * dh * (embcat @ W1)).sum(0, keepdims=True)
    dpre = (1 - h**2) * dh * gain
    dW1 = embcat.T @ dpre
    demb = (dpre @ W1.T).reshape(emb.shape)
    dC = np.zeros_like(C)
    for k in range(n):
        for j in range(Xb.shape[1]):
            dC[Xb[k, j]] += demb[k, j]
    return loss, [dC, dW1, dgain, dW2]
"""
STEP = """
def step(x, y, w):
    r = x @ w - y
    J = (r**2).mean()
    grad_w = 2 * x.T @ r / len(y)
    return J, grad_w
"""
DIVERGENCE = """
def kl_divergence(mu, logvar):
    kl = -0.5 * np.sum(1 + logvar - mu**2 - np.exp(logvar))
    return kl, mu, 0.5 * (np.exp(logvar) - 1)
"""
LOGISTIC = """
def propagate(w, b, X, Y):
    m = X.shape[1]
    A = 1 / (1 + np.exp(-(np.dot(w.T, X) + b)))
    cost = -1 / m * np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A))
    dw = 1 / m * np.dot(X, (A - Y).T)
    db = 1 / m * np.sum(A - Y)
    grads = {"dw": dw, "db": db}
    return grads, cost

def optimize(w, b, X, Y):
    params, costs = {"w": w, "b": b}, []
    for _ in range(10):
        grads, cost = propagate(w, b, X, Y)
        costs.append(cost)
        w, b = w - 0.1 * grads["dw"], b - 0.1 * grads["db"]
    return params, grads, costs
"""


@pytest.mark.parametrize(
    ("text", "right", "wrong"),
    [
        (LOGISTIC, "(A - Y).T", "(Y - A).T"),
        (LOGISTIC, "db = 1 / m *", "db ="),
        (LOGISTIC.replace("return grads, cost", "return dw, db, cost"), "db = 1 / m *", "db ="),
        (WORDS, "dC[Xb[k, j]] += demb", "dC[Xb[k, j]] = demb"),
        (WORDS, "h.T @ dlogits", "h.T @ probs"),
        (WORDS, "dlogits /= n", "dlogits /= 1"),
        (STEP, "2 * x.T", "x.T"),
        (STEP.replace("grad_w", "gradW"), "2 * x.T", "x.T"),
        (STEP.replace("grad_w", "dtheta").replace("w", "theta"), "2 * x.T", "x.T"),
        (DIVERGENCE, "return kl, mu", "return kl, -mu"),
        (STEP.replace("return J, grad_w", "return J, {'w': grad_w}").replace("def step", "def cost_of"), "2 *", "1 *"),
    ],
)
def test_a_function_that_returns_a_loss_and_its_gradients_is_judged(check, text, right, wrong):
    status, said = check(text)
    assert (status, "✗" in said) == (0, False), said
    assert text.count(right) == 1
    status, said = check(text.replace(right, wrong))
    assert status == 1
    line = 2 + text[: text.index(right)].count("\n")
    assert f"line {line}" in said


@pytest.mark.parametrize("returned", ["J, w", "r, grad_w", "J"])
def test_what_returns_no_loss_with_gradients_is_none(check, returned):
    assert "has no function forward" in check(STEP.replace("return J, grad_w", f"return {returned}"))[1]


NETWORK = """
class Net:
    def __init__(self, n_in=4, n_out=3):
        self.W = np.random.randn(n_in, n_out)

    def forward(self, X):
        e = np.exp(X @ self.W)
        self.p = e / e.sum(axis=1, keepdims=True)
        return self.p

    def backward(self, X, y):
        self.dW = X.T @ (self.p - y) / len(y)
"""


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (NETWORK, "y"),
        (NETWORK.replace("y)", "targets)"), "targets"),
        (
            NETWORK.replace("(self, X, y)", "(self, y)").replace("X.T", "self.X.T").replace("e = ", "self.X, e = X, "),
            "y",
        ),
    ],
)
def test_of_a_loss_that_is_not_there_nothing_is_judged(check, text, name):
    status, said = check(text)
    assert status == 2
    assert f"takes {name}, of which the forward pass knows nothing" in said


def test_a_result_that_is_called_as_labels_are_may_be_taken(check):
    text = """
def sigmoid_forward(x):
    y = 1 / (1 + np.exp(-x))
    return y, y

def sigmoid_backward(dy, y):
    return dy * y * (1 - y)
"""
    assert check(text)[0] == 0
    assert check(text.replace("def sigmoid_backward(dy, y)", "def sigmoid_backward(y, dy)"))[0] == 0
    assert check(text.replace("(1 - y)", "(1 + y)"))[0] == 1
