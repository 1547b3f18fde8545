"""The view of the backward pass: every recorded op once, with its gate's number, flowing from right to left."""

import re

import numpy as np
import pytest
from asked import ASKED, check_said, refused
from gallery import leaf, values

import micrograd_tensor as mt
from micrograd_tensor.cli.builtin_graphs import BUILTINS, made
from micrograd_tensor.draw import draw
from micrograd_tensor.draw.scene import SAVED_GAP

BACKWARD = [name for name, (graph, _) in ASKED.items() if graph.gradients]


def shown(graph, **options):
    return draw(graph, view="backward", **{"width": None, **options})._painting.scene


def of_batch_norm():
    out = mt.batch_norm(leaf("x", 7, 4), leaf("gamma", 4, seed=1), leaf("beta", 4, seed=2))
    return mt.graph(out, values(7, 4, seed=3))


def by_id(scene):
    return {item.id: item for item in scene.items}


def carriers(graph):
    """The ranks of the backward nodes that depend on an upstream."""
    found = set()
    for node in graph.backward:
        asks = node.is_leaf and node.requires_grad
        if asks or any(x.rank in found for x in node.operands if isinstance(x, mt.Node)):
            found.add(node.rank)
    return found


def circuit_faults(graph, scene):
    """What the picture has too much or too little of, compared with the recorded ops."""
    ranks = carriers(graph)
    wires = {wire.forward for wire in scene.wires}
    faults = []
    gates = {item.id for item in scene.items if item.kind == "gate"}
    wanted = {f"node-{node.rank}" for node in graph.backward if node.op and node.rank in ranks}
    faults += [f"gate {name}" for name in gates ^ wanted]
    expected = set()
    for node in graph.backward:
        if node.rank in ranks:
            for i, x in enumerate(node.operands):
                if isinstance(x, mt.Node) and x.rank in ranks:
                    again = f"-{i}" if any(y is x for y in node.operands[:i]) else ""
                    expected.add(f"edge-{x.rank}-{node.rank}{again}-bwd")
    drawn = {name for name in wires if re.fullmatch(r"edge-\d+-\d+(-\d+)?-bwd", name)}
    faults += [f"wire {name}" for name in drawn ^ expected]
    sinks = {item.id for item in scene.items if item.id.startswith("sink-")}
    leaves = {f"sink-{node.rank}" for node in graph.gradients if node.is_leaf}
    return faults + [f"result {name}" for name in leaves - sinks]


@pytest.mark.parametrize("name", BACKWARD)
def test_every_recorded_op_and_every_use_of_a_gradient_is_there_once(name):
    graph, options = ASKED[name]
    assert circuit_faults(graph, shown(graph, **options)) == []


def test_that_check_finds_what_is_missing_or_too_much():
    graph = of_batch_norm()
    for plant in ("gate", "wire", "result", "more"):
        scene = shown(graph)
        if plant == "gate":
            scene.items.remove(by_id(scene)["node-18"])
        elif plant == "wire":
            scene.wires.remove(next(wire for wire in scene.wires if wire.forward == "edge-15-18-bwd"))
        elif plant == "result":
            scene.items.remove(by_id(scene)["sink-1"])
        else:
            scene.wires[0].forward = "edge-1-99-bwd"
        assert circuit_faults(graph, scene)


@pytest.mark.parametrize("name", BACKWARD)
def test_what_is_said_of_a_gradient_is_what_was_recorded(name):
    graph, options = ASKED[name]
    recorded = {node.rank: node.value for node in graph.backward}
    scene = shown(graph, **options)
    for wire in scene.wires:
        if wire.value:
            assert check_said(wire.value, recorded[int(wire.source.id.split("-")[1])]) in (True, False)
    gradients = {f"sink-{node.rank}": gradient.value for node, gradient in graph.gradients.items()}
    for item in scene.items:
        if item.id in gradients and len(item.lines) == 3:
            check_said("  ".join(item.lines[1:]), gradients[item.id])


@pytest.mark.parametrize("name", BACKWARD)
def test_it_flows_from_right_to_left(name):
    graph, options = ASKED[name]
    scene = shown(graph, **options)
    for wire in scene.wires:
        assert wire.source.x > wire.target.x
        assert wire.backward is None
        saved = wire.source.kind == "constant"
        assert wire.styles[0] == ("forward" if saved and "kept" in wire.source.id else "backward")


def test_gates_have_the_number_of_the_forward_gate_whose_rule_they_are():
    captions = {item.id: item.caption for item in shown(of_batch_norm()).items if item.kind == "gate"}
    assert captions["node-15"] == "(9) mul"
    assert captions["node-18"] == captions["node-19"] == "(8) mul"
    assert captions["node-30"] == captions["node-35"] == "A + B"
    assert captions["node-33"] == "(1) div"


@pytest.mark.parametrize("name", BACKWARD)
def test_numbers_are_those_of_the_overlay(name):
    graph, options = ASKED[name]
    overlay = {item.id: item.caption for item in draw(graph, collapse=(), depth=99, **options)._painting.scene.items}
    recorded = {f"node-{node.rank}": node for node in graph.backward}
    for item in shown(graph, **options).items:
        if item.kind == "gate" and item.caption.startswith("("):
            gate = recorded[item.id].rule_of[0]
            assert item.caption.partition(")")[0] == overlay[f"node-{gate.rank}"].partition(")")[0]


