"""Graphs as users record them, and the closed forms of their gradients as people write them."""

from typing import Any, NamedTuple

import numpy as np

import micrograd_tensor as mt


class Case(NamedTuple):
    """An output, its upstream gradient, names of axes, and the text of the closed form."""

    make: Any
    dims: Any
    text: str


CASES: dict[str, Case] = {}


def case(dims, text):
    def keep(make):
        lines = [line.strip() for line in text.strip().splitlines()]
        CASES[make.__name__] = Case(make, dims, "\n".join(lines))
        return make

    return keep


def leaf(rng, name, *shape, grad=True):
    return mt.tensor(rng.standard_normal(shape), name=name, requires_grad=grad)


ND = {"N": ("x", 0), "D": ("x", 1)}
BATCH_NORM = """
    dgamma = Σ(dout · x_norm, N)
    dbeta = Σ(dout, N)
    dx = gamma · (dout − dbeta / N − dgamma · x_norm / N) / stddev
"""


@case(ND, BATCH_NORM)
def batch_norm(rng):
    out = mt.batch_norm(leaf(rng, "x", 7, 4), leaf(rng, "gamma", 4), leaf(rng, "beta", 4))
    return out, rng.standard_normal((7, 4))


@case(ND, BATCH_NORM)
def batch_norm_where_n_is_d(rng):
    out = mt.batch_norm(leaf(rng, "x", 4, 4), leaf(rng, "gamma", 4), leaf(rng, "beta", 4))
    return out, rng.standard_normal((4, 4))


@case(
    {"N": ("x", 0), "C": ("x", 1), "H": ("x", 2), "W": ("x", 3)},
    """
    dgamma = Σ(dout · x_norm, N, H, W)
    dbeta = Σ(dout, N, H, W)
    dx = gamma · (dout − dbeta / (N · H · W) − dgamma · x_norm / (N · H · W)) / stddev
    """,
)
def batch_norm_of_images(rng):
    gamma, beta = leaf(rng, "gamma", 4, 1, 1), leaf(rng, "beta", 4, 1, 1)
    out = mt.batch_norm(leaf(rng, "x", 3, 4, 5, 6), gamma, beta, axis=(0, 2, 3))
    return out, rng.standard_normal((3, 4, 5, 6))


@case(
    None,
    """
    dgamma = Σ(dout · x_norm, axis 0)
    dbeta = Σ(dout, axis 0)
    dx = gamma · (dout − dbeta / 7 − dgamma · x_norm / 7) / stddev
    """,
)
def batch_norm_without_names_of_axes(rng):
    return batch_norm(rng)


@case(
    ND,
    """
    let dx_norm = dout · gamma
    dgamma = Σ(dout · x_norm, N)
    dbeta = Σ(dout, N)
    dx = (dx_norm − mean(dx_norm, D) − x_norm · mean(dx_norm · x_norm, D)) / stddev
    """,
)
def layer_norm(rng):
    out = mt.layer_norm(leaf(rng, "x", 7, 4), 4, leaf(rng, "gamma", 4), leaf(rng, "beta", 4))
    return out, rng.standard_normal((7, 4))


@case(ND, "dx = p · (dp − Σ(dp · p, D))")
def softmax(rng):
    return mt.softmax(leaf(rng, "x", 7, 4)).named("p"), rng.standard_normal((7, 4))


@case(ND, "dx = out · (dout − Σ(dout · out, D))")
def softmax_without_a_name(rng):
    return mt.softmax(leaf(rng, "x", 7, 4)), rng.standard_normal((7, 4))


@case(
    ND,
    """
    let t = (x² = max(x², D))
    dx = 2 · dout · t · x · (1 − 1 / m²) / Σ(t, D)
    """,
)
def extremum_of_what_has_no_name(rng):
    m = mt.max(mt.square(leaf(rng, "x", 7, 4)), axis=1).named("m")
    return (m + 1 / m).named("out"), rng.standard_normal(7)


@case(ND, "dx = dout − softmax(x, D) · Σ(dout, D)")
def log_softmax(rng):
    return mt.log_softmax(leaf(rng, "x", 7, 4)).named("out"), rng.standard_normal((7, 4))


