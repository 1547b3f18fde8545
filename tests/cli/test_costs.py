"""A forward pass, a cost and a backward pass that are three functions or methods: the first two are judged as one."""

from __future__ import annotations

import pytest

COST = """
def compute_cost(A2, Y):
    m = Y.shape[1]
    logprobs = np.multiply(np.log(A2), Y) + np.multiply(np.log(1 - A2), 1 - Y)
    cost = float(np.squeeze(-np.sum(logprobs) / m))
    assert isinstance(cost, float)
    return cost
"""
NET = """
def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def forward_propagation(X, parameters):
    W1, b1 = parameters["W1"], parameters["b1"]
    W2, b2 = parameters["W2"], parameters["b2"]
    A1 = np.tanh(np.dot(W1, X) + b1)
    A2 = sigmoid(np.dot(W2, A1) + b2)
    assert A2.shape == (1, X.shape[1])
    return A2, {"A1": A1, "A2": A2}

def backward_propagation(parameters, cache, X, Y):
    m = X.shape[1]
    A1, A2 = cache["A1"], cache["A2"]
    dZ2 = A2 - Y
    dW2 = 1 / m * np.dot(dZ2, A1.T)
    db2 = 1 / m * np.sum(dZ2, axis=1, keepdims=True)
    dZ1 = np.dot(parameters["W2"].T, dZ2) * (1 - np.power(A1, 2))
    dW1 = 1 / m * np.dot(dZ1, X.T)
    db1 = 1 / m * np.sum(dZ1, axis=1, keepdims=True)
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}
"""
SCORES = """
def softmax_forward(x, w):
    z = x @ w
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p

def cross_entropy(predicted, targets):
    return -np.sum(targets * np.log(predicted)) / len(targets)

def softmax_backward(p, y, x):
    return {"dw": x.T @ ((p - y) / len(y))}
"""
DECAY = """
def net_forward(X, w, b):
    A = X @ w + b
    return A, (X, w)

def squares_cost(A, Y, w, lambd):
    return np.sum((A - Y) ** 2) / len(Y) + lambd / 2 * np.sum(w**2)

def plain_cost(A, Y):
    return np.sum((A - Y) ** 2) / len(Y)

def net_backward(A, Y, cache, lambd):
    X, w = cache
    dA = 2 * (A - Y) / len(Y)
    return {"dw": X.T @ dA + lambd * w, "db": dA.sum(axis=0)}
"""
MEAN = """
def mean_cost(A2, Y):
    return np.mean((A2 - Y) ** 2)
"""
TRAIN = """
def train(X, Y, parameters):
    A2, cache = forward_propagation(X, parameters)
    print(compute_cost(A2, Y))
    return backward_propagation(parameters, cache, X, Y)
"""

RIGHT = {
    "labels in the cost": (NET + COST, "compute_cost after it, as backward takes Y;"),
    "two costs, one used": (NET + MEAN + COST + TRAIN, "compute_cost after it, as backward takes Y;"),
    "labels of another name": (SCORES, "cross_entropy after it, as backward takes y;"),
    "weight decay": (DECAY, "squares_cost after it, as backward takes Y and lambd;"),
}


@pytest.mark.parametrize(("text", "said"), RIGHT.values(), ids=RIGHT)
def test_a_cost_whose_labels_the_backward_pass_takes_is_judged_with_the_forward_pass(check, text, said):
    status, printed = check(text)
    assert status == 0
    assert said in printed


WRONG = {
    "no mean": (NET + COST, "dW1 = 1 / m *", "dW1 =", "dW1 is wrong"),
    "another slope": (NET + COST, "(1 - np.power(A1, 2))", "(1 - A1)", "db1 is wrong"),
    "another sign": (NET + COST, "A2 - Y", "Y - A2", "db2 is wrong"),
    "not divided": (SCORES, "((p - y) / len(y))", "(p - y)", "dw is wrong"),
    "decay twice": (DECAY, "+ lambd * w", "+ 2 * lambd * w", "dw is wrong"),
}


