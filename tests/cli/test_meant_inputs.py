"""Inputs that get no gradient and may be meant to be a mask, shares or symmetric: what is right then is not wrong."""

import re

import pytest

FACTORS = """
def factors_loss(X, Theta, Y, R):
    err = (X @ Theta.T - Y) * R
    dX = err @ Theta
    dTheta = err.T @ X
    return 0.5 * np.sum(err**2), dX, dTheta
"""
VALID = """
def valid_loss(pred, target, valid):
    diff = (pred - target) * valid
    return np.sum(diff**2), 2 * diff
"""
SIGNS = """
def margin_loss(score, side):
    m = 1 - side * score
    r = np.where(m > 0, score - side, 0)
    return np.sum(np.maximum(m, 0) ** 2), 2 * r
"""
TEACHER = """
def distillation_loss(logits, teacher_probs):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    n = len(logits)
    return -np.sum(teacher_probs * np.log(p)) / n, (p - teacher_probs) / n
"""
SMOOTH = """
def smoothness_loss(X, L):
    dX = 2 * L @ X
    return np.trace(X.T @ L @ X), dX
"""
MEANT = {
    "a mask": (FACTORS, "R has 0 and 1 alone, as a mask", "dX = err @ Theta", "dX = 2 * err @ Theta"),
    "a mask of another name": (VALID, "valid has 0 and 1 alone, as a mask", "2 * diff", "diff"),
    "signs": (SIGNS, "side has 1 and -1 alone", "2 * r", "r"),
    "shares": (TEACHER, "teacher_probs adds up to 1 along axis 1", "(p - teacher", "(p + teacher"),
    "a symmetric matrix": (SMOOTH, "L is symmetric", "2 * L @ X", "L @ X"),
}


@pytest.mark.parametrize(("text", "kind", "right", "wrong"), MEANT.values(), ids=MEANT)
def test_what_is_right_with_what_is_likely_to_be_meant_is_not_judged_before_that_is_said(
    check, text, kind, right, wrong
):
    status, said = check(text)
    said = " ".join(said.split())
    assert status == 2
    assert f"it is right where {kind}, and wrong where it has any numbers; say which: " in said
    assert check(text, "--shapes", re.search(r', or --shapes "?(\S+?)"?; then it is judged', said)[1])[0] == 1
    if mask := re.search(r'say which: --shapes "?(\S+?)"?, or', said):
        assert check(text, "--shapes", mask[1])[0] == 0
    assert text.count(right) == 1
    assert check(text.replace(right, wrong))[0] == 1


KERNELS = """
def rbf_forward(x, others, log_gamma):
    diff = x[:, None, :] - others[None]
    d2 = np.sum(diff**2, axis=-1)
    return np.exp(-np.exp(log_gamma) * d2), (diff, d2, np.exp(log_gamma))

def rbf_backward(dphi, cache):
    diff, d2, g = cache
    dexp = dphi * np.exp(-g * d2)
    dlog_gamma = -np.sum(dexp * d2, axis=0) * g
    ddiff = -2 * diff * (dexp * g)[:, :, None]
    return ddiff.sum(axis=1), -ddiff.sum(axis=0), dlog_gamma
"""


def test_what_is_right_without_an_axis_that_was_guessed_is_not_called_wrong(check):
    status, said = check(KERNELS)
    said = " ".join(said.split())
    assert status == 2
    fewer, guessed = re.search(r'say which: --shapes "?(\S+?)"?, or --shapes "?(\S+?)"?; then', said).groups()
    assert check(KERNELS, "--shapes", f"x=3x4,others=5x4,{fewer}")[0] == 0
    assert check(KERNELS, "--shapes", f"x=3x4,others=5x4,{guessed}")[0] == 1
    assert check(KERNELS.replace("d2, axis=0) * g", "d2, axis=0)"))[0] == 1


def test_weights_of_a_loss_that_multiplies_no_matrices_are_those_of_elements(check):
    text = """
def weighted_loss(pred, target, weights):
    diff = pred - target
    n = weights.sum()
    return np.sum(weights * diff**2) / n, 2 * weights * diff / n
"""
    status, said = check(text)
    assert status == 0
    assert "pred (7, 5), target (7, 5), weights (7, 5)" in said
    assert check(text.replace("2 * weights * diff", "2 * diff"))[0] == 1


def test_what_may_be_meant_hides_no_branch(check):
    text = """
def focal_loss(logits, side, gamma=2.0):
    p = 1 / (1 + np.exp(-logits))
    pt = np.where(side > 0.9, p, 1 - p)
    loss = -np.mean((1 - pt) ** gamma * np.log(pt))
    dpt = (gamma * (1 - pt) ** (gamma - 1) * np.log(pt) - (1 - pt) ** gamma / pt) / logits.size
    dlogits = dpt * np.where(side > 0.9, 1, -1) * p * (1 - p)
    return loss, dlogits
"""
    assert check(text)[0] == 0
    assert check(text.replace("(side > 0.9, 1, -1)", "(side > 0.9, 7, -1)"))[0] == 1
