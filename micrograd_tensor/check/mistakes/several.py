"""Several: how a sentence names a few things one by one, and many, as loops make them, by what they have in common."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from .constants import digits

MAX_NAMED = 3
"""More things than this are not named one by one."""

_PLACES = re.compile(r"\[[\d:, ]+\]| \(\d+\)$")
"""What differs between the names of things that a loop makes: indices, and the numbers that tell equal names apart."""

_AGAIN = re.compile(", (?=through )")


def many(names: Sequence[str], every: Sequence[str], what: str) -> str:
    """Of many things how many they are, and what they are called but for their indices; "" for a few.

    Args:
        names: of the things.
        every: the names of all things of this sort.
        what: what they are.

    >>> many(["x[0]", "x[2]"], ["x[0]", "x[1]", "x[2]"], "terms")
    ''
    >>> many([f"x[{i}]" for i in range(5)], ["b", *(f"x[{i}]" for i in range(7))], "terms")
    '5 of the 7 terms x[…]'
    >>> many(["a", "b", "c", "d"], ["a", "b", "c", "d"], "terms")
    'all 4 terms'
    """
    if len(names) <= MAX_NAMED:
        return ""
    kinds = {_kind(name) for name in names}
    among = [name for name in every if len(kinds) > 1 or _kind(name) in kinds]
    count = f"all {len(among)} {what}" if len(names) == len(among) else f"{len(names)} of the {len(among)} {what}"
    if len(kinds) == 1:
        return f"{count} {kinds.pop()}"
    return count if len(names) == len(among) else f"{count}, such as {names[0]},"


def _kind(name: str) -> str:
    """A name without what differs from iteration to iteration, and without what it then says again."""
    said = _PLACES.sub(lambda found: "[…]" if found[0][0] == "[" else "", name)
    return ", ".join(dict.fromkeys(_AGAIN.split(said)))


def between(values: Collection[float]) -> str:
    """From where to where some numbers are.

    >>> between([0.7, 0.5, 1.1])
    '0.5 to 1.1'
    """
    return f"{digits(min(values))} to {digits(max(values))}"
