"""Draw the two pictures of docs/architecture.md: python docs/architecture.py.

The floors are read off the imports of the package's modules. `WALK` tells where ``x`` goes from ``mt.batch_norm`` to
the SVG file; the page has the same steps in a table, and a test compares both with a run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from html import escape
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

from graphviz import Digraph
from pygraphviz import AGraph

import micrograd_tensor as mt
from micrograd_tensor.draw.metrics import text_width
from micrograd_tensor.draw.theme import FONT, LIGHT, style_sheet

PACKAGE = Path(mt.__file__).parent

FLOORS = (
    {"cli": "the command"},
    {
        "training": "runs to stop and resume",
        "draw": "circuits and player",
        "check": "is it right, and why not",
        "derive": "the derivation on paper",
        "compile": "programs made from graphs",
    },
    {
        "nn": "layers",
        "optim": "optimizers",
        "data": "batches",
        "saving": "files",
        "notation": "math and NumPy in print",
    },
    {"functional": "compositions of ops", "algebra": "terms, rewritten with proofs"},
    {"graph": "what was recorded, immutable"},
    {"engine": "Tensor, the table of ops, the backward walk"},
)
"""The folders from the top floor to the ground, and in a few words what each is for."""

WALK = (
    ("functional/normalization", "batch_norm", "composes ten ops in the scope batch_norm"),
    ("engine/primitive", "call", "runs NumPy, and records the result with its op and operands"),
    ("draw", "draw", "reads the options"),
    ("draw/circuit", "circuit_of", "captures the graph and chooses the view"),
    ("graph/capture", "graph", "makes nodes of the record, and records the backward pass"),
    ("engine/walk", "pull", "goes from the output back to x, one rule for each edge"),
    ("draw/views/overlay", "overlay", "shows both passes in one picture"),
    ("draw/collapse", "collapse", "decides which scopes become boxes"),
    ("draw/build", "scene", "lists gates, leaves and wires, and what is written at them"),
    ("notation/unicode", "formula", "prints a value as a formula"),
    ("draw/wrap", "lay_out", "gives everything its place, in lines as wide as the page"),
    ("draw/paint", "paint", "routes the wires, and writes all of it as DOT"),
    ("draw/circuit", "Circuit.save", "chooses the format by the suffix"),
    ("draw/render", "render", "has Graphviz paint the DOT"),
    ("draw/svg", "finish", "makes it follow light and dark pages"),
    ("engine/files", "atomic_write", "writes the file, completely or not at all"),
)
"""The functions that ``x`` passes, in the order in which they are first called: module, function, what it does."""

FILLS = {"functional": "param", "engine": "data", "graph": "fork", "notation": "constant", "draw": "gate"}
"""The folders of the walk, in the order of its columns, and their colours by the roles of the circuits' theme."""


def imports() -> dict[str, set[str]]:
    """The folders that each folder's modules import, anywhere in their text."""
    found: dict[str, set[str]] = {folder: set() for row in FLOORS for folder in row}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] in found:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.level == len(parts):
                    names = [node.module.split(".")[0]] if node.module else [name.name for name in node.names]
                    found[parts[0]] |= {name for name in names if name in found}
    return found


def essential(arrows: Mapping[str, set[str]]) -> Iterator[tuple[str, str]]:
    """The arrows that no path over other arrows replaces."""

    def reached(folder: str) -> set[str]:
        return arrows[folder].union(*map(reached, arrows[folder]))

    for folder, others in arrows.items():
        for other in sorted(others):
            if not any(other in reached(between) for between in others - {other}):
                yield folder, other


def picture(**settings: str) -> Digraph:
    """An empty picture in the style of the circuits."""
    text = {"fontname": FONT, "fontcolor": LIGHT["ink"], "color": LIGHT["muted"]}
    nodes = {"shape": "box", "style": "filled,rounded", "fontsize": "13", "fillcolor": LIGHT["gate"], **text}
    return Digraph(
        graph_attr={"bgcolor": "transparent", **settings}, node_attr=nodes, edge_attr={"arrowsize": "0.7", **text}
    )


def box(made: Digraph, name: str, title: str, text: str, **settings: str) -> None:
    """Add a box with a title and a smaller line below it, as wide as the wider of them."""
    width = max(text_width(title, 13, True), text_width(text, 10.5)) / 72 + 0.25
    label = f'<<b>{escape(title)}</b><br/><font point-size="10.5">{escape(text)}</font>>'
    made.node(name, label, width=f"{width:.2f}", height="0.5", fixedsize="true", **settings)


def floors() -> Digraph:
    """The folders, each above those that it imports."""
    made = picture(ranksep="0.4", nodesep="0.15")
    for row in FLOORS:
        with made.subgraph(graph_attr={"rank": "same"}) as floor:
            for folder, role in row.items():
                box(floor, folder, folder, role, fillcolor=LIGHT[FILLS.get(folder, "gate")])
    made.edges(essential(imports()))
    return made


def walk() -> Digraph:
    """The steps of `WALK` from top to bottom, each in the column of its folder."""
    made = picture()
    columns = {folder: 2 * k for k, folder in enumerate(FILLS)}  # in inches, like all positions
    for folder, x in columns.items():
        made.node(folder, f"<<b>{folder}/</b>>", pos=f"{x},0.6!", shape="plaintext", style="")
    for k, (module, function, _) in enumerate(WALK):
        folder, _, file = module.partition("/")
        place = f"{columns[folder]},{-0.66 * k:g}!"
        box(made, str(k), f"{k + 1}  {function}", f"{file or '__init__'}.py", pos=place, fillcolor=LIGHT[FILLS[folder]])
    for before, after in pairwise(range(len(WALK))):
        made.edge(str(before), str(after), color=LIGHT["backward"], penwidth="1.6")
    return made


def svg(made: Digraph, program: str, title: str) -> str:
    """The SVG text, whose colours follow light and dark pages."""
    painted = AGraph(string=made.source).draw(format="svg", prog=program)
    root = ElementTree.fromstring(painted)  # noqa: S314 -- Graphviz wrote it just now
    for element in root.iter():
        element.tag = element.tag.removeprefix("{http://www.w3.org/2000/svg}")
    box = root.attrib["viewBox"]
    _, _, width, height = box.split()
    root.attrib = {
        "xmlns": "http://www.w3.org/2000/svg",
        "class": "mt",
        "viewBox": box,
        "width": width,
        "height": height,
    }
    root.attrib |= {"role": "img", "aria-label": title}
    style = ElementTree.Element("style")
    style.text = style_sheet()
    ground = {"width": "100%", "height": "100%", "fill": LIGHT["background"]}
    root[:0] = [style, ElementTree.Element("rect", ground)]
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def draw_all(folder: Path) -> None:
    """Write both pictures into a folder."""
    floors_svg = svg(floors(), "dot", "The floors of the package")
    walk_svg = svg(walk(), "neato", "Where x goes from batch_norm to the SVG file")
    (folder / "architecture-floors.svg").write_text(floors_svg, encoding="utf-8")
    (folder / "architecture-walk.svg").write_text(walk_svg, encoding="utf-8")


if __name__ == "__main__":
    draw_all(Path(__file__).parent)
