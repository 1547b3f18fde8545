"""Each attribute of the kinds of nodes that exchange formats know, at small inputs, beside definitions in plain loops.

The definitions go element by element, in Python's numbers: nothing in them is NumPy's or ours. Gradients are checked by
differences.
"""

import itertools
import math

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor import nn

F = nn.functional


def numbers(*shape, low=-2.0, high=2.0):
    rng = np.random.default_rng([*shape, 3])
    return rng.uniform(low, high, shape)


def by_index(shape, f):
    """The array of this shape whose element at an index is f of it."""
    made = np.empty(shape)
    for index in itertools.product(*map(range, shape)):
        made[index] = f(*index)
    return made


def elementwise(f):
    return lambda *xs: by_index(np.broadcast_shapes(*map(np.shape, xs)), lambda *i: f(*(at(x, i) for x in xs)))


def at(x, index):
    """The element of x that broadcasts to an index."""
    x = np.asarray(x)
    own = index[len(index) - x.ndim :]
    return x[tuple(0 if n == 1 else i for i, n in zip(own, x.shape, strict=True))].item()


def over(axes, keepdims, f):
    """A reduction: f of the list of elements."""

    def reduce(x):
        along = range(x.ndim) if axes is None else [a % x.ndim for a in axes]
        kept = [i for i in range(x.ndim) if i not in along]

        def element(*index):
            fixed = dict(zip(kept, index, strict=True))
            rest = itertools.product(*(range(x.shape[i]) for i in along))
            return f(
                [
                    x[tuple(fixed[i] if i in fixed else dict(zip(along, r, strict=True))[i] for i in range(x.ndim))]
                    for r in rest
                ]
            )

        y = by_index([x.shape[i] for i in kept], element)
        return y.reshape([1 if i in along else n for i, n in enumerate(x.shape)]) if keepdims else y

    return reduce


def two(v):
    return v if isinstance(v, tuple) else (v, v)


def mean(values):
    return sum(values) / len(values)


