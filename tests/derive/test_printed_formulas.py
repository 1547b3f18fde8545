"""Every formula that a closed form prints is read back, by independent readers, and evaluated."""

import numpy as np
import pytest
import reading
from closed_cases import CASES
from labelled import Labelled, read
from programs import random_program

import micrograd_tensor as mt
from micrograd_tensor.algebra.axes import flat
from micrograd_tensor.derive.closed_form import closed_form
from micrograd_tensor.engine.errors import GradientError
from micrograd_tensor.graph.cut import needed
from micrograd_tensor.notation.unicode import Indexed


def graph_of(name):
    out, upstream = CASES[name].make(np.random.default_rng(0))
    return mt.graph(out, upstream)


def labels_of(found, recorded):
    """The names of a recorded value's axes, with those that are taken apart in parts, and their lengths."""
    lowered = found.lowered
    labels = flat(lowered.axes.layout[recorded])
    return [found.axis_names.get(k) for k in labels], [lowered.pool.size(k) for k in labels]


def all_are_named(closed):
    lowered = closed.found.lowered
    labels = {label for layout in lowered.axes.layout.values() for label in flat(layout)}
    return labels <= set(closed.found.axis_names) and not lowered.axes.relabelled


def test_most_cases_have_names_for_all_axes():
    named = [name for name in CASES if all_are_named(closed_form(graph_of(name), CASES[name].dims))]
    assert len(named) > 0.7 * len(CASES)


@pytest.mark.parametrize("name", CASES)
def test_by_names_of_axes(name):
    graph = graph_of(name)
    closed = closed_form(graph, CASES[name].dims)
    if not all_are_named(closed) or "[" in str(closed):
        return  # these go by position; see below
    found, names = closed.found, {}
    for named, node in found.arrays.leaves.items():
        labels, lengths = labels_of(found, named.node)
        names[node.name] = Labelled(np.reshape(node.value, lengths), labels)
    names |= {node.name: Labelled(node.value, ()) for node in found.arrays.counts}
    for line, recorded in lines(closed, graph):
        value = read(line.text, names)
        labels, lengths = labels_of(found, recorded)
        expected = recorded.value.reshape(lengths)
        made = np.broadcast_to(value.spread(labels), expected.shape)
        assert np.abs(made - expected).max(initial=0) <= 1e-12 * (1 + np.abs(expected).max(initial=0)), str(line)
        names[line.name] = Labelled(np.array(made), labels)


def lines(closed, graph):
    """The lines of a closed form with the recorded values that they are."""
    by_title = {title: named.node for named, title in closed.found.titles.items()}
    return [(line, by_title[line.name]) for line in closed.lines]


POSITIONAL = [name for name in CASES if not {"softmax", "onehot"} & set(CASES[name].text.replace("(", " ").split())]


@pytest.mark.parametrize("name", POSITIONAL)
def test_by_position_in_every_language(name):
    graph = graph_of(name)
    closed = closed_form(graph)
    names = {node.name: node.value for node in closed.found.arrays.leaves.values()}
    for line, recorded in lines(closed, graph):
        expected = recorded.value
        texts = [(reading.read, line.text), (reading.read_latex, line.latex), (reading.read_mathml, line.mathml)]
        for reader, text in texts:
            value, _ = reader(text, names)
            made = np.broadcast_to(value, expected.shape)
            assert np.abs(made - expected).max(initial=0) <= 1e-11 * (1 + np.abs(expected).max(initial=0)), text
        names[line.name] = expected


OPAQUE = {"lstm_cell"}


@pytest.mark.parametrize("name", [name for name in CASES if name not in OPAQUE and "group" not in name])
def test_element_by_element(name):
    graph = graph_of(name)
    closed = closed_form(graph, CASES[name].dims)
    made = {}
    for line, (_, recorded) in zip(closed.indexed, lines(closed, graph), strict=True):
        names = dict(made)
        for node in needed([line.node]):
            if isinstance(node.name, Indexed) and node.value is not None:
                letters = node.name.letters
                names[str(node.name)] = Labelled(np.reshape(node.value, squeezed(node.value)), letters)
            elif node.name is not None:  # a length, or an index
                value = node.value if node.value is not None else np.arange(100)[: length_of(node.name, graph, closed)]
                names[node.name] = Labelled(value, () if node.value is not None else (node.name,))
        value = read(str(line).split(" = ", 1)[1], names)
        expected = Labelled(np.reshape(recorded.value, squeezed(recorded.value)), line.name.letters)
        full = np.broadcast_to(value.spread(line.name.letters), expected.value.shape)
        assert np.abs(full - expected.value).max(initial=0) <= 1e-12 * (1 + np.abs(full).max(initial=0)), str(line)


def squeezed(value):
    return [n for n in np.shape(value) if n != 1]


def length_of(letter, graph, closed):
    """The length of the axis that has a letter: of the only input that these cases have one for."""
    names = {name: label for label, name in closed.found.axis_names.items()}
    return closed.found.lowered.pool.size(names[letter.upper()])


def test_the_index_form_of_batch_norm():
    closed = closed_form(graph_of("batch_norm"), CASES["batch_norm"].dims)
    line = closed.indexed[-1]
    left = "∂L/∂x_nd"
    right = "gamma_d · (∂L/∂out_nd − ∂L/∂beta_d / N − ∂L/∂gamma_d · x_norm_nd / N) / stddev_d"
    assert str(line) == f"{left} = {right}"
    assert line.latex.startswith(r"\frac{\partial L}{\partial x_{nd}} = \gamma_{d} \cdot")
    assert "<msub><mi>x</mi><mrow><mi>n</mi><mi>d</mi></mrow></msub>" in line.mathml


def test_what_has_no_elements_says_so():
    closed = closed_form(graph_of("lstm_cell"), CASES["lstm_cell"].dims)
    with pytest.raises(GradientError, match="getitem has no reading"):
        closed.indexed  # noqa: B018 -- it is made when it is asked for


def test_planted_faults_are_found():
    x = Labelled([[1.0, 2.0], [3.0, 5.0]], ("N", "D"))
    assert read("Σ(x, N)", {"x": x}).value.tolist() == [4, 7]
    assert read("Σ(x, D)", {"x": x}).value.tolist() == [3, 8]
    assert read("x · mean(x, D) + 1", {"x": x}).value.tolist() == [[2.5, 4.0], [13.0, 21.0]]
    with pytest.raises(AssertionError):
        read("x @ x", {"x": x})
    with pytest.raises(AssertionError):
        read("x x", {"x": x})


def test_elements_of_random_programs_have_letters():
    made = 0
    for seed in (*range(30), 137, 141):
        closed = closed_form(mt.graph(*random_program(seed)))
        try:
            made += len([f"{line}{line.latex}{line.mathml}" for line in closed.indexed])
        except GradientError:  # of an op without a reading
            continue
    assert made > 20
