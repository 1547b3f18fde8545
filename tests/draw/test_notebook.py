"""In a notebook circuits, graphs and small tensors show their picture; nothing ever raises there."""

import base64
import html
import re
import subprocess
import sys
import webbrowser
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlparse
from xml.etree import ElementTree

import numpy as np
import pytest
from gallery import GALLERY, leaf

import micrograd_tensor as mt
from micrograd_tensor.draw import DrawError, draw
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
    [draw(square()), mt.graph(square()), mt.graph(square(), [1.0, 1.0]), draw(square(), view="gate", at="y")],
    ids=["circuit", "graph", "graph with gradients", "gate"],
)
def test_it_shows_its_picture_as_an_image_that_nothing_shrinks(value):
    circuit = value if isinstance(value, mt.Circuit) else draw(value)
    root = ElementTree.fromstring(shown(value))  # noqa: S314 -- our own
    assert root.attrib == {"style": "overflow-x:auto"}
    (image,) = root
    assert image.get("style") == "max-width:none"
    assert image.get("width") == f"{circuit._painting.width:g}"
    assert image.get("alt") == f"Circuit of y: {circuit.description}"
    kind, data = image.get("src").split(",")
    assert kind == "data:image/svg+xml;base64"
    assert base64.b64decode(data).decode() == circuit.svg


def test_a_circuit_is_an_svg_picture_too():
    circuit = draw(square())
    assert shown(circuit, "image/svg+xml").strip() == circuit.inline().strip()


@pytest.mark.parametrize("value", [square(), (leaf("x", 2) * 2).sum(), leaf("x", 2), mt.tensor([1, 2])])
def test_a_tensor_shows_its_short_repr_alone(value):
    assert shown(value) is None
    assert shown(value, "image/svg+xml") is None
    assert len(repr(value)) < 100


def deep(gates):
    x = leaf("x", 1)
    for _ in range(gates):
        x = -x
    return x


def test_a_graph_too_large_for_a_picture_is_text():
    assert shown(mt.graph(deep(401))) is None


@pytest.mark.parametrize("error", [NoRendererError("none"), RuntimeError("unexpected"), MemoryError()])
@pytest.mark.parametrize("value", [draw(square()), mt.graph(square())], ids=["circuit", "graph"])
def test_nothing_raises(value, error, monkeypatch):
    def fail(*args):
        raise error

    monkeypatch.setattr(sys.modules["micrograd_tensor.draw.circuit"], "render", fail)
    value = draw(value._graph) if hasattr(value, "_graph") else value
    assert value._repr_html_() is None


@pytest.mark.parametrize("name", GALLERY)
def test_every_circuit_is_shown(name):
    assert "<img" in shown(GALLERY[name]()._graph)


def test_the_listing_is_shown_as_text():
    text = shown(draw(leaf("<i>", 2) * 2, view="ascii"))
    assert text.startswith('<pre style="font-family:monospace">')
    assert "&lt;i&gt;" in text
    assert draw(square(), view="ascii")._repr_svg_() is None


def test_an_assigned_input_does_not_raise():
    x = leaf("x", 2)
    graph = mt.graph(x * x)
    x.assign_(np.ones(2))
    assert graph._repr_html_() is None or "<img" in graph._repr_html_()


def test_importing_loads_no_painter():
    program = "import sys, micrograd_tensor; print({'pygraphviz', 'IPython'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.fixture
def in_notebook(monkeypatch):
    """What is displayed, as in a kernel of IPython."""
    said = []
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=said.append))
    return said


def test_in_a_notebook_it_is_displayed(in_notebook, monkeypatch):
    monkeypatch.setattr(webbrowser, "open", None)
    circuit = draw(square(), [1.0, 1.0])
    circuit.show()
    circuit.play()
    picture, player = in_notebook
    assert picture is circuit
    frame = re.fullmatch(
        r'<iframe title="Circuit of y" sandbox="allow-scripts" .*? srcdoc="(.*)"></iframe>', shown(player), re.DOTALL
    )
    assert html.unescape(frame[1]) == circuit._page(900.0)


@pytest.fixture
def in_browser(monkeypatch):
    """The files that are opened, in a terminal and in IPython's, which is no notebook."""
    said = []

    def opened(address):
        said.append(Path(unquote(urlparse(address).path)))
        return True

    monkeypatch.setattr(webbrowser, "open", opened)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: SimpleNamespace()))
    yield said
    for path in said:
        path.unlink()


@pytest.mark.skipif(sys.platform == "win32", reason="addresses of files have other paths there")
def test_elsewhere_the_browser_opens_it(in_browser):
    circuit = draw(square(), [1.0, 1.0])
    circuit.show()
    circuit.play()
    picture, player = in_browser
    assert picture.suffix == ".svg"
    assert picture.read_text(encoding="utf-8") == circuit.svg
    assert player.suffix == ".html"
    assert player.read_text(encoding="utf-8").encode() == circuit._content("html")


@pytest.mark.parametrize("asked", ["show", "play"])
def test_without_a_browser_the_file_is_named(asked, monkeypatch):
    monkeypatch.setattr(webbrowser, "open", lambda address: False)
    with pytest.raises(DrawError, match=rf"{asked}: no browser can be opened here; open file://.*circuit-") as caught:
        getattr(draw(square()), asked)()
    Path(unquote(urlparse(re.search(r"file://\S+?(?=,)", str(caught.value))[0]).path)).unlink()
