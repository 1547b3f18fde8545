"""The engine's laws, one section each, in the order of the design."""

import asyncio
import contextlib
import copy
import gc
import sys
import threading
import tracemalloc
import weakref

import numpy as np
import pytest
from ducks import Duck
from op_cases import CASES, outputs, upstreams

import micrograd_tensor as mt
from micrograd_tensor.engine import record
from micrograd_tensor.engine.record import leaf
from micrograd_tensor.engine.recording import recording
from micrograd_tensor.engine.row import TABLE
from micrograd_tensor.engine.walk import ancestors, pull


def parameters(*values):
    return [mt.tensor(np.asarray(v, dtype=float), requires_grad=True) for v in values]


def batch(n=6, d=4, dtype=np.float64):
    """x, gamma, beta and an upstream for batch normalization."""
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=s).astype(dtype) for s in ((n, d), d, d, (n, d))]
    return [mt.tensor(a, requires_grad=True) for a in arrays[:3]], arrays[3]


# --------------------------------------------------------------------------------------------- 1. rules are polymorphic


def test_law_1_rules_on_arrays_make_no_tensor(monkeypatch):
    """With the Tensor class out of reach, the plain backward pass of every op still runs."""
    chosen = {name: c for c in reversed(CASES) if c.differentiable for name in c.rows()}
    for c in {c.name: c for c in chosen.values()}.values():
        tensors = c.tensors()
        outs = outputs(c.function(*tensors))
        pending = dict(zip(outs, upstreams(outs), strict=True))
        with monkeypatch.context() as patch:
            patch.setattr(record, "result", None)
            found = pull(pending)
        assert {type(g) for g in found.values()} <= {np.ndarray, np.float64}, c.name


def test_law_1_a_rule_that_makes_a_tensor_would_be_noticed(monkeypatch):
    (x,) = parameters([1.0, 2.0])
    monkeypatch.setattr(record, "result", None)
    with pytest.raises(TypeError, match="NoneType"):
        mt.exp(x)


def test_law_1_recorded_rules_record():
    (x,) = parameters([1.0, 2.0])
    (plain,) = mt.grad(mt.exp(x).sum(), x)
    (recorded,) = mt.grad(mt.exp(x).sum(), x, create_graph=True)
    assert plain.op is None
    assert not plain.requires_grad
    assert recorded.requires_grad
    assert "exp" in {t.op.name for t in ancestors([recorded]) if t.op}


def test_law_1_the_second_backward_needs_no_second_table():
    (x,) = parameters([0.3, -1.2])
    for _ in range(2):
        y = mt.sin(x)
        for expected in (np.cos, lambda v: -np.sin(v), lambda v: -np.cos(v), np.sin, np.cos):
            (y,) = mt.grad(y.sum(), x, create_graph=True)
            np.testing.assert_allclose(y.numpy(), expected(x.numpy()), rtol=1e-14)


# ---------------------------------------------------------------------------- 2. un-broadcasting is the walk's business


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "maximum", "minimum", "pow"])
def test_law_2_no_rule_sums_over_broadcast_axes(name):
    """A rule answers in the shape of the result; only the walk knows that an operand was smaller."""
    a, b = np.full((3, 1), 2.0), np.arange(1.5, 5.5)
    g = np.random.default_rng(0).standard_normal((3, 4))
    row = TABLE[name]
    for rule in row.vjps:
        assert rule(g, row.forward(a, b), a, b).shape == (3, 4)


def test_law_2_gradients_are_summed_at_the_edge():
    a, b = parameters(np.ones((3, 1)), np.ones(4))
    (a * b).backward(np.arange(12.0).reshape(3, 4))
    assert a.grad.tolist() == [[6.0], [22.0], [38.0]]
    assert b.grad.tolist() == [12.0, 15.0, 18.0, 21.0]


# --------------------------------------------------------------------------------- 3. references from result to operand


def _forward():
    x, w = parameters(np.ones((3, 4)), np.ones((4, 2)))
    return mt.softmax(mt.tanh(x @ w) * 2.0 + 1.0)


def _backward():
    x, w = parameters(np.ones((3, 4)), np.ones((4, 2)))
    mt.relu(x @ w).mean().backward()


def _double_backward():
    (x,) = parameters(np.ones(3))
    (g,) = mt.grad((x * x * x).sum(), x, create_graph=True)
    g.sum().backward()


def _batch_norm():
    inputs, dout = batch()
    out = mt.batch_norm(*inputs)
    out.backward(dout)
    return mt.grad(mt.batch_norm(*inputs), inputs, dout, create_graph=True)


