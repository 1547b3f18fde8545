"""Mutations: every kind of mistake is made where it applies, in one place, and leaves the rest of the source alone."""

import ast
import textwrap

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.check.mistakes.catalogue import KINDS
from micrograd_tensor.check.mutation.rules import mutants

SHAPES = {
    "dout": (7, 4),
    "x": (7, 4),
    "y": (7, 4),
    "w": (4, 4),
    "v": (4,),
    "s": (4,),
    "dv": (4,),
    "dx": (7, 4),
    "dw": (4, 4),
}

MADE = [
    # the line, the kind of mistake, and what becomes of the line
    ("dv = np.sum(dout, axis=0)", "missing sum", "dv = dout"),
    ("dv = dout.sum(axis=0)", "missing sum", "dv = dout"),
    ("dv = np.sum(dout, axis=0)", "sum over everything", "dv = np.sum(dout)"),
    ("dv = dout.sum(0)", "sum over everything", "dv = dout.sum()"),
    ("dv = np.sum(dout, axis=0)", "mean for sum", "dv = np.mean(dout, axis=0)"),
    ("dv = dout.mean(axis=0)", "sum for mean", "dv = dout.sum(axis=0)"),
    ("dv = np.sum(dout, axis=0)", "wrong axis", "dv = np.sum(dout, axis=1)"),
    ("dv = dout.sum(axis=-1)", "wrong axis", "dv = dout.sum(axis=0)"),
    ("dv = dout.sum(axis=axis)", "wrong axis", "dv = dout.sum(axis=1 - axis)"),
    ("dv = dout.sum(axis=1, keepdims=True)", "missing keepdims", "dv = dout.sum(axis=1)"),
    ("dv = dout.sum(axis=1)", "missing keepdims", "dv = dout.sum(axis=1, keepdims=True)"),
    ("dw = x.T @ dout", "transposed", "dw = x @ dout"),
    ("dx = dout @ w", "transposed", "dx = dout @ w.T"),
    ("dw = x.T @ dout", "transposed", "dw = (x.T @ dout).T"),
    ("dw = np.transpose(x, (1, 0)) @ dout", "transposed", "dw = x @ dout"),
    ("dx = 2 * x * dout", "constant factor", "dx = x * dout"),
    ("dx = 2 * x * dout", "missing factor", "dx = 2 * dout"),
    ("dx = 2 * x * dout", "missing factor", "dx = 2 * x"),
    ("dx = dout / v", "missing factor", "dx = dout"),
    ("dx = dout / v", "factor twice", "dx = dout / v / v"),
    ("dx = dout / v", "not inverted", "dx = dout * v"),
    ("dx = v * dout", "factor twice", "dx = v * v * dout"),
    ("dx = dout / N", "constant factor", "dx = dout"),
    ("dx = dout / N", "constant factor", "dx = dout / D"),
    ("dx = dout / N", "constant factor", "dx = dout / N / N"),
    ("dx = dout * x", "constant factor", "dx = dout * x * N"),
    ("dx = dout * x", "constant factor", "dx = dout * x / 2"),
    ("dx = 1.0 / N * dout", "constant factor", "dx = 1.0 / D * dout"),
    ("dx = -dout * x", "sign", "dx = dout * x"),
    ("dx = -1 / v * dout", "sign", "dx = 1 / v * dout"),
    ("dx = dout * x", "sign", "dx = -(dout * x)"),
    ("dx = dout * (1 - x)", "sign", "dx = dout * (1 + x)"),
    ("dx = dout * (1 - x)", "dropped term", "dx = dout * 1"),
    ("dx = dout / v**2", "lost square", "dx = dout / v"),
    ("dx = dout * np.square(x)", "lost square", "dx = dout * x"),
    ("dx = dout * x**3", "lost square", "dx = dout * x ** 2"),
    ("dx = dout * v**-1.5", "not inverted", "dx = dout * v ** 1.5"),
    ("dx = dout / np.sqrt(v)", "missing function", "dx = dout / v"),
    ("dx = dout * v**0.5", "missing function", "dx = dout * v"),
    ("dx = dout / np.sqrt(v + eps)", "eps left out", "dx = dout / np.sqrt(v)"),
    ("dx = dout / np.sqrt(v + 1e-5)", "eps left out", "dx = dout / np.sqrt(v)"),
    ("dx = dout / np.sqrt(v + cache['eps'])", "eps left out", "dx = dout / np.sqrt(v)"),
    ("dx = dout + x * dout", "dropped contribution", "dx = dout"),
    ("dx = dout - x * dout", "dropped contribution", "dx = -(x * dout)"),
    ("dx = dout - x * dout", "doubled contribution", "dx = dout - x * dout - x * dout"),
    ("dx += x * dout", "overwritten contribution", "dx = x * dout"),
    ("dx += x * dout", "dropped contribution", "pass"),
    ("dx += x * dout", "doubled contribution", "dx += 2 * (x * dout)"),
    ("dx += x * dout", "sign", "dx -= x * dout"),
    ("dx[:, 0] += x * dout", "overwritten contribution", "dx[:, 0] = x * dout"),
    ("dx = dout * (x > 0)", "missing mask", "dx = dout"),
    ("dx = np.where(x > 0, dout, 0)", "missing mask", "dx = dout"),
    ("dx = dout * x", "exchanged operand", "dx = dout * y"),
    ("dv = np.sum(dout, axis=0)", "statistic as constant", "dv = np.zeros_like(np.sum(dout, axis=0))"),
    ("g['dx'] = x * dout", "missing factor", "g['dx'] = dout"),
    ("dx, dv = x * dout, dout.sum(axis=0)", "missing sum", "dx, dv = (x * dout, dout)"),
    ("return {'dx': x * dout, 'dv': dout.sum(0)}", "missing factor", "return {'dx': dout, 'dv': dout.sum(0)}"),
    ("return x * dout, dout.sum(0)", "missing sum", "return (x * dout, dout)"),
]


