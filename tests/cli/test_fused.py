"""A softmax or sigmoid that passes its upstream gradient on, beside a loss that gives that of what it takes."""

from __future__ import annotations

import pytest

SOFTMAX = """
class SoftMax:
    def forward(self, Z):
        return np.exp(Z) / np.sum(np.exp(Z), axis={axis})

    def backward(self, dLdZ):
        return dLdZ


class NLL:
    def forward(self, Ypred, Y):
        self.Ypred, self.Y = Ypred, Y
        return float(np.sum(-Y * np.log(Ypred)){by})

    def backward(self):
        return (self.Ypred - self.Y){by}
"""
SIGMOID = """
class Sigmoid:
    def forward(self, z):
        return 1 / (1 + np.exp(-z))

    def backward(self, grad):
        return grad


class BCE:
    def forward(self, p, y):
        self.p, self.y = p, y
        return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))

    def backward(self):
        return (self.p - self.y) / self.p.size
"""
RIGHT = [
    (SOFTMAX.format(axis=0, by=""), "SoftMax", "NLL", "softmax"),
    (SOFTMAX.format(axis="-1, keepdims=True", by=" / len(Ypred)").replace("(self.Ypred - self.Y) / len(Ypred)",
     "(self.Ypred - self.Y) / len(self.Y)"), "SoftMax", "NLL", "softmax"),
    (SIGMOID, "Sigmoid", "BCE", "sigmoid"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "function", "loss", "kind"), RIGHT)
def test_each_is_not_judged_and_the_other_is_named(check, text, function, loss, kind):
    status, printed = check(text)
    assert status == 1
    assert "wrong here" not in printed
    said = " ".join(printed.split())
    assert f"that is right where it comes from {loss}, which gives the gradient of what a {kind} takes" in said
    assert f"that is right where it is passed on, as {function} does, and else wrong" in said


@pytest.mark.parametrize(("text", "function", "loss", "kind"), RIGHT)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return dLdZ", "return 2 * dLdZ"),
        ("return grad", "return 2 * grad"),
        ("return (self.Ypred - self.Y)", "return (self.Ypred + self.Y)"),
        ("return (self.Ypred - self.Y)", "return 2 * (self.Ypred - self.Y / 2)"),
        ("return (self.p - self.y)", "return (self.p + self.y)"),
    ],
)
def test_what_is_not_right_together_is_wrong(check, text, function, loss, kind, old, new):
    if old not in text:
        return
    status, printed = check(text.replace(old, new))
    assert status == 1
    assert "wrong here" in printed
    assert f"as {function} does" not in printed


@pytest.mark.parametrize(("text", "function", "loss", "kind"), RIGHT)
def test_one_of_them_alone_is_wrong(check, text, function, loss, kind):
    for name in (function, loss):
        status, printed = check(text, name=name)
        assert status == 1
        assert "wrong here" in printed
