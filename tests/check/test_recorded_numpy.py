"""Plain NumPy is recorded as it stands: what an Array gives is what NumPy gives, and its gradient is right."""

import math
from types import ModuleType

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.check.recorded_array import Array
from micrograd_tensor.check.recorded_floats import RecordedFloat
from micrograd_tensor.check.recorded_numpy import RecordedNumpy, recording_numpy

RECORDED = RecordedNumpy()
X = np.random.default_rng(0).normal(size=(4, 3))


def item_by_item(np, x):
    h = np.zeros(x.shape)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            h[i, j] = x[i, j] * 2.0
    return h * h


def added_to_items(np, x):
    h = np.ones_like(x)
    for i in range(len(x)):
        h[i] += x[i] * x[0]
        h[i, 1] *= 3.0
        h[i, 0] -= x[i, 2]
    return h


def boolean_mask(np, x):
    h = x.copy()
    h[x < 0] = 0.1 * x[x < 0]
    h[h > 1] = 1.0
    return h * x


def integer_indices(np, x):
    p = np.exp(x)
    p[np.arange(4), [0, 2, 1, 1]] -= x[:, 0]
    return p / 4


def slices(np, x):
    h = np.empty((4, 6))
    h[:, :3] = x
    h[:, 3:] = np.tanh(x)
    h[::2, ::3] = x[::2, :2]
    return h


def running(np, x):
    out = np.zeros_like(x)
    out[0] = x[0]
    for t in range(1, len(x)):
        out[t] = out[t - 1] * 0.9 + x[t]
    return out


def views(np, x):
    h = np.zeros((4, 3))
    for i in range(4):
        row = h[i]
        row[:] = x[i] ** 2
        row += 1.0
    return h


def in_place(np, x):
    x = np.array(x)
    x -= x.mean(axis=0)
    x /= np.sqrt(x.var(axis=0) + 1e-5)
    x **= 2
    return x


def overwritten(np, x):
    h = np.zeros(3)
    h[0] = x[0, 0]
    h[0] = x[1, 1] * x[0, 2]
    h[1:] = x[2, 1:]
    h[2] = 5.0
    return h


def out_argument(np, x):
    h = np.zeros_like(x)
    np.multiply(x, x, out=h)
    np.add(h, 1.0, out=h)
    return h


def added_at(np, x):
    h = np.zeros(5)
    np.add.at(h, np.array([0, 2, 2, 4]), x[:, 0])
    np.subtract.at(h, np.array([1, 1, 1, 0]), x[:, 1])
    return h


def stacked(np, x):
    rows = [x[i] * i for i in range(4)]
    return np.array(rows) + np.stack([x[3], x[2], x[1], x[0]])


def filled(np, x):
    h = np.full((2, 2), 3.0)
    h.fill(1.5)
    np.fill_diagonal(h, x[0, :2])
    return h * x[0, 1]


def stable_sigmoid(np, x):
    positive = x >= 0
    z = np.zeros_like(x)
    z[positive] = np.exp(-x[positive])
    z[~positive] = np.exp(x[~positive])
    top = np.ones_like(x)
    top[~positive] = z[~positive]
    return top / (1 + z)


def numbers(np, x):
    total = 0.0
    for i in range(4):
        if x[i, 0] > 0 and np.sum(x[i]) < 100:
            total += x[i, 0] * max(x[i, 1], x[i, 2])
    return total * np.ones(2)


def in_a_list(np, x):
    hs = [None] * 4
    for i in range(4):
        hs[i] = np.tanh(x[i] if i == 0 else x[i] + hs[i - 1])
    return np.concatenate(hs)


def reshaped(np, x):
    h = np.zeros((2, 2, 3))
    flat = x.reshape(2, 2, 3)
    for i in range(2):
        h[i] = flat[i].T.T
    return h.transpose(2, 0, 1).reshape(3, -1).sum(axis=0)


def of_another_type(np, x):
    mask = np.array(x > 0, dtype=float)
    return x * (1 - mask) * 0.1 + np.asarray(x, np.float64) * mask


def along_an_axis(np, x):
    h = np.zeros((4, 3))
    np.put_along_axis(h, np.array([[0], [2], [1], [1]]), x[:, :1], axis=1)
    np.put_along_axis(h, np.array([[3, 0, 1]]), x[1:2] * x[0], 0)
    return h * x


def selected(np, x):
    return np.select([x > 1, x > 0], [x * x, x], default=np.exp(x)) + np.select([x < 0], [x])