def _derivatives():
    f, x = (lambda t: mt.exp(t).sum()), np.ones(3)
    mt.jvp(f, x, x, create_graph=True)
    mt.hvp(f, x, x, create_graph=True)
    mt.hessian(f, x)
    mt.value_and_grad(f, x, create_graph=True)


def _gradcheck():
    mt.gradcheck(lambda a, b: mt.relu(a) * b, np.ones((2, 2)), np.ones(2))


def _graph():
    inputs, dout = batch()
    captured = mt.graph(mt.batch_norm(*inputs), dout)
    captured.users, captured.named, str(captured)


def _compare():
    inputs, dout = batch()
    inputs[0].named("x")
    out = mt.batch_norm(*inputs)
    mt.compare(out, dout, {"dx": np.zeros((6, 4))})


def _errors():
    (x,) = parameters([1.0, 2.0])
    for wrong in (lambda: x * 2.0 + np.ones(3), lambda: (x * x).backward(), lambda: mt.graph(x * x, [1.0])):
        with contextlib.suppress(mt.ShapeError, mt.GradientError):
            wrong()


def _alive():
    """Tensors and graph nodes that exist, unreachable ones that only a collection would find among them."""
    return sum(issubclass(type(o), (mt.Tensor, mt.Graph, mt.Node)) for o in gc.get_objects())


@pytest.fixture
def no_collector():
    gc.collect()
    gc.freeze()  # what is there already is none of the test's business, and would only take time
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize(
    "work",
    [
        *(_forward, _backward, _double_backward, _batch_norm, _derivatives, _gradcheck, _graph, _errors),
        pytest.param(_compare, marks=pytest.mark.slow),
    ],
    ids=lambda f: f.__name__.strip("_"),
)
def test_law_3_no_reference_cycles(work, no_collector):
    work()
    before = _alive()
    for _ in range(3):
        work()
    assert _alive() == before


def test_law_3_a_cycle_would_be_noticed(no_collector):
    before = _alive()
    x = mt.tensor([1.0], requires_grad=True)
    x.grad = x
    del x
    assert _alive() == before + 1
    gc.collect()


@pytest.mark.parametrize("work", [_forward, _double_backward, _batch_norm], ids=lambda f: f.__name__.strip("_"))
def test_law_3_memory_returns_to_the_start(work, no_collector):
    def held():
        for _ in range(20):
            work()
        assert gc.collect() == 0  # finds nothing to collect; it is called for emptying CPython's own free lists
        return tracemalloc.get_traced_memory()[0]

    work()  # what is made once, such as caches, is there by now
    gc.collect()
    tracemalloc.start()
    try:
        held()
        first = held()
        assert held() - first < 500
    finally:
        tracemalloc.stop()


def test_law_3_a_graph_is_freed_with_its_last_result(no_collector):
    (x,) = parameters([1.0, 2.0])
    middle = mt.exp(x)
    seen = weakref.ref(middle)
    result = middle.sum()
    del middle
    assert seen() is not None
    del result
    assert seen() is None


def test_law_3_no_grad_keeps_no_operand_alive(no_collector):
    (x,) = parameters([1.0, 2.0])
    with mt.no_grad():
        middle = mt.exp(x)
        result = middle * 2.0
    seen = weakref.ref(middle)
    del middle
    assert seen() is None
    assert result.shape == (2,)


# ------------------------------------------------------------------------------------------------------ 4. no recursion


@pytest.mark.slow
def test_law_4_a_chain_of_a_million_ops_builds_differentiates_and_is_freed(no_collector):
    (x,) = parameters(1.0)
    y = x
    for _ in range(1_000_000):
        y = y + 1.0
    seen = weakref.ref(y.operands[0])
    y.backward()
    assert y.item() == 1_000_001.0
    assert x.grad.item() == 1.0
    del y
    assert seen() is None


@pytest.fixture
def low_recursion_limit():
    depth, frame = 0, sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(depth + 60)
    yield
    sys.setrecursionlimit(before)


def test_law_4_walks_need_no_stack(low_recursion_limit):
    (x,) = parameters(0.5)
    y = x
    for _ in range(3000):
        y = mt.sin(y)
    (g,) = mt.grad(y, x, create_graph=True)
    (gg,) = mt.grad(g, x)
    assert g.item() == pytest.approx(mt.grad(y, x)[0].item())
    assert np.isfinite(gg.item())
    assert len(ancestors([y])) == 3001
    captured = mt.graph(y, 1.0)
    assert len(captured.nodes) == 3001
    del y, g, gg, captured


