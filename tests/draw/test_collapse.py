"""Collapsed scopes: which ones, what their boxes say, and that every wire of the graph is still somewhere, once."""

import threading
from collections import Counter

import numpy as np
import pytest
from gallery import deep_net, leaf, lstm_cell, many_ways_through_boxes, random_scopes, two_layers, values
from hypothesis import given
from hypothesis import strategies as st
from test_layout import check_nothing_overlaps

import micrograd_tensor as mt
from micrograd_tensor.draw import DrawError, draw
from micrograd_tensor.draw.build import scene
from micrograd_tensor.draw.collapse import Collapsed, collapse
from micrograd_tensor.draw.layout import place
from micrograd_tensor.draw.options import Options
from micrograd_tensor.draw.wrap import wrap
from micrograd_tensor.graph import Node
from micrograd_tensor.notation import printable, summary


def shown(circuit):
    return circuit._painting.scene


def boxes(circuit):
    return [item for item in shown(circuit).items if item.kind == "box"]


def wires(circuit):
    return {wire.forward: wire for wire in shown(circuit).wires}


def asked_for(graph, seed):
    """Some of the scopes of a graph, or a depth."""
    random = np.random.default_rng(seed)
    paths = sorted({node.scope.path for node in graph.nodes if node.op and node.scope})
    if random.random() < 0.3 or not paths:
        return Options(depth=int(random.integers(4)))
    return Options(collapse=tuple(path for path in paths if random.random() < 0.4))


def check_every_edge_is_there_once(graph, collapsed, picture):
    """An edge of the graph is part of exactly one wire, or within exactly one box."""
    seen = Counter(edge for wire in picture.wires for edge in wire.edges)
    ends = {item.id for item in picture.items}
    for node in graph.nodes:
        for i, operand in enumerate(node.operands):
            if isinstance(operand, Node):
                home = collapsed.box_of.get(node)
                own = operand.op is None and f"node-{operand.rank}" not in ends
                inside = home is not None and (collapsed.box_of.get(operand) is home or own)
                assert seen.pop((node.rank, i), 0) == (0 if inside else 1), (node, i)
                if own:  # the box of a leaf that is not to be seen is the only one that uses it
                    assert {collapsed.box_of[user] for user, _ in graph.users[operand]} == {home}
    assert not seen


def check_wires_lead_where_the_graph_leads(graph, collapsed, picture):
    by_rank = {node.rank: node for node in graph.nodes}
    for wire in picture.wires:
        for rank, i in wire.edges:
            user, operand = by_rank[rank], by_rank[rank].operands[i]
            box = collapsed.box_of.get(user)
            assert wire.target.id == (f"box-{box.gates[0].rank}" if box else f"node-{rank}")
            made_in = collapsed.box_of.get(operand)
            starts = {f"fork-{operand.rank}", f"box-{made_in.gates[0].rank}" if made_in else f"node-{operand.rank}"}
            assert wire.source.id in starts


def check_numbers_are_the_recorded_ones(graph, picture):
    by_rank = {node.rank: node for node in graph.nodes}
    trunks = {wire.target: wire for wire in picture.wires if wire.target.is_fork}
    arrived = {item: [] for item in picture.items}
    for wire in picture.wires:
        used = [(by_rank[rank], i) for rank, i in wire.edges]
        value = next((user.operands[i] for user, i in used), None)
        if value is not None and wire.value:
            assert wire.value == f"{value.shape}  {summary(value.value)}"
        if wire.target.kind == "output":
            parts = [graph.upstreams[by_rank[int(wire.target.id.removeprefix("sink-"))]].value]
        else:
            # The walk adds up from the latest user on, and so that the sums are equal this does too.
            used.sort(key=lambda edge: (-edge[0].rank, edge[1]))
            parts = [graph.contributions[edge].value for edge in used if edge in graph.contributions]
        if wire.target.is_fork:
            continue
        assert bool(parts) == (wire.backward is not None)
        if parts:
            total = sum(parts[1:], parts[0])
            rounding = ["≈ 0"] if 0 < np.abs(total).max() < 1e-13 else []
            assert wire.gradient.endswith((summary(total), *rounding))
            arrived[wire.source].extend(parts)
    for fork, trunk in trunks.items():
        parts = arrived[fork]
        if parts and fork.kind == "fork":
            expected = sum(parts[1:], parts[0])
            low, high = expected.min(), expected.max()
            said = trunk.gradient.split("  ")[-1]
            assert said in (summary(expected), summary(np.array([low, high]) * (1 + 1e-12))), (said, summary(expected))


