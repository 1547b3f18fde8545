"""Names of any kind are shown as themselves, and executed nowhere; values of any kind are shown truthfully."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from gallery import leaf

import micrograd_tensor as mt
from micrograd_tensor.draw import draw
from micrograd_tensor.notation import printable

NAMES = {
    "<script>window.hit=1</script>": None,
    "<img src=x onerror=window.hit=1>": None,
    '"><svg onload=window.hit=1>': None,
    "' onclick='window.hit=1": None,
    "</text></svg><script>hit=1</script>": None,
    "</script><script>window.hit=1</script>": None,
    "</style><script>hit=1</script>": None,
    "]]><script>window.hit=1</script>": None,
    "<!--": None,
    "--><script>window.hit=1</script>": None,
    "<![CDATA[": None,
    "<?xml version='1.0'?>": None,
    "&lt;b&gt; &amp; &#60; &quot;": None,
    "javascript:window.hit=1": None,
    "{{title}} {title} %s ${hit}": None,
    '\\" \\N \\l \\G \\\\': None,
    "<b>bold</b>": None,
    "<>": None,
    "a -> b; c [label=d]": None,
    "{a|b}": None,
    "line one\nline two\r\tthree": "line one line two three",
    "nul\x00 bell\x07 escape\x1b[31m": "nul\ufffd bell\ufffd escape\ufffd[31m",
    "lone \ud800 surrogate \udfff": "lone \ufffd surrogate \ufffd",
    "not a character \ufffe\uffff": "not a character \ufffd\ufffd",
    "\u202eoverride\u202c": "\ufffdoverride\ufffd",
    "\u2067isolate\u2069": "\ufffdisolate\ufffd",
    "\u200fmark": "\ufffdmark",
    "line\u2028separator\u2029": "line separator",
    "שלום": "\u2068שלום\u2069",
    "مرحبا 123": "\u2068مرحبا 123\u2069",
    "👩\u200d🚀": None,
    "e\u0301\u0302\u0303": None,
    "Z" + "\u0334\u0321\u0322\u031b\u0316" * 20: "Z\u0334\u0321\u0322",
    "\u0301x": "\u25cc\u0301x",
    "x" * 10_000: "x" * 39 + "…",
    "漢字" * 5_000: "漢字" * 19 + "漢…",
    "שלום" * 5_000: "\u2068" + ("שלום" * 10)[:39] + "…\u2069",
}
"""Each name with what is shown of it, where that is not the name itself."""

SHOWN = {name: shown or name for name, shown in NAMES.items()}
assert all(len(name) <= 40 for name, shown in NAMES.items() if shown is None)

CANARY = """<!DOCTYPE html><meta http-equiv="Content-Security-Policy" content="default-src 'none';
 style-src 'unsafe-inline'; script-src 'nonce-test'; img-src data:"><script nonce="test">