def test_law_4_forks_in_a_row_are_visited_once_each():
    """x = (x + x) / 2, 10,000 times, has 2¹⁰⁰⁰⁰ paths."""
    (x,) = parameters(3.0)
    y = x
    for _ in range(10_000):
        y = (y + y) / 2.0
    y.backward()
    assert y.item() == 3.0
    assert x.grad.item() == 1.0


def test_law_4_deep_diamonds_do_not_explode_at_second_order():
    (x,) = parameters(0.5)
    y = x
    for _ in range(1000):
        left, right = mt.sin(y), y * 0.5
        y = left + right - mt.sin(y)
    y = y * 2.0**1000
    (g,) = mt.grad(y, x, create_graph=True)
    assert g.item() == pytest.approx(1.0)
    assert len(mt.graph(y, 1.0).nodes) == 1 + 5 * 1000 + 1


# ---------------------------------------------------------------------------------------------------- 5. order of birth


def test_law_5_operands_are_born_before_results():
    for c in CASES:
        for t in ancestors(outputs(c.function(*c.tensors()))):
            assert all(x.born < t.born for x in t.operands if isinstance(x, mt.Tensor))


def test_law_5_history_is_sorted_by_birth():
    inputs, _ = batch()
    born = [t.born for t in ancestors([mt.batch_norm(*inputs)])]
    assert born == sorted(born)
    assert len(set(born)) == len(born)


def _many_users(seed=0):
    """A gradient that is a sum of 40 numbers of very different size, so that their order shows in the last bits."""
    rng = np.random.default_rng(seed)
    (x,) = parameters(rng.standard_normal(5))
    total = mt.tensor(0.0)
    for scale in 10.0 ** rng.uniform(-8, 8, 40):
        total = total + (mt.sin(x * scale) * mt.exp(x)).sum()
    (g,) = mt.grad(total, x, create_graph=True)
    (gg,) = mt.grad(g.sum(), x)
    return g.numpy().tobytes() + gg.numpy().tobytes()


def test_law_5_gradients_are_reproducible_to_the_last_bit():
    expected = _many_users()
    clutter = []
    for k in range(5):
        clutter.append([object() for _ in range(97 * k)])  # moves addresses, which must not matter
        assert _many_users() == expected


def test_law_5_gradients_are_reproducible_in_threads_that_run_at_once():
    expected = [_many_users(seed) for seed in range(2)]
    found = {}
    start = threading.Barrier(2)

    def run(seed):
        start.wait()
        found[seed] = [_many_users(seed) for _ in range(5)]

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == {seed: [expected[seed]] * 5 for seed in range(2)}


# ------------------------------------------------------------------------------------------------- 6. values are frozen


def test_law_6_writing_into_any_array_raises():
    (x,) = parameters([1.0, 2.0])
    y = x * x
    (g,) = mt.grad(y.sum(), x)
    (recorded,) = mt.grad(y.sum(), x, create_graph=True)
    y.sum().backward()
    for t in (x, y, y.sum(), g, recorded, x.grad, x.detach(), x[0], x.T, mt.reshape(x, (2, 1))):
        with pytest.raises(ValueError, match="read-only"):
            t.numpy()[...] = 0


def test_law_6_the_source_may_be_changed_afterwards():
    source = np.array([1.0, 2.0])
    x = mt.tensor(source, requires_grad=True)
    y = x * x
    source[:] = 100.0
    y.sum().backward()
    assert x.tolist() == [1.0, 2.0]
    assert x.grad.tolist() == [2.0, 4.0]


def test_law_6_without_a_copy_memory_is_shared_and_read_only():
    source = np.array([1.0, 2.0])
    x = mt.tensor(source, copy=False)
    assert np.shares_memory(x.numpy(), source)
    assert not x.numpy().flags.writeable
    assert source.flags.writeable


def test_law_6_the_upstream_may_be_changed_afterwards():
    (x,) = parameters([1.0, 2.0])
    up = np.array([1.0, 1.0])
    (x + 0.0).backward(up)
    (g,) = mt.grad(x + 0.0, x, up, create_graph=True)
    up[:] = 50.0
    assert x.grad.tolist() == [1.0, 1.0]
    assert g.tolist() == [1.0, 1.0]
    assert up.flags.writeable