def window_sums(x, w, b, stride, pads, dilation, groups):
    """A convolution of images, by its definition."""
    n, channels, height, width = x.shape
    features, per, kh, kw = w.shape
    (top, bottom), (left, right) = pads
    oh = (height + top + bottom - dilation[0] * (kh - 1) - 1) // stride[0] + 1
    ow = (width + left + right - dilation[1] * (kw - 1) - 1) // stride[1] + 1

    def element(i, f, r, c):
        total = b[f] if b is not None else 0.0
        for k, p, q in itertools.product(range(per), range(kh), range(kw)):
            y, z = r * stride[0] + p * dilation[0] - top, c * stride[1] + q * dilation[1] - left
            if 0 <= y < height and 0 <= z < width:
                total += w[f, k, p, q] * x[i, f // (features // groups) * (channels // groups) + k, y, z]
        return total

    return by_index((n, features, oh, ow), element)


def pooled(f, kernel, stride, pads, dilation=(1, 1), ceil=False, count_pad=False):
    """A pooling: f of the elements of a window, and of how many places of it there are."""

    def pool(x):
        sizes = []
        for length, k, s, p, d in zip(x.shape[2:], kernel, stride, pads, dilation, strict=True):
            room = length + 2 * p - d * (k - 1) - 1
            steps = (-(-room // s) if ceil else room // s) + 1
            sizes.append(steps - 1 if ceil and (steps - 1) * s >= length + p else steps)

        def element(n, c, r, q):
            inside, places = [], 0
            for i, j in itertools.product(range(kernel[0]), range(kernel[1])):
                y, z = r * stride[0] + i * dilation[0] - pads[0], q * stride[1] + j * dilation[1] - pads[1]
                within = 0 <= y < x.shape[2] and 0 <= z < x.shape[3]
                places += within or (y < x.shape[2] + pads[0] and z < x.shape[3] + pads[1] and count_pad)
                inside += [x[n, c, y, z]] if within else []
            return f(inside, places)

        return by_index((*x.shape[:2], *sizes), element)

    return pool


def normalized(groups_of, eps):
    """Of each element the deviation from the mean of its group over the group's spread."""

    def normalize(x):
        def element(*index):
            own = [x[i] for i in itertools.product(*map(range, x.shape)) if groups_of(i) == groups_of(index)]
            m = mean(own)
            return (x[index] - m) / math.sqrt(mean([(v - m) ** 2 for v in own]) + eps)

        return by_index(x.shape, element)

    return normalize


def matrix_product(a, b):
    """As `numpy.matmul`: of stacks of matrices, and of vectors."""
    if a.ndim == 1:
        return matrix_product(a[None], b)[..., 0, :] if b.ndim > 1 else matrix_product(a[None], b[:, None])[0, 0]
    if b.ndim == 1:
        return matrix_product(a, b[:, None])[..., 0]
    stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])

    def element(*index):
        *before, i, j = index
        return sum(at(a, (*before, i, k)) * at(b, (*before, k, j)) for k in range(a.shape[-1]))

    return by_index((*stack, a.shape[-2], b.shape[-1]), element)


def recurrent(step, states, weights):
    """The states of a net over a sequence, from its step on lists of numbers."""

    def run(x):
        w, r, b, c = weights
        found = []
        for n in range(x.shape[1]):
            state = [[0.0] * r.shape[1] for _ in range(states)]
            row = []
            for t in range(len(x)):
                gates = [
                    [sum(w[k, i] * x[t, n, i] for i in range(x.shape[2])) + b[k] for k in range(len(w))],
                    [sum(r[k, i] * state[0][i] for i in range(r.shape[1])) + c[k] for k in range(len(r))],
                ]
                state = step(*gates, state)
                row.append(state[0])
            found.append(row)
        return np.array(found).transpose(1, 0, 2)

    return run


def sigmoid(v):
    return 1 / (1 + math.exp(-v))


def lstm_step(a, b, state):
    n = len(state[0])
    i, f, g, o = ([x + y for x, y in zip(a[k * n : k * n + n], b[k * n : k * n + n], strict=True)] for k in range(4))
    c = [sigmoid(f[k]) * state[1][k] + sigmoid(i[k]) * math.tanh(g[k]) for k in range(n)]
    return [[sigmoid(o[k]) * math.tanh(c[k]) for k in range(n)], c]


def gru_step(a, b, state):
    n, (h,) = len(state[0]), state
    r, z = ([sigmoid(a[j * n + k] + b[j * n + k]) for k in range(n)] for j in range(2))
    new = [math.tanh(a[2 * n + k] + r[k] * b[2 * n + k]) for k in range(n)]
    return [[(1 - z[k]) * new[k] + z[k] * h[k] for k in range(n)]]


def rnn_step(a, b, state):
    return [[math.tanh(x + y) for x, y in zip(a, b, strict=True)]]


def layer(name, features, hidden):
    """A recurrent layer of ours, and its weights."""
    made = getattr(nn, name)(features, hidden, dtype=np.float64)
    for k, p in enumerate(made.parameters()):
        p.assign_(numbers(*p.shape, 1)[..., 0] * (0.4 + k / 10))
    return made, [p.numpy() for p in made.parameters()]


X, V, P = numbers(2, 3, 4), numbers(5), numbers(3, 4, low=0.2)
IMAGES, KERNEL, BIAS = numbers(2, 4, 5, 6), numbers(6, 2, 3, 2), numbers(6)
LABELS, LOGITS = np.array([[0, 2], [1, 1], [2, 0]]), numbers(3, 3, 2)
CASES = {}


def case(name, ours, due, *inputs, rtol=1e-12):
    assert name not in CASES
    CASES[name] = (ours, due, inputs, rtol)


# ------------------------------------------------------------------------------------------------- element by element

UNARY = {
    "Abs": (abs, abs),
    "Neg": (lambda x: -x, lambda v: -v),
    "Exp": (mt.exp, math.exp),
    "Tanh": (mt.tanh, math.tanh),
    "Sigmoid": (mt.sigmoid, sigmoid),
    "Relu": (mt.relu, lambda v: max(v, 0.0)),
    "Sin": (mt.sin, math.sin),
    "Cos": (mt.cos, math.cos),
    "Tan": (mt.tan, math.tan),
    "Sinh": (mt.sinh, math.sinh),
    "Cosh": (mt.cosh, math.cosh),
    "Asinh": (mt.arcsinh, math.asinh),
    "Atan": (mt.arctan, math.atan),
    "Erf": (mt.erf, math.erf),
    "Softplus": (mt.softplus, lambda v: math.log(1 + math.exp(v))),
    "Softsign": (lambda x: x / (1 + abs(x)), lambda v: v / (1 + abs(v))),
    "Gelu": (mt.gelu, lambda v: v * (1 + math.erf(v / math.sqrt(2))) / 2),
    "Gelu, tanh": (
        lambda x: mt.gelu(x, "tanh"),
        lambda v: v / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3))),
    ),
    "Elu": (mt.elu, lambda v: v if v > 0 else math.exp(v) - 1),
    "Elu, alpha": (lambda x: mt.elu(x, 2.0), lambda v: v if v > 0 else 2 * (math.exp(v) - 1)),
    "Selu": (mt.selu, lambda v: 1.0507009873554805 * (v if v > 0 else 1.6732632423543772 * (math.exp(v) - 1))),
    "LeakyRelu": (lambda x: mt.leaky_relu(x, 0.1), lambda v: v if v > 0 else 0.1 * v),
    "Reciprocal": (mt.reciprocal, lambda v: 1 / v),
    "Swish": (mt.silu, lambda v: v * sigmoid(v)),
    "Mish": (lambda x: x * mt.tanh(mt.softplus(x)), lambda v: v * math.tanh(math.log(1 + math.exp(v)))),
    "HardSigmoid": (lambda x: mt.clip(x / 5 + 0.5, 0, 1), lambda v: max(0.0, min(1.0, v / 5 + 0.5))),
    "ThresholdedRelu": (lambda x: mt.where(x > 1, x, 0), lambda v: v if v > 1 else 0.0),
    "Shrink": (
        lambda x: mt.where(abs(x) > 0.5, x - 0.3 * mt.sign(x), 0),
        lambda v: v - 0.3 if v > 0.5 else v + 0.3 if v < -0.5 else 0.0,
    ),
    "Floor": (mt.floor, math.floor),
    "Ceil": (mt.ceil, math.ceil),
    "Round": (mt.round, round),
    "Sign": (mt.sign, lambda v: math.copysign(1, v)),
    "Clip": (lambda x: mt.clip(x, -0.5, 0.7), lambda v: min(max(v, -0.5), 0.7)),
    "Clip, below": (lambda x: mt.clip(x, min=-0.5), lambda v: max(v, -0.5)),
    "Clip, above": (lambda x: mt.clip(x, max=0.7), lambda v: min(v, 0.7)),
    "Clip, crossed": (lambda x: mt.clip(x, 2, 1), lambda v: 1.0),
}
for _name, (_ours, _due) in UNARY.items():
    case(_name, _ours, elementwise(_due), X)
