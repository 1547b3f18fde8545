"""The promise for pictures: every formula, rule, line and number that is shown is read back and true of the arrays.

What a place has no room for is whole in the title of its element, and is read there.
"""

import inspect
import re
from importlib import import_module

import numpy as np
import pytest
from op_cases import CASES
from shown import Reading
from test_promise import captured
from test_random_graphs import random_program

import micrograd_tensor as mt
from micrograd_tensor.cli.builtin_graphs import BUILTINS, made
from micrograd_tensor.draw import build, draw, labels
from micrograd_tensor.draw.player import data, page
from micrograd_tensor.functional import (
    activations,
    attention,
    convolution,
    linear,
    losses,
    normalization,
    pooling,
    softmax,
    statistics,
)
from micrograd_tensor.notation import local_rules, unicode

ALL = ("overlay", "steps", "backward", "listing", "player")
VIEWS = {name: import_module(f"micrograd_tensor.draw.views.{name}") for name in ("backward", "path", "steps")}


def reading(graph, views=ALL, dims=None, gates=(), ends=()):
    """What the views of a graph say, read back."""
    options = {"dims": dims} if dims else {}
    found = Reading(graph, dims)
    svg = draw(graph, **options).svg
    if "overlay" in views:
        found.picture(svg)
    if "steps" in views and any(node.op for node in graph.nodes):
        found.picture(draw(graph, view="steps", **options).svg)
    if "backward" in views and graph.gradients:
        found.backward_picture(draw(graph, view="backward", **options).svg)
    if "listing" in views:
        found.listing(draw(graph, view="ascii", width=10**5, **options).text)
    if "player" in views:
        found.player(page(graph, svg, title="player", dims=dims))
    for node in gates:
        found.gate_lines(draw(graph, view="gate", at=node, **options).svg, node)
    for node in ends:
        shown = draw(graph, view="path", at=node, **options).svg
        found.picture(shown)
        found.path_list(shown, node, graph.outputs[0])
    return found


@pytest.mark.parametrize("named", [False, True], ids=["bare", "with dims"])
@pytest.mark.parametrize("name", BUILTINS)
def test_every_built_in_graph_in_every_view(name, named):
    graph = mt.graph(*made(name))
    leaves = [node for node in graph.nodes if node.is_leaf and node.requires_grad]
    every = graph.nodes if name in ("batchnorm", "layernorm") else graph.nodes[::3]
    found = reading(graph, dims=BUILTINS[name].dims if named else None, gates=every, ends=leaves[:2])
    assert found.wrong == []
    assert {kind for kind, count in found.count.items() if count} >= {
        "title", "rule", "numbers", "step", "backward", "numpy", "cell", "composite", "listing", "listing rule",
        "player line", "player formula", "player rule", "player math",
    }  # fmt: skip
    assert found.count["rule"] > 2 * len(graph.contributions)


def arguments(name):
    """Arguments of a composition; of one that is not listed, a matrix for each that it needs."""
    rng = np.random.default_rng(3)

    def leaf(name, *shape):
        return mt.tensor(rng.uniform(0.2, 0.9, shape), name=name, requires_grad=True)

    x, images, weight = leaf("x", 5, 4), leaf("images", 2, 4, 5, 6), leaf("weight", 4)
    labels, target = mt.tensor(rng.integers(4, size=5), name="labels"), mt.tensor(rng.uniform(size=(5, 4)), name="t")
    listed = {
        "dropout": lambda: (x, 0.5, True),
        "scaled_dot_product_attention": lambda: (x, leaf("key", 3, 4), leaf("value", 3, 2)),
        "conv1d": lambda: (leaf("signal", 2, 4, 7), leaf("kernel", 3, 4, 2), leaf("bias", 3)),
        "conv2d": lambda: (images, leaf("kernel", 3, 4, 2, 3), leaf("bias", 3), 2, 1),
        "embedding": lambda: (labels, leaf("table", 6, 3)),
        "linear": lambda: (x, leaf("w", 3, 4), leaf("bias", 3)),
        "cross_entropy": lambda: (x, labels),
        "nll_loss": lambda: (x, labels),
        "batch_norm": lambda: (x, weight, leaf("beta", 4)),
        "group_norm": lambda: (images, 2, weight, leaf("beta", 4)),
        "instance_norm": lambda: (images, weight, leaf("beta", 4)),
        "layer_norm": lambda: (x, 4, weight, leaf("beta", 4)),
        "rms_norm": lambda: (x, 4, weight),
        "adaptive_avg_pool2d": lambda: (images, (2, 3)),
        "avg_pool2d": lambda: (images, 2),
        "max_pool2d": lambda: (images, 2),
    }
    if name in listed:
        return listed[name]()
    needed = [p for p in inspect.signature(COMPOSITIONS[name]).parameters.values() if p.default is p.empty]
    return x, *(weight if p.name == "weight" else target for p in needed[1:])