def test_law_6_the_upstream_of_a_kept_gradient_may_be_changed_afterwards():
    (x,) = parameters([1.0, 2.0])
    y = (x * 2.0).retain_grad()
    up = np.array([1.0, 1.0])
    y.backward(up)
    up[:] = 50.0
    assert y.grad.tolist() == [1.0, 1.0]
    assert x.grad.tolist() == [2.0, 2.0]


def test_law_6_parameters_may_be_changed_afterwards():
    x = mt.tensor(np.arange(24.0).reshape(2, 3, 4), requires_grad=True)
    axes, widths, shape, places = [1, 2, 0], np.array([1, 2]), [4, 6], [0, 1, 1]
    results = [mt.transpose(x, axes), mt.pad(x, widths), mt.reshape(x, shape), mt.getitem(x, places)]
    again = [
        mt.transpose(x, (1, 2, 0)),
        mt.pad(x, (1, 2)),
        mt.reshape(x, (4, 6)),
        mt.getitem(x, (np.array([0, 1, 1]),)),
    ]
    for given in (axes, widths, shape, places):
        given[:] = [0, 1, 2][: len(given)]
    for y, e in zip(results, again, strict=True):
        up = np.random.default_rng(0).standard_normal(y.shape)
        for create_graph in (False, True):
            (g,), (expected,) = mt.grad(y, x, up, create_graph=create_graph), mt.grad(e, x, up)
            assert g.tolist() == expected.tolist(), y.op.name


def test_law_6_assign_keeps_old_graphs_right():
    (x,) = parameters([1.0, 2.0])
    y = (x * x).sum()
    x.assign_([10.0, 20.0])
    y.backward()
    assert x.grad.tolist() == [2.0, 4.0]
    x.grad = None
    (x * x).sum().backward()
    assert x.grad.tolist() == [20.0, 40.0]


def test_law_6_create_graph_through_an_old_value_is_refused():
    (x,) = parameters([1.0, 2.0])
    x.named("x")
    y = (x * x).sum()
    x.assign_([10.0, 20.0])
    with pytest.raises(mt.GradientError, match=r"x \(2,\) was assigned a new value"):
        mt.grad(y, x, create_graph=True)
    with pytest.raises(mt.GradientError, match="assigned"):
        mt.graph(y, 1.0)
    assert x.grad is None


def test_law_6_assign_copies_and_keeps_dtype_and_identity():
    x = mt.tensor([1.0, 2.0], dtype="float32", requires_grad=True)
    source = np.array([3.0, 4.0])
    assert x.assign_(source) is x
    source[:] = 0
    assert x.tolist() == [3.0, 4.0]
    assert x.dtype == np.float32
    assert not x.numpy().flags.writeable
    assert x.requires_grad


def test_law_6_a_result_cannot_be_assigned_to():
    (x,) = parameters([1.0])
    with pytest.raises(mt.GradientError, match="result of mul; only a leaf"):
        (x * 2.0).assign_([3.0])


def test_law_6_items_cannot_be_assigned():
    (x,) = parameters([1.0, 2.0])
    with pytest.raises(mt.GradientError, match=r"mt\.where"):
        x[0] = 1
    assert x.tolist() == [1.0, 2.0]


def test_law_6_augmented_operators_rebind_a_result():
    (x,) = parameters([1.0, 2.0])
    y = before = x * 1.0
    y += 1.0
    y *= 2.0
    y -= 1.0
    y /= 2.0
    assert x.tolist() == before.tolist() == [1.0, 2.0]
    assert y.tolist() == [1.5, 2.5]
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


# ----------------------------------------------------------------------------------------------------- 7. dtype is kept


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_law_7_batch_norm_keeps_the_dtype_to_second_order(dtype):
    inputs, dout = batch(dtype=dtype)
    out = mt.batch_norm(*inputs)
    first = mt.grad(out, inputs, dout, create_graph=True)
    second = mt.grad(
        [g for g in first if g.requires_grad], inputs[:2], [np.ones(g.shape) for g in first if g.requires_grad]
    )
    assert {t.dtype for t in (out, *first, *second)} == {np.dtype(dtype)}


def test_law_7_mixed_precision_gives_each_input_its_own():
    a = mt.tensor([1.0, 2.0], dtype="float32", requires_grad=True)
    b = mt.tensor([3.0, 4.0], dtype="float64", requires_grad=True)
    y = a * b
    assert y.dtype == np.float64
    for create_graph in (False, True):
        da, db = mt.grad(y, (a, b), [1.0, 1.0], create_graph=create_graph)
        assert (da.dtype, db.dtype) == (np.float32, np.float64)


