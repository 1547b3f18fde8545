"""Losses whose backward pass takes what was predicted in the place of an upstream gradient, as those of a book do."""

import re

import pytest

LOSS = """
class Loss:
    def calculate(self, output, y):
        sample_losses = self.forward(output, y)
        return np.mean(sample_losses)
"""
SQUARED = (
    LOSS
    + """
class MeanSquaredError(Loss):
    def forward(self, y_pred, y_true):
        sample_losses = np.mean((y_true - y_pred) ** 2, axis=-1)
        return sample_losses

    def backward(self, dvalues, y_true):
        samples = len(dvalues)
        outputs = len(dvalues[0])
        self.dinputs = -2 * (y_true - dvalues) / outputs
        self.dinputs = self.dinputs / samples
"""
)
ABSOLUTE = (
    LOSS
    + """
class MeanAbsoluteError(Loss):
    def forward(self, y_pred, y_true):
        return np.mean(np.abs(y_true - y_pred), axis=-1)

    def backward(self, dvalues, y_true):
        self.dinputs = np.sign(y_true - dvalues) / len(dvalues[0]) * -1
        self.dinputs = self.dinputs / len(dvalues)
"""
)
CATEGORICAL = (
    LOSS
    + """
class CategoricalCrossentropy(Loss):
    def forward(self, y_pred, y_true):
        samples = len(y_pred)
        y_pred_clipped = np.clip(y_pred, 1e-7, 1 - 1e-7)
        if len(y_true.shape) == 1:
            correct_confidences = y_pred_clipped[range(samples), y_true]
        elif len(y_true.shape) == 2:
            correct_confidences = np.sum(y_pred_clipped * y_true, axis=1)
        return -np.log(correct_confidences)

    def backward(self, dvalues, y_true):
        samples = len(dvalues)
        labels = len(dvalues[0])
        if len(y_true.shape) == 1:
            y_true = np.eye(labels)[y_true]
        self.dinputs = -y_true / dvalues
        self.dinputs = self.dinputs / samples
"""
)
BINARY = (
    LOSS
    + """
class BinaryCrossentropy(Loss):
    def forward(self, y_pred, y_true):
        clipped = np.clip(y_pred, 1e-7, 1 - 1e-7)
        sample_losses = -(y_true * np.log(clipped) + (1 - y_true) * np.log(1 - clipped))
        return np.mean(sample_losses, axis=-1)

    def backward(self, dvalues, y_true):
        samples, outputs = len(dvalues), len(dvalues[0])
        clipped_dvalues = np.clip(dvalues, 1e-7, 1 - 1e-7)
        self.dinputs = -(y_true / clipped_dvalues - (1 - y_true) / (1 - clipped_dvalues)) / outputs
        self.dinputs = self.dinputs / samples
"""
)
COMBINED = """
class SoftmaxCrossentropy:
    def forward(self, inputs, y_true):
        exp_values = np.exp(inputs - np.max(inputs, axis=1, keepdims=True))
        self.output = exp_values / np.sum(exp_values, axis=1, keepdims=True)
        return np.mean(-np.log(self.output[range(len(inputs)), y_true]))

    def backward(self, dvalues, y_true):
        samples = len(dvalues)
        self.dinputs = dvalues.copy()
        self.dinputs[range(samples), y_true] -= 1
        self.dinputs = self.dinputs / samples
"""
OF_A_LAYER_WITHIN = """
class Softmax:
    def forward(self, inputs):
        self.inputs = inputs
        exp_values = np.exp(inputs - np.max(inputs, axis=1, keepdims=True))
        self.probabilities = exp_values / np.sum(exp_values, axis=1, keepdims=True)
        return self.probabilities


class Both:
    def __init__(self):
        self.activation = Softmax()

    def forward(self, scores, targets):
        chosen = self.activation.forward(scores)[np.arange(len(targets)), targets]
        return -np.log(chosen).mean()

    def backward(self, y_hat, targets):
        grad = y_hat.copy()
        grad[np.arange(len(targets)), targets] -= 1
        return grad / len(targets)
"""
CALLED_GRAD = """
class Loss:
    def __call__(self, preds, targets):
        return self.forward(preds, targets).mean()


class MSE(Loss):
    def forward(self, preds, targets):
        return ((preds - targets) ** 2).mean(axis=1)

    def backward(self, grad, targets):
        n, d = grad.shape
        return 2 * (grad - targets) / (n * d)
"""
LABELS_FIRST = (
    LOSS
    + """
class Squared(Loss):
    def forward(self, y_true, y_pred):
        return np.sum((y_true - y_pred) ** 2, axis=1)

    def backward(self, y_true, dvalues):
        self.dinputs = 2 * (dvalues - y_true) / len(y_true)
"""
)
ITS_OWN_NAME = (
    LOSS
    + """
class Squared(Loss):
    def forward(self, y_pred, y_true):
        return np.sum((y_true - y_pred) ** 2, axis=1)

    def backward(self, y_pred, y_true):
        self.dinputs = 2 * (y_pred - y_true) / len(y_true)
"""
)
NUMBER = """
def mse_forward(outputs, labels):
    return np.mean((outputs - labels) ** 2)


def mse_backward(dvalues, labels):
    return 2 * (dvalues - labels) / labels.size
"""
SUM_OR_MEAN = """
class Squared:
    def forward(self, outputs, labels):
        return np.sum((outputs - labels) ** 2, axis=1)

    def backward(self, y_hat, labels):
        self.dinputs = 2 * (y_hat - labels) / len(labels)
"""
OF_THEIR_MEAN = "backward was compared with the gradients of their mean"


