"""The player's data: the steps in their order, what each shows, and arrays that are exact or not there."""

import json
import re
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from gallery import leaf, values
from player_graphs import GRAPHS, inner, picture
from reading import read_latex

import micrograd_tensor as mt
from micrograd_tensor.draw.circuit import drawn
from micrograd_tensor.draw.insides import insides
from micrograd_tensor.draw.options import Options
from micrograd_tensor.draw.player.arrays import MAX_BYTES, MAX_WHOLE, PARTS, element, elements, encoded
from micrograd_tensor.draw.player.data import data
from micrograd_tensor.draw.player.texts import as_json
from micrograd_tensor.graph.status import Status
from micrograd_tensor.notation import Called

EVERY = list(GRAPHS)


def made(name, **options):
    graph = GRAPHS[name]()
    return graph, data(graph, picture(graph), title=name, insides=inner(graph), **options)


def decoded(cell, dtype):
    """An element as it was, from what the page is given."""
    if isinstance(cell, list):
        return complex(*cell)
    return cell if isinstance(cell, bool) else np.dtype(dtype).type(cell)


def array_of(encoded_array):
    """The whole array again."""
    cells = [decoded(c, encoded_array["dtype"]) for matrix in encoded_array["matrices"] for c in matrix]
    return np.array(cells, encoded_array["dtype"]).reshape(encoded_array["shape"])


# ------------------------------------------------------------------------------------------------------------- steps


@pytest.mark.parametrize("name", EVERY)
def test_every_gate_has_its_steps_in_order(name):
    graph, shown = made(name)
    steps = [step for step in shown["steps"] if "box" not in step]
    gates = [node for node in graph.nodes if node.op]
    assert steps[0]["phase"] == "overview"
    assert [s["phase"] for s in steps[1 : len(gates) + 1]] == ["forward"] * len(gates)
    assert [s["title"] for s in steps[1 : len(gates) + 1]] == [f"({k}) {n.op.name}" for k, n in enumerate(gates, 1)]
    rest = steps[len(gates) + 1 :]
    passing = [n for n in reversed(gates) if any((n, i) in graph.contributions for i in range(len(n.operands)))]
    assert [s["title"] for s in rest if s["phase"] == "backward"] == [
        f"({gates.index(n) + 1}) {n.op.name}" for n in passing
    ]
    forks = [n for n in graph.gradients if len(graph.contributions_to(n)) + (n in graph.upstreams) > 1]
    assert len([s for s in rest if s["phase"] == "fork"]) == len(forks)
    assert bool(rest) == bool(graph.gradients)
    if rest:
        assert rest[0]["phase"] == "upstream"


def test_steps_of_batch_norm():
    _, shown = made("batch_norm")
    assert len(shown["steps"]) == 24
    assert [s["title"] for s in shown["steps"] if s["phase"] == "fork"] == [
        "dev_from_mean: two gradients meet",
        "x: two gradients meet",
    ]
    product = shown["steps"][14]
    assert product["code"] == [
        "ddev_from_mean += dx_norm * inverted_stddev  # A",
        "dinverted_stddev = (dx_norm * dev_from_mean).sum(axis=0)",
    ]
    assert product["say"] == [
        "to dev_from_mean (A): × inverted_stddev",
        "to inverted_stddev: × dev_from_mean, Σ over axis 0",
    ]
    assert [panel["name"] for panel in product["kept"]["panels"]] == ["dev_from_mean", "inverted_stddev"]
    assert [panel["mark"] for panel in product["left"]["panels"]] == ["A", ""]


def test_gradients_are_summed_before_they_are_passed_on():
    _, shown = made("diamond")
    order = [(s["phase"], s["title"]) for s in shown["steps"] if s["phase"] in ("backward", "fork")]
    assert order == [
        ("backward", "(4) add"),
        ("backward", "(3) mul"),
        ("backward", "(2) cos"),
        ("backward", "(1) sin"),
        ("fork", "x: three gradients meet"),
    ]


