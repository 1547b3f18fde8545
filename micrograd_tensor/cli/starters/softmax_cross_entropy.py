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
    shifted = (logits - largest).named("shifted")
    exps = mt.exp(shifted).named("exps")
    total = exps.sum(axis=1, keepdims=True).named("total")
    log_total = mt.log(total).named("log_total")
    log_probs = (shifted - log_total).named("log_probs")
    picked = log_probs[np.arange(len(labels)), labels].named("picked")
    mean_picked = picked.mean().named("mean_picked")
    return (-mean_picked).named("loss")


def backward(dout, cache):
    """The backward pass, on plain arrays: from dout back to the inputs. `cache` holds all values by their names."""
    labels, exps, total = cache["labels"], cache["exps"], cache["total"]
    N, C = exps.shape

    # loss = -mean_picked. dout is a single number here: the gradient of the loss.
    dmean_picked = None  # () gradient of mean_picked

    # mean_picked = mean of picked. How much of it is due to one sample?
    dpicked = None  # (7,) gradient of picked

    # picked = log_probs[np.arange(N), labels]: one number of each row. Which gradient do the others get?
    dlog_probs = None  # (7, 4) gradient of log_probs

    # log_probs = shifted - log_total. log_total (7, 1) was broadcast along each row.
    dlog_total = None  # (7, 1) gradient of log_total

    # log_total = log(total)
    dtotal = None  # (7, 1) gradient of total

    # total = sum of exps along each row
    dexps = None  # (7, 4) gradient of exps

    # shifted is used twice: in log_probs, and in exps = exp(shifted).
    dshifted = None  # (7, 4) gradient of shifted

    # shifted = logits - largest. The loss is the same whatever is subtracted, so largest counts as a constant.
    # All done? Then multiply the stages out on paper: the result is famous for being short.
    dlogits = None  # (7, 4) gradient of logits
    return locals()
