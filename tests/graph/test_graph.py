"""The captured graph: complete, immutable, the same on every run, and the user's tensors stay as they are."""

import dataclasses
import sys
import tracemalloc

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.graph import capture, cut, joint
from micrograd_tensor.graph.nodes import Again
from micrograd_tensor.graph.rewrites import backward_graph

STAGES = [
    "mean",
    "dev_from_mean",
    "dev_from_mean_sq",
    "var",
    None,
    "stddev",
    "inverted_stddev",
    "x_norm",
    "scaled_x",
    "out",
]
OPS = ["mean", "sub", "square", "mean", "add", "sqrt", "reciprocal", "mul", "mul", "add"]


def batch(n=7, d=4, seed=0):
    rng = np.random.default_rng(seed)
    names = {"x": (n, d), "gamma": (d,), "beta": (d,)}
    tensors = [mt.tensor(rng.standard_normal(s), name=k, requires_grad=True) for k, s in names.items()]
    return tensors, rng.standard_normal((n, d))


def captured(**settings):
    inputs, dout = batch()
    return mt.graph(mt.batch_norm(*inputs), dout, **settings)


def parameter(value, name=None):
    return mt.tensor(np.asarray(value, dtype=float), name=name, requires_grad=True)


# ---------------------------------------------------------------------------------------------------------- the forward


def test_batch_norm_is_ten_named_ops_in_its_scope():
    nodes = [node for node in captured().nodes if node.op]
    assert [node.op.name for node in nodes] == OPS
    assert [node.name for node in nodes] == STAGES
    assert {node.scope.path for node in nodes} == {"batch_norm"}
    assert len({node.scope for node in nodes}) == 1


def test_leaves_are_the_users_tensors_in_no_scope():
    leaves = [node for node in captured().nodes if node.is_leaf]
    assert [node.name for node in leaves] == ["x", "gamma", "beta"]
    assert [node.shape for node in leaves] == [(7, 4), (4,), (4,)]
    assert all(node.requires_grad and node.scope is None and not node.operands for node in leaves)


def test_operands_of_the_forward_are_wired_as_in_the_derivation():
    g = captured()
    wired = {node.name: [getattr(x, "name", x) for x in node.operands] for node in g.nodes if node.op and node.name}
    assert wired == {
        "mean": ["x"],
        "dev_from_mean": ["x", "mean"],
        "dev_from_mean_sq": ["dev_from_mean"],
        "var": ["dev_from_mean_sq"],
        "stddev": [None],
        "inverted_stddev": ["stddev"],
        "x_norm": ["dev_from_mean", "inverted_stddev"],
        "scaled_x": ["x_norm", "gamma"],
        "out": ["scaled_x", "beta"],
    }
    (plus_eps,) = g["stddev"].operands
    assert plus_eps.operands == (g["var"], 1e-5)


def test_users_are_the_uses_of_a_value_by_rank():
    g = captured()
    assert [(user.name, i) for user, i in g.users[g["x"]]] == [("mean", 0), ("dev_from_mean", 0)]
    assert [(user.name, i) for user, i in g.users[g["dev_from_mean"]]] == [("dev_from_mean_sq", 0), ("x_norm", 0)]
    assert g.users[g["out"]] == ()


def test_ranks_count_all_nodes_and_are_topological():
    g = captured()
    everything = [*g.nodes, *g.backward]
    assert [node.rank for node in everything] == list(range(len(everything)))
    for node in everything:
        assert all(x.rank < node.rank for x in node.operands if isinstance(x, mt.Node))


def test_the_graph_is_the_same_on_every_run():
    def summary():
        g = captured()
        return [
            (
                node.rank,
                node.op and node.op.name,
                [x.rank if isinstance(x, mt.Node) else x for x in node.operands],
                dict(node.params),
                node.shape,
                node.name,
                node.rule_of and (node.rule_of[0].rank, node.rule_of[1]),
                node.value.tobytes(),
            )
            for node in (*g.nodes, *g.backward)
        ]

    first = summary()
    clutter = [parameter(k) * 2.0 for k in range(17)]
    assert summary() == first
    assert len(clutter) == 17


