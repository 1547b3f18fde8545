"""Layers with loops: a mistake in each iteration is found soon, and said in a sentence that no loop makes longer."""

from __future__ import annotations

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.check.mistakes.derivation import Values
from micrograd_tensor.check.mistakes.several import many


def softmax_loss(factors):
    """The report on a loss by a loop over examples, in which 1 is multiplied by a factor of each where it is due."""
    rng = np.random.default_rng(0)
    n = len(factors)
    x, w, y = rng.normal(size=(n, 8)), rng.normal(size=(8, 3)), np.arange(n) % 3
    weights, loss, dw = mt.tensor(w, name="W", requires_grad=True), 0.0, np.zeros((8, 3))
    for i in range(n):
        s = mt.tensor(x[i]) @ weights
        loss = loss - mt.log((mt.exp(s) / mt.sum(mt.exp(s)))[y[i]])
        p = np.exp(x[i] @ w) / np.exp(x[i] @ w).sum()
        p[y[i]] -= factors[i]
        dw += np.outer(x[i], p) / n
    return mt.compare(loss / n, 1.0, {"dW": dw}, point=False)


def recurrent(line):
    """The report on a recurrence whose backward pass has a line in the place of the right one."""
    rng = np.random.default_rng(1)
    x, wx, wh, dh_end = (0.3 * rng.normal(size=s) for s in ((6, 3, 4), (4, 5), (5, 5), (3, 5)))
    leaves = [mt.tensor(array, name=name, requires_grad=True) for array, name in ((wx, "Wx"), (wh, "Wh"))]
    out, h = mt.tensor(np.zeros((3, 5))), [np.zeros((3, 5))]
    for t in range(6):
        out = mt.tanh(mt.tensor(x[t]) @ leaves[0] + out @ leaves[1])
        h.append(np.tanh(x[t] @ wx + h[-1] @ wh))
    dh, dwx, dwh = dh_end, np.zeros_like(wx), np.zeros_like(wh)
    for t in reversed(range(6)):
        da = eval(line, {"dh": dh, "h": h[t + 1], "np": np})  # noqa: S307 -- of the table below
        dwx, dwh, dh = dwx + x[t].T @ da, dwh + h[t].T @ da, da @ wh.T
    return mt.compare(out, dh_end, {"dWx": dwx, "dWh": dwh}, point=False)


@pytest.fixture
def applied(monkeypatch):
    """How many ops each change that is tried applies."""
    found, changed = [], Values.changed

    def counted(self, changes):
        found.append(len(self.derivation.depending_on(changes)))
        return changed(self, changes)

    monkeypatch.setattr(Values, "changed", counted)
    return found


HALVES = [0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1]


@pytest.mark.parametrize(
    ("factors", "kind", "said"),
    [
        (HALVES, "wrong way", "by 6 of the 7 ways through"),
        ([*HALVES, 1.2, 1.3], "wrong way", "by 8 of the 9 ways through"),
        ([2.0] * 5 + [1.0], "constant factor", "by 5 of the 6 ways through"),
        ([2.0] * 4 + [0.0] * 4, "two mistakes", "by 4 of the 8 ways through"),
    ],
)
def test_many_ways_are_told_by_what_they_have_in_common(factors, kind, said):
    first = softmax_loss(factors).diagnosis["W"][0]
    assert first.kind == kind
    assert said in first.text
    assert len(first.text) < 320
    assert "× 1" not in first.text
    assert "n = " not in first.text


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("dh * (1 - h)", "lost square"),
        ("-dh * (1 - h**2)", "sign"),
        ("dh * (1 + h**2)", "sign"),
        ("dh * h * (1 - h**2)", None),
    ],
)
def test_a_mistake_in_each_iteration_is_found_before_those_in_one(line, kind, applied):
    report = recurrent(line)
    told = [diagnosis.kind for name in report.diagnosis for diagnosis in report.diagnosis[name][:1]]
    assert told == ([kind] if kind else [])
    assert sum(applied) <= 100_000


def test_an_explanation_ends_where_nothing_explains_the_numbers(applied):
    softmax_loss(np.random.default_rng(2).normal(size=7))
    assert sum(applied) <= 150_000


@pytest.mark.parametrize("n", [4, 7, 40])
def test_a_sentence_about_many_things_grows_with_none_of_them(n):
    names = [f"through ((exp(x[{i}] @ W) / Σexp(x[{i}] @ W))[{i % 3}])" for i in range(n)]
    text = many(names, [*names, "directly"], "ways")
    assert text == f"all {n} ways through ((exp(x[…] @ W) / Σexp(x[…] @ W))[…])"


def of_many_lines(dout):
    """A backward pass of many lines of which any may be wrong."""
    a = dout * 1.5
    b = a * 1.5
    c = b * 1.5
    d = c * 1.5
    e = d * 1.5
    f = e * 1.5
    g = f * 1.5
    h = g * 1.5
    i = h * 1.5
    dx = i * i
    return dx  # noqa: RET504 -- the name tells what it is the gradient of


def test_lines_that_may_be_wrong_are_not_all_quoted():
    x = mt.tensor(np.arange(1.0, 5.0), name="x", requires_grad=True)
    with pytest.raises(AssertionError, match="dx is wrong") as raised:
        mt.check.assert_gradients(mt.square(x), np.array([1.0, -2.0, 3.0, 0.5]), of_many_lines)
    where = str(raised.value).partition("1 where")[2].partition("2 what kind")[0].splitlines()
    assert "dx = i * i" in where[0]
    assert "lines " in where[1]
    assert len(where) <= 7
