"""Stack: how far apart rows are: as near as what is in them allows, where it stands, rather than where it is widest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import numpy as np

ROW_GAP = 8.0
"""The least distance of two things above each other."""

COLUMN = 4.0
"""How wide the columns are in which it is noted how far down they are filled."""


class Block(NamedTuple):
    """Something in a row: its middle, half its width, and how far it reaches above and below the row's centre line."""

    x: float
    half: float
    above: float
    below: float


def stacked(
    blocks: Mapping[tuple[int, int], Sequence[Block]], top: float, between: float
) -> tuple[dict[tuple[int, int], float], float]:
    """The centre line of every row, by strip and row, and where the last of them ends.

    Nothing in a row reaches beyond the centre line of the next one, so what runs from row to row meets nothing else.

    Args:
        blocks: what is in each row, by strip and row.
        top: where the first strip begins.
        between: the distance of two strips.

    >>> rows = {(0, 0): [Block(0, 5, 10, 30)], (0, 1): [Block(50, 5, 10, 10)], (0, 2): [Block(0, 5, 10, 10)]}
    >>> stacked(rows, 0.0, 20.0)
    ({(0, 0): 10.0, (0, 1): 48.0, (0, 2): 66.0}, 76.0)
    """
    ys: dict[tuple[int, int], float] = {}
    bottom = top - between
    for _, strip in groupby(sorted(blocks), key=itemgetter(0)):
        keys = [*strip]
        line = least = begin = bottom + between
        right = max(block.x + block.half for key in keys for block in blocks[key])
        filled = np.full(math.ceil(right / COLUMN) + 1, begin)
        for key in keys:
            row = [(block, filled[_columns(block)]) for block in blocks[key]]
            near = (float(there.max()) + block.above for block, there in row)
            ys[key] = line = max(least, line + max(block.above for block, _ in row), *near)
            for block, there in row:
                np.maximum(there, line + block.below + ROW_GAP, out=there)
            below = line + max(block.below for block, _ in row)
            least, bottom = below + ROW_GAP, max(bottom, below)
    return ys, bottom


def _columns(block: Block) -> slice:
    """The columns that a block stands in."""
    first = max(int((block.x - block.half) // COLUMN), 0)
    return slice(first, max(int((block.x + block.half) // COLUMN), first) + 1)
