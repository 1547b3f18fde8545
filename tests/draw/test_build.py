"""What a picture says: every node and every edge of the graph once, with the right texts."""

import numpy as np
import pytest
from gallery import GALLERY, leaf, values

import micrograd_tensor as mt
from micrograd_tensor.draw.build import scene
from micrograd_tensor.draw.options import Options
from micrograd_tensor.graph import Node


@pytest.fixture
def batch_norm():
    x = mt.tensor([[1.0, 2.0], [3.0, 6.0], [5.0, 4.0]], name="x", requires_grad=True)
    gamma = mt.tensor([1.0, 2.0], name="gamma", requires_grad=True)
    beta = mt.tensor([0.0, 0.5], name="beta", requires_grad=True)
    return mt.graph(mt.batch_norm(x, gamma, beta), [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])


def wires(shown):
    return {wire.forward: wire for wire in shown.wires}


def items(shown):
    return {item.id: item for item in shown.items}


def random_graphs():
    rng = np.random.default_rng(0)
    for _ in range(20):
        made = [leaf("a", 2), leaf("b", 2, seed=1)]
        for _ in range(int(rng.integers(1, 15))):
            p, q = (made[int(rng.integers(len(made)))] for _ in range(2))
            made.append(p * q if rng.random() < 0.5 else mt.tanh(p) + 1.0)
        yield mt.graph(made[-1], np.ones(2))


@pytest.mark.parametrize("graph", list(random_graphs()), ids=lambda g: f"{len(g.nodes)} nodes")
def test_every_edge_is_a_wire_exactly_once(graph):
    shown = scene(graph)
    expected = []
    for node in graph.nodes:
        for i, operand in enumerate(node.operands):
            source = f"node-{operand.rank}" if isinstance(operand, Node) else f"node-{node.rank}-number-{i}"
            expected.append((source, f"node-{node.rank}", i))
    found = [
        (w.source.id.replace("fork", "node"), w.target.id, w.operand) for w in shown.wires if w.target.kind == "gate"
    ]
    assert sorted(found) == sorted(expected)
    carried = {(w.target.id, w.operand) for w in shown.wires if w.target.kind == "gate" and w.backward}
    assert carried == {(f"node-{node.rank}", i) for node, i in graph.contributions}


def test_gates_are_numbered_by_rank(batch_norm):
    captions = [item.caption for item in scene(batch_norm).items if item.kind == "gate"]
    assert captions[0] == "(1) mean over axis 0"
    assert captions[-1] == "(10) add"
    assert len(captions) == 10


def test_texts_of_a_wire(batch_norm):
    wire = wires(scene(batch_norm))["edge-10-11-fwd"]
    assert (wire.name, wire.value) == ("x_norm", "(3, 2)  −1.22…1.22")
    assert (wire.rule, wire.gradient) == (("× gamma",), "dx_norm (3, 2)  0…2.00")
    assert wire.backward == "edge-11-10-bwd"


def test_texts_of_a_leaf(batch_norm):
    shown = items(scene(batch_norm))
    assert shown["node-1"].lines == ("gamma", "(2,)", "1.00…2.00")
    assert shown["node-7-number-1"].lines == ("1e−5",)
    assert wires(scene(batch_norm))["edge-1-11-fwd"].name == ""


def test_value_without_a_name_is_called_by_its_formula(batch_norm):
    assert wires(scene(batch_norm))["edge-7-8-fwd"].name == "var + 1e−5"


def test_value_without_a_name_or_short_formula_is_called_by_its_gate():
    a, b = leaf("a_long_name", 2), leaf("another_name", 2)
    shown = wires(scene(mt.graph(mt.exp(mt.tanh(a * b)), np.ones(2))))
    assert shown["edge-2-3-fwd"].name == "y₁"
    assert shown["edge-3-4-fwd"].name == "tanh(y₁)"
    assert shown["edge-2-3-fwd"].gradient.startswith("dy₁ (2,)")
    assert shown["edge-4-out-fwd"].name == "exp(tanh(y₁))"


def test_fork_adds_lettered_branches(batch_norm):
    shown = scene(batch_norm)
    trunk, direct, squared = (wires(shown)[f"edge-4-{to}-fwd"] for to in ("fork", "10", "5"))
    assert items(shown)["fork-4"].kind == "fork"
    assert trunk.rule == ("ddev_from_mean = A + B",)
    assert direct.rule == ("A: × inverted_stddev",)
    assert squared.rule == ("B: × 2 · dev_from_mean",)
    assert trunk.value
    assert not direct.value


