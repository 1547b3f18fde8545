"""Convolution of images, as one matrix product: each row of the matrix is a patch that the weights look at."""

import numpy as np

import micrograd_tensor as mt

PAD = 1


def inputs(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(3, 4, 7, 9))  # N = 3 images of C = 4 channels, 7 by 9 pixels
    weight = rng.normal(size=(5, 4, 2, 3))  # O = 5 channels out, windows of 2 by 3 pixels
    bias = rng.normal(size=5)
    return x, weight, bias


def forward(x, weight, bias):
    O, C, KH, KW = weight.shape
    around = ((0, 0), (0, 0), (PAD, PAD), (PAD, PAD))
    padded = mt.pad(x, pad_width=around).named("padded")
    patches = mt.windows(padded, size=(KH, KW), stride=(1, 1), dilation=(1, 1)).named("patches")
    _, _, N, _, H, W = patches.shape  # KH, KW, N, C, H, W: for each place in a window, all windows
    ordered = mt.transpose(patches, axes=(2, 4, 5, 3, 0, 1)).named("ordered")
    columns = ordered.reshape(N * H * W, C * KH * KW).named("columns")
    rows = weight.reshape(O, C * KH * KW).named("rows")
    products = (columns @ rows.T).named("products")
    sums = (products + bias).named("sums")
    images = sums.reshape(N, H, W, O).named("images")
    return mt.transpose(images, axes=(0, 3, 1, 2)).named("out")


def backward(dout, cache):
    weight, padded, patches = cache["weight"], cache["padded"], cache["patches"]
    columns, rows, ordered = cache["columns"], cache["rows"], cache["ordered"]
    N, O, H, W = dout.shape
    KH, KW = weight.shape[2:]

    # out = images with the channels moved forward
    dimages = dout.transpose(0, 2, 3, 1)

    # images = sums, one row for each window, in the shape of images
    dsums = dimages.reshape(N * H * W, O)

    # sums = products + bias
    dbias = dsums.sum(axis=0)
    dproducts = dsums

    # products = columns @ rows.T
    drows = dproducts.T @ columns
    dcolumns = dproducts @ rows

    # rows = weight, one row for each channel out
    dweight = drows.reshape(weight.shape)

    # columns = ordered, one row for each window
    dordered = dcolumns.reshape(ordered.shape)

    # ordered = patches with the axes in another order
    dpatches = dordered.transpose(4, 5, 0, 3, 1, 2)

    # patches: a pixel lies in several windows, and gets the sum of what they pass back
    dpadded = np.zeros(padded.shape)
    for i in range(KH):
        for j in range(KW):
            dpadded[:, :, i : i + H, j : j + W] += dpatches[i, j]

    # padded = x with zeros around it
    dx = dpadded[:, :, PAD:-PAD, PAD:-PAD]
    return locals()
