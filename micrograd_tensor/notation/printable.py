"""Printable: names of any kind as text on one line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from unicodedata import bidirectional, combining

__all__ = ["ISOLATE", "MAX_NAME", "WHOLE", "counted", "printable", "shorten"]

MAX_NAME = 40
"""The longest name that is shown whole, in characters."""

WHOLE = 1_000_000
"""The limit, in characters, of a text that is shown whole."""

MAX_MARKS = 3
"""The most combining marks that are shown on one character, which a line has room for."""

JOINERS, NO_LETTER, ISOLATE = "\u200c\u200d", "\u25cc", "\u2068\u2069"
"""What joins characters to one sign or keeps them apart; what marks without a letter stand on; around a name of its own
direction."""

_ISOLATED = re.compile(f"{ISOLATE[0]}(.*?){ISOLATE[1]}")


def shorten(text: str, limit: int) -> str:
    """The text, its end replaced by an ellipsis where it is longer than the limit.

    >>> shorten("dev_from_mean", 8)
    'dev_fro…'
    """
    if len(text) <= limit:
        return text
    kept = text[: limit - 1]
    return kept + "…" + ISOLATE[1] * (kept.count(ISOLATE[0]) - kept.count(ISOLATE[1]))


def counted(n: int, what: str, several: str = "") -> str:
    """A number of things.

    >>> counted(1, "leaf", "leaves"), counted(2, "leaf", "leaves"), counted(3, "gate")
    ('1 leaf', '2 leaves', '3 gates')
    """
    return f"{n:,} {what if n == 1 else several or f'{what}s'}"


def listed(names: Sequence[str]) -> str:
    """Names in a sentence.

    >>> listed(["dvar"]), listed(["dvar", "dmean", "dx"])
    ('dvar', 'dvar, dmean and dx')
    """
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


@lru_cache(maxsize=4096)
def printable(name: str) -> str:
    """A name on one line, without control characters, cut where it is too long to be shown.

    One that is written from right to left is isolated, so that it leaves the order of what stands around it alone; and
    of marks that pile up on a character three are kept. What it returns it leaves as it is.

    >>> printable("a\\nb\\x00"), len(printable("x" * 90))
    ('a b\ufffd', 40)
    """
    line = " ".join(_ISOLATED.sub(r"\1", name).split())
    shown: list[str] = []
    marks = 0
    for c in line:
        marks = marks + 1 if combining(c) else 0
        if marks and not shown:
            shown.append(NO_LETTER)
        if marks <= MAX_MARKS:
            shown.append(c if c.isprintable() or c in JOINERS else "\ufffd")
    text = shorten("".join(shown), MAX_NAME)
    return text.join(ISOLATE) if any(bidirectional(c) in ("R", "AL", "AN") for c in text) else text