def test_letters_follow_the_order_in_which_gradients_are_added(batch_norm):
    shown = wires(scene(batch_norm))
    added = [edge[0].rank for edge, _ in batch_norm.contributions_to(batch_norm["x"])]
    assert [shown[f"edge-0-{rank}-fwd"].rule[0][0] for rank in added] == ["A", "B"]


def test_output_shows_the_upstream(batch_norm):
    wire = wires(scene(batch_norm))["edge-12-out-fwd"]
    assert wire.rule == ("upstream",)
    assert wire.gradient == "dout (3, 2)  0…1.00"
    assert wire.target.id == "sink-12"


def test_same_operand_twice_is_two_wires():
    x = leaf("x", 2)
    shown = wires(scene(mt.graph(x * x, np.ones(2))))
    assert {"edge-0-1-fwd", "edge-0-1-1-fwd", "edge-0-fork-fwd"} < set(shown)


def test_forward_only_has_no_backward_lanes_and_adds_nothing():
    x = leaf("x", 2)
    shown = scene(mt.graph(x * x))
    assert not shown.backward
    assert not any(wire.backward or wire.rule or wire.gradient for wire in shown.wires)
    assert {item.kind for item in shown.items} >= {"split"}


def test_gradient_that_was_not_computed_is_a_dash():
    shown = scene(mt.graph(mt.stop_gradient(leaf("x", 2)) * leaf("w", 2), np.ones(2)))
    (lost,) = (wire for wire in shown.wires if wire.source.lines[:1] == ("x",))
    assert lost.backward is None
    assert lost.gradient == "dx —"


def test_fork_of_which_only_one_branch_carries_a_gradient_adds_nothing():
    x = leaf("x", 2)
    shown = scene(mt.graph(x * mt.stop_gradient(x), np.ones(2)))
    assert items(shown)["fork-0"].kind == "split"
    assert wires(shown)["edge-0-fork-fwd"].gradient.startswith("dx (2,)")
    assert wires(shown)["edge-0-1-fwd"].backward is None


def test_values_can_be_left_out(batch_norm):
    shown = scene(batch_norm, Options(detail="shape"))
    assert wires(shown)["edge-10-11-fwd"].value == "(3, 2)"
    assert items(shown)["node-1"].lines == ("gamma", "(2,)")


def test_lengths_can_have_names(batch_norm):
    assert wires(scene(batch_norm, Options(dims={"N": 3})))["edge-2-12-fwd"].rule == ("× 1", "Σ over N")


def test_more_branches_than_letters():
    x = leaf("x", 2)
    total = x
    for _ in range(30):
        total = total + x
    shown = scene(mt.graph(total, np.ones(2)))
    rules = {wire.rule[0].split(":")[0] for wire in shown.wires if wire.source.id == "fork-0"}
    assert {"A", "Z", "AA", "AE"} <= rules
    assert wires(shown)["edge-0-fork-fwd"].rule == ("dx = A + … + AE",)


def test_ids_are_unique():
    for make in GALLERY.values():
        shown = make()._painting.scene
        ids = [x.id for x in shown.items] + [w.forward for w in shown.wires]
        ids += [w.backward for w in shown.wires if w.backward]
        assert len(ids) == len(set(ids))


def test_output_that_is_used_again_shows_both_parts():
    y = mt.exp(leaf("x", 2)).named("y")
    shown = wires(scene(mt.graph([y, mt.sum(y)], [values(2), 1.0])))
    assert shown["edge-1-out-fwd"].rule == ("A: upstream",)
    assert shown["edge-1-2-fwd"].rule == ("B: copy to (2,)",)
    assert shown["edge-1-fork-fwd"].rule == ("dy = A + B",)


def test_a_parameter_is_drawn_as_one_where_the_main_path_begins_with_it():
    x = mt.tensor([[1.0, 2.0]], name="x")
    shown = scene(mt.graph(mt.sum(mt.nn.Linear(2, 2)(x))))
    kinds = {item.lines[0]: item.kind for item in shown.items if item.is_box}
    assert kinds["weight"] == kinds["bias"] == "param"
    assert kinds["x"] == "data"
