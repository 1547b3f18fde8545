"""What a backward pass takes beside its upstream gradient: results, arguments and values, by their names."""

import pytest

LOG_SUM = """
def softmax_fwd(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    s = e.sum(axis=1, keepdims=True)
    p = e / s
    return p, np.log(s[:, 0])

def softmax_bwd(dp, p):
    return p * (dp - (dp * p).sum(axis=1, keepdims=True))
"""
NORM = """
def l2norm_fwd(x):
    n = np.sqrt((x * x).sum(axis=1, keepdims=True))
    return x / n, n

def l2norm_bwd(dy, y, n):
    return (dy - y * (dy * y).sum(axis=1, keepdims=True)) / n
"""
FLASH = """
def attn_fwd(q, k, v):
    s = q @ k.T / np.sqrt(q.shape[1])
    m = s.max(axis=1)
    p = np.exp(s - m[:, None])
    l = p.sum(axis=1)
    return p @ v / l[:, None], m + np.log(l)

def attn_bwd(do, q, k, v, o, lse):
    p = np.exp(q @ k.T / np.sqrt(q.shape[1]) - lse[:, None])
    dv, dp = p.T @ do, do @ v.T
    ds = p * (dp - np.sum(do * o, axis=1)[:, None]) / np.sqrt(q.shape[1])
    return ds @ k, ds.T @ q, dv
"""
MISH = """
def mish_fwd(x):
    sp = np.log1p(np.exp(x))
    return x * np.tanh(sp), sp

def mish_bwd(dy, x):
    t = np.tanh(np.log1p(np.exp(x)))
    return dy * (t + x / (1 + np.exp(-x)) * (1 - t * t))
"""
IN_PLACE_OF = """
class ReLU:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, dx):
        return dx * self.mask
"""
HALVES = """
def rope_forward(q, k, cos, sin):
    d = q.shape[-1] // 2
    turned = lambda z: np.concatenate([-z[..., d:], z[..., :d]], axis=-1)
    return q * cos + turned(q) * sin, k * cos + turned(k) * sin

def rope_backward(dq, dk, cos, sin):
    d = dq.shape[-1] // 2
    back = lambda z: np.concatenate([z[..., d:], -z[..., :d]], axis=-1)
    return dq * cos + back(dq * sin), dk * cos + back(dk * sin)
"""
SIZED = """
from dataclasses import dataclass

@dataclass
class Dense:
    fan_in: int
    fan_out: int

    def __post_init__(self):
        self.weights = np.random.normal(size=(self.fan_in, self.fan_out))

    def forward(self, inputs):
        self._inputs = inputs
        return inputs @ self.weights

    def backward(self, grad_output):
        self.grad_weights = self._inputs.T @ grad_output
        return grad_output @ self.weights.T
"""
BY_NORM = """
class Linear:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, dy):
        dW, dx = self.x.T @ dy, dy @ self.W.T
        norm = np.linalg.norm(dW)
        if norm > 0.5:
            dW = dW * (0.5 / norm)
        self.dW = dW
        return dx
"""
EACH = BY_NORM.replace("norm = np.linalg.norm(dW)", "for g in (dW, dx):").replace(
    "        if norm > 0.5:\n            dW = dW * (0.5 / norm)\n", "            np.clip(g, -0.1, 0.1, out=g)\n"
)


@pytest.mark.parametrize("text", [BY_NORM, EACH])
def test_gradients_that_are_limited_are_judged_below_the_limit(check, text):
    status, printed = check(text)
    assert status == 0, printed
    assert "backward limits how large gradients are; of that nothing is judged" in " ".join(printed.split())
    status, printed = check(text.replace("self.x.T @ dy", "2 * self.x.T @ dy"))
    assert status == 1
    assert "1 gradient is wrong: dW." in printed


AT_ONE = """
class Softmax:
    def forward(self, x):
        self.x, self.exps = x, np.exp(x)
        return self.exps / self.exps.sum()

    def backprop(self, d_L_d_out):
        for i, gradient in enumerate(d_L_d_out):
            if gradient == 0:
                continue
            S = self.exps.sum()
            d_out_d_x = -self.exps[i] * self.exps / (S**2)
            d_out_d_x[i] = self.exps[i] * (S - self.exps[i]) / (S**2)
            return gradient * d_out_d_x
"""