def methods_of_constants(np, x):
    y = np.array([2, 0, 1])
    rows = np.eye(3)[y].dot(x.T) + np.where(y == 1, 1.0, 2.0).dot(np.exp(x).T)
    return y.dot(x.T) * (1 - y).T.astype(float).dot(x[:3]).sum() + rows + np.arange(3).dot(x.T)


FUNCTIONS = [
    methods_of_constants, along_an_axis, selected, item_by_item, added_to_items, boolean_mask, integer_indices,
    slices, running, views, in_place, overwritten, added_at, out_argument, stacked, filled, stable_sigmoid, numbers,
    in_a_list, reshaped, of_another_type,
]  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_recording_changes_no_number_and_its_gradient_is_that_of_differences(function):
    leaf = mt.tensor(X, name="x", requires_grad=True)
    made = function(RECORDED, Array(leaf)).recorded
    expected = function(np, X.copy())
    assert np.allclose(made.numpy(), expected, rtol=1e-14, atol=0)
    dout = np.random.default_rng(1).normal(size=expected.shape)
    gradient = mt.grad(made, [leaf], dout)[0].numpy()
    for place in np.ndindex(*X.shape):
        step = np.zeros_like(X)
        step[place] = 1e-6
        slope = np.sum(dout * (function(np, X + step) - function(np, X - step))) / 2e-6
        assert abs(gradient[place] - slope) < 1e-6


@pytest.mark.parametrize(
    "make", [lambda np, x: np.array(x, dtype=np.float32), lambda np, x: np.asarray([x], np.float32)]
)
def test_an_array_of_another_type_is_made_of_it(make):
    made = make(RECORDED, Array(mt.tensor(X, name="x", requires_grad=True)))
    assert made.dtype == np.float32
    assert np.array_equal(made.recorded.numpy(), make(np, X))


def test_a_buffer_that_a_loop_fills_takes_work_in_proportion_to_its_size():
    def nodes(n):
        x = Array(mt.tensor(np.ones(n), requires_grad=True))
        h = RECORDED.zeros(n)
        for i in range(n):
            h[i] = x[i] * 2.0
        return len(mt.graph(h.recorded).nodes)

    assert nodes(80) - nodes(40) == 4 * (nodes(50) - nodes(40))


@pytest.mark.parametrize(
    "leaves",
    [float, lambda x: x.item(), lambda x: np.zeros(1).__setitem__(0, x), lambda x: np.asarray(x), lambda x: x.tolist()],
)
def test_a_value_that_leaves_the_graph_does_not_do_so_quietly(leaves, recwarn):
    x = Array(mt.tensor(2.0, name="x", requires_grad=True))
    try:
        leaves(x)
    except (mt.GradientError, ValueError, TypeError):
        return
    assert any(issubclass(warning.category, mt.GradientWarning) for warning in recwarn)


def test_a_float_of_a_recorded_number_is_recorded_and_is_a_float():
    module = ModuleType("theirs")
    text = "def kept(x): return float(x), isinstance(float(x), float), isinstance(x, float)"
    exec(text, vars(module))  # noqa: S102 -- ours
    x = Array(mt.tensor([[2.0]], name="x", requires_grad=True))
    with recording_numpy([module]):
        number, *is_float = module.kept(x)
        assert module.kept("2")[0] == 2.0
    assert is_float == [True, False]
    assert number.shape == ()
    assert number.recorded.requires_grad
    assert "float" not in vars(module)
    assert np.zeros(1, RecordedFloat).dtype == np.float64


@pytest.mark.parametrize("name", ["shape", "ndim", "size", "dtype"])
def test_questions_about_an_array_are_answered_as_numpy_does(name):
    assert getattr(Array(mt.tensor(X)), name) == getattr(X, name)
    assert len(Array(mt.tensor(X))) == 4
    assert f"{Array(mt.tensor(1.5)):.2f}" == "1.50"
    assert np.shape(Array(mt.tensor(X))) == (4, 3)
    assert bool(Array(mt.tensor(True)))
    assert [10, 20][Array(mt.tensor(1))] == 20


def by_places(np, x, y):
    out = np.zeros_like(x)
    it = np.nditer(x, flags=["multi_index"])
    while not it.finished:
        out[it.multi_index] = x[it.multi_index] * it[0]
        it.iternext()
    return out


def by_elements(np, x, y):
    out = 0.0
    for v in np.nditer(x):
        out = out + v * v
    return out


