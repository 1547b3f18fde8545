"""Parameters that are made at the first forward pass, when the length of an input is known, are judged as others."""

from __future__ import annotations

import pytest

FLAG = """
class Dense:
    def __init__(self, n_out):
        self.n_in, self.n_out, self.X = None, n_out, []
        self.parameters = {"W": None, "b": None}
        self.is_initialized = False

    def _init_params(self):
        W, b = np.random.randn(self.n_in, self.n_out), np.zeros((1, self.n_out))
        self.parameters = {"W": W, "b": b}
        self.gradients = {"W": np.zeros_like(W), "b": np.zeros_like(b)}
        self.derived_variables = {"Z": []}
        self.is_initialized = True

    def forward(self, X):
        if not self.is_initialized:
            self.n_in = X.shape[1]
            self._init_params()
        Z = X @ self.parameters["W"] + self.parameters["b"]
        self.X.append(X)
        self.derived_variables["Z"].append(Z)
        return np.tanh(Z)

    def backward(self, dLdy):
        dX = []
        for dy, X, Z in zip([dLdy], self.X, self.derived_variables["Z"], strict=True):
            dZ = dy * (1 - np.tanh(Z) ** 2)
            self.gradients["W"] += X.T @ dZ
            self.gradients["b"] += dZ.sum(axis=0, keepdims=True)
            dX.append(dZ @ self.parameters["W"].T)
        return dX[0]
"""
NONE = """
class Dense:
    def __init__(self, n_out):
        self.n_out, self.W = n_out, None

    def forward(self, x):
        if self.W is None:
            self.W, self.b = np.random.randn(x.shape[1], self.n_out) * 0.01, np.zeros(self.n_out)
        self.x, self.out = x, x @ self.W + self.b
        return self.out

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T
"""
ABSENT = NONE.replace(", self.W = n_out, None", " = n_out").replace("if self.W is None", 'if not hasattr(self, "W")')
KINDS = {"a flag": FLAG, "none": NONE, "absent": ABSENT}
LINES = [
    ("a flag", "X.T @ dZ", "dW"),
    ("a flag", "dZ.sum(axis=0, keepdims=True)", "db"),
    ("none", "self.x.T @ dout", "dW"),
    ("absent", "dout.sum(axis=0)", "db"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_right_ones_are_right(check, kind):
    status, printed = check(KINDS[kind])
    assert status == 0, printed
    assert "│ dW " in printed
    assert "│ db " in printed
    assert "dout" not in printed.replace("upstream gradient dout", "")


@pytest.mark.parametrize(("kind", "line", "gradient"), LINES)
def test_wrong_ones_are_wrong(check, kind, line, gradient):
    status, printed = check(KINDS[kind].replace(line, f"2 * {line}"))
    assert status == 1
    assert f"✗ {gradient} is wrong" in printed


def test_a_state_that_each_pass_makes_anew_is_none(check):
    """It begins as it did: what the first pass leaves is not there."""
    status, printed = check("""
class Cell:
    def __init__(self, n):
        self.h, self.w = None, np.random.randn(n, n)

    def forward(self, x):
        if self.h is None:
            self.h = np.ones((len(x), len(self.w)))
        self.x, self.last = x, self.h
        self.h = np.tanh(x + self.h @ self.w)
        return self.h

    def backward(self, dout):
        dz = dout * (1 - self.h**2)
        self.dw = self.last.T @ dz
        return dz
""")
    assert status == 0, printed
    assert "│ dh" not in printed