def test_what_returns_at_the_first_number_that_is_not_0_is_judged_where_there_is_one(check):
    status, printed = check(AT_ONE, "--shapes", "x=7")
    assert status == 0, printed
    assert "backward passes over numbers of the upstream gradient that are 0" in printed
    status, printed = check(AT_ONE.replace("(S - self.exps[i])", "(S + self.exps[i])"), "--shapes", "x=7")
    assert status == 1
    assert "dx is wrong" in printed


@pytest.mark.parametrize(
    ("text", "right", "wrong"),
    [
        (LOG_SUM, "(dp * p)", "(dp + p)"),
        (NORM, "(dy - y", "(dy + y"),
        (FLASH, "ds.T @ q", "2 * ds.T @ q"),
        (FLASH, "do * o", "do * do"),
        (MISH, "- t * t", "- t"),
        (IN_PLACE_OF, "return dx * self.mask", "return dx"),
        (HALVES, "-z[..., :d]], axis=-1)\n    return dq", "z[..., :d]], axis=-1)\n    return dq"),
        (SIZED, "grad_output @ self", "2 * grad_output @ self"),
    ],
)
def test_what_is_taken_by_its_name_is_judged(check, text, right, wrong):
    status, printed = check(text)
    assert status == 0, printed
    assert text.count(right) == 1
    status, printed = check(text.replace(right, wrong))
    assert status == 1
    assert "is wrong" in printed


NEURON = """
class Neuron:
    def __init__(self, n_in, n_out):
        self.W, self.b = np.random.randn(n_in, n_out), np.zeros(n_out)

    def forward(self, x):
        self.x = x
        z = x @ self.W + self.b
        self.a = 1 / (1 + np.exp(-z))
        return self.a

    def backward(self, dz):
        self.dW = self.x.T @ dz
        self.db = dz.sum(axis=0)
        return dz @ self.W.T
"""


def test_what_is_called_as_the_gradient_of_a_value_on_the_way_is_not_held_against_it(check):
    status, printed = check(NEURON)
    assert status == 2
    assert "wrong here" not in printed
    assert "it is right where its dz is the gradient of z, as which it is called" in printed
    status, printed = check(NEURON.replace("dz.sum", "dz.mean"))
    assert status == 1
    assert "dz taken for the gradient of z" in printed
    assert "1 gradient is wrong: db." in printed
    assert "dz.mean stands where dz.sum is due" in printed


def test_an_upstream_gradient_that_is_called_as_that_of_another_value_may_become_that(check):
    text = NEURON.replace("        self.dW = ", "        dz = dz * self.a * (1 - self.a)\n        self.dW = ")
    status, printed = check(text)
    assert status == 0, printed
    assert check(text.replace("dz * self.a * (1", "dz * (1"))[0] == 1


WINDOWS = """
class Conv3x3:
    def __init__(self, num_filters):
        self.num_filters = num_filters
        self.filters = np.random.randn(num_filters, 3, 3) / 9

    def forward(self, input):
        self.last_input = input
        h, w = input.shape
        output = np.zeros((h - 2, w - 2, self.num_filters))
        for i in range(h - 2):
            for j in range(w - 2):
                output[i, j] = np.sum(input[i:i + 3, j:j + 3] * self.filters, axis=(1, 2))
        return output

    def backprop(self, d_L_d_out, {rate}):
        d_L_d_filters = np.zeros(self.filters.shape)
        h, w = self.last_input.shape
        for i in range(h - 2):
            for j in range(w - 2):
                for f in range(self.num_filters):
                    d_L_d_filters[f] += d_L_d_out[i, j, f] * self.last_input[i:i + 3, j:j + 3]
        self.filters -= {rate} * d_L_d_filters
"""


@pytest.mark.parametrize("rate", ["learn_rate", "lrate", "learningRate", "lr"])
def test_a_rate_is_a_number_whatever_word_is_before_it(check, rate):
    status, printed = check(WINDOWS.format(rate=rate), "--shapes", "input=6x10")
    assert status == 0, printed
    assert check(WINDOWS.format(rate=rate).replace("-= ", "+= "), "--shapes", "input=6x10")[0] == 1


def test_what_runs_for_one_example_alone_is_asked_for(check):
    text = """
class FCLayer:
    def __init__(self, input_size, output_size):
        self.weights = np.random.rand(input_size, output_size) - 0.5
        self.bias = np.random.rand(1, output_size) - 0.5

    def forward_propagation(self, input_data):
        self.input = input_data
        return np.dot(self.input, self.weights) + self.bias

    def backward_propagation(self, output_error, learning_rate):
        input_error = np.dot(output_error, self.weights.T)
        weights_error = np.dot(self.input.T, output_error)
        self.weights -= learning_rate * weights_error
        self.bias -= learning_rate * output_error
        return input_error
"""
    status, printed = check(text)
    assert status == 2
    assert "for 7 examples backward stops with an error, and for one it does not" in printed
    assert "--shapes input_data=1x5; then it is judged" in printed
    assert check(text, "--shapes", "input_data=1x5")[0] == 0
    assert check(text.replace("self.bias -=", "self.bias +="), "--shapes", "input_data=1x5")[0] == 1


