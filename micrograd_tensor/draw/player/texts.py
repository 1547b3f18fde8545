"""Texts: how the contents of the player are written for its page."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

NUMBERS = ("no", "one", "two", "three", "four", "five", "six")


def as_json(made: Any) -> str:
    """Data as text that can stand in a script element of a page: nothing in it can end that.

    >>> as_json({"name": "</script>"})
    '{"name":"\\\\u003c/script>"}'
    """
    text = json.dumps(made, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    text = text.encode(errors="replace").decode()  # half a surrogate pair is not text
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def tree(markup: str) -> Any:
    """MathML as nested lists, from which the page makes elements without ever reading markup.

    >>> tree("<mrow><mi>x</mi><mn>2</mn></mrow>")
    ['mrow', ['mi', 'x'], ['mn', '2']]
    """

    def read(element: ElementTree.Element) -> list[Any]:
        return [element.tag, *([element.text] if element.text else map(read, element))]

    return read(ElementTree.fromstring(markup))  # noqa: S314 -- this package wrote it just now


def first_sentence(documentation: str | None) -> str:
    """The first sentence of an op's docstring: what it computes, and its local gradient.

    >>> first_sentence("Negative ``−x``; local gradient −1. Any shape.")
    'Negative −x; local gradient −1.'
    """
    paragraph = " ".join((documentation or "").split("\n\n")[0].split()).replace("`", "")
    return f"{paragraph.split('. ')[0].removesuffix('.')}." if paragraph else ""


def counted(n: int, what: str, several: str = "") -> str:
    """A number of things in words.

    >>> counted(1, "leaf", "leaves"), counted(2, "leaf", "leaves"), counted(10, "gate")
    ('one leaf', 'two leaves', '10 gates')
    """
    return f"{NUMBERS[n] if n < len(NUMBERS) else n} {what if n == 1 else several or f'{what}s'}"
