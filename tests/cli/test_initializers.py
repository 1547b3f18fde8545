"""Weights in a dictionary whose keys are put together: a function of the file that makes them is called for them."""

from __future__ import annotations

import pytest

MAKES = """
def initialize_parameters_deep(layer_dims):
    parameters = {}
    for l in range(1, len(layer_dims)):
        parameters["W" + str(l)] = np.random.randn(layer_dims[l], layer_dims[l - 1]) * 0.01
        parameters["b" + str(l)] = np.zeros((layer_dims[l], 1))
    return parameters
"""
DEEP = """
def L_model_forward(X, parameters):
    caches, A = [], X
    L = len(parameters) // 2
    for l in range(1, L + 1):
        Z = np.dot(parameters["W" + str(l)], A) + parameters["b" + str(l)]
        caches.append((A, parameters["W" + str(l)], Z))
        A = np.maximum(0, Z) if l < L else 1 / (1 + np.exp(-Z))
    return A, caches

def compute_cost(AL, Y):
    m = Y.shape[1]
    return -np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)) / m

def L_model_backward(AL, Y, caches):
    grads, m = {}, Y.shape[1]
    dZ = AL - Y
    for l in reversed(range(1, len(caches) + 1)):
        A_prev, W, Z = caches[l - 1]
        grads["dW" + str(l)] = np.dot(dZ, A_prev.T) / m
        grads["db" + str(l)] = np.sum(dZ, axis=1, keepdims=True) / m
        grads["dA" + str(l - 1)] = np.dot(W.T, dZ)
        if l > 1:
            dZ = grads["dA" + str(l - 1)] * (caches[l - 2][2] > 0)
    return grads
"""
MAKES_TWO = """
def init_weights(n_x, n_h, n_y):
    return {"W1": np.random.randn(n_h, n_x), "W2": np.random.randn(n_y, n_h)}
"""
TWO = """
def net_forward(X, net):
    A1 = np.tanh(net["W1"] @ X)
    A2 = net["W2"] @ A1
    assert A2.shape[0] == 1
    return A2, A1

def half_loss(A2, Y):
    return np.sum((A2 - Y) ** 2) / 2

def net_backward(A2, Y, A1, X, net):
    dA2 = A2 - Y
    dA1 = net["W2"].T @ dA2
    return {"dW1": dA1 * (1 - A1**2) @ X.T, "dW2": dA2 @ A1.T}
"""
INPUTS = """
def inputs():
    rng = np.random.default_rng(0)
    net = {f"{x}{l}": rng.normal(size=(9 - l, 8 - l + 2 if x == "W" else 1)) for l in (1, 2) for x in "Wb"}
    return {"X": rng.normal(size=(9, 7)), "parameters": net, "Y": rng.permutation(49).reshape(7, 7) % 2.0}
"""

RIGHT = {
    "widths in a list": (MAKES + DEEP, "initialize_parameters_deep([5, 4, 6, 3]) makes"),
    "widths one by one, a single output": (MAKES_TWO + TWO, "init_weights(5, 4, 1) makes"),
    "formatted keys": (MAKES + DEEP.replace('"W" + str(l)', 'f"W{l}"'), "initialize_parameters_deep([5, 4, 6, 3])"),
    "inputs()": (DEEP + INPUTS, "given by inputs(): X (9, 7), Y (7, 7), W1 (8, 9)"),
}


@pytest.mark.parametrize(("text", "said"), RIGHT.values(), ids=RIGHT)
def test_weights_are_of_the_shapes_that_the_file_makes(check, text, said):
    status, printed = check(text)
    assert status == 0
    assert said in printed


def test_what_is_for_the_sum_over_examples_is_not_held_against_gradients_of_their_mean(check):
    _, printed = check(MAKES + DEEP)
    assert "dA2, dA1 and dA0 are 7 times the gradients" in printed
    status, printed = check(MAKES + DEEP.replace("np.dot(W.T, dZ)", "np.dot(W.T, dZ) / 2"))
    assert status == 1
    assert "times the gradients" not in printed


WRONG = {
    "of hidden layers alone": (MAKES + DEEP, "* (caches[l - 2][2] > 0)", "* (caches[l - 1][0] >= 0)", "wrong"),
    "a sum over all": (MAKES + DEEP, "np.sum(dZ, axis=1, keepdims=True)", "np.sum(dZ, keepdims=True)", "db3 is wrong"),
    "no slope": (MAKES_TWO + TWO, "(1 - A1**2)", "(1 - A1)", "dW1 is wrong"),
}


@pytest.mark.parametrize(("text", "line", "mistake", "said"), WRONG.values(), ids=WRONG)
def test_mistakes_show_at_these_shapes(check, text, line, mistake, said):
    assert line in text
    status, printed = check(text.replace(line, mistake))
    assert status == 1
    assert said in printed


def test_what_is_right_for_a_single_output_alone_is_not_judged_before_it_is_said(check):
    axis = "np.sum(dZ, axis=1 if l < len(caches) else None, keepdims=True)"
    status, printed = check(MAKES + DEEP.replace("np.sum(dZ, axis=1, keepdims=True)", axis))
    assert status == 2
    assert "that initialize_parameters_deep([5, 4, 6, 1]) makes, and not of those of" in printed


def test_a_backward_pass_that_stops_with_an_error_there_is_told_so(check):
    status, printed = check(MAKES + DEEP.replace("np.dot(dZ, A_prev.T)", "np.dot(dZ, A_prev)"))
    assert status == 1
    assert "backward stops with an error" in printed
    assert "initialize_parameters_deep([5, 4, 6, 3]) makes" in printed


def test_without_such_a_function_inputs_are_asked_for(check):
    status, printed = check(DEEP)
    assert status == 2
    assert 'write inputs(), which returns them all, as in return {"X": …, "parameters": {…}, "Y": …}' in printed