@pytest.mark.parametrize("value", [[1, 2], [True, False], np.arange(3, dtype=np.uint8)])
def test_law_7_integers_that_ask_for_gradients_are_refused(value):
    with pytest.raises(mt.DTypeError, match="floating-point"):
        mt.tensor(value, requires_grad=True)
    with pytest.raises(mt.DTypeError, match="floating-point"):
        mt.tensor(value).requires_grad_()


def test_law_7_integers_beside_floats_are_constants():
    x = mt.tensor([1.0, 2.0], requires_grad=True)
    n = mt.tensor([3, 4])
    (x * n).sum().backward()
    assert x.grad.tolist() == [3.0, 4.0]
    assert n.grad is None


@pytest.mark.parametrize("name", ["relu", "abs", "sign", "maximum", "minimum", "max", "min", "clip"])
def test_law_7_complex_numbers_are_refused_where_a_rule_does_not_hold(name):
    x = mt.tensor([1 + 1j, 2 - 1j], requires_grad=True)
    op = getattr(mt, name)
    y = op(x, x) if name in ("maximum", "minimum") else op(x, 0, 1) if name == "clip" else op(x)
    with pytest.raises(mt.DTypeError, match=f"{name}.*not complex-differentiable"):
        mt.grad(y, x, np.ones(y.shape))


def test_law_7_a_real_input_of_a_complex_result_has_a_real_gradient_or_a_clear_error():
    x, z = mt.tensor([1.0, 2.0], requires_grad=True), mt.tensor([1j, 2.0 + 1j])
    with pytest.raises(mt.DTypeError, match="complex"):
        mt.grad(x * z, x, [1j, 1.0])


def test_law_7_an_upstream_takes_the_outputs_dtype():
    x = mt.tensor([1.0, 2.0], dtype="float32", requires_grad=True)
    for up in ([1, 1], np.ones(2), mt.tensor([1.0, 1.0]), np.ones(2, int)):
        assert mt.grad(x * 2, x, up)[0].dtype == np.float32
        assert mt.grad(x * 2, x, up, create_graph=True)[0].dtype == np.float32


# ---------------------------------------------------------------------------------------------- 8. gradients accumulate


def test_law_8_backward_twice_gives_twice():
    (x,) = parameters([1.0, 2.0])
    y = (x * x).sum()
    y.backward()
    y.backward()
    assert x.grad.tolist() == [4.0, 8.0]


def test_law_8_accumulating_leaves_the_earlier_gradient_as_it_was():
    (x,) = parameters([1.0, 2.0])
    (x * 3.0).sum().backward()
    first = x.grad
    (x * 5.0).sum().backward()
    assert first.tolist() == [3.0, 3.0]
    assert x.grad.tolist() == [8.0, 8.0]


def test_law_8_only_leaves_keep_gradients_unless_asked():
    (x,) = parameters([1.0, 2.0])
    y = x * 2.0
    z = (x * 3.0).retain_grad()
    (y * z).sum().backward()
    with pytest.warns(mt.GradientWarning, match="retain_grad"):
        assert y.grad is None
    assert z.grad.tolist() == [2.0, 4.0]
    assert x.grad.tolist() == [12.0, 24.0]
    (y * z).sum().backward()
    assert z.grad.tolist() == [4.0, 8.0]


def test_law_8_retain_grad_of_a_constant_is_refused():
    with pytest.raises(mt.GradientError, match="needs no gradient"):
        mt.tensor([1.0]).retain_grad()


def test_law_8_not_computed_is_none():
    x, w, frozen = *parameters([1.0], [2.0]), mt.tensor([5.0])
    (x * frozen).backward()
    assert x.grad is not None
    assert w.grad is None
    assert frozen.grad is None


def test_law_8_grad_gives_none_for_what_the_output_does_not_depend_on():
    x, w = parameters([1.0], [2.0])
    for create_graph in (False, True):
        dx, dw = mt.grad(x * 3.0, [x, w], create_graph=create_graph)
        assert dx.tolist() == [3.0]
        assert dw is None


def test_law_8_a_true_zero_is_a_zero():
    (x,) = parameters([1.0, 2.0])
    assert mt.grad(mt.sign(x).sum(), x)[0].tolist() == [0.0, 0.0]
    assert mt.grad((x * 0.0).sum(), x)[0].tolist() == [0.0, 0.0]


def test_law_8_grad_leaves_grad_alone_and_reaches_intermediate_results():
    (x,) = parameters([1.0, 2.0])
    y = x * 2.0
    dy, dx, d_self = mt.grad(y.sum(), [y, x, x])
    assert dy.tolist() == [1.0, 1.0]
    assert dx.tolist() == d_self.tolist() == [2.0, 2.0]
    assert x.grad is None
    assert y._grad is None


