"""What the gallery asks to be drawn, so that every other view can be asked of the same graphs."""

from __future__ import annotations

import re

import gallery
import numpy as np
from gallery import GALLERY

import micrograd_tensor as mt
from micrograd_tensor.draw import DrawError, draw

BY_ITSELF = ("backward", "forward", "steps")
"""The views that need nothing but a graph."""


def asked(name):
    """The graph that one of the gallery draws, and the options that it gives beside.

    None where it draws no Tensor, or a part of a graph in lines or boxes, which is there without these too.
    """
    given = []
    kept, gallery.draw = gallery.draw, lambda *args, **options: given.append((args, options))
    try:
        GALLERY[name]()
    finally:
        gallery.draw = kept
    ((args, options),) = given
    if isinstance(args[0], BaseException) or {"width", "depth", "collapse"} & set(options):
        return None
    graph = args[0] if isinstance(args[0], mt.Graph) else mt.graph(*args)
    return graph, {key: value for key, value in options.items() if key in ("detail", "dims")}


ASKED = {name: found for name in GALLERY if (found := asked(name)) is not None}
"""By name: a graph and its options."""


def sensible(view, graph):
    """The options that a view needs, several sets of them, for a graph; none where the view has nothing to show."""
    gates = [node for node in graph.nodes if node.op]
    if view in BY_ITSELF:
        possible = {"backward": bool(graph.gradients), "steps": bool(gates)}.get(view, True)
        return [{}] if possible else []
    if view == "gate":
        some = [*gates[:: max(1, len(gates) // 2)][:3], *(node for node in graph.nodes if node.is_leaf)][:5]
        return [{"at": node} for node in some]
    if view == "path":
        leaves = [node for node in graph.nodes if node.is_leaf and graph.users[node]]
        middle = gates[len(gates) // 2 : len(gates) // 2 + 1]
        starts = [node for node in [*leaves[:2], *middle] if node not in graph.outputs]
        return [{"at": node} for node in starts]
    if view == "difference":
        return [{"against": graph}, {"against": mt.graph(mt.tensor(np.ones(3), name="x", requires_grad=True) * 2.0)}]
    raise AssertionError(view)


def drawn(name, view):
    """Every picture of one of the gallery's graphs in a view."""
    graph, options = ASKED[name]
    for more in sensible(view, graph):
        yield draw(graph, view=view, **options, **more)


def pictures(view):
    """Every picture in a view, with a name."""
    for name in ASKED:
        for k, circuit in enumerate(drawn(name, view)):
            yield f"{name}-{k}", circuit


def refused(name, **options):
    """What is said when a picture of one of the gallery's graphs is refused."""
    graph, given = ASKED[name]
    try:
        draw(graph, **{**given, **options})
    except DrawError as error:
        return str(error)
    raise AssertionError("it was drawn")


_SAID = re.compile(r"^(?:(?P<shape>\([\w, ]+\))(?:  (?P<numbers>.*))?|(?P<number>[^(]*))$")
_LENGTHS = {"N": 7, "D": 4}
"""What the axes of batch normalization are called."""


def check_said(text, array):
    """That a text such as ``(7, 4)  −2.10…2.73`` is true of an array; returns whether it said any numbers."""
    found = _SAID.match(text)
    assert found, text
    shape = tuple(_LENGTHS.get(n.strip()) or int(n) for n in (found["shape"] or "").strip("()").split(",") if n.strip())
    assert shape == array.shape, text
    numbers = found["numbers"] or found["number"]
    if not numbers or numbers == "empty" or "NaN" in numbers:
        assert not numbers or (numbers == "empty") == (array.size == 0), text
        return False
    if numbers == "≈ 0":
        assert np.all(np.abs(array) < 1e-12), text
        return True
    said = [float(part.replace("−", "-").replace("∞", "inf").replace("True", "1").replace("False", "0")) for part in
            numbers.split("…")]  # fmt: skip
    for mine, real in ((said[0], array.min()), (said[-1], array.max())):
        assert np.isclose(mine, float(real), rtol=0.06 if abs(mine) < 0.005 or abs(mine) >= 1e5 else 0, atol=0.0051), (
            text
        )
    return True
