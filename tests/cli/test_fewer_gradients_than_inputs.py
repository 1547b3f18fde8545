"""Backward passes that return fewer gradients than there are inputs: which input each is of, and what its lines are."""

from __future__ import annotations

import re

import pytest

ON_THE_WAY = """
class Poisson:
    def forward(self, log_rate, counts, weights):
        rate = np.exp(log_rate)
        self.saved = rate, counts, weights
        return (weights * (rate - counts * log_rate)).mean()

    def backward(self):
        rate, counts, weights = self.saved
        dlog_rate = weights * (rate - counts)
        return dlog_rate / rate.size
"""
BESIDE = """
def poisson_loss(log_rate, counts, weights):
    rate = np.exp(log_rate)
    d_log_rate = weights * (rate - counts)
    return (weights * (rate - counts * log_rate)).mean(), d_log_rate / counts.size
"""
LIKE_IT = """
class Residual:
    def __call__(self, q, q_next, rewards):
        self.q = q
        self.td = q.max(axis=1) - rewards - 0.9 * q_next.max(axis=1)
        return 0.5 * np.mean(self.td**2)

    def backward(self):
        dq = (self.q == self.q.max(axis=1, keepdims=True)) * self.td[:, None] / len(self.q)
        return dq
"""
STEP = """
class Clipped:
    def forward(self, logp, old_logp, adv):
        self.ratio, self.adv = np.exp(logp - old_logp), adv
        self.s = self.ratio * adv
        self.t = np.clip(self.ratio, 0.8, 1.2) * adv
        return -np.minimum(self.s, self.t).mean()

    def backward(self):
        d = np.where(self.s <= self.t, self.s, 0.0)
        return -d / d.size
"""
NAMED = """
def mlp_forward(x, params):
    h = np.maximum(0, x @ params["W1"] + params["b1"])
    return h @ params["W2"] + params["b2"], (x, h, params)

def mlp_backward(dout, cache):
    x, h, params = cache
    dh = dout @ params["W2"].T * (h > 0)
    return dh @ params["W1"].T, {"W2": h.T @ dout, "b2": dout.sum(0), "W1": x.T @ dh, "b1": dh.sum(0)}
"""


@pytest.mark.parametrize(
    ("text", "options", "right", "wrong"),
    [
        (ON_THE_WAY, (), "return dlog_rate / rate.size", "return dlog_rate * rate.size"),
        (ON_THE_WAY, (), "weights * (rate - counts)\n", "weights * (rate + counts)\n"),
        (BESIDE, (), "d_log_rate / counts.size", "d_log_rate * counts.size"),
        (LIKE_IT, ("--shapes", "q=7x4,q_next=7x4,rewards=7"), "* self.td[:, None]", "* -self.td[:, None]"),
        (STEP, (), "return -d /", "return 2 * d /"),
        (NAMED, (), "dh @ params", "2 * dh @ params"),
        (NAMED, (), "h.T @ dout,", "-h.T @ dout,"),
    ],
)
def test_what_is_returned_is_judged_and_no_step_on_the_way_there(check, text, options, right, wrong):
    status, printed = check(text, *options)
    assert status == 0, printed
    assert text.count(right) == 1
    status, printed = check(text.replace(right, wrong), *options, "--hints", "3")
    assert status == 1
    assert "1 gradient is wrong" in printed
    line = 2 + text[: text.index(right)].count("\n")
    fix = re.search(r"3 the fix +line (\d+): ", printed)
    assert fix is None or int(fix[1]) == line


def test_the_gradient_of_one_side_of_a_difference_may_be_that_of_the_other_with_a_wrong_sign(check):
    status, printed = check(STEP.replace("return -d", "return d"))
    assert status == 1
    assert "wrong here" not in printed
    assert "say which it is by its name: dold_logp = … or dlogp = …" in printed
    named = STEP.replace("return -d / d.size", "dold_logp = d / d.size\n        return dold_logp")
    assert check(named)[0] == 0
    assert "1 gradient is wrong" in check(named.replace("dold_logp", "dlogp"))[1]


HINGES = """
def svm_loss(W, X, y, reg):
    dW = np.zeros_like(W)
    N = len(X)
    loss = 0.0
    for i in range(N):
        scores = X[i] @ W
        for j in range(W.shape[1]):
            if j == y[i]:
                continue
            margin = scores[j] - scores[y[i]] + 1
            if margin > 0:
                loss += margin
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    dW /= N
    dW += 2 * reg * W
    return loss / N + reg * np.sum(W * W), dW
"""


