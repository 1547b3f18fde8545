"""What a report says is true: each formula, rule and fix is read back, or run, and gives the recorded gradient."""

import html
import json
import re

import numpy as np
import pytest
from reading import read
from test_promise import close
from test_random_graphs import random_program

import micrograd_tensor as mt
from micrograd_tensor.check.mistakes import correction, derivation
from micrograd_tensor.check.mistakes.derivation import Values, gradient_of, value_of
from micrograd_tensor.cli.builtin_graphs import BUILTINS, made
from micrograd_tensor.engine.row import Copy
from micrograd_tensor.graph import named_nodes

pytestmark = pytest.mark.slow

GRAPHS = {name: (lambda name=name: mt.graph(*made(name))) for name in BUILTINS}


def random_graph(seed):
    """A random program, each of whose results is named as a derivation would."""
    inputs, steps = random_program(seed)
    values = [mt.tensor(x, name=name, requires_grad=True) for x, name in zip(inputs, "abcd", strict=True)]
    for k, step in enumerate(steps):
        made_here = step.tensors(*(values[i] for i in step.operands))
        values.append(made_here.named(f"s{k}") if k % 3 else made_here)
    out = values[-1].named("result")
    return mt.graph(out, np.random.default_rng(seed).standard_normal(out.shape))


def arrays_of(graph):
    """Everything that has a name: values, gradients and what was given for outputs."""
    arrays = {node.name: node.value for node in graph.nodes if node.name}
    arrays |= {f"d{node.name}": g.value for node, g in graph.gradients.items() if node.name}
    return arrays | {f"d{out.name or 'out'}": g.value for out, g in graph.upstreams.items()}


def constants_in(graph):
    """The arrays without a name, of which the graphs that are tried here have one at most."""
    return [node.value for node in graph.nodes if node.is_leaf and node.name is None and node.shape][:1]


def untrue(of, graph):
    """The formulas of a derivation's steps that do not say what these compute."""
    forward = {node: node.value for node in graph.nodes}
    values = Values(of, of.worth(forward, {node: g.value for node, g in graph.gradients.items()}))
    arrays, wrong = arrays_of(graph), []
    for step in of.steps:
        text = of.formula(step)
        if "…" in text:  # in a sentence; what is due is said whole, with the rule
            continue
        try:
            with np.errstate(all="ignore"):
                value, largest = read(text, arrays, constants_in(graph))
        except Exception as error:
            wrong.append(f"{text!r}: {type(error).__name__}: {error}")
            continue
        if isinstance(step.reading, Copy):  # which NumPy makes by itself
            value = np.broadcast_to(value, step.shape)
        if not close(value, values[step], largest):
            wrong.append(f"{text!r} is not {step}")
    return wrong


def every_derivation(graph):
    """Of each named gradient and value, from the nearest ones and from the output or the inputs."""
    stages = [node for node in graph.nodes if node.name is not None]
    for node in stages:
        for given in (stages, ()):
            if node in graph.gradients:
                yield gradient_of(graph, node, given)
            if not node.is_leaf:
                yield value_of(graph, node, given)


@pytest.mark.parametrize("name", GRAPHS)
def test_every_step_of_a_derivation(name):
    graph = GRAPHS[name]()
    wrong = [text for of in every_derivation(graph) for text in untrue(of, graph)]
    assert wrong == []


@pytest.mark.parametrize("first", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(10, 100, 10))])
def test_every_step_of_random_derivations(first):
    for seed in range(first, first + 10):
        graph = random_graph(seed)
        assert [text for of in every_derivation(graph) for text in untrue(of, graph)] == []


# ---------------------------------------------------------------------------------------------------------- the reports


