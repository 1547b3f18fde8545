"""NumPy source: the printed lines run, and compute what was recorded."""

import numpy as np
import pytest
from op_cases import CASES, DIFFERENTIABLE, each, outputs, upstreams

import micrograd_tensor as mt
from micrograd_tensor.engine.recording import record_all
from micrograd_tensor.engine.row import TABLE
from micrograd_tensor.notation import backward_lines, forward_line, identifiers, starting_lines


def leaf(name, *shape, seed=0, dtype=float):
    values = np.random.default_rng([seed, len(name)]).standard_normal(shape).astype(dtype)
    return mt.tensor(values, name=name, requires_grad=True)


def program(graph):
    """Everything that was recorded as one text, in the order in which it ran."""
    names = identifiers(graph)
    lines = [forward_line(node, names.values) for node in graph.nodes if node.op]
    lines += starting_lines(graph, names)
    for node in reversed(graph.nodes):
        lines += backward_lines(graph, node, names)
    return lines


def ran(graph):
    """The names after the whole program ran on what was not computed: leaves, constants, upstreams."""
    names = identifiers(graph)
    space = {"np": np, "mt": mt}
    space |= {name: node.value for node, name in names.values.items() if node.is_leaf}
    space |= {name: graph.upstreams[node].value for node, name in names.upstreams.items()}
    with np.errstate(all="ignore"):
        exec("\n".join(program(graph)), space)  # noqa: S102 -- to run what is printed is the test
    return space


def same(given, expected):
    given = np.asarray(given)
    rtol = 64 * np.finfo(given.dtype).eps if given.dtype.kind in "fc" else 0
    return (
        given.shape == expected.shape
        and given.dtype == expected.dtype
        and np.allclose(given, expected, rtol=rtol, atol=0, equal_nan=True)
    )


def differing(graph):
    """The names whose values are not the recorded ones after the program ran."""
    names, space = identifiers(graph), ran(graph)
    expected = {name: node.value for node, name in names.values.items()}
    expected |= {names.gradients[node]: g.value for node, g in graph.gradients.items()}
    return [name for name, value in expected.items() if not same(space[name], value)]


def bits_differ(graph):
    """Whether anything but the sign of a zero is not the same bit for bit."""
    names, space = identifiers(graph), ran(graph)
    return any(not np.array_equal(space[names.gradients[n]], g.value) for n, g in graph.gradients.items())


def batch_norm():
    return mt.batch_norm(leaf("x", 7, 4), leaf("gamma", 4), leaf("beta", 4))


def attention():
    x = leaf("x", 5, 4)
    q, k, v = (x @ leaf(f"W{c}", 4, 4, seed=i) for i, c in enumerate("qkv"))
    return mt.softmax(q @ k.T / 2.0).named("p") @ v


def convolution():
    return mt.max_pool2d(mt.relu(mt.conv2d(leaf("x", 2, 2, 6, 6), leaf("w", 3, 2, 3, 3), leaf("b", 3))), 2)


def many_uses():
    x, y = leaf("x", 3), leaf("y", 3)
    z = x + y
    return z * x * x + (y + x) ** 3.0 - mt.prod(z) * mt.exp(y) / x


def text_model():
    table, logits = leaf("table", 6, 3), leaf("W", 3, 6)
    seen = mt.embedding(np.array([[1, 2, 2], [5, 0, 1]]), table).sum(axis=1)
    return mt.cross_entropy(seen @ logits, np.array([3, 2]))


