"""The promise: every text that is shown says what was recorded. An independent reader evaluates it on the arrays."""

import re
from functools import partial

import numpy as np
import pytest
from op_cases import CASES, DIFFERENTIABLE, each, outputs, upstreams
from reading import UnreadableError, read, read_latex, read_mathml, read_rule
from test_numpy_source import differing
from test_random_graphs import random_program, run

import micrograd_tensor as mt
from micrograd_tensor.cli.builtin_graphs import BUILTINS, made
from micrograd_tensor.engine.recording import record_all
from micrograd_tensor.graph import Node
from micrograd_tensor.graph.axes import axis_names
from micrograd_tensor.notation import (
    LATEX,
    MATHML,
    Called,
    assignment,
    expression,
    formula,
    local_rules,
    rule,
    typeset,
    unicode,
    words,
)

LIMIT = 10**5


def close(value, recorded, largest):
    """Whether a value is the recorded one, to 1e-12 of the largest term; to a few ulps in less precise types."""
    recorded = np.asarray(recorded)
    eps = np.finfo(recorded.dtype).eps if recorded.dtype.kind in "fc" else 0
    rtol = max(1e-12, 100 * eps) if eps else 0
    value = np.broadcast_to(value, recorded.shape) if np.ndim(value) == 0 else np.asarray(value)
    return value.shape == recorded.shape and np.allclose(
        value, recorded, rtol=rtol, atol=rtol * max(largest, 1e-300), equal_nan=recorded.dtype.kind in "fc"
    )


def constants_of(node, names):
    """The leaves without a name that a formula shows, in the order in which it shows them."""
    found, stack = [], [node]
    while stack:
        this = stack.pop()
        if this.op is None and this.name is None and this not in names:
            value = this.value
            listed = 0 < value.size <= 8 and value.dtype.kind in "biu"
            if not listed and not (value.size and np.all(value == value.flat[0])):
                found.append(value)
        elif this is node or (this.name is None and this not in names):
            stack.extend(x for x in reversed(this.operands) if isinstance(x, Node))
    return found


def checked(kind, text, value_of, recorded, where, wrong):
    """Read one text; note it where it is unreadable or says another value."""
    if "…" in text:
        return 0
    try:
        with np.errstate(all="ignore"):
            value, largest = value_of()
    except (UnreadableError, ValueError, IndexError, TypeError, KeyError, AssertionError, AttributeError) as error:
        wrong.append(f"{kind}: {text!r} of {where}: {type(error).__name__}: {error}")
        return 1
    if not close(value, recorded, largest):
        wrong.append(f"{kind}: {text!r} of {where} is not what was recorded")
    return 1


def faults(graph):
    """The texts of a graph that do not say what was recorded, and how many were read."""
    wrong, count = [], 0
    called = Called(graph)
    known = {**{n: n.name for n in graph.nodes if n.name}, **called.stand_ins}
    if len({*known.values()}) < len(known):
        known = {node: f"v{node.rank}" for node in graph.nodes}
        shown = dict(known)
    else:
        shown = called.stand_ins
    arrays = {name: node.value for node, name in known.items()}
    every = {node: f"v{node.rank}" for node in graph.nodes}
    values = {name: node.value for node, name in every.items()}
    for node in graph.nodes:
        if not node.op:
            continue
        constants = constants_of(node, shown)
        text = formula(node, shown, limit=LIMIT)
        count += checked("formula", text, partial(read, text, arrays, constants), node.value, node, wrong)
        inside = {x: name for x, name in every.items() if x is not node}
        for kind, text, reader in (
            ("MathML", MATHML.equation(node, "y", inside, limit=LIMIT), read_mathml),
            ("LaTeX", LATEX.equation(node, "y", inside, limit=LIMIT), read_latex),
        ):
            count += checked(kind, text, partial(reader, text, values), node.value, node, wrong)
    for (node, i), end in graph.contributions.items():
        g = graph.gradients[node]
        clauses = rule(graph, (node, i), shown, limit=LIMIT)
        local = {**arrays, **({"y": node.value} if "y" not in arrays else {})}
        operands = [x.value if isinstance(x, Node) else x for x in node.operands]
        constants = constants_of(end, {**shown, g: ""})
        text = ", ".join(clauses)
        count += checked(
            "rule",
            text,
            partial(read_rule, clauses, g.value, local, (operands, node.value), i, constants),
            end.value,
            f"{node} operand {i}",
            wrong,
        )
        inside = {**values, f"∂L∂{every[node]}": g.value}
        for kind, text, reader in (
            ("MathML rule", MATHML.rule(graph, (node, i), every, limit=LIMIT), read_mathml),
            ("LaTeX rule", LATEX.rule(graph, (node, i), every, limit=LIMIT), read_latex),
        ):
            said = re.search(r"(?:<mtext>|\\text\{) ([^<{}]*)", text.replace(r"$\times$", "×"))
            if said:  # in words, of the gradient that stands before them
                assert text.count(every[node]) == 1
                reading = partial(read_rule, [said[1]], g.value, {}, (operands, node.value), i)
            else:
                reading = partial(reader, text, inside, constants_of(end, {**every, g: ""}))
            count += checked(kind, text, reading, end.value, f"{node} {i}", wrong)
    return wrong, count