def backward(line, after="return dx, dv"):
    return textwrap.dedent(
        f"""\
        def backward(dout, cache):
            N, D = dout.shape
            x, y, w, v, s, eps, axis = cache
            dx = dv = g = 0
            {line}  # as it is
            s = dv * dx
            {after}
        """
    )


@pytest.mark.parametrize(("line", "kind", "becomes"), MADE, ids=[f"{line} -> {becomes}" for line, _, becomes in MADE])
def test_a_mistake_is_made_where_it_applies(line, kind, becomes):
    found = [mutant for mutant in mutants(backward(line), SHAPES) if mutant.line == 5 and mutant.after == becomes]
    assert [mutant.kind for mutant in found] == [kind]
    [mutant] = found
    assert mutant.source == backward(line).replace(line, becomes)
    assert mutant.before == ast.unparse(ast.parse(f"def f():\n {line}").body[0].body[0])
    assert mutant.description


def test_every_kind_that_is_made_is_a_kind_of_the_diagnosis_and_has_a_row_here():
    kinds = {mutant.kind for line, _, _ in MADE for mutant in mutants(backward(line), SHAPES)}
    assert kinds == {kind for _, kind, _ in MADE}
    assert kinds <= set(KINDS)


@pytest.mark.parametrize(
    "line",
    [
        "gamma = cache['gamma']",
        "N, D = x.shape",
        "n = len(dout)",
        "zeros = np.zeros_like(dout)",
        "x, y = cache",
        "grads = dict(dx=1)",
    ],
)
def test_lines_that_compute_nothing_are_left_alone(line):
    assert not list(mutants(f"def backward(dout, cache, x):\n    {line}\n", SHAPES))


def test_a_change_that_would_change_nothing_is_not_made():
    made = [mutant.after for mutant in mutants(backward("dx = 1 / v * np.ones((N, D)) * dout"), SHAPES)]
    assert "dx = 1.0 / v * np.ones((N, D)) * dout" not in made
    assert "dx = 1 / v * dout" not in made
    assert len(made) == len(set(made))


