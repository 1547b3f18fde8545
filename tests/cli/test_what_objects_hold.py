"""Parameters in dictionaries, lists and objects of their own, and those of layers within layers, are judged."""

from __future__ import annotations

import numpy as np
import pytest

from micrograd_tensor.cli.held import kept, places

LINEAR = """
class Linear:
    def __init__(self, n_in, n_out):
        self.W, self.b = np.random.randn(n_in, n_out), np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T
"""
FILES = {
    "parameters with data and grad": (
        """
class Parameter:
    def __init__(self, data):
        self.data, self.grad = data, np.zeros_like(data)

class Linear:
    def __init__(self, n_in, n_out):
        self.weight, self.bias = Parameter(np.random.randn(n_in, n_out)), Parameter(np.zeros(n_out))

    def forward(self, x):
        self.x = x
        return x @ self.weight.data + self.bias.data

    def backward(self, grad_output):
        self.weight.grad += self.x.T @ grad_output
        self.bias.grad += grad_output.sum(axis=0)
        return grad_output @ self.weight.data.T
""",
        ["self.x.T @ grad", "grad_output.sum(axis=0)", "grad_output @ self"],
    ),
    "parameters in a list": (
        """
class P:
    def __init__(self, value):
        self.value, self.grad = value, None

class Linear:
    def __init__(self, n_in, n_out):
        self.params = [P(np.random.randn(n_in, n_out)), P(np.zeros(n_out))]

    def forward(self, x):
        self.x = x
        return x @ self.params[0].value + self.params[1].value

    def backward(self, dout):
        self.params[0].grad = self.x.T @ dout
        self.params[1].grad = dout.sum(axis=0)
        return dout @ self.params[0].value.T
""",
        ["self.x.T @ dout", "dout.sum(axis=0)"],
    ),
    "a net of layers in a list": (
        LINEAR
        + """
class Net:
    def __init__(self, n_in, n_hidden, n_out):
        self.layers = [Linear(n_in, n_hidden), Linear(n_hidden, n_out)]

    def forward(self, x):
        for layer in self.layers:
            x = np.tanh(layer.forward(x))
        self.out = x
        return x

    def backward(self, dout):
        dz = dout * (1 - self.out**2)
        dh = self.layers[1].backward(dz)
        return self.layers[0].backward(dh * (1 - self.layers[1].x**2))
""",
        ["self.x.T @ dout", "dh * (1", "dout.sum(axis=0)"],
    ),
    "layers in attributes and in a dictionary": (
        LINEAR
        + """
class Net:
    def __init__(self, n_in, n_hidden, n_out):
        self.first, self.rest = Linear(n_in, n_hidden), {"last": Linear(n_hidden, n_out)}

    def forward(self, x):
        return self.rest["last"].forward(self.first.forward(x))

    def backward(self, dout):
        return self.first.backward(self.rest["last"].backward(dout))
""",
        ["self.x.T @ dout", "self.first.backward(self"],
    ),
    "weights in lists": (
        """
class Net:
    def __init__(self, sizes=(5, 4, 3)):
        self.weights = [np.random.randn(n, m) for n, m in zip(sizes[:-1], sizes[1:])]
        self.biases = [np.zeros(m) for m in sizes[1:]]

    def forward(self, x):
        self.acts = [x]
        for w, b in zip(self.weights, self.biases):
            self.acts.append(np.tanh(self.acts[-1] @ w + b))
        return self.acts[-1]

    def backward(self, dout):
        self.dweights, self.dbiases = [None] * len(self.weights), [None] * len(self.weights)
        for k in reversed(range(len(self.weights))):
            dz = dout * (1 - self.acts[k + 1] ** 2)
            self.dweights[k] = self.acts[k].T @ dz
            self.dbiases[k] = dz.sum(axis=0)
            dout = dz @ self.weights[k].T
        return dout
""",
        ["self.acts[k].T @ dz", "dz.sum(axis=0)", "dz @ self"],
    ),
    "gradients in lists of other names": (
        """
class Net:
    def __init__(self, sizes=(5, 4, 3)):
        self.weights = [np.random.randn(n, m) for n, m in zip(sizes[:-1], sizes[1:])]
        self.biases = [np.random.randn(1, m) for m in sizes[1:]]

    def forward(self, x):
        self.acts = [x]
        for w, b in zip(self.weights, self.biases):
            self.acts.append(np.tanh(self.acts[-1] @ w + b))
        return self.acts[-1]

    def backward(self, delta):
        self.grad_w, self.grad_b = [None] * len(self.weights), [None] * len(self.weights)
        for k in reversed(range(len(self.weights))):
            delta = delta * (1 - self.acts[k + 1] ** 2)
            self.grad_w[k] = self.acts[k].T @ delta
            self.grad_b[k] = delta.sum(axis=0, keepdims=True)
            delta = delta @ self.weights[k].T
        return delta
""",
        ["self.acts[k].T @ delta", "delta.sum(axis=0, keepdims=True)", "delta @ self"],
    ),
    "sizes by default, and updates": (
        """
class Dense:
    def __init__(self, n_in=4, n_out=3, lr=1e-2):
        self.W, self.b, self.lr = np.random.randn(n_in, n_out), np.zeros(n_out), lr
        self.velocity = np.zeros_like(self.W)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, grad):
        self.dW = self.x.T @ grad
        self.db = grad.sum(axis=0)
        dx = grad @ self.W.T
        self.velocity = 0.9 * self.velocity - self.lr * self.dW
        self.W += self.velocity
        self.b -= self.lr * self.db
        return dx
""",
        ["self.x.T @ grad", "grad.sum(axis=0)", "grad @ self"],
    ),
    "channels by default": (
        """
class InstanceNorm:
    def __init__(self, channels=3):
        self.gamma, self.beta = np.ones(channels), np.zeros(channels)

    def forward(self, x):
        self.istd = 1 / np.sqrt(x.var(axis=(2, 3), keepdims=True) + 1e-5)
        self.xhat = (x - x.mean(axis=(2, 3), keepdims=True)) * self.istd
        return self.gamma[None, :, None, None] * self.xhat + self.beta[None, :, None, None]

    def backward(self, grad):
        self.dgamma = np.sum(grad * self.xhat, axis=(0, 2, 3))
        self.dbeta = np.sum(grad, axis=(0, 2, 3))
        d = grad * self.gamma[None, :, None, None]
        mean = d.mean(axis=(2, 3), keepdims=True)
        return self.istd * (d - mean - self.xhat * (d * self.xhat).mean(axis=(2, 3), keepdims=True))
""",
        ["np.sum(grad * self", "np.sum(grad, axis", "self.istd * (d"],
    ),
    "a layer that does nothing": (
        """
class Same:
    def forward(self, x):
        return x

    def backward(self, dout):
        return dout
""",
        ["dout\n"],
    ),
}


