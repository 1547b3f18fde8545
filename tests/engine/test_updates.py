"""The update lines that people write do what they say, or name what to write instead; none is lost in silence."""

import copy
import operator
import pickle
import warnings

import numpy as np
import pytest
from ducks import Duck
from op_cases import CASES, each

import micrograd_tensor as mt
from micrograd_tensor import nn
from micrograd_tensor.engine.trace import tracing

W, G = np.array([[1.0, 2.0], [3.0, 4.5]]), np.array([[2.0, 2.0], [0.5, 1.0]])
OPERATORS = [
    *(operator.iadd, operator.isub, operator.imul, operator.itruediv),
    *(operator.ifloordiv, operator.imod, operator.ipow, operator.imatmul),
]
every_operator = pytest.mark.parametrize("update", OPERATORS, ids=lambda f: f.__name__)
every_leaf = pytest.mark.parametrize(
    "leaf",
    [lambda v: mt.tensor(v, name="w", requires_grad=True), lambda v: nn.Parameter(v, name="w")],
    ids=["tensor", "parameter"],
)


def run(line, **names):
    """Run a line as people write it."""
    exec(line, {"np": np, **names})  # noqa: S102 -- the lines of this file


def with_gradient(value=(1.0, 2.0), dtype=None):
    """A leaf p with the gradient 2p."""
    p = mt.tensor(value, dtype=dtype, name="p", requires_grad=True)
    (p * p).sum().backward()
    return p


# --------------------------------------------------------------------------------------------------- p -= lr * p.grad


@every_operator
@every_leaf
@pytest.mark.parametrize("other", [G, mt.tensor(G), mt.tensor(G, requires_grad=True)], ids=["array", "tensor", "leaf"])
def test_an_update_of_a_leaf_within_no_grad_is_an_assignment(update, leaf, other):
    w = before = leaf(W)
    y = (w * w).sum()
    with mt.no_grad():
        w = update(w, other)
    assert w is before
    assert w.is_leaf
    assert w.requires_grad
    np.testing.assert_array_equal(w.numpy(), update(W.copy(), G))
    assert not w.numpy().flags.writeable
    y.backward()
    np.testing.assert_array_equal(w.grad.numpy(), 2 * W)  # by the values that y was computed from


@every_operator
@every_leaf
def test_an_update_of_a_leaf_is_refused_while_it_would_be_recorded(update, leaf):
    w = leaf(W)
    with pytest.raises(mt.GradientError, match=r"= on w \(2, 2\).*asks for gradients.*mt.no_grad\(\).*assign_"):
        update(w, G)
    with mt.no_grad(), mt.enable_grad(), pytest.raises(mt.GradientError, match="assign_"):
        update(w, 2.0)
    np.testing.assert_array_equal(w.numpy(), W)


@every_operator
@pytest.mark.parametrize("block", [mt.no_grad(), mt.enable_grad()])
def test_other_tensors_are_bound_anew(update, block):
    x, plain = mt.tensor(W, requires_grad=True), mt.tensor(W)
    with block:
        for before in (plain, x * 1.0):
            after = update(before, G)
            assert after is not before
            np.testing.assert_array_equal(before.numpy(), W)
            np.testing.assert_array_equal(after.numpy(), update(W.copy(), G))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_an_update_keeps_the_dtype(dtype):
    w = mt.tensor([1.0, 2.0], dtype=dtype, requires_grad=True)
    with mt.no_grad():
        w -= np.array([0.1, 0.1])
    assert w.dtype == dtype
    assert w.tolist() == (np.array([1.0, 2.0]) - 0.1).astype(dtype).tolist()


@pytest.mark.parametrize(
    ("update", "error", "said"),
    [
        (
            lambda w: operator.isub(w, np.ones((3, 2))),
            mt.ShapeError,
            r"-= on w \(2,\) with an array \(3, 2\) would change",
        ),
        (
            lambda w: operator.imatmul(w, w),
            mt.ShapeError,
            r"@= on w \(2,\) with w \(2,\) would change its shape to \(\)",
        ),
        (lambda w: operator.iadd(w, np.ones(3)), mt.ShapeError, "do not broadcast"),
        (lambda w: operator.imul(w, 1j), mt.DTypeError, "cannot hold complex"),
        (lambda w: operator.isub(w, "x"), mt.DTypeError, "x"),
        (lambda w: operator.iand(w, w), mt.DTypeError, "bitwise_and"),
    ],
)
def test_an_update_that_does_not_fit_is_refused_and_changes_nothing(update, error, said):
    w = mt.tensor([1.0, 2.0], name="w", requires_grad=True)
    with mt.no_grad(), pytest.raises(error, match=said):
        update(w)
    assert w.tolist() == [1.0, 2.0]


