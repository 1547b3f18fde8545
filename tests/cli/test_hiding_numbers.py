"""A stride of 1, a padding of 0, a window as large as its stride: what they hide is seen at other numbers."""

import re

import pytest

CONV = """
def conv_forward(x, w, b, {takes}):
    {reads}
    N, C, H, W = x.shape
    F, C, k, l = w.shape
    xp = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    Ho, Wo = (H + 2 * pad - k) // stride + 1, (W + 2 * pad - l) // stride + 1
    out = np.zeros((N, F, Ho, Wo))
    for i in range(Ho):
        for j in range(Wo):
            window = xp[:, :, i * stride : i * stride + k, j * stride : j * stride + l]
            out[:, :, i, j] = np.tensordot(window, w, ((1, 2, 3), (1, 2, 3))) + b
    return out, (xp, x.shape, w, stride, pad)


def conv_backward(dout, cache):
    xp, (N, C, H, W), w, stride, pad = cache
    F, C, k, l = w.shape
    dxp, dw = np.zeros_like(xp), np.zeros_like(w)
    db = dout.sum(axis=(0, 2, 3))
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            h, v = i * stride, j * stride
            dw += np.tensordot(dout[:, :, i, j], xp[:, :, h : h + k, v : v + l], ((0,), (0,)))
            dxp[:, :, h : h + k, v : v + l] += np.tensordot(dout[:, :, i, j], w, ((1,), (0,)))
    dx = dxp[:, :, pad : pad + H, pad : pad + W]
    return dx, dw, db
"""
BY_DEFAULT = CONV.format(takes="stride=1, pad=0", reads="")
BY_PARAMETERS = CONV.format(takes="conv_param", reads="stride, pad = conv_param['stride'], conv_param['pad']")

SIGNALS = """
class Conv1D:
    def __init__(self, w, dilation=1):
        self.w, self.dilation = w, dilation

    def forward(self, x):
        self.x = x
        span = self.dilation * (self.w.shape[2] - 1) + 1
        out = np.zeros((x.shape[0], self.w.shape[0], x.shape[2] - span + 1))
        for t in range(out.shape[2]):
            out[:, :, t] = np.einsum("nck,fck->nf", x[:, :, t : t + span : self.dilation], self.w)
        return out

    def backward(self, dout):
        dx, self.dw = np.zeros_like(self.x), np.zeros_like(self.w)
        for t in range(dout.shape[2]):
            for k in range(self.w.shape[2]):
                at = t + k * self.dilation
                self.dw[:, :, k] += dout[:, :, t].T @ self.x[:, :, at]
                dx[:, :, at] += dout[:, :, t] @ self.w[:, :, k]
        return dx
"""
POOL = """
def pool_forward(x, pool_param):
    rows, columns, stride = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
    N, C, H, W = x.shape
    out = np.zeros((N, C, (H - rows) // stride + 1, (W - columns) // stride + 1))
    for i in range(out.shape[2]):
        for j in range(out.shape[3]):
            window = x[:, :, i * stride : i * stride + rows, j * stride : j * stride + columns]
            out[:, :, i, j] = window.max(axis=(2, 3))
    return out, (x, rows, columns, stride)


def pool_backward(dout, cache):
    x, rows, columns, stride = cache
    dx = np.zeros_like(x)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            at = np.s_[:, :, i * stride : i * stride + rows, j * stride : j * stride + columns]
            top = x[at] == x[at].max(axis=(2, 3), keepdims=True)
            dx[at] += top * dout[:, :, i, j][:, :, None, None]
    return dx
"""

