"""Route: the lanes of a wire, as axis-parallel lines with rounded corners."""

from __future__ import annotations

import math
from itertools import pairwise

from .layout import LANE
from .scene import Item, Wire

Point = tuple[float, float]

HEAD = 8.0
"""Length of an arrow head."""

RADIUS = 12.0
"""The radius of a corner's centre line; the inner lane turns more sharply than the outer, so they stay parallel."""

_CIRCLE = 0.5523
"""How far along its tangents the control points of a quarter circle lie."""


def lanes(wire: Wire) -> tuple[str, str | None]:
    """The forward and the backward lane of a wire in Graphviz's notation for splines.

    The backward lane runs below or outside the forward one; a wire without it runs on the centre line.
    """
    line = _centre_line(wire)
    # A fork gets no arrow head from the value that continues through it.
    head = not wire.target.is_fork
    if wire.backward is None:
        return _lane(line, 0.0, wire.source, wire.target, head), None
    back = _lane(line[::-1], LANE, wire.target, wire.source, head=True)
    return _lane(line, LANE, wire.source, wire.target, head), back


def spline(points: list[Point], head: bool, offset: float = 0.0) -> str:
    """Graphviz's notation for a line with rounded corners, y upwards, whose arrow head ends at the last point.

    >>> spline([(0.0, 0.0), (38.0, 0.0)], head=True)
    'e,38.00,-0.00 0.00,-0.00 10.00,-0.00 20.00,-0.00 30.00,-0.00'
    """
    tip = points[-1]
    if not head:
        return _listed(_rounded(points, offset))
    neck = _towards(tip, points[-2], HEAD)
    return f"e,{_listed([tip])} {_listed(_rounded([*points[:-1], neck], offset))}"


def _listed(points: list[Point]) -> str:
    return " ".join([f"{x:.2f},{-y:.2f}" for x, y in points])


def _centre_line(wire: Wire) -> list[Point]:
    a, b = wire.source, wire.target
    points = [(a.x + (wire.leaves or 0.0), a.y)]
    if wire.leaves is not None:
        points.append((points[0][0], wire.y))
    end = b.x + (wire.arrives or 0.0)
    if wire.arrives is not None:
        points.append((end, wire.y))
    return [*points, (end, b.y)]


def _lane(line: list[Point], offset: float, start: Item, end: Item, head: bool) -> str:
    """A lane to the left of a line, from the border of one item to that of the other."""
    points = _moved(line, offset)
    first, last = points[0], points[-1]
    points[0] = _at_border(start, first, points[1], 0.8)
    points[-1] = _at_border(end, last, points[-2], 1.6 if head else 0.0)
    return spline(points, head, offset)


def _moved(line: list[Point], offset: float) -> list[Point]:
    """An axis-parallel line, moved to its left."""
    if not offset:
        return list(line)
    normals = [_left(p, q) for p, q in pairwise(line)]
    moved = []
    for (x, y), one, other in zip(line, [normals[0], *normals], [*normals, normals[-1]], strict=True):
        # At a corner the two normals are perpendicular, so moving along both lands on both moved segments.
        across = (one[0] + other[0], one[1] + other[1]) if one != other else one
        moved.append((x + offset * across[0], y + offset * across[1]))
    return moved


def _left(p: Point, q: Point) -> Point:
    (x, y), length = (q[0] - p[0], q[1] - p[1]), math.dist(p, q)
    return y / length, -x / length


def _towards(p: Point, q: Point, distance: float) -> Point:
    part = distance / math.dist(p, q)
    return p[0] + (q[0] - p[0]) * part, p[1] + (q[1] - p[1]) * part


def _at_border(item: Item, inside: Point, outside: Point, gap: float) -> Point:
    """Where an axis-parallel line from within an item leaves it, and a little further."""
    dx, dy = abs(inside[0] - item.x), abs(inside[1] - item.y)
    horizontal = inside[1] == outside[1]
    if item.width == item.height and not item.is_box:
        radius = item.width / 2
        reach = math.sqrt(max(radius**2 - (dy if horizontal else dx) ** 2, 0.0))
    else:
        reach = item.width / 2 if horizontal else item.height / 2
    centre = (item.x, inside[1]) if horizontal else (inside[0], item.y)
    return _towards(centre, outside, reach + gap)


def _rounded(points: list[Point], offset: float) -> list[Point]:
    """The control points of a line through these points with its corners rounded."""
    curve = [points[0]]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        turns_left = (corner[0] - before[0]) * (after[1] - corner[1]) < (corner[1] - before[1]) * (after[0] - corner[0])
        radius = RADIUS - offset if turns_left else RADIUS + offset
        start, end = _towards(corner, before, radius), _towards(corner, after, radius)
        curve += _straight(curve[-1], start)
        curve += [_towards(start, corner, radius * _CIRCLE), _towards(end, corner, radius * _CIRCLE), end]
    return curve + _straight(curve[-1], points[-1])


def _straight(p: Point, q: Point) -> list[Point]:
    third = (q[0] - p[0]) / 3, (q[1] - p[1]) / 3
    return [(p[0] + third[0], p[1] + third[1]), (q[0] - third[0], q[1] - third[1]), q]
