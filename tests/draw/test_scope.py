"""One scope alone, with what comes in and goes out; deep nets as an outline; views of any graph's few gates."""

import json
import re

import numpy as np
import pytest
from gallery import deep_net, leaf, nested_scopes, random_scopes, two_layers, values
from hypothesis import assume, given
from hypothesis import strategies as st
from test_collapse import check_every_edge_is_there_once, check_ids
from test_layout import check_nothing_overlaps

import micrograd_tensor as mt
from micrograd_tensor import nn
from micrograd_tensor.draw import DrawError, draw
from micrograd_tensor.draw.build import scene
from micrograd_tensor.draw.collapse import Collapsed
from micrograd_tensor.draw.module import module
from micrograd_tensor.draw.options import Options
from micrograd_tensor.graph.part import part


def close(a, b):
    return np.allclose(a, b, rtol=1e-12, atol=1e-12)


def check_part(whole, inside, found):
    """A part has the gates, all that comes in and goes out, and the gradients that these gates alone hand back."""
    by_rank = {node.rank: node for node in whole.nodes}
    ranks = {gate.rank for gate in inside}
    assert {node.rank for node in found.nodes if node.op} == ranks
    around = {x.rank for gate in inside for x in gate.inputs} - ranks
    assert {node.rank for node in found.nodes if not node.op} == around
    for node in found.nodes:
        old = by_rank[node.rank]
        assert node.value is old.value
        operands = [getattr(x, "rank", x) for x in old.operands] if node.op else []
        assert [getattr(x, "rank", x) for x in node.operands] == operands
    goes_out = {
        gate.rank
        for gate in inside
        if gate in whole.outputs
        or not whole.users[gate]
        or any(user.rank not in ranks for user, _ in whole.users[gate])
    }
    assert {node.rank for node in found.outputs} == goes_out
    for node in found.nodes:
        old = by_rank[node.rank]
        within, outer = [], [whole.upstreams[old].value] if old in whole.upstreams and old.op and node.op else []
        for (user, _), gradient in whole.contributions_to(old):
            (within if user.rank in ranks else outer).append(gradient.value)
        if node.op and outer:
            assert close(found.upstreams[node].value, sum(outer[1:], outer[0]))
        else:
            assert node not in found.upstreams
        arrived = [*within, *outer] if node.op else within
        if arrived:
            assert close(found.gradients[node].value, sum(arrived[1:], arrived[0]))
        else:
            assert node not in found.gradients
    assert {(gate.rank, i) for gate, i in found.contributions} == {
        (gate.rank, i) for gate, i in whole.contributions if gate.rank in ranks
    }
    known = {*found.nodes, *found.backward}
    for node in found.backward:
        assert all(x in known for x in node.inputs)
        assert node.rule_of is None or node.rule_of[0].rank in ranks
        if node.op and all(x.value is not None for x in node.inputs):
            assert close(node.apply(*(getattr(x, "value", x) for x in node.operands)), node.value)


@given(st.integers(0, 10**6), st.integers(1, 40))
def test_any_gates_of_any_graph_are_a_graph(seed, gates):
    whole = random_scopes(seed, gates)
    random = np.random.default_rng(seed)
    inside = [node for node in whole.nodes if node.op and random.random() < 0.5]
    assume(inside)
    check_part(whole, inside, part(whole, inside))


@given(st.integers(0, 10**6), st.integers(5, 40))
def test_any_scope_is_drawn_alone(seed, gates):
    whole = random_scopes(seed, gates)
    paths = sorted({node.scope.path for node in whole.nodes if node.op and node.scope})
    assume(paths)
    path = paths[seed % len(paths)]
    found, _ = module(whole, path, {})
    check_part(whole, [n for n in whole.nodes if n.op and n.scope and f"{n.scope.path}/".startswith(f"{path}/")], found)
    picture = draw(whole, scope=path, width=None)._painting.scene
    check_ids(picture)
    check_nothing_overlaps(picture)
    check_every_edge_is_there_once(found, Collapsed(), scene(found, Options(), Collapsed()))
    shown = {wire.forward for wire in picture.wires if wire.target.kind == "output"}
    assert len(shown) == len(found.outputs)