def test_the_loop_of_every_tutorial_trains():
    """loss = Σ p², so that a step of 0.1 leaves 0.8 of each p: the loss falls by 0.64."""
    params = [mt.tensor([4.0], requires_grad=True), mt.tensor([-3.0], requires_grad=True)]
    for k in range(20):
        loss = sum((p * p).sum() for p in params)
        assert loss.item() == pytest.approx(25 * 0.64**k)
        loss.backward()
        with mt.no_grad():
            for p in params:
                p -= 0.1 * p.grad
                p.grad = None


def test_parameters_of_a_module_are_updated_by_name():
    net = nn.Linear(2, 1, bias=False, dtype=float)
    weight, before = net.weight, net.weight.numpy()
    net(np.ones(2)).sum().backward()
    with mt.no_grad():
        net.weight -= 0.5 * net.weight.grad
    assert net.weight is weight
    assert dict(net.named_parameters()) == {"weight": weight}
    np.testing.assert_array_equal(weight.numpy(), before - 0.5)


@each(CASES)
def test_no_op_and_no_composition_updates_what_it_is_given(case):
    tensors = case.tensors()
    before = [t._data for t in tensors]
    with mt.no_grad():
        case.function(*tensors)
    assert all(t._data is array for t, array in zip(tensors, before, strict=True))


def test_within_a_trace_an_update_is_an_effect():
    w = mt.tensor([1.0, 2.0], requires_grad=True)
    with tracing() as trace, mt.no_grad():
        w -= 0.5
        w *= 2.0
    assert w.tolist() == [1.0, 2.0]
    assert trace.effects[w].value.tolist() == [1.0, 3.0]


# -------------------------------------------------------------------------------------------------------------- p.data


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("p.data += -0.1 * p.grad", [0.8, 1.6]),
        ("p.data -= 0.1 * p.grad", [0.8, 1.6]),
        ("p.data -= 0.1 * p.grad.data", [0.8, 1.6]),
        ("p.data = p.data - 0.1 * p.grad.data", [0.8, 1.6]),
        ("p.data *= 0.5", [0.5, 1.0]),
        ("p.data /= 2", [0.5, 1.0]),
        ("p.data **= 2", [1.0, 4.0]),
        ("d = p.data; d -= 0.5; d -= 0.5", [0.0, 1.0]),
        ("p.data.zero_()", [0.0, 0.0]),
        ("p.data.fill_(3.0)", [3.0, 3.0]),
        ("p.data.copy_(p.grad)", [2.0, 4.0]),
        ("p.data[:]", [1.0, 2.0]),
    ],
)
def test_data_is_updated_in_place_of_its_leaf(line, value):
    p = with_gradient()
    y = (p * p).sum()
    run(line, p=p)
    assert p.tolist() == pytest.approx(value, abs=1e-15)
    assert not p.numpy().flags.writeable
    assert type(p.numpy()) is np.ndarray
    p.grad = None
    y.backward()
    assert p.grad.tolist() == [2.0, 4.0]


@pytest.mark.parametrize(
    "line",
    [
        "p.data[0] = 5.0",
        "p.data[:] = 0",
        "p.data[...] -= 0.1 * p.grad.data",
        "p.data[1:] += 1",
        "part = p.data[1:]; part += 1",
        "p.data.T[0] = 5.0",
        "p.grad.data[:] = 0",
        "p.grad.data[0] *= 2",
        "p[0] = 5.0",
        "p.grad[:] = 0",
        "p.data.add_(1.0)",
        "p.grad.mul_(0.5)",
        "p.grad.data.mul_(0.5)",
        "y.data += 1.0",
        "y.data[...] = 1.0",
    ],
)
def test_what_cannot_be_written_to_names_the_way(line):
    p = with_gradient()
    y = p * 2.0
    with pytest.raises((ValueError, AttributeError, mt.GradientError), match="assign_"):
        run(line, p=p, y=y)
    assert (p.tolist(), p.grad.tolist(), y.tolist()) == ([1.0, 2.0], [2.0, 4.0], [2.0, 4.0])


@pytest.mark.parametrize(
    "line",
    ["p.data.fill(0)", "p.data.sort()", "np.add(p.data, 1, out=p.data)", "np.copyto(p.data, 0)", "p.numpy()[0] = 1"],
)
def test_numpy_refuses_to_write_by_itself(line):
    p = with_gradient((2.0, 1.0))
    with pytest.raises(ValueError, match="read-only"):
        run(line, p=p)
    assert p.tolist() == [2.0, 1.0]