def check_ids(picture):
    ids = [item.id for item in picture.items]
    ids += [lane for wire in picture.wires for lane in (wire.forward, wire.backward) if lane]
    assert len(ids) == len(set(ids))


@given(st.integers(0, 10**6), st.integers(1, 40))
def test_any_graph_with_any_of_its_scopes_collapsed(seed, gates):
    graph = random_scopes(seed, gates)
    collapsed = collapse(graph.nodes, asked_for(graph, seed), graph.outputs)
    picture = scene(graph, Options(), collapsed)
    check_ids(picture)
    check_every_edge_is_there_once(graph, collapsed, picture)
    check_wires_lead_where_the_graph_leads(graph, collapsed, picture)
    check_numbers_are_the_recorded_ones(graph, picture)
    place(picture)
    check_nothing_overlaps(picture)
    for wire in picture.wires:
        assert wire.source.x < wire.target.x


@given(st.integers(0, 10**6), st.integers(1, 40))
def test_any_graph_in_lines_of_any_width(seed, gates):
    graph = random_scopes(seed, gates)
    collapsed = collapse(graph.nodes, asked_for(graph, seed), graph.outputs)
    picture = scene(graph, Options(), collapsed)
    width = 600 + seed % 900
    try:
        layout = wrap(picture, width)
    except DrawError as error:
        width = int(str(error).split("takes ")[1].split()[0])
        picture = scene(graph, Options(), collapsed)
        layout = wrap(picture, width)
    assert layout.width <= width
    check_ids(picture)
    check_every_edge_is_there_once(graph, collapsed, picture)
    check_nothing_overlaps(picture)
    for item in picture.items:
        assert item.x - item.width / 2 >= 0
        assert item.x + item.width / 2 <= layout.width
    check_numbers_are_the_recorded_ones(graph, _whole(picture))


def _whole(picture):
    """The scene, with wires that were cut put together again."""
    ends = {wire.target.id.removesuffix("-end"): wire for wire in picture.wires if wire.target.kind == "mark"}
    shared = {name.split("-")[1]: wire for name, wire in ends.items() if wire.source.is_fork}
    for wire in picture.wires:
        if wire.source.kind == "mark":
            name = wire.source.id.removesuffix("-start")
            wire.source = ends.get(name, shared.get(name.split("-")[1])).source
    picture.wires = [wire for wire in picture.wires if wire.target.kind != "mark"]
    picture.items = [item for item in picture.items if item.kind != "mark"]
    return picture


@pytest.mark.parametrize("fault", ["missing", "twice", "elsewhere", "number"])
def test_the_checks_find_what_is_wrong(fault):
    graph = many_ways_through_boxes()._graph
    collapsed = collapse(graph.nodes, Options(depth=0), graph.outputs)
    picture = scene(graph, Options(), collapsed)
    wire = next(wire for wire in picture.wires if len(wire.edges) == 2)
    if fault == "missing":
        wire.edges = wire.edges[:1]
    elif fault == "twice":
        picture.wires.append(wire)
    elif fault == "elsewhere":
        wire.target = next(item for item in picture.items if item.kind == "gate")
    else:
        wire.gradient += "0"
    check, given = {
        "missing": (check_every_edge_is_there_once, (graph, collapsed, picture)),
        "twice": (check_every_edge_is_there_once, (graph, collapsed, picture)),
        "elsewhere": (check_wires_lead_where_the_graph_leads, (graph, collapsed, picture)),
        "number": (check_numbers_are_the_recorded_ones, (graph, picture)),
    }[fault]
    with pytest.raises(AssertionError):
        check(*given)