@pytest.mark.parametrize("kind", FILES)
def test_all_that_an_object_holds_is_judged(check, kind):
    text, terms = FILES[kind]
    found, printed = check(text)
    assert found == 0, printed
    assert "left out" not in printed
    for term in terms:
        for wrong in (f"2 * {term}", f"-{term}"):
            found, printed = check(text[::-1].replace(term[::-1], wrong[::-1], 1)[::-1])
            assert found == 1, (wrong, printed)
            assert "wrong here" in printed


def test_an_upstream_gradient_that_is_called_delta_is_of_no_elta(check):
    text, _ = FILES["gradients in lists of other names"]
    assert "elta" not in check(text.replace("[k + 1] ** 2", "[k] ** 2"), "--hints", "3")[1].replace("delta", "")


def test_what_a_backward_pass_adds_up_is_no_more_at_its_second_run(check):
    text, _ = FILES["parameters with data and grad"]
    _, printed = check(text.replace("self.x.T @ grad", "3 * self.x.T @ grad"), "--hints", "2")
    assert "dweight is multiplied by 3" in printed


class Holder:
    def __init__(self, **names):
        vars(self).update(names)


def test_so_is_what_is_added_up_in_a_dictionary_of_gradients():
    class Layer:
        def __init__(self):
            self.grads = {"w": np.zeros(2)}

    layer = Layer()
    with kept(layer):
        layer.grads["w"] += 1
    assert layer.grads["w"].tolist() == [0.0, 0.0]


