"""Kinds that give the same numbers: each is told that explains them, once, and none that does not."""

import inspect
import re
import textwrap

import numpy as np
import pytest
from catalogue import functions
from everyday_layers import Attention, Center, DenseTanh, Gated, Highway, RmsNorm, SoftmaxPool
from planted import place, ran

import micrograd_tensor as mt

SAME = [
    # −Σ dp · total / total² is −Σ (dp · e / total) / total without e
    (SoftmaxPool, "dp * e) / total**2", "dp * total) / total**2", ["missing factor", "exchanged operand"]),
    # dn · inv · dev is dn · n
    (Center, "dn * inv + 2 / N * dev * dvar", "(dn * inv + 2 / N * dvar) * dev", ["exchanged operand", "moved"]),
    (Gated, "ds = dg * g * (1 - g)", "ds = dg * (1 - g) * (1 - g)", ["complement", "1 − g"]),
    (Highway, "ds = dt * t * (1 - t)", "ds = dt * t * t", ["complement"]),
    (Highway, "dh = dout * t", "dh = dout * (1 - t)", ["complement"]),
]


def told(layer, right, wrong):
    """What is told of a layer with one piece of its backward pass replaced."""
    at = place(layer, 0)
    source = textwrap.dedent(inspect.getsource(layer.backward)).replace("@staticmethod\n", "")
    assert source.count(right) == 1
    made = ran(functions(f"import numpy as np\n{source.replace(right, wrong)}")["backward"], at.dout, at.values)
    stages = {f"d{name}" for name in at.graph.named} - {"dout"}
    report = mt.compare(at.graph, hand={name: x for name, x in made.items() if name in stages}, point=False)
    assert len(report.wrong) == 1
    return at, made, report.diagnosis[report.wrong[0]]


@pytest.mark.parametrize(("layer", "right", "wrong", "kinds"), SAME, ids=lambda x: getattr(x, "__name__", None))
def test_what_is_the_same_everywhere_is_told_by_each_of_its_names_once(layer, right, wrong, kinds):
    _, _, found = told(layer, right, wrong)
    said = f"{found[0].text} {' '.join(one.kind for one in found)}"
    assert all(kind in said for kind in kinds), said
    parts = re.split(r"; or: |\. At this point that cannot be told from: ", found[0].text)
    assert len(parts) == len(set(parts)) <= 4
    assert len({one.text for one in found[1:]}) == len(found) - 1


def test_an_axis_in_another_place_is_a_transpose_not_one_too_many():
    right = "-np.sum(dn * x / rms**2, axis=1, keepdims=True)"
    _, _, found = told(RmsNorm, right, f"({right}).T")
    assert [one.kind for one in found] == ["transposed"]


FIXES = [
    (Gated, "ds = dg * g * (1 - g)", "ds = dg * g", "ds = dg * g * (1 - g)"),
    (Highway, "dt * t * (1 - t)", "dt * t", "ds = dt * t * (1 - t)"),
    (DenseTanh, "dz = dh * (1 - h**2)", "dz = dh * (1 - h)", "dz = dh * (1 - np.square(h))"),
    (RmsNorm, "drms = -np.sum", "drms = np.sum", "drms = (-dn * n / rms).sum(axis=1, keepdims=True)"),
    (Attention, "dtotal = -np.sum", "dtotal = np.sum", "dtotal = (-dp * p / total).sum(axis=1, keepdims=True)"),
]


@pytest.mark.parametrize(("layer", "right", "wrong", "fix"), FIXES, ids=lambda x: getattr(x, "__name__", None))
def test_a_fix_is_the_usual_form_and_gives_what_is_due(layer, right, wrong, fix):
    at, made, found = told(layer, right, wrong)
    assert found[0].fix == fix
    space = {"np": np, **at.values, **made}
    exec(fix, space)  # noqa: S102 -- what was printed
    name = fix.partition(" ")[0]
    assert np.allclose(space[name], at.right[name], rtol=1e-9)