GRAPHS = {
    "batch norm": batch_norm,
    "layer norm": lambda: mt.layer_norm(leaf("x", 3, 4), 4, leaf("w", 4), leaf("b", 4)),
    "softmax": lambda: mt.softmax(leaf("scores", 5, 3)),
    "attention": attention,
    "convolution": convolution,
    "many uses": many_uses,
    "text": text_model,
    "float32": lambda: mt.tanh(leaf("x", 3, dtype="float32") * 2.5) ** 3.0,
    "0-d": lambda: mt.tanh(leaf("a") * leaf("bb") + leaf("a") * 2) - 1 / leaf("ccc"),
    "hostile names": lambda: leaf("np") * leaf("lambda") + leaf("d x\n") * leaf("term1") + leaf("σ²") * leaf("σ2"),
    "a name and its gradient": lambda: leaf("x", 2) * leaf("dx", 2) + leaf("ef", 2),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_the_printed_program_computes_what_was_recorded(name):
    out = GRAPHS[name]()
    graph = mt.graph(out, np.random.default_rng(5).standard_normal(out.shape))
    assert differing(graph) == []


@pytest.mark.parametrize("name", ["batch norm", "attention", "softmax", "0-d"])
def test_gradients_are_the_same_bit_for_bit(name):
    out = GRAPHS[name]()
    assert not bits_differ(mt.graph(out, np.random.default_rng(5).standard_normal(out.shape)))


def captured(case):
    with record_all():
        outs = outputs(case.function(*case.tensors()))
    if not all(y.requires_grad for y in outs):
        return mt.graph(outs)
    return mt.graph(outs, upstreams(outs))


@each(CASES)
def test_every_case_of_the_table(case):
    assert differing(captured(case)) == []


@pytest.mark.parametrize("case", DIFFERENTIABLE[::7], ids=lambda c: c.name)
def test_gradients_of_gradients(case):
    tensors = case.tensors()
    outs = outputs(case.function(*tensors))
    first = mt.grad(outs, [t for t in tensors if t.requires_grad], upstreams(outs), create_graph=True)
    curved = [g for g in first if g is not None and g.requires_grad]
    if curved:
        assert differing(mt.graph(curved, upstreams(curved))) == []


def test_every_row_of_the_table_is_printed():
    printed = {node.op.name for case in CASES for node in captured(case).nodes if node.op}
    assert printed == set(TABLE)


def test_lines_of_batch_norm():
    graph = mt.graph(batch_norm(), np.ones((7, 4)))
    assert program(graph) == [
        "mean = x.mean(axis=0)",
        "dev_from_mean = x - mean",
        "dev_from_mean_sq = np.square(dev_from_mean)",
        "var = dev_from_mean_sq.mean(axis=0)",
        "y5 = var + 1e-05",
        "stddev = np.sqrt(y5)",
        "inverted_stddev = 1 / stddev",
        "x_norm = dev_from_mean * inverted_stddev",
        "scaled_x = x_norm * gamma",
        "out = scaled_x + beta",
        "ddev_from_mean = 0",
        "dx = 0",
        "dscaled_x = dout",
        "dbeta = dout.sum(axis=0)",
        "dx_norm = dscaled_x * gamma",
        "dgamma = (dscaled_x * x_norm).sum(axis=0)",
        "ddev_from_mean += dx_norm * inverted_stddev",
        "dinverted_stddev = (dx_norm * dev_from_mean).sum(axis=0)",
        "dstddev = -dinverted_stddev * np.square(inverted_stddev)",
        "dy5 = dstddev / (2 * stddev)",
        "dvar = dy5",
        "ddev_from_mean_sq = np.broadcast_to(dvar / 7, (7, 4))",
        "ddev_from_mean += ddev_from_mean_sq * (2 * dev_from_mean)",
        "dx += ddev_from_mean",
        "dmean = (-ddev_from_mean).sum(axis=0)",
        "dx += np.broadcast_to(dmean / 7, (7, 4))",
    ]


a, b = leaf("a", 3, 4), leaf("b", 3, 4)


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (lambda: mt.clip(a, 0, 0.5), "y1 = np.clip(a, 0, 0.5)"),
        (lambda: mt.clip(a, min=-np.inf), "y1 = np.clip(a, -np.inf, None)"),
        (lambda: a**-3.0, "y1 = a ** -3.0"),
        (lambda: mt.reciprocal(a), "y1 = 1 / a"),
        (lambda: a > -1, "y1 = a > -1"),
        (lambda: a * float("nan"), "y1 = a * np.nan"),
        (lambda: a[1:, ..., None], "y1 = a[1:, ..., None]"),
        (lambda: a[::-2, 0], "y1 = a[::-2, 0]"),
        (lambda: a[()], "y1 = a[()]"),
        (lambda: mt.sum(a, axis=(0, -1), keepdims=True), "y1 = a.sum(axis=(0, -1), keepdims=True)"),
        (lambda: mt.max(a, axis=np.int64(1)), "y1 = a.max(axis=1)"),
        (lambda: a.reshape(2, -1), "y1 = a.reshape(2, -1)"),
        (lambda: a.T, "y1 = a.T"),
        (lambda: mt.pad(a, 1, value=-2.0), "y1 = np.pad(a, 1, constant_values=-2.0)"),
        (lambda: mt.astype(a, "float32"), 'y1 = a.astype("float32")'),
        (lambda: mt.einsum("ij,ij->i", a, b), 'y1 = np.einsum("ij,ij->i", a, b)'),
        (lambda: mt.concatenate([a, b], axis=1), "y1 = np.concatenate([a, b], axis=1)"),
        (lambda: mt.erf(a), "y1 = mt.erf(a)"),
        (lambda: a.sum().named("for"), "for_ = a.sum()"),
    ],
)
def test_forward_line(made, line):
    with record_all():
        assert forward_line(mt.graph(made()).outputs[0]) == line