def test_a_gradient_that_is_not_computed_at_all_is_said_to_be_left_out_and_nothing_else(check):
    status, printed = check(HINGES, "--shapes", "W=4x3,X=7x4")
    assert status == 0, printed
    assert "backward computes no dX, so it was left out." in printed
    assert "there are 2 inputs" not in printed
    status, printed = check(HINGES.replace("    dW /= N\n", ""), "--shapes", "W=4x3,X=7x4", "--hints", "3")
    assert status == 1
    assert re.search(r"3 the fix +after line 16, outside the loop: dW /= N", printed)


def test_where_no_upstream_gradient_is_taken_none_is_spoken_of(check):
    wrong = HINGES.replace("                dW[:, y[i]] -= X[i]\n", "")
    status, printed = check(wrong, "--shapes", "W=4x3,X=7x4")
    assert status == 1
    assert "A line is missing after this one.\n" in printed
    assert "dout" not in printed


TRIPLET = """
def triplet_loss(anchor, positive, negative, margin=1.0):
    ap, an = anchor - positive, anchor - negative
    losses = np.maximum(0.0, (ap**2).sum(axis=1) - (an**2).sum(axis=1) + margin)
    active = 2 * (losses > 0)[:, None] / len(anchor)
    d_anchor = active * (ap - an)
    d_positive, d_negative = -active * ap, active * an
    return losses.mean(), (d_anchor, d_positive, d_negative)
"""


@pytest.mark.parametrize("returned", ["(d_anchor, d_positive, d_negative)", "d_anchor, d_positive, d_negative"])
def test_the_line_is_told_of_what_is_returned_after_a_loss(check, returned):
    text = TRIPLET.replace("(d_anchor, d_positive, d_negative)", returned)
    assert check(text)[0] == 0
    status, printed = check(text.replace("(ap - an)", "(ap + an)"), "--hints", "3")
    assert status == 1
    assert re.search(r"3 the fix +line 7: d_anchor = active \* \(ap - an\)", printed)


EMBEDDED = """
class Bag:
    def __init__(self, vocab_size, dim):
        self.W = np.random.randn(vocab_size, dim)

    def forward(self, tokens):
        self.tokens = tokens
        return self.W[tokens].mean(axis=1)

    def backward(self, dout):
        dW = np.zeros_like(self.W)
        n = self.tokens.shape[1]
        np.add.at(dW, self.tokens, np.repeat(dout[:, None, :], n, axis=1) / n)
        self.dW = dW
"""


def test_the_line_of_a_call_that_writes_into_an_array_may_have_the_mistake(check):
    assert check(EMBEDDED)[0] == 0
    status, printed = check(EMBEDDED.replace("axis=1) / n", "axis=1)"))
    assert status == 1
    assert "line 14: np.add.at(dW" in printed


SWITCHED = """
def gate_forward(x, g):
    return np.where(g > 0, x, 0.1 * x), (x, g)

def gate_backward(dout, cache):
    x, g = cache
    dx = np.where(g > 0, dout, 0.1 * dout)
    dg = np.zeros_like(g)
    return dx, dg
"""


@pytest.mark.parametrize(
    ("returned", "status", "said"),
    [
        ("dx, dg", 0, "The gradient is right"),
        ("dx, None", 0, "The gradient is right"),
        ("dx", 0, "The gradient is right"),
        ("dx, dout * x", 1, "g is only compared with others, so its gradient is 0, which this is not"),
        ("-dx, dg", 1, "1 gradient is wrong: dx"),
    ],
)
def test_an_input_that_is_only_compared_has_the_gradient_0_or_none(check, returned, status, said):
    found, printed = check(SWITCHED.replace("return dx, dg", f"return {returned}"))
    assert found == status, printed
    assert said in printed


DICE = """
class DiceLoss:
    def forward(self, pred, target):
        self.pred, self.target = pred, target
        self.inter, self.union = np.sum(pred * target), np.sum(pred) + np.sum(target)
        return 1 - 2 * self.inter / self.union

    def backward(self):
        return -(2 * self.target * self.union - 2 * self.inter) / self.union**2
"""


@pytest.mark.parametrize("upstream", ["self", "self, dout=1.0"])
def test_what_is_the_gradient_of_the_labels_is_not_that_of_the_prediction(check, upstream):
    text = DICE.replace("backward(self)", f"backward({upstream})")
    text = text.replace("return -(", "return -dout * (") if "dout" in upstream else text
    assert check(text)[0] == 0
    status, printed = check(text.replace("2 * self.target", "2 * self.pred"))
    assert status == 1
    assert "dpred is wrong" in printed
