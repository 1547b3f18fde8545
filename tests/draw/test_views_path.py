"""The view of ways: what lies on them and nothing else, and what each carries."""

import numpy as np
import pytest
from asked import ASKED, check_said, refused, sensible
from gallery import leaf, values

import micrograd_tensor as mt
from micrograd_tensor.draw import draw
from micrograd_tensor.draw.build import scene
from micrograd_tensor.draw.metrics import text_width
from micrograd_tensor.draw.options import Options
from micrograd_tensor.graph.paths import between, count_paths


@pytest.fixture(scope="module")
def batch_norm():
    out = mt.batch_norm(leaf("x", 7, 4), leaf("gamma", 4, seed=1), leaf("beta", 4, seed=2))
    return mt.graph(out, values(7, 4, seed=3))


def listed(circuit):
    """The lines below the picture, each as the texts of its pieces."""
    rows = {}
    for name, lines in circuit._painting.lines.items():
        if name.startswith("path-"):
            rows.setdefault(int(name.split("-")[1]), []).append(" ".join(line.text for line in lines))
    return [rows[k] for k in sorted(rows)]


@pytest.mark.parametrize("name", ASKED)
def test_gates_are_those_between_the_ends_with_the_overlays_texts(name):
    graph, options = ASKED[name]
    whole = scene(graph, Options(**options))
    gates = {item.id: item for item in whole.items if item.kind == "gate"}
    wires = {wire.forward: wire for wire in whole.wires}
    for more in sensible("path", graph):
        source = more["at"]
        circuit = draw(graph, view="path", **more, **options)
        shown = circuit._painting.scene
        target = next(out for out in graph.outputs if out is not source and between(graph, source, out))
        inside = between(graph, source, target)
        ids = {item.id for item in shown.items if item.kind == "gate"}
        assert ids == {f"node-{node.rank}" for node in inside if node.op and node is not source}
        for item in shown.items:
            if item.kind == "gate":
                assert item.op == gates[item.id].op
                assert item.caption.startswith(gates[item.id].caption.partition(":")[0])
        for wire in shown.wires:
            if wire.rule and wire.rule != ("upstream",):
                assert wire.rule == wires[wire.forward].rule
            if wire.backward and wire.target.kind == "gate":
                user, i = wire.edges[0]
                node = next(node for node in graph.nodes if node.rank == user)
                assert node in inside
                assert node.operands[i] in inside


@pytest.mark.parametrize("name", ASKED)
def test_the_number_of_ways_is_said(name):
    graph, options = ASKED[name]
    for more in sensible("path", graph):
        source = more["at"]
        target = next(out for out in graph.outputs if out is not source and between(graph, source, out))
        count = count_paths(graph, target)[source]
        heading = listed(draw(graph, view="path", **more, **options))[0][0]
        assert heading.startswith(f"{count:,} path")


def test_every_way_of_batch_norm_has_its_rule_and_its_numbers(batch_norm):
    rows = listed(draw(batch_norm, view="path", at=("x", "out"), dims={"N": 7}))
    assert rows[0] == ["4 paths lead from x to out"]
    names = [row[1] for row in rows[1:-1:2]]
    assert names == ["direct", "through mean", "through var", "through mean and var"]
    assert rows[2][0].strip() == "dout: × gamma, × inverted_stddev"
    assert rows[4][0].strip() == "dout: × gamma, × inverted_stddev, × −1, Σ over N, ÷ N, copy to (N, 4) along N"
    assert rows[-1][0] == "sum"
    assert rows[-1][1].endswith(", which is dx")
    check_said(rows[2][1], batch_norm.contributions[batch_norm["x_norm"], 0].value)
    check_said(rows[-1][1].removesuffix(", which is dx"), batch_norm.gradients[batch_norm["x"]].value)


def test_ways_that_are_a_part_of_the_gradient_say_so(batch_norm):
    rows = listed(draw(batch_norm, view="path", at=("x", "var")))
    assert rows[-1][1].endswith("a part of dx, whose other paths do not pass var")
    rows = listed(draw(batch_norm, view="path", at=("gamma", "out")))
    assert [row[:2] for row in rows[1:2]] == [["1", "direct"]]