def test_an_operand_is_exchanged_for_one_that_is_there_already():
    found = mutants(backward("dx = dout * x"), SHAPES | {"later": (7, 4)})
    made = [mutant.after for mutant in found if mutant.line == 5]
    assert "dx = dout * y" in made
    assert not any("later" in after or "dv" in after for after in made)


def test_without_shapes_operands_and_statistics_are_left_alone():
    kinds = {mutant.kind for mutant in mutants(backward("dv = np.sum(dout * x, axis=0)"))}
    assert not kinds & {"exchanged operand", "statistic as constant"}
    assert "missing sum" in kinds


def test_all_other_lines_stay_as_they_were_written():
    source = (
        "# a comment\ndef backward(dout,   cache):\n\tdx = ( dout\n\t\t* cache )   # mine: Σ, é\n\treturn {'dx':dx}\n"
    )
    for mutant in mutants(source):
        assert mutant.source.startswith("# a comment\ndef backward(dout,   cache):\n\tdx = ")
        assert mutant.source.endswith("   # mine: Σ, é\n\treturn {'dx':dx}\n")
        compile(mutant.source, "mutant", "exec")


def test_two_statements_on_a_line_are_told_apart():
    after = [mutant.source for mutant in mutants("def backward(dout, é): dx = -dout; dé = dout * é; return dx, dé\n")]
    assert "def backward(dout, é): dx = dout; dé = dout * é; return dx, dé\n" in after
    assert "def backward(dout, é): dx = -dout; dé = dout; return dx, dé\n" in after


def test_statements_inside_loops_and_branches_are_reached_and_inner_functions_are_not():
    source = """
def backward(dout, cache):
    def scaled(g):
        return 3 * g
    for t in reversed(range(4)):
        if t:
            dh = scaled(dout[t]) * cache[t]
    return dh
"""
    made = list(mutants(source))
    assert {mutant.line for mutant in made} == {7}
    assert any(mutant.after == "dh = scaled(dout[t])" for mutant in made)


def test_counters_are_left_alone():
    source = """
def backward(dout, cache):
    t, k, dh = 3, 0, 0
    while t >= 0:
        dh += dout[t] * cache[t]
        t -= 1
        k = k + 1
    return dh
"""
    assert {mutant.line for mutant in mutants(source)} == {5}


def test_the_upstream_gradient_is_known_by_its_name_or_its_place():
    for signature, upstream in [
        ("cache, dout", "dout"),
        ("x, grad_out", "grad_out"),
        ("cache, upstream", "upstream"),
        ("g, x", "g"),
    ]:
        source = f"def backward({signature}):\n    y = {upstream}\n    z = 2 * y\n"
        assert any(mutant.after == "z = -(2 * y)" for mutant in mutants(source)), signature


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def backward(dout, cache:\n    pass", "not Python: .*line 1"),
        ("x = 3", "defines no function"),
        ("def one(g): return g\ndef two(g): return g", "defines one, two; call the backward pass `backward`"),
    ],
)
def test_what_is_no_backward_pass_is_refused(source, message):
    with pytest.raises(mt.GradientError, match=message):
        list(mutants(source))


def test_among_several_functions_the_one_called_backward_or_the_one_asked_for_is_taken():
    source = "def forward(x): return 2 * x\ndef backward(dout): return 2 * dout\ndef other(dout): return 5 * dout\n"
    assert {mutant.line for mutant in mutants(source)} == {2}
    assert {mutant.line for mutant in mutants(source, name="other")} == {3}


@pytest.mark.parametrize("name", ["batchnorm", "layernorm", "attention", "conv2d"])
def test_every_mutant_of_a_real_derivation_is_python_and_another_text(name):
    from counting import derivation, place

    of = derivation(name)
    shapes = {key: np.shape(value) for key, value in place(of, 0).right.items() if isinstance(value, np.ndarray)}
    made = list(mutants(of.source, shapes))
    assert len(made) > 100
    for mutant in made:
        compile(mutant.source, "mutant", "exec")
        assert mutant.source != of.source
    assert len({mutant.source for mutant in made}) == len(made)
