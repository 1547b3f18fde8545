"""Shapes that are asked for: what is wrong at those that were guessed may be right at others."""

from __future__ import annotations

import pytest

QUADRATIC = """
def quadratic_forward(x, A, b, c):
    return 0.5 * x.dot(A.dot(x)) + b.dot(x) + c, (x, A, b)

def quadratic_backward(dy, cache):
    x, A, b = cache
    dx = dy * (0.5 * (A + A.T).dot(x) + b)
    dA = dy * 0.5 * np.outer(x, x)
    return dx, dA, dy * x, dy
"""
BAG = """
def bag_forward(tokens, table, mask):
    e = table[tokens] * mask[..., None]
    count = mask.sum(axis=1, keepdims=True)
    return e.sum(axis=1) / count, (tokens, table.shape, mask, count)

def bag_backward(grad, cache):
    tokens, shape, mask, count = cache
    d_e = (grad / count)[:, None, :] * mask[..., None]
    d_table = np.zeros(shape)
    for b in range(tokens.shape[0]):
        for t in range(tokens.shape[1]):
            d_table[tokens[b, t]] += d_e[b, t]
    return d_table
"""


@pytest.mark.parametrize(
    ("text", "name", "shapes", "right", "wrong"),
    [
        (QUADRATIC, "c", "x=5,A=5x5,b=5,c=()", "0.5 * np.outer", "np.outer"),
        (BAG, "mask", "tokens=3x4<6,table=6x5,mask=3x4", "(grad / count)", "grad"),
    ],
)
def test_what_makes_something_larger_is_asked_for(check, text, name, shapes, right, wrong):
    status, printed = check(text)
    assert status == 2
    assert f"it is right where {name} is as large as what it is added to or multiplied by" in printed
    assert "wrong here" not in printed
    assert check(text, "--shapes", shapes)[0] == 0
    assert check(text.replace(right, wrong), "--shapes", shapes)[0] == 1
    assert check(text.replace(right, wrong))[0] == 1


def test_a_sum_that_is_missing_where_a_bias_is_larger_is_not_passed(check):
    text = """
def shifted_forward(x, w, b):
    return (x @ w).mean() + b, (x, w)

def shifted_backward(dout, cache):
    x, w = cache
    d = dout.sum() / (x.shape[0] * w.shape[1])
    return np.full(x.shape, d) * w.sum(axis=1), np.outer(x.sum(axis=0), np.full(w.shape[1], d)), dout
"""
    assert check(text)[0] == 0
    assert check(text.replace("dout.sum()", "dout"))[0] != 0