def test_params_are_complete_with_their_defaults():
    x = parameter(np.ones((2, 3)))
    (total,) = mt.graph(x.sum()).outputs
    assert dict(total.params) == {"axis": None, "keepdims": False}
    (total,) = mt.graph(mt.sum(x, 1)).outputs
    assert dict(total.params) == {"axis": 1, "keepdims": False}
    (clipped,) = mt.graph(mt.clip(x, max=2.0)).outputs
    assert dict(clipped.params) == {"min": None, "max": 2.0}
    (product,) = mt.graph(x * 2.0).outputs
    assert dict(product.params) == {}
    assert product.operands[1] == 2.0


def test_index_arrays_are_operands():
    places = np.array([0, 1, 1])
    (read,) = mt.graph(parameter([1.0, 2.0])[places]).outputs
    assert read.op.name == "getitem"
    assert read.operands[1].value.tolist() == places.tolist()
    assert not read.operands[1].requires_grad


def test_a_value_that_stands_twice_in_one_op_has_two_edges():
    x = parameter([2.0, 3.0], "x")
    g = mt.graph(x * x, [1.0, 1.0])
    (product,) = g.outputs
    assert g.users[g["x"]] == ((product, 0), (product, 1))
    assert [(edge, part.value.tolist()) for edge, part in g.contributions_to(g["x"])] == [
        ((product, 0), [2.0, 3.0]),
        ((product, 1), [2.0, 3.0]),
    ]
    assert g.gradients[g["x"]].value.tolist() == [4.0, 6.0]


def test_several_outputs():
    x = parameter([1.0, 2.0], "x")
    y, z = mt.square(x).named("y"), mt.exp(x).named("z")
    g = mt.graph([y, z], [[1.0, 1.0], [0.0, 1.0]])
    assert [node.name for node in g.outputs] == ["y", "z"]
    expected = mt.grad([y, z], x, [[1.0, 1.0], [0.0, 1.0]])[0]
    np.testing.assert_allclose(g.gradients[g["x"]].value, expected.numpy())
    assert len(mt.graph([y, z]).outputs) == 2


def test_an_output_inside_the_graph_of_another():
    x = parameter([1.0, 2.0], "x")
    y = (x * 3.0).named("y")
    z = y.sum().named("z")
    g = mt.graph([y, z], [[1.0, 1.0], 1.0])
    assert g.gradients[g["y"]].value.tolist() == [2.0, 2.0]
    assert g.gradients[g["x"]].value.tolist() == [6.0, 6.0]


def test_one_output_twice_counts_twice():
    x = parameter([1.0, 2.0], "x")
    y = (x * 3.0).named("y")
    g = mt.graph([y, y], [[1.0, 1.0], [1.0, 0.0]])
    assert g.gradients[g["x"]].value.tolist() == [6.0, 3.0]


def test_a_graph_without_gradients_is_captured_forward():
    g = mt.graph(mt.tensor([1.0]) * 2.0)
    assert len(g.nodes) == 1
    assert g.backward == ()


# --------------------------------------------------------------------------------------------------------- the backward


def test_gradients_are_those_of_the_engine():
    inputs, dout = batch()
    out = mt.batch_norm(*inputs)
    g = mt.graph(out, dout)
    for x, expected in zip(inputs, mt.grad(out, inputs, dout), strict=True):
        assert g.gradients[g[x.name]].value.tobytes() == expected.numpy().tobytes()
        assert g.gradients[g[x.name]].name == f"d{x.name}"


def test_every_forward_node_that_needs_one_has_a_gradient_of_its_shape():
    g = captured()
    assert set(g.gradients) == set(g.nodes)
    for node, gradient in g.gradients.items():
        assert gradient.shape == node.shape
        assert gradient.dtype == node.dtype


def test_every_backward_op_belongs_to_an_edge_or_adds_at_a_fork():
    g = captured()
    sums = {g.gradients[node] for node in g.nodes if len(g.contributions_to(node)) > 1}
    for node in g.backward:
        if node.op is None:
            assert node.rule_of is None or node in g.contributions.values()
            continue
        assert (node.rule_of is not None) != (node in sums and node.op.name == "add")
        if node.rule_of is not None:
            user, operand = node.rule_of
            assert user in g.nodes
            assert isinstance(user.operands[operand], mt.Node)


