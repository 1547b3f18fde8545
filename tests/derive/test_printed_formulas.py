"""Every formula that a closed form prints is read back, by independent readers, and evaluated."""

import numpy as np
import pytest
import reading
from closed_cases import CASES
from labelled import Labelled, read

import micrograd_tensor as mt
from micrograd_tensor.algebra.axes import flat
from micrograd_tensor.derive.closed_form import closed_form


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


def test_planted_faults_are_found():
    x = Labelled([[1.0, 2.0], [3.0, 5.0]], ("N", "D"))
    assert read("Σ(x, N)", {"x": x}).value.tolist() == [4, 7]
    assert read("Σ(x, D)", {"x": x}).value.tolist() == [3, 8]
    assert read("x · mean(x, D) + 1", {"x": x}).value.tolist() == [[2.5, 4.0], [13.0, 21.0]]
    with pytest.raises(AssertionError):
        read("x @ x", {"x": x})
    with pytest.raises(AssertionError):
        read("x x", {"x": x})