def captured(case):
    with record_all():
        outs = outputs(case.function(*case.tensors()))
    return mt.graph(outs, upstreams(outs)) if all(y.requires_grad for y in outs) else mt.graph(outs)


@each(CASES)
def test_every_case_of_the_table(case):
    wrong, _ = faults(captured(case))
    assert wrong == []


@pytest.mark.parametrize("name", BUILTINS)
def test_every_built_in_graph(name):
    graph = mt.graph(*made(name))
    wrong, count = faults(graph)
    assert wrong == []
    assert count > 30
    assert differing(graph) == []
    assert taught_otherwise(graph) == []


def taught_otherwise(graph):
    """The lines of NumPy that do not compute what was recorded where they are written as a teacher would."""
    wrong = []
    names = {node: f"v{node.rank}" for node in graph.nodes}
    for (node, i), end in graph.contributions.items():
        lines = assignment("found", end, {**names, graph.gradients[node]: "g"}, taught=True)
        space = {"np": np, "mt": mt, "g": graph.gradients[node].value} | {names[x]: x.value for x in graph.nodes}
        with np.errstate(all="ignore"):
            exec("\n".join(lines), space)  # noqa: S102 -- to run what is printed is the test
        if not close(space["found"], end.value, np.abs(graph.gradients[node].value).max(initial=1.0)):
            wrong.append((node, i, lines))
    return wrong


def random_graph(seed):
    inputs, steps = random_program(seed)
    _, out = run(inputs, steps)
    return mt.graph(out, np.random.default_rng(seed).standard_normal(out.shape))


@pytest.mark.parametrize("first", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(50, 500, 50))])
def test_random_graphs(first):
    total = 0
    for seed in range(first, first + 50):
        graph = random_graph(seed)
        wrong, count = faults(graph)
        assert wrong == []
        assert differing(graph) == []
        assert taught_otherwise(graph) == []
        total += count
    assert total > 1000


@pytest.mark.parametrize("case", DIFFERENTIABLE[::9], ids=lambda c: c.name)
def test_gradients_of_gradients(case):
    tensors = case.tensors()
    outs = outputs(case.function(*tensors))
    first = mt.grad(outs, [t for t in tensors if t.requires_grad], upstreams(outs), create_graph=True)
    curved = [g for g in first if g is not None and g.requires_grad]
    if curved:
        assert faults(mt.graph(curved, upstreams(curved)))[0] == []


@pytest.mark.parametrize("name", BUILTINS)
def test_the_formulas_of_the_backward_pass(name):
    """Of every recorded gradient from what its op was applied to, as the backward view shows it."""
    graph = mt.graph(*made(name))
    names = {node: f"v{node.rank}" for node in (*graph.nodes, *graph.backward)}
    arrays = {text: node.value for node, text in names.items()}
    wrong = []
    for node in graph.backward:
        if node.op:
            inner = {x: text for x, text in names.items() if x is not node}
            text = formula(node, inner, limit=LIMIT)
            checked("formula", text, partial(read, text, arrays), node.value, node, wrong)
    assert wrong == []


# --------------------------------------------------------------------------------------- nothing is said of two things

A, B = (mt.tensor(np.arange(16.0).reshape(4, 4) + k, name=name, requires_grad=True) for k, name in enumerate("AB"))
C = mt.tensor(np.arange(64.0).reshape(4, 4, 4), name="C", requires_grad=True)
ALIKE = {
    "axis of a sum": [A.sum(), A.sum(axis=0), A.sum(axis=1), A.sum(axis=0, keepdims=True)],
    "axis of a mean": [A.mean(axis=0), A.mean(axis=1), C.mean(axis=(0, 1)), C.mean(axis=(0, 2))],
    "axis of a maximum": [A.max(axis=0), A.max(axis=1), A.max()],
    "axis of a product": [mt.prod(A, axis=0), mt.prod(A, axis=1)],
    "axis of a running sum": [A.cumsum(axis=0), A.cumsum(axis=1), A.cumsum()],
    "slice": [A[0:2], A[2:4], A[:, 0:2], A[:, 2:4], A[::2, :], A[0], A[1], A[None]],
    "places": [A[[0, 1]], A[[1, 0]], A[:, [0, 1]]],
    "permutation": [C.transpose((0, 2, 1)), C.transpose((1, 0, 2)), C.transpose((2, 1, 0)), C.transpose((1, 2, 0))],
    "subscripts": [mt.einsum(s, A, B) for s in ("ij,jk->ik", "ij,kj->ik", "ij,ij->ij", "ij,jk->ki")],
    "shape": [A.reshape(2, 8), A.reshape(8, 2), A.reshape(16)],
    "copies": [mt.broadcast_to(A, (2, 4, 4)), mt.broadcast_to(A, (3, 4, 4))],
    "border": [mt.pad(A, 1), mt.pad(A, 2), mt.pad(A, ((1, 0), (0, 0))), mt.pad(A, 1, value=1.0)],
    "diagonal": [mt.tril(A), mt.tril(A, 1), mt.triu(A), mt.triu(A, -1)],
    "direction": [A.flip(0), A.flip(1), A.flip()],
    "joint": [mt.concatenate([A, B], axis=0), mt.concatenate([A, B], axis=1), mt.stack([A, B]), mt.stack([A, B], 1)],
    "type": [A.astype("float32"), A.astype("float16")],
    "bounds": [A.clip(0, 1), A.clip(0, 2), A.clip(None, 1)],
}