def test_where_arrays_are():
    inner = Holder(W=np.ones(2), dW=np.zeros(2), n=3)
    own = Holder(
        w=np.zeros(1),
        params={"b": np.ones(3)},
        grads={"b": np.ones(3)},
        one=Holder(data=np.ones(4), grad=np.zeros(4)),
        several=[np.ones(5), inner, (inner, Holder(own=None))],
        labels=np.arange(3),
        module=np,
        kind=int,
    )
    own.itself, inner.above = own, own
    found = {place.called: (place.key, place.gradient, place.boxed) for place in places(own)}
    assert found == {
        "w": ("w", False, False),
        "b": ("b", False, False),
        "one": ("data", False, True),
        "done": ("grad", True, False),
        "several0": (0, False, False),
        "several1_W": ("W", False, False),
        "dseveral1_W": ("dW", True, False),
    }


def test_arrays_are_afterwards_what_they_were():
    own = Holder(w=np.ones(2), fixed=np.ones(2), several=[np.ones(2)])
    own.fixed.flags.writeable = False
    first = own.several[0]
    with kept(own):
        own.w += 1
        own.several[0] = np.zeros(3)
        own.new = np.zeros(2)
    assert own.w.tolist() == [1, 1]
    assert own.several[0] is first
    assert own.new.shape == (2,)


@pytest.mark.parametrize("held", ["self.dinputs[i]", "self.grads['inputs'][i]", "dinputs[i]"])
def test_the_mistake_may_be_before_the_line_that_puts_a_gradient_into_an_object(check, held):
    """As in the softmax of a course on networks from scratch, which multiplies by a Jacobian, row by row."""
    name = held.removesuffix("[i]")
    ends = "" if "self" in name else "        return dinputs\n"
    begins = "        self.grads = {}\n" if "grads" in name else ""
    status, printed = check(
        f"""
class Softmax:
    def forward(self, inputs):
        powers = np.exp(inputs - np.max(inputs, axis=1, keepdims=True))
        self.output = powers / np.sum(powers, axis=1, keepdims=True)

    def backward(self, dvalues):
{begins}        {name} = np.empty_like(dvalues)
        for i, (row, up) in enumerate(zip(self.output, dvalues)):
            row = row.reshape(-1, 1)
            jacobian = np.diagflat(row) + np.dot(row, row.T)
            {held} = np.dot(jacobian, up)
{ends}""",
        "--hints",
        "3",
    )
    assert status == 1
    assert "jacobian = np.diagflat(row) - np.dot(row, row.T)" in printed
    assert "The mistake is in this line." in printed


def test_other_entries_of_the_dictionary_that_a_gradient_is_put_into_are_not_on_the_way_to_it(check):
    status, printed = check("""
class Net:
    def __init__(self, n_in, n_out):
        self.params = {"W": np.random.randn(n_in, n_out), "b": np.zeros(n_out)}

    def loss(self, X, y):
        scores = np.tanh(X @ self.params["W"] + self.params["b"])
        loss = 0.5 * np.sum((scores - y) ** 2)
        grads = {}
        dscores = scores - y
        grads["b"] = np.sum(dscores * (1 - scores ** 2), axis=0)
        dz = np.exp(dscores) / (3 + scores ** 2)
        grads["W"] = X.T @ dz
        return loss, grads
""")
    assert status == 1
    assert "dz = np.exp(dscores) / (3 + scores ** 2)" in printed
    assert 'grads["b"] =' not in printed


@pytest.mark.parametrize("size", ["1e-4", "0.01", "1"])
def test_where_weights_begin_small_a_mask_is_not_taken_for_one_of_biases(check, size):
    status, printed = check(
        f"""
class Net:
    def __init__(self, n_in, n_hidden, n_out):
        self.W1, self.b1 = {size} * np.random.randn(n_in, n_hidden), np.zeros(n_hidden)
        self.W2, self.b2 = {size} * np.random.randn(n_hidden, n_out), np.zeros(n_out)

    def loss(self, X, y):
        W1, b1, W2, b2 = self.W1, self.b1, self.W2, self.b2
        h = np.maximum(0, X @ W1 + b1)
        d = h @ W2 + b2 - np.eye(len(b2))[y]
        dh = d @ W2.T
        grads = {{}}
        grads["W2"] = h.T @ d
        grads["b2"] = d.sum(axis=0)
        grads["W1"] = X.T @ (dh * (h > 0))
        grads["b1"] = dh.sum(axis=0)
        return 0.5 * np.sum(d ** 2), grads
""",
        "--hints",
        "3",
    )
    assert status == 1
    assert "1 gradient is wrong: db1." in printed
    assert "(b1 > 0)" not in printed


