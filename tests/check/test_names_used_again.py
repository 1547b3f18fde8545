"""A name that is used again, for the gradient of what comes next, makes right code of the commonest styles.

Each style is a forward pass on Tensors and a right backward pass, judged as the function that runs, as its local
variables, and as what it returns; each with a mistake planted, too.
"""

import linecache
from dataclasses import replace
from textwrap import dedent, indent

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.check.compare import compare_run
from micrograd_tensor.check.given import run_on
from micrograd_tensor.graph.status import Status

SIZES = {"X": (7, 4), "W": (4, 5), "V": (5, 3), "c": (7, 2), "U": (4, 6)}

TWO_LAYERS = "h = mt.{0}(X @ W).named('h'); out = (h @ V).named('out')"
LSTM = """
z = (X @ U).named('z')
f = mt.sigmoid(z[:, :2]).named('f'); i = mt.sigmoid(z[:, 2:4]).named('i'); g = mt.tanh(z[:, 4:]).named('g')
out = (f * c + i * g).named('out')
"""
SOFTMAX = """
scores = (X @ W).named('scores')
probs = mt.softmax(scores, axis=1).named('probs')
out = (-mt.log(probs[np.arange(7), np.array([0, 1, 2, 3, 4, 0, 1])]).mean()).named('out')
"""

HIDDEN = "dV = h.T @ dout; dh = dout @ V.T; {}; dX = dh @ W.T; dW = X.T @ dh"

STYLES = {
    "relu in place": (TWO_LAYERS.format("relu"), HIDDEN.format("dh[h <= 0] = 0")),
    "relu by product": (TWO_LAYERS.format("relu"), HIDDEN.format("dh *= h > 0")),
    "tanh in place": (TWO_LAYERS.format("tanh"), HIDDEN.format("dh *= 1 - h**2")),
    "tanh rebound": (TWO_LAYERS.format("tanh"), HIDDEN.format("dh = dh * (1 - h**2)")),
    "sigmoid rebound": (TWO_LAYERS.format("sigmoid"), HIDDEN.format("dh = dh * h * (1 - h)")),
    "sigmoid in one line": (
        TWO_LAYERS.format("sigmoid"),
        "dV = h.T @ dout; dh = dout @ V.T * h * (1 - h); dX = dh @ W.T; dW = X.T @ dh",
    ),
    "the sum has a name": (
        TWO_LAYERS.format("tanh").replace("X @ W", "(X @ W).named('a')"),
        "dV = h.T @ dout; dh = dout @ V.T; dh *= 1 - h**2; da = dh; dX = dh @ W.T; dW = X.T @ dh",
    ),
    "gates in place": (
        LSTM,
        "df = dout * c; df *= f * (1 - f); di = dout * g; di *= i * (1 - i); dg = dout * i; dg *= 1 - g**2; "
        "dz = np.hstack([df, di, dg]); dX = dz @ U.T; dU = X.T @ dz; dc = dout * f",
    ),
    "gates in one line": (
        LSTM,
        "df = dout * c * f * (1 - f); di = dout * g * i * (1 - i); dg = dout * i * (1 - g**2); "
        "dz = np.hstack([df, di, dg]); dX = dz @ U.T; dU = X.T @ dz; dc = dout * f",
    ),
    "probabilities in place": (
        SOFTMAX,
        "y = np.array([0, 1, 2, 3, 4, 0, 1]); dprobs = probs.copy(); dprobs[np.arange(7), y] -= 1; dprobs *= dout / 7; "
        "dscores = dprobs; dX = dscores @ W.T; dW = X.T @ dscores",
    ),
    "probabilities, divided later": (
        SOFTMAX,
        "y = np.array([0, 1, 2, 3, 4, 0, 1]); dprobs = probs.copy(); dprobs[np.arange(7), y] -= 1; "
        "dscores = dprobs * (dout / 7); dX = dscores @ W.T; dW = X.T @ dscores",
    ),
    "dout rebound": (
        TWO_LAYERS.format("tanh"),
        "dV = h.T @ dout; dout = dout @ V.T; dout = dout * (1 - h**2); dX = dout @ W.T; dW = X.T @ dout",
    ),
    "dX is a running variable": (
        TWO_LAYERS.format("tanh"),
        "dX = dout @ V.T; dV = h.T @ dout; dX = dX * (1 - h**2); dW = X.T @ dX; dX = dX @ W.T",
    ),
}


def recorded(forward):
    """The graph of a forward pass, with values of its inputs and a random upstream."""
    leaves = {
        n: mt.tensor(np.random.default_rng(ord(n)).normal(size=s), name=n, requires_grad=True) for n, s in SIZES.items()
    }
    names = {"np": np, "mt": mt, **leaves}
    exec(dedent(forward), names)  # noqa: S102 -- written above
    out = names["out"]
    return mt.graph(out, np.random.default_rng(1).standard_normal(out.shape) if out.shape else 1.3)


def function(backward, returns="locals()"):
    reads = "; ".join(f"{n} = cache.get('{n}')" for n in (*SIZES, "h", "a", "z", "f", "i", "g", "probs"))
    lines = [reads, *backward.split("; "), f"return {returns}"]
    source = "def backward(dout, cache):\n" + indent("\n".join(lines), "    ")
    names = {"np": np}
    filename = f"<style {abs(hash(source))}>"
    linecache.cache[filename] = len(source), None, source.splitlines(True), filename
    exec(compile(source, filename, "exec"), names)  # noqa: S102 -- written above
    return names["backward"]


def judged(graph, backward, way):
    ran = run_on(graph, function(backward))
    names = {k: v for k, v in ran.names.items() if k not in ("dout", "cache")}
    if way == "run":
        return compare_run(graph, replace(ran, names=names))
    hand = names if way == "locals" else {k: v for k, v in names.items() if k[:1] == "d"}
    return mt.compare(graph, hand=hand)


@pytest.mark.parametrize("way", ["run", "locals", "returned"])
@pytest.mark.parametrize("style", STYLES)
def test_right_code_in_every_style_is_right(style, way):
    forward, backward = STYLES[style]
    report = judged(recorded(forward), backward, way)
    assert report.ok, report
    assert report.stages["X"].status == Status.RIGHT


MISTAKES = [
    ("1 - h**2", "1 - h"),
    ("h * (1 - h)", "h * (1 + h)"),
    ("dout @ V.T", "2 * dout @ V.T"),
    ("dh[h <= 0] = 0", "dh[h >= 0] = 0"),
    ("dW = X.T @ dh", "dW = 2 * X.T @ dh"),
    ("dX = dh @ W.T", "dX = -dh @ W.T"),
    ("h > 0", "h < 0"),
    ("f * (1 - f)", "f"),
    ("1 - g**2", "1 + g**2"),
    ("dout * c", "dout"),
    ("dprobs[np.arange(7), y] -= 1", "dprobs[np.arange(7), y] -= 2"),
    ("dout / 7", "dout"),
    ("dX = dz @ U.T", "dX = 2 * dz @ U.T"),
    ("dW = X.T @ dscores", "dW = X.T @ dscores / 2"),
]
PLANTED = [
    (style, mistake) for style, (_, backward) in STYLES.items() for mistake in MISTAKES if mistake[0] in backward
]


@pytest.mark.parametrize("way", ["run", "locals", "returned"])
@pytest.mark.parametrize(("style", "mistake"), PLANTED, ids=lambda x: x if isinstance(x, str) else x[1])
def test_a_mistake_in_such_a_style_is_found(style, mistake, way):
    forward, backward = STYLES[style]
    report = judged(recorded(forward), backward.replace(*mistake), way)
    assert report.wrong
