"""L2 normalization: each row scaled to length 1.

Replace every None in `backward` by the gradient of that stage, in plain NumPy, and check as often as you like:

    micrograd-tensor check l2_normalize.py
    micrograd-tensor check l2_normalize.py --hints 1    # only where it is wrong; 2: what kind

Each stage is judged by what you wrote before it, so one mistake does not make the later stages wrong. A stage that
is still None counts as not given.
"""

import numpy as np

import micrograd_tensor as mt

EPS = 1e-5


def inputs(seed=0):
    """The point at which the gradients are compared; the upstream gradient dout is drawn at random."""
    rng = np.random.default_rng(seed)
    return {"x": rng.normal(size=(7, 4))}  # N = 7 rows of D = 4 numbers


def forward(x):
    """The forward pass, on Tensors. Each name is a stage: its gradient is called d + name."""
    x_sq = (x**2).named("x_sq")
    total = x_sq.sum(axis=1, keepdims=True).named("total")
    norm = mt.sqrt(total + EPS).named("norm")
    # What is the derivative of 1/n?
    inverted_norm = (1 / norm).named("inverted_norm")
    # inverted_norm (7, 1) was broadcast along each row.
    return (x * inverted_norm).named("out")


def backward(dout, cache):
    """The backward pass, on plain arrays: from dout back to the inputs. `cache` holds all values by their names."""
    return locals()