def test_the_rules_of_batch_norm_are_attributed_to_their_stages():
    g = captured()
    made = {}
    for node in g.backward:
        if node.op and node.rule_of:
            made.setdefault((node.rule_of[0].name, node.rule_of[1]), []).append(node.op.name)
    assert made[("x_norm", 0)] == ["mul"]
    assert made[("x_norm", 1)] == ["mul", "sum"]
    assert made[("inverted_stddev", 0)] == ["neg", "square", "mul"]
    assert made[("stddev", 0)] == ["mul", "div"]
    assert made[("out", 1)] == ["sum"]
    assert made[("dev_from_mean", 1)] == ["neg", "sum"]


def test_contributions_are_kept_apart_and_add_up_to_the_gradient():
    inputs, dout = batch()
    x, gamma, beta = inputs
    out = mt.batch_norm(*inputs) * x + mt.tanh(x) / (gamma * gamma + 1.0) - beta
    g = mt.graph(out, dout)
    forks = 0
    for node in g.nodes:
        parts = g.contributions_to(node)
        assert len(parts) == len([e for e in g.users[node] if e in g.contributions])
        if node in g.outputs:
            continue
        total = parts[0][1].value.copy()
        for _, part in parts[1:]:
            total = total + part.value
        assert total.tobytes() == g.gradients[node].value.tobytes()
        for (user, operand), part in parts:
            assert user.operands[operand] is node
            assert part.shape == node.shape
        forks += len(parts) > 1
    assert forks == 4  # x, gamma, beta and dev_from_mean


def test_the_contributions_at_batch_norms_two_forks():
    """The derivation's two forks: dev_from_mean (into its square and x_norm), and x (directly and through the mean)."""
    g = captured()
    assert [edge[0].name for edge, _ in g.contributions_to(g["dev_from_mean"])] == ["x_norm", "dev_from_mean_sq"]
    assert [edge[0].name for edge, _ in g.contributions_to(g["x"])] == ["dev_from_mean", "mean"]


def test_masks_are_traced():
    """The gate of relu depends on the data, so a reader that runs the graph again must see the comparison."""
    x = parameter([1.0, -2.0], "x")
    g = mt.graph(mt.relu(x), [1.0, 1.0])
    (mask,) = [node for node in g.backward if node.op and node.op.name == "less_equal"]
    assert mask.operands == (g["x"], 0)
    assert mask.dtype == np.bool_
    assert mask.rule_of == (g.outputs[0], 0)


@pytest.mark.parametrize("name", ["max", "abs", "maximum", "prod", "clip", "sort"])
def test_no_constant_of_the_backward_hides_the_data(name):
    """Every backward leaf is the upstream or independent of the data: with other data it has the same value."""

    def leaves(seed):
        x = parameter(np.random.default_rng(seed).uniform(0.5, 1.5, (3, 2)), "x")
        y = parameter(np.random.default_rng(seed + 50).uniform(0.5, 1.5, (3, 2)), "y")
        out = (
            mt.maximum(x, y) if name == "maximum" else mt.clip(x, 0.8, 1.2) if name == "clip" else getattr(mt, name)(x)
        )
        g = mt.graph(out, np.ones(out.shape))
        return [node.value.tolist() for node in g.backward if node.op is None]

    assert leaves(0) == leaves(1) == leaves(2)


def test_a_scalar_upstream_for_a_scalar():
    x = parameter([3.0, 4.0], "x")
    g = mt.graph(mt.l2_norm(x), 1.0)
    assert g.gradients[g["x"]].value.tolist() == pytest.approx([0.6, 0.8])


# ---------------------------------------------------------------------------------------- immutable, and without traces


def test_nodes_and_graphs_cannot_be_changed():
    g = captured()
    for target, field in (
        (g, "nodes"),
        (g, "outputs"),
        (g.nodes[0], "name"),
        (g.nodes[0], "value"),
        (g.nodes[-1], "op"),
    ):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(target, field, None)
    for values in (g.nodes[0].value, g.nodes[-1].value, *(node.value for node in g.gradients.values())):
        with pytest.raises(ValueError, match="read-only"):
            values[...] = 0


