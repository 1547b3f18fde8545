"""Upstream gradients that a backward pass is meant for, where it is not linear in them.

It may limit how large gradients are, as ``np.clip(dW, -5, 5, out=dW)`` does, or leave a loop at the first number of the
upstream gradient that is not 0.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..check.running import Run, python_function
from ..check.syntax import text_of
from .judged_again import Judged
from .judging import judge, not_right
from .task import Task
from .unusable import UnusableError

_SMALL = 1e-3
"""So many times as large an upstream gradient is at which no gradient comes to a limit."""
_LIMITS = re.compile(r"clip|norm|max|min")
_OF_LIMITS = "backward limits how large gradients are; of that nothing is judged:"


def at_another_upstream(judged: Judged, path: Path, rtol: float | None) -> Judged | None:
    """What is judged at an upstream gradient that its backward pass is meant for, where less is wrong; else None.

    Where gradients are limited, what is wrong below the limit is told there.
    """
    task = judged[0]
    text = text_of(python_function(task.backward))
    if task.untaken and task.with_weights is not None and _LIMITS.search(text):
        return _with_other_weights(judged, task.with_weights, path, rtol)
    if task.with_upstream is None or len(task.upstreams) != 1:
        return None
    for vary, why in ((made, why) for pattern, made, why in _MEANT if pattern.search(text)):
        with suppress(UnusableError):
            other = replace(task.with_upstream(vary), said=task.said, drawn=task.drawn, excerpt=task.excerpt)
            report, ran = judge(other, path, rtol, why=False, point=False)
            less = not_right(report) < not_right(judged[1])
            same = not_right(report) == not_right(judged[1]) and vary is _smaller and _is_limited(judged, ran)
            if ran.error is None and (less or same):
                report, ran = judge(other, path, rtol)
                return other, replace(report, remarks=(*report.remarks, why)), ran
    return None


def _with_other_weights(
    judged: Judged, with_weights: Callable[[], Task], path: Path, rtol: float | None
) -> Judged | None:
    """What is judged with other weights than those of the file, as a loss has no upstream gradient to make smaller."""
    with suppress(UnusableError):
        task = judged[0]
        other = replace(with_weights(), said=task.said, drawn=task.drawn, excerpt=task.excerpt)
        report, ran = judge(other, path, rtol, why=False, point=False)
        if ran.error is None and not_right(report) < not_right(judged[1]):
            report, ran = judge(other, path, rtol)
            why = f"{_OF_LIMITS} the weights are others than those of the file, so that they come to no limit."
            return other, replace(report, remarks=(*report.remarks, why)), ran
    return None


def _is_limited(judged: Judged, small: Run) -> bool:
    """Whether gradients are not as many times as small for an upstream gradient that is."""
    _, report, ran = judged
    keys = [key for key in report.keys.values() if isinstance(ran.names.get(key), np.ndarray) and key in small.names]
    pairs = [(_SMALL * ran.names[key], np.asarray(small.names[key])) for key in keys]
    return not all(
        x.shape == y.shape and np.allclose(x, y, rtol=1e-6, atol=1e-9 * np.abs(x).max(initial=0.0)) for x, y in pairs
    )


def _smaller(upstream: Any) -> Any:
    return _SMALL * upstream


def _at_one_place(upstream: Any) -> Any:
    """The same at one place, and 0 elsewhere."""
    made, place = np.zeros_like(upstream), upstream.size // 2
    made.flat[place] = upstream.flat[place]
    return made


_MEANT = (
    (
        _LIMITS,
        _smaller,
        f"{_OF_LIMITS} the upstream gradient is {_SMALL:g} times as large as it was drawn, so that they come to no "
        "limit.",
    ),
    (
        re.compile(r"==\s*0(\.0*)?\s*:\s*continue"),
        _at_one_place,
        "backward passes over numbers of the upstream gradient that are 0: it is judged where one alone is not, and of "
        "others nothing is judged.",
    ),
)
"""What tells of an upstream gradient that is meant, how it is made of another one, and what is said of it."""