MODULES = (activations, attention, convolution, linear, losses, normalization, pooling, softmax, statistics)
COMPOSITIONS = {name: getattr(module, name) for module in MODULES for name in module.__all__}


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_every_composition(name):
    outs = COMPOSITIONS[name](*arguments(name))
    outs = list(outs) if isinstance(outs, tuple | list) else [outs]
    graph = mt.graph(outs, [np.random.default_rng(0).standard_normal(out.shape) for out in outs])
    found = reading(graph, gates=[node for node in graph.nodes if node.op][-1:])
    assert found.wrong == []
    assert found.count["rule"] > 1


def random_graph(seed):
    inputs, taken = random_program(seed)
    values = [mt.tensor(x, name=name, requires_grad=True) for x, name in zip(inputs, "abcd", strict=True)]
    for step in taken:
        values.append(step.tensors(*(values[i] for i in step.operands)))
    return mt.graph(values[-1], np.random.default_rng(seed).standard_normal(values[-1].shape))


@pytest.mark.parametrize("first", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(8, 208, 20))])
def test_random_graphs(first):
    total = 0
    for seed in range(first, first + (20 if first else 8)):
        graph = random_graph(seed)
        leaves = [node for node in graph.nodes if node.is_leaf and node in graph.gradients]
        found = reading(graph, gates=graph.nodes[-1:], ends=leaves[:1])
        assert found.wrong == []
        total += sum(found.count.values())
    assert total > 1000


@pytest.mark.parametrize(
    "case",
    [case if k % 24 == 0 else pytest.param(case, marks=pytest.mark.slow) for k, case in enumerate(CASES)],
    ids=[case.name for case in CASES],
)
def test_every_case_of_the_table(case):
    graph = captured(case)
    found = reading(graph, ALL if graph.gradients else ("overlay", "steps", "listing", "player"))
    assert found.wrong == []
    assert found.count["title"] > 0


def test_a_rule_inside_a_box_is_that_of_its_gates():
    x, w = (mt.tensor(np.arange(6.0).reshape(2, 3) + k, name=name, requires_grad=True) for k, name in enumerate("xw"))
    with mt.scope("layer"):
        inner = x * w
        out = mt.exp(inner * 0.125).named("out")
    graph = mt.graph(out, np.ones((2, 3)))
    found = Reading(graph)
    shown = dict(found.boxes(draw(graph, depth=0).svg))
    value, _ = found.along(shown["x"], np.ones((2, 3)))[0]
    assert np.allclose(value, out.numpy() * 0.125 * w.numpy(), rtol=1e-12)


LONG = mt.tensor(np.arange(1.0, 4.0), name="a_long_name", requires_grad=True)


def a_long_computation():
    """Whose formulas and rules no place has room for."""
    other = mt.tensor(np.arange(2.0, 5.0), name="another_long_name", requires_grad=True)
    inner = mt.sin(LONG * other) * mt.cos(LONG + other) + mt.exp(LONG - other)
    return mt.graph((inner * mt.tanh(LONG * other + LONG)).named("result"), np.array([1.0, -2.0, 3.0]))


def test_what_is_shortened_is_whole_in_its_title():
    out = mt.arccosh(mt.tensor([2.0, 3.0, 4.0], name="a_long_name", requires_grad=True))
    graph = mt.graph(out.named("result"), np.array([1.0, -2.0, 3.0]))
    svg = draw(graph).svg
    shown = [*Reading.elements(svg)]
    titles, lines = " ".join(title for _, title, _ in shown), " ".join(line for _, _, lines in shown for line in lines)
    assert ["…" in re.sub(r"[\d.]+…[\d.−]+", "", texts) for texts in (titles, lines)] == [False, True]
    assert reading(graph, gates=graph.nodes).wrong == []
    assert reading(a_long_computation(), gates=graph.nodes[:0]).wrong == []