window.violations = [];
document.addEventListener('securitypolicyviolation', e => window.violations.push(e.violatedDirective));
</script>"""


def hostile(names):
    """A circuit in which each name is that of a leaf, of a value and of a scope."""
    total = leaf("start", 2)
    for k, name in enumerate(names):
        with mt.scope(name):
            total = mt.tanh(total * leaf(name, 2, seed=k)).named(name)
    return draw(total, [1.0, 1.0])


CIRCUITS = [hostile(list(NAMES)[k : k + 12]) for k in range(0, len(NAMES), 12)]
GROUPS = [list(NAMES)[k : k + 12] for k in range(0, len(NAMES), 12)]


@pytest.fixture
def watched(browser):
    """A page, and whatever it asks for or says."""
    page = browser.new_page()
    page.noticed = []
    for event in ("request", "console", "dialog", "pageerror", "popup"):
        page.on(event, lambda what, event=event: page.noticed.append((event, str(what))))
    yield page
    page.close()


def unharmed(page):
    """Nothing ran, nothing was asked for, and there is nothing in the picture that could."""
    assert page.evaluate("window.hit") is None
    found = page.eval_on_selector_all(
        "svg *", "all => all.flatMap(e => [e.tagName, ...e.getAttributeNames().filter(n => /^on|href|src/i.test(n))])"
    )
    drawn = {"title", "desc", "style", "rect", "g", "path", "polygon", "ellipse", "text", "polyline"}
    assert set(found) <= drawn, set(found) - drawn
    return True


@pytest.mark.parametrize("name", NAMES)
def test_what_is_shown_of_a_name(name):
    assert printable(name) == SHOWN[name]


@pytest.mark.parametrize("group", range(len(CIRCUITS)))
def test_names_are_shown_as_themselves(group):
    root = ElementTree.fromstring(CIRCUITS[group].svg)  # noqa: S314 -- our own picture
    boxes = [e.text for e in root.iter() if e.tag.endswith("text")]
    for name in GROUPS[group]:
        assert boxes.count(SHOWN[name]) >= 2  # in the leaf's box and in the scope's corner; the value has a number


@pytest.mark.browser
@pytest.mark.parametrize("policy", [True, False], ids=["with a policy", "without one"])
@pytest.mark.parametrize("group", range(len(CIRCUITS)))
def test_inline_in_html(watched, group, policy):
    watched.set_content((CANARY if policy else "<!DOCTYPE html>") + CIRCUITS[group].inline())
    assert unharmed(watched)
    assert watched.noticed == []
    if policy:
        assert watched.evaluate("window.violations") == []
    texts = watched.eval_on_selector_all("svg text", "all => all.map(e => e.textContent)")
    for name in GROUPS[group]:
        assert texts.count(SHOWN[name]) >= 2  # as above


@pytest.mark.browser
@pytest.mark.parametrize("group", range(len(CIRCUITS)))
def test_as_a_file_and_as_an_image(watched, group, tmp_path):
    path = CIRCUITS[group].save(tmp_path / "circuit.svg")
    watched.goto(path.as_uri())
    assert unharmed(watched)
    (tmp_path / "page.html").write_text('<!DOCTYPE html><img src="circuit.svg">')
    watched.goto((tmp_path / "page.html").as_uri())
    assert watched.evaluate("document.images[0].decode().then(() => document.images[0].naturalWidth)") > 500
    assert watched.evaluate("window.hit") is None
    assert {event for event, _ in watched.noticed} == {"request"}
    assert len(watched.noticed) == 3


@pytest.mark.browser
@pytest.mark.parametrize("group", range(len(CIRCUITS)))
def test_in_the_player(watched, group, tmp_path):
    watched.goto(CIRCUITS[group].save(tmp_path / "circuit.html").as_uri())
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "End", "ArrowLeft"):
        watched.keyboard.press(key)
    assert unharmed(watched)
    assert {event for event, _ in watched.noticed} <= {"request"}
    assert len(watched.noticed) == 1


@pytest.mark.browser
def test_in_a_page_of_a_view_without_a_player(watched, tmp_path):
    x = leaf("<script>window.hit=1</script>", 2)
    out = (x * x).named("</title><script>window.hit=1</script>")
    circuit = draw(out, [1.0, 1.0], view="backward")
    watched.goto(circuit.save(tmp_path / "circuit.html").as_uri())
    assert unharmed(watched)
    assert "<script>" in watched.title()
    assert len(watched.noticed) == 1


@pytest.mark.browser
def test_the_canary_notices_what_runs(watched):
    harm = "<script nonce='test'>window.hit=1</script><svg><a href='x'></a><g onclick='hit=1'></g></svg><img src='http://x.test/'>"
    watched.set_content(CANARY + harm)
    assert watched.evaluate("window.hit") == 1
    with pytest.raises(AssertionError):
        unharmed(watched)
    assert watched.evaluate("window.violations") != []


@pytest.mark.filterwarnings("ignore:no font here has")
@pytest.mark.parametrize("kind", ["png", "pdf", "dot", "txt"])
@pytest.mark.parametrize("group", range(len(CIRCUITS)))
def test_in_other_formats(group, kind, tmp_path):
    content = CIRCUITS[group].save(tmp_path / f"circuit.{kind}").read_bytes()
    assert len(content) > 1000
    if kind == "txt":
        listed = content.decode()
        assert all(SHOWN[name][:20] in listed for name in GROUPS[group])
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", listed)


IN_ORDER = """() => [...document.querySelectorAll("svg text")]
  .filter(e => /[\u05d0-\u05ea].* \\(2,\\)/.test(e.textContent))
  .every(e => { const xs = [...e.textContent].map((c, k) => [c, e.getStartPositionOfChar(k).x])
    .filter(([c]) => /[d(2,).…]/.test(c)).map(([c, x]) => x); return xs.every((x, k) => !k || x > xs[k - 1]); })"""


@pytest.mark.browser
@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_a_name_from_right_to_left_leaves_its_neighbours_in_order(page, direction):
    """The digits of a shape stand from left to right, after the name, whatever the page's direction."""
    x = leaf("שלום", 2)
    svg = draw((x * x).named("y"), [1.0, 1.0]).inline()
    for text in (svg, draw((mt.tanh(x)).named("ש"), [1.0, 1.0]).inline()):
        page.set_content(f'<!DOCTYPE html><html dir="{direction}">{text}')
        assert page.evaluate(IN_ORDER)
    page.set_content(text.replace("\u2068", "").replace("\u2069", ""))
    assert not page.evaluate(IN_ORDER)