for _name, _ours, _due in (
    ("Log", mt.log, math.log),
    ("Sqrt", mt.sqrt, math.sqrt),
    ("Acosh", lambda x: mt.arccosh(x + 1), lambda v: math.acosh(v + 1)),
):
    case(_name, _ours, elementwise(_due), P)
for _name, _ours, _due in (
    ("Asin", mt.arcsin, math.asin),
    ("Acos", mt.arccos, math.acos),
    ("Atanh", mt.arctanh, math.atanh),
):
    case(_name, lambda x, f=_ours: f(x / 2.5), elementwise(lambda v, f=_due: f(v / 2.5)), X)

BINARY = {
    "Add": (lambda a, b: a + b, lambda a, b: a + b),
    "Sub": (lambda a, b: a - b, lambda a, b: a - b),
    "Mul": (lambda a, b: a * b, lambda a, b: a * b),
    "Div": (lambda a, b: a / b, lambda a, b: a / b),
    "Max": (mt.maximum, max),
    "Min": (mt.minimum, min),
    "Mod": (mt.remainder, lambda a, b: a - b * math.floor(a / b)),
    "Mod, fmod": (mt.fmod, math.fmod),
    "PRelu": (lambda x, s: mt.where(x > 0, x, x * s), lambda v, s: v if v > 0 else v * s),
}
PLACES = {
    "": (X, numbers(2, 3, 4, 1)[..., 0]),
    " of rows": (X, numbers(4)),
    " of columns": (X, numbers(3, 1)),
    " of a number": (X, np.array(0.7)),
    " both ways": (numbers(3, 1), numbers(1, 4)),
    " of nothing": (numbers(0, 3), numbers(3)),
}
for (_name, (_ours, _due)), (_place, _given) in itertools.product(BINARY.items(), PLACES.items()):
    case(_name + _place, _ours, elementwise(_due), *_given)
case("Pow", lambda a, b: a**b, elementwise(lambda a, b: a**b), P, numbers(4))
case(
    "Where",
    lambda a, b: mt.where(X > 0, a, b),
    lambda a, b: by_index(X.shape, lambda *i: at(a, i) if X[i] > 0 else at(b, i)),
    numbers(3, 1),
    numbers(4),
)
case("Sum of three", lambda a, b, c: a + b + c, elementwise(lambda a, b, c: a + b + c), X, numbers(4), numbers(3, 1))
case(
    "Mean of three",
    lambda a, b, c: (a + b + c) / 3,
    elementwise(lambda a, b, c: (a + b + c) / 3),
    X,
    numbers(4),
    numbers(3, 1),
)