def test_mappings_of_a_graph_cannot_be_changed():
    g = captured()
    for mapping in (g.gradients, g.contributions, g.users, g.named, g.nodes[-1].params):
        with pytest.raises((TypeError, AttributeError)):
            mapping["new"] = None


def test_without_values_no_array_is_kept():
    g = captured(values=False)
    assert all(node.value is None for node in (*g.nodes, *g.backward))
    assert [(node.shape, node.dtype) for node in g.nodes] == [(node.shape, node.dtype) for node in captured().nodes]
    assert str(g) == str(captured())


def test_values_are_shared_and_not_copied():
    x = parameter([1.0, 2.0], "x")
    assert mt.graph(x * 2.0)["x"].value is x.numpy()


def test_the_users_gradients_are_left_alone():
    inputs, dout = batch()
    out = mt.batch_norm(*inputs)
    out.backward(dout)
    before = [x.grad for x in inputs]
    mt.graph(out, 2 * dout)
    assert all(x.grad is b for x, b in zip(inputs, before, strict=True))
    assert all(x.name == n for x, n in zip(inputs, ("x", "gamma", "beta"), strict=True))


def test_naming_a_tensor_later_does_not_change_a_graph():
    x = parameter([1.0], "x")
    g = mt.graph(x * 2.0)
    x.named("y")
    assert g["x"].name == "x"


def test_graphs_can_be_captured_inside_no_grad():
    inputs, dout = batch()
    out = mt.batch_norm(*inputs)
    expected = str(mt.graph(out, dout))
    with mt.no_grad():
        assert str(mt.graph(out, dout)) == expected


# --------------------------------------------------------------------------------------------------------------- errors


def test_wrong_upstreams_are_refused():
    inputs, dout = batch()
    out = mt.batch_norm(*inputs)
    with pytest.raises(mt.ShapeError, match=r"upstream.*out \(7, 4\).*\(4,\)"):
        mt.graph(out, dout[0])
    with pytest.raises(mt.GradientError, match="2 outputs, but 1 upstream"):
        mt.graph([out, out], [dout])
    with pytest.raises(mt.GradientError, match="no graph"):
        mt.graph(mt.tensor([1.0]), [1.0])


def test_tensors_assigned_since_are_refused():
    inputs, dout = batch()
    out = mt.batch_norm(*inputs)
    inputs[0].assign_(np.zeros((7, 4)))
    with pytest.raises(mt.GradientError, match=r"x \(7, 4\) was assigned a new value"):
        mt.graph(out, dout)


def test_a_forward_graph_of_tensors_assigned_since_does_not_lie():
    x = parameter([1.0, 2.0], "x")
    y = x * 2.0
    x.assign_([10.0, 20.0])
    try:
        g = mt.graph(y)
    except mt.GradientError:
        return
    assert (g["x"].value * 2.0).tolist() == g.outputs[0].value.tolist()


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(mt.GradientError, match=r"'x_nrom'.*did you mean 'x_norm'"):
        captured()["x_nrom"]


# ------------------------------------------------------------------------------------------------------------- printing

GOLDEN = """\
 0  x                 leaf            (3, 2)
 1  gamma             leaf            (2,)
 2  beta              leaf            (2,)
 3  mean              mean 0          (2,)
 4  dev_from_mean     sub 0, 3        (3, 2)
 5  dev_from_mean_sq  square 4        (3, 2)
 6  var               mean 5          (2,)
 7                    add 6, (1e-05)  (2,)
 8  stddev            sqrt 7          (2,)
 9  inverted_stddev   reciprocal 8    (2,)
10  x_norm            mul 4, 9        (3, 2)
11  scaled_x          mul 10, 1       (3, 2)
12  out               add 11, 2       (3, 2)"""


def _squeezed(text):
    return [line.split() for line in text.splitlines()]


def test_the_text_of_batch_norms_forward():
    inputs, _ = batch(3, 2)
    assert _squeezed(str(mt.graph(mt.batch_norm(*inputs)))) == _squeezed(GOLDEN)


def test_the_text_is_a_table_with_aligned_columns():
    text = str(captured())
    lines = text.splitlines()
    assert len(lines) == len(captured().nodes) + len(captured().backward)
    assert all(line == line.rstrip() for line in lines)
    assert (
        len({line.index("(") for line in str(mt.graph(parameter([1.0], "x") + parameter([2.0], "y"))).splitlines()})
        == 1
    )
    assert any("rule of" in line for line in lines)
    assert "0x" not in text


