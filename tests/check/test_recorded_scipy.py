"""SciPy's functions in a forward pass: those that are recorded give its numbers and right gradients, others say so."""

import numpy as np
import pytest
import scipy
import scipy.special
from scipy.signal import correlate2d
from scipy.special import erf, erfc, expit, log_expit, log_softmax, logsumexp, softmax, xlogy

import micrograd_tensor as mt
from micrograd_tensor.check.recorded_array import Array
from micrograd_tensor.check.recorded_scipy import recorded_scipy
from micrograd_tensor.cli.judging_layers import judge_layer
from micrograd_tensor.cli.layers import layers_of
from micrograd_tensor.cli.user_file import user_file

X = np.random.default_rng(0).normal(size=(4, 3)) * 3
CALLS = {
    "expit": (expit, {}),
    "log_expit": (log_expit, {}),
    "erf": (erf, {}),
    "erfc": (erfc, {}),
    "logsumexp": (logsumexp, {}),
    "logsumexp of rows": (logsumexp, {"axis": 1, "keepdims": True}),
    "logsumexp of columns": (logsumexp, {"axis": 0}),
    "logsumexp of both": (logsumexp, {"axis": (0, 1)}),
    "softmax of all": (softmax, {}),
    "softmax of rows": (softmax, {"axis": -1}),
    "log_softmax of all": (log_softmax, {}),
    "log_softmax of columns": (log_softmax, {"axis": 0}),
}


@pytest.mark.parametrize(("function", "settings"), CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("shift", [0.0, 800.0])
def test_what_is_recorded_is_what_scipy_computes(function, settings, shift):
    x = mt.tensor(X + shift, requires_grad=True)
    out = recorded_scipy(function)(Array(x), **settings).recorded
    np.testing.assert_allclose(out.numpy(), function(X + shift, **settings), rtol=1e-12, atol=1e-300)
    upstream = np.random.default_rng(1).normal(size=out.shape)
    (gradient,) = mt.grad(out, [x], upstream)
    step = 1e-5
    for at in np.ndindex(X.shape):
        nudge = np.zeros(X.shape)
        nudge[at] = step
        slope = function(X + shift + nudge, **settings) - function(X + shift - nudge, **settings)
        assert np.isclose(gradient.numpy()[at], np.sum(slope * upstream) / (2 * step), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("function", [expit, xlogy, logsumexp, correlate2d])
def test_plain_arrays_are_scipys_own(function):
    arguments = (X, X) if function in (xlogy, correlate2d) else (X,)
    assert np.array_equal(recorded_scipy(function)(*arguments), function(*arguments), equal_nan=True)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda x: recorded_scipy(xlogy)(x, x), "scipy.special.xlogy is SciPy's and is not recorded; write it with"),
        (lambda x: recorded_scipy(correlate2d)(X, x), "scipy.signal.correlate2d is SciPy's and is not recorded"),
        (lambda x: recorded_scipy(scipy).special.gammaln(x), "scipy.special.gammaln is SciPy's"),
        (lambda x: recorded_scipy(logsumexp)(x, b=X), "scipy.special.logsumexp with these arguments is SciPy's"),
        (lambda x: recorded_scipy(expit)(x, out=X), "scipy.special.expit with these arguments is SciPy's"),
    ],
)
def test_what_is_not_recorded_says_so_and_what_to_write(call, said):
    with pytest.raises(mt.GradientError) as error:
        call(Array(mt.tensor(X, requires_grad=True)))
    assert said in str(error.value)
    assert "expit, log_expit, logsumexp" in str(error.value)


@pytest.mark.parametrize("value", [np, np.exp, np.sinc, np.tanh, mt, mt.erf, int, "expit", None, X, lambda x: x])
def test_nothing_stands_for_what_is_not_scipys(value):
    assert recorded_scipy(value) is None


LAYER = """
import numpy as np
{0}

def act_forward(x, w):
    s = {1}(x @ w)
    return s, (x, w, s)

def act_backward(dout, cache):
    x, w, s = cache
    dz = dout * s * (1 - s)
    return dz @ w.T, x.T @ dz
"""


@pytest.mark.parametrize(
    ("line", "called"),
    [
        ("from scipy.special import expit", "expit"),
        ("from scipy.special import expit as sigmoid", "sigmoid"),
        ("import scipy.special", "scipy.special.expit"),
        ("from scipy import special as sp", "sp.expit"),
        ("import scipy.special as sp", "sp.expit"),
    ],
)
def test_layers_with_scipys_functions_are_judged(tmp_path, line, called):
    for old, new in (("dout * s", "dout * s"), ("dout * s", "dout")):
        path = tmp_path / "mine.py"
        path.write_text(LAYER.format(line, called).replace(old, new), encoding="utf-8")
        with user_file(path) as module:
            layer = layers_of(module)["act"]
            report = judge_layer(module, layer, path, 0, {})[1]
            assert recorded_scipy(vars(module).get(called.split(".")[0])) is not None  # SciPy's own is back
        assert report.ok is (old == new)