AFFINE = """
class Affine:
    def __init__(self, n_in, n_out=2):
        self.W, self.b = np.random.randn(n_in, n_out), np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout, dout.sum(0)
        return dout @ self.W.T
"""
INPUTS_OF_A_CLASS = {
    "what forward takes": ("np.ones((11, 5))", "inputs given by inputs(): x (11, 5)", 0),
    "by name, with a size": ("{'n_in': 6, 'x': np.ones((11, 6))}", "inputs given by inputs(): x (11, 6)", 0),
    "in order, with sizes": ("np.ones((11, 6)), 6, 3", "inputs given by inputs(): x (11, 6)", 0),
    "a name that nothing has": ("{'y': np.ones((11, 6))}", "gives 'y', which is not a parameter of forward", 2),
    "sizes alone": ("{'n_in': 6}", "inputs() does not give x, which forward takes", 2),
}


@pytest.mark.parametrize(("inputs", "said", "status"), INPUTS_OF_A_CLASS.values(), ids=INPUTS_OF_A_CLASS)
def test_inputs_of_a_class_are_those_that_its_file_gives(check, inputs, said, status):
    text = f"{AFFINE}\ndef inputs():\n    return {inputs}\n"
    found, printed = check(text)
    assert said in printed
    assert found == status
    assert status or check(text.replace("self.x.T @ dout", "2 * self.x.T @ dout"))[0] == 1


def test_arrays_of_a_constructor_that_inputs_leave_out_are_drawn(check):
    text = AFFINE.replace("n_in, n_out=2", "W, b").replace("np.random.randn(n_in, n_out), np.zeros(n_out)", "W, b")
    status, printed = check(f"{text}\ndef inputs():\n    return np.ones((11, 5))\n")
    assert status == 0, printed
    assert "inputs drawn from seed 0: W (5, 3), b (3,); given by inputs(): x (11, 5)" in printed


SCALED = """
class LayerScale:
    def __init__(self, dim):
        self.gamma = np.full(dim, {})

    def forward(self, x):
        self.x = x
        return x * self.gamma

    def backward(self, dout):
        self.dgamma = (dout * self.x).sum(axis=0)
        return dout * self.gamma
"""


@pytest.mark.parametrize("number", ["1e-4", "0.5", "2.0", "-1.0"])
def test_what_is_learned_and_begins_as_one_number_is_drawn(check, number):
    text = SCALED.format(number)
    assert check(text)[0] == 0
    for wrong in ("return dout", f"return dout * {number}"):
        assert check(text.replace("return dout * self.gamma", wrong))[0] == 1


def test_the_gradient_of_what_is_called_delta_is_no_step(check):
    text = DENSE.replace("W", "delta")
    assert "All 2 gradients are right." in check(text)[1]
    status, printed = check(text.replace("@ gz\n", "@ gz * 2\n"))
    assert status == 1
    assert "ddelta is wrong" in printed


SIZED = """
class Gate:
    def __init__(self, {0}, {1}):
        self.W = np.random.randn({0}, {1})

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, dout):
        self.dW = self.x.T @ dout
        return dout @ self.W.T
"""


@pytest.mark.parametrize(
    "names",
    [
        "nx nh",
        "n_x n_y",
        "in_ch out_ch",
        "c_in c_out",
        "d_model d_head",
        "dim latent_dim",
        "dim n_experts",
        "dim num_codes",
    ],
)
def test_sizes_are_known_by_their_names(check, names):
    text = SIZED.format(*names.split())
    assert check(text)[0] == 0
    assert check(text.replace("self.x.T @ dout", "2 * self.x.T @ dout"))[0] == 1