@case(
    {"N": ("x", 0), "C": ("x", 1), "L": ("x", 2)},
    """
    dgamma = Σ(dout · x_norm, N, L)
    dbeta = Σ(dout, N, L)
    dx = gamma · (dout − mean(dout, L) − x_norm · mean(dout · x_norm, L)) / stddev
    """,
)
def instance_norm(rng):
    out = mt.instance_norm(leaf(rng, "x", 3, 8, 5), leaf(rng, "gamma", 8), leaf(rng, "beta", 8))
    return out, rng.standard_normal((3, 8, 5))


@case(
    ND,
    """
    let dx_norm = dout · gamma
    dgamma = Σ(dout · x_norm, N)
    dx = (dx_norm − x_norm · mean(dx_norm · x_norm, D)) / stddev
    """,
)
def rms_norm(rng):
    out = mt.rms_norm(leaf(rng, "x", 7, 4), 4, leaf(rng, "gamma", 4), 1e-5)
    return out, rng.standard_normal((7, 4))


@case(ND, "dx = (dout − out · Σ(dout · out, D)) / norm")
def l2_normalize(rng):
    x = leaf(rng, "x", 7, 4)
    return (x / mt.l2_norm(x, axis=1, keepdims=True).named("norm")).named("out"), rng.standard_normal((7, 4))


@case(ND, "dx = dout · softmax(x, D)")
def logsumexp(rng):
    return mt.logsumexp(leaf(rng, "x", 7, 4), axis=1).named("out"), rng.standard_normal(7)


@case(
    ND,
    """
    let t = √mean((x − mean(x, N))², N)
    dx = (dout − mean(dout, N) − out · mean(dout · out, N)) / t
    """,
)
def standardize(rng):
    x = leaf(rng, "x", 7, 4)
    return ((x - x.mean(axis=0)) / mt.std(x, axis=0)).named("out"), rng.standard_normal((7, 4))


@case(
    ND,
    """
    let t = tanh(√(2/π) · x · (1 + 0.044715 · x²))
    dx = dout · ((1 + t) / 2 + x · (1 − t²) · (1 + 0.134145 · x²) / √(2π))
    """,
)
def gelu_tanh(rng):
    return mt.gelu(leaf(rng, "x", 7, 4), "tanh").named("out"), rng.standard_normal((7, 4))


@case(ND, "dx = dout · (erfc(−x / √2) / 2 + x · exp(−x² / 2) / √(2π))")
def gelu_erf(rng):
    return mt.gelu(leaf(rng, "x", 7, 4)).named("out"), rng.standard_normal((7, 4))


@case(
    ND,
    """
    let t = σ(x)
    dx = dout · t · (1 + x · (1 − t))
    """,
)
def silu(rng):
    return mt.silu(leaf(rng, "x", 7, 4)).named("out"), rng.standard_normal((7, 4))


@case(
    {"N": ("x", 0), "D": ("x", 1), "H": ("W1", 1), "C": ("W2", 1)},
    """
    let dh = (dout @ W2ᵀ) · (1 − a²)
    db1 = Σ(dh, N)
    db2 = Σ(dout, N)
    dW1 = xᵀ @ dh
    dW2 = aᵀ @ dout
    """,
)
def one_hidden_layer(rng):
    x = leaf(rng, "x", 7, 4, grad=False)
    h = (x @ leaf(rng, "W1", 4, 6) + leaf(rng, "b1", 6)).named("h")
    out = (mt.tanh(h).named("a") @ leaf(rng, "W2", 6, 3) + leaf(rng, "b2", 3)).named("out")
    return out, rng.standard_normal((7, 3))


@case(
    {"B": ("Q", 0), "L": ("Q", 1), "E": ("Q", 2), "S": ("K", 1), "V": ("V", 2)},
    """
    let dS = P · (dO @ Vᵀ − Σ(dO · O, V))
    dQ = (dS @ K) / 2
    dK = (dSᵀ @ Q) / 2
    dV = Pᵀ @ dO
    """,
)
def attention(rng):
    q, k, v = leaf(rng, "Q", 2, 7, 4), leaf(rng, "K", 2, 5, 4), leaf(rng, "V", 2, 5, 3)
    scores = (q @ mt.swapaxes(k, -1, -2) * 0.5).named("S")
    return (mt.softmax(scores).named("P") @ v).named("O"), rng.standard_normal((2, 7, 3))


