"""Batch normalization by hand, in plain NumPy: the forward pass, and its backward pass derived in two ways.

The staged derivation walks the computational graph gate by gate, steps (9) to (0); each line is a local gradient times
the upstream one. The closed form results when the stages are multiplied out on paper. Both can be compared with the
gradients that `micrograd_tensor` computes from its recorded graph:

    python examples/batchnorm_by_hand.py
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any


def batchnorm_forward(x: Array, gamma: Array, beta: Array, eps: float) -> tuple[Array, dict[str, Array]]:
    """Normalize x ``(N, D)`` over its rows, scale by gamma ``(D,)``, shift by beta ``(D,)``.

    Returns the result ``(N, D)`` and a cache of what the backward passes need.
    """
    mean = x.mean(axis=0)  # (1)
    dev_from_mean = x - mean  # (2)
    dev_from_mean_sq = dev_from_mean**2  # (3)
    var = dev_from_mean_sq.mean(axis=0)  # (4)
    stddev = np.sqrt(var + eps)  # (5)
    inverted_stddev = 1.0 / stddev  # (6)
    x_norm = dev_from_mean * inverted_stddev  # (7)
    scaled_x = gamma * x_norm  # (8)
    out = scaled_x + beta  # (9)
    cache = {
        "gamma": gamma,
        "eps": eps,
        "dev_from_mean": dev_from_mean,
        "var": var,
        "stddev": stddev,
        "inverted_stddev": inverted_stddev,
        "x_norm": x_norm,
        "axis": 0,
    }
    return out, cache


def batchnorm_backward_staged(dout: Array, cache: dict[str, Array]) -> dict[str, Array]:
    """The staged derivation: from dout ``(N, D)`` back through every gate, to all gradients by name."""
    gamma, eps, axis = cache["gamma"], cache["eps"], cache["axis"]
    dev_from_mean, var, stddev = cache["dev_from_mean"], cache["var"], cache["stddev"]
    inverted_stddev, x_norm = cache["inverted_stddev"], cache["x_norm"]
    N, D = dout.shape  # noqa: N806 -- the paper's names

    # (9) out = scaled_x + beta: an adding gate passes the gradient on; beta was broadcast, so its gradient is summed.
    dbeta = np.sum(dout, axis=axis)
    dscaled_x = dout

    # (8) scaled_x = gamma * x_norm: each factor gets the other one.
    dgamma = np.sum(x_norm * dscaled_x, axis=axis)
    dx_norm = gamma * dscaled_x

    # (7) x_norm = dev_from_mean * inverted_stddev
    dinverted_stddev = np.sum(dev_from_mean * dx_norm, axis=0)
    ddev_from_mean = inverted_stddev * dx_norm

    # (6) inverted_stddev = 1 / stddev
    dstddev = -1 / (stddev**2) * dinverted_stddev

    # (5) stddev = sqrt(var + eps)
    dvar = (0.5) * 1 / np.sqrt(var + eps) * dstddev

    # (4) var = mean of dev_from_mean_sq: every row gets 1/N of the gradient.
    ddev_from_mean_sq = 1 / N * np.ones((N, D)) * dvar

    # (3) dev_from_mean_sq = dev_from_mean ** 2: the second gradient to arrive here, so it is added to the first.
    ddev_from_mean += 2 * dev_from_mean * ddev_from_mean_sq

    # (2) dev_from_mean = x - mean
    dx = 1 * ddev_from_mean
    dmean = -1 * np.sum(ddev_from_mean, axis=0)

    # (1) mean = mean of x: again 1/N to every row; (0) both gradients of x are added.
    dx += 1.0 / N * np.ones((N, D)) * dmean

    return {
        "dscaled_x": dscaled_x,
        "dbeta": dbeta,
        "dx_norm": dx_norm,
        "dgamma": dgamma,
        "dinverted_stddev": dinverted_stddev,
        "dstddev": dstddev,
        "dvar": dvar,
        "ddev_from_mean_sq": ddev_from_mean_sq,
        "ddev_from_mean": ddev_from_mean,
        "dmean": dmean,
        "dx": dx,
    }


def batchnorm_backward_closed_form(dout: Array, cache: dict[str, Array]) -> dict[str, Array]:
    """The stages multiplied out: dx from dout ``(N, D)`` in one line, and the two parameter gradients in it.

    ``dx = γ/(σN) · (N·dout − Σdout − x̂·Σ(dout·x̂))``, with sums over the rows: what remains of dout when its mean
    and its component along x̂ are removed, the two directions that normalization cannot see.
    """
    gamma, inverted_stddev, x_norm = cache["gamma"], cache["inverted_stddev"], cache["x_norm"]
    n = len(dout)
    dbeta = dout.sum(axis=0)
    dgamma = (dout * x_norm).sum(axis=0)
    dx = gamma * inverted_stddev / n * (n * dout - dbeta - x_norm * dgamma)
    return {"dx": dx, "dgamma": dgamma, "dbeta": dbeta}


def main() -> None:
    """Compare both with the recorded gradients at a generic point."""
    import micrograd_tensor as mt

    rng = np.random.default_rng(0)
    x, gamma, beta, dout = rng.normal(size=(7, 4)), rng.normal(size=4), rng.normal(size=4), rng.normal(size=(7, 4))
    leaves = {"x": x, "gamma": gamma, "beta": beta}
    tensors = {name: mt.tensor(value, name=name, requires_grad=True) for name, value in leaves.items()}
    out = mt.batch_norm(**tensors)
    _, cache = batchnorm_forward(x, gamma, beta, eps=1e-5)
    for backward in (batchnorm_backward_staged, batchnorm_backward_closed_form):
        report = mt.compare(out, dout, backward(dout, cache))
        print(f"{backward.__name__}: {'agrees' if report.ok else 'differs'}\n{report}\n")


if __name__ == "__main__":
    main()