# --------------------------------------------------------------------------------------------------------- reductions

REDUCTIONS = {
    "ReduceSum": (mt.sum, sum),
    "ReduceMean": (mt.mean, mean),
    "ReduceMax": (mt.max, max),
    "ReduceMin": (mt.min, min),
    "ReduceProd": (mt.prod, math.prod),
    "ReduceL1": (lambda x, **how: abs(x).sum(**how), lambda vs: sum(map(abs, vs))),
    "ReduceL2": (mt.l2_norm, lambda vs: math.hypot(*vs)),
    "ReduceSumSquare": (lambda x, **how: (x * x).sum(**how), lambda vs: sum(v * v for v in vs)),
    "ReduceLogSum": (lambda x, **how: mt.log((x + 3).sum(**how)), lambda vs: math.log(sum(v + 3 for v in vs))),
    "ReduceLogSumExp": (mt.logsumexp, lambda vs: math.log(sum(map(math.exp, vs)))),
    "Variance": (mt.var, lambda vs: mean([(v - mean(vs)) ** 2 for v in vs])),
    "Variance, unbiased": (
        lambda x, **how: mt.var(x, **how, correction=1),
        lambda vs: sum((v - mean(vs)) ** 2 for v in vs) / (len(vs) - 1),
    ),
}
for (_name, (_ours, _due)), _axes, _keep in itertools.product(
    REDUCTIONS.items(), (None, (1,), (-1,), (0, 2), (-2, 0), (2, 1)), (False, True)
):
    case(
        f"{_name}, {_axes}, {_keep}",
        lambda x, f=_ours, a=_axes, k=_keep: f(x, axis=a, keepdims=k),
        over(_axes, _keep, _due),
        X,
    )
for _name, _due in {
    "ReduceSum": (mt.sum, 0.0),
    "ReduceProd": (mt.prod, 1.0),
    "ReduceLogSumExp": (mt.logsumexp, -math.inf),
}.items():
    case(
        f"{_name} of nothing",
        lambda x, f=_due[0]: f(x, axis=1),
        lambda x, v=_due[1]: np.full((2, 4), v),
        numbers(2, 0, 4),
    )
for _axis in (0, 1, 2, -1, -2):
    case(
        f"Softmax, {_axis}",
        lambda x, a=_axis: mt.softmax(x, axis=a),
        lambda x, a=_axis: by_index(
            x.shape,
            lambda *i: math.exp(x[i]) / sum(math.exp(x[(*i[: a % 3], k, *i[a % 3 + 1 :])]) for k in range(x.shape[a])),
        ),
        X,
    )
    case(
        f"LogSoftmax, {_axis}",
        lambda x, a=_axis: mt.log_softmax(x, axis=a),
        lambda x, a=_axis: by_index(
            x.shape,
            lambda *i: x[i] - math.log(sum(math.exp(x[(*i[: a % 3], k, *i[a % 3 + 1 :])]) for k in range(x.shape[a]))),
        ),
        X,
    )
    case(
        f"CumSum, {_axis}",
        lambda x, a=_axis: mt.cumsum(x, axis=a),
        lambda x, a=_axis: by_index(
            x.shape, lambda *i: sum(x[(*i[: a % 3], k, *i[a % 3 + 1 :])] for k in range(i[a % 3] + 1))
        ),
        X,
    )
    case(
        f"CumSum, reverse, {_axis}",
        lambda x, a=_axis: mt.flip(mt.cumsum(mt.flip(x, axis=a), axis=a), axis=a),
        lambda x, a=_axis: by_index(
            x.shape, lambda *i: sum(x[(*i[: a % 3], k, *i[a % 3 + 1 :])] for k in range(i[a % 3], x.shape[a]))
        ),
        X,
    )
case(
    "Softmax of large numbers",
    lambda x: mt.softmax(x * 1e4),
    lambda x: by_index(x.shape, lambda i, j: float(x[i, j] == max(x[i]))),
    numbers(2, 5),
)
case(
    "LpNormalization",
    lambda x: x / mt.l2_norm(x, axis=1, keepdims=True),
    lambda x: by_index(x.shape, lambda i, j: x[i, j] / math.hypot(*x[i])),
    numbers(3, 4),
)

# ------------------------------------------------------------------------------------------------- moving elements