@pytest.mark.parametrize("fault", ["value", "missing"])
def test_the_check_of_parts_finds_what_is_wrong(fault):
    whole = two_layers()._graph
    inside = [node for node in whole.nodes if node.op and node.path.startswith("layer1")]
    found = part(whole, inside)
    gradient = next(iter(found.gradients.values()))
    if fault == "value":
        object.__setattr__(gradient, "array", gradient.value + 1.0)
    else:
        inside.pop()
    with pytest.raises(AssertionError):
        check_part(whole, inside, found)


def test_a_module_in_a_deep_net_has_its_inputs_outputs_and_upstream():
    circuit = deep_net(40, scope="net/block7")
    picture = circuit._painting.scene
    names = {item.lines[0] for item in picture.items if item.kind in ("data", "param")}
    assert names == {"h6", "W7", "b7"}
    (output,) = [item for item in picture.items if item.kind == "output"]
    assert output.lines[0] == "h7"
    (wire,) = [wire for wire in picture.wires if wire.target is output]
    assert wire.rule == ("upstream",)
    assert circuit.description.startswith("5 gates, 4 leaves, forward and backward")


def test_the_end_of_a_path_is_enough():
    whole = two_layers()._graph
    (path, _), (end, _) = (module(whole, given, {}) for given in ("layer2", "layer2/batch_norm"))
    assert len(end.nodes) < len(path.nodes) < len(whole.nodes)
    assert "block3" in deep_net(5, scope="block3").svg


def test_unnamed_values_that_come_in_are_inputs():
    x = leaf("x", 3)
    with mt.scope("last"):
        y = (x * x) * mt.exp(x)
    hidden = mt.exp(x) + 1.0
    with mt.scope("net"):
        z = (hidden * (y + 2.0)).named("z")
    names = {node.name for node in module(mt.graph(z, values(3)), "net", {})[0].nodes if node.is_leaf}
    assert names == {"input1", "input2"}


def test_axes_have_their_names_in_a_part():
    out = two_layers()._graph
    circuit = draw(out, scope="layer2/batch_norm", dims={"N": ("x", 0)})
    assert "Σ over N" in circuit.svg
    assert "(N, 3)" in circuit.svg


@pytest.mark.parametrize("view", ["overlay", "forward", "backward", "steps", "gate", "path", "ascii"])
def test_every_view_draws_a_scope(view):
    more = {"gate": {"at": 1}, "path": {"at": ("h6", "h7")}}.get(view, {})
    circuit = draw(deep_net(40)._graph, scope="block7", view=view, **more)
    assert "relu" in circuit.text if view == "ascii" else circuit.svg


def test_a_page_plays_a_scope(tmp_path):
    _, steps = steps_of(deep_net(40, scope="block7"), tmp_path)
    forward = [step.get("box", "") for step in steps if step["phase"] == "forward"]
    assert [box for box in forward if not box.startswith("fold-")] == [""] * 5
    assert len(forward) == 6  # and one for the frame when it is folded


@pytest.mark.parametrize(
    ("given", "said"),
    [("blok7", "did you mean"), ("", "is not a scope of this graph"), (3, "is not the path of a scope")],
)
def test_what_is_no_scope(given, said):
    with pytest.raises(DrawError, match=said):
        deep_net(8, scope=given)
    with pytest.raises(DrawError, match="has no scopes"):
        draw(leaf("x", 2) * 2.0, scope="net")


# --------------------------------------------------------------------------------------------------------- deep nets


def items(circuit, kind):
    return [item for item in circuit._painting.scene.items if item.kind == kind]


def test_the_first_of_equal_blocks_is_opened():
    circuit = deep_net(40)
    (box,) = items(circuit, "box")
    assert box.lines[:2] == ("block1 … block39", "39 × more, like block0 (5 gates, 2 parameters)")
    assert {item.op.name for item in items(circuit, "gate")} == {"matmul", "add", "relu", "div"}
    assert sum(item.scope.name == "block0" for item in items(circuit, "gate")) == 5
    assert "39 scopes collapsed; depth=2 shows them" in circuit.description
    check_nothing_overlaps(circuit._painting.scene)