IMAGES = {"N": ("x", 0), "C": ("x", 1), "L": ("x", 2)}


@case(
    IMAGES,
    """
    let dx_norm = dout · gamma
    dgamma = Σ(dout · x_norm, N, L)
    dbeta = Σ(dout, N, L)
    dx = (dx_norm − mean(dx_norm, C₂, L) − x_norm · mean(dx_norm · x_norm, C₂, L)) / stddev
    """,
)
def group_norm(rng):
    out = mt.group_norm(leaf(rng, "x", 3, 8, 5), 2, leaf(rng, "gamma", 8), leaf(rng, "beta", 8))
    return out, rng.standard_normal((3, 8, 5))


@case(ND, "dx = (softmax(x, D) − onehot(target)) / N")
def softmax_cross_entropy(rng):
    return mt.cross_entropy(leaf(rng, "x", 7, 4), np.arange(7) % 4).named("loss"), 1.0


@case(ND, "dx = (σ(x) − z) / (N · D)")
def bce_with_logits(rng):
    z = mt.tensor(rng.random((7, 4)), name="z")
    return mt.binary_cross_entropy_with_logits(leaf(rng, "x", 7, 4), z).named("loss"), 1.0


@case(
    {"N": ("X", 0), "D": ("X", 1)},
    """
    let t = (σ(X @ w + b) − y) / N
    db = Σt
    dw = Xᵀ @ t
    """,
)
def logistic_regression(rng):
    x, y = leaf(rng, "X", 7, 4, grad=False), mt.tensor(rng.integers(0, 2, 7) * 1.0, name="y")
    return mt.binary_cross_entropy_with_logits(x @ leaf(rng, "w", 4) + leaf(rng, "b"), y).named("loss"), 1.0


@case({"N": ("X", 0), "D": ("X", 1)}, "dw = 2 · (Xᵀ @ (X @ w − y)) / N")
def least_squares(rng):
    x, y = leaf(rng, "X", 7, 4, grad=False), leaf(rng, "y", 7, grad=False)
    return mt.mse_loss(x @ leaf(rng, "w", 4), y).named("loss"), 1.0


@case({"N": ("X", 0), "D": ("X", 1)}, "dw = 0.2 · w + 2 · (Xᵀ @ (X @ w − y))")
def ridge(rng):
    x, w, y = leaf(rng, "X", 7, 4, grad=False), leaf(rng, "w", 4), leaf(rng, "y", 7, grad=False)
    return (mt.square(x @ w - y).sum() + 0.1 * mt.square(w).sum()).named("loss"), 1.0


@case(
    ND,
    """
    let t = √(Σ((x − mean(x, N))², N) / 6)
    dx = (dout − mean(dout, N) − out · Σ(dout · out, N) / 6) / t
    """,
)
def standardize_unbiased(rng):
    x = leaf(rng, "x", 7, 4)
    return ((x - x.mean(axis=0)) / mt.std(x, axis=0, correction=1)).named("out"), rng.standard_normal((7, 4))


@case(
    {"N": ("x", 0), "D": ("x", 1), "H": ("W", 1)},
    """
    dbias = 0
    dgamma = Σ(dout · x_norm, N)
    dbeta = Σ(dout, N)
    dW = xᵀ @ (gamma · (dout − dbeta / N − dgamma · x_norm / N) / stddev)
    """,
)
def bias_before_batch_norm(rng):
    h = leaf(rng, "x", 7, 5, grad=False) @ leaf(rng, "W", 5, 4) + leaf(rng, "bias", 4)
    return mt.batch_norm(h, leaf(rng, "gamma", 4), leaf(rng, "beta", 4)), rng.standard_normal((7, 4))


@case(
    {"T": ("x", 0), "D": ("x", 1), "K": ("Wq", 1), "V": ("Wv", 1)},
    """
    let dV = Pᵀ @ dO
    let dS = P · (dO @ Vᵀ − Σ(dO · O, V, kept))
    let dQ = (dS @ K) / 2
    let dK = (dSᵀ @ Q) / 2
    dx = dQ @ Wqᵀ + dK @ Wkᵀ + dV @ Wvᵀ
    dWq = xᵀ @ dQ
    dWk = xᵀ @ dK
    dWv = xᵀ @ dV
    """,
)
def self_attention(rng):
    x = leaf(rng, "x", 7, 4)
    q, k, v = ((x @ leaf(rng, f"W{name.lower()}", 4, 4)).named(name) for name in "QKV")
    p = mt.softmax((q @ k.T * 0.5).named("S")).named("P")
    return (p @ v).named("O"), rng.standard_normal((7, 4))