for _order in itertools.permutations(range(3)):
    case(
        f"Transpose, {_order}",
        lambda x, o=_order: mt.transpose(x, o),
        lambda x, o=_order: by_index([x.shape[i] for i in o], lambda *i: x[tuple(i[o.index(k)] for k in range(3))]),
        X,
    )
case("Transpose", mt.transpose, lambda x: by_index((4, 3, 2), lambda i, j, k: x[k, j, i]), X)


def sliced(*slices):
    """The elements at Python's own places."""

    def take(x):
        places = [list(range(n))[s] for n, s in zip(x.shape, slices, strict=True)]
        return by_index([len(p) for p in places], lambda *i: x[tuple(p[k] for p, k in zip(places, i, strict=True))])

    return take


for _name, _slices in {
    "": (slice(0, 2), slice(1, 3)),
    ", steps": (slice(0, None, 2), slice(1, None, 3)),
    ", backwards": (slice(None, None, -1), slice(-1, 0, -2)),
    ", ends beyond": (slice(0, 1000), slice(-1000, 3)),
    ", starts beyond": (slice(10, 20), slice(0, 2)),
    ", negative": (slice(-2, None), slice(0, -1)),
    ", nothing": (slice(2, 1), slice(3, 3)),
}.items():
    case(f"Slice{_name}", lambda x, s=_slices: x[s], sliced(*_slices), numbers(4, 5))
for _axis, _places in itertools.product((0, 1, -1), ([0, 1, 1], [[0, -1], [1, 0]], 1, [])):

    def _gathered(x, a=_axis, p=_places):
        p, a = np.asarray(p, int), a % 2
        return by_index(
            (*x.shape[:a], *p.shape, *x.shape[a + 1 :]), lambda *i: x[(*i[:a], p[i[a : a + p.ndim]], *i[a + p.ndim :])]
        )

    case(
        f"Gather, {_axis}, {_places}",
        lambda x, a=_axis, p=_places: mt.take(x, np.asarray(p, int), axis=a),
        _gathered,
        numbers(2, 3),
    )
for _axis, _places in ((0, [[1, 0, 1]]), (1, [[2, 0], [1, 1]]), (-1, [[-1], [0]])):
    case(
        f"GatherElements, {_axis}",
        lambda x, a=_axis, p=_places: mt.take_along_axis(x, np.array(p), axis=a),
        lambda x, a=_axis, p=_places: by_index(np.shape(p), lambda i, j: x[p[i][j], j] if a == 0 else x[i, p[i][j]]),
        numbers(2, 3),
    )
case(
    "GatherND",
    lambda x: x[[0, 1, 1], [2, 0, 0]],
    lambda x: by_index((3, 4), lambda i, j: x[[0, 1, 1][i], [2, 0, 0][i], j]),
    X,
)
case("Compress", lambda x: x[:, [False, True, True]], sliced(slice(None), slice(1, 3), slice(None)), X)
for _name, _axis, _n in (("", 0, 3), (", last", -1, 2)):
    case(
        f"Concat{_name}",
        lambda *xs, a=_axis: mt.concatenate(xs, axis=a),
        lambda *xs, a=_axis: by_index(
            [sum(x.shape[k] for x in xs) if k == a % 2 else n for k, n in enumerate(xs[0].shape)],
            lambda *i, a=a: [v for x in xs for v in ([x[k, i[1]] for k in range(len(x))] if a == 0 else list(x[i[0]]))][
                i[a]
            ],
        ),
        *[numbers(2, 2), numbers(1, 2), numbers(3, 2)][:_n] if _axis == 0 else [numbers(2, 2), numbers(2, 3)],
    )