@pytest.mark.parametrize("name", EVERY)
def test_every_id_in_the_steps_is_in_the_picture(name):
    graph = GRAPHS[name]()
    svg = picture(graph)
    ids = set(re.findall(r'id="([^"]+)"', svg))
    steps = data(graph, svg, title=name)["steps"]
    for step in steps:
        named = {*step.get("lanes", ()), *step.get("items", ())} | ({step["mark"]} if step.get("mark") else set())
        assert named <= ids
        assert step.get("mark") or step["phase"] == "overview"


@pytest.mark.parametrize("name", [name for name in EVERY if name != "collapsed"])
def test_every_lane_of_the_picture_is_reached_once(name):
    graph = GRAPHS[name]()
    svg = picture(graph)
    reached = {lane for step in data(graph, svg, title=name)["steps"] for lane in step.get("lanes", ())}
    lanes = {i for i in re.findall(r'id="([^"]+)"', svg) if re.fullmatch(r"edge-.+-(fwd|bwd)", i)}
    # What a leaf gives out as it is was there from the start.
    lanes -= {f"edge-{node.rank}-out-fwd" for node in graph.outputs if node.is_leaf}
    assert lanes == {lane for lane in reached if re.fullmatch(r"edge-.+-(fwd|bwd)", lane)}


def test_continued_parts_of_a_lane_are_reached_with_it():
    graph = GRAPHS["batch_norm"]()
    svg = mt.draw(graph, width=900).svg
    parts = set(re.findall(r'id="(edge-[^"]+-part-\d+)"', svg))
    assert parts
    for step in data(graph, svg, title="batch norm")["steps"]:
        reached = set(step.get("lanes", ()))
        assert all((part in reached) == (re.sub(r"-part-\d+", "", part) in reached) for part in parts)


def test_gates_in_a_box_are_stood_for_by_it():
    graph = GRAPHS["two_layers"]()
    svg = mt.draw(graph, depth=0).svg
    steps = data(graph, svg, title="two layers")["steps"]
    assert {step["mark"] for step in steps if step["phase"] == "forward"} >= {"box-2", "box-7"}
    assert all(f'id="{step["mark"]}"' in svg for step in steps if step.get("mark"))


@pytest.mark.parametrize("name", EVERY)
def test_shown_values_are_the_recorded_ones(name):
    graph, shown = made(name)
    gates = [node for node in graph.nodes if node.op]
    forward = [step for step in shown["steps"] if step["phase"] == "forward" and "box" not in step]
    for node, step in zip(gates, forward, strict=True):
        array = shown["values"][step["right"]["panels"][0]["value"]]
        assert tuple(array["shape"]) == node.shape
        if array["whole"]:
            np.testing.assert_array_equal(array_of(array), node.value)


def test_contributions_of_a_fork_add_up_to_its_sum():
    _, shown = made("diamond")
    step = shown["steps"][-1]
    parts = [array_of(shown["values"][panel["value"]]) for panel in step["right"]["panels"]]
    assert len(parts) == 3
    np.testing.assert_array_equal(sum(parts), array_of(shown["values"][step["left"]["panels"][0]["value"]]))


def test_forward_only_has_no_backward_steps():
    _, shown = made("forward_only")
    assert {step["phase"] for step in shown["steps"]} == {"overview", "forward"}
    assert not any(lane.endswith("bwd") for step in shown["steps"] for lane in step.get("lanes", ()))


def test_an_output_that_is_used_too_starts_with_what_was_given():
    _, shown = made("several_outputs")
    fork = next(step for step in shown["steps"] if step["phase"] == "fork")
    assert fork["code"] == ["dy = upstream_y.copy()  # A", "dy += dy2 * y2  # B"]


# ------------------------------------------------------------------------------------------------------------ arrays

