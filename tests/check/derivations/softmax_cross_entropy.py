"""Softmax and cross-entropy: how improbable the labels are, by scores that were never made probabilities."""

import numpy as np

import micrograd_tensor as mt


def inputs(seed=0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=2.0, size=(7, 4))  # N = 7 samples, C = 4 classes
    labels = np.array([0, 2, 1, 3, 2, 2, 0])  # integers: no gradient
    return logits, labels


def forward(logits, labels):
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
    labels, exps, total = cache["labels"], cache["exps"], cache["total"]
    N, C = exps.shape

    # loss = -mean_picked
    dmean_picked = -dout

    # mean_picked = mean of picked
    dpicked = np.ones(N) / N * dmean_picked

    # picked = log_probs at each sample's label; what was not picked gets nothing
    one_hot = np.arange(C) == labels[:, None]
    dlog_probs = one_hot * dpicked[:, None]

    # log_probs = shifted - log_total
    dlog_total = -np.sum(dlog_probs, axis=1, keepdims=True)

    # log_total = log(total)
    dtotal = dlog_total / total

    # total = sum of exps
    dexps = np.ones((N, C)) * dtotal

    # shifted goes into log_probs and into exps
    dshifted = dlog_probs + dexps * exps

    # shifted = logits - largest, which counts as a constant
    dlogits = dshifted
    return locals()