def test_both_sides_of_a_difference_are_true():
    graph = mt.graph(*made("batchnorm"))
    found = Reading(graph)
    found.picture(draw(graph, view="difference", against=graph).svg)
    hand = {
        f"d{node.name}": g.value * (2 if node.name == "var" else 1) for node, g in graph.gradients.items() if node.name
    }
    found.picture(draw(graph, view="difference", against=mt.compare(graph, hand=hand)).svg)
    assert found.wrong == []
    assert found.count["rule"] > 20


# --------------------------------------------------------------------------------------------------- planted faults


def wrong_axes(monkeypatch):
    right = unicode.axes_text
    wrong = lambda node, axes, dims=None: right(node, [(a + 1) % len(node.shape) for a in axes], dims)  # noqa: E731
    for module in (unicode, local_rules):
        monkeypatch.setattr(module, "axes_text", wrong)


def operands_exchanged(monkeypatch):
    applied = type(unicode.UNICODE).applied
    swapped = lambda self, node, operands, dims: applied(self, node, operands[::-1], dims)  # noqa: E731
    monkeypatch.setattr(type(unicode.UNICODE), "applied", swapped)


def a_rule_of_another_operand(monkeypatch):
    right = labels.rule
    wrong = lambda graph, edge, *args, **more: right(  # noqa: E731
        graph, next((e for e in graph.contributions if e[0] is edge[0] and e != edge), edge), *args, **more
    )
    monkeypatch.setattr(labels, "rule", wrong)


def a_clause_left_out(monkeypatch):
    right = labels.rule
    monkeypatch.setattr(labels, "rule", lambda *args, **more: right(*args, **more)[:1])


def titles_that_are_cut(monkeypatch):
    monkeypatch.setattr(labels, "WHOLE", 20)


def the_wrong_numbers(monkeypatch):
    monkeypatch.setattr(labels, "summary", lambda value: "1.00…2.00")


def the_wrong_axis_of_a_copy(monkeypatch):
    right = labels.broadcasts
    monkeypatch.setattr(labels, "broadcasts", lambda node, dims: dict.fromkeys(right(node, dims), "axis 1"))


def one_letter_for_all(monkeypatch):
    monkeypatch.setattr(labels.Called, "letter", lambda self, k: "A")


def a_step_of_another_gate(monkeypatch):
    right = VIEWS["steps"].formula
    monkeypatch.setattr(VIEWS["steps"], "formula", lambda node, *args, **more: right(node.operands[0], *args, **more))


def paths_read_forward(monkeypatch):
    right = VIEWS["path"]._rules
    wrong = lambda shown, edges, *more: right(shown, edges[::-1], *more)  # noqa: E731
    monkeypatch.setattr(VIEWS["path"], "_rules", wrong)


def the_players_lines_exchanged(monkeypatch):
    right = data.forward_line
    monkeypatch.setattr(data, "forward_line", lambda node, names: right(node, names).replace("-", "+"))


def the_gradients_of_wires_exchanged(monkeypatch):
    right, first = build.Builder.arriving, {}
    wrong = lambda self, use: first.setdefault(use.value.shape, right(self, use))  # noqa: E731
    monkeypatch.setattr(build.Builder, "arriving", wrong)


@pytest.mark.parametrize(
    "fault",
    [
        wrong_axes,
        operands_exchanged,
        a_rule_of_another_operand,
        a_clause_left_out,
        the_wrong_numbers,
        the_wrong_axis_of_a_copy,
        one_letter_for_all,
        a_step_of_another_gate,
        paths_read_forward,
        the_players_lines_exchanged,
        the_gradients_of_wires_exchanged,
    ],
)
def test_a_planted_fault_is_found(fault, monkeypatch):
    graph = mt.graph(*made("batchnorm"))
    fault(monkeypatch)
    assert reading(graph, ends=[graph["x"]] if fault is paths_read_forward else []).wrong != []


def test_a_planted_fault_of_the_backward_view_is_found(monkeypatch):
    graph = mt.graph(*made("batchnorm"))
    assert reading(graph, ["backward"]).wrong == []
    monkeypatch.setattr(VIEWS["backward"]._Backward, "_add_up", lambda self, node: None)
    assert reading(graph, ["backward"]).wrong != []  # two gradients that are both called g


def test_a_title_that_is_cut_is_found(monkeypatch):
    assert reading(a_long_computation()).wrong == []
    titles_that_are_cut(monkeypatch)
    assert reading(a_long_computation()).wrong != []
