"""The circuit of a graph that could not be finished, and gradients that are not there yet."""

import gc
import pickle
import weakref
from xml.etree import ElementTree

import numpy as np
import pytest
from gallery import GALLERY, failed_op, found_anomaly, leaf, values

import micrograd_tensor as mt
from micrograd_tensor.draw import DrawError, draw
from micrograd_tensor.engine.row import TABLE


def raised(fail):
    with pytest.raises(Exception) as caught:  # noqa: PT011 -- every kind that an op raises
        fail()
    return caught.value


def failing(circuit):
    [gate] = [item for item in circuit._painting.scene.items if item.style == "failed"]
    [said] = [item for item in circuit._painting.scene.items if item.kind == "error"]
    return gate, " ".join(said.lines)


def test_the_gate_that_failed_is_marked_and_says_why():
    circuit = failed_op()
    gate, said = failing(circuit)
    assert (gate.op.name, gate.scope.path) == ("matmul", "layer2")
    assert said == "ShapeError matmul: h1 (8, 6) and W2 (3, 6) do not chain: 6 ≠ 3. Did you mean W2.T?"
    into = {wire.name or wire.source.lines[0]: wire for wire in circuit._painting.scene.wires if wire.target is gate}
    assert into["h1"].value.startswith("(8, 6)")
    assert into["W2"].source.lines[1] == "(3, 6)"
    assert not any(wire.backward for wire in circuit._painting.scene.wires)
    assert not any(item.kind == "output" for item in circuit._painting.scene.items)
    assert "matmul failed" in repr(circuit)


def test_it_is_a_thick_red_line_in_the_picture():
    root = ElementTree.fromstring(failed_op().svg)  # noqa: S314 -- this project wrote it
    groups = {group.get("id"): group for group in root.iter("{http://www.w3.org/2000/svg}g")}
    [failed] = [group for group in groups.values() if "failed" in group.get("class", "").split()]
    line = failed.find("{http://www.w3.org/2000/svg}ellipse")
    assert (line.get("stroke"), float(line.get("stroke-width"))) == ("#c5221f", 5.0)


def test_an_anomaly_shows_what_made_it():
    gate, said = failing(found_anomaly())
    assert gate.op.name == "log"
    assert "made a NaN at [1]" in said


def test_a_rule_that_made_an_infinity():
    x = mt.tensor([1.0, 0.0], name="x", requires_grad=True)
    with mt.detect_anomaly():
        y = mt.sqrt(x).named("y")
        error = raised(lambda: y.sum().backward())
    gate, said = failing(draw(error))
    assert gate.op.name == "sqrt"
    assert "the rule of sqrt" in said


@pytest.mark.parametrize(
    ("fail", "op"),
    [
        (lambda x: x + mt.tensor(values(4), name="b"), "add"),
        (lambda x: x + np.ones(4), "add"),
        (lambda x: np.ones(4) * x, "mul"),
        (lambda x: x.reshape((4, 4)), "reshape"),
        (lambda x: x.sum(axis=5), "sum"),
        (lambda x: x[99], "getitem"),
        (lambda x: mt.concatenate([x, mt.tensor(values(2), name="b")]), "concatenate"),
        (lambda x: mt.add(x), "add"),
        (lambda x: mt.add(x, "no number"), "add"),
        (lambda x: mt.add(x, None), "add"),
        (lambda x: mt.exp(x, nonsense=3), "exp"),
    ],
)
def test_whatever_the_op_was_given(fail, op):
    x = leaf("x", 3, 3)
    circuit = draw(raised(lambda: fail(mt.tanh(x).named("y"))))
    gate, said = failing(circuit)
    assert gate.op.name == op in TABLE
    assert op in said
    assert "tanh" in [item.op.name for item in circuit._painting.scene.items if item.op]
    assert circuit.svg.startswith("<svg")


def test_an_error_that_another_one_was_raised_from():
    def fail():
        try:
            leaf("x", 2) + leaf("y", 3)
        except mt.ShapeError as error:
            raise RuntimeError("the net does not fit") from error

    gate, said = failing(draw(raised(fail)))
    assert gate.op.name == "add"
    assert said.startswith("ShapeError add: x (2,) and y (3,)")


def test_an_error_that_no_op_raised():
    with pytest.raises(DrawError, match="no op raised this KeyError"):
        draw(KeyError("x"))
    with pytest.raises(DrawError, match="no op raised this ShapeError"):
        draw(mt.ShapeError("raised nowhere"))


@pytest.mark.parametrize(("upstream", "view"), [(np.ones(2), "overlay"), (None, "backward")])
def test_an_error_has_no_backward_pass(upstream, view):
    error = raised(lambda: leaf("x", 2) + leaf("y", 3))
    with pytest.raises(DrawError, match="as far as it came"):
        draw(error, upstream, view=view)


