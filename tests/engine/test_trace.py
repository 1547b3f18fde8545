"""What a trace records, and that nothing leaves it in silence."""

import math
import warnings

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.engine.record import all_at_once, birth_numbers
from micrograd_tensor.engine.trace import effect, goes_by, source, tracing
from micrograd_tensor.graph.capture import capture
from micrograd_tensor.graph.evaluate import evaluate


def again(outputs, changed):
    """The values of traced tensors at other values of some leaves, which are found by their names."""
    captured = mt.graph(outputs)
    values = evaluate(captured, {captured[name]: value for name, value in changed.items()})
    return [values[node] for node in captured.outputs]


def test_a_trace_records_what_no_gradient_flows_through_and_its_lines():
    x = mt.tensor([1.0, -2.0], name="x")
    with tracing(), mt.no_grad():
        y = mt.where(x > 0, x, 0)
    assert y.op.name == "where"
    assert not y.requires_grad
    assert "test_trace.py" in y.line
    np.testing.assert_array_equal(again([y], {"x": np.array([-1.0, 5.0])})[0], [0.0, 5.0])


def test_a_backward_pass_within_a_trace_is_recorded_and_equals_the_eager_one():
    x, w = mt.tensor([1.0, 2.0], name="x"), mt.tensor([3.0, -1.0], name="w", requires_grad=True)
    with tracing() as trace:
        (mt.tanh(w * x) ** 2).sum().backward()
        (dw,) = mt.grad((w * x).sum(), w)
        assert not w.grad.requires_grad
        assert not dw.requires_grad
    assert w.grad is None  # as before the trace
    got = again([trace.gradients[w], dw], {"x": np.array([0.5, 0.25])})
    x.assign_([0.5, 0.25])
    (mt.tanh(w * x) ** 2).sum().backward()
    np.testing.assert_array_equal(got[0], w.grad.numpy())
    np.testing.assert_array_equal(got[1], x.numpy())


def test_gradients_accumulate_within_a_trace_and_are_given_back_after_it():
    w = mt.tensor([3.0, -1.0], name="w", requires_grad=True)
    w.sum().backward()
    before = w.grad
    with tracing() as trace:
        (w * 2).sum().backward()
        (w * 3).sum().backward()
    assert w.grad is before
    np.testing.assert_array_equal(trace.gradients[w].numpy(), [6.0, 6.0])


def test_state_is_read_as_it_has_become_and_written_after_the_trace():
    count, x = mt.tensor([1.0], name="count"), mt.tensor([2.0], name="x")
    with tracing() as trace:
        count.assign_(count + x)
        count.assign_(count * 10)
        y = count + 1
    assert count.tolist() == [1.0]
    got = again([y, trace.effects[count].value], {"count": np.array([5.0]), "x": np.array([1.0])})
    assert [float(v[0]) for v in got] == [61.0, 60.0]
    all_at_once(trace.effects[count].changes(got[1]))
    assert count.tolist() == [60.0]


def test_an_effect_keeps_the_dtype_of_its_leaf_and_refuses_another_shape():
    w = mt.tensor(np.ones(2, np.float32), name="w")
    with tracing() as trace:
        w.assign_(w * mt.tensor(2.0, dtype="float64"))
        assert trace.effects[w].value.dtype == np.float32
        with pytest.raises(mt.ShapeError, match=r"assign_: w \(2,\) cannot take a value of shape \(3,\)"):
            w.assign_(np.ones(3))
        w.assign_([5.0, 6.0])
        np.testing.assert_array_equal(trace.effects[w].value._data, np.float32([5, 6]))


def test_a_leaf_with_gradients_is_not_used_again_after_its_new_value():
    w = mt.tensor([1.0], name="w", requires_grad=True)
    with tracing():
        with mt.no_grad():
            w.assign_(w * 2)
            assert (w + 0)._data.tolist() == [2.0]
        with pytest.raises(mt.TraceError, match=r"w \(1,\) was given a new value in this trace"):
            w * 2


