"""The view of differences: what is the same, changed, or in one graph only; and the verdicts of a report."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from asked import ASKED, refused
from gallery import leaf, values
from test_layout import check_nothing_overlaps

import micrograd_tensor as mt
from micrograd_tensor.draw import DrawError, draw
from micrograd_tensor.draw.build import scene
from micrograd_tensor.draw.line_styles import LINE_STYLES
from micrograd_tensor.draw.player.data import data
from micrograd_tensor.graph import Graph, Node
from micrograd_tensor.graph.status import Status


def batch_norm(eps=1e-5, gamma=1, seed=0):
    x = leaf("x", 7, 4, seed=seed)
    out = mt.batch_norm(x, leaf("gamma", 4, seed=gamma), leaf("beta", 4, seed=2), eps=eps)
    return mt.graph(out, values(7, 4, seed=3))


def looks(circuit):
    return {wire.forward: wire.styles for wire in circuit._painting.scene.wires}


def texts(circuit):
    return [line.text for lines in circuit._painting.lines.values() for line in lines]


# -------------------------------------------------------------------------------------------------------- two graphs


@pytest.mark.parametrize("name", ASKED)
def test_a_graph_does_not_differ_from_itself(name):
    graph, options = ASKED[name]
    circuit = draw(graph, view="difference", against=graph, width=None, **options)
    assert {look for pair in looks(circuit).values() for look in pair} <= {"forward", "backward"}
    assert not any(item.style for item in circuit._painting.scene.items)
    said = "1 value is the same" if len(graph.nodes) == 1 else f"{len(graph.nodes)} values are the same"
    assert said in repr(circuit)
    assert {wire.forward for wire in circuit._painting.scene.wires} == {wire.forward for wire in scene(graph).wires}


@pytest.mark.parametrize("name", ASKED)
def test_graphs_of_nothing_in_common_are_both_there_whole(name):
    graph, options = ASKED[name]
    with mt.scope("elsewhere"):
        y = mt.sin(mt.tensor([1.0], name="something else", requires_grad=True)).named("of its own")
    other = mt.graph([y, y + 1.0])
    circuit = draw(graph, view="difference", against=other, **options)
    shown = circuit._painting.scene
    gates = sum(item.kind == "gate" for item in shown.items)
    assert gates == sum(node.op is not None for node in (*graph.nodes, *other.nodes))
    assert sum(item.style == "there" and item.kind == "gate" for item in shown.items) >= 1


def test_what_a_changed_parameter_reaches_is_changed_and_nothing_else():
    here, there = batch_norm(), batch_norm(gamma=5)
    circuit = draw(here, view="difference", against=there)
    changed = {item.id for item in circuit._painting.scene.items if item.style == "changed"}
    assert changed == {"node-1", "node-11", "node-12", "sink-12"}
    shown = looks(circuit)
    assert shown["edge-10-11-fwd"] == ("forward", "changed-back")  # the gradient of x_norm has gamma in it
    assert shown["edge-11-12-fwd"] == ("changed", "backward")  # the gradient of the output has not
    assert shown["edge-12-out-fwd"] == ("changed", "backward")
    values = {wire.forward: wire.value for wire in circuit._painting.scene.wires}
    assert values["edge-1-11-fwd"] == "copied along axis 0"  # after the box of gamma, which says what differs
    captions = [item.caption for item in circuit._painting.scene.items if item.id == "node-11"]
    assert captions == ["≠ (9) mul"]


def test_numbers_of_both_graphs_are_shown_beside_each_other():
    here, there = batch_norm(), batch_norm(gamma=5)
    (wire,) = (
        w for w in draw(here, view="difference", against=there)._painting.scene.wires if w.forward == "edge-11-12-fwd"
    )
    mine, theirs = wire.value.removeprefix("(7, 4)  ").split(" ≠ ")
    for said, node in ((mine, here["scaled_x"]), (theirs, there["scaled_x"])):
        low, high = (float(part.replace("−", "-")) for part in said.split("…"))
        assert np.allclose([low, high], [node.value.min(), node.value.max()], atol=0.0051)


def test_a_difference_too_small_for_the_numbers_is_measured():
    circuit = draw(batch_norm(), view="difference", against=batch_norm(eps=2e-5))
    (wire,) = (w for w in circuit._painting.scene.wires if w.forward == "edge-8-9-fwd")
    assert "differs by up to " in wire.value
    assert "1e−5 ≠ 2e−5" in "\n".join(texts(circuit))


def test_training_beside_evaluation():
    layer, x = mt.nn.BatchNorm1d(4), leaf("x", 7, 4)
    here = layer(x)
    layer.eval()
    there = layer(x)
    circuit = draw(here, values(7, 4, seed=3), view="difference", against=there)
    shown = circuit._painting.scene
    added = {item.lines[0] for item in shown.items if item.style == "here" and item.is_box}
    gates = {item.caption for item in shown.items if item.style == "here" and item.kind == "gate"}
    assert gates >= {"+ (1) mean over axis 0", "+ (4) mean over axis 0", "+ (6) sqrt", "+ (7) reciprocal"}
    assert {item.lines[0] for item in shown.items if item.style == "there"} == {"− running_mean", "− inverted_stddev"}
    assert added <= {"+ 1e−5"}
    (wire,) = (w for w in shown.wires if w.source.lines[:1] == ("− running_mean",))
    assert (wire.target.caption, wire.styles[0]) == ("≠ (2) sub", "there")
    back = draw(there, values(7, 4, seed=3), view="difference", against=here)._painting.scene
    assert sum(item.style == "there" for item in back.items) == sum(item.style == "here" for item in shown.items)


def test_a_use_that_only_the_other_has_leaves_a_fork():
    def net(squared):
        x = leaf("x", 3)
        h = mt.tanh(x).named("h")
        return mt.graph(((h * h) if squared else h * 2.0).named("y"), np.ones(3))

    shown = draw(net(False), view="difference", against=net(True))._painting.scene
    for item in shown.items:
        if not item.is_fork:
            assert sum(wire.source is item for wire in shown.wires) <= 1


def test_a_gate_that_takes_other_values_in_the_other_graph_has_a_wire_for_each_operand():
    def net(square):
        x, w, v = (leaf(name, 3, seed=seed) for seed, name in enumerate("xwv"))
        return mt.graph((x * x if square else w * v).named("y") + x + w + v, np.ones(3))

    for here, there in ((False, True), (True, False)):
        graph = net(here)
        shown = draw(graph, view="difference", against=net(there))._painting.scene
        assert len({wire.forward for wire in shown.wires}) == len(shown.wires)
        arriving = [wire for wire in shown.wires if wire.target.id == f"node-{graph['y'].rank}"]
        assert sorted(wire.styles[0] for wire in arriving) == ["here", "here", "there", "there"]


def test_tensors_are_captured_with_the_same_upstream():
    x = leaf("x", 3)
    y, z = (x * 2.0).named("y"), (x * 3.0).named("y")
    by_tensor = draw(y, np.ones(3), view="difference", against=z)
    by_graph = draw(y, np.ones(3), view="difference", against=mt.graph(z, np.ones(3)))
    assert by_tensor.dot == by_graph.dot
    assert draw([y], [np.ones(3)], view="difference", against=[z]).dot == by_graph.dot
    shorter = (mt.sum(x) * 3.0).named("other")
    assert "only here" in repr(draw(y, np.ones(3), view="difference", against=shorter))


# ------------------------------------------------------------------------------------- the same by other names


def by_hand(form, seed=0):
    """Batch normalization as people write it, in their own names and without a scope."""
    x = leaf("data" if form == "other names" else "x", 7, 4, seed=seed)
    scale, shift = leaf("gamma", 4, seed=1), leaf("beta", 4, seed=2)
    mean = mt.tensor(x.data.mean(axis=0)) if form == "detached" else x.mean(axis=-2)
    centred = x - mean
    if form == "other names":
        mean.named("mu")
        centred.named("xc")
    var = mt.mean(centred * centred if form == "a product" else mt.square(centred), axis=0)
    inverted = mt.reciprocal(mt.sqrt(1e-5 + var if form == "the other way round" else var + 1e-5))
    out = inverted * centred * scale + shift if form == "the other way round" else centred * inverted * scale + shift
    return mt.graph(out, values(7, 4, seed=3))


@pytest.mark.parametrize(
    ("form", "same", "there"),
    [
        ("plain", 13, 0),
        ("other names", 13, 0),
        ("the other way round", 13, 0),
        ("a product", 12, 1),
        ("detached", 13, 0),
    ],
)
def test_my_own_is_the_same_as_the_librarys(form, same, there):
    circuit = draw(batch_norm(), view="difference", against=by_hand(form), width=None)
    found = re.match(
        r"two graphs: (\d+) values are the same(?:, (\d+) only here, (\d+) only in the other)?$", circuit.description
    )
    assert found, circuit.description
    assert [int(n or 0) for n in found.groups()] == [same, there, there]
    back = {styles[1] for styles in looks(circuit).values()}
    if form == "detached":
        wires = {wire.forward: wire for wire in circuit._painting.scene.wires}
        assert wires["edge-0-3-fwd"].styles == ("here", "here-back")  # the path through the mean
        assert any(rule.startswith("≠ dx") for wire in wires.values() for rule in wire.rule)
    elif not there:
        assert back == {"backward"}


@pytest.mark.parametrize("name", ASKED)
def test_names_and_scopes_make_no_difference(name):
    graph, options = ASKED[name]
    bare = {}
    for node in (*graph.nodes, *graph.backward):
        operands = tuple(bare.get(x, x) if isinstance(x, Node) else x for x in node.operands)
        bare[node] = replace(node, name=None, scope=None, operands=operands)
    other = Graph(
        tuple(bare[node] for node in graph.nodes),
        tuple(bare[node] for node in graph.outputs),
        tuple(bare[node] for node in graph.backward),
        {(bare[node], i): bare[part] for (node, i), part in graph.contributions.items()},
        {bare[node]: bare[gradient] for node, gradient in graph.gradients.items()},
        {bare[node]: bare[given] for node, given in graph.upstreams.items()},
    )
    circuit = draw(graph, view="difference", against=other, width=None, **options)
    said = "1 value is the same" if len(graph.nodes) == 1 else f"{len(graph.nodes)} values are the same"
    assert circuit.description == f"two graphs: {said}"
    assert {look for pair in looks(circuit).values() for look in pair} <= {"forward", "backward"}


@pytest.mark.parametrize(("off", "changed"), [(1e-16, False), (1e-15, False), (1e-10, True), (1e-3, True)])
def test_rounding_is_no_difference_and_more_is_one(off, changed):
    def net(by):
        x = mt.tensor(values(7, 4) * (1 + by), name="x", requires_grad=True)
        return mt.graph((mt.tanh(x) - x.mean(axis=0)).named("y"), values(7, 4, seed=3))

    assert ("differ" in draw(net(0.0), view="difference", against=net(off)).description) == changed


@pytest.mark.parametrize("eps", [2e-5, 1e-3])
def test_what_a_constant_reaches_is_changed_also_by_other_names(eps):
    x, ones = leaf("x", 7, 4), np.ones((7, 4))
    with mt.scope("mine"):
        own = (x / mt.sqrt(mt.mean(mt.square(x), axis=0) + eps)).named("mine")
    there = (x / mt.sqrt(mt.mean(mt.square(x), axis=0) + 1e-5)).named("theirs")
    circuit = draw(mt.graph(own, ones), view="difference", against=mt.graph(there, ones))
    assert circuit.description == "two graphs: 3 values are the same, 3 differ"


@pytest.mark.parametrize("against", ["x", 3, {"x": 1}, [], ["x"], object()])
def test_what_cannot_be_compared_with_is_refused(against):
    assert "cannot compare with against=" in refused("batch_norm", view="difference", against=against)


# ---------------------------------------------------------------------------------------------------------- a report

VERDICTS = {
    "beta": "right",
    "gamma": "right",
    "x_norm": "right",
    "inverted_stddev": "wrong here",
    "stddev": "right given upstream",
    "var": "right given upstream",
    "dev_from_mean_sq": "harmless",
    "dev_from_mean": "not given",
    "mean": "right values, wrong shape",
    "x": "right given upstream",
}


def report(verdicts=VERDICTS):
    return SimpleNamespace(stages={name: SimpleNamespace(status=status) for name, status in verdicts.items()})


def test_every_verdict_is_marked_on_the_wire_that_carries_the_gradient():
    graph = batch_norm()
    circuit = draw(graph, view="difference", against=report(), width=None)
    trunks = {}
    for wire in circuit._painting.scene.wires:
        trunks.setdefault(wire.source.id, wire)
    for name, text in VERDICTS.items():
        wire, status = trunks[f"node-{graph[name].rank}"], Status(text)
        assert wire.styles == ("forward", status.role)
        if status is not Status.NOT_GIVEN:
            assert wire.rule[0] == f"{status.sign} {status}"
        assert wire.title[1].startswith(f"{status}: ")
    unjudged = [wire for wire in circuit._painting.scene.wires if wire.source.is_fork and wire.backward]
    assert {wire.styles[1] for wire in unjudged} == {"backward"}


def test_the_legend_lists_the_gradients_of_each_verdict():
    said = "\n".join(texts(draw(batch_norm(), view="difference", against=report())))
    assert "✓ right: dbeta, dgamma, dx_norm" in said
    assert "✗ wrong here: dinverted_stddev" in said
    assert "! right values, wrong shape: dmean" in said
    assert "not given: ddev_from_mean" in said


def test_a_report_of_compare_is_taken():
    graph = batch_norm()
    hand = {f"d{name}": graph.gradients[graph[name]].value for name in ("x", "gamma", "beta", "var", "x_norm")}
    hand["dvar"] = 2.0 * hand["dvar"]
    circuit = draw(graph, view="difference", against=mt.compare(graph, None, hand))
    trunks = {wire.source.id: wire for wire in circuit._painting.scene.wires}
    assert trunks[f"node-{graph['gamma'].rank}"].styles[1] == "right"
    assert trunks[f"node-{graph['var'].rank}"].styles[1] == "wrong"


def hand_made(graph, **changed):
    hand = {f"d{node.name}": gradient.value for node, gradient in graph.gradients.items() if node.name}
    return mt.compare(graph, None, hand | changed)


@pytest.mark.parametrize(
    ("name", "kept", "left_out"),
    [
        ("x", 1, "dev_from_mean"),
        ("x", 0, "mean"),
        ("dev_from_mean", 1, "x_norm"),
        ("dev_from_mean", 0, "dev_from_mean_sq"),
    ],
)
def test_what_was_left_out_is_drawn_and_named(name, kept, left_out):
    graph = batch_norm()
    arriving = {edge[0].name: part.value for edge, part in graph.contributions_to(graph[name])}
    assert len(arriving) == 2
    rest = sum(part for through, part in arriving.items() if through != left_out)
    circuit = draw(graph, view="difference", against=hand_made(graph, **{f"d{name}": rest}), width=None)
    dropped = [wire for wire in circuit._painting.scene.wires if wire.styles[1] == "dropped"]
    assert [graph.nodes[wire.edges[0][0]].name for wire in dropped] == [left_out]
    assert dropped[0].rule[0] == "✗ left out"
    assert any(f"what comes through {left_out} to d{name}" in text for text in texts(circuit))


@pytest.mark.parametrize("change", [lambda g: 2.0 * g, lambda g: g + 1e-3, lambda g: np.zeros_like(g)])
def test_other_mistakes_leave_nothing_out(change):
    graph = batch_norm()
    circuit = draw(graph, view="difference", against=hand_made(graph, dx=change(graph.gradients[graph["x"]].value)))
    assert "wrong" in {wire.styles[1] for wire in circuit._painting.scene.wires}
    assert "dropped" not in {wire.styles[1] for wire in circuit._painting.scene.wires}


def test_numbers_by_hand_stand_beside_the_recorded_ones():
    graph = batch_norm()
    circuit = draw(
        graph, view="difference", against=hand_made(graph, dvar=2.0 * graph.gradients[graph["var"]].value), width=None
    )
    [wire] = [w for w in circuit._painting.scene.wires if w.gradient.startswith("dvar ") and " by hand" in w.gradient]
    assert wire.styles[1] == "wrong"
    recorded, given = wire.gradient.removeprefix("dvar (4,)  ").removesuffix(" by hand").split(" ≠ ")
    numbers = [[float(part.replace("−", "-")) for part in said.split("…")] for said in (recorded, given)]
    assert np.allclose(2.0 * np.array(numbers[0]), numbers[1], atol=0.02)


@pytest.mark.parametrize(
    ("mistakes", "status"),
    [
        ({}, Status.RIGHT),
        ({"dvar": lambda g: 2.0 * g, "dx": lambda g: g}, Status.WRONG),
        ({"dgamma": lambda g: g.reshape(1, -1)}, Status.WRONG_SHAPE),
        ({"dx_norm": None}, Status.NOT_GIVEN),
    ],
)
def test_the_picture_shows_a_cross_exactly_where_the_report_is_not_ok(mistakes, status):
    graph = batch_norm()
    hand = {f"d{node.name}": gradient.value for node, gradient in graph.gradients.items() if node.name}
    for name, change in mistakes.items():
        hand[name] = change(hand[name]) if change else None
    report = mt.compare(graph, None, {name: array for name, array in hand.items() if array is not None})
    assert status in {stage.status for stage in report.stages.values()}
    rules = [wire.rule for wire in draw(graph, view="difference", against=report)._painting.scene.wires]
    if status is not Status.NOT_GIVEN:
        assert any(rule[:1] == (f"{status.sign} {status}",) for rule in rules)
    assert report.ok == (not any(rule and rule[0].startswith(Status.WRONG.sign) for rule in rules))
    played = data(graph, draw(graph).svg, title="", report=report)["steps"]
    marks = {verdict["mark"] for step in played for verdict in step.get("verdicts", ())}
    assert report.ok == (Status.WRONG.sign not in marks)


def test_verdicts_can_have_the_gradients_names():
    plain, dotted = (draw(batch_norm(), view="difference", against=report({name: "right"})) for name in ("var", "dvar"))
    assert plain.dot == dotted.dot


def test_a_report_on_another_graph_is_refused():
    assert "has a stage 'varr', but this graph does not" in refused(
        "batch_norm", view="difference", against=report({"varr": "right"})
    )
    assert "this graph has none" in refused("forward_only", view="difference", against=report())


def test_looks_are_told_apart_by_more_than_colour():
    """Each is another line, or what is marked with it has another sign."""
    signs = {
        "right": "✓",
        "follows": "→",
        "note": "!",
        "wrong": "✗",
        "changed": "≠",
        "changed-back": "≠",
        "here": "+",
        "here-back": "+",
        "there": "−",
        "there-back": "−",
        "dropped": "✗",
    }
    cues = [(signs.get(name), look.back, look.width, look.dotted) for name, look in LINE_STYLES.items()]
    assert len(set(cues)) == len(cues)


@pytest.mark.parametrize("seed", range(12))
def test_nothing_overlaps_where_random_graphs_are_merged(seed):
    def net(twist):
        random = np.random.default_rng(seed)
        made = [leaf(f"leaf{i}", 3, seed=i) for i in range(3)]
        for k in range(15):
            a, b = (made[-1 - int(random.integers(min(len(made), 5)))] for _ in range(2))
            other = twist and k % 5 == 2
            made.append(mt.sin(a) * b if other else mt.tanh(a) if random.random() < 0.3 else a * b)
            if k % 4 == 0:
                made[-1].named(f"value{k}")
        return mt.graph(made[-1], np.ones(3))

    shown = draw(net(False), view="difference", against=net(True))._painting.scene
    check_nothing_overlaps(shown)
    assert {wire.styles[0] for wire in shown.wires} != {"forward"}
    for wire in shown.wires:
        assert wire.source.x < wire.target.x
        if wire.source.style in ("here", "there"):
            assert wire.styles[0] == wire.source.style


def leaves(circuit):
    return [" ".join(item.lines) for item in circuit._painting.scene.items if item.kind == "data"]


@pytest.mark.parametrize(
    ("here", "there", "said"),
    [
        (np.array([1, 5, 9], "uint8"), np.array([1, 6, 9], "uint8"), "differs by up to 1"),
        (np.array([1, 5.5, np.inf]), np.array([1, 5.25, np.inf]), "differs by up to 0.25"),
        (np.array([1j, 5, 2j]), np.array([1j, -5, 2j]), "differs by up to 10.00"),
    ],
)
def test_how_much_values_of_one_range_differ(here, there, said):
    [shown] = leaves(draw(mt.tensor(here), view="difference", against=mt.tensor(there)))
    assert shown.endswith(said)


def test_of_elements_that_are_not_known_in_both_no_difference_is_told():
    here, there = mt.tensor([np.inf, np.nan], name="x"), mt.tensor([np.nan, np.inf], name="x")
    assert leaves(draw(here, view="difference", against=there)) == ["≠ x (2,) ∞, 1 NaN"]


def test_nan_as_an_operand_is_the_same_as_nan():
    x = leaf("x", 2)
    assert "2 values are the same" in repr(draw(x * np.nan, view="difference", against=x * float("nan")))


def test_graphs_that_kept_no_values_are_not_called_the_same():
    x = leaf("x", 2)
    for here, there in ((False, False), (False, True), (True, False)):
        against = mt.graph(x * 2.0, values=there)
        with pytest.raises(DrawError, match="values=False"):
            draw(mt.graph(x * 2.0, values=here), view="difference", against=against)


def test_one_value_is_counted_as_one():
    x = leaf("x", 2)
    assert repr(draw(x * 2.0, view="difference", against=x * 3.0)).startswith(
        "<circuit of output: two graphs: 1 value is the same, 1 differs;"
    )


def test_too_much_to_compare_is_refused_however_it_comes_together():
    def chain(gates, op):
        x = leaf("x", 1)
        for _ in range(gates):
            x = op(x)
        return x

    for here, there, gates in (
        (chain(3, mt.sin), chain(401, mt.sin), 401),
        (chain(201, mt.sin), chain(201, mt.tanh), 402),
    ):
        with pytest.raises(DrawError, match=f"{gates} gates would be visible, and a picture shows 400"):
            draw(here, view="difference", against=there)
