"""docs/architecture.md is true: its modules exist, its pictures are drawn from the code, its walk is that of a run."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import micrograd_tensor as mt

ROOT = Path(__file__).parents[1]
PACKAGE = Path(mt.__file__).parent
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(ROOT / "docs" / "architecture.py"))


def test_every_module_that_the_page_names_exists():
    named = set(re.findall(r"`((?:\w+/)+\w*(?:\.py)?|\w+\.py)`", PAGE))
    assert len(named) > 20
    places = (ROOT, PACKAGE, PACKAGE / "engine")
    assert [name for name in sorted(named) if not any((place / name).exists() for place in places)] == []


def test_the_table_is_the_walk(script):
    rows = re.findall(r"^\| \d+ \| `([^`]+)` \| `([^`]+)` \| ([^|]+) \|$", PAGE, re.MULTILINE)
    paths = [path.removesuffix(".py").removesuffix("/__init__") for path, _, _ in rows]
    assert [(path, *rest) for path, (_, *rest) in zip(paths, rows, strict=True)] == list(script["WALK"])


def first_calls(run):
    """The package's functions that a run calls, in the order in which they are first called: module and name."""
    found = {}

    def note(frame, event, _):
        file = Path(frame.f_code.co_filename)
        if event == "call" and file.is_relative_to(PACKAGE):
            module = file.relative_to(PACKAGE).with_suffix("").as_posix().removesuffix("/__init__")
            found.setdefault((module, frame.f_code.co_qualname.split("<locals>.")[-1]))

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(before)
    return list(found)


def test_x_takes_that_walk(script, tmp_path):
    rng = np.random.default_rng(0)
    shapes = {"x": (7, 4), "gamma": 4, "beta": 4}
    leaves = [mt.tensor(rng.normal(size=shape), name=name, requires_grad=True) for name, shape in shapes.items()]
    called = first_calls(
        lambda: mt.draw(mt.batch_norm(*leaves), rng.normal(size=(7, 4))).save(tmp_path / "batchnorm.svg")
    )
    steps = [(module, function) for module, function, _ in script["WALK"]]
    assert [step for step in called if step in steps] == steps


def test_the_floors_hold_every_folder(script):
    drawn = {folder for row in script["FLOORS"] for folder in row}
    there = {path.parent.name for path in PACKAGE.glob("*/__init__.py")} | {"data"}
    assert drawn == there


def test_the_row_that_the_page_about_the_engine_shows_is_the_row():
    page = (ROOT / "docs" / "engine.md").read_text(encoding="utf-8")
    shown = [line.strip() for line in page.splitlines() if line.startswith("    @")]
    table = (PACKAGE / "engine" / "table" / "elementwise.py").read_text(encoding="utf-8")
    assert len(shown) == 2
    assert "\n".join([*shown, "def sqrt("]) in table


@pytest.mark.parametrize("name", ["floors", "walk"])
def test_the_pictures_are_those_of_the_code(script, name):
    """All their texts and the number of their arrows: where Graphviz puts these may change with its version."""
    program = {"floors": "dot", "walk": "neato"}[name]
    there = (ROOT / "docs" / f"architecture-{name}.svg").read_text(encoding="utf-8")
    for text in (there, script["svg"](script[name](), program, "")):
        root = ElementTree.fromstring(text)  # noqa: S314 -- our own picture
        titles = sorted("".join(e.itertext()) for e in root.iter("{http://www.w3.org/2000/svg}title"))
        words = sorted("".join(e.itertext()) for e in root.iter("{http://www.w3.org/2000/svg}text"))
        if text is there:
            expected = titles, words
        assert (titles, words) == expected, "run docs/architecture.py"
