"""What a picture of a compiled function shows: its graph, each kernel a scope."""

import numpy as np
import pytest
from test_compiled_programs import function_of

import micrograd_tensor as mt


def test_a_kernel_is_a_scope_and_calls_of_numpy_are_in_none():
    w, v = (mt.tensor(np.random.default_rng(0).normal(size=s), name="w", requires_grad=True) for s in ((5, 6), (6, 3)))
    fast = mt.compile(lambda x: mt.tanh(mt.tanh(x @ w) @ v) * 2, backend="numba")
    fast(np.ones((8, 5)))
    assert [(node.made_by.name, node.path) for node in fast.graph.nodes if not node.is_leaf] == [
        ("matmul", ""),
        ("tanh", "kernel"),
        ("matmul", ""),
        ("tanh", "kernel2"),
        ("mul", "kernel2"),
    ]
    assert "matmul" in mt.draw(fast).text
    assert repr(mt.draw(fast, depth=0)).startswith("<circuit of out: 2 gates, 2 collapsed scopes, ")


def test_gradients_and_new_values_have_names():
    rng = np.random.default_rng(0)
    x, running = (
        mt.tensor(rng.normal(size=(7, 4)), name="x", requires_grad=True),
        mt.tensor(np.zeros(4), name="running"),
    )

    def step(x):
        out = mt.batch_norm(x, np.ones(4), np.zeros(4))
        running.assign_(running * 0.9 + out.mean(axis=0))
        return mt.grad(out, x, x * x)

    fast = mt.compile(step, backend="numba")
    (dx,) = fast(x)
    assert [node.name for node in fast.graph.outputs] == ["dx", "new running"]
    assert dx.name is None  # as without compile
    assert {out.path for out in fast.graph.outputs} == {"kernel"}


def test_without_kernels_the_scopes_stay_that_it_was_recorded_in():
    fast = mt.compile(lambda x: mt.layer_norm(x, 4), backend="numpy")
    fast(np.ones((7, 4)))
    assert {node.path for node in fast.graph.nodes if not node.is_leaf} == {"layer_norm"}


def test_before_the_first_call_there_is_nothing_to_draw():
    with pytest.raises(mt.TraceError, match=r"norm has no graph yet: .*; call it first"):
        mt.draw(mt.compile(mt.l2_norm))


def test_a_report_is_drawn_too():
    x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    report = mt.compare((x * x).named("y"), [1.0, 1.0], {"dx": np.array([2.0, 4.0])})
    assert mt.draw(report).text == mt.draw(report.graph).text


def keys(graph):
    """For each node what it computes, whatever its rank."""
    found = {}
    for node in graph.nodes:
        operands = tuple(found.get(x, x) for x in node.operands)
        made = (node.made_by.name, tuple(node.params.items())) if node.op else node.name
        found[node] = hash((repr(made), node.shape, node.dtype, operands))
    return found


@pytest.mark.parametrize("seed", range(20))
def test_it_is_the_same_graph_in_another_order(seed):
    function, leaves, upstream, differentiable = function_of(seed)

    def both(*given):
        y = function(*given)
        return (y, *mt.grad(y, given, upstream)) if differentiable else y

    fast = mt.compile(both, backend="numba")
    with np.errstate(all="ignore"):
        fast(*leaves)
    graph, traced = fast.graph, fast._latest.traced
    assert [node.rank for node in graph.nodes] == [*range(len(graph.nodes))]
    assert all(x.rank < node.rank for node in graph.nodes for x in node.inputs)
    found, before = keys(graph), keys(traced.graph)
    assert [found[out] for out in graph.outputs] == [before[out] for out in traced.graph.outputs[len(traced.guards) :]]
    assert {*found.values()} <= {*before.values()}
