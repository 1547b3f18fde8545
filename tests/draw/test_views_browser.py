"""In a browser nothing in the other views overlaps, and nothing is clipped."""

import pytest
from asked import ASKED, drawn
from gallery import leaf, values
from overlaps import OVERLAPS

import micrograd_tensor as mt
from micrograd_tensor.draw import draw
from micrograd_tensor.draw.theme import COLOURS

pytestmark = pytest.mark.browser

SAMPLE = (
    "batch_norm",
    "attention",
    "used_five_times",
    "many_operands",
    "several_outputs",
    "choices",
    "nan_and_infinity",
    "hostile_names",
    "lstm_cell",
)
VIEWS = ("backward", "steps", "gate", "path", "difference")

STYLE = """rules => {
  const style = document.createElementNS('http://www.w3.org/2000/svg', 'style');
  style.textContent = rules;
  document.documentElement.append(style);
}"""


def opened(page, circuit, tmp_path):
    page.goto(circuit.save(tmp_path / "circuit.svg").as_uri())
    return page


@pytest.fixture
def batch_norm():
    out = mt.batch_norm(leaf("x", 7, 4), leaf("gamma", 4, seed=1), leaf("beta", 4, seed=2))
    return mt.graph(out, values(7, 4, seed=3))


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", SAMPLE)
def test_nothing_overlaps(page, name, view, tmp_path):
    assert name in ASKED
    for circuit in drawn(name, view):
        assert opened(page, circuit, tmp_path).evaluate(OVERLAPS) == []


@pytest.mark.parametrize("view", ["backward", "difference"])
@pytest.mark.parametrize(("name", "width"), [("batch_norm", 1000), ("lstm_cell", 1200), ("several_outputs", 600)])
def test_nothing_overlaps_in_several_lines(page, name, view, width, tmp_path):
    graph, _ = ASKED[name]
    circuit = draw(graph, view=view, width=width, **{"against": graph} if view == "difference" else {})
    assert circuit._painting.width <= width
    assert sum(item.kind == "mark" for item in circuit._painting.scene.items) > 1
    assert opened(page, circuit, tmp_path).evaluate(OVERLAPS) == []


@pytest.mark.parametrize(
    ("view", "options", "fault"),
    [
        ("backward", {}, "#node-18-saved { transform: translate(0, -30px) }"),
        ("backward", {}, "#edge-18-30-bwd text { transform: translateY(14px) }"),
        ("steps", {}, "#step-7-node-10 { transform: translate(60px, 0) }"),
        ("steps", {}, "#step-7-formula { transform: translateY(60px) }"),
        ("gate", {"at": 8}, "#value-10 > * { transform: translateX(-200px) }"),
        ("gate", {"at": 8}, "#value-10-0-2-2 { transform: translateX(40px) }"),
        ("gate", {"at": 8}, "#numpy-1 { transform: translateX(600px) }"),
        ("path", {"at": "x"}, "#path-1-1 { transform: translateX(80px) }"),
    ],
)
def test_the_check_finds_what_overlaps(page, view, options, fault, batch_norm, tmp_path):
    circuit = draw(batch_norm, view=view, **options)
    opened(page, circuit, tmp_path)
    assert page.evaluate(OVERLAPS) == []
    page.evaluate(STYLE, fault)
    assert page.evaluate(OVERLAPS) != []


CONTRAST = """() => {
  const luminance = c => { const [r, g, b] = c.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92
    : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const rgb = text => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const back = rgb(getComputedStyle(document.querySelector('g.panel path, g.panel polygon')).fill);
  return [...document.querySelectorAll('g.cell')].map(g => {
    const fill = g.querySelector('polygon'), text = g.querySelector('text');
    let under = back;
    if (fill && getComputedStyle(fill).fill !== 'none') {
      const a = Number(getComputedStyle(fill).fillOpacity);
      under = rgb(getComputedStyle(fill).fill).map((v, i) => v * a + back[i] * (1 - a));
    }
    const [x, y] = [luminance(rgb(getComputedStyle(text).fill)), luminance(under)].sort((p, q) => q - p);
    return (x + 0.05) / (y + 0.05);
  });
}"""
"""The contrast of the number in every cell with what is behind it."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_numbers_can_be_read_in_every_cell(browser, scheme, tmp_path):
    steps = [[(-1) ** i * k / 20 for k in range(1, 21)] for i in range(2)]
    x = mt.tensor([row[k : k + 8] for row in steps for k in (0, 8, 12)], name="x", requires_grad=True)
    page = browser.new_page(color_scheme=scheme)
    opened(page, draw(mt.tanh(x).named("y"), values(6, 8), view="gate", at="y"), tmp_path)
    assert min(page.evaluate(CONTRAST)) > 3.5
    page.close()


@pytest.mark.parametrize(("scheme", "k"), [("light", 0), ("dark", 1)])
def test_heat_follows_the_page(browser, batch_norm, scheme, k, tmp_path):
    page = browser.new_page(color_scheme=scheme)
    opened(page, draw(batch_norm, view="gate", at=8), tmp_path)
    shown = set(page.eval_on_selector_all("g.cell polygon", "all => all.map(e => getComputedStyle(e).fill)"))
    pairs = (COLOURS[role][k] for role in ("positive", "negative"))
    assert shown == {f"rgb({', '.join(str(int(pair[i : i + 2], 16)) for i in (1, 3, 5))})" for pair in pairs}
    page.close()