case("Split, 0", lambda x: mt.split(x, [1, 3])[1], sliced(slice(1, 3), slice(None)), numbers(4, 3))
case("Split, 1", lambda x: mt.split(x, 3, axis=1)[2], sliced(slice(None), slice(2, 3)), numbers(4, 3))
case("Expand", lambda x: x.expand(2, 3, 4), lambda x: by_index((2, 3, 4), lambda i, j, k: x[j, 0]), numbers(3, 1))
case("Tile", lambda x: mt.tile(x, (2, 3)), lambda x: by_index((4, 9), lambda i, j: x[i % 2, j % 3]), numbers(2, 3))
case("Flatten", lambda x: x.flatten(1), lambda x: by_index((2, 12), lambda i, j: x[i, j // 4, j % 4]), X)
case(
    "Reshape",
    lambda x: x.reshape(4, -1),
    lambda x: by_index((4, 6), lambda i, j: x[(6 * i + j) // 12, (6 * i + j) // 4 % 3, (6 * i + j) % 4]),
    X,
)
case("Squeeze", lambda x: mt.squeeze(x, axis=(-1, 0)), lambda x: by_index((3,), lambda i: x[0, i, 0]), numbers(1, 3, 1))
case(
    "Unsqueeze",
    lambda x: mt.expand_dims(x, axis=(0, -1)),
    lambda x: by_index((1, 3, 1), lambda i, j, k: x[j]),
    numbers(3),
)
case(
    "DepthToSpace",
    lambda x: x.reshape(1, 2, 2, 1, 2, 3).transpose(0, 3, 4, 1, 5, 2).reshape(1, 1, 4, 6),
    lambda x: by_index((1, 1, 4, 6), lambda n, c, i, j: x[0, 2 * (i % 2) + j % 2, i // 2, j // 2]),
    numbers(1, 4, 2, 3),
)
for _k, _name in itertools.product((-4, -1, 0, 1, 5), ("tril", "triu")):
    case(
        f"Trilu, {_name}, {_k}",
        lambda x, k=_k, n=_name: getattr(mt, n)(x, k),
        lambda x, k=_k, n=_name: by_index(
            x.shape, lambda *i: x[i] if (i[-1] - i[-2] <= k if n == "tril" else i[-1] - i[-2] >= k) else 0.0
        ),
        X,
    )
REFLECTED = {
    "edge": lambda i, n: min(max(i, 0), n - 1),
    "reflect": lambda i, n: abs(i) if i < n else 2 * n - 2 - i,
    "wrap": lambda i, n: i % n,
    "symmetric": lambda i, n: -1 - i if i < 0 else 2 * n - 1 - i if i >= n else i,
}
for _mode, _place in REFLECTED.items():
    case(
        f"Pad, {_mode}",
        lambda x, m=_mode: mt.pad(x, ((1, 2), (2, 0)), mode=m),
        lambda x, p=_place: by_index((6, 6), lambda i, j: x[p(i - 1, 3), p(j - 2, 4)]),
        numbers(3, 4),
    )
case(
    "Pad, constant",
    lambda x: mt.pad(x, ((1, 2), (0, 1)), value=7.0),
    lambda x: by_index((6, 5), lambda i, j: x[i - 1, j] if 1 <= i < 4 and j < 4 else 7.0),
    numbers(3, 4),
)
case(
    "TopK",
    lambda x: mt.flip(mt.sort(x, axis=1), axis=1)[:, :2],
    lambda x: by_index((3, 2), lambda i, j: sorted(x[i], reverse=True)[j]),
    numbers(3, 4),
)
case(
    "OneHot",
    lambda x: mt.eye(4)[[1, 3, 0]] * x,
    lambda x: by_index((3, 4), lambda i, j: x[i, 0] * (j == [1, 3, 0][i])),
    numbers(3, 1),
)

# -------------------------------------------------------------------------------------------------------- products

for _a, _b in (
    ((3, 4), (4, 2)),
    ((2, 3, 4), (4, 2)),
    ((2, 3, 4), (2, 4, 2)),
    ((2, 1, 3, 4), (3, 4, 2)),
    ((4,), (4,)),
    ((4,), (4, 2)),
    ((3, 4), (4,)),
    ((2, 3, 4), (4,)),
    ((0, 4), (4, 2)),
    ((3, 0), (0, 2)),
):
    case(f"MatMul, {_a}, {_b}", lambda a, b: a @ b, matrix_product, numbers(*_a), numbers(*_b))
for _left, _right, _c in itertools.product((False, True), (False, True), ((), (5,), (3, 1), (3, 5))):
    case(
        f"Gemm, {_left}, {_right}, {_c}",
        lambda a, b, c, u=_left, v=_right: 0.3 * ((a.T if u else a) @ (b.T if v else b)) + 0.7 * c,
        lambda a, b, c, u=_left, v=_right: by_index(
            (3, 5),
            lambda i, j: (
                0.3 * sum((a[k, i] if u else a[i, k]) * (b[j, k] if v else b[k, j]) for k in range(4))
                + 0.7 * at(c, (i, j))
            ),
        ),
        numbers(*((4, 3) if _left else (3, 4))),
        numbers(*((5, 4) if _right else (4, 5))),
        numbers(*_c),
    )
case(
    "Einsum, transpose",
    lambda x: mt.einsum("ij->ji", x),
    lambda x: by_index((4, 3), lambda i, j: x[j, i]),
    numbers(3, 4),
)
case(
    "Einsum, diagonal",
    lambda x: mt.einsum("...ii->...i", x),
    lambda x: by_index((2, 3), lambda b, i: x[b, i, i]),
    numbers(2, 3, 3),
)
case(
    "Einsum, inner",
    lambda a, b: mt.einsum("i,i", a, b),
    lambda a, b: np.array(sum(x * y for x, y in zip(a, b, strict=True))),
    V,
    numbers(5, 1)[:, 0],
)
case("Einsum, stack", lambda a, b: mt.einsum("bij,bjk->bik", a, b), matrix_product, numbers(2, 3, 4), numbers(2, 4, 2))
case("Einsum, sum", lambda x: mt.einsum("ij->i", x), over((1,), False, sum), numbers(3, 4))
case(
    "Det of two by two",
    lambda x: x[0, 0] * x[1, 1] - x[0, 1] * x[1, 0],
    lambda x: np.array(x[0, 0] * x[1, 1] - x[0, 1] * x[1, 0]),
    numbers(2, 2),
)

# ------------------------------------------------------------------------------------------- windows and normalizations

for _stride, _pad, _dilation, _groups in itertools.product((1, (2, 3)), (0, (1, 2)), (1, (2, 1)), (1, 2)):
    case(
        f"Conv, {_stride}, {_pad}, {_dilation}, {_groups}",
        lambda x, w, b, s=_stride, p=_pad, d=_dilation, g=_groups: mt.conv2d(x, w, b, s, p, d, g),
        lambda x, w, b, s=_stride, p=_pad, d=_dilation, g=_groups: window_sums(
            x, w, b, two(s), [(n, n) for n in two(p)], two(d), g
        ),
        numbers(1, 2 * _groups, 5, 4),
        numbers(2, 2, 2, 2),
        numbers(2),
    )
case(
    "Conv, same",
    lambda x, w: mt.conv2d(x, w, padding="same"),
    lambda x, w: window_sums(x, w, None, (1, 1), [(0, 1), (1, 1)], (1, 1), 1),
    numbers(1, 2, 4, 3),
    numbers(2, 2, 2, 3),
)
for _stride, _pad, _ceil, _counted in itertools.product((1, 2), (0, 1), (False, True), (False, True)):
    case(
        f"AveragePool, {_stride}, {_pad}, {_ceil}, {_counted}",
        lambda x, s=_stride, p=_pad, c=_ceil, n=_counted: mt.avg_pool2d(x, (3, 2), s, p, c, n),
        pooled(lambda vs, n: sum(vs) / n, (3, 2), (_stride,) * 2, (_pad,) * 2, ceil=_ceil, count_pad=_counted),
        numbers(1, 2, 5, 4),
    )
for _stride, _pad, _dilation, _ceil in itertools.product((1, 2), (0, 1), (1, 2), (False, True)):
    case(
        f"MaxPool, {_stride}, {_pad}, {_dilation}, {_ceil}",
        lambda x, s=_stride, p=_pad, d=_dilation, c=_ceil: mt.max_pool2d(x, 2, s, p, d, c),
        pooled(lambda vs, _: max(vs), (2, 2), (_stride,) * 2, (_pad,) * 2, (_dilation,) * 2, ceil=_ceil),
        numbers(1, 2, 5, 4),
    )
case("GlobalAveragePool", lambda x: mt.adaptive_avg_pool2d(x, 1), over((2, 3), True, mean), numbers(2, 3, 4, 3))
case("GlobalMaxPool", lambda x: x.max(axis=(2, 3), keepdims=True), over((2, 3), True, max), numbers(2, 3, 4, 3))
case(
    "BatchNormalization",
    lambda x: mt.batch_norm(x, np.ones(3), np.zeros(3), eps=0.1),
    normalized(lambda i: i[1], 0.1),
    numbers(4, 3),
)
case(
    "BatchNormalization, images",
    lambda x: nn.BatchNorm2d(2, eps=0.1, dtype=np.float64)(x),
    normalized(lambda i: i[1], 0.1),
    numbers(2, 2, 2, 3),
)
case(
    "InstanceNormalization",
    lambda x: mt.instance_norm(x, eps=0.1),
    normalized(lambda i: i[:2], 0.1),
    numbers(2, 2, 2, 3),
)
case(
    "GroupNormalization",
    lambda x: mt.group_norm(x, 2, eps=0.1),
    normalized(lambda i: (i[0], i[1] // 2), 0.1),
    numbers(2, 4, 3),
)
for _axis in (0, 1, 2):
    case(
        f"LayerNormalization, {_axis}",
        lambda x, a=_axis: mt.layer_norm(x, x.shape[a:], eps=0.1),
        normalized(lambda i, a=_axis: i[:a], 0.1),
        X,
    )
case(
    "RMSNormalization",
    lambda x: mt.rms_norm(x, 4, eps=0.1),
    lambda x: by_index(x.shape, lambda i, j: x[i, j] / math.sqrt(mean([v * v for v in x[i]]) + 0.1)),
    numbers(3, 4),
)
case(
    "MeanVarianceNormalization",
    lambda x: (x - x.mean(axis=(0, 2), keepdims=True)) / x.std(axis=(0, 2), keepdims=True),
    normalized(lambda i: i[1], 0),
    X,
)

# --------------------------------------------------------------------------------------------- losses, nets, attention


def log_likelihoods(x, weights, ignored):
    """Of every label: minus its log-probability by its weight, and the weight."""

    def one(n, d):
        label = LABELS[n, d]
        weight = 0.0 if label == ignored else weights[label]
        return -weight * (x[n, label, d] - math.log(sum(math.exp(x[n, c, d]) for c in range(3)))), weight

    return [[one(n, d) for d in range(2)] for n in range(3)]


for _weights, _ignored, _reduction in itertools.product((None, (0.5, 2.0, 1.0)), (-100, 2), ("none", "sum", "mean")):

    def _loss(x, w=_weights, i=_ignored, r=_reduction):
        found = log_likelihoods(x, w or (1, 1, 1), i)
        total, weight = (sum(pair[k] for row in found for pair in row) for k in (0, 1))
        return np.array(
            [[pair[0] for pair in row] for row in found] if r == "none" else total / weight if r == "mean" else total
        )

    _how = {"weight": None if _weights is None else np.array(_weights)}
    _how |= {"ignore_index": _ignored, "reduction": _reduction}
    case(
        f"SoftmaxCrossEntropyLoss, {_weights}, {_ignored}, {_reduction}",
        lambda x, h=_how: mt.cross_entropy(x, LABELS, **h),
        _loss,
        LOGITS,
    )
    case(
        f"NegativeLogLikelihoodLoss, {_weights}, {_ignored}, {_reduction}",
        lambda x, h=_how: mt.nll_loss(mt.log_softmax(x, axis=1), LABELS, **h),
        _loss,
        LOGITS,
    )
for _name, _step, _states in (("RNN", rnn_step, 1), ("LSTM", lstm_step, 2), ("GRU", gru_step, 1)):
    _layer, _weights = layer(_name, 2, 3)
    case(_name, lambda x, f=_layer: f(x)[0], recurrent(_step, _states, _weights), numbers(3, 2, 2))


def attended(causal, scale):
    def attend(q, k, v):
        def element(i, j):
            seen = range(i + 1) if causal else range(len(k))
            weights = [math.exp(scale * sum(q[i, d] * k[m, d] for d in range(q.shape[1]))) for m in seen]
            return sum(w * v[m, j] for w, m in zip(weights, seen, strict=True)) / sum(weights)

        return by_index((len(q), v.shape[1]), element)

    return attend


for _causal, _scale in itertools.product((False, True), (None, 0.3)):
    case(
        f"Attention, {_causal}, {_scale}",
        lambda q, k, v, c=_causal, s=_scale: mt.scaled_dot_product_attention(q, k, v, is_causal=c, scale=s),
        attended(_causal, _scale or 1 / math.sqrt(2)),
        numbers(3, 2),
        numbers(4, 2)[:3] * 1.1,
        numbers(3, 5),
    )

KINDS = {}
for _name in CASES:
    KINDS.setdefault(_name.partition(",")[0].partition(" ")[0], []).append(_name)
FLAT = {"Floor", "Ceil", "Round", "Sign"}
EDGES = {"Clip, crossed", "Softmax of large numbers", "ReduceLogSumExp of nothing", "ReduceProd of nothing"}
"""Where differences tell nothing."""


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_its_definition_and_so_are_its_gradients(kind):
    for name in KINDS[kind]:
        ours, due, inputs, rtol = CASES[name]
        y = ours(*(mt.tensor(x, requires_grad=True) for x in inputs))
        expected = np.asarray(due(*inputs), float)
        assert y.shape == expected.shape, name
        np.testing.assert_allclose(y.numpy(), expected, rtol=rtol, atol=1e-13, err_msg=name)
        assert y.requires_grad, name
        if kind not in FLAT and name not in EDGES:
            assert mt.gradcheck(ours, *inputs, order=1), name


def test_there_are_as_many_cases_as_a_format_has():
    assert len(KINDS) > 90
    assert len(CASES) > 400
