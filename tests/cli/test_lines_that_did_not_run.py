"""What did not run of either pass: told with the verdict, which says nothing of it."""

import pytest

MASKED = """
def scale_forward(x, w, mask=None):
    out = x * w
    if mask is not None:
        out = out * mask
    return out, (x, w, mask)

def scale_backward(dout, cache):
    x, w, mask = cache
    if mask is not None:
        dout = dout * ~mask
    return dout * w, (dout * x).sum(axis=0)
"""
TRAINING = """
class Scale:
    def __init__(self, rate=0.3):
        self.rate, self.training = rate, True

    def forward(self, x):
        if not self.training:
            return x * (1 - self.rate)
        self.mask = (np.random.rand(*x.shape) > self.rate).astype(float)
        return x * self.mask

    def backward(self, dout):
        if not self.training:
            return dout * (1 - self.rate)
        return dout * self.mask
"""
ON_ONE_LINE = """
class Scale:
    def __init__(self, rate=0.3):
        self.rate, self.training = rate, True

    def forward(self, x):
        self.mask = (np.random.rand(*x.shape) > self.rate) if self.training else 1 - self.rate
        return x * self.mask

    def backward(self, dout):
        if self.training: dout = dout * self.mask
        if not self.training: dout = dout * self.rate
        return dout
"""
SIDES = """
class Unit:
    def __init__(self, activation='relu'):
        self.activation = activation

    def forward(self, z):
        self.z = z
        if self.activation == 'relu':
            return np.maximum(z, 0)
        return np.tanh(z)

    def backward(self, da):
        return da * (self.z > 0) if self.activation == 'relu' else da * (1 - self.z ** 2)
"""
OTHER_SIDE = """
class Unit:
    def __init__(self, leaky=False):
        self.leaky = leaky

    def forward(self, z):
        self.z = z
        return np.maximum(z, 0)

    def backward(self, da):
        def slope(z): return (0.1 * z if self.leaky else 0) + (z > 0)
        return da * (slope(self.z) > 0)
"""
HELPERS = """
def act(z, kind):
    if kind == 'tanh':
        return np.tanh(z)
    return np.maximum(z, 0)

def slope(z, kind):
    if kind == 'relu':
        d = (z > 0).astype(float)
    else:
        d = 1 - z ** 2
        d = d + 0
        d = d * 1
    return d

def other(z):
    return z if z.ndim else 2 * z

def unit_forward(z, kind='relu'):
    return act(z, kind), (z, kind)

def unit_backward(dout, cache):
    z, kind = cache
    return dout * slope(z, kind)
"""
OWN_METHOD = """
class Unit:
    def __init__(self, activation='relu'):
        self.activation = activation

    def slope(self):
        match self.activation:
            case 'relu':
                return (self.z > 0).astype(float)
            case 'tanh':
                return 1 - self.z ** 2

    def forward(self, z):
        self.z = z
        return np.maximum(z, 0)

    def backward(self, da):
        return da * self.slope()
"""
OF_FORWARD_ALONE = """
class Embed:
    def __init__(self, num_embeddings, embedding_dim, padding=None):
        self.W = np.random.randn(num_embeddings, embedding_dim)
        self.padding = padding

    def forward(self, ids):
        self.ids = ids
        out = self.W[ids]
        if self.padding is not None:
            keep = ids != self.padding
            out = out * keep[..., None]
        return out

    def backward(self, dout):
        self.dW = np.zeros_like(self.W)
        np.add.at(self.dW, self.ids, dout)
"""
OF_A_LOSS = """
def weighted_loss(scores, y, weights=None):
    n = len(y)
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    w = np.ones(n) if weights is None else weights[y]
    loss = -np.sum(w * np.log(p[np.arange(n), y])) / w.sum()
    d = p.copy()
    d[np.arange(n), y] -= 1
    d /= n
    return loss, d
"""
CLOSURE = """
def scale(x, w, squared=False):
    return x * w, lambda dout: (dout * w, (dout * x).sum(axis=0)) if not squared else (dout * w, dout * w)
"""
TABLE = """
ACT = {'tanh': (np.tanh, lambda a: 1 - a ** 2), 'sigmoid': (lambda z: 1 / (1 + np.exp(-z)), lambda a: a * (1 + a))}

class Unit:
    def __init__(self, name='tanh'):
        self.f, self.df = ACT[name]

    def forward(self, z):
        self.a = self.f(z)
        return self.a

    def backward(self, da):
        return da * self.df(self.a)
"""
TABLE_OF_FUNCTIONS = """
def relu(z):
    return np.maximum(z, 0)

def slope_of_relu(z):
    return z > 0

def tanh(z):
    return np.tanh(z)

def slope_of_tanh(z):
    t = np.tanh(z)
    return 1 - t

class Unit:
    def __init__(self, kind='relu'):
        self.kind = kind

    def forward(self, z):
        self.z = z
        return {'relu': relu, 'tanh': tanh}[self.kind](z)

    def backward(self, da):
        slope = {'relu': slope_of_relu, 'tanh': slope_of_tanh}[self.kind]
        return da * slope(self.z)
"""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (MASKED, "line 12 and line 6 of the forward pass"),
        (TRAINING, "line 15 and line 9 of the forward pass"),
        (ON_ONE_LINE, "line 13 and else 1 - self.rate in line 8 of the forward pass"),
        (SIDES, "else da * (1 - self.z ** 2) in line 14 and line 11 of the forward pass"),
        (OTHER_SIDE, "0.1 * z if … in line 12"),
        (HELPERS, "lines 12 to 14 and line 5 of the forward pass"),
        (OWN_METHOD, "line 12"),
        (OF_FORWARD_ALONE, "lines 12 and 13 of the forward pass"),
        (OF_A_LOSS, "else weights[y] in line 7"),
        (TABLE, "lambda a: a * (1 + a) in line 3"),
        (TABLE_OF_FUNCTIONS, "lines 13 and 14, and line 10 of the forward pass"),
        (CLOSURE, "else (dout * w, dout * w) in line 4"),
    ],
)
def test_what_did_not_run_is_told(check, text, says):
    status, said = check(text)
    assert status == 0
    [told] = [line for line in said.splitlines() if "did not run" in line]
    one = "line" in says.split() and " and " not in says
    of = ("what it does" if one else "what they do") if "of the forward pass" in says else "it"
    assert told.endswith(f"! {says} did not run at these inputs, so of {of} nothing is judged.")