ARRAYS = {
    "float64": values(3, 4),
    "float32": values(3, 4).astype("float32"),
    "float16": values(3, 4).astype("float16"),
    "longdouble": values(3, 4).astype(np.longdouble) / 3,
    "complex": values(3) + 1j * values(3, seed=1),
    "long integers": np.array([2**62 + 1, -5]),
    "truth": np.array([[True, False]]),
    "0-d": np.array(0.1),
    "odd": np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324, 1e308]),
    "three axes": values(2, 3, 4),
    "no elements": np.zeros((0, 4), "int8"),
    "unsigned": np.array([255, 0], "uint8"),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_elements_are_exact(kind):
    array = ARRAYS[kind]
    kept = json.loads(as_json(encoded(array, array.shape, array.dtype)))
    again = array_of(kept)
    assert kept["whole"]
    np.testing.assert_array_equal(again, array)
    if array.dtype.kind in "fc":
        np.testing.assert_array_equal(np.signbit(again.real), np.signbit(array.real))


def test_of_large_arrays_the_corner_and_a_summary():
    array = np.arange(1200.0).reshape(40, 30)
    kept = encoded(array, array.shape, array.dtype)
    assert not kept["whole"]
    assert (kept["rows"], kept["columns"]) == (12, 8)
    np.testing.assert_array_equal(np.reshape(kept["matrices"][0], (12, 8)), array[:12, :8])
    assert kept["note"] == "min 0 · mean 599.50 · max 1199.00"
    assert kept["largest"] == 1199.0


@pytest.mark.parametrize(
    ("array", "note"),
    [
        (np.array([np.nan] * 3 + [np.inf]), "3 NaN · 1 infinite"),
        (np.zeros((3, 0)), "empty"),
        (np.ones((20, 20), bool), "400 of 400 true"),
        (np.full((20, 20), 3 + 4j), "|·| min 5.00 · mean 5.00 · max 5.00"),
        (np.full((20, 20), np.nan), "400 NaN"),
        (np.full((20, 20), 7), "min 7.00 · mean 7.00 · max 7.00"),
        (np.ones(3), ""),
    ],
)
def test_notes(array, note):
    assert encoded(array, array.shape, array.dtype)["note"] == note


@pytest.mark.parametrize("value", [None, object()])
def test_values_that_are_not_there(value):
    kept = encoded(value, (3,), np.dtype(float))
    assert kept["matrices"] == []
    assert kept["note"] == "values not known"


def test_a_graph_without_values():
    graph = mt.graph(leaf("x", 3) * 2.0, np.ones(3), values=False)
    notes = {array["note"] for array in data(graph, picture(graph), title="y")["values"]}
    assert notes == {"values not known"}


@pytest.mark.parametrize(("gates", "columns"), [(4, 8), (60, 1)])
def test_all_values_together_stay_small(gates, columns):
    x = leaf("x", 40, 30)
    for _ in range(gates):
        x = mt.tanh(x)
    graph = mt.graph(x, np.ones((40, 30)))
    kept = data(graph, picture(graph), title="chain")["values"]
    assert len(as_json({"values": [array["matrices"] for array in kept]}).encode()) <= MAX_BYTES
    assert all(array["columns"] >= columns for array in kept)
    assert all(array["note"].startswith("min ") for array in kept)


@pytest.mark.parametrize(
    ("shape", "shown"),
    [
        ((3, 1, 1), (1, 1, 3)),
        ((1, 3, 1, 1), (1, 1, 3)),
        ((7, 1), (1, 7, 1)),
        ((12,), (1, 1, 12)),
        ((2, 1, 3, 4), (2, 3, 4)),
    ],
)
def test_axes_of_length_one_take_no_room(shape, shown):
    array = values(*shape)
    kept = encoded(array, shape, array.dtype)
    assert (len(kept["matrices"]), kept["rows"], kept["columns"]) == shown
    np.testing.assert_array_equal(array_of(kept), array)


