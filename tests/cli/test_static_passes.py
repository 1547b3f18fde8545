"""Passes that are static methods: of an autograd.Function in plain NumPy, with a context, and pairs in a class."""

import pytest

LINEAR = """
class Linear:
    @staticmethod
    def forward(ctx, input, weight, bias=None):
        ctx.save_for_backward(input, weight, bias)
        output = input @ weight.T
        if bias is not None:
            output += bias
        return output

    @staticmethod
    def backward(ctx, grad_output):
        input, weight, bias = ctx.saved_tensors
        grad_input = grad_output @ weight
        grad_weight = grad_output.T @ input
        grad_bias = grad_output.sum(0) if bias is not None else None
        return grad_input, grad_weight, grad_bias
"""
SCALE = """
class Scale(Function):
    @staticmethod
    def forward(c, x, alpha):
        c.alpha, c.x = alpha, x
        return x * alpha

    @staticmethod
    def backward(c, g):
        return g * c.alpha, g * c.x
"""
PAIR = """
class Affine:
    @staticmethod
    def forward(x, w, b):
        return x @ w + b, (x, w)

    @staticmethod
    def backward(dout, cache):
        x, w = cache
        return dout @ w.T, x.T @ dout, dout.sum(0)
"""


@pytest.mark.parametrize(
    ("text", "judged", "right", "wrong"),
    [
        (LINEAR, ["dinput", "dweight", "dbias"], "grad_output.T @ input", "2 * grad_output.T @ input"),
        (LINEAR, ["dinput", "dweight", "dbias"], "grad_output.sum(0)", "grad_output.mean(0)"),
        ("class Function: pass\n" + SCALE, ["dx", "dalpha"], "g * c.alpha,", "g,"),
        (PAIR, ["dx", "dw", "db"], "x.T @ dout", "-x.T @ dout"),
    ],
)
def test_they_are_judged_as_others_are(check, text, judged, right, wrong):
    status, printed = check(text)
    assert status == 0, printed
    for name in judged:
        assert f"│ {name} " in printed
    assert text.count(right) == 1
    status, printed = check(text.replace(right, wrong))
    assert status == 1
    assert "1 gradient is wrong" in printed
    number = text[: text.index(right)].count("\n") + 2
    assert f"line {number}: " in printed


def test_an_input_that_may_be_left_out_is_drawn_where_its_gradient_is_computed(check):
    text = """
def affine_forward(x, w, b=None):
    out = x @ w
    return out if b is None else out + b, (x, w, b)

def affine_backward(dout, cache):
    x, w, b = cache
    db = None if b is None else dout.sum(axis=0)
    return dout @ w.T, x.T @ dout, db
"""
    status, printed = check(text)
    assert status == 0, printed
    assert "│ db " in printed
    assert check(text.replace("sum(axis=0)", "mean(axis=0)"))[0] == 1