@pytest.mark.parametrize(("text", "line", "mistake", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_of_both_is_told(check, text, line, mistake, said):
    assert line in text
    status, printed = check(text.replace(line, mistake))
    assert status == 1
    assert said in printed


UNKNOWN = {"no cost": NET, "two costs": NET + COST + MEAN, "a cost of something else": NET + COST.replace("Y", "rate")}


@pytest.mark.parametrize("text", UNKNOWN.values(), ids=UNKNOWN)
def test_without_exactly_one_cost_that_takes_them_nothing_is_judged(check, text):
    status, printed = check(text)
    assert status == 2
    assert "the backward pass of propagation takes Y, of which the forward pass knows nothing" in printed


NETWORK = """
class Network:
    def __init__(self, input_size=784, hidden_size=64, output_size=10, lr=0.1):
        self.W1, self.b1 = np.random.randn(input_size, hidden_size), np.zeros((1, hidden_size))
        self.W2, self.b2 = np.random.randn(hidden_size, output_size), np.zeros((1, output_size))
        self.lr = lr

    def forward(self, X):
        self.a1 = np.maximum(0, X @ self.W1 + self.b1)
        z2 = self.a1 @ self.W2 + self.b2
        e = np.exp(z2 - z2.max(axis=1, keepdims=True))
        self.a2 = e / e.sum(axis=1, keepdims=True)
        return self.a2

    def compute_loss(self, y_true, y_pred):
        return -np.sum(y_true * np.log(y_pred + 1e-9)) / y_true.shape[0]

    def backward(self, X, y):
        m = X.shape[0]
        dz2 = self.a2 - y
        dW2 = self.a1.T @ dz2 / m
        db2 = dz2.sum(axis=0, keepdims=True) / m
        dz1 = dz2 @ self.W2.T * (self.a1 > 0)
        dW1 = X.T @ dz1 / m
        db1 = dz1.sum(axis=0, keepdims=True) / m
        for p, d in ((self.W1, dW1), (self.b1, db1), (self.W2, dW2), (self.b2, db2)):
            p -= self.lr * d
"""
OF_ITSELF = NETWORK.replace("compute_loss(self, y_true, y_pred):", "compute_loss(self, X, y):").replace(
    "-np.sum(y_true * np.log(y_pred + 1e-9)) / y_true.shape[0]",
    "-np.sum(y * np.log(self.forward(X) + 1e-9)) / y.shape[0]",
)
APART = "def cross_entropy(p, y):\n    return -np.sum(y * np.log(p)) / len(y)\n" + NETWORK.replace(
    "compute_loss", "show"
)


@pytest.mark.parametrize("text", [NETWORK, OF_ITSELF, APART], ids=["a method", "of the inputs", "a function"])
def test_the_cost_of_a_class_is_a_method_or_a_function(check, text):
    status, said = check(text)
    assert status == 0, said
    for right, wrong in (
        ("self.a2 - y\n", "y - self.a2\n"),
        ("X.T @ dz1 / m", "X.T @ dz1"),
        (" * (self.a1 > 0)", ""),
        ("p -= self.lr", "p += self.lr"),
    ):
        assert text.count(right) == 1
        status, said = check(text.replace(right, wrong))
        assert status == 1
        assert text == OF_ITSELF or "labels one-hot" in said


HELD = """
import numpy as np

class Network:
    def __init__(self, X, Y, n_h=4, lr=0.5, reg=0.1):
        self.X, self.Y, self.lr, self.reg = X, Y, lr, reg
        self.W1 = np.random.randn(n_h, X.shape[0]) * 0.01
        self.W2 = np.random.randn(Y.shape[0], n_h) * 0.01
        self.b2 = np.zeros((Y.shape[0], 1))

    def forward(self):
        self.A1 = np.tanh(self.W1 @ self.X)
        self.A2 = 1 / (1 + np.exp(-(self.W2 @ self.A1 + self.b2)))
        return self.A2

    def cost(self):
        m = self.X.shape[1]
        return -np.sum(self.Y * np.log(self.A2) + (1 - self.Y) * np.log(1 - self.A2)) / m

    def backward(self):
        m = self.X.shape[1]
        dZ2 = self.A2 - self.Y
        self.dW2 = dZ2 @ self.A1.T / m
        self.db2 = np.sum(dZ2, axis=1, keepdims=True) / m
        dZ1 = self.W2.T @ dZ2 * (1 - self.A1**2)
        self.dW1 = dZ1 @ self.X.T / m
"""
UPDATED = HELD.replace("def backward(self)", "def backward(self, lr)") + "        self.W1 -= lr * self.dW1\n"
CALLED_LOSS = HELD.replace("def cost", "def loss")
RUNS_IT = HELD.replace("        return -np.sum", "        self.forward()\n        return -np.sum")
DECAYS = HELD.replace("Y) * np.log(1 - self.A2)) / m", "Y) * np.log(1 - self.A2)) / m + self.reg * np.sum(self.W1**2)")
DECAYS = DECAYS.replace("@ self.X.T / m", "@ self.X.T / m + 2 * self.reg * self.W1")
INPUTS_APART = HELD.replace("def forward(self):", "def forward(self, X):\n        self.X = X")
INPUTS_APART = INPUTS_APART.replace("self, X, Y, n_h=4", "self, n_x, Y, n_h=4").replace("X.shape[0]) *", "n_x) *")
INPUTS_APART = INPUTS_APART.replace("self.X, self.Y, self.lr", "self.Y, self.lr").replace(" = X, Y, lr", " = Y, lr")

OF_OBJECT = {
    "labels in the object": (HELD, "cost after it, as backward reads self.Y;"),
    "a step's size is given": (UPDATED, "cost after it, as backward reads self.Y;"),
    "called as passes may be": (CALLED_LOSS, "loss after it, as backward reads self.Y;"),
    "runs the forward pass": (RUNS_IT, "cost after it, as backward reads self.Y;"),
    "weight decay": (DECAYS, "cost after it, as backward reads self.Y and self.reg;"),
    "inputs are given": (INPUTS_APART, "cost after it, as backward reads self.Y;"),
}


@pytest.mark.parametrize(("text", "said"), OF_OBJECT.values(), ids=OF_OBJECT)
def test_a_cost_without_arguments_is_of_the_labels_in_its_object(check, text, said):
    status, printed = check(text)
    assert status == 0, printed
    assert said in " ".join(printed.split())
    for right, wrong in (("self.A2 - self.Y", "self.Y - self.A2"), ("(1 - self.A1**2)", "(1 - self.A1)")):
        assert text.count(right) == 1
        status, printed = check(text.replace(right, wrong))
        assert status == 1
        assert "dW1 is wrong" in printed or "dW1: it follows" in printed, printed


@pytest.mark.parametrize(
    "text",
    [
        HELD.replace("def cost", "def show"),
        HELD + "\n    def loss(self):\n        return np.mean((self.A2 - self.Y) ** 2)\n",
        HELD.replace("def cost(self)", "def cost(self, weights_of_classes)"),
    ],
    ids=["no cost", "two costs", "a cost that takes something else"],
)
def test_of_labels_in_an_object_without_exactly_one_cost_nothing_is_judged(check, text):
    status, printed = check(text)
    assert status == 2
    assert "backward of Network reads self.Y, of which forward knows nothing" in " ".join(printed.split())


ADDED = """
class NeuralNetwork:
    def __init__(self, x, y):
        self.input, self.y = x, y
        self.weights1 = np.random.rand(x.shape[1], 4)
        self.weights2 = np.random.rand(4, 1)

    def feedforward(self):
        self.layer1 = 1 / (1 + np.exp(-np.dot(self.input, self.weights1)))
        self.output = 1 / (1 + np.exp(-np.dot(self.layer1, self.weights2)))

    def loss(self):
        return np.sum((self.y - self.output) ** 2)

    def backprop(self):
        delta = 2 * (self.y - self.output) * self.output * (1 - self.output)
        d_weights2 = np.dot(self.layer1.T, delta)
        d_weights1 = np.dot(self.input.T, np.dot(delta, self.weights2.T) * self.layer1 * (1 - self.layer1))
        self.weights1 += d_weights1
        self.weights2 += d_weights2
"""


def test_gradients_of_the_other_sign_that_are_added_are_not_called_wrong(check):
    status, printed = check(ADDED)
    assert status == 1
    assert "is wrong" not in printed
    assert "it is -1 times the gradient of weights2, and weights2 goes down by" in " ".join(printed.split())


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("weights1 += ", "weights1 -= "), ("(self.y - self.output) * self.output", "(self.y - self.output)")],
    ids=["one goes up", "another gradient"],
)
def test_what_is_added_and_no_gradient_of_the_other_sign_is_wrong(check, right, wrong):
    status, printed = check(ADDED.replace(right, wrong))
    assert status == 1
    assert "is wrong" in printed


