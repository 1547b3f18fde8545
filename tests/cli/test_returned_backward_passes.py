"""Forward passes that return their backward pass: what it sees of them is its cache."""

from __future__ import annotations

import pytest

from micrograd_tensor.cli.closures import returned_backward

FILES = {
    "a function": (
        """
def linear(x, w, b):
    out = x @ w + b

    def backward(dout):
        dx = dout @ w.T
        dw = x.T @ dout
        db = dout.sum(0)
        return dx, dw, db

    return out, backward
""",
        "dw = x.T @ dout",
        "line 8: dw = 2 * x.T @ dout",
    ),
    "one that sees what forward computed": (
        """
def softmax_forward(x):
    e = np.exp(x - x.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    def back(dp, axis=1):
        return p * (dp - (dp * p).sum(axis, keepdims=True))
    return p, back
""",
        "return p * (dp",
        "dx is wrong",
    ),
    "a lambda": (
        "\ndef relu(x):\n    mask = x > 0\n    return x * mask, lambda dout: dout * mask\n",
        "lambda dout: dout",
        "dx is wrong",
    ),
}


@pytest.mark.parametrize("kind", FILES)
def test_they_are_judged(check, kind):
    text, term, said = FILES[kind]
    assert check(text)[0] == 0
    before, last = term.rsplit(" ", 1) if "@" not in term else ("dw =", "x.T @ dout")
    status, printed = check(text.replace(term, f"{before} 2 * {last}"))
    assert status == 1
    assert said in printed


def plain(x):
    return 2 * x, x


def helper(x):
    def square(y):
        return y * y

    return square(x), x


def counting(x):
    count = 0

    def backward(dout):
        nonlocal count
        count += 1
        return 2 * dout

    return 2 * x, backward


@pytest.mark.parametrize("forward", [plain, helper, counting, len])
def test_others_have_none(forward):
    assert returned_backward(forward) is None
