"""Large arrays that no rule reads are let go, and nobody notices but the memory."""

import gc
import tracemalloc
import weakref

import numpy as np
import pytest
from op_cases import DIFFERENTIABLE, outputs, upstreams

import micrograd_tensor as mt
from micrograd_tensor import nn
from micrograd_tensor.engine import primitive
from micrograd_tensor.engine.arrays import Outline
from micrograd_tensor.engine.row import TABLE
from micrograd_tensor.engine.walk import ancestors

pytestmark = pytest.mark.slow  # every row of the table, several times over

BY_NAME = {c.name: c for c in DIFFERENTIABLE}


@pytest.fixture
def all_sizes(monkeypatch):
    """Let arrays of every size go."""
    monkeypatch.setattr(primitive, "LARGE", 0)


def results(leaves):
    """Results of an op in place of leaves: only what can be computed again is let go."""
    return [x * 1.0 if x.requires_grad else x for x in leaves]


def let_go(outs):
    """By row and operand, what a graph holds only the outline of."""
    saved = [(t.op.name, i, array) for t in ancestors(outs) if t.op for i, array in enumerate(t.saved)]
    return {(name, i) for name, i, array in saved if type(array) is Outline}


def derivatives(c, create_graph):
    """Gradients, and where they are recorded the gradients of their squares."""
    leaves = c.tensors()
    wanted = [x for x in leaves if x.requires_grad]
    outs = [y for y in outputs(c.function(*results(leaves))) if y.requires_grad]
    first = mt.grad(outs, wanted, upstreams(outs), create_graph=create_graph)
    squares = [(g * g).sum() for g in first if g is not None and g.requires_grad]
    second = mt.grad(squares, wanted) if squares else ()
    return [None if g is None else g.tolist() for g in (*first, *second)]


@pytest.mark.parametrize("create_graph", [False, True], ids=["plain", "recorded"])
@pytest.mark.parametrize("name", BY_NAME)
def test_gradients_are_the_same_bit_for_bit(name, create_graph, monkeypatch):
    expected = derivatives(BY_NAME[name], create_graph)
    monkeypatch.setattr(primitive, "LARGE", 0)
    assert derivatives(BY_NAME[name], create_graph) == expected


def moved(leaves):
    """What was moved from leaves in place of them: it can be moved again."""
    return [mt.reshape(mt.reshape(x, shape=-1), shape=x.shape) if x.requires_grad else x for x in leaves]


@pytest.mark.parametrize("create_graph", [False, True], ids=["plain", "recorded"])
@pytest.mark.parametrize("name", BY_NAME)
def test_gradients_are_the_same_where_operands_are_moved_again(name, create_graph, monkeypatch):
    monkeypatch.setattr(f"{__name__}.results", moved)
    expected = derivatives(BY_NAME[name], create_graph)
    monkeypatch.setattr(primitive, "LARGE", 0)
    monkeypatch.setattr(primitive, "HUGE", 0)
    assert derivatives(BY_NAME[name], create_graph) == expected


def test_operands_that_are_read_were_left_out_where_they_can_be_moved_again(all_sizes, monkeypatch):
    monkeypatch.setattr(primitive, "HUGE", 0)
    found = set()
    for c in DIFFERENTIABLE:
        found |= let_go(outputs(c.function(*moved(c.tensors()))))
    read = {(name, i) for name, i in found if i not in TABLE[name].unread}
    assert {("matmul", 0), ("matmul", 1), ("max", 0), ("min", 0), ("prod", 0)} <= read


def test_every_operand_that_a_row_calls_unread_was_left_out(all_sizes):
    found = set()
    for c in DIFFERENTIABLE:
        found |= let_go(outputs(c.function(*results(c.tensors()))))
    rules = {name: row.vjps for name, row in TABLE.items() if isinstance(row.vjps, tuple) and any(row.vjps)}
    declared = {(name, i) for name in rules for i in TABLE[name].unread if i != "y"}
    assert len(declared) > 25
    assert declared <= found


