"""Least squares: the weights with which arrays add up to another one, up to rounding."""

from __future__ import annotations

from typing import Any

import numpy as np

from .derivation import Array

ILL_CONDITIONED = 1e-5
"""Columns whose smallest singular value, as a part of the largest, is below this cannot be told apart."""

SAMPLE = 2048
"""How many rows are tried first: where these cannot be fitted, all of them cannot either."""


def solve(rows: Array, wanted: Array, slack: Array, margin: float = 32.0) -> tuple[Array | None, Any]:
    """Weights for the columns of each of several systems of equations.

    Args:
        rows: systems × equations × columns.
        wanted: systems × equations.
        slack: the tolerance of each equation.
        margin: how many tolerances an equation may be off by.

    Returns:
        Systems × columns, or None where there are no such weights or the columns do not determine them; and in that
        last case which two columns are the most alike, else None.

    >>> columns = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    >>> solve(columns[None], np.array([[2.0, 5.0, 3.0]]), np.full((1, 3), 1e-12))[0].round(9).tolist()
    [[2.0, 3.0]]
    >>> solve(columns[None], np.array([[2.0, 5.0, 4.0]]), np.full((1, 3), 1e-12))
    (None, None)
    """
    if rows.shape[1] < rows.shape[2]:
        return None, None
    if rows.shape[1] > 2 * SAMPLE:
        some = slice(None, None, rows.shape[1] // SAMPLE)
        few = rows[:, some]
        # The best weights for a part leave less of it, in the sum of squares, than those for the whole do.
        found, alike = solve(few, wanted[:, some], slack[:, some], margin * few.shape[1] ** 0.5)
        if found is None and alike is None:
            return None, None
    with np.errstate(all="ignore"):
        scale = 1.0 / np.maximum(slack, np.finfo(np.float64).tiny ** 0.5)
        scale = scale / scale.max(axis=1, keepdims=True)
        a, b = rows * scale[..., None], wanted * scale
        size = np.sqrt((a * a).sum(axis=1, keepdims=True))
        a = a / size
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return None, None
    u, singular, vt = np.linalg.svd(a, full_matrices=False)
    if singular[:, -1].min() < ILL_CONDITIONED * singular[:, 0].max():
        likeness = np.abs(np.einsum("sij,sik->sjk", a, a)).max(axis=0)
        np.fill_diagonal(likeness, 0.0)
        i, j = np.unravel_index(int(np.argmax(likeness)), likeness.shape)
        return None, (int(i), int(j))
    weights = np.einsum("skj,sk->sj", vt, np.einsum("sik,si->sk", u, b) / singular) / size[:, 0, :]
    left = np.abs(np.einsum("sij,sj->si", rows, weights) - wanted)
    return (weights, None) if np.all(left <= margin * slack) else (None, None)


def one_alone(rows: Array, wanted: Array, slack: Array, margin: float = 32.0) -> Array | None:
    """Weights as `solve` finds them of which all but those of one column are 1, or None if not just one has such.

    Columns that are too much alike to tell the weights of both may still show this.

    >>> columns = np.array([[1.0, 1.0], [1.0, 1.0], [1.0, 1.0 + 1e-7]])
    >>> wanted = columns @ [1.0, 3.0]
    >>> one_alone(columns[None], wanted[None], np.full((1, 3), 1e-12)).round(9).tolist()
    [[1.0, 3.0]]
    """
    rest, found = wanted - rows.sum(axis=2), []
    for k in range(rows.shape[2]):
        column = rows[..., k]
        with np.errstate(all="ignore"):
            more = (rest * column).sum(axis=1) / (column * column).sum(axis=1)
        if np.all(np.abs(rest - more[:, None] * column) <= margin * slack):
            weights = np.ones((rows.shape[0], rows.shape[2]))
            weights[:, k] += more
            found.append(weights)
    return found[0] if len(found) == 1 else None