@pytest.mark.parametrize(
    ("text", "given", "compared"),
    [
        (SQUARED, "y_pred as dvalues", f"{OF_THEIR_MEAN}, which Loss.calculate takes."),
        (ABSOLUTE, "y_pred as dvalues", f"{OF_THEIR_MEAN}, which Loss.calculate takes."),
        (CATEGORICAL, "y_pred as dvalues", f"{OF_THEIR_MEAN}, which Loss.calculate takes."),
        (BINARY, "y_pred as dvalues", f"{OF_THEIR_MEAN}, which Loss.calculate takes."),
        (COMBINED, "self.output as dvalues", ""),
        (OF_A_LAYER_WITHIN, "self.activation.probabilities as y_hat", ""),
        (CALLED_GRAD, "preds as grad", f"{OF_THEIR_MEAN}, which Loss.__call__ takes."),
        (LABELS_FIRST, "y_pred as dvalues", f"{OF_THEIR_MEAN}, which Loss.calculate takes."),
        (ITS_OWN_NAME, "", f"{OF_THEIR_MEAN}, which Loss.calculate takes."),
        (NUMBER, "outputs as dvalues", ""),
        (SUM_OR_MEAN, "outputs as y_hat", f"{OF_THEIR_MEAN}."),
        (SUM_OR_MEAN.replace(" / len(labels)", ""), "outputs as y_hat", f"{OF_THEIR_MEAN[:-4]}sum."),
    ],
)
def test_right_ones_are_right_and_it_is_said_how_they_were_judged(check, text, given, compared):
    status, printed = check(text)
    assert status == 0, printed
    assert re.search(r"is right\.|are right[.;]", printed)
    assert (f"! backward was given {given}, not an upstream gradient." in printed) == bool(given)
    assert ("forward returns several losses" in printed) == bool(compared)
    assert compared in printed