@pytest.mark.parametrize(
    "read",
    [
        lambda a: a * 2,
        lambda a: a > 1,
        lambda a: np.exp(a),
        lambda a: a.sum(axis=0),
        lambda a: a.sum(),
        lambda a: a.max(),
        lambda a: a[0, 1],
        lambda a: np.ones((3, 2)) @ a,
        lambda a: float(a[0, 0]),
        lambda a: a.dtype,
        lambda a: repr(a),
        lambda a: str(a),
        lambda a: pickle.dumps(a),
        lambda a: pickle.dumps(a, 2),
        lambda a: np.asarray(a),
    ],
)
def test_data_reads_like_the_array(read):
    x = mt.tensor(W)
    seen, expected = read(x.data), read(x.numpy())
    assert type(seen) is type(expected)
    assert repr(seen) == repr(expected)


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, np.copy, np.zeros_like, lambda a: a.copy(), lambda a: a.astype(float), lambda a: a + 0],
)
def test_a_copy_of_data_is_an_ordinary_array(copied):
    p = with_gradient()
    own = alias = copied(p.data)
    own += 1.0
    own[0] = 7.0
    own *= 2.0
    assert own is alias
    assert own[0] == 14.0
    assert p.tolist() == [1.0, 2.0]


def test_data_does_not_keep_a_graph():
    x = with_gradient()
    y = x * 2.0
    assert y.data.leaf is None
    assert isinstance(y.data, np.ndarray)


def test_an_array_that_is_not_numpys_is_updated_too():
    w = mt.tensor(Duck(np.array([1.0, 2.0])), requires_grad=True)
    y = (w * w).sum()
    w.data = w.data - 0.5
    with mt.no_grad():
        w *= 2.0
    assert type(w.data) is Duck
    assert w.data.inside.tolist() == [1.0, 3.0]
    y.backward()
    assert w.grad.data.inside.tolist() == [2.0, 4.0]


def test_data_of_a_number_is_updated():
    w = mt.tensor(2.0, requires_grad=True)
    w.data -= 0.5
    assert (w.item(), w.shape, w.requires_grad) == (1.5, (), True)


# -------------------------------------------------------------------------------------------------------------- p.grad


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("p.grad *= 0.5", [1.0, 2.0]),
        ("p.grad /= 2", [1.0, 2.0]),
        ("p.grad = p.grad * 0.5", [1.0, 2.0]),
        ("p.grad.data *= 0.5", [1.0, 2.0]),
        ("p.grad.data.zero_()", [0.0, 0.0]),
        ("p.grad.zero_()", [0.0, 0.0]),
        ("p.grad += p", [3.0, 6.0]),
        ("p.grad = p.grad.clip(-3, 3)", [2.0, 3.0]),
        ("p.grad.assign_(0 * p.grad)", [0.0, 0.0]),
    ],
)
@pytest.mark.parametrize("block", [mt.no_grad(), mt.enable_grad()])
def test_a_gradient_is_scaled_by_the_lines_that_people_know(line, value, block):
    p = with_gradient()
    with block:
        run(line, p=p)
    assert p.grad.tolist() == value
    assert p.tolist() == [1.0, 2.0]


def kept(x):
    return (x * 2.0).retain_grad()


@pytest.mark.parametrize("make", [lambda x: x.reshape(2, 2), lambda x: x + 0, lambda x: x.astype("float32")])
def test_the_gradient_of_a_result_says_why_it_is_none(make):
    x = mt.tensor(np.arange(4.0), requires_grad=True)
    y = make(x).named("y")
    (y * y).sum().backward()
    with pytest.warns(mt.GradientWarning, match=r"y \(.*\) keeps no gradient.*retain_grad\(\).*mt.grad") as said:
        assert y.grad is None
    assert said[0].filename == __file__


def test_it_is_said_once_a_line():
    x = mt.tensor([1.0, 2.0], requires_grad=True) * 1.0
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("default")
        for _ in range(3):
            assert x.grad is None
    assert len(said) == 1


@pytest.mark.parametrize(
    "quiet",
    [
        lambda x: x,
        kept,
        lambda x: x.detach(),
        lambda x: x > 0,
        lambda x: mt.tensor([1.0]),
        lambda x: mt.no_grad()(lambda: x * 2.0)(),
    ],
    ids=["leaf", "kept", "detached", "truth value", "constant", "not recorded"],
)
def test_where_none_means_not_computed_nothing_is_said(quiet):
    assert quiet(mt.tensor([1.0, 2.0], requires_grad=True)).grad is None


def test_a_kept_gradient_is_there():
    x = mt.tensor([1.0, 2.0], requires_grad=True)
    y = kept(x)
    y.sum().backward()
    assert y.grad.tolist() == [1.0, 1.0]
