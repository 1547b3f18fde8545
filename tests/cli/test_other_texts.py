"""Arguments that are texts, such as the name of an activation: each text that the forward pass asks for is judged."""

from __future__ import annotations

import pytest

ACTIVATED = """
def layer_forward(x, w, b, activation):
    z = x @ w + b
    if activation == "sigmoid":
        a = 1 / (1 + np.exp(-z))
    elif activation == "relu":
        a = np.maximum(0, z)
    return a, (x, w, z)

def layer_backward(da, cache, activation):
    x, w, z = cache
    if activation == "sigmoid":
        s = 1 / (1 + np.exp(-z))
        dz = da * s * (1 - s)
    elif activation == "relu":
        dz = da * (z > 0)
    return dz @ w.T, x.T @ dz, dz.sum(axis=0)
"""
POOL = """
def pool_forward(x, mode="max"):
    if mode == "max":
        out = x.max(axis=(2, 3))
    elif mode == "average":
        out = x.mean(axis=(2, 3))
    return out, x

def pool_backward(dout, x, mode="max"):
    if mode == "max":
        dx = (x == x.max(axis=(2, 3), keepdims=True)) * dout[:, :, None, None]
    elif mode == "average":
        dx = np.ones_like(x) * dout[:, :, None, None] / (x.shape[2] * x.shape[3])
    return dx
"""
LOSS = """
def loss(scores, y, kind="squares"):
    if kind == "squares":
        return np.sum((scores - y) ** 2), 2 * (scores - y)
    elif kind == "softmax":
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        return -np.sum(y * np.log(p)), p - y
"""
FOR_TRAINING = """
def normed_forward(x, mode="train"):
    if mode == "train":
        m = x.mean(axis=0)
    elif mode == "test":
        m = 0.5
    return (x - m) ** 3, x - m

def normed_backward(dout, d):
    dd = 3 * d**2 * dout
    return dd - dd.mean(axis=0)
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [(ACTIVATED, "then with activation='relu'"), (POOL, "then with mode='average'")],
    ids=["needed", "by default"],
)
def test_what_is_right_with_each_text_is_so_for_all_of_its_lines(check, text, said):
    status, printed = check(text)
    assert status == 0
    assert said in printed
    assert "did not run" not in printed


def test_what_is_for_training_alone_is_not_held_against_a_backward_pass(check):
    status, printed = check(FOR_TRAINING)
    assert status == 0
    assert "of the forward pass did not run" in printed


@pytest.mark.parametrize(
    ("text", "line", "mistake", "said"),
    [
        (ACTIVATED, "da * (z > 0)", "da * (z < 0)", "--shapes activation=relu"),
        (ACTIVATED, "s * (1 - s)", "s * (1 + s)", ""),
        (POOL, " / (x.shape[2] * x.shape[3])", " / x.shape[2]", "--shapes mode=average"),
        (LOSS, "p - y", "y - p", "--shapes kind=softmax"),
    ],
)
def test_what_is_wrong_with_one_of_them_is_wrong(check, text, line, mistake, said):
    assert line in text
    status, printed = check(text.replace(line, mistake))
    assert status == 1
    assert "is wrong" in printed
    assert said in printed
    if said:
        assert check(text.replace(line, mistake), "--shapes", said.removeprefix("--shapes "))[0] == 1