def test_law_8_grad_of_a_tensor_to_itself_is_the_upstream():
    (x,) = parameters([1.0, 2.0])
    assert mt.grad(x, x, [3.0, 4.0])[0].tolist() == [3.0, 4.0]
    x.backward([3.0, 4.0])
    assert x.grad.tolist() == [3.0, 4.0]


def test_law_8_several_outputs_add_up():
    (x,) = parameters([1.0, 2.0])
    y, z = x * 2.0, (x * x).sum()
    (g,) = mt.grad([y, z], x, [[1.0, 10.0], None])
    assert g.tolist() == [4.0, 24.0]
    (twice,) = mt.grad([z, z], x)
    assert twice.tolist() == [4.0, 8.0]
    (nested,) = mt.grad([y, y.sum()], x, [[1.0, 1.0], 1.0])
    assert nested.tolist() == [4.0, 4.0]


def test_law_8_the_upstream_may_be_a_tensor_with_a_graph():
    x, u = parameters([1.0, 2.0], [3.0, 4.0])
    (g,) = mt.grad(mt.square(x), x, u, create_graph=True)
    assert mt.grad(g.sum(), u)[0].tolist() == [2.0, 4.0]
    (plain,) = mt.grad(mt.square(x), x, u)
    assert plain.tolist() == g.tolist()
    assert not plain.requires_grad


# ------------------------------------------------------------------------------------- 9. ties and kinks are documented


@pytest.mark.parametrize(
    ("name", "fragment"),
    [
        ("max", "equal parts where several tie"),
        ("min", "equal parts where several tie"),
        ("maximum", "half to each at a tie"),
        ("minimum", "half to each at a tie"),
        ("relu", "so 0 at the kink"),
        ("abs", "so 0 at 0"),
        ("sign", "also at the jump"),
        ("clip", "the bounds included"),
        ("sort", "keep their order"),
        ("pow", "taken as 0"),
    ],
)
def test_law_9_ties_and_kinks_are_documented(name, fragment):
    assert fragment in " ".join(getattr(mt, name).__doc__.split())


def test_law_9_ties_split_evenly_and_kinks_are_zero():
    x, y = parameters([1.0, 1.0], [1.0, 0.0])
    assert mt.grad(mt.max(x), x)[0].tolist() == [0.5, 0.5]
    assert mt.grad(mt.maximum(x, y).sum(), y)[0].tolist() == [0.5, 0.0]
    assert mt.grad((mt.relu(y - 1.0) + mt.abs(y - 1.0)).sum(), y)[0].tolist() == [0.0, -1.0]


# ---------------------------------------------------------------------------------------------- 10. arrays may be ducks

DUCK_OPS = {
    "arithmetic": lambda x: (x + 1.0) * x / 3.0 - x,
    "unary": lambda x: mt.tanh(mt.exp(mt.square(x) * -1.0)) + mt.sigmoid(x) + mt.relu(x) + mt.abs(x),
    "numbers": lambda x: 2.0 * x - 1.0 / (x * x + 1.0),
    "powers": lambda x: (x * x + 1.0) ** 1.5,
    "reductions": lambda x: x.sum(axis=0) * x.mean() + x.max(axis=0, keepdims=True),
    "extremes": lambda x: mt.maximum(x, 0.5) + mt.minimum(x, x * x) + mt.clip(x, -1.0, 1.0),
    "shapes": lambda x: x.T.reshape(2, -1).flip(0).expand_dims(1).squeeze(1) @ mt.tensor(np.ones((6, 1))),
    "choice": lambda x: mt.where(x > 0, x, x * 0.1),
    "softmax": lambda x: mt.softmax(x) * mt.log_softmax(x, axis=0) + mt.logsumexp(x),
    "variance": lambda x: mt.var(x, axis=0) + mt.std(x) + mt.l2_norm(x, axis=1, keepdims=True),
    "slices": lambda x: x[1:] * x[:-1],
    "matmul": lambda x: x @ x.T,
    "products": lambda x: mt.einsum("ij,kj->ik", x, x),
    "stacks": lambda x: mt.stack([x, x * 2.0]) + mt.concatenate([x, x], axis=0).reshape(2, 3, 4),
    "dtype": lambda x: x.astype("float32"),
}


