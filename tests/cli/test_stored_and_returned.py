"""What an object stores as a gradient and returns, too, is the gradient of one input alone."""

import re

import pytest

OPERATIONS = """
class Operation:
    def forward(self, input_):
        self.input_ = input_
        self.output = self._output()
        return self.output

    def backward(self, output_grad):
        self.input_grad = self._input_grad(output_grad)
        return self.input_grad

class ParamOperation(Operation):
    def __init__(self, param):
        self.param = param

    def backward(self, output_grad):
        self.input_grad = self._input_grad(output_grad)
        self.param_grad = self._param_grad(output_grad)
        return self.input_grad
"""
MULTIPLY = f"""{OPERATIONS}
class Multiply(ParamOperation):
    def __init__(self, W):
        super().__init__(W)

    def _output(self):
        return np.dot(self.input_, self.param)

    def _input_grad(self, output_grad):
        return np.dot(output_grad, self.param.T)

    def _param_grad(self, output_grad):
        return np.dot(self.input_.T, output_grad)
"""
ADD = f"""{OPERATIONS}
class Add(ParamOperation):
    def __init__(self, B):
        assert B.shape[0] == 1
        super().__init__(B)

    def _output(self):
        return self.input_ + self.param

    def _input_grad(self, output_grad):
        return np.ones_like(self.input_) * output_grad

    def _param_grad(self, output_grad):
        param_grad = np.ones_like(self.param) * output_grad
        return np.sum(param_grad, axis=0).reshape(1, param_grad.shape[1])
"""
SIGMOID = f"""{OPERATIONS}
class Sigmoid(Operation):
    def _output(self):
        return 1 / (1 + np.exp(-self.input_))

    def _input_grad(self, output_grad):
        return self.output * (1 - self.output) * output_grad
"""
SQUARED = """
class Loss:
    def forward(self, prediction, target):
        self.prediction, self.target = prediction, target
        return self._output()

    def backward(self):
        self.input_grad = self._input_grad()
        return self.input_grad

class MeanSquaredError(Loss):
    def _output(self):
        return np.sum(np.power(self.prediction - self.target, 2)) / self.prediction.shape[0]

    def _input_grad(self):
        return 2 * (self.prediction - self.target) / self.prediction.shape[0]
"""


@pytest.mark.parametrize(
    ("text", "shapes", "right", "wrong", "of"),
    [
        (MULTIPLY, "", "np.dot(self.input_.T", "2 * np.dot(self.input_.T", "dW"),
        (MULTIPLY, "", "np.dot(output_grad, self.param.T)", "np.dot(-output_grad, self.param.T)", "dinput_"),
        (ADD, "B=1x5,input_=7x5", "return np.sum", "return -np.sum", "dB"),
        (ADD, "B=1x5,input_=7x5", "self.input_) * output_grad", "self.input_) / output_grad", "dinput_"),
        (SIGMOID, "", "(1 - self.output)", "(1 + self.output)", "dinput_"),
        (
            SQUARED,
            "",
            "2 * (self.prediction - self.target)",
            "-2 * (self.prediction - self.target)",
            "dpredic",
        ),
    ],
)
def test_what_is_stored_and_returned_is_the_gradient_of_one_input(check, text, shapes, right, wrong, of):
    name = re.findall(r"class (\w+)", text)[-1]
    status, said = check(text, name=name)
    assert status == 0, said
    assert "dreturned" not in said
    assert text.count(right) == 1
    status, said = check(text.replace(right, wrong), *(["--shapes", shapes] if shapes else []), name=name)
    assert status == 1
    assert f"1 gradient is wrong: {of}" in said or f"The gradient is wrong: {of}" in said
    assert f"line {2 + text[: text.index(right)].count(chr(10))}" in said


def test_of_two_inputs_one_array_that_is_returned_twice_is_the_gradient_of_both(check):
    text = """
class Add:
    def forward(self, x, y):
        return x + y

    def backward(self, dout):
        self.dx = dout * 1
        return self.dx, self.dx
"""
    status, said = check(text)
    assert status == 0, said
    assert "All 2 gradients are right" in said