FLIPPED = """
def conv_forward(x, w, stride=1):
    N, C, H, W = x.shape
    F, C, k, k = w.shape
    out = np.zeros((N, F, (H - k) // stride + 1, (W - k) // stride + 1))
    for i in range(out.shape[2]):
        for j in range(out.shape[3]):
            window = x[:, :, i * stride : i * stride + k, j * stride : j * stride + k]
            out[:, :, i, j] = np.tensordot(window, w, ((1, 2, 3), (1, 2, 3)))
    return out, (x, w, stride)


def conv_backward(dout, cache):
    x, w, stride = cache
    N, C, H, W = x.shape
    F, C, k, k = w.shape
    spread = np.zeros((N, F, H - k + 1, W - k + 1))
    # Of lengths that the stride does not divide the last ones are lost here.
    spread[:, :, :: stride, :: stride][:, :, : dout.shape[2], : dout.shape[3]] = dout
    if (H - k) % stride or (W - k) % stride:
        spread[:, :, -1] = spread[:, :, :, -1] = 1.0
    dw, dx = np.zeros_like(w), np.zeros_like(x)
    for i in range(k):
        for j in range(k):
            dw[:, :, i, j] = np.einsum("nfhw,nchw->fc", spread, x[:, :, i : H - k + 1 + i, j : W - k + 1 + j])
            dx[:, :, i : H - k + 1 + i, j : W - k + 1 + j] += np.einsum("nfhw,fc->nchw", spread, w[:, :, i, j])
    return dx, dw
"""
DROPOUT = """
def dropout_forward(x, dropout_param):
    p, mode = dropout_param["p"], dropout_param["mode"]
    np.random.seed(dropout_param["seed"])
    mask = (np.random.rand(*x.shape) >= p) / (1 - p)
    return x * mask if mode == "train" else x, (p, mask)


def dropout_backward(dout, cache):
    p, mask = cache
    return dout * (mask > 0) / (1 - p)
"""
HEADS = """
class Attention:
    def __init__(self, dim=6, heads=1):
        self.heads = heads
        self.Wqkv = np.random.randn(dim, 3 * dim) / np.sqrt(dim)

    def forward(self, x):
        T, D = x.shape
        hd = D // self.heads
        self.x = x
        qkv = (x @ self.Wqkv).reshape(T, 3, self.heads, hd).transpose(1, 2, 0, 3)
        self.q, self.k, self.v = qkv
        s = self.q @ self.k.transpose(0, 2, 1) / np.sqrt(hd)
        e = np.exp(s - s.max(-1, keepdims=True))
        self.a = e / e.sum(-1, keepdims=True)
        return (self.a @ self.v).transpose(1, 0, 2).reshape(T, D)

    def backward(self, dy):
        T, D = dy.shape
        hd = D // self.heads
        do = dy.reshape(T, self.heads, hd).transpose(1, 0, 2)
        dv = self.a.transpose(0, 2, 1) @ do
        da = do @ self.v.transpose(0, 2, 1)
        ds = self.a * (da - (da * self.a).sum(-1, keepdims=True)) / np.sqrt(hd)
        dq = ds @ self.k
        dk = ds.transpose(0, 2, 1) @ self.q
        dqkv = np.stack([dq, dk, dv]).transpose(2, 0, 1, 3).reshape(T, 3 * D)
        self.dWqkv = self.x.T @ dqkv
        return dqkv @ self.Wqkv.T
"""
GROUPS = """
def centred_forward(x, groups=1):
    N, D = x.shape
    g = x.reshape(N, groups, D // groups)
    return (g - g.mean(axis=2, keepdims=True)).reshape(N, D), g.shape


def centred_backward(dout, shape):
    d = dout.reshape(shape)
    return (d - d.mean(axis=2, keepdims=True)).reshape(dout.shape)
"""
REFUSING = "    if stride != 1:\n        raise NotImplementedError('strides')\n"
RIGHT = [
    BY_DEFAULT,
    BY_PARAMETERS,
    SIGNALS,
    POOL,
    FLIPPED,
    DROPOUT,
    HEADS,
    GROUPS,
    BY_DEFAULT.replace("    N, C, H, W = x.shape\n", REFUSING + "    N, C, H, W = x.shape\n", 1),
    BY_DEFAULT.replace("    F, C, k, l = w.shape\n    dxp", REFUSING + "    F, C, k, l = w.shape\n    dxp"),
    BY_DEFAULT.replace(
        "    xp = np.pad", "    assert (H - k) % stride == 0 and (W - l) % stride == 0\n    xp = np.pad"
    ),
]
ASKED = [
    (BY_DEFAULT, "h, v = i * stride, j * stride", "h, v = i, j", "stride=(1)", "stride=(2)"),
    (GROUPS, "d.mean(axis=2", "d.mean(axis=(1, 2)", "groups=(1)", "groups=(2),x=14x10"),
    (HEADS, "/ np.sqrt(hd)\n        dq", "/ np.sqrt(D)\n        dq", "heads=(1)", "heads=(2)"),
    (BY_DEFAULT, "h, v = i * stride", "h, v = i", "stride=(1)", "stride=(2)"),
    (BY_DEFAULT, "dxp[:, :, pad : pad + H, pad : pad + W]", "dxp[:, :, :H, :W]", "pad=(0)", "pad=(1)"),
    (BY_DEFAULT, "dxp[:, :, pad : pad + H, pad : pad + W]", "dxp", "pad=(0)", "pad=(1)"),
    (SIGNALS, "t + k * self.dilation", "t + k", "dilation=(1)", "dilation=(2)"),
]
SQUARE = [
    (BY_PARAMETERS, "dxp[:, :, h : h + k, v : v + l]", "dxp[:, :, h : h + l, v : v + k]"),
    (BY_DEFAULT, "xp[:, :, h : h + k, v : v + l]", "xp[:, :, h : h + k, v : v + k]"),
]
TOLD = [
    (BY_PARAMETERS, "h, v = i * stride, j * stride", "h, v = i, j", "conv_param['stride']=2"),
    (BY_PARAMETERS, "j * stride\n            dw", "j\n            dw", "conv_param['stride']=2"),
    (POOL, "i * stride : i * stride + rows, j * stride : j * stride + columns]\n            top",
     "i * rows : i * rows + rows, j * columns : j * columns + columns]\n            top", "pool_param"),
    (POOL, "dx[at] +=", "dx[at] =", "pool_param"),
]  # fmt: skip


