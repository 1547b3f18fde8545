"""Numbers of which forward knows nothing, as weight_regularizer_l2: they stay, and what they add is not judged."""

import pytest

DENSE = """
class Dense:
    def __init__(self, n_inputs, n_neurons, weight_regularizer_l1=0, weight_regularizer_l2=0, bias_regularizer_l2=0):
        self.weights = 0.01 * np.random.randn(n_inputs, n_neurons)
        self.biases = np.zeros((1, n_neurons))
        self.weight_regularizer_l1 = weight_regularizer_l1
        self.weight_regularizer_l2 = weight_regularizer_l2
        self.bias_regularizer_l2 = bias_regularizer_l2

    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases

    def backward(self, dvalues):
        self.dweights = np.dot(self.inputs.T, dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        if self.weight_regularizer_l1 > 0:
            dL1 = np.ones_like(self.weights)
            dL1[self.weights < 0] = -1
            self.dweights += self.weight_regularizer_l1 * dL1
        if self.weight_regularizer_l2 > 0:
            self.dweights += 2 * self.weight_regularizer_l2 * self.weights
        if self.bias_regularizer_l2 > 0:
            self.dbiases += 2 * self.bias_regularizer_l2 * self.biases
        self.dinputs = np.dot(dvalues, self.weights.T)
"""
ALWAYS = """
class Linear:
    def __init__(self, w, decay{default}):
        {kept}

    def forward(self, x):
        self.x = x
        return x @ self.w

    def backward(self, dout):
        self.dw = self.x.T @ dout + {read} * self.w
        return dout @ self.w.T
"""
IN_PAIRS = ALWAYS.format(default="=0.1", kept="self.w, self.decay = w, decay", read="self.decay")
IN_A_DICTIONARY = ALWAYS.format(
    default="=0.1", kept='self.w = w\n        self.settings = {"decay": decay}', read='self.settings["decay"]'
)
HALVED = ALWAYS.format(
    default="=0.1",
    kept='if decay < 0:\n            raise ValueError("negative")\n        twice = 2 * decay\n'
    "        self.w = w\n        self.decay = twice / 2",
    read="self.decay",
)
OF_A_DATACLASS = """
from dataclasses import dataclass


@dataclass
class Linear:
    w: np.ndarray
    decay: float = 0.1

    def forward(self, x):
        self.x = x
        return x @ self.w

    def backward(self, dout):
        self.dw = self.x.T @ dout + self.decay * self.w
        return dout @ self.w.T
"""


def test_numbers_that_forward_does_not_read_are_not_varied_and_lines_that_did_not_run_are_told(check):
    status, printed = check(DENSE)
    assert status == 0, printed
    assert "did not run at these inputs, so of them nothing is judged." in printed
    assert "All 3 gradients are right." in printed
    assert "was put to 0" not in printed


@pytest.mark.parametrize(
    ("text", "given", "were"),
    [
        (DENSE, "weight_regularizer_l1=(1)", "weight_regularizer_l1 was"),
        (DENSE, "weight_regularizer_l2=(0.1)", "weight_regularizer_l2 was"),
        (
            DENSE,
            "weight_regularizer_l1=(1),bias_regularizer_l2=(0.5)",
            "weight_regularizer_l1 and bias_regularizer_l2 were",
        ),
        (IN_PAIRS, "", "decay was"),
        (IN_PAIRS, "decay=(3)", "decay was"),
        (IN_A_DICTIONARY, "", "decay was"),
        (HALVED, "", "decay was"),
        (OF_A_DATACLASS, "", "decay was"),
    ],
)
def test_what_backward_adds_for_them_is_not_judged_and_the_rest_is(check, text, given, were):
    options = ["--shapes", given] if given else []
    status, printed = check(text, *options)
    assert status == 0, printed
    assert f"! {were} put to 0: what backward adds for" in printed
    assert "is the gradient of a penalty, of which the forward pass knows nothing, so it is not judged." in printed
    wrong = text.replace("self.inputs.T, dvalues", "self.inputs.T, 2 * dvalues").replace("return dout", "return -dout")
    status, printed = check(wrong, *options)
    assert status == 1
    assert "1 gradient is wrong: " in printed


READ = """
class Linear:
    def __init__(self, w, scale=1.0):
        self.w = w
        self.scale = scale

    def scaled(self, x):
        return {read} * (x @ self.w)

    def forward(self, x):
        self.x = x
        return self.scaled(x)

    def backward(self, dout):
        self.dw = self.x.T @ dout
        return dout @ self.w.T
"""


@pytest.mark.parametrize("read", ["self.scale", "getattr(self, 'scale')", "vars(self)['scale']"])
def test_what_forward_reads_by_another_method_is_varied(check, read):
    status, printed = check(READ.format(read=read))
    assert status == 2
    assert '--shapes "scale=(1)"' in printed


@pytest.mark.parametrize("made", ["self.w = w * scale", "self.w = w\n        self.w *= scale"])
def test_what_a_constructor_makes_weights_of_is_read(check, made):
    text = READ.format(read="1").replace("self.w = w\n", f"{made}\n")
    status, printed = check(text.replace("dout @ self.w", "self.scale * dout @ self.w"))
    assert status == 2
    assert '--shapes "scale=(1)"' in printed


@pytest.mark.parametrize("rate", ["", "=0.1"])
def test_a_gradient_through_weights_that_were_updated_is_no_penalty(check, rate):
    text = f"""
class Linear:
    def __init__(self, w, rate{rate}):
        self.w = w
        self.rate = rate

    def forward(self, x):
        self.x = x
        return x @ self.w

    def backward(self, dout):
        self.dw = self.x.T @ dout
        dx = dout @ self.w.T
        self.w -= self.rate * self.dw
        return dx
"""
    status, printed = check(text, "--shapes", "rate=(0.1)")
    assert status == 0, printed
    late = text.replace("        dx = dout @ self.w.T\n", "").replace("return dx", "return dout @ self.w.T")
    status, printed = check(late, "--shapes", "rate=(0.1)")
    assert status == 1, printed
    assert "is wrong: dx." in printed
    assert "penalty" not in printed
