"""Derivatives: functions and methods that give the slope of others, and take no upstream gradient."""

from __future__ import annotations

import pytest

SIGMOID = "def sigmoid(x):\n    return 1 / (1 + np.exp(-x))\n\n"
RIGHT = {
    "of the input": (
        f"{SIGMOID}def sigmoid_prime(z):\n    return sigmoid(z) * (1 - sigmoid(z))",
        "the x of sigmoid as its z",
    ),
    "of the output": (f"{SIGMOID}def d_sigmoid(s):\n    return s * (1 - s)", "what sigmoid returns as its s"),
    "of the output, called as the input": (
        f"{SIGMOID}def sigmoid_derivative(x):\n    return x * (1 - x)",
        "what sigmoid returns as its x",
    ),
    "written together, of truth values": (
        "def relu(x):\n    return (x > 0) * x\n\ndef relu2deriv(output):\n    return output > 0",
        "what relu returns",
    ),
    "of whole numbers": (
        "def ReLU(Z):\n    return np.maximum(Z, 0)\n\ndef ReLUPrime(Z):\n    return np.where(Z > 0, 1, 0)",
        "the Z of ReLU",
    ),
    "a number for all": ("def linear(x):\n    return 2 * x\n\ndef linear_deriv(x):\n    return 2", "the x of linear"),
    "one number": (
        "def cube(x):\n    return x**3 if x > -9 else x\n\ndef dcube(x):\n    return 3 * x**2 if x > -9 else 1",
        "the x of cube",
    ),
    "with a setting": (
        "def elu(x, alpha=1.0):\n    return np.where(x > 0, x, alpha * (np.exp(x) - 1))\n\n"
        "def grad_elu(x, alpha=1.0):\n    return np.where(x > 0, 1, alpha * np.exp(x))",
        "the x of elu",
    ),
    "of an argument called as a stride": (
        "class Net:\n    def tanh(self, s):\n        return np.tanh(s)\n\n"
        "    def tanhPrime(self, s):\n        return 1 - s**2",
        "what tanh returns",
    ),
    "static methods": (
        "class Act:\n    @staticmethod\n    def softplus(x):\n        return np.log(1 + np.exp(x))\n\n"
        "    @staticmethod\n    def derivative_of_softplus(x):\n        return 1 / (1 + np.exp(-x))",
        "the x of softplus",
    ),
    "the function that a class is": (
        "class Tanh:\n    def fn(self, z):\n        return np.tanh(z)\n\n    def __call__(self, z):\n"
        "        return self.fn(z)\n\n    def grad(self, x):\n        return 1 - np.tanh(x) ** 2",
        "the z of fn as its x",
    ),
    "lambdas": ("square = lambda x: x**2\nsquare_prime = lambda x: 2 * x", "the x of square"),
    "a loss": (
        "def mse(y_true, y_pred):\n    return np.mean((y_true - y_pred) ** 2)\n\n"
        "def mse_prime(y_true, y_pred):\n    return 2 * (y_pred - y_true) / y_true.size",
        "dy_pred",
    ),
    "a loss whose arguments have other names": (
        "def cost(a, y):\n    return 0.5 * np.sum((a - y) ** 2)\n\n"
        "def cost_derivative(output_activations, y):\n    return output_activations - y",
        "the a of cost as its output_activations",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", RIGHT)
def test_right_ones_are_right_and_what_they_take_is_said(check, kind):
    text, said = RIGHT[kind]
    found, printed = check(text)
    assert found == 0, printed
    assert "The gradient is right." in printed
    assert said in printed
    assert "upstream gradient" not in printed


@pytest.mark.parametrize(
    ("kind", "old", "new", "line"),
    [
        ("of the input", "(1 - sigmoid(z))", "(1 + sigmoid(z))", "sigmoid(z) * (1 - sigmoid(z))"),
        ("of the output", "(1 - s)", "(1 + s)", "s * (1 - s)"),
        ("of the output, called as the input", "(1 - x)", "(2 - x)", "x * (1 - x)"),
        ("of whole numbers", "Z > 0, 1, 0", "Z > 0, Z, 0", "/ Z"),
        ("a number for all", "return 2\n", "return 3\n", ""),
        ("with a setting", "1, alpha * np.exp(x)", "1, np.exp(-x)", ""),
        ("of an argument called as a stride", "1 - s**2", "1 - s", "1 - s ** 2"),
        ("static methods", "1 / (1 + np.exp(-x))", "1 / (1 + np.exp(x))", "1 / (1 + np.exp(-x))"),
        ("the function that a class is", "1 - np.tanh(x) ** 2", "1 - np.tanh(x)", "1 - np.tanh(x) ** 2"),
        ("a loss", "y_pred - y_true", "y_true - y_pred", "y_pred - y_true"),
        ("a loss whose arguments have other names", "activations - y", "activations + y", "output_activations - y"),
    ],
)
def test_wrong_ones_are_wrong_in_the_reading_that_is_meant(check, kind, old, new, line):
    text = f"{RIGHT[kind][0]}\n"
    assert old in text
    found, printed = check(text.replace(old, new), "--hints", "3")
    assert found == 1, printed
    assert "wrong here" in printed
    assert line in printed.partition("the fix")[2]


def test_a_slope_that_is_one_number_is_that_of_each_element(check):
    found, printed = check(f"{RIGHT['a number for all'][0]}\n")
    assert found == 0
    assert "x (7, 5)" in printed


def test_the_slope_of_what_mixes_elements_is_refused(check):
    found, printed = check(
        "def softmax(x):\n    e = np.exp(x)\n    return e / e.sum(axis=-1, keepdims=True)\n\n"
        "def softmax_derivative(s):\n    return s * (1 - s)\n"
    )
    assert found == 2
    assert "each number that softmax returns depends on several of x" in printed


def test_one_is_asked_for_by_its_own_name_and_by_that_of_its_class(check):
    of_class = RIGHT["static methods"][0]
    for name in ("Act.softplus", "Act.derivative_of_softplus"):
        found, printed = check(of_class, name=name)
        assert found == 0, printed


LAYER = """
def relu(z):
    return np.maximum(z, 0)

def slope_of_relu(z, leak=0.0):
    return np.where(z > 0, 1.0, leak)

def dense_forward(x, w):
    z = x @ w
    return relu(z), (x, w, z)

def dense_backward(dout, cache):
    x, w, z = cache
    dz = dout * slope_of_relu(z)
    return dz @ w.T, x.T @ dz
"""


def test_what_layers_call_is_judged_beside_them(check):
    found, printed = check(LAYER)
    assert found == 0, printed
    assert ":relu" in printed
    assert ":dense" in printed
    found, printed = check(LAYER.replace("1.0, leak", "1.0, 1.0"))
    assert found == 1
    assert "1 gradient is wrong: dz" in printed


def test_what_is_right_as_layers_use_it_is_not_held_against_them(check):
    odd = LAYER.replace("z > 0, 1.0", "z > 0, 2.0").replace("slope_of_relu(z)\n", "slope_of_relu(z) / 2\n")
    assert odd != LAYER
    found, printed = check(odd)
    assert found == 0, printed
    assert "wrong" not in printed


@pytest.mark.parametrize(
    ("rest", "named"),
    [
        ("def train(x, y):\n    return (x - y) * sigmoid_prime(x)", "train"),
        ("class Net:\n    def fit(self, x, y):\n        return (x - y) * sigmoid_prime(x)", "Net.fit"),
        ("for _ in range(2):\n    step = sigmoid_prime(np.ones(2))", "the loop in line"),
        ("def tanh_grad(y):\n    return 1 - y", "tanh_grad"),
        ("class Net:\n    def get_input_grad(self, y, g):\n        return g * y", "Net.get_input_grad"),
        ("class Net:\n    def back_prop(self, x, y):\n        self.step = x - y", "Net.back_prop"),
        ("class Net:\n    def fit(self, x, y):\n        dw = x.T @ (x @ self.w - y)\n        self.w -= dw", "Net.fit"),
        (
            "def descend(x, y, w):\n    for _ in range(9):\n        grad = np.mean(x * w - y)\n        w -= grad",
            "descend",
        ),
        ("def computeGradients(x, y):\n    return x * y", "computeGradients"),
        ("def train(x, w):\n    output_delta = (x - 1) * x\n    w -= 0.1 * x.T @ output_delta", "train"),
        ("def main(p, y):\n    grad = p.copy()\n    grad[np.arange(64), y] -= 1\n    return grad", "main"),
        ("def fit(x, n):\n    dscores = x.copy()\n    dscores /= n", "fit"),
        ("class MLP:\n    def step(self, x, g):\n        gW1 = x.T @ g\n        self.W1 -= gW1", "MLP.step"),
        ("def optimize(w, dw, learning_rate):\n    w = w + learning_rate * dw\n    return w", "optimize"),
        ("class SGD:\n    def update(self, p, g, lr):\n        p['w'] += lr * g['w']", "SGD.update"),
        ("def fit(w, grad, lr):\n    w -= -lr * grad", "fit"),
        ("def update(w, nabla, eta):\n    return [x + eta * nw for x, nw in zip(w, nabla)]", "update"),
        ("def sgd(w, dw, config):\n    return w + config['learning_rate'] * dw", "sgd"),
        ("def descend(X, y, theta, alpha, m):\n    theta = theta - (alpha / m) * X.T @ (X @ theta - y)", "descend"),
        ("class SVM:\n    def fit(self, x, y, lr):\n        self.w -= lr * (0.2 * self.w - x * y)", "SVM.fit"),
        ("def train(net, g):\n    for layer in net:\n        g = layer.backward(g)", "train"),
        ("def train(net, g):\n    for i in range(len(net)):\n        g = net[i].backward(g)", "train"),
        (
            "def train(a, b, x, g):\n    y = b.forward(a.forward(x))\n    return b.backward(a.backward(g)), y",
            "train",
        ),
    ],
)
def test_what_belongs_to_no_layer_is_named(check, rest, named):
    found, printed = check(f"{RIGHT['of the input'][0]}\n\n{rest}\n")
    assert found == 1, printed
    assert f"{named}" in printed.partition("The gradient is right.")[2]
    assert "was not judged: " in printed


DENSE = """
class Dense:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, dout):
        self.dW = self._of_weights(dout)
        return dout @ self.W.T

    def _of_weights(self, dout):
        dW = self.x.T @ dout
        return dW
"""


@pytest.mark.parametrize(
    ("method", "named"),
    [
        ("def accumulate(self, dout):\n        dW = self.x.T @ dout\n        self.dW += dW", "Dense.accumulate"),
        ("def input_grad(self, dout):\n        return 2 * dout @ self.W.T", "Dense.input_grad"),
        (
            "def l2(self, lam):\n        return 0.5 * lam * np.sum(self.W**2)\n\n"
            "    def l2_grad(self, lam):\n        return lam * self.W",
            "Dense.l2_grad",
        ),
        ("def update(self, rate):\n        self.W -= rate * self.dW", ""),
        ("def step(self, x, g):\n        self.forward(x)\n        self.backward(g)", ""),
    ],
)
def test_what_a_class_computes_besides_its_passes_is_named(check, method, named):
    found, printed = check(f"{DENSE}\n    {method}\n")
    assert found == (1 if named else 0), printed
    assert "wrong" not in printed
    assert printed.count("was not judged: ") == (1 if named else 0)
    assert f"{named} was not judged: " in printed or not named


@pytest.mark.parametrize(
    "rest",
    [
        "def test_sigmoid_prime():\n    assert sigmoid_prime(0.0) == 0.25",
        "def clip_grad(g):\n    return np.clip(g, -1, 1)",
        "def train(net, x, y):\n    for _ in range(2):\n        grads = net.backward(x)\n        net.step(grads)",
        "def clipGradients(g, most):\n    return g / most",
        "def gradient_descent(x, g, rate):\n    return x - rate * g",
        "def optimize(w, dw, learning_rate):\n    w = w - learning_rate * dw\n    return w",
        "class SGD:\n    def update(self, p, g, lr):\n        p['w'] += -lr * g['w']",
        "def update(w, nabla, eta):\n    return [x - eta * nw for x, nw in zip(w, nabla)]",
        "def sgd(w, dw, config):\n    return w - config['learning_rate'] * dw",
        "def euler(x, slope, rate):\n    return x + rate * slope",
        "class Adam:\n    def update(self, p, m, v, lr):\n        p -= lr * m / (np.sqrt(v) + 1e-8)",
        "class SGD:\n    def step(self, p, lr):\n        p.data -= lr * (p.grad + self.weight_decay * p.data)",
        "def mini_batch(w, dw, n, eta):\n    nabla = dw + dw\n    w -= (eta / n) * nabla",
        "def train(net, g):\n    for layer in reversed(net):\n        g = layer.backward(g)",
        "def train(net, g):\n    for i in range(len(net) - 1, -1, -1):\n        g = net[i].backward(g)",
        "def train(a, b, x, g):\n    y = b.forward(a.forward(x))\n    return a.backward(b.backward(g)), y",
        "def train(net, loss, x, y):\n    for _ in range(9):\n        loss.forward(net.forward(x), y)\n"
        "        net.backward(loss.backward())",
        "class Net:\n    def zero_grad(self, like):\n        self.grad = 0 * like",
        "class Net:\n    def get_grads(self):\n        return 2 * self.grad",
        "def d_loss(real, fake):\n    return real - fake\n\ndef loss(x):\n    return np.sum(x**2)",
        "def dot(a, b):\n    return a @ b\n\ndef t(x):\n    return x + 1",
    ],
)
def test_what_is_only_called_alike_is_no_derivative(check, rest):
    found, printed = check(f"{RIGHT['of the input'][0]}\n\n{rest}\n")
    assert found == 0, printed
    assert printed.count("The gradient is right.") == 1


def test_an_output_and_a_slope_that_are_called_alike_are_judged(check):
    text = """
def sigmoid(x):
    s = 1 / (1 + np.exp(-x))
    return s

def sigmoid_grad(s):
    ds = {}
    return ds
"""
    assert check(text.format("s * (1 - s)"))[0] == 0
    found, printed = check(text.format("s * (1 + s)"))
    assert found == 1
    assert "ds = s * (1 + s)" in printed


def test_an_abstract_base_of_static_passes_is_no_layer(check):
    found, printed = check(
        "class Function:\n    @staticmethod\n    def forward(ctx, *args):\n        raise NotImplementedError\n\n"
        "    @staticmethod\n    def backward(ctx, *grads):\n        raise NotImplementedError\n\n"
        "class Square(Function):\n    @staticmethod\n    def forward(ctx, x):\n"
        "        ctx.save_for_backward(x)\n        return x * x\n\n"
        "    @staticmethod\n    def backward(ctx, dy):\n        (x,) = ctx.saved_tensors\n        return 2 * x * dy\n"
    )
    assert found == 0, printed
    assert "Function" not in printed


@pytest.mark.parametrize(
    ("derivative", "due"),
    [
        ("def relu_deriv(x):\n    return x >= -1", "return x > 0"),
        ("def tanh_derivative(y):\n    return y * 3 - y ** 3", "return 1 - np.square(y)"),
        ("def softplus_grad(z):\n    d = z * 3 + 7\n    return d", "return 1 / (1 + np.exp(-z))"),
        ("def softplus_grad(x):\n    d = np.exp(x) * 3 + x\n    return d", "return 1 / (1 + np.exp(-x))"),
    ],
)
def test_what_is_due_in_a_derivative_has_no_upstream_gradient(check, derivative, due):
    text = """
def relu(x):
    return np.maximum(x, 0)

def tanh(x):
    return np.tanh(x)

def softplus(x):
    return np.log(1 + np.exp(x))

"""
    status, printed = check(f"{text}{derivative}\n", "--hints=3")
    assert status == 1
    assert f"3 the fix   {due}\n" in printed
    assert "dout" not in printed


def test_no_fix_takes_what_a_function_returns_for_what_it_takes(check):
    text = """
def softplus(x):
    return np.log(1 + np.exp(x))

def softplus_grad(x):
    d = x * 3 + 1
    return d
"""
    _, printed = check(text, "--hints=3")
    assert "softplus_grad takes what softplus returns as its x" in printed
    assert "3 the fix" not in printed
