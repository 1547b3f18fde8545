"""In a notebook circuits, graphs and small tensors show their picture; nothing ever raises there."""

import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from gallery import GALLERY, leaf

import micrograd_tensor as mt
from micrograd_tensor.draw import draw, notebook
from micrograd_tensor.draw.errors import NoRendererError


def square():
    x = leaf("x", 2)
    return (x * x).named("y")


def shown(value, kind="text/html"):
    """What a notebook shows of a value: by IPython's own formatter where that is installed."""
    try:
        from IPython.core.formatters import DisplayFormatter
    except ImportError:
        method = getattr(value, {"text/html": "_repr_html_", "image/svg+xml": "_repr_svg_"}[kind], lambda: None)
        return method()
    return DisplayFormatter().format(value)[0].get(kind)


@pytest.mark.parametrize(
    "value",
    [draw(square()), mt.graph(square()), mt.graph(square(), [1.0, 1.0]), square(), (leaf("x", 2) * 2).sum()],
    ids=["circuit", "graph", "graph with gradients", "tensor", "scalar"],
)
def test_it_shows_its_picture(value):
    html = shown(value)
    picture = ElementTree.fromstring(html[html.index("<svg") : html.index("</svg>") + 6])  # noqa: S314 -- our own
    assert picture.get("class").startswith("mt circuit mt-")
    assert 'style="overflow-x:auto"' in html


def test_a_circuit_is_an_svg_picture_too():
    circuit = draw(square())
    assert shown(circuit, "image/svg+xml").strip() == circuit.inline().strip()


def test_a_tensor_shows_its_values_as_text_too():
    tensor = leaf("<b>", 2) * 2
    assert shown(tensor).startswith(f"<pre>{repr(tensor).replace('<', '&lt;').replace('>', '&gt;')}</pre>")


def deep(gates):
    x = leaf("x", 1)
    for _ in range(gates):
        x = -x
    return x


@pytest.mark.parametrize(
    "value",
    [leaf("x", 2), mt.tensor([1, 2]), deep(61), deep(100_000), mt.graph(deep(401))],
    ids=["a leaf", "integers", "61 gates", "very deep", "a large graph"],
)
def test_without_a_picture_it_is_text(value):
    assert shown(value) is None


def test_sixty_gates_are_drawn():
    assert "<svg" in shown(deep(60))


def test_shared_operands_are_counted_once():
    x = leaf("x", 1)
    for _ in range(30):
        x = x + x
    assert notebook._gates(x) == 30
    assert "<svg" in shown(x)


@pytest.mark.parametrize("error", [NoRendererError("none"), RuntimeError("unexpected"), MemoryError()])
@pytest.mark.parametrize("value", [draw(square()), mt.graph(square()), square()], ids=["circuit", "graph", "tensor"])
def test_nothing_raises(value, error, monkeypatch):
    def fail(*args):
        raise error

    monkeypatch.setattr(sys.modules["micrograd_tensor.draw.circuit"], "render", fail)
    value = draw(value._graph) if hasattr(value, "_graph") else value
    assert value._repr_html_() is None


@pytest.mark.parametrize("name", GALLERY)
def test_every_circuit_is_shown(name):
    assert "<svg" in shown(GALLERY[name]()._graph)


def test_the_listing_is_shown_as_text():
    html = shown(draw(leaf("<i>", 2) * 2, view="ascii"))
    assert html.startswith("<pre>")
    assert "&lt;i&gt;" in html
    assert draw(square(), view="ascii")._repr_svg_() is None


def test_an_assigned_input_does_not_raise():
    x = leaf("x", 2)
    y = x * x
    x.assign_(np.ones(2))
    assert y._repr_html_() is None or "<svg" in y._repr_html_()


def test_importing_loads_no_painter():
    program = "import sys, micrograd_tensor; print({'pygraphviz', 'IPython'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