SEVERAL = """
class FullyConnectedNet:
    def __init__(self, hidden_dims, input_dim=3 * 32 * 32, num_classes=10, reg=0.0):
        self.reg, self.num_layers = reg, 1 + len(hidden_dims)
        dims = [input_dim] + hidden_dims + [num_classes]
        self.params = {}
        for i in range(self.num_layers):
            self.params[f"W{i + 1}"] = np.random.randn(dims[i], dims[i + 1]) * 0.1
            self.params[f"b{i + 1}"] = np.zeros(dims[i + 1])

    def loss(self, X, y=None):
        caches, out, last = {}, X, self.num_layers
        for i in range(1, last):
            h = out @ self.params[f"W{i}"] + self.params[f"b{i}"]
            out, caches[i] = np.maximum(h, 0), ((out, self.params[f"W{i}"]), h)
        scores = out @ self.params[f"W{last}"] + self.params[f"b{last}"]
        if y is None:
            return scores
        shifted = scores - scores.max(axis=1, keepdims=True)
        p = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
        loss, grads = -np.log(p[np.arange(len(y)), y]).mean(), {}
        dout = p.copy()
        dout[np.arange(len(y)), y] -= 1
        dout /= len(y)
        grads[f"W{last}"], grads[f"b{last}"] = out.T @ dout, dout.sum(axis=0)
        dout = dout @ self.params[f"W{last}"].T
        for i in range(last - 1, 0, -1):
            fc_cache, h = caches[i]
            x, w = fc_cache
            dout = dout * (h > 0)
            grads[f"W{i}"], grads[f"b{i}"] = x.T @ dout, dout.sum(axis=0)
            dout = dout @ w.T
        for i in range(1, last + 1):
            w = self.params[f"W{i}"]
            loss += 0.5 * self.reg * np.sum(w**2)
            grads[f"W{i}"] += self.reg * w
        return loss, grads
"""


def test_a_list_of_sizes_has_several_and_caches_are_no_arrays(check):
    status, printed = check(SEVERAL)
    assert status == 0, printed
    for gradient in ("dW1", "dW2", "dW3", "db1", "db2", "db3"):
        assert f"│ {gradient} " in printed
    assert check(SEVERAL.replace("dout * (h > 0)", "dout"))[0] == 1
    assert check(SEVERAL.replace("dout @ w.T", "2 * dout @ w.T"))[0] == 1


COLUMNS = """
class Linear:
    def __init__(self, m, n):
        self.m, self.n = (m, n)
        self.W0 = np.zeros([self.n, 1])
        self.W = np.random.normal(0, m**-0.5, {})

    def forward(self, A):
        self.A = A
        return {} @ A + self.W0

    def backward(self, dLdZ):
        self.dLdW = {}
        self.dLdW0 = dLdZ.sum(axis=1, keepdims=True)
        return {} @ dLdZ
"""
ENDS = """
class Net:
    def __init__(self, p, q, r):
        self.W1, self.W2 = np.random.randn(q, p), np.random.standard_normal(size=(r, q))

    def forward(self, x):
        self.x, self.h = x, np.tanh(x @ self.W1.T)
        return self.h @ self.W2.T

    def backward(self, dout):
        self.dW2 = dout.T @ self.h
        da = (dout @ self.W2) * (1 - self.h**2)
        self.dW1 = da.T @ self.x
        return da @ self.W1
"""
WIDE = """
class Scaled:
    def __init__(self, m):
        self.scale = np.ones(m)

    def forward(self, x):
        self.x = x
        return x * self.scale

    def backward(self, dout):
        self.dscale = (dout * self.x).sum(axis=0)
        return dout * self.scale
"""


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (COLUMNS.format("[m, n]", "self.W.T", "self.A @ dLdZ.T", "self.W"), "dLdZ.sum", "dLdZ.mean"),
        (COLUMNS.format("(self.n, self.m)", "self.W", "dLdZ @ self.A.T", "self.W.T"), "dLdZ.sum", "dLdZ.mean"),
        (SIZED.format("N", "M"), "self.x.T @ dout", "2 * self.x.T @ dout"),
        (SIZED.format("a", "b"), "self.x.T @ dout", "2 * self.x.T @ dout"),
        (ENDS, "(1 - self.h**2)", "(1 - self.h)"),
        (SIZED.format("n_in", "m"), "self.x.T @ dout", "2 * self.x.T @ dout"),
        (SIZED.format("m", "n_out"), "self.x.T @ dout", "2 * self.x.T @ dout"),
        (WIDE, "dout * self.scale", "dout / self.scale"),
    ],
)
def test_sizes_are_known_by_the_arrays_that_are_made_of_them(check, text, old, new):
    found, printed = check(text)
    assert found == 0, printed
    assert check(text.replace(old, new))[0] == 1


