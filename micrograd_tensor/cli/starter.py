"""Starters: files to begin a derivation with, which have the forward pass and a blank for every gradient.

A file in the folder ``starters`` has the inputs, the forward pass, and above some of its stages a hint. The blanks,
their shapes and order, and the values that the backward pass needs follow from the recorded graph.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import fill

from ..graph import Graph, Node
from ..graph.cut import needed
from ..notation import formula
from ..notation.printable import listed
from .exercise import read
from .user_file import user_file

FOLDER = Path(__file__).parent / "starters"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))

_HINT = re.compile(r'^((?:    # .*\n)+)(?=    .*\.named\("(\w+)"\))', re.MULTILINE)
"""The comment lines right above a stage of the forward pass."""


def starter(name: str, file: str) -> str:
    """The text of a starter, to be written to a file of this name."""
    path = FOLDER / f"{name}.py"
    source = path.read_text(encoding="utf-8").replace(f"check {name}.py", f"check {file}")
    hints = {match[2]: " ".join(match[1].replace("    # ", "").split()) for match in _HINT.finditer(source)}
    with user_file(path) as module:
        graph = read(module, path, seed=0).captured
    before, after = _HINT.sub("", source).rsplit("    return locals()", 1)
    return "\n".join([before.rstrip(), *_lines(graph, hints), f"    return locals(){after}"])


def _lines(graph: Graph, hints: dict[str, str]) -> Iterator[str]:
    """The values from the cache that the rules use, then stage by stage, the last one first, the blanks."""
    used = {x for node in graph.backward for x in node.inputs if x.name is not None}
    yield from (f'    {x.name} = cache["{x.name}"]' for x in graph.nodes if x in used)
    stages = [node for node in graph.nodes if node.requires_grad and node.name is not None]
    takes = {node: _takes(node, stages) for node in stages if not node.is_leaf}
    for node in reversed(takes):
        users = {x: [user.name or "" for user in takes if x in takes[user]] for x in takes[node]}
        blanks = [x for x in takes[node] if users[x][0] == node.name]
        said = [f"{node.name} = {formula(node)}.", hints.get(node.name or "", "")]
        said += [f"{x.name} gets more below." for x in takes[node] if x not in blanks]
        for x in blanks:
            if len(users[x]) > 1:
                said.append(f"{x.name} is used in {listed(users[x])}: {len(users[x])} gradients arrive here.")
        if blanks:
            yield ""
            yield fill(" ".join(filter(None, said)), 118, initial_indent="    # ", subsequent_indent="    # ")
            yield from (f"    d{x.name} = None  # {x.shape} gradient of {x.name}" for x in blanks)


def _takes(node: Node, stages: list[Node]) -> list[Node]:
    """The stages that a stage is computed from, those nearest to the output first."""
    others = [x for x in stages if x is not node]
    inner = needed([node], others)
    return [x for x in reversed(others) if any(x in part.inputs for part in inner)]