def test_an_outline_that_is_read_is_noticed(all_sizes):
    """What the tests above rely on: a rule that reads what its row calls unread fails."""
    outline = Outline(np.ones(3))
    assert (outline.shape, outline.ndim, outline.size, outline.dtype) == ((3,), 1, 3, np.float64)
    for read in (lambda x: x * 2.0, lambda x: np.ones(3) * x, np.exp, lambda x: np.where(True, x, 0), lambda x: x > 0):
        with pytest.raises(TypeError):
            read(outline)


@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if row.y_serves])
def test_a_result_that_serves_in_place_of_the_operand_tells_the_rule_the_same(name):
    row, x = TABLE[name], np.array([-2.0, -0.0, 0.0, 3.0, np.inf, -np.inf, np.nan])
    y = row.forward(x)
    for rule in row.vjps:
        np.testing.assert_array_equal(rule(np.arange(7.0), y, y), rule(np.arange(7.0), y, x))


# ------------------------------------------------------------------------------------------------------------- memory


def net(n, width):
    rng = np.random.default_rng(0)
    x = mt.tensor(rng.standard_normal((n, width)).astype(np.float32))
    layers = [[nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU()] for _ in range(3)]
    return nn.Sequential(*[layer for row in layers for layer in row]), x


def test_a_linear_layer_with_batch_norm_and_relu_keeps_three_arrays():
    """The deviations, the normalized values, and the result: no rule reads the other six."""
    model, x = net(2048, 64)
    model(x)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        out = model(x)
        kept = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert out.requires_grad
    assert kept / (3 * x.numpy().nbytes) < 3.1


def test_an_array_lives_as_long_as_its_tensor_or_a_rule_needs_it():
    x, w = mt.tensor(np.ones((400, 100)), requires_grad=True), mt.tensor(np.ones((400, 100)), requires_grad=True)
    product, kept = x * w, x * w
    read = x * w
    watched = [weakref.ref(t._data) for t in (product, kept, read)]
    total = (product + 1.0).sum() + (kept + 1.0).sum() + (read * read).sum()
    del product, read
    assert [r() is None for r in watched] == [True, False, False]
    total.backward()
    assert (kept.numpy() == 1.0).all()
    del total
    assert [r() is None for r in watched] == [True, False, True]


def test_a_convolution_keeps_its_images_but_not_their_windows():
    """Of three times the size; only the images are kept, in any case for relu, and the result by its Tensor."""
    x = mt.tensor(np.random.default_rng(0).standard_normal((64, 8, 32, 32)).astype(np.float32), requires_grad=True)
    convolve = nn.Conv2d(8, 8, 3, padding=1, bias=False)
    image = mt.relu(x)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        out = convolve(image)
        kept = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert kept / out.numpy().nbytes < 1.1
    seen = mt.max_pool2d(image, 3, stride=1)
    assert let_go([seen]) >= {("max", 0)}
    out.backward(np.ones(out.shape, np.float32))
    ours = x.grad.numpy()
    x.grad = None
    with mt.detect_anomaly():
        out.backward(np.ones(out.shape, np.float32))
    np.testing.assert_array_equal(x.grad.numpy(), ours)


def test_small_arrays_are_kept_since_little_would_be_won():
    x = mt.tensor(np.ones(8), requires_grad=True)
    assert not let_go([((x * 2.0) + 1.0).sum()])


# ------------------------------------------------------------------------------------------------------------ readers


def batch():
    rng = np.random.default_rng(3)
    x, gamma, beta = (
        mt.tensor(rng.standard_normal(s), requires_grad=True, name=n)
        for s, n in zip([(6, 3), 3, 3], "xgb", strict=True)
    )
    return (x, gamma, beta), rng.standard_normal((6, 3))


@pytest.mark.parametrize("upstream", [False, True], ids=["forward", "backward"])
def test_a_graph_that_is_captured_has_all_values_and_names(upstream, monkeypatch):
    inputs, dout = batch()
    expected = mt.graph(mt.batch_norm(*inputs), dout if upstream else None)
    monkeypatch.setattr(primitive, "LARGE", 0)
    out = mt.batch_norm(*inputs)
    assert let_go([out])
    found = mt.graph(out, dout if upstream else None)
    assert str(found) == str(expected)
    for ours, theirs in zip((*found.nodes, *found.backward), (*expected.nodes, *expected.backward), strict=True):
        np.testing.assert_array_equal(ours.value, theirs.value)
        assert not ours.value.flags.writeable
    again = mt.graph(out, dout if upstream else None, values=False)
    assert all(node.value is None for node in again.nodes)