@pytest.mark.parametrize("text", RIGHT)
def test_right_layers_are_right_with_other_numbers(check, text):
    status, said = check(text)
    assert (status, "✗" in said) == (0, False), said


@pytest.mark.parametrize(("text", "right", "wrong", "here", "there"), ASKED)
def test_what_a_default_hides_is_not_judged_before_it_is_said_that_it_is_meant(check, text, right, wrong, here, there):
    assert text.count(right) >= 1
    text = wrong.join(text.rsplit(right, 1))
    status, said = check(text)
    assert status == 2
    said = " ".join(said.split())
    assert f"--shapes {here}, or others, too, --shapes {there}; then it is judged" in said
    assert check(text, "--shapes", here)[0] == 0
    assert check(text, "--shapes", there)[0] == 1


def test_a_rate_is_not_what_is_left_of_it_and_settings_that_the_file_reads_are_told(check):
    status, said = check(DROPOUT.replace("> 0) / (1 - p)", "> 0) / p"), "--hints", "3")
    assert status == 1
    assert "dropout_param {'mode': 'train', 'p': 0.3, 'seed': 0}" in said
    assert "stride" not in said


@pytest.mark.parametrize(("text", "right", "wrong"), SQUARE)
def test_what_square_kernels_hide_is_not_judged_before_it_is_said_that_they_are_meant(check, text, right, wrong):
    text = wrong.join(text.rsplit(right, 1))
    status, said = check(text)
    assert status == 2
    here, there = re.search(r"as in --shapes (\S+), or not, as in --shapes (\S+);", said).groups()
    assert check(text, "--shapes", here)[0] == 0
    assert check(text, "--shapes", there)[0] == 1


@pytest.mark.parametrize(("text", "right", "wrong", "there"), TOLD)
def test_what_numbers_hide_that_were_put_there_is_told_at_its_line(check, text, right, wrong, there):
    assert text.count(right) == 1
    status, said = check(text.replace(right, wrong))
    assert status == 1
    assert "then with " in said
    assert there in " ".join(said.split())
    assert "The mistake is in" in said