@pytest.mark.parametrize("create_graph", [False, True], ids=["plain", "recorded"])
@pytest.mark.parametrize("name", DUCK_OPS)
def test_law_10_ducks_stay_ducks_forward_and_backward(name, create_graph):
    values = np.random.default_rng(0).standard_normal((3, 4))
    x, d = mt.tensor(values, requires_grad=True), mt.tensor(Duck(values), requires_grad=True)
    y, q = DUCK_OPS[name](x), DUCK_OPS[name](d)
    assert type(q.numpy()) is Duck
    np.testing.assert_array_equal(q.numpy().inside, y.numpy())
    (g,) = mt.grad(y, x, np.ones(y.shape))
    (h,) = mt.grad(q, d, Duck(np.ones(y.shape)), create_graph=create_graph)
    assert type(h.numpy()) is Duck
    np.testing.assert_array_equal(h.numpy().inside, g.numpy())


def test_law_10_batch_norm_runs_on_ducks():
    (x, gamma, beta), dout = batch()
    x.named("x")
    d = mt.tensor(Duck(x.numpy()), requires_grad=True)
    out, duck = mt.batch_norm(x, gamma, beta), mt.batch_norm(d, gamma, beta)
    assert type(duck.numpy()) is Duck
    np.testing.assert_array_equal(duck.numpy().inside, out.numpy())
    out.backward(dout)
    expected, gamma.grad, beta.grad = [t.grad.numpy() for t in (x, gamma, beta)], None, None
    duck.backward(Duck(dout))
    for t, e in zip((d, gamma, beta), expected, strict=True):
        assert type(t.grad.numpy()) is Duck
        np.testing.assert_array_equal(t.grad.numpy().inside, e)


def test_law_10_ducks_are_never_copied_or_frozen():
    duck = Duck(np.ones(3))
    x = mt.tensor(duck)
    assert x.numpy() is duck
    assert duck.inside.flags.writeable


def test_law_10_dask_arrays_stay_lazy():
    da = pytest.importorskip("dask.array")
    (x, gamma, beta), dout = batch()
    lazy = mt.tensor(da.from_array(x.numpy(), chunks=(3, 4)), requires_grad=True)
    out = mt.batch_norm(lazy, gamma, beta)
    assert isinstance(out.numpy(), da.Array)
    np.testing.assert_allclose(out.numpy().compute(), mt.batch_norm(x, gamma, beta).numpy(), rtol=1e-12)
    out.backward(da.from_array(dout, chunks=(3, 4)))
    (expected,) = mt.grad(mt.batch_norm(x, gamma, beta), x, dout)
    assert isinstance(lazy.grad.numpy(), da.Array)
    np.testing.assert_allclose(lazy.grad.numpy().compute(), expected.numpy(), rtol=1e-9, atol=1e-14)


LAZY = {
    "slice": lambda x: x[2:5],
    "one row": lambda x: x[3],
    "steps backwards": lambda x: x[::-2],
    "new axis": lambda x: x[None],
    "places named twice": lambda x: x[[0, 3, 3, 3]],
    "all in a row": lambda x: x.reshape(-1),
    "two by two": lambda x: mt.max_pool2d(x.reshape((1, 1, *x.shape)), 2),
    "parts": lambda x: mt.split(x, 3)[1],
    "sum": lambda x: x.sum(),
}


@pytest.mark.parametrize("name", LAZY)
def test_law_10_moving_elements_of_dask_arrays_and_their_gradients(name):
    da = pytest.importorskip("dask.array")
    array = np.random.default_rng(0).normal(size=(6, 4))
    plain, lazy = (mt.tensor(a, requires_grad=True) for a in (array, da.from_array(array, chunks=(2, 4))))
    for x in (plain, lazy):
        (LAZY[name](x) ** 2).sum().backward()
    np.testing.assert_allclose(np.asarray(lazy.grad.numpy()), plain.grad.numpy())


def test_law_10_a_lazy_number_is_computed_and_lazy_state_keeps_no_history():
    da = pytest.importorskip("dask.array")
    total = mt.tensor(da.ones((4, 2), chunks=2)).sum()
    assert total.item() == 8.0
    assert total > 7
    norm = mt.nn.BatchNorm1d(8, dtype=np.float64)
    for seed in range(4):
        norm(da.random.default_rng(seed).normal(size=(40, 8), chunks=(20, 8)))
        assert isinstance(norm.running_mean.numpy(), np.ndarray)


# -------------------------------------------------------------------------------------------------- 11. state is sealed