# ------------------------------------------------------------------------------------------------------ which scopes


def test_depth_counts_scopes_from_the_outermost_one():
    assert [item.lines[0] for item in boxes(two_layers(depth=0))] == ["layer1", "layer2"]
    assert [item.lines[0] for item in boxes(two_layers(depth=1))] == ["batch_norm", "batch_norm"]
    assert boxes(two_layers(depth=2)) == []


@pytest.mark.parametrize(
    "given", ["layer1/batch_norm", ["layer1/batch_norm"], ("layer1/batch_norm", "layer1/batch_norm")]
)
def test_a_path_names_a_scope(given):
    assert [item.title.split(",")[0] for item in boxes(two_layers(collapse=given))] == ["scope layer1/batch_norm"]


def test_a_name_that_is_unique_stands_for_its_path():
    assert [item.lines[0] for item in boxes(two_layers(collapse="layer2"))] == ["layer2"]
    assert [item.lines[0] for item in boxes(deep_net(3, collapse="block1"))] == ["block1"]


def test_a_name_of_several_scopes_is_refused_with_their_paths():
    with pytest.raises(
        DrawError, match="'batch_norm' may be any of 'layer1/batch_norm', 'layer2/batch_norm'; give the"
    ):
        two_layers(collapse="batch_norm")


def test_an_unknown_scope_is_refused_with_the_nearest():
    close = "did you mean 'layer[12]' or 'layer[12]'"
    with pytest.raises(DrawError, match=f"'layer3' is not a scope of this graph; {close}"):
        two_layers(collapse="layer3")
    with pytest.raises(DrawError, match=r"this graph has no scopes; add some with mt\.scope"):
        draw(leaf("x", 2) * 2, collapse="layer")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"depth": -1}, "depth=-1"),
        ({"depth": 1.0}, "depth=1.0"),
        ({"depth": True}, "depth=True"),
        ({"collapse": [3]}, "3"),
    ],
)
def test_what_is_no_depth_or_path(options, said):
    with pytest.raises(DrawError, match=said):
        two_layers(**options)


def test_an_outer_scope_takes_the_inner_one_in():
    circuit = two_layers(collapse=["layer1", "layer1/batch_norm"])
    assert [item.lines[:2] for item in boxes(circuit)] == [("layer1", "13 gates, 4 parameters")]


def test_scopes_of_one_name_are_told_apart():
    x = leaf("x", 2)
    for _ in range(2):
        with mt.scope("shared"):
            x = mt.tanh(x) * 2.0
    circuit = draw(x, np.ones(2), depth=0)
    assert [item.lines[0] for item in boxes(circuit)] == ["shared #1", "shared #2"]
    assert len(boxes(draw(x, np.ones(2), collapse="shared"))) == 2


def test_scopes_without_a_name_are_passed_over():
    with mt.scope(" "), mt.scope("a"), mt.scope("  "):
        y = mt.exp(leaf("x", 2)) + 1.0
    assert [item.lines[0] for item in boxes(draw(y, collapse="a"))] == ["a"]
    assert len(boxes(draw(y, depth=0))) == 1
    assert boxes(draw(y, depth=1)) == []


def test_what_another_thread_computes_in_between_parts_a_box():
    x = leaf("x", 2)
    made = []
    with mt.scope("mine"):
        a = mt.exp(x)
        other = threading.Thread(target=lambda: made.append(mt.sin(a)))
        other.start()
        other.join()
        y = mt.cos(made[0])
    circuit = draw(y, np.ones(2), depth=0)
    assert [item.kind for item in shown(circuit).items if item.kind in ("gate", "box")] == ["box", "gate", "box"]


# ----------------------------------------------------------------------------------------------------- what boxes say