def hints_of(page):
    """The third hint of each wrong stage: its heading and its lines of code."""
    for section in re.findall(r'<section class="mistake">(.*?)</section>', page, re.DOTALL):
        name = html.unescape(re.search(r"<h3>.*?<code>(.*?)</code>", section)[1])
        last = re.findall(r"<details><summary>3 (.*?)</summary>(.*?)</details>", section, re.DOTALL)[0]
        yield name, last[0], [html.unescape(line) for line in re.findall(r"<p><code>(.*?)</code></p>", last[1])]


def check_report(graph, hand, name):
    """That what a report says of one wrong gradient is true; returns how many rules and lines were tried."""
    report = mt.compare(graph, hand=hand, point=False)
    terminal, page, listed = report.text(width=10**4), report.to_html(), json.loads(report.to_json())
    arrays, constants = arrays_of(graph), constants_in(graph)
    stage = next(stage for stage in listed["stages"] if stage["name"] == name)
    assert stage["status"] == "wrong here"
    tried = 0
    for diagnosis in stage["diagnosis"]:
        target, _, text = diagnosis["rule"].partition(" = ")
        value, largest = read(text, arrays, constants)
        assert close(value, arrays[target], largest), diagnosis["rule"]
        tried += 1
    for called, heading, lines in hints_of(page):
        if called != f"d{name}":  # what follows from a wrong gradient may be called wrong too
            continue
        assert all(line in terminal for line in lines)
        if heading == "the fix":
            space = {"np": np, "mt": mt} | {k: v for k, v in arrays.items() if k != called}
            exec("\n".join(lines), space)  # noqa: S102 -- what the user is told to write
            assert close(space[called], arrays[called], np.abs(arrays[called]).max(initial=0.0)), lines
        for line in lines if heading == "the rule" else ():
            target, _, text = line.partition(" = ")
            value, largest = read(text, arrays, constants)
            assert close(value, arrays[target], largest), line
        tried += len(lines)
    worst = re.search(r" at \[([\d, ]+)\]: (\S+) by hand, (\S+) expected", terminal)
    if worst:
        at = tuple(map(int, worst[1].split(", ")))
        for text, array in ((worst[2], hand[f"d{name}"]), (worst[3], arrays[f"d{name}"])):
            assert np.isclose(float(text), array[at], rtol=1e-5, atol=0)
    return tried


@pytest.mark.parametrize("name", GRAPHS)
def test_what_reports_say_of_mistakes_that_are_known_and_unknown(name):
    graph = GRAPHS[name]()
    right = {
        f"d{key}": graph.gradients[node].value for key, node in named_nodes(graph).items() if node in graph.gradients
    }
    tried = 0
    for key, node in named_nodes(graph).items():
        if node not in graph.gradients or node in graph.outputs:
            continue
        noise = np.random.default_rng(0).standard_normal(node.shape)
        for wrong in (2.5 * right[f"d{key}"], right[f"d{key}"] + noise):
            tried += check_report(graph, {**right, f"d{key}": wrong}, key)
    assert tried > 6


# --------------------------------------------------------------------------------------------------- planted faults


def test_a_formula_of_another_step_is_found(monkeypatch):
    graph = GRAPHS["batchnorm"]()
    right = derivation.formula
    monkeypatch.setattr(
        derivation, "formula", lambda x, *a, **k: right(x.operands[0] if x.inputs[0].op else x, *a, **k)
    )
    assert [text for of in every_derivation(graph) for text in untrue(of, graph)] != []


def test_a_line_that_computes_something_else_is_found(monkeypatch):
    graph = GRAPHS["layernorm"]()
    right = correction.assignment
    wrong = lambda *args, **more: [line.replace("axis=0", "axis=-1") for line in right(*args, **more)]  # noqa: E731
    monkeypatch.setattr(correction, "assignment", wrong)
    hand = {f"d{node.name}": g.value for node, g in graph.gradients.items() if node.name}
    with pytest.raises((AssertionError, ValueError)):
        check_report(graph, hand | {"dbeta": 2.5 * hand["dbeta"]}, "beta")