def test_small_arrays_are_whole_beside_large_ones():
    x = leaf("x", 300, 400)
    for _ in range(20):
        x = mt.tanh(x * leaf("w", 8, 8, 1, 1).sum(axis=(2, 3)).sum())
    graph = mt.graph(x, np.ones((300, 400)))
    kept = data(graph, picture(graph), title="chain")["values"]
    assert all(array["whole"] for array in kept if np.prod(array["shape"]) <= MAX_WHOLE)
    assert {array["rows"] for array in kept if array["shape"] == [300, 400]} == {12}


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_every_element_keeps_its_shortest_digits(dtype):
    array = np.random.default_rng(0).integers(0, 2**62, 4000).view("u1").view(dtype)
    for one, short in zip(array.tolist(), elements(array), strict=True):
        assert short == element(np.dtype(dtype).type(one))


def test_the_last_part_is_nothing_but_summaries():
    array = values(3, 3)
    kept = encoded(array, array.shape, array.dtype, PARTS[-1])
    assert not kept["whole"]
    assert kept["rows"] == 0
    assert kept["note"].startswith("min ")


# ---------------------------------------------------------------------------------------------------------- verdicts

STATUSES = [status.value for status in Status]


@pytest.mark.parametrize("status", STATUSES)
def test_the_verdict_stands_where_the_gradient_is_complete(status):
    report = SimpleNamespace(
        stages={name: SimpleNamespace(status=status) for name in ("x_norm", "dev_from_mean")},
        diagnosis={"dev_from_mean": "only one of two ways"},
    )
    _, shown = made("batch_norm", report=report)
    judged = [(s["title"], v) for s in shown["steps"] for v in s.get("verdicts", ())]
    assert [(title, verdict["name"]) for title, verdict in judged] == [
        ("(9) mul", "dx_norm"),
        ("dev_from_mean: two gradients meet", "ddev_from_mean"),
    ]
    assert all(verdict["status"] == status for _, verdict in judged)
    assert all(verdict["mark"] == Status(status).sign for _, verdict in judged)
    assert judged[1][1]["why"] == "only one of two ways"


def test_right_and_wrong_have_different_marks():
    marks = {}
    for status in STATUSES:
        report = SimpleNamespace(stages={"x_norm": SimpleNamespace(status=status)})
        _, shown = made("batch_norm", report=report)
        marks[status] = next(v["mark"] for s in shown["steps"] for v in s.get("verdicts", ()))
    assert marks["right"] == "✓" != marks["wrong here"] == "✗" != marks["not given"]


def test_the_checkers_own_report_is_understood():
    graph = GRAPHS["batch_norm"]()
    wrong = {"dx_norm": 1.1 * graph.gradients[graph["x_norm"]].value}
    shown = data(graph, picture(graph), title="batch norm", report=mt.compare(graph, hand=wrong))
    verdict = next(v for s in shown["steps"] for v in s.get("verdicts", ()) if v["name"] == "dx_norm")
    assert verdict["mark"] == "✗"


def test_values_of_one_name_are_told_apart_as_in_the_report():
    x = leaf("x", 2)
    with mt.scope("first"):
        h = mt.sin(x).named("h")
    with mt.scope("second"):
        h = mt.cos(h).named("h")
    graph = mt.graph(mt.exp(h).named("y"), np.ones(2))
    report = SimpleNamespace(stages={"second/h": SimpleNamespace(status="wrong here")})
    shown = data(graph, picture(graph), title="y", report=report)
    assert [s["title"] for s in shown["steps"] if s.get("verdicts")] == ["(3) exp"]


# -------------------------------------------------------------------------------------------------------------- JSON


@pytest.mark.parametrize("name", EVERY)
def test_json_can_stand_in_a_page(name):
    _, shown = made(name)
    text = as_json(shown)
    assert "<" not in text
    assert json.loads(text) == json.loads(json.dumps(shown))
    text.encode()


def test_json_with_a_number_that_json_cannot_hold_would_be_noticed():
    with pytest.raises(ValueError, match="JSON"):
        as_json({"values": [float("nan")]})


# ------------------------------------------------------------------------------------------------------------- boxes