def test_a_box_says_its_name_its_content_and_its_parameters():
    x, gamma, beta = leaf("x", 7, 4), leaf("gamma", 4, seed=1), leaf("beta", 4, seed=2)
    [box] = boxes(draw(mt.batch_norm(x * 1.0, gamma, beta), values(7, 4), depth=0))
    assert box.lines == ("batch_norm", "10 gates, 2 parameters", "gamma, beta (4,)")
    assert box.height >= 54
    [box] = boxes(draw(mt.batch_norm(x * 1.0, gamma, beta), values(7, 4), depth=0, detail="name"))
    assert box.lines[-1] == "gamma, beta"


def test_the_data_stay_outside_of_a_box_that_all_starts_from():
    kinds = {item.lines[0]: item.kind for item in shown(lstm_cell(depth=0)).items if item.kind != "box"}
    assert kinds == {"x": "data", "h": "data", "c": "data", "h_next": "output", "c_next": "output"}
    out = mt.batch_norm(leaf("x", 7, 4), leaf("gamma", 4), leaf("beta", 4))
    assert [item.lines[0] for item in shown(draw(out, values(7, 4), depth=0)).items] == ["x", "batch_norm", "out"]


def test_a_leaf_that_is_used_elsewhere_too_stays_outside():
    x, w = leaf("x", 2), leaf("w", 2, seed=1)
    with mt.scope("layer"):
        y = mt.tanh(x * w)
    names = [item.lines[0] for item in shown(draw(y + w, np.ones(2), depth=0)).items if item.is_box]
    assert "w" in names


def test_a_short_way_has_its_rules_written_out():
    x = leaf("x", 2)
    with mt.scope("scale"):
        y = (mt.tanh(x).named("t") * 2.0 + 1.0).named("y")
    wire = wires(draw((y * y).named("z"), np.ones(2), depth=0))["edge-0-box-1-fwd"]
    assert wire.rule == ("× 2", "× (1 − t²)")


def test_longer_ways_and_several_are_counted():
    [wire] = [wire for wire in shown(two_layers(depth=0)).wires if wire.name == "h1"]
    assert wire.rule == ("13 rules inside",)
    x = leaf("x", 2)
    with mt.scope("s"):
        y = x * x
    assert wires(draw(y, np.ones(2), depth=0))["edge-0-box-1-fwd"].rule == ("1 rule inside",)


def test_one_contribution_of_several_uses_within_a_box():
    x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    y = mt.exp(x * 0.0).named("y")
    with mt.scope("s"):
        z = (y * 2.0 + y * 3.0).named("z")
    [into] = [wire for wire in shown(draw(z + y, [1.0, 1.0], depth=0)).wires if wire.target.kind == "box"]
    assert into.gradient == "(2,)  5.00"
    assert len(into.edges) == 2


def test_what_is_used_within_and_outside_shows_outside_what_comes_from_there():
    x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    with mt.scope("s"):
        y = (x * 1.0).named("y")
        z = (y * 2.0).named("z")
    circuit = draw(z + y * 3.0, [1.0, 1.0], depth=0)
    assert [wire.gradient for wire in shown(circuit).wires if wire.name == "y"] == ["(2,)  3.00"]
    assert wires(circuit)["edge-0-box-1-fwd"].gradient == "dx (2,)  5.00"


# ------------------------------------------------------------------------------------------------------------ repeats


def test_equal_boxes_in_a_row_are_drawn_once():
    [box] = boxes(deep_net(12, depth=1))
    assert box.lines == ("block0 … block11", "12 × (5 gates, 2 parameters)", "W0 (4, 4), b0 (4,)")
    assert "; n equal scopes in a row, drawn once" in repr(deep_net(12, depth=1))


def test_two_are_drawn_each_and_so_are_those_that_were_asked_for():
    assert len(boxes(deep_net(2, depth=1))) == 2
    assert len(boxes(deep_net(5, collapse=[f"block{k}" for k in range(5)]))) == 5


def row_of(make):
    x = leaf("x", 4)
    for k in range(5):
        with mt.scope(f"block{k}"):
            x = make(k, x)
    return boxes(draw(x, np.ones(4), depth=0))


