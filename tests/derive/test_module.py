"""Modules: the printed programs run by themselves, and compute what was recorded to the last bit."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from op_cases import CASES, outputs, upstreams
from reading import read_rule
from test_numpy_source import GRAPHS
from test_random_graphs import random_program, run

import micrograd_tensor as mt
from micrograd_tensor.cli.builtin_graphs import BUILTINS, made
from micrograd_tensor.engine.recording import record_all
from micrograd_tensor.engine.row import TABLE
from micrograd_tensor.notation import rule
from micrograd_tensor.notation.printable import WHOLE


def leaf(name, *shape, seed=0, dtype="float64"):
    rng = np.random.default_rng([seed, len(name or "")])
    return mt.tensor(rng.standard_normal(shape).astype(dtype), name=name, requires_grad=True)


def loaded(text):
    space = {"__name__": "module"}
    exec(compile(text, "module.py", "exec"), space)  # noqa: S102 -- to run what is printed is the test
    return space


def same(given, expected):
    """Whether two arrays are the same to the last bit, signs of zeros and dtypes included."""
    given, expected = np.asarray(given), np.asarray(expected)
    if given.shape != expected.shape or given.dtype != expected.dtype:
        return False
    if given.dtype.kind == "f":
        return np.array_equal(given, expected, equal_nan=True) and bool(
            np.all((np.signbit(given) == np.signbit(expected)) | np.isnan(given))
        )
    return np.array_equal(given, expected)


def close(given, expected):
    eps = np.finfo(expected.dtype).eps if expected.dtype.kind == "f" else 0
    return given.shape == expected.shape and np.allclose(given, expected, rtol=64 * eps, atol=0, equal_nan=True)


def differing(page, alike=same):
    """The outputs and gradients that the module does not compute as recorded, on the recorded inputs."""
    program, space = page.program, loaded(page.numpy)
    with np.errstate(all="ignore"):
        returned, cache = space["forward"](*(x.value for x in program.inputs))
        values = returned if len(program.outputs) > 1 else (returned,)
        gradients = space["backward"](*(g.value for g in page.graph.upstreams.values()), cache)
    gradients = gradients if len(program.results) > 1 else (gradients,)
    wrong = [x for x, value in zip(program.outputs, values, strict=True) if not alike(value, x.value)]
    return wrong + [
        x
        for x, g in zip(program.results, gradients, strict=True)
        if not alike(np.asarray(g), page.graph.gradients[x].value)
    ]


@pytest.mark.parametrize("name", BUILTINS)
def test_every_built_in_graph(name):
    page = mt.derive(*made(name), dims=BUILTINS[name].dims)
    assert differing(page) == []
    assert "def check" in page.numpy


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs_of_many_kinds(name):
    assert differing(mt.derive(GRAPHS[name]())) == []


def case_graph(case):
    with record_all():
        outs = outputs(case.function(*case.tensors()))
    return mt.graph(outs, upstreams(outs)) if all(y.requires_grad for y in outs) else None


DERIVED = [case for case in CASES if case_graph(case) is not None]


@pytest.mark.parametrize("case", DERIVED, ids=lambda c: c.name)
def test_every_row_of_the_table(case):
    assert differing(mt.derive(case_graph(case))) == []


@pytest.mark.parametrize("first", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(50, 300, 50))])
def test_random_programs(first):
    for seed in range(first, first + 50):
        _, out = run(*random_program(seed))
        assert differing(mt.derive(out, np.random.default_rng(seed).standard_normal(out.shape))) == [], seed


def test_it_runs_by_itself_and_says_how_far_it_agrees(tmp_path):
    page = mt.derive(*made("batchnorm"), dims={"N": ("x", 0), "D": ("x", 1)})
    (tmp_path / "bn.py").write_text(page.numpy, encoding="utf-8")
    command = [sys.executable, "-I", str(tmp_path / "bn.py")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^(d\w+): slope (\S+), numerically (\S+)$", printed, re.MULTILINE)
    assert [name for name, _, _ in found] == ["dx", "dgamma", "dbeta"]
    assert all(abs(float(a) - float(b)) < 1e-5 for _, a, b in found)


def test_with_names_of_axes_it_takes_other_lengths():
    """Nothing in it is as long as what was recorded."""
    text = mt.derive(*made("batchnorm"), dims={"N": ("x", 0), "D": ("x", 1)}).numpy
    rng = np.random.default_rng(0)
    x, gamma, beta, dout = (rng.standard_normal(shape) for shape in ((5, 3), (3,), (3,), (5, 3)))
    _, cache = loaded(text)["forward"](x, gamma, beta)
    leaves = [mt.tensor(value, requires_grad=True) for value in (x, gamma, beta)]
    expected = mt.grad(mt.batch_norm(*leaves), leaves, dout)
    assert all(map(same, loaded(text)["backward"](dout, cache), (g.numpy() for g in expected)))


@pytest.mark.parametrize(
    ("line", "wrong"), [("* inverted_stddev", "* stddev"), ("dx = dx + ", "dx = "), ("/ N", "/ 2")]
)
def test_a_wrong_line_would_be_noticed_by_the_tests_and_by_the_module_itself(line, wrong):
    page = mt.derive(*made("batchnorm"), dims={"N": ("x", 0), "D": ("x", 1)})
    before, back = page.numpy.split("def backward")
    assert line in back
    page.__dict__["numpy"] = f"{before}def backward{back.replace(line, wrong)}"
    assert differing(page) != []
    assert not loaded(page.numpy)["check"]()


def test_what_is_held_constant_has_no_numerical_differences_and_says_so():
    x = leaf("x", 3)
    page = mt.derive(mt.stop_gradient(mt.exp(x)) * x)
    assert "def check" not in page.numpy
    assert "Not checked" in page.numpy
    assert differing(page) == []
    assert "def check" in mt.derive(mt.softmax(x)).numpy


def test_several_outputs_one_of_which_is_used_too():
    x = leaf("x", 3)
    y = mt.exp(x).named("y")
    page = mt.derive([y, (y * x).sum().named("z")])
    assert differing(page) == []
    assert "def backward(upstream_y, dz, cache):" in page.numpy
    assert "dy = upstream_y + " in page.numpy
    assert "def check" in page.numpy


HOSTILE = [
    "cache",
    "np",
    "forward",
    "lambda",
    "d x\n",
    "σ²",
    "σ2",
    "a|b*`$",
    '"""',
    "rng",
    "print",
    "x" * 99,
    "\ud800",
]