@pytest.mark.parametrize("names", ["max_len dim", "block_size n_embd", "context_length d_model", "max_positions d"])
def test_of_positions_there_are_as_many_as_are_needed(check, names):
    length, size = names.split()
    text = f"""
class Positions:
    def __init__(self, {names.replace(" ", ", ")}):
        self.P = np.random.randn({length}, {size})

    def forward(self, x):
        return x + self.P[:x.shape[1]]

    def backward(self, dout):
        self.dP = np.zeros_like(self.P)
        self.dP[:dout.shape[1]] = dout.sum(axis=0)
        return dout
"""
    assert check(text)[0] == 0
    assert check(text.replace("dout.sum(axis=0)", "dout.mean(axis=0)"))[0] == 1


TWO_LAYERS = (
    LINEAR.replace("n_in, n_out):", "W, b):").replace("np.random.randn(n_in, n_out), np.zeros(n_out)", "W, b")
    + """
class SoftmaxWithLoss:
    def forward(self, x, t):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.y, self.t = e / e.sum(axis=1, keepdims=True), t
        return -np.sum(t * np.log(self.y)) / len(x)

    def backward(self, dout=1):
        return (self.y - self.t) / len(self.t)

class TwoLayerNet:
    def __init__(self, input_size, hidden_size, output_size):
        self.params = {"W1": 0.01 * np.random.randn(input_size, hidden_size), "b1": np.zeros(hidden_size)}
        self.params |= {"W2": 0.01 * np.random.randn(hidden_size, output_size), "b2": np.zeros(output_size)}
        self.layers = {"Affine1": Linear(self.params["W1"], self.params["b1"])}
        self.layers["Affine2"] = Linear(self.params["W2"], self.params["b2"])
        self.last = SoftmaxWithLoss()

    def loss(self, x, t):
        x = self.layers["Affine2"].forward(np.tanh(self.layers["Affine1"].forward(x)))
        return self.last.forward(x, t)

    def gradient(self, x, t):
        self.loss(x, t)
        dout = self.layers["Affine2"].backward(self.last.backward(1))
        self.layers["Affine1"].backward(dout * (1 - self.layers["Affine2"].x ** 2))
        first, second = self.layers["Affine1"], self.layers["Affine2"]
        return {"W1": first.dW, "b1": first.db, "W2": second.dW, "b2": second.db}
"""
)


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("", "", []),
        ('"b1": first.db', '"b1": 2 * first.db', ["db1"]),
        ('"W2": second.dW', '"W2": -second.dW', ["dW2"]),
        (" ** 2)", ")", ["db1"]),
    ],
)
def test_one_array_in_two_places_is_one_weight(check, old, new, wrong):
    assert old in TWO_LAYERS
    status, printed = check(TWO_LAYERS.replace(old, new), name="TwoLayerNet")
    assert status == bool(wrong), printed
    for name in ("dW1", "db1", "dW2", "db2"):
        row = next(line for line in printed.splitlines() if line.startswith(f"│ {name} "))
        assert ("✗" in row) == (name in wrong), row


DENSE = """
class Dense:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)

    def forward(self, x):
        self.x = x
        self.out = np.tanh(x @ self.W)
        return self.out

    def backward(self, g):
        gz = g * (1 - self.out ** 2)
        self.dW = self.x.T @ gz
        return gz @ self.W.T
"""


@pytest.mark.parametrize(
    "name", ["grad_W", "W_grad", "d_W", "dL_dW", "gW", "g_W", "W_g", "nabla_W", "delta_W", "W_update"]
)
def test_a_gradient_that_is_called_otherwise_has_its_line(check, name):
    text = DENSE.replace("dW", name)
    assert "All 2 gradients are right." in check(text)[1]
    status, printed = check(text.replace("@ gz\n", "@ (gz * gz)\n"), "--hints", "3")
    assert status == 1
    assert f"line 14: self.{name} = self.x.T @ (gz * gz)" in printed
    assert f"the fix   line 14: self.{name} = self.x.T @ gz" in printed


@pytest.mark.parametrize("name", ["delta_W", "W_update"])
def test_a_step_that_is_kept_is_no_gradient(check, name):
    status, printed = check(DENSE.replace("self.dW =", f"self.{name} = -0.1 *"))
    assert status == 1
    assert "is wrong" not in printed
    assert f"it is -0.1 times the gradient of W, and {name} may be called so as a step that W takes" in " ".join(
        printed.split()
    )
