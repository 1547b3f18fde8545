"""What is no layer of its own: base classes that are judged in what is derived from them, one pass without another."""

import re

import pytest

TANH = """
class Tanh(Base):
    def __init__(self):
        super().__init__(np.tanh, slope)
"""
SLOPE = """
def slope(x):
    return 1 - np.tanh(x) ** 2
"""
BASES = {
    "made with functions": SLOPE + """
class Base:
    def __init__(self, f, f_prime):
        self.f, self.f_prime = f, f_prime

    def forward(self, x):
        self.x = x
        return self.f(x)

    def backward(self, grad):
        return self.f_prime(self.x) * grad
""" + TANH,
    "with methods to be overridden": """
class Base:
    def forward(self, x):
        self.x = x
        return self.function(x)

    def backward(self, grad):
        return self.slope() * grad

    def function(self, x):
        raise NotImplementedError

    def slope(self):
        raise NotImplementedError

class Tanh(Base):
    def function(self, x):
        return np.tanh(x)

    def slope(self):
        return 1 - np.tanh(self.x) ** 2
""",
    "abstract": """
import abc

class Base(abc.ABC):
    def forward(self, x):
        self.x = x
        return self.function(x)

    @abc.abstractmethod
    def function(self, x): ...

    @abc.abstractmethod
    def backward(self, grad):
        '''To be written.'''

class Tanh(Base):
    def function(self, x):
        return np.tanh(x)

    def backward(self, grad):
        return (1 - np.tanh(self.x) ** 2) * grad
""",
    "that raises": """
class Base:
    def forward(self, x):
        raise NotImplementedError

    def backward(self, grad):
        raise NotImplementedError('write it')

class Tanh(Base):
    def forward(self, x):
        self.x = x
        return np.tanh(x)

    def backward(self, grad):
        return (1 - np.tanh(self.x) ** 2) * grad
""",
    "whose backward pass raises": """
class Base:
    def forward(self, x):
        self.x = x
        return x

    def backward(self, grad):
        raise NotImplementedError

class Tanh(Base):
    def forward(self, x):
        return np.tanh(super().forward(x))

    def backward(self, grad):
        return (1 - np.tanh(self.x) ** 2) * grad
""",
    "called by super()": SLOPE + """
class Base:
    def __init__(self, f, f_prime):
        self.f, self.f_prime = f, f_prime

    def forward(self, x):
        self.x = x
        return self.f(x)

    def backward(self, grad):
        return self.f_prime(self.x) * grad

class Tanh(Base):
    def __init__(self):
        super().__init__(np.tanh, slope)

    def forward(self, x):
        return super().forward(x)

    def backward(self, grad):
        return super().backward(grad)
""",
}  # fmt: skip


@pytest.mark.parametrize("text", BASES.values(), ids=BASES)
def test_a_base_class_is_judged_in_what_is_derived_from_it(check, text):
    status, printed = check(text)
    assert status == 0, printed
    assert "mine.py:Tanh" in printed
    assert "Base" not in printed


@pytest.mark.parametrize("text", BASES.values(), ids=BASES)
def test_its_mistakes_are_found_there(check, text):
    assert "1 - np.tanh" in text
    status, printed = check(text.replace("1 - np.tanh", "2 - np.tanh"))
    assert status == 1
    assert "dx is wrong" in printed


def test_a_base_class_with_a_pass_that_runs_nowhere_is_not_forgotten(check):
    own = "\n    def backward(self, grad):\n        return slope(self.x) * grad\n"
    status, printed = check(BASES["made with functions"] + own)
    assert status == 1
    assert "Not judged: Base, 1 of 2 layers." in printed


def test_a_base_class_of_nothing_is_not_forgotten(check):
    scale = (
        "\ndef scale_forward(x):\n    return 2 * x, 2\n\ndef scale_backward(dout, cache):\n    return dout * cache\n"
    )
    status, printed = check(BASES["made with functions"].replace(TANH, scale))
    assert status == 1
    assert "Not judged: Base" in printed


# ----------------------------------------------------------------------------------------------------------- one pass