# ---------------------------------------------------------------------------------------------------------- values


def texts(circuit):
    return [e.text for e in ElementTree.fromstring(circuit.svg).iter() if e.tag.endswith("text")]  # noqa: S314


VALUES = {
    "NaN": (np.array([np.nan, np.nan]), "all NaN"),
    "one NaN": (np.array(np.nan), "NaN"),
    "infinities": (np.array([np.inf, -np.inf, np.nan]), "−∞…∞, 1 NaN"),
    "nothing": (np.zeros((0, 3)), "empty"),
    "a number": (np.array(2.5), "2.50"),
    "truth": (np.array([True, False]), "False…True"),
    "whole numbers": (np.array([[1, -2]]), "−2…1"),
    "large whole numbers": (np.array([2**63 - 1]), "9.2e18"),
    "unsigned": (np.array([255], np.uint8), "255"),
    "five axes": (np.arange(32.0).reshape(2, 2, 2, 2, 2), "0…31.00"),
    "halves": (np.array([65504.0, 6e-8], np.float16), "6e−8…65504.00"),
    "singles": (np.array([1e38, -1e-38], np.float32), "−1e−38…1.0e38"),
    "long doubles": (np.array([1.5, -2.5], np.longdouble), "−2.50…1.50"),
    "complex": (np.array([3 + 4j, 0j]), "|·| 0…5.00"),
    "denormals": (np.array([5e-324]), "4.9e−324"),
    "zeros": (np.zeros(3), "0"),
    "negative zero": (np.array([-0.0]), "0"),
}


@pytest.mark.parametrize("case", VALUES)
def test_values_are_shown_truthfully(case, tmp_path):
    value, expected = VALUES[case]
    circuit = draw(mt.tensor(value, name="x"))
    assert expected in texts(circuit)
    shape = str(value.shape)
    assert not value.shape or shape in texts(circuit) or any(t.startswith(f"{shape}  ") for t in texts(circuit))
    assert expected in circuit.text
    for kind in ("png", "pdf", "html"):
        assert circuit.save(tmp_path / f"x.{kind}").stat().st_size > 500


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", "complex128"])
def test_gradients_of_any_type_are_shown(dtype):
    x = mt.tensor(np.array([1.5, -2.5], dtype), name="x", requires_grad=True)
    circuit = draw((x * x).named("y"), np.ones(2, dtype))
    assert "dx = A + B" in texts(circuit)
    assert "dx = A + B" in circuit.text