def test_blocks_of_blocks_are_opened_one_level():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.norm, self.second = nn.Linear(4, 8), nn.LayerNorm(8), nn.Linear(8, 4)

        def forward(self, x):
            return x + self.second(mt.relu(self.norm(self.first(x))))

    mt.manual_seed(0)
    out = nn.Sequential(*(Block() for _ in range(30)))(leaf("x", 5, 4))
    circuit = draw(out, np.ones((5, 4)))
    names = [box.lines[0] for box in items(circuit, "box")]
    assert names == ["first/linear", "norm/layer_norm", "second/linear", "1 … 29"]
    assert [item.op.name for item in items(circuit, "gate")] == ["relu", "add"]
    assert "scope= shows one of them" in circuit.description


def test_a_depth_that_is_asked_for_opens_nothing():
    assert [box.lines[0] for box in items(deep_net(12, depth=1), "box")] == ["block0 … block11"]
    assert [box.lines[0] for box in items(deep_net(12, depth=0), "box")] == ["net"]


@pytest.mark.slow
def test_ten_thousand_ops_are_an_outline():
    out = deep_net(2000)._graph
    assert sum(node.op is not None for node in out.nodes) == 10_001
    circuit = draw(out)
    assert len(circuit._painting.scene.items) < 60
    assert draw(out, scope="block1234").description.startswith("5 gates")


def test_gates_and_paths_are_shown_of_graphs_of_any_size():
    out = deep_net(200)._graph
    assert draw(out, view="gate", at=900).description.startswith("gate 900")
    assert draw(out, view="path", at=("h198", "h199")).description.startswith("the paths from h198 to h199, 5 of")
    with pytest.raises(DrawError, match="gates lie between these two, and a picture shows 400 at most"):
        draw(out, view="path", at=("x", "h199"))


def test_nested_scopes_are_scopes_of_their_own():
    found = {
        path: len(module(nested_scopes()._graph, path, {})[0].outputs) for path in ("outer", "innermost", "second")
    }
    assert found == {"outer": 1, "innermost": 1, "second": 1}


def steps_of(circuit, folder):
    page = circuit.save(folder / "net.html").read_text(encoding="utf-8")
    return page, json.loads(re.search(r'class="data">(.*?)</script>', page, re.DOTALL)[1])["steps"]


def test_steps_follow_what_is_to_be_seen(tmp_path):
    page, steps = steps_of(deep_net(100), tmp_path)
    (box,) = items(deep_net(100), "box")
    gates = {f"node-{rank}" for rank in map(int, re.findall(r'id="player-node-(\d+)" class="node gate', page))}
    forward = [step["mark"] for step in steps if step["phase"] == "forward"]
    assert sorted(forward) == sorted([*gates, box.id])
    assert {step["mark"] for step in steps if step["phase"] == "backward"} == {*gates, box.id}
    assert len(page) < 500_000
    for step in steps:
        for lane in step.get("lanes", ()):
            assert f'id="player-{lane}"' in page
    at_box = next(step for step in steps if step.get("mark") == box.id and step["phase"] == "backward")
    assert at_box["left"]["panels"]
    assert at_box["right"]["panels"][0]["name"] == "dh99"


def test_boxes_of_few_gates_open_to_be_gone_through_gate_by_gate(tmp_path):
    page, steps = steps_of(deep_net(5, depth=1), tmp_path)
    forward = [step for step in steps if step["phase"] == "forward"]
    assert sum("box" not in step for step in forward) == 26
    boxes = [step["box"] for step in forward if "box" in step]
    assert [box for box in boxes if box.startswith("fold-")] == ["fold-box-2"]  # the frame around them, folded
    boxes.remove("fold-box-2")
    assert sorted(boxes) == sorted(re.findall(r'<template data-box="([^"]+)"', page))


def test_the_page_of_a_deep_net_plays(page, tmp_path):
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(deep_net(100).save(tmp_path / "net.html").as_uri())
    last = int(page.get_attribute(".slider", "max"))
    assert 10 < last < 40
    for _ in range(last):
        page.keyboard.press("ArrowRight")
    assert page.input_value(".slider") == str(last)
    assert said == []
