"""Softmax and cross-entropy: how improbable the labels are, by scores that were never made probabilities.

Replace every None in `backward` by the gradient of that stage, in plain NumPy, and check as often as you like:

    micrograd-tensor check softmax_cross_entropy.py
    micrograd-tensor check softmax_cross_entropy.py --hints 1    # only where it is wrong; 2: what kind

Each stage is judged by what you wrote before it, so one mistake does not make the later stages wrong. A stage that
is still None counts as not given.
"""

import numpy as np

import micrograd_tensor as mt


def inputs(seed=0):
    """The point at which the gradients are compared; the upstream gradient dout is drawn at random."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=2.0, size=(7, 4))  # N = 7 samples, C = 4 classes
    labels = np.array([0, 2, 1, 3, 2, 2, 0])  # integers: no gradient
    return logits, labels


def forward(logits, labels):
    """The forward pass, on Tensors. Each name is a stage: its gradient is called d + name."""
    largest = mt.stop_gradient(logits.max(axis=1, keepdims=True)).named("largest")  # no exp overflows
    # The loss is the same whatever is subtracted, so largest counts as a constant. All done? Then multiply the stages
    # out on paper: the result is famous for being short.
    shifted = (logits - largest).named("shifted")
    exps = mt.exp(shifted).named("exps")
    # A sum along each row.
    total = exps.sum(axis=1, keepdims=True).named("total")
    log_total = mt.log(total).named("log_total")
    # log_total (7, 1) was broadcast along each row.
    log_probs = (shifted - log_total).named("log_probs")
    # One number of each row. Which gradient do the others get?
    picked = log_probs[np.arange(len(labels)), labels].named("picked")
    # How much of it is due to one sample?
    mean_picked = picked.mean().named("mean_picked")
    # dout is a single number here: the gradient of the loss.
    return (-mean_picked).named("loss")


def backward(dout, cache):
    """The backward pass, on plain arrays: from dout back to the inputs. `cache` holds all values by their names."""
    N, C = cache["exps"].shape
    return locals()