def test_what_a_rule_takes_from_the_forward_pass_stands_below_its_gate():
    circuit = draw(of_batch_norm(), view="backward")
    scene = circuit._painting.scene
    saved = {item.caption: item.saved for item in scene.items if item.saved}
    assert saved["(7) mul"] == "inverted_stddev²"
    assert saved["(6) div"] == "2 · stddev"
    assert saved["(3) mul"] == "2 · dev_from_mean"
    gate = by_id(scene)["node-18"]
    (line,) = circuit._painting.lines["node-18-saved-name"]
    assert line.text == "inverted_stddev"
    assert line.x == gate.x
    assert line.y > gate.y + gate.height / 2 + SAVED_GAP


def test_gradient_that_is_used_several_times_parts_in_a_dot():
    scene = shown(of_batch_norm())
    assert {item.id for item in scene.items if item.kind == "split"} == {"fork-13", "fork-15", "fork-30"}
    assert not any(item.kind == "fork" for item in scene.items)


def test_sums_of_many_contributions_tell_what_is_added_where():
    x = leaf("x", 3)
    total = mt.sin(x) + mt.cos(x) + mt.tanh(x) + mt.exp(x) * x
    scene = shown(mt.graph(total.named("y"), np.ones(3)))
    sums = [item.caption for item in scene.items if "A + " in item.caption]
    assert sums == ["A + B", "A + B + C", "A + B + C + D", "A + … + D + E"]
    letters = {wire.name.partition(":")[0] for wire in scene.wires if wire.target.caption in sums} - {""}
    assert letters >= {"A", "B", "C", "D", "E"}


def test_order_of_operands_is_told_where_the_gradient_comes_second():
    scene = shown(mt.graph((leaf("a", 2, 3) @ leaf("b", 3, 4, seed=1)).named("y"), values(2, 4, seed=2)))
    captions = {item.saved: item.caption for item in scene.items if item.saved}
    assert captions == {"bᵀ": "(1) matmul", "aᵀ": "(1) matmul: aᵀ @ g"}


def test_one_gradient_for_several_leaves_has_a_box_for_each():
    scene = shown(mt.graph((leaf("a", 3) + leaf("b", 3)).named("y"), np.ones(3)))
    boxes = [item.lines[0] for item in scene.items if item.is_box]
    assert boxes == ["dy", "da", "db"]


def test_gradients_that_do_not_depend_on_the_upstream_are_constants():
    scene = shown(mt.graph((mt.sign(leaf("x", 3)) * leaf("w", 3)).named("y"), np.ones(3)))
    (wire,) = (wire for wire in scene.wires if wire.target.lines[:1] == ("dx",))
    assert wire.source.kind == "constant"


def test_leaves_have_the_colours_of_the_overlay():
    kinds = {item.lines[0]: item.fill or item.kind for item in shown(of_batch_norm()).items if item.is_box}
    assert kinds == {"dout": "data", "dx": "data", "dgamma": "param", "dbeta": "param"}


def test_main_path_of_batch_norm_runs_straight_along_the_way_that_keeps_its_shape():
    scene = shown(of_batch_norm())
    top = min(item.y for item in scene.items)
    assert {item.caption for item in scene.items if item.y == top and item.kind == "gate"} == {
        "(9) mul",
        "(8) mul",
        "A + B",
    }


def test_without_a_backward_pass_there_is_nothing_to_see():
    assert "give draw an upstream" in refused("forward_only", view="backward")


@pytest.mark.parametrize(
    ("make", "text", "wrong"),
    [
        (lambda a, b, w: (a + b) ** 3, "3 · (a + b)²", "b²<"),
        (lambda a, b, w: w.T @ (a - b), "(a − b)ᵀ", "a − bᵀ"),
    ],
)
def test_what_has_no_name_keeps_its_parentheses(make, text, wrong):
    a, b, w = (mt.tensor(np.arange(6.0).reshape(3, 2) + k, name=k_, requires_grad=True) for k, k_ in enumerate("abw"))
    y = make(a, b, w).named("y")
    svg = mt.draw(y, np.ones(y.shape), view="backward").svg
    assert text in svg
    assert wrong not in svg


@pytest.mark.parametrize("name", BUILTINS)
def test_the_gradient_of_the_data_is_where_the_reader_looks(name):
    """In the top row, however many gates lie between the output and the gradient of a weight."""
    items = draw(*made(name), view="backward", width=None)._painting.scene.items
    rows = {item.lines[0]: item.row for item in items if item.kind == "output" and item.fill == "data"}
    assert not rows or min(rows.values()) == 0
    assert rows.get("dx", 0) == 0


@pytest.mark.parametrize("name", BUILTINS)
def test_marks_tell_gradients_apart(name):
    """Each by its name, its letter, the letters that it adds, or the gate that makes it; never by a shape alone."""
    for width in (390, 900):
        circuit = draw(*made(name), view="backward", dims=BUILTINS[name].dims, width=width)
        marks = [" ".join(item.lines) for item in circuit._painting.scene.items if item.kind == "mark"]
        assert marks
        assert not [mark for mark in marks if re.fullmatch(r"(… )?\([\w, ]*,[\w, ]*\)( …)?", mark)]
