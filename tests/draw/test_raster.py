"""PNG and PDF look as the SVG does in a browser: every line of text where it is there, and every colour."""

import io
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from gallery import GALLERY, leaf

from micrograd_tensor.draw import draw, raster, render

HERE = Path(__file__).parent
TEXTS = """() => [...document.querySelectorAll('text')].map(e => {
  const b = e.getBoundingClientRect(); return [e.textContent, b.left, b.top, b.right, b.bottom]; })"""
NEAR = np.array([8.0, 2.5, 8.0, 2.5, 2.5, 2.0])
"""How far the sides of a line may be off, its middle, and the middle of its ink from above; 2 is a pixel of the SVG.

A browser stretches a line to its width, and paper takes the glyphs as they are, so the ends differ most.
"""


def pixels(content):
    image = pytest.importorskip("PIL.Image")
    return np.asarray(image.open(io.BytesIO(content)).convert("RGB"), dtype=np.int16)


def in_browser(browser, circuit, tmp_path):
    """The SVG as a browser shows it, and each line of text with its box."""
    path = circuit.save(tmp_path / "circuit.svg")
    root = re.search(r'width="(\d+)" height="(\d+)"', circuit.svg)
    page = browser.new_page(
        viewport={"width": int(root[1]), "height": int(root[2])}, device_scale_factor=2, color_scheme="light"
    )
    page.goto(path.as_uri())
    shown = pixels(page.screenshot()), page.evaluate(TEXTS)
    page.close()
    return shown


def on_paper(circuit, kind, tmp_path):
    path = circuit.save(tmp_path / f"circuit.{kind}")
    if kind == "png":
        return pixels(path.read_bytes())
    if shutil.which("pdftoppm") is None:
        pytest.skip("no pdftoppm to look at the PDF with")
    done = subprocess.run(["pdftoppm", "-r", "144", "-png", path], capture_output=True, check=True)
    return pixels(done.stdout)


def ink(image, box):
    """The sides of what is written within a box, and its middle, or None where nothing is."""
    left, top, right, bottom = (round(2 * v) for v in box)
    part = image[top:bottom, left:right]
    if not part.size:
        return None
    _, first, counts = np.unique(part @ np.array([1, 256, 65536]), return_index=True, return_counts=True)
    background = part.reshape(-1, 3)[first[counts.argmax()]]
    marked = np.abs(part - background).sum(axis=2) > 150
    if not marked.any():
        return None
    y, x = np.nonzero(marked)
    return np.array([x.min(), y.min(), x.max(), y.max(), (x.min() + x.max()) / 2, y.mean()])


def moved(one, other, texts):
    """The lines of text that are not in the same place in two images."""
    found = []
    for text, left, top, right, bottom in texts:
        inset = 0.18 * (bottom - top)  # line boxes are taller than the glyphs in them, and lanes run past them
        a, b = (ink(image, (left, top + inset, right, bottom - inset)) for image in (one, other))
        if a is None or b is None or (np.abs(a - b) > NEAR).any():
            found.append((text, None if a is None or b is None else (a - b).round(1).tolist()))
    return found


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["png", "pdf"])
@pytest.mark.parametrize("name", ["batch_norm", "scalars"])
def test_it_looks_as_in_a_browser(browser, name, kind, theme, tmp_path):
    circuit = draw(GALLERY[name]()._graph, theme=theme)
    shown, texts = in_browser(browser, circuit, tmp_path)
    printed = on_paper(circuit, kind, tmp_path)
    assert printed.shape == shown.shape
    assert moved(shown, printed, texts) == []
    far = np.abs(shown - printed).max(axis=2) > 96
    assert far.mean() < 0.02  # edges of glyphs, and the dashes, which are Graphviz's
    for x, y in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        assert (shown[x, y] == printed[x, y]).all()


@pytest.mark.browser
def test_the_program_paints_text_in_the_same_places(browser, monkeypatch, tmp_path):
    if shutil.which("dot") is None:
        pytest.skip("no dot on the PATH")
    circuit = GALLERY["batch_norm"]()
    shown, texts = in_browser(browser, circuit, tmp_path)
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    assert moved(shown, on_paper(circuit, "png", tmp_path), texts) == []


@pytest.mark.browser
@pytest.mark.parametrize("fault", ["lifted", "larger", "missing", "elsewhere"])
def test_the_comparison_finds_what_differs(browser, fault, monkeypatch, tmp_path):
    circuit = GALLERY["scalars"]()
    shown, texts = in_browser(browser, circuit, tmp_path)
    original = raster._dot

    def planted(bare, lines, sizes, lifts):
        if not any(lifts):  # asked where it would stand, it would make up for the fault
            return original(bare, lines, sizes, lifts)
        where = max(range(len(lines)), key=lambda k: (lines[k].bold, len(lines[k].text)))
        change = {
            "lifted": lines[where]._replace(y=lines[where].y + 2),
            "larger": lines[where]._replace(bold=not lines[where].bold, size=30.0),
            "missing": lines[where]._replace(colour="#ffffff"),
            "elsewhere": lines[where]._replace(x=lines[where].x + 3),
        }[fault]
        wrong = [*lines[:where], change, *lines[where + 1 :]]
        return original(
            bare, wrong, [30.0 if line.size == 30.0 else s for line, s in zip(wrong, sizes, strict=True)], lifts
        )

    monkeypatch.setattr(raster, "_dot", planted)
    assert len(moved(shown, on_paper(circuit, "png", tmp_path), texts)) >= 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["png", "pdf"])
