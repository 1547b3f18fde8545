"""Of the changes that make a backward pass right, the simplest is told: what is too much is taken away."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

AFFINE = """
def affine_forward(x, w, b):
    out = x @ w + b
    return out, (x, w, b)

def affine_backward(dout, cache):
    x, w, b = cache
    dx = dout @ w.T
    dw = x.T @ dout
    db = dout.sum(axis=0)
    {}
"""
TOLD = [
    ("return 2 * dx, dw, db", "line 12: return dx, dw, db", "the factor 2 is not due"),
    ("return dx, dw / 7, db", "line 12: return dx, dw, db", "the division by 7 is not due"),
    ("return dx.T, dw, db", "line 12: return dx, dw, db", "dx is not to be transposed"),
    ("return [dx, dw, -db]", "line 12: return [dx, dw, db]", "the minus sign before db is not due"),
    ('return {"dx": -dx, "dw": dw, "db": db}', 'line 12: return {"dx": dx, "dw": dw, "db": db}', "sign before dx is"),
    ('return {"dx": dx, "dw": dw, "db": 3 * db}', 'line 12: return {"dx": dx, "dw": dw, "db": db}', "the factor 3 is"),
    ("dx *= 2\n    return dx, dw, db", "leave out line 12", "dx is not to be multiplied by 2"),
    ("db /= len(x)\n    return dx, dw, db", "leave out line 12", "db is not to be divided by len(x)"),
    ("dw -= w\n    return dx, dw, db", "leave out line 12", "w is not to be subtracted from dw"),
]  # fmt: skip


@pytest.mark.parametrize(("ending", "fix", "says"), TOLD)
def test_what_is_too_much_in_the_last_line_is_taken_away(check, ending, fix, says):
    status, printed = check(AFFINE.format(ending), "--shapes=x=7x5,w=5x3,b=3", "--hints=3")
    assert status == 1
    assert f"3 the fix   {fix}\n" in printed
    assert says in printed
    assert printed.count("1 where") == 1


LSTM = """
def gates_forward(c, a):
    i, f = 1 / (1 + np.exp(-a[:, :4])), 1 / (1 + np.exp(-a[:, 4:]))
    out = i * f * c
    return out, (c, i, f)

def gates_backward(dout, cache):
    c, i, f = cache
    dc = dout * i * f
    df = dout * i * c
    di = dout * f * c
    dai = di * i * (1 - i)
    daf = df * f * (1 - f)
    da = np.hstack((dai, daf))
    return dc, da
"""
ATTENTION = """
def attention_forward(x, Wq, Wk):
    q, k = x @ Wq, x @ Wk
    out = q @ k.T + x @ x.T
    return out, (x, Wq, Wk, q, k)

def attention_backward(dout, cache):
    x, Wq, Wk, q, k = cache
    dq = dout @ k
    dk = dout.T @ q
    dWq = x.T @ dq
    dWk = x.T @ dk
    dx = dq @ Wq.T
    dx += dk @ Wk.T
    dx += dout @ x + dout.T @ x
    return dx, dWq, dWk
"""
MASKED = """
def masked_forward(x, mask):
    N, T, D = x.shape
    flat, m = x.reshape(N * T, D), mask.reshape(N * T)
    out = (flat**2 * m[:, None]).sum() / N
    return out, (flat, m, x)

def masked_backward(dout, cache):
    flat, m, x = cache
    N, T, D = x.shape
    dflat = 2 * flat
    dflat /= N
    dflat *= m[:, None]
    return dout * dflat.reshape(N, T, D), dout * (flat**2).sum(axis=1).reshape(N, T) / N
"""
NORMED = """
def normed_forward(x):
    N, G, S, T, U = x.shape
    mean = x.mean(axis=(2, 3, 4), keepdims=True)
    out = (x - mean) ** 2
    return out, (x, mean)

def normed_backward(dout, cache):
    x, mean = cache
    N, G, S, T, U = x.shape
    dc = 2 * dout * (x - mean)
    s = np.sum(dc, axis=(2, 3, 4), keepdims=True)
    dx = dc - s / (S * T * U)
    return dx
"""
SLIPS = [
    (LSTM, "c=5x4,a=5x8", "daf = df * f * (1 - f)", "daf = df * (1 - f)", "the factor f is missing"),
    (ATTENTION, "x=5x4,Wq=4x3,Wk=4x3", "dx += dk @ Wk.T", "dx = dk @ Wk.T", "= replaces what dx held before"),
    (MASKED, "x=3x4x2,mask=3x4", "dflat /= N", "dflat /= N * T", "the factor T is not due"),
    (NORMED, "x=2x3x4x5x6", "np.sum(dc, axis=(2, 3, 4)", "np.sum(dc, axis=(3, 4)", "axis=(3, 4) stands where axis=(2,"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "shapes", "right", "wrong", "says"), SLIPS, ids=["lstm", "attention", "mask", "norm"])
def test_a_slip_of_one_line_is_told_before_what_another_line_could_add(check, text, shapes, right, wrong, says):
    assert text.count(right) == 1
    status, printed = check(text.replace(right, wrong), f"--shapes={shapes}", "--hints=3")
    assert status == 1
    [line] = [line for line in text.splitlines() if right in line]
    assert f": {line.strip()}\n" in printed.split("3 the fix")[1]
    assert says in printed


NAMED_TWICE = """
def scored_forward(x, w):
    scores = x @ w / np.sqrt(x.shape[1])
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return p, (x, w, p)