def test_pictures_comparisons_and_anomalies_do_not_mind(all_sizes):
    inputs, dout = batch()
    out = mt.batch_norm(*inputs)
    assert "dev_from_mean_sq" in mt.draw(out, dout).text
    out.backward(dout)
    grads = {name: t.grad.numpy() for name, t in zip(("dx", "dg", "db"), inputs, strict=True)}
    assert mt.compare(out, dout, grads).ok
    with mt.detect_anomaly(), pytest.raises(mt.GradientError, match="NaN"):
        out.backward(np.full((6, 3), np.nan) * 1.0)


def test_a_node_and_its_outline_are_one(all_sizes):
    x = mt.tensor([1.0, 2.0], requires_grad=True)
    h = x * 3.0
    out = (h + 1.0).sum() + (h * h).sum()  # one use needs the values of h, the other does not
    h.named("h").retain_grad()
    assert len([t for t in ancestors([out]) if t.op and t.op.name == "mul"]) == 2
    assert mt.graph(out)["h"].value is h.numpy()
    assert mt.grad(out, h)[0].tolist() == [7.0, 13.0]
    (recorded,) = mt.grad(out, h, create_graph=True)
    assert mt.grad(recorded.sum(), h)[0].tolist() == [2.0, 2.0]
    out.backward()
    assert h.grad.tolist() == [7.0, 13.0]
    assert x.grad.tolist() == [21.0, 39.0]
    del h
    assert mt.graph(out)["h"].value.tolist() == [3.0, 6.0]
    out.backward()
    assert x.grad.tolist() == [42.0, 78.0]


def test_the_operands_of_a_result_still_tell_their_values(all_sizes):
    x = mt.tensor([1.0, 2.0], requires_grad=True)
    y = (x * 3.0) + 1.0
    (operand, _) = y.operands
    assert operand.numpy().tolist() == operand.data.tolist() == [3.0, 6.0]
    assert operand.shape == (2,)


def test_an_input_that_was_assigned_to_is_noticed_before_anything_is_computed_again(all_sizes):
    x = mt.tensor([1.0, 2.0], requires_grad=True)
    y = ((x * 3.0) + 1.0).sum()
    x.assign_([5.0, 6.0])
    with pytest.raises(mt.GradientError, match="assigned a new value"):
        mt.graph(y)
    y.backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_a_trace_keeps_everything(all_sizes):
    x = mt.tensor([1.0, 2.0], requires_grad=True)
    with mt.engine.trace.tracing():
        y = ((x * 3.0) + 1.0).sum()
    assert not let_go([y])


FOUND = {
    "product": lambda o: (o * 2.0).sum(),
    "function": lambda o: mt.exp(o / 100.0).sum(),
    "sum": lambda o: o.sum(),
    "shape": lambda o: o.reshape(-1).sum(),
    "dtype": lambda o: o.astype("float32").sum(),
    "row": lambda o: o[0].sum(),
    "choice": lambda o: mt.where(o > 0, o, 0.0).sum(),
    "softmax": lambda o: mt.softmax(o).max(),
    "joined": lambda o: mt.concatenate([o, o]).sum(),
}


@pytest.mark.parametrize("name", FOUND)
def test_what_a_user_finds_in_a_graph_can_be_computed_with(name):
    """An operand of a recorded result may be a stand-in for a Tensor that is gone; it is used like any other."""
    x = mt.tensor(np.random.default_rng(0).normal(size=(300, 300)), name="x", requires_grad=True)
    found, kept = (x + 1.0), ((x + 1.0) + 2.0).sum()
    (stand_in, _) = kept.operands[0].operands
    assert type(stand_in._data) is Outline
    assert repr(stand_in) == repr(found)
    assert stand_in.tolist() == found.tolist()
    assert stand_in.detach().numpy().tobytes() == found.numpy().tobytes()
    ours, theirs = FOUND[name](stand_in), FOUND[name](found)
    assert ours.item() == theirs.item()
    np.testing.assert_array_equal(mt.grad(ours, x)[0].numpy(), mt.grad(theirs, x)[0].numpy())