def test_names_of_any_kind():
    total = leaf(HOSTILE[0], 2)
    for k, name in enumerate(HOSTILE):
        total = (total * leaf(name, 2, seed=k)).named(HOSTILE[-k])
    page = mt.derive(total)
    assert differing(page) == []
    assert page.numpy.encode("utf-8", "strict")


@pytest.mark.parametrize(
    "made",
    [
        lambda: leaf("x", 0, 3).sum(axis=0),
        lambda: mt.batch_norm(leaf("x", 4, 4), leaf("gamma", 4), leaf("beta", 4)),
        lambda: mt.where(mt.tensor([True, False], name="chosen"), leaf("x", 2), leaf("y", 2)),
        lambda: leaf("x", 2) * mt.tensor([1, 2], name="n") + mt.tensor([3, 4]),
        lambda: leaf(None, 2) * leaf(None, 2),
        lambda: leaf("x", 2),
        lambda: leaf("x") * 2.0,
        lambda: leaf("x", 3, 4) @ mt.tensor(np.arange(400.0).reshape(4, 100)),
        lambda: mt.embedding(mt.tensor([0, 2, 2], name="tokens"), leaf("table", 4, 2)),
        lambda: leaf("x", 6, dtype="float32").astype("float64") * 2.0,
    ],
)
def test_graphs_of_unusual_kinds(made):
    assert differing(mt.derive(made())) == []


def test_names_of_axes_that_are_no_names_in_python_stand_in_comments_only():
    for labels in ("for", "np", "a b`|\n", "gamma", "cache", "N"):
        x, gamma = leaf("x", 4, 4), leaf("gamma", 4)
        page = mt.derive(mt.batch_norm(x, gamma, leaf("beta", 4)), dims={labels: ("x", 0), "term1": ("x", 1)})
        assert differing(page) == []
        assert (".shape[0]" in page.numpy) == (labels == "N")


def test_complex_numbers_are_derived_and_not_checked_by_differences():
    page = mt.derive(mt.exp(mt.tensor([1j, 2.0], name="z", requires_grad=True)))
    assert "Not checked" in page.numpy
    assert "complex" in page.numpy
    assert all(np.array_equal(*pair) for pair in [(differing(page, np.array_equal), [])])