AUTOENCODER = """
def sigmoid(z):
    return 1 / (1 + np.exp(-z))

class Autoencoder:
    def __init__(self, n_in, n_hidden):
        self.W1, self.W2 = np.random.randn(n_in, n_hidden), np.random.randn(n_hidden, n_in)

    def forward(self, X):
        self.a1 = sigmoid(X @ self.W1)
        return sigmoid(self.a1 @ self.W2)

    def compute_loss(self, X, X_hat):
        return np.sum((X - X_hat) ** 2) / (2 * X.shape[0])

    def backward(self, X, X_hat):
        d2 = (X_hat - X) * X_hat * (1 - X_hat) / X.shape[0]
        dW2 = self.a1.T @ d2
        d1 = d2 @ self.W2.T * self.a1 * (1 - self.a1)
        dW1 = X.T @ d1
        self.W1 -= 0.1 * dW1
        self.W2 -= 0.1 * dW2
"""


def test_a_cost_that_takes_the_result_comes_after_the_forward_pass(check):
    status, printed = check(AUTOENCODER)
    assert status == 0, printed
    assert "and compute_loss after it, as backward takes X_hat" in printed
    for right, wrong in (("(1 - X_hat)", "(1 + X_hat)"), ("X.T @ d1", "2 * X.T @ d1"), ("(X_hat - X)", "(X - X_hat)")):
        status, printed = check(AUTOENCODER.replace(right, wrong))
        assert status == 1
        assert "wrong here" in printed