@pytest.mark.parametrize("kind", ALIKE)
def test_graphs_that_differ_never_print_the_same_words(kind):
    graphs = [mt.graph(y, np.ones(y.shape, y.dtype)) for y in ALIKE[kind]]
    texts = []
    for graph in graphs:
        node, names = graph.outputs[0], {n: n.name for n in graph.nodes if n.name}
        texts.append(
            (formula(node), MATHML.equation(node, "y"), LATEX.equation(node, "y"), assignment("y", node, names)[-1])
        )
    for dialect in zip(*texts, strict=True):
        assert len(set(dialect)) == len(dialect)


@pytest.mark.parametrize(
    "kind", ["axis of a sum", "axis of a mean", "slice", "places", "permutation", "joint", "direction"]
)
def test_rules_that_differ_never_print_the_same_words(kind):
    shapes = {}
    for y in ALIKE[kind]:
        graph = mt.graph(y, np.ones(y.shape))
        edge = next(iter(graph.contributions))
        words = (rule(graph, edge), y.shape)
        assert shapes.setdefault(words, y) is y


@pytest.mark.parametrize("name", ["batchnorm", "layernorm", "softmax_cross_entropy", "mlp"])
def test_with_names_of_axes_rules_say_the_same(name):
    """Each name stands for the axis, or the length, that is said without it."""
    graph = mt.graph(*made(name))
    dims = axis_names(graph, BUILTINS[name].dims)
    lengths = {label: n for node, axes in dims.items() for label, n in zip(axes, node.shape, strict=True) if label}
    found = set()
    for node, i in graph.contributions:
        g = graph.gradients[node]
        names = {x: f"v{x.rank}" for x in graph.nodes}
        for named, bare in zip(rule(graph, (node, i), names, dims=dims), rule(graph, (node, i), names), strict=True):
            text = re.sub(r"Σ over (\w+)$", lambda m, axes=dims[g]: f"Σ over axis {axes.index(m[1])}", named)
            text = re.sub(r"\b[A-Z]\b", lambda m: str(lengths[m[0]]), text)
            assert text.split(" along ")[0] == bare.split(" along ")[0]
            found |= {*re.findall(r"\b[A-Z]\b", named)}
    assert found <= {*lengths}
    assert found


# --------------------------------------------------------------------------------------------------- planted faults


def without_parentheses(monkeypatch):
    monkeypatch.setattr(expression.Dialect, "at", lambda self, piece, level: piece.text)


def with_the_wrong_axis(monkeypatch):
    axes_text = unicode.axes_text
    wrong = lambda node, axes, dims=None: axes_text(node, [(a + 1) % len(node.shape) for a in axes], dims)  # noqa: E731
    monkeypatch.setattr(unicode, "axes_text", wrong)
    monkeypatch.setattr(local_rules, "axes_text", wrong)


def with_six_digits(monkeypatch):
    for module in (unicode, typeset):
        monkeypatch.setattr(module, "number", lambda value: f"{value:.6g}".replace("-", "−"))


def with_operands_exchanged(monkeypatch):
    applied = type(unicode.UNICODE).applied
    swapped = lambda self, node, operands, dims: applied(self, node, operands[::-1], dims)  # noqa: E731
    monkeypatch.setattr(type(unicode.UNICODE), "applied", swapped)


def with_the_wrong_slice(monkeypatch):
    monkeypatch.setattr(local_rules, "index_text", lambda template, arrays, number: ["0:1"])


def with_readings_unproved(monkeypatch):
    monkeypatch.setattr(local_rules, "alike", lambda recorded, value: True)
    monkeypatch.setattr(words, "_product_of_others", lambda x, axes: x)


@pytest.mark.parametrize(
    ("fault", "make"),
    [
        (without_parentheses, lambda: (A + B) * C),
        (without_parentheses, lambda: mt.square(A + B)),
        (with_the_wrong_axis, lambda: A.mean(axis=0)),
        (with_the_wrong_axis, lambda: A.max(axis=1) * 2.0),
        (with_six_digits, lambda: A * 0.123456789),
        (with_operands_exchanged, lambda: A - B),
        (with_operands_exchanged, lambda: A @ B),
        (with_the_wrong_slice, lambda: A[:, 1:3]),
        (with_readings_unproved, lambda: mt.prod(A, axis=0)),
    ],
)
def test_a_planted_fault_is_found(fault, make, monkeypatch):
    graph = mt.graph(make(), np.random.default_rng(0).standard_normal(make().shape))
    assert faults(graph)[0] == []
    fault(monkeypatch)
    assert faults(graph)[0] != []