def test_an_output_that_is_used_too_starts_from_its_upstream():
    x = leaf("x", 2)
    y = (x * 2.0).named("y")
    graph = mt.graph([y, mt.exp(y).sum().named("z")], [np.ones(2), 1.0])
    assert starting_lines(graph) == ("dy = upstream_y.copy()",)
    assert differing(graph) == []


def test_an_output_given_twice():
    y = mt.exp(leaf("x", 2))
    assert differing(mt.graph([y, y], [np.ones(2), np.full(2, 3.0)])) == []


def test_contributions_do_not_change_what_they_were_made_from():
    x, w = leaf("x", 2), leaf("w", 2)
    graph = mt.graph(((x + w) + x).named("y"), [1.0, 2.0])
    assert differing(graph) == []
    assert ran(graph)["dy"].tolist() == [1.0, 2.0]


def test_what_an_expression_needs_twice_is_computed_once():
    x = leaf("x", 3)
    graph = mt.graph(mt.max(mt.sin(x)), 1.0)
    lines = backward_lines(graph, graph.outputs[0])
    assert lines[0] == 'term1 = (y1 == y2).astype("float64")'
    assert len(lines) == 2


def test_nodes_without_gradient_have_no_backward_lines():
    graph = mt.graph(leaf("x", 2) * 2.0)
    assert backward_lines(graph, graph.outputs[0]) == ()
    assert starting_lines(graph) == ()


def test_names_are_identifiers_and_no_two_are_equal():
    bad = [
        "x",
        "x",
        "dx",
        "dx",
        "class",
        "1",
        "np",
        "mt",
        "term1",
        "a b",
        "a_b",
        "σ²",
        "σ2",
        "x" * 99,
        "ŷ",
        "\ud800",
    ]
    total = leaf(bad[0])
    for i, name in enumerate(bad):
        total = (total * leaf(name, seed=i)).named(bad[-i])
    graph = mt.graph(total, 1.0)
    names = identifiers(graph)
    found = [*names.values.values(), *names.gradients.values()]
    assert len(set(found)) == len(found)
    assert all(name.isidentifier() and len(name) < 50 for name in found)
    assert differing(graph) == []


@pytest.mark.parametrize(("line", "wrong"), [("* inverted_stddev", "* stddev"), ("dx += np", "dx = np")])
def test_a_wrong_line_would_be_noticed(line, wrong, monkeypatch):
    graph = mt.graph(batch_norm(), np.ones((7, 4)))
    right = "\n".join(program(graph))
    assert line in right
    monkeypatch.setitem(globals(), "program", lambda _: right.replace(line, wrong).split("\n"))
    assert differing(graph) != []


def test_a_long_chain_is_printed_without_recursion():
    x = leaf("x", 1)
    for _ in range(3000):
        x = -x
    assert forward_line(mt.graph(x).outputs[0]) == "y3000 = -y2999"
