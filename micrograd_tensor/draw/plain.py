"""Plain: a scene as DOT that `dot` itself lays out, as users of Graphviz know it, to go on from there.

Gates are nodes, and both passes are edges: forward solid, backward dashed and red. Scopes are clusters. Nothing has a
place, and a text is as wide as the fonts of the machine make it.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

from ..engine.recording import Scope
from ..notation import printable
from .canvas import Painting, Part, escaped, statement
from .collapse import named
from .line_styles import LINE_STYLES
from .paint import box_style
from .scene import NAME, VALUE, Item, Scene
from .svg import document
from .theme import BOLD, FONT, LIGHT

_NAMESPACE = "{http://www.w3.org/2000/svg}"


def plain(scene: Scene) -> Painting:
    """The DOT of a scene without places."""
    titles = {item.id: item.title for item in scene.items}
    for wire in scene.wires:
        titles[wire.forward] = wire.title[0]
        if wire.backward:
            titles[wire.backward] = wire.title[1]
    graph = {"rankdir": "LR", "id": "circuit", "bgcolor": LIGHT["background"], "fontname": BOLD, "nodesep": "0.35"}
    text = {"fontname": FONT, "fontsize": f"{VALUE:g}"}
    parts = [Part("graph", graph), Part("node", {**text, "fontcolor": LIGHT["ink"]}), Part("edge", text)]
    return Painting(scene, 0.0, 0.0, [*parts, *_cluster(scene), *_edges(scene)], titles=titles, placed=False)


def _cluster(scene: Scene, around: tuple[Scope, ...] = ()) -> Iterator[str]:
    """The items in a scope, and in the scopes within it."""
    inner: dict[tuple[Scope, ...], None] = {}
    for item in scene.items:
        scopes = tuple(named(item.scope))
        if scopes == around:
            yield _node(item)
        elif scopes[: len(around)] == around:
            inner[scopes[: len(around) + 1]] = None
    for k, scopes in enumerate(inner):
        name = escaped(scene.scopes.get(scopes[-1], printable(scopes[-1].name)))
        look = {"label": name, "color": LIGHT["scope-line"], "fontcolor": LIGHT["muted"], "style": "rounded"}
        look["fontsize"] = f"{NAME:g}"
        first = next(item.id for item in scene.items if tuple(named(item.scope))[: len(scopes)] == scopes)
        yield f'\tsubgraph "cluster-{len(scopes)}-{k}-{first}" {{\n{statement("graph", **look)}'
        yield from _cluster(scene, scopes)
        yield "\t}\n"


def _node(item: Item) -> str:
    if item.is_box:
        look = {"shape": "box", "label": escaped(*item.lines), "class": item.kind, **box_style(item.fill or item.kind)}
        return statement(f'"{item.id}"', id=item.id, **look)
    look = {"shape": "circle", "style": "filled", "fillcolor": LIGHT["gate"], "color": LIGHT["ink"]}
    if item.kind != "gate":
        colour = LIGHT["backward" if item.kind == "fork" else "ink"]
        look |= {"shape": "point", "width": "0.12", "fillcolor": colour, "color": colour}
        return statement(f'"{item.id}"', id=item.id, **look, **{"class": item.kind})
    symbol = item.lines[0] if item.lines else ""
    look |= {"label": escaped(symbol), "xlabel": escaped(item.caption)}
    if item.style:
        look |= {"color": LIGHT[LINE_STYLES[item.style].colour], "penwidth": "3"}
    return statement(f'"{item.id}"', id=item.id, **look, **{"class": f"gate op-{item.op.name}" if item.op else "gate"})


def _edges(scene: Scene) -> Iterator[str]:
    for wire in scene.wires:
        forward, back = (LINE_STYLES[style] for style in wire.styles)
        label = escaped(*filter(None, (wire.name, wire.value)))
        ends = f'"{wire.source.id}" -> "{wire.target.id}"'
        yield statement(ends, id=wire.forward, label=label, fontcolor=LIGHT[forward.value], **forward.line)
        if wire.backward:
            label = escaped(*filter(None, (*wire.rule, wire.gradient)))
            ends = f'"{wire.target.id}" -> "{wire.source.id}"'
            look = {"label": label, "fontcolor": LIGHT[back.colour], "constraint": "false", **back.line}
            yield statement(ends, id=wire.backward, **look)


def finish_plain(painted: bytes, painting: Painting, title: str, description: str, theme: str = "auto") -> str:
    """The final SVG text of Graphviz's output, with the texts where Graphviz put them."""
    root = ElementTree.fromstring(painted)  # noqa: S314 -- Graphviz wrote it just now
    for element in root.iter():
        element.tag = element.tag.removeprefix(_NAMESPACE)
        element.attrib.pop("font-family", None)  # the style sheet says it
    circuit = root.find("g")
    assert circuit is not None  # noqa: S101 -- Graphviz wraps every graph in one group
    for group in circuit.iter("g"):
        for old in group.findall("title"):
            group.remove(old)
        if text := painting.titles.get(group.get("id", "")):
            element = ElementTree.Element("title")
            element.text = text
            group.insert(0, element)
            group.set("role", "img")
    painting.width, painting.height = (float(side) for side in root.attrib["viewBox"].split()[2:])
    contents = "".join(ElementTree.tostring(element, encoding="unicode") for element in root)
    return document(painting, contents, title, description, theme)