SCALE = """
def scale_forward(x):
    return 2 * x, 2

def scale_backward(dout, cache):
    return cache * dout
"""


@pytest.mark.parametrize(
    ("more", "status", "said"),
    [
        (
            "def conv_backward(dout, cache):\n    return dout\n",
            1,
            "its forward pass, which would be called conv_forward",
        ),
        ("def convBackward(dout, cache):\n    return dout\n", 1, "its forward pass, which would be called convForward"),
        ("def backward_conv(dout, cache):\n    return dout\n", 1, "which would be called forward_conv"),
        ("def conv_bwd(dout, cache):\n    return dout\n", 1, "its forward pass, which would be called conv_fwd"),
        ("def conv_forward(x):\n    return x\n", 0, "its backward pass, which would be called conv_backward"),
        (
            "def conv_forwrad(x):\n    return x, None\n\ndef conv_backward(dout, cache):\n    return dout\n",
            1,
            "which would be called conv_forward; is it conv_forwrad?",
        ),
        (
            "def conv_forward(x):\n    return x, None\n\ndef konv_backward(dout, cache):\n    return dout\n",
            1,
            "which would be called konv_forward; is it conv_forward?",
        ),
    ],
)
def test_one_pass_without_the_other_is_mentioned_once(check, more, status, said):
    got, printed = check(f"{SCALE}\n{more}")
    assert got == status, printed
    assert printed.count("was not judged") == 1
    assert said in printed


@pytest.mark.parametrize(
    "more",
    [
        "def forward_fill(x):\n    return x\n\ndef gradient_check(f, x):\n    return x\n",
        "def look_forwards(x):\n    return x\n\ndef straightforward(x):\n    return x\n",
        "def numerical_grad(f, x):\n    return x\n\ndef clip_gradients(g):\n    return g\n",
    ],
)
def test_other_functions_are_not_taken_for_passes(check, more):
    status, printed = check(f"{SCALE}\n{more}")
    assert status == 0
    assert "not judged" not in printed


def test_a_pass_that_another_one_calls_is_part_of_it(check):
    status, printed = check(
        "\ndef times_backward(g, k):\n    return g * k\n\ndef times_forward_of(x, k):\n    return x * k\n"
        "\ndef scale_forward(x):\n    return times_forward_of(x, 2), 2\n"
        "\ndef scale_backward(dout, cache):\n    return times_backward(dout, cache)\n"
    )
    assert status == 0
    assert "not judged" not in printed


def test_without_any_layer_it_is_said_what_is_missing(check):
    status, printed = check(
        "\ndef conv_forwrad(x):\n    return x, None\n\ndef conv_backward(dout, k):\n    return dout\n"
    )
    assert status == 2
    assert "for conv_backward no function here is its forward pass" in printed
    assert "is it conv_forwrad?" in printed


def test_a_line_that_is_not_shown_is_not_spoken_of(check):
    text = """
class Steps:
    def __init__(self, n=4):
        self.A = np.random.randn(n, n) * 0.3
        self.b = np.random.randn(n)

    def forward(self, x0):
        self.xs = [x0]
        for _ in range(4):
            self.xs.append(self.xs[-1] + 0.1 * np.tanh(self.xs[-1] @ self.A + self.b))
        return self.xs[-1]

    def backward(self, dxT):
        self.dA = np.zeros_like(self.A)
        self.db = np.zeros_like(self.b)
        lam = dxT
        for i in reversed(range(4)):
            dz = 0.1 * lam * (1 - np.tanh(self.xs[i] @ self.A + self.b) ** 2)
            self.db += dz.sum(0)
            self.dA += self.xs[i].T @ dz
            lam = lam + dz @ self.A.T
        return lam
"""
    assert check(text)[0] == 0
    status, printed = check(text.replace("lam = lam + dz", "lam = dz"))
    assert status == 1
    for told in re.split("✗ (?=d)", printed)[1:]:
        where = told.split("2 what kind")[0]
        assert "line" not in where or re.search(r"line \d+: ", where), where