def test_the_same_bytes_on_every_run(kind, tmp_path):
    program = "import sys; from gallery import GALLERY; GALLERY['batch_norm']().save(sys.argv[1])"
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
        subprocess.run([sys.executable, "-c", program, tmp_path / f"{seed}.{kind}"], env=environment, check=True)
        time.sleep(1.1)  # a PDF says when it was made, to the second
    one, other = ((tmp_path / f"{seed}.{kind}").read_bytes() for seed in ("1", "2"))
    assert one == other


def test_a_pdf_can_be_read_though_its_date_was_replaced(tmp_path):
    if shutil.which("pdfinfo") is None:
        pytest.skip("no pdfinfo")
    path = GALLERY["scalars"]().save(tmp_path / "circuit.pdf")
    said = subprocess.run(["pdfinfo", path], capture_output=True, text=True, check=True)
    assert said.stderr == ""
    assert re.search(r"CreationDate: .* 2000", said.stdout)
    assert re.search(r"Pages: +1\n", said.stdout)
    assert "Circuit of" in said.stdout


@pytest.mark.parametrize("options", [{}, {"engine": "dot"}])
def test_a_pdf_has_a_title(options, tmp_path):
    x = leaf("x", 2)
    pdf = draw((x * x).named("loss (α)"), [1.0, 1.0], **options).save(tmp_path / "circuit.pdf").read_bytes()
    table = int(re.search(rb"startxref\n(\d+)\n%%EOF\n$", pdf)[1])
    number, place, before = re.fullmatch(
        rb"xref\n(\d+) 1\n(\d{10}) 00000 n \ntrailer\n<< .*/Prev (\d+)\n>>\nstartxref\n\d+\n%%EOF\n",
        pdf[table:],
        re.DOTALL,
    ).groups()
    assert pdf[int(before) :].startswith(b"xref\n0 ")  # the table of all other objects
    about = re.match(rb"%s 0 obj\n<<.*?/Title <(\w+)>\n>>\nendobj\n" % number, pdf[int(place) :], re.DOTALL)
    assert bytes.fromhex(about[1].decode()).decode("utf-16") == "Circuit of loss (α)"
    assert b"/Info %s 0 R" % number in pdf[table:]


def test_what_is_no_such_pdf_stays_as_it_is():
    assert raster._titled(b"%PDF-1.7 with a compressed table", "Circuit of y") == b"%PDF-1.7 with a compressed table"


def test_auto_is_light_on_paper_and_the_theme_is_in_the_dot_text():
    graph = GALLERY["scalars"]()._graph
    auto, light, dark = (draw(graph, theme=theme) for theme in ("auto", "light", "dark"))
    assert auto._content("png") == light._content("png") != dark._content("png")
    assert auto.dot == light.dot != dark.dot
    assert "#0f1419" in dark.dot
    assert "#ffffff" not in dark.dot


def test_a_name_like_a_colour_or_a_label_stays_what_it_is():
    x = leaf('fontcolor="#1b1f24" label="a" \\', 2)
    circuit = draw((x * x).named("label=b"), [1.0, 1.0], theme="dark")
    assert 'fontcolor=\\"#1b1f24\\" label=\\"a\\"' in circuit.dot
    seen = []
    raster.render, original = lambda dot, kind: seen.append(dot) or original(dot, kind), raster.render
    try:
        circuit._content("png")
    finally:
        raster.render = original
    labels = [line for line in seen[-1].splitlines() if line.startswith(("\ttext-", '\t"text-'))]
    assert any('fontcolor=\\"#1b1f24\\" label=\\"a\\"' in line for line in labels)
    assert len(labels) == circuit.svg.count("<text")


@pytest.mark.parametrize("name", list(GALLERY)[::3])
def test_a_png_has_two_pixels_to_one(name):
    circuit = GALLERY[name]()
    width, height = map(int, re.search(r'width="(\d+)" height="(\d+)"', circuit.svg).groups())
    content = circuit._content("png")
    assert (int.from_bytes(content[16:20]), int.from_bytes(content[20:24])) == (2 * width, 2 * height)


def test_wider_fonts_are_set_smaller(monkeypatch):
    """As wide as its place is what a line is at most, whichever font Graphviz found."""
    seen, measured = [], raster._measured
    circuit = GALLERY["scalars"]()
    monkeypatch.setattr(raster, "_measured", lambda dot: {k: (y, 2 * width) for k, (y, width) in measured(dot).items()})
    monkeypatch.setattr(raster, "render", lambda dot, kind: seen.append(dot) or render.render(dot, kind))
    circuit._content("png")
    found = re.findall(r'pos=[^\n]*fontsize="([\d.]+)"', seen[-1][seen[-1].index("text-0") :])
    texts = [e for e in ElementTree.fromstring(circuit.svg).iter() if e.tag.endswith("text")]  # noqa: S314 -- our own
    for size, text in zip(map(float, found), texts, strict=True):
        smaller = float(text.get("font-size")) / (2 if "textLength" in text.attrib else 1)
        assert size == pytest.approx(smaller, rel=0.1)
