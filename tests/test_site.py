"""The site: it is built without a warning, all that it links to is there, and every page can be read by everybody."""

from __future__ import annotations

import inspect
import json
import runpy
import subprocess
import sys
import time
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import micrograd_tensor as mt

ROOT = Path(__file__).parents[1]
OPENED = {390: "light", 900: "dark", 1366: "light"}
"""The widths at which pages are opened, and in which colours."""

pytestmark = pytest.mark.slow
pytest.importorskip("sphinx")


@pytest.fixture(scope="module")
def site(tmp_path_factory, worker_id):
    """The site, built by the first process that asks for it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "site"
    said = folder / "said.json"
    try:
        folder.mkdir()
    except FileExistsError:
        waited = time.monotonic()
        while not said.exists():
            assert time.monotonic() - waited < 1800, "the process that builds the site has not ended"
            time.sleep(0.5)
    else:
        built = subprocess.run(
            [sys.executable, ROOT / "docs" / "build.py", "-o", folder], capture_output=True, text=True, check=False
        )
        written = folder / "written.json"
        written.write_text(json.dumps([built.returncode, built.stderr]))
        written.rename(said)
    assert json.loads(said.read_text()) == [0, ""]
    return folder / "html"


class Page(HTMLParser):
    """What a page links to, and the places in it that can be linked to."""

    def __init__(self, path):
        super().__init__()
        self.links, self.places = set(), set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("href", "src") and value:
                self.links.add(value)
            elif name in ("id", "name") and value:
                self.places.add(value)


def dead_links(folder):
    pages = {path: Page(path) for path in folder.glob("**/*.html")}
    dead = []
    for path, page in pages.items():
        for link in page.links:
            address = urlsplit(link)
            if address.scheme or address.netloc:
                continue
            target = (path.parent / unquote(address.path)).resolve() if address.path else path
            place = unquote(address.fragment)
            there = pages[target].places if target in pages else None
            if not target.is_file() or (place and there is not None and place not in there):
                dead.append((path.name, link))
    return dead


def test_no_link_is_dead(site):
    assert dead_links(site) == []


def test_a_dead_link_is_found(tmp_path):
    (tmp_path / "there.html").write_text('<h1 id="top">There</h1>')
    (tmp_path / "page.html").write_text(
        '<a href="there.html#top">1</a> <a href="there.html#end">2</a> <img src="gone.svg"> <a href="#no">3</a>'
    )
    assert sorted(dead_links(tmp_path)) == [
        ("page.html", "#no"),
        ("page.html", "gone.svg"),
        ("page.html", "there.html#end"),
    ]


def tried(status, info, name):
    return {"filename": "docs/start.md", "lineno": 3, "status": status, "uri": f"https://{name}", "info": info}


@pytest.mark.parametrize(
    ("answers", "status", "said"),
    [
        (
            [("working", "", "a"), ("redirected", "https://b/c", "b"), ("unchecked", "", "c")],
            0,
            "3 links tried, 0 of them",
        ),
        ([("broken", "404 Client Error: Not Found for url: x", "a")], 1, "docs/start.md:3: broken: https://a: 404"),
        ([("broken", "HTTPSConnectionPool(host='a', port=443): Max retries", "a")], 1, "1 of them broken"),
        ([("broken", "403 Client Error: Forbidden for url: x", "a")], 0, "not told to programs: https://a: 403"),
        (
            [("broken", "unauthorized", "a"), ("broken", "429 Client Error: Too Many", "b")],
            0,
            "2 links tried, 0 of them",
        ),
        ([("timeout", "", "a"), ("ignored", "service unavailable", "b")], 0, "2 links tried, 0 of them broken"),
    ],
)
def test_a_dead_link_is_told_from_a_site_that_lets_no_program_in(tmp_path, capsys, answers, status, said):
    (tmp_path / "linkcheck").mkdir()
    lines = [json.dumps(tried(*answer)) for answer in answers]
    (tmp_path / "linkcheck/output.json").write_text("\n".join(lines) + "\n")
    links = runpy.run_path(str(ROOT / "docs/build.py"))["links"]
    assert links(tmp_path) == status
    assert said in capsys.readouterr().out


def test_nothing_is_loaded_from_elsewhere(site):
    for path in site.glob("**/*.html"):
        page = path.read_text(encoding="utf-8")
        assert 'src="http' not in page
        assert 'rel="stylesheet" type="text/css" href="http' not in page


def test_every_document_is_a_page_with_a_way_on(site):
    documents = [*(ROOT / "docs").glob("**/*.md"), ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"]
    for path in documents:
        page = (site / path.relative_to(ROOT).with_suffix(".html")).read_text(encoding="utf-8")
        assert 'class="prev-page"' in page or 'class="next-page"' in page, path


def test_the_reference_has_every_public_name(site):
    text = "".join(path.read_text(encoding="utf-8") for path in (site / "docs" / "api").glob("*.html"))
    modules = {name for name in mt.__all__ if inspect.ismodule(getattr(mt, name))}
    others = {"float16", "float32", "float64", "int32", "int64", "uint8"}  # NumPy's own
    names = {n for n in mt.__all__ if getattr(getattr(mt, n), "__module__", "numpy").startswith("micrograd_tensor")}
    assert set(mt.__all__) - names <= modules | others | {"e", "pi", "bool", "long", "double", "half", "float", "int"}
    missing = [n for n in names if f'id="micrograd_tensor.{n}"' not in text]
    assert missing == []
    assert "_modules/micrograd_tensor/functional/normalization.html#batch_norm" in text


def pages():
    """The pages that are opened, as addresses below the site: all but the listings of source code."""
    build = runpy.run_path(str(ROOT / "docs" / "build.py"))
    found = [str(place.with_suffix(".html")) for place, _ in build["sources"]() if place.suffix in (".md", ".rst")]
    return [*found, "index.html", "search.html"]


EVERY_KIND = ["README.html", "docs/kinks.html", "docs/api/errors.html", "search.html"]
"""Pages that have every kind of text among them, whose contrast takes long to measure."""


def opened(browser, addresses, width, scheme, contrast=False):
    """What each page says on the console, fails to load, has for axe to find, or shows beyond the window's edge."""
    context = browser.new_context(bypass_csp=True, color_scheme=scheme, viewport={"width": width, "height": 900})
    page, said, found = context.new_page(), [], {}
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("requestfailed", lambda request: said.append(request.url))
    axe = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
    rules = f"{{'color-contrast': {{enabled: {str(contrast).lower()}}}}}"
    for address in addresses:
        said.clear()
        page.goto(address)
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            said.append("wider than the window")
        page.evaluate(axe)
        by = page.evaluate(f"axe.run({{preload: false, iframes: false, resultTypes: ['violations'], rules: {rules}}})")
        assert by["passes"]
        found[address] = said + [f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in by["violations"]]
    context.close()
    return {address: what for address, what in found.items() if what}


@pytest.mark.parametrize("width", OPENED)
def test_every_page_can_be_read_by_everybody(site, browser, width):
    assert opened(browser, [(site / name).as_uri() for name in pages()], width, OPENED[width]) == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out(site, browser, scheme):
    addresses = [(site / name).as_uri() for name in EVERY_KIND]
    assert opened(browser, addresses, 1366, scheme, contrast=True) == {}


def test_what_is_planted_on_a_page_is_found(tmp_path, browser):
    path = tmp_path / "page.html"
    path.write_text(
        '<html lang="en"><title>A page</title><main><h1>A page</h1><img src="gone.png">'
        "<p style='width: 2000px; color: #999'>wide</p></main><script>console.log('said')</script></html>"
    )
    [found] = opened(browser, [path.as_uri()], 390, "light", contrast=True).values()
    assert any(one.startswith("color-contrast") for one in found)
    assert {"said", "wider than the window"} <= set(found)
    assert any(one.startswith("image-alt") for one in found)
    assert any(one.endswith("gone.png") for one in found)


def test_the_search_finds(site, page):
    page.goto((site / "search.html").as_uri() + "?q=upstream+gradient")
    page.wait_for_selector("#search-results li a")
    assert page.locator("#search-results li").count() > 0