REPARAMETERIZED = """
class Reparameterized:
    def forward(self, mu, logvar):
        self.mu, self.logvar = mu, logvar
        self.eps = np.random.randn(*mu.shape)
        self.std = np.exp(0.5 * logvar)
        self.kl = -0.5 * np.sum(1 + logvar - mu**2 - np.exp(logvar)) / len(mu)
        return mu + self.std * self.eps, self.kl

    def backward(self, dz, dkl=1.0):
        n = len(self.mu)
        dmu = dz + dkl * self.mu / n
        dlogvar = dz * self.eps * 0.5 * self.std + dkl * 0.5 * (np.exp(self.logvar) - 1) / n
        return dmu, dlogvar
"""


def test_an_upstream_gradient_with_a_default_is_that_of_a_further_result(check):
    status, printed = check(REPARAMETERIZED)
    assert status == 0, printed
    status, printed = check(REPARAMETERIZED.replace("dz + dkl * self.mu / n", "dz"))
    assert status == 1
    assert "1 gradient is wrong: dmu." in printed


def test_what_takes_more_than_there_is_of_a_gradient_is_refused(check):
    text = """
class GAN:
    def __init__(self, n_x=5):
        self.w = np.random.randn(n_x, 1)

    def forward_judge(self, x):
        self.z = x @ self.w
        self.a = 1 / (1 + np.exp(-self.z))
        return self.z, self.a

    def backward_judge(self, x_real, z_real, a_real, x_fake, z_fake, a_fake):
        dz_real = -1 / a_real * a_real * (1 - a_real)
        dz_fake = 1 / (1 - a_fake) * a_fake * (1 - a_fake)
        self.dw = x_real.T @ dz_real + x_fake.T @ dz_fake
"""
    status, printed = check(text)
    assert status == 2
    assert "wrong" not in printed
    assert "x_real" in printed
    assert "knows nothing" in printed


def test_what_has_no_gradient_at_a_value_on_the_way_is_no_reading_of_it(check):
    text = NEURON.replace("self.a = 1 / (1 + np.exp(-z))", "self.a = z + self.b").replace(
        "dz.sum(axis=0)", "2 * dz.mean(axis=0)"
    )
    text = text.replace("z = x @ self.W + self.b", "z = x @ self.W")
    status, printed = check(text)
    assert status == 1
    assert "1 gradient is wrong: db." in printed


LIMITED_LOSS = """
Wxh, Whh, Why = np.random.randn(6, 4), {scale} * np.random.randn(6, 6), np.random.randn(4, 6)

def lossFun(inputs, targets, hprev):
    xs, hs, ps, loss = {{}}, {{-1: np.copy(hprev)}}, {{}}, 0
    for t in range(len(inputs)):
        xs[t] = np.zeros((4, 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.maximum(0, Wxh @ xs[t] + Whh @ hs[t - 1])
        y = Why @ hs[t]
        e = np.exp(y - y.max())
        ps[t] = e / np.sum(e)
        loss += np.log(np.sum(e)) - (y - y.max())[targets[t], 0]
    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dhnext = np.zeros_like(hs[0])
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dWhy += dy @ hs[t].T
        dh = (Why.T @ dy + dhnext) * (hs[t] > 0)
        dWxh += dh @ xs[t].T
        dWhh += dh @ hs[t - 1].T
        dhnext = Whh.T @ dh
    for dparam in [dWxh, dWhh, dWhy]:
        np.clip(dparam, -5, 5, out=dparam)
    return loss, dWxh, dWhh, dWhy
"""


def test_gradients_of_a_loss_that_are_limited_are_judged_with_weights_at_which_they_are_not(check):
    status, printed = check(LIMITED_LOSS.format(scale=3))
    assert status == 0, printed
    assert "the weights are others than those of the file, so that they come to no limit" in printed
    for right, wrong in (("Whh.T @ dh", "Whh @ dh"), ("dWhy += dy", "dWhy += 2 * dy")):
        status, printed = check(LIMITED_LOSS.format(scale=3).replace(right, wrong))
        assert status == 1
        assert "wrong here" in printed