@pytest.mark.parametrize(
    ("text", "right", "wrong", "line"),
    [
        (SQUARED, "-2 * (y_true", "2 * (y_true", "self.dinputs = 2 * (dvalues - y_true) / outputs"),
        (ABSOLUTE, " * -1", "", "self.dinputs = np.sign(dvalues - y_true) / len(dvalues[0])"),
        (CATEGORICAL, "= -y_true", "= y_true", "self.dinputs = -self.dinputs / samples"),
        (CATEGORICAL, "        self.dinputs = self.dinputs / samples\n", "", "-y_true / (dvalues * samples)"),
        (CATEGORICAL, "np.eye(labels)[y_true]", "np.eye(labels)[y_true - 1]", "y_true = np.eye(labels)[y_true]"),
        (BINARY, "(1 - clipped_dvalues)) / outputs", "(1 - clipped_dvalues))", "self.dinputs / (samples * outputs)"),
        (COMBINED, "] -= 1", "] -= 2", "self.dinputs[range(samples), y_true] -= 1"),
        (COMBINED, "/ samples", "/ len(dvalues[0])", "self.dinputs = self.dinputs / len(dvalues)"),
        (OF_A_LAYER_WITHIN, "grad / len(targets)", "grad", "return grad / "),
        (CALLED_GRAD, "(n * d)", "n", "return 2 * (grad - targets) / (n * d)"),
        (LABELS_FIRST, "dvalues - y_true", "y_true - dvalues", "self.dinputs = 2 * (dvalues - y_true) / len(y_true)"),
        (ITS_OWN_NAME, " / len(y_true)", "", "self.dinputs = 2 * (y_pred - y_true) / y_pred.shape[0]"),
        (NUMBER, "2 *", "3 *", "return 2 * (dvalues - labels) / labels.size"),
        (SUM_OR_MEAN, "- labels) / len", "+ labels) / len", "self.dinputs = 2 * (y_hat - labels) / len(labels)"),
    ],
)
def test_wrong_ones_are_wrong_at_their_line(check, text, right, wrong, line):
    assert text.count(right) == 1
    status, printed = check(text.replace(right, wrong), "--hints=3")
    assert status == 1, printed
    assert "1 gradient is wrong: d" in printed
    assert re.search(rf"the fix   line \d+: .*{re.escape(line)}", printed)


UPSTREAM = (
    LOSS
    + """
class Squared(Loss):
    def forward(self, x, y):
        self.x = x
        return np.sum((x - y) ** 2, axis=1)

    def backward(self, {up}, y):
        return 2 * (self.x - y) * {up}[:, None]
"""
)
BY_ELEMENT = UPSTREAM.replace("np.sum((x - y) ** 2, axis=1)", "(x - y) ** 2").replace("[:, None]", "")


@pytest.mark.parametrize("up", ["dout", "dvalues"])
@pytest.mark.parametrize("text", [UPSTREAM, BY_ELEMENT])
def test_an_upstream_gradient_stays_one(check, text, up):
    status, printed = check(text.format(up=up))
    assert status == 0, printed
    assert "backward was given" not in printed
    status, printed = check(text.format(up=up).replace("2 * (self.x", "3 * (self.x"))
    assert status == 1
    assert "1 gradient is wrong: dx." in printed
    assert "backward was given" not in printed


def test_what_is_right_with_a_prediction_that_is_called_as_a_gradient_is_not_judged_before_it_is_said(check):
    text = """
class Squared:
    def forward(self, pred, target):
        return (pred - target) ** 2

    def backward(self, grad, target):
        return 2 * (grad - target)
"""
    status, printed = check(text)
    assert status == 2
    assert "it is right where its grad is pred, and wrong where that is the gradient of what forward returns" in printed
    status, printed = check(text.replace("grad", "y_pred"))
    assert status == 0, printed
    status, printed = check(text.replace("2 *", "3 *"))
    assert status == 1
    assert "1 gradient is wrong: dpred." in printed


@pytest.mark.parametrize("called", ["dinputs", "dinput", "grad_input", "input_grad"])
def test_the_gradient_of_inputs_is_that_of_what_a_layer_takes(check, called):
    text = f"""
class Tanh:
    def forward(self, x):
        self.output = np.tanh(x)

    def backward(self, dvalues):
        self.{called} = dvalues * (1 - self.output**2)
"""
    status, printed = check(text)
    assert status == 0, printed
    status, printed = check(text.replace("**2", ""), "--hints=3")
    assert status == 1
    assert f": self.{called} = dvalues * (1 - self.output ** 2)" in printed


def test_an_error_is_told(check):
    status, printed = check(SQUARED.replace("/ samples", "/ None"))
    assert status == 1
    assert "But backward is not right yet: it stops with an error." in printed


def test_a_prediction_that_is_written_into_is_told_by_its_name(check):
    status, printed = check(COMBINED.replace("dvalues.copy()", "dvalues"))
    assert status == 1
    assert "✓ right" in printed
    assert "But backward is not right yet: it changes dvalues, which it was given." in printed
