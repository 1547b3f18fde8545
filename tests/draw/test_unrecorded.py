"""What no gradient flows to is drawn where it can be run again; elsewhere the picture says what is missing."""

import numpy as np
import pytest
from gallery import leaf, values

import micrograd_tensor as mt
from micrograd_tensor import nn
from micrograd_tensor.draw import DrawError, draw

HINT = "computed without a record; mt.draw(lambda: net(x).sum()) shows how, or requires_grad=True on the inputs"


def data(*shape, name="x", **options):
    return mt.tensor(values(*shape), name=name, **options)


def product():
    a, b = mt.tensor(2.0, name="a"), mt.tensor(3.0, name="b")
    return a * b + a


def squared_without_gradients():
    with mt.no_grad():
        return leaf("t", 2) ** 2


NETS = {
    "batch norm": (lambda: nn.BatchNorm1d(3), (4, 3)),
    "layer norm": (lambda: nn.LayerNorm(3), (4, 3)),
    "group norm": (lambda: nn.GroupNorm(2, 4), (2, 4, 3)),
    "instance norm": (lambda: nn.InstanceNorm1d(2, affine=True), (2, 2, 5)),
    "convolution": (lambda: nn.Conv2d(1, 2, 3), (1, 1, 4, 4)),
    "pooling first": (lambda: nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(4, 2)), (1, 1, 4, 4)),
    "an expression first": (lambda: lambda x: nn.Linear(3, 2, dtype=np.float64)(mt.exp(x) * 2.0), (4, 3)),
}


def ops(circuit):
    return [node.op.name for node in circuit._graph.nodes if node.op]


@pytest.mark.parametrize("name", NETS)
def test_a_net_on_plain_data_is_the_net_on_data_that_ask_for_gradients(name):
    make, shape = NETS[name]
    mt.manual_seed(0)
    net = make()
    plain, asking = draw(lambda: net(data(*shape))), draw(lambda: net(data(*shape, requires_grad=True)))
    assert ops(plain) == ops(asking)
    assert any(node.name == "x" for node in plain._graph.nodes)
    assert HINT not in plain.text


@pytest.mark.parametrize("name", [name for name in NETS if name != "an expression first"])
def test_the_result_of_a_module_shows_all_it_did_to_data_with_a_name(name):
    make, shape = NETS[name]
    mt.manual_seed(0)
    net = make()
    circuit = draw(net(data(*shape)))
    assert ops(circuit) == ops(draw(net(data(*shape, requires_grad=True))))
    assert any(node.name == "x" for node in circuit._graph.nodes)
    assert HINT not in circuit.text


@pytest.mark.parametrize("name", NETS)
def test_of_its_results_alone_the_picture_says_what_is_missing(name):
    make, shape = NETS[name]
    circuit = draw(make()(data(*shape, name=None)))
    missing = [node for node in circuit._graph.nodes if node.unrecorded]
    assert missing
    for said in (" ".join(circuit.text.split()), repr(circuit), circuit.svg):
        assert HINT in said
    assert circuit.svg.count(">not recorded<") == len(missing)


@pytest.mark.parametrize("make", [product, squared_without_gradients])
def test_an_expression_is_drawn_or_its_picture_says_why_not(make):
    circuit = draw(make())
    assert "the result" not in circuit.text
    assert HINT in " ".join(circuit.text.split())
    assert HINT not in draw(make).text
    assert ops(draw(make))


def test_classes_and_masks_are_data():
    loss = mt.cross_entropy(leaf("logits", 3, 2), mt.tensor([0, 1, 0], name="labels"))
    assert any(node.unrecorded for node in mt.graph(loss).nodes)
    assert "not recorded" not in draw(loss).svg


def test_integers_are_drawn_too():
    assert f"n was {HINT}" in repr(draw((mt.tensor([1, 2]) * 2).named("n")))
    assert ops(draw(lambda: mt.tensor([1, 2], name="n") * 2)) == ["mul"]


@pytest.mark.parametrize("made", [mt.tensor([1.0, 2.0]), mt.tensor(3.0, name="x"), leaf("w", 2), leaf("w", 2) * 2.0])
def test_what_was_recorded_needs_no_hint(made):
    assert "not recorded" not in draw(made).svg
    assert "without a record" not in draw(made).text


def test_few_of_many_names_are_told_and_each_once():
    w = leaf("w", 2)
    assert f"e0, e1, e2 and others were {HINT}" in repr(draw([mt.exp(data(2)).named(f"e{k}") * w for k in range(9)]))
    assert f"; e was {HINT}" in repr(draw([mt.exp(data(2)).named("e") * w for _ in range(2)]))


@pytest.mark.parametrize(
    "outputs", [nn.Linear(2, 3), lambda x: x, nn.Sequential(nn.ReLU())], ids=["net", "function", "nets"]
)
def test_what_takes_an_input_is_called_on_one(outputs):
    with pytest.raises(DrawError, match=r"takes an input, so draw what it computes: mt\.draw\(.*\(x\)\)"):
        draw(outputs)


def test_a_function_is_run_once_and_its_error_is_its_own():
    calls = []
    draw(lambda: calls.append(1) or leaf("x", 2) * 2)
    assert calls == [1]
    with pytest.raises(ZeroDivisionError):
        draw(lambda: 1 / 0)
    with pytest.raises(DrawError, match="neither a Tensor nor a Graph"):
        draw(lambda: None)
    assert ops(draw(lambda: mt.graph(leaf("x", 2) * 2))) == ["mul"]


def test_nested_outputs_are_outputs():
    out, (h, c) = nn.LSTM(3, 4, dtype=np.float64)(mt.tensor(values(2, 1, 3), name="x"))
    nested, listed = draw((out, (h, c))), draw([out, h, c])
    assert len(nested._graph.outputs) == 3
    assert nested.svg == listed.svg