# ---------------------------------------------------------------------------------------------------------- long chains


@pytest.mark.slow
def test_a_long_chain_is_captured_without_recursion():
    x = parameter(1.0, "x")
    y = x
    for _ in range(100_000):
        y = y + 1.0
    depth, frame = 0, sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(depth + 80)
    try:
        g = mt.graph(y, 1.0)
    finally:
        sys.setrecursionlimit(limit)
    assert len(g.nodes) == 100_001
    assert g.nodes[-1].rank == 100_000
    assert g.gradients[g["x"]].value.item() == 1.0
    assert len(g.users[g["x"]]) == 1
    del g, y


def test_forks_in_a_row_are_captured_once_each():
    x = parameter(1.0, "x")
    y = x
    for _ in range(1000):
        y = (y + y) / 2.0
    g = mt.graph(y, 1.0)
    assert len(g.nodes) == 2001
    assert g.gradients[g["x"]].value.item() == 1.0


# ------------------------------------------------------------------------------------ large arrays, made when asked for


def attention(x, w):
    scores = mt.softmax(x @ w @ x.T, axis=1)
    return mt.sum(mt.tanh(scores @ x) * x)


def pooled(x, w):
    return mt.sum(mt.max(x, axis=0) * mt.mean(w, axis=0)) + mt.sum(mt.square(x[::2] @ w))


def forked(x, w):
    return mt.sum(sum((mt.exp(-x * k) for k in range(1, 5)), start=x) @ w)


@pytest.mark.parametrize("fn", [attention, pooled, forked])
def test_large_values_on_the_way_between_gradients_are_made_again_as_they_were(fn, monkeypatch):
    rng = np.random.default_rng(2)
    x, w = (mt.tensor(rng.standard_normal(s), name=n, requires_grad=True) for n, s in (("x", (20, 6)), ("w", (6, 6))))
    kept = mt.graph(fn(x, w), 1.0)
    monkeypatch.setattr(capture, "LARGE", 0)
    again = mt.graph(fn(x, w), 1.0)
    assert not any(isinstance(node.array, Again) for node in kept.backward)
    assert not any(isinstance(node.array, Again) for node in (*again.nodes, *again.gradients.values()))
    let_go = [node for node in again.backward if isinstance(node.array, Again)]
    assert len(let_go) > 3
    for one, other in zip(kept.backward, again.backward, strict=True):
        assert (other.value.tobytes(), other.value.dtype, other.value.shape) == (
            one.value.tobytes(),
            one.dtype,
            one.shape,
        )
    with pytest.raises(ValueError, match="read-only"):
        let_go[0].value[...] = 0
    for copy in (joint, backward_graph):  # and so do those that are copied into another graph
        values = ([node.value.tobytes() for node in copy(g).nodes] for g in (kept, again))
        assert next(values) == next(values)
    whole = joint(again)
    for edge, node in kept.contributions.items():
        mine = next(e for e in whole.contributions if (e[0].rank, e[1]) == (edge[0].rank, edge[1]))
        assert cut(whole, [whole.contributions[mine]]).outputs[0].value.tobytes() == node.value.tobytes()


def test_a_large_graph_keeps_few_arrays_of_its_backward_pass():
    rng = np.random.default_rng(0)
    x, size = mt.tensor(rng.standard_normal((300, 500)), name="x", requires_grad=True), 300 * 500 * 8
    gamma, beta = (mt.tensor(rng.standard_normal(500), name=n, requires_grad=True) for n in ("gamma", "beta"))
    out, dout = mt.batch_norm(x, gamma, beta), rng.standard_normal((300, 500))
    mt.graph(out, dout)
    tracemalloc.start()
    try:
        g = mt.graph(out, dout)
        held = tracemalloc.get_traced_memory()[0] / size
    finally:
        tracemalloc.stop()
    sizes = {id(node.value): node.value.nbytes for node in g.gradients.values()}
    assert held < 2 + sum(sizes.values()) / size  # and two values of the forward pass, which the record let go
