"""Convolution of images, as one matrix product: each row of the matrix is a patch that the weights look at.

Replace every None in `backward` by the gradient of that stage, in plain NumPy, and check as often as you like:

    micrograd-tensor check conv2d.py
    micrograd-tensor check conv2d.py --hints 1    # only where it is wrong; 2: what kind

Each stage is judged by what you wrote before it, so one mistake does not make the later stages wrong. A stage that
is still None counts as not given.
"""

import numpy as np

import micrograd_tensor as mt

PAD = 1


def inputs(seed=0):
    """The point at which the gradients are compared; the upstream gradient dout is drawn at random."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(3, 4, 7, 9))  # N = 3 images of C = 4 channels, 7 by 9 pixels
    weight = rng.normal(size=(5, 4, 2, 3))  # O = 5 channels out, windows of 2 by 3 pixels
    bias = rng.normal(size=5)
    return x, weight, bias


def forward(x, weight, bias):
    """The forward pass, on Tensors. Each name is a stage: its gradient is called d + name."""
    O, C, KH, KW = weight.shape
    around = ((0, 0), (0, 0), (PAD, PAD), (PAD, PAD))
    # PAD zeros on each side, which are constants.
    padded = mt.pad(x, pad_width=around).named("padded")
    # patches[i, j] = padded[:, :, i : i + H, j : j + W]: a pixel lies in up to six windows, and each passes something
    # back. Start from zeros and go through all i and j.
    patches = mt.windows(padded, size=(KH, KW), stride=(1, 1), dilation=(1, 1)).named("patches")
    _, _, N, _, H, W = patches.shape  # KH, KW, N, C, H, W: for each place in a window, all windows
    ordered = mt.transpose(patches, axes=(2, 4, 5, 3, 0, 1)).named("ordered")
    columns = ordered.reshape(N * H * W, C * KH * KW).named("columns")
    rows = weight.reshape(O, C * KH * KW).named("rows")
    # (216, 24) @ (24, 5).
    products = (columns @ rows.T).named("products")
    # bias (5,) serves every window.
    sums = (products + bias).named("sums")
    # 216 = 3 · 8 · 9 windows.
    images = sums.reshape(N, H, W, O).named("images")
    # Which order undoes that?
    return mt.transpose(images, axes=(0, 3, 1, 2)).named("out")


def backward(dout, cache):
    """The backward pass, on plain arrays: from dout back to the inputs. `cache` holds all values by their names."""
    N, O, H, W = dout.shape
    KH, KW = cache["weight"].shape[2:]
    return locals()