@pytest.mark.parametrize(
    ("make", "n"),
    [
        (lambda k, x: mt.tanh(x) * 2.0, 1),
        (lambda k, x: mt.tanh(x) * leaf("w", 4, seed=k), 1),
        (lambda k, x: mt.tanh(x) * float(k), 5),
        (lambda k, x: mt.tanh(x) if k == 2 else mt.sin(x), 5),
        (lambda k, x: mt.tanh(x) * mt.tensor(values(4, seed=k), name="w", requires_grad=k != 2), 5),
        (lambda k, x: x.sum(axis=0 if k % 2 else -1, keepdims=True) * leaf("w", 4), 5),
        (lambda k, x: mt.sin(x) - mt.cos(x) if k < 4 else mt.cos(x) - mt.sin(x), 2),
    ],
)
def test_boxes_are_equal_if_ops_parameters_shapes_and_wiring_are(make, n):
    assert len(row_of(make)) == n


def test_boxes_that_share_a_value_are_equal_and_those_of_which_one_is_used_elsewhere_are_not():
    mask = mt.tensor(values(4), name="mask")
    assert len(row_of(lambda k, x: mt.tanh(x) * mask)) == 1
    x, kept = leaf("x", 4), None
    for k in range(5):
        with mt.scope(f"block{k}"):
            x = mt.tanh(x)
        kept = x if k == 2 else kept
    assert [box.lines[0] for box in boxes(draw(x + kept, np.ones(4), depth=0))] == [
        "block0 … block2",
        "block3",
        "block4",
    ]


# --------------------------------------------------------------------------------------------------------------- size


def test_many_gates_collapse_the_deepest_scopes():
    assert boxes(deep_net(11)) == []  # 56 gates
    circuit = deep_net(13)  # 66
    assert [box.lines[0] for box in boxes(circuit)] == ["block1 … block12"]
    assert "12 scopes collapsed; depth=2 shows them" in repr(circuit)
    assert boxes(deep_net(13, depth=2)) == []
    assert len(boxes(deep_net(13, collapse="block3"))) == 1
    assert "199 scopes collapsed; scope= shows one of them" in repr(deep_net(200))


def test_as_deep_as_sixty_gates_allow():
    x = leaf("x", 2)
    for k in range(10):
        with mt.scope(f"layer{k}"):
            for name in ("a", "b"):
                with mt.scope(name):
                    for _ in range(4):
                        x = mt.tanh(x * float(k + 1))
    graph = mt.graph(x)
    collapsed = collapse(graph.nodes, Options(), graph.outputs)
    assert (collapsed.shown, len(collapsed.boxes), collapsed.chosen) == (20, 20, True)


def test_what_is_left_to_be_seen_counts():
    def net(layers, free):
        x = leaf("x", 1)
        for k in range(layers):
            with mt.scope(f"layer{k}"):
                x = mt.tanh(x) if k % 2 else mt.sin(-x)
        for _ in range(free):
            x = -x
        return x

    draw(net(400, 0))
    with pytest.raises(
        DrawError, match=r"401 gates would be visible, and a picture shows 400 at most; collapse .*depth= or coll"
    ):
        draw(net(1, 400), depth=0)
    assert "1 collapsed scope" in repr(draw(net(1, 399)))


def test_nothing_is_collapsed_unless_asked_for():
    graph = two_layers()._graph
    assert collapse(graph.nodes, Options()).boxes == Collapsed().boxes == ()


@pytest.mark.parametrize("name", ["nul\x00", "lone \ud800", "<b>"])
def test_a_hostile_scope_is_collapsed_as_itself(name):
    with mt.scope("outer"), mt.scope(name):
        y = mt.exp(leaf("x", 2))
    circuit = draw(y, collapse=f"outer/{name}")
    assert [item.title.split(",")[0] for item in boxes(circuit)] == [f"scope outer/{printable(name)}"]
    circuit.svg.encode()
