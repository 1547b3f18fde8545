"""Straight-through estimates, which are no derivatives and not meant to be: neither right nor wrong."""

import pytest

FAKE_QUANT = """
def quant_forward(x, scale, bits=8):
    most = 2 ** (bits - 1) - 1
    q = np.clip(np.round(x / scale), -most, most)
    return q * scale, (x, scale, q, most)

def quant_backward(dy, cache):
    x, scale, q, most = cache
    return dy * (np.abs(x / scale) <= most)
"""
BINARY = """
def binary_forward(x):
    return np.sign(x), x

def binary_backward(dy, x):
    return dy * (np.abs(x) <= 1)
"""
BY_STAGES = """
def linear_forward(x, w, step=0.1):
    z = w / step
    q = np.floor(z)
    wq = q * step
    return x @ wq, (x, step, wq)

def linear_backward(dy, cache):
    x, step, wq = cache
    dwq = x.T @ dy
    dq = dwq * step
    dz = dq
    dw = dz / step
    return dy @ wq.T, dw
"""


@pytest.mark.parametrize(
    ("text", "step"), [(FAKE_QUANT, "np.round"), (BINARY, "np.sign"), (BY_STAGES, "np.floor")], ids=["q", "b", "s"]
)
def test_an_estimate_in_place_of_a_slope_of_0_is_neither_right_nor_wrong(check, text, step):
    status, printed = check(text)
    assert status == 1
    assert "wrong here" not in printed
    assert f"the derivative of {step} is 0, and this is what is passed on in its place" in printed
    assert "could not be judged" in printed


def test_what_has_nothing_to_do_with_the_step_is_judged(check):
    status, printed = check(BY_STAGES.replace("return dy @", "return 2 * dy @"))
    assert status == 1
    assert "dx is wrong" in printed
    status, printed = check(BY_STAGES.replace("dz = dq", "dz = 0 * dq"))
    assert status == 0, printed


def test_a_slope_beside_a_step_is_judged(check):
    text = """
def power_forward(x, p=1.5):
    return np.sign(x) * np.abs(x) ** p, (x, p)

def power_backward(dy, cache):
    x, p = cache
    return dy * p * np.abs(x) ** (p - 1)
"""
    assert check(text)[0] == 0
    status, printed = check(text.replace("(p - 1)", "p"))
    assert status == 1
    assert "dx is wrong" in printed