def test_what_differs_from_run_to_run_is_read_anew():
    rng = np.random.default_rng(0)
    assert source(lambda: rng.random(2)).shape == (2,)
    with tracing() as trace:
        noise = source(lambda: rng.random(2), "noise")
    (read,) = trace.sources.values()
    assert list(trace.sources) == [noise]
    assert noise.name == "noise"
    assert not np.array_equal(read(), noise.numpy())


def test_an_effect_outside_a_trace_is_written_at_once():
    written = []
    effect(mt.tensor(1.0), mt.tensor(2.0), lambda value: [(written.append, value)])
    assert written == [2.0]


def test_a_branch_by_values_is_noted_as_a_guard():
    x = mt.tensor([1.0, 2.0], name="x")
    assert mt.holds(x > 0)
    assert not mt.holds(x > 1)
    assert mt.holds(True)
    assert mt.holds(np.array([True, True]))
    assert mt.holds(x[:0] > 0)  # as `all` of nothing
    with tracing() as trace:
        assert mt.holds(x > 0)
        assert not mt.holds(x > 1)
        assert mt.holds(x.ndim == 1)  # a shape, not a value
    assert [truth for _, truth in trace.guards] == [True, False]
    assert not again([trace.guards[0][0]], {"x": np.array([-1.0, 2.0])})[0].all()


@pytest.mark.parametrize("op", [mt.tanh, mt.sigmoid, lambda x: x**3.0, lambda x: mt.abs(x) ** x, mt.softmax])
def test_rules_that_branch_by_values_are_guarded(op):
    """In the graph of a trace at other values the gradients are the eager ones, bit for bit, or a guard says no."""
    x = mt.tensor([0.5, -1.0], name="x", requires_grad=True)
    with tracing() as trace:
        op(x).sum().backward()
    for values in ([0.25, 2.0], [30.0, -40.0], [0.0, 1.0]):
        *held, gradient = again([*[c for c, _ in trace.guards], trace.gradients[x]], {"x": np.array(values)})
        y = mt.tensor(values, requires_grad=True)
        op(y).sum().backward()
        if all(bool(np.all(h)) == truth for h, (_, truth) in zip(held, trace.guards, strict=True)):
            np.testing.assert_array_equal(gradient, y.grad.numpy())


READINGS = {
    "float": float,
    "int": int,
    "complex": complex,
    "bool": bool,
    "index": lambda t: [1, 2, 3][t.astype(int)],
    "math": math.exp,
    "item": lambda t: t.item(),
    "tolist": lambda t: t.tolist(),
    "numpy": lambda t: t.numpy(),
    "data": lambda t: t.data,
    "array": np.asarray,
    "filling": lambda t: np.zeros(1).__setitem__(0, t),
    "fill": lambda t: np.zeros(1).fill(t),
    "format": lambda t: f"{t:.2f}",
    "if": lambda t: 1 if t > 0 else 2,
    "max": lambda t: max(t, t + 1),
    "in": lambda t: t in (t + 1, t + 2),
    "float64": np.float64,
    "tensor": mt.tensor,
    "Tensor": mt.Tensor,
    "full": lambda t: mt.full((2,), t),
    "full_like": lambda t: mt.full_like(np.ones(2), t),
    "tensor of several": lambda t: mt.tensor([t, 1.0]),
    "array of it": lambda t: np.array([t, 1.0]),
}


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("reading", READINGS)
def test_a_value_that_leaves_a_trace_raises_with_the_line(reading, grad):
    x = mt.tensor(1.0, requires_grad=grad)
    with tracing():
        y = x * 1.0
        with pytest.raises((mt.GradientError, mt.DTypeError, ValueError)) as raised:
            READINGS[reading](y)
    error = raised.value.__cause__ or raised.value  # NumPy puts its own around what happens while it fills an array
    assert not isinstance(error, mt.TraceError) or "test_trace.py" in str(error)
    assert isinstance(error, (mt.GradientError, mt.DTypeError))


@pytest.mark.parametrize("reading", ["float", "int", "math", "filling", "fill"])
def test_a_number_read_from_a_tensor_with_gradients_warns_at_the_line(reading):
    x = mt.tensor(1.0, requires_grad=True)
    with pytest.warns(
        mt.GradientWarning, match=r"of the result of mul \(\) leaves the graph.*item\(\).*mt\.stack"
    ) as warned:
        READINGS[reading](x * 1.0)
    assert warned[0].filename == __file__