def test_one_end_alone_leads_to_the_output(batch_norm):
    assert draw(batch_norm, view="path", at="var").dot == draw(batch_norm, view="path", at=("var", "out")).dot
    assert draw(batch_norm, view="path", at=4).dot == draw(batch_norm, view="path", at=["var", "out"]).dot


@pytest.mark.parametrize("width", [390, 640, 900, 1366])
def test_circuit_and_list_are_as_wide_as_asked_for(batch_norm, width):
    circuit = draw(batch_norm, view="path", at=("x", "out"), width=width)
    assert circuit._painting.width <= width
    assert listed(circuit) == listed(draw(batch_norm, view="path", at=("x", "out"), width=None))
    lines = [lines for name, lines in circuit._painting.lines.items() if name.startswith("path-")]
    sides = [line.x + text_width(line.text, line.size, line.bold) / 2 for each in lines for line in each]
    assert max(sides) <= width
    legend = [lines[0].text for name, lines in circuit._painting.lines.items() if name.startswith("legend")]
    assert ("a value that goes on in a later line" in legend) is True


def test_what_was_left_out_is_said_and_what_comes_from_elsewhere_is_a_dashed_box(batch_norm):
    circuit = draw(batch_norm, view="path", at=("var", "out"), width=None)
    legend = [lines[0].text for name, lines in circuit._painting.lines.items() if name.startswith("legend")]
    assert any(text.startswith("left out: 4 gates lie on no path") for text in legend)
    boxes = {item.lines[0]: item.kind for item in circuit._painting.scene.items if item.is_box}
    assert boxes == {
        "var": "data",
        "1e−5": "constant",
        "dev_from_mean": "constant",
        "gamma": "constant",
        "beta": "constant",
        "out": "output",
    }
    whole = draw(batch_norm, view="path", at=("x", "out"))
    assert not any("left out" in lines[0].text for lines in whole._painting.lines.values() if lines)


def test_ways_along_which_no_gradient_comes_back_say_so():
    x = leaf("x", 3)
    y = (x * mt.stop_gradient(x)).named("y")
    rows = listed(draw(y, np.ones(3), view="path", at=("x", "y")))
    assert rows[0] == ["2 paths lead from x to y"]
    assert sum("no gradient comes back along it" in row[0] for row in rows) == 1
    assert not any("gradient" in row[0] for row in listed(draw(y, view="path", at=("x", "y"))))


def test_astronomically_many_ways_are_counted():
    y = mt.tensor(1.0, name="x", requires_grad=True)
    for _ in range(70):
        y = y * y
    (heading,) = listed(draw(y.named("y"), 1.0, view="path", at="x"))
    assert heading == [f"{2**70:,} paths lead from x to y: more than are listed here"]


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (("out", "x"), "one leads back, so ask for at=('x', 'out')"),
        (("gamma", "beta"), "no path leads from 'gamma' to 'beta'"),
        (("x", "x"), "begins and ends at 'x'"),
        ("out", "begins and ends at 'out'"),
        (("x",), "has 1 ends"),
        (("x", "mean", "out"), "has 3 ends"),
        ((), "has 0 ends"),
        (("x", "oot"), "did you mean 'out'"),
        (("nothing", "out"), "names no value"),
        (3.5, "neither the number of a gate nor the name"),
    ],
)
def test_ends_that_make_no_sense_are_refused_in_plain_words(at, said):
    assert said in refused("batch_norm", view="path", at=at)


def test_a_path_whose_sums_are_zero_carries_nothing_and_one_that_is_small_its_numbers(batch_norm):
    def carried(graph, **at):
        rows = listed(draw(graph, view="path", **at))
        return [rules[1].split("  ")[1] for rules in rows if len(rules) == 2 and ": " in rules[0]]

    direct, mean, var, both = carried(batch_norm, at="x")
    assert both == "≈ 0"  # the deviations from a mean add up to 0
    assert "≈ 0" not in (direct, mean, var)
    x = leaf("x", 7, 4)
    y = (x * 1e-18 + mt.exp(x).sum(axis=0)).named("y")
    assert "≈ 0" not in carried(mt.graph(y, values(7, 4, seed=3)), at="x")