@case(
    {"N": ("a", 0), "D": ("a", 1)},
    """
    let t = Σ(a · b, D)
    da = dc · (b − a · t / na²) / (na · nb)
    db = dc · (a − b · t / nb²) / (na · nb)
    """,
)
def cosine_similarity(rng):
    a, b = leaf(rng, "a", 7, 4), leaf(rng, "b", 7, 4)
    norms = mt.l2_norm(a, axis=1).named("na") * mt.l2_norm(b, axis=1).named("nb")
    return ((a * b).sum(axis=1) / norms).named("c"), rng.standard_normal(7)


@case(
    {"N": ("x", 0), "D": ("x", 1), "H": [("h", 1), ("c", 1)], "4H": ("weight_ih", 0)},
    """
    let t = bias_ih + bias_hh + x @ weight_ihᵀ + h @ weight_hhᵀ
    let u = σ(t[:, 3:6])
    let v = σ(t[:, 0:3])
    let w = tanh(t[:, 6:9])
    let s = σ(t[:, 9:12])
    let r = dh_next · s · (1 − tanh(c · u + v · w)²)
    let a = concat(r · v · w · (1 − v), r · c · u · (1 − u), r · v · (1 − w²), dh_next · h_next · (1 − s), H)
    dbias_ih = Σ(a, N)
    dbias_hh = Σ(a, N)
    dx = a @ weight_ih
    dh = a @ weight_hh
    dc = r · u
    dweight_ih = aᵀ @ x
    dweight_hh = aᵀ @ h
    """,
)
def lstm_cell(rng):
    x, h, c = (leaf(rng, name, 5, n) for name, n in (("x", 4), ("h", 3), ("c", 3)))
    after, _ = mt.nn.LSTMCell(4, 3, dtype=np.float64, generator=rng)(x, (h, c))
    return after.named("h_next"), rng.standard_normal((5, 3))


@case({"N": ("x", 0)}, "dx = doutᵀ @ x + dout @ x")
def products_of_all_rows(rng):
    x = leaf(rng, "x", 7, 4)
    return (x @ x.T).named("out"), rng.standard_normal((7, 7))


@case(ND, "dx = dout · (x > 0)")
def relu(rng):
    return mt.relu(leaf(rng, "x", 7, 4)).named("out"), rng.standard_normal((7, 4))


@case(
    {"B": ("Q", 0), "L": ("Q", 1), "E": ("Q", 2), "S": ("K", 1), "V": ("V", 2)},
    """
    let t = softmax((Q @ Kᵀ) / 2, S)
    let u = t · (dO @ Vᵀ − Σ(dO · O, V)) / 2
    dQ = u @ K
    dK = uᵀ @ Q
    dV = tᵀ @ dO
    """,
)
def scaled_dot_product_attention(rng):
    q, k, v = leaf(rng, "Q", 2, 7, 4), leaf(rng, "K", 2, 5, 4), leaf(rng, "V", 2, 5, 3)
    return mt.scaled_dot_product_attention(q, k, v).named("O"), rng.standard_normal((2, 7, 3))


@case(
    {"N": ("x", 0), "D": ("x", 1), "H": ("W", 1)},
    """
    dgamma = Σ(dout · x_norm, N)
    dbeta = Σ(dout, N)
    dW = xᵀ @ (gamma · (dout − dbeta / N − dgamma · x_norm / N) / stddev)
    """,
)
def product_before_batch_norm(rng):
    h = leaf(rng, "x", 7, 5, grad=False) @ leaf(rng, "W", 5, 4)
    return mt.batch_norm(h, leaf(rng, "gamma", 4), leaf(rng, "beta", 4)), rng.standard_normal((7, 4))


@case(ND, "dx = dout · ((x − 1 / 2 > 0) − (−1 / 2 − x > 0))")
def comparisons_that_are_subtracted(rng):
    x = leaf(rng, "x", 7, 4)
    return (mt.relu(x - 0.5) + mt.relu(-x - 0.5)).named("out"), rng.standard_normal((7, 4))