def by_elements_in_a_block(np, x, y):
    out = 1.0
    with np.nditer(x) as it:
        for v in it:
            out = out * v
    return out


ITERATED = {
    "places": (by_places, lambda x, y: x * x),
    "elements": (by_elements, lambda x, y: (x * x).sum()),
    "within": (by_elements_in_a_block, lambda x, y: x.prod()),
    "choose in an array": (
        lambda np, x, y: np.choose(np.array([1, 0, 2]), x.T), lambda x, y: x[[0, 1, 2], [1, 0, 2]],
    ),
    "choose between two": (lambda np, x, y: np.choose(x > y, [x, y * y]), lambda x, y: np.where(x > y, y * y, x)),
    "a sum without NaN": (
        lambda np, x, y: np.nansum(np.where(y > 0, x * y, float("nan")), axis=0),
        lambda x, y: np.sum(x * np.maximum(y, 0), axis=0),
    ),
    "choose by a condition": (lambda np, x, y: np.choose(x > 0, (0 * x, x)), lambda x, y: np.maximum(x, 0)),
}  # fmt: skip


@pytest.mark.parametrize(("way", "due"), ITERATED.values(), ids=ITERATED)
def test_elements_one_by_one_and_chosen_ones_are_recorded(way, due):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
    leaves = {name: mt.tensor(value, name=name, requires_grad=True) for name, value in {"x": x, "y": y}.items()}
    out = way(RECORDED, *map(Array, leaves.values())).recorded
    assert np.allclose(out.numpy(), due(x, y))
    (slope,) = mt.grad(out.sum(), [leaves["x"]])
    step = 1e-6
    for place in np.ndindex(3, 3):
        there, back = x.copy(), x.copy()
        there[place] += step
        back[place] -= step
        numerical = (np.sum(due(there, y)) - np.sum(due(back, y))) / (2 * step)
        assert np.isclose(slope.numpy()[place], numerical, atol=1e-6)


def test_an_iterator_that_writes_is_refused():
    x = Array(mt.tensor(np.ones(3), requires_grad=True))
    with pytest.raises(mt.GradientError, match=r"would not record it: .* np\.zeros"):
        RECORDED.nditer(x, op_flags=["readwrite"])


def test_an_item_is_recorded_once_until_the_array_is_written_to():
    x = Array(mt.tensor(X, name="x", requires_grad=True))
    h = x.copy()
    assert h[1].recorded is h[1].recorded
    assert h[1, 2].recorded is h[1, 2].recorded
    assert h[1].recorded is not h[2].recorded
    assert h[1].recorded is not h[1, 2].recorded
    first, turned = h[1].recorded, h.T
    for write, due in (
        (lambda: h.__setitem__((1, 0), 5.0), [5.0, *X[1, 1:]]),
        (lambda: h.__iadd__(1.0), [6.0, *(X[1, 1:] + 1)]),
        (lambda: turned.__setitem__((2, 1), 7.0), [6.0, X[1, 1] + 1, 7.0]),
    ):
        write()
        assert np.array_equal(h[1].recorded.numpy(), due)
    assert np.array_equal(first.numpy(), X[1])
    assert np.array_equal(turned[1].recorded.numpy(), h.recorded.numpy()[:, 1])


def test_a_plain_array_that_is_asked_is_told_in_the_words_of_numpy():
    x = Array(mt.tensor(X, requires_grad=True))
    with pytest.raises(mt.GradientError, match=r"write np\.dot\(a, x\) for a\.dot\(x\)"):
        np.ones(4).dot(x)
    with pytest.warns(mt.GradientWarning, match="take NumPy's functions for those of math"):
        math.exp(x[0, 0])


@pytest.mark.parametrize(
    "ask",
    [
        lambda np, y: y.sum(), lambda np, y: np.mean(y), lambda np, y: y.dot(y), lambda np, y: y @ y,
        lambda np, y: {y.max(): y[1]}[2], lambda np, y: len(set(y)), lambda np, y: (y == 1).any(),
        lambda np, y: np.unique(y).tolist(), lambda np, y: np.ptp(y), lambda np, y: range(y.max()),
    ],
)  # fmt: skip
def test_what_numpy_says_of_labels_is_a_number_as_of_any_array(ask):
    y = np.array([2, 0, 1])
    found, due = ask(RECORDED, RECORDED.array(y)), ask(np, y)
    assert type(found) is type(due)
    assert found == due
