"""Layers whose forward passes run with two axes and with three, and whose backward passes are right for some."""

import pytest

CLASS = """
class LayerNorm:
    def __init__(self, dim, eps=1e-5):
        self.weight, self.bias, self.eps = np.ones(dim), np.zeros(dim), eps
        self.dweight, self.dbias = np.zeros(dim), np.zeros(dim)

    def forward(self, x):
        self.rstd = (x.var(-1, keepdims=True) + self.eps) ** -0.5
        self.norm = (x - x.mean(-1, keepdims=True)) * self.rstd
        return self.norm * self.weight + self.bias

    def backward(self, dout):
        self.dbias += dout.sum((0, 1))
        self.dweight += (dout * self.norm).sum((0, 1))
        dnorm = dout * self.weight
        dx = dnorm - dnorm.mean(-1, keepdims=True)
        dx -= self.norm * (dnorm * self.norm).mean(-1, keepdims=True)
        return dx * self.rstd
"""
FUNCTIONS = """
def layernorm_forward(x, w, b):
    rstd = 1 / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
    xhat = (x - x.mean(axis=-1, keepdims=True)) * rstd
    return xhat * w + b, (xhat, w, rstd)

def layernorm_backward(dout, cache):
    xhat, w, rstd = cache
    dw, db = np.zeros_like(w), np.zeros_like(w)
    dw += np.sum(dout * xhat, axis=(0, 1))
    db += np.sum(dout, axis=(0, 1))
    g = dout * w
    dx = rstd * (g - g.mean(axis=-1, keepdims=True) - xhat * (g * xhat).mean(axis=-1, keepdims=True))
    return dx, dw, db
"""
DENSE = """
class Dense:
    def __init__(self, n_in, n_out):
        self.W, self.b = np.random.randn(n_in, n_out), np.random.randn(n_out)
        self.dW, self.db = np.zeros_like(self.W), np.zeros_like(self.b)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW += self.x.T @ dout
        self.db += dout.sum((0, 1))
        return dout @ self.W.T
"""
LAST = """
class ScaleShift:
    def __init__(self, channels):
        self.gamma, self.beta = np.ones(channels), np.zeros(channels)
        self.grads = {"gamma": np.zeros(channels), "beta": np.zeros(channels)}

    def forward(self, x):
        self.x = x
        return self.gamma * x + self.beta

    def backward(self, dy):
        self.grads["gamma"] += np.sum(dy * self.x, axis=(0, 1, 2))
        self.grads["beta"] += np.sum(dy, axis=(0, 1, 2))
        return dy * self.gamma
"""


def test_a_sum_over_three_axes_is_judged_where_there_are_four(check):
    status, said = check(LAST)
    assert status == 0, said
    assert "of 4 axes, as backward sums over 3" in said
    status, said = check(LAST.replace("np.sum(dy, axis", "-np.sum(dy, axis"))
    assert status == 1
    assert "1 gradient is wrong: dbeta." in said


@pytest.mark.parametrize(
    ("text", "right", "wrong"),
    [
        (CLASS, "self.weight\n        dx", "self.bias\n        dx"),
        (CLASS, "(dout * self.norm).sum", "(dout + self.norm).sum"),
        (CLASS, "dout.sum((0, 1))", "-dout.sum((0, 1))"),
        (FUNCTIONS, "np.sum(dout, axis", "2 * np.sum(dout, axis"),
        (FUNCTIONS, "g = dout * w", "g = dout / w"),
    ],
)
def test_a_sum_over_two_axes_is_judged_where_there_are_three(check, text, right, wrong):
    status, said = check(text)
    assert status == 0, said
    assert "x (3, 7, 5)" in said
    assert "of 3 axes, as backward sums over 2" in said
    assert text.count(right) == 1
    status, said = check(text.replace(right, wrong))
    assert status == 1
    [line] = [line for line in said.splitlines() if "gradient is wrong" in line or "gradients are wrong" in line]
    assert line.startswith("1 gradient")


def test_a_sum_over_too_many_axes_is_wrong_where_there_can_be_two_alone(check):
    status, said = check(DENSE)
    assert status == 1
    assert "1 gradient is wrong: db." in said
    assert "doubled sum" in said


@pytest.mark.parametrize("summed", ["dout.sum(0).sum(0)", "dout.sum(axis=1).sum(axis=0)"])
def test_what_is_right_for_three_axes_alone_asks_how_many_there_are(check, summed):
    text = CLASS.replace("dout.sum((0, 1))", summed)
    text = text.replace("(dout * self.norm).sum((0, 1))", "(dout * self.norm).sum(0).sum(0)")
    status, said = check(text)
    assert status == 2
    assert "dweight and dbias are right where inputs have three axes, and wrong where they have two" in said
    assert "--shapes x=3x7x5 or --shapes x=7x5" in said
    assert check(text, "--shapes", "x=3x7x5")[0] == 0
    assert check(text, "--shapes", "x=7x5")[0] == 1


TWO = FUNCTIONS.replace("axis=(0, 1)", "axis=0").replace("+= np.sum", "= np.sum")


@pytest.mark.parametrize(
    ("text", "at"),
    [
        (TWO, "at x=3x7x5 dw and db would be wrong"),
        (CLASS.replace("(0, 1)", "0"), "at x=3x7x5 backward stops with an error"),
        (TWO.replace("x.var(axis=-1", "x.var(axis=1").replace("x.mean(axis=-1", "x.mean(axis=1"), ""),
        (TWO.replace("dout * xhat, axis=0", "(dout * xhat).reshape(-1, len(w)), axis=0"), "db would be wrong"),
        (
            TWO.replace("dout * xhat", "(dout * xhat).reshape(-1, len(w))").replace(
                "(dout, a", "(dout.reshape(-1, len(w)), a"
            ),
            "",
        ),
    ],
)
def test_that_it_is_right_for_two_axes_alone_is_said_where_any_number_is_taken(check, text, at):
    status, said = check(text)
    assert status == 0, said
    assert ("forward runs with more axes, too" in said) == bool(at)
    assert at in said


def test_it_is_not_said_of_shapes_that_were_given(check):
    assert "more axes" not in check(TWO, "--shapes", "x=7x5,w=5,b=5")[1]
