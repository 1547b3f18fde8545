"""Status: what a verdict on a gradient is called, its sign and colour, and whether it counts as right."""

from __future__ import annotations

from enum import StrEnum

COLOURS: dict[str, tuple[str, str]] = {
    "ink": ("#1b1f24", "#e6edf3"),
    "background": ("#ffffff", "#0f1419"),
    "muted": ("#57606a", "#9aa7b4"),
    "right": ("#1a7f37", "#3fb950"),
    "follows": ("#0b6bcb", "#6cb6ff"),
    "wrong": ("#c01c28", "#ff7b72"),
    "note": ("#9a6700", "#d29922"),
}
"""The colours of verdicts and of their page, by role: on light pages and on dark ones."""


class Status(StrEnum):
    """The verdict on one gradient, or on one forward value; a string, which is its text.

    Attributes:
        sign: one character that distinguishes it where there is no colour.
        role: the colour that it is shown in, a key of `COLOURS`.
        counts_as_right: whether a report in which it occurs may still be right.
        meaning: what it says, in a sentence.

    >>> Status("harmless").sign, Status.WRONG == "wrong here", f"{Status.RIGHT}"
    ('○', True, 'right')
    """

    sign: str
    role: str
    counts_as_right: bool
    meaning: str

    def __new__(cls, text: str, sign: str, role: str, counts_as_right: bool, meaning: str) -> Status:
        """A member whose value is its text."""
        made = str.__new__(cls, text)
        made._value_, made.sign, made.role = text, sign, role
        made.counts_as_right, made.meaning = counts_as_right, meaning
        return made

    # fmt: off
    RIGHT = (
        "right", "✓", "right", True,
        "equal to the recorded gradient.",
    )
    RIGHT_GIVEN = (
        "right given upstream", "→", "follows", True,
        "it follows from your own earlier gradients, one of which is wrong; nothing to change here.",
    )
    WRONG = (
        "wrong here", "✗", "wrong", False,
        "it does not follow from your own earlier gradients.",
    )
    WRONG_SHAPE = (
        "right values, wrong shape", "!", "note", True,
        "the numbers are right, but the array has another shape; counted as right.",
    )
    HARMLESS = (
        "harmless", "○", "note", True,
        "it differs, but no input's gradient depends on that; counted as right.",
    )
    ANOTHER = (
        "another array", "≡", "note", True,
        "it is not the gradient of the tensor of this name, and need not be: what is returned is judged.",
    )
    NOT_JUDGED = (
        "not judged", "?", "note", True,
        "what it would be compared with is not finite; the report is not ok.",
    )
    NOT_GIVEN = (
        "not given", "·", "muted", True,
        "there is no array of this name; the later stages were judged from the right one.",
    )
    # fmt: on