def test_one_warning_a_line():
    x = mt.tensor(1.0, requires_grad=True)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("default")
        for _ in range(3):
            float(x)
    assert len(warned) == 1


def test_numbers_that_are_asked_for_are_quiet():
    x = mt.tensor(1.0, requires_grad=True)
    y = x * 1.0
    assert y.item() == float(y.detach()) == float(mt.tensor(1.0)) == 1.0
    assert f"{y:.1f}" == "1.0"
    assert y > 0


def test_detaching_within_a_trace_is_recorded():
    x = mt.tensor([2.0], name="x", requires_grad=True)
    with tracing():
        y = x.detach() * 3
    assert not y.requires_grad
    assert again([y], {"x": np.array([5.0])})[0].tolist() == [15.0]


def test_a_trace_within_a_trace_is_refused_and_both_end():
    with tracing(), pytest.raises(mt.TraceError, match="a trace within a trace"), tracing():
        pass
    with tracing():
        pass


def test_an_error_ends_the_trace_and_gives_gradients_back():
    w = mt.tensor([1.0], requires_grad=True)
    with tracing():
        w.sum().backward()
    with pytest.raises(mt.TraceError), tracing():  # noqa: PT012 -- the error comes after a change
        w.sum().backward()
        w.grad.numpy()
    assert w.grad is None
    assert w.item() == 1.0


def test_settings_that_python_goes_by_are_noted_as_they_were():
    net = mt.nn.Sequential(mt.nn.Linear(2, 2), mt.nn.Dropout(0.5))
    owner, settings = object(), [1]
    with tracing() as trace:
        net(np.ones((1, 2), np.float32))
        goes_by(owner, lambda: tuple(settings))
    settings[0] = 2
    goes_by(owner, lambda: (3,))  # outside a trace nothing is noted
    read, then = trace.settings[owner]
    assert (read(), then) == ((2,), (1,))
    assert {net, net[0], net[1]} <= trace.settings.keys()
    net[1].training = False
    changed = [m for m in (net, net[0], net[1]) if trace.settings[m][0]() != trace.settings[m][1]]
    assert changed == [net[1]]


def test_gradients_that_are_read_are_told_from_those_that_are_cleared_first():
    read, written, cleared = (mt.tensor([1.0], requires_grad=True) for _ in range(3))
    with tracing() as trace:
        assert read.grad is None
        cleared.grad = None
        (read * written * cleared).sum().backward()
    assert trace.grads.keys() == {read, written, cleared}
    assert trace.cleared == {cleared}


def test_generators_are_noted_with_their_state_before_the_first_draw():
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    with tracing() as trace:
        first = mt.rand(2, generator=rng)
        mt.dropout(mt.ones(3), generator=rng)
    assert list(trace.generators) == [rng]
    assert trace.generators[rng] == before
    rng.bit_generator.state = before
    np.testing.assert_array_equal(mt.rand(2, generator=rng).numpy(), first.numpy())


def test_a_graph_may_start_at_a_moment():
    x = mt.tensor([1.0], name="x", requires_grad=True)
    y = (x * 2).named("y")
    since = next(birth_numbers)
    z = y * x
    graph, nodes = capture(z, since=since)
    assert nodes[y].is_leaf
    assert [node.op.name for node in graph.nodes if node.op] == ["mul"]
    assert nodes[y].value.tolist() == [2.0]


def test_what_is_read_twice_is_read_as_it_has_become_and_drawn_anew():
    state = {"count": 1.0}
    generator = np.random.default_rng(0)

    def read():
        return state["count"]

    with tracing() as trace:
        first = source(read, "count")
        effect(first, first + 1, lambda array: [(state.__setitem__, "count", float(array))])
        again = source(read, "count")
        twice = again + 1
        draws = [source(generator.random, generator=generator) for _ in range(2)]
    assert again is first
    assert twice.item() == 3.0
    assert draws[0] is not draws[1]
    assert len(trace.sources) == 3