def test_means_of_no_elements_are_derived_and_have_pages():
    with pytest.warns(RuntimeWarning):
        out = leaf("x", 0, 3).mean(axis=0) * 2.0
    page = mt.derive(out)
    with pytest.warns(RuntimeWarning):
        assert differing(page) == []
    assert "Not checked" in page.numpy
    assert "### Step 1" in page.markdown


def test_thousands_of_gates():
    y = leaf("x", 2)
    for k in range(3000):
        y = y * 0.999 + 0.001 if k % 2 else mt.sin(y)
    assert differing(mt.derive(y)) == []


def test_a_leaf_that_is_an_output_and_nothing_else():
    assert "def backward(dx, cache)" in mt.derive(leaf("x", 2)).numpy


def test_the_same_bytes_whatever_the_hash_seed(tmp_path):
    code = "import micrograd_tensor as mt; from micrograd_tensor.cli.builtin_graphs import made\n"
    code += "print(*(mt.derive(*made(name)).numpy for name in ('batchnorm', 'lstm_cell', 'attention')))"
    texts = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("0", "1", "77")
    }
    assert len(texts) == 1


def test_what_numpy_lacks_is_defined_in_the_module():
    for name in BUILTINS:
        assert "mt" not in re.findall(r"\w+", mt.derive(*made(name)).numpy)
    x = leaf("x", 3)
    defined = mt.derive(mt.erf(x).named("erf") * mt.sigmoid(x) + mt.erfc(x).named("e"))
    assert "mt." not in defined.numpy
    assert differing(defined) == []


def test_every_row_that_calls_this_package_says_how_plain_numpy_does_it():
    assert [op.name for op in TABLE.values() if "mt." in op.source and not op.definition] == []


def named_program(seed):
    """A random program some of whose values have names, so that stages have several gates, and names come twice."""
    rng = np.random.default_rng(seed)
    inputs, steps = random_program(seed)
    values = [mt.tensor(x, name=f"x{k}" if k else None, requires_grad=True) for k, x in enumerate(inputs)]
    for step in steps:
        value = step.tensors(*[values[i] for i in step.operands])
        if rng.random() < 0.5:
            value = (value + 0.5 if rng.random() < 0.5 else 2.0 * value) if rng.random() < 0.5 else value
            value = mt.tanh(value).named(str(rng.choice(["a", "b", "x1", "dx1", "cache", "y3", "dout"])))
        values.append(value)
    return values[-1]


@pytest.mark.parametrize("first", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(50, 300, 50))])
def test_random_programs_with_names(first):
    for seed in range(first, first + 50):
        out = named_program(seed)
        page = mt.derive(out, np.random.default_rng(seed).standard_normal(out.shape))
        assert differing(page) == [], seed
        assert "def check" in page.numpy, seed
        assert rules_say_what_was_recorded(page), seed


def rules_say_what_was_recorded(page):
    """Whether the rules in words, from a step's gradient through all of its gates, give what each share is."""
    symbols = page.contents().symbols
    names = {text: node.value for node, text in symbols.items()}
    for step in page.steps:
        for share in step.shares if step.gates else ():
            gate, i = share.edge
            forward = ([x.value if hasattr(x, "value") else x for x in gate.operands], gate.value)
            clauses = rule(page.graph, share.edge, symbols, since=step.node, limit=WHOLE)
            constants = [x.value for x in page.graph.nodes if x.is_leaf and x not in symbols]
            value, _ = read_rule(clauses, step.upstream.value, {**names, "y": step.node.value}, forward, i, constants)
            if not np.allclose(np.broadcast_to(value, share.gradient.shape), share.gradient.value, atol=1e-12):
                return False
    return True


def test_a_value_whose_name_ends_as_the_package_s_does_needs_no_import_of_it():
    amt = leaf("amt", 2, 3)
    found = mt.derive(mt.sum(mt.square(amt), axis=0).named("total_amt"))
    assert "micrograd_tensor" not in found.numpy
    assert "micrograd_tensor" not in found.closed_form.numpy


@pytest.mark.parametrize("values", [[0.0, 1e-310], [-1.7e308, 1.7e308], [5e-324, 5e-324]])
def test_inputs_in_the_smallest_and_the_largest_of_ranges(values):
    x = mt.tensor(values, name="x", requires_grad=True)
    text = mt.derive((x * 0.5).named("y")).numpy
    assert np.array_equal(loaded(text)["backward"](np.ones(2), {}), [0.5, 0.5])