def test_each_part_of_a_box_stands_for_its_own_gates():
    x, made = leaf("x", 2), []
    with mt.scope("mine"):
        a = mt.exp(x)
        other = threading.Thread(target=lambda: made.append(mt.sin(a)))
        other.start()
        other.join()
        y = (mt.cos(made[0]) * x).named("y")
    graph = mt.graph(y, np.ones(2))
    svg = mt.draw(graph, depth=0).svg
    steps = data(graph, svg, title="y")["steps"]
    assert [s["mark"] for s in steps if s["phase"] == "forward"] == ["box-1", "node-2", "box-3"]
    assert [s["mark"] for s in steps if s["phase"] == "backward"] == ["box-3", "node-2", "box-1"]
    reached = {lane for step in steps for lane in step.get("lanes", ())}
    assert {i for i in re.findall(r'id="([^"]+)"', svg) if re.fullmatch(r"edge-.+-(fwd|bwd)", i)} <= reached


def test_gradients_of_a_leaf_in_a_box_meet_in_the_box():
    x, w = leaf("x", 2), leaf("w", 2)
    with mt.scope("layer"):
        y = mt.tanh(x * w) * w
    graph = mt.graph(y, np.ones(2))
    svg, opened = mt.draw(graph, depth=0).svg, insides(graph, Options(depth=0), drawn)
    assert not any(s["phase"] == "fork" for s in data(graph, svg, title="y")["steps"])
    [fork] = [s for s in data(graph, svg, title="y", insides=opened)["steps"] if s["phase"] == "fork"]
    assert (fork["mark"], fork["in"]) == ("in-box-2-fork-1", ["box-2"])


def test_the_mean_of_large_numbers_is_none_too_large():
    large = np.full((20, 20), 1e308)
    assert encoded(large, large.shape, large.dtype)["note"] == "min 1.0e308 · mean 1.0e308 · max 1.0e308"


def test_a_reason_with_half_a_surrogate_pair_can_be_written():
    report = SimpleNamespace(
        stages={"x_norm": SimpleNamespace(status="wrong here")}, diagnosis={"x_norm": "because of \ud800"}
    )
    _, shown = made("batch_norm", report=report)
    assert json.loads(as_json(shown).encode())


# ---------------------------------------------------------------------------------------------------------- formulas


@pytest.mark.parametrize("name", ["batch_norm", "diamond", "attention", "two_layers"])
def test_formulas_to_be_copied_say_what_was_recorded(name):
    """Read independently: what each gate computes, and what it passes back. A sum of gradients is not read."""
    graph, shown = made(name)
    labels = Called(graph)
    names = {node: labels.in_short(node) for node in graph.nodes}
    arrays = {text: node.value for node, text in names.items()}
    arrays |= {f"∂L∂{names[node]}": g.value for node, g in graph.gradients.items()}
    forward = iter([node for node in graph.nodes if node.op])
    backward = iter([n for n in reversed(graph.nodes) if n.op and any((n, i) in graph.contributions for i in (0, 1))])
    for step in shown["steps"]:
        lines = step.get("latex", "").split("\n")[1:-1]
        if step["phase"] == "forward":
            expected = [next(forward).value]
        elif step["phase"] == "backward":
            node = next(backward)
            expected = [graph.contributions[node, i].value for i in (0, 1) if (node, i) in graph.contributions]
        else:
            continue
        for line, value in zip(lines, expected, strict=True):
            read, _ = read_latex(line.removesuffix(r" \\").replace("&", ""), arrays)
            np.testing.assert_allclose(read, value, rtol=1e-12, atol=1e-12)


def test_the_overview_says_what_values_without_a_name_are_called():
    x = leaf("x", 2)
    y = (mt.tanh(x * 2.0 + 1.0)).named("y")
    graph = mt.graph(y, np.ones(2))
    overview, *steps = data(graph, picture(graph), title="y")["steps"]
    assert overview["say"][-1] == "A value without a name is called by its gate: y₁ is the result of (1)."
    assert steps[0]["title"].startswith("(1) ")
    assert steps[0]["right"]["panels"][0]["name"].startswith("y₁ = ")
    named = mt.graph(mt.tanh(x).named("y"), np.ones(2))
    assert "without a name" not in " ".join(data(named, picture(named), title="y")["steps"][0]["say"])
