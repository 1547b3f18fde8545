"""Classes that are made with functions of their file, as with an activation and its derivative."""

from __future__ import annotations

import pytest

ACTIVATION = """
def tanh(x):
    return np.tanh(x)

def tanh_prime(x):
    return 1 - np.tanh(x) ** 2

class ActivationLayer:
    def __init__(self, activation, activation_prime):
        self.activation = activation
        self.activation_prime = activation_prime

    def forward_propagation(self, input_data):
        self.input = input_data
        self.output = self.activation(self.input)
        return self.output

    def backward_propagation(self, output_error, learning_rate):
        return self.activation_prime(self.input) * output_error
"""


def test_they_are_given_those_of_the_file(check):
    status, printed = check(ACTIVATION)
    assert status == 0, printed
    assert "activation tanh, activation_prime tanh_prime" in printed


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("self.activation_prime(self.input)", "self.activation_prime(self.output)", "dinput_data is wrong"),
        ("1 - np.tanh(x) ** 2", "1 - np.tanh(x)", "return 1 - np.tanh(x)"),
    ],
)
def test_mistakes_are_found(check, old, new, said):
    assert ACTIVATION.count(old) == 1
    status, printed = check(ACTIVATION.replace(old, new))
    assert status == 1
    assert said in printed


@pytest.mark.parametrize("other", ["lambda x: x", "np.tanh(1.0)"])
def test_without_any_it_is_said_that_it_does_not_run(check, other):
    text = ACTIVATION.partition("class ")[2]
    status, printed = check(f"value = {other}\n\nclass {text}")
    assert status == 2
    assert "no inputs were found" in printed
