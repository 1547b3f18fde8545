"""Variables of backward that share a stage's name but are other arrays: none of their lines is called wrong."""

from pathlib import Path

import pytest

from micrograd_tensor.cli.judging_layers import judge_layer
from micrograd_tensor.cli.layers import layers_of
from micrograd_tensor.cli.shapes_option import values_of
from micrograd_tensor.cli.user_file import user_file

IMAGES = """
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

def conv_forward(x, w):
    win = sliding_window_view(x, w.shape[2:], axis=(2, 3))
    out = np.einsum('ncijkl,fckl->nfij', win, w)
    return out, (x, w)

def conv_backward(dout, cache):
    x, w = cache
    kh, kw = w.shape[2:]
    dw = np.einsum('nfij,ncijkl->fckl', dout, sliding_window_view(x, (kh, kw), axis=(2, 3)))
    wide = np.pad(dout, ((0, 0), (0, 0), (kh - 1, kh - 1), (kw - 1, kw - 1)))
    dwin = sliding_window_view(wide, (kh, kw), axis=(2, 3))
    dx = np.einsum('nfijkl,fckl->ncij', dwin, w[:, :, ::-1, ::-1])
    return dx, dw
"""
SIGNALS = """
import numpy as np

def conv_forward(x, w):
    k = w.shape[2]
    cols = np.stack([x[:, :, t:t + k].reshape(len(x), -1) for t in range(x.shape[2] - k + 1)], axis=1)
    out = (cols @ w.reshape(len(w), -1).T).transpose(0, 2, 1)
    return out, (x, w, cols)

def conv_backward(dout, cache):
    x, w, cols = cache
    f, _, k = w.shape
    dw = np.einsum('nft,ntc->fc', dout, cols).reshape(w.shape)
    wide = np.pad(dout, ((0, 0), (0, 0), (k - 1, k - 1)))
    dcols = np.stack([wide[:, :, t:t + k].reshape(len(x), -1) for t in range(x.shape[2])], axis=1)
    turned = w[:, :, ::-1].transpose(1, 0, 2)
    dx = (dcols @ turned.reshape(len(turned), -1).T).transpose(0, 2, 1)
    return dx, dw
"""
SHAPES = {IMAGES: "x=3x4x6x7,w=5x4x3x2", SIGNALS: "x=3x4x8,w=5x4x3"}


def judged(tmp_path, text):
    path = Path(tmp_path, "mine.py")
    right = next(one for one in SHAPES if one.splitlines()[:6] == text.splitlines()[:6])
    path.write_text(text, encoding="utf-8")
    with user_file(path) as module:
        return judge_layer(module, layers_of(module)["conv"], path, 0, values_of(SHAPES[right]))[1]


@pytest.mark.parametrize("text", SHAPES)
def test_they_are_right_where_what_is_made_of_them_is(tmp_path, text):
    assert judged(tmp_path, text).ok


@pytest.mark.parametrize(
    ("text", "line", "wrong", "stage"),
    [
        (IMAGES, "w[:, :, ::-1, ::-1]", "w", "win"),
        (IMAGES, "w[:, :, ::-1, ::-1]", "w[:, :, ::-1]", "win"),
        (SIGNALS, "w[:, :, ::-1]", "w", "cols"),
        (SIGNALS, "dx = (dcols", "dx = 2 * (dcols", "cols"),
    ],
)
def test_they_are_not_judged_where_it_is_wrong(tmp_path, text, line, wrong, stage):
    assert line in text
    report = judged(tmp_path, text.replace(line, wrong))
    assert report.wrong == ["x"]
    assert f"d{stage}" in report.unjudged
    assert not report.ok
    assert "did not give" not in report.text()


MISTAKES = {
    "a sum that is missing": "dh = 2 * (h * dout)[..., None] * np.ones(3)",
    "a sum too many": "dh = (2 * h * dout).sum(axis=0)",
    "a transpose": "dh = (2 * h * dout).T",
    "rows that are lost": "dh = (2 * h * dout)[1:]",
}


@pytest.mark.parametrize("line", MISTAKES.values(), ids=MISTAKES)
def test_a_stage_that_a_mistake_gives_another_shape_stays_wrong(tmp_path, line):
    path = Path(tmp_path, "mine.py")
    path.write_text(
        "import numpy as np\n\ndef f_forward(x):\n    h = 3 * x\n    out = h ** 2\n    return out, h\n\n"
        f"def f_backward(dout, h):\n    {line}\n    dx = -3 * dh.sum() * np.ones(h.shape)\n    return dx\n",
        encoding="utf-8",
    )
    with user_file(path) as module:
        report = judge_layer(module, layers_of(module)["f"], path, 0, values_of("x=7x5"))[1]
    assert "h" in report.wrong