def test_what_runs_is_judged_and_not_told(check):
    assert "did not run" not in check(MASKED.replace("~mask", "mask"), "--shapes", "mask=(2.5)")[1]
    status, said = check(SIDES, "--shapes", "activation='tanh',z=4x5")
    assert status == 1
    assert "da * (self.z > 0) if … in line 14 and line 10 of the forward pass did not run" in said


OF_NO_NUMBER = """
class Unit:
    def __init__(self, kind='relu', debug=False):
        self.kind, self.debug = kind, debug

    def unused(self, z):
        if self.debug:
            z = 2 * z
        return z

    def forward(self, z):
        if z.ndim == 0:
            message = f"no number, as {z}"
            raise ValueError(message)
        if self.debug: print(z)
        name = self.kind if self.kind else None
        if self.debug:
            assert np.all(z == z), name
            name = None
        self.z = z
        if self.kind == 'relu':
            return np.maximum(z, 0)
        raise ValueError(self.kind)

    def backward(self, da):
        if da is None:
            return 0
        if self.kind == 'relu':
            return da * (self.z > 0)
        raise NotImplementedError
"""


MADE_BY_THE_CONSTRUCTOR = """
def slope_of(kind):
    if kind == 'relu':
        scale = 1
        def slope(z):
            return scale * (z > 0)
        return slope
    return lambda z: 1 - np.tanh(z) ** 2

class Unit:
    def __init__(self, kind='relu'):
        self.slope = slope_of(kind)

    def forward(self, z):
        self.z = z
        return np.maximum(z, 0)

    def backward(self, da):
        return da * self.slope(self.z)
"""
TABLE_OF_LAYERS = """
def relu_forward(x):
    return np.maximum(x, 0), x

def relu_backward(dout, x):
    return dout * (x > 0)

def tanh_forward(x):
    return np.tanh(x), x

def tanh_backward(dout, x):
    return dout * (1 - np.tanh(x) ** 2)

LAYERS = {'relu': (relu_forward, relu_backward), 'tanh': (tanh_forward, tanh_backward)}
"""


@pytest.mark.parametrize("text", [OF_NO_NUMBER, MADE_BY_THE_CONSTRUCTOR, TABLE_OF_LAYERS])
def test_what_makes_nothing_or_runs_before_both_passes_is_not_told(check, text):
    status, said = check(text)
    assert (status, "did not run" in said) == (0, False)


POPPED = """
class Cell:
    def __init__(self, n_in, n_out):
        self.W, self.cache = np.random.randn(n_in, n_out), []

    def forward(self, x):
        out = np.tanh(x @ self.W)
        self.cache.append((x, out))
        return out

    def backward(self, dout):
        if not self.cache:
            return None
        x, out = self.cache.pop()
        da = dout * (1 - out**2)
        self.dW = x.T @ da
        return da @ self.W.T
"""


def test_a_pass_that_runs_once_after_each_forward_pass_has_run(check):
    status, said = check(POPPED)
    assert (status, "did not run" in said) == (0, False)