def test_law_11_blocks_restore_what_was_before_on_exceptions_too():
    before = recording.get()
    for block in (mt.no_grad(), mt.enable_grad(), mt.scope("s"), mt.detect_anomaly()):
        with pytest.raises(KeyError), block:  # noqa: PT012
            assert recording.get() is not before
            raise KeyError
        assert recording.get() is before


def test_law_11_one_block_object_serves_many_times_and_nested():
    quiet = mt.no_grad()
    (x,) = parameters(1.0)
    with quiet:
        with mt.enable_grad():
            with quiet:
                assert not (x * x).requires_grad
            assert (x * x).requires_grad
        assert not (x * x).requires_grad
    assert (x * x).requires_grad


def test_law_11_no_grad_inside_enable_grad_and_the_other_way_round():
    (x,) = parameters(1.0)
    with mt.no_grad():
        assert not (x * x).requires_grad
        with mt.enable_grad():
            assert (x * x).requires_grad
        assert not (x * x).requires_grad


def test_law_11_grad_works_inside_no_grad():
    (x,) = parameters(3.0)
    y = x * x * x
    with mt.no_grad():
        (g,) = mt.grad(y, x, create_graph=True)
        assert mt.grad(g, x)[0].item() == 18.0
        assert not (x * x).requires_grad


def test_law_11_scopes_nest_and_two_entries_are_two_scopes():
    (x,) = parameters(1.0)
    with mt.scope("block"):
        with mt.scope("norm"):
            first = x * 2.0
        with mt.scope("norm"):
            second = x * 2.0
        between = x * 2.0
    outside = x * 2.0
    assert first.scope.path == second.scope.path == "block/norm"
    assert first.scope is not second.scope
    assert first.scope.parent is second.scope.parent is between.scope
    assert outside.scope is None


def test_law_11_threads_have_their_own_state():
    (x,) = parameters(1.0)
    found = []
    with mt.no_grad(), mt.scope("here"):
        thread = threading.Thread(target=lambda: found.append(x * x))
        thread.start()
        thread.join()
    assert found[0].requires_grad
    assert found[0].scope is None


def test_law_11_asyncio_tasks_have_their_own_state():
    (x,) = parameters(1.0)

    async def quiet(entered, other):
        with mt.no_grad(), mt.scope("quiet"):
            entered.set()
            await other.wait()
            return x * x

    async def loud(entered, other):
        await other.wait()
        y = x * x  # while the other task is inside its block
        entered.set()
        return y

    async def both():
        a, b = asyncio.Event(), asyncio.Event()
        return await asyncio.gather(quiet(a, b), loud(b, a))

    silent, heard = asyncio.run(both())
    assert not silent.requires_grad
    assert silent.scope.path == "quiet"
    assert heard.requires_grad
    assert heard.scope is None


def test_law_11_several_blocks_in_one_statement_add_up():
    before = recording.get()
    with mt.scope("a"), mt.no_grad(), mt.detect_anomaly():
        now = recording.get()
        assert (now.on, now.anomaly, now.scope.path) == (False, True, "a")
    assert recording.get() is before


def test_law_11_backward_and_errors_leave_the_state_as_it_was():
    (x,) = parameters([1.0, 2.0])
    before = recording.get()
    mt.grad((x * x).sum(), x, create_graph=True)
    (x * x).sum().backward()
    mt.jvp(mt.exp, x, [1.0, 1.0])
    mt.gradcheck(mt.exp, x.numpy())
    mt.graph(x * x, [1.0, 1.0])
    for wrong in (lambda: x + np.ones(3), lambda: (x * x).backward(), lambda: mt.graph(x * x, [1.0])):
        with pytest.raises((ValueError, RuntimeError)):
            wrong()
    assert recording.get() is before


def test_law_6_a_deep_copy_is_a_leaf_of_its_own():
    x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    (x * x).sum().backward()
    twin = copy.deepcopy({"x": x, "again": x})
    assert twin["x"] is twin["again"] is not x
    assert (twin["x"].name, twin["x"].requires_grad, twin["x"].born > x.born) == ("x", True, True)
    assert not twin["x"].numpy().flags.writeable
    twin["x"].assign_([5.0, 6.0])
    assert x.tolist() == [1.0, 2.0]
    with pytest.raises(mt.GradientError, match="only a leaf"):
        copy.deepcopy(x * x)


def test_law_7_integers_that_were_told_to_ask_for_gradients_are_refused_in_the_walk():
    n = leaf(np.array([2, 3]), "n", requires_grad=True)
    with pytest.raises(mt.DTypeError, match=r"n \(2,\) holds int64"):
        (n * 1.5).sum().backward()
    assert n.grad is None