def test_all_scopes_around_the_failure_stay_open():
    circuit = failed_op(depth=0)
    assert [item.lines[0] for item in circuit._painting.scene.items if item.kind == "box"] == ["layer1"]
    assert failing(circuit)[0].scope.path == "layer2"


def test_a_long_message_is_cut_and_markup_in_it_is_text():
    x = mt.tensor(values(2), name="<script>" * 5, requires_grad=True)
    circuit = draw(raised(lambda: mt.concatenate([x] * 3 + [mt.tensor(values(2, 2), name="b" * 60)])))
    assert "<script>" not in circuit.svg
    assert len(failing(circuit)[1]) < 500


# ------------------------------------------------------------------------------------- what the errors carry with them


@pytest.fixture
def no_collector():
    gc.collect()
    gc.freeze()  # what is there already is none of the test's business, and would only take time
    gc.disable()
    yield
    gc.enable()


def test_errors_keep_nothing_alive_once_they_are_gone(no_collector):
    def fail():
        x = leaf("x", 2)
        kept.append(weakref.ref(x))
        carried = []
        try:
            mt.tanh(x) + leaf("y", 3)
        except mt.ShapeError as error:
            carried.append(error.failed_call.operands[0].operands[0] is x)
        with mt.detect_anomaly():
            try:
                mt.log(mt.tanh(x) * 0.0 - 1.0)
            except mt.GradientError as error:
                carried.append(error.failed_call.op.name == "log")
        return carried

    kept = []
    assert fail() == [True, True]
    assert kept[0]() is None


def test_errors_travel_to_other_processes_without_what_they_carry():
    error = raised(lambda: leaf("x", 2) + leaf("y", 3))
    copied = pickle.loads(pickle.dumps(error))  # noqa: S301 -- made here
    assert (type(copied), str(copied), copied.failed_call) == (mt.ShapeError, str(error), None)


# ------------------------------------------------------------------------------------------- gradients that are missing


def test_a_gradient_that_was_not_computed_is_a_dash_and_never_zero():
    circuit = GALLERY["no_gradient_yet"]()
    graph, shown = circuit._graph, circuit._painting.scene
    by_rank = {node.rank: node for node in graph.nodes}
    said = {}
    for wire in shown.wires:
        for rank, i in wire.edges:
            operand = by_rank[rank].operands[i]
            carried = (by_rank[rank], i) in graph.contributions
            assert bool(wire.backward) == carried
            if not carried:
                said[operand.name or operand.op.name] = wire.gradient
                assert "0" not in wire.gradient
    assert said["mul"] == "—"
    # Of x and w gradients do arrive from elsewhere: nothing is missing, and nothing is said of a part that never was.
    assert said["x"] == said["w"] == ""


@pytest.mark.parametrize(
    "name", ["batch_norm", "two_layers", "attention", "lstm_cell", "several_outputs", "collapsed_layers"]
)
def test_forward_only_has_no_red_lane(name):
    circuit = GALLERY[name]()
    graph = mt.Graph(circuit._graph.nodes, circuit._graph.outputs)
    again = draw(graph, depth=circuit._options.depth)
    assert not any(wire.backward or wire.gradient or wire.rule for wire in again._painting.scene.wires)
    assert "bwd" not in again.svg.split("</style>")[1]
    assert "#c5221f" not in again.svg.split("</style>")[1]
    assert "upstream" not in again.svg


@pytest.mark.parametrize("name", ["nul\x00", "lone \ud800", "]]>", "two\nlines"])
def test_an_error_that_quotes_a_hostile_name_is_drawn(name):
    x, w = leaf(name, 2, 3), leaf("w", 2, 3)
    circuit = draw(raised(lambda: x @ w))
    ElementTree.fromstring(circuit.svg.encode())  # noqa: S314 -- this project wrote it
    assert "ShapeError" in circuit._content("html").decode()


@pytest.mark.parametrize("given", [None, "a"])
def test_what_is_no_array_has_no_shape(given):
    x = leaf("x", 2, 3)
    items = draw(raised(lambda: x * given))._painting.scene.items
    assert {item.lines for item in items if item.is_box and item.kind != "error"} >= {(repr(given),)}


def test_a_composition_that_refused_its_operands_stands_for_the_op_it_never_got_to():
    net = mt.nn.Sequential(mt.nn.Linear(4, 8), mt.nn.ReLU(), mt.nn.Linear(9, 3))
    error = raised(lambda: net(mt.tensor(values(5, 4), name="x")))
    gate, said = failing(draw(error))
    assert gate.op.name == "linear"
    assert "has 8 features" in said
    shown = {line for item in draw(error)._painting.scene.items for line in item.lines}
    assert {"2.weight", "2.bias", "relu"} <= shown
