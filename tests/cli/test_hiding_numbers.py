"""A stride of 1, a padding of 0, a window as large as its stride: what they hide is seen at other numbers."""

import re
import shlex

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
OVERLAPPING = """
def pool_forward(x, k=3, s=2):
    N, C, H, W = x.shape
    out = np.zeros((N, C, (H - k) // s + 1, (W - k) // s + 1))
    for i in range(out.shape[2]):
        for j in range(out.shape[3]):
            out[:, :, i, j] = x[:, :, i * s : i * s + k, j * s : j * s + k].max(axis=(2, 3))
    return out, (x, out, k, s)

def pool_backward(dout, cache):
    x, out, k, s = cache
    dx = np.zeros_like(x)
    for i in range(out.shape[2]):
        for j in range(out.shape[3]):
            mask = x[:, :, i * s : i * s + k, j * s : j * s + k] == out[:, :, i, j][:, :, None, None]
            dx[:, :, i * s : i * s + k, j * s : j * s + k] += mask * dout[:, :, i, j][:, :, None, None]
    return dx
"""
RIGHT = [
    BY_DEFAULT,
    BY_PARAMETERS,
    SIGNALS,
    POOL,
    FLIPPED,
    OVERLAPPING,
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
    pytest.param(
        BY_DEFAULT, "h, v = i * stride, j * stride", "h, v = i, j", "stride=(1)", "stride=(2)", marks=pytest.mark.slow
    ),
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
    pytest.param(
        BY_PARAMETERS, "h, v = i * stride, j * stride", "h, v = i, j", "conv_param['stride']=2", marks=pytest.mark.slow
    ),
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
    assert f'--shapes "{here}", or others, too, --shapes "{there}"; then it is judged' in said
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
    here, there = re.search(r'as in --shapes "?(\S+?)"?, or not, as in --shapes "?(\S+?)"?;', said).groups()
    assert check(text, "--shapes", here)[0] == 0
    assert check(text, "--shapes", there)[0] == 1


def test_kernels_whose_height_and_width_have_one_name_are_square(check):
    text = """
def conv_forward(A, W):
    m, H, V, C = A.shape
    f, f, C, K = W.shape
    Z = np.zeros((m, H - f + 1, V - f + 1, K))
    for h in range(Z.shape[1]):
        for w in range(Z.shape[2]):
            for c in range(K):
                Z[:, h, w, c] = np.sum(A[:, h : h + f, w : w + f] * W[..., c], axis=(1, 2, 3))
    return Z, (A, W)

def conv_backward(dZ, cache):
    A, W = cache
    f, f, C, K = W.shape
    dA, dW = np.zeros_like(A), np.zeros_like(W)
    for h in range(dZ.shape[1]):
        for w in range(dZ.shape[2]):
            for c in range(K):
                d = dZ[:, h, w, c][:, None, None, None]
                dA[:, h : h + f, w : w + f] += d * W[..., c]
                dW[..., c] += (d * A[:, h : h + f, w : w + f]).sum(axis=0)
    return dA, dW
"""
    for kernels in ("2x2", "3x3"):
        assert check(text, "--shapes", f"A=3x6x8x4,W={kernels}x4x5")[0] == 0
    assert check(text)[0] == 0


@pytest.mark.parametrize(("text", "right", "wrong", "there"), TOLD)
def test_what_numbers_hide_that_were_put_there_is_told_at_its_line(check, text, right, wrong, there):
    assert text.count(right) == 1
    status, said = check(text.replace(right, wrong))
    assert status == 1
    assert "then with " in said
    assert there in " ".join(said.split())
    assert "The mistake is in" in said


LITERALS = {
    "a number between": ("""
def leaky_forward(x, alpha=0.01):
    return np.where(x > 0, x, alpha * x), (x, alpha)

def leaky_backward(dout, cache):
    x, alpha = cache
    return dout * np.where(x > 0, 1, alpha)
""", "1, alpha", "1, 0.01", "alpha=(0.01)"),
    "one of several": ("""
def response_forward(x, k=2.0, alpha=1e-4, beta=0.75):
    s = k + alpha * (x**2).sum(axis=1, keepdims=True)
    return x / s**beta, (x, s, alpha, beta)

def response_backward(dout, cache):
    x, s, alpha, beta = cache
    ds = -beta * (dout * x / s ** (beta + 1)).sum(axis=1, keepdims=True)
    return dout / s**beta + 2 * alpha * x * ds
""", "-beta * (", "-0.75 * (", "beta=(0.75)"),
    "what is off by default": ("""
def smooth_loss(z, y, smoothing=0.0):
    n = len(y)
    q = np.full(z.shape, smoothing / z.shape[1])
    q[np.arange(n), y] += 1 - smoothing
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    loss = -np.sum(q * np.log(p)) / n
    return loss, (p - q) / n
""", "(p - q) / n", "(p - (q > 0)) / n", "smoothing=(0)"),
    "a size": ("""
class Upsample:
    def __init__(self, scale=2):
        self.scale = scale

    def forward(self, x):
        return x.repeat(self.scale, axis=2).repeat(self.scale, axis=3)

    def backward(self, dout):
        N, C, H, W = dout.shape
        k = self.scale
        return dout.reshape(N, C, H // k, k, W // k, k).sum(axis=(3, 5))
""", "k = self.scale", "k = 2", "scale=(2)"),
    "a stride of windows that overlap": ("""
def maxpool_forward(x, pool=3, stride=2):
    N, C, L = x.shape
    at = np.arange((L - pool) // stride + 1)[:, None] * stride + np.arange(pool)
    return x[:, :, at].max(axis=3), (x.shape, x[:, :, at].argmax(axis=3), stride)

def maxpool_backward(dout, cache):
    shape, best, stride = cache
    dx = np.zeros(shape)
    n, c, o = np.indices(dout.shape)
    np.add.at(dx, (n, c, o * stride + best), dout)
    return dx
""", "o * stride", "o * 2", "stride=(2)"),
    "an axis": ("""
def cumsum_forward(x, axis=1):
    return np.cumsum(x, axis=axis), axis

def cumsum_backward(dout, axis):
    return np.flip(np.cumsum(np.flip(dout, axis=axis), axis=axis), axis=axis)
""", "np.flip(dout, axis=axis)", "np.flip(dout, axis=1)", "axis=(1)"),
    "an axis, counted from the end": ("""
class Normalize:
    def __init__(self, axis=-1):
        self.axis = axis

    def forward(self, x):
        self.norm = np.sqrt((x**2).sum(axis=self.axis, keepdims=True))
        self.y = x / self.norm
        return self.y

    def backward(self, dy):
        return (dy - self.y * (dy * self.y).sum(axis=self.axis, keepdims=True)) / self.norm
""", "(dy * self.y).sum(axis=self.axis", "(dy * self.y).sum(axis=1", "axis=(-1)"),
    "what the backward pass has by default, too": ("""
def softplus_forward(x, beta=1.0):
    return np.log(1 + np.exp(beta * x)) / beta, x

def softplus_backward(dout, x, beta=1.0):
    return dout / (1 + np.exp(-beta * x))
""", "dout / (", "beta * dout / (", "beta=(1)"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "right", "wrong", "here"), LITERALS.values(), ids=LITERALS)
def test_a_number_by_default_that_backward_has_itself_is_not_judged_before_it_is_said(check, text, right, wrong, here):
    assert text.count(right) == 1
    status, said = check(text)
    assert (status, "✗" in said) == (0, False), said
    text = text.replace(right, wrong)
    status, said = check(text)
    assert status == 2, said
    asked = re.search(
        r'alone are meant, --shapes "?(\S+?)"?, or others, too, --shapes "?(\S+?)"?; then', " ".join(said.split())
    )
    assert asked[1] == here
    assert check(text, "--shapes", asked[1])[0] == 0
    assert check(text, "--shapes", asked[2])[0] == 1


SHUFFLE = """
def shuffle_forward(x, groups=2):
    N, C, H, W = x.shape
    parts = x.reshape(N, groups, C // groups, H, W).transpose(0, 2, 1, 3, 4)
    return parts.reshape(N, C, H, W), groups

def shuffle_backward(dout, groups):
    N, C, H, W = dout.shape
    return dout.reshape(N, C // groups, groups, H, W).transpose(0, 2, 1, 3, 4).reshape(N, C, H, W)
"""
ATTENTION = """
def scores_forward(q, k):
    return q @ k.T / np.sqrt(q.shape[1]), (q, k)

def scores_backward(ds, cache):
    q, k = cache
    root = np.sqrt(q.shape[1])
    return ds @ k / root, ds.T @ q / root
"""
SAME = """
def same_forward(x, w):
    N, C, L = x.shape
    F, C, K = w.shape
    padded = np.pad(x, ((0, 0), (0, 0), (K // 2, K - 1 - K // 2)))
    out = np.stack([np.einsum("ncl,fcl->nf", padded[:, :, t : t + K], w) for t in range(L)], axis=2)
    return out, (padded, w, L)

def same_backward(dout, cache):
    padded, w, L = cache
    K = w.shape[2]
    dpadded, dw = np.zeros_like(padded), np.zeros_like(w)
    for t in range(L):
        dpadded[:, :, t : t + K] += np.einsum("nf,fcl->ncl", dout[:, :, t], w)
        dw += np.einsum("nf,ncl->fcl", dout[:, :, t], padded[:, :, t : t + K])
    dx = dpadded[:, :, K // 2 : K // 2 + L]
    return dx, dw
"""
LENGTHS = [
    (SHUFFLE, "C // groups, groups, H", "groups, C // groups, H", 1),
    (ATTENTION, "root = np.sqrt(q.shape[1])", "root = np.sqrt(5)", 1),
    (SAME, "K // 2 : K // 2 + L", "1 : 1 + L", 1),
    (SAME, "K // 2 : K // 2 + L", "1:-1", 2),
    (SAME, "[:, :, t : t + K] +=", "[:, :, t : t + 3] +=", 2),
]


@pytest.mark.parametrize(("text", "right", "wrong", "due"), LENGTHS)
def test_a_length_that_is_a_number_in_backward_does_not_pass(check, text, right, wrong, due):
    assert text.count(right) == 1
    assert check(text)[0] == 0
    status, said = check(text.replace(right, wrong))
    assert status == due, said
    assert ("wrong here" in said) if due == 1 else ("or may be others, --shapes" in " ".join(said.split()))


def test_at_long_inputs_other_numbers_are_tried_at_shorter_ones(check):
    text, right, wrong, here = LITERALS["a size"]
    assert check(text, "--shapes", "x=2x3x40x40")[0] == 0
    status, said = check(text.replace(right, wrong), "--shapes", "x=2x3x40x40")
    assert status == 2
    assert f'--shapes "{here}", or others, too, --shapes "scale=(3)";' in " ".join(said.split())


def test_an_option_that_is_told_can_be_pasted_into_a_shell(check):
    text, right, wrong, here, _ = ASKED[1]
    _, said = check(wrong.join(text.rsplit(right, 1)))
    words = shlex.split(said.replace(";", " ;"))
    assert here in [word.rstrip(",") for word in words]