def scored_backward(dout, cache):
    x, w, p = cache
    N, D = x.shape
    dscores = p * (1 - p) * dout
    dscores = dscores / np.sqrt(D)
    dw = x.T @ dscores
    return dscores @ w.T, dw
"""


def test_what_is_made_of_the_first_value_of_a_name_is_no_second_mistake(check, untraced):
    printed = check(NAMED_TWICE, "--shapes=x=5x4,w=4x3", "--hints=3")[1]
    assert printed.count("1 where") == 1
    assert "1 gradient is wrong: dscores." in printed


HEADS = """
def heads_forward(q, k, v):
    N, S, E = q.shape
    T = k.shape[1]
    d = E
    scores = q @ k.transpose(0, 2, 1) / np.sqrt(d)
    e = np.exp(scores)
    p = e / e.sum(axis=-1, keepdims=True)
    out = p @ v
    return out, (q, k, v, p)

def heads_backward(dout, cache):
    q, k, v, p = cache
    N, S = q.shape[:2]
    T = k.shape[1]
    M, L = N * S, N * T
    d = k.shape[2]
    dp = dout @ v.transpose(0, 2, 1)
    dv = p.transpose(0, 2, 1) @ dout.reshape(L // T, S, v.shape[2])
    dscores = p * (dp - np.sum(dp * p, axis=-1, keepdims=True))
    dq = dscores.reshape(N, S, T) @ k
    dk = dscores.transpose(0, 2, 1) @ q.reshape(M // S, S, d)
    return dq, dk, dv
"""


def test_a_root_that_is_missing_on_the_way_to_several_gradients_is_told_where_it_is_due(check):
    printed = check(HEADS, "--shapes=q=2x4x6,k=2x7x6,v=2x7x3", "--hints=3")[1]
    assert ": dscores = p * (dp - np.sum(dp * p, axis=-1, keepdims=True)) / np.sqrt(d)" in printed
    assert "1 gradient is wrong" in printed


def test_a_page_marks_every_line_that_a_hint_names(check):
    text = NAMED_TWICE.replace("dscores = p * (1 - p) * dout", "slope = p * (1 - p)\n    ds = slope * dout")
    text = text.replace("dscores = dscores", "dscores = ds")
    status, printed = check(text, "--shapes=x=5x4,w=4x3", "--hints=1", "--html=page.html")
    assert status == 1
    named = set(re.findall(r"line (\d+): ", printed))
    marked = re.findall(r'class="marked"><span class="wrong">✗ +(\d+)<', Path("page.html").read_text(encoding="utf-8"))
    assert {*marked} == named
    assert len(named) > 1


def test_a_line_as_it_should_be_is_shown_in_full(check):
    wide = "np.sum(dout * x, axis=0) + np.sum(dout * gamma, axis=0) + np.sum(dout * x * gamma, axis=0)"
    printed = check(
        f"""
def wide_forward(x, gamma):
    return x * (gamma + np.sum(x, axis=1, keepdims=True) * 0 + 1), (x, gamma)

def wide_backward(dout, cache):
    x, gamma = cache
    dx = dout * (gamma + 1)
    dgamma = -(np.sum(dout * x, axis=0) + 0 * ({wide}) + 0 * ({wide}))
    return dx, dgamma
""",
        "--shapes=x=5x4,gamma=4",
        "--hints=3",
    )[1]
    assert f"line 9: dgamma = np.sum(dout * x, axis=0) + 0 * ({wide}) + 0 * ({wide})\n" in printed


MASKED_IN_PLACE = """
def net_loss(x, y, W1, W2):
    h = np.maximum(0, x @ W1)
    d = h @ W2 - y
    loss = np.sum(d**2) / len(x)
    dscores = 2 * d / len(x)
    dW2 = h.T @ dscores
    dh = dscores @ W2.T
    dh[h <= 0] = 0
    dW1 = x.T @ dh
    return loss, dW1, dW2
"""


def test_a_gradient_that_is_masked_by_itself_is_told_at_the_line_that_masks_it(check):
    assert check(MASKED_IN_PLACE)[0] == 0
    status, printed = check(MASKED_IN_PLACE.replace("dh[h <= 0] = 0", "dh[dh <= 0] = 0"), "--hints", "3")
    assert status == 1
    assert "1 where     line 10: dh[dh <= 0] = 0" in printed
    assert "3 the fix   line 10: dh[h <= 0] = 0" in printed
    assert "dh stands where h is due" in printed
