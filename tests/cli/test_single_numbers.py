"""Parameters that are single numbers, as ``self.b = 0.0``: their gradients are judged like those of arrays."""

from __future__ import annotations

import pytest

NEURON = """
class Neuron:
    def __init__(self, n_features):
        self.w, self.b = np.zeros(n_features), 0.0

    def forward(self, X):
        self.X, self.a = X, 1 / (1 + np.exp(-(X @ self.w + self.b)))
        return self.a

    def backward(self, da):
        dz = da * self.a * (1 - self.a)
        self.dw = self.X.T @ dz
        self.db = np.sum(dz)
        return np.outer(dz, self.w)
"""
REGRESSION = """
class Regression:
    def __init__(self, n_features=5, alpha=0.3):
        self.coef_, self.intercept_, self.alpha = np.zeros(n_features), 0, alpha

    def calc_loss(self, X, y):
        r = X @ self.coef_ + self.intercept_ - y
        return 0.5 * r @ r / len(y) + 0.5 * self.alpha * self.coef_ @ self.coef_

    def calc_gradients(self, X, y):
        r = X @ self.coef_ + self.intercept_ - y
        grad_coef = X.T @ r / len(y) + self.alpha * self.coef_
        grad_intercept = r.mean()
        return grad_coef, grad_intercept
"""
SLOPE = """
class PReLU:
    def __init__(self):
        self.alpha = 0.25

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, self.alpha * x)

    def backward(self, dout):
        self.dalpha = np.sum(dout * np.minimum(self.x, 0))
        return np.where(self.x > 0, dout, self.alpha * dout)
"""
DICTIONARY = """
class Scale:
    def __init__(self):
        self.params = {"gamma": 1.0, "beta": 0.0}
        self.g = {}

    def forward(self, x):
        self.x = x
        return self.params["gamma"] * x + self.params["beta"]

    def backward(self, dout):
        self.g["gamma"] = (dout * self.x).sum()
        self.g["beta"] = dout.sum()
        return dout * self.params["gamma"]
"""
GLOBAL = """
w = np.random.default_rng(0).normal(size=5)
b = 0.0

def forward(X):
    return np.tanh(X @ w + b)

def backward(da, X, a):
    dz = da * (1 - a**2)
    dw = X.T @ dz
    db = dz.sum()
    return dw, db
"""


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        (NEURON, ["self.X.T @ dz", "np.sum(dz)", "np.outer"]),
        (REGRESSION, ["X.T @ r", "r.mean()"]),
        (SLOPE, ["np.sum(dout"]),
        (DICTIONARY, ["(dout * self.x).sum()", "dout.sum()"]),
        (GLOBAL, ["X.T @ dz", "dz.sum()"]),
    ],
    ids=["attribute", "whole number of another name", "no usual name", "in a dictionary", "global"],
)
def test_each_is_judged(check, text, terms):
    status, printed = check(text)
    assert status == 0, printed
    for term in terms:
        status, printed = check(text.replace(term, f"-2 * {term}"))
        assert status == 1
        assert "wrong here" in printed, term


TRAINED = """
w, b = np.random.randn(5, 3), np.zeros(3)

def forward(x):
    return np.tanh(x @ w + b)

def backward(dout, x, out):
    dz = dout * (1 - out**2)
    dw = x.T @ dz
    db = dz.sum(axis=0)
    return dw, db

out = forward(np.ones((7, 5)))
dw, db = backward(np.ones_like(out), np.ones((7, 5)), out)
w -= 0.1 * dw
"""


def test_global_weights_are_judged_where_their_gradients_are_global_too(check):
    assert check(TRAINED)[0] == 0
    status, said = check(TRAINED.replace("x.T @ dz", "x.T @ dout"))
    assert status == 1
    assert "line 10: dw = x.T @ dout" in said


def test_a_size_is_none(check):
    text = NEURON.replace(
        "self.w, self.b = np.zeros(n_features), 0.0", "self.w, self.b, self.f = np.ones(n_features), 0.0, 3"
    )
    status, printed = check(text.replace("dz = da", "df = da\n        dz = np.ones((self.f, 1))[0] * df"))
    assert status == 0, printed
